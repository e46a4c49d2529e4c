// Which answer counts: that of an outside engine, or what the shop decided for the time when there is none. An engine's answer counts only for
// exactly the question that the cart asks now, and only for an hour. Without one, pricing says what it wants to know, and the policy holds
// (block, last answer, the shop's own rates). What an engine says is checked before it is anybody's price.
import type { Cart } from './cart.ts'
import type { Facts } from './facts.ts'
import { divideRounded, parsePercent, type Rounding, sum, wholeAndRest } from './money.ts'
import type { Quoted, QuoteKind, ShippingQuote, ShippingRequest, TaxAmount, TaxAnswer, TaxQuote, TaxRequest, Wanted } from './quote.ts'
import type { Trace } from './trace.ts'

/** How long an answer counts for its question, in milliseconds. */
const LIFE_MS = 3_600_000
/** How many methods an engine may offer. */
const METHODS_MAX = 100

/** What counts now. `provider` is whose answer it is, null for the shop's own; `answer` is null where nobody knows and the shop wants to wait. */
export interface Selected<Answer> {
  readonly answer: Answer | null
  readonly provider: string | null
  readonly wanted: Wanted | null
}

/** The taxes of a cart whose shop asks an engine. `own` computes them by the shop's rates. */
export function selectTaxes(
  cart: Pick<Cart, 'state'>,
  request: TaxRequest,
  provider: string,
  facts: Facts,
  own: () => TaxQuote,
  trace: Trace | null,
): Selected<TaxQuote> {
  // Where nothing can be owed nobody is asked.
  if (request.shipping === 0 && request.lines.every(({ category }) => category === null))
    return { answer: own(), provider: null, wanted: null }
  const { tax } = facts.quotes
  const text = JSON.stringify([provider, request])
  if (tax && isCurrent(tax, text, momentOf(cart, facts))) {
    note(trace, 'tax', provider, tax, null)
    return { answer: taxQuoteOf(tax.answer), provider, wanted: null }
  }
  note(trace, 'tax', provider, tax, tax?.request === text ? 'too_old' : tax ? 'answers_another_question' : 'no_answer')
  const wanted: Wanted = { kind: 'tax', provider, text, request, needed: true, seen: tax?.at ?? null }
  const { onProviderFailure } = facts.shop.settings.tax
  if (onProviderFailure === 'block') return { answer: null, provider: null, wanted }
  const last = onProviderFailure === 'last' && tax ? lastTaxes(request, provider, tax, facts.shop.settings.pricing.rounding, own) : null
  return last ? { answer: last, provider, wanted } : { answer: own(), provider: null, wanted }
}

/** The shipping methods of a cart whose shop asks an engine. The price rests on them once one is chosen, or where the cheapest counts before. */
export function selectMethods(
  cart: Pick<Cart, 'state' | 'shippingMethod'>,
  request: ShippingRequest,
  provider: string,
  facts: Facts,
  own: () => readonly ShippingQuote[],
  trace: Trace | null,
): Selected<readonly ShippingQuote[]> {
  const { shipping } = facts.quotes
  const text = JSON.stringify([provider, request])
  if (shipping && isCurrent(shipping, text, momentOf(cart, facts))) {
    note(trace, 'shipping', provider, shipping, null)
    return { answer: shipping.answer, provider, wanted: null }
  }
  note(trace, 'shipping', provider, shipping, shipping?.request === text ? 'too_old' : shipping ? 'answers_another_question' : 'no_answer')
  const needed = cart.shippingMethod !== null || facts.shop.settings.shipping.whenNotChosen === 'cheapest'
  const wanted: Wanted = { kind: 'shipping', provider, text, request, needed, seen: shipping?.at ?? null }
  const { onProviderFailure } = facts.shop.settings.shipping
  if (onProviderFailure === 'block') return { answer: null, provider: null, wanted }
  const isLast = onProviderFailure === 'last' && shipping !== null && isSamePlace(shipping.request, provider, request)
  return isLast ? { answer: shipping.answer, provider, wanted } : { answer: own(), provider: null, wanted }
}

/** When the answers at hand came and when they end: moments at which a price may become another. */
export function quoteEdges({ quotes }: Facts): number[] {
  return [quotes.tax, quotes.shipping].flatMap((quoted) => (quoted ? [quoted.at, quoted.at + LIFE_MS] : []))
}

/** Whether an answer counts for this question at this moment. */
export function isCurrent({ request, at }: Quoted<unknown>, text: string, now: number): boolean {
  return request === text && now < at + LIFE_MS
}

/** A closed cart keeps what it cost: what was said about it does not grow old. */
function momentOf({ state }: Pick<Cart, 'state'>, { now }: Facts): number {
  return state === 'CLOSED' ? 0 : now
}

function isSamePlace(
  text: string,
  provider: string,
  { currency, destination }: Pick<ShippingRequest, 'currency' | 'destination'>,
): boolean {
  const [by, asked] = JSON.parse(text) as [string, ShippingRequest]
  return by === provider && asked.currency === currency && JSON.stringify(asked.destination) === JSON.stringify(destination)
}

function note(trace: Trace | null, kind: QuoteKind, provider: string, quoted: Quoted<unknown> | null, reason: string | null): void {
  trace?.rates.push({ kind, of: 'cart', id: provider, chosen: reason === null, reason, saw: { answeredAt: quoted?.at ?? null } })
}

