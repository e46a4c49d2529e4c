// Which promotions apply to a cart, and what they take off: judge, compete, apply. They run in one fixed order (lane, priority, id), so the result
// never depends on the order in which anybody entered anything (PRO-3), and lines are taken in an order of their own, so neither does it depend on the
// order of lines. Each promotion takes its turn: its conditions are judged and its benefit is computed of what is left; the members of a group
// take one turn together, where the first of them stands, and the one that gives most applies. An exclusive promotion is an alternative to all
// others together: what gives most is taken, and what it replaced says so.
import { type Adjustment, inCanonicalOrder, takeOff, type Work } from './adjustment.ts'
import { type BenefitReason, type Ground, type ShippingBenefit, type ShippingPrice, takenOff, takenOffShipping } from './benefit.ts'
import type { Cart, Line } from './cart.ts'
import { type ConditionReason, judgeAll } from './condition.ts'
import type { CodeFacts, Facts } from './facts.ts'
import { allocate } from './money.ts'
import type { Variant } from './product.ts'
import { amountIn, asks, type Benefit, inOrder, needsCode, type Promotion } from './promotion.ts'
import type { ConditionTrace, Trace } from './trace.ts'

/**
 * Why a promotion does not apply, or a code. `replaced`: another one gives more; `stopped`: an earlier one ends the row; `exhausted`: no uses or not
 * enough budget are left; `needs_email`: uses are counted per customer and nobody is known yet.
 */
export type PromotionReason =
  | ConditionReason
  | BenefitReason
  | 'unknown'
  | 'same_promotion'
  | 'inactive'
  | 'empty'
  | 'exhausted'
  | 'used_up_by_customer'
  | 'needs_email'
  | 'gift_unavailable'
  | 'shipping_method'
  | 'replaced'
  | 'stopped'

/** A code on the cart: whether it applies now and, where the shop says so, why not. */
export interface CodeState {
  readonly code: string
  readonly applied: boolean
  readonly reason: string | null
}

/**
 * How much of what is left a price needs: `use:<promotion>`, `code:<CODE>`, `customer:<promotion>`, `budget:<promotion>:<currency>` and
 * `first_order`, how much is wanted, and whether there was enough. While each answer stays the same, so does the price.
 */
export type LimitsSeen = readonly (readonly [key: string, wanted: number, isEnough: boolean])[]

/**
 * What promotions did to the lines, and what is still to be done to shipping. `discount` is <= 0; gifts are not in it. `giftsWanted` is how many pieces
 * of which sku gifts would take if there were enough.
 */
export interface Promoted {
  readonly discount: number
  readonly gifts: readonly Work[]
  readonly giftsWanted: ReadonlyMap<string, number>
  readonly shipping: readonly ShippingBenefit[]
  readonly codes: readonly CodeState[]
  readonly limitsSeen: LimitsSeen
}

/** What promotions must know of the other stages of pricing. */
export interface Stages {
  /** What shipping would cost for these lines, which come to this much. */
  readonly shippingFor: (sold: readonly Work[], discounted: number) => ShippingPrice
  /** A line of intent with its price; null where it has none. */
  readonly priced: (line: Line) => Work | null
}

const NOTHING_PROMOTED: Promoted = { discount: 0, gifts: [], giftsWanted: new Map(), shipping: [], codes: [], limitsSeen: [] }

