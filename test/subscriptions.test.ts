// Subscriptions that we renew: at the sandbox, which charges the card of the first payment again, and by hand. The clock is moved; jobs run only when
// a test says so. Promised on both databases.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import { atOnce, mainlyOn } from './harness.ts'
import { dyingStore, openShop, startWorld, success, type World } from './paying.ts'
import { told, ware } from './presets/shop.ts'

const DAY = 86_400_000
const DECLINED_LATER = '4000 0000 0000 9987'

const price = (amount: number) => ({ currency: 'USD', amount })
const PLANS = [
  { id: 'monthly', name: 'Monthly', interval: 'P1M', price: price(900), exclusive: true },
  { id: 'yearly', name: 'Yearly', interval: 'P1Y', price: price(9000), exclusive: true },
  { id: 'pair', name: 'Two weeks, twice', interval: 'P1W', price: price(300), maxPeriods: 2 },
  { id: 'open', name: 'As often as you like', interval: 'P1M', price: price(500) },
]

let members = 0

/** A shop with plans, and accounts that are known by their key's word for them. */
async function planShop(world: World, settings: object = {}) {
  const shop = await openShop(world)
  success(await shop.admin('PATCH', '/settings', { pricing: { requireExpected: false }, ...settings }))
  const club = ware('CLUB', { kind: 'subscription', plans: PLANS }, { prices: [] })
  assert.equal(success(await shop.admin('POST', '/products/import', { products: [club] })).refusedCount, 0)
  /** What an account does, through the shop's server. */
  function member(name = `m${++members}`) {
    const as = (method: 'GET' | 'POST', url: string, body?: object) =>
      shop.admin(method, `${url}${url.includes('?') ? '&' : '?'}account=${name}`, body)
    const buy = (plan: string, more: object = {}) =>
      as('POST', '/orders', { items: [{ sku: 'CLUB', plan }], email: `${name}@example.com`, ...more })
    return {
      name,
      as,
      buy,
      /** Orders a plan and pays it; answers its subscription's id. */
      async subscribe(plan = 'monthly', card?: string): Promise<string> {
        const { order, payment } = success(await buy(plan))
        assert.equal(await shop.pay(payment.id, card), 'paid')
        await shop.tell(payment.id, 'paid')
        return order.subscriptionId
      },
    }
  }
  const see = async (id: string) => success(await shop.admin('GET', `/subscriptions/${id}`))
  const ordersOf = async (id: string) =>
    (success(await shop.admin('GET', '/orders?limit=200&state=NEW')).items as { subscriptionId: string }[])
      .concat(success(await shop.admin('GET', '/orders?limit=200')).items)
      .filter((each) => each.subscriptionId === id)
  const events = async (id: string) => shop.told(id)
  return { ...shop, member, see, ordersOf, events }
}

