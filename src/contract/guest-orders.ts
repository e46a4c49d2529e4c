// Links to orders, finding an order, claiming those of a guest, and buying again, on the wire.
import Type from 'typebox'
import { CLOSED, Email, Id, Money, Nullable, OneOf } from './schemas.ts'

/** `POST /orders/{order}/links`. */
export const MakeOrderLink = Type.Object(
  {
    expiresIn: Type.Optional(
      Type.String({ maxLength: 40, description: 'ISO 8601 duration, at most orders.tokenTtl, which also holds without it' }),
    ),
  },
  CLOSED,
)

/** A link to an order: `url` is the shop's page of it, where the shop named one. */
export const OrderLink = Type.Object({ token: Type.String(), url: Nullable(Type.String()), expiresAt: Type.String() }, CLOSED)

/** `POST /orders/lookup`. */
export const LookUpOrder = Type.Object(
  {
    email: Email,
    number: Type.String({ minLength: 1, maxLength: 100, description: 'Number, short number or reference of the order' }),
  },
  CLOSED,
)

/** What looking an order up answers, whether there is one or not. */
export const LookedUp = Type.Object({ sent: Type.Literal(true) }, CLOSED)

/** `POST /orders/claim`. */
export const ClaimOrders = Type.Object(
  {
    tokens: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 200 }), {
        minItems: 1,
        maxItems: 20,
        uniqueItems: true,
        description: 'Order tokens: these orders; without them all with exactly the verified address',
      }),
    ),
    email: Type.Optional(Type.Unsafe<string>({ ...Email, description: 'From keys only: the address, which the shop has verified' })),
  },
  CLOSED,
)

/** What claiming came to. */
export const ClaimedOrders = Type.Object(
  {
    claimed: Type.Array(Type.String()),
    unclaimed: Type.Array(
      Type.Object({ orderId: Type.String(), reason: OneOf(['another_email', 'not_a_guests_order', 'not_placed']) }, CLOSED),
    ),
    more: Type.Boolean({ description: 'There are more: ask again' }),
  },
  CLOSED,
)

/** `POST /orders/{order}/reorder`. */
export const Reorder = Type.Object(
  {
    cart: Type.Optional(Id),
    mode: Type.Optional(OneOf(['add', 'replace'])),
  },
  CLOSED,
)

const ReorderedLine = Type.Object(
  {
    lineId: Type.String({ description: "The order's line" }),
    sku: Nullable(Type.String()),
    name: Type.String(),
    outcome: OneOf(['added', 'clamped', 'unavailable', 'skipped']),
    asked: Type.Integer({ description: 'Pieces that were bought and not cancelled' }),
    got: Type.Integer({ description: 'Pieces that the cart has more' }),
    code: Nullable(Type.String({ description: 'Why it is less' })),
    priceThen: Money,
    priceNow: Nullable(Money),
  },
  CLOSED,
)

/** The cart with what was bought again, and what became of every line of the order. */
export const Reordered = Type.Object({ cart: Type.Ref('Cart'), report: Type.Array(ReorderedLine) }, { $id: 'Reordered', ...CLOSED })
