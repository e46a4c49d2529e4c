// What left the house: the fulfilments of orders. Whoever writes them holds the lock of their order.
import type { Fulfilment, FulfilmentDetails } from '../core/fulfilment.ts'
import { rfc3339 } from '../core/time.ts'
import type { Reader, Writer } from './store.ts'

/** A fulfilment of an order, as it is kept. */
export interface KeptFulfilment extends Fulfilment {
  readonly orderId: string
}

/** The fulfilments of orders, oldest first. */
export async function fulfilmentsOf(reader: Reader, shopId: string, orderIds: readonly string[]): Promise<KeptFulfilment[]> {
  if (orderIds.length === 0) return []
  const rows = await reader.db
    .selectFrom('fulfilments')
    .selectAll()
    .where('shop_id', '=', shopId)
    .where('order_id', 'in', [...orderIds])
    .orderBy('id')
    .execute()
  return rows.map((row) => ({
    id: row.id,
    orderId: row.order_id,
    state: row.state as Fulfilment['state'],
    ...(JSON.parse(row.document) as FulfilmentDetails),
    createdAt: rfc3339(row.created_at),
    updatedAt: rfc3339(row.updated_at),
  }))
}

/** Adds a fulfilment. */
export async function insertFulfilment(
  writer: Writer,
  shopId: string,
  orderId: string,
  { id, state, details }: { id: string; state: Fulfilment['state']; details: FulfilmentDetails },
  now: number,
): Promise<void> {
  const document = JSON.stringify(details)
  const row = { shop_id: shopId, id, order_id: orderId, state, document, created_at: now, updated_at: now }
  await writer.db.insertInto('fulfilments').values(row).execute()
}

/** Changes a fulfilment. */
export async function updateFulfilment(
  writer: Writer,
  shopId: string,
  { id, state, details }: { id: string; state: Fulfilment['state']; details: FulfilmentDetails },
  now: number,
): Promise<void> {
  await writer.db
    .updateTable('fulfilments')
    .set({ state, document: JSON.stringify(details), updated_at: now })
    .where('shop_id', '=', shopId)
    .where('id', '=', id)
    .execute()
}

/** Gives up what was packed and is not on its way: the order was cancelled. */
export async function cancelPending(writer: Writer, shopId: string, orderId: string, now: number): Promise<void> {
  await writer.db
    .updateTable('fulfilments')
    .set({ state: 'CANCELLED', updated_at: now })
    .where('shop_id', '=', shopId)
    .where('order_id', '=', orderId)
    .where('state', '=', 'PENDING')
    .execute()
}
