// Money goes back for parts of an order: never more than was taken, never twice, and never silently not at all, whatever the provider does and
// wherever the process dies; on both databases, at the real sandbox.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import { insertPayment, readPayment } from '../src/store/orders.ts'
import { type Answer, atOnce, mainlyOn } from './harness.ts'
import { dyingStore, success } from './paying.ts'
import { STOCK, startRefundShop } from './refund-shop.ts'

type Refund = { id: string; state: string; amount: { amount: number }; failure: string | null; groupId: string; paymentId: string }

for (const dialect of mainlyOn('postgres')) {
  describe(`refunds on ${dialect}`, async () => {
    const shop = await startRefundShop(dialect)
    const { admin } = shop
    const amountsOf = (refunds: readonly Refund[]) => refunds.map((each) => each.amount.amount)

    it('PAY-5 of 20 refunds of 30 at the same moment on a payment of 100, exactly 3 succeed, and the others are told what is left', async () => {
      const { path, orderId, paymentId } = await shop.order([{ sku: 'A' }])
      const answers = await atOnce(20, () => admin('POST', `${path}/refunds`, { amount: 30 }, randomUUID()))
      const refused = answers.filter((answer) => answer.status === 409)
      assert.deepEqual([answers.filter((answer) => answer.status === 201).length, refused.length], [3, 17])
      for (const { body } of refused) assert.deepEqual([body.code, body.asked, body.left], ['refund_exceeds_payment', 30, 10])
      assert.deepEqual(await shop.returned(paymentId), [30, 30, 30])
      const order = await shop.read(orderId)
      assert.deepEqual([order.paymentState, order.refundedTotal.amount, order.refunds.length], ['PARTIALLY_REFUNDED', 90, 3])
      await shop.balance()
    })

    it('PAY-5 two equal refunds under different keys are two, and under one key one, also 10 times at once', async () => {
      const { path, paymentId } = await shop.order([{ sku: 'A' }])
      const key = randomUUID()
      const first = await admin('POST', `${path}/refunds`, { amount: 10, reason: 'late' }, key)
      assert.deepEqual([first.status, first.body.refund.state, first.body.refund.reason], [201, 'SUCCEEDED', 'late'])
      const again = await atOnce(10, () => admin('POST', `${path}/refunds`, { amount: 10, reason: 'late' }, key))
      for (const { status, body, headers } of again)
        assert.deepEqual([status, body.refund.id, headers.get('idempotency-replayed')], [201, first.body.refund.id, 'true'])
      assert.equal((await admin('POST', `${path}/refunds`, { amount: 11 }, key)).body.code, 'idempotency_key_reused')
      success(await admin('POST', `${path}/refunds`, { amount: 10, reason: 'late' }, randomUUID()))
      const other = randomUUID()
      await atOnce(10, () => admin('POST', `${path}/refunds`, { amount: 7 }, other))
      assert.deepEqual(await shop.returned(paymentId), [10, 10, 7])
      await shop.balance()
    })

    it('SEED2-67 MON-9 pieces given back one by one, with discount, taxes and shipping, sum to what was paid, and the order stands', async () => {
      const promotion = { name: 'off', benefit: { kind: 'percent_off', percent: '33.333' }, conditions: [] }
      const { id } = success(await admin('POST', '/promotions', promotion))
      const lines = [{ sku: 'A', quantity: 2 }, { sku: 'B', quantity: 3 }, { sku: 'C' }]
      const { path, order, paymentId } = await shop.order(lines, { shippingMethod: 'post' })
      success(await admin('PUT', `/promotions/${id}`, { ...promotion, active: false }))
      const uses = await shop.store.reader.db.selectFrom('promotions').select('uses').where('id', '=', id).executeTakeFirstOrThrow()
      for (const { id: lineId, quantity } of order.lines.toReversed()) {
        for (let piece = 0; piece < quantity; piece++)
          success(await admin('POST', `${path}/refunds`, { lines: [{ lineId, quantity: 1 }] }, randomUUID()))
        const more = await admin('POST', `${path}/refunds`, { lines: [{ lineId, quantity: 1 }] })
        assert.deepEqual([more.status, more.body.code, more.body.left], [409, 'pieces_not_left', 0])
      }
      const { refund } = success(await admin('POST', `${path}/refunds`, { shipping: { amount: 200 } }))
      assert.deepEqual([refund.shipping.amount, refund.amount.amount, refund.by], [200, 200, 'server'])
      success(await admin('POST', `${path}/refunds`, { shipping: true }))
      const given = success(await admin('GET', `${path}/refunds`)).items as Refund[]
      assert.equal(given.length, 8)
      assert.equal(
        amountsOf(given).reduce((sum, each) => sum + each, 0),
        order.total.amount,
      )
      assert.deepEqual(await shop.returned(paymentId), amountsOf(given))
      const now = await shop.read(order.id)
      assert.deepEqual([now.state, now.paymentState, now.total, now.cancelledTotal.amount], ['PLACED', 'REFUNDED', order.total, 0])
      const after = await shop.store.reader.db.selectFrom('promotions').select('uses').where('id', '=', id).executeTakeFirstOrThrow()
      assert.deepEqual(after, uses, 'refunds give no use of a promotion back')
      assert.equal((await admin('POST', `${path}/refunds`, { amount: 1 })).body.left, 0)
      await shop.balance()
    })

    it('pieces go back into stock where staff says so, and never twice', async () => {
      const { path, order } = await shop.order([{ sku: 'B', quantity: 3 }, { sku: 'A' }])
      const [b, a] = order.lines as { id: string }[]
      const before = [await shop.stockOf('B'), await shop.stockOf('A')] as [number, number]
      success(await admin('POST', `${path}/refunds`, { lines: [{ lineId: b?.id, quantity: 1 }] }))
      assert.equal(await shop.stockOf('B'), before[0])
      const body = {
        restock: true,
        lines: [
          { lineId: b?.id, quantity: 2 },
          { lineId: a?.id, quantity: 1, restock: false },
        ],
      }
      const { order: now, refund } = success(await admin('POST', `${path}/refunds`, body))
      assert.deepEqual([await shop.stockOf('B'), await shop.stockOf('A')], [before[0] + 2, before[1]])
      assert.deepEqual(
        refund.lines.map((each: { quantity: number; restocked: boolean }) => [each.quantity, each.restocked]),
        [
          [2, true],
          [1, false],
        ],
      )
      assert.deepEqual([now.version, now.lines[0].restockedQuantity], [order.version + 3, 2])
      success(await admin('POST', `${path}/cancel`))
      assert.deepEqual([await shop.stockOf('B'), await shop.stockOf('A')], [before[0] + 3, before[1] + 1])
    })

    it('PAY-5 what a provider refuses for good is failed at once, is told and shown, frees its pieces, and is tried again under its own id', async () => {
      const { path, order, orderId, paymentId } = await shop.order([{ sku: 'A', quantity: 2 }])
      const lines = [{ lineId: order.lines[0].id, quantity: 2 }]
      shop.line.fault = 'refuses'
      shop.line.asked.length = 0
      const { order: then, refund } = success(await admin('POST', `${path}/refunds`, { lines, reason: 'broken' }))
      shop.line.fault = null
      assert.deepEqual([refund.state, refund.failure], ['FAILED', 'insufficient_funds'])
      assert.deepEqual([then.paymentState, then.refundedTotal.amount, then.outstandingTotal.amount], ['PAID', 0, 0])
      await shop.settle()
      assert.equal(shop.line.asked.length, 1, 'who refused is not asked again')
      assert.deepEqual(await shop.eventsOf(orderId), ['refund.failed'])
      const history = await shop.historyOf(orderId)
      assert.deepEqual(
        history.slice(-2).map(({ action }) => action),
        ['refund_request', 'refund_fail'],
      )
      assert.equal(history.at(-1)?.details?.words, 'The account has not enough money.')
      const key = randomUUID()
      const retry = () => admin('POST', `${path}/refunds/${refund.id}/retry`, undefined, key)
      const again = success(await retry())
      assert.deepEqual([again.refund.id, again.refund.state, again.refund.failure], [refund.id, 'SUCCEEDED', null])
      assert.equal(success(await retry()).refund.state, 'SUCCEEDED')
      assert.deepEqual([shop.line.asked, again.order.paymentState], [[refund.id, refund.id], 'REFUNDED'])
      const more = await admin('POST', `${path}/refunds/${refund.id}/retry`)
      assert.deepEqual([more.status, more.body.code, more.body.state], [409, 'refund_state_forbids', 'SUCCEEDED'])
      assert.deepEqual(await shop.returned(paymentId), [200])
      await shop.balance()
    })

    it('PAY-5 a refund that was refused is not tried again when its pieces or its money went back otherwise, also by cancelling', async () => {
      const { path, order, orderId, paymentId } = await shop.order([{ sku: 'A', quantity: 2 }])
      const lines = [{ lineId: order.lines[0].id, quantity: 1 }]
      shop.line.fault = 'refuses'
      const failed = success(await admin('POST', `${path}/refunds`, { lines })).refund as Refund
      const free = success(await admin('POST', `${path}/refunds`, { amount: 150 })).refund as Refund
      shop.line.fault = null
      success(await admin('POST', `${path}/refunds`, { lines: [{ lineId: order.lines[0].id, quantity: 2 }] }))
      assert.equal((await admin('POST', `${path}/refunds/${failed.id}/retry`)).body.code, 'pieces_not_left')
      const none = await admin('POST', `${path}/refunds/${free.id}/retry`)
      assert.deepEqual([none.status, none.body.code, none.body.left], [409, 'refund_exceeds_payment', 0])
      success(await admin('POST', `${path}/cancel`))
      await shop.settle()
      assert.deepEqual(await shop.returned(paymentId), [200])
      assert.equal((await shop.read(orderId)).paymentState, 'REFUNDED')
      await shop.balance()
    })

    it('cancelling gives back what is left, and tries again what failed only as far as it is left', async () => {
      const { path, orderId, paymentId } = await shop.order([{ sku: 'A', quantity: 3 }])
      shop.line.fault = 'refuses'
      for (const amount of [90, 80]) success(await admin('POST', `${path}/refunds`, { amount }))
      shop.line.fault = null
      success(await admin('POST', `${path}/refunds`, { amount: 140 }))
      success(await admin('POST', `${path}/cancel`))
      await shop.settle()
      assert.deepEqual((await shop.returned(paymentId)).toSorted(), [140, 70, 90])
      const { state, paymentState, outstandingTotal } = await shop.read(orderId)
      assert.deepEqual([state, paymentState, outstandingTotal.amount], ['CANCELLED', 'REFUNDED', 0])
      await shop.balance()
    })

    it('PAY-5 a silent provider leaves a refund pending that a job carries on, and one whose answer was lost gives back once', async () => {
      for (const fault of ['silent', 'loses'] as const) {
        const { path, orderId, paymentId } = await shop.order([{ sku: 'A' }])
        shop.line.fault = fault
        const answer = await admin('POST', `${path}/refunds`, { amount: 60 }, randomUUID())
        shop.line.fault = null
        assert.deepEqual([answer.status, answer.body.refund.state], [201, 'PENDING'])
        assert.equal((await admin('POST', `${path}/refunds`, { amount: 41 })).body.left, 40, 'what is pending is not left')
        await shop.settle()
        const { refunds, paymentState } = await shop.read(orderId)
        assert.deepEqual([refunds.map((each: Refund) => each.state), paymentState], [['SUCCEEDED'], 'PARTIALLY_REFUNDED'])
        assert.deepEqual(await shop.returned(paymentId), [60])
      }
      await shop.balance()
    })

    it('while whoever asked for a refund waits for the provider, no job asks as well', async () => {
      const { path } = await shop.order([{ sku: 'A' }])
      shop.line.asked.length = 0
      shop.line.meanwhile = () => shop.engine.jobs.runDue()
      assert.equal(success(await admin('POST', `${path}/refunds`, { amount: 60 })).refund.state, 'SUCCEEDED')
      await shop.settle()
      assert.equal(shop.line.asked.length, 1)
    })

    it('where one payment has not enough, the newest gives first, and what belongs together says so', async () => {
      const { path, orderId, order, paymentId } = await shop.order([{ sku: 'A', quantity: 2 }])
      const second = await payTwice(orderId, paymentId, 70)
      const { refund, order: now } = success(
        await admin('POST', `${path}/refunds`, { lines: [{ lineId: order.lines[0].id, quantity: 2 }] }),
      )
      assert.deepEqual(
        now.refunds.map((each: Refund) => [each.paymentId, each.amount.amount, each.groupId, each.state]),
        [
          [second, 70, refund.groupId, 'SUCCEEDED'],
          [paymentId, 130, refund.groupId, 'SUCCEEDED'],
        ],
      )
      assert.deepEqual([await shop.returned(second), await shop.returned(paymentId)], [[70], [130]])
      const named = await admin('POST', `${path}/refunds`, { amount: 1, payment: second })
      assert.deepEqual([named.status, named.body.left], [409, 0])
      success(await admin('POST', `${path}/refunds`, { amount: 70, payment: paymentId }))
      assert.equal((await shop.read(orderId)).paymentState, 'REFUNDED')
      await shop.balance()
    })

    /** A second payment of an order, taken at the sandbox as well: what an order that became dearer has. */
    async function payTwice(orderId: string, paymentId: string, amount: number): Promise<string> {
      const first = await readPayment(shop.store.reader, shop.shopId, paymentId)
      assert.ok(first)
      const id = shop.engine.random.id('pay')
      const request = { shopId: shop.shopId, orderId, attemptId: id, amount, currency: 'USD', description: 'more', email: null }
      const opening = { ...request, lines: [], returnUrl: null, capture: 'automatic' as const, language: null }
      const { sessionId } = await shop.sandbox.open(opening, new AbortController().signal)
      await shop.sandbox.pay(shop.shopId, sessionId, '4242 4242 4242 4242')
      await shop.store.transact((writer) => insertPayment(writer, { ...first, id, amount, captured: amount, session_id: sessionId }))
      return id
    }

    it('money that was only reserved is not given back: the refusal says to void it or to cancel', async () => {
      const { orderId, paymentId } = await shop.orderUnpaid([{ sku: 'A' }])
      await shop.tell(paymentId, 'authorized')
      const answer = await admin('POST', `/orders/${orderId}/refunds`, { amount: 10 })
      assert.deepEqual(
        [answer.status, answer.body.code, answer.body.reason],
        [409, 'order_state_forbids', 'money_only_reserved_void_or_cancel'],
      )
    })

    it('what is not there or makes no sense is refused, and nothing is written', async () => {
      const { path, order, guest, paymentId } = await shop.order([{ sku: 'A' }])
      const other = await shop.order([{ sku: 'A' }])
      const lineId = order.lines[0].id
      const refusals: [body: object, status: number, code: string][] = [
        [{}, 422, 'invalid'],
        [{ restock: true }, 422, 'invalid'],
        [{ amount: 0 }, 422, 'invalid'],
        [{ amount: 1.5 }, 422, 'invalid'],
        [{ amount: -1 }, 422, 'invalid'],
        [{ amount: 1, currency: 'EUR' }, 422, 'invalid'],
        [{ lines: [{ lineId, quantity: 0 }] }, 422, 'invalid'],
        [{ lines: [{ lineId: 'ln_none', quantity: 1 }] }, 404, 'line_not_found'],
        [{ lines: [{ lineId: other.order.lines[0].id, quantity: 1 }] }, 404, 'line_not_found'],
        [{ lines: [{ lineId, quantity: 2 }] }, 409, 'pieces_not_left'],
        [{ amount: 1, payment: other.paymentId }, 404, 'payment_not_found'],
        [{ amount: 101 }, 409, 'refund_exceeds_payment'],
        [{ shipping: { amount: 1 } }, 409, 'refund_exceeds_payment'],
      ]
      for (const [body, status, code] of refusals) {
        const answer = await admin('POST', `${path}/refunds`, body)
        assert.deepEqual([answer.status, answer.body.code], [status, code], JSON.stringify(body))
      }
      assert.equal((await admin('POST', '/orders/ord_none/refunds', { amount: 1 })).body.code, 'order_not_found')
      assert.equal((await admin('POST', `${path}/refunds/rf_none/retry`)).body.code, 'refund_not_found')
      assert.equal((await guest('POST', `${path}/refunds`, { amount: 1 })).status, 401)
      assert.deepEqual([(await shop.read(order.id)).refunds, await shop.returned(paymentId)], [[], []])
    })

    it('PAY-5 a process that dies before or after any of its transactions gives back exactly once', async () => {
      for (const when of ['before', 'after'] as const) {
        let deaths = 0
        for (let at = 1; ; at++) {
          const { orderId, order, paymentId } = await shop.order([{ sku: 'A', quantity: 2 }])
          const stock = await shop.stockOf('A')
          const dying = dyingStore(shop.store, at, when)
          const request = { lines: [{ lineId: order.lines[0].id, quantity: 1, restock: true }] }
          const asking = { by: 'system', claim: { key: `${when}-${at}-${orderId}`, requestHash: 'h', sealed: null } }
          await shop
            .engineOn(dying.store)
            .refunds.give(shop.shopId, orderId, request, asking)
            .catch(() => {})
          if (!dying.hasDied()) break
          deaths++
          // Whoever asked asks again with the same key, and jobs go on.
          await shop.engine.refunds.give(shop.shopId, orderId, request, asking)
          await shop.settle()
          assert.deepEqual([await shop.returned(paymentId), await shop.stockOf('A')], [[100], stock + 1], `died ${when} ${at}`)
          const now = await shop.read(orderId)
          assert.deepEqual([now.refunds.map((each: Refund) => each.state), now.paymentState], [['SUCCEEDED'], 'PARTIALLY_REFUNDED'])
        }
        assert.ok(deaths >= 2, `it died ${deaths} times`)
      }
      await shop.balance()
    })

    it('refunds, cancelled pieces and a cancelled order at the same moment give back what was paid, and all stock', async () => {
      const before = await shop.stockOf('A')
      const { path, order, orderId, paymentId } = await shop.order([{ sku: 'A', quantity: 6 }])
      const lineId = order.lines[0].id
      const some = (): Promise<Answer>[] => [
        admin('POST', `${path}/refunds`, { lines: [{ lineId, quantity: 1, restock: true }] }, randomUUID()),
        admin('POST', `${path}/cancel`, { lines: [{ lineId, quantity: 1 }] }, randomUUID()),
        admin('POST', `${path}/refunds`, { amount: 70 }, randomUUID()),
      ]
      const answers = await Promise.all([...some(), ...some(), admin('POST', `${path}/cancel`), ...some()])
      for (const { status, body } of answers) assert.ok([200, 201, 409].includes(status), JSON.stringify(body))
      await shop.settle()
      const now = await shop.read(orderId)
      assert.deepEqual([now.state, now.paymentState, now.outstandingTotal.amount], ['CANCELLED', 'REFUNDED', 0])
      assert.equal(
        (await shop.returned(paymentId)).reduce((sum, each) => sum + each, 0),
        600,
      )
      assert.equal(await shop.stockOf('A'), before)
      assert.ok(before <= STOCK)
      await shop.balance()
    })

    // The last one: the books of the shop do not know of what was given back without them.
    it('what somebody gave back at the provider itself cannot go back again: the sandbox refuses, and the refund is failed', async () => {
      const { path, paymentId } = await shop.order([{ sku: 'A' }])
      const { id: sessionId } = await shop.session(paymentId)
      const request = { shopId: shop.shopId, sessionId, refundId: 'by-hand', amount: 50, currency: 'USD' }
      await shop.sandbox.refund(request, new AbortController().signal)
      const { refund } = success(await admin('POST', `${path}/refunds`, { amount: 60 }))
      assert.deepEqual([refund.state, refund.failure], ['FAILED', 'refund_exceeds_payment'])
    })
  })
}
