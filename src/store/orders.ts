// Orders, payments, refunds, what providers sent, and sequences. Two unique indexes guard the promise "one cart becomes one order": at most one
// order in state NEW per cart, and at most one placed whole-cart order per cart, ever.
import { sql } from 'kysely'
import { normaliseEmail } from '../core/customer.ts'
import type { Order, OrderedLines } from '../core/order.ts'
import { cancelledAmount } from '../core/refund.ts'
import { nextAttemptAt } from './payment-actions.ts'
import type { Reader, Writer } from './store.ts'
import type { OrderHistoryTable, OrderTable, PaymentTable, ProviderEventTable, RefundTable } from './tables.ts'

/** An order as a row. */
export function orderRow(
  order: Order,
  kept: {
    owner: string
    contentHash: string
    orderedLines: OrderedLines
    expectedTotal: number
    createdAt: number
    placedAt: number | null
    expiresAt: number | null
    heldUntil: number | null
  },
): OrderTable {
  return {
    shop_id: order.shopId,
    id: order.id,
    cart_id: order.cartId,
    whole: order.whole ? 1 : 0,
    ...statesOf(order),
    owner: kept.owner,
    email: order.email,
    customer_email: order.email === null ? null : normaliseEmail(order.email),
    number: order.number,
    reference: order.reference,
    content_hash: kept.contentHash,
    document: JSON.stringify(order),
    ordered_lines: JSON.stringify(kept.orderedLines),
    currency: order.currency,
    total: order.total.amount,
    version: order.version,
    placed_at: kept.placedAt,
    created_at: kept.createdAt,
    expires_at: kept.expiresAt,
    held_until: kept.heldUntil,
    expected_total: kept.expectedTotal,
    money_kept: 0,
    token_generation: 0,
  }
}

function statesOf(order: Order) {
  const { state, status, paymentState, fulfilmentState } = order
  return { state, status, payment_state: paymentState, fulfilment_state: fulfilmentState, cancelled: cancelledAmount(order) }
}

/** Adds an order. The unique indexes refuse a second NEW or placed one of the same cart by an error. */
export async function insertOrder(writer: Writer, row: OrderTable): Promise<void> {
  await writer.db.insertInto('orders').values(row).execute()
}

/** One order, or undefined. */
export function readOrder(reader: Reader, shopId: string, id: string): Promise<OrderTable | undefined> {
  return reader.db.selectFrom('orders').selectAll().where('shop_id', '=', shopId).where('id', '=', id).executeTakeFirst()
}

/** Locks and reads orders, in order of id. Lock carts first. */
export async function lockOrders(writer: Writer, shopId: string, ids: readonly string[]): Promise<OrderTable[]> {
  if (ids.length === 0) return []
  let query = writer.db
    .selectFrom('orders')
    .selectAll()
    .where('shop_id', '=', shopId)
    .where('id', 'in', [...ids])
    .orderBy('id')
  if (writer.dialect === 'postgres') query = query.forUpdate()
  return query.execute()
}

/** The orders of a cart: the one that awaits payment and those that were placed. */
export function ordersOfCart(reader: Reader, shopId: string, cartId: string): Promise<OrderTable[]> {
  return reader.db
    .selectFrom('orders')
    .selectAll()
    .where('shop_id', '=', shopId)
    .where('cart_id', '=', cartId)
    .where((eb) => eb.or([eb('state', '=', 'NEW'), eb('placed_at', 'is not', null)]))
    .orderBy('id')
    .execute()
}

/** Which of these carts are being paid right now: an order of theirs awaits payment and its session can still be paid. */
export async function cartsBeingPaid(reader: Reader, shopId: string, cartIds: readonly string[]): Promise<Set<string>> {
  if (cartIds.length === 0) return new Set()
  const rows = await reader.db
    .selectFrom('orders as o')
    .innerJoin('payments as p', (join) => join.onRef('p.shop_id', '=', 'o.shop_id').onRef('p.order_id', '=', 'o.id'))
    .select('o.cart_id')
    .where('o.shop_id', '=', shopId)
    .where('o.cart_id', 'in', [...cartIds])
    .where('o.state', '=', 'NEW')
    .where('p.state', 'in', ['OPENING', 'PENDING'])
    .execute()
  return new Set(rows.flatMap((row) => row.cart_id ?? []))
}

/** Columns of an order that its document does not decide. */
export type OrderColumns = Partial<
  Pick<OrderTable, 'placed_at' | 'held_until' | 'expires_at' | 'owner' | 'content_hash' | 'ordered_lines' | 'money_kept'>
>

