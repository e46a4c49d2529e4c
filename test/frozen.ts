// A server whose time stands still until a test moves it, so that what has a deadline can be tried a second before it and a second after it.
// Everything else is the real thing: database, engine, HTTP, the sandbox's payments.
import { after } from 'node:test'
import { SignJWT } from 'jose'
import { pino } from 'pino'
import { createEngine, type Engine } from '../src/engine/engine.ts'
import { createSigner, hashSecret } from '../src/engine/identity.ts'
import { systemRandomness } from '../src/engine/system.ts'
import { readAllowed, THIS_MACHINE } from '../src/engine/targets.ts'
import { createApp } from '../src/http/app.ts'
import { openStore } from '../src/main.ts'
import { createSandboxPayment, type SandboxSession, sandboxDueAt } from '../src/providers/sandbox-payment.ts'
import { sandboxSessions } from '../src/store/sandbox.ts'
import { ADMIN, type Answer, pauseEndpoints } from './harness.ts'
import { expect2xx, wares } from './nodes.ts'

export const SECOND = 1000
export const HOUR = 3600 * SECOND
export const DAY = 24 * HOUR

const JWT_SECRET = 'a secret of the tests, long enough to sign'
const ISSUER = { name: 'test', iss: 'https://login.example', aud: 'carts', algorithms: ['HS256'], secret: JWT_SECRET }

