// Placed orders for tests: one server per database with the demo's shops of every preset, customers who buy and pay on the sandbox's own page, and
// keys with few scopes.
import assert from 'node:assert/strict'
import { ADMIN, type Answer, caller, type DIALECTS, eventually, freshDatabase, startTestServer } from './harness.ts'
import { ADDRESS } from './http-probe.ts'
import { expect2xx, login } from './nodes.ts'
import { type Call, payFor, ware } from './presets/shop.ts'

/** A shop of the demo with goods of its own: BOX is shipped and counted, PEN is neither, FREE costs nothing. */
export interface OrderShop {
  readonly base: string
  /** The shop's server, with every scope. */
  readonly admin: Call
  customer(name?: string): Promise<Call>
  /** Orders and pays; answers the placed order as its customer sees it. */
  buy(call: Call, ...lines: readonly object[]): Promise<Answer['body']>
  /** The same before it is paid, with payment and order token. */
  order(call: Call, ...lines: readonly object[]): Promise<Answer['body']>
  read(orderId: string): Promise<Answer['body']>
  onHand(sku: string): Promise<number>
  /** A key with these scopes. */
  key(kind: 'server' | 'staff', ...scopes: string[]): Promise<{ call: Call; id: string }>
}

/** Starts a server on a database, and answers its shops by name. */
export async function orderShops(dialect: (typeof DIALECTS)[number]) {
  const server = await startTestServer(await freshDatabase(dialect))
  const { url } = server

  async function shop(name: string): Promise<OrderShop> {
    const base = `${url}/v1/shops/${name}`
    const admin = caller(base, ADMIN)
    const products = [
      ware('BOX', {}, { requiresShipping: true, stockPolicy: 'deny', onHand: 1000 }),
      ware('PEN'),
      ware('FREE', {}, { prices: [{ currency: 'USD', amount: 0 }] }),
    ]
    assert.equal(expect2xx(await admin('POST', '/products/import', { products })).body.refusedCount, 0)
    expect2xx(await admin('PATCH', '/settings', { pricing: { requireExpected: false } }))
    const order: OrderShop['order'] = async (call, ...lines) => {
      expect2xx(await call('POST', '/carts/current/lines', { lines: lines.length > 0 ? lines : [{ sku: 'BOX', quantity: 3 }] }))
      await call('PATCH', '/carts/current', { email: 'robin@example.com', shippingAddress: ADDRESS })
      const [method] = expect2xx(await call('GET', '/carts/current/shipping-methods')).body.items
      if (method) expect2xx(await call('PATCH', '/carts/current', { shippingMethod: method.id }))
      return expect2xx(await call('POST', '/orders', { cartId: 'current' })).body
    }
    return {
      base,
      admin,
      order,
      customer: async (who = 'robin') => caller(base, await login(url, who)),
      buy: async (call, ...lines) => payFor(call, await order(call, ...lines)),
      read: async (orderId) => expect2xx(await admin('GET', `/orders/${orderId}`)).body,
      onHand: async (sku) => expect2xx(await admin('GET', `/stock/${sku}`)).body.onHand,
      async key(kind, ...scopes) {
        const { id, token } = expect2xx(await admin('POST', '/api-keys', { kind, name: scopes.join(' ') || 'none', scopes })).body
        return { call: caller(base, token), id }
      },
    }
  }

  /** What was told of an order, oldest first, once so many events are there. */
  async function eventsOf(orderId: string): Promise<string[]> {
    const { db } = server.engine.store.reader
    const rows = await db.selectFrom('deliveries').select(['id', 'type']).where('subject', '=', orderId).orderBy('id').execute()
    return rows.map((row) => row.type)
  }

  return { server, url, shop, eventsOf }
}

/** Waits until what was taken of an order went back. */
export function refunded(shop: OrderShop, orderId: string): Promise<Answer['body']> {
  return eventually(async () => {
    const order = await shop.read(orderId)
    return order.paymentState === 'REFUNDED' && order
  })
}
