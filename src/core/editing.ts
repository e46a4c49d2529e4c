// Editing a placed order (C43). An edit changes what staff names and computes the sums; rules do not run again unless that is asked for: then
// promotions, shipping and taxes run on the frozen prices (`adjustments`), or lines are refreshed from the catalogue like a cart's as well (`all`).
// Both go through `priceCart`: nothing here computes a discount, a tax or what shipping costs. Nothing is charged or given back by an edit.
import type { Adjustment } from './adjustment.ts'
import type { Attributes } from './attributes.ts'
import {
  type Address,
  addLines,
  attributesOff,
  BLOCKING_NOTICES,
  type Cart,
  canonicalOptions,
  emptyCart,
  LIMITS,
  type Line,
  type LineRequest,
  lineKey,
  lineTotal,
  mergedAttributes,
  money,
  type Notice,
  notice,
  type Options,
  optionsRefusal,
  quantitiesOf,
} from './cart.ts'
import type { Facts, LimitFacts } from './facts.ts'
import { type Money, sum } from './money.ts'
import { type Order, type OrderLine, orderLinesOf } from './order.ts'
import { type Pricing, priceCart, type Totals } from './pricing.ts'
import { asks } from './promotion.ts'
import { lineShare, type PastRefund, refundedOf } from './refund.ts'
import { isRefusal, type Refusal, refuse } from './refusal.ts'
import { demandOf } from './stock.ts'

/** What runs again: nothing; promotions, shipping and taxes on frozen prices; or everything, as in a cart (SEED4-35). */
export const RECALCULATIONS = ['none', 'adjustments', 'all'] as const

/** One of them. */
export type Recalculation = (typeof RECALCULATIONS)[number]

/** What is to be another way about a line. `quantity` 0 removes it; `unitPrice` is minor units. */
export interface LineSetting {
  readonly lineId: string
  readonly quantity?: number | undefined
  readonly unitPrice?: number | undefined
  readonly note?: string | null | undefined
  readonly options?: Options | undefined
}

/** What is to be another way about an order; an absent field stays, null empties. */
export interface OrderEdit {
  readonly lines?:
    | {
        /** New lines, each for itself: they never join one that has its price already. */
        readonly add?: readonly LineRequest[] | undefined
        readonly set?: readonly LineSetting[] | undefined
        readonly remove?: readonly string[] | undefined
      }
    | undefined
  readonly email?: string | null | undefined
  readonly shippingAddress?: Address | null | undefined
  readonly billingAddress?: Address | null | undefined
  readonly shippingMethod?: string | null | undefined
  /** Named attributes are set, null removes one, the others stay. */
  readonly attributes?: Attributes | undefined
  readonly note?: string | null | undefined
  readonly language?: string | null | undefined
  readonly recalculate?: Recalculation | undefined
}

/** An order as an edit makes it. Where there are errors it must not be kept. */
export interface Edited {
  readonly order: Order
  readonly errors: readonly Refusal[]
  readonly warnings: readonly Notice[]
  /** What it costs more (or less) than before, total by total. */
  readonly difference: Totals
  readonly isChanged: boolean
}

/**
 * Applies an edit. `facts` are those of the order's customer now; what the order itself took (pieces, uses, a first order) does not stand in its own
 * way. Every error is told, each with its path. `refunds` are all that the order had: what was given back for a line stays true of it.
 */
export function applyEdit(order: Order, edit: OrderEdit, facts: Facts, refunds: readonly PastRefund[]): Edited {
  const draft = draftOf(order, edit, facts)
  const mode = edit.recalculate ?? 'none'
  if (mode === 'none') {
    if (draft.isOutdated) draft.warnings.push(notice('adjustments_outdated', 'warning', '/adjustments', {}))
  } else recalculate(draft, mode, facts, order, refunds)
  const totals = totalsOf(draft.order.lines, draft.order.adjustments, order.currency)
  if (isRefusal(totals)) draft.errors.push(totals)
  const after: Order = { ...draft.order, ...(isRefusal(totals) ? {} : totals) }
  const errors = [
    ...draft.errors,
    ...incomplete(order, after, facts),
    ...shortages(order, after, facts),
    ...overRefunded(order, after, refunds),
  ]
  return {
    order: after,
    errors,
    warnings: draft.warnings,
    difference: differenceOf(order, after),
    isChanged: JSON.stringify(after) !== JSON.stringify(order),
  }
}

