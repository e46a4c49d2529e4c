// Shops that are paid at Stripe: a server over HTTP, with a local Stripe behind it that answers the official library as Stripe does.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { after } from 'node:test'
import { pino } from 'pino'
import { createEngine } from '../src/engine/engine.ts'
import { createSigner, hashSecret } from '../src/engine/identity.ts'
import { accountReader } from '../src/engine/provider-accounts.ts'
import { systemRandomness } from '../src/engine/system.ts'
import { readAllowed, THIS_MACHINE } from '../src/engine/targets.ts'
import { createApp } from '../src/http/app.ts'
import { openStore } from '../src/main.ts'
import type { StripeAccount } from '../src/providers/stripe-client.ts'
import { createStripePayment } from '../src/providers/stripe-payment.ts'
import { ADMIN, type Answer, caller, type DIALECTS, freshDatabase } from './harness.ts'
import { wares } from './nodes.ts'
import { startStripe } from './stripe-server.ts'

const MINUTE = 60_000

/** The body of an answer that is a success. */
export function success({ status, body }: Answer): Answer['body'] {
  assert.ok(status >= 200 && status < 300, `${status} ${JSON.stringify(body)}`)
  return body
}

/** A server with Stripe behind it; no job runs by itself and no message arrives by itself. */
export async function startStripeWorld(dialect: (typeof DIALECTS)[number]) {
  const store = openStore(await freshDatabase(dialect))
  await store.migrate()
  let ahead = 0
  const clock = { now: () => Date.now() + ahead }
  const stripe = await startStripe(clock)
  const signer = createSigner(['s'.repeat(32)])
  const accountOf = accountReader({ store, signer })
  const provider = createStripePayment({
    accountOf: async (shopId) => (await accountOf(shopId, 'stripe')) as StripeAccount | null,
    apiBase: stripe.url,
    clock,
  })
  const engine = createEngine({
    store,
    clock,
    random: systemRandomness,
    signer,
    adminHash: () => hashSecret(ADMIN),
    providers: [provider],
    log: pino({ level: process.env.TEST_LOG ?? 'silent' }),
    publicUrl: () => 'https://shop.example',
    webhookTargets: readAllowed(THIS_MACHINE),
  })
  const app = await createApp({ engine, log: pino({ level: 'silent' }), version: '0', trustProxy: undefined })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`
  after(async () => {
    await app.close()
    await engine.carts.drain()
    await engine.jobs.stop()
    await store.close()
    await stripe.close()
  })
  const move = (ms: number) => {
    ahead += ms
  }
  return { store, engine, stripe, url, move }
}

type World = Awaited<ReturnType<typeof startStripeWorld>>

/** A shop with an account at Stripe, where one thing costs 10.00. */
export async function openStripeShop(world: World, { mode = 'checkout' as 'checkout' | 'elements', currency = 'USD', amount = 1000 } = {}) {
  const { stripe, store, url } = world
  const id = `s-${randomBytes(6).toString('hex')}`
  const path = `/v1/shops/${id}`
  const admin = caller(url, ADMIN)
  success(await admin('POST', '/v1/shops', { id, name: id, currency }))
  const settings = { payment: { providers: ['stripe'] }, access: { guestCarts: true }, pricing: { requireExpected: false } }
  success(await admin('PATCH', `${path}/settings`, { ...settings, checkout: { guest: true } }))
  const [ware] = wares(1, 'W')
  const variants = ware?.variants.map((variant) => ({ ...variant, prices: [{ currency, amount }] }))
  success(await admin('POST', `${path}/products/import`, { products: [{ ...ware, variants }] }))
  const account = { secretKey: stripe.secretKey, webhookSecret: stripe.webhookSecret, mode }
  success(await admin('PUT', `${path}/payment-providers/stripe`, account))
  const endpoint = `${url}${path}/payments/stripe/events`
  stripe.messages.length = 0
  return {
    id,
    endpoint,
    admin: (method: string, rest: string, body?: object) => admin(method, path + rest, body),
    async order(): Promise<Answer> {
      const { token, cart } = success(await caller(url)('POST', `${path}/carts/current/lines`, { lines: [{ sku: 'W-0' }] }))
      const guest = caller(url, token)
      success(await guest('PATCH', `${path}/carts/current`, { email: 'robin@example.com' }))
      return guest('POST', `${path}/orders`, { cartId: cart.id })
    },
    read: async (orderId: string) => success(await admin('GET', `${path}/orders/${orderId}`)),
    /** Where the shopper pays: what Stripe calls the session of a payment. */
    async session(paymentId: string): Promise<string> {
      const row = await store.reader.db
        .selectFrom('payments')
        .select('session_id')
        .where('shop_id', '=', id)
        .where('id', '=', paymentId)
        .executeTakeFirstOrThrow()
      return row.session_id ?? ''
    },
    back: (paymentId: string) => caller(url)('GET', `${path}/payments/stripe/returns/${paymentId}`),
    async history(orderId: string) {
      const rows = await store.reader.db
        .selectFrom('order_history')
        .select(['actor', 'entry'])
        .where('shop_id', '=', id)
        .where('order_id', '=', orderId)
        .orderBy('id')
        .execute()
      return rows.map(({ actor, entry }) => ({ actor, ...JSON.parse(entry) }))
    },
    outcomes: async () => {
      const rows = await store.reader.db.selectFrom('provider_events').select('outcome').where('shop_id', '=', id).execute()
      return rows.map(({ outcome }) => outcome).sort()
    },
    /** Lets everything happen that is due within the next minutes. */
    async settle() {
      for (let round = 0; round < 3; round++) {
        await world.engine.jobs.runDue()
        world.move(6 * MINUTE)
      }
    },
  }
}
