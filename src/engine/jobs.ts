// What happens by itself: deliveries, late messages of providers, quiet payments, refunds, expiry, tidying. One loop per node; work is claimed by
// a lease in a short transaction, done outside of it, and counts only under the lease that was claimed. A crash loses nothing: the lease runs
// out and somebody else goes on.
import type { Logger } from 'pino'
import { Webhook } from 'standardwebhooks'
import type { Event } from '../core/event.ts'
import { isCovered } from '../core/payment.ts'
import { rfc3339 } from '../core/time.ts'
import { purgeSecrets } from '../store/access.ts'
import { purgeRecorded } from '../store/idempotency.ts'
import { MERGES_KEPT_MS, purgeMerges } from '../store/merges.ts'
import {
  claimExpiredOrders,
  claimProviderEvents,
  claimQuietPayments,
  claimRefunds,
  lockOrders,
  paymentsOf,
  readPayment,
  refundsOf,
  settleProviderEvent,
  settleRefund,
  storeProviderEvent,
  updateOrder,
  updatePayment,
} from '../store/orders.ts'
import {
  type Claimed,
  claimDeliveries,
  type DeliveryResult,
  publish,
  purgeDeliveries,
  purgeOrphans,
  settleDelivery,
  shopsWithDeliveries,
} from '../store/outbox.ts'
import { purgeQuotes } from '../store/quotes.ts'
import { purgeHolds } from '../store/stock.ts'
import type { Store } from '../store/store.ts'
import type { RefundTable } from '../store/tables.ts'
import type { Checkout } from './checkout.ts'
import type { Expiry } from './expiry.ts'
import type { FactsCache } from './facts.ts'
import { parseOrder, serveOrders } from './orders.ts'
import type { Payments } from './payments.ts'
import { type Clock, type PaymentProvider, type ProviderEvent, type Randomness, withDeadline } from './ports.ts'

const DELIVERY_POLL_MS = 250
const PAYMENT_POLL_MS = 1000
const TIDY_POLL_MS = 60_000
const EXPIRY_POLL_MS = 60_000
const BATCH = 50
const DELIVERY_DEADLINE_MS = 10_000
const DELIVERY_LEASE_MS = 20_000
const LEASE_MS = 60_000
/** When a payment without an answer is asked about: soon when its opening was interrupted, later when a shopper is at it. */
const QUIET = { openingMs: 15_000, pendingMs: 300_000 }
/** Back-off of deliveries in seconds, spread over 24 hours; after the last one a delivery is dead and waits for redelivery by hand. */
const RETRY_AFTER_S = [5, 30, 120, 600, 1800, 3600, 7200, 14_400, 21_600, 28_800]
const DELIVERIES_KEPT_MS = 7 * 24 * 3_600_000
const QUOTES_KEPT_MS = 90 * 24 * 3_600_000
const REFUND_ATTEMPTS = 20

/** The loop of one node. */
export interface Jobs {
  start(): void
  /** Stops, and waits for what is under way. */
  stop(): Promise<void>
  /** Everything that is due now, once: for tests and the demo clock. */
  runDue(): Promise<void>
  /** Stores a provider's message, then applies it; false when it was known already. */
  receive(shopId: string, provider: string, event: ProviderEvent): Promise<boolean>
}

