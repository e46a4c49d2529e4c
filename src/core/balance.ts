// Balances of accounts: what a paid order adds to its owner's balance, and what it takes back. A recharge line is worth its own nominal amount for
// each piece, whatever was paid for it and whatever else was bought with it (SEED0-42). What an order has added already is compared with what it
// is worth now, so the same question asked twice adds nothing.
import { multiply } from './money.ts'
import { type Order, type OrderLine, orderIsOwed } from './order.ts'
import { cancelledAmount, type PastRefund, refundedOf } from './refund.ts'

/**
 * Why a balance moved. `recharge`: a recharge was paid. `reversal`: one was given back. `payment`: it paid for an order. `refund`: such a payment went
 * back. `adjustment`: staff says so.
 */
export const BALANCE_ENTRY_KINDS = ['recharge', 'reversal', 'payment', 'refund', 'adjustment'] as const

/** One of them. */
export type BalanceEntryKind = (typeof BALANCE_ENTRY_KINDS)[number]

/** The name of the payment provider that pays from balances. */
export const BALANCE_PROVIDER = 'balance'

/** What was taken for an order, and what of it went back or is on its way; minor units. */
export interface Taken {
  readonly captured: number
  readonly goingBack: number
}

/** What a recharge line adds to (above zero) or takes from a balance, in minor units. */
export interface Credit {
  readonly lineId: string
  readonly amount: number
}

/**
 * What is still to be added for each recharge line of an order, what adds first; empty when its owner's balance is right. `credited` says what each
 * line added so far. An order adds once it is paid in full; reserved money is not paid.
 */
export function creditsOf(
  order: Pick<Order, 'state' | 'total' | 'lines'>,
  taken: Taken,
  refunds: readonly PastRefund[],
  credited: ReadonlyMap<string, number>,
): Credit[] {
  const isPaid = taken.captured >= order.total.amount - cancelledAmount(order)
  const isReturned = taken.captured > 0 && taken.goingBack >= taken.captured
  const isWorth = orderIsOwed(order.state) && !isReturned
  const due = new Map<string, number>()
  for (const line of isWorth ? order.lines : []) {
    const worth = worthOf(line, refunds)
    if (worth > 0) due.set(line.id, worth)
  }
  return [...new Set([...due.keys(), ...credited.keys()])]
    .map((lineId) => ({ lineId, amount: (due.get(lineId) ?? 0) - (credited.get(lineId) ?? 0) }))
    .filter(({ amount }) => amount < 0 || (amount > 0 && isPaid))
    .sort((a, b) => b.amount - a.amount)
}

/** Pieces that were cancelled are the ones that were given back for, as far as there are both. No recharge is worth more than can be counted. */
function worthOf(line: OrderLine, refunds: readonly PastRefund[]): number {
  if (line.kind !== 'recharge' || line.amount === null || line.state === 'UNAVAILABLE') return 0
  const gone = Math.max(line.cancelledQuantity, refundedOf(line.id, refunds).quantity)
  return multiply(line.amount.amount, Math.max(0, line.quantity - gone)) ?? 0
}

/**
 * Whether a change may add to a balance: the order becomes paid by it, staff edited what was bought, or the order has added something before. What was
 * paid before balances were kept is not added by the way when something else happens to it.
 */
export function mayCredit(
  before: Pick<Order, 'state' | 'paymentState' | 'revision'>,
  after: Pick<Order, 'revision'>,
  hasCredited: boolean,
): boolean {
  const wasPaid = orderIsOwed(before.state) && before.paymentState === 'PAID'
  return hasCredited || !wasPaid || before.revision !== after.revision
}
