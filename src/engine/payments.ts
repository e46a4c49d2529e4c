// Payments: sessions at providers, and what providers say about them. Every call has the same form: the intention is written, the provider is
// called outside any transaction with a deadline, and the result is recorded only if the payment is still in the state the call started
// from. What has no result is repeated by the reconciler (jobs.ts). Money that is there becomes an order or goes back, never silence.
import type { Order } from '../core/order.ts'
import { orderMayMove } from '../core/order.ts'
import { isCovered, isRunning, mayMove } from '../core/payment.ts'
import { isRefusal, type Refusal, refuse } from '../core/refusal.ts'
import { demandOf } from '../core/stock.ts'
import { rfc3339 } from '../core/time.ts'
import {
  insertRefund,
  lockOrders,
  ordersOfCart,
  paymentsOf,
  readOrder,
  readPayment,
  refundsOf,
  reviveRefunds,
  updatePayment,
} from '../store/orders.ts'
import { lockPromotions, returnRedemptions } from '../store/redemptions.ts'
import { releaseHolds } from '../store/stock.ts'
import type { Store, Writer } from '../store/store.ts'
import type { OrderTable, PaymentTable } from '../store/tables.ts'
import { parseIntent } from './carts.ts'
import type { FactsCache, ShopFacts } from './facts.ts'
import { type Limiting, payerOf } from './limiting.ts'
import { parseOrder, paymentStateNow } from './orders.ts'
import { inState, type Placement, Rollback, redeemFor, usedPromotions } from './placing.ts'
import { type Clock, type PaymentProvider, type PaymentRequest, type Randomness, type SessionStatus, withDeadline } from './ports.ts'
import type { Recording } from './recording.ts'

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
  limiting: Limiting
  providers: ReadonlyMap<string, PaymentProvider>
  /** Where a provider sends the browser back to: our own address, which asks the provider and then leads on to the shop. */
  returnAddress: (shopId: string, provider: string, paymentId: string) => string
}) {
  const { store, facts: cache, clock, random, placement, recording, limiting, providers, returnAddress } = parts
  const { hold, place, supersede, cartsOf, lockUnchanged, factsFor } = placement

  // Sessions at the provider ----------------------------------------------------------------------------------------------------------

  /** Opens the session of a payment and records it; answers the payment as it is then. */
  async function open(shopId: string, payment: PaymentTable): Promise<PaymentTable | Refusal> {
    const provider = providers.get(payment.provider)
    const row = await readOrder(store.reader, shopId, payment.order_id)
    if (!provider || !row) return refuse('provider_unavailable', { provider: payment.provider, retryAfter: 5 })
    const session = await withDeadline((signal) => provider.open(requestOf(parseOrder(row), payment), signal)).catch(() => null)
    if (!session) return refuse('provider_unavailable', { provider: payment.provider, retryAfter: 5 })
    const found = { session_id: session.sessionId, token: session.token, url: session.url, checked_at: clock.now() }
    let known: PaymentTable | undefined = payment
    for (let attempt = 1; attempt <= ATTEMPTS && known; attempt++) {
      // A message, or another call, may have been faster: what it said stays, but where to pay must not be lost.
      if (!isRunning(known.state as 'PENDING') && known.state !== 'FAILED') return known
      const changes = { ...found, state: known.state === 'FAILED' ? 'FAILED' : 'PENDING' }
      const read = known
      if (await store.transactOne((writer) => updatePayment(writer, read, changes, clock.now())))
        return { ...read, ...changes, version: read.version + 1 }
      known = await readPayment(store.reader, shopId, payment.id)
      if (known?.url && known.session_id === session.sessionId) return known
    }
    return known ?? refuse('payment_not_found', {})
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
      capture: 'automatic',
      language: order.language,
      expiresAt: order.expiresAt === null ? null : Date.parse(order.expiresAt),
    }
  }

  /** Closes every session of an order at its provider, outside any transaction. `covered`: one turned out to be paid, and was applied. */
  async function closeSessions(shopId: string, orderId: string): Promise<'closed' | 'covered' | Refusal> {
    for (const payment of await paymentsOf(store.reader, shopId, [orderId])) {
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
      provider && sessionId !== null && (await withDeadline((signal) => provider.cancel(shopId, sessionId, signal)).catch(() => null))
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
    const known = payment.session_id === null ? await open(payment.shop_id, payment) : payment
    if (isRefusal(known) || known.session_id === null) return 'unchanged'
    const { shop_id: shopId, session_id: sessionId } = known
    // A session of an order that no longer awaits payment is closed; if it was paid meanwhile, that is applied like any payment.
    const status = await withDeadline((signal) =>
      row?.state === 'NEW' ? provider.status(shopId, sessionId, signal) : provider.cancel(shopId, sessionId, signal),
    ).catch(() => null)
    return status ? applyStatus(payment.shop_id, payment.id, status) : 'unchanged'
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
      if (status.amount !== payment.amount || status.currency !== payment.currency) return mismatch(shop, payment, status)
      return settlePaid(shop, payment, target as 'PAID' | 'AUTHORIZED')
    }
    const applied = await store.transact(async (writer) => {
      const [row] = await lockOrders(writer, shopId, [payment.order_id])
      const changed = await updatePayment(writer, payment, { state: target, reason: status.reason ?? null }, clock.now())
      if (!changed) return 'again'
      if (row && target === 'FAILED')
        await recording.remember(writer, shop, parseOrder(row), {
          by: providerName(payment),
          action: 'payment_fail',
          message: status.reason ?? null,
          events: ['payment.failed'],
        })
      if (row && payment.state === 'AUTHORIZED') await withdrawn(writer, shop, parseOrder(row), payment)
      return 'applied'
    })
    if (applied === 'applied' && target === 'FAILED') await countDeclined(payment)
    return applied
  }

  /** One more card was declined (SEC-7). Where it was one too many, the next is not tried either: the session ends. */
  async function countDeclined(payment: PaymentTable): Promise<void> {
    const row = await readOrder(store.reader, payment.shop_id, payment.order_id)
    const shop = await cache.shop(payment.shop_id)
    if (!row || !shop || !(await limiting.declined(shop, payerOf(row, payment.origin)))) return
    await closeSessions(shop.id, row.id)
  }

  /** The money that was reserved for a placed order is not there any more: unless we gave it back ourselves, the merchant must know. */
  async function withdrawn(writer: Writer, shop: ShopFacts, order: Order, payment: PaymentTable): Promise<void> {
    if (order.paymentState !== 'AUTHORIZED' || (await isGivenBack(writer, payment))) return
    const how = {
      by: providerName(payment),
      action: 'payment_fail',
      message: 'the reserved money was set free',
      events: ['payment.failed'],
    } as const
    await recording.change(writer, shop, order, { paymentState: await paymentStateNow(writer, order) }, how)
  }

  async function isGivenBack(writer: Writer, payment: PaymentTable): Promise<boolean> {
    const refunds = await refundsOf(writer, payment.shop_id, [payment.order_id])
    return refunds.some((refund) => refund.payment_id === payment.id)
  }

  /** A genuine message with the wrong amount or currency never marks anything paid (PAY-3); it is kept and told. */
  async function mismatch(shop: ShopFacts, payment: PaymentTable, status: SessionStatus): Promise<'mismatch'> {
    if (payment.reason === MISMATCH) return 'mismatch'
    await store.transact(async (writer) => {
      await updatePayment(writer, payment, { reason: MISMATCH }, clock.now())
      const row = await readOrder(writer, shop.id, payment.order_id)
      if (!row) return
      const extra = {
        expected: { amount: payment.amount, currency: payment.currency },
        received: { amount: status.amount, currency: status.currency },
      }
      await recording.remember(writer, shop, parseOrder(row), {
        by: providerName(payment),
        action: 'payment_fail',
        message: MISMATCH,
        details: extra,
        events: ['payment.mismatch'],
        extra,
      })
    })
    return 'mismatch'
  }

  /**
   * Money is there: the order is placed, or the money goes back. Never silence. What newer orders of the cart hold is the cart's own: they give way
   * to the one that is paid, and keep everything (`giveWay` false) where it cannot be placed even so.
   */
  async function settlePaid(
    shop: ShopFacts,
    payment: PaymentTable,
    target: 'PAID' | 'AUTHORIZED',
    giveWay = true,
  ): Promise<'applied' | 'again'> {
    const before = await readOrder(store.reader, shop.id, payment.order_id)
    if (!before) return 'applied'
    const money = target === 'PAID' ? { captured: payment.amount } : {}
    const carts = before.cart_id === null ? null : await cartsOf(store.reader, shop.id, before.cart_id)
    const facts = await factsFor(
      shop,
      [carts?.own, carts?.target].flatMap((row) => (row ? parseIntent(row) : [])),
    )
    try {
      await store.transact(async (writer) => {
        if (carts) await lockUnchanged(writer, shop.id, carts)
        const standing = before.cart_id === null ? [] : await ordersOfCart(writer, shop.id, before.cart_id)
        const rivalIds =
          before.whole === 1 ? standing.flatMap((each) => (each.state === 'NEW' && each.id !== before.id ? each.id : [])) : []
        const locked = await lockOrders(writer, shop.id, [payment.order_id, ...rivalIds])
        const row = locked.find((each) => each.id === payment.order_id)
        const rivals = locked.filter((each) => each !== row && each.state === 'NEW').map(parseOrder)
        if (!row || !(await updatePayment(writer, payment, { ...money, state: target, reason: null }, clock.now())))
          throw new Rollback('again')
        const paid: PaymentTable = { ...payment, ...money, state: target }
        const order = parseOrder(row)
        // What reserved money meant was settled when it was reserved: an order was placed with it, or it is being given back.
        if (payment.state === 'AUTHORIZED') return (await isGivenBack(writer, payment)) ? undefined : capture(writer, shop, order, payment)
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
          await place(writer, shop, { order, row, whole: row.whole === 1, carts, facts, payment: paid, by: providerName(payment) })
          // The cart was ordered by a late payment of an older order: those that await payment are outdated.
          for (const rival of rivals) await supersede(writer, shop, rival, providerName(payment))
        } else if (giveWay && rivals.length > 0) throw new Rollback(refusal)
        else await giveBack(writer, shop, order, paid, refusal)
      })
    } catch (error) {
      if (!(error instanceof Rollback)) throw error
      return error.refusal === 'again' ? 'again' : settlePaid(shop, payment, target, false)
    }
    return 'applied'
  }

  /** The money of a placed order, reserved until now, was taken. */
  async function capture(writer: Writer, shop: ShopFacts, order: Order, payment: PaymentTable): Promise<void> {
    const patch: Partial<Order> = { paymentState: await paymentStateNow(writer, order), paidAt: rfc3339(clock.now()) }
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
      const exhausted = await redeemFor(writer, order, clock.now())
      if (exhausted) return exhausted
    }
    const tracked = await hold(writer, shop.id, demandOf(order.lines), row.cart_id ?? row.id)
    return isRefusal(tracked) ? tracked : null
  }

  /** A payment that cannot become an order is refunded in full; the order ends, if it had not. */
  async function giveBack(writer: Writer, shop: ShopFacts, order: Order, payment: PaymentTable, why: Refusal): Promise<void> {
    await intendRefund(writer, payment, payment.amount, why.refused)
    await returnRedemptionsUnlessPlaced(writer, shop.id, order)
    if (order.state !== 'NEW') return
    await releaseHolds(writer, shop.id, order.id)
    const how = { by: 'system', action: 'expire', message: why.refused, events: ['order.expired'], columns: { held_until: null } } as const
    await recording.change(writer, shop, order, inState('EXPIRED'), how)
  }

  async function returnRedemptionsUnlessPlaced(writer: Writer, shopId: string, order: Order): Promise<void> {
    if (order.state !== 'PLACED' && order.state !== 'COMPLETED') await returnRedemptions(writer, shopId, order.id)
  }

  /** Writes the intention to give back all that was paid for an order; what failed before is tried again. */
  async function refundAll(writer: Writer, shopId: string, orderId: string): Promise<void> {
    await reviveRefunds(writer, shopId, orderId, clock.now())
    const refunds = await refundsOf(writer, shopId, [orderId])
    for (const payment of await paymentsOf(writer, shopId, [orderId])) {
      // A second payment of the order may be on its way back already: no money goes back twice.
      const returned = refunds.reduce((total, refund) => (refund.payment_id === payment.id ? total + refund.amount : total), 0)
      if (!isCovered(payment.state as 'PAID') || returned >= payment.amount) continue
      await intendRefund(writer, payment, payment.amount - returned, 'order_cancelled')
    }
  }

  /** Writes the intention to give back `amount` (minor units) of a payment; the reconciler asks the provider for it. */
  async function intendRefund(writer: Writer, payment: PaymentTable, amount: number, reason: string): Promise<void> {
    const now = clock.now()
    await insertRefund(writer, {
      shop_id: payment.shop_id,
      id: random.id('rf'),
      payment_id: payment.id,
      order_id: payment.order_id,
      amount,
      currency: payment.currency,
      state: 'PENDING',
      reason,
      created_at: now,
      due_at: now,
      attempts: 0,
    })
  }

  return { open, closeSessions, askProvider, applyStatus, countDeclined, refundAll }
}

/** A provider, as histories name it. */
function providerName({ provider }: Pick<PaymentTable, 'provider'>): string {
  return `provider:${provider}`
}
