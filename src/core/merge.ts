// Guest carts into an account's cart when a shopper logs in, with a report per line. Each rule stands in a table: what a mode does with the
// lines of both sides (C25), which quantity equal lines get (C26). Nothing is dropped in silence: limits are applied afterwards and reported,
// sold-out lines come along and block only ordering (SEED3-11), what is replaced or does not fit is set aside in `savedLines` (C27, C30).
import type { Attributes } from './attributes.ts'
import {
  bytesOf,
  type Cart,
  LIMITS,
  type Line,
  type Notice,
  notice,
  quantitiesOf,
  quantityMaxOf,
  repeatedNote,
  requireOpen,
  type SavedLine,
  termsOf,
  withLines,
} from './cart.ts'
import type { Facts } from './facts.ts'
import { priceOf, type Variant } from './product.ts'
import { isRefusal, type Refusal, type RefusalCode, refuse } from './refusal.ts'
import type { Settings } from './settings.ts'

/** What happens with a guest's cart at login (C25). */
export type MergeMode = Settings['reconcile']['onLogin']

/** A mode that brings lines of two carts together; `restorePrevious` chooses between carts instead. */
type JoiningMode = Exclude<MergeMode, 'restorePrevious'>

/**
 * What became of a line. `asked` is the quantity it brought, `got` the quantity that the line has now; `code` says why it is not as it was
 * brought, or what stands between it and an order. `saved`: it was set aside, whole, in the account cart's `savedLines`.
 */
export interface MergedLine {
  /** The cart it comes from; the account's own where `code` is `replaced` and the guest's lines took its place. */
  readonly from: string
  readonly lineId: string
  readonly outcome: 'added' | 'combined' | 'clamped' | 'unavailable' | 'rejected'
  readonly asked: number
  readonly got: number
  readonly saved: boolean
  readonly code?: string
}

/** What became of a promotion code; whether it applies is said by the cart. */
export interface MergedCode {
  readonly from: string
  readonly code: string
  readonly outcome: 'added' | 'combined' | 'rejected'
  readonly reason?: 'too_many_codes' | 'replaced'
}

/** What became of an attribute of the cart: `replaced` took the place of the account's value, `rejected` gave way to it or found no room. */
export interface MergedAttribute {
  readonly from: string
  readonly name: string
  readonly outcome: 'added' | 'combined' | 'replaced' | 'rejected'
}

/** What became of everything that guest carts brought. */
export interface MergeReport {
  readonly mode: MergeMode
  readonly lines: readonly MergedLine[]
  readonly codes: readonly MergedCode[]
  readonly attributes: readonly MergedAttribute[]
}

/** The account's cart after merging, and what became of what was brought. */
export interface MergeDecision {
  readonly cart: Cart
  readonly report: MergeReport
}

/** The quantity of a line that both carts have, of the account's and the guest's (C26). */
const QUANTITY: Readonly<Record<Settings['merge']['quantity'], (account: number, guest: number) => number>> = {
  sum: (account, guest) => account + guest,
  max: (account, guest) => Math.max(account, guest),
  guest: (_account, guest) => guest,
  account: (account) => account,
}

/** What a mode does with the account's lines, with the guest's, and whose codes come first while there is room (C25). */
const MODES: Readonly<
  Record<JoiningMode, { account: 'stay' | 'replaced'; guest: 'join' | 'replaced'; codes: 'account' | 'guest' | 'stay' }>
> = {
  merge: { account: 'stay', guest: 'join', codes: 'account' },
  adopt: { account: 'stay', guest: 'join', codes: 'account' },
  keepAccount: { account: 'stay', guest: 'replaced', codes: 'stay' },
  keepGuest: { account: 'replaced', guest: 'join', codes: 'guest' },
}

/** The account's cart on its way, and the report so far. */
interface Draft {
  cart: Cart
  readonly lines: Line[]
  /** Where the line with a key stands. */
  readonly byKey: Map<string, number>
  readonly saved: SavedLine[]
  readonly notices: Notice[]
  readonly report: { readonly lines: MergedLine[]; readonly codes: MergedCode[]; readonly attributes: MergedAttribute[] }
}

/**
 * Merges carts, in the order given, into the account's cart: each into what came of those before it. Refuses as a whole or changes as a whole.
 * `byStaff`: the carts may also be other carts of the same account, where the shop allows it (`merge.staffSameOwner`).
 * @returns the account's cart with the report; `cart_closed`, `merge_forbidden` (C30), or `currency_mismatch` (SEED3-09)
 */
