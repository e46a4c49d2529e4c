// What orders were before staff edited them.
import type { Reader, Writer } from './store.ts'
import type { OrderRevisionTable } from './tables.ts'

/** Keeps an order as it was before an edit. Lock the order first. */
export async function insertRevision(writer: Writer, row: OrderRevisionTable): Promise<void> {
  await writer.db.insertInto('order_revisions').values(row).execute()
}

/** The edits of an order, the last one first, without the documents. */
export function readRevisions(
  reader: Reader,
  shopId: string,
  orderId: string,
  page: { before?: number | undefined; limit: number },
): Promise<Omit<OrderRevisionTable, 'document'>[]> {
  let query = reader.db
    .selectFrom('order_revisions')
    .select(['shop_id', 'order_id', 'revision', 'at', 'actor', 'entry'])
    .where('shop_id', '=', shopId)
    .where('order_id', '=', orderId)
  if (page.before !== undefined) query = query.where('revision', '<', page.before)
  return query.orderBy('revision', 'desc').limit(page.limit).execute()
}

/** The edit that made a revision, with the order as it was before; undefined where there is none. */
export function readRevision(reader: Reader, shopId: string, orderId: string, revision: number): Promise<OrderRevisionTable | undefined> {
  return reader.db
    .selectFrom('order_revisions')
    .selectAll()
    .where('shop_id', '=', shopId)
    .where('order_id', '=', orderId)
    .where('revision', '=', revision)
    .executeTakeFirst()
}
