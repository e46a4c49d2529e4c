// Everything that can be refused, in order of precedence: when several apply, the first in this list is the answer. A refusal is a request
// that was understood and will not be done; it is a value, never an exception, and it carries what a client needs to act. Wording and
// status codes live in `http/problem.ts`.
import type { Money } from './money.ts'

/** A refusal: `refused` is its code, the other fields are its data. */
export type Refusal = { readonly refused: RefusalCode; readonly path?: string } & Readonly<Record<string, unknown>>

/** All codes, by precedence: who is asking, what is addressed, its state, what was asked, money, stock, ordering, providers, load. */
export const REFUSALS = [
  'login_required',
  'invalid_token',
  'missing_scope',
  'owner_required',
  'shop_not_found',
  'cart_not_found',
  'order_not_found',
  'payment_not_found',
  'product_not_found',
  'promotion_not_found',
  'endpoint_not_found',
  'delivery_not_found',
  'api_key_not_found',
  'line_not_found',
  'code_not_found',
  'already_exists',
  'idempotency_key_required',
  'idempotency_key_reused',
  'stale_version',
  'cart_closed',
  'cart_frozen',
  'merge_forbidden',
  'invalid',
  'unknown_sku',
  'not_cartable',
  'unavailable',
  'options_invalid',
  'amount_required',
  'amount_invalid',
  'plan_invalid',
  'custom_price_forbidden',
  'currency_unknown',
  'currency_mismatch',
  'no_price',
  'quantity_step',
  'quantity_too_large',
  'too_many_lines',
  'code_already_applied',
  'too_many_codes',
  'code_rejected',
  'shipping_method_unavailable',
  'amount_too_large',
  'price_changed',
  'insufficient_stock',
  'cart_empty',
  'line_unavailable',
  'email_required',
  'address_required',
  'shipping_method_required',
  'payment_method_unavailable',
  'code_exhausted',
  'cart_already_ordered',
  'order_state_forbids',
  'provider_unavailable',
  'event_not_genuine',
  'rate_limited',
  'overloaded',
  'document_too_new',
] as const

/** One code of the list above. */
export type RefusalCode = (typeof REFUSALS)[number]

/** Makes a refusal. `data` is what a client needs to act on it. */
export function refuse(code: RefusalCode, data: Readonly<Record<string, unknown>> = {}): Refusal {
  return { ...data, refused: code }
}

/** Whether a result is a refusal. */
export function isRefusal(value: unknown): value is Refusal {
  return typeof value === 'object' && value !== null && 'refused' in value
}

/** Whether the same request may succeed later without anybody changing anything about it. Exhaustive: a new code must decide. */
export function isTransient(code: RefusalCode): boolean {
  switch (code) {
    case 'cart_frozen':
    case 'insufficient_stock':
    case 'provider_unavailable':
    case 'rate_limited':
    case 'overloaded':
    case 'document_too_new':
      return true
    case 'login_required':
    case 'invalid_token':
    case 'missing_scope':
    case 'owner_required':
    case 'shop_not_found':
    case 'cart_not_found':
    case 'order_not_found':
    case 'payment_not_found':
    case 'product_not_found':
    case 'promotion_not_found':
    case 'endpoint_not_found':
    case 'delivery_not_found':
    case 'api_key_not_found':
    case 'line_not_found':
    case 'code_not_found':
    case 'already_exists':
    case 'idempotency_key_required':
    case 'idempotency_key_reused':
    case 'stale_version':
    case 'cart_closed':
    case 'merge_forbidden':
    case 'invalid':
    case 'unknown_sku':
    case 'not_cartable':
    case 'unavailable':
    case 'options_invalid':
    case 'amount_required':
    case 'amount_invalid':
    case 'plan_invalid':
    case 'custom_price_forbidden':
    case 'currency_unknown':
    case 'currency_mismatch':
    case 'no_price':
    case 'quantity_step':
    case 'quantity_too_large':
    case 'too_many_lines':
    case 'too_many_codes':
    case 'code_already_applied':
    case 'code_rejected':
    case 'shipping_method_unavailable':
    case 'amount_too_large':
    case 'price_changed':
    case 'cart_empty':
    case 'line_unavailable':
    case 'email_required':
    case 'address_required':
    case 'shipping_method_required':
    case 'payment_method_unavailable':
    case 'code_exhausted':
    case 'cart_already_ordered':
    case 'order_state_forbids':
    case 'event_not_genuine':
      return false
  }
}

/** A price that is no longer what was shown: what was expected, what it is now. */
export function priceChanged(expected: Money, current: Money): Refusal {
  return refuse('price_changed', { expected, current })
}
