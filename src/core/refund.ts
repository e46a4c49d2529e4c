// What may be given back of an order: from what each line cost its customer when it was bought, never from prices or promotions of today. A line's
// share is what is left of it after every discount, with the taxes that came on top of it; what the lines do not make up is shipping. Shares
// of all lines and of shipping sum to the order's total, and a line's pieces, given back in any portions, to the line's share.
import type { Adjustment } from './adjustment.ts'
import { cancellableQuantity } from './fulfilment.ts'
import { shareOf } from './money.ts'
import { fulfilmentStateOf, type Order, type OrderLine } from './order.ts'
import type { Return } from './payment.ts'
import { isRefusal, type Refusal, refuse } from './refusal.ts'

/** What of one line a refund gives back: so many pieces, and what they cost (minor units). `restocked`: they went back into stock. */
export interface RefundedLine {
  readonly lineId: string
  readonly quantity: number
  readonly amount: number
  readonly restocked: boolean
}

/** What a refund is for; what its amount is beyond that, staff decided freely. Minor units. */
export interface RefundContent {
  readonly lines: readonly RefundedLine[]
  readonly shipping: number
  /** How much of its amount was money that the order did not cost; absent: nothing. */
  readonly overpaid?: number
}

/** So many refunds an order may have: all of them are served with it. */
const REFUNDS_MAX = 1000

/** A refund that is for nothing in particular. */
export const NO_CONTENT: RefundContent = { lines: [], shipping: 0 }

/**
 * A refund as far as the next one is concerned. One that is made of several payments is a group, whose first refund has the content: it counts
 * while one of the group is on its way or done.
 */
export interface PastRefund extends Return {
  readonly id: string
  readonly groupId: string
  readonly content: RefundContent
}

/** What staff wants to give back: pieces of lines, shipping (all that is left of it, or an amount), and a free amount on top. Minor units. */
export interface WantedRefund {
  readonly lines?: readonly { readonly lineId: string; readonly quantity: number; readonly restock?: boolean }[]
  readonly shipping?: true | { readonly amount: number }
  readonly amount?: number
  /** Whether pieces go back into stock where their line does not say. */
  readonly restock?: boolean
}

/** Pieces of lines. */
export type Pieces = readonly { readonly lineId: string; readonly quantity: number }[]

/** A payment of which something may be given back; minor units. */
export interface PaymentLeft {
  readonly paymentId: string
  readonly left: number
}

type SharedLine = Pick<OrderLine, 'total' | 'adjustments' | 'state'>

// What everything cost ----------------------------------------------------------------------------------------------------------------

/** What a line cost its customer, in minor units >= 0: what discounts left of it, with the taxes that came on top. */
export function lineShare({ total, adjustments, state }: SharedLine): number {
  if (state === 'UNAVAILABLE') return 0
  return adjustments.reduce((sum, each) => (isAddedTax(each) ? sum + each.amount.amount : sum), total.amount)
}

/** What shipping cost, with its taxes: what the lines do not make up of the total. */
export function shippingShare({ total, lines }: Pick<Order, 'total'> & { readonly lines: readonly SharedLine[] }): number {
  return lines.reduce((rest, line) => rest - lineShare(line), total.amount)
}

function isAddedTax({ type, included }: Adjustment): boolean {
  return type === 'tax' && !included
}

/**
 * What an order no longer costs, because it was cancelled or because pieces of its lines were, in minor units. What it costs now is its total less
 * this; the total itself says what was bought and never changes with it.
 */
export function cancelledAmount({ state, total, lines }: Pick<Order, 'state' | 'total' | 'lines'>): number {
  if (state === 'CANCELLED') return total.amount
  return lines.reduce((sum, line) => sum + shareOf(lineShare(line), line.cancelledQuantity, line.quantity), 0)
}

// What was given back already ---------------------------------------------------------------------------------------------------------

/** How many pieces of a line were given back, or are on their way, and what they came to (minor units). */
export function refundedOf(lineId: string, refunds: readonly PastRefund[]): { readonly quantity: number; readonly amount: number } {
  let quantity = 0
  let amount = 0
  for (const { content } of standing(refunds)) {
    for (const line of content.lines) {
      if (line.lineId !== lineId) continue
      quantity += line.quantity
      amount += line.amount
    }
  }
  return { quantity, amount }
}

/**
 * What of an order its customer need not pay any more although it was not cancelled: what went back for pieces and for shipping, or out of goodwill, in
 * minor units. Money that went back because it was too much, or for cancelled pieces, is not of it: that is owed again when the order costs more. Nor is
 * what went back for shipping that the order no longer costs.
 */
