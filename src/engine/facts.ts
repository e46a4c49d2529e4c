// What pricing may know, kept in memory while a shop's epoch stands. Every SELECT of carts brings the epoch along; when it moved, what its log
// names is dropped and read again, always after the epoch and never before: a fact may be newer than the epoch it is filed under, never
// older. Stock, the uses left of codes and what customers used are not in the epoch: they are advice, at most a second old.
import type { Cart } from '../core/cart.ts'
import { type Customer, customerBy, customerKey, isKnown } from '../core/customer.ts'
import type { CodeFacts, Facts, LimitFacts } from '../core/facts.ts'
import { QUARTER_MS } from '../core/hours.ts'
import type { Variant } from '../core/product.ts'
import { asks, edgesOf, giftOf, isLimited, needsCode, type Promotion } from '../core/promotion.ts'
import { NO_QUOTES, type Quotes } from '../core/quote.ts'
import { type PresetName, type Settings, type SettingsPatch, settingsOf } from '../core/settings.ts'
import { availableTo, bundlesOf, type StockLevel } from '../core/stock.ts'
import { readEndpoints } from '../store/endpoints.ts'
import { readVariants } from '../store/products.ts'
import { type CodeUses, readCodes, readPromotions } from '../store/promotions.ts'
import { type CustomerUses, countedOf, type Held, type PromotionUses, readCustomers, readLimits } from '../store/redemptions.ts'
import { changedSince, readShop } from '../store/shops.ts'
import { readStock } from '../store/stock.ts'
import type { Reader, Store } from '../store/store.ts'
import type { EndpointTable } from '../store/tables.ts'
import type { Clock } from './ports.ts'

/** How old advice may be. */
const ADVICE_MS = 1000
/** Above this many entries a map begins anew: memory is bounded, and what is used often is read again at once. */
const KEPT = 50_000

/** A map of bounded size. What was put in last survives a new beginning, so that nothing vanishes between being read and being used. */
class Recent<Value> {
  private current = new Map<string, Value>()
  private before = new Map<string, Value>()

  get(key: string): Value | undefined {
    return this.current.get(key) ?? this.before.get(key)
  }

  set(key: string, value: Value): void {
    if (this.current.size >= KEPT) {
      this.before = this.current
      this.current = new Map()
    }
    this.current.set(key, value)
  }
}

/** What is known of a shop under one epoch. */
export interface ShopFacts {
  readonly id: string
  readonly name: string
  readonly currency: string
  readonly preset: PresetName
  readonly createdAt: number
  readonly epoch: number
  readonly settings: Settings
  readonly endpoints: readonly EndpointTable[]
  readonly promotions: ReadonlyMap<string, Promotion>
  /** Those that need no code. */
  readonly automatic: ReadonlyMap<string, Promotion>
  /** When promotions begin and end, in order. */
  readonly edges: readonly number[]
  /** Whether one of them looks at the time of day. */
  readonly hasHours: boolean
  /** The promotions that have a limit, and the ids of those among them that need no code: every cart looks at these. */
  readonly limited: readonly Promotion[]
  readonly limitedAlways: readonly string[]
  /** The promotions whose uses are counted for each customer. */
  readonly personal: readonly Promotion[]
  /** Whether one of them is for first orders. */
  readonly asksFirstOrder: boolean
  /** What promotions give away. */
  readonly giftSkus: readonly string[]
  /** Whether an outside engine says what tax or shipping is. */
  readonly asksOutside: boolean
  /** Whether carts hold what is in them (`inventory.reserve` = cart). */
  readonly cartsHold: boolean
  /** Whether it counts which e-mail addresses are accounts' (`checkout.guestEmailOfAccount` = requireLogin). */
  readonly asksAccounts: boolean
  readonly variants: Map<string, Variant>
  readonly unknownSkus: Set<string>
}

/** Ids of carts (of orders, where there is no cart) that hold something. */
export type Holders = readonly string[]

/** By what a cart's customer is known, as it was said: which customer that is, is asked only where something is counted for each. */
export interface Buyer {
  readonly account: string | null
  readonly email: string | null
}

