// Links to orders can be revoked: an order's tokens carry a number that is raised when all earlier ones are to die.
import { type Kysely, sql } from 'kysely'
import type { Tables } from '../tables.ts'

/** Changes everything. */
export async function up(db: Kysely<Tables>): Promise<void> {
  await sql.raw(`ALTER TABLE orders ADD COLUMN token_generation bigint NOT NULL DEFAULT 0`).execute(db)
}
