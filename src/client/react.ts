// React hooks over a cart store: `cartwright/react`. They hold no state of the cart themselves, so every component shows the same one.
import { useCallback, useState, useSyncExternalStore } from 'react'
import type { CartStore, CartView, PlacedOrder } from './cart.ts'
import type { Money } from './operations.ts'
import { CartwrightError } from './problem.ts'

/** What a page shows of the cart, and the store whose functions change it. */
export interface CartHook extends CartView {
  readonly store: CartStore
}

/** One line of the cart. */
export interface LineHook {
  /** Null where the cart has no such line, or none any more. */
  readonly line: LineOfCart | null
  /** @throws CartwrightError where it was refused; the line is then as it was. */
  setQuantity(quantity: number): Promise<void>
  /** @throws CartwrightError where it was refused; the line is then as it was. */
  remove(): Promise<void>
}

/** A line as a cart view has it. */
export type LineOfCart = NonNullable<CartView['cart']>['lines'][number]

/** Ordering: what is going on, and what stood in the way. */
export interface CheckoutHook {
  readonly status: 'idle' | 'ordering' | 'ordered' | 'refused'
  /** Set once it is ordered: where the shopper pays stands in `payment.url`. */
  readonly placed: PlacedOrder | null
  readonly error: CartwrightError | null
  /** The price that is asked for now, where it changed since the shopper saw it: show it, and order again with it as `expectedTotal`. */
  readonly changedTotal: Money | null
  /** Orders everything, or the lines that are named. Answers null where it was refused; a second call while one is under way answers null too. */
  order(input?: Parameters<CartStore['order']>[0]): Promise<PlacedOrder | null>
}

/** The cart of a store, kept up to date. On a server, and in a browser until the page has come to life, it is empty and `loading`. */
export function useCart(store: CartStore): CartHook {
  const view = useView(store)
  return { ...view, store }
}

/** One line of the cart by its id. */
export function useLine(store: CartStore, lineId: string): LineHook {
  const { cart } = useView(store)
  // A line that was shown before the server made it is called something else then.
  const id = store.nameOf(lineId)
  const setQuantity = useCallback((quantity: number) => told(store.setQuantity(lineId, quantity)), [store, lineId])
  const remove = useCallback(() => told(store.remove(lineId)), [store, lineId])
  return { line: cart?.lines.find((line) => line.id === id) ?? null, setQuantity, remove }
}

/** Ordering of the cart's lines. */
export function useCheckout(store: CartStore): CheckoutHook {
  const [state, setState] = useState<Omit<CheckoutHook, 'order' | 'changedTotal'>>(IDLE)
  const order = useCallback(
    async (input?: Parameters<CartStore['order']>[0]) => {
      if (ordering.has(store)) return null
      ordering.add(store)
      setState({ ...IDLE, status: 'ordering' })
      try {
        const placed = await store.order(input)
        setState({ ...IDLE, status: 'ordered', placed })
        return placed
      } catch (error) {
        const isRefused = error instanceof CartwrightError
        setState(isRefused ? { ...IDLE, status: 'refused', error } : IDLE)
        if (!isRefused) throw error
        return null
      } finally {
        ordering.delete(store)
      }
    },
    [store],
  )
  const problem = state.error?.problem
  return { ...state, changedTotal: problem?.code === 'price_changed' ? problem.current : null, order }
}

/** A promise of a change that a button may leave alone: what was refused stands in the view, too. */
function told(change: Promise<unknown>): Promise<void> {
  const done = change.then(() => {})
  done.catch(() => {})
  return done
}

const IDLE = { status: 'idle', placed: null, error: null } as const

/** Stores whose cart is being ordered: a second click orders nothing, whichever component it came from. */
const ordering = new WeakSet<CartStore>()

/** What a server shows, and a browser at first, whatever its store knows by then: what is there must be what came. */
const ON_SERVER: CartView = { cart: null, isEstimated: false, pending: 0, status: 'loading', refused: [], report: null }
const readOnServer = () => ON_SERVER

function useView(store: CartStore): CartView {
  const subscribe = useCallback((listener: () => void) => store.subscribe(listener), [store])
  const read = useCallback(() => store.get(), [store])
  return useSyncExternalStore(subscribe, read, readOnServer)
}
