// Promotions together: what holds for every mix of them, said as properties of random carts; codes, limits, gifts, alternatives, as stories. Golden
// numbers are in `test/pricing/promotions.table`, `stacking.table` and `buy-get.table`.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { accountCart, cartWith, done, factsOf, guestCart, line, NOW, promotionOf, variantOf } from '../../test/facts.ts'
import { randomPromotions, TAGS } from '../../test/random-promotions.ts'
import { addLines, type Cart, removeLine, setLine } from './cart.ts'
import type { Facts } from './facts.ts'
import { type PricedCart, priceCart } from './pricing.ts'
import type { Benefit, Promotion } from './promotion.ts'
import { newTrace } from './trace.ts'

const usd = (amount: number) => [{ currency: 'USD', amount }]
const percent = (value: string): Benefit => ({ kind: 'percent_off', percent: value })
const price = (cart: Cart, facts: Facts): PricedCart => done(priceCart(cart, facts)).cart
const withPromotions = (facts: Facts, promotions: readonly Promotion[]): Facts => ({
  ...facts,
  promotions: new Map(promotions.map((promotion) => [promotion.id, promotion])),
})

// Random carts ------------------------------------------------------------------------------------------------------------------------

const randomCarts = fc
  .record({
    lines: fc.array(
      fc.record({
        price: fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 10_000 })),
        quantity: fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 99_999 })),
        tags: fc.subarray(TAGS),
      }),
      { minLength: 1, maxLength: 6 },
    ),
    promotions: randomPromotions,
    best: fc.subarray([0, 1]),
    shipping: fc.record({ amount: fc.integer({ min: 0, max: 3000 }), freeFrom: fc.integer({ min: 0, max: 100_000 }) }),
    stock: fc.integer({ min: 0, max: 8 }),
  })
  .map(({ lines, promotions, best, shipping, stock }) => {
    const variants = lines.map((each, index) => variantOf(`SKU-${index}`, each.price, { tags: each.tags }))
    const facts = factsOf({
      variants: [...variants, variantOf('GIFT', 700)],
      stock: { GIFT: stock },
      promotions: promotions.map(({ benefit, ...changes }, index) => promotionOf(`promo_${index}`, benefit, changes)),
      settings: {
        promotions: { bestOfLanes: best },
        shipping: { methods: [{ id: 'post', name: 'Post', rates: [{ currency: 'USD', ...shipping }] }] },
      },
    })
    const wanted = lines.map(({ quantity }, index) => line(`SKU-${index}`, quantity, { id: `ln_${index}` }))
    return { facts, cart: { ...cartWith(facts, wanted), shippingMethod: 'post' } }
  })

function holds(check: (cart: Cart, facts: Facts) => void, numRuns = 3000): void {
  fc.assert(
    fc.property(randomCarts, ({ cart, facts }) => check(cart, facts)),
    { numRuns },
  )
}

/** Everything that a promotion took off, by its id. */
function takenBy(priced: PricedCart): Map<string, number> {
  const taken = new Map<string, number>()
  for (const { type, source, amount } of [...priced.lines.flatMap((each) => each.adjustments), ...priced.adjustments]) {
    if (type === 'promotion') taken.set(source.id, (taken.get(source.id) ?? 0) - amount.amount)
  }
  return taken
}

