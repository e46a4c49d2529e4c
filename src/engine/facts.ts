// What pricing may know, kept in memory while a shop's epoch stands. Every SELECT of carts brings the epoch along; when it moved, what its log
// names is dropped and read again, always after the epoch and never before: a fact may be newer than the epoch it is filed under, never
// older. Stock and the uses left of codes are not in the epoch: they are advice, at most a second old.
import type { Cart } from '../core/cart.ts'
import type { CodeFacts, Facts, LimitFacts } from '../core/facts.ts'
import { QUARTER_MS } from '../core/hours.ts'
import type { Variant } from '../core/product.ts'
import { asks, edgesOf, giftOf, isLimited, needsCode, type Promotion } from '../core/promotion.ts'
import { NO_QUOTES, type Quotes } from '../core/quote.ts'
import { type PresetName, type Settings, type SettingsPatch, settingsOf } from '../core/settings.ts'
import { availableTo, bundlesOf, type StockLevel } from '../core/stock.ts'
import { readEndpoints } from '../store/outbox.ts'
import { readVariants } from '../store/products.ts'
import { type CodeUses, type PromotionUses, readCodes, readLimits, readPromotions } from '../store/promotions.ts'
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
  /** Ids of all promotions, with a code or without, that have a limit. */
  readonly limited: readonly string[]
  /** What promotions give away. */
  readonly giftSkus: readonly string[]
  /** Whether an outside engine says what tax or shipping is. */
  readonly asksOutside: boolean
  readonly variants: Map<string, Variant>
  readonly unknownSkus: Set<string>
}

/** Ids of carts (of orders, where there is no cart) that hold something. */
export type Holders = readonly string[]

type Limits = ReadonlyMap<string, PromotionUses>

interface Advice<T> {
  readonly at: number
  readonly value: T
}

/** The facts cache of one process. */
export interface FactsCache {
  /** A shop as of an epoch that was just read, or, without one, as of now; null when there is no such shop. */
  shop(shopId: string, epoch?: number): Promise<ShopFacts | null>
  /** Makes sure that these skus and codes are known, and how many there are of tracked skus, for pricing carts of a shop. */
  collect(shop: ShopFacts, skus: Iterable<string>, codes: Iterable<string>): Promise<void>
  /**
   * The facts for one cart, from what was collected. What it holds itself, of stock and of codes, does not count against it, nor what carts hold
   * that were merged into it.
   */
  forCart(shop: ShopFacts, codes: readonly string[], skus: Iterable<string>, cart: Pick<Cart, 'id' | 'absorbed'>): Facts
  /** The same, with stock and uses read at this moment: for ordering. */
  fresh(reader: Reader, shop: ShopFacts, codes: readonly string[], skus: readonly string[], holder: string): Promise<Facts>
  /** How many of a sku these holders may have by the advice at hand; undefined when nothing is known or it is unlimited. */
  advice(shop: ShopFacts, sku: string, holders: Holders): number | undefined
  /** How much is left of a limit (see `LimitsSeen`) for these holders, by the advice at hand; null is unlimited or unknown. */
  left(shop: ShopFacts, key: string, holders: Holders): number | null
}

