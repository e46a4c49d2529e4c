// An order that is followed by the client, against a real server: by its live stream, and by asking where there is no stream to be had; until it
// is over, may not be read any more, or nobody wants to know.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Client, createClient } from '../src/client/client.ts'
import { type FollowedOrder, followOrder, isOver } from '../src/client/order.ts'
import { CartwrightError } from '../src/client/problem.ts'
import { STREAM_TIMES } from '../src/http/stream.ts'
import { ADMIN, caller, eventually, freshDatabase, startTestServer } from './harness.ts'
import { payOnPage } from './nodes.ts'

const server = await startTestServer(await freshDatabase('sqlite'), { streamTimes: { ...STREAM_TIMES, recheck: 300, trusted: 0 } })
const admin = caller(`${server.url}/v1/shops/demo`, ADMIN)

/** A network that counts what is asked, and where streams are whatever `stream` makes of them. */
function network(stream: (...request: Parameters<typeof fetch>) => Promise<Response> = fetch) {
  const asked: { readonly at: number; readonly isStream: boolean; readonly lastId: string | null }[] = []
  const send: typeof fetch = (input, init) => {
    const isStream = String(input).endsWith('/stream')
    asked.push({ at: performance.now(), isStream, lastId: new Headers(init?.headers).get('last-event-id') })
    return isStream ? stream(input, init) : fetch(input, init)
  }
  const client: Client = createClient({ baseUrl: server.url, shop: 'demo', fetch: send })
  return { client, asked, questions: () => asked.filter(({ isStream }) => !isStream) }
}

/** An order that waits to be paid; `pay` pays it on its page. */
async function ordered() {
  const { call } = network().client
  const { order, orderToken, payment } = await call('POST /v1/shops/{shop}/orders', {
    body: { items: [{ sku: 'GUIDE-BREW' }], email: 'robin@example.com' },
  })
  const pay = () => payOnPage(payment?.url ?? assert.fail('nothing to pay'))
  return { id: order.id, token: orderToken, pay }
}

/** Follows it, and keeps what was seen. */
function followed(client: Client, { id, token }: { readonly id: string; readonly token: string }, signal?: AbortSignal) {
  const seen: FollowedOrder[] = []
  const missed: CartwrightError[] = []
  const see = (order: FollowedOrder) => void seen.push(order)
  const miss = (error: CartwrightError) => void missed.push(error)
  const told: string[] = []
  const hit = () => void told.push('hit')
  const end = followOrder(client, id, {
    ...{ token, see, hit },
    miss: (error) => {
      miss(error)
      told.push('miss')
    },
    ...(signal ? { signal } : {}),
  })
  end.catch(() => {})
  const until = (state: string, ms = 3000) => eventually(async () => seen.at(-1)?.state === state, ms, state)
  return { seen, missed, told, end, until }
}

