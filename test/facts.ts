// What tests of the core are given: facts, variants, promotions and carts as plain values with sensible defaults, so that a test names only
// what it is about. Nothing here computes a price; amounts are minor units.
import assert from 'node:assert/strict'
import { addLines, type Cart, type Decision, emptyCart, type LineRequest, type Owner } from '../src/core/cart.ts'
import type { CodeFacts, Facts, LimitFacts } from '../src/core/facts.ts'
import { QUARTER_MS } from '../src/core/hours.ts'
import type { Variant } from '../src/core/product.ts'
import { asks, type Benefit, edgesOf, PROMOTION_DEFAULTS, type Promotion } from '../src/core/promotion.ts'
import { NO_QUOTES, type Quotes } from '../src/core/quote.ts'
import { isRefusal, type Refusal } from '../src/core/refusal.ts'
import { DEFAULT_SETTINGS, patchSettings, type SettingsPatch } from '../src/core/settings.ts'

/** The moment at which tests of the core happen: 2026-01-31T12:00:00.000Z. */
export const NOW = 1_769_860_800_000

/** What a test may say about its facts. */
export interface Given {
  readonly settings?: SettingsPatch
  readonly variants?: readonly Variant[]
  readonly stock?: Readonly<Record<string, number>>
  readonly promotions?: readonly Promotion[]
  /** Code → promotion id, or all that is known of it. */
  readonly codes?: Readonly<Record<string, string | CodeFacts>>
  /** What limited promotions have left, by id. */
  readonly limits?: Readonly<Record<string, Partial<LimitFacts>>>
  readonly hasOrdered?: boolean | null
  readonly quotes?: Quotes
  readonly currency?: string
  readonly now?: number
  readonly epoch?: number
}

const UNLIMITED: LimitFacts = { usesLeft: null, customerUsesLeft: null, budgetLeft: null }

/** Facts of a shop in USD with default settings, and what the test says. */
export function factsOf(given: Given = {}): Facts {
  const codes = Object.entries(given.codes ?? {}).map(
    ([code, known]) => [code, typeof known === 'string' ? { promotionId: known, usesLeft: null } : known] as const,
  )
  return {
    now: given.now ?? NOW,
    epoch: given.epoch ?? 1,
    lastEdge: lastEdgeOf(given.promotions ?? [], given.now ?? NOW),
    shop: { id: 'shop', currency: given.currency ?? 'USD', settings: patchSettings(DEFAULT_SETTINGS, given.settings ?? {}) },
    variants: new Map((given.variants ?? []).map((variant) => [variant.sku, variant])),
    stock: new Map(Object.entries(given.stock ?? {})),
    promotions: new Map((given.promotions ?? []).map((promotion) => [promotion.id, promotion])),
    codes: new Map(codes),
    limits: new Map(Object.entries(given.limits ?? {}).map(([id, left]) => [id, { ...UNLIMITED, ...left }])),
    hasOrdered: given.hasOrdered ?? null,
    quotes: given.quotes ?? NO_QUOTES,
  }
}

/** The last moment that has passed at which one of these promotions began or ended, as facts know it. */
export function lastEdgeOf(promotions: readonly Promotion[], now: number): number {
  const quarter = promotions.some((promotion) => asks(promotion, 'hours')) ? now - (now % QUARTER_MS) : 0
  return Math.max(quarter, ...promotions.flatMap(edgesOf).filter((edge) => edge <= now))
}

/** A variant that costs `prices`: one amount in USD, or an amount per currency. */
export function variantOf(sku: string, prices: number | Readonly<Record<string, number>>, changes: Partial<Variant> = {}): Variant {
  const amounts = typeof prices === 'number' ? { USD: prices } : prices
  return {
    sku,
    productId: `prd_${sku}`,
    handle: sku.toLowerCase(),
    name: `Product ${sku}`,
    variantName: '',
    image: null,
    kind: 'goods',
    published: true,
    options: {},
    prices: Object.entries(amounts).map(([currency, amount]) => ({ currency, amount })),
    stockPolicy: 'deny',
    requiresShipping: true,
    taxCategory: 'standard',
    taxable: true,
    grams: 100,
    quantityStep: 1,
    quantityMin: 1,
    tags: [],
    ...changes,
  }
}

/** An active promotion without conditions. */
export function promotionOf(id: string, benefit: Benefit, changes: Partial<Promotion> = {}): Promotion {
  return { ...PROMOTION_DEFAULTS, id, name: `Promotion ${id}`, benefit, ...changes }
}

/** An empty cart of a guest in USD. */
export function guestCart(changes: Partial<Cart> = {}, id = 'cart_guest'): Cart {
  return { ...emptyOf(id, { kind: 'guest', guestId: 'gst_1' }), ...changes }
}

/** An empty cart of an account in USD. */
export function accountCart(changes: Partial<Cart> = {}): Cart {
  return { ...emptyOf('cart_account', { kind: 'account', accountId: 'shop:robin' }), ...changes }
}

function emptyOf(id: string, owner: Owner): Cart {
  return emptyCart({ id, number: `N-${id}`, shopId: 'shop', type: 'shopping', owner, currency: 'USD', now: NOW })
}

let made = 0

/** A line request; its id is a new one unless it is given. */
export function line(sku: string, quantity = 1, rest: Partial<LineRequest> = {}): LineRequest {
  made += 1
  return { id: `ln_${made}`, sku, quantity, ...rest }
}

/** A request for an item without a catalogue entry. */
export function inlineLine(name: string, unitPrice: number, rest: Partial<LineRequest> = {}, taxCategory = 'standard'): LineRequest {
  made += 1
  return { id: `ln_${made}`, quantity: 1, inline: { name, unitPrice, taxCategory }, ...rest }
}

/** What a command decided; fails where it refused. */
export function done<T>(result: T | Refusal): T {
  assert.ok(!isRefusal(result), `refused: ${JSON.stringify(result)}`)
  return result
}

/** The refusal of a command; fails where it decided. */
export function refusalOf(result: unknown): Refusal {
  assert.ok(isRefusal(result), `not refused: ${JSON.stringify(result)}`)
  return result
}

/** A cart with these lines added, each of them accepted. */
export function cartWith(facts: Facts, lines: readonly LineRequest[], cart: Cart = guestCart()): Cart {
  return done<Decision>(addLines(cart, { lines, atomic: true }, facts)).cart
}

/** What of a cart's lines most tests look at. */
export function quantities(cart: Cart): Record<string, number> {
  return Object.fromEntries(cart.lines.map((each) => [each.id, each.quantity]))
}
