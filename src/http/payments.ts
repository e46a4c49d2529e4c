// What payment providers send, and where a browser comes back to. The provider proves its message itself; the message is stored before anything
// else is done with it, so an answer of 2xx means: nothing is lost. What is refused or cannot be read now is sent again by the provider.
import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { Id, Text } from '../contract/schemas.ts'
import { refuse } from '../core/refusal.ts'
import type { Engine } from '../engine/engine.ts'
import { isPayable } from '../engine/payments.ts'
import { withDeadline } from '../engine/ports.ts'
import { readPayment } from '../store/orders.ts'
import { Refused } from './access.ts'

/** 202: new and stored; 200: known already, or nothing to do. */
const Received = Type.Object({ received: Type.Literal(true) }, { additionalProperties: false })

/** The routes of providers. */
export function paymentRoutes(engine: Engine): FastifyPluginAsync {
  return async (app) => {
    // Signatures are made over bytes: the body is kept as it came.
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))

    app.post(
      '/payments/:provider/events',
      {
        config: { access: 'public' },
        schema: {
          tags: ['Payments'],
          summary: 'What a payment provider sends',
          params: Type.Object({ shop: Text(63), provider: Id }),
          response: { 200: Received, 202: Received },
        },
      },
      async (request: FastifyRequest, reply) => {
        const { shop, provider: name } = request.params as { shop: string; provider: string }
        const provider = engine.providers.get(name)
        if (!provider || !(await engine.facts.shop(shop))) throw new Refused(refuse('shop_not_found', { shopId: shop }))
        const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
        const headers = request.headers as Record<string, string>
        const event = await withDeadline(() => provider.readEvent(shop, headers, body)).catch((error: unknown) => {
          request.log.warn({ err: error, shop, provider: name }, 'a message of a provider could not be read; it is sent again')
          throw new Refused(refuse('provider_unavailable', { provider: name, retryAfter: 5 }))
        })
        if (event === null) {
          request.log.warn({ shop, provider: name }, 'a message that is not a genuine one of this provider and shop was refused')
          throw new Refused(refuse('event_not_genuine', {}))
        }
        if (event === 'ignored') return reply.code(200).send({ received: true })
        const isNew = await engine.reconciling.receive(shop, name, event)
        return reply.code(isNew ? 202 : 200).send({ received: true })
      },
    )

    app.get(
      '/payments/:provider/returns/:payment',
      {
        config: { access: 'public' },
        schema: {
          tags: ['Payments'],
          summary: 'The browser comes back from the provider',
          params: Type.Object({ shop: Text(63), provider: Id, payment: Id }),
          response: { 200: { description: 'A page that leads back to the shop', content: { 'text/html': { schema: Type.String() } } } },
        },
      },
      async (request: FastifyRequest, reply) => {
        const { shop, provider, payment: id } = request.params as { shop: string; provider: string; payment: string }
        const payment = await readPayment(engine.store.reader, shop, id)
        if (!payment || payment.provider !== provider) throw new Refused(refuse('payment_not_found', {}))
        // Nothing in this request is believed: it only makes us ask the provider now instead of waiting for its message.
        // Whatever goes wrong with that, the shopper is led back; the reconciler asks again.
        if (isPayable(payment))
          await engine.payments
            .askProvider(payment)
            .catch((error: unknown) => request.log.error({ err: error, payment: id }, 'asking failed'))
        const now = await readPayment(engine.store.reader, shop, id)
        reply
          .type('text/html; charset=utf-8')
          .header('cache-control', 'no-store')
          .header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'")
          .header('referrer-policy', 'no-referrer')
        return reply.send(returnPage(payment.return_url, payment.order_id, id, now?.state ?? payment.state))
      },
    )
  }
}

/**
 * Sends the browser on to the shop. A page, not a redirect: browsers apply the payment page's form rules to a whole chain of redirects, and
 * the shop's origin is not known there.
 */
function returnPage(returnUrl: string | null, orderId: string, paymentId: string, state: string): string {
  const isPaid = state === 'PAID' || state === 'AUTHORIZED'
  const words = isPaid ? 'Your payment was received.' : 'The payment is not finished.'
  const style = 'body{font:16px/1.5 system-ui,sans-serif;display:grid;place-items:center;min-height:90vh;margin:0;color-scheme:light dark}'
  const page = (head: string, body: string) =>
    `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${words}</title>${head}<style>${style}</style></head><body><main><h1>${words}</h1>${body}</main></body></html>`
  if (returnUrl === null) return page('', '<p>You can close this window.</p>')
  const url = new URL(returnUrl)
  url.searchParams.set('order', orderId)
  url.searchParams.set('payment', paymentId)
  url.searchParams.set('result', isPaid ? 'paid' : state.toLowerCase())
  const target = url.href.replace(/[&"<>]/g, (character) => `&#${character.charCodeAt(0)};`)
  return page(`<meta http-equiv="refresh" content="0;url=${target}">`, `<p><a href="${target}">Back to the shop</a></p>`)
}
