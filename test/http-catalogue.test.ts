// A shop's own side over HTTP: products and imports, stock, promotions and codes, keys, webhooks; and that what it changes is what carts show
// with their next read, on every node, without anybody writing to the carts.
import assert from 'node:assert/strict'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, describe, test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import { ADMIN, type Answer, atOnce, caller, DIALECTS, eventually, freshDatabase, startTestServer } from './harness.ts'
import { ADDRESS, assertProblem, contentOfTables, product } from './http-probe.ts'

const server = await startTestServer(await freshDatabase('sqlite'))
const { reader } = server.engine.store
const shared = await freshDatabase('postgres')
const second = await startTestServer(shared)
/** One process on SQLite; two that share a database on PostgreSQL. */
const NODES = { sqlite: [server.url], postgres: [second.url, (await startTestServer(shared)).url] } as const
const SHOP = '/v1/shops/demo'
const CURRENT = `${SHOP}/carts/current`
const LINES = `${CURRENT}/lines`
const as = (token?: string) => caller(server.url, token)
const admin = as(ADMIN)
const told = (answer: Answer) => `${answer.status} ${JSON.stringify(answer.body).slice(0, 400)}`
const guestToken = async (sku = 'MUG-STONE') => (await as()('POST', LINES, { sku })).body.token as string

// Products -----------------------------------------------------------------------------------------------------------------------------------

