// A cart as a stream: every change arrives within a second, also when it was made on another node; who resumes gets what is new, who is slow the
// newest; a stream ends with the cart, with the right to read it, and with the server. It shows nobody more than reading does, and costs one
// statement per quarter of a second, whoever watches.
import assert from 'node:assert/strict'
import { get, type IncomingMessage } from 'node:http'
import { describe, test } from 'node:test'
import { SignJWT } from 'jose'
import { ADMIN, type Answer, atOnce, caller, DIALECTS, eventually, freshDatabase, startTestServer } from './harness.ts'
import { ADDRESS, assertProblem } from './http-probe.ts'
import { expect2xx, login, stockUp, wares } from './nodes.ts'
import { assertSoon, type OpenStream, openStream, type StreamEvent, streamsOf } from './streams.ts'

const SHOP = '/v1/shops/demo'
const CURRENT = `${SHOP}/carts/current`

type Call = ReturnType<typeof caller>

for (const dialect of DIALECTS) {
  const databaseUrl = await freshDatabase(dialect)
  const times = { heartbeat: 400, recheck: 500, trusted: 0, stalled: 60_000 }
  const reading = await startTestServer(databaseUrl, { streamTimes: times })
  // On PostgreSQL everything is written through another node than the one that streams.
  const writing = dialect === 'postgres' ? await startTestServer(databaseUrl) : reading
  const { watching } = reading.engine
  const admin = caller(writing.url, ADMIN)
  let made = 0

  const open = streamsOf(reading.url)

  async function price(handle: string, amount: number): Promise<string> {
    const [ware] = wares(1, handle)
    assert.ok(ware)
    const variants = ware.variants.map((variant) => ({ ...variant, prices: [{ currency: 'USD', amount }] }))
    await stockUp(writing.url, 'demo', [{ ...ware, variants }])
    return `${handle}-0`
  }

  /** A guest with one mug, who writes through one node and reads the stream of the other. */
  async function guest(): Promise<{ call: Call; token: string; id: string; line: string; cart: Answer['body'] }> {
    const { token, cart } = expect2xx(await caller(writing.url)('POST', `${CURRENT}/lines`, { sku: 'MUG-STONE' })).body
    return { call: caller(writing.url, token), token, id: cart.id, line: cart.lines[0].id, cart }
  }

  const gone = async (stream: OpenStream, ms = 3000): Promise<void> => {
    const event = await stream.until((each) => each.event === 'gone', ms)
    assert.deepEqual(event.data, {})
    assert.equal(await stream.next(), null)
  }

  describe(`the stream of a cart (${dialect})`, () => {
    test('SEED2-46 SEED4-01 every kind of change arrives within a second, recalculated, as reading shows it', async () => {
      const handle = `S-${made++}`
      const sku = await price(handle, 1000)
      const { call, token, id, line } = await guest()
      const stream = await open(`${SHOP}/carts/${id}/stream`, token)
      assert.equal((await stream.next())?.data.lines.length, 1)
      const changes: [what: string, change: () => Promise<unknown>, seen: (cart: Answer['body']) => boolean][] = [
        ['a line is added', () => call('POST', `${CURRENT}/lines`, { sku, quantity: 2 }), (cart) => cart.itemCount === 3],
        ['a quantity is set', () => call('PATCH', `${CURRENT}/lines/${line}`, { quantity: 4 }), (cart) => cart.itemCount === 6],
        ['a code is applied', () => call('POST', `${CURRENT}/codes`, { code: 'WELCOME10' }), (cart) => cart.discountTotal.amount < 0],
        ['an address decides tax', () => call('PATCH', CURRENT, { shippingAddress: ADDRESS }), (cart) => cart.shippingAddress !== null],
        ['shipping is chosen', () => call('PATCH', CURRENT, { shippingMethod: 'standard' }), (cart) => cart.shippingMethod === 'standard'],
        ['a price goes up', () => price(handle, 1500), (cart) => cart.notices[0]?.code === 'price_increased'],
        ['the code is removed', () => call('DELETE', `${CURRENT}/codes/WELCOME10`), (cart) => cart.discountTotal.amount === 0],
        ['a line is removed', () => call('DELETE', `${CURRENT}/lines/${line}`), (cart) => cart.itemCount === 2],
        [
          'a notice is acknowledged',
          () => call('POST', `${CURRENT}/notices/acknowledge`, { ids: 'all' }),
          (cart) => cart.notices.length === 0,
        ],
        ['everything is removed', () => call('DELETE', `${CURRENT}/lines`), (cart) => cart.total.amount === 0],
      ]
      const took: number[] = []
      for (const [what, change, seen] of changes) {
        await change()
        const started = Date.now()
        const event = await stream.until(({ data }) => seen(data)).catch((error: Error) => assert.fail(`${what}: ${error.message}`))
        took.push(Date.now() - started)
        const read = await caller(reading.url, token)('GET', CURRENT)
        assert.deepEqual(event.data, read.body, what)
        assert.equal(event.id, `${read.body.version}.${read.body.pricing}.${read.headers.get('etag')?.slice(1, -1)}`, what)
      }
      assertSoon(took)
      stream.close()
    })

    test('SEED1-05 SEED2-18 `current` follows its owner: no cart yet, the first one, and none again when it is over; by id a cart ends with its last state', async () => {
      const token = await login(writing.url, `follow-${dialect}`)
      const call = caller(writing.url, token)
      const stream = await open(`${CURRENT}/stream`, token)
      const first = await stream.next()
      assert.deepEqual([first?.data.version, first?.data.lines, first?.id], [0, [], '0'])
      await stream.silence(600)
      const { cart } = expect2xx(await call('POST', `${CURRENT}/lines`, { sku: 'MUG-STONE' })).body
      assert.equal((await stream.next())?.data.id, cart.id)
      const byId = await open(`${SHOP}/carts/${cart.id}/stream`, token)
      assert.equal((await byId.next())?.data.state, 'OPEN')
      expect2xx(await call('DELETE', CURRENT))
      assert.deepEqual((await byId.next())?.data.closedReason, 'deleted')
      assert.equal(await byId.next(), null)
      assert.equal((await stream.next())?.data.version, 0)
      const second = expect2xx(await call('POST', `${CURRENT}/lines`, { sku: 'MUG-INK' })).body.cart
      assert.equal((await stream.next())?.data.id, second.id)
      stream.close()
    })

    test('the stream of a cart that is over already is its last state and the end, also when that was seen', async () => {
      const { call, token, id } = await guest()
      await call('DELETE', CURRENT)
      for (const headers of [{}, { 'last-event-id': 'anything' }]) {
        const stream = await open(`${SHOP}/carts/${id}/stream`, token, headers)
        assert.equal((await stream.next())?.data.state, 'CLOSED')
        assert.equal(await stream.next(), null)
      }
    })

    test('who resumes with the last id gets nothing twice, and at once what changed meanwhile', async () => {
      const { call, token } = await guest()
      const before = await open(`${CURRENT}/stream`, token)
      const { id = null } = (await before.next()) ?? {}
      before.close()
      const same = await open(`${CURRENT}/stream`, token, { 'last-event-id': String(id) })
      await same.silence(700)
      assert.match(same.text(), /^retry: \d+\n\n/)
      same.close()
      await call('PATCH', CURRENT, { note: 'meanwhile' })
      const resumed = await open(`${CURRENT}/stream`, token, { 'last-event-id': String(id) })
      assert.equal((await resumed.next())?.data.note, 'meanwhile')
      await resumed.silence(500)
      resumed.close()
    })

    test('many changes in one moment come as few events, the last of them the newest', async () => {
      const { call, token } = await guest()
      const stream = await open(`${CURRENT}/stream`, token)
      await stream.next()
      await atOnce(40, () => call('POST', `${CURRENT}/lines`, { sku: 'MUG-INK' }))
      let events = 1
      await stream.until(({ data }) => {
        events++
        return data.itemCount === 41
      })
      assert.ok(events < 12, `${events} events`)
      stream.close()
    })

    test('all tabs of a shopper see the same', async () => {
      const { call, token, id } = await guest()
      const streams = [
        ...(await atOnce(4, () => open(`${CURRENT}/stream`, token))),
        await open(`${SHOP}/carts/${id}/stream`, token),
        await open(`${SHOP}/carts/${id}/stream`, ADMIN),
      ]
      for (const stream of streams) await stream.next()
      await call('PATCH', CURRENT, { note: 'all' })
      const ids = await Promise.all(streams.map(async (stream) => (await stream.next())?.id))
      assert.equal(new Set(ids).size, 1)
      for (const stream of streams) stream.close()
    })

    test('notices come in the language that was asked for', async () => {
      const handle = `S-${made++}`
      const { token } = expect2xx(await caller(writing.url)('POST', `${CURRENT}/lines`, { sku: await price(handle, 1000) })).body
      const stream = await open(`${CURRENT}/stream`, token, { 'accept-language': 'de' })
      assert.equal(stream.headers.get('content-language'), 'de')
      await stream.next()
      await price(handle, 1100)
      assert.match((await stream.next())?.data.notices[0].message, /gestiegen/)
      stream.close()
    })

    test('pages of another origin may read it, nothing keeps it, and silence is filled', async () => {
      const { token } = await guest()
      const stream = await open(`${CURRENT}/stream`, token, { origin: 'https://shop.example' })
      assert.equal(stream.headers.get('access-control-allow-origin'), '*')
      assert.match(stream.headers.get('content-type') ?? '', /^text\/event-stream/)
      assert.match(stream.headers.get('cache-control') ?? '', /no-store/)
      await eventually(async () => stream.text().split(': here\n\n').length > 2, 3000, 'two heartbeats')
      stream.close()
    })

    test('another owner’s cart has no stream, and nobody has one without a token', async () => {
      const mine = await guest()
      const other = await guest()
      const path = `${SHOP}/carts/${mine.id}/stream`
      assertProblem(await caller(reading.url, other.token)('GET', path), 404, 'cart_not_found')
      assertProblem(await caller(reading.url)('GET', path), 401, 'login_required')
      assertProblem(await caller(reading.url, ADMIN)('GET', `${CURRENT}/stream`), 400, 'owner_required')
      assertProblem(await caller(reading.url, ADMIN)('GET', `${SHOP}/carts/cart_none/stream`), 404, 'cart_not_found')
      assertProblem(await caller(reading.url, mine.token)('GET', `${CURRENT}/stream?type=none`), 422, 'invalid')
    })

    test('an owner has at most 20 streams, and a place is free again when one ends', async () => {
      const { token } = await guest()
      const streams = await atOnce(20, () => open(`${CURRENT}/stream`, token))
      assert.deepEqual(new Set(streams.map((stream) => stream.status)), new Set([200]))
      const refused = await caller(reading.url, token)('GET', `${CURRENT}/stream`)
      assertProblem(refused, 429, 'rate_limited')
      assert.ok(refused.headers.get('retry-after'))
      for (const stream of streams) stream.close()
      const again = await eventually(async () => {
        const stream = await open(`${CURRENT}/stream`, token)
        return stream.status === 200 && stream
      })
      again.close()
    })

    test('who holds a link to a cart has places of its own, and takes none of the owner’s', async () => {
      const { call, token } = await guest()
      const link = expect2xx(await call('POST', `${CURRENT}/restore-links`)).body
      const holder = expect2xx(await caller(writing.url)('POST', `${SHOP}/carts/restore`, { token: link.token })).body.token as string
      const streams = await atOnce(20, () => open(`${CURRENT}/stream`, holder))
      assert.deepEqual(new Set(streams.map((stream) => stream.status)), new Set([200]))
      assertProblem(await caller(reading.url, holder)('GET', `${CURRENT}/stream`), 429, 'rate_limited')
      const own = await open(`${CURRENT}/stream`, token)
      assert.equal(own.status, 200)
      for (const stream of [own, ...streams]) stream.close()
    })

    test('a cart that is removed is gone', async () => {
      const shop = '/v1/shops/reconcile'
      const { token, cart } = expect2xx(
        await caller(writing.url)('POST', `${shop}/carts/current/lines`, { lines: [{ sku: 'MUG-STONE', expectedUnitPrice: 1800 }] }),
      ).body
      const stream = await open(`${shop}/carts/${cart.id}/stream`, ADMIN)
      await stream.next()
      const account = caller(writing.url, await login(writing.url, `gone-${dialect}`))
      expect2xx(await account('POST', `${shop}/carts/current/merge`, { carts: [{ id: cart.id, token }] }))
      await gone(stream)
    })

    test('a key that is revoked sees no further change: the stream ends', async () => {
      const { call, id } = await guest()
      const key = (await admin('POST', `${SHOP}/api-keys`, { name: 'watcher', scopes: ['carts:read'] })).body
      const stream = await open(`${SHOP}/carts/${id}/stream`, key.token)
      await stream.next()
      await admin('DELETE', `${SHOP}/api-keys/${key.id}`)
      await call('PATCH', CURRENT, { note: 'secret' })
      await gone(stream)
      assert.ok(!stream.text().includes('secret'))
    })

    test('a guest whose secret was revoked, and a login that ran out, end the stream without any change', async () => {
      const { token, id } = await guest()
      const account = caller(writing.url, await login(writing.url, `takes-${dialect}`))
      const watcher = await open(`${SHOP}/carts/current/stream`, token)
      await watcher.next()
      expect2xx(await account('POST', `${CURRENT}/merge`, { carts: [{ id, token }] }))
      await gone(watcher)

      const { value } = await reading.engine.store.reader.db
        .selectFrom('instance')
        .select('value')
        .where('name', '=', 'demo_jwt_secret')
        .executeTakeFirstOrThrow()
      const jwt = await new SignJWT({})
        .setProtectedHeader({ alg: 'HS256' })
        .setIssuer('https://demo.cartwright.invalid')
        .setAudience('cartwright-demo')
        .setSubject(`short-${dialect}`)
        .setExpirationTime(Math.floor(Date.now() / 1000) + 2)
        .sign(new TextEncoder().encode(value))
      const stream = await open(`${CURRENT}/stream`, jwt)
      await stream.next()
      await gone(stream, 4000)
    })

    test('who goes away is forgotten at once, and then nothing is read any more', async () => {
      await eventually(async () => watching.watchers() === 0, 5000, 'all earlier streams to be forgotten')
      const { token } = await guest()
      const streams = await atOnce(5, () => open(`${CURRENT}/stream`, token))
      for (const stream of streams) await stream.next()
      assert.equal(watching.watchers(), 5)
      for (const stream of streams) stream.close()
      await eventually(async () => watching.watchers() === 0, 2000, 'the streams to be forgotten')
    })
  })

  describe(`what streams cost (${dialect})`, () => {
    test('50 watched carts are read by at most 5 statements in a second, and none when nobody watches', async () => {
      const server = await startTestServer(databaseUrl)
      const tokens = await atOnce(50, async () => (await guest()).token)
      await server.engine.jobs.stop()
      const streams = await atOnce(50, (index) => openStream(`${server.url}${CURRENT}/stream`, tokens[index]))
      for (const stream of streams) await stream.next()
      const statementsIn = async (ms: number) => {
        const before = server.engine.store.statements()
        await new Promise((resolve) => setTimeout(resolve, ms))
        return server.engine.store.statements() - before
      }
      // Stock that the carts rest on is read again once a second.
      const watched = await statementsIn(2000)
      assert.ok(watched >= 4 && watched <= 12, `${watched} statements in two seconds`)
      for (const stream of streams) stream.close()
      await eventually(async () => server.engine.watching.watchers() === 0)
      await new Promise((resolve) => setTimeout(resolve, 300))
      assert.equal(await statementsIn(1000), 0)
      await server.close()
    })

    test('a reader that takes nothing is sent the newest cart when it goes on, not all that were between; and it does not hold up the end', async () => {
      const server = await startTestServer(databaseUrl)
      await stockUp(writing.url, 'demo', wares(400, 'SLOW'))
      const token = await login(writing.url, `slow-${dialect}`)
      const call = caller(writing.url, token)
      for (let from = 0; from < 400; from += 100) {
        const lines = Array.from({ length: 100 }, (_, index) => ({ sku: `SLOW-${from + index}`, note: 'n'.repeat(1000) }))
        expect2xx(await call('POST', `${CURRENT}/lines`, { lines }))
      }
      const paused = async () => {
        const headers = { authorization: `Bearer ${token}` }
        const response = await new Promise<IncomingMessage>((resolve) => get(`${server.url}${CURRENT}/stream`, { headers }, resolve))
        return response.on('error', () => undefined).pause()
      }
      const [slow, stuck] = [await paused(), await paused()]
      const changes = 30
      for (let change = 1; change <= changes; change++) {
        expect2xx(await call('PATCH', CURRENT, { note: `change ${change}.` }))
        await new Promise((resolve) => setTimeout(resolve, 260))
      }
      let text = ''
      slow.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      slow.resume()
      await eventually(async () => text.includes(`"note":"change ${changes}."`), 10_000, 'the newest cart')
      const events = text.split('event: cart').length - 1
      console.log(`  events for ${changes} changes: ${events}, ${Math.round(text.length / 1e6)} MB`)
      assert.ok(events < changes / 2, `${events} events for ${changes} changes`)
      const started = Date.now()
      await server.close()
      assert.ok(Date.now() - started < 2000, `closing took ${Date.now() - started} ms`)
      for (const response of [slow, stuck]) response.destroy()
    })

    test('a server that closes ends its streams at once', async () => {
      const server = await startTestServer(databaseUrl)
      const { token } = await guest()
      const streams = await atOnce(3, () => openStream(`${server.url}${CURRENT}/stream`, token))
      for (const stream of streams) await stream.next()
      const started = Date.now()
      await server.close()
      assert.ok(Date.now() - started < 2000, `closing took ${Date.now() - started} ms`)
      const ends: (StreamEvent | null)[] = await Promise.all(streams.map((stream) => stream.next()))
      assert.deepEqual(ends, [null, null, null])
    })
  })
}