/** Applies promotions to what is sold, and tells which of them are for shipping. */
export function applyPromotions(
  cart: Cart,
  sold: readonly Work[],
  itemTotal: number,
  facts: Facts,
  stages: Stages,
  trace: Trace | null,
): Promoted {
  if (facts.promotions.size === 0 && cart.codes.length === 0) return NOTHING_PROMOTED
  const sale = saleOf(cart, sold, itemTotal, facts, stages, trace)
  const unusable = openCodes(sale)
  const ordered = inOrder(facts.promotions.values())
  const alone = ordered.filter((promotion) => promotion.exclusive)
  const together = runThrough(alone.length === 0 ? ordered : ordered.filter((promotion) => !promotion.exclusive), sale)
  const runs = [together, ...alone.map((promotion) => runThrough([promotion], sale))]
  const worth = (run: Run) => (run.applied.length > 0 ? worthOfRun(run, sale) : null)
  const chosen = (runs.length === 1 ? null : bestOf(runs, worth)) ?? together
  const offers = runs.length === 1 ? together.offers : new Map(runs.flatMap((run) => [...(run === chosen ? run : replaced(run)).offers]))

  for (const offer of chosen.applied) apply(offer, sale)
  if (trace) writeTrace(trace, ordered, offers)
  return {
    discount: 0 - chosen.taken,
    gifts: chosen.applied.flatMap((offer) => offer.gift ?? []),
    giftsWanted: sale.giftsWanted,
    shipping: shippingBenefits(chosen),
    codes: codeStates(sale, unusable, offers),
    limitsSeen: [...sale.limitsSeen.values()],
  }
}

// What is sold ------------------------------------------------------------------------------------------------------------------------

/** One cart while its promotions are found. What was looked at besides (limits, stock for gifts) is written down here. */
interface Sale {
  readonly cart: Cart
  readonly facts: Facts
  readonly stages: Stages
  readonly works: readonly Work[]
  readonly itemTotal: number
  readonly quantity: number
  readonly isTraced: boolean
  /** The code that opened a promotion. */
  readonly codeOf: Map<string, string>
  readonly limitsSeen: Map<string, readonly [key: string, wanted: number, isEnough: boolean]>
  readonly giftsWanted: Map<string, number>
}

function saleOf(cart: Cart, sold: readonly Work[], itemTotal: number, facts: Facts, stages: Stages, trace: Trace | null): Sale {
  let quantity = 0
  for (const work of sold) quantity += work.line.quantity
  const works = inCanonicalOrder(sold)
  const seen = { limitsSeen: new Map(), giftsWanted: new Map() }
  return { cart, facts, stages, works, itemTotal, quantity, isTraced: trace !== null, codeOf: new Map(), ...seen }
}

/** Notes that a limit was looked at; answers whether there is enough. */
function hasEnough(sale: Sale, key: string, left: number, wanted: number): boolean {
  sale.limitsSeen.set(`${key} ${wanted}`, [key, wanted, wanted <= left])
  return wanted <= left
}

/** Finds which promotion each code opens; answers why the others open none. A promotion applies once: of two of its codes the first counts. */
function openCodes(sale: Sale): ReadonlyMap<string, PromotionReason> {
  const reasons = new Map<string, PromotionReason>()
  for (const code of sale.cart.codes) {
    const known = sale.facts.codes.get(code)
    const reason = closedReason(code, known, sale)
    if (reason !== null) reasons.set(code, reason)
    else if (known) sale.codeOf.set(known.promotionId, code)
  }
  return reasons
}

function closedReason(code: string, known: CodeFacts | undefined, sale: Sale): PromotionReason | null {
  if (known?.isInactive) return 'inactive'
  const isEnough = known?.usesLeft == null || hasEnough(sale, `code:${code}`, known.usesLeft, 1)
  if (!known || !sale.facts.promotions.has(known.promotionId)) return 'unknown'
  if (!isEnough) return 'exhausted'
  return sale.codeOf.has(known.promotionId) ? 'same_promotion' : null
}

// Turns -------------------------------------------------------------------------------------------------------------------------------

/** What a promotion would do at its turn: `reason` is null when it may apply. `parts` is what it takes off each line; amounts are >= 0. */
interface Offer {
  readonly promotion: Promotion
  readonly code: string | null
  readonly reason: PromotionReason | null
  readonly conditions: readonly ConditionTrace[]
  readonly parts: readonly number[] | null
  /** Sum of the parts. */
  readonly taken: number
  readonly gift: Work | null
  readonly shipping: ShippingBenefit | null
  /** What the shopper gets by it: off the items, off shipping, and the price of a gift. */
  readonly worth: number
}

/** Promotions that took their turns one after the other, on copies: nothing is applied yet. */
interface Run {
  readonly offers: Map<string, Offer>
  readonly applied: Offer[]
  readonly appliedIds: Set<string>
  /** What is left of each line. */
  readonly left: number[]
  /** What was taken off the items together. */
  taken: number
}

