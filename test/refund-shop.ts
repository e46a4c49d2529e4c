// A shop whose orders are paid at the real sandbox, in an engine that only does what a test tells it: for tests of money that goes back. Faults are
// injected at the two ports, provider and store; everything else is the real thing.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after } from 'node:test'
import { pino } from 'pino'
import { overRefundedLines } from '../src/core/refund.ts'
import { createEngine, type Engine } from '../src/engine/engine.ts'
import { createSigner, hashSecret } from '../src/engine/identity.ts'
import { type PaymentProvider, RefusedByProvider } from '../src/engine/ports.ts'
import { pastRefund } from '../src/engine/refunding.ts'
import { systemRandomness } from '../src/engine/system.ts'
import { readAllowed, THIS_MACHINE } from '../src/engine/targets.ts'
import { createApp } from '../src/http/app.ts'
import { openStore } from '../src/main.ts'
import { createSandboxPayment, type SandboxSession, sandboxDueAt } from '../src/providers/sandbox-payment.ts'
import { checkBooks } from '../src/store/books.ts'
import { refundsOf } from '../src/store/orders.ts'
import { sandboxSessions } from '../src/store/sandbox.ts'
import type { Store } from '../src/store/store.ts'
import { ADMIN, type Answer, type DIALECTS, freshDatabase, pauseEndpoints } from './harness.ts'
import { ADDRESS } from './http-probe.ts'
import { CARD, success } from './paying.ts'

/** How many pieces of each item the shop begins with. */
export const STOCK = 100

type Refunding = PaymentProvider['refund']

/** What the line to the provider does with refunds. `silent`: nothing happens. `loses`: it is done, and the answer is lost. `refuses`: it says no. */
export type Fault = 'silent' | 'loses' | 'refuses'

function behindLine(inner: PaymentProvider) {
  const line = { fault: null as Fault | null, asked: [] as string[], meanwhile: null as (() => Promise<unknown>) | null }
  const refund: Refunding = async (request, signal) => {
    line.asked.push(request.refundId)
    const { meanwhile, fault } = line
    line.meanwhile = null
    await meanwhile?.()
    if (fault === 'silent') throw new Error('The provider is silent.')
    // No database keeps U+0000 in a text.
    if (fault === 'refuses') throw new RefusedByProvider('insufficient_funds', 'The account has\0 not enough money.')
    await inner.refund(request, signal)
    if (fault === 'loses') throw new Error('The answer was lost.')
  }
  return { line, provider: { ...inner, refund } }
}

