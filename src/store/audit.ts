// Who changed what in the shop itself, or for a customer: one row per change, written in its transaction. What changes a cart is in the cart's
// own history.
import type { Reader, Writer } from './store.ts'
import type { AuditTable } from './tables.ts'

/** Writes down a change. */
export async function insertAudit(writer: Writer, row: AuditTable): Promise<void> {
  await writer.db.insertInto('audit').values(row).execute()
}

/** The shop's changes, newest first; `after` goes on behind an id. */
export function listAudit(reader: Reader, shopId: string, page: { after?: string; limit: number }): Promise<AuditTable[]> {
  let query = reader.db.selectFrom('audit').selectAll().where('shop_id', '=', shopId)
  if (page.after !== undefined) query = query.where('id', '<', page.after)
  return query.orderBy('id', 'desc').limit(page.limit).execute()
}