export function mergeCarts(
  account: Cart,
  guests: readonly Cart[],
  facts: Facts,
  { mode = 'merge', byStaff = false }: { mode?: JoiningMode; byStaff?: boolean } = {},
): MergeDecision | Refusal {
  const refused = requireOpen(account) ?? forbidden(account, guests, facts, { mode, byStaff })
  if (refused) return refused
  const draft: Draft = {
    cart: account,
    lines: [...account.lines],
    byKey: new Map(account.lines.map((line, index) => [line.key, index])),
    saved: [...account.savedLines],
    notices: [...account.notices],
    report: { lines: [], codes: [], attributes: [] },
  }
  const acting = actingMode(mode, account, guests)
  if (MODES[acting].account === 'replaced') replaceLines(draft, facts)
  for (const [index, guest] of guests.entries()) {
    const conflict = bring(draft, guest, acting, index === 0, facts)
    if (conflict) return conflict
  }
  // Staff may merge an account's current cart into another of its carts, which is the current one then.
  const isCurrent = account.isCurrent || guests.some((guest) => guest.owner.kind === 'account' && guest.isCurrent)
  const cart = withLines({ ...draft.cart, isCurrent, savedLines: draft.saved }, draft.lines, draft.notices)
  return { cart, report: { mode, ...draft.report } }
}

/** Who brings nothing replaces nothing: logging in with an empty cart, or into one, must not leave the shopper without lines. */
function actingMode(mode: JoiningMode, account: Cart, guests: readonly Cart[]): JoiningMode {
  if (mode === 'keepGuest' && guests.every((guest) => guest.lines.length === 0)) return 'merge'
  return mode === 'keepAccount' && account.lines.length === 0 ? 'merge' : mode
}

/** Guest carts go into an account's cart, and nothing else does (SEED3-13, C30). */
function forbidden(
  account: Cart,
  guests: readonly Cart[],
  facts: Facts,
  { mode, byStaff }: { mode: JoiningMode; byStaff: boolean },
): Refusal | null {
  const forbid = (reason: string, cartId: string) => refuse('merge_forbidden', { reason, cartId })
  if (account.owner.kind !== 'account') return forbid('target_is_not_an_account_cart', account.id)
  const { accountId } = account.owner
  for (const guest of guests) {
    const closed = requireOpen(guest)
    if (closed) return closed
    if (guest.id === account.id) return forbid('a_cart_into_itself', guest.id)
    if (guest.owner.kind === 'account') {
      if (!byStaff || guest.owner.accountId !== accountId) return forbid('source_is_not_a_guest_cart', guest.id)
      if (!facts.shop.settings.merge.staffSameOwner) return forbid('staff_may_not_merge_here', guest.id)
    }
    if (guest.type !== account.type) return forbid('type_differs', guest.id)
  }
  if (mode === 'adopt' && account.lines.length > 0) return forbid('account_has_a_cart', account.id)
  return null
}

/** The account's lines make room for the guest's (C30). */
function replaceLines(draft: Draft, facts: Facts): void {
  for (const line of draft.lines) setAside(draft, line, draft.cart, 'replaced', facts)
  draft.lines.length = 0
  draft.byKey.clear()
}

/** Everything of one guest's cart. */
function bring(draft: Draft, guest: Cart, mode: JoiningMode, isFirst: boolean, facts: Facts): Refusal | null {
  const joins = MODES[mode].guest === 'join'
  const differs = joins && guest.lines.length > 0 && draft.lines.length > 0 && guest.currency !== draft.cart.currency
  if (differs && facts.shop.settings.merge.currencyConflict === 'reject')
    return refuse('currency_mismatch', { cartCurrency: draft.cart.currency, currencies: [guest.currency], cartId: guest.id })
  // An empty side takes the currency of the other; where both are empty the account's stays (C29, SEED3-10, SEED3-14).
  if (joins && guest.lines.length > 0 && draft.lines.length === 0)
    draft.cart = { ...draft.cart, currency: guest.currency, currencyChosen: guest.currencyChosen }
  for (const saved of guest.savedLines) {
    if (draft.saved.length < LIMITS.lines) draft.saved.push(saved)
    else tell(draft, guest.id, saved.id, { outcome: 'rejected', asked: saved.quantity, got: 0, saved: false, code: 'too_many_lines' })
  }
  for (const line of guest.lines) {
    if (joins) join(draft, line, guest, facts)
    else setAside(draft, line, guest, 'replaced', facts)
  }
  // Of several guests the first one's codes take the place of the account's, those of the others follow.
  bringCodes(draft, guest, MODES[mode].codes === 'guest' && !isFirst ? 'account' : MODES[mode].codes, facts)
  bringAttributes(draft, guest, mode, facts)
  draft.notices.push(...guest.notices)
  draft.cart = { ...draft.cart, ...detailsOf(draft.cart, guest) }
  return null
}

