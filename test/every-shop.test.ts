// What carts and orders do in every shop, whatever its preset: clearing, codes, details of a line, orders that are frozen, keys that act for
// others. Short promises that the suites of the presets take for granted.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { caller } from './harness.ts'
import { expect2xx } from './nodes.ts'
import { linesOf, payFor, presetShops, readyToOrder, shown, told, ware } from './presets/shop.ts'

const LINES = '/carts/current/lines'

for (const shop of await presetShops('default')) {
  const base = `${shop.server.url}/v1/shops/demo`
  await shop.products(
    ware('CUP'),
    ware('BOWL'),
    ware('KRONE', {}, { prices: [{ currency: 'DKK', amount: 9000 }] }),
    ware('FORK', {}, { quantityMin: 2, quantityMax: 5 }),
  )
  let count = 0
  const name = () => `every-${++count}`
  const key = async (...scopes: string[]) =>
    caller(base, expect2xx(await shop.admin('POST', '/api-keys', { name: scopes.join(' '), scopes })).body.token)

  describe(`every shop on ${shop.dialect}`, () => {
    test('SEED0-21 SEED1-11 SEED2-36 SEED3-27 clearing removes all lines at once; the cart stays, with everything else', async () => {
      const call = await shop.account(name())
      const { cart } = expect2xx(await call('POST', LINES, { lines: [{ sku: 'CUP', quantity: 2 }, { sku: 'BOWL' }] })).body
      expect2xx(await call('POST', '/carts/current/codes', { code: 'WELCOME10' }))
      await readyToOrder(call)
      const cleared = expect2xx(await call('DELETE', LINES)).body.cart
      assert.deepEqual([cleared.id, cleared.lines, cleared.total.amount, cleared.state], [cart.id, [], 0, 'OPEN'])
      const { id, email, codes } = (await call('GET', '/carts/current')).body
      assert.deepEqual([id, email, codes.length], [cart.id, 'robin@example.com', 1])
    })

    test('SEED0-31 an order needs at least one item, each known, all in one currency', async () => {
      for (const [items, expected] of [
        [[], '422 invalid'],
        [[{ sku: 'CUP' }, { sku: 'NO-SUCH' }], '422 unknown_sku'],
        [[{ sku: 'CUP' }, { sku: 'KRONE' }], '409 currency_mismatch'],
      ] as const)
        assert.equal(told(await shop.nobody('POST', '/orders', { items, email: 'robin@example.com' })), expected)
      expect2xx(await shop.nobody('POST', '/orders', { items: [{ sku: 'CUP' }], email: 'robin@example.com' }))
    })

    test('SEED0-36 an order keeps what its lines were: another name, picture and price of the product do not reach it', async () => {
      await shop.products(ware('SOLD'))
      const call = await shop.account(name())
      expect2xx(await call('POST', LINES, { sku: 'SOLD', quantity: 2, options: { colour: 'red' }, note: 'mind it' }))
      await readyToOrder(call)
      const { order } = expect2xx(await call('POST', '/orders', { cartId: 'current' })).body
      await shop.products(
        ware('SOLD', { name: 'Another', images: [{ src: '/images/other.svg' }] }, { prices: [{ currency: 'USD', amount: 9900 }] }),
      )
      const { lines, total } = (await call('GET', `/orders/${order.id}`)).body
      assert.deepEqual([lines, total], [order.lines, order.total])
      const [{ name: called, image, unitPrice, quantity, options, note }] = lines
      assert.deepEqual(
        [called, image, unitPrice.amount, quantity, options, note],
        ['Product SOLD', '/images/SOLD.svg', 1000, 2, { colour: 'red' }, 'mind it'],
      )
    })

    test('SEED0-37 SEED1-31 a server orders for the account that it names, and gets what opens the payment page', async () => {
      const who = name()
      const server = await key('carts:write', 'orders:write')
      expect2xx(await server('POST', `${LINES}?account=demo:${who}`, { sku: 'CUP' }))
      expect2xx(await server('PATCH', `/carts/current?account=demo:${who}`, { email: 'robin@example.com' }))
      const { order, payment } = expect2xx(await server('POST', `/orders?account=demo:${who}`, { cartId: 'current' })).body
      assert.equal((await fetch(payment.url)).status, 200)
      const owner = await shop.account(who)
      assert.deepEqual((await owner('GET', `/orders/${order.id}`)).body.owner, { kind: 'account', accountId: `demo:${who}` })
      assert.equal((await payFor(owner, { order, payment })).state, 'PLACED')
    })

    test('SEED0-39 only an unpaid order can be paid', async () => {
      const call = await shop.account(name())
      expect2xx(await call('POST', LINES, { sku: 'CUP' }))
      await readyToOrder(call)
      const ordered = expect2xx(await call('POST', '/orders', { cartId: 'current' })).body
      const pay = () => call('POST', `/orders/${ordered.order.id}/payments`, {})
      expect2xx(await pay())
      await payFor(call, ordered)
      assert.equal(told(await pay()), '409 order_state_forbids')
      const { payments } = (await call('GET', `/orders/${ordered.order.id}`)).body
      assert.equal(payments.filter((each: { state: string }) => each.state === 'PAID').length, 1)
    })

    test('SEED1-38 SEED1-39 SEED3-29 a code is put on and taken off, and each answers the whole cart', async () => {
      const call = await shop.account(name())
      expect2xx(await call('POST', LINES, { sku: 'CUP' }))
      const on = expect2xx(await call('POST', '/carts/current/codes', { code: ' welcome10 ' })).body.cart
      assert.deepEqual([on.codes, on.total.amount, shown(on)], [[{ code: 'WELCOME10', applied: true, reason: null }], 900, ['CUP × 1']])
      const off = expect2xx(await call('DELETE', '/carts/current/codes/welcome10')).body.cart
      assert.deepEqual([off.codes, off.total.amount, shown(off)], [[], 1000, ['CUP × 1']])
      assert.equal(told(await call('DELETE', '/carts/current/codes/WELCOME10')), '404 code_not_found')
    })

    test('SEED2-75 a key does with the carts of others what its scopes say, and nothing else', async () => {
      const { cart } = expect2xx(await (await shop.account(name()))('POST', LINES, { sku: 'CUP' })).body
      const [reader, writer, stranger] = [await key('carts:read'), await key('carts:write'), await key('orders:read')]
      const [read, write] = [['GET', `/carts/${cart.id}`] as const, ['PATCH', `/carts/${cart.id}`, { note: 'checked' }] as const]
      assert.equal((await reader(...read)).body.id, cart.id)
      assert.equal(told(await reader(...write)), '403 missing_scope')
      assert.equal(expect2xx(await writer(...write)).body.cart.note, 'checked')
      for (const [method, path, body] of [read, write]) assert.equal(told(await stranger(method, path, body)), '403 missing_scope')
    })

    test('SEED3-15 SEED3-16 a cart is made with what it is to have; who has one gets it back, and the same by asking for it', async () => {
      const call = await shop.account(name())
      const made = await call('POST', '/carts', { currency: 'EUR', type: 'shopping', attributes: { channel: 'web' } })
      const { cart } = expect2xx(made).body
      assert.deepEqual([made.status, cart.currency, cart.type, cart.attributes], [201, 'EUR', 'shopping', { channel: 'web' }])
      const again = await call('POST', '/carts', { currency: 'USD' })
      assert.deepEqual([again.status, again.body.cart.id, again.body.cart.currency], [200, cart.id, 'EUR'])
      assert.equal((await call('GET', '/carts/current')).body.id, cart.id)
    })

    test('SEED3-17 carts are searched by number, e-mail address, account and state, each alone and together', async () => {
      const who = name()
      const call = await shop.account(who)
      const { id, number } = expect2xx(await call('POST', LINES, { sku: 'CUP' })).body.cart
      const email = `${who}@example.com`
      expect2xx(await call('PATCH', '/carts/current', { email }))
      const found = async (query: string) =>
        (await shop.admin('GET', `/carts?limit=200&${query}`)).body.items.map((each: { id: string }) => each.id)
      const queries = [`number=${number}`, `email=${email}`, `account=demo:${who}`, `account=demo:${who}&email=${email}&state=OPEN`]
      for (const query of queries) assert.deepEqual(await found(query), [id], query)
      for (const query of [`email=${email}&state=CLOSED`, `number=${number}&account=demo:nobody`])
        assert.deepEqual(await found(query), [], query)
      expect2xx(await call('DELETE', '/carts/current'))
      assert.deepEqual(await found(`email=${email}&state=CLOSED`), [id])
    })

    test('SEED3-28 a change of a line leaves alone what it does not name', async () => {
      const call = await shop.account(name())
      const given = { quantity: 2, options: { colour: 'blue' }, note: 'a present', attributes: { from: 'page 7' } }
      const { id } = expect2xx(await call('POST', LINES, { sku: 'CUP', ...given })).body.cart.lines[0]
      for (const change of [
        { quantity: 4 },
        { note: 'no present' },
        { options: { colour: 'green' } },
        { attributes: { from: 'page 8' } },
      ]) {
        Object.assign(given, change)
        const [{ quantity, options, note, attributes }] = expect2xx(await call('PATCH', `${LINES}/${id}`, change)).body.cart.lines
        assert.deepEqual({ quantity, options, note, attributes }, given)
      }
    })

    test('SEED4-38 discounts, shipping and tax are adjustments that say what they are, how much, and where they come from', async () => {
      const call = await shop.account(name())
      expect2xx(await call('POST', LINES, { sku: 'MUG-STONE' }))
      expect2xx(await call('POST', '/carts/current/codes', { code: 'WELCOME10' }))
      expect2xx(await call('PATCH', '/carts/current', { shippingAddress: { country: 'US', region: 'NY' }, shippingMethod: 'standard' }))
      const cart = (await call('GET', '/carts/current')).body
      const all = [...cart.lines[0].adjustments, ...cart.adjustments]
      const sources = { promotion: 'promotion', shipping: 'shipping_method', tax: 'tax_rate' }
      assert.deepEqual([...new Set(all.map((each) => each.type))].sort(), Object.keys(sources).sort())
      for (const { type, label, amount, included, source, lineId } of all) {
        assert.equal(source.kind, sources[type as keyof typeof sources])
        assert.ok(source.id !== '' && label !== '' && amount.amount !== 0 && amount.currency === 'USD' && included === false, label)
        assert.ok(lineId === undefined || lineId === cart.lines[0].id)
      }
      const [discount] = all.filter((each) => each.type === 'promotion')
      assert.deepEqual([discount.source.code, discount.amount.amount], ['WELCOME10', cart.discountTotal.amount])
    })

    test('SEED4-41 a product has a minimum and a maximum per line, when adding, when setting and by counting up', async () => {
      const call = await shop.account(name())
      const few = await call('POST', LINES, { sku: 'FORK', quantity: 1 })
      assert.deepEqual([told(few), few.body.min], ['422 quantity_too_small', 2])
      const { id } = expect2xx(await call('POST', LINES, { sku: 'FORK', quantity: 4 })).body.cart.lines[0]
      const many = await call('POST', LINES, { sku: 'FORK', quantity: 2 })
      assert.deepEqual([told(many), many.body.max], ['422 quantity_too_large', 5])
      assert.equal(told(await call('PATCH', `${LINES}/${id}`, { quantity: 6 })), '422 quantity_too_large')
      assert.equal(told(await call('PATCH', `${LINES}/${id}`, { quantity: 1 })), '422 quantity_too_small')
      assert.deepEqual(await linesOf(call), ['FORK × 4'])
    })
  })

  // The clock of the whole server moves, so this comes last.
  describe(`time in every shop on ${shop.dialect}`, () => {
    test('SEED3-73 reading a cart does not prolong its life; a write does', async () => {
      const call = await shop.guest()
      const expiry = async () => Date.parse((await call('GET', '/carts/current')).body.expiresAt)
      const first = await expiry()
      await shop.advance('P3D')
      assert.equal(await expiry(), first)
      expect2xx(await call('POST', LINES, { sku: 'CUP' }))
      assert.ok((await expiry()) - first >= 3 * 24 * 60 * 60 * 1000 - 60_000)
    })
  })
}
