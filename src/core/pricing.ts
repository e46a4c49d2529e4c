// The price of a cart: one function, the order of operations on one screen. Nothing else in the house computes a price, and the only way a
// price changes is an adjustment with a source, so "why does it cost that?" is answered by reading rows.

import { type Adjustment, leftOf, type Work } from './adjustment.ts'
import type { Attributes } from './attributes.ts'
import {
  type Address,
  BLOCKING_NOTICES,
  type Cart,
  type ClosedReason,
  type InlineItem,
  LIMITS,
  type Line,
  lineTotal,
  money,
  type Notice,
  notice,
  type Options,
  type Owner,
  quantitiesOf,
  termsOf,
} from './cart.ts'
import type { Facts } from './facts.ts'
import { QUARTER_MS } from './hours.ts'
import { type Money, sum } from './money.ts'
import {
  inapplicable,
  type Part,
  type Price,
  type PriceTerms,
  type ProductKind,
  priceOf,
  pricesOf,
  UNSHIPPED_KINDS,
  type Variant,
} from './product.ts'
import { applyPromotions, type CodeState, type LimitsSeen, writeDiscounts } from './promoting.ts'
import { asks, edgesOf, giftOf } from './promotion.ts'
import { NO_QUOTES, type ShippingQuote, type Wanted } from './quote.ts'
import { quoteEdges } from './quoting.ts'
import { isRefusal, type Refusal, refuse } from './refusal.ts'
import { aboveFloor, applyShipping, budgetsSeen, discountShipping, type Shipped } from './shipping.ts'
import { applyTaxes } from './tax.ts'
import { durationMs, expiryOf, rfc3339 } from './time.ts'
import type { RateTrace, Trace } from './trace.ts'

/** Moves when this code may give other results for the same facts: stored prices of another revision are computed anew. */
export const PRICING_REVISION = 16

/** A line as it is served. */
export interface PricedLine {
  readonly id: string
  readonly sku: string | null
  readonly productId: string | null
  readonly handle: string | null
  readonly name: string
  readonly variantName: string
  readonly image: string | null
  readonly kind: ProductKind
  /** Who sells it, where it is not the shop itself. */
  readonly seller: string | null
  readonly quantity: number
  readonly options: Options
  readonly note: string | null
  readonly attributes: Attributes
  readonly amount: Money | null
  /** What one piece of a bundle consists of; empty for everything else. */
  readonly parts: readonly Part[]
  /** The plan of a subscription, else null. */
  readonly plan: string | null
  readonly priceSource: 'catalog' | 'external' | 'inline'
  readonly unitPrice: Money
  readonly priceWhenAdded: Money
  readonly listPrice: Money | null
  readonly itemTotal: Money
  readonly discountTotal: Money
  readonly total: Money
  readonly adjustments: readonly Adjustment[]
  readonly requiresShipping: boolean
  /** Whether a server set its taxes (C16). */
  readonly taxSource: 'rates' | 'external'
  /** The promotion that gave it away; such a line comes and goes with the promotion and cannot be changed. */
  readonly giftOf: string | null
  readonly state: 'AVAILABLE' | 'UNAVAILABLE'
  readonly addedAt: string
}

/** The totals: `total = itemTotal + discountTotal + shippingTotal + additionalTaxTotal`, exactly. `includedTaxTotal` is part of them. */
export interface Totals {
  readonly itemTotal: Money
  readonly discountTotal: Money
  readonly shippingTotal: Money
  readonly includedTaxTotal: Money
  readonly additionalTaxTotal: Money
  readonly total: Money
}

