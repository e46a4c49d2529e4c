// Reserved money is taken or set free by staff, once, whatever the provider does meanwhile: it is silent, its answers are lost, somebody acts at its
// own pages, the process dies. And messages that come early, or are about something else, are kept or told. Promised on both databases.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import { isRefusal } from '../src/core/refusal.ts'
import { insertPayment, updatePayment } from '../src/store/orders.ts'
import { atOnce, mainlyOn } from './harness.ts'
import { CARD, dyingStore, openShop, startWorld, success } from './paying.ts'

const LATER = { providers: ['sandbox'], capture: 'manual' }
const REFUSES_CAPTURE = '4000 0000 0000 0341'
const HOUR = 3_600_000
const DAY = 24 * HOUR

for (const dialect of mainlyOn('postgres'))
  describe(`reserved money on ${dialect}`, async () => {
    const world = await startWorld(dialect)
    const { cards } = world

    describe('is taken', () => {
      it('SEED2-67 SEED4-53 by staff: the order is placed with it, and paid when it is taken', async () => {
        const shop = await openShop(world, LATER)
        const of = await shop.reserved()
        const placed = await shop.read(of.orderId)
        assert.deepEqual([placed.state, placed.paymentState, placed.paidAt, placed.paidTotal.amount], ['PLACED', 'AUTHORIZED', null, 0])
        const paid = success(await shop.act('capture', of))
        assert.deepEqual([paid.paymentState, typeof paid.paidAt, paid.paidTotal.amount], ['PAID', 'string', 1000])
        assert.deepEqual([paid.payments[0].state, paid.payments[0].captured.amount, paid.payments[0].reason], ['PAID', 1000, null])
        assert.equal((await shop.session(of.paymentId)).state, 'paid')
        assert.deepEqual(await shop.told(of.orderId), ['order.created', 'payment.authorized', 'order.placed', 'payment.succeeded'])
      })

      it('SEED4-53 in part: the order is paid in part, and the rest is set free', async () => {
        const shop = await openShop(world, LATER)
        const of = await shop.reserved()
        const much = await shop.act('capture', of, { amount: 1001 })
        assert.deepEqual([much.status, much.body.path, much.body.reserved], [422, '/amount', 1000])
        const part = success(await shop.act('capture', of, { amount: 600 }))
        assert.deepEqual([part.paymentState, part.paidAt, part.outstandingTotal.amount], ['PARTIALLY_PAID', null, 400])
        const other = await shop.act('capture', of, { amount: 400 })
        assert.deepEqual([other.status, other.body.code], [409, 'payment_state_forbids'])
        assert.equal(success(await shop.act('capture', of, { amount: 600 })).version, part.version, 'the same again changes nothing')
        // What is given back of it is what was taken, not what had been reserved.
        success(await shop.admin('POST', `/orders/${of.orderId}/cancel`))
        await shop.settle()
        const ended = await shop.read(of.orderId)
        assert.deepEqual([ended.paymentState, ended.refundedTotal.amount], ['REFUNDED', 600])
        assert.deepEqual(
          (await shop.session(of.paymentId)).refunds.map((each) => each.amount),
          [600],
        )
      })

      it('once, by twenty at the same moment, with one key or many, and whoever takes another amount is refused', async () => {
        const shop = await openShop(world, LATER)
        const of = await shop.reserved()
        const key = { 'idempotency-key': randomUUID() }
        cards.calls.length = 0
        const answers = await atOnce(20, (index) => shop.act('capture', of, undefined, index % 2 ? key : {}))
        assert.deepEqual([...new Set(answers.map((answer) => answer.status))], [200])
        assert.equal(new Set(cards.calls.filter((each) => each.method === 'capture').map((each) => each.id)).size, 1)
        assert.equal((await shop.told(of.orderId)).filter((type) => type === 'payment.succeeded').length, 1)
        const reused = await shop.act('capture', of, { amount: 5 }, key)
        assert.deepEqual([reused.status, reused.body.code], [422, 'idempotency_key_reused'])
      })

      for (const fault of ['refuses', 'loses'] as const)
        it(`after a provider that ${fault} was silent: 502, the jobs go on, and repeating it resumes; never twice`, async () => {
          const shop = await openShop(world, LATER)
          const of = await shop.reserved()
          cards.line.faults = { capture: fault, status: 'refuses' }
          cards.calls.length = 0
          const silent = await shop.act('capture', of, { amount: 700 })
          assert.deepEqual([silent.status, silent.body.code, silent.headers.get('retry-after')], [502, 'provider_unavailable', '5'])
          assert.equal((await shop.read(of.orderId)).payments[0].reason, 'capture_under_way')
          const crossed = [await shop.act('void', of), await shop.act('capture', of, { amount: 800 })]
          for (const answer of crossed) assert.deepEqual([answer.status, answer.body.reason], [409, 'capture_under_way'])
          cards.line.faults = {}
          if (fault === 'refuses') success(await shop.act('capture', of, { amount: 700 }))
          else await shop.settle()
          const paid = await shop.read(of.orderId)
          assert.deepEqual([paid.paymentState, paid.paidTotal.amount], ['PARTIALLY_PAID', 700])
          assert.equal(new Set(cards.calls.filter((each) => each.method === 'capture').map((each) => each.id)).size, 1)
          assert.equal((await shop.session(of.paymentId)).captured?.amount, 700)
        })

      it('or it is given up after twenty attempts, which is seen and told, and tried again under the same id by who asks again', async () => {
        const shop = await openShop(world, LATER)
        const of = await shop.reserved()
        cards.line.faults = { capture: 'refuses', status: 'refuses' }
        cards.calls.length = 0
        assert.equal((await shop.act('capture', of)).status, 502)
        for (let round = 0; round < 30; round++) {
          world.move(2 * HOUR)
          await world.engine.jobs.runDue()
        }
        const asked = cards.calls.filter((each) => each.method === 'capture')
        assert.deepEqual([asked.length, new Set(asked.map((each) => each.id)).size], [20, 1])
        const [failed] = (await shop.read(of.orderId)).payments
        assert.deepEqual([failed.state, failed.reason], ['AUTHORIZED', 'capture_failed'])
        assert.equal((await shop.told(of.orderId)).at(-1), 'payment.failed')
        cards.line.faults = {}
        assert.equal(success(await shop.act('capture', of)).paymentState, 'PAID')
        assert.equal(cards.calls.at(-1)?.id, asked[0]?.id)
      })

      it('where the bank refuses it stays reserved, and can be set free instead once the capture is given up', async () => {
        const shop = await openShop(world, LATER)
        const { order, payment } = await (await shop.guest()).order()
        await shop.pay(payment.id, REFUSES_CAPTURE)
        await shop.tell(payment.id, 'authorized')
        const of = { orderId: order.id as string, paymentId: payment.id as string }
        assert.equal((await shop.act('capture', of)).status, 502)
        for (let round = 0; round < 25; round++) {
          world.move(2 * HOUR)
          await world.engine.jobs.runDue()
        }
        assert.equal(success(await shop.act('void', of)).payments[0].state, 'CANCELLED')
        assert.equal((await shop.session(payment.id)).state, 'cancelled')
      })

      it("at the provider's own pages, in part: the books say what was taken; more than was reserved is told and counts for nothing", async () => {
        const shop = await openShop(world, LATER)
        const part = await shop.reserved()
        await shop.tell(part.paymentId, 'paid', { amount: 250 })
        const taken = await shop.read(part.orderId)
        assert.deepEqual([taken.paymentState, taken.payments[0].captured.amount], ['PARTIALLY_PAID', 250])
        const early = await (await shop.guest()).order()
        await shop.pay(early.payment.id)
        await shop.tell(early.payment.id, 'paid', { amount: 250 })
        await shop.tell(early.payment.id, 'authorized')
        const overtaken = await shop.read(early.order.id)
        assert.deepEqual([overtaken.state, overtaken.paymentState, overtaken.paidTotal.amount], ['PLACED', 'PARTIALLY_PAID', 250])
        const more = await shop.reserved()
        await shop.tell(more.paymentId, 'paid', { amount: 1001 })
        assert.equal((await shop.read(more.orderId)).paymentState, 'AUTHORIZED')
        assert.equal((await shop.told(more.orderId)).at(-1), 'payment.mismatch')
      })

      it('there while we ask for another amount: what was taken counts, and the difference is told', async () => {
        const shop = await openShop(world, LATER)
        const of = await shop.reserved()
        const { id: sessionId } = await shop.session(of.paymentId)
        const elsewhere = { shopId: shop.id, sessionId, captureId: 'by the merchant', amount: 500, currency: 'USD' }
        await world.sandbox.capture(elsewhere, AbortSignal.timeout(1000))
        await shop.act('capture', of, { amount: 900 })
        await shop.settle()
        const paid = await shop.read(of.orderId)
        assert.deepEqual([paid.paymentState, paid.paidTotal.amount], ['PARTIALLY_PAID', 500])
        assert.ok((await shop.told(of.orderId)).includes('payment.mismatch'))
      })
    })

    describe('is set free', () => {
      it('by staff: the order stays, owes its money, and says so', async () => {
        const shop = await openShop(world, LATER)
        const of = await shop.reserved()
        const free = success(await shop.act('void', of))
        assert.deepEqual([free.state, free.paymentState, free.payments[0].state], ['PLACED', 'FAILED', 'CANCELLED'])
        assert.equal((await shop.session(of.paymentId)).state, 'cancelled')
        assert.equal((await shop.told(of.orderId)).at(-1), 'order.updated')
        assert.equal(success(await shop.act('void', of)).version, free.version)
        const late = await shop.act('capture', of)
        assert.deepEqual([late.status, late.body.reason], [409, 'no_money_is_reserved'])
      })

      it('but not what was taken: that is refunded', async () => {
        const shop = await openShop(world, LATER)
        const of = await shop.reserved()
        success(await shop.act('capture', of))
        const answer = await shop.act('void', of)
        assert.deepEqual([answer.status, answer.body.code, answer.body.reason], [409, 'payment_state_forbids', 'money_was_taken'])
      })

      it('or taken, never both: of captures and voids at the same moment one kind wins, and the books say which', async () => {
        const shop = await openShop(world, LATER)
        for (let round = 0; round < 4; round++) {
          const of = await shop.reserved()
          const answers = await atOnce(6, (index) => shop.act(index % 2 ? 'void' : 'capture', of))
          for (const answer of answers) assert.ok([200, 409].includes(answer.status), JSON.stringify(answer.body))
          await shop.settle()
          const { paymentState, payments } = await shop.read(of.orderId)
          const { state } = await shop.session(of.paymentId)
          assert.deepEqual(
            [paymentState, payments[0].state],
            state === 'paid' ? ['PAID', 'PAID'] : ['FAILED', 'CANCELLED'],
            'the provider and we agree',
          )
        }
      })

      it('when its order is cancelled while a capture has no answer; what was taken after all goes back, exactly', async () => {
        const shop = await openShop(world, LATER)
        for (const fault of ['refuses', 'loses'] as const) {
          const of = await shop.reserved()
          cards.line.faults = { capture: fault, status: 'refuses' }
          assert.equal((await shop.act('capture', of, { amount: 600 })).status, 502)
          cards.line.faults = {}
          success(await shop.admin('POST', `/orders/${of.orderId}/cancel`))
          await shop.settle()
          const session = await shop.session(of.paymentId)
          const ended = await shop.read(of.orderId)
          assert.deepEqual([ended.state, ended.paymentState], ['CANCELLED', 'REFUNDED'], fault)
          if (fault === 'refuses') assert.equal(session.state, 'cancelled')
          else
            assert.deepEqual(
              [session.refunds.map((each) => each.amount), ended.refunds.map((each: { amount: object }) => each.amount)],
              [[600], [{ amount: 600, currency: 'USD' }]],
            )
          const late = await shop.act('capture', of, { amount: 600 })
          assert.deepEqual([late.status, late.body.reason], [409, 'order_is_not_placed'])
        }
      })
    })

    it('a process that dies before or after any of its transactions while money is taken leaves it taken once, or reserved', async () => {
      const shop = await openShop(world, LATER)
      let deaths = 0
      for (const when of ['before', 'after'] as const)
        for (let at = 1; ; at++) {
          const of = await shop.reserved()
          const dying = dyingStore(world.store, at, when)
          const address = { shopId: shop.id, ...of, by: 'system' }
          const done = await world
            .engineOn(dying.store)
            .settling.capture(address, 600)
            .catch(() => null)
          if (!dying.hasDied()) {
            assert.ok(!isRefusal(done))
            break
          }
          deaths++
          await shop.settle()
          const { payments } = await shop.read(of.orderId)
          const wasIntended = at > 1 || when === 'after'
          assert.equal(payments[0].captured.amount, wasIntended ? 600 : 0, `died ${when} ${at}`)
          assert.equal((await shop.session(of.paymentId)).captured?.amount ?? 0, wasIntended ? 600 : 0)
          assert.equal(success(await shop.act('capture', of, { amount: 600 })).paidTotal.amount, 600)
        }
      assert.ok(deaths >= 4, `died ${deaths} times`)
    })

    describe('a message of a provider', () => {
      it('PAY-2 about a payment that is not known yet is kept, and pays the order once it is known', async () => {
        const shop = await openShop(world)
        const { order, payment } = await (await shop.guest()).order()
        await shop.pay(payment.id)
        // The rows of the payment are not there yet, as where a message overtakes the transaction that writes them.
        const [row] = await shop.rows('payments')
        assert.ok(row)
        await world.store.transact((writer) => writer.db.deleteFrom('payments').where('shop_id', '=', shop.id).execute())
        await shop.tell(payment.id, 'paid')
        world.move(10 * 60_000)
        await world.engine.jobs.runDue()
        assert.equal((await shop.rows('provider_events'))[0]?.applied_at, null, 'it waits')
        await world.store.transact((writer) => insertPayment(writer, row))
        world.move(HOUR)
        cards.line.faults = { status: 'refuses' }
        await world.engine.jobs.runDue()
        cards.line.faults = {}
        assert.deepEqual([(await shop.read(order.id)).state, (await shop.rows('provider_events'))[0]?.outcome], ['PLACED', 'applied'])
      })

      it('PAY-2 about what stays unknown is tried for three days, more and more rarely, and then put aside', async () => {
        const shop = await openShop(world)
        const { payment } = await (await shop.guest()).order()
        await shop.tell(payment.id, 'paid', { attemptId: 'pay_of_somebody' })
        let tries = 0
        for (let step = 0; step < 80; step++) {
          world.move(HOUR)
          await world.engine.jobs.runDue()
          const [event] = await shop.rows('provider_events')
          if (event?.applied_at !== null) {
            assert.equal(event?.outcome, 'unknown_payment')
            break
          }
          tries = event.attempts
        }
        const [event] = await shop.rows('provider_events')
        assert.ok(event && event.applied_at !== null && event.applied_at - event.received_at >= 3 * DAY)
        assert.ok(tries > 20 && tries < 80, `tried ${tries} times`)
      })

      it('PAY-3 that names another order, another session, the session of another payment or another provider marks nothing paid and is told', async () => {
        const shop = await openShop(world)
        const one = await (await shop.guest()).order()
        const two = await (await shop.guest()).order()
        await shop.pay(one.payment.id)
        const { id: sessionId } = await shop.session(two.payment.id)
        const events = [{ orderId: two.order.id as string }, { sessionId: 'another' }, { sessionId }]
        for (const more of events) await shop.tell(one.payment.id, 'paid', more)
        // The session of a payment that does not know its own yet is not taken from another one.
        const row = (await shop.rows('payments')).find((each) => each.id === one.payment.id)
        assert.ok(row)
        const unopened = { session_id: null, state: 'OPENING' }
        await world.store.transact((writer) => updatePayment(writer, row, unopened, world.clock.now()))
        await shop.tell(one.payment.id, 'paid', { sessionId })
        for (const { order } of [one, two]) assert.deepEqual([(await shop.read(order.id)).state], ['NEW'])
        const alerts = (await shop.rows('deliveries')).filter((each) => each.type === 'payment.mismatch')
        assert.deepEqual(
          alerts.sort((a, b) => (a.id < b.id ? -1 : 1)).map((each) => (JSON.parse(each.data) as { reason: string }).reason),
          ['another_order', 'another_session', 'another_session', 'session_of_another_payment'],
        )
        for (const { outcome } of await shop.rows('provider_events')) assert.equal(outcome, 'unknown_payment')
        const rightful = { orderId: one.order.id as string }
        await shop.tell(one.payment.id, 'paid', rightful)
        assert.equal((await shop.read(one.order.id)).state, 'PLACED', 'the right message still counts')
      })
    })

    it('SEED1-32 where the browser goes after paying is said when the payment is begun, and only where the shop allows', async () => {
      const shop = await openShop(world)
      success(await shop.admin('PATCH', '/settings', { links: { redirectOrigins: ['https://shop.example'] } }))
      const guest = await shop.guest()
      const elsewhere = { cartId: guest.cartId, payment: { returnUrl: 'https://elsewhere.example/' } }
      const refused = await guest.run('POST', '/orders', elsewhere)
      assert.deepEqual([refused.status, refused.body.path], [422, '/payment/returnUrl'])
      const { order, payment } = await guest.order({ payment: { returnUrl: 'https://shop.example/thanks?a=1' } })
      const { returnUrl } = await shop.session(payment.id)
      assert.equal(returnUrl, `http://shop.test${shop.path}/payments/sandbox/returns/${payment.id}`)
      await shop.pay(payment.id)
      const page = await world.call(null)('GET', new URL(returnUrl ?? '').pathname)
      assert.ok(page.body.includes(`https://shop.example/thanks?a=1&#38;order=${order.id}&#38;payment=${payment.id}`), page.body)
      assert.equal((await shop.read(order.id)).state, 'PLACED')
    })

    it('SEED4-53 a purchase takes the money at once; the way of a payment is the one of the moment it was begun', async () => {
      const shop = await openShop(world, { capture: 'automatic' })
      const at = await (await shop.guest()).order()
      success(await shop.admin('PATCH', '/settings', { payment: { capture: 'manual' } }))
      assert.equal(await shop.pay(at.payment.id, CARD), 'paid')
      await shop.settle()
      assert.equal((await shop.read(at.order.id)).paymentState, 'PAID')
    })
  })
