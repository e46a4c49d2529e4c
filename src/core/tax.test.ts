// Taxes: what holds for every cart at every level and in every mode, as properties of random carts, and what needs a story: who owes none, what a server
// set, and what an explanation tells. Golden totals are in `test/pricing/*.table`.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { accountCart, cartWith, done, factsOf, guestCart, line, variantOf } from '../../test/facts.ts'
import type { Adjustment } from './adjustment.ts'
import type { Cart, LineTax } from './cart.ts'
import { changeCart } from './details.ts'
import type { Facts } from './facts.ts'
import { parsePercent, type Rounding } from './money.ts'
import { type PricedCart, priceCart } from './pricing.ts'
import type { Settings, TaxRate } from './settings.ts'
import { ratesRefusal } from './tax-rates.ts'
import { newTrace } from './trace.ts'

const LEVELS = ['unit', 'line', 'order'] as const
const MODES: readonly Rounding[] = ['halfUp', 'halfEven', 'halfDown']

const percents = fc.constantFrom('0', '0.5', '5', '7', '8.875', '9.975', '19', '20', '33.333', '50', '100')
const amounts = fc.oneof(fc.integer({ min: 0, max: 30 }), fc.integer({ min: 0, max: 10 ** 5 }), fc.integer({ min: 0, max: 10 ** 9 }))

interface Case {
  readonly cart: Cart
  readonly facts: Facts
  readonly rates: readonly TaxRate[]
}

/** A cart of up to six lines with up to three taxes, all contained or all added, one perhaps compound, and shipping that is taxed too. */
const cases: fc.Arbitrary<Case> = fc
  .record({
    lines: fc.array(fc.record({ price: amounts, quantity: fc.integer({ min: 1, max: 9 }), taxed: fc.boolean() }), {
      minLength: 1,
      maxLength: 6,
    }),
    percents: fc.array(percents, { minLength: 1, maxLength: 3 }),
    compound: fc.boolean(),
    included: fc.boolean(),
    shipping: amounts,
    off: fc.option(fc.integer({ min: 1, max: 5000 })),
    level: fc.constantFrom(...LEVELS),
    rounding: fc.constantFrom(...MODES),
    exempt: fc.constantFrom(false, false, true),
  })
  .map((given) => {
    const rates = given.percents.map((percent, index): TaxRate => {
      const last = index === given.percents.length - 1
      return {
        name: `T${index}`,
        tax: `t${index}`,
        category: 'standard',
        percent,
        included: given.included,
        compound: given.compound && last,
      }
    })
    const variants = given.lines.map(({ price, taxed }, index) =>
      variantOf(`SKU-${index}`, price, { taxCategory: taxed ? 'standard' : 'none' }),
    )
    const settings = {
      pricing: { rounding: given.rounding },
      tax: { rates, roundingLevel: given.level, shippingCategory: 'standard' },
      shipping: { methods: [{ id: 'post', name: 'Post', rates: [{ currency: 'USD', amount: given.shipping }] }] },
    }
    const facts = factsOf({ variants, settings })
    const lines = given.lines.map(({ quantity }, index) => line(`SKU-${index}`, quantity, { id: `ln_${index}` }))
    const cart = cartWith(facts, lines, guestCart({ shippingMethod: 'post', taxExempt: given.exempt }))
    return { cart, facts, rates }
  })

const price = (cart: Cart, facts: Facts): PricedCart => done(priceCart(cart, facts)).cart

/** Everything that is taxed, with its taxes. */
function taxedParts(priced: PricedCart): { left: number; taxes: Adjustment[] }[] {
  const shipping = priced.adjustments.filter(({ type }) => type !== 'tax').reduce((sum, each) => sum + each.amount.amount, 0)
  return [
    ...priced.lines.map((each) => ({ left: each.total.amount, all: each.adjustments })),
    { left: shipping, all: priced.adjustments },
  ].map(({ left, all }) => ({ left, taxes: all.filter(({ type }) => type === 'tax') }))
}

const total = (taxes: readonly Adjustment[]) => taxes.reduce((sum, { amount }) => sum + amount.amount, 0)

