// A cart is intent: which items, how many, where to, which codes. It holds no price of the catalogue, so no price can go stale in it.
// Each command is one function (cart, input, facts) → the changed cart, or a refusal and nothing changed. Line identity is rule C13: two
// lines are one when reference kind, sku, canonical options, amount, plan and price source agree; a note never separates lines.
import { type Attributes, attributesRefusal, identifying } from './attributes.ts'
import { exponentOf } from './currency.ts'
import type { Facts } from './facts.ts'
import { type Money, multiply } from './money.ts'
import { inapplicable, type Plan, type PriceTerms, priceOf, pricesOf, type RechargeRule, type Variant } from './product.ts'
import type { Destination } from './quote.ts'
import { isRefusal, type Refusal, refuse } from './refusal.ts'
import type { Settings } from './settings.ts'

/** Limits that hold in every shop, whatever its settings say. */
export const LIMITS = {
  lines: 500,
  quantity: 99_999,
  codes: 10,
  linesPerRequest: 200,
  optionsBytes: 2048,
  note: 1000,
  /** Groups of one customer, and characters of a group's name; taxes that a server sets on a line. */
  groups: 20,
  group: 60,
  taxes: 5,
  attributesBytes: 8192,
  /** Notices that are remembered as seen: several times as many as a full cart can show. */
  acknowledged: 3000,
} as const

/** Whose a cart is. The account id is `<issuer>:<sub>`. */
export type Owner = { readonly kind: 'guest'; readonly guestId: string } | { readonly kind: 'account'; readonly accountId: string }

/** A postal address. `country` is ISO 3166-1 alpha-2. */
export interface Address {
  readonly name?: string
  readonly company?: string
  readonly line1?: string
  readonly line2?: string
  readonly city?: string
  readonly postalCode?: string
  readonly region?: string
  readonly country: string
  readonly phone?: string
}

/** Chosen details of an item, such as an engraving. Part of the line's identity; the order of keys does not matter. */
export type Options = Readonly<Record<string, string | number | boolean>>

/** An item without a catalogue entry (server only): all that a line shows, told by the caller. Minor units. */
export interface InlineItem {
  readonly name: string
  readonly unitPrice: number
  readonly taxCategory: string
  readonly image?: string
  readonly requiresShipping?: boolean
  /** What one piece weighs; 0 when absent. */
  readonly grams?: number
}

/** One line of intent. `unitPrice` is set only where the price is not the catalogue's. Amounts are minor units of the cart's currency. */
export interface Line {
  readonly id: string
  /** Canonical identity (C13): equal keys are one line. */
  readonly key: string
  readonly sku: string | null
  readonly quantity: number
  readonly options: Options
  readonly note: string | null
  /** Free data of the shop on the line; what its schema marks as identity is part of the key. */
  readonly attributes: Attributes
  /** Recharge: the amount the shopper chose, per piece. */
  readonly amount: number | null
  readonly plan: string | null
  readonly priceSource: 'catalog' | 'external' | 'inline'
  readonly unitPrice: number | null
  readonly inline: InlineItem | null
  /** What it was called when it was added: shown when the catalogue no longer knows it. */
  readonly name: string
  /** Unit price when the line was made: a difference to today's price is told by a notice. Null: it had none in the currency that the cart got. */
  readonly priceWhenAdded: number | null
  /** How many pieces of the sku the cart had when `priceWhenAdded` was taken: prices may depend on it. */
  readonly quantityWhenAdded: number
  /** Taxes that a server set, which are never computed anew (C16); null: as the shop's rates say. */
  readonly taxes: readonly LineTax[] | null
  /** What `priceWhenAdded` is in other currencies that the cart had, so that coming back to one changes nothing. */
  readonly pricesElsewhere: Readonly<Record<string, number>>
  readonly addedAt: number
}

/** A tax on a line that a server set. `percent` is a decimal string; `included`: the line's price contains it. */
export interface LineTax {
  readonly name: string
  readonly percent: string
  readonly included: boolean
}

/** A line that was set aside, with the currency that its own amounts are in: the cart may have another one by the time it comes back. */
export interface SavedLine extends Line {
  readonly currency: string
}

/** What a cart can tell its owner. Words for each code, in every language, are in `http/messages.ts`. */
export const NOTICES = [
  'price_increased',
  'price_decreased',
  'line_unavailable',
  'line_removed',
  'quantity_reduced',
  'quantity_below_minimum',
  'insufficient_stock',
  'code_removed',
  'shipping_method_unavailable',
  'shipping_method_changed',
  'shipping_unknown',
  'tax_unknown',
  'adjustments_outdated',
  'price_frozen',
] as const

/** Those of them that stand in the way of ordering by themselves: having been seen does not hide them. */
export const BLOCKING_NOTICES = ['shipping_method_unavailable', 'shipping_unknown', 'tax_unknown'] as const satisfies readonly string[]

/** One code of the list above. */
export type NoticeCode = (typeof NOTICES)[number]

/**
 * Something that happened to the cart and that its owner should see. `id` is the hash of code, path and params. `requiresAck`: the cart cannot
 * be ordered until it was acknowledged (C47); it follows from the shop's settings, so pricing sets it and the hash leaves it out.
 */
export interface Notice {
  readonly id: string
  readonly code: string
  readonly severity: 'info' | 'warning' | 'error'
  readonly path: string
  readonly params: Readonly<Record<string, string | number | null>>
  readonly requiresAck: boolean
}

/**
 * The type of carts that staff or a server makes for a customer (SEED4-57): an order that is a cart until it is completed. It is never anybody's
 * current one, an owner may have many, and only keys reach it.
 */
export const DRAFT_TYPE = 'draft'

/** Why a cart is over. */
export type ClosedReason = 'ordered' | 'merged' | 'expired' | 'deleted'

