// Everything that leaves the house leaves by here: one row per event and endpoint, written in the transaction of the change. Types that no
// endpoint wants are not written; `cart.updated` is one undelivered row per endpoint and cart, overwritten by newer data. Rows of one
// subject and endpoint go out in order of their ids.
import { sql } from 'kysely'
import { type Event, isWanted } from '../core/event.ts'
import { recordSuccess } from './endpoints.ts'
import { isAmong, type Reader, type Writer } from './store.ts'
import type { DeliveryTable, EndpointTable } from './tables.ts'

// Written out in every statement, not bound: SQLite uses a partial index only where it can read the condition.
const PENDING = sql.lit('PENDING')
const SENDING = sql.lit('SENDING')
const COALESCED = sql.lit('cart.updated')
const OVER = [sql.lit('DELIVERED'), sql.lit('SUPERSEDED')]
const LEFT = [PENDING, SENDING, sql.lit('DEAD')]

/** Whether an endpoint wants a type. */
export function wants(endpoint: Pick<EndpointTable, 'types' | 'active'>, type: string): boolean {
  return endpoint.active === 1 && isWanted(JSON.parse(endpoint.types) as string[], type)
}

/** Writes events to the outbox. `newId` gives ids that rise with time. */
export async function publish(
  writer: Writer,
  shopId: string,
  endpoints: readonly EndpointTable[],
  events: readonly Event[],
  now: number,
  newId: () => string,
): Promise<void> {
  const rows: DeliveryTable[] = []
  for (const event of events) {
    const eventId = newId()
    for (const endpoint of endpoints) {
      if (!wants(endpoint, event.type)) continue
      rows.push({
        shop_id: shopId,
        id: newId(),
        endpoint_id: endpoint.id,
        event_id: eventId,
        type: event.type,
        subject: event.subject,
        data: event.data,
        state: 'PENDING',
        attempts: 0,
        due_at: now,
        leased_until: 0,
        created_at: now,
        delivered_at: null,
        last_status: null,
        last_error: null,
        occurred_at: now,
      })
    }
  }
  if (rows.length === 0) return
  await writer.db
    .insertInto('deliveries')
    .values(rows)
    .onConflict((conflict) =>
      conflict
        .columns(['shop_id', 'endpoint_id', 'subject'])
        .where('type', '=', COALESCED)
        .where('state', '=', PENDING)
        .doUpdateSet((eb) => ({
          data: eb.ref('excluded.data'),
          event_id: eb.ref('excluded.event_id'),
          occurred_at: eb.ref('excluded.occurred_at'),
          // Behind what happened in between. One that was tried already keeps its place, for its attempts are kept under its id.
          id: eb.case().when('deliveries.attempts', '=', 0).then(eb.ref('excluded.id')).else(eb.ref('deliveries.id')).end(),
        })),
    )
    .execute()
}

// Sending ------------------------------------------------------------------------------------------------------------------------------

/** An endpoint that something is due for. */
export interface DueEndpoint {
  readonly shopId: string
  readonly id: string
  /** Failures in a row. */
  readonly failures: number
}

/** The endpoints that something may be due for: read without a lock, each by one look into an index, however much waits. */
export async function endpointsWithDeliveries(reader: Reader, now: number): Promise<DueEndpoint[]> {
  const rows = await reader.db
    .selectFrom('endpoints as e')
    .select(['e.shop_id', 'e.id', 'e.failures'])
    .where('e.active', '=', 1)
    .where('e.paused_at', 'is', null)
    .where('e.held_until', '<=', now)
    .where((eb) => {
      const waiting = eb
        .selectFrom('deliveries as d')
        .select('d.id')
        .whereRef('d.shop_id', '=', 'e.shop_id')
        .whereRef('d.endpoint_id', '=', 'e.id')
      return eb.or([
        eb.exists(waiting.where('d.state', '=', PENDING).where('d.due_at', '<=', now)),
        eb.exists(waiting.where('d.state', '=', SENDING).where('d.leased_until', '<=', now)),
      ])
    })
    .execute()
  return rows.map(({ shop_id, id, failures }) => ({ shopId: shop_id, id, failures }))
}

/** A claimed delivery with the endpoint it goes to. It counts only while its lease (`leased_until`) stands. */
export interface Claimed extends DeliveryTable {
  readonly endpoint: EndpointTable
}

/** What is to be claimed: of whom, and until when. */
export interface Claim {
  readonly shopId: string
  readonly endpointId: string
  readonly now: number
  readonly leasedUntil: number
  readonly limit: number
  /** How many due rows are looked at for them: followers of one subject stand in a row. */
  readonly look: number
}

/** What was claimed, and whether more was looked at: rows that stood behind others were moved out of the way. */
export interface ClaimedLane {
  readonly claimed: readonly Claimed[]
  readonly stoodAside: boolean
}

/** How long a row stands aside at least whose predecessor is being looked at by another node, in milliseconds. */
const ASIDE_MIN_MS = 1000

