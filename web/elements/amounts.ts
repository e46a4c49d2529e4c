// Amounts as people read and write them. Minor units and their exponents are ISO 4217's, never a locale's display rules, and nothing here
// computes with fractions: text becomes an integer and an integer becomes text.
import type { Money } from '../../src/core/money.ts'

/** Currencies whose exponent is not 2. The full table would weigh more than all elements; a test holds the two equal. */
const EXPONENTS: Readonly<Record<string, string>> = {
  0: 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XAG XAU XBA XBB XBC XBD XDR XOF XPD XPF XPT XSU XTS XUA XXX',
  3: 'BHD IQD JOD KWD LYD OMR TND',
  4: 'CLF UYW',
}

/** Number of decimals of a currency (USD 2, JPY 0, KWD 3). */
export function decimalsOf(currency: string): number {
  const found = Object.entries(EXPONENTS).find(([, codes]) => codes.split(' ').includes(currency))
  return found ? Number(found[0]) : 2
}

/** An amount as a decimal: 1999 of USD is `19.99`. */
export function decimalText({ amount, currency }: Money): string {
  const decimals = decimalsOf(currency)
  const digits = String(Math.abs(amount)).padStart(decimals + 1, '0')
  const whole = decimals === 0 ? digits : `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`
  return amount < 0 ? `-${whole}` : whole
}

/** An amount in words of a language: 1999 of USD is `$19.99` in English. */
export function moneyText(money: Money, language: string): string {
  const decimals = decimalsOf(money.currency)
  const format = new Intl.NumberFormat(language, {
    style: 'currency',
    currency: money.currency,
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  })
  // As text, because text is formatted digit by digit.
  return format.format(decimalText(money) as Intl.StringNumericLiteral)
}

/** What a person wrote (`12`, `12.5`, `12,50`) in minor units, or null where it is no amount of this currency. */
export function minorUnits(text: string, currency: string): number | null {
  const decimals = decimalsOf(currency)
  const [, whole, fraction = ''] = /^(\d{1,15})(?:[.,](\d{1,4}))?$/.exec(text.trim()) ?? []
  if (whole === undefined || fraction.length > decimals) return null
  const amount = Number(whole + fraction.padEnd(decimals, '0'))
  return Number.isSafeInteger(amount) ? amount : null
}
