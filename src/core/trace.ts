// Why it costs that, in full: what pricing writes down while it works, when somebody asks (`GET …/carts/{cart}/explanation`). Pricing without a
// trace does the same and writes nothing; no result ever depends on one.
import type { Rounding } from './money.ts'

/** One condition of a promotion: where it stands in the promotion, whether it holds, why not, and what it looked at. */
export interface ConditionTrace {
  /** JSON pointer into the promotion, such as `/conditions/1/conditions/0`. */
  readonly path: string
  readonly kind: string
  readonly holds: boolean
  readonly reason: string | null
  /** What was compared: `{ itemTotal: 4000, atLeast: 5000 }`. */
  readonly saw: Readonly<Record<string, unknown>>
}

/** One promotion that was considered, in the order in which they run. `discount` is what it took off, in minor units >= 0. */
export interface PromotionTrace {
  readonly promotionId: string
  readonly name: string
  readonly lane: number
  readonly priority: number
  readonly code: string | null
  readonly outcome: 'applied' | 'not_applied'
  /** Why it was not applied; null where it was. */
  readonly reason: string | null
  readonly conditions: readonly ConditionTrace[]
  readonly discount: number
}

/** One rate that was looked at: a price of a variant, a shipping rate, a tax rate. `of` is a line id or `shipping`. */
export interface RateTrace {
  readonly kind: 'price' | 'shipping' | 'tax'
  readonly of: string
  readonly id: string
  readonly chosen: boolean
  /** Why it was passed over; null where it was chosen. */
  readonly reason: string | null
  readonly saw: Readonly<Record<string, unknown>>
}

/** One fraction of a minor unit that became a whole one. `exact` is a decimal (`1851.75`) or a fraction (`1000/3`). */
export interface RoundingTrace {
  readonly what: string
  readonly of: string
  readonly exact: string
  readonly rounded: number
  readonly rounding: Rounding
}

/** Everything that was written down. */
export interface Trace {
  readonly promotions: PromotionTrace[]
  readonly rates: RateTrace[]
  readonly roundings: RoundingTrace[]
}

/** An empty one. */
export function newTrace(): Trace {
  return { promotions: [], rates: [], roundings: [] }
}
