// The schema is what its migrations make, the same for whoever starts first, and it is written down for reading: src/store/schema.*.sql.
// UPDATE_SCHEMA=1 rewrites those files.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import pg from 'pg'
import { openStore } from '../src/main.ts'
import { atOnce, DIALECTS, freshDatabase } from './harness.ts'

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
      const url = await freshDatabase(dialect)
      await atOnce(20, () => migrate(url))
      const one = await freshDatabase(dialect)
      await migrate(one)
      assert.equal(await dump(url), await dump(one))
    })

    test('4 processes that migrate one empty database at once all succeed', async () => {
      const url = await freshDatabase(dialect)
      const run = promisify(execFile)
      const said = await atOnce(4, () =>
        run(process.execPath, ['src/main.ts', 'migrate'], { cwd: ROOT, env: { ...process.env, DATABASE_URL: url } }),
      )
      for (const { stdout } of said) assert.match(stdout, /up to date/)
    })

    test('migrating again changes nothing', async () => {
      const url = await freshDatabase(dialect)
      await migrate(url)
      const before = [await dump(url), await history(url)]
      await migrate(url)
      assert.deepEqual([await dump(url), await history(url)], before)
    })

    test('a migration that fails leaves nothing half done, and the next try succeeds', async () => {
      const url = await freshDatabase(dialect)
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

    test(`src/store/schema.${dialect}.sql is what the migrations make`, async () => {
      const url = await freshDatabase(dialect)
      await migrate(url)
      const file = fileURLToPath(new URL(`../src/store/schema.${dialect}.sql`, import.meta.url))
      const text = `-- What the migrations make of ${dialect === 'sqlite' ? 'SQLite' : 'PostgreSQL'}: for reading only, kept equal by test/migrations.test.ts.\n${await dump(url)}`
      if (process.env.UPDATE_SCHEMA === '1') writeFileSync(file, text)
      assert.ok(existsSync(file), 'write it with UPDATE_SCHEMA=1')
      assert.equal(readFileSync(file, 'utf8'), text)
    })
  })
}