/** Whose price it is: what they hold themselves does not stand in their way, and limits per customer are theirs. */
export interface Holding {
  readonly holders: Holders
  readonly buyer: Buyer
}

/** By what the customer of a cart is known. */
export function buyerOf({ owner, email }: Pick<Cart, 'owner' | 'email'>): Buyer {
  return { account: owner.kind === 'account' ? owner.accountId : null, email }
}

/** Who holds what for a cart: itself, and the carts that were merged into it. */
export function holdingOf(cart: Pick<Cart, 'id' | 'absorbed' | 'owner' | 'email'>): Holding {
  return { holders: [cart.id, ...cart.absorbed], buyer: buyerOf(cart) }
}

type Limits = ReadonlyMap<string, PromotionUses>

interface Advice<T> {
  readonly at: number
  readonly value: T
}

/** The facts cache of one process. */
export interface FactsCache {
  /** A shop as of an epoch that was just read, or, without one, as of now; null when there is no such shop. */
  shop(shopId: string, epoch?: number): Promise<ShopFacts | null>
  /**
   * Makes sure that these skus and codes are known, how many there are of tracked skus, and what these buyers used of what is counted for each,
   * for pricing carts of a shop.
   */
  collect(shop: ShopFacts, skus: Iterable<string>, codes: Iterable<string>, buyers: Iterable<Buyer>): Promise<void>
  /** Whether what the shop counts for each customer is known of this one. */
  knows(shop: ShopFacts, buyer: Buyer): boolean
  /**
   * The facts for one cart, from what was collected. What it holds itself, of stock and of codes, does not count against it, nor what carts hold
   * that were merged into it. `opened`: promotions that are looked at besides those that need no code or that one of the codes opens.
   */
  forCart(
    shop: ShopFacts,
    codes: readonly string[],
    skus: Iterable<string>,
    cart: Pick<Cart, 'id' | 'absorbed' | 'owner' | 'email'>,
    opened?: readonly string[],
  ): Facts
  /** The same facts for another customer: of whom a command made the cart. */
  forCustomer(facts: Facts, shop: ShopFacts, holding: Holding): Facts
  /** The same as `forCart`, with stock and uses read at this moment: for ordering. */
  fresh(reader: Reader, shop: ShopFacts, codes: readonly string[], skus: readonly string[], holding: Holding): Promise<Facts>
  /** How many of a sku these holders may have by the advice at hand; undefined when nothing is known or it is unlimited. */
  advice(shop: ShopFacts, sku: string, holders: Holders): number | undefined
  /** Advice on these skus is read again before it is used next: it was found to be wrong. */
  doubtStock(shopId: string, skus: readonly string[]): void
  /** How much is left of a limit (see `LimitsSeen`), by the advice at hand; null is unlimited. */
  left(shop: ShopFacts, key: string, holding: Holding): number | null
}

