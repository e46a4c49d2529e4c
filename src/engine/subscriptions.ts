// What happens to subscriptions by time, by those who have them, and by providers that bill them. Renewals are orders like any other, one per
// period; what is due is claimed by a lease, done outside of transactions and may be repeated. What the order of a renewal does to its subscription
// stands in subscription-books.ts.
import type { Logger } from 'pino'
import { isRefusal, type Refusal, refuse } from '../core/refusal.ts'
import { dueStep, ended, isRunning, type Patience, type Subscription, type SubscriptionEnd, unpaid } from '../core/subscription.ts'
import { durationMs } from '../core/time.ts'
import { paymentsOf, readOrder } from '../store/orders.ts'
import type { Store, Writer } from '../store/store.ts'
import {
  claimSubscriptions,
  lockSubscription,
  nameFirstInvoice,
  parseSubscription,
  periodOfInvoice,
  periodsOf,
  postponeSubscription,
  readSubscription,
} from '../store/subscriptions.ts'
import type { PaymentTable, SubscriptionOrderTable, SubscriptionTable } from '../store/tables.ts'
import type { Checkout } from './checkout.ts'
import type { FactsCache, ShopFacts } from './facts.ts'
import type { Work } from './jobs.ts'
import type { PaymentMethods } from './payment-methods.ts'
import type { Payments } from './payments.ts'
import { type Clock, type PaymentProvider, type SubscriptionEvent, type SubscriptionStatus, withDeadline } from './ports.ts'
import { type Invoice, RECURRING, RENEWAL_LEASE_MS, type SubscriptionBooks } from './subscription-books.ts'

const POLL_MS = 1000
const BATCH = 50
/** When what could not be done, because a provider or an engine does not answer, is tried again. */
const PAUSE_MS = 60_000
/** How often a provider that bills by itself is asked while it has not told of a period. */
const ASK_PAUSE_MS = 3_600_000

/** What says nothing about the customer's money: it counts as no attempt. */
const NOT_TRIED: ReadonlySet<string> = new Set(['provider_unavailable', 'rate_limited', 'overloaded'])

/** What subscriptions do. */
export type Subscriptions = ReturnType<typeof createSubscriptions>

