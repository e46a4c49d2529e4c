// Refusals as RFC 9457 problems: which status and which words, in one table (other languages than English: `messages.ts`). A refusal's data goes
// along, so that a client can act on it.
import type { LineResult } from '../core/cart.ts'
import type { PricedCart } from '../core/pricing.ts'
import { isTransient, type Refusal, type RefusalCode } from '../core/refusal.ts'
import { type Language, TITLES, told } from './messages.ts'

/** The status and the title of every refusal. */
const PROBLEMS: Readonly<Record<RefusalCode, readonly [status: number, title: string]>> = {
  login_required: [401, 'This needs a token: log in, or send a server or staff key that may do it.'],
  invalid_token: [401, 'The token is not valid here: unknown, revoked, expired or made for another shop.'],
  missing_scope: [403, 'The key is genuine but lacks the scope for this.'],
  owner_required: [400, 'A server or staff key must say whose cart is meant: add ?account=<id>, or use the cart id.'],
  shop_not_found: [404, 'There is no such shop.'],
  cart_not_found: [404, 'There is no such cart, or it is not yours. Forget its token and begin a new one.'],
  order_not_found: [404, 'There is no such order, or it is not yours.'],
  payment_not_found: [404, 'There is no such payment of this order.'],
  payment_provider_not_found: [404, 'There is no such payment provider here, or it needs no account.'],
  fulfilment_not_found: [404, 'There is no such fulfilment of this order.'],
  refund_not_found: [404, 'There is no such refund of this order.'],
  subscription_not_found: [404, 'There is no such subscription, or it is not yours.'],
  product_not_found: [404, 'There is no such product or stock.'],
  promotion_not_found: [404, 'There is no such promotion.'],
  shipping_method_not_found: [404, 'There is no such shipping method in this shop.'],
  endpoint_not_found: [404, 'There is no such webhook endpoint.'],
  delivery_not_found: [404, 'There is no such delivery.'],
  email_not_found: [404, 'There is no such e-mail in the log of this shop.'],
  email_template_not_found: [404, 'The shop has no template of its own for this kind, status and language.'],
  email_template_invalid: [422, 'The template cannot be read; nothing was saved. The reason says what is wrong, line and column where.'],
  email_unavailable: [409, 'This e-mail cannot be sent; the reason says why.'],
  api_key_not_found: [404, 'There is no such key, or it was revoked already.'],
  tax_rate_not_found: [404, 'This shop has no such tax rate.'],
  line_not_found: [404, 'The cart or the order has no such line.'],
  code_not_found: [404, 'The cart has no such code.'],
  secret_not_found: [404, 'This guest has no such secret, or it was revoked already.'],
  link_invalid: [410, 'This link is not valid: changed, expired, or made for something else. Ask for a new one.'],
  already_exists: [409, 'Something with this name exists already.'],
  promotion_in_use: [409, 'Orders use this promotion or code, so it cannot be deleted. Deactivate it instead.'],
  idempotency_key_required: [
    422,
    'Without a token, or where a secret is answered, the Idempotency-Key must be a UUID or another random value of 128 bits.',
  ],
  idempotency_key_reused: [422, 'This Idempotency-Key was used for another request. Use a new key for a new request.'],
  stale_version: [412, 'It changed since you read it; nothing was done. Read it again and repeat.'],
  cart_closed: [409, 'The cart is closed and cannot be changed any more. Begin a new one.'],
  cart_frozen: [409, 'The cart is being paid and cannot be changed until that is over.'],
  multiple_carts_off: [
    409,
    'This shop has one open cart per owner and type (cart.multiple is off), so there is none to switch to or to forget.',
  ],
  merge_forbidden: [
    409,
    'This merge is not allowed; nothing was done. Guest carts go into the cart of an account of the same type; the reason says what does not fit.',
  ],
  claim_forbidden: [
    403,
    'These orders are not given to you; nothing was done. Orders of guests go to an account whose e-mail address its issuer says is verified, where the shop allows it.',
  ],
  form_not_genuine: [403, 'The form was not sent from a page of this shop: its origin or its token does not fit. Load the page again.'],
  invalid: [422, 'The request is not valid; nothing was done.'],
  unknown_sku: [422, 'There is no such sku in this shop.'],
  not_cartable: [422, 'This product cannot be put into a cart.'],
  unavailable: [422, 'This product is not for sale now.'],
  options_invalid: [422, 'These options are not valid for this product.'],
  attributes_invalid: [422, 'These attributes do not fit the schema of this shop.'],
  amount_required: [422, 'This product needs an amount: one of the presets or, where allowed, your own.'],
  amount_invalid: [422, 'This amount is not accepted for this product.'],
  plan_invalid: [422, 'This product is sold by plans: name one of them. Other products have none.'],
  plan_not_alone: [422, 'A plan is ordered on its own: one line, nothing else, and no codes.'],
  custom_price_forbidden: [422, 'Prices come from the catalogue. Only a server key with the scope carts:custom_prices may set one.'],
  currency_unknown: [422, 'This is not an ISO 4217 currency code.'],
  currency_mismatch: [409, 'The cart has another currency than this product is sold in.'],
  no_price: [409, 'This product has no price in this currency for so many pieces, so it cannot be sold like that.'],
  quantity_managed: [403, 'Quantities are managed by the shop: add or remove items instead of setting a quantity.'],
  quantity_step: [422, 'This product is sold in multiples only.'],
  quantity_too_small: [422, 'This product is sold from a larger quantity on.'],
  quantity_too_large: [422, 'This is more than one line may hold.'],
  too_many_lines: [422, 'The cart has as many lines as it may have.'],
  code_already_applied: [409, 'This code is on the cart already.'],
  too_many_codes: [422, 'The cart has as many codes as it may have. Remove one first.'],
  code_rejected: [422, 'This code cannot be used.'],
  shipping_method_unavailable: [409, 'This shipping method is not available for this address and currency.'],
  amount_too_large: [422, 'The sum is larger than can be computed exactly.'],
  expected_price_required: [422, 'This shop wants to know the price that the shopper saw: send expectedUnitPrice with every line.'],
  price_changed: [409, 'The price is not what was expected. Show the new one and repeat with expectedTotal to consent.'],
  insufficient_stock: [409, 'There are not enough of this product.'],
  cart_empty: [409, 'The cart is empty.'],
  line_unavailable: [409, 'A line is not for sale any more. Remove it first.'],
  notice_unacknowledged: [409, 'A notice must be acknowledged before ordering.'],
  email_required: [409, 'An e-mail address is missing.'],
  address_required: [409, 'An address is missing: the path says which one.'],
  shipping_method_required: [409, 'A shipping method is missing.'],
  payment_method_unavailable: [409, 'This payment method is not available.'],
  balance_insufficient: [409, 'The balance does not suffice; `available` says how much there is. Nothing was done.'],
  code_exhausted: [409, 'This code was used up by somebody else just now. Remove it and look at the new total.'],
  cart_already_ordered: [409, 'This cart was ordered already.'],
  subscription_exists: [409, 'The account has this subscription already, or is about to pay for it.'],
  subscription_state_forbids: [409, 'The subscription is in a state that does not allow this.'],
  order_state_forbids: [409, 'The order does not allow this now; `state` or `reason` says why.'],
  payment_state_forbids: [409, 'The payment does not allow this now; `state` or `reason` says why.'],
  status_move_forbidden: [
    409,
    'The order cannot get this status now: "allowed" says which it can get, "missing" what has to be there first.',
  ],
  fulfilment_too_large: [409, 'Fewer pieces are left to be handed over; nothing was done. "available" says how many.'],
  pieces_not_left: [409, 'The line has fewer pieces left for this than were asked for; `left` says how many. Nothing was done.'],
  refund_exceeds_payment: [409, 'This is more than is left to give back; `left` says how much that is. Nothing was done.'],
  refund_state_forbids: [409, 'Only a refund that failed can be tried again.'],
  shipping_unknown: [503, 'What shipping costs cannot be told at the moment; nothing was done. Try again.'],
  tax_unknown: [503, 'What taxes are owed cannot be told at the moment; nothing was done. Try again.'],
  provider_unavailable: [502, 'The payment provider does not answer. Repeat the same request: it goes on where it stopped.'],
  event_not_genuine: [400, 'The message is not genuine: its signature does not fit.'],
  rate_limited: [429, 'Too many attempts. Wait a little.'],
  overloaded: [503, 'Too much to do right now; nothing was done. Try again.'],
  database_unavailable: [
    503,
    'The database cannot be reached right now, or has no space left. Repeat the request; a write with the same Idempotency-Key.',
  ],
  document_too_new: [503, 'The cart was written by a newer version of this software. Try again on a newer node.'],
}