function tell(draft: Draft, from: string, lineId: string, what: Omit<MergedLine, 'from' | 'lineId'>): void {
  draft.report.lines.push({ from, lineId, ...what })
}

/** Keeps a line out of the cart but does not lose it; what was replaced is kept only where the shop wants that (`reconcile.keepReplaced`). */
function setAside(draft: Draft, line: Line, from: Cart, code: RefusalCode | 'replaced', facts: Facts): void {
  const wanted = code !== 'replaced' || facts.shop.settings.reconcile.keepReplaced
  const saved = wanted && draft.saved.length < LIMITS.lines
  if (saved) draft.saved.push({ ...line, currency: from.currency })
  tell(draft, from.id, line.id, { outcome: 'rejected', asked: line.quantity, got: 0, saved, code })
}

// Lines -------------------------------------------------------------------------------------------------------------------------------

/** One line of a guest into the account's lines: equal lines become one (C13, so an inline item never joins one of the catalogue, SEED3-08). */
function join(draft: Draft, brought: Line, guest: Cart, facts: Facts): void {
  const joined = joinedLine(draft, brought, guest, facts)
  if (typeof joined === 'string') {
    setAside(draft, brought, guest, joined, facts)
    return
  }
  const { line, wanted, index } = joined
  if (index === undefined) {
    draft.byKey.set(line.key, draft.lines.length)
    draft.lines.push(line)
  } else draft.lines[index] = line
  const isClamped = line.quantity < wanted
  if (isClamped)
    draft.notices.push(notice('quantity_reduced', 'warning', `/lines/${line.id}`, { from: wanted, to: line.quantity, sku: line.sku }))
  const hindrance = hindranceOf(line, draft, facts)
  const outcome = isClamped ? 'clamped' : hindrance?.sold === false ? 'unavailable' : index === undefined ? 'added' : 'combined'
  const code = isClamped ? 'quantity_too_large' : hindrance?.code
  const told = { outcome, asked: brought.quantity, got: line.quantity, saved: false } as const
  tell(draft, guest.id, line.id, code === undefined ? told : { ...told, code })
}

/** What a guest's line becomes, the quantity that the rule wants, and where it stands if there was one; or why it cannot be in the cart. */
function joinedLine(
  draft: Draft,
  brought: Line,
  guest: Cart,
  facts: Facts,
): { line: Line; wanted: number; index: number | undefined } | RefusalCode {
  const { settings } = facts.shop
  const line = guest.currency === draft.cart.currency ? brought : priced(brought, guest.currency, draft.cart, facts)
  if (line === null) return brought.priceSource === 'catalog' ? 'no_price' : 'currency_mismatch'
  const index = draft.byKey.get(line.key)
  const existing = index === undefined ? undefined : draft.lines[index]
  if (!existing && draft.lines.length >= Math.min(settings.lines.max, LIMITS.lines)) return 'too_many_lines'
  const had = existing?.quantity ?? 0
  const wanted = existing ? QUANTITY[settings.merge.quantity](had, line.quantity) : line.quantity
  // A limit never takes away what the account's line had.
  const got = Math.min(wanted, Math.max(had, allowedQuantity(line, facts)))
  if (got < wanted && settings.merge.overLimit === 'reject') return 'quantity_too_large'
  return { line: existing ? combined(existing, line, got, settings) : { ...line, quantity: got }, wanted, index }
}

/** Two equal lines as one: the account's, with the notes of both, none of them twice (C15), and the attributes of both (C28). */
function combined(account: Line, guest: Line, quantity: number, settings: Settings): Line {
  const attributes =
    settings.merge.attributes === 'guestWins'
      ? { ...account.attributes, ...guest.attributes }
      : { ...guest.attributes, ...account.attributes }
  return {
    ...account,
    quantity,
    note: repeatedNote(account.note, guest.note, 'append'),
    attributes: bytesOf(attributes) > LIMITS.attributesBytes ? account.attributes : attributes,
  }
}

/**
 * A line in the currency of a cart, or null where it has no price in it for any number of pieces: a price that somebody named means nothing there
 * (MON-2). One that has a price for more pieces only comes along and blocks ordering, like what is sold out.
 */
