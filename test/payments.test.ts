// Money is never lost, taken twice or kept without an order, whatever a provider does: it is silent, answers too late, tells things twice, in any
// order or not at all, and the process dies between any two steps. Faults are injected at the two ports (provider and store); everything else is
// the real thing, on both databases. After every scenario the books of the shop must balance.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, describe, it } from 'node:test'
import { pino } from 'pino'
import type { Order } from '../src/core/order.ts'
import { isRefusal } from '../src/core/refusal.ts'
import type { PresetName } from '../src/core/settings.ts'
import { createEngine } from '../src/engine/engine.ts'
import { createSigner, hashSecret } from '../src/engine/identity.ts'
import type { PaymentProvider, PaymentRequest, ProviderEvent, SessionStatus } from '../src/engine/ports.ts'
import { systemRandomness } from '../src/engine/system.ts'
import { readAllowed, THIS_MACHINE } from '../src/engine/targets.ts'
import { createApp } from '../src/http/app.ts'
import { openStore } from '../src/main.ts'
import { createSandboxPayment, type SandboxPayment, type SandboxSession, sandboxDueAt } from '../src/providers/sandbox-payment.ts'
import { checkBooks } from '../src/store/books.ts'
import { sandboxSessions } from '../src/store/sandbox.ts'
import type { Store } from '../src/store/store.ts'
import { ADMIN, type Answer, atOnce, DIALECTS, eventually, freshDatabase } from './harness.ts'
import { CARD, dyingStore, reconcile, success } from './paying.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DECLINED = '4000 0000 0000 0002'
const STOCK = 1000

type Sandbox = PaymentProvider & SandboxPayment
type Method = 'open' | 'status' | 'cancel' | 'capture' | 'refund'
/** `refuses`: nothing happens. `loses`: it is done, but the answer is lost. `hangs`: no answer, ever, and the signal is not listened to. */
type Fault = 'refuses' | 'loses' | 'hangs'

/** The sandbox behind a line that breaks on command. It is a class, as many real providers are: its methods need their `this`. */
class FaultyProvider implements PaymentProvider {
  readonly name: string
  readonly settles = 'now'
  readonly opensZero: boolean
  readonly calls: { method: Method; id: string }[] = []
  faults: { [M in Method]?: Fault } = {}
  /** What the provider says instead of the truth. */
  says: ((method: 'status' | 'cancel', truth: SessionStatus) => SessionStatus) | null = null
  /** Runs before a call reaches the provider: where a test puts what happens at the same moment. */
  meanwhile: ((method: Method) => Promise<unknown>) | null = null
  readonly #inner: Sandbox

  constructor(name: string, inner: Sandbox) {
    this.name = name
    this.opensZero = name === 'sandbox'
    this.#inner = inner
  }

  async #call<T>(method: Method, id: string, work: () => Promise<T>): Promise<T> {
    this.calls.push({ method, id })
    const fault = this.faults[method]
    const { meanwhile } = this
    this.meanwhile = null
    await meanwhile?.(method)
    if (fault === 'refuses') throw new Error('The provider is silent.')
    if (fault === 'hangs') await new Promise(() => {})
    const result = await work()
    if (fault === 'loses') throw new Error('The answer was lost.')
    return result
  }

  open(request: PaymentRequest, signal: AbortSignal) {
    return this.#call('open', request.attemptId, () => this.#inner.open(request, signal))
  }

  async status(shopId: string, sessionId: string, signal: AbortSignal) {
    const truth = await this.#call('status', sessionId, () => this.#inner.status(shopId, sessionId, signal))
    return this.says?.('status', truth) ?? truth
  }

  async cancel(shopId: string, sessionId: string, signal: AbortSignal) {
    const truth = await this.#call('cancel', sessionId, () => this.#inner.cancel(shopId, sessionId, signal))
    return this.says?.('cancel', truth) ?? truth
  }

  refund(request: Parameters<PaymentProvider['refund']>[0], signal: AbortSignal) {
    return this.#call('refund', request.refundId, () => this.#inner.refund(request, signal))
  }

  capture(request: Parameters<PaymentProvider['capture']>[0], signal: AbortSignal) {
    return this.#call('capture', request.captureId, () => this.#inner.capture(request, signal))
  }

  readEvent(shopId: string, headers: Readonly<Record<string, string>>, body: Buffer) {
    return this.#inner.readEvent(shopId, headers, body)
  }
}

