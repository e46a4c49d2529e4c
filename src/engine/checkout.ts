// A cart becomes exactly one paid order. Ordering prices afresh, checks everything, holds stock and uses of codes, and writes an order that awaits
// payment, all in one transaction; the provider is called after it. When money is there, one transaction places the order and brings its
// cart up to date. Every transaction locks in one order: carts, orders, promotions, stock (each by id), sequences last.
// A call to a provider always has this form: write the intention, call outside any transaction with a deadline, record the result only if
// the payment is still in the state the call started from. What has no result is repeated by the reconciler (jobs.ts).
import { createHash } from 'node:crypto'
import { type Address, addLines, type Cart, changeCart, closeCart, emptyCart, type LineRequest, type Owner } from '../core/cart.ts'
import type { Event, EventType } from '../core/event.ts'
import type { Facts } from '../core/facts.ts'
import {
  contentOf,
  type Order,
  type OrderedLines,
  orderBlockers,
  orderedLinesOf,
  orderMayMove,
  partOf,
  withoutOrdered,
} from '../core/order.ts'
import { isCovered, isRunning, mayMove } from '../core/payment.ts'
import { type PricedCart, type Pricing, priceCart } from '../core/pricing.ts'
import { isRefusal, priceChanged, type Refusal, refuse } from '../core/refusal.ts'
import { durationMs, type Settings } from '../core/settings.ts'
import { demandOf } from '../core/stock.ts'
import { rfc3339 } from '../core/time.ts'
import { type CartRow, loadCarts, lockCarts, ownerKey, removeCart, saveCarts } from '../store/carts.ts'
import { readRecorded, record } from '../store/idempotency.ts'
import {
  insertOrder,
  insertPayment,
  insertRefund,
  lockOrders,
  nextInSequence,
  orderRow,
  ordersOfCart,
  paymentsOf,
  readOrder,
  readPayment,
  updateOrder,
  updatePayment,
} from '../store/orders.ts'
import { publish } from '../store/outbox.ts'
import { confirmRedemptions, lockPromotions, redeem, returnRedemptions } from '../store/promotions.ts'
import { lockStock, readStock, releaseHolds, replaceHolds, takeStock } from '../store/stock.ts'
import type { Reader, Store, Writer } from '../store/store.ts'
import type { OrderTable, PaymentTable } from '../store/tables.ts'
import { type IdempotencyClaim, parseIntent, saveOf, skusOf } from './carts.ts'
import type { FactsCache, ShopFacts } from './facts.ts'
import { parseOrder, serveOrders } from './orders.ts'
import type { Clock, PaymentProvider, PaymentRequest, Randomness, SessionStatus } from './ports.ts'
import { renderReference } from './reference.ts'

/** How long a provider may take to answer. */
const PROVIDER_DEADLINE_MS = 10_000
/** How often ordering starts again because the cart changed meanwhile, before it is refused. */
const ATTEMPTS = 10

/** What is to be ordered. */
export interface OrderRequest {
  readonly shopId: string
  /** Whose it is; null with `all` means: whoever owns the cart. */
  readonly owner: Owner | null
  readonly all: boolean
  readonly cartId?: string | undefined
  /** Only these lines of the cart. */
  readonly lineIds?: readonly string[] | undefined
  /** Items without a cart. */
  readonly items?:
    | {
        readonly lines: readonly LineRequest[]
        readonly currency?: string
        readonly email?: string
        readonly shippingAddress?: Address
        readonly billingAddress?: Address
        readonly shippingMethod?: string
        readonly codes?: readonly string[]
      }
    | undefined
  readonly provider?: string | undefined
  readonly returnUrl?: string | null | undefined
  /** The total the shopper consents to, in minor units. */
  readonly expectedTotal?: number | undefined
  readonly idempotency?: IdempotencyClaim | undefined
}

/** An order with the payment that is to be made, if any. */
export interface Ordered {
  readonly orderId: string
  readonly payment: PaymentTable | null
  readonly created: boolean
}

/** Ordering and paying. */
export interface Checkout {
  order(request: OrderRequest): Promise<Ordered | Refusal>
  /** Another attempt to pay an order that awaits payment. */
  payAgain(shopId: string, orderId: string, provider: string | undefined, returnUrl: string | null): Promise<Ordered | Refusal>
  /** Cancels an order: unpaid ones by their owner, placed ones (with a full refund) by who may. */
  cancel(shopId: string, orderId: string, mayCancelPlaced: boolean): Promise<OrderTable | Refusal>
  /** Applies what a provider says about a payment. Order of arrival and repeats do not matter. */
  applyStatus(shopId: string, paymentId: string, status: SessionStatus): Promise<'applied' | 'unchanged' | 'mismatch'>
  /** Asks the provider about a payment and applies the answer: for the reconciler and the browser's return. */
  askProvider(payment: PaymentTable): Promise<'applied' | 'unchanged' | 'mismatch'>
  /** Cancels what awaits payment of a cart, before the cart is deleted. */
  cancelUnpaid(shopId: string, cartId: string): Promise<Refusal | null>
  /** Ends an order whose time is up, unless it turns out to be paid. */
  expire(shopId: string, orderId: string): Promise<void>
}

/** Thrown inside a transaction to roll it back with a refusal as the answer. */
class Rollback extends Error {
  readonly refusal: Refusal | 'again'
  constructor(refusal: Refusal | 'again') {
    super('rolled back')
    this.refusal = refusal
  }
}

