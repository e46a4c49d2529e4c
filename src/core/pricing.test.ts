// Pricing: what holds for every cart, said as properties of random carts, and what needs a story: codes, unavailable lines, notices, freshness.
// Golden totals are in `test/pricing/*.table`. A property that fails prints its seed and the smallest cart that breaks it.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { randomCarts } from '../../test/carts.ts'
import { cartWith, done, factsOf, inlineLine, line, NOW, promotionOf, refusalOf, variantOf } from '../../test/facts.ts'
import type { Adjustment } from './adjustment.ts'
import { type Cart, fillLines, type Notice } from './cart.ts'
import { changeCart } from './details.ts'
import type { Facts } from './facts.ts'
import { AMOUNT_MAX } from './money.ts'
import { type PricedCart, priceCart } from './pricing.ts'
import type { Benefit, Promotion } from './promotion.ts'
import type { TaxRate } from './settings.ts'

const RUNS = 10_000
function holds(check: (cart: Cart, facts: Facts) => void, runs = RUNS): void {
  fc.assert(
    fc.property(randomCarts, ({ cart, facts }) => check(cart, facts)),
    { numRuns: runs },
  )
}

const price = (cart: Cart, facts: Facts): PricedCart => done(priceCart(cart, facts)).cart
const total = (adjustments: readonly Adjustment[], type: Adjustment['type'], included?: boolean): number =>
  adjustments
    .filter((each) => each.type === type && (included === undefined || each.included === included))
    .reduce((sum, each) => sum + each.amount.amount, 0)

describe(`in ${RUNS} random carts`, () => {
  it('SEED3-47 SEED4-36 totals are sums of lines and adjustments and of nothing else', () => {
    holds((cart, facts) => {
      const priced = price(cart, facts)
      const sold = priced.lines.filter((each) => each.state === 'AVAILABLE')
      const all = [...sold.flatMap((each) => each.adjustments), ...priced.adjustments]
      const sum = (of: (each: (typeof sold)[number]) => number) => sold.reduce((amount, each) => amount + of(each), 0)
      assert.equal(
        priced.itemTotal.amount + priced.discountTotal.amount + priced.shippingTotal.amount + priced.additionalTaxTotal.amount,
        priced.total.amount,
      )
      assert.equal(
        priced.itemTotal.amount,
        sum((each) => each.unitPrice.amount * each.quantity),
      )
      assert.equal(priced.discountTotal.amount, total(all, 'promotion'))
      assert.equal(priced.shippingTotal.amount, total(all, 'shipping'))
      assert.equal(priced.includedTaxTotal.amount, total(all, 'tax', true))
      assert.equal(priced.additionalTaxTotal.amount, total(all, 'tax', false))
      for (const each of priced.lines) {
        assert.equal(each.discountTotal.amount, total(each.adjustments, 'promotion'))
        assert.equal(each.total.amount, each.itemTotal.amount + each.discountTotal.amount)
      }
    })
  })

  it('SEED4-74 nothing is negative but discounts, no line is given more than it costs, and no zero is negative', () => {
    holds((cart, facts) => {
      const priced = price(cart, facts)
      const totals = [priced.itemTotal, priced.shippingTotal, priced.includedTaxTotal, priced.additionalTaxTotal, priced.total]
      for (const { amount } of [...totals, ...priced.lines.map((each) => each.total)]) assert.ok(amount >= 0)
      for (const { amount } of [priced.discountTotal, ...priced.lines.map((each) => each.discountTotal)])
        assert.ok(amount <= 0 && !Object.is(amount, -0))
      assert.ok(priced.includedTaxTotal.amount <= priced.total.amount)
    })
  })

  it('the order of lines does not matter to any amount', () => {
    holds((cart, facts) => {
      const forwards = price(cart, facts)
      const backwards = price({ ...cart, lines: [...cart.lines].reverse() }, facts)
      assert.deepEqual({ ...backwards, notices: [], lines: backwards.lines.toReversed() }, { ...forwards, notices: [] })
    })
  })

  it('pricing twice gives the same, and changes nothing that it was given', () => {
    holds((cart, facts) => {
      const before = JSON.stringify([cart, [...facts.variants], [...facts.promotions]])
      assert.deepEqual(priceCart(cart, facts), priceCart(cart, facts))
      assert.equal(JSON.stringify([cart, [...facts.variants], [...facts.promotions]]), before)
    }, 1000)
  })

  it('the order in which promotions were entered does not matter', () => {
    holds((cart, facts) => {
      const promotions = new Map([...facts.promotions].reverse())
      assert.deepEqual(priceCart(cart, { ...facts, promotions }), priceCart(cart, facts))
    }, 1000)
  })

  it('one more promotion never makes the items dearer', () => {
    holds((cart, facts) => {
      const [last] = [...facts.promotions.keys()].slice(-1)
      const fewer = new Map([...facts.promotions].filter(([id]) => id !== last))
      const paid = ({ lines }: PricedCart) => lines.reduce((sum, each) => sum + each.total.amount, 0)
      assert.ok(paid(price(cart, facts)) <= paid(price(cart, { ...facts, promotions: fewer })))
    }, 1000)
  })
})

