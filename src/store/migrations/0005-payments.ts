// Payments by hand and in two steps: how a payment was chosen and what staff said of it, what is to be done with reserved money, and the accounts
// that shops have at providers.
import { type Kysely, sql } from 'kysely'
import type { Tables } from '../tables.ts'

const CHANGES = [
  // How it is paid, where a provider has several ways; what the customer was told to do; what the bank said; when money came.
  `ALTER TABLE payments ADD COLUMN method text`,
  `ALTER TABLE payments ADD COLUMN instructions text`,
  `ALTER TABLE payments ADD COLUMN reference text`,
  `ALTER TABLE payments ADD COLUMN paid_at bigint`,
  // Kept with the payment: a session that is opened again must be asked for in the same words.
  `ALTER TABLE payments ADD COLUMN capture text NOT NULL DEFAULT 'automatic'`,
  `CREATE INDEX payments_by_session ON payments (shop_id, session_id) WHERE session_id IS NOT NULL`,

  `CREATE TABLE payment_actions (
    shop_id text NOT NULL, id text NOT NULL, payment_id text NOT NULL, order_id text NOT NULL, kind text NOT NULL, amount bigint NOT NULL,
    currency text NOT NULL, state text NOT NULL, reason text, created_at bigint NOT NULL, due_at bigint NOT NULL,
    attempts bigint NOT NULL DEFAULT 0, PRIMARY KEY (shop_id, id),
    FOREIGN KEY (shop_id, payment_id) REFERENCES payments (shop_id, id), CHECK (amount >= 0))`,
  // Money is taken or set free, never both at the same time.
  `CREATE UNIQUE INDEX payment_actions_under_way ON payment_actions (shop_id, payment_id) WHERE state = 'PENDING'`,
  `CREATE INDEX payment_actions_by_order ON payment_actions (shop_id, order_id, payment_id, id)`,
  `CREATE INDEX payment_actions_due ON payment_actions (due_at) WHERE state = 'PENDING'`,

  `CREATE TABLE provider_accounts (
    shop_id text NOT NULL, provider text NOT NULL, sealed text NOT NULL, hint text NOT NULL, updated_at bigint NOT NULL,
    PRIMARY KEY (shop_id, provider))`,
]

/** Changes everything. */
export async function up(db: Kysely<Tables>): Promise<void> {
  for (const statement of CHANGES) await sql.raw(statement).execute(db)
}
