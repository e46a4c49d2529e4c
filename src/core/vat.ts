// Which VAT identification numbers have the right form, and which country gave them. Form and check digit only: whether a number is in use today
// is known to VIES and the tax offices, and a server that asked them says so (`vatIdChecked`).
import {
  austria,
  belgium,
  bulgaria,
  checkVAT,
  croatia,
  cyprus,
  czechRepublic,
  denmark,
  estonia,
  finland,
  france,
  germany,
  greece,
  hungary,
  ireland,
  italy,
  latvia,
  lithuania,
  luxembourg,
  malta,
  netherlands,
  poland,
  portugal,
  romania,
  slovakiaRepublic,
  slovenia,
  spain,
  sweden,
  switzerland,
  unitedKingdom,
} from 'jsvat-next'

/** The European Union, Great Britain with Northern Ireland (`XI`), and Switzerland: the countries whose numbers begin with their letters. */
const COUNTRIES = [
  ...[austria, belgium, bulgaria, croatia, cyprus, czechRepublic, denmark, estonia, finland, france, germany, greece, hungary, ireland],
  ...[italy, latvia, lithuania, luxembourg, malta, netherlands, poland, portugal, romania, slovakiaRepublic, slovenia, spain, sweden],
  ...[unitedKingdom, switzerland],
]

/**
 * A VAT identification number as it is kept: upper case, without spaces, dots and hyphens, Greek ones with `EL`. Null when its form or its check
 * digit is wrong, or its country is none of those that are known here.
 * @example normaliseVatId('de 136 695 976') // 'DE136695976'
 */
export function normaliseVatId(text: string): string | null {
  const id = text
    .toUpperCase()
    .replace(/[\s.-]/g, '')
    .replace(/^GR/, 'EL')
  return /^[A-Z]{2}/.test(id) && checkVAT(id, COUNTRIES).isValid ? id : null
}

/**
 * The country that gave a VAT id, as ISO 3166-1 alpha-2. Numbers of Northern Ireland answer `XI`: its goods are in the VAT area of the European
 * Union, those of Great Britain are not.
 */
export function vatCountry(vatId: string): string {
  const prefix = vatId.slice(0, 2)
  return prefix === 'EL' ? 'GR' : prefix
}
