// A cart service for several kinds of carts, promise by promise, against the demo shop `service`. It moves the demo's clock by 31 days.
import {
  type Answer,
  base,
  type Call,
  callsOf,
  DETAILS,
  fresh,
  linesOf,
  logIn,
  ok,
  ownerOf,
  pay,
  productOf,
  refused,
  same,
  walk,
} from './walk.ts'

const SHOP = 'service'
const LINES = '/carts/current/lines'
const nobody = callsOf(SHOP)
const server = ownerOf(SHOP)

interface Guest {
  readonly call: Call
  readonly token: string
  readonly id: string
}

async function anonymous(body: object): Promise<Guest> {
  const { cart, token } = await ok(nobody('POST', '/carts', body))
  return { call: callsOf(SHOP, token), token, id: cart.id }
}

/** A customer with a cart of these lines, who merges anonymous carts into it. */
async function merged(lines: readonly object[], guests: readonly Guest[]): Promise<Answer['body']> {
  const customer = await logIn(SHOP, fresh('customer'))
  if (lines.length > 0) await ok(customer('POST', LINES, { lines }))
  return ok(customer('POST', '/carts/current/merge', { carts: guests.map(({ id, token }) => ({ id, token })) }))
}

await ok(server('PUT', '/products/walk-both', productOf('WALK-BOTH', 'In two currencies', { USD: 1000, EUR: 900 })))

await walk('A cart service (shop `service`)', [
  {
    says: 'There are anonymous carts and customer carts.',
    keeps: async () => {
      const guest = await anonymous({ lines: [{ sku: 'MUG-STONE' }] })
      const { cart } = await ok((await logIn(SHOP, fresh('customer')))('POST', LINES, { sku: 'MUG-STONE' }))
      return `${(await ok(guest.call('GET', '/carts/current'))).owner.kind} and ${cart.owner.kind}`
    },
  },
  {
    says: 'An anonymous cart is merged into a customer’s: quantities of equal items are added, and the anonymous cart is CLOSED.',
    keeps: async () => {
      const guest = await anonymous({ lines: [{ sku: 'MUG-STONE', quantity: 2 }] })
      const { cart } = await merged([{ sku: 'MUG-STONE', quantity: 3 }], [guest])
      const { state, closedReason } = await ok(server('GET', `/carts/${guest.id}`))
      same([state, closedReason], ['CLOSED', 'merged'])
      return `${linesOf(cart)}; the anonymous one is ${state}`
    },
  },
  {
    says: 'Several anonymous carts are merged at once.',
    keeps: async () => {
      const guests = [
        await anonymous({ lines: [{ sku: 'MUG-STONE' }] }),
        await anonymous({ lines: [{ sku: 'MUG-INK' }, { sku: 'MUG-STONE' }] }),
      ]
      return linesOf((await merged([], guests)).cart)
    },
  },
  {
    says: 'A cart that went through checkout is CLOSED, and operations are possible on OPEN carts only.',
    keeps: async () => {
      const customer = await logIn(SHOP, fresh('customer'))
      const { cart } = await ok(customer('POST', LINES, { sku: 'MUG-STONE' }))
      await ok(customer('PATCH', '/carts/current', DETAILS))
      await pay(customer, await ok(customer('POST', '/orders', { cartId: cart.id })))
      return refused(customer('POST', `/carts/${cart.id}/lines`, { sku: 'MUG-STONE' }), 'cart_closed')
    },
  },
  {
    says: 'A customer’s cart cannot be merged into an anonymous one …',
    keeps: async () => {
      const [one, two] = [await anonymous({ lines: [{ sku: 'MUG-STONE' }] }), await anonymous({ lines: [{ sku: 'MUG-INK' }] })]
      return refused(one.call('POST', '/carts/current/merge', { carts: [{ id: two.id, token: two.token }] }), 'merge_forbidden')
    },
  },
  {
    says: '… nor a customer’s cart into another customer’s …',
    keeps: async () => {
      const { cart } = await ok((await logIn(SHOP, fresh('one')))('POST', LINES, { sku: 'MUG-STONE' }))
      const other = await logIn(SHOP, fresh('two'))
      const token = (await anonymous({})).token
      return refused(other('POST', '/carts/current/merge', { carts: [{ id: cart.id, token }] }), 'cart_not_found')
    },
  },
  {
    says: '… nor two carts with items in different currencies.',
    keeps: async () => {
      const euro = await anonymous({ currency: 'EUR', lines: [{ sku: 'WALK-BOTH' }] })
      const customer = await logIn(SHOP, fresh('customer'))
      await ok(customer('POST', LINES, { sku: 'MUG-STONE' }))
      const told = await refused(
        customer('POST', '/carts/current/merge', { carts: [{ id: euro.id, token: euro.token }] }),
        'currency_mismatch',
      )
      same(linesOf(await ok(euro.call('GET', '/carts/current'))), 'WALK-BOTH × 1')
      return told
    },
  },
  {
    says: 'Both empty and of different currencies: the customer’s is kept.',
    keeps: async () => {
      const euro = await anonymous({ currency: 'EUR' })
      return (await merged([], [euro])).cart.currency
    },
  },
  {
    says: 'The same item once from the catalogue and once described by the caller stays two entries.',
    keeps: async () => {
      const guest = await anonymous({})
      const inline = { name: 'Stoneware Mug', unitPrice: 1800, taxCategory: 'standard' }
      await ok(server('POST', `/carts/${guest.id}/lines`, { inline }))
      const { cart } = await merged([{ sku: 'MUG-STONE' }], [guest])
      return cart.lines
        .map((line: { name: string; priceSource: string; quantity: number }) => `${line.name} (${line.priceSource}) × ${line.quantity}`)
        .join(', ')
    },
  },
  {
    says: 'Items that are out of stock are preserved; ordering asks to remove them.',
    keeps: async () => {
      const guest = await anonymous({ lines: [{ sku: 'MUG-STONE', quantity: 50_000 }] })
      const customer = await logIn(SHOP, fresh('customer'))
      const { cart } = await ok(customer('POST', '/carts/current/merge', { carts: [{ id: guest.id, token: guest.token }] }))
      await ok(customer('PATCH', '/carts/current', DETAILS))
      return `${linesOf(cart)}; ${await refused(customer('POST', '/orders', { cartId: cart.id }), 'insufficient_stock')}`
    },
  },
  {
    says: 'Different custom attributes are consolidated; of the same attribute the anonymous cart’s value is preserved.',
    keeps: async () => {
      const guest = await anonymous({ attributes: { gift: true, source: 'poster' } })
      const customer = await logIn(SHOP, fresh('customer'))
      await ok(customer('PATCH', '/carts/current', { attributes: { source: 'mail', level: 3 } }))
      const { cart } = await ok(customer('POST', '/carts/current/merge', { carts: [{ id: guest.id, token: guest.token }] }))
      const { gift, source, level } = cart.attributes
      return same({ gift, source, level }, { gift: true, source: 'poster', level: 3 })
    },
  },
  {
    says: 'A cart that is inactive for more than 30 days is deleted by itself.',
    keeps: async () => {
      const guest = await anonymous({ lines: [{ sku: 'MUG-STONE' }] })
      await fetch(`${base}/v1/demo/clock`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ advance: 'P31D' }),
      })
      return refused(server('GET', `/carts/${guest.id}`), 'cart_not_found')
    },
  },
])
