// Every setting by itself: what it changes, seen from outside, in a shop of its own that differs from the default in this one key. A key that
// has one value says so and refuses any other. The list is complete by its type and by a test.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SignJWT } from 'jose'
import { DEFAULT_SETTINGS, type Settings } from '../src/core/settings.ts'
import { mailFolder } from '../src/providers/mail-folder.ts'
import { ADMIN, type Answer, caller, DIALECTS, eventually, freshDatabase, freshFolder, isTried, startTestServer } from './harness.ts'
import { ADDRESS } from './http-probe.ts'
import { expect2xx } from './nodes.ts'
import { type Call, payFor, shown, told, ware } from './presets/shop.ts'
import { startEngine } from './rates.ts'

type Key = { [Group in keyof Settings]: `${Group}.${Extract<keyof Settings[Group], string>}` }[keyof Settings]

/** A fresh shop, and what tests do in it. */
interface Shop {
  readonly url: string
  readonly base: string
  readonly nobody: Call
  readonly admin: Call
  set(value: unknown): Promise<Answer>
  also(patch: object): Promise<void>
  products(...wares: readonly object[]): Promise<void>
  /** An account's calls. */
  account(name?: string): Promise<Call>
  guest(...lines: readonly object[]): Promise<{ call: Call; token: string; id: string }>
  advance(duration: string): Promise<void>
}

const LINES = '/carts/current/lines'
const SECRET = 'a secret of the tests that is long enough'
const ISSUER = { name: 'app', iss: 'https://id.example', aud: 'shop', algorithms: ['HS256'], secret: SECRET }
const METHOD = { id: 'post', name: 'Post', rates: [{ currency: 'USD', amount: 500 }] }
const METHOD_BY_HAND = { id: 'transfer', name: 'Transfer', instructions: 'IBAN DE00' }
const TAX = { name: 'VAT', category: 'standard', country: 'DE', percent: '10', included: false }

let made = 0

async function freshShop(url: string, now: () => number, key: Key): Promise<Shop> {
  const id = `s${++made}`
  const base = `${url}/v1/shops/${id}`
  const admin = caller(base, ADMIN)
  const nobody = caller(base)
  expect2xx(await caller(url, ADMIN)('POST', '/v1/shops', { id, name: id, currency: 'USD' }))
  const [group = '', name = ''] = key.split('.')
  const also = async (patch: object) => void expect2xx(await admin('PATCH', '/settings', patch))
  const products = async (...wares: readonly object[]) => {
    assert.equal(expect2xx(await admin('POST', '/products/import', { products: wares })).body.refusedCount, 0)
  }
  if (key !== 'access.issuers') await also({ access: { issuers: [ISSUER] } })
  await products(ware('A'), ware('B'), ware('LAST', {}, { stockPolicy: 'deny', onHand: 1 }))
  return {
    url,
    base,
    nobody,
    admin,
    also,
    products,
    set: (value) => admin('PATCH', '/settings', { [group]: { [name]: value } }),
    async account(subject = 'robin') {
      const seconds = Math.floor(now() / 1000)
      const token = await new SignJWT({ email: `${subject}@example.com` })
        .setProtectedHeader({ alg: 'HS256' })
        .setIssuer(ISSUER.iss)
        .setAudience(ISSUER.aud)
        .setSubject(subject)
        .setExpirationTime(seconds + 400 * 24 * 3600)
        .sign(new TextEncoder().encode(SECRET))
      return caller(base, token)
    },
    async guest(...lines) {
      const { token, cart } = expect2xx(await nobody('POST', LINES, { lines: lines.length > 0 ? lines : [{ sku: 'A' }] })).body
      return { call: caller(base, token), token, id: cart.id }
    },
    async advance(duration) {
      expect2xx(await caller(url)('POST', '/v1/demo/clock', { advance: duration }))
    },
  }
}

const READY = { email: 'robin@example.com', shippingAddress: ADDRESS }
const orders = (call: Call, cartId = 'current', more: object = {}) => call('POST', '/orders', { cartId, ...more })

/** The guest orders without paying. */
async function unpaid(call: Call, email = READY.email): Promise<Answer['body']> {
  expect2xx(await call('PATCH', '/carts/current', { ...READY, email }))
  return expect2xx(await orders(call)).body
}

const addedTax = async (call: Call): Promise<number> => (await call('GET', '/carts/current')).body.additionalTaxTotal.amount

/** A code that gives ten per cent. */
async function promotionCode(shop: Shop, code: string, rule: object = {}): Promise<void> {
  const promotion = { name: code, conditions: [{ kind: 'code' }], benefit: { kind: 'percent_off', percent: '10' }, ...rule }
  const { id } = expect2xx(await shop.admin('POST', '/promotions', promotion)).body
  expect2xx(await shop.admin('POST', `/promotions/${id}/codes`, { code }))
}

/** The account's cart after it merged the guest's. */
async function merged(
  shop: Shop,
  guest: { id: string; token: string },
  accountLines: readonly object[],
  more: object = {},
): Promise<Answer> {
  const account = await shop.account()
  if (accountLines.length > 0) expect2xx(await account('POST', LINES, { lines: accountLines }))
  return account('POST', '/carts/current/merge', { carts: [{ id: guest.id, token: guest.token }], ...more })
}

const TOP_UP = ware('TOP-UP', { kind: 'recharge', recharge: { currency: 'USD', presets: [500], allowCustom: false } }, { prices: [] })
const SENDER = { name: 'Fern & Kettle', address: 'shop@shop.example' }
/** Where servers of these tests put what they send. */
const MAILS = freshFolder()
const mails = mailFolder(MAILS)
let customers = 0
const nextCustomer = () => `customer-${++customers}@example.com`

/** The e-mail to somebody. */
const mailTo = (address: string) => eventually(async () => (await mails.list()).find(({ to }) => to === address))

/** The e-mail that an order means. */
async function mailOf(shop: Shop) {
  const { call } = await shop.guest()
  const email = nextCustomer()
  const { order, payment } = await unpaid(call, email)
  await payFor(call, { order, payment })
  return mailTo(email).catch(async (error: Error) => {
    const [sent, now] = [await shop.admin('GET', '/emails'), await shop.admin('GET', `/orders/${order.id}`)]
    assert.fail(`${error.message} Order ${now.body.state} ${now.body.paymentState}, e-mails ${JSON.stringify(sent.body.items)}`)
  })
}

/** A key with a single value: any other is refused by name. */
const fixed = (other: unknown) => async (shop: Shop) => {
  const answer = await shop.set(other)
  assert.equal(answer.status, 422, told(answer))
  assert.ok(String(answer.body.path).length > 1)
}

/** A cart of 10.00 that 10 per cent of the shop's own are on, and 20 of the engine's, in a city that is the engine's mood. */
async function taxedBy(shop: Shop, change: (() => Promise<Answer>) | null, city = 'well'): Promise<Answer['body']> {
  await shop.also({ tax: { rates: [TAX] } })
  await shop.products(ware('TAXED', { taxCategory: 'standard' }, { taxable: true }))
  if (change) expect2xx(await change())
  const { call } = await shop.guest({ sku: 'TAXED' })
  return expect2xx(await call('PATCH', '/carts/current', { shippingAddress: { country: 'DE', city } })).body.cart
}

/** The methods that are offered to a cart; the shop's own is the post. */
async function shippedBy(shop: Shop, change: (() => Promise<Answer>) | null, city = 'well'): Promise<string[]> {
  await shop.also({ shipping: { methods: [METHOD] } })
  await shop.products(ware('BOX', {}, { requiresShipping: true, grams: 1 }))
  if (change) expect2xx(await change())
  const { call } = await shop.guest({ sku: 'BOX' })
  expect2xx(await call('PATCH', '/carts/current', { shippingAddress: { country: 'DE', city } }))
  return expect2xx(await call('GET', '/carts/current/shipping-methods')).body.items.map((each: { id: string }) => each.id)
}

/** How many milliseconds it took. */
async function took(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now()
  await work()
  return performance.now() - begun
}

