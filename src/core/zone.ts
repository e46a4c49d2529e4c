// Whether a place is in a zone: what countries, regions and postal codes of a rate mean. How people write a code does not matter: case, spaces and
// hyphens are left out before it is compared.
import type { Destination } from './quote.ts'

/** Where a rate holds. A list that is absent restricts nothing; what is not known of a place is in no list. */
export interface Zone {
  readonly countries?: readonly string[]
  readonly regions?: readonly string[]
  /** Patterns, see `matchesPostalCode`. */
  readonly postalCodes?: readonly string[]
}

/** Whether the zone holds for a place; null is a place that nobody knows, which only a zone without lists is for. */
export function isInZone({ countries, regions, postalCodes }: Zone, place: Destination | null): boolean {
  if (countries && !(place && countries.includes(place.country))) return false
  if (regions && !regions.some((region) => plainRegion(region) === plainRegion(place?.region ?? ''))) return false
  return !postalCodes || matchesPostalCode(postalCodes, place?.postalCode ?? '')
}

/**
 * Whether a postal code is one of these: exactly (`94103`, `SW1A1AA`), by its beginning (`941*`), or in a range of digits (`94000-94999`, both ends
 * included, codes of another length are not in it).
 */
export function matchesPostalCode(patterns: readonly string[], postalCode: string): boolean {
  const code = plainPostalCode(postalCode)
  return patterns.some((pattern) => isMatch(pattern, code))
}

/** Why a pattern of postal codes means nothing, or null. */
export function postalCodeFault(pattern: string): string | null {
  const [from = '', until] = pattern.split('-')
  if (until === undefined) return null
  if (from.length !== until.length || !isDigits(from) || !isDigits(until)) return 'range_needs_digits_of_one_length'
  return from > until ? 'range_backwards' : null
}

function isMatch(pattern: string, code: string): boolean {
  if (pattern.endsWith('*')) return code.startsWith(pattern.slice(0, -1))
  const [from = '', until] = pattern.split('-')
  if (until === undefined) return code === pattern
  // Digits of one length are in order as texts, too.
  return code.length === from.length && isDigits(code) && from <= code && code <= until
}

/** The four digits after the hyphen of an American ZIP+4 only say which building it is. */
function plainPostalCode(postalCode: string): string {
  return postalCode
    .trim()
    .toUpperCase()
    .replace(/^(\d{5})-\d{4}$/, '$1')
    .replace(/[\s-]/g, '')
}

function isDigits(text: string): boolean {
  return /^\d+$/.test(text)
}

/** A region as it is compared: people write `ca` and `CA`. */
export function plainRegion(region: string): string {
  return region.trim().toUpperCase()
}
