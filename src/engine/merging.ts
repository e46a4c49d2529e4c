// Guest carts and an account's cart come together when a shopper logs in. One transaction under the locks of all carts involved: the lines move,
// the guest carts close, their secrets die, and the guest's orders (also one that is being paid right now) follow to the account. For a day the
// same account may repeat the same merge with the dead secret and gets the same report; nothing is done again.
import { CART_FORMAT, type Cart, closeCart, emptyCart, type Owner, visibleContact, withGroups } from '../core/cart.ts'
import type { Event } from '../core/event.ts'
import type { Facts } from '../core/facts.ts'
import { type MergeDecision, type MergeMode, type MergeReport, mergeCarts, restorePrevious } from '../core/merge.ts'
import { type Pricing, priceCart } from '../core/pricing.ts'
import { isRefusal, type Refusal, refuse } from '../core/refusal.ts'
import { revokeSecrets } from '../store/access.ts'
import { insertAudit } from '../store/audit.ts'
import { type IntentRow, loadIntents, lockCarts, ownerKey, removeCarts, saveCarts } from '../store/carts.ts'
import { record } from '../store/idempotency.ts'
import { insertMerges, readMerge } from '../store/merges.ts'
import { cartsBeingPaid, ordersOfCart } from '../store/orders.ts'
import { publish } from '../store/outbox.ts'
import { isDuplicate, type Store, type Writer } from '../store/store.ts'
import { type Carts, parseIntent, saveOf, skusOf } from './carts.ts'
import type { Claiming } from './claiming.ts'
import { buyerOf, type FactsCache, holdingOf, type ShopFacts } from './facts.ts'
import { heldSkus, holdCarts } from './holding.ts'
import type { LimitedTo } from './identity.ts'
import { findRecorded, type IdempotencyClaim } from './once.ts'
import type { Clock, Randomness } from './ports.ts'

const ATTEMPTS = 10

/** A guest's cart; the guest was proved by its secret. One that is dead (`isLiving` false) proves only who may repeat a merge. */
export interface ProvedGuest {
  readonly cartId: string
  readonly guestId: string
  readonly isLiving: boolean
  /** The secret reaches one cart only: its lines come along, not the orders and contact data of the guest. */
  readonly limitedTo: LimitedTo | null
}

/** Guest carts to merge. `prove` checks the guests' secrets: after the replay of a key, because a merge kills them. */
export interface MergeRequest {
  readonly shopId: string
  readonly account: Extract<Owner, { kind: 'account' }>
  /** Groups that the account's token tells; null where it tells none, or a key asks for the account. */
  readonly groups: readonly string[] | null
  /** The account's cart: an id, or `current`. */
  readonly into: string
  /** Which `current` is meant; without it the one of the first guest cart's type. */
  readonly type?: string | undefined
  /** The carts to bring in, in this order; one that is named twice counts once. */
  readonly carts: readonly string[]
  /** What to do; without it the shop's settings decide. */
  readonly mode?: MergeMode | undefined
  /** Who asks, for the carts' histories and the audit. */
  readonly by: string
  /** Staff may name other carts of the same account, without a secret, where the shop allows it. */
  readonly byStaff: boolean
  readonly prove: () => Promise<readonly ProvedGuest[] | Refusal>
  /** The version the account's cart must have. */
  readonly ifMatch?: number | undefined
  readonly idempotency?: IdempotencyClaim | undefined
}

/** What became of everything, and of the carts: closed, deleted (`cart.onMerged`), or kept open beside the current one. */
export interface FullReport extends MergeReport {
  readonly carts: readonly { readonly id: string; readonly outcome: 'closed' | 'deleted' | 'kept' }[]
}

/** The account's cart after merging, as it is sent, with the report. */
export interface MergeAnswer {
  readonly text: string
  readonly report: FullReport
  readonly created: boolean
  readonly replayed: boolean
}

/** The carts of a merge, as they were read, and which of them are being paid. */
interface Found {
  readonly sources: readonly Source[]
  readonly target: IntentRow | null
  readonly paying: ReadonlySet<string>
}

/** A cart that is brought in; `guestId` is null where it is another cart of the account's, named by staff. */
interface Source {
  readonly row: IntentRow
  readonly guestId: string | null
  readonly limitedTo: LimitedTo | null
}

/** A cart with its row, if it has one, and what its change is called. */
interface Change {
  readonly row: IntentRow | null
  readonly cart: Cart
  readonly event: Event['type']
}