describe('products', () => {
  test('the pages of the list show every product once', async () => {
    const seen: string[] = []
    let after = ''
    for (let page = 0; page < 50; page++) {
      const { body } = await as()('GET', `${SHOP}/products?limit=7${after}`)
      seen.push(...body.items.map((item: { handle: string }) => item.handle))
      assert.ok(body.items.length <= 7)
      if (body.next === null) break
      after = `&after=${body.next}`
    }
    assert.ok(seen.length >= 30)
    assert.equal(new Set(seen).size, seen.length)
    const whole = (await as()('GET', `${SHOP}/products?limit=200`)).body
    assert.equal(whole.next, null)
    assert.deepEqual(whole.items.map((item: { handle: string }) => item.handle).sort(), seen.sort())
  })

  test('a product is written whole, read by its handle and its id, and writing it again changes nothing', async () => {
    const input = { ...product('jug', 'JUG', 2500), categories: ['Kitchen', 'Gifts'], shippingCategory: 'fragile' }
    const made = await admin('PUT', `${SHOP}/products/jug`, input)
    assert.equal(made.status, 201, told(made))
    const { id, ...rest } = made.body
    assert.deepEqual(rest, input)
    for (const name of ['jug', id]) assert.deepEqual((await as()('GET', `${SHOP}/products/${name}`)).body, made.body)
    const was = await contentOfTables(reader)
    assert.equal((await admin('PUT', `${SHOP}/products/jug`, input)).status, 200)
    assert.deepEqual(await contentOfTables(reader), was)
    const changed = await admin('PUT', `${SHOP}/products/jug`, { ...input, name: 'Big jug' })
    assert.deepEqual([changed.status, changed.body.id, changed.body.name], [200, id, 'Big jug'])
  })

  test('a product is a handle, a name and a sku with its price: what is left out is that of an ordinary thing', async () => {
    const least = { handle: 'least', name: 'Least', variants: [{ sku: 'LEAST', prices: [{ currency: 'USD', amount: 500 }] }] }
    const made = await admin('PUT', `${SHOP}/products/least`, least)
    assert.equal(made.status, 201, told(made))
    const { id, ...rest } = made.body
    const common = { description: '', tags: [], images: [], published: true, taxCategory: 'standard' }
    const plain = { name: '', options: {}, taxable: true, grams: 0 }
    const variants = [{ ...least.variants[0], ...plain, stockPolicy: 'untracked', requiresShipping: true }]
    assert.deepEqual(rest, { ...least, ...common, kind: 'goods', variants })
    const counted = { ...least, kind: 'digital', variants: [{ ...least.variants[0], onHand: 3 }] }
    const imported = await admin('POST', `${SHOP}/products/import`, { products: [counted] })
    assert.equal(imported.body.changed, 1, told(imported))
    const [variant] = (await as()('GET', `${SHOP}/products/${id}`)).body.variants
    assert.deepEqual([variant.stockPolicy, variant.onHand, variant.requiresShipping], ['deny', 3, false])
    const uncounted = { ...least, published: true, variants: [{ ...least.variants[0], stockPolicy: 'untracked' }] }
    await admin('PUT', `${SHOP}/products/least`, { ...uncounted, description: 'Once', tags: ['once'] })
    assert.deepEqual((await admin('PUT', `${SHOP}/products/least`, least)).body, made.body)
  })

  for (const dialect of DIALECTS) {
    test(`a new price neither shows a draft nor touches what is counted, by PUT and by import (${dialect})`, async () => {
      const call = caller(NODES[dialect][0], ADMIN)
      const at = (amount: number) => [{ currency: 'USD', amount }]
      const sent = (amount: number, kept = {}, back = {}) => ({
        ...{ handle: 'kept', name: 'Kept' },
        variants: [
          { sku: 'KEPT', prices: at(amount), ...kept },
          { sku: 'KEPT-BACK', prices: at(amount), ...back },
          { sku: 'KEPT-FREE', prices: at(amount) },
        ],
      })
      const put = async (body: object) => {
        const answer = await call('PUT', `${SHOP}/products/kept`, body)
        assert.ok(answer.status < 300, told(answer))
        const stock = answer.body.variants.map((each: Record<string, unknown>) => [each.stockPolicy, each.onHand])
        return [answer.body.published, ...stock]
      }
      const free = ['untracked', undefined]
      const first = { ...sent(500, { onHand: 7 }, { stockPolicy: 'continue', onHand: 2 }), published: false }
      assert.deepEqual(await put(first), [false, ['deny', 7], ['continue', 2], free])
      await call('PUT', `${SHOP}/stock/KEPT`, { delta: -3 })
      assert.deepEqual(await put(sent(600)), [false, ['deny', 4], ['continue', 2], free])
      const load = async () => (await call('POST', `${SHOP}/products/import`, { products: [sent(700)] })).body
      for (const [changed, unchanged] of [
        [1, 0],
        [0, 1],
      ])
        assert.partialDeepStrictEqual(await load(), { changed, unchanged, refusedCount: 0 })
      assert.equal((await call('GET', `${SHOP}/stock/KEPT`)).body.onHand, 4)
      assert.deepEqual(await put(sent(700, {}, { onHand: 9 })), [false, ['deny', 4], ['continue', 9], free])
      assert.deepEqual(await put({ ...sent(700, { stockPolicy: 'untracked' }), published: true }), [true, free, ['continue', 9], free])
      assert.deepEqual(await put(sent(800)), [true, free, ['continue', 9], free])
    })
  }

  test('counted goods that become a bundle have the stock of their parts', async () => {
    const box = { handle: 'box', name: 'Box', variants: [{ sku: 'BOX', prices: [{ currency: 'USD', amount: 500 }] }] }
    await admin('PUT', `${SHOP}/products/box`, { ...box, variants: [{ ...box.variants[0], onHand: 3 }] })
    const bundle = { ...box, kind: 'bundle', variants: [{ ...box.variants[0], parts: [{ sku: 'MUG-STONE', quantity: 2 }] }] }
    const made = await admin('PUT', `${SHOP}/products/box`, bundle)
    assert.deepEqual([made.status, made.body.variants[0].stockPolicy, made.body.variants[0].onHand], [200, 'untracked', undefined])
    const counted = { ...bundle, variants: [{ ...bundle.variants[0], onHand: 3 }] }
    assertProblem(await admin('PUT', `${SHOP}/products/box`, counted), 422, 'invalid')
  })

  test('a recharge is money and not taxed, unless it says so', async () => {
    const put = async (taxable?: boolean) => {
      const variants = [{ sku: 'CREDIT', prices: [], ...(taxable === undefined ? {} : { taxable }) }]
      const recharge = { currency: 'USD', presets: [500], allowCustom: false }
      const made = await admin('PUT', `${SHOP}/products/credit`, { handle: 'credit', name: 'Credit', kind: 'recharge', recharge, variants })
      return made.body.variants[0].taxable
    }
    assert.deepEqual([await put(), await put(true)], [false, true])
  })

  test('a draft whose handle is the sku of a published product hides it from nobody', async () => {
    await admin('PUT', `${SHOP}/products/open`, product('open', 'SAME-NAME', 100))
    await admin('PUT', `${SHOP}/products/SAME-NAME`, { ...product('SAME-NAME', 'OTHER', 100), published: false })
    const read = async (who?: string) => (await as(who)('GET', `${SHOP}/products/SAME-NAME`)).body.handle
    assert.deepEqual([await read(), await read(ADMIN)], ['open', 'SAME-NAME'])
    assertProblem(await as()('GET', `${SHOP}/products/OTHER`), 404, 'product_not_found')
  })

  test('a product is refused whole: a taken sku, a currency that does not exist, a price said twice, another handle', async () => {
    const was = await contentOfTables(reader)
    const variant = product('x', 'X', 1).variants[0]
    const put = (changes: object) => admin('PUT', `${SHOP}/products/x`, { ...product('x', 'X', 1), ...changes })
    assertProblem(await put({ variants: [{ ...variant, sku: 'MUG-STONE' }] }), 409, 'already_exists')
    assertProblem(await put({ variants: [variant, variant] }), 422, 'invalid')
    assertProblem(await put({ variants: [{ ...variant, prices: [{ currency: 'XXQ', amount: 1 }] }] }), 422, 'currency_unknown')
    assertProblem(
      await put({
        variants: [
          {
            ...variant,
            prices: [
              { currency: 'USD', amount: 1 },
              { currency: 'USD', amount: 2 },
            ],
          },
        ],
      }),
      422,
      'invalid',
    )
    const other = await put({ handle: 'y' })
    assertProblem(other, 422, 'invalid')
    assert.equal(other.body.path, '/handle')
    assert.deepEqual(await contentOfTables(reader), was)
  })

  test('an unpublished product is hidden from shoppers and cannot be bought, but the shop sees it', async () => {
    await admin('PUT', `${SHOP}/products/secret`, { ...product('secret', 'SECRET', 100), published: false })
    const { token } = (await admin('POST', `${SHOP}/api-keys`, { name: 'r', scopes: ['products:read'] })).body
    const account = (await as()('POST', '/v1/demo/login', { accountId: 'peeper' })).body.token
    const handles = async (who?: string) =>
      (await as(who)('GET', `${SHOP}/products?limit=200`)).body.items.map((item: { handle: string }) => item.handle)
    for (const shopper of [undefined, account, await guestToken()]) {
      assert.ok(!(await handles(shopper)).includes('secret'))
      assertProblem(await as(shopper)('GET', `${SHOP}/products/secret`), 404, 'product_not_found')
      assertProblem(await as(shopper)('POST', LINES, { sku: 'SECRET' }), 422, 'unavailable')
    }
    assert.ok((await handles(token)).includes('secret'))
    assert.equal((await as(token)('GET', `${SHOP}/products/secret`)).status, 200)
  })
})

