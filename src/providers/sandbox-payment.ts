// The sandbox: a payment provider that behaves like a real hosted one but moves no money. It decides how a session goes from open to paid
// (reserved first, where money is taken by hand) or cancelled (exactly one of them, once, by compare-and-set), what the test cards do, which
// captures and refunds are executed, and when a signed event is posted to our own inbound endpoint: at once, then with back-off, until it is
// answered with 2xx. Card numbers are compared, never kept.
import { Webhook } from 'standardwebhooks'
import { exponentOf } from '../core/currency.ts'
import { AMOUNT_MAX, sum } from '../core/money.ts'
import {
  type Clock,
  type PaymentProvider,
  type PaymentRequest,
  type ProviderEvent,
  RefusedByProvider,
  type SessionStatus,
} from '../engine/ports.ts'

/** A refund that was executed. `id` is the caller's refund id, `amount` is in minor units of the session's currency. */
export interface SandboxRefund {
  readonly id: string
  readonly amount: number
}

/** An event that was not acknowledged yet. `id` is the same in every delivery of it; `dueAt` is when to try (again), ms since the epoch. */
export interface SandboxEvent {
  readonly id: string
  readonly state: 'authorized' | 'paid' | 'failed' | 'cancelled'
  readonly reason: string | null
  readonly createdAt: number
  /** How often a delivery was begun. */
  readonly attempts: number
  readonly dueAt: number
}

/** The capture that was executed; the rest of what was reserved was set free. `amount` is in minor units of the session's currency. */
export interface SandboxCapture {
  readonly id: string
  readonly amount: number
}

/**
 * A payment session as it is stored: plain JSON. A refused attempt leaves it `open` with a `reason`; `paid` and `cancelled` are final.
 * Sessions of earlier versions lack the optional fields: their money was taken at once.
 * Amounts are integers in minor units of `currency`, times are milliseconds since the epoch.
 */
export interface SandboxSession {
  readonly id: string
  readonly shopId: string
  readonly attemptId: string
  readonly orderId: string
  readonly amount: number
  readonly currency: string
  readonly description: string
  readonly email: string | null
  readonly lines: readonly { readonly name: string; readonly quantity: number; readonly total: number }[]
  readonly returnUrl: string | null
  readonly state: 'open' | 'authorized' | 'paid' | 'cancelled'
  /** `manual`: paying reserves the money (`authorized`), and a capture takes it. */
  readonly capture?: PaymentRequest['capture']
  /** The capture that took the money; absent or null when all of it was taken at once. */
  readonly captured?: SandboxCapture | null
  /** Which test card paid, by its key: it can be charged again. */
  readonly card?: string
  /** What will go wrong later, by the card that paid. */
  readonly fails?: TestCard['fails']
  /** Whether a 3-D Secure challenge waits for an answer. */
  readonly challenge: boolean
  /** Why the last attempt was refused, such as `card_declined`; null when none was, and once it is paid. */
  readonly reason: string | null
  readonly createdAt: number
  readonly paidAt: number | null
  readonly refunds: readonly SandboxRefund[]
  /** Undelivered events in the order in which they happened; only the first is ever delivered, so that the order is kept. */
  readonly pending: readonly SandboxEvent[]
  /** Starts at 1; every stored change is exactly one more. */
  readonly version: number
}

/** Where sessions are kept. Every method is atomic by itself; nothing else is asked of a store. */
export interface SandboxSessions {
  /** Stores the session unless one with its `attemptId` exists in that shop; answers the one that is stored afterwards. */
  insertIfAbsent(shopId: string, session: SandboxSession): Promise<SandboxSession>
  find(shopId: string, sessionId: string): Promise<SandboxSession | null>
  /** Replaces the session with `session.id` if its stored version is `expectedVersion`; false if it is not. Writes `session` as it is. */
  compareAndSet(shopId: string, session: SandboxSession, expectedVersion: number): Promise<boolean>
  /** Sessions of all shops whose `sandboxDueAt` is not after `before` (ms), the most overdue first, at most `limit`. */
  listDue(before: number, limit: number): Promise<readonly SandboxSession[]>
}

/** When a session has to be looked at to deliver an event (ms), or null when nothing is undelivered. A store may index it. */
export function sandboxDueAt(session: SandboxSession): number | null {
  return session.pending.length === 0 ? null : Math.min(...session.pending.map((event) => event.dueAt))
}

