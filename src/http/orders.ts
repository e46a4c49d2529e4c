// Orders over HTTP: ordering, paying again, cancelling, reading. An order that awaits payment is read by its owner or with its token, but not
// listed unless asked for.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import * as contract from '../contract/order.ts'
import { Id, ListOf, Nullable, Page, Text } from '../contract/schemas.ts'
import { isRefusal, refuse } from '../core/refusal.ts'
import { durationMs } from '../core/time.ts'
import type { Ordered } from '../engine/checkout.ts'
import type { Engine } from '../engine/engine.ts'
import { groupsOf, type LimitedTo, limitOf, nameOf, orderToken } from '../engine/identity.ts'
import { allowedRedirect } from '../engine/links.ts'
import { findRecorded, once } from '../engine/once.ts'
import { serveOrders } from '../engine/orders.ts'
import { ownerKey } from '../store/carts.ts'
import { listOrders, readOrder } from '../store/orders.ts'
import type { OrderTable } from '../store/tables.ts'
import type { GuessGuard } from './access.ts'
import { type Caller, callerOf, guarded, Refused, unwrap } from './access.ts'
import { lineRequests } from './carts.ts'
import { answerOnce, claimOf } from './idempotency.ts'

const Params = Type.Object({ shop: Text(63), order: Id })
const Query = Type.Object({ account: Type.Optional(Id) }, { additionalProperties: false })
const answers = { 200: Type.Ref('OrderAnswer'), 201: Type.Ref('OrderAnswer'), '4xx': Type.Ref('Problem') }