function priced(line: Line, from: string, cart: Cart, facts: Facts): Line | null {
  const to = cart.currency
  const variant = variantOf(line, facts)
  if (line.priceSource !== 'catalog' || line.amount !== null || !variant) return null
  const priceFor = (quantity: number) => priceOf(variant, to, line.plan, termsOf(cart, quantity, facts))
  if (!priceFor(Number.MAX_SAFE_INTEGER)) return null
  const { [to]: known, ...others } = line.pricesElsewhere
  const remembered = line.priceWhenAdded === null ? others : { ...others, [from]: line.priceWhenAdded }
  return { ...line, priceWhenAdded: known ?? priceFor(line.quantityWhenAdded)?.amount ?? null, pricesElsewhere: remembered }
}

function variantOf(line: Line, facts: Facts): Variant | undefined {
  return line.sku === null ? undefined : facts.variants.get(line.sku)
}

/** What holds for the quantity of a line: the shop's limits and those of its variant. */
function boundsOf(line: Line, facts: Facts): { readonly min: number; readonly max: number; readonly step: number } {
  const variant = variantOf(line, facts) ?? null
  return { min: variant?.quantityMin ?? 1, max: quantityMaxOf(variant, facts), step: variant?.quantityStep ?? 1 }
}

/** The largest quantity in which a line may be sold; the limit itself where no pack fits below it, for ordering to refuse. */
function allowedQuantity(line: Line, facts: Facts): number {
  const { max, step } = boundsOf(line, facts)
  return max - (max % step) || max
}

/** What stands between a merged line and an order, if anything: it is kept all the same, and ordering asks to mend it (SEED3-11, C27). */
function hindranceOf(
  line: Line,
  { cart, lines }: Pick<Draft, 'cart' | 'lines'>,
  facts: Facts,
): { sold: boolean; code: RefusalCode } | null {
  if (line.sku === null) return null
  const variant = variantOf(line, facts)
  if (!variant?.published) return { sold: false, code: 'unavailable' }
  const terms = termsOf(cart, quantitiesOf(lines).get(line.sku) ?? 0, facts)
  if ((line.unitPrice ?? line.amount ?? priceOf(variant, cart.currency, line.plan, terms)) === undefined)
    return { sold: false, code: 'no_price' }
  const stock = facts.stock.get(line.sku)
  if (stock !== undefined && stock < line.quantity) return { sold: stock > 0, code: 'insufficient_stock' }
  const { min, step } = boundsOf(line, facts)
  if (line.quantity % step !== 0) return { sold: true, code: 'quantity_step' }
  return line.quantity < min ? { sold: true, code: 'quantity_too_small' } : null
}

// What else a cart has ----------------------------------------------------------------------------------------------------------------

/** Codes of both, each once, as many as the shop allows (C28, C31); whether they apply is found by pricing. */
function bringCodes(draft: Draft, guest: Cart, first: 'account' | 'guest' | 'stay', facts: Facts): void {
  const max = Math.min(facts.shop.settings.promotions.maxCodes, LIMITS.codes)
  const before = draft.cart.codes
  const [ahead, behind] = first === 'guest' ? [guest.codes, before] : [before, first === 'stay' ? [] : guest.codes]
  const codes = [...new Set([...ahead, ...behind])].slice(0, Math.max(max, ahead.length))
  const reason = first === 'stay' ? ('replaced' as const) : ('too_many_codes' as const)
  for (const code of guest.codes) {
    if (before.includes(code)) draft.report.codes.push({ from: guest.id, code, outcome: 'combined' })
    else if (codes.includes(code)) draft.report.codes.push({ from: guest.id, code, outcome: 'added' })
    else draft.report.codes.push({ from: guest.id, code, outcome: 'rejected', reason })
  }
  for (const code of before)
    if (!codes.includes(code)) draft.report.codes.push({ from: draft.cart.id, code, outcome: 'rejected', reason: 'replaced' })
  draft.cart = { ...draft.cart, codes }
}

/** The union of attributes; whose value a common one gets the shop decides (SEED3-12, C28). A union that is too large stays the account's. */
function bringAttributes(draft: Draft, guest: Cart, mode: JoiningMode, facts: Facts): void {
  const before = draft.cart.attributes
  const guestWins = mode !== 'keepAccount' && (mode === 'keepGuest' || facts.shop.settings.merge.attributes === 'guestWins')
  const union: Attributes = guestWins ? { ...before, ...guest.attributes } : { ...guest.attributes, ...before }
  const attributes = bytesOf(union) > LIMITS.attributesBytes ? before : union
  for (const [name, value] of Object.entries(guest.attributes)) {
    const known = Object.hasOwn(before, name)
    const taken = Object.hasOwn(attributes, name) && attributes[name] === value
    const outcome = !taken ? 'rejected' : !known ? 'added' : before[name] === value ? 'combined' : 'replaced'
    draft.report.attributes.push({ from: guest.id, name, outcome })
  }
  draft.cart = { ...draft.cart, attributes }
}

