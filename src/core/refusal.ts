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
  'refund_not_found',
  'product_not_found',
  'promotion_not_found',
  'shipping_method_not_found',
  'endpoint_not_found',
  'delivery_not_found',
  'api_key_not_found',
  'tax_rate_not_found',
  'line_not_found',
  'code_not_found',
  'secret_not_found',
  'link_invalid',
  'already_exists',
  'promotion_in_use',
  'idempotency_key_required',
  'idempotency_key_reused',
  'stale_version',
  'cart_closed',
  'cart_frozen',
  'multiple_carts_off',
  'merge_forbidden',
  'form_not_genuine',
  'invalid',
  'unknown_sku',
  'not_cartable',
  'unavailable',
  'options_invalid',
  'attributes_invalid',
  'amount_required',
  'amount_invalid',
  'plan_invalid',
  'custom_price_forbidden',
  'currency_unknown',
  'currency_mismatch',
  'no_price',
  'quantity_managed',
  'quantity_step',
  'quantity_too_small',
  'quantity_too_large',
  'too_many_lines',
  'code_already_applied',
  'too_many_codes',
  'code_rejected',
  'shipping_method_unavailable',
  'amount_too_large',
  'expected_price_required',
  'price_changed',
  'insufficient_stock',
  'cart_empty',
  'line_unavailable',
  'notice_unacknowledged',
  'email_required',
  'address_required',
  'shipping_method_required',
  'payment_method_unavailable',
  'code_exhausted',
  'cart_already_ordered',
  'order_state_forbids',
  'pieces_not_left',
  'refund_exceeds_payment',
  'refund_state_forbids',
  'shipping_unknown',
  'tax_unknown',
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

/** Exhaustive: a new code must decide. */
const TRANSIENT: Readonly<Record<RefusalCode, boolean>> = {
  login_required: false,
  invalid_token: false,
  missing_scope: false,
  owner_required: false,
  shop_not_found: false,
  cart_not_found: false,
  order_not_found: false,
  payment_not_found: false,
  refund_not_found: false,
  product_not_found: false,
  promotion_not_found: false,
  shipping_method_not_found: false,
  endpoint_not_found: false,
  delivery_not_found: false,
  api_key_not_found: false,
  tax_rate_not_found: false,
  line_not_found: false,
  code_not_found: false,
  secret_not_found: false,
  link_invalid: false,
  already_exists: false,
  promotion_in_use: false,
  idempotency_key_required: false,
  idempotency_key_reused: false,
  stale_version: false,
  cart_closed: false,
  cart_frozen: true,
  multiple_carts_off: false,
  merge_forbidden: false,
  form_not_genuine: false,
  invalid: false,
  unknown_sku: false,
  not_cartable: false,
  unavailable: false,
  options_invalid: false,
  attributes_invalid: false,
  amount_required: false,
  amount_invalid: false,
  plan_invalid: false,
  custom_price_forbidden: false,
  currency_unknown: false,
  currency_mismatch: false,
  no_price: false,
  quantity_managed: false,
  quantity_step: false,
  quantity_too_small: false,
  quantity_too_large: false,
  too_many_lines: false,
  code_already_applied: false,
  too_many_codes: false,
  code_rejected: false,
  shipping_method_unavailable: false,
  amount_too_large: false,
  expected_price_required: false,
  price_changed: false,
  insufficient_stock: true,
  cart_empty: false,
  line_unavailable: false,
  notice_unacknowledged: false,
  email_required: false,
  address_required: false,
  shipping_method_required: false,
  payment_method_unavailable: false,
  code_exhausted: false,
  cart_already_ordered: false,
  order_state_forbids: false,
  pieces_not_left: false,
  refund_exceeds_payment: false,
  refund_state_forbids: false,
  shipping_unknown: true,
  tax_unknown: true,
  provider_unavailable: true,
  event_not_genuine: false,
  rate_limited: true,
  overloaded: true,
  document_too_new: true,
}

/** Whether the same request may succeed later without anybody changing anything about it. */
export function isTransient(code: RefusalCode): boolean {
  return TRANSIENT[code]
}

/** A price that is no longer what was shown: what was expected, what it is now. */
export function priceChanged(expected: Money, current: Money): Refusal {
  return refuse('price_changed', { expected, current })
}
