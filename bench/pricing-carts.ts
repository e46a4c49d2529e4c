// The carts that pricing is measured with, and how: the same for the benchmark and for the test that keeps it from getting slow.
import assert from 'node:assert/strict'
import type { Cart } from '../src/core/cart.ts'
import type { Facts } from '../src/core/facts.ts'
import { priceCart } from '../src/core/pricing.ts'
import type { Benefit, Promotion } from '../src/core/promotion.ts'
import { cartWith, factsOf, line, promotionOf, variantOf } from '../test/facts.ts'

/** One cart to measure. `promise` is the CPU time that it may take, in microseconds. */
export interface MeasuredCart {
  readonly name: string
  readonly cart: Cart
  readonly facts: Facts
  readonly promise: number
}

const usd = (amount: number) => [{ currency: 'USD', amount }]

/** Takes turns: order, line, buy X get Y, fixed price, bundle, tiers, shipping; most with a condition, two of three for some of the lines. */
function promotionNumber(index: number): Promotion {
  const of = index % 3 === 0 ? undefined : { tags: [`tag-${index % 5}`] }
  const scope = of === undefined ? {} : { of }
  const benefits: readonly Benefit[] = [
    { kind: 'percent_off', percent: '1.5', ...scope },
    { kind: 'percent_off', percent: '2', on: 'lines', ...scope },
    { kind: 'amount_off', amounts: usd(150), ...scope },
    { kind: 'buy_get', buy: { quantity: 2, ...scope }, get: { quantity: 1, percent: '10', ...scope }, max: 3 },
    { kind: 'tiered_percent', by: 'quantity', tiers: [{ from: 2, percent: '1' }], ...scope },
    { kind: 'fixed_price', prices: usd(1500), maxUnits: 2, ...scope },
    { kind: 'percent_off', percent: '3', ...scope },
    { kind: 'bundle_price', items: [{ quantity: 3, ...scope }], prices: usd(2000), max: 2 },
    { kind: 'amount_off', amounts: usd(5), on: 'units', maxUnits: 4, ...scope },
    { kind: 'percent_off', percent: '10', on: 'shipping' },
  ]
  const benefit = benefits[index % benefits.length] ?? { kind: 'free_shipping' }
  return promotionOf(`promo_${String(index).padStart(3, '0')}`, benefit, {
    conditions: index % 2 === 0 ? [{ kind: 'item_total', atLeast: usd(1000) }] : [{ kind: 'quantity', atLeast: 2, ...scope }],
  })
}

function cartOf(lines: number, promotions: number): { cart: Cart; facts: Facts } {
  const variants = Array.from({ length: lines }, (_, index) =>
    variantOf(`SKU-${index}`, 1000 + ((index * 37) % 900), { tags: [`tag-${index % 5}`] }),
  )
  const facts = factsOf({
    variants,
    promotions: Array.from({ length: promotions }, (_, index) => promotionNumber(index)),
    settings: { shipping: { methods: [{ id: 'post', name: 'Post', rates: [{ currency: 'USD', amount: 499 }] }] } },
  })
  const cart = cartWith(
    facts,
    variants.map((variant, index) => line(variant.sku, 1 + (index % 3), { id: `ln_${index}` })),
  )
  return { cart: { ...cart, shippingMethod: 'post' }, facts }
}

/** The two carts of the promise. */
export const MEASURED_CARTS: readonly MeasuredCart[] = [
  { name: '5 lines, 10 promotions', ...cartOf(5, 10), promise: 30 },
  { name: '200 lines, 100 promotions', ...cartOf(200, 100), promise: 10_000 },
]

/**
 * The median CPU time of pricing a cart once, in microseconds, when the code is warm: it is measured for about a second after as long a start. Fast
 * pricings are measured in groups, because one alone is shorter than the clock's step.
 */
export function medianMicroseconds({ cart, facts, promise }: MeasuredCart): number {
  const group = Math.ceil(2000 / promise)
  const groups = Math.ceil(1_000_000 / (promise * group))
  const times: number[] = []
  for (let run = 0; run < 2 * groups; run++) {
    const before = process.cpuUsage()
    for (let each = 0; each < group; each++) assert.ok('cart' in priceCart(cart, facts))
    const { user, system } = process.cpuUsage(before)
    if (run >= groups) times.push((user + system) / group)
  }
  times.sort((a, b) => a - b)
  return times[Math.floor(times.length / 2)] ?? Number.NaN
}