/** Makes the cache. `quotesOf` tells what outside engines said about a cart, as far as it is known. */
export function createFactsCache(store: Store, clock: Clock, quotesOf: (shopId: string, cartId: string) => Quotes): FactsCache {
  const shops = new Map<string, ShopFacts>()
  const refreshing = new Map<string, Promise<ShopFacts | null>>()
  const stock = new Recent<Advice<StockLevel | null>>()
  const limits = new Recent<Advice<Limits>>()
  const codes = new Recent<Advice<CodeUses | null>>()

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
      limited: promotions.filter(isLimited).map((promotion) => promotion.id),
      giftSkus: promotions.flatMap((promotion) => giftOf(promotion) ?? []),
      asksOutside: settings.tax.provider !== null || settings.shipping.provider !== null,
      variants: new Map(),
      unknownSkus: new Set(),
    }
    shops.set(shopId, next)
    return next
  }

  async function collect(known: ShopFacts, skus: Iterable<string>, wantedCodes: Iterable<string>): Promise<void> {
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
    await refreshAdvice(known, tracked, [...new Set(wantedCodes)])
  }

  async function refreshAdvice(known: ShopFacts, skus: readonly string[], wantedCodes: readonly string[]): Promise<void> {
    if (skus.length > 0) await refreshStock(known, skus)
    if (wantedCodes.length > 0) await refreshCodes(known.id, wantedCodes)
    if (known.limited.length > 0 && isStale(limits.get(known.id), clock.now())) {
      const at = clock.now()
      limits.set(known.id, { at, value: await readLimits(store.reader, known.id, known.limited) })
    }
  }

  async function refreshStock({ id, variants }: ShopFacts, skus: readonly string[]): Promise<void> {
    const now = clock.now()
    const stale = countedSkus(variants, skus).filter((sku) => isStale(stock.get(`${id}/${sku}`), now))
    if (stale.length === 0) return
    const levels = await readStock(store.reader, id, stale, now)
    for (const sku of stale) stock.set(`${id}/${sku}`, { at: now, value: levels.get(sku) ?? null })
  }

  async function refreshCodes(shopId: string, wanted: readonly string[]): Promise<void> {
    const now = clock.now()
    const stale = wanted.filter((code) => isStale(codes.get(`${shopId}/${code}`), now))
    if (stale.length === 0) return
    const read = await readCodes(store.reader, shopId, stale)
    for (const code of stale) codes.set(`${shopId}/${code}`, { at: now, value: read.get(code) ?? null })
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
    holders: Holders,
    levels: Map<string, number>,
    found: Map<string, CodeFacts>,
    left: Limits | undefined,
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
      limits: left ? new Map([...left].map(([promotionId, uses]) => [promotionId, limitFor(holders, uses)])) : NO_LIMITS,
      hasOrdered: null,
      quotes: known.asksOutside && holders[0] !== undefined ? quotesOf(id, holders[0]) : NO_QUOTES,
    }
  }

  function forCart(
    known: ShopFacts,
    wantedCodes: readonly string[],
    skus: Iterable<string>,
    { id, absorbed }: Pick<Cart, 'id' | 'absorbed'>,
  ): Facts {
    const holders = [id, ...absorbed]
    const levels = new Map<string, number>()
    for (const sku of known.giftSkus.length === 0 ? skus : new Set([...skus, ...known.giftSkus])) {
      const available = advice(known, sku, holders)
      if (available !== undefined) levels.set(sku, available)
    }
    const found = new Map<string, CodeFacts>()
    for (const code of wantedCodes) {
      const facts = codes.get(`${known.id}/${code}`)?.value
      if (facts) found.set(code, usableBy(holders, facts))
    }
    return assemble(known, holders, levels, found, known.limited.length === 0 ? undefined : limits.get(known.id)?.value)
  }

  async function fresh(
    reader: Reader,
    known: ShopFacts,
    wantedCodes: readonly string[],
    skus: readonly string[],
    holder: string,
  ): Promise<Facts> {
    const wantedSkus = [...new Set([...skus, ...known.giftSkus])]
    const levels = new Map<string, number>()
    const partsOf = (sku: string) => known.variants.get(sku)?.parts
    for (const [sku, level] of await readStock(reader, known.id, countedSkus(known.variants, wantedSkus), clock.now()))
      levels.set(sku, availableTo([holder], level, clock.now()))
    for (const sku of wantedSkus) {
      const bundles = bundlesOf(partsOf(sku) ?? [], (part) => levels.get(part))
      if (bundles !== undefined) levels.set(sku, bundles)
    }
    const found = new Map<string, CodeFacts>()
    for (const [code, facts] of await readCodes(reader, known.id, wantedCodes)) found.set(code, usableBy([holder], facts))
    return assemble(known, [holder], levels, found, await readLimits(reader, known.id, known.limited))
  }

  function left(known: ShopFacts, key: string, holders: Holders): number | null {
    const [kind = '', id = ''] = key.split(':')
    if (kind === 'code') {
      const uses = codes.get(`${known.id}/${id}`)?.value
      return uses ? usableBy(holders, uses).usesLeft : 0
    }
    const uses = limits.get(known.id)?.value.get(id)
    return uses ? limitFor(holders, uses).usesLeft : null
  }

  return { shop, collect, forCart, fresh, advice, left }
}

const NO_LIMITS: Facts['limits'] = new Map()

/** What is left for these: the use that a cart's own unpaid order holds does not stand in its way, like its stock. */
function limitFor(holders: Holders, { usesLeft, heldBy }: PromotionUses): LimitFacts {
  const own = usesLeft !== null && heldBy.some((each) => holders.includes(each)) ? 1 : 0
  return { usesLeft: usesLeft === null ? null : usesLeft + own, customerUsesLeft: null, budgetLeft: null }
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
function usableBy(holders: Holders, { promotionId, usesLeft, heldBy }: CodeUses): CodeFacts {
  return { promotionId, usesLeft: usesLeft !== null && heldBy?.some((each) => holders.includes(each)) ? usesLeft + 1 : usesLeft }
}

/** Advice is stale a second after it was read, and at once when the clock was turned back behind it. */
function isStale(advice: Advice<unknown> | undefined, now: number): boolean {
  return !advice || now - advice.at >= ADVICE_MS || now < advice.at
}
