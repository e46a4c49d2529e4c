// What an HTML form may contain. Everything in a form is text; quantities are decimal digits and become numbers behind this schema. Unknown fields
// are ignored at the top, where browsers send buttons and shops keep fields of their own, and refused inside `purchasables` and `lineItems`.
import Type from 'typebox'
import { LIMITS } from '../core/cart.ts'
import { CLOSED, Nullable, Sku, Text } from './schemas.ts'

const Quantity = Type.String({ pattern: '^[0-9]{1,5}$', description: 'A whole number from 0 to 99999' })
const Note = Text(LIMITS.note)
const Options = Type.Record(Type.String({ pattern: '^.{1,60}$' }), Text(500), { ...CLOSED, maxProperties: 30 })
/** A button or a box: anything but nothing and `0` is yes. */
const Yes = Text(200)

/** Fields that every form may have. */
const common = {
  csrf: Type.Optional(Text(200)),
  nonce: Type.Optional(Type.String({ maxLength: 200, description: 'From GET /forms/cart: a form that is sent twice counts once' })),
  redirect: Type.Optional(
    Type.String({ maxLength: 2000, description: 'Where to go after success: a path, or an origin of links.redirectOrigins' }),
  ),
}

const Purchasable = Type.Object(
  {
    id: Type.Optional(Text(255)),
    sku: Type.Optional(Text(255)),
    qty: Type.Optional(Quantity),
    note: Type.Optional(Note),
    options: Type.Optional(Options),
  },
  CLOSED,
)

const LineItem = Type.Object(
  { qty: Type.Optional(Quantity), remove: Type.Optional(Yes), note: Type.Optional(Note), options: Type.Optional(Options) },
  CLOSED,
)

/** `POST /forms/cart`: clearing, lines, additions, code, note and e-mail, in this order, all or nothing. */
export const CartForm = Type.Object(
  {
    ...common,
    purchasableId: Type.Optional(Sku),
    sku: Type.Optional(Sku),
    qty: Type.Optional(Type.String({ pattern: '^[1-9][0-9]{0,4}$', description: 'A whole number from 1 to 99999; 1 if absent' })),
    options: Type.Optional(Options),
    note: Type.Optional(Type.String({ maxLength: LIMITS.note, description: 'Of the product that is added; without one, of the cart' })),
    purchasables: Type.Optional(
      Type.Record(Type.String({ pattern: '^.{1,100}$' }), Purchasable, { ...CLOSED, maxProperties: LIMITS.linesPerRequest }),
    ),
    lineItems: Type.Optional(
      Type.Record(Type.String({ pattern: '^[A-Za-z0-9_]{1,100}$' }), LineItem, { ...CLOSED, maxProperties: LIMITS.lines }),
    ),
    clearLineItems: Type.Optional(Yes),
    couponCode: Type.Optional(Type.String({ maxLength: 100, description: 'Empty removes every code' })),
    email: Type.Optional(Type.Union([Type.Literal(''), Type.String({ format: 'email', maxLength: 254 })])),
    cartUpdatedNotice: Type.Optional(Text(200)),
  },
  { additionalProperties: true },
)

/** `POST /forms/load-cart`. */
export const LoadCartForm = Type.Object({ ...common, number: Type.Optional(Text(64)) }, { additionalProperties: true })

/** `POST /forms/session`. */
export const SessionForm = Type.Object({ ...common, logout: Type.Optional(Yes) }, { additionalProperties: true })

/** `GET /forms/cart`. */
export const FormsCart = Type.Object(
  {
    cart: Type.Ref('Cart'),
    flash: Type.Object(
      {
        notice: Nullable(Type.String()),
        error: Nullable(
          Type.Object(
            { text: Type.String(), code: Type.String(), field: Nullable(Type.String({ description: 'The name of the field' })) },
            CLOSED,
          ),
        ),
      },
      { ...CLOSED, description: 'What the last form came to: told once' },
    ),
    csrf: Type.String({ description: 'The hidden field `csrf` of every form; good for 24 hours' }),
    nonce: Type.String({ description: 'The hidden field `nonce`, if a form that is sent twice shall count once' }),
  },
  CLOSED,
)
