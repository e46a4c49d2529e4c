// What shipping costs: what is asked of whoever knows the prices, what the shop's own rates answer, which of the methods that are offered counts, and
// what promotions may take off it. An outside engine answers the same plain value as the rates do (`ShippingQuote`), so it replaces that step only.
// A cart without anything to ship needs no method and pays nothing.
import { type Adjustment, inCanonicalOrder, leftOf, type Work } from './adjustment.ts'
import { type ShippingBenefit, takenOffShipping } from './benefit.ts'
import { type Cart, destinationIn, money, type Notice, notice } from './cart.ts'
import type { Facts } from './facts.ts'
import { multiply, sum } from './money.ts'
import type { Destination, ShippingQuote, ShippingRequest, Wanted } from './quote.ts'
import { selectMethods } from './quoting.ts'
import type { Settings, ShippingMethod, ShippingRate } from './settings.ts'
import type { RateTrace, Trace } from './trace.ts'
import { isInZone } from './zone.ts'

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
  /** What an outside engine is to be asked. */
  readonly wanted: Wanted | null
}

/**
 * Where a cart goes, as far as anybody knows (SEED3-52): its shipping address, else its billing address, else the country that the shop assumes. One
 * rule for what is offered, what can be chosen and what it costs, so that what was shown can be chosen at that price.
 */
export function destinationOf(cart: Cart, settings: Settings): Destination | null {
  const address = cart.shippingAddress ?? cart.billingAddress
  if (!address) return settings.tax.defaultCountry === null ? null : { country: settings.tax.defaultCountry }
  return destinationIn(address)
}

/** What a cart asks of whoever knows what its shipping costs. `itemTotal` is that of all its items after discounts. */
function shippingRequestOf(cart: Cart, sold: readonly Work[], itemTotal: number, settings: Settings): ShippingRequest {
  const ships = sold.filter((work) => work.ships)
  // What an engine answered counts for its question: that must not depend on the order of lines.
  const lines = (settings.shipping.provider === null ? ships : inCanonicalOrder(ships)).map((work) => ({
    id: work.line.id,
    sku: work.line.sku,
    category: work.variant?.shippingCategory ?? null,
    quantity: work.line.quantity,
    grams: work.line.inline?.grams ?? work.variant?.grams ?? 0,
    amount: leftOf(work),
  }))
  return { currency: cart.currency, destination: destinationOf(cart, settings), lines, itemTotal }
}

// By the shop's own rates -----------------------------------------------------------------------------------------------------------------

/** The methods that the shop's own rates offer, in its order, with their prices. */
function quotesByRates(request: ShippingRequest, settings: Settings, trace: Trace | null): ShippingQuote[] {
  const load = loadOf(request)
  return settings.shipping.methods.flatMap((method) => quoteOf(method, request, load, trace) ?? [])
}

/** What is shipped, as rates measure it: grams, minor units after discounts, pieces, and pieces by shipping category. */
interface Load {
  readonly weight: number
  readonly total: number
  readonly quantity: number
  readonly pieces: ReadonlyMap<string, number>
}

function loadOf({ lines }: ShippingRequest): Load {
  let [weight, total, quantity] = [0, 0, 0]
  const pieces = new Map<string, number>()
  for (const line of lines) {
    // A full cart of the heaviest goods is beyond what is exact; heavier than every limit is all that matters there.
    weight = Math.min(weight + line.grams * line.quantity, Number.MAX_SAFE_INTEGER)
    total += line.amount
    quantity += line.quantity
    if (line.category !== null) pieces.set(line.category, (pieces.get(line.category) ?? 0) + line.quantity)
  }
  return { weight, total, quantity, pieces }
}

function quoteOf(method: ShippingMethod, request: ShippingRequest, load: Load, trace: Trace | null): ShippingQuote | null {
  const { id, name, maxGrams, excludesCategories = [] } = method
  if (maxGrams !== undefined && load.weight > maxGrams) return passed(trace, id, 'too_heavy', { grams: load.weight, maxGrams })
  const excluded = excludesCategories.find((category) => load.pieces.has(category))
  if (excluded !== undefined) return passed(trace, id, 'category', { category: excluded })
  for (const [index, rate] of method.rates.entries()) {
    const rateId = `${id}/rates/${index}`
    if (rate.currency !== request.currency) {
      passed(trace, rateId, 'currency', { currency: rate.currency })
    } else if (!isInZone(rate, request.destination)) {
      passed(trace, rateId, 'zone', placeOf(request.destination))
    } else {
      const { amount, saw } = priced(rate, request, load)
      if (amount === null) return passed(trace, rateId, 'amount_too_large', saw)
      trace?.rates.push({ kind: 'shipping', of: 'shipping', id: rateId, chosen: true, reason: null, saw })
      return { id, name, amount }
    }
  }
  return null
}

/** What zones look at; the street is nobody's business here. */
function placeOf(destination: Destination | null): RateTrace['saw'] {
  return {
    country: destination?.country ?? null,
    region: destination?.region ?? null,
    postalCode: destination?.postalCode ?? null,
  }
}