/** A cart as it is served and kept: the intent with what it costs. */
export interface PricedCart extends Totals {
  readonly id: string
  readonly number: string
  readonly shopId: string
  readonly type: string
  readonly state: 'OPEN' | 'CLOSED'
  readonly closedReason: ClosedReason | null
  readonly mergedInto: string | null
  readonly orderId: string | null
  readonly continues: string | null
  readonly isCurrent: boolean
  readonly owner: Owner
  readonly currency: string
  readonly version: number
  readonly pricing: number
  readonly lines: readonly PricedLine[]
  readonly codes: readonly CodeState[]
  readonly email: string | null
  readonly shippingAddress: Address | null
  readonly billingAddress: Address | null
  readonly billingSameAsShipping: boolean
  readonly shippingSameAsBilling: boolean
  readonly shippingMethod: string | null
  readonly requiresShipping: boolean
  /** What shipping costs at least, by the cheapest method for where it goes as far as that is known; null once a method is chosen (SEED3-52). */
  readonly shippingEstimate: Money | null
  readonly customerGroups: readonly string[]
  readonly vatId: string | null
  readonly vatIdChecked: boolean
  readonly taxExempt: boolean
  readonly attributes: Attributes
  readonly note: string | null
  readonly adjustments: readonly Adjustment[]
  readonly notices: readonly Notice[]
  readonly itemCount: number
  readonly createdAt: string
  readonly updatedAt: string
  readonly expiresAt: string | null
}

/**
 * What pricing answers: the priced cart, the intent as it stands (without what the shop's settings remove from carts), and what the price rests on
 * besides the epoch: until when it stays true by itself, which stock it looked at (sku, wanted, was there), which limits, and what it would have
 * to know from outside engines (`wanted`).
 */
export interface Pricing {
  readonly cart: PricedCart
  readonly intent: Cart
  readonly freshUntil: number | null
  readonly stockSeen: readonly (readonly [sku: string, wanted: number, available: number])[]
  readonly limitsSeen: LimitsSeen
  /** The shipping methods that are offered for this cart, in the shop's order. */
  readonly shippingQuotes: readonly ShippingQuote[]
  readonly wanted: readonly Wanted[]
}

/**
 * Prices a cart. The order is fixed, each step has its reason:
 * 1. unit prices, from the catalogue or, where a server set them, from the line (those are never re-priced, C17);
 * 2. promotions on what is available, because a discount must be known before tax (tax is owed on what is paid); they may add gifts;
 * 3. shipping by the discounted items, so that "free from" means what the shopper pays for them, then promotions on its price;
 * 4. tax on each discounted line and on discounted shipping, included or added;
 * 5. totals, as sums of adjustments and nothing else.
 * @param trace where it writes down how it came to the result; the result never depends on it
 * @returns the priced cart, or `amount_too_large` where a sum leaves the exact range
 */
export function priceCart(given: Cart, facts: Facts, trace: Trace | null = null): Pricing | Refusal {
  const first = pricedOnce(given, facts, trace)
  if (isRefusal(first) || first.intent.codes.length === given.codes.length) return first
  // A code that leaves the cart may have kept others from applying. What made it leave counts for this price, too.
  if (trace) for (const written of [trace.promotions, trace.rates, trace.roundings]) written.length = 0
  const rest = priceCart(first.intent, facts, trace)
  if (isRefusal(rest)) return rest
  return {
    ...rest,
    cart: { ...rest.cart, pricing: first.cart.pricing },
    freshUntil: first.freshUntil,
    stockSeen: [...first.stockSeen, ...rest.stockSeen],
    limitsSeen: [...first.limitsSeen, ...rest.limitsSeen],
  }
}