/** One database with a shop on it. */
export async function startRefundShop(dialect: (typeof DIALECTS)[number]) {
  const store = openStore(await freshDatabase(dialect))
  await store.migrate()
  let ahead = 0
  const clock = { now: () => Date.now() + ahead }
  const sandbox = createSandboxPayment({
    sessions: sandboxSessions<SandboxSession>(store, sandboxDueAt),
    clock,
    secret: `whsec_${randomBytes(32).toString('base64')}`,
    publicUrl: () => 'http://pay.test',
    eventUrl: () => 'http://nowhere.test',
    randomId: () => randomBytes(24).toString('base64url'),
    fetch: async () => new Response(null, { status: 503 }),
  })
  const { line, provider } = behindLine(sandbox)
  const log = pino({ level: process.env.TEST_LOG ?? 'silent' })
  const engineOn = (on: Store): Engine =>
    createEngine({
      webhookTargets: readAllowed(THIS_MACHINE),
      ...{ store: on, clock, random: systemRandomness, signer: createSigner(['s'.repeat(32)]), adminHash: () => hashSecret(ADMIN) },
      ...{ providers: [provider], log, publicUrl: () => 'http://shop.test' },
    })
  const engine = engineOn(store)
  const app = await createApp({ engine, log: pino({ level: 'silent' }), version: '0', trustProxy: undefined })
  after(async () => {
    await app.close()
    await engine.carts.drain()
    await engine.jobs.stop()
    await sandbox.settled()
    await store.close()
  })

  const shopId = 'refunds'
  const path = `/v1/shops/${shopId}`
  const as =
    (token: string | null) =>
    async (method: 'GET' | 'POST' | 'PUT' | 'PATCH', url: string, body?: object, key?: string): Promise<Answer> => {
      const headers = { ...(token ? { authorization: `Bearer ${token}` } : {}), ...(key ? { 'idempotency-key': key } : {}) }
      const answer = await app.inject({ method, url: path + url, ...(body ? { payload: body } : {}), headers })
      return { status: answer.statusCode, headers: new Headers(answer.headers as Record<string, string>), body: answer.json() }
    }
  const admin = as(ADMIN)
  await app.inject({
    ...{ method: 'POST', url: '/v1/shops', headers: { authorization: `Bearer ${ADMIN}` } },
    payload: { id: shopId, name: 'Refunds', currency: 'USD', preset: 'default' },
  })
  success(await admin('PATCH', '/settings', SETTINGS))
  success(await admin('POST', '/products/import', { products: [goods('A', 100), goods('B', 333), goods('C', 1999)] }))
  await admin('POST', '/webhooks', { url: 'http://127.0.0.1:9/', types: ['refund.failed', 'refund.succeeded', 'order.updated'] })
  await pauseEndpoints({ store, clock }, shopId)

  async function pay(paymentId: string): Promise<void> {
    const { id } = await session(paymentId)
    assert.equal((await sandbox.pay(shopId, id, CARD)).result, 'paid')
    await tell(paymentId, 'paid')
  }

  async function session(paymentId: string): Promise<SandboxSession> {
    const { document } = await store.reader.db
      .selectFrom('sandbox_sessions')
      .select('document')
      .where('shop_id', '=', shopId)
      .where('attempt_id', '=', paymentId)
      .executeTakeFirstOrThrow()
    return JSON.parse(document) as SandboxSession
  }

  async function tell(attemptId: string, state: 'paid' | 'authorized'): Promise<void> {
    const { id: sessionId, amount, currency } = await session(attemptId)
    const eventId = `evt_${randomBytes(8).toString('hex')}`
    await engine.reconciling.receive(shopId, 'sandbox', { eventId, sessionId, attemptId, state, amount, currency })
  }

  /** A guest's order of these lines that awaits payment. */
  async function orderUnpaid(lines: readonly object[], more: object = {}) {
    const { token, cart } = success(await as(null)('POST', '/carts/current/lines', { lines }))
    const guest = as(token)
    success(await guest('PATCH', '/carts/current', { email: 'robin@example.com', shippingAddress: ADDRESS, ...more }))
    const { order, payment } = success(await guest('POST', '/orders', { cartId: cart.id }))
    return { guest, orderId: order.id as string, paymentId: payment.id as string }
  }

  const shop = {
    ...{ shopId, store, engine, engineOn, sandbox, line, admin, tell, pay, session, orderUnpaid },
    read: async (orderId: string): Promise<Answer['body']> => success(await admin('GET', `/orders/${orderId}`)),
    /** A guest's paid order. */
    async order(lines: readonly object[], more: object = {}) {
      const made = await orderUnpaid(lines, more)
      await pay(made.paymentId)
      const order = await shop.read(made.orderId)
      assert.deepEqual([order.state, order.paymentState], ['PLACED', 'PAID'])
      return { ...made, order, path: `/orders/${made.orderId}` }
    },
    /** What the provider gave back of a payment, refund by refund. */
    returned: async (paymentId: string) => (await session(paymentId)).refunds.map(({ amount }) => amount),
    stockOf: async (sku: string): Promise<number> => success(await admin('GET', `/stock/${sku}`)).onHand,
    eventsOf: async (orderId: string) => {
      const rows = await store.reader.db.selectFrom('deliveries').select('type').where('subject', '=', orderId).orderBy('id').execute()
      return rows.map(({ type }) => type)
    },
    historyOf: async (orderId: string): Promise<{ action: string; message: string | null; details: Record<string, unknown> | null }[]> => {
      const rows = await store.reader.db.selectFrom('order_history').select('entry').where('order_id', '=', orderId).orderBy('id').execute()
      return rows.map(({ entry }) => JSON.parse(entry))
    },
    /** Lets jobs do everything that is due by then. */
    async settle(ms = 6 * 60_000) {
      ahead += ms
      await engine.jobs.runDue()
    },
    /** What must be true whenever nothing is under way: no payment gave back more than it took, no line more pieces than it has. */
    async balance() {
      const wrong = (await checkBooks(store.reader, clock.now())).filter((each) => each.severity === 'error' && each.findings.length > 0)
      assert.deepEqual(wrong, [])
      for (const order of success(await admin('GET', '/orders?limit=200')).items) {
        const past = (await refundsOf(store.reader, shopId, [order.id])).map(pastRefund)
        assert.deepEqual(overRefundedLines(order, past), [])
        for (const { quantity, cancelledQuantity, fulfilledQuantity, restockedQuantity } of order.lines)
          assert.ok(cancelledQuantity + fulfilledQuantity <= quantity && restockedQuantity <= quantity)
        for (const payment of order.payments) {
          const mine = order.refunds.filter(
            (each: { paymentId: string; state: string }) => each.paymentId === payment.id && each.state === 'SUCCEEDED',
          )
          if (payment.captured.amount === 0) continue
          const told = mine.map((each: { amount: { amount: number } }) => each.amount.amount).sort()
          assert.deepEqual((await shop.returned(payment.id)).sort(), told, 'what we say went back is what went back')
        }
      }
    },
  }
  return shop
}

/** Taxes on top, shipping that is taxed as well, and a discount on everything over 1000: amounts that do not divide. */
const SETTINGS = {
  payment: { providers: ['sandbox'] },
  access: { guestCarts: true },
  pricing: { requireExpected: false },
  checkout: { guest: true },
  tax: {
    rates: [{ name: 'Tax', category: 'standard', percent: '7.7', included: false }],
    defaultCountry: 'US',
    shippingCategory: 'standard',
  },
  shipping: { methods: [{ id: 'post', name: 'Post', rates: [{ currency: 'USD', amount: 499 }] }], whenNotChosen: 'none' },
}

function goods(sku: string, amount: number) {
  const variant = {
    ...{ sku, name: '', options: {}, prices: [{ currency: 'USD', amount }], stockPolicy: 'deny', onHand: STOCK },
    ...{ requiresShipping: sku === 'C', taxable: sku !== 'A', grams: 1 },
  }
  const product = { handle: sku.toLowerCase(), name: sku, description: '', tags: [], kind: 'goods', published: true, images: [] }
  return { ...product, taxCategory: 'standard', variants: [variant] }
}