/** The intent of one cart, as it is kept. Times are milliseconds. `version` moves with each change. */
export interface Cart {
  readonly format: 3
  readonly id: string
  readonly number: string
  readonly shopId: string
  readonly type: string
  readonly owner: Owner
  readonly state: 'OPEN' | 'CLOSED'
  readonly closedReason: ClosedReason | null
  readonly mergedInto: string | null
  /** Of a merged cart: its lines that went on in that cart; null: all of them. */
  readonly joined: readonly string[] | null
  /** Carts that were merged into this one while their orders were being paid: what those hold does not count against this one. */
  readonly absorbed: readonly string[]
  readonly orderId: string | null
  readonly continues: string | null
  /** Whether it is the one that its owner's `current` means; further open carts are not (C21). */
  readonly isCurrent: boolean
  readonly version: number
  readonly currency: string
  /** Whether somebody chose the currency; if not, the first line settles it. */
  readonly currencyChosen: boolean
  readonly lines: readonly Line[]
  readonly savedLines: readonly SavedLine[]
  readonly codes: readonly string[]
  readonly email: string | null
  readonly shippingAddress: Address | null
  readonly billingAddress: Address | null
  readonly billingSameAsShipping: boolean
  /** Absent is false. While it is true, `shippingAddress` is a copy of `billingAddress`. */
  readonly shippingSameAsBilling?: boolean | undefined
  readonly shippingMethod: string | null
  /** Groups of its customer, which prices and promotions may depend on: told by the account's token or by a server, never by the shopper. */
  readonly customerGroups: readonly string[]
  /** The buyer's VAT identification number, and whether a server or staff checked it. */
  readonly vatId: string | null
  readonly vatIdChecked: boolean
  /** Said by a server or staff: this buyer owes no tax. */
  readonly taxExempt: boolean
  /** Codes that applied at some moment: their owner may know why they do not any more (C34). */
  readonly codesKnown: readonly string[]
  readonly attributes: Attributes
  readonly note: string | null
  /** How long it is kept after the last write, where that was decided for this cart alone (C05): ISO 8601 duration or `never`. */
  readonly retention: string | null
  /** The limited secret that gave the e-mail and addresses (C24); null: whoever owns the cart. */
  readonly contactFrom: string | null
  /** Notices of what commands did (a clamped quantity); those that follow from prices are made by pricing. */
  readonly notices: readonly Notice[]
  readonly acknowledged: readonly string[]
  readonly createdAt: number
  readonly updatedAt: number
}

/** A new, empty, open cart. It exists as a value before any row does. */
export function emptyCart(identity: {
  id: string
  number: string
  shopId: string
  type: string
  owner: Owner
  currency: string
  now: number
}): Cart {
  const { id, number, shopId, type, owner, currency, now } = identity
  return {
    format: 3,
    id,
    number,
    shopId,
    type,
    owner,
    state: 'OPEN',
    closedReason: null,
    mergedInto: null,
    joined: null,
    absorbed: [],
    orderId: null,
    continues: null,
    isCurrent: true,
    version: 0,
    currency,
    currencyChosen: false,
    lines: [],
    savedLines: [],
    codes: [],
    email: null,
    shippingAddress: null,
    billingAddress: null,
    billingSameAsShipping: true,
    shippingMethod: null,
    customerGroups: [],
    vatId: null,
    vatIdChecked: false,
    taxExempt: false,
    codesKnown: [],
    attributes: {},
    note: null,
    retention: null,
    contactFrom: null,
    notices: [],
    acknowledged: [],
    createdAt: now,
    updatedAt: now,
  }
}

/** The newest format of documents that this code reads and the one that it writes. */
export const CART_FORMAT = 3

/** A cart from its document. Older formats are lifted: what they did not know has the value that says so. */
export function parseCart(document: string): Cart {
  const kept = JSON.parse(document) as Cart & { readonly format: number }
  return kept.format === CART_FORMAT
    ? kept
    : { ...UNSAID, ...kept, format: CART_FORMAT, lines: kept.lines.map(lift), savedLines: kept.savedLines.map(lift) }
}

/** What a cart has where its document is older than the field. */
const UNSAID = {
  isCurrent: true,
  joined: null,
  absorbed: [],
  retention: null,
  contactFrom: null,
  customerGroups: [],
  vatId: null,
  vatIdChecked: false,
  taxExempt: false,
  codesKnown: [],
} as const

function lift<L extends Line>(line: L): L {
  return { ...UNSAID_OF_LINES, ...line }
}

const UNSAID_OF_LINES = { attributes: {}, pricesElsewhere: {}, quantityWhenAdded: 1, taxes: null } as const

/** A line that somebody wants. `id` is the identity it gets if it becomes a new line. Amounts are minor units. */
export interface LineRequest {
  readonly id: string
  readonly sku?: string | undefined
  readonly quantity: number
  readonly options?: Options | undefined
  readonly note?: string | undefined
  readonly attributes?: Attributes | undefined
  readonly amount?: number | undefined
  readonly plan?: string | undefined
  readonly keepSeparate?: boolean | undefined
  readonly expectedUnitPrice?: number | undefined
  readonly unitPrice?: number | undefined
  readonly inline?: InlineItem | undefined
  /** Taxes that a server set. */
  readonly taxes?: readonly LineTax[] | undefined
}

/** What became of one requested line. `got` is the quantity that the line has now, `asked` what it should have had. */
export interface LineResult {
  readonly index: number
  readonly ok: boolean
  readonly lineId?: string
  readonly asked: number
  readonly got: number
  readonly code?: string
  readonly detail?: Refusal
}

/** What a command decided: the changed cart (the same value when nothing changed), and a result per line where lines were given. */
export interface Decision {
  readonly cart: Cart
  readonly results?: readonly LineResult[]
}

/**
 * Options in canonical form: keys sorted, nulls dropped, so that their order and absence never make a second line (DX-1). What the variant is
 * anyway (`Size: L` of the L) says nothing new and is dropped, too.
 */
export function canonicalOptions(
  options: Readonly<Record<string, string | number | boolean | null>> | undefined,
  own: Readonly<Record<string, string>> = {},
): Options {
  if (!options) return {}
  const kept = Object.keys(options)
    .filter((key) => options[key] !== null && !(Object.hasOwn(own, key) && own[key] === options[key]))
    .sort()
  return Object.fromEntries(kept.map((key) => [key, options[key] as string | number | boolean]))
}

/**
 * The identity of a line (C13). `told` are its attributes that tell lines apart; `separate` is a value of its own for lines that must never be
 * joined, else null.
 */
export function lineKey(
  line: Pick<Line, 'sku' | 'options' | 'amount' | 'plan' | 'priceSource' | 'unitPrice' | 'inline' | 'taxes'>,
  told: Attributes,
  separate: string | null,
): string {
  const { sku, options, amount, plan, priceSource, unitPrice, inline, taxes } = line
  return JSON.stringify([
    priceSource === 'inline' ? 'inline' : 'catalog',
    sku ?? (inline && [inline.name, inline.taxCategory, inline.requiresShipping === true, ...(inline.grams ? [inline.grams] : [])]),
    options,
    amount,
    plan,
    priceSource,
    unitPrice,
    ...(Object.keys(told).length === 0 ? [] : [told]),
    ...(taxes === null ? [] : [{ taxes }]),
    separate,
  ])
}

/** What of an address an engine is told: never names or telephone numbers. Keys have one order, so that equal places have equal texts. */
export function destinationIn(address: Address | null): Destination | null {
  if (address === null) return null
  const { country, region, postalCode, city, line1 } = address
  return {
    country,
    ...(region === undefined ? {} : { region }),
    ...(postalCode === undefined ? {} : { postalCode }),
    ...(city === undefined ? {} : { city }),
    ...(line1 === undefined ? {} : { line1 }),
  }
}

