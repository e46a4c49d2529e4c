// Which e-mail addresses belong to accounts of a shop, and whose the pieces are that are held.
import { type Kysely, sql } from 'kysely'
import type { Tables } from '../tables.ts'

const CHANGES = [
  // Addresses in the form in which customers are told apart by them.
  `CREATE TABLE account_emails (
    shop_id text NOT NULL, email text NOT NULL, account text NOT NULL, created_at bigint NOT NULL, PRIMARY KEY (shop_id, email, account))`,
  // Holds from before belong to nobody: they count against no owner's limit and end within minutes.
  `ALTER TABLE reservations ADD COLUMN owner text NOT NULL DEFAULT ''`,
]

/** Changes everything. */
export async function up(db: Kysely<Tables>): Promise<void> {
  for (const statement of CHANGES) await sql.raw(statement).execute(db)
}
