// What providers say and what they leave unsaid. Their messages are stored first, then validated and applied; payments that went quiet are asked
// about; unpaid orders whose time is up end; money that is to go back is sent until it is there. Everything is claimed by a lease in a short
// transaction and done outside of it: a crash loses nothing, somebody else goes on when the lease runs out.
import type { Logger } from 'pino'
import {
  claimExpiredOrders,
  claimProviderEvents,
  claimQuietPayments,
  claimRefunds,
  isSessionOfAnother,
  lockOrders,
  postponeProviderEvent,
  readPayment,
  refundsOf,
  settleProviderEvent,
  settleRefund,
  storeProviderEvent,
  updatePayment,
} from '../store/orders.ts'
import type { Store } from '../store/store.ts'
import type { PaymentTable, RefundTable } from '../store/tables.ts'
import type { Checkout } from './checkout.ts'
import type { FactsCache } from './facts.ts'
import type { Work } from './jobs.ts'
import { parseOrder, paymentStateNow, providerName } from './orders.ts'
import type { Payments } from './payments.ts'
import {
  type Clock,
  type PaymentProvider,
  type ProviderEvent,
  type ProviderNotice,
  RefusedByProvider,
  type SubscriptionEvent,
  withDeadline,
  wordsOf,
} from './ports.ts'
import type { Recording } from './recording.ts'
import { coveredAmount, REFUND_LEASE_MS } from './refunding.ts'
import type { Subscriptions } from './subscriptions.ts'

const POLL_MS = 1000
const BATCH = 50
const LEASE_MS = 60_000
/** When a payment without an answer is asked about: soon when its opening was interrupted, later when a shopper is at it. */
const QUIET = { openingMs: 15_000, pendingMs: 300_000 }
const REFUND_ATTEMPTS = 20
/** How long a message about an unknown payment is kept (PAY-2), and how long it rests between two attempts. */
const UNKNOWN_KEPT_MS = 3 * 24 * 3_600_000
const UNKNOWN_PAUSE = { fromMs: 5_000, toMs: 3_600_000 }
/** How much of what a provider says about a failure is kept. */
const FAILURE_MAX = { code: 100, words: 500 }

/** The event that tells of a provider's notice. */
const NOTICED = {
  refunded: 'refund.succeeded',
  refund_failed: 'refund.failed',
  disputed: 'payment.disputed',
  dispute_closed: 'payment.disputed',
} as const

/** Keeps payments true. */
export interface Reconciling {
  /** Each by itself: one that waits for a silent provider keeps no other from being done. */
  readonly works: readonly Work[]
  /** Asks the provider for a refund whose lease the caller has, and records what came of it; a job goes on where nobody answers. */
  sendRefund(refund: RefundTable): Promise<void>
  /** Stores a provider's message, then applies it; false when it was known already. */
  receive(shopId: string, provider: string, event: ProviderEvent | SubscriptionEvent): Promise<boolean>
}

