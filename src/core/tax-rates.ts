// Which lists of tax rates a shop may have, and what their rates are called. What would be ambiguous is refused when rates are written, so that no
// cart's tax depends on the order of a list.
import { type Refusal, refuse } from './refusal.ts'
import type { TaxRate } from './settings.ts'
import { rateId, taxOf } from './tax.ts'
import { parsePostalCodes, plainRegion, postalCodeFault } from './zone.ts'

/** Rates of which each has an id of its own; `makeId` is asked where what a rate is about names another one already. */
export function withRateIds(rates: readonly TaxRate[], makeId: () => string): TaxRate[] {
  const taken = new Set(rates.flatMap((rate) => rate.id ?? []))
  return rates.map((rate) => {
    if (rate.id !== undefined) return rate
    const named = taken.has(rateId(rate)) ? { id: makeId(), ...rate } : rate
    taken.add(rateId(named))
    return named
  })
}

/**
 * What is wrong with a list of rates beyond their form; null where it is unambiguous. `at` is where the list stands in the request. Refused are
 * ids that two rates have, postal codes that cannot be read or have no country, two rates of one tax for the same place, and taxes of one
 * category of which one is contained in prices and another is added to them: what the added one would be computed on is nowhere said.
 */
export function ratesRefusal(rates: readonly TaxRate[], at: string): Refusal | null {
  const ids = new Set<string>()
  for (const [index, rate] of rates.entries()) {
    const path = `${at}/${index}`
    if (rate.id !== undefined && ids.has(rate.id)) return refuse('invalid', { path: `${path}/id`, reason: 'duplicate_id', id: rate.id })
    if (rate.id !== undefined) ids.add(rate.id)
    if (rate.postalCodes !== undefined && rate.country === undefined)
      return refuse('invalid', { path: `${path}/postalCodes`, reason: 'postal_codes_need_a_country' })
    const wrong = (rate.postalCodes ?? []).findIndex((pattern) => postalCodeFault(pattern) !== null)
    if (wrong >= 0) {
      const reason = postalCodeFault(rate.postalCodes?.[wrong] ?? '')
      return refuse('invalid', { path: `${path}/postalCodes/${wrong}`, reason, example: '94103, 941* or 94000-94999' })
    }
  }
  return ambiguity(rates, at) ?? mixture(rates, at)
}

/** Two rates of one category and tax that are equally specific for some place. */
function ambiguity(rates: readonly TaxRate[], at: string): Refusal | null {
  const places = new Map<string, number[]>()
  for (const [index, rate] of rates.entries()) {
    const { category, country = null, region = null, postalCodes } = rate
    const place = JSON.stringify([category, taxOf(rate), country, region && plainRegion(region), postalCodes !== undefined])
    const same = places.get(place) ?? []
    const [other] = same
    if (other !== undefined && postalCodes === undefined) return refuse('invalid', { path: `${at}/${index}`, ...clash(rates[other]) })
    places.set(place, [...same, index])
  }
  for (const same of places.values()) {
    const overlap = same.length < 2 ? null : overlapOf(rates, same)
    if (overlap) return refuse('invalid', { path: `${at}/${overlap.index}/postalCodes/${overlap.pattern}`, ...clash(rates[overlap.other]) })
  }
  return null
}

function clash(other: TaxRate | undefined): { reason: string; other: string | null } {
  return { reason: 'same_zone', other: other ? rateId(other) : null }
}

interface Overlap {
  readonly index: number
  readonly pattern: number
  readonly other: number
}

/** Postal codes that two of these rates name, told at the later one. */
function overlapOf(rates: readonly TaxRate[], indexes: readonly number[]): Overlap | null {
  const spans = indexes.flatMap((index) =>
    (rates[index]?.postalCodes ?? []).flatMap((text, pattern) => {
      const range = parsePostalCodes(text)
      // Behind every code that begins with `to`: no code has this character.
      return range ? [{ index, pattern, from: range.from, end: range.exact ? range.to : `${range.to}\uffff` }] : []
    }),
  )
  spans.sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : a.index - b.index))
  // All before it are apart from each other, so a span that meets any of another rate meets the one that reaches furthest.
  let furthest: (typeof spans)[number] | null = null
  for (const span of spans) {
    if (furthest !== null && furthest.index !== span.index && span.from <= furthest.end)
      return span.index > furthest.index ? { ...span, other: furthest.index } : { ...furthest, other: span.index }
    if (furthest === null || span.end > furthest.end) furthest = span
  }
  return null
}

/** Two taxes of one category that may be owed in one place, one contained in prices and one added to them. */
function mixture(rates: readonly TaxRate[], at: string): Refusal | null {
  for (const [index, rate] of rates.entries()) {
    const meets = (other: TaxRate): boolean =>
      other.category === rate.category &&
      other.included !== rate.included &&
      taxOf(other) !== taxOf(rate) &&
      isCompatible(other.country, rate.country) &&
      isCompatible(other.region && plainRegion(other.region), rate.region && plainRegion(rate.region))
    const other = rates.slice(0, index).find(meets)
    if (other) return refuse('invalid', { path: `${at}/${index}/included`, reason: 'included_and_added', other: rateId(other) })
  }
  return null
}

function isCompatible(a: string | undefined, b: string | undefined): boolean {
  return a === undefined || b === undefined || a === b
}
