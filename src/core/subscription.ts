// A subscription is a plan that was bought: it begins when the money of its first order is there (SEED0-52), and every period after that is an order
// of its own. Here is decided when periods begin and end, which states follow each other, and what is due next. Times are milliseconds, UTC.
import type { Address } from './cart.ts'
import type { Money } from './money.ts'
import { type Order, orderIsOwed } from './order.ts'
import type { Plan, Variant } from './product.ts'
import { rfc3339 } from './time.ts'

/**
 * PENDING: ordered, its money is not there; it has not begun. ACTIVE: its period is paid, or will be by hand. PAST_DUE: a renewal was not paid, and
 * is tried again. CANCELLED: somebody ended it, or a renewal was never paid. EXPIRED: all its periods are over, or its first order was never paid.
 */
export type SubscriptionState = 'PENDING' | 'ACTIVE' | 'PAST_DUE' | 'CANCELLED' | 'EXPIRED'

/** Why one ended. */
export type SubscriptionEnd = 'cancelled' | 'not_paid' | 'renewal_cancelled' | 'periods_over' | 'never_paid' | 'ended_by_provider'

/** A subscription as it is kept. */
export interface Subscription {
  readonly id: string
  readonly shopId: string
  readonly state: SubscriptionState
  readonly accountId: string
  /** What was bought, as agreed: it goes on when the catalogue changes. */
  readonly variant: Variant
  readonly plan: Plan
  readonly quantity: number
  /** What a period costs in all, with taxes, in minor units. */
  readonly total: number
  readonly currency: string
  readonly email: string | null
  readonly billingAddress: Address | null
  readonly vatId: string | null
  readonly customerGroups: readonly string[]
  readonly language: string | null
  /** Who takes its money, in which way; null while nothing was to be paid. */
  readonly provider: string | null
  readonly method: string | null
  /** `provider`: it takes the money of each period by itself and tells. `shop`: we ask for it when it is due. */
  readonly billedBy: 'provider' | 'shop'
  /** The provider's id of it, where it bills. */
  readonly providerRef: string | null
  /** The session in which it was paid last: what is charged again. */
  readonly paidBy: string | null
  /** What the provider has still to be told. */
  readonly untold: 'periodEnd' | 'now' | 'resume' | null
  readonly firstOrderId: string
  readonly latestOrderId: string
  /** The order of the next period, where it was made and is not paid yet. */
  readonly renewalOrderId: string | null
  /** How many periods have begun. */
  readonly periods: number
  /** When the first one began: all others are counted from it, so that the 31st stays the 31st. */
  readonly anchor: number | null
  readonly periodStart: number | null
  readonly periodEnd: number | null
  /** How often the renewal that is due was not paid. */
  readonly attempts: number
  readonly cancelAtPeriodEnd: boolean
  readonly endReason: SubscriptionEnd | null
  readonly endedAt: number | null
  readonly version: number
  readonly createdAt: number
  readonly updatedAt: number
}

/** A subscription as it is served. */
export interface ServedSubscription {
  readonly id: string
  readonly shopId: string
  readonly state: SubscriptionState
  readonly accountId: string
  readonly sku: string
  readonly name: string
  readonly variantName: string
  readonly plan: { readonly id: string; readonly name: string; readonly interval: string }
  readonly quantity: number
  readonly unitPrice: Money
  readonly total: Money
  readonly email: string | null
  readonly provider: string | null
  readonly billedBy: 'provider' | 'shop'
  readonly firstOrderId: string
  readonly latestOrderId: string
  readonly renewalOrderId: string | null
  readonly periods: number
  readonly maxPeriods: number | null
  readonly currentPeriodStart: string | null
  readonly currentPeriodEnd: string | null
  readonly nextRenewalAt: string | null
  readonly attempts: number
  readonly cancelAtPeriodEnd: boolean
  readonly endReason: SubscriptionEnd | null
  readonly endedAt: string | null
  readonly version: number
  readonly createdAt: string
  readonly updatedAt: string
}

