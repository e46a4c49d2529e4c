// What is to be done with payments at their providers (money taken, money set free), as rows that outlive a crash. A unique index guards that at
// most one is under way per payment.
import type { Reader, Writer } from './store.ts'
import type { PaymentActionTable, PaymentTable } from './tables.ts'

/** Writes an intention. Lock the order first. */
export async function insertPaymentAction(writer: Writer, row: PaymentActionTable): Promise<void> {
  await writer.db.insertInto('payment_actions').values(row).execute()
}

/** One of them, or undefined. */
export function readPaymentAction(reader: Reader, shopId: string, id: string): Promise<PaymentActionTable | undefined> {
  return reader.db.selectFrom('payment_actions').selectAll().where('shop_id', '=', shopId).where('id', '=', id).executeTakeFirst()
}

/** What was to be done with a payment, newest first. */
export function actionsOf(reader: Reader, { shop_id: shopId, order_id: orderId, id }: PaymentTable): Promise<PaymentActionTable[]> {
  return reader.db
    .selectFrom('payment_actions')
    .selectAll()
    .where('shop_id', '=', shopId)
    .where('order_id', '=', orderId)
    .where('payment_id', '=', id)
    .orderBy('id', 'desc')
    .execute()
}

/** Changes one that still is in the state in which it was read; false when it was settled meanwhile. */
export async function updatePaymentAction(
  writer: Writer,
  action: PaymentActionTable,
  changes: Partial<Pick<PaymentActionTable, 'state' | 'reason' | 'due_at' | 'attempts'>>,
): Promise<boolean> {
  const row = await writer.db
    .updateTable('payment_actions')
    .set(changes)
    .where('shop_id', '=', action.shop_id)
    .where('id', '=', action.id)
    .where('state', '=', action.state)
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

/** Ends what is under way for the payments of an order, because the order ended. */
export async function abandonPaymentActions(writer: Writer, shopId: string, orderId: string, reason: string): Promise<void> {
  await writer.db
    .updateTable('payment_actions')
    .set({ state: 'FAILED', reason })
    .where('shop_id', '=', shopId)
    .where('order_id', '=', orderId)
    .where('state', '=', 'PENDING')
    .execute()
}

/** One that has no answer is tried again at most this much later. */
const PAUSE_MAX_MS = 7_200_000

/** When an attempt without an answer is followed by the next: `pause` ms, doubled with each attempt, at most two hours. */
export function nextAttemptAt(now: number, pause: number, attempts: number): number {
  return now + Math.min(pause * 2 ** attempts, PAUSE_MAX_MS)
}

/** Claims what is due, at most `limit`: for `pause` ms and longer with each attempt nobody else takes it. */
export async function claimPaymentActions(writer: Writer, now: number, pause: number, limit: number): Promise<PaymentActionTable[]> {
  let query = writer.db
    .selectFrom('payment_actions')
    .selectAll()
    .where('state', '=', 'PENDING')
    .where('due_at', '<=', now)
    .orderBy('due_at')
    .limit(limit)
  if (writer.dialect === 'postgres') query = query.forUpdate().skipLocked()
  const rows = await query.execute()
  const claimed: PaymentActionTable[] = []
  for (const row of rows) {
    const next = { due_at: nextAttemptAt(now, pause, row.attempts), attempts: row.attempts + 1 }
    if (await updatePaymentAction(writer, row, next)) claimed.push({ ...row, ...next })
  }
  return claimed
}