/** Makes it. */
export function createSubscriptions(parts: {
  store: Store
  facts: FactsCache
  clock: Clock
  books: SubscriptionBooks
  checkout: Checkout
  payments: Payments
  paymentMethods: PaymentMethods
  providers: ReadonlyMap<string, PaymentProvider>
  log: Logger
}) {
  const { store, facts: cache, clock, books, checkout, payments, providers, log } = parts

  // By time ---------------------------------------------------------------------------------------------------------------------------

  async function runDue(): Promise<void> {
    const now = clock.now()
    const due = await store.transact((writer) => claimSubscriptions(writer, now, now + RENEWAL_LEASE_MS, BATCH))
    await Promise.all(
      due.map((row) =>
        advance(row).catch((error: unknown) =>
          log.error({ err: error, subscription: row.id }, 'a subscription could not be advanced; it is tried again'),
        ),
      ),
    )
  }

  async function advance(row: SubscriptionTable): Promise<void> {
    const shop = await cache.shop(row.shop_id)
    if (!shop) return
    const subscription = parseSubscription(row)
    const step = dueStep(subscription, clock.now())
    if (step === 'cancel' || step === 'expire') return runOut(shop, subscription)
    const isDone = await (step === 'tell'
      ? tell(shop, subscription)
      : step === 'ask'
        ? ask(shop, subscription)
        : step === 'renew'
          ? renew(shop, subscription)
          : true)
    const pause = step === 'ask' ? ASK_PAUSE_MS : PAUSE_MS
    if (!isDone) await store.transactOne((writer) => postponeSubscription(writer, row, clock.now() + pause))
  }

  async function runOut(shop: ShopFacts, { id }: Subscription): Promise<void> {
    await change(shop, id, (current) => {
      const step = dueStep(current, clock.now())
      if (step === 'cancel') return over(current, 'cancelled')
      return step === 'expire' ? over(current, 'periods_over') : null
    })
  }

  /** One that is over; a provider that bills it has to be told. */
  function over(subscription: Subscription, reason: SubscriptionEnd): Subscription {
    return { ...ended(subscription, reason, clock.now()), untold: subscription.billedBy === 'provider' ? 'now' : null }
  }

  /** Orders the next period, or goes on with its order, and charges what was paid with before. False: to be repeated soon. */
  async function renew(shop: ShopFacts, subscription: Subscription): Promise<boolean> {
    const orderId = await renewalOrder(shop, subscription)
    if (isRefusal(orderId)) {
      log.warn(
        { shopId: shop.id, subscription: subscription.id, refused: orderId.refused },
        'a renewal could not be ordered; it is tried again',
      )
      return false
    }
    if ((await readOrder(store.reader, shop.id, orderId))?.state === 'NEW') {
      const again = await checkout.payAgain(shop.id, orderId, {}, null, null)
      if (isRefusal(again) && NOT_TRIED.has(again.refused)) return false
      const charged = isRefusal(again) || !again.payment || (await charge(shop, subscription, again.payment))
      if (!charged) return false
    }
    return missed(shop, subscription, orderId)
  }

  /** The order of the period that is due: the one there is, or a new one like the first. */
  async function renewalOrder(shop: ShopFacts, subscription: Subscription): Promise<string | Refusal> {
    const period = subscription.periods + 1
    const known = async () => (await periodsOf(store.reader, shop.id, subscription.id)).find((each) => each.period === period)?.order_id
    const there = await known()
    if (there !== undefined) return there
    const ordered = await place(shop, subscription, period, null)
    // Another node was faster; or it was ordered, and its provider does not answer.
    if (isRefusal(ordered)) return (await known()) ?? ordered
    return ordered
  }

  async function place(shop: ShopFacts, subscription: Subscription, period: number, invoice: Invoice | null): Promise<string | Refusal> {
    const { variant, plan, quantity, currency, email, billingAddress, vatId, accountId, customerGroups, language } = subscription
    const wanted = { provider: subscription.provider ?? undefined, method: subscription.method ?? undefined }
    const owner = { kind: 'account', accountId } as const
    const bill = { owner, currency, lines: [{ kind: 'subscription' as const }], amount: subscription.total }
    const offered = await parts.paymentMethods.choose(shop, wanted, bill)
    const ordered = await checkout.order({
      shopId: shop.id,
      owner,
      all: true,
      groups: customerGroups,
      items: {
        lines: [{ id: `${subscription.id}.${period}`, sku: variant.sku, plan: plan.id, quantity }],
        currency,
        ...(email === null ? {} : { email }),
        ...(billingAddress === null ? {} : { billingAddress }),
        ...(vatId === null ? {} : { vatId }),
      },
      // A way to pay that the shop gave up: its first one, so that the customer can pay.
      ...(isRefusal(offered) ? {} : wanted),
      returnUrl: null,
      renewal: { subscription, period, invoice },
      by: 'system',
      language,
    })
    return isRefusal(ordered) ? ordered : ordered.orderId
  }

  /** Charges what the last period was paid with. False: the provider did not answer. Where there is nothing to charge, the customer pays the order. */
  async function charge(shop: ShopFacts, { provider: name, paidBy }: Subscription, payment: PaymentTable): Promise<boolean> {
    const saved = name === payment.provider ? providers.get(name)?.saved : undefined
    const sessionId = payment.session_id
    if (!saved || paidBy === null || sessionId === null) return true
    const status = await withDeadline((signal) => saved.charge({ shopId: shop.id, sessionId, paidBy }, signal)).catch(() => null)
    if (status === null) return false
    await payments.applyStatus(shop.id, payment.id, status)
    return true
  }

  /** A renewal that is not paid by now is tried again when the shop says; after the last time its order is cancelled, which ends the subscription. */
  async function missed(shop: ShopFacts, { id, periods, attempts }: Subscription, orderId: string): Promise<boolean> {
    const result: { isOver: boolean } = { isOver: false }
    await store.transact(async (writer) => {
      const row = await lockSubscription(writer, shop.id, id)
      const current = row && parseSubscription(row)
      // Paid, or counted by another node whose lease ran out.
      if (!current || !isRunning(current) || current.periods !== periods || current.attempts !== attempts) return
      const later = unpaid({ ...current, renewalOrderId: orderId }, patienceOf(shop, current), clock.now())
      if (!later) {
        result.isOver = true
        return
      }
      const isNew = current.state === 'ACTIVE' && later.next.state === 'PAST_DUE'
      await books.write(writer, shop, current, later.next, isNew ? ['subscription.past_due'] : [], later.dueAt)
    })
    if (!result.isOver) return true
    const cancelled = await checkout.cancel(shop.id, orderId, { by: 'system', role: 'system', message: 'the renewal was not paid' })
    if (isRefusal(cancelled)) return false
    // Its order may have been one that nobody may cancel any more: it ends all the same.
    await change(shop, id, (current) => (isRunning(current) && current.periods === periods ? over(current, 'not_paid') : null))
    return true
  }

  function patienceOf({ settings }: ShopFacts, { provider }: Subscription): Patience {
    const { retryAfter, grace } = settings.subscriptions
    const isByHand = provider !== null && providers.get(provider)?.settles === 'later'
    return { retryAfter: retryAfter.map((each) => durationMs(each) ?? 0), grace: isByHand ? (durationMs(grace) ?? 0) : null }
  }

  /** Changes a subscription under its lock; null leaves it as it is. Answers it as it is then. */
  async function change(
    shop: ShopFacts,
    id: string,
    decide: (current: Subscription) => Subscription | null,
  ): Promise<Subscription | Refusal> {
    return store.transact(async (writer) => {
      const row = await lockSubscription(writer, shop.id, id)
      if (!row) return refuse('subscription_not_found', { subscriptionId: id })
      const current = parseSubscription(row)
      const next = decide(current)
      if (next === null) return current
      const isEnd = isRunning(current) && !isRunning(next)
      const isPastDue = current.state === 'ACTIVE' && next.state === 'PAST_DUE'
      return books.write(writer, shop, current, next, isEnd ? ['subscription.cancelled'] : isPastDue ? ['subscription.past_due'] : [])
    })
  }

  // By whoever has it -----------------------------------------------------------------------------------------------------------------

  /**
   * Ends a subscription: when its period ends, or now; nothing that was paid goes back. One that is past due ends now. Refuses
   * `subscription_state_forbids` for one that has not begun: its order is cancelled instead. Repeating it changes nothing.
   */
  async function cancel(shop: ShopFacts, id: string, at: 'periodEnd' | 'now'): Promise<Subscription | Refusal> {
    const row = await readSubscription(store.reader, shop.id, id)
    if (!row) return refuse('subscription_not_found', { subscriptionId: id })
    const before = parseSubscription(row)
    if (before.periods === 0)
      return refuse('subscription_state_forbids', {
        subscriptionId: id,
        state: before.state,
        action: 'cancel',
        orderId: before.firstOrderId,
      })
    const isNow = at === 'now' || before.state === 'PAST_DUE'
    if (isNow && isRunning(before) && before.renewalOrderId !== null) {
      const closed = await checkout.cancel(shop.id, before.renewalOrderId, {
        by: 'system',
        role: 'system',
        message: 'the subscription was cancelled',
      })
      if (isRefusal(closed) && closed.refused === 'provider_unavailable') return closed
    }
    const changed = await change(shop, id, (current) => {
      if (!isRunning(current)) return current.endReason === 'not_paid' && isNow ? { ...current, endReason: 'cancelled' } : null
      if (isNow || current.state === 'PAST_DUE') return over(current, 'cancelled')
      if (current.cancelAtPeriodEnd) return null
      return { ...current, cancelAtPeriodEnd: true, untold: current.billedBy === 'provider' ? 'periodEnd' : null }
    })
    return toldNow(shop, changed)
  }

  /** One that was to end with its period goes on. Refuses `subscription_state_forbids` for one that is over. */
  async function resume(shop: ShopFacts, id: string): Promise<Subscription | Refusal> {
    const changed = await change(shop, id, (current) =>
      isRunning(current) && current.cancelAtPeriodEnd
        ? { ...current, cancelAtPeriodEnd: false, untold: current.billedBy === 'provider' ? 'resume' : null }
        : null,
    )
    if (isRefusal(changed)) return changed
    if (!isRunning(changed)) return refuse('subscription_state_forbids', { subscriptionId: id, state: changed.state, action: 'resume' })
    return toldNow(shop, changed)
  }

  /** Tells the provider at once; where it does not answer, a job goes on. */
  async function toldNow(shop: ShopFacts, subscription: Subscription | Refusal): Promise<Subscription | Refusal> {
    if (isRefusal(subscription) || subscription.untold === null) return subscription
    await tell(shop, subscription).catch((error: unknown) =>
      log.warn({ err: error, subscription: subscription.id }, 'a provider was not told'),
    )
    const row = await readSubscription(store.reader, shop.id, subscription.id)
    return row ? parseSubscription(row) : subscription
  }

  // By providers ----------------------------------------------------------------------------------------------------------------------

  /** Tells the provider what was decided here. False: it does not answer. */
  async function tell(shop: ShopFacts, subscription: Subscription): Promise<boolean> {
    const { untold, id } = subscription
    const recurring = subscription.provider === null ? undefined : providers.get(subscription.provider)?.recurring
    const ref = subscription.providerRef ?? subscription.paidBy
    if (untold !== null && recurring && ref !== null) {
      const status = await withDeadline((signal) =>
        untold === 'resume'
          ? recurring.resume(shop.id, ref, signal)
          : recurring.cancel(shop.id, ref, untold === 'now' ? 'now' : 'period_end', signal),
      ).catch(() => null)
      if (status === null) return false
    }
    // Something else may have been decided meanwhile: that is told next.
    await change(shop, id, (current) => (current.untold === untold ? { ...current, untold: null } : null))
    return true
  }

  /** A provider that bills by itself was silent when a period ended: how does it stand there? */
  async function ask(shop: ShopFacts, subscription: Subscription): Promise<boolean> {
    const recurring = subscription.provider === null ? undefined : providers.get(subscription.provider)?.recurring
    const ref = subscription.providerRef ?? subscription.paidBy
    if (!recurring || ref === null) return false
    const status = await withDeadline((signal) => recurring.status(shop.id, ref, signal)).catch(() => null)
    if (status === null) return false
    await stands(shop, subscription.id, status)
    return false
  }

  /** How it stands at its provider, in our books. Periods are not counted by this: only what was paid makes one. */
  async function stands(shop: ShopFacts, id: string, { state, ref, endsWithPeriod }: SubscriptionStatus): Promise<void> {
    await change(shop, id, (current) => {
      const known = current.providerRef === null && ref !== null ? { ...current, providerRef: ref } : current
      if (!isRunning(known)) {
        const isStray = known.endReason !== null && state !== 'cancelled' && known.untold === null
        return isStray ? { ...known, untold: 'now' } : known === current ? null : known
      }
      if (state === 'cancelled')
        return { ...ended(known, known.cancelAtPeriodEnd ? 'cancelled' : 'ended_by_provider', clock.now()), untold: null }
      const told = known.untold === null ? { ...known, cancelAtPeriodEnd: endsWithPeriod } : known
      const next = state === 'past_due' && told.state === 'ACTIVE' ? { ...told, state: 'PAST_DUE' as const, attempts: 1 } : told
      return JSON.stringify(next) === JSON.stringify(current) ? null : next
    })
  }

  /**
   * What a provider says about a subscription that it bills. Each invoice that was paid is one order, however often and in whatever order it is told.
   * Answers what came of the message.
   */
  async function hear(
    shopId: string,
    provider: string,
    event: SubscriptionEvent,
  ): Promise<'applied' | 'unknown_subscription' | 'mismatch'> {
    const shop = await cache.shop(shopId)
    const row = await readSubscription(store.reader, shopId, event.subscriptionId)
    const subscription = row && parseSubscription(row)
    const isOurs = subscription?.provider === provider && subscription.billedBy === 'provider'
    if (
      !shop ||
      !subscription ||
      !isOurs ||
      (subscription.providerRef !== null && event.ref !== null && subscription.providerRef !== event.ref)
    ) {
      log.warn(
        { shopId, provider, event: event.eventId, subscription: event.subscriptionId },
        'a provider event is about an unknown subscription',
      )
      return 'unknown_subscription'
    }
    const outcome = event.what === 'renewed' && event.invoice ? await paid(shop, subscription, event.invoice) : 'applied'
    await stands(shop, subscription.id, event)
    return outcome
  }

  /** An invoice was paid: its order is made, once, and its payment counts like any other. */
  async function paid(shop: ShopFacts, subscription: Subscription, invoice: Invoice): Promise<'applied' | 'mismatch'> {
    const { id } = subscription
    await store.transactOne((writer) => nameFirst(writer, shop.id, id, invoice.ref))
    let entry = await periodOfInvoice(store.reader, shop.id, id, invoice.ref)
    if (!entry) {
      const [latest] = await periodsOf(store.reader, shop.id, id)
      const ordered = await place(shop, subscription, (latest?.period ?? 0) + 1, invoice)
      entry = await periodOfInvoice(store.reader, shop.id, id, invoice.ref)
      if (!entry)
        throw new Error(`Invoice ${invoice.ref} has no order: ${isRefusal(ordered) ? ordered.refused : 'another one was faster'}.`)
    }
    const payment = (await paymentsOf(store.reader, shop.id, [entry.order_id])).findLast((each) => each.capture === RECURRING)
    if (!payment) return 'mismatch'
    const { amount, currency } = invoice
    if ((await payments.applyStatus(shop.id, payment.id, { state: 'paid', amount, currency })) === 'mismatch') return 'mismatch'
    await giveBackStray(shop, subscription, entry)
    return 'applied'
  }

  /** Its provider billed a period although the subscription was over here by then: the money goes back. */
  async function giveBackStray(shop: ShopFacts, { id, firstOrderId }: Subscription, entry: SubscriptionOrderTable): Promise<void> {
    const row = await readSubscription(store.reader, shop.id, id)
    const current = row && parseSubscription(row)
    if (!current || isRunning(current) || entry.order_id === firstOrderId || entry.period <= current.periods) return
    const how = { by: 'system', role: 'system', message: 'the subscription was over' } as const
    const cancelled = await checkout.cancel(shop.id, entry.order_id, how)
    if (isRefusal(cancelled))
      throw new Error(`Order ${entry.order_id} of an ended subscription could not be cancelled: ${cancelled.refused}.`)
  }

  /** The first invoice is that of the first order; none is counted twice. */
  async function nameFirst(writer: Writer, shopId: string, id: string, invoice: string): Promise<void> {
    if (!(await periodOfInvoice(writer, shopId, id, invoice))) await nameFirstInvoice(writer, shopId, id, invoice)
  }

  return { work: { name: 'subscriptions', everyMs: POLL_MS, run: runDue } satisfies Work, cancel, resume, hear }
}