/** Why the sandbox did not do something. */
export type SandboxErrorCode =
  | 'session_unknown'
  | 'request_invalid'
  | 'attempt_reused'
  | 'not_paid'
  | 'nothing_reserved'
  | 'capture_reused'
  | 'capture_exceeds_reservation'
  | 'capture_failed'
  | 'refund_reused'
  | 'refund_exceeds_payment'
  | 'refund_failed'
  | 'contended'

/** What the sandbox rejects with; `code` is for programs. */
export class SandboxError extends Error {
  readonly code: SandboxErrorCode

  constructor(code: SandboxErrorCode, message: string) {
    super(message)
    this.name = 'SandboxError'
    this.code = code
  }
}

/**
 * A card that the sandbox knows. `outcome` is what paying with it does; a refused card has the `reason`. `fails` is what goes wrong after it was
 * paid. `key` names it in links.
 */
export interface TestCard {
  readonly key: string
  readonly number: string
  readonly label: string
  readonly outcome: 'paid' | 'failed' | 'challenge'
  readonly reason: string | null
  readonly fails?: 'capture' | 'refund' | 'renewal' | null
}

/** All test cards, in the order in which the page lists them. */
export const TEST_CARDS: readonly TestCard[] = [
  { key: 'success', number: '4242 4242 4242 4242', label: 'Payment succeeds', outcome: 'paid', reason: null },
  { key: '3ds', number: '4000 0027 6000 3184', label: '3-D Secure check', outcome: 'challenge', reason: null },
  { key: 'declined', number: '4000 0000 0000 0002', label: 'Card declined', outcome: 'failed', reason: 'card_declined' },
  { key: 'funds', number: '4000 0000 0000 9995', label: 'Insufficient funds', outcome: 'failed', reason: 'insufficient_funds' },
  {
    key: 'capture',
    number: '4000 0000 0000 0341',
    label: 'Reserved money cannot be taken',
    outcome: 'paid',
    reason: null,
    fails: 'capture',
  },
  {
    key: 'renewal',
    number: '4000 0000 0000 9987',
    label: 'Pays once, renewals are declined',
    outcome: 'paid',
    reason: null,
    fails: 'renewal',
  },
  { key: 'refund', number: '4000 0000 0000 5126', label: 'Refunds fail', outcome: 'paid', reason: null, fails: 'refund' },
]

/** The card of whoever passed the check. */
const CHECKED_CARD = { key: '3ds' }

/** The test card with that number; spaces and dashes do not matter. Undefined for every other number, real ones included. */
export function testCard(number: string): TestCard | undefined {
  const digits = number.replace(/[\s-]/g, '')
  return TEST_CARDS.find((card) => card.number.replaceAll(' ', '') === digits)
}

/** The text as an absolute http or https address, or null. Anything else (`javascript:`, `data:`) must never become a link or redirect. */
export function webUrl(text: string | null): URL | null {
  const url = text === null ? null : URL.parse(text)
  return url?.protocol === 'http:' || url?.protocol === 'https:' ? url : null
}

/** How an attempt to pay ended. `open` means that nothing was decided: the session can still be paid. */
export interface SandboxOutcome {
  readonly result: 'authorized' | 'paid' | 'failed' | 'challenge' | 'cancelled' | 'open' | 'not_a_test_card'
  readonly session: SandboxSession
}

/** What the hosted pages and the process around them need beyond the provider's own interface. */
export interface SandboxPayment {
  readonly clock: Clock
  /** The absolute address of a session's hosted page. */
  pageUrl(session: SandboxSession): string
  find(shopId: string, sessionId: string): Promise<SandboxSession | null>
  /** The shopper pays by card. Of concurrent attempts one wins; the others answer the same. Rejects with `session_unknown`. */
  pay(shopId: string, sessionId: string, cardNumber: string): Promise<SandboxOutcome>
  /** The shopper answers the 3-D Secure challenge; `open` when none is waiting. Rejects with `session_unknown`. */
  answerChallenge(shopId: string, sessionId: string, approve: boolean): Promise<SandboxOutcome>
  /** Delivers events that are due and answers how many were acknowledged. To be called every few seconds; concurrent calls are harmless. */
  deliverDue(): Promise<number>
  /** Resolves when no delivery is under way; for an orderly shutdown, and for tests. */
  settled(): Promise<void>
}

