// What the wire promises: the OpenAPI document is whole, caches and browsers get the headers they need, and a server that stops loses nothing that
// it said was done. That every answer has the form which the document declares for it is shown by client-contract.test.ts.
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { describe, test } from 'node:test'
import { EVENT_TYPES } from '../src/core/event.ts'
import { describedBy } from './description.ts'
import { ADMIN, type Answer, atOnce, caller, DIALECTS, freshDatabase, freshFolder, startTestServer } from './harness.ts'
import { ADDRESS, assertProblem, contentOfTables, rowsIn, secretOf } from './http-probe.ts'

const server = await startTestServer(await freshDatabase('sqlite'), { mail: { folder: freshFolder() } })
const SHOP = '/v1/shops/demo'
const CURRENT = `${SHOP}/carts/current`
const LINES = `${CURRENT}/lines`
const as = (token?: string) => caller(server.url, token)
const told = (answer: Answer) => `${answer.status} ${JSON.stringify(answer.body).slice(0, 400)}`

const { document, schemaOf } = await describedBy(server.url)

/** Routes that are no part of the API: for machines that look after it, the reference, and the pages of the sandbox. */
const HIDDEN = [
  ['GET', '/healthz'],
  ['GET', '/elements.js'],
  ['GET', '/elements.css'],
  ['GET', '/readyz'],
  ['GET', '/openapi.json'],
  ['GET', '/docs'],
  ['GET', '/docs/*'],
  ['GET', '/'],
  ['GET', '/shop/*'],
  ['GET', '/dev/mail'],
  ['GET', '/dev/mail/:mail'],
  ['GET', '/dev/mail/:mail/body'],
  ['GET', '/sandbox/pay/:shop/:session'],
  ['POST', '/sandbox/pay/:shop/:session'],
  ['GET', '/sandbox/pay/:shop/:session/challenge'],
  ['POST', '/sandbox/pay/:shop/:session/challenge'],
  ['POST', '/sandbox/pay/:shop/:session/leave'],
  ['GET', '/v1/shops/:shop/r/:token'],
  ['POST', '/v1/shops/:shop/r/:token'],
  ['POST', '/v1/shops/:shop/forms/restore'],
] as const

// The document -----------------------------------------------------------------------------------------------------------------------------