/** What identifies the customer, and what was chosen, is the account's unless it has none (C28). A new cart takes it all over (SEED2-54). */
function detailsOf(account: Cart, guest: Cart): Partial<Cart> {
  const email = account.email ?? guest.email
  const shippingAddress = account.shippingAddress ?? guest.shippingAddress
  const billingAddress = account.billingAddress ?? guest.billingAddress
  // It goes on following a billing address only where both came from one cart.
  const ships = account.shippingAddress ? account : guest
  const follows = ships.shippingSameAsBilling === true && ships.billingAddress === billingAddress
  const buyer = account.vatId === null ? guest : account
  const isNew = account.version === 0
  const filled = [email !== account.email, shippingAddress !== account.shippingAddress, billingAddress !== account.billingAddress]
  const isFilled = filled.includes(true) || buyer.vatId !== account.vatId
  return {
    email,
    shippingAddress,
    billingAddress,
    billingSameAsShipping: account.billingAddress ? account.billingSameAsShipping : guest.billingSameAsShipping,
    ...(follows || account.shippingSameAsBilling ? { shippingSameAsBilling: follows } : {}),
    shippingMethod: account.shippingMethod ?? guest.shippingMethod,
    vatId: buyer.vatId,
    vatIdChecked: buyer.vatIdChecked,
    // What was said of the account's cart stands: it does not become exempt by merging.
    taxExempt: isNew ? guest.taxExempt : account.taxExempt,
    note: account.note ?? guest.note,
    // Who gave the guest's address did not give the account's: no limited secret may read a mixture.
    contactFrom: isFilled ? null : account.contactFrom,
    retention: isNew ? (account.retention ?? guest.retention) : account.retention,
    acknowledged: [...new Set([...account.acknowledged, ...guest.acknowledged])].slice(-LIMITS.acknowledged),
  }
}

// No merging --------------------------------------------------------------------------------------------------------------------------

/** The carts that `restorePrevious` chooses from, all of one type. */
export interface RestoreChoice {
  /** The guest's cart at this login. */
  readonly session: Cart | null
  /** What the account's `current` means until now. */
  readonly current: Cart | null
  /** Further open carts of the account. */
  readonly others: readonly Cart[]
  /** A new, empty cart of the account. */
  readonly fresh: Cart
}

/** The cart that is the account's current one from now on, and the one that was before, where it is another and stays open. */
export interface RestoreDecision extends MergeDecision {
  readonly replaced: Cart | null
}

/**
 * Chooses a cart at login without merging (SEED4-22): the session's cart if it has lines, else the account's previous one with lines, else any
 * previous one. Where an owner may have several carts (`cart.multiple`) the former current cart stays open beside the new one; elsewhere its
 * lines are set aside.
 */
export function restorePrevious({ session, current, others, fresh }: RestoreChoice, facts: Facts): RestoreDecision | Refusal {
  const isBusy = current !== null && current.lines.length > 0
  if (session && session.lines.length > 0) {
    const stays = isBusy && facts.shop.settings.cart.multiple
    const target = stays ? fresh : (current ?? fresh)
    return restored(mergeCarts(target, [session], facts, { mode: isBusy && !stays ? 'keepGuest' : 'adopt' }), stays ? current : null)
  }
  const previous = [...(current ? [current] : []), ...[...others].sort((a, b) => b.updatedAt - a.updatedAt)]
  const chosen = previous.find((cart) => cart.lines.length > 0) ?? previous[0] ?? fresh
  const target = chosen.isCurrent ? chosen : { ...chosen, isCurrent: true }
  // A session without lines replaces nothing, but the e-mail address that was typed into it is not lost.
  const merged = session
    ? mergeCarts(target, [session], facts)
    : { cart: target, report: { mode: 'merge' as const, lines: [], codes: [], attributes: [] } }
  return restored(merged, current !== null && current.id !== chosen.id ? current : null)
}

function restored(merged: MergeDecision | Refusal, former: Cart | null): RestoreDecision | Refusal {
  if (isRefusal(merged)) return merged
  const { cart, report } = merged
  return { cart, report: { ...report, mode: 'restorePrevious' }, replaced: former && { ...former, isCurrent: false } }
}
