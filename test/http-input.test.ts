// What the API refuses to understand. Every write is given with a body that is accepted, and the faults are made from it: at every depth an
// unknown field, an array for an object, a wrong kind of number. Each fault is answered with its documented status and the path of the
// fault, and afterwards every table holds what it held before.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ADMIN, type Answer, caller, DIALECTS, freshDatabase, startTestServer } from './harness.ts'
import { ADDRESS, assertProblem, contentOfTables, product } from './http-probe.ts'

type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** A write: where it goes, who sends it, and a body that is accepted. */
interface Write {
  readonly name: string
  readonly method: string
  readonly path: () => string
  readonly as: 'guest' | 'server' | 'account' | 'admin'
  readonly body: () => Json
  /** Pointers of maps that take any name: an unknown field is none there. */
  readonly open?: readonly string[]
  /** Fields that may be null, by their name. */
  readonly nullable?: readonly string[]
  /** Its body may be larger than 256 KB. */
  readonly large?: true
  /** Pointer of a row that is reported when it is bad, instead of failing the request. */
  readonly row?: string
}

const server = await startTestServer(await freshDatabase('sqlite'))
const made = {
  ...{ cartId: '', lineId: '', promotionId: '', guestCart: '', guestToken: '', token: '', account: '', orderId: '', orderLine: '' },
  webhook: '',
}
const SHOP = '/v1/shops/demo'

const line = { sku: 'MUG-STONE', quantity: 1, options: { engraving: 'R', size: 3, gift: true }, note: 'n', expectedUnitPrice: 1800 }
const inline = { inline: { name: 'Engraving', unitPrice: 500, taxCategory: 'standard', image: 'x', requiresShipping: false }, quantity: 2 }
const free = ['options', 'attributes']
const shippingRate = {
  countries: ['US'],
  regions: ['CA'],
  postalCodes: ['94000-94999'],
  currency: 'USD',
  amount: 495,
  freeFrom: 7500,
  by: 'weight',
  steps: [{ from: 2000, amount: 895 }],
  surcharges: [{ category: 'bulky', amount: 300, per: 'item' }],
}
const nullable = ['email', 'note', 'shippingAddress', 'billingAddress', 'shippingMethod', 'usesMax', 'startsAt', 'endsAt']

