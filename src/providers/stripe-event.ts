// What Stripe sends. A message is believed in one thing only, once its signature fits: that something happened to the object it names. How that
// stands now is asked, so that the order of messages, their age and the version of the API they were written in do not matter.
import type { Stripe } from 'stripe'
import type { ProviderEvent, ProviderNotice, SessionStatus, SubscriptionEvent } from '../engine/ports.ts'
import { isLive, ownAmount, type StripeAccount, type StripeCall, StripeRefusal } from './stripe-client.ts'
import { statusOfIntent, statusOfSession } from './stripe-status.ts'
import { subscriptionEvent } from './stripe-subscription.ts'

/** A message may be this old (seconds). */
const TOLERANCE_S = 300
/** How long Stripe may take to answer what a message leaves open. */
const ASKING_MS = 8000

/** What a message is about: one of our payments, as it stands now. */
interface Subject extends SessionStatus {
  readonly sessionId: string
  readonly attemptId: string
  readonly orderId: string
}

/** Makes `readEvent`. */
export function stripeEvents(parts: {
  accountOf: (shopId: string) => Promise<StripeAccount | null>
  callFor: (shopId: string, signal: AbortSignal) => Promise<StripeCall>
  now: () => number
}) {
  return async (
    shopId: string,
    headers: Readonly<Record<string, string>>,
    body: Buffer,
  ): Promise<ProviderEvent | SubscriptionEvent | 'ignored' | null> => {
    const account = await parts.accountOf(shopId)
    const event = account && (await authentic(account, headers['stripe-signature'], body, parts.now()))
    // Test messages never move real money, nor the other way round; an account of somebody else is not the shop's.
    if (!event || event.livemode !== isLive(account) || event.account) return null
    const call = () => parts.callFor(shopId, AbortSignal.timeout(ASKING_MS))
    return meaning(event, shopId, call)
  }
}

async function authentic(account: StripeAccount, signature: string | undefined, body: Buffer, now: number): Promise<Stripe.Event | null> {
  if (signature === undefined) return null
  const { Stripe } = await import('stripe')
  for (const secret of [account.webhookSecret, account.olderWebhookSecret]) {
    if (!secret) continue
    try {
      const event = Stripe.webhooks.constructEvent(body, signature, secret, TOLERANCE_S, undefined, now)
      return event?.object === 'event' && typeof event.id === 'string' ? event : null
    } catch {
      // Not signed with this secret, too old, or signed and not JSON: the next secret may fit, else it is none of ours.
    }
  }
  return null
}

async function meaning(
  event: Stripe.Event,
  shopId: string,
  call: () => Promise<StripeCall>,
): Promise<ProviderEvent | SubscriptionEvent | 'ignored'> {
  switch (event.type) {
    case 'checkout.session.completed':
    case 'checkout.session.async_payment_succeeded':
    case 'checkout.session.async_payment_failed':
    case 'checkout.session.expired': {
      const session = event.data.object
      if (session.metadata?.shop !== shopId) return 'ignored'
      if (session.mode === 'subscription')
        return subscriptionEvent(event.id, session.metadata.subscription, await call(), { session: session.id })
      return session.metadata.payment ? told(event.id, await pageNow(await call(), session.id)) : 'ignored'
    }
    case 'payment_intent.succeeded':
    case 'payment_intent.amount_capturable_updated':
    case 'payment_intent.payment_failed':
    case 'payment_intent.canceled': {
      const intent = event.data.object
      if (intent.metadata.shop !== shopId || !intent.metadata.payment) return 'ignored'
      return told(event.id, await intentNow(await call(), intent.id, shopId))
    }
    case 'charge.refunded':
      return noticed(shopId, await call(), event.data.object, ({ stripe }, intent) => newestRefund(stripe, intent))
    case 'refund.created':
    case 'refund.updated':
    case 'refund.failed':
    case 'charge.refund.updated': {
      const { id } = event.data.object
      return noticed(shopId, await call(), event.data.object, async ({ stripe }) => noticeOfRefund(await stripe.refunds.retrieve(id)))
    }
    case 'charge.dispute.created':
    case 'charge.dispute.closed': {
      const dispute = event.data.object
      const isOver = event.type === 'charge.dispute.closed'
      return noticed(shopId, await call(), dispute, async () => ({
        kind: isOver ? 'dispute_closed' : 'disputed',
        ref: dispute.id,
        ...ownAmount(dispute.amount, dispute.currency),
        reason: isOver ? dispute.status : dispute.reason,
      }))
    }
    case 'invoice.paid':
    case 'invoice.payment_failed': {
      const invoice = event.data.object
      const about = invoice.parent?.subscription_details
      if (!about || about.metadata?.shop !== shopId) return 'ignored'
      return subscriptionEvent(event.id, about.metadata.subscription, await call(), { ref: idOf(about.subscription), invoice: invoice.id })
    }
    case 'customer.subscription.updated':
    case 'customer.subscription.deleted': {
      const { id, metadata } = event.data.object
      return metadata.shop === shopId ? subscriptionEvent(event.id, metadata.subscription, await call(), { ref: id }) : 'ignored'
    }
    default:
      return 'ignored'
  }
}

