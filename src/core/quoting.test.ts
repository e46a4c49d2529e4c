// Which answer of an outside engine counts, and what holds without one: with plain values, no engine anywhere.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { cartWith, done, factsOf, type Given, guestCart, line, NOW, variantOf } from '../../test/facts.ts'
import type { Cart } from './cart.ts'
import { type Pricing, priceCart } from './pricing.ts'
import type { Quotes, ShippingQuote, TaxAmount, TaxAnswer, Wanted } from './quote.ts'
import { methodsFault, taxAnswerFault } from './quoting.ts'
import { newTrace } from './trace.ts'

const HOUR = 3_600_000
const ADDRESS = { name: 'Robin', country: 'US', region: 'NY', city: 'Albany', postalCode: '12084' }
const OWN = { name: 'Own', category: 'standard', percent: '5', included: false }
const POST = { id: 'post', name: 'Post', rates: [{ currency: 'USD', amount: 300 }] }

type Policy = 'block' | 'last' | 'fallback'

const given = (policy: Policy, more: Partial<Given> = {}): Given => ({
  variants: [variantOf('A', 1000), variantOf('B', 333), variantOf('BOOK', 999, { taxCategory: 'books' })],
  settings: {
    tax: { rates: [OWN], provider: 'engine', onProviderFailure: policy },
    shipping: { methods: [POST], provider: 'engine', onProviderFailure: policy },
  },
  ...more,
})

/** A cart with lines named after their skus. */
function cartOf(skus: Readonly<Record<string, number>>, changes: Partial<Cart> = {}): Cart {
  const lines = Object.entries(skus).map(([sku, quantity]) => line(sku, quantity, { id: `ln_${sku}` }))
  return cartWith(factsOf(given('fallback')), lines, guestCart({ shippingAddress: ADDRESS, ...changes }))
}

function priced(cart: Cart, policy: Policy, quotes?: Quotes, now = NOW): Pricing {
  return done(priceCart(cart, factsOf(given(policy, { now, ...(quotes ? { quotes } : {}) }))))
}

function wantedOf(pricing: Pricing, kind: 'tax' | 'shipping'): Wanted {
  return pricing.wanted.find((each) => each.kind === kind) ?? assert.fail(`nothing is wanted of ${kind}`)
}

const taxed = (percent: string, amount: number, included = false): TaxAmount[] => [{ id: 'r', name: 'Tax', percent, amount, included }]
const taxQuotes = (request: string, answer: TaxAnswer, at = NOW): Quotes => ({ tax: { request, answer, at }, shipping: null })
const shippingQuotes = (request: string, answer: readonly ShippingQuote[], at = NOW): Quotes => ({
  tax: null,
  shipping: { request, answer, at },
})

/** The tax answer for a cart at hand: `taxes` by line id. */
function answered(cart: Cart, taxes: Readonly<Record<string, TaxAmount[]>>, at = NOW): Quotes {
  const { text } = wantedOf(priced(cart, 'fallback'), 'tax')
  return taxQuotes(text, { lines: Object.entries(taxes).map(([id, each]) => ({ id, taxes: each })), shipping: [] }, at)
}

const added = ({ cart }: Pricing) => cart.additionalTaxTotal.amount
const included = ({ cart }: Pricing) => cart.includedTaxTotal.amount

