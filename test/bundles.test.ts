// A bundle is one line with the stock of its parts: as many can be bought as the scarcest part allows, and buying one takes its parts.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { eventually } from './harness.ts'
import { expect2xx } from './nodes.ts'
import { payFor, presetShops, readyToOrder, shown, told, ware } from './presets/shop.ts'

const LINES = '/carts/current/lines'

for (const shop of await presetShops('default')) {
  const kit = (parts: object[]) => ware('KIT', { kind: 'bundle' }, { parts })
  await shop.products(
    ware('CUP', {}, { stockPolicy: 'deny', onHand: 10 }),
    ware('SPOON', {}, { stockPolicy: 'deny', onHand: 3 }),
    kit([
      { sku: 'CUP', quantity: 2 },
      { sku: 'SPOON', quantity: 1 },
      { sku: 'MUG-INK', quantity: 1 },
    ]),
  )
  const onHand = async (sku: string) => (await shop.admin('GET', `/stock/${sku}`)).body.onHand

  describe(`bundles on ${shop.dialect}`, () => {
    test('a line of a bundle says what is in it, and holds as many as the scarcest part allows', async () => {
      const { cart, results } = expect2xx(await shop.nobody('POST', LINES, { sku: 'KIT', quantity: 5 })).body
      assert.deepEqual([shown(cart), results[0].got], [['KIT × 3'], 3])
      assert.deepEqual(cart.lines[0].parts.slice(0, 2), [
        { sku: 'CUP', quantity: 2 },
        { sku: 'SPOON', quantity: 1 },
      ])
    })

    test('ordering takes the parts, also together with the same item bought alone', async () => {
      const call = await shop.account('bundle-1')
      expect2xx(
        await call('POST', LINES, {
          lines: [
            { sku: 'KIT', quantity: 2 },
            { sku: 'CUP', quantity: 1 },
          ],
        }),
      )
      await readyToOrder(call)
      await payFor(call, expect2xx(await call('POST', '/orders', { cartId: 'current' })).body)
      assert.deepEqual([await onHand('CUP'), await onHand('SPOON')], [5, 1])
    })

    test('when a part is gone the next read says so, and ordering is refused with the part that is missing', async () => {
      const call = await shop.account('bundle-2')
      const { cart } = expect2xx(await call('POST', LINES, { sku: 'KIT' })).body
      await readyToOrder(call)
      expect2xx(await shop.admin('PUT', '/stock/SPOON', { onHand: 0 }))
      const { notices } = await eventually(async () => {
        const { body } = await call('GET', `/carts/${cart.id}`)
        return body.notices.length > 0 && body
      })
      assert.deepEqual([notices[0].code, notices[0].params], ['insufficient_stock', { sku: 'KIT', wanted: 1, available: 0 }])
      assert.equal(told(await call('POST', '/orders', { cartId: cart.id })), '409 insufficient_stock')
      const both = await shop.account('bundle-3')
      expect2xx(await shop.admin('PUT', '/stock/SPOON', { onHand: 1 }))
      expect2xx(await shop.admin('PUT', '/stock/CUP', { onHand: 2 }))
      await eventually(
        async () => (await both('POST', LINES, { lines: [{ sku: 'KIT' }, { sku: 'CUP' }], atomic: true })).body.cart?.lines.length === 2,
      )
      await readyToOrder(both)
      const refused = await both('POST', '/orders', { cartId: 'current' })
      assert.deepEqual([told(refused), refused.body.sku, refused.body.asked], ['409 insufficient_stock', 'CUP', 3])
    })

    test('only bundles have parts, each once, and no stock beside theirs', async () => {
      const parts = [{ sku: 'CUP', quantity: 1 }]
      for (const [product, reason] of [
        [ware('KIT', {}, { parts }), 'only_bundles_have_parts'],
        [ware('KIT', { kind: 'bundle' }, { parts, stockPolicy: 'deny', onHand: 1 }), 'a_bundle_has_the_stock_of_its_parts'],
        [kit([{ sku: 'KIT', quantity: 1 }]), 'a_bundle_is_no_part_of_itself'],
        [kit([...parts, ...parts]), 'sku_twice'],
      ] as const) {
        const answer = await shop.admin('PUT', '/products/kit', product)
        assert.deepEqual([told(answer), answer.body.path, answer.body.reason], ['422 invalid', '/variants/0/parts', reason])
      }
    })
  })
}
