// Calls of the API: every operation by its method and path, with the types of its contract. It needs `fetch` and nothing else, so it runs in
// browsers, Node, Deno and at the edge.
import { newIdempotencyKey } from './idempotency-key.ts'
import type { Operations } from './operations.ts'
import type { EndSignal, Fetch, FetchResponse } from './platform.ts'
import { CartwrightError, ended, NOT_OURS, ownError, type Problem } from './problem.ts'

/** An operation, as `METHOD /path` with its parameters in braces. */
export type OperationName = keyof Operations & string

type Flat<T> = { [K in keyof T]: T[K] }
type WithoutShop<T> = { [K in keyof T as K extends 'shop' ? never : K]: T[K] } & ('shop' extends keyof T ? { shop?: string } : unknown)
/** One part of what is given: nothing where the operation has none, optional where all that is in it is. */
type Part<Name extends string, T> = [keyof T] extends [never] ? unknown : object extends T ? { [N in Name]?: T } : { [N in Name]: T }
type BodyPart<T> = [T] extends [never] ? unknown : undefined extends T ? { body?: Exclude<T, undefined> } : { body: T }

/** What an operation is given: its path's parameters (the shop is the client's own unless named), its query and its body. */
export type InputOf<Name extends OperationName> = Flat<
  Part<'params', Flat<WithoutShop<Operations[Name]['params']>>> &
    Part<'query', Operations[Name]['query']> &
    BodyPart<Operations[Name]['body']>
>

/** What an operation answers. Events that go on are the response itself, for their reader. */
export type OutputOf<Name extends OperationName> = Name extends `${string}/stream` ? FetchResponse : Operations[Name]['response']

/** How one call is made. */
export interface CallOptions {
  /** Instead of the client's own token; null: nobody's. */
  readonly token?: string | null
  /** The key under which a write happens once however often it is sent; a new one for each call unless given. */
  readonly idempotencyKey?: string
  /** The version that was read: where it is another one by now, nothing is done and the code is `stale_version`. */
  readonly ifVersion?: number
  readonly headers?: Readonly<Record<string, string>>
  /** Ends the call, and its waits between tries; the code is `aborted`. */
  readonly signal?: EndSignal
}

/** Where the API is and who asks. */
export interface ClientOptions {
  /** Where the server is, without `/v1`: `https://cart.example.com`. */
  readonly baseUrl: string
  /** The shop of every call that names none. */
  readonly shop?: string
  /** Who asks: read before each call. */
  readonly token?: string | null | (() => string | null)
  /** The language of problems and notices; the browser's own unless given. */
  readonly language?: string
  /** How often a call is sent again that had no answer, or was told to come again (408, 429, 502, 503, 504); 3 unless given. Writes are done once all the same. */
  readonly retries?: number
  /** How long an answer may take, in milliseconds, each time it is sent; 30000 unless given. */
  readonly timeoutMs?: number
  readonly fetch?: Fetch
}

/** Calls the API. */
export interface Client {
  /**
   * Calls an operation and answers what it answers; undefined where it has nothing to say (204). The stream of a cart is the `Response`, which goes on
   * until its reader or `signal` ends it; `timeoutMs` is the time until it begins.
   * @throws CartwrightError where the answer is a problem, or none came.
   */
  call<Name extends OperationName>(name: Name, ...rest: CallArguments<Name>): Promise<OutputOf<Name>>
}

/** What stands behind the name of an operation: its input where it needs one, and how the call is made. */
export type CallArguments<Name extends OperationName> =
  object extends InputOf<Name> ? [input?: InputOf<Name>, options?: CallOptions] : [input: InputOf<Name>, options?: CallOptions]

interface AnyInput {
  readonly params?: Readonly<Record<string, string | number>>
  readonly query?: Readonly<Record<string, unknown>>
  readonly body?: unknown
}

/** Longer than this nobody waits for a second try: a refusal that asks for more is told at once. */
const WAIT_MAX_MS = 10_000

