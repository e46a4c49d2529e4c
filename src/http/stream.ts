// A cart or an order as a stream of server-sent events: as it is, then every change, from whichever node, to whoever may read it. A reader that
// is slow gets the newest state and none between; who resumes with `Last-Event-ID` gets only what it has not seen. The token is checked again
// while the stream is open: before something new is sent, and regularly. Browsers read it with `fetch`: `EventSource` sends no Authorization.
import { Readable } from 'node:stream'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import { Id, Text } from '../contract/schemas.ts'
import { isRefusal, type Refusal } from '../core/refusal.ts'
import type { CartView } from '../engine/carts.ts'
import type { Engine } from '../engine/engine.ts'
import type { OrderView } from '../engine/watch.ts'
import { type Caller, callerNow, callerOf, unwrap } from './access.ts'
import { address, etagOf } from './carts.ts'
import { type Language, speak, withMessages } from './messages.ts'
import { findOrder } from './orders.ts'

/** How often things happen on open streams, in milliseconds. */
export interface StreamTimes {
  /** A comment, so that nothing between us and the reader takes the silence for an end. */
  readonly heartbeat: number
  /** The token is checked when the last check is this old, changes or not. */
  readonly recheck: number
  /** The token is not checked before a change when the last check is younger than this. */
  readonly trusted: number
  /** A reader that has taken nothing for so long is cut off. */
  readonly stalled: number
}

/** What holds unless a server is set up otherwise. */
export const STREAM_TIMES: StreamTimes = { heartbeat: 15_000, recheck: 30_000, trusted: 1000, stalled: 60_000 }

const SWEEP_MS = 250
/** How soon a check is tried again that failed because the database was away. */
const RETRY_MS = 1000
/** How long readers have to take the end when the server closes. */
const CLOSING_MS = 200

const Query = Type.Object({ account: Type.Optional(Id) }, { additionalProperties: false })
const Resumed = Type.Object({ 'last-event-id': Type.Optional(Type.String({ description: 'The id of the last event that was read' })) })

/** What a stream is declared to answer. */
function eventsSaying(description: string) {
  return { 200: { description, content: { 'text/event-stream': { schema: Type.Unsafe<Readable | string>({ type: 'string' }) } } } }
}

/** The routes of streams. */
export function streamRoutes(engine: Engine, times: StreamTimes): FastifyPluginAsyncTypebox {
  const open = new Set<LiveStream>()
  let sweeper: NodeJS.Timeout | null = null

  /** One timer for all streams, while there are any. */
  function keep(stream: LiveStream): void {
    open.add(stream)
    stream.once('close', () => {
      open.delete(stream)
      if (open.size > 0 || sweeper === null) return
      clearInterval(sweeper)
      sweeper = null
    })
    sweeper ??= setInterval(() => {
      const now = performance.now()
      for (const each of open) each.sweep(now)
    }, SWEEP_MS).unref()
  }

  /** Everybody is told the end; who does not take it is cut off. */
  async function end(): Promise<void> {
    for (const stream of open) stream.finish()
    if (open.size === 0) return
    await new Promise((resolve) => setTimeout(resolve, CLOSING_MS))
    for (const stream of open) stream.destroy()
  }

  /** Answers with a stream of what is seen; a HEAD with whether it may be read. */
  async function serve(request: FastifyRequest, reply: FastifyReply, { watch, find }: Streamed): Promise<Readable | string> {
    reply.header('content-type', 'text/event-stream; charset=utf-8').header('cache-control', 'no-store, no-transform')
    // Proxies that gather answers would keep the events.
    reply.header('x-accel-buffering', 'no')
    if (request.method === 'HEAD') {
      await find()
      return ''
    }
    const caller = callerOf(request)
    const mayRead = async () => isStillThe(caller, await callerNow(engine, request))
    const stream = new LiveStream({ lastId: lastEventId(request), times, mayRead })
    const stop = unwrap(await watch((next) => stream.see(next)))
    stream.once('close', stop)
    keep(stream)
    // Who left meanwhile is not waited for.
    if (reply.raw.destroyed) stream.destroy()
    return stream
  }

  return async (app) => {
    app.addHook('preClose', end)
    app.get(
      '/carts/:cart/stream',
      {
        config: { access: { owner: true, limited: true, scope: 'carts:read' } },
        schema: {
          tags: ['Carts'],
          summary: 'The cart whenever it changes, as server-sent events (read it with fetch: EventSource sends no Authorization)',
          params: Type.Object({ shop: Text(63), cart: Id }),
          querystring: Type.Object({ type: Type.Optional(Text(40)), account: Type.Optional(Id) }, { additionalProperties: false }),
          headers: Resumed,
          response: eventsSaying(
            'Events `cart` (id `<version>.<pricing>.<etag>`, data: the cart as one line of JSON) and `gone` (the cart or the right to read it is gone; the last one)',
          ),
        },
      },
      async (request, reply) => {
        const caller = callerOf(request)
        const type = request.query.type ?? caller.shop.settings.cart.types[0] ?? 'shopping'
        const target = { ...address(caller, request.params.cart, type), type }
        const language = speak(request, reply)
        return serve(request, reply, {
          watch: (see) => engine.watching.watchCart(target, (sight) => see(sight === 'gone' ? sight : cartEvent(sight, language))),
          find: async () => unwrap(await engine.carts.read(target)),
        })
      },
    )

    app.get(
      '/orders/:order/stream',
      {
        config: { access: { owner: true, orderToken: true, scope: 'orders:read' } },
        schema: {
          tags: ['Orders'],
          summary: 'The order whenever it changes, as server-sent events (read it with fetch: EventSource sends no Authorization)',
          params: Type.Object({ shop: Text(63), order: Id }),
          querystring: Query,
          headers: Resumed,
          response: eventsSaying(
            'Events `order` (id `<version>.<etag>`, data: the order as one line of JSON) and `gone` (the right to read it is gone; the last one)',
          ),
        },
      },
      (request, reply) => {
        const caller = callerOf(request)
        const target = { shopId: caller.shop.id, orderId: request.params.order, caller }
        return serve(request, reply, {
          watch: (see) => engine.watching.watchOrder(target, (sight) => see(sight === 'gone' ? sight : orderEvent(sight))),
          find: () => findOrder(engine.store.reader, caller, target.orderId),
        })
      },
    )
  }
}

