// Calls of the API: every operation by its method and path, with the types of its contract. It needs `fetch` and nothing else, so it runs in
// browsers, Node, Deno and at the edge.
import type { Operations } from './operations.ts'
import { CartwrightError, type ErrorCode, type Problem } from './problem.ts'

/** An operation, as `METHOD /path` with its parameters in braces. */
export type OperationName = keyof Operations & string

type Without<T, Key extends PropertyKey> = { [K in keyof T as K extends Key ? never : K]: T[K] }
type RequiredKeys<T> = { [K in keyof T]-?: object extends Pick<T, K> ? never : K }[keyof T]
type Part<Name extends string, T> = [keyof T] extends [never] ? unknown : [RequiredKeys<T>] extends [never] ? { [N in Name]?: T } : { [N in Name]: T }

/** What an operation is given: its path's parameters (the shop is the client's), its query and its body. */
export type InputOf<Name extends OperationName> = Part<'params', Without<Operations[Name]['params'], 'shop'>> &
  Part<'query', Operations[Name]['query']> &
  (undefined extends Operations[Name]['body']
    ? { readonly body?: Operations[Name]['body'] }
    : [Operations[Name]['body']] extends [never]
      ? unknown
      : { readonly body: Operations[Name]['body'] })

/** What an operation answers. */
export type OutputOf<Name extends OperationName> = Operations[Name]['response']

/** How one call is made. */
export interface CallOptions {
  /** Instead of the client's own token; null: nobody's. */
  readonly token?: string | null
  /** The key under which a write happens once however often it is sent; a new one for each call unless given. */
  readonly idempotencyKey?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/** Where the API is and who asks. */
export interface ClientOptions {
  /** Where the server is, without `/v1`: `https://cart.example.com`. */
  readonly baseUrl: string
  /** The shop whose operations have no `shop` parameter to give. */
  readonly shop?: string
  /** Who asks: read before each call. */
  readonly token?: string | null | (() => string | null)
  /** The language of problems and notices; the browser's own unless given. */
  readonly language?: string
  /** How often a call is sent again that had no answer, or was told to come again; 3 unless given. Writes are done once all the same. */
  readonly retries?: number
  readonly fetch?: typeof fetch
}

/** Calls the API. */
export interface Client {
  /** @throws CartwrightError where the answer is a problem, or none came. */
  call<Name extends OperationName>(name: Name, ...rest: CallArguments<Name>): Promise<OutputOf<Name>>
}

type CallArguments<Name extends OperationName> =
  object extends InputOf<Name> ? [input?: InputOf<Name>, options?: CallOptions] : [input: InputOf<Name>, options?: CallOptions]

interface AnyInput {
  readonly params?: Readonly<Record<string, string | number>>
  readonly query?: Readonly<Record<string, unknown>>
  readonly body?: unknown
}

/** Makes it. */
export function createClient(options: ClientOptions): Client {
  const { baseUrl, shop, language, retries = 3 } = options
  const send = options.fetch ?? fetch

  async function call(name: string, input: AnyInput = {}, how: CallOptions = {}): Promise<unknown> {
    const [method = 'GET', path = '/'] = name.split(' ')
    const url = addressOf(baseUrl, path, { ...(shop === undefined ? {} : { shop }), ...input.params }, input.query)
    const token = how.token === undefined ? (typeof options.token === 'function' ? options.token() : options.token) : how.token
    const isWrite = method !== 'GET'
    const isText = typeof input.body === 'string'
    const request: RequestInit = {
      method,
      headers: {
        accept: 'application/json',
        ...(language ? { 'accept-language': language } : {}),
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...(isWrite ? { 'idempotency-key': how.idempotencyKey ?? crypto.randomUUID() } : {}),
        ...(input.body === undefined ? {} : { 'content-type': isText ? 'text/csv' : 'application/json' }),
        ...how.headers,
      },
      // No cookie goes along: who asks is in the token alone.
      credentials: 'omit',
      ...(input.body === undefined ? {} : { body: isText ? (input.body as string) : JSON.stringify(input.body) }),
      ...(how.signal ? { signal: how.signal } : {}),
    }
    for (let attempt = 0; ; attempt++) {
      try {
        return await answerOf(await send(url, request))
      } catch (error) {
        const failure = error instanceof CartwrightError ? error : silence(error, how.signal)
        if (attempt >= retries || !comesAgain(failure)) throw failure
        await pause(failure, attempt)
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
  const filled = path.replace(/\{(\w+)\}/g, (_, key: string) => encodeURIComponent(String(params[key] ?? '')))
  const wanted = new URLSearchParams()
  for (const [key, value] of Object.entries(query)) {
    for (const each of Array.isArray(value) ? value : [value]) if (each !== undefined && each !== null) wanted.append(key, String(each))
  }
  const search = wanted.toString()
  return baseUrl.replace(/\/+$/, '') + filled + (search ? `?${search}` : '')
}

async function answerOf(response: Response): Promise<unknown> {
  const text = await response.text()
  const isJson = /[/+]json/.test(response.headers.get('content-type') ?? '')
  const body: unknown = isJson && text ? JSON.parse(text) : text
  if (response.ok) return isJson || text ? body : undefined
  const retryAfter = Number(response.headers.get('retry-after'))
  const isProblem = typeof body === 'object' && body !== null && 'code' in body
  throw new CartwrightError({
    ...(retryAfter > 0 ? { retryAfter } : {}),
    ...(isProblem
      ? (body as Problem)
      : { type: 'about:blank', title: `The server answered ${response.status}.`, status: response.status, code: 'not_understood' }),
  } as Problem)
}

function silence(error: unknown, signal: AbortSignal | undefined): CartwrightError {
  const code: ErrorCode = signal?.aborted ? 'aborted' : 'unreachable'
  const title = code === 'aborted' ? 'The call was ended.' : 'The server cannot be reached.'
  return new CartwrightError({ type: 'about:blank', title, status: 0, code }, { cause: error })
}

/** Whether the same call may go well a moment later: nothing was done, or what was done is answered again under its key. */
function comesAgain({ code, status }: CartwrightError): boolean {
  return code === 'unreachable' || status === 503 || status === 502
}

function pause({ problem }: CartwrightError, attempt: number): Promise<void> {
  const asked = typeof problem.retryAfter === 'number' ? problem.retryAfter * 1000 : 0
  return new Promise((resolve) => setTimeout(resolve, Math.max(asked, 250 * 2 ** attempt * (0.5 + Math.random()))))
}
