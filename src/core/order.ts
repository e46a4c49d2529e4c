// An order is what was bought, frozen: lines, adjustments and totals are copies of the priced cart at the moment of ordering and never change
// with the catalogue. It begins as NEW (awaiting payment: no number, no reference, not listed) and is *placed* when money is there.

import type { Adjustment } from './adjustment.ts'
import type { Attributes } from './attributes.ts'
import {
  type Address,
  amountRefusal,
  attributesOff,
  BLOCKING_NOTICES,
  type Cart,
  DRAFT_TYPE,
  type Line,
  type LineTax,
  mergedAttributes,
  notCartable,
  type Owner,
  quantityMaxOf,
} from './cart.ts'
import type { Facts } from './facts.ts'
import type { Fulfilment } from './fulfilment.ts'
import type { OrderPaymentState, PaymentAttemptState, Return } from './payment.ts'
import type { PricedCart, PricedLine, Totals } from './pricing.ts'
import type { CodeState } from './promoting.ts'
import { isTransient, REFUSALS, type Refusal, refuse } from './refusal.ts'
import type { Settings } from './settings.ts'

/** NEW → PLACED → COMPLETED; NEW → SUPERSEDED | EXPIRED | CANCELLED; SUPERSEDED | EXPIRED → PLACED by a late payment; PLACED → CANCELLED. */
export type OrderState = 'NEW' | 'PLACED' | 'COMPLETED' | 'SUPERSEDED' | 'EXPIRED' | 'CANCELLED'

/** How much of an order has left the house. An order without anything to hand over (no lines, or all cancelled) is FULFILLED. */
export type FulfilmentState = 'UNFULFILLED' | 'PARTIALLY_FULFILLED' | 'FULFILLED'

const MOVES: Readonly<Record<OrderState, readonly OrderState[]>> = {
  NEW: ['PLACED', 'SUPERSEDED', 'EXPIRED', 'CANCELLED'],
  SUPERSEDED: ['PLACED'],
  EXPIRED: ['PLACED'],
  PLACED: ['COMPLETED', 'CANCELLED'],
  COMPLETED: [],
  CANCELLED: [],
}

/** Whether an order may move from one state to another. */
export function orderMayMove(from: OrderState, to: OrderState): boolean {
  return MOVES[from].includes(to)
}

/** Whether an order was placed and has not ended: its money is owed. */
export function orderIsOwed(state: OrderState): boolean {
  return state === 'PLACED' || state === 'COMPLETED'
}

/** What was ordered: the frozen content. Two contents with the same hash are the same order. */
export interface OrderContent extends Totals {
  readonly currency: string
  readonly lines: readonly PricedLine[]
  readonly adjustments: readonly Adjustment[]
  readonly codes: readonly CodeState[]
  readonly email: string | null
  readonly shippingAddress: Address | null
  readonly billingAddress: Address | null
  readonly shippingMethod: string | null
  readonly customerGroups: readonly string[]
  readonly vatId: string | null
  readonly vatIdChecked: boolean
  readonly taxExempt: boolean
  readonly attributes: Attributes
  readonly note: string | null
}

/**
 * A line of an order: the priced line, frozen, with what became of its pieces since. Of `quantity` pieces `cancelledQuantity` will not be
 * delivered and `fulfilledQuantity` were; the rest is still to be handed over.
 */
export interface OrderLine extends PricedLine {
  readonly cancelledQuantity: number
  readonly fulfilledQuantity: number
  /** Pieces that went back into stock, when they were cancelled or with a refund. */
  readonly restockedQuantity: number
  /** Its tax category when it was ordered; null: it was not taxed. What a line without a catalogue entry is taxed by when taxes run again. */
  readonly taxCategory: string | null
  /** What one piece weighed. */
  readonly grams: number
  /** Taxes that a server set; null: as the shop's rates say. */
  readonly taxes: readonly LineTax[] | null
}

