// Handing orders over: parcel by parcel, no piece twice, whoever packs at the same moment; what is cancelled comes back; and an order is complete
// once it is paid and all of it left the house. On both databases.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Answer, atOnce, caller, mainlyOn } from './harness.ts'
import { expect2xx } from './nodes.ts'
import { type OrderShop, orderShops, refunded } from './orders.ts'
import { told } from './presets/shop.ts'

for (const dialect of mainlyOn('postgres'))
  describe(`fulfilments on ${dialect}`, async () => {
    const { url, shop, eventsOf } = await orderShops(dialect)
    const plain: OrderShop = await shop('demo')
    const store: OrderShop = await shop('store')
    const robin = await plain.customer()
    const { admin } = plain
    const pack = (id: string, body: object, call = admin) => call('POST', `/orders/${id}/fulfilments`, body)
    const change = (id: string, fulfilment: string, body: object) => admin('PATCH', `/orders/${id}/fulfilments/${fulfilment}`, body)
    const counts = ({ state, fulfilmentState, lines }: Answer['body']) =>
      `${state} ${fulfilmentState} ${lines.map((line: { fulfilledQuantity: number }) => line.fulfilledQuantity).join(' ')}`
    const lineOf = (order: Answer['body'], sku: string): string => order.lines.find((line: { sku: string }) => line.sku === sku).id

    it('an order leaves in parcels: lines count what left, and the last one completes it', async () => {
      const order = await plain.buy(robin, { sku: 'BOX', quantity: 3 }, { sku: 'PEN', quantity: 1 })
      const box = lineOf(order, 'BOX')
      const expectedAt = '2027-01-05T12:00:00+02:00'
      const first = expect2xx(
        await pack(order.id, {
          lines: [{ lineId: box, quantity: 2 }],
          carrier: 'Post',
          trackingNumber: '1Z',
          trackingUrl: 'https://post.example/1Z',
          expectedAt,
          note: 'Ring twice',
        }),
      )
      assert.equal(first.status, 201)
      assert.equal(counts(first.body), 'PLACED PARTIALLY_FULFILLED 2 0')
      const [{ id, createdAt, updatedAt, shippedAt, ...rest }] = first.body.fulfilments
      assert.match(id, /^ful_/)
      assert.ok(createdAt === updatedAt && shippedAt === createdAt)
      assert.deepEqual(rest, {
        state: 'SHIPPED',
        lines: [{ lineId: box, quantity: 2 }],
        carrier: 'Post',
        trackingNumber: '1Z',
        trackingUrl: 'https://post.example/1Z',
        expectedAt: '2027-01-05T10:00:00.000Z',
        deliveredAt: null,
        note: 'Ring twice',
      })
      const done = expect2xx(await pack(order.id, {})).body
      assert.equal(counts(done), 'COMPLETED FULFILLED 3 1')
      assert.deepEqual(
        done.fulfilments[1].lines.map((each: { quantity: number }) => each.quantity),
        [1, 1],
      )
      assert.equal(typeof done.completedAt, 'string')
      const arrived = expect2xx(await change(order.id, id, { state: 'DELIVERED' })).body
      assert.deepEqual([arrived.fulfilments[0].state, typeof arrived.fulfilments[0].deliveredAt], ['DELIVERED', 'string'])
      assert.deepEqual((await robin('GET', `/orders/${order.id}`)).body.fulfilments, arrived.fulfilments, 'its customer follows it')
    })

    it('more than is left, a line that is not there, and nothing at all are refused, and nothing changes', async () => {
      const order = await plain.buy(robin)
      const [{ id: lineId }] = order.lines
      expect2xx(await pack(order.id, { lines: [{ lineId, quantity: 2 }], state: 'PENDING' }))
      const before = await plain.read(order.id)
      const tooMany = await pack(order.id, { lines: [{ lineId, quantity: 2 }] })
      assert.deepEqual(
        [told(tooMany), tooMany.body.lineId, tooMany.body.asked, tooMany.body.available],
        ['409 fulfilment_too_large', lineId, 2, 1],
      )
      const wrong: readonly (readonly [object, string])[] = [
        [{ lines: [{ lineId: 'ln_none', quantity: 1 }] }, '422 invalid'],
        [{ lines: [{ lineId, quantity: 0 }] }, '422 invalid'],
        [
          {
            lines: [
              { lineId, quantity: 1 },
              { lineId, quantity: 1 },
            ],
          },
          '422 invalid',
        ],
        [{ lines: [] }, '422 invalid'],
        [{ state: 'CANCELLED' }, '422 invalid'],
        [{ expectedAt: '2026-12-31T23:59:60Z' }, '422 invalid'],
        [{ trackingUrl: 'javascript:alert(1)' }, '422 invalid'],
      ]
      for (const [body, expected] of wrong) assert.equal(told(await pack(order.id, body)), expected, JSON.stringify(body))
      assert.deepEqual(await plain.read(order.id), before)
      assert.equal(told(await change(order.id, 'ful_none', { note: 'x' })), '404 fulfilment_not_found')
    })

    it('20 who hand over the last piece at the same moment hand it over once', async () => {
      const order = await plain.buy(robin, { sku: 'BOX', quantity: 1 })
      const lines = [{ lineId: order.lines[0].id, quantity: 1 }]
      const answers = await atOnce(20, () => pack(order.id, { lines }))
      assert.equal(answers.filter((answer) => answer.status === 201).length, 1)
      for (const refused of answers.filter((answer) => answer.status !== 201))
        assert.ok(['409 fulfilment_too_large', '409 order_state_forbids'].includes(told(refused)), told(refused))
      const { fulfilments, ...rest } = await plain.read(order.id)
      assert.deepEqual([fulfilments.length, counts(rest)], [1, 'COMPLETED FULFILLED 1'])
    })

    it('what is packed counts once it is on its way, and a fulfilment that is cancelled gives its pieces back', async () => {
      expect2xx(await admin('PATCH', '/settings', { orders: { complete: 'manually' } }))
      const order = await plain.buy(robin)
      const packed = expect2xx(await pack(order.id, { state: 'PENDING' })).body
      const [{ id, shippedAt }] = packed.fulfilments
      assert.deepEqual([counts(packed), shippedAt], ['PLACED UNFULFILLED 0', null])
      assert.equal(told(await pack(order.id, {})), '409 fulfilment_too_large', 'what is packed is not packed again')
      assert.equal(counts(expect2xx(await change(order.id, id, { state: 'SHIPPED' })).body), 'PLACED FULFILLED 3')
      assert.equal(told(await robin('POST', `/orders/${order.id}/cancel`)), '409 order_state_forbids')
      assert.equal(told(await change(order.id, id, { state: 'PENDING' })), '422 invalid')
      assert.equal(counts(expect2xx(await change(order.id, id, { state: 'CANCELLED' })).body), 'PLACED UNFULFILLED 0')
      assert.equal(told(await change(order.id, id, { state: 'SHIPPED' })), '422 invalid')
      assert.equal(counts(expect2xx(await pack(order.id, { state: 'DELIVERED' })).body), 'PLACED FULFILLED 3')
      expect2xx(await admin('PATCH', '/settings', { orders: { complete: 'whenPaidAndFulfilled' } }))
    })

    it('an order of which a part left is cancelled by staff: only what is still in the house goes back into stock', async () => {
      const before = await plain.onHand('BOX')
      const order = await plain.buy(robin, { sku: 'BOX', quantity: 3 })
      const [{ id: lineId }] = order.lines
      expect2xx(await pack(order.id, { lines: [{ lineId, quantity: 1 }] }))
      expect2xx(await pack(order.id, { lines: [{ lineId, quantity: 1 }], state: 'PENDING' }))
      expect2xx(await admin('POST', `/orders/${order.id}/cancel`, { message: 'Lost on the way.' }))
      const cancelled = await refunded(plain, order.id)
      assert.equal(await plain.onHand('BOX'), before - 1)
      assert.deepEqual(
        cancelled.fulfilments.map((each: { state: string }) => each.state),
        ['SHIPPED', 'CANCELLED'],
      )
      assert.equal(told(await pack(order.id, {})), '409 order_state_forbids')
      assert.equal(told(await change(order.id, cancelled.fulfilments[0].id, { state: 'CANCELLED' })), '409 order_state_forbids')
    })

    it('a parcel that leaves while its order is cancelled leaves, or the order is cancelled with it in stock', async () => {
      for (let round = 0; round < 5; round++) {
        const before = await plain.onHand('BOX')
        const { id } = await plain.buy(robin, { sku: 'BOX', quantity: 1 })
        const [packed, cancelled] = await Promise.all([pack(id, {}), robin('POST', `/orders/${id}/cancel`)])
        const { state, refunds } = await plain.read(id)
        assert.deepEqual(
          [state, refunds.length, await plain.onHand('BOX')],
          packed.status === 201 ? ['COMPLETED', 0, before - 1] : ['CANCELLED', 1, before],
          `${told(packed)}, ${told(cancelled)}`,
        )
      }
    })

    it('an order has the status for having left, and a table that forbids it leaves the status as it is', async () => {
      const order = await store.buy(await store.customer())
      assert.equal(expect2xx(await pack(order.id, {}, store.admin)).body.status, 'delivered')
      const service: OrderShop = await shop('service')
      const created = await service.buy(await service.customer())
      const left = expect2xx(await pack(created.id, { carrier: 'Post', trackingNumber: '1' }, service.admin)).body
      assert.deepEqual([left.status, left.state, left.fulfilmentState], ['created', 'PLACED', 'FULFILLED'])
      const confirmed = expect2xx(await service.admin('POST', `/orders/${created.id}/status`, { status: 'confirmed' })).body
      assert.deepEqual([confirmed.status, confirmed.state], ['completed', 'COMPLETED'], 'all that it waited for was there')
    })

    it('every step is told and remembered', async () => {
      const receiver = expect2xx(
        await admin('POST', '/webhooks', { url: `${url}/healthz`, types: ['fulfilment.created', 'fulfilment.updated'] }),
      )
      const { id } = await plain.buy(robin)
      const made = expect2xx(await pack(id, { state: 'PENDING' })).body
      expect2xx(await change(id, made.fulfilments[0].id, { state: 'SHIPPED', carrier: 'Post' }))
      assert.deepEqual(await eventsOf(id), ['fulfilment.created', 'fulfilment.updated'])
      const history = expect2xx(await admin('GET', `/orders/${id}/history`)).body.items
      assert.deepEqual(
        history
          .filter((each: { action: string }) => each.action === 'fulfil')
          .map((each: { details: { state: string } }) => each.details.state),
        ['SHIPPED', 'PENDING'],
      )
      expect2xx(await admin('DELETE', `/webhooks/${receiver.body.id}`))
    })

    it('a customer cannot hand an order over to themselves', async () => {
      const { id, ...order } = await plain.buy(robin)
      for (const call of [robin, caller(plain.base)]) assert.equal(told(await pack(id, {}, call)), '401 login_required')
      assert.equal(counts(await plain.read(id)), counts(order))
    })
  })