interface Snapshot {
  readonly shop: ShopFacts
  readonly row: CartRow | null
  readonly cart: Cart
  readonly whole: boolean
  readonly facts: Facts
  readonly pricing: Pricing
  readonly contentHash: string
}

/** Makes it. */
export function createCheckout(parts: {
  store: Store
  facts: FactsCache
  clock: Clock
  random: Randomness
  providers: ReadonlyMap<string, PaymentProvider>
  /** Where a provider sends the browser back to: our own address, which asks the provider and then leads on to the shop. */
  returnAddress: (shopId: string, provider: string, paymentId: string) => string
}): Checkout {
  const { store, facts: cache, clock, random, providers, returnAddress } = parts

  // Ordering --------------------------------------------------------------------------------------------------------------------------

  async function order(request: OrderRequest): Promise<Ordered | Refusal> {
    if (request.idempotency) {
      const recorded = (await readRecorded(store.reader, request.shopId, [request.idempotency.key], clock.now())).get(
        request.idempotency.key,
      )
      if (recorded)
        return recorded.request_hash === request.idempotency.requestHash
          ? resume(request, (JSON.parse(recorded.outcome) as { orderId: string }).orderId)
          : refuse('idempotency_key_reused')
    }
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const done = await tryOrder(request)
      if (done !== 'again') return done
    }
    return refuse('overloaded', { retryAfter: 1 })
  }

  async function tryOrder(request: OrderRequest): Promise<Ordered | Refusal | 'again'> {
    const snapshot = request.items ? await snapshotItems(request, request.items) : await snapshotCart(request)
    if (snapshot === 'again' || isRefusal(snapshot)) return snapshot
    if ('orderId' in snapshot) return snapshot
    const refused = checkSnapshot(request, snapshot)
    if (refused) return refused
    const provider = chooseProvider(request.provider, snapshot.shop.settings)
    if (isRefusal(provider) && snapshot.pricing.cart.total.amount > 0) return provider

    const unpaid = snapshot.row
      ? (await ordersOfCart(store.reader, request.shopId, snapshot.cart.id)).find((row) => row.state === 'NEW')
      : undefined
    if (unpaid?.content_hash === snapshot.contentHash) return resume(request, unpaid.id)
    if (unpaid) {
      // Its session must not be payable any more before another order takes its place; if it was paid, it is the order.
      const closed = await closeSessions(request.shopId, unpaid.id)
      if (isRefusal(closed)) return closed
      if (closed === 'covered') return answerOf(request.shopId, unpaid.id, false)
    }
    const created = await create(request, snapshot, isRefusal(provider) ? null : provider, unpaid)
    if (created === 'again' || isRefusal(created)) return created
    return openSession(request.shopId, created)
  }

  /** The cart as it would be ordered, priced by what the database says now. A cart that was ordered already answers its order. */
  async function snapshotCart(request: OrderRequest): Promise<Snapshot | Ordered | Refusal | 'again'> {
    const { shopId, owner, all } = request
    const cartId = request.cartId ?? ''
    const isCurrent = cartId === 'current'
    if (isCurrent && owner === null) return refuse('owner_required', {})
    const loaded = await loadCarts(store.reader, shopId, isCurrent ? [] : [cartId], isCurrent && owner ? [ownerKey(owner)] : [])
    const shop = loaded && (await cache.shop(shopId, loaded.epoch))
    if (!loaded || !shop) return refuse('shop_not_found', { shopId })
    const key = owner === null ? null : ownerKey(owner)
    const reaches = (ownerOfRow: string) => (all && key === null) || ownerOfRow === key
    const row = loaded.rows.find((each) => (isCurrent ? each.type === shop.settings.cart.types[0] : reaches(each.owner))) ?? null
    if (!row || row.state === 'CLOSED') {
      const placed = isCurrent
        ? undefined
        : (await ordersOfCart(store.reader, shopId, cartId)).find(
            (each) => each.placed_at !== null && each.whole === 1 && reaches(each.owner),
          )
      if (placed && request.lineIds) return refuse('cart_already_ordered', { orderId: placed.id, cartId })
      if (placed) return answerOf(shopId, placed.id, false)
      if (!row) return refuse('cart_not_found', {})
    }
    const cart = parseIntent(row)
    if (cart.state === 'CLOSED')
      return refuse('cart_closed', { cartId: cart.id, closedReason: cart.closedReason, mergedInto: cart.mergedInto, orderId: cart.orderId })
    const source = request.lineIds ? partOf(cart, request.lineIds) : cart
    if (!source) return refuse('line_not_found', { lines: request.lineIds })
    return priced(shop, row, source, request.lineIds === undefined, source.id)
  }

  /** Items without a cart: a cart that is never kept. What they hold belongs to the order. */
  async function snapshotItems(request: OrderRequest, items: NonNullable<OrderRequest['items']>): Promise<Snapshot | Refusal> {
    const shop = await cache.shop(request.shopId)
    if (!shop) return refuse('shop_not_found', { shopId: request.shopId })
    const owner = request.owner ?? { kind: 'guest' as const, guestId: random.guestId() }
    const codes = items.codes ?? []
    await cache.collect(
      shop,
      items.lines.flatMap((line) => line.sku ?? []),
      codes,
    )
    let cart = emptyCart({
      id: random.id('cart'),
      number: random.number(),
      shopId: shop.id,
      type: 'items',
      owner,
      currency: shop.currency,
      now: clock.now(),
    })
    const facts = await cache.fresh(
      store.reader,
      shop,
      codes,
      items.lines.flatMap((line) => line.sku ?? []),
      cart.id,
    )
    const { email, shippingAddress, billingAddress, shippingMethod } = items
    const added = addLines(
      cart,
      { lines: items.lines, atomic: true, ...(items.currency === undefined ? {} : { currency: items.currency }) },
      facts,
    )
    if (isRefusal(added)) return added
    const changed = changeCart(added.cart, { email, shippingAddress, billingAddress, shippingMethod }, facts)
    if (isRefusal(changed)) return changed
    cart = { ...changed.cart, codes: codes.map((code) => code.trim().toUpperCase()) }
    return priced(shop, null, cart, false, cart.id)
  }

  async function priced(shop: ShopFacts, row: CartRow | null, cart: Cart, whole: boolean, holder: string): Promise<Snapshot | Refusal> {
    await cache.collect(shop, skusOf(cart), cart.codes)
    const facts = await cache.fresh(store.reader, shop, cart.codes, skusOf(cart), holder)
    const pricing = priceCart(cart, facts)
    if (isRefusal(pricing)) return pricing
    const identity = JSON.stringify([contentOf(pricing.cart), orderedLinesOf(cart), whole])
    return { shop, row, cart, whole, facts, pricing, contentHash: createHash('sha256').update(identity).digest('base64url') }
  }

  /** What is missing, then whether it costs more than the shopper saw (C17). */
  function checkSnapshot(request: OrderRequest, { shop, row, cart, whole, facts, pricing }: Snapshot): Refusal | null {
    const blockers = orderBlockers(cart, pricing.cart, facts)
    if (blockers[0]) return { ...blockers[0], blockers }
    const { total } = pricing.cart
    if (request.expectedTotal !== undefined) {
      if (total.amount <= request.expectedTotal) return null
      return { ...priceChanged({ amount: request.expectedTotal, currency: total.currency }, total), cart: pricing.cart }
    }
    if (shop.settings.pricing.onIncrease === 'accept' || !row) return null
    const shown = JSON.parse(row.priced) as PricedCart
    if (whole) return total.amount <= shown.total.amount ? null : { ...priceChanged(shown.total, total), cart: pricing.cart }
    for (const line of pricing.cart.lines) {
      const before = shown.lines.find((each) => each.id === line.id)
      if (before && line.unitPrice.amount > before.unitPrice.amount)
        return { ...priceChanged(before.unitPrice, line.unitPrice), lineId: line.id, cart: pricing.cart }
    }
    return null
  }

  function chooseProvider(wanted: string | undefined, settings: Settings): PaymentProvider | Refusal {
    const allowed = settings.payment.providers.filter((name) => providers.has(name))
    const name = wanted ?? allowed[0]
    const provider = name !== undefined && allowed.includes(name) ? providers.get(name) : undefined
    return provider ?? refuse('payment_method_unavailable', { asked: wanted ?? null, available: allowed, path: '/payment/provider' })
  }

  /** One transaction: the cart is still the one that was priced; stock and uses are held; the order and its payment are written. */
  async function create(
    request: OrderRequest,
    snapshot: Snapshot,
    provider: PaymentProvider | null,
    replaced: OrderTable | undefined,
  ): Promise<Ordered | Refusal | 'again'> {
    const { shopId } = request
    const { cart, row, whole, pricing, facts, shop } = snapshot
    const now = clock.now()
    const order = newOrder(snapshot, now)
    const holder = row ? cart.id : order.id
    try {
      return await store.transact(async (writer) => {
        if (row) {
          const versions = await lockCarts(writer, shopId, [cart.id])
          if (versions.get(cart.id) !== row.version) throw new Rollback('again')
          const standing = await ordersOfCart(writer, shopId, cart.id)
          if (standing.some((each) => each.state === 'NEW' && each.id !== replaced?.id)) throw new Rollback('again')
        }
        const uses = [...usedPromotions(pricing.cart)].map(([promotionId, code]) => ({ promotionId, code }))
        if (replaced)
          await supersede(
            writer,
            shopId,
            replaced.id,
            uses.map((use) => use.promotionId),
          )
        const exhausted = await redeem(writer, shopId, order.id, uses, now)
        if (exhausted) throw new Rollback(refuse('code_exhausted', { code: exhausted.code, path: '/codes' }))
        const demand = demandOf(pricing.cart.lines)
        const tracked = await hold(writer, shopId, demand, holder)
        if (isRefusal(tracked)) throw new Rollback(tracked)
        const heldUntil = now + (durationMs(shop.settings.inventory.holdTtl) ?? 0)
        await replaceHolds(writer, shopId, holder, order.id, tracked, heldUntil)
        const expiresAt = order.expiresAt === null ? null : Date.parse(order.expiresAt)
        const kept = {
          owner: ownerKey(cart.owner),
          contentHash: snapshot.contentHash,
          orderedLines: orderedLinesOf(cart),
          expectedTotal: order.total.amount,
          createdAt: now,
          placedAt: null,
          expiresAt,
          heldUntil,
        }
        await insertOrder(writer, orderRow(order, kept))
        if (request.idempotency) {
          const { key, requestHash, sealed } = request.idempotency
          const recorded = await record(
            writer,
            shopId,
            key,
            { request_hash: requestHash, outcome: JSON.stringify({ orderId: order.id }), sealed },
            now,
          )
          if (!recorded) throw new Rollback('again')
        }
        await emit(writer, shop, [{ type: 'order.created', order }])
        if (order.total.amount === 0) {
          await place(writer, shop, {
            order,
            row: { ...orderRow(order, kept) },
            whole,
            carts: row ? { own: row, target: null } : null,
            facts,
            payment: null,
          })
          return { orderId: order.id, payment: null, created: true }
        }
        const payment = newPayment(order, provider?.name ?? '', request.returnUrl ?? null, now)
        await insertPayment(writer, payment)
        return { orderId: order.id, payment, created: true }
      })
    } catch (error) {
      if (error instanceof Rollback) return error.refusal
      throw error
    }
  }

  function newOrder({ cart, shop, pricing, whole, row }: Snapshot, now: number): Order {
    const ttl = durationMs(shop.settings.checkout.unpaidTtl) ?? 0
    const at = rfc3339(now)
    return {
      id: random.id('ord'),
      number: null,
      shortNumber: null,
      reference: null,
      shopId: shop.id,
      state: 'NEW',
      paymentState: pricing.cart.total.amount === 0 ? 'NONE' : 'PENDING',
      fulfilmentState: 'UNFULFILLED',
      status: 'new',
      isCompleted: false,
      cartId: row ? cart.id : null,
      whole: whole && row !== null,
      owner: cart.owner,
      ...contentOf(pricing.cart),
      version: 1,
      createdAt: at,
      updatedAt: at,
      orderedAt: null,
      paidAt: null,
      expiresAt: Number.isFinite(ttl) ? rfc3339(now + ttl) : null,
    }
  }

  function newPayment(order: Order, provider: string, returnUrl: string | null, now: number): PaymentTable {
    return {
      shop_id: order.shopId,
      id: random.id('pay'),
      order_id: order.id,
      provider,
      state: 'OPENING',
      amount: order.total.amount,
      currency: order.currency,
      session_id: null,
      token: null,
      url: null,
      return_url: returnUrl,
      reason: null,
      version: 1,
      created_at: now,
      updated_at: now,
      checked_at: now,
      leased_until: 0,
    }
  }

  /** Locks stock and checks that it suffices; answers what has to be held (tracked skus only). Sold-out is found before anything is charged. */
  async function hold(
    writer: Writer,
    shopId: string,
    demand: readonly (readonly [string, number])[],
    holder: string,
  ): Promise<[string, number][] | Refusal> {
    const skus = demand.map(([sku]) => sku)
    await lockStock(writer, shopId, skus)
    const levels = await readStock(writer, shopId, skus, clock.now())
    const tracked: [string, number][] = []
    for (const [sku, quantity] of demand) {
      const level = levels.get(sku)
      if (!level) continue
      const held = level.holds.reduce((total, each) => (each.holder === holder ? total : total + each.quantity), 0)
      const available = Math.max(0, level.onHand - held)
      if (quantity > available) return refuse('insufficient_stock', { sku, asked: quantity, available, path: `/skus/${sku}` })
      tracked.push([sku, quantity])
    }
    return tracked
  }

  async function supersede(writer: Writer, shopId: string, orderId: string, nextPromotions: readonly string[]): Promise<void> {
    const [row] = await lockOrders(writer, shopId, [orderId])
    if (row?.state !== 'NEW') throw new Rollback('again')
    const order = parseOrder(row)
    // Uses are given back for the old order and taken for the new one: all their rows are locked first, in order of id.
    await lockPromotions(writer, shopId, [...usedPromotions(order).keys(), ...nextPromotions])
    await updateOrder(writer, moved(order, 'SUPERSEDED'), { held_until: null })
    await releaseHolds(writer, shopId, orderId)
    await returnRedemptions(writer, shopId, orderId)
  }

  // Sessions at the provider ----------------------------------------------------------------------------------------------------------

  /** An unpaid order again: its running payment is the answer, opened if that was interrupted; else a new attempt. */
  async function resume(request: OrderRequest, orderId: string): Promise<Ordered | Refusal> {
    const row = await readOrder(store.reader, request.shopId, orderId)
    if (!row || row.state !== 'NEW') return answerOf(request.shopId, orderId, false)
    return payAgain(request.shopId, orderId, request.provider, request.returnUrl ?? null)
  }

  async function payAgain(
    shopId: string,
    orderId: string,
    wanted: string | undefined,
    returnUrl: string | null,
  ): Promise<Ordered | Refusal> {
    const shop = await cache.shop(shopId)
    if (!shop) return refuse('shop_not_found', { shopId })
    const known = await readOrder(store.reader, shopId, orderId)
    if (!known) return refuse('order_not_found', { orderId })
    if (known.state !== 'NEW') return refuse('order_state_forbids', { orderId, state: known.state, action: 'pay' })
    const provider = chooseProvider(wanted, shop.settings)
    if (isRefusal(provider)) return provider
    const running = (await paymentsOf(store.reader, shopId, [orderId])).filter((payment) => payment.state !== 'CANCELLED')
    const other = running.find((payment) => payment.provider !== provider.name)
    if (other) {
      const closed = await closeSessions(shopId, orderId)
      if (isRefusal(closed)) return closed
      if (closed === 'covered') return answerOf(shopId, orderId, false)
    }
    try {
      const attempt = await store.transact((writer) => nextAttempt(writer, shop, orderId, provider.name, returnUrl))
      return openSession(shopId, attempt)
    } catch (error) {
      if (!(error instanceof Rollback) || error.refusal === 'again') throw error
      return error.refusal
    }
  }

  /** Under the order's lock: holds are renewed, and an attempt that can still be paid is used again. */
  async function nextAttempt(
    writer: Writer,
    shop: ShopFacts,
    orderId: string,
    provider: string,
    returnUrl: string | null,
  ): Promise<Ordered> {
    const now = clock.now()
    const before = await readOrder(writer, shop.id, orderId)
    if (before?.cart_id) await lockCarts(writer, shop.id, [before.cart_id])
    const [row] = await lockOrders(writer, shop.id, [orderId])
    if (row?.state !== 'NEW') throw new Rollback(refuse('order_state_forbids', { orderId, state: row?.state ?? null, action: 'pay' }))
    const order = parseOrder(row)
    const holder = row.cart_id ?? row.id
    const tracked = await hold(writer, shop.id, demandOf(order.lines), holder)
    if (isRefusal(tracked)) throw new Rollback(tracked)
    await replaceHolds(writer, shop.id, holder, orderId, tracked, now + (durationMs(shop.settings.inventory.holdTtl) ?? 0))
    const payable = (await paymentsOf(writer, shop.id, [orderId])).find(
      (payment) => payment.provider === provider && (isRunning(payment.state as 'PENDING') || payment.state === 'FAILED'),
    )
    if (!payable) {
      const payment = newPayment(order, provider, returnUrl, now)
      await insertPayment(writer, payment)
      return { orderId, payment, created: false }
    }
    if (payable.state !== 'FAILED') return { orderId, payment: payable, created: false }
    await updatePayment(writer, payable, { state: 'PENDING', reason: null }, now)
    return { orderId, payment: { ...payable, state: 'PENDING', reason: null, version: payable.version + 1 }, created: false }
  }

  /** Opens the session of a payment that has none yet, and records it. */
  async function openSession(shopId: string, ordered: Ordered): Promise<Ordered | Refusal> {
    const { payment } = ordered
    if (!payment || payment.state !== 'OPENING') return ordered
    const opened = await open(shopId, payment)
    return isRefusal(opened) ? { ...opened, orderId: ordered.orderId } : { ...ordered, payment: opened }
  }

  async function open(shopId: string, payment: PaymentTable): Promise<PaymentTable | Refusal> {
    const provider = providers.get(payment.provider)
    const row = await readOrder(store.reader, shopId, payment.order_id)
    if (!provider || !row) return refuse('provider_unavailable', { provider: payment.provider, retryAfter: 5 })
    const session = await provider.open(requestOf(parseOrder(row), payment), AbortSignal.timeout(PROVIDER_DEADLINE_MS)).catch(() => null)
    if (!session) return refuse('provider_unavailable', { provider: payment.provider, retryAfter: 5 })
    const changes = { state: 'PENDING', session_id: session.sessionId, token: session.token, url: session.url, checked_at: clock.now() }
    if (await store.transactOne((writer) => updatePayment(writer, payment, changes, clock.now())))
      return { ...payment, ...changes, version: payment.version + 1 }
    const now = await readPayment(store.reader, shopId, payment.id)
    return now ?? refuse('payment_not_found', {})
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
    }
  }

  /** Closes every session of an order at its provider, outside any transaction. `covered`: one turned out to be paid, and was applied. */
  async function closeSessions(shopId: string, orderId: string): Promise<'closed' | 'covered' | Refusal> {
    for (const payment of await paymentsOf(store.reader, shopId, [orderId])) {
      if (isCovered(payment.state as 'PAID')) return 'covered'
      if (!isRunning(payment.state as 'PENDING') && payment.state !== 'FAILED') continue
      const status = await cancelSession(shopId, payment)
      if (isRefusal(status)) return status
      await applyStatus(shopId, payment.id, status)
      if (status.state === 'paid' || status.state === 'authorized') return 'covered'
    }
    return 'closed'
  }

  async function cancelSession(shopId: string, payment: PaymentTable): Promise<SessionStatus | Refusal> {
    const provider = providers.get(payment.provider)
    // An attempt whose opening was interrupted may have a session that we do not know: opening it again tells.
    const known = payment.session_id === null ? await open(shopId, payment) : payment
    if (isRefusal(known)) return known
    const cancelled =
      provider &&
      known.session_id !== null &&
      (await provider.cancel(shopId, known.session_id, AbortSignal.timeout(PROVIDER_DEADLINE_MS)).catch(() => null))
    return cancelled || refuse('provider_unavailable', { provider: payment.provider, retryAfter: 5 })
  }

  async function askProvider(payment: PaymentTable): Promise<'applied' | 'unchanged' | 'mismatch'> {
    const provider = providers.get(payment.provider)
    if (!provider) return 'unchanged'
    const row = await readOrder(store.reader, payment.shop_id, payment.order_id)
    const known = payment.session_id === null ? await open(payment.shop_id, payment) : payment
    if (isRefusal(known) || known.session_id === null) return 'unchanged'
    // A session of an order that no longer awaits payment is closed; if it was paid meanwhile, that is applied like any payment.
    const ask = row?.state === 'NEW' ? provider.status : provider.cancel
    const status = await ask(payment.shop_id, known.session_id, AbortSignal.timeout(PROVIDER_DEADLINE_MS)).catch(() => null)
    return status ? applyStatus(payment.shop_id, payment.id, status) : 'unchanged'
  }

  // What providers say ----------------------------------------------------------------------------------------------------------------

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
    return store.transact(async (writer) => {
      const changed = await updatePayment(writer, payment, { state: target, reason: status.reason ?? null }, clock.now())
      if (!changed) return 'again'
      const row = await readOrder(writer, shopId, payment.order_id)
      if (row && target === 'FAILED') await emit(writer, shop, [{ type: 'payment.failed', order: parseOrder(row) }])
      return 'applied'
    })
  }

  /** A genuine message with the wrong amount or currency never marks anything paid (PAY-3); it is kept and told. */
  async function mismatch(shop: ShopFacts, payment: PaymentTable, status: SessionStatus): Promise<'mismatch'> {
    if (payment.reason === 'amount_mismatch') return 'mismatch'
    await store.transact(async (writer) => {
      await updatePayment(writer, payment, { reason: 'amount_mismatch' }, clock.now())
      const row = await readOrder(writer, shop.id, payment.order_id)
      if (row)
        await emit(writer, shop, [
          {
            type: 'payment.mismatch',
            order: parseOrder(row),
            extra: {
              expected: { amount: payment.amount, currency: payment.currency },
              received: { amount: status.amount, currency: status.currency },
            },
          },
        ])
    })
    return 'mismatch'
  }

  /** Money is there: the order is placed, or the money goes back. Never silence. */
  async function settlePaid(shop: ShopFacts, payment: PaymentTable, target: 'PAID' | 'AUTHORIZED'): Promise<'applied' | 'again'> {
    const before = await readOrder(store.reader, shop.id, payment.order_id)
    if (!before) return 'applied'
    const carts = before.cart_id === null ? null : await cartsOf(store.reader, shop.id, before.cart_id)
    const facts = await factsFor(
      shop,
      [carts?.own, carts?.target].flatMap((row) => (row ? parseIntent(row) : [])),
    )
    try {
      await store.transact(async (writer) => {
        if (carts) await lockUnchanged(writer, shop.id, carts)
        const [row] = await lockOrders(writer, shop.id, [payment.order_id])
        if (!row || !(await updatePayment(writer, payment, { state: target, reason: null }, clock.now()))) throw new Rollback('again')
        const paid: PaymentTable = { ...payment, state: target }
        const order = parseOrder(row)
        if (payment.state === 'AUTHORIZED' && order.isCompleted) return capture(writer, shop, order)
        const refusal = orderMayMove(order.state, 'PLACED')
          ? await retake(writer, shop, row, order)
          : refuse('order_state_forbids', { state: order.state })
        if (!refusal) await place(writer, shop, { order, row, whole: row.whole === 1, carts, facts, payment: paid })
        else await giveBack(writer, shop, order, paid, refusal)
      })
    } catch (error) {
      if (error instanceof Rollback && error.refusal === 'again') return 'again'
      throw error
    }
    return 'applied'
  }

  /** The money of a placed order, reserved until now, was taken. */
  async function capture(writer: Writer, shop: ShopFacts, order: Order): Promise<void> {
    const paid: Order = { ...moved(order, order.state), paymentState: 'PAID', paidAt: rfc3339(clock.now()) }
    await updateOrder(writer, paid)
    await emit(writer, shop, [{ type: 'payment.succeeded', order: paid }])
  }

  /** Stock and uses for an order that is being placed: what it held is its own; what ran out meanwhile is taken again or refused. */
  async function retake(writer: Writer, shop: ShopFacts, row: OrderTable, order: Order): Promise<Refusal | null> {
    if (row.whole === 1 && row.cart_id !== null) {
      const placed = (await ordersOfCart(writer, shop.id, row.cart_id)).find((each) => each.placed_at !== null && each.whole === 1)
      if (placed) return refuse('cart_already_ordered', { orderId: placed.id })
    }
    if (order.state !== 'NEW') {
      const uses = [...usedPromotions(order)].map(([promotionId, code]) => ({ promotionId, code }))
      const exhausted = await redeem(writer, shop.id, order.id, uses, clock.now())
      if (exhausted) return refuse('code_exhausted', { code: exhausted.code })
    }
    const tracked = await hold(writer, shop.id, demandOf(order.lines), row.cart_id ?? row.id)
    return isRefusal(tracked) ? tracked : null
  }

  /** A payment that cannot become an order is refunded in full; the order ends, if it had not. */
  async function giveBack(writer: Writer, shop: ShopFacts, order: Order, payment: PaymentTable, why: Refusal): Promise<void> {
    const now = clock.now()
    await insertRefund(writer, {
      shop_id: shop.id,
      id: random.id('rf'),
      payment_id: payment.id,
      order_id: order.id,
      amount: payment.amount,
      currency: payment.currency,
      state: 'PENDING',
      reason: why.refused,
      created_at: now,
      due_at: now,
      attempts: 0,
    })
    await returnRedemptionsUnlessPlaced(writer, shop.id, order)
    if (order.state !== 'NEW') return
    await releaseHolds(writer, shop.id, order.id)
    const ended = moved(order, 'EXPIRED')
    await updateOrder(writer, ended, { held_until: null })
    await emit(writer, shop, [{ type: 'order.expired', order: ended }])
  }

  async function returnRedemptionsUnlessPlaced(writer: Writer, shopId: string, order: Order): Promise<void> {
    if (order.state !== 'PLACED' && order.state !== 'COMPLETED') await returnRedemptions(writer, shopId, order.id)
  }

  // Placing ---------------------------------------------------------------------------------------------------------------------------

  interface Placing {
    readonly order: Order
    readonly row: OrderTable
    readonly whole: boolean
    readonly carts: Carts | null
    readonly facts: Facts | null
    readonly payment: PaymentTable | null
  }

  /** Under all locks: stock is taken, the order gets its number and reference, its cart is brought up to date, and the world is told. */
  async function place(writer: Writer, shop: ShopFacts, { order, row, whole, carts, facts, payment }: Placing): Promise<void> {
    const now = clock.now()
    await takeStock(writer, shop.id, demandOf(order.lines), 1, now)
    await releaseHolds(writer, shop.id, order.id)
    await confirmRedemptions(writer, shop.id, order.id)
    const cartNumber = whole && carts?.own ? parseIntent(carts.own).number : random.number()
    const seq = await nextInSequence(writer, shop.id, 'order')
    const placed: Order = {
      ...moved(order, 'PLACED'),
      number: cartNumber,
      shortNumber: cartNumber.slice(0, 7),
      reference: await renderReference(shop.settings.orders.referenceTemplate, { seq, number: cartNumber, shop: shop.id, now }),
      isCompleted: true,
      paymentState: payment === null ? 'PAID' : payment.state === 'PAID' ? 'PAID' : 'AUTHORIZED',
      orderedAt: rfc3339(now),
      paidAt: payment?.state === 'AUTHORIZED' ? null : rfc3339(now),
      expiresAt: null,
    }
    await updateOrder(writer, placed, { placed_at: now, held_until: null, expires_at: null })
    const cartEvents =
      carts && facts
        ? await settleCarts(writer, shop, carts, facts, {
            orderId: order.id,
            whole,
            ordered: JSON.parse(row.ordered_lines) as OrderedLines,
          })
        : []
    await emit(
      writer,
      shop,
      [...(payment ? [{ type: 'payment.succeeded' as const, order: placed }] : []), { type: 'order.placed', order: placed }],
      cartEvents,
    )
  }

  /** What was ordered leaves the cart. What was added while paying stays, in an open cart of the same owner (MON-8). */
  async function settleCarts(
    writer: Writer,
    shop: ShopFacts,
    { own, target }: Carts,
    facts: Facts,
    bought: { orderId: string; whole: boolean; ordered: OrderedLines },
  ): Promise<Event[]> {
    const { settings } = shop
    const cart = own && parseIntent(own)
    if (own && cart?.state === 'OPEN') {
      const rest = withoutOrdered(cart.lines, bought.ordered)
      if (!bought.whole)
        return settings.checkout.removeBoughtLines ? saveAll(writer, shop, facts, [{ row: own, cart: { ...cart, lines: rest } }]) : []
      const closed = closeCart(cart, 'ordered', { orderId: bought.orderId })
      if (isRefusal(closed)) return []
      const events = await saveAll(writer, shop, facts, [{ row: own, cart: closed.cart }])
      if (settings.cart.onOrdered === 'delete') await removeCart(writer, shop.id, cart.id)
      if (rest.length === 0) return events
      const next: Cart = {
        ...cart,
        id: random.id('cart'),
        number: random.number(),
        version: 0,
        lines: rest,
        continues: cart.id,
        notices: [],
        createdAt: facts.now,
        updatedAt: facts.now,
      }
      return [...events, ...(await saveAll(writer, shop, facts, [{ row: null, cart: next }]))]
    }
    const targetCart = target && parseIntent(target)
    if (!target || targetCart?.state !== 'OPEN' || (!bought.whole && !settings.checkout.removeBoughtLines)) return []
    return saveAll(writer, shop, facts, [{ row: target, cart: { ...targetCart, lines: withoutOrdered(targetCart.lines, bought.ordered) } }])
  }

  /** Prices and saves carts that are locked; answers their events. */
  async function saveAll(
    writer: Writer,
    shop: ShopFacts,
    facts: Facts,
    changes: readonly { row: CartRow | null; cart: Cart }[],
  ): Promise<Event[]> {
    const events: Event[] = []
    for (const { row, cart } of changes) {
      const next = { ...cart, version: cart.version + 1, updatedAt: facts.now }
      const pricing = priceCart(next, facts)
      if (isRefusal(pricing)) throw new Error(`Cart ${cart.id} could not be priced: ${pricing.refused}`)
      const save = saveOf({ row, cart: next }, pricing, shop)
      const saved = await saveCarts(writer, shop.id, [save])
      if (!saved.has(cart.id)) throw new Rollback('again')
      events.push({
        type: row === null ? 'cart.created' : next.state === 'CLOSED' ? 'cart.closed' : 'cart.updated',
        subject: cart.id,
        data: save.text,
      })
    }
    return events
  }

  interface Carts {
    readonly own: CartRow | null
    /** Where the cart was merged into. */
    readonly target: CartRow | null
  }

  async function cartsOf(reader: Reader, shopId: string, cartId: string): Promise<Carts> {
    const own = (await loadCarts(reader, shopId, [cartId], []))?.rows[0] ?? null
    const mergedInto = own && parseIntent(own).mergedInto
    const target = mergedInto ? ((await loadCarts(reader, shopId, [mergedInto], []))?.rows[0] ?? null) : null
    return { own, target }
  }

  async function lockUnchanged(writer: Writer, shopId: string, { own, target }: Carts): Promise<void> {
    const rows = [own, target].flatMap((row) => row ?? [])
    const versions = await lockCarts(writer, shopId, rows.map((row) => row.id).sort())
    if (rows.some((row) => versions.get(row.id) !== row.version)) throw new Rollback('again')
  }

  async function factsFor(shop: ShopFacts, carts: readonly Cart[]): Promise<Facts> {
    const skus = carts.flatMap(skusOf)
    const codes = carts.flatMap((cart) => cart.codes)
    await cache.collect(shop, skus, codes)
    return cache.forCart(shop, [...new Set(codes)], skus, carts[0]?.id ?? '')
  }

  // Ending ----------------------------------------------------------------------------------------------------------------------------

  async function cancel(shopId: string, orderId: string, mayCancelPlaced: boolean): Promise<OrderTable | Refusal> {
    const before = await readOrder(store.reader, shopId, orderId)
    if (!before) return refuse('order_not_found', { orderId })
    if (before.state === 'CANCELLED') return before
    if (before.state === 'NEW') {
      const closed = await closeSessions(shopId, orderId)
      if (isRefusal(closed)) return closed
    }
    const ended = await end(shopId, orderId, 'CANCELLED', mayCancelPlaced)
    if (isRefusal(ended)) return ended
    return (await readOrder(store.reader, shopId, orderId)) ?? refuse('order_not_found', { orderId })
  }

  async function cancelUnpaid(shopId: string, cartId: string): Promise<Refusal | null> {
    const unpaid = (await ordersOfCart(store.reader, shopId, cartId)).find((row) => row.state === 'NEW')
    if (!unpaid) return null
    const cancelled = await cancel(shopId, unpaid.id, false)
    return isRefusal(cancelled) && cancelled.refused === 'provider_unavailable' ? cancelled : null
  }

  async function expire(shopId: string, orderId: string): Promise<void> {
    const closed = await closeSessions(shopId, orderId)
    if (closed === 'closed') await end(shopId, orderId, 'EXPIRED', false)
  }

  async function end(shopId: string, orderId: string, state: 'CANCELLED' | 'EXPIRED', mayCancelPlaced: boolean): Promise<Refusal | null> {
    const shop = await cache.shop(shopId)
    if (!shop) return refuse('shop_not_found', { shopId })
    return store.transact(async (writer) => {
      const [row] = await lockOrders(writer, shopId, [orderId])
      if (!row) return refuse('order_not_found', { orderId })
      const order = parseOrder(row)
      const isPlaced = order.state === 'PLACED'
      if (!orderMayMove(order.state, state) || (isPlaced && !mayCancelPlaced))
        return refuse('order_state_forbids', { orderId, state: order.state, action: state === 'CANCELLED' ? 'cancel' : 'expire' })
      await returnRedemptions(writer, shopId, orderId)
      if (isPlaced) {
        const demand = demandOf(order.lines)
        await lockStock(
          writer,
          shopId,
          demand.map(([sku]) => sku),
        )
        await takeStock(writer, shopId, demand, -1, clock.now())
        await refundAll(writer, shopId, orderId)
      } else await releaseHolds(writer, shopId, orderId)
      const ended = moved(order, state)
      await updateOrder(writer, ended, { held_until: null })
      await emit(writer, shop, [{ type: state === 'CANCELLED' ? 'order.cancelled' : 'order.expired', order: ended }])
      return null
    })
  }

  async function refundAll(writer: Writer, shopId: string, orderId: string): Promise<void> {
    const now = clock.now()
    for (const payment of await paymentsOf(writer, shopId, [orderId])) {
      if (!isCovered(payment.state as 'PAID')) continue
      await insertRefund(writer, {
        shop_id: shopId,
        id: random.id('rf'),
        payment_id: payment.id,
        order_id: orderId,
        amount: payment.amount,
        currency: payment.currency,
        state: 'PENDING',
        reason: 'order_cancelled',
        created_at: now,
        due_at: now,
        attempts: 0,
      })
    }
  }

  // Small parts -----------------------------------------------------------------------------------------------------------------------

  async function answerOf(shopId: string, orderId: string, created: boolean): Promise<Ordered | Refusal> {
    const payments = await paymentsOf(store.reader, shopId, [orderId])
    return { orderId, payment: payments.at(-1) ?? null, created }
  }

  function moved(order: Order, state: Order['state']): Order {
    return { ...order, state, status: state.toLowerCase(), version: order.version + 1, updatedAt: rfc3339(clock.now()) }
  }

  async function emit(
    writer: Writer,
    shop: ShopFacts,
    orders: readonly { type: EventType; order: Order; extra?: Record<string, unknown> }[],
    others: readonly Event[] = [],
  ): Promise<void> {
    if (shop.endpoints.length === 0) return
    const events: Event[] = []
    for (const { type, order, extra } of orders) {
      const [served] = await serveOrders(writer, [{ document: JSON.stringify(order), shop_id: shop.id, id: order.id }])
      events.push({ type, subject: order.id, data: JSON.stringify({ ...served, ...extra }) })
    }
    await publish(writer, shop.id, shop.endpoints, [...events, ...others], clock.now(), () => random.id('dl'))
  }

  return { order, payAgain, cancel, cancelUnpaid, applyStatus, askProvider, expire }
}

/** The promotions that gave something, each with the code that opened it. */
function usedPromotions(priced: Pick<Order, 'lines' | 'adjustments'>): Map<string, string | null> {
  const used = new Map<string, string | null>()
  for (const { source } of [...priced.adjustments, ...priced.lines.flatMap((line) => line.adjustments)]) {
    if (source.kind === 'promotion') used.set(source.id, source.code ?? null)
  }
  return used
}
