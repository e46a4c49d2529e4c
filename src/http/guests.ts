// The secrets of a guest over HTTP: one per device, listed, made, rotated and revoked by the guest itself or by a key that acts for it.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import * as contract from '../contract/owner.ts'
import { Id, Text } from '../contract/schemas.ts'
import { refuse } from '../core/refusal.ts'
import type { Scope } from '../core/scope.ts'
import { rfc3339 } from '../core/time.ts'
import type { Engine } from '../engine/engine.ts'
import type { MadeSecret, SecretRequest } from '../engine/guests.ts'
import { guestToken, hashSecret, hasScope, nameOf } from '../engine/identity.ts'
import type { Once } from '../engine/once.ts'
import { callerOf, type GuessGuard, proved, Refused, unwrap } from './access.ts'
import { address, ifMatch } from './carts.ts'
import { answerOnce, claimOf, secretOf } from './idempotency.ts'

/** Secrets are the guest's own matter: a secret that is limited to one cart does not come in, a key needs to be trusted with writing. */
const SECRETS = { access: { owner: true, scope: 'carts:write' } } as const

/** A secret made here opens all that its guest has: no key gives away more than it has itself. */
const MAKE = { access: { ...SECRETS.access, former: true } } as const
const GIVEN: readonly Scope[] = ['carts:read', 'carts:write', 'orders:read', 'orders:write']

const Params = Type.Object({ shop: Text(63), cart: Id })

/** The routes of guests' secrets. */
export function guestRoutes({ carts, guests, random }: Engine, guard: GuessGuard): FastifyPluginAsyncTypebox {
  /** The guest whose cart is addressed. Another owner's cart is not found; an account has no secrets. */
  async function guestOf(request: FastifyRequest): Promise<Omit<SecretRequest, 'idempotency'>> {
    const caller = callerOf(request)
    const { cart } = request.params as { cart: string }
    const found = unwrap(await carts.inspect(address(caller, cart, (request.query as { type?: string }).type)))
    const expected = ifMatch(request)
    if (expected !== undefined && expected !== found.cart.version)
      throw new Refused(refuse('stale_version', { expected, current: found.cart.version }))
    const { owner } = found.cart
    if (owner.kind !== 'guest') throw new Refused(refuse('secret_not_found', { reason: 'not_a_guest_cart' }))
    return { shopId: caller.shop.id, guestId: owner.guestId, by: nameOf(caller.actor), onBehalf: caller.all }
  }

  /** The secret that asks; null for a key. */
  function asking(request: FastifyRequest): string | null {
    const { actor } = callerOf(request)
    return actor.kind === 'guest' ? actor.secretId : null
  }

  function made(reply: FastifyReply, guestId: string, secret: string, done: Once<MadeSecret>): FastifyReply {
    const { id, device, createdAt } = answerOnce(reply, done)
    return reply.code(201).send({ id, token: guestToken(guestId, secret), device, createdAt: rfc3339(createdAt) })
  }

  /** Whoever rotated and lost the answer has a dead secret only: under the same key it is answered again, and nothing else. */
  async function repeated(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
    const { actor, shop, isFormer } = callerOf(request)
    if (!isFormer || actor.kind !== 'guest') return undefined
    const done = await guests.rotatedBy(shop.id, actor.secretId, claimOf(request, null))
    const { guestId } = actor
    if (done) return made(reply, guestId, secretOf(request, done, ''), done)
    return proved<undefined>(request, guard, refuse('invalid_token', {}))
  }

  return async (app) => {
    app.get(
      '/carts/:cart/secrets',
      {
        config: SECRETS,
        schema: {
          tags: ['Guests'],
          summary: "The living secrets of the cart's guest, one per device",
          params: Params,
          querystring: contract.TypeQuery,
          response: { 200: contract.GuestSecrets },
        },
      },
      async (request) => {
        const { shopId, guestId } = await guestOf(request)
        const current = asking(request)
        const items = (await guests.list(shopId, guestId)).map(({ id, device, createdAt, limited }) => ({
          id,
          device,
          createdAt: rfc3339(createdAt),
          current: id === current,
          limited,
        }))
        return { items, next: null }
      },
    )

    app.post(
      '/carts/:cart/secrets',
      {
        config: MAKE,
        // Before the body is looked at: a dead secret is told nothing, not even what is wrong with it.
        preValidation: repeated,
        schema: {
          tags: ['Guests'],
          summary: 'Another secret for the same guest; its token is shown once',
          params: Params,
          querystring: contract.TypeQuery,
          body: contract.MakeSecret,
          response: { 201: contract.MadeSecret },
        },
      },
      async (request, reply) => {
        const { device = null, rotate = false, revokeOthers = false } = request.body
        const { actor, all } = callerOf(request)
        const lacking = all ? GIVEN.find((scope) => !hasScope(actor, scope)) : undefined
        if (lacking) throw new Refused(refuse('missing_scope', { scope: lacking }))
        const guest = await guestOf(request)
        const current = asking(request)
        if (rotate && current === null) throw new Refused(refuse('invalid', { path: '/rotate', reason: 'no_secret_asks' }))
        const secret = random.secret()
        const revoke = ({ id }: { id: string }) => (id === current ? rotate : revokeOthers)
        const done = unwrap(
          await guests.addSecret({ ...guest, idempotency: claimOf(request, secret) }, { hash: hashSecret(secret), device, revoke }),
        )
        return made(reply, guest.guestId, secretOf(request, done, secret), done)
      },
    )

    app.delete(
      '/carts/:cart/secrets/:secret',
      {
        config: SECRETS,
        schema: {
          tags: ['Guests'],
          summary: 'Revoke a secret at once',
          params: Type.Object({ shop: Text(63), cart: Id, secret: Id }),
          querystring: contract.TypeQuery,
          response: { 204: Type.Null() },
        },
      },
      async (request, reply) => {
        const guest = await guestOf(request)
        answerOnce(reply, unwrap(await guests.dropSecret({ ...guest, idempotency: claimOf(request, null) }, request.params.secret)))
        return reply.code(204).send(null)
      },
    )
  }
}