describe('products written at once', () => {
  for (const dialect of DIALECTS) {
    test(`the same new product is made once, and a new sku goes to one product (${dialect})`, async () => {
      const [url] = NODES[dialect]
      const put = (handle: string, sku: string) => caller(url, ADMIN)('PUT', `${SHOP}/products/${handle}`, product(handle, sku, 100))
      const same = await atOnce(6, () => put('at-once', 'AT-ONCE'))
      assert.deepEqual(same.map((answer) => answer.status).sort(), [200, 200, 200, 200, 200, 201], told(same[0] as Answer))
      const rivals = await atOnce(6, (index) => put(`rival-${index}`, 'WANTED'))
      assert.deepEqual(rivals.map((answer) => answer.status).sort(), [201, 409, 409, 409, 409, 409], told(rivals[0] as Answer))
    })
  }
})

describe('imports', () => {
  const importCsv = (text: string) => admin('POST', `${SHOP}/products/import`, text, { 'content-type': 'text/csv; charset=utf-8' })
  const counts = ({ body }: Answer) => [body.created, body.changed, body.unchanged, body.refusedCount]

  test('JSON comes in once: the second time nothing changes', async () => {
    const body = { products: [product('json-a', 'JSON-A', 100), product('json-b', 'JSON-B', 200)] }
    assert.deepEqual(counts(await admin('POST', `${SHOP}/products/import`, body)), [2, 0, 0, 0])
    const was = await contentOfTables(reader)
    assert.deepEqual(counts(await admin('POST', `${SHOP}/products/import`, body)), [0, 0, 2, 0])
    assert.deepEqual(await contentOfTables(reader), was)
    body.products[1] = product('json-b', 'JSON-B', 250)
    assert.deepEqual(counts(await admin('POST', `${SHOP}/products/import`, body)), [0, 1, 1, 0])
  })

  test('an import of nothing, or of something else than products, is refused', async () => {
    for (const [body, path] of [
      [undefined, ''],
      ['null', ''],
      ['[]', ''],
      ['{}', '/products'],
      ['{"products":[]}', '/products'],
      ['{"products":[],"more":1}', '/more'],
    ]) {
      const answer = await admin('POST', `${SHOP}/products/import`, body)
      assertProblem(answer, 422, 'invalid')
      assert.equal(answer.body.path, path)
    }
  })

  test('a product of a JSON import that cannot be written is reported with its place, and stops no other', async () => {
    const answer = await admin('POST', `${SHOP}/products/import`, {
      products: [product('ok-a', 'OK-A', 1), product('thief', 'MUG-STONE', 1), product('ok-b', 'OK-B', 1)],
    })
    assert.deepEqual(counts(answer), [2, 0, 0, 1])
    assert.equal(answer.body.refused[0].line, 2)
    assert.equal(answer.body.refused[0].handle, 'thief')
    assert.match(answer.body.refused[0].reason, /MUG-STONE/)
  })

  const HEAD = 'Handle,Title,Variant SKU,Variant Price,Published'
  test('CSV comes in once: the second time nothing changes', async () => {
    const csv = `${HEAD}\ncsv-a,A,CSV-A,1.50,true\ncsv-b,B,CSV-B,20,true\n`
    assert.deepEqual(counts(await importCsv(csv)), [2, 0, 0, 0])
    assert.equal((await as()('GET', `${SHOP}/products/csv-a`)).body.variants[0].prices[0].amount, 150)
    const was = await contentOfTables(reader)
    assert.deepEqual(counts(await importCsv(csv)), [0, 0, 2, 0])
    assert.deepEqual(await contentOfTables(reader), was)
  })

  test('bad rows are reported with their line and column, and stop no good one', async () => {
    const answer = await importCsv(
      `${HEAD}\ngood-1,G,GOOD-1,1.00,true\nbad-price,B,BAD-1,1.005,true\n,No handle,BAD-2,1,true\n"two\nlines",T,BAD-3,x,true\ngood-2,G,GOOD-2,2.00,true\n`,
    )
    assert.equal(answer.status, 200, told(answer))
    assert.equal(answer.body.created, 2)
    assert.deepEqual(answer.body.refused.map((row: { line: number; column?: string }) => [row.line, row.column]).slice(0, 2), [
      [3, 'Variant Price'],
      [4, 'Handle'],
    ])
    assert.equal(answer.body.refused[2].line, 5)
    for (const handle of ['good-1', 'good-2']) assert.equal((await as()('GET', `${SHOP}/products/${handle}`)).status, 200)
  })

  test('a CSV file comes in however its type is written', async () => {
    for (const [index, type] of ['Text/CSV', 'text/csv;charset=utf-8', 'TEXT/CSV; header=present'].entries()) {
      const answer = await admin('POST', `${SHOP}/products/import`, `${HEAD}\ntyped-${index},T,TYPED-${index},1,true\n`, {
        'content-type': type,
      })
      assert.deepEqual(counts(answer), [1, 0, 0, 0], told(answer))
    }
  })

  test('a CSV file without its columns, or an empty one, is reported and writes nothing', async () => {
    const was = await contentOfTables(reader)
    for (const csv of ['a,b,c\n1,2,3\n', '\n']) {
      const answer = await importCsv(csv)
      assert.deepEqual([answer.status, ...counts(answer)], [200, 0, 0, 0, 1], told(answer))
    }
    assert.deepEqual(await contentOfTables(reader), was)
  })

  test('a CSV file larger than other bodies may be comes in', async () => {
    const rows = Array.from({ length: 1200 }, (_, index) => `bulk-${index},"${'Long title '.repeat(20)}${index}",BULK-${index},1.00,false`)
    const csv = `${HEAD}\n${rows.join('\n')}\n`
    assert.ok(csv.length > 256 * 1024)
    assert.deepEqual(counts(await importCsv(csv)), [1200, 0, 0, 0])
  })
})

