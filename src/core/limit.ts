// Against abuse: what is counted, for whom, and within which time. How often something may happen is a setting of the shop; 0 means as often as
// anybody likes.

/** For whom something is counted: an address of the network, an owner of carts, an e-mail address, a cart (or an order without one), a shop. */
export type LimitScope = 'address' | 'owner' | 'email' | 'cart' | 'shop'

/**
 * How often something may happen within its window, for each of those it is counted for. The limits for `shop` are alarms, not walls: a wall
 * would let one attacker close the shop for everybody.
 */
export interface Limits {
  /** Tokens, keys and restore links that are not genuine (SEC-6). Good ones are never counted. */
  readonly tokens: Readonly<Record<'address' | 'shop', number>>
  /** Codes of promotions that are of no use (SEC-6). */
  readonly codes: Readonly<Record<'address' | 'owner' | 'cart' | 'shop', number>>
  /** Restore links that are made. */
  readonly links: Readonly<Record<'cart', number>>
  /** Orders that are made by shoppers (SEC-7). */
  readonly orders: Readonly<Record<'address' | 'owner', number>>
  /** Payments that are begun (SEC-7). */
  readonly payments: Readonly<Record<'address' | 'owner' | 'cart', number>>
  /** Payments that were declined: card testing (SEC-7). */
  readonly declines: Readonly<Record<'address' | 'owner' | 'email' | 'cart' | 'shop', number>>
  /** Orders that are looked up for their link, found or not. */
  readonly lookups: Readonly<Record<'address' | 'email', number>>
  /** Webhooks that are tried out by a key (`owner`). */
  readonly trials: Readonly<Record<'owner', number>>
}

/** What is counted. */
export type LimitKind = keyof Limits

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

/** How long what is counted counts, from the first time on. */
export const LIMIT_WINDOW_MS: Readonly<Record<LimitKind, number>> = {
  tokens: MINUTE_MS,
  codes: MINUTE_MS,
  links: HOUR_MS,
  orders: HOUR_MS,
  payments: HOUR_MS,
  declines: HOUR_MS,
  lookups: 10 * MINUTE_MS,
  trials: MINUTE_MS,
}

/** What holds in a shop that decided nothing else. */
export const DEFAULT_LIMITS: Limits = {
  tokens: { address: 60, shop: 3000 },
  codes: { address: 30, owner: 30, cart: 30, shop: 600 },
  links: { cart: 30 },
  orders: { address: 60, owner: 30 },
  payments: { address: 60, owner: 30, cart: 20 },
  declines: { address: 20, owner: 10, email: 10, cart: 10, shop: 100 },
  lookups: { address: 60, email: 5 },
  trials: { owner: 30 },
}

/** How much less an address may fail while the alarm of its shop rings: the attack comes from many addresses, each with few tries. */
const TIGHTENED = 4

/** How often something may happen; 0 is no limit. `tight`: while the alarm of the shop rings. */
export function allowed(limits: Limits, kind: LimitKind, scope: LimitScope, tight: boolean): number {
  const limit = (limits[kind] as Partial<Readonly<Record<LimitScope, number>>>)[scope] ?? 0
  return tight && scope === 'address' ? Math.ceil(limit / TIGHTENED) : limit
}
