// Which promotions apply to a cart, and what they take off. They run in one fixed order (lane, priority, id), so the result never depends on the
// order in which anybody entered anything (PRO-3), and no benefit takes more than what is left, so nothing ever becomes negative (MON-6).
import { takeOff, type Work } from './adjustment.ts'
import type { Cart } from './cart.ts'
import type { CodeFacts, Facts } from './facts.ts'
import { allocate, percentOf, type Rounding } from './money.ts'
import { amountIn, asks, type Benefit, type Condition, inOrder, needsCode, type Promotion } from './promotion.ts'
import type { Trace } from './trace.ts'

/** A code on the cart: whether it applies now and, where the shop says so, why not. */
export interface CodeState {
  readonly code: string
  readonly applied: boolean
  readonly reason: string | null
}

/** A promotion that applies to shipping; what it takes is known when shipping has its price. */
export interface ShippingBenefit {
  readonly promotion: Promotion
  readonly code: string | null
}

/**
 * How much of what is left a price needs: `use:<promotion>`, `code:<CODE>`, `customer:<promotion>`, `budget:<promotion>:<currency>` and
 * `first_order`, how much is wanted, and whether there was enough. While each answer stays the same, so does the price.
 */
export type LimitsSeen = readonly (readonly [key: string, wanted: number, isEnough: boolean])[]

/** What promotions did to the lines, and what is still to be done to shipping. `discount` is <= 0. */
export interface Promoted {
  readonly discount: number
  readonly gifts: readonly Work[]
  readonly shipping: readonly ShippingBenefit[]
  readonly codes: readonly CodeState[]
  readonly limitsSeen: LimitsSeen
}

const NOTHING_PROMOTED: Promoted = { discount: 0, gifts: [], shipping: [], codes: [], limitsSeen: [] }

/** Applies promotions to what is sold, and tells which of them are for shipping. */
export function applyPromotions(cart: Cart, sold: readonly Work[], itemTotal: number, facts: Facts, trace: Trace | null): Promoted {
  if (facts.promotions.size === 0 && cart.codes.length === 0) return NOTHING_PROMOTED
  const quantity = sold.reduce((total, work) => total + work.line.quantity, 0)
  const view: View = { now: facts.now, currency: cart.currency, itemTotal, quantity }
  const limitsSeen: [string, number, boolean][] = []
  const codeOf = new Map<string, string>()
  const states = new Map<string, string | null>()
  for (const code of cart.codes) {
    const known = facts.codes.get(code)
    const reason = unusable(known, codeOf, facts)
    if (known?.usesLeft != null) limitsSeen.push([`code:${code}`, 1, known.usesLeft >= 1])
    states.set(code, reason)
    if (known && reason === null) codeOf.set(known.promotionId, code)
  }
  let discount = 0
  const shipping: ShippingBenefit[] = []
  for (const promotion of inOrder(facts.promotions.values())) {
    const code = codeOf.get(promotion.id) ?? null
    if (needsCode(promotion) && code === null) continue
    const spent = usedUp(promotion, facts, limitsSeen)
    let reason = spent ?? (sold.length === 0 ? 'empty' : ineligibility(promotion, view, facts))
    if (asks(promotion, 'first_order')) limitsSeen.push(['first_order', 1, facts.hasOrdered === false])
    const { budgetLeft = null } = facts.limits.get(promotion.id) ?? {}
    if (reason === null && budgetLeft !== null) {
      const wanted = discountFor(promotion, view, itemTotal + discount, facts)
      const isEnough = wanted <= (budgetLeft[view.currency] ?? 0)
      limitsSeen.push([`budget:${promotion.id}:${view.currency}`, wanted, isEnough])
      if (!isEnough) reason = 'exhausted'
    }
    if (code !== null) states.set(code, reason)
    const took = reason === null ? discountLines(promotion, code, sold, view, itemTotal + discount, facts) : 0
    if (reason === null && promotion.benefit.kind === 'free_shipping') shipping.push({ promotion, code })
    discount -= took
    trace?.promotions.push({
      promotionId: promotion.id,
      name: promotion.name,
      lane: promotion.lane,
      priority: promotion.priority,
      code,
      outcome: reason === null ? 'applied' : 'not_applied',
      reason,
      conditions: [],
      discount: took,
    })
  }
  const detailed = facts.shop.settings.promotions.publicReasons === 'detailed'
  const codes = cart.codes.map((code) => {
    const reason = states.get(code) ?? null
    return { code, applied: reason === null, reason: reason === null ? null : detailed ? reason : 'not_applicable' }
  })
  return { discount, gifts: [], shipping, codes, limitsSeen }
}