const WRITES: readonly Write[] = [
  {
    name: 'creating a cart',
    method: 'POST',
    path: () => '/carts',
    as: 'admin',
    open: free,
    body: () => ({ owner: 'a:1', currency: 'USD', attributes: { a: 1 }, lines: [line, inline] }),
  },
  { name: 'adding a line', method: 'POST', path: () => '/carts/current/lines', as: 'guest', open: free, body: () => ({ ...line }) },
  {
    name: 'adding several lines',
    method: 'POST',
    path: () => '/carts/current/lines',
    as: 'guest',
    open: free,
    body: () => ({ lines: [line, { sku: 'MUG-INK' }], atomic: true, currency: 'USD' }),
  },
  {
    name: 'adding a line without a catalogue entry',
    method: 'POST',
    path: () => `/carts/${made.cartId}/lines`,
    as: 'server',
    body: () => ({ ...inline }),
  },
  {
    name: 'filling',
    method: 'PUT',
    path: () => '/carts/current/lines',
    as: 'guest',
    open: free,
    body: () => ({ lines: [line], mode: 'upsert', atomic: false, currency: 'USD' }),
  },
  {
    name: 'setting a line',
    method: 'PATCH',
    path: () => `/carts/current/lines/${made.lineId}`,
    as: 'guest',
    open: free,
    nullable,
    body: () => ({ quantity: 2, options: { a: 'b' }, note: 'x' }),
  },
  {
    name: 'changing a cart',
    method: 'PATCH',
    path: () => '/carts/current',
    as: 'guest',
    open: free,
    nullable,
    body: () => ({
      email: 'r@example.com',
      shippingAddress: ADDRESS,
      billingAddress: ADDRESS,
      billingSameAsShipping: false,
      shippingMethod: 'standard',
      attributes: { a: 1, b: null },
      note: 'n',
      currency: 'USD',
    }),
  },
  { name: 'applying a code', method: 'POST', path: () => '/carts/current/codes', as: 'guest', body: () => ({ code: 'WELCOME10' }) },
  {
    name: 'several commands',
    method: 'POST',
    path: () => '/carts/current/commands',
    as: 'guest',
    open: free,
    nullable,
    body: () => ({
      commands: [
        { add: { lines: [line] } },
        { set: { lineId: made.lineId, quantity: 3, options: {}, note: 'x' } },
        { removeCode: { code: 'WELCOME10' } },
        { change: { shippingAddress: ADDRESS, note: 'z' } },
      ],
    }),
  },
  {
    name: 'acknowledging notices',
    method: 'POST',
    path: () => '/carts/current/notices/acknowledge',
    as: 'guest',
    body: () => ({ ids: ['nt_1'] }),
  },
  {
    name: 'ordering a cart',
    method: 'POST',
    path: () => '/orders',
    as: 'guest',
    body: () => ({
      cartId: made.cartId,
      lines: [made.lineId],
      payment: { provider: 'sandbox', returnUrl: 'https://shop.example/back' },
      expectedTotal: 9_000_000,
    }),
  },
  {
    name: 'ordering items',
    method: 'POST',
    path: () => '/orders',
    as: 'guest',
    open: free,
    body: () => ({
      items: [{ sku: 'MUG-MOSS', quantity: 1 }],
      currency: 'USD',
      email: 'r@example.com',
      shippingAddress: ADDRESS,
      billingAddress: ADDRESS,
      shippingMethod: 'standard',
      codes: ['WELCOME10'],
      payment: { provider: 'sandbox' },
      expectedTotal: 9_000_000,
    }),
  },
  {
    name: 'preparing an order for a customer',
    method: 'POST',
    path: () => '/carts',
    as: 'admin',
    open: free,
    body: () => ({ draft: true, owner: 'a:1', email: 'r@example.com', currency: 'USD', attributes: { a: 1 }, lines: [line, inline] }),
  },
  {
    name: 'editing an order',
    method: 'PATCH',
    path: () => `/orders/${made.orderId}`,
    as: 'admin',
    open: free,
    nullable: [...nullable, 'language'],
    body: () => ({
      lines: { add: [line, inline], set: [{ lineId: made.orderLine, quantity: 2, unitPrice: 5, note: 'x', options: { engraving: 'R' } }] },
      email: 'r@example.com',
      shippingAddress: ADDRESS,
      billingAddress: ADDRESS,
      shippingMethod: 'standard',
      attributes: { a: 1 },
      note: 'x',
      language: 'de',
      recalculate: 'adjustments',
      message: 'x',
    }),
  },
  {
    name: 'merging carts',
    method: 'POST',
    path: () => '/carts/current/merge',
    as: 'account',
    body: () => ({ carts: [{ id: made.guestCart, token: made.guestToken }], mode: 'merge' }),
  },
  {
    name: 'making a promotion',
    method: 'POST',
    path: () => '/promotions',
    as: 'server',
    nullable,
    body: () => ({
      name: 'P',
      active: false,
      startsAt: '2026-01-01T00:00:00Z',
      endsAt: null,
      lane: 1,
      priority: 2,
      usesMax: 5,
      conditions: [{ kind: 'code' }, { kind: 'quantity', atLeast: 2 }],
      benefit: { kind: 'amount_off', amounts: [{ currency: 'USD', amount: 100 }] },
    }),
  },
  {
    name: 'previewing',
    method: 'POST',
    path: () => '/promotions/preview',
    as: 'server',
    nullable,
    open: free,
    body: () => ({
      cart: {
        lines: [line, inline],
        currency: 'USD',
        email: 'r@example.com',
        shippingAddress: ADDRESS,
        billingAddress: ADDRESS,
        billingSameAsShipping: false,
        shippingMethod: 'standard',
        attributes: { a: 1 },
        customerGroups: ['trade'],
        codes: ['WELCOME10'],
      },
      at: '2026-01-01T00:00:00Z',
      promotions: [{ id: 'draft', name: 'P', usesMax: 5, benefit: { kind: 'percent_off', percent: '10' } }],
      without: [made.promotionId],
    }),
  },
  {
    name: 'adding a code to a promotion',
    method: 'POST',
    path: () => `/promotions/${made.promotionId}/codes`,
    as: 'server',
    nullable,
    body: () => ({ code: 'NEWCODE', usesMax: 3 }),
  },
  {
    name: 'changing a code',
    method: 'PATCH',
    path: () => `/promotions/${made.promotionId}/codes/NEWCODE`,
    as: 'server',
    nullable,
    body: () => ({ usesMax: 3, active: true }),
  },
  {
    name: 'making codes in bulk',
    method: 'POST',
    path: () => `/promotions/${made.promotionId}/codes/generate`,
    as: 'server',
    nullable,
    body: () => ({ pattern: 'IN-########', count: 2, usesMax: 1 }),
  },
  {
    name: 'checking a code',
    method: 'POST',
    path: () => '/promotions/verify',
    as: 'guest',
    body: () => ({ code: 'WELCOME10', cart: 'current' }),
  },
  {
    name: "giving a customer's uses back",
    method: 'POST',
    path: () => `/promotions/${made.promotionId}/redemptions/forget`,
    as: 'server',
    body: () => ({ account: 'robin', email: 'robin@example.com' }),
  },
  {
    name: 'changing settings',
    method: 'PATCH',
    path: () => '/settings',
    as: 'server',
    body: () => ({
      lines: { max: 500 },
      checkout: { guest: true },
      shipping: { methods: [{ id: 'standard', name: 'S', rates: [{ countries: ['US'], currency: 'USD', amount: 495, freeFrom: 7500 }] }] },
    }),
  },
  {
    name: 'adding a shipping method',
    method: 'POST',
    path: () => '/shipping-methods',
    as: 'server',
    body: () => ({ id: 'van', name: 'Van', maxGrams: 30_000, excludesCategories: ['cold'], rates: [shippingRate] }),
  },
  {
    name: 'replacing all shipping methods',
    method: 'PUT',
    path: () => '/shipping-methods',
    as: 'server',
    large: true,
    body: () => ({ items: [{ id: 'standard', name: 'S', rates: [shippingRate] }] }),
  },
  {
    name: 'writing a product',
    method: 'PUT',
    path: () => '/products/vase',
    as: 'server',
    open: ['variants/0/options'],
    body: () => product('vase', 'VASE', 4000),
  },
  {
    name: 'importing products',
    method: 'POST',
    path: () => '/products/import',
    as: 'server',
    open: ['variants/0/options'],
    large: true,
    row: '/products/0',
    body: () => ({ products: [product('bowl', 'BOWL', 3000)] }),
  },
  { name: 'setting stock', method: 'PUT', path: () => '/stock/MUG-INK', as: 'server', body: () => ({ onHand: 400 }) },
  {
    name: 'making a key',
    method: 'POST',
    path: () => '/api-keys',
    as: 'server',
    body: () => ({ kind: 'server', name: 'k', scopes: ['carts:read'] }),
  },
  {
    name: 'registering a webhook',
    method: 'POST',
    path: () => '/webhooks',
    as: 'server',
    body: () => ({ url: 'http://127.0.0.1:9/hook', types: ['order.placed'], description: 'Warehouse' }),
  },
  {
    name: 'changing a webhook',
    method: 'PATCH',
    path: () => `/webhooks/${made.webhook}`,
    as: 'server',
    body: () => ({ url: 'http://127.0.0.1:9/hook', types: ['order.*'], description: null, active: false }),
  },
  {
    name: 'sending webhooks again',
    method: 'POST',
    path: () => `/webhooks/${made.webhook}/redeliver`,
    as: 'server',
    body: () => ({ state: 'DEAD', types: ['order.placed'], from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z', limit: 10 }),
  },
]

async function prepare(): Promise<void> {
  const login = await caller(server.url)('POST', '/v1/demo/login', { accountId: 'robin' })
  made.account = login.body.token
  const nobody = caller(server.url)
  const other = await nobody('POST', `${SHOP}/carts/current/lines`, { sku: 'MUG-INK' })
  made.guestCart = other.body.cart.id
  made.guestToken = other.body.token
  const first = await nobody('POST', `${SHOP}/carts/current/lines`, { sku: 'MUG-STONE' })
  made.token = first.body.token
  made.cartId = first.body.cart.id
  made.lineId = first.body.cart.lines[0].id
  await caller(server.url, made.token)('PATCH', `${SHOP}/carts/current`, {
    email: 'r@example.com',
    shippingAddress: ADDRESS,
    shippingMethod: 'standard',
  })
  const promotions = await caller(server.url, ADMIN)('GET', `${SHOP}/promotions`)
  const items = [{ sku: 'MUG-INK' }]
  const placed = await caller(server.url, ADMIN)('POST', `${SHOP}/orders`, {
    items,
    email: 'r@example.com',
    shippingAddress: ADDRESS,
    shippingMethod: 'standard',
    withoutPayment: true,
  })
  made.orderId = placed.body.order.id
  made.orderLine = placed.body.order.lines[0].id
  made.promotionId = promotions.body.items[0].id
  // Nothing is sent to it, so that the tables stand still.
  const hook = await caller(server.url, ADMIN)('POST', `${SHOP}/webhooks`, { url: 'http://127.0.0.1:9/', types: ['refund.failed'] })
  made.webhook = hook.body.id
}

await prepare()

function send(write: Write, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  const token = { guest: made.token, server: ADMIN, admin: ADMIN, account: made.account }[write.as]
  return caller(server.url, token)(write.method, SHOP + write.path(), body, headers)
}

interface Expected {
  readonly status: number
  readonly code?: string
  readonly path?: string
}

/** Sends something that must not be understood; the answer is a problem that names the fault. */
async function answered(write: Write, body: unknown, expected: Expected, headers: Record<string, string> = {}): Promise<Answer> {
  const answer = await send(write, body, headers)
  assertProblem(answer, expected.status, expected.code)
  if (expected.path !== undefined) assert.equal(answer.body.path, expected.path, JSON.stringify(answer.body))
  return answer
}

/** Fails if any table holds something else after the work than before it. */
async function unwritten<T>(work: () => Promise<T>): Promise<T> {
  const was = await contentOfTables(server.engine.store.reader)
  const result = await work()
  assert.deepEqual(await contentOfTables(server.engine.store.reader), was)
  return result
}

/** Sends a body with a fault at a path: refused as a whole, or in an import reported with line and place. */
async function faulty(write: Write, body: Json, path: string): Promise<void> {
  if (write.row === undefined || !path.startsWith(write.row)) {
    await answered(write, body, { status: 422, code: 'invalid', path })
    return
  }
  const answer = await send(write, body)
  assert.deepEqual(
    [answer.status, answer.body.created, answer.body.changed, answer.body.refusedCount],
    [200, 0, 0, 1],
    JSON.stringify(answer.body),
  )
  assert.deepEqual([answer.body.refused[0].line, answer.body.refused[0].column], [1, path.slice(write.row.length)])
}

/** Both: refused with the fault named, and every table is as it was. */
function refused(write: Write, body: unknown, expected: Expected, headers: Record<string, string> = {}): Promise<Answer> {
  return unwritten(() => answered(write, body, expected, headers))
}

/** Every node of a body with its pointer. */
function* nodesOf(value: Json, pointer = ''): Generator<{ pointer: string; value: Json }> {
  yield { pointer, value }
  if (typeof value !== 'object' || value === null) return
  for (const [key, child] of Object.entries(value)) yield* nodesOf(child, `${pointer}/${key}`)
}

/** The body with another value at a pointer. */
function withAt(body: Json, pointer: string, value: Json): Json {
  if (pointer === '') return value
  const copy = structuredClone(body)
  const keys = pointer.slice(1).split('/')
  const last = keys.pop() as string
  const parent = keys.reduce<Json>((node, key) => (node as { [key: string]: Json })[key] as Json, copy)
  ;(parent as { [key: string]: Json })[last] = value
  return copy
}

const isObject = (value: Json): value is { [key: string]: Json } => typeof value === 'object' && value !== null && !Array.isArray(value)
const isOpen = (write: Write, pointer: string) => (write.open ?? []).some((name) => pointer.endsWith(`/${name}`))
const inOpen = (write: Write, pointer: string) => isOpen(write, pointer.slice(0, pointer.lastIndexOf('/')))
const BROKEN_NUMBERS: readonly Json[] = [1.5, '1', true, 1e308, -1e308, [], {}]

for (const write of WRITES) {
  describe(write.name, () => {
    const body = write.body()
    const nodes = [...nodesOf(body)]
    const numbers = nodes.filter(({ pointer, value }) => typeof value === 'number' && !inOpen(write, pointer))

    test('refuses an unknown field at every depth and names it', () =>
      unwritten(async () => {
        for (const { pointer, value } of nodes) {
          if (!isObject(value) || isOpen(write, pointer)) continue
          await faulty(write, withAt(body, pointer, { ...value, bogus: 1 }), `${pointer}/bogus`)
        }
      }))

    test('refuses an array where an object is meant', () =>
      unwritten(async () => {
        for (const { pointer, value } of nodes) if (isObject(value)) await faulty(write, withAt(body, pointer, []), pointer)
      }))

    if (numbers.length > 0)
      test('refuses a number that is text, a fraction, a truth value, null or beyond all bounds, and names it', () =>
        unwritten(async () => {
          for (const { pointer } of numbers) {
            const name = pointer.slice(pointer.lastIndexOf('/') + 1)
            for (const wrong of write.nullable?.includes(name) ? BROKEN_NUMBERS : [...BROKEN_NUMBERS, null])
              await faulty(write, withAt(body, pointer, wrong), pointer)
          }
        }))

    test('refuses what is no JSON, another media type, a poisoned prototype and what is too large', () =>
      unwritten(async () => {
        const malformed = { status: 400, code: 'malformed' }
        const form = { 'content-type': 'application/x-www-form-urlencoded' }
        await answered(write, '{"sku":', malformed)
        await answered(write, '{"sku":"MUG-STONE","quantity":NaN}', malformed)
        await answered(write, '', malformed)
        await answered(write, 'sku=MUG-STONE', { status: 415, code: 'unsupported_media_type' }, form)
        await answered(write, '{"__proto__":{"isAdmin":true}}', malformed)
        await answered(write, '{"constructor":{"prototype":{"isAdmin":true}}}', malformed)
        await answered(write, 'null', { status: 422, code: 'invalid' })
        await answered(write, `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`, { status: 422, code: 'invalid' })
        if (!write.large) await answered(write, JSON.stringify({ a: 'x'.repeat(300 * 1024) }), { status: 413, code: 'too_large' })
      }))
  })
}

const byName = (name: string) => WRITES.find((write) => write.name === name) as Write

describe('quantities', () => {
  const add = byName('adding a line')
  const batch = byName('adding several lines')
  const fill = byName('filling')
  const set = byName('setting a line')
  for (const quantity of [-1, 2 ** 53, 100_000, 1e308]) {
    test(`${quantity} is no quantity, in no call that takes one`, async () => {
      await refused(add, { sku: 'MUG-STONE', quantity }, { status: 422, path: '/quantity' })
      await refused(batch, { lines: [{ sku: 'MUG-STONE' }, { sku: 'MUG-INK', quantity }] }, { status: 422, path: '/lines/1/quantity' })
      await refused(fill, { lines: [{ sku: 'MUG-STONE', quantity }] }, { status: 422, path: '/lines/0/quantity' })
      await refused(set, { quantity }, { status: 422, path: '/quantity' })
      await refused(
        byName('several commands'),
        { commands: [{ set: { lineId: made.lineId, quantity } }] },
        { status: 422, path: '/commands/0/set/quantity' },
      )
      await refused(byName('ordering items'), { items: [{ sku: 'MUG-STONE', quantity }] }, { status: 422, path: '/items/0/quantity' })
    })
  }

  test('0 cannot be added', async () => {
    await refused(add, { sku: 'MUG-STONE', quantity: 0 }, { status: 422, path: '/quantity' })
    await refused(batch, { lines: [{ sku: 'MUG-STONE', quantity: 0 }] }, { status: 422, path: '/lines/0/quantity' })
    await refused(byName('ordering items'), { items: [{ sku: 'MUG-STONE', quantity: 0 }] }, { status: 422, path: '/items/0/quantity' })
  })

  test('a line that would grow past 99 999 pieces is refused and keeps its quantity', async () => {
    const admin = caller(server.url, ADMIN)
    await admin('PUT', `${SHOP}/products/pebble`, product('pebble', 'PEBBLE', 1))
    const first = await send({ ...add, as: 'account' }, { sku: 'PEBBLE', quantity: 99_999 })
    assert.equal(first.status, 201, JSON.stringify(first.body))
    await refused({ ...add, as: 'account' }, { sku: 'PEBBLE' }, { status: 422, code: 'quantity_too_large' })
    const { body } = await caller(server.url, made.account)('GET', `${SHOP}/carts/current`)
    assert.equal(body.lines[0].quantity, 99_999)
  })
})

describe('prices of clients', () => {
  const add = byName('adding a line')
  test('SEED0-32 a shopper cannot set a price under any name', async () => {
    await refused(add, { sku: 'MUG-STONE', unitPrice: 1 }, { status: 422, code: 'custom_price_forbidden', path: '/unitPrice' })
    await refused(
      add,
      { inline: { name: 'Free lunch', unitPrice: 0, taxCategory: 'standard' } },
      { status: 422, code: 'custom_price_forbidden', path: '/inline' },
    )
    for (const field of ['price', 'total', 'amountTotal', 'itemTotal', 'discountTotal', 'priceWhenAdded', 'listPrice'])
      await refused(add, { sku: 'MUG-STONE', [field]: 1 }, { status: 422, code: 'invalid', path: `/${field}` })
  })

  test('SEED0-32 a shopper cannot set a price in any call that takes lines', async () => {
    const lines = [{ sku: 'MUG-STONE' }, { sku: 'MUG-INK', unitPrice: 1 }]
    for (const name of ['adding several lines', 'filling'])
      await refused(byName(name), { lines }, { status: 422, code: 'custom_price_forbidden', path: '/lines/1/unitPrice' })
    await refused(
      byName('several commands'),
      { commands: [{ change: { note: 'x' } }, { add: { lines } }] },
      { status: 422, code: 'custom_price_forbidden', path: '/commands/1/add/lines/1/unitPrice' },
    )
    await refused(byName('ordering items'), { items: lines }, { status: 422, code: 'custom_price_forbidden', path: '/items/1/unitPrice' })
    await refused(
      { ...byName('creating a cart'), as: 'account' },
      { lines },
      { status: 422, code: 'custom_price_forbidden', path: '/lines/1/unitPrice' },
    )
  })

  test('a key without the scope for custom prices cannot set one either', async () => {
    const key = await caller(server.url, ADMIN)('POST', `${SHOP}/api-keys`, { name: 'carts only', scopes: ['carts:write'] })
    const answer = await caller(server.url, key.body.token)('POST', `${SHOP}/carts/current/lines?account=demo:kim`, {
      sku: 'MUG-STONE',
      unitPrice: 1,
    })
    assertProblem(answer, 422, 'custom_price_forbidden')
  })

  test('no unknown field reaches a cart, whoever sends it', async () => {
    await refused(byName('changing a cart'), { total: 0 }, { status: 422, code: 'invalid', path: '/total' })
    await refused(byName('ordering a cart'), { cartId: made.cartId, total: 0 }, { status: 422, code: 'invalid', path: '/total' })
    await refused(
      { ...add, as: 'admin', path: () => `/carts/${made.cartId}/lines` },
      { sku: 'MUG-STONE', price: 1 },
      { status: 422, code: 'invalid', path: '/price' },
    )
  })
})

describe('what a body leaves open', () => {
  test('SEED3-37 a line names exactly one of sku and inline', async () => {
    await refused(byName('adding a line'), {}, { status: 422, code: 'invalid', path: '/sku' })
    await refused(
      byName('adding a line without a catalogue entry'),
      { sku: 'MUG-STONE', ...inline },
      { status: 422, code: 'invalid', path: '/sku' },
    )
  })

  test('what is nested deeply inside options is refused', async () => {
    let nested: Json = 1
    for (let depth = 0; depth < 5000; depth++) nested = [nested]
    await refused(
      byName('adding a line'),
      { sku: 'MUG-STONE', options: { deep: nested } },
      { status: 422, code: 'invalid', path: '/options/deep' },
    )
  })

  test('options, attributes and notes that are too large are refused', async () => {
    const many = (count: number, size: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, 'x'.repeat(size)]))
    await refused(
      byName('adding a line'),
      { sku: 'MUG-STONE', options: many(10, 400) },
      { status: 422, code: 'options_invalid', path: '/options' },
    )
    await refused(byName('changing a cart'), { attributes: many(10, 1900) }, { status: 422, code: 'invalid', path: '/attributes' })
    await refused(byName('changing a cart'), { note: 'x'.repeat(1001) }, { status: 422, code: 'invalid', path: '/note' })
    await refused(
      byName('adding several lines'),
      { lines: Array.from({ length: 201 }, () => ({ sku: 'MUG-STONE' })) },
      { status: 422, code: 'invalid', path: '/lines' },
    )
  })

  test('the missing part of an address is named', async () => {
    const { country: _, ...incomplete } = ADDRESS
    const answer = await refused(
      byName('changing a cart'),
      { shippingAddress: incomplete },
      { status: 422, code: 'invalid', path: '/shippingAddress/country' },
    )
    assert.equal(answer.body.reason, 'is missing')
  })

  test('a value that is not in its list is answered with the list', async () => {
    const answer = await refused(byName('filling'), { lines: [], mode: 'merge' }, { status: 422, code: 'invalid', path: '/mode' })
    assert.equal(answer.body.reason, 'must be "upsert" or "replace"')
  })

  test('of several forms of an object it is the one that was meant by its kind whose fault is told', async () => {
    const promotion = async (conditions: unknown[], benefit: object, path: string, reason: string) => {
      const answer = await refused(byName('making a promotion'), { name: 'P', conditions, benefit }, { status: 422, code: 'invalid', path })
      assert.equal(answer.body.reason, reason)
    }
    const kinds = ['percent_off', 'amount_off', 'fixed_price', 'free_shipping', 'buy_get', 'bundle_price', 'gift', 'tiered_percent']
    const anyKind = `must be ${kinds.map((kind) => `"${kind}"`).join(' or ')}`
    await promotion([], { kind: 'percent_of', percent: '10' }, '/benefit/kind', anyKind)
    await promotion([], { percent: '10' }, '/benefit/kind', 'is missing')
    await promotion([], { kind: 'percent_off' }, '/benefit/percent', 'is missing')
    await promotion([], { kind: 'gift', percent: '10' }, '/benefit/sku', 'is missing')
    const ten = { kind: 'percent_off', percent: '10' }
    await promotion([{ kind: 'all', conditions: [{ kind: 'country' }] }], ten, '/conditions/0/conditions/0/countries', 'is missing')
    await promotion([{ kind: 'code', of: {} }], ten, '/conditions/0/of', 'is not a known field')
  })

  test('what a schema cannot say is told in words as well, with its place', async () => {
    const answer = await refused(
      byName('making a promotion'),
      { name: 'P', startsAt: '2026-12-02T00:00:00Z', endsAt: '2026-12-01T00:00:00Z', benefit: { kind: 'percent_off', percent: '10' } },
      { status: 422, code: 'invalid' },
    )
    const { path, reason } = answer.body
    assert.equal(answer.body.title, `The request is not valid: ${path}: ${reason.replaceAll('_', ' ')}. Nothing was done.`)
  })

  test('an unknown or malformed query parameter is refused', async () => {
    await refused(
      { ...byName('adding a line'), path: () => '/carts/current/lines?force=1' },
      { sku: 'MUG-STONE' },
      { status: 422, code: 'invalid', path: '/querystring/force' },
    )
    const limit = await caller(server.url, ADMIN)('GET', `${SHOP}/carts?limit=many`)
    assertProblem(limit, 422, 'invalid')
    assert.equal(limit.body.path, '/querystring/limit')
  })

  test('an address that cannot be read is a problem, not a page of the framework', async () => {
    assertProblem(await caller(server.url)('GET', `${SHOP}/products/%E0%A4%A`), 400, 'malformed')
    assertProblem(await caller(server.url)('GET', `${SHOP}/products/${'a'.repeat(400)}`), 414, 'malformed')
  })
})