describe('in 3000 random carts under promotions of every kind', () => {
  it('what is taken off the lines and shipping is the discount, no line is given more than it costs, and nothing is negative', () => {
    holds((cart, facts) => {
      const priced = price(cart, facts)
      const all = [...priced.lines.flatMap((each) => each.adjustments), ...priced.adjustments].filter(({ type }) => type === 'promotion')
      assert.equal(
        all.reduce((sum, { amount }) => sum + amount.amount, 0),
        priced.discountTotal.amount,
      )
      for (const { amount } of all) assert.ok(amount.amount <= 0 && Number.isSafeInteger(amount.amount))
      for (const each of priced.lines) {
        assert.ok(each.total.amount >= 0 && each.discountTotal.amount <= 0 && each.total.amount <= each.itemTotal.amount)
        if (each.giftOf !== null) assert.equal(each.total.amount, 0)
      }
      assert.ok(priced.total.amount >= 0)
      const items = priced.lines.reduce((sum, each) => sum + each.total.amount, 0)
      const shipped = priced.adjustments.reduce((sum, { amount }) => sum + amount.amount, 0)
      assert.ok(shipped >= 0)
      assert.equal(priced.total.amount, items + shipped)
    })
  })

  it('the order of lines changes no amount of any line', () => {
    holds((cart, facts) => {
      const one = price(cart, facts)
      const other = price({ ...cart, lines: cart.lines.toReversed() }, facts)
      const byId = (priced: PricedCart) => priced.lines.toSorted((a, b) => (a.id < b.id ? -1 : 1))
      assert.deepEqual(byId(other), byId(one))
      assert.deepEqual({ ...other, lines: [] }, { ...one, lines: [] })
    }, 1000)
  })

  it('the order in which promotions were entered changes nothing, and the same facts give the same bytes, with a trace or without', () => {
    holds((cart, facts) => {
      const first = JSON.stringify(priceCart(cart, facts))
      assert.equal(JSON.stringify(priceCart(cart, facts)), first)
      assert.equal(JSON.stringify(priceCart(cart, facts, newTrace())), first)
      assert.equal(JSON.stringify(priceCart(cart, withPromotions(facts, [...facts.promotions.values()].toReversed()))), first)
    }, 1000)
  })

  it('no promotion takes more than its cap', () => {
    holds((cart, facts) => {
      for (const [id, taken] of takenBy(price(cart, facts))) {
        const promotion = facts.promotions.get(id)
        if (promotion?.cap && promotion.benefit.kind !== 'gift') assert.ok(taken <= (promotion.cap[0]?.amount ?? 0))
      }
    })
  })

  it('SEED2-70 with exclusive promotions the shopper gets the best of all alternatives', () => {
    holds((cart, facts) => {
      const all = [...facts.promotions.values()]
      const alternatives = [all.filter((each) => !each.exclusive), ...all.filter((each) => each.exclusive).map((each) => [each])]
      const given = alternatives.map((promotions) => 0 - price(cart, withPromotions(facts, promotions)).discountTotal.amount)
      assert.equal(0 - price(cart, facts).discountTotal.amount, Math.max(...given))
    })
  })

  it('a trace says of every promotion what it took, and the sum is the discount', () => {
    holds((cart, facts) => {
      const trace = newTrace()
      const priced = done(priceCart(cart, facts, trace)).cart
      assert.equal(trace.promotions.length, facts.promotions.size)
      assert.equal(
        trace.promotions.reduce((sum, { discount }) => sum + discount, 0),
        0 - priced.discountTotal.amount,
      )
      const taken = takenBy(priced)
      for (const { promotionId, discount, outcome } of trace.promotions) {
        assert.equal(discount, taken.get(promotionId) ?? 0)
        if (outcome === 'not_applied') assert.equal(discount, 0)
      }
    }, 1000)
  })
})

describe('buy X get Y is what trying every way to share out the pieces finds', () => {
  interface Piece {
    readonly price: number
    readonly buys: boolean
    readonly gets: boolean
  }

  /** The most pieces that can be got and the least that they cost, by trying: each piece is bought, got, or neither. */
  function tried(all: readonly Piece[], buy: number, get: number): { got: number; cost: number } {
    let best = { got: 0, cost: 0 }
    const visit = (index: number, bought: number, got: number, cost: number): void => {
      const piece = all[index]
      if (!piece) {
        if (bought >= Math.ceil(got / get) * buy && (got > best.got || (got === best.got && cost < best.cost))) best = { got, cost }
        return
      }
      if (piece.gets) visit(index + 1, bought, got + 1, cost + piece.price)
      if (piece.buys) visit(index + 1, bought + 1, got, cost)
      visit(index + 1, bought, got, cost)
    }
    visit(0, 0, 0, 0)
    return best
  }

  it('SEED1-45 for up to nine pieces of three products in sets that overlap', () => {
    const product = fc.record({
      price: fc.integer({ min: 0, max: 30 }),
      quantity: fc.integer({ min: 1, max: 3 }),
      buys: fc.boolean(),
      gets: fc.boolean(),
    })
    const given = fc.tuple(
      fc.array(product, { minLength: 1, maxLength: 3 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 4 }),
    )
    fc.assert(
      fc.property(given, ([products, buy, get]) => {
        const variants = products.map((each, index) =>
          variantOf(`SKU-${index}`, each.price, { tags: [...(each.buys ? ['buy'] : []), ...(each.gets ? ['get'] : [])] }),
        )
        const benefit: Benefit = {
          kind: 'buy_get',
          buy: { quantity: buy, of: { tags: ['buy'] } },
          get: { quantity: get, of: { tags: ['get'] }, percent: '100' },
        }
        const facts = factsOf({ variants, promotions: [promotionOf('p', benefit)] })
        const cart = cartWith(
          facts,
          products.map(({ quantity }, index) => line(`SKU-${index}`, quantity)),
        )
        const all = products.flatMap(({ quantity, ...piece }) => Array.from({ length: quantity }, () => piece))
        assert.equal(0 - price(cart, facts).discountTotal.amount, tried(all, buy, get).cost)
      }),
      { numRuns: 500 },
    )
  })
})

