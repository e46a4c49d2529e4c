// Subscriptions and the orders of their periods. `slot` is taken while one that may be had once stands: a unique index keeps a second one out. The
// key of `subscription_orders` makes each period once, on any number of nodes.
import { type Kysely, sql } from 'kysely'
import type { Tables } from '../tables.ts'

const CHANGES = [
  `CREATE TABLE subscriptions (
    shop_id text NOT NULL, id text NOT NULL, account text NOT NULL, state text NOT NULL, begun bigint NOT NULL, slot text, due_at bigint,
    leased_until bigint NOT NULL, version bigint NOT NULL, document text NOT NULL, created_at bigint NOT NULL, PRIMARY KEY (shop_id, id))`,
  `CREATE UNIQUE INDEX subscriptions_slot ON subscriptions (shop_id, slot) WHERE slot IS NOT NULL`,
  `CREATE INDEX subscriptions_due ON subscriptions (due_at) WHERE due_at IS NOT NULL`,
  `CREATE INDEX subscriptions_account ON subscriptions (shop_id, account, id)`,
  `CREATE TABLE subscription_orders (
    shop_id text NOT NULL, subscription_id text NOT NULL, period bigint NOT NULL, order_id text NOT NULL, invoice text,
    PRIMARY KEY (shop_id, subscription_id, period))`,
  `CREATE UNIQUE INDEX subscription_orders_invoice ON subscription_orders (shop_id, subscription_id, invoice) WHERE invoice IS NOT NULL`,
]

/** Makes both tables. */
export async function up(db: Kysely<Tables>): Promise<void> {
  for (const statement of CHANGES) await sql.raw(statement).execute(db)
}
