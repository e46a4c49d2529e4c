// All that decisions and pricing may know, collected first (one value, no calls back). The same facts and the same cart always give the same
// price, so a price can be replayed and explained.
import type { Variant } from './product.ts'
import type { Promotion } from './promotion.ts'
import type { Settings } from './settings.ts'

/** What is known of a code that a shopper typed: which promotion it opens, and whether uses are left (advice, exact only when ordering). */
export interface CodeFacts {
  readonly promotionId: string
  readonly usesLeft: number | null
}

/** Everything pricing may look at. Maps may hold more than was asked for; a missing entry means "does not exist". */
export interface Facts {
  readonly now: number
  /** The shop's epoch: catalogue, promotions and settings are those of this value. */
  readonly epoch: number
  /** The last moment that has passed at which any promotion of the shop began or ended, in milliseconds; 0 for none. */
  readonly lastEdge: number
  readonly shop: { readonly id: string; readonly currency: string; readonly settings: Settings }
  readonly variants: ReadonlyMap<string, Variant>
  /** How many of a sku this cart may have; absent means unlimited. Advice, at most a second old. */
  readonly stock: ReadonlyMap<string, number>
  readonly promotions: ReadonlyMap<string, Promotion>
  /** Ids of the promotions without a code that are missing there because this cart can have no use of them any more. Advice like stock. */
  readonly exhausted: readonly string[]
  /** By normalised code. */
  readonly codes: ReadonlyMap<string, CodeFacts>
}
