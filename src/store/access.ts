// Who may ask: guests with their secrets, and keys of servers and staff. Only hashes are kept.
import { isAmong, type Parameter, type Reader, type Statement, type Writer } from './store.ts'
import type { ApiKeyTable } from './tables.ts'

const IDENTIFY: Statement = {
  name: 'identify_guests',
  postgres: `SELECT e.epoch, s.guest_id, s.hash FROM epochs e LEFT JOIN guest_secrets s
    ON s.shop_id = $1 AND s.guest_id = ANY($2::text[]) AND s.revoked_at IS NULL WHERE e.shop_id = $1`,
  sqlite: `SELECT e.epoch, s.guest_id, s.hash FROM epochs e LEFT JOIN guest_secrets s
    ON s.shop_id = ?1 AND s.guest_id IN (SELECT value FROM json_each(?2)) AND s.revoked_at IS NULL WHERE e.shop_id = ?1`,
}

/** One guest at a time: on SQLite half the price of the statement for many. */
const IDENTIFY_ONE: Statement = {
  name: 'identify_guest',
  postgres: '',
  sqlite: `SELECT e.epoch, s.guest_id, s.hash FROM epochs e LEFT JOIN guest_secrets s
    ON s.shop_id = ?1 AND s.guest_id = ?2 AND s.revoked_at IS NULL WHERE e.shop_id = ?1`,
}

/** One SELECT: the shop's epoch and the hashes of the living secrets of these guests. Null when there is no such shop. */
export async function readSecrets(
  reader: Reader,
  shopId: string,
  guestIds: readonly string[],
): Promise<{ epoch: number; hashes: Map<string, string[]> } | null> {
  const single = reader.dialect === 'sqlite' && guestIds.length <= 1
  const list: Parameter = reader.dialect === 'postgres' ? guestIds : single ? (guestIds[0] ?? '') : JSON.stringify(guestIds)
  const rows = await reader.run<{ epoch: number; guest_id: string | null; hash: string | null }>(single ? IDENTIFY_ONE : IDENTIFY, [
    shopId,
    list,
  ])
  if (!rows[0]) return null
  const hashes = new Map<string, string[]>()
  for (const { guest_id, hash } of rows) {
    if (guest_id === null || hash === null) continue
    hashes.set(guest_id, [...(hashes.get(guest_id) ?? []), hash])
  }
  return { epoch: rows[0].epoch, hashes }
}

/** Makes a guest with its first secret. */
export async function insertGuest(writer: Writer, shopId: string, guestId: string, hash: string, now: number): Promise<void> {
  await writer.db.insertInto('guests').values({ shop_id: shopId, id: guestId, created_at: now }).execute()
  await writer.db
    .insertInto('guest_secrets')
    .values({ shop_id: shopId, guest_id: guestId, hash, created_at: now, revoked_at: null, cart_id: null, device: null })
    .execute()
}

/** Holds a guest, so that it is not forgotten before this transaction ends; false when it is gone. */
export async function holdGuest(writer: Writer, shopId: string, guestId: string): Promise<boolean> {
  let query = writer.db.selectFrom('guests').select('id').where('shop_id', '=', shopId).where('id', '=', guestId)
  if (writer.dialect === 'postgres') query = query.forKeyShare()
  return (await query.executeTakeFirst()) !== undefined
}

/**
 * Forgets those of these guests that have no cart and no order, with their secrets; answers how many. Whom somebody holds, because a cart is being
 * made for it, stays.
 */
export async function forgetGuests(writer: Writer, shopId: string, guestIds: readonly string[]): Promise<number> {
  if (guestIds.length === 0) return 0
  let lock = writer.db
    .selectFrom('guests')
    .select('id')
    .where('shop_id', '=', shopId)
    .where(isAmong(writer, 'id', guestIds))
    .orderBy('id')
  if (writer.dialect === 'postgres') lock = lock.forUpdate().skipLocked()
  const held = (await lock.execute()).map((row) => row.id)
  if (held.length === 0) return 0
  const owners = held.map((id) => `g:${id}`)
  const withCart = await writer.db
    .selectFrom('carts')
    .select('owner')
    .where('shop_id', '=', shopId)
    .where(isAmong(writer, 'owner', owners))
    .execute()
  const withOrder = await writer.db
    .selectFrom('orders')
    .select('owner')
    .where('shop_id', '=', shopId)
    .where(isAmong(writer, 'owner', owners))
    .execute()
  const known = new Set([...withCart, ...withOrder].map((row) => row.owner.slice('g:'.length)))
  const gone = held.filter((id) => !known.has(id))
  if (gone.length > 0)
    await writer.db
      .deleteFrom('guests')
      .where('shop_id', '=', shopId)
      .where(isAmong(writer, 'id', gone))
      .execute()
  return gone.length
}

/** Revokes all secrets of a guest. */
export async function revokeGuest(writer: Writer, shopId: string, guestId: string, now: number): Promise<void> {
  await writer.db
    .updateTable('guest_secrets')
    .set({ revoked_at: now })
    .where('shop_id', '=', shopId)
    .where('guest_id', '=', guestId)
    .where('revoked_at', 'is', null)
    .execute()
}

/** A key that is not revoked, or undefined. */
export function readApiKey(reader: Reader, shopId: string, id: string): Promise<ApiKeyTable | undefined> {
  return reader.db
    .selectFrom('api_keys')
    .selectAll()
    .where('shop_id', '=', shopId)
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .executeTakeFirst()
}

/** The shop's keys, newest first. */
export function listApiKeys(reader: Reader, shopId: string): Promise<ApiKeyTable[]> {
  return reader.db.selectFrom('api_keys').selectAll().where('shop_id', '=', shopId).orderBy('id', 'desc').limit(200).execute()
}

/** Keeps a new key. */
export async function insertApiKey(writer: Writer, key: ApiKeyTable): Promise<void> {
  await writer.db.insertInto('api_keys').values(key).execute()
}

/** Revokes a key; false when there is none. */
export async function revokeApiKey(writer: Writer, shopId: string, id: string, now: number): Promise<boolean> {
  const row = await writer.db
    .updateTable('api_keys')
    .set({ revoked_at: now })
    .where('shop_id', '=', shopId)
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

/** A value of the whole installation, or undefined. */
export async function readInstance(reader: Reader, name: string): Promise<string | undefined> {
  return (await reader.db.selectFrom('instance').select('value').where('name', '=', name).executeTakeFirst())?.value
}

/** Keeps a value unless there is one; answers the one that stands, so that all nodes agree, and whether it is ours. */
export async function claimInstance(writer: Writer, name: string, value: string): Promise<{ value: string; claimed: boolean }> {
  const made = await writer.db
    .insertInto('instance')
    .values({ name, value })
    .onConflict((conflict) => conflict.doNothing())
    .returning('value')
    .executeTakeFirst()
  if (made) return { value, claimed: true }
  const kept = await writer.db.selectFrom('instance').select('value').where('name', '=', name).executeTakeFirstOrThrow()
  return { value: kept.value, claimed: false }
}
