// Reading streams of server-sent events as a client does: with `fetch`, event by event, until somebody closes it or it ends.
import assert from 'node:assert/strict'
import { after } from 'node:test'

/** One event. `data` is parsed. */
export interface StreamEvent {
  readonly id: string | null
  readonly event: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into events freely
  readonly data: any
}

/** A stream that is read. */
export interface OpenStream {
  readonly status: number
  readonly headers: Headers
  /** The next event; null at the end. Fails after `ms`. */
  next(ms?: number): Promise<StreamEvent | null>
  /** The first event from now on that fits; events before it are dropped. */
  until(fits: (event: StreamEvent) => boolean, ms?: number): Promise<StreamEvent>
  /** Fails when an event arrives within `ms`. */
  silence(ms: number): Promise<void>
  /** Everything that was received, comments included. */
  text(): string
  close(): void
}

/** Changes reach a stream within a second. What took longer (in ms) is a busy machine's, unless half of them did. */
export function assertSoon(took: readonly number[]): void {
  const median = took.toSorted((one, another) => one - another)[took.length >> 1]
  assert.ok(median !== undefined && median < 1000, `${took.join(', ')} ms`)
}

/** Opens streams of a server by their paths; all are closed after the tests. */
export function streamsOf(server: string) {
  const opened: OpenStream[] = []
  after(() => {
    for (const stream of opened) stream.close()
  })
  return async (path: string, token?: string, headers: Record<string, string> = {}): Promise<OpenStream> => {
    const stream = await openStream(server + path, token, headers)
    opened.push(stream)
    return stream
  }
}

/** Opens a stream; an answer that is no stream has its status only. */
export async function openStream(url: string, token?: string, headers: Record<string, string> = {}): Promise<OpenStream> {
  const abort = new AbortController()
  const response = await fetch(url, {
    headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...headers },
    signal: abort.signal,
  })
  const events: (StreamEvent | null)[] = []
  let received = ''
  let wake: () => void = () => undefined
  const arrived = (event: StreamEvent | null) => {
    events.push(event)
    wake()
  }
  void (async () => {
    const decoder = new TextDecoder()
    let rest = ''
    try {
      for await (const chunk of response.body ?? []) {
        const text = decoder.decode(chunk, { stream: true })
        received += text
        rest += text
        const blocks = rest.split('\n\n')
        rest = blocks.pop() ?? ''
        for (const block of blocks) {
          const event = parsed(block)
          if (event) arrived(event)
        }
      }
    } catch {
      // Closed by the test, or cut off by the server: either way it is the end.
    }
    arrived(null)
  })()
  async function next(ms = 5000): Promise<StreamEvent | null> {
    if (events.length === 0) {
      let timer: NodeJS.Timeout | undefined
      await new Promise<void>((resolve, reject) => {
        wake = resolve
        timer = setTimeout(() => reject(new Error(`No event within ${ms} ms.`)), ms)
      }).finally(() => clearTimeout(timer))
    }
    return events.shift() ?? null
  }
  return {
    status: response.status,
    headers: response.headers,
    next,
    async until(fits, ms = 5000) {
      const end = Date.now() + ms
      for (;;) {
        const event = await next(Math.max(1, end - Date.now()))
        assert.ok(event, 'the stream ended')
        if (fits(event)) return event
      }
    },
    async silence(ms) {
      await new Promise((resolve) => setTimeout(resolve, ms))
      assert.deepEqual(events, [])
    },
    text: () => received,
    close: () => abort.abort(),
  }
}

function parsed(block: string): StreamEvent | null {
  const fields = new Map(block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)] as const))
  const event = fields.get('event')
  if (event === undefined) return null
  return { id: fields.get('id') ?? null, event, data: JSON.parse(fields.get('data') ?? 'null') }
}