/** A notice; its id is a hash of what it says, so that the same fact has the same id wherever it is computed. */
export function notice(code: NoticeCode, severity: Notice['severity'], path: string, params: Notice['params']): Notice {
  return { id: `nt_${hash53(JSON.stringify([code, path, params]))}`, code, severity, path, params, requiresAck: false }
}

/**
 * Adds lines: equal lines are counted up, others appended (SEED0-09, SEED2-31, C12). Each line stands for itself unless `atomic`; when all are
 * refused the first refusal is the answer and nothing changed.
 */
export function addLines(
  cart: Cart,
  input: { lines: readonly LineRequest[]; atomic?: boolean; currency?: string },
  facts: Facts,
): Decision | Refusal {
  return putLines(cart, input, facts, (existing, asked) => existing + asked)
}

/**
 * Fills: named lines get exactly this quantity; with `replace` every other line is removed (SEED1-16, C12). A line that is named but refused
 * stays as it was: a refusal loses nothing.
 */
export function fillLines(
  cart: Cart,
  input: { lines: readonly LineRequest[]; mode: 'upsert' | 'replace'; atomic?: boolean; currency?: string },
  facts: Facts,
): Decision | Refusal {
  const managed = requireOpen(cart) ?? managedQuantity(facts)
  if (managed) return managed
  if (input.mode === 'upsert') return putLines(cart, input, facts, (_existing, asked) => asked)
  // Lines that stay keep their id, so that a client's references hold: the request is matched against the old lines.
  const former = new Map(cart.lines.map((line) => [line.key, line]))
  return putLines({ ...cart, lines: [] }, input, facts, (existing, asked) => existing + asked, former)
}

/** Where the shop counts, nobody sets a quantity: lines are added and removed (SEED0-17, C07). */
function managedQuantity(facts: Facts): Refusal | null {
  return facts.shop.settings.lines.quantityEditing === 'system' ? refuse('quantity_managed', {}) : null
}

function putLines(
  cart: Cart,
  input: { lines: readonly LineRequest[]; atomic?: boolean; currency?: string },
  facts: Facts,
  quantityOf: (existing: number, asked: number) => number,
  former: ReadonlyMap<string, Line> = new Map(),
): Decision | Refusal {
  const closed = requireOpen(cart)
  if (closed) return closed
  const planned = plannedQuantities(cart, input.lines, facts, quantityOf)
  const refused = new Map<number, Refusal>()
  // A price may depend on how many the whole request brings. Where fewer came than were planned, prices are found again for those that did;
  // what was refused once stays refused, so this ends.
  for (;;) {
    const put = tryLines(cart, input, facts, { quantityOf, former, planned, refused })
    if (isRefusal(put)) return put
    const quantities = quantitiesOf(put.cart.lines)
    // Of what is not there at all (it was refused, or pushed out again) no price is asked.
    const missed = [...quantities].filter(([sku, quantity]) => planned.has(sku) && planned.get(sku) !== quantity)
    if (missed.length === 0) return put
    for (const [sku, quantity] of missed) planned.set(sku, quantity)
  }
}

/** How many pieces of each sku these lines have together: prices may depend on it. */
export function quantitiesOf(lines: readonly Pick<Line, 'sku' | 'quantity'>[]): Map<string, number> {
  const quantities = new Map<string, number>()
  for (const { sku, quantity } of lines) if (sku !== null) quantities.set(sku, (quantities.get(sku) ?? 0) + quantity)
  return quantities
}

/** The same as it would be if every line of a request came in whole. */
function plannedQuantities(
  cart: Cart,
  requests: readonly LineRequest[],
  facts: Facts,
  quantityOf: (existing: number, asked: number) => number,
): Map<string, number> {
  const lines = new Map(cart.lines.map(({ key, sku, quantity }) => [key, { sku, quantity }]))
  for (const request of requests) {
    const key = keyOf(request, facts)
    lines.set(key, { sku: request.sku ?? null, quantity: quantityOf(lines.get(key)?.quantity ?? 0, request.quantity) })
  }
  return quantitiesOf([...lines.values()])
}

/** Whose price it is: what a cart's customer pays for so many pieces now. */
export function termsOf(cart: Pick<Cart, 'customerGroups'>, quantity: number, facts: Pick<Facts, 'now'>): PriceTerms {
  return { quantity, groups: cart.customerGroups, now: facts.now }
}

interface Putting {
  readonly quantityOf: (existing: number, asked: number) => number
  /** By key, the lines that a `replace` found. */
  readonly former: ReadonlyMap<string, Line>
  /** By sku, how many pieces the cart has after the request: what its prices are for. */
  readonly planned: ReadonlyMap<string, number>
  /** By index, what was refused before. */
  readonly refused: Map<number, Refusal>
}

function tryLines(
  cart: Cart,
  input: { lines: readonly LineRequest[]; atomic?: boolean; currency?: string },
  facts: Facts,
  { quantityOf, former, planned, refused: before }: Putting,
): { cart: Cart; results: readonly LineResult[] } | Refusal {
  const draft: Draft = {
    cart,
    lines: [...cart.lines],
    byKey: new Map(cart.lines.map((line, index) => [line.key, index])),
    notices: [...cart.notices],
    former,
    planned,
  }
  if (input.currency !== undefined) {
    const refused = chooseCurrency(draft, input.currency, facts.shop.settings)
    if (refused) return refused
  }
  const results: LineResult[] = []
  let first: Refusal | null = null
  const refusedKeys: string[] = []
  for (const [index, request] of input.lines.entries()) {
    const put = before.get(index) ?? putLine(draft, request, facts, quantityOf)
    if (!isRefusal(put)) {
      results.push({ index, ok: true, ...put })
      continue
    }
    before.set(index, put)
    const detail = { ...put, path: `/lines/${index}${put.path ?? ''}` }
    first ??= detail
    refusedKeys.push(keyOf(request, facts))
    results.push({ index, ok: false, asked: request.quantity, got: 0, code: put.refused, detail })
    if (input.atomic) return { ...detail, results }
  }
  if (first && results.every((result) => !result.ok)) return { ...first, results }
  for (const key of new Set(refusedKeys)) {
    const stays = draft.byKey.has(key) ? undefined : former.get(key)
    if (stays) draft.lines.push(stays)
  }
  const left = new Set(draft.lines.map((line) => line.id))
  // A line that a later one of the same request pushed out is told, too.
  const told = results.map((result) => (result.ok && !left.has(result.lineId ?? '') ? { ...result, got: 0, code: 'replaced' } : result))
  return { cart: withLines(draft.cart, draft.lines, draft.notices), results: told }
}

/** The cart with these lines. A notice about a line that is gone goes with it, and the same notice never stands twice. */
export function withLines(cart: Cart, lines: readonly Line[], notices: readonly Notice[] = cart.notices): Cart {
  if (notices.length === 0) return { ...cart, lines, notices }
  const paths = new Set(lines.map((line) => `/lines/${line.id}`))
  const kept = notices.filter(({ path }) => !path.startsWith('/lines/') || paths.has(path))
  // What happens to one line again takes the place of what was told before, so that notices never outnumber lines.
  const latest = new Map(kept.map((each) => [each.path.startsWith('/lines/') ? `${each.code} ${each.path}` : each.id, each]))
  return { ...cart, lines, notices: [...latest.values()] }
}

