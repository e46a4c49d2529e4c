// What is written down of a price gives the same price again, to the byte, and holds nothing that the price does not rest on.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { randomCarts } from '../../test/carts.ts'
import { cartWith, done, factsOf, guestCart, line, NOW, promotionOf, variantOf } from '../../test/facts.ts'
import type { Cart } from './cart.ts'
import { explain } from './explanation.ts'
import type { Facts } from './facts.ts'
import { PRICING_REVISION, priceCart } from './pricing.ts'
import type { Quotes } from './quote.ts'
import { factsText, type Replay, replay } from './replay.ts'

const RUNS = 10_000

function replayed(cart: Cart, facts: Facts): Replay {
  return replay(factsText(cart, facts)) ?? assert.fail('what was written down does not read')
}

describe('what is written down of a price', () => {
  it(`gives the same price again in ${RUNS} random carts, byte by byte, with its explanation`, () => {
    const property = fc.property(randomCarts, ({ cart, facts }) => {
      const again = replayed(cart, facts)
      assert.equal(JSON.stringify(priceCart(again.cart, again.facts)), JSON.stringify(priceCart(cart, facts)))
      assert.equal(JSON.stringify(explain(again.cart, again.facts)), JSON.stringify(explain(cart, facts)))
    })
    fc.assert(property, { numRuns: RUNS })
  })

  const quotes: Quotes = {
    tax: {
      request: '{}',
      answer: { lines: [{ id: 'ln_a', taxes: [{ id: 't', name: 'T', percent: '5', amount: 3, included: false }] }], shipping: [] },
      at: NOW,
    },
    shipping: { request: '{}', answer: [{ id: 'post', name: 'Post', amount: 5 }], at: NOW },
  }
  const half = promotionOf('half', { kind: 'percent_off', percent: '50' }, { conditions: [{ kind: 'code' }], usesMax: 3 })
  const gift = promotionOf('gift', { kind: 'gift', sku: 'STICKER', quantity: 1 })
  const issuer = { name: 'own', iss: 'i', aud: 'a', algorithms: ['HS256'], secret: 'not-to-be-written-down-0123456789' }
  const facts = factsOf({
    variants: [variantOf('MUG', 1000), variantOf('TEE', 2000), variantOf('STICKER', 100)],
    stock: { MUG: 3, TEE: 0, STICKER: 9 },
    promotions: [half, gift],
    codes: { SAVE: 'half', OTHER: 'half' },
    limits: { half: { usesLeft: 2, customerUsesLeft: 'unknown', budgetLeft: { USD: 500 } }, gone: { usesLeft: 0 } },
    hasOrdered: false,
    quotes,
    settings: { access: { guestCarts: true, origins: ['*'], issuers: [issuer] }, pricing: { rounding: 'halfEven' } },
  })
  const cart: Cart = { ...cartWith(facts, [line('MUG', 2, { id: 'ln_a' })], guestCart()), codes: ['SAVE'] }

  it('has every map that the facts have, with what this cart needs of it', () => {
    const again = replayed(cart, facts)
    assert.deepEqual(again.cart, cart)
    assert.deepEqual(again.facts, {
      ...facts,
      shop: { ...facts.shop, settings: { ...facts.shop.settings, access: { guestCarts: true, origins: ['*'], issuers: [] } } },
      variants: new Map([...facts.variants].filter(([sku]) => sku !== 'TEE')),
      stock: new Map([
        ['MUG', 3],
        ['STICKER', 9],
      ]),
      codes: new Map([['SAVE', { promotionId: 'half', usesLeft: null }]]),
      limits: new Map([['half', { usesLeft: 2, customerUsesLeft: 'unknown', budgetLeft: { USD: 500 } }]]),
    })
    assert.equal(again.revision, PRICING_REVISION)
  })

  it('has no secret in it, no other product and no other code', () => {
    const text = factsText(cart, facts)
    for (const unwanted of [issuer.secret, 'TEE', 'OTHER', 'gone']) assert.ok(!text.includes(unwanted), unwanted)
  })

  it('is all that the price rests on: another fact is another price', () => {
    const known: Facts = { ...facts, limits: new Map([['half', { usesLeft: 2, customerUsesLeft: null, budgetLeft: null }]]) }
    const again = replayed(cart, known)
    const total = (given: Facts) => done(priceCart(again.cart, given)).cart.total.amount
    assert.equal(total(again.facts), done(priceCart(cart, known)).cart.total.amount)
    assert.notEqual(total({ ...again.facts, codes: new Map() }), total(again.facts))
    assert.notEqual(total({ ...again.facts, variants: new Map() }), total(again.facts))
  })

  it('is not made of other JSON', () => {
    for (const text of ['{}', 'null', '[]', '1', '"x"', JSON.stringify({ cart, facts }), JSON.stringify({ cart: {}, facts: {} })])
      assert.equal(replay(text), null, text.slice(0, 40))
  })
})
