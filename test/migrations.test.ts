// The schema is what its migrations make, the same for whoever starts first, and it is written down for reading: src/store/schema.*.sql.
// UPDATE_SCHEMA=1 rewrites those files.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { sql } from 'kysely'
import pg from 'pg'
import { openStore } from '../src/main.ts'
import { up as foundation } from '../src/store/migrations/0001-foundation.ts'
import { up as lifetime } from '../src/store/migrations/0002-lifetime.ts'
import { readCustomers } from '../src/store/redemptions.ts'
import { atOnce, DIALECTS, emptyDatabase } from './harness.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

async function migrate(databaseUrl: string): Promise<void> {
  const store = openStore(databaseUrl)
  await store.migrate().finally(() => store.close())
}

/** The whole schema as text, in an order that does not depend on how it came about. */
function dump(databaseUrl: string): Promise<string> {
  return databaseUrl.startsWith('sqlite:') ? dumpSqlite(databaseUrl.slice('sqlite:'.length)) : dumpPostgres(databaseUrl)
}

async function dumpSqlite(path: string): Promise<string> {
  const database = new DatabaseSync(path, { readOnly: true })
  const rows = database
    .prepare(
      `SELECT tbl_name, type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY tbl_name, type DESC, name`,
    )
    .all() as { tbl_name: string; type: string; sql: string }[]
  database.close()
  return rows.map(({ type, sql }) => `${type === 'table' ? '\n' : ''}${sql};\n`).join('')
}

/** Compression of columns is left out: it is what the server was built with. */
const TABLES = `
  SELECT c.oid, c.relname AS name, array_to_string(c.reloptions, ', ') AS options FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = 'public' AND c.relkind = 'r' ORDER BY c.relname`
const COLUMNS = `
  SELECT a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || coalesce(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), '')
    || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END AS text
  FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
  WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`
const CONSTRAINTS = `
  SELECT pg_get_constraintdef(oid) AS text FROM pg_constraint WHERE conrelid = $1 AND contype <> 'n' ORDER BY contype DESC, conname`
const INDEXES = `
  SELECT pg_get_indexdef(i.indexrelid) AS text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
  WHERE i.indrelid = $1 AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u')) ORDER BY c.relname`

async function dumpPostgres(databaseUrl: string): Promise<string> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    const lines = async (query: string, table: string) => (await client.query<{ text: string }>(query, [table])).rows.map((row) => row.text)
    let text = ''
    for (const { oid, name, options } of (await client.query<{ oid: string; name: string; options: string | null }>(TABLES)).rows) {
      const body = [...(await lines(COLUMNS, oid)), ...(await lines(CONSTRAINTS, oid))]
      text += `\nCREATE TABLE ${name} (\n  ${body.join(',\n  ')}\n)${options ? ` WITH (${options})` : ''};\n`
      for (const index of await lines(INDEXES, oid)) text += `${index.replaceAll('public.', '')};\n`
    }
    return text
  } finally {
    await client.end()
  }
}

/** Everything that is in the migrations' own table. */
async function history(databaseUrl: string): Promise<unknown> {
  if (!databaseUrl.startsWith('sqlite:')) {
    const client = new pg.Client({ connectionString: databaseUrl })
    await client.connect()
    return (await client.query('SELECT * FROM migrations ORDER BY name').finally(() => client.end())).rows
  }
  const database = new DatabaseSync(databaseUrl.slice('sqlite:'.length), { readOnly: true })
  const rows = database.prepare('SELECT * FROM migrations ORDER BY name').all()
  database.close()
  return rows
}

