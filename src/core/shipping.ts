// Which shipping methods there are and what they cost. A method is a list of flat rates by country; the first rate that matches country and
// currency is taken. A cart without anything to ship needs no method and pays nothing.
import { type Adjustment, leftOf, type Work } from './adjustment.ts'
import { type Cart, destinationOf, money, type Notice, notice } from './cart.ts'
import type { Facts } from './facts.ts'
import type { ShippingBenefit } from './promoting.ts'
import type { ShippingQuote, ShippingRequest, Wanted } from './quote.ts'
import { selectMethods } from './quoting.ts'
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
  /** What an outside engine is to be asked. */
  readonly wanted: Wanted | null
  /** What can be chosen where an outside engine says it; null where the shop's own methods are all there is. */
  readonly offered: readonly ShippingQuote[] | null
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

/** What a cart asks of whoever knows what its shipping costs. */
function shippingRequestOf(cart: Cart, sold: readonly Work[]): ShippingRequest {
  return {
    currency: cart.currency,
    destination: destinationOf(cart.shippingAddress),
    lines: sold
      .filter((work) => work.ships)
      .map((work) => ({
        id: work.line.id,
        sku: work.line.sku,
        category: work.taxCategory,
        quantity: work.line.quantity,
        grams: (work.variant?.grams ?? 0) * work.line.quantity,
        amount: leftOf(work),
      })),
  }
}

/** Prices the chosen method for items that come to `discounted`; where it is gone, the first that is offered takes its place (SEED4-39). */
export function applyShipping(cart: Cart, sold: readonly Work[], discounted: number, facts: Facts, trace: Trace | null): Shipped {
  const needed = sold.some((work) => work.ships)
  const { settings } = facts.shop
  const { provider } = settings.shipping
  const nothing = { needed, method: cart.shippingMethod, amount: 0, discount: 0, adjustments: [], notices: [], wanted: null, offered: null }
  if (!needed || (cart.shippingMethod === null && provider === null)) return nothing
  const country = cart.shippingAddress?.country ?? null
  const own = () => eligibleMethods(settings, { country, currency: cart.currency, itemTotal: discounted })
  const selected =
    provider === null
      ? { answer: own(), provider, wanted: null }
      : selectMethods(cart, shippingRequestOf(cart, sold), provider, facts, own, trace)
  const quotes = selected.answer ?? []
  const unpriced = { ...nothing, wanted: selected.wanted, offered: provider === null ? null : quotes }
  if (cart.shippingMethod === null) return unpriced
  if (selected.answer === null) return { ...unpriced, notices: [notice('shipping_unknown', 'error', '/shippingMethod', {})] }
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
  const source =
    selected.provider === null ? { kind: 'shipping_method' as const, id: chosen.id } : { kind: 'provider' as const, id: selected.provider }
  const adjustments: Adjustment[] = [
    { type: 'shipping', label: chosen.name, amount: money(chosen.amount, cart.currency), included: false, source, target: 'shipping' },
  ]
  return { ...unpriced, method: chosen.id, amount: chosen.amount, adjustments, notices }
}

/** Applies promotions to the price of shipping, in their order; nothing takes more than what is left. */
export function discountShipping(cart: Cart, shipped: Shipped, benefits: readonly ShippingBenefit[]): Shipped {
  const adjustments = [...shipped.adjustments]
  let discount = shipped.discount
  for (const { promotion, code } of benefits) {
    const took = shipped.amount + discount
    if (took <= 0) continue
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
