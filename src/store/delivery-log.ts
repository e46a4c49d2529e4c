// What was sent to endpoints: for looking, and for sending again.
import { sql } from 'kysely'
import type { Reader, Writer } from './store.ts'
import type { DeliveryAttemptTable, DeliveryTable } from './tables.ts'

/** How a delivery stands. `SUPERSEDED`: it gave way to a newer one, or was sent again under another id. */
export const DELIVERY_STATES = ['PENDING', 'SENDING', 'DELIVERED', 'SUPERSEDED', 'DEAD'] as const

/** Which deliveries are meant; times are milliseconds, `from` inclusive, `to` exclusive. */
export interface DeliveryFilter {
  readonly state?: (typeof DELIVERY_STATES)[number]
  readonly types?: readonly string[]
  readonly subject?: string
  readonly from?: number
  readonly to?: number
}

/** The deliveries of an endpoint, newest first, or oldest first. `after` goes on behind an id. */
export function listDeliveries(
  reader: Reader,
  shopId: string,
  endpointId: string,
  filter: DeliveryFilter,
  page: { after?: string; limit: number; oldestFirst?: boolean },
): Promise<DeliveryTable[]> {
  const { state, types, subject, from, to } = filter
  let query = reader.db.selectFrom('deliveries').selectAll().where('shop_id', '=', shopId).where('endpoint_id', '=', endpointId)
  // Written out, not bound: SQLite uses the index of dead letters only where it can read the condition. The contract knows the states.
  if (state !== undefined) query = query.where('state', '=', sql.lit(state))
  if (types !== undefined) query = query.where('type', 'in', [...types])
  if (subject !== undefined) query = query.where('subject', '=', subject)
  if (from !== undefined) query = query.where('created_at', '>=', from)
  if (to !== undefined) query = query.where('created_at', '<', to)
  if (page.after !== undefined) query = query.where('id', page.oldestFirst ? '>' : '<', page.after)
  return query
    .orderBy('id', page.oldestFirst ? 'asc' : 'desc')
    .limit(page.limit)
    .execute()
}

/** One delivery of an endpoint. */
export function readDelivery(reader: Reader, shopId: string, endpointId: string, id: string): Promise<DeliveryTable | undefined> {
  return reader.db
    .selectFrom('deliveries')
    .selectAll()
    .where('shop_id', '=', shopId)
    .where('endpoint_id', '=', endpointId)
    .where('id', '=', id)
    .executeTakeFirst()
}

/** What its attempts came to, in their order. One that a crash interrupted is missing. */
export function readAttempts(reader: Reader, shopId: string, deliveryId: string): Promise<DeliveryAttemptTable[]> {
  return reader.db
    .selectFrom('delivery_attempts')
    .selectAll()
    .where('shop_id', '=', shopId)
    .where('delivery_id', '=', deliveryId)
    .orderBy('attempt')
    .execute()
}

/** Puts a delivery that waits to the front of its time. */
export async function hasten(writer: Writer, { shop_id, id }: DeliveryTable, now: number): Promise<void> {
  await writer.db.updateTable('deliveries').set({ due_at: now }).where('shop_id', '=', shop_id).where('id', '=', id).execute()
}

/**
 * Sends deliveries that are over again, as new rows at the end of their subjects, under the same event ids. A dead one gives way to its new row,
 * so it is no dead letter any more. Of several `cart.updated` of a cart only the last is sent, and none if a newer one waits already.
 * @returns the ids of the new rows
 */
export async function sendAgain(writer: Writer, rows: readonly DeliveryTable[], now: number, newId: () => string): Promise<string[]> {
  const latest = new Map(rows.filter((row) => row.type === 'cart.updated').map((row) => [`${row.endpoint_id} ${row.subject}`, row.id]))
  const again = rows
    .filter((row) => row.type !== 'cart.updated' || latest.get(`${row.endpoint_id} ${row.subject}`) === row.id)
    .map((row) => ({
      ...row,
      id: newId(),
      state: 'PENDING',
      attempts: 0,
      due_at: now,
      leased_until: 0,
      created_at: now,
      delivered_at: null,
      last_status: null,
      last_error: null,
    }))
  if (again.length === 0) return []
  const written = await writer.db
    .insertInto('deliveries')
    .values(again)
    .onConflict((conflict) => conflict.doNothing())
    .returning('id')
    .execute()
  for (const row of rows.filter((each) => each.state === 'DEAD'))
    await writer.db
      .updateTable('deliveries')
      .set({ state: 'SUPERSEDED' })
      .where('shop_id', '=', row.shop_id)
      .where('id', '=', row.id)
      .where('state', '=', 'DEAD')
      .execute()
  return written.map((row) => row.id)
}

/** The id of the `cart.updated` of a cart that waits for an endpoint. */
export async function waitingUpdate(reader: Reader, row: DeliveryTable): Promise<string | undefined> {
  const waiting = await reader.db
    .selectFrom('deliveries')
    .select('id')
    .where('shop_id', '=', row.shop_id)
    .where('endpoint_id', '=', row.endpoint_id)
    .where('subject', '=', row.subject)
    .where('type', '=', 'cart.updated')
    .where('state', '=', sql.lit('PENDING'))
    .executeTakeFirst()
  return waiting?.id
}
