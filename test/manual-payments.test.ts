// Payment by hand: an order is placed without money and waits for staff, who says what came. Promised on both databases.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import { isRefusal } from '../src/core/refusal.ts'
import { atOnce, DIALECTS } from './harness.ts'
import { dyingStore, openShop, STOCK, startWorld, success } from './paying.ts'

const BANK = { id: 'bank_transfer', name: 'Bank transfer', instructions: 'IBAN DE89 3704 0044 0532 0130 00' }
const CASH = { id: 'cash', name: 'Cash on delivery', instructions: '' }
const BY_HAND = { providers: ['manual', 'sandbox'], manualMethods: [BANK, CASH] }
const HOUR = 3_600_000

for (const dialect of DIALECTS)
  describe(`payments by hand on ${dialect}`, async () => {
    const world = await startWorld(dialect)

    it('SEED4-55 what can be chosen are the methods of each provider, in the order of the settings; the first is the default', async () => {
      const shop = await openShop(world, BY_HAND)
      const guest = await shop.guest()
      const { items } = success(await guest.run('GET', '/carts/current/payment-methods'))
      assert.deepEqual(items, [
        { id: 'manual:bank_transfer', name: 'Bank transfer', provider: 'manual', method: 'bank_transfer', default: true },
        { id: 'manual:cash', name: 'Cash on delivery', provider: 'manual', method: 'cash', default: false },
        { id: 'sandbox', name: 'sandbox', provider: 'sandbox', method: null, default: false },
      ])
      const unknown = await guest.run('POST', '/orders', { cartId: guest.cartId, payment: { provider: 'manual', method: 'gold' } })
      assert.deepEqual([unknown.status, unknown.body.code, unknown.body.path], [409, 'payment_method_unavailable', '/payment/method'])
      assert.deepEqual(unknown.body.available, ['bank_transfer', 'cash'])
      const { order } = await guest.order({ payment: { method: 'cash' } })
      assert.deepEqual([order.payments[0].method, order.payments[0].instructions], ['cash', null])
    })

    it('an order is placed at once, with stock taken and the cart closed, and says how it is to be paid', async () => {
      const shop = await openShop(world, BY_HAND)
      const guest = await shop.guest([{ sku: 'A', quantity: 3 }])
      const { order, payment } = await guest.order()
      assert.deepEqual([order.state, order.paymentState, order.paidAt, payment], ['PLACED', 'PENDING', null, null])
      const [{ state, method, instructions, captured }] = order.payments
      assert.deepEqual([state, method, instructions, captured.amount], ['PENDING', 'bank_transfer', BANK.instructions, 0])
      assert.equal(typeof order.reference, 'string')
      assert.equal(await shop.onHand('A'), STOCK - 3)
      assert.equal(success(await guest.run('GET', `/carts/${guest.cartId}`)).closedReason, 'ordered')
      assert.deepEqual(await shop.told(order.id), ['order.created', 'payment.pending', 'order.placed'])
      // Whoever changes the words later changes no order.
      success(await shop.admin('PATCH', '/settings', { payment: { manualMethods: [CASH] } }))
      assert.equal((await shop.read(order.id)).payments[0].instructions, BANK.instructions)
      const again = await guest.run('POST', '/orders', { cartId: guest.cartId })
      assert.deepEqual([again.status, again.body.order.id], [200, order.id])
    })

    it('it waits for staff as long as it takes: nobody asks, nothing closes it, and returning browsers change nothing', async () => {
      const shop = await openShop(world, BY_HAND)
      const { order } = await (await shop.guest()).order()
      const paymentId = order.payments[0].id as string
      world.byHand.calls.length = 0
      await shop.settle()
      world.move(60 * 24 * HOUR)
      await shop.settle()
      await world.call(null)('GET', `${shop.path}/payments/manual/returns/${paymentId}`)
      assert.deepEqual(world.byHand.calls, [])
      const waiting = await shop.read(order.id)
      assert.deepEqual([waiting.state, waiting.paymentState, waiting.payments[0].state], ['PLACED', 'PENDING', 'PENDING'])
    })

    it('SEED2-67 staff says that the money came: the order is paid, with the words of the bank, once however often it is said', async () => {
      const shop = await openShop(world, BY_HAND)
      const { order } = await (await shop.guest()).order()
      const of = { orderId: order.id as string, paymentId: order.payments[0].id as string }
      const body = { reference: 'SEPA 4711', receivedAt: new Date(world.clock.now() - HOUR).toISOString() }
      const paid = success(await shop.act('mark-paid', of, body))
      assert.deepEqual([paid.paymentState, paid.paidAt, paid.paidTotal.amount], ['PAID', body.receivedAt, 1000])
      assert.deepEqual(
        [paid.payments[0].state, paid.payments[0].reference, paid.payments[0].paidAt],
        ['PAID', 'SEPA 4711', body.receivedAt],
      )
      const again = success(await shop.act('mark-paid', of))
      assert.equal(again.version, paid.version, 'nothing happened')
      assert.deepEqual((await shop.told(order.id)).slice(-1), ['payment.succeeded'])
      const more = await shop.act('mark-paid', of, { amount: 1 })
      assert.deepEqual([more.status, more.body.code, more.body.path, more.body.owed], [422, 'invalid', '/amount', 0])
    })

    it('SEED4-53 money that comes in parts is added up until the whole is there, and never more than is owed', async () => {
      const shop = await openShop(world, BY_HAND)
      const { order } = await (await shop.guest()).order()
      const of = { orderId: order.id as string, paymentId: order.payments[0].id as string }
      const part = success(await shop.act('mark-paid', of, { amount: 300, reference: 'one' }))
      assert.deepEqual([part.paymentState, part.paidAt, part.outstandingTotal.amount], ['PARTIALLY_PAID', null, 700])
      const much = await shop.act('mark-paid', of, { amount: 701 })
      assert.deepEqual([much.status, much.body.owed], [422, 700])
      const early = await shop.act('mark-paid', of, { receivedAt: new Date(world.clock.now() + HOUR).toISOString() })
      assert.deepEqual([early.status, early.body.path], [422, '/receivedAt'])
      // The same key is one receipt; twenty at once under their own keys are never more than what is owed.
      const headers = { 'idempotency-key': randomUUID() }
      for (const replayed of [null, 'true']) {
        const answer = await shop.act('mark-paid', of, { amount: 100 }, headers)
        assert.deepEqual([answer.headers.get('idempotency-replayed'), success(answer).paidTotal.amount], [replayed, 400])
      }
      const answers = await atOnce(8, () => shop.act('mark-paid', of, { amount: 200 }))
      assert.equal(answers.filter((answer) => answer.status === 200).length, 3)
      const whole = await shop.read(order.id)
      assert.deepEqual([whole.paymentState, whole.payments[0].captured.amount, whole.outstandingTotal.amount], ['PAID', 1000, 0])
    })

    it('what came besides, and goes back, is not counted: all of it is still owed by hand', async () => {
      const shop = await openShop(world, BY_HAND)
      const { run, order: ordering } = await shop.guest()
      const first = await ordering({ payment: { provider: 'sandbox' } })
      const { order } = success(await run('POST', `/orders/${first.order.id}/payments`, { method: 'cash' }))
      assert.deepEqual([order.state, order.payments[1].provider], ['PLACED', 'manual'])
      await shop.tell(first.payment.id, 'paid')
      assert.deepEqual((await shop.read(order.id)).payments[0].captured.amount, 1000)
      const paid = success(await shop.act('mark-paid', { orderId: order.id, paymentId: order.payments[1].id }))
      assert.deepEqual([paid.payments[1].state, paid.payments[1].captured.amount], ['PAID', 1000])
    })

    it('only what is paid by hand is marked by hand', async () => {
      const shop = await openShop(world, BY_HAND)
      const { order, payment } = await (await shop.guest()).order({ payment: { provider: 'sandbox' } })
      const answer = await shop.act('mark-paid', { orderId: order.id, paymentId: payment.id })
      assert.deepEqual(
        [answer.status, answer.body.code, answer.body.reason],
        [409, 'payment_state_forbids', 'its_provider_says_what_is_paid'],
      )
      assert.equal((await shop.read(order.id)).state, 'NEW')
      const elsewhere = await (await shop.guest()).order()
      const foreign = await shop.act('mark-paid', { orderId: elsewhere.order.id, paymentId: payment.id })
      assert.deepEqual([foreign.status, foreign.body.code], [404, 'payment_not_found'])
    })

    it('cancelled before money came: the payment is closed, nothing goes back, and money cannot be marked any more', async () => {
      const shop = await openShop(world, BY_HAND)
      const { order } = await (await shop.guest()).order()
      const of = { orderId: order.id as string, paymentId: order.payments[0].id as string }
      success(await shop.admin('POST', `/orders/${order.id}/cancel`))
      await shop.settle()
      const ended = await shop.read(order.id)
      assert.deepEqual([ended.state, ended.payments[0].state, ended.refunds], ['CANCELLED', 'CANCELLED', []])
      assert.equal(await shop.onHand('A'), STOCK)
      const [action] = await shop.rows('payment_actions')
      assert.deepEqual([action?.kind, action?.state], ['void', 'SUCCEEDED'])
      const late = await shop.act('mark-paid', of)
      assert.deepEqual([late.status, late.body.reason], [409, 'order_is_not_placed'])
    })

    it('cancelled after a part came: exactly that part goes back', async () => {
      const shop = await openShop(world, BY_HAND)
      const { order } = await (await shop.guest()).order()
      success(await shop.act('mark-paid', { orderId: order.id, paymentId: order.payments[0].id }, { amount: 400 }))
      success(await shop.admin('POST', `/orders/${order.id}/cancel`))
      await shop.settle()
      const ended = await shop.read(order.id)
      assert.deepEqual([ended.paymentState, ended.refundedTotal.amount, ended.payments[0].state], ['REFUNDED', 400, 'REFUNDED'])
    })

    it('a payment that will not come is closed by staff; the order stays, and money that comes after all can be marked', async () => {
      const shop = await openShop(world, BY_HAND)
      const { order } = await (await shop.guest()).order()
      const of = { orderId: order.id as string, paymentId: order.payments[0].id as string }
      const closed = success(await shop.act('void', of))
      assert.deepEqual([closed.state, closed.paymentState, closed.payments[0].state], ['PLACED', 'FAILED', 'CANCELLED'])
      assert.equal(success(await shop.act('void', of)).version, closed.version)
      assert.equal(success(await shop.act('mark-paid', of)).paymentState, 'PAID')
    })

    it('what is not there any more is not promised: the order ends, and nobody is asked for money', async () => {
      const shop = await openShop(world, BY_HAND)
      success(await shop.admin('PATCH', '/settings', { inventory: { reserve: 'none' } }))
      const guest = await shop.guest([{ sku: 'A', quantity: 2 }])
      world.byHand.line.meanwhile = async () => success(await shop.admin('PUT', '/stock/A', { onHand: 1 }))
      const refused = await guest.run('POST', '/orders', { cartId: guest.cartId })
      assert.deepEqual([refused.status, refused.body.code], [409, 'insufficient_stock'])
      const ended = await shop.read(refused.body.orderId)
      assert.deepEqual([ended.state, ended.payments[0].state], ['EXPIRED', 'CANCELLED'])
      success(await shop.admin('PUT', '/stock/A', { onHand: 2 }))
      assert.equal((await guest.order()).order.state, 'PLACED', 'the cart is as it was')
    })

    it('a process that dies before or after any of its transactions leaves one order, which is placed without anybody doing anything', async () => {
      const shop = await openShop(world, BY_HAND)
      let deaths = 0
      for (const when of ['before', 'after'] as const)
        for (let at = 1; ; at++) {
          const guest = await shop.guest()
          const dying = dyingStore(world.store, at, when)
          const owner = { kind: 'guest' as const, guestId: guest.token.split('_')[1] ?? '' }
          const ordered = await world
            .engineOn(dying.store)
            .checkout.order({ shopId: shop.id, owner, all: false, cartId: guest.cartId, by: 'guest' })
            .catch(() => null)
          if (!dying.hasDied()) {
            assert.ok(ordered !== null && !isRefusal(ordered))
            break
          }
          deaths++
          await shop.settle()
          const { items } = success(await shop.admin('GET', `/orders?cartId=${guest.cartId}`))
          const wasWritten = at > 1 || when === 'after'
          assert.deepEqual(
            items.map((order: { state: string; paymentState: string }) => [order.state, order.paymentState]),
            wasWritten ? [['PLACED', 'PENDING']] : [],
            `died ${when} ${at}`,
          )
        }
      assert.ok(deaths >= 5, `died ${deaths} times`)
    })

    it('ordered twice at once and after a crash, by the same key or another, it is one order with one payment', async () => {
      const shop = await openShop(world, BY_HAND)
      const guest = await shop.guest()
      const answers = await atOnce(12, (index) =>
        guest.run('POST', '/orders', { cartId: guest.cartId }, index % 2 ? { 'idempotency-key': 'one' } : {}),
      )
      assert.equal(new Set(answers.map((answer) => success(answer).order.id)).size, 1)
      assert.equal((await shop.rows('payments')).length, 1)
      assert.equal(await shop.onHand('A'), STOCK - 1)
    })
  })
