// Orders on the wire. `Order` describes what core/order.ts freezes, with the payments and refunds that belong to it.
import Type from 'typebox'
import { LIMITS } from '../core/cart.ts'
import { CartLine, details, LineInput, lineTaxes, Note, Owner, totals } from './cart.ts'
import { FULFILMENT_STEPS } from './fulfilment.ts'
import { Refund } from './refund.ts'
import { Address, Amount, Attributes, CLOSED, Currency, Email, Id, Money, Nullable, OneOf, Text, VatId } from './schemas.ts'

/** States of an order. */
export const OrderState = OneOf(['NEW', 'PLACED', 'COMPLETED', 'SUPERSEDED', 'EXPIRED', 'CANCELLED'])

/** How the money of an order stands. */
export const PaymentState = OneOf(['NONE', 'PENDING', 'AUTHORIZED', 'PARTIALLY_PAID', 'PAID', 'PARTIALLY_REFUNDED', 'REFUNDED', 'FAILED'])

/** How much of an order was handed over. */
export const FulfilmentState = OneOf(['UNFULFILLED', 'PARTIALLY_FULFILLED', 'FULFILLED'])

const Payment = Type.Object(
  {
    id: Type.String(),
    provider: Type.String(),
    state: OneOf(['OPENING', 'PENDING', 'AUTHORIZED', 'PAID', 'FAILED', 'CANCELLED', 'REFUNDED']),
    amount: Money,
    captured: Money,
    method: Nullable(Type.String({ description: 'The way to pay by hand that was chosen' })),
    instructions: Nullable(Type.String({ description: 'What the customer is told to do, as plain text' })),
    reference: Nullable(Type.String({ description: 'The words by which money that came by hand was found' })),
    paidAt: Nullable(Type.String()),
    reason: Nullable(Type.String()),
    createdAt: Type.String(),
    updatedAt: Type.String(),
  },
  CLOSED,
)

/** Pieces that go together, and what tells where they are. */
const Fulfilment = Type.Object(
  {
    id: Type.String(),
    state: OneOf(FULFILMENT_STEPS),
    lines: Type.Array(Type.Object({ lineId: Type.String(), quantity: Type.Integer() }, CLOSED)),
    carrier: Nullable(Type.String()),
    trackingNumber: Nullable(Type.String()),
    trackingUrl: Nullable(Type.String()),
    expectedAt: Nullable(Type.String()),
    shippedAt: Nullable(Type.String()),
    deliveredAt: Nullable(Type.String()),
    note: Nullable(Type.String({ description: 'The customer may read it' })),
    createdAt: Type.String(),
    updatedAt: Type.String(),
  },
  CLOSED,
)

/** A line of an order: frozen, with what became of its pieces. */
export const OrderLine = Type.Object(
  {
    ...CartLine.properties,
    cancelledQuantity: Type.Integer({ description: 'Pieces that will not be delivered' }),
    fulfilledQuantity: Type.Integer({ description: 'Pieces that were handed over' }),
    restockedQuantity: Type.Integer({ description: 'Pieces that went back into stock' }),
    taxCategory: Nullable(Type.String({ description: 'What it was taxed by when it was ordered' })),
    grams: Type.Integer({ description: 'What one piece weighed' }),
    taxes: Nullable(lineTaxes),
  },
  CLOSED,
)

/** An order as it is served. */
export const Order = Type.Object(
  {
    id: Type.String(),
    number: Nullable(Type.String()),
    shortNumber: Nullable(Type.String()),
    reference: Nullable(Type.String()),
    shopId: Type.String(),
    state: OrderState,
    paymentState: PaymentState,
    fulfilmentState: FulfilmentState,
    status: Type.String(),
    isCompleted: Type.Boolean({ description: 'True once placed' }),
    cartId: Nullable(Type.String()),
    whole: Type.Boolean({ description: 'Whether the whole cart was ordered' }),
    subscriptionId: Nullable(Type.String({ description: 'The subscription that it begins or goes on' })),
    subscriptionPeriod: Nullable(Type.Integer({ description: 'Which of its periods it is for' })),
    owner: Owner,
    currency: Type.String(),
    lines: Type.Array(OrderLine),
    ...details,
    ...totals,
    placedBy: OneOf(['guest', 'account', 'server', 'staff', 'system']),
    language: Nullable(Type.String({ description: 'In which the customer is written to (BCP 47)' })),
    version: Type.Integer(),
    revision: Type.Integer({ description: 'Rises with every edit of its content by staff' }),
    createdAt: Type.String(),
    updatedAt: Type.String(),
    orderedAt: Nullable(Type.String()),
    paidAt: Nullable(Type.String()),
    completedAt: Nullable(Type.String()),
    cancelledAt: Nullable(Type.String()),
    expiresAt: Nullable(Type.String()),
    paidTotal: Money,
    refundedTotal: Money,
    cancelledTotal: Money,
    outstandingTotal: Money,
    payments: Type.Array(Payment),
    fulfilments: Type.Array(Fulfilment),
    refunds: Type.Array(Refund),
  },
  { $id: 'Order', ...CLOSED },
)

/** What is to be paid, and where. */
export const PaymentToMake = Type.Object(
  { id: Type.String(), provider: Type.String(), token: Nullable(Type.String()), url: Nullable(Type.String()) },
  CLOSED,
)

/** What ordering answers. */
export const OrderAnswer = Type.Object(
  { order: Type.Ref('Order'), orderToken: Type.String(), payment: Nullable(PaymentToMake) },
  { $id: 'OrderAnswer', ...CLOSED },
)

const payment = Type.Object(
  {
    provider: Type.Optional(Text(60)),
    method: Type.Optional(Text(60)),
    returnUrl: Type.Optional(Type.String({ format: 'uri', maxLength: 2000, pattern: '^https?://' })),
  },
  CLOSED,
)

/** What may come with everything that is ordered. */
const ordering = {
  payment: Type.Optional(payment),
  expectedTotal: Type.Optional(Amount),
  attributes: Type.Optional(Attributes),
  note: Type.Optional(Note),
  withoutPayment: Type.Optional(
    Type.Boolean({ description: 'Place it at once, unpaid: where checkout.withoutPayment allows it, or by a key with orders:edit' }),
  ),
}

/** `POST /orders`: a cart (whole, or some `lines` of it), or `items` without a cart. */
export const CreateOrder = Type.Union([
  Type.Object(
    {
      cartId: Id,
      lines: Type.Optional(Type.Array(Id, { minItems: 1, maxItems: LIMITS.lines, uniqueItems: true })),
      ...ordering,
    },
    CLOSED,
  ),
  Type.Object(
    {
      items: Type.Array(LineInput, { minItems: 1, maxItems: LIMITS.linesPerRequest }),
      currency: Type.Optional(Currency),
      email: Type.Optional(Email),
      shippingAddress: Type.Optional(Address),
      billingAddress: Type.Optional(Address),
      shippingMethod: Type.Optional(Id),
      vatId: Type.Optional(VatId),
      codes: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 100 }), { maxItems: LIMITS.codes })),
      ...ordering,
    },
    CLOSED,
  ),
])

/** `POST /orders/{order}/payments`. */
export const CreatePayment = payment
