// Payments: sessions at providers, and what providers say about them. Every call has the same form: the intention is written, the provider is
// called outside any transaction with a deadline, and the result is recorded only if the payment is still in the state the call started
// from. What has no result is repeated by the reconciler (jobs.ts). Money that is there becomes an order or goes back, never silence.
import type { Order } from '../core/order.ts'
import { orderIsOwed, orderMayMove } from '../core/order.ts'
import { isCovered, isRunning, mayMove } from '../core/payment.ts'
import { NO_CONTENT } from '../core/refund.ts'
import { isRefusal, type Refusal, refuse } from '../core/refusal.ts'
import { inState } from '../core/status.ts'
import { demandOf } from '../core/stock.ts'
import { rfc3339 } from '../core/time.ts'
import {
  insertRefund,
  lockOrders,
  NEVER_ASKED,
  ordersOfCart,
  paymentsOf,
  readOrder,
  readPayment,
  refundsOf,
  updatePayment,
} from '../store/orders.ts'
import { actionsOf, insertPaymentAction } from '../store/payment-actions.ts'
import { lockPromotions, returnRedemptions } from '../store/redemptions.ts'
import { reviveRefund } from '../store/refunds.ts'
import { releaseHolds } from '../store/stock.ts'
import type { Store, Writer } from '../store/store.ts'
import { parseSubscription, readSubscription } from '../store/subscriptions.ts'
import type { OrderTable, PaymentTable } from '../store/tables.ts'
import { parseIntent } from './carts.ts'
import type { FactsCache, ShopFacts } from './facts.ts'
import { type Limiting, payerOf } from './limiting.ts'
import { dueNow, parseOrder, paymentStateNow, providerName } from './orders.ts'
import { type Placement, Rollback, redeemFor, usedPromotions } from './placing.ts'
import {
  type Clock,
  Declined,
  type PaymentProvider,
  type PaymentRequest,
  type PaymentSession,
  type Randomness,
  type SessionStatus,
  withDeadline,
} from './ports.ts'
import type { Recording } from './recording.ts'
import { openRecurring, sessionsOf } from './recurring.ts'
import { leftOfPayment, refundRow } from './refunding.ts'
import { RECURRING, type SubscriptionBooks } from './subscription-books.ts'

/** How often a message is applied anew because the order changed meanwhile. */
const ATTEMPTS = 10

/**
 * Whether a shopper may still pay in an attempt: its session must be closed before its order may end. FAILED is one refused card in a session
 * that is still open; a wrong amount is told (`payment.mismatch`) and stands in nobody's way.
 */
export function isPayable(payment: Pick<PaymentTable, 'state' | 'reason'>): boolean {
  return (isRunning(payment.state as 'PENDING') || payment.state === 'FAILED') && payment.reason !== MISMATCH
}

const MISMATCH = 'amount_mismatch'

/** How `payments.capture` marks a payment of what is still owed of a placed order: it pays, and places nothing. */
export const OUTSTANDING = 'outstanding'

/** Payments at providers. */
export type Payments = ReturnType<typeof createPayments>

