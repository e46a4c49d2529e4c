// Stripe as a payment provider, through its official library. A payment is a Checkout Session (a hosted page) or a PaymentIntent (a form in the
// shop's own page); which one a shop opens is its account's `mode`, and which one a payment has is told by its id. What counts is always what
// Stripe answers when it is asked: a message of Stripe only says when to ask.
import type { Stripe } from 'stripe'
import { type PaymentProvider, type PaymentRequest, type PaymentSession, RefusedByProvider, type SessionStatus } from '../engine/ports.ts'
import {
  fieldsOf,
  isOtherRequest,
  isStateError,
  once,
  STRIPE_SECRETS,
  StripeAccountInput,
  type StripeCall,
  type StripeMark,
  type StripeOptions,
  StripeRefusal,
  shownText,
  stripeAmount,
  stripeCaller,
  stripeLocale,
  withoutObjects,
} from './stripe-client.ts'
import { stripeEvents } from './stripe-event.ts'
import { statusOfIntent, statusOfSession } from './stripe-status.ts'
import { stripeSubscriptions } from './stripe-subscription.ts'

/** A hosted page ends by itself no earlier and no later than this; a little less on both sides, for the time that a request takes. */
const ENDS = { earliestMs: 31 * 60_000, latestMs: 24 * 3_600_000 - 60_000 }
const EXPANDED = { expand: ['payment_intent'] }

/** Makes the provider. Every method rejects while a shop has no account. */
export function createStripePayment(options: StripeOptions): PaymentProvider {
  const callFor = stripeCaller(options)
  const now = () => options.clock?.now() ?? Date.now()

  async function open(request: PaymentRequest, signal: AbortSignal): Promise<PaymentSession> {
    const call = await callFor(request.shopId, signal)
    return call.account.mode === 'elements' ? openIntent(call, request) : openPage(call, request, now())
  }

  async function cancel(shopId: string, sessionId: string, signal: AbortSignal): Promise<SessionStatus> {
    const call = await callFor(shopId, signal)
    const before = await read(call, sessionId)
    if (before.state === 'cancelled' || before.state === 'paid') return before
    await close(call, sessionId, before).catch((error: unknown) => {
      // It moved on meanwhile: how it stands then is the answer.
      if (!isStateError(error)) throw error
    })
    return read(call, sessionId)
  }

  const capture: PaymentProvider['capture'] = async ({ shopId, sessionId, captureId, amount, currency }, signal) => {
    const call = await callFor(shopId, signal)
    const taken = stripeAmount(amount, currency)
    const intent = await intentOf(call, sessionId)
    const parameters = { amount_to_capture: taken.amount }
    try {
      const take = (idempotencyKey: string) => call.stripe.paymentIntents.capture(intent, parameters, { idempotencyKey })
      return statusOfIntent(await once<Stripe.PaymentIntent>(captureId, 0, async () => null, take))
    } catch (error) {
      if (!isStateError(error)) throw error
      const status = await read(call, sessionId)
      if (status.state !== 'paid') throw error
      return status
    }
  }

  const refund: PaymentProvider['refund'] = async ({ shopId, sessionId, refundId, amount, currency }, signal) => {
    const call = await callFor(shopId, signal)
    const { amount: returned } = stripeAmount(amount, currency)
    const made = await returnMoney(call, await intentOf(call, sessionId), refundId, returned).catch((error: unknown) => {
      throw refusedForGood(error) ?? error
    })
    if (isFailed(made)) throw new RefusedByProvider(made.failure_reason ?? 'refund_failed', `Stripe's refund ${made.id} failed.`)
    if (made.amount !== returned) throw new StripeRefusal('refund_failed', `Refund ${refundId} was made with another amount.`)
  }

  return {
    name: 'stripe',
    settles: 'now',
    account: { schema: StripeAccountInput, secrets: STRIPE_SECRETS },
    recurring: stripeSubscriptions(callFor),
    open: withoutObjects(open),
    status: withoutObjects(async (shopId, sessionId, signal) => read(await callFor(shopId, signal), sessionId)),
    cancel: withoutObjects(cancel),
    capture: withoutObjects(capture),
    refund: withoutObjects(refund),
    readEvent: withoutObjects(stripeEvents({ ...options, callFor, now })),
  }
}

async function openIntent({ stripe }: StripeCall, request: PaymentRequest): Promise<PaymentSession> {
  const parameters: Stripe.PaymentIntentCreateParams = {
    ...stripeAmount(request.amount, request.currency),
    capture_method: request.capture,
    automatic_payment_methods: { enabled: true },
    description: shownText(request.description),
    metadata: markOf(request, 'elements'),
    ...(request.email === null ? {} : { receipt_email: request.email }),
  }
  const intent = await once<Stripe.PaymentIntent>(
    request.attemptId,
    0,
    async () => null,
    (idempotencyKey) => stripe.paymentIntents.create(parameters, { idempotencyKey }),
  )
  return { sessionId: intent.id, token: intent.client_secret, url: null }
}

/**
 * Repeating must send the same parameters, and whether a page may end by itself at that time depends on when it is opened: where the key knows
 * other parameters, it was the other way round the first time.
 */
