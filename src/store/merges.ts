// Which guest carts were merged into which account's cart, kept for a day: so long the same account may repeat the merge with the guest's dead
// secret and gets the same report.
import type { Reader, Writer } from './store.ts'
import type { MergeTable } from './tables.ts'

/** How long a merge can be repeated. */
export const MERGES_KEPT_MS = 24 * 3_600_000

/** The merge of a guest's cart that can still be repeated, or undefined. */
export function readMerge(reader: Reader, shopId: string, cartId: string, now: number): Promise<MergeTable | undefined> {
  return reader.db
    .selectFrom('merges')
    .selectAll()
    .where('shop_id', '=', shopId)
    .where('cart_id', '=', cartId)
    .where('created_at', '>', now - MERGES_KEPT_MS)
    .executeTakeFirst()
}

/** Records merges. */
export async function insertMerges(writer: Writer, rows: readonly MergeTable[]): Promise<void> {
  if (rows.length > 0) await writer.db.insertInto('merges').values(rows).execute()
}

/** Forgets merges that cannot be repeated any more, at most `limit`; answers how many. */
export async function purgeMerges(writer: Writer, now: number, limit: number): Promise<number> {
  const old = await writer.db
    .selectFrom('merges')
    .select(['shop_id', 'cart_id'])
    .where('created_at', '<=', now - MERGES_KEPT_MS)
    .limit(limit)
    .execute()
  for (const row of old)
    await writer.db.deleteFrom('merges').where('shop_id', '=', row.shop_id).where('cart_id', '=', row.cart_id).execute()
  return old.length
}
