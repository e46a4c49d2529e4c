// What tests of payments in two steps, by hand and out of order run on: an engine that does only what a test tells it (no job runs and no message
// arrives by itself), the sandbox behind a line that breaks on command, and a store whose process dies at a given transaction.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after } from 'node:test'
import { pino } from 'pino'
import { createEngine, type Engine } from '../src/engine/engine.ts'
import { createSigner, hashSecret } from '../src/engine/identity.ts'
import type { PaymentProvider, ProviderEvent, SessionStatus } from '../src/engine/ports.ts'
import { systemRandomness } from '../src/engine/system.ts'
import { readAllowed, THIS_MACHINE } from '../src/engine/targets.ts'
import { createApp } from '../src/http/app.ts'
import { openStore } from '../src/main.ts'
import { createManualPayment } from '../src/providers/manual-payment.ts'
import { createSandboxPayment, type SandboxSession, sandboxDueAt } from '../src/providers/sandbox-payment.ts'
import { sandboxSessions } from '../src/store/sandbox.ts'
import type { Store, Writer } from '../src/store/store.ts'
import type { Tables } from '../src/store/tables.ts'
import { ADMIN, type Answer, type DIALECTS, freshDatabase, pauseEndpoints } from './harness.ts'

/** A card that pays. */
export const CARD = '4242 4242 4242 4242'
/** How many pieces of each product there are. */
export const STOCK = 100

type Method = 'open' | 'status' | 'cancel' | 'capture' | 'refund' | 'charge'
/** `refuses`: nothing happens. `loses`: it is done, but the answer is lost. */
type Fault = 'refuses' | 'loses'

/** A provider behind a line that breaks on command; what went through is counted. */
export function onLine(inner: PaymentProvider) {
  const calls: { method: Method; id: string }[] = []
  const line: { faults: { [M in Method]?: Fault }; meanwhile: ((method: Method) => Promise<unknown>) | null } = {
    faults: {},
    meanwhile: null,
  }
  async function through<T>(method: Method, id: string, work: () => Promise<T>): Promise<T> {
    calls.push({ method, id })
    const { meanwhile } = line
    line.meanwhile = null
    await meanwhile?.(method)
    const fault = line.faults[method]
    if (fault === 'refuses') throw new Error('The provider is silent.')
    const result = await work()
    if (fault === 'loses') throw new Error('The answer was lost.')
    return result
  }
  const { saved } = inner
  const provider: PaymentProvider = {
    ...(saved ? { saved: { charge: (request, signal) => through('charge', request.sessionId, () => saved.charge(request, signal)) } } : {}),
    name: inner.name,
    settles: inner.settles,
    open: (request, signal) => through('open', request.attemptId, () => inner.open(request, signal)),
    status: (shopId, id, signal) => through('status', id, () => inner.status(shopId, id, signal)),
    cancel: (shopId, id, signal) => through('cancel', id, () => inner.cancel(shopId, id, signal)),
    capture: (request, signal) => through('capture', request.captureId, () => inner.capture(request, signal)),
    refund: (request, signal) => through('refund', request.refundId, () => inner.refund(request, signal)),
    readEvent: (shopId, headers, body) => inner.readEvent(shopId, headers, body),
  }
  return { provider, calls, line }
}

/** A store whose process dies at its `at`-th transaction, before or right after it is committed; from then on every write fails. */
export function dyingStore(store: Store, at: number, when: 'before' | 'after'): { store: Store; hasDied: () => boolean } {
  let count = 0
  let isDead = false
  const guarded = (run: typeof store.transact) =>
    (async (work: (writer: Writer) => Promise<unknown>, options?: object) => {
      const mine = ++count
      if (mine === at && when === 'before') isDead = true
      if (isDead) throw new Error('The process is dead.')
      const result = await run(work, options)
      if (mine === at) isDead = true
      if (isDead) throw new Error('The process is dead.')
      return result
    }) as typeof store.transact
  return {
    store: { ...store, reader: store.reader, transact: guarded(store.transact), transactOne: guarded(store.transactOne) },
    hasDied: () => isDead,
  }
}

/**
 * One database with an engine, its clock, and the sandbox and the payment by hand on lines. `through` says what stands between the engine and its
 * two ports; a second process of the same world is told its database and how far its clock is ahead (ms).
 */
