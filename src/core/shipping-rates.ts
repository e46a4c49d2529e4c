// What shipping costs by the shop's own tables: which methods are offered for what is shipped and where it goes, and at what price. Also what is
// wrong with a table before it is kept. An outside engine answers the same plain value (`ShippingQuote`), so it replaces this file only.
import { exponentOf, multiply, sum } from './money.ts'
import type { ShippingQuote, ShippingRequest } from './quote.ts'
import { type Refusal, refuse } from './refusal.ts'
import type { Settings, ShippingMethod, ShippingRate } from './settings.ts'
import type { RateTrace, Trace } from './trace.ts'
import { isInZone, postalCodeFault } from './zone.ts'

/** The methods that are offered, in the shop's order, with their prices. */
export function quotesByRates(request: ShippingRequest, settings: Settings, trace: Trace | null): ShippingQuote[] {
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
      passed(trace, rateId, 'zone', { destination: request.destination })
    } else {
      const { amount, saw } = priced(rate, request, load)
      if (amount === null) return passed(trace, rateId, 'amount_too_large', saw)
      trace?.rates.push({ kind: 'shipping', of: 'shipping', id: rateId, chosen: true, reason: null, saw })
      return { id, name, amount }
    }
  }
  return null
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

/** What the schema of a table cannot say; the refusal's path begins with `path`. */
export function methodsRefusal(methods: readonly ShippingMethod[], path: string): Refusal | null {
  const ids = new Set<string>()
  for (const [index, method] of methods.entries()) {
    if (ids.has(method.id)) return refuse('invalid', { path: `${path}/${index}/id`, reason: 'duplicate_id', id: method.id })
    ids.add(method.id)
    for (const [each, rate] of method.rates.entries()) {
      const refused = rateRefusal(rate, `${path}/${index}/rates/${each}`)
      if (refused) return refused
    }
  }
  return null
}

function rateRefusal(rate: ShippingRate, path: string): Refusal | null {
  const invalid = (field: string, reason: string) => refuse('invalid', { path: `${path}/${field}`, reason })
  const { currency, countries, regions, postalCodes = [], by, steps, surcharges = [] } = rate
  if (exponentOf(currency) === undefined) return refuse('currency_unknown', { path: `${path}/currency`, currency })
  // The same region or code exists in many countries.
  if (!countries && regions) return invalid('regions', 'needs_countries')
  if (!countries && rate.postalCodes) return invalid('postalCodes', 'needs_countries')
  for (const [index, pattern] of postalCodes.entries()) {
    const fault = postalCodeFault(pattern)
    if (fault) return invalid(`postalCodes/${index}`, fault)
  }
  if (by !== undefined && !steps) return invalid('by', 'needs_steps')
  if (steps && by === undefined) return invalid('steps', 'needs_by')
  const behind = steps?.findIndex((step, index) => index > 0 && step.from <= (steps[index - 1]?.from ?? 0)) ?? -1
  if (behind >= 0) return invalid(`steps/${behind}/from`, 'steps_must_ascend')
  const twice = surcharges.findIndex(({ category }, index) => surcharges.findIndex((other) => other.category === category) < index)
  return twice >= 0 ? invalid(`surcharges/${twice}/category`, 'duplicate_category') : null
}
