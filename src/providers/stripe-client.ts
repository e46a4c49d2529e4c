// How Stripe is called: with which account, through the official library, within the caller's deadline, and how often one thing is asked for.
// The library is loaded when a shop with an account first needs it. Its own retries repeat a request under the same idempotency key; a request
// that Stripe refused for good is remembered there under its key, so the next attempt has the next key of a fixed row of keys.
import type { Stripe } from 'stripe'
import Type, { type Static } from 'typebox'
import { fromStripeAmount, toStripeAmount } from './stripe-amount.ts'

const key = (pattern: string, description: string) => Type.String({ pattern, maxLength: 255, description })
const WEBHOOK_SECRET = '^whsec_[A-Za-z0-9+/=]{8,240}$'

/** The account of a shop at Stripe, as staff gives it. Restricted keys (`rk_`) do as well, if they may write what the provider writes. */
export const StripeAccountInput = Type.Object(
  {
    secretKey: key('^(sk|rk)_(test|live)_[A-Za-z0-9]{8,240}$', 'The secret key. It says whether this is a test or real money'),
    webhookSecret: key(WEBHOOK_SECRET, 'The signing secret of the webhook endpoint at Stripe'),
    olderWebhookSecret: Type.Optional(
      Type.Union([key(WEBHOOK_SECRET, 'Accepted as well, while an endpoint is replaced by another one'), Type.Null()]),
    ),
    publishableKey: Type.Optional(
      Type.Union([key('^pk_(test|live)_[A-Za-z0-9]{8,240}$', "What a page needs for Stripe's own form (`elements`)"), Type.Null()]),
    ),
    mode: Type.Optional(
      Type.Union([Type.Literal('checkout'), Type.Literal('elements')], {
        description: "`checkout`: Stripe's hosted page (the default). `elements`: a form in the shop's own page",
      }),
    ),
  },
  { additionalProperties: false },
)

/** The account of a shop at Stripe. */
export type StripeAccount = Static<typeof StripeAccountInput>

/** Fields of an account that nobody may read again. */
export const STRIPE_SECRETS: readonly (keyof StripeAccount)[] = ['secretKey', 'webhookSecret', 'olderWebhookSecret']

/** What the provider is made of. */
export interface StripeOptions {
  /** The account of a shop, or null: it has none. */
  readonly accountOf: (shopId: string) => Promise<StripeAccount | null>
  /** Stripe's time is the real one, also where a shop's clock was moved. */
  readonly clock?: { now(): number }
  /** Where Stripe is, `https://api.stripe.com` by default: for a stand-in. */
  readonly apiBase?: string
  /** How long one request may take; within a call there are several. */
  readonly timeoutMs?: number
}

/** A client that belongs to one call: it ends with the call's signal. */
export interface StripeCall {
  readonly stripe: Stripe
  readonly account: StripeAccount
}

/** Why Stripe was not asked, or what it answered is not usable. */
export class StripeRefusal extends Error {
  readonly code: 'no_account' | 'amount_not_taken' | 'return_address_needed' | 'answer_not_usable' | 'not_paid' | 'refund_failed'

  constructor(code: StripeRefusal['code'], message: string) {
    super(message)
    this.name = 'StripeRefusal'
    this.code = code
  }
}

/** What Stripe, or the way to it, answered instead of doing what was asked. `code` and `type` are Stripe's. */
export class StripeFailure extends Error {
  readonly type: string
  readonly code: string | null
  readonly statusCode: number | null
  /** What Stripe finds the request by in its logs. */
  readonly requestId: string | null

  constructor(error: Readonly<Record<string, unknown>>) {
    const { type, code, statusCode, requestId } = error
    super(String(error.message))
    this.name = 'StripeFailure'
    this.type = String(type)
    this.code = typeof code === 'string' ? code : null
    this.statusCode = typeof statusCode === 'number' ? statusCode : null
    this.requestId = typeof requestId === 'string' ? requestId : null
  }
}

/**
 * The same work, rejecting without what the library attaches to its errors: whole objects with the client secret and the shopper's address, which
 * whoever logs an error would log with it.
 */
export function withoutObjects<Given extends unknown[], Answer>(
  work: (...given: Given) => Promise<Answer>,
): (...given: Given) => Promise<Answer> {
  return async (...given) => {
    try {
      return await work(...given)
    } catch (error) {
      const fields = fieldsOf(error)
      throw typeof fields.type === 'string' && fields.type.startsWith('Stripe') ? new StripeFailure(fields) : error
    }
  }
}

const TIMEOUT_MS = 4000
const RETRIES = 1
const KEYS_MAX = 6

