// What staff and servers do with the payments of orders: take reserved money, set it free, say that money came by hand.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import Type from 'typebox'
import * as contract from '../contract/payment.ts'
import { CLOSED, Id, Text } from '../contract/schemas.ts'
import { refuse } from '../core/refusal.ts'
import type { Engine } from '../engine/engine.ts'
import { nameOf } from '../engine/identity.ts'
import { serveOrders } from '../engine/orders.ts'
import type { PaymentAddress } from '../engine/settling.ts'
import { readOrder } from '../store/orders.ts'
import { callerOf, unwrap } from './access.ts'
import { answerOnce, claimOf, underKey } from './idempotency.ts'

const config = { access: { scope: 'payments:write' } } as const
const common = {
  tags: ['Orders'],
  params: Type.Object({ shop: Text(63), order: Id, payment: Id }),
  querystring: Type.Object({ account: Type.Optional(Id) }, CLOSED),
  response: { 200: Type.Ref('Order'), '4xx': Type.Ref('Problem') },
} as const

/** The routes of payments of orders, for keys. */
export function orderPaymentRoutes(engine: Engine): FastifyPluginAsyncTypebox {
  const { store, settling } = engine

  async function served({ shopId, orderId }: PaymentAddress) {
    const row = unwrap((await readOrder(store.reader, shopId, orderId)) ?? refuse('order_not_found', { orderId }))
    const [order] = await serveOrders(store.reader, [row])
    return order
  }

  return async (app) => {
    app.post(
      '/orders/:order/payments/:payment/capture',
      {
        config,
        schema: { ...common, summary: 'Take reserved money, all or a part; the rest is set free', body: contract.CapturePayment },
      },
      async (request, reply) => {
        const address = addressOf(request, request.params)
        return underKey(engine, request, reply, { paymentId: address.paymentId }, async () => {
          unwrap((await settling.capture(address, request.body?.amount)) ?? address)
          return served(address)
        })
      },
    )

    app.post(
      '/orders/:order/payments/:payment/void',
      {
        config,
        schema: { ...common, summary: 'Set reserved money free, or close a payment that is still to come', body: contract.VoidPayment },
      },
      async (request, reply) => {
        const address = addressOf(request, request.params)
        return underKey(engine, request, reply, { paymentId: address.paymentId }, async () => {
          unwrap((await settling.cancel(address)) ?? address)
          return served(address)
        })
      },
    )

    app.post(
      '/orders/:order/payments/:payment/mark-paid',
      {
        config,
        schema: { ...common, summary: 'Money came by hand: all that is owed, or a part of it', body: contract.MarkPaid },
      },
      async (request, reply) => {
        const address = addressOf(request, request.params)
        const { amount, reference, receivedAt } = request.body ?? {}
        const receipt = { amount, reference, receivedAt: receivedAt === undefined ? undefined : Date.parse(receivedAt) }
        answerOnce(reply, unwrap(await settling.markPaid(address, receipt, claimOf(request, null))))
        return served(address)
      },
    )
  }
}

function addressOf(request: FastifyRequest, { order, payment }: { order: string; payment: string }): PaymentAddress {
  const { actor, shop } = callerOf(request)
  return { shopId: shop.id, orderId: order, paymentId: payment, by: nameOf(actor) }
}
