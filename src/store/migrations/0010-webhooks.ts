// What merchants need to trust webhooks: secrets that change without a gap, how an endpoint does, and what each attempt came to.
import { type Kysely, sql } from 'kysely'
import type { Tables } from '../tables.ts'

const CHANGES = [
  `ALTER TABLE endpoints ADD COLUMN description text`,
  `ALTER TABLE endpoints ADD COLUMN updated_at bigint NOT NULL DEFAULT 0`,
  `UPDATE endpoints SET updated_at = created_at`,
  // The secret before the present one: it signs besides until then.
  `ALTER TABLE endpoints ADD COLUMN previous_secret text`,
  `ALTER TABLE endpoints ADD COLUMN previous_until bigint`,
  // How it does. Not paused: null. Nothing is sent before held_until, which the endpoint asked for.
  `ALTER TABLE endpoints ADD COLUMN paused_at bigint`,
  `ALTER TABLE endpoints ADD COLUMN stopped_reason text`,
  `ALTER TABLE endpoints ADD COLUMN failures bigint NOT NULL DEFAULT 0`,
  `ALTER TABLE endpoints ADD COLUMN failing_since bigint`,
  `ALTER TABLE endpoints ADD COLUMN last_success_at bigint`,
  `ALTER TABLE endpoints ADD COLUMN last_failure_at bigint`,
  `ALTER TABLE endpoints ADD COLUMN held_until bigint NOT NULL DEFAULT 0`,
  // When it happened: the same however often it is sent.
  `ALTER TABLE deliveries ADD COLUMN occurred_at bigint NOT NULL DEFAULT 0`,
  `UPDATE deliveries SET occurred_at = created_at`,
  `CREATE TABLE delivery_attempts (
    shop_id text NOT NULL, delivery_id text NOT NULL, attempt bigint NOT NULL, at bigint NOT NULL, duration_ms bigint NOT NULL, status bigint,
    answer text, error text, PRIMARY KEY (shop_id, delivery_id, attempt),
    FOREIGN KEY (shop_id, delivery_id) REFERENCES deliveries (shop_id, id) ON DELETE CASCADE)`,
  // Each endpoint is looked at by itself, however much waits for another.
  `DROP INDEX deliveries_due`,
  `CREATE INDEX deliveries_due ON deliveries (shop_id, endpoint_id, due_at, id) WHERE state = 'PENDING'`,
  `CREATE INDEX deliveries_sending ON deliveries (shop_id, endpoint_id, leased_until) WHERE state = 'SENDING'`,
  `CREATE INDEX deliveries_dead ON deliveries (shop_id, endpoint_id, id) WHERE state = 'DEAD'`,
  `CREATE INDEX deliveries_by_subject ON deliveries (shop_id, subject, id)`,
  // What is old is found without reading what is not.
  `CREATE INDEX deliveries_over ON deliveries (created_at) WHERE state IN ('DELIVERED', 'SUPERSEDED')`,
  `CREATE INDEX deliveries_left ON deliveries (created_at) WHERE state IN ('PENDING', 'SENDING', 'DEAD')`,
]

/** Changes everything. */
export async function up(db: Kysely<Tables>): Promise<void> {
  for (const statement of CHANGES) await sql.raw(statement).execute(db)
}
