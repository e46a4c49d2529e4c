// All of pricing at once. Each stage has its own tests; here are carts in which promotions of every kind meet taxes of every level, shipping, quantity
// and group prices, gifts, budgets and outside engines, and what must hold whatever the mix: totals are sums, nothing is negative that must not
// be, no order of anything counts, and what is explained is what is charged.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { cartWith, done, factsOf, guestCart, inlineLine, lastEdgeOf, line, NOW, promotionOf, variantOf } from '../../test/facts.ts'
import { randomPromotions, TAGS } from '../../test/random-promotions.ts'
import type { Adjustment } from './adjustment.ts'
import type { Cart } from './cart.ts'
import { explain } from './explanation.ts'
import type { CodeFacts, Facts, LimitFacts } from './facts.ts'
import { type PricedCart, type Pricing, priceCart } from './pricing.ts'
import type { Condition, Promotion } from './promotion.ts'
import type { Quotes, TaxRequest, Wanted } from './quote.ts'
import { factsText, replay } from './replay.ts'
import type { Settings, ShippingMethod, TaxRate } from './settings.ts'
import { demandOf } from './stock.ts'

/** How many carts; a third of it where each is priced many times. */
const RUNS = 900
const HOUR = 3_600_000
const BUNDLE = { kind: 'bundle', parts: [{ sku: 'GIFT', quantity: 2 }] } as const
const HOLDING = { onIncrease: 'hold', holdFor: 'PT1H' } as const
const CATEGORIES = ['standard', 'reduced'] as const
const percents = fc.constantFrom('0', '1', '5.5', '7.7', '19', '33.333', '100')
const amounts = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 10_000 }))

// Random shops and carts --------------------------------------------------------------------------------------------------------------

const randomLine = fc.record({
  kind: fc.constantFrom('catalog', 'catalog', 'catalog', 'external', 'inline'),
  price: amounts,
  fromThree: fc.option(amounts),
  forVip: fc.option(amounts),
  quantity: fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 9999 })),
  tags: fc.subarray(TAGS),
  category: fc.constantFrom(...CATEGORIES),
  ships: fc.boolean(),
  grams: fc.integer({ min: 0, max: 5000 }),
  bulky: fc.boolean(),
  published: fc.constantFrom(true, true, true, true, false),
  stock: fc.option(fc.integer({ min: 0, max: 8 }), { freq: 3 }),
  isBundle: fc.constantFrom(false, false, false, true),
  taxes: fc.option(
    fc.array(fc.record({ name: fc.constantFrom('VAT', 'Levy'), percent: percents, included: fc.boolean() }), {
      minLength: 1,
      maxLength: 3,
    }),
    { freq: 4 },
  ),
})

type RandomLine = typeof randomLine extends fc.Arbitrary<infer T> ? T : never

const randomTaxes = fc.record({
  included: fc.boolean(),
  percents: fc.array(percents, { maxLength: 3 }),
  compound: fc.boolean(),
  roundingLevel: fc.constantFrom<Settings['tax']['roundingLevel']>('unit', 'line', 'order'),
  rounding: fc.constantFrom<Settings['pricing']['rounding']>('halfUp', 'halfEven', 'halfDown'),
  shippingCategory: fc.constantFrom('standard', null),
  exemptPrices: fc.constantFrom<Settings['tax']['exemptPrices']>('net', 'gross'),
  provider: fc.option(fc.constant('engine'), { freq: 4 }),
  onProviderFailure: fc.constantFrom<Settings['tax']['onProviderFailure']>('block', 'last', 'fallback'),
})

const randomShipping = fc.record({
  amount: amounts,
  freeFrom: fc.option(amounts),
  by: fc.option(fc.constantFrom('weight' as const, 'total' as const, 'quantity' as const)),
  step: fc.record({ from: fc.integer({ min: 1, max: 4000 }), amount: amounts }),
  surcharge: amounts,
  express: amounts,
  provider: fc.option(fc.constant('carrier'), { freq: 4 }),
  onProviderFailure: fc.constantFrom<Settings['shipping']['onProviderFailure']>('block', 'last', 'fallback'),
  whenNotChosen: fc.constantFrom<Settings['shipping']['whenNotChosen']>('none', 'cheapest'),
  floor: fc.constantFrom<Settings['totals']['floor']>('zero', 'shipping'),
  chosen: fc.constantFrom('post', 'express', 'van', 'gone', null),
})

