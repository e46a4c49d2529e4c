// The database goes away, comes back, loses an answer, or is full, while shops take orders. Requests are told to come again, what was acknowledged is
// there, what was refused is not half done, and everything goes on without a restart.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { connect, createServer, type Socket } from 'node:net'
import { after, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { openStore } from '../src/main.ts'
import { checkBooks } from '../src/store/books.ts'
import { type Answer, atOnce, caller, eventually, freshDatabase, startTestServer } from './harness.ts'
import { contentOfTables } from './http-probe.ts'
import { expect2xx, stockUp, wares } from './nodes.ts'

const SHOP = '/v1/shops/demo'
const CARD = new URLSearchParams({ number: '4242424242424242', expiry: '12 / 49', cvc: '123', name: 'Ada' })
const STOCK = 1000

/** A line to a database that can be cut, and that can lose the answer to a COMMIT. */
async function startLine(target: URL) {
  const open = new Set<Socket>()
  let isUp = true
  /** Which COMMIT from now on loses its answer; 0: none. */
  let losing = 0
  const server = createServer((near) => {
    if (!isUp) return void near.destroy()
    const far = connect(Number(target.port), target.hostname)
    let isLost = false
    for (const socket of [near, far]) {
      open.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        open.delete(socket)
        near.destroy()
        far.destroy()
      })
    }
    near.on('data', (chunk: Buffer) => {
      if (losing > 0 && chunk.includes('COMMIT') && --losing === 0) isLost = true
      far.write(chunk)
    })
    // The server has committed once it answers: that answer never arrives.
    far.on('data', (chunk: Buffer) => (isLost ? near.destroy() : near.write(chunk)))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  after(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  const url = new URL(target)
  url.port = String((server.address() as { port: number }).port)
  return {
    url: url.href,
    cut() {
      isUp = false
      for (const socket of open) socket.destroy()
    },
    mend() {
      isUp = true
    },
    loseCommit(which: number) {
      losing = which
    },
  }
}

/**
 * A refusal of a database that is away or full: it says so, and when to come again. The sandbox keeps its sessions there, too: it is silent then. A
 * commit without an answer is a fault, for nobody knows.
 */
function assertComesAgain(answer: Answer): void {
  const told = `${answer.status} ${answer.body.code} ${answer.headers.get('retry-after')}`
  const expected = ['500 fault null', '502 provider_unavailable 5', '503 database_unavailable 1', '503 overloaded 1']
  assert.ok(expected.includes(told), JSON.stringify(answer.body))
}

/** Repeats a request with its key until it is answered with success; answers how often it was refused as well. */
async function insist(url: string, token: string | undefined, method: string, path: string, body: unknown) {
  const headers = { 'idempotency-key': randomUUID() }
  for (let refused = 0; ; refused++) {
    const answer = await caller(url, token)(method, path, body, headers)
    if (answer.status < 300) return { body: answer.body, refused }
    assertComesAgain(answer)
    assert.ok(refused < 200, 'it comes back')
    await sleep(50)
  }
}

async function payOn(page: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const answer = await fetch(page, { method: 'POST', body: CARD, redirect: 'manual' })
    await answer.body?.cancel()
    if (answer.status < 400) return
    assert.ok(attempt < 200, `the page answers ${answer.status}`)
    await sleep(50)
  }
}

async function assertBooks(databaseUrl: string): Promise<void> {
  const store = openStore(databaseUrl)
  const checks = await checkBooks(store.reader, Date.now()).finally(() => store.close())
  assert.deepEqual(
    checks.filter(({ findings, severity }) => severity === 'error' && findings.length > 0),
    [],
  )
}

describe('a PostgreSQL that goes away', async () => {
  let close: (() => Promise<void>) | undefined
  after(() => close?.())
  const databaseUrl = await freshDatabase('postgres')
  const line = await startLine(new URL(databaseUrl))
  const server = await startTestServer(line.url)
  close = server.close
  const { url } = server
  await stockUp(url, 'demo', wares(4, 'G', STOCK))
  const direct = openStore(databaseUrl)
  after(() => direct.close())

  test('in the middle of orders: they are told to come again, nothing acknowledged is lost, and it recovers by itself', async () => {
    const acknowledged: { token: string; orderId: string }[] = []
    let refused = 0
    let isOver = false
    const shopper = async (index: number) => {
      while (!isOver) {
        const added = await insist(url, undefined, 'POST', `${SHOP}/carts/current/lines`, { sku: `G-${index % 4}`, quantity: 1 })
        const { token } = added.body
        const named = await insist(url, token, 'PATCH', `${SHOP}/carts/current`, { email: 'ada@example.org' })
        const ordered = await insist(url, token, 'POST', `${SHOP}/orders`, { cartId: 'current' })
        acknowledged.push({ token, orderId: ordered.body.order.id })
        refused += added.refused + named.refused + ordered.refused
        await payOn(ordered.body.payment.url)
      }
    }
    const outages = async () => {
      for (let round = 0; round < 3; round++) {
        await sleep(700)
        line.cut()
        const ready = await eventually(async () => {
          const answer = await fetch(`${url}/readyz`)
          await answer.body?.cancel()
          return answer.status === 503
        })
        assert.ok(ready)
        const read = await caller(url, acknowledged[0]?.token)('GET', `${SHOP}/orders/${acknowledged[0]?.orderId}`)
        assert.deepEqual([read.status, read.body.code, read.headers.get('retry-after')], [503, 'database_unavailable', '1'])
        await sleep(400)
        line.mend()
      }
      await sleep(500)
    }
    await Promise.all([outages().finally(() => (isOver = true)), ...Array.from({ length: 6 }, (_, index) => shopper(index))])
    assert.ok(refused > 6, `${refused} requests met the outage`)
    assert.ok(acknowledged.length > 6, `${acknowledged.length} orders`)
    await eventually(
      async () => {
        // What a lease holds since the outage is due a minute later.
        await caller(url)('POST', '/v1/demo/clock', { advance: 'PT2M' })
        const left = await direct.reader.db.selectFrom('orders').select('id').where('state', '<>', 'PLACED').execute()
        return left.length === 0
      },
      20_000,
      'every paid order to be placed',
    )
    for (const { token, orderId } of acknowledged)
      assert.equal(expect2xx(await caller(url, token)('GET', `${SHOP}/orders/${orderId}`)).body.state, 'PLACED')
    const orders = await direct.reader.db.selectFrom('orders').select(['id', 'cart_id']).execute()
    assert.equal(new Set(orders.map((row) => row.cart_id)).size, orders.length, 'one order of each cart')
    assert.deepEqual(orders.map(({ id }) => id).sort(), acknowledged.map(({ orderId }) => orderId).sort())
    await assertBooks(databaseUrl)
  })

  test('while it commits, so that the answer is lost: 500, and the same request with its key is done once', async () => {
    await server.engine.jobs.stop()
    let lost = 0
    for (let which = 1; which <= 3; which++) {
      const { token, cart } = (await insist(url, undefined, 'POST', `${SHOP}/carts/current/lines`, { sku: 'G-0' })).body
      await insist(url, token, 'PATCH', `${SHOP}/carts/current`, { email: 'ada@example.org' })
      line.loseCommit(which)
      const { body, refused } = await insist(url, token, 'POST', `${SHOP}/orders`, { cartId: 'current' })
      line.loseCommit(0)
      lost += refused
      const orders = await direct.reader.db.selectFrom('orders').select('id').where('cart_id', '=', cart.id).execute()
      assert.deepEqual(orders, [{ id: body.order.id }])
      const payments = await direct.reader.db.selectFrom('payments').select('id').where('order_id', '=', body.order.id).execute()
      assert.deepEqual(payments, [{ id: body.payment.id }])
    }
    assert.ok(lost > 0, 'an answer was lost')
    await assertBooks(databaseUrl)
  })

  test('whose connections are all ended at once answers the next request', async () => {
    const end = sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`
    await direct.transact((writer) => end.execute(writer.db))
    const answers = await atOnce(10, () => insist(url, undefined, 'POST', `${SHOP}/carts/current/lines`, { sku: 'G-1' }))
    for (const { body } of answers) assert.equal(body.cart.itemCount, 1)
  })
})

describe('a SQLite file without space', async () => {
  const databaseUrl = await freshDatabase('sqlite')
  const server = await startTestServer(databaseUrl)
  const { url, engine } = server
  const { store } = engine
  await stockUp(url, 'demo', wares(1, 'F', STOCK))

  /** How large the file may grow, in pages beyond what it has. */
  async function allowPages(more: number): Promise<void> {
    await store.transact(async (writer) => {
      const { rows } = await sql<{ page_count: number }>`PRAGMA page_count`.execute(writer.db)
      await sql.raw(`PRAGMA max_page_count = ${(rows[0]?.page_count ?? 0) + more}`).execute(writer.db)
    })
  }

  test('refuses what does not fit with 503, leaves nothing half done, still reads, and goes on when there is space', async () => {
    await engine.jobs.stop()
    const shoppers = await atOnce(40, async () => {
      const { token } = (await insist(url, undefined, 'POST', `${SHOP}/carts/current/lines`, { sku: 'F-0' })).body
      await insist(url, token, 'PATCH', `${SHOP}/carts/current`, { email: 'ada@example.org' })
      return { token: token as string, headers: { 'idempotency-key': randomUUID() } }
    })
    const order = ({ token, headers }: (typeof shoppers)[number]) =>
      caller(url, token)('POST', `${SHOP}/orders`, { cartId: 'current' }, headers)
    await allowPages(0)
    const refused: (typeof shoppers)[number][] = []
    let untouched = 0
    for (const shopper of shoppers) {
      const before = await contentOfTables(store.reader)
      const answer = await order(shopper)
      if (answer.status === 201) continue
      assertComesAgain(answer)
      assert.equal(answer.body.code, 'database_unavailable')
      refused.push(shopper)
      if (JSON.stringify(await contentOfTables(store.reader)) === JSON.stringify(before)) untouched++
      assert.equal((await caller(url, shopper.token)('GET', `${SHOP}/carts/current`)).body.itemCount, 1)
    }
    assert.ok(refused.length > 0 && untouched > 0, `${refused.length} orders refused, ${untouched} without a trace`)
    await assertBooks(databaseUrl)
    await allowPages(100_000)
    for (const shopper of refused) {
      const { body } = expect2xx(await order(shopper))
      await payOn(body.payment.url)
    }
    await engine.jobs.runDue()
    const { db } = store.reader
    const orders = await db.selectFrom('orders').select(['cart_id', 'state']).execute()
    assert.deepEqual([orders.length, new Set(orders.map((row) => row.cart_id)).size], [shoppers.length, shoppers.length])
    await eventually(async () => {
      await engine.jobs.runDue()
      const placed = await db.selectFrom('orders').select('id').where('state', '=', 'PLACED').execute()
      return placed.length === refused.length
    })
    await assertBooks(databaseUrl)
  })
})
