// The moment at which an order becomes real, and what is done under its locks: stock is taken, the order gets its number and reference, its
// cart is brought up to date, the world is told. Every transaction locks in one order: carts, orders, promotions, stock (each by id),
// sequences last.
import assert from 'node:assert/strict'
import { type Cart, closeCart } from '../core/cart.ts'
import { customerOf } from '../core/customer.ts'
import type { Event, EventType } from '../core/event.ts'
import type { Facts } from '../core/facts.ts'
import { afterOrder, type Order, type OrderedLines } from '../core/order.ts'
import { type PricedCart, type Pricing, priceCart, withoutGone } from '../core/pricing.ts'
import { isRefusal, type Refusal, refuse } from '../core/refusal.ts'
import { inState } from '../core/status.ts'
import { availableTo, demandOf, heldElsewhere } from '../core/stock.ts'
import { rfc3339 } from '../core/time.ts'
import { type IntentRow, loadIntents, lockCarts, removeCarts, saveCarts } from '../store/carts.ts'
import { confirmRedemptions, redeem, returnRedemptions, type Use } from '../store/redemptions.ts'
import { lockStock, moveCartHolds, readStock, releaseHolds, replaceCartHolds, takeStock } from '../store/stock.ts'
import type { Reader, Store, Writer } from '../store/store.ts'
import type { OrderTable, PaymentTable } from '../store/tables.ts'
import { parseIntent, saveOf, skusOf } from './carts.ts'
import { buyerOf, type FactsCache, type ShopFacts } from './facts.ts'
import { paymentStateNow } from './orders.ts'
import type { Clock, Randomness } from './ports.ts'
import type { Quoting } from './quotes.ts'
import type { Recording } from './recording.ts'
import { nextReference } from './reference.ts'

/** Thrown inside a transaction to roll it back; `again` means: somebody was faster, begin anew. */
export class Rollback extends Error {
  readonly refusal: Refusal | 'again'
  constructor(refusal: Refusal | 'again') {
    super('rolled back')
    this.refusal = refusal
  }
}

/** The carts that placing an order changes, as they were read. */
export interface Carts {
  readonly own: IntentRow | null
  /** Where the cart was merged into. */
  readonly target: IntentRow | null
}

/** An order that is being placed. `row` is as it was locked. */
export interface Placing {
  readonly order: Order
  readonly row: OrderTable
  readonly whole: boolean
  readonly carts: Carts | null
  readonly facts: Facts | null
  readonly payment: PaymentTable | null
  /** Who placed it, as histories name it. */
  readonly by: string
}

/** What else an order's holding goes by. */
interface Holding {
  /** How many pieces of one sku an owner may hold in all (SEC-8). */
  readonly limit?: { readonly owner: string; readonly max: number } | undefined
  /** Skus of stock that the same transaction changes after it: all locks are taken in one order. */
  readonly also?: readonly string[]
}

/** What is done when an order is placed. */
export type Placement = ReturnType<typeof createPlacement>

