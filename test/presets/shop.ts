// A shop of a preset on each database, as its customers and its own server see it: real servers, the demo's catalogue, and what a test adds.
import assert from 'node:assert/strict'
import type { PresetName, SettingsPatch } from '../../src/core/settings.ts'
import { ADMIN, type Answer, caller, DIALECTS, eventually, freshDatabase, startTestServer } from '../harness.ts'
import { ADDRESS } from '../http-probe.ts'
import { expect2xx, login, payOnPage } from '../nodes.ts'

/** One call in a shop: method, path below the shop, body, headers. */
export type Call = ReturnType<typeof caller>

/** A running shop. */
export interface PresetShop {
  readonly dialect: string
  readonly server: Awaited<ReturnType<typeof startTestServer>>
  /** Nobody: who has no token. */
  readonly nobody: Call
  /** The shop's server, with every scope. */
  readonly admin: Call
  /** A logged-in customer. */
  account(name: string): Promise<Call>
  /** A guest with a token, which a first item made. */
  guest(sku?: string): Promise<Call>
  /** Moves the clock and does what is due. */
  advance(duration: string): Promise<void>
  settings(patch: SettingsPatch): Promise<void>
  /** Writes products, each of one variant. */
  products(...wares: readonly object[]): Promise<void>
}

/** The demo's shop of this preset, on every database. */
export async function presetShops(preset: PresetName): Promise<PresetShop[]> {
  const shops: PresetShop[] = []
  for (const dialect of DIALECTS) {
    const server = await startTestServer(await freshDatabase(dialect))
    const base = `${server.url}/v1/shops/${preset === 'default' ? 'demo' : preset}`
    const nobody = caller(base)
    const admin = caller(base, ADMIN)
    shops.push({
      dialect,
      server,
      nobody,
      admin,
      account: async (name) => caller(base, await login(server.url, name)),
      async guest(sku = 'MUG-STONE') {
        const line = { sku, expectedUnitPrice: await priceOf(nobody, sku) }
        return caller(base, expect2xx(await nobody('POST', '/carts/current/lines', line)).body.token)
      },
      async advance(duration) {
        expect2xx(await caller(server.url)('POST', '/v1/demo/clock', { advance: duration }))
      },
      async settings(patch) {
        expect2xx(await admin('PATCH', '/settings', patch))
      },
      async products(...wares) {
        const report = expect2xx(await admin('POST', '/products/import', { products: wares })).body
        assert.equal(report.refusedCount, 0, JSON.stringify(report.refused))
      },
    })
  }
  return shops
}

async function priceOf(call: Call, sku: string): Promise<number> {
  for (let after = ''; ; ) {
    const { body } = await call('GET', `/products?limit=200${after}`)
    for (const product of body.items) for (const variant of product.variants) if (variant.sku === sku) return variant.prices[0].amount
    assert.ok(body.next !== null, `the catalogue has ${sku}`)
    after = `&after=${body.next}`
  }
}

/** A product of one variant as it is written; `changes` and `variant` win over plain goods for 10.00 USD. */
export function ware(sku: string, changes: object = {}, variant: object = {}) {
  return {
    handle: sku.toLowerCase(),
    name: `Product ${sku}`,
    description: '',
    tags: [],
    kind: 'goods',
    published: true,
    images: [{ src: `/images/${sku}.svg` }],
    taxCategory: 'none',
    ...changes,
    variants: [
      {
        sku,
        name: '',
        options: {},
        prices: [{ currency: 'USD', amount: 1000 }],
        stockPolicy: 'untracked',
        requiresShipping: false,
        taxable: false,
        grams: 0,
        ...variant,
      },
    ],
  }
}

/** A current cart's lines as `sku × quantity`, in the order in which they are shown. */
export async function linesOf(call: Call, cart = 'current'): Promise<string[]> {
  const { body } = await call('GET', `/carts/${cart}`)
  return shown(body)
}

/** The same of a cart that was answered. */
export function shown(cart: Answer['body']): string[] {
  return cart.lines.map((line: { sku: string | null; name: string; quantity: number }) => `${line.sku ?? line.name} × ${line.quantity}`)
}

/** Status and code of a refusal, or only the status. */
export function told({ status, body }: Answer): string {
  return `${status}${body?.code ? ` ${body.code}` : ''}`
}

/** Gives a cart what ordering it needs. */
export async function readyToOrder(call: Call, cart = 'current'): Promise<void> {
  const details = { email: 'robin@example.com', shippingAddress: ADDRESS, shippingMethod: 'standard' }
  expect2xx(await call('PATCH', `/carts/${cart}`, details))
}

/** Pays on the sandbox's own page, and waits until the order is placed. */
export async function payFor(call: Call, { order, payment }: Answer['body']): Promise<Answer['body']> {
  await payOnPage(payment.url)
  return eventually(async () => {
    const { body } = await call('GET', `/orders/${order.id}`)
    return body.isCompleted && body
  })
}