function pricedOnce(given: Cart, facts: Facts, trace: Trace | null): Pricing | Refusal {
  const cart = withoutGone(given, facts)
  const works: Work[] = []
  const termsFor = termsByLine(cart, facts)
  for (const line of cart.lines) {
    const work = unitPriced(line, cart.currency, termsFor(line), facts, trace)
    if (isRefusal(work)) return work
    works.push(work)
  }
  const available = works.filter((work) => work.available)
  const itemTotal = sum(available.map((work) => work.itemTotal))
  if (itemTotal === null) return refuse('amount_too_large', { path: '/lines' })

  // A code must not make balance of nothing: what credits a balance costs what it is worth, and counts for no promotion.
  const { creditRecharges } = facts.shop.settings.balance
  const credits = creditRecharges ? available.filter(({ variant }) => variant?.kind === 'recharge') : []
  const promotable = credits.length === 0 ? available : available.filter((work) => !credits.includes(work))
  const credited = credits.reduce((all, work) => all + work.itemTotal, 0)
  const stages = {
    shippingFor: (sold: readonly Work[], left: number) => applyShipping(cart, [...sold, ...credits], left + credited, facts, null),
    priced: (line: Line) => pricedOrNull(line, cart.currency, termsFor(line), facts),
  }
  const promoted = applyPromotions(cart, promotable, itemTotal - credited, facts, stages, trace)
  const sold = [...available, ...promoted.gifts]
  const discounted = itemTotal + promoted.discount
  const listed = applyShipping(cart, sold, discounted, facts, trace)
  const shipped = aboveFloor(discountShipping(cart, listed, promoted.shipping, facts.shop.settings), discounted, facts.shop.settings)
  if (trace) writeDiscounts(trace, sold, shipped.adjustments)
  const taxed = applyTaxes(cart, sold, shipped, facts, trace)

  const items = sum([itemTotal, ...promoted.gifts.map((work) => work.itemTotal)])
  const total = sum([discounted, shipped.amount, shipped.discount, taxed.additional])
  if (total === null || items === null) return refuse('amount_too_large', { path: '/lines' })
  const currency = cart.currency
  const totals: Totals = {
    itemTotal: money(items, currency),
    discountTotal: money(promoted.discount - (items - itemTotal) + shipped.discount, currency),
    shippingTotal: money(shipped.amount, currency),
    includedTaxTotal: money(taxed.included, currency),
    additionalTaxTotal: money(taxed.additional, currency),
    total: money(total, currency),
  }
  const lines = available.map((work) => work.line)
  const lacking = seenStock(lines, facts)
  const intent = withKnownCodes(withoutInvalidCodes(cart, promoted.codes, facts), promoted.codes)
  const codes = intent === cart ? promoted.codes : promoted.codes.filter((state) => intent.codes.includes(state.code))
  const notices = [
    ...intent.notices,
    ...works.flatMap((work) => lineNotices(work, currency, termsFor(work.line), facts)),
    ...shipped.notices,
    ...taxed.notices,
    ...stockNotices(lacking),
  ]
  const edges = timeEdges(given, facts)
  return {
    cart: served(cart, [...works, ...promoted.gifts], { totals, codes, notices, shipped, termsFor, stamp: edges.stamp }, facts),
    intent,
    freshUntil: edges.freshUntil,
    // Of lines that left because they are sold out, too: they come back with their stock.
    stockSeen: cart === given && promoted.giftsWanted.size === 0 ? lacking : seenStock(given.lines, facts, promoted.giftsWanted),
    limitsSeen: [...promoted.limitsSeen, ...budgetsSeen(promoted.shipping, listed, currency, facts.shop.settings)],
    shippingQuotes: shipped.offered,
    wanted: [shipped.wanted, taxed.wanted].filter((each) => each !== null),
  }
}

// 0. What is gone ------------------------------------------------------------------------------------------------------------------------

/**
 * A shop may want what cannot be bought to leave the cart instead of being flagged (SEED4-35, C19): lines that are not for sale or sold out
 * go, lines with more than there is are lowered, each with a notice. Nothing is written by this: the next command keeps it. Fewer pieces may have
 * no price, so it goes on until nothing is gone.
 */
export function withoutGone(cart: Cart, facts: Facts): Cart {
  if (facts.shop.settings.lines.onUnavailable === 'flag' || cart.state === 'CLOSED') return cart
  const left = new Map(facts.stock)
  const termsFor = termsByLine(cart, facts)
  const notices: Notice[] = []
  const lines = cart.lines.flatMap((line) => {
    const { sku } = line
    const variant = sku === null ? null : (facts.variants.get(sku) ?? null)
    const gone = (reason: string) => notices.push(notice('line_removed', 'warning', '/lines', { sku, name: line.name, reason }))
    if (!isForSale(line, variant, cart.currency, termsFor(line))) {
      gone(variant?.published ? 'no_price' : 'not_for_sale')
      return []
    }
    const available = sku === null ? undefined : left.get(sku)
    if (sku === null || available === undefined) return [line]
    const possible = available - (available % (variant?.quantityStep ?? 1))
    const quantity = Math.min(line.quantity, possible)
    left.set(sku, available - Math.max(0, quantity))
    if (quantity === line.quantity) return [line]
    if (quantity <= 0 || quantity < (variant?.quantityMin ?? 1)) {
      gone('sold_out')
      return []
    }
    notices.push(notice('quantity_reduced', 'warning', `/lines/${line.id}`, { from: line.quantity, to: quantity, sku }))
    return [{ ...line, quantity }]
  })
  if (notices.length === 0) return cart
  const known = new Set(cart.notices.map(({ id }) => id))
  return withoutGone({ ...cart, lines, notices: [...cart.notices, ...notices.filter(({ id }) => !known.has(id))] }, facts)
}