describe('If-Match', () => {
  test('a stale version changes nothing, whatever the call', async () => {
    const headers = { 'if-match': '"1"' }
    const stale = { status: 412, code: 'stale_version' }
    for (const name of [
      'adding a line',
      'adding several lines',
      'filling',
      'setting a line',
      'changing a cart',
      'applying a code',
      'several commands',
    ])
      await refused(byName(name), byName(name).body(), stale, headers)
    const bare = (method: string, path: string): Write => ({ name: path, method, path: () => path, as: 'guest', body: () => null })
    await refused(bare('DELETE', '/carts/current'), undefined, stale, headers)
    await refused(bare('DELETE', '/carts/current/lines'), undefined, stale, headers)
    await refused(bare('DELETE', `/carts/current/lines/${made.lineId}`), undefined, stale, headers)
    await refused(bare('POST', `/carts/current/lines/${made.lineId}/save`), undefined, stale, headers)
  })

  test('what is no version at all is stale', async () => {
    for (const value of ['"abc"', '1', '"-1"', '"99999999999999999999"'])
      await refused(byName('adding a line'), { sku: 'MUG-STONE' }, { status: 412, code: 'stale_version' }, { 'if-match': value })
  })

  test('a stale caller who deletes does not cancel the order that is being paid', async () => {
    const guest = caller(server.url, made.token)
    const { body: cart } = await guest('GET', `${SHOP}/carts/current`)
    const ordered = await guest('POST', `${SHOP}/orders`, { cartId: cart.id, expectedTotal: 999_999_999 })
    assert.equal(ordered.status, 201, JSON.stringify(ordered.body))
    assertProblem(await guest('DELETE', `${SHOP}/carts/current`, undefined, { 'if-match': '"1"' }), 412, 'stale_version')
    assert.equal((await guest('GET', `${SHOP}/orders/${ordered.body.order.id}`)).body.state, 'NEW')
    assert.equal((await guest('POST', `${SHOP}/orders/${ordered.body.order.id}/cancel`)).status, 200)
  })

  test('the version that was read is accepted', async () => {
    const guest = caller(server.url, made.token)
    const { body } = await guest('GET', `${SHOP}/carts/current`)
    const answer = await guest('PATCH', `${SHOP}/carts/current`, { note: 'seen' }, { 'if-match': `"${body.version}"` })
    assert.equal(answer.status, 200)
    assert.equal(answer.body.cart.version, body.version + 1)
  })
})