function runThrough(promotions: readonly Promotion[], sale: Sale): Run {
  const left = sale.works.map((work) => work.itemTotal)
  const run: Run = { offers: new Map(), applied: [], appliedIds: new Set(), left, taken: 0 }
  let isStopped = false
  for (const turn of turnsOf(promotions, sale.facts.shop.settings.promotions.bestOfLanes)) {
    const offers = turn.map((promotion) => (isStopped ? idle(promotion, 'stopped', sale) : offerOf(promotion, run, sale)))
    const winner = bestOf(offers, (offer) => (offer.reason === null ? offer.worth : null))
    for (const offer of offers) {
      const isReplaced = offer !== winner && offer.reason === null
      run.offers.set(offer.promotion.id, isReplaced ? withReason(offer, 'replaced') : offer)
    }
    if (winner === null) continue
    take(winner, run)
    isStopped = winner.promotion.stops
  }
  return run
}

/** Promotions by turn: each alone, those of one group in one lane together, and all of a lane where the shop wants the best of it. */
function turnsOf(ordered: readonly Promotion[], bestOfLanes: readonly number[]): Promotion[][] {
  const turns: Promotion[][] = []
  const groups = new Map<string, Promotion[]>()
  for (const promotion of ordered) {
    const { lane, group } = promotion
    const key = bestOfLanes.includes(lane) ? `${lane}` : group === null ? null : `${lane} ${group}`
    const known = key === null ? undefined : groups.get(key)
    if (known) known.push(promotion)
    else {
      const turn = [promotion]
      turns.push(turn)
      if (key !== null) groups.set(key, turn)
    }
  }
  return turns
}

/** What is worth most, on a tie the first; null counts for nothing. */
function bestOf<T>(given: readonly T[], worthOf: (each: T) => number | null): T | null {
  let best: T | null = null
  let most = -1
  for (const each of given) {
    const worth = worthOf(each)
    if (worth === null || worth <= most) continue
    best = each
    most = worth
  }
  return best
}

function take(offer: Offer, run: Run): void {
  run.applied.push(offer)
  run.appliedIds.add(offer.promotion.id)
  run.taken += offer.taken
  if (offer.parts === null) return
  for (let index = 0; index < offer.parts.length; index++) run.left[index] = (run.left[index] ?? 0) - (offer.parts[index] ?? 0)
}

function shippingBenefits(run: Run): ShippingBenefit[] {
  return run.applied.flatMap((offer) => offer.shipping ?? [])
}

/** What a run gives together. Shipping counts at its price after what the run takes off the items. */
function worthOfRun(run: Run, sale: Sale): number {
  let worth = run.taken
  for (const offer of run.applied) worth += offer.gift?.itemTotal ?? 0
  for (const took of shippingTaken(run, sale)) worth += took
  return worth
}

function shippingTaken(run: Run, sale: Sale): number[] {
  const benefits = shippingBenefits(run)
  if (benefits.length === 0) return []
  return takenOffShipping(benefits, shippingAfter(run, sale), shippingHow(sale))
}

/** What shipping costs after what a run takes off the lines and gives with them: rates look at amounts, pieces and weight. */
function shippingAfter(run: Run, { works, itemTotal, stages }: Sale): ShippingPrice {
  const sold = works.map((work, index) => ({ ...work, discount: (run.left[index] ?? 0) - work.itemTotal }))
  const gifts = run.applied.flatMap(({ gift }) => (gift ? { ...gift, discount: 0 - gift.itemTotal } : []))
  return stages.shippingFor([...sold, ...gifts], itemTotal - run.taken)
}

function shippingHow({ cart, facts }: Sale): Parameters<typeof takenOffShipping>[2] {
  const { pricing, promotions } = facts.shop.settings
  return { currency: cart.currency, rounding: pricing.rounding, percentBase: promotions.percentBase }
}

/** An alternative that was not taken: whatever would have applied in it was replaced. */
function replaced(run: Run): Run {
  const offers = [...run.offers].map(([id, offer]) => [id, offer.reason === null ? withReason(offer, 'replaced') : offer] as const)
  return { ...run, offers: new Map(offers) }
}