/**
 * Claims deliveries of an endpoint that are due and first of their subject, at most `limit`, until `leasedUntil`. A lease that ran out is claimed
 * again, so a crash loses nothing. What is due but stands behind another of its subject is put off to when that one is over (settling calls it
 * back), so that it is not looked at again and again.
 */
export async function claimDeliveries(writer: Writer, claim: Claim): Promise<ClaimedLane> {
  const { shopId, endpointId, now, leasedUntil, limit } = claim
  const endpoint = await writer.db
    .selectFrom('endpoints')
    .selectAll()
    .where('shop_id', '=', shopId)
    .where('id', '=', endpointId)
    .where('active', '=', 1)
    .where('paused_at', 'is', null)
    .where('held_until', '<=', now)
    .executeTakeFirst()
  if (!endpoint) return { claimed: [], stoodAside: false }
  const due = await lockDue(writer, claim)
  if (due.length === 0) return { claimed: [], stoodAside: false }
  const heads = await headsOf(writer, shopId, endpointId, [...new Set(due.map((row) => row.subject))])
  const claimed = due.filter((row) => heads.get(row.subject)?.id === row.id).slice(0, limit)
  const ids = new Set(claimed.map((row) => row.id))
  if (claimed.length > 0)
    await writer.db
      .updateTable('deliveries')
      .set((eb) => ({ state: 'SENDING', leased_until: leasedUntil, attempts: eb('attempts', '+', 1) }))
      .where('shop_id', '=', shopId)
      .where(isAmong(writer, 'id', [...ids]))
      .execute()
  const behind = due.filter((row) => row.state === 'PENDING' && heads.get(row.subject)?.id !== row.id)
  const until = (row: DeliveryTable) => {
    const head = heads.get(row.subject)
    if (!head || ids.has(head.id)) return leasedUntil
    return Math.max(head.state === 'SENDING' ? head.leased_until : head.due_at, now + ASIDE_MIN_MS)
  }
  for (const [dueAt, rows] of Map.groupBy(behind, until))
    await writer.db
      .updateTable('deliveries')
      .set({ due_at: dueAt })
      .where('shop_id', '=', shopId)
      .where(
        isAmong(
          writer,
          'id',
          rows.map((row) => row.id),
        ),
      )
      .execute()
  return {
    claimed: claimed.map((row) => ({ ...row, state: 'SENDING', attempts: row.attempts + 1, leased_until: leasedUntil, endpoint })),
    stoodAside: behind.length > 0,
  }
}

/** What is due, locked: what was begun and never ended, then what waits, longest due first. */
async function lockDue(writer: Writer, { shopId, endpointId, now, limit, look }: Claim): Promise<DeliveryTable[]> {
  const isPostgres = writer.dialect === 'postgres'
  const all = writer.db.selectFrom('deliveries').selectAll().where('shop_id', '=', shopId).where('endpoint_id', '=', endpointId)
  const begun = all.where('state', '=', SENDING).where('leased_until', '<=', now).orderBy('leased_until').limit(limit)
  const waiting = all.where('state', '=', PENDING).where('due_at', '<=', now).orderBy('due_at').orderBy('id').limit(look)
  return [
    ...(await (isPostgres ? begun.forUpdate().skipLocked() : begun).execute()),
    ...(await (isPostgres ? waiting.forUpdate().skipLocked() : waiting).execute()),
  ]
}

type Head = Pick<DeliveryTable, 'id' | 'subject' | 'state' | 'due_at' | 'leased_until'>

/** The first undelivered row of each subject: a look into the index for each, whatever the planner believes of the table (CROSS: in this order). */
async function headsOf(writer: Writer, shopId: string, endpointId: string, subjects: readonly string[]): Promise<Map<string, Head>> {
  const wanted =
    writer.dialect === 'postgres'
      ? sql`unnest(${subjects}::text[]) AS w (subject)`
      : sql`(SELECT value AS subject FROM json_each(${JSON.stringify(subjects)})) AS w`
  const { rows } = await sql<Head>`SELECT d.id, d.subject, d.state, d.due_at, d.leased_until FROM ${wanted}
    CROSS JOIN deliveries d WHERE d.shop_id = ${shopId} AND d.id = (SELECT f.id FROM deliveries f
      WHERE f.shop_id = ${shopId} AND f.endpoint_id = ${endpointId} AND f.subject = w.subject AND f.state IN (${PENDING}, ${SENDING})
      ORDER BY f.id LIMIT 1)`.execute(writer.db)
  return new Map(rows.map((row) => [row.subject, row]))
}

/** What an attempt came to: delivered, to be tried again at `retryAt`, or given up (`retryAt` null). */
export interface DeliveryResult {
  readonly status: number | null
  readonly error: string | null
  readonly retryAt: number | null
  /** The beginning of what the endpoint said. */
  readonly answer: string | null
  readonly startedAt: number
  readonly durationMs: number
}

/**
 * Records what came of a claimed delivery, if its lease still stands; answers whether it did. A failed `cart.updated` gives way to a newer one
 * that waits. What follows in its subject is due once it is over. How the endpoint does is the caller's to write down when it failed.
 */
