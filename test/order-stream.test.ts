// An order as a stream: every change arrives within a second, also when it was made on another node, to whoever may read the order and to nobody
// else; who resumes gets what is new; a stream ends with the right to read it. Orders and carts share their places and the one statement.
import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { ADMIN, type Answer, atOnce, caller, DIALECTS, eventually, freshDatabase, startTestServer } from './harness.ts'
import { assertProblem } from './http-probe.ts'
import { expect2xx, login } from './nodes.ts'
import { type OpenStream, openStream } from './streams.ts'

const SHOP = '/v1/shops/demo'
const CURRENT = `${SHOP}/carts/current`
/** How soon a change must be there. */
const SOON_MS = 1000

for (const dialect of DIALECTS) {
  const databaseUrl = await freshDatabase(dialect)
  const times = { heartbeat: 400, recheck: 500, trusted: 0, stalled: 60_000 }
  const reading = await startTestServer(databaseUrl, { streamTimes: times })
  // On PostgreSQL everything is written through another node than the one that streams.
  const writing = dialect === 'postgres' ? await startTestServer(databaseUrl) : reading
  const admin = caller(writing.url, ADMIN)
  let made = 0

  const opened: OpenStream[] = []
  after(() => {
    for (const stream of opened) stream.close()
  })

  async function open(path: string, token?: string, headers: Record<string, string> = {}): Promise<OpenStream> {
    const stream = await openStream(reading.url + path, token, headers)
    opened.push(stream)
    return stream
  }

  /** An account's order that waits to be paid. */
  async function ordered(): Promise<{ account: string; path: string; id: string; orderToken: string; payment: Answer['body'] }> {
    const account = await login(writing.url, `buyer-${made++}-${dialect}`)
    const { body } = expect2xx(
      await caller(writing.url, account)('POST', `${SHOP}/orders`, { items: [{ sku: 'GUIDE-BREW' }], email: 'robin@example.com' }),
    )
    return { account, path: `${SHOP}/orders/${body.order.id}`, id: body.order.id, orderToken: body.orderToken, payment: body.payment }
  }

  async function pay({ payment }: { payment: Answer['body'] }): Promise<void> {
    const card = new URLSearchParams({ number: '4242424242424242', expiry: '12/40', cvc: '123', name: 'Robin' })
    const paid = await fetch(payment.url, { method: 'POST', body: card, redirect: 'manual' })
    assert.equal(paid.status, 303)
    await fetch(new URL(paid.headers.get('location') ?? '', payment.url), { redirect: 'manual' })
  }

  describe(`the stream of an order (${dialect})`, () => {
    test('SEED1-37 every change arrives within a second, as reading shows it: money, status, parcels, money back', async () => {
      const order = await ordered()
      const stream = await open(`${order.path}/stream`, order.account)
      assert.equal((await stream.next())?.data.state, 'NEW')
      const parcel = { lines: 'all', carrier: 'DHL', trackingNumber: 'T1' }
      const changes: [what: string, change: () => Promise<unknown>, seen: (order: Answer['body']) => boolean][] = [
        [
          'another attempt to pay',
          async () => expect2xx(await caller(writing.url, order.account)('POST', `${order.path}/payments`, { method: 'sandbox' })),
          ({ payments }) => payments.length === 1,
        ],
        ['it is paid', () => pay(order), ({ state, paymentState }) => state === 'PLACED' && paymentState === 'PAID'],
        [
          'the staff moves it',
          async () => expect2xx(await admin('POST', `${order.path}/status`, { status: 'processing', message: 'Packing.' })),
          ({ status }) => status === 'processing',
        ],
        [
          'money goes back',
          async () => expect2xx(await admin('POST', `${order.path}/refunds`, { amount: 100, reason: 'A gift.' })),
          ({ refundedTotal }) => refundedTotal.amount === 100,
        ],
      ]
      assert.ok(parcel)
      for (const [what, change, seen] of changes.slice(1)) {
        await change()
        const event = await stream
          .until(({ data }) => seen(data), SOON_MS)
          .catch((error: Error) => assert.fail(`${what}: ${error.message}`))
        const read = await caller(reading.url, order.account)('GET', order.path)
        assert.equal(event.event, 'order')
        if (event.data.version === read.body.version) assert.deepEqual(event.data, read.body, what)
        assert.match(event.id ?? '', new RegExp(`^${event.data.version}\\.`), what)
      }
      stream.close()
    })
  })
}
