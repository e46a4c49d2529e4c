// Lines as they are asked for, in carts and in orders without a cart: what their schema cannot say is checked here, once.
import type Type from 'typebox'
import type { LineInput } from '../contract/cart.ts'
import { LIMITS, type LineRequest } from '../core/cart.ts'
import { refuse } from '../core/refusal.ts'
import { type Actor, hasScope } from '../engine/actor.ts'
import type { Randomness } from '../engine/ports.ts'
import { Refused } from './access.ts'

/**
 * Lines with an id for each: exactly one of sku and inline, prices only from keys that may set them, options of at most 2 KB. `path` is where
 * the list stands in the body; null when the body is the one line.
 */
export function lineRequests(
  actor: Actor,
  lines: readonly Type.Static<typeof LineInput>[],
  random: Randomness,
  path: string | null,
): LineRequest[] {
  const mayPrice = hasScope(actor, 'carts:custom_prices')
  return lines.map((line, index) => {
    const { quantity = 1, ...rest } = line
    const at = (field: string) => (path === null ? `/${field}` : `${path}/${index}/${field}`)
    if ((line.unitPrice !== undefined || line.inline !== undefined) && !mayPrice) {
      throw new Refused(refuse('custom_price_forbidden', { path: at(line.inline === undefined ? 'unitPrice' : 'inline') }))
    }
    if ((line.sku === undefined) === (line.inline === undefined))
      throw new Refused(refuse('invalid', { path: at('sku'), reason: 'exactly_one_of_sku_and_inline' }))
    if (line.options && JSON.stringify(line.options).length > LIMITS.optionsBytes) {
      throw new Refused(refuse('invalid', { path: at('options'), reason: 'too_large', max: LIMITS.optionsBytes }))
    }
    return { ...rest, quantity, id: random.id('ln') }
  })
}
