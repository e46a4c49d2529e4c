// All that decisions and pricing may know, collected first (one value, no calls back). The same facts and the same cart always give the same
// price, so a price can be replayed and explained.
import type { Variant } from './product.ts'
import type { Promotion } from './promotion.ts'
import type { Quotes } from './quote.ts'
import type { Settings } from './settings.ts'

/** What is known of a code that a shopper typed: which promotion it opens, and how many uses of the code itself are left. Advice, exact when ordering. */
export interface CodeFacts {
  readonly promotionId: string
  readonly usesLeft: number | null
  /** Switched off: it exists but opens nothing (and has no use left, for who asks only that). */
  readonly isInactive?: true
}

/**
 * What a limited promotion has left for this cart: uses, uses of this customer (`unknown` while neither account nor e-mail is known), money per
 * currency in minor units. Null is unlimited. Advice like stock: at most a second old, exact when ordering.
 */
export interface LimitFacts {
  readonly usesLeft: number | null
  readonly customerUsesLeft: number | 'unknown' | null
  readonly budgetLeft: Readonly<Record<string, number>> | null
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
  /** The shop's promotions without a code, and those that a code of the cart opens. */
  readonly promotions: ReadonlyMap<string, Promotion>
  /** By normalised code. */
  readonly codes: ReadonlyMap<string, CodeFacts>
  /** By promotion id; absent means unlimited. */
  readonly limits: ReadonlyMap<string, LimitFacts>
  /** Whether this cart's customer, known by account or e-mail, has a placed order; null while nobody is known or no promotion asks. */
  readonly hasOrdered: boolean | null
  /** What outside engines answered last for this cart. */
  readonly quotes: Quotes
}
