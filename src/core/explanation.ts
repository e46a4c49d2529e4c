// Why a cart costs what it costs: the price with everything that pricing wrote down on the way, and how the total is made of its parts. Pure, so it
// can be asked for wherever a price can be replayed.
import type { Cart } from './cart.ts'
import type { Facts } from './facts.ts'
import { type PricedCart, priceCart } from './pricing.ts'
import type { CodeState } from './promoting.ts'
import { isRefusal, type Refusal } from './refusal.ts'
import { rfc3339 } from './time.ts'
import { newTrace, type Trace } from './trace.ts'

/**
 * One part of the total: a line before discounts, or an adjustment. `of` is a line id or `shipping`; `amount` is in minor units of the cart's
 * currency. Parts that are `included` (VAT in prices) are contained in others: the total is the sum of the parts that are not.
 */
export interface TotalPart {
  readonly type: 'item' | 'promotion' | 'shipping' | 'tax'
  readonly label: string
  readonly amount: number
  readonly of: string
  readonly included: boolean
}

/** How a price came to be. `pricedAt` is the moment at which it was right (RFC 3339), `epoch` that of the shop's catalogue and settings. */
export interface Explanation extends Trace {
  readonly pricedAt: string
  readonly epoch: number
  /** The codes on the cart with their reasons, also where the shop gives shoppers neutral answers (C34). */
  readonly codes: readonly CodeState[]
  readonly totals: readonly TotalPart[]
}

/** A price with its explanation. */
export interface Explained {
  readonly cart: PricedCart
  readonly explanation: Explanation
}

/** Prices a cart and explains it; refuses where pricing does. */
export function explain(cart: Cart, facts: Facts): Explained | Refusal {
  const trace = newTrace()
  const pricing = priceCart(cart, facts, trace)
  if (isRefusal(pricing)) return pricing
  const codes = cart.codes.length === 0 ? [] : codesTold(cart, facts)
  if (isRefusal(codes)) return codes
  return {
    cart: pricing.cart,
    explanation: { pricedAt: rfc3339(facts.now), epoch: facts.epoch, codes, ...trace, totals: partsOf(pricing.cart) },
  }
}

/** What a shop that tells its reasons would say of every code. */
function codesTold(cart: Cart, facts: Facts): readonly CodeState[] | Refusal {
  const { settings } = facts.shop
  const promotions = { ...settings.promotions, publicReasons: 'detailed' as const, onInvalid: 'keep' as const }
  const pricing = priceCart(cart, { ...facts, shop: { ...facts.shop, settings: { ...settings, promotions } } })
  return isRefusal(pricing) ? pricing : pricing.cart.codes
}

function partsOf({ lines, adjustments }: PricedCart): TotalPart[] {
  const sold = lines.filter((line) => line.state === 'AVAILABLE')
  const items = sold.map(({ id, name, itemTotal }): TotalPart => {
    return { type: 'item', label: name, amount: itemTotal.amount, of: id, included: false }
  })
  const changes = [...sold.flatMap((line) => line.adjustments), ...adjustments].map((each): TotalPart => {
    const of = each.lineId ?? each.target
    return { type: each.type, label: each.label, amount: each.amount.amount, of, included: each.included }
  })
  return [...items, ...changes]
}
