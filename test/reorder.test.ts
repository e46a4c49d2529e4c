// Buying again what was bought: at today's prices, by the rules of today, with a word about every line that came out differently.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import { ADMIN, type Answer, atOnce, caller, freshDatabase, mainlyOn, startTestServer } from './harness.ts'
import { assertProblem } from './http-probe.ts'
import { expect2xx } from './nodes.ts'
import { linesOf, payFor, shown, ware } from './presets/shop.ts'

let made = 0

for (const dialect of mainlyOn('sqlite'))
  describe(`buying again on ${dialect}`, async () => {
    const server = await startTestServer(await freshDatabase(dialect))

    async function shopWith(wares: readonly object[]) {
      const id = `r${dialect}-${++made}`
      const base = `${server.url}/v1/shops/${id}`
      const admin = caller(base, ADMIN)
      expect2xx(await caller(server.url, ADMIN)('POST', '/v1/shops', { id, name: 'Fern', currency: 'USD' }))
      const products = async (...each: readonly object[]) =>
        assert.equal(expect2xx(await admin('POST', '/products/import', { products: each })).body.refusedCount, 0)
      await products(...wares)
      const buy = async (lines: readonly object[], more: object = {}) => {
        const added = expect2xx(await caller(base)('POST', '/carts/current/lines', { lines, ...more })).body
        const call = caller(base, added.token)
        expect2xx(await call('PATCH', '/carts/current', { email: 'r@example.com' }))
        const answer = expect2xx(await call('POST', '/orders', { cartId: 'current' })).body
        const order = answer.payment ? await payFor(call, answer) : (await call('GET', `/orders/${answer.order.id}`)).body
        return { call, order, again: (body?: object, headers = {}) => call('POST', `/orders/${order.id}/reorder`, body, headers) }
      }
      return { base, admin, products, buy }
    }
    const outcomes = ({ body }: Answer) =>
      body.report.map((each: Answer['body']) => [each.sku ?? each.name, each.outcome, each.asked, each.got, each.code])

    test('SEED4-68 everything comes back into a cart with options, notes and quantities, at the price of today', async () => {
      const { buy, products } = await shopWith([ware('MUG'), ware('VASE')])
      const lines = [
        { sku: 'MUG', quantity: 3, options: { Engraving: 'For Robin' }, note: 'gently' },
        { sku: 'VASE', quantity: 1 },
      ]
      const { order, again, call } = await buy(lines)
      await products(ware('MUG', {}, { prices: [{ currency: 'USD', amount: 1250 }] }))
      const answer = await again()
      assert.equal(answer.status, 201)
      assert.deepEqual(outcomes(answer), [
        ['MUG', 'added', 3, 3, null],
        ['VASE', 'added', 1, 1, null],
      ])
      const prices = answer.body.report.map((each: Answer['body']) => [each.priceThen.amount, each.priceNow.amount])
      assert.deepEqual(prices, [
        [1000, 1250],
        [1000, 1000],
      ])
      assert.deepEqual(
        answer.body.report.map((each: { lineId: string }) => each.lineId),
        order.lines.map((each: { id: string }) => each.id),
      )
      const [mug] = answer.body.cart.lines
      assert.deepEqual(
        [mug.options, mug.note, mug.unitPrice.amount, mug.priceSource],
        [{ Engraving: 'For Robin' }, 'gently', 1250, 'catalog'],
      )
      assert.deepEqual(answer.body.cart.notices, [], 'the old price is not kept, so nothing is told of a change of it')
      assert.notEqual(answer.body.cart.id, order.cartId)
      assert.equal((await call('GET', '/carts/current')).body.id, answer.body.cart.id)
    })

    test('what is in the cart stays, or makes way where that is asked for; nothing makes way for nothing', async () => {
      const { buy, products, admin } = await shopWith([ware('MUG'), ware('VASE')])
      const { again, call } = await buy([{ sku: 'MUG', quantity: 2 }])
      expect2xx(await call('POST', '/carts/current/lines', { lines: [{ sku: 'MUG' }, { sku: 'VASE' }] }))
      const added = await again({ mode: 'add' })
      assert.deepEqual(
        [added.status, shown(added.body.cart), outcomes(added)],
        [200, ['MUG × 3', 'VASE × 1'], [['MUG', 'added', 2, 2, null]]],
      )
      const replaced = await again({ mode: 'replace', cart: added.body.cart.id })
      assert.deepEqual(shown(replaced.body.cart), ['MUG × 2'])
      await products(ware('MUG', { published: false }))
      const gone = await again({ mode: 'replace' })
      assert.deepEqual([gone.status, outcomes(gone)], [200, [['MUG', 'unavailable', 2, 0, 'unavailable']]])
      assert.equal(gone.body.report[0].priceNow, null)
      assert.deepEqual(await linesOf(call), ['MUG × 2'], 'the cart is as it was')
      assert.equal((await admin('GET', `/carts/${added.body.cart.id}`)).body.version, replaced.body.cart.version)
    })

    test('what there is too little of, what is not sold any more, what was cancelled, given or priced by hand is said line by line', async () => {
      const wares = [ware('MUG'), ware('VASE'), ware('BOWL'), ware('GIFT'), ware('LAMP')]
      const { products, admin } = await shopWith(wares)
      const gift = { name: 'Gift', conditions: [], benefit: { kind: 'gift', sku: 'GIFT', quantity: 1 } }
      expect2xx(await admin('POST', '/promotions', gift))
      const inline = { name: 'Engraving', unitPrice: 250, taxCategory: 'none' }
      const items = [{ sku: 'MUG', quantity: 4 }, { sku: 'VASE' }, { inline }, { sku: 'LAMP', unitPrice: 700 }]
      const ordered = expect2xx(await admin('POST', '/orders?account=app:robin', { items, email: 'r@example.com' })).body
      const order = await payFor(admin, ordered)
      expect2xx(await admin('PATCH', `/orders/${order.id}`, { lines: { add: [{ sku: 'BOWL' }] } }))
      await products(ware('MUG', {}, { stockPolicy: 'deny', onHand: 3 }), ware('VASE', { published: false }))
      const answer = await admin('POST', `/orders/${order.id}/reorder?account=app:robin`, {})
      assert.equal(answer.status, 201, JSON.stringify(answer.body))
      assert.deepEqual(outcomes(answer), [
        ['MUG', 'clamped', 4, 3, 'quantity_reduced'],
        ['VASE', 'unavailable', 1, 0, 'unavailable'],
        ['Engraving', 'skipped', 1, 0, 'custom_item'],
        ['LAMP', 'skipped', 1, 0, 'custom_price'],
        ['GIFT', 'skipped', 1, 0, 'gift'],
        ['BOWL', 'added', 1, 1, null],
      ])
      assert.deepEqual(answer.body.cart.owner, { kind: 'account', accountId: 'app:robin' })
      assert.deepEqual(shown(answer.body.cart), ['MUG × 3', 'BOWL × 1', 'GIFT × 1'], 'the gift comes by its promotion again')
    })

    test('an amount that was chosen counts in its own currency only', async () => {
      const recharge = { kind: 'recharge', recharge: { currency: 'USD', presets: [], allowCustom: true, min: 100 } }
      const prices = [
        { currency: 'USD', amount: 1000 },
        { currency: 'EUR', amount: 900 },
      ]
      const { buy, products, admin } = await shopWith([ware('MUG', {}, { prices }), ware('CARD', recharge, { prices: [] })])
      // A recharge is bought by an account.
      const call: typeof admin = (method, path, body) => admin(method, `${path}?account=app:robin`, body)
      const items = [{ sku: 'CARD', amount: 2500 }, { sku: 'MUG' }]
      const { id } = await payFor(admin, expect2xx(await call('POST', '/orders', { items, email: 'r@example.com' })).body)
      const again = () => call('POST', `/orders/${id}/reorder`, {})
      const same = await again()
      assert.deepEqual(outcomes(same), [
        ['CARD', 'added', 1, 1, null],
        ['MUG', 'added', 1, 1, null],
      ])
      assert.equal(same.body.cart.lines[0].amount.amount, 2500)
      expect2xx(await call('DELETE', '/carts/current/lines'))
      expect2xx(await call('PATCH', '/carts/current', { currency: 'EUR' }))
      const other = await again()
      assert.deepEqual(outcomes(other), [
        ['CARD', 'skipped', 1, 0, 'other_currency'],
        ['MUG', 'added', 1, 1, null],
      ])
      const [, mug] = other.body.report
      assert.deepEqual([mug.priceThen, mug.priceNow], [prices[0], prices[1]])
      // A new cart gets the currency of the order; where nothing is sold in that any more, the shop's.
      const euros = await buy([{ sku: 'MUG' }], { currency: 'EUR' })
      assert.equal(euros.order.currency, 'EUR')
      assert.equal((await euros.again()).body.cart.currency, 'EUR')
      expect2xx(await euros.call('DELETE', '/carts/current'))
      await products(ware('MUG', {}, { prices: prices.slice(0, 1) }))
      const dollars = await euros.again()
      assert.deepEqual([dollars.body.report[0].priceThen, dollars.body.report[0].priceNow], [prices[1], prices[0]])
    })

    test('one key buys again once, with the same report, also ten times at once', async () => {
      const { buy } = await shopWith([ware('MUG')])
      const { again, call } = await buy([{ sku: 'MUG', quantity: 2 }])
      const headers = { 'idempotency-key': randomUUID() }
      const answers = await atOnce(10, () => again({}, headers))
      for (const answer of answers) {
        assert.equal(answer.status, 201)
        assert.deepEqual(answer.body.report, answers[0]?.body.report)
      }
      assert.equal(answers.filter((answer) => answer.headers.get('idempotency-replayed') !== 'true').length, 1)
      assert.deepEqual(await linesOf(call), ['MUG × 2'])
      assertProblem(await again({ mode: 'replace' }, headers), 422, 'idempotency_key_reused')
    })

    test('a key that may not read orders, or names nobody, buys nothing again', async () => {
      const { buy, admin, base } = await shopWith([ware('MUG')])
      const { order } = await buy([{ sku: 'MUG' }])
      const { token } = expect2xx(await admin('POST', '/api-keys', { kind: 'server', name: 'w', scopes: ['carts:write'] })).body
      const refused = await caller(base, token)('POST', `/orders/${order.id}/reorder`, {})
      assertProblem(refused, 403, 'missing_scope')
      assert.equal(refused.body.scope, 'orders:read')
      assertProblem(await admin('POST', `/orders/${order.id}/reorder`, {}), 400, 'owner_required')
    })
  })
