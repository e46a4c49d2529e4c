// Money that staff settles: reserved money is taken or set free, money that comes by hand is marked. What concerns a provider is an intention
// first, written under the lock of the order; the provider is called outside of it, with the intention's id as its idempotency key, and what has no
// answer is repeated with growing pauses until it has one or is given up, which is told.
import type { Logger } from 'pino'
import { type Order, type OrderState, orderIsOwed } from '../core/order.ts'
import { isRefusal, type Refusal, refuse } from '../core/refusal.ts'
import { rfc3339 } from '../core/time.ts'
import { lockOrders, paymentsOf, readPayment, refundsOf, updatePayment } from '../store/orders.ts'
import {
  actionsOf,
  claimPaymentActions,
  insertPaymentAction,
  nextAttemptAt,
  readPaymentAction,
  updatePaymentAction,
} from '../store/payment-actions.ts'
import type { Store, Writer } from '../store/store.ts'
import type { PaymentActionTable, PaymentTable } from '../store/tables.ts'
import type { FactsCache, ShopFacts } from './facts.ts'
import type { Work } from './jobs.ts'
import { type IdempotencyClaim, type Once, once } from './once.ts'
import { dueNow, parseOrder, paymentStateNow, providerName } from './orders.ts'
import type { Payments } from './payments.ts'
import { type Clock, type PaymentProvider, type Randomness, type SessionStatus, withDeadline } from './ports.ts'
import type { Recording } from './recording.ts'

const POLL_MS = 1000
const BATCH = 50
const PAUSE_MS = 60_000
/** So many, with pauses up to two hours, outlast a provider that is down for a day. */
const ATTEMPTS = 20

/** Which payment of which order, and who acts, as histories name it. */
export interface PaymentAddress {
  readonly shopId: string
  readonly orderId: string
  readonly paymentId: string
  readonly by: string
}

/** Money that came by hand; amounts in minor units. */
export interface Receipt {
  /** How much came now; absent: all that is still owed. */
  readonly amount?: number | undefined
  /** The bank's words. */
  readonly reference?: string | undefined
  /** When it came, in milliseconds; absent: now. */
  readonly receivedAt?: number | undefined
}

/** Settling payments. */
export type Settling = ReturnType<typeof createSettling>

