// Guest carts become part of an account's cart when a shopper signs in. One transaction under the locks of all carts involved: the lines move,
// the guest carts close, their secrets die, and the guest's orders (also one that is being paid right now) follow to the account.
import { type Cart, closeCart, emptyCart, type Owner } from '../core/cart.ts'
import type { Event } from '../core/event.ts'
import { type MergedLine, mergeCarts } from '../core/merge.ts'
import { priceCart } from '../core/pricing.ts'
import { isRefusal, type Refusal, refuse } from '../core/refusal.ts'
import { revokeGuest } from '../store/access.ts'
import { type CartSave, type IntentRow, loadIntents, lockCarts, ownerKey, removeCarts, saveCarts } from '../store/carts.ts'
import { record } from '../store/idempotency.ts'
import { ordersOfCart, reassignOrders } from '../store/orders.ts'
import { publish } from '../store/outbox.ts'
import type { Store } from '../store/store.ts'
import { type Carts, parseIntent, saveOf, skusOf } from './carts.ts'
import type { FactsCache } from './facts.ts'
import { findRecorded, type IdempotencyClaim } from './once.ts'
import type { Clock, Randomness } from './ports.ts'

const ATTEMPTS = 10

/** A guest's cart; the guest was proved by its secret. */
export interface ProvedGuest {
  readonly cartId: string
  readonly guestId: string
}

/** Guest carts to merge. `prove` checks the guests' secrets: after the replay of a key, because a merge kills them. */
export interface MergeRequest {
  readonly shopId: string
  readonly account: Extract<Owner, { kind: 'account' }>
  /** Who merges, for the carts' histories. */
  readonly by: string
  readonly prove: () => Promise<readonly ProvedGuest[] | Refusal>
  /** The version the account's cart must have. */
  readonly ifMatch?: number | undefined
  readonly idempotency?: IdempotencyClaim | undefined
}

/** The account's cart after merging, as it is sent, with the report. */
export interface MergeAnswer {
  readonly text: string
  readonly report: readonly MergedLine[]
  readonly created: boolean
  readonly replayed: boolean
}

