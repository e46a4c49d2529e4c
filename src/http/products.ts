// The catalogue and stock over HTTP.
import { Readable } from 'node:stream'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type, { type Static } from 'typebox'
import { productOf, productRefusal, readProductJson, wireProductOf } from '../contract/product-json.ts'
import { CLOSED, Id, Page, Sku, Text } from '../contract/schemas.ts'
import * as contract from '../contract/shop.ts'
import { exponentOf } from '../core/currency.ts'
import { inapplicable, type Price } from '../core/product.ts'
import { refuse } from '../core/refusal.ts'
import type { Engine } from '../engine/engine.ts'
import { groupsOf, hasScope } from '../engine/identity.ts'
import { readProductCsv } from '../engine/product-csv.ts'
import { listProducts, readProduct, readProductOfSku, type StoredProduct } from '../store/products.ts'
import { readStockRow } from '../store/stock.ts'
import { type Caller, callerOf, Refused, unwrap } from './access.ts'
import { answerOnce, claimOf } from './idempotency.ts'

const CATALOGUE = { access: { owner: true, anonymous: true, limited: true, scope: 'products:read' } } as const
const PRODUCTS = { access: { scope: 'products:write' } } as const
const JSON_IMPORT_BYTES = 16 * 1024 * 1024
/** Read as a stream when the route runs, so there is nothing yet that a schema could judge. */
const CsvFile = Type.Unknown({ description: 'A CSV file in the format of Shopify' })
const Query = Type.Object({ account: Type.Optional(Id) }, CLOSED)