interface Draft {
  cart: Cart
  lines: Line[]
  byKey: Map<string, number>
  readonly notices: Notice[]
  /** By key, the lines that a `replace` found. */
  readonly former: ReadonlyMap<string, Line>
  readonly planned: ReadonlyMap<string, number>
}

/** Whether a line settled the currency already; lines that are being replaced did. */
function isSettled(draft: Draft): boolean {
  return draft.lines.length > 0 || draft.former.size > 0
}

function chooseCurrency(draft: Draft, currency: string, settings: Settings): Refusal | null {
  if (exponentOf(currency) === undefined) return refuse('currency_unknown', { currency })
  const isOpen = !isSettled(draft) && settings.currency.source.includes('explicit')
  if (!isOpen) {
    if (currency === draft.cart.currency) return null
    return refuse('currency_mismatch', { cartCurrency: draft.cart.currency, currencies: [currency] })
  }
  draft.cart = { ...draft.cart, currency, currencyChosen: true }
  return null
}

/** One line into the draft. Checks stand in the order of precedence of refusals. */
function putLine(
  draft: Draft,
  request: LineRequest,
  facts: Facts,
  quantityOf: (existing: number, asked: number) => number,
): { lineId: string; asked: number; got: number } | Refusal {
  const settled = settleLine(draft, request, facts)
  if (isRefusal(settled)) return settled
  const { line, variant, currency } = settled
  const existing = lineOf(draft, line.key)
  const former = draft.former.get(line.key)
  const asked = quantityOf(existing?.quantity ?? 0, request.quantity)
  const refused =
    limitRefusal(asked, variant, facts) ??
    (existing ? null : noRoom(draft, facts)) ??
    unexpectedPrice(request, line.priceWhenAdded, currency)
  if (refused) return refused
  const had = Math.max(existing?.quantity ?? 0, former?.quantity ?? 0)
  const got = stockedQuantity({ asked, had, others: quantityOfOthers(draft.lines, line) }, variant, facts)
  if (isRefusal(got)) return got
  const { id, priceWhenAdded, quantityWhenAdded, pricesElsewhere, addedAt } = former ?? line
  const base = existing ?? { ...line, id, priceWhenAdded, quantityWhenAdded, pricesElsewhere, addedAt }
  const note = existing ? repeatedNote(existing.note, line.note, facts.shop.settings.lines.noteOnRepeat) : line.note
  const attributes = existing && request.attributes ? { ...existing.attributes, ...request.attributes } : base.attributes
  const put: Line = { ...base, quantity: got, note, attributes }
  if (currency !== draft.cart.currency) draft.cart = { ...draft.cart, currency }
  if (!existing) makeRoom(draft, facts)
  const index = draft.byKey.get(line.key)
  if (index === undefined) {
    draft.byKey.set(line.key, draft.lines.length)
    draft.lines.push(put)
  } else draft.lines[index] = put
  if (got < asked) draft.notices.push(notice('quantity_reduced', 'warning', `/lines/${put.id}`, { from: asked, to: got, sku: line.sku }))
  return { lineId: put.id, asked, got }
}

function lineOf(draft: Draft, key: string): Line | undefined {
  const index = draft.byKey.get(key)
  return index === undefined ? undefined : draft.lines[index]
}

/** Whether there is room for one more line, or it may take the place of another. */
function noRoom(draft: Draft, facts: Facts): Refusal | null {
  return facts.shop.settings.lines.whenFull === 'replace' ? null : tooManyLines(draft.lines.length, facts)
}

/** Where a new line takes the place of the oldest (SEED4-11), that one goes. */
function makeRoom(draft: Draft, facts: Facts): void {
  const surplus = draft.lines.length + 1 - linesMax(facts)
  if (surplus <= 0) return
  draft.lines = draft.lines.slice(surplus)
  draft.byKey = new Map(draft.lines.map((line, index) => [line.key, index]))
}

/** Where the price of a requested line comes from. */
function sourceOf(request: LineRequest): Line['priceSource'] {
  if (request.inline) return 'inline'
  return request.unitPrice === undefined ? 'catalog' : 'external'
}

/** What of a request belongs to the identity of its line. */
function identityOf(request: LineRequest, facts: Facts): Parameters<typeof lineKey>[0] {
  const { inline, sku, amount, plan, unitPrice } = request
  const options = canonicalOptions(request.options, facts.variants.get(sku ?? '')?.options)
  const priceSource = sourceOf(request)
  const taxes = request.taxes ? canonicalTaxes(request.taxes) : null
  if (inline) return { sku: null, options, amount: null, plan: null, priceSource, unitPrice: inline.unitPrice, inline, taxes }
  const named = { sku: sku ?? null, options, amount: amount ?? null, plan: plan ?? null, unitPrice: unitPrice ?? null }
  return { ...named, priceSource, inline: null, taxes }
}

/** Taxes in one form: `19.0` and `19` are one percentage. */
function canonicalTaxes(taxes: readonly LineTax[]): LineTax[] {
  return taxes.map(({ name, percent, included }) => {
    const [whole = '', fraction = ''] = percent.split('.')
    const decimals = fraction.replace(/0+$/, '')
    return { name, percent: `${whole.replace(/^0+(?=\d)/, '')}${decimals === '' ? '' : `.${decimals}`}`, included }
  })
}

/** What of a line's attributes belongs to its identity: nothing, where the shop has no schema that says so. */
function toldApart(attributes: Attributes, facts: Facts): Attributes {
  const schema = facts.shop.settings.attributes.line
  return schema === null ? {} : identifying(schema, attributes)
}

/** The identity of the line that a request stands for. */
function keyOf(request: LineRequest, facts: Facts): string {
  const told = toldApart(request.attributes ?? {}, facts)
  return lineKey(identityOf(request, facts), told, request.keepSeparate ? request.id : null)
}

