// Guest carts into an account's cart, with a report per line. Nothing is dropped: quantities of equal lines are added (SEED3-07), limits are
// applied afterwards and reported, sold-out lines come along and block only ordering (SEED3-11). Two carts with lines in different
// currencies are not merged (SEED3-09); an empty side takes the other's currency (C29).

import type { Attributes } from './attributes.ts'
import { bytesOf, type Cart, LIMITS, type Line, repeatedNote, requireOpen, type SavedLine } from './cart.ts'
import type { Facts } from './facts.ts'
import { type Refusal, refuse } from './refusal.ts'

/** What became of a guest's line. `asked` is what it brought, `got` the quantity that the line has now. */
export interface MergedLine {
  readonly from: string
  readonly lineId: string
  readonly outcome: 'added' | 'combined' | 'clamped' | 'rejected'
  readonly asked: number
  readonly got: number
  readonly code?: string
}

/** The account's cart after merging, and what became of each guest line. */
export interface MergeDecision {
  readonly cart: Cart
  readonly report: readonly MergedLine[]
}

/** Merges guest carts, in the order given, into the account's cart. Refuses as a whole or changes as a whole. */
export function mergeCarts(account: Cart, guests: readonly Cart[], facts: Facts): MergeDecision | Refusal {
  const closed = requireOpen(account)
  if (closed) return closed
  if (account.owner.kind !== 'account') return refuse('merge_forbidden', { reason: 'target_is_not_an_account_cart', cartId: account.id })
  let cart = account
  const report: MergedLine[] = []
  for (const guest of guests) {
    const guestClosed = requireOpen(guest)
    if (guestClosed) return guestClosed
    if (guest.owner.kind !== 'guest') return refuse('merge_forbidden', { reason: 'source_is_not_a_guest_cart', cartId: guest.id })
    if (guest.lines.length > 0 && cart.lines.length > 0 && guest.currency !== cart.currency) {
      return refuse('currency_mismatch', { cartCurrency: cart.currency, currencies: [guest.currency], cartId: guest.id })
    }
    cart = mergeOne(cart, guest, facts, report)
  }
  return { cart, report }
}

function mergeOne(account: Cart, guest: Cart, facts: Facts, report: MergedLine[]): Cart {
  const lines = [...account.lines]
  const quantityMax = Math.min(facts.shop.settings.lines.quantityMax, LIMITS.quantity)
  const linesMax = Math.min(facts.shop.settings.lines.max, LIMITS.lines)
  const aside: SavedLine[] = []
  for (const line of guest.lines) {
    const index = lines.findIndex((candidate) => candidate.key === line.key)
    const existing = lines[index]
    if (!existing && lines.length >= linesMax) {
      // Over the limit of lines: kept aside rather than lost (C27).
      aside.push({ ...line, currency: guest.currency })
      report.push({ from: guest.id, lineId: line.id, outcome: 'rejected', asked: line.quantity, got: 0, code: 'too_many_lines' })
      continue
    }
    const wanted = line.quantity + (existing?.quantity ?? 0)
    const got = wanted <= quantityMax ? wanted : Math.max(existing?.quantity ?? 0, inSteps(quantityMax, line, facts))
    const merged: Line = { ...(existing ?? line), quantity: got, note: repeatedNote(existing?.note ?? null, line.note, 'append') }
    if (existing) lines[index] = merged
    else lines.push(merged)
    const outcome = got < wanted ? 'clamped' : existing ? 'combined' : 'added'
    report.push({ from: guest.id, lineId: merged.id, outcome, asked: line.quantity, got })
  }
  const codes = [...new Set([...account.codes, ...guest.codes])].slice(0, Math.min(facts.shop.settings.promotions.maxCodes, LIMITS.codes))
  return {
    ...account,
    lines,
    codes,
    ...mergedCurrency(account, guest),
    savedLines: [...account.savedLines, ...guest.savedLines, ...aside].slice(0, LIMITS.lines),
    attributes: boundedUnion(account.attributes, guest.attributes),
    // What identifies the customer is the account's unless it has none (C28).
    email: account.email ?? guest.email,
    shippingAddress: account.shippingAddress ?? guest.shippingAddress,
    billingAddress: account.billingAddress ?? guest.billingAddress,
    billingSameAsShipping: account.billingAddress ? account.billingSameAsShipping : guest.billingSameAsShipping,
    shippingMethod: account.shippingMethod ?? guest.shippingMethod,
    note: account.note ?? guest.note,
  }
}

/** Union of attributes; on a conflict the guest's value wins (SEED3-12). */
function boundedUnion(account: Attributes, guest: Attributes): Attributes {
  const union = { ...account, ...guest }
  return bytesOf(union) > LIMITS.attributesBytes ? account : union
}

/** The currency of the side that has lines; where both are empty the account's stays (C29, SEED3-10). */
function mergedCurrency(account: Cart, guest: Cart): Pick<Cart, 'currency' | 'currencyChosen'> {
  const { currency, currencyChosen } = account.lines.length === 0 && guest.lines.length > 0 ? guest : account
  return { currency, currencyChosen }
}

/** The largest quantity up to `max` in which the item is sold; `max` itself where there is none, for ordering to refuse. */
function inSteps(max: number, line: Line, facts: Facts): number {
  const step = (line.sku === null ? undefined : facts.variants.get(line.sku)?.quantityStep) ?? 1
  return max - (max % step) || max
}
