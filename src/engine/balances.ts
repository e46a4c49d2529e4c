// Balances of accounts. What recharges of an order are worth is added in the transaction that makes it paid and taken back in the one that gives it
// back (`follow`, called by recording.ts for every change of an order); staff adjusts by hand. Paying from a balance is a payment provider of its
// own: balance-payment.ts. A balance is the sum of its entries and, unless the shop allows it, never below zero.
import { type BalanceEntryKind, creditsOf, mayCredit, type Taken } from '../core/balance.ts'
import type { Event } from '../core/event.ts'
import { sum } from '../core/money.ts'
import type { Order } from '../core/order.ts'
import { type Refusal, refuse } from '../core/refusal.ts'
import { rfc3339 } from '../core/time.ts'
import { insertAudit } from '../store/audit.ts'
import { type BalanceAddress, creditEntriesOf, lockBalance, postEntry } from '../store/balances.ts'
import { paymentsOf, refundsOf } from '../store/orders.ts'
import { publish } from '../store/outbox.ts'
import type { Store, Writer } from '../store/store.ts'
import type { BalanceEntryTable, BalanceTable, PaymentTable, RefundTable } from '../store/tables.ts'
import type { FactsCache, ShopFacts } from './facts.ts'
import { type IdempotencyClaim, type Once, once } from './once.ts'
import type { Clock, Randomness } from './ports.ts'
import { pastRefund } from './refunding.ts'

/** What moves a balance; `amount` is signed minor units, `cause` unique within the shop: what has an entry is not done again. */
export interface Movement extends BalanceAddress {
  readonly kind: BalanceEntryKind
  readonly amount: number
  readonly cause: string
  readonly by: string
  readonly message?: string | null
  readonly orderId?: string
  readonly lineId?: string
  readonly paymentId?: string
  readonly refundId?: string
}

/** What staff adds to a balance, or takes from it; `amount` is signed minor units. */
export interface Adjustment extends BalanceAddress {
  readonly amount: number
  readonly message: string
  readonly by: string
}

/** How a balance may move. */
export interface Following {
  /** As histories name it. */
  readonly by: string
  /** What cannot be refused any more is done even where it leaves less than nothing. */
  readonly overdraws: boolean
}

/** Moves balances. */
export type Balances = ReturnType<typeof createBalances>

