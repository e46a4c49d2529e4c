// Codes of promotions over HTTP: one by one, in bulk, checked by shoppers; who used a promotion; promotions in and out. What a promotion is made of
// is written by the promotions' own routes.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import * as contract from '../contract/promotion-code.ts'
import { readPortable } from '../contract/promotion-json.ts'
import { CLOSED, Id, Page, Text } from '../contract/schemas.ts'
import { normaliseCode } from '../core/cart.ts'
import { isRefusal, refuse } from '../core/refusal.ts'
import { rfc3339 } from '../core/time.ts'
import type { Engine } from '../engine/engine.ts'
import type { ShopFacts } from '../engine/facts.ts'
import { hasScope, nameOf } from '../engine/identity.ts'
import type { PromotionRow } from '../engine/promotions.ts'
import { type CodeRow, listCodes, listPromotions, readCode, readPromotion } from '../store/promotions.ts'
import { listRedemptions } from '../store/redemptions.ts'
import type { RedemptionTable } from '../store/tables.ts'
import { callerOf, type GuessGuard, guarded, Refused, unwrap } from './access.ts'
import { address } from './carts.ts'
import { answerOnce, claimOf } from './idempotency.ts'
import { promotionOf, wireOf } from './promotions.ts'

const READ = { access: { scope: 'promotions:read' } } as const
const WRITE = { access: { scope: 'promotions:write' } } as const
const Query = Type.Object({ account: Type.Optional(Id) }, CLOSED)
const Params = Type.Object({ shop: Text(63), promotion: Id })
const CodeParams = Type.Object({ shop: Text(63), promotion: Id, code: Text(100) })
const IMPORT_BYTES = 16 * 1024 * 1024
/** Codes in one exported promotion, and in all of one page. */
const EXPORTED_CODES_MAX = 10_000

