// A cart becomes exactly one paid order. Ordering prices afresh, checks everything, holds stock and uses of codes, and writes an order that awaits
// payment, all in one transaction; the provider is called after it (payments.ts), and the order is placed when money is there (placing.ts).
// Every transaction locks in one order: carts, orders, promotions, stock (each by id), sequences last.
import { createHash } from 'node:crypto'
import type { Attributes } from '../core/attributes.ts'
import {
  type Address,
  addLines,
  type Cart,
  DRAFT_TYPE,
  emptyCart,
  type LineRequest,
  normaliseCode,
  type Owner,
  visibleContact,
  withGroups,
} from '../core/cart.ts'
import { changeCart } from '../core/details.ts'
import type { Facts } from '../core/facts.ts'
import { hasShipment } from '../core/fulfilment.ts'
import { sum } from '../core/money.ts'
import {
  contentOf,
  ORDER_FORMAT,
  type Order,
  type OrderContent,
  type OrderState,
  orderAttributes,
  orderBlockers,
  orderedLinesOf,
  orderIsOwed,
  orderLinesOf,
  orderMayMove,
  partOf,
} from '../core/order.ts'
import type { StatusRole } from '../core/order-statuses.ts'
import { type PricedCart, type Pricing, priceCart } from '../core/pricing.ts'
import { piecesToRestock } from '../core/refund.ts'
import { isRefusal, priceChanged, type Refusal, refuse } from '../core/refusal.ts'
import { inState, statusMove } from '../core/status.ts'
import { demandOf } from '../core/stock.ts'
import { durationMs, rfc3339 } from '../core/time.ts'
import { type CartRow, loadCarts, lockCarts, ownerKey } from '../store/carts.ts'
import { cancelPending, fulfilmentsOf } from '../store/fulfilments.ts'
import { record } from '../store/idempotency.ts'
import { insertOrder, insertPayment, lockOrders, orderRow, ordersOfCart, paymentsOf, readOrder, updatePayment } from '../store/orders.ts'
import { abandonPaymentActions } from '../store/payment-actions.ts'
import { lockPromotions, returnRedemptions } from '../store/redemptions.ts'
import { releaseHolds, replaceHolds } from '../store/stock.ts'
import type { Reader, Store, Writer } from '../store/store.ts'
import type { OrderTable, PaymentTable } from '../store/tables.ts'
import type { Accounts } from './accounts.ts'
import { isUnquoted, parseIntent, skusOf } from './carts.ts'
import { buyerOf, type FactsCache, holdingOf, type ShopFacts } from './facts.ts'
import { heldSkus, holdCarts } from './holding.ts'
import type { LimitedTo } from './identity.ts'
import { type Act, type Limiting, looking, payerOf, paying } from './limiting.ts'
import { findRecorded, type IdempotencyClaim } from './once.ts'
import { dueNow, kindOf, parseOrder, paymentStateNow } from './orders.ts'
import type { PaymentMethod, PaymentMethods, WantedPayment } from './payment-methods.ts'
import { isPayable, OUTSTANDING, type Payments } from './payments.ts'
import { type Placement, putBack, Rollback, redeemFor, usedPromotions } from './placing.ts'
import { billedBy, planOfOrder, planRefusal, shopForPlans } from './plan-orders.ts'
import type { Clock, PaymentProvider, Randomness } from './ports.ts'
import type { Quoting, Settled } from './quotes.ts'
import type { Recording } from './recording.ts'
import { billedPayment } from './recurring.ts'
import { RECURRING, type Renewal, type SubscriptionBooks } from './subscription-books.ts'

/** How often ordering starts again because the cart changed meanwhile, before it is refused. */
const ATTEMPTS = 10

/** What is to be ordered. */
export interface OrderRequest {
  readonly shopId: string
  /** Whose it is; null with `all` means: whoever owns the cart. */
  readonly owner: Owner | null
  readonly all: boolean
  /** A caller who reaches one cart only, and orders it with the contact data that its secret gave. */
  readonly limitedTo?: LimitedTo | null | undefined
  /** Groups that the caller's token tells of the customer; absent or null: those that the cart has. */
  readonly groups?: readonly string[] | null | undefined
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
        readonly vatId?: string
        readonly codes?: readonly string[]
      }
    | undefined
  /** How it is to be paid; what is not named is the shop's first. */
  readonly provider?: string | undefined
  readonly method?: string | undefined
  readonly returnUrl?: string | null | undefined
  /** Free data for the order, besides what its cart says: see `attributes.order`. */
  readonly attributes?: Attributes | undefined
  /** The note of the order; absent: that of its cart. */
  readonly note?: string | undefined
  /** Placed at once although it costs something (SEED4-49). Who may ask for it is checked before. */
  readonly withoutPayment?: boolean | undefined
  /** The total the shopper consents to, in minor units. */
  readonly expectedTotal?: number | undefined
  readonly idempotency?: IdempotencyClaim | undefined
  /** The subscription that this order goes on. */
  readonly renewal?: Renewal | undefined
  /** Who orders, as histories name it. */
  readonly by: string
  /** From where (`originOf` of limiting); null for a key, which speaks for many, and where nobody knows. */
  readonly from?: string | null
  /** In which language the customer wants to be written to; absent or null: the shop's own. */
  readonly language?: string | null
}

/** An order with the payment that is to be made, if any. */
export interface Ordered {
  readonly orderId: string
  readonly payment: PaymentTable | null
  readonly created: boolean
  /** Set when an earlier request with this Idempotency-Key did it. */
  readonly replayed?: true
}

/** Who cancels an order. */
export interface Cancelling {
  /** As histories name it. */
  readonly by: string
  /** As whom: what a customer may, settings and statuses say. */
  readonly role: StatusRole
  /** Only an order that awaits payment; one that was placed meanwhile stays. */
  readonly onlyUnpaid?: boolean
  /** Why, in words for the order's history. */
  readonly message?: string | null
  /** Which of the shop's statuses that cancel it gets; without one, the one that the shop has for it. */
  readonly status?: string
  /** No e-mail is sent for it. */
  readonly quiet?: boolean
  /** Whether what was paid for a placed order goes back; it does unless said. */
  readonly refund?: 'full' | 'none'
  /** Whether the pieces of a placed order go back into stock; they do unless said. */
  readonly restock?: boolean
  /** It is cancelled even where its recharges were spent: the balance is below zero then. */
  readonly overdraws?: boolean
}