/** One database with an engine that only does what a test tells it: no job runs by itself and no event arrives by itself. */
async function startWorld(dialect: (typeof DIALECTS)[number]) {
  const store = openStore(await freshDatabase(dialect))
  await store.migrate()
  let ahead = 0
  const clock = { now: () => Date.now() + ahead }
  const move = (ms: number) => {
    ahead += ms
  }
  const sandbox = createSandboxPayment({
    sessions: sandboxSessions<SandboxSession>(store, sandboxDueAt),
    clock,
    secret: `whsec_${randomBytes(32).toString('base64')}`,
    publicUrl: () => 'http://pay.test',
    eventUrl: () => 'http://nowhere.test',
    randomId: () => randomBytes(24).toString('base64url'),
    fetch: async () => new Response(null, { status: 503 }),
  })
  const first = new FaultyProvider('sandbox', sandbox)
  const second = new FaultyProvider('other', sandbox)
  const signer = createSigner(['s'.repeat(32)])
  const engineOn = (on: Store) =>
    createEngine({
      store: on,
      clock,
      random: systemRandomness,
      signer,
      adminHash: () => hashSecret(ADMIN),
      providers: [first, second],
      log: pino({ level: process.env.TEST_LOG ?? 'silent' }),
      publicUrl: () => 'http://shop.test',
      webhookTargets: readAllowed(THIS_MACHINE),
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

  type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  const call =
    (token: string | null, on = app) =>
    async (method: Method, url: string, payload?: object, headers: Record<string, string> = {}): Promise<Answer> => {
      const answer = await on.inject({
        method,
        url,
        ...(payload ? { payload } : {}),
        headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...headers },
      })
      const isJson = String(answer.headers['content-type']).includes('json')
      return { status: answer.statusCode, headers: new Headers(), body: isJson ? answer.json() : answer.body }
    }
  return { store, clock, sandbox, first, second, engine, engineOn, call, signer, move }
}

type World = Awaited<ReturnType<typeof startWorld>>

/** A shop of its own, with four goods that need no shipping and cost 1000 each, 1000 pieces of each. */
async function openShop(world: World, { preset = 'default', settings = {} }: { preset?: PresetName; settings?: object } = {}) {
  const id = `s-${randomBytes(6).toString('hex')}`
  const path = `/v1/shops/${id}`
  const admin = world.call(ADMIN)
  success(await admin('POST', '/v1/shops', { id, name: id, currency: 'USD', preset }))
  const pricing = { requireExpected: false }
  const base = { payment: { providers: ['sandbox', 'other'] }, access: { guestCarts: true }, pricing, ...settings }
  success(
    await admin('PATCH', `${path}/settings`, {
      ...base,
      checkout: { guest: true, ...('checkout' in settings ? (settings.checkout as object) : {}) },
    }),
  )
  const product = (sku: string, amount = 1000) => ({
    handle: sku.toLowerCase(),
    name: sku,
    description: '',
    tags: [],
    kind: 'goods',
    published: true,
    images: [],
    taxCategory: 'standard',
    variants: [
      {
        sku,
        name: '',
        options: {},
        prices: [{ currency: 'USD', amount }],
        stockPolicy: 'deny',
        onHand: STOCK,
        requiresShipping: false,
        taxable: true,
        grams: 1,
      },
    ],
  })
  const initial = new Map<string, number>()
  for (const sku of ['A', 'B', 'C', 'D']) initial.set(sku, STOCK)
  success(await admin('POST', `${path}/products/import`, { products: [...initial.keys()].map((sku) => product(sku)) }))
  const { db } = world.store.reader
  const payments = (orderId: string) =>
    db.selectFrom('payments').selectAll().where('shop_id', '=', id).where('order_id', '=', orderId).orderBy('id').execute()

  const shop = {
    id,
    path,
    admin: (method: Parameters<typeof admin>[0], url: string, body?: object) => admin(method, path + url, body),
    payments,
    setStock: async (sku: string, onHand: number) => {
      success(await admin('PUT', `${path}/stock/${sku}`, { onHand }))
      initial.set(sku, onHand)
    },
    setPrice: async (sku: string, amount: number) =>
      success(await admin('PUT', `${path}/products/${sku.toLowerCase()}`, withoutStock(product(sku, amount)))),
    async makeCode(code: string, usesMax: number | null, percent = '50') {
      const { id: promotionId } = success(
        await admin('POST', `${path}/promotions`, {
          name: code,
          conditions: [{ kind: 'code' }],
          benefit: { kind: 'percent_off', percent },
        }),
      )
      success(await admin('POST', `${path}/promotions/${promotionId}/codes`, { code, usesMax }))
    },
    /** A guest with these lines in a cart that can be ordered. */
    async guest(lines: readonly object[] = [{ sku: 'A' }]) {
      const { token, cart } = success(await world.call(null)('POST', `${path}/carts/current/lines`, { lines }))
      const mine = world.call(token)
      const run = (method: Parameters<typeof admin>[0], url: string, body?: object, headers?: Record<string, string>) =>
        mine(method, path + url, body, headers)
      const ready = success(await run('PATCH', '/carts/current', { email: 'robin@example.com' }))
      return {
        run,
        token: token as string,
        cart: ready.cart as Answer['body'],
        cartId: cart.id as string,
        order: async (more: object = {}) => success(await run('POST', '/orders', { cartId: cart.id, ...more })),
      }
    },
    read: async (orderId: string): Promise<Answer['body']> => success(await admin('GET', `${path}/orders/${orderId}`)),
    /** The shopper pays on the provider's page; answers the result. Nobody is told yet. */
    async pay(paymentId: string, card = CARD): Promise<string> {
      const session = await shop.session(paymentId)
      return (await world.sandbox.pay(id, session.id, card)).result
    },
    async session(paymentId: string): Promise<SandboxSession> {
      const row = await db
        .selectFrom('sandbox_sessions')
        .select('document')
        .where('shop_id', '=', id)
        .where('attempt_id', '=', paymentId)
        .executeTakeFirstOrThrow()
      return JSON.parse(row.document) as SandboxSession
    },
    /** The provider's message about a payment. */
    async tell(
      paymentId: string,
      state: SessionStatus['state'],
      { provider = 'sandbox', engine = world.engine, more = {} as Partial<ProviderEvent> } = {},
    ) {
      const session = await shop.session(paymentId)
      const eventId = `evt_${randomBytes(8).toString('hex')}`
      return engine.reconciling.receive(id, provider, {
        eventId,
        sessionId: session.id,
        attemptId: paymentId,
        state,
        amount: session.amount,
        currency: session.currency,
        ...more,
      })
    },
    /** The browser comes back from the provider. */
    back: (paymentId: string, provider = 'sandbox') => world.call(null)('GET', `${path}/payments/${provider}/returns/${paymentId}`),
    /** Lets the reconciler do everything that is due, also what becomes due within minutes. */
    async settle() {
      for (let round = 0; round < 3; round++) {
        await reconcile(world.engine)
        world.move(6 * MINUTE)
      }
      await reconcile(world.engine)
    },
    balance: () => balance(world, id, initial),
  }
  return shop
}

function withoutStock(product: { variants: { onHand: number }[] }) {
  return { ...product, variants: product.variants.map(({ onHand: _, ...variant }) => variant) }
}

/** The books of a shop: what must be true whenever nothing is under way. */
async function balance({ store, clock }: World, shopId: string, initial: ReadonlyMap<string, number>): Promise<void> {
  const { db } = store.reader
  const wrong = (await checkBooks(store.reader, clock.now(), shopId)).filter(
    (each) => each.severity === 'error' && each.findings.length > 0,
  )
  assert.deepEqual(wrong, [])
  const rows = await db.selectFrom('orders').selectAll().where('shop_id', '=', shopId).execute()
  const orders = new Map(rows.map((row) => [row.id, { row, order: JSON.parse(row.document) as Order }]))
  const sold = new Map<string, number>()
  const wholeOf = new Map<string, number>()
  for (const { row, order } of orders.values()) {
    assert.equal(row.state, order.state, 'the column says what the document says')
    if (row.placed_at !== null && row.whole === 1) wholeOf.set(row.cart_id ?? '', (wholeOf.get(row.cart_id ?? '') ?? 0) + 1)
    if (row.state !== 'PLACED') continue
    assert.ok(row.placed_at !== null && row.number !== null && row.reference !== null, `order ${row.id} is placed without a number`)
    for (const { sku, quantity } of order.lines) sold.set(sku ?? '', (sold.get(sku ?? '') ?? 0) + quantity)
  }
  assert.ok(
    [...wholeOf.values()].every((count) => count === 1),
    'a cart was ordered twice',
  )

  const kept = new Map<string, number>()
  for (const { document } of await db.selectFrom('sandbox_sessions').select('document').where('shop_id', '=', shopId).execute()) {
    const session = JSON.parse(document) as SandboxSession
    if (session.state !== 'paid') continue
    const left = session.refunds.reduce((amount, refund) => amount - refund.amount, session.amount)
    assert.ok(left === 0 || left === session.amount, 'money went back in part')
    kept.set(session.orderId, (kept.get(session.orderId) ?? 0) + left)
  }
  for (const { row, order } of orders.values()) {
    const due = row.state === 'PLACED' ? order.total.amount : 0
    assert.equal(kept.get(row.id) ?? 0, due, `order ${row.id} is ${row.state}: what was captured and kept`)
  }

  for (const each of await db.selectFrom('reservations').selectAll().where('shop_id', '=', shopId).execute())
    assert.equal(orders.get(each.order_id)?.row.state, 'NEW', `${each.sku} is held for an order that has ended`)
  for (const { sku, on_hand } of await db.selectFrom('stock').select(['sku', 'on_hand']).where('shop_id', '=', shopId).execute()) {
    assert.equal(on_hand, (initial.get(sku) ?? 0) - (sold.get(sku) ?? 0), `stock of ${sku}`)
    assert.ok(on_hand >= 0, `${sku} was oversold`)
  }

  const redemptions = await db.selectFrom('redemptions').selectAll().where('shop_id', '=', shopId).execute()
  for (const each of redemptions) {
    const state = orders.get(each.order_id)?.row.state
    assert.equal(each.state, state === 'PLACED' ? 'CONFIRMED' : 'RESERVED')
    assert.ok(state === 'NEW' || state === 'PLACED', `an order that is ${state} still uses a promotion`)
  }
  for (const { id, uses } of await db.selectFrom('promotions').select(['id', 'uses']).where('shop_id', '=', shopId).execute())
    assert.equal(uses, redemptions.filter((each) => each.promotion_id === id).length, 'uses of a promotion')
  for (const { code, uses } of await db.selectFrom('promotion_codes').select(['code', 'uses']).where('shop_id', '=', shopId).execute())
    assert.equal(uses, redemptions.filter((each) => each.code === code).length, `uses of ${code}`)
}

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]]
  return items.flatMap((item, index) => permutations(items.filter((_, other) => other !== index)).map((rest) => [item, ...rest]))
}

const lines = (body: Answer['body']) => body.lines.map((line: { sku: string; quantity: number }) => `${line.quantity} ${line.sku}`)

