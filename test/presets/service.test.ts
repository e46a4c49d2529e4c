// The preset `service`: carts that are OPEN or CLOSED, of several types, changed by versions, with items of the catalogue and items that the
// caller brings; codes that stay on the cart when they do not apply.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { caller } from '../harness.ts'
import { expect2xx, login } from '../nodes.ts'
import { linesOf, payFor, presetShops, readyToOrder, shown, told, ware } from './shop.ts'

const LINES = '/carts/current/lines'

for (const shop of await presetShops('service')) {
  const base = `${shop.server.url}/v1/shops/service`
  await shop.products(
    ware('CABLE'),
    ware(
      'PLUG',
      {},
      {
        prices: [
          { currency: 'USD', amount: 1500 },
          { currency: 'EUR', amount: 1400 },
        ],
      },
    ),
  )
  let count = 0
  const name = () => `service-${++count}`

  describe(`service on ${shop.dialect}`, () => {
    test('SEED3-01 there are carts of guests and carts of customers', async () => {
      const guest = expect2xx(await shop.nobody('POST', LINES, { sku: 'CABLE' })).body.cart
      const customer = expect2xx(await (await shop.account(name()))('POST', LINES, { sku: 'CABLE' })).body.cart
      assert.deepEqual([guest.owner.kind, customer.owner.kind], ['guest', 'account'])
    })

    test('SEED3-02 SEED3-03 a cart is OPEN until it is ordered or merged; on a CLOSED one nothing can be done, and it says why', async () => {
      const call = await shop.account(name())
      const { cart } = expect2xx(await call('POST', LINES, { sku: 'CABLE' })).body
      assert.deepEqual([cart.state, cart.closedReason], ['OPEN', null])
      const guest = expect2xx(await shop.nobody('POST', LINES, { sku: 'PLUG' })).body
      expect2xx(await call('POST', '/carts/current/merge', { carts: [{ id: guest.cart.id, token: guest.token }] }))
      const merged = (await shop.admin('GET', `/carts/${guest.cart.id}`)).body
      assert.deepEqual([merged.state, merged.closedReason, merged.mergedInto], ['CLOSED', 'merged', cart.id])
      await readyToOrder(call)
      const placed = await payFor(call, expect2xx(await call('POST', '/orders', { cartId: cart.id })).body)
      const ordered = (await call('GET', `/carts/${cart.id}`)).body
      assert.deepEqual([ordered.state, ordered.closedReason, ordered.orderId], ['CLOSED', 'ordered', placed.id])
      const lineId = ordered.lines[0].id
      const attempts: [string, string, unknown?][] = [
        ['POST', '/lines', { sku: 'CABLE' }],
        ['PUT', '/lines', { lines: [{ sku: 'CABLE' }] }],
        ['PATCH', `/lines/${lineId}`, { quantity: 2 }],
        ['DELETE', `/lines/${lineId}`],
        ['DELETE', '/lines'],
        ['PATCH', '', { note: 'x' }],
        ['POST', '/codes', { code: 'WELCOME10' }],
        ['POST', '/commands', { commands: [{ clear: {} }] }],
      ]
      for (const [method, path, body] of attempts) {
        const answer = await call(method, `/carts/${cart.id}${path}`, body)
        assert.deepEqual(
          [told(answer), answer.body.closedReason, answer.body.orderId],
          ['409 cart_closed', 'ordered', placed.id],
          `${method} ${path}`,
        )
      }
    })

    test('SEED2-65 SEED3-31 validation lists everything that is wrong, each with its place', async () => {
      const call = await shop.account(name())
      expect2xx(await call('POST', LINES, { sku: 'MUG-STONE' }))
      const { body } = await call('GET', '/carts/current/validation')
      assert.equal(body.valid, false)
      assert.deepEqual(
        body.problems.map((each: { code: string; path: string }) => [each.code, each.path]),
        [
          ['email_required', '/email'],
          ['address_required', '/shippingAddress'],
          ['shipping_method_required', '/shippingMethod'],
        ],
      )
      await readyToOrder(call)
      assert.deepEqual((await call('GET', '/carts/current/validation')).body, { valid: true, problems: [] })
    })

    test('SEED3-32 a wish list is a cart of its own beside the shopping cart', async () => {
      const call = await shop.account(name())
      const wish = expect2xx(await call('POST', `${LINES}?type=wishlist`, { sku: 'PLUG' })).body.cart
      const cart = expect2xx(await call('POST', LINES, { sku: 'CABLE' })).body.cart
      assert.notEqual(wish.id, cart.id)
      assert.deepEqual([wish.type, shown(wish), cart.type, shown(cart)], ['wishlist', ['PLUG × 1'], 'shopping', ['CABLE × 1']])
      assert.equal((await call('GET', '/carts/current?type=quote')).status, 422)
    })

    test('SEED3-33 who names the version that they saw is told when the cart changed since', async () => {
      const call = await shop.account(name())
      const { cart } = expect2xx(await call('POST', LINES, { sku: 'CABLE' })).body
      expect2xx(await call('POST', LINES, { sku: 'CABLE' }, { 'if-match': `"${cart.version}"` }))
      assert.equal(told(await call('POST', LINES, { sku: 'CABLE' }, { 'if-match': `"${cart.version}"` })), '412 stale_version')
      assert.deepEqual(await linesOf(call), ['CABLE × 2'])
    })

    test('SEED3-34 a code that stands on the cart already is a conflict, one of another currency a refusal, none of them a fault', async () => {
      const call = await shop.account(name())
      expect2xx(await call('POST', LINES, { sku: 'PLUG' }))
      expect2xx(await call('POST', '/carts/current/codes', { code: 'WELCOME10' }))
      assert.equal(told(await call('POST', '/carts/current/codes', { code: 'welcome10' })), '409 code_already_applied')
      expect2xx(await call('DELETE', '/carts/current/codes/WELCOME10'))
      const rule = {
        name: 'Euro only',
        conditions: [{ kind: 'code' }],
        benefit: { kind: 'amount_off', amounts: [{ currency: 'EUR', amount: 100 }] },
      }
      const { id } = expect2xx(await shop.admin('POST', '/promotions', rule)).body
      expect2xx(await shop.admin('POST', `/promotions/${id}/codes`, { code: `EUR${count}` }))
      assert.equal(told(await call('POST', '/carts/current/codes', { code: `EUR${count}` })), '422 code_rejected')
      assert.equal(told(await call('PATCH', `${LINES}/ln_nothing`, { quantity: 2 })), '404 line_not_found')
      assert.equal((await call('POST', LINES, { sku: 'PLUG', quantity: 0 })).status, 422)
    })

    test('SEED3-39 keepSeparate makes a line of its own for every add', async () => {
      const call = await shop.account(name())
      for (const keepSeparate of [false, true, true, false]) expect2xx(await call('POST', LINES, { sku: 'CABLE', keepSeparate }))
      assert.deepEqual(await linesOf(call), ['CABLE × 2', 'CABLE × 1', 'CABLE × 1'])
    })

    test('SEED3-40 SEED3-41 a price from outside needs the scope for it, makes a line of its own, and is never re-priced', async () => {
      const who = name()
      const call = caller(base, await login(shop.server.url, who))
      const { token } = expect2xx(await shop.admin('POST', '/api-keys', { name: 'plain', scopes: ['carts:read', 'carts:write'] })).body
      const path = `${LINES}?account=demo:${who}`
      expect2xx(await call('POST', LINES, { sku: 'PLUG' }))
      assert.equal(told(await caller(base, token)('POST', path, { sku: 'PLUG', unitPrice: 1 })), '422 custom_price_forbidden')
      expect2xx(await shop.admin('POST', path, { sku: 'PLUG', unitPrice: 999 }))
      await shop.products(
        ware(
          'PLUG',
          {},
          {
            prices: [
              { currency: 'USD', amount: 1600 },
              { currency: 'EUR', amount: 1400 },
            ],
          },
        ),
      )
      const { body } = await call('GET', '/carts/current')
      assert.deepEqual(
        body.lines.map((line: { priceSource: string; unitPrice: { amount: number } }) => [line.priceSource, line.unitPrice.amount]),
        [
          ['catalog', 1600],
          ['external', 999],
        ],
      )
      await shop.products(
        ware(
          'PLUG',
          {},
          {
            prices: [
              { currency: 'USD', amount: 1500 },
              { currency: 'EUR', amount: 1400 },
            ],
          },
        ),
      )
    })

    test('SEED3-23 another currency re-prices every line, and going there and back changes nothing', async () => {
      const call = await shop.account(name())
      expect2xx(await call('POST', LINES, { sku: 'PLUG', quantity: 3 }))
      const priced = async () => {
        const { version, pricing, updatedAt, expiresAt, ...rest } = (await call('GET', '/carts/current')).body
        return JSON.stringify(rest)
      }
      const before = await priced()
      const { cart } = expect2xx(await call('PATCH', '/carts/current', { currency: 'EUR' })).body
      assert.deepEqual([cart.currency, cart.total.amount], ['EUR', 4200])
      expect2xx(await call('PATCH', '/carts/current', { currency: 'USD' }))
      assert.equal(await priced(), before)
      expect2xx(await call('POST', LINES, { sku: 'CABLE' }))
      const refused = await call('PATCH', '/carts/current', { currency: 'EUR' })
      assert.deepEqual([told(refused), refused.body.lines.length], ['409 currency_mismatch', 1])
    })

    test('SEED3-48 two codes of ten per cent are each of the original price', async () => {
      await shop.settings({ promotions: { maxCodes: 2 } })
      const rule = { name: 'Ten', conditions: [{ kind: 'code' }], benefit: { kind: 'percent_off', percent: '10' } }
      const { id } = expect2xx(await shop.admin('POST', '/promotions', rule)).body
      expect2xx(await shop.admin('POST', `/promotions/${id}/codes`, { code: 'TEN-MORE' }))
      const call = await shop.account(name())
      expect2xx(await call('POST', LINES, { sku: 'PLUG' }))
      for (const code of ['WELCOME10', 'TEN-MORE']) expect2xx(await call('POST', '/carts/current/codes', { code }))
      assert.equal((await call('GET', '/carts/current')).body.total.amount, 1200)
      await shop.settings({ promotions: { percentBase: 'running' } })
      assert.equal((await call('GET', '/carts/current')).body.total.amount, 1215)
      await shop.settings({ promotions: { percentBase: 'original', maxCodes: 1 } })
    })

    test('SEED3-54 a code that does not apply any more stays on the cart, says so, and applies again by itself', async () => {
      const call = await shop.account(name())
      const { cart } = expect2xx(await call('POST', LINES, { sku: 'PLUG', quantity: 4 })).body
      expect2xx(await call('POST', '/carts/current/codes', { code: 'TENOFF50' }))
      const code = async () => (await call('GET', '/carts/current')).body.codes[0]
      assert.equal((await code()).applied, true)
      expect2xx(await call('PATCH', `${LINES}/${cart.lines[0].id}`, { quantity: 1 }))
      assert.deepEqual(await code(), { code: 'TENOFF50', applied: false, reason: 'item_total_too_low' })
      expect2xx(await call('PATCH', `${LINES}/${cart.lines[0].id}`, { quantity: 4 }))
      assert.equal((await code()).applied, true)
    })
  })
}
