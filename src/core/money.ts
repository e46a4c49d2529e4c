// Money is an integer of minor units (cents, yen, fils) of one ISO 4217 currency. There is no float in any money path: products and shares
// are integers, in BigInt where they may leave the exact range of numbers, and a result that does not fit 2^53 − 1 is null, which callers turn
// into the refusal `amount_too_large`.
// How many decimals a currency has is in currency.ts.

/** An amount as it crosses the wire: integer minor units of an ISO 4217 currency. `{ amount: 1999, currency: 'USD' }` is 19.99 dollars. */
export interface Money {
  readonly amount: number
  readonly currency: string
}

/** How a fraction of a minor unit becomes a whole one. On a tie: away from zero, to the even neighbour, or towards zero. */
export type Rounding = 'halfUp' | 'halfEven' | 'halfDown'

/** The largest amount that is exact: 2^53 − 1 minor units. */
export const AMOUNT_MAX = Number.MAX_SAFE_INTEGER

/**
 * Divides exactly and rounds once. Negative numbers round by magnitude, so that −x is always the mirror image of x.
 * @example divideRounded(25n, 10n, 'halfEven') // 2n
 */
export function divideRounded(numerator: bigint, denominator: bigint, rounding: Rounding): bigint {
  if (numerator < 0n) return -divideRounded(-numerator, denominator, rounding)
  const whole = numerator / denominator
  const twice = (numerator % denominator) * 2n
  if (twice !== denominator) return twice > denominator ? whole + 1n : whole
  if (rounding === 'halfUp') return whole + 1n
  if (rounding === 'halfDown') return whole
  return whole + (whole % 2n)
}

/**
 * A fraction >= 0 as its whole part and what remains of the numerator.
 * @example wholeAndRest(7n, 2n) // { whole: 3n, rest: 1n }
 */
export function wholeAndRest(numerator: bigint, denominator: bigint): { readonly whole: bigint; readonly rest: bigint } {
  return { whole: numerator / denominator, rest: numerator % denominator }
}

/**
 * A fraction as text: a decimal where it has one (`1851.75`), else in lowest terms (`1000/3`). The denominator is above zero.
 * @example exactText(25n, 10n) // '2.5'
 */
export function exactText(numerator: bigint, denominator: bigint): string {
  const sign = numerator < 0n ? '-' : ''
  const divisor = commonDivisor(numerator < 0n ? -numerator : numerator, denominator)
  const [top, bottom] = [(numerator < 0n ? -numerator : numerator) / divisor, denominator / divisor]
  let scale = 1n
  let decimals = 0
  while (scale % bottom !== 0n && decimals < DECIMALS_MAX) {
    scale *= 10n
    decimals += 1
  }
  if (scale % bottom !== 0n) return `${sign}${top}/${bottom}`
  const digits = String(top * (scale / bottom)).padStart(decimals + 1, '0')
  return decimals === 0 ? `${sign}${digits}` : `${sign}${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`
}

/** Beyond that many, a fraction is easier to read. */
const DECIMALS_MAX = 16

function commonDivisor(a: bigint, b: bigint): bigint {
  return b === 0n ? a : commonDivisor(b, a % b)
}

/** `amount × quantity`, or null where the product is not exact. */
export function multiply(amount: number, quantity: number): number | null {
  const product = amount * quantity
  return Number.isSafeInteger(product) ? product : null
}

/** The sum of amounts, or null where it is not exact. */
export function sum(amounts: readonly number[]): number | null {
  let total = 0
  for (const amount of amounts) {
    total += amount
    if (!Number.isSafeInteger(total)) return null
  }
  return total
}

/** A rate as a fraction of integers, read from a decimal string: `'19'` per cent is 19/100, `'7.7'` is 77/1000. Null when it is not one. */
export function parsePercent(percent: string): { readonly numerator: bigint; readonly denominator: bigint } | null {
  const match = /^(\d{1,4})(?:\.(\d{1,6}))?$/.exec(percent)
  if (!match) return null
  const decimals = match[2] ?? ''
  return { numerator: BigInt(`${match[1]}${decimals}`), denominator: 10n ** BigInt(decimals.length + 2) }
}

/** Rates that were read. They are few and come back with every price; bounded, because anybody who may write settings may invent some. */
const rates = new Map<
  string,
  { readonly rate: ReturnType<typeof parsePercent>; readonly numerator: number; readonly denominator: number }
>()
const RATES_KEPT = 1000

