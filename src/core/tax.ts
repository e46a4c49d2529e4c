// Which taxes are owed. Included rates are contained in prices (VAT), others are added (sales tax). Tax is computed on what is left after
// discounts, which is what British, German and Californian rules ask. Computing answers a plain value (`TaxQuote`), the same that an outside engine
// answers; applying it makes adjustments. Fractions are exact until they are rounded once, where the shop says (`tax.roundingLevel`).
import { type Adjustment, inCanonicalOrder, leftOf, type Work } from './adjustment.ts'
import { type Cart, destinationIn, type LineTax, money, type Notice, notice } from './cart.ts'
import type { Facts } from './facts.ts'
import { divideRounded, exactText, parsePercent, type Rounding, wholeAndRest } from './money.ts'
import type { Destination, TaxAmount, TaxQuote, TaxRequest, Wanted } from './quote.ts'
import { selectTaxes } from './quoting.ts'
import type { Settings, TaxRate } from './settings.ts'
import type { Shipped } from './shipping.ts'
import type { Trace } from './trace.ts'
import { isInZone } from './zone.ts'

/** The taxes of a cart: what is contained in the total, and what is added to it (negative where a contained tax is not charged). Minor units. */
export interface Taxed {
  readonly included: number
  readonly additional: number
  readonly notices: readonly Notice[]
  /** What an outside engine is to be asked. */
  readonly wanted: Wanted | null
}

/**
 * What a cart asks of whoever knows its taxes: lines in an order that does not depend on the cart's, without those whose taxes a server set.
 */
function taxRequestOf(cart: Cart, sold: readonly Work[], shipped: Shipped, settings: Settings): TaxRequest {
  return {
    currency: cart.currency,
    destination: destinationOf(cart, settings),
    lines: inCanonicalOrder(sold.filter((work) => work.line.taxes === null)).map((work) => ({
      id: work.line.id,
      sku: work.line.sku,
      category: work.taxCategory,
      quantity: work.line.quantity,
      amount: leftOf(work),
    })),
    shipping: shipped.amount + shipped.discount,
    customer: {
      accountId: cart.owner.kind === 'account' ? cart.owner.accountId : null,
      exempt: cart.taxExempt || cart.customerGroups.some((group) => settings.tax.exemptGroups.includes(group)),
      vatId: cart.vatId,
      vatIdChecked: cart.vatIdChecked,
    },
  }
}

/** The address that decides the tax (SEED3-53): the one that the shop names, else the other. */
function destinationOf(cart: Cart, settings: Settings): Destination | null {
  const shipping = cart.shippingAddress
  const billing = cart.billingSameAsShipping ? (shipping ?? cart.billingAddress) : cart.billingAddress
  const address = settings.tax.basedOn === 'billing' ? (billing ?? shipping) : (shipping ?? billing)
  return destinationIn(address)
}

// Which rates count where ------------------------------------------------------------------------------------------------------------------

/** A rate of the asked category, and why it is passed over; `reason` is null for those that count. */
export interface JudgedRate {
  readonly rate: TaxRate
  readonly reason: 'other_zone' | 'less_specific' | null
}

/** The rate's id: its own, or else what it is about (`standard/US/CA`). */
export function rateId(rate: TaxRate): string {
  return rate.id ?? [rate.category, rate.country, rate.region, rate.tax].filter(Boolean).join('/')
}

/** All rates of a category, in the order of the list, each with whether it counts there. */
export function judgeRates(rates: readonly TaxRate[], category: string, place: Destination | null): JudgedRate[] {
  const ofCategory = rates.filter((rate) => rate.category === category)
  const best = new Map<string, TaxRate>()
  const covering = ofCategory.filter((rate) => covers(rate, place))
  for (const rate of covering) {
    const known = best.get(taxOf(rate))
    if (!known || specificity(rate) > specificity(known)) best.set(taxOf(rate), rate)
  }
  const inZone = new Set(covering)
  return ofCategory.map((rate) => {
    const reason = !inZone.has(rate) ? 'other_zone' : best.get(taxOf(rate)) !== rate ? 'less_specific' : null
    return { rate, reason }
  })
}

/** Which tax a rate is of. */
export function taxOf(rate: TaxRate): string {
  return rate.tax ?? 'tax'
}

function specificity(rate: TaxRate): number {
  return (rate.postalCodes === undefined ? 0 : 4) + (rate.region === undefined ? 0 : 2) + (rate.country === undefined ? 0 : 1)
}

