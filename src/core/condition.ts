// Whether the conditions of a promotion hold for a cart, and if not, for which reason. Each kind has its own reason, so that whoever asks is told
// what is missing and not only that something is. Judging stops at the first that fails; with a trace every condition is judged and written down.
import type { Work } from './adjustment.ts'
import type { Cart } from './cart.ts'
import { minutesOf, type WallTime, wallTime } from './hours.ts'
import type { Variant } from './product.ts'
import { amountIn, type Condition, type LineFilter } from './promotion.ts'
import { rfc3339 } from './time.ts'
import type { ConditionTrace } from './trace.ts'

/** Why a condition does not hold. `lines`: no line (or not every line) matches; `customer_unknown`: nobody knows yet who buys. */
export type ConditionReason =
  | 'code'
  | 'item_total_too_low'
  | 'item_total_too_high'
  | 'quantity_too_low'
  | 'quantity_too_high'
  | 'lines'
  | 'customer_group'
  | 'account_required'
  | 'guest_required'
  | 'account'
  | 'not_first_order'
  | 'customer_unknown'
  | 'country'
  | 'currency'
  | 'not_started'
  | 'expired'
  | 'hours'
  | 'other_promotion'
  | 'excluded'

/** What conditions look at. `lines` are those that are sold, without gifts; amounts are before discounts. */
export interface ConditionView {
  readonly now: number
  readonly cart: Cart
  readonly lines: readonly Work[]
  readonly itemTotal: number
  readonly quantity: number
  readonly hasCode: boolean
  readonly hasOrdered: boolean | null
  /** Ids of the promotions that applied before this one. */
  readonly applied: ReadonlySet<string>
}

/** Why one of these conditions does not hold, or null when all do. `at` is where they stand in the promotion, as a JSON pointer. */
export function judgeAll(
  conditions: readonly Condition[],
  view: ConditionView,
  trace: ConditionTrace[] | null,
  at = '/conditions',
): ConditionReason | null {
  let first: ConditionReason | null = null
  for (let index = 0; index < conditions.length; index++) {
    const condition = conditions[index]
    if (!condition) continue
    const reason = judge(condition, view, trace, trace === null ? '' : `${at}/${index}`)
    if (reason === null || first !== null) continue
    if (trace === null) return reason
    first = reason
  }
  return first
}

function judge(condition: Condition, view: ConditionView, trace: ConditionTrace[] | null, path: string): ConditionReason | null {
  const place = trace?.length ?? 0
  const reason = reasonOf(condition, view, trace, path)
  // A tree stands before what is in it, though it is judged after.
  trace?.splice(place, 0, { path, kind: condition.kind, holds: reason === null, reason, saw: seenBy(condition, view) })
  return reason
}

function reasonOf(condition: Condition, view: ConditionView, trace: ConditionTrace[] | null, path: string): ConditionReason | null {
  const { cart } = view
  switch (condition.kind) {
    case 'all':
      return judgeAll(condition.conditions, view, trace, `${path}/conditions`)
    case 'any':
    case 'none':
      return ofSome(condition, view, trace, path)
    case 'code':
      return view.hasCode ? null : 'code'
    case 'item_total':
      return itemTotalReason(condition, view)
    case 'quantity': {
      const quantity = quantityOf(condition.of, view)
      if (condition.atLeast !== undefined && quantity < condition.atLeast) return 'quantity_too_low'
      return condition.atMost !== undefined && quantity > condition.atMost ? 'quantity_too_high' : null
    }
    case 'lines': {
      const matching = matchingIn(condition.of, view)
      return (condition.every ? matching === view.lines.length : matching > 0) ? null : 'lines'
    }
    case 'customer_group':
      return condition.groups.some((group) => cart.customerGroups.includes(group)) ? null : 'customer_group'
    case 'account':
      if (cart.owner.kind !== condition.is) return condition.is === 'account' ? 'account_required' : 'guest_required'
      return condition.ids === undefined || condition.ids.includes(ownerId(cart)) ? null : 'account'
    case 'first_order':
      if (view.hasOrdered === null) return 'customer_unknown'
      return view.hasOrdered ? 'not_first_order' : null
    case 'country':
      return condition.countries.includes(countryOf(cart) ?? '') ? null : 'country'
    case 'currency':
      return condition.currencies.includes(cart.currency) ? null : 'currency'
    case 'dates':
      if (condition.from !== undefined && view.now < condition.from) return 'not_started'
      return condition.until !== undefined && view.now >= condition.until ? 'expired' : null
    case 'hours':
      return isWithin(condition, wallTime(condition.timeZone, view.now)) ? null : 'hours'
    case 'without':
      return condition.promotions.some((id) => view.applied.has(id)) ? 'other_promotion' : null
  }
}

/** `any` holds with one of its conditions, and fails with the reason of the last; `none` holds while none does. */
function ofSome(
  { kind, conditions }: Extract<Condition, { kind: 'all' | 'any' | 'none' }>,
  view: ConditionView,
  trace: ConditionTrace[] | null,
  path: string,
): ConditionReason | null {
  let last: ConditionReason = 'excluded'
  let isOneTrue = false
  for (let index = 0; index < conditions.length; index++) {
    const condition = conditions[index]
    if (!condition) continue
    const reason = judge(condition, view, trace, `${path}/conditions/${index}`)
    if (reason === null) isOneTrue = true
    else last = reason
    if (isOneTrue && trace === null) break
  }
  if (kind === 'none') return isOneTrue ? 'excluded' : null
  return isOneTrue ? null : last
}