/** What a 503 says when nobody knows how long it will take. */
const UNKNOWN_WAIT_S = 30

/** A problem as it is sent. */
export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly code: string
  readonly requestId: string
}

/** A refusal in words. What is not valid is told with its place, its reason and, where there is one, an example of what would be. */
function titleOf({ refused, path, reason, example }: Refusal, language: Language): string {
  if (refused === 'invalid' && language === 'en' && typeof reason === 'string') {
    const where = typeof path === 'string' && path !== '' ? path : 'the body'
    const such = typeof example === 'string' ? ` (such as ${example})` : ''
    return `The request is not valid: ${where}: ${reason.replaceAll('_', ' ')}${such}. Nothing was done.`
  }
  return language === 'en' ? PROBLEMS[refused][1] : TITLES[language][refused]
}

/** A refusal inside an answer: what the house calls `refused` is `code` on the wire; `message` says it in words. */
export function namedRefusal(
  refusal: Refusal,
  language: Language,
): { code: string; path?: string; message: string } & Record<string, unknown> {
  const { refused, ...data } = refusal
  const named = { code: refused, message: titleOf(refusal, language) }
  return { ...named, ...data, ...named }
}

/** A line's result as it is sent. */
export function namedResult(result: LineResult, language: Language): Record<string, unknown> {
  return result.detail ? { ...result, detail: namedRefusal(result.detail, language) } : { ...result }
}