/** What each setting does. A test begins in a shop with default settings. */
const EFFECTS: Readonly<Record<Key, (shop: Shop) => Promise<void>>> = {
  'access.guestCarts': async (shop) => {
    expect2xx(await shop.set(false))
    assert.equal(told(await shop.nobody('POST', LINES, { sku: 'A' })), '401 login_required')
  },
  'access.origins': async (shop) => {
    const allowed = async (origin: string) =>
      (await shop.nobody('GET', '/carts/current', undefined, { origin })).headers.get('access-control-allow-origin')
    assert.ok(await allowed('https://other.example'))
    expect2xx(await shop.set(['https://shop.example']))
    assert.deepEqual([await allowed('https://shop.example'), await allowed('https://other.example')], ['https://shop.example', null])
  },
  'access.issuers': async (shop) => {
    assert.equal((await (await shop.account())('POST', LINES, { sku: 'A' })).status, 401)
    expect2xx(await shop.set([ISSUER]))
    assert.equal(expect2xx(await (await shop.account())('POST', LINES, { sku: 'A' })).body.cart.owner.accountId, 'app:robin')
  },
  'cart.types': async (shop) => {
    assert.equal((await shop.nobody('POST', `${LINES}?type=wishlist`, { sku: 'A' })).status, 422)
    expect2xx(await shop.set(['shopping', 'wishlist']))
    assert.equal(expect2xx(await shop.nobody('POST', `${LINES}?type=wishlist`, { sku: 'A' })).body.cart.type, 'wishlist')
  },
  'cart.multiple': async (shop) => {
    const { call, id } = await shop.guest()
    assert.equal(told(await call('POST', '/carts/current/forget')), '409 multiple_carts_off')
    expect2xx(await shop.set(true))
    expect2xx(await call('POST', '/carts/current/forget'))
    assert.notEqual((await call('GET', '/carts/current')).body.id, id)
    assert.equal((await call('GET', `/carts/${id}`)).body.state, 'OPEN')
  },
  'cart.onOrdered': async (shop) => {
    for (const [value, status] of [
      ['close', 200],
      ['delete', 404],
    ] as const) {
      expect2xx(await shop.set(value))
      const { call, id } = await shop.guest()
      await payFor(call, await unpaid(call))
      assert.equal((await call('GET', `/carts/${id}`)).status, status)
    }
  },
  'cart.onMerged': async (shop) => {
    for (const [value, status] of [
      ['close', 200],
      ['delete', 404],
    ] as const) {
      expect2xx(await shop.set(value))
      const guest = await shop.guest()
      expect2xx(await merged(shop, guest, []))
      assert.equal((await shop.admin('GET', `/carts/${guest.id}`)).status, status)
    }
  },
  'cart.activeDuration': async (shop) => {
    const { id } = await shop.guest()
    await shop.advance('PT2H')
    const active = async () => (await shop.admin('GET', '/carts?view=active')).body.items.some((cart: { id: string }) => cart.id === id)
    assert.equal(await active(), true)
    expect2xx(await shop.set('PT1H'))
    assert.equal(await active(), false)
  },
  'lines.max': async (shop) => {
    expect2xx(await shop.set(1))
    assert.equal(told(await (await shop.guest()).call('POST', LINES, { sku: 'B' })), '422 too_many_lines')
  },
  'lines.whenFull': async (shop) => {
    await shop.also({ lines: { max: 1 } })
    expect2xx(await shop.set('replace'))
    assert.deepEqual(shown(expect2xx(await (await shop.guest()).call('POST', LINES, { sku: 'B' })).body.cart), ['B × 1'])
  },
  'lines.quantityMax': async (shop) => {
    expect2xx(await shop.set(3))
    assert.equal(told(await shop.nobody('POST', LINES, { sku: 'A', quantity: 4 })), '422 quantity_too_large')
  },
  'lines.quantityEditing': async (shop) => {
    expect2xx(await shop.set('system'))
    assert.equal(told(await (await shop.guest()).call('PUT', LINES, { lines: [{ sku: 'A', quantity: 2 }] })), '403 quantity_managed')
  },
  'lines.allowKinds': async (shop) => {
    const plans = [{ id: 'monthly', name: 'Monthly', interval: 'P1M', price: { currency: 'USD', amount: 900 } }]
    await shop.products(ware('CLUB', { kind: 'subscription', plans }, { prices: [] }))
    const line = { sku: 'CLUB', plan: 'monthly' }
    assert.equal(told(await shop.nobody('POST', LINES, line)), '422 not_cartable')
    expect2xx(await shop.set(['goods', 'subscription']))
    assert.equal(expect2xx(await shop.nobody('POST', LINES, line)).body.cart.total.amount, 900)
  },
  'lines.noteOnRepeat': async (shop) => {
    const expected = { replace: 'two', append: 'one\ntwo', keep: 'one' }
    for (const [value, note] of Object.entries(expected)) {
      expect2xx(await shop.set(value))
      const { call } = await shop.guest({ sku: 'A', note: 'one' })
      assert.equal(expect2xx(await call('POST', LINES, { sku: 'A', note: 'two' })).body.cart.lines[0].note, note)
    }
  },
  'lines.order': async (shop) => {
    const { call } = await shop.guest({ sku: 'A' }, { sku: 'B' })
    assert.deepEqual(shown((await call('GET', '/carts/current')).body), ['A × 1', 'B × 1'])
    expect2xx(await shop.set('newest'))
    assert.deepEqual(shown((await call('GET', '/carts/current')).body), ['B × 1', 'A × 1'])
  },
  'lines.onUnavailable': async (shop) => {
    const { call } = await shop.guest({ sku: 'A' }, { sku: 'B' })
    await shop.products(ware('A', { published: false }))
    assert.equal((await call('GET', '/carts/current')).body.lines[0].state, 'UNAVAILABLE')
    expect2xx(await shop.set('remove'))
    const { body } = await call('GET', '/carts/current')
    assert.deepEqual([shown(body), body.notices.map((each: { code: string }) => each.code)], [['B × 1'], ['line_removed']])
  },
  'attributes.cart': async (shop) => {
    expect2xx(await shop.set({ type: 'object', properties: { gift: { type: 'boolean' } }, additionalProperties: false }))
    const { call } = await shop.guest()
    const refused = await call('PATCH', '/carts/current', { attributes: { gift: 'yes' } })
    assert.deepEqual([told(refused), refused.body.path], ['422 attributes_invalid', '/attributes/gift'])
    assert.equal(told(await call('PATCH', '/carts/current', { attributes: { other: 1 } })), '422 attributes_invalid')
    expect2xx(await call('PATCH', '/carts/current', { attributes: { gift: true } }))
    assert.equal(told(await shop.set({ type: 'strange' })), '422 invalid')
  },
  'attributes.order': async (shop) => {
    const { call, id } = await shop.guest()
    expect2xx(await call('PATCH', '/carts/current', { ...READY, attributes: { channel: 'app', secretNote: 'x' } }))
    const more = { attributes: { poNumber: 'PO-1' }, note: 'Ring twice' }
    const { order } = expect2xx(await orders(call, id, more)).body
    assert.deepEqual([order.attributes, order.note], [{ channel: 'app', secretNote: 'x', poNumber: 'PO-1' }, 'Ring twice'])
    const properties = { channel: { type: 'string' }, poNumber: { type: 'string', pattern: '^PO-' } }
    expect2xx(await shop.set({ type: 'object', properties, required: ['poNumber'], additionalProperties: false }))
    const copied = expect2xx(await orders(call, id, more)).body.order
    assert.deepEqual(copied.attributes, { channel: 'app', poNumber: 'PO-1' }, 'what the schema does not declare stays in the cart')
    for (const attributes of [{ poNumber: '1' }, { poNumber: 'PO-1', other: 'x' }, undefined]) {
      const refused = await orders(call, id, attributes && { attributes })
      assert.equal(told(refused), '422 attributes_invalid')
      assert.match(refused.body.path, /^\/attributes/)
    }
    assert.equal(told(await shop.set({ type: 'nothing' })), '422 invalid')
  },
  'attributes.line': async (shop) => {
    const properties = { engraving: { type: 'string', identity: true, default: '' }, shelf: { type: 'integer' } }
    expect2xx(await shop.set({ type: 'object', properties, additionalProperties: false }))
    const { call } = await shop.guest({ sku: 'A', attributes: { engraving: 'R', shelf: 1 } })
    for (const attributes of [{ shelf: 2, engraving: 'R' }, { engraving: 'S' }, { engraving: '' }, {}])
      expect2xx(await call('POST', LINES, { sku: 'A', attributes }))
    const { body } = await call('GET', '/carts/current')
    assert.deepEqual(shown(body), ['A × 2', 'A × 1', 'A × 2'])
    assert.deepEqual(body.lines[0].attributes, { engraving: 'R', shelf: 2 })
    const refused = await call('POST', LINES, { sku: 'A', attributes: { shelf: 'top' } })
    assert.deepEqual([told(refused), refused.body.path], ['422 attributes_invalid', '/attributes/shelf'])
    const { cart } = expect2xx(await call('PATCH', `${LINES}/${body.lines[1].id}`, { attributes: { engraving: 'R' } })).body
    assert.deepEqual(shown(cart), ['A × 3', 'A × 2'])
  },
  'currency.source': async (shop) => {
    await shop.products(
      ware(
        'EURO',
        {},
        {
          prices: [
            { currency: 'EUR', amount: 900 },
            { currency: 'USD', amount: 1000 },
          ],
        },
      ),
      ware('ONLY', {}, { prices: [{ currency: 'EUR', amount: 900 }] }),
    )
    const settled = async (body: object) => {
      const answer = await shop.nobody('POST', LINES, body)
      return answer.body.cart?.currency ?? told(answer)
    }
    const wish = { lines: [{ sku: 'EURO' }], currency: 'EUR' }
    assert.deepEqual([await settled(wish), await settled({ sku: 'EURO' }), await settled({ sku: 'ONLY' })], ['EUR', 'USD', 'EUR'])
    expect2xx(await shop.set(['shop']))
    assert.deepEqual(
      [await settled(wish), await settled({ sku: 'EURO' }), await settled({ sku: 'ONLY' })],
      ['409 currency_mismatch', 'USD', '409 currency_mismatch'],
    )
    expect2xx(await shop.set(['product', 'shop']))
    assert.deepEqual([await settled({ sku: 'A' }), await settled({ sku: 'ONLY' })], ['USD', 'EUR'])
  },
  'currency.byCountry': async (shop) => {
    await shop.also({ currency: { source: ['country', 'shop'] } })
    const prices = [
      { currency: 'EUR', amount: 900 },
      { currency: 'USD', amount: 1000 },
    ]
    await shop.products(ware('EURO', {}, { prices }))
    const settled = async () => {
      const { token } = expect2xx(await shop.nobody('PATCH', '/carts/current', { shippingAddress: { country: 'DE' } })).body
      return expect2xx(await caller(shop.base, token)('POST', LINES, { sku: 'EURO' })).body.cart.currency
    }
    assert.equal(await settled(), 'USD')
    const unknown = await shop.set({ DE: 'XXQ' })
    assert.deepEqual([told(unknown), unknown.body.path], ['422 currency_unknown', '/currency/byCountry/DE'])
    expect2xx(await shop.set({ DE: 'EUR' }))
    assert.equal(await settled(), 'EUR')
  },
  'currency.onMissingPrice': async (shop) => {
    await shop.products(
      ware(
        'BOTH',
        {},
        {
          prices: [
            { currency: 'EUR', amount: 900 },
            { currency: 'USD', amount: 1000 },
          ],
        },
      ),
    )
    const { call } = await shop.guest({ sku: 'A' }, { sku: 'BOTH' })
    assert.equal(told(await call('PATCH', '/carts/current', { currency: 'EUR' })), '409 currency_mismatch')
    expect2xx(await shop.set('flag'))
    const { cart } = expect2xx(await call('PATCH', '/carts/current', { currency: 'EUR' })).body
    assert.deepEqual([cart.lines.map((line: { state: string }) => line.state), cart.total.amount], [['UNAVAILABLE', 'AVAILABLE'], 900])
    assert.equal(expect2xx(await call('PATCH', '/carts/current', { currency: 'USD' })).body.cart.total.amount, 2000)
  },
  'inventory.onAdd': async (shop) => {
    const add = () => shop.nobody('POST', LINES, { sku: 'LAST', quantity: 3 })
    assert.deepEqual(shown(expect2xx(await add()).body.cart), ['LAST × 1'])
    expect2xx(await shop.set('reject'))
    assert.equal(told(await add()), '409 insufficient_stock')
    expect2xx(await shop.set('allow'))
    assert.deepEqual(shown(expect2xx(await add()).body.cart), ['LAST × 3'])
  },
  'inventory.reserve': async (shop) => {
    const [first, second] = [await shop.guest({ sku: 'LAST' }), await shop.guest({ sku: 'LAST' })]
    expect2xx(await shop.set('none'))
    for (const { call } of [first, second]) assert.equal((await unpaid(call)).order.state, 'NEW')
    await shop.products(ware('ONE', {}, { stockPolicy: 'deny', onHand: 1 }))
    expect2xx(await shop.set('cart'))
    const holder = await shop.guest({ sku: 'ONE' })
    assert.equal(told(await shop.nobody('POST', LINES, { sku: 'ONE' })), '409 insufficient_stock')
    expect2xx(await holder.call('PATCH', '/carts/current', READY))
    expect2xx(await orders(holder.call))
  },
  'inventory.holdMaxPerOwner': async (shop) => {
    await shop.also({ cart: { multiple: true }, inventory: { onAdd: 'allow' } })
    await shop.products(ware('FEW', {}, { stockPolicy: 'deny', onHand: 10 }))
    expect2xx(await shop.set(3))
    const account = await shop.account()
    const order = async (quantity: number) => {
      expect2xx(await account('POST', LINES, { sku: 'FEW', quantity }))
      expect2xx(await account('PATCH', '/carts/current', READY))
      const answer = await orders(account)
      expect2xx(await account('POST', '/carts/current/forget'))
      return answer
    }
    expect2xx(await order(2))
    const refused = await order(2)
    assert.deepEqual([told(refused), refused.body.max, refused.body.reason], ['422 quantity_too_large', 1, 'held_per_owner'])
    expect2xx(await order(1))
    const other = await shop.guest({ sku: 'FEW', quantity: 3 })
    await unpaid(other.call)
    const kim = await shop.account('kim')
    expect2xx(await kim('POST', '/carts/current/merge', { carts: [{ id: other.id, token: other.token }] }))
    const more = await kim('POST', '/orders', { items: [{ sku: 'FEW' }], email: READY.email })
    assert.deepEqual([told(more), more.body.max], ['422 quantity_too_large', 0], 'what a guest held is the account’s after the login')
  },
  'inventory.holdTtl': async (shop) => {
    const [first, second] = [await shop.guest({ sku: 'LAST' }), await shop.guest({ sku: 'LAST' })]
    assert.equal(told(await shop.set('never')), '422 invalid', 'stock is not held for ever')
    expect2xx(await shop.set('PT5M'))
    await unpaid(first.call)
    expect2xx(await second.call('PATCH', '/carts/current', READY))
    assert.equal(told(await orders(second.call)), '409 insufficient_stock')
    await shop.advance('PT5M1S')
    expect2xx(await orders(second.call))
  },
  'promotions.maxCodes': async (shop) => {
    for (const code of ['ONE', 'TWO']) await promotionCode(shop, code)
    const { call } = await shop.guest()
    expect2xx(await call('POST', '/carts/current/codes', { code: 'ONE' }))
    assert.equal(told(await call('POST', '/carts/current/codes', { code: 'TWO' })), '422 too_many_codes')
    expect2xx(await shop.set(2))
    expect2xx(await call('POST', '/carts/current/codes', { code: 'TWO' }))
  },
  'promotions.caseSensitive': async (shop) => {
    expect2xx(await shop.set(true))
    await promotionCode(shop, 'Summer')
    const { call } = await shop.guest()
    assert.equal(told(await call('POST', '/carts/current/codes', { code: 'SUMMER' })), '422 code_rejected')
    expect2xx(await call('POST', '/carts/current/codes', { code: ' Summer ' }))
    const refused = await shop.set(false)
    assert.deepEqual([told(refused), refused.body.path, refused.body.reason], ['422 invalid', '/promotions/caseSensitive', 'codes_exist'])
  },
  'promotions.onInvalid': async (shop) => {
    const rule = { conditions: [{ kind: 'code' }, { kind: 'quantity', atLeast: 2 }] }
    await promotionCode(shop, 'MANY', rule)
    const { call } = await shop.guest({ sku: 'A', quantity: 2 })
    const { cart } = expect2xx(await call('POST', '/carts/current/codes', { code: 'MANY' })).body
    expect2xx(await shop.set('remove'))
    const after = expect2xx(await call('PATCH', `${LINES}/${cart.lines[0].id}`, { quantity: 1 })).body.cart
    assert.deepEqual([after.codes, after.notices.map((each: { code: string }) => each.code)], [[], ['code_removed']])
  },
  'promotions.percentBase': async (shop) => {
    await shop.also({ promotions: { maxCodes: 2 } })
    for (const code of ['ONE', 'TWO']) await promotionCode(shop, code)
    const { call } = await shop.guest()
    for (const code of ['ONE', 'TWO']) expect2xx(await call('POST', '/carts/current/codes', { code }))
    const total = async () => (await call('GET', '/carts/current')).body.total.amount
    assert.equal(await total(), 800)
    expect2xx(await shop.set('running'))
    assert.equal(await total(), 810)
  },
  'promotions.bestOfLanes': async (shop) => {
    const ten = { name: 'Ten', benefit: { kind: 'percent_off', percent: '10' } }
    for (const lane of [0, 0, 1]) expect2xx(await shop.admin('POST', '/promotions', { ...ten, lane }))
    const { call } = await shop.guest()
    const total = async () => (await call('GET', '/carts/current')).body.total.amount
    assert.equal(await total(), 700)
    expect2xx(await shop.set([0]))
    assert.equal(await total(), 800)
  },
  'promotions.publicReasons': async (shop) => {
    const { call } = await shop.guest()
    const reason = async () => (await call('POST', '/carts/current/codes', { code: 'NOPE' })).body.reason
    assert.equal(await reason(), undefined)
    expect2xx(await shop.set('detailed'))
    assert.equal(await reason(), 'unknown')
  },
  'pricing.onIncrease': async (shop) => {
    const { call } = await shop.guest()
    expect2xx(await call('PATCH', '/carts/current', READY))
    await shop.products(ware('A', {}, { prices: [{ currency: 'USD', amount: 1100 }] }))
    assert.equal(told(await orders(call)), '409 price_changed')
    expect2xx(await shop.set('hold'))
    assert.equal((await call('GET', '/carts/current')).body.total.amount, 1000)
    expect2xx(await shop.set('accept'))
    assert.equal(expect2xx(await orders(call)).body.order.total.amount, 1100)
  },
  'pricing.holdFor': async (shop) => {
    await shop.also({ pricing: { onIncrease: 'hold' } })
    expect2xx(await shop.set('PT1H'))
    const { call } = await shop.guest()
    await shop.products(ware('A', {}, { prices: [{ currency: 'USD', amount: 1100 }] }))
    const total = async () => (await call('GET', '/carts/current')).body.total.amount
    await shop.advance('PT59M')
    assert.equal(await total(), 1000)
    await shop.products(ware('A', {}, { prices: [{ currency: 'USD', amount: 900 }] }))
    assert.equal(await total(), 900)
    await shop.products(ware('A', {}, { prices: [{ currency: 'USD', amount: 1100 }] }))
    await shop.advance('PT1M1S')
    assert.equal(await total(), 1100)
  },
  'pricing.requireExpected': async (shop) => {
    expect2xx(await shop.set(true))
    const refused = await shop.nobody('POST', LINES, { sku: 'A' })
    assert.deepEqual([told(refused), refused.body.path], ['422 expected_price_required', '/expectedUnitPrice'])
    expect2xx(await shop.nobody('POST', LINES, { sku: 'A', expectedUnitPrice: 1000 }))
  },
  'pricing.rounding': async (shop) => {
    await shop.products(ware('ODD', {}, { prices: [{ currency: 'USD', amount: 1005 }] }))
    await promotionCode(shop, 'TEN')
    const { call } = await shop.guest({ sku: 'ODD' })
    expect2xx(await call('POST', '/carts/current/codes', { code: 'TEN' }))
    const discount = async () => (await call('GET', '/carts/current')).body.discountTotal.amount
    assert.equal(await discount(), -101)
    expect2xx(await shop.set('halfDown'))
    assert.equal(await discount(), -100)
  },
  'tax.rates': async (shop) => {
    expect2xx(await shop.set([TAX]))
    await shop.products(ware('TAXED', { taxCategory: 'standard' }, { taxable: true }))
    const { call } = await shop.guest({ sku: 'TAXED' })
    const { cart } = expect2xx(await call('PATCH', '/carts/current', { shippingAddress: { country: 'DE' } })).body
    assert.deepEqual([cart.additionalTaxTotal.amount, cart.total.amount], [100, 1100])
  },
  'tax.shippingCategory': async (shop) => {
    await shop.also({ tax: { rates: [TAX] }, shipping: { methods: [METHOD] } })
    await shop.products(ware('BOX', {}, { requiresShipping: true }))
    const { call } = await shop.guest({ sku: 'BOX' })
    expect2xx(await call('PATCH', '/carts/current', { shippingAddress: { country: 'DE' }, shippingMethod: 'post' }))
    const tax = async () => (await call('GET', '/carts/current')).body.additionalTaxTotal.amount
    assert.equal(await tax(), 0)
    expect2xx(await shop.set('standard'))
    assert.equal(await tax(), 50)
  },
  'tax.defaultCountry': async (shop) => {
    await shop.also({ tax: { rates: [TAX] } })
    await shop.products(ware('TAXED', { taxCategory: 'standard' }, { taxable: true }))
    const { call } = await shop.guest({ sku: 'TAXED' })
    const tax = async () => (await call('GET', '/carts/current')).body.additionalTaxTotal.amount
    assert.equal(await tax(), 0)
    expect2xx(await shop.set('DE'))
    assert.equal(await tax(), 100)
  },
  'tax.provider': async (shop) => {
    const refused = await shop.set('elsewhere')
    assert.deepEqual([told(refused), refused.body.path, refused.body.installed], ['422 invalid', '/tax/provider', ['http']])
    const cart = await taxedBy(shop, () => shop.set('http'))
    assert.equal(cart.additionalTaxTotal.amount, 200)
  },
  'tax.onProviderFailure': async (shop) => {
    await shop.also({ tax: { provider: 'http' } })
    assert.equal((await taxedBy(shop, null, 'dead')).additionalTaxTotal.amount, 100)
    const cart = await taxedBy(shop, () => shop.set('block'), 'dead')
    assert.deepEqual([cart.additionalTaxTotal.amount, cart.notices[0].code], [0, 'tax_unknown'])
  },
  'tax.providerDeadline': async (shop) => {
    await shop.also({ tax: { provider: 'http' } })
    for (const wrong of ['PT11S', 'PT0S', 'never', 'soon'])
      assert.deepEqual([told(await shop.set(wrong)), (await shop.set(wrong)).body.path], ['422 invalid', '/tax/providerDeadline'])
    assert.ok((await took(() => taxedBy(shop, () => shop.set('PT1S'), 'slow'))) < 1900)
    assert.ok((await took(() => taxedBy(shop, () => shop.set('PT3S'), 'slow'))) >= 3000)
  },
  'shipping.provider': async (shop) => {
    assert.deepEqual([told(await shop.set('elsewhere')), (await shop.set('elsewhere')).body.path], ['422 invalid', '/shipping/provider'])
    const offered = await shippedBy(shop, () => shop.set('http'))
    assert.deepEqual(offered, ['van', 'bike'])
  },
  'shipping.onProviderFailure': async (shop) => {
    await shop.also({ shipping: { provider: 'http' } })
    assert.deepEqual(await shippedBy(shop, null, 'dead'), ['post'])
    assert.deepEqual(await shippedBy(shop, () => shop.set('block'), 'dead'), [])
  },
  'shipping.providerDeadline': async (shop) => {
    await shop.also({ shipping: { provider: 'http' } })
    assert.equal((await shop.set('PT11S')).body.path, '/shipping/providerDeadline')
    assert.ok((await took(() => shippedBy(shop, () => shop.set('PT1S'), 'slow'))) < 1900)
    assert.ok((await took(() => shippedBy(shop, () => shop.set('PT3S'), 'slow'))) >= 3000)
  },
  'tax.basedOn': async (shop) => {
    await shop.also({ tax: { rates: [TAX] } })
    await shop.products(ware('TAXED', { taxCategory: 'standard' }, { taxable: true }))
    const { call } = await shop.guest({ sku: 'TAXED' })
    expect2xx(await call('PATCH', '/carts/current', { shippingAddress: { country: 'DE' }, billingAddress: { country: 'US' } }))
    assert.equal(await addedTax(call), 100)
    expect2xx(await shop.set('billing'))
    assert.equal(await addedTax(call), 0)
  },
  'tax.roundingLevel': async (shop) => {
    await shop.also({ tax: { rates: [{ ...TAX, percent: '5' }], defaultCountry: 'DE' } })
    const dime = { prices: [{ currency: 'USD', amount: 9 }], taxable: true }
    await shop.products(ware('ONE', { taxCategory: 'standard' }, dime), ware('TWO', { taxCategory: 'standard' }, dime))
    const { call } = await shop.guest({ sku: 'ONE', quantity: 2 }, { sku: 'TWO' })
    // 0.45 of a cent a piece: 0.9 and 0.45 by lines; with a third piece 1.35 and 0.45, which are 1.8 together.
    assert.equal(await addedTax(call), 1)
    expect2xx(await shop.set('unit'))
    assert.equal(await addedTax(call), 0)
    expect2xx(await call('POST', LINES, { sku: 'ONE' }))
    expect2xx(await shop.set('order'))
    assert.equal(await addedTax(call), 2)
    expect2xx(await shop.set('line'))
    assert.equal(await addedTax(call), 1)
  },
  'tax.exemptGroups': async (shop) => {
    expect2xx(await shop.set(['resellers']))
    assert.deepEqual((await shop.admin('GET', '/settings')).body.tax.exemptGroups, ['resellers'])
  },
  'tax.exemptPrices': async (shop) => {
    await shop.also({ tax: { rates: [{ ...TAX, percent: '25', included: true }], defaultCountry: 'DE' } })
    await shop.products(ware('TAXED', { taxCategory: 'standard' }, { taxable: true }))
    const { call, id } = await shop.guest({ sku: 'TAXED' })
    expect2xx(await shop.admin('PATCH', `/carts/${id}`, { taxExempt: true }))
    const total = async () => (await call('GET', '/carts/current')).body.total.amount
    assert.equal(await total(), 800)
    expect2xx(await shop.set('gross'))
    assert.equal(await total(), 1000)
  },
  'tax.reverseCharge': async (shop) => {
    await shop.also({ tax: { rates: [TAX] } })
    await shop.products(ware('TAXED', { taxCategory: 'standard' }, { taxable: true }))
    const { call } = await shop.guest({ sku: 'TAXED' })
    expect2xx(await call('PATCH', '/carts/current', { shippingAddress: { country: 'DE' }, vatId: 'DE136695976' }))
    assert.equal(await addedTax(call), 100)
    expect2xx(await shop.set({ home: 'AT', countries: ['DE'], require: 'format' }))
    assert.equal(await addedTax(call), 0)
  },
  'shipping.methods': async (shop) => {
    await shop.products(ware('BOX', {}, { requiresShipping: true }))
    const { call } = await shop.guest({ sku: 'BOX' })
    assert.deepEqual((await call('GET', '/carts/current/shipping-methods')).body.items, [])
    expect2xx(await shop.set([METHOD]))
    assert.deepEqual(
      (await call('GET', '/carts/current/shipping-methods')).body.items.map((each: { id: string }) => each.id),
      ['post'],
    )
  },
  'shipping.whenNotChosen': async (shop) => {
    await shop.also({ shipping: { methods: [METHOD] } })
    await shop.products(ware('BOX', {}, { requiresShipping: true }))
    const { call } = await shop.guest({ sku: 'BOX' })
    const seen = async () => {
      const { shippingTotal, shippingEstimate, shippingMethod } = (await call('GET', '/carts/current')).body
      return [shippingTotal.amount, shippingEstimate.amount, shippingMethod]
    }
    assert.deepEqual(await seen(), [0, 500, null])
    expect2xx(await shop.set('cheapest'))
    assert.deepEqual(await seen(), [500, 500, null])
    expect2xx(await call('PATCH', '/carts/current', READY))
    assert.equal(told(await orders(call)), '409 shipping_method_required')
  },
  'totals.floor': async (shop) => {
    await fixed('negative')(shop)
    await shop.also({ shipping: { methods: [METHOD] } })
    await shop.products(ware('BOX', {}, { requiresShipping: true }))
    const free = { name: 'Free', benefit: { kind: 'percent_off', percent: '100' } }
    for (const promotion of [free, { ...free, benefit: { kind: 'free_shipping' } }])
      expect2xx(await shop.admin('POST', '/promotions', promotion))
    const { call } = await shop.guest({ sku: 'BOX' })
    expect2xx(await call('PATCH', '/carts/current', { shippingMethod: 'post' }))
    const total = async () => (await call('GET', '/carts/current')).body.total.amount
    assert.equal(await total(), 0)
    expect2xx(await shop.set('shipping'))
    assert.equal(await total(), 500)
  },
  'notices.requireAck': async (shop) => {
    expect2xx(await shop.set(['price_decreased']))
    const { call } = await shop.guest()
    expect2xx(await call('PATCH', '/carts/current', READY))
    await shop.products(ware('A', {}, { prices: [{ currency: 'USD', amount: 900 }] }))
    const { notices } = (await call('GET', '/carts/current')).body
    assert.equal(notices[0].requiresAck, true)
    assert.equal(told(await orders(call)), '409 notice_unacknowledged')
    expect2xx(await call('POST', '/carts/current/notices/acknowledge', { ids: [notices[0].id] }))
    expect2xx(await orders(call))
  },
  'merge.quantity': async (shop) => {
    const expected = { sum: 5, max: 3, guest: 2, account: 3 }
    for (const [value, quantity] of Object.entries(expected)) {
      expect2xx(await shop.set(value))
      const account = await shop.account()
      expect2xx(await account('DELETE', LINES).then((answer) => (answer.status === 404 ? { ...answer, status: 200 } : answer)))
      const { cart } = expect2xx(await merged(shop, await shop.guest({ sku: 'A', quantity: 2 }), [{ sku: 'A', quantity: 3 }])).body
      assert.deepEqual(shown(cart), [`A × ${quantity}`], value)
    }
  },
  'merge.overLimit': async (shop) => {
    await shop.also({ lines: { quantityMax: 4 } })
    const clamped = expect2xx(await merged(shop, await shop.guest({ sku: 'A', quantity: 3 }), [{ sku: 'A', quantity: 3 }])).body
    assert.deepEqual(shown(clamped.cart), ['A × 4'])
    expect2xx(await shop.set('reject'))
    const other = expect2xx(await merged(shop, await shop.guest({ sku: 'B', quantity: 3 }), [{ sku: 'B', quantity: 3 }])).body
    assert.deepEqual(shown(other.cart), ['A × 4', 'B × 3'])
    const saved = (await (await shop.account())('GET', '/carts/current/saved-lines')).body.items
    assert.deepEqual(
      saved.map((line: { sku: string; quantity: number }) => `${line.sku} × ${line.quantity}`),
      ['B × 3'],
    )
  },
  'merge.attributes': async (shop) => {
    for (const [value, winner] of [
      ['guestWins', 'guest'],
      ['accountWins', 'account'],
    ] as const) {
      expect2xx(await shop.set(value))
      const guest = await shop.guest()
      expect2xx(await guest.call('PATCH', '/carts/current', { attributes: { who: 'guest', only: value } }))
      const account = await shop.account()
      expect2xx(await account('PATCH', '/carts/current', { attributes: { who: 'account' } }))
      const { attributes } = expect2xx(await merged(shop, guest, [])).body.cart
      assert.equal(attributes.who, winner)
    }
  },
  'merge.currencyConflict': async (shop) => {
    await shop.products(
      ware(
        'BOTH',
        {},
        {
          prices: [
            { currency: 'EUR', amount: 900 },
            { currency: 'USD', amount: 1000 },
          ],
        },
      ),
    )
    const { token, cart } = expect2xx(await shop.nobody('POST', LINES, { lines: [{ sku: 'BOTH' }], currency: 'EUR' })).body
    const guest = { id: cart.id, token }
    assert.equal(told(await merged(shop, guest, [{ sku: 'A' }])), '409 currency_mismatch')
    expect2xx(await shop.set('reprice'))
    const after = expect2xx(await merged(shop, guest, [])).body.cart
    assert.deepEqual([after.currency, shown(after), after.total.amount], ['USD', ['A × 1', 'BOTH × 1'], 2000])
  },
  'merge.unifyRefKinds': fixed(true),
  'merge.staffSameOwner': async (shop) => {
    await shop.also({ cart: { multiple: true } })
    const account = await shop.account()
    const first = expect2xx(await account('POST', LINES, { sku: 'A' })).body.cart
    expect2xx(await account('POST', '/carts', { new: true, lines: [{ sku: 'B' }] }))
    const { token } = expect2xx(
      await shop.admin('POST', '/api-keys', { kind: 'staff', name: 'Desk', scopes: ['carts:read', 'carts:write'] }),
    ).body
    const merge = () => caller(shop.base, token)('POST', '/carts/current/merge?account=app:robin', { carts: [{ id: first.id }] })
    assert.equal(told(await merge()), '409 merge_forbidden')
    expect2xx(await shop.set(true))
    assert.deepEqual(shown(expect2xx(await merge()).body.cart).sort(), ['A × 1', 'B × 1'])
  },
  'reconcile.onLogin': async (shop) => {
    expect2xx(await shop.set('keepAccount'))
    assert.deepEqual(shown(expect2xx(await merged(shop, await shop.guest(), [{ sku: 'B' }])).body.cart), ['B × 1'])
    expect2xx(await shop.set('keepGuest'))
    assert.deepEqual(shown(expect2xx(await merged(shop, await shop.guest(), [{ sku: 'B' }])).body.cart), ['A × 1'])
  },
  'reconcile.duringCheckout': async (shop) => {
    for (const [value, lines] of [
      ['keepGuest', ['A × 1']],
      ['keepAccount', ['B × 1']],
    ] as const) {
      expect2xx(await shop.set(value))
      const account = await shop.account(value)
      expect2xx(await account('POST', LINES, { sku: 'B' }))
      await unpaid(account)
      const guest = await shop.guest()
      const answer = await account('POST', '/carts/current/merge', { carts: [{ id: guest.id, token: guest.token }] })
      assert.deepEqual(shown(expect2xx(answer).body.cart), lines)
    }
  },
  'reconcile.keepReplaced': async (shop) => {
    const saved = async () => (await (await shop.account())('GET', '/carts/current/saved-lines')).body.items.length
    expect2xx(await shop.set(false))
    expect2xx(await merged(shop, await shop.guest(), [{ sku: 'B' }], { mode: 'keepGuest' }))
    assert.equal(await saved(), 0)
    expect2xx(await shop.set(true))
    expect2xx(await merged(shop, await shop.guest({ sku: 'B' }), [], { mode: 'keepGuest' }))
    assert.equal(await saved(), 1)
  },
  'restore.tokenTtl': async (shop) => {
    expect2xx(await shop.set('PT10M'))
    const { call } = await shop.guest()
    const { token } = expect2xx(await call('POST', '/carts/current/restore-links')).body
    await shop.advance('PT9M45S')
    expect2xx(await shop.nobody('POST', '/carts/restore', { token }))
    await shop.advance('PT16S')
    assert.equal(told(await shop.nobody('POST', '/carts/restore', { token })), '410 link_invalid')
  },
  'links.loadCartRedirectUrl': async (shop) => {
    expect2xx(await shop.set('/basket'))
    const { call } = await shop.guest()
    const { url } = expect2xx(await call('POST', '/carts/current/restore-links')).body
    const restored = await fetch(url, {
      method: 'POST',
      redirect: 'manual',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: '',
    })
    assert.deepEqual([restored.status, new URL(restored.headers.get('location') ?? '', shop.url).pathname], [303, '/basket'])
  },
  'links.redirectOrigins': async (shop) => {
    const { call } = await shop.guest()
    const { url } = expect2xx(await call('POST', '/carts/current/restore-links')).body
    const target = async () => {
      const body = new URLSearchParams({ redirect: 'https://shop.example/basket' })
      return (await fetch(url, { method: 'POST', redirect: 'manual', body })).headers.get('location') ?? ''
    }
    assert.ok(!(await target()).startsWith('https://shop.example'))
    expect2xx(await shop.set(['https://shop.example']))
    assert.ok((await target()).startsWith('https://shop.example/basket'))
  },
  'links.planPageUrl': async (shop) => {
    await shop.products(ware('CLUB', { kind: 'subscription' }))
    expect2xx(await shop.set('/join/{handle}'))
    assert.equal((await shop.nobody('POST', LINES, { sku: 'CLUB' })).body.buyUrl, '/join/club')
  },
  'links.orderUrl': async (shop) => {
    await shop.also({ email: { from: SENDER } })
    assert.equal((await shop.set('javascript:alert(1)')).status, 422)
    expect2xx(await shop.set('https://shop.example/o/{order}#{token}'))
    assert.match((await mailOf(shop)).text, /https:\/\/shop\.example\/o\/ord_\w+#ot_\S+/)
  },
  'links.cartUrl': async (shop) => {
    await shop.also({ email: { from: SENDER, kinds: ['cart_abandoned'] }, abandoned: { after: 'PT1H' } })
    expect2xx(await shop.set('https://shop.example/back#{token}'))
    const { call } = await shop.guest()
    const email = nextCustomer()
    expect2xx(await call('PATCH', '/carts/current', { email }))
    await shop.advance('PT1H1M')
    assert.match((await mailTo(email)).text, /https:\/\/shop\.example\/back#rt_\S+/)
  },
  'checkout.guest': async (shop) => {
    const { call } = await shop.guest()
    expect2xx(await call('PATCH', '/carts/current', READY))
    expect2xx(await shop.set(false))
    assert.equal(told(await orders(call)), '401 login_required')
  },
  'checkout.guestEmailOfAccount': async (shop) => {
    const issuer = { ...ISSUER, emailClaim: 'email' }
    await shop.also({ access: { issuers: [issuer] } })
    const guest = async (email: string) => {
      const { call } = await shop.guest()
      expect2xx(await call('PATCH', '/carts/current', { ...READY, email }))
      return { call, ordered: await orders(call) }
    }
    const asAccount = async () => expect2xx(await (await shop.account())('POST', LINES, { sku: 'A' }))
    await asAccount()
    expect2xx((await guest('robin@example.com')).ordered)
    expect2xx(await shop.set('requireLogin'))
    await asAccount()
    const { call, ordered } = await guest('Robin+shop@Example.com')
    assert.deepEqual([told(ordered), ordered.body.reason, ordered.body.path], ['401 login_required', 'email_of_account', '/email'])
    const { problems } = expect2xx(await call('GET', '/carts/current/validation')).body
    assert.deepEqual(problems[0].code, 'login_required')
    expect2xx((await guest('somebody@example.com')).ordered)
    const account = await shop.account()
    expect2xx(await account('PATCH', '/carts/current', READY))
    expect2xx(await orders(account))
  },
  'checkout.requireEmail': async (shop) => {
    const { call } = await shop.guest()
    assert.equal(told(await orders(call)), '409 email_required')
    expect2xx(await shop.set(false))
    expect2xx(await orders(call))
  },
  'checkout.requireShippingAddress': async (shop) => {
    await shop.products(ware('BOX', {}, { requiresShipping: true }))
    const { call } = await shop.guest({ sku: 'BOX' })
    expect2xx(await call('PATCH', '/carts/current', { email: READY.email }))
    const refused = await orders(call)
    assert.deepEqual([told(refused), refused.body.path], ['409 address_required', '/shippingAddress'])
    expect2xx(await shop.set(false))
    assert.equal(expect2xx(await orders(call)).body.order.shippingAddress, null)
  },
  'checkout.requireBillingAddress': async (shop) => {
    const { call } = await shop.guest()
    expect2xx(await call('PATCH', '/carts/current', { email: READY.email }))
    expect2xx(await shop.set(true))
    const refused = await orders(call)
    assert.deepEqual([told(refused), refused.body.path], ['409 address_required', '/billingAddress'])
    expect2xx(await call('PATCH', '/carts/current', { shippingAddress: ADDRESS }))
    assert.deepEqual(expect2xx(await orders(call)).body.order.billingAddress, ADDRESS, 'it goes where the goods go')
  },
  'checkout.requireShippingMethod': async (shop) => {
    await shop.also({ shipping: { methods: [METHOD] } })
    await shop.products(ware('BOX', {}, { requiresShipping: true }))
    const { call } = await shop.guest({ sku: 'BOX' })
    expect2xx(await call('PATCH', '/carts/current', READY))
    assert.equal(told(await orders(call)), '409 shipping_method_required')
    expect2xx(await shop.set(false))
    assert.equal(expect2xx(await orders(call)).body.order.shippingMethod, null)
  },
  'checkout.allowEmpty': async (shop) => {
    const { call } = await shop.guest()
    expect2xx(await call('DELETE', LINES))
    expect2xx(await call('PATCH', '/carts/current', READY))
    assert.equal(told(await orders(call)), '409 cart_empty')
    expect2xx(await shop.set(true))
    assert.equal(expect2xx(await orders(call)).body.order.state, 'PLACED')
  },
  'checkout.unavailable': async (shop) => {
    const { call } = await shop.guest({ sku: 'A' }, { sku: 'B' })
    expect2xx(await call('PATCH', '/carts/current', READY))
    await shop.products(ware('B', { published: false }))
    assert.equal(told(await orders(call)), '409 line_unavailable')
    expect2xx(await shop.set('drop'))
    const placed = await payFor(call, expect2xx(await orders(call)).body)
    assert.deepEqual(shown(placed), ['A × 1'])
    assert.deepEqual(shown((await call('GET', '/carts/current')).body), ['B × 1'], 'what was not ordered stays in a cart')
  },
  'checkout.freeOrder': async (shop) => {
    await shop.products(ware('GIFT', {}, { prices: [{ currency: 'USD', amount: 0 }] }))
    const ready = async () => {
      const { call } = await shop.guest({ sku: 'GIFT' })
      expect2xx(await call('PATCH', '/carts/current', READY))
      return call
    }
    const free = expect2xx(await orders(await ready())).body
    assert.deepEqual([free.order.state, free.payment], ['PLACED', null])
    expect2xx(await shop.set('process'))
    const call = await ready()
    const verified = expect2xx(await orders(call)).body
    assert.deepEqual([verified.order.state, verified.order.paymentState, verified.order.total.amount], ['NEW', 'PENDING', 0])
    const placed = await payFor(call, verified)
    assert.deepEqual([placed.paymentState, placed.paidTotal.amount, placed.payments[0].state], ['PAID', 0, 'PAID'])
  },
  'checkout.withoutPayment': async (shop) => {
    const { call, id } = await shop.guest()
    expect2xx(await call('PATCH', '/carts/current', READY))
    const refused = await orders(call, id, { withoutPayment: true })
    assert.deepEqual([told(refused), refused.body.path], ['409 payment_method_unavailable', '/withoutPayment'])
    expect2xx(await shop.set(true))
    const { order, payment } = expect2xx(await orders(call, id, { withoutPayment: true })).body
    assert.deepEqual([order.state, order.paymentState, order.outstandingTotal.amount, payment], ['PLACED', 'NONE', 1000, null])
    assert.match(order.reference, /./)
    const other = await shop.guest()
    assert.notEqual((await unpaid(other.call)).payment, null, 'who does not ask for it pays')
  },
  'checkout.partialPayment': fixed(true),
  'checkout.split': fixed('seller'),
  'checkout.unpaidTtl': async (shop) => {
    expect2xx(await shop.set('PT1H'))
    const { call } = await shop.guest()
    const { order } = await unpaid(call)
    const state = async () => (await call('GET', `/orders/${order.id}`)).body.state
    await shop.advance('PT59M')
    assert.equal(await state(), 'NEW')
    await shop.advance('PT1M1S')
    assert.equal(await eventually(async () => (await state()) === 'EXPIRED' && 'EXPIRED'), 'EXPIRED')
  },
  'checkout.removeBoughtLines': async (shop) => {
    for (const [value, rest] of [
      [true, ['B × 1']],
      [false, ['A × 1', 'B × 1']],
    ] as const) {
      expect2xx(await shop.set(value))
      const { call, id } = await shop.guest({ sku: 'A' }, { sku: 'B' })
      expect2xx(await call('PATCH', '/carts/current', READY))
      const [first] = (await call('GET', '/carts/current')).body.lines
      await payFor(call, expect2xx(await orders(call, id, { lines: [first.id] })).body)
      assert.deepEqual(shown((await call('GET', '/carts/current')).body), rest)
    }
  },
  'checkout.freeze': async (shop) => {
    expect2xx(await shop.set('whilePaying'))
    const { call } = await shop.guest()
    await unpaid(call)
    assert.equal(told(await call('POST', LINES, { sku: 'B' })), '409 cart_frozen')
  },
  'retention.anonymous': (shop) => goneAfter(shop, async () => (await shop.guest()).id),
  'retention.account': (shop) =>
    goneAfter(shop, async () => expect2xx(await (await shop.account())('POST', LINES, { sku: 'A' })).body.cart.id),
  'retention.empty': (shop) => goneAfter(shop, async () => expect2xx(await shop.nobody('POST', '/carts', {})).body.cart.id),
  'retention.closed': (shop) =>
    goneAfter(shop, async () => {
      const { call, id } = await shop.guest()
      expect2xx(await call('DELETE', '/carts/current'))
      return id
    }),
  'retention.drafts': (shop) =>
    goneAfter(shop, async () => expect2xx(await shop.admin('POST', '/carts', { draft: true, lines: [{ sku: 'A' }] })).body.cart.id),
  'retention.touchOnRead': fixed(true),
  'abandoned.after': async (shop) => {
    const { id } = await shop.guest()
    await shop.advance('PT30M')
    const abandoned = async () =>
      (await shop.admin('GET', '/carts?view=abandoned')).body.items.some((cart: { id: string }) => cart.id === id)
    assert.equal(await abandoned(), false)
    expect2xx(await shop.set('PT20M'))
    assert.equal(await abandoned(), true)
  },
  'history.keep': async (shop) => {
    expect2xx(await shop.set('P1D'))
    const { call, id } = await shop.guest()
    const entries = async () => (await call('GET', `/carts/${id}/history`)).body.items.length
    assert.equal(await entries(), 1)
    await shop.advance('PT24H1S')
    assert.equal(await entries(), 0)
  },
  'orders.referenceTemplate': async (shop) => {
    expect2xx(await shop.set('W-{{ seq }}'))
    const { call } = await shop.guest()
    assert.equal((await payFor(call, await unpaid(call))).reference, 'W-1')
  },
  'orders.tokenTtl': async (shop) => {
    expect2xx(await shop.set('PT1H'))
    const { call } = await shop.guest()
    const { order, orderToken } = await unpaid(call)
    const reads = async () => (await caller(shop.base, orderToken)('GET', `/orders/${order.id}`)).status
    await shop.advance('PT59M')
    assert.equal(await reads(), 200)
    await shop.advance('PT1M1S')
    assert.equal(await reads(), 401)
  },
  'orders.customerCancel': async (shop) => {
    const { call } = await shop.guest()
    const { order } = await unpaid(call)
    expect2xx(await shop.set('never'))
    assert.equal(told(await call('POST', `/orders/${order.id}/cancel`)), '409 order_state_forbids')
    const [payment] = (await call('GET', `/orders/${order.id}`)).body.payments
    assert.equal(payment.state, 'PENDING', 'it can still be paid')
    expect2xx(await shop.admin('POST', `/orders/${order.id}/cancel`))
  },
  'orders.claim': async (shop) => {
    const { call } = await shop.guest()
    const { id } = await payFor(call, await unpaid(call, 'claim@example.com'))
    const claim = () => shop.admin('POST', '/orders/claim?account=app:claimer', { email: 'claim@example.com' })
    expect2xx(await shop.set('off'))
    assert.equal(told(await claim()), '403 claim_forbidden')
    expect2xx(await shop.set('request'))
    assert.deepEqual(expect2xx(await claim()).body.claimed, [id])
  },
  'orders.statuses': async (shop) => {
    const list = [
      { id: 'begun', name: 'Begun' },
      { id: 'packed', name: 'Packed' },
      { id: 'off', name: 'Off', state: 'CANCELLED' },
    ]
    const statuses = { initial: 'begun', list, transitions: [{ from: 'begun', to: 'packed', roles: ['staff'] }], on: { cancelled: 'off' } }
    expect2xx(await shop.set(statuses))
    const { call } = await shop.guest()
    const { id, status } = await payFor(call, await unpaid(call))
    assert.equal(status, 'begun')
    assert.equal(told(await shop.admin('POST', `/orders/${id}/status`, { status: 'off' })), '409 status_move_forbidden')
    assert.equal(expect2xx(await shop.admin('POST', `/orders/${id}/status`, { status: 'packed' })).body.status, 'packed')
    for (const wrong of [
      { ...statuses, initial: 'off' },
      { ...statuses, on: { cancelled: 'packed' } },
      { ...statuses, list: [] },
    ])
      assert.equal(told(await shop.set(wrong)), '422 invalid')
  },
  'orders.complete': async (shop) => {
    const { call } = await shop.guest()
    const handedOver = async () => {
      const { id } = await payFor(call, await unpaid(call))
      return expect2xx(await shop.admin('POST', `/orders/${id}/fulfilments`, {})).body.state
    }
    assert.equal(await handedOver(), 'COMPLETED')
    expect2xx(await shop.set('manually'))
    expect2xx(await call('POST', '/carts/current/lines', { sku: 'A' }))
    assert.equal(await handedOver(), 'PLACED')
  },
  'orders.fulfilUnshipped': async (shop) => {
    await shop.products(ware('LICENCE', { kind: 'digital' }), ware('BOX', {}, { requiresShipping: true }))
    const { call } = await shop.guest({ sku: 'LICENCE' }, { sku: 'BOX' })
    expect2xx(await shop.set('whenPaid'))
    const { id } = await payFor(call, await unpaid(call))
    const { lines, fulfilmentState } = (await call('GET', `/orders/${id}`)).body
    assert.deepEqual(
      [fulfilmentState, ...lines.map((line: { fulfilledQuantity: number }) => line.fulfilledQuantity)],
      ['PARTIALLY_FULFILLED', 1, 0],
    )
  },
  'balance.creditRecharges': async (shop) => {
    await shop.products(TOP_UP)
    const { call } = await shop.guest({ sku: 'TOP-UP', amount: 500 })
    expect2xx(await call('PATCH', '/carts/current', READY))
    const asked = await orders(call)
    assert.deepEqual([told(asked), asked.body.reason], ['401 login_required', 'recharge_needs_account'])
    const robin = await shop.account()
    const bought = async () => {
      expect2xx(await robin('POST', LINES, { sku: 'TOP-UP', amount: 500 }))
      await payFor(robin, await unpaid(robin))
      return (await robin('GET', '/balances')).body.items.map((each: { amount: { amount: number } }) => each.amount.amount)
    }
    assert.deepEqual(await bought(), [500])
    expect2xx(await shop.set(false))
    expect2xx(await orders(call))
    assert.deepEqual(await bought(), [500])
  },
  'balance.allowNegative': async (shop) => {
    const take = () => shop.admin('POST', '/balances/adjustments', { account: 'a:robin', currency: 'USD', amount: -5, message: 'fee' })
    assert.equal(told(await take()), '409 balance_insufficient')
    expect2xx(await shop.set(true))
    assert.equal(expect2xx(await take()).body.amount.amount, -5)
  },
  'payment.providers': async (shop) => {
    const { call } = await shop.guest()
    expect2xx(await call('PATCH', '/carts/current', READY))
    expect2xx(await shop.set([]))
    assert.equal(told(await orders(call)), '409 payment_method_unavailable')
  },
  'payment.capture': async (shop) => {
    expect2xx(await shop.set('manual'))
    const { call } = await shop.guest()
    const order = await payFor(call, await unpaid(call))
    assert.deepEqual([order.state, order.paymentState, order.paidTotal.amount], ['PLACED', 'AUTHORIZED', 0])
  },
  'payment.manualMethods': async (shop) => {
    await shop.also({ payment: { providers: ['manual'] } })
    const twice = await shop.set([METHOD_BY_HAND, { ...METHOD_BY_HAND, name: 'Again' }])
    assert.deepEqual([told(twice), twice.body.path], ['422 invalid', '/payment/manualMethods/1/id'])
    expect2xx(await shop.set([METHOD_BY_HAND]))
    const { call } = await shop.guest()
    expect2xx(await call('PATCH', '/carts/current', READY))
    const { items } = expect2xx(await call('GET', '/carts/current/payment-methods')).body
    assert.deepEqual(items, [{ id: 'manual:transfer', name: 'Transfer', provider: 'manual', method: 'transfer', default: true }])
    const { order } = expect2xx(await orders(call)).body
    assert.deepEqual([order.state, order.payments[0].instructions], ['PLACED', 'IBAN DE00'])
  },
  'payment.maxPayments': fixed(2),
  'payment.presentmentCurrency': fixed('EUR'),
  'email.from': async (shop) => {
    expect2xx(await shop.set(SENDER))
    assert.deepEqual((await mailOf(shop)).from, SENDER)
    assert.equal((await shop.set({ ...SENDER, name: 'A\r\nBcc: b@c.example' })).status, 422)
    expect2xx(await shop.set(null))
    const { call } = await shop.guest()
    await payFor(call, await unpaid(call))
    assert.equal((await shop.admin('GET', '/emails')).body.items.length, 1)
  },
  'email.replyTo': async (shop) => {
    await shop.also({ email: { from: SENDER } })
    expect2xx(await shop.set('help@shop.example'))
    assert.equal((await mailOf(shop)).replyTo, 'help@shop.example')
  },
  'email.cc': async (shop) => {
    await shop.also({ email: { from: SENDER } })
    expect2xx(await shop.set(['copy@shop.example']))
    assert.deepEqual((await mailOf(shop)).cc, ['copy@shop.example'])
  },
  'email.bcc': async (shop) => {
    await shop.also({ email: { from: SENDER } })
    expect2xx(await shop.set(['copy@shop.example']))
    assert.deepEqual((await mailOf(shop)).bcc, ['copy@shop.example'])
  },
  'email.kinds': async (shop) => {
    await shop.also({ email: { from: SENDER } })
    expect2xx(await shop.set(['order_cancelled']))
    const { call } = await shop.guest()
    const { id } = await payFor(call, await unpaid(call))
    expect2xx(await shop.admin('POST', `/orders/${id}/cancel`))
    const { items } = (await shop.admin('GET', `/orders/${id}/emails`)).body
    assert.deepEqual(
      items.map((each: { kind: string }) => each.kind),
      ['order_cancelled'],
    )
  },
  'email.statuses': async (shop) => {
    await shop.also({ email: { from: SENDER, kinds: ['order_status'] } })
    const told = async () => {
      const { call } = await shop.guest()
      const { id } = await payFor(call, await unpaid(call))
      return (await shop.admin('GET', `/orders/${id}/emails`)).body.items.map((each: { status: string }) => each.status)
    }
    assert.deepEqual(await told(), [])
    expect2xx(await shop.set(['placed']))
    assert.deepEqual(await told(), ['placed'])
  },
  'email.languages': async (shop) => {
    await shop.also({ email: { from: SENDER } })
    expect2xx(await shop.set(['de']))
    assert.match((await mailOf(shop)).subject, /^Ihre Bestellung/)
  },
  'email.keepLog': async (shop) => {
    await shop.also({ email: { from: SENDER } })
    assert.equal((await shop.set('a while')).status, 422)
    expect2xx(await shop.set('P1D'))
    await mailOf(shop)
    const kept = async () => (await shop.admin('GET', '/emails')).body.items.length
    assert.equal(await kept(), 1)
    await shop.advance('PT24H1M')
    assert.equal(await kept(), 0)
  },
  'limits.tokens': async (shop) => {
    const wrong = () => caller(shop.base, 'ct_wrong')('GET', '/carts/current')
    expect2xx(await shop.set({ address: 1, shop: 0 }))
    assert.equal(told(await wrong()), '401 invalid_token')
    assert.equal(told(await wrong()), '429 rate_limited')
    expect2xx(await shop.set({ address: 0, shop: 0 }))
    await shop.advance('PT1M')
    for (let tries = 0; tries < 3; tries++) assert.equal(told(await wrong()), '401 invalid_token')
  },
  'limits.codes': async (shop) => {
    expect2xx(await shop.set({ address: 0, owner: 1, cart: 0, shop: 0 }))
    const { call } = await shop.guest()
    const other = (await shop.guest()).call
    const tries = (who: Call) => who('POST', '/carts/current/codes', { code: 'NOPE' })
    assert.equal(told(await tries(call)), '422 code_rejected')
    assert.equal(told(await tries(call)), '429 rate_limited')
    assert.equal(told(await tries(other)), '422 code_rejected')
  },
  'limits.links': async (shop) => {
    expect2xx(await shop.set({ cart: 1 }))
    const { call } = await shop.guest()
    expect2xx(await call('POST', '/carts/current/restore-links'))
    assert.equal(told(await call('POST', '/carts/current/restore-links')), '429 rate_limited')
  },
  'limits.orders': async (shop) => {
    expect2xx(await shop.set({ address: 0, owner: 1 }))
    const call = await shop.account()
    const items = { items: [{ sku: 'A' }], email: 'robin@example.com' }
    expect2xx(await call('POST', '/orders', items))
    assert.equal(told(await call('POST', '/orders', items)), '429 rate_limited')
    expect2xx(await shop.admin('POST', '/orders?account=app:robin', items))
  },
  'limits.payments': async (shop) => {
    expect2xx(await shop.set({ address: 0, owner: 0, cart: 1 }))
    const { call } = await shop.guest()
    await unpaid(call)
    expect2xx(await call('POST', LINES, { sku: 'B' }))
    assert.equal(told(await orders(call)), '429 rate_limited')
  },
  'limits.lookups': async (shop) => {
    expect2xx(await shop.set({ address: 0, email: 1 }))
    const look = (email: string) => shop.nobody('POST', '/orders/lookup', { email, number: '1234567' })
    expect2xx(await look('robin@example.com'))
    assert.equal(told(await look('Robin@example.com')), '429 rate_limited')
    expect2xx(await look('kim@example.com'))
  },
  'limits.trials': async (shop) => {
    expect2xx(await shop.set({ owner: 1 }))
    const { id } = expect2xx(await shop.admin('POST', '/webhooks', { url: 'http://127.0.0.1:9/', types: ['*'] })).body
    assert.equal((await shop.admin('POST', `/webhooks/${id}/test`)).status, 200)
    assert.equal(told(await shop.admin('POST', `/webhooks/${id}/test`)), '429 rate_limited')
  },
  'limits.declines': async (shop) => {
    expect2xx(await shop.set({ address: 0, owner: 0, email: 0, cart: 1, shop: 0 }))
    const { call } = await shop.guest()
    const { order, payment } = await unpaid(call)
    const card = new URLSearchParams({ number: '4000000000000002', expiry: '12/40', cvc: '123', name: 'Robin Example' })
    await fetch(payment.url, { method: 'POST', body: card, redirect: 'manual' })
    const again = () => call('POST', `/orders/${order.id}/payments`)
    await eventually(async () => told(await again()) === '429 rate_limited')
    await shop.advance('PT1H')
    expect2xx(await again())
  },
  'subscriptions.retryAfter': async (shop) => {
    assert.equal((await shop.set(['soon'])).status, 422)
    const subscription = await subscribed(shop, '4000 0000 0000 9987')
    await shop.advance('P31D')
    assert.deepEqual(await subscription(), ['PAST_DUE', null])
    expect2xx(await shop.set(['PT1H']))
    await shop.advance('P1D')
    assert.deepEqual(await subscription(), ['CANCELLED', 'not_paid'])
  },
  'subscriptions.grace': async (shop) => {
    assert.equal((await shop.set('a while')).status, 422)
    expect2xx(await shop.set('P2D'))
    const subscription = await subscribed(shop, null)
    await shop.advance('P31D')
    assert.deepEqual(await subscription(), ['ACTIVE', null])
    await shop.advance('P2D')
    assert.deepEqual(await subscription(), ['PAST_DUE', null])
  },
}

/** An account with a plan of a month, paid by this card, or by hand; answers how to see its state, and why it ended. */
async function subscribed(shop: Shop, card: string | null): Promise<() => Promise<(string | null)[]>> {
  const plans = [{ id: 'monthly', name: 'Monthly', interval: 'P1M', price: { currency: 'USD', amount: 900 } }]
  await shop.products(ware('CLUB', { kind: 'subscription', plans }, { prices: [] }))
  await shop.also({ payment: { providers: [card === null ? 'manual' : 'sandbox'] }, pricing: { requireExpected: false } })
  const call = await shop.account('member')
  const items = [{ sku: 'CLUB', plan: 'monthly' }]
  const { order, payment } = expect2xx(await call('POST', '/orders', { items, email: 'member@example.com' })).body
  if (card === null) expect2xx(await shop.admin('POST', `/orders/${order.id}/payments/${order.payments[0].id}/mark-paid`, {}))
  else
    await fetch(payment.url, {
      method: 'POST',
      body: new URLSearchParams({ number: card, expiry: '12/40', cvc: '123', name: 'Member' }),
      redirect: 'manual',
    })
  const see = async () => (await call('GET', `/subscriptions/${order.subscriptionId}`)).body
  await eventually(async () => (await see()).state === 'ACTIVE')
  return async () => {
    const { state, endReason } = await see()
    return [state, endReason]
  }
}

/** A cart is there shortly before its time and gone after it; the exact edges are tested where the clock stands still. */
async function goneAfter(shop: Shop, makeCart: () => Promise<string>): Promise<void> {
  expect2xx(await shop.set('P3D'))
  const id = await makeCart()
  await shop.advance('PT71H59M45S')
  assert.equal((await shop.admin('GET', `/carts/${id}`)).status, 200)
  await shop.advance('PT16S')
  assert.equal((await shop.admin('GET', `/carts/${id}`)).status, 404)
}

describe('settings', () => {
  test('every setting has a test of its own', () => {
    const keys = Object.entries(DEFAULT_SETTINGS).flatMap(([group, values]) => Object.keys(values).map((name) => `${group}.${name}`))
    assert.deepEqual(Object.keys(EFFECTS).sort(), keys.sort())
  })

  // What a setting decides is decided in the core, not in the database.
  for (const dialect of DIALECTS)
    describe(`one by one on ${dialect}`, async () => {
      const engine = await startEngine()
      engine.percent = 20
      const rates = { taxUrl: engine.taxUrl, shippingUrl: engine.shippingUrl, secret: null }
      const server = await startTestServer(await freshDatabase(dialect), { rates, mail: { folder: MAILS } })
      for (const [index, [key, effect]] of (Object.entries(EFFECTS) as [Key, (shop: Shop) => Promise<void>][]).entries())
        if (isTried(dialect, index)) test(key, async () => effect(await freshShop(server.url, () => server.engine.clock.now(), key)))
    })
})
