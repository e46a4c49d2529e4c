// The catalogue: products with their variants, prices and stock. Reading answers variants the way pricing sees them; writing a product
// replaces it whole and tells whether anything changed.
import { createHash } from 'node:crypto'
import type { Price, ProductInput, SentProduct, StockPolicy, Variant, VariantInput } from '../core/product.ts'
import type { Reader, Writer } from './store.ts'
import type { PriceTable } from './tables.ts'

/** A product as it is kept and served: the input with its id. */
export interface StoredProduct extends ProductInput {
  readonly id: string
}

type KeptProduct = Omit<StoredProduct, 'variants'>
type KeptVariant = { readonly input: Omit<VariantInput, 'prices' | 'onHand'>; readonly view: Omit<Variant, 'prices'> }

/** Variants with their prices, by sku; unknown skus are missing. */
export async function readVariants(reader: Reader, shopId: string, skus: readonly string[]): Promise<Map<string, Variant>> {
  const found = new Map<string, Variant>()
  const prices = new Map<string, Price[]>()
  if (skus.length === 0) return found
  const rows = await reader.db
    .selectFrom('variants as v')
    .leftJoin('prices as p', (join) => join.onRef('p.shop_id', '=', 'v.shop_id').onRef('p.sku', '=', 'v.sku'))
    .select(['v.sku', 'v.document', 'p.currency', 'p.amount', 'p.list_amount'])
    .select(['p.quantity_from', 'p.customer_group', 'p.starts_at', 'p.ends_at'])
    .where('v.shop_id', '=', shopId)
    .where('v.sku', 'in', [...skus])
    .orderBy('v.sku')
    .orderBy('p.position')
    .orderBy('p.currency')
    .execute()
  for (const row of rows) {
    const known = prices.get(row.sku)
    const of = known ?? []
    if (row.currency !== null && row.amount !== null) of.push(priceOf({ ...row, currency: row.currency, amount: row.amount }))
    if (known) continue
    prices.set(row.sku, of)
    found.set(row.sku, { ...(JSON.parse(row.document) as KeptVariant).view, prices: of })
  }
  return found
}

type PriceRow = Pick<PriceTable, 'currency' | 'amount'> & {
  readonly [K in 'list_amount' | 'quantity_from' | 'customer_group' | 'starts_at' | 'ends_at']: PriceTable[K]
}

function priceOf({ currency, amount, list_amount, quantity_from, customer_group, starts_at, ends_at }: PriceRow): Price {
  return {
    currency,
    amount,
    ...(list_amount === null ? {} : { listAmount: list_amount }),
    ...(quantity_from === null ? {} : { quantityFrom: quantity_from }),
    ...(customer_group === null ? {} : { group: customer_group }),
    ...(starts_at === null ? {} : { startsAt: starts_at }),
    ...(ends_at === null ? {} : { endsAt: ends_at }),
  }
}

/** A product by id or handle, or undefined. */
export async function readProduct(reader: Reader, shopId: string, idOrHandle: string): Promise<StoredProduct | undefined> {
  const row = await reader.db
    .selectFrom('products')
    .select(['id', 'document'])
    .where('shop_id', '=', shopId)
    .where((eb) => eb.or([eb('id', '=', idOrHandle), eb('handle', '=', idOrHandle)]))
    .executeTakeFirst()
  return row ? (await withVariants(reader, shopId, [row]))[0] : undefined
}

/** The product that a sku belongs to, or undefined. */
export async function readProductOfSku(reader: Reader, shopId: string, sku: string): Promise<StoredProduct | undefined> {
  const row = await reader.db
    .selectFrom('variants as v')
    .innerJoin('products as p', (join) => join.onRef('p.shop_id', '=', 'v.shop_id').onRef('p.id', '=', 'v.product_id'))
    .select(['p.id', 'p.document'])
    .where('v.shop_id', '=', shopId)
    .where('v.sku', '=', sku)
    .executeTakeFirst()
  return row ? (await withVariants(reader, shopId, [row]))[0] : undefined
}

/** Products in the order in which they were made; `after` goes on behind a position. */
export async function listProducts(
  reader: Reader,
  shopId: string,
  page: { after: number; limit: number; published: boolean },
): Promise<{ products: StoredProduct[]; next: number | null }> {
  let query = reader.db
    .selectFrom('products')
    .select(['id', 'document', 'position'])
    .where('shop_id', '=', shopId)
    .where('position', '>', page.after)
  if (page.published) query = query.where('published', '=', 1)
  const rows = await query
    .orderBy('position')
    .limit(page.limit + 1)
    .execute()
  const shown = rows.slice(0, page.limit)
  return { products: await withVariants(reader, shopId, shown), next: rows.length > page.limit ? (shown.at(-1)?.position ?? null) : null }
}

