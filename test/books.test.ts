// `cartwright doctor payments` proves that what was captured is what was ordered: it finds every kind of mismatch, names it, and changes nothing.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { sql } from 'kysely'
import { checkBooks, turnover } from '../src/store/books.ts'
import { caller, DIALECTS, emptyDatabase, freshDatabase, startTestServer } from './harness.ts'
import { contentOfTables } from './http-probe.ts'
import { expect2xx, login, stockUp, wares } from './nodes.ts'

const CARD = '4242424242424242'
const ROOT = fileURLToPath(new URL('..', import.meta.url))
const NEVER = Number.MAX_SAFE_INTEGER

/** `cartwright doctor payments`: how it ended, what it printed, and what it said went wrong. */
function doctor(databaseUrl: string, ...args: string[]): Promise<{ code: number; text: string; fault: string }> {
  const env = { ...process.env, DATABASE_URL: databaseUrl }
  return new Promise((resolve) =>
    execFile(process.execPath, ['src/main.ts', 'doctor', 'payments', ...args], { cwd: ROOT, env }, (error, text, fault) =>
      resolve({ code: error ? Number(error.code) : 0, text, fault }),
    ),
  )
}

/** What breaks one promise, as somebody's hand in the database would. `order` and `payment` are of a paid order. */
const BREAKS: readonly [check: string, statement: (order: string, payment: string) => ReturnType<typeof sql>][] = [
  ['captured_without_order', (order) => sql`UPDATE orders SET placed_at = NULL WHERE id = ${order}`],
  ['payment_state_wrong', (_, payment) => sql`UPDATE payments SET captured = captured - 1 WHERE id = ${payment}`],
  ['payment_state_wrong', (order) => sql`UPDATE orders SET payment_state = 'AUTHORIZED' WHERE id = ${order}`],
  ['captured_exceeds_payment', (_, payment) => sql`UPDATE payments SET captured = captured + 1 WHERE id = ${payment}`],
  [
    'refunds_exceed_payment',
    (
      order,
      payment,
    ) => sql`INSERT INTO refunds (shop_id, id, payment_id, order_id, amount, currency, state, reason, created_at, due_at, attempts)
      SELECT shop_id, 'rf_broken', ${payment}, ${order}, captured + 1, currency, 'PENDING', 'x', 1, ${NEVER}, 0 FROM payments WHERE id = ${payment}`,
  ],
  [
    'balance_wrong',
    () => sql`INSERT INTO balances (shop_id, account, currency, amount, version, updated_at) VALUES ('demo', 'a', 'USD', 1, 1, 1)`,
  ],
  [
    'balance_overdrawn',
    (
      order,
      payment,
    ) => sql`INSERT INTO balance_entries (shop_id, id, account, currency, kind, amount, balance_after, cause, order_id, payment_id, actor, at)
      VALUES ('demo', 'bal_broken', 'a', 'USD', 'payment', -1, -1, 'x', ${order}, ${payment}, 'system', 1)`,
  ],
  [
    'balance_paid_without_payment',
    (
      order,
    ) => sql`INSERT INTO balance_entries (shop_id, id, account, currency, kind, amount, balance_after, cause, order_id, payment_id, actor, at)
      SELECT shop_id, 'bal_broken', 'a', 'USD', 'payment', -1, 1, 'x', order_id, id, 'system', 1 FROM payments
      WHERE state = 'CANCELLED' AND order_id <> ${order} LIMIT 1`,
  ],
  ['overpaid', (_, payment) => sql`UPDATE payments SET captured = captured + 7, amount = amount + 7 WHERE id = ${payment}`],
  ['placed_without_number', (order) => sql`UPDATE orders SET reference = NULL WHERE id = ${order}`],
  [
    'held_for_ended_order',
    (order) =>
      sql`INSERT INTO reservations (shop_id, sku, holder, order_id, quantity, expires_at) VALUES ('demo', 'W-0', 'x', ${order}, 1, ${NEVER})`,
  ],
  [
    'use_of_ended_order',
    (order) => sql`INSERT INTO redemptions (shop_id, order_id, promotion_id, state, created_at)
      SELECT shop_id, id, 'none', 'CONFIRMED', 1 FROM orders WHERE id <> ${order} AND state = 'CANCELLED'`,
  ],
  ['uses_of_promotion', () => sql`UPDATE promotions SET uses = uses + 1 WHERE shop_id = 'demo'`],
  ['uses_of_code', () => sql`UPDATE promotion_codes SET uses = uses + 1 WHERE shop_id = 'demo'`],
  ['reserved_long', (_, payment) => sql`UPDATE payments SET state = 'AUTHORIZED', captured = 0, updated_at = 1 WHERE id = ${payment}`],
  [
    'delivery_without_endpoint',
    (
      order,
    ) => sql`INSERT INTO deliveries (shop_id, id, endpoint_id, event_id, type, subject, data, state, attempts, due_at, leased_until, created_at, occurred_at)
      VALUES ('demo', 'dl_lost', 'we_gone', 'evt_lost', 'order.placed', ${order}, '{}', 'PENDING', 0, ${NEVER}, 0, 1, 1)`,
  ],
  [
    'event_waiting',
    () =>
      sql`INSERT INTO provider_events (shop_id, provider, event_id, document, received_at, due_at, attempts) VALUES ('demo', 'p', 'e', '{}', 1, ${NEVER}, 1)`,
  ],
]

