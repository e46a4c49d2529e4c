// A headless commerce’s guest and account carts, promise by promise, against the demo shop `reconcile`. It moves the demo's clock by 31 days.
import { type Answer, base, type Call, callsOf, DETAILS, fresh, linesOf, logIn, ok, pay, refused, same, walk } from './walk.ts'

const SHOP = 'reconcile'
const LINES = '/carts/current/lines'
const nobody = callsOf(SHOP)
/** This shop wants to know which price the client showed. */
const MUG = { sku: 'MUG-STONE', expectedUnitPrice: 1800 }
const INK = { sku: 'MUG-INK', expectedUnitPrice: 1800 }

/** A device without a login: its first item makes a guest cart. */
async function device(...lines: object[]): Promise<{ call: Call; token: string; cart: Answer['body'] }> {
  const { cart, token } = await ok(nobody('POST', LINES, { lines: lines.length > 0 ? lines : [MUG] }))
  return { call: callsOf(SHOP, token), token, cart }
}

const first = await device()
const robin = fresh('robin')

/** Logs in on a device that has a cart, while the account has one, too. */
async function reconcile(mode: string): Promise<string> {
  const guest = await device(MUG, INK)
  const account = await logIn(SHOP, fresh('login'))
  await ok(account('POST', LINES, { lines: [MUG] }))
  const { cart } = await ok(account('POST', '/carts/current/merge', { carts: [{ id: guest.cart.id, token: guest.token }], mode }))
  await refused(guest.call('GET', '/carts/current'), 'invalid_token')
  await refused(account('GET', `/carts/${guest.cart.id}`), 'cart_not_found')
  return `${linesOf(cart)}; the guest’s cart and its secret are gone`
}

await walk('Guest carts and account carts (shop `reconcile`)', [
  {
    says: 'A cart holds items and what was entered for checkout, until the checkout is complete or the items are removed.',
    keeps: async () => {
      await ok(first.call('PATCH', '/carts/current', DETAILS))
      const { lines, email, shippingAddress } = await ok(first.call('GET', '/carts/current'))
      return `${lines.length} line, ${email}, ${shippingAddress.city}`
    },
  },
  {
    says: 'No login is needed: the first item makes an anonymous cart.',
    keeps: async () => `${first.cart.owner.kind} cart ${first.cart.id}`,
  },
  {
    says: 'It is opened by its id and a secret token, which the client keeps.',
    keeps: async () => {
      await refused(nobody('GET', `/carts/${first.cart.id}`), 'cart_not_found')
      return same((await ok(first.call('GET', `/carts/${first.cart.id}`))).id, first.cart.id)
    },
  },
  {
    says: 'A device has one anonymous cart per shop; the client picks by the shop that it shows, and comes back to it.',
    keeps: async () => {
      await refused(callsOf('demo', first.token)('GET', '/carts/current'), 'invalid_token')
      await ok(first.call('POST', LINES, INK))
      return linesOf(await ok(first.call('GET', '/carts/current')))
    },
  },
  { says: 'The client keeps one token per shop and forgets it when the cart is gone.', later: 'the client library' },
  {
    says: 'Guest checkout takes an e-mail address for the cart and the order; the cart becomes an order, and is destroyed then.',
    keeps: async () => {
      const placed = await pay(first.call, await ok(first.call('POST', '/orders', { cartId: first.cart.id })))
      await refused(first.call('GET', `/carts/${first.cart.id}`), 'cart_not_found')
      return `order ${placed.reference} of ${placed.email}; the cart is gone`
    },
  },
  {
    says: 'An account has one cart per shop, made by the first item added while logged in.',
    keeps: async () => {
      const call = await logIn(SHOP, robin)
      const carts = await Promise.all([MUG, INK, MUG].map(async (line) => (await ok(call('POST', LINES, line))).cart.id))
      same(new Set(carts).size, 1)
      return linesOf(await ok(call('GET', '/carts/current')))
    },
  },
  {
    says: 'After logging out the account’s cart is neither visible nor accessible.',
    keeps: async () => {
      const { id } = await ok((await logIn(SHOP, robin))('GET', '/carts/current'))
      await refused(nobody('GET', `/carts/${id}`), 'cart_not_found')
      return `without the login: ${(await ok(nobody('GET', '/carts/current'))).itemCount} items, and 404 for the cart’s id`
    },
  },
  { says: 'Reconciling: keep only the account’s items.', keeps: () => reconcile('keepAccount') },
  { says: 'Reconciling: keep only the anonymous items.', keeps: () => reconcile('keepGuest') },
  { says: 'Reconciling: merge the items.', keeps: () => reconcile('merge') },
  {
    says: 'The shop expires anonymous carts by itself after a time of its choice; account carts live longer.',
    keeps: async () => {
      const guest = await device()
      const account = fresh('patient')
      const { cart } = await ok((await logIn(SHOP, account))('POST', LINES, MUG))
      await fetch(`${base}/v1/demo/clock`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ advance: 'P31D' }),
      })
      const { status } = await guest.call('GET', `/carts/${guest.cart.id}`)
      if (status !== 401 && status !== 404) throw new Error(`the anonymous cart answers ${status}`)
      return `after 31 days: anonymous ${status}, account ${same((await ok((await logIn(SHOP, account))('GET', '/carts/current'))).id, cart.id)}`
    },
  },
])