describe('codes on a cart', () => {
  const coded = (id: string, changes: Partial<Promotion> = {}) =>
    promotionOf(id, { kind: 'percent_off', percent: '10' }, { conditions: [{ kind: 'code' }], ...changes })
  const given = { variants: [variantOf('MUG', 1000)], settings: { promotions: { publicReasons: 'detailed' as const, maxCodes: 10 } } }

  const table: readonly [title: string, changes: Partial<Promotion>, reason: string | null][] = [
    ['applies', {}, null],
    ['is inactive', { active: false }, 'inactive'],
    ['starts in a moment', { startsAt: NOW + 1 }, 'not_started'],
    ['starts now', { startsAt: NOW }, null],
    ['ended just now', { endsAt: NOW }, 'expired'],
    ['ends in a moment', { endsAt: NOW + 1 }, null],
    ['asks for more items', { conditions: [{ kind: 'code' }, { kind: 'quantity', atLeast: 2 }] }, 'quantity_too_low'],
    ['asks for this total', { conditions: [{ kind: 'code' }, { kind: 'item_total', atLeast: [{ currency: 'USD', amount: 1000 }] }] }, null],
    [
      'asks for a larger total',
      { conditions: [{ kind: 'code' }, { kind: 'item_total', atLeast: [{ currency: 'USD', amount: 1001 }] }] },
      'item_total_too_low',
    ],
    [
      'asks for a total in another currency',
      { conditions: [{ kind: 'code' }, { kind: 'item_total', atLeast: [{ currency: 'EUR', amount: 1 }] }] },
      'currency',
    ],
    ['gives an amount in another currency', { benefit: { kind: 'amount_off', amounts: [{ currency: 'EUR', amount: 1 }] } }, 'currency'],
  ]
  for (const [title, changes, reason] of table) {
    it(`a promotion that ${title}: ${reason ?? 'the code applies'}`, () => {
      const facts = factsOf({ ...given, promotions: [coded('p', changes)], codes: { SAVE: 'p' } })
      const priced = price({ ...cartWith(facts, [line('MUG')]), codes: ['SAVE'] }, facts)
      assert.deepEqual(priced.codes, [{ code: 'SAVE', applied: reason === null, reason }])
      assert.equal(priced.total.amount, reason === null ? 900 : 1000)
    })
  }

  it('a code that nobody knows, that has no uses left, or whose promotion is gone does not apply', () => {
    const codes = { USED: { promotionId: 'p', usesLeft: 0 }, GONE: 'q' }
    const facts = factsOf({ ...given, promotions: [coded('p')], codes })
    const priced = price({ ...cartWith(facts, [line('MUG')]), codes: ['NOPE', 'USED', 'GONE'] }, facts)
    assert.deepEqual(
      priced.codes.map((each) => each.reason),
      ['unknown', 'exhausted', 'unknown'],
    )
    assert.equal(priced.total.amount, 1000)
  })

  it('two codes of one promotion are one discount, and only the first of them applies', () => {
    const facts = factsOf({ ...given, promotions: [coded('p')], codes: { ONE: 'p', TWO: 'p' } })
    const priced = price({ ...cartWith(facts, [line('MUG')]), codes: ['TWO', 'ONE'] }, facts)
    assert.equal(priced.total.amount, 900)
    assert.deepEqual(priced.codes, [
      { code: 'TWO', applied: true, reason: null },
      { code: 'ONE', applied: false, reason: 'same_promotion' },
    ])
    assert.equal(priced.lines[0]?.adjustments[0]?.source.code, 'TWO')
  })

  it('two codes of a promotion that does not apply: neither says it does', () => {
    const facts = factsOf({ ...given, promotions: [coded('p', { active: false })], codes: { ONE: 'p', TWO: 'p' } })
    const priced = price({ ...cartWith(facts, [line('MUG')]), codes: ['ONE', 'TWO'] }, facts)
    assert.deepEqual(
      priced.codes.map((each) => each.applied),
      [false, false],
    )
  })

  it('a promotion that waits for a code does nothing without it', () => {
    const facts = factsOf({ ...given, promotions: [coded('p')], codes: { SAVE: 'p' } })
    assert.equal(price(cartWith(facts, [line('MUG')]), facts).total.amount, 1000)
  })

  it('a shop that keeps its reasons to itself says the same of every code', () => {
    const facts = factsOf({ variants: given.variants, promotions: [coded('p', { endsAt: NOW })], codes: { OLD: 'p' } })
    const priced = price({ ...cartWith(facts, [line('MUG')]), codes: ['OLD', 'NOPE'] }, facts)
    assert.deepEqual(
      priced.codes.map((each) => each.reason),
      ['not_applicable', 'not_applicable'],
    )
  })

  it('promotions run by lane, then priority, then id', () => {
    const off = (amount: number): Benefit => ({ kind: 'amount_off', amounts: [{ currency: 'USD', amount }] })
    const promotions = [
      promotionOf('d', off(1), { lane: 1, priority: 9 }),
      promotionOf('c', off(1)),
      promotionOf('b', off(1)),
      promotionOf('a', off(1), { priority: -1 }),
      promotionOf('e', off(1), { priority: 1 }),
    ]
    const facts = factsOf({ ...given, promotions })
    const order = price(cartWith(facts, [line('MUG')]), facts).lines[0]?.adjustments.map((each) => each.source.id)
    assert.deepEqual(order, ['e', 'b', 'c', 'a', 'd'])
  })
})

