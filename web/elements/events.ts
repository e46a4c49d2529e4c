// What the elements tell their page: events that bubble up to `document`, each with a detail of its own type. Those that a page may answer by
// `preventDefault()` say so.
import type { CartItem } from '../../src/client/cart.ts'
import type { MergeReport } from '../../src/client/joining.ts'
import type { CartwrightError } from '../../src/client/problem.ts'
import type { PricedCart } from '../../src/core/pricing.ts'

/** The details, by the names of the events. */
export interface ElementEvents {
  /** The server has it in the cart. */
  readonly 'cartwright:added': { readonly item: CartItem; readonly cart: PricedCart }
  /** A change that was shown already was taken back. */
  readonly 'cartwright:refused': { readonly error: CartwrightError }
  /** A guest's cart came along into the account's. */
  readonly 'cartwright:merged': { readonly report: MergeReport }
  /** An order was made, and is not paid yet where there is a `paymentUrl`. Prevented: the elements do not go there, the page does. */
  readonly 'cartwright:ordered': { readonly id: string; readonly token: string; readonly paymentUrl: string | null }
  /** What the shopper wants needs an account. Prevented: the page asks to sign in, and the elements say nothing. */
  readonly 'cartwright:login': { readonly error: CartwrightError }
}

declare global {
  interface GlobalEventHandlersEventMap {
    'cartwright:added': CustomEvent<ElementEvents['cartwright:added']>
    'cartwright:refused': CustomEvent<ElementEvents['cartwright:refused']>
    'cartwright:merged': CustomEvent<ElementEvents['cartwright:merged']>
    'cartwright:ordered': CustomEvent<ElementEvents['cartwright:ordered']>
    'cartwright:login': CustomEvent<ElementEvents['cartwright:login']>
  }
}

/** Tells the page; false where the page prevented what would come next. */
export function tell<Name extends keyof ElementEvents>(from: EventTarget, name: Name, detail: ElementEvents[Name]): boolean {
  return from.dispatchEvent(new CustomEvent(name, { bubbles: true, composed: true, cancelable: true, detail }))
}
