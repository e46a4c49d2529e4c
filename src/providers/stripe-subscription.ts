// Subscriptions at Stripe: a Checkout Session in its subscription mode asks the shopper once, Stripe then takes the money of every period by
// itself and tells. Prices are sent along; nothing has to be set up at Stripe.
import type { Stripe } from 'stripe'
import type { PaymentSession, RecurringPayments, SubscriptionEvent, SubscriptionRequest, SubscriptionStatus } from '../engine/ports.ts'
import {
  isStateError,
  once,
  ownAmount,
  type StripeCall,
  StripeRefusal,
  shownText,
  stripeAmount,
  stripeLocale,
  withoutObjects,
} from './stripe-client.ts'

/** Makes it. */
export function stripeSubscriptions(callFor: (shopId: string, signal: AbortSignal) => Promise<StripeCall>): RecurringPayments {
  async function cancel(shopId: string, id: string, when: 'now' | 'period_end', signal: AbortSignal): Promise<SubscriptionStatus> {
    const call = await callFor(shopId, signal)
    const before = await read(call, id)
    if (before.state === 'cancelled') return before
    await end(call, id, before.ref, when).catch((error: unknown) => {
      if (!isStateError(error)) throw error
    })
    return read(call, before.ref ?? id)
  }
  async function resume(shopId: string, id: string, signal: AbortSignal): Promise<SubscriptionStatus> {
    const call = await callFor(shopId, signal)
    const before = await read(call, id)
    if (before.ref === null || before.state === 'cancelled' || !before.endsWithPeriod) return before
    await call.stripe.subscriptions.update(before.ref, { cancel_at_period_end: false })
    return read(call, before.ref)
  }
  return {
    open: withoutObjects(async (request, signal) => openPage(await callFor(request.shopId, signal), request)),
    status: withoutObjects(async (shopId, id, signal) => read(await callFor(shopId, signal), id)),
    cancel: withoutObjects(cancel),
    resume: withoutObjects(resume),
  }
}

/** How a subscription stands that a message is about, and what happened to it. */
export async function subscriptionEvent(
  eventId: string,
  subscriptionId: string | undefined,
  call: StripeCall,
  about: { readonly session: string } | { readonly ref: string; readonly invoice?: string },
): Promise<SubscriptionEvent | 'ignored'> {
  if (subscriptionId === undefined) return 'ignored'
  const status = await read(call, 'ref' in about ? about.ref : about.session)
  const base = { kind: 'subscription', eventId, subscriptionId, ...status } as const
  if ('ref' in about && about.invoice !== undefined) {
    const invoice = await call.stripe.invoices.retrieve(about.invoice)
    const isPaid = invoice.status === 'paid'
    const amount = ownAmount(isPaid ? invoice.amount_paid : invoice.amount_due, invoice.currency)
    return { ...base, what: isPaid ? 'renewed' : 'payment_failed', invoice: { ref: about.invoice, ...amount } }
  }
  return { ...base, what: status.state === 'cancelled' ? 'ended' : 'changed' }
}

async function openPage({ stripe }: StripeCall, request: SubscriptionRequest): Promise<PaymentSession> {
  const { shopId, subscriptionId, returnUrl, email, language, interval, intervalCount } = request
  if (returnUrl === null) throw new StripeRefusal('return_address_needed', 'Stripe needs an address to send the shopper back to.')
  const { amount, currency } = stripeAmount(request.amount, request.currency)
  const metadata = { shop: shopId, subscription: subscriptionId }
  const recurring = { interval, interval_count: intervalCount }
  const parameters: Stripe.Checkout.SessionCreateParams = {
    mode: 'subscription',
    line_items: [
      { quantity: 1, price_data: { currency, unit_amount: amount, recurring, product_data: { name: shownText(request.description) } } },
    ],
    adaptive_pricing: { enabled: false },
    client_reference_id: subscriptionId,
    metadata,
    subscription_data: { metadata },
    success_url: returnUrl,
    cancel_url: returnUrl,
    locale: stripeLocale(language),
    ...(email === null ? {} : { customer_email: email }),
  }
  const session = await once<Stripe.Checkout.Session>(
    request.attemptId,
    0,
    async () => null,
    (idempotencyKey) => stripe.checkout.sessions.create(parameters, { idempotencyKey }),
  )
  return { sessionId: session.id, token: null, url: session.url }
}

async function read({ stripe }: StripeCall, id: string): Promise<SubscriptionStatus> {
  if (!id.startsWith('cs_')) return statusOf(await stripe.subscriptions.retrieve(id))
  const session = await stripe.checkout.sessions.retrieve(id, { expand: ['subscription'] })
  const { subscription } = session
  if (typeof subscription === 'string') throw new StripeRefusal('answer_not_usable', `Stripe did not answer the subscription of ${id}.`)
  if (subscription) return statusOf(subscription)
  const amount = ownAmount(session.amount_total ?? 0, session.currency ?? '')
  return { state: session.status === 'expired' ? 'cancelled' : 'open', ref: null, ...amount, periodEndsAt: null, endsWithPeriod: false }
}

function statusOf(subscription: Stripe.Subscription): SubscriptionStatus {
  const { id: ref, status, cancel_at_period_end: endsWithPeriod, items } = subscription
  const [item] = items.data
  if (!item) throw new StripeRefusal('answer_not_usable', `Subscription ${ref} has no price.`)
  const { price, quantity = 1, current_period_end: end } = item
  const amount = ownAmount((price.unit_amount ?? 0) * quantity, price.currency)
  return { state: stateOf(status), ref, ...amount, periodEndsAt: end * 1000, endsWithPeriod }
}

function stateOf(status: Stripe.Subscription.Status): SubscriptionStatus['state'] {
  if (status === 'active' || status === 'trialing') return 'active'
  if (status === 'canceled' || status === 'incomplete_expired') return 'cancelled'
  return status === 'incomplete' ? 'open' : 'past_due'
}

async function end({ stripe }: StripeCall, id: string, ref: string | null, when: 'now' | 'period_end'): Promise<void> {
  if (ref === null) await stripe.checkout.sessions.expire(id)
  else if (when === 'now') await stripe.subscriptions.cancel(ref)
  else await stripe.subscriptions.update(ref, { cancel_at_period_end: true })
}