const worlds = []
for (const dialect of DIALECTS) {
  const databaseUrl = await freshDatabase(dialect)
  const server = await startTestServer(databaseUrl)
  await stockUp(server.url, 'demo', wares(5, 'W'))
  worlds.push({ dialect, databaseUrl, server })
}

for (const { dialect, databaseUrl, server } of worlds) {
  describe(`the books on ${dialect}`, () => {
    const { store } = server.engine

    async function ordered(name: string): Promise<{ order: string; payment: string }> {
      const call = caller(server.url, await login(server.url, name))
      expect2xx(await call('POST', '/v1/shops/demo/carts/current/lines', { sku: 'W-0', quantity: 2 }))
      expect2xx(await call('PATCH', '/v1/shops/demo/carts/current', { email: 'ada@example.org' }))
      const { order, payment } = expect2xx(await call('POST', '/v1/shops/demo/orders', { cartId: 'current' })).body
      return { order: order.id, payment: payment.id }
    }

    async function paid(name: string) {
      const made = await ordered(name)
      const row = await store.reader.db.selectFrom('payments').selectAll().where('id', '=', made.payment).executeTakeFirstOrThrow()
      const form = new URLSearchParams({ number: CARD, expiry: '12 / 49', cvc: '123', name: 'Ada' })
      await fetch(row.url ?? '', { method: 'POST', body: form, redirect: 'manual' })
      await server.engine.payments.askProvider(row)
      return made
    }

    const broken = async () =>
      (await checkBooks(store.reader, Date.now())).flatMap(({ name, findings }) => (findings.length > 0 ? [name] : []))

    test('balance after orders that were paid, left unpaid and cancelled, and say what was sold', async () => {
      await paid('one')
      await paid('two')
      await ordered('three')
      const { order } = await ordered('four')
      expect2xx(await caller(server.url, await login(server.url, 'four'))('POST', `/v1/shops/demo/orders/${order}/cancel`, {}))
      assert.deepEqual(await broken(), [])
      const [sold] = await turnover(store.reader, 'demo')
      assert.deepEqual([sold?.orders, sold?.captured, sold?.refunded], [2, sold?.total, 0])
      assert.ok((sold?.total ?? 0) > 0)
      assert.deepEqual(await turnover(store.reader, 'no-such-shop'), [])
    })

    test('tell every kind of mismatch apart', async () => {
      const { order, payment } = await paid('broken')
      for (const [check, statement] of BREAKS) {
        const found: string[] = []
        const undo = new Error('undo')
        const breaking = store.transact(async (writer) => {
          const { numAffectedRows } = await statement(order, payment).execute(writer.db)
          assert.ok((numAffectedRows ?? 0n) > 0n, `${check}: nothing was broken`)
          found.push(...(await checkBooks(writer, Date.now())).flatMap(({ name, findings }) => (findings.length > 0 ? [name] : [])))
          throw undo
        })
        await assert.rejects(breaking, undo)
        assert.ok(found.includes(check), `${check} was not found; found: ${found}`)
      }
      assert.deepEqual(await broken(), [])
    })

    test('are read by the command line, which names what is wrong, fails then, and changes nothing', async () => {
      const { payment } = await paid('command')
      const run = (...args: string[]) => doctor(databaseUrl, ...args)
      assert.match((await run()).text, /The books balance/)
      await store.transact(({ db }) => db.updateTable('payments').set({ captured: 1 }).where('id', '=', payment).execute())
      const before = await contentOfTables(store.reader)
      const told = await run('--shop', 'demo')
      assert.equal(told.code, 1)
      assert.match(told.text, /WRONG {2}payment_state_wrong/)
      assert.equal(JSON.parse((await run('--json')).text).checks.filter((each: { findings: [] }) => each.findings.length > 0).length, 1)
      assert.deepEqual(await contentOfTables(store.reader), before)
      assert.equal((await run('--shop', 'store')).code, 0)
      const { code, text } = await run('--shop', 'no-such-shop')
      assert.deepEqual([code, text], [1, ''], 'a shop that does not exist has no good books')
    })

    test('of another version of the schema are not read: the command says so, and what to do', async () => {
      const { code, fault } = await doctor(await emptyDatabase(dialect))
      assert.equal(code, 1)
      assert.match(fault, /schema of this database is not that of this version.*cartwright migrate/)
    })
  })
}