/** Writes a changed order: its document and the columns that follow from it. Lock the order first; `engine/recording.ts` is who calls this. */
export async function updateOrder(writer: Writer, order: Order, columns: OrderColumns = {}): Promise<void> {
  await writer.db
    .updateTable('orders')
    .set({
      ...statesOf(order),
      email: order.email,
      customer_email: order.email === null ? null : normaliseEmail(order.email),
      number: order.number,
      reference: order.reference,
      total: order.total.amount,
      version: order.version,
      document: JSON.stringify(order),
      ...columns,
    })
    .where('shop_id', '=', order.shopId)
    .where('id', '=', order.id)
    .execute()
}

/** What orders are found by; times in ms since the epoch, totals in minor units. */
export interface OrderFilter {
  readonly owner?: string
  readonly view?: 'placed' | 'unpaid' | 'all'
  readonly state?: string
  readonly status?: string
  readonly paymentState?: string
  readonly fulfilmentState?: string
  readonly cartId?: string
  readonly number?: string
  readonly shortNumber?: string
  readonly reference?: string
  readonly email?: string
  /** Who was asked for money of it. */
  readonly provider?: string
  readonly placedFrom?: number
  readonly placedBefore?: number
  readonly currency?: string
  readonly totalFrom?: number
  readonly totalTo?: number
}

/**
 * Orders, newest first. Without `view` and `state` only those that were placed (an order that awaits payment is not listed by default); several
 * filters all hold.
 */
export function listOrders(
  reader: Reader,
  shopId: string,
  filter: OrderFilter,
  page: { after?: string | undefined; limit: number },
): Promise<OrderTable[]> {
  const { shortNumber, email, provider } = filter
  let query = reader.db.selectFrom('orders').selectAll().where('shop_id', '=', shopId)
  const view = filter.view ?? (filter.state === undefined ? 'placed' : 'all')
  if (view === 'placed') query = query.where('placed_at', 'is not', null)
  if (view === 'unpaid') query = query.where('state', '=', 'NEW')
  const equal = {
    owner: filter.owner,
    state: filter.state,
    status: filter.status,
    payment_state: filter.paymentState,
    fulfilment_state: filter.fulfilmentState,
    cart_id: filter.cartId,
    number: filter.number,
    reference: filter.reference,
    customer_email: email === undefined ? undefined : normaliseEmail(email),
    currency: filter.currency,
  }
  for (const [column, value] of Object.entries(equal)) {
    if (value !== undefined) query = query.where(column as keyof typeof equal, '=', value)
  }
  // A short number is how a number begins; numbers are hexadecimal, so what follows is below "g".
  if (shortNumber !== undefined) query = query.where('number', '>=', shortNumber).where('number', '<', `${shortNumber}g`)
  if (filter.placedFrom !== undefined) query = query.where('placed_at', '>=', filter.placedFrom)
  if (filter.placedBefore !== undefined) query = query.where('placed_at', '<', filter.placedBefore)
  if (filter.totalFrom !== undefined) query = query.where('total', '>=', filter.totalFrom)
  if (filter.totalTo !== undefined) query = query.where('total', '<=', filter.totalTo)
  if (provider !== undefined)
    query = query.where((eb) =>
      eb.exists(
        eb
          .selectFrom('payments')
          .select('payments.id')
          .whereRef('payments.shop_id', '=', 'orders.shop_id')
          .whereRef('payments.order_id', '=', 'orders.id')
          .where('payments.provider', '=', provider),
      ),
    )
  if (page.after !== undefined) query = query.where('id', '<', page.after)
  return query.orderBy('id', 'desc').limit(page.limit).execute()
}

/** Whether an order of the shop has this reference. */
export async function isReferenceTaken(reader: Reader, shopId: string, reference: string): Promise<boolean> {
  const row = await reader.db
    .selectFrom('orders')
    .select('id')
    .where('shop_id', '=', shopId)
    .where('reference', '=', reference)
    .executeTakeFirst()
  return row !== undefined
}

/**
 * Claims unpaid orders whose time is up, at most `limit`: nobody looks at them before `again`, so that one whose provider is silent keeps no
 * other waiting. The column says when an order is looked at next; when it expires is in its document.
 */
export async function claimExpiredOrders(
  writer: Writer,
  now: number,
  again: number,
  limit: number,
): Promise<{ shop_id: string; id: string }[]> {
  let query = writer.db
    .selectFrom('orders')
    .select(['shop_id', 'id'])
    .where('state', '=', 'NEW')
    .where('expires_at', '<=', now)
    .orderBy('expires_at')
    .limit(limit)
  if (writer.dialect === 'postgres') query = query.forUpdate().skipLocked()
  const rows = await query.execute()
  for (const row of rows)
    await writer.db.updateTable('orders').set({ expires_at: again }).where('shop_id', '=', row.shop_id).where('id', '=', row.id).execute()
  return rows
}

