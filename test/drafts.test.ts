// Orders that staff prepares: carts that only keys reach, with lines and prices of their own, until they are completed. On both databases.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import { DRAFT_TYPE } from '../src/core/cart.ts'
import { DEFAULT_SETTINGS, patchSettings } from '../src/core/settings.ts'
import { abandonmentOf, expiryOf } from '../src/core/time.ts'
import { cartWith, factsOf, line, NOW, variantOf } from './facts.ts'
import { ADMIN, atOnce, caller, DIALECTS, eventually, freshDatabase, startTestServer } from './harness.ts'
import { ADDRESS, assertProblem, contentOfTables } from './http-probe.ts'
import { expect2xx, login, payOnPage, stockUp, wares } from './nodes.ts'

it('nobody is reminded of a draft, and it is kept as long as the shop says, with lines or without', () => {
  const settings = patchSettings(DEFAULT_SETTINGS, { abandoned: { after: 'PT1H' }, retention: { drafts: 'P10D', empty: 'PT1H' } })
  const facts = factsOf({ variants: [variantOf('MUG', 1000)] })
  const cart = cartWith(facts, [line('MUG')])
  const draft = { ...cart, type: DRAFT_TYPE, isCurrent: false }
  const days = 24 * 3_600_000
  assert.deepEqual([abandonmentOf(cart, settings), abandonmentOf(draft, settings)], [NOW + 3_600_000, null])
  for (const lines of [draft.lines, []]) assert.equal(expiryOf({ ...draft, lines }, settings), NOW + 10 * days)
})

