// A cart for this store that asks the server for everything, one request after another.
import type { CartItem, CartOptions, CartStore, CartView } from '../../src/client/cart.ts'
import { createClient } from '../../src/client/client.ts'
import { CartwrightError } from '../../src/client/problem.ts'
import type { PricedCart } from '../../src/core/pricing.ts'

const CART = { params: { cart: 'current' } } as const

/** One guest cart per shop and device, or the account's. */
export function createCart({ shop, baseUrl, language, storage = localStorage }: CartOptions): CartStore {
  const key = `cartwright:${shop}`
  let account: string | null = null
  let view: CartView = { cart: null, isEstimated: false, pending: 0, status: 'loading', refused: [], report: null }
  let last: Promise<unknown> = Promise.resolve()
  const listeners = new Set<(view: CartView) => void>()
  const token = () => account ?? storage.getItem(key)
  const client = createClient({ baseUrl, shop, token, ...(language ? { language } : {}) })
  const show = (change: Partial<CartView>) => {
    view = { ...view, ...change }
    for (const listener of listeners) listener(view)
  }
  const took = <Answer extends { readonly cart: unknown; readonly token?: string | undefined }>(answer: Answer): PricedCart => {
    if (answer.token) storage.setItem(key, answer.token)
    const cart = answer.cart as PricedCart
    show({ cart, status: 'ready' })
    return cart
  }
  /** One after another. A guest's cart that is gone is forgotten, and what met that is done again on a new one. */
  function queued<Result>(work: () => Promise<Result>): Promise<Result> {
    show({ pending: view.pending + 1 })
    const result = last.then(async () => {
      try {
        return await work()
      } catch (error) {
        if (!(error instanceof CartwrightError)) throw error
        if (error.code === 'unreachable') show({ status: 'offline' })
        const isGone = error.code === 'invalid_token' || error.code === 'cart_not_found'
        if (!isGone || account || !storage.getItem(key)) throw error
        storage.removeItem(key)
        show({ cart: null })
        return await work()
      } finally {
        show({ pending: view.pending - 1 })
      }
    })
    last = result.catch(() => undefined)
    return result
  }
  const read = () =>
    queued(async () => {
      if (!token()) {
        show({ cart: null, status: 'ready' })
        return null
      }
      return took({ cart: await client.call('GET /v1/shops/{shop}/carts/{cart}', CART) })
    })
  const loaded = read().catch(() => null)
  return {
    client,
    get: () => view,
    subscribe(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    ready: () => loaded.then(() => view.cart),
    add: (item) =>
      queued(async () => {
        const body = Array.isArray(item) ? { lines: item as CartItem[], atomic: true } : (item as CartItem)
        return took(await client.call('POST /v1/shops/{shop}/carts/{cart}/lines', { ...CART, body }))
      }),
    setQuantity: (line, quantity) =>
      queued(async () =>
        took(
          await client.call('PATCH /v1/shops/{shop}/carts/{cart}/lines/{line}', { params: { cart: 'current', line }, body: { quantity } }),
        ),
      ),
    remove: (line) =>
      queued(async () =>
        took(await client.call('DELETE /v1/shops/{shop}/carts/{cart}/lines/{line}', { params: { cart: 'current', line } })),
      ),
    clear: () => queued(async () => took(await client.call('DELETE /v1/shops/{shop}/carts/{cart}/lines', CART))),
    applyCode: (code) =>
      queued(async () => took(await client.call('POST /v1/shops/{shop}/carts/{cart}/codes', { ...CART, body: { code } }))),
    removeCode: (code) =>
      queued(async () =>
        took(await client.call('DELETE /v1/shops/{shop}/carts/{cart}/codes/{code}', { params: { cart: 'current', code } })),
      ),
    change: (body) => queued(async () => took(await client.call('PATCH /v1/shops/{shop}/carts/{cart}', { ...CART, body }))),
    acknowledge: (ids) =>
      queued(async () =>
        took(
          await client.call('POST /v1/shops/{shop}/carts/{cart}/notices/acknowledge', {
            ...CART,
            body: { ids: ids === 'all' ? ids : [...ids] },
          }),
        ),
      ),
    async order({ lineIds, expectedTotal, payment } = {}) {
      const placed = await queued(() =>
        client.call('POST /v1/shops/{shop}/orders', {
          body: {
            cartId: 'current',
            ...(lineIds ? { lines: [...lineIds] } : {}),
            ...(expectedTotal === undefined ? {} : { expectedTotal }),
            ...(payment ? { payment } : {}),
          },
        }),
      ).finally(() => read().catch(() => null))
      return placed
    },
    refresh: read,
    restore: (restoreToken) =>
      queued(async () => took(await client.call('POST /v1/shops/{shop}/carts/restore', { body: { token: restoreToken } }))),
    async login(newToken, { mode } = {}) {
      const guest = storage.getItem(key)
      const cart = view.cart
      account = newToken
      if (!guest || !cart) {
        await read()
        return null
      }
      const answer = await queued(() =>
        client.call('POST /v1/shops/{shop}/carts/{cart}/merge', {
          ...CART,
          body: { carts: [{ id: cart.id, token: guest }], ...(mode ? { mode } : {}) },
        }),
      )
      storage.removeItem(key)
      took(answer)
      const report = answer.report ?? null
      show({ report })
      return report
    },
    logout() {
      account = null
      show({ cart: null, report: null })
      void read().catch(() => null)
    },
    dismiss: (id) => show({ refused: view.refused.filter((each) => each.id !== id) }),
    close: () => listeners.clear(),
  }
}