/** The sums of lines and adjustments: what an order costs follows from them and from nothing else (SEED4-36). */
export function totalsOf(
  lines: readonly Pick<OrderLine, 'itemTotal' | 'adjustments'>[],
  adjustments: readonly Adjustment[],
  currency: string,
): Totals | Refusal {
  const all = [...adjustments, ...lines.flatMap((line) => line.adjustments)]
  const sumOf = (wanted: (each: Adjustment) => boolean) => sum(all.filter(wanted).map((each) => each.amount.amount))
  const itemTotal = sum(lines.map((line) => line.itemTotal.amount))
  const discountTotal = sumOf((each) => each.type === 'promotion')
  const shippingTotal = sumOf((each) => each.type === 'shipping')
  const includedTaxTotal = sumOf((each) => each.type === 'tax' && each.included)
  const additionalTaxTotal = sumOf((each) => each.type === 'tax' && !each.included)
  const parts = [itemTotal, discountTotal, shippingTotal, additionalTaxTotal].flatMap((each) => each ?? [])
  const total = parts.length === 4 ? sum(parts) : null
  if (total === null || itemTotal === null || discountTotal === null || shippingTotal === null)
    return refuse('amount_too_large', { path: '/lines' })
  if (includedTaxTotal === null || additionalTaxTotal === null) return refuse('amount_too_large', { path: '/lines' })
  return {
    itemTotal: money(itemTotal, currency),
    discountTotal: money(discountTotal, currency),
    shippingTotal: money(shippingTotal, currency),
    includedTaxTotal: money(includedTaxTotal, currency),
    additionalTaxTotal: money(additionalTaxTotal, currency),
    total: money(total, currency),
  }
}

/** How many pieces of a line must stay in the order: those that were handed over, and those that were cancelled (and given back for). */
export function piecesSettled(line: Pick<OrderLine, 'cancelledQuantity' | 'fulfilledQuantity'>): number {
  return line.cancelledQuantity + line.fulfilledQuantity
}

/** Whether nothing became of a line's pieces yet: only then it may cost what the catalogue says today. */
function isUntouched(line: OrderLine, refunds: readonly PastRefund[]): boolean {
  return piecesSettled(line) === 0 && refundedOf(line.id, refunds).quantity === 0
}

/** How many pieces of each sku an edit takes from stock (above zero) or gives back (below), in order of sku. */
export function demandChange(before: Pick<Order, 'lines'>, after: Pick<Order, 'lines'>): [sku: string, quantity: number][] {
  const change = new Map<string, number>()
  for (const [sku, quantity] of demandOf(openLines(after.lines))) change.set(sku, quantity)
  for (const [sku, quantity] of demandOf(openLines(before.lines))) change.set(sku, (change.get(sku) ?? 0) - quantity)
  return [...change].filter(([, quantity]) => quantity !== 0).sort(([a], [b]) => (a < b ? -1 : 1))
}

/** Of cancelled pieces the stock went back when they were cancelled. */
function openLines(lines: readonly OrderLine[]): OrderLine[] {
  return lines.map((line) => ({ ...line, quantity: line.quantity - line.cancelledQuantity }))
}

function differenceOf(before: Totals, after: Totals): Totals {
  const between = (field: keyof Totals): Money => money(after[field].amount - before[field].amount, after[field].currency)
  return {
    itemTotal: between('itemTotal'),
    discountTotal: between('discountTotal'),
    shippingTotal: between('shippingTotal'),
    includedTaxTotal: between('includedTaxTotal'),
    additionalTaxTotal: between('additionalTaxTotal'),
    total: between('total'),
  }
}

