// Carts: one row each. Loading takes the shop's epoch along in the same SELECT; saving changes only rows that still have the version that
// was read, skips rows that somebody else holds, and answers which ones it saved.
import { type Cart, DRAFT_TYPE, type Owner } from '../core/cart.ts'
import type { PricedCart } from '../core/pricing.ts'
import { type Dialect, isAmong, type Reader, type Statement, type Writer } from './store.ts'

/** A cart as it is kept: `intent` and `priced` are JSON text, `priced` exactly as it is served. */
export interface CartRow {
  readonly id: string
  readonly owner: string
  readonly email: string | null
  readonly type: string
  readonly state: string
  /** 1: it is its owner's current cart of this type. */
  readonly is_current: number
  readonly version: number
  readonly format: number
  readonly epoch: number
  readonly revision: number
  readonly fresh_until: number | null
  readonly stock_seen: string | null
  /** The hour in which something may be due. */
  readonly due_at: number | null
  readonly intent: string
  readonly priced: string
}

/** A row without its intent: all that serving a cart needs while its price is today's. */
export type ServedRow = Omit<CartRow, 'intent'> & { readonly intent?: string }

/** A row without its priced text: all that a command needs. */
export type IntentRow = Omit<CartRow, 'priced'>

/** What is written for one cart. `was` is the version that was read, `wasDue` its hour; 0 and null for a cart that has no row yet. */
export interface CartSave {
  readonly was: number
  readonly wasDue: number | null
  readonly cart: Cart
  readonly priced: PricedCart
  /** `priced` as it is sent. */
  readonly text: string
  readonly epoch: number
  readonly revision: number
  readonly freshUntil: number | null
  readonly stockSeen: string | null
  readonly expiresAt: number | null
  readonly dueAt: number | null
  /** What this version changed, for the cart's history: JSON text. */
  readonly change: string
}

/** An owner as a column: `a:<account id>` or `g:<guest id>`. */
export function ownerKey(owner: Owner): string {
  return owner.kind === 'account' ? `a:${owner.accountId}` : `g:${owner.guestId}`
}

/** The owner that such a column names. */
export function parseOwnerKey(key: string): Owner {
  return key.startsWith('a:') ? { kind: 'account', accountId: key.slice('a:'.length) } : { kind: 'guest', guestId: key.slice('g:'.length) }
}

const FINDING =
  'c.id, c.owner, c.email, c.type, c.state, c.is_current, c.version, c.format, c.epoch, c.revision, c.fresh_until, c.stock_seen, c.due_at'

interface Loaders {
  readonly many: Statement
  readonly byIds: Statement
  /** One cart at a time: on SQLite half the price of the statement for many. */
  readonly byId: Statement
  readonly byOwner: Statement
}

/** The statements that load carts with these texts; texts are most of a row, so nobody loads one that it does not read. */
function loaders(name: string, texts: string): Loaders {
  const part = (shop: string, condition: string) =>
    `SELECT e.epoch AS shop_epoch, ${FINDING}, ${texts} FROM epochs e LEFT JOIN carts c ON c.shop_id = ${shop} AND ${condition} WHERE e.shop_id = ${shop}`
  const open = `AND c.state = 'OPEN'`
  const ids = part('?1', 'c.id IN (SELECT value FROM json_each(?2))')
  return {
    many: {
      name: `load_${name}`,
      postgres: `${part('$1', 'c.id = ANY($2::text[])')} UNION ALL ${part('$1', `c.owner = ANY($3::text[]) ${open}`)}`,
      sqlite: `${ids} UNION ALL ${part('?1', `c.owner IN (SELECT value FROM json_each(?3)) ${open}`)}`,
    },
    byIds: { name: `load_${name}_by_ids`, postgres: '', sqlite: ids },
    byId: { name: `load_${name}_by_id`, postgres: '', sqlite: part('?1', 'c.id = ?2') },
    byOwner: { name: `load_${name}_by_owner`, postgres: '', sqlite: part('?1', `c.owner = ?2 ${open}`) },
  }
}

const WHOLE = loaders('carts', 'c.intent, c.priced')
const SERVED = loaders('served_carts', 'c.priced')
const INTENTS = loaders('intents', 'c.intent')