// Stock --------------------------------------------------------------------------------------------------------------------------------------

describe('stock', () => {
  const path = `${SHOP}/stock/MUG-MOSS`
  test('is set, changed by a difference, and read', async () => {
    assert.deepEqual((await admin('PUT', path, { onHand: 50 })).body, { sku: 'MUG-MOSS', onHand: 50, policy: 'deny' })
    assert.equal((await admin('PUT', path, { delta: -20 })).body.onHand, 30)
    assert.equal((await admin('GET', path)).body.onHand, 30)
  })

  test('does not go below zero, by either way, and stays as it was', async () => {
    await admin('PUT', path, { onHand: 3 })
    for (const body of [{ delta: -4 }, { onHand: -1 }]) {
      const answer = await admin('PUT', path, body)
      assertProblem(answer, 422, 'invalid')
      assert.equal(answer.body.path, `/${Object.keys(body)[0]}`, told(answer))
    }
    assert.equal((await admin('GET', path)).body.onHand, 3)
  })

  for (const dialect of DIALECTS) {
    test(`differences at once all count (${dialect})`, async () => {
      const [url] = NODES[dialect]
      const shop = caller(url, ADMIN)
      await shop('PUT', path, { onHand: 100 })
      const answers = await atOnce(30, (index) => shop('PUT', path, { delta: index % 3 === 0 ? 5 : -2 }))
      for (const answer of answers) assert.equal(answer.status, 200, told(answer))
      assert.equal((await shop('GET', path)).body.onHand, 100 + 10 * 5 - 20 * 2)
    })
  }

  test('a cart that wants more than there is gets what there is, within a second of the change', async () => {
    await admin('PUT', path, { onHand: 2 })
    await new Promise((resolve) => setTimeout(resolve, 1050))
    const answer = await as()('POST', LINES, { sku: 'MUG-MOSS', quantity: 5 })
    assert.deepEqual([answer.body.results[0].asked, answer.body.results[0].got], [5, 2], told(answer))
    await admin('PUT', path, { onHand: 400 })
  })
})

