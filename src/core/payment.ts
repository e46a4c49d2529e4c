// A payment is one attempt to pay one order at one provider. Its states only move along these arrows; PAID and REFUNDED are final for
// everything but refunds, so a late or repeated message can never undo a good payment (CON-5).

/**
 * OPENING: written down, the provider was not reached yet. PENDING: a session is open. AUTHORIZED, PAID: money is reserved, taken.
 * FAILED: given up. CANCELLED: the session was closed unpaid. REFUNDED: everything went back.
 */
export type PaymentAttemptState = 'OPENING' | 'PENDING' | 'AUTHORIZED' | 'PAID' | 'FAILED' | 'CANCELLED' | 'REFUNDED'

const MOVES: Readonly<Record<PaymentAttemptState, readonly PaymentAttemptState[]>> = {
  OPENING: ['PENDING', 'AUTHORIZED', 'PAID', 'FAILED', 'CANCELLED'],
  PENDING: ['AUTHORIZED', 'PAID', 'FAILED', 'CANCELLED'],
  AUTHORIZED: ['PAID', 'CANCELLED', 'REFUNDED'],
  PAID: ['REFUNDED'],
  // A shopper may succeed in a session after a declined card, and a provider may report "paid" after "cancelled": money wins.
  FAILED: ['PENDING', 'AUTHORIZED', 'PAID', 'CANCELLED'],
  CANCELLED: ['AUTHORIZED', 'PAID'],
  REFUNDED: [],
}

/** Whether a payment may move from one state to another. */
export function mayMove(from: PaymentAttemptState, to: PaymentAttemptState): boolean {
  return MOVES[from].includes(to)
}

/** Whether money has been reserved or taken. */
export function isCovered(state: PaymentAttemptState): boolean {
  return state === 'AUTHORIZED' || state === 'PAID'
}

/** Whether the shopper can still pay in it. */
export function isRunning(state: PaymentAttemptState): boolean {
  return state === 'OPENING' || state === 'PENDING'
}

/** How the money of an order stands. `NONE`: nothing is owed, or nobody was asked to pay. */
export type OrderPaymentState = 'NONE' | 'PENDING' | 'AUTHORIZED' | 'PARTIALLY_PAID' | 'PAID' | 'PARTIALLY_REFUNDED' | 'REFUNDED' | 'FAILED'

/** A payment as far as an order's money is concerned; `captured` is what was taken of `amount`, in minor units. */
export interface Attempt {
  readonly id: string
  readonly state: PaymentAttemptState
  readonly amount: number
  readonly captured: number
}

/** Money that went back, or is to. */
export interface Return {
  readonly paymentId: string
  readonly state: 'PENDING' | 'SUCCEEDED' | 'FAILED'
  readonly amount: number
}

/**
 * How the money of an order of `total` (minor units) stands, from its payments and refunds: the one place that says so. Something that went back makes an
 * order PARTIALLY_REFUNDED only once all of it had come. A payment that went back entirely, while others cover the order, says nothing: it was one too many.
 */
export function orderPaymentState(total: number, payments: readonly Attempt[], refunds: readonly Return[]): OrderPaymentState {
  const returnedOf = ({ id }: Attempt) => sumOf(refunds.filter((each) => each.paymentId === id && each.state === 'SUCCEEDED'))
  const taken = payments.filter((each) => each.captured > 0)
  const standing = taken.filter((each) => each.captured > returnedOf(each))
  const capturedOf = (attempts: readonly Attempt[]) => attempts.reduce((all, each) => all + each.captured, 0)
  if (standing.length > 0) {
    if (capturedOf(taken) < total) return 'PARTIALLY_PAID'
    return standing.some((each) => returnedOf(each) > 0) || capturedOf(standing) < total ? 'PARTIALLY_REFUNDED' : 'PAID'
  }
  if (payments.some((each) => each.state === 'AUTHORIZED')) return 'AUTHORIZED'
  if (taken.length > 0 || payments.some((each) => each.state === 'REFUNDED')) return 'REFUNDED'
  if (payments.some((each) => isRunning(each.state))) return 'PENDING'
  // A payment of nothing only verified a way of paying.
  if (payments.some((each) => each.state === 'PAID' && each.amount === 0)) return total === 0 ? 'PAID' : 'NONE'
  if (payments.length > 0) return 'FAILED'
  return total === 0 ? 'PAID' : 'NONE'
}

/** What was taken of an order, what went back of it, and what is still owed (negative: too much was taken); minor units. */
export function moneyOf(total: number, payments: readonly Attempt[], refunds: readonly Return[]) {
  const paid = payments.reduce((all, each) => all + each.captured, 0)
  const refunded = sumOf(
    refunds.filter(
      (each) => each.state === 'SUCCEEDED' && payments.some((payment) => payment.id === each.paymentId && payment.captured > 0),
    ),
  )
  return { paid, refunded, outstanding: total - paid + refunded }
}

function sumOf(amounts: readonly { readonly amount: number }[]): number {
  return amounts.reduce((all, { amount }) => all + amount, 0)
}
