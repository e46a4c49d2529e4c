// The live stream of a cart: every change as it happens. Read with `fetch`, because the token goes in a header. It connects again by itself, with
// what was read last, until it is told that there is nothing more to read.
import type { PricedCart } from '../core/pricing.ts'

/** How a stream is read. */
export interface Following {
  /** Connects; `lastId` is the last event that was read. */
  open(lastId: string | null, signal: AbortSignal): Promise<Response>
  /** The cart as it is; also after each connection, unless it was read already. */
  see(cart: PricedCart): void
  /** The cart, or the right to read it, is gone. */
  end(): void
  readonly signal: AbortSignal
}

/** The server says something every 15 s; a stream that is silent for longer is broken, whatever the network says. */
const SILENCE_MS = 45_000
const FIRST_PAUSE_MS = 500
const LAST_PAUSE_MS = 30_000

/** How long to wait before trying again, in milliseconds: longer each time, and not the same for everybody. */
export function backOff(failures: number): number {
  return Math.min(LAST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failures, 10)) * (0.5 + Math.random() / 2)
}

/** Reads until `signal` ends it or the cart is gone. */
export async function follow({ open, see, end, signal }: Following): Promise<void> {
  let lastId: string | null = null
  for (let failures = 0; !signal.aborted; failures++) {
    const silence = new AbortController()
    let timer = setTimeout(() => silence.abort(), SILENCE_MS)
    try {
      const response = await open(lastId, AbortSignal.any([signal, silence.signal]))
      if ([401, 403, 404].includes(response.status)) return end()
      for await (const { id, event, data } of eventsOf(response)) {
        clearTimeout(timer)
        timer = setTimeout(() => silence.abort(), SILENCE_MS)
        failures = 0
        if (event === 'gone') return end()
        lastId = id || lastId
        if (event === 'cart') see(JSON.parse(data) as PricedCart)
      }
    } catch {
      // Whatever broke it, it is opened again.
    } finally {
      clearTimeout(timer)
      silence.abort()
    }
    if (!signal.aborted) await pause(backOff(failures), signal)
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => {
      clearTimeout(timer)
      resolve()
    })
  })
}

/** The events of a stream; a comment is one without a name. */
async function* eventsOf({ ok, body }: Response): AsyncGenerator<{ readonly id: string; readonly event: string; readonly data: string }> {
  if (!ok || !body) return
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
