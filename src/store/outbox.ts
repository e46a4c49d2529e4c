// Everything that leaves the house leaves by here: one row per event and endpoint, written in the transaction of the change. Types that no
// endpoint wants are not written; `cart.updated` is one undelivered row per endpoint and cart, overwritten by newer data. Rows of one
// subject and endpoint go out in order of their ids.
import { sql } from 'kysely'
import type { Event } from '../core/event.ts'
import type { Reader, Writer } from './store.ts'
import type { DeliveryTable, EndpointTable } from './tables.ts'

/** The endpoints of a shop that are switched on. */
export async function readEndpoints(reader: Reader, shopId: string): Promise<EndpointTable[]> {
  return reader.db.selectFrom('endpoints').selectAll().where('shop_id', '=', shopId).orderBy('id').execute()
}

/** Adds an endpoint. */
export async function insertEndpoint(writer: Writer, endpoint: EndpointTable): Promise<void> {
  await writer.db.insertInto('endpoints').values(endpoint).execute()
}

/**
 * Removes an endpoint with all its deliveries; false when there is none. A transaction that is under way may still write a row for it: it is
 * never claimed, and tidied away. (A foreign key would fail that transaction, a shopper's, for a merchant's change.)
 */
export async function deleteEndpoint(writer: Writer, shopId: string, id: string): Promise<boolean> {
  await writer.db.deleteFrom('deliveries').where('shop_id', '=', shopId).where('endpoint_id', '=', id).execute()
  const removed = await writer.db
    .deleteFrom('endpoints')
    .where('shop_id', '=', shopId)
    .where('id', '=', id)
    .returning('id')
    .executeTakeFirst()
  return removed !== undefined
}

/** Whether an endpoint wants a type. */
export function wants(endpoint: Pick<EndpointTable, 'types' | 'active'>, type: string): boolean {
  const types = JSON.parse(endpoint.types) as string[]
  return endpoint.active === 1 && (types.includes('*') || types.includes(type))
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
        .where('type', '=', sql.lit('cart.updated'))
        .where('state', '=', sql.lit('PENDING'))
        .doUpdateSet((eb) => ({ data: eb.ref('excluded.data'), event_id: eb.ref('excluded.event_id') })),
    )
    .execute()
}

/** The shops that have something to deliver now, at most `limit`: read without a lock. */
export async function shopsWithDeliveries(reader: Reader, now: number, limit: number): Promise<string[]> {
  const rows = await reader.db
    .selectFrom('deliveries')
    .select('shop_id')
    .distinct()
    .where((eb) => eb.or([eb('state', '=', 'PENDING'), eb.and([eb('state', '=', 'SENDING'), eb('leased_until', '<=', now)])]))
    .where('due_at', '<=', now)
    .limit(limit)
    .execute()
  return rows.map((row) => row.shop_id)
}

/** A claimed delivery with where it goes. It counts only while its lease (`leased_until`) stands. */
export type Claimed = DeliveryTable & { readonly url: string; readonly secret: string }

/**
 * Claims deliveries of a shop that are due and first of their subject, at most `limit`, until `leasedUntil`, passing over endpoints that are
 * being served. A lease that ran out is claimed
 * again, so a crash loses nothing.
 */
export async function claimDeliveries(
  writer: Writer,
  shopId: string,
  now: number,
  leasedUntil: number,
  limit: number,
  exceptEndpoints: readonly string[],
): Promise<Claimed[]> {
  let query = writer.db
    .selectFrom('deliveries as d')
    .innerJoin('endpoints as e', (join) => join.onRef('e.shop_id', '=', 'd.shop_id').onRef('e.id', '=', 'd.endpoint_id'))
    .selectAll('d')
    .select(['e.url', 'e.secret'])
    .where('d.shop_id', '=', shopId)
    .where((eb) => eb.or([eb('d.state', '=', 'PENDING'), eb.and([eb('d.state', '=', 'SENDING'), eb('d.leased_until', '<=', now)])]))
    .where('d.due_at', '<=', now)
    .where((eb) =>
      eb.not(
        eb.exists(
          eb
            .selectFrom('deliveries as o')
            .select('o.id')
            .whereRef('o.shop_id', '=', 'd.shop_id')
            .whereRef('o.endpoint_id', '=', 'd.endpoint_id')
            .whereRef('o.subject', '=', 'd.subject')
            .where('o.state', 'in', ['PENDING', 'SENDING'])
            .whereRef('o.id', '<', 'd.id'),
        ),
      ),
    )
    .orderBy('d.id')
    .limit(limit)
  if (exceptEndpoints.length > 0) query = query.where('d.endpoint_id', 'not in', [...exceptEndpoints])
  if (writer.dialect === 'postgres') query = query.forUpdate('d').skipLocked()
  const rows = await query.execute()
  if (rows.length === 0) return []
  await writer.db
    .updateTable('deliveries')
    .set((eb) => ({ state: 'SENDING', leased_until: leasedUntil, attempts: eb('attempts', '+', 1) }))
    .where('shop_id', '=', shopId)
    .where(
      'id',
      'in',
      rows.map((row) => row.id),
    )
    .execute()
  return rows.map((row) => ({ ...row, attempts: row.attempts + 1, leased_until: leasedUntil }))
}

