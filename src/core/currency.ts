// Which currencies there are, and how many decimals they have: the ISO 4217 table of the library `currency-codes`, never a locale's display rules
// (MON-2). A file of its own, so that a page that only adds amounts up does not load the table.
import currencyCodes from 'currency-codes'

const exponents: ReadonlyMap<string, number> = new Map(currencyCodes.data.map(({ code, digits }) => [code, digits]))

/** Number of decimals of a currency (USD 2, JPY 0, KWD 3), or undefined when ISO 4217 does not know the code. */
export function exponentOf(currency: string): number | undefined {
  return exponents.get(currency)
}

/** Every ISO 4217 code that the table knows. */
export function currencies(): string[] {
  return [...exponents.keys()]
}

/**
 * Reads a decimal string exactly into minor units: `'19.9'` USD is 1990. Null when it is not a number, has more decimals than the currency,
 * or does not fit.
 */
export function parseDecimal(text: string, currency: string): number | null {
  const exponent = exponentOf(currency)
  const match = /^(-?)(\d{1,16})(?:\.(\d+))?$/.exec(text.trim())
  if (exponent === undefined || !match) return null
  const decimals = (match[3] ?? '').replace(/0+$/, '')
  if (decimals.length > exponent) return null
  const amount = Number(`${match[1]}${match[2]}${decimals.padEnd(exponent, '0')}`)
  if (!Number.isSafeInteger(amount)) return null
  return amount === 0 ? 0 : amount
}

/** Writes minor units as a decimal string: 1990 USD is `'19.90'`, 1990 JPY is `'1990'`. */
export function formatDecimal(amount: number, currency: string): string {
  const exponent = exponentOf(currency) ?? 0
  const digits = String(Math.abs(amount)).padStart(exponent + 1, '0')
  const sign = amount < 0 ? '-' : ''
  return exponent === 0 ? `${sign}${digits}` : `${sign}${digits.slice(0, -exponent)}.${digits.slice(-exponent)}`
}
