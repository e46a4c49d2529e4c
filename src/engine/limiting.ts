// Against abuse: guessing, card testing, orders by the thousand. Counts stand in the database, so that all nodes share them and a restart forgets
// nothing; who is at the limit is remembered here as well, and refused without asking. What is well costs nothing: good tokens, reads and changes
// of carts are not counted. Who is counted is kept as a keyed hash.
import ipaddr from 'ipaddr.js'
import type { Logger } from 'pino'
import { allowed, DEFAULT_LIMITS, LIMIT_WINDOW_MS, type LimitKind, type LimitScope, type Limits } from '../core/limit.ts'
import { type Refusal, refuse } from '../core/refusal.ts'
import { countAttempts, type Standing, type Tried } from '../store/attempts.ts'
import type { Store, Writer } from '../store/store.ts'
import type { OrderTable } from '../store/tables.ts'
import type { FactsCache, ShopFacts } from './facts.ts'
import type { Signer } from './identity.ts'
import type { Clock } from './ports.ts'

/** By whom something is tried; what is missing or null is not counted. */
export interface Who {
  /** An address of the network as the server sees it, */
  readonly address?: string
  /** or as payments keep it (`originOf`). */
  readonly origin?: string | null
  /** The key of an owner. */
  readonly owner?: string | null
  readonly email?: string | null
  /** The id of a cart, or of an order that has none. */
  readonly cart?: string | null
}

/** Something that is limited itself, or (`looks`) is refused for what failed before. */
export interface Act {
  readonly kind: LimitKind
  readonly who: Who
  readonly looks?: true
}

/** How a guess ended. A wrong one keeps its point, any other gives it back. */
export type EndGuess = (wasWrong: boolean) => Promise<void>

/** Limits, of which every path asks. What a shop is: its id and settings; null for what has no shop. */
export interface Limiting {
  /** From where somebody comes, as payments keep it; null for what is no public address: a proxy that is not trusted speaks for all shoppers. */
  originOf(shopId: string, address: string): string | null
  /**
   * Counts a failure. Answers `rate_limited` for who failed too often before this time. When the count cannot be kept, it is logged and null is
   * answered: the failure is refused all the same.
   */
  fail(shopId: string, kind: 'tokens', who: Who): Promise<Refusal | null>
  /**
   * Begins a guess, counted before it is made, so that who sends many at once, to whatever node, has no more tries than who sends them one by one.
   * What would be one too many if all under way here were wrong waits until one of them has ended. Throws when the count cannot be kept.
   */
  begin(shop: LimitedShop, kind: 'codes', who: Who): Promise<EndGuess | Refusal>
  /**
   * Counts acts, all in one statement; answers `rate_limited` when one is too many. Throws when the count cannot be kept: nothing is done then. With
   * a `writer` they count if its transaction happens: lock its attempts after stock and before sequences.
   */
  act(shop: LimitedShop, acts: readonly Act[], writer?: Writer): Promise<Refusal | null>
  /** Counts a payment that was declined; true when no more are begun by those who began it. */
  declined(shop: LimitedShop, who: Who): Promise<boolean>
}

/** What limits need to know of a shop. */
export type LimitedShop = Pick<ShopFacts, 'id' | 'settings'>

/** One thing that is counted for one subject. */
interface Counter {
  readonly kind: LimitKind
  readonly subject: string
  readonly points: 0 | 1
  readonly limit: number
  /** Shop, kind and subject: under it nodes remember it. */
  readonly key: string
}

/** A counter and how it stands. */
interface Counted {
  readonly counter: Counter
  readonly standing: Standing
}

/** How often a subject is known to have failed, what it was allowed then, and until when that counts. */
interface Known {
  readonly failed: number
  readonly limit: number
  readonly until: number
}

/** Above this many entries what is remembered is forgotten: that costs statements, no exactness. */
const REMEMBERED_MAX = 50_000