/** The routes of products and stock. */
export function productRoutes(engine: Engine): FastifyPluginAsyncTypebox {
  const { store, catalogue, clock } = engine

  return async (app) => {
    app.get(
      '/products',
      {
        config: CATALOGUE,
        schema: {
          tags: ['Products'],
          summary: 'The catalogue',
          querystring: Type.Object({ ...Page, account: Type.Optional(Id) }, CLOSED),
          response: { 200: contract.lists.products },
        },
      },
      async (request) => {
        const { limit = 50, after } = request.query
        const all = hasScope(callerOf(request).actor, 'products:read')
        const { products, next } = await listProducts(store.reader, callerOf(request).shop.id, {
          after: Number.parseInt(after ?? '0', 10) || 0,
          limit,
          published: !all,
        })
        return {
          items: products.map((product) => shownTo(callerOf(request), product)) as unknown as Type.Static<typeof contract.Product>[],
          next: next === null ? null : String(next),
        }
      },
    )

    app.get(
      '/products/:product',
      {
        config: CATALOGUE,
        schema: {
          tags: ['Products'],
          summary: 'One product, by id, by handle, or by a sku of it',
          params: Type.Object({ shop: Text(63), product: Text(255) }),
          querystring: Query,
          response: { 200: Type.Ref('Product') },
        },
      },
      async (request) => {
        const { shop } = callerOf(request)
        const asked = request.params.product
        const seesAll = hasScope(callerOf(request).actor, 'products:read')
        // A page knows the sku that it sells. Where a sku is somebody else's handle, the handle wins, unless the caller may not see what has it.
        for (const read of [readProduct, readProductOfSku]) {
          const product = await read(store.reader, shop.id, asked)
          if (product && (product.published || seesAll)) return shownTo(callerOf(request), product)
        }
        throw new Refused(refuse('product_not_found', {}))
      },
    )

    app.put(
      '/products/:product',
      {
        config: PRODUCTS,
        schema: {
          tags: ['Products'],
          summary: 'Write a product whole, found by its handle',
          params: Type.Object({ shop: Text(63), product: Text(255) }),
          querystring: Query,
          body: contract.ProductInput,
          response: { 200: Type.Ref('Product'), 201: Type.Ref('Product') },
        },
      },
      async (request, reply) => {
        const { id: shopId } = callerOf(request).shop
        const input = productOf(request.body)
        if (input.handle !== request.params.product)
          throw new Refused(refuse('invalid', { path: '/handle', reason: 'must_equal_the_address' }))
        const wrong = productRefusal(input)
        if (wrong) throw new Refused(wrong)
        const { created } = answerOnce(reply, unwrap(await catalogue.putProduct(shopId, input, claimOf(request, null))))
        reply.code(created ? 201 : 200)
        const written = await readProduct(store.reader, shopId, input.handle)
        return written && wireProductOf(written)
      },
    )

    await app.register(importRoutes)

    app.get(
      '/stock/:sku',
      {
        config: { access: { scope: 'products:read' } },
        schema: {
          tags: ['Products'],
          summary: 'How many there are',
          params: Type.Object({ shop: Text(63), sku: Sku }),
          querystring: Query,
          response: { 200: contract.Stock },
        },
      },
      async (request) => {
        const row = await readStockRow(store.reader, callerOf(request).shop.id, request.params.sku)
        if (!row) throw new Refused(refuse('product_not_found', { sku: request.params.sku, reason: 'unknown_or_untracked' }))
        return { sku: request.params.sku, onHand: row.on_hand, policy: row.policy }
      },
    )

    app.put(
      '/stock/:sku',
      {
        config: { access: { scope: 'stock:write' } },
        schema: {
          tags: ['Products'],
          summary: 'Set how many there are, or change it by a difference',
          params: Type.Object({ shop: Text(63), sku: Sku }),
          querystring: Query,
          body: contract.StockInput,
          response: { 200: contract.Stock },
        },
      },
      async (request, reply) =>
        answerOnce(
          reply,
          unwrap(await catalogue.changeStock(callerOf(request).shop.id, request.params.sku, request.body, claimOf(request, null))),
        ),
    )
  }

  /** A product with the prices that a shopper could pay today; those of other groups and other days are for the shop's own keys. */
  function shownTo({ actor }: Caller, product: StoredProduct) {
    if (hasScope(actor, 'products:read')) return wireProductOf(product)
    const terms = { quantity: Number.MAX_SAFE_INTEGER, groups: groupsOf(actor) ?? [], now: clock.now() }
    const isShown = (price: Price) => inapplicable(price, terms) === null
    return wireProductOf({ ...product, variants: product.variants.map((each) => ({ ...each, prices: each.prices.filter(isShown) })) })
  }

  /** `POST /products/import` in a scope of its own: it alone reads CSV, as a stream. */
  async function importRoutes(app: Parameters<FastifyPluginAsyncTypebox>[0]): Promise<void> {
    app.addContentTypeParser('text/csv', (_request, payload, done) => done(null, payload))
    // CSV is read as it comes, whatever its size; JSON has to be held in memory.
    app.removeContentTypeParser('application/json')
    app.addContentTypeParser(
      'application/json',
      { parseAs: 'string', bodyLimit: JSON_IMPORT_BYTES },
      app.getDefaultJsonParser('error', 'error'),
    )
    app.post(
      '/products/import',
      {
        config: PRODUCTS,
        schema: {
          tags: ['Products'],
          summary: 'Import a CSV file (Shopify format) or JSON',
          description:
            'Send text/csv or application/json. Bad rows are reported and never stop good ones; importing twice changes nothing.',
          querystring: Query,
          body: { content: { 'application/json': { schema: contract.ImportProducts }, 'text/csv': { schema: CsvFile } } },
          response: { 200: contract.ImportReport },
        },
      },
      async (request) => {
        const { shop } = callerOf(request)
        const { body } = request
        // By what came of the body: CSV comes as a stream. Its type may be written in many ways.
        const rows =
          body instanceof Readable
            ? readProductCsv(body, { currency: shop.currency, exponent: exponentOf })
            : readProductJson(productsOf(body))
        const report = await catalogue.importProducts(shop.id, rows)
        return { ...report, refused: [...report.refused] }
      },
    )
  }
}

/** A body without a type is judged by no schema, so that there is one is looked at here. */
function productsOf(body: unknown): readonly unknown[] {
  if (typeof body !== 'object' || body === null) throw new Refused(refuse('invalid', { path: '', reason: 'must be object' }))
  return (body as Static<typeof contract.ImportProducts>).products
}
