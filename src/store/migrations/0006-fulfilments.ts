// What left the house, what orders are found by, and one reference per order.
import { type Kysely, sql } from 'kysely'
import type { Tables } from '../tables.ts'

const CHANGES = [
  `CREATE TABLE fulfilments (
    shop_id text NOT NULL, id text NOT NULL, order_id text NOT NULL, state text NOT NULL, document text NOT NULL, created_at bigint NOT NULL,
    updated_at bigint NOT NULL, PRIMARY KEY (shop_id, id), FOREIGN KEY (shop_id, order_id) REFERENCES orders (shop_id, id))`,
  `CREATE INDEX fulfilments_by_order ON fulfilments (shop_id, order_id, id)`,
  // What staff looks at daily: the orders of a status, those to be handed over, those whose money needs a look, those of a day.
  `CREATE INDEX orders_by_status ON orders (shop_id, status, id) WHERE placed_at IS NOT NULL`,
  `CREATE INDEX orders_by_fulfilment ON orders (shop_id, fulfilment_state, id) WHERE placed_at IS NOT NULL`,
  `CREATE INDEX orders_by_payment ON orders (shop_id, payment_state, id) WHERE placed_at IS NOT NULL`,
  `CREATE INDEX orders_by_time ON orders (shop_id, placed_at) WHERE placed_at IS NOT NULL`,
]

const UNIQUE = `CREATE UNIQUE INDEX orders_by_reference ON orders (shop_id, reference) WHERE reference IS NOT NULL`

/** Changes everything. */
export async function up(db: Kysely<Tables>): Promise<void> {
  for (const statement of CHANGES) await sql.raw(statement).execute(db)
  await tellApart(db)
  await sql.raw(UNIQUE).execute(db)
}

/** Templates without a sequence gave several orders one reference: all but the first of them get a number behind it. */
async function tellApart(db: Kysely<Tables>): Promise<void> {
  const repeated = await db
    .selectFrom('orders')
    .select(['shop_id', 'reference'])
    .where('reference', 'is not', null)
    .groupBy(['shop_id', 'reference'])
    .having((eb) => eb.fn.countAll(), '>', 1)
    .execute()
  for (const { shop_id, reference } of repeated) {
    if (reference === null) continue
    const rows = await db
      .selectFrom('orders')
      .select(['id', 'document'])
      .where('shop_id', '=', shop_id)
      .where('reference', '=', reference)
      .orderBy('id')
      .execute()
    let next = 2
    for (const { id, document } of rows.slice(1)) {
      while (await isTaken(db, shop_id, `${reference}-${next}`)) next++
      const told = `${reference}-${next++}`
      await db
        .updateTable('orders')
        .set({ reference: told, document: JSON.stringify({ ...(JSON.parse(document) as object), reference: told }) })
        .where('shop_id', '=', shop_id)
        .where('id', '=', id)
        .execute()
    }
  }
}

async function isTaken(db: Kysely<Tables>, shopId: string, reference: string): Promise<boolean> {
  const row = await db.selectFrom('orders').select('id').where('shop_id', '=', shopId).where('reference', '=', reference).executeTakeFirst()
  return row !== undefined
}