/** What a delivery came to: delivered, to be tried again at `retryAt`, or given up (`retryAt` null). */
export interface DeliveryResult {
  readonly status: number | null
  readonly error: string | null
  readonly retryAt: number | null
}

/** Records what came of a claimed delivery, if its lease still stands. A failed `cart.updated` gives way to a newer one that waits. */
export async function settleDelivery(writer: Writer, claimed: Claimed, result: DeliveryResult, now: number): Promise<void> {
  const mine = writer.db
    .updateTable('deliveries')
    .where('shop_id', '=', claimed.shop_id)
    .where('id', '=', claimed.id)
    .where('leased_until', '=', claimed.leased_until)
    .where('state', '=', 'SENDING')
  if (result.error === null) {
    await mine.set({ state: 'DELIVERED', delivered_at: now, last_status: result.status, last_error: null }).execute()
    return
  }
  const newer =
    claimed.type !== 'cart.updated'
      ? undefined
      : await writer.db
          .selectFrom('deliveries')
          .select('id')
          .where('shop_id', '=', claimed.shop_id)
          .where('endpoint_id', '=', claimed.endpoint_id)
          .where('subject', '=', claimed.subject)
          .where('type', '=', 'cart.updated')
          .where('state', '=', 'PENDING')
          .executeTakeFirst()
  const state = newer ? 'SUPERSEDED' : result.retryAt === null ? 'DEAD' : 'PENDING'
  await mine
    .set({ state, due_at: result.retryAt ?? claimed.due_at, last_status: result.status, last_error: result.error.slice(0, 500) })
    .execute()
}

/** The deliveries of an endpoint, newest first. */
export function listDeliveries(
  reader: Reader,
  shopId: string,
  endpointId: string,
  page: { after?: string; state?: string; limit: number },
): Promise<DeliveryTable[]> {
  let query = reader.db.selectFrom('deliveries').selectAll().where('shop_id', '=', shopId).where('endpoint_id', '=', endpointId)
  if (page.state !== undefined) query = query.where('state', '=', page.state)
  if (page.after !== undefined) query = query.where('id', '<', page.after)
  return query.orderBy('id', 'desc').limit(page.limit).execute()
}

/** Sends a delivery again, whatever became of it, as a new row at the end of its subject; answers its id, or undefined. */
export async function redeliver(
  writer: Writer,
  shopId: string,
  endpointId: string,
  id: string,
  now: number,
  newId: string,
): Promise<string | undefined> {
  const row = await writer.db
    .selectFrom('deliveries')
    .selectAll()
    .where('shop_id', '=', shopId)
    .where('endpoint_id', '=', endpointId)
    .where('id', '=', id)
    .executeTakeFirst()
  if (!row) return undefined
  if (row.state === 'PENDING' || row.state === 'SENDING') {
    await writer.db.updateTable('deliveries').set({ due_at: now }).where('shop_id', '=', shopId).where('id', '=', id).execute()
    return id
  }
  const again = {
    ...row,
    id: newId,
    state: 'PENDING',
    attempts: 0,
    due_at: now,
    leased_until: 0,
    created_at: now,
    delivered_at: null,
    last_status: null,
    last_error: null,
  }
  await writer.db
    .insertInto('deliveries')
    .values(again)
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  return newId
}

/** Removes deliveries whose endpoint is gone, at most `limit`; answers how many. */
export async function purgeOrphans(writer: Writer, limit: number): Promise<number> {
  const orphans = await writer.db
    .selectFrom('deliveries as d')
    .leftJoin('endpoints as e', (join) => join.onRef('e.shop_id', '=', 'd.shop_id').onRef('e.id', '=', 'd.endpoint_id'))
    .select(['d.shop_id', 'd.id'])
    .where('d.state', '=', 'PENDING')
    .where('e.id', 'is', null)
    .limit(limit)
    .execute()
  for (const row of orphans) await writer.db.deleteFrom('deliveries').where('shop_id', '=', row.shop_id).where('id', '=', row.id).execute()
  return orphans.length
}

/** Removes deliveries that are over and older than `before`, at most `limit`; answers how many. */
export async function purgeDeliveries(writer: Writer, before: number, limit: number): Promise<number> {
  const old = await writer.db
    .selectFrom('deliveries')
    .select(['shop_id', 'id'])
    .where('state', 'in', ['DELIVERED', 'SUPERSEDED'])
    .where('created_at', '<', before)
    .limit(limit)
    .execute()
  for (const row of old) await writer.db.deleteFrom('deliveries').where('shop_id', '=', row.shop_id).where('id', '=', row.id).execute()
  return old.length
}
