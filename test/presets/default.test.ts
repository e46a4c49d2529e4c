// The default: what we recommend. Guests may buy, a cart is kept a while, stock is clamped with a notice, increases want consent, decreases pass.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { eventually } from '../harness.ts'
import { expect2xx } from '../nodes.ts'
import { linesOf, payFor, presetShops, readyToOrder, shown, told, ware } from './shop.ts'

const LINES = '/carts/current/lines'

for (const shop of await presetShops('default')) {
  await shop.products(
    ware('PLAIN'),
    ware('TRIO', {}, { quantityMin: 3, quantityMax: 9, quantityStep: 3 }),
    ware('FIVE', {}, { stockPolicy: 'deny', onHand: 5 }),
  )
  let count = 0
  const customer = () => shop.account(`default-${++count}`)

  describe(`default on ${shop.dialect}`, () => {
    test('a guest buys without a login', async () => {
      const call = await shop.guest('PLAIN')
      await readyToOrder(call)
      assert.equal((await payFor(call, expect2xx(await call('POST', '/orders', { cartId: 'current' })).body)).owner.kind, 'guest')
    })

    test('an owner has one open cart of a type, also when twenty first writes come at once', async () => {
      const call = await customer()
      const made = await Promise.all(Array.from({ length: 20 }, () => call('POST', '/carts', {})))
      assert.deepEqual([...new Set(made.map((answer) => answer.status))].sort(), [200, 201])
      assert.equal(new Set(made.map((answer) => answer.body.cart.id)).size, 1)
    })

    test('quantities keep to minimum, maximum and step of the variant, and adding counts up to them', async () => {
      const call = await customer()
      for (const [quantity, code] of [
        [1, 'quantity_step'],
        [2, 'quantity_step'],
        [12, 'quantity_too_large'],
      ] as const)
        assert.equal(told(await call('POST', LINES, { sku: 'TRIO', quantity })), `422 ${code}`)
      for (const quantity of [3, 6]) expect2xx(await call('POST', LINES, { sku: 'TRIO', quantity }))
      assert.equal(told(await call('POST', LINES, { sku: 'TRIO', quantity: 3 })), '422 quantity_too_large')
      await shop.products(ware('TRIO', {}, { quantityMin: 12, quantityMax: 99, quantityStep: 3 }))
      const { notices } = (await call('GET', '/carts/current')).body
      assert.deepEqual(
        notices.map((each: { code: string; params: object }) => [each.code, each.params]),
        [['quantity_below_minimum', { sku: 'TRIO', quantity: 9, minimum: 12 }]],
      )
      await readyToOrder(call)
      assert.equal(told(await call('POST', '/orders', { cartId: 'current' })), '422 quantity_too_small')
      await shop.products(ware('TRIO', {}, { quantityMin: 3, quantityMax: 9, quantityStep: 3 }))
    })

    test('more than there is becomes what there is, with a notice of both quantities', async () => {
      const call = await customer()
      const { cart, results } = expect2xx(await call('POST', LINES, { sku: 'FIVE', quantity: 8 })).body
      assert.deepEqual([shown(cart), results[0].asked, results[0].got], [['FIVE × 5'], 8, 5])
      assert.deepEqual(
        cart.notices.map((each: { code: string; params: object }) => [each.code, each.params]),
        [['quantity_reduced', { from: 8, to: 5, sku: 'FIVE' }]],
      )
    })

    test('a price that went up is told and wants consent; one that went down is told and passes', async () => {
      const call = await customer()
      expect2xx(await call('POST', LINES, { sku: 'PLAIN' }))
      await readyToOrder(call)
      const priced = (amount: number) => shop.products(ware('PLAIN', {}, { prices: [{ currency: 'USD', amount }] }))
      await priced(1100)
      assert.equal((await call('GET', '/carts/current')).body.notices[0].code, 'price_increased')
      const refused = await call('POST', '/orders', { cartId: 'current' })
      assert.deepEqual([told(refused), refused.body.current.amount], ['409 price_changed', 1100])
      await priced(900)
      assert.equal((await call('GET', '/carts/current')).body.notices[0].code, 'price_decreased')
      assert.equal(expect2xx(await call('POST', '/orders', { cartId: 'current' })).body.order.total.amount, 900)
      await priced(1000)
    })

    test('several commands are all done or none', async () => {
      const call = await customer()
      const { cart } = expect2xx(await call('POST', LINES, { sku: 'PLAIN' })).body
      const lineId = cart.lines[0].id
      const steps = [{ set: { lineId, quantity: 4 } }, { add: { lines: [{ sku: 'FIVE' }] } }]
      assert.equal(
        told(await call('POST', '/carts/current/commands', { commands: [...steps, { remove: { lineId: 'ln_none' } }] })),
        '404 line_not_found',
      )
      assert.deepEqual(await linesOf(call), ['PLAIN × 1'])
      expect2xx(await call('POST', '/carts/current/commands', { commands: steps }))
      assert.deepEqual(await linesOf(call), ['PLAIN × 4', 'FIVE × 1'])
    })

    test('what another shopper buys is missing within a second, and is back when there is more', async () => {
      const [mine, theirs] = [await customer(), await customer()]
      expect2xx(await mine('POST', LINES, { sku: 'FIVE', quantity: 5 }))
      expect2xx(await theirs('POST', LINES, { sku: 'FIVE', quantity: 1 }))
      await readyToOrder(theirs)
      await payFor(theirs, expect2xx(await theirs('POST', '/orders', { cartId: 'current' })).body)
      const codes = async () => (await mine('GET', '/carts/current')).body.notices.map((each: { code: string }) => each.code)
      await eventually(async () => (await codes()).includes('insufficient_stock'), 1500)
      expect2xx(await shop.admin('PUT', '/stock/FIVE', { onHand: 5 }))
      await eventually(async () => !(await codes()).includes('insufficient_stock'), 1500)
    })
  })
}