// Promotions -----------------------------------------------------------------------------------------------------------------------------------

describe('promotions', () => {
  const half = { name: 'Half', conditions: [{ kind: 'code' }], benefit: { kind: 'percent_off', percent: '50' } }

  test('a promotion with a code takes effect when the code is applied, and changes and ends with the next read', async () => {
    const { id } = (await admin('POST', `${SHOP}/promotions`, half)).body
    assert.equal((await admin('POST', `${SHOP}/promotions/${id}/codes`, { code: 'half' })).body.code, 'HALF')
    const shopper = as(await guestToken())
    assert.equal((await shopper('POST', `${CURRENT}/codes`, { code: 'Half' })).body.cart.discountTotal.amount, -900)
    await admin('PUT', `${SHOP}/promotions/${id}`, { ...half, benefit: { kind: 'percent_off', percent: '10' } })
    assert.equal((await shopper('GET', CURRENT)).body.discountTotal.amount, -180)
    await admin('PUT', `${SHOP}/promotions/${id}`, { ...half, active: false })
    const { body } = await shopper('GET', CURRENT)
    assert.deepEqual([body.discountTotal.amount, body.codes[0].applied], [0, false])
  })

  test('a code is unique in its shop whatever its case, and belongs to a promotion that exists', async () => {
    const { id } = (await admin('POST', `${SHOP}/promotions`, half)).body
    await admin('POST', `${SHOP}/promotions/${id}/codes`, { code: 'Once', usesMax: 1 })
    assertProblem(await admin('POST', `${SHOP}/promotions/${id}/codes`, { code: ' oNCE ' }), 409, 'already_exists')
    assertProblem(await admin('POST', `${SHOP}/promotions/prm_none/codes`, { code: 'OTHER' }), 404, 'promotion_not_found')
    assert.deepEqual((await admin('GET', `${SHOP}/promotions/${id}/codes`)).body, {
      items: [{ code: 'ONCE', usesMax: 1, uses: 0, active: true, batch: null }],
      next: null,
    })
  })

  test('SEED2-73 a code that is used up is refused to the next shopper', async () => {
    const { id } = (await admin('POST', `${SHOP}/promotions`, { ...half, benefit: { kind: 'percent_off', percent: '100' } })).body
    await admin('POST', `${SHOP}/promotions/${id}/codes`, { code: 'LAST', usesMax: 1 })
    const items = { items: [{ sku: 'GUIDE-NONE' }], codes: ['LAST'] }
    assertProblem(await as()('POST', `${SHOP}/orders`, items), 422, 'unknown_sku')
    const buyer = as(await guestToken())
    await buyer('POST', `${CURRENT}/codes`, { code: 'LAST' })
    await buyer('PATCH', CURRENT, { email: 'r@example.com', shippingAddress: ADDRESS, shippingMethod: 'standard' })
    const ordered = await buyer('POST', `${SHOP}/orders`, { cartId: (await buyer('GET', CURRENT)).body.id, expectedTotal: 100_000 })
    assert.equal(ordered.status, 201, told(ordered))
    assert.equal((await admin('GET', `${SHOP}/promotions/${id}/codes`)).body.items[0].uses, 1)
    await new Promise((resolve) => setTimeout(resolve, 1050))
    assertProblem(await as(await guestToken())('POST', `${CURRENT}/codes`, { code: 'LAST' }), 422, 'code_rejected')
  })
})