// Codes -------------------------------------------------------------------------------------------------------------------------------

describe('codes that do not apply', () => {
  const coded = (changes: Partial<Promotion> = {}) =>
    promotionOf('p', percent('10'), { ...changes, conditions: [{ kind: 'code' }, ...(changes.conditions ?? [])] })
  const given = { variants: [variantOf('MUG', 1000), variantOf('TEE', 2000)], codes: { SAVE: 'p' } }
  const cartOf = (facts: Facts, changes: Partial<Cart> = {}) => ({ ...cartWith(facts, [line('MUG')]), codes: ['SAVE'], ...changes })
  const stateOf = (facts: Facts, changes: Partial<Cart> = {}) => price(cartOf(facts, changes), facts).codes[0]

  it('SEED0-57 a code for one product takes nothing off the others', () => {
    const mugs = coded({ benefit: { kind: 'percent_off', percent: '50', of: { skus: ['MUG'] } } })
    const facts = factsOf({ ...given, promotions: [mugs] })
    const both = price({ ...cartWith(facts, [line('MUG'), line('TEE')]), codes: ['SAVE'] }, facts)
    assert.deepEqual([both.lines.map((each) => each.discountTotal.amount), both.total.amount], [[-500, 0], 2500])
    const other = price({ ...cartWith(facts, [line('TEE')]), codes: ['SAVE'] }, facts)
    assert.deepEqual([other.total.amount, other.codes[0]?.applied], [2000, false])
  })

  it('SEED3-48 two codes of 10 % are 20 % of the original price, in whichever order they were typed', () => {
    const promotions = ['p', 'q'].map((id) => promotionOf(id, percent('10'), { conditions: [{ kind: 'code' }] }))
    const facts = factsOf({ variants: [variantOf('MUG', 1500)], promotions, codes: { ONE: 'p', TWO: 'q' } })
    for (const codes of [
      ['ONE', 'TWO'],
      ['TWO', 'ONE'],
    ])
      assert.equal(price({ ...cartWith(facts, [line('MUG')]), codes }, facts).total.amount, 1200)
  })

  it('SEED3-49 an amount is spread in proportion, and what a line that is paid off cannot take moves to the others', () => {
    const all = promotionOf('a', { kind: 'percent_off', percent: '100', of: { skus: ['MUG'] } }, { lane: 0 })
    const off = promotionOf('b', { kind: 'amount_off', amounts: usd(1500) }, { lane: 1 })
    const facts = factsOf({ ...given, promotions: [all, off] })
    const priced = price(cartWith(facts, [line('MUG'), line('TEE')]), facts)
    assert.deepEqual(
      priced.lines.map((each) => each.discountTotal.amount),
      [-1000, -1500],
    )
  })

  it('SEED2-71 a code that applied before says why it does not any more: it has expired, or it is not eligible', () => {
    const known = { codesKnown: ['SAVE'] }
    const expired = factsOf({ ...given, promotions: [coded({ endsAt: NOW })] })
    assert.equal(stateOf(expired, known)?.reason, 'expired')
    const poor = factsOf({ ...given, promotions: [coded({ conditions: [{ kind: 'item_total', atLeast: usd(5000) }] })] })
    assert.equal(stateOf(poor, known)?.reason, 'item_total_too_low')
    for (const facts of [expired, poor]) assert.equal(stateOf(facts)?.reason, 'not_applicable')
  })

  it('SEED3-54 a code that stopped applying stays, says so, and applies again', () => {
    const facts = factsOf({ ...given, promotions: [coded({ conditions: [{ kind: 'quantity', atLeast: 2 }] })] })
    const two = done(priceCart({ ...cartWith(facts, [line('MUG', 2, { id: 'ln' })]), codes: ['SAVE'] }, facts))
    assert.deepEqual([two.cart.codes, two.intent.codesKnown], [[{ code: 'SAVE', applied: true, reason: null }], ['SAVE']])
    const one = done(setLine(two.intent, { lineId: 'ln', quantity: 1 }, facts)).cart
    assert.deepEqual(price(one, facts).codes, [{ code: 'SAVE', applied: false, reason: 'quantity_too_low' }])
    const again = done(setLine(one, { lineId: 'ln', quantity: 2 }, facts)).cart
    assert.deepEqual([price(again, facts).codes[0]?.applied, price(again, facts).total.amount], [true, 1800])
  })

  it('a promotion that tells its reasons tells them to everybody, but never that a code is unknown, inactive or to come', () => {
    const tells = (changes: Partial<Promotion>) => factsOf({ ...given, promotions: [coded({ tellsReasons: true, ...changes })] })
    assert.equal(stateOf(tells({ endsAt: NOW }))?.reason, 'expired')
    assert.equal(stateOf(tells({ conditions: [{ kind: 'account', is: 'account' }] }))?.reason, 'account_required')
    assert.equal(stateOf(tells({ active: false }))?.reason, 'not_applicable')
    assert.equal(stateOf(tells({ startsAt: NOW + 1 }))?.reason, 'not_applicable')
    assert.equal(stateOf({ ...tells({}), codes: new Map() }, { codesKnown: ['SAVE'] })?.reason, 'not_applicable')
  })

  it('the codes that a cart remembers are bounded, and the newest are kept', () => {
    const facts = factsOf({ ...given, promotions: [coded()] })
    const old = Array.from({ length: 30 }, (_, index) => `OLD-${index}`)
    const { codesKnown } = done(priceCart(cartOf(facts, { codesKnown: old }), facts)).intent
    assert.deepEqual([codesKnown.length, codesKnown[0], codesKnown.at(-1)], [30, 'OLD-1', 'SAVE'])
    const same = cartOf(facts, { codesKnown: ['SAVE'] })
    assert.equal(done(priceCart(same, facts)).intent, same)
  })

  const limits: readonly [title: string, left: object, reason: string | null, seen: readonly unknown[]][] = [
    ['no uses are left', { usesLeft: 0 }, 'exhausted', [['use:p', 1, false]]],
    ['one use is left', { usesLeft: 1 }, null, [['use:p', 1, true]]],
    ['nobody knows who buys', { customerUsesLeft: 'unknown' }, 'needs_email', []],
    ['this customer has none left', { customerUsesLeft: 0 }, 'used_up_by_customer', [['customer:p', 1, false]]],
    ['this customer has one left', { customerUsesLeft: 1 }, null, [['customer:p', 1, true]]],
    ['the budget is a unit short', { budgetLeft: { USD: 99 } }, 'exhausted', [['budget:p:USD', 100, false]]],
    ['the budget is just enough', { budgetLeft: { USD: 100 } }, null, [['budget:p:USD', 100, true]]],
    ['the budget is of another currency', { budgetLeft: { EUR: 100 } }, 'currency', []],
  ]
  for (const [title, left, reason, seen] of limits) {
    it(`${title}: ${reason ?? 'it applies'}, and what was looked at is written down`, () => {
      const settings = { promotions: { publicReasons: 'detailed' as const } }
      const facts = factsOf({ ...given, settings, promotions: [coded()], limits: { p: left } })
      const pricing = done(priceCart(cartOf(facts), facts))
      assert.deepEqual([pricing.cart.codes[0]?.reason, pricing.limitsSeen], [reason, seen])
      assert.equal(pricing.cart.total.amount, reason === null ? 900 : 1000)
    })
  }

  it('whether a customer ordered before is written down where a promotion asks for it', () => {
    for (const hasOrdered of [true, false]) {
      const facts = factsOf({ ...given, hasOrdered, promotions: [coded({ conditions: [{ kind: 'first_order' }] })] })
      assert.deepEqual(done(priceCart(cartOf(facts), facts)).limitsSeen, [['first_order', 1, !hasOrdered]])
    }
  })
})

