// A promotion is conditions and one benefit. Conditions are data, all must hold. Promotions run in one fixed order (lane, then priority, then
// id), so the result never depends on the order in which anybody entered anything (PRO-3). Percentages are of the original amount or of what
// earlier ones left (C33), and no benefit takes more than what is left, so nothing ever becomes negative (MON-6).
import { percentOf, type Rounding } from './money.ts'
import type { Price } from './product.ts'

/** Something that must hold. `item_total` compares the sum of the lines before discounts, in the cart's currency. */
export type Condition =
  | { readonly kind: 'code' }
  | { readonly kind: 'item_total'; readonly atLeast: readonly Price[] }
  | { readonly kind: 'quantity'; readonly atLeast: number }

/** What a promotion gives. `percent` is a decimal string; a fixed amount is given per currency and does nothing in others. */
export type Benefit =
  | { readonly kind: 'percent_off'; readonly percent: string }
  | { readonly kind: 'amount_off'; readonly amounts: readonly Price[] }
  | { readonly kind: 'free_shipping' }

/** A promotion. Times are milliseconds; null is open-ended. `usesMax` counts placed and unpaid orders, null is unlimited. */
export interface Promotion {
  readonly id: string
  readonly name: string
  readonly active: boolean
  readonly startsAt: number | null
  readonly endsAt: number | null
  readonly lane: number
  readonly priority: number
  readonly usesMax: number | null
  readonly conditions: readonly Condition[]
  readonly benefit: Benefit
}

/** What conditions look at. */
export interface PromotionView {
  readonly now: number
  readonly currency: string
  readonly itemTotal: number
  readonly quantity: number
}

/** Why a promotion does not apply now; null when it does. A code condition is judged by the caller, who knows the cart's codes. */
export type IneligibleReason = 'inactive' | 'not_started' | 'expired' | 'item_total_too_low' | 'quantity_too_low' | 'currency'

/** Whether a promotion applies to what is in view, apart from its code. */
export function ineligibility(promotion: Promotion, view: PromotionView): IneligibleReason | null {
  if (!promotion.active) return 'inactive'
  if (promotion.startsAt !== null && view.now < promotion.startsAt) return 'not_started'
  if (promotion.endsAt !== null && view.now >= promotion.endsAt) return 'expired'
  for (const condition of promotion.conditions) {
    const reason = unmet(condition, view)
    if (reason) return reason
  }
  if (promotion.benefit.kind === 'amount_off' && amountIn(promotion.benefit.amounts, view.currency) === undefined) return 'currency'
  return null
}

function unmet(condition: Condition, view: PromotionView): IneligibleReason | null {
  switch (condition.kind) {
    case 'code':
      return null
    case 'item_total': {
      const atLeast = amountIn(condition.atLeast, view.currency)
      if (atLeast === undefined) return 'currency'
      return view.itemTotal < atLeast ? 'item_total_too_low' : null
    }
    case 'quantity':
      return view.quantity < condition.atLeast ? 'quantity_too_low' : null
  }
}

/** Whether a promotion waits for a code. */
export function needsCode(promotion: Promotion): boolean {
  return promotion.conditions.some((condition) => condition.kind === 'code')
}

/** The order in which promotions run: lane, then higher priority first, then id. */
export function inOrder(promotions: readonly Promotion[]): Promotion[] {
  return [...promotions].sort((a, b) => a.lane - b.lane || b.priority - a.priority || (a.id < b.id ? -1 : 1))
}

/** What a benefit takes off the items (a percentage: of `base`), in minor units >= 0, never more than `left`. Free shipping takes nothing off items. */
export function discountOf(benefit: Benefit, view: PromotionView & { readonly base: number }, left: number, rounding: Rounding): number {
  switch (benefit.kind) {
    case 'percent_off':
      return Math.min(left, percentOf(view.base, benefit.percent, rounding))
    case 'amount_off':
      return Math.min(left, amountIn(benefit.amounts, view.currency) ?? 0)
    case 'free_shipping':
      return 0
  }
}

function amountIn(amounts: readonly Price[], currency: string): number | undefined {
  return amounts.find((price) => price.currency === currency)?.amount
}