describe('lines that cannot be bought', () => {
  const facts = factsOf({ variants: [variantOf('MUG', 1000), variantOf('TEE', 500)] })
  const cart = cartWith(facts, [line('MUG', 1, { id: 'ln_a' }), line('TEE', 2, { id: 'ln_b' }), inlineLine('Cup', 70)])

  it('stay, count in no total, and say so', () => {
    const priced = price(cart, factsOf({ variants: [variantOf('MUG', 1000, { published: false })] }))
    assert.deepEqual(
      priced.lines.map((each) => [each.state, each.name]),
      [
        ['UNAVAILABLE', 'Product MUG'],
        ['UNAVAILABLE', 'Product TEE'],
        ['AVAILABLE', 'Cup'],
      ],
    )
    assert.equal(priced.total.amount, 70)
    assert.deepEqual(
      priced.notices.map(({ code, path, params }) => [code, path, params.reason]),
      [
        ['line_unavailable', '/lines/ln_a', 'not_for_sale'],
        ['line_unavailable', '/lines/ln_b', 'not_for_sale'],
      ],
    )
  })

  it('are given no discount and no tax', () => {
    const half = factsOf({
      variants: [variantOf('MUG', 1000)],
      promotions: [promotionOf('p', { kind: 'percent_off', percent: '50' })],
      settings: { tax: { rates: [{ name: 'VAT', category: 'standard', percent: '20', included: true }] } },
    })
    const tee = price(cart, half).lines[1]
    assert.deepEqual([tee?.adjustments, tee?.discountTotal.amount], [[], 0])
  })

  it('a line without a price in the currency says that', () => {
    const priced = price(cart, factsOf({ variants: [variantOf('MUG', { EUR: 1 }), variantOf('TEE', 500)] }))
    assert.deepEqual(
      priced.notices.map((each) => each.params.reason),
      ['no_price'],
    )
  })
})