function rateOf(percent: string) {
  const known = rates.get(percent)
  if (known) return known
  const rate = parsePercent(percent)
  const read = { rate, numerator: Number(rate?.numerator ?? 0n), denominator: Number(rate?.denominator ?? 1n) }
  if (rates.size >= RATES_KEPT) rates.clear()
  rates.set(percent, read)
  return read
}

/**
 * A percentage of an amount, rounded once. `percent` is a decimal string that `parsePercent` accepts; anything else counts as zero.
 * @example percentOf(1999, '19', 'halfUp') // 380
 */
export function percentOf(amount: number, percent: string, rounding: Rounding): number {
  const { rate, numerator, denominator } = rateOf(percent)
  if (!rate) return 0
  const product = amount * numerator
  if (Number.isSafeInteger(product) && product >= 0) return roundedQuotient(product, denominator, rounding)
  return Number(divideRounded(BigInt(amount) * rate.numerator, rate.denominator, rounding))
}

/** The same as `divideRounded` for safe integers >= 0: every step is exact, because the remainder is taken off before dividing. */
function roundedQuotient(numerator: number, denominator: number, rounding: Rounding): number {
  const remainder = numerator % denominator
  const whole = (numerator - remainder) / denominator
  const rest = denominator - remainder
  if (remainder !== rest) return remainder > rest ? whole + 1 : whole
  if (rounding === 'halfUp') return whole + 1
  if (rounding === 'halfDown') return whole
  return whole + (whole % 2)
}

/** A part of an amount (`amount × part / whole`), rounded down: what some pieces of a line cost. All are integers >= 0, `whole` > 0. */
export function shareOf(amount: number, part: number, whole: number): number {
  if (part === whole) return amount
  const product = amount * part
  if (!Number.isSafeInteger(product)) return Number((BigInt(amount) * BigInt(part)) / BigInt(whole))
  return (product - (product % whole)) / whole
}

/**
 * Splits an amount in proportion to weights so that the parts sum to it exactly (MON-5). Every part is first rounded down; what is left
 * goes, one unit each, to the largest remainders, on a tie to the earlier one. Zero weights get nothing; if all are zero, so does
 * everybody. Weights are integers >= 0.
 * @example allocate(1000, [1, 1, 1]) // [334, 333, 333]
 */
export function allocate(amount: number, weights: readonly number[]): number[] {
  const magnitude = Math.abs(amount)
  let total = 0
  let largest = 0
  for (const weight of weights) {
    total += weight
    if (weight > largest) largest = weight
  }
  if (total === 0 || amount === 0) return weights.map(() => 0)
  const isExact = Number.isSafeInteger(total) && Number.isSafeInteger(magnitude * largest)
  const parts = isExact ? allocateSafe(magnitude, weights, total) : allocateLarge(magnitude, weights)
  return amount > 0 ? parts : parts.map((part) => (part === 0 ? 0 : -part))
}

/** With numbers, where no product leaves the exact range. */
function allocateSafe(amount: number, weights: readonly number[], total: number): number[] {
  const parts: number[] = []
  const remainders: number[] = []
  let left = amount
  for (const weight of weights) {
    const exact = amount * weight
    const remainder = exact % total
    const part = (exact - remainder) / total
    parts.push(part)
    remainders.push(remainder)
    left -= part
  }
  if (left > 0) giveRest(parts, left, (a, b) => (remainders[b] ?? 0) - (remainders[a] ?? 0))
  return parts
}

function allocateLarge(amount: number, weights: readonly number[]): number[] {
  const total = weights.reduce((sum, weight) => sum + BigInt(weight), 0n)
  const exact = weights.map((weight) => BigInt(amount) * BigInt(weight))
  const parts = exact.map((share) => Number(share / total))
  const remainders = exact.map((share) => share % total)
  const left = amount - parts.reduce((sum, part) => sum + part, 0)
  const compare = (a = 0n, b = 0n) => (a === b ? 0 : a > b ? -1 : 1)
  if (left > 0) giveRest(parts, left, (a, b) => compare(remainders[a], remainders[b]))
  return parts
}

/** One unit each to the first of an order, on a tie to the earlier. There are fewer units left than remainders above zero. */
function giveRest(parts: number[], left: number, order: (a: number, b: number) => number): void {
  const first = parts.map((_, index) => index).sort((a, b) => order(a, b) || a - b)
  for (let given = 0; given < left; given++) {
    const index = first[given] ?? 0
    parts[index] = (parts[index] ?? 0) + 1
  }
}
