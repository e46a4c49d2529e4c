// What a consumer of webhooks may rely on: it finds the order as it is told, in its final state; nothing that was committed is lost, whenever a
// server dies; and events of one cart or order come in their order, however many nodes deliver them.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, describe, test } from 'node:test'
import { openStore } from '../src/main.ts'
import { readEndpoints } from '../src/store/endpoints.ts'
import { publish } from '../src/store/outbox.ts'
import { ADMIN, atOnce, caller, EVERY, eventually, freshDatabase, mainlyOn, startTestServer } from './harness.ts'
import { expect2xx, type Node, startNode, stockUp, wares } from './nodes.ts'
import { type Received, startReceiver } from './receiver.ts'

const SHOP = '/v1/shops/demo'
const CURRENT = `${SHOP}/carts/current`
const EVENTS = EVERY ? 500 : 150
const BUYERS = 10

/** Buys something and pays it as a browser does; answers the id of the order. */
async function buy(url: string, sku: string): Promise<string> {
  const first = expect2xx(await caller(url)('POST', `${CURRENT}/lines`, { sku })).body
  const call = caller(url, first.token)
  expect2xx(await call('PATCH', CURRENT, { email: 'd@example.com' }))
  const ordered = expect2xx(await call('POST', `${SHOP}/orders`, { cartId: first.cart.id, expectedTotal: 1_000_000 })).body
  const card = new URLSearchParams({ number: '4242424242424242', expiry: '12/40', cvc: '123', name: 'Robin Example' })
  const paid = await fetch(new URL(new URL(ordered.payment.url).pathname, url), { method: 'POST', body: card, redirect: 'manual' })
  await paid.body?.cancel()
  return ordered.order.id
}

/** Versions of each subject in the order in which they came first. */
function versionsBySubject(received: readonly Received[]): Map<string, number[]> {
  const firsts = [...new Map([...received].reverse().map((each) => [each.id, each])).values()].reverse()
  const versions = new Map<string, number[]>()
  for (const { event } of firsts) versions.set(event.data.id, [...(versions.get(event.data.id) ?? []), event.data.version])
  return versions
}

const isRising = (versions: readonly number[]) => versions.every((version, index) => index === 0 || version >= (versions[index - 1] ?? 0))