/** The line a request stands for, with its price source and the currency it settles; changes nothing. */
function settleLine(draft: Draft, request: LineRequest, facts: Facts): { line: Line; variant: Variant | null; currency: string } | Refusal {
  const identity = identityOf(request, facts)
  const base = {
    ...identity,
    id: request.id,
    key: keyOf(request, facts),
    note: request.note ?? null,
    attributes: request.attributes ?? {},
    quantity: 0,
    quantityWhenAdded: draft.planned.get(request.sku ?? '') ?? request.quantity,
    pricesElsewhere: {},
    addedAt: facts.now,
  }
  if (request.inline) {
    const refused = optionsRefusal(identity.options) ?? lineAttributesRefusal(base.attributes, facts)
    if (refused) return refused
    const line = { ...base, name: request.inline.name, priceWhenAdded: request.inline.unitPrice }
    return { line, variant: null, currency: draft.cart.currency }
  }
  const variant = facts.variants.get(request.sku ?? '')
  if (!variant) return refuse('unknown_sku', { sku: request.sku ?? null, path: '/sku' })
  if (!facts.shop.settings.lines.allowKinds.includes(variant.kind)) return notCartable(variant, facts)
  if (!variant.published) return refuse('unavailable', { sku: variant.sku })
  const priced =
    optionsRefusal(identity.options) ?? lineAttributesRefusal(base.attributes, facts) ?? settlePrice(draft, request, variant, facts)
  if (isRefusal(priced)) return priced
  return { line: { ...base, name: variant.name, priceWhenAdded: priced.unitPrice }, variant, currency: priced.currency }
}

/** What is not put into a cart is bought where its plans are shown (SEED0-07, C08). */
export function notCartable(variant: Variant, facts: Facts): Refusal {
  const { planPageUrl } = facts.shop.settings.links
  const buyUrl = variant.kind === 'subscription' ? planPageUrl.replaceAll('{handle}', encodeURIComponent(variant.handle)) : null
  return refuse('not_cartable', { sku: variant.sku, kind: variant.kind, buyUrl })
}

function lineAttributesRefusal(attributes: Attributes, facts: Facts): Refusal | null {
  return attributesOff(attributes, facts.shop.settings.attributes.line)
}

/** Attributes that are too large, or that the shop's schema does not accept. */
export function attributesOff(attributes: Attributes, schema: Settings['attributes']['line']): Refusal | null {
  if (bytesOf(attributes) > LIMITS.attributesBytes)
    return refuse('invalid', { path: '/attributes', reason: 'too_large', max: LIMITS.attributesBytes })
  return schema === null ? null : attributesRefusal(schema, attributes, '/attributes')
}

/** Options that are too large. */
export function optionsRefusal(options: Options): Refusal | null {
  if (bytesOf(options) <= LIMITS.optionsBytes) return null
  return refuse('options_invalid', { path: '/options', reason: 'too_large', max: LIMITS.optionsBytes })
}

/** Size of a value as JSON in UTF-8: limits are bytes, because a character may take four of them. */
export function bytesOf(value: unknown): number {
  const text = JSON.stringify(value)
  let bytes = text.length
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    // A surrogate is half of a character of four bytes, so each of the two counts two.
    if (code >= 0x80) bytes += code < 0x800 || (code >= 0xd800 && code <= 0xdfff) ? 1 : 2
  }
  return bytes
}

/** Today's unit price of what is asked, for as many as there will be. The first line settles a currency that nobody chose: see `openCurrency`. */
function settlePrice(
  draft: Draft,
  request: LineRequest,
  variant: Variant,
  facts: Facts,
): { unitPrice: number; currency: string } | Refusal {
  const plan = planOf(request, variant)
  if (isRefusal(plan)) return plan
  const quantity = draft.planned.get(variant.sku) ?? request.quantity
  const terms = termsOf(draft.cart, quantity, facts)
  const prices = pricesOf(variant, plan?.id ?? null)
  const applying = prices.filter((price) => inapplicable(price, terms) === null).map((price) => price.currency)
  const currencies = variant.recharge ? [variant.recharge.currency] : [...new Set(applying)]
  const isOpen = !isSettled(draft) && !draft.cart.currencyChosen && request.unitPrice === undefined
  const currency = isOpen ? openCurrency(draft.cart, currencies, facts.shop.settings) : draft.cart.currency
  if (variant.kind === 'recharge') {
    const wrong = amountRefusal(variant.recharge, request.amount, currency)
    if (wrong) return wrong
  } else if (request.amount !== undefined)
    return refuse('amount_invalid', { sku: variant.sku, reason: 'not_a_recharge_product', path: '/amount' })
  const unitPrice = request.unitPrice ?? request.amount ?? priceOf(variant, currency, plan?.id ?? null, terms)?.amount
  if (unitPrice !== undefined) return { unitPrice, currency }
  if (currencies.length === 0 || prices.some((price) => price.currency === currency))
    return noPrice(variant, currency, plan?.id ?? null, terms)
  return refuse('currency_mismatch', { sku: variant.sku, cartCurrency: currency, currencies })
}

/** The currency of a cart in which nobody chose one: its country's, the shop's and the product's in the order of the setting, the first with a price. */
function openCurrency(cart: Cart, priced: readonly string[], { currency: { source, byCountry }, tax }: Settings): string {
  const { currency } = cart
  const country = cart.shippingAddress?.country ?? cart.billingAddress?.country ?? tax.defaultCountry ?? ''
  const offers = { explicit: undefined, country: byCountry[country], shop: currency, product: priced[0] }
  const offered = source.flatMap((from) => offers[from] ?? [])
  return offered.find((each) => priced.includes(each)) ?? offered[0] ?? currency
}

/** Nothing is sold at no price. Where more pieces would have one, from how many on is told. */
function noPrice(variant: Variant, currency: string, plan: string | null, terms: PriceTerms): Refusal {
  const more = pricesOf(variant, plan).filter((price) => price.currency === currency && inapplicable(price, terms) === 'quantity')
  const from = more.length === 0 ? {} : { quantityFrom: Math.min(...more.map((price) => price.quantityFrom ?? 1)) }
  return refuse('no_price', { sku: variant.sku, currency, quantity: terms.quantity, ...from })
}

/** The plan that a line asks for: products with plans need one of theirs, others have none. */
function planOf(request: LineRequest, variant: Variant): Plan | null | Refusal {
  const plans = variant.plans ?? []
  if (plans.length === 0 && request.plan === undefined) return null
  const plan = plans.find((each) => each.id === request.plan)
  return plan ?? refuse('plan_invalid', { sku: variant.sku, plans: plans.map((each) => each.id), path: '/plan' })
}

function unexpectedPrice(request: LineRequest, unitPrice: number | null, currency: string): Refusal | null {
  const { expectedUnitPrice } = request
  if (unitPrice === null || expectedUnitPrice === undefined || expectedUnitPrice === unitPrice) return null
  return refuse('price_changed', {
    sku: request.sku ?? null,
    expected: money(expectedUnitPrice, currency),
    current: money(unitPrice, currency),
  })
}

