// What orders do to subscriptions, in the same transaction: ordering a plan writes its subscription, money that comes begins the next period, an order
// that ends without money ends what waited for it. The row of a subscription is locked after everything else that a transaction locks.
import type { Event, EventType } from '../core/event.ts'
import type { Order } from '../core/order.ts'
import type { Plan, Variant } from '../core/product.ts'
import { type Refusal, refuse } from '../core/refusal.ts'
import { dueAtOf, ended, isRunning, newsOf, nextPeriod, type Subscription, servedSubscription } from '../core/subscription.ts'
import { paymentsOf } from '../store/orders.ts'
import { publish } from '../store/outbox.ts'
import type { Reader, Writer } from '../store/store.ts'
import {
  insertPeriod,
  insertSubscription,
  lockSubscription,
  parseSubscription,
  readSubscription,
  rivalOf,
  updateSubscription,
} from '../store/subscriptions.ts'
import type { ShopFacts } from './facts.ts'
import type { PaymentMethod } from './payment-methods.ts'
import type { Clock, Randomness, SubscriptionEvent } from './ports.ts'

/** What a provider that bills by itself took for a period; `amount` in minor units. */
export type Invoice = NonNullable<SubscriptionEvent['invoice']>

/** A renewal that is being ordered: of which subscription, for which period, and the invoice by which its provider took the money already. */
export interface Renewal {
  readonly subscription: Subscription
  readonly period: number
  readonly invoice: Invoice | null
}

/** How `payments.capture` marks a payment of a subscription that its provider bills. */
export const RECURRING = 'recurring'

/** For how long a renewal is one node's business. */
export const RENEWAL_LEASE_MS = 60_000

/** The books of subscriptions. */
export type SubscriptionBooks = ReturnType<typeof createSubscriptionBooks>

