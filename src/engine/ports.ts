// Who else is asked. A provider is a real system somewhere else: every call to it has a deadline, happens outside any transaction, and is
// repeated with the same `attemptId`, which the provider uses as its idempotency key. Time and randomness are ports as well, so that
// everything that has a deadline can be tested at its edge.

import type { ShippingQuote, ShippingRequest, TaxAnswer, TaxRequest } from '../core/quote.ts'
import type { Refusal } from '../core/refusal.ts'

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
  /** When the order stops awaiting payment (ms). A provider that can close its session by itself then does so; we close it in any case. */
  readonly expiresAt?: number | null
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
  /** What happened beside that, for people to see: it changes no payment by itself. */
  readonly notice?: ProviderNotice
}

/**
 * What a provider tells about money that was taken. `refunded`: money went back that we did not send. `refund_failed`: money that was on its way
 * back did not arrive. `disputed`: the shopper's bank took it back for now; `dispute_closed`: what came of that is the `reason`.
 */
export interface ProviderNotice {
  readonly kind: 'refunded' | 'refund_failed' | 'disputed' | 'dispute_closed'
  /** The provider's id of the refund or dispute: several messages may tell of one. */
  readonly ref: string
  /** Minor units. */
  readonly amount: number
  readonly currency: string
  /** Our refund, where the provider's record names it. */
  readonly refundId?: string
  readonly reason?: string
}

/** What a provider is told when a subscription is opened. Amounts are integers in minor units, and due once per period. */
export interface SubscriptionRequest {
  readonly shopId: string
  /** Our subscription's id: the provider's messages name it. */
  readonly subscriptionId: string
  /** Our payment's id; the provider's idempotency key. */
  readonly attemptId: string
  readonly amount: number
  readonly currency: string
  readonly description: string
  readonly email: string | null
  readonly returnUrl: string | null
  readonly language: string | null
  /** A period is `intervalCount` times the `interval`. */
  readonly interval: 'day' | 'week' | 'month' | 'year'
  readonly intervalCount: number
}

/**
 * How a subscription stands. `open`: the shopper has not paid its first period yet. `past_due`: a renewal was not paid, and is tried again.
 * `cancelled`: it is over, or was never paid.
 */
export interface SubscriptionStatus {
  readonly state: 'open' | 'active' | 'past_due' | 'cancelled'
  /** The provider's id of the subscription; null until its first period is paid. */
  readonly ref: string | null
  /** What a period costs, in minor units. */
  readonly amount: number
  readonly currency: string
  /** When the current period ends (ms); null until it began. */
  readonly periodEndsAt: number | null
  /** It is not renewed when the period ends. */
  readonly endsWithPeriod: boolean
}

/**
 * Something a provider sent about a subscription: how it stands, and what happened. `renewed` is every paid period, the first one too; what was
 * paid is the `invoice`.
 */
export interface SubscriptionEvent extends SubscriptionStatus {
  readonly kind: 'subscription'
  readonly eventId: string
  readonly subscriptionId: string
  readonly what: 'renewed' | 'payment_failed' | 'changed' | 'ended'
  /** `ref` is the provider's id of the invoice: two messages about one invoice are one payment. Minor units. */
  readonly invoice?: { readonly ref: string; readonly amount: number; readonly currency: string }
}

/** Payments that repeat by themselves. Methods reject and are repeated like those of a payment provider. */
export interface RecurringPayments {
  /** Opens a page where the shopper subscribes, or answers the one that was opened under this `attemptId` before. */
  open(request: SubscriptionRequest, signal: AbortSignal): Promise<PaymentSession>
  /** How a subscription stands; by the id of its session, or by its `ref`. */
  status(shopId: string, id: string, signal: AbortSignal): Promise<SubscriptionStatus>
  /** Ends it now, or lets it run out; one that is still open (its session's id is given) is closed. Answers how it stands then. */
  cancel(shopId: string, id: string, when: 'now' | 'period_end', signal: AbortSignal): Promise<SubscriptionStatus>
  /** One that would run out goes on. */
  resume(shopId: string, id: string, signal: AbortSignal): Promise<SubscriptionStatus>
}