describe('an order that is followed', () => {
  it('SEED1-37 is seen at once and after each change by its stream, without being asked for, until it is over and the money is back', async () => {
    const order = await ordered()
    const { client, questions, asked } = network()
    const { seen, end, until } = followed(client, order)
    await until('NEW')
    await order.pay()
    await until('PLACED')
    await admin('POST', `/orders/${order.id}/cancel`, { force: true })
    await end
    // It ends with the first state that is the last one, and with no other.
    assert.deepEqual(
      seen.map(isOver),
      seen.map((_, index) => index === seen.length - 1),
    )
    const [last = assert.fail('nothing was seen')] = seen.slice(-1)
    assert.equal(isOver({ ...last, refunds: last.refunds.map((refund) => ({ ...refund, state: 'PENDING' })) }), false)
    assert.deepEqual([seen.at(-1)?.state, seen.at(-1)?.refunds.map(({ state }) => state)], ['CANCELLED', ['SUCCEEDED']])
    const versions = seen.map(({ version }) => version)
    assert.deepEqual(
      versions,
      versions.toSorted((one, other) => one - other),
    )
    assert.deepEqual([questions().length, asked.length], [0, 1])
  })

  it('SEED1-37 is asked for where the server refuses the stream: less and less often, and soon again after a change', async () => {
    const order = await ordered()
    const busy = { type: 'about:blank', title: 'Too many.', status: 429, code: 'rate_limited' }
    const { client, questions } = network(async () =>
      Response.json(busy, { status: 429, headers: { 'content-type': 'application/problem+json', 'retry-after': '5' } }),
    )
    const { seen, end, until } = followed(client, order)
    await eventually(async () => questions().length === 3, 12_000, 'three questions')
    const [first, second, third] = questions().map(({ at }) => at)
    assert.ok(first && second && third && third - second > 1.2 * (second - first), `${first}, ${second}, ${third}`)
    assert.equal(seen.length, 1)
    await order.pay()
    await until('PLACED', 10_000)
    await admin('POST', `/orders/${order.id}/cancel`, { force: true })
    await end
    assert.equal(seen.at(-1)?.state, 'CANCELLED')
  })

  it('SEED1-37 is asked for where something between keeps the stream back, and where the server knows no such stream', async () => {
    const kept = async () => new Response(new ReadableStream(), { headers: { 'content-type': 'text/event-stream' } })
    const unknown = async () => Response.json({ title: 'There is no such route.', status: 404, code: 'route_not_found' }, { status: 404 })
    for (const stream of [kept, unknown]) {
      const order = await ordered()
      const leaving = new AbortController()
      const { seen, end, until } = followed(network(stream).client, order, leaving.signal)
      await until('NEW')
      await order.pay()
      await until('PLACED', 8000)
      assert.equal(seen[0]?.state, 'NEW')
      leaving.abort()
      await end
    }
  })

  it('goes on where its stream broke, with what was read last', async () => {
    const order = await ordered()
    let opened = 0
    const { client, asked } = network(async (input, init) => {
      const response = await fetch(input, init)
      if (opened++ > 0 || !response.body) return response
      // The first one is cut after it showed the order.
      const reader = response.body.getReader()
      let text = ''
      while (!text.includes('event: order')) text += new TextDecoder().decode((await reader.read()).value)
      await reader.cancel()
      return new Response(text, { headers: { 'content-type': 'text/event-stream' } })
    })
    const { seen, until, end } = followed(client, order)
    await eventually(async () => opened === 2, 3000, 'the second stream')
    assert.match(asked.findLast(({ isStream }) => isStream)?.lastId ?? '', /^1\./)
    await order.pay()
    await until('PLACED')
    assert.equal(seen.filter(({ state }) => state === 'NEW').length, 1)
    await admin('POST', `/orders/${order.id}/cancel`, { force: true })
    await end
  })

  it('is told to be out of reach while the server is away, and seen when it is back', async () => {
    const order = await ordered()
    let isDown = true
    const client = createClient({
      ...{ baseUrl: server.url, shop: 'demo', retries: 0 },
      fetch: (...request) => (isDown ? Promise.reject(new TypeError('The network is down.')) : fetch(...request)),
    })
    const leaving = new AbortController()
    const { missed, until, end } = followed(client, order, leaving.signal)
    await eventually(async () => missed.length > 0, 4000, 'a question in vain')
    assert.equal(missed[0]?.code, 'unreachable')
    isDown = false
    await until('NEW', 8000)
    leaving.abort()
    await end
  })

  it('is told to be in reach again by the first answer after an outage, although nothing of it changed', async () => {
    const order = await ordered()
    let isDown = false
    const client = createClient({
      ...{ baseUrl: server.url, shop: 'demo', retries: 0 },
      // Without a stream every answer is one that was asked for.
      fetch: (input, init) =>
        isDown || String(input).endsWith('/stream') ? Promise.reject(new TypeError('The network is down.')) : fetch(input, init),
    })
    const leaving = new AbortController()
    const { seen, told, end } = followed(client, order, leaving.signal)
    await eventually(async () => told.at(-1) === 'hit', 5000, 'the first answer')
    isDown = true
    await eventually(async () => told.at(-1) === 'miss', 10_000, 'a question in vain')
    isDown = false
    await eventually(async () => told.at(-1) === 'hit', 15_000, 'an answer')
    assert.equal(seen.length, 1)
    leaving.abort()
    await end
    const after = told.length
    await new Promise((resolve) => setTimeout(resolve, 300))
    assert.equal(told.length, after)
  })

  it('ends with the reason when it may not be read: it is not there, or its links were revoked', async () => {
    const order = await ordered()
    const isCode = (code: string) => (error: unknown) => error instanceof CartwrightError && error.code === code
    await assert.rejects(followed(network().client, { ...order, id: 'ord_none' }).end, isCode('order_not_found'))
    const { until, end } = followed(network().client, order)
    await until('NEW')
    await admin('DELETE', `/orders/${order.id}/links`)
    await assert.rejects(end, isCode('invalid_token'))
  })

  it('is not followed any more once nobody wants to know, and then nothing stays open', async () => {
    const order = await ordered()
    const leaving = new AbortController()
    const { until, end, seen } = followed(network().client, order, leaving.signal)
    await until('NEW')
    leaving.abort()
    await end
    await eventually(async () => server.engine.watching.watchers() === 0, 3000, 'the stream to be closed')
    await order.pay()
    await eventually(async () => (await admin('GET', `/orders/${order.id}`)).body.state === 'PLACED')
    assert.equal(seen.length, 1)
  })
})