describe('notices that pricing finds', () => {
  const facts = factsOf({ variants: [variantOf('MUG', 1000)], stock: { MUG: 3 } })
  const cart = cartWith(facts, [line('MUG', 2, { id: 'ln_a' })])
  const at = (amount: number) => factsOf({ variants: [variantOf('MUG', amount)] })
  const codes = (notices: readonly Notice[]) => notices.map((each) => each.code)

  it('a price that rose or fell since the line was added', () => {
    assert.deepEqual(codes(price(cart, at(1001)).notices), ['price_increased'])
    assert.deepEqual(codes(price(cart, at(999)).notices), ['price_decreased'])
    assert.deepEqual(codes(price(cart, at(1000)).notices), [])
  })

  it('what was acknowledged is silent until it is something else', () => {
    const [seen] = price(cart, at(1200)).notices
    const acknowledged = { ...cart, acknowledged: [seen?.id ?? ''] }
    assert.deepEqual(codes(price(acknowledged, at(1200)).notices), [])
    assert.deepEqual(codes(price(acknowledged, at(1500)).notices), ['price_increased'])
  })

  it('prices that a server set are never compared', () => {
    const external = cartWith(facts, [line('MUG', 1, { unitPrice: 5 })])
    const priced = price(external, at(1200))
    assert.deepEqual([priced.total.amount, codes(priced.notices)], [5, []])
  })

  it('more than there is, two lines of one sku summed', () => {
    const two = cartWith(factsOf({ variants: [variantOf('MUG', 1000)] }), [line('MUG', 2), line('MUG', 2, { options: { a: 1 } })])
    const pricing = done(priceCart(two, facts))
    assert.deepEqual(pricing.stockSeen, [['MUG', 4, 3]])
    assert.deepEqual(
      pricing.cart.notices.map(({ code, path, params }) => [code, path, params.wanted, params.available]),
      [['insufficient_stock', '/skus/MUG', 4, 3]],
    )
  })

  it('a shipping method that no longer delivers there costs nothing and says so', () => {
    const priced = price({ ...cart, shippingMethod: 'gone' }, facts)
    assert.deepEqual([codes(priced.notices), priced.shippingTotal.amount], [['shipping_method_unavailable'], 0])
  })
})

describe('which tax and which shipping', () => {
  const rate = (name: string, percent: string, zone: Partial<TaxRate> = {}): TaxRate => {
    return { name, category: 'standard', percent, included: false, ...zone }
  }
  const rates = [rate('everywhere', '1'), rate('US', '2', { country: 'US' }), rate('NY', '3', { country: 'US', region: 'NY' })]
  const table: readonly [title: string, address: Partial<Cart>, country: string | null, tax: number][] = [
    ['nothing known', {}, null, 10],
    ["the shop's default country", {}, 'US', 20],
    ['a country without a rate', { shippingAddress: { country: 'DE' } }, 'US', 10],
    ['the country', { shippingAddress: { country: 'US', region: 'CA' } }, null, 20],
    ['the region', { shippingAddress: { country: 'US', region: 'NY' } }, null, 30],
    ['the region, however it is written', { shippingAddress: { country: 'US', region: ' ny ' } }, null, 30],
    ['a region of that name elsewhere', { shippingAddress: { country: 'DE', region: 'NY' } }, null, 10],
    ['the billing address where nothing is shipped', { billingAddress: { country: 'US', region: 'NY' } }, null, 30],
    ['the shipping address before it', { shippingAddress: { country: 'DE' }, billingAddress: { country: 'US' } }, null, 10],
  ]
  for (const [title, address, defaultCountry, tax] of table) {
    it(`tax: ${title}`, () => {
      for (const listed of [rates, [...rates].reverse()]) {
        const facts = factsOf({ variants: [variantOf('MUG', 1000)], settings: { tax: { rates: listed, defaultCountry } } })
        assert.equal(price({ ...cartWith(facts, [line('MUG')]), ...address }, facts).additionalTaxTotal.amount, tax)
      }
    })
  }

  it('shipping: the first rate that matches country and currency', () => {
    const rates = [
      { currency: 'EUR', amount: 1 },
      { countries: ['DE', 'AT'], currency: 'USD', amount: 2 },
      { countries: ['AT'], currency: 'USD', amount: 3 },
      { currency: 'USD', amount: 4 },
    ]
    const facts = factsOf({
      variants: [variantOf('MUG', 1000)],
      settings: { shipping: { methods: [{ id: 'post', name: 'Post', rates }] } },
    })
    const cart = { ...cartWith(facts, [line('MUG')]), shippingMethod: 'post' }
    const shipped = (country: string | null) =>
      price({ ...cart, shippingAddress: country === null ? null : { country } }, facts).shippingTotal.amount
    assert.deepEqual(['DE', 'AT', 'US', null].map(shipped), [2, 2, 4, 4])
  })
})

