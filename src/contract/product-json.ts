// Products as JSON, one by one: each is checked against the schema and against what a schema cannot say. A bad product is a row of the import's
// report and never stops a good one.
import { Ajv, type ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'
import type Type from 'typebox'
import { exponentOf } from '../core/currency.ts'
import { type Price, type ProductInput, type SentProduct, type SentVariant, UNSHIPPED_KINDS, UNTAXED_KINDS } from '../core/product.ts'
import { type Refusal, refuse } from '../core/refusal.ts'
import { rfc3339 } from '../core/time.ts'
import { faultOf } from './fault.ts'
import { ProductInput as schema } from './shop.ts'

type WireProduct = Type.Static<typeof schema>
type WirePrice = WireProduct['variants'][number]['prices'][number]

let compiled: ValidateFunction<WireProduct> | null = null

/**
 * A product that the schema accepted, with what it left out: it is an ordinary thing. Publishing and stock stay left out: `writeProduct` knows
 * what they were. Times on the wire are RFC 3339, within they are milliseconds.
 */
export function productOf(wire: WireProduct): SentProduct {
  const kind = wire.kind ?? 'goods'
  return {
    ...wire,
    kind,
    description: wire.description ?? '',
    tags: wire.tags ?? [],
    images: wire.images ?? [],
    taxCategory: wire.taxCategory ?? 'standard',
    variants: wire.variants.map((variant) => ({
      ...variant,
      name: variant.name ?? '',
      options: variant.options ?? {},
      prices: variant.prices.map(priceIn),
      requiresShipping: variant.requiresShipping ?? !UNSHIPPED_KINDS.includes(kind),
      taxable: variant.taxable ?? !UNTAXED_KINDS.includes(kind),
      grams: variant.grams ?? 0,
    })),
  }
}

function priceIn({ startsAt, endsAt, ...price }: WirePrice): Price {
  return {
    ...price,
    ...(startsAt === undefined ? {} : { startsAt: Date.parse(startsAt) }),
    ...(endsAt === undefined ? {} : { endsAt: Date.parse(endsAt) }),
  }
}

/** A product as it is sent. */
export function wireProductOf<P extends ProductInput>(product: P) {
  return { ...product, variants: product.variants.map((variant) => ({ ...variant, prices: variant.prices.map(priceOut) })) }
}

function priceOut({ startsAt, endsAt, ...price }: Price): WirePrice {
  return {
    ...price,
    ...(startsAt === undefined ? {} : { startsAt: rfc3339(startsAt) }),
    ...(endsAt === undefined ? {} : { endsAt: rfc3339(endsAt) }),
  }
}

/** A product to import with its place in the list (from 1), or why it cannot be one. */
export type ProductRow =
  | { readonly line: number; readonly product: SentProduct }
  | { readonly line: number; readonly handle?: string; readonly refused: string; readonly column?: string }

/** Reads a list of whatever was sent as products. */
export async function* readProductJson(items: readonly unknown[]): AsyncGenerator<ProductRow> {
  for (const [index, item] of items.entries()) yield rowOf(item, index + 1)
}

function rowOf(item: unknown, line: number): ProductRow {
  const handle =
    typeof item === 'object' && item !== null && 'handle' in item && typeof item.handle === 'string' ? { handle: item.handle } : {}
  compiled ??= compile()
  const isProduct = compiled
  if (!isProduct(item)) {
    const { path, reason } = faultOf(isProduct.errors ?? [])
    return { line, ...handle, column: path, refused: reason }
  }
  const product = productOf(item)
  const refusal = productRefusal(product)
  return refusal ? { line, ...handle, column: refusal.path ?? '', refused: String(refusal.reason ?? refusal.refused) } : { line, product }
}

function compile(): ValidateFunction<WireProduct> {
  const ajv = new Ajv({ strict: false, verbose: true })
  addFormats.default(ajv)
  return ajv.compile<WireProduct>(schema)
}

/** Why a variant's parts are not a bundle's, or null. What a bundle's parts are is its own stock, so it has none beside it. */
function partsReason({ kind }: SentProduct, { sku, parts, stockPolicy, onHand }: SentVariant): string | null {
  if (!parts) return null
  if (kind !== 'bundle') return 'only_bundles_have_parts'
  if (stockPolicy === undefined ? onHand !== undefined : stockPolicy !== 'untracked') return 'a_bundle_has_the_stock_of_its_parts'
  if (parts.some((part) => part.sku === sku)) return 'a_bundle_is_no_part_of_itself'
  return new Set(parts.map((part) => part.sku)).size < parts.length ? 'sku_twice' : null
}

/** What is wrong with the prices of a variant, or null. Of two prices on the same terms one could only be a mistake. */
function pricesRefusal(prices: readonly Price[], path: string): Refusal | null {
  const known = new Set<string>()
  for (const [index, { currency, quantityFrom = 1, group, startsAt, endsAt }] of prices.entries()) {
    const at = `${path}/${index}`
    if (exponentOf(currency) === undefined) return refuse('currency_unknown', { path: `${at}/currency`, currency })
    if (Number.isNaN(startsAt)) return refuse('invalid', { path: `${at}/startsAt`, reason: 'not_a_time' })
    if (Number.isNaN(endsAt)) return refuse('invalid', { path: `${at}/endsAt`, reason: 'not_a_time' })
    if (endsAt !== undefined && endsAt <= (startsAt ?? Number.NEGATIVE_INFINITY))
      return refuse('invalid', { path: `${at}/endsAt`, reason: 'not_after_startsAt' })
    const terms = JSON.stringify([currency, quantityFrom, group, startsAt, endsAt])
    if (known.has(terms)) return refuse('invalid', { path: at, reason: 'price_twice', currency })
    known.add(terms)
  }
  return null
}

/** What the schema cannot say of a product: known currencies, one price on the same terms, distinct skus, amounts where amounts are asked. */
export function productRefusal(product: SentProduct): Refusal | null {
  const skus = new Set<string>()
  for (const [index, variant] of product.variants.entries()) {
    const { sku, prices, quantityStep = 1, quantityMin = 1, quantityMax = quantityMin } = variant
    const path = `/variants/${index}`
    const wrongParts = partsReason(product, variant)
    if (wrongParts) return refuse('invalid', { path: `${path}/parts`, reason: wrongParts, sku })
    if (skus.has(sku)) return refuse('invalid', { path: `${path}/sku`, reason: 'sku_twice', sku })
    skus.add(sku)
    const wrongPrice = pricesRefusal(prices, `${path}/prices`)
    if (wrongPrice) return wrongPrice
    if (quantityMin > quantityMax) return refuse('invalid', { path: `${path}/quantityMax`, reason: 'less_than_quantityMin' })
    if (quantityMin > 1 && quantityMin % quantityStep !== 0)
      return refuse('invalid', { path: `${path}/quantityMin`, reason: 'not_a_multiple_of_quantityStep' })
  }
  const { kind, recharge } = product
  if (kind === 'recharge' && (!recharge || (recharge.presets.length === 0 && !recharge.allowCustom))) {
    return refuse('invalid', { path: '/recharge', reason: 'presets_or_custom_amount_required' })
  }
  if (recharge && (recharge.min ?? 0) > (recharge.max ?? Number.MAX_SAFE_INTEGER))
    return refuse('invalid', { path: '/recharge/max', reason: 'less_than_min' })
  return null
}
