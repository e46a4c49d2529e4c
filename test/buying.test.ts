// Buying parts of a cart (C39): one line, chosen lines, what is left, items without a cart. What stays in the cart is the shop's decision; sums, uses
// of codes and stock are exact either way, on both databases, with the real sandbox.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ADMIN, type Answer, atOnce, caller, DIALECTS, freshDatabase, startTestServer } from './harness.ts'
import { ADDRESS } from './http-probe.ts'
import { expect2xx } from './nodes.ts'
import { type Call, linesOf, payFor, shown, told, ware } from './presets/shop.ts'

const READY = { email: 'robin@example.com', shippingAddress: ADDRESS }

for (const dialect of DIALECTS) {
  describe(`buying parts on ${dialect}`, async () => {
    const server = await startTestServer(await freshDatabase(dialect))
    let made = 0

    /** A fresh shop of a preset with three counted products of 10.00, a code for 10 per cent, and a way to be logged in. */
    async function shopOf(preset: string) {
      const id = `buying-${++made}`
      expect2xx(await caller(server.url, ADMIN)('POST', '/v1/shops', { id, name: id, currency: 'USD', preset }))
      const base = `${server.url}/v1/shops/${id}`
      const admin = caller(base, ADMIN)
      const counted = { stockPolicy: 'deny', onHand: 10 }
      const products = ['A', 'B', 'C'].map((sku) => ware(sku, {}, counted))
      assert.equal(expect2xx(await admin('POST', '/products/import', { products })).body.refusedCount, 0)
      const rule = { name: 'Ten', usesMax: 5, conditions: [{ kind: 'code' }], benefit: { kind: 'percent_off', percent: '10' } }
      const promotion = expect2xx(await admin('POST', '/promotions', rule)).body
      expect2xx(await admin('POST', `/promotions/${promotion.id}/codes`, { code: 'TEN', usesMax: 5 }))
      const stock = async () => Promise.all(['A', 'B', 'C'].map(async (sku) => (await admin('GET', `/stock/${sku}`)).body.onHand as number))
      const uses = async () => {
        const { db } = server.engine.store.reader
        const row = await db.selectFrom('promotions').select('uses').where('shop_id', '=', id).executeTakeFirstOrThrow()
        return row.uses
      }
      return { id, base, admin, stock, uses, nobody: caller(base) }
    }

    type Shop = Awaited<ReturnType<typeof shopOf>>

    /** Somebody with A × 2, B × 1 and C × 3 and the code in the cart. The account is the server's to name. */
    async function shopper(shop: Shop): Promise<{ call: Call; id: string; line: (sku: string) => Promise<string> }> {
      const call: Call = (method, path, body, headers) =>
        shop.admin(method, `${path}${path.includes('?') ? '&' : '?'}account=robin`, body, headers)
      const lines = [{ sku: 'A', quantity: 2 }, { sku: 'B' }, { sku: 'C', quantity: 3 }]
      const { cart } = expect2xx(await call('POST', '/carts/current/lines', { lines })).body
      expect2xx(await call('PATCH', '/carts/current', READY))
      expect2xx(await call('POST', '/carts/current/codes', { code: 'TEN' }))
      const line = async (sku: string) => {
        const found = (await call('GET', '/carts/current')).body.lines.find((each: { sku: string }) => each.sku === sku)
        return found.id as string
      }
      return { call, id: cart.id, line }
    }

    const order = (call: Call, cartId: string, more: object = {}) => call('POST', '/orders', { cartId, ...more })

    for (const [preset, left] of [
      ['default', ['B × 1', 'C × 3']],
      ['store', ['A × 2', 'B × 1', 'C × 3']],
    ] as const)
      test(`SEED0-20 SEED0-28 SEED0-29 SEED0-30 one of three lines is bought, bought again, and then the rest: sums, uses and stock are exact (${preset})`, async () => {
        const shop = await shopOf(preset)
        const { call, id, line } = await shopper(shop)
        const one = await payFor(call, expect2xx(await order(call, id, { lines: [await line('A')] })).body)
        assert.deepEqual([shown(one), one.total.amount, one.paidTotal.amount, one.whole], [['A × 2'], 1800, 1800, false])
        assert.deepEqual((await linesOf(call)).sort(), left)
        assert.deepEqual([await shop.stock(), await shop.uses()], [[8, 10, 10], 1])

        if (preset === 'default') expect2xx(await call('POST', '/carts/current/lines', { sku: 'A', quantity: 2 }))
        const again = await payFor(call, expect2xx(await order(call, id, { lines: [await line('A')] })).body)
        assert.notEqual(again.id, one.id)
        assert.notEqual(again.number, one.number)
        assert.deepEqual([shown(again), again.total.amount], [['A × 2'], 1800])
        assert.deepEqual([await shop.stock(), await shop.uses()], [[6, 10, 10], 2])

        const rest = await payFor(call, expect2xx(await order(call, id)).body)
        assert.deepEqual([rest.whole, shown(rest).sort()], [true, left])
        const pieces = left.reduce((sum, text) => sum + Number(text.split(' × ')[1]), 0)
        assert.equal(rest.total.amount, pieces * 900)
        assert.deepEqual([await shop.stock(), await shop.uses()], [[preset === 'store' ? 4 : 6, 9, 7], 3])
        const { body: cart } = await call('GET', `/carts/${id}`)
        assert.deepEqual([cart.state, cart.closedReason, cart.orderId], ['CLOSED', 'ordered', rest.id])
        assert.deepEqual(await linesOf(call), [])
      })

    test('of two lines that are bought at once, the later order takes the place of the one that nobody paid, and what it held is free', async () => {
      const shop = await shopOf('default')
      const { call, id, line } = await shopper(shop)
      const [a, b] = [await line('A'), await line('B')]
      const answers = await Promise.all([a, b].map((each) => order(call, id, { lines: [each] })))
      const made = answers.map((answer) => expect2xx(answer).body)
      const states: { state: string; id: string }[] = []
      for (const { order: each } of made) states.push((await call('GET', `/orders/${each.id}`)).body)
      assert.deepEqual(states.map(({ state }) => state).sort(), ['NEW', 'SUPERSEDED'])
      const open = made.find(({ order: each }) => states.some(({ id: known, state }) => known === each.id && state === 'NEW'))
      const held = await server.engine.store.reader.db
        .selectFrom('reservations')
        .select(['sku', 'quantity', 'order_id'])
        .where('shop_id', '=', shop.id)
        .execute()
      assert.deepEqual(
        held.map(({ sku, order_id }) => [sku, order_id]),
        [[open.order.lines[0].sku, open.order.id]],
      )
      assert.equal(await shop.uses(), 1)
      await payFor(call, open)
      const rest = await payFor(call, expect2xx(await order(call, id)).body)
      assert.equal(rest.lines.length, 2)
      assert.equal(await shop.uses(), 2)
      assert.equal(rest.total.amount + open.order.total.amount, 6 * 900)
    })

    test('ten times the same line at once is one order, one payment', async () => {
      const shop = await shopOf('default')
      const { call, id, line } = await shopper(shop)
      const lines = [await line('C')]
      const answers = await atOnce(10, () => order(call, id, { lines }))
      const ids = new Set(answers.map((answer) => expect2xx(answer).body.order.id))
      assert.equal(ids.size, 1)
      await payFor(call, answers[0]?.body)
      assert.deepEqual([await shop.stock(), await shop.uses()], [[10, 10, 7], 1])
    })

    test('chosen lines are one order; a line that is not there is refused by name and changes nothing', async () => {
      const shop = await shopOf('default')
      const { call, id, line } = await shopper(shop)
      const [a, c] = [await line('A'), await line('C')]
      assert.equal(told(await order(call, id, { lines: [a, 'ln_other'] })), '404 line_not_found')
      const { order: both } = expect2xx(await order(call, id, { lines: [a, c] })).body
      assert.deepEqual([shown(both).sort(), both.total.amount], [['A × 2', 'C × 3'], 4500])
    })

    test('SEED1-06 items without a cart are ordered: a token and an address open the payment page', async () => {
      const shop = await shopOf('default')
      const items = {
        items: [{ sku: 'A', quantity: 2 }],
        email: READY.email,
        codes: ['TEN'],
        attributes: { source: 'kiosk' },
        note: 'Gift',
      }
      const { order: made, payment, orderToken } = expect2xx(await shop.nobody('POST', '/orders', items)).body
      assert.equal(typeof payment.token, 'string')
      assert.equal((await fetch(payment.url)).status, 200)
      const placed = await payFor(caller(shop.base, orderToken), { order: made, payment })
      assert.deepEqual([placed.total.amount, placed.attributes, placed.note, placed.cartId], [1800, { source: 'kiosk' }, 'Gift', null])
      assert.deepEqual([await shop.stock(), await shop.uses()], [[8, 10, 10], 1])
    })

    test('SEED2-03 SEED4-02 a cart that became an order is gone for writing', async () => {
      const shop = await shopOf('default')
      const { call, id } = await shopper(shop)
      await payFor(call, expect2xx(await order(call, id)).body)
      for (const [method, path, body] of [
        ['POST', `/carts/${id}/lines`, { sku: 'A' }],
        ['PATCH', `/carts/${id}`, { note: 'x' }],
        ['DELETE', `/carts/${id}/lines`, undefined],
      ] as const)
        assert.equal(told(await call(method, path, body)), '409 cart_closed')
    })

    test('SEED4-49 an order is placed unpaid where the shop allows it or staff asks for it, with everything that an order needs', async () => {
      const shop = await shopOf('default')
      const { nobody, admin } = shop
      const { token, cart } = expect2xx(await nobody('POST', '/carts/current/lines', { sku: 'A' })).body
      const guest = caller(shop.base, token)
      const unpaid = { withoutPayment: true }
      assert.equal(told(await order(guest, cart.id, unpaid)), '409 payment_method_unavailable')
      expect2xx(await admin('PATCH', '/settings', { checkout: { withoutPayment: true } }))
      assert.equal(told(await order(guest, cart.id, unpaid)), '409 email_required')
      expect2xx(await guest('PATCH', '/carts/current', READY))
      const both = await order(guest, cart.id, { ...unpaid, payment: { provider: 'sandbox' } })
      assert.deepEqual([told(both), both.body.path], ['422 invalid', '/payment'])
      // An attempt to pay gives way to it.
      const first = expect2xx(await order(guest, cart.id)).body
      const { order: placed, payment } = expect2xx(await order(guest, cart.id, unpaid)).body
      assert.deepEqual([placed.state, placed.paymentState, placed.outstandingTotal.amount, payment], ['PLACED', 'NONE', 1000, null])
      assert.equal((await guest('GET', `/orders/${first.order.id}`)).body.state, 'SUPERSEDED')
      assert.equal(expect2xx(await order(guest, cart.id, unpaid)).body.order.id, placed.id, 'once')
      assert.deepEqual(await shop.stock(), [9, 10, 10])
      expect2xx(await admin('PATCH', '/settings', { checkout: { withoutPayment: false } }))
      const keyOf = async (...scopes: string[]) =>
        caller(shop.base, expect2xx(await admin('POST', '/api-keys', { name: 'k', kind: 'staff', scopes })).body.token)
      const items = { items: [{ sku: 'B' }], email: READY.email, ...unpaid }
      assert.equal(told(await (await keyOf('orders:write'))('POST', '/orders?account=robin', items)), '403 missing_scope')
      const byStaff = expect2xx(await (await keyOf('orders:write', 'orders:edit'))('POST', '/orders?account=robin', items)).body.order
      assert.deepEqual([byStaff.state, byStaff.placedBy], ['PLACED', 'staff'])
    })

    test('SEED4-51 what a shop asks of an order is asked of an attempt to pay, and each thing that is missing is named by its place', async () => {
      const shop = await shopOf('default')
      await shop.admin('PATCH', '/settings', {
        checkout: { requireBillingAddress: true },
        attributes: { order: { type: 'object', required: ['po'], properties: { po: { type: 'string' } } } },
      })
      const { token, cart } = expect2xx(await shop.nobody('POST', '/carts/current/lines', { sku: 'A' })).body
      const guest = caller(shop.base, token)
      const places = (body: Answer['body'], list: string) =>
        body[list].map((each: { code: string; path: string }) => `${each.code} ${each.path}`)
      const expected = ['attributes_invalid /attributes', 'email_required /email', 'address_required /billingAddress']
      assert.deepEqual(places((await order(guest, cart.id)).body, 'blockers').sort(), expected.toSorted())
      assert.deepEqual(places((await guest('GET', '/carts/current/validation')).body, 'problems').sort(), expected.toSorted())
      expect2xx(
        await guest('PATCH', '/carts/current', {
          email: READY.email,
          billingAddress: ADDRESS,
          shippingSameAsBilling: true,
          attributes: { po: '1' },
        }),
      )
      const { order: made } = expect2xx(await order(guest, cart.id)).body
      assert.deepEqual([made.billingAddress, made.attributes], [ADDRESS, { po: '1' }])
    })

    test('one address for both: each may follow the other, and an order keeps both in full', async () => {
      const shop = await shopOf('default')
      await shop.admin('POST', '/products/import', { products: [ware('BOX', {}, { requiresShipping: true })] })
      const { token, cart } = expect2xx(await shop.nobody('POST', '/carts/current/lines', { sku: 'BOX' })).body
      const guest = caller(shop.base, token)
      const patch = async (body: object) => expect2xx(await guest('PATCH', '/carts/current', { email: READY.email, ...body })).body.cart
      const flags = { shippingSameAsBilling: true, billingSameAsShipping: true }
      const refused = await guest('PATCH', '/carts/current', flags)
      assert.deepEqual([told(refused), refused.body.path], ['422 invalid', '/shippingSameAsBilling'])
      const follows = await patch({ billingAddress: ADDRESS, shippingSameAsBilling: true })
      assert.deepEqual([follows.shippingAddress, follows.shippingSameAsBilling, follows.billingSameAsShipping], [ADDRESS, true, false])
      const moved = { ...ADDRESS, line1: '2 Side St' }
      assert.deepEqual((await patch({ billingAddress: moved })).shippingAddress, moved)
      const { order: made } = expect2xx(await order(guest, cart.id)).body
      assert.deepEqual([made.shippingAddress, made.billingAddress], [moved, moved])
      const own = await patch({ shippingAddress: ADDRESS })
      assert.deepEqual([own.shippingSameAsBilling, own.billingAddress, own.shippingAddress], [false, moved, ADDRESS])
      const back = await patch({ billingAddress: null })
      assert.deepEqual([back.billingSameAsShipping, back.billingAddress], [true, null])
      const later = expect2xx(await order(guest, cart.id)).body.order
      assert.deepEqual([later.shippingAddress, later.billingAddress], [ADDRESS, ADDRESS])
    })

    for (const onIncrease of ['confirm', 'accept', 'hold'] as const)
      test(`with pricing.onIncrease = ${onIncrease} nobody pays more than the total that was consented to, and a lower one is passed on`, async () => {
        const shop = await shopOf('default')
        await shop.admin('PATCH', '/settings', { pricing: { onIncrease, holdFor: 'PT1H' } })
        const { token, cart } = expect2xx(await shop.nobody('POST', '/carts/current/lines', { sku: 'A' })).body
        const guest = caller(shop.base, token)
        expect2xx(await guest('PATCH', '/carts/current', READY))
        const reprice = async (amount: number) =>
          expect2xx(
            await shop.admin('POST', '/products/import', {
              products: [ware('A', {}, { stockPolicy: 'deny', prices: [{ currency: 'USD', amount }] })],
            }),
          )
        await reprice(1200)
        const dearer = await order(guest, cart.id, { expectedTotal: 1000 })
        if (onIncrease === 'hold') assert.equal(expect2xx(dearer).body.order.total.amount, 1000, 'the old price is kept')
        else assert.deepEqual([told(dearer), dearer.body.current.amount, dearer.body.cart.total.amount], ['409 price_changed', 1200, 1200])
        const without = await order(guest, cart.id)
        if (onIncrease === 'confirm') assert.equal(told(without), '409 price_changed')
        else assert.equal(expect2xx(without).body.order.total.amount, onIncrease === 'accept' ? 1200 : 1000)
        assert.equal(
          expect2xx(await order(guest, cart.id, { expectedTotal: 1300 })).body.order.total.amount,
          onIncrease === 'hold' ? 1000 : 1200,
        )
        await reprice(800)
        assert.equal(expect2xx(await order(guest, cart.id, { expectedTotal: 1000 })).body.order.total.amount, 800)
        assert.equal(told(await order(guest, cart.id, { expectedTotal: 799 })), '409 price_changed')
      })

    test('SEED3-62 an address that a token calls unverified keeps no guest from ordering, and one that is an account’s does', async () => {
      const { SignJWT } = await import('jose')
      const shop = await shopOf('default')
      const secret = 'a secret of the tests that is long enough'
      const issuer = { name: 'app', iss: 'https://id.example', aud: 'shop', algorithms: ['HS256'], secret, emailClaim: 'email' }
      await shop.admin('PATCH', '/settings', { access: { issuers: [issuer] }, checkout: { guestEmailOfAccount: 'requireLogin' } })
      const seconds = Math.floor(server.engine.clock.now() / 1000)
      const account = async (subject: string, claims: object) => {
        const jwt = new SignJWT({ ...claims })
          .setProtectedHeader({ alg: 'HS256' })
          .setIssuer(issuer.iss)
          .setAudience('shop')
          .setSubject(subject)
        return caller(shop.base, await jwt.setExpirationTime(seconds + 3600).sign(new TextEncoder().encode(secret)))
      }
      const guestOrders = (email: string) => shop.nobody('POST', '/orders', { items: [{ sku: 'A' }], email })
      const thief = await account('thief', { email: 'victim@example.com', email_verified: false })
      expect2xx(await thief('POST', '/carts/current/lines', { sku: 'A' }))
      expect2xx(await guestOrders('victim@example.com'))
      const owner = await account('owner', { email: 'Owner@Example.com', email_verified: true })
      expect2xx(await owner('POST', '/carts/current/lines', { sku: 'A' }))
      const refused = await guestOrders('owner@example.com')
      assert.deepEqual([told(refused), refused.body.reason], ['401 login_required', 'email_of_account'])
      expect2xx(await shop.admin('POST', '/orders?account=app:owner', { items: [{ sku: 'A' }], email: 'owner@example.com' }))
      const kept = await server.engine.store.reader.db
        .selectFrom('account_emails')
        .select(['email', 'account'])
        .where('shop_id', '=', shop.id)
        .execute()
      assert.deepEqual(
        kept.map((row) => ({ ...row })),
        [{ email: 'owner@example.com', account: 'app:owner' }],
      )
    })
  })
}
