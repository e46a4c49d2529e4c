// Pieces of a placed order are cancelled with their money and their stock, and lines are split, without anything else of the order changing: what was
// bought stays what was bought. On both databases.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import { atOnce, DIALECTS } from './harness.ts'
import { success } from './paying.ts'
import { startRefundShop } from './refund-shop.ts'

const sumOf = (amounts: readonly number[]) => amounts.reduce((sum, each) => sum + each, 0)

for (const dialect of DIALECTS) {
  describe(`pieces of orders on ${dialect}`, async () => {
    const shop = await startRefundShop(dialect)
    const { admin } = shop

    it('SEED2-66 a part of a line is cancelled: its pieces go back into stock, its money goes back exactly, and the rest of the order stands', async () => {
      const lines = [{ sku: 'B', quantity: 3 }, { sku: 'C' }]
      const { path, orderId, order, paymentId } = await shop.order(lines, { shippingMethod: 'post' })
      const [b, c] = order.lines
      const [stock, other] = [await shop.stockOf('B'), await shop.stockOf('C')]
      const now = success(await admin('POST', `${path}/cancel`, { lines: [{ lineId: b.id, quantity: 2 }], message: 'broken' }))
      // 3 × 333 = 999, and 7.7 % of it on top: 76.923, so that 1076 was paid for the line. Two thirds of it are 717.
      assert.deepEqual(await shop.returned(paymentId), [717])
      assert.deepEqual(
        now.lines.map((each: { id: string; quantity: number; cancelledQuantity: number; restockedQuantity: number }) => [
          ...[each.id, each.quantity, each.cancelledQuantity, each.restockedQuantity],
        ]),
        [
          [b.id, 3, 2, 2],
          [c.id, 1, 0, 0],
        ],
      )
      assert.deepEqual([now.state, now.paymentState, now.total], ['PLACED', 'PARTIALLY_REFUNDED', order.total])
      assert.deepEqual([now.cancelledTotal.amount, now.refundedTotal.amount, now.outstandingTotal.amount], [717, 717, 0])
      assert.deepEqual([await shop.stockOf('B'), await shop.stockOf('C')], [stock + 2, other])
      const { action, message, details } = (await shop.historyOf(orderId)).at(-2) ?? {}
      assert.deepEqual([action, message, details?.lines], ['cancel_lines', 'broken', [{ lineId: b.id, quantity: 2 }]])
      assert.deepEqual((await shop.eventsOf(orderId)).toSorted(), ['order.updated', 'refund.succeeded'])
      assert.equal(now.refunds[0].reason, 'lines_cancelled')

      const more = await admin('POST', `${path}/cancel`, { lines: [{ lineId: b.id, quantity: 2 }] })
      assert.deepEqual([more.status, more.body.code, more.body.left], [409, 'pieces_not_left', 1])
      await shop.balance()
    })

    it('SEED2-66 with the last pieces the whole order is cancelled, and shipping goes back, too', async () => {
      const { path, orderId, order, paymentId } = await shop.order([{ sku: 'A' }, { sku: 'C', quantity: 2 }], { shippingMethod: 'post' })
      const stock = [await shop.stockOf('A'), await shop.stockOf('C')] as const
      const [a, c] = order.lines
      success(await admin('POST', `${path}/cancel`, { lines: [{ lineId: c.id, quantity: 1 }] }))
      const key = randomUUID()
      const last = { lines: [a, c].map(({ id }) => ({ lineId: id, quantity: 1 })) }
      const cancelled = success(await admin('POST', `${path}/cancel`, last, key))
      assert.equal(cancelled.state, 'CANCELLED')
      assert.equal(success(await admin('POST', `${path}/cancel`, last, key)).state, 'CANCELLED')
      await shop.settle()
      const now = await shop.read(orderId)
      assert.deepEqual([now.paymentState, now.cancelledTotal, now.outstandingTotal.amount], ['REFUNDED', order.total, 0])
      assert.equal(sumOf(await shop.returned(paymentId)), order.total.amount)
      assert.deepEqual([await shop.stockOf('A'), await shop.stockOf('C')], [stock[0] + 1, stock[1] + 2])
      assert.equal(success(await admin('POST', `${path}/cancel`, last, randomUUID())).state, 'CANCELLED')
      const some = await admin('POST', `${path}/cancel`, { lines: last.lines.slice(0, 1) })
      assert.deepEqual([some.status, some.body.code, some.body.state], [409, 'order_state_forbids', 'CANCELLED'])
      assert.equal(sumOf(await shop.returned(paymentId)), order.total.amount)
      await shop.balance()
    })

    it('8 that cancel one piece of 5 at the same moment cancel 5, and the same key does it once', async () => {
      const { path, order, paymentId } = await shop.order([{ sku: 'A', quantity: 5 }, { sku: 'B' }])
      const stock = await shop.stockOf('A')
      const one = { lines: [{ lineId: order.lines[0].id, quantity: 1 }] }
      const key = randomUUID()
      const same = await atOnce(3, () => admin('POST', `${path}/cancel`, one, key))
      assert.deepEqual(
        same.map(({ body }) => body.lines[0].cancelledQuantity),
        [1, 1, 1],
      )
      const answers = await atOnce(7, () => admin('POST', `${path}/cancel`, one, randomUUID()))
      assert.equal(answers.filter(({ status }) => status === 200).length, 4)
      for (const { status, body } of answers) assert.ok(status === 200 || (status === 409 && body.left === 0), JSON.stringify(body))
      assert.deepEqual([await shop.returned(paymentId), await shop.stockOf('A')], [[100, 100, 100, 100, 100], stock + 5])
      await shop.balance()
    })

    it('staff may keep the money or the pieces, and what was given back for a piece before is not given back again', async () => {
      const { path, order, paymentId } = await shop.order([{ sku: 'A', quantity: 4 }])
      const lineId = order.lines[0].id
      const stock = await shop.stockOf('A')
      success(await admin('POST', `${path}/refunds`, { lines: [{ lineId, quantity: 1 }] }))
      const after = success(await admin('POST', `${path}/cancel`, { lines: [{ lineId, quantity: 1 }], restock: false }))
      assert.deepEqual([await shop.returned(paymentId), await shop.stockOf('A')], [[100], stock])
      assert.deepEqual([after.cancelledTotal.amount, after.outstandingTotal.amount], [100, 0])
      const kept = success(await admin('POST', `${path}/cancel`, { lines: [{ lineId, quantity: 1 }], refund: 'none' }))
      assert.deepEqual([await shop.returned(paymentId), await shop.stockOf('A')], [[100], stock + 1])
      assert.deepEqual([kept.cancelledTotal.amount, kept.outstandingTotal.amount], [200, -100], 'it can still go back')
      success(await admin('POST', `${path}/refunds`, { lines: [{ lineId, quantity: 1 }] }))
      const whole = success(await admin('POST', `${path}/cancel`, { refund: 'none', restock: false }))
      await shop.settle()
      assert.deepEqual([whole.state, await shop.returned(paymentId), await shop.stockOf('A')], ['CANCELLED', [100, 100], stock + 1])
      await shop.balance()
    })

    it('of reserved money nothing goes back for cancelled pieces: less is owed, and when all is cancelled it is set free', async () => {
      const { orderId, paymentId } = await shop.orderUnpaid([{ sku: 'A', quantity: 3 }])
      await shop.tell(paymentId, 'authorized')
      const path = `/orders/${orderId}`
      const [line] = (await shop.read(orderId)).lines
      const now = success(await admin('POST', `${path}/cancel`, { lines: [{ lineId: line.id, quantity: 1 }] }))
      assert.deepEqual([now.paymentState, now.refunds, now.outstandingTotal.amount, now.total.amount], ['AUTHORIZED', [], 200, 300])
      success(await admin('POST', `${path}/cancel`, { lines: [{ lineId: line.id, quantity: 2 }] }))
      await shop.settle()
      const { state, paymentState } = await shop.read(orderId)
      assert.deepEqual([state, paymentState, (await shop.session(paymentId)).state], ['CANCELLED', 'REFUNDED', 'cancelled'])
    })

    it('owners cancel whole orders only, and say nothing of money and stock', async () => {
      const { guest, orderId } = await shop.orderUnpaid([{ sku: 'A', quantity: 2 }])
      const [line] = (await shop.read(orderId)).lines
      for (const body of [{ lines: [{ lineId: line.id, quantity: 1 }] }, { refund: 'none' }, { restock: true }]) {
        const { status, body: problem } = await guest('POST', `/orders/${orderId}/cancel`, body)
        const reason = 'lines' in body ? 'customers_cancel_whole_orders' : 'only_keys_decide_refund_stock_and_quiet'
        assert.deepEqual([status, problem.reason], [409, reason])
      }
      const early = await admin('POST', `/orders/${orderId}/cancel`, { lines: [{ lineId: line.id, quantity: 1 }] })
      assert.deepEqual([early.status, early.body.code, early.body.state], [409, 'order_state_forbids', 'NEW'])
      assert.equal(success(await guest('POST', `/orders/${orderId}/cancel`, { message: 'found it cheaper' })).state, 'CANCELLED')
      assert.equal((await shop.historyOf(orderId)).at(-1)?.message, 'found it cheaper')
    })

    it('SEED2-67 a split line is two lines with the amounts of one, and both together give back what was paid', async () => {
      const { path, order, paymentId } = await shop.order([{ sku: 'B', quantity: 3 }])
      const [line] = order.lines
      const key = randomUUID()
      const split = success(await admin('POST', `${path}/lines/${line.id}/split`, { quantity: 1 }, key))
      assert.equal(success(await admin('POST', `${path}/lines/${line.id}/split`, { quantity: 1 }, key)).lineId, split.lineId)
      const { lines, total, version } = await shop.read(order.id)
      assert.deepEqual([total, version], [order.total, order.version + 1])
      assert.deepEqual(
        lines.map((each: { id: string; quantity: number; sku: string }) => [each.id, each.quantity, each.sku]),
        [
          [line.id, 2, 'B'],
          [split.lineId, 1, 'B'],
        ],
      )
      assert.equal(sumOf(lines.map((each: typeof line) => each.total.amount)), line.total.amount)
      for (const quantity of [3, 2]) {
        const { status, body } = await admin('POST', `${path}/lines/${line.id}/split`, { quantity })
        assert.deepEqual([status, body.code, body.left], [409, 'pieces_not_left', 1])
      }
      assert.equal((await admin('POST', `${path}/lines/ln_none/split`, { quantity: 1 })).status, 404)
      for (const { id, quantity } of lines) success(await admin('POST', `${path}/refunds`, { lines: [{ lineId: id, quantity }] }))
      assert.equal(sumOf(await shop.returned(paymentId)), order.total.amount)
      const whole = success(await admin('POST', `${path}/cancel`))
      assert.equal(whole.state, 'CANCELLED')
      await shop.balance()
    })
  })
}