// What staff names ------------------------------------------------------------------------------------------------------------------------

interface Draft {
  order: Order
  readonly errors: Refusal[]
  readonly warnings: Notice[]
  /** Whether something changed that discounts, shipping or taxes may depend on. */
  isOutdated: boolean
}

function draftOf(order: Order, edit: OrderEdit, facts: Facts): Draft {
  const draft: Draft = { order, errors: [], warnings: [], isOutdated: false }
  changeDetails(draft, edit, facts)
  const { add = [], set = [], remove = [] } = edit.lines ?? {}
  for (const [index, lineId] of remove.entries()) removeLine(draft, lineId, `/lines/remove/${index}`)
  for (const [index, setting] of set.entries()) setLine(draft, setting, `/lines/set/${index}`)
  if ((edit.recalculate ?? 'none') === 'none') draft.errors.push(...overdiscounted(draft.order, set))
  if (add.length > 0) addNew(draft, add, facts)
  return draft
}

/** Fields that discounts, shipping or taxes may look at. */
const RULED = ['email', 'shippingAddress', 'billingAddress', 'shippingMethod'] as const

function changeDetails(draft: Draft, edit: OrderEdit, facts: Facts): void {
  const { order } = draft
  const { email, shippingAddress, billingAddress, shippingMethod, note, language } = edit
  const given = Object.entries({ email, shippingAddress, billingAddress, shippingMethod, note, language })
  const attributes = edit.attributes === undefined ? order.attributes : mergedAttributes(order.attributes, edit.attributes)
  const refused = edit.attributes === undefined ? null : attributesOff(attributes, facts.shop.settings.attributes.order)
  if (refused) draft.errors.push(refused)
  draft.order = { ...order, ...Object.fromEntries(given.filter(([, value]) => value !== undefined)), attributes }
  draft.isOutdated = RULED.some((field) => JSON.stringify(draft.order[field]) !== JSON.stringify(order[field]))
  const { methods, provider } = facts.shop.settings.shipping
  const isKnown = provider !== null || shippingMethod === order.shippingMethod || methods.some(({ id }) => id === shippingMethod)
  if (shippingMethod && !isKnown) {
    const available = methods.map(({ id }) => id)
    draft.errors.push(refuse('shipping_method_unavailable', { shippingMethod, available, path: '/shippingMethod' }))
  }
}

function withLines(draft: Draft, lines: readonly OrderLine[]): void {
  draft.order = { ...draft.order, lines }
  draft.isOutdated = true
}

function removeLine(draft: Draft, lineId: string, path: string): void {
  const line = draft.order.lines.find(({ id }) => id === lineId)
  const refused = line ? tooFew(line, 0, path) : refuse('line_not_found', { lineId, path })
  if (refused) draft.errors.push(refused)
  else
    withLines(
      draft,
      draft.order.lines.filter((each) => each !== line),
    )
}

function tooFew(line: OrderLine, asked: number, path: string): Refusal | null {
  const min = piecesSettled(line)
  return asked >= min ? null : refuse('quantity_too_small', { lineId: line.id, sku: line.sku, min, asked, path })
}

function setLine(draft: Draft, setting: LineSetting, path: string): void {
  if (setting.quantity === 0) {
    removeLine(draft, setting.lineId, path)
    return
  }
  const line = draft.order.lines.find(({ id }) => id === setting.lineId)
  const changed = line ? changedLine(line, setting, path) : refuse('line_not_found', { lineId: setting.lineId, path: `${path}/lineId` })
  if (isRefusal(changed)) {
    draft.errors.push(changed)
    return
  }
  const isPriced = changed.itemTotal.amount !== line?.itemTotal.amount || changed.quantity !== line.quantity
  const lines = draft.order.lines.map((each) => (each === line ? changed : each))
  if (isPriced) withLines(draft, lines)
  else draft.order = { ...draft.order, lines }
}