/** Makes the cache. `quotesOf` tells what outside engines said about a cart, as far as it is known. */
export function createFactsCache(store: Store, clock: Clock, quotesOf: (shopId: string, cartId: string) => Quotes): FactsCache {
  const shops = new Map<string, ShopFacts>()
  const refreshing = new Map<string, Promise<ShopFacts | null>>()
  const stock = new Recent<Advice<StockLevel | null>>()
  const limits = new Recent<Advice<Limits>>()
  const codes = new Recent<Advice<CodeUses | null>>()
  const customers = new Recent<Advice<CustomerUses>>()

  async function shop(shopId: string, epoch?: number): Promise<ShopFacts | null> {
    const known = shops.get(shopId)
    if (known && epoch !== undefined && known.epoch >= epoch) return known
    const current =
      epoch ?? (await store.reader.db.selectFrom('epochs').select('epoch').where('shop_id', '=', shopId).executeTakeFirst())?.epoch
    if (current === undefined) return null
    if (known && known.epoch >= current) return known
    const waiting = refreshing.get(shopId)
    if (waiting) {
      const refreshed = await waiting
      return refreshed && refreshed.epoch >= current ? refreshed : shop(shopId, current)
    }
    const reading = refresh(shopId, known, current).finally(() => refreshing.delete(shopId))
    refreshing.set(shopId, reading)
    return reading
  }

  async function refresh(shopId: string, known: ShopFacts | undefined, epoch: number): Promise<ShopFacts | null> {
    const changed = known ? await changedSince(store.reader, shopId, known.epoch, epoch) : null
    if (known && changed !== null) {
      const variants = new Map(known.variants)
      for (const sku of changed) variants.delete(sku)
      const unknownSkus = new Set([...known.unknownSkus].filter((sku) => !changed.includes(sku)))
      const next = { ...known, epoch, variants, unknownSkus }
      shops.set(shopId, next)
      return next
    }
    const row = await readShop(store.reader, shopId)
    if (!row) return null
    const promotions = await readPromotions(store.reader, shopId)
    const preset = row.preset as PresetName
    const automatic = promotions.filter((promotion) => !needsCode(promotion))
    const settings = settingsOf(preset, JSON.parse(row.document) as SettingsPatch)
    const next: ShopFacts = {
      id: shopId,
      name: row.name,
      currency: row.currency,
      preset,
      createdAt: row.created_at,
      epoch,
      settings,
      endpoints: await readEndpoints(store.reader, shopId),
      promotions: new Map(promotions.map((promotion) => [promotion.id, promotion])),
      automatic: new Map(automatic.map((promotion) => [promotion.id, promotion])),
      edges: promotions.flatMap(edgesOf).sort((a, b) => a - b),
      hasHours: promotions.some((promotion) => asks(promotion, 'hours')),
      limited: promotions.filter(isLimited),
      limitedAlways: automatic.filter(isLimited).map((promotion) => promotion.id),
      personal: promotions.filter((promotion) => countedOf(promotion, 0) !== null),
      asksFirstOrder: promotions.some((promotion) => asks(promotion, 'first_order')),
      giftSkus: promotions.flatMap((promotion) => giftOf(promotion) ?? []),
      cartsHold: settings.inventory.reserve === 'cart',
      asksAccounts: settings.checkout.guestEmailOfAccount === 'requireLogin',
      asksOutside: settings.tax.provider !== null || settings.shipping.provider !== null,
      variants: new Map(),
      unknownSkus: new Set(),
    }
    shops.set(shopId, next)
    return next
  }

  async function collect(known: ShopFacts, skus: Iterable<string>, wantedCodes: Iterable<string>, buyers: Iterable<Buyer>): Promise<void> {
    const missing: string[] = []
    const tracked: string[] = []
    for (const sku of new Set([...skus, ...known.giftSkus])) {
      const variant = known.variants.get(sku)
      if (!variant && !known.unknownSkus.has(sku)) missing.push(sku)
      else if (isCounted(variant)) tracked.push(sku)
    }
    if (missing.length > 0) {
      // Whoever works with `known` at this moment keeps it whole; the next one begins anew.
      if (known.variants.size + known.unknownSkus.size > KEPT && shops.get(known.id) === known)
        shops.set(known.id, { ...known, variants: new Map(), unknownSkus: new Set() })
      const read = await readVariants(store.reader, known.id, missing)
      for (const sku of missing) {
        const variant = read.get(sku)
        if (variant) known.variants.set(sku, variant)
        else known.unknownSkus.add(sku)
        if (isCounted(variant)) tracked.push(sku)
      }
    }
    if (tracked.length > 0) await refreshStock(known, tracked)
    await refreshCodes(known, [...new Set(wantedCodes)])
    await refreshLimits(known)
    await refreshCustomers(known, buyers)
  }

  async function refreshLimits(known: ShopFacts): Promise<void> {
    if (known.limited.length === 0 || !isStale(limits.get(within(known)), clock.now())) return
    const at = clock.now()
    limits.set(within(known), { at, value: await readLimits(store.reader, known.id, known.limited) })
  }

  async function refreshCustomers(known: ShopFacts, buyers: Iterable<Buyer>): Promise<void> {
    if (known.personal.length === 0) return
    const now = clock.now()
    const stale = new Map<string, Customer>()
    for (const { account, email } of buyers) {
      const customer = customerBy(account, email)
      const key = within(known, customerKey(customer))
      if (isKnown(customer) && isStale(customers.get(key), now)) stale.set(key, customer)
    }
    if (stale.size === 0) return
    const read = await readUsesOf(store.reader, known, [...stale.values()])
    for (const [index, key] of [...stale.keys()].entries()) {
      const value = read[index]
      if (value) customers.set(key, { at: now, value })
    }
  }

  function readUsesOf(reader: Reader, { id, personal, asksFirstOrder }: ShopFacts, wanted: readonly Customer[]): Promise<CustomerUses[]> {
    const now = clock.now()
    const counted = personal.flatMap((promotion) => countedOf(promotion, now) ?? [])
    return readCustomers(reader, id, wanted, counted, asksFirstOrder)
  }

  function knows(known: ShopFacts, { account, email }: Buyer): boolean {
    if (known.personal.length === 0) return true
    const customer = customerBy(account, email)
    return !isKnown(customer) || !isStale(customers.get(within(known, customerKey(customer))), clock.now())
  }

  async function refreshStock({ id, variants }: ShopFacts, skus: readonly string[]): Promise<void> {
    const now = clock.now()
    const stale = countedSkus(variants, skus).filter((sku) => isStale(stock.get(`${id}/${sku}`), now))
    if (stale.length === 0) return
    const levels = await readStock(store.reader, id, stale, now)
    for (const sku of stale) stock.set(`${id}/${sku}`, { at: now, value: levels.get(sku) ?? null })
  }

  function doubtStock(shopId: string, skus: readonly string[]): void {
    for (const sku of skus) {
      const known = stock.get(`${shopId}/${sku}`)
      // What is known stays until then: nothing known would mean that there is no end of it.
      if (known) stock.set(`${shopId}/${sku}`, { ...known, at: Number.NEGATIVE_INFINITY })
    }
  }

  async function refreshCodes(known: ShopFacts, wanted: readonly string[]): Promise<void> {
    const now = clock.now()
    const stale = wanted.filter((code) => isStale(codes.get(within(known, code)), now))
    if (stale.length === 0) return
    const read = await readCodes(store.reader, known.id, stale)
    for (const code of stale) codes.set(within(known, code), { at: now, value: read.get(code) ?? null })
  }

  function advice({ id, variants }: ShopFacts, sku: string, holders: Holders): number | undefined {
    const parts = variants.get(sku)?.parts
    const single = (each: string) => {
      const level = stock.get(`${id}/${each}`)?.value
      return level ? availableTo(holders, level, clock.now()) : undefined
    }
    return parts ? bundlesOf(parts, single) : single(sku)
  }

  function assemble(
    known: ShopFacts,
    levels: Map<string, number>,
    found: Map<string, CodeFacts>,
    own: Pick<Facts, 'limits' | 'hasOrdered'>,
    cartId: string | undefined,
  ): Facts {
    const opened = [...found.values()].flatMap(({ promotionId }) => known.promotions.get(promotionId) ?? [])
    const isPlain = opened.every((promotion) => known.automatic.has(promotion.id))
    const { id, currency, settings } = known
    const now = clock.now()
    return {
      now,
      epoch: known.epoch,
      lastEdge: Math.max(known.edges.findLast((edge) => edge <= now) ?? 0, known.hasHours ? now - (now % QUARTER_MS) : 0),
      shop: { id, currency, settings },
      variants: known.variants,
      stock: levels,
      promotions: isPlain
        ? known.automatic
        : new Map([...known.automatic, ...opened.map((promotion) => [promotion.id, promotion] as const)]),
      codes: found,
      ...own,
      quotes: known.asksOutside && cartId !== undefined ? quotesOf(id, cartId) : NO_QUOTES,
    }
  }

  function forCart(
    known: ShopFacts,
    wantedCodes: readonly string[],
    skus: Iterable<string>,
    cart: Pick<Cart, 'id' | 'absorbed' | 'owner' | 'email'>,
    opened: readonly string[] = [],
  ): Facts {
    const holding = holdingOf(cart)
    const levels = new Map<string, number>()
    for (const sku of known.giftSkus.length === 0 ? skus : new Set([...skus, ...known.giftSkus])) {
      const available = advice(known, sku, holding.holders)
      if (available !== undefined) levels.set(sku, available)
    }
    const found = new Map<string, CodeFacts>()
    for (const code of wantedCodes) {
      const facts = codes.get(within(known, code))?.value
      if (facts) found.set(code, usableBy(holding.holders, facts))
    }
    return assemble(known, levels, found, advisedLimits(known, holding, limitedOf(known, found, opened)), holding.holders[0])
  }

  function forCustomer(facts: Facts, known: ShopFacts, holding: Holding): Facts {
    return { ...facts, ...advisedLimits(known, holding, [...facts.limits.keys()]) }
  }

  function advisedLimits(known: ShopFacts, holding: Holding, ids: readonly string[]): Pick<Facts, 'limits' | 'hasOrdered'> {
    const { account, email } = holding.buyer
    const key = known.personal.length === 0 ? '' : customerKey(customerBy(account, email))
    return limitsOf(known, holding, ids, limits.get(within(known))?.value, customers.get(within(known, key))?.value)
  }

  async function fresh(
    reader: Reader,
    known: ShopFacts,
    wantedCodes: readonly string[],
    skus: readonly string[],
    holding: Holding,
  ): Promise<Facts> {
    const { holders, buyer } = holding
    const customer = customerBy(buyer.account, buyer.email)
    const wantedSkus = [...new Set([...skus, ...known.giftSkus])]
    const levels = new Map<string, number>()
    const partsOf = (sku: string) => known.variants.get(sku)?.parts
    for (const [sku, level] of await readStock(reader, known.id, countedSkus(known.variants, wantedSkus), clock.now()))
      levels.set(sku, availableTo(holders, level, clock.now()))
    for (const sku of wantedSkus) {
      const bundles = bundlesOf(partsOf(sku) ?? [], (part) => levels.get(part))
      if (bundles !== undefined) levels.set(sku, bundles)
    }
    const found = new Map<string, CodeFacts>()
    for (const [code, facts] of await readCodes(reader, known.id, wantedCodes)) found.set(code, usableBy(holders, facts))
    const ids = limitedOf(known, found)
    const left = await readLimits(
      reader,
      known.id,
      ids.flatMap((id) => known.promotions.get(id) ?? []),
    )
    const [used] = known.personal.length > 0 && isKnown(customer) ? await readUsesOf(reader, known, [customer]) : []
    return assemble(known, levels, found, limitsOf(known, holding, ids, left, used), holders[0])
  }

  function left(known: ShopFacts, key: string, holding: Holding): number | null {
    const [, kind = '', rest = ''] = /^([^:]*):?(.*)$/.exec(key) ?? []
    if (kind === 'code') {
      const uses = codes.get(within(known, rest))?.value
      return uses ? usableBy(holding.holders, uses).usesLeft : 0
    }
    const isBudget = kind === 'budget'
    const id = isBudget ? rest.slice(0, rest.lastIndexOf(':')) : rest
    const promotion = known.promotions.get(id)
    const { limits: own, hasOrdered } = advisedLimits(known, holding, promotion && isLimited(promotion) ? [id] : [])
    if (kind === 'first_order') return hasOrdered === false ? 1 : 0
    const limit = own.get(id)
    if (!limit) return null
    if (isBudget) return limit.budgetLeft && (limit.budgetLeft[rest.slice(rest.lastIndexOf(':') + 1)] ?? 0)
    if (kind === 'customer') return limit.customerUsesLeft === 'unknown' ? 0 : limit.customerUsesLeft
    return limit.usesLeft
  }

  return { shop, collect, knows, forCart, forCustomer, fresh, advice, doubtStock, left }
}

