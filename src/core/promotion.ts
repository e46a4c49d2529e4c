// A promotion is conditions and one benefit, both data. What is here is what a promotion *is*; whether its conditions hold is found in
// condition.ts, what its benefit takes off in benefit.ts, and which of several promotions apply together in promoting.ts.
import type { Money } from './money.ts'

/**
 * Which lines are meant. A line matches when it is in every list that is given (a list matches by any of its entries) and in none of the lists of
 * `except`. `products` are ids or handles. Gifts of promotions never match; items without a catalogue entry are in no list.
 */
export interface LineFilter {
  readonly skus?: readonly string[]
  readonly products?: readonly string[]
  readonly categories?: readonly string[]
  readonly tags?: readonly string[]
  readonly except?: Omit<LineFilter, 'except'>
}

/**
 * Something that must hold; all conditions of a promotion must. Amounts are lists with one amount per currency: in a currency that is missing the
 * condition does not hold. Totals are sums of lines before discounts; `of` restricts what is summed. Times are milliseconds.
 */
export type Condition =
  | { readonly kind: 'all' | 'any' | 'none'; readonly conditions: readonly Condition[] }
  /** One of the promotion's codes is on the cart. */
  | { readonly kind: 'code' }
  | { readonly kind: 'item_total'; readonly atLeast?: readonly Money[]; readonly atMost?: readonly Money[]; readonly of?: LineFilter }
  | { readonly kind: 'quantity'; readonly atLeast?: number; readonly atMost?: number; readonly of?: LineFilter }
  /** Some line matches; with `every`, all lines do. */
  | { readonly kind: 'lines'; readonly of: LineFilter; readonly every?: boolean }
  | { readonly kind: 'customer_group'; readonly groups: readonly string[] }
  /** The owner is an account (one of these, where ids are given) or a guest. */
  | { readonly kind: 'account'; readonly is: 'account' | 'guest'; readonly ids?: readonly string[] }
  /** The customer, known by account or e-mail, has no placed order yet. */
  | { readonly kind: 'first_order' }
  /** Where it goes, ISO 3166-1 alpha-2. */
  | { readonly kind: 'country'; readonly countries: readonly string[] }
  | { readonly kind: 'currency'; readonly currencies: readonly string[] }
  | { readonly kind: 'dates'; readonly from?: number; readonly until?: number }
  /** ISO weekdays (1 Monday … 7 Sunday) and a time of day from `from` up to, not including, `until` (`HH:MM`, whole quarter hours) in a time zone. */
  | {
      readonly kind: 'hours'
      readonly timeZone: string
      readonly weekdays?: readonly number[]
      readonly from?: string
      readonly until?: string
    }
  /** None of these promotions applies to the cart. Only promotions that run earlier count (see promoting.ts). */
  | { readonly kind: 'without'; readonly promotions: readonly string[] }

/**
 * What a promotion gives. `percent` is a decimal string. Amounts are per currency; in a currency that is missing the promotion does not apply.
 * `on`: `order` takes a share of the sum of the matching lines and spreads it by largest remainder; `lines` is computed and rounded for each
 * matching line; `units` for each piece; `shipping` comes off the shipping price. `maxUnits` limits how many pieces get it, the cheapest first.
 */
export type Benefit =
  | { readonly kind: 'percent_off'; readonly percent: string; readonly on?: 'order' | 'lines' | 'shipping'; readonly of?: LineFilter }
  | {
      readonly kind: 'amount_off'
      readonly amounts: readonly Money[]
      readonly on?: 'order' | 'lines' | 'units' | 'shipping'
      readonly of?: LineFilter
      readonly maxUnits?: number
    }
  /** Each matching piece costs this, where it costs more. */
  | { readonly kind: 'fixed_price'; readonly prices: readonly Money[]; readonly of?: LineFilter; readonly maxUnits?: number }
  /** Shipping costs nothing: by any method, or by one of these. */
  | { readonly kind: 'free_shipping'; readonly methods?: readonly string[] }
  /**
   * Buy X get Y: for every `buy.quantity` pieces bought, up to `get.quantity` others are `percent` off, the cheapest ones; a piece counts once, as
   * bought or as got. `max` limits how many times.
   */
  | {
      readonly kind: 'buy_get'
      readonly buy: { readonly quantity: number; readonly of?: LineFilter }
      readonly get: { readonly quantity: number; readonly of?: LineFilter; readonly percent: string }
      readonly max?: number
    }
  /** These pieces together cost this; the dearest that match are taken first. `max` limits how many times. */
  | {
      readonly kind: 'bundle_price'
      readonly items: readonly { readonly quantity: number; readonly of?: LineFilter }[]
      readonly prices: readonly Money[]
      readonly max?: number
    }
  /** A line that costs nothing joins the cart as long as the promotion applies. */
  | { readonly kind: 'gift'; readonly sku: string; readonly quantity: number }
  /** The percentage of the highest tier that is reached, by the quantity or the total of the matching lines. */
  | {
      readonly kind: 'tiered_percent'
      readonly by: 'quantity' | 'item_total'
      readonly tiers: readonly { readonly from: number | readonly Money[]; readonly percent: string }[]
      readonly of?: LineFilter
    }