/** Makes it. */
export function createReconciling(parts: {
  store: Store
  facts: FactsCache
  clock: Clock
  recording: Recording
  checkout: Checkout
  payments: Payments
  subscriptions: Subscriptions
  providers: ReadonlyMap<string, PaymentProvider>
  log: Logger
  /** What else is due regularly (the sandbox provider sends its events). */
  extra: readonly (() => Promise<unknown>)[]
}): Reconciling {
  const { store, facts, clock, recording, checkout, payments, subscriptions, providers, log, extra } = parts

  async function receive(shopId: string, provider: string, event: ProviderEvent | SubscriptionEvent): Promise<boolean> {
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
      await applyEvent(shopId, provider, event, now).catch((error: unknown) =>
        log.error({ err: error, event: event.eventId }, 'a stored provider event could not be applied; it is tried again'),
      )
    return isNew
  }

  /** Validates a stored message against our own records (PAY-3); what it is about may not be known yet (PAY-2). */
  async function applyEvent(shopId: string, provider: string, event: ProviderEvent | SubscriptionEvent, receivedAt: number): Promise<void> {
    if ('kind' in event) {
      const outcome = await subscriptions.hear(shopId, provider, event)
      await store.transactOne((writer) => settleProviderEvent(writer, shopId, provider, event.eventId, outcome, clock.now()))
      return
    }
    const payment = await readPayment(store.reader, shopId, event.attemptId)
    if (!payment && clock.now() - receivedAt < UNKNOWN_KEPT_MS) return postpone(shopId, provider, event, receivedAt)
    const strange = payment ? await strangeness(payment, provider, event) : null
    if (payment && strange !== null)
      await payments.alarm(shopId, payment, strange, {
        provider,
        eventId: event.eventId,
        sessionId: event.sessionId,
        orderId: event.orderId ?? null,
      })
    if (payment && strange === null && payment.session_id === null) {
      // The message overtook the answer that told us the session: without its id nothing could ever be refunded.
      await store.transactOne((writer) => updatePayment(writer, payment, { session_id: event.sessionId }, clock.now()))
    }
    const outcome = payment && strange === null ? await payments.applyStatus(shopId, payment.id, event) : 'unknown_payment'
    // Another card in the same session: the payment had failed before, and changes by nothing.
    if (payment?.state === 'FAILED' && outcome === 'unchanged' && event.state === 'failed') await payments.countDeclined(payment)
    if (outcome === 'unknown_payment' || outcome === 'mismatch')
      log.warn({ shopId, provider, event: event.eventId, outcome, strange }, 'a provider event does not match our records')
    if (payment && strange === null && event.notice) await note(shopId, payment, event.notice)
    await store.transactOne((writer) => settleProviderEvent(writer, shopId, provider, event.eventId, outcome, clock.now()))
  }

  /** What of a genuine message is not as our records have it, or null. */
  async function strangeness(payment: PaymentTable, provider: string, event: ProviderEvent): Promise<string | null> {
    if (payment.provider !== provider) return 'another_provider'
    if (event.orderId !== undefined && event.orderId !== payment.order_id) return 'another_order'
    if (payment.session_id !== null) return payment.session_id === event.sessionId ? null : 'another_session'
    return (await isSessionOfAnother(store.reader, payment, event.sessionId)) ? 'session_of_another_payment' : null
  }

  /** A message about what is not known yet is kept and tried again: soon after it came, then more and more rarely. */
  async function postpone(shopId: string, provider: string, { eventId }: ProviderEvent, receivedAt: number): Promise<void> {
    const now = clock.now()
    const dueAt = now + Math.min(Math.max(now - receivedAt, UNKNOWN_PAUSE.fromMs), UNKNOWN_PAUSE.toMs)
    await store.transactOne((writer) => postponeProviderEvent(writer, { shop_id: shopId, provider, event_id: eventId }, dueAt))
  }

  /** What happened to money outside of here is seen by staff in the order's history, and told; it decides nothing. */
  async function note(shopId: string, payment: PaymentTable, notice: ProviderNotice): Promise<void> {
    log.warn({ shopId, provider: payment.provider, payment: payment.id, notice }, 'a provider tells of money that we did not move')
    const shop = await facts.shop(shopId)
    await store.transact(async (writer) => {
      const [row] = await lockOrders(writer, shopId, [payment.order_id])
      if (!row || !shop) return
      await recording.remember(writer, shop, parseOrder(row), {
        by: providerName(payment),
        action: 'provider_notice',
        message: notice.kind,
        details: { ...notice, paymentId: payment.id },
        events: [NOTICED[notice.kind]],
        extra: { notice },
      })
    })
  }

  async function providersWork(): Promise<void> {
    for (const work of extra) await carryOn('work of a provider', work)
  }

  async function applyEvents(): Promise<void> {
    const now = clock.now()
    for (const row of await store.transact((writer) => claimProviderEvents(writer, now, now + LEASE_MS, BATCH))) {
      await carryOn('provider event', () =>
        applyEvent(row.shop_id, row.provider, JSON.parse(row.document) as ProviderEvent | SubscriptionEvent, row.received_at),
      )
    }
  }

  // What asks a provider runs side by side: one after the other, a silent provider would outlast the leases and keep all others waiting.

  async function askAboutQuiet(): Promise<void> {
    const now = clock.now()
    const quiet = { opening: now - QUIET.openingMs, pending: now - QUIET.pendingMs }
    const payable = await store.transact((writer) => claimQuietPayments(writer, quiet, now, now + LEASE_MS, BATCH))
    await Promise.all(payable.map((payment) => carryOn('quiet payment', () => payments.askProvider(payment))))
  }

  async function expireOrders(): Promise<void> {
    const now = clock.now()
    const expired = await store.transact((writer) => claimExpiredOrders(writer, now, now + LEASE_MS, BATCH))
    await Promise.all(expired.map((order) => carryOn('expiry', () => checkout.expire(order.shop_id, order.id))))
  }

  async function sendRefunds(): Promise<void> {
    const refunds = await store.transact((writer) => claimRefunds(writer, clock.now(), REFUND_LEASE_MS, BATCH))
    await Promise.all(refunds.map((refund) => carryOn('refund', () => giveBack(refund))))
  }

  /** One bad row is logged and does not stop the others. */
  async function carryOn(what: string, work: () => Promise<unknown>): Promise<void> {
    await work().catch((error: unknown) => log.error({ err: error, what }, 'one row of a job failed; the others go on'))
  }

  async function giveBack(refund: RefundTable): Promise<void> {
    const done = await refundAtProvider(refund).then(
      (amount) => ({ amount }),
      (failure: unknown) => ({ failure }),
    )
    if ('amount' in done) return recordRefund({ ...refund, amount: done.amount }, null)
    const { failure } = done
    if (failure instanceof RefusedByProvider) return recordRefund(refund, { code: failure.code, words: wordsOf(failure) })
    if (refund.attempts < REFUND_ATTEMPTS) throw failure
    const words = `no answer that it was done in ${refund.attempts} attempts; the last: ${wordsOf(failure)}`
    await recordRefund(refund, { code: 'no_answer', words })
  }

  async function sendRefund(refund: RefundTable): Promise<void> {
    await carryOn('refund', () => giveBack(refund))
  }

  /**
   * Rejects while the money is not back; answers how much went back. Money that was only reserved is set free by closing its session; where a part of
   * it was taken meanwhile, that part goes back.
   */
  async function refundAtProvider({
    shop_id: shopId,
    payment_id: paymentId,
    id: refundId,
    amount,
    currency,
  }: RefundTable): Promise<number> {
    const payment = await readPayment(store.reader, shopId, paymentId)
    const provider = payment && providers.get(payment.provider)
    const sessionId = payment?.session_id
    if (!provider || !sessionId) throw new Error(`Refund ${refundId} cannot be made: its provider or its session is not known.`)
    if (payment.state === 'AUTHORIZED' || payment.state === 'CANCELLED') {
      const status = await withDeadline((signal) => provider.cancel(shopId, sessionId, signal))
      if (status.state === 'cancelled') return amount
      if (status.state !== 'paid') throw new Error(`Refund ${refundId} cannot be made: the reserved money was not set free.`)
      await payments.applyStatus(shopId, paymentId, status)
    }
    const taken = (await readPayment(store.reader, shopId, paymentId))?.captured ?? 0
    const due = taken > 0 ? Math.min(amount, taken) : amount
    await withDeadline((signal) => provider.refund({ shopId, sessionId, refundId, amount: due, currency }, signal))
    return due
  }

  /** What came of a refund: it is done, or failed for a reason (a code, and the words of whoever refused). */
  async function recordRefund(refund: RefundTable, failure: { readonly code: string; readonly words: string } | null): Promise<void> {
    const state = failure === null ? 'SUCCEEDED' : 'FAILED'
    const why = failure && { failure: failure.code.slice(0, FAILURE_MAX.code), words: failure.words.slice(0, FAILURE_MAX.words) }
    const shop = await facts.shop(refund.shop_id)
    await store.transact(async (writer) => {
      // The order first, and locked: it may be placed, cancelled or given to an account at this moment.
      const [row] = await lockOrders(writer, refund.shop_id, [refund.order_id])
      if (!(await settleRefund(writer, refund, state, why?.failure ?? null))) return
      const payment = await readPayment(writer, refund.shop_id, refund.payment_id)
      const returned = (await refundsOf(writer, refund.shop_id, [refund.order_id]))
        .filter((each) => each.payment_id === refund.payment_id && each.state === 'SUCCEEDED')
        .reduce((sum, each) => sum + each.amount, 0)
      if (!row || !payment || !shop) return
      if (state === 'SUCCEEDED' && returned >= coveredAmount(payment))
        await updatePayment(writer, payment, { state: 'REFUNDED' }, clock.now())
      const order = parseOrder(row)
      const paymentState = await paymentStateNow(writer, order)
      await recording.change(
        writer,
        shop,
        order,
        { paymentState },
        {
          by: providerName(payment),
          action: state === 'SUCCEEDED' ? 'refund' : 'refund_fail',
          message: refund.reason || null,
          details: { refundId: refund.id, amount: refund.amount, currency: refund.currency, ...why },
          events: [state === 'SUCCEEDED' ? 'refund.succeeded' : 'refund.failed'],
        },
      )
    })
  }

  const works: readonly Work[] = [
    { name: 'work of providers', everyMs: POLL_MS, run: providersWork },
    { name: 'messages of providers', everyMs: POLL_MS, run: applyEvents },
    { name: 'quiet payments', everyMs: POLL_MS, run: askAboutQuiet },
    { name: 'orders that expire', everyMs: POLL_MS, run: expireOrders },
    { name: 'refunds', everyMs: POLL_MS, run: sendRefunds },
  ]
  return { works, sendRefund, receive }
}
