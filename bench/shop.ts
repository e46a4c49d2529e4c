// The shop that is measured, made over the API like anybody's: 500 products of one sku each that are not counted, flat shipping, and a sales
// tax. Carts are guests' carts: every request proves its token, as it does in life.
import { type Connection, call } from './load.ts'
import { ADMIN } from './server.ts'

/** Where the shop is. */
export const SHOP = '/v1/shops/bench'
/** How many skus there are: as many as a cart may have lines. */
export const SKUS = 500

/** The sku with this number, from 0. */
export const sku = (index: number): string => `BENCH-${index % SKUS}`

interface CartBody {
  readonly id: string
  readonly version: number
  readonly lines: readonly { readonly id: string; readonly quantity: number }[]
}

/** A guest's cart as the load knows it. */
export interface GuestCart {
  readonly id: string
  readonly token: string
  readonly lineIds: readonly string[]
}

/** A product as it is written; `amount` is its price in cents. */
export function product(index: number, amount: number) {
  return {
    handle: `bench-${index}`,
    name: `Bench product ${index}`,
    description: 'Made by the benchmark.',
    tags: [],
    kind: 'goods',
    published: true,
    images: [],
    taxCategory: 'standard',
    variants: [
      {
        sku: sku(index),
        name: '',
        options: {},
        prices: [{ currency: 'USD', amount }],
        stockPolicy: 'untracked',
        requiresShipping: true,
        taxable: true,
        grams: 250,
      },
    ],
  }
}

/** Makes the shop with its products. */
export async function makeShop(connection: Connection): Promise<void> {
  await call(connection, 'POST', '/v1/shops', ADMIN, { id: 'bench', name: 'Bench', currency: 'USD' })
  await call(connection, 'PATCH', `${SHOP}/settings`, ADMIN, {
    shipping: { methods: [{ id: 'standard', name: 'Standard', rates: [{ currency: 'USD', amount: 495 }] }] },
    tax: { rates: [{ name: 'Sales tax', category: 'standard', country: 'US', percent: '8.875', included: false }], defaultCountry: 'US' },
  })
  for (let from = 0; from < SKUS; from += 250) {
    const products = Array.from({ length: 250 }, (_, index) => product(from + index, 1000 + from + index))
    await call(connection, 'POST', `${SHOP}/products/import`, ADMIN, { products })
  }
}

/** Makes a guest with a cart of so many lines, one piece each. */
export async function makeCart(connection: Connection, lines: number): Promise<GuestCart> {
  const wanted = Array.from({ length: lines }, (_, index) => ({ sku: sku(index), quantity: 1 }))
  const made = await call<{ cart: CartBody; token: string }>(connection, 'POST', `${SHOP}/carts`, undefined, {
    ...(lines === 0 ? {} : { lines: wanted.slice(0, 200) }),
  })
  let { cart } = made
  for (let from = 200; from < lines; from += 200) {
    const added = await call<{ cart: CartBody }>(connection, 'POST', `${SHOP}/carts/${cart.id}/lines`, made.token, {
      lines: wanted.slice(from, from + 200),
    })
    cart = added.cart
  }
  return { id: cart.id, token: made.token, lineIds: cart.lines.map((line) => line.id) }
}

/** The sum of quantities in a guest's cart: what the server must have kept of what it acknowledged. */
export async function piecesIn(connection: Connection, cart: GuestCart): Promise<number> {
  const { lines } = await call<CartBody>(connection, 'GET', `${SHOP}/carts/${cart.id}`, cart.token)
  return lines.reduce((total, line) => total + line.quantity, 0)
}
