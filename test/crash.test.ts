// A server that dies at any moment (kill -9) loses nothing that it acknowledged: adds are in their carts, money is in an order or was never
// taken, no order is half placed or stuck, stock adds up, and every event that was committed reaches its receiver with a good signature.
import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, describe, test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import type { Order } from '../src/core/order.ts'
import { openStore } from '../src/main.ts'
import { checkBooks } from '../src/store/books.ts'
import { ADMIN, type Answer, atOnce, caller, EVERY, eventually, freshDatabase, mainlyOn } from './harness.ts'
import { expect2xx, type Node, startNode, stockUp, wares } from './nodes.ts'

const SHOP = '/v1/shops/demo'
const CURRENT = `${SHOP}/carts/current`
const ROUNDS = EVERY ? 3 : 2
const ADDERS = 6
const BUYERS = 6
const STOCK = 5000
const SKUS = ['T-0', 'T-1', 'T-2', 'T-3']

/** What a client knows of its cart: what was acknowledged, and what was asked for at most. */
interface Known {
  token: string | null
  acknowledged: number
  attempted: number
}

/** A shop's own receiver: counts every message whose signature is good, by its id. */
async function startReceiver() {
  const received = new Map<string, { type: string; data: { id: string } }>()
  let secret = ''
  let forged = 0
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      try {
        const headers = request.headers as Record<string, string>
        const event = new Webhook(secret).verify(Buffer.concat(chunks), headers) as { type: string; data: { id: string } }
        received.set(headers['webhook-id'] ?? '', event)
        response.writeHead(204).end()
      } catch {
        forged++
        response.writeHead(400).end()
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    received,
    forged: () => forged,
    trust: (given: string) => {
      secret = given
    },
    close: () => server.close(),
  }
}

/** A client that meets a dead server: its answer is lost, which it must bear. */
async function orLost<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof TypeError || (error instanceof Error && error.name === 'SyntaxError')) return null
    throw error
  }
}

