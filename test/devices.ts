// Devices and networks of shoppers, for tests of the cart that a page holds: what a device keeps, a network that breaks on command, and pages.
import { type CartStore, type CartView, createCart, type DeviceStorage } from '../src/client/cart.ts'
import { createClient } from '../src/client/client.ts'
import type { PricedCart } from '../src/core/pricing.ts'
import { eventually } from './harness.ts'

/** A test, as far as something is closed after it. */
export interface Test {
  after(done: () => void | Promise<void>): void
}

/** A device: what it keeps, and everything that was opened on it. */
export class Device implements DeviceStorage {
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
export class Network {
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

/** Opens a page with a cart; it is closed after the test. */
export function openPage(
  t: Test,
  url: string,
  device: DeviceStorage,
  network: Pick<Network, 'fetch'> = new Network(),
  shop = 'demo',
): CartStore {
  const cart = createCart({ shop, baseUrl: url, storage: device, fetch: network.fetch })
  t.after(() => cart.close())
  return cart
}

/** How many pieces of what are in a cart. */
export const quantities = (cart: PricedCart | null) => Object.fromEntries((cart?.lines ?? []).map(({ sku, quantity }) => [sku, quantity]))

/** Waits until the page shows it. */
export const until = (cart: CartStore, check: (view: CartView) => boolean, what: string) =>
  eventually(async () => check(cart.get()) && cart.get(), 15_000, what)

/** The cart of a device's guest as the server has it, asked by nobody who remembers anything. */
export async function cartAtServer(url: string, device: Device, shop = 'demo'): Promise<PricedCart> {
  const token = device.getItem(`cartwright:${shop}`)
  return createClient({ baseUrl: url, shop, token }).call('GET /v1/shops/{shop}/carts/{cart}', {
    params: { cart: 'current' },
  }) as Promise<PricedCart>
}