/** Whether a recharge amount is one that the product accepts (C09); checked here, on the server, and again when ordering. */
export function amountRefusal(rule: RechargeRule | undefined, amount: number | undefined | null, currency: string): Refusal | null {
  if (!rule) return refuse('amount_invalid', { reason: 'no_amounts_configured' })
  const accepted = {
    presets: rule.presets,
    allowCustom: rule.allowCustom,
    min: rule.min ?? null,
    max: rule.max ?? null,
    step: rule.step ?? null,
    currency: rule.currency,
    path: '/amount',
  }
  if (amount === undefined || amount === null) return refuse('amount_required', accepted)
  if (rule.currency !== currency) return refuse('currency_mismatch', { cartCurrency: currency, currencies: [rule.currency] })
  if (rule.presets.includes(amount)) return null
  const isInRange = amount > 0 && amount >= (rule.min ?? 1) && amount <= (rule.max ?? Number.MAX_SAFE_INTEGER)
  if (!rule.allowCustom || !isInRange || amount % (rule.step ?? 1) !== 0) return refuse('amount_invalid', { amount, ...accepted })
  return null
}

/** Limits that hold whatever is in stock: they refuse, never lower. */
function limitRefusal(asked: number, variant: Variant | null, facts: Facts): Refusal | null {
  const max = quantityMaxOf(variant, facts)
  const { step, min } = { step: variant?.quantityStep ?? 1, min: variant?.quantityMin ?? 1 }
  if (asked % step !== 0) return refuse('quantity_step', { step, asked, sku: variant?.sku, path: '/quantity' })
  if (asked < min) return refuse('quantity_too_small', { min, asked, sku: variant?.sku, path: '/quantity' })
  return asked > max ? refuse('quantity_too_large', { max, asked, path: '/quantity' }) : null
}

/** How many pieces of a variant one line may hold, by the variant, the shop and the house. */
export function quantityMaxOf(variant: Variant | null, facts: Facts): number {
  return Math.min(variant?.quantityMax ?? LIMITS.quantity, facts.shop.settings.lines.quantityMax, LIMITS.quantity)
}

function linesMax(facts: Facts): number {
  return Math.min(facts.shop.settings.lines.max, LIMITS.lines)
}

function tooManyLines(count: number, facts: Facts): Refusal | null {
  const max = linesMax(facts)
  return count >= max ? refuse('too_many_lines', { max }) : null
}

/** The quantity that stock allows: it lowers or refuses as the shop decides (C18). Less than there was (`had`) is always allowed. */
function stockedQuantity(
  { asked, had, others }: { asked: number; had: number; others: number },
  variant: Variant | null,
  facts: Facts,
): number | Refusal {
  const available = variant ? facts.stock.get(variant.sku) : undefined
  const mode = facts.shop.settings.inventory.onAdd
  if (!variant || available === undefined || mode === 'allow' || asked <= had || asked + others <= available) return asked
  const rest = Math.max(0, available - others)
  const possible = rest - (rest % variant.quantityStep)
  if (mode === 'reject' || possible <= had || possible < variant.quantityMin)
    return refuse('insufficient_stock', { sku: variant.sku, asked, available: rest })
  return possible
}

/** How many of the same sku other lines have, so that two lines of one sku share its stock. */
function quantityOfOthers(lines: readonly Line[], line: Line): number {
  if (line.sku === null) return 0
  return lines.reduce((total, other) => (other.sku === line.sku && other.key !== line.key ? total + other.quantity : total), 0)
}

/** The note of a line to which an equal one is added (C15). `append` repeats no line of text and never passes the limit. */
export function repeatedNote(existing: string | null, added: string | null, rule: 'replace' | 'append' | 'keep'): string | null {
  if (added === null || rule === 'keep') return existing ?? added
  if (rule === 'replace' || existing === null || existing === added) return added
  const known = existing.split('\n')
  const fresh = added.split('\n').filter((text) => !known.includes(text))
  return [...known, ...fresh].join('\n').slice(0, LIMITS.note)
}

/**
 * Sets a line: `quantity` is absolute and 0 removes; `options` replaces them, and where the result equals another line the two become one
 * (their quantities are added, their notes are treated as on adding).
 */
export function setLine(
  cart: Cart,
  input: { lineId: string; quantity?: number; options?: Options; note?: string | null; attributes?: Attributes },
  facts: Facts,
): Decision | Refusal {
  const closed = requireOpen(cart)
  if (closed) return closed
  const line = cart.lines.find((candidate) => candidate.id === input.lineId)
  if (!line) return refuse('line_not_found', { lineId: input.lineId })
  const managed = input.quantity === undefined ? null : managedQuantity(facts)
  if (managed) return managed
  if (input.quantity === 0) return removeLine(cart, { lineId: line.id })
  const renamed = withIdentity(line, input, facts)
  if (isRefusal(renamed)) return renamed
  const twin = cart.lines.find((candidate) => candidate.key === renamed.key && candidate.id !== line.id)
  const had = line.quantity + (twin?.quantity ?? 0)
  const asked = (input.quantity ?? line.quantity) + (twin?.quantity ?? 0)
  const variant = line.sku === null ? null : (facts.variants.get(line.sku) ?? null)
  const refused =
    asked === line.quantity ? null : (limitRefusal(asked, variant, facts) ?? pricelessQuantity(cart, line, variant, input, facts))
  if (refused) return refused
  const remaining = cart.lines.filter((candidate) => candidate.id !== line.id && candidate.id !== twin?.id)
  const got = stockedQuantity({ asked, had, others: quantityOfOthers(remaining, renamed) }, variant, facts)
  if (isRefusal(got)) return got
  const note = input.note === undefined ? line.note : input.note
  const joined = twin ? repeatedNote(twin.note, note, facts.shop.settings.lines.noteOnRepeat) : note
  const attributes = twin ? { ...twin.attributes, ...renamed.attributes } : renamed.attributes
  const changed: Line = { ...renamed, quantity: got, note: joined, attributes }
  const results = [{ index: 0, ok: true, lineId: line.id, asked, got }]
  if (sameLine(line, changed) && !twin) return { cart, results }
  const lines = cart.lines
    .filter((candidate) => candidate.id !== twin?.id)
    .map((candidate) => (candidate.id === line.id ? changed : candidate))
  const reduced = notice('quantity_reduced', 'warning', `/lines/${line.id}`, { from: asked, to: got, sku: line.sku })
  return { cart: withLines(cart, lines, got < asked ? [...cart.notices, reduced] : cart.notices), results }
}

/** Fewer pieces than a price is for are refused like adding so few; a line that lost its price otherwise may have any quantity. */
function pricelessQuantity(cart: Cart, line: Line, variant: Variant | null, input: { quantity?: number }, facts: Facts): Refusal | null {
  if (!variant || line.sku === null || line.unitPrice !== null || line.amount !== null) return null
  const before = termsOf(cart, quantitiesOf(cart.lines).get(line.sku) ?? 0, facts)
  const terms = { ...before, quantity: before.quantity - line.quantity + (input.quantity ?? line.quantity) }
  const isSold = (each: PriceTerms) => priceOf(variant, cart.currency, line.plan, each) !== undefined
  return isSold(before) && !isSold(terms) ? { ...noPrice(variant, cart.currency, line.plan, terms), path: '/quantity' } : null
}