// The one that several nodes may share; deliveries are one code for both.
for (const dialect of mainlyOn('postgres')) {
  describe(`a consumer on ${dialect}`, async () => {
    const server = await startTestServer(await freshDatabase(dialect))
    const hooks = await startReceiver()
    const admin = caller(server.url, ADMIN)
    await stockUp(server.url, 'demo', wares(4, 'T'))

    test(`SEED1-08 OPS-1 that reads the order on receipt always finds it in its final state, over ${EVENTS} events under load`, async () => {
      const types = ['order.*', 'payment.*']
      const { id, secret } = expect2xx(await admin('POST', `${SHOP}/webhooks`, { url: `${hooks.url}/final`, types })).body
      hooks.trust('/final', secret)
      const faults: string[] = []
      let checked = 0
      hooks.answer('/final', async ({ event }) => {
        const told = event.data as unknown as { id: string; version: number; state: string; paymentState: string }
        const found = await admin('GET', `${SHOP}/orders/${told.id}`)
        const { version, state, paymentState } = found.body
        const isSame = version !== told.version || (state === told.state && paymentState === told.paymentState)
        if (found.status !== 200 || version < told.version || !isSame)
          faults.push(`${event.type} of ${told.id} version ${told.version} ${told.state}: found ${found.status} ${version} ${state}`)
        if (event.type === 'order.placed' && (state !== 'PLACED' || paymentState !== 'PAID')) faults.push(`${told.id} was not yet placed`)
        checked++
        return { status: 204 }
      })
      const bought: string[] = []
      await atOnce(BUYERS, async (index) => {
        while (checked < EVENTS) bought.push(await buy(server.url, `T-${(index + bought.length) % 4}`))
      })
      const placed = () => hooks.at('/final').filter(({ event }) => event.type === 'order.placed')
      await eventually(
        async () => new Set(placed().map(({ event }) => event.data.id)).size === bought.length,
        60_000,
        'all orders to be told',
      )
      assert.deepEqual(faults, [])
      assert.ok(checked >= EVENTS)
      for (const [subject, versions] of versionsBySubject(hooks.at('/final')))
        assert.ok(isRising(versions), `${subject}: ${versions.join(' ')}`)
      expect2xx(await admin('DELETE', `${SHOP}/webhooks/${id}`))
      assert.deepEqual(hooks.forged, [])
    })
  })

  describe(`two nodes on ${dialect}`, async () => {
    const databaseUrl = await freshDatabase(dialect)
    const nodes = [await startTestServer(databaseUrl), await startTestServer(databaseUrl)] as const
    const hooks = await startReceiver()

    test('SEED1-54 deliver what happened to a cart or order in its order, though everything is slow and some of it fails', async () => {
      const [{ url, engine }] = nodes
      const types = ['order.updated']
      const { id, secret } = expect2xx(await caller(url, ADMIN)('POST', `${SHOP}/webhooks`, { url: `${hooks.url}/order`, types })).body
      hooks.trust('/order', secret)
      const failed = new Set<string>()
      hooks.answer('/order', async (came) => {
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 15))
        // One in ten fails the first time.
        if (came.event.data.version % 10 !== 3 || failed.has(came.id)) return { status: 204 }
        failed.add(came.id)
        return { status: 500 }
      })
      const endpoints = await readEndpoints(engine.store.reader, 'demo')
      const [subjects, versions] = [10, 15]
      for (let version = 0; version < versions; version++) {
        const events = Array.from({ length: subjects }, (_, subject) => ({
          type: 'order.updated' as const,
          subject: `ord_${subject}`,
          data: JSON.stringify({ id: `ord_${subject}`, version }),
        }))
        const { store, clock, random } = nodes[version % 2]?.engine ?? engine
        await store.transact((writer) => publish(writer, 'demo', endpoints, events, clock.now(), () => random.id('dl')))
      }
      await eventually(
        async () => {
          for (const node of nodes) await caller(node.url)('POST', '/v1/demo/clock', { advance: 'PT6S' })
          const waiting = await engine.store.reader.db.selectFrom('deliveries').select('id').where('state', '!=', 'DELIVERED').execute()
          return waiting.length === 0
        },
        60_000,
        'all deliveries',
      )
      const came = hooks.at('/order').map(({ event }) => event.data)
      for (let subject = 0; subject < subjects; subject++) {
        const seen = came.filter((each) => each.id === `ord_${subject}`).map((each) => each.version)
        assert.ok(isRising(seen), `${subject}: ${seen.join(' ')}`)
        assert.deepEqual(
          [...new Set(seen)],
          Array.from({ length: versions }, (_, version) => version),
        )
      }
      assert.ok(failed.size >= subjects)
      expect2xx(await caller(url, ADMIN)('DELETE', `${SHOP}/webhooks/${id}`))
    })
  })

  describe(`a server on ${dialect} that is killed`, async () => {
    const databaseUrl = await freshDatabase(dialect)
    const hooks = await startReceiver()
    const store = openStore(databaseUrl)
    let node: Node | null = null
    after(async () => {
      await node?.kill()
      await store.close()
    })
    const rows = () => store.reader.db.selectFrom('deliveries').select(['id', 'type', 'subject', 'state']).execute()

    async function start(): Promise<Node> {
      node = await startNode(databaseUrl)
      return node
    }
    async function register(path: string, types: readonly string[]): Promise<void> {
      const { body } = expect2xx(await caller(node?.url ?? '', ADMIN)('POST', `${SHOP}/webhooks`, { url: hooks.url + path, types }))
      hooks.trust(path, body.secret)
    }

    test('OPS-1 between the commit and the delivery loses no event', async () => {
      const { url, kill } = await start()
      await register('/committed', ['cart.created'])
      const made = await atOnce(
        20,
        async () => expect2xx(await caller(url)('POST', `${SHOP}/carts`, {}, { 'idempotency-key': randomUUID() })).body.cart.id,
      )
      await kill()
      const left = await rows()
      assert.deepEqual(new Set(left.map((row) => row.subject)), new Set(made), 'every event was committed with its cart')
      assert.ok(
        left.some((row) => row.state !== 'DELIVERED'),
        'it died before all was delivered',
      )
      const again = await start()
      await eventually(
        async () => {
          await caller(again.url)('POST', '/v1/demo/clock', { advance: 'PT21S' })
          return (await rows()).every((row) => row.state === 'DELIVERED')
        },
        30_000,
        'all deliveries',
      )
      assert.deepEqual(new Set(hooks.at('/committed').map(({ event }) => event.data.id)), new Set(made))
      await again.kill()
    })

    test('OPS-1 in the middle of a delivery sends it again under the same id', async () => {
      const { url, kill } = await start()
      await register('/middle', ['cart.closed'])
      hooks.answer('/middle', 'hang')
      const { token, cart } = expect2xx(await caller(url)('POST', `${CURRENT}/lines`, { sku: 'MUG-STONE' })).body
      expect2xx(await caller(url, token)('DELETE', CURRENT))
      await eventually(async () => hooks.at('/middle').length === 1)
      await kill()
      assert.deepEqual(
        (await rows()).filter((row) => row.subject === cart.id && row.type === 'cart.closed').map((row) => row.state),
        ['SENDING'],
      )
      hooks.answer('/middle', null)
      const again = await start()
      await caller(again.url)('POST', '/v1/demo/clock', { advance: 'PT21S' })
      await eventually(async () => hooks.at('/middle').length === 2)
      const [first, second] = hooks.at('/middle')
      assert.deepEqual([second?.id, second?.body], [first?.id, first?.body])
      await eventually(async () => (await rows()).every((row) => row.state === 'DELIVERED'))
      await again.kill()
      assert.deepEqual(hooks.forged, [])
    })
  })
}