describe('the bodies that the faults were made from', () => {
  for (const write of WRITES) {
    test(`${write.name}: the body without a fault is accepted`, async () => {
      const answer = await send(write, write.body())
      assert.ok([200, 201, 202].includes(answer.status), `${answer.status} ${JSON.stringify(answer.body).slice(0, 400)}`)
    })
  }
})

describe('text that a database cannot keep', () => {
  for (const dialect of DIALECTS) {
    test(`a NUL character is refused with its path wherever it stands (${dialect})`, async () => {
      const { url } = await startTestServer(await freshDatabase(dialect))
      const admin = caller(url, ADMIN)
      const guest = caller(url, (await caller(url)('POST', `${SHOP}/carts/current/lines`, { sku: 'MUG-STONE' })).body.token)
      const { id: promotion } = (await admin('GET', `${SHOP}/promotions`)).body.items[0]
      const nul = 'a\u0000b'
      const answers = [
        await guest('POST', `${SHOP}/carts/current/lines`, { sku: nul }),
        await guest('POST', `${SHOP}/carts/current/lines`, { sku: 'MUG-STONE', note: nul, options: { [nul]: nul } }),
        await guest('POST', `${SHOP}/carts/current/codes`, { code: nul }),
        await guest('PATCH', `${SHOP}/carts/current`, { note: nul, attributes: { [nul]: nul } }),
        await guest('PATCH', `${SHOP}/carts/current`, { shippingAddress: { ...ADDRESS, name: nul } }),
        await guest('DELETE', `${SHOP}/carts/current/codes/a%00b`),
        await guest('GET', `${SHOP}/products/a%00b`),
        await guest('GET', '/v1/shops/a%00b/products'),
        await admin('GET', `${SHOP}/carts?email=a%00b`),
        await admin('GET', `${SHOP}/carts?after=a%00b`),
        await admin('GET', `${SHOP}/orders?number=a%00b`),
        await admin('GET', `${SHOP}/products?after=a%00b`),
        await admin('GET', `${SHOP}/stock/a%00b`),
        await admin('POST', `${SHOP}/promotions`, { name: nul, benefit: { kind: 'free_shipping' } }),
        await admin('POST', `${SHOP}/promotions/${promotion}/codes`, { code: nul }),
        await admin('POST', `${SHOP}/api-keys`, { name: nul, scopes: ['carts:read'] }),
        await admin('PUT', `${SHOP}/products/nul`, { ...product('nul', nul, 100), name: nul, description: nul }),
        await admin('POST', '/v1/shops', { id: 'nul', name: nul, currency: 'USD' }),
        await admin('PATCH', `${SHOP}/settings`, { orders: { referenceTemplate: nul } }),
      ]
      for (const [index, answer] of answers.entries()) {
        assert.equal(answer.status, 422, `call ${index}: ${answer.status} ${answer.body.code}`)
        assert.ok(answer.body.path, `call ${index} names no path`)
      }
    })
  }
})
