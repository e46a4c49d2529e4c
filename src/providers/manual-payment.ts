// Payment by hand: bank transfer, cash on delivery, invoice. No machine knows when such money comes, so an order is placed without it and staff
// says when it is there. Everything that is known of a payment stands in the shop's own books; this provider keeps nothing, and a session is what
// its id says.
import type { PaymentProvider, SessionStatus } from '../engine/ports.ts'

/** Builds the provider `manual`. */
export function createManualPayment(): PaymentProvider {
  return {
    name: 'manual',
    settles: 'later',

    async open({ attemptId, amount, currency }) {
      return { sessionId: `${attemptId}.${amount}.${currency}`, token: null, url: null }
    },

    status: async (_shopId, sessionId) => statusOf(sessionId, 'open'),

    cancel: async (_shopId, sessionId) => statusOf(sessionId, 'cancelled'),

    async capture({ sessionId }) {
      throw new Error(`Session ${sessionId} reserves no money: payments by hand are marked paid.`)
    },

    // Staff pays it back by hand; this is the record of it.
    async refund() {},

    readEvent: async () => null,
  }
}

function statusOf(sessionId: string, state: SessionStatus['state']): SessionStatus {
  const [, amount, currency] = /\.(\d+)\.([A-Z]{3})$/.exec(sessionId) ?? []
  if (amount === undefined || currency === undefined) throw new Error(`${sessionId} is no session of a payment by hand.`)
  return { state, amount: Number(amount), currency }
}