// Keys ---------------------------------------------------------------------------------------------------------------------------------------

describe('API keys', () => {
  test('a key is shown once and kept as a hash', async () => {
    const { id, token } = (await admin('POST', `${SHOP}/api-keys`, { name: 'once', scopes: ['carts:read'] })).body
    assert.match(token, /^sk_[0-9a-f]{32}_[\w-]{43}$/)
    const secret = token.split('_').slice(2).join('_')
    const list = await admin('GET', `${SHOP}/api-keys`)
    const listed = list.body.items.find((key: { id: string }) => key.id === id)
    assert.deepEqual([listed.name, listed.kind, listed.scopes, listed.revokedAt], ['once', 'server', ['carts:read'], null])
    assert.ok(!JSON.stringify(list.body).includes(secret))
    assert.ok(!JSON.stringify(await reader.db.selectFrom('api_keys').selectAll().execute()).includes(secret))
  })

  test('a key is revoked at once, also on another node, and stays in the list as revoked', async () => {
    const [one, two] = NODES.postgres
    const { id, token } = (await caller(one, ADMIN)('POST', `${SHOP}/api-keys`, { kind: 'staff', name: 's', scopes: ['carts:read'] })).body
    for (const url of [one, two]) assert.equal((await caller(url, token)('GET', `${SHOP}/carts`)).status, 200)
    assert.equal((await caller(one, ADMIN)('DELETE', `${SHOP}/api-keys/${id}`)).status, 204)
    for (const url of [one, two]) assertProblem(await caller(url, token)('GET', `${SHOP}/carts`), 401, 'invalid_token')
    const listed = (await caller(two, ADMIN)('GET', `${SHOP}/api-keys`)).body.items.find((key: { id: string }) => key.id === id)
    assert.match(listed.revokedAt, /^\d{4}-/)
    assertProblem(await caller(one, ADMIN)('DELETE', `${SHOP}/api-keys/${id}`), 404, 'api_key_not_found')
  })

  test('nobody grants more than they have', async () => {
    const { token } = (await admin('POST', `${SHOP}/api-keys`, { name: 'keys', scopes: ['keys:write', 'carts:read'] })).body
    const was = await contentOfTables(reader)
    for (const scopes of [['*'], ['carts:write'], ['carts:read', 'settings:write']]) {
      const answer = await as(token)('POST', `${SHOP}/api-keys`, { name: 'more', scopes })
      assertProblem(answer, 403, 'missing_scope')
      assert.equal(answer.body.scope, scopes.at(-1))
    }
    assert.deepEqual(await contentOfTables(reader), was)
    assert.equal((await as(token)('POST', `${SHOP}/api-keys`, { name: 'less', scopes: ['carts:read'] })).status, 201)
  })
})

// Webhooks -------------------------------------------------------------------------------------------------------------------------------------

interface Received {
  readonly id: string
  readonly path: string
  readonly event: { type: string; timestamp: string; data: { id: string; version: number; itemCount: number } }
}