async function openPage(call: StripeCall, request: PaymentRequest, now: number): Promise<PaymentSession> {
  const { expiresAt = null } = request
  const endsInTime = expiresAt !== null && expiresAt >= now + ENDS.earliestMs && expiresAt <= now + ENDS.latestMs
  try {
    return await openPageOnce(call, request, endsInTime ? expiresAt : null)
  } catch (error) {
    if (!isOtherRequest(error) || expiresAt === null) throw error
    return openPageOnce(call, request, endsInTime ? null : expiresAt)
  }
}

async function openPageOnce({ stripe }: StripeCall, request: PaymentRequest, endsAt: number | null): Promise<PaymentSession> {
  const { orderId, email, returnUrl, language } = request
  if (returnUrl === null) throw new StripeRefusal('return_address_needed', 'Stripe needs an address to send the shopper back to.')
  const { amount, currency } = stripeAmount(request.amount, request.currency)
  const metadata = markOf(request, 'checkout')
  const description = shownText(request.description)
  const parameters: Stripe.Checkout.SessionCreateParams = {
    mode: 'payment',
    // One line with the whole amount: discounts, taxes and shipping are ours, and no sum of lines may say something else.
    line_items: [{ quantity: 1, price_data: { currency, unit_amount: amount, product_data: { name: description } } }],
    // Nothing but the amount of the order is charged, in its own currency.
    adaptive_pricing: { enabled: false },
    client_reference_id: orderId,
    metadata,
    payment_intent_data: { capture_method: request.capture, description, metadata },
    success_url: returnUrl,
    cancel_url: returnUrl,
    locale: stripeLocale(language),
    ...(email === null ? {} : { customer_email: email }),
    ...(endsAt === null ? {} : { expires_at: Math.floor(endsAt / 1000) }),
  }
  const session = await once<Stripe.Checkout.Session>(
    request.attemptId,
    0,
    async () => null,
    (idempotencyKey) => stripe.checkout.sessions.create(parameters, { idempotencyKey }),
  )
  return { sessionId: session.id, token: null, url: session.url }
}

function markOf({ shopId, orderId, attemptId }: PaymentRequest, mode: StripeMark['mode']): { [Field in keyof StripeMark]: string } {
  return { shop: shopId, order: orderId, payment: attemptId, mode }
}

function isPage(sessionId: string): boolean {
  return sessionId.startsWith('cs_')
}

async function read({ stripe }: StripeCall, sessionId: string): Promise<SessionStatus> {
  if (isPage(sessionId)) return statusOfSession(await stripe.checkout.sessions.retrieve(sessionId, EXPANDED))
  return statusOfIntent(await stripe.paymentIntents.retrieve(sessionId))
}

/** An open page is closed; money that is reserved, or an attempt that can go on, ends with its intent. */
async function close(call: StripeCall, sessionId: string, before: SessionStatus): Promise<void> {
  if (!isPage(sessionId)) {
    await call.stripe.paymentIntents.cancel(sessionId)
    return
  }
  if (before.state === 'authorized') await call.stripe.paymentIntents.cancel(await intentOf(call, sessionId))
  else await call.stripe.checkout.sessions.expire(sessionId)
}

async function intentOf({ stripe }: StripeCall, sessionId: string): Promise<string> {
  if (sessionId.startsWith('in_')) return intentOfInvoice(stripe, sessionId)
  if (!isPage(sessionId)) return sessionId
  const { payment_intent: intent, invoice } = await stripe.checkout.sessions.retrieve(sessionId)
  // A page in its subscription mode is paid by the first invoice.
  if (intent === null && invoice !== null) return intentOfInvoice(stripe, typeof invoice === 'string' ? invoice : invoice.id)
  if (intent === null) throw new StripeRefusal('not_paid', `Session ${sessionId} was not paid.`)
  return typeof intent === 'string' ? intent : intent.id
}

/** The refund of that id: the one that is there or on its way, else a new one. One that failed is tried again under another key. */
async function returnMoney({ stripe }: StripeCall, intent: string, refundId: string, amount: number): Promise<Stripe.Refund> {
  const ours: Stripe.Refund[] = []
  const found = async () => {
    ours.length = 0
    for await (const each of stripe.refunds.list({ payment_intent: intent, limit: 100 }))
      if (each.metadata?.refund === refundId) ours.push(each)
    return ours.find((each) => !isFailed(each)) ?? null
  }
  const earlier = await found()
  if (earlier !== null) return earlier
  const parameters = { payment_intent: intent, amount, metadata: { refund: refundId } }
  return once<Stripe.Refund>(refundId, ours.length, found, (idempotencyKey) => stripe.refunds.create(parameters, { idempotencyKey }))
}

/** A refund that Stripe will not make, whoever asks and how often; null for everything that may be otherwise in a moment. */
function refusedForGood(error: unknown): RefusedByProvider | null {
  const { type, statusCode, code, message } = fieldsOf(error)
  if (type !== 'StripeInvalidRequestError' || statusCode !== 400) return null
  return new RefusedByProvider(typeof code === 'string' ? code : 'refund_refused', String(message))
}

/** What paid an invoice of a subscription. */
async function intentOfInvoice(stripe: Stripe, invoice: string): Promise<string> {
  const { data } = await stripe.invoicePayments.list({ invoice, status: 'paid', limit: 1 })
  const intent = data[0]?.payment.payment_intent
  if (intent === undefined) throw new StripeRefusal('not_paid', `Invoice ${invoice} was not paid.`)
  return typeof intent === 'string' ? intent : intent.id
}

function isFailed({ status }: Stripe.Refund): boolean {
  return status === 'failed' || status === 'canceled'
}
