// The live stream of a cart: every change as it happens. Read with `fetch`, because the token goes in a header. It connects again by itself, with
// what was read last, until it is told that there is nothing more to read. Loaded when a page first follows a cart.
import type { PricedCart } from '../core/pricing.ts'
import type { backOff, Client } from './client.ts'
import type { CartwrightError } from './problem.ts'

/** How a stream is read. */
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
/** Reads until `signal` ends it or the cart is gone. */
export async function follow(following: Following): Promise<void> {
  const { client, see, end, signal, backOff } = following
  let lastId: string | null = null
  for (let failures = 0; !signal.aborted; failures++) {
    const silence = new AbortController()
    let timer = setTimeout(() => silence.abort(), SILENCE_MS)
    try {
      const response: Response = await client.call(
        'GET /v1/shops/{shop}/carts/{cart}/stream',
        { params: { cart: 'current' } },
        // Only what is newer than what was read last is sent again.
        { headers: lastId ? { 'last-event-id': lastId } : {}, signal: AbortSignal.any([signal, silence.signal]) },
      )
      for await (const { id, event, data } of eventsOf(response)) {
        clearTimeout(timer)
        timer = setTimeout(() => silence.abort(), SILENCE_MS)
        failures = 0
        if (event === 'gone') return end()
        lastId = id || lastId
        if (event === 'cart') see(JSON.parse(data) as PricedCart)
      }
    } catch (error) {
      // What is gone stays gone; whatever else broke it, it is opened again.
      if ([401, 403, 404].includes((error as Partial<CartwrightError>).status ?? 0)) return end()
    } finally {
      clearTimeout(timer)
      silence.abort()
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
async function* eventsOf({ body }: Response): AsyncGenerator<{ readonly id: string; readonly event: string; readonly data: string }> {
  if (!body) return
  const reader = body.getReader()
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