for (const dialect of DIALECTS) {
  describe(`orders that staff prepares on ${dialect}`, async () => {
    const server = await startTestServer(await freshDatabase(dialect))
    const { reader } = server.engine.store
    const shop = `${server.url}/v1/shops/demo`
    const admin = caller(shop, ADMIN)
    await stockUp(server.url, 'demo', wares(2, 'D', 50))
    const key = async (...scopes: string[]) =>
      expect2xx(await admin('POST', '/api-keys', { kind: 'staff', name: 'Kim', scopes })).body as { id: string; token: string }
    const kim = await key('carts:read', 'carts:write', 'carts:custom_prices', 'orders:read', 'orders:write', 'orders:edit')
    const staff = caller(shop, kim.token)
    const draft = async (body: object) => expect2xx(await staff('POST', '/carts', { draft: true, ...body })).body.cart

    it('SEED4-57 SEED4-63 SEED3-70 a draft behaves like a cart until it is completed: then it is a placed order, marked as placed by staff', async () => {
      const robin = caller(shop, await login(server.url, 'robin'))
      const made = await draft({ owner: 'demo:robin', lines: [{ sku: 'D-0', quantity: 2 }] })
      assert.deepEqual([made.type, made.isCurrent, made.state, made.itemTotal.amount], ['draft', false, 'OPEN', 200])
      assert.notEqual((await robin('GET', '/carts/current')).body.id, made.id)
      const cart = `/carts/${made.id}`
      const custom = { inline: { name: 'Engraving', unitPrice: 250, taxCategory: 'standard', requiresShipping: false } }
      expect2xx(await staff('POST', `${cart}/lines`, { lines: [custom, { sku: 'D-1', unitPrice: 50 }] }))
      expect2xx(await staff('PATCH', `${cart}/lines/${made.lines[0].id}`, { quantity: 3 }))
      const before = (await admin('GET', '/stock/D-0')).body.onHand
      assertProblem(await staff('POST', '/orders', { cartId: made.id, withoutPayment: true }), 409, 'email_required')
      const ready = expect2xx(await staff('PATCH', cart, { email: 'robin@example.com', shippingAddress: ADDRESS })).body.cart
      const { order, payment } = expect2xx(await staff('POST', '/orders', { cartId: made.id, withoutPayment: true })).body
      assert.deepEqual([order.state, order.paymentState, order.isCompleted, payment], ['PLACED', 'NONE', true, null])
      assert.deepEqual([order.total, order.outstandingTotal, order.paidTotal.amount], [ready.total, ready.total, 0])
      assert.deepEqual([order.placedBy, order.owner], ['staff', { kind: 'account', accountId: 'demo:robin' }])
      assert.ok(order.number !== null && order.reference !== null)
      assert.deepEqual(
        order.lines.map(({ name, quantity, unitPrice }: { name: string; quantity: number; unitPrice: { amount: number } }) => [
          name,
          quantity,
          unitPrice.amount,
        ]),
        [
          ['D 0', 3, 100],
          ['Engraving', 1, 250],
          ['D 1', 1, 50],
        ],
      )
      assert.equal((await admin('GET', '/stock/D-0')).body.onHand, before - 3)
      const history = await reader.db.selectFrom('order_history').selectAll().where('order_id', '=', order.id).orderBy('id').execute()
      assert.deepEqual([...new Set(history.map((row) => row.actor))], [`staff:${kim.id}`])
      assert.equal((await robin('GET', `/orders/${order.id}`)).body.id, order.id, 'the order is its customer’s')
      const closed = expect2xx(await staff('GET', cart)).body
      assert.deepEqual([closed.state, closed.orderId], ['CLOSED', order.id])
      assertProblem(await staff('POST', `${cart}/lines`, { sku: 'D-0' }), 409, 'cart_closed')
    })

    it('SEED4-57 its customer neither sees nor reaches a draft, and may have many beside the own cart', async () => {
      const jo = caller(shop, await login(server.url, 'jo'))
      const own = expect2xx(await jo('POST', '/carts/current/lines', { sku: 'D-1' })).body.cart
      const drafts = [await draft({ owner: 'demo:jo', lines: [{ sku: 'D-0' }] }), await draft({ owner: 'demo:jo' })]
      assert.deepEqual(
        (await jo('GET', '/carts')).body.items.map(({ id }: { id: string }) => id),
        [own.id],
      )
      assert.equal((await jo('GET', '/carts/current')).body.id, own.id)
      for (const { id, number } of drafts) {
        for (const [method, path, body] of [
          ['GET', `/carts/${id}`],
          ['PATCH', `/carts/${id}`, { note: 'mine' }],
          ['DELETE', `/carts/${id}`],
          ['POST', `/carts/${id}/lines`, { sku: 'D-0' }],
          ['POST', `/carts/${id}/select`],
          ['POST', '/carts/load', { number }],
          ['POST', '/carts/current/lines/copy', { from: id }],
          ['POST', '/orders', { cartId: id }],
        ] as const)
          assertProblem(await jo(method, path, body), 404, 'cart_not_found')
      }
      assert.equal((await staff('POST', `/carts/${drafts[0].id}/select`)).body.code, 'invalid', 'nobody makes it current')
      const listed = expect2xx(await staff('GET', '/carts?view=drafts&account=demo:jo')).body.items
      assert.deepEqual(listed.map(({ id }: { id: string }) => id).sort(), drafts.map(({ id }) => id).sort())
      for (const view of ['active', 'inactive', 'abandoned']) {
        const { items } = expect2xx(await staff('GET', `/carts?view=${view}&account=demo:jo`)).body
        assert.ok(items.every(({ type }: { type: string }) => type !== 'draft'))
      }
      assert.equal((await jo('GET', '/carts?view=drafts')).body.code, 'invalid')
    })

    it('a draft for somebody without an account is ordered also where guests may not order, and pays like any other where staff asks for it', async () => {
      const made = await draft({ email: 'ann@example.com', lines: [{ sku: 'D-0' }] })
      assert.deepEqual([made.owner.kind, made.email], ['guest', 'ann@example.com'])
      expect2xx(await admin('PATCH', '/settings', { checkout: { guest: false } }))
      const ordered = expect2xx(await staff('POST', '/orders', { cartId: made.id })).body
      expect2xx(await admin('PATCH', '/settings', { checkout: { guest: true } }))
      assert.equal(ordered.order.state, 'NEW')
      await payOnPage(ordered.payment.url)
      const placed = await eventually(async () => {
        const { body: now } = await staff('GET', `/orders/${ordered.order.id}`)
        return now.state === 'PLACED' && now
      })
      assert.equal(placed.paymentState, 'PAID')
    })

    it('an order that awaits payment is completed without one when staff says so, and its payment page is closed', async () => {
      const made = await draft({ email: 'bo@example.com', lines: [{ sku: 'D-1' }] })
      const first = expect2xx(await staff('POST', '/orders', { cartId: made.id })).body
      const { order } = expect2xx(await staff('POST', '/orders', { cartId: made.id, withoutPayment: true })).body
      assert.notEqual(order.id, first.order.id)
      assert.deepEqual([order.state, order.paymentState, order.payments], ['PLACED', 'NONE', []])
      const former = expect2xx(await staff('GET', `/orders/${first.order.id}`)).body
      assert.deepEqual([former.state, former.payments[0].state], ['SUPERSEDED', 'CANCELLED'])
    })

    it('completing the same draft many times at once is one order, and making one twice under one key is one draft', async () => {
      const key = { 'idempotency-key': randomUUID() }
      const body = { draft: true, email: 'cy@example.com', lines: [{ sku: 'D-0' }] }
      const made = await atOnce(4, () => staff('POST', '/carts', body, key))
      const ids = new Set(made.map((answer) => expect2xx(answer).body.cart.id))
      assert.equal(ids.size, 1)
      const [cartId] = ids
      const orders = await atOnce(6, () => staff('POST', '/orders', { cartId, withoutPayment: true }))
      assert.equal(new Set(orders.map((answer) => expect2xx(answer).body.order.id)).size, 1)
      assert.equal(orders.filter(({ status }) => status === 201).length, 1)
    })

    it('drafts and orders without payment are for keys with the right to edit orders, and nothing is written for others', async () => {
      const lesser = caller(shop, (await key('carts:read', 'carts:write', 'orders:read', 'orders:write')).token)
      const guest = caller(shop, (await caller(shop)('POST', '/carts/current/lines', { sku: 'D-0' })).body.token)
      const { id } = (await guest('GET', '/carts/current')).body
      const tables = await contentOfTables(reader)
      const unpaid = { cartId: id, withoutPayment: true }
      assertProblem(await lesser('POST', '/carts', { draft: true, owner: 'demo:robin' }), 403, 'missing_scope')
      assertProblem(await lesser('POST', '/orders', unpaid), 403, 'missing_scope')
      assertProblem(await guest('POST', '/orders', unpaid), 409, 'payment_method_unavailable')
      for (const call of [guest, caller(shop)]) assertProblem(await call('POST', '/carts', { draft: true }), 422, 'invalid')
      assert.deepEqual(await contentOfTables(reader), tables)
    })

    it('no shop can call its own carts drafts', async () => {
      const refused = await admin('PATCH', '/settings', { cart: { types: ['shopping', 'draft'] } })
      assert.deepEqual([refused.status, refused.body.path], [422, '/cart/types/1'])
    })
  })
}