/** It as it is served. */
export function servedSubscription(subscription: Subscription): ServedSubscription {
  const { variant, plan, currency, periodStart, periodEnd, endedAt, createdAt, updatedAt } = subscription
  const { id, shopId, state, accountId, quantity, total, email, provider, billedBy, firstOrderId, latestOrderId, renewalOrderId } =
    subscription
  const { periods, attempts, cancelAtPeriodEnd, endReason, version } = subscription
  const time = (ms: number | null) => (ms === null ? null : rfc3339(ms))
  return {
    ...{ id, shopId, state, accountId, sku: variant.sku, name: variant.name, variantName: variant.variantName },
    plan: { id: plan.id, name: plan.name, interval: plan.interval },
    quantity,
    unitPrice: { amount: plan.price.amount, currency },
    total: { amount: total, currency },
    ...{ email, provider, billedBy, firstOrderId, latestOrderId, renewalOrderId, periods },
    maxPeriods: plan.maxPeriods ?? null,
    currentPeriodStart: time(periodStart),
    currentPeriodEnd: time(periodEnd),
    nextRenewalAt: isRunning(subscription) && !endsWithPeriod(subscription) ? time(periodEnd) : null,
    ...{ attempts, cancelAtPeriodEnd, endReason },
    endedAt: time(endedAt),
    version,
    createdAt: rfc3339(createdAt),
    updatedAt: rfc3339(updatedAt),
  }
}

// Time ---------------------------------------------------------------------------------------------------------------------------------

/** How long a period is: so many of one unit. */
export interface Interval {
  readonly unit: 'day' | 'week' | 'month' | 'year'
  readonly count: number
}

const UNITS = { D: 'day', W: 'week', M: 'month', Y: 'year' } as const
const DAY_MS = 86_400_000

/** Durations that a plan may have: one unit, from one day to ten years. */
export const INTERVAL_PATTERN = '^P(?:[1-9]\\d{0,2}[DWM]|(?:[1-9]|10)Y)$'

/** The interval that an ISO 8601 duration says; null for one that no plan may have. */
export function intervalOf(duration: string): Interval | null {
  if (!new RegExp(INTERVAL_PATTERN).test(duration)) return null
  return { unit: UNITS[duration.at(-1) as keyof typeof UNITS], count: Number(duration.slice(1, -1)) }
}

/**
 * The moment `times` intervals after the anchor, counted in UTC. Always from the anchor, never from the last one: what begins on 31 January comes on
 * 28 February and on 31 March again.
 */
export function momentAfter(anchor: number, { unit, count }: Interval, times: number): number {
  if (unit === 'day' || unit === 'week') return anchor + times * count * (unit === 'week' ? 7 : 1) * DAY_MS
  const from = new Date(anchor)
  const months = from.getUTCFullYear() * 12 + from.getUTCMonth() + times * count * (unit === 'year' ? 12 : 1)
  const [year, month] = [Math.floor(months / 12), months % 12]
  const lastDay = new Date(Date.UTC(year, month + 1, 0)).getUTCDate()
  return Date.UTC(year, month, Math.min(from.getUTCDate(), lastDay)) + (anchor - Math.floor(anchor / DAY_MS) * DAY_MS)
}

/** When a period (from 1) begins, and when it ends. */
export function periodOf({ plan }: Pick<Subscription, 'plan'>, anchor: number, period: number): { start: number; end: number } {
  const interval = intervalOf(plan.interval) ?? { unit: 'month', count: 1 }
  return { start: momentAfter(anchor, interval, period - 1), end: momentAfter(anchor, interval, period) }
}

// States -------------------------------------------------------------------------------------------------------------------------------

/** Whether it runs: it began and has not ended. */
export function isRunning({ state }: Pick<Subscription, 'state'>): boolean {
  return state === 'ACTIVE' || state === 'PAST_DUE'
}

/** Whether the period that runs is its last. */
export function endsWithPeriod({
  cancelAtPeriodEnd,
  plan,
  periods,
}: Pick<Subscription, 'cancelAtPeriodEnd' | 'plan' | 'periods'>): boolean {
  return cancelAtPeriodEnd || (plan.maxPeriods !== undefined && periods >= plan.maxPeriods)
}

/** What an account may have once only at a time: a plan that is exclusive, or any plan of its group. Null: as many as it likes. */
export function exclusiveGroup(plan: Plan, variant: Pick<Variant, 'productId'>): string | null {
  if (plan.exclusive === undefined || plan.exclusive === false) return null
  return plan.exclusive === true ? `product ${variant.productId}` : `group ${plan.exclusive}`
}