/** The format of order documents that this code writes. */
export const ORDER_FORMAT = 2

/** An order as it is kept; payments, refunds and history are rows of their own and join it when it is served. */
export interface Order extends Omit<OrderContent, 'lines'> {
  readonly format: typeof ORDER_FORMAT
  readonly id: string
  readonly number: string | null
  readonly shortNumber: string | null
  readonly reference: string | null
  readonly shopId: string
  readonly state: OrderState
  readonly paymentState: OrderPaymentState
  readonly fulfilmentState: FulfilmentState
  readonly status: string
  readonly isCompleted: boolean
  readonly cartId: string | null
  readonly whole: boolean
  /** The subscription that it begins (period 1) or goes on, and which of its periods it is for. */
  readonly subscriptionId: string | null
  readonly subscriptionPeriod: number | null
  readonly owner: Owner
  readonly lines: readonly OrderLine[]
  /** Who ordered: the customer, or staff or a server for the customer (SEED3-70); which key, its history says. */
  readonly placedBy: 'guest' | 'account' | 'server' | 'staff' | 'system'
  /** The language in which the customer is written to (BCP 47), or null: the shop's own. */
  readonly language: string | null
  readonly version: number
  /** Rises with every edit of its content by staff, from 1; earlier ones are kept. */
  readonly revision: number
  readonly createdAt: string
  readonly updatedAt: string
  readonly orderedAt: string | null
  readonly paidAt: string | null
  readonly completedAt: string | null
  readonly cancelledAt: string | null
  readonly expiresAt: string | null
}

/** What documents of format 1 did not say yet. */
const SINCE_FORMAT_2 = { placedBy: 'system', language: null, revision: 1, completedAt: null, cancelledAt: null } as const

/** What documents say since there are subscriptions. */
const OF_NO_SUBSCRIPTION = { subscriptionId: null, subscriptionPeriod: null } as const

/** An order as it was written by this or older code. */
export function liftOrder(document: Omit<Order, 'format'> & { readonly format?: number }): Order {
  if (document.format === ORDER_FORMAT && 'subscriptionId' in document) return document as Order
  if (document.format === ORDER_FORMAT) return { ...OF_NO_SUBSCRIPTION, ...document } as Order
  return { ...OF_NO_SUBSCRIPTION, ...SINCE_FORMAT_2, ...document, lines: orderLinesOf(document.lines), format: ORDER_FORMAT }
}

/**
 * Priced lines as lines of an order of which nothing was delivered yet. `known` is what they were priced from; without it, as in documents of
 * older formats, nobody knows what they are taxed by.
 */
export function orderLinesOf(
  lines: readonly PricedLine[],
  known: { readonly lines: readonly Line[]; readonly variants: Facts['variants'] } = NOTHING_KNOWN,
): OrderLine[] {
  const intents = new Map(known.lines.map((line) => [line.id, line]))
  return lines.map((line) => {
    const intent = intents.get(line.id)
    const variant = line.sku === null ? undefined : known.variants.get(line.sku)
    return {
      ...line,
      cancelledQuantity: 0,
      fulfilledQuantity: 0,
      restockedQuantity: 0,
      taxCategory: intent?.inline?.taxCategory ?? (variant?.taxable ? variant.taxCategory : null),
      grams: intent?.inline?.grams ?? variant?.grams ?? 0,
      taxes: intent?.taxes ?? null,
    }
  })
}

const NOTHING_KNOWN = { lines: [], variants: new Map() } as const

/** How much of an order was handed over, from its lines. */
export function fulfilmentStateOf(
  lines: readonly Pick<OrderLine, 'quantity' | 'cancelledQuantity' | 'fulfilledQuantity'>[],
): FulfilmentState {
  const isOver = lines.every((line) => line.fulfilledQuantity >= line.quantity - line.cancelledQuantity)
  if (isOver) return 'FULFILLED'
  return lines.some((line) => line.fulfilledQuantity > 0) ? 'PARTIALLY_FULFILLED' : 'UNFULFILLED'
}

