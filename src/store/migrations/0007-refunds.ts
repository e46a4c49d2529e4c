// Refunds of parts: what each is for, who asked for it, which of them were asked for together, and why one failed; what orders no longer cost.
import { type Kysely, sql } from 'kysely'
import type { Tables } from '../tables.ts'

const CHANGES = [
  `ALTER TABLE refunds ADD COLUMN group_id text NOT NULL DEFAULT ''`,
  `UPDATE refunds SET group_id = id`,
  `ALTER TABLE refunds ADD COLUMN actor text NOT NULL DEFAULT 'system'`,
  // Until now a refund was of everything that was left of a payment, and for nothing in particular.
  `ALTER TABLE refunds ADD COLUMN content text NOT NULL DEFAULT '{"lines":[],"shipping":0}'`,
  `ALTER TABLE refunds ADD COLUMN failure text`,
  // What an order no longer costs follows from its document. Whether staff kept the money of a cancelled one, nothing else says.
  `ALTER TABLE orders ADD COLUMN cancelled bigint NOT NULL DEFAULT 0`,
  `UPDATE orders SET cancelled = total WHERE state = 'CANCELLED'`,
  `ALTER TABLE orders ADD COLUMN money_kept smallint NOT NULL DEFAULT 0`,
]

/** Changes everything. */
export async function up(db: Kysely<Tables>): Promise<void> {
  for (const statement of CHANGES) await sql.raw(statement).execute(db)
}
