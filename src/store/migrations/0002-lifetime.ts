// What carts need to live and end: which one is current, when something is due, what happened to it, what it was merged into; who changed
// settings; secrets that reach one cart only.
import { type Kysely, PostgresAdapter, sql } from 'kysely'
import type { Tables } from '../tables.ts'

const CHANGES = [
  `ALTER TABLE carts ADD COLUMN is_current bigint NOT NULL DEFAULT 1`,
  // `expires_at` is exact and in no index; `due_at` is the hour in which something may be due, so that ordinary changes seldom move it.
  `ALTER TABLE carts ADD COLUMN due_at bigint`,
  `ALTER TABLE carts ADD COLUMN abandoned_at bigint`,
  `ALTER TABLE carts ADD COLUMN last_change text`,
  `DROP INDEX carts_one_open`,
  `CREATE UNIQUE INDEX carts_one_open ON carts (shop_id, owner, type) WHERE state = 'OPEN' AND is_current = 1`,
  `CREATE INDEX carts_due ON carts (due_at, shop_id, id) WHERE due_at IS NOT NULL`,
  `CREATE INDEX carts_by_number ON carts (shop_id, number)`,
  `CREATE TABLE cart_history (
    shop_id text NOT NULL, cart_id text NOT NULL, version bigint NOT NULL, at bigint NOT NULL, entry text NOT NULL,
    PRIMARY KEY (shop_id, cart_id, version))`,
  `CREATE INDEX cart_history_age ON cart_history (shop_id, at)`,
  `CREATE TABLE merges (
    shop_id text NOT NULL, cart_id text NOT NULL, guest_id text NOT NULL, account text NOT NULL, into_cart text NOT NULL, report text NOT NULL,
    created_at bigint NOT NULL, PRIMARY KEY (shop_id, cart_id))`,
  `CREATE INDEX merges_age ON merges (created_at)`,
  `CREATE TABLE audit (
    shop_id text NOT NULL, id text NOT NULL, at bigint NOT NULL, actor text NOT NULL, action text NOT NULL, subject text NOT NULL,
    before text, after text, PRIMARY KEY (shop_id, id))`,
  `ALTER TABLE guest_secrets ADD COLUMN cart_id text`,
  `ALTER TABLE guest_secrets ADD COLUMN device text`,
  `CREATE INDEX guest_secrets_revoked ON guest_secrets (revoked_at) WHERE revoked_at IS NOT NULL`,
  `ALTER TABLE settings ADD COLUMN due_from text`,
  // Carts that are there already get their hours by the pass that follows a change of retention.
  `UPDATE settings SET due_from = ''`,
]

/** SQLite writes the history with a trigger, PostgreSQL in the statement that saves the cart: neither costs a statement of its own. */
const SQLITE_ONLY = [
  `CREATE TRIGGER carts_history_insert AFTER INSERT ON carts WHEN NEW.last_change IS NOT NULL BEGIN
    INSERT INTO cart_history (shop_id, cart_id, version, at, entry) VALUES (NEW.shop_id, NEW.id, NEW.version, NEW.activity, NEW.last_change);
  END`,
  `CREATE TRIGGER carts_history_update AFTER UPDATE OF last_change ON carts WHEN NEW.version > OLD.version AND NEW.last_change IS NOT NULL BEGIN
    INSERT INTO cart_history (shop_id, cart_id, version, at, entry) VALUES (NEW.shop_id, NEW.id, NEW.version, NEW.activity, NEW.last_change);
  END`,
]

/** Changes everything. */
export async function up(db: Kysely<Tables>): Promise<void> {
  const isPostgres = db.getExecutor().adapter instanceof PostgresAdapter
  for (const statement of CHANGES) await sql.raw(statement).execute(db)
  if (!isPostgres) for (const statement of SQLITE_ONLY) await sql.raw(statement).execute(db)
}
