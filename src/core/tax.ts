// Which tax rates apply. Included rates are contained in prices (VAT), others are added (sales tax). The most specific zone wins: region,
// then country, then everywhere. Tax is computed on what is left after discounts, which is what British, German and Californian rules ask.
import { percentIncludedIn, percentOf, type Rounding } from './money.ts'
import type { Settings, TaxRate } from './settings.ts'

/** Where the goods go; null while nothing is known and the shop has no default country. */
export interface TaxZone {
  readonly country: string | null
  readonly region: string | null
}

/** A tax on one amount. `amount` is minor units; `included` says whether the taxed amount contains it already. */
export interface Tax {
  readonly name: string
  readonly percent: string
  readonly amount: number
  readonly included: boolean
}

/** The rate of a category in a zone, or undefined when nothing is owed. */
export function rateFor(settings: Settings, category: string, zone: TaxZone): TaxRate | undefined {
  let best: TaxRate | undefined
  let bestScore = -1
  for (const rate of settings.tax.rates) {
    if (rate.category !== category) continue
    if (rate.country !== undefined && rate.country !== zone.country) continue
    if (rate.region !== undefined && rate.region !== zone.region) continue
    const score = (rate.region === undefined ? 0 : 2) + (rate.country === undefined ? 0 : 1)
    if (score > bestScore) {
      best = rate
      bestScore = score
    }
  }
  return best
}

/** The tax on an amount, rounded once; null when the rate is absent. */
export function taxOn(amount: number, rate: TaxRate | undefined, rounding: Rounding): Tax | null {
  if (!rate) return null
  const tax = rate.included ? percentIncludedIn(amount, rate.percent, rounding) : percentOf(amount, rate.percent, rounding)
  return { name: rate.name, percent: rate.percent, amount: tax, included: rate.included }
}