describe('in random carts, at every level and in every mode', () => {
  const runs = { numRuns: 5000 }

  it('SEED3-47 totals are the sums of the taxes, and what a price contains changes no total', () => {
    fc.assert(
      fc.property(cases, ({ cart, facts }) => {
        const priced = price(cart, facts)
        const taxes = taxedParts(priced).flatMap((part) => part.taxes)
        for (const { amount } of taxes) assert.ok(!Object.is(amount.amount, -0))
        assert.equal(priced.includedTaxTotal.amount, total(taxes.filter(({ included }) => included)))
        assert.equal(priced.additionalTaxTotal.amount, total(taxes.filter(({ included }) => !included)))
        const untaxed = price(cart, { ...facts, shop: { ...facts.shop, settings: withRates(facts.shop.settings, []) } })
        assert.equal(priced.total.amount, untaxed.total.amount + priced.additionalTaxTotal.amount)
      }),
      runs,
    )
  })

  it('writing down how it came to that changes nothing', () => {
    fc.assert(
      fc.property(cases, ({ cart, facts }) => assert.deepEqual(priceCart(cart, facts, newTrace()), priceCart(cart, facts))),
      { numRuns: 500 },
    )
  })

  it('no price contains more than itself, so that who is exempt never pays less than nothing', () => {
    fc.assert(
      fc.property(cases, ({ cart, facts }) => {
        const priced = price(cart, facts)
        for (const { left, taxes } of taxedParts(priced)) {
          assert.ok(total(taxes.filter(({ included }) => included)) <= left)
          if (cart.taxExempt) assert.ok(total(taxes) <= 0 && left + total(taxes) >= 0)
        }
        assert.ok(priced.total.amount >= 0)
      }),
      runs,
    )
  })

  it('the order of lines does not matter', () => {
    fc.assert(
      fc.property(cases, ({ cart, facts }) => {
        const forwards = price(cart, facts)
        const backwards = price({ ...cart, lines: cart.lines.toReversed() }, facts)
        assert.deepEqual(backwards.lines.toReversed(), forwards.lines)
        assert.deepEqual(backwards.adjustments, forwards.adjustments)
      }),
      runs,
    )
  })

  it('rounded in the whole order, each tax is less than one unit off, and each part less than one unit off its own', () => {
    fc.assert(
      fc.property(cases, ({ cart, facts, rates }) => {
        const { settings } = facts.shop
        const rounded = price(cart, {
          ...facts,
          shop: { ...facts.shop, settings: { ...settings, tax: { ...settings.tax, roundingLevel: 'order' } } },
        })
        const parts = taxedParts(rounded)
        for (const [index, share] of sharesOf(rates).entries()) {
          let [exact, got] = [0n, 0n]
          for (const { left, taxes } of parts) {
            const tax = taxes.find(({ source }) => source.id === `standard/t${index}`)
            if (!tax) continue
            const own = BigInt(left) * share.numerator
            const amount = BigInt(Math.abs(tax.amount.amount)) * share.denominator
            // With three contained taxes a unit may have to go to a neighbour, because a price contains no more than itself.
            if (rates.length < 3) assert.ok(distance(own, amount) < share.denominator)
            exact += own
            got += amount
          }
          assert.ok(distance(exact, got) < share.denominator)
        }
      }),
      runs,
    )
  })

  it('in one piece, the tax of a line is that of each piece; in a line, it is the exact one rounded', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 ** 6 }), fc.integer({ min: 1, max: 99 }), percents, (amount, quantity, percent) => {
        const taxOf = (level: Settings['tax']['roundingLevel'], pieces: number) => {
          const rates = [{ name: 'T', category: 'standard', percent, included: false }]
          const facts = factsOf({ variants: [variantOf('A', amount)], settings: { tax: { rates, roundingLevel: level } } })
          return price(cartWith(facts, [line('A', pieces)]), facts).additionalTaxTotal.amount
        }
        assert.equal(taxOf('unit', quantity), taxOf('unit', 1) * quantity)
        assert.equal(taxOf('line', 1), taxOf('unit', 1))
        const { numerator, denominator } = parsePercent(percent) ?? { numerator: 0n, denominator: 1n }
        const off = distance(BigInt(taxOf('line', quantity)) * denominator, BigInt(amount * quantity) * numerator)
        assert.ok(2n * off <= denominator)
      }),
      { numRuns: 1000 },
    )
  })
})