/** Makes it. */
export function createPlacement(parts: {
  store: Store
  facts: FactsCache
  quotes: Quoting
  clock: Clock
  random: Randomness
  recording: Recording
}) {
  const { facts: cache, quotes, clock, random, recording } = parts

  /** Locks stock and checks that it suffices; answers what has to be held (tracked skus only). Sold-out is found before anything is charged. */
  async function hold(
    writer: Writer,
    shopId: string,
    demand: readonly (readonly [string, number])[],
    holder: string,
    { limit, also = [] }: Holding = {},
  ): Promise<[string, number][] | Refusal> {
    const skus = demand.map(([sku]) => sku)
    await lockStock(writer, shopId, [...new Set([...skus, ...also])])
    const now = clock.now()
    const levels = await readStock(writer, shopId, skus, now)
    const tracked: [string, number][] = []
    for (const [sku, quantity] of demand) {
      const level = levels.get(sku)
      if (!level) continue
      const available = availableTo([holder], level, now)
      if (quantity > available) return refuse('insufficient_stock', { sku, asked: quantity, available, path: `/skus/${sku}` })
      const max = limit ? limit.max - heldElsewhere(limit.owner, [holder], level, now) : quantity
      if (limit && quantity > max)
        return refuse('quantity_too_large', { sku, max: Math.max(0, max), reason: 'held_per_owner', path: `/skus/${sku}` })
      tracked.push([sku, quantity])
    }
    return tracked
  }

  /** Under all locks: stock is taken, the order gets its number and reference, its cart is brought up to date, and the world is told. */
  async function place(writer: Writer, shop: ShopFacts, { order, row, whole, carts, facts, payment, by }: Placing): Promise<void> {
    const now = clock.now()
    await takeStock(writer, shop.id, demandOf(order.lines), 1, now)
    await releaseHolds(writer, shop.id, order.id)
    await confirmRedemptions(writer, shop.id, order.id)
    const cartNumber = whole && carts?.own ? parseIntent(carts.own).number : random.number()
    const others =
      carts && facts
        ? await settleCarts(writer, shop, carts, facts, {
            orderId: order.id,
            whole,
            ordered: JSON.parse(row.ordered_lines) as OrderedLines,
          })
        : []
    const paymentState = await paymentStateNow(writer, order)
    const { referenceTemplate, statuses } = shop.settings.orders
    const reference = await nextReference(writer, referenceTemplate, { ...order, number: cartNumber, orderedAt: now })
    const patch: Partial<Order> = {
      ...inState('PLACED', statuses),
      number: cartNumber,
      shortNumber: cartNumber.slice(0, 7),
      reference,
      isCompleted: true,
      paymentState,
      orderedAt: rfc3339(now),
      // The same moment, to the millisecond.
      paidAt: paymentState === 'PAID' ? rfc3339(now) : null,
      expiresAt: null,
    }
    const paid: EventType[] = payment ? [EVENT_OF[payment.state] ?? 'payment.pending'] : []
    await recording.change(writer, shop, order, patch, {
      by,
      action: 'place',
      events: [...paid, 'order.placed'],
      others,
      columns: { placed_at: now, held_until: null, expires_at: null },
    })
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
      const rest = afterOrder(cart, bought.ordered)
      if (!bought.whole) return settings.checkout.removeBoughtLines ? [await save(writer, shop, facts, own, { ...cart, ...rest })] : []
      const closed = closeCart(cart, 'ordered', { orderId: bought.orderId })
      if (isRefusal(closed)) return []
      const event = await save(writer, shop, facts, own, closed.cart)
      if (settings.cart.onOrdered === 'delete') await removeCarts(writer, shop.id, [cart.id])
      // What was set aside was not ordered: it must not end with the cart.
      const stays = withoutGone({ ...cart, ...rest }, facts)
      if (stays.lines.length === 0 && stays.savedLines.length === 0) {
        if (shop.cartsHold) await replaceCartHolds(writer, shop.id, [cart.id], [], 0)
        return [event]
      }
      const next: Cart = {
        ...cart,
        id: random.id('cart'),
        number: random.number(),
        version: 0,
        ...rest,
        continues: cart.id,
        notices: [],
        createdAt: facts.now,
        updatedAt: facts.now,
      }
      if (shop.cartsHold) await moveCartHolds(writer, shop.id, cart.id, next.id)
      return [event, await save(writer, shop, facts, null, next)]
    }
    const targetCart = target && parseIntent(target)
    if (!target || targetCart?.state !== 'OPEN' || (!bought.whole && !settings.checkout.removeBoughtLines)) return []
    const took = cart?.joined ?? null
    // A line that the merge left behind is not in the other cart: an equal one there is somebody else's.
    const aside = new Set(targetCart.savedLines.map(({ id }) => id))
    const there = bought.ordered.filter(({ id }) => took === null || id === undefined || took.includes(id) || aside.has(id))
    return [await save(writer, shop, facts, target, { ...targetCart, ...afterOrder(targetCart, there) })]
  }

  /** Prices and saves a cart that is locked; answers its event. */
  async function save(writer: Writer, shop: ShopFacts, facts: Facts, row: IntentRow | null, cart: Cart): Promise<Event> {
    const { next, pricing } = priceable({ ...cart, version: cart.version + 1, updatedAt: facts.now }, facts)
    const done = [{ name: 'order', by: 'system' }]
    const change = saveOf({ row, base: row && parseIntent(row), done }, pricing, shop)
    const saved = await saveCarts(writer, shop.id, [change])
    if (!saved.has(cart.id)) throw new Rollback('again')
    const type = row === null ? 'cart.created' : next.state === 'CLOSED' ? 'cart.closed' : 'cart.updated'
    return { type, subject: cart.id, data: change.text }
  }

  /** Another order took the place of this one, which awaited payment: it cannot be placed any more, and holds nothing. */
  async function supersede(writer: Writer, shop: ShopFacts, order: Order, by: string): Promise<void> {
    await recording.change(writer, shop, order, inState('SUPERSEDED', shop.settings.orders.statuses), {
      by,
      action: 'supersede',
      columns: { held_until: null },
    })
    await releaseHolds(writer, shop.id, order.id)
    await returnRedemptions(writer, shop.id, order.id)
  }

  async function cartsOf(reader: Reader, shopId: string, cartId: string): Promise<Carts> {
    const own = (await loadIntents(reader, shopId, [cartId], []))?.rows[0] ?? null
    const mergedInto = own && parseIntent(own).mergedInto
    const target = mergedInto ? ((await loadIntents(reader, shopId, [mergedInto], []))?.rows[0] ?? null) : null
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
    await cache.collect(shop, skus, codes, carts.map(buyerOf))
    if (shop.asksOutside) {
      const ids = carts.map((cart) => cart.id)
      await quotes.collect(shop.id, ids)
    }
    const { id, owner, email } = carts[0] ?? NO_CART
    return cache.forCart(shop, [...new Set(codes)], skus, { id, owner, email, absorbed: carts.flatMap((cart) => cart.absorbed) })
  }

  return { hold, place, supersede, cartsOf, lockUnchanged, factsFor }
}