function itemTotalReason({ atLeast, atMost, of }: Extract<Condition, { kind: 'item_total' }>, view: ConditionView): ConditionReason | null {
  const { currency } = view.cart
  const itemTotal = itemTotalOf(of, view)
  const least = atLeast && amountIn(atLeast, currency)
  const most = atMost && amountIn(atMost, currency)
  if ((atLeast && least === undefined) || (atMost && most === undefined)) return 'currency'
  if (least !== undefined && itemTotal < least) return 'item_total_too_low'
  return most !== undefined && itemTotal > most ? 'item_total_too_high' : null
}

/** With `from` after `until` it goes on over midnight, and the weekday is that of its beginning. */
function isWithin({ weekdays, from, until }: Extract<Condition, { kind: 'hours' }>, time: WallTime | null): boolean {
  if (time === null) return false
  const isOn = (weekday: number) => weekdays === undefined || weekdays.includes(weekday)
  const begin = from === undefined ? 0 : (minutesOf(from) ?? 0)
  const end = until === undefined ? 24 * 60 : (minutesOf(until) ?? 24 * 60)
  if (begin < end) return isOn(time.weekday) && time.minutes >= begin && time.minutes < end
  const dayBefore = time.weekday === 1 ? 7 : time.weekday - 1
  return (time.minutes >= begin && isOn(time.weekday)) || (time.minutes < end && isOn(dayBefore))
}

// What conditions see -----------------------------------------------------------------------------------------------------------------

function itemTotalOf(of: LineFilter | undefined, { lines, itemTotal }: ConditionView): number {
  if (of === undefined) return itemTotal
  let total = 0
  for (const work of lines) if (isMatch(work.variant, of)) total += work.itemTotal
  return total
}

function quantityOf(of: LineFilter | undefined, { lines, quantity }: ConditionView): number {
  if (of === undefined) return quantity
  let total = 0
  for (const work of lines) if (isMatch(work.variant, of)) total += work.line.quantity
  return total
}

function matchingIn(of: LineFilter, { lines }: ConditionView): number {
  let matching = 0
  for (const work of lines) if (isMatch(work.variant, of)) matching += 1
  return matching
}

function ownerId({ owner }: Cart): string {
  return owner.kind === 'account' ? owner.accountId : owner.guestId
}

function countryOf({ shippingAddress, billingAddress }: Cart): string | null {
  return shippingAddress?.country ?? billingAddress?.country ?? null
}

/** What was compared, for a trace. */
function seenBy(condition: Condition, view: ConditionView): ConditionTrace['saw'] {
  const { cart } = view
  const { kind, ...asked } = condition
  switch (condition.kind) {
    case 'all':
    case 'any':
    case 'none':
      return {}
    case 'code':
      return { hasCode: view.hasCode }
    case 'item_total':
      return { itemTotal: itemTotalOf(condition.of, view), currency: cart.currency, ...asked }
    case 'quantity':
      return { quantity: quantityOf(condition.of, view), ...asked }
    case 'lines':
      return { matching: matchingIn(condition.of, view), lines: view.lines.length, ...asked }
    case 'customer_group':
      return { customerGroups: cart.customerGroups, ...asked }
    case 'account':
      return { owner: cart.owner.kind, ...asked }
    case 'first_order':
      return { hasOrdered: view.hasOrdered }
    case 'country':
      return { country: countryOf(cart), ...asked }
    case 'currency':
      return { currency: cart.currency, ...asked }
    case 'dates':
      return {
        now: rfc3339(view.now),
        ...(condition.from === undefined ? {} : { from: rfc3339(condition.from) }),
        ...(condition.until === undefined ? {} : { until: rfc3339(condition.until) }),
      }
    case 'hours':
      return { ...wallTime(condition.timeZone, view.now), ...asked }
    case 'without':
      return { applied: condition.promotions.filter((id) => view.applied.has(id)), ...asked }
  }
}

// Which lines are meant ---------------------------------------------------------------------------------------------------------------

/** Whether a line is meant, by its variant; null is an item without a catalogue entry, which is in no list. */
export function isMatch(variant: Variant | null, filter: LineFilter): boolean {
  if (filter.skus && !isListed(filter.skus, variant?.sku)) return false
  if (filter.products && !isListed(filter.products, variant?.productId) && !isListed(filter.products, variant?.handle)) return false
  if (filter.categories && !isOneListed(filter.categories, variant?.categories)) return false
  if (filter.tags && !isOneListed(filter.tags, variant?.tags)) return false
  return filter.except === undefined || !isExcepted(variant, filter.except)
}

/** Whether one of the lists names it: whatever is in any of them is left out. */
function isExcepted(variant: Variant | null, { skus, products, categories, tags }: NonNullable<LineFilter['except']>): boolean {
  if (skus && isListed(skus, variant?.sku)) return true
  if (products && (isListed(products, variant?.productId) || isListed(products, variant?.handle))) return true
  if (categories && isOneListed(categories, variant?.categories)) return true
  return tags !== undefined && isOneListed(tags, variant?.tags)
}

function isOneListed(list: readonly string[], values: readonly string[] | undefined): boolean {
  if (values === undefined) return false
  for (const value of values) if (isListed(list, value)) return true
  return false
}

/** Long lists as sets, while somebody holds the list: a promotion for 200 skus looks at each line of a long cart. */
const sets = new WeakMap<readonly string[], ReadonlySet<string>>()
const SHORT = 8

function isListed(list: readonly string[], value: string | undefined): boolean {
  if (value === undefined) return false
  if (list.length <= SHORT) return list.includes(value)
  const known = sets.get(list)
  if (known) return known.has(value)
  const made = new Set(list)
  sets.set(list, made)
  return made.has(value)
}
