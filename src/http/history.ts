// What happened to a cart, over HTTP: for its owner, and for keys that read carts. An owner sees that staff changed something, not which key.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import { CartHistory } from '../contract/cart.ts'
import { Id, Page, Text } from '../contract/schemas.ts'
import { refuse } from '../core/refusal.ts'
import { rfc3339 } from '../core/time.ts'
import type { Engine } from '../engine/engine.ts'
import { reachesAll } from '../engine/identity.ts'
import { readHistory } from '../store/expiry.ts'
import { callerOf, Refused, unwrap } from './access.ts'
import { address } from './carts.ts'

/** The route of a cart's history. */
export function historyRoutes(engine: Engine): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      '/carts/:cart/history',
      {
        config: { access: { owner: true, scope: 'carts:read' } },
        schema: {
          tags: ['Carts'],
          summary: 'What happened to the cart, newest first',
          params: Type.Object({ shop: Text(63), cart: Id }),
          querystring: Type.Object({ ...Page, type: Type.Optional(Text(40)), account: Type.Optional(Id) }, { additionalProperties: false }),
          response: { 200: CartHistory },
        },
      },
      async (request) => {
        const caller = callerOf(request)
        const { limit = 50, after, type } = request.query
        if (after !== undefined && !/^\d{1,15}$/.test(after))
          throw new Refused(refuse('invalid', { path: '/after', reason: 'not_a_version' }))
        const { id } = unwrap(await engine.carts.read(address(caller, request.params.cart, type)))
        const before = after === undefined ? undefined : Number(after)
        const rows = await readHistory(engine.store.reader, caller.shop.id, id, { before, limit: limit + 1 })
        const items = rows.slice(0, limit).map(({ version, at, entry }) => {
          type Entry = Omit<Type.Static<typeof CartHistory>['items'][number], 'version' | 'at'> & { readonly at?: number }
          const { actor, at: told = at, ...change } = JSON.parse(entry) as Entry
          return { version, at: rfc3339(told), actor: reachesAll(caller.actor) ? actor : withoutKeys(actor), ...change }
        })
        return { items, next: rows.length > limit ? String(items.at(-1)?.version ?? '') : null }
      },
    )
  }
}

/** Who did it, as the owner of a cart or order sees it: that it was staff, not who. */
export function withoutKeys(actor: string): string {
  return actor.replace(/:[^,]*/g, '')
}
