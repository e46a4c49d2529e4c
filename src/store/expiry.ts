// What is due in the lives of carts: finding it without locks, taking it under locks that nobody waits for, and putting it off. Whatever happens to a
// cart meanwhile moves its version, and what was decided about the old one is not done.
import { sql } from 'kysely'
import { CART_COLUMNS, type CartRow } from './carts.ts'
import { isAmong, type Reader, type Writer } from './store.ts'

/** A cart whose hour has come: where it stands in the order of looking (`due_at`, shop, id), and enough to tell whether its minute has come, too. */
export interface DueRow {
  readonly shop_id: string
  readonly id: string
  readonly due_at: number
  readonly state: string
  readonly activity: number
  readonly expires_at: number | null
  readonly abandoned_at: number | null
}

/** Where a pass over what is due goes on. */
export type DuePlace = Pick<DueRow, 'due_at' | 'shop_id' | 'id'>

/** Carts whose hour has come, at most `limit`, behind `after`, in order of their hours. Reads no documents and takes no locks. */
export async function readDue(reader: Reader, now: number, after: DuePlace | null, limit: number): Promise<DueRow[]> {
  let query = reader.db
    .selectFrom('carts')
    .select(['shop_id', 'id', 'due_at', 'state', 'activity', 'expires_at', 'abandoned_at'])
    .where('due_at', '<=', now)
  if (after)
    query = query.where((eb) =>
      eb(eb.refTuple('due_at', 'shop_id', 'id'), '>', eb.tuple(after.due_at as number | null, after.shop_id, after.id)),
    )
  return (await query.orderBy('due_at').orderBy('shop_id').orderBy('id').limit(limit).execute()) as DueRow[]
}

/** What deciding about a cart needs: its intent, and what became of its idle period. */
export type DatedRow = CartRow & { readonly activity: number; readonly expires_at: number | null; readonly abandoned_at: number | null }

const DATED = [...CART_COLUMNS, 'activity', 'expires_at', 'abandoned_at'] as const

/** These carts with their documents. */
export function readDated(reader: Reader, shopId: string, ids: readonly string[]): Promise<DatedRow[]> {
  return reader.db
    .selectFrom('carts')
    .select(DATED)
    .where('shop_id', '=', shopId)
    .where(isAmong(reader, 'id', ids))
    .orderBy('id')
    .execute()
}

/** Locks carts that nobody else holds right now, in order of id, and answers what tells whether they are still what was read. */
export async function lockUnheld(
  writer: Writer,
  shopId: string,
  ids: readonly string[],
): Promise<Map<string, Pick<DatedRow, 'version' | 'abandoned_at'>>> {
  let query = writer.db
    .selectFrom('carts')
    .select(['id', 'version', 'abandoned_at'])
    .where('shop_id', '=', shopId)
    .where(isAmong(writer, 'id', ids))
    .orderBy('id')
  if (writer.dialect === 'postgres') query = query.forUpdate().skipLocked()
  return new Map((await query.execute()).map((row) => [row.id, row]))
}

/** The times of a cart: when it is looked at next, when it is removed, when it was told to be abandoned. */
export type CartTimes = Partial<Pick<DatedRow, 'due_at' | 'expires_at' | 'abandoned_at'>>

/** Writes times of a cart that is locked. This is no change of the cart: its version and its history stay. */
export async function writeTimes(writer: Writer, shopId: string, id: string, times: CartTimes): Promise<void> {
  await writer.db.updateTable('carts').set(times).where('shop_id', '=', shopId).where('id', '=', id).execute()
}

/** Puts off looking at a cart whose document nobody can read, if it still is the one that was read. */
export async function putOff(writer: Writer, shopId: string, id: string, version: number, until: number): Promise<void> {
  await writer.db
    .updateTable('carts')
    .set({ due_at: until })
    .where('shop_id', '=', shopId)
    .where('id', '=', id)
    .where('version', '=', version)
    .execute()
}

/** Which of these carts have an order that awaits payment. */
export async function cartsWithUnpaid(reader: Reader, shopId: string, cartIds: readonly string[]): Promise<Set<string>> {
  const rows = await reader.db
    .selectFrom('orders')
    .select('cart_id')
    .where('shop_id', '=', shopId)
    .where(isAmong(reader, 'cart_id', cartIds))
    .where('state', '=', 'NEW')
    .execute()
  return new Set(rows.flatMap((row) => row.cart_id ?? []))
}