// Judging -----------------------------------------------------------------------------------------------------------------------------

const NOTHING_TAKEN = { parts: null, taken: 0, gift: null, shipping: null, worth: 0 } as const

function idle(promotion: Promotion, reason: PromotionReason, { codeOf }: Sale, conditions: readonly ConditionTrace[] = []): Offer {
  return { promotion, code: codeOf.get(promotion.id) ?? null, reason, conditions, ...NOTHING_TAKEN }
}

function withReason({ promotion, code, conditions }: Offer, reason: PromotionReason): Offer {
  return { promotion, code, reason, conditions, ...NOTHING_TAKEN }
}

function offerOf(promotion: Promotion, run: Run, sale: Sale): Offer {
  const conditions: ConditionTrace[] | null = sale.isTraced ? [] : null
  const before = unavailable(promotion, sale)
  const unmet = before === null || conditions ? unmetCondition(promotion, run, sale, conditions) : null
  const reason = before ?? unmet ?? limitedByCustomer(promotion, sale)
  if (reason !== null) return idle(promotion, reason, sale, conditions ?? [])
  const given = computed(promotion, run, sale)
  if (typeof given === 'string') return idle(promotion, given, sale, conditions ?? [])
  const short = overBudget(promotion, given.worth, sale)
  if (short !== null) return idle(promotion, short, sale, conditions ?? [])
  return { promotion, code: sale.codeOf.get(promotion.id) ?? null, reason: null, conditions: conditions ?? [], ...given }
}

/** Why a promotion cannot apply, whatever is in the cart. */
function unavailable(promotion: Promotion, sale: Sale): PromotionReason | null {
  const { facts, codeOf } = sale
  // Nobody asked for it: what is left of it is nobody's business.
  if (!codeOf.has(promotion.id) && needsCode(promotion)) return 'code'
  const usesLeft = facts.limits.get(promotion.id)?.usesLeft ?? null
  if (usesLeft !== null && !hasEnough(sale, `use:${promotion.id}`, usesLeft, 1)) return 'exhausted'
  if (sale.works.length === 0) return 'empty'
  if (!promotion.active) return 'inactive'
  if (promotion.startsAt !== null && facts.now < promotion.startsAt) return 'not_started'
  return promotion.endsAt !== null && facts.now >= promotion.endsAt ? 'expired' : null
}

function unmetCondition(promotion: Promotion, run: Run, sale: Sale, trace: ConditionTrace[] | null): ConditionReason | null {
  if (promotion.conditions.length === 0) return null
  const { cart, facts, works, itemTotal, quantity, codeOf } = sale
  const { now, hasOrdered } = facts
  if (hasOrdered !== null && asks(promotion, 'first_order')) hasEnough(sale, 'first_order', hasOrdered ? 0 : 1, 1)
  const hasCode = codeOf.has(promotion.id)
  return judgeAll(
    promotion.conditions,
    { now, cart, lines: works, itemTotal, quantity, hasCode, hasOrdered, applied: run.appliedIds },
    trace,
  )
}

/** Who buys is known by a write to the cart, so an unknown customer needs no entry among the limits. */
function limitedByCustomer({ id }: Promotion, sale: Sale): PromotionReason | null {
  const left = sale.facts.limits.get(id)?.customerUsesLeft ?? null
  if (left === null) return null
  if (left === 'unknown') return 'needs_email'
  return hasEnough(sale, `customer:${id}`, left, 1) ? null : 'used_up_by_customer'
}

/** A budget gives all or nothing: half a discount is not what was promised. */
function overBudget({ id }: Promotion, worth: number, sale: Sale): PromotionReason | null {
  const budget = sale.facts.limits.get(id)?.budgetLeft ?? null
  if (budget === null) return null
  const { currency } = sale.cart
  const left = budget[currency]
  if (left === undefined) return 'currency'
  return hasEnough(sale, `budget:${id}:${currency}`, left, worth) ? null : 'exhausted'
}

// Computing ---------------------------------------------------------------------------------------------------------------------------