/** Makes a client. It keeps nothing and opens nothing until it is called. */
export function createClient(options: ClientOptions): Client {
  const { baseUrl, shop, language, retries = 3, timeoutMs = 30_000 } = options
  const send: typeof fetch = options.fetch ?? ((...request) => fetch(...request))

  function requestOf(method: string, { body }: AnyInput, how: CallOptions): RequestInit {
    const token = how.token === undefined ? (typeof options.token === 'function' ? options.token() : options.token) : how.token
    const isText = typeof body === 'string'
    return {
      method,
      headers: {
        accept: 'application/json',
        ...(language ? { 'accept-language': language } : {}),
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...(method === 'GET' ? {} : { 'idempotency-key': how.idempotencyKey ?? newIdempotencyKey() }),
        ...(how.ifVersion === undefined ? {} : { 'if-match': `"${how.ifVersion}"` }),
        ...(body === undefined ? {} : { 'content-type': isText ? 'text/csv' : 'application/json' }),
        ...how.headers,
      },
      // No cookie goes along: who asks is in the token alone. At the edge there are none, and to say so is an error there.
      ...(typeof Request === 'function' && 'credentials' in Request.prototype ? { credentials: 'omit' } : {}),
      ...(body === undefined ? {} : { body: isText ? body : JSON.stringify(body) }),
    }
  }

  /** Sends it once, and reads the answer to its end, where it has one. */
  async function attempt(url: string, request: RequestInit, signal: AbortSignal | undefined): Promise<unknown> {
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(), timeoutMs)
    try {
      const response = await send(url, { ...request, signal: signal ? AbortSignal.any([signal, late.signal]) : late.signal })
      return await answerOf(response)
    } catch (error) {
      if (error instanceof CartwrightError) throw error
      if (signal?.aborted) throw ended(error)
      throw ownError(late.signal.aborted ? 'timed_out' : 'unreachable', 'The server cannot be reached.', error)
    } finally {
      clearTimeout(timer)
    }
  }

  async function call(name: string, input: AnyInput = {}, how: CallOptions = {}): Promise<unknown> {
    const [method = '', path = ''] = name.split(' ')
    const url = addressOf(baseUrl, path, { ...(shop === undefined ? {} : { shop }), ...input.params }, input.query)
    // Made once: what is sent again goes under the same key.
    const request = requestOf(method, input, how)
    for (let tries = 0; ; tries++) {
      try {
        return await attempt(url, request, how.signal)
      } catch (error) {
        // It is one of ours, whatever went wrong.
        const failed = error as CartwrightError
        const wait = pauseAfter(failed, tries)
        if (tries >= retries || failed.code === 'aborted' || !isPassing(failed) || wait > WAIT_MAX_MS) throw error
        await pause(wait, how.signal)
      }
    }
  }

  return { call: call as Client['call'] }
}

function addressOf(
  baseUrl: string,
  path: string,
  params: Readonly<Record<string, string | number>>,
  query: Readonly<Record<string, unknown>> = {},
): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, key: string) => {
    const value = params[key]
    // An address with a gap would be another operation's.
    if (value === undefined || value === '') throw new TypeError(`${path} needs ${key}.`)
    return encodeURIComponent(value)
  })
  const wanted = new URLSearchParams()
  for (const [key, value] of Object.entries(query)) if (value !== undefined) wanted.set(key, String(value))
  const search = wanted.toString()
  return baseUrl.replace(/\/+$/, '') + filled + (search ? `?${search}` : '')
}

/** What was answered: JSON as what it says, events as they come, anything else as text, nothing as undefined. Thrown where it is a problem, or not from Cartwright. */
async function answerOf(response: Response): Promise<unknown> {
  const { ok, status, headers } = response
  const type = headers.get('content-type') ?? ''
  if (ok && type.includes('event-stream')) return response
  const text = await response.text()
  const isJson = /[/+]json/.test(type)
  const body = isJson && text ? parsed(text) : { read: text || undefined }
  if (ok && body) return body.read
  const retryAfter = Number(headers.get('retry-after'))
  const problem = isJson ? (body?.read as Partial<Problem> | null | undefined) : null
  throw new CartwrightError({
    ...(retryAfter > 0 ? { retryAfter } : {}),
    ...(typeof problem?.code === 'string' ? problem : { type: 'about:blank', title: NOT_OURS, status, code: 'not_understood' }),
  } as Problem)
}

/** Null: it is no JSON. */
function parsed(text: string): { readonly read: unknown } | null {
  try {
    return { read: JSON.parse(text) }
  } catch {
    return null
  }
}

/**
 * Whether the same request may go well a moment later: no answer, too many at once, or a server that says that it, or what stands before it, is not
 * ready. Under its key it happens once. Another 5xx is a fault: it may be the same for ever.
 */
export function isPassing({ status }: CartwrightError): boolean {
  return [0, 408, 429, 502, 503, 504].includes(status)
}

const FIRST_PAUSE_MS = 500
const LAST_PAUSE_MS = 30_000

/** How long to wait before trying again, in milliseconds: longer each time, and not the same for all who were cut off at once. */
export function backOff(failures: number): number {
  return Math.min(LAST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures) * (0.5 + Math.random() / 2)
}

/** The same after a problem that passes: never sooner than the server asked. */
export function pauseAfter({ problem }: CartwrightError, failures: number): number {
  return Math.max((problem.retryAfter ?? 0) * 1000, backOff(failures))
}

/** Ends early with `signal`: what is sent next is then not sent. */
function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal?.addEventListener('abort', () => resolve(clearTimeout(timer)))
  })
}