/** Everything that a merge will write, decided and priced before the transaction. */
interface Plan {
  readonly request: MergeRequest
  readonly shop: ShopFacts
  readonly facts: Facts
  readonly sources: readonly Source[]
  /** The account's cart; null when nothing changes. */
  readonly result: Change | null
  /** The carts that make way: they are saved first, because an owner has one current cart at any moment. */
  readonly others: readonly Change[]
  readonly cartId: string
  readonly report: MergeReport
}

/** Makes the merging command. */
export function createMerging({
  store,
  facts: cache,
  clock,
  random,
  carts,
  claiming,
}: {
  store: Store
  facts: FactsCache
  clock: Clock
  random: Randomness
  carts: Carts
  claiming: Claiming
}) {
  return async function merge(request: MergeRequest): Promise<MergeAnswer | Refusal> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const done = (await replay(request)) ?? (await tryMerge(request))
      if (done !== 'again') return done
    }
    return refuse('overloaded', { retryAfter: 1 })
  }

  // Done before -----------------------------------------------------------------------------------------------------------------------

  /** What a merge with this key came to before: its report, with the account's cart as it is now. */
  async function replay(request: MergeRequest): Promise<MergeAnswer | Refusal | null> {
    const known = await findRecorded({ store, clock }, request.shopId, request.idempotency)
    if (known === null || isRefusal(known)) return known
    const outcome = JSON.parse(known.outcome) as { cartId: string; report: FullReport; created: boolean }
    return asNow(request, outcome.cartId, { ...outcome, replayed: true })
  }

  /** The same merge by the same account within a day, proved by the guest's own secret, dead or alive: its report again. */
  async function repeat(request: MergeRequest, guests: readonly ProvedGuest[]): Promise<MergeAnswer | Refusal | null> {
    const [first] = guests
    if (!first || guests.length !== request.carts.length) return null
    const known = await readMerge(store.reader, request.shopId, first.cartId, clock.now())
    if (!known || known.account !== request.account.accountId || known.guest_id !== first.guestId) return null
    const { asked, report } = JSON.parse(known.report) as { asked: string; report: FullReport | null }
    return report && asked === askedFor(request, guests)
      ? asNow(request, known.into_cart, { report, created: false, replayed: false })
      : null
  }

  async function asNow(
    { shopId, account, type, groups }: MergeRequest,
    cartId: string,
    answer: Omit<MergeAnswer, 'text'>,
  ): Promise<MergeAnswer | Refusal> {
    const address = { shopId, owner: account, type, groups, all: false }
    const kept = await carts.read({ ...address, cart: cartId })
    // The cart may be gone by now; the account still learns what became of its lines.
    const current = isRefusal(kept) ? await carts.read({ ...address, cart: 'current' }) : kept
    return isRefusal(current) ? current : { ...answer, text: current.text }
  }

  // Deciding --------------------------------------------------------------------------------------------------------------------------

  async function tryMerge(request: MergeRequest): Promise<MergeAnswer | Refusal | 'again'> {
    const { shopId, account, into, ifMatch } = request
    const ids = [...new Set(request.carts)]
    const named = into === 'current' ? ids : [...ids, into]
    const loaded = await loadIntents(store.reader, shopId, named, [ownerKey(account)])
    const shop = loaded && (await cache.shop(shopId, loaded.epoch))
    if (!loaded || !shop) return refuse('shop_not_found', { shopId })
    const own = loaded.rows.filter((row) => row.owner === ownerKey(account))
    if (!request.byStaff && own.some((row) => ids.includes(row.id)))
      return refuse('merge_forbidden', { reason: 'source_is_not_a_guest_cart' })
    const guests = await request.prove()
    if (isRefusal(guests)) return guests
    const before = await repeat(request, guests)
    if (before) return before
    const sources = sourcesOf(request, loaded.rows, guests, ids)
    if (isRefusal(sources)) return sources
    const type = request.type ?? sources[0]?.row.type ?? shop.settings.cart.types[0] ?? ''
    const current = own.find((row) => row.state === 'OPEN' && row.is_current === 1 && row.type === type) ?? null
    const target = into === 'current' ? current : (own.find((row) => row.id === into) ?? null)
    if (into !== 'current' && !target) return refuse('cart_not_found', {})
    if (loaded.rows.some((row) => row.format > CART_FORMAT)) return refuse('document_too_new', {})
    const version = target?.version ?? 0
    if (ifMatch !== undefined && ifMatch !== version) return refuse('stale_version', { expected: ifMatch, current: version })
    const involved = [...(target ? [target] : []), ...sources.map(({ row }) => row)].map((row) => row.id)
    const paying = await cartsBeingPaid(store.reader, shopId, involved)
    const mode = modeOf(request, shop, { target, sources, paying })
    if (isRefusal(mode)) return mode
    const plan = await planOf(request, shop, { sources, target, own, type, mode, paying })
    return isRefusal(plan) ? plan : commit(plan)
  }

  /** What to do: what is asked for, else what the shop's settings say for a login, and for one while the account's cart is being paid (C25). */
  function modeOf(request: MergeRequest, { settings }: ShopFacts, { target, sources, paying }: Found): MergeMode | Refusal {
    if (settings.checkout.freeze !== 'off' && paying.size > 0) return refuse('cart_frozen', { cartId: [...paying][0], retryAfter: 60 })
    const isCheckout = target !== null && paying.has(target.id) && sources.length > 0
    const mode = request.mode ?? (isCheckout ? settings.reconcile.duringCheckout : settings.reconcile.onLogin)
    if (mode === 'restorePrevious' && request.into !== 'current')
      return refuse('invalid', { path: '/mode', reason: 'only_into_current', mode })
    if (mode === 'restorePrevious' && sources.length > 1) return refuse('invalid', { path: '/carts', reason: 'one_cart_at_most', mode })
    if (mode !== 'restorePrevious' && sources.length === 0) return refuse('invalid', { path: '/carts', reason: 'at_least_one_cart', mode })
    return mode
  }

  async function planOf(
    request: MergeRequest,
    shop: ShopFacts,
    found: Found & { own: readonly IntentRow[]; type: string; mode: MergeMode },
  ): Promise<Plan | Refusal> {
    const { sources, own, type, mode, paying } = found
    const fresh = freshCart(request, shop, type)
    const target = found.target && withGroups(parseIntent(found.target), request.groups)
    const kept = sources.map(({ row }) => parseIntent(row))
    const brought = kept.map((cart, index) => visibleContact(cart, sources[index]?.limitedTo?.secretId ?? null))
    const rows = own.filter((row) => row.state === 'OPEN' && row.type === type && row.id !== target?.id)
    const further = mode === 'restorePrevious' ? rows.filter((row) => !sources.some((each) => each.row.id === row.id)).map(parseIntent) : []
    const involved = [target ?? fresh, ...brought, ...further]
    const skus = involved.flatMap(skusOf)
    const codes = [...new Set(involved.flatMap((cart) => cart.codes))]
    // The merged cart is the account's; its e-mail address may be any of theirs.
    const customers = involved.map(({ email }) => buyerOf({ owner: request.account, email }))
    await cache.collect(shop, skus, codes, customers)
    const absorbed = [
      ...new Set([...involved.flatMap((cart) => cart.absorbed), ...sources.flatMap(({ row }) => (paying.has(row.id) ? row.id : []))]),
    ]
    // What a guest's cart holds by itself is the merged cart's to take.
    const giving = shop.cartsHold ? sources.map(({ row }) => row.id) : []
    const facts = cache.forCart(shop, codes, skus, { ...(target ?? fresh), absorbed: [...absorbed, ...giving] })
    const decided: (MergeDecision & { replaced?: Cart | null }) | Refusal =
      mode === 'restorePrevious'
        ? restorePrevious({ session: brought[0] ?? null, current: target, others: further, fresh }, facts)
        : mergeCarts(target ?? fresh, brought, facts, { mode, byStaff: request.byStaff })
    if (isRefusal(decided)) return decided
    const others: Change[] = []
    for (const [index, { row }] of sources.entries()) {
      const left = new Set(
        decided.report.lines.flatMap((line) => (line.from === row.id && line.outcome === 'rejected' ? [line.lineId] : [])),
      )
      const joined = (kept[index]?.lines ?? []).flatMap(({ id }) => (left.has(id) ? [] : [id]))
      const closed = closeCart(kept[index] ?? fresh, 'merged', { mergedInto: decided.cart.id, joined })
      if (isRefusal(closed)) return closed
      others.push({ row, cart: closed.cart, event: 'cart.closed' })
    }
    if (decided.replaced) others.push({ row: found.target, cart: decided.replaced, event: 'cart.updated' })
    const row = own.find((each) => each.id === decided.cart.id) ?? null
    const isSame = sources.length === 0 && [fresh, target].includes(decided.cart)
    const event = row === null ? 'cart.created' : sources.length > 0 ? 'cart.merged' : 'cart.updated'
    const cart = { ...decided.cart, absorbed }
    const result = isSame ? null : ({ row, cart, event } as const)
    return {
      request,
      shop,
      facts: cache.forCustomer(facts, shop, holdingOf(cart)),
      sources,
      result,
      others,
      cartId: decided.cart.id,
      report: decided.report,
    }
  }

  function freshCart({ shopId, account, groups }: MergeRequest, { currency }: ShopFacts, type: string): Cart {
    const identity = { id: random.id('cart'), number: random.number(), shopId, type, owner: account }
    return withGroups(emptyCart({ ...identity, currency, now: clock.now() }), groups)
  }

  // Doing it --------------------------------------------------------------------------------------------------------------------------

  async function commit(plan: Plan): Promise<MergeAnswer | Refusal | 'again'> {
    const { request, shop, facts, result, others } = plan
    const ready: Prepared[] = []
    for (const change of [...(result ? [result] : []), ...others]) {
      const done = prepared(change, facts, shop, request.by)
      if (isRefusal(done)) return done
      ready.push(done)
    }
    const created = result !== null && result.row === null
    const report = await store
      .transact(async (writer) => {
        await saveAll(writer, plan, result ? ready.slice(1) : ready, result ? ready.slice(0, 1) : [])
        const told = await settleSources(writer, plan)
        // Orders and uses before stock, like everywhere.
        if (shop.cartsHold) await holdMerged(writer, plan, ready)
        await remember(writer, plan, told, created)
        const events = ready.map(({ change, save }): Event => ({ type: change.event, subject: save.cart.id, data: save.text }))
        await publish(writer, shop.id, shop.endpoints, events, facts.now, () => random.id('dl'))
        return told
      })
      .catch((error: unknown) => {
        if (error instanceof Conflict || isDuplicate(error)) return null
        throw error
      })
    if (report === null) return 'again'
    if (shop.cartsHold)
      cache.doubtStock(
        shop.id,
        ready.flatMap(({ save }) => heldSkus(save.priced.lines)),
      )
    const answer = { report, created, replayed: false }
    return result ? { ...answer, text: ready[0]?.save.text ?? '' } : asNow(request, plan.cartId, answer)
  }

  /** Locks every cart that changes, in order of id, and saves all of them or none. */
  async function saveAll(writer: Writer, { shop }: Plan, ahead: readonly Prepared[], behind: readonly Prepared[]): Promise<void> {
    const rows = [...ahead, ...behind].flatMap(({ change }) => change.row ?? [])
    const versions = await lockCarts(writer, shop.id, rows.map((row) => row.id).sort())
    if (rows.some((row) => versions.get(row.id) !== row.version)) throw new Conflict('A cart changed meanwhile.')
    for (const part of [ahead, behind].map((each) => each.map(({ save }) => save))) {
      if (part.length === 0) continue
      const saved = await saveCarts(writer, shop.id, part)
      if (!part.every((save) => saved.has(save.cart.id))) throw new Conflict('A cart changed while it was merged.')
    }
  }

  /** The merged cart holds what is in it, in place of the carts that it is made of. */
  async function holdMerged(writer: Writer, { shop, facts, sources }: Plan, ready: readonly Prepared[]): Promise<void> {
    const closed = sources.map(({ row }) => row.id)
    const saved = ready.map(({ save: { cart, priced } }) => {
      const absorbed = cart.state === 'OPEN' ? [...cart.absorbed, ...closed] : cart.absorbed
      return { cart: { ...cart, absorbed }, lines: priced.lines, seen: [] }
    })
    await holdCarts(writer, shop, saved, facts.now)
  }

  /** What guests leave behind: orders follow to the account, secrets die, and carts go where the shop deletes them (C02). */
  async function settleSources(writer: Writer, { request, shop, facts, sources, others, report }: Plan): Promise<FullReport> {
    const { account } = request
    for (const guestId of new Set(sources.flatMap((source) => (source.limitedTo ? [] : (source.guestId ?? []))))) {
      await claiming.follow(writer, shop, guestId, account, request.by)
      // The secret dies with the guest's last open cart; a wish list that was not merged stays reachable.
      if ((await loadIntents(writer, shop.id, [], [`g:${guestId}`]))?.rows.length === 0)
        await revokeSecrets(writer, shop.id, guestId, 'all', facts.now)
    }
    const ended: FullReport['carts'][number][] = []
    // Who holds a link to a cart takes its lines along; what else is in it stays for its guest to see.
    const lent = new Set(sources.flatMap(({ row, limitedTo }) => (limitedTo ? [row.id] : [])))
    for (const { cart } of others) {
      // A cart whose order is being paid stays, closed: placing the order must find where its lines went.
      const isDeleted =
        cart.state === 'CLOSED' &&
        !lent.has(cart.id) &&
        shop.settings.cart.onMerged === 'delete' &&
        (await ordersOfCart(writer, shop.id, cart.id)).every((order) => order.state !== 'NEW')
      if (isDeleted) await removeCarts(writer, shop.id, [cart.id])
      ended.push({ id: cart.id, outcome: cart.state === 'OPEN' ? 'kept' : isDeleted ? 'deleted' : 'closed' })
    }
    return { ...report, carts: ended }
  }

  /** So that the merge is done once: under its key, for who repeats it without one, and, where staff did it, who did. */
  async function remember(writer: Writer, plan: Plan, report: FullReport, created: boolean): Promise<void> {
    const { request, shop, facts, sources, cartId } = plan
    const guests = sources.flatMap(({ row, guestId }) => (guestId === null ? [] : [{ cartId: row.id, guestId }]))
    const asked = askedFor(request, guests)
    const rows = guests.map((guest, index) => ({
      shop_id: shop.id,
      cart_id: guest.cartId,
      guest_id: guest.guestId,
      account: request.account.accountId,
      into_cart: cartId,
      // One report for all of them, kept with the first.
      report: JSON.stringify({ asked, report: index === 0 ? report : null }),
      created_at: facts.now,
    }))
    await insertMerges(writer, rows)
    const ownCarts = sources.flatMap(({ row, guestId }) => (guestId === null ? [row.id] : []))
    if (ownCarts.length > 0)
      await insertAudit(writer, {
        shop_id: shop.id,
        id: random.id('aud'),
        at: facts.now,
        actor: request.by,
        action: 'carts.merged',
        subject: cartId,
        before: JSON.stringify({ carts: ownCarts }),
        after: JSON.stringify({ mode: report.mode, account: request.account.accountId }),
      })
    const claim = request.idempotency
    const outcome = JSON.stringify({ cartId, report, created })
    if (claim && !(await record(writer, shop.id, claim.key, { request_hash: claim.requestHash, outcome, sealed: null }, facts.now)))
      throw new Conflict('The key was used by another request meanwhile.')
  }
}

