// What prices, promotions and outside engines need: more than one price per currency; who used a promotion and for how much; codes made in bulk;
// the last answers of tax and shipping engines.
import { type Kysely, sql } from 'kysely'
import { normaliseEmail } from '../../core/customer.ts'
import type { Tables } from '../tables.ts'

const CHANGES = [
  // A variant has several prices in one currency: by quantity, by group of customers, by date. The table is made anew for its longer key.
  `CREATE TABLE prices_before AS SELECT shop_id, sku, currency, amount, list_amount FROM prices`,
  `DROP TABLE prices`,
  `CREATE TABLE prices (
    shop_id text NOT NULL, sku text NOT NULL, currency text NOT NULL, position bigint NOT NULL, amount bigint NOT NULL, list_amount bigint,
    quantity_from bigint, customer_group text, starts_at bigint, ends_at bigint,
    PRIMARY KEY (shop_id, sku, currency, position), CHECK (amount >= 0),
    FOREIGN KEY (shop_id, sku) REFERENCES variants (shop_id, sku) ON DELETE CASCADE)`,
  `INSERT INTO prices (shop_id, sku, currency, position, amount, list_amount)
    SELECT shop_id, sku, currency, 0, amount, list_amount FROM prices_before`,
  `DROP TABLE prices_before`,

  // What a promotion took off all orders together, as JSON by currency; counted under its lock, like its uses.
  `ALTER TABLE promotions ADD COLUMN spent text NOT NULL DEFAULT '{}'`,
  `ALTER TABLE promotion_codes ADD COLUMN batch text`,
  `ALTER TABLE promotion_codes ADD COLUMN active bigint NOT NULL DEFAULT 1`,
  `CREATE INDEX promotion_codes_batch ON promotion_codes (shop_id, promotion_id, batch, code)`,
  // Who used it: the account, and the normalised e-mail address, by which guests are known.
  `ALTER TABLE redemptions ADD COLUMN account text`,
  `ALTER TABLE redemptions ADD COLUMN email text`,
  `ALTER TABLE redemptions ADD COLUMN amount bigint NOT NULL DEFAULT 0`,
  `ALTER TABLE redemptions ADD COLUMN currency text`,
  `CREATE INDEX redemptions_by_account ON redemptions (shop_id, account, promotion_id) WHERE account IS NOT NULL`,
  `CREATE INDEX redemptions_by_email ON redemptions (shop_id, email, promotion_id) WHERE email IS NOT NULL`,
  `CREATE INDEX redemptions_by_promotion ON redemptions (shop_id, promotion_id, order_id)`,
  // Few of all uses are held by unpaid orders; those are asked for every second.
  `CREATE INDEX redemptions_reserved ON redemptions (shop_id, promotion_id, code, order_id) WHERE state = 'RESERVED'`,
  `CREATE INDEX promotion_codes_by_promotion ON promotion_codes (shop_id, promotion_id, code)`,

  // The normalised e-mail address of an order: whether a customer has ordered before is asked by it.
  `ALTER TABLE orders ADD COLUMN customer_email text`,
  `CREATE INDEX orders_by_customer ON orders (shop_id, customer_email) WHERE customer_email IS NOT NULL AND placed_at IS NOT NULL`,

  // One answer per cart and kind of question: the last one, with the question it belongs to.
  `CREATE TABLE quotes (
    shop_id text NOT NULL, cart_id text NOT NULL, kind text NOT NULL, request text NOT NULL, answer text NOT NULL, created_at bigint NOT NULL,
    PRIMARY KEY (shop_id, cart_id, kind))`,
  `CREATE INDEX quotes_age ON quotes (created_at)`,
]

/** Whose the uses from before were: a limit per customer that a promotion gets now counts them, too. */
const USES_OF_CUSTOMERS = `UPDATE redemptions SET
  account = (SELECT substr(o.owner, 3) FROM orders o
    WHERE o.shop_id = redemptions.shop_id AND o.id = redemptions.order_id AND o.owner LIKE 'a:%'),
  email = (SELECT o.customer_email FROM orders o WHERE o.shop_id = redemptions.shop_id AND o.id = redemptions.order_id)`

/** Orders whose e-mail addresses are normalised at a time. */
const CHUNK = 1000

/** Changes everything. */
export async function up(db: Kysely<Tables>): Promise<void> {
  for (const statement of CHANGES) await sql.raw(statement).execute(db)
  await normaliseEmails(db)
  await sql.raw(USES_OF_CUSTOMERS).execute(db)
}

/** By the rule that customers are told apart by, which databases cannot say: other letters than a to z, what follows a `+`, dots at Google's. */
async function normaliseEmails(db: Kysely<Tables>): Promise<void> {
  let last = { shop_id: '', id: '' }
  for (;;) {
    const rows = await db
      .selectFrom('orders')
      .select(['shop_id', 'id', 'email'])
      .where('email', 'is not', null)
      .where((eb) => eb.or([eb('shop_id', '>', last.shop_id), eb.and([eb('shop_id', '=', last.shop_id), eb('id', '>', last.id)])]))
      .orderBy('shop_id')
      .orderBy('id')
      .limit(CHUNK)
      .execute()
    for (const { shop_id, id, email } of rows)
      await db
        .updateTable('orders')
        .set({ customer_email: normaliseEmail(email ?? '') })
        .where('shop_id', '=', shop_id)
        .where('id', '=', id)
        .execute()
    const end = rows.at(-1)
    if (!end || rows.length < CHUNK) return
    last = end
  }
}
