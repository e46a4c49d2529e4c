// Who else is asked. A provider is a real system somewhere else: every call to it has a deadline, happens outside any transaction, and is
// repeated with the same `attemptId`, which the provider uses as its idempotency key. Time and randomness are ports as well, so that
// everything that has a deadline can be tested at its edge.

/** The time, in milliseconds since the epoch. The demo shop and tests move it. */
export interface Clock {
  now(): number
}

/** Randomness: ids rise with time and carry their kind; secrets have 256 bits; numbers are what a shopper sees; characters are what codes are made of. */
export interface Randomness {
  id(prefix: 'cart' | 'ln' | 'ord' | 'pay' | 'rf' | 'prd' | 'prm' | 'evt' | 'dl' | 'we' | 'key' | 'req' | 'aud' | 'txr' | 'bat'): string
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
}

/** An open session: `url` is the hosted page, `token` what a client-side widget takes. */
export interface PaymentSession {
  readonly sessionId: string
  readonly token: string
  readonly url: string
}

/**
 * How a session stands. `open`: nothing decided yet. `authorized`: money is reserved. `paid`: money is taken. `failed`: this attempt was
 * refused and may be tried again in the same session. `cancelled`: the session can no longer be paid.
 */
export interface SessionStatus {
  readonly state: 'open' | 'authorized' | 'paid' | 'failed' | 'cancelled'
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
}

/** A payment provider. Implementations live in `providers/`. Every method may reject: silence and errors mean "not known yet". */
export interface PaymentProvider {
  readonly name: string
  /** Opens a session, or answers the one that was opened under this `attemptId` before. */
  open(request: PaymentRequest, signal: AbortSignal): Promise<PaymentSession>
  /** How a session stands. */
  status(shopId: string, sessionId: string, signal: AbortSignal): Promise<SessionStatus>
  /** Closes a session so that it can no longer be paid; answers how it stands then (it may have been paid already). */
  cancel(shopId: string, sessionId: string, signal: AbortSignal): Promise<SessionStatus>
  /** Gives money back; the same `refundId` is executed once. */
  refund(request: { shopId: string; sessionId: string; refundId: string; amount: number }, signal: AbortSignal): Promise<void>
  /** Reads and authenticates a message to the inbound endpoint; null when it is not genuine. Never trusts the body before that. */
  readEvent(headers: Readonly<Record<string, string>>, body: Buffer): Promise<ProviderEvent | null>
}
