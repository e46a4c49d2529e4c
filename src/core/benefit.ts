// What the benefit of a promotion takes off, computed and not yet applied: one amount per line, or what comes off the price of shipping. Nothing
// takes more than what is left, so nothing ever becomes negative (MON-6); shares are spread by largest remainder, so nothing is lost (MON-5). Pieces
// are counted and never listed one by one: a line may have 99 999.
import type { Work } from './adjustment.ts'
import { isMatch } from './condition.ts'
import { allocate, multiply, percentOf, type Rounding, shareOf } from './money.ts'
import { amountIn, type Benefit, type LineFilter, type Promotion } from './promotion.ts'

/** Why a benefit has nothing to give: nothing in this currency, no line that matches, too few pieces, too little in total. */
export type BenefitReason = 'currency' | 'lines' | 'quantity_too_low' | 'item_total_too_low'

/** What benefits are computed of: lines in an order that does not depend on the cart's, and what is left of each in minor units. */
export interface Ground {
  readonly works: readonly Work[]
  readonly left: readonly number[]
  readonly currency: string
  readonly rounding: Rounding
  /** Percentages are of what is left, not of the original amount (C33). */
  readonly isRunning: boolean
}

/** A benefit for lines. */
export type LineBenefit = Exclude<Benefit, { kind: 'free_shipping' | 'gift' }>

/** How much is taken off each line of the ground (>= 0, at most what is left of it), or why nothing can be. */
export function takenOff(benefit: LineBenefit, ground: Ground): readonly number[] | BenefitReason {
  switch (benefit.kind) {
    case 'percent_off':
      return percentOff(benefit, ground)
    case 'amount_off':
      return amountOff(benefit, ground)
    case 'fixed_price':
      return fixedPrice(benefit, ground)
    case 'tiered_percent':
      return tieredPercent(benefit, ground)
    case 'buy_get':
      return buyGet(benefit, ground)
    case 'bundle_price':
      return bundlePrice(benefit, ground)
  }
}

// Percentages and amounts -------------------------------------------------------------------------------------------------------------

function percentOff({ percent, on, of }: Extract<Benefit, { kind: 'percent_off' }>, ground: Ground): number[] | BenefitReason {
  const chosen = matching(of, ground)
  if (chosen.length === 0) return 'lines'
  if (on !== 'lines') return spread(percentOf(baseOf(chosen, ground), percent, ground.rounding), chosen, ground)
  return perLine(chosen, ground, (index) => percentOf(basisOf(index, ground), percent, ground.rounding))
}

function amountOff({ amounts, on, of, maxUnits }: Extract<Benefit, { kind: 'amount_off' }>, ground: Ground): number[] | BenefitReason {
  const amount = amountIn(amounts, ground.currency)
  if (amount === undefined) return 'currency'
  const chosen = matching(of, ground)
  if (chosen.length === 0) return 'lines'
  if (on === 'units') return perPiece(chosen, maxUnits, ground, (worth, pieces) => Math.min(worth, multiply(amount, pieces) ?? worth))
  return on === 'lines' ? perLine(chosen, ground, () => amount) : spread(amount, chosen, ground)
}

function fixedPrice({ prices, of, maxUnits }: Extract<Benefit, { kind: 'fixed_price' }>, ground: Ground): number[] | BenefitReason {
  const price = amountIn(prices, ground.currency)
  if (price === undefined) return 'currency'
  const chosen = matching(of, ground)
  if (chosen.length === 0) return 'lines'
  // A product that is not exact is larger than any line.
  const above = (worth: number, pieces: number) => Math.max(0, worth - (multiply(price, pieces) ?? worth))
  // What costs no more anyway does not use up the pieces that get it.
  const dearer = chosen.filter((index) => above(ground.left[index] ?? 0, quantityOf(index, ground)) > 0)
  return perPiece(dearer, maxUnits, ground, above)
}

function tieredPercent(benefit: Extract<Benefit, { kind: 'tiered_percent' }>, ground: Ground): number[] | BenefitReason {
  const chosen = matching(benefit.of, ground)
  if (chosen.length === 0) return 'lines'
  const isByQuantity = benefit.by === 'quantity'
  const reached = sumOf(chosen, (index) => (isByQuantity ? quantityOf(index, ground) : (ground.works[index]?.itemTotal ?? 0)))
  let best: { from: number; percent: string } | null = null
  let isKnown = false
  for (const { from: start, percent } of benefit.tiers) {
    const from = typeof start === 'number' ? start : amountIn(start, ground.currency)
    if (from === undefined) continue
    isKnown = true
    if (reached >= from && (best === null || from > best.from)) best = { from, percent }
  }
  if (!isKnown) return 'currency'
  if (best === null) return isByQuantity ? 'quantity_too_low' : 'item_total_too_low'
  return spread(percentOf(baseOf(chosen, ground), best.percent, ground.rounding), chosen, ground)
}

// Buy X get Y -------------------------------------------------------------------------------------------------------------------------