/** Lines that would cost less than nothing by the discounts they have: where rules run again, those go. */
function overdiscounted({ lines }: Order, set: readonly LineSetting[]): Refusal[] {
  return lines.flatMap(({ id, total }) => {
    if (total.amount >= 0) return []
    const path = `/lines/set/${set.findIndex(({ lineId }) => lineId === id)}`
    return [refuse('invalid', { path, reason: 'its_discounts_are_larger_than_its_price', lineId: id })]
  })
}

/** A line with another quantity, price, note or options. Its adjustments stay as they are. */
function changedLine(line: OrderLine, setting: LineSetting, path: string): OrderLine | Refusal {
  const { currency } = line.unitPrice
  const { quantity = line.quantity, unitPrice = line.unitPrice.amount, note = line.note } = setting
  const options = setting.options === undefined ? line.options : canonicalOptions(setting.options)
  const isOtherPrice = unitPrice !== line.unitPrice.amount
  if (line.giftOf !== null && (isOtherPrice || quantity !== line.quantity))
    return refuse('invalid', { path, reason: 'a_gift_comes_and_goes_with_its_promotion', lineId: line.id })
  const few = tooFew(line, quantity, `${path}/quantity`)
  if (few) return few
  const wrong = optionsRefusal(options)
  if (wrong) return { ...wrong, path: `${path}/options` }
  const itemTotal = lineTotal(unitPrice, quantity)
  const total = itemTotal === null ? null : sum([itemTotal, line.discountTotal.amount])
  if (itemTotal === null || total === null) return refuse('amount_too_large', { path: `${path}/quantity` })
  return {
    ...line,
    quantity,
    note,
    options,
    priceSource: isOtherPrice && line.priceSource === 'catalog' ? 'external' : line.priceSource,
    unitPrice: money(unitPrice, currency),
    itemTotal: money(itemTotal, currency),
    total: money(total, currency),
  }
}

/** New lines at today's prices, without any adjustment: rules run when they are asked to. Stock is looked at for the whole order. */
function addNew(draft: Draft, add: readonly LineRequest[], facts: Facts): void {
  const { order } = draft
  const { settings } = facts.shop
  const lines = { ...settings.lines, whenFull: 'refuse', order: 'oldest', onUnavailable: 'flag' } as const
  const inventory = { ...settings.inventory, onAdd: 'allow' } as const
  const shop = { ...facts.shop, settings: { ...settings, lines, inventory } }
  const plain: Facts = { ...facts, shop, promotions: new Map(), codes: new Map() }
  const added = addLines({ ...cartOf(order, []), codes: [] }, { lines: add }, plain)
  const results = isRefusal(added) ? ((added.results as { detail?: Refusal }[] | undefined) ?? [{ detail: added }]) : (added.results ?? [])
  for (const { detail } of results)
    if (detail) draft.errors.push({ ...detail, path: String(detail.path ?? '/lines').replace(/^\/lines/, '/lines/add') })
  if (isRefusal(added)) return
  const max = Math.min(lines.max, LIMITS.lines)
  const isFull = order.lines.length + added.cart.lines.length > max
  const pricing = isFull ? refuse('too_many_lines', { max }) : priceCart(added.cart, plain)
  if (isRefusal(pricing)) {
    draft.errors.push({ ...pricing, path: '/lines/add' })
    return
  }
  const frozen = orderLinesOf(pricing.cart.lines, { lines: added.cart.lines, variants: facts.variants })
  const nothing = money(0, order.currency)
  withLines(draft, [...order.lines, ...frozen.map((line) => ({ ...line, adjustments: [], discountTotal: nothing, total: line.itemTotal }))])
}

// Running rules again ----------------------------------------------------------------------------------------------------------------------

/** A cart as which an order is priced again, with the facts for it: what an outside engine is asked about. Null: nothing is to run again. */
export function repricing(
  order: Order,
  edit: OrderEdit,
  facts: Facts,
  refunds: readonly PastRefund[],
): { cart: Cart; facts: Facts } | null {
  const mode = edit.recalculate ?? 'none'
  return mode === 'none' ? null : repriced(draftOf(order, edit, facts).order, mode, facts, order, refunds)
}

