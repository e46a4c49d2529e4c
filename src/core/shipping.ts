// Which shipping methods there are and what they cost. A method is a list of flat rates by country; the first rate that matches country and
// currency is taken. A cart without anything to ship needs no method and pays nothing.
import type { Adjustment, Work } from './adjustment.ts'
import { type ShippingBenefit, takenOffShipping } from './benefit.ts'
import { type Cart, money, type Notice, notice } from './cart.ts'
import type { Facts } from './facts.ts'
import type { ShippingQuote } from './quote.ts'
import type { Settings, ShippingMethod, ShippingRate } from './settings.ts'
import type { Trace } from './trace.ts'

/** What a quote depends on. `country` null means the address is not known yet: only rates for everywhere match. */
export interface ShippingView {
  readonly country: string | null
  readonly currency: string
  readonly itemTotal: number
}

/** Shipping with its price. `amount` is what the method costs, `discount` (<= 0) what promotions take off it. */
export interface Shipped {
  readonly needed: boolean
  /** The method that counts: the chosen one, or the one that took its place. */
  readonly method: string | null
  readonly amount: number
  readonly discount: number
  readonly adjustments: Adjustment[]
  readonly notices: readonly Notice[]
}

/** The methods that deliver to this country in this currency, in the shop's order. */
export function eligibleMethods(settings: Settings, view: ShippingView): ShippingQuote[] {
  const quotes: ShippingQuote[] = []
  for (const method of settings.shipping.methods) {
    const rate = matchingRate(method, view)
    if (rate)
      quotes.push({
        id: method.id,
        name: method.name,
        amount: rate.freeFrom !== undefined && view.itemTotal >= rate.freeFrom ? 0 : rate.amount,
      })
  }
  return quotes
}

function matchingRate(method: ShippingMethod, view: ShippingView): ShippingRate | undefined {
  return method.rates.find(
    (rate) => rate.currency === view.currency && (!rate.countries || (view.country !== null && rate.countries.includes(view.country))),
  )
}

/** Prices the chosen method for items that come to `discounted`; where it is gone, the first that is offered takes its place (SEED4-39). */
export function applyShipping(cart: Cart, sold: readonly Work[], discounted: number, facts: Facts, _trace: Trace | null): Shipped {
  const needed = sold.some((work) => work.ships)
  const unpriced = { needed, method: cart.shippingMethod, amount: 0, discount: 0, adjustments: [] }
  if (!needed || cart.shippingMethod === null) return { ...unpriced, notices: [] }
  const country = cart.shippingAddress?.country ?? null
  const quotes = eligibleMethods(facts.shop.settings, { country, currency: cart.currency, itemTotal: discounted })
  const wanted = quotes.find((quote) => quote.id === cart.shippingMethod)
  const chosen = wanted ?? quotes[0]
  if (!chosen) {
    const gone = notice('shipping_method_unavailable', 'error', '/shippingMethod', { shippingMethod: cart.shippingMethod, country })
    return { ...unpriced, notices: [gone] }
  }
  // The choice stays in the cart, so it counts again as soon as it is offered again (SEED4-39).
  const notices = wanted
    ? []
    : [notice('shipping_method_changed', 'warning', '/shippingMethod', { from: cart.shippingMethod, to: chosen.id })]
  const source = { kind: 'shipping_method' as const, id: chosen.id }
  const adjustments: Adjustment[] = [
    { type: 'shipping', label: chosen.name, amount: money(chosen.amount, cart.currency), included: false, source, target: 'shipping' },
  ]
  return { needed, method: chosen.id, amount: chosen.amount, discount: 0, adjustments, notices }
}

/** Applies promotions to the price of shipping, in their order; nothing takes more than what is left. */
export function discountShipping(cart: Cart, shipped: Shipped, benefits: readonly ShippingBenefit[], settings: Settings): Shipped {
  if (benefits.length === 0) return shipped
  const { pricing, promotions } = settings
  const how = { currency: cart.currency, rounding: pricing.rounding, percentBase: promotions.percentBase }
  const taken = takenOffShipping(benefits, shipped, how)
  const adjustments = [...shipped.adjustments]
  let discount = shipped.discount
  for (const [index, { promotion, code }] of benefits.entries()) {
    const took = taken[index] ?? 0
    if (took === 0) continue
    discount -= took
    adjustments.push({
      type: 'promotion',
      label: promotion.name,
      amount: money(-took, cart.currency),
      included: false,
      source: { kind: 'promotion', id: promotion.id, ...(code === null ? {} : { code }) },
      target: 'shipping',
    })
  }
  return { ...shipped, discount, adjustments }
}
