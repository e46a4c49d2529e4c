// What a promotion may not be although its form is right: what contradicts itself, says nothing, or names what does not exist. The path says where,
// the reason what is wrong; a promotion that passes never fails later.

import { exponentOf } from './currency.ts'
import { minutesOf, wallTime } from './hours.ts'
import { type Money, percentOf } from './money.ts'
import { type Benefit, type Condition, needsCode, type Promotion } from './promotion.ts'
import { type Refusal, refuse } from './refusal.ts'
import { durationMs } from './time.ts'

/** So many conditions may a whole tree have: each is judged for each price. */
const CONDITIONS_MAX = 200

/** So many promotions may a shop have. */
const PROMOTIONS_MAX = 10_000
/**
 * Every price considers the active promotions that need no code: so many there may be, and so many conditions and parts of bundles may they have
 * together. With all of that a cart of 500 lines takes half a second at most.
 */
const AUTOMATIC_MAX = 1000
const JUDGED_MAX = 5000

/** What a promotion, or several together, cost every price of a shop. */
export interface PromotionLoad {
  readonly count: number
  readonly automatic: number
  readonly judged: number
}

/** What nothing costs. */
export const NO_LOAD: PromotionLoad = { count: 0, automatic: 0, judged: 0 }

/** What one promotion adds to every price. */
export function loadOf(promotion: Promotion): PromotionLoad {
  if (!promotion.active || needsCode(promotion)) return { ...NO_LOAD, count: 1 }
  const { conditions, benefit } = promotion
  return { count: 1, automatic: 1, judged: countOf(conditions) + (benefit.kind === 'bundle_price' ? benefit.items.length : 0) }
}

/** Loads together: `total`, with one in place of another. */
export function loadWith(total: PromotionLoad, { before, after }: Record<'before' | 'after', PromotionLoad>): PromotionLoad {
  const changed = (name: keyof PromotionLoad) => total[name] - before[name] + after[name]
  return { count: changed('count'), automatic: changed('automatic'), judged: changed('judged') }
}

/** Why promotions may not be so many, or null; making them fewer is never refused. */
export function loadRefusal(was: PromotionLoad, next: PromotionLoad): Refusal | null {
  const isMore = (name: keyof PromotionLoad, max: number) => next[name] > max && next[name] > was[name]
  if (isMore('count', PROMOTIONS_MAX)) return refuse('invalid', { path: '', reason: 'too_many_promotions', max: PROMOTIONS_MAX })
  if (isMore('automatic', AUTOMATIC_MAX))
    return refuse('invalid', { path: '/active', reason: 'too_many_active_without_code', max: AUTOMATIC_MAX })
  return isMore('judged', JUDGED_MAX)
    ? refuse('invalid', { path: '/conditions', reason: 'too_many_conditions_without_code', max: JUDGED_MAX })
    : null
}

/** Why a promotion cannot be (`invalid` or `currency_unknown`, with path and reason), or null. `id` is missing while it is new. */
export function promotionRefusal(promotion: Omit<Promotion, 'id'> & { readonly id?: string }): Refusal | null {
  const { startsAt, endsAt, cap, budget, perCustomer, conditions, benefit, id } = promotion
  if (startsAt !== null && endsAt !== null && endsAt <= startsAt) return invalid('/endsAt', 'not_after_start')
  if (cap !== null && benefit.kind === 'gift') return invalid('/cap', 'a_gift_has_no_cap')
  if (perCustomer?.within != null && !Number.isFinite(durationMs(perCustomer.within) ?? Number.NaN))
    return invalid('/perCustomer/within', 'not_a_duration')
  if (countOf(conditions) > CONDITIONS_MAX) return invalid('/conditions', 'too_many_conditions')
  return (
    amountsRefusal(cap ?? [], '/cap') ??
    amountsRefusal(budget ?? [], '/budget') ??
    firstOf(conditions, (condition, index) => conditionRefusal(condition, id, `/conditions/${index}`)) ??
    benefitRefusal(benefit, '/benefit')
  )
}

function invalid(path: string, reason: string): Refusal {
  return refuse('invalid', { path, reason })
}

function firstOf<T>(given: readonly T[], refusalOf: (each: T, index: number) => Refusal | null): Refusal | null {
  for (const [index, each] of given.entries()) {
    const refusal = refusalOf(each, index)
    if (refusal) return refusal
  }
  return null
}

function countOf(conditions: readonly Condition[]): number {
  return conditions.reduce((count, condition) => count + 1 + ('conditions' in condition ? countOf(condition.conditions) : 0), 0)
}

function amountsRefusal(amounts: readonly Money[], path: string): Refusal | null {
  return currenciesRefusal(
    amounts.map(({ currency }) => currency),
    (index) => `${path}/${index}/currency`,
  )
}

function currenciesRefusal(currencies: readonly string[], pathOf: (index: number) => string): Refusal | null {
  return firstOf(currencies, (currency, index) => {
    if (exponentOf(currency) === undefined) return refuse('currency_unknown', { path: pathOf(index), currency })
    return currencies.indexOf(currency) < index ? invalid(pathOf(index), 'currency_twice') : null
  })
}

// Conditions --------------------------------------------------------------------------------------------------------------------------

