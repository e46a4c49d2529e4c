// Running it: whether it lives, whether it should get traffic, what the API looks like.
import Fastify, { type FastifyInstance, type FastifyPluginAsync, type FastifyReply, type FastifyRequest } from 'fastify'
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
      return reply.code(isReachable ? 200 : 503).send({
        ok: isReachable,
        database: isReachable ? store.dialect : 'unreachable',
        waiting: carts.waiting(),
      })
    })

    app.get('/openapi.json', open, async () => app.swagger())

    let reference: Promise<FastifyInstance> | null = null
    const showReference = async (request: FastifyRequest, reply: FastifyReply) => {
      reference ??= openReference()
      const page = await (await reference).inject({ method: 'GET', url: request.url })
      reply.code(page.statusCode).type(String(page.headers['content-type'] ?? 'text/html'))
      if (page.headers.location) reply.header('location', page.headers.location)
      return reply.send(page.rawPayload)
    }
    app.get('/docs', open, showReference)
    app.get('/docs/*', open, showReference)
  }
}

/**
 * The reference page, from a library that brings 4 MB of script: it is loaded when somebody opens the page for the first time, so that
 * servers where nobody does start sooner and stay smaller.
 */
async function openReference(): Promise<FastifyInstance> {
  const { default: scalar } = await import('@scalar/fastify-api-reference')
  const page = Fastify()
  const configuration = {
    url: '/openapi.json',
    withDefaultFonts: false,
    telemetry: false,
    hideClientButton: true,
    showDeveloperTools: 'never',
    mcp: { disabled: true },
    agent: { disabled: true },
  }
  await page.register(scalar, { routePrefix: '/docs', configuration: configuration as object })
  await page.ready()
  return page
}