type Given = Pick<Offer, 'parts' | 'taken' | 'gift' | 'shipping' | 'worth'>

function computed(promotion: Promotion, run: Run, sale: Sale): Given | PromotionReason {
  const { benefit, cap, percentBase } = promotion
  if (benefit.kind === 'gift') return giftOf(promotion.id, benefit, run, sale)
  if (benefit.kind === 'free_shipping' || ('on' in benefit && benefit.on === 'shipping')) return offShipping(promotion, run, sale)
  const { pricing, promotions } = sale.facts.shop.settings
  const ground: Ground = {
    works: sale.works,
    left: run.left,
    currency: sale.cart.currency,
    rounding: pricing.rounding,
    isRunning: (percentBase ?? promotions.percentBase) === 'running',
  }
  const parts = takenOff(benefit, ground)
  if (typeof parts === 'string') return parts
  let taken = 0
  for (const part of parts) taken += part
  const most = cap === null ? undefined : amountIn(cap, ground.currency)
  if (most === undefined || taken <= most) return { ...NOTHING_TAKEN, parts, taken, worth: taken }
  return { ...NOTHING_TAKEN, parts: allocate(most, parts), taken: most, worth: most }
}

function offShipping(promotion: Promotion, run: Run, sale: Sale): Given | PromotionReason {
  const { benefit } = promotion
  const { currency } = sale.cart
  if (benefit.kind === 'amount_off' && amountIn(benefit.amounts, currency) === undefined) return 'currency'
  const most = sale.facts.limits.get(promotion.id)?.budgetLeft?.[currency] ?? null
  const shipping: ShippingBenefit = { promotion, code: sale.codeOf.get(promotion.id) ?? null, most: null }
  const price = shippingAfter(run, sale)
  if (benefit.kind === 'free_shipping' && benefit.methods && price.method !== null && !benefit.methods.includes(price.method))
    return 'shipping_method'
  const worth = takenOffShipping([...shippingBenefits(run), shipping], price, shippingHow(sale)).at(-1) ?? 0
  // What later promotions take off the items may make shipping dearer: it takes no more than the budget even then.
  return { ...NOTHING_TAKEN, shipping: { ...shipping, most }, worth }
}

/** As many as are promised, of those that the cart's own lines and earlier gifts leave. */
function giftOf(promotionId: string, { sku, quantity }: Extract<Benefit, { kind: 'gift' }>, run: Run, sale: Sale): Given | PromotionReason {
  const { cart, facts, stages } = sale
  const variant = facts.variants.get(sku)
  if (!variant?.published || variant.kind === 'recharge' || variant.kind === 'subscription') return 'gift_unavailable'
  const taken = takenOfStock(variant, sale, run)
  if (facts.stock.has(sku)) sale.giftsWanted.set(sku, Math.max(sale.giftsWanted.get(sku) ?? 0, taken.besides + quantity))
  const possible = Math.min(quantity, (facts.stock.get(sku) ?? Number.POSITIVE_INFINITY) - taken.inCart - taken.besides)
  if (possible < 1) return 'gift_unavailable'
  const work = stages.priced(giftLine(promotionId, sku, variant.name, possible, cart))
  if (!work?.available) return 'gift_unavailable'
  return { ...NOTHING_TAKEN, gift: { ...work, giftOf: promotionId }, worth: work.itemTotal }
}

/**
 * How many of a gift the cart takes up already: as lines of its own (`inCart`), and with earlier gifts and in bundles (`besides`). A bundle that is
 * given shares its parts with what is sold.
 */
function takenOfStock({ sku, parts = [] }: Variant, { works, facts }: Sale, run: Run): { inCart: number; besides: number } {
  const gifts = run.applied.flatMap(({ gift }) => gift ?? [])
  const inCart = works.reduce((count, { line }) => count + (line.sku === sku ? line.quantity : 0), 0)
  const given = gifts.reduce((count, { line }) => count + (line.sku === sku ? line.quantity : 0), 0)
  const others = [...works, ...gifts].filter(({ line }) => line.sku !== sku)
  // A line counts where the item is counted; what bundles need is not asked for each part.
  const needed = (part: string) =>
    others.reduce((count, { line, variant }) => {
      if (line.sku === part) return count + (facts.stock.has(part) ? line.quantity : 0)
      return count + line.quantity * (variant?.parts ?? []).reduce((each, own) => each + (own.sku === part ? own.quantity : 0), 0)
    }, 0)
  const shared = parts.length === 0 ? needed(sku) : Math.max(...parts.map((part) => Math.ceil(needed(part.sku) / part.quantity)))
  return { inCart, besides: given + shared }
}