const randomLimits = fc.array(
  fc.option(
    fc.record({
      usesLeft: fc.constantFrom(null, null, 0, 1),
      customerUsesLeft: fc.constantFrom(null, null, 'unknown' as const, 0, 1),
      budgetLeft: fc.option(amounts.map((USD) => ({ USD }))),
    }),
  ),
  { minLength: 7, maxLength: 7 },
)

const randomBuyer = fc.record({
  groups: fc.subarray(['vip', 'exempt']),
  taxExempt: fc.constantFrom(false, false, false, true),
  vatId: fc.constantFrom(null, null, 'FR40303265045'),
  country: fc.constantFrom('DE', 'FR', 'US', null),
})

/** Which promotions ask for a code that is on the cart, and whether that can be used. */
const randomCodes = fc.record({
  states: fc.array(fc.constantFrom(null, null, 'open', 'used up', 'inactive'), { minLength: 7, maxLength: 7 }),
  onInvalid: fc.constantFrom<Settings['promotions']['onInvalid']>('keep', 'remove'),
  onUnavailable: fc.constantFrom<Settings['lines']['onUnavailable']>('flag', 'remove'),
})

/** What engines answered last: to what is asked now, to the same question of another hour or cart, or nothing. */
const randomQuotes = fc.record({ percent: percents, van: amounts, state: fc.constantFrom('now', 'now', 'old', 'none') })

const worlds = fc
  .record({
    lines: fc.array(randomLine, { minLength: 1, maxLength: 5 }),
    promotions: randomPromotions,
    best: fc.subarray([0, 1]),
    percentBase: fc.constantFrom<Settings['promotions']['percentBase']>('original', 'running'),
    taxes: randomTaxes,
    shipping: randomShipping,
    limits: randomLimits,
    buyer: randomBuyer,
    stock: fc.integer({ min: 0, max: 8 }),
    quotes: randomQuotes,
    codes: randomCodes,
  })
  .map(({ lines, promotions, best, percentBase, taxes, shipping, limits, buyer, stock, quotes, codes }) => {
    const settings = {
      pricing: { rounding: taxes.rounding },
      promotions: { bestOfLanes: best, percentBase, onInvalid: codes.onInvalid, maxCodes: 10 },
      lines: { onUnavailable: codes.onUnavailable },
      inventory: { onAdd: 'allow' as const },
      tax: taxSettings(taxes),
      shipping: {
        methods: methodsOf(shipping),
        provider: shipping.provider,
        onProviderFailure: shipping.onProviderFailure,
        whenNotChosen: shipping.whenNotChosen,
      },
      totals: { floor: shipping.floor },
    }
    const variants = lines.map((each, index) => {
      const prices = [
        { currency: 'USD', amount: each.price },
        ...(each.fromThree === null ? [] : [{ currency: 'USD', amount: each.fromThree, quantityFrom: 3 }]),
        ...(each.forVip === null ? [] : [{ currency: 'USD', amount: each.forVip, group: 'vip' }]),
      ]
      const { tags, category: taxCategory, ships: requiresShipping, grams, bulky, isBundle } = each
      const ofGoods = {
        tags,
        taxCategory,
        requiresShipping,
        grams,
        ...(bulky ? { shippingCategory: 'bulky' } : {}),
        ...(isBundle ? BUNDLE : {}),
      }
      return variantOf(`SKU-${index}`, 0, { prices, ...ofGoods })
    })
    const facts = factsOf({
      variants: [...variants, variantOf('GIFT', 700, { grams: 900, shippingCategory: 'bulky' })],
      stock: Object.fromEntries([['GIFT', stock], ...lines.flatMap((each, index) => stockOf(each, index, stock))]),
      codes: codesOf(codes.states),
      promotions: promotions.map(({ benefit, ...changes }, index) => {
        const code = codes.states[index] ? [{ kind: 'code' as const }] : []
        return promotionOf(`promo_${index}`, benefit, { ...changes, conditions: [...changes.conditions, ...code] })
      }),
      limits: Object.fromEntries(limits.flatMap((left, index) => (left ? [[`promo_${index}`, left as LimitFacts]] : []))),
      settings,
    })
    const { country, groups, taxExempt, vatId } = buyer
    const start = guestCart({
      shippingMethod: shipping.chosen,
      shippingAddress: country === null ? null : { country },
      customerGroups: groups,
      taxExempt,
      vatId,
      codes: codes.states.flatMap((state, index) => (state ? [`CODE${index}`] : [])),
    })
    const cart = cartWith(facts, lines.map(requestOf), start)
    const shown = variants.map((variant, index) => ({ ...variant, published: lines[index]?.published === true }))
    const world = { ...facts, variants: new Map([...facts.variants, ...shown.map((variant) => [variant.sku, variant] as const)]) }
    return { cart, facts: withQuotes(cart, world, quotes) }
  })