/** A payment attempt as it is served with its order. */
export interface ServedPayment {
  readonly id: string
  readonly provider: string
  readonly state: PaymentAttemptState
  readonly amount: Amount
  /** What was taken of it. */
  readonly captured: Amount
  /** How it is paid by hand, what the customer is told to do then, and the words by which money was found that came. */
  readonly method: string | null
  readonly instructions: string | null
  readonly reference: string | null
  /** When money came last. */
  readonly paidAt: string | null
  readonly reason: string | null
  readonly createdAt: string
  readonly updatedAt: string
}

/** A refund as it is served with its order. */
export interface ServedRefund {
  readonly id: string
  /** The same for refunds that were asked for together, because one payment had not enough. */
  readonly groupId: string
  readonly paymentId: string
  readonly amount: Amount
  readonly state: Return['state']
  readonly reason: string | null
  readonly lines: readonly { readonly lineId: string; readonly quantity: number; readonly amount: Amount; readonly restocked: boolean }[]
  /** How much of it is for shipping. */
  readonly shipping: Amount
  /** Why it failed: a code; the words of the provider are in the order's history. */
  readonly failure: string | null
  /** Who asked for it; which key, the order's history says. */
  readonly by: Order['placedBy']
  readonly createdAt: string
}

/** Money on the wire. */
type Amount = { readonly amount: number; readonly currency: string }

/** An order as it is served. */
export interface ServedOrder extends Omit<Order, 'format'> {
  /** What was taken. */
  readonly paidTotal: Amount
  /** What went back of it. */
  readonly refundedTotal: Amount
  /** What the order no longer costs, because it or pieces of it were cancelled; `total` says what was bought. */
  readonly cancelledTotal: Amount
  /** What is still owed; below zero where more was taken than the order costs now. */
  readonly outstandingTotal: Amount
  readonly payments: readonly ServedPayment[]
  readonly fulfilments: readonly Fulfilment[]
  readonly refunds: readonly ServedRefund[]
}

/** The content an order of this priced cart has. */
export function contentOf(cart: PricedCart): OrderContent {
  const { currency, lines, adjustments, codes, email, shippingMethod, attributes, note } = cart
  const { customerGroups, vatId, vatIdChecked, taxExempt } = cart
  const { itemTotal, discountTotal, shippingTotal, includedTaxTotal, additionalTaxTotal, total } = cart
  const shippingAddress = cart.requiresShipping ? cart.shippingAddress : null
  const billingAddress = billingAddressOf(cart)
  return {
    currency,
    lines,
    adjustments,
    codes,
    email,
    shippingAddress,
    billingAddress,
    customerGroups,
    vatId,
    vatIdChecked,
    taxExempt,
    attributes,
    note,
    shippingMethod: cart.requiresShipping ? shippingMethod : null,
    itemTotal,
    discountTotal,
    shippingTotal,
    includedTaxTotal,
    additionalTaxTotal,
    total,
  }
}

/**
 * Everything that stands between this cart and an order, in order of precedence; empty when it can be ordered. `given`: attributes that come with the
 * request to order.
 */
