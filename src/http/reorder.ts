// Buying an order's items again over HTTP: they are added to a cart like a shopper adds them, at today's prices, and a report says what became of
// each line.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import { Reorder } from '../contract/guest-orders.ts'
import { Id, Nullable, Text } from '../contract/schemas.ts'
import type { PricedCart } from '../core/pricing.ts'
import { refuse } from '../core/refusal.ts'
import { reorderInto, reorderReport, wantedOf } from '../core/reorder.ts'
import type { Engine } from '../engine/engine.ts'
import { hasScope, nameOf } from '../engine/identity.ts'
import { parseOrder } from '../engine/orders.ts'
import { callerOf, Refused, unwrap } from './access.ts'
import { address, ifMatch, json, spoken } from './carts.ts'
import { claimOf } from './idempotency.ts'
import { findOrder } from './orders.ts'

const Query = Type.Object({ type: Type.Optional(Text(40)), account: Type.Optional(Id) }, { additionalProperties: false })

/** The route that buys again. */
export function reorderRoutes({ store, carts, random }: Engine): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.post(
      '/orders/:order/reorder',
      {
        config: { access: { owner: true, scope: 'carts:write' } },
        schema: {
          tags: ['Orders'],
          summary: "Put the order's lines into a cart, at today's prices, with a report per line",
          params: Type.Object({ shop: Text(63), order: Id }),
          querystring: Query,
          body: Type.Optional(Nullable(Reorder)),
          response: { 200: Type.Ref('Reordered'), 201: Type.Ref('Reordered') },
        },
      },
      async (request, reply) => {
        const caller = callerOf(request)
        if (caller.all && !hasScope(caller.actor, 'orders:read')) throw new Refused(refuse('missing_scope', { scope: 'orders:read' }))
        const order = parseOrder(await findOrder(store.reader, caller, request.params.order))
        const { cart = 'current', mode = 'add' } = request.body ?? {}
        const wanted = wantedOf(order, () => random.id('ln'))
        const answer = unwrap(
          await carts.change({
            ...address(caller, cart, request.query.type),
            name: 'reorder',
            by: nameOf(caller.actor),
            creates: true,
            skus: wanted.flatMap(({ request: { sku } }) => sku ?? []),
            ifMatch: ifMatch(request),
            idempotency: claimOf(request, null),
            decide: (current, facts) => reorderInto(current, { order, wanted, mode }, facts),
          }),
        )
        const report = reorderReport(order, answer.results ?? [], JSON.parse(answer.text) as PricedCart)
        reply.code(answer.created ? 201 : 200)
        if (answer.replayed) reply.header('idempotency-replayed', 'true')
        return json(reply, `{"cart":${spoken(reply, answer.text)},"report":${JSON.stringify(report)}}`)
      },
    )
  }
}
