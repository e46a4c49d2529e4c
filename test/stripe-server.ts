// A stand-in for Stripe: a real HTTP server on loopback that behaves as Stripe's API does towards the official library. It reads forms, keeps
// state, remembers idempotency keys, validates what Stripe validates, answers Stripe's error objects, lets pages expire, and sends events that
// are signed with the library's own test helper. What shoppers and banks do is done by calling it. Its amounts are Stripe's.
import { createHash, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import qs from 'qs'
import { Stripe } from 'stripe'

/** How a shopper pays. `delayed`: the bank answers days later. `refund_fails`: what is sent back does not arrive. */
export type StripeCard = 'success' | 'decline' | '3ds' | 'delayed' | 'capture_fails' | 'refund_refused' | 'refund_pending'

/** What goes wrong with the next request that fits. `error`: nothing is done, and the failure is remembered under its key. `lost`: it is done. */
export interface StripeFault {
  readonly on: RegExp
  readonly kind: 'error' | 'busy' | 'lost' | 'slow'
  readonly ms?: number
}

type Page = Pick<
  Stripe.Checkout.Session,
  | 'id'
  | 'object'
  | 'mode'
  | 'status'
  | 'payment_status'
  | 'amount_subtotal'
  | 'amount_total'
  | 'currency'
  | 'client_reference_id'
  | 'metadata'
  | 'payment_intent'
  | 'subscription'
  | 'invoice'
  | 'url'
  | 'success_url'
  | 'cancel_url'
  | 'expires_at'
  | 'created'
  | 'livemode'
  | 'locale'
  | 'customer_email'
>
type Intent = Pick<
  Stripe.PaymentIntent,
  | 'id'
  | 'object'
  | 'amount'
  | 'amount_capturable'
  | 'amount_received'
  | 'canceled_at'
  | 'cancellation_reason'
  | 'capture_method'
  | 'client_secret'
  | 'created'
  | 'currency'
  | 'description'
  | 'last_payment_error'
  | 'livemode'
  | 'metadata'
  | 'receipt_email'
  | 'status'
>
type Refund = Pick<
  Stripe.Refund,
  'id' | 'object' | 'amount' | 'created' | 'currency' | 'metadata' | 'payment_intent' | 'reason' | 'status' | 'failure_reason'
>
type Dispute = Pick<Stripe.Dispute, 'id' | 'object' | 'amount' | 'currency' | 'payment_intent' | 'reason' | 'status' | 'livemode'>
type Invoice = Pick<
  Stripe.Invoice,
  'id' | 'object' | 'amount_due' | 'amount_paid' | 'currency' | 'status' | 'parent' | 'livemode' | 'created'
>
type Subscription = Pick<
  Stripe.Subscription,
  'id' | 'object' | 'status' | 'cancel_at_period_end' | 'currency' | 'livemode' | 'metadata'
> & {
  items: { object: 'list'; data: SubscriptionItem[] }
}
type SubscriptionItem = Pick<Stripe.SubscriptionItem, 'id' | 'object' | 'quantity' | 'current_period_start' | 'current_period_end'> & {
  price: Pick<Stripe.Price, 'id' | 'object' | 'currency' | 'unit_amount' | 'type'>
}

/** A message as Stripe sends it. */
export interface StripeMessage {
  id: string
  object: 'event'
  api_version: string
  created: number
  type: string
  livemode: boolean
  pending_webhooks: number
  request: { id: null; idempotency_key: null }
  data: { object: unknown }
  account?: string
}

type Form = Readonly<Record<string, unknown>>

/** An error object of Stripe. `remembered`: the request was executed and failed, which its idempotency key repeats. */
class Refused extends Error {
  readonly status: number
  readonly error: Form
  readonly remembered: boolean

  constructor(status: number, error: Form, remembered = false) {
    super(String(error.message))
    this.status = status
    this.error = error
    this.remembered = remembered
  }
}

const PERIOD_S = { day: 86_400, week: 604_800, month: 2_592_000, year: 31_536_000 }
const ZERO = 'bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf'.split(' ')
const THREE = 'bhd jod kwd omr tnd'.split(' ')

function invalid(message: string, param?: string, code?: string): Refused {
  return new Refused(400, { type: 'invalid_request_error', message, ...(param ? { param } : {}), ...(code ? { code } : {}) })
}

/** Starts the stand-in; close it when done. */
export async function startStripe(given: { now?: () => number; secretKey?: string; webhookSecret?: string } = {}) {
  const now = given.now ?? Date.now
  const secretKey = given.secretKey ?? `sk_test_${randomBytes(12).toString('hex')}`
  const webhookSecret = given.webhookSecret ?? `whsec_${randomBytes(16).toString('hex')}`
  const stripe = standIn(now)
  const faults: StripeFault[] = []
  const requests: { method: string; path: string; form: Form; key: string | undefined; headers: IncomingMessage['headers'] }[] = []
  const answers = new Map<string, { hash: string; status: number; body: string } | null>()

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pieces: Buffer[] = []
    for await (const piece of request) pieces.push(piece as Buffer)
    const text = Buffer.concat(pieces).toString('utf8')
    const { pathname, search } = new URL(request.url ?? '/', 'http://stripe.test')
    const method = request.method ?? 'GET'
    const form = qs.parse(method === 'POST' ? text : search.slice(1), { depth: 10 }) as Form
    const key = request.headers['idempotency-key'] as string | undefined
    requests.push({ method, path: pathname, form, key, headers: request.headers })
    const at = faults.findIndex(({ on }) => on.test(`${method} ${pathname}`))
    const fault = at < 0 ? undefined : faults.splice(at, 1)[0]
    const hash = createHash('sha256').update(`${method} ${pathname} ${text}`).digest('hex')
    const [status, body, replayed] = settle(request, { method, pathname, form, key, hash, fault })
    if (fault?.kind === 'lost') {
      request.socket.destroy()
      return
    }
    if (fault?.kind === 'slow') await new Promise((resolve) => setTimeout(resolve, fault.ms ?? 100).unref())
    response.writeHead(status, {
      'content-type': 'application/json',
      'request-id': `req_${randomBytes(7).toString('hex')}`,
      'stripe-version': String(request.headers['stripe-version']),
      ...(key ? { 'idempotency-key': key } : {}),
      ...(replayed ? { 'idempotent-replayed': 'true' } : {}),
      ...(status === 429 ? { 'retry-after': '1' } : {}),
    })
    response.end(body)
  }

  function settle(
    request: IncomingMessage,
    {
      method,
      pathname,
      form,
      key,
      hash,
      fault,
    }: { method: string; pathname: string; form: Form; key: string | undefined; hash: string; fault: StripeFault | undefined },
  ): [number, string, boolean] {
    try {
      if (request.headers.authorization !== `Bearer ${secretKey}`)
        throw new Refused(401, { type: 'invalid_request_error', message: 'Invalid API Key provided.' })
      if (request.headers['stripe-version'] !== Stripe.API_VERSION)
        throw invalid(`Invalid Stripe API version: ${request.headers['stripe-version']}`)
      if (method === 'POST' && !String(request.headers['content-type']).startsWith('application/x-www-form-urlencoded'))
        throw invalid('The request body is not a form.')
      if (fault?.kind === 'busy')
        throw new Refused(429, { type: 'invalid_request_error', code: 'rate_limit', message: 'Too many requests.' })
      const known = method === 'POST' && key ? answers.get(key) : undefined
      if (known && known.hash !== hash)
        throw new Refused(400, {
          type: 'idempotency_error',
          message: `Keys for idempotent requests can only be used with the same parameters (${key}).`,
        })
      if (known) return [known.status, known.body, true]
      if (fault?.kind === 'error') throw new Refused(500, { type: 'api_error', message: 'Something went wrong on our end.' }, true)
      const body = JSON.stringify(stripe.route(method, pathname, form))
      if (method === 'POST' && key) answers.set(key, { hash, status: 200, body })
      return [200, body, false]
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      const body = JSON.stringify({ error: error.error })
      if (error.remembered && method === 'POST' && key) answers.set(key, { hash, status: error.status, body })
      return [error.status, body, false]
    }
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      response.writeHead(500)
      response.end(String(error))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  /** The body and header of a message, as Stripe would send them; `changes` makes it a false one. */
  function signed(message: StripeMessage, changes: { secret?: string; ageS?: number; body?: string } = {}) {
    const payload = JSON.stringify(message)
    const timestamp = Math.floor(now() / 1000) - (changes.ageS ?? 0)
    const header = Stripe.webhooks.generateTestHeaderString({ payload, secret: changes.secret ?? webhookSecret, timestamp })
    return { body: Buffer.from(changes.body ?? payload), headers: { 'stripe-signature': header, 'content-type': 'application/json' } }
  }

  return {
    ...stripe,
    url,
    secretKey,
    webhookSecret,
    faults,
    requests,
    signed,
    /** Posts messages to an inbound endpoint, as often as said, in the order given; answers the statuses. */
    deliver: async (endpoint: string, given = messagesOf(stripe), times = 1): Promise<number[]> => {
      const statuses: number[] = []
      for (const message of given.flatMap((each) => Array.from({ length: times }, () => each))) {
        const response = await fetch(endpoint, { method: 'POST', ...signed(message) })
        await response.body?.cancel()
        statuses.push(response.status)
      }
      return statuses
    },
    /** Forgets keys, as Stripe does after a day. */
    forgetKeys: () => answers.clear(),
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** What was told since this was last asked. */
function messagesOf({ messages }: { messages: StripeMessage[] }): StripeMessage[] {
  return messages.splice(0)
}

/** A running stand-in. */
export type StripeStandIn = Awaited<ReturnType<typeof startStripe>>

/** What Stripe keeps, and what is done with it. */
function standIn(now: () => number) {
  const pages = new Map<string, Page>()
  const intents = new Map<string, Intent>()
  const refunds = new Map<string, Refund>()
  const subscriptions = new Map<string, Subscription>()
  /** Which intent paid an invoice. */
  const invoicePayments = new Map<string, string>()
  const invoices = new Map<string, Invoice>()
  const cards = new Map<string, StripeCard>()
  /** What a page's intent or subscription will be made from. */
  const plans = new Map<string, Form>()
  const messages: StripeMessage[] = []

  const id = (prefix: string) => `${prefix}_${randomBytes(12).toString('hex')}`
  const seconds = () => Math.floor(now() / 1000)

  function tell(type: string, object: unknown): void {
    const request = { id: null, idempotency_key: null }
    const data = { object: structuredClone(object) }
    const made = { created: seconds(), livemode: false, pending_webhooks: 1, request, data } as const
    messages.push({ id: id('evt'), object: 'event', api_version: Stripe.API_VERSION, type, ...made })
  }

  function pageOf(key: string): Page {
    const page = pages.get(key)
    if (!page) return missing('checkout.session', key)
    if (page.status === 'open' && page.expires_at <= seconds()) {
      page.status = 'expired'
      page.url = null
      tell('checkout.session.expired', page)
    }
    return page
  }

  function intentOf(key: string): Intent {
    const intent = intents.get(key)
    if (!intent) return missing('payment_intent', key)
    return intent
  }

  function newIntent(form: Form): Intent {
    const amount = amountOf(form.amount, 'amount')
    const currency = currencyOf(form.currency, amount)
    const intent: Intent = {
      id: id('pi'),
      object: 'payment_intent',
      amount,
      amount_capturable: 0,
      amount_received: 0,
      canceled_at: null,
      cancellation_reason: null,
      capture_method: (form.capture_method as 'automatic' | undefined) ?? 'automatic_async',
      client_secret: `${id('pi')}_secret_${randomBytes(8).toString('hex')}`,
      created: seconds(),
      currency,
      description: (form.description as string | undefined) ?? null,
      last_payment_error: null,
      livemode: false,
      metadata: metadataOf(form.metadata),
      receipt_email: (form.receipt_email as string | undefined) ?? null,
      status: 'requires_payment_method',
    }
    intents.set(intent.id, intent)
    return intent
  }

  function newPage(form: Form): Page {
    onlyKnown(form, [
      ...['mode', 'line_items', 'adaptive_pricing', 'client_reference_id', 'metadata', 'payment_intent_data', 'subscription_data'],
      ...['success_url', 'cancel_url', 'locale', 'customer_email', 'expires_at'],
    ])
    if (form.mode !== 'payment' && form.mode !== 'subscription') throw invalid('Missing required param: mode.', 'mode', 'parameter_missing')
    if (!form.success_url) throw invalid('Missing required param: success_url.', 'success_url', 'parameter_missing')
    if (!URL.canParse(String(form.success_url))) throw invalid('Not a valid URL', 'success_url', 'url_invalid')
    const [line] = (form.line_items ?? []) as { quantity?: string; price_data?: Form }[]
    const price = line?.price_data
    const name = (price?.product_data as Form | undefined)?.name
    if (!line || !price || !name) throw invalid('Missing required param: line_items.', 'line_items', 'parameter_missing')
    if ((form.mode === 'subscription') !== (price.recurring !== undefined)) throw invalid('The prices do not fit the mode.', 'mode')
    const total = amountOf(price.unit_amount, 'line_items[0][price_data][unit_amount]') * Number(line.quantity)
    const currency = currencyOf(price.currency, total)
    const expires = form.expires_at === undefined ? seconds() + 86_400 : Number(form.expires_at)
    if (expires < seconds() + 1800 || expires > seconds() + 86_400)
      throw invalid('The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.', 'expires_at')
    if (form.customer_email !== undefined && !String(form.customer_email).includes('@'))
      throw invalid('Invalid email address', 'customer_email', 'email_invalid')
    const key = `cs_test_${randomBytes(20).toString('hex')}`
    const page: Page = {
      id: key,
      object: 'checkout.session',
      mode: form.mode,
      status: 'open',
      payment_status: 'unpaid',
      amount_subtotal: total,
      amount_total: total,
      currency,
      client_reference_id: (form.client_reference_id as string | undefined) ?? null,
      metadata: metadataOf(form.metadata),
      payment_intent: null,
      subscription: null,
      invoice: null,
      url: `https://checkout.stripe.com/c/pay/${key}`,
      success_url: String(form.success_url),
      cancel_url: (form.cancel_url as string | undefined) ?? null,
      expires_at: expires,
      created: seconds(),
      livemode: false,
      locale: (form.locale as 'auto' | undefined) ?? null,
      customer_email: (form.customer_email as string | undefined) ?? null,
    }
    pages.set(key, page)
    plans.set(key, { ...((form.payment_intent_data ?? form.subscription_data ?? {}) as Form), price })
    return page
  }

  function shown(page: Page, form: Form, prefix = ''): unknown {
    const expand = Object.values((form.expand ?? {}) as Form)
    const wants = (field: string) => expand.includes(prefix + field)
    const { payment_intent: intent, subscription } = page
    return {
      ...page,
      payment_intent: wants('payment_intent') && typeof intent === 'string' ? intentOf(intent) : intent,
      subscription: wants('subscription') && typeof subscription === 'string' ? subscriptions.get(subscription) : subscription,
    }
  }

  function unexpected(intent: Intent, what: string): Refused {
    const message = `This PaymentIntent could not be ${what} because it has a status of ${intent.status}.`
    const error = { type: 'invalid_request_error', code: 'payment_intent_unexpected_state', message, payment_intent: intent }
    return new Refused(400, error, true)
  }

  function capture(intent: Intent, form: Form): Intent {
    onlyKnown(form, ['amount_to_capture'])
    if (intent.status !== 'requires_capture') throw unexpected(intent, 'captured')
    const amount = form.amount_to_capture === undefined ? intent.amount_capturable : amountOf(form.amount_to_capture, 'amount_to_capture')
    if (amount > intent.amount_capturable || amount === 0)
      throw invalid('The requested capture amount is greater than what can be captured.', 'amount_to_capture', 'amount_too_large')
    currencyOf(intent.currency, amount)
    if (cards.get(intent.id) === 'capture_fails')
      throw new Refused(
        402,
        { type: 'card_error', code: 'capture_charge_authorization_expired', message: 'The authorization expired.' },
        true,
      )
    Object.assign(intent, { status: 'succeeded', amount_received: amount, amount_capturable: 0 })
    tell('payment_intent.succeeded', intent)
    return intent
  }

  function cancel(intent: Intent): Intent {
    if (intent.status === 'succeeded' || intent.status === 'canceled' || intent.status === 'processing')
      throw unexpected(intent, 'canceled')
    Object.assign(intent, { status: 'canceled', amount_capturable: 0, canceled_at: seconds() })
    tell('payment_intent.canceled', intent)
    return intent
  }

  function newRefund(form: Form): Refund {
    onlyKnown(form, ['payment_intent', 'amount', 'metadata', 'reason'])
    const intent = intentOf(String(form.payment_intent))
    if (intent.status !== 'succeeded')
      throw new Refused(
        400,
        { type: 'invalid_request_error', message: 'This PaymentIntent does not have a successful charge to refund.' },
        true,
      )
    const left = intent.amount_received - returned(intent.id)
    const amount = form.amount === undefined ? left : amountOf(form.amount, 'amount')
    if (left === 0)
      throw new Refused(
        400,
        { type: 'invalid_request_error', code: 'charge_already_refunded', message: 'The charge has been refunded.' },
        true,
      )
    if (amount <= 0 || amount > left)
      throw new Refused(
        400,
        { type: 'invalid_request_error', param: 'amount', message: `Refund amount is greater than unrefunded amount on charge.` },
        true,
      )
    if (cards.get(intent.id) === 'refund_refused')
      throw new Refused(
        400,
        { type: 'invalid_request_error', code: 'balance_insufficient', message: 'Insufficient funds in your Stripe balance.' },
        true,
      )
    const refund: Refund = {
      id: id('re'),
      object: 'refund',
      amount,
      created: seconds(),
      currency: intent.currency,
      metadata: metadataOf(form.metadata),
      payment_intent: intent.id,
      reason: (form.reason as 'duplicate' | undefined) ?? null,
      status: cards.get(intent.id) === 'refund_pending' ? 'pending' : 'succeeded',
    }
    refunds.set(refund.id, refund)
    tell('refund.created', refund)
    tell('charge.refunded', { id: id('ch'), object: 'charge', payment_intent: intent.id, amount_refunded: returned(intent.id) })
    return refund
  }

  function returned(intent: string): number {
    const all = [...refunds.values()].filter(
      (each) => each.payment_intent === intent && each.status !== 'failed' && each.status !== 'canceled',
    )
    return all.reduce((sum, each) => sum + each.amount, 0)
  }

  function list(data: readonly unknown[], form: Form, url: string) {
    const limit = Number(form.limit ?? 10)
    return { object: 'list', url, has_more: data.length > limit, data: data.slice(0, limit) }
  }

  function subscriptionOf(key: string): Subscription {
    const found = subscriptions.get(key)
    return found ?? missing('subscription', key)
  }

  const routes: readonly [string, RegExp, (form: Form, key: string) => unknown][] = [
    ['POST', /^\/v1\/checkout\/sessions$/, (form) => newPage(form)],
    [
      'GET',
      /^\/v1\/checkout\/sessions$/,
      (form) => {
        const found = [...pages.values()].filter((page) => page.payment_intent === form.payment_intent)
        return list(
          found.map((page) => shown(page, form, 'data.')),
          form,
          '/v1/checkout/sessions',
        )
      },
    ],
    ['GET', /^\/v1\/checkout\/sessions\/([^/]+)$/, (form, key) => shown(pageOf(key), form)],
    [
      'POST',
      /^\/v1\/checkout\/sessions\/([^/]+)\/expire$/,
      (_form, key) => {
        const page = pageOf(key)
        if (page.status !== 'open')
          throw invalid(`Only Checkout Sessions with a status in ["open"] can be expired. This one has a status of ${page.status}.`)
        Object.assign(page, { status: 'expired', url: null })
        tell('checkout.session.expired', page)
        return page
      },
    ],
    [
      'POST',
      /^\/v1\/payment_intents$/,
      (form) => {
        onlyKnown(form, ['amount', 'currency', 'capture_method', 'automatic_payment_methods', 'description', 'metadata', 'receipt_email'])
        return newIntent(form)
      },
    ],
    ['GET', /^\/v1\/payment_intents\/([^/]+)$/, (_form, key) => intentOf(key)],
    ['POST', /^\/v1\/payment_intents\/([^/]+)\/capture$/, (form, key) => capture(intentOf(key), form)],
    ['POST', /^\/v1\/payment_intents\/([^/]+)\/cancel$/, (_form, key) => cancel(intentOf(key))],
    ['POST', /^\/v1\/refunds$/, (form) => newRefund(form)],
    [
      'GET',
      /^\/v1\/refunds$/,
      (form) => {
        const newest = [...refunds.values()].filter((each) => each.payment_intent === form.payment_intent).reverse()
        const from = form.starting_after === undefined ? 0 : newest.findIndex((each) => each.id === form.starting_after) + 1
        return list(newest.slice(from), form, '/v1/refunds')
      },
    ],
    ['GET', /^\/v1\/refunds\/([^/]+)$/, (_form, key) => refunds.get(key) ?? missing('refund', key)],
    ['GET', /^\/v1\/invoices\/([^/]+)$/, (_form, key) => invoices.get(key) ?? missing('invoice', key)],
    [
      'GET',
      /^\/v1\/invoice_payments$/,
      (form) => {
        onlyKnown(form, ['invoice', 'status', 'limit'])
        const intent = form.status === 'paid' ? invoicePayments.get(String(form.invoice)) : undefined
        const payment = { type: 'payment_intent', payment_intent: intent }
        const entry = { id: `inpay_${intent}`, object: 'invoice_payment', invoice: form.invoice, status: 'paid', payment }
        return list(intent === undefined ? [] : [entry], form, '/v1/invoice_payments')
      },
    ],
    ['GET', /^\/v1\/subscriptions\/([^/]+)$/, (_form, key) => subscriptionOf(key)],
    [
      'POST',
      /^\/v1\/subscriptions\/([^/]+)$/,
      (form, key) => {
        onlyKnown(form, ['cancel_at_period_end'])
        const subscription = subscriptionOf(key)
        subscription.cancel_at_period_end = form.cancel_at_period_end === 'true'
        tell('customer.subscription.updated', subscription)
        return subscription
      },
    ],
    [
      'DELETE',
      /^\/v1\/subscriptions\/([^/]+)$/,
      (_form, key) => {
        const subscription = subscriptionOf(key)
        subscription.status = 'canceled'
        tell('customer.subscription.deleted', subscription)
        return subscription
      },
    ],
  ]

  function route(method: string, path: string, form: Form): unknown {
    for (const [verb, pattern, run] of routes) {
      const match = verb === method ? pattern.exec(path) : null
      if (match) return run(form, decodeURIComponent(match[1] ?? ''))
    }
    throw new Refused(404, { type: 'invalid_request_error', message: `Unrecognized request URL (${method}: ${path}).` })
  }

  // What shoppers and banks do ------------------------------------------------------------------------------------------------------------

  function succeed(intent: Intent, page: Page | undefined, type = 'checkout.session.completed'): void {
    const isReserved = intent.capture_method === 'manual'
    Object.assign(intent, { last_payment_error: null, status: isReserved ? 'requires_capture' : 'succeeded' })
    Object.assign(intent, isReserved ? { amount_capturable: intent.amount } : { amount_received: intent.amount })
    tell(isReserved ? 'payment_intent.amount_capturable_updated' : 'payment_intent.succeeded', intent)
    if (!page) return
    Object.assign(page, { status: 'complete', url: null, payment_status: isReserved ? 'unpaid' : 'paid' })
    tell(type, page)
  }

  function decline(intent: Intent, code: string): void {
    const error = { type: 'card_error', code: 'card_declined', decline_code: code, message: 'Your card was declined.' }
    Object.assign(intent, { status: 'requires_payment_method', last_payment_error: error })
    tell('payment_intent.payment_failed', intent)
  }

  function subscribe(page: Page): void {
    const { price, metadata } = plans.get(page.id) as {
      price: { recurring: { interval: 'month'; interval_count?: string } }
      metadata?: unknown
    }
    const start = seconds()
    const { interval, interval_count: count = '1' } = price.recurring
    const item: SubscriptionItem = {
      id: id('si'),
      object: 'subscription_item',
      quantity: 1,
      current_period_start: start,
      current_period_end: start + PERIOD_S[interval] * Number(count),
      price: { id: id('price'), object: 'price', currency: page.currency ?? '', unit_amount: page.amount_total, type: 'recurring' },
    }
    const subscription: Subscription = {
      id: id('sub'),
      object: 'subscription',
      status: 'active',
      cancel_at_period_end: false,
      currency: page.currency ?? '',
      livemode: false,
      metadata: metadataOf(metadata),
      items: { object: 'list', data: [item] },
    }
    subscriptions.set(subscription.id, subscription)
    Object.assign(page, { status: 'complete', url: null, payment_status: 'paid', subscription: subscription.id })
    tell('checkout.session.completed', page)
    page.invoice = bill(subscription, true)
  }

  /** Money of a period that is taken is an intent like any other. Answers the invoice. */
  function bill(subscription: Subscription, isPaid: boolean): string {
    const amount = subscription.items.data[0]?.price.unit_amount ?? 0
    const invoice: Invoice = {
      id: id('in'),
      object: 'invoice',
      amount_due: amount,
      amount_paid: isPaid ? amount : 0,
      currency: subscription.currency,
      status: isPaid ? 'paid' : 'open',
      livemode: false,
      created: seconds(),
      parent: {
        type: 'subscription_details',
        quote_details: null,
        subscription_details: { metadata: { ...subscription.metadata }, subscription: subscription.id },
      } as Invoice['parent'],
    }
    invoices.set(invoice.id, invoice)
    tell(isPaid ? 'invoice.paid' : 'invoice.payment_failed', invoice)
    if (isPaid) {
      const intent = newIntent({ amount: String(amount), currency: subscription.currency })
      Object.assign(intent, { status: 'succeeded', amount_received: amount })
      invoicePayments.set(invoice.id, intent.id)
    }
    return invoice.id
  }

  /** The shopper pays on the page, or in the shop's own form. */
  function pay(key: string, card: StripeCard = 'success'): void {
    const page = key.startsWith('cs_') ? pageOf(key) : undefined
    if (page && page.status !== 'open') throw new Error(`The page is ${page.status}.`)
    if (page?.mode === 'subscription') {
      subscribe(page)
      return
    }
    const held = page ? (page.payment_intent as string | null) : key
    const intent = held ? intentOf(held) : newIntent({ ...plans.get(key), amount: page?.amount_total, currency: page?.currency })
    if (intent.status === 'canceled' || intent.status === 'succeeded') throw new Error(`The intent is ${intent.status}.`)
    if (page) page.payment_intent = intent.id
    cards.set(intent.id, card)
    if (card === 'decline') decline(intent, 'generic_decline')
    else if (card === '3ds') intent.status = 'requires_action'
    else if (card === 'delayed') {
      intent.status = 'processing'
      if (!page) return
      Object.assign(page, { status: 'complete', url: null })
      tell('checkout.session.completed', page)
    } else succeed(intent, page)
  }

  /** The bank says whether it is the shopper (`3ds`), or whether the money came (`delayed`). */
  function decide(key: string, isGood: boolean): void {
    const page = key.startsWith('cs_') ? pageOf(key) : undefined
    const intent = intentOf(page ? (page.payment_intent as string) : key)
    const isDelayed = intent.status === 'processing'
    if (isGood) succeed(intent, page, isDelayed ? 'checkout.session.async_payment_succeeded' : undefined)
    else decline(intent, 'authentication_required')
    if (!isGood && page && isDelayed) tell('checkout.session.async_payment_failed', page)
  }

  return {
    route,
    pages,
    intents,
    refunds,
    subscriptions,
    messages,
    pay,
    decide,
    /** The intent of a page, or the intent itself. */
    intentBehind: (key: string) => intentOf(key.startsWith('cs_') ? (pageOf(key).payment_intent as string) : key),
    /** There is money again to give back from. */
    fund: (key: string) => cards.set(intentOf(pageOf(key).payment_intent as string).id, 'success'),
    /** A reservation that nobody took runs out. */
    lapse: (key: string) => {
      const intent = intentOf(key.startsWith('cs_') ? (pageOf(key).payment_intent as string) : key)
      Object.assign(intent, { status: 'canceled', amount_capturable: 0, cancellation_reason: 'automatic' })
      tell('payment_intent.canceled', intent)
    },
    /** Somebody at the shop gives money back in Stripe's dashboard. */
    refundByHand: (intent: string, amount: number) => newRefund({ payment_intent: intent, amount: String(amount) }),
    /** A refund that was on its way does not arrive. */
    failRefund: (refund: Refund) => {
      Object.assign(refund, { status: 'failed', failure_reason: 'lost_or_stolen_card' })
      tell('refund.failed', refund)
    },
    /** The shopper's bank takes the money back. */
    dispute: (intent: string) => {
      const { amount_received: amount, currency } = intentOf(intent)
      const dispute: Dispute = {
        id: id('dp'),
        object: 'dispute',
        amount,
        currency,
        payment_intent: intent,
        reason: 'fraudulent',
        status: 'needs_response',
        livemode: false,
      }
      tell('charge.dispute.created', dispute)
      tell('charge.dispute.closed', { ...dispute, status: 'lost' })
    },
    /** A period of a subscription ends, and the next one is paid or not. */
    renew: (key: string, isPaid: boolean) => {
      const subscription = subscriptionOf(key)
      subscription.status = isPaid ? 'active' : 'past_due'
      for (const item of subscription.items.data) {
        const length = item.current_period_end - item.current_period_start
        Object.assign(item, { current_period_start: item.current_period_end, current_period_end: item.current_period_end + length })
      }
      bill(subscription, isPaid)
      tell('customer.subscription.updated', subscription)
    },
    tell,
  }
}

function missing(what: string, key: string): never {
  const message = `No such ${what}: '${key}'`
  throw new Refused(404, { type: 'invalid_request_error', code: 'resource_missing', param: what, message })
}

function onlyKnown(form: Form, known: readonly string[]): void {
  const stranger = Object.keys(form).find((field) => field !== 'expand' && !known.includes(field))
  if (stranger) throw invalid(`Received unknown parameter: ${stranger}`, stranger, 'parameter_unknown')
}

function amountOf(value: unknown, param: string): number {
  if (typeof value === 'number') return value
  if (typeof value !== 'string' || !/^\d{1,12}$/.test(value))
    throw invalid(`Invalid integer: ${String(value)}`, param, 'parameter_invalid_integer')
  return Number(value)
}

/** The currency in lower case, if Stripe takes this amount of it. */
function currencyOf(value: unknown, amount: number): string {
  const currency = String(value)
  if (!/^[a-z]{3}$/.test(currency)) throw invalid(`Invalid currency: ${currency}.`, 'currency')
  if ((currency === 'ugx' || currency === 'isk') && amount % 100 !== 0)
    throw invalid(
      `Invalid amount. Currency ${currency} has become effectively zero-decimal and charged amounts must be evenly divisible by 100.`,
      'amount',
    )
  if (THREE.includes(currency) && amount % 10 !== 0) throw invalid('Amounts in three-decimal currencies must end with 0.', 'amount')
  const least = ZERO.includes(currency) ? 1 : THREE.includes(currency) ? 100 : 50
  if (amount < least) throw invalid('Amount must be at least what 50 cents are.', 'amount', 'amount_too_small')
  if (amount > 99_999_999_999) throw invalid('Amount must be no more than 999,999,999.99.', 'amount', 'amount_too_large')
  return currency
}

function metadataOf(value: unknown): Record<string, string> {
  const entries = Object.entries((value ?? {}) as Record<string, unknown>)
  if (entries.length > 50) throw invalid('You can set up to 50 metadata keys.', 'metadata')
  for (const [field, text] of entries)
    if (field.length > 40 || typeof text !== 'string' || text.length > 500)
      throw invalid('A metadata value is too long.', `metadata[${field}]`)
  return Object.fromEntries(entries) as Record<string, string>
}
