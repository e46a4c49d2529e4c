// Which shop the elements of a page belong to, as its script says, and what all of them share: one cart, one answer per product, and the
// orders that were made on this device.
import { type CartOptions, type CartStore, type CartView, createCart } from '../../src/client/cart.ts'
import type { OutputOf } from '../../src/client/client.ts'
import type { MergeReport } from '../../src/client/joining.ts'
import { tell } from './events.ts'

/** A product as the catalogue shows it to shoppers. */
export type Product = OutputOf<'GET /v1/shops/{shop}/products/{product}'>

/** An order that was made on this device, with what lets its page be read. */
export interface KnownOrder {
  readonly id: string
  readonly token: string
}

interface Shop {
  readonly id: string
  readonly baseUrl: string
  /** The page's own place to sign in, or null. */
  readonly loginUrl: string | null
  readonly store: CartStore
  readonly products: Map<string, Promise<Product>>
}

const ORDERS_KEPT = 10
let known: Shop | null = null
let isWatched = false
/** Names of lines that were shown: a merge reports also what is in the cart no more. */
const names = new Map<string, string>()
/** Who shows products. */
const loading = new Set<() => void>()
/** Refusals and reports that the page was told, and reports that the shopper has read. */
const told = new WeakSet<object>()
const read = new WeakSet<MergeReport>()

/** The shop of this page. The first call reads the script's attributes, so that it may stand anywhere. */
export function shopOfPage(): Shop {
  known ??= readScript()
  return known
}

function readScript(): Shop {
  const address = new URL(import.meta.url)
  const scripts = [...document.querySelectorAll<HTMLScriptElement>('script[data-shop]')]
  const script = scripts.find(({ src }) => src === address.href) ?? scripts[0]
  const id = script?.dataset.shop ?? ''
  if (id === '')
    console.error('Cartwright: the script has no data-shop. Write <script type="module" src="…/elements.js" data-shop="your-shop">.')
  const baseUrl = new URL(script?.dataset.baseUrl ?? address.origin, document.baseURI).href.replace(/\/+$/, '')
  const language = document.documentElement.lang || navigator.language
  const loginUrl = script?.dataset.loginUrl ?? null
  return { id, baseUrl, loginUrl, store: openStore({ shop: id, baseUrl, language }), products: new Map() }
}

/** Prices that one customer may read are not another's: whoever it is then, products are asked for anew. */
function openStore(options: CartOptions): CartStore {
  const store = createCart(options)
  const then = <T>(step: Promise<T>) => step.finally(forgetProducts)
  return {
    ...store,
    login: (...given) => then(store.login(...given)),
    restore: (link) => then(store.restore(link)),
    logout: () => {
      store.logout()
      forgetProducts()
    },
  }
}

function forgetProducts(): void {
  known?.products.clear()
  for (const load of loading) load()
}

/** Calls `load` whenever products are to be asked for anew, until the function that it answers is called. */
export function onForgotten(load: () => void): () => void {
  loading.add(load)
  return () => loading.delete(load)
}

/** Whose cart it is; null where there is none. */
export function ownerOf({ cart }: CartView): string | null {
  return cart && JSON.stringify(cart.owner)
}

/** From the first element on, the page is told what happens to its cart, once, however many elements show it. */
export function watchPage(): void {
  if (isWatched) return
  isWatched = true
  shopOfPage().store.subscribe(tellPage)
}

function tellPage({ cart, refused, report }: CartView): void {
  for (const { id, name } of cart?.lines ?? []) names.set(id, name)
  for (const { error } of refused) {
    // What is added again with its price was not refused.
    if (told.has(error) || error.code === 'expected_price_required') continue
    told.add(error)
    tell(document, 'cartwright:refused', { error })
  }
  if (report === null || told.has(report)) return
  told.add(report)
  tell(document, 'cartwright:merged', { report })
}

/** What a line is called, as far as this page has seen it. */
export function nameOf(lineId: string): string | undefined {
  return names.get(lineId)
}

/** Whether the shopper has still to read it. */
export function isNews(report: MergeReport | null): report is MergeReport {
  return report !== null && !read.has(report)
}

/** The shopper has read it. */
export function isRead(report: MergeReport): void {
  read.add(report)
}

/** A product by one of its skus, its id or its handle; asked once per page. Throws CartwrightError. */
export function productOf(sku: string): Promise<Product> {
  const { store, products } = shopOfPage()
  const asked = products.get(sku)
  if (asked) return asked
  const product = store.client.call('GET /v1/shops/{shop}/products/{product}', { params: { product: sku } })
  products.set(sku, product)
  // What failed is asked again the next time.
  product.catch(() => products.get(sku) === product && products.delete(sku))
  return product
}

/** Where a payment leads back to: the page that is named, or this one as it is. */
export function returnTo(page: string | null): string {
  return (page === null ? addressOfPage() : new URL(page, document.baseURI)).href
}

/** This page without the order that it was opened for. */
export function addressOfPage(): URL {
  const address = new URL(location.href)
  for (const name of ['order', 'payment', 'result']) address.searchParams.delete(name)
  address.hash = ''
  return address
}

/** Where a picture is: addresses of the catalogue may be relative to the server. */
export function pictureAt(address: string): string {
  return new URL(address, `${shopOfPage().baseUrl}/`).href
}

/** Keeps an order on this device, so that the page a shopper comes back to after paying can show it. */
export function rememberOrder(order: KnownOrder): void {
  const orders = [order, ...knownOrders().filter(({ id }) => id !== order.id)].slice(0, ORDERS_KEPT)
  try {
    localStorage.setItem(ordersKey(), JSON.stringify(orders))
  } catch {
    // A device that keeps nothing: the order's own link still works.
  }
}

function knownOrders(): readonly KnownOrder[] {
  try {
    const kept: unknown = JSON.parse(localStorage.getItem(ordersKey()) ?? '[]')
    return Array.isArray(kept) ? (kept as KnownOrder[]) : []
  } catch {
    return []
  }
}

function ordersKey(): string {
  return `cartwright:${shopOfPage().id}:orders`
}

/**
 * The order that this page was opened for: `#order=…&token=…` as links have it, or `?order=…` as payment pages come back, where the order was
 * made on this device. The query is a hint only: how the order stands is asked of the server.
 */
export function orderOfAddress(): KnownOrder | null {
  const fragment = new URLSearchParams(location.hash.slice(1))
  const [id, token] = [fragment.get('order'), fragment.get('token')]
  if (id && token) return { id, token }
  const back = new URLSearchParams(location.search).get('order')
  return knownOrders().find((order) => order.id === back) ?? null
}
