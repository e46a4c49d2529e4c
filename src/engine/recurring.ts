// The first payment of a subscription that its provider bills: a session of the provider's recurring part, seen as any other session. Once it is paid,
// the provider takes the money of every later period by itself.
import { intervalOf, type Subscription } from '../core/subscription.ts'
import type { PaymentTable } from '../store/tables.ts'
import type { PaymentProvider, PaymentRequest, PaymentSession, RecurringPayments, SessionStatus, SubscriptionStatus } from './ports.ts'
import { type Invoice, RECURRING } from './subscription-books.ts'

/** Who answers for the session of a payment: the provider, or its recurring part. */
export function sessionsOf(provider: PaymentProvider, payment: Pick<PaymentTable, 'capture'>): Pick<PaymentProvider, 'status' | 'cancel'> {
  const { recurring } = provider
  if (payment.capture !== RECURRING || !recurring) return provider
  return {
    status: async (shopId, id, signal) => statusOf(await recurring.status(shopId, id, signal)),
    // What was paid already is not ended by closing its page: the payment counts.
    cancel: async (shopId, id, signal) => {
      const before = await recurring.status(shopId, id, signal)
      return statusOf(before.state === 'open' ? await recurring.cancel(shopId, id, 'now', signal) : before)
    },
  }
}

/** What was paid stays paid when the subscription ends: then it has an id there. */
function statusOf({ state, ref, amount, currency }: SubscriptionStatus): SessionStatus {
  if (state === 'open') return { state: 'open', amount, currency }
  return { state: ref === null ? 'cancelled' : 'paid', amount, currency }
}

/** Opens the page where a subscription is agreed to and its first period is paid. */
export function openRecurring(
  recurring: RecurringPayments,
  request: PaymentRequest,
  { id: subscriptionId, plan, variant }: Subscription,
  signal: AbortSignal,
): Promise<PaymentSession> {
  const interval = intervalOf(plan.interval)
  if (interval === null) throw new Error(`Subscription ${subscriptionId} has no interval.`)
  const { shopId, attemptId, amount, currency, email, returnUrl, language } = request
  const description = [variant.name, variant.variantName, plan.name].filter(Boolean).join(', ')
  const period = { interval: interval.unit, intervalCount: interval.count }
  return recurring.open({ shopId, subscriptionId, attemptId, amount, currency, description, email, returnUrl, language, ...period }, signal)
}

/** What of the payment of a renewal is different where its provider took the money already: nobody is sent to a page. */
export function billedPayment({ ref, amount }: Invoice): Pick<PaymentTable, 'state' | 'session_id' | 'amount' | 'capture'> {
  return { state: 'PENDING', session_id: ref, amount, capture: RECURRING }
}
