// The preset `reconcile`: guest carts with a secret, account carts, one per shop, three ways to reconcile them, prices that the client must
// know, stock that is checked only when ordering, carts that are gone when they are ordered or merged.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { atOnce, caller } from '../harness.ts'
import { rowsIn } from '../http-probe.ts'
import { expect2xx, login } from '../nodes.ts'
import { linesOf, payFor, presetShops, readyToOrder, shown, told, ware } from './shop.ts'

const LINES = '/carts/current/lines'
/** An item with the price that its client saw. */
const item = (sku: string, quantity = 1, expectedUnitPrice = 1000) => ({ sku, quantity, expectedUnitPrice })

for (const shop of await presetShops('reconcile')) {
  const base = `${shop.server.url}/v1/shops/reconcile`
  await shop.products(
    ware('LAMP'),
    ware('SHADE'),
    ware('RARE', {}, { stockPolicy: 'deny', onHand: 1 }),
    ware('DOZEN', {}, { quantityMin: 12 }),
  )
  let count = 0
  const name = () => `reconcile-${++count}`
  async function guest(...items: object[]): Promise<{ call: ReturnType<typeof caller>; token: string; id: string }> {
    const { token, cart } = expect2xx(await shop.nobody('POST', LINES, { lines: items.length > 0 ? items : [item('LAMP')] })).body
    return { call: caller(base, token), token, id: cart.id }
  }

  describe(`reconcile on ${shop.dialect}`, () => {
    test('SEED2-01 SEED3-19 a cart holds its items and what was entered for checkout', async () => {
      const { call } = await guest(item('LAMP', 2))
      await readyToOrder(call)
      const { body } = await call('GET', '/carts/current')
      assert.deepEqual(
        [shown(body), body.email, body.shippingAddress.country, body.shippingMethod],
        [['LAMP × 2'], 'robin@example.com', 'US', 'standard'],
      )
    })

    test('SEED2-03 SEED2-40 the cart is gone when it is ordered, its number lives on as the order’s, and a repeated order answers the same one', async () => {
      const { call, id } = await guest(item('LAMP'))
      await readyToOrder(call)
      const { number } = (await call('GET', '/carts/current')).body
      const placed = await payFor(call, expect2xx(await call('POST', '/orders', { cartId: id })).body)
      assert.equal(placed.number, number)
      assert.equal(told(await call('GET', `/carts/${id}`)), '404 cart_not_found')
      assert.equal(expect2xx(await call('POST', '/orders', { cartId: id })).body.order.id, placed.id)
    })

    test('SEED2-04 SEED2-05 SEED2-06 SEED2-38 SEED3-18 the first item makes a guest cart, which its id and secret open together, and neither alone', async () => {
      const made = await shop.nobody('POST', LINES, { lines: [item('LAMP')] })
      const { cart, token } = made.body
      assert.deepEqual([made.status, cart.owner.kind], [201, 'guest'])
      assert.equal(told(await shop.nobody('GET', `/carts/${cart.id}`)), '404 cart_not_found')
      assert.equal((await caller(base, token)('GET', `/carts/${cart.id}`)).status, 200)
      const { token: other } = (await shop.nobody('POST', LINES, { lines: [item('LAMP')] })).body
      assert.equal(told(await caller(base, other)('GET', `/carts/${cart.id}`)), '404 cart_not_found')
      const forged = `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`
      assert.equal(told(await caller(base, forged)('GET', `/carts/${cart.id}`)), '401 invalid_token')
    })

    test('SEED2-12 SEED2-39 a guest gives an e-mail address, which is on the cart and on the order', async () => {
      const { call, id } = await guest()
      await readyToOrder(call)
      const { order } = expect2xx(await call('POST', '/orders', { cartId: id })).body
      assert.deepEqual([order.email, order.owner.kind], ['robin@example.com', 'guest'])
      assert.equal((await call('PATCH', '/carts/current', { email: 'no address' })).status, 422)
    })

    test('SEED2-13 SEED2-23 SEED4-24 an account has one cart per shop, also when twenty first items come at once', async () => {
      const token = await login(shop.server.url, name())
      const [here, there] = [caller(base, token), caller(`${shop.server.url}/v1/shops/demo`, token)]
      const answers = await atOnce(20, () => here('POST', LINES, { lines: [item('LAMP')] }))
      assert.equal(new Set(answers.map((answer) => expect2xx(answer).body.cart.id)).size, 1)
      assert.deepEqual(await linesOf(here), ['LAMP × 20'])
      assert.deepEqual(await linesOf(there), [])
    })

    test('SEED2-14 after logout the account’s cart is neither seen nor reached, and the next item makes a guest cart', async () => {
      const call = await shop.account(name())
      const { cart } = expect2xx(await call('POST', LINES, { lines: [item('LAMP')] })).body
      for (const path of ['', '/validation', '/saved-lines', '/shipping-methods'])
        assert.ok([401, 404].includes((await shop.nobody('GET', `/carts/${cart.id}${path}`)).status), path)
      assert.equal((await shop.nobody('GET', '/carts/current')).body.itemCount, 0)
      assert.notEqual((await guest()).id, cart.id)
      assert.deepEqual(await linesOf(call), ['LAMP × 1'])
    })

    for (const [mode, expected] of [
      ['merge', ['LAMP × 3', 'SHADE × 1']],
      ['keepAccount', ['LAMP × 1']],
      ['keepGuest', ['LAMP × 2', 'SHADE × 1']],
    ] as const)
      test(`SEED2-16 SEED2-17 ${mode}: afterwards there is one cart, and the guest’s is gone with its secret`, async () => {
        const { call, token, id } = await guest(item('LAMP', 2), item('SHADE'))
        const account = await shop.account(name())
        const { cart } = expect2xx(await account('POST', LINES, { lines: [item('LAMP')] })).body
        const merged = expect2xx(await account('POST', '/carts/current/merge', { carts: [{ id, token }], mode })).body.cart
        assert.deepEqual([merged.id, shown(merged).sort()], [cart.id, [...expected]])
        assert.equal(told(await account('GET', `/carts/${id}`)), '404 cart_not_found')
        assert.equal(told(await call('GET', '/carts/current')), '401 invalid_token')
      })

    test('SEED2-26 SEED2-28 SEED3-38 an item whose price is not what its client saw fails by itself; when all do, no cart is made', async () => {
      const before = await rowsIn(shop.server.engine.store.reader, 'carts', 'guests')
      const all = await shop.nobody('POST', LINES, { lines: [item('LAMP', 1, 900), item('SHADE', 1, 1)] })
      assert.equal(told(all), '409 price_changed')
      assert.deepEqual([all.body.current.amount, all.body.expected.amount], [1000, 900])
      assert.deepEqual(await rowsIn(shop.server.engine.store.reader, 'carts', 'guests'), before)
      const some = expect2xx(await shop.nobody('POST', LINES, { lines: [item('LAMP', 1, 900), item('SHADE')] })).body
      assert.deepEqual([shown(some.cart), some.results[0].code], [['SHADE × 1'], 'price_changed'])
      assert.equal(told(await shop.nobody('POST', LINES, { sku: 'LAMP' })), '422 expected_price_required')
    })

    test('SEED2-27 fewer than the product is sold in fail with the minimum', async () => {
      const { body } = expect2xx(await shop.nobody('POST', LINES, { lines: [item('DOZEN', 11), item('DOZEN', 12)] }))
      assert.deepEqual([body.results[0].code, body.results[0].detail.min, shown(body.cart)], ['quantity_too_small', 12, ['DOZEN × 12']])
    })

    test('SEED2-30 stock is checked when ordering, not when adding', async () => {
      const { call } = await guest(item('RARE', 5))
      await readyToOrder(call)
      assert.equal(told(await call('POST', '/orders', { cartId: 'current' })), '409 insufficient_stock')
    })

    test('SEED2-32 the same item twice in one request is one line', async () => {
      const { call } = await guest(item('LAMP', 2), item('LAMP', 3))
      assert.deepEqual(await linesOf(call), ['LAMP × 5'])
    })

    test('SEED2-33 the most recently added item is first, also of one request', async () => {
      const { call } = await guest(item('LAMP'), item('SHADE'))
      expect2xx(await call('POST', LINES, item('RARE')))
      assert.deepEqual(await linesOf(call), ['RARE × 1', 'SHADE × 1', 'LAMP × 1'])
    })

    test('SEED2-34 two browsers that write at once lose nothing of each other', async () => {
      const { call, token } = await guest(item('LAMP'))
      const browsers = [call, caller(base, token)]
      await atOnce(30, async (index) =>
        expect2xx(await (browsers[index % 2] ?? call)('POST', LINES, item(index % 3 === 0 ? 'SHADE' : 'LAMP'))),
      )
      assert.deepEqual((await linesOf(call)).sort(), ['LAMP × 21', 'SHADE × 10'])
    })

    test('SEED2-41 the price follows the catalogue; what it was when the item was added stays to compare', async () => {
      await shop.products(ware('VASE'))
      const { call } = await guest(item('VASE'))
      await shop.products(ware('VASE', {}, { prices: [{ currency: 'USD', amount: 1200 }] }))
      const { body } = await call('GET', '/carts/current')
      assert.deepEqual([body.lines[0].unitPrice.amount, body.lines[0].priceWhenAdded.amount], [1200, 1000])
      assert.deepEqual(
        body.notices.map((each: { code: string; params: object }) => [each.code, each.params]),
        [['price_increased', { sku: 'VASE', from: 1000, to: 1200, currency: 'USD' }]],
      )
    })

    test('SEED2-42 SEED2-43 items that are hidden one after the other are all still told, and all come back', async () => {
      await shop.products(ware('ONE'), ware('TWO'))
      const { call } = await guest(item('ONE'), item('TWO'), item('LAMP'))
      const missing = async () =>
        (await call('GET', '/carts/current')).body.lines
          .filter((line: { state: string }) => line.state === 'UNAVAILABLE')
          .map((line: { sku: string }) => line.sku)
          .sort()
      await shop.products(ware('ONE', { published: false }))
      assert.deepEqual(await missing(), ['ONE'])
      await shop.products(ware('TWO', { published: false }))
      assert.deepEqual(await missing(), ['ONE', 'TWO'])
      await shop.products(ware('ONE'), ware('TWO'))
      assert.deepEqual(await missing(), [])
    })

    test('SEED2-63 of simultaneous orders of one cart none is paid for nothing: they are one order with one payment', async () => {
      const { call, id } = await guest(item('LAMP'))
      await readyToOrder(call)
      const answers = await atOnce(10, () => call('POST', '/orders', { cartId: id }))
      assert.equal(new Set(answers.map((answer) => expect2xx(answer).body.order.id)).size, 1)
      assert.equal(new Set(answers.map((answer) => answer.body.payment.id)).size, 1)
    })
  })
}