/** Makes clients. */
export function stripeCaller({ accountOf, apiBase, timeoutMs = TIMEOUT_MS }: StripeOptions) {
  const base = URL.parse(apiBase ?? '')
  const address = base && {
    host: base.hostname,
    port: base.port,
    protocol: base.protocol === 'http:' ? ('http' as const) : ('https' as const),
  }
  return async (shopId: string, signal: AbortSignal): Promise<StripeCall> => {
    signal.throwIfAborted()
    const account = await accountOf(shopId)
    if (account === null) throw new StripeRefusal('no_account', `Shop ${shopId} has no account at Stripe.`)
    const { Stripe } = await import('stripe')
    const httpClient = Stripe.createFetchHttpClient((url, init) =>
      // The key is never sent on to where an answer leads.
      fetch(url, { ...init, redirect: 'error', signal: init?.signal ? AbortSignal.any([signal, init.signal]) : signal }),
    )
    const stripe = new Stripe(account.secretKey, {
      apiVersion: Stripe.API_VERSION,
      maxNetworkRetries: RETRIES,
      timeout: timeoutMs,
      telemetry: false,
      appInfo: { name: 'Cartwright' },
      httpClient,
      ...address,
    })
    return { stripe, account }
  }
}

/** Whether an account moves real money. */
export function isLive({ secretKey }: StripeAccount): boolean {
  return /^(sk|rk)_live_/.test(secretKey)
}

/** What we write on every object, and find again in every message. */
export interface StripeMark {
  readonly shop: string
  readonly order: string
  readonly payment: string
  /** What the payment's session is: a hosted page (`cs_…`), or the intent itself. */
  readonly mode: 'checkout' | 'elements'
}

/** An amount for Stripe. @throws StripeRefusal where Stripe cannot take exactly this amount */
export function stripeAmount(amount: number, currency: string): { readonly amount: number; readonly currency: string } {
  const converted = toStripeAmount(amount, currency)
  if (converted === null) throw new StripeRefusal('amount_not_taken', `Stripe cannot take ${amount} minor units of ${currency}.`)
  return { amount: converted, currency: currency.toLowerCase() }
}

/** An amount of Stripe in our units. @throws StripeRefusal where it is none */
export function ownAmount(amount: number, currency: string): { readonly amount: number; readonly currency: string } {
  const converted = fromStripeAmount(amount, currency)
  if (converted === null) throw new StripeRefusal('answer_not_usable', `Stripe answered ${amount} ${currency}, which is no amount of ours.`)
  return { amount: converted, currency: currency.toUpperCase() }
}

/** A text as Stripe may show it: not empty, not too long. */
export function shownText(text: string): string {
  return text.trim().slice(0, 250) || 'Order'
}

/** Languages that Stripe's hosted page has. */
const LOCALES =
  'bg cs da de el en en-GB es es-419 et fi fil fr fr-CA hi-IN hr hu id it ja ko lt lv ms mt nb nl pl pt pt-BR ro ru sk sl sv th tr vi zh zh-HK zh-TW'.split(
    ' ',
  )

/** The language of the hosted page: as given, else without its region, else the browser's. */
export function stripeLocale(language: string | null): string {
  const [base = ''] = (language ?? '').split('-')
  return LOCALES.find((each) => each === language) ?? LOCALES.find((each) => each === base) ?? 'auto'
}

/** Whether the object is in another state than the request needs: it moved on, and is to be read anew. */
export function isStateError(error: unknown): boolean {
  return (
    codeOf(error) === 'payment_intent_unexpected_state' || (typeOf(error) === 'StripeInvalidRequestError' && codeOf(error) === undefined)
  )
}

/** Whether the key of a request was used for another request before. */
export function isOtherRequest(error: unknown): boolean {
  return typeOf(error) === 'StripeIdempotencyError' && codeOf(error) !== 'idempotency_key_in_use'
}

/**
 * Asks for something once, however often it is called. Stripe answers a repeated key as before, failures too: such a failure is over, and
 * `before` looks whether it did its work nevertheless; if not, the next key is tried.
 */
export async function once<T>(
  id: string,
  first: number,
  before: () => Promise<T | null>,
  create: (idempotencyKey: string) => Promise<T>,
): Promise<T> {
  for (let count = first; ; count += 1) {
    try {
      return await create(count === 0 ? id : `${id}_${count}`)
    } catch (error) {
      if (!isRepeatedFailure(error) || count >= first + KEYS_MAX) throw error
      const done = await before()
      if (done !== null) return done
    }
  }
}

function isRepeatedFailure(error: unknown): boolean {
  const { headers } = fieldsOf(error)
  return fieldsOf(headers)['idempotent-replayed'] === 'true' && !isOtherRequest(error)
}

function codeOf(error: unknown): unknown {
  return fieldsOf(error).code ?? undefined
}

function typeOf(error: unknown): unknown {
  return fieldsOf(error).type
}

/** What an error carries, whatever it is. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
