// Refunds on the wire, and cancelling and splitting of lines: what may be given back of an order, and what came of it.
import Type from 'typebox'
import { LIMITS } from '../core/cart.ts'
import { AMOUNT_MAX } from '../core/money.ts'
import { CLOSED, Id, Money, Nullable, OneOf } from './schemas.ts'

/** A refund as it is served. */
export const Refund = Type.Object(
  {
    id: Type.String(),
    groupId: Type.String({ description: 'The same for refunds asked for together, because one payment had not enough' }),
    paymentId: Type.String(),
    amount: Money,
    state: OneOf(['PENDING', 'SUCCEEDED', 'FAILED']),
    reason: Nullable(Type.String()),
    lines: Type.Array(Type.Object({ lineId: Type.String(), quantity: Type.Integer(), amount: Money, restocked: Type.Boolean() }, CLOSED)),
    shipping: Money,
    failure: Nullable(Type.String({ description: 'Why it failed: a code; the words are in the history of the order' })),
    by: OneOf(['guest', 'account', 'server', 'staff', 'system']),
    createdAt: Type.String(),
  },
  CLOSED,
)

/** An amount in minor units, above zero. */
const Part = Type.Integer({ minimum: 1, maximum: AMOUNT_MAX, description: 'Integer minor units of the currency of the order' })
const quantity = Type.Integer({ minimum: 1, maximum: LIMITS.quantity })
const pieces = { lineId: Id, quantity }
const lists = { minItems: 1, maxItems: LIMITS.lines }
const words = Type.String({ minLength: 1, maxLength: 500 })

/** `POST /orders/{order}/refunds`. */
export const CreateRefund = Type.Object(
  {
    lines: Type.Optional(
      Type.Array(Type.Object({ ...pieces, restock: Type.Optional(Type.Boolean()) }, CLOSED), {
        ...lists,
        description: 'Pieces of lines; each comes to its share of what was paid',
      }),
    ),
    shipping: Type.Optional(
      Type.Union([Type.Literal(true), Type.Object({ amount: Part }, CLOSED)], { description: '`true`: all that is left of it' }),
    ),
    amount: Type.Optional(Type.Integer({ minimum: 1, maximum: AMOUNT_MAX, description: 'A free amount, on top of lines and shipping' })),
    reason: Type.Optional(words),
    payment: Type.Optional(Id),
    restock: Type.Optional(
      Type.Boolean({ default: false, description: 'Whether pieces go back into stock where their line does not say' }),
    ),
  },
  { minProperties: 1, ...CLOSED },
)

/** What giving back answers. */
export const RefundAnswer = Type.Object({ order: Type.Ref('Order'), refund: Refund }, CLOSED)

/** `POST /orders/{order}/cancel`. Without `lines` the whole order. */
export const CancelOrder = Type.Object(
  {
    lines: Type.Optional(Type.Array(Type.Object(pieces, CLOSED), lists)),
    message: Type.Optional(words),
    refund: Type.Optional(OneOf(['full', 'none'])),
    restock: Type.Optional(Type.Boolean({ default: true })),
    force: Type.Optional(
      Type.Boolean({ description: 'Keys with balances:write only: also where recharges were spent; the balance is below zero then' }),
    ),
    quiet: Type.Optional(Type.Boolean({ description: 'Keys only: the customer gets no e-mail about it' })),
  },
  CLOSED,
)

/** `POST /orders/{order}/lines/{line}/split`: so many pieces become a line of their own. */
export const SplitLine = Type.Object({ quantity }, CLOSED)

/** What splitting answers. */
export const SplitAnswer = Type.Object({ order: Type.Ref('Order'), lineId: Type.String({ description: 'The new line' }) }, CLOSED)
