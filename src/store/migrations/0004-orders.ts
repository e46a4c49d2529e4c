// What merchants run a shop by: orders are found by their states, and it is remembered what happened to them.
import { type Kysely, sql } from 'kysely'
import type { Tables } from '../tables.ts'

const CHANGES = [
  // The columns follow from the documents; orders from before get theirs below.
  `ALTER TABLE orders ADD COLUMN status text NOT NULL DEFAULT 'new'`,
  `ALTER TABLE orders ADD COLUMN payment_state text NOT NULL DEFAULT 'NONE'`,
  `ALTER TABLE orders ADD COLUMN fulfilment_state text NOT NULL DEFAULT 'UNFULFILLED'`,
  // What was taken of a payment: with money that is reserved first it may be less than the amount.
  `ALTER TABLE payments ADD COLUMN captured bigint NOT NULL DEFAULT 0`,
  `UPDATE payments SET captured = amount WHERE state IN ('PAID', 'REFUNDED')`,
  `CREATE TABLE order_history (
    shop_id text NOT NULL, order_id text NOT NULL, id text NOT NULL, version bigint NOT NULL, at bigint NOT NULL, actor text NOT NULL,
    entry text NOT NULL, PRIMARY KEY (shop_id, order_id, id),
    FOREIGN KEY (shop_id, order_id) REFERENCES orders (shop_id, id))`,
]

/** Orders whose columns are filled at a time. */
const CHUNK = 1000

/** Changes everything. */
export async function up(db: Kysely<Tables>): Promise<void> {
  for (const statement of CHANGES) await sql.raw(statement).execute(db)
  await fillStates(db)
}

async function fillStates(db: Kysely<Tables>): Promise<void> {
  let last = { shop_id: '', id: '' }
  for (;;) {
    const rows = await db
      .selectFrom('orders')
      .select(['shop_id', 'id', 'document'])
      .where((eb) => eb.or([eb('shop_id', '>', last.shop_id), eb.and([eb('shop_id', '=', last.shop_id), eb('id', '>', last.id)])]))
      .orderBy('shop_id')
      .orderBy('id')
      .limit(CHUNK)
      .execute()
    for (const { shop_id, id, document } of rows) {
      const { status, paymentState } = JSON.parse(document) as { status: string; paymentState: string }
      await db
        .updateTable('orders')
        .set({ status, payment_state: paymentState })
        .where('shop_id', '=', shop_id)
        .where('id', '=', id)
        .execute()
    }
    const end = rows.at(-1)
    if (!end || rows.length < CHUNK) return
    last = end
  }
}