function passed(trace: Trace | null, id: string, reason: string, saw: RateTrace['saw']): null {
  trace?.rates.push({ kind: 'shipping', of: 'shipping', id, chosen: false, reason, saw })
  return null
}

/** What a rate comes to, in minor units (null beyond what is exact), and how. */
function priced(rate: ShippingRate, { itemTotal }: ShippingRequest, load: Load): { amount: number | null; saw: RateTrace['saw'] } {
  const { by, freeFrom, surcharges = [] } = rate
  const measured = by === undefined ? null : load[by]
  const step = measured === null ? undefined : rate.steps?.findLast(({ from }) => measured >= from)
  const isFree = freeFrom !== undefined && itemTotal >= freeFrom
  const base = isFree ? 0 : (step?.amount ?? rate.amount)
  const added: { category: string; amount: number }[] = []
  let amount: number | null = base
  for (const { category, amount: surcharge, per } of surcharges) {
    const pieces = load.pieces.get(category) ?? 0
    if (pieces === 0 || amount === null) continue
    const more = per === 'cart' ? surcharge : multiply(surcharge, pieces)
    amount = more === null ? null : sum([amount, more])
    if (more !== null) added.push({ category, amount: more })
  }
  const saw = {
    base,
    ...(by === undefined ? {} : { by, measured, step: step?.from ?? null }),
    ...(freeFrom === undefined ? {} : { itemTotal, freeFrom }),
    ...(surcharges.length === 0 ? {} : { surcharges: added }),
  }
  return { amount, saw }
}

// Which of them counts ---------------------------------------------------------------------------------------------------------------------

/**
 * Prices shipping for items that come to `discounted`: the chosen method; where it is gone, the first that is offered takes its place (SEED4-39);
 * while none is chosen, the cheapest is an estimate, which counts where the shop says so (SEED3-52).
 */
export function applyShipping(cart: Cart, sold: readonly Work[], discounted: number, facts: Facts, trace: Trace | null): Shipped {
  const { settings } = facts.shop
  const { methods, whenNotChosen, provider } = settings.shipping
  const needed = sold.some((work) => work.ships)
  const request = methods.length === 0 && provider === null ? null : shippingRequestOf(cart, sold, discounted, settings)
  const own = () => (request === null ? [] : quotesByRates(request, settings, needed ? trace : null))
  const selected =
    request === null || provider === null || !needed
      ? { answer: own(), provider: null, wanted: null }
      : selectMethods(cart, request, provider, facts, own, trace)
  const { answer, provider: source, wanted: asking } = selected
  const offered = answer ?? []
  const nothing = { amount: 0, discount: 0, estimate: null, adjustments: [], notices: [] }
  const unpriced = { ...nothing, needed, method: cart.shippingMethod, offered, wanted: asking }
  if (!needed) return unpriced
  if (cart.shippingMethod === null) {
    const cheapest = cheapestOf(offered)
    const counted = whenNotChosen === 'cheapest' ? cheapest : null
    explainChoice(trace, offered, counted)
    // What only an engine could say, and nobody asked, is not estimated.
    const isKnown = asking === null || asking.needed
    return { ...unpriced, ...chargedFor(counted, cart, source), estimate: isKnown ? (cheapest?.amount ?? null) : null }
  }
  if (answer === null) return { ...unpriced, notices: [notice('shipping_unknown', 'error', '/shippingMethod', {})] }
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
  return { ...unpriced, ...chargedFor(chosen, cart, source), method: chosen.id, notices }
}

/** The first of those that cost least. */
function cheapestOf(offered: readonly ShippingQuote[]): ShippingQuote | null {
  return offered.reduce<ShippingQuote | null>((best, quote) => (best === null || quote.amount < best.amount ? quote : best), null)
}

/** `provider`: whose price it is, where it is not the shop's own. */
function chargedFor(quote: ShippingQuote | null, cart: Cart, provider: string | null): Pick<Shipped, 'amount' | 'adjustments'> {
  if (quote === null) return { amount: 0, adjustments: [] }
  const source = provider === null ? { kind: 'shipping_method' as const, id: quote.id } : { kind: 'provider' as const, id: provider }
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

/**
 * The budgets that what promotions take off shipping rests on: what is taken is there, and where a budget is what bounds it, exactly as much as
 * there is.
 */
export function budgetsSeen(
  benefits: readonly ShippingBenefit[],
  shipped: Shipped,
  currency: string,
  { pricing, promotions }: Settings,
): [key: string, wanted: number, isEnough: boolean][] {
  if (benefits.every(({ most }) => most === null)) return []
  const taken = takenOffShipping(benefits, shipped, { currency, rounding: pricing.rounding, percentBase: promotions.percentBase })
  return benefits.flatMap(({ promotion, most }, index) => {
    if (most === null) return []
    const key = `budget:${promotion.id}:${currency}`
    const took = taken[index] ?? 0
    const isEnough: [string, number, boolean] = [key, took, true]
    return took < most ? [isEnough] : [isEnough, [key, took + 1, false]]
  })
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
