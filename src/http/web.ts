// The drop-in elements as any page may load them, from whichever origin: one script at an address that never changes, what it loads later
// under names that tell their content, and a style sheet that keeps their room. They are files of a build; where that did not run there is nothing at these addresses.
import { fileURLToPath } from 'node:url'
import staticFiles from '@fastify/static'
import type { FastifyInstance, FastifyReply } from 'fastify'

const PUBLIC = { access: 'public' } as const
/** Asked anew after this, by the file's hash (ETag): an upgrade is in every page within minutes. */
const SCRIPT_SECONDS = 300
const YEAR_SECONDS = 31_536_000

/** The routes of built files; `folder` is where the build put them. */
export function webRoutes(folder: string): (app: FastifyInstance) => Promise<void> {
  return async (app) => {
    await app.register(staticFiles, { root: folder, serve: false, cacheControl: false, suppressWarning: true })

    for (const file of ['elements.js', 'elements.css'])
      app.get(`/${file}`, { config: PUBLIC, schema: { hide: true } }, (_request, reply) =>
        openly(reply, `public, max-age=${SCRIPT_SECONDS}, stale-while-revalidate=86400`).sendFile(file),
      )

    // The pattern is the whole protection against names that lead elsewhere: nothing else is a route.
    app.get<{ Params: { file: string } }>('/elements/:file(^[\\w-]+\\.js$)', { config: PUBLIC, schema: { hide: true } }, (request, reply) =>
      openly(reply, `public, max-age=${YEAR_SECONDS}, immutable`).sendFile(`elements/${request.params.file}`),
    )
  }
}

/**
 * A module is loaded with CORS. The same answer for every origin, also to who sends none, so that a cache between us may give it to all; and
 * pages that isolate themselves may load it.
 */
function openly(reply: FastifyReply, cacheControl: string): FastifyReply {
  return reply
    .header('cache-control', cacheControl)
    .header('access-control-allow-origin', '*')
    .removeHeader('vary')
    .header('cross-origin-resource-policy', 'cross-origin')
    .header('x-content-type-options', 'nosniff')
}

/** Where the build is, in a checkout and in the published package alike. */
export function webFolder(): string {
  return fileURLToPath(new URL('../../dist/web/', import.meta.url))
}