describe('shipping that is given away', () => {
  it('is credited to the first promotion that gives it, and carries no tax', () => {
    const facts = factsOf({
      variants: [variantOf('MUG', 1000)],
      promotions: [promotionOf('b', { kind: 'free_shipping' }), promotionOf('a', { kind: 'free_shipping' })],
      settings: {
        tax: { rates: [rateOf('10')], shippingCategory: 'standard' },
        shipping: { methods: [{ id: 'post', name: 'Post', rates: [{ currency: 'USD', amount: 499 }] }] },
      },
    })
    const priced = price({ ...cartWith(facts, [line('MUG')]), shippingMethod: 'post' }, facts)
    assert.deepEqual(
      priced.adjustments.map(({ type, amount, source }) => [type, amount.amount, source.id]),
      [
        ['shipping', 499, 'post'],
        ['promotion', -499, 'a'],
      ],
    )
  })
})

describe('freshness', () => {
  const promotion = promotionOf('p', { kind: 'percent_off', percent: '10' }, { startsAt: NOW - 5, endsAt: NOW + 5 })
  const given = { variants: [variantOf('MUG', 1000)], promotions: [promotion], epoch: NOW - 100 }
  const cart = cartWith(factsOf(given), [line('MUG')])

  it('lasts until the next moment at which a promotion begins or ends', () => {
    const pricing = done(priceCart(cart, factsOf(given)))
    assert.deepEqual([pricing.freshUntil, pricing.cart.pricing], [NOW + 5, NOW - 5])
    const after = done(priceCart(cart, factsOf({ ...given, now: NOW + 5 })))
    assert.deepEqual([after.freshUntil, after.cart.pricing, after.cart.total.amount], [null, NOW + 5, 1000])
  })

  it('the stamp of prices never falls while time passes', () => {
    const stamps = [-6, -5, 0, 4, 5, 6].map((ms) => price(cart, factsOf({ ...given, now: NOW + ms })).pricing)
    assert.deepEqual(
      stamps,
      [...stamps].sort((a, b) => a - b),
    )
  })
})

describe('amounts that cannot be exact', () => {
  it('a line, a sum, or a tax past 2^53 − 1 is refused', () => {
    const facts = factsOf({ variants: [variantOf('MAX', AMOUNT_MAX), variantOf('ONE', 1)] })
    assert.equal(refusalOf(priceCart(cartWith(facts, [line('MAX', 2)]), facts)).refused, 'amount_too_large')
    assert.equal(refusalOf(priceCart(cartWith(facts, [line('MAX'), line('ONE')]), facts)).refused, 'amount_too_large')
    const taxed = { ...facts, shop: factsOf({ settings: { tax: { rates: [rateOf('9999')] } } }).shop }
    assert.equal(refusalOf(priceCart(cartWith(facts, [line('MAX')]), taxed)).refused, 'amount_too_large')
    assert.equal(price(cartWith(facts, [line('MAX')]), facts).total.amount, AMOUNT_MAX)
  })
})

function rateOf(percent: string): TaxRate {
  return { name: 'Tax', category: 'standard', percent, included: false }
}