export async function startWorld(
  dialect: (typeof DIALECTS)[number],
  through: {
    store?: (store: Store) => Store
    provider?: (provider: PaymentProvider) => PaymentProvider
    databaseUrl?: string
    ahead?: number
  } = {},
) {
  const databaseUrl = through.databaseUrl ?? (await freshDatabase(dialect))
  const store = openStore(databaseUrl)
  await store.migrate()
  let ahead = through.ahead ?? 0
  const clock = { now: () => Date.now() + ahead }
  const secret = `whsec_${randomBytes(32).toString('base64')}`
  const sandbox = createSandboxPayment({
    sessions: sandboxSessions<SandboxSession>(store, sandboxDueAt),
    clock,
    secret,
    publicUrl: () => 'http://pay.test',
    eventUrl: () => 'http://nowhere.test',
    randomId: () => randomBytes(24).toString('base64url'),
    fetch: async () => new Response(null, { status: 503 }),
  })
  const cards = onLine(through.provider?.(sandbox) ?? sandbox)
  const byHand = onLine(createManualPayment())
  const signer = createSigner(['s'.repeat(32)])
  const log = pino({ level: process.env.TEST_LOG ?? 'silent' })
  const engineOn = (on: Store, cardsOn: PaymentProvider = cards.provider) =>
    createEngine({
      store: on,
      clock,
      random: systemRandomness,
      signer,
      adminHash: () => hashSecret(ADMIN),
      providers: [cardsOn, byHand.provider],
      log,
      publicUrl: () => 'http://shop.test',
      webhookTargets: readAllowed(THIS_MACHINE),
    })
  const engine = engineOn(through.store?.(store) ?? store)
  const app = await createApp({ engine, log: pino({ level: 'silent' }), version: '0', trustProxy: undefined })
  after(async () => {
    await app.close()
    await engine.carts.drain()
    await engine.jobs.stop()
    await sandbox.settled()
    await store.close()
  })
  const call =
    (token: string | null) =>
    async (
      method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
      url: string,
      payload?: object,
      headers: Record<string, string> = {},
    ): Promise<Answer> => {
      const answer = await app.inject({
        method,
        url,
        ...(payload ? { payload } : {}),
        headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...headers },
      })
      const isJson = String(answer.headers['content-type']).includes('json')
      const told = Object.entries(answer.headers).map(([name, value]) => [name, String(value)] as [string, string])
      return { status: answer.statusCode, headers: new Headers(told), body: isJson ? answer.json() : answer.body }
    }
  const move = (ms: number) => {
    ahead += ms
  }
  return { dialect, databaseUrl, store, clock, sandbox, secret, cards, byHand, engine, engineOn, call, move, ahead: () => ahead }
}

/** A world to pay in. */
export type World = Awaited<ReturnType<typeof startWorld>>

/** What the reconciler of an engine has to do now, and nothing else that is due. */
export async function reconcile({ reconciling }: Pick<Engine, 'reconciling'>): Promise<void> {
  for (const work of reconciling.works) await work.run({ isGentle: false, isStopped: () => false, track: () => undefined })
}

/** The body of an answer that is a success; fails with what it says otherwise. */
export function success(answer: Answer): Answer['body'] {
  assert.ok(answer.status >= 200 && answer.status < 300, `${answer.status} ${JSON.stringify(answer.body)}`)
  return answer.body
}