/** The same for codes (C32): one that does not apply any more leaves the cart with a notice. A cart without lines keeps its codes. */
function withoutInvalidCodes(cart: Cart, states: readonly CodeState[], facts: Facts): Cart {
  const isKept = facts.shop.settings.promotions.onInvalid === 'keep' || cart.state === 'CLOSED' || cart.lines.length === 0
  const gone = isKept ? [] : states.filter((state) => !state.applied)
  if (gone.length === 0) return cart
  const notices = gone.map(({ code, reason }) => notice('code_removed', 'warning', '/codes', { promotionCode: code, reason }))
  const codes = cart.codes.filter((code) => !gone.some((state) => state.code === code))
  const known = new Set([...cart.notices.map(({ id }) => id), ...cart.acknowledged])
  const told = new Set(notices.map(({ id }) => id))
  // What was seen is over with the code: when it comes and goes again, that is news.
  const acknowledged = cart.acknowledged.filter((id) => !told.has(id))
  return { ...cart, codes, acknowledged, notices: [...cart.notices, ...notices.filter(({ id }) => !known.has(id))] }
}

/** Codes that apply are known to whoever typed them: when they stop applying, their owner may know why (C34). */
function withKnownCodes(cart: Cart, states: readonly CodeState[]): Cart {
  if (cart.state === 'CLOSED') return cart
  const fresh = states.flatMap(({ code, applied }) => (applied && !cart.codesKnown.includes(code) ? [code] : []))
  return fresh.length === 0 ? cart : { ...cart, codesKnown: [...cart.codesKnown, ...fresh].slice(-LIMITS.codes * 3) }
}

// 1. Unit prices -----------------------------------------------------------------------------------------------------------------------

/** On what terms the variant of a line is bought: for as many pieces as all lines of its sku have together. */
function termsByLine(cart: Cart, facts: Facts): (line: Line) => PriceTerms {
  const quantities = quantitiesOf(cart.lines)
  return (line) => termsOf(cart, (line.sku === null ? undefined : quantities.get(line.sku)) ?? line.quantity, facts)
}

function unitPriced(line: Line, currency: string, terms: PriceTerms, facts: Facts, trace: Trace | null): Work | Refusal {
  const variant = line.sku === null ? null : (facts.variants.get(line.sku) ?? null)
  const chosen = variant ? priceOf(variant, currency, line.plan, terms) : undefined
  const current = line.unitPrice ?? line.amount ?? chosen?.amount ?? null
  const unitPrice = current === null ? (line.priceWhenAdded ?? 0) : heldPrice(line, current, terms, facts)
  const available = isForSale(line, variant, currency, terms)
  if (trace) {
    const counts = available && unitPrice === chosen?.amount ? chosen : null
    trace.rates.push(...priceTraces(line, variant, counts, { currency, terms, current, unitPrice, heldUntil: holdOf(line, facts) }))
  }
  const itemTotal = lineTotal(unitPrice, line.quantity)
  if (itemTotal === null) return refuse('amount_too_large', { path: `/lines/${line.id}` })
  const taxCategory = line.inline ? line.inline.taxCategory : variant?.taxable ? variant.taxCategory : null
  const ships = line.inline
    ? line.inline.requiresShipping === true
    : variant?.requiresShipping === true && !UNSHIPPED_KINDS.includes(variant.kind)
  return { line, variant, unitPrice, itemTotal, available, taxCategory, ships, giftOf: null, discount: 0, adjustments: [] }
}

