// Money goes back for parts of an order, because staff says so. The intention is written under the order's lock, within what was taken and is not on
// its way back yet; the provider is asked right after, so that whoever asked sees what came of it, and a job goes on where it is silent. A
// refund that failed stays visible and is tried again under its own id.
import type { Order } from '../core/order.ts'
import type { RefundContent, WantedRefund } from '../core/refund.ts'
import { refundOf, restockedSince, retryRefusal, takenFrom, withRestocked } from '../core/refund.ts'
import { isRefusal, type Refusal, refuse } from '../core/refusal.ts'
import { insertRefund, lockOrders } from '../store/orders.ts'
import { readRefund, reviveRefund } from '../store/refunds.ts'
import type { Store, Writer } from '../store/store.ts'
import type { RefundTable } from '../store/tables.ts'
import type { FactsCache, ShopFacts } from './facts.ts'
import { type IdempotencyClaim, type Once, once } from './once.ts'
import { type Books, booksOf, dueOf, parseOrder } from './orders.ts'
import { putBack } from './placing.ts'
import type { Clock, Randomness } from './ports.ts'
import type { Reconciling } from './reconciling.ts'
import type { Recording } from './recording.ts'
import { leftOfPayment, pastRefund, REFUND_LEASE_MS, refundRow } from './refunding.ts'

/** What staff wants to give back, and how. */
export interface RefundRequest extends WantedRefund {
  /** Words of whoever gives it back; the customer may read them. */
  readonly reason?: string
  /** The payment it goes back to; the newest ones first where none is named. */
  readonly payment?: string
}

/** Who asks for something once. */
export interface Asking {
  /** As histories name it. */
  readonly by: string
  readonly claim?: IdempotencyClaim | undefined
}

/** Gives money back. */
export type Refunds = ReturnType<typeof createRefunds>

