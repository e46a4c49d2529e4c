// The status and the history of an order over HTTP. An owner sees what happened and that staff did it, not which key, nor what staff alone needs.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import { MoveStatus, OrderHistory, StatusMoves } from '../contract/order-lifecycle.ts'
import { CLOSED, Id, Page, Text } from '../contract/schemas.ts'
import { rfc3339 } from '../core/time.ts'
import type { Engine } from '../engine/engine.ts'
import { nameOf, reachesAll, roleOf } from '../engine/identity.ts'
import { serveOrders } from '../engine/orders.ts'
import { readOrderHistory } from '../store/orders.ts'
import { callerOf, unwrap } from './access.ts'
import { withoutKeys } from './history.ts'
import { answerOnce, claimOf } from './idempotency.ts'
import { findOrder } from './orders.ts'

const Params = Type.Object({ shop: Text(63), order: Id })
const Query = Type.Object({ account: Type.Optional(Id) }, CLOSED)
const PageQuery = Type.Object({ ...Page, account: Type.Optional(Id) }, CLOSED)
const tags = ['Orders']

/** The routes of statuses and histories. */
export function orderLifecycleRoutes(engine: Engine): FastifyPluginAsyncTypebox {
  const { store, statuses } = engine
  const { reader } = store

  return async (app) => {
    app.get(
      '/orders/:order/status',
      {
        config: { access: { owner: true, orderToken: true, scope: 'orders:read' } },
        schema: {
          tags,
          summary: 'Where the caller may move the order now',
          params: Params,
          querystring: Query,
          response: { 200: StatusMoves },
        },
      },
      async (request) => {
        const caller = callerOf(request)
        const row = await findOrder(reader, caller, request.params.order)
        // An order's token only reads.
        const moves = caller.actor.kind === 'order' ? [] : await statuses.moves(caller.shop, row, roleOf(caller.actor))
        return { status: row.status, state: row.state, moves } as Type.Static<typeof StatusMoves>
      },
    )

    app.post(
      '/orders/:order/status',
      {
        config: { access: { owner: true, scope: 'orders:edit' } },
        schema: {
          tags,
          summary: "Move the order to another of the shop's statuses",
          params: Params,
          querystring: Query,
          body: MoveStatus,
          response: { 200: Type.Ref('Order') },
        },
      },
      async (request, reply) => {
        const caller = callerOf(request)
        const { id } = await findOrder(reader, caller, request.params.order)
        const { status: to, message = null, suppressEmails = false } = request.body
        // Whether it is written to is not the customer's to say.
        const quiet = suppressEmails && caller.all
        const who = { by: nameOf(caller.actor), role: roleOf(caller.actor) }
        answerOnce(reply, unwrap(await statuses.move(caller.shop, id, { to, ...who, message, quiet, claim: claimOf(request, null) })))
        const [order] = await serveOrders(reader, [await findOrder(reader, caller, id)])
        return order
      },
    )

    app.get(
      '/orders/:order/history',
      {
        config: { access: { owner: true, orderToken: true, scope: 'orders:read' } },
        schema: {
          tags,
          summary: 'What happened to the order, newest first',
          params: Params,
          querystring: PageQuery,
          response: { 200: OrderHistory },
        },
      },
      async (request) => {
        const caller = callerOf(request)
        const { id } = await findOrder(reader, caller, request.params.order)
        const { limit = 50, after } = request.query
        const rows = await readOrderHistory(reader, caller.shop.id, id, { after, limit: limit + 1 })
        const isStaff = reachesAll(caller.actor)
        const items = rows.slice(0, limit).map((row) => {
          type Entry = Omit<Type.Static<typeof OrderHistory>['items'][number], 'id' | 'version' | 'at' | 'actor'>
          const { details, ...entry } = JSON.parse(row.entry) as Entry
          const actor = isStaff ? row.actor : withoutKeys(row.actor)
          return { id: row.id, version: row.version, at: rfc3339(row.at), actor, ...entry, details: isStaff ? details : null }
        })
        return { items, next: rows.length > limit ? (items.at(-1)?.id ?? null) : null }
      },
    )
  }
}