/** A line with other options or attributes, and the key that follows from them. */
function withIdentity(line: Line, input: { options?: Options; attributes?: Attributes }, facts: Facts): Line | Refusal {
  if (input.options === undefined && input.attributes === undefined) return line
  const own = facts.variants.get(line.sku ?? '')?.options
  const options = input.options === undefined ? line.options : canonicalOptions(input.options, own)
  const attributes = mergedAttributes(line.attributes, input.attributes)
  const told = toldApart(attributes, facts)
  const key = lineKey({ ...line, options }, told, separateOf(line.key))
  return optionsRefusal(options) ?? lineAttributesRefusal(attributes, facts) ?? { ...line, options, attributes, key }
}

/** Named attributes are set, null removes one, the others stay. */
export function mergedAttributes(kept: Attributes, changes: Attributes | undefined): Attributes {
  if (changes === undefined) return kept
  return Object.fromEntries(Object.entries({ ...kept, ...changes }).filter(([, value]) => value !== null))
}

/** What keeps a line apart that must never be joined (`keepSeparate`), or null. */
export function separateOf(key: string): string | null {
  return (JSON.parse(key) as unknown[]).at(-1) as string | null
}

function sameLine(a: Line, b: Line): boolean {
  return a.quantity === b.quantity && a.note === b.note && a.key === b.key && a.attributes === b.attributes
}

/** Removes a line. */
export function removeLine(cart: Cart, input: { lineId: string }): Decision | Refusal {
  const closed = requireOpen(cart)
  if (closed) return closed
  if (!cart.lines.some((line) => line.id === input.lineId)) return refuse('line_not_found', { lineId: input.lineId })
  return {
    cart: withLines(
      cart,
      cart.lines.filter((line) => line.id !== input.lineId),
    ),
  }
}

/** Removes all lines; codes, addresses and everything else stay. */
export function clearLines(cart: Cart): Decision | Refusal {
  const closed = requireOpen(cart)
  if (closed) return closed
  return { cart: cart.lines.length === 0 ? cart : withLines(cart, []) }
}

/** A code as it is kept and compared: without surrounding space, and in upper case unless case tells codes of this shop apart (C31). */
export function normaliseCode(code: string, { promotions }: Pick<Settings, 'promotions'>): string {
  return promotions.caseSensitive ? code.trim() : code.trim().toUpperCase()
}

/**
 * Puts a code on the cart. Unknown, expired and exhausted codes are refused alike (SEC-6); whether a code that stands on the cart applies is
 * found by pricing each time.
 */
export function applyCode(cart: Cart, input: { code: string }, facts: Facts): Decision | Refusal {
  const closed = requireOpen(cart)
  if (closed) return closed
  const code = normaliseCode(input.code, facts.shop.settings)
  if (cart.codes.includes(code)) return refuse('code_already_applied', { promotionCode: code })
  const max = Math.min(facts.shop.settings.promotions.maxCodes, LIMITS.codes)
  if (cart.codes.length >= max) return refuse('too_many_codes', { max })
  return { cart: { ...cart, codes: [...cart.codes, code] } }
}

/** Takes a code off the cart. */
export function removeCode(cart: Cart, input: { code: string }, facts: Facts): Decision | Refusal {
  const closed = requireOpen(cart)
  if (closed) return closed
  const code = normaliseCode(input.code, facts.shop.settings)
  if (!cart.codes.includes(code)) return refuse('code_not_found', { promotionCode: code })
  return { cart: { ...cart, codes: cart.codes.filter((candidate) => candidate !== code) } }
}

/**
 * The cart as the holder of a limited secret may see it (C24): as nobody's groups price it, and without e-mail, addresses (and the shipping method that
 * was chosen for one) and what its buyer is to the tax office, unless this secret gave them. `secretId` null is whoever owns the cart, and sees
 * all. What is read, written, priced and ordered with such a secret goes through this one rule.
 */
export function visibleContact(cart: Cart, secretId: string | null): Cart {
  if (secretId === null) return cart
  // Groups are the owner's standing with the shop: a link to a cart passes no trade prices on, whoever gave the address.
  const ungrouped = cart.customerGroups.length === 0 ? cart : { ...cart, customerGroups: [] }
  if (cart.contactFrom === secretId || !hasContact(cart)) return ungrouped
  // A method that was chosen for an address says where that is, and is nothing without it.
  const shippingMethod = cart.shippingAddress === null ? cart.shippingMethod : null
  const nobody = { email: null, shippingAddress: null, billingAddress: null, billingSameAsShipping: true, shippingSameAsBilling: undefined }
  return { ...ungrouped, ...nobody, shippingMethod, vatId: null, vatIdChecked: false, taxExempt: false }
}

/**
 * The cart as the groups of this caller's customer price it: those that an account's token tells, in place of those that were told last. Null: the
 * caller tells none, so what was told stays. What an account reads, writes and orders goes through this one rule.
 */
export function withGroups(cart: Cart, groups: readonly string[] | null): Cart {
  if (groups === null || cart.state === 'CLOSED' || isSameGroups(cart.customerGroups, groups)) return cart
  return { ...cart, customerGroups: groups }
}

/** Groups in one form: each once, sorted. */
export function canonicalGroups(groups: readonly string[]): string[] {
  return [...new Set(groups)].sort()
}

/** Whether these are the same groups, both in canonical form. */
export function isSameGroups(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((group, index) => group === b[index])
}

function hasContact(cart: Cart): boolean {
  const { email, shippingAddress, billingAddress, billingSameAsShipping, vatId, taxExempt } = cart
  return [email, shippingAddress, billingAddress, vatId].some((each) => each !== null) || !billingSameAsShipping || taxExempt
}

function contactOf(cart: Cart): string {
  return JSON.stringify([
    cart.email,
    cart.shippingAddress,
    cart.billingAddress,
    cart.billingSameAsShipping,
    cart.shippingSameAsBilling,
    cart.vatId,
  ])
}

/**
 * What a cart becomes by a command that was decided on what `visibleContact` showed of it. Who may not see the contact data and gives none leaves
 * them as they are; who gives some takes the place of whoever gave them, and all of theirs go, so that nothing mixes. What the owner gives is
 * the owner's again. Groups stay whatever such a command says: their holders never saw them.
 */
export function withContactFrom(cart: Cart, { visible, decided }: Record<'visible' | 'decided', Cart>, secretId: string | null): Cart {
  if (decided === visible) return cart
  const isGiven = contactOf(decided) !== contactOf(visible)
  if (secretId === null) return isGiven && cart.contactFrom !== null ? { ...decided, contactFrom: null } : decided
  const { customerGroups } = cart
  if (cart.contactFrom === secretId) return { ...decided, customerGroups }
  const gives = [decided.email, decided.shippingAddress, decided.billingAddress, decided.vatId].some((each) => each !== null)
  if (isGiven && gives) return { ...decided, customerGroups, contactFrom: secretId }
  const { email, shippingAddress, billingAddress, billingSameAsShipping, shippingSameAsBilling, vatId, vatIdChecked, taxExempt } = cart
  const shippingMethod = decided.shippingMethod === visible.shippingMethod ? cart.shippingMethod : decided.shippingMethod
  const kept = { email, shippingAddress, billingAddress, billingSameAsShipping, shippingSameAsBilling, vatId, vatIdChecked, taxExempt }
  return { ...decided, ...kept, customerGroups, shippingMethod }
}