export function orderBlockers(cart: Cart, priced: PricedCart, facts: Facts, given: Attributes = {}): Refusal[] {
  const { settings } = facts.shop
  const blockers: Refusal[] = []
  // Staff orders for whom they like: who has no account is no guest who ordered.
  const isGuests = cart.owner.kind === 'guest' && cart.type !== DRAFT_TYPE
  const login = isGuests && !settings.checkout.guest ? refuse('login_required', {}) : rechargeRefusal(cart.owner, priced.lines, settings)
  if (login) blockers.push(login)
  if (priced.lines.length === 0 && !settings.checkout.allowEmpty) blockers.push(refuse('cart_empty', { path: '/lines' }))
  for (const line of priced.lines) {
    if (line.state === 'UNAVAILABLE')
      blockers.push(refuse('line_unavailable', { lineId: line.id, sku: line.sku, path: `/lines/${line.id}` }))
  }
  blockers.push(...cart.lines.flatMap((line) => lineBlockers(line, cart.currency, facts)))
  for (const { code, path, params } of priced.notices) {
    const blocking = BLOCKING_NOTICES.find((each) => each === code)
    if (blocking) blockers.push(refuse(blocking, { path, ...params, ...(isTransient(blocking) ? { retryAfter: ASK_AGAIN_S } : {}) }))
  }
  for (const { id, code, path, requiresAck } of priced.notices) {
    if (requiresAck) blockers.push(refuse('notice_unacknowledged', { noticeId: id, noticeCode: code, path }))
  }
  for (const [sku, wanted] of wantedBySku(priced)) {
    const available = facts.stock.get(sku)
    if (available !== undefined && wanted > available)
      blockers.push(refuse('insufficient_stock', { sku, asked: wanted, available, path: `/skus/${sku}` }))
  }
  blockers.push(...missingDetails(priced, settings))
  const attributesRefused = attributesOff(orderAttributes(priced.attributes, given, settings), settings.attributes.order)
  if (attributesRefused) blockers.push(attributesRefused)
  return blockers.sort((a, b) => REFUSALS.indexOf(a.refused) - REFUSALS.indexOf(b.refused))
}

/** What the shop wants to know of every order and this cart does not say. */
function missingDetails(priced: PricedCart, settings: Settings): Refusal[] {
  const { requireEmail, requireShippingAddress, requireBillingAddress, requireShippingMethod } = settings.checkout
  const { shippingAddress, requiresShipping } = priced
  const isToBeChosen = requiresShipping && requireShippingMethod && priced.shippingMethod === null && offersShipping(settings)
  return [
    ...(requireEmail && priced.email === null ? [refuse('email_required', { path: '/email' })] : []),
    ...(requireShippingAddress && requiresShipping && shippingAddress === null
      ? [refuse('address_required', { path: '/shippingAddress' })]
      : []),
    ...(requireBillingAddress && billingAddressOf(priced) === null ? [refuse('address_required', { path: '/billingAddress' })] : []),
    ...(isToBeChosen ? [refuse('shipping_method_required', { path: '/shippingMethod' })] : []),
  ]
}

/**
 * The attributes of an order: those of its cart that the shop's schema of orders declares (all of them where it has none), and those that came with
 * the request to order; null takes one away.
 */
export function orderAttributes(cart: Attributes, given: Attributes, settings: Settings): Attributes {
  const schema = settings.attributes.order
  const declared = (schema?.properties ?? {}) as object
  const copied = schema === null ? cart : Object.fromEntries(Object.entries(cart).filter(([name]) => Object.hasOwn(declared, name)))
  return mergedAttributes(copied, given)
}

/** Where the bill goes: to its own address, or to where the goods go. */
function billingAddressOf(cart: Pick<PricedCart, 'billingSameAsShipping' | 'shippingAddress' | 'billingAddress'>): Address | null {
  return cart.billingSameAsShipping ? cart.shippingAddress : cart.billingAddress
}

/** A recharge credits the balance of an account: nobody can order one for a guest. */
export function rechargeRefusal(
  owner: Owner,
  lines: readonly Pick<PricedLine, 'id' | 'kind' | 'state'>[],
  { balance }: Settings,
): Refusal | null {
  const line = lines.find(({ kind, state }) => kind === 'recharge' && state === 'AVAILABLE')
  if (owner.kind === 'account' || !line || !balance.creditRecharges) return null
  return refuse('login_required', { reason: 'recharge_needs_account', lineId: line.id, path: `/lines/${line.id}` })
}

/** When who was told that an outside engine does not answer may try again. */
const ASK_AGAIN_S = 5