/** A promotion. Times are milliseconds; null is open-ended. */
export interface Promotion {
  readonly id: string
  readonly name: string
  readonly active: boolean
  readonly startsAt: number | null
  readonly endsAt: number | null
  /** Lanes run one after the other, lowest first; inside a lane the higher priority, then the id. */
  readonly lane: number
  readonly priority: number
  /** Of the promotions of one group in one lane only the one that gives most applies; they take their turn where the first of them stands. */
  readonly group: string | null
  /** It applies alone or not at all: what gives the shopper more, this one alone or the others together, is taken. */
  readonly exclusive: boolean
  /** When it applies, nothing that would run after it does. */
  readonly stops: boolean
  /** Percentages are of the original amount or of what earlier promotions left (C33); null: as the shop decides. */
  readonly percentBase: 'original' | 'running' | null
  /** The most that it takes off one cart, per currency; null is no cap. In a currency that is missing there is none. */
  readonly cap: readonly Money[] | null
  /** How many orders may use it; null is unlimited. Placed and unpaid orders count. */
  readonly usesMax: number | null
  /** How many orders of one customer (account, or normalised e-mail) may use it; `within` (ISO 8601 duration) counts only those not older. */
  readonly perCustomer: { readonly uses: number; readonly within: string | null } | null
  /** How much it may take off all orders together, per currency; in a currency that is missing it does not apply. Null is unlimited. */
  readonly budget: readonly Money[] | null
  /** Whether shoppers are told why it does not apply although the shop gives neutral answers (C34). */
  readonly tellsReasons: boolean
  readonly conditions: readonly Condition[]
  readonly benefit: Benefit
}

/** What a promotion has where nothing else is said; of a document that an older version wrote, too. */
export const PROMOTION_DEFAULTS = {
  active: true,
  startsAt: null,
  endsAt: null,
  lane: 0,
  priority: 0,
  group: null,
  exclusive: false,
  stops: false,
  percentBase: null,
  cap: null,
  perCustomer: null,
  budget: null,
  usesMax: null,
  tellsReasons: false,
  conditions: [],
} as const

/** A promotion from its document. */
export function parsePromotion(document: string): Promotion {
  return { ...PROMOTION_DEFAULTS, ...(JSON.parse(document) as Promotion) }
}

/** Whether a promotion can never apply without one of its codes. */
export function needsCode(promotion: Promotion): boolean {
  return promotion.conditions.some(cannotHoldWithoutCode)
}

function cannotHoldWithoutCode(condition: Condition): boolean {
  if (condition.kind === 'all') return condition.conditions.some(cannotHoldWithoutCode)
  if (condition.kind === 'any') return condition.conditions.length > 0 && condition.conditions.every(cannotHoldWithoutCode)
  return condition.kind === 'code'
}

/** Whether uses of it are counted against anything, apart from what its codes allow. */
export function isLimited({ usesMax, perCustomer, budget }: Promotion): boolean {
  return usesMax !== null || perCustomer !== null || budget !== null
}

/** Whether a promotion has a condition of a kind, anywhere in its tree. */
export function asks({ conditions }: Promotion, kind: Condition['kind']): boolean {
  if (conditions.length === 0) return false
  const has = (condition: Condition): boolean => condition.kind === kind || ('conditions' in condition && condition.conditions.some(has))
  return conditions.some(has)
}

/** The moments, in milliseconds, at which a promotion begins or ends to hold by its dates. */
export function edgesOf({ startsAt, endsAt, conditions }: Promotion): number[] {
  const edges: number[] = []
  if (startsAt !== null) edges.push(startsAt)
  if (endsAt !== null) edges.push(endsAt)
  const look = (condition: Condition): void => {
    if ('conditions' in condition) condition.conditions.forEach(look)
    if (condition.kind !== 'dates') return
    if (condition.from !== undefined) edges.push(condition.from)
    if (condition.until !== undefined) edges.push(condition.until)
  }
  conditions.forEach(look)
  return edges
}

/** The sku that a promotion gives away, or null. */
export function giftOf({ benefit }: Promotion): string | null {
  return benefit.kind === 'gift' ? benefit.sku : null
}

/** The order in which promotions run: lane, then higher priority first, then id. */
export function inOrder(promotions: Iterable<Promotion>): Promotion[] {
  return [...promotions].sort((a, b) => a.lane - b.lane || b.priority - a.priority || (a.id < b.id ? -1 : 1))
}

/** The amount of a list in a currency, or undefined. */
export function amountIn(amounts: readonly Money[], currency: string): number | undefined {
  return amounts.find((each) => each.currency === currency)?.amount
}
