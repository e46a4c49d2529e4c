// Who watches carts. One loop per process, only while somebody watches: one SELECT every 250 ms says which of the watched carts changed, on
// whichever node, and the epochs of their shops; a cart whose price may be another one by now is priced again. Nothing is sent by the writers:
// notifications were measured to cost two thirds of the commits. A watcher hears of the newest state only, never of every step to it.
import { isRefusal, type Refusal, refuse } from '../core/refusal.ts'
import { ownerKey, readVersions, type WatchedCart } from '../store/carts.ts'
import type { Store } from '../store/store.ts'
import type { CartAddress, Carts, CartView } from './carts.ts'
import type { FactsCache } from './facts.ts'

const POLL_MS = 250
/** Limits of watchers: in this process, and of one owner (of one cart where nobody's cart in particular is meant). */
const WATCHERS_MAX = 10_000
const PER_OWNER_MAX = 20
/** So many carts are priced again at once, so that a change of all prices leaves room for others between. */
const READS_AT_ONCE = 50

/** What a watcher hears: the cart as it is now, or that it is not there (any more) for this address. */
export type Sight = CartView | 'gone'

/** A cart to watch; `type` counts for `current`. */
export type WatchAddress = CartAddress & { readonly type: string }

/** Watching carts. */
export interface Watching {
  /**
   * Begins to watch: `see` is called with the cart as it is, before this answers, and with every later state.
   * @returns what ends it; or a refusal when the cart cannot be read, or too many watch already (`overloaded`, `rate_limited`)
   */
  watch(address: WatchAddress, see: (sight: Sight) => void): Promise<(() => void) | Refusal>
  /** How many watch. */
  watchers(): number
  /** Nobody hears anything any more; what is under way is done. */
  stop(): Promise<void>
}

type Watcher = (sight: Sight) => void

/** A cart that is watched, by however many. */
interface Watched extends WatchedCart {
  readonly address: WatchAddress
  version: number
  id: string
  view: CartView | null
  readonly watchers: Set<Watcher>
  /** Looks at one cart happen one after the other, so that an older state never comes after a newer one. */
  looking: Promise<unknown>
}

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
  const watched = new Map<string, Watched>()
  const perOwner = new Map<string, number>()
  let count = 0
  let timer: NodeJS.Timeout | null = null
  let polling: Promise<void> = Promise.resolve()
  let stopped = false
  let isFailing = false

  async function watch(address: WatchAddress, see: Watcher): Promise<(() => void) | Refusal> {
    // Who holds a link to a cart has places of its own: those of the cart's owner stay the owner's.
    const holder = [address.shopId, address.owner ? ownerKey(address.owner) : address.cart, address.limitedTo?.secretId ?? ''].join(' ')
    const held = perOwner.get(holder) ?? 0
    if (stopped || count >= WATCHERS_MAX) return refuse('overloaded', { retryAfter: 5 })
    if (held >= PER_OWNER_MAX) return refuse('rate_limited', { what: 'streams', max: PER_OWNER_MAX, retryAfter: 5 })
    const key = keyOf(address)
    const cart = watched.get(key) ?? unseen(address)
    // A function of its own for each watcher: the set counts the same one once.
    const watcher: Watcher = (sight) => see(sight)
    count++
    perOwner.set(holder, held + 1)
    watched.set(key, cart)
    cart.watchers.add(watcher)
    const stopWatching = () => {
      if (!cart.watchers.delete(watcher)) return
      if (cart.watchers.size === 0) watched.delete(key)
      release(holder)
    }
    const refused = await look(cart, watcher).catch((error: unknown) => {
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
   * Reads a cart, after every look that began before, and tells its watchers when it is another than they know; a newcomer in any case.
   * @returns why there is nothing to see (everybody but the newcomer was told), or null
   */
  function look(cart: Watched, newcomer: Watcher | null): Promise<Refusal | null> {
    const looked = cart.looking.then(() => carts.view(cart.address)).then((view) => noticed(cart, view, newcomer))
    cart.looking = looked.catch(() => undefined)
    return looked
  }

  function noticed(cart: Watched, view: CartView | Refusal, newcomer: Watcher | null): Refusal | null {
    const before = cart.view
    if (isRefusal(view)) {
      for (const see of [...cart.watchers]) if (see !== newcomer) see('gone')
      return view
    }
    cart.view = view
    cart.version = view.version
    cart.id = view.version === 0 ? '' : view.id
    // A cart that does not exist yet is made up anew by each look: nothing of it has changed.
    const isSame = before !== null && (before.text === view.text || (before.version === 0 && view.version === 0))
    for (const see of [...cart.watchers]) if (!isSame || see === newcomer) see(view)
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
  async function repriced(shopId: string, epoch: number, known: readonly Watched[]): Promise<Watched[]> {
    const shop = await facts.shop(shopId, epoch)
    if (!shop) return []
    const seen = known.flatMap((cart) => (cart.view && cart.version > 0 ? [{ cart, grounds: cart.view.grounds }] : []))
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

  return { watch, watchers: () => count, stop }
}

function unseen(address: WatchAddress): Watched {
  const { shopId, cart, owner, type } = address
  const by = cart === 'current' ? { owner: owner ? ownerKey(owner) : '', type } : { id: cart }
  return { address, shopId, by, version: 0, id: '', view: null, watchers: new Set(), looking: Promise.resolve() }
}

/** Watchers of the same address share what is read for them. */
function keyOf({ shopId, cart, type, owner, all, limitedTo, groups }: WatchAddress): string {
  return JSON.stringify([shopId, cart, type, owner ? ownerKey(owner) : null, all, limitedTo?.secretId ?? null, groups ?? null])
}