/** What is told of a payment that an order is placed with. */
const EVENT_OF: Readonly<Record<string, EventType>> = {
  PAID: 'payment.succeeded',
  AUTHORIZED: 'payment.authorized',
  PENDING: 'payment.pending',
}

/** Pieces of an order's lines (their `quantity`) go back into stock, under its lock. */
export async function putBack(writer: Writer, shopId: string, lines: Parameters<typeof demandOf>[0], now: number): Promise<void> {
  const demand = demandOf(lines).filter(([, quantity]) => quantity > 0)
  await lockStock(
    writer,
    shopId,
    demand.map(([sku]) => sku),
  )
  await takeStock(writer, shopId, demand, -1, now)
}

/**
 * A cart with its price. One whose sum is past the exact range by now gets its lines set aside: the money is there, and an order must not fail
 * for what is left in its cart.
 */
function priceable(cart: Cart, facts: Facts): { next: Cart; pricing: Pricing } {
  const pricing = priceCart(cart, facts)
  if (!isRefusal(pricing)) return { next: cart, pricing }
  const aside = cart.lines.map((line) => ({ ...line, currency: cart.currency }))
  const emptied = { ...cart, lines: [], savedLines: [...cart.savedLines, ...aside] }
  const rest = priceCart(emptied, facts)
  assert(!isRefusal(rest), 'an empty cart has a price')
  return { next: emptied, pricing: rest }
}

/** An order whose cart is gone is nobody's here: what customers used is asked of its own columns. */
const NO_CART = { id: '', owner: { kind: 'guest', guestId: '' }, email: null } as const

/** The promotions that gave something, each with the code that opened it and with all that it took off. */
export function usedPromotions(priced: Pick<PricedCart, 'lines' | 'adjustments'>): Use[] {
  const used = new Map<string, Use>()
  for (const { source, amount } of [...priced.adjustments, ...priced.lines.flatMap((line) => line.adjustments)]) {
    if (source.kind !== 'promotion') continue
    const before = used.get(source.id)?.amount ?? 0
    used.set(source.id, { promotionId: source.id, code: source.code ?? null, amount: before - amount.amount })
  }
  return [...used.values()]
}

/** Takes the uses that an order needs, exactly and before any charge; answers the refusal where one cannot be had. The caller rolls back then. */
export async function redeemFor(
  writer: Writer,
  order: Pick<Order, 'shopId' | 'id' | 'currency' | 'owner' | 'email' | 'lines' | 'adjustments'>,
  now: number,
): Promise<Refusal | null> {
  const { shopId, id, currency } = order
  const missing = await redeem(writer, shopId, { id, currency, customer: customerOf(order) }, usedPromotions(order), now)
  return missing && refuse('code_exhausted', { promotionCode: missing.code, reason: missing.reason, path: '/codes' })
}
