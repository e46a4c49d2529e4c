// Who watches carts and orders. One loop per process, only while somebody watches: one SELECT every 250 ms says which of what is watched changed,
// on whichever node, and the epochs of the shops of carts; a cart whose price may be another one by now is priced again. Nothing is sent by the
// writers: notifications were measured to cost two thirds of the commits. A watcher hears of the newest state only, never of every step to it.
import { isRefusal, type Refusal, refuse } from '../core/refusal.ts'
import { orderStamp, ownerKey, readVersions, type WatchedRow } from '../store/carts.ts'
import { readOrder } from '../store/orders.ts'
import type { Store } from '../store/store.ts'
import type { CartAddress, Carts, CartView } from './carts.ts'
import type { FactsCache } from './facts.ts'
import { mayKnow, type OrderCaller, serveOrders } from './orders.ts'

const POLL_MS = 250
/** Limits of watchers: in this process, and of one owner (of one cart or order where nobody in particular is meant). */
const WATCHERS_MAX = 10_000
const PER_OWNER_MAX = 20
/** So much is read again at once, so that a change of all prices leaves room for others between. */
const READS_AT_ONCE = 50

/** An order as it is served. */
export interface OrderView {
  readonly text: string
  readonly version: number
}

/** What a watcher hears: what it watches as it is now, or that it is not there (any more) for this address. */
export type Sight<View> = View | 'gone'

/** A cart to watch; `type` counts for `current`. */
export type WatchAddress = CartAddress & { readonly type: string }

/** An order to watch, and who asks. */
export interface OrderAddress {
  readonly shopId: string
  readonly orderId: string
  readonly caller: OrderCaller
}

/** Watching. Who watches has the same few places for carts and for orders. */
export interface Watching {
  /**
   * Begins to watch a cart: `see` is called with it as it is, before this answers, and with every later state.
   * @returns what ends it; or a refusal when it cannot be read, or too many watch already (`overloaded`, `rate_limited`)
   */
  watchCart(address: WatchAddress, see: (sight: Sight<CartView>) => void): Promise<(() => void) | Refusal>
  /** The same for an order; `order_not_found` also where it is another owner's. */
  watchOrder(address: OrderAddress, see: (sight: Sight<OrderView>) => void): Promise<(() => void) | Refusal>
  /** How many watch. */
  watchers(): number
  /** Nobody hears anything any more; what is under way is done. */
  stop(): Promise<void>
}

/** What one look shows: the view, and what the next changes are told from (see `WatchedRow`). */
interface Look<View> extends Pick<WatchedRow, 'version' | 'id'> {
  readonly view: View
}

/** What is to be watched. */
interface Target<View> extends Pick<WatchedRow, 'shopId' | 'by'> {
  /** Whose places it takes. */
  readonly holder: string
  /** Watchers of the same target share what is read for them. */
  readonly key: string
  read(): Promise<Look<View> | Refusal>
}

type Watcher<View> = (sight: Sight<View>) => void

/** What is watched, by however many. */
interface Watched<View> extends WatchedRow {
  readonly read: Target<View>['read']
  version: number
  id: string
  view: View | null
  readonly watchers: Set<Watcher<View>>
  /** Looks at one thing happen one after the other, so that an older state never comes after a newer one. */
  looking: Promise<unknown>
}

type AnyView = CartView | OrderView

