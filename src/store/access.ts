// Who may ask: guests with their secrets, and keys of servers and staff. Only hashes are kept.
import { isAmong, type Parameter, type Reader, type Statement, type Writer } from './store.ts'
import type { ApiKeyTable, GuestSecretTable } from './tables.ts'

const IDENTIFY: Statement = {
  name: 'identify_guests',
  postgres: `SELECT e.epoch, s.guest_id, s.hash, s.cart_id FROM epochs e LEFT JOIN guest_secrets s
    ON s.shop_id = $1 AND s.guest_id = ANY($2::text[]) AND s.revoked_at IS NULL WHERE e.shop_id = $1`,
  sqlite: `SELECT e.epoch, s.guest_id, s.hash, s.cart_id FROM epochs e LEFT JOIN guest_secrets s
    ON s.shop_id = ?1 AND s.guest_id IN (SELECT value FROM json_each(?2)) AND s.revoked_at IS NULL WHERE e.shop_id = ?1`,
}

/** One guest at a time: on SQLite half the price of the statement for many. */
const IDENTIFY_ONE: Statement = {
  name: 'identify_guest',
  postgres: '',
  sqlite: `SELECT e.epoch, s.guest_id, s.hash, s.cart_id FROM epochs e LEFT JOIN guest_secrets s
    ON s.shop_id = ?1 AND s.guest_id = ?2 AND s.revoked_at IS NULL WHERE e.shop_id = ?1`,
}

/** A living secret of a guest, as it is proved: by its hash. */
export interface LivingSecret {
  readonly hash: string
  /** The one cart that it reaches, or null: everything of the guest's. */
  readonly cartId: string | null
}

/** One SELECT: the shop's epoch and the living secrets of these guests. Null when there is no such shop. */
export async function readSecrets(
  reader: Reader,
  shopId: string,
  guestIds: readonly string[],
): Promise<{ epoch: number; secrets: Map<string, LivingSecret[]> } | null> {
  const single = reader.dialect === 'sqlite' && guestIds.length <= 1
  const list: Parameter = reader.dialect === 'postgres' ? guestIds : single ? (guestIds[0] ?? '') : JSON.stringify(guestIds)
  const rows = await reader.run<{ epoch: number; guest_id: string | null; hash: string | null; cart_id: string | null }>(
    single ? IDENTIFY_ONE : IDENTIFY,
    [shopId, list],
  )
  if (!rows[0]) return null
  const secrets = new Map<string, LivingSecret[]>()
  for (const { guest_id, hash, cart_id } of rows) {
    if (guest_id === null || hash === null) continue
    secrets.set(guest_id, [...(secrets.get(guest_id) ?? []), { hash, cartId: cart_id }])
  }
  return { epoch: rows[0].epoch, secrets }
}

/** Makes a guest with its first secret. */
export async function insertGuest(writer: Writer, shopId: string, guestId: string, hash: string, now: number): Promise<void> {
  await writer.db.insertInto('guests').values({ shop_id: shopId, id: guestId, created_at: now }).execute()
  await writer.db
    .insertInto('guest_secrets')
    .values({ shop_id: shopId, guest_id: guestId, hash, created_at: now, revoked_at: null, cart_id: null, device: null })
    .execute()
}

/**
 * Locks a guest; false when there is none. `alone`: who counts its secrets and adds one is alone. `kept`: it is not forgotten before this
 * transaction ends, and others may keep it, too.
 */
export async function lockGuest(writer: Writer, shopId: string, guestId: string, how: 'alone' | 'kept'): Promise<boolean> {
  let query = writer.db.selectFrom('guests').select('id').where('shop_id', '=', shopId).where('id', '=', guestId)
  if (writer.dialect === 'postgres') query = how === 'alone' ? query.forNoKeyUpdate() : query.forKeyShare()
  return (await query.executeTakeFirst()) !== undefined
}

/** The living secrets of a guest, oldest first. */
export function livingSecrets(reader: Reader, shopId: string, guestId: string): Promise<GuestSecretTable[]> {
  return reader.db
    .selectFrom('guest_secrets')
    .selectAll()
    .where('shop_id', '=', shopId)
    .where('guest_id', '=', guestId)
    .where('revoked_at', 'is', null)
    .orderBy('created_at')
    .orderBy('hash')
    .execute()
}

/** Keeps another secret of a guest. */
export async function insertSecret(writer: Writer, secret: GuestSecretTable): Promise<void> {
  await writer.db.insertInto('guest_secrets').values(secret).execute()
}

/** Revokes secrets of a guest, named by their hashes, or all of them. */
export async function revokeSecrets(
  writer: Writer,
  shopId: string,
  guestId: string,
  hashes: readonly string[] | 'all',
  now: number,
): Promise<void> {
  if (hashes.length === 0) return
  let query = writer.db
    .updateTable('guest_secrets')
    .set({ revoked_at: now })
    .where('shop_id', '=', shopId)
    .where('guest_id', '=', guestId)
    .where('revoked_at', 'is', null)
  if (hashes !== 'all') query = query.where('hash', 'in', [...hashes])
  await query.execute()
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

/** The hashes of a guest's whole secrets that were revoked after `since`. */
export async function readRevokedSecrets(reader: Reader, shopId: string, guestId: string, since: number): Promise<string[]> {
  const rows = await reader.db
    .selectFrom('guest_secrets')
    .select('hash')
    .where('shop_id', '=', shopId)
    .where('guest_id', '=', guestId)
    .where('revoked_at', '>', since)
    .where('cart_id', 'is', null)
    .execute()
  return rows.map((row) => row.hash)
}

/** Forgets secrets that were revoked before `before`, at most `limit`; answers how many. */
export async function purgeSecrets(writer: Writer, before: number, limit: number): Promise<number> {
  const old = await writer.db
    .selectFrom('guest_secrets')
    .select(['shop_id', 'guest_id', 'hash'])
    .where('revoked_at', '<', before)
    .limit(limit)
    .execute()
  for (const row of old)
    await writer.db
      .deleteFrom('guest_secrets')
      .where('shop_id', '=', row.shop_id)
      .where('guest_id', '=', row.guest_id)
      .where('hash', '=', row.hash)
      .execute()
  return old.length
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
