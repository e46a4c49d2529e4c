// What shipping costs for this cart: what is asked of whoever knows the prices, which of the methods that they offer counts, and what promotions
// may take off it. A cart without anything to ship needs no method and pays nothing.
import { type Adjustment, leftOf, type Work } from './adjustment.ts'
import { type Cart, money, type Notice, notice } from './cart.ts'
import type { Facts } from './facts.ts'
import type { ShippingBenefit } from './promoting.ts'
import type { Destination, ShippingQuote, ShippingRequest } from './quote.ts'
import type { Settings } from './settings.ts'
import { quotesByRates } from './shipping-rates.ts'
import type { Trace } from './trace.ts'

/** Shipping with its price. `amount` is what the method costs, `discount` (<= 0) what promotions take off it. */
export interface Shipped {
  readonly needed: boolean
  /** The method that counts: the chosen one, or the one that took its place; null while none is chosen. */
  readonly method: string | null
  readonly amount: number
  readonly discount: number
  /** What the cheapest method costs while none is chosen (SEED3-52), before promotions on shipping. */
  readonly estimate: number | null
  /** The methods that can be chosen, also where nothing is to be shipped yet. */
  readonly offered: readonly ShippingQuote[]
  readonly adjustments: Adjustment[]
  readonly notices: readonly Notice[]
}

/**
 * Where a cart goes, as far as anybody knows (SEED3-52): its shipping address, else its billing address, else the country that the shop assumes. One
 * rule for what is offered, what can be chosen and what it costs, so that what was shown can be chosen at that price.
 */
export function destinationOf(cart: Cart, settings: Settings): Destination | null {
  const address = cart.shippingAddress ?? cart.billingAddress
  if (!address) return settings.tax.defaultCountry === null ? null : { country: settings.tax.defaultCountry }
  const { country, region, postalCode, city, line1 } = address
  return {
    country,
    ...(region === undefined ? {} : { region }),
    ...(postalCode === undefined ? {} : { postalCode }),
    ...(city === undefined ? {} : { city }),
    ...(line1 === undefined ? {} : { line1 }),
  }
}

/** What a cart asks of whoever knows what its shipping costs. `itemTotal` is that of all its items after discounts. */
function shippingRequestOf(cart: Cart, sold: readonly Work[], itemTotal: number, settings: Settings): ShippingRequest {
  const lines = sold
    .filter((work) => work.ships)
    .map((work) => ({
      id: work.line.id,
      sku: work.line.sku,
      category: work.variant?.shippingCategory ?? null,
      quantity: work.line.quantity,
      grams: work.line.inline?.grams ?? work.variant?.grams ?? 0,
      amount: leftOf(work),
    }))
  return { currency: cart.currency, destination: destinationOf(cart, settings), lines, itemTotal }
}

/**
 * Prices shipping for items that come to `discounted`: the chosen method; where it is gone, the first that is offered takes its place (SEED4-39);
 * while none is chosen, the cheapest is an estimate, which counts where the shop says so (SEED3-52).
 */
export function applyShipping(cart: Cart, sold: readonly Work[], discounted: number, facts: Facts, trace: Trace | null): Shipped {
  const { settings } = facts.shop
  const { methods, whenNotChosen } = settings.shipping
  const needed = sold.some((work) => work.ships)
  const request = methods.length === 0 ? null : shippingRequestOf(cart, sold, discounted, settings)
  const offered = request === null ? [] : quotesByRates(request, settings, needed ? trace : null)
  const unpriced = { needed, method: cart.shippingMethod, amount: 0, discount: 0, estimate: null, offered, adjustments: [], notices: [] }
  if (!needed) return unpriced
  if (cart.shippingMethod === null) {
    const cheapest = cheapestOf(offered)
    const counted = whenNotChosen === 'cheapest' ? cheapest : null
    explainChoice(trace, offered, counted)
    return { ...unpriced, ...chargedFor(counted, cart), estimate: cheapest?.amount ?? null }
  }
  const wanted = offered.find((quote) => quote.id === cart.shippingMethod)
  const chosen = wanted ?? offered[0]
  explainChoice(trace, offered, chosen ?? null)
  if (!chosen) {
    const country = destinationOf(cart, settings)?.country ?? null
    const gone = notice('shipping_method_unavailable', 'error', '/shippingMethod', { shippingMethod: cart.shippingMethod, country })
    return { ...unpriced, notices: [gone] }
  }
  // The choice stays in the cart, so it counts again as soon as it is offered again (SEED4-39).
  const notices = wanted
    ? []
    : [notice('shipping_method_changed', 'warning', '/shippingMethod', { from: cart.shippingMethod, to: chosen.id })]
  return { ...unpriced, ...chargedFor(chosen, cart), method: chosen.id, notices }
}

/** The first of those that cost least. */
function cheapestOf(offered: readonly ShippingQuote[]): ShippingQuote | null {
  return offered.reduce<ShippingQuote | null>((best, quote) => (best === null || quote.amount < best.amount ? quote : best), null)
}

function chargedFor(quote: ShippingQuote | null, cart: Cart): Pick<Shipped, 'amount' | 'adjustments'> {
  if (quote === null) return { amount: 0, adjustments: [] }
  const source = { kind: 'shipping_method' as const, id: quote.id }
  const amount = money(quote.amount, cart.currency)
  return {
    amount: quote.amount,
    adjustments: [{ type: 'shipping', label: quote.name, amount, included: false, source, target: 'shipping' }],
  }
}

function explainChoice(trace: Trace | null, offered: readonly ShippingQuote[], counted: ShippingQuote | null): void {
  for (const quote of offered) {
    const chosen = quote === counted
    const saw = { amount: quote.amount }
    trace?.rates.push({ kind: 'shipping', of: 'shipping', id: quote.id, chosen, reason: chosen ? null : 'not_chosen', saw })
  }
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

/**
 * What promotions took off shipping, within the shop's floor (C37): with `shipping` they take at most what is left of the items, so that the total
 * never falls below the price of shipping. What is too much is given back, the last promotion first. Tax that is added comes on top: it is owed
 * on what shipping costs in the end.
 */
export function aboveFloor(shipped: Shipped, discounted: number, settings: Settings): Shipped {
  const most = settings.totals.floor === 'shipping' ? Math.min(shipped.amount, discounted) : shipped.amount
  let excess = -shipped.discount - most
  if (excess <= 0) return shipped
  const adjustments: Adjustment[] = []
  for (const each of shipped.adjustments.toReversed()) {
    const { amount, currency } = each.amount
    const back = each.type === 'promotion' ? Math.min(excess, -amount) : 0
    excess -= back
    // Nothing is left of a discount that was given back whole.
    if (back === 0) adjustments.unshift(each)
    else if (amount + back < 0) adjustments.unshift({ ...each, amount: money(amount + back, currency) })
  }
  return { ...shipped, discount: 0 - most, adjustments }
}
