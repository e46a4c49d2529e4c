// What a page is called in the browser's tabs and history, and read out first.
import type { App } from './app.ts'

const SHOP = 'Fern & Kettle'

/** The title of the page that is open. */
export function titleOf({ route, words, catalogue }: App): string {
  const named = (name: string | undefined) => (name ? `${name} · ${SHOP}` : SHOP)
  switch (route.page) {
    case 'products':
      return SHOP
    case 'product':
      return named(catalogue.state === 'ready' ? catalogue.value.find(({ handle }) => handle === route.handle)?.name : undefined)
    case 'cart':
      return named(words.yourCart)
    case 'checkout':
      return named(words.checkout)
    case 'orders':
      return named(words.yourOrders)
    case 'subscriptions':
      return named(words.yourSubscriptions)
    case 'order':
      return named(words.order)
    case 'restore':
      return named(words.restoreTitle)
    case 'unknown':
      return named(words.notFound)
  }
}
