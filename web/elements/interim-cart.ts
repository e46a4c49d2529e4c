// A cart without optimism: one request after another, the guest's secret on the device. It stands in for the client's own until that is here.
import type { CartOptions, CartStore, CartView, MergeReport, PlacedOrder } from '../../src/client/cart.ts'
import { createClient } from '../../src/client/client.ts'
import { CartwrightError } from '../../src/client/problem.ts'
import type { PricedCart } from '../../src/core/pricing.ts'

const CURRENT = { cart: 'current' } as const

/** Holds a shop's cart. */
export function createCart({ shop, baseUrl, storage = localStorage, language, fetch }: CartOptions): CartStore {
  const key = `cartwright:${shop}`
  const listeners = new Set<(view: CartView) => void>()
  let account: string | null = null
  let view: CartView = { cart: null, isEstimated: false, pending: 0, status: 'loading', refused: [], report: null }
  let last: Promise<unknown> = Promise.resolve()
  const client = createClient({
    baseUrl,
    shop,
    token: () => account ?? storage.getItem(key),
    ...(language === undefined ? {} : { language }),
    ...(fetch === undefined ? {} : { fetch }),
  })

  function show(changes: Partial<CartView>): void {
    view = { ...view, ...changes }
    for (const listener of listeners) listener(view)
  }

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    show({ pending: view.pending + 1 })
    const done = last.then(work).then(
      (result) => {
        show({ pending: view.pending - 1, status: 'ready' })
        return result
      },
      (error: unknown) => {
        const isAway = error instanceof CartwrightError && error.code === 'unreachable'
        show({ pending: view.pending - 1, status: isAway ? 'offline' : 'ready' })
        throw error
      },
    )
    last = done.catch(() => undefined)
    return done
  }

  function isGone(error: unknown): boolean {
    return (
      account === null && error instanceof CartwrightError && ['invalid_token', 'cart_not_found', 'login_required'].includes(error.code)
    )
  }

  type Answer = { readonly cart: unknown; readonly token?: string; readonly report?: unknown }

  function change(send: () => Promise<Answer>): Promise<PricedCart> {
    return inTurn(async () => {
      const answer = await send().catch((error: unknown) => {
        if (!isGone(error)) throw error
        storage.removeItem(key)
        return send()
      })
      if (answer.token) storage.setItem(key, answer.token)
      const cart = answer.cart as PricedCart
      show({ cart })
      return cart
    })
  }

  async function read(): Promise<PricedCart | null> {
    if (account === null && storage.getItem(key) === null) return null
    try {
      return (await client.call('GET /v1/shops/{shop}/carts/{cart}', { params: CURRENT })) as unknown as PricedCart
    } catch (error) {
      if (!isGone(error)) throw error
      storage.removeItem(key)
      return null
    }
  }

  const refresh = () =>
    inTurn(async () => {
      const cart = await read()
      show({ cart })
      return cart
    })
  let first: Promise<PricedCart | null> | null = null
  const retry = () => void refresh().catch(() => undefined)
  addEventListener('online', retry)

  const store: CartStore = {
    client,
    get: () => view,
    subscribe(listener) {
      listeners.add(listener)
      store.ready().catch(() => undefined)
      return () => listeners.delete(listener)
    },
    ready() {
      first ??= refresh().catch((error: unknown) => {
        first = null
        throw error
      })
      return first
    },
    add: (item) =>
      change(() =>
        client.call('POST /v1/shops/{shop}/carts/{cart}/lines', {
          params: CURRENT,
          body: Array.isArray(item) ? { lines: [...item] } : (item as { sku: string }),
        }),
      ),
    setQuantity: (line, quantity) =>
      change(() => client.call('PATCH /v1/shops/{shop}/carts/{cart}/lines/{line}', { params: { ...CURRENT, line }, body: { quantity } })),
    remove: (line) => change(() => client.call('DELETE /v1/shops/{shop}/carts/{cart}/lines/{line}', { params: { ...CURRENT, line } })),
    clear: () => change(() => client.call('DELETE /v1/shops/{shop}/carts/{cart}/lines', { params: CURRENT })),
    applyCode: (code) => change(() => client.call('POST /v1/shops/{shop}/carts/{cart}/codes', { params: CURRENT, body: { code } })),
    removeCode: (code) => change(() => client.call('DELETE /v1/shops/{shop}/carts/{cart}/codes/{code}', { params: { ...CURRENT, code } })),
    change: (body) => change(() => client.call('PATCH /v1/shops/{shop}/carts/{cart}', { params: CURRENT, body })),
    acknowledge: (ids) =>
      change(() =>
        client.call('POST /v1/shops/{shop}/carts/{cart}/notices/acknowledge', {
          params: CURRENT,
          body: { ids: ids === 'all' ? ids : [...ids] },
        }),
      ),
    order: ({ lineIds, expectedTotal, payment } = {}) =>
      inTurn(async () => {
        const placed: PlacedOrder = await client.call('POST /v1/shops/{shop}/orders', {
          body: {
            cartId: view.cart?.id ?? '',
            ...(lineIds === undefined ? {} : { lines: [...lineIds] }),
            ...(expectedTotal === undefined ? {} : { expectedTotal }),
            ...(payment === undefined ? {} : { payment: { ...payment } }),
          },
        })
        show({ cart: await read() })
        return placed
      }),
    async login(token, { mode } = {}) {
      const guest = storage.getItem(key)
      const body = guest === null ? null : { guestToken: guest, ...(mode === undefined ? {} : { mode }) }
      account = token
      if (body === null) return refresh().then(() => null)
      let report: MergeReport | null = null
      await change(async () => {
        const answer = await client.call('POST /v1/shops/{shop}/carts/{cart}/merge', { params: CURRENT, body: body as never })
        report = answer.report ?? null
        return answer
      })
      storage.removeItem(key)
      show({ report })
      return report
    },
    logout() {
      account = null
      storage.removeItem(key)
      show({ cart: null, report: null })
    },
    dismiss: (id) => show({ refused: view.refused.filter((each) => each.id !== id) }),
    close() {
      removeEventListener('online', retry)
      listeners.clear()
    },
  }
  return store
}