function pricedOrNull(line: Line, currency: string, terms: PriceTerms, facts: Facts): Work | null {
  const work = unitPriced(line, currency, terms, facts, null)
  return isRefusal(work) ? null : work
}

/**
 * Where a unit price comes from, for who asks: every price of the variant with why it was passed over, and where none of them counts, what counts
 * instead. Exactly one is chosen for a line that can be bought.
 */
function priceTraces(
  line: Line,
  variant: Variant | null,
  chosen: Price | null,
  saw: { currency: string; terms: PriceTerms; current: number | null; unitPrice: number; heldUntil: number | null },
): RateTrace[] {
  const own = line.priceSource !== 'catalog' ? line.priceSource : line.amount !== null ? 'amount' : 'catalog'
  const rows = (variant ? pricesOf(variant, line.plan) : []).map((price, index): RateTrace => {
    const other = price.currency === saw.currency ? inapplicable(price, saw.terms) : 'currency'
    const isChosen = price === chosen && own === 'catalog'
    const reason = isChosen ? null : (other ?? (own === 'catalog' ? 'not_the_lowest' : own))
    return { kind: 'price', of: line.id, id: `${variant?.sku}/${index}`, chosen: isChosen, reason, saw: { ...price, ...saw.terms } }
  })
  if (rows.some((row) => row.chosen)) return rows
  const isHeld = saw.current !== null && saw.unitPrice !== saw.current
  const isSold = variant === null ? line.inline !== null : variant.published && saw.current !== null
  const reason = isSold ? null : saw.current === null ? 'no_price' : 'not_for_sale'
  const held = isHeld && saw.heldUntil !== null ? { whenAdded: line.priceWhenAdded, heldUntil: rfc3339(saw.heldUntil) } : {}
  const told = { unitPrice: saw.unitPrice, current: saw.current, ...held }
  return [...rows, { kind: 'price', of: line.id, id: isHeld ? 'held' : own, chosen: isSold, reason, saw: told }]
}

/** Whether a line can be bought: its product is offered and has a price in this currency for so many pieces. */
function isForSale(line: Line, variant: Variant | null, currency: string, terms: PriceTerms): boolean {
  if (line.inline !== null) return true
  return variant?.published === true && (line.unitPrice ?? line.amount ?? priceOf(variant, currency, line.plan, terms)) !== undefined
}

/**
 * What a line costs where its price went up and the shop keeps the old one. That was for as many pieces as there were: with fewer of them it is
 * not kept, or a quantity price could be taken along by one piece.
 */
function heldPrice(line: Line, current: number, { quantity, now }: PriceTerms, facts: Facts): number {
  const until = holdOf(line, facts)
  const isHeld = until !== null && now < until && quantity >= line.quantityWhenAdded
  return isHeld && line.priceWhenAdded !== null ? Math.min(current, line.priceWhenAdded) : current
}

/** Until when a line keeps the price it was added at although the catalogue's went up (C17); null where shops do not promise that. */
function holdOf(line: Line, facts: Facts): number | null {
  const { onIncrease, holdFor } = facts.shop.settings.pricing
  if (onIncrease !== 'hold' || line.priceSource !== 'catalog' || line.amount !== null) return null
  return line.addedAt + (durationMs(holdFor) ?? 0)
}

function lineNotices(work: Work, currency: string, terms: PriceTerms, facts: Facts): Notice[] {
  const { line } = work
  const path = `/lines/${line.id}`
  if (!work.available) {
    const reason = work.variant?.published ? 'no_price' : 'not_for_sale'
    return [notice('line_unavailable', 'error', path, { sku: line.sku, reason })]
  }
  const minimum = work.variant?.quantityMin ?? 1
  const short =
    line.quantity < minimum ? [notice('quantity_below_minimum', 'error', path, { sku: line.sku, quantity: line.quantity, minimum })] : []
  return [...short, ...priceNotices(work, currency, terms, facts)]
}