/** A shop of its own with three goods that need no shipping and cost 10.00 each. */
export async function openShop(world: World, payment: object = {}) {
  const id = `s-${randomBytes(6).toString('hex')}`
  const path = `/v1/shops/${id}`
  const admin = (method: Parameters<ReturnType<World['call']>>[0], url: string, body?: object, headers?: Record<string, string>) =>
    world.call(ADMIN)(method, path + url, body, headers)
  success(await world.call(ADMIN)('POST', '/v1/shops', { id, name: id, currency: 'USD', preset: 'default' }))
  success(await admin('PATCH', '/settings', { payment: { providers: ['sandbox', 'manual'], ...payment } }))
  success(await admin('POST', '/products/import', { products: ['A', 'B', 'C'].map(product) }))
  // Every type is wanted, and nobody is told: it stands in the outbox.
  success(await admin('POST', '/webhooks', { url: 'http://127.0.0.1:9/', types: ['*'] }))
  await pauseEndpoints(world, id)
  const { db } = world.store.reader
  const ofOrder = <T extends 'deliveries' | 'payment_actions' | 'payments' | 'provider_events'>(table: T) =>
    db
      .selectFrom(table as 'payments')
      .selectAll()
      .where('shop_id', '=', id)
      .execute() as unknown as Promise<Tables[T][]>

  const shop = {
    id,
    path,
    admin,
    rows: ofOrder,
    /** A guest with a cart that can be ordered. */
    async guest(lines: readonly object[] = [{ sku: 'A' }]) {
      const { token, cart } = success(await world.call(null)('POST', `${path}/carts/current/lines`, { lines }))
      const run = (method: Parameters<typeof admin>[0], url: string, body?: object, headers?: Record<string, string>) =>
        world.call(token)(method, path + url, body, headers)
      success(await run('PATCH', '/carts/current', { email: 'robin@example.com' }))
      const order = async (more: object = {}): Promise<Answer['body']> =>
        success(await run('POST', '/orders', { cartId: cart.id, ...more }))
      return { run, token: token as string, cartId: cart.id as string, order }
    },
    read: async (orderId: string): Promise<Answer['body']> => success(await admin('GET', `/orders/${orderId}`)),
    /** Types of what was told about an order, oldest first. */
    async told(orderId: string): Promise<string[]> {
      const rows = (await ofOrder('deliveries')).filter((each) => each.subject === orderId)
      return rows.sort((a, b) => (a.id < b.id ? -1 : 1)).map((each) => each.type)
    },
    async session(paymentId: string): Promise<SandboxSession> {
      const rows = await db.selectFrom('sandbox_sessions').selectAll().where('shop_id', '=', id).execute()
      const row = rows.find((each) => each.attempt_id === paymentId)
      assert.ok(row, `payment ${paymentId} has a session`)
      return JSON.parse(row.document) as SandboxSession
    },
    /** The shopper pays on the provider's page; nobody is told yet. */
    pay: async (paymentId: string, card = CARD) => (await world.sandbox.pay(id, (await shop.session(paymentId)).id, card)).result,
    /** The provider's message about a payment. */
    async tell(paymentId: string, state: SessionStatus['state'], more: Partial<ProviderEvent> = {}, engine = world.engine) {
      const { id: sessionId, amount, currency } = await shop.session(paymentId)
      const eventId = `evt_${randomBytes(8).toString('hex')}`
      return engine.reconciling.receive(id, 'sandbox', { eventId, sessionId, attemptId: paymentId, state, amount, currency, ...more })
    },
    /** An order whose money is reserved. */
    async reserved(lines?: readonly object[]): Promise<{ orderId: string; paymentId: string }> {
      const { order, payment } = await (await shop.guest(lines)).order()
      assert.equal(await shop.pay(payment.id), 'authorized')
      await shop.tell(payment.id, 'authorized')
      return { orderId: order.id, paymentId: payment.id }
    },
    /** What staff does with a payment. */
    act: (
      kind: 'capture' | 'void' | 'mark-paid',
      of: { orderId: string; paymentId: string },
      body?: object,
      headers?: Record<string, string>,
    ) => admin('POST', `/orders/${of.orderId}/payments/${of.paymentId}/${kind}`, body, headers),
    /** Lets the jobs do everything that is due, also what becomes due within the hour. */
    async settle() {
      for (let round = 0; round < 4; round++) {
        await world.engine.jobs.runDue()
        world.move(20 * 60_000)
      }
      await world.engine.jobs.runDue()
    },
    onHand: async (sku: string): Promise<number> => success(await admin('GET', `/stock/${sku}`)).onHand,
  }
  return shop
}

function product(sku: string) {
  const variant = {
    sku,
    name: '',
    options: {},
    prices: [{ currency: 'USD', amount: 1000 }],
    requiresShipping: false,
    taxable: true,
    grams: 1,
  }
  const tracked = { ...variant, stockPolicy: 'deny', onHand: STOCK }
  const told = { handle: sku.toLowerCase(), name: sku, description: '', tags: [], kind: 'goods', published: true, images: [] }
  return { ...told, taxCategory: 'standard', variants: [tracked] }
}