function repriced(
  order: Order,
  mode: 'adjustments' | 'all',
  facts: Facts,
  before: Order,
  refunds: readonly PastRefund[],
): { cart: Cart; facts: Facts } {
  const bought = order.lines.filter((line) => line.giftOf === null)
  const isRefreshed = (line: OrderLine) => mode === 'all' && isUntouched(line, refunds)
  const quantities = quantitiesOf(bought)
  const lines = bought.map((line) =>
    isRefreshed(line) ? refreshed(line, quantities.get(line.sku ?? '') ?? line.quantity) : frozenLine(line, facts),
  )
  const frozenSkus = new Set(bought.filter((line) => !isRefreshed(line)).map((line) => line.sku))
  return { cart: cartOf(order, mode === 'all' ? joined(lines) : lines), facts: factsFor(before, mode, frozenSkus, facts) }
}

function cartOf(order: Order, lines: readonly Line[]): Cart {
  const { id, number, shopId, owner, currency, email, shippingAddress, billingAddress, shippingMethod } = order
  const empty = emptyCart({ id, number: number ?? '', shopId, type: 'order', owner, currency, now: Date.parse(order.createdAt) })
  return {
    ...empty,
    currencyChosen: true,
    lines,
    codes: order.codes.map(({ code }) => code),
    email,
    shippingAddress,
    billingAddress,
    billingSameAsShipping: billingAddress === null,
    shippingMethod,
    customerGroups: order.customerGroups,
    vatId: order.vatId,
    vatIdChecked: order.vatIdChecked,
    taxExempt: order.taxExempt,
    attributes: order.attributes,
    note: order.note,
  }
}

/** A line with the price that the catalogue has now; one whose price staff or a server set keeps it. */
function refreshed(line: OrderLine, quantityWhenAdded: number): Line {
  const { id, sku, quantity, note, attributes, plan, priceSource, name, taxes } = line
  const inline =
    priceSource === 'inline'
      ? {
          name,
          unitPrice: line.unitPrice.amount,
          taxCategory: line.taxCategory ?? '',
          ...(line.image === null ? {} : { image: line.image }),
          requiresShipping: line.requiresShipping,
          ...(line.grams > 0 ? { grams: line.grams } : {}),
        }
      : null
  const identity = {
    sku: inline ? null : sku,
    options: line.options,
    amount: line.amount?.amount ?? null,
    plan,
    priceSource,
    unitPrice: priceSource === 'catalog' ? null : line.unitPrice.amount,
    inline,
    taxes,
  }
  return {
    ...identity,
    id,
    key: lineKey(identity, {}, null),
    quantity,
    note,
    attributes,
    name,
    priceWhenAdded: line.unitPrice.amount,
    quantityWhenAdded,
    pricesElsewhere: {},
    addedAt: Date.parse(line.addedAt),
  }
}

/** A line at the price that it has. What the catalogue does not know any more is taxed and shipped as it was. */
function frozenLine(line: OrderLine, facts: Facts): Line {
  const own = refreshed(line, line.quantity)
  if (own.inline) return own
  if (line.sku !== null && facts.variants.has(line.sku)) return { ...own, priceSource: 'external', unitPrice: line.unitPrice.amount }
  return { ...refreshed({ ...line, priceSource: 'inline' }, line.quantity), key: own.key, amount: null, plan: null }
}

/** Equal lines become the first of them. A note or an attribute keeps them apart: nothing of what somebody wrote is lost. */
function joined(lines: readonly Line[]): Line[] {
  const byKey = new Map<string, Line>()
  for (const line of lines) {
    const key = JSON.stringify([line.key, line.note, line.attributes])
    const known = byKey.get(key)
    byKey.set(key, known ? { ...known, quantity: known.quantity + line.quantity } : line)
  }
  return [...byKey.values()]
}

