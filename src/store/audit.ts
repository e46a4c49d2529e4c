// Who did what to a shop or to what belongs to its customers, beside the things themselves: written in the transaction of the deed.
import type { Writer } from './store.ts'
import type { AuditTable } from './tables.ts'

/** Records a deed. */
export async function insertAudit(writer: Writer, row: AuditTable): Promise<void> {
  await writer.db.insertInto('audit').values(row).execute()
}