describe('which answer counts', () => {
  const cart = cartOf({ A: 2 })
  const quotes = answered(cart, { ln_A: taxed('8', 160) })

  it('the one to exactly this question, and then nothing is wanted', () => {
    const pricing = priced(cart, 'fallback', quotes)
    assert.deepEqual([added(pricing), pricing.wanted.filter(({ kind }) => kind === 'tax')], [160, []])
    assert.deepEqual(pricing.cart.lines[0]?.adjustments[0]?.source, { kind: 'provider', id: 'engine' })
  })

  it('the one of the last hour, and the price says until when it is true', () => {
    const last = priced(cart, 'fallback', quotes, NOW + HOUR - 1)
    assert.deepEqual([added(last), last.freshUntil], [160, NOW + HOUR])
    const after = priced(cart, 'fallback', quotes, NOW + HOUR)
    assert.deepEqual([added(after), wantedOf(after, 'tax').seen, after.cart.pricing > last.cart.pricing], [100, NOW, true])
  })

  it('none of another quantity, place, engine or buyer', () => {
    const elsewhere = { shippingAddress: { ...ADDRESS, city: 'Troy' } }
    for (const other of [cartOf({ A: 3 }), cartOf({ A: 2 }, elsewhere), cartOf({ A: 2 }, { taxExempt: true })])
      assert.equal(wantedOf(priced(other, 'block', quotes), 'tax').seen, NOW)
    const renamed = { ...given('block').settings, tax: { rates: [OWN], provider: 'other', onProviderFailure: 'block' as const } }
    const pricing = done(priceCart(cart, factsOf(given('block', { settings: renamed, quotes }))))
    assert.equal(wantedOf(pricing, 'tax').provider, 'other')
  })

  it('is no matter of names, and of the order of an address', () => {
    const { country, city, region, postalCode } = ADDRESS
    const turned = { postalCode, city, country, region, name: 'Somebody else' }
    assert.equal(added(priced(cartOf({ A: 2 }, { shippingAddress: turned }), 'block', quotes)), 160)
  })

  it('stays with a cart that is over', () => {
    const closed: Cart = { ...cart, state: 'CLOSED' }
    assert.equal(added(priced(closed, 'block', quotes, NOW + 5 * HOUR)), 160)
  })

  it('nothing is wanted where nothing can be owed', () => assert.deepEqual(priced(cartOf({}), 'block').wanted, []))
})

describe('without an answer', () => {
  it('"block" adds no tax and says that it is unknown', () => {
    const { cart } = priced(cartOf({ A: 1 }), 'block')
    assert.deepEqual(
      [cart.additionalTaxTotal.amount, cart.notices.map((each) => [each.code, each.severity])],
      [0, [['tax_unknown', 'error']]],
    )
  })

  it('"last" takes the percentages that the same goods had, else those of their category, rounded by the rule of the shop', () => {
    const before = cartOf({ A: 1, BOOK: 1 })
    const quotes = answered(before, { ln_A: taxed('8.875', 89), ln_BOOK: taxed('2', 20) })
    // 2000 × 8.875 % = 177.5; B is of the category of A: 333 × 8.875 % = 29.55; 999 × 2 % = 19.98.
    assert.equal(added(priced(cartOf({ A: 2, B: 1, BOOK: 1 }), 'last', quotes)), 178 + 30 + 20)
  })

  it('"last" keeps included taxes inside of the amount, several of them together', () => {
    const quotes = answered(cartOf({ A: 1 }), { ln_A: [...taxed('10', 87, true), ...taxed('5', 43, true)] })
    // 2000 = 115 %: 2000 × 10 / 115 = 173.9, 2000 × 5 / 115 = 86.96.
    const pricing = priced(cartOf({ A: 2 }), 'last', quotes)
    assert.deepEqual([included(pricing), added(pricing)], [174 + 87, 0])
  })

  it('"last" never finds more included tax than the amount is', () => {
    const cart = cartOf({ B: 1 })
    const taxes = [...'abcdefg'].flatMap((id) => ({ id, name: id, percent: '100', amount: 41, included: true }))
    const quotes = answered(cart, { ln_B: taxes })
    const cheaper = factsOf({ ...given('last', { quotes }), variants: [variantOf('B', 5)] })
    // Each of the seven is an eighth of 5, which is rounded to 1.
    assert.equal(included(done(priceCart(cart, cheaper))), 5)
  })

  it('"last" owes nothing where nothing was owed, and the own rates for what was not asked about', () => {
    const quotes = answered(cartOf({ BOOK: 1 }), {})
    assert.equal(added(priced(cartOf({ BOOK: 2, A: 1 }), 'last', quotes)), 50)
  })

  it('"last" of another state or buyer is the own rates', () => {
    const quotes = answered(cartOf({ A: 1 }), { ln_A: taxed('8', 80) })
    assert.equal(added(priced(cartOf({ A: 2 }), 'last', quotes)), 160)
    assert.equal(added(priced(cartOf({ A: 2 }, { shippingAddress: { ...ADDRESS, region: 'CA' } }), 'last', quotes)), 100)
    assert.equal(added(priced(cartOf({ A: 2 }, { vatId: 'DE1' }), 'last', quotes)), 100)
  })

  it('shipping that nobody chose is asked for only to be listed', () => {
    const pricing = priced(cartOf({ A: 1 }), 'block')
    assert.deepEqual([wantedOf(pricing, 'shipping').needed, pricing.shippingQuotes], [false, []])
    assert.equal(
      pricing.cart.notices.some((each) => each.code === 'shipping_unknown'),
      false,
    )
  })

  it('the methods that were offered last count for the same place only', () => {
    const cart = cartOf({ A: 1 }, { shippingMethod: 'van' })
    const { text } = wantedOf(priced(cart, 'last'), 'shipping')
    const quotes = shippingQuotes(text, [{ id: 'van', name: 'Van', amount: 700 }])
    const shipping = (changed: Cart, policy: Policy) => priced(changed, policy, quotes).cart.shippingTotal.amount
    assert.deepEqual([shipping(cart, 'block'), shipping(cartOf({ A: 5 }, { shippingMethod: 'van' }), 'last')], [700, 700])
    const troy = cartOf({ A: 1 }, { shippingMethod: 'van', shippingAddress: { ...ADDRESS, city: 'Troy' } })
    assert.deepEqual([shipping(troy, 'last'), shipping(troy, 'block')], [300, 0])
  })
})