/** The routes of codes, uses, and of promotions in bulk. */
export function promotionCodeRoutes(engine: Engine, guard: GuessGuard): FastifyPluginAsyncTypebox {
  const { store, promotions } = engine

  async function requirePromotion(shopId: string, id: string): Promise<void> {
    if (!(await readPromotion(store.reader, shopId, id))) throw new Refused(refuse('promotion_not_found', {}))
  }

  return async (app) => {
    await app.register(codeRoutes)
    await app.register(bulkRoutes)

    app.post(
      '/promotions/verify',
      {
        config: { access: { owner: true, anonymous: true, limited: true, scope: 'promotions:read' } },
        schema: {
          tags: ['Codes'],
          summary: 'Whether a code would apply to a cart, and what it would give; changes nothing',
          querystring: Query,
          body: contract.VerifyCode,
          response: { 200: contract.Verdict },
        },
      },
      async (request) => {
        const caller = callerOf(request)
        const mayKnow = hasScope(caller.actor, 'promotions:read')
        const { code, cart = 'current' } = request.body
        const verify = async () => unwrap(await promotions.verify(address(caller, cart), code, mayKnow))
        const verdict = mayKnow ? await verify() : await guarded(guard, request, verify, ({ applies }) => !applies)
        return verdict as Type.Static<typeof contract.Verdict>
      },
    )

    app.delete(
      '/promotions/:promotion',
      {
        config: WRITE,
        schema: {
          tags: ['Promotions'],
          summary: 'Delete a promotion that no order uses, with its codes',
          params: Params,
          querystring: Query,
          response: { 204: Type.Null() },
        },
      },
      async (request, reply) => {
        answerOnce(reply, unwrap(await promotions.dropPromotion(callerOf(request).shop, request.params.promotion, claimOf(request, null))))
        return reply.code(204).send(null)
      },
    )

    app.get(
      '/promotions/:promotion/redemptions',
      {
        // Whose orders they are is the business of who may read orders.
        config: { access: { scope: 'orders:read' } },
        schema: {
          tags: ['Promotions'],
          summary: 'Which orders use a promotion, and for how much',
          params: Params,
          querystring: Type.Object({ ...Page, account: Type.Optional(Id) }, CLOSED),
          response: { 200: contract.lists.redemptions },
        },
      },
      async (request) => {
        const { limit = 50, after } = request.query
        const { id: shopId } = callerOf(request).shop
        const page = { limit: limit + 1, ...(after === undefined ? {} : { after }) }
        await requirePromotion(shopId, request.params.promotion)
        const rows = await listRedemptions(store.reader, shopId, request.params.promotion, page)
        const items = rows.slice(0, limit).map(servedUse)
        return { items, next: rows.length > limit ? (items.at(-1)?.orderId ?? null) : null }
      },
    )

    app.post(
      '/promotions/:promotion/redemptions/forget',
      {
        config: WRITE,
        schema: {
          tags: ['Promotions'],
          summary: "Give a customer's uses of a promotion back to the customer; its total stays",
          params: Params,
          querystring: Query,
          body: contract.ForgetUses,
          response: { 200: Type.Object({ forgotten: Type.Integer() }, CLOSED) },
        },
      },
      async (request, reply) => {
        const { actor, shop } = callerOf(request)
        const { promotion } = request.params
        return answerOnce(reply, unwrap(await promotions.forgetUses(shop, promotion, request.body, nameOf(actor), claimOf(request, null))))
      },
    )
  }

  async function codeRoutes(app: Parameters<FastifyPluginAsyncTypebox>[0]): Promise<void> {
    app.get(
      '/promotions/:promotion/codes',
      {
        config: READ,
        schema: {
          tags: ['Promotions'],
          summary: 'Codes of a promotion; `batch` lists those that one call made',
          params: Params,
          querystring: Type.Object(
            {
              limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 50 })),
              after: Page.after,
              batch: Type.Optional(Id),
              account: Type.Optional(Id),
            },
            CLOSED,
          ),
          response: { 200: contract.lists.codes },
        },
      },
      async (request) => {
        const { limit = 50, after, batch } = request.query
        const { id: shopId } = callerOf(request).shop
        await requirePromotion(shopId, request.params.promotion)
        const rows = await listCodes(store.reader, shopId, request.params.promotion, {
          limit: limit + 1,
          ...(after === undefined ? {} : { after }),
          ...(batch === undefined ? {} : { batch }),
        })
        const items = rows.slice(0, limit).map(servedCode)
        return { items, next: rows.length > limit ? (items.at(-1)?.code ?? null) : null }
      },
    )

    app.post(
      '/promotions/:promotion/codes',
      {
        config: WRITE,
        schema: {
          tags: ['Promotions'],
          summary: 'Add a code; without one in the body, one is made',
          params: Params,
          querystring: Query,
          body: contract.CodeInput,
          response: { 201: Type.Object({ code: Type.String() }, CLOSED) },
        },
      },
      async (request, reply) => {
        const { code, usesMax = null } = request.body
        const { shop } = callerOf(request)
        const added = await promotions.addCode(shop, request.params.promotion, { code, usesMax }, claimOf(request, null))
        const made = answerOnce(reply, unwrap(added))
        reply.code(201)
        return made
      },
    )

    app.post(
      '/promotions/:promotion/codes/generate',
      {
        config: WRITE,
        schema: {
          tags: ['Promotions'],
          summary: 'Make many codes of a pattern',
          description: 'The same request with the same Idempotency-Key goes on where an interrupted one stopped.',
          params: Params,
          querystring: Query,
          body: contract.GenerateCodes,
          response: { 201: contract.Generated },
        },
      },
      async (request, reply) => {
        const { pattern, count, usesMax = null } = request.body
        const { shop } = callerOf(request)
        const wanted = { pattern, count, usesMax }
        const made = answerOnce(
          reply,
          unwrap(await promotions.generateCodes(shop, request.params.promotion, wanted, claimOf(request, null))),
        )
        reply.code(201)
        return made
      },
    )

    app.get(
      '/promotions/:promotion/codes/:code',
      {
        config: READ,
        schema: {
          tags: ['Promotions'],
          summary: 'One code',
          params: CodeParams,
          querystring: Query,
          response: { 200: contract.Code },
        },
      },
      (request) => codeOf(callerOf(request).shop, request.params),
    )

    app.patch(
      '/promotions/:promotion/codes/:code',
      {
        config: WRITE,
        schema: {
          tags: ['Promotions'],
          summary: 'Change how often a code may be used, or switch it on or off',
          params: CodeParams,
          querystring: Query,
          body: contract.PatchCode,
          response: { 200: contract.Code },
        },
      },
      async (request, reply) => {
        const { shop } = callerOf(request)
        const { promotion, code } = request.params
        answerOnce(reply, unwrap(await promotions.changeCode(shop, promotion, code, request.body, claimOf(request, null))))
        return codeOf(shop, request.params)
      },
    )

    app.delete(
      '/promotions/:promotion/codes/:code',
      {
        config: WRITE,
        schema: {
          tags: ['Promotions'],
          summary: 'Delete a code that no order uses',
          params: CodeParams,
          querystring: Query,
          response: { 204: Type.Null() },
        },
      },
      async (request, reply) => {
        const { promotion, code } = request.params
        answerOnce(reply, unwrap(await promotions.dropCode(callerOf(request).shop, promotion, code, claimOf(request, null))))
        return reply.code(204).send(null)
      },
    )
  }

  async function codeOf(shop: ShopFacts, params: { promotion: string; code: string }) {
    const row = await readCode(store.reader, shop.id, params.promotion, normaliseCode(params.code, shop.settings))
    if (!row) throw new Refused(refuse('code_not_found', {}))
    return servedCode(row)
  }

  async function bulkRoutes(app: Parameters<FastifyPluginAsyncTypebox>[0]): Promise<void> {
    app.post(
      '/promotions/import',
      {
        config: WRITE,
        bodyLimit: IMPORT_BYTES,
        schema: {
          tags: ['Promotions'],
          summary: 'Import promotions with their codes',
          description: 'Ids are kept. Bad promotions are reported and never stop good ones; importing twice changes nothing.',
          querystring: Query,
          body: contract.ImportPromotions,
          response: { 200: contract.PromotionReport },
        },
      },
      async (request) => {
        const report = await promotions.importPromotions(callerOf(request).shop, request.body.promotions.map(rowOf))
        return { ...report, refused: [...report.refused] }
      },
    )

    app.get(
      '/promotions/export',
      {
        config: READ,
        schema: {
          tags: ['Promotions'],
          summary: 'Promotions as they can be imported, with the codes that were made one by one',
          description: `Codes that were made in bulk are listed by their batch. A page ends early when it has ${EXPORTED_CODES_MAX} codes.`,
          querystring: Type.Object(
            {
              limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000, default: 1000 })),
              after: Page.after,
              account: Type.Optional(Id),
            },
            CLOSED,
          ),
          response: { 200: contract.ExportedPromotions },
        },
      },
      async (request) => {
        const { limit = 1000, after } = request.query
        const { id: shopId } = callerOf(request).shop
        const kept = await listPromotions(store.reader, shopId, { limit: limit + 1, ...(after === undefined ? {} : { after }) })
        const exported: Type.Static<typeof contract.PortablePromotion>[] = []
        let codes = 0
        for (const { promotion, uses } of kept.slice(0, limit)) {
          const rows = await listCodes(store.reader, shopId, promotion.id, { limit: EXPORTED_CODES_MAX, batch: null })
          codes += rows.length
          if (codes > EXPORTED_CODES_MAX && exported.length > 0) break
          const fields = Object.entries(wireOf(promotion, uses)).filter(([name]) => name in contract.PortablePromotion.properties)
          const definitions = rows.map((row) => ({ code: row.code, usesMax: row.uses_max, active: row.active === 1 }))
          exported.push({ ...Object.fromEntries(fields), codes: definitions } as (typeof exported)[number])
        }
        return { promotions: exported, next: exported.length < kept.length ? (exported.at(-1)?.id ?? null) : null }
      },
    )
  }
}

/** A promotion of an import, judged like one that is written by itself. */
function rowOf(item: unknown, index: number): PromotionRow {
  const read = readPortable(item)
  if (isRefusal(read)) return { index, refused: read }
  const { id, codes = [], ...input } = read
  const promotion = promotionOf(input, id)
  if (isRefusal(promotion)) return { index, refused: promotion }
  const definitions = codes.map(({ code, usesMax = null, active = true }) => ({ code, usesMax, active }))
  return { index, promotion: { ...promotion, id }, codes: definitions }
}

function servedCode(row: CodeRow): Type.Static<typeof contract.Code> {
  return { code: row.code, usesMax: row.uses_max, uses: row.uses, active: row.active === 1, batch: row.batch }
}

function servedUse(row: RedemptionTable): Type.Static<typeof contract.Redemption> {
  const { order_id: orderId, code, state, account, email, amount, currency } = row
  return {
    orderId,
    code,
    state,
    account,
    email,
    amount: currency === null ? null : { amount, currency },
    createdAt: rfc3339(row.created_at),
  }
}
