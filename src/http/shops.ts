// Shops, their settings and keys over HTTP.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import { CLOSED, Id, ShopId, Text } from '../contract/schemas.ts'
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

/** The routes of one shop: itself, settings, keys. */
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
  }
}

function servedShop(shop: ShopFacts) {
  return { id: shop.id, name: shop.name, currency: shop.currency, preset: shop.preset, createdAt: rfc3339(shop.createdAt) }
}