/** The next number of a sequence; begins with 1. The last lock a transaction takes. */
export async function nextInSequence(writer: Writer, shopId: string, name: string): Promise<number> {
  const row = await writer.db
    .insertInto('sequences')
    .values({ shop_id: shopId, name, value: 1 })
    .onConflict((conflict) => conflict.columns(['shop_id', 'name']).doUpdateSet((eb) => ({ value: eb('sequences.value', '+', 1) })))
    .returning('value')
    .executeTakeFirstOrThrow()
  return row.value
}

/** Remembers what happened to an order. */
export async function insertOrderHistory(writer: Writer, row: OrderHistoryTable): Promise<void> {
  await writer.db.insertInto('order_history').values(row).execute()
}

/** What happened to an order, newest first. */
export function readOrderHistory(
  reader: Reader,
  shopId: string,
  orderId: string,
  page: { after?: string | undefined; limit: number },
): Promise<OrderHistoryTable[]> {
  let query = reader.db.selectFrom('order_history').selectAll().where('shop_id', '=', shopId).where('order_id', '=', orderId)
  if (page.after !== undefined) query = query.where('id', '<', page.after)
  return query.orderBy('id', 'desc').limit(page.limit).execute()
}

// Payments and refunds -----------------------------------------------------------------------------------------------------------------

/** Adds a payment attempt. */
export async function insertPayment(writer: Writer, row: PaymentTable): Promise<void> {
  await writer.db.insertInto('payments').values(row).execute()
}

/** One payment, or undefined. */
export function readPayment(reader: Reader, shopId: string, id: string): Promise<PaymentTable | undefined> {
  return reader.db.selectFrom('payments').selectAll().where('shop_id', '=', shopId).where('id', '=', id).executeTakeFirst()
}

/** The payments of orders, oldest first. */
export function paymentsOf(reader: Reader, shopId: string, orderIds: readonly string[]): Promise<PaymentTable[]> {
  if (orderIds.length === 0) return Promise.resolve([])
  return reader.db
    .selectFrom('payments')
    .selectAll()
    .where('shop_id', '=', shopId)
    .where('order_id', 'in', [...orderIds])
    .orderBy('id')
    .execute()
}

/** Whether a session belongs to another payment of the shop already. */
export async function isSessionOfAnother(reader: Reader, payment: PaymentTable, sessionId: string): Promise<boolean> {
  const other = await reader.db
    .selectFrom('payments')
    .select('id')
    .where('shop_id', '=', payment.shop_id)
    .where('session_id', '=', sessionId)
    .where('provider', '=', payment.provider)
    .where('id', '<>', payment.id)
    .limit(1)
    .executeTakeFirst()
  return other !== undefined
}

/** When a payment that waits for staff is asked about by itself: staff says what becomes of it, its provider knows nothing more. */
export const NEVER_ASKED = Number.MAX_SAFE_INTEGER

