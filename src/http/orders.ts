// Orders over HTTP: ordering, paying again, cancelling, reading. An order that awaits payment is read by its owner or with its token, but not
// listed unless asked for.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import Type from 'typebox'
import * as contract from '../contract/order.ts'
import { ListOrders } from '../contract/order-lifecycle.ts'
import { CancelOrder } from '../contract/refund.ts'
import { Id, ListOf, Nullable, Text } from '../contract/schemas.ts'
import { BALANCE_PROVIDER } from '../core/balance.ts'
import { type Refusal, refuse } from '../core/refusal.ts'
import { durationMs } from '../core/time.ts'
import type { Ordered } from '../engine/checkout.ts'
import type { Engine } from '../engine/engine.ts'
import { groupsOf, hasScope, type LimitedTo, limitOf, nameOf, orderToken, reachesAll, roleOf, tokenIn } from '../engine/identity.ts'
import { allowedRedirect } from '../engine/links.ts'
import { mayKnow, serveOrders } from '../engine/orders.ts'
import { isPayable, OUTSTANDING } from '../engine/payments.ts'
import { ownerKey } from '../store/carts.ts'
import { isGuests } from '../store/guest-orders.ts'
import { listOrders, type OrderFilter, readOrder } from '../store/orders.ts'
import type { Reader } from '../store/store.ts'
import type { OrderTable } from '../store/tables.ts'
import type { GuessGuard } from './access.ts'
import { type Caller, callerOf, guarded, Refused, unwrap } from './access.ts'
import { lineRequests } from './carts.ts'
import { answerOnce, claimOf, underKey } from './idempotency.ts'
import { wantedLanguage } from './messages.ts'

const Params = Type.Object({ shop: Text(63), order: Id })
const Query = Type.Object({ account: Type.Optional(Id) }, { additionalProperties: false })
const answers = { 200: Type.Ref('OrderAnswer'), 201: Type.Ref('OrderAnswer'), '4xx': Type.Ref('Problem') }

/** The routes of orders. */
export function orderRoutes(engine: Engine, guard: GuessGuard): FastifyPluginAsyncTypebox {
  const { store, checkout, orderLines, random, signer } = engine

  /** From where a shopper orders or pays; a key speaks for many from one address. */
  function originOf(request: FastifyRequest): string | null {
    const { shop, all } = callerOf(request)
    return all ? null : engine.limiting.originOf(shop.id, request.ip)
  }

  async function answer(caller: Caller, { orderId, payment }: Ordered) {
    const { shop } = caller
    const row = unwrap((await readOrder(store.reader, shop.id, orderId)) ?? refuse('order_not_found', {}))
    if (!isStillOf(caller, row)) throw new Refused(refuse('order_not_found', {}))
    const [order] = await serveOrders(store.reader, [row])
    const ttl = durationMs(shop.settings.orders.tokenTtl) ?? 0
    // Of a placed order only what is still owed is to be paid at a page.
    const isToPay = row.state === 'NEW' || (payment?.capture === OUTSTANDING && isPayable(payment) && payment.url !== null)
    const toPay = payment && isToPay ? { id: payment.id, provider: payment.provider, token: payment.token, url: payment.url } : null
    // The same order always has the same token: it is signed, not stored, and ends a fixed time after the order was made.
    const grant = { orderId, generation: row.token_generation }
    return { order, orderToken: orderToken(signer, shop.id, grant, row.created_at + Math.min(ttl, TOKEN_TTL_MAX)), payment: toPay }
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
        unwrap(withoutPaymentRefusal(caller, body) ?? spendingRefusal(caller, body.payment, '/payment') ?? true)
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
              method: body.payment?.method,
              returnUrl: returnUrlOf(caller, body.payment, '/payment'),
              expectedTotal: body.expectedTotal,
              attributes: body.attributes,
              note: body.note,
              withoutPayment: body.withoutPayment,
              idempotency: claimOf(request, null),
              by: nameOf(caller.actor),
              from: originOf(request),
              language: wantedLanguage(request, caller.shop.settings.email.languages),
            }),
          )
        // A code, or an address that may be an account's, is tried with each order.
        const isTried = ('items' in body && body.codes) || caller.shop.asksAccounts
        const ordered = isTried ? await guarded(guard, request, ordering) : await ordering()
        reply.code(ordered.created ? 201 : 200)
        if (ordered.replayed) reply.header('idempotency-replayed', 'true')
        return answer(caller, ordered)
      },
    )

    app.get(
      '/orders',
      {
        config: { access: { owner: true, scope: 'orders:read' } },
        schema: {
          tags: ['Orders'],
          summary: 'Orders, newest first',
          querystring: ListOrders,
          response: { 200: ListOf(Type.Ref('Order')) },
        },
      },
      async (request) => {
        const { owner, all, shop } = callerOf(request)
        const { limit = 50, after, account: _, from, to, ...found } = request.query
        const filter: OrderFilter = {
          ...found,
          ...(owner ? { owner: ownerKey(owner) } : all ? {} : { owner: '' }),
          ...(from === undefined ? {} : { placedFrom: Date.parse(from) }),
          ...(to === undefined ? {} : { placedBefore: Date.parse(to) }),
        }
        const rows = await listOrders(store.reader, shop.id, filter, { after, limit: limit + 1 })
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
        const [order] = await serveOrders(store.reader, [await findOrder(store.reader, callerOf(request), request.params.order)])
        return order
      },
    )

    app.post(
      '/orders/:order/payments',
      {
        config: { access: { owner: true, orderToken: true, scope: 'orders:write' } },
        schema: {
          tags: ['Orders'],
          summary: 'Another attempt to pay, or to pay what a placed order still costs',
          params: Params,
          querystring: Query,
          body: Type.Union([contract.CreatePayment, Type.Null()]),
          response: answers,
        },
      },
      async (request, reply) => {
        const caller = callerOf(request)
        const { id } = await findOrder(store.reader, caller, request.params.order)
        const returnUrl = returnUrlOf(caller, request.body, '') ?? null
        unwrap(spendingRefusal(caller, request.body, '') ?? true)
        // Whoever has the order's link may pay it, but spends nobody's balance, and gets no token that is good for longer than the one they have.
        const isHolder = caller.actor.kind === 'order'
        const wanted = { ...request.body, withoutBalance: isHolder }
        return underKey(engine, request, reply, { orderId: id }, async () => {
          const made = await answer(caller, unwrap(await checkout.payAgain(caller.shop.id, id, wanted, returnUrl, originOf(request))))
          return isHolder ? { ...made, orderToken: tokenIn(request.headers.authorization) } : made
        })
      },
    )

    app.post(
      '/orders/:order/cancel',
      {
        config: { access: { owner: true, scope: 'orders:write' } },
        schema: {
          tags: ['Orders'],
          summary: 'Cancel an order, or pieces of it, with a refund: by its owner until it is confirmed, by staff as the statuses allow',
          params: Params,
          querystring: Query,
          body: Type.Optional(Nullable(CancelOrder)),
          response: { 200: Type.Ref('Order'), '4xx': Type.Ref('Problem') },
        },
      },
      async (request, reply) => {
        const caller = callerOf(request)
        const { id } = await findOrder(store.reader, caller, request.params.order)
        const { lines, message = null, force = false, ...rest } = request.body ?? {}
        if (!caller.all && (lines !== undefined || Object.keys(rest).length > 0)) {
          const reason = lines === undefined ? 'only_keys_decide_refund_stock_and_quiet' : 'customers_cancel_whole_orders'
          throw new Refused(refuse('order_state_forbids', { orderId: id, reason }))
        }
        if (force && !hasScope(caller.actor, 'balances:write'))
          throw new Refused(refuse('missing_scope', { scope: 'balances:write', path: '/force' }))
        const how = { by: nameOf(caller.actor), role: roleOf(caller.actor), message, overdraws: force, ...rest }
        const serve = async (row: OrderTable) => (await serveOrders(store.reader, [row]))[0]
        if (lines) {
          const asked = { ...how, claim: claimOf(request, null) }
          answerOnce(reply, unwrap(await orderLines.cancel(caller.shop.id, id, lines, asked)))
          return serve(await findOrder(store.reader, caller, id))
        }
        return underKey(engine, request, reply, { orderId: id }, async () => serve(unwrap(await checkout.cancel(caller.shop.id, id, how))))
      },
    )
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