function covers({ country, region, postalCodes }: TaxRate, place: Destination | null): boolean {
  return isInZone(
    { ...(country && { countries: [country] }), ...(region && { regions: [region] }), ...(postalCodes && { postalCodes }) },
    place,
  )
}

// Why nothing is owed ---------------------------------------------------------------------------------------------------------------------

type Relief = NonNullable<TaxAmount['waived']>

/**
 * Why this buyer is charged no tax, or null. Reverse charge: the buyer accounts for it, which asks for a VAT id of the destination's country, one
 * that the shop names and that is not its own, checked where the shop wants that.
 */
function reliefOf({ customer }: TaxRequest, settings: Settings, country: string | null): Relief | null {
  if (customer.exempt) return 'exempt'
  const rule = settings.tax.reverseCharge
  if (rule === null || customer.vatId === null || country === null) return null
  const from = vatCountry(customer.vatId)
  // Goods for Northern Ireland go to addresses in Great Britain.
  const isThere = from === country || (from === 'XI' && country === 'GB')
  const isFit = isThere && rule.countries.includes(from) && from !== rule.home && country !== rule.home
  return isFit && (rule.require === 'format' || customer.vatIdChecked) ? 'reverse_charge' : null
}

// Which taxes, and how much of an amount they are -----------------------------------------------------------------------------------------

/** A tax as an exact share of the amount that it is on: `amount × numerator / denominator`. */
interface Charge {
  readonly id: string
  readonly name: string
  readonly percent: string
  readonly included: boolean
  readonly numerator: bigint
  readonly denominator: bigint
}

type Listed = Pick<Charge, 'id' | 'name' | 'percent' | 'included'> & { readonly compound: boolean }

/**
 * Taxes that are owed together, as shares of one amount. A compound one is on the amount and the taxes that are not compound: in Quebec before
 * 2013, 5 % GST on 100.00 was 5.00 and 7.5 % QST was on 105.00, which is 7.875 or 7.875 % of the amount. Contained in a price, all of them are: net =
 * price / (1 + sum of shares), and each is its share of that net. Taxes that are contained and taxes that are added know nothing of each other.
 */
function chargesOf(taxes: readonly Listed[]): Charge[] {
  return [true, false].flatMap((included) => sharesOf(taxes.filter((tax) => tax.included === included)))
}

function sharesOf(taxes: readonly Listed[]): Charge[] {
  const fractions = taxes.map(({ percent }) => parsePercent(percent) ?? { numerator: 0n, denominator: 1n })
  const unit = fractions.reduce((largest, { denominator }) => (denominator > largest ? denominator : largest), 1n)
  // Denominators are powers of ten, so the largest one is a multiple of all. Shares are counted in parts of `unit` × `unit`.
  const plain = fractions.map(({ numerator, denominator }) => numerator * wholeAndRest(unit, denominator).whole)
  const simple = plain.reduce((sum, part, index) => (taxes[index]?.compound ? sum : sum + part), 0n)
  const parts = plain.map((part, index) => (taxes[index]?.compound ? part * (unit + simple) : part * unit))
  const all = parts.reduce((sum, part) => sum + part, 0n)
  return taxes.map(({ id, name, percent, included }, index) => ({
    id,
    name,
    percent,
    included,
    numerator: parts[index] ?? 0n,
    denominator: included ? unit * unit + all : unit * unit,
  }))
}

function listedRate(rate: TaxRate): Listed {
  return { id: rateId(rate), name: rate.name, percent: rate.percent, included: rate.included, compound: rate.compound === true }
}

/** The taxes by the shop's own rates. */
function taxesByRates(request: TaxRequest, settings: Settings, trace: Trace | null): TaxQuote {
  const { defaultCountry } = settings.tax
  const place = request.destination ?? (defaultCountry === null ? null : { country: defaultCountry })
  const saw = { country: place?.country ?? null, region: place?.region ?? null, postalCode: place?.postalCode ?? null }
  const relief = reliefOf(request, settings, saw.country)
  const known = new Map<string, Charge[]>()
  const chargesIn = (category: string | null, of: string): Charge[] => {
    if (category === null) return []
    const before = trace === null ? known.get(category) : undefined
    if (before) return before
    const judged = judgeRates(settings.tax.rates, category, place)
    for (const { rate, reason } of judged) {
      const { percent, included, tax = 'tax' } = rate
      const why = reason ?? relief
      trace?.rates.push({ kind: 'tax', of, id: rateId(rate), chosen: why === null, reason: why, saw: { ...saw, tax, percent, included } })
    }
    // One list per category, so that order-level sums find each tax again.
    const charges =
      known.get(category) ??
      reliefFrom(
        judged.flatMap(({ rate, reason }) => (reason === null ? listedRate(rate) : [])),
        relief,
        settings,
      )
    known.set(category, charges)
    return charges
  }
  const items: Taxable[] = request.lines.map(({ id, category, amount, quantity }) => ({
    of: id,
    amount,
    quantity,
    charges: chargesIn(category, id),
  }))
  if (request.shipping > 0)
    items.push({ of: 'shipping', amount: request.shipping, quantity: 1, charges: chargesIn(settings.tax.shippingCategory, 'shipping') })
  const owed = amountsOf(items, settings, trace).map((amounts) => (relief === null ? amounts : amounts.map((tax) => waive(tax, relief))))
  return {
    lines: new Map(request.lines.map(({ id }, index) => [id, owed[index] ?? []])),
    shipping: owed[request.lines.length] ?? [],
  }
}