/** A refusal as a problem. Its data stands beside the standard fields; `refused` becomes `code`. */
export function problemOf(refusal: Refusal, requestId: string, language: Language): Problem & Readonly<Record<string, unknown>> {
  const { refused, ...data } = refusal
  const [status] = PROBLEMS[refused]
  const parts = {
    ...('blockers' in data ? { blockers: (data.blockers as readonly Refusal[]).map((each) => namedRefusal(each, language)) } : {}),
    ...('errors' in data ? { errors: (data.errors as readonly Refusal[]).map((each) => namedRefusal(each, language)) } : {}),
    ...('results' in data ? { results: (data.results as readonly LineResult[]).map((each) => namedResult(each, language)) } : {}),
    ...('cart' in data ? { cart: told(data.cart as PricedCart, language) } : {}),
  }
  // The standard fields come first for readers, and once more last, so that no data can take their place.
  const standard = { type: `urn:cartwright:problem:${refused}`, title: titleOf(refusal, language), status, code: refused, requestId }
  return { ...standard, ...data, ...parts, ...standard }
}

/** A problem that is no refusal of ours: a malformed message, or a fault. */
export function plainProblem(
  status: number,
  code: string,
  title: string,
  requestId: string,
  data: Readonly<Record<string, unknown>> = {},
): Problem {
  return { type: `urn:cartwright:problem:${code}`, title, status, code, ...data, requestId }
}

/** Seconds after which a transient refusal may be repeated, or null. */
export function retryAfter(refusal: Refusal): number | null {
  if (!isTransient(refusal.refused)) return null
  if (typeof refusal.retryAfter === 'number') return refusal.retryAfter
  return PROBLEMS[refusal.refused][0] === 503 ? UNKNOWN_WAIT_S : null
}

/** All problems with their status, for the documentation. */
export function problemTable(): { code: string; status: number; title: string }[] {
  return Object.entries(PROBLEMS).map(([code, [status, title]]) => ({ code, status, title }))
}
