// Subscriptions over HTTP: read, cancelled and taken up again by whoever has them, and by keys. They are bought by ordering a plan, and change no cart.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import { CLOSED, Id, ListOf, Nullable, Text } from '../contract/schemas.ts'
import { CancelSubscription, ListSubscriptions } from '../contract/subscription.ts'
import { refuse } from '../core/refusal.ts'
import { servedSubscription } from '../core/subscription.ts'
import type { Engine } from '../engine/engine.ts'
import { listSubscriptions, parseSubscription, readSubscription } from '../store/subscriptions.ts'
import { type Caller, callerOf, Refused, unwrap } from './access.ts'
import { underKey } from './idempotency.ts'

const Params = Type.Object({ shop: Text(63), subscription: Id })
const Query = Type.Object({ account: Type.Optional(Id) }, CLOSED)
const READ = { access: { owner: true, scope: 'subscriptions:read' } } as const
const WRITE = { access: { owner: true, scope: 'subscriptions:write' } } as const
const response = { 200: Type.Ref('Subscription'), '4xx': Type.Ref('Problem') }
const tags = ['Subscriptions']

/** The routes of subscriptions. */
export function subscriptionRoutes(engine: Engine): FastifyPluginAsyncTypebox {
  const { reader } = engine.store

  return async (app) => {
    app.get(
      '/subscriptions',
      {
        config: READ,
        schema: {
          tags,
          summary: 'Subscriptions that have begun, newest first',
          querystring: ListSubscriptions,
          response: { 200: ListOf(Type.Ref('Subscription')) },
        },
      },
      async (request) => {
        const { owner, all, shop } = callerOf(request)
        const { limit = 50, after, state } = request.query
        // Guests have none.
        if (owner?.kind === 'guest') return { items: [], next: null }
        const whose = owner ? { account: owner.accountId } : all ? {} : { account: '' }
        const rows = await listSubscriptions(
          reader,
          shop.id,
          { ...whose, ...(state === undefined ? {} : { state }) },
          { after, limit: limit + 1 },
        )
        const items = rows.slice(0, limit).map((row) => servedSubscription(parseSubscription(row)))
        return { items, next: rows.length > limit ? (items.at(-1)?.id ?? null) : null }
      },
    )

    app.get(
      '/subscriptions/:subscription',
      { config: READ, schema: { tags, summary: 'One subscription', params: Params, querystring: Query, response } },
      async (request) => servedSubscription(await found(callerOf(request), request.params.subscription)),
    )

    app.post(
      '/subscriptions/:subscription/cancel',
      {
        config: WRITE,
        schema: {
          tags,
          summary: 'Cancel when the period ends, or now; nothing goes back',
          params: Params,
          querystring: Query,
          body: Type.Optional(Nullable(CancelSubscription)),
          response,
        },
      },
      async (request, reply) => {
        const caller = callerOf(request)
        const { id } = await found(caller, request.params.subscription)
        const at = request.body?.at ?? 'periodEnd'
        return underKey(engine, request, reply, { id }, async () =>
          servedSubscription(unwrap(await engine.subscriptions.cancel(caller.shop, id, at))),
        )
      },
    )

    app.post(
      '/subscriptions/:subscription/resume',
      { config: WRITE, schema: { tags, summary: 'Go on after all, before the period ends', params: Params, querystring: Query, response } },
      async (request, reply) => {
        const caller = callerOf(request)
        const { id } = await found(caller, request.params.subscription)
        return underKey(engine, request, reply, { id }, async () =>
          servedSubscription(unwrap(await engine.subscriptions.resume(caller.shop, id))),
        )
      },
    )
  }

  /** The subscription if the caller may know of it: another account's does not exist. */
  async function found({ owner, all, shop }: Caller, id: string) {
    const row = await readSubscription(reader, shop.id, id)
    const mine = owner ? owner.kind === 'account' && row?.account === owner.accountId : all
    if (!row || !mine) throw new Refused(refuse('subscription_not_found', {}))
    return parseSubscription(row)
  }
}