async function withVariants(reader: Reader, shopId: string, rows: readonly { id: string; document: string }[]): Promise<StoredProduct[]> {
  if (rows.length === 0) return []
  const ids = rows.map((row) => row.id)
  const variants = await reader.db
    .selectFrom('variants as v')
    .leftJoin('stock as s', (join) => join.onRef('s.shop_id', '=', 'v.shop_id').onRef('s.sku', '=', 'v.sku'))
    .select(['v.sku', 'v.product_id', 'v.document', 's.on_hand'])
    .where('v.shop_id', '=', shopId)
    .where('v.product_id', 'in', ids)
    .orderBy('v.position')
    .execute()
  const priced = await readVariants(
    reader,
    shopId,
    variants.map((variant) => variant.sku),
  )
  return rows.map((row) => ({
    ...(JSON.parse(row.document) as KeptProduct),
    id: row.id,
    variants: variants
      .filter((variant) => variant.product_id === row.id)
      .map((variant) => ({
        ...(JSON.parse(variant.document) as KeptVariant).input,
        prices: priced.get(variant.sku)?.prices ?? [],
        ...(variant.on_hand === null ? {} : { onHand: variant.on_hand }),
      })),
  }))
}

/** What became of a product that was written. `skus` are all that it had or has. */
export type ProductWrite =
  | { readonly outcome: 'created' | 'changed'; readonly id: string; readonly skus: string[] }
  | { readonly outcome: 'unchanged'; readonly id: string; readonly skus: readonly string[] }
  | { readonly outcome: 'refused'; readonly reason: string; readonly sku: string }

/**
 * Writes a product whole, found by its handle; publishing and stock that it leaves out stay as they are. A sku that another product has refuses
 * it. Follow a change with `moveEpoch`.
 */
export async function writeProduct(writer: Writer, shopId: string, sent: SentProduct, now: number, newId: string): Promise<ProductWrite> {
  // One writer of a shop's products at a time: two who find no such handle or sku would both insert it. The row is the one whose moving ends
  // every such transaction anyway; readers of carts do not wait for it. On SQLite transactions follow each other as it is.
  if (writer.dialect === 'postgres')
    await writer.db.selectFrom('epochs').select('epoch').where('shop_id', '=', shopId).forNoKeyUpdate().execute()
  const existing = await writer.db
    .selectFrom('products')
    .select(['id', 'hash', 'published'])
    .where('shop_id', '=', shopId)
    .where('handle', '=', sent.handle)
    .executeTakeFirst()
  const id = existing?.id ?? newId
  const skus = sent.variants.map((variant) => variant.sku)
  const owned = await writer.db
    .selectFrom('variants')
    .select(['sku', 'product_id'])
    // The shop stands in each part: only so does SQLite use an index for each, instead of reading all variants of the shop.
    .where((eb) =>
      eb.or([
        eb.and([eb('shop_id', '=', shopId), eb('product_id', '=', id)]),
        ...(skus.length > 0 ? [eb.and([eb('shop_id', '=', shopId), eb('sku', 'in', skus)])] : []),
      ]),
    )
    .execute()
  const foreign = owned.find((row) => row.product_id !== id)
  if (foreign)
    return {
      outcome: 'refused',
      reason: `The sku ${foreign.sku} belongs to another product already; skus are unique in a shop.`,
      sku: foreign.sku,
    }
  const product = await completed(writer, shopId, sent, existing === undefined || existing.published === 1)
  const hash = createHash('sha256').update(JSON.stringify(product)).digest('base64url')
  if (existing?.hash === hash && (await sameStock(writer, shopId, product))) return { outcome: 'unchanged', id, skus }
  await putProduct(writer, shopId, product, { id, hash, now, isNew: !existing })
  const gone = owned.map((row) => row.sku).filter((sku) => !skus.includes(sku))
  if (gone.length > 0) {
    await writer.db.deleteFrom('variants').where('shop_id', '=', shopId).where('sku', 'in', gone).execute()
    await writer.db.deleteFrom('stock').where('shop_id', '=', shopId).where('sku', 'in', gone).execute()
  }
  for (const [position, variant] of product.variants.entries()) await putVariant(writer, shopId, product, variant, { id, position, now })
  return { outcome: existing ? 'changed' : 'created', id, skus: [...skus, ...gone] }
}

/** What was sent with what it left to us: publishing as it was, and each sku counted as it was. A bundle has the stock of its parts. */
async function completed(writer: Writer, shopId: string, sent: SentProduct, wasPublished: boolean): Promise<ProductInput> {
  const open = sent.variants.filter((variant) => variant.stockPolicy === undefined && !variant.parts).map((variant) => variant.sku)
  const rows =
    open.length === 0
      ? []
      : await writer.db.selectFrom('stock').select(['sku', 'policy']).where('shop_id', '=', shopId).where('sku', 'in', open).execute()
  const kept = new Map(rows.map((row) => [row.sku, row.policy as StockPolicy]))
  return {
    ...sent,
    published: sent.published ?? wasPublished,
    variants: sent.variants.map((variant) => ({
      ...variant,
      // Who says how many there are of what was not counted means that no more are sold.
      stockPolicy: variant.stockPolicy ?? kept.get(variant.sku) ?? (variant.onHand === undefined ? 'untracked' : 'deny'),
    })),
  }
}