/** Orders that were placed since then of these carts or by these owners (`a:…`, `g:…`). */
export async function placedSince(
  reader: Reader,
  shopId: string,
  since: number,
  of: { readonly cartIds: readonly string[]; readonly owners: readonly string[] },
): Promise<{ readonly cart_id: string | null; readonly owner: string; readonly placed_at: number }[]> {
  const rows = await reader.db
    .selectFrom('orders')
    .select(['cart_id', 'owner', 'placed_at'])
    .where('shop_id', '=', shopId)
    .where('placed_at', '>=', since)
    .where((eb) => eb.or([isAmong(reader, 'owner', of.owners), isAmong(reader, 'cart_id', of.cartIds)]))
    .execute()
  return rows.map((row) => ({ ...row, placed_at: row.placed_at ?? 0 }))
}

// A change of retention ----------------------------------------------------------------------------------------------------------------

/** A shop whose carts are being given the times that its changed settings mean: behind which cart it goes on, and since which settings. */
export interface Renewal {
  readonly shop_id: string
  readonly due_from: string
  readonly version: number
}

/** The first shop behind `after` whose carts have times of settings that changed. */
export async function readRenewal(reader: Reader, after: string): Promise<Renewal | undefined> {
  const row = await reader.db
    .selectFrom('settings')
    .select(['shop_id', 'due_from', 'version'])
    .where('due_from', 'is not', null)
    .where('shop_id', '>', after)
    .orderBy('shop_id')
    .limit(1)
    .executeTakeFirst()
  return row && { ...row, due_from: row.due_from ?? '' }
}

/** Locks the next carts of a shop behind an id, at most `limit`, with their documents. */
export function lockNext(writer: Writer, shopId: string, after: string, limit: number): Promise<DatedRow[]> {
  let query = writer.db.selectFrom('carts').select(DATED).where('shop_id', '=', shopId).where('id', '>', after).orderBy('id').limit(limit)
  if (writer.dialect === 'postgres') query = query.forNoKeyUpdate()
  return query.execute()
}

/** Moves a renewal on (null: it is done); false when the settings changed again or somebody else moved it. */
export async function moveRenewal(writer: Writer, renewal: Renewal, dueFrom: string | null): Promise<boolean> {
  const row = await writer.db
    .updateTable('settings')
    .set({ due_from: dueFrom })
    .where('shop_id', '=', renewal.shop_id)
    .where('due_from', '=', renewal.due_from)
    .where('version', '=', renewal.version)
    .returning('shop_id')
    .executeTakeFirst()
  return row !== undefined
}

// History -----------------------------------------------------------------------------------------------------------------------------

/** An entry of a cart's history: `entry` is JSON text with actor, command and changes; `at` is milliseconds. */
export interface HistoryRow {
  readonly version: number
  readonly at: number
  readonly entry: string
}

/** What happened to a cart, newest first, at most `limit`, before a version. */
export function readHistory(
  reader: Reader,
  shopId: string,
  cartId: string,
  page: { readonly before?: number | undefined; readonly limit: number },
): Promise<HistoryRow[]> {
  let query = reader.db
    .selectFrom('cart_history')
    .select(['version', 'at', 'entry'])
    .where('shop_id', '=', shopId)
    .where('cart_id', '=', cartId)
  if (page.before !== undefined) query = query.where('version', '<', page.before)
  return query.orderBy('version', 'desc').limit(page.limit).execute()
}

/** The next shop behind an id that has a history, and how old its oldest entry is. */
export function nextHistory(reader: Reader, after: string): Promise<{ shop_id: string; at: number } | undefined> {
  return reader.db
    .selectFrom('cart_history')
    .select(['shop_id', 'at'])
    .where('shop_id', '>', after)
    .orderBy('shop_id')
    .orderBy('at')
    .limit(1)
    .executeTakeFirst()
}

/** Removes entries of a shop from before then, the oldest first, at most `limit`; answers how many. */
export async function purgeHistory(writer: Writer, shopId: string, before: number, limit: number): Promise<number> {
  const { dialect } = writer
  const place = dialect === 'postgres' ? sql.ref('ctid') : sql.ref('rowid')
  const old = sql`SELECT ${place} FROM cart_history WHERE shop_id = ${shopId} AND at < ${before} ORDER BY at LIMIT ${limit}`
  const chosen = dialect === 'postgres' ? sql`${place} = ANY (ARRAY (${old}))` : sql`${place} IN (${old})`
  const { numAffectedRows } = await sql`DELETE FROM cart_history WHERE ${chosen}`.execute(writer.db)
  return Number(numAffectedRows ?? 0)
}
