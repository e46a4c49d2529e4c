// How a payment at Stripe stands, in our words.
import type { Stripe } from 'stripe'
import type { SessionStatus } from '../engine/ports.ts'
import { ownAmount, StripeRefusal } from './stripe-client.ts'

/** How a PaymentIntent stands. @throws StripeRefusal when its amount is none of ours */
export function statusOfIntent(intent: Stripe.PaymentIntent): SessionStatus {
  const { status, currency, last_payment_error: error } = intent
  if (status === 'succeeded') return { state: 'paid', ...ownAmount(intent.amount_received, currency) }
  if (status === 'requires_capture') return { state: 'authorized', ...ownAmount(intent.amount_capturable, currency) }
  const amount = ownAmount(intent.amount, currency)
  if (status === 'canceled') return { state: 'cancelled', ...amount, ...reason(intent.cancellation_reason) }
  // The bank still thinks about it, or the shopper is asked something.
  if (status !== 'requires_payment_method') return { state: 'open', ...amount }
  return error === null ? { state: 'open', ...amount } : { state: 'failed', ...amount, ...reason(error.decline_code ?? error.code) }
}

/** How a Checkout Session stands, whose intent is expanded. @throws StripeRefusal when its amount is none of ours */
export function statusOfSession(session: Stripe.Checkout.Session): SessionStatus {
  const { payment_intent: intent, status, payment_status: paid, amount_total: total, currency } = session
  if (typeof intent === 'string') throw new StripeRefusal('answer_not_usable', `Stripe did not answer the intent of session ${session.id}.`)
  if (intent !== null) {
    const known = statusOfIntent(intent)
    // A page that is over cannot be paid again, whatever its last attempt could.
    const isOver = (known.state === 'open' && status === 'expired') || (known.state === 'failed' && status !== 'open')
    return isOver ? { ...known, state: 'cancelled' } : known
  }
  const amount = ownAmount(total ?? 0, currency ?? '')
  if (status === 'expired') return { state: 'cancelled', ...amount }
  return { state: paid === 'paid' || paid === 'no_payment_required' ? 'paid' : 'open', ...amount }
}

function reason(code: string | null | undefined): { reason?: string } {
  return code ? { reason: code } : {}
}