describe('discounts by customer, address, product, date, quantity and total, each on the order, lines, pieces or shipping', () => {
  it('SEED4-65 conditions of every sort must hold together, and the discount is for the lines it names', () => {
    const promotion = promotionOf(
      'p',
      { kind: 'amount_off', amounts: usd(100), on: 'units', of: { categories: ['kitchen'] } },
      {
        conditions: [
          { kind: 'customer_group', groups: ['vip'] },
          { kind: 'account', is: 'account' },
          { kind: 'country', countries: ['DE'] },
          { kind: 'lines', of: { categories: ['kitchen'] } },
          { kind: 'dates', from: NOW - 1, until: NOW + 1 },
          { kind: 'quantity', atLeast: 2 },
          { kind: 'item_total', atLeast: usd(2000) },
        ],
      },
    )
    const facts = factsOf({
      variants: [variantOf('MUG', 1000, { categories: ['kitchen'] }), variantOf('TEE', 900)],
      promotions: [promotion],
    })
    const cart = cartWith(
      facts,
      [line('MUG', 2), line('TEE')],
      accountCart({ customerGroups: ['vip'], shippingAddress: { country: 'DE' } }),
    )
    assert.deepEqual(
      price(cart, facts).lines.map((each) => each.discountTotal.amount),
      [-200, 0],
    )
    for (const changes of [{ customerGroups: [] }, { shippingAddress: null }, { owner: guestCart().owner }])
      assert.equal(price({ ...cart, ...changes }, facts).discountTotal.amount, 0)
  })
})

