// An explanation is the price itself with its reasons: it changes nothing, its parts make up the total, and it tells what shoppers are not told.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { randomCarts } from '../../test/carts.ts'
import { cartWith, done, factsOf, guestCart, inlineLine, line, NOW, promotionOf, variantOf } from '../../test/facts.ts'
import type { Cart } from './cart.ts'
import { explain } from './explanation.ts'
import type { Facts } from './facts.ts'
import { contentOf } from './order.ts'
import { priceCart } from './pricing.ts'
import { isRefusal } from './refusal.ts'

const RUNS = 10_000
const explained = (cart: Cart, facts: Facts) => done(explain(cart, facts))

describe(`in ${RUNS} random carts an explanation`, () => {
  it('SEED4-36 is of exactly the price that is served, and its parts make up the total that an order would have', () => {
    const property = fc.property(randomCarts, ({ cart, facts }) => {
      const { cart: priced, explanation } = explained(cart, facts)
      assert.equal(JSON.stringify(priced), JSON.stringify(done(priceCart(cart, facts)).cart))
      const parts = explanation.totals.filter(({ included }) => !included)
      const sum = parts.reduce((total, { amount }) => total + BigInt(amount), 0n)
      assert.equal(sum, BigInt(priced.total.amount))
      assert.equal(sum, BigInt(contentOf(priced).total.amount))
      const contained = explanation.totals.filter(({ included }) => included).reduce((total, { amount }) => total + amount, 0)
      assert.equal(contained, priced.includedTaxTotal.amount)
    })
    fc.assert(property, { numRuns: RUNS })
  })

  it('names the price of every line and every promotion that could apply, each once', () => {
    const property = fc.property(randomCarts, ({ cart, facts }) => {
      const { cart: priced, explanation } = explained(cart, facts)
      for (const each of priced.lines) {
        const chosen = explanation.rates.filter((rate) => rate.kind === 'price' && rate.of === each.id && rate.chosen)
        assert.equal(chosen.length, each.state === 'AVAILABLE' ? 1 : 0)
      }
      assert.deepEqual(explanation.promotions.map(({ promotionId }) => promotionId).sort(), [...facts.promotions.keys()].sort())
    })
    fc.assert(property, { numRuns: 1000 })
  })
})

describe('where a unit price comes from', () => {
  const plan = { id: 'monthly', name: 'Monthly', interval: 'P1M', price: { currency: 'USD', amount: 900 } }
  const facts = factsOf({
    variants: [
      variantOf('MUG', 1000),
      variantOf('CARD', 0, { kind: 'recharge', recharge: { currency: 'USD', presets: [2500], allowCustom: false } }),
      variantOf('CLUB', 0, { kind: 'subscription', plans: [plan] }),
      variantOf('HIDDEN', 300),
      variantOf('EURO', 300),
    ],
    settings: { lines: { allowKinds: ['goods', 'recharge', 'subscription'] }, pricing: { onIncrease: 'hold', holdFor: 'PT1H' } },
  })
  const source = (cart: Cart, given: Facts) => {
    const { rates } = explained(cart, given).explanation
    const counted = rates.filter(({ kind, chosen }) => kind === 'price' && chosen)
    // Which row of the catalogue it was is the catalogue's to say.
    const special = (id: string) => (['amount', 'external', 'inline', 'held'].includes(id) ? id : 'catalog')
    return counted.map(({ of, id, saw }) => [of, special(id), saw.unitPrice ?? saw.amount])
  }

  it('is told for the catalogue, a plan, an amount, a server and an item of its own', () => {
    const cart = cartWith(facts, [
      line('MUG', 1, { id: 'a' }),
      line('CLUB', 1, { id: 'b', plan: 'monthly' }),
      line('CARD', 1, { id: 'c', amount: 2500 }),
      line('MUG', 1, { id: 'd', unitPrice: 70 }),
      inlineLine('Engraving', 500, { id: 'e' }),
    ])
    assert.deepEqual(source(cart, facts), [
      ['a', 'catalog', 1000],
      ['b', 'catalog', 900],
      ['c', 'amount', 2500],
      ['d', 'external', 70],
      ['e', 'inline', 500],
    ])
  })

  it('is told for a price that is held, with the price that it would be and until when', () => {
    const cart = cartWith(facts, [line('MUG', 1, { id: 'a' })])
    const dearer: Facts = { ...facts, variants: new Map([['MUG', variantOf('MUG', 1500)]]) }
    const rate = explained(cart, dearer).explanation.rates.find(({ chosen }) => chosen)
    assert.equal(rate?.id, 'held')
    assert.deepEqual(rate?.saw, { unitPrice: 1000, current: 1500, whenAdded: 1000, heldUntil: new Date(NOW + 3_600_000).toISOString() })
    assert.deepEqual(source(cart, { ...dearer, now: NOW + 3_600_000 }), [['a', 'catalog', 1500]])
  })

  it('is told for lines that cannot be bought, with the reason', () => {
    const cart = cartWith(facts, [line('HIDDEN', 1, { id: 'a' }), line('EURO', 1, { id: 'b' })])
    const gone = new Map([
      ['HIDDEN', variantOf('HIDDEN', 300, { published: false })],
      ['EURO', variantOf('EURO', { EUR: 300 })],
    ])
    const { rates } = explained(cart, { ...facts, variants: gone }).explanation
    assert.ok(rates.every(({ chosen }) => !chosen))
    for (const [of, reason] of [
      ['a', 'not_for_sale'],
      ['b', 'no_price'],
    ])
      assert.ok(rates.some((rate) => rate.of === of && rate.reason === reason))
  })
})

describe('the codes of an explanation', () => {
  const save = promotionOf('save', { kind: 'percent_off', percent: '10' }, { endsAt: NOW, conditions: [{ kind: 'code' }] })

  for (const onInvalid of ['keep', 'remove'] as const)
    it(`have their reasons although the shop tells shoppers none, where codes that do not apply are to ${onInvalid}`, () => {
      const facts = factsOf({
        variants: [variantOf('MUG', 1000)],
        promotions: [save],
        codes: { OLD: 'save' },
        settings: { promotions: { maxCodes: 3, onInvalid } },
      })
      const cart = { ...cartWith(facts, [line('MUG')], guestCart()), codes: ['OLD', 'NOPE'] }
      const { cart: priced, explanation } = explained(cart, facts)
      assert.deepEqual(explanation.codes, [
        { code: 'OLD', applied: false, reason: 'expired' },
        { code: 'NOPE', applied: false, reason: 'unknown' },
      ])
      assert.ok(priced.codes.every(({ reason }) => reason === 'not_applicable'))
    })
})

it('a cart that cannot be priced is not explained either', () => {
  const facts = factsOf({ variants: [variantOf('GOLD', 2 ** 52)] })
  const cart = { ...cartWith(facts, [line('GOLD')], guestCart()) }
  const many = { ...cart, lines: cart.lines.map((each) => ({ ...each, quantity: 9 })) }
  const refusal = explain(many, facts)
  assert.ok(isRefusal(refusal))
  assert.equal(refusal.refused, 'amount_too_large')
})
