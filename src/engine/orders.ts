// Orders as they are served: the frozen document with its payments and refunds.
import type { Owner } from '../core/cart.ts'
import { withFulfilled } from '../core/fulfilment.ts'
import { fulfilmentStateOf, liftOrder, type Order, type ServedOrder, type ServedPayment, type ServedRefund } from '../core/order.ts'
import { type Attempt, moneyOf, type OrderPaymentState, orderPaymentState, type Return } from '../core/payment.ts'
import { cancelledAmount, forgivenAmount } from '../core/refund.ts'
import { rfc3339 } from '../core/time.ts'
import { ownerKey } from '../store/carts.ts'
import { fulfilmentsOf } from '../store/fulfilments.ts'
import { paymentsOf, refundsOf } from '../store/orders.ts'
import type { Reader } from '../store/store.ts'
import type { OrderTable, PaymentTable, RefundTable } from '../store/tables.ts'
import type { Actor } from './identity.ts'
import { contentOfRow, pastRefund } from './refunding.ts'

/** Who asks for an order: with its token, as an owner of orders, or with a key that reaches all of the shop. */
export interface OrderCaller {
  readonly actor: Actor
  readonly owner: Owner | null
  readonly all: boolean
}

/** Whether somebody may know of an order: another owner's does not exist for them. */
export function mayKnow({ actor, owner, all }: OrderCaller, row: Pick<OrderTable, 'id' | 'owner'>): boolean {
  return actor.kind === 'order' ? actor.orderId === row.id : owner ? row.owner === ownerKey(owner) : all
}

/** The order in a row, as this code knows orders. */
export function parseOrder(row: Pick<OrderTable, 'document'>): Order {
  return liftOrder(JSON.parse(row.document) as Order)
}

/** Orders of one shop as they are served, with three statements however many there are. */
export async function serveOrders(
  reader: Reader,
  rows: readonly Pick<OrderTable, 'document' | 'id' | 'shop_id'>[],
): Promise<ServedOrder[]> {
  const shopId = rows[0]?.shop_id
  if (shopId === undefined) return []
  const ids = rows.map((row) => row.id)
  const payments = await paymentsOf(reader, shopId, ids)
  const refunds = await refundsOf(reader, shopId, ids)
  const fulfilments = await fulfilmentsOf(reader, shopId, ids)
  return rows.map((row) => {
    const order = parseOrder(row)
    const mine = {
      payments: payments.filter((each) => each.order_id === row.id),
      refunds: refunds.filter((each) => each.order_id === row.id),
    }
    const cancelled = cancelledAmount(order)
    const { paid, refunded, outstanding } = moneyNow(order, mine.payments, mine.refunds)
    const money = (amount: number) => ({ amount, currency: order.currency })
    return {
      ...told(order),
      paidTotal: money(paid),
      refundedTotal: money(refunded),
      cancelledTotal: money(cancelled),
      outstandingTotal: money(outstanding),
      payments: mine.payments.map(servePayment),
      fulfilments: fulfilments.flatMap(({ orderId, ...each }) => (orderId === row.id ? [each] : [])),
      refunds: mine.refunds.map(serveRefund),
    }
  })
}

/** The money side of an order: what it was to be paid with, and what went back or is to. Lock the order first where something rests on it. */
export interface Books {
  readonly payments: readonly PaymentTable[]
  readonly refunds: readonly RefundTable[]
}

/** The books of an order. */
export async function booksOf(reader: Reader, { shopId, id }: Pick<Order, 'shopId' | 'id'>): Promise<Books> {
  return { payments: await paymentsOf(reader, shopId, [id]), refunds: await refundsOf(reader, shopId, [id]) }
}

/** How the money of an order stands now, by its books. */
export async function paymentStateNow(reader: Reader, order: Order): Promise<OrderPaymentState> {
  const { payments, refunds } = await booksOf(reader, order)
  // Of a cancelled order everything is to go back; that is said by what went back, not by what it costs now.
  const owed = order.total.amount - (order.state === 'CANCELLED' ? 0 : cancelledAmount(order))
  return orderPaymentState(owed, payments.map(attemptOf), refunds.map(returnOf))
}

