// Lines that leave a cart and come back: set aside and restored, or copied from another cart. Coming back is adding: through the same checks, with a
// result that says what became of each.
import {
  addLines,
  type Cart,
  type Decision,
  LIMITS,
  type Line,
  type LineRequest,
  type LineResult,
  removeLine,
  requireOpen,
  separateOf,
} from './cart.ts'
import type { Facts } from './facts.ts'
import { isRefusal, type Refusal, refuse } from './refusal.ts'

/** Sets a line aside: it is no longer priced or ordered until it is brought back. */
export function saveLine(cart: Cart, input: { lineId: string }): Decision | Refusal {
  const removed = removeLine(cart, input)
  if (isRefusal(removed)) return removed
  if (cart.savedLines.length >= LIMITS.lines) return refuse('too_many_lines', { max: LIMITS.lines })
  const line = cart.lines.find((candidate) => candidate.id === input.lineId)
  return { cart: { ...removed.cart, savedLines: line ? [...cart.savedLines, { ...line, currency: cart.currency }] : cart.savedLines } }
}

/** Brings a saved line back through the same checks as adding it. A price of its own means nothing in another currency (MON-2). */
export function restoreLine(cart: Cart, input: { lineId: string }, facts: Facts): Decision | Refusal {
  const closed = requireOpen(cart)
  if (closed) return closed
  const saved = cart.savedLines.find((line) => line.id === input.lineId)
  if (!saved) return refuse('line_not_found', { lineId: input.lineId })
  if (saved.priceSource !== 'catalog' && saved.currency !== cart.currency)
    return refuse('currency_mismatch', { lineId: saved.id, cartCurrency: cart.currency, currencies: [saved.currency] })
  const added = addLines(cart, { lines: [requestOf(saved, saved.id)] }, facts)
  if (isRefusal(added)) return added
  return { ...added, cart: { ...added.cart, savedLines: cart.savedLines.filter((line) => line.id !== saved.id) } }
}

/** The request that asks for a line like this one, under the identity that it would get. */
function requestOf(line: Line, id: string): LineRequest {
  return {
    id,
    sku: line.sku ?? undefined,
    quantity: line.quantity,
    options: line.options,
    note: line.note ?? undefined,
    attributes: line.attributes,
    amount: line.amount ?? undefined,
    plan: line.plan ?? undefined,
    keepSeparate: separateOf(line.key) !== null,
    unitPrice: line.priceSource === 'external' ? (line.unitPrice ?? undefined) : undefined,
    inline: line.inline ?? undefined,
    taxes: line.taxes ?? undefined,
  }
}

/** Lines of another cart to add. `ids` are the identities that new lines get, one per line of that cart. */
export interface CopyRequest {
  readonly from: Cart
  /** Only these lines, in this order; all when absent. */
  readonly lineIds?: readonly string[] | undefined
  /** Whether the caller may set prices: else lines with a price or taxes of their own get those of the shop, and inline lines are refused. */
  readonly mayPrice: boolean
  readonly ids: readonly string[]
}

/**
 * Adds lines of another cart through the same checks as adding them (SEED4-77), with a result per line: what cannot be added is told, never
 * left out silently. A price of its own means nothing in another currency (MON-2).
 */
export function copyLines(cart: Cart, { from, lineIds, mayPrice, ids }: CopyRequest, facts: Facts): Decision | Refusal {
  const closed = requireOpen(cart)
  if (closed) return closed
  const known = new Map(from.lines.map((line, index) => [line.id, { line, id: ids[index] ?? line.id }]))
  const results: LineResult[] = []
  const wanted: { index: number; request: LineRequest }[] = []
  for (const [index, lineId] of (lineIds ?? [...known.keys()]).entries()) {
    const source = known.get(lineId)
    const refused = source ? uncopyable(source.line, from.currency, cart, mayPrice) : refuse('line_not_found', { lineId })
    if (refused || !source) {
      const detail = { ...(refused ?? refuse('line_not_found', { lineId })), path: `/lines/${index}` }
      results.push({ index, ok: false, asked: source?.line.quantity ?? 0, got: 0, code: detail.refused, detail })
      continue
    }
    const request = requestOf(source.line, source.id)
    wanted.push({ index, request: mayPrice ? request : { ...request, unitPrice: undefined, taxes: undefined } })
  }
  const added = wanted.length === 0 ? { cart } : addLines(cart, { lines: wanted.map((each) => each.request) }, facts)
  const own = (isRefusal(added) ? (added.results as readonly LineResult[] | undefined) : added.results) ?? []
  for (const result of own) {
    const index = wanted[result.index]?.index ?? result.index
    const detail = result.detail && { ...result.detail, path: (result.detail.path ?? '').replace(/^\/lines\/\d+/, `/lines/${index}`) }
    results.push({ ...result, index, ...(detail ? { detail } : {}) })
  }
  results.sort((a, b) => a.index - b.index)
  if (isRefusal(added)) return { ...added, results }
  const first = results.find((result) => !result.ok)?.detail
  return first && results.every((result) => !result.ok) ? { ...first, results } : { cart: added.cart, results }
}

function uncopyable(line: Line, currency: string, cart: Cart, mayPrice: boolean): Refusal | null {
  if (line.priceSource === 'inline' && !mayPrice) return refuse('custom_price_forbidden', { lineId: line.id })
  if (line.priceSource === 'catalog' || !mayPrice || currency === cart.currency) return null
  return refuse('currency_mismatch', { lineId: line.id, cartCurrency: cart.currency, currencies: [currency] })
}