/** Makes it. `onError` hears of the first of several failures in a row; watching goes on. */
export function createWatching({
  store,
  facts,
  carts,
  onError,
}: {
  store: Store
  facts: FactsCache
  carts: Carts
  onError: (error: unknown) => void
}): Watching {
  const watched = new Map<string, Watched<AnyView>>()
  const perOwner = new Map<string, number>()
  let count = 0
  let timer: NodeJS.Timeout | null = null
  let polling: Promise<void> = Promise.resolve()
  let stopped = false
  let isFailing = false

  function cartTarget(address: WatchAddress): Target<CartView> {
    const { shopId, cart, owner, type, all, limitedTo, groups } = address
    const holding = owner ? ownerKey(owner) : null
    return {
      shopId,
      by: cart === 'current' ? { owner: holding ?? '', type } : { id: cart },
      // Who holds a link to a cart has places of its own: those of the cart's owner stay the owner's.
      holder: [shopId, holding ?? cart, limitedTo?.secretId ?? ''].join(' '),
      key: JSON.stringify([shopId, cart, type, holding, all, limitedTo?.secretId ?? null, groups ?? null]),
      read: async () => {
        const view = await carts.view(address)
        return isRefusal(view) ? view : { view, version: view.version, id: view.version === 0 ? '' : view.id }
      },
    }
  }

  function orderTarget({ shopId, orderId, caller }: OrderAddress): Target<OrderView> {
    const holding = caller.owner ? ownerKey(caller.owner) : null
    const opened = caller.actor.kind === 'order' ? caller.actor.orderId : null
    return {
      shopId,
      by: { order: orderId },
      // The same for who holds an order's token.
      holder: [shopId, holding ?? orderId, opened ?? ''].join(' '),
      key: JSON.stringify(['order', shopId, orderId, holding, caller.all, opened]),
      read: async () => {
        const stamp = await orderStamp(store.reader, shopId, orderId)
        const row = await readOrder(store.reader, shopId, orderId)
        if (!row || !mayKnow(caller, row)) return refuse('order_not_found', {})
        const [order] = await serveOrders(store.reader, [row])
        return { view: { text: JSON.stringify(order), version: row.version }, version: stamp, id: orderId }
      },
    }
  }

  async function watch<View extends AnyView>(target: Target<View>, see: Watcher<View>): Promise<(() => void) | Refusal> {
    const { holder, key } = target
    const held = perOwner.get(holder) ?? 0
    if (stopped || count >= WATCHERS_MAX) return refuse('overloaded', { retryAfter: 5 })
    if (held >= PER_OWNER_MAX) return refuse('rate_limited', { what: 'streams', max: PER_OWNER_MAX, retryAfter: 5 })
    // The key says which kind it is: what is watched under it is of the same kind as the target.
    const seen = (watched.get(key) as Watched<View> | undefined) ?? unseen(target)
    // A function of its own for each watcher: the set counts the same one once.
    const watcher: Watcher<View> = (sight) => see(sight)
    count++
    perOwner.set(holder, held + 1)
    watched.set(key, seen as unknown as Watched<AnyView>)
    seen.watchers.add(watcher)
    const stopWatching = () => {
      if (!seen.watchers.delete(watcher)) return
      if (seen.watchers.size === 0) watched.delete(key)
      release(holder)
    }
    const refused = await look(seen, watcher).catch((error: unknown) => {
      stopWatching()
      throw error
    })
    if (refused) stopWatching()
    else schedule()
    return refused ?? stopWatching
  }

  function release(holder: string): void {
    count--
    const left = (perOwner.get(holder) ?? 1) - 1
    if (left > 0) perOwner.set(holder, left)
    else perOwner.delete(holder)
  }

  /**
   * Reads what is watched, after every look that began before, and tells its watchers when it is not what they know; a newcomer in any case.
   * @returns why there is nothing to see (everybody but the newcomer was told), or null
   */
  function look<View extends AnyView>(seen: Watched<View>, newcomer: Watcher<View> | null): Promise<Refusal | null> {
    const looked = seen.looking.then(() => seen.read()).then((shown) => noticed(seen, shown, newcomer))
    seen.looking = looked.catch(() => undefined)
    return looked
  }

  function noticed<View extends AnyView>(seen: Watched<View>, shown: Look<View> | Refusal, newcomer: Watcher<View> | null): Refusal | null {
    const before = seen.view
    if (isRefusal(shown)) {
      for (const see of [...seen.watchers]) if (see !== newcomer) see('gone')
      return shown
    }
    const { view } = shown
    Object.assign(seen, shown)
    // A cart that does not exist yet is made up anew by each look: nothing of it has changed.
    const isSame = before !== null && (before.text === view.text || (before.version === 0 && view.version === 0))
    for (const see of [...seen.watchers]) if (!isSame || see === newcomer) see(view)
    return null
  }

  // The loop --------------------------------------------------------------------------------------------------------------------------

  function schedule(): void {
    if (timer !== null || stopped || watched.size === 0) return
    timer = setTimeout(() => {
      polling = poll()
        .then(() => {
          isFailing = false
        }, failed)
        .finally(() => {
          timer = null
          schedule()
        })
    }, POLL_MS).unref()
  }

  function failed(error: unknown): void {
    if (!isFailing) onError(error)
    isFailing = true
  }

  async function poll(): Promise<void> {
    const known = [...watched.values()].filter((each) => each.view !== null)
    if (known.length === 0) return
    const { moved, epochs } = await readVersions(store.reader, known)
    const due = new Set(moved)
    const ofShop = Map.groupBy(known, (each) => each.shopId)
    for (const [shopId, epoch] of epochs) for (const each of await repriced(shopId, epoch, ofShop.get(shopId) ?? [])) due.add(each)
    const waiting = [...due]
    while (waiting.length > 0 && !stopped) {
      const looks = waiting.splice(0, READS_AT_ONCE).map((each) => look(each, null).catch(failed))
      await Promise.all(looks)
      // On SQLite nothing of this waits for anything, so requests would have to wait for all of it.
      await new Promise(setImmediate)
    }
  }

  /** The carts of a shop whose price may be another one by now. One that does not exist yet has none. */
  async function repriced(shopId: string, epoch: number, known: readonly Watched<AnyView>[]): Promise<Watched<AnyView>[]> {
    const shop = await facts.shop(shopId, epoch)
    if (!shop) return []
    const seen = known.flatMap((cart) =>
      cart.view && 'grounds' in cart.view && cart.version > 0 ? [{ cart, grounds: cart.view.grounds }] : [],
    )
    return (await carts.outdated(shop, seen)).map(({ cart }) => cart)
  }

  async function stop(): Promise<void> {
    stopped = true
    if (timer !== null) clearTimeout(timer)
    timer = null
    await polling
    for (const { watchers } of watched.values()) watchers.clear()
    watched.clear()
  }

  return {
    watchCart: (address, see) => watch(cartTarget(address), see),
    watchOrder: (address, see) => watch(orderTarget(address), see),
    watchers: () => count,
    stop,
  }
}

function unseen<View>({ shopId, by, read }: Target<View>): Watched<View> {
  return { shopId, by, read, version: 0, id: '', view: null, watchers: new Set(), looking: Promise.resolve() }
}