/** Makes it. `installed`: what holds instead of the documented defaults in shops that decided nothing. */
export function createLimiting(parts: {
  store: Store
  facts: FactsCache
  clock: Clock
  signer: Signer
  log: Logger
  installed?: Partial<Limits>
}): Limiting {
  const { store, facts, clock, signer, log, installed } = parts
  const known = new Map<string, Known>()
  const alarms = new Map<string, number>()
  const underWay = new Map<string, Set<Promise<void>>>()

  function subjectOf(shopId: string, scope: LimitScope, value: string): string {
    return signer.sign(`attempt ${shopId} ${scope} ${value}`).slice(0, 22)
  }

  function originOf(shopId: string, address: string): string | null {
    const { network, isPublic } = networkOf(address)
    return isPublic ? subjectOf(shopId, 'address', network) : null
  }

  function limitsOf({ settings: { limits } }: Pick<ShopFacts, 'settings'>): Limits {
    if (!installed) return limits
    const kinds = Object.keys(limits) as LimitKind[]
    // What the shop did not change is the very default.
    return Object.fromEntries(
      kinds.map((kind) => [kind, (limits[kind] === DEFAULT_LIMITS[kind] && installed[kind]) || limits[kind]]),
    ) as unknown as Limits
  }

  /** What is counted of an act, as far as its limits are on. */
  function countersOf(shopId: string, limits: Limits, { kind, who, looks }: Act): Counter[] {
    const { address, origin, owner, email, cart } = who
    const place = address === undefined ? origin : subjectOf(shopId, 'address', networkOf(address).network)
    const texts = { owner, email: email?.trim().toLowerCase(), cart }
    const named = Object.entries(texts).flatMap(([scope, text]) =>
      text ? [[scope as LimitScope, subjectOf(shopId, scope as LimitScope, text)] as const] : [],
    )
    const tight = (alarms.get(`${shopId} ${kind}`) ?? 0) > clock.now()
    return [...(place ? [['address', place] as const] : []), ...named].flatMap(([scope, subject]) => {
      const limit = allowed(limits, kind, scope, tight)
      return limit === 0 ? [] : [{ kind, subject, points: looks ? 0 : 1, limit, key: `${shopId} ${kind} ${subject}` } as const]
    })
  }

  /** The counter of a shop as a whole: its failures alone, or every order would wait for the one row of its shop. */
  function alarmOf(shopId: string, kind: LimitKind, limits: Limits): Counter[] {
    const limit = allowed(limits, kind, 'shop', false)
    return limit === 0 ? [] : [{ kind, subject: SHOP, points: 1, limit, key: `${shopId} ${kind} ${SHOP}` }]
  }

  async function count(
    shopId: string,
    counters: readonly Counter[],
    points: (counter: Counter) => Tried['points'],
    writer?: Writer,
  ): Promise<Standing[]> {
    const now = clock.now()
    const tried = counters.map((counter) => {
      const { kind, subject } = counter
      return { kind, subject, points: points(counter), until: now + LIMIT_WINDOW_MS[kind] }
    })
    return writer ? countAttempts(writer, shopId, tried, now) : store.transactOne((own) => countAttempts(own, shopId, tried, now))
  }

  /** Remembers how counters stand; rings the alarm of the shop when this was the one failure too many. */
  function learn(shopId: string, counters: readonly Counter[], standings: readonly Standing[]): readonly Counted[] {
    const counted = standingsOf(counters, standings)
    for (const { counter, standing } of counted) {
      const { kind, key, limit, subject } = counter
      if (subject === SHOP) ring(shopId, kind, limit, standing)
      else remember(key, { failed: standing.count - (underWay.get(key)?.size ?? 0), limit, until: standing.expires_at })
    }
    return counted
  }

  function ring(shopId: string, kind: LimitKind, limit: number, standing: Standing): void {
    if (standing.count <= limit) return
    alarms.set(`${shopId} ${kind}`, standing.expires_at)
    // One node sees this very number: it is told once.
    if (standing.count === limit + 1)
      log.warn({ shopId, kind, limit, until: standing.expires_at }, 'abuse: failures in the whole shop are over its limit')
  }

  function remember(key: string, standing: Known): void {
    if (known.size >= REMEMBERED_MAX) known.clear()
    known.set(key, standing)
  }

  function knownOf(key: string): Known | null {
    const standing = known.get(key)
    return standing && standing.until > clock.now() ? standing : null
  }

  function refusal(until: number): Refusal {
    return refuse('rate_limited', { retryAfter: Math.max(1, Math.ceil((until - clock.now()) / 1000)) })
  }

  /** Remembers who is at the limit; the refusal for them. */
  function atLimit({ counter: { key, limit }, standing }: Counted): Refusal {
    remember(key, { failed: limit, limit, until: standing.expires_at })
    return refusal(standing.expires_at)
  }

  /** The refusal for who is known to be at the limit. */
  function remembered(counters: readonly Counter[]): Refusal | null {
    const over = counters
      .map(({ key, limit }) => ({ limit, standing: knownOf(key) }))
      .find((each) => (each.standing?.failed ?? 0) >= each.limit)
    return over?.standing ? refusal(over.standing.until) : null
  }

  async function fail(shopId: string, kind: 'tokens', who: Who): Promise<Refusal | null> {
    const key = `${shopId} ${kind} ${subjectOf(shopId, 'address', networkOf(who.address ?? '').network)}`
    const before = knownOf(key)
    if (before && before.failed >= before.limit) return refusal(before.until)
    try {
      const shop = shopId === '' ? null : await facts.shop(shopId)
      const limits = shop ? limitsOf(shop) : { ...DEFAULT_LIMITS, ...installed }
      const counters = [...countersOf(shopId, limits, { kind, who }), ...alarmOf(shopId, kind, limits)]
      if (counters.length === 0) return null
      const learnt = learn(shopId, counters, await count(shopId, counters, () => 1))
      const over = learnt.find(({ counter, standing }) => counter.subject !== SHOP && standing.count > counter.limit)
      return over ? refusal(over.standing.expires_at) : null
    } catch (error) {
      log.error({ err: error, shopId, kind }, 'a failure could not be counted')
      return null
    }
  }

  async function act(shop: LimitedShop, acts: readonly Act[], writer?: Writer): Promise<Refusal | null> {
    const limits = limitsOf(shop)
    const counters = acts.flatMap((each) => countersOf(shop.id, limits, each))
    const refused = remembered(counters)
    if (refused || counters.length === 0) return refused
    const standings = await count(shop.id, counters, ({ points }) => points, writer)
    const over = standingsOf(counters, standings).find(({ counter: { limit, points }, standing }) => standing.count >= limit + points)
    if (!over) return null
    // Nothing else is learnt: a transaction that does not happen counts nothing.
    return atLimit(over)
  }

  async function declined(shop: LimitedShop, who: Who): Promise<boolean> {
    const limits = limitsOf(shop)
    const counters = [...countersOf(shop.id, limits, { kind: 'declines', who }), ...alarmOf(shop.id, 'declines', limits)]
    if (counters.length === 0) return false
    const learnt = learn(shop.id, counters, await count(shop.id, counters, () => 1))
    return learnt.some(({ counter, standing }) => counter.subject !== SHOP && standing.count >= counter.limit)
  }

  // Guesses ---------------------------------------------------------------------------------------------------------------------------

  async function begin(shop: LimitedShop, kind: 'codes', who: Who): Promise<EndGuess | Refusal> {
    const limits = limitsOf(shop)
    const counters = countersOf(shop.id, limits, { kind, who })
    if (counters.length === 0) return async () => undefined
    for (;;) {
      const refused = remembered(counters)
      if (refused) return refused
      const full = counters.map((counter) => ({ ...counter, others: underWay.get(counter.key) })).find(isFull)
      if (full?.others) {
        await Promise.race(full.others)
        continue
      }
      const end = started(counters)
      const over = await take(shop, counters).catch((error: unknown) => {
        end()
        throw error
      })
      if (!over) return ended(shop, counters, alarmOf(shop.id, kind, limits), end)
      end()
      const others = underWay.get(over.counter.key)
      if (!others) return atLimit(over)
      await count(shop.id, counters, () => -1)
      // All of them may have ended meanwhile.
      if (others.size > 0) await Promise.race(others)
    }
  }

  /** Whether one more would be too many if all that are under way were wrong. */
  function isFull({ key, limit, others }: Counter & { others: Set<Promise<void>> | undefined }): boolean {
    return others !== undefined && (knownOf(key)?.failed ?? 0) + others.size >= limit
  }

  /** Takes a point of each; answers which was not to be had. */
  async function take(shop: LimitedShop, counters: readonly Counter[]) {
    const learnt = learn(shop.id, counters, await count(shop.id, counters, () => 1))
    return learnt.find(({ counter, standing }) => standing.count > counter.limit)
  }

  /** One more guess is under way; answers how to end it. */
  function started(counters: readonly Counter[]): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    for (const { key } of counters) underWay.set(key, (underWay.get(key) ?? new Set()).add(promise))
    return () => {
      for (const { key } of counters) {
        const guesses = underWay.get(key)
        guesses?.delete(promise)
        if (guesses?.size === 0) underWay.delete(key)
      }
      resolve()
    }
  }

  function ended(shop: LimitedShop, counters: readonly Counter[], alarm: readonly Counter[], end: () => void): EndGuess {
    return async (wasWrong) => {
      try {
        if (!wasWrong) return void (await count(shop.id, counters, () => -1))
        for (const { key, limit } of counters) {
          const standing = knownOf(key)
          if (standing) remember(key, { ...standing, limit, failed: standing.failed + 1 })
        }
        if (alarm.length > 0) learn(shop.id, alarm, await count(shop.id, alarm, () => 1))
      } catch (error) {
        // What was tried is done; only its count is not as it should be, and never too low.
        log.error({ err: error, shopId: shop.id }, 'how a guess ended could not be counted')
      } finally {
        end()
      }
    }
  }

  return { originOf, fail, begin, act, declined }
}

