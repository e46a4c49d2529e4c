// What a node looks for every second is found by an index of what is due, however much is over and kept. SQLite decides that before values are
// bound; PostgreSQL plans by the values.
import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { describe, it } from 'node:test'
import { DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler } from 'kysely'
import { claimEmails, shopsWithEmails } from '../src/store/emails.ts'
import { claimQuietPayments } from '../src/store/orders.ts'
import type { Writer } from '../src/store/store.ts'
import type { Tables } from '../src/store/tables.ts'

const SCHEMA = `CREATE TABLE emails (shop_id text NOT NULL, id text NOT NULL, state text NOT NULL, due_at bigint NOT NULL, PRIMARY KEY (shop_id, id));
  CREATE INDEX emails_due ON emails (due_at) WHERE state IN ('QUEUED', 'SENDING');
  CREATE TABLE payments (shop_id text NOT NULL, id text NOT NULL, state text NOT NULL, checked_at bigint NOT NULL, leased_until bigint NOT NULL,
    PRIMARY KEY (shop_id, id));
  CREATE INDEX payments_running ON payments (checked_at) WHERE state IN ('OPENING', 'PENDING', 'FAILED');`

describe('what is due on SQLite', () => {
  it('e-mails and payments that are due are found by their index, not among all that there ever were', async () => {
    const asked: string[] = []
    const db = new Kysely<Tables>({
      dialect: {
        createAdapter: () => new SqliteAdapter(),
        createDriver: () => new DummyDriver(),
        createIntrospector: (known) => new SqliteIntrospector(known),
        createQueryCompiler: () => new SqliteQueryCompiler(),
      },
      log: ({ query }) => {
        asked.push(query.sql)
      },
    })
    const writer = { db, dialect: 'sqlite' } as unknown as Writer
    await shopsWithEmails(writer, 5, 50)
    await claimEmails(writer, 'shop', 5, 10, 10)
    await claimQuietPayments(writer, { opening: 1, pending: 1 }, 5, 10, 50)
    const real = new DatabaseSync(':memory:')
    real.exec(SCHEMA)
    const plans = asked.map((text) => JSON.stringify(real.prepare(`EXPLAIN QUERY PLAN ${text}`).all()))
    assert.deepEqual(
      plans.map((plan) => /emails_due|payments_running/.exec(plan)?.[0] ?? plan),
      ['emails_due', 'emails_due', 'payments_running'],
    )
    real.close()
  })
})