/** Makes the loop. */
export function createJobs(parts: {
  store: Store
  facts: FactsCache
  clock: Clock
  random: Randomness
  checkout: Checkout
  payments: Payments
  expiry: Expiry
  providers: ReadonlyMap<string, PaymentProvider>
  log: Logger
  /** What else is due regularly (the sandbox provider sends its events). */
  extra: readonly (() => Promise<unknown>)[]
}): Jobs {
  const { store, facts, clock, random, checkout, payments, expiry, providers, log, extra } = parts
  const busyEndpoints = new Set<string>()
  const underWay = new Set<Promise<unknown>>()
  const timers: NodeJS.Timeout[] = []
  let stopped = false

  function every(ms: number, name: string, work: () => Promise<unknown>): void {
    let running = false
    timers.push(
      setInterval(() => {
        if (running || stopped) return
        running = true
        track(
          work()
            .catch((error: unknown) => log.error({ err: error, job: name }, 'a job failed; it runs again'))
            .finally(() => (running = false)),
        )
      }, ms).unref(),
    )
  }

  function track(work: Promise<unknown>): void {
    underWay.add(work)
    void work.finally(() => underWay.delete(work))
  }

  function start(): void {
    every(DELIVERY_POLL_MS, 'deliveries', deliver)
    every(PAYMENT_POLL_MS, 'payments', settlePayments)
    every(TIDY_POLL_MS, 'tidying', tidy)
    every(EXPIRY_POLL_MS, 'carts that end', () => expiry.run({ gentle: true, isStopped: () => stopped }))
  }

  async function stop(): Promise<void> {
    stopped = true
    for (const timer of timers) clearInterval(timer)
    await Promise.allSettled([...underWay])
  }

  async function runDue(): Promise<void> {
    await settlePayments()
    await expiry.run({ gentle: false, isStopped: () => stopped })
    await deliver()
    await Promise.allSettled([...underWay])
    await tidy()
  }

  // Deliveries ------------------------------------------------------------------------------------------------------------------------

  /** Claims what is due, shop by shop. Every endpoint has a lane of its own, so that a dead one delays no other. */
  async function deliver(): Promise<void> {
    for (const shopId of await shopsWithDeliveries(store.reader, clock.now(), BATCH)) {
      const now = clock.now()
      const claimed = await store.transact((writer) =>
        claimDeliveries(writer, shopId, now, now + DELIVERY_LEASE_MS, BATCH, [...busyEndpoints]),
      )
      for (const [endpointId, lane] of Map.groupBy(claimed, (each) => each.endpoint_id)) {
        busyEndpoints.add(endpointId)
        track(deliverLane(lane).finally(() => busyEndpoints.delete(endpointId)))
      }
    }
  }

  async function deliverLane(lane: readonly Claimed[]): Promise<void> {
    await Promise.all(
      lane.map(async (claimed) => {
        const result = await send(claimed)
        await store.transact((writer) => settleDelivery(writer, claimed, result, clock.now()))
      }),
    ).catch((error: unknown) => log.error({ err: error }, 'a delivery could not be recorded; it is sent again'))
  }

  async function send(claimed: Claimed): Promise<DeliveryResult> {
    const body = `{"type":${JSON.stringify(claimed.type)},"timestamp":${JSON.stringify(rfc3339(claimed.created_at))},"data":${claimed.data}}`
    // Receivers compare the time of signing with their own clock, so this is the real time, not the shop's.
    const signedAt = new Date()
    const headers = {
      'content-type': 'application/json',
      'user-agent': 'Cartwright-Webhooks/1',
      'webhook-id': claimed.event_id,
      'webhook-timestamp': String(Math.floor(signedAt.getTime() / 1000)),
      'webhook-signature': new Webhook(claimed.secret).sign(claimed.event_id, signedAt, body),
    }
    try {
      const response = await fetch(claimed.url, {
        method: 'POST',
        headers,
        body,
        redirect: 'manual',
        signal: AbortSignal.timeout(DELIVERY_DEADLINE_MS),
      })
      await response.body?.cancel()
      if (response.ok) return { status: response.status, error: null, retryAt: null }
      return { status: response.status, error: `The endpoint answered ${response.status}.`, retryAt: retryAt(claimed) }
    } catch (error) {
      return { status: null, error: error instanceof Error ? `${error.name}: ${error.message}` : String(error), retryAt: retryAt(claimed) }
    }
  }

  function retryAt(claimed: Claimed): number | null {
    const seconds = RETRY_AFTER_S[claimed.attempts - 1]
    return seconds === undefined ? null : clock.now() + seconds * 1000
  }

  // Payments --------------------------------------------------------------------------------------------------------------------------

  async function receive(shopId: string, provider: string, event: ProviderEvent): Promise<boolean> {
    const now = clock.now()
    const isNew = await store.transactOne((writer) =>
      storeProviderEvent(writer, {
        shop_id: shopId,
        provider,
        event_id: event.eventId,
        document: JSON.stringify(event),
        received_at: now,
        applied_at: null,
        due_at: now + LEASE_MS,
        attempts: 1,
        outcome: null,
      }),
    )
    if (isNew)
      await applyEvent(shopId, provider, event).catch((error: unknown) =>
        log.error({ err: error, event: event.eventId }, 'a stored provider event could not be applied; it is tried again'),
      )
    return isNew
  }

  /** Validates a stored message against our own records: the attempt, its provider and its session must be the ones we know. */
  async function applyEvent(shopId: string, provider: string, event: ProviderEvent): Promise<void> {
    const payment = await readPayment(store.reader, shopId, event.attemptId)
    const isOurs = payment && payment.provider === provider && (payment.session_id === null || payment.session_id === event.sessionId)
    if (isOurs && payment.session_id === null) {
      // The message overtook the answer that told us the session: without its id nothing could ever be refunded.
      await store.transactOne((writer) => updatePayment(writer, payment, { session_id: event.sessionId }, clock.now()))
    }
    const outcome = isOurs ? await payments.applyStatus(shopId, payment.id, event) : 'unknown_payment'
    if (outcome === 'unknown_payment' || outcome === 'mismatch')
      log.warn({ shopId, provider, event: event.eventId, outcome }, 'a provider event does not match our records')
    await store.transactOne((writer) => settleProviderEvent(writer, shopId, provider, event.eventId, outcome, clock.now()))
  }

  async function settlePayments(): Promise<void> {
    const now = clock.now()
    for (const work of extra) await carryOn('work of a provider', work)
    for (const row of await store.transact((writer) => claimProviderEvents(writer, now, now + LEASE_MS, BATCH))) {
      await carryOn('provider event', () => applyEvent(row.shop_id, row.provider, JSON.parse(row.document) as ProviderEvent))
    }
    // What asks a provider runs side by side: one after the other, a silent provider would outlast the leases and keep all others waiting.
    const quiet = { opening: now - QUIET.openingMs, pending: now - QUIET.pendingMs }
    const payable = await store.transact((writer) => claimQuietPayments(writer, quiet, now, now + LEASE_MS, BATCH))
    await Promise.all(payable.map((payment) => carryOn('quiet payment', () => payments.askProvider(payment))))
    const expired = await store.transact((writer) => claimExpiredOrders(writer, now, now + LEASE_MS, BATCH))
    await Promise.all(expired.map((order) => carryOn('expiry', () => checkout.expire(order.shop_id, order.id))))
    const refunds = await store.transact((writer) => claimRefunds(writer, now, LEASE_MS, BATCH))
    await Promise.all(refunds.map((refund) => carryOn('refund', () => giveBack(refund))))
  }

  /** One bad row is logged and does not stop the others. */
  async function carryOn(what: string, work: () => Promise<unknown>): Promise<void> {
    await work().catch((error: unknown) => log.error({ err: error, what }, 'one row of a job failed; the others go on'))
  }

  async function giveBack(refund: RefundTable): Promise<void> {
    const failure = await refundAtProvider(refund).then(
      () => null,
      (error: unknown) => error,
    )
    if (failure !== null && refund.attempts < REFUND_ATTEMPTS) throw failure
    await recordRefund(refund, failure === null ? 'SUCCEEDED' : 'FAILED')
  }

  /** Rejects while the money is not back. Money that was only reserved is set free by closing its session. */
  async function refundAtProvider({ shop_id: shopId, payment_id: paymentId, id: refundId, amount }: RefundTable): Promise<void> {
    const payment = await readPayment(store.reader, shopId, paymentId)
    const provider = payment && providers.get(payment.provider)
    const sessionId = payment?.session_id
    if (!provider || !sessionId) throw new Error(`Refund ${refundId} cannot be made: its provider or its session is not known.`)
    if (payment.state === 'AUTHORIZED' || payment.state === 'CANCELLED') {
      const status = await withDeadline((signal) => provider.cancel(shopId, sessionId, signal))
      if (status.state === 'cancelled') return
      if (status.state !== 'paid') throw new Error(`Refund ${refundId} cannot be made: the reserved money was not set free.`)
      await payments.applyStatus(shopId, paymentId, status)
    }
    await withDeadline((signal) => provider.refund({ shopId, sessionId, refundId, amount }, signal))
  }

  async function recordRefund(refund: RefundTable, state: 'SUCCEEDED' | 'FAILED'): Promise<void> {
    const shop = await facts.shop(refund.shop_id)
    await store.transact(async (writer) => {
      // The order first, and locked: it may be placed, cancelled or given to an account at this moment.
      const [row] = await lockOrders(writer, refund.shop_id, [refund.order_id])
      if (!(await settleRefund(writer, refund, state))) return
      const siblings = await paymentsOf(writer, refund.shop_id, [refund.order_id])
      const payment = siblings.find((each) => each.id === refund.payment_id)
      const returned = (await refundsOf(writer, refund.shop_id, [refund.order_id]))
        .filter((each) => each.payment_id === refund.payment_id && each.state === 'SUCCEEDED')
        .reduce((sum, each) => sum + each.amount, 0)
      if (!row || !payment || !shop) return
      if (state === 'SUCCEEDED' && returned >= payment.amount) await updatePayment(writer, payment, { state: 'REFUNDED' }, clock.now())
      const order = parseOrder(row)
      const others = siblings.some((each) => each.id !== payment.id && isCovered(each.state as 'PAID'))
      const paymentState =
        state === 'FAILED' || others
          ? order.paymentState
          : returned >= payment.amount
            ? ('REFUNDED' as const)
            : ('PARTIALLY_REFUNDED' as const)
      const changed = { ...order, paymentState, version: order.version + 1, updatedAt: rfc3339(clock.now()) }
      await updateOrder(writer, changed)
      const [served] = await serveOrders(writer, [{ ...row, document: JSON.stringify(changed) }])
      const events: Event[] = [
        { type: state === 'SUCCEEDED' ? 'refund.succeeded' : 'refund.failed', subject: order.id, data: JSON.stringify(served) },
      ]
      await publish(writer, shop.id, shop.endpoints, events, clock.now(), () => random.id('dl'))
    })
  }

  // Tidying ---------------------------------------------------------------------------------------------------------------------------

  async function tidy(): Promise<void> {
    const now = clock.now()
    const removed = await store.transact(async (writer) => ({
      idempotency: await purgeRecorded(writer, now, BATCH * 4),
      holds: await purgeHolds(writer, now - LEASE_MS, BATCH * 4),
      orphans: await purgeOrphans(writer, BATCH * 4),
      merges: await purgeMerges(writer, now, BATCH * 4),
      // A revoked secret is good for nothing but repeating a merge.
      secrets: await purgeSecrets(writer, now - MERGES_KEPT_MS, BATCH * 4),
      quotes: await purgeQuotes(writer, now - QUOTES_KEPT_MS, BATCH * 4),
      deliveries: await purgeDeliveries(writer, now - DELIVERIES_KEPT_MS, BATCH * 4),
    }))
    if (Object.values(removed).some((count) => count > 0)) log.info(removed, 'tidied up')
  }

  return { start, stop, runDue, receive }
}