/** What the sandbox is built from. */
export interface SandboxPaymentOptions {
  readonly sessions: SandboxSessions
  readonly clock: Clock
  /** A Standard Webhooks secret, `whsec_` and base64. Events are signed and verified with it. */
  readonly secret: string
  /** Where browsers reach us, such as `https://shop.example/pay`; a path is kept as a prefix. */
  readonly publicUrl: () => string
  /** Our own inbound endpoint for this provider's events. */
  readonly eventUrl: (shopId: string) => string
  /** An unguessable id (the session's id is what protects its page), at most 90 characters that are safe in an address. */
  readonly randomId: () => string
  readonly fetch?: typeof fetch
  /** Told about a store that failed while an event was delivered in the background; the event stays due. */
  readonly onError?: (error: unknown) => void
}

type Transition = (session: SandboxSession) => SandboxSession
type Change = (shopId: string, sessionId: string, transition: Transition) => Promise<{ before: SandboxSession; after: SandboxSession }>

const CONTENTION_MAX = 50
const DELIVERY_TIMEOUT_MS = 5_000
const BACKOFF_FIRST_MS = 10_000
const BACKOFF_MAX_MS = 3_600_000
const DUE_BATCH = 64

/**
 * Builds the sandbox provider.
 * @throws Error when `secret` is not a Standard Webhooks secret
 */
export function createSandboxPayment(options: SandboxPaymentOptions): PaymentProvider & SandboxPayment {
  const { sessions, clock } = options
  const webhook = new Webhook(options.secret)
  const change = changer(sessions)
  const delivery = createDelivery(options, webhook, change)
  const eventId = () => `evt_${options.randomId()}`
  const pageUrl = (session: SandboxSession) =>
    `${options.publicUrl().replace(/\/+$/, '')}/sandbox/pay/${encodeURIComponent(session.shopId)}/${encodeURIComponent(session.id)}`

  // Every change that tells the outside something goes through here: the browser's answer does not wait for the delivery.
  const decide: Change = async (shopId, sessionId, transition) => {
    const changed = await change(shopId, sessionId, transition)
    if (changed.after.pending.length > changed.before.pending.length) delivery.kick(shopId, sessionId)
    return changed
  }

  return {
    name: 'sandbox',
    settles: 'now',
    opensZero: true,
    clock,
    pageUrl,
    find: (shopId, sessionId) => sessions.find(shopId, sessionId),
    deliverDue: delivery.deliverDue,
    settled: delivery.settled,

    async open(request, signal) {
      signal.throwIfAborted()
      const session = await sessions.insertIfAbsent(request.shopId, newSession(request, `sbx_${options.randomId()}`, clock.now()))
      const { orderId, amount, currency, capture = 'automatic' } = session
      if (amount !== request.amount || currency !== request.currency || orderId !== request.orderId || capture !== request.capture) {
        throw new SandboxError('attempt_reused', `attempt ${request.attemptId} was opened with another order, amount, currency or capture`)
      }
      return { sessionId: session.id, token: session.id, url: pageUrl(session) }
    },

    async status(shopId, sessionId, signal) {
      signal.throwIfAborted()
      return statusOf(known(await sessions.find(shopId, sessionId), sessionId))
    },

    async cancel(shopId, sessionId, signal) {
      signal.throwIfAborted()
      return statusOf((await decide(shopId, sessionId, (session) => cancelled(session, eventId(), clock.now()))).after)
    },

    async capture({ shopId, sessionId, captureId, amount }, signal) {
      signal.throwIfAborted()
      const capture = { id: captureId, amount }
      return statusOf((await decide(shopId, sessionId, (session) => captured(session, capture, eventId(), clock.now()))).after)
    },

    async refund({ shopId, sessionId, refundId, amount }, signal) {
      signal.throwIfAborted()
      await change(shopId, sessionId, (session) => refunded(session, { id: refundId, amount })).catch((error: unknown) => {
        // Who is asked by too many at once says so again later; everything else stays as it is, however often it is asked.
        if (error instanceof SandboxError && error.code !== 'contended') throw new RefusedByProvider(error.code, error.message)
        throw error
      })
    },

    saved: {
      async charge({ shopId, sessionId, paidBy }, signal) {
        signal.throwIfAborted()
        const { card: key } = known(await sessions.find(shopId, paidBy), paidBy)
        const card = TEST_CARDS.find((each) => each.key === key)
        if (card === undefined) throw new SandboxError('not_paid', `session ${paidBy} left no card to charge`)
        const { after } = await decide(shopId, sessionId, (session) => chargedAgain(session, card, eventId(), clock.now()))
        const status = statusOf(after)
        return status.state === 'open' ? { ...status, state: 'failed' } : status
      },
    },

    readEvent: async (shopId, headers, body) => readSigned(webhook, shopId, headers, body),

    async pay(shopId, sessionId, cardNumber) {
      const card = testCard(cardNumber)
      const { after } = await decide(shopId, sessionId, (session) => (card ? charged(session, card, eventId(), clock.now()) : session))
      if (after.state !== 'open') return { result: after.state, session: after }
      return { result: card?.outcome ?? 'not_a_test_card', session: after }
    },

    async answerChallenge(shopId, sessionId, approve) {
      const { before, after } = await decide(shopId, sessionId, (session) => {
        if (session.state !== 'open' || !session.challenge) return session
        return approve
          ? paid(session, CHECKED_CARD, eventId(), clock.now())
          : failed(session, 'authentication_failed', eventId(), clock.now())
      })
      if (after.state !== 'open') return { result: after.state, session: after }
      return { result: after === before ? 'open' : 'failed', session: after }
    },
  }
}

