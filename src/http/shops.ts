// Shops, their settings, keys and webhooks over HTTP.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import { CLOSED, Id, Nullable, Page, ShopId, Text } from '../contract/schemas.ts'
import * as contract from '../contract/shop.ts'
import { refuse } from '../core/refusal.ts'
import type { Scope } from '../core/scope.ts'
import type { PresetName, SettingsPatch } from '../core/settings.ts'
import { rfc3339 } from '../core/time.ts'
import { withoutSecrets } from '../engine/catalogue.ts'
import type { Engine } from '../engine/engine.ts'
import type { ShopFacts } from '../engine/facts.ts'
import { nameOf } from '../engine/identity.ts'
import { listApiKeys } from '../store/access.ts'
import { listDeliveries, readEndpoints } from '../store/outbox.ts'
import { listShops } from '../store/shops.ts'
import { callerOf, Refused, unwrap } from './access.ts'
import { answerOnce, claimOf, secretOf } from './idempotency.ts'

const Query = Type.Object({ account: Type.Optional(Id) }, CLOSED)

/** The routes above shops: for the admin key. */
export function shopListRoutes({ store, catalogue, facts }: Engine): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      '/v1/shops',
      { config: { access: 'admin' }, schema: { tags: ['Shops'], summary: 'All shops', response: { 200: contract.lists.shops } } },
      async () => {
        const rows = await listShops(store.reader)
        return {
          items: rows.map((row) => ({
            id: row.id,
            name: row.name,
            currency: row.currency,
            preset: row.preset,
            createdAt: rfc3339(row.created_at),
          })),
          next: null,
        }
      },
    )

    app.post(
      '/v1/shops',
      {
        config: { access: 'admin' },
        schema: { tags: ['Shops'], summary: 'Make a shop', body: contract.CreateShop, response: { 201: Type.Ref('Shop') } },
      },
      async (request, reply) => {
        const { id, name, currency, preset = 'default' } = request.body
        answerOnce(reply, unwrap(await catalogue.makeShop({ id, name, currency, preset: preset as PresetName }, claimOf(request, null))))
        reply.code(201)
        return servedShop(unwrap((await facts.shop(id)) ?? refuse('shop_not_found', {})))
      },
    )
  }
}