async function sameStock(writer: Writer, shopId: string, product: ProductInput): Promise<boolean> {
  const counted = product.variants.filter((variant) => variant.onHand !== undefined && variant.stockPolicy !== 'untracked')
  if (counted.length === 0) return true
  const rows = await writer.db
    .selectFrom('stock')
    .select(['sku', 'on_hand'])
    .where('shop_id', '=', shopId)
    .where(
      'sku',
      'in',
      counted.map((variant) => variant.sku),
    )
    .execute()
  const onHand = new Map(rows.map((row) => [row.sku, row.on_hand]))
  return counted.every((variant) => onHand.get(variant.sku) === variant.onHand)
}

async function putProduct(
  writer: Writer,
  shopId: string,
  product: ProductInput,
  meta: { id: string; hash: string; now: number; isNew: boolean },
): Promise<void> {
  const { variants: _, ...rest } = product
  const columns = {
    handle: product.handle,
    published: product.published ? 1 : 0,
    document: JSON.stringify(rest),
    hash: meta.hash,
    updated_at: meta.now,
  }
  if (!meta.isNew) {
    await writer.db.updateTable('products').set(columns).where('shop_id', '=', shopId).where('id', '=', meta.id).execute()
    return
  }
  const last = await writer.db
    .selectFrom('products')
    .select((eb) => eb.fn.max('position').as('position'))
    .where('shop_id', '=', shopId)
    .executeTakeFirst()
  await writer.db
    .insertInto('products')
    .values({ shop_id: shopId, id: meta.id, position: (last?.position ?? 0) + 1, ...columns })
    .execute()
}

async function putVariant(
  writer: Writer,
  shopId: string,
  product: ProductInput,
  variant: VariantInput,
  meta: { id: string; position: number; now: number },
): Promise<void> {
  const { prices, onHand, ...input } = variant
  const view: Omit<Variant, 'prices'> = {
    sku: variant.sku,
    productId: meta.id,
    handle: product.handle,
    name: product.name,
    variantName: variant.name,
    image: variant.image ?? product.images[0]?.src ?? null,
    kind: product.kind,
    published: product.published,
    options: variant.options,
    stockPolicy: variant.stockPolicy,
    requiresShipping: variant.requiresShipping,
    taxCategory: product.taxCategory,
    taxable: variant.taxable,
    grams: variant.grams,
    quantityStep: variant.quantityStep ?? 1,
    quantityMin: variant.quantityMin ?? 1,
    ...(variant.quantityMax === undefined ? {} : { quantityMax: variant.quantityMax }),
    tags: product.tags,
    ...(product.categories === undefined ? {} : { categories: product.categories }),
    ...(product.shippingCategory === undefined ? {} : { shippingCategory: product.shippingCategory }),
    ...(variant.parts ? { parts: variant.parts } : {}),
    ...(product.seller === undefined ? {} : { seller: product.seller }),
    ...(product.recharge ? { recharge: product.recharge } : {}),
    ...(product.plans ? { plans: product.plans } : {}),
  }
  const document = JSON.stringify({ input, view } satisfies KeptVariant)
  const row = { product_id: meta.id, position: meta.position, document, updated_at: meta.now }
  await writer.db
    .insertInto('variants')
    .values({ shop_id: shopId, sku: variant.sku, ...row })
    .onConflict((conflict) => conflict.columns(['shop_id', 'sku']).doUpdateSet(row))
    .execute()
  await writer.db.deleteFrom('prices').where('shop_id', '=', shopId).where('sku', '=', variant.sku).execute()
  if (prices.length > 0) {
    await writer.db
      .insertInto('prices')
      .values(
        prices.map((price, position) => ({
          shop_id: shopId,
          sku: variant.sku,
          currency: price.currency,
          position,
          amount: price.amount,
          list_amount: price.listAmount ?? null,
          quantity_from: price.quantityFrom ?? null,
          customer_group: price.group ?? null,
          starts_at: price.startsAt ?? null,
          ends_at: price.endsAt ?? null,
        })),
      )
      .execute()
  }
  if (variant.stockPolicy === 'untracked') {
    await writer.db.deleteFrom('stock').where('shop_id', '=', shopId).where('sku', '=', variant.sku).execute()
    return
  }
  const stock = { policy: variant.stockPolicy, updated_at: meta.now, ...(onHand === undefined ? {} : { on_hand: onHand }) }
  await writer.db
    .insertInto('stock')
    .values({ shop_id: shopId, sku: variant.sku, on_hand: onHand ?? 0, policy: variant.stockPolicy, updated_at: meta.now })
    .onConflict((conflict) => conflict.columns(['shop_id', 'sku']).doUpdateSet(stock))
    .execute()
}
