// Which of an owner's open carts is the current one (C21): at most one per type, by a unique index. Selecting, forgetting, beginning another one
// and restoring change that, each in a transaction of its own under the locks of all carts of the owner and type that are concerned; they never
// join a batch. Nothing is lost by switching: the former cart stays open and can be selected again.
import { CART_FORMAT, type Cart, type Decision, DRAFT_TYPE, emptyCart, requireOpen, withGroups } from '../core/cart.ts'
import type { Event } from '../core/event.ts'
import type { Facts } from '../core/facts.ts'
import { priceCart } from '../core/pricing.ts'
import { isRefusal, type Refusal, refuse } from '../core/refusal.ts'
import { insertAudit } from '../store/audit.ts'
import { type IntentRow, loadIntents, lockCarts, ownerKey, saveCarts } from '../store/carts.ts'
import { publish } from '../store/outbox.ts'
import { isDuplicate, type Store, type Writer } from '../store/store.ts'
import { type CartAddress, type Carts, findRow, parseIntent, saveOf, skusOf } from './carts.ts'
import { buyerOf, type FactsCache, type ShopFacts } from './facts.ts'
import { type IdempotencyClaim, once } from './once.ts'
import type { Clock, Randomness } from './ports.ts'

/** How often a switch starts again because another cart became current meanwhile. */
const ATTEMPTS = 10
/** So many open carts of a type may one owner have. */
const OPEN_CARTS_MAX = 50

/** Which cart is to be switched, by whom. */
export interface SwitchRequest extends CartAddress {
  readonly by: string
  /** The caller is a key that acts for the owner: that is written into the audit. */
  readonly onBehalf: boolean
  readonly ifMatch?: number | undefined
  readonly idempotency?: IdempotencyClaim | undefined
}

/** The cart after switching, as it is sent. */
export interface Switched {
  readonly text: string
  readonly id: string
  readonly created: boolean
  readonly replayed: boolean
}

/** A new cart: what is put into it, and the skus that needs. */
export interface NewCart {
  readonly skus: readonly string[]
  readonly decide: (cart: Cart, facts: Facts) => Decision | Refusal
}

/** Switching between carts. */
export interface Switching {
  /** Makes an open cart current; the one that was stays open. Refused where a shop has one cart per owner (`cart.multiple` off). */
  select(request: SwitchRequest): Promise<Switched | Refusal>
  /** The same for a cart that its owner came back to by a link or its number: where there is one cart per owner, the two change places. */
  restore(request: SwitchRequest): Promise<Switched | Refusal>
  /** Detaches a cart: it stays open, and the next `current` is a new one (SEED4-21). */
  forget(request: SwitchRequest): Promise<Switched | Refusal>
  /** Begins another cart and makes it current; one of the type `draft` never is, and its number is not limited by the shop's settings. */
  begin(request: SwitchRequest, fresh: NewCart): Promise<Switched | Refusal>
}

type Action = 'cart.selected' | 'cart.restored' | 'cart.forgotten' | 'cart.begun'

/** A cart that a switch changes, as it becomes, with the row it has. */
interface Change {
  readonly row: IntentRow | null
  readonly cart: Cart
}

/** What is decided on: the addressed cart, its owner's current one of the same type, and all open ones of it, locked. */
interface Locked {
  readonly shop: ShopFacts
  readonly type: string
  readonly target: IntentRow | null
  readonly current: IntentRow | null
  readonly openCount: number
}

/** Another cart became current between looking and locking. */
class Again extends Error {}