/** The facts for an order's own cart: what it took itself is there for it, and what it keeps is for sale at the price it has. */
function factsFor(order: Order, mode: 'adjustments' | 'all', frozen: ReadonlySet<string | null>, facts: Facts): Facts {
  const { settings } = facts.shop
  const own = new Map(demandOf(openLines(order.lines)))
  for (const [sku, quantity] of quantitiesOf(openLines(order.lines))) own.set(sku, Math.max(quantity, own.get(sku) ?? 0))
  const unpublished = [...frozen].flatMap((sku) => facts.variants.get(sku ?? '') ?? []).filter((variant) => !variant.published)
  const kept = unpublished.map((variant) => [variant.sku, { ...variant, published: true }] as const)
  return {
    ...facts,
    ...ownUses(order, facts),
    variants: kept.length === 0 ? facts.variants : new Map([...facts.variants, ...kept]),
    stock: new Map([...facts.stock].map(([sku, available]) => [sku, available + (own.get(sku) ?? 0)])),
    shop: {
      ...facts.shop,
      settings: {
        ...settings,
        lines: { ...settings.lines, order: 'oldest', onUnavailable: mode === 'all' ? 'remove' : 'flag' },
        pricing: { ...settings.pricing, onIncrease: 'accept' },
        promotions: { ...settings.promotions, onInvalid: 'keep' },
      },
    },
  }
}

/** Uses of promotions that the order has already are not used up by it. */
function ownUses(order: Order, facts: Facts): Pick<Facts, 'limits' | 'codes' | 'hasOrdered'> {
  const spent = new Map<string, number>()
  const codes = new Set<string>()
  for (const { source, amount } of [...order.adjustments, ...order.lines.flatMap((line) => line.adjustments)]) {
    if (source.kind !== 'promotion') continue
    spent.set(source.id, (spent.get(source.id) ?? 0) - amount.amount)
    if (source.code !== undefined) codes.add(source.code)
  }
  const limits = [...facts.limits].map(([id, limit]) => {
    const amount = spent.get(id)
    return [id, amount === undefined ? limit : withUse(limit, order.currency, amount)] as const
  })
  const opened = [...facts.codes].map(
    ([code, known]) => [code, codes.has(code) && known.usesLeft !== null ? { ...known, usesLeft: known.usesLeft + 1 } : known] as const,
  )
  const wasFirst = [...spent.keys()].some((id) => {
    const promotion = facts.promotions.get(id)
    return promotion !== undefined && asks(promotion, 'first_order')
  })
  return { limits: new Map(limits), codes: new Map(opened), hasOrdered: wasFirst ? false : facts.hasOrdered }
}

function withUse({ usesLeft, customerUsesLeft, budgetLeft }: LimitFacts, currency: string, amount: number): LimitFacts {
  return {
    usesLeft: usesLeft === null ? null : usesLeft + 1,
    customerUsesLeft: typeof customerUsesLeft === 'number' ? customerUsesLeft + 1 : customerUsesLeft,
    budgetLeft: budgetLeft && { ...budgetLeft, [currency]: (budgetLeft[currency] ?? 0) + amount },
  }
}