function requestOf({ kind, price, quantity, taxes, category, ships, grams }: RandomLine, index: number) {
  const rest = { id: `ln_${index}`, ...(taxes === null ? {} : { taxes }) }
  if (kind !== 'inline') return line(`SKU-${index}`, quantity, { ...rest, ...(kind === 'external' ? { unitPrice: price } : {}) })
  const plain = inlineLine(`Item ${index}`, price, { ...rest, quantity }, category)
  return plain.inline ? { ...plain, inline: { ...plain.inline, requiresShipping: ships, grams } } : plain
}

function taxSettings({
  percents: given,
  included,
  compound,
  rounding: _,
  ...rest
}: typeof randomTaxes extends fc.Arbitrary<infer T> ? T : never) {
  const rates = CATEGORIES.flatMap((category) =>
    given.map((percent, index): TaxRate => {
      const isCompound = compound && index > 0
      return { name: `T${index}`, tax: `t${index}`, category, percent, included, ...(isCompound ? { compound: true } : {}) }
    }),
  )
  const reverseCharge = { home: 'DE', countries: ['DE', 'FR'], require: 'format' as const }
  return { ...rest, rates, defaultCountry: 'DE', exemptGroups: ['exempt'], reverseCharge }
}

function methodsOf({
  amount,
  freeFrom,
  by,
  step,
  surcharge,
  express,
}: typeof randomShipping extends fc.Arbitrary<infer T> ? T : never): ShippingMethod[] {
  const post = {
    currency: 'USD',
    amount,
    ...(freeFrom === null ? {} : { freeFrom }),
    ...(by === null ? {} : { by, steps: [step] }),
    surcharges: [{ category: 'bulky', amount: surcharge, per: 'item' as const }],
  }
  return [
    { id: 'post', name: 'Post', rates: [post], maxGrams: 30_000 },
    { id: 'express', name: 'Express', rates: [{ currency: 'USD', amount: express }] },
  ]
}

function codesOf(states: readonly (string | null)[]): Record<string, CodeFacts> {
  const known = states.map((state, index): [string, CodeFacts] => {
    const isInactive = state === 'inactive' ? { isInactive: true as const } : {}
    return [`CODE${index}`, { promotionId: `promo_${index}`, usesLeft: state === 'open' ? null : 0, ...isInactive }]
  })
  return Object.fromEntries(known)
}

/** How many there are of a line's item, where that is counted: of a bundle as many as its parts make. */
function stockOf({ isBundle, stock }: RandomLine, index: number, gifts: number): [string, number][] {
  if (isBundle) return [[`SKU-${index}`, Math.floor(gifts / 2)]]
  return stock === null ? [] : [[`SKU-${index}`, stock]]
}

/** What engines say to what pricing wants to know: shipping first, because it is taxed. */
function withQuotes(cart: Cart, facts: Facts, { percent, van, state }: { percent: string; van: number; state: string }): Facts {
  if (state === 'none') return facts
  let known = facts
  for (let round = 0; round < 2; round++) {
    const [wanted] = done(priceCart(cart, known)).wanted
    if (!wanted) return known
    known = { ...known, quotes: { ...known.quotes, ...answerTo(wanted, percent, van, state === 'now' ? NOW : NOW - 7_200_000) } }
  }
  return known
}

