// Balances of accounts, and the entries they are the sum of.
import { type Kysely, sql } from 'kysely'
import type { Tables } from '../tables.ts'

const CHANGES = [
  // Whether one may be below zero is the shop's setting; that payments never take more than there is, the code under the row's lock.
  `CREATE TABLE balances (
    shop_id text NOT NULL, account text NOT NULL, currency text NOT NULL, amount bigint NOT NULL, version bigint NOT NULL,
    updated_at bigint NOT NULL, PRIMARY KEY (shop_id, account, currency))`,
  `CREATE TABLE balance_entries (
    shop_id text NOT NULL, id text NOT NULL, account text NOT NULL, currency text NOT NULL, kind text NOT NULL, amount bigint NOT NULL,
    balance_after bigint NOT NULL, cause text NOT NULL, order_id text, line_id text, payment_id text, refund_id text, actor text NOT NULL,
    message text, at bigint NOT NULL, PRIMARY KEY (shop_id, id))`,
  // What happens once has one entry, however often it is asked for.
  `CREATE UNIQUE INDEX balance_entries_cause ON balance_entries (shop_id, cause)`,
  `CREATE INDEX balance_entries_account ON balance_entries (shop_id, account, id)`,
  `CREATE INDEX balance_entries_order ON balance_entries (shop_id, order_id, id) WHERE order_id IS NOT NULL`,
]

/** Makes both tables. */
export async function up(db: Kysely<Tables>): Promise<void> {
  for (const statement of CHANGES) await sql.raw(statement).execute(db)
}