/** The carts that are brought in, each proved by its guest's living secret or, by staff, as another cart of the same account. */
function sourcesOf(
  { account, byStaff }: MergeRequest,
  rows: readonly IntentRow[],
  guests: readonly ProvedGuest[],
  ids: readonly string[],
): Source[] | Refusal {
  const sources: Source[] = []
  for (const id of ids) {
    const row = rows.find((each) => each.id === id)
    const guest = guests.find((each) => each.cartId === id)
    const isProved = guest ? guest.isLiving && row?.owner === `g:${guest.guestId}` : byStaff && row?.owner === ownerKey(account)
    if (!row || !isProved) return refuse('cart_not_found', {})
    sources.push({ row, guestId: guest?.guestId ?? null, limitedTo: guest?.limitedTo ?? null })
  }
  return sources
}

/** What tells one merge from another: the carts, whose they were, and what was asked for. */
function askedFor({ mode }: MergeRequest, guests: readonly Pick<ProvedGuest, 'cartId' | 'guestId'>[]): string {
  const carts = new Map(guests.map(({ cartId, guestId }) => [cartId, guestId]))
  return JSON.stringify([mode ?? null, ...carts])
}

interface Prepared {
  readonly change: Change
  readonly save: ReturnType<typeof saveOf>
}

function prepared(change: Change, facts: Facts, shop: ShopFacts, by: string): Prepared | Refusal {
  const next = { ...change.cart, version: change.cart.version + 1, updatedAt: facts.now }
  const pricing: Pricing | Refusal = priceCart(next, facts)
  if (isRefusal(pricing)) return pricing
  const base = change.row && parseIntent(change.row)
  return { change, save: saveOf({ row: change.row, base, done: [{ name: 'merge', by }] }, pricing, shop) }
}

class Conflict extends Error {}