for (const dialect of DIALECTS) {
  describe(`migrations on ${dialect}`, () => {
    test('20 that migrate one empty database at once all succeed, and it is migrated once', async () => {
      const url = await emptyDatabase(dialect)
      await atOnce(20, () => migrate(url))
      const one = await emptyDatabase(dialect)
      await migrate(one)
      assert.equal(await dump(url), await dump(one))
    })

    test('4 processes that migrate one empty database at once all succeed', async () => {
      const url = await emptyDatabase(dialect)
      const run = promisify(execFile)
      const said = await atOnce(4, () =>
        run(process.execPath, ['src/main.ts', 'migrate'], { cwd: ROOT, env: { ...process.env, DATABASE_URL: url } }),
      )
      for (const { stdout } of said) assert.match(stdout, /up to date/)
    })

    test('migrating again changes nothing', async () => {
      const url = await emptyDatabase(dialect)
      await migrate(url)
      const before = [await dump(url), await history(url)]
      await migrate(url)
      assert.deepEqual([await dump(url), await history(url)], before)
    })

    test('a migration that fails leaves nothing half done, and the next try succeeds', async () => {
      const url = await emptyDatabase(dialect)
      const store = openStore(url)
      // Something of another kind stands where the last table of the first migration goes.
      await store.transact(({ db }) => db.schema.createTable('sandbox_sessions').addColumn('id', 'text').execute())
      await assert.rejects(store.migrate(), /could not be migrated/)
      assert.doesNotMatch(await dump(url), /CREATE TABLE carts/)
      await store.transact(({ db }) => db.schema.dropTable('sandbox_sessions').execute())
      await store.migrate()
      await store.close()
      assert.match(await dump(url), /CREATE TABLE carts/)
    })

    test('a filled database keeps its prices, the uses from before count for whom they were, and orders are found by their states and by references of their own', async () => {
      const store = openStore(await emptyDatabase(dialect))
      const emails = ['Zoë@Example.com ', 'ZOË+shop@example.com', 'Jo.Doe+x@GoogleMail.com', null]
      await store.transact(async ({ db }) => {
        await foundation(db)
        await lifetime(db)
        await db.schema
          .createTable('migrations')
          .addColumn('name', 'varchar(255)', (c) => c.primaryKey())
          .addColumn('timestamp', 'varchar(255)', (c) => c.notNull())
          .execute()
        for (const name of ['0001-foundation', '0002-lifetime'])
          await sql`INSERT INTO migrations (name, timestamp) VALUES (${name}, '2026-01-01T00:00:00.000Z')`.execute(db)
        await sql`INSERT INTO shops (id, name, currency, preset, created_at) VALUES ('s', 's', 'USD', 'default', 1)`.execute(db)
        await sql`INSERT INTO products (shop_id, id, handle, published, position, document, hash, updated_at) VALUES ('s', 'p', 'p', 1, 0, '{}', 'h', 1)`.execute(
          db,
        )
        await sql`INSERT INTO variants (shop_id, sku, product_id, position, document, updated_at) VALUES ('s', 'A', 'p', 0, '{}', 1)`.execute(
          db,
        )
        await sql`INSERT INTO prices (shop_id, sku, currency, amount, list_amount) VALUES ('s', 'A', 'USD', 900, 1000)`.execute(db)
        await sql`INSERT INTO promotions (shop_id, id, document, uses, updated_at) VALUES ('s', 'once', '{}', 4, 1)`.execute(db)
        for (const [index, email] of emails.entries()) {
          const [id, owner] = [`o${index}`, index === 0 ? 'a:app:zoe' : `g:${index}`]
          // A template without a number gave three of them one reference; what would be the next one is taken.
          const reference = index === 1 ? 'R-2' : 'R'
          const document = JSON.stringify({ status: 'placed', paymentState: 'PAID', reference })
          await sql`INSERT INTO orders (shop_id, id, whole, state, owner, email, reference, content_hash, document, ordered_lines, currency, total, version, created_at, expected_total)
            VALUES ('s', ${id}, 1, 'OPEN', ${owner}, ${email}, ${reference}, 'h', ${document}, '[]', 'USD', 1, 1, 1, 1)`.execute(db)
          await sql`INSERT INTO redemptions (shop_id, order_id, promotion_id, state, created_at) VALUES ('s', ${id}, 'once', 'CONFIRMED', 5)`.execute(
            db,
          )
        }
      })
      await store.migrate()
      const { db } = store.reader
      const prices = await db
        .selectFrom('prices')
        .select(['sku', 'currency', 'position', 'amount', 'list_amount', 'customer_group'])
        .execute()
      assert.deepEqual(
        prices.map((row) => ({ ...row })),
        [{ sku: 'A', currency: 'USD', position: 0, amount: 900, list_amount: 1000, customer_group: null }],
      )
      const below = store.transact((writer) => writer.db.updateTable('prices').set({ amount: -1 }).execute())
      await assert.rejects(below, 'a price is never below zero')
      const states = await db.selectFrom('orders').select(['status', 'payment_state', 'fulfilment_state']).distinct().execute()
      assert.deepEqual({ ...states[0] }, { status: 'placed', payment_state: 'PAID', fulfilment_state: 'UNFULFILLED' })
      const references = await db.selectFrom('orders').select(['reference', 'document']).orderBy('id').execute()
      assert.deepEqual(
        references.map((row) => [row.reference, JSON.parse(row.document).reference]),
        [
          ['R', 'R'],
          ['R-2', 'R-2'],
          ['R-3', 'R-3'],
          ['R-4', 'R-4'],
        ],
      )
      const uses = await db.selectFrom('redemptions').select(['account', 'email']).orderBy('order_id').execute()
      assert.deepEqual(
        uses.map(({ account, email }) => [account, email]),
        [
          ['app:zoe', 'zoë@example.com'],
          [null, 'zoë@example.com'],
          [null, 'jodoe@gmail.com'],
          [null, null],
        ],
      )
      const customers = ['zoë@example.com', 'jodoe@gmail.com', 'someone@example.com'].map((email) => ({ account: null, email }))
      const counted = await readCustomers(store.reader, 's', customers, [{ id: 'once', since: 0 }], false)
      assert.deepEqual(
        counted.map(({ uses: used }) => used.get('once')?.count ?? 0),
        [2, 1, 0],
      )
      await store.close()
    })

    test(`src/store/schema.${dialect}.sql is what the migrations make`, async () => {
      const url = await emptyDatabase(dialect)
      await migrate(url)
      const file = fileURLToPath(new URL(`../src/store/schema.${dialect}.sql`, import.meta.url))
      const text = `-- What the migrations make of ${dialect === 'sqlite' ? 'SQLite' : 'PostgreSQL'}: for reading only, kept equal by test/migrations.test.ts.\n${await dump(url)}`
      if (process.env.UPDATE_SCHEMA === '1') writeFileSync(file, text)
      assert.ok(existsSync(file), 'write it with UPDATE_SCHEMA=1')
      assert.equal(readFileSync(file, 'utf8'), text)
    })
  })
}