function newSession(request: PaymentRequest, id: string, now: number): SandboxSession {
  if (!Number.isSafeInteger(request.amount) || request.amount < 0) {
    throw new SandboxError('request_invalid', `amount must be an integer from 0 to ${AMOUNT_MAX}, in minor units`)
  }
  if (exponentOf(request.currency) === undefined) throw new SandboxError('request_invalid', 'currency must be an ISO 4217 code')
  if (request.returnUrl !== null && webUrl(request.returnUrl) === null) {
    throw new SandboxError('request_invalid', 'returnUrl must be an absolute http or https address')
  }
  const { shopId, attemptId, orderId, amount, currency, description, email, returnUrl, capture } = request
  const lines = request.lines.map(({ name, quantity, total }) => ({ name, quantity, total }))
  const told = { id, shopId, attemptId, orderId, amount, currency, description, email, lines, returnUrl, capture }
  const fresh = { state: 'open', challenge: false, reason: null, paidAt: null, refunds: [], pending: [], version: 1 } as const
  return { ...told, ...fresh, createdAt: now }
}

function known(session: SandboxSession | null, sessionId: string): SandboxSession {
  if (session === null) throw new SandboxError('session_unknown', `there is no session ${sessionId}`)
  return session
}

function statusOf(session: SandboxSession): SessionStatus {
  const { state, currency, reason } = session
  const amount = amountIn(session, state)
  return reason === null ? { state, amount, currency } : { state, amount, currency, reason }
}

/** What a session is about in a state: what was taken once it is paid, else all of it. */
function amountIn({ amount, captured }: SandboxSession, state: SandboxEvent['state'] | SandboxSession['state']): number {
  return state === 'paid' ? (captured?.amount ?? amount) : amount
}

/** Reads, decides, writes if nobody else wrote meanwhile, else decides again. A transition that answers its argument changes nothing. */
function changer(sessions: SandboxSessions): Change {
  return async (shopId, sessionId, transition) => {
    for (let round = 0; round < CONTENTION_MAX; round += 1) {
      const before = known(await sessions.find(shopId, sessionId), sessionId)
      const wanted = transition(before)
      if (wanted === before) return { before, after: before }
      const after = { ...wanted, version: before.version + 1 }
      if (await sessions.compareAndSet(shopId, after, before.version)) return { before, after }
    }
    throw new SandboxError('contended', `session ${sessionId} is changed by too many at once`)
  }
}

/** Appends an event. Events that are backing off become due as well: they have to be delivered before it. */
function enqueue(session: SandboxSession, state: SandboxEvent['state'], id: string, now: number): SandboxSession {
  const event: SandboxEvent = { id, state, reason: session.reason, createdAt: now, attempts: 0, dueAt: now }
  return { ...session, pending: [...allDueAt(session.pending, now), event] }
}

function allDueAt(events: readonly SandboxEvent[], dueAt: number): SandboxEvent[] {
  return events.map((event) => ({ ...event, dueAt }))
}

function paid(session: SandboxSession, card: Pick<TestCard, 'key' | 'fails'>, eventId: string, now: number): SandboxSession {
  const state = session.capture === 'manual' ? 'authorized' : 'paid'
  const paidAt = state === 'paid' ? now : null
  return enqueue(
    { ...session, state, challenge: false, reason: null, paidAt, card: card.key, fails: card.fails ?? null },
    state,
    eventId,
    now,
  )
}

