// An order as a stream: every change arrives within a second, also when it was made on another node, to whoever may read the order and to nobody
// else; who resumes gets what is new; a stream ends with the right to read it. Orders and carts share their places and the one statement.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { paymentsOf, updatePayment } from '../src/store/orders.ts'
import { ADMIN, type Answer, atOnce, caller, DIALECTS, eventually, freshDatabase, startTestServer } from './harness.ts'
import { ADDRESS, assertProblem } from './http-probe.ts'
import { expect2xx, login, payOnPage } from './nodes.ts'
import { assertSoon, openStream, streamsOf } from './streams.ts'

const SHOP = '/v1/shops/demo'
const CURRENT = `${SHOP}/carts/current`

for (const dialect of DIALECTS) {
  const databaseUrl = await freshDatabase(dialect)
  const times = { heartbeat: 400, recheck: 500, trusted: 0, stalled: 60_000 }
  const reading = await startTestServer(databaseUrl, { streamTimes: times })
  // On PostgreSQL everything is written through another node than the one that streams.
  const writing = dialect === 'postgres' ? await startTestServer(databaseUrl) : reading
  const admin = caller(writing.url, ADMIN)
  let made = 0

  const open = streamsOf(reading.url)

  /** An account's order that waits to be paid. */
  async function ordered(): Promise<{ account: string; path: string; id: string; orderToken: string; payment: Answer['body'] }> {
    const account = await login(writing.url, `buyer-${made++}-${dialect}`)
    const wish = {
      items: [{ sku: 'MUG-STONE', quantity: 2 }],
      email: 'robin@example.com',
      shippingAddress: ADDRESS,
      shippingMethod: 'standard',
    }
    const { body } = expect2xx(await caller(writing.url, account)('POST', `${SHOP}/orders`, wish))
    return { account, path: `${SHOP}/orders/${body.order.id}`, id: body.order.id, orderToken: body.orderToken, payment: body.payment }
  }

  describe(`the stream of an order (${dialect})`, () => {
    test('SEED1-37 every change arrives within a second, as reading shows it: money, status, parcels, money back', async () => {
      const order = await ordered()
      const stream = await open(`${order.path}/stream`, order.account)
      assert.equal((await stream.next())?.data.state, 'NEW')
      const changes: [what: string, change: () => Promise<unknown>, seen: (order: Answer['body']) => boolean][] = [
        ['it is paid', () => payOnPage(order.payment.url), ({ state, paymentState }) => state === 'PLACED' && paymentState === 'PAID'],
        [
          'staff moves it',
          async () => expect2xx(await admin('POST', `${order.path}/status`, { status: 'processing' })),
          ({ status }) => status === 'processing',
        ],
        [
          'a parcel is packed',
          async () => expect2xx(await admin('POST', `${order.path}/fulfilments`, { state: 'PENDING', carrier: 'DHL' })),
          ({ fulfilments }) => fulfilments.length === 1,
        ],
        [
          'money goes back',
          async () => expect2xx(await admin('POST', `${order.path}/refunds`, { amount: 100 })),
          ({ refundedTotal }) => refundedTotal.amount === 100,
        ],
        [
          'it is cancelled',
          async () => expect2xx(await admin('POST', `${order.path}/cancel`, { force: true })),
          ({ state }) => state === 'CANCELLED',
        ],
      ]
      let last: Answer['body'] = null
      const took: number[] = []
      for (const [what, change, seen] of changes) {
        await change()
        const started = Date.now()
        const event = await stream.until(({ data }) => seen(data)).catch((error: Error) => assert.fail(`${what}: ${error.message}`))
        took.push(Date.now() - started)
        assert.equal(event.event, 'order')
        assert.match(event.id ?? '', new RegExp(`^${event.data.version}\\.[\\w-]+$`), what)
        last = event.data
      }
      assertSoon(took)
      // The rest of the money goes back by itself: at once, or a moment later.
      const isDone = ({ refunds }: Answer['body']) => refunds.every((each: { state: string }) => each.state === 'SUCCEEDED')
      if (!isDone(last)) last = (await stream.until(({ data }) => isDone(data), 10_000)).data
      assert.deepEqual(last, (await caller(reading.url, order.account)('GET', order.path)).body)
      stream.close()
    })

    test('a payment that moves by itself is told, though nothing else of the order changes', async () => {
      const order = await ordered()
      const stream = await open(`${order.path}/stream`, order.account)
      await stream.next()
      const { store, clock } = writing.engine
      const [payment] = await paymentsOf(store.reader, 'demo', [order.id])
      assert.ok(payment)
      await store.transactOne((writer) => updatePayment(writer, payment, { reason: 'being_looked_at' }, clock.now()))
      const { data } = (await stream.next()) ?? assert.fail('the stream ended')
      assert.deepEqual([data.payments[0].reason, data.version], ['being_looked_at', 1])
      stream.close()
    })

    test('who resumes with the last id gets nothing twice, and at once what changed meanwhile', async () => {
      const order = await ordered()
      const before = await open(`${order.path}/stream`, order.account)
      const { id = null } = (await before.next()) ?? {}
      before.close()
      const headers = { 'last-event-id': String(id) }
      const same = await open(`${order.path}/stream`, order.account, headers)
      await same.silence(700)
      same.close()
      await payOnPage(order.payment.url)
      const resumed = await open(`${order.path}/stream`, order.account, headers)
      assert.equal((await resumed.next())?.data.state, 'PLACED')
      resumed.close()
    })

    test('account, order token and a key see the same; somebody else finds nothing, also while others watch', async () => {
      const [order, another] = [await ordered(), await ordered()]
      const key = (await admin('POST', `${SHOP}/api-keys`, { name: 'reader', scopes: ['orders:read'] })).body.token as string
      const streams = [order.account, order.orderToken, key].map((token) => open(`${order.path}/stream`, token))
      for (const stream of await Promise.all(streams)) assert.equal((await stream.next())?.data.id, order.id)
      for (const token of [another.account, another.orderToken])
        assertProblem(await caller(reading.url, token)('GET', `${order.path}/stream`), 404, 'order_not_found')
      assertProblem(await caller(reading.url)('GET', `${order.path}/stream`), 401, 'login_required')
      assertProblem(await caller(reading.url, ADMIN)('GET', `${SHOP}/orders/ord_none/stream`), 404, 'order_not_found')
      const foreign = `${order.path}/stream?account=demo:somebody-else`
      assertProblem(await caller(reading.url, ADMIN)('GET', foreign), 404, 'order_not_found')
      const heads = [order.account, another.account].map(async (token) => {
        const headers = { authorization: `Bearer ${token}` }
        return (await fetch(`${reading.url}${order.path}/stream`, { method: 'HEAD', headers })).status
      })
      assert.deepEqual(await Promise.all(heads), [200, 404])
      await payOnPage(order.payment.url)
      const ids = await Promise.all(
        streams.map(async (stream) => (await (await stream).until(({ data }) => data.paymentState === 'PAID')).id),
      )
      assert.equal(new Set(ids).size, 1)
      for (const stream of streams) (await stream).close()
    })

    test('links that were revoked end the stream with `gone`, and so does a key that is gone; the owner goes on', async () => {
      const order = await ordered()
      const { id, token } = (await admin('POST', `${SHOP}/api-keys`, { name: 'reader', scopes: ['orders:read'] })).body
      const ending = [await open(`${order.path}/stream`, order.orderToken), await open(`${order.path}/stream`, token)]
      const staying = await open(`${order.path}/stream`, order.account)
      for (const stream of [...ending, staying]) await stream.next()
      expect2xx(await caller(writing.url, order.account)('DELETE', `${order.path}/links`))
      await admin('DELETE', `${SHOP}/api-keys/${id}`)
      await payOnPage(order.payment.url)
      for (const stream of ending) {
        await stream.until(({ event }) => event === 'gone', 3000)
        assert.equal(await stream.next(), null)
        assert.ok(!stream.text().includes('"PAID"'))
      }
      assert.equal((await staying.until(({ data }) => data.state === 'PLACED', 3000)).event, 'order')
      staying.close()
    })

    test('a guest’s order that an account takes over is gone for the guest', async () => {
      const guest = (await caller(writing.url)('POST', `${CURRENT}/lines`, { sku: 'GUIDE-BREW' })).body
      const email = `taker-${dialect}@example.com`
      const call = caller(writing.url, guest.token)
      expect2xx(await call('PATCH', CURRENT, { email }))
      const { body } = expect2xx(await call('POST', `${SHOP}/orders`, { cartId: 'current' }))
      await payOnPage(body.payment.url)
      await eventually(async () => (await call('GET', `${SHOP}/orders/${body.order.id}`)).body.state === 'PLACED')
      const stream = await open(`${SHOP}/orders/${body.order.id}/stream`, guest.token)
      await stream.next()
      const { token } = expect2xx(await caller(writing.url)('POST', '/v1/demo/login', { accountId: `taker-${dialect}`, email })).body
      expect2xx(await caller(writing.url, token)('POST', `${SHOP}/orders/claim`))
      await eventually(
        async () => (await call('GET', `${SHOP}/orders/${body.order.id}`)).status === 404,
        3000,
        'the order to be the account’s',
      )
      await stream.until(({ event }) => event === 'gone', 3000)
    })

    test('places are shared: an owner has 20 for carts and orders together, the holder of a token others', async () => {
      const order = await ordered()
      const paths = (index: number) => (index % 2 === 0 ? `${order.path}/stream` : `${CURRENT}/stream`)
      const streams = await atOnce(20, (index) => open(paths(index), order.account))
      assert.deepEqual(new Set(streams.map(({ status }) => status)), new Set([200]))
      for (const path of [paths(0), paths(1)]) {
        const refused = await caller(reading.url, order.account)('GET', path)
        assertProblem(refused, 429, 'rate_limited')
        assert.ok(refused.headers.get('retry-after'))
      }
      const holder = await open(`${order.path}/stream`, order.orderToken)
      assert.equal(holder.status, 200)
      for (const stream of [holder, ...streams]) stream.close()
    })

    test('30 watched orders and 30 watched carts are read by the same statement', async () => {
      const server = await startTestServer(databaseUrl)
      const orders = await atOnce(30, ordered)
      await server.engine.jobs.stop()
      const streams = await atOnce(60, (index) => {
        const { path, account, orderToken } = orders[index % 30] ?? assert.fail('no order')
        return index < 30 ? openStream(`${server.url}${path}/stream`, orderToken) : openStream(`${server.url}${CURRENT}/stream`, account)
      })
      for (const stream of streams) await stream.next()
      const before = server.engine.store.statements()
      await new Promise((resolve) => setTimeout(resolve, 2000))
      const statements = server.engine.store.statements() - before
      assert.ok(statements >= 4 && statements <= 12, `${statements} statements in two seconds`)
      for (const stream of streams) stream.close()
      await server.close()
    })
  })
}