/**
 * The most pieces that can be had: `pieces` got need `ceil(pieces / get)` times `buy` bought, each piece is either, and those that match both sets
 * stand in where the others do not suffice. What is needed rises with what is got, so the most is found by halving.
 */
function buyGet({ buy, get, max }: Extract<Benefit, { kind: 'buy_get' }>, ground: Ground): number[] | BenefitReason {
  const bought = new Set(matching(buy.of, ground))
  const got = matching(get.of, ground)
  const pieces = (indexes: Iterable<number>) => sumOf([...indexes], (index) => quantityOf(index, ground))
  const both = pieces(got.filter((index) => bought.has(index)))
  const onlyGot = pieces(got) - both
  const onlyBought = pieces(bought) - both
  const toBuy = (count: number) => Math.max(0, Math.ceil(count / get.quantity) * buy.quantity - onlyBought)
  let most = 0
  let tooMany = Math.min(onlyGot + both, max === undefined ? Number.POSITIVE_INFINITY : max * get.quantity) + 1
  while (tooMany - most > 1) {
    const count = Math.floor((most + tooMany) / 2)
    if (toBuy(count) + Math.max(0, count - onlyGot) <= both) most = count
    else tooMany = count
  }
  if (most === 0) return 'quantity_too_low'

  const parts = ground.works.map(() => 0)
  let left = most
  let spare = both - toBuy(most)
  for (const index of byPrice(got, ground, 'cheapest')) {
    const count = Math.min(quantityOf(index, ground), left, bought.has(index) ? spare : left)
    if (count === 0) continue
    left -= count
    if (bought.has(index)) spare -= count
    const worth = percentOf(worthOf(index, count, ground), get.percent, ground.rounding)
    parts[index] = Math.min(ground.left[index] ?? 0, worth)
  }
  return parts
}

// Bundles -----------------------------------------------------------------------------------------------------------------------------

/**
 * Sets are made from the dearest pieces that are left, the items that fewest pieces match first, so that a wide item does not take what only a narrow
 * one could use. Equal sets are made at once; each round uses up a line or what a set takes of it, so there are at most two rounds a line.
 */
function bundlePrice({ items, prices, max }: Extract<Benefit, { kind: 'bundle_price' }>, ground: Ground): number[] | BenefitReason {
  const price = amountIn(prices, ground.currency)
  if (price === undefined) return 'currency'
  const remaining = ground.works.map((_, index) => quantityOf(index, ground))
  const wanted = items
    .map(({ quantity, of }) => ({ quantity, from: byPrice(matching(of, ground), ground, 'dearest'), used: 0 }))
    .sort((a, b) => sumOf(a.from, (index) => remaining[index] ?? 0) - sumOf(b.from, (index) => remaining[index] ?? 0))
  const parts = ground.works.map(() => 0)
  let sets = 0
  for (let set = setOf(wanted, remaining); set !== null && sets < (max ?? Number.POSITIVE_INFINITY); set = setOf(wanted, remaining)) {
    const taken = [...set]
    const times = Math.min(
      (max ?? Number.POSITIVE_INFINITY) - sets,
      ...taken.map(([index, count]) => Math.floor((remaining[index] ?? 0) / count)),
    )
    const worths = taken.map(([index, count]) => {
      const gone = quantityOf(index, ground) - (remaining[index] ?? 0)
      return leftOfPieces(index, gone + count * times, ground) - leftOfPieces(index, gone, ground)
    })
    const worth = sumOf(worths, (each) => each)
    const cost = multiply(price, times)
    // The next set would be cheaper still.
    if (cost === null || worth <= cost) break
    const shares = allocate(worth - cost, worths)
    for (const [place, [index, count]] of taken.entries()) {
      parts[index] = (parts[index] ?? 0) + (shares[place] ?? 0)
      remaining[index] = (remaining[index] ?? 0) - count * times
    }
    sets += times
  }
  return sets === 0 && setOf(wanted, remaining) === null ? 'quantity_too_low' : parts
}

/** One item of a bundle: the lines that it may be taken of, and how many of them are used up from the front. */
interface Wanted {
  readonly quantity: number
  readonly from: readonly number[]
  used: number
}

/** How many pieces of which line one set takes, from the dearest; null when there are not enough. */
function setOf(wanted: readonly Wanted[], remaining: readonly number[]): Map<number, number> | null {
  const taken = new Map<number, number>()
  for (const item of wanted) {
    while (item.used < item.from.length && remaining[item.from[item.used] ?? 0] === 0) item.used += 1
    let missing = item.quantity
    for (let place = item.used; missing > 0; place++) {
      const index = item.from[place]
      if (index === undefined) return null
      const already = taken.get(index) ?? 0
      const count = Math.min(missing, (remaining[index] ?? 0) - already)
      if (count <= 0) continue
      taken.set(index, already + count)
      missing -= count
    }
  }
  return taken
}

// Shipping ----------------------------------------------------------------------------------------------------------------------------

