// How amounts are written at Stripe. We count in the minor units of ISO 4217; Stripe has its own list of how many decimals a currency has, and
// of what must be zero at the end (https://docs.stripe.com/currencies). A wrong decimal is a charge that is a hundred times too large or too
// small, so an amount or currency that these rules do not cover is refused before Stripe is asked.
import { exponentOf } from '../core/currency.ts'

/** Currencies whose amounts have no decimals at Stripe. ISO 4217 gives MGA two, which Stripe does not take. */
const ZERO_DECIMALS = ['BIF', 'CLP', 'DJF', 'GNF', 'JPY', 'KMF', 'KRW', 'MGA', 'PYG', 'RWF', 'VND', 'VUV', 'XAF', 'XOF', 'XPF']
/** Currencies without decimals that are written with two zeros at Stripe: 5 UGX are 500. */
const WHOLE_WITH_ZEROS = ['ISK', 'UGX']
/** Currencies with three decimals; the last one must be zero. */
const THREE_DECIMALS = ['BHD', 'JOD', 'KWD', 'OMR', 'TND']

/** How a currency is written: with how many decimals, and what every amount must be a multiple of. */
interface Notation {
  readonly decimals: number
  readonly multipleOf: bigint
}

function notationOf(currency: string): Notation | null {
  if (ZERO_DECIMALS.includes(currency)) return { decimals: 0, multipleOf: 1n }
  if (WHOLE_WITH_ZEROS.includes(currency)) return { decimals: 2, multipleOf: 100n }
  if (THREE_DECIMALS.includes(currency)) return { decimals: 3, multipleOf: 10n }
  return exponentOf(currency) === 2 ? { decimals: 2, multipleOf: 1n } : null
}

/**
 * Our minor units as Stripe counts them. Null where Stripe cannot take exactly this amount, or the currency is none of its own.
 * @example toStripeAmount(5, 'UGX') // 500
 * @example toStripeAmount(1234, 'KWD') // null: 1.234 does not end with 0
 */
export function toStripeAmount(amount: number, currency: string): number | null {
  const notation = notationOf(currency)
  if (notation === null || !Number.isSafeInteger(amount)) return null
  const scaled = shift(BigInt(amount), notation.decimals - (exponentOf(currency) ?? 0))
  return scaled === null || scaled % notation.multipleOf !== 0n ? null : exact(scaled)
}

/** What Stripe counts (its currencies are in lower case) in our minor units; null where that is no whole number of them, or an unknown currency. */
export function fromStripeAmount(amount: number, currency: string): number | null {
  const code = currency.toUpperCase()
  const notation = notationOf(code)
  if (notation === null || !Number.isSafeInteger(amount)) return null
  const scaled = shift(BigInt(amount), (exponentOf(code) ?? 0) - notation.decimals)
  return scaled === null ? null : exact(scaled)
}

/** Moves the decimal point; null where that would leave a fraction. */
function shift(amount: bigint, places: number): bigint | null {
  if (places >= 0) return amount * 10n ** BigInt(places)
  const divisor = 10n ** BigInt(-places)
  return amount % divisor === 0n ? amount / divisor : null
}

function exact(amount: bigint): number | null {
  return Number.isSafeInteger(Number(amount)) ? Number(amount) : null
}