function withRates(settings: Settings, rates: readonly TaxRate[]): Settings {
  return { ...settings, tax: { ...settings.tax, rates } }
}

function distance(a: bigint, b: bigint): bigint {
  return a < b ? b - a : a - b
}

/** Each tax as a share of the amount, told another way than the code does: with millionths of a per cent as the unit. */
function sharesOf(rates: readonly TaxRate[]): { numerator: bigint; denominator: bigint }[] {
  const one = 10n ** 8n
  const own = rates.map(({ percent }) => (BigInt(Math.round(Number(percent) * 1000)) * one) / 100_000n)
  const simple = own.reduce((sum, part, index) => (rates[index]?.compound ? sum : sum + part), 0n)
  const parts = own.map((part, index) => (rates[index]?.compound ? part * (one + simple) : part * one))
  const all = parts.reduce((sum, part) => sum + part, 0n)
  return parts.map((numerator) => ({ numerator, denominator: one * one + (rates[0]?.included ? all : 0n) }))
}

// Stories -------------------------------------------------------------------------------------------------------------------------------

const VAT: TaxRate = { id: 'de', name: 'VAT', category: 'standard', country: 'DE', percent: '19', included: true }

function shopWith(tax: Partial<Settings['tax']>): Facts {
  return factsOf({
    variants: [variantOf('MUG', 1190), variantOf('CUP', 595)],
    settings: { tax: { rates: [VAT], defaultCountry: 'DE', ...tax } },
  })
}

describe('a tax that is not charged', () => {
  const labels = (cart: Cart, facts: Facts) =>
    price(cart, facts).lines.flatMap((each) => each.adjustments.map(({ label, amount }) => [label, amount.amount]))

  it('says so with its reason, and names the rate', () => {
    const facts = shopWith({ reverseCharge: { home: 'AT', countries: ['DE'], require: 'format' } })
    const cart = cartWith(facts, [line('MUG')])
    assert.deepEqual(labels({ ...cart, taxExempt: true }, facts), [['VAT 19 % not charged (exempt)', -190]])
    assert.deepEqual(labels({ ...cart, vatId: 'DE136695976' }, facts), [['VAT 19 % not charged (reverse charge)', -190]])
    assert.deepEqual(labels(cart, facts), [['VAT 19 %', 190]])
    const [adjustment] = price({ ...cart, taxExempt: true }, facts).lines[0]?.adjustments ?? []
    assert.deepEqual([adjustment?.source, adjustment?.included], [{ kind: 'tax_rate', id: 'de' }, false])
  })

  it('the identity of the totals holds: items and what is taken out of them', () => {
    const facts = shopWith({})
    const priced = price({ ...cartWith(facts, [line('MUG'), line('CUP', 2)]), taxExempt: true }, facts)
    assert.deepEqual(
      [priced.itemTotal.amount, priced.includedTaxTotal.amount, priced.additionalTaxTotal.amount, priced.total.amount],
      [2380, 0, -380, 2000],
    )
  })

  it('a group counts for accounts and guests alike', () => {
    const facts = shopWith({ exemptGroups: ['resellers'] })
    for (const cart of [guestCart(), accountCart()]) {
      const filled = cartWith(facts, [line('MUG')], cart)
      assert.equal(price({ ...filled, customerGroups: ['gold', 'resellers'] }, facts).total.amount, 1000)
      assert.equal(price({ ...filled, customerGroups: ['gold'] }, facts).total.amount, 1190)
    }
  })
})

