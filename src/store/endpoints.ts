// Where a shop wants its events: endpoints with their secrets, and how they do. What is sent to them is in outbox.ts.
import { sql, type UpdateObject } from 'kysely'
import type { Reader, Writer } from './store.ts'
import type { EndpointTable, Tables } from './tables.ts'

/** All endpoints of a shop. */
export async function readEndpoints(reader: Reader, shopId: string): Promise<EndpointTable[]> {
  return reader.db.selectFrom('endpoints').selectAll().where('shop_id', '=', shopId).orderBy('id').execute()
}

/** One endpoint. */
export async function readEndpoint(reader: Reader, shopId: string, id: string): Promise<EndpointTable | undefined> {
  return reader.db.selectFrom('endpoints').selectAll().where('shop_id', '=', shopId).where('id', '=', id).executeTakeFirst()
}

/** What a new endpoint must say. */
type NewEndpoint = Pick<EndpointTable, 'shop_id' | 'id' | 'url' | 'types' | 'secret' | 'active' | 'created_at'> & Partial<EndpointTable>

/** Adds an endpoint. */
export async function insertEndpoint(writer: Writer, endpoint: NewEndpoint): Promise<void> {
  await writer.db
    .insertInto('endpoints')
    .values({
      description: null,
      updated_at: endpoint.created_at,
      previous_secret: null,
      previous_until: null,
      paused_at: null,
      stopped_reason: null,
      failures: 0,
      failing_since: null,
      last_success_at: null,
      last_failure_at: null,
      held_until: 0,
      ...endpoint,
    })
    .execute()
}

/** Changes an endpoint; false when there is none. */
export async function updateEndpoint(
  writer: Writer,
  shopId: string,
  id: string,
  changes: UpdateObject<Tables, 'endpoints'>,
): Promise<boolean> {
  const { numUpdatedRows } = await writer.db
    .updateTable('endpoints')
    .set(changes)
    .where('shop_id', '=', shopId)
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  return numUpdatedRows > 0n
}

/**
 * Gives an endpoint another secret; the one that it has at this moment signs besides until `until`, or not at all (null). Of two at once none is
 * lost that was shown to somebody. False when there is no such endpoint.
 */
export function rotateSecret(
  writer: Writer,
  shopId: string,
  id: string,
  { secret, until, now }: { secret: string; until: number | null; now: number },
): Promise<boolean> {
  const previous = until === null ? null : sql<string>`secret`
  return updateEndpoint(writer, shopId, id, { secret, previous_secret: previous, previous_until: until, updated_at: now })
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

/** How often a success is written down when it is one of many, in milliseconds: a row per delivery would be a row that everybody waits for. */
const SUCCESS_EVERY_MS = 60_000

/** Writes down that an endpoint received something. */
export async function recordSuccess(writer: Writer, shopId: string, id: string, now: number): Promise<void> {
  await writer.db
    .updateTable('endpoints')
    .set({ failures: 0, failing_since: null, last_success_at: now, held_until: 0 })
    .where('shop_id', '=', shopId)
    .where('id', '=', id)
    .where((eb) => eb.or([eb('failures', '>', 0), eb('last_success_at', 'is', null), eb('last_success_at', '<', now - SUCCESS_EVERY_MS)]))
    .execute()
}

/** Writes down that an endpoint failed; `heldUntil`: it asked to be left alone until then. Answers how it stands, or undefined when it is gone. */
export async function recordFailure(
  writer: Writer,
  shopId: string,
  id: string,
  { now, heldUntil }: { now: number; heldUntil: number },
): Promise<EndpointTable | undefined> {
  return writer.db
    .updateTable('endpoints')
    .set((eb) => ({
      failures: eb('failures', '+', 1),
      failing_since: eb.fn.coalesce('failing_since', eb.val(now)),
      last_failure_at: now,
      ...(heldUntil > now ? { held_until: heldUntil } : {}),
    }))
    .where('shop_id', '=', shopId)
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirst()
}

/** Forgets secrets whose time is over, at most `limit`; answers how many. */
export async function forgetSecrets(writer: Writer, now: number, limit: number): Promise<number> {
  const over = await writer.db.selectFrom('endpoints').select(['shop_id', 'id']).where('previous_until', '<=', now).limit(limit).execute()
  for (const { shop_id, id } of over) await updateEndpoint(writer, shop_id, id, { previous_secret: null, previous_until: null })
  return over.length
}
