// The cart that a page holds, against a real server: what is kept on the device, what waits while there is no network and is done once all the
// same, what is shown before the server answers, and how tabs, logins and orders stay in step.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type CartStore, type CartView, createCart, type DeviceStorage } from '../src/client/cart.ts'
import { createClient } from '../src/client/client.ts'
import { CartwrightError } from '../src/client/problem.ts'
import type { PricedCart } from '../src/core/pricing.ts'
import { ADMIN, caller, eventually, freshDatabase, startTestServer } from './harness.ts'
import { login, startNode, stockUp, wares } from './nodes.ts'

const server = await startTestServer(await freshDatabase('sqlite'))
const admin = caller(server.url, ADMIN)
await stockUp(server.url, 'demo', wares(3, 'WARE'))
await stockUp(server.url, 'demo', wares(1, 'RARE', 3))
const [tiered] = wares(1, 'TIER')
await stockUp(server.url, 'demo', [
  {
    ...tiered,
    variants: tiered?.variants.map((variant) => ({ ...variant, prices: [...variant.prices, { currency: 'USD', amount: 80, quantityFrom: 10 }] })),
  },
])

/** A device: what it keeps, and everything that was opened on it. */
class Device implements DeviceStorage {
  readonly kept = new Map<string, string>()
  getItem(key: string): string | null {
    return this.kept.get(key) ?? null
  }
  setItem(key: string, value: string): void {
    this.kept.set(key, value)
  }
  removeItem(key: string): void {
    this.kept.delete(key)
  }
}

/** A network that breaks on command: before a request goes out, or after it was carried out and before its answer comes. */
class Network {
  isDown = false
  /** How many more answers to writes get lost. */
  losing = 0
  readonly writes: { readonly path: string; readonly key: string | null; readonly body: string }[] = []
  readonly fetch: typeof fetch = async (input, init) => {
    if (this.isDown) throw new TypeError('The network is down.')
    const { pathname } = new URL(String(input))
    if (init?.method && init.method !== 'GET')
      this.writes.push({ path: pathname, key: new Headers(init.headers).get('idempotency-key'), body: String(init.body) })
    const response = await fetch(input, init)
    if (this.isDown || (init?.method === 'POST' && this.losing-- > 0)) {
      await response.body?.cancel()
      throw new TypeError('The answer was lost.')
    }
    return response
  }
}

const open = new Set<CartStore>()
/** Opens a page with a cart; all are closed after the test. */
function page(t: { after(done: () => void): void }, device: Device, network: Network = new Network(), shop = 'demo', url = server.url): CartStore {
  const cart = createCart({ shop, baseUrl: url, storage: device, fetch: network.fetch })
  open.add(cart)
  t.after(() => cart.close())
  return cart
}

const quantities = (cart: PricedCart | null) => Object.fromEntries((cart?.lines ?? []).map(({ sku, quantity }) => [sku, quantity]))
const until = (cart: CartStore, check: (view: CartView) => boolean, what: string) =>
  eventually(async () => check(cart.get()) && cart.get(), 15_000, what)
/** The cart as the server has it, asked by nobody who remembers anything. */
async function atServer(device: Device, shop = 'demo', url = server.url): Promise<PricedCart> {
  const token = device.getItem(`cartwright:${shop}`)
  return createClient({ baseUrl: url, shop, token }).call('GET /v1/shops/{shop}/carts/{cart}', { params: { cart: 'current' } }) as Promise<PricedCart>
}

describe('a guest on a device', () => {
  it('SEED2-08 has one cart per shop, made by the first item, and each shop has its own', async (t) => {
    const device = new Device()
    const demo = page(t, device)
    assert.equal(await demo.ready(), null)
    assert.equal(device.kept.size, 0)
    const cart = await demo.add({ sku: 'WARE-0' })
    assert.deepEqual(quantities(cart), { 'WARE-0': 1 })
    const other = page(t, device, new Network(), 'simple')
    await other.ready()
    assert.equal(other.get().cart, null)
    assert.deepEqual([...device.kept.keys()], ['cartwright:demo'])
    assert.deepEqual(quantities(await demo.add([{ sku: 'WARE-0' }, { sku: 'WARE-1', quantity: 2 }])), { 'WARE-0': 2, 'WARE-1': 2 })
  })

  it('SEED2-09 SEED2-07 is known again on a later visit', async (t) => {
    const device = new Device()
    const first = page(t, device)
    const { id } = await first.add({ sku: 'WARE-0' })
    first.close()
    const later = page(t, device)
    assert.equal((await later.ready())?.id, id)
    assert.equal(later.get().status, 'ready')
  })
})
