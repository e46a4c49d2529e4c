// The demo's store at `/`: one page, made by `web/store`, and its files. It exists only where the demo is switched on, and calls nothing but
// the API. Every address under `/shop/` is a page of it; everything else of the server stays what it is.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import staticFiles from '@fastify/static'
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'

/** The page may load its own files and call its own server; a payment page is a place that it goes to, not one that it shows. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ')

const NOT_BUILT =
  '<!doctype html><meta charset="utf-8"><title>Not built yet</title><p>The demo store is not built yet: run <code>npm ci</code>, which builds it, then start again.</p>'

/** Serves the store from `folder`; where it was not built, `/` says how to. */
export function storePage(folder: string): FastifyPluginAsync {
  return async (app) => {
    const file = join(folder, 'index.html')
    const isBuilt = existsSync(file)
    const page = isBuilt ? readFileSync(file, 'utf8') : NOT_BUILT
    const send = (_request: FastifyRequest, reply: FastifyReply) =>
      reply
        .code(isBuilt ? 200 : 503)
        .header('content-type', 'text/html; charset=utf-8')
        .header('content-security-policy', POLICY)
        .header('referrer-policy', 'same-origin')
        .header('x-content-type-options', 'nosniff')
        // Its files have hashes in their names; the page that names them is asked for each time.
        .header('cache-control', 'no-cache')
        .send(page)
    const open = { config: { access: 'public' }, schema: { hide: true } } as const
    app.get('/', open, send)
    app.get('/shop/*', open, send)
    if (isBuilt)
      await app.register(staticFiles, {
        root: folder,
        prefix: '/store/',
        index: false,
        // The page is served above, with its policy; here it would have none.
        allowedPath: (path) => !/\.html$/i.test(path),
        maxAge: '365d',
        immutable: true,
        decorateReply: false,
      })
  }
}

/** Where the built store is, in a checkout and in the published package alike. */
export function storeFolder(): string {
  return fileURLToPath(new URL('../../dist/demo-store/', import.meta.url))
}
