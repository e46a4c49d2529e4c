// What the client does when things go wrong: it sends again what had no answer, under the same key; it waits as long as it is told, but not for
// ever; and it says what was refused with its data. Between it and the server stands a gate that loses, delays and replaces answers.
import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, describe, test } from 'node:test'
import { createClient } from '../src/client/client.ts'
import { newIdempotencyKey } from '../src/client/idempotency-key.ts'
import { CartwrightError, type ErrorCode, type Problem, type ProblemOf, type TransportCode } from '../src/client/problem.ts'
import { ADMIN, caller, freshDatabase, startTestServer } from './harness.ts'

const server = await startTestServer(await freshDatabase('sqlite'))
const KEY = /^\d+(-\d+){3}$/
const LINES = 'POST /v1/shops/{shop}/carts/{cart}/lines'

// The gate -------------------------------------------------------------------------------------------------------------------------------

/** What becomes of a request: it is served, served but its answer is lost, never answered, or answered by somebody else. */
type Fate = 'served' | 'lost' | 'hangs' | { readonly status: number; readonly body: string; readonly headers?: Record<string, string> }
const fates: Fate[] = []
const seen: IncomingMessage[] = []

async function pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
  seen.push(request)
  const fate = fates.shift() ?? 'served'
  if (fate === 'hangs') return
  if (typeof fate === 'object') {
    response.writeHead(fate.status, fate.headers ?? {}).end(fate.body)
    return
  }
  const body = Buffer.concat(await request.toArray())
  const { host: _, connection: __, ...headers } = request.headers
  const answer = await fetch(server.url + request.url, {
    method: request.method ?? 'GET',
    headers: headers as Record<string, string>,
    ...(body.length > 0 ? { body } : {}),
  })
  const text = await answer.text()
  if (fate === 'lost') request.socket.destroy()
  else response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' }).end(text)
}

const gate = createServer((request, response) => void pass(request, response))
await new Promise<void>((resolve) => gate.listen(0, '127.0.0.1', resolve))
after(() => {
  gate.closeAllConnections()
  gate.close()
})
const baseUrl = `http://127.0.0.1:${(gate.address() as AddressInfo).port}/`

/** The next requests meet these fates; answers the requests that were seen since. */
function meet(...next: Fate[]): readonly IncomingMessage[] {
  fates.splice(0, fates.length, ...next)
  seen.length = 0
  return seen
}

const client = createClient({ baseUrl, shop: 'demo' })

