// What is told of a fulfilment, as it is written. How it is served stands with the order.
import Type from 'typebox'
import { LIMITS } from '../core/cart.ts'
import { CLOSED, Id, Nullable, OneOf } from './schemas.ts'

/** States of a fulfilment. */
export const FULFILMENT_STEPS = ['PENDING', 'SHIPPED', 'DELIVERED', 'CANCELLED'] as const

/** A moment: no leap second, which is no moment to a clock. */
export const Time = Type.String({
  format: 'date-time',
  pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:[0-5]\\d(\\.\\d{1,9})?(Z|[+-]\\d\\d:\\d\\d)$',
  maxLength: 40,
  description: 'RFC 3339, such as 2026-01-31T12:00:00Z',
})
const Words = (maxLength: number) => Type.String({ minLength: 1, maxLength })

const details = {
  carrier: Type.Optional(Nullable(Words(100))),
  trackingNumber: Type.Optional(Nullable(Words(200))),
  trackingUrl: Type.Optional(Nullable(Type.String({ pattern: '^https?://', format: 'uri', maxLength: 2000 }))),
  expectedAt: Type.Optional(Nullable(Time)),
  shippedAt: Type.Optional(Nullable(Time)),
  note: Type.Optional(Nullable(Words(1000))),
}
const quiet = { suppressEmails: Type.Optional(Type.Boolean({ description: 'No e-mail is sent for this change' })) }

/** `POST /orders/{order}/fulfilments`; without `lines` everything that is left. */
export const CreateFulfilment = Type.Object(
  {
    state: Type.Optional(OneOf(['PENDING', 'SHIPPED', 'DELIVERED'])),
    lines: Type.Optional(
      Type.Array(Type.Object({ lineId: Id, quantity: Type.Integer({ minimum: 1, maximum: LIMITS.quantity }) }, CLOSED), {
        minItems: 1,
        maxItems: LIMITS.lines,
      }),
    ),
    ...details,
    ...quiet,
  },
  CLOSED,
)

/** `PATCH /orders/{order}/fulfilments/{fulfilment}`: what is named changes. */
export const PatchFulfilment = Type.Object(
  { state: Type.Optional(OneOf(FULFILMENT_STEPS)), ...details, ...quiet },
  { ...CLOSED, minProperties: 1 },
)