/** A session whose money was taken already answers how it stands, whoever asks: nothing is taken twice. */
function captured(session: SandboxSession, capture: SandboxCapture, eventId: string, now: number): SandboxSession {
  const { id, state, captured: earlier } = session
  if (state === 'paid' && earlier?.id === capture.id && earlier.amount !== capture.amount)
    throw new SandboxError('capture_reused', `capture ${capture.id} was executed with another amount`)
  if (state === 'paid') return session
  if (state !== 'authorized') throw new SandboxError('nothing_reserved', `session ${id} holds no reserved money`)
  if (!Number.isSafeInteger(capture.amount) || capture.amount <= 0)
    throw new SandboxError('request_invalid', 'a capture must be a positive integer, in minor units')
  if (capture.amount > session.amount)
    throw new SandboxError('capture_exceeds_reservation', `session ${id} has ${session.amount} reserved, not ${capture.amount}`)
  if (session.fails === 'capture') throw new SandboxError('capture_failed', `the bank refused to pay what session ${id} had reserved`)
  return enqueue({ ...session, state: 'paid', captured: capture, paidAt: now }, 'paid', eventId, now)
}

function failed(session: SandboxSession, reason: string, eventId: string, now: number): SandboxSession {
  return enqueue({ ...session, challenge: false, reason }, 'failed', eventId, now)
}

function cancelled(session: SandboxSession, eventId: string, now: number): SandboxSession {
  if (session.state !== 'open' && session.state !== 'authorized') return session
  return enqueue({ ...session, state: 'cancelled', challenge: false }, 'cancelled', eventId, now)
}

function charged(session: SandboxSession, card: TestCard, eventId: string, now: number): SandboxSession {
  if (session.state !== 'open') return session
  if (card.outcome === 'paid') return paid(session, card, eventId, now)
  if (card.outcome === 'failed') return failed(session, card.reason ?? 'card_declined', eventId, now)
  return session.challenge ? session : { ...session, challenge: true }
}

/** Without the shopper no bank asks anything: the card is charged or refused. */
function chargedAgain(session: SandboxSession, card: TestCard, eventId: string, now: number): SandboxSession {
  if (session.state !== 'open') return session
  return card.fails === 'renewal' ? failed(session, 'card_declined', eventId, now) : paid(session, card, eventId, now)
}

function refunded(session: SandboxSession, refund: SandboxRefund): SandboxSession {
  const earlier = session.refunds.find(({ id }) => id === refund.id)
  if (earlier !== undefined && earlier.amount === refund.amount) return session
  if (earlier !== undefined) throw new SandboxError('refund_reused', `refund ${refund.id} was executed with another amount`)
  if (!Number.isSafeInteger(refund.amount) || refund.amount <= 0) {
    throw new SandboxError('request_invalid', 'a refund must be a positive integer, in minor units')
  }
  if (session.state !== 'paid') throw new SandboxError('not_paid', `session ${session.id} was not paid`)
  if (session.fails === 'refund') throw new SandboxError('refund_failed', `the bank did not take back the money of session ${session.id}`)
  const refunds = [...session.refunds, refund]
  const total = sum(refunds.map(({ amount }) => amount))
  if (total === null || total > amountIn(session, 'paid')) {
    throw new SandboxError('refund_exceeds_payment', `session ${session.id} has less left than ${refund.amount} to refund`)
  }
  return { ...session, refunds }
}

interface Delivery {
  kick(shopId: string, sessionId: string): void
  deliverDue(): Promise<number>
  settled(): Promise<void>
}