// Alternatives ------------------------------------------------------------------------------------------------------------------------

describe('promotions that exclude each other', () => {
  const given = { variants: [variantOf('MUG', 1000)], settings: { promotions: { publicReasons: 'detailed' as const, maxCodes: 10 } } }
  const code = (id: string, value: string, changes: Partial<Promotion> = {}) =>
    promotionOf(id, percent(value), { conditions: [{ kind: 'code' }], ...changes })

  it('SEED2-70 the code of the one that gives less says that it was replaced', () => {
    const promotions = [code('p', '10', { group: 'g' }), code('q', '20', { group: 'g' }), code('r', '15', { exclusive: true })]
    const facts = factsOf({ ...given, promotions, codes: { TEN: 'p', TWENTY: 'q', ALONE: 'r' } })
    const { codes, total } = price({ ...cartWith(facts, [line('MUG')]), codes: ['TEN', 'TWENTY', 'ALONE'] }, facts)
    assert.deepEqual([codes.map((each) => each.reason), total.amount], [['replaced', null, 'replaced'], 800])
  })

  it('one that is not eligible says its own reason, not that it was replaced', () => {
    const promotions = [code('p', '10'), code('r', '50', { exclusive: true, endsAt: NOW })]
    const facts = factsOf({ ...given, promotions, codes: { TEN: 'p', ALONE: 'r' } })
    const { codes } = price({ ...cartWith(facts, [line('MUG')]), codes: ['TEN', 'ALONE'] }, facts)
    assert.deepEqual(
      codes.map((each) => each.reason),
      [null, 'expired'],
    )
  })

  it('what would run after one that stops says so', () => {
    const promotions = [code('p', '10', { stops: true }), code('q', '20')]
    const facts = factsOf({ ...given, promotions, codes: { TEN: 'p', TWENTY: 'q' } })
    const { codes } = price({ ...cartWith(facts, [line('MUG')]), codes: ['TEN', 'TWENTY'] }, facts)
    assert.deepEqual(
      codes.map((each) => each.reason),
      [null, 'stopped'],
    )
  })
})

// Shipping ----------------------------------------------------------------------------------------------------------------------------

