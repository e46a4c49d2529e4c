// How many there are for whom. Stock that is held for an unpaid order counts as taken for everybody but the cart that holds it, so nobody is
// blocked by their own unfinished payment (CON-7). Holds end by time; an order that is placed takes the stock for good.
import type { PricedLine } from './pricing.ts'

/** A hold on some pieces of a sku until `expiresAt` (ms). `holder` is the cart's id, or the order's where there is no cart. */
export interface Hold {
  readonly holder: string
  readonly quantity: number
  readonly expiresAt: number
}

/** The stock of a tracked sku that is not sold beyond zero, with the holds on it. */
export interface StockLevel {
  readonly onHand: number
  readonly holds: readonly Hold[]
}

/** How many pieces `holder` may have now; never negative. */
export function availableTo(holder: string, level: StockLevel, now: number): number {
  let held = 0
  for (const hold of level.holds) if (hold.holder !== holder && hold.expiresAt > now) held += hold.quantity
  return Math.max(0, level.onHand - held)
}

/** How many of each sku lines need together (two lines of one sku are summed, CON-6), in order of sku: the order in which rows are locked. */
export function demandOf(lines: readonly Pick<PricedLine, 'sku' | 'quantity'>[]): [sku: string, quantity: number][] {
  const demand = new Map<string, number>()
  for (const line of lines) if (line.sku !== null) demand.set(line.sku, (demand.get(line.sku) ?? 0) + line.quantity)
  return [...demand].sort(([a], [b]) => (a < b ? -1 : 1))
}
