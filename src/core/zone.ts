// Whether a place is in a zone: what countries, regions and postal codes of a rate mean, for tax and for shipping alike. How people write a code does
// not matter: case, spaces and hyphens are left out before it is compared.
import type { Destination } from './quote.ts'

/** Where a rate holds. A list that is absent restricts nothing; what is not known of a place is in no list. */
export interface Zone {
  readonly countries?: readonly string[]
  readonly regions?: readonly string[]
  /** Patterns, see `parsePostalCodes`. */
  readonly postalCodes?: readonly string[]
}

/** Whether the zone holds for a place; null is a place that nobody knows, which only a zone without lists is for. */
export function isInZone({ countries, regions, postalCodes }: Zone, place: Destination | null): boolean {
  if (countries && !(place && countries.includes(place.country))) return false
  if (regions && !regions.some((region) => plainRegion(region) === plainRegion(place?.region ?? ''))) return false
  return !postalCodes || matchesPostalCode(postalCodes, place?.postalCode ?? '', place?.country ?? null)
}

/** Postal codes by their beginnings: those whose first characters are from `from` to `to` (of one length). `exact`: nothing may follow. */
export interface PostalRange {
  readonly from: string
  readonly to: string
  readonly exact: boolean
}

/**
 * Reads `94103`, `941*` or `94000-94999`. A hyphen stands for a range where both sides have the same length; elsewhere it belongs to the code
 * (`100-0001`). Null for everything else.
 */
export function parsePostalCodes(pattern: string): PostalRange | null {
  const sides = pattern.split('-').map((side) => plain(side))
  const [from = '', to = ''] = sides
  if (sides.length === 2 && from.length === to.length) return isCode(from) && isCode(to) && from <= to ? { from, to, exact: false } : null
  const isPrefix = pattern.trimEnd().endsWith('*')
  const code = plain(isPrefix ? pattern.trimEnd().slice(0, -1) : pattern)
  return isCode(code) ? { from: code, to: code, exact: !isPrefix } : null
}

/** Why a pattern of postal codes means nothing, or null. */
export function postalCodeFault(pattern: string): string | null {
  if (parsePostalCodes(pattern) !== null) return null
  const [from = '', to = ''] = pattern.split('-').map((side) => plain(side))
  return isCode(from) && isCode(to) && from.length === to.length && from > to ? 'range_backwards' : 'not_postal_codes'
}

/** Lists that were read already: those of settings stay the same values as long as the settings do. */
const read = new WeakMap<readonly string[], readonly PostalRange[]>()

function matchesPostalCode(patterns: readonly string[], postalCode: string, country: string | null): boolean {
  const known = read.get(patterns) ?? patterns.flatMap((pattern) => parsePostalCodes(pattern) ?? [])
  read.set(patterns, known)
  // Of the United States the five digits that every code has: those after the hyphen only say which building it is.
  const code = country === 'US' ? plain(postalCode).slice(0, 5) : plain(postalCode)
  return known.some((range) => isWithin(code, range))
}

function isWithin(code: string, { from, to, exact }: PostalRange): boolean {
  if (exact) return code === from
  const beginning = code.slice(0, from.length)
  return beginning.length === from.length && from <= beginning && beginning <= to
}

function plain(text: string): string {
  return text.toUpperCase().replace(/[\s-]/g, '')
}

function isCode(text: string): boolean {
  return /^[A-Z0-9]{1,12}$/.test(text)
}

/** A region as it is compared: people write `ca` and `CA`. */
export function plainRegion(region: string): string {
  return region.trim().toUpperCase()
}
