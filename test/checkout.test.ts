// One cart becomes exactly one paid order, whatever happens at the same time. Every promise is kept on both databases, with the real sandbox
// provider behind its real pages and its signed events.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Webhook } from 'standardwebhooks'
import type { Running } from '../src/main.ts'
import { readInstance } from '../src/store/access.ts'
import { ADMIN, type Answer, atOnce, caller, DIALECTS, eventually, freshDatabase, startTestServer } from './harness.ts'

const CARD = { good: '4242424242424242', declined: '4000000000000002', challenge: '4000002760003184' }
const ADDRESS = { name: 'Robin Example', line1: '1 Main Street', city: 'Portland', region: 'OR', postalCode: '97201', country: 'US' }

type Call = (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>

for (const dialect of DIALECTS) {
  describe(`checkout on ${dialect}`, async () => {
    const databaseUrl = await freshDatabase(dialect)
    const server = await startTestServer(databaseUrl)
    const shop = `${server.url}/v1/shops/demo`
    const nobody = caller(shop)
    const admin = caller(shop, ADMIN)

    /** A guest with a cart that can be ordered. */
    async function guestWith(
      lines: readonly { sku: string; quantity?: number }[],
    ): Promise<{ call: Call; token: string; cart: Answer['body'] }> {
      const { body } = await nobody('POST', '/carts/current/lines', { lines })
      const call = caller(shop, body.token)
      const patched = await call('PATCH', '/carts/current', {
        email: 'robin@example.com',
        shippingAddress: ADDRESS,
        shippingMethod: 'standard',
      })
      assert.equal(patched.status, 200, JSON.stringify(patched.body))
      return { call, token: body.token, cart: patched.body.cart }
    }

    async function orderOf(call: Call, cartId: string, more: object = {}): Promise<Answer['body']> {
      const answer = await call('POST', '/orders', { cartId, ...more })
      assert.ok(answer.status === 200 || answer.status === 201, JSON.stringify(answer.body))
      return answer.body
    }

    async function login(accountId: string): Promise<Call> {
      const { body } = await caller(server.url)('POST', '/v1/demo/login', { accountId })
      return caller(shop, body.token)
    }

    it('SEED0-28 SEED0-38 SEED3-58 SEED4-02 a paid cart is a placed order with number, reference and payment, and the cart is closed', async () => {
      const { call, cart } = await guestWith([{ sku: 'MUG-STONE', quantity: 2 }])
      const { order, payment, orderToken } = await orderOf(call, cart.id)
      assert.deepEqual([order.state, order.number, order.reference], ['NEW', null, null])
      await pay(payment.url, CARD.good)
      const placed = await placedOrder(caller(shop, orderToken), order.id)
      assert.equal(placed.paymentState, 'PAID')
      assert.equal(placed.number, cart.number)
      assert.match(placed.reference, /^\d+$/)
      assert.deepEqual(
        placed.payments.map((each: { state: string; amount: unknown }) => [each.state, each.amount]),
        [['PAID', placed.total]],
      )
      const closed = await call('GET', `/carts/${cart.id}`)
      assert.deepEqual([closed.body.state, closed.body.closedReason, closed.body.orderId], ['CLOSED', 'ordered', order.id])
      assert.equal((await call('POST', `/carts/${cart.id}/lines`, { sku: 'MUG-STONE' })).body.code, 'cart_closed')
      assert.equal((await call('GET', '/carts/current')).body.itemCount, 0)
    })

    it('SEED0-46 SEED3-61 SEED4-48 50 simultaneous orders and 10 repeated provider events of one cart are one placed order, one capture, one order.placed', async () => {
      const receiver = await admin('POST', '/webhooks', { url: `${server.url}/healthz`, types: ['order.placed'] })
      const { call, cart } = await guestWith([{ sku: 'MUG-MOSS' }])
      const answers = await atOnce(50, () => call('POST', '/orders', { cartId: cart.id }))
      assert.deepEqual([...new Set(answers.map((answer) => answer.status))].sort(), [200, 201])
      const orderIds = new Set(answers.map((answer) => answer.body.order.id))
      assert.equal(orderIds.size, 1)
      assert.equal(answers.filter((answer) => answer.status === 201).length, 1)
      assert.equal(new Set(answers.map((answer) => answer.body.payment.url)).size, 1)
      const { order, payment } = answers[0]?.body ?? {}
      const paying = pay(payment.url, CARD.good)
      await atOnce(10, () =>
        sendEvent(server, { eventId: 'evt_repeated', orderId: order.id, attemptId: payment.id, total: order.total, url: payment.url }),
      )
      await paying
      await placedOrder(call, order.id)
      const again = await atOnce(10, () => call('POST', '/orders', { cartId: cart.id }))
      assert.deepEqual([...new Set(again.map((answer) => `${answer.status} ${answer.body.order.id}`))], [`200 ${order.id}`])
      const { db } = server.engine.store.reader
      const rows = await db.selectFrom('orders').select(['state', 'placed_at']).where('cart_id', '=', cart.id).execute()
      assert.deepEqual(
        rows.map((row) => row.state),
        ['PLACED'],
      )
      const payments = await db.selectFrom('payments').select('state').where('order_id', '=', order.id).execute()
      assert.deepEqual(
        payments.map((row) => row.state),
        ['PAID'],
      )
      const events = await db
        .selectFrom('deliveries')
        .select('id')
        .where('subject', '=', order.id)
        .where('type', '=', 'order.placed')
        .execute()
      assert.equal(events.length, 1)
      await admin('DELETE', `/webhooks/${receiver.body.id}`)
    })

    it('what is added while paying is in an open cart afterwards, and the paid order is what was shown', async () => {
      const { call, cart } = await guestWith([{ sku: 'MUG-INK', quantity: 2 }])
      const { order, payment } = await orderOf(call, cart.id)
      assert.equal((await call('POST', '/carts/current/lines', { sku: 'MUG-INK', quantity: 3 })).status, 200)
      assert.equal((await call('POST', '/carts/current/lines', { sku: 'TEE-OAT-L' })).status, 200)
      await pay(payment.url, CARD.good)
      const placed = await placedOrder(call, order.id)
      assert.deepEqual(
        placed.lines.map((line: { sku: string; quantity: number }) => [line.sku, line.quantity]),
        [['MUG-INK', 2]],
      )
      assert.deepEqual(placed.total, order.total)
      const current = (await call('GET', '/carts/current')).body
      assert.equal(current.continues, cart.id)
      assert.deepEqual(
        current.lines.map((line: { sku: string; quantity: number }) => [line.sku, line.quantity]),
        [
          ['MUG-INK', 3],
          ['TEE-OAT-L', 1],
        ],
      )
    })

    it('a guest who signs in while paying keeps both order and items', async () => {
      const guest = await guestWith([{ sku: 'MUG-STONE', quantity: 1 }])
      const { order, payment } = await orderOf(guest.call, guest.cart.id)
      await guest.call('POST', '/carts/current/lines', { sku: 'TEE-FOREST-S', quantity: 2 })
      const account = await login(`signs-in-${dialect}`)
      await account('POST', '/carts/current/lines', { sku: 'MUG-STONE', quantity: 4 })
      const merged = await account('POST', '/carts/current/merge', { carts: [{ id: guest.cart.id, token: guest.token }] })
      assert.equal(merged.status, 200, JSON.stringify(merged.body))
      await pay(payment.url, CARD.good)
      await placedOrder(account, order.id)
      const current = (await account('GET', '/carts/current')).body
      assert.deepEqual(current.lines.map((line: { sku: string; quantity: number }) => [line.sku, line.quantity]).sort(), [
        ['MUG-STONE', 4],
        ['TEE-FOREST-S', 2],
      ])
      assert.equal((await guest.call('GET', `/carts/${guest.cart.id}`)).status, 401, 'the guest secret is dead')
    })

    it('of 50 buyers of the last piece one gets it, 49 are told insufficient_stock, and nobody else is charged', async () => {
      await admin('PUT', '/stock/PEN-BRASS', { onHand: 1 })
      const buyers = await atOnce(50, async () => {
        const { body } = await nobody('POST', '/carts/current/lines', { sku: 'PEN-BRASS' })
        const call = caller(shop, body.token)
        await call('PATCH', '/carts/current', { email: 'robin@example.com', shippingAddress: ADDRESS, shippingMethod: 'standard' })
        return { call, cartId: body.cart.id as string }
      })
      const answers = await Promise.all(buyers.map(({ call, cartId }) => call('POST', '/orders', { cartId })))
      const won = answers.filter((answer) => answer.status === 201)
      assert.equal(won.length, 1)
      assert.deepEqual(countBy(answers.filter((answer) => answer.status !== 201).map((answer) => `${answer.status} ${answer.body.code}`)), {
        '409 insufficient_stock': 49,
      })
      await pay(won[0]?.body.payment.url, CARD.good)
      await eventually(async () => (await admin('GET', '/stock/PEN-BRASS')).body.onHand === 0)
      const { db } = server.engine.store.reader
      const sessions = await db.selectFrom('sandbox_sessions').select('document').execute()
      assert.equal(sessions.filter((row) => row.document.includes('Brass')).length, 1, 'only the winner ever reached the provider')
    })

    it('SEED3-59 a declined card leaves cart and order as they were, and the same session can be paid after it', async () => {
      const { call, cart } = await guestWith([{ sku: 'MUG-STONE' }])
      const { order, payment } = await orderOf(call, cart.id)
      assert.equal(await pay(payment.url, CARD.declined), 402)
      await eventually(async () => (await call('GET', `/orders/${order.id}`)).body.payments[0].state === 'FAILED')
      assert.deepEqual((await call('GET', '/carts/current')).body.version, cart.version)
      const again = await orderOf(call, cart.id)
      assert.deepEqual([again.order.id, again.payment.url], [order.id, payment.url])
      await pay(again.payment.url, CARD.good)
      await placedOrder(call, order.id)
    })

    it('a changed cart takes a new order; the old one can no longer be paid', async () => {
      const { call, cart } = await guestWith([{ sku: 'MUG-STONE' }])
      const first = await orderOf(call, cart.id)
      await call('POST', '/carts/current/lines', { sku: 'MUG-STONE' })
      const second = await orderOf(call, cart.id)
      assert.notEqual(second.order.id, first.order.id)
      assert.equal((await call('GET', `/orders/${first.order.id}`)).body.state, 'SUPERSEDED')
      await pay(first.payment.url, CARD.good)
      await pay(second.payment.url, CARD.good)
      const placed = await placedOrder(call, second.order.id)
      assert.equal(placed.lines[0].quantity, 2)
      assert.equal((await call('GET', `/orders/${first.order.id}`)).body.state, 'SUPERSEDED')
    })

    it('SEED0-28 some lines are ordered and leave the cart; the rest stays in it', async () => {
      const { call, cart } = await guestWith([{ sku: 'MUG-STONE', quantity: 2 }, { sku: 'TEE-FOREST-M' }])
      const { order, payment } = await orderOf(call, cart.id, { lines: [cart.lines[0].id] })
      assert.equal(order.whole, false)
      await pay(payment.url, CARD.good)
      await placedOrder(call, order.id)
      const current = (await call('GET', '/carts/current')).body
      assert.equal(current.id, cart.id)
      assert.deepEqual(
        current.lines.map((line: { sku: string }) => line.sku),
        ['TEE-FOREST-M'],
      )
    })

    it('a total of zero is placed at once, without any payment', async () => {
      const { call, cart } = await guestWith([{ sku: 'GUIDE-BREW' }])
      const free = await call('POST', `/carts/${cart.id}/codes`, { code: 'GRATIS' })
      assert.equal(free.body.cart.total.amount, 0, JSON.stringify(free.body))
      const { order, payment } = await orderOf(call, cart.id)
      assert.deepEqual([order.state, order.paymentState, payment], ['PLACED', 'PAID', null])
    })

    it('SEED4-52 a price that rose is not charged before the shopper consents; one that fell is passed on', async () => {
      const product = (await nobody('GET', '/products/stoneware-mug')).body
      const priced = (amount: number) => {
        const { id: _, ...input } = product
        return {
          ...input,
          variants: input.variants.map((variant: { sku: string }) =>
            variant.sku === 'MUG-STONE' ? { ...variant, prices: [{ currency: 'USD', amount }] } : variant,
          ),
        }
      }
      const { call, cart } = await guestWith([{ sku: 'MUG-STONE' }])
      await admin('PUT', '/products/stoneware-mug', priced(2500))
      const refused = await call('POST', '/orders', { cartId: cart.id })
      assert.deepEqual([refused.status, refused.body.code], [409, 'price_changed'])
      assert.equal(refused.body.current.amount, refused.body.cart.total.amount)
      const consented = await orderOf(call, cart.id, { expectedTotal: refused.body.current.amount })
      assert.equal(consented.order.total.amount, refused.body.current.amount)
      await admin('PUT', '/products/stoneware-mug', priced(1000))
      const cheaper = await guestWith([{ sku: 'MUG-STONE' }])
      await admin('PUT', '/products/stoneware-mug', priced(900))
      const { order } = await orderOf(cheaper.call, cheaper.cart.id)
      assert.equal(order.itemTotal.amount, 900)
      await admin('PUT', '/products/stoneware-mug', priced(1800))
    })

    it('SEED0-48 an unpaid order is cancelled by its owner, and its stock is there for others at once', async () => {
      await admin('PUT', '/stock/PEN-BRASS', { onHand: 1 })
      await admin('PATCH', '/settings', { inventory: { onAdd: 'allow' } })
      const first = await guestWith([{ sku: 'PEN-BRASS' }])
      const { order } = await orderOf(first.call, first.cart.id)
      const { call, cart } = await guestWith([{ sku: 'PEN-BRASS' }])
      assert.equal((await call('POST', '/orders', { cartId: cart.id })).body.code, 'insufficient_stock')
      assert.equal((await first.call('POST', `/orders/${order.id}/cancel`)).body.state, 'CANCELLED')
      assert.equal((await orderOf(call, cart.id)).order.state, 'NEW')
    })

    it('SEED0-48 cancelling a confirmed order gives stock and money back, and only staff and servers may', async () => {
      const before = (await admin('GET', '/stock/MUG-MOSS')).body.onHand
      const { call, cart } = await guestWith([{ sku: 'MUG-MOSS', quantity: 3 }])
      const { order, payment } = await orderOf(call, cart.id)
      await pay(payment.url, CARD.good)
      await placedOrder(call, order.id)
      assert.equal((await admin('GET', '/stock/MUG-MOSS')).body.onHand, before - 3)
      await admin('POST', `/orders/${order.id}/status`, { status: 'processing' })
      assert.equal((await call('POST', `/orders/${order.id}/cancel`)).body.code, 'order_state_forbids')
      assert.equal((await admin('POST', `/orders/${order.id}/cancel`)).body.state, 'CANCELLED')
      assert.equal((await admin('GET', '/stock/MUG-MOSS')).body.onHand, before)
      const refunded = await eventually(async () => {
        const { body } = await admin('GET', `/orders/${order.id}`)
        return body.paymentState === 'REFUNDED' ? body : null
      })
      assert.deepEqual(
        refunded.refunds.map((refund: { state: string; amount: unknown }) => [refund.state, refund.amount]),
        [['SUCCEEDED', order.total]],
      )
    })

    it('SEED0-45 a genuine event with a wrong amount never marks anything paid', async () => {
      const { call, cart } = await guestWith([{ sku: 'MUG-STONE' }])
      const { order, payment } = await orderOf(call, cart.id)
      const answer = await sendEvent(server, {
        eventId: 'evt_wrong',
        orderId: order.id,
        attemptId: payment.id,
        total: { ...order.total, amount: 1 },
        url: payment.url,
      })
      assert.equal(answer.status, 202)
      assert.equal((await call('GET', `/orders/${order.id}`)).body.state, 'NEW')
      const forged = await fetch(`${shop}/payments/sandbox/events`, {
        method: 'POST',
        headers: { 'webhook-id': 'x', 'webhook-timestamp': '1', 'webhook-signature': 'v1,AAAA' },
        body: '{}',
      })
      assert.equal(forged.status, 400)
    })

    it('3-D Secure that is refused leaves the order unpaid; approved, it is placed', async () => {
      const { call, cart } = await guestWith([{ sku: 'MUG-STONE' }])
      const { order, payment } = await orderOf(call, cart.id)
      assert.equal(await pay(payment.url, CARD.challenge), 303)
      await fetch(`${payment.url}/challenge`, { method: 'POST', body: new URLSearchParams({ answer: 'refuse' }), redirect: 'manual' })
      assert.equal((await call('GET', `/orders/${order.id}`)).body.state, 'NEW')
      await pay(payment.url, CARD.challenge)
      await fetch(`${payment.url}/challenge`, { method: 'POST', body: new URLSearchParams({ answer: 'approve' }), redirect: 'manual' })
      await placedOrder(call, order.id)
    })

    it('a cart that lacks something says everything that is missing', async () => {
      const { body } = await nobody('POST', '/carts/current/lines', { sku: 'MUG-STONE' })
      const call = caller(shop, body.token)
      const refused = await call('POST', '/orders', { cartId: body.cart.id })
      assert.deepEqual([refused.status, refused.body.code], [409, 'email_required'])
      assert.deepEqual(
        refused.body.blockers.map((each: { code: string }) => each.code),
        ['email_required', 'address_required', 'shipping_method_required'],
      )
      const { body: validation } = await call('GET', '/carts/current/validation')
      assert.deepEqual(
        validation.problems.map((each: { code: string }) => each.code),
        ['email_required', 'address_required', 'shipping_method_required'],
      )
    })

    it('SEED1-26 SEED2-59 items are ordered without a cart, by somebody without a token, who gets an order token', async () => {
      const answer = await nobody('POST', '/orders', { items: [{ sku: 'GUIDE-BREW' }], email: 'robin@example.com' })
      assert.equal(answer.status, 201, JSON.stringify(answer.body))
      await pay(answer.body.payment.url, CARD.good)
      const placed = await placedOrder(caller(shop, answer.body.orderToken), answer.body.order.id)
      assert.equal(placed.cartId, null)
      assert.equal((await nobody('GET', `/orders/${answer.body.order.id}`)).status, 401)
    })

    it('SEED3-20 deleting a cart cancels what awaits payment of it', async () => {
      const { call, cart } = await guestWith([{ sku: 'MUG-STONE' }])
      const { order, payment } = await orderOf(call, cart.id)
      assert.equal((await call('DELETE', '/carts/current')).body.cart.closedReason, 'deleted')
      assert.equal((await call('GET', `/orders/${order.id}`)).body.state, 'CANCELLED')
      await pay(payment.url, CARD.good)
      assert.equal((await call('GET', `/orders/${order.id}`)).body.state, 'CANCELLED')
    })

    it('SEED0-56 the limit of a promotion is exact under 20 simultaneous orders, and nobody over it is charged', async () => {
      const promotion = await admin('POST', '/promotions', {
        name: 'Only three',
        usesMax: 3,
        conditions: [{ kind: 'code' }],
        benefit: { kind: 'percent_off', percent: '50' },
      })
      await admin('POST', `/promotions/${promotion.body.id}/codes`, { code: 'ONLY3' })
      const buyers = await atOnce(20, async () => {
        const { body } = await nobody('POST', '/carts/current/lines', { sku: 'GUIDE-BREW' })
        const call = caller(shop, body.token)
        await call('PATCH', '/carts/current', { email: 'robin@example.com' })
        assert.equal((await call('POST', '/carts/current/codes', { code: 'only3' })).status, 200)
        return { call, cartId: body.cart.id as string }
      })
      const answers = await Promise.all(buyers.map(({ call, cartId }) => call('POST', '/orders', { cartId })))
      assert.deepEqual(countBy(answers.map((answer) => (answer.status === 201 ? 'ordered' : answer.body.code))).ordered, 3)
      const refusals = new Set(answers.filter((answer) => answer.status !== 201).map((answer) => answer.body.code))
      assert.deepEqual(
        [...refusals].filter((code) => code !== 'code_exhausted' && code !== 'price_changed'),
        [],
      )
    })
  })
}

describe('time', async () => {
  const server = await startTestServer(await freshDatabase('sqlite'))
  const shop = `${server.url}/v1/shops/demo`
  const admin = caller(shop, ADMIN)
  const advance = (duration: string) => caller(server.url)('POST', '/v1/demo/clock', { advance: duration })

  async function newOrder(sku: string): Promise<{ call: Call; order: Answer['body']; payment: Answer['body'] }> {
    const { body } = await caller(shop)('POST', '/carts/current/lines', { sku })
    const call = caller(shop, body.token)
    await call('PATCH', '/carts/current', { email: 'robin@example.com', shippingAddress: ADDRESS, shippingMethod: 'standard' })
    const answer = await call('POST', '/orders', { cartId: body.cart.id })
    assert.equal(answer.status, 201, JSON.stringify(answer.body))
    return { call, ...answer.body }
  }

  it('an order that is not paid in time expires, after its session was closed at the provider', async () => {
    const { call, order, payment } = await newOrder('MUG-STONE')
    await advance('PT23H59M')
    assert.equal((await call('GET', `/orders/${order.id}`)).body.state, 'NEW')
    await advance('PT2M')
    assert.equal((await call('GET', `/orders/${order.id}`)).body.state, 'EXPIRED')
    await pay(payment.url, CARD.good)
    assert.equal((await call('GET', `/orders/${order.id}`)).body.state, 'EXPIRED', 'the closed session takes no money')
  })

  it('SEED0-43 a hold that ran out is free for others, and a late payment then takes what is left or goes back in full', async () => {
    await admin('PUT', '/stock/PEN-BRASS', { onHand: 1 })
    const late = await newOrder('PEN-BRASS')
    await advance('PT31M')
    const quick = await newOrder('PEN-BRASS')
    await pay(quick.payment.url, CARD.good)
    await placedOrder(quick.call, quick.order.id)
    await pay(late.payment.url, CARD.good)
    const ended = await eventually(async () => {
      await advance('PT1S')
      const { body } = await late.call('GET', `/orders/${late.order.id}`)
      return body.paymentState === 'REFUNDED' ? body : null
    })
    assert.deepEqual([ended.state, ended.refunds[0].amount], ['EXPIRED', late.order.total])
    assert.equal((await admin('GET', '/stock/PEN-BRASS')).body.onHand, 0)
  })
})

/** Pays on the hosted page as a browser would; answers the status of the page. */
async function pay(url: string, number: string): Promise<number> {
  const response = await fetch(url, {
    method: 'POST',
    body: new URLSearchParams({ number, expiry: '12/40', cvc: '123', name: 'Robin Example' }),
    redirect: 'manual',
  })
  const back = response.headers.get('location')
  if (response.status === 303 && back !== null) await fetch(new URL(back, url))
  return response.status
}

async function placedOrder(call: Call, id: string): Promise<Answer['body']> {
  return eventually(async () => {
    const { body } = await call('GET', `/orders/${id}`)
    return body.state === 'PLACED' ? body : null
  })
}

/** A genuine event of the sandbox, signed with its own secret. */
async function sendEvent(
  server: Running,
  {
    eventId,
    orderId,
    attemptId,
    total,
    url,
  }: { eventId: string; orderId: string; attemptId: string; total: { amount: number; currency: string }; url: string },
): Promise<Response> {
  const secret = (await readInstance(server.engine.store.reader, 'sandbox_secret')) ?? ''
  const sessionId = url.split('/').at(-1)
  const body = JSON.stringify({
    type: 'session.paid',
    timestamp: new Date().toISOString(),
    data: { shopId: 'demo', sessionId, attemptId, orderId, state: 'paid', amount: total.amount, currency: total.currency },
  })
  const at = new Date()
  const headers = {
    'content-type': 'application/json',
    'webhook-id': eventId,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': new Webhook(secret).sign(eventId, at, body),
  }
  return fetch(`${server.url}/v1/shops/demo/payments/sandbox/events`, { method: 'POST', headers, body })
}

function countBy(values: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1
  return counts
}