describe('prices that were held, remembered or never there', () => {
  const both = (prices: Record<string, number>) => [variantOf('X', prices)]
  const settings = { currency: { onMissingPrice: 'flag' as const }, pricing: { onIncrease: 'hold' as const } }

  it('a price of another currency is never carried over as a bare number', () => {
    const before = factsOf({ variants: both({ USD: 1000 }), settings })
    const cart = cartWith(before, [line('X')])
    const moved = done(changeCart(cart, { currency: 'JPY' }, before)).cart
    assert.equal(done(priceCart(moved, before)).cart.lines[0]?.state, 'UNAVAILABLE')
    const later = factsOf({ variants: both({ USD: 1000, JPY: 150_000 }), settings })
    const priced = done(priceCart(moved, later)).cart
    assert.deepEqual([priced.total.amount, priced.lines[0]?.priceWhenAdded.amount, priced.notices], [150_000, 150_000, []])
    const back = done(changeCart(moved, { currency: 'USD' }, later)).cart
    assert.equal(done(priceCart(back, later)).cart.total.amount, 1000)
  })

  it('filling a cart anew keeps the price that a line was added at, in every currency', () => {
    const before = factsOf({ variants: both({ USD: 1000, EUR: 900 }), settings })
    const euro = done(changeCart(cartWith(before, [line('X')]), { currency: 'EUR' }, before)).cart
    const later = factsOf({ variants: both({ USD: 2000, EUR: 1900 }), settings })
    const filled = done(fillLines(euro, { lines: [line('X', 2)], mode: 'replace' }, later)).cart
    assert.equal(done(priceCart(filled, later)).cart.total.amount, 1800)
    assert.equal(done(priceCart(done(changeCart(filled, { currency: 'USD' }, later)).cart, later)).cart.total.amount, 2000)
  })

  it('a code that leaves the cart keeps no other promotion from applying', () => {
    const first = promotionOf('first', { kind: 'free_shipping' }, { conditions: [{ kind: 'code' }], priority: 1, stops: true })
    const most = promotionOf('most', { kind: 'percent_off', percent: '50' })
    const alone = promotionOf('alone', { kind: 'percent_off', percent: '10' }, { exclusive: true })
    const settings = { promotions: { onInvalid: 'remove' as const } }
    const facts = factsOf({ variants: [variantOf('MUG', 1000)], promotions: [first, most, alone], codes: { FREE: 'first' }, settings })
    const { cart, intent } = done(priceCart({ ...cartWith(facts, [line('MUG')]), codes: ['FREE'] }, facts))
    assert.deepEqual([cart.codes, cart.notices.map(({ code }) => code), cart.total.amount], [[], ['code_removed'], 500])
    assert.deepEqual(done(priceCart(intent, facts)).cart, cart)
  })

  it('a code that came back and lapses again is told again, though it was acknowledged before', () => {
    const promotions = [
      promotionOf('many', { kind: 'percent_off', percent: '10' }, { conditions: [{ kind: 'code' }, { kind: 'quantity', atLeast: 2 }] }),
    ]
    const facts = factsOf({
      variants: both({ USD: 1000 }),
      promotions,
      codes: { MANY: 'many' },
      settings: { promotions: { onInvalid: 'remove' } },
    })
    const lapsed = () => {
      const pricing = done(priceCart({ ...cartWith(facts, [line('X')]), codes: ['MANY'], acknowledged: seen }, facts))
      return pricing
    }
    let seen: readonly string[] = []
    const first = lapsed()
    assert.deepEqual(
      first.cart.notices.map(({ code }) => code),
      ['code_removed'],
    )
    seen = first.cart.notices.map(({ id }) => id)
    const second = lapsed()
    assert.deepEqual([second.cart.notices, second.intent.acknowledged], [[], []])
  })

  it('the stamp of a price does not fall when a line sells out or a promotion is used up', () => {
    const promotion = promotionOf('p', { kind: 'percent_off', percent: '10' }, { startsAt: NOW - 1000 })
    const given = {
      variants: both({ USD: 1000 }),
      settings: { ...settings, lines: { onUnavailable: 'remove' as const } },
      promotions: [promotion],
      epoch: 5,
    }
    const cart = cartWith(factsOf({ ...given, stock: { X: 3 } }), [line('X')])
    const later = { ...given, now: NOW + 48 * 3_600_000 }
    const full = done(priceCart(cart, factsOf({ ...later, stock: { X: 3 } }))).cart.pricing
    const sold = done(priceCart(cart, factsOf({ ...later, stock: { X: 0 } }))).cart.pricing
    const used = done(priceCart(cart, { ...factsOf({ ...later, stock: { X: 3 } }), promotions: new Map() })).cart.pricing
    assert.deepEqual([sold, used], [full, full])
  })
})