for (const dialect of DIALECTS) {
  describe(`money on ${dialect}`, async () => {
    const world = await startWorld(dialect)
    const { first, second } = world

    describe('what providers say', () => {
      const tellings = ['paid', 'failed', 'cancelled', 'paid again', 'the browser', 'the reconciler'] as const

      it('a paid session is one placed order, in whatever order six witnesses speak, some of them wrongly', async () => {
        const shop = await openShop(world)
        const every = dialect === 'sqlite' ? 8 : 48
        const orders = permutations(tellings).filter((_, index) => index % every === 0)
        for (const order of orders) {
          const guest = await shop.guest()
          const { order: made, payment } = await guest.order()
          assert.equal(await shop.pay(payment.id), 'paid')
          for (const telling of order) {
            if (telling === 'the browser') await shop.back(payment.id)
            else if (telling === 'the reconciler') await shop.settle()
            else await shop.tell(payment.id, telling === 'paid again' ? 'paid' : telling)
          }
          const placed = await shop.read(made.id)
          assert.deepEqual([placed.state, placed.paymentState, placed.refunds], ['PLACED', 'PAID', []], order.join(', '))
        }
        await shop.balance()
      })

      it('all six at the same moment are one placed order', async () => {
        const shop = await openShop(world)
        for (let round = 0; round < 8; round++) {
          const guest = await shop.guest()
          const { order, payment } = await guest.order()
          await shop.pay(payment.id)
          await Promise.all([
            shop.tell(payment.id, 'failed'),
            shop.tell(payment.id, 'paid'),
            shop.tell(payment.id, 'cancelled'),
            shop.tell(payment.id, 'paid'),
            shop.back(payment.id),
            guest.run('POST', '/orders', { cartId: guest.cartId }),
          ])
          await shop.settle()
          assert.equal((await shop.read(order.id)).state, 'PLACED')
        }
        await shop.balance()
      })

      it('SEED2-61 reserved money places the order, and taking it marks the order paid, once', async () => {
        const shop = await openShop(world)
        const { order, payment } = await (await shop.guest()).order()
        await shop.tell(payment.id, 'authorized')
        const reserved = await shop.read(order.id)
        assert.deepEqual([reserved.state, reserved.paymentState, reserved.paidAt], ['PLACED', 'AUTHORIZED', null])
        await shop.pay(payment.id)
        await atOnce(3, () => shop.tell(payment.id, 'paid'))
        await shop.tell(payment.id, 'authorized')
        const paid = await shop.read(order.id)
        assert.deepEqual([paid.state, paid.paymentState, typeof paid.paidAt], ['PLACED', 'PAID', 'string'])
        await shop.balance()
      })

      it('reserved money that vanishes is shown on the order, which must not be sent unpaid', async () => {
        const shop = await openShop(world)
        const { order, payment } = await (await shop.guest()).order()
        await shop.tell(payment.id, 'authorized')
        await shop.tell(payment.id, 'cancelled')
        assert.equal((await shop.read(order.id)).paymentState, 'FAILED')
      })

      it('reserved money of a cancelled order is set free, and goes back once if it was taken meanwhile', async () => {
        const shop = await openShop(world)
        for (const isTaken of [false, true]) {
          const { order, payment } = await (await shop.guest()).order()
          await shop.tell(payment.id, 'authorized')
          first.faults = { cancel: 'refuses', refund: 'refuses' }
          success(await shop.admin('POST', `/orders/${order.id}/cancel`))
          await shop.settle()
          first.faults = {}
          if (isTaken) {
            await shop.pay(payment.id)
            await shop.tell(payment.id, 'paid')
          }
          world.move(HOUR)
          await shop.settle()
          assert.equal((await shop.session(payment.id)).state, isTaken ? 'paid' : 'cancelled')
          const ended = await shop.read(order.id)
          assert.deepEqual([ended.state, ended.paymentState, ended.refunds.length], ['CANCELLED', 'REFUNDED', 1])
          await shop.balance()
        }
      })

      it('money that was reserved too late and is taken later goes back once, also when there is stock again', async () => {
        const shop = await openShop(world)
        await shop.setStock('A', 1)
        const guest = await shop.guest()
        const { order, payment } = await guest.order()
        world.move(31 * MINUTE)
        const quick = await (await shop.guest()).order()
        await shop.pay(quick.payment.id)
        await shop.tell(quick.payment.id, 'paid')
        await shop.tell(payment.id, 'authorized')
        assert.equal((await shop.read(order.id)).state, 'EXPIRED')
        await shop.pay(payment.id)
        success(await shop.admin('PUT', '/stock/A', { onHand: 5 }))
        await shop.tell(payment.id, 'paid')
        assert.equal((await shop.read(order.id)).paymentState, 'PENDING', 'an order that has ended is not paid')
        await shop.settle()
        const late = await shop.read(order.id)
        assert.deepEqual([late.state, late.refunds.length], ['EXPIRED', 1])
        await shop.setStock('A', 6)
        success(await shop.admin('PUT', '/stock/A', { onHand: 5 }))
        await shop.balance()
      })

      it('a genuine message about another session, amount or currency marks nothing paid', async () => {
        const shop = await openShop(world)
        const { order, payment } = await (await shop.guest()).order()
        await shop.tell(payment.id, 'paid', { more: { amount: 1 } })
        await shop.tell(payment.id, 'paid', { more: { currency: 'EUR' } })
        await shop.tell(payment.id, 'paid', { more: { sessionId: 'another' } })
        await shop.tell(payment.id, 'paid', { provider: 'other' })
        assert.equal((await shop.read(order.id)).state, 'NEW')
        await shop.balance()
      })

      it('an order that costs nothing is verified by a provider that can do that, and nothing goes back when it ends', async () => {
        const shop = await openShop(world, { settings: { checkout: { freeOrder: 'process' } } })
        await shop.setPrice('A', 0)
        const guest = await shop.guest()
        const refused = await guest.run('POST', '/orders', { cartId: guest.cartId, payment: { provider: 'other' } })
        assert.deepEqual([refused.status, refused.body.code, refused.body.available], [409, 'payment_method_unavailable', ['sandbox']])
        const { order, payment } = await guest.order()
        await shop.pay(payment.id)
        await shop.tell(payment.id, 'paid')
        const placed = await shop.read(order.id)
        assert.deepEqual([placed.state, placed.paymentState, placed.outstandingTotal.amount], ['PLACED', 'PAID', 0])
        success(await shop.admin('POST', `/orders/${order.id}/cancel`))
        const late = await (await shop.guest()).order()
        await shop.pay(late.payment.id)
        success(await shop.admin('POST', `/orders/${late.order.id}/cancel`))
        await shop.settle()
        for (const each of [order, late.order]) assert.deepEqual((await shop.read(each.id)).refunds, [])
        await shop.balance()
      })

      it('SEED4-49 who asks to order unpaid but has paid meanwhile gets the paid order', async () => {
        const shop = await openShop(world, { settings: { checkout: { withoutPayment: true } } })
        const guest = await shop.guest()
        const { order, payment } = await guest.order()
        await shop.pay(payment.id)
        const again = await guest.order({ withoutPayment: true })
        assert.deepEqual([again.order.id, again.order.state, again.order.paymentState, again.payment], [order.id, 'PLACED', 'PAID', null])
        await shop.settle()
        await shop.balance()
      })

      it('SEED4-51 a session that a provider ends by itself leaves the order payable in a new one', async () => {
        const shop = await openShop(world)
        const guest = await shop.guest()
        const { order, payment } = await guest.order()
        await world.sandbox.cancel(shop.id, (await shop.session(payment.id)).id, AbortSignal.timeout(1000))
        await shop.settle()
        const again = await guest.order()
        assert.equal(again.order.id, order.id)
        assert.notEqual(again.payment.id, payment.id)
        await shop.pay(again.payment.id)
        await shop.settle()
        assert.equal((await shop.read(order.id)).state, 'PLACED')
        await shop.balance()
      })

      it('money after a cancelled session becomes an order if it still can, else it goes back', async () => {
        const shop = await openShop(world)
        // This provider says "cancelled", but takes the money all the same.
        first.says = (method, truth) => (method === 'cancel' ? { ...truth, state: 'cancelled' } : truth)
        const lucky = await shop.guest()
        const one = await lucky.order()
        await shop.pay(one.payment.id)
        await lucky.run('POST', '/carts/current/lines', { sku: 'B' })
        const two = await lucky.order()
        assert.notEqual(two.order.id, one.order.id)
        const cancelled = await shop.guest()
        const three = await cancelled.order()
        await shop.pay(three.payment.id)
        success(await cancelled.run('POST', `/orders/${three.order.id}/cancel`))
        first.says = null
        await shop.tell(one.payment.id, 'paid')
        assert.equal((await shop.read(two.order.id)).state, 'SUPERSEDED', 'the cart was ordered, so nobody is asked to pay for it again')
        await shop.tell(three.payment.id, 'paid')
        await shop.pay(two.payment.id)
        await shop.tell(two.payment.id, 'paid')
        await shop.settle()
        const states = await Promise.all([one, two, three].map(async ({ order }) => (await shop.read(order.id)).state))
        assert.deepEqual(states, ['PLACED', 'SUPERSEDED', 'CANCELLED'])
        assert.deepEqual(lines((await lucky.run('GET', '/carts/current')).body), ['1 B'])
        await shop.balance()
      })
    })

    describe('a provider that is silent', () => {
      it('while opening: 502, and repeating resumes the same attempt, also after its answer was lost', async () => {
        const shop = await openShop(world)
        for (const fault of ['refuses', 'loses'] as const) {
          const guest = await shop.guest()
          first.faults = { open: fault }
          first.calls.length = 0
          const silent = await guest.run('POST', '/orders', { cartId: guest.cartId })
          assert.deepEqual([silent.status, silent.body.code], [502, 'provider_unavailable'])
          first.faults = {}
          const { order, payment } = await guest.order()
          assert.equal(order.id, silent.body.orderId)
          assert.deepEqual(
            first.calls.map((each) => each.id),
            [payment.id, payment.id],
          )
          assert.equal(typeof payment.url, 'string')
          await shop.pay(payment.id)
          await shop.back(payment.id)
          assert.equal((await shop.read(order.id)).state, 'PLACED')
        }
        const gone = await shop.guest()
        first.faults = { open: 'loses' }
        const { orderId } = (await gone.run('POST', '/orders', { cartId: gone.cartId })).body
        first.faults = {}
        await shop.settle()
        assert.deepEqual(
          (await shop.payments(orderId)).map((each) => [each.state, each.url !== null]),
          [['PENDING', true]],
          'the reconciler goes on where nobody repeats',
        )
        await shop.balance()
      })

      it('while opening: the same Idempotency-Key goes on with the same attempt, 20 times at once and on another node', async () => {
        const shop = await openShop(world)
        const guest = await shop.guest()
        const headers = { 'idempotency-key': randomBytes(16).toString('hex') }
        const order = () => guest.run('POST', '/orders', { cartId: guest.cartId }, headers)
        first.faults = { open: 'loses' }
        assert.deepEqual([...new Set((await atOnce(5, order)).map((each) => each.status))], [502])
        first.faults = {}
        const answers = await atOnce(20, order)
        assert.deepEqual(
          [...new Set(answers.map((each) => `${each.status} ${each.body.payment.id} ${each.body.payment.url !== null}`))],
          [`201 ${answers[0]?.body.payment.id} true`],
        )
        assert.equal((await shop.payments(answers[0]?.body.order.id)).length, 1)
        const elsewhere = await world.engineOn(world.store).checkout.payAgain(shop.id, answers[0]?.body.order.id, {}, null)
        assert.ok(!isRefusal(elsewhere) && elsewhere.payment?.id === answers[0]?.body.payment.id)
        await shop.pay(answers[0]?.body.payment.id)
        await shop.settle()
        assert.deepEqual([(await order()).body.order.state, (await order()).body.payment], ['PLACED', null])
        await shop.balance()
      })

      it('while opening does not keep the cart from being changed and ordered, nor from being paid elsewhere', async () => {
        const shop = await openShop(world)
        first.faults = { open: 'refuses' }
        const guest = await shop.guest()
        assert.equal((await guest.run('POST', '/orders', { cartId: guest.cartId })).status, 502)
        const elsewhere = await guest.order({ payment: { provider: 'other' } })
        assert.equal(elsewhere.payment.provider, 'other')
        const changing = await shop.guest()
        assert.equal((await changing.run('POST', '/orders', { cartId: changing.cartId })).status, 502)
        await changing.run('POST', '/carts/current/lines', { sku: 'B' })
        const changed = await changing.order({ payment: { provider: 'other' } })
        first.faults = {}
        for (const { order, payment } of [elsewhere, changed]) {
          await shop.pay(payment.id)
          await shop.back(payment.id, 'other')
          assert.equal((await shop.read(order.id)).state, 'PLACED')
        }
        await shop.balance()
      })

      it('while cancelling: 502 and nothing changed, and repeating goes on', async () => {
        const shop = await openShop(world)
        const guest = await shop.guest()
        const one = await guest.order()
        await guest.run('POST', '/carts/current/lines', { sku: 'B' })
        first.faults = { cancel: 'refuses' }
        for (const attempt of [
          () => guest.run('POST', '/orders', { cartId: guest.cartId }),
          () => guest.run('POST', `/orders/${one.order.id}/cancel`),
          () => guest.run('DELETE', '/carts/current'),
        ])
          assert.deepEqual([(await attempt()).status, (await shop.read(one.order.id)).state], [502, 'NEW'])
        assert.equal((await guest.run('GET', '/carts/current')).body.itemCount, 2)
        first.faults = {}
        const two = await guest.order()
        assert.equal((await shop.read(one.order.id)).state, 'SUPERSEDED')
        assert.equal((await shop.session(one.payment.id)).state, 'cancelled')
        await shop.pay(two.payment.id)
        await shop.settle()
        assert.equal((await shop.read(two.order.id)).state, 'PLACED')
        await shop.balance()
      })

      it('that cannot close a session keeps its order: nothing takes the place of what can still be paid', async () => {
        const shop = await openShop(world)
        const guest = await shop.guest()
        const one = await guest.order()
        await guest.run('POST', '/carts/current/lines', { sku: 'B' })
        first.says = (_, truth) => ({ ...truth, state: 'open' })
        assert.equal((await guest.run('POST', '/orders', { cartId: guest.cartId })).status, 502)
        first.says = null
        assert.equal((await shop.read(one.order.id)).state, 'NEW')
        await shop.balance()
      })

      it('about how a session stands is asked again until it answers', async () => {
        const shop = await openShop(world)
        const { order, payment } = await (await shop.guest()).order()
        await shop.pay(payment.id)
        first.faults = { status: 'refuses' }
        await shop.settle()
        assert.equal((await shop.back(payment.id)).status, 200)
        assert.equal((await shop.read(order.id)).state, 'NEW')
        first.faults = {}
        await shop.settle()
        assert.equal((await shop.read(order.id)).state, 'PLACED')
        await shop.balance()
      })

      it('a success after a refused card is found by the returning browser without any message', async () => {
        const shop = await openShop(world)
        const { order, payment } = await (await shop.guest()).order()
        assert.equal(await shop.pay(payment.id, DECLINED), 'failed')
        await shop.tell(payment.id, 'failed')
        await shop.pay(payment.id)
        await shop.back(payment.id)
        assert.equal((await shop.read(order.id)).state, 'PLACED')
      })

      it('for a refund is asked 20 times, then the refund is shown as failed and the money is not called returned', async () => {
        const shop = await openShop(world)
        const hook = success(await shop.admin('POST', '/webhooks', { url: 'http://127.0.0.1:9/', types: ['refund.failed'] }))
        const { order, payment } = await (await shop.guest()).order()
        await shop.pay(payment.id)
        await shop.settle()
        first.faults = { refund: 'refuses' }
        first.calls.length = 0
        success(await shop.admin('POST', `/orders/${order.id}/cancel`))
        for (let round = 0; round < 30; round++) {
          await world.engine.jobs.runDue()
          world.move(2 * HOUR)
        }
        first.faults = {}
        const asked = first.calls.filter((each) => each.method === 'refund')
        assert.deepEqual([asked.length, new Set(asked.map((each) => each.id)).size], [20, 1])
        const { refunds, paymentState, payments } = await shop.read(order.id)
        assert.deepEqual(
          [refunds.map((each: { state: string }) => each.state), paymentState, payments[0].state],
          [['FAILED'], 'PAID', 'PAID'],
        )
        const told = await world.store.reader.db.selectFrom('deliveries').select('type').where('subject', '=', order.id).execute()
        assert.deepEqual(
          told.map((each) => each.type),
          ['refund.failed'],
        )
        success(await shop.admin('DELETE', `/webhooks/${hook.id}`))
        // Cancelling again, by who may, tries the same refund again.
        success(await shop.admin('POST', `/orders/${order.id}/cancel`))
        await shop.settle()
        const returned = await shop.read(order.id)
        assert.deepEqual([returned.paymentState, returned.refunds.map((each: { id: string }) => each.id)], ['REFUNDED', [refunds[0].id]])
        await shop.balance()
      })

      it('whose answer about a refund was lost is asked again, and gives back once', async () => {
        const shop = await openShop(world)
        const { order, payment } = await (await shop.guest()).order()
        await shop.pay(payment.id)
        await shop.settle()
        first.faults = { refund: 'loses' }
        success(await shop.admin('POST', `/orders/${order.id}/cancel`))
        await shop.settle()
        first.faults = {}
        await shop.settle()
        assert.equal((await shop.session(payment.id)).refunds.length, 1)
        assert.equal((await shop.read(order.id)).paymentState, 'REFUNDED')
        await shop.balance()
      })

      it('does not keep the unpaid orders of others from expiring', async () => {
        const shop = await openShop(world)
        const slow = await atOnce(51, async () => (await shop.guest()).order({ payment: { provider: 'other' } }))
        const { order } = await (await shop.guest()).order()
        second.faults = { cancel: 'refuses', status: 'refuses' }
        world.move(24 * HOUR + 1000)
        await world.engine.jobs.runDue()
        await world.engine.jobs.runDue()
        assert.equal((await shop.read(order.id)).state, 'EXPIRED')
        second.faults = {}
        world.move(2 * MINUTE)
        await world.engine.jobs.runDue()
        await world.engine.jobs.runDue()
        for (const each of slow) assert.equal((await shop.read(each.order.id)).state, 'EXPIRED')
        await shop.balance()
      })
    })

    describe('at the same moment', () => {
      it('a cart that changes while its session is being opened: one session stays payable', async () => {
        const shop = await openShop(world)
        const guest = await shop.guest()
        let two: Answer['body']
        first.meanwhile = async () => {
          await guest.run('POST', '/carts/current/lines', { sku: 'B' })
          two = await guest.order()
        }
        const one = await guest.order()
        assert.deepEqual([one.order.state, one.payment], ['SUPERSEDED', null])
        const sessions = await Promise.all((await shop.payments(one.order.id)).map((each) => shop.session(each.id)))
        assert.deepEqual(
          sessions.map((each) => each.state),
          ['cancelled'],
        )
        await shop.pay(two.payment.id)
        await shop.settle()
        assert.equal((await shop.read(two.order.id)).state, 'PLACED')
        await shop.balance()
      })

      it('a message that overtakes the answer with the address does not lose the address', async () => {
        const shop = await openShop(world)
        const guest = await shop.guest()
        first.faults = { open: 'loses' }
        const silent = await guest.run('POST', '/orders', { cartId: guest.cartId })
        first.faults = {}
        const [attempt] = await shop.payments(silent.body.orderId)
        await shop.tell(attempt?.id ?? '', 'failed')
        const { payment } = await guest.order()
        assert.deepEqual([payment.id, typeof payment.url], [attempt?.id, 'string'])
        await shop.pay(payment.id)
        await shop.settle()
        await shop.balance()
      })

      it('an order that is paid while it is being replaced is the order, and what was added goes on', async () => {
        const shop = await openShop(world)
        const guest = await shop.guest()
        const one = await guest.order()
        await guest.run('POST', '/carts/current/lines', { sku: 'B' })
        first.meanwhile = () => shop.pay(one.payment.id)
        const answer = await guest.order()
        assert.deepEqual([answer.order.id, answer.order.state, answer.payment], [one.order.id, 'PLACED', null])
        assert.deepEqual(lines((await guest.run('GET', '/carts/current')).body), ['1 B'])
        await shop.balance()
      })

      it('an attempt that begins while its order is being replaced or cancelled is closed with it', async () => {
        const shop = await openShop(world)
        for (const how of ['replaced', 'cancelled'] as const) {
          const guest = await shop.guest()
          const one = await guest.order()
          await shop.tell(one.payment.id, 'cancelled')
          await world.sandbox.cancel(shop.id, (await shop.session(one.payment.id)).id, AbortSignal.timeout(1000))
          const again = await guest.order()
          // While its session is being closed, the shopper begins to pay again in another window.
          first.meanwhile = async () => {
            await shop.tell(again.payment.id, 'cancelled')
            success(await guest.run('POST', `/orders/${one.order.id}/payments`))
          }
          if (how === 'replaced') {
            await guest.run('POST', '/carts/current/lines', { sku: 'B' })
            await guest.order()
          } else success(await guest.run('POST', `/orders/${one.order.id}/cancel`))
          for (const each of await shop.payments(one.order.id)) assert.equal((await shop.session(each.id)).state, 'cancelled', how)
        }
        await shop.balance()
      })

      it('who chooses two providers at once can pay at one of them only', async () => {
        const shop = await openShop(world)
        const openSessions = async (orderId: string) => {
          const sessions = await Promise.all((await shop.payments(orderId)).map((each) => shop.session(each.id)))
          return sessions.filter((each) => each.state === 'open').length
        }
        for (let round = 0; round < 5; round++) {
          const guest = await shop.guest()
          const { order } = await guest.order()
          const wanted = ['other', 'sandbox', 'other', 'sandbox']
          await Promise.all(wanted.map((provider) => guest.run('POST', `/orders/${order.id}/payments`, { provider })))
          assert.equal(await openSessions(order.id), 1)
        }
        const guest = await shop.guest()
        const { order, payment } = await guest.order()
        const choose = (provider: string) => guest.run('POST', `/orders/${order.id}/payments`, { provider })
        // While the first session is being closed for the sake of the other provider, another window opens a new one.
        first.meanwhile = async () => {
          await shop.tell(payment.id, 'cancelled')
          success(await choose('sandbox'))
        }
        success(await choose('other'))
        assert.equal((await shop.payments(order.id)).length, 3)
        assert.equal(await openSessions(order.id), 1)
      })

      it('an order that is paid too late while it is being replaced gives its money back, and the new one is the answer', async () => {
        const shop = await openShop(world)
        await shop.setStock('A', 1)
        const guest = await shop.guest()
        const one = await guest.order()
        world.move(31 * MINUTE)
        const quick = await (await shop.guest()).order()
        await shop.pay(quick.payment.id)
        await shop.tell(quick.payment.id, 'paid')
        success(await guest.run('PUT', '/carts/current/lines', { mode: 'replace', lines: [{ sku: 'B' }] }))
        first.meanwhile = () => shop.pay(one.payment.id)
        const two = await guest.order()
        assert.deepEqual([two.order.state, lines(two.order)], ['NEW', ['1 B']])
        await shop.settle()
        assert.deepEqual([(await shop.read(one.order.id)).state, (await shop.read(one.order.id)).paymentState], ['EXPIRED', 'REFUNDED'])
        await shop.balance()
      })

      it('an order that two providers were paid for is placed once, and the second payment goes back once, also when it is cancelled', async () => {
        const shop = await openShop(world)
        const guest = await shop.guest()
        const one = await guest.order()
        // The first provider takes the money although it says that the session is closed.
        await shop.pay(one.payment.id)
        first.says = (method, truth) => (method === 'cancel' ? { ...truth, state: 'cancelled' } : truth)
        const two = success(await guest.run('POST', `/orders/${one.order.id}/payments`, { provider: 'other' }))
        assert.equal(two.payment.provider, 'other')
        first.says = null
        await shop.pay(two.payment.id)
        await shop.tell(two.payment.id, 'paid', { provider: 'other' })
        await shop.tell(one.payment.id, 'paid')
        const placed = await shop.read(one.order.id)
        assert.deepEqual([placed.state, placed.refunds.length, placed.refunds[0].paymentId], ['PLACED', 1, one.payment.id])
        // Cancelled while the second payment is on its way back: nothing goes back twice.
        success(await shop.admin('POST', `/orders/${one.order.id}/cancel`))
        const { refunds } = await shop.read(one.order.id)
        assert.equal(refunds.length, 2)
        await shop.settle()
        assert.equal((await shop.read(one.order.id)).paymentState, 'REFUNDED')
        await shop.balance()
      })

      it('an order whose money is reserved keeps it when a second payment goes back', async () => {
        const shop = await openShop(world)
        const guest = await shop.guest()
        const one = await guest.order()
        await shop.pay(one.payment.id)
        first.says = (_, truth) => ({ ...truth, state: 'cancelled' })
        const two = success(await guest.run('POST', `/orders/${one.order.id}/payments`, { provider: 'other' }))
        first.says = null
        await shop.tell(two.payment.id, 'authorized', { provider: 'other' })
        await shop.tell(one.payment.id, 'paid')
        await world.engine.jobs.runDue()
        const { paymentState, refunds } = await shop.read(one.order.id)
        assert.deepEqual([paymentState, refunds.length, refunds[0].state], ['AUTHORIZED', 1, 'SUCCEEDED'])
      })

      it('a refund that is recorded while its order is placed or changed changes nothing else of it', async () => {
        const shop = await openShop(world)
        for (let round = 0; round < 6; round++) {
          const guest = await shop.guest()
          const one = await guest.order()
          const two = success(await guest.run('POST', `/orders/${one.order.id}/payments`, { provider: 'other' }))
          await shop.tell(one.payment.id, 'authorized')
          await shop.pay(two.payment.id)
          await shop.tell(two.payment.id, 'paid', { provider: 'other' })
          const account = world.call(ADMIN)
          const merge = { carts: [{ id: guest.cartId, token: guest.token }] }
          await Promise.all([
            world.engine.jobs.runDue(),
            account('POST', `${shop.path}/carts/current/merge?account=x${round}`, merge),
            shop.admin('POST', `/orders/${one.order.id}/cancel`),
          ])
          await shop.settle()
          const ended = await shop.read(one.order.id)
          assert.equal(ended.state, 'CANCELLED')
        }
        await shop.balance()
      })
    })

    describe('carts that change while they are paid for', () => {
      it('emptied, deleted, cheaper or dearer: what was shown is what is paid and ordered', async () => {
        const shop = await openShop(world)
        const changes: Record<string, (guest: Awaited<ReturnType<typeof shop.guest>>) => Promise<unknown>> = {
          emptied: async (guest) => success(await guest.run('DELETE', `/carts/${guest.cartId}/lines`)),
          dearer: () => shop.setPrice('A', 5000),
          cheaper: () => shop.setPrice('A', 1),
        }
        for (const [name, change] of Object.entries(changes)) {
          const guest = await shop.guest([{ sku: 'A', quantity: 2 }])
          const { order, payment } = await guest.order()
          await change(guest)
          await shop.pay(payment.id)
          await shop.settle()
          const placed = await shop.read(order.id)
          assert.deepEqual([placed.state, placed.total, lines(placed)], ['PLACED', order.total, ['2 A']], name)
          assert.equal((await guest.run('GET', `/carts/${guest.cartId}`)).body.closedReason, 'ordered')
          await shop.setPrice('A', 1000)
        }
        await shop.balance()
      })

      it('busily, by twenty windows at once: the payment is applied at once, and every piece that was acknowledged is somewhere', async () => {
        const shop = await openShop(world)
        const guest = await shop.guest()
        const { order, payment } = await guest.order()
        await shop.pay(payment.id)
        let isOver = false
        let added = 0
        const windows = atOnce(20, async () => {
          while (!isOver) {
            const answer = await guest.run('POST', '/carts/current/lines', { sku: 'B' })
            if (answer.status === 200 || answer.status === 201) added++
          }
        })
        await new Promise((resolve) => setTimeout(resolve, 50))
        await shop.tell(payment.id, 'paid')
        const { state } = await shop.read(order.id)
        isOver = true
        await windows
        assert.equal(state, 'PLACED')
        assert.ok(added > 0)
        assert.deepEqual(lines((await guest.run('GET', '/carts/current')).body), [`${added} B`])
        await shop.balance()
      })

      it('deleted: the order is cancelled first; if it was paid already, it is placed', async () => {
        const shop = await openShop(world)
        const guest = await shop.guest()
        const { order, payment } = await guest.order()
        await shop.pay(payment.id)
        await guest.run('DELETE', '/carts/current')
        assert.equal((await shop.read(order.id)).state, 'PLACED')
        await shop.balance()
      })

      it('merged into an account, whatever becomes of the guest cart: the account cart is reduced by what was bought', async () => {
        for (const preset of ['default', 'reconcile'] as const) {
          const shop = await openShop(world, { preset })
          const guest = await shop.guest([{ sku: 'A', quantity: 2 }])
          const { order, payment } = await guest.order()
          const account = world.call(ADMIN)
          const current = `${shop.path}/carts/current`
          success(await account('POST', `${current}/lines?account=m`, { sku: 'A' }))
          success(await account('POST', `${current}/merge?account=m`, { carts: [{ id: guest.cartId, token: guest.token }] }))
          await shop.pay(payment.id)
          await shop.settle()
          assert.deepEqual([(await shop.read(order.id)).state, (await shop.read(order.id)).owner.kind], ['PLACED', 'account'])
          assert.deepEqual(lines((await account('GET', `${current}?account=m`)).body), ['1 A'])
          await shop.balance()
        }
      })

      it('some lines, then the whole cart; the same line twice: each order takes its own', async () => {
        const shop = await openShop(world)
        const guest = await shop.guest([{ sku: 'A', quantity: 3 }, { sku: 'B' }])
        const lineId = guest.cart.lines[0].id as string
        const part = await guest.order({ lines: [lineId] })
        const same = await guest.order({ lines: [lineId] })
        assert.equal(same.order.id, part.order.id, 'the same line again is the same order')
        await shop.pay(part.payment.id)
        await shop.settle()
        const gone = await guest.run('POST', '/orders', { cartId: guest.cartId, lines: [lineId] })
        assert.equal(gone.status, 404)
        const whole = await guest.order()
        assert.deepEqual(lines(whole.order), ['1 B'])
        await shop.pay(whole.payment.id)
        await shop.settle()
        const late = await guest.run('POST', '/orders', { cartId: guest.cartId, lines: [guest.cart.lines[1].id] })
        assert.deepEqual([late.status, late.body.code, late.body.orderId], [409, 'cart_already_ordered', whole.order.id])
        await shop.balance()
      })

      it('a part order that is replaced by the whole cart cannot be paid besides it', async () => {
        const shop = await openShop(world)
        const guest = await shop.guest([{ sku: 'A' }, { sku: 'B' }])
        const part = await guest.order({ lines: [guest.cart.lines[0].id] })
        const whole = await guest.order()
        assert.equal(await shop.pay(part.payment.id), 'cancelled')
        await shop.pay(whole.payment.id)
        await shop.settle()
        assert.equal((await shop.read(part.order.id)).state, 'SUPERSEDED')
        await shop.balance()
      })

      it('bought lines stay where the shop wants them to, and can be bought again', async () => {
        const shop = await openShop(world, { preset: 'store' })
        const guest = await shop.guest([{ sku: 'A' }, { sku: 'B' }])
        for (let round = 0; round < 2; round++) {
          const { order, payment } = await guest.order({ lines: [guest.cart.lines[0].id] })
          await shop.pay(payment.id)
          await shop.settle()
          assert.equal((await shop.read(order.id)).state, 'PLACED')
          assert.deepEqual(lines((await guest.run('GET', '/carts/current')).body), ['1 B', '1 A'])
        }
        await shop.balance()
      })

      it('an ordered cart that is deleted still answers its order', async () => {
        const shop = await openShop(world, { settings: { cart: { onOrdered: 'delete' } } })
        const guest = await shop.guest()
        const { order, payment } = await guest.order()
        await guest.run('POST', '/carts/current/lines', { sku: 'B' })
        await shop.pay(payment.id)
        await shop.settle()
        for (const answer of await atOnce(5, () => guest.run('POST', '/orders', { cartId: guest.cartId })))
          assert.deepEqual([answer.status, answer.body.order.id, answer.body.payment], [200, order.id, null])
        const stranger = await shop.guest()
        assert.equal((await stranger.run('POST', '/orders', { cartId: guest.cartId })).status, 404)
        assert.deepEqual(lines((await guest.run('GET', '/carts/current')).body), ['1 B'])
        await shop.balance()
      })

      it('a shop that freezes carts while they are paid for thaws them when the payment fails, is cancelled or expires', async () => {
        const shop = await openShop(world, { settings: { checkout: { freeze: 'whilePaying' } } })
        const guest = await shop.guest()
        const write = () => guest.run('POST', '/carts/current/lines', { sku: 'B' })
        const { payment } = await guest.order()
        const frozen = await write()
        assert.deepEqual([frozen.status, frozen.body.code], [409, 'cart_frozen'])
        await shop.pay(payment.id, DECLINED)
        await shop.tell(payment.id, 'failed')
        assert.equal((await write()).status, 200)
        const two = await guest.order()
        assert.equal((await write()).status, 409)
        success(await guest.run('POST', `/orders/${two.order.id}/cancel`))
        assert.equal((await write()).status, 200)
        await guest.order()
        world.move(24 * HOUR + 1000)
        await world.engine.jobs.runDue()
        assert.equal((await write()).status, 200)
        await shop.balance()
      })
    })

    describe('stock and codes', () => {
      it('SEED4-42 a hold keeps the last piece for 30 minutes and not a second longer, and never stands in the way of its own cart', async () => {
        const shop = await openShop(world, { settings: { inventory: { onAdd: 'allow' } } })
        await shop.setStock('A', 1)
        const one = await shop.guest()
        const { order, payment } = await one.order()
        const two = await shop.guest()
        world.move(30 * MINUTE - 1000)
        assert.equal((await two.run('POST', '/orders', { cartId: two.cartId })).body.code, 'insufficient_stock')
        assert.equal((await one.order()).order.id, order.id, 'who goes on paying goes on holding')
        world.move(30 * MINUTE - 1000)
        assert.equal((await two.run('POST', '/orders', { cartId: two.cartId })).body.code, 'insufficient_stock')
        await one.run('POST', '/carts/current/lines', { sku: 'B' })
        const changed = await one.order()
        assert.notEqual(changed.order.id, order.id, 'the own hold is replaced')
        world.move(30 * MINUTE - 1000)
        assert.equal((await two.run('POST', '/orders', { cartId: two.cartId })).body.code, 'insufficient_stock')
        world.move(2000)
        const won = await two.order()
        assert.equal((await one.run('POST', '/orders', { cartId: one.cartId })).body.code, 'insufficient_stock')
        await shop.pay(changed.payment.id)
        await shop.pay(won.payment.id)
        assert.equal(await shop.pay(payment.id), 'cancelled')
        await shop.tell(changed.payment.id, 'paid')
        await shop.settle()
        assert.deepEqual([(await shop.read(won.order.id)).state, (await shop.read(changed.order.id)).paymentState], ['PLACED', 'REFUNDED'])
        await shop.balance()
      })

      it('SEED1-34 an unpaid order lives for 24 hours and not a second longer, and money that comes as it expires is an order or goes back', async () => {
        const shop = await openShop(world)
        const one = await (await shop.guest()).order()
        const two = await (await shop.guest()).order()
        world.move(24 * HOUR - 3000)
        await world.engine.jobs.runDue()
        assert.equal((await shop.read(one.order.id)).state, 'NEW')
        await shop.pay(two.payment.id)
        first.faults = { status: 'refuses' }
        world.move(3000)
        await world.engine.jobs.runDue()
        first.faults = {}
        assert.deepEqual([(await shop.read(one.order.id)).state, (await shop.read(two.order.id)).state], ['EXPIRED', 'PLACED'])
        assert.equal(await shop.pay(one.payment.id), 'cancelled')
        await shop.balance()
      })

      it('a code for one use does not stand in the way of the order that holds it: repeated, changed, paid again', async () => {
        const shop = await openShop(world, { settings: { promotions: { publicReasons: 'detailed' } } })
        await shop.makeCode('ONCE', 1)
        const guest = await shop.guest()
        success(await guest.run('POST', '/carts/current/codes', { code: 'ONCE' }))
        const one = await guest.order()
        assert.equal(one.order.total.amount, 500)
        world.move(2000)
        const again = await guest.order()
        assert.deepEqual([again.order.id, again.payment.id], [one.order.id, one.payment.id])
        success(await guest.run('POST', '/carts/current/lines', { sku: 'B' }))
        world.move(2000)
        assert.equal((await guest.run('GET', '/carts/current')).body.total.amount, 1000)
        const two = await guest.order()
        assert.equal(two.order.total.amount, 1000)
        const other = await shop.guest()
        const refused = await other.run('POST', '/carts/current/codes', { code: 'ONCE' })
        assert.ok(refused.status >= 400 || refused.body.cart.total.amount === 1000, 'it is used up for everybody else')
        await shop.pay(two.payment.id)
        await shop.settle()
        assert.equal((await shop.read(two.order.id)).state, 'PLACED')
        await shop.balance()
      })

      it('a code that is used up between cart and order is not charged silently, and its last use is one order', async () => {
        const shop = await openShop(world)
        await shop.makeCode('LAST', 1)
        const guests = await atOnce(6, async () => {
          const guest = await shop.guest()
          success(await guest.run('POST', '/carts/current/codes', { code: 'LAST' }))
          return guest
        })
        const answers = await Promise.all(guests.map((guest) => guest.run('POST', '/orders', { cartId: guest.cartId })))
        assert.equal(answers.filter((answer) => answer.status === 201).length, 1)
        for (const answer of answers.filter((each) => each.status !== 201))
          assert.ok(['code_exhausted', 'price_changed'].includes(answer.body.code), JSON.stringify(answer.body))
        await shop.balance()
      })

      it('a promotion without a code that is used up stops applying, and does not keep anybody from ordering', async () => {
        const shop = await openShop(world, { settings: { pricing: { onIncrease: 'accept' } } })
        success(await shop.admin('POST', '/promotions', { name: 'First', usesMax: 1, benefit: { kind: 'percent_off', percent: '50' } }))
        const one = await (await shop.guest()).order()
        assert.equal(one.order.total.amount, 500)
        world.move(2000)
        const guest = await shop.guest()
        assert.equal(guest.cart.total.amount, 1000)
        assert.equal((await guest.order()).order.total.amount, 1000)
        await shop.balance()
      })

      for (const [title, stock, states] of [
        ['the newer order gives way', STOCK, ['PLACED', 'SUPERSEDED']],
        ['or keeps it where the money goes back', 0, ['SUPERSEDED', 'NEW']],
      ] as const) {
        it(`money for an order that was replaced takes the use of a code that the newer order of its cart has: ${title}`, async () => {
          const shop = await openShop(world)
          await shop.makeCode('ONCE', 1)
          const guest = await shop.guest()
          success(await guest.run('POST', '/carts/current/codes', { code: 'ONCE' }))
          const older = await guest.order()
          first.says = (method, truth) => (method === 'cancel' ? { ...truth, state: 'cancelled' } : truth)
          success(await guest.run('PATCH', `/carts/current/lines/${guest.cart.lines[0].id}`, { quantity: 2 }))
          const newer = await guest.order()
          first.says = null
          assert.deepEqual(
            [older, newer].map(({ order }) => order.discountTotal.amount < 0),
            [true, true],
          )
          await shop.setStock('A', stock)
          await shop.tell(older.payment.id, 'paid')
          await shop.settle()
          const read = async (id: string) => (await shop.read(id)).state
          assert.deepEqual([await read(older.order.id), await read(newer.order.id)], states)
          const { uses } = await world.store.reader.db
            .selectFrom('promotion_codes')
            .select('uses')
            .where('shop_id', '=', shop.id)
            .executeTakeFirstOrThrow()
          assert.equal(uses, 1)
        })
      }

      it('the use of an expired order is given to others; money that comes late takes it again or goes back', async () => {
        const shop = await openShop(world)
        await shop.makeCode('ONCE', 1)
        const one = await shop.guest()
        success(await one.run('POST', '/carts/current/codes', { code: 'ONCE' }))
        const late = await one.order()
        first.says = (method, truth) => (method === 'cancel' ? { ...truth, state: 'cancelled' } : truth)
        await shop.pay(late.payment.id)
        first.faults = { status: 'refuses' }
        world.move(24 * HOUR)
        await world.engine.jobs.runDue()
        first.faults = {}
        first.says = null
        assert.equal((await shop.read(late.order.id)).state, 'EXPIRED')
        const two = await shop.guest()
        success(await two.run('POST', '/carts/current/codes', { code: 'ONCE' }))
        const quick = await two.order()
        await shop.tell(late.payment.id, 'paid')
        await shop.settle()
        assert.deepEqual([(await shop.read(late.order.id)).paymentState, (await shop.read(quick.order.id)).state], ['REFUNDED', 'NEW'])
        success(await two.run('POST', `/orders/${quick.order.id}/cancel`))
        await shop.balance()
      })
    })

    it('SEED2-62 a process that dies before or after any of its transactions leaves an order that can be paid, and money in an order or given back', async () => {
      const shop = await openShop(world)
      await shop.makeCode('ANY', null)
      let deaths = 0
      for (const when of ['before', 'after'] as const) {
        for (let at = 1; ; at++) {
          const guest = await shop.guest()
          success(await guest.run('POST', '/carts/current/codes', { code: 'ANY' }))
          const dying = dyingStore(world.store, at, when)
          const engine = world.engineOn(dying.store)
          const owner = { kind: 'guest' as const, guestId: guest.token.split('_')[1] ?? '' }
          const wanted = { shopId: shop.id, owner, all: false, cartId: guest.cartId, by: 'guest' }
          // Everything that one shop does with an order in its life, until it dies.
          const life = async () => {
            const one = await engine.checkout.order(wanted)
            if (isRefusal(one) || !one.payment?.url) return
            await shop.pay(one.payment.id, DECLINED)
            await shop.tell(one.payment.id, 'failed', { engine })
            const again = await engine.checkout.payAgain(shop.id, one.orderId, {}, null)
            if (isRefusal(again) || !again.payment) return
            await shop.pay(again.payment.id)
            await shop.tell(again.payment.id, 'paid', { engine })
            await engine.checkout.cancel(shop.id, one.orderId, { by: 'system', role: 'staff' })
            await reconcile(engine)
          }
          await life().catch(() => {})
          if (!dying.hasDied()) break
          deaths++
          await shop.settle()
          // The shopper orders once more: either there is that order already, or it can be made and paid.
          const answer = await guest.run('POST', '/orders', { cartId: guest.cartId })
          success(answer)
          if (answer.body.payment) await shop.pay(answer.body.payment.id)
          await shop.settle()
          const { state } = await shop.read(answer.body.order.id)
          assert.ok(state === 'PLACED' || state === 'CANCELLED', `died ${when} ${at}: the order is ${state}`)
          await shop.balance()
        }
      }
      assert.ok(deaths >= 16, `died ${deaths} times`)
    })

    it('items without a cart: what they hold belongs to their order, and ends with it, paid, cancelled or expired', async () => {
      const shop = await openShop(world)
      await shop.setStock('A', 3)
      const anybody = world.call(null)
      const buy = async () => {
        const answer = await anybody('POST', `${shop.path}/orders`, { items: [{ sku: 'A' }], email: 'robin@example.com' })
        return answer.status === 201 ? answer.body : answer.body.code
      }
      const [paid, cancelled, expired] = [await buy(), await buy(), await buy()]
      assert.equal(await buy(), 'insufficient_stock')
      await shop.pay(paid.payment.id)
      await shop.tell(paid.payment.id, 'paid')
      success(await shop.admin('POST', `/orders/${cancelled.order.id}/cancel`))
      assert.equal((await buy()).order.state, 'NEW')
      assert.equal(await buy(), 'insufficient_stock')
      world.move(24 * HOUR)
      await world.engine.jobs.runDue()
      assert.deepEqual([(await shop.read(expired.order.id)).state, (await shop.read(paid.order.id)).state], ['EXPIRED', 'PLACED'])
      await shop.balance()
    })

    it('SEED2-64 an order token opens its own order in its own shop until its time is up', async () => {
      const [shop, elsewhere] = [await openShop(world), await openShop(world)]
      const one = await (await shop.guest()).order()
      const two = await (await shop.guest()).order()
      const holder = world.call(one.orderToken)
      assert.equal((await holder('GET', `${shop.path}/orders/${one.order.id}`)).status, 200)
      assert.equal((await holder('GET', `${shop.path}/orders/${two.order.id}`)).status, 404)
      assert.equal((await holder('GET', `${elsewhere.path}/orders/${one.order.id}`)).status, 401)
      assert.equal((await holder('GET', `${shop.path}/carts/current`)).status, 401)
      world.move(30 * 24 * HOUR - MINUTE)
      assert.equal((await holder('GET', `${shop.path}/orders/${one.order.id}`)).status, 200)
      world.move(2 * MINUTE)
      assert.equal((await holder('GET', `${shop.path}/orders/${one.order.id}`)).status, 401)
    })
  })
}