/** Ordering and paying. */
export interface Checkout {
  order(request: OrderRequest): Promise<Ordered | Refusal>
  /** Another attempt to pay an order that awaits payment, or a payment of exactly what is still owed of one that was placed. */
  payAgain(
    shopId: string,
    orderId: string,
    wanted: WantedPayment,
    returnUrl: string | null,
    from?: string | null,
  ): Promise<Ordered | Refusal>
  /** Cancels an order; a placed one with a full refund, and with what nobody has handed over back in stock. */
  cancel(shopId: string, orderId: string, how: Cancelling): Promise<OrderTable | Refusal>
  /** Cancels what awaits payment of a cart, before the cart is deleted. */
  cancelUnpaid(shopId: string, cartId: string): Promise<Refusal | null>
  /** Ends an order whose time is up, unless it turns out to be paid. */
  expire(shopId: string, orderId: string): Promise<void>
}

/** Who pays: where paying leads back to, and from where it is begun. */
interface Payer {
  readonly returnUrl: string | null
  readonly from: string | null
}

interface Snapshot {
  readonly shop: ShopFacts
  readonly row: CartRow | null
  readonly cart: Cart
  readonly whole: boolean
  readonly facts: Facts
  readonly pricing: Pricing
  /** What is ordered, as it is frozen. */
  readonly content: OrderContent
  readonly contentHash: string
  /** Whether an outside engine was heard just now: the shopper saw the price without what it said. */
  readonly asked: boolean
}

