// Several carts of one owner over HTTP: which one is current, loading one by its number, adding items of another one.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import * as contract from '../contract/owner.ts'
import { Id, Text } from '../contract/schemas.ts'
import { refuse } from '../core/refusal.ts'
import { copyLines } from '../core/saved-lines.ts'
import type { Engine } from '../engine/engine.ts'
import { hasScope, nameOf } from '../engine/identity.ts'
import { listCarts, ownerKey } from '../store/carts.ts'
import { type Caller, callerOf, Refused, unwrap } from './access.ts'
import { address, ifMatch, send, sendSwitched, switchRequest } from './carts.ts'
import { claimOf } from './idempotency.ts'

const OWN = { access: { owner: true, scope: 'carts:write' } } as const
const Params = Type.Object({ shop: Text(63), cart: Id })
const answers = { 200: Type.Ref('CartAnswer'), '4xx': Type.Ref('Problem') }

/** The routes of owners with several carts. */
export function ownCartRoutes(engine: Engine): FastifyPluginAsyncTypebox {
  const { carts, switching, store, random } = engine

  /** The id of a cart with this number, if it is the caller's: a number is no password (SEED4-17, SEED4-33). */
  async function idOfNumber({ owner, all, shop }: Caller, number: string): Promise<string> {
    if (!owner && !all) throw new Refused(refuse('cart_not_found', {}))
    const [row] = await listCarts(store.reader, shop.id, { ...(owner ? { owner: ownerKey(owner) } : {}), number, limit: 1 })
    if (!row) throw new Refused(refuse('cart_not_found', { path: '/number' }))
    return row.id
  }

  return async (app) => {
    app.post(
      '/carts/:cart/select',
      {
        config: OWN,
        schema: {
          tags: ['Carts'],
          summary: 'Make an open cart the current one; the one that was stays open',
          params: Params,
          querystring: contract.TypeQuery,
          response: answers,
        },
      },
      async (request, reply) => sendSwitched(reply, unwrap(await switching.select(switchRequest(request, request.params.cart)))),
    )

    app.post(
      '/carts/:cart/forget',
      {
        config: OWN,
        schema: {
          tags: ['Carts'],
          summary: 'Detach the cart: it stays open, and the next current one is new',
          params: Params,
          querystring: contract.TypeQuery,
          response: answers,
        },
      },
      async (request, reply) => sendSwitched(reply, unwrap(await switching.forget(switchRequest(request, request.params.cart)))),
    )

    app.post(
      '/carts/load',
      {
        config: OWN,
        schema: {
          tags: ['Carts'],
          summary: "Make one's own cart with this number the current one",
          querystring: contract.TypeQuery,
          body: contract.LoadCart,
          response: answers,
        },
      },
      async (request, reply) => {
        const id = await idOfNumber(callerOf(request), request.body.number)
        return sendSwitched(reply, unwrap(await switching.restore(switchRequest(request, id))))
      },
    )

    app.post(
      '/carts/:cart/lines/copy',
      {
        config: { access: { owner: true, scope: 'carts:write' } },
        schema: {
          tags: ['Lines'],
          summary: "Add items of another of the owner's carts, open or closed",
          params: Params,
          querystring: contract.TypeQuery,
          body: contract.CopyLines,
          response: { ...answers, 201: Type.Ref('CartAnswer') },
        },
      },
      async (request, reply) => {
        const caller = callerOf(request)
        const { from: named, lines } = request.body
        const to = address(caller, request.params.cart, request.query.type)
        // Whose carts these are is settled by the cart that is added to, also for keys that may address anybody's.
        const target = unwrap(await carts.inspect(to)).cart
        const mine: Caller = { ...caller, owner: caller.owner ?? target.owner }
        const id = named.startsWith('cart_') ? named : await idOfNumber(mine, named)
        const { cart: source } = unwrap(await carts.inspect(address(mine, id)))
        const copy = {
          from: source,
          lineIds: lines,
          mayPrice: hasScope(caller.actor, 'carts:custom_prices'),
          ids: source.lines.map(() => random.id('ln')),
        }
        const answer = await carts.change({
          ...to,
          name: 'copy',
          by: nameOf(caller.actor),
          ifMatch: ifMatch(request),
          idempotency: claimOf(request, null),
          creates: true,
          skus: source.lines.flatMap((line) => line.sku ?? []),
          decide: (cart, facts) =>
            cart.id === source.id ? refuse('invalid', { path: '/from', reason: 'is_the_same_cart' }) : copyLines(cart, copy, facts),
        })
        return send(request, reply, unwrap(answer), null)
      },
    )
  }
}