function answerTo(wanted: Wanted, percent: string, van: number, at: number): Partial<Quotes> {
  const { text: request } = wanted
  if (wanted.kind === 'shipping') return { shipping: { request, answer: [{ id: 'van', name: 'Van', amount: van }], at } }
  const taxOn = (amount: number) => [{ id: 'e', name: 'Engine', percent, amount: Math.floor(amount / 10), included: false }]
  const { lines, shipping }: TaxRequest = wanted.request
  return {
    tax: { request, answer: { lines: lines.map(({ id, amount }) => ({ id, taxes: taxOn(amount) })), shipping: taxOn(shipping) }, at },
  }
}

// What holds --------------------------------------------------------------------------------------------------------------------------

function holds(check: (cart: Cart, facts: Facts, pricing: Pricing) => void, numRuns = RUNS): void {
  fc.assert(
    fc.property(worlds, ({ cart, facts }) => check(cart, facts, done(priceCart(cart, facts)))),
    { numRuns },
  )
}

const sumOf = (adjustments: readonly Adjustment[], isMeant: (each: Adjustment) => boolean): number =>
  adjustments.reduce((sum, each) => (isMeant(each) ? sum + each.amount.amount : sum), 0)
const isPromotion = ({ type }: Adjustment) => type === 'promotion'
const isShipping = ({ type }: Adjustment) => type === 'shipping'
const isAdded = ({ type, included }: Adjustment) => type === 'tax' && !included
const isContained = ({ included }: Adjustment) => included
const allOf = ({ lines, adjustments }: PricedCart) => [...lines.flatMap((each) => each.adjustments), ...adjustments]

/** The same in an order of ids: what a cart's lines and notices are, whatever the order in which they are shown. */
function byId(priced: PricedCart): unknown {
  const sorted = <T extends { readonly id: string }>(given: readonly T[]) => given.toSorted((a, b) => (a.id < b.id ? -1 : 1))
  return { ...priced, lines: sorted(priced.lines), notices: sorted(priced.notices) }
}

