// Which shipping methods there are and what they cost. A method is a list of flat rates by country; the first rate that matches country and
// currency is taken. A cart without anything to ship needs no method and pays nothing.
import type { Settings, ShippingMethod, ShippingRate } from './settings.ts'

/** A method that can be chosen, with its price in minor units. */
export interface ShippingQuote {
  readonly id: string
  readonly name: string
  readonly amount: number
}

/** What a quote depends on. `country` null means the address is not known yet: only rates for everywhere match. */
export interface ShippingView {
  readonly country: string | null
  readonly currency: string
  readonly itemTotal: number
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
