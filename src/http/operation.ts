// Running it: whether it lives, whether it should get traffic, what the API looks like.
import scalar from '@scalar/fastify-api-reference'
import type { FastifyPluginAsync } from 'fastify'
import type { Engine } from '../engine/engine.ts'

/** The routes without a prefix. */
export function operationRoutes({ store, carts }: Engine): FastifyPluginAsync {
  return async (app) => {
    const open = { config: { access: 'public' as const }, schema: { hide: true } }

    app.get('/healthz', open, async () => ({ ok: true }))

    app.get('/readyz', open, async (_request, reply) => {
      const isReachable = await store.reader.db
        .selectFrom('shops')
        .select('id')
        .limit(1)
        .execute()
        .then(
          () => true,
          () => false,
        )
      return reply
        .code(isReachable ? 200 : 503)
        .send({ ok: isReachable, database: isReachable ? store.dialect : 'unreachable', waiting: carts.waiting() })
    })

    app.get('/openapi.json', open, async () => app.swagger())

    await app.register(scalar, {
      routePrefix: '/docs',
      configuration: {
        url: '/openapi.json',
        withDefaultFonts: false,
        telemetry: false,
        hideClientButton: true,
        showDeveloperTools: 'never',
        mcp: { disabled: true },
        agent: { disabled: true },
      } as object,
    })
  }
}