describe('an explanation', () => {
  it('says which answer was taken or why none was', () => {
    const cart = cartOf({ A: 2 })
    const quotes = answered(cart, { ln_A: taxed('8', 160) })
    const reasons = (now: number, changed: Cart, known?: Quotes) => {
      const trace = newTrace()
      done(priceCart(changed, factsOf(given('block', { now, ...(known ? { quotes: known } : {}) })), trace))
      return trace.rates
        .filter((each) => each.kind === 'tax' && each.id === 'engine')
        .map(({ chosen, reason, saw }) => [chosen, reason, saw.answeredAt])
    }
    assert.deepEqual(reasons(NOW, cart, quotes), [[true, null, NOW]])
    assert.deepEqual(reasons(NOW + HOUR, cart, quotes), [[false, 'too_old', NOW]])
    assert.deepEqual(reasons(NOW, cartOf({ A: 1 }), quotes), [[false, 'answers_another_question', NOW]])
    assert.deepEqual(reasons(NOW, cart), [[false, 'no_answer', null]])
  })
})

describe('what an engine may say', () => {
  const { request } = wantedOf(priced(cartOf({ A: 1, B: 1 }), 'block'), 'tax') as Wanted & { kind: 'tax' }
  const fault = (lines: TaxAnswer['lines'], shipping: readonly TaxAmount[] = []) => taxAnswerFault({ lines, shipping }, request)

  it('is taxes on lines that were asked about, each once; a line that is missing owes none', () => {
    assert.equal(fault([{ id: 'ln_A', taxes: taxed('8', 80) }]), null)
    assert.match(fault([{ id: 'ln_C', taxes: [] }]) ?? '', /not asked about/)
    assert.match(
      fault([
        { id: 'ln_A', taxes: [] },
        { id: 'ln_A', taxes: [] },
      ]) ?? '',
      /twice/,
    )
  })

  it('is whole amounts from 0 on that can be counted, with decimal percentages', () => {
    for (const amount of [-1, 0.5, Number.MAX_SAFE_INTEGER + 1, Number.NaN])
      assert.match(fault([{ id: 'ln_A', taxes: taxed('8', amount) }]) ?? '', /whole/)
    for (const percent of ['8 %', '-8', '1e3', '']) assert.match(fault([{ id: 'ln_A', taxes: taxed(percent, 80) }]) ?? '', /percentage/)
    const huge = taxed('8', Number.MAX_SAFE_INTEGER)
    assert.match(
      fault([
        { id: 'ln_A', taxes: huge },
        { id: 'ln_B', taxes: huge },
      ]) ?? '',
      /larger/,
    )
  })

  it('includes no more tax in an amount than the amount is, and taxes no shipping that costs nothing', () => {
    assert.equal(fault([{ id: 'ln_A', taxes: taxed('100', 1000, true) }]), null)
    assert.match(fault([{ id: 'ln_A', taxes: taxed('100', 1001, true) }]) ?? '', /included/)
    assert.match(fault([], taxed('8', 1)) ?? '', /costs nothing/)
  })

  it('is at most 100 methods, each once, with whole prices', () => {
    const van = { id: 'van', name: 'Van', amount: 1 }
    assert.equal(methodsFault([van]), null)
    assert.match(methodsFault([van, van]) ?? '', /twice/)
    assert.match(methodsFault([{ ...van, amount: -1 }]) ?? '', /whole/)
    assert.match(methodsFault(Array.from({ length: 101 }, (_, index) => ({ ...van, id: `v${index}` }))) ?? '', /more than 100/)
  })
})