describe('taxes that a server set on a line (C16)', () => {
  const taxes: readonly LineTax[] = [{ name: 'Book tax', percent: '5.5', included: true }]
  const withTaxes = (cart: Cart, told: readonly LineTax[], index = 0): Cart => ({
    ...cart,
    lines: cart.lines.map((each, at) => (at === index ? { ...each, taxes: told } : each)),
  })

  it('are taken instead of rates, and are of an external source', () => {
    const facts = shopWith({})
    const priced = price(withTaxes(cartWith(facts, [line('MUG'), line('CUP')]), taxes), facts)
    assert.deepEqual(
      priced.lines.map(({ taxSource, adjustments }) => [taxSource, ...adjustments.map(({ source, amount }) => [source, amount.amount])]),
      [
        ['external', [{ kind: 'external', id: 'Book tax' }, 62]],
        ['rates', [{ kind: 'tax_rate', id: 'de' }, 95]],
      ],
    )
    assert.equal(priced.includedTaxTotal.amount, 157)
  })

  it('count where the shop has no rates, none means none, and an exempt buyer changes nothing', () => {
    const facts = shopWith({ rates: [] })
    const cart = { ...cartWith(facts, [line('MUG')]), taxExempt: true }
    assert.equal(price(withTaxes(cart, taxes), facts).includedTaxTotal.amount, 62)
    assert.equal(price(withTaxes(cart, []), shopWith({})).includedTaxTotal.amount, 0)
  })

  it('are rounded where the shop rounds: equal ones of an order together', () => {
    const facts = factsOf({ variants: [variantOf('A', 1), variantOf('B', 1)], settings: { tax: { roundingLevel: 'order' } } })
    const half: LineTax[] = [{ name: 'Half', percent: '50', included: false }]
    const cart = withTaxes(withTaxes(cartWith(facts, [line('A'), line('B')]), half), half, 1)
    assert.equal(price(cart, facts).additionalTaxTotal.amount, 1)
  })
})

describe('what an explanation tells of taxes', () => {
  it('each rate that was looked at with why it was passed over, and each rounding with its exact value', () => {
    const { country: _, ...everywhere } = VAT
    const rates: TaxRate[] = [VAT, { ...everywhere, id: 'all' }, { ...VAT, id: 'at', country: 'AT' }]
    assert.equal(ratesRefusal(rates, ''), null)
    const facts = shopWith({ rates })
    const cart = cartWith(facts, [line('MUG', 1, { id: 'ln_a' }), line('CUP', 1, { id: 'ln_b' })])
    const trace = newTrace()
    assert.deepEqual(priceCart(cart, facts, trace), priceCart(cart, facts))
    assert.deepEqual(
      trace.rates.filter(({ kind, of }) => kind === 'tax' && of === 'ln_b').map(({ id, chosen, reason }) => [id, chosen, reason]),
      [
        ['de', true, null],
        ['all', false, 'less_specific'],
        ['at', false, 'other_zone'],
      ],
    )
    assert.deepEqual(
      trace.roundings.map(({ what, of, exact, rounded }) => [what, of, exact, rounded]),
      [
        ['tax de', 'ln_b', '95', 95],
        ['tax de', 'ln_a', '190', 190],
      ],
    )
    const exempt = newTrace()
    done(priceCart({ ...cart, taxExempt: true }, facts, exempt))
    assert.deepEqual(exempt.rates[0], {
      kind: 'tax',
      of: 'ln_b',
      id: 'de',
      chosen: false,
      reason: 'exempt',
      saw: { country: 'DE', region: null, postalCode: null, tax: 'tax', percent: '19', included: true },
    })
  })
})

describe('what a cart says of its buyer', () => {
  const facts = shopWith({})

  it('another VAT id is not checked any more, the same one in other spelling still is', () => {
    const checked = done(changeCart(guestCart(), { vatId: 'de 136695976', vatIdChecked: true }, facts)).cart
    assert.deepEqual([checked.vatId, checked.vatIdChecked], ['DE136695976', true])
    assert.equal(done(changeCart(checked, { vatId: 'DE 136 695 976' }, facts)).cart, checked)
    const other = done(changeCart(checked, { vatId: 'ATU13585627' }, facts)).cart
    assert.deepEqual([other.vatId, other.vatIdChecked], ['ATU13585627', false])
    const none = done(changeCart(checked, { vatId: null }, facts)).cart
    assert.deepEqual([none.vatId, none.vatIdChecked], [null, false])
  })
})
