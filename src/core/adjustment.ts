// The only way a price changes. Every stage of pricing (promotions, shipping, tax) answers adjustments and nothing else, so "why does it cost
// that?" is answered by reading rows, and totals are sums of them.
import { type Line, money } from './cart.ts'
import type { Money } from './money.ts'
import type { Variant } from './product.ts'

/**
 * One change of a price. Discounts are negative; 0 where what is given away costs nothing anyway. `included` amounts (VAT in prices) are information: they are part of the price already.
 * `source` says which rule it was: a promotion (with the code that opened it), a shipping method, a tax rate of the shop, a provider that was
 * asked (`provider`), or the server that set it (`external`).
 */
export interface Adjustment {
  readonly type: 'promotion' | 'shipping' | 'tax'
  readonly label: string
  readonly amount: Money
  readonly included: boolean
  readonly source: {
    readonly kind: 'promotion' | 'shipping_method' | 'tax_rate' | 'provider' | 'external'
    readonly id: string
    readonly code?: string
  }
  readonly target: 'line' | 'shipping'
  readonly lineId?: string
}

/** A line while it is being priced: amounts in minor units. `discount` is <= 0, and `itemTotal + discount` never below 0. */
export interface Work {
  readonly line: Line
  readonly variant: Variant | null
  readonly unitPrice: number
  readonly itemTotal: number
  readonly available: boolean
  readonly taxCategory: string | null
  readonly ships: boolean
  /** The promotion that gave it away: such a line is not in the intent, it comes and goes with the promotion. */
  readonly giftOf: string | null
  discount: number
  readonly adjustments: Adjustment[]
}

/** What is left to pay of a line, in minor units >= 0. */
export function leftOf(work: Work): number {
  return work.itemTotal + work.discount
}

/**
 * The same for equal carts, however their lines are ordered. Whoever gives the spare unit of a remainder to the first of equal lines takes them in
 * this order: which one that is must not depend on where they stand in the cart.
 */
export function inCanonicalOrder(works: readonly Work[]): Work[] {
  return works.toSorted(({ line: a }, { line: b }) => compare(a.key, b.key) || compare(a.id, b.id))
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Takes an amount (>= 0, at most what is left) off a line. */
export function takeOff(work: Work, amount: number, label: string, source: Adjustment['source'], currency: string): void {
  work.discount -= amount
  work.adjustments.push({
    type: 'promotion',
    label,
    amount: money(0 - amount, currency),
    included: false,
    source,
    target: 'line',
    lineId: work.line.id,
  })
}