function offersShipping({ shipping }: Settings): boolean {
  return shipping.methods.length > 0 || shipping.provider !== null
}

function wantedBySku(priced: PricedCart): Map<string, number> {
  const wanted = new Map<string, number>()
  for (const { sku, quantity, state } of priced.lines) {
    if (sku !== null && state === 'AVAILABLE') wanted.set(sku, (wanted.get(sku) ?? 0) + quantity)
  }
  return wanted
}

/** What was right when the line was added may be wrong by now: steps, kinds and recharge amounts are checked again. */
function lineBlockers(line: Line, currency: string, facts: Facts): Refusal[] {
  const variant = line.sku === null ? undefined : facts.variants.get(line.sku)
  if (!variant) return []
  const path = `/lines/${line.id}`
  if (!facts.shop.settings.lines.allowKinds.includes(variant.kind)) return [{ ...notCartable(variant, facts), path }]
  if (line.quantity % variant.quantityStep !== 0) return [refuse('quantity_step', { sku: variant.sku, step: variant.quantityStep, path })]
  if (line.quantity < variant.quantityMin) return [refuse('quantity_too_small', { sku: variant.sku, min: variant.quantityMin, path })]
  const max = quantityMaxOf(variant, facts)
  if (line.quantity > max) return [refuse('quantity_too_large', { sku: variant.sku, max, path })]
  const wrong =
    variant.kind === 'recharge' && line.priceSource === 'catalog' ? amountRefusal(variant.recharge, line.amount, currency) : null
  return wrong ? [{ ...wrong, path }] : []
}

/** Some lines of a cart as a cart of their own, for ordering only them (SEED0-20); null when one of them is not there. */
export function partOf(cart: Cart, lineIds: readonly string[]): Cart | null {
  const lines = cart.lines.filter((line) => lineIds.includes(line.id))
  return lines.length === new Set(lineIds).size ? { ...cart, lines } : null
}

/** How many of which line an order took: what a cart is reduced by when the order is placed. */
export type OrderedLines = readonly { readonly id?: string; readonly key: string; readonly quantity: number }[]

/** The lines of a cart as they are remembered with its order. */
export function orderedLinesOf(cart: Cart): OrderedLines {
  return cart.lines.map(({ id, key, quantity }) => ({ id, key, quantity }))
}

/**
 * A cart's lines and saved lines without what was ordered. A line that was set aside since, by its owner or because a merge replaced it, leaves
 * from where it is now: an equal line that somebody else brought is not what was bought.
 */
export function afterOrder(cart: Pick<Cart, 'lines' | 'savedLines'>, ordered: OrderedLines): Pick<Cart, 'lines' | 'savedLines'> {
  const aside = new Map(cart.savedLines.map(({ id, key }) => [id, key]))
  const isAside = ({ id, key }: OrderedLines[number]) => id !== undefined && aside.get(id) === key
  const bought = new Map(ordered.filter(isAside).map(({ id, quantity }) => [id, quantity]))
  const savedLines = cart.savedLines.flatMap((line) => {
    const quantity = line.quantity - (bought.get(line.id) ?? 0)
    return quantity > 0 ? [{ ...line, quantity }] : []
  })
  return {
    lines: withoutOrdered(
      cart.lines,
      ordered.filter((each) => !isAside(each)),
    ),
    savedLines,
  }
}

/** A cart's lines without what was ordered, never below zero: what was added while paying stays (MON-8). */
export function withoutOrdered(lines: readonly Line[], ordered: OrderedLines): Line[] {
  const bought = new Map<string, number>()
  for (const { key, quantity } of ordered) bought.set(key, (bought.get(key) ?? 0) + quantity)
  return lines.flatMap((line) => {
    const quantity = line.quantity - (bought.get(line.key) ?? 0)
    return quantity > 0 ? [{ ...line, quantity }] : []
  })
}