describe('in random carts of random shops', () => {
  it('totals are sums of lines and adjustments, and their sum is the total', () => {
    holds((_cart, _facts, { cart: priced }) => {
      const all = allOf(priced)
      const sold = priced.lines.filter(({ state }) => state === 'AVAILABLE')
      assert.equal(
        priced.itemTotal.amount,
        sold.reduce((sum, { itemTotal }) => sum + itemTotal.amount, 0),
      )
      assert.equal(priced.discountTotal.amount, sumOf(all, isPromotion))
      assert.equal(priced.shippingTotal.amount, sumOf(all, isShipping))
      assert.equal(priced.includedTaxTotal.amount, sumOf(all, isContained))
      assert.equal(priced.additionalTaxTotal.amount, sumOf(all, isAdded))
      const { itemTotal, discountTotal, shippingTotal, additionalTaxTotal, total } = priced
      assert.equal(total.amount, itemTotal.amount + discountTotal.amount + shippingTotal.amount + additionalTaxTotal.amount)
      for (const { amount } of all) assert.ok(Number.isSafeInteger(amount.amount) && !Object.is(amount.amount, -0))
    })
  })

  it('no line, no shipping and no total is below zero, with every relief from tax, and no total below the floor', () => {
    holds((_cart, facts, { cart: priced }) => {
      for (const each of priced.lines) {
        if (each.state === 'UNAVAILABLE') assert.deepEqual(each.adjustments, [])
        assert.equal(each.total.amount, each.itemTotal.amount + sumOf(each.adjustments, isPromotion))
        assert.ok(each.total.amount >= 0 && each.total.amount <= each.itemTotal.amount)
        assert.ok(each.total.amount + sumOf(each.adjustments, isAdded) >= 0)
        assert.ok(sumOf(each.adjustments, isContained) <= each.total.amount)
        if (each.giftOf !== null) assert.equal(each.total.amount, 0)
      }
      const shipping = sumOf(priced.adjustments, (each) => isShipping(each) || isPromotion(each))
      assert.ok(shipping >= 0 && shipping + sumOf(priced.adjustments, isAdded) >= 0)
      assert.ok(sumOf(priced.adjustments, isContained) <= shipping)
      assert.ok(priced.total.amount >= 0)
      const floor = facts.shop.settings.totals.floor === 'shipping' ? priced.shippingTotal.amount : 0
      assert.ok(priced.total.amount - Math.min(0, priced.additionalTaxTotal.amount) >= floor)
    })
  })

  it('neither the order of lines nor that of promotions changes anything', () => {
    holds((cart, facts, { cart: priced, wanted }) => {
      const promotions: ReadonlyMap<string, Promotion> = new Map([...facts.promotions].toReversed())
      const turned = done(priceCart({ ...cart, lines: cart.lines.toReversed() }, { ...facts, promotions }))
      assert.deepEqual(byId(turned.cart), byId(priced))
      assert.deepEqual(
        turned.wanted.map(({ text }) => text),
        wanted.map(({ text }) => text),
      )
    })
  })

  it('what is written down gives the same bytes again, and so does who asks why', () => {
    holds((cart, facts, pricing) => {
      const again = replay(factsText(cart, facts)) ?? assert.fail('what was written down does not read')
      assert.equal(JSON.stringify(priceCart(again.cart, again.facts)), JSON.stringify(pricing))
      assert.equal(JSON.stringify(done(explain(cart, facts)).cart), JSON.stringify(pricing.cart))
    })
  })

  it('what is explained is what is charged: the parts make the total, and every promotion took what is said of it', () => {
    holds((cart, facts, { cart: priced }) => {
      const { explanation } = done(explain(cart, facts))
      const parts = explanation.totals.filter(({ included }) => !included)
      assert.equal(
        parts.reduce((sum, { amount }) => sum + amount, 0),
        priced.total.amount,
      )
      const all = allOf(priced)
      for (const { promotionId, discount, outcome } of explanation.promotions) {
        assert.equal(discount, 0 - sumOf(all, ({ source }) => source.kind === 'promotion' && source.id === promotionId), promotionId)
        if (outcome === 'not_applied') assert.equal(discount, 0)
      }
    })
  })

  it('what a shop removes from a cart changes nothing a second time', () => {
    holds((_cart, facts, { cart: priced, intent }) => {
      const again = done(priceCart(intent, facts))
      assert.equal(again.intent, intent)
      assert.deepEqual(again.cart, priced)
    })
  })

  it('what is given away is there beside the lines, with what bundles need of it', () => {
    holds((_cart, facts, { cart: priced }) => {
      const sold = priced.lines.filter(({ state }) => state === 'AVAILABLE')
      const gifts = sold.filter((each) => each.giftOf !== null)
      for (const [sku, wanted] of demandOf(sold)) {
        const isGiven = demandOf(gifts).some(([given]) => given === sku)
        if (isGiven && facts.stock.has(sku)) assert.ok(wanted <= (facts.stock.get(sku) ?? 0), sku)
      }
    })
  })

  it('no promotion takes more than its budget, and none whose uses are gone takes anything', () => {
    holds((_cart, facts, { cart: priced }) => {
      const all = allOf(priced)
      for (const [id, { usesLeft, customerUsesLeft, budgetLeft }] of facts.limits) {
        const of = all.filter(({ source }) => source.kind === 'promotion' && source.id === id)
        if (usesLeft === 0 || customerUsesLeft === 0 || customerUsesLeft === 'unknown') assert.deepEqual(of, [])
        if (budgetLeft) assert.ok(0 - sumOf(of, isPromotion) <= (budgetLeft.USD ?? 0))
      }
    })
  })

  it('a price stands as long as every limit and every stock that it looked at answers the same', () => {
    holds((cart, facts, pricing) => {
      for (const [id, { budgetLeft }] of facts.limits) {
        if (budgetLeft?.USD === undefined) continue
        const key = `budget:${id}:USD`
        const left = Math.max(0, budgetLeft.USD - 1)
        if (!pricing.limitsSeen.every(([seen, wanted, was]) => seen !== key || wanted <= left === was)) continue
        const limits = new Map(facts.limits)
        limits.set(id, { ...(limits.get(id) as LimitFacts), budgetLeft: { USD: left } })
        assert.deepEqual(done(priceCart(cart, { ...facts, limits })).cart, pricing.cart)
      }
      for (const level of [0, 1, 3, 4, 20]) {
        const stock = new Map(facts.stock).set('GIFT', level)
        for (const { sku, parts } of facts.variants.values()) if (parts) stock.set(sku, Math.floor(level / 2))
        const isSeenSo = ([sku, wanted, had]: Pricing['stockSeen'][number]) => {
          const has = stock.get(sku) ?? 0
          return wanted <= had ? wanted <= has : has === had
        }
        if (!pricing.stockSeen.every(isSeenSo)) continue
        assert.deepEqual(done(priceCart(cart, { ...facts, stock })).cart, pricing.cart)
      }
    }, RUNS / 3)
  })

  it('of alternatives the shopper gets the one that takes most off, at what shipping then costs', () => {
    holds((cart, facts, { cart: priced }) => {
      // A floor gives back what was found to be best, and a budget bounds it.
      if (facts.shop.settings.totals.floor === 'shipping' || facts.shop.settings.shipping.provider !== null) return
      const all = [...facts.promotions].filter(([id]) => !facts.limits.has(id))
      const given = (promotions: typeof all) =>
        0 -
        done(priceCart(cart, { ...facts, quotes: { tax: null, shipping: null }, promotions: new Map(promotions) })).cart.discountTotal
          .amount
      const alternatives = [all.filter(([, each]) => !each.exclusive), ...all.filter(([, each]) => each.exclusive).map((each) => [each])]
      assert.equal(given(all), Math.max(...alternatives.map(given)))
      assert.ok(priced.discountTotal.amount <= 0)
    })
  })

  it('a price stands until the moment that it names, and what comes later has a later stamp', () => {
    const hours = fc.constantFrom(-2, -1, -0.25, 0.25, 0.5, 1, 2).map((count) => NOW + count * HOUR)
    const dated = fc.record({
      startsAt: hours,
      endsAt: hours,
      which: fc.nat(6),
      as: fc.constantFrom('promotion', 'condition', 'price', 'hours'),
    })
    const moments = fc.uniqueArray(fc.integer({ min: 0, max: 12 }), { minLength: 2, maxLength: 5 })
    const property = fc.property(worlds, fc.array(dated, { maxLength: 4 }), moments, fc.boolean(), (given, dates, quarters, isHeld) => {
      const { cart, facts } = dates.reduce(withDate, given)
      const settings = { ...facts.shop.settings, pricing: { ...facts.shop.settings.pricing, ...(isHeld ? HOLDING : {}) } }
      const at = (now: number) => {
        const lastEdge = lastEdgeOf([...facts.promotions.values()], now)
        return done(priceCart(cart, { ...facts, now, lastEdge, shop: { ...facts.shop, settings } }))
      }
      // Before, at and behind each quarter hour: everything that time changes here changes there.
      const times = quarters.toSorted((a, b) => a - b).flatMap((count) => [-1, 0, 1].map((off) => NOW + (count * HOUR) / 4 + off))
      let before = at(NOW - 1)
      for (const now of times) {
        const after = at(now)
        const isSame = JSON.stringify(after.cart) === JSON.stringify(before.cart)
        if (before.freshUntil === null || now < before.freshUntil) assert.ok(isSame, 'another price before its time')
        assert.ok(after.cart.pricing > before.cart.pricing || isSame, 'another price without a later stamp')
        before = after
      }
    })
    fc.assert(property, { numRuns: RUNS / 3 })
  })
})

