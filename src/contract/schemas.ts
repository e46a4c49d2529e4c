// Pieces that every resource uses. Objects are closed at every depth: an unknown field is an error, not a surprise. Amounts are integers in
// minor units; limits are the same numbers as in core/cart.ts.
import Type from 'typebox'
import { LIMITS } from '../core/cart.ts'
import { AMOUNT_MAX } from '../core/money.ts'

/** Options of a closed object. */
export const CLOSED = { additionalProperties: false } as const

/** An integer amount in minor units, >= 0. */
export const Amount = Type.Integer({
  minimum: 0,
  maximum: AMOUNT_MAX,
  description: 'Integer minor units of the currency (1999 is 19.99 USD)',
})

/** A three-letter ISO 4217 code; whether it exists is checked against the ISO table. */
export const Currency = Type.String({ pattern: '^[A-Z]{3}$', description: 'ISO 4217 code' })

/** A rate in per cent. */
export const Percent = Type.String({ pattern: '^\\d{1,4}(\\.\\d{1,6})?$', description: 'A decimal string: "19", "7.7"' })

/** Which lane a promotion runs in. */
export const Lane = Type.Integer({ minimum: 0, maximum: 100 })

/** An amount with its currency; discounts are negative. */
export const Money = Type.Object({ amount: Type.Integer(), currency: Type.String() }, CLOSED)

/** The id of something. */
export const Id = Type.String({ minLength: 1, maxLength: 200, pattern: '^[A-Za-z0-9_:.@-]+$' })

/** The name of a shop in addresses. */
export const ShopId = Type.String({
  pattern: '^[a-z0-9][a-z0-9-]{0,62}$',
  description: 'Lower-case letters, digits and hyphens; never changes',
})

/** A sku. */
export const Sku = Type.String({ minLength: 1, maxLength: 255 })

/** A quantity that is added: at least one. */
export const AddedQuantity = Type.Integer({ minimum: 1, maximum: LIMITS.quantity, default: 1 })

/** A quantity that is set: 0 removes. */
export const SetQuantity = Type.Integer({ minimum: 0, maximum: LIMITS.quantity })

/** A line of text. */
export const Text = (maxLength: number) => Type.String({ maxLength })

/** A value or null. */
export const Nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])

/** One of these texts. (A union of mapped literals has no static type of its own.) */
export const OneOf = <const T extends readonly string[]>(values: T, options: { readonly description?: string } = {}) =>
  Type.Unsafe<T[number]>(
    Type.Union(
      values.map((value) => Type.Literal(value)),
      options,
    ),
  )

/** The name of a group of customers. */
export const CustomerGroup = Type.String({ minLength: 1, maxLength: LIMITS.group })

/** An e-mail address. */
export const Email = Type.String({ format: 'email', maxLength: 254 })

/** A language. */
export const LanguageTag = Type.String({
  pattern: '^[a-z]{2,3}(-[A-Z]{2})?$',
  description: 'BCP 47: a language, with a country if need be',
})

/** A country. */
export const Country = Type.String({ pattern: '^[A-Z]{2}$', description: 'ISO 3166-1 alpha-2' })
/** The buyer's VAT identification number; its form and check digit are checked besides. */
export const VatId = Type.String({ minLength: 1, maxLength: 30, description: 'Kept in upper case, without spaces, dots and hyphens' })

/** A postal address. */
export const Address = Type.Object(
  {
    name: Type.Optional(Text(200)),
    company: Type.Optional(Text(200)),
    line1: Type.Optional(Text(200)),
    line2: Type.Optional(Text(200)),
    city: Type.Optional(Text(200)),
    postalCode: Type.Optional(Text(40)),
    region: Type.Optional(Text(100)),
    country: Country,
    phone: Type.Optional(Text(50)),
  },
  CLOSED,
)

/** Chosen details of an item. At most 2 KB: 30 keys of 60 characters with values of 200 would be more, so the sum is checked as well. */
export const Options = Type.Record(
  Type.String({ pattern: '^.{1,60}$' }),
  Type.Union([Type.String({ maxLength: 500 }), Type.Number(), Type.Boolean()]),
  { maxProperties: 30 },
)

/** Free data of the shop on a cart. */
export const Attributes = Type.Record(
  Type.String({ pattern: '^.{1,60}$' }),
  Type.Union([Type.String({ maxLength: 2000 }), Type.Number(), Type.Boolean(), Type.Null()]),
  { maxProperties: 100 },
)

/** A page of a list. */
export const Page = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 50 })),
  after: Type.Optional(Type.String({ maxLength: 200 })),
}

/** A list as it is answered: `next` is the `after` of the next page, null at the end. */
export const ListOf = <T extends Type.TSchema>(item: T) => Type.Object({ items: Type.Array(item), next: Nullable(Type.String()) }, CLOSED)

/** An answer that something was not done: RFC 9457. The refusal's data stand beside these fields. */
export const Problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    code: Type.String({ description: 'What was refused; treat unknown codes as "other"' }),
    detail: Type.Optional(Type.String()),
    path: Type.Optional(Type.String({ description: 'JSON pointer to what is wrong' })),
    requestId: Type.String(),
  },
  { $id: 'Problem', additionalProperties: true },
)

/** Words of whoever changes an order; the customer may read them. */
export const Message = Type.String({ minLength: 1, maxLength: 2000 })