describe('promotions on shipping', () => {
  const methods = ['post', 'express'].map((id) => ({ id, name: id, rates: [{ currency: 'USD', amount: 500 }] }))
  const settings = { shipping: { methods }, promotions: { publicReasons: 'detailed' as const } }
  const free = promotionOf('p', { kind: 'free_shipping', methods: ['post'] }, { conditions: [{ kind: 'code' }] })

  it('free shipping by one method leaves the others at their price, and its code says why', () => {
    const facts = factsOf({ variants: [variantOf('MUG', 1000)], settings, promotions: [free], codes: { FREE: 'p' } })
    const cart = { ...cartWith(facts, [line('MUG')]), codes: ['FREE'] }
    const by = (shippingMethod: string | null) => price({ ...cart, shippingMethod }, facts)
    assert.deepEqual([by('post').total.amount, by('express').total.amount, by(null).total.amount], [1000, 1500, 1000])
    assert.deepEqual(
      [by('post').codes[0]?.reason, by('express').codes[0]?.reason, by(null).codes[0]?.reason],
      [null, 'shipping_method', null],
    )
  })

  it('are worth what shipping costs after what was taken off the items, and with the gifts', () => {
    const rate = { currency: 'USD', amount: 900, by: 'total' as const, steps: [{ from: 800, amount: 100 }] }
    const promotions = [
      promotionOf('a', { kind: 'amount_off', amounts: usd(300) }),
      promotionOf('b', { kind: 'free_shipping' }, { group: 'g', priority: -1 }),
      promotionOf('c', { kind: 'amount_off', amounts: usd(200) }, { group: 'g', priority: -2 }),
    ]
    const shop = { shipping: { methods: [{ id: 'post', name: 'Post', rates: [rate] }] } }
    const facts = factsOf({ variants: [variantOf('MUG', 1000)], settings: shop, promotions })
    const priced = price({ ...cartWith(facts, [line('MUG')]), shippingMethod: 'post' }, facts)
    // For 10.00 shipping is 1.00, less than the 2.00 of its rival; for the 7.00 that are left it is 9.00.
    assert.deepEqual(
      [[...takenBy(priced)], priced.total.amount],
      [
        [
          ['a', 300],
          ['b', 900],
        ],
        700,
      ],
    )
    const gift = promotionOf('a', { kind: 'gift', sku: 'PEN', quantity: 1 })
    const byWeight = { currency: 'USD', amount: 100, by: 'weight' as const, steps: [{ from: 150, amount: 900 }] }
    const heavier = factsOf({
      variants: [variantOf('MUG', 1000), variantOf('PEN', 300)],
      settings: { shipping: { methods: [{ id: 'post', name: 'Post', rates: [byWeight] }] } },
      promotions: [gift, ...promotions.slice(1)],
    })
    assert.equal(price({ ...cartWith(heavier, [line('MUG')]), shippingMethod: 'post' }, heavier).total.amount, 1000)
  })

  it('what the floor gives back was not taken, and a trace says so', () => {
    const given = { variants: [variantOf('MUG', 1000)], settings: { ...settings, totals: { floor: 'shipping' as const } } }
    const facts = factsOf({ ...given, promotions: [promotionOf('a', percent('80')), promotionOf('b', { kind: 'free_shipping' })] })
    const trace = newTrace()
    const priced = done(priceCart({ ...cartWith(facts, [line('MUG')]), shippingMethod: 'post' }, facts, trace)).cart
    assert.deepEqual([priced.total.amount, trace.promotions.map(({ discount }) => discount)], [500, [800, 200]])
  })

  it('a price that a budget bounds stands only while there is exactly as much of it', () => {
    const dearer = [
      { id: 'post', name: 'Post', rates: [{ currency: 'USD', amount: 900, by: 'total' as const, steps: [{ from: 800, amount: 100 }] }] },
    ]
    const promotions = [promotionOf('a', { kind: 'free_shipping' }), promotionOf('b', percent('50'), { lane: 1 })]
    const facts = factsOf({
      variants: [variantOf('MUG', 1000)],
      settings: { shipping: { methods: dearer } },
      promotions,
      limits: { a: { budgetLeft: { USD: 400 } } },
    })
    const { cart, limitsSeen } = done(priceCart({ ...cartWith(facts, [line('MUG')]), shippingMethod: 'post' }, facts))
    assert.equal(cart.total.amount, 500 + 900 - 400)
    const standsWith = (left: number) => limitsSeen.every(([, wanted, was]) => wanted <= left === was)
    assert.deepEqual([399, 400, 401].map(standsWith), [false, true, false])
  })

  it('a budget that the price of shipping is above is not used', () => {
    const given = { variants: [variantOf('MUG', 1000)], settings, promotions: [free], codes: { FREE: 'p' } }
    const priced = (left: number) => {
      const facts = factsOf({ ...given, limits: { p: { budgetLeft: { USD: left } } } })
      return price({ ...cartWith(facts, [line('MUG')]), codes: ['FREE'], shippingMethod: 'post' }, facts)
    }
    assert.deepEqual([priced(499).total.amount, priced(500).total.amount], [1500, 1000])
    assert.equal(priced(499).codes[0]?.reason, 'exhausted')
  })
})