/** The routes of orders. */
export function orderRoutes(engine: Engine, guard: GuessGuard): FastifyPluginAsyncTypebox {
  const { store, checkout, random, signer } = engine

  /** The order if the caller may know of it: another owner's does not exist. */
  async function findOrder({ actor, owner, all, shop }: Caller, id: string): Promise<OrderTable> {
    const row = await readOrder(store.reader, shop.id, id)
    const mine = actor.kind === 'order' ? actor.orderId === id : owner ? row?.owner === ownerKey(owner) : all
    if (!row || !mine) throw new Refused(refuse('order_not_found', {}))
    return row
  }

  /** From where a shopper orders or pays; a key speaks for many from one address. */
  function originOf(request: FastifyRequest): string | null {
    const { shop, all } = callerOf(request)
    return all ? null : engine.limiting.originOf(shop.id, request.ip)
  }

  async function answer({ shop }: Caller, { orderId, payment }: Ordered) {
    const row = unwrap((await readOrder(store.reader, shop.id, orderId)) ?? refuse('order_not_found', {}))
    const [order] = await serveOrders(store.reader, [row])
    const ttl = durationMs(shop.settings.orders.tokenTtl) ?? 0
    const toPay =
      payment && row.state === 'NEW' ? { id: payment.id, provider: payment.provider, token: payment.token, url: payment.url } : null
    // The same order always has the same token: it is signed, not stored, and ends a fixed time after the order was made.
    return { order, orderToken: orderToken(signer, shop.id, orderId, row.created_at + Math.min(ttl, TOKEN_TTL_MAX)), payment: toPay }
  }

  return async (app) => {
    app.post(
      '/orders',
      {
        config: { access: { owner: true, anonymous: true, limited: true, scope: 'orders:write' } },
        schema: {
          tags: ['Orders'],
          summary: 'Order a cart, some lines of it, or items without a cart',
          body: contract.CreateOrder,
          querystring: Query,
          response: answers,
        },
      },
      async (request, reply) => {
        const caller = callerOf(request)
        const { body } = request
        if (caller.actor.kind === 'anonymous' && !('items' in body)) throw new Refused(refuse('login_required', {}))
        if (caller.actor.kind === 'anonymous' && !caller.shop.settings.checkout.guest) throw new Refused(refuse('login_required', {}))
        const limitedTo = limitOf(caller.actor)
        if (limitedTo && 'items' in body) throw new Refused(refuse('login_required', { reason: 'secret_is_limited_to_one_cart' }))
        const what =
          'items' in body ? { items: itemsOf(request, body) } : { cartId: cartWithin(limitedTo, body.cartId), lineIds: body.lines }
        const ordering = async () =>
          unwrap(
            await checkout.order({
              shopId: caller.shop.id,
              owner: caller.owner,
              all: caller.all,
              limitedTo,
              groups: groupsOf(caller.actor),
              ...what,
              provider: body.payment?.provider,
              returnUrl: returnUrlOf(caller, body.payment, '/payment'),
              expectedTotal: body.expectedTotal,
              idempotency: claimOf(request, null),
              by: nameOf(caller.actor),
              from: originOf(request),
            }),
          )
        const ordered = 'items' in body && body.codes ? await guarded(guard, request, ordering) : await ordering()
        reply.code(ordered.created ? 201 : 200)
        if (ordered.replayed) reply.header('idempotency-replayed', 'true')
        return answer(caller, ordered)
      },
    )

    app.get(
      '/orders',
      {
        config: { access: { owner: true, scope: 'orders:read' } },
        schema: { tags: ['Orders'], summary: 'Orders, newest first', querystring: ListQuery, response: { 200: ListOf(Type.Ref('Order')) } },
      },
      async (request) => {
        const { owner, all, shop } = callerOf(request)
        const { limit = 50, account: _, ...filter } = request.query
        const rows = await listOrders(store.reader, shop.id, {
          ...filter,
          ...(owner ? { owner: ownerKey(owner) } : all ? {} : { owner: '' }),
          limit: limit + 1,
        })
        const items = await serveOrders(store.reader, rows.slice(0, limit))
        return { items, next: rows.length > limit ? (items.at(-1)?.id ?? null) : null }
      },
    )

    app.get(
      '/orders/:order',
      {
        config: { access: { owner: true, orderToken: true, scope: 'orders:read' } },
        schema: {
          tags: ['Orders'],
          summary: 'One order',
          params: Params,
          querystring: Query,
          response: { 200: Type.Ref('Order'), '4xx': Type.Ref('Problem') },
        },
      },
      async (request) => {
        const [order] = await serveOrders(store.reader, [await findOrder(callerOf(request), request.params.order)])
        return order
      },
    )

    app.post(
      '/orders/:order/payments',
      {
        config: { access: { owner: true, scope: 'orders:write' } },
        schema: {
          tags: ['Orders'],
          summary: 'Another attempt to pay',
          params: Params,
          querystring: Query,
          body: Type.Union([contract.CreatePayment, Type.Null()]),
          response: answers,
        },
      },
      async (request, reply) => {
        const caller = callerOf(request)
        const { id } = await findOrder(caller, request.params.order)
        const returnUrl = returnUrlOf(caller, request.body, '') ?? null
        return underKey(request, reply, id, async () =>
          answer(caller, unwrap(await checkout.payAgain(caller.shop.id, id, request.body?.provider, returnUrl, originOf(request)))),
        )
      },
    )

    app.post(
      '/orders/:order/cancel',
      {
        config: { access: { owner: true, scope: 'orders:write' } },
        schema: {
          tags: ['Orders'],
          summary: 'Cancel: unpaid by its owner; placed, with a full refund, by who may',
          params: Params,
          querystring: Query,
          body: Type.Optional(Nullable(Type.Object({}, { additionalProperties: false }))),
          response: { 200: Type.Ref('Order'), '4xx': Type.Ref('Problem') },
        },
      },
      async (request, reply) => {
        const caller = callerOf(request)
        const { id } = await findOrder(caller, request.params.order)
        if (!caller.all && caller.shop.settings.orders.customerCancel === 'never')
          throw new Refused(refuse('order_state_forbids', { orderId: id, reason: 'customers_may_not_cancel' }))
        return underKey(request, reply, id, async () => {
          const [order] = await serveOrders(store.reader, [
            unwrap(await checkout.cancel(caller.shop.id, id, { by: nameOf(caller.actor), mayCancelPlaced: caller.all })),
          ])
          return order
        })
      },
    )
  }

  /**
   * Paying again and cancelling go on where they stopped when they are repeated, so a key only has to be bound to its request once that
   * succeeded: the same key with another body is refused.
   */
  async function underKey<T>(request: FastifyRequest, reply: FastifyReply, orderId: string, effect: () => Promise<T>): Promise<T> {
    const claim = claimOf(request, null)
    if (!claim) return effect()
    const shopId = callerOf(request).shop.id
    const known = await findRecorded(engine, shopId, claim)
    if (isRefusal(known)) throw new Refused(known)
    const result = await effect()
    answerOnce(reply, unwrap(await once(engine, shopId, claim, async () => ({ orderId }))))
    return result
  }

  function itemsOf(request: Parameters<typeof callerOf>[0], body: Extract<Type.Static<typeof contract.CreateOrder>, { items: unknown }>) {
    const { items, currency, email, shippingAddress, billingAddress, shippingMethod, vatId, codes } = body
    const optional = { currency, email, shippingAddress, billingAddress, shippingMethod, vatId, codes }
    const given = Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)) as {
      [K in keyof typeof optional]?: NonNullable<(typeof optional)[K]>
    }
    return { lines: lineRequests(callerOf(request), items, random, '/items'), ...given }
  }
}

/** The cart that is ordered: who is limited to one cart orders that or nothing. */
function cartWithin(limitedTo: LimitedTo | null, cartId: string): string {
  if (limitedTo && cartId !== 'current' && cartId !== limitedTo.cartId) throw new Refused(refuse('cart_not_found', {}))
  return limitedTo?.cartId ?? cartId
}

/** Where paying leads back to. A shopper names a page of the shop's only, where the shop said which those are; a key may name any. */
function returnUrlOf({ all, shop }: Caller, payment: { returnUrl?: string } | null | undefined, path: string): string | undefined {
  const returnUrl = payment?.returnUrl
  const isFree = returnUrl === undefined || all || shop.settings.links.redirectOrigins.length === 0
  if (isFree || allowedRedirect(returnUrl, shop.settings) !== null) return returnUrl
  throw new Refused(refuse('invalid', { path: `${path}/returnUrl`, reason: 'redirect_not_allowed' }))
}

/** An order token is good for at most ten years. */
const TOKEN_TTL_MAX = 3650 * 24 * 3_600_000

const ListQuery = Type.Object(
  {
    ...Page,
    state: Type.Optional(contract.OrderState),
    cartId: Type.Optional(Id),
    number: Type.Optional(Text(64)),
    email: Type.Optional(Text(254)),
    account: Type.Optional(Id),
  },
  { additionalProperties: false },
)