const NO_LIMITS: Facts['limits'] = new Map()

/** Under which advice is kept. What was switched on, off or limited is told by the epoch: advice from before it must not be taken for news. */
function within({ id, epoch }: ShopFacts, key = ''): string {
  return `${id}/${epoch}/${key}`
}

/** The limited promotions that a cart with these codes looks at: however many others a shop has, its carts do not pay for them. */
function limitedOf(
  { promotions, automatic, limitedAlways }: ShopFacts,
  codes: ReadonlyMap<string, CodeFacts>,
  opened: readonly string[] = [],
): readonly string[] {
  if (codes.size === 0 && opened.length === 0) return limitedAlways
  const further = [...[...codes.values()].map(({ promotionId }) => promotionId), ...opened].filter((id) => {
    const promotion = promotions.get(id)
    return promotion !== undefined && !automatic.has(id) && isLimited(promotion)
  })
  return [...limitedAlways, ...new Set(further)]
}

/** What limited promotions have left for a cart: what its own unpaid order holds does not stand in its way, like its stock. */
function limitsOf(
  { promotions, asksFirstOrder }: ShopFacts,
  { holders }: Holding,
  ids: readonly string[],
  left: Limits | undefined,
  used: CustomerUses | undefined,
): Pick<Facts, 'limits' | 'hasOrdered'> {
  const isOwn = (cartId: string) => holders.includes(cartId)
  const usedBy = (promotionId: string) => {
    const uses = used?.uses.get(promotionId)
    return uses ? uses.count - uses.heldBy.filter(isOwn).length : 0
  }
  const isFirst = (id: string) => {
    const promotion = promotions.get(id)
    return promotion !== undefined && asks(promotion, 'first_order') && usedBy(id) > 0
  }
  const hasOrdered = asksFirstOrder && used ? used.hasOrdered || [...used.uses.keys()].some(isFirst) : null
  if (ids.length === 0) return { limits: NO_LIMITS, hasOrdered }
  const limits = ids.map((id) => {
    const { usesLeft = null, budgetLeft = null, held = [] } = left?.get(id) ?? {}
    const own = held.filter(({ cartId }) => isOwn(cartId))
    const perCustomer = promotions.get(id)?.perCustomer ?? null
    const limit: LimitFacts = {
      usesLeft: usesLeft === null ? null : usesLeft + own.length,
      customerUsesLeft: perCustomer && (used ? perCustomer.uses - usedBy(id) : 'unknown'),
      budgetLeft: budgetLeft && withHeld(budgetLeft, own),
    }
    return [id, limit] as const
  })
  return { limits: new Map(limits), hasOrdered }
}

