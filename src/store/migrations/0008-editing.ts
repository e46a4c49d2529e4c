// Staff edits placed orders: what an order was before is kept.
import { type Kysely, sql } from 'kysely'
import type { Tables } from '../tables.ts'

const CHANGES = [
  `CREATE TABLE order_revisions (
    shop_id text NOT NULL, order_id text NOT NULL, revision bigint NOT NULL, at bigint NOT NULL, actor text NOT NULL, entry text NOT NULL,
    document text NOT NULL, PRIMARY KEY (shop_id, order_id, revision),
    FOREIGN KEY (shop_id, order_id) REFERENCES orders (shop_id, id))`,
]

/** Changes everything. */
export async function up(db: Kysely<Tables>): Promise<void> {
  for (const statement of CHANGES) await sql.raw(statement).execute(db)
}
