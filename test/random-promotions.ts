// Random promotions of every kind in every mix of lanes, groups and alternatives, for properties that hold for all of them. They are for items
// `SKU-0` … `SKU-3` and `GIFT`, in USD.
import fc from 'fast-check'
import type { Benefit, Condition, LineFilter } from '../src/core/promotion.ts'

const usd = (amount: number) => [{ currency: 'USD', amount }]

/** Tags of items, which promotions ask for. */
export const TAGS = ['red', 'blue', 'new']
const percents = fc.constantFrom('0', '1', '7.5', '10', '33.333', '50', '100')
const amounts = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 20_000 })).map(usd)
const pieces = fc.integer({ min: 1, max: 6 })
const filters: fc.Arbitrary<LineFilter> = fc.oneof(
  fc.subarray(['SKU-0', 'SKU-1', 'SKU-2', 'SKU-3'], { minLength: 1 }).map((skus) => ({ skus })),
  fc.constantFrom(...TAGS).map((tag) => ({ tags: [tag] })),
  fc.constantFrom(...TAGS).map((tag) => ({ except: { tags: [tag] } })),
)
const scopes = fc.oneof(
  fc.constant({}),
  filters.map((of) => ({ of })),
)
const maybe = <T extends object>(value: fc.Arbitrary<T>) => fc.oneof(fc.constant({}), value)
const on = <const T extends string>(...places: T[]) => maybe(fc.constantFrom(...places).map((place) => ({ on: place })))
const max = maybe(fc.integer({ min: 1, max: 3 }).map((most) => ({ max: most })))
const maxUnits = maybe(pieces.map((most) => ({ maxUnits: most })))

const benefits: fc.Arbitrary<Benefit> = fc.oneof(
  fc
    .tuple(percents, on('order', 'lines', 'shipping'), scopes)
    .map(([value, place, of]) => ({ kind: 'percent_off' as const, percent: value, ...place, ...of })),
  fc
    .tuple(amounts, on('order', 'lines', 'units', 'shipping'), scopes, maxUnits)
    .map(([value, place, of, most]) => ({ kind: 'amount_off' as const, amounts: value, ...place, ...of, ...most })),
  fc.tuple(amounts, scopes, maxUnits).map(([prices, of, most]) => ({ kind: 'fixed_price' as const, prices, ...of, ...most })),
  fc.constant({ kind: 'free_shipping' as const }),
  fc.tuple(pieces, scopes, pieces, scopes, percents, max).map(([buy, of, get, ofGot, value, most]) => ({
    kind: 'buy_get' as const,
    buy: { quantity: buy, ...of },
    get: { quantity: get, percent: value, ...ofGot },
    ...most,
  })),
  fc
    .tuple(
      fc.array(
        fc.tuple(pieces, scopes).map(([quantity, of]) => ({ quantity, ...of })),
        { minLength: 1, maxLength: 3 },
      ),
      amounts,
      max,
    )
    .map(([items, prices, most]) => ({ kind: 'bundle_price' as const, items, prices, ...most })),
  fc.tuple(fc.constantFrom('SKU-0', 'GIFT', 'NONE'), pieces).map(([sku, quantity]) => ({ kind: 'gift' as const, sku, quantity })),
  fc.tuple(percents, percents, scopes).map(([low, high, of]) => ({
    kind: 'tiered_percent' as const,
    by: 'quantity' as const,
    tiers: [
      { from: 2, percent: low },
      { from: 5, percent: high },
    ],
    ...of,
  })),
)

const conditions: fc.Arbitrary<Condition> = fc.oneof(
  amounts.map((atLeast) => ({ kind: 'item_total' as const, atLeast })),
  fc.tuple(pieces, scopes).map(([atLeast, of]) => ({ kind: 'quantity' as const, atLeast, ...of })),
  filters.map((of) => ({ kind: 'lines' as const, of })),
  fc.constantFrom('promo_0', 'promo_3').map((id) => ({ kind: 'without' as const, promotions: [id] })),
  fc.tuple(fc.constantFrom('any' as const, 'none' as const), pieces).map(([kind, atLeast]) => ({
    kind,
    conditions: [{ kind: 'quantity' as const, atLeast }],
  })),
)

/** Up to seven promotions without their ids. */
export const randomPromotions = fc.array(
  fc.record({
    benefit: benefits,
    conditions: fc.array(conditions, { maxLength: 2 }),
    lane: fc.integer({ min: 0, max: 2 }),
    priority: fc.integer({ min: 0, max: 2 }),
    group: fc.constantFrom(null, null, 'a', 'b'),
    exclusive: fc.constantFrom(false, false, false, true),
    stops: fc.constantFrom(false, false, false, false, true),
    percentBase: fc.constantFrom(null, 'original' as const, 'running' as const),
    cap: fc.oneof(fc.constant(null), amounts),
  }),
  { maxLength: 7 },
)