/**
 * One SELECT: the shop's epoch, the carts with these ids, and the open carts of these owners (all types).
 * @returns null when there is no such shop
 */
export function loadCarts(reader: Reader, shopId: string, ids: readonly string[], owners: readonly string[]) {
  return load<CartRow>(WHOLE, reader, shopId, ids, owners)
}

/** The same, for serving: without intents. */
export function loadServed(reader: Reader, shopId: string, ids: readonly string[], owners: readonly string[]) {
  return load<ServedRow>(SERVED, reader, shopId, ids, owners)
}

/** The same, for commands: without priced texts. */
export function loadIntents(reader: Reader, shopId: string, ids: readonly string[], owners: readonly string[]) {
  return load<IntentRow>(INTENTS, reader, shopId, ids, owners)
}

async function load<Row extends { readonly id: string }>(
  statements: Loaders,
  reader: Reader,
  shopId: string,
  ids: readonly string[],
  owners: readonly string[],
): Promise<{ epoch: number; rows: Row[] } | null> {
  type Loaded = Omit<Row, 'id'> & { readonly shop_epoch: number; readonly id: string | null }
  const loaded =
    reader.dialect === 'postgres'
      ? await reader.run<Loaded>(statements.many, [shopId, ids, owners])
      : await loadSqlite<Loaded>(statements, reader, shopId, ids, owners)
  const first = loaded[0]
  if (!first) return null
  const rows = new Map<string, Row>()
  for (const row of loaded) if (row.id !== null) rows.set(row.id, row as unknown as Row)
  return { epoch: first.shop_epoch, rows: [...rows.values()] }
}

function loadSqlite<Loaded>(
  statements: Loaders,
  reader: Reader,
  shopId: string,
  ids: readonly string[],
  owners: readonly string[],
): Promise<Loaded[]> {
  const [id] = ids
  const [owner] = owners
  if (owner === undefined && ids.length === 1 && id !== undefined) return reader.run(statements.byId, [shopId, id])
  if (id === undefined && owners.length === 1 && owner !== undefined) return reader.run(statements.byOwner, [shopId, owner])
  if (owner === undefined) return reader.run(statements.byIds, [shopId, JSON.stringify(ids)])
  return reader.run(statements.many, [shopId, JSON.stringify(ids), JSON.stringify(owners)])
}

/** What never changes once a cart is made. */
const FIXED = ['owner', 'type', 'number'] as const
/** Those in an index stand first. */
const CHANGED = [
  'state',
  'is_current',
  'due_at',
  'version',
  'email',
  'format',
  'epoch',
  'revision',
  'fresh_until',
  'stock_seen',
  'activity',
  'expires_at',
  'intent',
  'priced',
] as const
const TYPES: Readonly<Record<(typeof CHANGED)[number], string>> = {
  state: 'text',
  is_current: 'int8',
  due_at: 'int8',
  version: 'int8',
  email: 'text',
  format: 'int8',
  epoch: 'int8',
  revision: 'int8',
  fresh_until: 'int8',
  stock_seen: 'text',
  activity: 'int8',
  expires_at: 'int8',
  intent: 'text',
  priced: 'text',
}

const SET = (first: string) => CHANGED.map((column, index) => `${column} = ${first}${index + 4}`)
/** Where a value stands among the parameters of a statement for one cart. The history's entry comes last. */
const AT = (column: (typeof CHANGED)[number]) => CHANGED.indexOf(column) + 4
const ENTRY = CHANGED.length + 4

/** Only a write of its owner ends an idle period: what else changes a cart (it is not current any more) leaves its last write where it was. */
const STILL = (row: string, activity: string) => `abandoned_at = CASE WHEN ${row}activity = ${activity} THEN ${row}abandoned_at END`

/**
 * What it did goes into the history with the same statement: on PostgreSQL here, on SQLite by the trigger on
 * `last_change`.
 */
