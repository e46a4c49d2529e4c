// Refunds as rows: one of them, tried again, and the proof that no payment gave back more than it took.
import { sql } from 'kysely'
import type { Reader, Writer } from './store.ts'
import type { RefundTable } from './tables.ts'

/** One refund, or undefined. */
export function readRefund(reader: Reader, shopId: string, id: string): Promise<RefundTable | undefined> {
  return reader.db.selectFrom('refunds').selectAll().where('shop_id', '=', shopId).where('id', '=', id).executeTakeFirst()
}

/**
 * Tries a failed refund again under its own id: what a provider did although it did not say so is not done twice. Lock its order first.
 * @param when whoever revives it counts as the one who tries until then; nobody else does before
 */
export async function reviveRefund(
  writer: Writer,
  refund: Pick<RefundTable, 'shop_id' | 'id'>,
  when: { readonly due: number; readonly attempts: number },
): Promise<void> {
  await writer.db
    .updateTable('refunds')
    .set({ state: 'PENDING', attempts: when.attempts, due_at: when.due, failure: null })
    .where('shop_id', '=', refund.shop_id)
    .where('id', '=', refund.id)
    .where('state', '=', 'FAILED')
    .execute()
}

/** Payments of a shop that gave back, or are to give back, more than they took, with both sums; there is none unless something is wrong. */
export async function overRefunded(
  reader: Reader,
  shopId: string,
): Promise<{ payment_id: string; order_id: string; captured: number; returned: number }[]> {
  const returned = sql<number>`sum(r.amount)`
  const rows = await reader.db
    .selectFrom('payments as p')
    .innerJoin('refunds as r', (join) => join.onRef('r.shop_id', '=', 'p.shop_id').onRef('r.payment_id', '=', 'p.id'))
    .select(['p.id as payment_id', 'p.order_id', 'p.captured', returned.as('returned')])
    .where('p.shop_id', '=', shopId)
    .where('p.captured', '>', 0)
    .where('r.state', 'in', ['PENDING', 'SUCCEEDED'])
    .groupBy(['p.id', 'p.order_id', 'p.captured'])
    .having(returned, '>', sql<number>`p.captured`)
    .orderBy('p.id')
    .execute()
  return rows.map((row) => ({ ...row, returned: Number(row.returned) }))
}