/** The routes of one shop: itself, settings, keys, webhooks. */
export function shopRoutes(engine: Engine): FastifyPluginAsyncTypebox {
  const { store, catalogue } = engine

  return async (app) => {
    app.get(
      '',
      {
        config: { access: { owner: true, anonymous: true, limited: true, scope: 'settings:read' } },
        schema: {
          tags: ['Shops'],
          summary: 'The shop',
          params: Type.Object({ shop: ShopId }),
          querystring: Query,
          response: { 200: Type.Ref('Shop') },
        },
      },
      async (request) => servedShop(callerOf(request).shop),
    )

    app.patch(
      '',
      {
        config: { access: { scope: 'settings:write' } },
        schema: {
          tags: ['Shops'],
          summary: 'Change the name; id, currency and preset stay for ever',
          params: Type.Object({ shop: ShopId }),
          querystring: Query,
          body: contract.PatchShop,
          response: { 200: Type.Ref('Shop') },
        },
      },
      async (request, reply) => {
        const { id } = callerOf(request).shop
        answerOnce(reply, unwrap(await catalogue.renameShop(id, request.body.name, claimOf(request, null))))
        return servedShop(unwrap((await engine.facts.shop(id)) ?? refuse('shop_not_found', {})))
      },
    )

    app.get(
      '/settings',
      {
        config: { access: { scope: 'settings:read' } },
        schema: {
          tags: ['Shops'],
          summary: 'All settings',
          querystring: Query,
          response: { 200: Type.Unsafe<unknown>(Type.Object({}, { additionalProperties: true })) },
        },
      },
      async (request) => withoutSecrets(callerOf(request).shop.settings),
    )

    app.patch(
      '/settings',
      {
        config: { access: { scope: 'settings:write' } },
        schema: {
          tags: ['Shops'],
          summary: 'Change settings; what is not named stays',
          querystring: Query,
          body: contract.PatchSettings,
          response: { 200: Type.Unsafe<unknown>(Type.Object({}, { additionalProperties: true })) },
        },
      },
      async (request, reply) => {
        const { actor, shop } = callerOf(request)
        const { id } = shop
        const claim = claimOf(request, null)
        answerOnce(reply, unwrap(await catalogue.changeSettings(id, request.body as SettingsPatch, nameOf(actor), claim)))
        return withoutSecrets(unwrap((await engine.facts.shop(id)) ?? refuse('shop_not_found', {})).settings)
      },
    )

    app.get(
      '/api-keys',
      {
        config: { access: { scope: 'keys:write' } },
        schema: { tags: ['Keys'], summary: 'Server and staff keys', querystring: Query, response: { 200: contract.lists.keys } },
      },
      async (request) => {
        const rows = await listApiKeys(store.reader, callerOf(request).shop.id)
        const items = rows.map((row) => ({
          id: row.id,
          kind: row.kind,
          name: row.name,
          scopes: JSON.parse(row.scopes) as string[],
          createdAt: rfc3339(row.created_at),
          revokedAt: row.revoked_at === null ? null : rfc3339(row.revoked_at),
        }))
        return { items, next: null }
      },
    )

    app.post(
      '/api-keys',
      {
        config: { access: { scope: 'keys:write' } },
        schema: {
          tags: ['Keys'],
          summary: 'Make a key; its token is shown once',
          querystring: Query,
          body: contract.KeyInput,
          response: { 201: Type.Object({ id: Type.String(), token: Type.String() }, CLOSED) },
        },
      },
      async (request, reply) => {
        const { actor, shop } = callerOf(request)
        const { kind = 'server', name, scopes } = request.body
        // Nobody gives away more than they have.
        const mine = 'scopes' in actor ? actor.scopes : []
        const beyond = scopes.find((scope) => !mine.includes('*') && !mine.includes(scope))
        if (beyond) throw new Refused(refuse('missing_scope', { scope: beyond }))
        const { token, ...draft } = catalogue.draftKey(kind as 'server' | 'staff')
        const input = { kind: kind as 'server' | 'staff', name, scopes: scopes as Scope[] }
        const made = unwrap(await catalogue.makeKey(shop.id, draft, input, claimOf(request, token)))
        reply.code(201)
        return { ...answerOnce(reply, made), token: secretOf(request, made, token) }
      },
    )

    app.delete(
      '/api-keys/:key',
      {
        config: { access: { scope: 'keys:write' } },
        schema: {
          tags: ['Keys'],
          summary: 'Revoke a key',
          params: Type.Object({ shop: Text(63), key: Id }),
          querystring: Query,
          response: { 204: Type.Null() },
        },
      },
      async (request, reply) => {
        answerOnce(reply, unwrap(await catalogue.dropKey(callerOf(request).shop.id, request.params.key, claimOf(request, null))))
        return reply.code(204).send(null)
      },
    )

    await app.register(webhookRoutes)
  }

  async function webhookRoutes(app: Parameters<FastifyPluginAsyncTypebox>[0]): Promise<void> {
    const config = { access: { scope: 'webhooks:write' } } as const
    const Params = Type.Object({ shop: Text(63), endpoint: Id })

    app.get(
      '/webhooks',
      { config, schema: { tags: ['Webhooks'], summary: 'Endpoints', querystring: Query, response: { 200: contract.lists.endpoints } } },
      async (request) => {
        const rows = await readEndpoints(store.reader, callerOf(request).shop.id)
        return {
          items: rows.map((row) => ({
            id: row.id,
            url: row.url,
            types: JSON.parse(row.types) as string[],
            active: row.active === 1,
            createdAt: rfc3339(row.created_at),
          })),
          next: null,
        }
      },
    )

    app.post(
      '/webhooks',
      {
        config,
        schema: {
          tags: ['Webhooks'],
          summary: 'Register an endpoint; its secret is shown once',
          querystring: Query,
          body: contract.EndpointInput,
          response: {
            201: Type.Object({ id: Type.String(), url: Type.String(), types: Type.Array(Type.String()), secret: Type.String() }, CLOSED),
          },
        },
      },
      async (request, reply) => {
        const { url, types = ['*'] } = request.body
        const secret = catalogue.draftEndpointSecret()
        const made = unwrap(await catalogue.makeEndpoint(callerOf(request).shop.id, { url, types, secret }, claimOf(request, secret)))
        reply.code(201)
        return { ...answerOnce(reply, made), url, types: [...types], secret: secretOf(request, made, secret) }
      },
    )

    app.delete(
      '/webhooks/:endpoint',
      {
        config,
        schema: {
          tags: ['Webhooks'],
          summary: 'Remove an endpoint with what waits for it',
          params: Params,
          querystring: Query,
          response: { 204: Type.Null() },
        },
      },
      async (request, reply) => {
        answerOnce(reply, unwrap(await catalogue.dropEndpoint(callerOf(request).shop.id, request.params.endpoint, claimOf(request, null))))
        return reply.code(204).send(null)
      },
    )

    app.get(
      '/webhooks/:endpoint/deliveries',
      {
        config,
        schema: {
          tags: ['Webhooks'],
          summary: 'What was sent, newest first',
          params: Params,
          querystring: Type.Object({ ...Page, state: Type.Optional(Text(20)), account: Type.Optional(Id) }, CLOSED),
          response: { 200: contract.lists.deliveries },
        },
      },
      async (request) => {
        const { limit = 50, after, state } = request.query
        const rows = await listDeliveries(store.reader, callerOf(request).shop.id, request.params.endpoint, {
          limit: limit + 1,
          ...(after === undefined ? {} : { after }),
          ...(state === undefined ? {} : { state }),
        })
        const at = (ms: number | null) => (ms === null ? null : rfc3339(ms))
        const items = rows.slice(0, limit).map((row) => ({
          id: row.id,
          eventId: row.event_id,
          type: row.type,
          subject: row.subject,
          state: row.state,
          attempts: row.attempts,
          createdAt: rfc3339(row.created_at),
          dueAt: rfc3339(row.due_at),
          deliveredAt: at(row.delivered_at),
          lastStatus: row.last_status,
          lastError: row.last_error,
        }))
        return { items, next: rows.length > limit ? (items.at(-1)?.id ?? null) : null }
      },
    )

    app.post(
      '/webhooks/:endpoint/deliveries/:delivery/redeliver',
      {
        config,
        schema: {
          tags: ['Webhooks'],
          summary: 'Send it again',
          params: Type.Object({ shop: Text(63), endpoint: Id, delivery: Id }),
          querystring: Query,
          body: Type.Optional(Nullable(Type.Object({}, CLOSED))),
          response: { 202: Type.Object({ id: Type.String() }, CLOSED) },
        },
      },
      async (request, reply) => {
        const { endpoint, delivery } = request.params
        const again = unwrap(await catalogue.sendAgain(callerOf(request).shop.id, endpoint, delivery, claimOf(request, null)))
        reply.code(202)
        return answerOnce(reply, again)
      },
    )
  }
}

function servedShop(shop: ShopFacts) {
  return { id: shop.id, name: shop.name, currency: shop.currency, preset: shop.preset, createdAt: rfc3339(shop.createdAt) }
}
