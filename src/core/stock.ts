// How many there are for whom. Stock that is held for an unpaid order counts as taken for everybody but the cart that holds it, so nobody is
// blocked by their own unfinished payment (CON-7). Holds end by time; an order that is placed takes the stock for good.
import type { PricedLine } from './pricing.ts'
import type { Part } from './product.ts'

/**
 * A hold on some pieces of a sku until `expiresAt` (ms). `holder` is the id of the cart that an unpaid order is of, or the order's where there is no
 * cart; what a cart holds without an order has `cartHolder` of it. `owner` is whose they are.
 */
export interface Hold {
  readonly holder: string
  readonly owner: string
  readonly quantity: number
  readonly expiresAt: number
}

/** The stock of a tracked sku that is not sold beyond zero, with the holds on it. */
export interface StockLevel {
  readonly onHand: number
  readonly holds: readonly Hold[]
}

/** Ends the holder of what a cart holds by itself (`inventory.reserve` = cart), beside what its unpaid order holds. */
const BY_ITSELF = '+'

/** Under which name a cart holds what is in it and not in its unpaid order. */
export function cartHolder(cartId: string): string {
  return `${cartId}${BY_ITSELF}`
}

/** Whether one of these carts or orders has the hold, by itself or for its unpaid order. */
export function isHeldBy(holders: readonly string[], { holder }: Hold): boolean {
  return holders.includes(holder.endsWith(BY_ITSELF) ? holder.slice(0, -BY_ITSELF.length) : holder)
}

/** How many pieces an owner holds by other carts and orders than these. */
export function heldElsewhere(owner: string, holders: readonly string[], level: StockLevel, now: number): number {
  const elsewhere = level.holds.filter((hold) => hold.owner === owner && hold.expiresAt > now && !isHeldBy(holders, hold))
  return elsewhere.reduce((held, hold) => held + hold.quantity, 0)
}

/** How many pieces these holders may have now; never negative. */
export function availableTo(holders: readonly string[], level: StockLevel, now: number): number {
  let held = 0
  for (const hold of level.holds) if (hold.expiresAt > now && !isHeldBy(holders, hold)) held += hold.quantity
  return Math.max(0, level.onHand - held)
}

/** How many bundles the parts at hand make; undefined when none of them is counted. `of` says how many there are of a sku. */
export function bundlesOf(parts: readonly Part[], of: (sku: string) => number | undefined): number | undefined {
  const counted = parts.flatMap(({ sku, quantity }) => {
    const available = of(sku)
    return available === undefined ? [] : [Math.floor(available / quantity)]
  })
  return counted.length === 0 ? undefined : Math.min(...counted)
}

/** How many of each sku lines need together (two lines of one sku are summed, CON-6; a bundle needs its parts), in order of sku: the order in which rows are locked. */
export function demandOf(lines: readonly Pick<PricedLine, 'sku' | 'quantity' | 'parts'>[]): [sku: string, quantity: number][] {
  const demand = new Map<string, number>()
  for (const line of lines) {
    const parts = line.parts.length > 0 ? line.parts : line.sku === null ? [] : [{ sku: line.sku, quantity: 1 }]
    for (const part of parts) demand.set(part.sku, (demand.get(part.sku) ?? 0) + part.quantity * line.quantity)
  }
  return [...demand].sort(([a], [b]) => (a < b ? -1 : 1))
}
