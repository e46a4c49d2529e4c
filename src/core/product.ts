// What can be bought. A product is what a shopper looks at; a variant (sku) is what goes into a cart. Prices are integers in minor
// units of their currency; a variant without a price in a currency cannot be bought in it (it is never "free").

/** What a variant is: it decides whether an amount is asked (recharge), whether it is cartable (subscription) and whether it ships. */
export type ProductKind = 'goods' | 'digital' | 'recharge' | 'subscription' | 'bundle'

/** All kinds, in the order in which documentation lists them. */
export const PRODUCT_KINDS: readonly ProductKind[] = ['goods', 'digital', 'recharge', 'subscription', 'bundle']
/** Kinds that are delivered without shipping. */
export const UNSHIPPED_KINDS: readonly ProductKind[] = ['digital', 'recharge', 'subscription']
/** Kinds that are not taxed unless somebody says so: a recharge is money, and money is not taxed, what is bought with it is. */
export const UNTAXED_KINDS: readonly ProductKind[] = ['recharge']

/**
 * A unit price in one currency; `listAmount` is the compare-at price, shown struck through when it is higher. Minor units. A variant may have
 * several in one currency, each with the terms it is for; of those that apply the lowest counts.
 */
export interface Price {
  readonly currency: string
  readonly amount: number
  readonly listAmount?: number
  /** From how many pieces in the cart it applies; from the first one when absent. */
  readonly quantityFrom?: number
  /** For customers of this group only; for everybody when absent. */
  readonly group?: string
  /** From when and until when (exclusive) it applies, in milliseconds. */
  readonly startsAt?: number
  readonly endsAt?: number
}

/** What decides which prices apply: pieces of the sku in the whole cart, groups of its customer, and the time in milliseconds. */
export interface PriceTerms {
  readonly quantity: number
  readonly groups: readonly string[]
  readonly now: number
}

/**
 * The amounts a recharge product accepts (SEED0-05, SEED0-13, C09), in minor units of `currency`. Without `allowCustom` only the presets
 * are accepted, and then there must be at least one.
 */
export interface RechargeRule {
  readonly currency: string
  readonly presets: readonly number[]
  readonly allowCustom: boolean
  readonly min?: number
  readonly max?: number
  /** Custom amounts are multiples of this; 1 when absent. */
  readonly step?: number
}

/**
 * A plan of a subscription product: `interval` is an ISO 8601 duration of one unit, such as `P1M` or `P2W`. `exclusive`: an account has one at a time,
 * of this product (`true`) or of all plans that name the same group. `maxPeriods`: it ends by itself after so many.
 */
export interface Plan {
  readonly id: string
  readonly name: string
  readonly interval: string
  readonly price: Price
  readonly exclusive?: string | boolean
  readonly maxPeriods?: number
}

/**
 * How many there are. `untracked`: not counted. `deny`: sold while `onHand` lasts. `continue`: counted, but sold beyond zero (backorder).
 */
export type StockPolicy = 'untracked' | 'deny' | 'continue'

/** An item of a bundle: how many pieces of a sku are in one bundle. */
export interface Part {
  readonly sku: string
  readonly quantity: number
}

/** One variant as it is written. */
export interface VariantInput {
  readonly sku: string
  /** What tells it apart from its siblings, e.g. `Large / Red`; empty when the product has one variant. */
  readonly name: string
  readonly options: Readonly<Record<string, string>>
  readonly prices: readonly Price[]
  readonly stockPolicy: StockPolicy
  readonly onHand?: number
  readonly requiresShipping: boolean
  readonly taxable: boolean
  readonly grams: number
  readonly barcode?: string
  readonly image?: string
  /** Sold in multiples of this (a pack of 6 has 6); 1 when absent. */
  readonly quantityStep?: number
  /** The fewest and the most pieces that one line may hold; 1 and the shop's limit when absent. */
  readonly quantityMin?: number
  readonly quantityMax?: number
  /** What a bundle consists of: as many can be sold as there are of its scarcest part, and selling one takes its parts. */
  readonly parts?: readonly Part[]
}

