// Which page an address shows. Every page is under its shop, so that a link says which shop it means.

/** A page with what its address says. */
export type Route =
  | { readonly page: 'products'; readonly shop?: string }
  | { readonly page: 'product'; readonly shop: string; readonly handle: string }
  | { readonly page: 'cart'; readonly shop: string }
  | { readonly page: 'checkout'; readonly shop: string; readonly lines: readonly string[] }
  | { readonly page: 'orders' | 'subscriptions'; readonly shop: string }
  | { readonly page: 'order'; readonly shop: string; readonly order: string; readonly result: string | null }
  | { readonly page: 'restore'; readonly shop: string; readonly token: string }
  | { readonly page: 'unknown'; readonly shop?: string }

const PAGES = /^\/shop\/(?<shop>[a-z0-9-]+)(?:\/(?<page>products|cart|checkout|orders|subscriptions|paid|restore)(?:\/(?<id>[^/]+))?)?\/?$/

/** The page of an address of this store. */
export function routeOf(address: URL): Route {
  if (address.pathname === '/') return { page: 'products' }
  const { shop, page, id } = PAGES.exec(address.pathname)?.groups ?? {}
  if (!shop) return { page: 'unknown' }
  const query = address.searchParams
  if (page === undefined || (page === 'products' && !id)) return { page: 'products', shop }
  if (page === 'products' && id) return { page: 'product', shop, handle: decodeURIComponent(id) }
  if (page === 'cart' || page === 'subscriptions') return { page, shop }
  if (page === 'checkout') return { page, shop, lines: query.getAll('line') }
  if (page === 'restore') return { page, shop, token: address.hash.slice(1) }
  // The payment page comes back with the order in the query.
  const order = page === 'paid' ? query.get('order') : id
  if (order) return { page: 'order', shop, order, result: query.get('result') }
  return page === 'orders' ? { page, shop } : { page: 'unknown', shop }
}
