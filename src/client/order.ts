// An order as it happens: by its live stream, and by asking again, less and less often, while the stream cannot be had, because a proxy keeps its
// events back or too many are open. `cartwright/order` is a door of its own: only pages that show an order load it.
import { backOff, type Client, type OutputOf } from './client.ts'
import type { CartwrightError } from './problem.ts'
import { read, SHUT } from './stream.ts'

/** An order as it is served. */
export type FollowedOrder = OutputOf<'GET /v1/shops/{shop}/orders/{order}'>

/** How an order is followed. */
export interface OrderFollowing {
  /** The order's token, or whose it is; the client's own unless given. */
  readonly token?: string
  /** Hears the order as it is, and then every state that is another one; never an older one. */
  see(order: FollowedOrder): void
  /** Hears, whenever it was asked for in vain, why it cannot be read for the moment; it is asked for again. */
  miss?(error: CartwrightError): void
  /** Hears every answer and everything the stream says, changed or not: what `miss` told is over. */
  hit?(): void
  readonly signal?: AbortSignal
}

/** So long the stream may take before the order is asked for without it. */
const PATIENCE_MS = 1500
/** From one question to the next: the first pause, and the longest. A change makes the next one the first again. */
const FIRST_PAUSE_MS = 2000
const LAST_PAUSE_MS = 30_000

/**
 * Follows an order until nothing of it changes any more that a customer would wait for, or the signal ends it.
 * @throws CartwrightError when it cannot be read at all: it is not there, or not for this token (any more).
 */
export async function followOrder(client: Client, orderId: string, following: OrderFollowing): Promise<void> {
  const { token, miss, hit, signal } = following
  const input = { params: { order: orderId } } as const
  const over = new AbortController()
  const how = { ...(token === undefined ? {} : { token }), signal: signal ? AbortSignal.any([signal, over.signal]) : over.signal }
  const take = taking(following, over)
  const rest = createRest(how.signal)
  let heard = 0
  let isLive = false
  const silent = () => {
    isLive = false
  }

  const answered = () => {
    if (!how.signal.aborted) told(() => hit?.())
  }

  async function ask(): Promise<boolean> {
    const before = heard
    try {
      const order = await client.call('GET /v1/shops/{shop}/orders/{order}', input, how)
      answered()
      // What the stream said meanwhile is newer.
      return heard === before && take(JSON.stringify(order))
    } catch (error) {
      const problem = error as CartwrightError
      if (how.signal.aborted) return false
      if (SHUT.includes(problem.status)) throw error
      told(() => miss?.(problem))
      return false
    }
  }

  const open = (opening: object) => client.call('GET /v1/shops/{shop}/orders/{order}/stream', input, { ...how, ...opening })
  const hear = (event: string, data: string) => {
    heard++
    isLive = true
    answered()
    if (event === 'order') take(data)
  }
  // Where there is no stream to be had at all, the next question is at once: its answer may say that there is no order either.
  void read({ open, hear, lost: silent, signal: how.signal, backOff }).then(rest.end)
  try {
    await rest.take(PATIENCE_MS)
    for (let pause = FIRST_PAUSE_MS; !how.signal.aborted; ) {
      pause = isLive || (await ask()) ? FIRST_PAUSE_MS : Math.min(LAST_PAUSE_MS, pause * 2)
      await rest.take(pause * (0.75 + Math.random() / 4))
    }
  } finally {
    over.abort()
  }
}

/** Takes an order as JSON, tells it when it is another one, and ends with the last; answers whether it was another one. */
function taking({ see, signal }: OrderFollowing, over: AbortController): (text: string) => boolean {
  let seen = ''
  let version = 0
  return (text) => {
    const order = JSON.parse(text) as FollowedOrder
    if (signal?.aborted || over.signal.aborted || text === seen || order.version < version) return false
    seen = text
    version = order.version
    told(() => see(order))
    if (isOver(order)) over.abort()
    return true
  }
}

/** Tells the page; one that cannot show it does not stop it. */
function told(tell: () => void): void {
  try {
    tell()
  } catch (error) {
    void Promise.reject(error)
  }
}

/** Whether nothing of an order changes any more that a customer would wait for: it is over, and no money is on its way back. Following ends there. */
export function isOver({ state, refunds }: Pick<FollowedOrder, 'state' | 'refunds'>): boolean {
  return state !== 'NEW' && state !== 'PLACED' && refunds.every((refund) => refund.state !== 'PENDING')
}

/** Rests that end early, and with the signal. */
function createRest(signal: AbortSignal) {
  let end = () => {}
  signal.addEventListener('abort', () => end())
  return {
    end: () => end(),
    take: (ms: number) =>
      new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, signal.aborted ? 0 : ms)
        end = () => {
          clearTimeout(timer)
          resolve()
        }
      }),
  }
}
