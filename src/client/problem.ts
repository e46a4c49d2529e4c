// What went wrong, as one class: a problem answer (RFC 9457) by its code, or no answer at all.
import type { RefusalCode } from '../core/refusal.ts'
import type { Cart, Money } from './operations.ts'

/** Codes that are the client's own: nobody answered, nobody answered in time, the answer is not from Cartwright, or the caller ended the call. */
export type ClientCode = 'unreachable' | 'timed_out' | 'not_understood' | 'aborted'

/** Codes of answers that are no refusal of the domain: no such address, a body that is none, one too large, one of another kind, a fault. */
export type TransportCode = 'not_found' | 'malformed' | 'too_large' | 'unsupported_media_type' | 'fault'

/** Every code an error of this client may have. A newer server may answer others: let the last branch of a `switch` show `problem.title`. */
export type ErrorCode = RefusalCode | TransportCode | ClientCode

/** What a recharge product accepts, in minor units of `currency`. */
interface AcceptedAmounts {
  readonly presets: readonly number[]
  readonly allowCustom: boolean
  readonly min: number | null
  readonly max: number | null
  readonly step: number | null
  readonly currency: string
}

/** Data that is known to come with a code. What is optional comes where it applies. Quantities are pieces, amounts are minor units, waits are seconds. */
interface DataByCode {
  readonly unknown_sku: { readonly sku: string | null }
  readonly unavailable: { readonly sku: string }
  readonly not_cartable: { readonly sku: string; readonly kind: string; readonly buyUrl?: string | null }
  readonly amount_required: AcceptedAmounts
  readonly amount_invalid: Partial<AcceptedAmounts> & { readonly amount?: number; readonly reason?: string }
  readonly plan_invalid: { readonly sku?: string; readonly plans?: readonly string[] }
  readonly currency_mismatch: { readonly cartCurrency: string; readonly currencies: readonly string[]; readonly sku?: string }
  readonly no_price: { readonly sku: string; readonly currency: string; readonly quantity: number; readonly quantityFrom?: number }
  readonly quantity_step: { readonly step: number; readonly asked: number }
  readonly quantity_too_small: { readonly min: number; readonly asked: number }
  readonly quantity_too_large: { readonly max: number; readonly asked?: number }
  readonly too_many_lines: { readonly max: number }
  readonly too_many_codes: { readonly max: number }
  readonly code_already_applied: { readonly promotionCode: string }
  readonly code_rejected: { readonly reason?: string }
  readonly code_exhausted: { readonly promotionCode: string; readonly reason: string }
  readonly price_changed: {
    readonly expected: Money
    readonly current: Money
    readonly sku?: string
    readonly lineId?: string
    readonly cart?: Cart
  }
  readonly insufficient_stock: { readonly sku: string; readonly asked: number; readonly available: number }
  readonly line_unavailable: { readonly lineId: string; readonly sku: string | null }
  readonly notice_unacknowledged: { readonly noticeId: string; readonly noticeCode: string }
  readonly shipping_method_unavailable: { readonly shippingMethod: string; readonly available: readonly string[] }
  readonly payment_method_unavailable: { readonly asked?: string | null; readonly available?: readonly string[]; readonly reason?: string }
  readonly balance_insufficient: { readonly asked: number; readonly available: number; readonly currency: string }
  readonly stale_version: { readonly expected: number; readonly current: number }
  readonly cart_closed: {
    readonly cartId: string
    readonly closedReason: string | null
    readonly mergedInto: string | null
    readonly orderId: string | null
  }
  readonly cart_frozen: { readonly cartId: string }
  readonly cart_already_ordered: { readonly orderId: string }
  readonly subscription_exists: { readonly subscriptionId: string; readonly state: string; readonly orderId: string | null }
  readonly order_state_forbids: { readonly state?: string | null; readonly action?: string; readonly reason?: string }
  readonly merge_forbidden: { readonly reason: string }
  readonly invalid: { readonly reason?: string }
}

/** Something that stands in the way of an order, told with all the others. */
export interface Blocker {
  readonly code: RefusalCode
  readonly message: string
  readonly path?: string
  readonly [datum: string]: unknown
}

/** What every problem may say, whatever its code. */
interface StandardProblem<Code extends string> {
  readonly type: string
  /** For the shopper, in the language that was asked for. */
  readonly title: string
  /** The status of the answer; 0 where there was none. */
  readonly status: number
  readonly code: Code
  /** To find it in the logs of the server. */
  readonly requestId?: string
  /** Where in what was sent (a JSON Pointer). */
  readonly path?: string
  /** Seconds after which the same call may go well. */
  readonly retryAfter?: number
  /** Everything that stands in the way of an order, the first of which is this problem. */
  readonly blockers?: readonly Blocker[]
  readonly [datum: string]: unknown
}

/** A problem of one code: the standard fields, and the data of its code beside them. */
export type ProblemOf<Code extends ErrorCode> = StandardProblem<Code> & (Code extends keyof DataByCode ? DataByCode[Code] : unknown)

/** A problem answer, told apart by `code`. */
export type Problem = { [Code in ErrorCode]: ProblemOf<Code> }[ErrorCode]

/** A call that did not do what was asked. `message` is fit for a person who builds a shop; `problem.title` for one who shops there. */
export class CartwrightError extends Error {
  override readonly name = 'CartwrightError'
  readonly code: ErrorCode
  /** The status of the answer; 0 where there was none. */
  readonly status: number
  readonly problem: Problem

  constructor(problem: Problem, options?: ErrorOptions) {
    super(problem.path ? `${problem.title} (${problem.code} at ${problem.path})` : `${problem.title} (${problem.code})`, options)
    this.code = problem.code
    this.status = problem.status
    this.problem = problem
  }
}

/** What stands between us and the server answered in its place. */
export const NOT_OURS = 'The answer is not from Cartwright.'

/** What went wrong on the caller's side, where no problem was answered: its status is 0. */
export function ownError(code: ClientCode, title: string, cause?: unknown): CartwrightError {
  return new CartwrightError({ type: 'about:blank', title, status: 0, code } as Problem, { cause })
}

/** The caller ended it, or it was for somebody who left. */
export function ended(cause?: unknown): CartwrightError {
  return ownError('aborted', 'The call ended.', cause)
}