function taxQuoteOf({ lines, shipping }: TaxAnswer): TaxQuote {
  return { lines: new Map(lines.map(({ id, taxes }) => [id, taxes])), shipping }
}

// The last answer ----------------------------------------------------------------------------------------------------------------------

/**
 * The percentages of the last answer on today's amounts: of the same sku and category, else of the same category, else the shop's own rates.
 * Null where the last answer was for another country or region, or for a buyer in another tax position: its percentages mean nothing then.
 */
function lastTaxes(
  request: TaxRequest,
  provider: string,
  { request: text, answer }: Quoted<TaxAnswer>,
  rounding: Rounding,
  own: () => TaxQuote,
): TaxQuote | null {
  const [by, asked] = JSON.parse(text) as [string, TaxRequest]
  if (by !== provider || position(asked) !== position(request)) return null
  const known = taxQuoteOf(answer)
  const byItem = new Map<string, readonly TaxAmount[]>()
  const byCategory = new Map<string | null, readonly TaxAmount[]>()
  for (const { id, sku, category } of asked.lines) {
    const taxes = known.lines.get(id) ?? []
    byItem.set(JSON.stringify([sku, category]), taxes)
    byCategory.set(category, taxes)
  }
  const rates = own()
  const lines = request.lines.map(({ id, sku, category, amount }) => {
    const taxes = byItem.get(JSON.stringify([sku, category])) ?? byCategory.get(category)
    return [id, taxes ? taxesOn(amount, taxes, rounding) : (rates.lines.get(id) ?? [])] as const
  })
  const shipping = request.shipping > 0 && asked.shipping > 0 ? taxesOn(request.shipping, answer.shipping, rounding) : rates.shipping
  return { lines: new Map(lines), shipping }
}

function position({ destination, customer }: TaxRequest): string {
  return JSON.stringify([destination?.country, destination?.region, customer.exempt, customer.vatId, customer.vatIdChecked])
}

/** The same taxes on another amount. What is included in an amount is a share of the amount with all that it includes. */
function taxesOn(amount: number, taxes: readonly TaxAmount[], rounding: Rounding): TaxAmount[] {
  const scaled = taxes.map((tax) => ({ tax, rate: perBillion(tax.percent) }))
  const base = BILLION + scaled.reduce((all, { tax, rate }) => (tax.included ? all + rate : all), 0n)
  let room = amount
  return scaled.map(({ tax, rate }) => {
    const rounded = Number(divideRounded(BigInt(amount) * rate, tax.included ? base : BILLION, rounding))
    if (!tax.included) return { ...tax, amount: rounded }
    // Each is rounded by itself: together they are never more than what contains them.
    const contained = Math.min(rounded, room)
    room -= contained
    return { ...tax, amount: contained }
  })
}

const BILLION = 1_000_000_000n

/** A percentage has at most six decimals, so that this is exact. */
function perBillion(percent: string): bigint {
  const rate = parsePercent(percent)
  return rate ? wholeAndRest(rate.numerator * BILLION, rate.denominator).whole : 0n
}

// What an engine may say ---------------------------------------------------------------------------------------------------------------

/** What is wrong with an engine's taxes for this request, in a sentence; null when they can be taken. */
export function taxAnswerFault({ lines, shipping }: TaxAnswer, request: TaxRequest): string | null {
  const amounts = new Map(request.lines.map(({ id, amount }) => [id, amount]))
  const told = new Set<string>()
  for (const { id, taxes } of lines) {
    const amount = amounts.get(id)
    if (amount === undefined) return `It taxes the line ${JSON.stringify(id)}, which was not asked about.`
    if (told.has(id)) return `It taxes the line ${JSON.stringify(id)} twice.`
    told.add(id)
    const fault = amountsFault(taxes, amount)
    if (fault) return `${fault} (line ${JSON.stringify(id)})`
  }
  const all = [...lines.flatMap((line) => line.taxes), ...shipping].map((tax) => tax.amount)
  if (sum(all) === null) return 'Its taxes together are larger than can be counted.'
  if (request.shipping === 0 && shipping.some((tax) => tax.amount > 0)) return 'It taxes shipping, which costs nothing.'
  const fault = amountsFault(shipping, request.shipping)
  return fault && `${fault} (shipping)`
}

function amountsFault(taxes: readonly TaxAmount[], taxed: number): string | null {
  if (taxes.some(({ amount }) => !Number.isSafeInteger(amount) || amount < 0))
    return 'A tax is not a whole number of minor units from 0 on.'
  if (taxes.some(({ percent }) => parsePercent(percent) === null)) return 'A percentage is not a decimal string such as "19" or "7.7".'
  const included = sum(taxes.flatMap((tax) => (tax.included ? [tax.amount] : [])))
  return included === null || included > taxed ? 'More tax is included than the amount is.' : null
}

/** The same for shipping methods. */
export function methodsFault(methods: readonly ShippingQuote[]): string | null {
  if (methods.length > METHODS_MAX) return `It offers more than ${METHODS_MAX} methods.`
  if (new Set(methods.map(({ id }) => id)).size < methods.length) return 'It offers a method twice.'
  const isPrice = ({ amount }: ShippingQuote) => Number.isSafeInteger(amount) && amount >= 0
  return methods.every(isPrice) ? null : 'A price is not a whole number of minor units from 0 on.'
}