/** Changes a payment if it still has the version that was read; false when it moved on. */
export async function updatePayment(writer: Writer, payment: PaymentTable, changes: Partial<PaymentTable>, now: number): Promise<boolean> {
  const row = await writer.db
    .updateTable('payments')
    .set({ ...changes, version: payment.version + 1, updated_at: now })
    .where('shop_id', '=', payment.shop_id)
    .where('id', '=', payment.id)
    .where('version', '=', payment.version)
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

/** Leases payments that went quiet (no answer since `before`), at most `limit`, so that one node at a time asks about them. */
export async function claimQuietPayments(
  writer: Writer,
  before: { opening: number; pending: number },
  now: number,
  leasedUntil: number,
  limit: number,
): Promise<PaymentTable[]> {
  let query = writer.db
    .selectFrom('payments')
    .selectAll()
    // FAILED is one refused card in a session that can still be paid: a success after it must not be missed either.
    // Written out, not bound: SQLite uses the index of running payments only where it can read the condition.
    .where('state', 'in', [sql.lit('OPENING'), sql.lit('PENDING'), sql.lit('FAILED')])
    .where('leased_until', '<=', now)
    .where((eb) =>
      eb.or([
        eb.and([eb('state', '=', 'OPENING'), eb('checked_at', '<=', before.opening)]),
        eb.and([eb('state', '<>', 'OPENING'), eb('checked_at', '<=', before.pending)]),
      ]),
    )
    .orderBy('checked_at')
    .limit(limit)
  if (writer.dialect === 'postgres') query = query.forUpdate().skipLocked()
  const rows = await query.execute()
  for (const row of rows)
    await writer.db
      .updateTable('payments')
      .set({ leased_until: leasedUntil, checked_at: now })
      .where('shop_id', '=', row.shop_id)
      .where('id', '=', row.id)
      .execute()
  return rows
}

/** Writes the intention to give money back. */
export async function insertRefund(writer: Writer, row: RefundTable): Promise<void> {
  await writer.db.insertInto('refunds').values(row).execute()
}

/** The refunds of orders, oldest first. */
export function refundsOf(reader: Reader, shopId: string, orderIds: readonly string[]): Promise<RefundTable[]> {
  if (orderIds.length === 0) return Promise.resolve([])
  return reader.db
    .selectFrom('refunds')
    .selectAll()
    .where('shop_id', '=', shopId)
    .where('order_id', 'in', [...orderIds])
    .orderBy('id')
    .execute()
}

/**
 * Claims refunds that are due, at most `limit`: for `pause` ms nobody else takes them. With each attempt the pause doubles, up to two hours, so
 * that twenty of them outlast a provider that is down for a day.
 */
export async function claimRefunds(writer: Writer, now: number, pause: number, limit: number): Promise<RefundTable[]> {
  let query = writer.db
    .selectFrom('refunds')
    .selectAll()
    .where('state', '=', 'PENDING')
    .where('due_at', '<=', now)
    .orderBy('due_at')
    .limit(limit)
  if (writer.dialect === 'postgres') query = query.forUpdate().skipLocked()
  const rows = await query.execute()
  for (const row of rows) {
    await writer.db
      .updateTable('refunds')
      .set({ due_at: nextAttemptAt(now, pause, row.attempts), attempts: row.attempts + 1 })
      .where('shop_id', '=', row.shop_id)
      .where('id', '=', row.id)
      .execute()
  }
  return rows.map((row) => ({ ...row, attempts: row.attempts + 1 }))
}

/** Sets the state of a refund that is still pending, with how much it came to and why it failed; false when it was settled already. */
export async function settleRefund(
  writer: Writer,
  refund: RefundTable,
  state: 'SUCCEEDED' | 'FAILED',
  failure: string | null,
): Promise<boolean> {
  const row = await writer.db
    .updateTable('refunds')
    .set({ state, failure, amount: refund.amount })
    .where('shop_id', '=', refund.shop_id)
    .where('id', '=', refund.id)
    .where('state', '=', 'PENDING')
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

// What providers sent ------------------------------------------------------------------------------------------------------------------

/** Stores a provider's message; false when it was stored before. */
export async function storeProviderEvent(writer: Writer, row: ProviderEventTable): Promise<boolean> {
  return (
    (await writer.db
      .insertInto('provider_events')
      .values(row)
      .onConflict((conflict) => conflict.doNothing())
      .returning('event_id')
      .executeTakeFirst()) !== undefined
  )
}

/** Marks a stored message as applied, with what came of it. */
export async function settleProviderEvent(
  writer: Writer,
  shopId: string,
  provider: string,
  eventId: string,
  outcome: string,
  now: number,
): Promise<void> {
  await writer.db
    .updateTable('provider_events')
    .set({ applied_at: now, outcome })
    .where('shop_id', '=', shopId)
    .where('provider', '=', provider)
    .where('event_id', '=', eventId)
    .execute()
}

/** Keeps a stored message for later: what it is about is not known yet. */
export async function postponeProviderEvent(
  writer: Writer,
  { shop_id: shopId, provider, event_id: eventId }: Pick<ProviderEventTable, 'shop_id' | 'provider' | 'event_id'>,
  dueAt: number,
): Promise<void> {
  await writer.db
    .updateTable('provider_events')
    .set({ due_at: dueAt })
    .where('shop_id', '=', shopId)
    .where('provider', '=', provider)
    .where('event_id', '=', eventId)
    .where('applied_at', 'is', null)
    .execute()
}

/** Stored messages that were not applied yet and are due, at most `limit`; each is due again at `again`. */
export async function claimProviderEvents(writer: Writer, now: number, again: number, limit: number): Promise<ProviderEventTable[]> {
  let query = writer.db
    .selectFrom('provider_events')
    .selectAll()
    .where('applied_at', 'is', null)
    .where('due_at', '<=', now)
    .orderBy('due_at')
    .limit(limit)
  if (writer.dialect === 'postgres') query = query.forUpdate().skipLocked()
  const rows = await query.execute()
  for (const row of rows) {
    await writer.db
      .updateTable('provider_events')
      .set({ due_at: again, attempts: row.attempts + 1 })
      .where('shop_id', '=', row.shop_id)
      .where('provider', '=', row.provider)
      .where('event_id', '=', row.event_id)
      .execute()
  }
  return rows
}