/** What a stream shows: how it is watched, and how it is found without. */
interface Streamed {
  watch(see: (next: Event | 'gone') => void): Promise<(() => void) | Refusal>
  /** @throws Refused where it cannot be read */
  find(): Promise<unknown>
}

/** A token that belongs to somebody else by now would be as bad as none. */
function isStillThe(caller: Caller, now: Awaited<ReturnType<typeof callerNow>>): boolean {
  return !isRefusal(now) && now.all === caller.all && JSON.stringify(now.owner) === JSON.stringify(caller.owner)
}

function lastEventId({ headers }: FastifyRequest): string | null {
  const header = headers['last-event-id']
  return typeof header === 'string' && header.length <= 200 ? header : null
}

interface Event {
  readonly name: 'cart' | 'order'
  readonly id: string
  readonly text: string
  readonly isLast: boolean
}

/**
 * What one reader gets. Nothing is queued: there is at most one state to be sent, the newest. It is written when the reader has taken what came
 * before it.
 */
class LiveStream extends Readable {
  private readonly times: StreamTimes
  private readonly mayRead: () => Promise<boolean>
  private lastId: string | null
  private next: Event | 'gone' | null = null
  private isHungry = false
  private isChecking = false
  private isOver = false
  private checkedAt = performance.now()
  private triedAt = Number.NEGATIVE_INFINITY
  /** When the reader last took something. */
  private takenAt = performance.now()

  constructor(parts: { lastId: string | null; times: StreamTimes; mayRead: () => Promise<boolean> }) {
    super({ highWaterMark: 1 })
    this.lastId = parts.lastId
    this.times = parts.times
    this.mayRead = parts.mayRead
    // Sent at once: with it the reader sees that it is let in, also when nothing is new.
    this.push('retry: 1000\n\n')
  }

  /** What is now takes the place of what was to be sent. After `gone` nothing comes. */
  see(next: Event | 'gone'): void {
    if (this.next !== 'gone') this.next = next
    void this.serve()
  }

  /** No more events; what is being sent is still taken. */
  finish(): void {
    if (this.isOver) return
    this.isOver = true
    this.push(null)
  }

  sweep(now: number): void {
    if (this.isOver) return
    if (!this.isHungry && now - this.takenAt >= this.times.stalled) return void this.destroy()
    if (this.isHungry && now - this.takenAt >= this.times.heartbeat) this.give(': here\n\n')
    if (now - this.checkedAt >= this.times.recheck) void this.checked().then(() => this.serve())
    else if (this.next !== null) void this.serve()
  }

  override _read(): void {
    this.isHungry = true
    this.takenAt = performance.now()
    void this.serve()
  }

  /** Sends what is next, if there is something new, the reader takes it and still may. */
  private async serve(): Promise<void> {
    if (this.next === null || !this.isHungry || this.isOver || this.destroyed) return
    if (this.next !== 'gone' && !this.next.isLast && this.next.id === this.lastId) this.next = null
    else if (this.next === 'gone' || performance.now() - this.checkedAt < this.times.trusted || (await this.checked())) this.giveNext()
  }

  private giveNext(): void {
    const { next } = this
    // While the token was checked something else may have been sent.
    if (next === null || !this.isHungry || this.isOver || this.destroyed) return
    this.next = null
    if (next === 'gone') this.give('event: gone\ndata: {}\n\n')
    else {
      this.give(`id: ${next.id}\nevent: ${next.name}\ndata: ${next.text}\n\n`)
      this.lastId = next.id
    }
    if (next === 'gone' || next.isLast) this.finish()
  }

  /**
   * Checks the token; who may not read any more is told that it is over. False when nobody can tell now: nothing new is sent then, and a later
   * sweep tries again.
   */
  private async checked(): Promise<boolean> {
    const now = performance.now()
    if (this.isChecking || now - this.triedAt < RETRY_MS) return false
    this.isChecking = true
    this.triedAt = now
    try {
      if (!(await this.mayRead())) this.next = 'gone'
      this.checkedAt = now
      this.triedAt = Number.NEGATIVE_INFINITY
      return true
    } catch {
      return false
    } finally {
      this.isChecking = false
    }
  }

  private give(text: string): void {
    this.isHungry = false
    this.takenAt = performance.now()
    this.push(text)
  }
}

/** Nothing of an order is in words of a language. It may go on changing when it is complete or cancelled: money goes back. */
function orderEvent({ text, version }: OrderView): Event {
  return { name: 'order', id: `${version}.${etagOf(text).slice(1, -1)}`, text, isLast: false }
}

function cartEvent({ text, version, state }: CartView, language: Language): Event {
  const told = withMessages(text, language)
  // `pricing` stands before everything that a caller can fill with text of its own.
  const pricing = /"pricing":(\d+)/.exec(text)?.[1] ?? '0'
  // One that does not exist yet has nothing that could be told apart.
  return {
    name: 'cart',
    id: version === 0 ? '0' : `${version}.${pricing}.${etagOf(told).slice(1, -1)}`,
    text: told,
    isLast: state === 'CLOSED',
  }
}