/** A shop's own receiver: it verifies every signature with the Standard Webhooks library and remembers what came. */
async function receiver(): Promise<{
  url: string
  received: Received[]
  forged: string[]
  trust: (path: string, secret: string) => void
  failing: Set<string>
}> {
  const received: Received[] = []
  const forged: string[] = []
  const failing = new Set<string>()
  const secrets = new Map<string, string>()
  const read = async (request: IncomingMessage) => Buffer.concat(await request.toArray()).toString()
  const listener = createServer(async (request, response) => {
    const path = request.url ?? ''
    const body = await read(request)
    try {
      const event = new Webhook(secrets.get(path) ?? '').verify(body, request.headers as Record<string, string>) as Received['event']
      received.push({ id: String(request.headers['webhook-id']), path, event })
      response.writeHead(failing.has(path) ? 500 : 204).end()
    } catch (error) {
      forged.push(String(error))
      response.writeHead(400).end()
    }
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  after(() => {
    listener.closeAllConnections()
    listener.close()
  })
  return {
    url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    received,
    forged,
    failing,
    trust: (path, secret) => void secrets.set(path, secret),
  }
}

describe('webhooks', async () => {
  const hooks = await receiver()
  const register = async (path: string, types: readonly string[]) => {
    const { body } = await admin('POST', `${SHOP}/webhooks`, { url: hooks.url + path, types })
    hooks.trust(path, body.secret)
    return body as { id: string; secret: string }
  }

  test('SEED1-51 SEED3-71 an event arrives signed, with the whole resource, only where its type is wanted', async () => {
    const all = await register('/all', ['*'])
    await register('/created', ['cart.created'])
    assert.match(all.secret, /^whsec_/)
    const { token, cart } = (await as()('POST', LINES, { sku: 'MUG-STONE' })).body
    await as(token)('DELETE', CURRENT)
    const find = (path: string, type: string) =>
      hooks.received.find((each) => each.path === path && each.event.type === type && each.event.data.id === cart.id)
    const created = await eventually(async () => find('/created', 'cart.created'))
    assert.deepEqual(created.event.data, cart)
    assert.match(created.event.timestamp, /Z$/)
    await eventually(async () => find('/all', 'cart.closed'))
    assert.ok(!hooks.received.some((each) => each.path === '/created' && each.event.type !== 'cart.created'))
    assert.deepEqual(hooks.forged, [])
  })

  test('SEED1-55 the secret is shown once and the list says what is registered', async () => {
    const { id, secret } = await register('/listed', ['order.placed', 'cart.merged'])
    const list = await admin('GET', `${SHOP}/webhooks`)
    const listed = list.body.items.find((each: { id: string }) => each.id === id)
    assert.deepEqual([listed.url, listed.types, listed.active], [`${hooks.url}/listed`, ['order.placed', 'cart.merged'], true])
    assert.ok(!JSON.stringify(list.body).includes(secret))
  })

  test('SEED1-52 a failed delivery is listed with its status, and delivered when it is sent again', async () => {
    const { id } = await register('/flaky', ['cart.created'])
    hooks.failing.add('/flaky')
    const { cart } = (await as()('POST', LINES, { sku: 'MUG-STONE' })).body
    const list = async () => (await admin('GET', `${SHOP}/webhooks/${id}/deliveries`)).body.items
    const failed = await eventually(async () => (await list()).find((each: { lastStatus: number }) => each.lastStatus === 500))
    assert.deepEqual([failed.type, failed.subject, failed.deliveredAt], ['cart.created', cart.id, null])
    hooks.failing.delete('/flaky')
    const answer = await admin('POST', `${SHOP}/webhooks/${id}/deliveries/${failed.id}/redeliver`)
    assert.equal(answer.status, 202, told(answer))
    await eventually(async () => (await list()).some((each: { deliveredAt: string | null }) => each.deliveredAt !== null))
    const ids = hooks.received.filter((each) => each.path === '/flaky').map((each) => each.id)
    assert.ok(ids.length >= 2)
    assert.deepEqual(new Set(ids), new Set([failed.eventId]), 'receivers recognise what they know by the same id')
  })

  test('a removed endpoint gets nothing more', async () => {
    const { id } = await register('/gone', ['cart.created'])
    assert.equal((await admin('DELETE', `${SHOP}/webhooks/${id}`)).status, 204)
    const { cart } = (await as()('POST', LINES, { sku: 'MUG-STONE' })).body
    await eventually(async () => hooks.received.some((each) => each.path === '/created' && each.event.data.id === cart.id))
    assert.ok(!hooks.received.some((each) => each.path === '/gone'))
    assertProblem(await admin('DELETE', `${SHOP}/webhooks/${id}`), 404, 'endpoint_not_found')
  })
})

// Prices in carts --------------------------------------------------------------------------------------------------------------------------------

for (const dialect of DIALECTS) {
  describe(`a price that changes (${dialect})`, () => {
    const nodes = NODES[dialect]
    const [first] = nodes
    const { store } = dialect === 'sqlite' ? server.engine : second.engine
    const shop = caller(first, ADMIN)
    const price = (amount: number) => shop('PUT', `${SHOP}/products/kite`, product('kite', 'KITE', amount))
    const rows = () => store.reader.db.selectFrom('carts').selectAll().execute()

    test('SEED3-21 is in the next read of a cart on every node, told by a notice, without a write', async () => {
      await price(1000)
      const { token, cart } = (await caller(first)('POST', LINES, { sku: 'KITE', quantity: 2 })).body
      const read = () => Promise.all(nodes.map(async (url) => (await caller(url, token)('GET', CURRENT)).body))
      for (const before of await read()) assert.deepEqual([before.total.amount, before.pricing, before.notices], [2000, cart.pricing, []])
      const was = await rows()
      await price(1250)
      for (const now of await read()) {
        assert.deepEqual([now.total.amount, now.lines[0].unitPrice.amount, now.lines[0].priceWhenAdded.amount], [2500, 1250, 1000])
        assert.equal(now.version, cart.version)
        assert.ok(now.pricing > cart.pricing, `pricing ${now.pricing} after ${cart.pricing}`)
        assert.deepEqual(
          now.notices.map((notice: { code: string; path: string }) => [notice.code, notice.path]),
          [['price_increased', `/lines/${cart.lines[0].id}`]],
        )
      }
      assert.deepEqual(await rows(), was)
    })

    test('is in the next read also when it came with an import, of JSON or CSV', async () => {
      await price(1000)
      const buyer = caller(first, (await caller(first)('POST', LINES, { sku: 'KITE' })).body.token)
      await shop('POST', `${SHOP}/products/import`, { products: [product('kite', 'KITE', 1300)] })
      assert.equal((await buyer('GET', CURRENT)).body.total.amount, 1300)
      const csv = 'Handle,Title,Variant SKU,Variant Price,Published\nkite,Kite,KITE,14.00,true\n'
      await shop('POST', `${SHOP}/products/import`, csv, { 'content-type': 'text/csv' })
      assert.equal((await buyer('GET', CURRENT)).body.total.amount, 1400)
    })

    test('moves `pricing` with every change and never back, also when the price comes back', async () => {
      await price(1000)
      const { token } = (await caller(first)('POST', LINES, { sku: 'KITE' })).body
      let last = 0
      for (const amount of [1100, 900, 1000]) {
        await price(amount)
        const carts = await Promise.all(nodes.map(async (url) => (await caller(url, token)('GET', CURRENT)).body))
        for (const cart of carts) assert.equal(cart.total.amount, amount)
        assert.equal(new Set(carts.map((cart) => cart.pricing)).size, 1)
        assert.ok(carts[0].pricing > last)
        last = carts[0].pricing
      }
    })

    test('is not taken without consent: ordering answers 409 price_changed with the new total', async () => {
      await price(1000)
      const buyer = caller(first, (await caller(first)('POST', LINES, { sku: 'KITE' })).body.token)
      const { body } = await buyer('PATCH', CURRENT, { email: 'r@example.com', shippingAddress: ADDRESS, shippingMethod: 'standard' })
      await price(2000)
      const refused = await buyer('POST', `${SHOP}/orders`, { cartId: body.cart.id, expectedTotal: body.cart.total.amount })
      assertProblem(refused, 409, 'price_changed')
      assert.ok(refused.body.current.amount > body.cart.total.amount)
      assert.equal(refused.body.cart.total.amount, refused.body.current.amount)
      const consent = await buyer('POST', `${SHOP}/orders`, { cartId: body.cart.id, expectedTotal: refused.body.current.amount })
      assert.equal(consent.status, 201, told(consent))
    })
  })
}
