// The statuses and the history of an order on the wire, and by what orders are found.
import Type from 'typebox'
import { Time } from './fulfilment.ts'
import { FulfilmentState, OrderState, PaymentState } from './order.ts'
import { Amount, CLOSED, Id, ListOf, Message, OneOf, Page, Text } from './schemas.ts'

const StatusId = Type.String({ minLength: 1, maxLength: 40 })

/** `POST /orders/{order}/status`. */
export const MoveStatus = Type.Object(
  {
    status: StatusId,
    message: Type.Optional(Message),
    suppressEmails: Type.Optional(Type.Boolean({ description: 'No e-mail is sent for this change' })),
  },
  CLOSED,
)

/** `GET /orders/{order}/status`: where the caller may move the order from here. */
export const StatusMoves = Type.Object(
  {
    status: Type.String(),
    state: OrderState,
    moves: Type.Array(
      Type.Object(
        {
          status: Type.String(),
          name: Type.String(),
          missing: Type.Array(OneOf(['shipment', 'payment', 'message']), { description: 'What has to be there first' }),
        },
        CLOSED,
      ),
    ),
  },
  CLOSED,
)

/** `GET /orders/{order}/history`. */
export const OrderHistory = ListOf(
  Type.Object(
    {
      id: Type.String(),
      version: Type.Integer({ description: 'The version of the order that it made, or found' }),
      at: Type.String(),
      actor: Type.String({ description: 'guest, account, system, provider, or a key: its kind, and for keys its id' }),
      action: Type.String(),
      message: Type.Union([Type.String(), Type.Null()]),
      state: Type.String(),
      status: Type.String(),
      paymentState: Type.String(),
      fulfilmentState: Type.String(),
      details: Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()], { description: 'For keys; null for customers' }),
    },
    CLOSED,
  ),
)

/**
 * `GET /orders`. Times are of placing, `from` inclusive and `to` exclusive; totals are in minor units. Without `view` and
 * `state`: those that were placed, cancelled ones included.
 */
export const ListOrders = Type.Object(
  {
    ...Page,
    view: Type.Optional(OneOf(['placed', 'unpaid', 'all'])),
    state: Type.Optional(OrderState),
    status: Type.Optional(StatusId),
    paymentState: Type.Optional(PaymentState),
    fulfilmentState: Type.Optional(FulfilmentState),
    number: Type.Optional(Text(64)),
    shortNumber: Type.Optional(Type.String({ pattern: '^[0-9a-f]{7}$' })),
    reference: Type.Optional(Text(100)),
    email: Type.Optional(Text(254)),
    cartId: Type.Optional(Id),
    provider: Type.Optional(Text(60)),
    from: Type.Optional(Time),
    to: Type.Optional(Time),
    currency: Type.Optional(Type.String({ pattern: '^[A-Z]{3}$', description: 'ISO 4217, in capitals' })),
    totalFrom: Type.Optional(Amount),
    totalTo: Type.Optional(Amount),
    account: Type.Optional(Id),
  },
  CLOSED,
)
