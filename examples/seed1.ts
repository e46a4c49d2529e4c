// A game store's cart, promise by promise, against the demo shop `fill`.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'
import { type Call, DETAILS, fresh, linesOf, logIn, ok, ownerOf, pay, refused, same, walk } from './walk.ts'

const SHOP = 'fill'
const LINES = '/carts/current/lines'
const robin = fresh('robin')
const me: Call = await logIn(SHOP, robin)
const server = ownerOf(SHOP)
const granted: string[] = []

await walk('A game store’s cart (shop `fill`)', [
  {
    says: 'A cart combines several items, of any type and in any quantity, into one order for real money.',
    keeps: async () => {
      const lines = [
        { sku: 'MUG-STONE', quantity: 2 },
        { sku: 'RECHARGE-CARD', amount: 1000, quantity: 3 },
      ]
      const { cart } = await ok(me('PUT', LINES, { lines }))
      return `${linesOf(cart)}: ${cart.total.amount} ${cart.total.currency} in minor units`
    },
  },
  {
    says: 'Promo codes can be used.',
    keeps: async () => {
      const { cart } = await ok(me('POST', '/carts/current/codes', { code: 'WELCOME10' }))
      return `${cart.codes[0].code}: ${cart.discountTotal.amount}`
    },
  },
  {
    says: 'The cart belongs to a user and is kept on the server; it is found by the user’s token …',
    keeps: async () => linesOf(await ok((await logIn(SHOP, robin))('GET', '/carts/current'))),
  },
  {
    says: '… or by its id.',
    keeps: async () => {
      const { id } = await ok(me('GET', '/carts/current'))
      await refused((await logIn(SHOP, fresh('other')))('GET', `/carts/${id}`), 'cart_not_found')
      return same((await ok(me('GET', `/carts/${id}`))).id, id).concat(' (and 404 for anybody else)')
    },
  },
  {
    says: 'The server side fills a cart, for instance when it restores a session.',
    keeps: async () => {
      const user = fresh('restored')
      await ok(server('PUT', `${LINES}?account=demo:${user}`, { lines: [{ sku: 'MUG-INK', quantity: 2 }] }))
      return `the user finds ${linesOf(await ok((await logIn(SHOP, user))('GET', '/carts/current')))}`
    },
  },
  {
    says: 'The client side reads the cart, fills it, updates and deletes items; filling sets the named items and leaves the others.',
    keeps: async () => {
      const { cart } = await ok(me('PUT', LINES, { lines: [{ sku: 'MUG-STONE', quantity: 4 }, { sku: 'MUG-MOSS' }] }))
      const moss = cart.lines.find((line: { sku: string }) => line.sku === 'MUG-MOSS')
      await ok(me('PATCH', `${LINES}/${moss.id}`, { quantity: 2 }))
      const changed = linesOf(await ok(me('GET', '/carts/current')))
      await ok(me('DELETE', `${LINES}/${moss.id}`))
      return `${changed}; then ${linesOf(await ok(me('GET', '/carts/current')))}`
    },
  },
  {
    says: 'Viewing the cart tells the final prices, with discounts and the promotions that were applied.',
    keeps: async () => {
      const { itemTotal, discountTotal, total, lines } = await ok(me('GET', '/carts/current'))
      same(total.amount, itemTotal.amount + discountTotal.amount)
      return `${itemTotal.amount} ${discountTotal.amount} = ${total.amount}, by “${lines[0].adjustments[0].label}”`
    },
  },
  {
    says: 'Order creation answers a token that opens the payment UI; webhooks tell when it is paid, so that items can be granted.',
    keeps: async () => {
      const hooks = await receiver()
      const endpoint = await ok(server('POST', '/webhooks', { url: hooks.url, types: ['order.placed'] }))
      hooks.trust(endpoint.secret)
      await ok(me('PATCH', '/carts/current', DETAILS))
      const ordered = await ok(me('POST', '/orders', { cartId: 'current' }))
      const placed = await pay(me, ordered)
      for (let waited = 0; waited < 15_000 && !granted.includes(placed.id); waited += 100)
        await new Promise((resolve) => setTimeout(resolve, 100))
      hooks.close()
      await server('DELETE', `/webhooks/${endpoint.id}`)
      if (!granted.includes(placed.id)) throw new Error('no webhook came')
      return `token ${String(ordered.payment.token).slice(0, 12)}…, paid, and the webhook granted ${linesOf(placed)}`
    },
  },
  {
    says: 'Server calls create orders, too.',
    keeps: async () => {
      const user = fresh('served')
      await ok(server('PUT', `${LINES}?account=demo:${user}`, { lines: [{ sku: 'MUG-STONE' }] }))
      await ok(server('PATCH', `/carts/current?account=demo:${user}`, DETAILS))
      const { order, payment } = await ok(server('POST', `/orders?account=demo:${user}`, { cartId: 'current' }))
      return `${order.id} of ${order.owner.accountId}, to be paid at ${new URL(payment.url).pathname.split('/').slice(0, 4).join('/')}/…`
    },
  },
])

/** The shop's own receiver, which trusts only what is signed. */
async function receiver(): Promise<{ url: string; trust: (secret: string) => void; close: () => void }> {
  let secret = ''
  const listening = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      try {
        const event = new Webhook(secret).verify(Buffer.concat(chunks), request.headers as Record<string, string>) as {
          data: { id: string }
        }
        granted.push(event.data.id)
        response.writeHead(204).end()
      } catch {
        response.writeHead(400).end()
      }
    })
  })
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve))
  const trust = (given: string) => {
    secret = given
  }
  return { url: `http://127.0.0.1:${(listening.address() as AddressInfo).port}/`, trust, close: () => listening.close() }
}