/** Posts events, per session one after the other in their order. Several processes may deliver the same event: at least once, same id. */
function createDelivery(options: SandboxPaymentOptions, webhook: Webhook, change: Change): Delivery {
  const { sessions, clock } = options
  const tails = new Map<string, Promise<number>>()

  async function flush(shopId: string, sessionId: string): Promise<number> {
    for (let delivered = 0; ; delivered += 1) {
      const { before, after } = await change(shopId, sessionId, (session) => claimed(session, clock.now()))
      const event = after.pending[0]
      if (after === before || event === undefined || !(await post(options, webhook, after, event))) return delivered
      await change(shopId, sessionId, (session) => {
        const rest = session.pending.filter(({ id }) => id !== event.id)
        return rest.length === session.pending.length ? session : { ...session, pending: allDueAt(rest, clock.now()) }
      })
    }
  }

  function queue(shopId: string, sessionId: string): Promise<number> {
    const key = JSON.stringify([shopId, sessionId])
    const earlier = tails.get(key) ?? Promise.resolve(0)
    const tail = earlier.catch(() => 0).then(() => flush(shopId, sessionId))
    tails.set(key, tail)
    const forget = () => {
      if (tails.get(key) === tail) tails.delete(key)
    }
    tail.then(forget, forget)
    return tail
  }

  return {
    kick(shopId, sessionId) {
      // Nothing is lost when this fails: the event is stored and due, and `deliverDue` comes by.
      queue(shopId, sessionId).catch((error: unknown) => options.onError?.(error))
    },
    async deliverDue() {
      const due = await sessions.listDue(clock.now(), DUE_BATCH)
      const results = await Promise.allSettled(due.map((session) => queue(session.shopId, session.id)))
      for (const result of results) if (result.status === 'rejected') options.onError?.(result.reason)
      return results.reduce((total, result) => total + (result.status === 'fulfilled' ? result.value : 0), 0)
    },
    async settled() {
      while (tails.size > 0) await Promise.allSettled(tails.values())
    },
  }
}

/**
 * Claims the first event: the retry is scheduled before the attempt is made, so that a crash in between repeats it and a failed attempt
 * needs no second write. The whole queue waits with it, because later events must not overtake it.
 */
function claimed(session: SandboxSession, now: number): SandboxSession {
  const [first, ...later] = session.pending
  if (first === undefined || first.dueAt > now) return session
  const attempts = first.attempts + 1
  const dueAt = now + Math.min(BACKOFF_FIRST_MS * 2 ** Math.min(attempts - 1, 20), BACKOFF_MAX_MS)
  return { ...session, pending: [{ ...first, attempts, dueAt }, ...allDueAt(later, dueAt)] }
}

async function post(options: SandboxPaymentOptions, webhook: Webhook, session: SandboxSession, event: SandboxEvent): Promise<boolean> {
  const { shopId, id: sessionId, attemptId, orderId, currency } = session
  const amount = amountIn(session, event.state)
  const reason = event.reason === null ? {} : { reason: event.reason }
  const data = { shopId, orderId, sessionId, attemptId, state: event.state, amount, currency, ...reason }
  const body = JSON.stringify({ type: `session.${event.state}`, timestamp: new Date(event.createdAt).toISOString(), data })
  // The wall clock, not the port: the library that verifies compares with it, and a demo shop's clock may be days ahead.
  const signedAt = new Date()
  try {
    const response = await (options.fetch ?? fetch)(options.eventUrl(shopId), {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'webhook-id': event.id,
        'webhook-timestamp': String(Math.floor(signedAt.getTime() / 1000)),
        'webhook-signature': webhook.sign(event.id, signedAt, body),
      },
      body,
      redirect: 'manual',
      signal: AbortSignal.timeout(DELIVERY_TIMEOUT_MS),
    })
    await response.body?.cancel()
    return response.ok
  } catch {
    // Unreachable, too slow, or no address: all the same as any answer that is not 2xx. The retry is scheduled already.
    return false
  }
}

function readSigned(webhook: Webhook, endpointOf: string, headers: Readonly<Record<string, string>>, body: Buffer): ProviderEvent | null {
  let message: unknown
  try {
    message = webhook.verify(body, { ...headers })
  } catch {
    // Missing headers, a wrong or old signature, or a signed text that is not JSON: none of them is an event of ours.
    return null
  }
  const data = fieldsOf(fieldsOf(message).data)
  const { shopId, orderId, sessionId, attemptId, state, amount, currency, reason } = data
  // The secret is the installation's: a message about another shop is genuine and still not for this endpoint.
  if (shopId !== endpointOf || typeof orderId !== 'string') return null
  const eventId = Object.entries(headers).find(([name]) => name.toLowerCase() === 'webhook-id')?.[1]
  if (eventId === undefined || typeof sessionId !== 'string' || typeof attemptId !== 'string') return null
  if (state !== 'authorized' && state !== 'paid' && state !== 'failed' && state !== 'cancelled') return null
  if (typeof amount !== 'number' || !Number.isSafeInteger(amount) || typeof currency !== 'string') return null
  const event: ProviderEvent = { eventId, sessionId, attemptId, orderId, state, amount, currency }
  return typeof reason === 'string' ? { ...event, reason } : event
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