/** Makes them. */
export function createSubscriptionBooks({ clock, random }: { clock: Clock; random: Randomness }) {
  /**
   * Writes the subscription that a new order begins once it is paid; the order was written before. Refuses `subscription_exists` for who has one that
   * excludes it: nothing was charged then.
   */
  async function open(
    writer: Writer,
    order: Order,
    bought: {
      readonly variant: Variant
      readonly plan: Plan
      readonly chosen: PaymentMethod | null
      readonly billedBy: 'provider' | 'shop'
    },
  ): Promise<Refusal | null> {
    const { variant, plan, chosen, billedBy } = bought
    const id = order.subscriptionId
    if (id === null || order.owner.kind !== 'account') throw new Error(`Order ${order.id} begins no subscription.`)
    const now = clock.now()
    const { shopId, currency, email, billingAddress, vatId, customerGroups, language } = order
    const subscription: Subscription = {
      ...{ id, shopId, state: 'PENDING', accountId: order.owner.accountId, variant, plan },
      ...{ quantity: order.lines[0]?.quantity ?? 1, total: order.total.amount, currency },
      ...{ email, billingAddress, vatId, customerGroups, language, billedBy },
      ...{ provider: chosen?.provider ?? null, method: chosen?.method ?? null, providerRef: null, paidBy: null, untold: null },
      ...{
        firstOrderId: order.id,
        latestOrderId: order.id,
        renewalOrderId: null,
        periods: 0,
        anchor: null,
        periodStart: null,
        periodEnd: null,
      },
      ...{ attempts: 0, cancelAtPeriodEnd: false, endReason: null, endedAt: null, version: 1, createdAt: now, updatedAt: now },
    }
    if (!(await insertSubscription(writer, subscription))) return hasRival(writer, subscription)
    await insertPeriod(writer, { shop_id: shopId, subscription_id: id, period: 1, order_id: order.id, invoice: null })
    return null
  }

  async function hasRival(reader: Reader, subscription: Subscription): Promise<Refusal> {
    const rival = await rivalOf(reader, subscription)
    const { id, state, firstOrderId } = rival ? parseSubscription(rival) : subscription
    return refuse('subscription_exists', { subscriptionId: id, state, orderId: firstOrderId, path: '/items/0/plan' })
  }

  /** Writes the order of a renewal, which was written before; false when the period has an order already. */
  async function renewing(writer: Writer, shop: ShopFacts, order: Order, { subscription, period, invoice }: Renewal): Promise<boolean> {
    const row = await lockSubscription(writer, shop.id, subscription.id)
    if (!row) return false
    const entry = { shop_id: shop.id, subscription_id: subscription.id, period, order_id: order.id, invoice: invoice?.ref ?? null }
    if (!(await insertPeriod(writer, entry))) return false
    const current = parseSubscription(row)
    // Whoever renews it goes on with the charge; another one does when that takes too long.
    if (isRunning(current) && invoice === null)
      await write(writer, shop, current, { ...current, renewalOrderId: order.id }, [], clock.now() + RENEWAL_LEASE_MS)
    return true
  }

  /** Whether the late money of an order that had ended may still begin its subscription: the account may have another one by now. */
  async function revivalRefusal(reader: Reader, order: Order): Promise<Refusal | null> {
    if (order.subscriptionId === null) return null
    const row = await readSubscription(reader, order.shopId, order.subscriptionId)
    if (!row) return null
    const subscription = parseSubscription(row)
    // A renewal of what is over is not wanted any more.
    if (subscription.periods > 0)
      return refuse('subscription_state_forbids', { subscriptionId: subscription.id, state: subscription.state })
    return (await rivalOf(reader, subscription)) ? hasRival(reader, subscription) : null
  }

  /** What a change of an order means for its subscription. */
  async function follow(writer: Writer, shop: ShopFacts, before: Order, after: Order, by: string): Promise<void> {
    if (after.subscriptionId === null) return
    if (before.state === after.state && before.paymentState === after.paymentState) return
    const row = await lockSubscription(writer, shop.id, after.subscriptionId)
    if (!row) return
    const subscription = parseSubscription(row)
    const news = newsOf(before, after, subscription.billedBy)
    if (news === null) return
    if (news === 'covered') return covered(writer, shop, subscription, after)
    if (subscription.state === 'PENDING' && subscription.firstOrderId === after.id) {
      await write(writer, shop, subscription, ended(subscription, 'never_paid', clock.now()), [])
      return
    }
    if (!isRunning(subscription) || subscription.renewalOrderId !== after.id) return
    const next = ended(subscription, by === 'system' ? 'not_paid' : 'renewal_cancelled', clock.now())
    await write(writer, shop, subscription, next, ['subscription.cancelled'])
  }

  async function covered(writer: Writer, shop: ShopFacts, subscription: Subscription, order: Order): Promise<void> {
    const isFirst = order.id === subscription.firstOrderId && subscription.periods === 0
    const isNext = isRunning(subscription) && order.subscriptionPeriod === subscription.periods + 1
    if (!isFirst && !isNext) return
    const paid = (await paymentsOf(writer, shop.id, [order.id])).findLast(({ state }) => state === 'PAID' || state === 'AUTHORIZED')
    // The first order may have been paid at another provider than the one that was chosen at first.
    const bills = isFirst ? { billedBy: paid?.capture === RECURRING ? ('provider' as const) : ('shop' as const) } : {}
    const way = paid ? { provider: paid.provider, method: paid.method, paidBy: paid.session_id, ...bills } : bills
    const next = { ...nextPeriod(subscription, order.id, clock.now()), ...way }
    await write(writer, shop, subscription, next, [isFirst ? 'subscription.started' : 'subscription.renewed'])
  }

  /** Writes the next version of a subscription whose row is locked, and tells of it. */
  async function write(
    writer: Writer,
    shop: ShopFacts,
    before: Subscription,
    changed: Subscription,
    types: readonly EventType[],
    dueAt = dueAtOf(changed, clock.now()),
  ): Promise<Subscription> {
    const next = { ...changed, version: before.version + 1, updatedAt: clock.now() }
    await updateSubscription(writer, next, dueAt)
    if (types.length === 0) return next
    const data = JSON.stringify(servedSubscription(next))
    const events: Event[] = types.map((type) => ({ type, subject: next.id, data }))
    await publish(writer, shop.id, shop.endpoints, events, clock.now(), () => random.id('dl'))
    return next
  }

  return { open, renewing, revivalRefusal, follow, write }
}
