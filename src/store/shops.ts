// Shops, their settings and their epoch. Whatever may change a price moves the epoch as the last act of its transaction and writes down what
// changed, so that every node knows on its next SELECT what to read again.
import { sql } from 'kysely'
import type { Reader, Writer } from './store.ts'
import type { ShopTable } from './tables.ts'

/** Makes a shop with its epoch; false when the id is taken. */
export async function insertShop(writer: Writer, shop: ShopTable): Promise<boolean> {
  const made = await writer.db
    .insertInto('shops')
    .values(shop)
    .onConflict((conflict) => conflict.doNothing())
    .returning('id')
    .executeTakeFirst()
  if (!made) return false
  await writer.db
    .insertInto('settings')
    .values({ shop_id: shop.id, document: '{}', version: 1, updated_at: shop.created_at, due_from: null })
    .execute()
  await writer.db.insertInto('epochs').values({ shop_id: shop.id, epoch: shop.created_at }).execute()
  return true
}

/** Gives a shop another name. Follow it with `moveEpoch`. */
export async function updateShopName(writer: Writer, shopId: string, name: string): Promise<void> {
  await writer.db.updateTable('shops').set({ name }).where('id', '=', shopId).execute()
}

/** All shops, by id. */
export function listShops(reader: Reader): Promise<ShopTable[]> {
  return reader.db.selectFrom('shops').selectAll().orderBy('id').execute()
}

/** A shop with what it changed in its settings. */
export function readShop(reader: Reader, shopId: string): Promise<(ShopTable & { document: string; version: number }) | undefined> {
  return reader.db
    .selectFrom('shops')
    .innerJoin('settings', 'settings.shop_id', 'shops.id')
    .select(['shops.id', 'shops.name', 'shops.currency', 'shops.preset', 'shops.created_at', 'settings.document', 'settings.version'])
    .where('shops.id', '=', shopId)
    .executeTakeFirst()
}

/** Locks and reads what the shop changed in its settings. */
export async function lockSettings(writer: Writer, shopId: string): Promise<string | undefined> {
  let query = writer.db.selectFrom('settings').select('document').where('shop_id', '=', shopId)
  if (writer.dialect === 'postgres') query = query.forUpdate()
  return (await query.executeTakeFirst())?.document
}

/**
 * Writes what the shop changed in its settings. Follow it with `moveEpoch`. `movesTimes`: carts live longer or shorter now, so that theirs have to be
 * made new, from the first cart on.
 */
export async function writeSettings(writer: Writer, shopId: string, document: string, now: number, movesTimes: boolean): Promise<void> {
  await writer.db
    .updateTable('settings')
    .set((eb) => ({ document, version: eb('version', '+', 1), updated_at: now, ...(movesTimes ? { due_from: '' } : {}) }))
    .where('shop_id', '=', shopId)
    .execute()
}

/**
 * Moves the epoch: the last act of a transaction that changed products, promotions or settings. `skus` names what changed, null means
 * everything. An epoch is at least the time in milliseconds, and always greater than the one before.
 */
export async function moveEpoch(writer: Writer, shopId: string, skus: readonly string[] | null, now: number): Promise<void> {
  const next = writer.dialect === 'postgres' ? sql<number>`greatest(epoch + 1, ${now})` : sql<number>`max(epoch + 1, ${now})`
  const { epoch } = await writer.db
    .updateTable('epochs')
    .set({ epoch: next })
    .where('shop_id', '=', shopId)
    .returning('epoch')
    .executeTakeFirstOrThrow()
  await writer.db
    .insertInto('epoch_log')
    .values({ shop_id: shopId, epoch, skus: skus === null ? null : JSON.stringify(skus) })
    .execute()
  await writer.db
    .deleteFrom('epoch_log')
    .where('shop_id', '=', shopId)
    .where('epoch', '<', epoch - EPOCH_LOG_KEPT_MS)
    .execute()
}

/** A node that slept longer than this reads everything again. */
const EPOCH_LOG_KEPT_MS = 3_600_000

/**
 * What changed after an epoch.
 * @returns the skus; null when everything has to be read again (it changed, or the log no longer reaches back)
 */
export async function changedSince(reader: Reader, shopId: string, from: number, to: number): Promise<string[] | null> {
  if (to - from > EPOCH_LOG_KEPT_MS) return null
  const rows = await reader.db
    .selectFrom('epoch_log')
    .select('skus')
    .where('shop_id', '=', shopId)
    .where('epoch', '>', from)
    .where('epoch', '<=', to)
    .execute()
  const skus: string[] = []
  for (const row of rows) {
    if (row.skus === null) return null
    skus.push(...(JSON.parse(row.skus) as string[]))
  }
  return rows.length === 0 ? null : skus
}