for (const dialect of mainlyOn('postgres'))
  describe(`subscriptions on ${dialect}`, async () => {
    const world = await startWorld(dialect)
    // Where nothing else is due.
    const alone = await startWorld(dialect)
    const due = () => world.engine.jobs.runDue()
    const moveTo = async (subscription: { currentPeriodEnd: string }, days = 0) => {
      world.move(Date.parse(subscription.currentPeriodEnd) - world.clock.now() + days * DAY)
      await due()
    }

    it('SEED0-52 a subscription begins when its money is there: not when it is ordered, and never when nobody pays', async () => {
      const shop = await planShop(world)
      const robin = shop.member()
      const { order, payment } = success(await robin.buy('monthly'))
      const waiting = await shop.see(order.subscriptionId)
      assert.deepEqual([waiting.state, waiting.periods, waiting.currentPeriodStart], ['PENDING', 0, null])
      assert.deepEqual(success(await robin.as('GET', '/subscriptions')).items, [])
      assert.deepEqual(await shop.events(waiting.id), [])
      world.move(60_000)
      await shop.pay(payment.id)
      await shop.tell(payment.id, 'paid')
      const begun = await shop.see(waiting.id)
      assert.deepEqual([begun.state, begun.periods, begun.firstOrderId], ['ACTIVE', 1, order.id])
      assert.ok(Date.parse(begun.currentPeriodStart) >= Date.parse(order.createdAt) + 60_000)
      assert.deepEqual(await shop.events(waiting.id), ['subscription.started'])
      const placed = await shop.read(order.id)
      assert.deepEqual([placed.state, placed.total.amount, placed.subscriptionPeriod], ['PLACED', 900, 1])
      const idle = success(await shop.member().buy('monthly')).order
      world.move(2 * DAY)
      await due()
      const never = await shop.see(idle.subscriptionId)
      assert.deepEqual([never.state, never.endReason, (await shop.read(idle.id)).state], ['EXPIRED', 'never_paid', 'EXPIRED'])
      assert.deepEqual(await shop.events(never.id), [])
    })

    it('a plan is bought alone and by an account, without codes, and the cart stays as it is', async () => {
      const shop = await planShop(world)
      const robin = shop.member()
      success(await robin.as('POST', '/carts/current/lines', { lines: [{ sku: 'A', quantity: 2 }] }))
      const before = success(await robin.as('GET', '/carts/current'))
      await robin.subscribe()
      assert.deepEqual(success(await robin.as('GET', '/carts/current')), before)
      const items = [{ sku: 'CLUB', plan: 'open' }]
      assert.equal(told(await robin.as('POST', '/orders', { items: [...items, { sku: 'A' }] })), '422 plan_not_alone')
      assert.equal(told(await robin.as('POST', '/orders', { items, codes: ['HELLO'] })), '422 code_rejected')
      assert.equal(told(await robin.as('POST', '/orders', { items: [{ sku: 'CLUB', plan: 'daily' }] })), '422 plan_invalid')
      assert.equal(told(await shop.admin('POST', '/orders', { items })), '401 login_required')
      assert.equal(told(await robin.as('POST', '/orders', { items, withoutPayment: true })), '409 payment_method_unavailable')
      const guest = await shop.guest()
      assert.equal(told(await guest.run('POST', '/orders', { items, email: 'g@example.com' })), '401 login_required')
    })

    it('a period that ends becomes an order that the saved card pays, once however many nodes look at it', async () => {
      const shop = await planShop(world)
      const id = await shop.member().subscribe()
      const first = await shop.see(id)
      world.move(Date.parse(first.currentPeriodEnd) - world.clock.now() - 60_000)
      await due()
      assert.equal((await shop.see(id)).periods, 1)
      world.move(60_000)
      const nodes = [world.engine, world.engineOn(world.store), world.engineOn(world.store)]
      await Promise.all(nodes.map((node) => node.jobs.runDue()))
      await due()
      const renewed = await shop.see(id)
      assert.deepEqual([renewed.state, renewed.periods, renewed.currentPeriodStart], ['ACTIVE', 2, first.currentPeriodEnd])
      const orders = await shop.ordersOf(id)
      assert.equal(orders.length, 2)
      const order = await shop.read(renewed.latestOrderId)
      assert.deepEqual([order.state, order.paymentState, order.placedBy, order.subscriptionPeriod], ['PLACED', 'PAID', 'system', 2])
      assert.deepEqual([order.total.amount, order.email, order.owner.accountId], [900, first.email, first.accountId])
      // What was told a month ago is tidied away.
      assert.deepEqual((await shop.events(id)).slice(-1), ['subscription.renewed'])
      assert.equal((await shop.events(id)).filter((type) => type === 'subscription.renewed').length, 1)
      await moveTo(renewed)
      assert.equal((await shop.see(id)).periods, 3)
    })

    it('what was agreed stays: a plan that costs more now, or is not sold any more, is renewed as it was bought', async () => {
      const shop = await planShop(world)
      const id = await shop.member().subscribe()
      const dearer = PLANS.map((plan) => ({ ...plan, price: price(plan.price.amount * 2) }))
      const club = (changes: object) => ware('CLUB', { kind: 'subscription', plans: dearer, ...changes }, { prices: [] })
      success(await shop.admin('POST', '/products/import', { products: [club({})] }))
      await moveTo(await shop.see(id))
      success(await shop.admin('POST', '/products/import', { products: [club({ published: false, plans: [dearer[3]] })] }))
      await moveTo(await shop.see(id))
      const { periods, latestOrderId } = await shop.see(id)
      assert.deepEqual([periods, (await shop.read(latestOrderId)).total.amount], [3, 900])
      assert.equal(told(await shop.member().buy('open')), '422 unavailable')
    })

    it('a renewal that is refused: past due, tried again when the shop says, paid with another card it goes on', async () => {
      const shop = await planShop(world)
      const robin = shop.member()
      const id = await robin.subscribe('monthly', DECLINED_LATER)
      const first = await shop.see(id)
      await moveTo(first)
      const late = await shop.see(id)
      assert.deepEqual([late.state, late.attempts, late.periods], ['PAST_DUE', 1, 1])
      assert.deepEqual((await shop.events(id)).slice(-1), ['subscription.past_due'])
      const unpaid = await shop.read(late.renewalOrderId)
      assert.deepEqual([unpaid.state, unpaid.expiresAt], ['NEW', null])
      world.move(DAY)
      await due()
      assert.equal((await shop.see(id)).attempts, 2)
      const { payment } = success(await robin.as('POST', `/orders/${unpaid.id}/payments`, {}))
      assert.equal(await shop.pay(payment.id), 'paid')
      await shop.tell(payment.id, 'paid')
      const again = await shop.see(id)
      assert.deepEqual([again.state, again.periods, again.attempts, again.currentPeriodStart], ['ACTIVE', 2, 0, first.currentPeriodEnd])
      await moveTo(again)
      const { periods, state } = await shop.see(id)
      assert.deepEqual([periods, state], [3, 'ACTIVE'], 'the other card is charged from now on')
      assert.equal((await shop.ordersOf(id)).length, 3)
    })

    it('a renewal that is never paid ends the subscription after the last try, and its order', async () => {
      const shop = await planShop(world, { subscriptions: { retryAfter: ['P1D', 'P3D'] } })
      const robin = shop.member()
      const id = await robin.subscribe('monthly', DECLINED_LATER)
      await moveTo(await shop.see(id))
      const { renewalOrderId } = await shop.see(id)
      for (const days of [1, 3]) {
        assert.equal((await shop.see(id)).state, 'PAST_DUE')
        world.move(days * DAY)
        await due()
      }
      const over = await shop.see(id)
      assert.deepEqual([over.state, over.endReason, over.nextRenewalAt], ['CANCELLED', 'not_paid', null])
      assert.equal((await shop.read(renewalOrderId)).state, 'CANCELLED')
      assert.deepEqual((await shop.events(id)).slice(-1), ['subscription.cancelled'])
      assert.ok(await robin.subscribe(), 'the plan may be had again')
    })

    it('a provider that is silent when a period ends counts as no failure, and what it did although it did not say so is not done twice', async () => {
      const shop = await planShop(world)
      const id = await shop.member().subscribe()
      for (const fault of ['refuses', 'loses'] as const) {
        const before = await shop.see(id)
        world.cards.line.faults.charge = fault
        await moveTo(before)
        world.cards.line.faults = {}
        assert.deepEqual([(await shop.see(id)).state, (await shop.see(id)).attempts], ['ACTIVE', 0])
        world.move(2 * 60_000)
        await due()
        assert.equal((await shop.see(id)).periods, before.periods + 1)
      }
      const { latestOrderId } = await shop.see(id)
      const { payments } = await shop.read(latestOrderId)
      assert.deepEqual(
        payments.map(({ state }: { state: string }) => state),
        ['PAID'],
      )
      assert.equal((await shop.ordersOf(id)).length, 3)
    })

    it('a process may die at any moment of a renewal: another one goes on, and there is one order with one payment', async () => {
      const shop = await planShop(alone)
      const id = await shop.member().subscribe('open')
      for (const when of ['before', 'after'] as const) {
        for (let at = 1; at <= 40; at++) {
          const before = await shop.see(id)
          alone.move(Date.parse(before.currentPeriodEnd) - alone.clock.now())
          const dying = dyingStore(alone.store, at, when)
          await alone
            .engineOn(dying.store)
            .subscriptions.work.run()
            .catch(() => undefined)
          alone.move(2 * 60_000)
          await alone.engine.jobs.runDue()
          assert.equal((await shop.see(id)).periods, before.periods + 1, `${when} transaction ${at}`)
          const { payments, paymentState } = await shop.read((await shop.see(id)).latestOrderId)
          assert.deepEqual([payments.length, paymentState], [1, 'PAID'])
          if (!dying.hasDied()) break
          assert.ok(at < 40, 'every moment was tried')
        }
      }
      const { periods } = await shop.see(id)
      assert.ok(periods > 8, `${periods}`)
    })

    it('cancelled when the period ends: it runs until then, may be taken up again, and is not renewed', async () => {
      const shop = await planShop(world)
      const robin = shop.member()
      const id = await robin.subscribe()
      const path = `/subscriptions/${id}`
      const cancelled = success(await robin.as('POST', `${path}/cancel`, {}))
      assert.deepEqual([cancelled.state, cancelled.cancelAtPeriodEnd, cancelled.nextRenewalAt], ['ACTIVE', true, null])
      assert.equal(success(await robin.as('POST', `${path}/cancel`, {})).version, cancelled.version)
      assert.equal(success(await robin.as('POST', `${path}/resume`)).cancelAtPeriodEnd, false)
      success(await robin.as('POST', `${path}/cancel`, { at: 'periodEnd' }))
      await moveTo(cancelled)
      const over = await shop.see(id)
      assert.deepEqual([over.state, over.endReason, over.periods], ['CANCELLED', 'cancelled', 1])
      assert.equal((await shop.ordersOf(id)).length, 1)
      assert.equal(told(await robin.as('POST', `${path}/resume`)), '409 subscription_state_forbids')
      assert.deepEqual((await shop.events(id)).slice(-1), ['subscription.cancelled'])
    })

    it('cancelled now: what waits to be paid is closed, and nothing that was paid goes back; giving an order back ends nothing', async () => {
      const shop = await planShop(world)
      const robin = shop.member()
      const id = await robin.subscribe('monthly', DECLINED_LATER)
      await moveTo(await shop.see(id))
      const { renewalOrderId, firstOrderId } = await shop.see(id)
      const over = success(await robin.as('POST', `/subscriptions/${id}/cancel`, { at: 'now' }))
      assert.deepEqual([over.state, over.endReason], ['CANCELLED', 'cancelled'])
      assert.equal((await shop.read(renewalOrderId)).state, 'CANCELLED')
      assert.deepEqual((await shop.read(firstOrderId)).refunds, [])
      assert.deepEqual((await shop.events(id)).slice(-1), ['subscription.cancelled'])
      const other = await robin.subscribe('open')
      success(await shop.admin('POST', `/orders/${(await shop.see(other)).firstOrderId}/refunds`, { amount: 500 }))
      await due()
      assert.equal((await shop.see(other)).state, 'ACTIVE')
      const waiting = success(await robin.buy('open')).order
      const refused = await robin.as('POST', `/subscriptions/${waiting.subscriptionId}/cancel`, {})
      assert.deepEqual([told(refused), refused.body.orderId], ['409 subscription_state_forbids', waiting.id])
    })

    it('an order of a renewal that its customer cancels ends the subscription', async () => {
      const shop = await planShop(world)
      const robin = shop.member()
      const id = await robin.subscribe('monthly', DECLINED_LATER)
      await moveTo(await shop.see(id))
      success(await robin.as('POST', `/orders/${(await shop.see(id)).renewalOrderId}/cancel`))
      const { state, endReason } = await shop.see(id)
      assert.deepEqual([state, endReason], ['CANCELLED', 'renewal_cancelled'])
    })

    it('SEED0-51 fifty purchases of an exclusive plan at once: one, and forty-nine are refused before anything is charged', async () => {
      const shop = await planShop(world)
      const robin = shop.member()
      const answers = await atOnce(50, (index) => robin.buy(index % 2 === 0 ? 'monthly' : 'yearly'))
      const [won, ...more] = answers.filter(({ status }) => status === 201)
      assert.ok(won && more.length === 0, answers.map(told).join())
      const lost = answers.filter((answer) => answer !== won)
      for (const answer of lost) assert.deepEqual([told(answer), answer.body.orderId], ['409 subscription_exists', won.body.order.id])
      assert.equal((await shop.rows('payments')).length, 1)
      await shop.pay(won.body.payment.id)
      await shop.tell(won.body.payment.id, 'paid')
      assert.equal(told(await robin.buy('yearly')), '409 subscription_exists')
      assert.equal(told(await shop.member().buy('yearly')), '201', 'others may')
      success(await robin.as('POST', `/subscriptions/${won.body.order.subscriptionId}/cancel`, { at: 'now' }))
      assert.equal(told(await robin.buy('yearly')), '201')
    })

    it('a plan that is ordered eight times at once under one key is one order, for all of them', async () => {
      const shop = await planShop(world)
      const name = `m${++members}`
      const headers = { 'idempotency-key': randomUUID() }
      const body = { items: [{ sku: 'CLUB', plan: 'monthly' }], email: 'm@example.com' }
      const answers = await atOnce(8, () => shop.admin('POST', `/orders?account=${name}`, body, headers))
      assert.deepEqual([...new Set(answers.map(told))], ['201'])
      assert.equal(new Set(answers.map((answer) => answer.body.order.id)).size, 1)
    })

    it('money that comes late for an order that had expired begins the subscription, unless the account has it by now: then it goes back', async () => {
      const shop = await planShop(world)
      for (const hasAnother of [false, true]) {
        const robin = shop.member()
        const { order, payment } = success(await robin.buy('monthly'))
        world.cards.line.faults.cancel = 'refuses'
        await shop.pay(payment.id)
        world.cards.line.faults = {}
        await world.store.transactOne((writer) =>
          writer.db
            .updateTable('orders')
            .set({ expires_at: world.clock.now() - 1 })
            .where('shop_id', '=', shop.id)
            .where('id', '=', order.id)
            .execute(),
        )
        // The order is ended as by a process that saw its session closed.
        await world.store.transactOne((writer) =>
          writer.db
            .updateTable('payments')
            .set({ state: 'CANCELLED' })
            .where('shop_id', '=', shop.id)
            .where('order_id', '=', order.id)
            .execute(),
        )
        await world.engine.checkout.expire(shop.id, order.id)
        assert.equal((await shop.see(order.subscriptionId)).state, 'EXPIRED')
        if (hasAnother) await robin.subscribe()
        await shop.tell(payment.id, 'paid')
        await shop.settle()
        const { state } = await shop.see(order.subscriptionId)
        const { refunds } = await shop.read(order.id)
        assert.deepEqual([state, refunds.length], hasAnother ? ['EXPIRED', 1] : ['ACTIVE', 0])
      }
    })

    it('a plan with so many periods ends by itself after them', async () => {
      const shop = await planShop(world)
      const id = await shop.member().subscribe('pair')
      await moveTo(await shop.see(id))
      const last = await shop.see(id)
      assert.deepEqual([last.periods, last.maxPeriods, last.nextRenewalAt], [2, 2, null])
      await moveTo(last)
      const over = await shop.see(id)
      assert.deepEqual([over.state, over.endReason, (await shop.ordersOf(id)).length], ['EXPIRED', 'periods_over', 2])
    })

    it('by hand: it begins when staff has the money; a renewal is placed, has its grace, then is past due, and paid it goes on', async () => {
      const shop = await planShop(world, { subscriptions: { grace: 'P7D', retryAfter: ['P3D'] } })
      const robin = shop.member()
      const { order } = success(await robin.buy('monthly', { payment: { provider: 'manual' } }))
      const id = order.subscriptionId as string
      assert.deepEqual([order.state, (await shop.see(id)).state], ['PLACED', 'PENDING'])
      const markPaid = async (orderId: string) => {
        const { payments } = await shop.read(orderId)
        success(await shop.act('mark-paid', { orderId, paymentId: payments.at(-1).id }))
      }
      await markPaid(order.id)
      const first = await shop.see(id)
      assert.equal(first.state, 'ACTIVE')
      await moveTo(first)
      const waiting = await shop.see(id)
      assert.deepEqual([waiting.state, waiting.periods], ['ACTIVE', 1])
      assert.deepEqual((await shop.read(waiting.renewalOrderId)).state, 'PLACED')
      world.move(7 * DAY)
      await due()
      assert.equal((await shop.see(id)).state, 'PAST_DUE')
      await markPaid(waiting.renewalOrderId)
      const paid = await shop.see(id)
      assert.deepEqual([paid.state, paid.periods, paid.currentPeriodStart], ['ACTIVE', 2, first.currentPeriodEnd])
      await moveTo(paid)
      const { renewalOrderId } = await shop.see(id)
      for (const days of [7, 3]) {
        world.move(days * DAY)
        await due()
      }
      const over = await shop.see(id)
      assert.deepEqual([over.state, over.endReason, (await shop.read(renewalOrderId)).state], ['CANCELLED', 'not_paid', 'CANCELLED'])
    })

    it('subscriptions are read by who has them and by keys: another account finds none of them', async () => {
      const shop = await planShop(world)
      const [robin, kim] = [shop.member(), shop.member()]
      const id = await robin.subscribe('open')
      await robin.subscribe('open')
      const { items, next } = success(await robin.as('GET', '/subscriptions?limit=1'))
      assert.deepEqual([items.length, items[0].accountId], [1, robin.name])
      const page = success(await robin.as('GET', `/subscriptions?limit=1&after=${next}`))
      assert.deepEqual([page.items.map((each: { id: string }) => each.id), page.next], [[id], null])
      assert.deepEqual(success(await kim.as('GET', '/subscriptions')).items, [])
      for (const [method, rest] of [
        ['GET', ''],
        ['POST', '/cancel'],
        ['POST', '/resume'],
      ] as const)
        assert.equal(told(await kim.as(method, `/subscriptions/${id}${rest}`)), '404 subscription_not_found')
      assert.equal(success(await shop.admin('GET', '/subscriptions?state=ACTIVE')).items.length, 2)
      assert.equal((await shop.see(id)).state, 'ACTIVE')
    })
  })