/** Makes it. */
export function createSwitching(parts: { store: Store; facts: FactsCache; clock: Clock; random: Randomness; carts: Carts }): Switching {
  const { facts: cache, clock, random, carts } = parts

  async function run(request: SwitchRequest, action: Action, fresh: NewCart | null): Promise<Switched | Refusal> {
    const work = (writer: Writer) => change(writer, request, action, fresh)
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      try {
        const done = await once(parts, request.shopId, request.idempotency, work, { alone: true })
        if (isRefusal(done)) return done
        const { cartId, created } = done.value
        // A draft for somebody without an account has an owner of its own, who was made with it.
        const reached = request.type === DRAFT_TYPE ? { ...request, owner: null } : request
        const now = await carts.read({ ...reached, cart: cartId })
        return isRefusal(now) ? now : { text: now.text, id: cartId, created, replayed: done.replayed !== null }
      } catch (error) {
        // A duplicate: a cart that nobody could lock, because it was only being made, became current first.
        if (!(error instanceof Again) && !isDuplicate(error)) throw error
      }
    }
    return refuse('overloaded', { retryAfter: 1 })
  }

  async function change(
    writer: Writer,
    request: SwitchRequest,
    action: Action,
    fresh: NewCart | null,
  ): Promise<{ cartId: string; created: boolean } | Refusal> {
    const locked = await lock(writer, request, fresh !== null)
    if (isRefusal(locked)) return locked
    const { target, current, shop } = locked
    const version = target?.version ?? 0
    if (request.ifMatch !== undefined && request.ifMatch !== version)
      return refuse('stale_version', { expected: request.ifMatch, current: version })
    const changes = fresh ? await beginning(request, locked, fresh) : moving(locked, action, request.groups ?? null)
    if (isRefusal(changes)) return changes
    const refused = await save(writer, shop, changes, { name: action.slice('cart.'.length), by: request.by })
    if (refused) return refused
    const subject = fresh ? (changes.at(-1)?.cart.id ?? '') : (target?.id ?? '')
    if (request.onBehalf && changes.length > 0) {
      const before = JSON.stringify({ current: current?.id ?? null })
      const row = { shop_id: shop.id, id: random.id('aud'), at: clock.now(), actor: request.by, action, subject, before, after: null }
      await insertAudit(writer, row)
    }
    return { cartId: subject, created: fresh !== null }
  }

  /** Locks all open carts of the owner and type, in order of id, and reads them under the locks. */
  async function lock(writer: Writer, request: SwitchRequest, isFresh: boolean): Promise<Locked | Refusal> {
    const { shopId, owner } = request
    const named = request.cart === 'current' ? [] : [request.cart]
    const before = await loadIntents(writer, shopId, named, owner ? [ownerKey(owner)] : [])
    const shop = before && (await cache.shop(shopId, before.epoch))
    if (!before || !shop) return refuse('shop_not_found', { shopId })
    const wanted = request.type ?? shop.settings.cart.types[0] ?? 'shopping'
    const found = findRow(before.rows, request, wanted)
    if (!found && (!isFresh || owner === null))
      return refuse(owner === null && named.length === 0 ? 'owner_required' : 'cart_not_found', {})
    const key = found?.owner ?? (owner ? ownerKey(owner) : '')
    const type = found?.type ?? wanted
    const ofOwner = async () =>
      ((await loadIntents(writer, shopId, named, [key]))?.rows ?? []).filter((row) => row.owner === key && row.type === type)
    const ids = (await ofOwner()).map((row) => row.id).sort()
    await lockCarts(writer, shopId, ids)
    const rows = await ofOwner()
    const current = rows.find((row) => row.state === 'OPEN' && row.is_current === 1) ?? null
    const target = named.length === 0 ? current : (rows.find((row) => row.id === request.cart) ?? null)
    if ((current && !ids.includes(current.id)) || (found && !target && !isFresh)) throw new Again()
    const newer = rows.find((row) => row.format > CART_FORMAT)
    if (newer) return refuse('document_too_new', { format: newer.format })
    return { shop, type, target, current, openCount: rows.filter((row) => row.state === 'OPEN').length }
  }

  /** What selecting, restoring or forgetting changes; nothing where it is so already. Who stops being current comes first. */
  function moving({ shop, target, current, openCount }: Locked, action: Action, groups: readonly string[] | null): Change[] | Refusal {
    if (!target) return refuse('cart_not_found', {})
    const cart = parseIntent(target)
    const closed = requireOpen(cart)
    if (closed) return closed
    if (cart.type === DRAFT_TYPE) return refuse('invalid', { path: '/cart', reason: 'a_draft_is_never_current' })
    if (action !== 'cart.restored' && !shop.settings.cart.multiple) return refuse('multiple_carts_off', { cartId: cart.id })
    if (action !== 'cart.forgotten')
      return cart.isCurrent ? [] : [...(current ? [left(current)] : []), becoming(target, groups, clock.now())]
    if (!cart.isCurrent) return []
    return openCount >= OPEN_CARTS_MAX ? tooMany('') : [left(target)]
  }

  async function beginning(request: SwitchRequest, locked: Locked, fresh: NewCart): Promise<Change[] | Refusal> {
    const { shop, type, current, openCount } = locked
    const isDraft = type === DRAFT_TYPE
    if (!isDraft && !shop.settings.cart.multiple) return refuse('multiple_carts_off', {})
    if (openCount >= OPEN_CARTS_MAX) return tooMany(isDraft ? '/draft' : '/new')
    if (!request.owner) return refuse('owner_required', {})
    const identity = { id: random.id('cart'), number: random.number(), shopId: shop.id, type, owner: request.owner }
    const empty = withGroups(emptyCart({ ...identity, currency: shop.currency, now: clock.now() }), request.groups ?? null)
    await cache.collect(shop, fresh.skus, [], [])
    const decided = fresh.decide(empty, cache.forCart(shop, [], fresh.skus, empty))
    if (isRefusal(decided)) return decided
    return [...(current ? [left(current)] : []), { row: null, cart: isDraft ? { ...decided.cart, isCurrent: false } : decided.cart }]
  }

  /** Prices and saves one after the other: the index allows no two current carts, not even for a moment. */
  async function save(
    writer: Writer,
    shop: ShopFacts,
    changes: readonly Change[],
    done: { name: string; by: string },
  ): Promise<Refusal | null> {
    const events: Event[] = []
    for (const { row, cart } of changes) {
      const next = { ...cart, version: cart.version + 1 }
      await cache.collect(shop, skusOf(next), next.codes, [buyerOf(next)])
      const pricing = priceCart(next, cache.forCart(shop, next.codes, skusOf(next), next))
      if (isRefusal(pricing)) return pricing
      const saving = saveOf({ row, base: row && parseIntent(row), done: [done], at: clock.now() }, pricing, shop)
      if (!(await saveCarts(writer, shop.id, [saving])).has(next.id)) throw new Again()
      events.push({ type: row ? 'cart.updated' : 'cart.created', subject: next.id, data: saving.text })
    }
    await publish(writer, shop.id, shop.endpoints, events, clock.now(), () => random.id('dl'))
    return null
  }

  return {
    select: (request) => run(request, 'cart.selected', null),
    restore: (request) => run(request, 'cart.restored', null),
    forget: (request) => run(request, 'cart.forgotten', null),
    begin: (request, fresh) => run(request, 'cart.begun', fresh),
  }
}

/** A cart that is not current any more. That is no write of its owner to it, so it keeps the time of the last one. */
function left(row: IntentRow): Change {
  return { row, cart: { ...parseIntent(row), isCurrent: false } }
}

/** A cart that its owner made current: a write to it like any other. */
function becoming(row: IntentRow, groups: readonly string[] | null, now: number): Change {
  return { row, cart: { ...withGroups(parseIntent(row), groups), isCurrent: true, updatedAt: now } }
}

/** Forgetting and adding again would make as many as beginning: both stop at the same number. */
function tooMany(path: string): Refusal {
  return refuse('invalid', { path, reason: 'too_many_open_carts', max: OPEN_CARTS_MAX })
}
