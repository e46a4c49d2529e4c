// Live streams: every change of a cart or an order as it happens. Read with `fetch`, because the token goes in a header. They connect again by
// themselves, with what was read last, until they are told that there is nothing more to read. Loaded when a page first follows one.
import type { PricedCart } from '../core/pricing.ts'
import type { backOff, CallOptions, Client } from './client.ts'
import type { CartwrightError } from './problem.ts'

/** How a stream is read. */
export interface Reading {
  open(how: Pick<CallOptions, 'headers' | 'signal'>): Promise<Response>
  /** What came; without an event it says no more than that the server is there. */
  hear(event: string, data: string): void
  /** What was open is broken; it is opened again. */
  lost?(): void
  readonly signal: AbortSignal
  /** How long to wait before connecting again, in milliseconds. */
  readonly backOff: typeof backOff
}

/** How a cart is followed. */
export interface Following {
  readonly client: Client
  /** The cart as it is; also after each connection, unless it was read already. */
  see(cart: PricedCart): void
  /** The cart, or the right to read it, is gone. */
  end(): void
  readonly signal: AbortSignal
  /** How long to wait before connecting again, in milliseconds. */
  readonly backOff: typeof backOff
}

/** The server says something every 15 s; a stream that is silent for longer is broken, whatever the network says. */
const SILENCE_MS = 45_000
/** What is answered with these is not there, or not for this reader. */
export const SHUT: readonly number[] = [401, 403, 404]

/** Follows a cart until `signal` ends it or the cart is gone. */
export async function follow({ client, see, end, ...rest }: Following): Promise<void> {
  await read({
    ...rest,
    open: (how) => client.call('GET /v1/shops/{shop}/carts/{cart}/stream', { params: { cart: 'current' } }, how),
    hear: (event, data) => event === 'cart' && see(JSON.parse(data) as PricedCart),
  })
  if (!rest.signal.aborted) end()
}

/** Reads until `signal` ends it, or there is nothing more to read: what it shows is gone, or not for this reader. */
export async function read({ open, hear, lost, signal, backOff }: Reading): Promise<void> {
  let lastId: string | null = null
  for (let failures = 0; !signal.aborted; failures++) {
    const silence = new AbortController()
    let timer = setTimeout(() => silence.abort(), SILENCE_MS)
    try {
      const reading = AbortSignal.any([signal, silence.signal])
      const response: Response = await open({
        // Only what is newer than what was read last is sent again.
        headers: lastId ? { 'last-event-id': lastId } : {},
        signal: reading,
      })
      for await (const { id, event, data } of eventsOf(response, reading)) {
        clearTimeout(timer)
        timer = setTimeout(() => silence.abort(), SILENCE_MS)
        failures = 0
        if (event === 'gone') return
        lastId = id || lastId
        hear(event, data)
      }
    } catch (error) {
      // What is gone stays gone; whatever else broke it, it is opened again.
      if (SHUT.includes((error as Partial<CartwrightError>).status ?? 0)) return
    } finally {
      clearTimeout(timer)
      silence.abort()
      lost?.()
    }
    if (!signal.aborted) await pause(backOff(failures), signal)
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    signal.addEventListener('abort', end)
  })
}

/** The events of a stream; a comment is one without a name. */
async function* eventsOf(
  { body }: Response,
  signal: AbortSignal,
): AsyncGenerator<{ readonly id: string; readonly event: string; readonly data: string }> {
  if (!body) return
  const reader = body.getReader()
  // Not every platform, and nothing between us and the network, ends a body with the signal of its request.
  signal.addEventListener('abort', () => void reader.cancel().catch(() => {}))
  const decoder = new TextDecoder()
  let text = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    text += decoder.decode(value as Uint8Array, { stream: true })
    const blocks = text.split('\n\n')
    text = blocks.pop() ?? ''
    for (const block of blocks) {
      const lines = block.split('\n')
      const field = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? ''
      yield { id: field('id'), event: field('event'), data: field('data') }
    }
  }
}
