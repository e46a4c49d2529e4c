// What providers say and what they leave unsaid. Their messages are stored first, then validated and applied; payments that went quiet are asked
// about; unpaid orders whose time is up end; money that is to go back is sent until it is there. Everything is claimed by a lease in a short
// transaction and done outside of it: a crash loses nothing, somebody else goes on when the lease runs out.
import type { Logger } from 'pino'
import {
  claimExpiredOrders,
  claimProviderEvents,
  claimQuietPayments,
  claimRefunds,
  lockOrders,
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
import { parseOrder, paymentStateNow } from './orders.ts'
import type { Payments } from './payments.ts'
import { type Clock, type PaymentProvider, type ProviderEvent, type ProviderNotice, type SubscriptionEvent, withDeadline } from './ports.ts'
import type { Recording } from './recording.ts'

const POLL_MS = 1000
const BATCH = 50
const LEASE_MS = 60_000
/** When a payment without an answer is asked about: soon when its opening was interrupted, later when a shopper is at it. */
const QUIET = { openingMs: 15_000, pendingMs: 300_000 }
const REFUND_ATTEMPTS = 20

/** The event that tells of a provider's notice. */
const NOTICED = {
  refunded: 'refund.succeeded',
  refund_failed: 'refund.failed',
  disputed: 'payment.disputed',
  dispute_closed: 'payment.disputed',
} as const

/** Keeps payments true. */
export interface Reconciling {
  readonly work: Work
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
  providers: ReadonlyMap<string, PaymentProvider>
  log: Logger
  /** What else is due regularly (the sandbox provider sends its events). */
  extra: readonly (() => Promise<unknown>)[]
}): Reconciling {
  const { store, facts, clock, recording, checkout, payments, providers, log, extra } = parts

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
      await applyEvent(shopId, provider, event).catch((error: unknown) =>
        log.error({ err: error, event: event.eventId }, 'a stored provider event could not be applied; it is tried again'),
      )
    return isNew
  }

  /** Validates a stored message against our own records: the attempt, its order, its provider and its session must be the ones we know. */
  async function applyEvent(shopId: string, provider: string, event: ProviderEvent | SubscriptionEvent): Promise<void> {
    if ('kind' in event) {
      log.warn({ shopId, provider, event: event.eventId, subscription: event.ref }, 'a provider event is about an unknown subscription')
      await store.transactOne((writer) => settleProviderEvent(writer, shopId, provider, event.eventId, 'unknown_subscription', clock.now()))
      return
    }
    const payment = await readPayment(store.reader, shopId, event.attemptId)
    const isOurs =
      payment &&
      payment.provider === provider &&
      (event.orderId === undefined || payment.order_id === event.orderId) &&
      (payment.session_id === null || payment.session_id === event.sessionId)
    if (isOurs && payment.session_id === null) {
      // The message overtook the answer that told us the session: without its id nothing could ever be refunded.
      await store.transactOne((writer) => updatePayment(writer, payment, { session_id: event.sessionId }, clock.now()))
    }
    const outcome = isOurs ? await payments.applyStatus(shopId, payment.id, event) : 'unknown_payment'
    // Another card in the same session: the payment had failed before, and changes by nothing.
    if (isOurs && outcome === 'unchanged' && payment.state === 'FAILED' && event.state === 'failed') await payments.countDeclined(payment)
    if (outcome === 'unknown_payment' || outcome === 'mismatch')
      log.warn({ shopId, provider, event: event.eventId, outcome }, 'a provider event does not match our records')
    if (isOurs && event.notice) await note(shopId, payment, event.notice)
    await store.transactOne((writer) => settleProviderEvent(writer, shopId, provider, event.eventId, outcome, clock.now()))
  }

  /** What happened to money outside of here is seen by staff in the order's history, and told; it decides nothing. */
  async function note(shopId: string, payment: PaymentTable, notice: ProviderNotice): Promise<void> {
    log.warn({ shopId, provider: payment.provider, payment: payment.id, notice }, 'a provider tells of money that we did not move')
    const shop = await facts.shop(shopId)
    await store.transact(async (writer) => {
      const [row] = await lockOrders(writer, shopId, [payment.order_id])
      if (!row || !shop) return
      await recording.remember(writer, shop, parseOrder(row), {
        by: `provider:${payment.provider}`,
        action: 'provider_notice',
        message: notice.kind,
        details: { ...notice, paymentId: payment.id },
        events: [NOTICED[notice.kind]],
        extra: { notice },
      })
    })
  }

  async function settlePayments(): Promise<void> {
    const now = clock.now()
    for (const work of extra) await carryOn('work of a provider', work)
    for (const row of await store.transact((writer) => claimProviderEvents(writer, now, now + LEASE_MS, BATCH))) {
      await carryOn('provider event', () =>
        applyEvent(row.shop_id, row.provider, JSON.parse(row.document) as ProviderEvent | SubscriptionEvent),
      )
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
  async function refundAtProvider({ shop_id: shopId, payment_id: paymentId, id: refundId, amount, currency }: RefundTable): Promise<void> {
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
    await withDeadline((signal) => provider.refund({ shopId, sessionId, refundId, amount, currency }, signal))
  }

  async function recordRefund(refund: RefundTable, state: 'SUCCEEDED' | 'FAILED'): Promise<void> {
    const shop = await facts.shop(refund.shop_id)
    await store.transact(async (writer) => {
      // The order first, and locked: it may be placed, cancelled or given to an account at this moment.
      const [row] = await lockOrders(writer, refund.shop_id, [refund.order_id])
      if (!(await settleRefund(writer, refund, state))) return
      const payment = await readPayment(writer, refund.shop_id, refund.payment_id)
      const returned = (await refundsOf(writer, refund.shop_id, [refund.order_id]))
        .filter((each) => each.payment_id === refund.payment_id && each.state === 'SUCCEEDED')
        .reduce((sum, each) => sum + each.amount, 0)
      if (!row || !payment || !shop) return
      if (state === 'SUCCEEDED' && returned >= (payment.captured || payment.amount))
        await updatePayment(writer, payment, { state: 'REFUNDED' }, clock.now())
      const order = parseOrder(row)
      const paymentState = await paymentStateNow(writer, order)
      await recording.change(
        writer,
        shop,
        order,
        { paymentState },
        {
          by: `provider:${payment.provider}`,
          action: state === 'SUCCEEDED' ? 'refund' : 'refund_fail',
          message: refund.reason,
          details: { refundId: refund.id, amount: refund.amount, currency: refund.currency },
          events: [state === 'SUCCEEDED' ? 'refund.succeeded' : 'refund.failed'],
        },
      )
    })
  }

  return { work: { name: 'payments', everyMs: POLL_MS, run: settlePayments }, receive }
}
