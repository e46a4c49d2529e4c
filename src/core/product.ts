// What can be bought. A product is what a shopper looks at; a variant (sku) is what goes into a cart. Prices are integers in minor
// units of their currency; a variant without a price in a currency cannot be bought in it (it is never "free").

/** What a variant is: it decides whether an amount is asked (recharge), whether it is cartable (subscription) and whether it ships. */
export type ProductKind = 'goods' | 'digital' | 'recharge' | 'subscription' | 'bundle'

/** All kinds, in the order in which documentation lists them. */
export const PRODUCT_KINDS: readonly ProductKind[] = ['goods', 'digital', 'recharge', 'subscription', 'bundle']

/** A unit price in one currency; `listAmount` is the compare-at price, shown struck through when it is higher. Minor units. */
export interface Price {
  readonly currency: string
  readonly amount: number
  readonly listAmount?: number
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

/** A plan of a subscription product: `interval` is an ISO 8601 duration such as `P1M`. */
export interface Plan {
  readonly id: string
  readonly name: string
  readonly interval: string
  readonly price: Price
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

/** One variant as it is written by an import or a `PUT /products/{product}`. */
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
  readonly kind: ProductKind
  readonly published: boolean
  readonly images: readonly ProductImage[]
  readonly taxCategory: string
  readonly recharge?: RechargeRule
  readonly plans?: readonly Plan[]
  readonly variants: readonly VariantInput[]
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
  /** Which shipping rates and surcharges are meant for it; absent: no category of its own. */
  readonly shippingCategory?: string
  readonly quantityStep: number
  readonly quantityMin: number
  readonly quantityMax?: number
  readonly tags: readonly string[]
  readonly parts?: readonly Part[]
  readonly seller?: string
  readonly recharge?: RechargeRule
  readonly plans?: readonly Plan[]
}

/** The price of what a line stands for: of its plan where one was chosen, else of the variant. Undefined: not sold in this currency. */
export function priceOf(variant: Variant, currency: string, plan: string | null): Price | undefined {
  if (plan === null) return priceIn(variant, currency)
  const price = variant.plans?.find((each) => each.id === plan)?.price
  return price?.currency === currency ? price : undefined
}

/** The price of a variant in a currency, or undefined: absent means "not sold in it" (C10), never zero. */
export function priceIn(variant: Variant, currency: string): Price | undefined {
  return variant.prices.find((price) => price.currency === currency)
}
