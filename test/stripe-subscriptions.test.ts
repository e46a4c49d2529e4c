// Subscriptions that Stripe bills: the shopper agrees on its page once, Stripe takes the money of every period and tells; each invoice that was paid is
// one order here. On the local Stripe server, over HTTP and on both databases.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DIALECTS } from './harness.ts'
import { told, ware } from './presets/shop.ts'
import { openStripeShop, startStripeWorld, success } from './stripe-shops.ts'

const DAY = 86_400_000

for (const dialect of DIALECTS)
  describe(`subscriptions at Stripe on ${dialect}`, async () => {
    const world = await startStripeWorld(dialect)
    const { stripe } = world

    async function planShop() {
      const shop = await openStripeShop(world)
      const plans = [{ id: 'monthly', name: 'Monthly', interval: 'P1M', price: { currency: 'USD', amount: 900 }, exclusive: true }]
      success(await shop.admin('POST', '/products/import', { products: [ware('CLUB', { kind: 'subscription', plans }, { prices: [] })] }))
      const as = (method: string, url: string, body?: object) => shop.admin(method, `${url}?account=robin`, body)
      const buy = () => as('POST', '/orders', { items: [{ sku: 'CLUB', plan: 'monthly' }], email: 'robin@example.com' })
      const see = async (id: string) => success(await shop.admin('GET', `/subscriptions/${id}`))
      /** Ordered, agreed to on the page, and told. */
      async function subscribe() {
        const { order, payment } = success(await buy())
        stripe.pay(await shop.session(payment.id))
        await stripe.deliver(shop.endpoint)
        return { id: order.subscriptionId as string, ref: refOf(order.subscriptionId), first: order }
      }
      const refOf = (id: string) => [...stripe.subscriptions.values()].find(({ metadata }) => metadata.subscription === id)?.id ?? ''
      const orders = async (id: string) =>
        success(await shop.admin('GET', '/orders?limit=100')).items.filter((each: { subscriptionId: string }) => each.subscriptionId === id)
      return { ...shop, as, buy, see, subscribe, orders, refOf }
    }

    it('SEED0-51 active, renewed, past due, active again, cancelled at the end of the period: as Stripe tells', async () => {
      const shop = await planShop()
      const { order, payment } = success(await shop.buy())
      const id = order.subscriptionId as string
      const page = stripe.pages.get(await shop.session(payment.id))
      assert.deepEqual([page?.mode, page?.amount_total, payment.url], ['subscription', 900, page?.url])
      assert.equal((await shop.see(id)).state, 'PENDING')
      assert.equal(told(await shop.buy()), '409 subscription_exists')
      stripe.pay(page?.id ?? '')
      // Its messages come in any order and twice.
      await stripe.deliver(shop.endpoint, stripe.messages.splice(0).reverse(), 2)
      const begun = await shop.see(id)
      assert.deepEqual([begun.state, begun.periods, begun.billedBy], ['ACTIVE', 1, 'provider'])
      assert.deepEqual([(await shop.read(order.id)).state, (await shop.read(order.id)).paymentState], ['PLACED', 'PAID'])
      const ref = shop.refOf(id)

      stripe.renew(ref, true)
      await stripe.deliver(shop.endpoint, stripe.messages.splice(0).reverse(), 3)
      const renewed = await shop.see(id)
      assert.deepEqual([renewed.state, renewed.periods], ['ACTIVE', 2])
      assert.equal(renewed.currentPeriodStart, begun.currentPeriodEnd)
      const second = await shop.read(renewed.latestOrderId)
      assert.deepEqual([second.state, second.paymentState, second.placedBy, second.subscriptionPeriod], ['PLACED', 'PAID', 'system', 2])
      assert.equal(second.total.amount, 900)

      stripe.renew(ref, false)
      await stripe.deliver(shop.endpoint)
      assert.deepEqual([(await shop.see(id)).state, (await shop.orders(id)).length], ['PAST_DUE', 2])
      stripe.renew(ref, true)
      await stripe.deliver(shop.endpoint)
      assert.deepEqual([(await shop.see(id)).state, (await shop.see(id)).periods], ['ACTIVE', 3])

      const cancelled = success(await shop.as('POST', `/subscriptions/${id}/cancel`, {}))
      assert.deepEqual([cancelled.state, cancelled.cancelAtPeriodEnd], ['ACTIVE', true])
      assert.equal(stripe.subscriptions.get(ref)?.cancel_at_period_end, true)
      success(await shop.as('POST', `/subscriptions/${id}/resume`))
      assert.equal(stripe.subscriptions.get(ref)?.cancel_at_period_end, false)
      success(await shop.as('POST', `/subscriptions/${id}/cancel`, { at: 'periodEnd' }))
      await stripe.deliver(shop.endpoint)
      world.move(Date.parse(cancelled.currentPeriodEnd) - Date.now() + DAY)
      await world.engine.jobs.runDue()
      const over = await shop.see(id)
      assert.deepEqual([over.state, over.endReason, (await shop.orders(id)).length], ['CANCELLED', 'cancelled', 3])
      assert.equal(told(await shop.buy()), '201', 'it may be had again')
    })

    it('cancelled now it ends at Stripe as well, also where Stripe does not answer at first; ended at Stripe it ends here', async () => {
      const shop = await planShop()
      const one = await shop.subscribe()
      stripe.faults.push(...Array.from({ length: 9 }, () => ({ on: /subscriptions/, kind: 'error' }) as const))
      const over = success(await shop.as('POST', `/subscriptions/${one.id}/cancel`, { at: 'now' }))
      assert.deepEqual([over.state, stripe.subscriptions.get(one.ref)?.status], ['CANCELLED', 'active'])
      stripe.faults.length = 0
      world.move(5 * 60_000)
      await world.engine.jobs.runDue()
      assert.equal(stripe.subscriptions.get(one.ref)?.status, 'canceled')
      await stripe.deliver(shop.endpoint)
      const two = await shop.subscribe()
      const kept = stripe.subscriptions.get(two.ref)
      Object.assign(kept ?? {}, { status: 'canceled' })
      stripe.tell('customer.subscription.deleted', kept)
      await stripe.deliver(shop.endpoint)
      const ended = await shop.see(two.id)
      assert.deepEqual([ended.state, ended.endReason], ['CANCELLED', 'ended_by_provider'])
    })

    it('the money of a period goes back at Stripe; what is billed after the subscription was over goes back by itself', async () => {
      const shop = await planShop()
      const { id, ref, first } = await shop.subscribe()
      stripe.renew(ref, true)
      await stripe.deliver(shop.endpoint)
      const { latestOrderId } = await shop.see(id)
      for (const orderId of [first.id, latestOrderId]) {
        success(await shop.admin('POST', `/orders/${orderId}/refunds`, { amount: 900 }))
        await shop.settle()
        assert.equal((await shop.read(orderId)).paymentState, 'REFUNDED')
      }
      assert.deepEqual(
        [...stripe.refunds.values()].slice(-2).map(({ amount }) => amount),
        [900, 900],
      )
      assert.equal((await shop.see(id)).state, 'ACTIVE', 'giving money back ends nothing')
      success(await shop.as('POST', `/subscriptions/${id}/cancel`, { at: 'now' }))
      stripe.messages.length = 0
      stripe.renew(ref, true)
      await stripe.deliver(shop.endpoint)
      await shop.settle()
      const [stray] = await shop.orders(id)
      const { state, paymentState } = await shop.read(stray.id)
      assert.deepEqual(
        [stray.subscriptionPeriod, state, paymentState, (await shop.see(id)).state],
        [3, 'CANCELLED', 'REFUNDED', 'CANCELLED'],
      )
    })

    it('an invoice that is told by many messages at once is one order', async () => {
      const shop = await planShop()
      const { id, ref } = await shop.subscribe()
      stripe.renew(ref, true)
      const paid = stripe.messages.splice(0).filter(({ type }) => type === 'invoice.paid')
      const copies = Array.from({ length: 8 }, (_, index) => paid.map((each) => ({ ...each, id: `${each.id}_${index}` }))).flat()
      await Promise.all(copies.map((copy) => stripe.deliver(shop.endpoint, [copy])))
      world.move(2 * 60_000)
      await world.engine.jobs.runDue()
      assert.deepEqual([(await shop.orders(id)).length, (await shop.see(id)).periods], [2, 2])
    })

    it('one that nobody agreed to ends with its order, and its page is closed', async () => {
      const shop = await planShop()
      const { order, payment } = success(await shop.buy())
      const session = await shop.session(payment.id)
      success(await shop.as('POST', `/orders/${order.id}/cancel`))
      assert.equal(stripe.pages.get(session)?.status, 'expired')
      const never = await shop.see(order.subscriptionId)
      assert.deepEqual([never.state, never.endReason], ['EXPIRED', 'never_paid'])
    })

    it('a message about a subscription of another shop, or of nobody, changes nothing', async () => {
      const [shop, other] = [await planShop(), await planShop()]
      const { id, ref } = await shop.subscribe()
      stripe.renew(ref, true)
      const messages = stripe.messages.splice(0)
      await stripe.deliver(other.endpoint, messages)
      assert.equal((await shop.see(id)).periods, 1)
      const kept = stripe.subscriptions.get(ref)
      stripe.tell('customer.subscription.deleted', { ...kept, metadata: { shop: shop.id, subscription: 'sub_nobody' } })
      await stripe.deliver(shop.endpoint)
      assert.ok((await shop.outcomes()).includes('unknown_subscription'))
      assert.equal((await shop.see(id)).state, 'ACTIVE')
    })
  })