/** It is as old as the newest line, so that pricing again gives the same line. */
function giftLine(promotionId: string, sku: string, name: string, quantity: number, { lines, createdAt }: Cart): Line {
  const id = `gift_${promotionId}`
  return {
    id,
    key: id,
    sku,
    quantity,
    options: {},
    note: null,
    attributes: {},
    amount: null,
    plan: null,
    priceSource: 'catalog',
    unitPrice: null,
    inline: null,
    name,
    priceWhenAdded: null,
    quantityWhenAdded: quantity,
    taxes: null,
    pricesElsewhere: {},
    addedAt: lines.reduce((newest, line) => Math.max(newest, line.addedAt), createdAt),
  }
}

// Applying ----------------------------------------------------------------------------------------------------------------------------

function apply({ promotion, code, parts, gift }: Offer, { works, cart }: Sale): void {
  const source: Adjustment['source'] = { kind: 'promotion', id: promotion.id, ...(code === null ? {} : { code }) }
  // Also of what costs nothing anyway: a gift is a use of its promotion.
  if (gift) takeOff(gift, gift.itemTotal, promotion.name, source, cart.currency)
  if (parts === null) return
  for (let index = 0; index < works.length; index++) {
    const part = parts[index] ?? 0
    const work = works[index]
    if (work && part > 0) takeOff(work, part, promotion.name, source, cart.currency)
  }
}

/** Codes that nobody may learn of by trying them, whatever the promotion tells. */
const NEVER_TOLD: readonly PromotionReason[] = ['unknown', 'inactive', 'not_started']

function codeStates(
  { cart, facts }: Sale,
  unusable: ReadonlyMap<string, PromotionReason>,
  offers: ReadonlyMap<string, Offer>,
): CodeState[] {
  const isDetailed = facts.shop.settings.promotions.publicReasons === 'detailed'
  return cart.codes.map((code) => {
    const promotion = facts.promotions.get(facts.codes.get(code)?.promotionId ?? '')
    const reason = unusable.get(code) ?? (promotion ? (offers.get(promotion.id)?.reason ?? null) : 'unknown')
    if (reason === null) return { code, applied: true, reason }
    const mayKnow = promotion?.tellsReasons === true || cart.codesKnown.includes(code)
    const isTold = isDetailed || (mayKnow && !NEVER_TOLD.includes(reason))
    return { code, applied: false, reason: isTold ? reason : 'not_applicable' }
  })
}

function writeTrace(trace: Trace, ordered: readonly Promotion[], offers: ReadonlyMap<string, Offer>): void {
  for (const promotion of ordered) {
    const offer = offers.get(promotion.id)
    if (!offer) continue
    trace.promotions.push({
      promotionId: promotion.id,
      name: promotion.name,
      lane: promotion.lane,
      priority: promotion.priority,
      code: offer.code,
      outcome: offer.reason === null ? 'applied' : 'not_applied',
      reason: offer.reason,
      conditions: offer.conditions,
      discount: 0,
    })
  }
}

/** Writes down what each promotion took off in the end: off shipping that is known last, and the shop's floor may give some of it back. */
export function writeDiscounts(trace: Trace, sold: readonly Work[], ofShipping: readonly Adjustment[]): void {
  const taken = new Map<string, number>()
  for (const { type, source, amount } of [...sold.flatMap((work) => work.adjustments), ...ofShipping])
    if (type === 'promotion') taken.set(source.id, (taken.get(source.id) ?? 0) - amount.amount)
  for (const [index, each] of trace.promotions.entries()) trace.promotions[index] = { ...each, discount: taken.get(each.promotionId) ?? 0 }
}