/** Makes it. */
export function createRefunds(parts: {
  store: Store
  facts: FactsCache
  clock: Clock
  random: Randomness
  recording: Recording
  reconciling: Pick<Reconciling, 'sendRefund'>
}) {
  const { store, facts, clock, random, recording, reconciling } = parts

  /** Gives back; answers the first refund's id (others of the same group follow it in the order) once the provider was asked. */
  async function give(
    shopId: string,
    orderId: string,
    request: RefundRequest,
    { by, claim }: Asking,
  ): Promise<Once<{ refundId: string }> | Refusal> {
    return sentAfter(shopId, orderId, claim, async (writer, shop, order) => {
      const books = await booksOf(writer, order)
      const wanted = refundOf(order, books.refunds.map(pastRefund), request)
      if (isRefusal(wanted)) return wanted
      // What is too much goes back first; only what is given back beyond that need not be paid any more.
      const overpaid = Math.min(request.amount ?? 0, Math.max(0, -dueOf(order, books)))
      const content = overpaid > 0 ? { ...wanted.content, overpaid } : wanted.content
      const rows = await intend(writer, order, books, { ...wanted, content, by, reason: request.reason ?? '', paymentId: request.payment })
      if (isRefusal(rows)) return rows
      const lines = withRestocked(order.lines, wanted.content.lines)
      const restocked = restockedSince(order.lines, lines)
      const how = { by, action: 'refund_request', message: request.reason ?? null, details: detailsOf(rows) } as const
      const isRestocked = restocked.some((line) => line.quantity > 0)
      if (isRestocked) await putBack(writer, shop.id, restocked, clock.now())
      const spent = await recording.followBalance(writer, shop, order, order, { by, overdraws: false })
      if (spent) return spent
      if (isRestocked) await recording.change(writer, shop, order, { lines }, { ...how, events: ['order.updated'] })
      else await recording.remember(writer, shop, order, how)
      return rows
    })
  }

  /** Tries a failed refund again, under its own id. */
  async function retry(
    shopId: string,
    orderId: string,
    refundId: string,
    { by, claim }: Asking,
  ): Promise<Once<{ refundId: string }> | Refusal> {
    return sentAfter(shopId, orderId, claim, async (writer, shop, order) => {
      const known = await readRefund(writer, shopId, refundId)
      if (known?.order_id !== orderId) return refuse('refund_not_found', { orderId, refundId })
      if (known.state !== 'FAILED') return refuse('refund_state_forbids', { refundId, state: known.state })
      const { payments, refunds } = await booksOf(writer, order)
      const refused = retryRefusal(order, refunds.map(pastRefund), pastRefund(known))
      if (refused) return refused
      const payment = payments.find((each) => each.id === known.payment_id)
      const left = payment ? leftOfPayment(payment, refunds) : 0
      if (known.amount > left) return refuse('refund_exceeds_payment', { asked: known.amount, left, paymentId: known.payment_id })
      const lease = { due: clock.now() + REFUND_LEASE_MS, attempts: 1 }
      await reviveRefund(writer, known, lease)
      const row: RefundTable = { ...known, state: 'PENDING', due_at: lease.due, attempts: lease.attempts, failure: null }
      const spent = await recording.followBalance(writer, shop, order, order, { by, overdraws: false })
      if (spent) return spent
      await recording.remember(writer, shop, order, { by, action: 'refund_retry', details: detailsOf([row]) })
      return [row]
    })
  }

  /** Does something with an order under its lock, once; afterwards the provider is asked for the refunds that it wrote. */
  async function sentAfter(
    shopId: string,
    orderId: string,
    claim: IdempotencyClaim | undefined,
    work: (writer: Writer, shop: ShopFacts, order: Order) => Promise<RefundTable[] | Refusal>,
  ): Promise<Once<{ refundId: string }> | Refusal> {
    const shop = await facts.shop(shopId)
    if (!shop) return refuse('shop_not_found', { shopId })
    let written: RefundTable[] = []
    const done = await once({ store, clock }, shopId, claim, async (writer) => {
      // A transaction may run more than once: what a run that was rolled back wrote is not sent.
      written = []
      const [row] = await lockOrders(writer, shopId, [orderId])
      if (!row) return refuse('order_not_found', { orderId })
      const rows = await work(writer, shop, parseOrder(row))
      if (isRefusal(rows)) return rows
      written = rows
      return { refundId: rows[0]?.id ?? '' }
    })
    if (!isRefusal(done) && !done.replayed) await send(written)
    return done
  }

  /** Writes refunds of an amount (minor units, above zero), one for each payment it is taken from. The order is locked; `send` them after the commit. */
  async function intend(
    writer: Writer,
    order: Order,
    { payments, refunds }: Books,
    wanted: {
      readonly amount: number
      readonly content: RefundContent
      readonly by: string
      readonly reason: string
      readonly paymentId?: string | undefined
    },
  ): Promise<RefundTable[] | Refusal> {
    const { amount, content, by, reason, paymentId } = wanted
    const named = paymentId === undefined ? payments : payments.filter((each) => each.id === paymentId)
    if (named.length === 0 && paymentId !== undefined) return refuse('payment_not_found', { paymentId, path: '/payment' })
    const taken = named.filter((each) => each.captured > 0)
    const reserved = named.find((each) => each.state === 'AUTHORIZED')
    // Money that was only reserved is not given back but set free.
    if (taken.length === 0 && reserved)
      return refuse('order_state_forbids', {
        orderId: order.id,
        paymentId: reserved.id,
        action: 'refund',
        reason: 'money_only_reserved_void_or_cancel',
      })
    const newestFirst = taken.toReversed().map((each) => ({ paymentId: each.id, left: leftOfPayment(each, refunds) }))
    const sources = takenFrom(amount, newestFirst)
    if (isRefusal(sources)) return { ...sources, currency: order.currency }
    const groupId = random.id('rf')
    const rows = sources.flatMap((source, index) => {
      const payment = taken.find((each) => each.id === source.paymentId)
      const id = index === 0 ? groupId : random.id('rf')
      const its = index === 0 ? { content } : {}
      return payment ? refundRow(payment, { id, groupId, amount: source.left, reason, by, ...its, now: clock.now(), isSent: true }) : []
    })
    for (const row of rows) await insertRefund(writer, row)
    return rows
  }

  /** Asks providers for refunds that were written just now. */
  async function send(rows: readonly RefundTable[]): Promise<void> {
    await Promise.all(rows.map((row) => reconciling.sendRefund(row)))
  }

  return { give, retry, intend, send }
}

function detailsOf(rows: readonly RefundTable[]): Readonly<Record<string, unknown>> {
  return { refunds: rows.map(({ id, payment_id: paymentId, amount, currency }) => ({ id, paymentId, amount, currency })) }
}