/** What a change of an order means for its subscription: its money came, or it ended without any. */
export type OrderNews = 'covered' | 'ended' | null

/**
 * Compares an order before and after a change. What a provider that bills by itself took is the period's money, also where it is less than the order
 * costs by now (a tax rose): the rest is owed.
 */
export function newsOf(
  before: Pick<Order, 'state' | 'paymentState'>,
  after: Pick<Order, 'state' | 'paymentState'>,
  billedBy: Subscription['billedBy'],
): OrderNews {
  const isMoney = (state: Order['paymentState']) =>
    state === 'PAID' || state === 'AUTHORIZED' || (state === 'PARTIALLY_PAID' && billedBy === 'provider')
  const isCovered = ({ state, paymentState }: typeof after) => orderIsOwed(state) && isMoney(paymentState)
  const isOver = ({ state }: typeof after) => state === 'CANCELLED' || state === 'EXPIRED' || state === 'SUPERSEDED'
  if (isCovered(after)) return isCovered(before) ? null : 'covered'
  return isOver(after) && !isOver(before) && !isCovered(before) ? 'ended' : null
}

/** The next period begins, because its money is there. The first one begins now, the others where the one before ended. */
export function nextPeriod(subscription: Subscription, orderId: string, now: number): Subscription {
  const anchor = subscription.anchor ?? now
  const periods = subscription.periods + 1
  const { start, end } = periodOf(subscription, anchor, periods)
  return {
    ...subscription,
    state: 'ACTIVE',
    anchor,
    periods,
    periodStart: start,
    periodEnd: end,
    latestOrderId: orderId,
    renewalOrderId: null,
    attempts: 0,
    endReason: null,
    endedAt: null,
  }
}

/** It is over. */
export function ended(subscription: Subscription, reason: SubscriptionEnd, now: number): Subscription {
  const state = reason === 'periods_over' || reason === 'never_paid' ? 'EXPIRED' : 'CANCELLED'
  return { ...subscription, state, endReason: reason, endedAt: now, cancelAtPeriodEnd: false, renewalOrderId: null }
}

/** When a renewal that is not paid is tried again. */
export interface Patience {
  /** How long after each failure the next try comes, in milliseconds; after the last one it is over. */
  readonly retryAfter: readonly number[]
  /** How long money that comes by hand may take before the subscription counts as past due; null where money is taken at once. */
  readonly grace: number | null
}

/** A renewal was not paid: when it is tried again, or null when it was the last time. By hand, the first time only the grace begins. */
export function unpaid(
  subscription: Subscription,
  { retryAfter, grace }: Patience,
  now: number,
): { next: Subscription; dueAt: number } | null {
  const { attempts } = subscription
  if (grace !== null && attempts === 0) return { next: { ...subscription, attempts: 1 }, dueAt: now + grace }
  const pause = retryAfter[attempts - (grace === null ? 0 : 1)]
  if (pause === undefined) return null
  return { next: { ...subscription, state: 'PAST_DUE', attempts: attempts + 1 }, dueAt: now + pause }
}

/** What is due for a subscription now. */
export type DueStep = 'tell' | 'cancel' | 'expire' | 'ask' | 'renew' | 'nothing'

/** It. Whoever bills by itself is asked how it stands where it is silent. */
export function dueStep(subscription: Subscription, now: number): DueStep {
  const { untold, periodEnd, cancelAtPeriodEnd, billedBy } = subscription
  if (untold !== null) return 'tell'
  if (!isRunning(subscription) || periodEnd === null || now < periodEnd) return 'nothing'
  if (cancelAtPeriodEnd) return 'cancel'
  if (endsWithPeriod(subscription)) return 'expire'
  return billedBy === 'provider' ? 'ask' : 'renew'
}

/** When to look at it next, or null for never. A provider that bills by itself has a day to tell. */
export function dueAtOf(subscription: Subscription, now: number): number | null {
  if (subscription.untold !== null) return now
  const { periodEnd, billedBy } = subscription
  if (!isRunning(subscription) || periodEnd === null) return null
  return billedBy === 'provider' && !endsWithPeriod(subscription) ? Math.max(periodEnd, now) + DAY_MS : periodEnd
}
