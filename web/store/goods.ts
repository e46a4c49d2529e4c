// What a product costs and whether it can be bought, as its public data say. The server decides; this keeps a page from offering what it would refuse.
import type { Product } from './app.ts'

type Variant = Product['variants'][number]
type Price = Variant['prices'][number]

/** The variant's price in that currency, else in the first one it has. The one for a single piece; more may cost less. */
export function priceOf(variant: Variant, currency: string): Price | null {
  const single = variant.prices.filter(({ quantityFrom = 1 }) => quantityFrom <= 1)
  return single.find((price) => price.currency === currency) ?? single[0] ?? null
}

/** How many are there, or null where nobody counts or waiting is fine. */
export function stockOf(variant: Variant): number | null {
  return variant.stockPolicy === 'deny' ? (variant.onHand ?? 0) : null
}

/** The smallest quantity that can be added, and what it goes up by. */
export function stepsOf(variant: Variant): { readonly min: number; readonly step: number; readonly max: number } {
  const step = variant.quantityStep ?? 1
  const min = Math.ceil(Math.max(variant.quantityMin ?? 1, step) / step) * step
  return { min, step, max: Math.min(variant.quantityMax ?? 999, stockOf(variant) ?? 999) }
}

/** Whether anything of it can be bought at all. */
export function isPurchasable(product: Product): boolean {
  if (product.kind === 'recharge') return Boolean(product.recharge && (product.recharge.allowCustom || product.recharge.presets.length > 0))
  if (product.kind === 'subscription') return (product.plans ?? []).length > 0
  return product.variants.some((variant) => variant.prices.length > 0 && stepsOf(variant).min <= stepsOf(variant).max)
}
