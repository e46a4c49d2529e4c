// Subscriptions as rows: the document, and what they are found by. Whoever changes one holds the lock of its row; where an order changes with it,
// the order is locked first.
import { exclusiveGroup, isRunning, type Subscription } from '../core/subscription.ts'
import type { Reader, Writer } from './store.ts'
import type { SubscriptionOrderTable, SubscriptionTable } from './tables.ts'

/** The subscription in a row. */
export function parseSubscription(row: Pick<SubscriptionTable, 'document'>): Subscription {
  return JSON.parse(row.document) as Subscription
}

/** What one that may be had once takes while it stands, from when it is ordered until it is over; else null. */
function slotOf(subscription: Subscription): string | null {
  const group = exclusiveGroup(subscription.plan, subscription.variant)
  const stands = isRunning(subscription) || subscription.state === 'PENDING'
  return group === null || !stands ? null : `${subscription.accountId} ${group}`
}

function columnsOf(subscription: Subscription, dueAt: number | null) {
  const { state, periods, version } = subscription
  const document = JSON.stringify(subscription)
  return { state, begun: periods > 0 ? 1 : 0, slot: slotOf(subscription), due_at: dueAt, leased_until: 0, version, document }
}

/** Adds one; false when the account has, or is about to pay for, one that excludes it. */
export async function insertSubscription(writer: Writer, subscription: Subscription): Promise<boolean> {
  const { shopId, id, accountId, createdAt } = subscription
  const row = { shop_id: shopId, id, account: accountId, created_at: createdAt, ...columnsOf(subscription, null) }
  const added = await writer.db
    .insertInto('subscriptions')
    .values(row)
    .onConflict((conflict) => conflict.doNothing())
    .returning('id')
    .executeTakeFirst()
  return added !== undefined
}

/** Writes one whose row is locked. `dueAt` (ms) is when it is to be looked at next; null for never. A lease on it ends. */
export async function updateSubscription(writer: Writer, subscription: Subscription, dueAt: number | null): Promise<void> {
  const { shopId, id } = subscription
  await writer.db
    .updateTable('subscriptions')
    .set(columnsOf(subscription, dueAt))
    .where('shop_id', '=', shopId)
    .where('id', '=', id)
    .execute()
}

/** One of them, or undefined. */
export function readSubscription(reader: Reader, shopId: string, id: string): Promise<SubscriptionTable | undefined> {
  return reader.db.selectFrom('subscriptions').selectAll().where('shop_id', '=', shopId).where('id', '=', id).executeTakeFirst()
}

/** One of them, locked. */
export function lockSubscription(writer: Writer, shopId: string, id: string): Promise<SubscriptionTable | undefined> {
  let query = writer.db.selectFrom('subscriptions').selectAll().where('shop_id', '=', shopId).where('id', '=', id)
  if (writer.dialect === 'postgres') query = query.forUpdate()
  return query.executeTakeFirst()
}

/** The one that keeps this one from being had, or undefined. */
export function rivalOf(reader: Reader, subscription: Subscription): Promise<SubscriptionTable | undefined> {
  const slot = slotOf({ ...subscription, state: 'PENDING' })
  return reader.db
    .selectFrom('subscriptions')
    .selectAll()
    .where('shop_id', '=', subscription.shopId)
    .where('slot', '=', slot)
    .where('id', '<>', subscription.id)
    .executeTakeFirst()
}

/** A page of subscriptions, newest first: those that have begun, or those in one state. */
export function listSubscriptions(
  reader: Reader,
  shopId: string,
  filter: { readonly account?: string; readonly state?: string },
  page: { readonly after?: string | undefined; readonly limit: number },
): Promise<SubscriptionTable[]> {
  let query = reader.db.selectFrom('subscriptions').selectAll().where('shop_id', '=', shopId)
  if (filter.account !== undefined) query = query.where('account', '=', filter.account)
  query = filter.state === undefined ? query.where('begun', '=', 1) : query.where('state', '=', filter.state)
  if (page.after !== undefined) query = query.where('id', '<', page.after)
  return query.orderBy('id', 'desc').limit(page.limit).execute()
}

/** Claims what is due, at most `limit`, until `leasedUntil`: whoever dies over it leaves it to others. */
export async function claimSubscriptions(writer: Writer, now: number, leasedUntil: number, limit: number): Promise<SubscriptionTable[]> {
  let query = writer.db
    .selectFrom('subscriptions')
    .selectAll()
    .where('due_at', '<=', now)
    .where('leased_until', '<=', now)
    .orderBy('due_at')
    .limit(limit)
  if (writer.dialect === 'postgres') query = query.forUpdate().skipLocked()
  const rows = await query.execute()
  for (const { shop_id: shopId, id } of rows)
    await writer.db
      .updateTable('subscriptions')
      .set({ leased_until: leasedUntil })
      .where('shop_id', '=', shopId)
      .where('id', '=', id)
      .execute()
  return rows
}

/** Looks at one later, unless it changed since it was read. */
export async function postponeSubscription(
  writer: Writer,
  { shop_id: shopId, id, version }: SubscriptionTable,
  dueAt: number,
): Promise<void> {
  await writer.db
    .updateTable('subscriptions')
    .set({ due_at: dueAt, leased_until: 0 })
    .where('shop_id', '=', shopId)
    .where('id', '=', id)
    .where('version', '=', version)
    .where('due_at', 'is not', null)
    .execute()
}

// Orders of periods --------------------------------------------------------------------------------------------------------------------

/** Writes which order a period has; false when it has one. */
export async function insertPeriod(writer: Writer, row: SubscriptionOrderTable): Promise<boolean> {
  const added = await writer.db
    .insertInto('subscription_orders')
    .values(row)
    .onConflict((conflict) => conflict.doNothing())
    .returning('period')
    .executeTakeFirst()
  return added !== undefined
}

/** The orders of its periods, the newest first; at most a hundred. */
export function periodsOf(reader: Reader, shopId: string, subscriptionId: string): Promise<SubscriptionOrderTable[]> {
  return reader.db
    .selectFrom('subscription_orders')
    .selectAll()
    .where('shop_id', '=', shopId)
    .where('subscription_id', '=', subscriptionId)
    .orderBy('period', 'desc')
    .limit(100)
    .execute()
}

/** The period that an invoice of the provider paid, or undefined. */
export function periodOfInvoice(
  reader: Reader,
  shopId: string,
  subscriptionId: string,
  invoice: string,
): Promise<SubscriptionOrderTable | undefined> {
  return reader.db
    .selectFrom('subscription_orders')
    .selectAll()
    .where('shop_id', '=', shopId)
    .where('subscription_id', '=', subscriptionId)
    .where('invoice', '=', invoice)
    .executeTakeFirst()
}

/** Says which invoice paid the first period, unless that is known; false then. */
export async function nameFirstInvoice(writer: Writer, shopId: string, subscriptionId: string, invoice: string): Promise<boolean> {
  const row = await writer.db
    .updateTable('subscription_orders')
    .set({ invoice })
    .where('shop_id', '=', shopId)
    .where('subscription_id', '=', subscriptionId)
    .where('period', '=', 1)
    .where('invoice', 'is', null)
    .returning('period')
    .executeTakeFirst()
  return row !== undefined
}
