// What a write with an Idempotency-Key did: the hash of its request and its outcome, recorded in the transaction of the effect, successes only.
import type { Reader, Statement, Writer } from './store.ts'

/** A recorded outcome. `sealed` is a secret of the answer, encrypted under a key that only the raw Idempotency-Key yields. */
export interface Recorded {
  readonly request_hash: string
  readonly outcome: string
  readonly sealed: string | null
}

const READ: Statement = {
  name: 'read_idempotency',
  postgres: 'SELECT key, request_hash, outcome, sealed FROM idempotency WHERE shop_id = $1 AND key = ANY($2::text[]) AND created_at > $3',
  sqlite:
    'SELECT key, request_hash, outcome, sealed FROM idempotency WHERE shop_id = ?1 AND key IN (SELECT value FROM json_each(?2)) AND created_at > ?3',
}

const INSERT_COLUMNS = 'INSERT INTO idempotency (shop_id, key, request_hash, outcome, sealed, created_at) VALUES'
const REPLACE_OLD =
  'ON CONFLICT (shop_id, key) DO UPDATE SET request_hash = excluded.request_hash, outcome = excluded.outcome, sealed = excluded.sealed, created_at = excluded.created_at WHERE idempotency.created_at <='
const INSERT: Statement = {
  name: 'insert_idempotency',
  postgres: `${INSERT_COLUMNS} ($1, $2, $3, $4, $5, $6) ${REPLACE_OLD} $7 RETURNING key`,
  sqlite: `${INSERT_COLUMNS} (?1, ?2, ?3, ?4, ?5, ?6) ${REPLACE_OLD} ?7 RETURNING key`,
}

/** How long an outcome is kept. */
export const IDEMPOTENCY_KEPT_MS = 24 * 3_600_000

/** The outcomes recorded under keys (their hashes); keys that were not used are missing. */
export async function readRecorded(reader: Reader, shopId: string, keys: readonly string[], now: number): Promise<Map<string, Recorded>> {
  if (keys.length === 0) return new Map()
  const list = reader.dialect === 'postgres' ? keys : JSON.stringify(keys)
  const rows = await reader.run<Recorded & { key: string }>(READ, [shopId, list, now - IDEMPOTENCY_KEPT_MS])
  return new Map(rows.map((row) => [row.key, row]))
}

/** Records an outcome; false when the key was used meanwhile, and then the whole transaction must not happen. */
export async function record(writer: Writer, shopId: string, key: string, recorded: Recorded, now: number): Promise<boolean> {
  const rows = await writer.run(INSERT, [
    shopId,
    key,
    recorded.request_hash,
    recorded.outcome,
    recorded.sealed,
    now,
    now - IDEMPOTENCY_KEPT_MS,
  ])
  return rows.length > 0
}

/** Removes outcomes that are past their time, at most `limit`; answers how many. */
export async function purgeRecorded(writer: Writer, now: number, limit: number): Promise<number> {
  const old = await writer.db
    .selectFrom('idempotency')
    .select(['shop_id', 'key'])
    .where('created_at', '<', now - IDEMPOTENCY_KEPT_MS)
    .limit(limit)
    .execute()
  for (const row of old) await writer.db.deleteFrom('idempotency').where('shop_id', '=', row.shop_id).where('key', '=', row.key).execute()
  return old.length
}
