// The preset `fill`: a cart that the shop's client and server fill by sku, found by the user's token or by its id, with results per item, one
// promotion code, and an order whose token opens the payment page.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { expect2xx } from '../nodes.ts'
import { linesOf, payFor, presetShops, readyToOrder, shown, told, ware } from './shop.ts'

const LINES = '/carts/current/lines'

for (const shop of await presetShops('fill')) {
  await shop.products(
    ware('SWORD', { kind: 'digital' }),
    ware('SHIELD', { kind: 'digital' }, { prices: [{ currency: 'USD', amount: 2500, listAmount: 3000 }] }),
    ware('PACK', { kind: 'bundle' }),
    ware('FEW', {}, { stockPolicy: 'deny', onHand: 3 }),
  )
  let count = 0
  const user = () => shop.account(`fill-${++count}`)

  describe(`fill on ${shop.dialect}`, () => {
    test('SEED0-30 SEED1-01 items of any kind and quantity, and a code, become one order in real money', async () => {
      const call = await user()
      const lines = [
        { sku: 'SWORD', quantity: 3 },
        { sku: 'PACK' },
        { sku: 'MUG-STONE', quantity: 2 },
        { sku: 'RECHARGE-CARD', amount: 1000 },
      ]
      expect2xx(await call('PUT', LINES, { lines }))
      expect2xx(await call('POST', '/carts/current/codes', { code: 'welcome10' }))
      await readyToOrder(call)
      const placed = await payFor(call, expect2xx(await call('POST', '/orders', { cartId: 'current' })).body)
      assert.deepEqual(shown(placed), ['SWORD × 3', 'PACK × 1', 'MUG-STONE × 2', 'RECHARGE-CARD × 1'])
      assert.ok(placed.discountTotal.amount < 0)
    })

    test('SEED1-02 SEED1-03 a user has one cart on the server, found by the token alone or by its id, by nobody else', async () => {
      const [call, other] = [await user(), await user()]
      const { cart } = expect2xx(await call('POST', LINES, { sku: 'SWORD' })).body
      assert.equal((await call('GET', '/carts/current')).body.id, cart.id)
      assert.equal((await call('GET', `/carts/${cart.id}`)).body.id, cart.id)
      for (const path of ['', '/lines', '/validation']) {
        const method = path === '/lines' ? 'PUT' : 'GET'
        const body = method === 'PUT' ? { lines: [{ sku: 'SWORD' }] } : undefined
        assert.equal(told(await other(method, `/carts/${cart.id}${path}`, body)), '404 cart_not_found')
      }
      assert.notEqual((await other('GET', '/carts/current')).body.id, cart.id)
    })

    test('SEED1-04 SEED1-15 the server fills the cart of any user, who finds it there', async () => {
      const name = `filled-${++count}`
      const path = `${LINES}?account=demo:${name}`
      expect2xx(await shop.admin('PUT', path, { lines: [{ sku: 'SWORD', quantity: 4 }] }))
      assert.deepEqual(await linesOf(await shop.account(name)), ['SWORD × 4'])
      assert.equal(told(await shop.admin('PUT', LINES, { lines: [{ sku: 'SWORD' }] })), '400 owner_required')
    })

    test('SEED1-05 SEED1-10 SEED1-12 SEED1-13 SEED1-14 the client reads, fills, changes and deletes', async () => {
      const call = await user()
      const { cart } = expect2xx(await call('PUT', LINES, { lines: [{ sku: 'SWORD' }, { sku: 'SHIELD' }] })).body
      const [sword, shield] = cart.lines
      expect2xx(await call('PATCH', `${LINES}/${sword.id}`, { quantity: 7 }))
      expect2xx(await call('DELETE', `/carts/${cart.id}/lines/${shield.id}`))
      assert.deepEqual(await linesOf(call, cart.id), ['SWORD × 7'])
    })

    test('SEED1-06 SEED1-25 ordering answers a token and an address that open the payment page', async () => {
      const call = await user()
      expect2xx(await call('PUT', LINES, { lines: [{ sku: 'SWORD' }] }))
      await readyToOrder(call)
      const { payment, orderToken } = expect2xx(await call('POST', '/orders', { cartId: 'current' })).body
      assert.ok(payment.token.length > 10 && orderToken.startsWith('ot_'))
      assert.equal((await fetch(payment.url)).status, 200)
    })

    test('SEED1-07 SEED1-20 the cart shows final prices, what they were, and which promotion made them', async () => {
      const call = await user()
      expect2xx(await call('PUT', LINES, { lines: [{ sku: 'SHIELD', quantity: 2 }] }))
      const { cart } = expect2xx(await call('POST', '/carts/current/codes', { code: 'WELCOME10' })).body
      const [line] = cart.lines
      assert.deepEqual([line.listPrice.amount, line.unitPrice.amount, line.itemTotal.amount, line.total.amount], [3000, 2500, 5000, 4500])
      assert.deepEqual([cart.itemTotal.amount, cart.discountTotal.amount, cart.total.amount], [5000, -500, 4500])
      assert.deepEqual(cart.codes, [{ code: 'WELCOME10', applied: true, reason: null }])
      assert.deepEqual(
        line.adjustments.map((each: { label: string; amount: { amount: number } }) => [each.label, each.amount.amount]),
        [['10 % off', -500]],
      )
    })

    test('SEED1-16 filling sets the quantity of the named items and keeps the others', async () => {
      const call = await user()
      expect2xx(await call('PUT', LINES, { lines: [{ sku: 'SWORD', quantity: 5 }, { sku: 'SHIELD' }] }))
      expect2xx(await call('PUT', LINES, { lines: [{ sku: 'SWORD', quantity: 2 }] }))
      assert.deepEqual(await linesOf(call), ['SWORD × 2', 'SHIELD × 1'])
      expect2xx(await call('PUT', LINES, { mode: 'replace', lines: [{ sku: 'PACK' }] }))
      assert.deepEqual(await linesOf(call), ['PACK × 1'])
    })

    test('SEED1-17 SEED3-25 SEED3-26 an unknown item fails by itself, with its reason; the others are stored', async () => {
      const call = await user()
      const { body } = expect2xx(await call('PUT', LINES, { lines: [{ sku: 'SWORD' }, { sku: 'NO-SUCH' }, { sku: 'FEW', quantity: 9 }] }))
      assert.deepEqual(
        body.results.map((each: { ok: boolean; code?: string }) => [each.ok, each.code]),
        [
          [true, undefined],
          [false, 'unknown_sku'],
          [false, 'insufficient_stock'],
        ],
      )
      assert.deepEqual(shown(body.cart), ['SWORD × 1'])
      const refused = await call('PUT', LINES, { lines: [{ sku: 'SWORD', quantity: 3 }, { sku: 'NO-SUCH' }], atomic: true })
      assert.equal(told(refused), '422 unknown_sku')
      assert.deepEqual(await linesOf(call), ['SWORD × 1'])
    })

    test('SEED1-18 a quantity that is no whole number from 0, and a kind that is not carted, are 422', async () => {
      const call = await user()
      const { cart } = expect2xx(await call('PUT', LINES, { lines: [{ sku: 'SWORD' }] })).body
      for (const quantity of [-1, 0.5, '3']) assert.equal((await call('PATCH', `${LINES}/${cart.lines[0].id}`, { quantity })).status, 422)
      assert.equal(told(await call('PUT', LINES, { lines: [{ sku: 'COFFEE-CLUB', plan: 'monthly' }] })), '422 not_cartable')
      expect2xx(await call('PATCH', `${LINES}/${cart.lines[0].id}`, { quantity: 0 }))
      assert.deepEqual(await linesOf(call), [])
    })

    test('SEED1-19 the server may set a price; the client may not, and sees that it was set', async () => {
      const name = `priced-${++count}`
      const lines = [{ sku: 'SWORD', unitPrice: 700 }]
      const call = await shop.account(name)
      assert.equal(told(await call('PUT', LINES, { lines })), '422 custom_price_forbidden')
      expect2xx(await shop.admin('PUT', `${LINES}?account=demo:${name}`, { lines }))
      const { body } = await call('GET', '/carts/current')
      assert.deepEqual([body.lines[0].priceSource, body.total.amount], ['external', 700])
    })

    test('SEED1-27 what costs nothing is done at once, without a payment', async () => {
      const call = await user()
      expect2xx(await call('PUT', LINES, { lines: [{ sku: 'SWORD' }] }))
      expect2xx(await call('POST', '/carts/current/codes', { code: 'GRATIS' }))
      await readyToOrder(call)
      const { order, payment } = expect2xx(await call('POST', '/orders', { cartId: 'current' })).body
      assert.deepEqual([order.state, order.status, order.total.amount, payment], ['COMPLETED', 'done', 0, null])
    })

    test('SEED1-43 one code per cart, and a code says why it does not work', async () => {
      const call = await user()
      expect2xx(await call('PUT', LINES, { lines: [{ sku: 'SWORD' }] }))
      const unknown = await call('POST', '/carts/current/codes', { code: 'NOPE' })
      assert.deepEqual([told(unknown), unknown.body.reason], ['422 code_rejected', 'unknown'])
      expect2xx(await call('POST', '/carts/current/codes', { code: 'WELCOME10' }))
      assert.equal(told(await call('POST', '/carts/current/codes', { code: 'SHIPFREE' })), '422 too_many_codes')
    })
  })
}