/** The error that a call ends with. */
async function failureOf(call: Promise<unknown>): Promise<CartwrightError> {
  const error = await call.then(
    () => assert.fail('it was done'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof CartwrightError, String(error))
  return error
}

/** The problem of a code, with the data that comes with it. */
async function problemOf<Code extends ErrorCode>(code: Code, call: Promise<unknown>): Promise<ProblemOf<Code>> {
  const { problem } = await failureOf(call)
  assert.equal(problem.code, code, JSON.stringify(problem))
  return problem as Problem as ProblemOf<Code>
}

const busy = (status: number, code: string, seconds: number): Fate => ({
  status,
  headers: { 'content-type': 'application/problem+json; charset=utf-8', 'retry-after': String(seconds) },
  body: JSON.stringify({ type: `urn:cartwright:problem:${code}`, title: 'Later.', status, code, requestId: 'req_1' }),
})
const products = () => client.call('GET /v1/shops/{shop}/products', { query: { limit: 1 } })

// Tests ----------------------------------------------------------------------------------------------------------------------------------

describe('a call that went wrong', () => {
  test('a write whose answer was lost is sent again under the same key, and done once', async () => {
    const requests = meet('lost', 'lost')
    const { cart } = await client.call(LINES, { params: { cart: 'current' }, body: { sku: 'MUG-STONE', quantity: 2 } })
    assert.equal(cart.itemCount, 2)
    const keys = requests.map(({ headers }) => headers['idempotency-key'])
    assert.equal(keys.length, 3)
    assert.match(String(keys[0]), KEY)
    assert.equal(new Set(keys).size, 1)
  })

  test('two calls have two keys, and a key that is given is used', async () => {
    const requests = meet()
    const body = { sku: 'MUG-STONE' }
    const key = newIdempotencyKey()
    const first = await client.call(LINES, { params: { cart: 'current' }, body })
    for (const how of [{}, { idempotencyKey: key }, { idempotencyKey: key }])
      await client.call(LINES, { params: { cart: 'current' }, body }, { token: first.token ?? null, ...how })
    const keys = requests.map(({ headers }) => headers['idempotency-key'])
    assert.deepEqual([new Set(keys).size, keys[2], keys[3]], [3, key, key])
    const cart = await client.call('GET /v1/shops/{shop}/carts/{cart}', { params: { cart: 'current' } }, { token: first.token ?? null })
    assert.equal(cart.itemCount, 3)
  })

  test('waits as long as the server asks', async () => {
    for (const fate of [busy(503, 'overloaded', 1), busy(429, 'rate_limited', 1)]) {
      const requests = meet(fate)
      const began = performance.now()
      assert.equal((await products()).items.length, 1)
      assert.ok(performance.now() - began >= 1000)
      assert.equal(requests.length, 2)
    }
  })

  test('is told at once where the server asks for more than ten seconds', async () => {
    const requests = meet(busy(429, 'rate_limited', 60))
    const problem = await problemOf('rate_limited', products())
    assert.deepEqual([problem.retryAfter, requests.length], [60, 1])
  })

  test('is given up after as many tries as were asked for', async () => {
    const page = { status: 502, body: '<h1>Bad Gateway</h1>', headers: { 'content-type': 'text/html' } }
    const requests = meet(page, page, page)
    const { call } = createClient({ baseUrl, shop: 'demo', retries: 1 })
    assert.equal((await problemOf('not_understood', call('GET /v1/shops/{shop}'))).status, 502)
    assert.equal(requests.length, 2)
  })

  test('a fault is told at once, because it may be the same for ever; what passes is sent again', async () => {
    for (const [status, sent] of [
      [500, 1],
      [501, 1],
      [408, 2],
      [502, 2],
      [504, 2],
    ] as const) {
      const requests = meet(busy(status, 'fault', 0))
      const { call } = createClient({ baseUrl, shop: 'demo', retries: 1 })
      const answered = await call('GET /v1/shops/{shop}').catch((error: CartwrightError) => error.status)
      assert.deepEqual([requests.length, typeof answered], [sent, sent === 1 ? 'number' : 'object'], `${status}`)
    }
  })

  test('a refusal is not sent again', async () => {
    const requests = meet()
    await problemOf('unknown_sku', client.call(LINES, { params: { cart: 'current' }, body: { sku: 'NO-SUCH' } }))
    assert.equal(requests.length, 1)
  })

  test('an answer that never comes ends at the deadline', async () => {
    meet('hangs')
    const { call } = createClient({ baseUrl, shop: 'demo', retries: 0, timeoutMs: 100 })
    assert.equal((await problemOf('timed_out', call('GET /v1/shops/{shop}'))).status, 0)
  })

  test('nobody there is unreachable', async () => {
    const { call } = createClient({ baseUrl: 'http://127.0.0.1:1', shop: 'demo', retries: 0 })
    const error = await failureOf(call('GET /v1/shops/{shop}'))
    assert.deepEqual([error.code, error.status], ['unreachable', 0])
    assert.ok(error.cause)
  })

  test('a call that is ended ends at once, also while it waits to be sent again', async () => {
    for (const fate of ['hangs', busy(503, 'overloaded', 5)] as const) {
      meet(fate)
      const began = performance.now()
      await problemOf('aborted', client.call('GET /v1/shops/{shop}', {}, { signal: AbortSignal.timeout(200) }))
      assert.ok(performance.now() - began < 2000)
    }
    const requests = meet()
    await problemOf('aborted', client.call('GET /v1/shops/{shop}', {}, { signal: AbortSignal.abort() }))
    assert.equal(requests.length, 0)
  })

  test('an answer that is not from Cartwright is not understood, whatever it is', async () => {
    const type = { 'content-type': 'application/json' }
    for (const [status, body] of [
      [200, '{"items":'],
      [400, '{"error":"no"}'],
      [400, 'null'],
      [400, '"no"'],
      [404, ''],
    ] as const) {
      meet({ status, body, headers: type })
      assert.equal((await problemOf('not_understood', products())).status, status)
    }
  })

  test('a parameter that is missing is told before anything is sent', async () => {
    const requests = meet()
    await assert.rejects(createClient({ baseUrl }).call('GET /v1/shops/{shop}'), /needs shop/)
    await assert.rejects(client.call('GET /v1/shops/{shop}/orders/{order}', { params: { order: '' } }), /needs order/)
    assert.equal(requests.length, 0)
  })
})

describe('who asks, and how', () => {
  test('the token is read before each call, and no cookie goes along', async () => {
    const requests = meet()
    let token: string | null = null
    const { call } = createClient({ baseUrl, shop: 'demo', language: 'de', token: () => token })
    const problem = await problemOf('login_required', call('GET /v1/shops/{shop}/orders'))
    assert.notEqual(problem.title, '')
    token = ADMIN
    assert.ok(Array.isArray((await call('GET /v1/shops/{shop}/orders')).items))
    await problemOf('login_required', call('GET /v1/shops/{shop}/orders', {}, { token: null }))
    assert.deepEqual(
      requests.map(({ headers }) => [headers.authorization, headers['accept-language'], headers.cookie]),
      [
        [undefined, 'de', undefined],
        [`Bearer ${ADMIN}`, 'de', undefined],
        [undefined, 'de', undefined],
      ],
    )
  })

  test('a parameter never leads to another address', async () => {
    const requests = meet()
    await problemOf('product_not_found', client.call('GET /v1/shops/{shop}/products/{product}', { params: { product: 'a/b?c' } }))
    assert.equal(requests[0]?.url, '/v1/shops/demo/products/a%2Fb%3Fc')
  })

  test('a stream is open before it ends, and ends when its caller ends it', async () => {
    const { token } = await client.call(LINES, { params: { cart: 'current' }, body: { sku: 'MUG-STONE' } })
    const ending = new AbortController()
    const direct = createClient({ baseUrl: server.url, shop: 'demo', token: token ?? null, timeoutMs: 2000 })
    const { body } = await direct.call(
      'GET /v1/shops/{shop}/carts/{cart}/stream',
      { params: { cart: 'current' } },
      { signal: ending.signal },
    )
    const reader = body?.getReader() ?? assert.fail('no stream')
    assert.match(new TextDecoder().decode((await reader.read()).value), /event: cart/)
    ending.abort()
    await assert.rejects(async () => {
      while (!(await reader.read()).done) await null
    }, /abort/i)
  })
})

describe('what was refused comes with its data', () => {
  const add = (body: object, token: string | null = null) =>
    client.call(LINES, { params: { cart: 'current' }, body: body as { sku: string } }, { token })

  test('of lines: what was asked, and what there is', async () => {
    meet()
    await caller(server.url, ADMIN)('PUT', '/v1/shops/demo/stock/MUG-INK', { onHand: 0 })
    const stock = await problemOf('insufficient_stock', add({ sku: 'MUG-INK', quantity: 4 }))
    assert.deepEqual([stock.sku, stock.asked, stock.available], ['MUG-INK', 4, 0])
    const amount = await problemOf('amount_required', add({ sku: 'RECHARGE-CARD' }))
    assert.ok(amount.presets.length > 0)
    const kind = await problemOf('not_cartable', add({ sku: 'COFFEE-CLUB' }))
    assert.deepEqual([kind.kind, kind.buyUrl], ['subscription', '/products/coffee-club'])
    const price = await problemOf('price_changed', add({ sku: 'MUG-STONE', expectedUnitPrice: 1 }))
    assert.deepEqual([price.expected.amount, price.current.currency], [1, 'USD'])
  })

  test('of versions and orders: what it is now, and everything that stands in the way', async () => {
    meet()
    const { cart, token = null } = await add({ sku: 'MUG-STONE' })
    const change = client.call(
      'PATCH /v1/shops/{shop}/carts/{cart}',
      { params: { cart: 'current' }, body: { note: 'n' } },
      { token, ifVersion: 99 },
    )
    const stale = await problemOf('stale_version', change)
    assert.deepEqual([stale.expected, stale.current], [99, cart.version])
    const { problem } = await failureOf(client.call('POST /v1/shops/{shop}/orders', { body: { cartId: cart.id } }, { token }))
    assert.ok(problem.blockers && problem.blockers.length > 1)
    assert.equal(problem.blockers[0]?.code, problem.code)
  })

  test('codes that are no refusal of the domain are those that the client names', async () => {
    const as = caller(server.url)
    const answers = [
      [await as('GET', '/v1/nothing'), 'not_found'],
      [await as('POST', '/v1/shops/demo/carts', '{'), 'malformed'],
      [await as('POST', '/v1/shops/demo/carts', 'x'.repeat(3_000_000)), 'too_large'],
      [await as('POST', '/v1/shops/demo/carts', 'x', { 'content-type': 'image/png' }), 'unsupported_media_type'],
    ] as const satisfies readonly (readonly [unknown, TransportCode])[]
    for (const [{ body }, code] of answers) assert.equal(body.code, code)
  })
})
