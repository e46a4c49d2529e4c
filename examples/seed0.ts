// A product store's personal cart, promise by promise, against the demo shop `store`.
import {
  type Answer,
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

const SHOP = 'store'
const LINES = '/carts/current/lines'
const robin = fresh('robin')
const me: Call = await logIn(SHOP, robin)
const owner = ownerOf(SHOP)
const cart = (): Promise<Answer['body']> => ok(me('GET', '/carts/current'))

await walk('A product store’s cart (shop `store`)', [
  {
    says: 'Products are collected in a cart and paid for together when the shopper is ready.',
    keeps: async () => {
      const buyer = await logIn(SHOP, fresh('together'))
      await ok(buyer('POST', LINES, { lines: [{ sku: 'MUG-STONE' }, { sku: 'TEE-FOREST-M' }] }))
      await ok(buyer('PATCH', '/carts/current', DETAILS))
      const placed = await pay(buyer, await ok(buyer('POST', '/orders', { cartId: 'current' })))
      return `one order ${placed.reference} of ${linesOf(placed)}`
    },
  },
  {
    says: 'Every product has “Add to cart”: an added product is in the personal cart, which belongs to the account.',
    keeps: async () => {
      const who = await refused(callsOf(SHOP)('POST', LINES, { sku: 'MUG-STONE' }), 'login_required')
      const { cart: made } = await ok(me('POST', LINES, { sku: 'MUG-STONE' }))
      return `${linesOf(made)} of ${made.owner.accountId}; nobody: ${who}`
    },
  },
  { says: 'The buttons on product pages and in the store.', later: 'the demo shop’s pages' },
  {
    says: 'The cart persists: after logging in again the items are still there.',
    keeps: async () => same(linesOf(await ok((await logIn(SHOP, robin))('GET', '/carts/current'))), 'MUG-STONE × 1'),
  },
  {
    says: 'A regular product is added at its listed price.',
    keeps: async () => {
      const [line] = (await cart()).lines
      return same(line.unitPrice, line.listPrice ?? line.unitPrice).concat(' each')
    },
  },
  {
    says: 'A recharge product needs an amount first …',
    keeps: () => refused(me('POST', LINES, { sku: 'RECHARGE-CARD' }), 'amount_required'),
  },
  {
    says: '… a preset one or an own one …',
    keeps: async () => {
      for (const amount of [2500, 1234]) await ok(me('POST', LINES, { sku: 'RECHARGE-CARD', amount }))
      return linesOf(await cart())
    },
  },
  {
    says: '… and an own amount must be greater than zero.',
    keeps: async () => {
      for (const amount of [0, -100]) await refused(me('POST', LINES, { sku: 'RECHARGE-CARD', amount }), 'invalid')
      return refused(me('POST', LINES, { sku: 'RECHARGE-CARD', amount: 1 }), 'amount_invalid')
    },
  },
  {
    says: 'Subscriptions have no cart: they are bought by themselves, on their plans’ page.',
    keeps: async () => {
      const told = await refused(me('POST', LINES, { sku: 'COFFEE-CLUB', plan: 'monthly' }), 'not_cartable')
      const { buyUrl } = (await me('POST', LINES, { sku: 'COFFEE-CLUB', plan: 'monthly' })).body
      return `${told} Bought at ${buyUrl}`
    },
  },
  { says: 'Buying a subscription on that page.', later: 'orders and money' },
  {
    says: 'All products of a cart share a currency; adding one of another is prevented, and the shopper is told.',
    keeps: async () => {
      const euro = productOf('WALK-EURO', 'Euro only', { EUR: 900 })
      await ok(owner('PUT', '/products/walk-euro', euro))
      const before = linesOf(await cart())
      const told = await refused(me('POST', LINES, { sku: 'WALK-EURO' }), 'currency_mismatch')
      same(linesOf(await cart()), before)
      return told
    },
  },
  { says: 'The cart is reached by the entry “Carts” in “Business & Payments”.', later: 'the demo shop’s pages' },
  {
    says: 'The cart shows name and display name, image, price and currency, quantity.',
    keeps: async () => {
      const { handle, name, image, unitPrice, quantity } = (await cart()).lines.find((line: { sku: string }) => line.sku === 'MUG-STONE')
      if (!(handle && name && image)) throw new Error('something is missing')
      return JSON.stringify({ handle, name, image, unitPrice, quantity })
    },
  },
  {
    says: 'Quantity is managed by the system: the same product at the same price counts up instead of making another line …',
    keeps: async () => {
      await ok(me('POST', LINES, { sku: 'MUG-STONE' }))
      await ok(me('POST', LINES, { sku: 'RECHARGE-CARD', amount: 2500 }))
      return linesOf(await cart())
    },
  },
  {
    says: '… and nobody sets it.',
    keeps: async () => refused(me('PATCH', `${LINES}/${(await cart()).lines[0].id}`, { quantity: 7 }), 'quantity_managed'),
  },
  {
    says: 'Delete removes a row.',
    keeps: async () => {
      for (const line of (await cart()).lines) if (line.sku === 'RECHARGE-CARD') await ok(me('DELETE', `${LINES}/${line.id}`))
      return same(linesOf(await cart()), 'MUG-STONE × 2')
    },
  },
  {
    says: 'Buy on a row starts the payment of that product alone; after buying it stays until the shopper removes it.',
    keeps: async () => {
      await ok(me('POST', LINES, { sku: 'TEE-FOREST-M' }))
      await ok(me('PATCH', '/carts/current', DETAILS))
      const shirt = (await cart()).lines.find((line: { sku: string }) => line.sku === 'TEE-FOREST-M')
      const placed = await pay(me, await ok(me('POST', '/orders', { cartId: 'current', lines: [shirt.id] })))
      return `ordered ${linesOf(placed)}; in the cart: ${linesOf(await cart())}`
    },
  },
  {
    says: 'Placing an order for everything together (announced there, here already).',
    keeps: async () => {
      const placed = await pay(me, await ok(me('POST', '/orders', { cartId: 'current' })))
      return `ordered ${linesOf(placed)}; in the cart: ${linesOf(await cart()) || 'nothing'}`
    },
  },
])