function recalculate(draft: Draft, mode: 'adjustments' | 'all', facts: Facts, before: Order, refunds: readonly PastRefund[]): void {
  const { cart, facts: known } = repriced(draft.order, mode, facts, before, refunds)
  const pricing = priceCart(cart, known)
  if (isRefusal(pricing)) {
    draft.errors.push(pricing)
    return
  }
  tellNotices(draft, pricing)
  const { order } = draft
  const fresh = new Map(
    orderLinesOf(pricing.cart.lines, { lines: pricing.intent.lines, variants: facts.variants }).map((line) => [line.id, line]),
  )
  const former = new Map(order.lines.map((line) => [line.id, line]))
  const lines = order.lines.flatMap((line) => {
    const now = fresh.get(line.id)
    if (!now || line.giftOf !== null) return []
    if (mode === 'all' && isUntouched(line, refunds)) return [{ ...succeeding(now, line), priceWhenAdded: line.priceWhenAdded }]
    if (mode === 'all') draft.warnings.push(notice('price_frozen', 'warning', `/lines/${line.id}`, { sku: line.sku, name: line.name }))
    return [{ ...line, adjustments: now.adjustments, discountTotal: now.discountTotal, total: now.total }]
  })
  const gifts = [...fresh.values()].filter((line) => line.giftOf !== null).map((gift) => succeeding(gift, former.get(gift.id)))
  for (const line of order.lines) {
    const few = tooFew(line, fresh.get(line.id)?.quantity ?? 0, `/lines/${line.id}`)
    if (few) draft.errors.push(few)
  }
  const { adjustments, codes, requiresShipping, shippingMethod } = pricing.cart
  draft.order = { ...order, lines: [...lines, ...gifts], adjustments, codes, shippingMethod: requiresShipping ? shippingMethod : null }
}

/** A line that was priced anew, with what became of the pieces of the one that it was before. */
function succeeding(line: OrderLine, former: OrderLine | undefined): OrderLine {
  if (!former) return line
  const { cancelledQuantity, fulfilledQuantity, restockedQuantity, addedAt } = former
  return { ...line, cancelledQuantity, fulfilledQuantity, restockedQuantity, addedAt }
}

/** What pricing has to say: what stands in the way of ordering stands in the way of this; stock is looked at for the whole order. */
function tellNotices({ errors, warnings }: Draft, { cart }: Pricing): void {
  for (const each of cart.notices) {
    const blocking = BLOCKING_NOTICES.find((code) => code === each.code)
    if (blocking) errors.push(refuse(blocking, { path: each.path, ...each.params }))
    else if (each.code === 'line_unavailable') errors.push(refuse('line_unavailable', { path: each.path, ...each.params }))
    else if (each.code !== 'insufficient_stock') warnings.push({ ...each, requiresAck: false })
  }
}

// What must be right, however it came about -------------------------------------------------------------------------------------------------

function incomplete(before: Order, { lines, email, shippingAddress }: Order, facts: Facts): Refusal[] {
  const { checkout } = facts.shop.settings
  const needsAddress = lines.some((line) => line.requiresShipping && line.quantity > piecesSettled(line))
  return [
    ...(lines.length === 0 && before.lines.length > 0 && !checkout.allowEmpty ? [refuse('cart_empty', { path: '/lines' })] : []),
    ...(email === null && checkout.requireEmail ? [refuse('email_required', { path: '/email' })] : []),
    ...(needsAddress && checkout.requireShippingAddress && shippingAddress === null
      ? [refuse('address_required', { path: '/shippingAddress' })]
      : []),
  ]
}

/** Pieces that were given back are pieces of the order, and no line may cost less than what was given back for it. */
function overRefunded(before: Order, after: Order, refunds: readonly PastRefund[]): Refusal[] {
  return before.lines.flatMap(({ id: lineId, sku }) => {
    const { quantity: min, amount } = refundedOf(lineId, refunds)
    const line = after.lines.find(({ id }) => id === lineId)
    const asked = line?.quantity ?? 0
    const path = `/lines/${lineId}`
    if (asked < min) return [refuse('quantity_too_small', { lineId, sku, min, asked, reason: 'refunded', path })]
    const left = line ? lineShare(line) : 0
    return amount > 0 && left < amount
      ? [refuse('invalid', { lineId, sku, path, reason: 'more_was_given_back_for_it', left, refunded: amount })]
      : []
  })
}

/** What an edit takes beyond what the order has already must be there. */
function shortages(before: Order, after: Order, { stock }: Facts): Refusal[] {
  return demandChange(before, after).flatMap(([sku, asked]) => {
    const available = stock.get(sku)
    return asked > 0 && available !== undefined && asked > available
      ? [refuse('insufficient_stock', { sku, asked, available, path: `/skus/${sku}` })]
      : []
  })
}