/** Makes it. */
export function createCheckout(parts: {
  store: Store
  facts: FactsCache
  accounts: Accounts
  quotes: Quoting
  clock: Clock
  random: Randomness
  providers: ReadonlyMap<string, PaymentProvider>
  placement: Placement
  recording: Recording
  payments: Payments
  limiting: Limiting
  paymentMethods: PaymentMethods
  books: SubscriptionBooks
}): Checkout {
  const {
    store,
    facts: cache,
    accounts,
    quotes,
    clock,
    random,
    providers,
    placement,
    recording,
    payments,
    limiting,
    paymentMethods,
    books,
  } = parts
  const { hold, place, supersede } = placement
  const { open, closeSessions, placeUnpaid, refundAll } = payments

  // Ordering --------------------------------------------------------------------------------------------------------------------------

  async function order(request: OrderRequest): Promise<Ordered | Refusal> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      // Looked up each time: somebody else may have used the key while this one tried.
      const done = (await replay(request)) ?? (await tryOrder(request))
      if (done !== 'again') return done
    }
    return refuse('overloaded', { retryAfter: 1 })
  }

  /** What an earlier request with the same key came to, or null when there was none. */
  async function replay(request: OrderRequest): Promise<Ordered | Refusal | null> {
    const recorded = await findRecorded({ store, clock }, request.shopId, request.idempotency)
    if (recorded === null || isRefusal(recorded)) return recorded
    const done = await resume(request, (JSON.parse(recorded.outcome) as { orderId: string }).orderId)
    return isRefusal(done) ? done : { ...done, created: true, replayed: true }
  }

  async function tryOrder(request: OrderRequest): Promise<Ordered | Refusal | 'again'> {
    const snapshot = request.items ? await snapshotItems(request, request.items) : await snapshotCart(request)
    if (snapshot === 'again' || isRefusal(snapshot)) return snapshot
    if ('orderId' in snapshot) return snapshot
    // Keys act for the shop, and know whom they order for.
    const isOthers = request.all ? null : await accounts.refusal(snapshot.shop, snapshot.cart)
    const isNoPlan = planRefusal(request, snapshot.cart, snapshot.pricing.cart, snapshot.facts.variants)
    const refused = isOthers ?? isNoPlan ?? checkSnapshot(request, snapshot)
    if (refused) return refused
    const bill = { ...snapshot.pricing.cart, owner: snapshot.cart.owner, amount: snapshot.pricing.cart.total.amount }
    const chosen = mustPay(request, snapshot) ? await paymentMethods.choose(snapshot.shop, request, bill) : null
    if (isRefusal(chosen)) return chosen

    const unpaid = snapshot.row
      ? (await ordersOfCart(store.reader, request.shopId, snapshot.cart.id)).find((row) => row.state === 'NEW')
      : undefined
    if (unpaid?.content_hash === snapshot.contentHash && chosen !== null) return resume(request, unpaid.id)
    if (unpaid) {
      // Who may not order again keeps what there is.
      const limited = await limiting.act(snapshot.shop, looking(actsOf(request, snapshot, chosen)))
      if (limited) return limited
      // Its session must not be payable any more before another order takes its place; if it was paid, it is the order.
      const closed = await closeSessions(request.shopId, unpaid.id)
      if (isRefusal(closed)) return closed
      if (closed === 'covered') {
        // Money that came too late goes back: then this order was not placed, and another one may be.
        const paid = await readOrder(store.reader, request.shopId, unpaid.id)
        if (paid?.placed_at && request.limitedTo) return refuse('cart_already_ordered', { orderId: unpaid.id, cartId: snapshot.cart.id })
        return paid?.placed_at ? answerOf(request.shopId, unpaid.id, false) : 'again'
      }
    }
    const created = await create(request, snapshot, chosen, unpaid)
    // What keeps it from being had may be this very request, sent twice.
    if (isRefusal(created) && created.refused === 'subscription_exists') return (await replay(request)) ?? created
    if (created === 'again' || isRefusal(created)) return created
    // What an invoice of the provider paid has no page to be paid on.
    return request.renewal?.invoice ? created : openSession(request.shopId, created)
  }

  /** What ordering counts as. What a key orders, it orders for many: only shoppers' orders are counted. */
  function actsOf({ all, from = null, renewal }: OrderRequest, { cart, row }: Snapshot, chosen: PaymentMethod | null): readonly Act[] {
    // Nobody asked for it just now.
    if (renewal) return []
    const who = { origin: from, owner: ownerKey(cart.owner), cart: row ? cart.id : null, email: cart.email }
    return [...(all ? [] : [{ kind: 'orders', who } as const]), ...(chosen === null ? [] : paying(who))]
  }

  /** Orders by the thousand, and stolen cards tried one after the other, end here: nothing is written, and no provider is asked. */
  async function admit(writer: Writer, shop: ShopFacts, acts: readonly Act[]): Promise<void> {
    const limited = await limiting.act(shop, acts, writer)
    if (limited) throw new Rollback(limited)
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
    const row =
      loaded.rows.find((each) => {
        if (isCurrent) return each.type === shop.settings.cart.types[0] && each.is_current === 1
        return reaches(each.owner) && (all || each.type !== DRAFT_TYPE)
      }) ?? null
    if (!row || row.state === 'CLOSED') {
      const placed = isCurrent
        ? undefined
        : (await ordersOfCart(store.reader, shopId, cartId)).find(
            (each) => each.placed_at !== null && each.whole === 1 && reaches(each.owner),
          )
      // It may have been ordered with contact data that this caller must not see.
      if (placed && (request.lineIds || request.limitedTo)) return refuse('cart_already_ordered', { orderId: placed.id, cartId })
      if (placed) return answerOf(shopId, placed.id, false)
      if (!row) return refuse('cart_not_found', {})
    }
    const cart = visibleContact(withGroups(parseIntent(row), request.groups ?? null), request.limitedTo?.secretId ?? null)
    if (cart.state === 'CLOSED')
      return refuse('cart_closed', { cartId: cart.id, closedReason: cart.closedReason, mergedInto: cart.mergedInto, orderId: cart.orderId })
    const source = request.lineIds ? partOf(cart, request.lineIds) : cart
    if (!source) return refuse('line_not_found', { lines: request.lineIds })
    return priced(request, shop, row, source, request.lineIds === undefined)
  }

  /** Items without a cart: a cart that is never kept. What they hold belongs to the order. */
  async function snapshotItems(request: OrderRequest, items: NonNullable<OrderRequest['items']>): Promise<Snapshot | Refusal> {
    const known = await cache.shop(request.shopId)
    if (!known) return refuse('shop_not_found', { shopId: request.shopId })
    const isPlan = items.lines.some((line) => line.plan !== undefined)
    const shop = isPlan ? shopForPlans(known, request.renewal?.subscription ?? null) : known
    const owner = request.owner ?? { kind: 'guest' as const, guestId: random.guestId() }
    const codes = (items.codes ?? []).map((code) => normaliseCode(code, shop.settings))
    await cache.collect(
      shop,
      items.lines.flatMap((line) => line.sku ?? []),
      codes,
      [],
    )
    const identity = { id: random.id('cart'), number: random.number(), shopId: shop.id, type: 'items', owner }
    const empty = withGroups(emptyCart({ ...identity, currency: shop.currency, now: clock.now() }), request.groups ?? null)
    const { email, shippingAddress, billingAddress, shippingMethod, vatId } = items
    // The country may decide the currency.
    let cart: Cart = { ...empty, shippingAddress: shippingAddress ?? null, billingAddress: billingAddress ?? null }
    const facts = await cache.fresh(
      store.reader,
      shop,
      codes,
      items.lines.flatMap((line) => line.sku ?? []),
      holdingOf(cart),
    )
    const added = addLines(
      cart,
      { lines: items.lines, atomic: true, ...(items.currency === undefined ? {} : { currency: items.currency }) },
      facts,
    )
    if (isRefusal(added)) return added
    const { maxCodes } = shop.settings.promotions
    if (codes.length > maxCodes) return refuse('too_many_codes', { max: maxCodes, path: '/codes' })
    const changed = changeCart(added.cart, { email, shippingAddress, billingAddress, shippingMethod, vatId }, facts)
    if (isRefusal(changed)) return changed
    cart = { ...changed.cart, codes }
    const snapshot = await priced(request, shop, null, cart, false)
    if (isRefusal(snapshot)) return snapshot
    // Without a cart there is nobody to look at a code that does nothing: it is refused, like one that does not exist (SEC-6).
    const idle = snapshot.pricing.cart.codes.find((code) => !code.applied)
    return idle ? refuse('code_rejected', { path: '/codes' }) : snapshot
  }

  async function priced(
    request: OrderRequest,
    shop: ShopFacts,
    row: CartRow | null,
    cart: Cart,
    whole: boolean,
  ): Promise<Snapshot | Refusal> {
    await cache.collect(shop, skusOf(cart), cart.codes, [])
    const now = await pricedNow(shop, cart, row !== null)
    if (isRefusal(now)) return now
    const { facts, pricing, asked } = now
    const gone = pricing.cart.lines.filter((line) => line.state === 'UNAVAILABLE').map((line) => line.id)
    // What cannot be bought is left out where the shop says so; it stays in a cart like everything that was not ordered (C19).
    if (gone.length > 0 && shop.settings.checkout.unavailable === 'drop')
      return priced(request, shop, row, { ...cart, lines: cart.lines.filter((line) => !gone.includes(line.id)) }, whole)
    // What left the cart because it is gone is not ordered: it must not be remembered as bought either.
    const ordered = { ...cart, lines: pricing.intent.lines }
    const own = contentOf(pricing.cart)
    const attributes = orderAttributes(own.attributes, request.attributes ?? {}, shop.settings)
    const content = { ...own, attributes, note: request.note ?? own.note }
    const identity = JSON.stringify([content, orderedLinesOf(ordered), whole])
    const contentHash = createHash('sha256').update(identity).digest('base64url')
    return { shop, row, cart: ordered, whole, facts, pricing, content, contentHash, asked }
  }

  /** Priced by what the database says, and by what outside engines say where the shop asks them. */
  async function pricedNow(shop: ShopFacts, cart: Cart, keeps: boolean): Promise<Settled | Refusal> {
    if (shop.asksOutside) await quotes.collect(shop.id, [cart.id])
    const holding = { holders: [cart.id], buyer: buyerOf(cart) }
    const fresh = () => cache.fresh(store.reader, shop, cart.codes, skusOf(cart), holding)
    const facts = await fresh()
    if (!shop.asksOutside) {
      const pricing = priceCart(cart, facts)
      return isRefusal(pricing) ? pricing : { facts, pricing, asked: false }
    }
    const settled = await quotes.settle(shop, cart, facts, { keeps, insists: true })
    if (isRefusal(settled) || !settled.asked) return settled
    // While an engine thought, stock and uses went on.
    const current = { ...(await fresh()), quotes: settled.facts.quotes }
    const pricing = priceCart(cart, current)
    return isRefusal(pricing) ? pricing : { facts: current, pricing, asked: true }
  }

  /** What is missing, then whether it costs more than the shopper saw (C17). */
  function checkSnapshot(request: OrderRequest, { shop, row, cart, whole, facts, pricing, asked }: Snapshot): Refusal | null {
    const blockers = orderBlockers(cart, pricing.cart, facts, request.attributes)
    if (blockers[0]) return { ...blockers[0], blockers }
    const { total } = pricing.cart
    if (request.expectedTotal !== undefined) {
      if (total.amount <= request.expectedTotal) return null
      return { ...priceChanged({ amount: request.expectedTotal, currency: total.currency }, total), cart: pricing.cart }
    }
    if (shop.settings.pricing.onIncrease === 'accept' || !row || hides(row, request)) return null
    const shown = JSON.parse(row.priced) as PricedCart
    // The stored price had to do without what an outside engine said since, which the shopper saw; what the shop itself says is compared.
    const compared = isUnquoted(row) && !asked ? (priced: PricedCart) => ownPartOf(priced) : (priced: PricedCart) => priced.total.amount
    if (whole) return compared(pricing.cart) <= compared(shown) ? null : { ...priceChanged(shown.total, total), cart: pricing.cart }
    for (const line of pricing.cart.lines) {
      const before = shown.lines.find((each) => each.id === line.id)
      if (before && line.unitPrice.amount > before.unitPrice.amount)
        return { ...priceChanged(before.unitPrice, line.unitPrice), lineId: line.id, cart: pricing.cart }
    }
    // Discounts of the whole cart may be smaller, or none, for some of its lines.
    const ids = shown.lines.flatMap((line) => (line.state === 'AVAILABLE' ? [line.id] : []))
    const ordered = ids.filter((id) => pricing.cart.lines.some((line) => line.id === id))
    const [before, after] = [ownPartOf(shown, ordered), ownPartOf(pricing.cart, ordered)]
    const { currency } = total
    return after <= before ? null : { ...priceChanged({ amount: before, currency }, { amount: after, currency }), cart: pricing.cart }
  }

  /** Whether the stored price rests on what this caller must not see: it would tell where the owner lives, and is not what the caller saw. */
  function hides(row: CartRow, { limitedTo }: OrderRequest): boolean {
    if (!limitedTo) return false
    const kept = parseIntent(row)
    return visibleContact(kept, limitedTo.secretId) !== kept
  }

  /** One transaction: the cart is still the one that was priced; stock and uses are held; the order and its payment are written. */
  async function create(
    request: OrderRequest,
    snapshot: Snapshot,
    chosen: PaymentMethod | null,
    replaced: OrderTable | undefined,
  ): Promise<Ordered | Refusal | 'again'> {
    const { shopId } = request
    const { cart, row, whole, pricing, facts, shop } = snapshot
    const now = clock.now()
    const order = newOrder(snapshot, now, request, chosen === null ? 'NONE' : 'PENDING')
    const holder = row ? cart.id : order.id
    try {
      return await store.transact(async (writer) => {
        if (row) {
          const versions = await lockCarts(writer, shopId, [cart.id])
          if (versions.get(cart.id) !== row.version) throw new Rollback('again')
          const standing = await ordersOfCart(writer, shopId, cart.id)
          if (standing.some((each) => each.state === 'NEW' && each.id !== replaced?.id)) throw new Rollback('again')
        }
        if (replaced) await replace(writer, shop, replaced.id, order, request.by)
        const exhausted = await redeemFor(writer, order, now)
        if (exhausted) throw new Rollback(exhausted)
        const demand = demandOf(pricing.cart.lines)
        const kept = row && shop.cartsHold ? (JSON.parse(row.priced) as PricedCart).lines : null
        const limit = limitOf(shop, ownerKey(cart.owner))
        const tracked = await hold(writer, shopId, demand, holder, { limit, also: kept ? heldSkus(kept) : [] })
        // The last of a gift went to somebody else meanwhile: nobody asked for it, so the order is made without it.
        if (isRefusal(tracked)) throw new Rollback(isOfGift(tracked, pricing.cart) ? 'again' : tracked)
        const heldUntil = now + (durationMs(shop.settings.inventory.holdTtl) ?? 0)
        const held = shop.settings.inventory.reserve === 'none' ? [] : tracked
        await replaceHolds(writer, shopId, { holder, owner: ownerKey(cart.owner), orderId: order.id }, held, heldUntil)
        // What is not ordered stays held for the cart.
        if (kept) await holdCarts(writer, shop, [{ cart, lines: kept, seen: [] }], now)
        const expiresAt = order.expiresAt === null ? null : Date.parse(order.expiresAt)
        const columns = {
          owner: ownerKey(cart.owner),
          contentHash: snapshot.contentHash,
          orderedLines: orderedLinesOf(cart),
          expectedTotal: order.total.amount,
          createdAt: now,
          placedAt: null,
          expiresAt,
          heldUntil,
        }
        await admit(writer, shop, actsOf(request, snapshot, chosen))
        await insertOrder(writer, orderRow(order, columns))
        await subscribe(writer, request, snapshot, order, chosen)
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
        await recording.remember(writer, shop, order, { by: request.by, action: 'order', events: ['order.created'] })
        if (chosen === null) {
          await place(writer, shop, {
            order,
            row: { ...orderRow(order, columns) },
            whole,
            carts: row ? { own: row, target: null } : null,
            facts,
            payment: null,
            by: request.by,
          })
          return { orderId: order.id, payment: null, created: true }
        }
        const billed = request.renewal?.invoice ?? null
        const asked = { returnUrl: request.returnUrl ?? null, from: request.from ?? null }
        const payment = { ...newPayment(shop, order, chosen, asked, now), ...(billed ? billedPayment(billed) : {}) }
        await insertPayment(writer, payment)
        return { orderId: order.id, payment, created: true }
      })
    } catch (error) {
      if (error instanceof Rollback) return error.refusal
      throw error
    }
  }

  /** What an order of a plan begins or goes on. */
  async function subscribe(
    writer: Writer,
    { renewal }: OrderRequest,
    { shop, pricing, facts }: Snapshot,
    order: Order,
    chosen: PaymentMethod | null,
  ): Promise<void> {
    const bought = planOfOrder(pricing.cart, facts.variants)
    if (bought === null) return
    if (renewal) {
      if (!(await books.renewing(writer, shop, order, renewal))) throw new Rollback(refuse('already_exists', { path: '/renewal' }))
      return
    }
    const refused = await books.open(writer, order, { ...bought, chosen, billedBy: billedBy(chosen, providers) })
    if (refused) throw new Rollback(refused)
  }

  function newOrder(
    { cart, shop, content, whole, row, facts, pricing }: Snapshot,
    now: number,
    { by, language = null, renewal }: OrderRequest,
    paymentState: 'NONE' | 'PENDING',
  ): Order {
    // A renewal waits as long as its subscription does.
    const ttl = renewal ? Number.POSITIVE_INFINITY : (durationMs(shop.settings.checkout.unpaidTtl) ?? 0)
    const isPlan = planOfOrder(pricing.cart, facts.variants) !== null
    const at = rfc3339(now)
    return {
      format: ORDER_FORMAT,
      id: random.id('ord'),
      number: null,
      shortNumber: null,
      reference: null,
      shopId: shop.id,
      state: 'NEW',
      paymentState,
      fulfilmentState: 'UNFULFILLED',
      status: 'new',
      isCompleted: false,
      cartId: row ? cart.id : null,
      whole: whole && row !== null,
      subscriptionId: renewal?.subscription.id ?? (isPlan ? random.id('sub') : null),
      subscriptionPeriod: renewal?.period ?? (isPlan ? 1 : null),
      owner: cart.owner,
      ...content,
      lines: orderLinesOf(content.lines, { lines: cart.lines, variants: facts.variants }),
      placedBy: kindOf(by),
      language,
      version: 1,
      revision: 1,
      createdAt: at,
      updatedAt: at,
      orderedAt: null,
      paidAt: null,
      completedAt: null,
      cancelledAt: null,
      expiresAt: Number.isFinite(ttl) ? rfc3339(now + ttl) : null,
    }
  }

  function newPayment(shop: ShopFacts, order: Order, chosen: PaymentMethod, { returnUrl, from }: Payer, now: number): PaymentTable {
    const id = random.id('pay')
    return {
      shop_id: order.shopId,
      id,
      order_id: order.id,
      provider: chosen.provider,
      state: 'OPENING',
      amount: order.total.amount,
      captured: 0,
      currency: order.currency,
      session_id: providers.get(chosen.provider)?.isInHouse ? id : null,
      token: null,
      url: null,
      return_url: returnUrl,
      reason: null,
      version: 1,
      created_at: now,
      updated_at: now,
      checked_at: now,
      leased_until: 0,
      method: chosen.method,
      instructions: chosen.instructions,
      reference: null,
      paid_at: null,
      capture: captureOf(shop, order, chosen),
      origin: from,
    }
  }

  /** What begins a subscription is paid at once; where the provider bills by itself, the first payment begins that. */
  function captureOf(shop: ShopFacts, order: Order, chosen: PaymentMethod): string {
    if (order.subscriptionId === null) return shop.settings.payment.capture
    return order.subscriptionPeriod === 1 && billedBy(chosen, providers) === 'provider' ? RECURRING : 'automatic'
  }

  /** Under the locks of its cart: the order that awaited payment gives way to the next one. */
  async function replace(writer: Writer, shop: ShopFacts, orderId: string, next: Order, by: string): Promise<void> {
    const shopId = shop.id
    const [row] = await lockOrders(writer, shopId, [orderId])
    if (row?.state !== 'NEW') throw new Rollback('again')
    // Somebody may have begun another attempt to pay after the sessions were closed.
    if ((await paymentsOf(writer, shopId, [orderId])).some(isPayable)) throw new Rollback('again')
    const order = parseOrder(row)
    // Uses are given back for the old order and taken for the new one: all their rows are locked first, in order of id.
    const uses = [...usedPromotions(order), ...usedPromotions(next)]
    await lockPromotions(
      writer,
      shopId,
      uses.map((use) => use.promotionId),
    )
    await supersede(writer, shop, order, by)
  }

  // Sessions at the provider ----------------------------------------------------------------------------------------------------------

  /** An unpaid order again: its running payment is the answer, opened if that was interrupted; else a new attempt. */
  async function resume(request: OrderRequest, orderId: string): Promise<Ordered | Refusal> {
    const row = await readOrder(store.reader, request.shopId, orderId)
    if (row?.state !== 'NEW') return answerOf(request.shopId, orderId, false)
    const again = await payAgain(request.shopId, orderId, request, request.returnUrl ?? null, request.from ?? null)
    // Placed at this moment, by the same request sent twice or by money that came: then it is the answer.
    const isOver = isRefusal(again) && again.refused === 'order_state_forbids'
    return isOver ? answerOf(request.shopId, orderId, false) : again
  }

  async function payAgain(
    shopId: string,
    orderId: string,
    wanted: WantedPayment,
    returnUrl: string | null,
    from: string | null = null,
  ): Promise<Ordered | Refusal> {
    const shop = await cache.shop(shopId)
    if (!shop) return refuse('shop_not_found', { shopId })
    const known = await readOrder(store.reader, shopId, orderId)
    if (!known) return refuse('order_not_found', { orderId })
    if (orderIsOwed(known.state as OrderState)) return payRest(shop, known, wanted, { returnUrl, from })
    if (known.state !== 'NEW') return refuse('order_state_forbids', { orderId, state: known.state, action: 'pay' })
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const payable = (await paymentsOf(store.reader, shopId, [orderId])).filter(isPayable)
      // Whoever names no way goes on where the order is being paid.
      const { provider, method } = payable.at(-1) ?? {}
      const isNamed = wanted.provider !== undefined || wanted.method !== undefined
      const bill = { ...parseOrder(known), amount: known.total }
      const way = isNamed ? wanted : { ...wanted, provider, method: method ?? undefined }
      const chosen = await paymentMethods.choose(shop, way, bill)
      if (isRefusal(chosen)) return chosen
      if (payable.some((payment) => payment.provider !== chosen.provider)) {
        const limited = await limiting.act(shop, looking(paying(payerOf(known, from))))
        if (limited) return limited
        const closed = await closeSessions(shopId, orderId)
        if (isRefusal(closed)) return closed
        if (closed === 'covered') return answerOf(shopId, orderId, false)
      }
      try {
        const next = await store.transact((writer) => nextAttempt(writer, shop, orderId, chosen, { returnUrl, from }))
        return await openSession(shopId, next)
      } catch (error) {
        if (!(error instanceof Rollback)) throw error
        if (error.refusal !== 'again') return error.refusal
      }
    }
    return refuse('overloaded', { retryAfter: 1 })
  }

  /** Under the order's lock: holds are renewed, and an attempt that can still be paid is used again. */
  async function nextAttempt(writer: Writer, shop: ShopFacts, orderId: string, chosen: PaymentMethod, payer: Payer): Promise<Ordered> {
    const now = clock.now()
    const before = await readOrder(writer, shop.id, orderId)
    if (before?.cart_id) await lockCarts(writer, shop.id, [before.cart_id])
    const [row] = await lockOrders(writer, shop.id, [orderId])
    if (row?.state !== 'NEW') throw new Rollback(refuse('order_state_forbids', { orderId, state: row?.state ?? null, action: 'pay' }))
    const order = parseOrder(row)
    const holder = row.cart_id ?? row.id
    const tracked = await hold(writer, shop.id, demandOf(order.lines), holder, { limit: limitOf(shop, row.owner) })
    if (isRefusal(tracked)) throw new Rollback(tracked)
    const held = shop.settings.inventory.reserve === 'none' ? [] : tracked
    await replaceHolds(
      writer,
      shop.id,
      { holder, owner: row.owner, orderId },
      held,
      now + (durationMs(shop.settings.inventory.holdTtl) ?? 0),
    )
    const open = (await paymentsOf(writer, shop.id, [orderId])).filter(isPayable)
    // Somebody chose another provider at this moment: an order is never payable at two of them.
    if (open.some((payment) => payment.provider !== chosen.provider)) throw new Rollback('again')
    const payable = open[0]
    if (!payable || payable.state === 'FAILED') await admit(writer, shop, paying(payerOf(row, payer.from)))
    if (!payable) {
      const payment = newPayment(shop, order, chosen, payer, now)
      await insertPayment(writer, payment)
      return { orderId, payment, created: false }
    }
    const { method, instructions } = chosen
    if (payable.state !== 'FAILED' && payable.method === method) return { orderId, payment: payable, created: false }
    const state = payable.state === 'FAILED' ? 'PENDING' : payable.state
    const changes = { state, reason: null, method, instructions, origin: payer.from }
    if (!(await updatePayment(writer, payable, changes, now))) throw new Rollback('again')
    return { orderId, payment: { ...payable, ...changes, version: payable.version + 1 }, created: false }
  }

  /** Pays what is still owed of a placed order, and nothing else: a session for another amount, or at another provider, is closed first. */
  async function payRest(shop: ShopFacts, known: OrderTable, wanted: WantedPayment, payer: Payer): Promise<Ordered | Refusal> {
    const { id: orderId } = known
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const row = await readOrder(store.reader, shop.id, orderId)
      const rest = row && (await restOf(store.reader, parseOrder(row)))
      if (!row || !rest) return refuse('order_not_found', { orderId })
      if (isRefusal(rest)) return rest
      const { provider, method } = rest.payable.at(-1) ?? {}
      const isNamed = wanted.provider !== undefined || wanted.method !== undefined
      const way = isNamed ? wanted : { ...wanted, provider, method: method ?? undefined }
      const chosen = await paymentMethods.choose(shop, way, { ...parseOrder(row), amount: rest.due })
      if (isRefusal(chosen)) return chosen
      const isAnother = (payment: PaymentTable) => isRest(payment) && !isSame(payment, chosen, rest.due)
      if (rest.payable.some(isAnother)) {
        const limited = await limiting.act(shop, looking(paying(payerOf(row, payer.from))))
        if (limited) return limited
        const closed = await closeSessions(shop.id, orderId, (payment) => isAnother(payment) && isPayable(payment))
        if (isRefusal(closed)) return closed
        if (closed === 'covered') continue
      }
      const next = await store
        .transact((writer) => restAttempt(writer, shop, orderId, chosen, payer))
        .catch((error: unknown) => {
          if (error instanceof Rollback) return error.refusal
          throw error
        })
      if (next !== 'again') return isRefusal(next) ? next : openSession(shop.id, next)
    }
    return refuse('overloaded', { retryAfter: 1 })
  }

  /** What is still owed of an order, and in which sessions it can be paid; the refusal says why it cannot. */
  async function restOf(reader: Reader, order: Order): Promise<{ due: number; payable: PaymentTable[] } | Refusal> {
    const { id: orderId, state } = order
    const forbidden = (reason: string) => refuse('order_state_forbids', { orderId, state, action: 'pay', reason })
    if (!orderIsOwed(state)) return forbidden('order_is_over')
    const all = await paymentsOf(reader, order.shopId, [orderId])
    const due = await dueNow(reader, order)
    if (due <= 0) return forbidden('nothing_is_outstanding')
    // Reserved money, or money that comes by hand, pays it: staff closes that first.
    if (all.some((each) => each.state === 'AUTHORIZED' || (!isRest(each) && each.state === 'PENDING'))) return forbidden('money_is_to_come')
    return { due, payable: all.filter((each) => isRest(each) && isPayable(each)) }
  }

  /** Under the order's lock: the session that is open for just this, or a new payment of it. */
  async function restAttempt(writer: Writer, shop: ShopFacts, orderId: string, chosen: PaymentMethod, payer: Payer): Promise<Ordered> {
    const now = clock.now()
    const [row] = await lockOrders(writer, shop.id, [orderId])
    const rest = row ? await restOf(writer, parseOrder(row)) : refuse('order_not_found', { orderId })
    if (!row || isRefusal(rest)) throw new Rollback(isRefusal(rest) ? rest : 'again')
    if (rest.payable.some((each) => !isSame(each, chosen, rest.due))) throw new Rollback('again')
    const order = parseOrder(row)
    const [open] = rest.payable
    if (open && open.state !== 'FAILED') return { orderId, payment: open, created: false }
    await admit(writer, shop, paying(payerOf(row, payer.from)))
    const fresh = { ...newPayment(shop, order, chosen, payer, now), amount: rest.due, capture: OUTSTANDING }
    const again = { state: 'PENDING', reason: null, origin: payer.from }
    if (!open) await insertPayment(writer, fresh)
    else if (!(await updatePayment(writer, open, again, now))) throw new Rollback('again')
    const paymentState = await paymentStateNow(writer, order)
    if (paymentState !== order.paymentState) {
      const how = { by: 'system', action: 'pay_again', events: ['order.updated'] } as const
      await recording.change(writer, shop, order, { paymentState }, how)
    }
    return { orderId, payment: open ? { ...open, ...again, version: open.version + 1 } : fresh, created: false }
  }

  /** Opens the session of a payment that has none yet, and records it. */
  async function openSession(shopId: string, ordered: Ordered): Promise<Ordered | Refusal> {
    const { payment } = ordered
    // A message may have overtaken the answer that told where to pay.
    const isMissing = payment?.state === 'OPENING' || (payment?.state === 'PENDING' && payment.url === null)
    if (!payment || !isMissing) return ordered
    const opened = await open(shopId, payment)
    if (isRefusal(opened)) return { ...opened, orderId: ordered.orderId }
    const { settles, isInHouse } = providers.get(opened.provider) ?? {}
    if (isInHouse) return placedInHouse(shopId, opened, ordered.created)
    const refused = settles === 'later' ? await placeUnpaid(shopId, opened.id) : null
    return refused ? { ...refused, orderId: ordered.orderId } : { ...ordered, payment: opened }
  }

  /** What is paid as soon as its session is open is placed at once; where that cannot be any more, the money goes back. */
  async function placedInHouse(shopId: string, payment: PaymentTable, created: boolean): Promise<Ordered | Refusal> {
    await payments.askProvider(payment)
    const { order_id: orderId } = payment
    const row = await readOrder(store.reader, shopId, orderId)
    if (row?.placed_at) return answerOf(shopId, orderId, created)
    return refuse('order_state_forbids', { orderId, state: row?.state ?? null, action: 'pay', reason: 'the_money_goes_back' })
  }

  // Ending ----------------------------------------------------------------------------------------------------------------------------

  async function cancel(shopId: string, orderId: string, how: Cancelling): Promise<OrderTable | Refusal> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const before = await readOrder(store.reader, shopId, orderId)
      if (!before) return refuse('order_not_found', { orderId })
      if (before.state === 'CANCELLED') {
        // Repeating it, by who may, tries refunds again that were given up.
        if (how.role !== 'customer' && how.refund !== 'none')
          await store.transact(async (writer) => {
            await lockOrders(writer, shopId, [orderId])
            await refundAll(writer, shopId, orderId, { by: how.by })
          })
        return before
      }
      // Nothing is closed at a provider for somebody who may not cancel; what was decided here is looked at again under the lock.
      const mayNot = await cancelRefusal(shopId, before, how)
      if (mayNot) return mayNot
      if (before.state === 'NEW') {
        const closed = await closeSessions(shopId, orderId)
        if (isRefusal(closed)) return closed
      }
      const ended = await end(shopId, orderId, 'CANCELLED', how)
      if (ended === 'again') continue
      if (isRefusal(ended)) return ended
      return (await readOrder(store.reader, shopId, orderId)) ?? refuse('order_not_found', { orderId })
    }
    return refuse('overloaded', { retryAfter: 1 })
  }

  async function cancelUnpaid(shopId: string, cartId: string): Promise<Refusal | null> {
    const unpaid = (await ordersOfCart(store.reader, shopId, cartId)).find((row) => row.state === 'NEW')
    if (!unpaid) return null
    const cancelled = await cancel(shopId, unpaid.id, { by: 'system', role: 'system', onlyUnpaid: true, message: 'its cart was deleted' })
    const mayPass = !isRefusal(cancelled) || (cancelled.refused !== 'provider_unavailable' && cancelled.refused !== 'overloaded')
    return mayPass ? null : cancelled
  }

  async function expire(shopId: string, orderId: string): Promise<void> {
    const closed = await closeSessions(shopId, orderId)
    if (closed === 'closed') await end(shopId, orderId, 'EXPIRED', { by: 'system', role: 'system', onlyUnpaid: true })
  }

  async function end(shopId: string, orderId: string, state: 'CANCELLED' | 'EXPIRED', how: Cancelling): Promise<Refusal | 'again' | null> {
    const shop = await cache.shop(shopId)
    if (!shop) return refuse('shop_not_found', { shopId })
    const { statuses } = shop.settings.orders
    const work = async (writer: Writer): Promise<Refusal | 'again' | null> => {
      const [row] = await lockOrders(writer, shopId, [orderId])
      if (!row) return refuse('order_not_found', { orderId })
      const order = parseOrder(row)
      // Somebody was faster with the same.
      if (order.state === state) return null
      const isPlaced = order.state === 'PLACED'
      const keepsMoney = how.refund === 'none'
      if (!orderMayMove(order.state, state) || (isPlaced && how.onlyUnpaid))
        return refuse('order_state_forbids', { orderId, state: order.state, action: state === 'CANCELLED' ? 'cancel' : 'expire' })
      const status = state === 'CANCELLED' ? await cancelledStatus(writer, shop, order, how) : inState(state, statuses).status
      if (isRefusal(status)) return { ...status, orderId }
      // Somebody began another attempt to pay after the sessions were closed: it must be closed as well.
      if (!isPlaced && (await paymentsOf(writer, shopId, [orderId])).some(isPayable)) return 'again'
      await returnRedemptions(writer, shopId, orderId)
      if (isPlaced) {
        // What was handed over is not in the house any more, and what was cancelled before is back already.
        if (how.restock ?? true) await putBack(writer, shopId, piecesToRestock(order.lines), clock.now())
        await cancelPending(writer, shopId, orderId, clock.now())
        await abandonPaymentActions(writer, shopId, orderId, 'order_cancelled')
        await refundAll(writer, shopId, orderId, { by: how.by, keepsTaken: keepsMoney })
      } else await releaseHolds(writer, shopId, orderId)
      const paymentState = isPlaced ? await paymentStateNow(writer, order) : order.paymentState
      const ended = { state, status, paymentState, cancelledAt: state === 'CANCELLED' ? rfc3339(clock.now()) : null }
      const { by, message = null, quiet = false, overdraws = false } = how
      const spent = await recording.followBalance(writer, shop, order, { ...order, ...ended }, { by, overdraws })
      if (spent) throw new Rollback(spent)
      await recording.change(writer, shop, order, ended, {
        ...{ by, message, quiet },
        action: state === 'CANCELLED' ? 'cancel' : 'expire',
        events: state === 'EXPIRED' ? ['order.expired'] : isPlaced ? ['order.status_changed', 'order.cancelled'] : ['order.cancelled'],
        columns: { held_until: null, ...(isPlaced && keepsMoney ? { money_kept: 1 } : {}) },
      })
      return null
    }
    try {
      return await store.transact(work)
    } catch (error) {
      if (error instanceof Rollback) return error.refusal
      throw error
    }
  }

  async function cancelRefusal(shopId: string, row: OrderTable, how: Cancelling): Promise<Refusal | null> {
    const shop = await cache.shop(shopId)
    const status = shop ? await cancelledStatus(store.reader, shop, parseOrder(row), how) : refuse('shop_not_found', { shopId })
    return isRefusal(status) ? { ...status, orderId: row.id } : null
  }

  /** The status that an order is cancelled into, if who cancels it may. */
  async function cancelledStatus(reader: Reader, { id, settings }: ShopFacts, order: Order, how: Cancelling): Promise<string | Refusal> {
    const { statuses } = settings.orders
    const to = how.status ?? statuses.on.cancelled
    if (statuses.list.some((each) => each.id === to && each.state !== 'CANCELLED'))
      return refuse('invalid', { path: '/status', reason: 'this_status_does_not_cancel' })
    const facts = { hasShipment: hasShipment(await fulfilmentsOf(reader, id, [order.id])), hasMessage: Boolean(how.message) }
    const target = statusMove(settings.orders, order, to, how.role, facts)
    return isRefusal(target) ? target : target.id
  }

  // Small parts -----------------------------------------------------------------------------------------------------------------------

  async function answerOf(shopId: string, orderId: string, created: boolean): Promise<Ordered | Refusal> {
    const payments = await paymentsOf(store.reader, shopId, [orderId])
    return { orderId, payment: payments.at(-1) ?? null, created }
  }

  return { order, payAgain, cancel, cancelUnpaid, expire }
}

