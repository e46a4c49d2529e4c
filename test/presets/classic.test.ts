// The preset `classic`: a cart that is recalculated with every change, in which what cannot be bought gives way with a notice; lines told apart by
// their options; several carts of one owner.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { eventually } from '../harness.ts'
import { expect2xx } from '../nodes.ts'
import { linesOf, presetShops, readyToOrder, shown, told, ware } from './shop.ts'

const LINES = '/carts/current/lines'
type Notices = { code: string; params: Record<string, unknown> }[]

for (const shop of await presetShops('classic')) {
  await shop.products(ware('SOAP'), ware('TOWEL', {}, { options: { Size: 'L' } }), ware('LAST', {}, { stockPolicy: 'deny', onHand: 5 }))
  let count = 0
  const customer = () => shop.account(`classic-${++count}`)

  describe(`classic on ${shop.dialect}`, () => {
    test('SEED2-44 SEED4-01 SEED4-36 every change recalculates the cart, and its totals are the sums of its lines and adjustments', async () => {
      const call = await customer()
      const steps: [string, string, unknown][] = [
        ['POST', LINES, { lines: [{ sku: 'SOAP', quantity: 3 }, { sku: 'MUG-STONE' }] }],
        ['POST', '/carts/current/codes', { code: 'WELCOME10' }],
        ['PATCH', '/carts/current', { shippingAddress: { country: 'US', region: 'NY' }, shippingMethod: 'standard' }],
        ['PATCH', '/carts/current', { shippingMethod: 'express' }],
      ]
      const totals: number[] = []
      for (const [method, path, body] of steps) {
        const { cart } = expect2xx(await call(method, path, body)).body
        type Money = { amount: number }
        const sum = (field: string, of = cart.lines) =>
          of.reduce((total: number, each: Record<string, Money>) => total + (each[field]?.amount ?? 0), 0)
        const added = cart.lines.flatMap((line: { adjustments: { type: string; included: boolean; amount: Money }[] }) => line.adjustments)
        const tax = [...added, ...cart.adjustments].filter((each) => each.type === 'tax' && !each.included)
        assert.equal(cart.itemTotal.amount, sum('itemTotal'))
        assert.equal(cart.discountTotal.amount, sum('discountTotal'))
        assert.equal(cart.additionalTaxTotal.amount, sum('amount', tax))
        const { itemTotal, discountTotal, shippingTotal, additionalTaxTotal, total } = cart
        assert.equal(total.amount, itemTotal.amount + discountTotal.amount + shippingTotal.amount + additionalTaxTotal.amount)
        totals.push(total.amount)
      }
      assert.equal(new Set(totals).size, steps.length)
    })

    test('SEED4-05 asking for the cart costs nothing and makes nothing; the first item makes it', async () => {
      const call = await customer()
      const rows = async () => (await shop.server.engine.store.reader.db.selectFrom('carts').select('id').execute()).length
      const before = await rows()
      for (let time = 0; time < 3; time++) assert.equal((await call('GET', '/carts/current')).body.itemCount, 0)
      assert.equal(await rows(), before)
      expect2xx(await call('POST', LINES, { sku: 'SOAP' }))
      assert.equal(await rows(), before + 1)
    })

    test('SEED4-11 a cart of one line: a new item takes the place of the old one, and of several only the last stays', async () => {
      await shop.settings({ lines: { max: 1, whenFull: 'replace' } })
      const call = await customer()
      expect2xx(await call('POST', LINES, { sku: 'SOAP', quantity: 2 }))
      expect2xx(await call('POST', LINES, { sku: 'TOWEL' }))
      assert.deepEqual(await linesOf(call), ['TOWEL × 1'])
      const { cart, results } = expect2xx(
        await call('POST', LINES, { lines: [{ sku: 'SOAP' }, { sku: 'LAST' }, { sku: 'MUG-STONE' }] }),
      ).body
      assert.deepEqual(shown(cart), ['MUG-STONE × 1'])
      assert.deepEqual(
        results.map((each: { code?: string; got: number }) => [each.code, each.got]),
        [
          ['replaced', 0],
          ['replaced', 0],
          [undefined, 1],
        ],
      )
      expect2xx(await call('POST', LINES, { sku: 'MUG-STONE' }))
      assert.deepEqual(await linesOf(call), ['MUG-STONE × 2'])
      await shop.settings({ lines: { max: 500, whenFull: 'refuse' } })
    })

    test('SEED4-12 a line has a quantity, a note and options', async () => {
      const call = await customer()
      const { cart } = expect2xx(await call('POST', LINES, { sku: 'SOAP', quantity: 2, note: 'wrap it', options: { scent: 'pine' } })).body
      const [{ id, quantity, note, options }] = cart.lines
      assert.deepEqual([quantity, note, options], [2, 'wrap it', { scent: 'pine' }])
      const changed = expect2xx(await call('PATCH', `${LINES}/${id}`, { quantity: 3, note: null, options: { scent: 'rose' } })).body.cart
        .lines[0]
      assert.deepEqual([changed.id, changed.quantity, changed.note, changed.options], [id, 3, null, { scent: 'rose' }])
    })

    test('SEED4-13 SEED4-14 the options tell lines apart when adding and when changing; order of keys, nulls and notes do not', async () => {
      const call = await customer()
      for (const line of [
        { sku: 'SOAP', options: { scent: 'pine', size: 2 } },
        { sku: 'SOAP', options: { size: 2, scent: 'pine' }, note: 'second' },
        { sku: 'SOAP', options: { scent: 'rose', size: 2 } },
        { sku: 'TOWEL' },
        { sku: 'TOWEL', options: { Size: 'L' } },
      ])
        expect2xx(await call('POST', LINES, line))
      assert.deepEqual(await linesOf(call), ['SOAP × 2', 'SOAP × 1', 'TOWEL × 2'])
      const { lines } = (await call('GET', '/carts/current')).body
      assert.equal(lines[0].note, 'second')
      expect2xx(await call('PATCH', `${LINES}/${lines[1].id}`, { options: { scent: 'pine', size: 2 } }))
      assert.deepEqual(await linesOf(call), ['SOAP × 3', 'TOWEL × 2'])
    })

    test('SEED4-25 SEED4-26 the number is there before anything is kept, random, never changes; the short number is its beginning', async () => {
      const call = await customer()
      const { number } = (await call('GET', '/carts/current')).body
      assert.match(number, /^[A-Za-z0-9_-]{16,}$/)
      const { cart } = expect2xx(await call('POST', LINES, { sku: 'SOAP' })).body
      expect2xx(await call('POST', '/carts/current/codes', { code: 'GRATIS' }))
      await readyToOrder(call)
      const { order } = expect2xx(await call('POST', '/orders', { cartId: cart.id })).body
      assert.deepEqual([order.number, order.shortNumber], [cart.number, cart.number.slice(0, 7)])
    })

    test('SEED4-35 SEED4-39 SEED4-40 what is not for sale or sold out leaves the cart, what is short is lowered, each with a notice that stays until it is seen', async () => {
      await shop.products(ware('FADE'))
      const call = await customer()
      expect2xx(await call('POST', LINES, { lines: [{ sku: 'SOAP' }, { sku: 'FADE' }, { sku: 'LAST', quantity: 4 }] }))
      await shop.products(ware('FADE', { published: false }))
      expect2xx(await shop.admin('PUT', '/stock/LAST', { onHand: 3 }))
      const lowered = await eventually(async () => {
        const { body } = await call('GET', '/carts/current')
        return shown(body).includes('LAST × 3') && body
      })
      assert.deepEqual(shown(lowered), ['SOAP × 1', 'LAST × 3'])
      const codes = (notices: Notices) => notices.map(({ code, params }) => [code, params.sku, params.to ?? params.reason])
      assert.deepEqual(codes(lowered.notices), [
        ['line_removed', 'FADE', 'not_for_sale'],
        ['quantity_reduced', 'LAST', 3],
      ])
      const { cart } = expect2xx(await call('POST', LINES, { sku: 'SOAP' })).body
      assert.deepEqual([shown(cart), codes(cart.notices).length], [['SOAP × 2', 'LAST × 3'], 2])
      await shop.products(ware('FADE'))
      assert.deepEqual(await linesOf(call), ['SOAP × 2', 'LAST × 3'], 'what left with a write does not come back')
      const seen = expect2xx(await call('POST', '/carts/current/notices/acknowledge', { ids: 'all' })).body.cart
      assert.deepEqual(seen.notices, [])
      expect2xx(await shop.admin('PUT', '/stock/LAST', { onHand: 0 }))
      const sold = await eventually(async () => {
        const { body } = await call('GET', '/carts/current')
        return body.lines.length === 1 && body
      })
      assert.deepEqual(codes(sold.notices), [['line_removed', 'LAST', 'sold_out']])
      expect2xx(await shop.admin('PUT', '/stock/LAST', { onHand: 5 }))
    })

    test('SEED2-71 SEED4-39 a code that does not apply any more is removed, a shipping method that is gone is replaced, each with a notice', async () => {
      const call = await customer()
      const { cart } = expect2xx(await call('POST', LINES, { sku: 'SOAP', quantity: 6 })).body
      expect2xx(await call('POST', LINES, { sku: 'MUG-STONE' }))
      expect2xx(await call('POST', '/carts/current/codes', { code: 'TENOFF50' }))
      await readyToOrder(call)
      const after = expect2xx(await call('PATCH', `${LINES}/${cart.lines[0].id}`, { quantity: 1 })).body.cart
      assert.deepEqual([after.codes, after.notices.map((each: { code: string }) => each.code)], [[], ['code_removed']])
      const { shipping } = (await shop.admin('GET', '/settings')).body
      await shop.settings({ shipping: { methods: shipping.methods.filter((method: { id: string }) => method.id !== 'standard') } })
      const { body } = await call('GET', '/carts/current')
      assert.equal(body.shippingMethod, 'express')
      assert.deepEqual(
        body.notices
          .filter((each: { code: string }) => each.code === 'shipping_method_changed')
          .map((each: { params: object }) => each.params),
        [{ from: 'standard', to: 'express' }],
      )
      await shop.settings({ shipping })
      assert.equal((await call('GET', '/carts/current')).body.shippingMethod, 'standard')
    })

    test('SEED4-50 an empty cart is refused unless the shop allows it, and then it is not', async () => {
      const call = await customer()
      const { cart } = expect2xx(await call('POST', '/carts', {})).body
      expect2xx(await call('PATCH', '/carts/current', { email: 'robin@example.com' }))
      assert.equal(told(await call('POST', '/orders', { cartId: cart.id })), '409 cart_empty')
      await shop.settings({ checkout: { allowEmpty: true } })
      const { order } = expect2xx(await call('POST', '/orders', { cartId: cart.id })).body
      assert.deepEqual([order.state, order.lines], ['PLACED', []])
      await shop.settings({ checkout: { allowEmpty: false } })
    })
  })
}
