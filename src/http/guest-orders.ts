// Orders of who has no account, over HTTP: links that open one order for a time, an e-mail with such a link for who lost it, and claiming by an
// account. Looking an order up tells nobody whether there is one: the answer is always the same, and takes the same time.
import { setTimeout as pause } from 'node:timers/promises'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import * as contract from '../contract/guest-orders.ts'
import { CLOSED, Id, Nullable, Text } from '../contract/schemas.ts'
import { customerBy } from '../core/customer.ts'
import { type Refusal, refuse } from '../core/refusal.ts'
import type { Settings } from '../core/settings.ts'
import { durationMs, rfc3339 } from '../core/time.ts'
import type { ClaimRequest } from '../engine/claiming.ts'
import type { Engine } from '../engine/engine.ts'
import { nameOf, orderToken } from '../engine/identity.ts'
import { linkEnd, orderPage } from '../engine/links.ts'
import { once } from '../engine/once.ts'
import { type Caller, callerOf, unwrap } from './access.ts'
import { answerOnce, claimOf } from './idempotency.ts'
import { findOrder } from './orders.ts'

const OfOrder = Type.Object({ shop: Text(63), order: Id })
const Query = Type.Object({ account: Type.Optional(Id) }, CLOSED)

/** Looking up takes at least this long, which is longer than what it does for an order that exists. */
const LOOKUP_MS = 250

/** The routes of guests' orders. */
export function guestOrderRoutes(engine: Engine): FastifyPluginAsyncTypebox {
  const { store, clock, signer, claiming } = engine

  return async (app) => {
    app.post(
      '/orders/:order/links',
      {
        config: { access: { owner: true, scope: 'orders:read' } },
        schema: {
          tags: ['Orders'],
          summary: 'A token that opens this order for reading and paying, for a time, and the link to it',
          params: OfOrder,
          querystring: Query,
          body: Type.Optional(Nullable(contract.MakeOrderLink)),
          response: { 201: contract.OrderLink },
        },
      },
      async (request, reply) => {
        const caller = callerOf(request)
        const { shop } = caller
        const { id: orderId, token_generation: generation } = await findOrder(store.reader, caller, request.params.order)
        const ttl = unwrap(ttlOf(request.body?.expiresIn, shop.settings))
        // Whole seconds, as the token has them: the same key answers the same link.
        const expiresAt = Math.floor(linkEnd(clock.now(), ttl) / 1000) * 1000
        const made = answerOnce(
          reply,
          unwrap(await once(engine, shop.id, claimOf(request, null), async () => ({ orderId, generation, expiresAt }))),
        )
        const token = orderToken(signer, shop.id, made, made.expiresAt)
        return reply.code(201).send({ token, url: orderPage(shop.settings, orderId, token), expiresAt: rfc3339(made.expiresAt) })
      },
    )

    app.delete(
      '/orders/:order/links',
      {
        config: { access: { owner: true, scope: 'orders:write' } },
        schema: {
          tags: ['Orders'],
          summary: 'Revoke all tokens of the order that were made so far',
          params: OfOrder,
          querystring: Query,
          response: { 204: Type.Null() },
        },
      },
      async (request, reply) => {
        const caller = callerOf(request)
        const { id } = await findOrder(store.reader, caller, request.params.order)
        answerOnce(reply, unwrap(await claiming.revoke(caller.shop, id, nameOf(caller.actor), claimOf(request, null))))
        return reply.code(204).send(null)
      },
    )

    app.post(
      '/orders/lookup',
      {
        config: { access: { owner: true, anonymous: true, limited: true, scope: 'orders:read' } },
        schema: {
          tags: ['Orders'],
          summary: 'Have a link to an order sent to the address that it was made with, if there is one',
          querystring: Query,
          body: contract.LookUpOrder,
          response: { 202: contract.LookedUp },
        },
      },
      async (request, reply) => {
        const { shop, actor } = callerOf(request)
        const { email, number } = request.body
        const idempotency = claimOf(request, null)
        const who = { address: request.ip, email: customerBy(null, email).email }
        unwrap((await engine.limiting.act(shop, [{ kind: 'lookups', who }])) ?? true)
        const looking = engine.lookUpOrder(shop, { email, number, by: nameOf(actor), idempotency })
        const [done] = await Promise.all([looking, pause(LOOKUP_MS)])
        answerOnce(reply, unwrap(done))
        return reply.code(202).send({ sent: true })
      },
    )

    app.post(
      '/orders/claim',
      {
        config: { access: { owner: true, scope: 'orders:edit' } },
        schema: {
          tags: ['Orders'],
          summary: 'Take over orders that were made as a guest with the verified address of the account',
          querystring: Query,
          body: Type.Optional(Nullable(contract.ClaimOrders)),
          response: { 200: contract.ClaimedOrders },
        },
      },
      async (request, reply) => {
        const caller = callerOf(request)
        const { tokens, email } = request.body ?? {}
        const asker = unwrap(askerOf(caller, email))
        const wish = { ...asker, tokens, by: nameOf(caller.actor), idempotency: claimOf(request, null) }
        const { claimed, unclaimed, more } = answerOnce(reply, unwrap(await claiming.claim(caller.shop, wish)))
        return { claimed: [...claimed], unclaimed: [...unclaimed], more }
      },
    )
  }
}

/** How long a link is to work: never longer than the shop lets order tokens work. */
function ttlOf(expiresIn: string | undefined, { orders }: Settings): number | Refusal {
  const most = durationMs(orders.tokenTtl) ?? 0
  const asked = expiresIn === undefined ? most : durationMs(expiresIn)
  if (asked === null || asked === 0) return refuse('invalid', { path: '/expiresIn', reason: 'not_a_duration', example: 'P7D' })
  return asked <= most ? asked : refuse('invalid', { path: '/expiresIn', reason: 'longer_than_the_shop_allows', max: orders.tokenTtl })
}

/** The account that asks for orders, and its verified address. A key says both: its shop knows its customers. */
function askerOf({ actor, owner }: Caller, named: string | undefined): Pick<ClaimRequest, 'account' | 'email'> | Refusal {
  if (actor.kind === 'server' || actor.kind === 'staff') {
    if (owner?.kind !== 'account') return refuse('owner_required', {})
    return named === undefined
      ? refuse('invalid', { path: '/email', reason: 'keys_name_the_verified_address' })
      : { account: owner, email: named }
  }
  if (actor.kind !== 'account' || owner?.kind !== 'account') return refuse('login_required', { reason: 'only_accounts_claim_orders' })
  if (named !== undefined) return refuse('invalid', { path: '/email', reason: 'only_keys_name_an_address' })
  if (actor.email === null || !actor.isEmailVerified) return refuse('claim_forbidden', { reason: 'email_not_verified' })
  return { account: owner, email: actor.email }
}
