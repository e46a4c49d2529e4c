// Refunds as rows: one of them, and tried again.
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