/** A picture: an absolute or root-relative address, and what it shows. */
export interface ProductImage {
  readonly src: string
  readonly alt?: string
}

/** A product with all its variants, as it is written. `handle` is its name in addresses and identifies it across imports. */
export interface ProductInput {
  readonly handle: string
  readonly name: string
  readonly description: string
  readonly vendor?: string
  /** Who sells it, where a shop sells for several (SEED2-13): the line carries it; the cart is the shop's. */
  readonly seller?: string
  readonly productType?: string
  readonly tags: readonly string[]
  /** Where it stands in the shop: promotions are for products of a category. */
  readonly categories?: readonly string[]
  readonly kind: ProductKind
  readonly published: boolean
  readonly images: readonly ProductImage[]
  readonly taxCategory: string
  /** What it is to a carrier (`bulky`, `chilled`): shipping rates may ask for it. */
  readonly shippingCategory?: string
  readonly recharge?: RechargeRule
  readonly plans?: readonly Plan[]
  readonly variants: readonly VariantInput[]
}

/** A variant as it is sent: without `stockPolicy` and `onHand` a sku that is counted stays counted as it is. */
export interface SentVariant extends Omit<VariantInput, 'stockPolicy'> {
  readonly stockPolicy?: StockPolicy
}

/**
 * A product as it is sent: whole, but for what its facts do not decide. Whether it is published and how many there are stays as it is where it
 * leaves that out, so that a new price neither shows a draft nor forgets a count.
 */
export interface SentProduct extends Omit<ProductInput, 'published' | 'variants'> {
  readonly published?: boolean
  readonly variants: readonly SentVariant[]
}

/** A variant as pricing sees it: the facts of its product and of itself in one flat value. */
export interface Variant {
  readonly sku: string
  readonly productId: string
  readonly handle: string
  readonly name: string
  readonly variantName: string
  readonly image: string | null
  readonly kind: ProductKind
  readonly published: boolean
  readonly options: Readonly<Record<string, string>>
  readonly prices: readonly Price[]
  readonly stockPolicy: StockPolicy
  readonly requiresShipping: boolean
  readonly taxCategory: string
  readonly taxable: boolean
  readonly grams: number
  readonly quantityStep: number
  readonly quantityMin: number
  readonly quantityMax?: number
  readonly tags: readonly string[]
  readonly categories?: readonly string[]
  readonly shippingCategory?: string
  readonly parts?: readonly Part[]
  readonly seller?: string
  readonly recharge?: RechargeRule
  readonly plans?: readonly Plan[]
}

/**
 * The price of what a line stands for, of its plan where one was chosen, else of the variant: the lowest of those in this currency that apply, so
 * that it depends on no order. Of equal ones the first. Undefined: not sold so, which is never zero (C10).
 */
export function priceOf(variant: Variant, currency: string, plan: string | null, terms: PriceTerms): Price | undefined {
  let lowest: Price | undefined
  for (const price of pricesOf(variant, plan)) {
    if (price.currency !== currency || inapplicable(price, terms) !== null) continue
    if (lowest === undefined || price.amount < lowest.amount) lowest = price
  }
  return lowest
}

/** All prices of a variant, or of one of its plans, in every currency and for all terms. */
export function pricesOf(variant: Variant, plan: string | null): readonly Price[] {
  return plan === null ? variant.prices : (variant.plans ?? []).flatMap((each) => (each.id === plan ? each.price : []))
}

/** Why a price does not apply on these terms; null where it does. */
export function inapplicable(price: Price, { quantity, groups, now }: PriceTerms): 'quantity' | 'group' | 'not_started' | 'ended' | null {
  if (price.group !== undefined && !groups.includes(price.group)) return 'group'
  if (price.startsAt !== undefined && now < price.startsAt) return 'not_started'
  if (price.endsAt !== undefined && now >= price.endsAt) return 'ended'
  return quantity < (price.quantityFrom ?? 1) ? 'quantity' : null
}