// Gifts -------------------------------------------------------------------------------------------------------------------------------

describe('gifts', () => {
  const gift = (changes: Partial<Promotion> = {}, quantity = 1) => promotionOf('p', { kind: 'gift', sku: 'PEN', quantity }, changes)
  const pen = variantOf('PEN', 300)
  const given = { variants: [variantOf('MUG', 1000), pen] }

  it('come and go with their promotion, are no line of the intent, and are not counted among what the shopper chose', () => {
    const facts = factsOf({ ...given, promotions: [gift({ conditions: [{ kind: 'quantity', atLeast: 2 }] })] })
    const cart = cartWith(facts, [line('MUG', 2, { id: 'ln' })])
    const { cart: priced, intent } = done(priceCart(cart, facts))
    const [, pens] = priced.lines
    assert.deepEqual([pens?.id, pens?.giftOf, pens?.total.amount, pens?.itemTotal.amount], ['gift_p', 'p', 0, 300])
    assert.deepEqual([priced.itemTotal.amount, priced.discountTotal.amount, priced.total.amount, priced.itemCount], [2300, -300, 2000, 2])
    assert.equal(intent.lines.length, 1)
    assert.equal(price(done(setLine(cart, { lineId: 'ln', quantity: 1 }, facts)).cart, facts).lines.length, 1)
  })

  it('cannot be changed or removed by their id', () => {
    const facts = factsOf({ ...given, promotions: [gift()] })
    const cart = cartWith(facts, [line('MUG')])
    assert.equal(price(cart, facts).lines[1]?.id, 'gift_p')
    const refusals = [setLine(cart, { lineId: 'gift_p', quantity: 2 }, facts), removeLine(cart, { lineId: 'gift_p' })]
    for (const refusal of refusals) assert.equal('refused' in refusal && refusal.refused, 'line_not_found')
  })

  it('are never more than the stock leaves beside the lines, and are taken anew when stock comes', () => {
    const facts = (stock: number) => factsOf({ ...given, stock: { PEN: stock }, promotions: [gift({}, 3)] })
    const cart = done(addLines(cartWith(facts(9), [line('MUG')]), { lines: [line('PEN', 2)] }, facts(9))).cart
    const given3 = (stock: number) => done(priceCart(cart, facts(stock)))
    assert.deepEqual(
      [2, 3, 4, 5, 9].map((stock) => given3(stock).cart.lines.find((each) => each.giftOf)?.quantity ?? 0),
      [0, 1, 2, 3, 3],
    )
    assert.deepEqual(given3(3).stockSeen, [['PEN', 5, 3]])
    assert.deepEqual([given3(3).cart.notices, given3(2).cart.notices], [[], []], 'a gift that is short is no fault of the cart')
  })

  const unavailable: readonly [title: string, changes: object][] = [
    ['is not for sale', { published: false }],
    ['has no price in the currency', { prices: [{ currency: 'EUR', amount: 300 }] }],
    ['has an amount that somebody must choose', { kind: 'recharge' }],
  ]
  for (const [title, changes] of unavailable) {
    it(`what ${title} is not given`, () => {
      const settings = { promotions: { publicReasons: 'detailed' as const } }
      const promotions = [gift({ conditions: [{ kind: 'code' }] })]
      const facts = factsOf({ variants: [variantOf('MUG', 1000), { ...pen, ...changes }], settings, promotions, codes: { PEN: 'p' } })
      const priced = price({ ...cartWith(facts, [line('MUG')]), codes: ['PEN'] }, facts)
      assert.deepEqual([priced.lines.length, priced.codes[0]?.reason], [1, 'gift_unavailable'])
    })
  }

  it('are not promised what bundles of the cart need, nor a bundle whose parts are in the cart', () => {
    const parts = [{ sku: 'PEN', quantity: 2 }]
    const set = variantOf('SET', 900, { kind: 'bundle', parts })
    const variants = [variantOf('MUG', 1000), pen, set]
    const pensBeside = (sets: number, stock: number) => {
      const facts = factsOf({ variants, stock: { PEN: stock, SET: Math.floor(stock / 2) }, promotions: [gift({}, 3)] })
      return done(priceCart(cartWith(facts, [line('SET', sets)]), facts))
    }
    const given3 = (pricing: ReturnType<typeof pensBeside>) => pricing.cart.lines.find((each) => each.giftOf)?.quantity ?? 0
    assert.deepEqual([pensBeside(2, 4), pensBeside(2, 6), pensBeside(1, 9)].map(given3), [0, 2, 3])
    assert.deepEqual(
      pensBeside(2, 6).stockSeen,
      [
        ['SET', 2, 3],
        ['PEN', 7, 6],
      ].toSorted(),
    )
    const ofSets = promotionOf('p', { kind: 'gift', sku: 'SET', quantity: 2 })
    const setsBeside = (pens: number) => {
      const facts = factsOf({ variants, stock: { PEN: 6, SET: 3 }, promotions: [ofSets] })
      return given3(done(priceCart(cartWith(facts, [line('PEN', pens)]), facts)))
    }
    assert.deepEqual([1, 2, 3, 4, 5].map(setsBeside), [2, 2, 1, 1, 0])
  })

  it('of what costs nothing anyway are uses of their promotion, too', () => {
    const facts = factsOf({ variants: [variantOf('MUG', 1000), variantOf('PEN', 0)], promotions: [gift()] })
    const [, free] = price(cartWith(facts, [line('MUG')]), facts).lines
    assert.deepEqual([free?.total.amount, free?.adjustments.map(({ source, amount }) => [source.id, amount.amount])], [0, [['p', 0]]])
  })

  it('do not count in conditions, and no other promotion touches them', () => {
    const half = promotionOf('q', percent('50'), { lane: 1, conditions: [{ kind: 'quantity', atMost: 1 }] })
    const facts = factsOf({ ...given, promotions: [gift(), half] })
    const priced = price(cartWith(facts, [line('MUG')]), facts)
    assert.deepEqual(
      priced.lines.map((each) => each.adjustments.map(({ source }) => source.id)),
      [['q'], ['p']],
    )
  })

  it('in a group they are worth their price', () => {
    const rival = (off: number) => promotionOf('q', { kind: 'amount_off', amounts: usd(off) }, { group: 'g' })
    const winner = (off: number) => {
      const facts = factsOf({ ...given, promotions: [gift({ group: 'g' }), rival(off)] })
      return [...takenBy(price(cartWith(facts, [line('MUG')]), facts)).keys()]
    }
    assert.deepEqual([winner(299), winner(300), winner(301)], [['p'], ['p'], ['q']])
  })

  it('an empty cart gets none', () => {
    const facts = factsOf({ ...given, promotions: [gift()] })
    assert.deepEqual(price(guestCart(), facts).lines, [])
  })
})