/** Who calls: a token, or nobody. */
export type Call = (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>

/** A moment that several engines share. */
export interface Frozen {
  at: number
  now(): number
}

/** A time that stands still; not on the hour, so that whole hours are not met by chance. */
export function frozenClock(): Frozen {
  return {
    at: Date.parse('2026-03-04T12:34:56.789Z'),
    now() {
      return this.at
    },
  }
}

/** A server on this database and clock. `logged` are its log lines, info and above. */
export async function openFrozen(databaseUrl: string, clock: Frozen) {
  const store = openStore(databaseUrl)
  await store.migrate()
  // biome-ignore lint/suspicious/noExplicitAny: log lines are whatever was logged
  const logged: any[] = []
  const log = pino({ level: 'info' }, { write: (line: string) => void logged.push(JSON.parse(line)) })
  const sandbox = createSandboxPayment({
    sessions: sandboxSessions<SandboxSession>(store, sandboxDueAt),
    clock,
    secret: `whsec_${Buffer.from(JWT_SECRET).toString('base64')}`,
    publicUrl: () => 'https://carts.example',
    eventUrl: (shopId) => `https://carts.example/v1/shops/${shopId}/payments/sandbox/events`,
    randomId: () => systemRandomness.secret(),
    onError: () => undefined,
  })
  const engine = createEngine({
    store,
    clock,
    random: systemRandomness,
    signer: createSigner([JWT_SECRET]),
    adminHash: () => hashSecret(ADMIN),
    providers: [sandbox],
    log,
    publicUrl: () => 'https://carts.example',
    webhookTargets: readAllowed(THIS_MACHINE),
    limits: { tokens: { address: 0, shop: 0 }, codes: { address: 0, owner: 0, cart: 0, shop: 0 } },
  })
  const app = await createApp({ engine, log, version: '0' })
  after(async () => {
    await app.close()
    await engine.carts.drain()
    await engine.jobs.stop()
    await store.close()
  })

  const as =
    (token?: string): Call =>
    async (method, path, body, headers = {}) => {
      const answer = await app.inject({
        method: method as 'GET',
        url: path,
        headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...headers },
        ...(body === undefined ? {} : { payload: body as object }),
      })
      const isJson = String(answer.headers['content-type']).includes('json') && answer.body !== ''
      const found = new Headers(Object.entries(answer.headers).map(([name, value]) => [name, String(value)] as [string, string]))
      return { status: answer.statusCode, headers: found, body: isJson ? answer.json() : answer.body }
    }
  const admin = as(ADMIN)

  /** A token of an account, good for a day. */
  const login = async (name: string) =>
    new SignJWT({})
      .setProtectedHeader({ alg: 'HS256' })
      .setIssuer(ISSUER.iss)
      .setAudience(ISSUER.aud)
      .setSubject(name)
      .setExpirationTime(Math.floor(clock.now() / 1000) + 24 * 3600)
      .sign(new TextEncoder().encode(JWT_SECRET))

  /** A shop of its own with ten products `W-0` … of 1.00 and one that costs nothing, `GIFT-0`; every event is kept for an endpoint that is away. */
  async function makeShop(id: string, settings: object = {}, preset = 'default'): Promise<string> {
    const at = `/v1/shops/${id}`
    expect2xx(await admin('POST', '/v1/shops', { id, name: id, currency: 'USD', preset }))
    await change(id, { access: { issuers: [ISSUER] }, checkout: { requireEmail: false }, ...settings })
    const gift = wares(1, 'GIFT').map((ware) => ({
      ...ware,
      variants: ware.variants.map((each) => ({ ...each, prices: [{ currency: 'USD', amount: 0 }] })),
    }))
    expect2xx(await admin('POST', `${at}/products/import`, { products: [...wares(10, 'W'), ...gift] }))
    expect2xx(await admin('POST', `${at}/webhooks`, { url: 'http://127.0.0.1:9/', types: ['*'] }))
    await pauseEndpoints({ store, clock }, id)
    return at
  }

  const change = async (id: string, settings: object) => expect2xx(await admin('PATCH', `/v1/shops/${id}/settings`, settings))

  /** A new guest with a cart of these skus. */
  async function guestWith(shop: string, ...skus: string[]): Promise<{ id: string; call: Call; token: string }> {
    const made = expect2xx(await as()('POST', `${shop}/carts`, skus.length === 0 ? {} : { lines: skus.map((sku) => ({ sku })) })).body
    return { id: made.cart.id, call: as(made.token), token: made.token }
  }

  /** The data of a cart's events of one type, in order. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into events freely
  async function eventsOf(cartId: string, type: string): Promise<any[]> {
    const rows = await store.reader.db.selectFrom('deliveries').selectAll().where('subject', '=', cartId).where('type', '=', type).execute()
    return rows.map((row) => JSON.parse(row.data))
  }

  const isThere = async (cartId: string) =>
    (await store.reader.db.selectFrom('carts').select('id').where('id', '=', cartId).executeTakeFirst()) !== undefined

  /** Moves the time and does everything that is due then. */
  async function pass(ms: number): Promise<void> {
    clock.at += ms
    await engine.jobs.runDue()
  }

  /** Copies a cart to so many accounts, each with an id and documents of its own, straight into the database. */
  async function copyCart(cartId: string, count: number, prefix = 'cart_c'): Promise<string[]> {
    const row = await store.reader.db.selectFrom('carts').selectAll().where('id', '=', cartId).executeTakeFirstOrThrow()
    const ids = Array.from({ length: count }, (_, index) => `${prefix}${String(index).padStart(6, '0')}`)
    for (let from = 0; from < count; from += 50) {
      const rows = ids.slice(from, from + 50).map((id) => ({
        ...row,
        id,
        owner: `a:test:${id}`,
        number: id,
        intent: JSON.stringify({ ...JSON.parse(row.intent), id, number: id, owner: { kind: 'account', accountId: `test:${id}` } }),
        priced: JSON.stringify({ ...JSON.parse(row.priced), id, number: id, owner: { kind: 'account', accountId: `test:${id}` } }),
      }))
      await store.transact((writer) => writer.db.insertInto('carts').values(rows).execute())
    }
    return ids
  }

  return { store, engine, app, as, admin, login, makeShop, change, guestWith, eventsOf, isThere, pass, copyCart, logged, clock }
}

/** A server whose time stands still. */
export type FrozenServer = Awaited<ReturnType<typeof openFrozen>> & { readonly engine: Engine }