export async function settleDelivery(writer: Writer, claimed: Claimed, result: DeliveryResult, now: number): Promise<boolean> {
  const { shop_id: shopId, endpoint_id: endpointId, subject } = claimed
  const state = await nextState(writer, claimed, result)
  const settled = await writer.db
    .updateTable('deliveries')
    .set({
      state,
      last_status: result.status,
      last_error: result.error,
      ...(state === 'DELIVERED' ? { delivered_at: now } : {}),
      ...(result.retryAt === null ? {} : { due_at: result.retryAt }),
    })
    .where('shop_id', '=', shopId)
    .where('id', '=', claimed.id)
    .where('leased_until', '=', claimed.leased_until)
    .where('state', '=', SENDING)
    .executeTakeFirstOrThrow()
  if (settled.numUpdatedRows === 0n) return false
  await writer.db
    .insertInto('delivery_attempts')
    .values({
      shop_id: shopId,
      delivery_id: claimed.id,
      attempt: claimed.attempts,
      at: result.startedAt,
      duration_ms: result.durationMs,
      status: result.status,
      answer: result.answer,
      error: result.error,
    })
    .execute()
  if (state !== 'PENDING') await callNext(writer, shopId, endpointId, subject, now)
  if (state === 'DELIVERED') await recordSuccess(writer, shopId, endpointId, now)
  return true
}

async function nextState(reader: Reader, claimed: Claimed, { error, retryAt }: DeliveryResult): Promise<string> {
  if (error === null) return 'DELIVERED'
  const newer =
    claimed.type !== 'cart.updated'
      ? undefined
      : await reader.db
          .selectFrom('deliveries')
          .select('id')
          .where('shop_id', '=', claimed.shop_id)
          .where('endpoint_id', '=', claimed.endpoint_id)
          .where('subject', '=', claimed.subject)
          .where('type', '=', COALESCED)
          .where('state', '=', PENDING)
          .executeTakeFirst()
  return newer ? 'SUPERSEDED' : retryAt === null ? 'DEAD' : 'PENDING'
}

/** What stood behind a row that is over is due now. */
async function callNext(writer: Writer, shopId: string, endpointId: string, subject: string, now: number): Promise<void> {
  const next = (await headsOf(writer, shopId, endpointId, [subject])).get(subject)
  if (!next || next.due_at <= now || next.state !== 'PENDING') return
  await writer.db
    .updateTable('deliveries')
    .set({ due_at: now })
    .where('shop_id', '=', shopId)
    .where('id', '=', next.id)
    .where('attempts', '=', 0)
    .execute()
}

/** What failed before and waits for its next attempt is due now: the endpoint says that it is back. */
export async function retryNow(writer: Writer, shopId: string, endpointId: string, now: number): Promise<void> {
  await writer.db
    .updateTable('deliveries')
    .set({ due_at: now })
    .where('shop_id', '=', shopId)
    .where('endpoint_id', '=', endpointId)
    .where('state', '=', PENDING)
    .where('due_at', '>', now)
    .where('attempts', '>', 0)
    .execute()
}

// Tidying ------------------------------------------------------------------------------------------------------------------------------

/**
 * Removes deliveries written since `since` whose endpoint is gone, at most `limit`; answers how many. They are written only while their endpoint is
 * being removed, so that what waits longer, perhaps much for an endpoint that is paused, need not be read.
 */
export async function purgeOrphans(writer: Writer, since: number, limit: number): Promise<number> {
  const orphans = await writer.db
    .selectFrom('deliveries as d')
    .leftJoin('endpoints as e', (join) => join.onRef('e.shop_id', '=', 'd.shop_id').onRef('e.id', '=', 'd.endpoint_id'))
    .select(['d.shop_id', 'd.id'])
    .where('d.state', 'in', LEFT)
    .where('d.created_at', '>=', since)
    .where('e.id', 'is', null)
    .limit(limit)
    .execute()
  for (const row of orphans) await writer.db.deleteFrom('deliveries').where('shop_id', '=', row.shop_id).where('id', '=', row.id).execute()
  return orphans.length
}

/**
 * Removes deliveries that are over and older than `overBefore`, and those that never arrived and are older than `leftBefore`, with their attempts:
 * at most `limit` of each. Answers how many.
 */
export async function purgeDeliveries(writer: Writer, overBefore: number, leftBefore: number, limit: number): Promise<number> {
  const old = (states: typeof OVER, before: number) =>
    writer.db
      .selectFrom('deliveries')
      .select(['shop_id', 'id'])
      .where('state', 'in', states)
      .where('created_at', '<', before)
      .limit(limit)
      .execute()
  const rows = [...(await old(OVER, overBefore)), ...(await old(LEFT, leftBefore))]
  for (const row of rows) await writer.db.deleteFrom('deliveries').where('shop_id', '=', row.shop_id).where('id', '=', row.id).execute()
  return rows.length
}