const UPDATE_ONE: Statement = {
  name: 'update_cart',
  sqlite: `UPDATE carts SET ${SET('?').join(', ')}, last_change = ?${ENTRY}, ${STILL('', `?${AT('activity')}`)}
    WHERE shop_id = ?1 AND id = ?2 AND version = ?3 RETURNING id`,
  postgres: `WITH locked AS (
      SELECT id FROM carts WHERE shop_id = $1 AND id = $2 AND version = $3 FOR NO KEY UPDATE SKIP LOCKED
    ), told AS (
      INSERT INTO cart_history (shop_id, cart_id, version, at, entry)
      SELECT $1, id, $${AT('version')}::int8, $${AT('activity')}::int8, $${ENTRY}::text FROM locked
    )
    UPDATE carts c SET ${SET('$').join(', ')}, ${STILL('c.', `$${AT('activity')}`)}
    FROM locked l WHERE c.shop_id = $1 AND c.id = l.id RETURNING c.id`,
}

/**
 * A cart that stays open, current and due when it was: SQLite writes an index anew when one of its columns is named, changed or not, and these are
 * in one.
 */
const UPDATE_OPEN: Statement = {
  name: 'update_open_cart',
  sqlite: `UPDATE carts SET ${SET('?').slice(3).join(', ')}, last_change = ?${ENTRY}, ${STILL('', `?${AT('activity')}`)}
    WHERE shop_id = ?1 AND id = ?2 AND version = ?3 AND state = ?4 AND is_current = ?5 AND due_at IS ?6 RETURNING id`,
  postgres: '',
}

const UPDATE_MANY: Statement = {
  name: 'update_carts',
  sqlite: '',
  postgres: `WITH input AS (
      SELECT * FROM unnest($2::text[], $3::int8[], ${CHANGED.map((column, index) => `$${index + 4}::${TYPES[column]}[]`).join(', ')}, $${ENTRY}::text[])
        AS t(id, was, ${CHANGED.join(', ')}, entry)
    ), locked AS (
      SELECT c.id FROM carts c JOIN input i ON c.id = i.id WHERE c.shop_id = $1 AND c.version = i.was
      ORDER BY c.id FOR NO KEY UPDATE OF c SKIP LOCKED
    ), told AS (
      INSERT INTO cart_history (shop_id, cart_id, version, at, entry)
      SELECT $1, i.id, i.version, i.activity, i.entry FROM input i JOIN locked l ON l.id = i.id
    )
    UPDATE carts c SET ${CHANGED.map((column) => `${column} = i.${column}`).join(', ')}, ${STILL('c.', 'i.activity')}
    FROM input i JOIN locked l ON l.id = i.id WHERE c.shop_id = $1 AND c.id = i.id RETURNING c.id`,
}

const INSERTED = ['shop_id', 'id', 'created_at', ...FIXED, ...CHANGED]
const INSERT: Statement = {
  name: 'insert_cart',
  sqlite: `INSERT INTO carts (${INSERTED.join(', ')}, last_change)
    VALUES (${INSERTED.map((_, index) => `?${index + 1}`).join(', ')}, ?${INSERTED.length + 1}) ON CONFLICT DO NOTHING RETURNING id`,
  postgres: `WITH made AS (
      INSERT INTO carts (${INSERTED.join(', ')}) VALUES (${INSERTED.map((_, index) => `$${index + 1}`).join(', ')})
      ON CONFLICT DO NOTHING RETURNING id, version, activity
    ), told AS (
      INSERT INTO cart_history (shop_id, cart_id, version, at, entry) SELECT $1, id, version, activity, $${INSERTED.length + 1}::text FROM made
    )
    SELECT id FROM made`,
}

/** Documents above this are saved one by one: through `unnest` a 500-line cart costs 3.0 ms, as a statement of its own 0.44 ms. */
const LARGE = 32_768

/** Whether a list of saves is one statement, so that it needs no explicit transaction. */
export function isOneStatement(dialect: Dialect, saves: readonly CartSave[]): boolean {
  return saves.length === 1 || (dialect === 'postgres' && saves.every((save) => save.was > 0 && save.text.length <= LARGE))
}

/**
 * Saves carts of one shop and answers the ids of those that were saved. Missing are carts that somebody else changed since, holds right now
 * (PostgreSQL), or created first.
 */
