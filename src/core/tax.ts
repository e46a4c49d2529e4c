// Which taxes are owed. Included rates are contained in prices (VAT), others are added (sales tax). The most specific zone wins: region, then
// country, then everywhere. Tax is computed on what is left after discounts, which is what British, German and Californian rules ask. Computing
// answers a plain value (`TaxQuote`), the same that an outside engine answers; applying it makes adjustments.
import type { Adjustment, Work } from './adjustment.ts'
import { leftOf } from './adjustment.ts'
import { type Cart, destinationIn, money, type Notice, notice } from './cart.ts'
import type { Facts } from './facts.ts'
import { percentIncludedIn, percentOf, type Rounding } from './money.ts'
import type { TaxAmount, TaxQuote, TaxRequest, Wanted } from './quote.ts'
import { selectTaxes } from './quoting.ts'
import type { Settings, TaxRate } from './settings.ts'
import type { Shipped } from './shipping.ts'
import type { Trace } from './trace.ts'

/** Where the goods go; null while nothing is known and the shop has no default country. */
export interface TaxZone {
  readonly country: string | null
  readonly region: string | null
}

/** The taxes of a cart: what is contained in the total, and what is added to it. Minor units. */
export interface Taxed {
  readonly included: number
  readonly additional: number
  readonly notices: readonly Notice[]
  /** What an outside engine is to be asked. */
  readonly wanted: Wanted | null
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
export function taxOn(amount: number, rate: TaxRate | undefined, rounding: Rounding): TaxAmount | null {
  if (!rate) return null
  const tax = rate.included ? percentIncludedIn(amount, rate.percent, rounding) : percentOf(amount, rate.percent, rounding)
  const id = [rate.category, rate.country, rate.region].filter(Boolean).join('/')
  return { id, name: rate.name, percent: rate.percent, amount: tax, included: rate.included }
}

/** What a cart asks of whoever knows its taxes. */
export function taxRequestOf(cart: Cart, sold: readonly Work[], shipped: Shipped): TaxRequest {
  const address = cart.shippingAddress ?? cart.billingAddress
  return {
    currency: cart.currency,
    destination: destinationIn(address),
    lines: sold.map((work) => ({
      id: work.line.id,
      sku: work.line.sku,
      category: work.taxCategory,
      quantity: work.line.quantity,
      amount: leftOf(work),
    })),
    shipping: shipped.amount + shipped.discount,
    customer: {
      accountId: cart.owner.kind === 'account' ? cart.owner.accountId : null,
      exempt: cart.taxExempt,
      vatId: cart.vatId,
    },
  }
}

/** The taxes by the shop's own rates. */
export function taxesByRates(request: TaxRequest, settings: Settings, _trace: Trace | null): TaxQuote {
  const zone: TaxZone = {
    country: request.destination?.country ?? settings.tax.defaultCountry,
    region: request.destination?.region ?? null,
  }
  const { rounding } = settings.pricing
  const of = (category: string | null, amount: number): TaxAmount[] => {
    const tax = taxOn(amount, category === null ? undefined : rateFor(settings, category, zone), rounding)
    return tax ? [tax] : []
  }
  return {
    lines: new Map(request.lines.map(({ id, category, amount }) => [id, of(category, amount)])),
    shipping: request.shipping > 0 ? of(settings.tax.shippingCategory, request.shipping) : [],
  }
}

/** Adds the taxes of what is sold and of shipping as adjustments. */
export function applyTaxes(cart: Cart, sold: readonly Work[], shipped: Shipped, facts: Facts, trace: Trace | null): Taxed {
  const { settings } = facts.shop
  const { provider } = settings.tax
  if (provider === null && settings.tax.rates.length === 0) return { included: 0, additional: 0, notices: [], wanted: null }
  const request = taxRequestOf(cart, sold, shipped)
  const own = () => taxesByRates(request, settings, trace)
  const selected = provider === null ? { answer: own(), provider, wanted: null } : selectTaxes(cart, request, provider, facts, own, trace)
  const { answer: quote, wanted } = selected
  if (quote === null) return { included: 0, additional: 0, notices: [notice('tax_unknown', 'error', '', {})], wanted }
  let included = 0
  let additional = 0
  const add = (taxes: readonly TaxAmount[], target: 'line' | 'shipping', adjustments: Adjustment[], lineId?: string): void => {
    for (const tax of taxes) {
      if (tax.included) included += tax.amount
      else additional += tax.amount
      adjustments.push({
        type: 'tax',
        label: `${tax.name} ${tax.percent} %`,
        amount: money(tax.amount, cart.currency),
        included: tax.included,
        source: selected.provider === null ? { kind: 'tax_rate', id: tax.id } : { kind: 'provider', id: selected.provider },
        target,
        ...(lineId === undefined ? {} : { lineId }),
      })
    }
  }
  for (const work of sold) add(quote.lines.get(work.line.id) ?? [], 'line', work.adjustments, work.line.id)
  add(quote.shipping, 'shipping', shipped.adjustments)
  return { included, additional, notices: [], wanted }
}
