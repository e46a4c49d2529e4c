// Merging over HTTP: who may name which carts, and how they prove them. What happens is in engine/merging.ts, the rules are in core/merge.ts.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import * as contract from '../contract/cart.ts'
import { Id, Text } from '../contract/schemas.ts'
import { isRefusal, type Refusal, refuse } from '../core/refusal.ts'
import type { Engine } from '../engine/engine.ts'
import { groupsOf, nameOf } from '../engine/identity.ts'
import type { ProvedGuest } from '../engine/merging.ts'
import { callerOf, Refused, unwrap } from './access.ts'
import { address, ifMatch, json, spoken } from './carts.ts'
import { claimOf } from './idempotency.ts'

/** The route that brings guest carts and the account's cart together at login. */
export function mergeRoutes(engine: Engine): FastifyPluginAsyncTypebox {
  /** Whose the named carts are, by their tokens. A cart without a token is staff's to name; whether it may be is decided with the cart. */
  async function prove(
    shopId: string,
    carts: Type.Static<typeof contract.MergeCarts>['carts'],
    byStaff: boolean,
  ): Promise<readonly ProvedGuest[] | Refusal> {
    const guests: ProvedGuest[] = []
    for (const [index, { id, token }] of carts.entries()) {
      if (token === undefined && byStaff) continue
      if (token === undefined) return refuse('invalid', { path: `/carts/${index}/token`, reason: 'required' })
      const living = await engine.identities.guestOf(shopId, token)
      if (isRefusal(living)) {
        const former = await engine.identities.formerGuestOf(shopId, token)
        if (isRefusal(former)) return former
        guests.push({ cartId: id, guestId: former.guestId, isLiving: false, limitedTo: null })
        continue
      }
      const { guestId, limitedTo } = living
      if (limitedTo && limitedTo.cartId !== id) return refuse('cart_not_found', {})
      guests.push({ cartId: id, guestId, isLiving: true, limitedTo })
    }
    return guests
  }

  return async (app) => {
    app.post(
      '/carts/:cart/merge',
      {
        config: { access: { owner: true, scope: 'carts:write' } },
        schema: {
          tags: ['Carts'],
          summary: "Merge guest carts into the account's cart, or choose between them",
          params: Type.Object({ shop: Text(63), cart: Id }),
          querystring: Type.Object({ type: Type.Optional(Text(40)), account: Type.Optional(Id) }, { additionalProperties: false }),
          body: contract.MergeCarts,
          response: { 200: Type.Ref('CartAnswer'), 201: Type.Ref('CartAnswer'), '4xx': Type.Ref('Problem') },
        },
      },
      async (request, reply) => {
        const caller = callerOf(request)
        const { actor, owner, shop } = caller
        if (owner?.kind !== 'account') throw new Refused(refuse('merge_forbidden', { reason: 'target_is_not_an_account_cart' }))
        const { carts, mode } = request.body
        const byStaff = actor.kind === 'staff'
        const merged = unwrap(
          await engine.merge({
            shopId: shop.id,
            account: owner,
            groups: groupsOf(actor),
            into: request.params.cart,
            type: address(caller, request.params.cart, request.query.type).type,
            carts: carts.map((each) => each.id),
            mode,
            by: nameOf(actor),
            byStaff,
            prove: () => prove(shop.id, carts, byStaff),
            ifMatch: ifMatch(request),
            idempotency: claimOf(request, null),
          }),
        )
        if (merged.replayed) reply.header('idempotency-replayed', 'true')
        reply.code(merged.created ? 201 : 200)
        return json(reply, `{"cart":${spoken(reply, merged.text)},"report":${JSON.stringify(merged.report)}}`)
      },
    )
  }
}