describe('the OpenAPI document', () => {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  )

  test('is of version 3.1 and says what it describes', () => {
    assert.match(document.openapi, /^3\.1\.\d+$/)
    assert.ok(document.info.title && document.info.version)
  })

  test('lists every route of the API that the router has, and no other', () => {
    const documented = operations.map(({ path, method }) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`)
    const served = documented.filter((operation) => {
      const [method = '', url = ''] = operation.split(' ')
      return server.app.hasRoute({ method: method as 'GET', url })
    })
    assert.deepEqual(served, documented)
    const count = server.app.printRoutes({ commonPrefix: false }).match(/\b(?:GET|POST|PUT|PATCH|DELETE)\b/g)?.length ?? 0
    assert.equal(documented.length, count - HIDDEN.length)
    for (const [method, url] of HIDDEN) assert.ok(server.app.hasRoute({ method, url }), `${method} ${url}`)
  })

  test('has no reference that leads nowhere', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1] as string)
    assert.ok(references.length > 50)
    for (const reference of new Set(references)) {
      const name = /^#\/components\/schemas\/(\w+)$/.exec(reference)?.[1] ?? assert.fail(reference)
      assert.ok(document.components.schemas[name], reference)
    }
  })

  test('declares every parameter of every path, an answer with a schema for every success, and problems', () => {
    for (const { path, method, operation } of operations) {
      const name = `${method} ${path}`
      const declared = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path')
      assert.deepEqual(
        declared.map((parameter) => parameter.name).sort(),
        [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] as string).sort(),
        name,
      )
      assert.ok(
        declared.every((parameter) => parameter.required === true),
        name,
      )
      const codes = Object.keys(operation.responses)
      assert.ok(
        codes.every((code) => /^([1-5]\d\d|[1-5]XX)$/.test(code)),
        `${name}: ${codes}`,
      )
      assert.ok(
        codes.some((code) => code.startsWith('2') || code === '303'),
        `${name} declares no success`,
      )
      assert.ok(codes.includes('4XX') && codes.includes('5XX'), `${name} declares no problem`)
      for (const code of codes)
        assert.ok(
          operation.responses[code]?.description && (['204', '303'].includes(code) || operation.responses[code]?.content),
          `${name} ${code}`,
        )
    }
  })

  test('names Idempotency-Key and If-Match where they count', () => {
    const headersOf = (path: string, method: string) =>
      (document.paths[path]?.[method]?.parameters ?? []).filter((each) => each.in === 'header').map((each) => each.name)
    const cart = '/v1/shops/{shop}/carts/{cart}'
    assert.deepEqual(headersOf(`${cart}/lines`, 'post'), ['Idempotency-Key', 'If-Match'])
    assert.deepEqual(headersOf(cart, 'delete'), ['Idempotency-Key', 'If-Match'])
    assert.deepEqual(headersOf('/v1/shops/{shop}/orders', 'post'), ['Idempotency-Key'])
    assert.deepEqual(headersOf(cart, 'get'), [])
  })

  test('describes every event as a webhook', () => {
    assert.deepEqual(Object.keys(document.webhooks).sort(), [...EVENT_TYPES].sort())
    for (const { post } of Object.values(document.webhooks)) assert.ok(post.requestBody.content['application/json']?.schema)
  })

  test('compiles: every schema in it is a JSON Schema of 2020-12', () => {
    for (const name of Object.keys(document.components.schemas)) assert.ok(schemaOf(`/components/schemas/${name}`), name)
  })
})

// Caches -----------------------------------------------------------------------------------------------------------------------------------

const guestWith = async (sku = 'MUG-STONE') => {
  const { body } = await as()('POST', LINES, { sku })
  return { token: body.token as string, cart: body.cart as { id: string; version: number }, call: as(body.token) }
}

describe('a cart and its caches', () => {
  test('If-None-Match of what did not change is 304 without a body', async () => {
    const { call } = await guestWith()
    const read = await call('GET', CURRENT)
    const etag = read.headers.get('etag') ?? assert.fail('no ETag')
    const again = await call('GET', CURRENT, undefined, { 'if-none-match': etag })
    assert.equal(again.status, 304)
    assert.equal(again.body, '')
    assert.equal(again.headers.get('etag'), etag)
    await call('PATCH', CURRENT, { note: 'changed' })
    assert.equal((await call('GET', CURRENT, undefined, { 'if-none-match': etag })).status, 200)
  })

  test('the ETag of a write is the ETag of the next read', async () => {
    const { call } = await guestWith()
    const writes: [method: string, path: string, body?: unknown][] = [
      ['POST', LINES, { sku: 'MUG-INK', quantity: 2 }],
      ['PUT', LINES, { lines: [{ sku: 'MUG-MOSS', quantity: 1 }] }],
      ['POST', `${CURRENT}/codes`, { code: 'WELCOME10' }],
      ['PATCH', CURRENT, { email: 'r@example.com', shippingAddress: ADDRESS }],
      ['DELETE', `${CURRENT}/codes/WELCOME10`],
      ['DELETE', LINES],
    ]
    for (const [method, path, body] of writes) {
      const written = await call(method, path, body)
      const read = await call('GET', CURRENT)
      assert.equal(written.headers.get('etag'), read.headers.get('etag'), `${method} ${path}`)
      assert.deepEqual(written.body.cart, read.body)
    }
  })

  test('a private thing is not kept by shared caches', async () => {
    const { call } = await guestWith()
    assert.match((await call('GET', CURRENT)).headers.get('cache-control') ?? '', /private|no-store/)
    assert.equal((await as()('GET', `${SHOP}/orders`)).headers.get('cache-control'), 'no-store')
  })

  test('SEED1-09 SEED4-28 before the first write `current` is an empty cart, and no row exists', async () => {
    const was = await contentOfTables(server.engine.store.reader)
    const token = (await as()('POST', '/v1/demo/login', { accountId: 'nobody-yet' })).body.token
    for (const call of [as(), as(token)]) {
      const { status, body } = await call('GET', CURRENT)
      assert.equal(status, 200)
      assert.deepEqual([body.version, body.lines, body.total.amount, body.state], [0, [], 0, 'OPEN'])
      assert.match(body.number, /\S/)
      assert.equal((await call('GET', `${CURRENT}/validation`)).body.valid, false)
    }
    assert.deepEqual(await contentOfTables(server.engine.store.reader), was)
  })

  test("SEED2-24 a guest's first write is 201 with a token, every later one 200 without", async () => {
    const first = await as()('POST', LINES, { sku: 'MUG-STONE' })
    assert.equal(first.status, 201)
    assert.match(first.body.token, /^ct_[0-9a-f]{32}_[\w-]{43}$/)
    const second = await as(first.body.token)('POST', LINES, { sku: 'MUG-STONE' })
    assert.deepEqual([second.status, second.body.token], [200, undefined])
    assert.ok(!JSON.stringify((await as(first.body.token)('GET', CURRENT)).body).includes(secretOf(first.body.token)))
  })

  test('a first write that is refused makes no guest and shows no token', async () => {
    const was = await rowsIn(server.engine.store.reader, 'guests', 'guest_secrets', 'carts')
    const answer = await as()('POST', LINES, { sku: 'NO-SUCH' })
    assertProblem(answer, 422, 'unknown_sku')
    assert.ok(!JSON.stringify(answer.body).includes('ct_'))
    assert.deepEqual(await rowsIn(server.engine.store.reader, 'guests', 'guest_secrets', 'carts'), was)
  })
})

// Browsers and machines ----------------------------------------------------------------------------------------------------------------------

describe('browsers of another origin', () => {
  const origin = 'https://shop.example'
  const list = (header: string | null) => (header ?? '').toLowerCase().split(/\s*,\s*/)
  const preflight = (path: string, from = origin) =>
    fetch(server.url + path, {
      method: 'OPTIONS',
      headers: {
        origin: from,
        'access-control-request-method': 'PATCH',
        'access-control-request-headers': 'authorization,content-type,idempotency-key,if-match,if-none-match',
      },
    })

  test('may send every documented header and method, and ask once a day', async () => {
    const answer = await preflight(CURRENT)
    assert.equal(answer.status, 204)
    assert.equal(answer.headers.get('access-control-allow-origin'), '*')
    for (const header of ['authorization', 'content-type', 'idempotency-key', 'if-match', 'if-none-match'])
      assert.ok(list(answer.headers.get('access-control-allow-headers')).includes(header), header)
    for (const method of ['get', 'post', 'put', 'patch', 'delete'])
      assert.ok(list(answer.headers.get('access-control-allow-methods')).includes(method), method)
    assert.equal(answer.headers.get('access-control-max-age'), '86400')
    assert.equal(answer.headers.get('access-control-allow-credentials'), null)
  })

  test('may read the headers they need, of answers and of problems', async () => {
    const { call } = await guestWith()
    for (const answer of [
      await call('GET', CURRENT, undefined, { origin }),
      await as()('GET', `${SHOP}/orders`, undefined, { origin }),
      await call('POST', LINES, { sku: 'X' }, { origin }),
    ]) {
      assert.equal(answer.headers.get('access-control-allow-origin'), '*', told(answer))
      for (const header of ['etag', 'retry-after', 'idempotency-replayed', 'x-request-id'])
        assert.ok(list(answer.headers.get('access-control-expose-headers')).includes(header), header)
    }
  })

  test("are let in only from the shop's origins, where it names some", async () => {
    const shop = '/v1/shops/fill'
    await as(ADMIN)('PATCH', `${shop}/settings`, { access: { origins: [origin, 'https://www.shop.example'] } })
    const allowed = await preflight(`${shop}/products`)
    assert.equal(allowed.headers.get('access-control-allow-origin'), origin)
    assert.match(allowed.headers.get('vary') ?? '', /origin/i)
    for (const stranger of ['https://evil.example', 'https://shop.example.evil.example', 'http://shop.example', 'null']) {
      assert.equal((await preflight(`${shop}/products`, stranger)).headers.get('access-control-allow-origin'), null, stranger)
      const answer = await as()('GET', `${shop}/products?limit=1`, undefined, { origin: stranger })
      assert.equal(answer.headers.get('access-control-allow-origin'), null, stranger)
    }
    assert.equal(
      (await preflight(CURRENT, 'https://evil.example')).headers.get('access-control-allow-origin'),
      '*',
      'other shops stay as they are',
    )
  })
})

describe('machines that look after it', () => {
  test('every answer has a request id of our own, the same as in the problem', async () => {
    const answers = [
      await as()('GET', `${SHOP}/products?limit=1`),
      await as()('GET', `${SHOP}/orders`),
      await as()('GET', '/nowhere'),
      await as()('POST', LINES, { sku: 1 }),
    ]
    const ids = answers.map((answer) => answer.headers.get('x-request-id'))
    for (const id of ids) assert.match(id ?? '', /^req_\w+$/)
    assert.equal(new Set(ids).size, ids.length)
    for (const answer of answers.slice(1)) assert.equal(answer.body.requestId, answer.headers.get('x-request-id'))
    const forged = await as()('GET', '/nowhere', undefined, { 'x-request-id': 'mine' })
    assert.notEqual(forged.headers.get('x-request-id'), 'mine')
  })

  test('an unknown path or method is a problem', async () => {
    for (const [method, path] of [
      ['GET', '/nothing'],
      ['GET', '/v1/nothing'],
      ['POST', `${SHOP}/nothing`],
      ['PUT', CURRENT],
      ['DELETE', '/healthz'],
    ] as const)
      assertProblem(await as()(method, path), 404, 'not_found')
  })

  test('HEAD answers what GET answers, without the body', async () => {
    const { token, call } = await guestWith()
    for (const path of [CURRENT, `${SHOP}/products?limit=2`, '/healthz']) {
      const get = await call('GET', path)
      const head = await fetch(server.url + path, { method: 'HEAD', headers: { authorization: `Bearer ${token}` } })
      assert.deepEqual(
        [head.status, head.headers.get('content-type'), head.headers.get('etag')],
        [get.status, get.headers.get('content-type'), get.headers.get('etag')],
        path,
      )
      assert.equal(await head.text(), '')
    }
  })

  test('health, readiness, the document and its page answer', async () => {
    assert.equal((await as()('GET', '/healthz')).status, 200)
    assert.deepEqual((await as()('GET', '/readyz')).body, { ok: true, database: 'sqlite', waiting: 0 })
    assert.equal((await as()('GET', '/openapi.json')).status, 200)
    const page = await fetch(`${server.url}/docs`)
    assert.equal(page.status, 200)
    assert.match(page.headers.get('content-type') ?? '', /text\/html/)
  })

  test('503 says when to come again', async () => {
    const own = await startTestServer(await freshDatabase('sqlite'))
    const first = await caller(own.url)('POST', LINES, { sku: 'MUG-STONE' })
    await own.engine.store.transact((writer) => writer.db.updateTable('carts').set({ format: 99 }).execute())
    const newer = await caller(own.url, first.body.token)('GET', CURRENT)
    assertProblem(newer, 503, 'document_too_new')
    assert.match(newer.headers.get('retry-after') ?? '', /^[1-9]\d*$/)
    await own.engine.carts.drain()
    const full = await caller(own.url)('POST', LINES, { sku: 'MUG-STONE' })
    assertProblem(full, 503, 'overloaded')
    assert.match(full.headers.get('retry-after') ?? '', /^[1-9]\d*$/)
  })
})

// Settings -----------------------------------------------------------------------------------------------------------------------------------

describe('settings', () => {
  test('what is not valid is refused with its path, and nothing changes', async () => {
    const admin = as(ADMIN)
    const was = (await admin('GET', `${SHOP}/settings`)).body
    const wrong: [patch: unknown, path: string, code?: string][] = [
      [{ retention: { anonymous: '30 days' } }, '/retention/anonymous'],
      [{ inventory: { holdTtl: 'P1M' } }, '/inventory/holdTtl'],
      [{ checkout: { unpaidTtl: '' } }, '/checkout/unpaidTtl'],
      [{ orders: { tokenTtl: 'PT' } }, '/orders/tokenTtl'],
      [{ checkout: { gest: true } }, '/checkout/gest'],
      [{ colours: {} }, '/colours'],
      [{ lines: { max: 501 } }, '/lines/max'],
      [{ promotions: { maxCodes: 11 } }, '/promotions/maxCodes'],
      [{ cart: { types: [] } }, '/cart/types'],
      [{ tax: { rates: [{ name: 'VAT', category: 'standard', percent: '19 %', included: true }] } }, '/tax/rates/0/percent'],
      [
        { tax: { rates: [{ name: 'T', category: 's', country: 'US', postalCodes: ['9-1'], percent: '1', included: true }] } },
        '/tax/rates/0/postalCodes/0',
      ],
      [{ tax: { reverseCharge: { home: 'AT', countries: [], require: 'format' } } }, '/tax/reverseCharge/countries'],
      [
        { shipping: { methods: [{ id: 's', name: 'S', rates: [{ currency: 'XXQ', amount: 1 }] }] } },
        '/shipping/methods/0/rates/0/currency',
        'currency_unknown',
      ],
      [
        { access: { issuers: [{ name: 'x', iss: 'i', aud: 'a', algorithms: ['none'], secret: 'x'.repeat(32) }] } },
        '/access/issuers/0/algorithms/0',
      ],
      [{ access: { issuers: [{ name: 'x', iss: 'i', aud: 'a', algorithms: ['HS256'] }] } }, '/access/issuers/0'],
      [{}, ''],
    ]
    for (const [patch, path, code] of wrong) {
      const answer = await admin('PATCH', `${SHOP}/settings`, patch)
      assertProblem(answer, 422, code ?? 'invalid')
      assert.equal(answer.body.path, path, told(answer))
    }
    assert.deepEqual((await admin('GET', `${SHOP}/settings`)).body, was)
  })

  test('what is not named stays, and secrets of issuers are never shown', async () => {
    const admin = as(ADMIN)
    const was = (await admin('GET', '/v1/shops/classic/settings')).body
    const { body } = await admin('PATCH', '/v1/shops/classic/settings', { checkout: { guest: false } })
    assert.deepEqual(body, { ...was, checkout: { ...was.checkout, guest: false } })
    assert.deepEqual((await admin('GET', '/v1/shops/classic/settings')).body, body)
    assert.equal(body.access.issuers[0].secret, undefined)
    assert.equal(body.access.issuers[0].hasSecret, true)
  })

  for (const dialect of DIALECTS) {
    test(`a change takes effect with the next request, on every node (${dialect})`, async () => {
      const address = await freshDatabase(dialect)
      const nodes = [await startTestServer(address), ...(dialect === 'postgres' ? [await startTestServer(address)] : [])]
      const shop = '/v1/shops/classic'
      const add = async () =>
        (await Promise.all(nodes.map((node) => caller(node.url)('POST', `${shop}/carts/current/lines`, { sku: 'MUG-STONE' })))).map(
          (answer) => answer.status,
        )
      const expected = (status: number) => nodes.map(() => status)
      assert.deepEqual(await add(), expected(201))
      for (const guestCarts of [false, true, false]) {
        await caller(nodes[0]?.url ?? '', ADMIN)('PATCH', `${shop}/settings`, { access: { guestCarts } })
        assert.deepEqual(await add(), expected(guestCarts ? 201 : 401))
      }
    })
  }
})

// Stopping -----------------------------------------------------------------------------------------------------------------------------------

/** Sends a POST whose body comes in two parts; `finish` sends the second and answers what came back. */
async function slowPost(url: string, path: string, token: string, body: string): Promise<{ finish: () => Promise<string> }> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  await new Promise((resolve) => socket.once('connect', resolve))
  let received = ''
  socket.setEncoding('utf8')
  socket.on('data', (chunk: string) => {
    received += chunk
  })
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.write(
    `POST ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n`,
  )
  socket.write(body.slice(0, 5))
  await new Promise((resolve) => setTimeout(resolve, 50))
  return {
    finish: async () => {
      socket.write(body.slice(5))
      await closed
      return received
    },
  }
}

for (const dialect of DIALECTS) {
  describe(`a server that stops (${dialect})`, () => {
    test('finishes the request that is under way', async () => {
      const address = await freshDatabase(dialect)
      const own = await startTestServer(address)
      const { token } = (await caller(own.url)('POST', LINES, { sku: 'MUG-STONE' })).body
      const slow = await slowPost(own.url, LINES, token, JSON.stringify({ sku: 'MUG-INK', quantity: 7 }))
      const closing = own.close()
      await new Promise((resolve) => setTimeout(resolve, 50))
      assert.match(await slow.finish(), /^HTTP\/1\.1 200 /)
      await closing
      const after = await startTestServer(address)
      assert.equal((await caller(after.url, token)('GET', CURRENT)).body.itemCount, 8)
    })

    test('keeps every add that it answered with 2xx, and refuses the others as problems or not at all', async () => {
      const address = await freshDatabase(dialect)
      const own = await startTestServer(address)
      const { token } = (await caller(own.url)('POST', LINES, { sku: 'MUG-STONE' })).body
      let done = 0
      const others: string[] = []
      let stopped: Promise<void> | null = null
      await atOnce(30, async () => {
        for (let turn = 0; turn < 20; turn++) {
          if (done >= 100) stopped ??= own.close()
          const answer = await caller(own.url, token)('POST', LINES, { sku: 'MUG-INK' }).catch(() => null)
          if (answer?.status === 200) done++
          else if (answer) others.push(`${answer.status} ${answer.headers.get('content-type')} ${answer.headers.get('retry-after')}`)
          else return
        }
      })
      const began = performance.now()
      await stopped
      // Clients keep their connections; waiting for them to let go would take minutes.
      assert.ok(performance.now() - began < 15_000, 'stopping took too long')
      assert.ok(done >= 100 && done < 600, `${done} of 600 were done`)
      for (const other of others) assert.equal(other, '503 application/problem+json; charset=utf-8 1')
      const after = await startTestServer(address)
      const { lines } = (await caller(after.url, token)('GET', CURRENT)).body
      assert.equal(lines.find((line: { sku: string }) => line.sku === 'MUG-INK').quantity, done)
    })
  })
}