/** Sends again while the server says that it has too much to do, which promises that nothing was done. */
async function patiently(send: () => Promise<Answer>): Promise<Answer> {
  for (;;) {
    const answer = await send()
    if (answer.status !== 503) return expect2xx(answer)
    assert.equal(answer.body.code, 'overloaded')
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

/** Adds one piece after the other until the server is gone. */
async function addOn(url: string, known: Known, index: number): Promise<void> {
  for (;;) {
    known.attempted++
    const call = caller(url, known.token ?? undefined)
    const sku = SKUS[index % SKUS.length]
    const answer = await orLost(() => patiently(() => call('POST', `${CURRENT}/lines`, { sku })))
    if (!answer) return
    if (known.token === null) {
      // The first add of somebody without a token is only theirs once they know the token.
      known.token = answer.body.token
      known.attempted = 1
    }
    known.acknowledged++
  }
}

/** Buys one cart after the other until the server is gone; answers the carts it had a token for. */
async function buyOn(url: string, index: number, carts: { id: string; token: string }[], paid: string[]): Promise<void> {
  for (let count = 0; ; count++) {
    const sku = SKUS[(index + count) % SKUS.length]
    const bought = await orLost(async () => {
      const piece = { sku, quantity: 1 + (count % 3) }
      const first = (await patiently(() => caller(url)('POST', `${CURRENT}/lines`, piece))).body
      carts.push({ id: first.cart.id, token: first.token })
      const call = caller(url, first.token)
      await patiently(() => call('PATCH', CURRENT, { email: 'd@example.com' }))
      const wanted = { cartId: first.cart.id, expectedTotal: 1_000_000 }
      const ordered = (await patiently(() => call('POST', `${SHOP}/orders`, wanted))).body
      // Something is added while it is being paid, now and then: that part must survive in a cart that goes on.
      if (count % 2 === 0) await patiently(() => call('POST', `${CURRENT}/lines`, { sku: SKUS[index % 2] }))
      await payInBrowser(url, ordered.payment.url)
      paid.push(ordered.order.id)
      return ordered.order.id
    })
    if (bought === null) return
  }
}

/** What a browser does on the payment page, whose public address names the server's port at that time. */
async function payInBrowser(url: string, page: string): Promise<void> {
  const here = new URL(new URL(page).pathname, url)
  const card = new URLSearchParams({ number: '4242424242424242', expiry: '12/40', cvc: '123', name: 'Robin Example' })
  const paid = await fetch(here, { method: 'POST', body: card, redirect: 'manual' })
  await paid.body?.cancel()
}

// SQLite is the one whose files a kill could hurt; that PostgreSQL survives its clients is its own promise.
for (const dialect of mainlyOn('sqlite')) {
  describe(`a server on ${dialect} that dies ${ROUNDS} times under load`, async () => {
    const databaseUrl = await freshDatabase(dialect)
    const hooks = await startReceiver()
    const adders: Known[] = Array.from({ length: ADDERS }, () => ({ token: null, acknowledged: 0, attempted: 0 }))
    const carts: { id: string; token: string }[] = []
    let node: Node | null = null
    after(async () => {
      await node?.kill()
      hooks.close()
    })

    const admin = () => caller(node?.url ?? '', ADMIN)
    const state = openStore(databaseUrl)
    after(() => state.close())
    const { db } = state.reader

    async function loadAndKill(round: number): Promise<void> {
      const { url, kill } = node ?? (await startNode(databaseUrl))
      const paid: string[] = []
      // At any moment, but on a machine that is busy not before there was something to lose.
      const dying = new Promise<void>((resolve) => setTimeout(resolve, 700 + Math.random() * 1300))
        .then(() => eventually(async () => paid.length > 0, 20_000, 'a cart to be paid for'))
        .then(kill)
      await Promise.all([
        dying,
        ...adders.map((known, index) => addOn(url, known, index)),
        ...Array.from({ length: BUYERS }, (_, index) => buyOn(url, index + round, carts, paid)),
      ])
      node = null
    }

    test('comes back each time', async () => {
      node = await startNode(databaseUrl)
      await stockUp(node.url, 'demo', wares(SKUS.length, 'T', STOCK))
      const types = ['cart.updated', 'cart.created', 'cart.closed', 'order.created', 'order.placed', 'payment.succeeded']
      const endpoint = expect2xx(await admin()('POST', `${SHOP}/webhooks`, { url: hooks.url, types })).body
      hooks.trust(endpoint.secret)
      for (let round = 0; round < ROUNDS; round++) {
        await loadAndKill(round)
        node = await startNode(databaseUrl)
      }
    })

    test('has every add that it acknowledged, and none twice', async () => {
      for (const { token, acknowledged, attempted } of adders) {
        const { body } = expect2xx(await caller(node?.url ?? '', token ?? '')('GET', CURRENT))
        assert.ok(body.itemCount >= acknowledged, `${body.itemCount} pieces, but ${acknowledged} were acknowledged`)
        assert.ok(body.itemCount <= attempted, `${body.itemCount} pieces, but only ${attempted} were asked for`)
      }
      const all = adders.reduce((sum, each) => sum + each.acknowledged, 0)
      console.log(`  ${dialect}: ${all} adds acknowledged, ${carts.length} carts bought from`)
      assert.ok(all > 30 && carts.length > 5, 'there was load')
    })

    test('comes to rest: every paid order is placed, whole, and none is stuck', async () => {
      // Interrupted calls to the provider and leases are taken up again after their time; the clock of the demo makes it pass.
      await eventually(
        async () => {
          expect2xx(await caller(node?.url ?? '')('POST', '/v1/demo/clock', { advance: 'PT16S' }))
          const paid = await db.selectFrom('sandbox_sessions').select(['document', 'attempt_id']).execute()
          const settled = await db.selectFrom('payments').select(['id', 'state']).execute()
          const states = new Map(settled.map((row) => [row.id, row.state]))
          return paid.every(
            (row) => (JSON.parse(row.document) as { state: string }).state !== 'paid' || states.get(row.attempt_id) === 'PAID',
          )
        },
        30_000,
        'every paid session to be applied',
      )
      const orders = await db.selectFrom('orders').selectAll().execute()
      const payments = await db.selectFrom('payments').selectAll().execute()
      assert.deepEqual(
        [...new Set(orders.map((row) => row.state))].filter((each) => !['NEW', 'PLACED'].includes(each)),
        [],
      )
      const placed = orders.filter((row) => row.state === 'PLACED')
      console.log(`  ${dialect}: ${placed.length} orders placed, ${orders.length - placed.length} never paid`)
      assert.ok(placed.length >= ROUNDS, 'something was bought before each crash')
      for (const row of placed) {
        const order = JSON.parse(row.document) as Order
        assert.ok(order.number && order.reference && row.placed_at, `order ${row.id} has no number or reference`)
        assert.ok(
          row.total === 0 || payments.some((each) => each.order_id === row.id && each.state === 'PAID' && each.amount === row.total),
        )
        const cart = await db
          .selectFrom('carts')
          .select(['state', 'intent'])
          .where('id', '=', row.cart_id ?? '')
          .executeTakeFirstOrThrow()
        assert.equal(cart.state, 'CLOSED')
        assert.equal(JSON.parse(cart.intent).orderId, row.id)
      }
      assert.equal(new Set(placed.map((row) => (JSON.parse(row.document) as Order).reference)).size, placed.length)
      for (const row of orders.filter((each) => each.state === 'NEW'))
        assert.ok(
          payments.every((each) => each.order_id !== row.id || ['OPENING', 'PENDING'].includes(each.state)),
          `order ${row.id} was paid`,
        )
    })

    test('has lost nothing that was added while paying', async () => {
      for (const { id, token } of carts) {
        const closed = expect2xx(await caller(node?.url ?? '', token)('GET', `${SHOP}/carts/${id}`)).body
        if (closed.state === 'OPEN') continue
        const order = expect2xx(await caller(node?.url ?? '', token)('GET', `${SHOP}/orders/${closed.orderId}`)).body
        const next = expect2xx(await caller(node?.url ?? '', token)('GET', CURRENT)).body
        const pieces = (lines: { quantity: number }[]) => lines.reduce((sum, line) => sum + line.quantity, 0)
        assert.equal(pieces(order.lines) + pieces(next.lines), pieces(closed.lines), `cart ${id}`)
      }
    })

    test('has exactly the stock that was not sold', async () => {
      const placed = await db.selectFrom('orders').select('document').where('state', '=', 'PLACED').execute()
      const lines = placed.flatMap((row) => (JSON.parse(row.document) as Order).lines)
      await atOnce(SKUS.length, async (index) => {
        const sku = SKUS[index]
        const sold = lines.filter((line) => line.sku === sku).reduce((sum, line) => sum + line.quantity, 0)
        assert.equal(expect2xx(await admin()('GET', `${SHOP}/stock/${sku}`)).body.onHand, STOCK - sold)
      })
    })

    test('has books that balance', async () => {
      const checks = await checkBooks(state.reader, Date.now())
      assert.deepEqual(
        checks.filter(({ findings, severity }) => severity === 'error' && findings.length > 0),
        [],
      )
    })

    test('delivers every event that was committed, signed', async () => {
      await eventually(
        async () => {
          await caller(node?.url ?? '')('POST', '/v1/demo/clock', { advance: 'PT21S' })
          const waiting = await db.selectFrom('deliveries').select('id').where('state', 'in', ['PENDING', 'SENDING']).execute()
          return waiting.length === 0
        },
        30_000,
        'all deliveries',
      )
      const deliveries = await db.selectFrom('deliveries').select(['event_id', 'state', 'type', 'subject']).execute()
      assert.deepEqual([...new Set(deliveries.map((row) => row.state))], ['DELIVERED'])
      for (const row of deliveries) assert.ok(hooks.received.has(row.event_id), `${row.type} of ${row.subject} never arrived`)
      assert.equal(hooks.forged(), 0)
      const told = new Set([...hooks.received.values()].filter(({ type }) => type === 'order.placed').map(({ data }) => data.id))
      const placed = await db.selectFrom('orders').select('id').where('state', '=', 'PLACED').execute()
      for (const row of placed) assert.ok(told.has(row.id), `nobody was told that ${row.id} was placed`)
      console.log(`  ${dialect}: ${deliveries.length} events delivered`)
    })
  })
}