/** What is still to be paid of an order (minor units; below zero: too much was taken). What is on its way back counts as gone. */
export function dueOf(order: Order, { payments, refunds }: Books): number {
  const gone = refunds.filter(({ state }) => state !== 'FAILED').map((each) => ({ ...each, state: 'SUCCEEDED' }))
  return moneyNow(order, payments, gone).outstanding
}

/** `dueOf` an order by its books as they are now. */
export async function dueNow(reader: Reader, order: Order): Promise<number> {
  return dueOf(order, await booksOf(reader, order))
}

/** What was taken of an order, what went back, and what is still owed: what it costs now, less what it need not be paid for any more. */
function moneyNow(order: Order, payments: readonly PaymentTable[], refunds: readonly RefundTable[]) {
  const taken = new Set(payments.flatMap(({ id, captured }) => (captured > 0 ? id : [])))
  const back = refunds.filter((each) => each.state === 'SUCCEEDED' && taken.has(each.payment_id))
  const owed = order.total.amount - cancelledAmount(order)
  return moneyOf(Math.max(0, owed - forgivenAmount(order, back.map(pastRefund))), payments.map(attemptOf), back.map(returnOf))
}

/** What the fulfilments of an order, as they are written now, make of it: lock the order first. */
export async function fulfilmentNow(reader: Reader, order: Order): Promise<Pick<Order, 'lines' | 'fulfilmentState'>> {
  const lines = withFulfilled(order.lines, await fulfilmentsOf(reader, order.shopId, [order.id]))
  return { lines, fulfilmentState: fulfilmentStateOf(lines) }
}

function attemptOf({ id, state, amount, captured }: PaymentTable): Attempt {
  return { id, state: state as Attempt['state'], amount, captured }
}

function returnOf({ payment_id, state, amount }: RefundTable): Return {
  return { paymentId: payment_id, state: state as Return['state'], amount }
}

/** Who did something, without which key it was. */
export function kindOf(by: string): Order['placedBy'] {
  const [kind] = by.split(':')
  return kind === 'guest' || kind === 'account' || kind === 'server' || kind === 'staff' ? kind : 'system'
}

/** A provider, as histories name it. */
export function providerName({ provider }: Pick<PaymentTable, 'provider'>): string {
  return `provider:${provider}`
}

/** A refund as it is served. */
export function serveRefund(refund: RefundTable): ServedRefund {
  const money = (amount: number) => ({ amount, currency: refund.currency })
  const { lines, shipping } = contentOfRow(refund)
  return {
    id: refund.id,
    groupId: refund.group_id,
    paymentId: refund.payment_id,
    amount: money(refund.amount),
    state: refund.state as ServedRefund['state'],
    reason: refund.reason === '' ? null : refund.reason,
    lines: lines.map((line) => ({ ...line, amount: money(line.amount) })),
    shipping: money(shipping),
    failure: refund.failure,
    by: kindOf(refund.actor),
    createdAt: rfc3339(refund.created_at),
  }
}

function told({ format: _, ...order }: Order): Omit<Order, 'format'> {
  return order
}

function servePayment(payment: PaymentTable): ServedPayment {
  return {
    id: payment.id,
    provider: payment.provider,
    state: payment.state as ServedPayment['state'],
    amount: { amount: payment.amount, currency: payment.currency },
    captured: { amount: payment.captured, currency: payment.currency },
    method: payment.method,
    instructions: payment.instructions,
    reference: payment.reference,
    paidAt: payment.paid_at === null ? null : rfc3339(payment.paid_at),
    reason: payment.reason,
    createdAt: rfc3339(payment.created_at),
    updatedAt: rfc3339(payment.updated_at),
  }
}
