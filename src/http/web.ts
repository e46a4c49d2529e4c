// The drop-in elements as any page may load them, from whichever origin: one script and a style sheet that keeps its room, at addresses that never
// change. They are files of a build, read once; where that did not run there is nothing at these addresses.
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { brotliCompress, gzip } from 'node:zlib'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import Negotiator from 'negotiator'

const FILES = { 'elements.js': 'text/javascript; charset=utf-8', 'elements.css': 'text/css; charset=utf-8' } as const
/** Asked anew after this, by the file's hash (ETag): an upgrade is in every page within minutes. */
const FRESH_SECONDS = 300
/** How a file may be sent, the smallest first. */
const ENCODINGS = ['br', 'gzip', 'identity'] as const
type Encoding = (typeof ENCODINGS)[number]
const COMPRESS = { br: promisify(brotliCompress), gzip: promisify(gzip) } as const

interface BuiltFile {
  readonly type: string
  /** The file in an encoding. Each is made once, when it is first asked for. */
  in(encoding: Encoding): Promise<Buffer>
  /** Another one for each encoding: equal tags are equal bytes. */
  tag(encoding: Encoding): string
}

/** The routes of built files; `folder` is where the build put them. A build while the server runs is served after its next start. */
export function webRoutes(folder: string): (app: FastifyInstance) => Promise<void> {
  return async (app) => {
    for (const [name, type] of Object.entries(FILES)) {
      const file = builtFile(join(folder, name), type)
      app.get(`/${name}`, { config: { access: 'public' }, schema: { hide: true } }, (request, reply) =>
        file === null ? reply.callNotFound() : sendOpenly(request, reply, file),
      )
    }
  }
}

function builtFile(path: string, type: string): BuiltFile | null {
  if (!existsSync(path)) return null
  const bytes = readFileSync(path)
  const hash = createHash('sha256').update(bytes).digest('base64url')
  const made = new Map<Encoding, Promise<Buffer>>()
  return {
    type,
    in(encoding) {
      const known = made.get(encoding)
      if (known) return known
      const making = encoding === 'identity' ? Promise.resolve(bytes) : COMPRESS[encoding](bytes)
      made.set(encoding, making)
      return making
    },
    tag: (encoding) => (encoding === 'identity' ? `"${hash}"` : `"${hash}-${encoding}"`),
  }
}

/**
 * A module is loaded with CORS. The same answer for every origin, also to who sends none, so that a cache between us may give it to all; and
 * pages that isolate themselves may load it.
 */
async function sendOpenly(request: FastifyRequest, reply: FastifyReply, file: BuiltFile): Promise<FastifyReply> {
  const encoding = encodingFor(request)
  const tag = file.tag(encoding)
  reply
    .header('cache-control', `public, max-age=${FRESH_SECONDS}`)
    .header('access-control-allow-origin', '*')
    .header('vary', 'Accept-Encoding')
    .header('cross-origin-resource-policy', 'cross-origin')
    .header('x-content-type-options', 'nosniff')
    .header('etag', tag)
  if (isHeld(request.headers['if-none-match'], tag)) return reply.code(304).send()
  if (encoding !== 'identity') reply.header('content-encoding', encoding)
  return reply.header('content-type', file.type).send(await file.in(encoding))
}

/** The smallest that the caller accepts; as it is for who accepts none. */
function encodingFor({ headers }: FastifyRequest): Encoding {
  const accepted = new Negotiator({ headers }).encodings([...ENCODINGS])
  return ENCODINGS.find((encoding) => accepted.includes(encoding)) ?? 'identity'
}

/** Whether the caller holds these bytes already. A cache on the way may have marked its tag as weak. */
function isHeld(condition: string | undefined, tag: string): boolean {
  return (condition ?? '').split(',').some((each) => [tag, `W/${tag}`, '*'].includes(each.trim()))
}

/** Where the build is, in a checkout and in the published package alike. */
export function webFolder(): string {
  return fileURLToPath(new URL('../../dist/web/', import.meta.url))
}
