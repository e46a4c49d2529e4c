// How often something was tried, shared by all nodes; and by whom a payment was begun, so that a card that is declined later counts for them.
import { type Kysely, sql } from 'kysely'
import type { Tables } from '../tables.ts'

const CHANGES = [
  // No reference to shops: what is tried against the whole installation has no shop (an empty id).
  `CREATE TABLE attempts (
    shop_id text NOT NULL, kind text NOT NULL, subject text NOT NULL, count bigint NOT NULL, expires_at bigint NOT NULL,
    PRIMARY KEY (shop_id, kind, subject))`,
  `CREATE INDEX attempts_age ON attempts (expires_at)`,
  `ALTER TABLE payments ADD COLUMN origin text`,
]

/** Changes everything. */
export async function up(db: Kysely<Tables>): Promise<void> {
  for (const statement of CHANGES) await sql.raw(statement).execute(db)
}