/**
 * Marks notices as seen. Ids that are not shown are ignored: what was acknowledged may be gone already. What a command told is forgotten and
 * told again when it happens again; what pricing finds each time is remembered as seen.
 */
export function acknowledgeNotices(cart: Cart, input: { ids: readonly string[] | 'all' }, shown: readonly Notice[]): Decision | Refusal {
  const closed = requireOpen(cart)
  if (closed) return closed
  const seen = new Set(shown.map(({ id }) => id).filter((id) => input.ids === 'all' || input.ids.includes(id)))
  const notices = cart.notices.filter(({ id }) => !seen.has(id))
  const fresh = [...seen].filter((id) => !cart.acknowledged.includes(id) && !cart.notices.some((each) => each.id === id))
  if (fresh.length === 0 && notices.length === cart.notices.length) return { cart }
  return { cart: { ...cart, acknowledged: [...cart.acknowledged, ...fresh].slice(-LIMITS.acknowledged), notices } }
}

/** Closes the cart for good: nothing can be changed afterwards. */
export function closeCart(
  cart: Cart,
  reason: ClosedReason,
  link: { orderId?: string; mergedInto?: string; joined?: readonly string[] } = {},
): Decision | Refusal {
  const closed = requireOpen(cart)
  if (closed) return closed
  return {
    cart: {
      ...cart,
      state: 'CLOSED',
      closedReason: reason,
      orderId: link.orderId ?? null,
      mergedInto: link.mergedInto ?? null,
      joined: link.joined ?? null,
      notices: [],
    },
  }
}

/** The refusal that a write to a closed cart gets, with where its content went. */
export function requireOpen(cart: Cart): Refusal | null {
  if (cart.state === 'OPEN') return null
  return refuse('cart_closed', { cartId: cart.id, closedReason: cart.closedReason, mergedInto: cart.mergedInto, orderId: cart.orderId })
}

// History -----------------------------------------------------------------------------------------------------------------------------

/** One difference between two versions of a cart. `path` is a JSON pointer into it, with lines by their ids; long values are cut. */
export interface Change {
  readonly path: string
  readonly before: unknown
  readonly after: unknown
}

/** What a history tells: everything but bookkeeping (`version`, `updatedAt`, `acknowledged`, `contactFrom`) and what never changes. */
const TOLD = [
  'owner',
  'state',
  'closedReason',
  'mergedInto',
  'orderId',
  'continues',
  'isCurrent',
  'currency',
  'codes',
  'email',
  'shippingAddress',
  'billingAddress',
  'billingSameAsShipping',
  'shippingMethod',
  'customerGroups',
  'vatId',
  'vatIdChecked',
  'taxExempt',
  'attributes',
  'note',
  'retention',
  'notices',
] as const satisfies readonly (keyof Cart)[]
const TOLD_OF_LINES = [
  'sku',
  'quantity',
  'options',
  'note',
  'attributes',
  'amount',
  'plan',
  'unitPrice',
  'taxes',
] as const satisfies readonly (keyof Line)[]
/** So many changes of lines are told one by one; beyond them, how many lines there were and are. */
const CHANGES_MAX = 100
const VALUE_MAX = 500

/**
 * What changed from one version to the next; null: there was no cart. Values that a change left alone are the same values, so comparing is looking at
 * references, and costs little in a cart of 500 lines.
 */
export function changesBetween(before: Cart | null, after: Cart): Change[] {
  const from = before ?? emptyCart({ ...after, now: after.createdAt })
  const changes: Change[] = []
  for (const field of TOLD) compare(changes, `/${field}`, from[field], after[field])
  compareLines(changes, '/lines', from.lines, after.lines)
  compareLines(changes, '/savedLines', from.savedLines, after.savedLines)
  return changes
}

function compareLines(changes: Change[], path: string, before: readonly Line[], after: readonly Line[]): void {
  if (before === after) return
  const former = new Map<string, Line>()
  for (const [index, line] of before.entries()) if (line !== after[index]) former.set(line.id, line)
  const found: Change[] = []
  for (const [index, line] of after.entries()) {
    if (line === before[index]) continue
    const was = former.get(line.id)
    former.delete(line.id)
    if (!was) found.push({ path: `${path}/${line.id}`, before: null, after: outlineOf(line) })
    else for (const field of TOLD_OF_LINES) compare(found, `${path}/${line.id}/${field}`, was[field], line[field])
  }
  for (const line of former.values()) found.push({ path: `${path}/${line.id}`, before: outlineOf(line), after: null })
  changes.push(...found.slice(0, CHANGES_MAX))
  if (found.length > CHANGES_MAX) changes.push({ path, before: before.length, after: after.length })
}

function compare(changes: Change[], path: string, before: unknown, after: unknown): void {
  if (before === after) return
  const texts = [JSON.stringify(before), JSON.stringify(after)] as const
  if (texts[0] !== texts[1]) changes.push({ path, before: cut(before, texts[0]), after: cut(after, texts[1]) })
}

function cut(value: unknown, text: string): unknown {
  return text.length > VALUE_MAX ? `${text.slice(0, VALUE_MAX)}…` : value
}

/** A line that came or went: what it was, with what was chosen for it. */
function outlineOf({ sku, name, quantity, options, amount, plan, unitPrice, taxes }: Line): unknown {
  const chosen = Object.keys(options).length > 0 ? { options } : {}
  const prices = {
    ...(amount === null ? {} : { amount }),
    ...(plan === null ? {} : { plan }),
    ...(unitPrice === null ? {} : { unitPrice }),
    ...(taxes === null ? {} : { taxes }),
  }
  const outline = { sku, name, quantity, ...chosen, ...prices }
  return cut(outline, JSON.stringify(outline))
}

/** The total of a line without adjustments, or null when it is not exact. */
export function lineTotal(unitPrice: number, quantity: number): number | null {
  return multiply(unitPrice, quantity)
}

/** An amount with its currency. */
export function money(amount: number, currency: string): Money {
  return { amount, currency }
}

/** A 53-bit hash of a text (two mixed 32-bit multiplicative hashes): for ids of notices, not for secrets. */
function hash53(text: string): string {
  let high = 0xdeadbeef
  let low = 0x41c6ce57
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    high = Math.imul(high ^ code, 2654435761)
    low = Math.imul(low ^ code, 1597334677)
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909)
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909)
  return (4294967296 * (2097151 & low) + (high >>> 0)).toString(36)
}