/** Counters of which something is known, with how they stand. */
function standingsOf(counters: readonly Counter[], standings: readonly Standing[]): readonly Counted[] {
  return counters.flatMap((counter) => {
    const standing = standings.find(({ kind, subject }) => kind === counter.kind && subject === counter.subject)
    return standing ? [{ counter, standing }] : []
  })
}

/** What beginning a payment counts as: it is one more, and it is refused for the cards that were declined before. */
export function paying(who: Who): readonly Act[] {
  return [
    { kind: 'payments', who },
    { kind: 'declines', who, looks: true },
  ]
}

/** The same, only looked at. */
export function looking(acts: readonly Act[]): readonly Act[] {
  return acts.map((act) => ({ ...act, looks: true }))
}

/** Who pays an order. */
export function payerOf(order: Pick<OrderTable, 'id' | 'cart_id' | 'owner' | 'email'>, origin: string | null): Who {
  return { origin, owner: order.owner, email: order.email, cart: order.cart_id ?? order.id }
}

/** The subject of what is counted for a whole shop: no hash is like it. */
const SHOP = 'shop'

/**
 * The network that an address stands for: IPv4 as it is, IPv6 by its /64, of which one machine may have every address. `isPublic`: whether it can be
 * a shopper's on the internet.
 */
function networkOf(address: string): { network: string; isPublic: boolean } {
  if (!ipaddr.isValid(address)) return { network: address, isPublic: false }
  // An IPv4 address inside of an IPv6 one is the IPv4 address.
  const parsed = ipaddr.process(address)
  const isPublic = parsed.range() === 'unicast'
  if (parsed.kind() === 'ipv4') return { network: parsed.toString(), isPublic }
  return { network: parsed.toByteArray().slice(0, 8).join('.'), isPublic }
}
