// Buying again what was bought: which lines of an order may go into a cart, and what became of each. Nothing of the old price is kept; the report
// says what differs.
import { addLines, type Cart, clearLines, type Decision, type LineRequest, type LineResult } from './cart.ts'
import type { Facts } from './facts.ts'
import type { Money } from './money.ts'
import type { Order, OrderLine } from './order.ts'
import type { PricedCart } from './pricing.ts'
import { isRefusal, type Refusal } from './refusal.ts'

/** Why a line is not bought again. */
export type SkipReason = 'gift' | 'custom_item' | 'custom_price' | 'cancelled' | 'other_currency'

/** What became of a line of the order. */
export interface ReorderedLine {
  /** The order's line. */
  readonly lineId: string
  readonly sku: string | null
  readonly name: string
  readonly outcome: 'added' | 'clamped' | 'unavailable' | 'skipped'
  /** Pieces that were bought and not cancelled. */
  readonly asked: number
  /** Pieces that the cart has more. */
  readonly got: number
  /** Why it is less: the reason of a line that was skipped, else the code of what was refused or told. */
  readonly code: string | null
  /** The price of a piece in the order. */
  readonly priceThen: Money
  /** In the cart, where the line is in it. */
  readonly priceNow: Money | null
}

/** A line that is put into the cart; `index` is its place in the order. */
export interface Wanted {
  readonly index: number
  readonly request: LineRequest
}

/** Pieces of a line that were bought and not cancelled. */
function piecesOf({ quantity, cancelledQuantity }: OrderLine): number {
  return quantity - cancelledQuantity
}

/** Why a line of an order is not bought again, as far as the order alone tells. */
function skipped(line: OrderLine): SkipReason | null {
  if (line.giftOf !== null) return 'gift'
  if (line.sku === null) return 'custom_item'
  if (line.priceSource !== 'catalog' || line.taxSource !== 'rates') return 'custom_price'
  return piecesOf(line) <= 0 ? 'cancelled' : null
}

/** The lines of an order that can be bought again, as somebody would add them to a cart. `newId` names each line that may be made. */
export function wantedOf({ lines }: Pick<Order, 'lines'>, newId: () => string): Wanted[] {
  return lines.flatMap((line, index) => {
    if (skipped(line) !== null || line.sku === null) return []
    const { sku, options, attributes, note, amount, plan } = line
    const details = { note: note ?? undefined, amount: amount?.amount, plan: plan ?? undefined }
    return [{ index, request: { id: newId(), sku, quantity: piecesOf(line), options, attributes, ...details } }]
  })
}

/**
 * Adds what is wanted to a cart, or puts it in the place of what is there. Results name lines by their place in the order. Where nothing at all can be
 * added the cart stays as it is, and the results say why. An amount that the shopper chose means something in its own currency only: in a cart
 * with another one such lines are left out.
 */
export function reorderInto(
  cart: Cart,
  input: { order: Pick<Order, 'currency'>; wanted: readonly Wanted[]; mode: 'add' | 'replace' },
  facts: Facts,
): Decision | Refusal {
  const cleared = input.mode === 'replace' ? clearLines(cart) : { cart }
  if (isRefusal(cleared)) return cleared
  const base = cleared.cart
  const put = (wanted: readonly Wanted[], currency: { readonly currency?: string } = {}) =>
    addLines(base, { lines: wanted.map(({ request }) => request), ...currency }, facts)
  let wanted = input.wanted
  // A cart that has no currency of its own yet gets that of the order, if anything can be bought in it.
  const isFree = base.lines.length === 0 && !base.currencyChosen && facts.shop.settings.currency.source.includes('explicit')
  let decided = put(wanted, isFree ? { currency: input.order.currency } : {})
  if (isFree && isRefusal(decided)) decided = put(wanted)
  const became = isRefusal(decided) ? base.currency : decided.cart.currency
  if (became !== input.order.currency && wanted.some(({ request }) => request.amount !== undefined)) {
    wanted = wanted.filter(({ request }) => request.amount === undefined)
    decided = put(wanted)
  }
  const results = (decided as { readonly results?: readonly LineResult[] }).results
  if (!results) return decided
  const placed = results.map((result, at) => ({ ...result, index: wanted[at]?.index ?? -1 }))
  return { cart: isRefusal(decided) || placed.length === 0 ? cart : decided.cart, results: placed }
}

/** What became of every line of an order, from the results of adding and the cart as it is now. */
export function reorderReport(
  { lines }: Pick<Order, 'lines'>,
  results: readonly LineResult[],
  cart: Pick<PricedCart, 'lines'>,
): ReorderedLine[] {
  const byPlace = new Map(results.map((result) => [result.index, result]))
  const inCart = new Map(cart.lines.map((line) => [line.id, line]))
  return lines.map((line, index) => {
    const { id: lineId, sku, name, unitPrice: priceThen } = line
    const base = { lineId, sku, name, asked: Math.max(piecesOf(line), 0), priceThen }
    const result = byPlace.get(index)
    const reason = skipped(line) ?? (result ? null : 'other_currency')
    if (reason !== null || !result) return { ...base, outcome: 'skipped', got: 0, code: reason, priceNow: null }
    // What a result names are the pieces of the cart's line, which may have had some before.
    const got = result.got === 0 ? 0 : Math.max(base.asked - (result.asked - result.got), 0)
    const priceNow = inCart.get(result.lineId ?? '')?.unitPrice ?? null
    if (!result.ok || got === 0) return { ...base, outcome: 'unavailable', got, code: result.code ?? 'insufficient_stock', priceNow }
    if (got < base.asked) return { ...base, outcome: 'clamped', got, code: result.code ?? 'quantity_reduced', priceNow }
    return { ...base, outcome: 'added', got, code: null, priceNow }
  })
}