/** The order if the caller may know of it: another owner's does not exist. */
export async function findOrder(reader: Reader, caller: Caller, id: string): Promise<OrderTable> {
  const row = await readOrder(reader, caller.shop.id, id)
  if (!row || !mayKnow(caller, row)) throw new Refused(refuse('order_not_found', {}))
  return row
}

/**
 * Whether an order is still that of who ordered: a request may be repeated, or a cart ordered again, when an account has the order by now. Who had
 * no token, or one for a single cart, is answered no more than the links that went out with the order show: nothing once those were revoked.
 */
function isStillOf({ actor, owner, all }: Caller, row: OrderTable): boolean {
  if (all) return true
  if (actor.kind === 'order') return actor.orderId === row.id
  if (limitOf(actor)) return row.token_generation === 0
  return owner ? row.owner === ownerKey(owner) : isGuests(row) && row.token_generation === 0
}

/** The cart that is ordered: who is limited to one cart orders that or nothing. */
function cartWithin(limitedTo: LimitedTo | null, cartId: string): string {
  if (limitedTo && cartId !== 'current' && cartId !== limitedTo.cartId) throw new Refused(refuse('cart_not_found', {}))
  return limitedTo?.cartId ?? cartId
}

/** Why an order must be paid: who may place one unpaid is the shop's decision, or that of a key that edits orders. */
function withoutPaymentRefusal({ actor, shop }: Caller, body: Type.Static<typeof contract.CreateOrder>): Refusal | null {
  if (body.withoutPayment !== true) return null
  if (body.payment) return refuse('invalid', { path: '/payment', reason: 'without_payment' })
  if (shop.settings.checkout.withoutPayment || hasScope(actor, 'orders:edit')) return null
  if (reachesAll(actor)) return refuse('missing_scope', { scope: 'orders:edit' })
  return refuse('payment_method_unavailable', { path: '/withoutPayment', reason: 'payment_required' })
}

/** A customer spends their own balance; a key that spends it for them moves money, which takes more than ordering. */
function spendingRefusal({ actor }: Caller, payment: { provider?: string } | null | undefined, path: string): Refusal | null {
  if (payment?.provider !== BALANCE_PROVIDER || !reachesAll(actor) || hasScope(actor, 'balances:write')) return null
  return refuse('missing_scope', { scope: 'balances:write', path: `${path}/provider` })
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