type World = typeof worlds extends fc.Arbitrary<infer T> ? T : never

/** The same with something that begins and ends. */
function withDate(
  { cart, facts }: World,
  { startsAt, endsAt, which, as }: { startsAt: number; endsAt: number; which: number; as: string },
): World {
  if (as === 'price') {
    const variant = [...facts.variants.values()][which % facts.variants.size]
    if (!variant) return { cart, facts }
    const prices = [...variant.prices, { currency: 'USD', amount: 1 + which, startsAt, endsAt }]
    return { cart, facts: { ...facts, variants: new Map([...facts.variants, [variant.sku, { ...variant, prices }]]) } }
  }
  const promotion = facts.promotions.get(`promo_${which}`)
  if (!promotion) return { cart, facts }
  const time = (at: number) => new Date(at).toISOString().slice(11, 16)
  const condition: Condition =
    as === 'hours'
      ? { kind: 'hours', timeZone: 'UTC', from: time(startsAt), until: time(endsAt) }
      : { kind: 'dates', from: startsAt, until: endsAt }
  const changed: Promotion =
    as === 'promotion' ? { ...promotion, startsAt, endsAt } : { ...promotion, conditions: [...promotion.conditions, condition] }
  return { cart, facts: { ...facts, promotions: new Map([...facts.promotions, [promotion.id, changed]]) } }
}