function conditionRefusal(condition: Condition, id: string | undefined, path: string): Refusal | null {
  switch (condition.kind) {
    case 'all':
    case 'any':
    case 'none':
      return firstOf(condition.conditions, (each, index) => conditionRefusal(each, id, `${path}/conditions/${index}`))
    case 'item_total':
      return itemTotalRefusal(condition, path)
    case 'quantity':
      return rangeRefusal(condition.atLeast, condition.atMost, path)
    case 'account':
      return condition.ids && condition.is === 'guest' ? invalid(`${path}/ids`, 'only_of_accounts') : null
    case 'currency':
      return currenciesRefusal(condition.currencies, (index) => `${path}/currencies/${index}`)
    case 'dates':
      if (condition.from === undefined && condition.until === undefined) return invalid(path, 'says_nothing')
      return condition.from !== undefined && condition.until !== undefined && condition.until <= condition.from
        ? invalid(`${path}/until`, 'not_after_start')
        : null
    case 'hours':
      return hoursRefusal(condition, path)
    case 'without': {
      const self = condition.promotions.indexOf(id ?? '')
      return self < 0 ? null : invalid(`${path}/promotions/${self}`, 'names_itself')
    }
    case 'code':
    case 'lines':
    case 'customer_group':
    case 'first_order':
    case 'country':
      return null
  }
}

function rangeRefusal(atLeast: number | undefined, atMost: number | undefined, path: string): Refusal | null {
  if (atLeast === undefined && atMost === undefined) return invalid(path, 'says_nothing')
  return atLeast !== undefined && atMost !== undefined && atMost < atLeast ? invalid(`${path}/atMost`, 'below_at_least') : null
}

function itemTotalRefusal({ atLeast, atMost }: Extract<Condition, { kind: 'item_total' }>, path: string): Refusal | null {
  if (!atLeast && !atMost) return invalid(path, 'says_nothing')
  const wrong = amountsRefusal(atLeast ?? [], `${path}/atLeast`) ?? amountsRefusal(atMost ?? [], `${path}/atMost`)
  if (wrong || !atLeast || !atMost) return wrong
  return firstOf(atMost, ({ currency, amount }, index) => {
    const least = atLeast.find((each) => each.currency === currency)
    return least && amount < least.amount ? invalid(`${path}/atMost/${index}/amount`, 'below_at_least') : null
  })
}

function hoursRefusal({ timeZone, weekdays, from, until }: Extract<Condition, { kind: 'hours' }>, path: string): Refusal | null {
  if (wallTime(timeZone, 0) === null) return invalid(`${path}/timeZone`, 'unknown_time_zone')
  if (!weekdays && from === undefined && until === undefined) return invalid(path, 'says_nothing')
  const begin = minutesOf(from ?? '00:00')
  const end = minutesOf(until ?? '24:00')
  if (begin === null || begin === 24 * 60) return invalid(`${path}/from`, 'not_a_quarter_hour')
  if (end === null) return invalid(`${path}/until`, 'not_a_quarter_hour')
  return begin === end ? invalid(`${path}/until`, 'equal_to_from') : null
}

// Benefits ----------------------------------------------------------------------------------------------------------------------------

function benefitRefusal(benefit: Benefit, path: string): Refusal | null {
  switch (benefit.kind) {
    case 'percent_off':
      return percentRefusal(benefit.percent, `${path}/percent`) ?? scopeRefusal(benefit, path)
    case 'amount_off':
      if (benefit.maxUnits !== undefined && benefit.on !== 'units') return invalid(`${path}/maxUnits`, 'only_on_units')
      return amountsRefusal(benefit.amounts, `${path}/amounts`) ?? scopeRefusal(benefit, path)
    case 'fixed_price':
    case 'bundle_price':
      return amountsRefusal(benefit.prices, `${path}/prices`)
    case 'buy_get':
      return percentRefusal(benefit.get.percent, `${path}/get/percent`)
    case 'tiered_percent':
      return (
        firstOf(benefit.tiers, ({ percent }, index) => percentRefusal(percent, `${path}/tiers/${index}/percent`)) ??
        tiersRefusal(benefit, path)
      )
    case 'free_shipping':
    case 'gift':
      return null
  }
}

function percentRefusal(percent: string, path: string): Refusal | null {
  // Of so large an amount the smallest decimal that is written shows.
  const whole = 100_000_000
  return percentOf(whole, percent, 'halfUp') > whole ? invalid(path, 'above_100') : null
}

function scopeRefusal({ on, of }: Extract<Benefit, { kind: 'percent_off' | 'amount_off' }>, path: string): Refusal | null {
  return on === 'shipping' && of ? invalid(`${path}/of`, 'shipping_has_no_lines') : null
}

function tiersRefusal({ by, tiers }: Extract<Benefit, { kind: 'tiered_percent' }>, path: string): Refusal | null {
  return firstOf(tiers, ({ from }, index) => {
    const at = `${path}/tiers/${index}/from`
    const before = tiers[index - 1]?.from
    if (typeof from === 'number') {
      if (by !== 'quantity') return invalid(at, 'amounts_expected')
      return typeof before === 'number' && from <= before ? invalid(at, 'not_ascending') : null
    }
    if (by !== 'item_total') return invalid(at, 'quantity_expected')
    const earlier = tiers.slice(0, index).flatMap((tier) => (typeof tier.from === 'number' ? [] : [...tier.from]))
    const isRising = ({ currency, amount }: Money) => earlier.every((each) => each.currency !== currency || each.amount < amount)
    return (
      amountsRefusal(from, at) ??
      firstOf(from, (each, place) => (isRising(each) ? null : invalid(`${at}/${place}/amount`, 'not_ascending')))
    )
  })
}