/** Like is compared with like: what so many pieces cost when the line was added, and now. Buying more or fewer of them is no news. */
function priceNotices({ line, variant, unitPrice }: Work, currency: string, terms: PriceTerms, facts: Facts): Notice[] {
  if (line.priceSource !== 'catalog' || line.priceWhenAdded === null) return []
  const then = { ...terms, quantity: line.quantityWhenAdded }
  const isSame = line.amount !== null || terms.quantity === then.quantity || variant === null
  const same = isSame ? undefined : priceOf(variant, currency, line.plan, then)?.amount
  const to = same === undefined ? unitPrice : heldPrice(line, same, terms, facts)
  if (to === line.priceWhenAdded) return []
  const code = to > line.priceWhenAdded ? 'price_increased' : 'price_decreased'
  return [notice(code, 'warning', `/lines/${line.id}`, { sku: line.sku, from: line.priceWhenAdded, to, currency })]
}

function seenStock(lines: readonly Line[], facts: Facts, besides: ReadonlyMap<string, number> = new Map()): [string, number, number][] {
  const wanted = new Map(besides)
  for (const line of lines) {
    if (line.sku !== null && facts.stock.has(line.sku)) wanted.set(line.sku, (wanted.get(line.sku) ?? 0) + line.quantity)
  }
  return [...wanted].map(([sku, quantity]) => [sku, quantity, facts.stock.get(sku) ?? 0])
}

function stockNotices(stockSeen: Pricing['stockSeen']): Notice[] {
  return stockSeen
    .filter(([, wanted, available]) => wanted > available)
    .map(([sku, wanted, available]) =>
      notice('insufficient_stock', 'error', `/skus/${sku}`, { sku, wanted, available: Math.max(0, available) }),
    )
}

// 2. to 5.: promoting.ts, shipping.ts, tax.ts. The served cart -------------------------------------------------------------------------------------------------------------------

/**
 * Until when nothing changes by time alone, and a stamp that never falls while the cart's version stands: the later of the epoch (which is in
 * milliseconds, too) and the last moment that has passed at which a promotion, or a price of what is in the cart or may be given with it, began or ended.
 */
function timeEdges(cart: Cart, facts: Facts): { freshUntil: number | null; stamp: number } {
  let freshUntil: number | null = null
  // Of any promotion of the shop, also of one that this cart does not get or that is used up.
  let stamp = Math.max(facts.epoch, facts.lastEdge)
  if (cart.lines.length === 0) return { freshUntil, stamp }
  const look = (edge: number) => {
    if (edge > facts.now) freshUntil = Math.min(edge, freshUntil ?? edge)
    else stamp = Math.max(stamp, edge)
  }
  for (const promotion of facts.promotions.values()) {
    for (const edge of edgesOf(promotion)) look(edge)
    if (asks(promotion, 'hours')) {
      const quarter = facts.now - (facts.now % QUARTER_MS)
      look(quarter)
      look(quarter + QUARTER_MS)
    }
  }
  const skus = new Set([...cart.lines.map((line) => line.sku), ...[...facts.promotions.values()].map(giftOf)])
  for (const sku of skus) {
    for (const { startsAt, endsAt } of facts.variants.get(sku ?? '')?.prices ?? []) {
      if (startsAt !== undefined) look(startsAt)
      if (endsAt !== undefined) look(endsAt)
    }
  }
  if (facts.quotes !== NO_QUOTES) for (const edge of quoteEdges(facts)) look(edge)
  for (const line of cart.lines) {
    const heldUntil = holdOf(line, facts)
    if (heldUntil !== null) look(heldUntil)
  }
  return { freshUntil, stamp }
}

interface Outcome {
  readonly totals: Totals
  readonly codes: readonly CodeState[]
  readonly notices: readonly Notice[]
  readonly shipped: Shipped
  readonly termsFor: (line: Line) => PriceTerms
  readonly stamp: number
}