/** Means of payment that a shopper left with the provider by paying. Methods reject and are repeated like those of a payment provider. */
export interface SavedPayments {
  /**
   * Pays an open session without the shopper, by what paid `paidBy`, another session; answers how it stands then. One that is decided already answers
   * how it stands: nothing is taken twice.
   */
  charge(request: { shopId: string; sessionId: string; paidBy: string }, signal: AbortSignal): Promise<SessionStatus>
}

/** What a shop's account at a provider consists of: an object of texts. What is secret is sealed with the rest and never shown. */
export interface AccountForm {
  /** A JSON schema of that object; closed, with a limit on every text. */
  readonly schema: object
  /** The fields that are secret; of them only the last four characters are shown. */
  readonly secrets: readonly string[]
}

/**
 * A provider's answer that it will not do something, now or when asked again: not silence, and no fault on the way. `code` is for programs and people
 * (`insufficient_funds`), the message is the provider's own.
 */
export class RefusedByProvider extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.name = 'RefusedByProvider'
    this.code = code
  }
}

/** A provider's answer to `open` that it will not, for a reason that whoever wants to pay is told: nothing was taken. It may be asked again. */
export class Declined extends Error {
  readonly refusal: Refusal

  constructor(refusal: Refusal) {
    super(refusal.refused)
    this.name = 'Declined'
    this.refusal = refusal
  }
}

/**
 * A payment provider. Implementations live in `providers/`. Every method may reject: silence and errors mean "not known yet",
 * except `RefusedByProvider`. Every method
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
  /** It is part of this installation: a session has the id of its payment from the beginning, and is paid as soon as it is open. */
  readonly isInHouse?: boolean
  /** What a shop must have told of its account before it can be paid here; absent: nothing. Providers read it by `accountOf`. */
  readonly account?: AccountForm
  /** Whether it opens sessions for an amount of 0, which only verify how somebody would pay; absent: it does not. */
  readonly opensZero?: boolean
  /** Opens a session, or answers the one that was opened under this `attemptId` before. Rejects with `Declined` where it will not. */
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
  /** Gives money back; the same `refundId` is executed once. Rejects with `RefusedByProvider` where it never will; nothing went back then. */
  refund(
    request: { shopId: string; sessionId: string; refundId: string; amount: number; currency: string },
    signal: AbortSignal,
  ): Promise<void>
  /**
   * Reads and authenticates a message to a shop's inbound endpoint. Null: it is not genuine. `ignored`: it is, and there is nothing to do. Never
   * trusts the body before that. May ask the provider what the message leaves open; when it rejects, the provider sends the message again.
   */
  readEvent(
    shopId: string,
    headers: Readonly<Record<string, string>>,
    body: Buffer,
  ): Promise<ProviderEvent | SubscriptionEvent | 'ignored' | null>
  /** Payments that repeat by themselves, where the provider has them. */
  readonly recurring?: RecurringPayments
  /** What was paid with once can be charged again, where the provider has that. */
  readonly saved?: SavedPayments
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

/** An e-mail on its way. `id` is the same whenever it is tried; addresses and names were checked to be plain. */
export interface MailMessage {
  readonly id: string
  readonly from: { readonly name: string; readonly address: string }
  readonly to: string
  readonly cc: readonly string[]
  readonly bcc: readonly string[]
  readonly replyTo: string | null
  readonly subject: string
  readonly html: string
  readonly text: string
  /** Milliseconds. */
  readonly sentAt: number
}

/** An e-mail that was taken; `refused` are copies that were not. */
export interface MailReceipt {
  readonly messageId: string
  readonly refused: readonly string[]
}

/**
 * Who sends e-mails. Rejects with `Undeliverable` when this one will never be taken, with anything else when it may be taken later. Rejecting means
 * that it was not taken, unless the connection broke after it was sent and before that was answered.
 */
export interface Mailer {
  send(message: MailMessage, signal: AbortSignal): Promise<MailReceipt>
}

/** This e-mail is refused for good: trying again would change nothing. */
export class Undeliverable extends Error {}

/** How much of what somebody outside says is kept. */
const WORDS_MAX = 500

/** What an error from outside says, as it can be kept: at most 500 characters, without U+0000, which PostgreSQL takes in no text. */
export function wordsOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replaceAll('\0', '').slice(0, WORDS_MAX)
}

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