export async function saveCarts(writer: Writer, shopId: string, saves: readonly CartSave[]): Promise<Set<string>> {
  const saved = new Set<string>()
  const updates = saves.filter((save) => save.was > 0)
  const rows = writer.dialect === 'sqlite' ? await updateEach(writer, shopId, updates) : await updateUnlocked(writer, shopId, updates)
  for (const { id } of rows) saved.add(id)
  const inserts = saves.filter((save) => save.was === 0)
  const place = ({ cart }: CartSave) => `${ownerKey(cart.owner)} ${cart.type}`
  if (inserts.length > 1) inserts.sort((a, b) => (place(a) < place(b) ? -1 : 1))
  for (const save of inserts) {
    const { id, createdAt, owner, type, number } = save.cart
    const row = [shopId, id, createdAt, ownerKey(owner), type, number, ...values(save), save.change]
    for (const made of await writer.run<{ id: string }>(INSERT, row)) saved.add(made.id)
  }
  return saved
}

async function updateEach(writer: Writer, shopId: string, saves: readonly CartSave[]): Promise<{ id: string }[]> {
  const rows: { id: string }[] = []
  for (const save of saves) {
    const parameters = [shopId, save.cart.id, save.was, ...values(save), save.change]
    const isOpen = writer.dialect === 'sqlite' && save.cart.state === 'OPEN' && save.cart.isCurrent && save.dueAt === save.wasDue
    const done = isOpen ? await writer.run<{ id: string }>(UPDATE_OPEN, parameters) : []
    // A cart that becomes current again is not found by the short statement.
    rows.push(...(done.length > 0 ? done : await writer.run<{ id: string }>(UPDATE_ONE, parameters)))
  }
  return rows
}

async function updateUnlocked(writer: Writer, shopId: string, saves: readonly CartSave[]): Promise<{ id: string }[]> {
  const large = saves.filter((save) => save.text.length > LARGE)
  const small = large.length === 0 ? saves : saves.filter((save) => save.text.length <= LARGE)
  const rows = await updateEach(writer, shopId, large)
  if (small.length === 0) return rows
  const rowsOf = small.map(values)
  const columns = CHANGED.map((_, index) => rowsOf.map((row) => row[index] ?? null))
  const many = [shopId, small.map((save) => save.cart.id), small.map((save) => save.was), ...columns, small.map((save) => save.change)]
  return [...rows, ...(await writer.run<{ id: string }>(UPDATE_MANY, many))]
}

function values({ cart, text, epoch, revision, freshUntil, stockSeen, expiresAt, dueAt }: CartSave): (string | number | null)[] {
  return [
    cart.state,
    cart.isCurrent ? 1 : 0,
    dueAt,
    cart.version,
    cart.email,
    cart.format,
    epoch,
    revision,
    freshUntil,
    stockSeen,
    cart.updatedAt,
    expiresAt,
    JSON.stringify(cart),
    text,
  ]
}

const LOCK_ONE: Statement = {
  name: 'lock_cart',
  sqlite: 'SELECT id, version FROM carts WHERE shop_id = ?1 AND id IN (SELECT value FROM json_each(?2)) ORDER BY id',
  postgres: 'SELECT id, version FROM carts WHERE shop_id = $1 AND id = ANY($2::text[]) ORDER BY id FOR NO KEY UPDATE',
}

const READ_INTENT: Statement = {
  name: 'read_intent',
  sqlite: 'SELECT intent FROM carts WHERE shop_id = ?1 AND id = ?2',
  postgres: 'SELECT intent FROM carts WHERE shop_id = $1 AND id = $2',
}

/** The intent of a cart, or undefined when it is gone. */
export async function readIntent(reader: Reader, shopId: string, id: string): Promise<string | undefined> {
  return (await reader.run<{ intent: string }>(READ_INTENT, [shopId, id]))[0]?.intent
}

/** Locks carts in the order of their ids and waits where it must; answers their versions. The first lock of every transaction that takes one. */
export async function lockCarts(writer: Writer, shopId: string, ids: readonly string[]): Promise<Map<string, number>> {
  const list = writer.dialect === 'postgres' ? ids : JSON.stringify(ids)
  const rows = await writer.run<{ id: string; version: number }>(LOCK_ONE, [shopId, list])
  return new Map(rows.map((row) => [row.id, row.version]))
}