function told(eventId: string, subject: Subject | null): ProviderEvent | 'ignored' {
  return subject === null ? 'ignored' : { eventId, ...subject }
}

/** What happened to money that was taken: about which of our payments its intent tells. */
async function noticed(
  shopId: string,
  call: StripeCall,
  about: { readonly payment_intent: string | Stripe.PaymentIntent | null },
  read: (call: StripeCall, intent: string) => Promise<ProviderNotice | null>,
): Promise<ProviderEvent | 'ignored'> {
  if (about.payment_intent === null) return 'ignored'
  const intent = idOf(about.payment_intent)
  const subject = await intentNow(call, intent, shopId)
  const notice = subject && (await read(call, intent))
  // Several messages may tell of one refund: they are one event.
  return subject && notice ? { eventId: `${notice.kind}:${notice.ref}`, ...subject, notice } : 'ignored'
}

async function newestRefund(stripe: Stripe, intent: string): Promise<ProviderNotice | null> {
  const [newest] = (await stripe.refunds.list({ payment_intent: intent, limit: 1 })).data
  return newest ? noticeOfRefund(newest) : null
}

/** Null for a refund of ours that is there or on its way: we know it. */
function noticeOfRefund(refund: Stripe.Refund): ProviderNotice | null {
  const refundId = refund.metadata?.refund
  const amount = { ref: refund.id, ...ownAmount(refund.amount, refund.currency) }
  if (refund.status === 'failed' || refund.status === 'canceled') {
    const reason = refund.failure_reason ?? refund.status
    return { kind: 'refund_failed', ...amount, reason, ...(refundId === undefined ? {} : { refundId }) }
  }
  return refundId === undefined ? { kind: 'refunded', ...amount, ...(refund.reason === null ? {} : { reason: refund.reason }) } : null
}

async function pageNow({ stripe }: StripeCall, sessionId: string): Promise<Subject | null> {
  const session = await stripe.checkout.sessions.retrieve(sessionId, { expand: ['payment_intent'] })
  return subjectOf(session.id, session.metadata, statusOfSession(session))
}

/** The payment that an intent belongs to; null when it is none of this shop. */
async function intentNow({ stripe }: StripeCall, intentId: string, shopId: string): Promise<Subject | null> {
  const intent = await stripe.paymentIntents.retrieve(intentId)
  if (intent.metadata.shop !== shopId) return null
  if (intent.metadata.mode !== 'checkout') return subjectOf(intent.id, intent.metadata, statusOfIntent(intent))
  const [session] = (await stripe.checkout.sessions.list({ payment_intent: intentId, limit: 1, expand: ['data.payment_intent'] })).data
  // Its page must be there; until Stripe shows it, the message comes again.
  if (!session) throw new StripeRefusal('answer_not_usable', `Stripe does not show the session of intent ${intentId} yet.`)
  return subjectOf(session.id, session.metadata, statusOfSession(session))
}

function subjectOf(sessionId: string, mark: Stripe.Metadata | null, status: SessionStatus): Subject | null {
  const { payment: attemptId, order: orderId } = mark ?? {}
  return attemptId === undefined || orderId === undefined ? null : { sessionId, attemptId, orderId, ...status }
}

function idOf(named: string | { readonly id: string }): string {
  return typeof named === 'string' ? named : named.id
}