describe('a provider that hangs', { concurrency: true }, async () => {
  const world = await startWorld('sqlite')
  const other = await startWorld('sqlite')

  it('when it is asked about a quiet payment keeps neither messages nor refunds waiting', async () => {
    const shop = await openShop(other)
    const [quiet, cancelled, told] = [await shop.guest(), await shop.guest(), await shop.guest()]
    await quiet.order()
    const { order, payment } = await cancelled.order()
    await shop.pay(payment.id)
    await shop.tell(payment.id, 'paid')
    other.first.faults = { refund: 'refuses' }
    success(await shop.admin('POST', `/orders/${order.id}/cancel`))
    const late = await told.order()
    await shop.pay(late.payment.id)
    other.first.faults = { status: 'hangs' }
    other.move(10 * MINUTE)
    other.engine.jobs.start()
    const [refund] = (await shop.read(order.id)).refunds
    assert.equal(refund.state, 'PENDING')
    await shop.tell(late.payment.id, 'paid')
    const isDone = async () =>
      (await shop.read(order.id)).refunds[0].state === 'SUCCEEDED' && (await shop.read(late.order.id)).state === 'PLACED'
    await eventually(isDone, 5000, 'a refund while another payment is asked about')
    assert.ok(
      other.first.calls.some(({ method }) => method === 'status'),
      'the provider was asked',
    )
  })

  it('and does not listen to its signal is given up after ten seconds: 502, and the jobs go on', async () => {
    const shop = await openShop(world)
    const guest = await shop.guest()
    const { order } = await (await shop.guest()).order()
    world.first.faults = { open: 'hangs', cancel: 'hangs' }
    world.move(24 * HOUR)
    const [answer] = await Promise.all([guest.run('POST', '/orders', { cartId: guest.cartId }), world.engine.jobs.runDue()])
    assert.deepEqual([answer.status, answer.body.code], [502, 'provider_unavailable'])
    world.first.faults = {}
    world.move(2 * MINUTE)
    await shop.settle()
    assert.equal((await shop.read(order.id)).state, 'EXPIRED')
    await shop.balance()
  })
})
