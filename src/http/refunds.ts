// Refunds over HTTP, and splitting of lines: for keys only. An answer of 201 says that the refund is written down; its state says what the provider
// answered by then.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import * as contract from '../contract/refund.ts'
import { Id, Text } from '../contract/schemas.ts'
import type { ServedOrder } from '../core/order.ts'
import { refuse } from '../core/refusal.ts'
import type { Engine } from '../engine/engine.ts'
import { nameOf } from '../engine/identity.ts'
import { serveOrders } from '../engine/orders.ts'
import { readOrder } from '../store/orders.ts'
import { type Caller, callerOf, unwrap } from './access.ts'
import { answerOnce, claimOf } from './idempotency.ts'

const Params = Type.Object({ shop: Text(63), order: Id })
const problems = { '4xx': Type.Ref('Problem') }

/** The routes of refunds. */
export function refundRoutes({ store, refunds, orderLines }: Engine): FastifyPluginAsyncTypebox {
  async function orderOf({ shop }: Caller, orderId: string): Promise<ServedOrder> {
    const row = unwrap((await readOrder(store.reader, shop.id, orderId)) ?? refuse('order_not_found', {}))
    const [order] = await serveOrders(store.reader, [row])
    return unwrap(order ?? refuse('order_not_found', {}))
  }

  async function refundIn(caller: Caller, orderId: string, refundId: string) {
    const order = await orderOf(caller, orderId)
    return { order, refund: unwrap(order.refunds.find((each) => each.id === refundId) ?? refuse('refund_not_found', { orderId })) }
  }

  return async (app) => {
    app.post(
      '/orders/:order/refunds',
      {
        config: { access: { scope: 'refunds:write' } },
        schema: {
          tags: ['Orders'],
          summary: 'Give money back: for pieces of lines, shipping, or a free amount',
          params: Params,
          body: contract.CreateRefund,
          response: { 201: contract.RefundAnswer, ...problems },
        },
      },
      async (request, reply) => {
        const caller = callerOf(request)
        const { order } = request.params
        const asking = { by: nameOf(caller.actor), claim: claimOf(request, null) }
        const { refundId } = answerOnce(reply, unwrap(await refunds.give(caller.shop.id, order, request.body, asking)))
        reply.code(201)
        return refundIn(caller, order, refundId)
      },
    )

    app.get(
      '/orders/:order/refunds',
      {
        config: { access: { scope: 'orders:read' } },
        schema: {
          tags: ['Orders'],
          summary: 'The refunds of an order, oldest first',
          params: Params,
          response: { 200: Type.Object({ items: Type.Array(contract.Refund) }, { additionalProperties: false }), ...problems },
        },
      },
      async (request) => ({ items: [...(await orderOf(callerOf(request), request.params.order)).refunds] }),
    )

    app.post(
      '/orders/:order/refunds/:refund/retry',
      {
        config: { access: { scope: 'refunds:write' } },
        schema: {
          tags: ['Orders'],
          summary: 'Try a failed refund again, under its own id',
          params: Type.Object({ shop: Text(63), order: Id, refund: Id }),
          response: { 200: contract.RefundAnswer, ...problems },
        },
      },
      async (request, reply) => {
        const caller = callerOf(request)
        const { order, refund } = request.params
        const asking = { by: nameOf(caller.actor), claim: claimOf(request, null) }
        const { refundId } = answerOnce(reply, unwrap(await refunds.retry(caller.shop.id, order, refund, asking)))
        return refundIn(caller, order, refundId)
      },
    )

    app.post(
      '/orders/:order/lines/:line/split',
      {
        config: { access: { scope: 'orders:edit' } },
        schema: {
          tags: ['Orders'],
          summary: 'Split a line: some of its open pieces become a line of their own',
          params: Type.Object({ shop: Text(63), order: Id, line: Id }),
          body: contract.SplitLine,
          response: { 201: contract.SplitAnswer, ...problems },
        },
      },
      async (request, reply) => {
        const caller = callerOf(request)
        const { order, line } = request.params
        const asking = { by: nameOf(caller.actor), claim: claimOf(request, null) }
        const { lineId } = answerOnce(reply, unwrap(await orderLines.split(caller.shop.id, order, line, request.body.quantity, asking)))
        reply.code(201)
        return { order: await orderOf(caller, order), lineId }
      },
    )
  }
}