// Time --------------------------------------------------------------------------------------------------------------------------------

describe('promotions by the hour', () => {
  const happy = promotionOf('p', percent('10'), {
    conditions: [{ kind: 'any', conditions: [{ kind: 'hours', timeZone: 'Europe/Berlin', from: '13:15', until: '13:30' }] }],
  })
  const QUARTER = 900_000

  it('a price holds until the next quarter hour, and its stamp moves with each', () => {
    const at = (now: number) => {
      const facts = factsOf({ variants: [variantOf('MUG', 1000)], promotions: [happy], now })
      return done(priceCart(cartWith(facts, [line('MUG')]), facts))
    }
    const times = [NOW, NOW + QUARTER - 1, NOW + QUARTER, NOW + 2 * QUARTER - 1, NOW + 2 * QUARTER].map(at)
    assert.deepEqual(
      times.map(({ cart }) => cart.total.amount),
      [1000, 1000, 900, 900, 1000],
    )
    assert.deepEqual(
      times.map(({ freshUntil }) => (freshUntil ?? 0) - NOW),
      [QUARTER, QUARTER, 2 * QUARTER, 2 * QUARTER, 3 * QUARTER],
    )
    assert.deepEqual(
      times.map(({ cart }) => cart.pricing - NOW),
      [0, 0, QUARTER, QUARTER, 2 * QUARTER],
    )
  })
})
