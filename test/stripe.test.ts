// Orders that are paid at Stripe, from the cart to the refund, over HTTP and on both databases. Stripe is a local server that answers its official
// library as Stripe does and posts signed messages to our endpoint; nothing in between is replaced.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DIALECTS } from './harness.ts'
import { openStripeShop, startStripeWorld, success } from './stripe-shops.ts'

const MINUTE = 60_000

for (const dialect of DIALECTS) {
  describe(`Stripe over HTTP on ${dialect}`, async () => {
    const world = await startStripeWorld(dialect)
    const { stripe } = world

    it('SEED4-55 an order is paid on the page of Stripe: its messages place it once, in whatever order and however often they come', async () => {
      const shop = await openStripeShop(world)
      const { order, payment } = success(await shop.order())
      const session = await shop.session(payment.id)
      const page = stripe.pages.get(session)
      assert.equal(payment.url, page?.url)
      assert.deepEqual([page?.amount_total, page?.currency, page?.client_reference_id], [1000, 'usd', order.id])
      assert.deepEqual(page?.metadata, { shop: shop.id, order: order.id, payment: payment.id, mode: 'checkout' })
      assert.equal(page?.success_url, `https://shop.example/v1/shops/${shop.id}/payments/stripe/returns/${payment.id}`)
      // Stripe wants half an hour from the moment it is asked, which is a moment after the order was made.
      const longer = (page?.expires_at ?? 0) - Math.floor(Date.parse(order.expiresAt) / 1000)
      assert.ok(longer >= 0 && longer <= 5, `the page ends with the order, not ${longer} s later`)
      stripe.pay(session, 'decline')
      stripe.pay(session)
      const messages = stripe.messages.splice(0).reverse()
      assert.ok(messages.length >= 3)
      const statuses = await stripe.deliver(shop.endpoint, messages, 2)
      assert.deepEqual(
        statuses,
        messages.flatMap(() => [202, 200]),
      )
      const placed = await shop.read(order.id)
      assert.deepEqual([placed.state, placed.paymentState], ['PLACED', 'PAID'])
      assert.equal((await shop.history(order.id)).filter(({ action }) => action === 'place').length, 1)
    })

    it('without any message the return of the browser asks Stripe, and without that the jobs do', async () => {
      const shop = await openStripeShop(world)
      const [one, two] = [success(await shop.order()), success(await shop.order())]
      assert.match((await shop.back(one.payment.id)).body, /not finished/)
      for (const { payment } of [one, two]) stripe.pay(await shop.session(payment.id))
      assert.match((await shop.back(one.payment.id)).body, /was received/)
      assert.equal((await shop.read(one.order.id)).state, 'PLACED')
      assert.equal((await shop.read(two.order.id)).state, 'NEW')
      world.move(6 * MINUTE)
      await world.engine.jobs.runDue()
      assert.equal((await shop.read(two.order.id)).state, 'PLACED')
    })

    it('a declined card leaves the order to be paid by another one in the same session', async () => {
      const shop = await openStripeShop(world, { mode: 'elements' })
      const { order, payment } = success(await shop.order())
      const session = await shop.session(payment.id)
      assert.equal(payment.url, null)
      assert.equal(payment.token, stripe.intents.get(session)?.client_secret)
      stripe.pay(session, 'decline')
      await stripe.deliver(shop.endpoint)
      assert.equal((await shop.read(order.id)).state, 'NEW')
      assert.equal((await shop.history(order.id)).at(-1).message, 'generic_decline')
      stripe.pay(session, '3ds')
      stripe.decide(session, true)
      await stripe.deliver(shop.endpoint)
      assert.deepEqual((await shop.read(order.id)).state, 'PLACED')
    })

    it('a page that nobody paid ends, and its order with it', async () => {
      const shop = await openStripeShop(world)
      const { order, payment } = success(await shop.order())
      const session = await shop.session(payment.id)
      world.move(Date.parse(order.expiresAt) - Date.now() + 48 * 60 * MINUTE)
      await shop.settle()
      assert.equal((await shop.read(order.id)).state, 'EXPIRED')
      assert.equal(stripe.pages.get(session)?.status, 'expired')
      const statuses = await stripe.deliver(shop.endpoint)
      assert.ok(statuses.includes(202) && statuses.every((status) => status < 300))
      assert.equal((await shop.read(order.id)).state, 'EXPIRED')
    })

    it('cancelling a paid order gives the money back at Stripe, once, also when its answers are lost', async () => {
      const shop = await openStripeShop(world)
      const { order, payment } = success(await shop.order())
      const session = await shop.session(payment.id)
      stripe.pay(session)
      await stripe.deliver(shop.endpoint)
      const lost = { on: /^POST \/v1\/refunds/, kind: 'lost' } as const
      stripe.faults.push(lost, lost)
      success(await shop.admin('POST', `/orders/${order.id}/cancel`))
      await shop.settle()
      const refunds = [...stripe.refunds.values()].filter((each) => each.payment_intent === stripe.intentBehind(session).id)
      assert.deepEqual(
        refunds.map(({ amount, currency }) => [amount, currency]),
        [[1000, 'usd']],
      )
      const cancelled = await shop.read(order.id)
      assert.deepEqual([cancelled.state, cancelled.paymentState], ['CANCELLED', 'REFUNDED'])
      // Stripe's message about it is nothing new.
      const before = await shop.history(order.id)
      await stripe.deliver(shop.endpoint)
      assert.deepEqual(await shop.history(order.id), before)
    })

    it('PAY-3 money in a wrong amount or currency places nothing, and is told', async () => {
      const shop = await openStripeShop(world)
      const changes: ((session: string) => void)[] = [
        (session) => Object.assign(stripe.intentBehind(session), { amount_received: 1 }),
        (session) => Object.assign(stripe.intentBehind(session), { currency: 'eur' }),
      ]
      for (const change of changes) {
        const { order, payment } = success(await shop.order())
        const session = await shop.session(payment.id)
        stripe.pay(session)
        change(session)
        await stripe.deliver(shop.endpoint)
        assert.equal((await shop.read(order.id)).state, 'NEW')
        assert.equal((await shop.history(order.id)).at(-1).message, 'amount_mismatch')
      }
      assert.ok((await shop.outcomes()).every((outcome) => outcome === 'mismatch'))
    })

    it('PAY-3 money of another order, session or shop places nothing', async () => {
      const [shop, elsewhere] = [await openStripeShop(world), await openStripeShop(world)]
      const [one, two] = [success(await shop.order()), success(await shop.order())]
      const session = await shop.session(one.payment.id)
      stripe.pay(session)
      const messages = stripe.messages.splice(0)
      // Everything at Stripe says that this money is for the other order: its session is still the first one's.
      const marks = [stripe.pages.get(session)?.metadata, stripe.intentBehind(session).metadata]
      for (const mark of marks) Object.assign(mark ?? {}, { payment: two.payment.id })
      await stripe.deliver(shop.endpoint, messages)
      for (const mark of marks) Object.assign(mark ?? {}, { payment: one.payment.id, order: two.order.id })
      await stripe.deliver(
        shop.endpoint,
        messages.map((message) => ({ ...message, id: `${message.id}x` })),
      )
      assert.deepEqual([...new Set(await shop.outcomes())], ['unknown_payment'])
      await stripe.deliver(elsewhere.endpoint, messages)
      assert.deepEqual(await elsewhere.outcomes(), [])
      for (const { order } of [one, two]) assert.equal((await shop.read(order.id)).state, 'NEW')
    })

    it('PAY-3 a message that is forged, old, live, of another account or for a shop without one is refused and changes nothing', async () => {
      const shop = await openStripeShop(world)
      const { order, payment } = success(await shop.order())
      stripe.pay(await shop.session(payment.id))
      const [message] = stripe.messages.splice(0)
      assert.ok(message)
      const post = async (sent: { body: Buffer; headers: Record<string, string> }) => {
        const answer = await fetch(shop.endpoint, { method: 'POST', headers: sent.headers, body: new Uint8Array(sent.body) })
        return [answer.status, ((await answer.json()) as { code: string }).code]
      }
      const forged = [
        stripe.signed(message, { secret: `whsec_${'f'.repeat(32)}` }),
        stripe.signed(message, { ageS: 301 }),
        stripe.signed(message, { body: JSON.stringify({ ...message, id: 'evt_forged' }) }),
        stripe.signed({ ...message, livemode: true }),
        stripe.signed({ ...message, account: 'acct_1' }),
        { ...stripe.signed(message), headers: { 'content-type': 'application/json' } },
      ]
      for (const [index, each] of forged.entries()) assert.deepEqual(await post(each), [400, 'event_not_genuine'], `message ${index}`)
      success(await shop.admin('DELETE', '/payment-providers/stripe'))
      assert.deepEqual(await post(stripe.signed(message)), [400, 'event_not_genuine'])
      assert.deepEqual(await shop.outcomes(), [])
      assert.equal((await shop.read(order.id)).state, 'NEW')
    })

    it('a message that cannot be read because Stripe is silent is refused for now, and applied when it comes again', async () => {
      const shop = await openStripeShop(world)
      const { order, payment } = success(await shop.order())
      stripe.pay(await shop.session(payment.id))
      const messages = stripe.messages.splice(0)
      stripe.faults.push({ on: /^GET/, kind: 'busy' })
      assert.deepEqual(await stripe.deliver(shop.endpoint, messages.slice(0, 1)), [502])
      assert.equal((await shop.read(order.id)).state, 'NEW')
      assert.deepEqual(
        await stripe.deliver(shop.endpoint, messages),
        messages.map(() => 202),
      )
      assert.equal((await shop.read(order.id)).state, 'PLACED')
    })

    it('SEED1-49 disputes, refunds by hand and refunds that did not arrive are in the history of the order and told by events', async () => {
      const shop = await openStripeShop(world)
      const types = ['refund.succeeded', 'refund.failed', 'payment.disputed']
      success(await shop.admin('POST', '/webhooks', { url: 'http://127.0.0.1:9/hooks', types }))
      const { order, payment } = success(await shop.order())
      const session = await shop.session(payment.id)
      stripe.pay(session)
      await stripe.deliver(shop.endpoint)
      const intent = stripe.intentBehind(session).id
      const refund = stripe.refundByHand(intent, 300)
      await stripe.deliver(shop.endpoint, undefined, 2)
      stripe.failRefund(refund)
      await stripe.deliver(shop.endpoint)
      stripe.dispute(intent)
      await stripe.deliver(shop.endpoint, undefined, 2)
      const notices = (await shop.history(order.id)).filter(({ action }) => action === 'provider_notice')
      const by = 'provider:stripe'
      assert.deepEqual(
        notices.map(({ actor, message, details }) => [actor, message, details.amount, details.currency, details.reason ?? null]),
        [
          [by, 'refunded', 300, 'USD', null],
          [by, 'refund_failed', 300, 'USD', 'lost_or_stolen_card'],
          [by, 'disputed', 1000, 'USD', 'fraudulent'],
          [by, 'dispute_closed', 1000, 'USD', 'lost'],
        ],
      )
      assert.equal((await shop.read(order.id)).state, 'PLACED')
      const rows = await world.store.reader.db.selectFrom('deliveries').selectAll().where('shop_id', '=', shop.id).orderBy('id').execute()
      const told = rows.map((row) => [row.type, JSON.parse(row.data).notice.kind])
      assert.deepEqual(told, [
        ['refund.succeeded', 'refunded'],
        ['refund.failed', 'refund_failed'],
        ['payment.disputed', 'disputed'],
        ['payment.disputed', 'dispute_closed'],
      ])
    })

    it('a shop without an account does not offer it, and an amount that Stripe cannot take is told as a provider that is not available', async () => {
      const shop = await openStripeShop(world)
      success(await shop.admin('DELETE', '/payment-providers/stripe'))
      const refused = await shop.order()
      assert.deepEqual([refused.status, refused.body.code], [409, 'payment_method_unavailable'])
      const kuwaiti = await openStripeShop(world, { currency: 'KWD', amount: 1234 })
      const odd = await kuwaiti.order()
      assert.deepEqual([odd.status, odd.body.code], [502, 'provider_unavailable'])
      const even = await openStripeShop(world, { currency: 'KWD', amount: 1230 })
      const { payment } = success(await even.order())
      assert.equal(stripe.pages.get(await even.session(payment.id))?.amount_total, 1230)
    })
  })
}