/** Makes it. */
export function createBalances(parts: { store: Store; facts: FactsCache; clock: Clock; random: Randomness }) {
  const { facts, clock, random } = parts

  /**
   * Under the lock of an order that changes from one state to the next: its owner's balance follows what its recharges are worth. Write its payments
   * and refunds first, and lock nothing afterwards. `balance_insufficient`: what is to be taken back was spent; the caller rolls back then.
   */
  async function follow(
    writer: Writer,
    shop: ShopFacts,
    before: Order,
    after: Order,
    { by, overdraws }: Following,
  ): Promise<Refusal | null> {
    const hasRecharge = [...before.lines, ...after.lines].some(({ kind }) => kind === 'recharge')
    if (after.owner.kind !== 'account' || !hasRecharge) return null
    const { shopId, id: orderId, currency } = after
    const entries = await creditEntriesOf(writer, shopId, orderId)
    const refunds = await refundsOf(writer, shopId, [orderId])
    const taken = takenOf(await paymentsOf(writer, shopId, [orderId]), refunds)
    const credits = creditsOf(after, taken, refunds.map(pastRefund), creditedBy(entries))
    const adds = shop.settings.balance.creditRecharges && mayCredit(before, after, entries.length > 0)
    const due = credits.filter(({ amount }) => amount < 0 || adds)
    if (due.length === 0) return null
    const address = { shopId, account: entries[0]?.account ?? after.owner.accountId, currency }
    const available = await lockBalance(writer, address)
    const change = due.reduce((all, { amount }) => all + amount, 0)
    const isShort = change < 0 && available + change < 0 && !shop.settings.balance.allowNegative
    if (isShort && !overdraws) return refuse('balance_insufficient', { orderId, asked: -change, available, currency, reason: 'spent' })
    for (const { lineId, amount } of due) {
      const times = entries.filter((entry) => entry.line_id === lineId).length
      const kind = amount > 0 ? 'recharge' : 'reversal'
      await move(writer, shop, { ...address, kind, amount, cause: `line:${orderId}:${lineId}:${times}`, by, orderId, lineId })
    }
    return null
  }

  /** Writes a movement and tells of it. Lock the balance first where it may not suffice. */
  async function move(writer: Writer, shop: ShopFacts, movement: Movement): Promise<BalanceTable> {
    const entry = entryOf(movement, random.id('bal'), clock.now())
    const balance = await postEntry(writer, entry)
    const data = JSON.stringify({ ...servedBalance(balance), entry: servedEntry({ ...entry, balance_after: balance.amount }) })
    const event: Event = { type: 'balance.changed', subject: `balance:${movement.account}:${movement.currency}`, data }
    await publish(writer, shop.id, shop.endpoints, [event], clock.now(), () => random.id('dl'))
    return balance
  }

  /** Staff adds or takes, once per key; the audit remembers it. */
  async function adjust(
    { amount, message, by, ...address }: Adjustment,
    claim: IdempotencyClaim | undefined,
  ): Promise<Once<{ account: string; currency: string }> | Refusal> {
    const { shopId, account, currency } = address
    const shop = await facts.shop(shopId)
    if (!shop) return refuse('shop_not_found', { shopId })
    return once(parts, shopId, claim, async (writer) => {
      const available = await lockBalance(writer, address)
      if (amount < 0 && available + amount < 0 && !shop.settings.balance.allowNegative)
        return refuse('balance_insufficient', { asked: -amount, available, currency, path: '/amount' })
      if (sum([available, amount]) === null) return refuse('amount_too_large', { path: '/amount' })
      const id = random.id('aud')
      const balance = await move(writer, shop, { ...address, kind: 'adjustment', amount, cause: `adjustment:${id}`, by, message })
      await insertAudit(writer, {
        ...{ shop_id: shopId, id, at: clock.now(), actor: by, action: 'balance.adjusted', subject: account },
        before: JSON.stringify({ amount: available, currency }),
        after: JSON.stringify({ amount: balance.amount, currency, message }),
      })
      return { account, currency }
    })
  }

  return { follow, move, adjust }
}

/** What was taken for an order, and what of it went back or is on its way. */
function takenOf(payments: readonly PaymentTable[], refunds: readonly RefundTable[]): Taken {
  const captured = payments.reduce((all, each) => all + each.captured, 0)
  const paid = new Set(payments.flatMap((each) => (each.captured > 0 ? each.id : [])))
  const standing = refunds.filter((each) => each.state !== 'FAILED' && paid.has(each.payment_id))
  return { captured, goingBack: standing.reduce((all, each) => all + each.amount, 0) }
}

function creditedBy(entries: readonly BalanceEntryTable[]): Map<string, number> {
  const credited = new Map<string, number>()
  for (const { line_id: lineId, amount } of entries) if (lineId !== null) credited.set(lineId, (credited.get(lineId) ?? 0) + amount)
  return credited
}

/** A movement as it is kept. */
export function entryOf(movement: Movement, id: string, at: number): Omit<BalanceEntryTable, 'balance_after'> {
  const { shopId, account, currency, kind, amount, cause, by, message, orderId, lineId, paymentId, refundId } = movement
  return {
    shop_id: shopId,
    id,
    account,
    currency,
    kind,
    amount,
    cause,
    order_id: orderId ?? null,
    line_id: lineId ?? null,
    payment_id: paymentId ?? null,
    refund_id: refundId ?? null,
    actor: by,
    message: message ?? null,
    at,
  }
}

/** A balance as it is served. */
export function servedBalance({ account, currency, amount, version, updated_at }: BalanceTable) {
  return { account, amount: { amount, currency }, version, updatedAt: rfc3339(updated_at) }
}

/** An entry as it is served. */
export function servedEntry(entry: BalanceEntryTable) {
  const { id, account, currency, kind, amount, balance_after: after, actor: by, message, at } = entry
  return {
    ...{ id, account, kind: kind as BalanceEntryKind, by, message, at: rfc3339(at) },
    amount: { amount, currency },
    balanceAfter: { amount: after, currency },
    orderId: entry.order_id,
    lineId: entry.line_id,
    paymentId: entry.payment_id,
    refundId: entry.refund_id,
  }
}