/** Whether a payment is of what was still owed when its order was placed already. */
function isRest({ capture }: PaymentTable): boolean {
  return capture === OUTSTANDING
}

/** Whether it is paid in this way, and just this amount. */
function isSame({ provider, method, amount }: PaymentTable, chosen: PaymentMethod, due: number): boolean {
  return provider === chosen.provider && method === chosen.method && amount === due
}

/** Whether an order goes through a payment provider before it is placed. */
function mustPay({ withoutPayment }: OrderRequest, { pricing, shop }: Snapshot): boolean {
  if (withoutPayment === true) return false
  return pricing.cart.total.amount > 0 || shop.settings.checkout.freeOrder === 'process'
}

/** What of a total no outside engine has a say in, in minor units: what the goods (all, or these lines) cost after discounts. */
function ownPartOf({ lines }: PricedCart, ids?: readonly string[]): number {
  const meant = lines.filter((line) => line.state === 'AVAILABLE' && (ids === undefined || ids.includes(line.id)))
  return sum(meant.map((line) => line.total.amount)) ?? 0
}

/** How much an owner may hold, where the shop says so and orders hold anything. */
function limitOf({ settings }: ShopFacts, owner: string): { owner: string; max: number } | undefined {
  const { reserve, holdMaxPerOwner } = settings.inventory
  return reserve === 'none' || holdMaxPerOwner === null ? undefined : { owner, max: holdMaxPerOwner }
}

/** Whether what is missing is (also) wanted for a gift. */
function isOfGift({ sku }: Refusal, { lines }: PricedCart): boolean {
  return demandOf(lines.filter((line) => line.giftOf !== null)).some(([wanted]) => wanted === sku)
}