/**
 * What is computed for a buyer who is charged none: nothing that would be added, and what prices contain only where it is taken out of them
 * (`tax.exemptPrices`).
 */
function reliefFrom(taxes: readonly Listed[], relief: Relief | null, settings: Settings): Charge[] {
  if (relief === null) return chargesOf(taxes)
  return settings.tax.exemptPrices === 'gross' ? [] : chargesOf(taxes.filter((tax) => tax.included))
}

/** A contained tax that is not charged: the buyer pays the price without it. */
function waive(tax: TaxAmount, waived: Relief): TaxAmount {
  return { ...tax, amount: tax.amount === 0 ? 0 : -tax.amount, included: false, waived }
}

// How much, and where it is rounded -------------------------------------------------------------------------------------------------------

interface Taxable {
  /** A line's id, or `shipping`. */
  readonly of: string
  readonly amount: number
  readonly quantity: number
  readonly charges: readonly Charge[]
}

/** The tax of each item, in the order of its charges. What a price contains is never more than the price. */
function amountsOf(items: readonly Taxable[], settings: Settings, trace: Trace | null): TaxAmount[][] {
  const { rounding } = settings.pricing
  const level = settings.tax.roundingLevel
  const amounts = level === 'order' ? roundedTogether(items, rounding, trace) : roundedAlone(items, level, rounding, trace)
  return items.map(({ charges }, item) =>
    charges.map(({ id, name, percent, included }, index) => ({
      id,
      name,
      percent,
      amount: Number(amounts[item]?.[index] ?? 0n),
      included,
    })),
  )
}

function roundedAlone(items: readonly Taxable[], level: 'unit' | 'line', rounding: Rounding, trace: Trace | null): bigint[][] {
  return items.map(({ of, amount, quantity, charges }) => {
    // What is left of a line may not divide by its pieces: the tax of one piece is a fraction of the whole.
    const pieces = level === 'unit' ? BigInt(quantity) : 1n
    let room = BigInt(amount)
    return charges.map((charge) => {
      const numerator = BigInt(amount) * charge.numerator
      const rounded = divideRounded(numerator, charge.denominator * pieces, rounding)
      const what = `tax ${charge.id}${pieces === 1n ? '' : ' of one piece'}`
      trace?.roundings.push({ what, of, exact: exactText(numerator, charge.denominator * pieces), rounded: Number(rounded), rounding })
      const tax = rounded * pieces
      if (!charge.included) return tax
      const contained = tax < room ? tax : room
      room -= contained
      return contained
    })
  })
}

interface Share {
  readonly item: number
  readonly index: number
  readonly rest: bigint
}

/**
 * Each tax is summed exactly over all items and rounded once. Every item first gets its own rounded down; what is left goes, one unit each, to the
 * largest remainders, on a tie to the earlier item.
 */