/** A benefit that applies to shipping; what it takes is known when shipping has its price. `most` bounds it by the promotion's budget. */
export interface ShippingBenefit {
  readonly promotion: Promotion
  readonly code: string | null
  readonly most: number | null
}

/** What shipping costs, and by which method; null while none is chosen. */
export interface ShippingPrice {
  readonly method: string | null
  readonly amount: number
}

/** How much each benefit takes off shipping, in their order: never more together than it costs. */
export function takenOffShipping(
  benefits: readonly ShippingBenefit[],
  { method, amount }: ShippingPrice,
  how: { readonly currency: string; readonly rounding: Rounding; readonly percentBase: 'original' | 'running' },
): number[] {
  let left = amount
  return benefits.map(({ promotion: { benefit, cap, percentBase }, most }) => {
    const base = (percentBase ?? how.percentBase) === 'running' ? left : amount
    const wanted = wantedOffShipping(benefit, base, left, method, how)
    const took = Math.min(left, wanted, (cap && amountIn(cap, how.currency)) ?? wanted, most ?? wanted)
    left -= took
    return took
  })
}

function wantedOffShipping(
  benefit: Benefit,
  base: number,
  left: number,
  method: string | null,
  { currency, rounding }: { readonly currency: string; readonly rounding: Rounding },
): number {
  if (benefit.kind === 'free_shipping') return benefit.methods === undefined || benefit.methods.includes(method ?? '') ? left : 0
  if (benefit.kind === 'percent_off') return percentOf(base, benefit.percent, rounding)
  return benefit.kind === 'amount_off' ? (amountIn(benefit.amounts, currency) ?? 0) : 0
}

// Lines -------------------------------------------------------------------------------------------------------------------------------

function matching(of: LineFilter | undefined, { works }: Ground): number[] {
  const chosen: number[] = []
  for (let index = 0; index < works.length; index++) {
    if (of === undefined || isMatch(works[index]?.variant ?? null, of)) chosen.push(index)
  }
  return chosen
}

function sumOf(values: readonly number[], of: (value: number) => number): number {
  let total = 0
  for (const value of values) total += of(value)
  return total
}

function quantityOf(index: number, { works }: Ground): number {
  return works[index]?.line.quantity ?? 0
}

/** What a percentage of a line is of. */
function basisOf(index: number, { works, left, isRunning }: Ground): number {
  return (isRunning ? left[index] : works[index]?.itemTotal) ?? 0
}

function baseOf(chosen: readonly number[], ground: Ground): number {
  return sumOf(chosen, (index) => basisOf(index, ground))
}

/** What some pieces of a line cost, as percentages see them. */
function worthOf(index: number, pieces: number, ground: Ground): number {
  return shareOf(basisOf(index, ground), pieces, quantityOf(index, ground))
}

/** What is left to pay of some pieces of a line. */
function leftOfPieces(index: number, pieces: number, ground: Ground): number {
  return shareOf(ground.left[index] ?? 0, pieces, quantityOf(index, ground))
}

/** In order of the unit price before discounts, on a tie in the order of the ground. */
function byPrice(chosen: readonly number[], { works }: Ground, first: 'cheapest' | 'dearest'): number[] {
  const sign = first === 'cheapest' ? 1 : -1
  return chosen.toSorted((a, b) => sign * ((works[a]?.unitPrice ?? 0) - (works[b]?.unitPrice ?? 0)) || a - b)
}

/** One amount over lines in proportion to what is left of them. */
function spread(amount: number, chosen: readonly number[], { works, left }: Ground): number[] {
  const weights = chosen.length === works.length ? left : chosen.map((index) => left[index] ?? 0)
  const shares = allocate(
    Math.min(
      amount,
      sumOf(weights, (weight) => weight),
    ),
    weights,
  )
  if (chosen.length === works.length) return shares
  const parts = works.map(() => 0)
  for (let place = 0; place < chosen.length; place++) parts[chosen[place] ?? 0] = shares[place] ?? 0
  return parts
}

function perLine(chosen: readonly number[], { works, left }: Ground, amountOf: (index: number) => number): number[] {
  const parts = works.map(() => 0)
  for (const index of chosen) parts[index] = Math.min(left[index] ?? 0, amountOf(index))
  return parts
}

/** For pieces, the cheapest first, up to `maxUnits`. `amountOf` answers at most what is left of so many pieces. */
function perPiece(
  chosen: readonly number[],
  maxUnits: number | undefined,
  ground: Ground,
  amountOf: (worth: number, pieces: number) => number,
): number[] {
  const parts = ground.works.map(() => 0)
  let pieces = maxUnits ?? Number.POSITIVE_INFINITY
  // A line that costs nothing any more does not use up the pieces that get it.
  const paid = maxUnits === undefined ? chosen : byPrice(chosen, ground, 'cheapest').filter((index) => (ground.left[index] ?? 0) > 0)
  for (const index of paid) {
    const count = Math.min(quantityOf(index, ground), pieces)
    if (count === 0) break
    pieces -= count
    parts[index] = amountOf(leftOfPieces(index, count, ground), count)
  }
  return parts
}