function served(cart: Cart, works: readonly Work[], outcome: Outcome, facts: Facts): PricedCart {
  const expiresAt = expiryOf(cart, facts.shop.settings)
  return {
    id: cart.id,
    number: cart.number,
    shopId: cart.shopId,
    type: cart.type,
    state: cart.state,
    closedReason: cart.closedReason,
    mergedInto: cart.mergedInto,
    orderId: cart.orderId,
    continues: cart.continues,
    isCurrent: cart.isCurrent,
    owner: cart.owner,
    currency: cart.currency,
    version: cart.version,
    pricing: outcome.stamp,
    lines: inShownOrder(works, facts).map((work) => servedLine(work, cart.currency, outcome.termsFor(work.line))),
    codes: outcome.codes,
    email: cart.email,
    shippingAddress: cart.shippingAddress,
    billingAddress: cart.billingAddress,
    billingSameAsShipping: cart.billingSameAsShipping,
    shippingSameAsBilling: cart.shippingSameAsBilling === true,
    shippingMethod: outcome.shipped.method,
    requiresShipping: outcome.shipped.needed,
    shippingEstimate: outcome.shipped.estimate === null ? null : money(outcome.shipped.estimate, cart.currency),
    customerGroups: cart.customerGroups,
    vatId: cart.vatId,
    vatIdChecked: cart.vatIdChecked,
    taxExempt: cart.taxExempt,
    attributes: cart.attributes,
    note: cart.note,
    adjustments: outcome.shipped.adjustments,
    notices: shownNotices(cart, outcome.notices, facts),
    ...outcome.totals,
    itemCount: cart.lines.reduce((total, line) => total + line.quantity, 0),
    createdAt: rfc3339(cart.createdAt),
    updatedAt: rfc3339(cart.updatedAt),
    expiresAt: expiresAt === null ? null : rfc3339(expiresAt),
  }
}

/** As they were added, or the newest first; lines of one moment in the order in which they came. */
function inShownOrder(works: readonly Work[], facts: Facts): readonly Work[] {
  if (facts.shop.settings.lines.order === 'oldest') return works
  return works.toReversed().sort((a, b) => b.line.addedAt - a.line.addedAt)
}

/** The notices that were not acknowledged yet, each with whether it must be (C47); what stands in the way of ordering is always shown. */
function shownNotices(cart: Cart, notices: readonly Notice[], facts: Facts): Notice[] {
  const { requireAck } = facts.shop.settings.notices
  return notices.flatMap((each) => {
    if (!cart.acknowledged.includes(each.id)) return [{ ...each, requiresAck: requireAck.includes(each.code) }]
    return BLOCKING_NOTICES.some((code) => code === each.code) ? [each] : []
  })
}

function servedLine(work: Work, currency: string, terms: PriceTerms): PricedLine {
  const { line, variant } = work
  const inline: InlineItem | null = line.inline
  const list =
    variant && line.priceSource === 'catalog' && line.amount === null ? priceOf(variant, currency, line.plan, terms)?.listAmount : undefined
  return {
    id: line.id,
    sku: line.sku,
    productId: variant?.productId ?? null,
    handle: variant?.handle ?? null,
    name: inline?.name ?? variant?.name ?? line.name,
    variantName: variant?.variantName ?? '',
    image: inline?.image ?? variant?.image ?? null,
    kind: variant?.kind ?? 'goods',
    seller: variant?.seller ?? null,
    quantity: line.quantity,
    options: line.options,
    note: line.note,
    attributes: line.attributes,
    amount: line.amount === null ? null : money(line.amount, currency),
    parts: variant?.parts ?? [],
    plan: line.plan,
    priceSource: line.priceSource,
    unitPrice: money(work.unitPrice, currency),
    priceWhenAdded: money(line.priceWhenAdded ?? work.unitPrice, currency),
    listPrice: list === undefined ? null : money(list, currency),
    itemTotal: money(work.itemTotal, currency),
    discountTotal: money(work.discount, currency),
    total: money(leftOf(work), currency),
    adjustments: work.adjustments,
    requiresShipping: work.ships,
    taxSource: line.taxes === null ? 'rates' : 'external',
    giftOf: work.giftOf,
    state: work.available ? 'AVAILABLE' : 'UNAVAILABLE',
    addedAt: rfc3339(line.addedAt),
  }
}
