// Refunds between rows and what the core knows of them: how one is written down, and what a row says.
import { NO_CONTENT, type PastRefund, type RefundContent } from '../core/refund.ts'
import type { PaymentTable, RefundTable } from '../store/tables.ts'

/** Whoever begins a refund, or a job that found one, is the only one who asks the provider for so long (ms). */
export const REFUND_LEASE_MS = 60_000

/** What a refund is written down with. `reason` is a code, or words of staff; `from`: when a job may ask the provider for it. */
export interface NewRefund {
  readonly id: string
  readonly groupId: string
  readonly amount: number
  readonly reason: string
  readonly by: string
  readonly content?: RefundContent
  readonly now: number
  /** Whether whoever writes it asks the provider itself, right after. */
  readonly isSent: boolean
}

/** The intention to give back `amount` (minor units) of a payment. */
export function refundRow(payment: PaymentTable, { id, groupId, amount, reason, by, content, now, isSent }: NewRefund): RefundTable {
  return {
    shop_id: payment.shop_id,
    id,
    payment_id: payment.id,
    order_id: payment.order_id,
    amount,
    currency: payment.currency,
    state: 'PENDING',
    reason,
    created_at: now,
    due_at: isSent ? now + REFUND_LEASE_MS : now,
    attempts: isSent ? 1 : 0,
    group_id: groupId,
    actor: by,
    content: JSON.stringify(content ?? NO_CONTENT),
    failure: null,
  }
}

/** A refund as the next one has to know it. */
export function pastRefund(row: RefundTable): PastRefund {
  const { id, group_id: groupId, payment_id: paymentId, state, amount } = row
  return { id, groupId, paymentId, state: state as PastRefund['state'], amount, content: contentOfRow(row) }
}

/** What a refund is for. */
export function contentOfRow({ content }: Pick<RefundTable, 'content'>): RefundContent {
  return JSON.parse(content) as RefundContent
}

/** What of a payment can go back at most, minor units: what was taken; what was only reserved goes back whole, by being set free. */
export function coveredAmount({ captured, amount }: PaymentTable): number {
  return captured > 0 ? captured : amount
}

/** What of a payment may still be given back: what was taken less what went back or is on its way; minor units. */
export function leftOfPayment(payment: PaymentTable, refunds: readonly RefundTable[]): number {
  const standing = refunds.filter((each) => each.payment_id === payment.id && each.state !== 'FAILED')
  return standing.reduce((left, each) => left - each.amount, coveredAmount(payment))
}
