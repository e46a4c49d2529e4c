// Fulfilments over HTTP: for keys that edit orders. They are read with their order, which every change answers.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import Type from 'typebox'
import { CreateFulfilment, PatchFulfilment } from '../contract/fulfilment.ts'
import { CLOSED, Id, Text } from '../contract/schemas.ts'
import type { Engine } from '../engine/engine.ts'
import type { FulfilmentWords } from '../engine/fulfilments.ts'
import { nameOf } from '../engine/identity.ts'
import { serveOrders } from '../engine/orders.ts'
import { callerOf, unwrap } from './access.ts'
import { answerOnce, claimOf } from './idempotency.ts'
import { findOrder } from './orders.ts'

const Params = Type.Object({ shop: Text(63), order: Id })
const Query = Type.Object({ account: Type.Optional(Id) }, CLOSED)
const tags = ['Orders']

/** The routes of fulfilments. */
export function fulfilmentRoutes(engine: Engine): FastifyPluginAsyncTypebox {
  const { fulfilling } = engine
  const { reader } = engine.store
  const telling = (request: FastifyRequest, quiet = false) => ({
    by: nameOf(callerOf(request).actor),
    quiet,
    claim: claimOf(request, null),
  })

  async function answer(request: FastifyRequest, orderId: string) {
    const [order] = await serveOrders(reader, [await findOrder(reader, callerOf(request), orderId)])
    return order
  }

  return async (app) => {
    app.post(
      '/orders/:order/fulfilments',
      {
        config: { access: { scope: 'orders:edit' } },
        schema: {
          tags,
          summary: 'Hand over pieces of the order: those that are named, or all that are left',
          params: Params,
          querystring: Query,
          body: CreateFulfilment,
          response: { 201: Type.Ref('Order') },
        },
      },
      async (request, reply) => {
        const caller = callerOf(request)
        const { id } = await findOrder(reader, caller, request.params.order)
        const { state = 'SHIPPED', lines, suppressEmails, ...words } = request.body
        const what = { state, lines, words: words as FulfilmentWords }
        answerOnce(reply, unwrap(await fulfilling.create(caller.shop, id, what, telling(request, suppressEmails))))
        reply.code(201)
        return answer(request, id)
      },
    )

    app.patch(
      '/orders/:order/fulfilments/:fulfilment',
      {
        config: { access: { scope: 'orders:edit' } },
        schema: {
          tags,
          summary: 'Say more about a fulfilment, move it on, or cancel it',
          params: Type.Object({ shop: Text(63), order: Id, fulfilment: Id }),
          querystring: Query,
          body: PatchFulfilment,
          response: { 200: Type.Ref('Order') },
        },
      },
      async (request, reply) => {
        const caller = callerOf(request)
        const { order, fulfilment } = request.params
        const { id } = await findOrder(reader, caller, order)
        const { state, suppressEmails, ...words } = request.body
        const what = { state, words: words as FulfilmentWords }
        answerOnce(reply, unwrap(await fulfilling.update(caller.shop, id, fulfilment, what, telling(request, suppressEmails))))
        return answer(request, id)
      },
    )
  }
}