/**
 * What somebody watches, and what is known of it: a cart by its id, the current one of an owner and type, or an order.
 */
export interface WatchedRow {
  readonly shopId: string
  readonly by: { readonly id: string } | { readonly owner: string; readonly type: string } | { readonly order: string }
  /** A cart's version, 0 and an empty id where there was none; or what `orderStamp` said of an order. */
  readonly version: number
  readonly id: string
}

/**
 * Rises with everything that may change an order as it is served: each change of it is remembered, and a payment that moves by itself has a
 * version.
 */
const stampOf = (place: string) => `((SELECT count(*) FROM order_history h WHERE h.shop_id = ${place}.shop_id AND h.order_id = ${place}.id)
    + (SELECT coalesce(sum(p.version), 0) FROM payments p WHERE p.shop_id = ${place}.shop_id AND p.order_id = ${place}.id))`

const ORDER_STAMP: Statement = {
  name: 'order_stamp',
  postgres: `SELECT ${stampOf('w')}::int8 AS stamp FROM (SELECT $1::text AS shop_id, $2::text AS id) w`,
  sqlite: `SELECT ${stampOf('w')} AS stamp FROM (SELECT ?1 AS shop_id, ?2 AS id) w`,
}

/** How far an order has come, as a number that only rises. Read it before the order: what happens between is then seen as news. */
export async function orderStamp(reader: Reader, shopId: string, id: string): Promise<number> {
  return (await reader.run<{ stamp: number }>(ORDER_STAMP, [shopId, id]))[0]?.stamp ?? 0
}

const WATCH_ID = `LEFT JOIN carts c ON c.shop_id = w.shop_id AND c.id = w.id WHERE coalesce(c.version, 0) <> w.version`
const WATCH_CURRENT = `LEFT JOIN carts c ON c.shop_id = w.shop_id AND c.owner = w.owner AND c.type = w.type AND c.state = 'OPEN' AND c.is_current = 1
  WHERE coalesce(c.version, 0) <> w.version OR coalesce(c.id, '') <> w.id`
const json = (place: number, ...columns: string[]) =>
  `(SELECT key AS place, ${columns.map((column, index) => `value ->> ${index} AS ${column}`).join(', ')} FROM json_each(?${place})) w`

const READ_VERSIONS: Statement = {
  name: 'read_versions',
  postgres: `SELECT 'id' AS kind, w.place - 1 AS place, w.shop_id, 0::int8 AS epoch
      FROM unnest($1::text[], $2::text[], $3::int8[]) WITH ORDINALITY AS w(shop_id, id, version, place) ${WATCH_ID}
    UNION ALL SELECT 'current', w.place - 1, w.shop_id, 0
      FROM unnest($4::text[], $5::text[], $6::text[], $7::int8[], $8::text[]) WITH ORDINALITY AS w(shop_id, owner, type, version, id, place)
      ${WATCH_CURRENT}
    UNION ALL SELECT 'order', w.place - 1, w.shop_id, 0
      FROM unnest($9::text[], $10::text[], $11::int8[]) WITH ORDINALITY AS w(shop_id, id, version, place) WHERE ${stampOf('w')} <> w.version
    UNION ALL SELECT 'shop', 0, e.shop_id, e.epoch FROM epochs e WHERE e.shop_id = ANY($12::text[])`,
  sqlite: `SELECT 'id' AS kind, w.place, w.shop_id, 0 AS epoch FROM ${json(1, 'shop_id', 'id', 'version')} ${WATCH_ID}
    UNION ALL SELECT 'current', w.place, w.shop_id, 0 FROM ${json(2, 'shop_id', 'owner', 'type', 'version', 'id')} ${WATCH_CURRENT}
    UNION ALL SELECT 'order', w.place, w.shop_id, 0 FROM ${json(3, 'shop_id', 'id', 'version')} WHERE ${stampOf('w')} <> w.version
    UNION ALL SELECT 'shop', 0, e.shop_id, e.epoch FROM epochs e WHERE e.shop_id IN (SELECT value FROM json_each(?4))`,
}

