// Refunds of parts: what each is for, who asked for it, which of them were asked for together, and why one failed.
import { type Kysely, sql } from 'kysely'
import type { Tables } from '../tables.ts'

const CHANGES = [
  `ALTER TABLE refunds ADD COLUMN group_id text NOT NULL DEFAULT ''`,
  `UPDATE refunds SET group_id = id`,
  `ALTER TABLE refunds ADD COLUMN actor text NOT NULL DEFAULT 'system'`,
  // Until now a refund was of everything that was left of a payment, and for nothing in particular.
  `ALTER TABLE refunds ADD COLUMN content text NOT NULL DEFAULT '{"lines":[],"shipping":0}'`,
  `ALTER TABLE refunds ADD COLUMN failure text`,
]

/** Changes everything. */
export async function up(db: Kysely<Tables>): Promise<void> {
  for (const statement of CHANGES) await sql.raw(statement).execute(db)
}