/** Makes it. */
export function createSettling(parts: {
  store: Store
  facts: FactsCache
  clock: Clock
  random: Randomness
  recording: Recording
  payments: Payments
  providers: ReadonlyMap<string, PaymentProvider>
  log: Logger
}) {
  const { store, facts: cache, clock, random, recording, payments, providers, log } = parts

  // Reserved money --------------------------------------------------------------------------------------------------------------------

  /** Takes reserved money: `amount` of it (minor units; the rest is set free), or all. Repeating it goes on where it stopped. */
  function capture(address: PaymentAddress, amount?: number): Promise<Refusal | null> {
    return settle('capture', address, amount)
  }

  /** Sets reserved money free, or closes a payment that is still to come. Repeating it goes on where it stopped. */
  function cancel(address: PaymentAddress): Promise<Refusal | null> {
    return settle('void', address)
  }

  async function settle(kind: 'capture' | 'void', address: PaymentAddress, amount?: number): Promise<Refusal | null> {
    const shop = await cache.shop(address.shopId)
    if (!shop) return refuse('shop_not_found', { shopId: address.shopId })
    const intended = await store.transact((writer) => intend(writer, shop, kind, address, amount))
    if (intended === null || isRefusal(intended)) return intended
    await act(intended)
    const now = await readPaymentAction(store.reader, intended.shop_id, intended.id)
    if (now?.state === 'SUCCEEDED') return null
    const { orderId, paymentId } = address
    if (now?.state === 'FAILED') return refuse('payment_state_forbids', { orderId, paymentId, action: kind, reason: now.reason })
    return refuse('provider_unavailable', { orderId, paymentId, retryAfter: 5 })
  }

  /** Under the order's lock: the intention that is to be carried out, or null when what is asked is done. */
  async function intend(
    writer: Writer,
    shop: ShopFacts,
    kind: 'capture' | 'void',
    { orderId, paymentId, by }: PaymentAddress,
    asked: number | undefined,
  ): Promise<PaymentActionTable | Refusal | null> {
    const [row] = await lockOrders(writer, shop.id, [orderId])
    if (!row) return refuse('order_not_found', { orderId })
    const payment = await readPayment(writer, shop.id, paymentId)
    if (payment?.order_id !== orderId) return refuse('payment_not_found', { orderId, paymentId })
    if (isDone(kind, payment, asked)) return null
    const actions = await actionsOf(writer, payment)
    const waiting = actions.find(({ state }) => state === 'PENDING')
    const order = parseOrder(row)
    // What was cancelled since the money was reserved is not taken: the rest of it is set free.
    const owed = kind === 'capture' ? await dueNow(writer, order) : payment.amount
    const amount = asked ?? Math.min(payment.amount, Math.max(owed, 0))
    const isSame = (action: PaymentActionTable) => action.kind === kind && action.amount === amount
    if (waiting && (isSame(waiting) || (waiting.kind === kind && asked === undefined))) return waiting
    const forbidden = (reason: string) =>
      refuse('payment_state_forbids', { orderId, paymentId, state: payment.state, action: kind, reason })
    if (waiting) return forbidden(`${waiting.kind}_under_way`)
    const reason = await whyNot(writer, kind, order, payment)
    if (reason !== null) return forbidden(reason)
    if (kind === 'capture' && amount <= 0) return forbidden('nothing_is_owed')
    if (amount > payment.amount) return refuse('invalid', { path: '/amount', reason: 'more_than_reserved', reserved: payment.amount })
    const action = await written(
      writer,
      kind,
      payment,
      amount,
      actions.find((each) => each.state === 'FAILED' && isSame(each)),
    )
    if (!(await updatePayment(writer, payment, { reason: `${kind}_under_way` }, clock.now())))
      return refuse('overloaded', { retryAfter: 1 })
    const details = { paymentId, actionId: action.id, amount, currency: payment.currency }
    await recording.remember(writer, shop, order, { by, action: kind, details })
    return action
  }

  /** A new intention, or one that was given up, again under its own id: what a provider did although it did not say so is not done twice. */
  async function written(
    writer: Writer,
    kind: 'capture' | 'void',
    payment: PaymentTable,
    amount: number,
    failed: PaymentActionTable | undefined,
  ): Promise<PaymentActionTable> {
    const now = clock.now()
    const fresh = { state: 'PENDING', reason: null, due_at: nextAttemptAt(now, PAUSE_MS, 0), attempts: 1 }
    if (failed && (await updatePaymentAction(writer, failed, fresh))) return { ...failed, ...fresh }
    const { shop_id, id, order_id, currency } = payment
    const action = { shop_id, id: random.id('act'), payment_id: id, order_id, kind, amount, currency, created_at: now, ...fresh }
    await insertPaymentAction(writer, action)
    return action
  }

  async function whyNot(writer: Writer, kind: 'capture' | 'void', order: Order, payment: PaymentTable): Promise<string | null> {
    if (!orderIsOwed(order.state)) return 'order_is_not_placed'
    const isOpen = payment.state === 'AUTHORIZED' || (kind === 'void' && payment.state === 'PENDING')
    if (!isOpen) return kind === 'void' && payment.state === 'PAID' ? 'money_was_taken' : 'no_money_is_reserved'
    const refunds = await refundsOf(writer, order.shopId, [order.id])
    return refunds.some((refund) => refund.payment_id === payment.id) ? 'it_is_being_given_back' : null
  }

  /** Calls the provider and records what it said, if it said it. */
  async function act(action: PaymentActionTable): Promise<void> {
    const payment = await readPayment(store.reader, action.shop_id, action.payment_id)
    const status = payment && (await ask(action, payment))
    if (!payment || !status) {
      if (action.attempts >= ATTEMPTS) await end(action, 'FAILED', 'no_answer')
      return
    }
    // It moves the payment and its order, whether this or the provider's own message comes first; a wrong amount it tells.
    const applied = await payments.applyStatus(payment.shop_id, payment.id, status)
    if (action.kind === 'void') return status.state === 'cancelled' ? end(action, 'SUCCEEDED') : end(action, 'FAILED', 'money_was_taken')
    if (status.state !== 'paid') return end(action, 'FAILED', status.reason ?? `session_${status.state}`)
    if (applied === 'mismatch') return end(action, 'FAILED', 'amount_mismatch')
    if (status.amount !== action.amount) {
      const { amount, currency } = action
      const received = { amount: status.amount, currency: status.currency }
      await payments.alarm(action.shop_id, payment, 'another_amount_was_taken', { expected: { amount, currency }, received })
    }
    await end(action, 'SUCCEEDED')
  }

  /** How the session stands after the provider was asked to act; null: it did not say, or has not decided. */
  async function ask(action: PaymentActionTable, payment: PaymentTable): Promise<SessionStatus | null> {
    const { shop_id: shopId, session_id: sessionId, provider: name } = payment
    const provider = providers.get(name)
    if (!provider || sessionId === null) return null
    const { id: captureId, amount, currency, attempts } = action
    const call = (signal: AbortSignal) =>
      action.kind === 'void'
        ? provider.cancel(shopId, sessionId, signal)
        : provider.capture({ shopId, sessionId, captureId, amount, currency }, signal)
    const known = await withDeadline(call).catch((error: unknown) => {
      log.warn({ err: error, shopId, action: action.id, kind: action.kind }, 'a provider did not settle a payment; it is asked again')
      return null
    })
    // Refused may mean that it is done already, at the provider's own pages: then the session says so.
    const status =
      known ?? (attempts > 1 ? await withDeadline((signal) => provider.status(shopId, sessionId, signal)).catch(() => null) : null)
    return status?.state === 'paid' || status?.state === 'cancelled' || (known && status?.state === 'failed') ? status : null
  }

  /** Records how an intention ended, if it had not; what was given up stands on the payment and is told. */
  async function end(action: PaymentActionTable, state: 'SUCCEEDED' | 'FAILED', reason: string | null = null): Promise<void> {
    const { shop_id: shopId, order_id: orderId, payment_id: paymentId, kind, amount, currency } = action
    const shop = await cache.shop(shopId)
    await store.transact(async (writer) => {
      const [row] = await lockOrders(writer, shopId, [orderId])
      if (!(await updatePaymentAction(writer, { ...action, state: 'PENDING' }, { state, reason })) || state === 'SUCCEEDED') return
      const payment = await readPayment(writer, shopId, paymentId)
      if (!row || !shop || !payment) return
      await updatePayment(writer, payment, { reason: `${kind}_failed` }, clock.now())
      await recording.remember(writer, shop, parseOrder(row), {
        by: providerName(payment),
        action: 'payment_fail',
        message: `${kind}_failed`,
        details: { paymentId, actionId: action.id, amount, currency, reason },
        events: ['payment.failed'],
      })
    })
  }

  // Money that comes by hand ----------------------------------------------------------------------------------------------------------

  /** Staff says that money came: once per key, and nothing happens where all of it was there already. */
  async function markPaid(
    { shopId, orderId, paymentId, by }: PaymentAddress,
    { amount, reference, receivedAt }: Receipt,
    claim: IdempotencyClaim | undefined,
  ): Promise<Once<{ orderId: string }> | Refusal> {
    const shop = await cache.shop(shopId)
    if (!shop) return refuse('shop_not_found', { shopId })
    return once({ store, clock }, shopId, claim, async (writer) => {
      const [row] = await lockOrders(writer, shopId, [orderId])
      if (!row) return refuse('order_not_found', { orderId })
      const all = await paymentsOf(writer, shopId, [orderId])
      const payment = all.find(({ id }) => id === paymentId)
      if (!payment) return refuse('payment_not_found', { orderId, paymentId })
      const order = parseOrder(row)
      const owed = await dueNow(writer, order)
      if (payment.state === 'PAID' && owed <= 0 && amount === undefined) return { orderId }
      const reason = whyNotByHand(payment, order.state)
      if (reason !== null) return refuse('payment_state_forbids', { orderId, paymentId, state: payment.state, action: 'mark_paid', reason })
      const came = amount ?? owed
      if (came > owed || came <= 0) return refuse('invalid', { path: '/amount', reason: 'more_than_owed', owed: Math.max(owed, 0) })
      const at = receivedAt ?? clock.now()
      if (at > clock.now()) return refuse('invalid', { path: '/receivedAt', reason: 'in_the_future' })
      const captured = payment.captured + came
      // An order that costs more since asks for more.
      const kept = { captured, amount: Math.max(payment.amount, captured), paid_at: at, reference: reference ?? payment.reference }
      if (!(await updatePayment(writer, payment, { state: 'PAID', reason: null, ...kept }, clock.now())))
        return refuse('overloaded', { retryAfter: 1 })
      const paymentState = await paymentStateNow(writer, order)
      const patch = { paymentState, ...(paymentState === 'PAID' ? { paidAt: rfc3339(at) } : {}) }
      const details = { paymentId, amount: came, currency: payment.currency, reference: reference ?? null, receivedAt: rfc3339(at) }
      await recording.change(writer, shop, order, patch, { by, action: 'pay', details, events: ['payment.succeeded'] })
      return { orderId }
    })
  }

  function whyNotByHand({ provider, state }: PaymentTable, order: OrderState): string | null {
    if (providers.get(provider)?.settles !== 'later') return 'its_provider_says_what_is_paid'
    if (!orderIsOwed(order)) return 'order_is_not_placed'
    return state === 'REFUNDED' ? 'it_was_given_back' : null
  }

  // What has no answer ----------------------------------------------------------------------------------------------------------------

  async function run(): Promise<void> {
    const now = clock.now()
    const due = await store.transact((writer) => claimPaymentActions(writer, now, PAUSE_MS, BATCH))
    await Promise.all(
      due.map((action) =>
        act(action).catch((error: unknown) =>
          log.error({ err: error, action: action.id }, 'a payment could not be settled; it is tried again'),
        ),
      ),
    )
  }

  const work: Work = { name: 'settling', everyMs: POLL_MS, run }
  return { capture, cancel, markPaid, work }
}

/** Whether what is asked of a payment holds already. */
function isDone(kind: 'capture' | 'void', { state, captured }: PaymentTable, asked: number | undefined): boolean {
  if (kind === 'void') return state === 'CANCELLED'
  return state === 'PAID' && (asked === undefined || asked === captured)
}
