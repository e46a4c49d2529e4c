// Deliveries of events to webhook endpoints. What is due is claimed by a lease in a short transaction, sent outside of it, and its result counts only
// under the lease that was claimed. Every endpoint has a lane of its own, and endpoints that fail share a pool of their own, so that a dead or slow
// one delays no other.
import type { Logger } from 'pino'
import { Webhook } from 'standardwebhooks'
import { rfc3339 } from '../core/time.ts'
import { insertAudit } from '../store/audit.ts'
import { recordFailure, updateEndpoint } from '../store/endpoints.ts'
import {
  type Claimed,
  claimDeliveries,
  type DeliveryResult,
  type DueEndpoint,
  endpointsWithDeliveries,
  settleDelivery,
} from '../store/outbox.ts'
import { moveEpoch } from '../store/shops.ts'
import type { Store, Writer } from '../store/store.ts'
import type { DeliveryTable, EndpointTable } from '../store/tables.ts'
import type { Loop, Work } from './jobs.ts'
import { type Clock, type Randomness, wordsOf } from './ports.ts'
import type { Answer, Poster } from './posting.ts'

const POLL_MS = 250
const DELIVERY_DEADLINE_MS = 10_000
const DELIVERY_LEASE_MS = 20_000
/** Messages on their way to one endpoint at a time; to one that fails, one: it is asked whether it is back. */
const LANE = 20
const FAILING_LANE = 1
/** Due messages looked at for each that may be taken, at first; and in all, at most. */
const LOOK_FROM = 10
const LOOK_MAX = 500
/** So many failures in a row make an endpoint one that fails. */
const FAILING_FROM = 3
/** Endpoints served at a time: those that work, and, so that many dead ones hold up no living one, those that fail. */
const LANES = 64
/** Back-off of deliveries in seconds, spread over 25 hours; after the last one a delivery is dead and waits for redelivery by hand. */
const RETRY_AFTER_S = [5, 30, 120, 600, 1800, 3600, 7200, 14_400, 21_600, 21_600, 21_600]
/** How long an endpoint may ask to be left alone by Retry-After, in milliseconds. */
const HELD_MAX_MS = 3_600_000
/** An endpoint that did nothing but fail for so long, and so often, is paused: what is for it waits until somebody resumes it. */
const PAUSED_AFTER_MS = 3 * 24 * 3_600_000
const PAUSED_AFTER_FAILURES = 10

const TOO_MANY_REQUESTS = 429
const GONE = 410
const UNAVAILABLE = 503

/** What came of an attempt, beside what is kept of it. */
interface Outcome extends DeliveryResult {
  readonly heldUntil: number
  readonly isGone: boolean
}

/** The message of an event: the same text however often it is sent. */
export function messageOf({ type, occurred_at, data }: Pick<DeliveryTable, 'type' | 'occurred_at' | 'data'>): string {
  return `{"type":${JSON.stringify(type)},"timestamp":${JSON.stringify(rfc3339(occurred_at))},"data":${data}}`
}

/** Signs and sends a message; `now` decides whether the endpoint's secret from before signs, too. Throws where no answer came. */
export function sendMessage(poster: Poster, endpoint: EndpointTable, id: string, message: string, now: number): Promise<Answer> {
  // Receivers compare the time of signing with their own clock, so this is the real time, not the shop's.
  const signedAt = new Date()
  const { secret, previous_secret: previous, previous_until: until } = endpoint
  const secrets = previous !== null && until !== null && until > now ? [secret, previous] : [secret]
  const headers = {
    'content-type': 'application/json',
    'user-agent': 'Cartwright-Webhooks/1',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(signedAt.getTime() / 1000)),
    'webhook-signature': secrets.map((each) => new Webhook(each).sign(id, signedAt, message)).join(' '),
  }
  return poster.post(endpoint.url, headers, message, DELIVERY_DEADLINE_MS)
}

/** Why a message did not arrive, in words for the merchant; null when it did. */
export function failureOf({ status }: Answer): string | null {
  if (status >= 200 && status < 300) return null
  const isRedirect = status >= 300 && status < 400
  return isRedirect ? `The endpoint answered ${status}; redirects are not followed.` : `The endpoint answered ${status}.`
}