/** Makes it. */
export function createPayments(parts: {
  store: Store
  facts: FactsCache
  clock: Clock
  random: Randomness
  placement: Placement
  recording: Recording
  books: SubscriptionBooks
  limiting: Limiting
  providers: ReadonlyMap<string, PaymentProvider>
  /** Where a provider sends the browser back to: our own address, which asks the provider and then leads on to the shop. */
  returnAddress: (shopId: string, provider: string, paymentId: string) => string
}) {
  const { store, facts: cache, clock, random, placement, recording, books, limiting, providers, returnAddress } = parts
  const { hold, place, supersede, cartsOf, lockUnchanged, factsFor } = placement

  // Sessions at the provider ----------------------------------------------------------------------------------------------------------

  /** Opens the session of a payment and records it; answers the payment as it is then. */
  async function open(shopId: string, payment: PaymentTable): Promise<PaymentTable | Refusal> {
    const provider = providers.get(payment.provider)
    const row = await readOrder(store.reader, shopId, payment.order_id)
    if (!provider || !row) return refuse('provider_unavailable', { provider: payment.provider, retryAfter: 5 })
    const session = await withDeadline((signal) => openAt(provider, parseOrder(row), payment, signal)).catch((error: unknown) =>
      error instanceof Declined ? error : null,
    )
    if (session instanceof Declined) {
      const { amount, currency } = payment
      await applyStatus(shopId, payment.id, { state: 'failed', amount, currency, reason: session.refusal.refused })
      return session.refusal
    }
    if (!session) return refuse('provider_unavailable', { provider: payment.provider, retryAfter: 5 })
    // What is placed as soon as its session is open is asked about at once: should this process die before that, another one places it.
    const checkedAt = provider.settles === 'later' ? 0 : clock.now()
    const found = { session_id: session.sessionId, token: session.token, url: session.url, checked_at: checkedAt }
    let known: PaymentTable | undefined = payment
    for (let attempt = 1; attempt <= ATTEMPTS && known; attempt++) {
      // A message, or another call, may have been faster: what it said stays, but where to pay must not be lost.
      if (!isRunning(known.state as 'PENDING') && known.state !== 'FAILED') return known
      const changes = { ...found, state: known.state === 'FAILED' ? 'FAILED' : 'PENDING' }
      const read = known
      if (await store.transactOne((writer) => updatePayment(writer, read, changes, clock.now())))
        return { ...read, ...changes, version: read.version + 1 }
      known = await readPayment(store.reader, shopId, payment.id)
      if ((known?.url || provider.settles === 'later') && known?.session_id === session.sessionId) return known
    }
    return known ?? refuse('payment_not_found', {})
  }

  async function openAt(provider: PaymentProvider, order: Order, payment: PaymentTable, signal: AbortSignal): Promise<PaymentSession> {
    const { recurring } = provider
    if (payment.capture !== RECURRING || !recurring) return provider.open(requestOf(order, payment), signal)
    const row = order.subscriptionId === null ? undefined : await readSubscription(store.reader, order.shopId, order.subscriptionId)
    if (!row) throw new Error(`Order ${order.id} has no subscription.`)
    return openRecurring(recurring, requestOf(order, payment), parseSubscription(row), signal)
  }

  function requestOf(order: Order, payment: PaymentTable): PaymentRequest {
    return {
      shopId: order.shopId,
      orderId: order.id,
      attemptId: payment.id,
      amount: payment.amount,
      currency: payment.currency,
      email: order.email,
      description: `Order of ${order.lines.length} ${order.lines.length === 1 ? 'item' : 'items'}`,
      lines: order.lines.map((line) => ({
        name: [line.name, line.variantName].filter(Boolean).join(', '),
        quantity: line.quantity,
        total: line.total.amount,
      })),
      returnUrl: returnAddress(order.shopId, payment.provider, payment.id),
      capture: payment.capture === 'manual' ? 'manual' : 'automatic',
      language: order.language,
      expiresAt: order.expiresAt === null ? null : Date.parse(order.expiresAt),
    }
  }

  /**
   * Closes every session of an order (or those that are `meant`) at its provider, outside any transaction. `covered`: one turned out to be paid, and was
   * applied.
   */
  async function closeSessions(
    shopId: string,
    orderId: string,
    meant: (payment: PaymentTable) => boolean = () => true,
  ): Promise<'closed' | 'covered' | Refusal> {
    for (const payment of (await paymentsOf(store.reader, shopId, [orderId])).filter(meant)) {
      if (isCovered(payment.state as 'PAID')) return 'covered'
      if (!isRunning(payment.state as 'PENDING') && payment.state !== 'FAILED') continue
      const status = await cancelSession(shopId, payment)
      if (isRefusal(status)) return status
      const applied = await applyStatus(shopId, payment.id, status)
      // Money in a wrong amount covers nothing; it was told as a mismatch.
      if ((status.state === 'paid' || status.state === 'authorized') && applied !== 'mismatch') return 'covered'
      // "Open" or "failed" means that it can still be paid: nothing may take its place yet.
      if (status.state === 'open' || status.state === 'failed')
        return refuse('provider_unavailable', { provider: payment.provider, retryAfter: 5 })
    }
    return 'closed'
  }

  async function cancelSession(shopId: string, payment: PaymentTable): Promise<SessionStatus | Refusal> {
    const provider = providers.get(payment.provider)
    // An attempt whose opening was interrupted may have a session that we do not know: opening it again tells.
    const known = payment.session_id === null ? await open(shopId, payment) : payment
    if (isRefusal(known)) return payment.session_id === null ? abandon(payment, known) : known
    const { session_id: sessionId, state } = known
    if (isCovered(state as 'PAID') || state === 'REFUNDED')
      return { state: state === 'AUTHORIZED' ? 'authorized' : 'paid', amount: known.amount, currency: known.currency }
    const cancelled =
      provider &&
      sessionId !== null &&
      (await withDeadline((signal) => sessionsOf(provider, payment).cancel(shopId, sessionId, signal)).catch(() => null))
    return cancelled || refuse('provider_unavailable', { provider: payment.provider, retryAfter: 5 })
  }

  /**
   * The provider is silent, and the address of this session was never known, so nobody can pay in it: a provider that is down must not keep a
   * cart from being ordered at another one. Should money come after all, it is handled like any that comes after a cancellation.
   */
  async function abandon(payment: PaymentTable, silent: Refusal): Promise<SessionStatus | Refusal> {
    const changes = { state: 'CANCELLED', reason: 'never_opened' }
    const abandoned = await store.transactOne((writer) => updatePayment(writer, payment, changes, clock.now()))
    return abandoned ? { state: 'cancelled', amount: payment.amount, currency: payment.currency } : silent
  }

  /** Asks the provider about a payment and applies the answer: for the reconciler and the browser's return. */
  async function askProvider(payment: PaymentTable): Promise<'applied' | 'unchanged' | 'mismatch'> {
    const provider = providers.get(payment.provider)
    if (!provider) return 'unchanged'
    const row = await readOrder(store.reader, payment.shop_id, payment.order_id)
    // Staff says what becomes of it: asking would close it.
    if (provider.settles === 'later' && row && orderIsOwed(row.state as Order['state'])) return 'unchanged'
    const known = payment.session_id === null ? await open(payment.shop_id, payment) : payment
    if (isRefusal(known) || known.session_id === null) return 'unchanged'
    const { shop_id: shopId, session_id: sessionId } = known
    // A session of an order that no longer awaits payment is closed; if it was paid meanwhile, that is applied like any payment.
    const isWanted = row?.state === 'NEW' || (row !== undefined && (await isStillDue(parseOrder(row), known)))
    const status = await withDeadline((signal) =>
      isWanted
        ? sessionsOf(provider, known).status(shopId, sessionId, signal)
        : sessionsOf(provider, known).cancel(shopId, sessionId, signal),
    ).catch(() => null)
    if (status?.state === 'open' && provider.settles === 'later') {
      await placeUnpaid(shopId, payment.id)
      return 'applied'
    }
    return status ? applyStatus(payment.shop_id, payment.id, status) : 'unchanged'
  }

  /** Whether a payment of what is owed of a placed order is still wanted. */
  async function isStillDue(order: Order, { capture, amount }: PaymentTable): Promise<boolean> {
    return capture === OUTSTANDING && orderIsOwed(order.state) && amount <= (await dueNow(store.reader, order))
  }

  /**
   * Places the order of a payment whose session is open, without money: a provider that settles later says that it will come. A refusal: it
   * cannot be placed any more, and has ended; nobody is asked to pay.
   */
  async function placeUnpaid(shopId: string, paymentId: string): Promise<Refusal | null> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const payment = await readPayment(store.reader, shopId, paymentId)
      const shop = await cache.shop(shopId)
      const row = payment && (await readOrder(store.reader, shopId, payment.order_id))
      if (!payment || !shop || payment.state !== 'PENDING' || row?.state !== 'NEW') return null
      const placed = await settle(shop, payment, { state: 'PENDING', checked_at: NEVER_ASKED })
      if (placed !== 'again') return isRefusal(placed) ? placed : null
    }
    return refuse('overloaded', { retryAfter: 1 })
  }

  // What providers say ----------------------------------------------------------------------------------------------------------------

  /** Applies what a provider says about a payment. Order of arrival and repeats do not matter. */
  async function applyStatus(shopId: string, paymentId: string, status: SessionStatus): Promise<'applied' | 'unchanged' | 'mismatch'> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const applied = await tryApply(shopId, paymentId, status)
      if (applied !== 'again') return applied
    }
    throw new Error(`Payment ${paymentId} kept changing while a message about it was applied; it will be applied again.`)
  }

  async function tryApply(
    shopId: string,
    paymentId: string,
    status: SessionStatus,
  ): Promise<'applied' | 'unchanged' | 'mismatch' | 'again'> {
    const payment = await readPayment(store.reader, shopId, paymentId)
    const shop = await cache.shop(shopId)
    if (!payment || !shop) return 'unchanged'
    const target = { open: null, authorized: 'AUTHORIZED', paid: 'PAID', failed: 'FAILED', cancelled: 'CANCELLED' }[status.state] as
      | PaymentTable['state']
      | null
    if (target === null || payment.state === target || !mayMove(payment.state as 'PENDING', target as 'PAID')) return 'unchanged'
    if (status.state === 'paid' || status.state === 'authorized') {
      // Of reserved money a part may be taken, also at the provider's own pages. What reserved it may not have been heard yet.
      const isReserved = payment.state === 'AUTHORIZED' || payment.capture === 'manual'
      const isPart = target === 'PAID' && isReserved && status.amount > 0 && status.amount < payment.amount
      const isRight = (isPart || status.amount === payment.amount) && status.currency === payment.currency
      if (!isRight) return mismatch(shop, payment, status)
      const done = await (payment.capture === OUTSTANDING ? settleRest : settle)(shop, payment, {
        state: target,
        reason: null,
        ...(target === 'PAID' ? { captured: status.amount, paid_at: clock.now() } : {}),
      })
      return done === 'again' ? 'again' : 'applied'
    }
    const applied = await store.transact(async (writer) => {
      const [row] = await lockOrders(writer, shopId, [payment.order_id])
      const changed = await updatePayment(writer, payment, { state: target, reason: status.reason ?? null }, clock.now())
      if (!changed) return 'again'
      if (!row) return 'applied'
      if (payment.state === 'AUTHORIZED' || orderIsOwed(row.state as Order['state']))
        await withdrawn(writer, shop, parseOrder(row), payment)
      else if (target === 'FAILED')
        await recording.remember(writer, shop, parseOrder(row), {
          by: providerName(payment),
          action: 'payment_fail',
          message: status.reason ?? null,
          events: ['payment.failed'],
        })
      return 'applied'
    })
    if (applied === 'applied' && target === 'FAILED') await countDeclined(payment)
    return applied
  }

  /** One more card was declined (SEC-7). Where it was one too many, the next is not tried either: the session ends. */
  async function countDeclined(payment: PaymentTable): Promise<void> {
    // Nobody tries stolen cards at what is in the house.
    if (providers.get(payment.provider)?.isInHouse) return
    const row = await readOrder(store.reader, payment.shop_id, payment.order_id)
    const shop = await cache.shop(payment.shop_id)
    if (!row || !shop || !(await limiting.declined(shop, payerOf(row, payment.origin)))) return
    if (row.state === 'NEW') await closeSessions(shop.id, row.id)
  }

  /** The money of a placed order will not come any more. Unless we gave it back, or staff set it free, the merchant must be told. */
  async function withdrawn(writer: Writer, shop: ShopFacts, order: Order, payment: PaymentTable): Promise<void> {
    const paymentState = await paymentStateNow(writer, order)
    if (await isGivenBack(writer, payment)) return
    if (payment.capture === OUTSTANDING) return restWithdrawn(writer, shop, order, payment, paymentState)
    if (order.paymentState === paymentState) return
    const isWanted = (await actionsOf(writer, payment)).some(({ kind, state }) => kind === 'void' && state === 'PENDING')
    const message = payment.state === 'AUTHORIZED' ? 'the reserved money was set free' : 'the payment was closed'
    const how = isWanted
      ? ({ action: 'void', events: ['order.updated'] } as const)
      : ({ action: 'payment_fail', events: ['payment.failed'] } as const)
    await recording.change(writer, shop, order, { paymentState }, { by: providerName(payment), message, ...how })
  }

  /** A declined card is told; a session that is closed, because another one takes its place or nobody used it, is no failure. */
  async function restWithdrawn(
    writer: Writer,
    shop: ShopFacts,
    order: Order,
    payment: PaymentTable,
    paymentState: Order['paymentState'],
  ): Promise<void> {
    const now = await readPayment(writer, shop.id, payment.id)
    const isDeclined = now?.state === 'FAILED'
    if (!isDeclined && paymentState === order.paymentState) return
    await recording.change(
      writer,
      shop,
      order,
      { paymentState },
      {
        by: providerName(payment),
        message: isDeclined ? now.reason : 'the payment was closed',
        action: isDeclined ? 'payment_fail' : 'void',
        events: [isDeclined ? 'payment.failed' : 'order.updated'],
      },
    )
  }

  async function isGivenBack(writer: Writer, payment: PaymentTable): Promise<boolean> {
    const refunds = await refundsOf(writer, payment.shop_id, [payment.order_id])
    return refunds.some((refund) => refund.payment_id === payment.id)
  }

  /** A genuine message with the wrong amount or currency never marks anything paid (PAY-3); it is kept and told, once. */
  async function mismatch(shop: ShopFacts, payment: PaymentTable, status: SessionStatus): Promise<'mismatch'> {
    if (payment.reason === MISMATCH) return 'mismatch'
    await alarm(shop.id, payment, MISMATCH, {
      expected: { amount: payment.amount, currency: payment.currency },
      received: { amount: status.amount, currency: status.currency },
    })
    return 'mismatch'
  }

  /** Tells the merchant that a provider and our books do not agree (`payment.mismatch`); of a wrong amount the payment says so as well. */
  async function alarm(shopId: string, payment: PaymentTable, reason: string, extra: Readonly<Record<string, unknown>>): Promise<void> {
    const shop = await cache.shop(shopId)
    if (!shop) return
    await store.transact(async (writer) => {
      const [row] = await lockOrders(writer, shopId, [payment.order_id])
      if (reason === MISMATCH) await updatePayment(writer, payment, { reason }, clock.now())
      if (!row) return
      await recording.remember(writer, shop, parseOrder(row), {
        by: providerName(payment),
        action: 'payment_fail',
        message: reason,
        details: { paymentId: payment.id, ...extra },
        events: ['payment.mismatch'],
        extra: { reason, paymentId: payment.id, ...extra },
      })
    })
  }

  /**
   * Money is there, or will come by hand (`PENDING`): the order is placed, or the money goes back. Never silence. What newer orders of the cart hold
   * is the cart's own: they give way to the one that is paid, and keep everything (`giveWay` false) where it cannot be placed even so. The refusal
   * says why an order was not placed.
   */
  async function settle(
    shop: ShopFacts,
    payment: PaymentTable,
    changes: Partial<PaymentTable>,
    giveWay = true,
  ): Promise<'applied' | 'again' | Refusal> {
    const before = await readOrder(store.reader, shop.id, payment.order_id)
    if (!before) return 'applied'
    const carts = before.cart_id === null ? null : await cartsOf(store.reader, shop.id, before.cart_id)
    const facts = await factsFor(
      shop,
      [carts?.own, carts?.target].flatMap((row) => (row ? parseIntent(row) : [])),
    )
    try {
      return await store.transact(async (writer) => {
        if (carts) await lockUnchanged(writer, shop.id, carts)
        const standing = before.cart_id === null ? [] : await ordersOfCart(writer, shop.id, before.cart_id)
        const rivalIds =
          before.whole === 1 ? standing.flatMap((each) => (each.state === 'NEW' && each.id !== before.id ? each.id : [])) : []
        const locked = await lockOrders(writer, shop.id, [payment.order_id, ...rivalIds])
        const row = locked.find((each) => each.id === payment.order_id)
        const rivals = locked.filter((each) => each !== row && each.state === 'NEW').map(parseOrder)
        if (!row || !(await updatePayment(writer, payment, changes, clock.now()))) throw new Rollback('again')
        const settled: PaymentTable = { ...payment, ...changes, version: payment.version + 1 }
        const order = parseOrder(row)
        // What reserved money meant was settled when it was reserved: an order was placed with it, or it is being given back.
        if (payment.state === 'AUTHORIZED') {
          if (!(await isGivenBack(writer, payment))) await taken(writer, shop, order, payment)
          return 'applied'
        }
        if (rivals.length > 0)
          await lockPromotions(
            writer,
            shop.id,
            [order, ...rivals].flatMap((each) => usedPromotions(each).map((use) => use.promotionId)),
          )
        if (giveWay) for (const rival of rivals) await returnRedemptions(writer, shop.id, rival.id)
        const refusal = orderMayMove(order.state, 'PLACED')
          ? await retake(writer, shop, row, order, standing)
          : refuse('order_state_forbids', { state: order.state })
        if (!refusal) {
          await place(writer, shop, { order, row, whole: row.whole === 1, carts, facts, payment: settled, by: providerName(payment) })
          // The cart was ordered by a late payment of an older order: those that await payment are outdated.
          for (const rival of rivals) await supersede(writer, shop, rival, providerName(payment))
          return 'applied'
        }
        if (giveWay && rivals.length > 0) throw new Rollback(refusal)
        await giveBack(writer, shop, order, settled, refusal)
        return refusal
      })
    } catch (error) {
      if (!(error instanceof Rollback)) throw error
      return error.refusal === 'again' ? 'again' : settle(shop, payment, changes, false)
    }
  }

  /** Money came for what is still owed of a placed order. What is more than that, because it came late or twice, goes back. */
  async function settleRest(shop: ShopFacts, payment: PaymentTable, changes: Partial<PaymentTable>): Promise<'applied' | 'again'> {
    return store.transact(async (writer) => {
      const [row] = await lockOrders(writer, shop.id, [payment.order_id])
      if (!(await updatePayment(writer, payment, changes, clock.now()))) return 'again'
      if (!row) return 'applied'
      const order = parseOrder(row)
      const settled: PaymentTable = { ...payment, ...changes, version: payment.version + 1 }
      const state = { orderId: order.id, state: order.state, action: 'pay' }
      if (!orderIsOwed(order.state)) {
        await giveBack(writer, shop, order, settled, refuse('order_state_forbids', state))
        return 'applied'
      }
      const over = Math.min(coveredBy(settled), Math.max(0, -(await dueNow(writer, order))))
      if (settled.state === 'PAID' && over > 0) await intendRefund(writer, settled, over, NOTHING_DUE, 'system')
      const details = { paymentId: payment.id, amount: over, currency: payment.currency }
      const by = providerName(payment)
      if (settled.state === 'PAID' && over < settled.captured) await taken(writer, shop, order, payment)
      else if (settled.state === 'PAID')
        await recording.remember(writer, shop, order, { by, action: 'refund_request', message: NOTHING_DUE, details })
      else {
        const paymentState = await paymentStateNow(writer, order)
        await recording.change(writer, shop, order, { paymentState }, { by, action: 'pay', events: ['payment.authorized'] })
      }
      return 'applied'
    })
  }

  /** The money of a placed order, reserved until now, was taken. */
  async function taken(writer: Writer, shop: ShopFacts, order: Order, payment: PaymentTable): Promise<void> {
    const paymentState = await paymentStateNow(writer, order)
    const patch: Partial<Order> = { paymentState, ...(paymentState === 'PAID' ? { paidAt: rfc3339(clock.now()) } : {}) }
    await recording.change(writer, shop, order, patch, { by: providerName(payment), action: 'pay', events: ['payment.succeeded'] })
  }

  /** Stock and uses for an order that is being placed: what it held is its own; what ran out meanwhile is taken again or refused. */
  async function retake(
    writer: Writer,
    shop: ShopFacts,
    row: OrderTable,
    order: Order,
    standing: readonly OrderTable[],
  ): Promise<Refusal | null> {
    const placed = row.whole === 1 ? standing.find((each) => each.placed_at !== null && each.whole === 1) : undefined
    if (placed) return refuse('cart_already_ordered', { orderId: placed.id })
    if (order.state !== 'NEW') {
      const isNotRevived = await books.revivalRefusal(writer, order)
      if (isNotRevived) return isNotRevived
      const exhausted = await redeemFor(writer, order, clock.now())
      if (exhausted) return exhausted
    }
    const tracked = await hold(writer, shop.id, demandOf(order.lines), row.cart_id ?? row.id)
    return isRefusal(tracked) ? tracked : null
  }

  /** A payment that cannot become an order is refunded in full, or closed where money was still to come; the order ends, if it had not. */
  async function giveBack(writer: Writer, shop: ShopFacts, order: Order, payment: PaymentTable, why: Refusal): Promise<void> {
    if (payment.state === 'PENDING') await updatePayment(writer, payment, { state: 'CANCELLED', reason: why.refused }, clock.now())
    else await intendRefund(writer, payment, coveredBy(payment), why.refused, 'system')
    await returnRedemptionsUnlessPlaced(writer, shop.id, order)
    if (order.state !== 'NEW') return
    await releaseHolds(writer, shop.id, order.id)
    const how = { by: 'system', action: 'expire', message: why.refused, events: ['order.expired'], columns: { held_until: null } } as const
    await recording.change(writer, shop, order, inState('EXPIRED', shop.settings.orders.statuses), how)
  }

  async function returnRedemptionsUnlessPlaced(writer: Writer, shopId: string, order: Order): Promise<void> {
    if (order.state !== 'PLACED' && order.state !== 'COMPLETED') await returnRedemptions(writer, shopId, order.id)
  }

  /**
   * Writes the intention to give back all that was paid for an order, and to close what was still to be paid; what failed before is tried again, as
   * far as it is still there. `keepsTaken`: what was taken stays, only what was reserved or still to come is let go.
   */
  async function refundAll(
    writer: Writer,
    shopId: string,
    orderId: string,
    { by, keepsTaken = false }: { readonly by: string; readonly keepsTaken?: boolean },
  ): Promise<void> {
    const refunds = await refundsOf(writer, shopId, [orderId])
    for (const payment of await paymentsOf(writer, shopId, [orderId])) {
      if (payment.state === 'PENDING') await close(writer, payment)
      if (keepsTaken && payment.state !== 'AUTHORIZED') continue
      // A second payment of the order may be on its way back already, and a part of this one: no money goes back twice.
      let left = leftOfPayment(payment, refunds)
      for (const failed of refunds.filter((each) => each.payment_id === payment.id && each.state === 'FAILED')) {
        if (failed.amount > left) continue
        await reviveRefund(writer, failed, { due: clock.now(), attempts: 0 })
        left -= failed.amount
      }
      if (coveredBy(payment) > 0 && left > 0) await intendRefund(writer, payment, left, 'order_cancelled', by)
    }
  }

  /** What was to be paid later for an order that ended is not wanted any more; its provider is told. One that moves at this moment is asked about. */
  async function close(writer: Writer, payment: PaymentTable): Promise<void> {
    const now = clock.now()
    if (!(await updatePayment(writer, payment, { state: 'CANCELLED', reason: 'order_cancelled' }, now))) return
    const { shop_id, id, order_id, amount, currency } = payment
    const intention = { kind: 'void', state: 'PENDING', reason: null, created_at: now, due_at: now, attempts: 0 }
    await insertPaymentAction(writer, { shop_id, id: random.id('act'), payment_id: id, order_id, amount, currency, ...intention })
  }

  /** Writes the intention to give back `amount` (minor units) of a payment; the reconciler asks the provider for it. */
  async function intendRefund(writer: Writer, payment: PaymentTable, amount: number, reason: string, by: string): Promise<void> {
    // A verified card, for an order that costs nothing.
    if (amount === 0) return
    const id = random.id('rf')
    const content = { ...NO_CONTENT, overpaid: amount }
    await insertRefund(writer, refundRow(payment, { id, groupId: id, amount, reason, by, content, now: clock.now(), isSent: false }))
  }

  return { open, closeSessions, askProvider, placeUnpaid, applyStatus, countDeclined, alarm, refundAll }
}

/** Why money that came for a placed order goes back: others paid it meanwhile, or it costs less by now. */
const NOTHING_DUE = 'nothing_is_outstanding'

/** What was taken or is reserved of a payment, in minor units: what can go back. */
function coveredBy({ state, amount, captured }: PaymentTable): number {
  if (state === 'AUTHORIZED') return amount
  return state === 'PAID' ? captured : 0
}
