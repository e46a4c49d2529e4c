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
