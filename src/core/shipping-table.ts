// What is wrong with a shop's table of shipping methods, before it is kept: what no schema can say, with the place of the fault.
import { exponentOf } from './currency.ts'
import { type Refusal, refuse } from './refusal.ts'
import type { ShippingMethod, ShippingRate } from './settings.ts'
import { postalCodeFault } from './zone.ts'

/** How many methods a shop may have. */
export const SHIPPING_METHODS_MAX = 100
/** How long a table may be as JSON, in characters: it is read by every node and compared in every price, and all of it is in the audit. */
const TABLE_MAX = 1_000_000

/** What the schema of a table cannot say; the refusal's path begins with `path`. */
export function methodsRefusal(methods: readonly ShippingMethod[], path: string): Refusal | null {
  const tooLarge = (reason: string, max: number) => refuse('invalid', { path, reason, max })
  if (methods.length > SHIPPING_METHODS_MAX) return tooLarge('too_many_methods', SHIPPING_METHODS_MAX)
  if (JSON.stringify(methods).length > TABLE_MAX) return tooLarge('table_too_large', TABLE_MAX)
  const ids = new Set<string>()
  for (const [index, method] of methods.entries()) {
    if (ids.has(method.id)) return refuse('invalid', { path: `${path}/${index}/id`, reason: 'duplicate_id', id: method.id })
    ids.add(method.id)
    for (const [each, rate] of method.rates.entries()) {
      const refused = rateRefusal(rate, `${path}/${index}/rates/${each}`)
      if (refused) return refused
    }
  }
  return null
}

function rateRefusal(rate: ShippingRate, path: string): Refusal | null {
  const invalid = (field: string, reason: string) => refuse('invalid', { path: `${path}/${field}`, reason })
  const { currency, countries, regions, postalCodes = [], by, steps, surcharges = [] } = rate
  if (exponentOf(currency) === undefined) return refuse('currency_unknown', { path: `${path}/currency`, currency })
  // The same region or code exists in many countries.
  if (!countries && regions) return invalid('regions', 'needs_countries')
  if (!countries && rate.postalCodes) return invalid('postalCodes', 'needs_countries')
  for (const [index, pattern] of postalCodes.entries()) {
    const fault = postalCodeFault(pattern)
    if (fault) return invalid(`postalCodes/${index}`, fault)
  }
  if (by !== undefined && !steps) return invalid('by', 'needs_steps')
  if (steps && by === undefined) return invalid('steps', 'needs_by')
  const behind = steps?.findIndex((step, index) => index > 0 && step.from <= (steps[index - 1]?.from ?? 0)) ?? -1
  if (behind >= 0) return invalid(`steps/${behind}/from`, 'steps_must_ascend')
  const twice = surcharges.findIndex(({ category }, index) => surcharges.findIndex((other) => other.category === category) < index)
  return twice >= 0 ? invalid(`surcharges/${twice}/category`, 'duplicate_category') : null
}