/** Why no answer came, in words for the merchant. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return wordsOf(error)
  if (error.name === 'TimeoutError' || error.name === 'AbortError') return `No answer within ${DELIVERY_DEADLINE_MS / 1000} seconds.`
  // Several addresses were tried.
  const first = error instanceof AggregateError ? (error.errors[0] as Error | undefined) : undefined
  return wordsOf(error.message || first?.message || error.name)
}

/** The work of delivering events. */
export function deliveryWork(parts: { store: Store; clock: Clock; random: Randomness; poster: Poster; log: Logger }): Work {
  const { store, clock, random, poster, log } = parts
  /** Lanes under way, by endpoint; true for those of endpoints that fail. */
  const lanes = new Map<string, boolean>()
  let turn = 0

  /** Opens a lane for each endpoint that something is due for, as far as there is room; answers before all of it was sent. */
  async function deliver(loop: Loop): Promise<void> {
    const due = await endpointsWithDeliveries(store.reader, clock.now())
    // Who comes first changes from turn to turn, so that nobody waits for ever where there are more than lanes.
    const start = due.length === 0 ? 0 : turn++ % due.length
    for (const endpoint of [...due.slice(start), ...due.slice(0, start)]) {
      const key = `${endpoint.shopId} ${endpoint.id}`
      const isFailing = endpoint.failures >= FAILING_FROM
      const taken = [...lanes.values()].filter((each) => each === isFailing).length
      if (lanes.has(key) || taken >= LANES) continue
      lanes.set(key, isFailing)
      loop.track(serve(endpoint, isFailing, loop).finally(() => lanes.delete(key)))
    }
  }

  /** Sends what is due for one endpoint until nothing is, or until it begins to fail: then its lane is another one. */
  async function serve({ shopId, id }: DueEndpoint, isFailing: boolean, loop: Loop): Promise<void> {
    const limit = isFailing ? FAILING_LANE : LANE
    let look = limit * LOOK_FROM
    try {
      for (;;) {
        const now = clock.now()
        const claim = { shopId, endpointId: id, now, leasedUntil: now + DELIVERY_LEASE_MS, limit, look }
        const { claimed, stoodAside } = await store.transact((writer) => claimDeliveries(writer, claim))
        // A long row about one subject is got out of the way by ever longer looks.
        look = claimed.length === 0 ? Math.min(look * 2, LOOK_MAX) : limit * LOOK_FROM
        const arrived = await Promise.all(claimed.map(attempt))
        // What was sent may have called what stood behind it, so it is over only when nothing is found.
        const isOver = claimed.length === 0 && !stoodAside
        const isChanged = claimed.length > 0 && arrived.includes(false) !== isFailing
        if (isOver || isChanged || loop.isStopped()) return
      }
    } catch (error) {
      log.error({ err: error, shopId, endpointId: id }, 'a delivery could not be recorded; it is sent again')
    }
  }

  /** Sends one and records what came of it; answers whether it arrived. */
  async function attempt(claimed: Claimed): Promise<boolean> {
    const outcome = await send(claimed)
    await store.transact(async (writer) => {
      const now = clock.now()
      if (!(await settleDelivery(writer, claimed, outcome, now)) || outcome.error === null) return
      await judge(writer, claimed, outcome, now)
    })
    return outcome.error === null
  }

  async function send(claimed: Claimed): Promise<Outcome> {
    const startedAt = clock.now()
    const started = performance.now()
    const spent = () => ({ startedAt, durationMs: Math.round(performance.now() - started) })
    try {
      const answer = await sendMessage(poster, claimed.endpoint, claimed.event_id, messageOf(claimed), startedAt)
      const { status, text, retryAfterS } = answer
      const error = failureOf(answer)
      const asks = status === TOO_MANY_REQUESTS || status === UNAVAILABLE
      const heldUntil = asks && retryAfterS !== null ? clock.now() + Math.min(retryAfterS * 1000, HELD_MAX_MS) : 0
      const retryAt = error === null ? null : retryTime(claimed, heldUntil)
      return { ...spent(), status, error, retryAt, answer: text, heldUntil, isGone: status === GONE }
    } catch (error) {
      const failed = { status: null, error: reasonOf(error), answer: null, heldUntil: 0, isGone: false }
      return { ...spent(), ...failed, retryAt: retryTime(claimed, 0) }
    }
  }

  function retryTime(claimed: Claimed, heldUntil: number): number | null {
    const seconds = RETRY_AFTER_S[claimed.attempts - 1]
    return seconds === undefined ? null : Math.max(clock.now() + seconds * 1000, heldUntil)
  }

  /** What a failure means for the endpoint: one that says it is gone is switched off, one that fails for days is paused. */
  async function judge(writer: Writer, claimed: Claimed, { heldUntil, isGone }: Outcome, now: number): Promise<void> {
    const { shop_id: shopId, endpoint_id: id } = claimed
    const endpoint = await recordFailure(writer, shopId, id, { now, heldUntil })
    if (!endpoint || endpoint.active === 0 || endpoint.paused_at !== null) return
    const isHopeless = (endpoint.failing_since ?? now) <= now - PAUSED_AFTER_MS && endpoint.failures >= PAUSED_AFTER_FAILURES
    if (!isGone && !isHopeless) return
    await updateEndpoint(writer, shopId, id, isGone ? { active: 0, stopped_reason: 'gone' } : { paused_at: now, stopped_reason: 'failing' })
    await insertAudit(writer, {
      shop_id: shopId,
      id: random.id('aud'),
      at: now,
      actor: 'system',
      action: isGone ? 'webhook.disabled' : 'webhook.paused',
      subject: id,
      before: null,
      after: JSON.stringify({
        reason: isGone ? 'gone' : 'failing',
        failures: endpoint.failures,
        failingSince: rfc3339(endpoint.failing_since ?? now),
      }),
    })
    // Which endpoints want events is known by heart on every node.
    if (isGone) await moveEpoch(writer, shopId, null, now)
  }

  return { name: 'deliveries', everyMs: POLL_MS, run: deliver }
}