export function forgivenAmount({ lines, total }: Pick<Order, 'lines' | 'total'>, refunds: readonly PastRefund[]): number {
  const counted = standing(refunds)
  const ofLines = lines.map((line) => ({ line, amount: refundedOf(line.id, counted).amount }))
  const forPieces = counted.reduce((sum, { content }) => content.lines.reduce((all, { amount }) => all + amount, sum), 0)
  const back = counted.reduce((sum, each) => (each.state === 'FAILED' ? sum : sum + each.amount), 0)
  const overpaid = counted.reduce((sum, { content }) => sum + (content.overpaid ?? 0), 0)
  const unshipped = Math.max(0, shippingRefunded(counted) - Math.max(0, shippingShare({ total, lines })))
  const besides = Math.max(0, back - forPieces - overpaid - unshipped)
  return ofLines.reduce(
    (sum, { line, amount }) => sum + Math.max(0, amount - shareOf(lineShare(line), line.cancelledQuantity, line.quantity)),
    besides,
  )
}

function standing(refunds: readonly PastRefund[]): PastRefund[] {
  const groups = new Set(refunds.flatMap((each) => (each.state === 'FAILED' ? [] : [each.groupId])))
  return refunds.filter((each) => groups.has(each.groupId))
}

function shippingRefunded(refunds: readonly PastRefund[]): number {
  return standing(refunds).reduce((sum, { content }) => sum + content.shipping, 0)
}

/** Lines of which more pieces were given back than there are, or more than they cost; there is none unless something is wrong. */
export function overRefundedLines({ lines }: Pick<Order, 'lines'>, refunds: readonly PastRefund[]): string[] {
  return lines.flatMap((line) => {
    const { quantity, amount } = refundedOf(line.id, refunds)
    return quantity > line.quantity || amount > lineShare(line) ? line.id : []
  })
}

/**
 * What so many further pieces of a line come to. Of all pieces given back together it is their part of the line's share, rounded down, so the last
 * piece brings what rounding kept: every way through a line ends at its share.
 */
function piecesAmount(line: OrderLine, quantity: number, refunds: readonly PastRefund[]): number {
  const before = refundedOf(line.id, refunds)
  return Math.max(0, shareOf(lineShare(line), before.quantity + quantity, line.quantity) - before.amount)
}

// What is given back now --------------------------------------------------------------------------------------------------------------

/** What a refund is for and what it comes to, or why it cannot be. Whether there is as much money is another question: `takenFrom`. */
export function refundOf(
  order: Pick<Order, 'id' | 'total' | 'lines'>,
  refunds: readonly PastRefund[],
  wanted: WantedRefund,
): { readonly content: RefundContent; readonly amount: number } | Refusal {
  if (refunds.length >= REFUNDS_MAX) return refuse('invalid', { path: '', reason: 'too_many_refunds', max: REFUNDS_MAX })
  const lines = wanted.lines === undefined ? [] : refundedLines(order, refunds, wanted.lines, wanted.restock === true)
  if (isRefusal(lines)) return lines
  const shipping = shippingOf(order, refunds, wanted.shipping)
  if (isRefusal(shipping)) return shipping
  const amount = lines.reduce((sum, line) => sum + line.amount, shipping) + (wanted.amount ?? 0)
  if (!Number.isSafeInteger(amount)) return refuse('amount_too_large', { path: '/amount' })
  if (amount === 0) return refuse('invalid', { path: '', reason: 'nothing_to_give_back' })
  return { content: { lines, shipping }, amount }
}

function refundedLines(
  { lines, id: orderId }: Pick<Order, 'id' | 'lines'>,
  refunds: readonly PastRefund[],
  wanted: NonNullable<WantedRefund['lines']>,
  restockAll: boolean,
): RefundedLine[] | Refusal {
  const refunded: RefundedLine[] = []
  for (const [index, { lineId, quantity, restock = restockAll }] of wanted.entries()) {
    const path = `/lines/${index}`
    const line = lines.find((each) => each.id === lineId)
    if (!line) return refuse('line_not_found', { lineId, orderId, path })
    if (wanted.findIndex((each) => each.lineId === lineId) !== index) return refuse('invalid', { path, reason: 'same_line_twice' })
    const left = line.quantity - refundedOf(lineId, refunds).quantity
    if (quantity > left) return refuse('pieces_not_left', { lineId, asked: quantity, left, reason: 'refunded', path })
    const away = line.quantity - line.restockedQuantity
    if (restock && quantity > away) return refuse('pieces_not_left', { lineId, asked: quantity, left: away, reason: 'restocked', path })
    refunded.push({ lineId, quantity, amount: piecesAmount(line, quantity, refunds), restocked: restock })
  }
  return refunded
}

function shippingOf(
  order: Pick<Order, 'total' | 'lines'>,
  refunds: readonly PastRefund[],
  wanted: WantedRefund['shipping'],
): number | Refusal {
  if (wanted === undefined) return 0
  const left = Math.max(0, shippingShare(order) - shippingRefunded(refunds))
  const asked = wanted === true ? left : wanted.amount
  return asked > left ? refuse('refund_exceeds_payment', { asked, left, of: 'shipping', path: '/shipping' }) : asked
}