/** Makes the merging command. */
export function createMerging({
  store,
  facts: cache,
  clock,
  random,
  carts,
}: {
  store: Store
  facts: FactsCache
  clock: Clock
  random: Randomness
  carts: Carts
}) {
  return async function merge(request: MergeRequest): Promise<MergeAnswer | Refusal> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const replayed = await replay(request)
      if (replayed) return replayed
      const guests = await request.prove()
      if (isRefusal(guests)) return guests
      const done = await tryMerge(request, guests)
      if (done !== 'again') return done
    }
    return refuse('overloaded', { retryAfter: 1 })
  }

  /** What a merge with this key came to before: its report, with the account's cart as it is now. */
  async function replay({ shopId, account, idempotency: claim }: MergeRequest): Promise<MergeAnswer | Refusal | null> {
    const known = await findRecorded({ store, clock }, shopId, claim)
    if (known === null || isRefusal(known)) return known
    const { cartId, report, created } = JSON.parse(known.outcome) as { cartId: string; report: MergedLine[]; created: boolean }
    const current = await carts.read({ shopId, cart: cartId, owner: account, all: false })
    return isRefusal(current) ? current : { text: current.text, report, created, replayed: true }
  }

  async function tryMerge(
    { shopId, account, by, ifMatch, idempotency: claim }: MergeRequest,
    guests: readonly ProvedGuest[],
  ): Promise<MergeAnswer | Refusal | 'again'> {
    const loaded = await loadIntents(
      store.reader,
      shopId,
      guests.map((guest) => guest.cartId),
      [ownerKey(account)],
    )
    const shop = loaded && (await cache.shop(shopId, loaded.epoch))
    if (!loaded || !shop) return refuse('shop_not_found', { shopId })
    const sources: IntentRow[] = []
    for (const { cartId, guestId } of guests) {
      const row = loaded.rows.find((each) => each.id === cartId && each.owner === `g:${guestId}`)
      if (!row) return refuse('cart_not_found', {})
      if (!sources.includes(row)) sources.push(row)
    }
    const type = sources[0]?.type ?? ''
    const target = loaded.rows.find((row) => row.owner === ownerKey(account) && row.type === type && row.state === 'OPEN') ?? null
    if (ifMatch !== undefined && ifMatch !== (target?.version ?? 0))
      return refuse('stale_version', { expected: ifMatch, current: target?.version ?? 0 })
    const now = clock.now()
    const base = target
      ? parseIntent(target)
      : emptyCart({ id: random.id('cart'), number: random.number(), shopId, type, owner: account, currency: shop.currency, now })
    const merging = [base, ...sources.map(parseIntent)]
    await cache.collect(
      shop,
      merging.flatMap(skusOf),
      merging.flatMap((cart) => cart.codes),
    )
    const facts = cache.forCart(shop, [...new Set(merging.flatMap((cart) => cart.codes))], merging.flatMap(skusOf), base.id)
    const merged = mergeCarts(base, merging.slice(1), facts)
    if (isRefusal(merged)) return merged

    const saves: { row: IntentRow | null; cart: Cart }[] = [{ row: target, cart: merged.cart }]
    for (const row of sources) {
      const closed = closeCart(parseIntent(row), 'merged', { mergedInto: base.id })
      if (isRefusal(closed)) return closed
      saves.push({ row, cart: closed.cart })
    }
    const prepared: CartSave[] = []
    for (const { row, cart } of saves) {
      const next = { ...cart, version: cart.version + 1, updatedAt: now }
      const pricing = priceCart(next, facts)
      if (isRefusal(pricing)) return pricing
      prepared.push(saveOf({ row, base: row && parseIntent(row), cart: next, done: [{ name: 'merge', by }] }, pricing, shop))
    }
    const done = await store
      .transact(async (writer) => {
        const rows = [target, ...sources].flatMap((row) => row ?? [])
        const versions = await lockCarts(writer, shopId, rows.map((row) => row.id).sort())
        if (rows.some((row) => versions.get(row.id) !== row.version)) return false
        const saved = await saveCarts(writer, shopId, prepared)
        if (!prepared.every((save) => saved.has(save.cart.id))) throw new Conflict('A cart changed while it was merged.')
        const events: Event[] = prepared.map((save, index) => ({
          type: index > 0 ? 'cart.closed' : target ? 'cart.merged' : 'cart.created',
          subject: save.cart.id,
          data: save.text,
        }))
        for (const { guestId } of guests) {
          await reassignOrders(writer, shopId, `g:${guestId}`, ownerKey(account), account)
          // The secret dies with the guest's last open cart; a wish list that was not merged stays reachable.
          if ((await loadIntents(writer, shopId, [], [`g:${guestId}`]))?.rows.length === 0) await revokeGuest(writer, shopId, guestId, now)
        }
        if (shop.settings.cart.onMerged === 'delete') {
          // A guest cart whose order is being paid stays, closed: placing the order must find where its lines went.
          for (const row of sources)
            if ((await ordersOfCart(writer, shopId, row.id)).every((order) => order.state !== 'NEW'))
              await removeCarts(writer, shopId, [row.id])
        }
        const outcome = JSON.stringify({ cartId: base.id, report: merged.report, created: target === null })
        if (claim && !(await record(writer, shopId, claim.key, { request_hash: claim.requestHash, outcome, sealed: null }, now)))
          throw new Conflict('The key was used by another request meanwhile.')
        await publish(writer, shopId, shop.endpoints, events, now, () => random.id('dl'))
        return true
      })
      .catch((error: unknown) => {
        if (error instanceof Conflict) return false
        throw error
      })
    return done ? { text: prepared[0]?.text ?? '', report: merged.report, created: target === null, replayed: false } : 'again'
  }
}

class Conflict extends Error {}