function withHeld(budgetLeft: Readonly<Record<string, number>>, own: readonly Held[]): Record<string, number> {
  const left = { ...budgetLeft }
  for (const { currency, amount } of own) if (currency !== null && left[currency] !== undefined) left[currency] += amount
  return left
}

/** The skus whose stock counts for these: for a bundle those of its parts; each once. */
function countedSkus(variants: ReadonlyMap<string, Variant>, skus: readonly string[]): string[] {
  return [...new Set(skus.flatMap((sku) => variants.get(sku)?.parts?.map((part) => part.sku) ?? sku))]
}

/** Whether there may be too few of it: counted and not sold beyond zero, by itself or by its parts. */
function isCounted(variant: Variant | undefined): boolean {
  return variant?.stockPolicy === 'deny' || variant?.parts !== undefined
}

/** The use that a cart's own unpaid order holds does not stand in its way, like its stock: it is replaced with that order. */
function usableBy(holders: Holders, { heldBy, ...code }: CodeUses): CodeFacts {
  return code.usesLeft !== null && heldBy?.some((each) => holders.includes(each)) ? { ...code, usesLeft: code.usesLeft + 1 } : code
}

/** Advice is stale a second after it was read, and at once when the clock was turned back behind it. */
function isStale(advice: Advice<unknown> | undefined, now: number): boolean {
  return !advice || now - advice.at >= ADVICE_MS || now < advice.at
}
