// What is still owed of a placed order is paid like an order: exactly that, once, whoever changes the order meanwhile. Promised on both databases.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { checkBooks } from '../src/store/books.ts'
import { type Answer, atOnce, mainlyOn } from './harness.ts'
import { openShop, startWorld, success } from './paying.ts'

for (const dialect of mainlyOn('postgres'))
  describe(`what is still owed on ${dialect}`, async () => {
    const world = await startWorld(dialect)

    async function open(payment: object = {}) {
      const shop = await openShop(world, payment)
      const edit = async (orderId: string, quantity: number) => {
        const { lines } = await shop.read(orderId)
        return success(await shop.admin('PATCH', `/orders/${orderId}`, { lines: { set: [{ lineId: lines[0].id, quantity }] } })).order
      }
      /** A guest's paid order of one piece, which then costs 20.00. */
      const dearer = async () => {
        const guest = await shop.guest()
        const { order, payment: first } = await guest.order()
        await shop.pay(first.id)
        await shop.tell(first.id, 'paid')
        const { outstandingTotal, paymentState } = await edit(order.id, 2)
        assert.deepEqual([outstandingTotal.amount, paymentState], [1000, 'PARTIALLY_PAID'])
        const payRest = (body: object = {}): Promise<Answer> => guest.run('POST', `/orders/${order.id}/payments`, body)
        return { orderId: order.id as string, payRest }
      }
      const unpaid = async (quantity = 1) => {
        const items = [{ sku: 'A', quantity }]
        return success(await shop.admin('POST', '/orders', { items, email: 'robin@example.com', withoutPayment: true })).order
      }
      const balanced = async () => {
        const checks = await checkBooks(world.store.reader, world.clock.now(), shop.id)
        assert.deepEqual(
          checks.filter(({ findings, severity }) => severity === 'error' && findings.length > 0),
          [],
        )
      }
      return { ...shop, edit, dearer, unpaid, balanced }
    }
    const forbidden = ({ status, body }: Answer) => [status, body.code, body.reason]

    it('an order that was placed without payment is paid later, by whoever may pay it, and is not placed again', async () => {
      const shop = await open()
      const order = await shop.unpaid(3)
      const { payment, order: waiting } = success(await shop.admin('POST', `/orders/${order.id}/payments`, {}))
      assert.deepEqual([waiting.payments[0].amount.amount, waiting.paymentState, waiting.state], [3000, 'PENDING', 'PLACED'])
      await shop.balanced()
      await shop.pay(payment.id)
      await atOnce(4, () => shop.tell(payment.id, 'paid'))
      const paid = await shop.read(order.id)
      assert.deepEqual([paid.state, paid.paymentState, paid.outstandingTotal.amount, paid.number], ['PLACED', 'PAID', 0, order.number])
      assert.notEqual(paid.paidAt, null)
      const told = await shop.told(order.id)
      assert.deepEqual([told.filter((type) => type === 'order.placed').length, told.at(-1)], [1, 'payment.succeeded'])
      assert.deepEqual(forbidden(await shop.admin('POST', `/orders/${order.id}/payments`, {})), [
        409,
        'order_state_forbids',
        'nothing_is_outstanding',
      ])
      await shop.balanced()
    })

    it('an order that costs more since it was edited is paid by exactly the rest, in one session however often it is asked for', async () => {
      const shop = await open()
      const { orderId, payRest } = await shop.dearer()
      const ids = (await atOnce(5, () => payRest())).map((answer) => success(answer).payment.id)
      assert.equal(new Set(ids).size, 1)
      assert.equal((await shop.session(ids[0])).amount, 1000)
      await shop.pay(ids[0])
      await shop.tell(ids[0], 'paid')
      const paid = await shop.read(orderId)
      assert.deepEqual([paid.paymentState, paid.paidTotal.amount, paid.outstandingTotal.amount], ['PAID', 2000, 0])
      await shop.settle()
      assert.deepEqual((await shop.read(orderId)).refunds, [])
      await shop.balanced()
    })

    it('a declined card is told, and another one pays in the same session', async () => {
      const shop = await open()
      const { orderId, payRest } = await shop.dearer()
      const { payment } = success(await payRest())
      await shop.pay(payment.id, '4000 0000 0000 0002')
      await shop.tell(payment.id, 'failed')
      assert.deepEqual([(await shop.told(orderId)).at(-1), (await shop.read(orderId)).paymentState], ['payment.failed', 'PARTIALLY_PAID'])
      assert.equal(success(await payRest()).payment.id, payment.id)
      await shop.pay(payment.id)
      await shop.tell(payment.id, 'paid')
      assert.equal((await shop.read(orderId)).paymentState, 'PAID')
      await shop.balanced()
    })

    it('while somebody pays, the session stays open; one for another amount is closed, and what it took goes back', async () => {
      const shop = await open()
      const { orderId, payRest } = await shop.dearer()
      const { payment: first } = success(await payRest())
      await shop.settle()
      assert.equal((await shop.session(first.id)).state, 'open')
      await shop.edit(orderId, 3)
      const { payment: second } = success(await payRest())
      assert.deepEqual([(await shop.session(second.id)).amount, (await shop.session(first.id)).state], [2000, 'cancelled'])
      await shop.pay(second.id)
      await shop.tell(second.id, 'paid')
      // A provider says late that the first one was paid after all.
      await shop.tell(first.id, 'paid')
      const { refunds, paymentState } = await shop.read(orderId)
      assert.deepEqual(
        [paymentState, refunds.map((each: Answer['body']) => [each.paymentId, each.amount.amount])],
        ['PAID', [[first.id, 1000]]],
      )
    })

    it('what came too much, because the order costs less by then, goes back; of a cancelled order all of it', async () => {
      const shop = await open()
      const less = await shop.dearer()
      const { payment } = success(await less.payRest())
      await shop.pay(payment.id)
      await shop.edit(less.orderId, 1)
      await shop.tell(payment.id, 'paid')
      await shop.settle()
      const then = await shop.read(less.orderId)
      assert.deepEqual([then.paymentState, then.refundedTotal.amount, then.outstandingTotal.amount], ['PAID', 1000, 0])

      const over = await shop.dearer()
      const { payment: late } = success(await over.payRest())
      await shop.pay(late.id)
      success(await shop.admin('POST', `/orders/${over.orderId}/cancel`, {}))
      await shop.tell(late.id, 'paid')
      await shop.settle()
      const cancelled = await shop.read(over.orderId)
      assert.deepEqual([cancelled.state, cancelled.paymentState, cancelled.refundedTotal.amount], ['CANCELLED', 'REFUNDED', 2000])
      await shop.balanced()
    })

    it('nobody pays twice: not what went back, what is reserved, or what is to come by hand', async () => {
      const shop = await open()
      const { orderId, payRest } = await shop.dearer()
      await shop.edit(orderId, 1)
      success(await shop.admin('POST', `/orders/${orderId}/refunds`, { amount: 400 }))
      const goodwill = await shop.read(orderId)
      assert.deepEqual([goodwill.paymentState, goodwill.outstandingTotal.amount], ['PARTIALLY_REFUNDED', 0])
      assert.equal(forbidden(await payRest())[2], 'nothing_is_outstanding')
      const byHand = await (await shop.guest()).order({ payment: { provider: 'manual' } })
      assert.equal(forbidden(await shop.admin('POST', `/orders/${byHand.order.id}/payments`, {}))[2], 'money_is_to_come')
      const reserving = await open({ capture: 'manual' })
      const { orderId: reserved } = await reserving.reserved()
      assert.equal(forbidden(await reserving.admin('POST', `/orders/${reserved}/payments`, {}))[2], 'money_is_to_come')
      await shop.balanced()
    })

    it('what went back for pieces, or out of goodwill, is not owed again; what was too much, or for cancelled pieces, is when more is bought', async () => {
      const shop = await open()
      const buy = async () => {
        const { order, payment } = await (await shop.guest([{ sku: 'A', quantity: 3 }])).order()
        await shop.pay(payment.id)
        await shop.tell(payment.id, 'paid')
        return { id: order.id as string, lineId: order.lines[0].id as string }
      }
      const refund = async (id: string, body: object) => success(await shop.admin('POST', `/orders/${id}/refunds`, body))
      const owes = async (id: string) => (await shop.read(id)).outstandingTotal.amount
      const returned = await buy()
      await refund(returned.id, { lines: [{ lineId: returned.lineId, quantity: 1 }], amount: 300 })
      assert.equal(await owes(returned.id), 0)
      await shop.edit(returned.id, 4)
      assert.equal(await owes(returned.id), 1000)
      success(
        await shop.admin('POST', `/orders/${returned.id}/cancel`, { lines: [{ lineId: returned.lineId, quantity: 1 }], refund: 'none' }),
      )
      assert.equal(await owes(returned.id), 1000, 'the piece that was cancelled is the one that went back')

      const cancelled = await buy()
      success(await shop.admin('POST', `/orders/${cancelled.id}/cancel`, { lines: [{ lineId: cancelled.lineId, quantity: 1 }] }))
      assert.equal(await owes(cancelled.id), 0)
      await shop.edit(cancelled.id, 4)
      assert.equal(await owes(cancelled.id), 1000)

      const lowered = await buy()
      await shop.edit(lowered.id, 2)
      assert.equal(await owes(lowered.id), -1000)
      await refund(lowered.id, { amount: 1200 })
      assert.equal(await owes(lowered.id), 0)
      await shop.edit(lowered.id, 3)
      assert.equal(await owes(lowered.id), 1000, 'but for the 2.00 of goodwill')
      await shop.balanced()
    })

    it('an edit keeps pieces that were given back, and no line costs less than what went back for it', async () => {
      const shop = await open()
      const { order, payment } = await (await shop.guest([{ sku: 'A', quantity: 3 }, { sku: 'B' }])).order()
      await shop.pay(payment.id)
      await shop.tell(payment.id, 'paid')
      const lineId = order.lines[0].id
      success(await shop.admin('POST', `/orders/${order.id}/refunds`, { lines: [{ lineId, quantity: 2 }] }))
      const edits = [{ set: [{ lineId, quantity: 1 }] }, { remove: [lineId] }, { set: [{ lineId, unitPrice: 600 }] }]
      const answers = await Promise.all(edits.map((lines) => shop.admin('PATCH', `/orders/${order.id}`, { lines })))
      assert.deepEqual(
        answers.map(({ status, body }) => [status, body.code, body.reason]),
        [
          [422, 'quantity_too_small', 'refunded'],
          [422, 'quantity_too_small', 'refunded'],
          [422, 'invalid', 'more_was_given_back_for_it'],
        ],
      )
      const kept = success(await shop.admin('PATCH', `/orders/${order.id}`, { lines: { set: [{ lineId, quantity: 2 }] } })).order
      assert.deepEqual([kept.total.amount, kept.outstandingTotal.amount], [3000, -1000])
    })

    it('what came by hand is marked for the dearer order as well; one that costs no more than what came is paid since then', async () => {
      const shop = await open()
      const buy = async (quantity: number) => {
        const { order } = await (await shop.guest([{ sku: 'A', quantity }])).order({ payment: { provider: 'manual' } })
        return { orderId: order.id as string, paymentId: order.payments[0].id as string, lineId: order.lines[0].id as string }
      }
      const more = await buy(1)
      success(await shop.act('mark-paid', more))
      await shop.edit(more.orderId, 2)
      const paid = success(await shop.act('mark-paid', more))
      assert.deepEqual([paid.paymentState, paid.payments[0].amount.amount, paid.outstandingTotal.amount], ['PAID', 2000, 0])
      await shop.edit(more.orderId, 1)
      success(await shop.admin('POST', `/orders/${more.orderId}/refunds`, { amount: 1000 }))
      await shop.edit(more.orderId, 2)
      assert.equal(success(await shop.act('mark-paid', more)).outstandingTotal.amount, 0)
      await shop.balanced()

      const less = await buy(2)
      const part = success(await shop.act('mark-paid', less, { amount: 1000 }))
      assert.deepEqual([part.paymentState, part.paidAt], ['PARTIALLY_PAID', null])
      const body = { lines: [{ lineId: less.lineId, quantity: 1 }] }
      const whole = success(await shop.admin('POST', `/orders/${less.orderId}/cancel`, body))
      assert.deepEqual([whole.paymentState, whole.refunds, whole.paidAt === null], ['PAID', [], false])
      await shop.balanced()
    })

    it('the rest can come by hand as well', async () => {
      const shop = await open()
      const { orderId, payRest } = await shop.dearer()
      const { order } = success(await payRest({ provider: 'manual' }))
      const paymentId = order.payments.at(-1).id
      const paid = success(await shop.act('mark-paid', { orderId, paymentId }))
      assert.deepEqual([paid.paymentState, paid.paidTotal.amount, paid.outstandingTotal.amount], ['PAID', 2000, 0])
      await shop.balanced()
    })
  })
