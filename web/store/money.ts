// Money as people read and write it. Amounts are minor units; no float is computed with.
import type { Language } from './words.ts'

function digitsOf(currency: string): number {
  return new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2
}

/** An amount of minor units as text: `1800 USD` is `$18.00`. */
export function formatMoney({ amount, currency }: { readonly amount: number; readonly currency: string }, language: Language): string {
  const digits = digitsOf(currency)
  const units = String(Math.abs(amount)).padStart(digits + 1, '0')
  const cut = units.length - digits
  const decimal = `${amount < 0 ? '-' : ''}${units.slice(0, cut)}${digits ? `.${units.slice(cut)}` : ''}`
  // Formatted from its decimal text: exact for every amount.
  return new Intl.NumberFormat(language, { style: 'currency', currency }).format(decimal as Intl.StringNumericLiteral)
}

/** What somebody typed as minor units, or null where it is no amount of the currency. Both `12.50` and `12,50` are understood. */
export function minorUnits(text: string, currency: string): number | null {
  const digits = digitsOf(currency)
  const match = /^\s*(\d{1,12})(?:[.,](\d*))?\s*$/.exec(text)
  const fraction = match?.[2] ?? ''
  if (!match || fraction.length > digits) return null
  const amount = Number(`${match[1]}${fraction.padEnd(digits, '0')}`)
  return Number.isSafeInteger(amount) ? amount : null
}
