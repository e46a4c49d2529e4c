// One line of an order becomes two, so that its pieces can go different ways. Every amount is divided so that the two sum to what was there, exactly,
// and neither is below zero; what nobody may split off was cancelled, handed over or given back.
import type { Adjustment } from './adjustment.ts'
import { LIMITS } from './cart.ts'
import { cancellableQuantity } from './fulfilment.ts'
import { shareOf } from './money.ts'
import type { OrderLine } from './order.ts'
import { lineShare, type PastRefund, refundedOf } from './refund.ts'
import { type Refusal, refuse } from './refusal.ts'

/** The lines of an order of which one gives `quantity` pieces to a new one, which follows it. */
export function splitLine(
  lines: readonly OrderLine[],
  lineId: string,
  quantity: number,
  newId: string,
  refunds: readonly PastRefund[],
): OrderLine[] | Refusal {
  const line = lines.find((each) => each.id === lineId)
  if (!line) return refuse('line_not_found', { lineId })
  if (lines.length >= LIMITS.lines) return refuse('too_many_lines', { max: LIMITS.lines })
  const refunded = refundedOf(lineId, refunds)
  // Pieces that were given back or put back into stock stay where they are counted, with one that was not: it brings what rounding kept of theirs.
  const free = line.quantity - Math.max(refunded.quantity + 1, line.restockedQuantity)
  const left = Math.max(0, Math.min(cancellableQuantity(line), free))
  const refusal = refuse('pieces_not_left', { lineId, asked: quantity, left, path: '/quantity' })
  if (quantity > left) return refusal
  const [stays, goes] = divided(line, quantity, newId)
  if (refunded.amount > lineShare(stays)) return refusal
  return lines.flatMap((each) => (each === line ? [stays, goes] : each))
}

function divided(line: OrderLine, quantity: number, newId: string): [OrderLine, OrderLine] {
  const { currency } = line.total
  const part = (amount: number) => shareOf(amount, quantity, line.quantity)
  const parts = partsOf(line, part)
  const going = (amount: number) => ({ amount, currency })
  const discount = sumOf(line.adjustments, parts, ({ type }) => type === 'promotion')
  const itemTotal = part(line.itemTotal.amount)
  const total = itemTotal + discount
  const goes: OrderLine = {
    ...line,
    id: newId,
    quantity,
    itemTotal: going(itemTotal),
    discountTotal: going(discount),
    total: going(total),
    adjustments: line.adjustments.map((each, index) => ({ ...each, amount: going(parts[index] ?? 0), lineId: newId })),
    cancelledQuantity: 0,
    fulfilledQuantity: 0,
    restockedQuantity: 0,
  }
  const stays: OrderLine = {
    ...line,
    quantity: line.quantity - quantity,
    itemTotal: going(line.itemTotal.amount - itemTotal),
    discountTotal: going(line.discountTotal.amount - discount),
    total: going(line.total.amount - total),
    adjustments: line.adjustments.map((each, index) => ({ ...each, amount: going(each.amount.amount - (parts[index] ?? 0)) })),
  }
  return [stays, goes]
}

/**
 * How much of each adjustment goes. The running amount of the line is divided after each of them, and what it changed by is their part: rounding each
 * by itself, several small discounts could take more from one side than it costs. What a price contains runs by itself.
 */
function partsOf({ itemTotal, adjustments }: OrderLine, part: (amount: number) => number): number[] {
  const running = { price: itemTotal.amount, contained: 0 }
  const parts = adjustments.map(() => 0)
  const promotionsFirst = [...adjustments.entries()].sort(([, a], [, b]) => rank(a) - rank(b))
  for (const [index, each] of promotionsFirst) {
    const kind = each.included ? 'contained' : 'price'
    const before = part(running[kind])
    running[kind] += each.amount.amount
    parts[index] = part(running[kind]) - before
  }
  return parts
}

function rank({ type }: Adjustment): number {
  return type === 'promotion' ? 0 : 1
}

function sumOf(adjustments: readonly Adjustment[], parts: readonly number[], isMeant: (each: Adjustment) => boolean): number {
  return adjustments.reduce((sum, each, index) => (isMeant(each) ? sum + (parts[index] ?? 0) : sum), 0)
}
