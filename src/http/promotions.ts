// Promotions over HTTP. Times are RFC 3339 on the wire and milliseconds inside, at every depth of a condition.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import * as contract from '../contract/promotion.ts'
import { CLOSED, Id, Page, Text } from '../contract/schemas.ts'
import { type Condition, PROMOTION_DEFAULTS, type Promotion } from '../core/promotion.ts'
import { promotionRefusal } from '../core/promotion-refusal.ts'
import { type Refusal, refuse } from '../core/refusal.ts'
import { rfc3339 } from '../core/time.ts'
import type { Engine } from '../engine/engine.ts'
import { listPromotions, readPromotion } from '../store/promotions.ts'
import { callerOf, Refused, unwrap } from './access.ts'
import { answerOnce, claimOf } from './idempotency.ts'

const Query = Type.Object({ account: Type.Optional(Id) }, CLOSED)

/** The routes of promotions. */
export function promotionRoutes({ store, catalogue }: Engine): FastifyPluginAsyncTypebox {
  const config = { read: { access: { scope: 'promotions:read' } }, write: { access: { scope: 'promotions:write' } } } as const
  const Params = Type.Object({ shop: Text(63), promotion: Id })

  async function served(shopId: string, id: string) {
    const found = await readPromotion(store.reader, shopId, id)
    if (!found) throw new Refused(refuse('promotion_not_found', {}))
    return wireOf(found.promotion, found.uses)
  }

  return async (app) => {
    app.get(
      '/promotions',
      {
        config: config.read,
        schema: {
          tags: ['Promotions'],
          summary: 'All promotions',
          querystring: Type.Object({ ...Page, account: Type.Optional(Id) }, CLOSED),
          response: { 200: contract.lists.promotions },
        },
      },
      async (request) => {
        const { limit = 50, after } = request.query
        const page = { limit: limit + 1, ...(after === undefined ? {} : { after }) }
        const kept = await listPromotions(store.reader, callerOf(request).shop.id, page)
        const items = kept.slice(0, limit).map(({ promotion, uses }) => wireOf(promotion, uses))
        return { items, next: kept.length > limit ? (items.at(-1)?.id ?? null) : null }
      },
    )

    app.post(
      '/promotions',
      {
        config: config.write,
        schema: {
          tags: ['Promotions'],
          summary: 'Make a promotion',
          querystring: Query,
          body: contract.PromotionInput,
          response: { 201: Type.Ref('Promotion') },
        },
      },
      async (request, reply) => {
        const { id: shopId } = callerOf(request).shop
        const { id } = answerOnce(
          reply,
          unwrap(await catalogue.putPromotion(shopId, unwrap(promotionOf(request.body, null)), claimOf(request, null))),
        )
        reply.code(201)
        return served(shopId, id)
      },
    )

    app.get(
      '/promotions/:promotion',
      {
        config: config.read,
        schema: {
          tags: ['Promotions'],
          summary: 'One promotion',
          params: Params,
          querystring: Query,
          response: { 200: Type.Ref('Promotion') },
        },
      },
      (request) => served(callerOf(request).shop.id, request.params.promotion),
    )

    app.put(
      '/promotions/:promotion',
      {
        config: config.write,
        schema: {
          tags: ['Promotions'],
          summary: 'Replace a promotion',
          params: Params,
          querystring: Query,
          body: contract.PromotionInput,
          response: { 200: Type.Ref('Promotion') },
        },
      },
      async (request, reply) => {
        const { id: shopId } = callerOf(request).shop
        await served(shopId, request.params.promotion)
        const promotion = unwrap(promotionOf(request.body, request.params.promotion))
        answerOnce(reply, unwrap(await catalogue.putPromotion(shopId, promotion, claimOf(request, null))))
        return served(shopId, request.params.promotion)
      },
    )
  }
}

type Input = Type.Static<typeof contract.PromotionInput>

/** A promotion as it came, with what it left out; refused where it contradicts itself. */
export function promotionOf({ conditions, ...input }: Input, id: string | null): (Omit<Promotion, 'id'> & { id?: string }) | Refusal {
  const at = (text: string | null | undefined) => (text === undefined || text === null ? null : Date.parse(text))
  const promotion = {
    ...PROMOTION_DEFAULTS,
    ...(input as Omit<Promotion, 'id' | 'conditions'>),
    startsAt: at(input.startsAt),
    endsAt: at(input.endsAt),
    conditions: ((conditions ?? []) as readonly WireCondition[]).map(fromWire),
    ...(id === null ? {} : { id }),
  }
  return promotionRefusal(promotion) ?? promotion
}

/** A promotion as it is served. */
export function wireOf(promotion: Promotion, uses: number) {
  const at = (ms: number | null) => (ms === null ? null : rfc3339(ms))
  return {
    ...promotion,
    startsAt: at(promotion.startsAt),
    endsAt: at(promotion.endsAt),
    uses,
    conditions: promotion.conditions.map(toWire),
  } as unknown as Type.Static<typeof contract.Promotion>
}

type Dates = Extract<Condition, { kind: 'dates' }>
type Tree = Extract<Condition, { kind: 'all' | 'any' | 'none' }>
type WireCondition =
  | Exclude<Condition, Dates | Tree>
  | { readonly kind: Tree['kind']; readonly conditions: readonly WireCondition[] }
  | { readonly kind: 'dates'; readonly from?: string; readonly until?: string }

function fromWire(condition: WireCondition): Condition {
  if ('conditions' in condition) return { ...condition, conditions: condition.conditions.map(fromWire) }
  if (condition.kind !== 'dates') return condition
  const { from, until } = condition
  const ends = { ...(from === undefined ? {} : { from: Date.parse(from) }), ...(until === undefined ? {} : { until: Date.parse(until) }) }
  return { kind: 'dates', ...ends }
}

function toWire(condition: Condition): WireCondition {
  if ('conditions' in condition) return { ...condition, conditions: condition.conditions.map(toWire) }
  if (condition.kind !== 'dates') return condition
  const { from, until } = condition
  return {
    kind: 'dates',
    ...(from === undefined ? {} : { from: rfc3339(from) }),
    ...(until === undefined ? {} : { until: rfc3339(until) }),
  }
}
