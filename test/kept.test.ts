// What was not bought stays in a cart, whatever happens while somebody pays: lines that leave a cart because they are gone, a login in the middle,
// stock that others hold. In shops that remove what cannot be bought, where a wrong count would lose lines for good.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Answer, caller, eventually } from './harness.ts'
import { expect2xx } from './nodes.ts'
import { type Call, linesOf, payFor, presetShops, readyToOrder, shown, told, ware } from './presets/shop.ts'

const LINES = '/carts/current/lines'

for (const shop of await presetShops('classic')) {
  const base = `${shop.server.url}/v1/shops/classic`
  let count = 0

  /** A product with so many pieces, of which nobody else in this file buys any. */
  async function counted(onHand: number): Promise<string> {
    const sku = `KEPT-${++count}`
    await shop.products(ware(sku, {}, { stockPolicy: 'deny', onHand }))
    return sku
  }
  const stock = async (sku: string, onHand: number) => void expect2xx(await shop.admin('PUT', `/stock/${sku}`, { onHand }))
  const customer = () => shop.account(`kept-${++count}`)
  async function guestWith(...lines: object[]): Promise<{ call: Call; token: string; id: string }> {
    const { token, cart } = expect2xx(await shop.nobody('POST', LINES, { lines })).body
    return { call: caller(base, token), token, id: cart.id }
  }
  async function ordered(call: Call, more: object = {}): Promise<Answer['body']> {
    await readyToOrder(call)
    return expect2xx(await call('POST', '/orders', { cartId: 'current', ...more })).body
  }
  const becomes = (call: Call, lines: string[]) =>
    eventually(async () => JSON.stringify(await linesOf(call)) === JSON.stringify(lines), 3000, lines.join())

  describe(`what was not bought, on ${shop.dialect}`, () => {
    test('an order that was lowered to what there was takes no more than that from the cart', async () => {
      const sku = await counted(5)
      const call = await customer()
      expect2xx(await call('POST', LINES, { sku, quantity: 5 }))
      await stock(sku, 3)
      await becomes(call, [`${sku} × 3`])
      const order = await ordered(call)
      assert.deepEqual(shown(order.order), [`${sku} × 3`])
      await stock(sku, 9)
      await eventually(async () => (await call('POST', LINES, { sku, quantity: 2 })).body.results?.[0].got === 5)
      await payFor(call, order)
      assert.deepEqual(await linesOf(call), [`${sku} × 2`])
    })

    test('a chosen line that was sold out when it was ordered, and came back before it was paid, is still there', async () => {
      const [a, b] = [await counted(5), await counted(5)]
      const call = await customer()
      const { cart } = expect2xx(await call('POST', LINES, { lines: [{ sku: a }, { sku: b }] })).body
      await readyToOrder(call)
      await stock(b, 0)
      await becomes(call, [`${a} × 1`])
      const order = expect2xx(
        await call('POST', '/orders', { cartId: 'current', lines: cart.lines.map((line: { id: string }) => line.id) }),
      ).body
      assert.deepEqual(shown(order.order), [`${a} × 1`])
      await stock(b, 5)
      await becomes(call, [`${a} × 1`, `${b} × 1`])
      await payFor(call, order)
      assert.deepEqual(await linesOf(call), [`${b} × 1`])
    })

    test('who logs in while paying keeps what is theirs: what their own unpaid order holds is not sold out for them', async () => {
      const sku = await counted(4)
      const account = await customer()
      expect2xx(await account('POST', LINES, { sku, quantity: 2 }))
      const guest = await guestWith({ sku, quantity: 2 })
      const order = await ordered(guest.call)
      const merged = expect2xx(
        await account('POST', '/carts/current/merge', { carts: [{ id: guest.id, token: guest.token }], mode: 'merge' }),
      ).body
      assert.deepEqual(shown(merged.cart), [`${sku} × 4`])
      assert.deepEqual(await linesOf(account), [`${sku} × 4`])
      await payFor(shop.admin, order)
      assert.deepEqual(await linesOf(account), [`${sku} × 2`])
    })

    test('a login while paying, and the payment is cancelled: the lines are in the account’s cart', async () => {
      const sku = await counted(2)
      const account = await customer()
      const guest = await guestWith({ sku, quantity: 2 })
      const { order } = await ordered(guest.call)
      expect2xx(await account('POST', '/carts/current/merge', { carts: [{ id: guest.id, token: guest.token }], mode: 'merge' }))
      assert.deepEqual(await linesOf(account), [`${sku} × 2`])
      expect2xx(await shop.admin('POST', `/orders/${order.id}/cancel`))
      assert.deepEqual(await linesOf(account), [`${sku} × 2`])
    })

    test('where replaced lines are not kept, the order of the guest takes nothing from the equal line of the account', async () => {
      await shop.settings({ reconcile: { keepReplaced: false } })
      await shop.products(ware('SAME'))
      const account = await customer()
      expect2xx(await account('POST', LINES, { sku: 'SAME', quantity: 3 }))
      const guest = await guestWith({ sku: 'SAME', quantity: 2 })
      const order = await ordered(guest.call)
      expect2xx(await account('POST', '/carts/current/merge', { carts: [{ id: guest.id, token: guest.token }], mode: 'keepAccount' }))
      await payFor(shop.admin, order)
      assert.deepEqual(await linesOf(account), ['SAME × 3'])
      await shop.settings({ reconcile: { keepReplaced: true } })
    })

    test('a shop that reserves nothing reserves nothing when an order is paid again either', async () => {
      await shop.settings({ inventory: { reserve: 'none' } })
      const sku = await counted(1)
      const first = await customer()
      expect2xx(await first('POST', LINES, { sku }))
      for (let time = 0; time < 2; time++) await ordered(first)
      const second = await customer()
      assert.equal(told(await second('POST', LINES, { sku })), '201')
      await shop.settings({ inventory: { reserve: 'checkout' } })
    })
  })
}
