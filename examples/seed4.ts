// A content system's carts and orders, promise by promise, against the demo shop `classic`. What its pages do with forms is shown by
// examples/forms, in a browser without JavaScript.
import { type Call, callsOf, DETAILS, fresh, linesOf, logIn, ok, ownerOf, pay, refused, same, walk } from './walk.ts'

const SHOP = 'classic'
const LINES = '/carts/current/lines'
const nobody = callsOf(SHOP)
const owner = ownerOf(SHOP)
const robin = fresh('robin')
const me: Call = await logIn(SHOP, robin)

/** An order of a customer's own, placed and paid. */
async function bought() {
  const shopper = await logIn(SHOP, fresh('buyer'))
  await ok(shopper('POST', LINES, { sku: 'MUG-STONE' }))
  await ok(shopper('PATCH', '/carts/current', DETAILS))
  return pay(shopper, await ok(shopper('POST', '/orders', { cartId: 'current' })))
}

await walk('A content system’s carts and orders (shop `classic`)', [
  {
    says: 'Asking for the cart makes one for the session if there is none, with its number; asking again costs nothing.',
    keeps: async () => {
      const { number, itemCount } = await ok(me('GET', '/carts/current'))
      return `${itemCount} items, number ${number}`
    },
  },
  {
    says: 'A purchasable is added; the quantity is 1 unless it is given.',
    keeps: async () => linesOf((await ok(me('POST', LINES, { sku: 'MUG-STONE' }))).cart),
  },
  {
    says: 'Several are added in one request.',
    keeps: async () => linesOf((await ok(me('POST', LINES, { lines: [{ sku: 'MUG-INK' }, { sku: 'MUG-MOSS', quantity: 2 }] }))).cart),
  },
  {
    says: 'With every change the cart is recalculated: items, costs, discounts.',
    keeps: async () => {
      await ok(me('POST', '/carts/current/codes', { code: 'WELCOME10' }))
      const { cart } = await ok(me('PATCH', '/carts/current', DETAILS))
      const { itemTotal, discountTotal, shippingTotal, additionalTaxTotal, total } = cart
      same(total.amount, itemTotal.amount + discountTotal.amount + shippingTotal.amount + additionalTaxTotal.amount)
      return `${itemTotal.amount} ${discountTotal.amount} + ${shippingTotal.amount} + ${additionalTaxTotal.amount} = ${total.amount}`
    },
  },
  {
    says: 'A line has a quantity, a note and options, and its options tell it from others, in adding and in updating alike.',
    keeps: async () => {
      const shopper = await logIn(SHOP, fresh('options'))
      for (const options of [{ size: 'L', gift: true }, { gift: true, size: 'L' }, { size: 'M' }])
        await ok(shopper('POST', LINES, { sku: 'MUG-STONE', options, note: 'wrap it' }))
      const before = await ok(shopper('GET', '/carts/current'))
      const { cart } = await ok(shopper('PATCH', `${LINES}/${before.lines[1].id}`, { options: { size: 'L', gift: true } }))
      return `${linesOf(before)}; after updating: ${linesOf(cart)}`
    },
  },
  {
    says: 'A shop may have carts of one line: a new item takes its place, of several the last.',
    keeps: async () => {
      await ok(owner('PATCH', '/settings', { lines: { max: 1, whenFull: 'replace' } }))
      const { cart } = await ok((await logIn(SHOP, fresh('lite')))('POST', LINES, { lines: [{ sku: 'MUG-STONE' }, { sku: 'MUG-INK' }] }))
      await ok(owner('PATCH', '/settings', { lines: { max: 500, whenFull: 'refuse' } }))
      return linesOf(cart)
    },
  },
  {
    says: 'Forms add, update and remove without JavaScript, with a flash message and a redirect on success only.',
    keeps: async () => {
      const { cart, csrf } = await ok(nobody('GET', '/forms/cart'))
      return `GET /forms/cart: ${cart.lines.length} lines, and a token for the form of ${String(csrf).length} characters`
    },
  },
  {
    says: 'Carts are listed: active ones, and inactive ones that are likely abandoned.',
    keeps: async () => {
      const { id } = await ok(me('GET', '/carts/current'))
      const active = (await ok(owner('GET', '/carts?view=active'))).items.some((cart: { id: string }) => cart.id === id)
      const inactive = (await ok(owner('GET', '/carts?view=inactive'))).items.some((cart: { id: string }) => cart.id === id)
      return same({ active, inactive }, { active: true, inactive: false })
    },
  },
  {
    says: 'Abandoned carts are purged after 90 days, which the shop may change.',
    keeps: async () => {
      const { retention } = await ok(owner('GET', '/settings'))
      const { updatedAt, expiresAt } = await ok(me('GET', '/carts/current'))
      return `${retention.account}: ${(Date.parse(expiresAt) - Date.parse(updatedAt)) / 86_400_000} days after the last write`
    },
  },
  {
    says: 'A cart is loaded into the session by its number, if it is one’s own; who is not logged in cannot load a user’s cart.',
    keeps: async () => {
      const { id, number } = await ok(me('GET', '/carts/current'))
      await ok(me('POST', '/carts/current/forget'))
      const between = await ok(me('GET', '/carts/current'))
      const stranger = await refused((await logIn(SHOP, fresh('stranger')))('POST', '/carts/load', { number }), 'cart_not_found')
      await ok(me('POST', '/carts/load', { number }))
      same((await ok(me('GET', '/carts/current'))).id, id)
      return `forgotten (${between.itemCount} items), loaded again; a stranger: ${stranger}`
    },
  },
  {
    says: 'A link in an e-mail brings an abandoned cart back.',
    keeps: async () => {
      const { cart, token } = await ok(nobody('POST', LINES, { sku: 'MUG-STONE' }))
      const link = await ok(callsOf(SHOP, token)('POST', '/carts/current/restore-links'))
      const page = await fetch(link.url)
      if (page.status !== 200) throw new Error(`the page answered ${page.status}`)
      const restored = await ok(nobody('POST', '/carts/restore', { token: link.token }))
      return `${same(restored.cart.id, cart.id)} on another device; the link itself only shows a button`
    },
  },
  {
    says: 'The contents of a previous cart are brought back.',
    keeps: async () => {
      const { id } = await ok(me('GET', '/carts/current'))
      await ok(me('POST', '/carts/current/forget'))
      const { cart } = await ok(me('POST', `${LINES}/copy`, { from: id }))
      await ok(me('POST', `/carts/${id}/select`))
      return linesOf(cart)
    },
  },
  {
    says: 'Completing a cart makes it an order: it keeps its number, has a short one, gets a reference, and the customer cannot edit it any more.',
    keeps: async () => {
      const { id, number } = await ok(me('GET', '/carts/current'))
      const placed = await pay(me, await ok(me('POST', '/orders', { cartId: id })))
      same([placed.number, placed.shortNumber, placed.isCompleted], [number, number.slice(0, 7), true])
      return `${placed.reference}, ordered at ${placed.orderedAt}; ${await refused(me('POST', `/carts/${id}/lines`, { sku: 'MUG-STONE' }), 'cart_closed')}`
    },
  },
  {
    says: 'A reference by year with a sequence of its own, padded.',
    keeps: async () => {
      const { orders } = await ok(owner('GET', '/settings'))
      const year = "{{ orderedAt | date: '%Y' }}"
      await ok(owner('PATCH', '/settings', { orders: { referenceTemplate: `${year}-{{ orderedAt | date: '%Y' | seq: 6 }}` } }))
      const placed = await bought()
      await ok(owner('PATCH', '/settings', { orders: { referenceTemplate: orders.referenceTemplate } }))
      if (!/^\d{4}-\d{6}$/.test(placed.reference)) throw new Error(`the reference is ${placed.reference}`)
      return placed.reference
    },
  },
  {
    says: 'Statuses with e-mails, sent again by hand.',
    keeps: async () => {
      const { id } = await bought()
      const { status } = await ok(owner('POST', `/orders/${id}/status`, { status: 'shipped', message: 'by bicycle' }))
      const { items } = await ok(owner('GET', `/orders/${id}/history`))
      const preview = await ok(owner('POST', '/email-templates/preview', { kind: 'order_status', order: id }))
      const again = await owner('POST', `/orders/${id}/emails`, { kind: 'order_status', status })
      // A shop without a sender, or a server without a way to send, says so.
      const sent =
        again.status === 201 ? `sent again to ${again.body.recipient}` : await refused(Promise.resolve(again), 'email_unavailable')
      return `${status}, ${items[0].message}; "${preview.subject}"; ${sent}`
    },
  },
  {
    says: 'Staff create, edit and recalculate orders.',
    keeps: async () => {
      const { cart } = await ok(owner('POST', '/carts', { draft: true, lines: [{ sku: 'MUG-STONE' }] }))
      await ok(owner('PATCH', `/carts/${cart.id}`, DETAILS))
      const { order } = await ok(owner('POST', '/orders', { cartId: cart.id, withoutPayment: true }))
      const set = [{ lineId: order.lines[0].id, quantity: 3 }]
      const { order: edited, difference } = await ok(owner('PATCH', `/orders/${order.id}`, { lines: { set } }))
      const shown = await ok(owner('POST', `/orders/${order.id}/recalculation`, { mode: 'all' }))
      const kept = { recalculate: 'all', expectedTotal: shown.order.total.amount }
      const { order: recalculated } = await ok(owner('PATCH', `/orders/${order.id}`, kept))
      const totals = [order, edited, recalculated].map(({ total }) => total.amount).join(' → ')
      return `${order.state}, unpaid; ${linesOf(edited)}: ${difference.total.amount} more; ${totals}, revision ${recalculated.revision}`
    },
  },
  { says: 'Carts and orders in a control panel.', later: 'the control panel' },
])
