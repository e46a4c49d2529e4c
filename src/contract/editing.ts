// Edits of placed orders on the wire: what staff may change, what an edit came to, and what orders were before.
import Type from 'typebox'
import { LIMITS } from '../core/cart.ts'
import { RECALCULATIONS } from '../core/editing.ts'
import { LineInput, Notice, totals } from './cart.ts'
import { Order } from './order.ts'
import { Address, Amount, Attributes, CLOSED, Email, Id, Nullable, OneOf, Options, SetQuantity, Text } from './schemas.ts'

const Note = Text(LIMITS.note)
const Language = Type.String({ pattern: '^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$', description: 'BCP 47' })
const Mode = OneOf(RECALCULATIONS)

const LineSetting = Type.Object(
  {
    lineId: Id,
    quantity: Type.Optional(SetQuantity),
    unitPrice: Type.Optional(Amount),
    note: Type.Optional(Nullable(Note)),
    options: Type.Optional(Options),
  },
  { ...CLOSED, description: 'quantity 0 removes it; unitPrice needs the scope carts:custom_prices' },
)

const changes = {
  lines: Type.Optional(
    Type.Object(
      {
        add: Type.Optional(Type.Array(LineInput, { minItems: 1, maxItems: LIMITS.linesPerRequest })),
        set: Type.Optional(Type.Array(LineSetting, { minItems: 1, maxItems: LIMITS.lines })),
        remove: Type.Optional(Type.Array(Id, { minItems: 1, maxItems: LIMITS.lines, uniqueItems: true })),
      },
      CLOSED,
    ),
  ),
  email: Type.Optional(Nullable(Email)),
  shippingAddress: Type.Optional(Nullable(Address)),
  billingAddress: Type.Optional(Nullable(Address)),
  shippingMethod: Type.Optional(Nullable(Id)),
  attributes: Type.Optional(Attributes),
  note: Type.Optional(Nullable(Note)),
  language: Type.Optional(Nullable(Language)),
}

/** `PATCH /orders/{order}`. */
export const EditOrder = Type.Object(
  {
    ...changes,
    recalculate: Type.Optional(Mode),
    expectedTotal: Type.Optional(Amount),
    message: Type.Optional(Text(500)),
    preview: Type.Optional(Type.Boolean({ description: 'Answer what it would come to, and write nothing' })),
  },
  CLOSED,
)

/** `POST /orders/{order}/recalculation`. */
export const Recalculation = Type.Object({ mode: Mode }, CLOSED)

const totalsChange = Type.Object(totals, { ...CLOSED, description: 'What it costs more, or less where negative, total by total' })

/** What an edit came to, or would come to. */
export const OrderEdited = Type.Object(
  {
    order: Type.Ref('Order'),
    difference: totalsChange,
    warnings: Type.Array(Notice),
    errors: Type.Array(
      Type.Object({ code: Type.String(), path: Type.Optional(Type.String()), message: Type.String() }, { additionalProperties: true }),
      { description: 'Of a preview: what stands in the way; an edit with errors is refused, and nothing is written' },
    ),
    applied: Type.Boolean({ description: 'false: a preview, nothing was written' }),
  },
  { $id: 'OrderEdited', ...CLOSED },
)

const Revision = Type.Object(
  {
    revision: Type.Integer({ description: 'The revision that the edit made' }),
    at: Type.String(),
    actor: Type.String(),
    message: Nullable(Type.String()),
    recalculate: Mode,
    difference: totalsChange,
  },
  CLOSED,
)

/** The edits of an order, the last one first. */
export const Revisions = Type.Object({ items: Type.Array(Revision), next: Nullable(Type.String()) }, CLOSED)

const {
  paidTotal: _paid,
  refundedTotal: _refunded,
  cancelledTotal: _cancelled,
  outstandingTotal: _outstanding,
  payments: _payments,
  refunds: _refunds,
  fulfilments: _fulfilments,
  ...kept
} = Order.properties

/** The order as it was in one revision, without its money and its fulfilments, which are not of a revision. */
export const OrderOfRevision = Type.Object(kept, CLOSED)