function roundedTogether(items: readonly Taxable[], rounding: Rounding, trace: Trace | null): bigint[][] {
  const room = items.map(({ amount }) => BigInt(amount))
  const amounts = items.map(({ charges }) => charges.map(() => 0n))
  const sums = new Map<Charge, { exact: bigint; whole: bigint; shares: Share[] }>()
  const give = (item: number, index: number, tax: bigint, included: boolean): void => {
    const row = amounts[item]
    if (row) row[index] = (row[index] ?? 0n) + tax
    if (included) room[item] = (room[item] ?? 0n) - tax
  }
  for (const [item, { amount, charges }] of items.entries()) {
    for (const [index, charge] of charges.entries()) {
      const exact = BigInt(amount) * charge.numerator
      const { whole, rest } = wholeAndRest(exact, charge.denominator)
      const sum = sums.get(charge) ?? { exact: 0n, whole: 0n, shares: [] }
      sum.exact += exact
      sum.whole += whole
      sum.shares.push({ item, index, rest })
      sums.set(charge, sum)
      give(item, index, whole, charge.included)
    }
  }
  for (const [charge, { exact, whole, shares }] of sums) {
    const rounded = divideRounded(exact, charge.denominator, rounding)
    trace?.roundings.push({
      what: `tax ${charge.id}`,
      of: 'order',
      exact: exactText(exact, charge.denominator),
      rounded: Number(rounded),
      rounding,
    })
    let left = rounded - whole
    const byRest = shares.toSorted((a, b) => (a.rest === b.rest ? a.item - b.item : a.rest > b.rest ? -1 : 1))
    for (const { item, index } of byRest) {
      if (left === 0n) break
      if (charge.included && (room[item] ?? 0n) <= 0n) continue
      give(item, index, 1n, charge.included)
      left -= 1n
    }
  }
  return amounts
}

// Applying --------------------------------------------------------------------------------------------------------------------------------

/** Adds the taxes of what is sold and of shipping as adjustments. */
export function applyTaxes(cart: Cart, sold: readonly Work[], shipped: Shipped, facts: Facts, trace: Trace | null): Taxed {
  const { settings } = facts.shop
  const { provider } = settings.tax
  const total = { included: 0, additional: 0 }
  const add = (
    taxes: readonly TaxAmount[],
    kind: 'tax_rate' | 'external' | 'provider',
    adjustments: Adjustment[],
    lineId?: string,
  ): void => {
    for (const tax of taxes) {
      total[tax.included ? 'included' : 'additional'] += tax.amount
      adjustments.push({
        type: 'tax',
        label: labelOf(tax),
        amount: money(tax.amount, cart.currency),
        included: tax.included,
        source: { kind, id: kind === 'provider' ? (provider ?? '') : tax.id },
        target: lineId === undefined ? 'shipping' : 'line',
        ...(lineId === undefined ? {} : { lineId }),
      })
    }
  }
  const set = inCanonicalOrder(sold.filter((work) => work.line.taxes !== null))
  for (const [index, taxes] of taxesBySaying(set, settings, trace).entries()) {
    const work = set[index]
    if (work) add(taxes, 'external', work.adjustments, work.line.id)
  }
  if (provider === null && settings.tax.rates.length === 0) return { ...total, notices: [], wanted: null }
  const request = taxRequestOf(cart, sold, shipped, settings)
  const own = () => taxesByRates(request, settings, trace)
  const selected = provider === null ? { answer: own(), provider, wanted: null } : selectTaxes(cart, request, provider, facts, own, trace)
  const { answer: quote, wanted } = selected
  if (quote === null) return { ...total, notices: [notice('tax_unknown', 'error', '', {})], wanted }
  const kind = selected.provider === null ? 'tax_rate' : 'provider'
  for (const work of sold) add(quote.lines.get(work.line.id) ?? [], kind, work.adjustments, work.line.id)
  add(quote.shipping, kind, shipped.adjustments)
  return { ...total, notices: [], wanted }
}

/** Taxes that a server set on lines (C16): as it said, whatever the rates and the buyer are. */
function taxesBySaying(works: readonly Work[], settings: Settings, trace: Trace | null): TaxAmount[][] {
  if (works.length === 0) return []
  const known = new Map<string, Charge[]>()
  const chargesFor = (taxes: readonly LineTax[]): Charge[] => {
    const key = JSON.stringify(taxes)
    const charges = known.get(key) ?? chargesOf(taxes.map((tax) => ({ ...tax, id: tax.name, compound: false })))
    known.set(key, charges)
    return charges
  }
  const items = works.map((work) => ({
    of: work.line.id,
    amount: leftOf(work),
    quantity: work.line.quantity,
    charges: chargesFor(work.line.taxes ?? []),
  }))
  return amountsOf(items, settings, trace)
}

function labelOf({ name, percent, waived }: TaxAmount): string {
  const label = `${name} ${percent} %`
  if (waived === undefined) return label
  return `${label} not charged (${waived === 'exempt' ? 'exempt' : 'reverse charge'})`
}

/**
 * The country that gave a VAT id, as ISO 3166-1 alpha-2. Numbers of Northern Ireland answer `XI`: its goods are in the VAT area of the European
 * Union, those of Great Britain are not.
 */
export function vatCountry(vatId: string): string {
  const prefix = vatId.slice(0, 2)
  return prefix === 'EL' ? 'GR' : prefix
}