/** One SELECT: what of the watched is not what is known of it any more, and the epochs of the shops whose carts are watched. */
export async function readVersions<Row extends WatchedRow>(
  reader: Reader,
  watched: readonly Row[],
): Promise<{ moved: Row[]; epochs: Map<string, number> }> {
  const rows: Readonly<Record<'id' | 'current' | 'order', Row[]>> = { id: [], current: [], order: [] }
  const known: Readonly<Record<keyof typeof rows, (string | number)[][]>> = { id: [], current: [], order: [] }
  for (const each of watched) {
    const { shopId, by, version, id } = each
    const kind = 'order' in by ? 'order' : 'owner' in by ? 'current' : 'id'
    rows[kind].push(each)
    known[kind].push(
      'order' in by ? [shopId, by.order, version] : 'owner' in by ? [shopId, by.owner, by.type, version, id] : [shopId, by.id, version],
    )
  }
  const shops = [...new Set([...rows.id, ...rows.current].map((each) => each.shopId))]
  const columns = (of: readonly (string | number)[][], count: number) =>
    Array.from({ length: count }, (_, index) => of.map((row) => row[index] ?? null))
  const parameters =
    reader.dialect === 'postgres'
      ? [...columns(known.id, 3), ...columns(known.current, 5), ...columns(known.order, 3), shops]
      : [known.id, known.current, known.order, shops].map((each) => JSON.stringify(each))
  const epochs = new Map<string, number>()
  const moved: Row[] = []
  for (const row of await reader.run<{ kind: keyof typeof rows | 'shop'; place: number; shop_id: string; epoch: number }>(
    READ_VERSIONS,
    parameters,
  )) {
    if (row.kind === 'shop') epochs.set(row.shop_id, row.epoch)
    else moved.push(...rows[row.kind].slice(row.place, row.place + 1))
  }
  return { moved, epochs }
}

/** The columns of a `CartRow`. */
export const CART_COLUMNS = [
  'id',
  'owner',
  'email',
  'type',
  'state',
  'is_current',
  'version',
  'format',
  'epoch',
  'revision',
  'fresh_until',
  'stock_seen',
  'due_at',
  'intent',
  'priced',
] as const

/**
 * Lists carts, newest first: `owner` limits to one owner, `after` goes on behind an id; `writtenSince` and `writtenUntil` limit the last write
 * (milliseconds, exclusive and inclusive).
 */
export async function listCarts(
  reader: Reader,
  shopId: string,
  filter: {
    owner?: string
    state?: string
    number?: string
    email?: string
    writtenSince?: number
    writtenUntil?: number
    drafts?: 'only' | 'none'
    after?: string
    limit: number
  },
): Promise<CartRow[]> {
  let query = reader.db.selectFrom('carts').select(CART_COLUMNS).where('shop_id', '=', shopId)
  if (filter.owner !== undefined) query = query.where('owner', '=', filter.owner)
  if (filter.state !== undefined) query = query.where('state', '=', filter.state)
  if (filter.number !== undefined) query = query.where('number', '=', filter.number)
  if (filter.email !== undefined) query = query.where('email', '=', filter.email)
  if (filter.writtenSince !== undefined) query = query.where('activity', '>', filter.writtenSince)
  if (filter.writtenUntil !== undefined) query = query.where('activity', '<=', filter.writtenUntil)
  if (filter.drafts !== undefined) query = query.where('type', filter.drafts === 'only' ? '=' : '<>', DRAFT_TYPE)
  if (filter.after !== undefined) query = query.where('id', '<', filter.after)
  return query.orderBy('id', 'desc').limit(filter.limit).execute()
}

/** Removes carts with their history and what outside engines said about them; their orders, if any, stay. */
export async function removeCarts(writer: Writer, shopId: string, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  await writer.db
    .deleteFrom('cart_history')
    .where('shop_id', '=', shopId)
    .where(isAmong(writer, 'cart_id', ids))
    .execute()
  await writer.db
    .deleteFrom('quotes')
    .where('shop_id', '=', shopId)
    .where(isAmong(writer, 'cart_id', ids))
    .execute()
  await writer.db
    .deleteFrom('carts')
    .where('shop_id', '=', shopId)
    .where(isAmong(writer, 'id', ids))
    .execute()
}