/** From which payments an amount goes back, in the order given; refused with what is left where it is more than all of them have. */
export function takenFrom(amount: number, payments: readonly PaymentLeft[]): PaymentLeft[] | Refusal {
  let open = amount
  const taken: PaymentLeft[] = []
  for (const { paymentId, left } of payments) {
    const part = Math.min(open, Math.max(0, left))
    if (part > 0) taken.push({ paymentId, left: part })
    open -= part
  }
  return open > 0 ? refuse('refund_exceeds_payment', { asked: amount, left: amount - open }) : taken
}

/**
 * Why a failed refund cannot be tried again under its own id, or null: what it was for was given back by others meanwhile. Its amount is what it was,
 * so it must not be the last of a line and leave a rest there.
 */
export function retryRefusal(
  order: Pick<Order, 'total' | 'lines'>,
  refunds: readonly PastRefund[],
  failed: Pick<PastRefund, 'groupId'>,
): Refusal | null {
  const group = refunds.filter((each) => each.groupId === failed.groupId)
  if (group.some((each) => each.state !== 'FAILED')) return null
  for (const { content } of group) {
    for (const { lineId, quantity, amount } of content.lines) {
      const line = order.lines.find((each) => each.id === lineId)
      const before = refundedOf(lineId, refunds)
      const left = (line?.quantity ?? 0) - before.quantity
      const rest = line ? lineShare(line) - before.amount : 0
      const fits = quantity < left ? amount <= rest : quantity === left && amount === rest
      if (!fits) return refuse('pieces_not_left', { lineId, asked: quantity, left, reason: 'refunded' })
    }
    const left = shippingShare(order) - shippingRefunded(refunds)
    if (content.shipping > left) return refuse('refund_exceeds_payment', { asked: content.shipping, left, of: 'shipping' })
  }
  return null
}

// Cancelling pieces -------------------------------------------------------------------------------------------------------------------

/** The pieces that go back into stock when everything open is cancelled: those that are not there already. */
export function piecesToRestock(lines: readonly OrderLine[]): OrderLine[] {
  return lines.map((line) => ({
    ...line,
    quantity: Math.max(0, Math.min(cancellableQuantity(line), line.quantity - line.restockedQuantity)),
  }))
}

/** Whether nothing would be left of an order without these pieces: nothing open, and nothing handed over. */
export function isEverything(lines: readonly OrderLine[], pieces: Pieces): boolean {
  const cancelled = (id: string) => pieces.reduce((sum, each) => (each.lineId === id ? sum + each.quantity : sum), 0)
  return lines.every((line) => line.fulfilledQuantity === 0 && cancelled(line.id) === cancellableQuantity(line))
}

/** An order without some of its pieces, and what of it is given back for them: what was given back for them before is not given back again. */
export function withoutPieces(
  order: Pick<Order, 'id' | 'total' | 'lines'>,
  pieces: Pieces,
  refunds: readonly PastRefund[],
  restock: boolean,
): (Pick<Order, 'lines' | 'fulfilmentState'> & { readonly content: RefundContent }) | Refusal {
  const lines = [...order.lines]
  const refunded: RefundedLine[] = []
  for (const [index, { lineId, quantity }] of pieces.entries()) {
    const path = `/lines/${index}`
    const at = lines.findIndex((each) => each.id === lineId)
    const line = lines[at]
    if (!line) return refuse('line_not_found', { lineId, orderId: order.id, path })
    const left = cancellableQuantity(line)
    if (quantity > left) return refuse('pieces_not_left', { lineId, asked: quantity, left, reason: 'cancelled_or_fulfilled', path })
    const cancelledQuantity = line.cancelledQuantity + quantity
    const before = refundedOf(lineId, refunds).quantity
    const owed = cancelledQuantity - Math.max(line.cancelledQuantity, before)
    if (owed > 0) refunded.push({ lineId, quantity: owed, amount: piecesAmount(line, owed, refunds), restocked: restock })
    const back = restock ? Math.min(quantity, line.quantity - line.restockedQuantity) : 0
    lines[at] = { ...line, cancelledQuantity, restockedQuantity: line.restockedQuantity + back }
    if (pieces.findIndex((each) => each.lineId === lineId) !== index) return refuse('invalid', { path, reason: 'same_line_twice' })
  }
  return { lines, fulfilmentState: fulfilmentStateOf(lines), content: { lines: refunded, shipping: 0 } }
}

/** Lines after pieces of them went back into stock. */
export function withRestocked(lines: readonly OrderLine[], refunded: readonly RefundedLine[]): OrderLine[] {
  return lines.map((line) => {
    const back = refunded.find((each) => each.lineId === line.id && each.restocked)
    return back ? { ...line, restockedQuantity: line.restockedQuantity + back.quantity } : line
  })
}

/** The pieces (as `quantity`) that went back into stock from one state of the same lines to the next. */
export function restockedSince(before: readonly OrderLine[], after: readonly OrderLine[]): OrderLine[] {
  return after.map((line, index) => ({ ...line, quantity: line.restockedQuantity - (before[index]?.restockedQuantity ?? 0) }))
}