/** Why a code opens nothing, apart from its promotion's conditions. A promotion applies once: of two of its codes the first one counts. */
function unusable(known: CodeFacts | undefined, codeOf: ReadonlyMap<string, string>, facts: Facts): string | null {
  if (!known || !facts.promotions.has(known.promotionId)) return 'unknown'
  if (known.isInactive) return 'inactive'
  if (known.usesLeft !== null && known.usesLeft <= 0) return 'exhausted'
  return codeOf.has(known.promotionId) ? 'same_promotion' : null
}

/** Whether the promotion's uses, or this customer's, are used up; what was looked at is noted. */
function usedUp({ id }: Promotion, facts: Facts, limitsSeen: [string, number, boolean][]): string | null {
  const { usesLeft = null, customerUsesLeft = null } = facts.limits.get(id) ?? {}
  if (usesLeft !== null) limitsSeen.push([`use:${id}`, 1, usesLeft >= 1])
  if (usesLeft !== null && usesLeft < 1) return 'exhausted'
  if (customerUsesLeft === null) return null
  const isEnough = customerUsesLeft !== 'unknown' && customerUsesLeft >= 1
  limitsSeen.push([`customer:${id}`, 1, isEnough])
  if (isEnough) return null
  return customerUsesLeft === 'unknown' ? 'needs_email' : 'used_up_by_customer'
}

interface View {
  readonly now: number
  readonly currency: string
  readonly itemTotal: number
  readonly quantity: number
}

/** Why a promotion does not apply to what is in view, apart from its code; null when it does. */
function ineligibility(promotion: Promotion, view: View, facts: Facts): string | null {
  if (!promotion.active) return 'inactive'
  if (promotion.startsAt !== null && view.now < promotion.startsAt) return 'not_started'
  if (promotion.endsAt !== null && view.now >= promotion.endsAt) return 'expired'
  if (asks(promotion, 'first_order') && facts.hasOrdered !== false) return facts.hasOrdered ? 'not_first_order' : 'customer_unknown'
  for (const condition of promotion.conditions) {
    const reason = unmet(condition, view)
    if (reason) return reason
  }
  if (promotion.benefit.kind === 'amount_off' && amountIn(promotion.benefit.amounts, view.currency) === undefined) return 'currency'
  return null
}

function unmet(condition: Condition, view: View): string | null {
  if (condition.kind === 'item_total') {
    const atLeast = amountIn(condition.atLeast ?? [], view.currency)
    if (atLeast === undefined) return 'currency'
    return view.itemTotal < atLeast ? 'item_total_too_low' : null
  }
  if (condition.kind === 'quantity') return view.quantity < (condition.atLeast ?? 0) ? 'quantity_too_low' : null
  return null
}

/** What a benefit takes off the items (a percentage: of `base`), in minor units >= 0, never more than `left`. */
function discountOf(benefit: Benefit, base: number, left: number, currency: string, rounding: Rounding): number {
  if (benefit.kind === 'percent_off') return Math.min(left, percentOf(base, benefit.percent, rounding))
  if (benefit.kind === 'amount_off') return Math.min(left, amountIn(benefit.amounts, currency) ?? 0)
  return 0
}

function discountFor(promotion: Promotion, view: View, left: number, facts: Facts): number {
  const { pricing, promotions } = facts.shop.settings
  const base = (promotion.percentBase ?? promotions.percentBase) === 'running' ? left : view.itemTotal
  return discountOf(promotion.benefit, base, left, view.currency, pricing.rounding)
}

/** Spreads one discount over the lines in proportion to what is left of each; answers its size (>= 0). */
function discountLines(promotion: Promotion, code: string | null, sold: readonly Work[], view: View, left: number, facts: Facts): number {
  const discount = discountFor(promotion, view, left, facts)
  if (discount === 0) return 0
  const parts = allocate(
    discount,
    sold.map((work) => work.itemTotal + work.discount),
  )
  const source = { kind: 'promotion' as const, id: promotion.id, ...(code === null ? {} : { code }) }
  for (const [index, work] of sold.entries()) {
    const part = parts[index] ?? 0
    if (part > 0) takeOff(work, part, promotion.name, source, view.currency)
  }
  return discount
}
