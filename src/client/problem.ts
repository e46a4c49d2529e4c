// What went wrong, as one class: a problem answer (RFC 9457) by its code, or no answer at all.
import type { RefusalCode } from '../core/refusal.ts'

/** Codes that are the client's own: nobody answered, the answer is not from Cartwright, or the caller ended the call. */
export type ClientCode = 'unreachable' | 'not_understood' | 'aborted'

/** Codes of answers that are no refusal of the domain. */
export type TransportCode = 'not_found' | 'method_not_allowed' | 'payload_too_large' | 'internal_error'

/** Every code an error of this client may have. */
export type ErrorCode = RefusalCode | TransportCode | ClientCode

/** A problem answer: the standard fields, and the data of its code beside them. */
export type Problem = { [Code in ErrorCode]: ProblemOf<Code> }[ErrorCode]

/** A problem of one code. */
export interface ProblemOf<Code extends ErrorCode> {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly code: Code
  readonly requestId?: string
  /** Where in what was sent (a JSON Pointer). */
  readonly path?: string
  readonly [datum: string]: unknown
}

/** A call that did not do what was asked. `message` is fit for a person who builds a shop; `problem.title` for one who shops there. */
export class CartwrightError extends Error {
  override readonly name = 'CartwrightError'
  readonly code: ErrorCode
  readonly status: number
  readonly problem: Problem

  constructor(problem: Problem, options?: ErrorOptions) {
    super(problem.path ? `${problem.title} (${problem.code} at ${problem.path})` : `${problem.title} (${problem.code})`, options)
    this.code = problem.code
    this.status = problem.status
    this.problem = problem
  }
}
