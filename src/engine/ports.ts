// Who else is asked. A provider is a real system somewhere else: every call to it has a deadline, happens outside any transaction, and is
// repeated with the same `attemptId`, which the provider uses as its idempotency key. Time and randomness are ports as well, so that
// everything that has a deadline can be tested at its edge.
import type { ShippingQuote, ShippingRequest, TaxAnswer, TaxRequest } from '../core/quote.ts'

/** The time, in milliseconds since the epoch. The demo shop and tests move it. */
export interface Clock {
  now(): number
}

/** What kind of thing an id names. */
export type IdPrefix =
  | 'cart'
  | 'ln'
  | 'ord'
  | 'hst'
  | 'pay'
  | 'act'
  | 'rf'
  | 'ful'
  | 'prd'
  | 'prm'
  | 'evt'
  | 'dl'
  | 'we'
  | 'key'
  | 'req'
  | 'aud'
  | 'txr'
  | 'bat'
  | 'eml'
  | 'sub'
  | 'bal'

/** Randomness: ids rise with time and carry their kind; secrets have 256 bits; numbers are what a shopper sees; characters are what codes are made of. */
export interface Randomness {
  id(prefix: IdPrefix): string
  guestId(): string
  secret(): string
  number(): string
  /** So many characters of an alphabet (at most 256), each as likely as the others. */
  characters(alphabet: string, count: number): string
}

/** What a payment provider is told when a payment session is opened. Amounts are integers in minor units. */
export interface PaymentRequest {
  readonly shopId: string
  readonly orderId: string
  /** Our payment's id; the provider's idempotency key. */
  readonly attemptId: string
  readonly amount: number
  readonly currency: string
  readonly description: string
  readonly email: string | null
  readonly lines: readonly { readonly name: string; readonly quantity: number; readonly total: number }[]
  /** Where the browser goes back to when the shopper is done, or null: the provider then shows its own closing page. */
  readonly returnUrl: string | null
  /** `automatic`: the money is taken when the shopper pays. `manual`: it is reserved then, and taken by `capture`. */
  readonly capture: 'automatic' | 'manual'
  /** In which language the payment page is shown (BCP 47), or null: the provider decides. */
  readonly language: string | null
}

/** An open session: `url` is the hosted page, `token` what a client-side widget takes; a provider may have one, both, or none of them. */
export interface PaymentSession {
  readonly sessionId: string
  readonly token: string | null
  readonly url: string | null
}

/**
 * How a session stands. `open`: nothing decided yet. `authorized`: money is reserved. `paid`: money is taken. `failed`: this attempt was
 * refused and may be tried again in the same session. `cancelled`: the session can no longer be paid, or the reserved money was set free.
 */
export interface SessionStatus {
  readonly state: 'open' | 'authorized' | 'paid' | 'failed' | 'cancelled'
  /** Minor units: what was reserved or, once `paid`, taken. */
  readonly amount: number
  readonly currency: string
  /** A code for people, such as `card_declined`. */
  readonly reason?: string
}

/** Something a provider sent us: which session it is about and how that stands now. `eventId` is unique within the provider. */
export interface ProviderEvent extends SessionStatus {
  readonly eventId: string
  readonly sessionId: string
  readonly attemptId: string
  /** The order that the provider's own record names, where it names one: it must be the payment's. */
  readonly orderId?: string
}

/**
 * A payment provider. Implementations live in `providers/`. Every method may reject: silence and errors mean "not known yet". Every method
 * is repeated with the same ids until it has an answer, and is executed once. Which account of the provider a shop has is the provider's
 * own business to look up.
 */
export interface PaymentProvider {
  readonly name: string
  /**
   * `now`: an order is placed when money is reserved or taken. `later`: it is placed as soon as the session is open, and staff says when money
   * came (bank transfer, cash on delivery, invoice).
   */
  readonly settles: 'now' | 'later'
  /** Whether it opens sessions for an amount of 0, which only verify how somebody would pay; absent: it does not. */
  readonly opensZero?: boolean
  /** Opens a session, or answers the one that was opened under this `attemptId` before. */
  open(request: PaymentRequest, signal: AbortSignal): Promise<PaymentSession>
  /** How a session stands. */
  status(shopId: string, sessionId: string, signal: AbortSignal): Promise<SessionStatus>
  /** Closes a session so that it can no longer be paid, and sets reserved money free; answers how it stands then (it may have been paid already). */
  cancel(shopId: string, sessionId: string, signal: AbortSignal): Promise<SessionStatus>
  /** Takes reserved money, all or a part of it (the rest is set free); answers how the session stands then. The same `captureId` is executed once. */
  capture(
    request: { shopId: string; sessionId: string; captureId: string; amount: number; currency: string },
    signal: AbortSignal,
  ): Promise<SessionStatus>
  /** Gives money back; the same `refundId` is executed once. */
  refund(
    request: { shopId: string; sessionId: string; refundId: string; amount: number; currency: string },
    signal: AbortSignal,
  ): Promise<void>
  /** Reads and authenticates a message to a shop's inbound endpoint; null when it is not genuine. Never trusts the body before that. */
  readEvent(shopId: string, headers: Readonly<Record<string, string>>, body: Buffer): Promise<ProviderEvent | null>
}

/** Whose question it is. */
export interface AskedFor {
  readonly shopId: string
  readonly cartId: string
}

/**
 * An outside engine that says what taxes a cart owes. It is asked again whenever the cart changes, and may be asked the same twice: a question
 * must change nothing there. Its answer is checked before it counts. Rejecting means "not known".
 */
export interface TaxProvider {
  readonly name: string
  quote(request: TaxRequest & AskedFor, signal: AbortSignal): Promise<TaxAnswer>
}

/** An outside engine that says which shipping methods there are for a cart and what they cost; in the same manner. */
export interface ShippingRateProvider {
  readonly name: string
  rates(request: ShippingRequest & AskedFor, signal: AbortSignal): Promise<readonly ShippingQuote[]>
}

/** An engine is there and will not answer this question: that says nothing about its answers to others. */
export class Unquotable extends Error {}

/** How long a payment provider may take to answer. */
const PROVIDER_DEADLINE_MS = 10_000

/** Calls a provider. The deadline holds even for one that does not listen to its signal, so that no request and no job waits for ever. */
export async function withDeadline<T>(call: (signal: AbortSignal) => Promise<T>, ms = PROVIDER_DEADLINE_MS): Promise<T> {
  const late = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const reason = new Error(`The provider did not answer within ${ms} ms.`)
      late.abort(reason)
      reject(reason)
    }, ms)
  })
  try {
    return await Promise.race([call(late.signal), deadline])
  } finally {
    clearTimeout(timer)
  }
}
