// Promotions and their codes on the wire.
import Type from 'typebox'
import { Amount, CLOSED, Currency, ListOf, Nullable, Percent } from './schemas.ts'

const Price = Type.Object({ currency: Currency, amount: Amount, listAmount: Type.Optional(Amount) }, CLOSED)
const Condition = Type.Union([
  Type.Object({ kind: Type.Literal('code') }, CLOSED),
  Type.Object({ kind: Type.Literal('item_total'), atLeast: Type.Array(Price, { minItems: 1, maxItems: 200 }) }, CLOSED),
  Type.Object({ kind: Type.Literal('quantity'), atLeast: Type.Integer({ minimum: 1, maximum: 1_000_000 }) }, CLOSED),
])
const Benefit = Type.Union([
  Type.Object({ kind: Type.Literal('percent_off'), percent: Percent }, CLOSED),
  Type.Object({ kind: Type.Literal('amount_off'), amounts: Type.Array(Price, { minItems: 1, maxItems: 200 }) }, CLOSED),
  Type.Object({ kind: Type.Literal('free_shipping') }, CLOSED),
])

const Uses = Type.Integer({ minimum: 0, maximum: 1_000_000_000 })

/** A promotion as it is written. Times are RFC 3339. */
export const PromotionInput = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 200 }),
    active: Type.Optional(Type.Boolean()),
    startsAt: Type.Optional(Nullable(Type.String({ format: 'date-time' }))),
    endsAt: Type.Optional(Nullable(Type.String({ format: 'date-time' }))),
    lane: Type.Optional(Type.Integer({ minimum: 0, maximum: 100 })),
    priority: Type.Optional(Type.Integer({ minimum: -1000, maximum: 1000 })),
    usesMax: Type.Optional(Nullable(Uses)),
    conditions: Type.Optional(Type.Array(Condition, { maxItems: 20 })),
    benefit: Benefit,
  },
  CLOSED,
)

/** A promotion as it is served; `uses` counts placed and unpaid orders. */
export const Promotion = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    active: Type.Boolean(),
    startsAt: Nullable(Type.String()),
    endsAt: Nullable(Type.String()),
    lane: Type.Integer(),
    priority: Type.Integer(),
    usesMax: Nullable(Type.Integer()),
    uses: Type.Integer(),
    conditions: Type.Array(Condition),
    benefit: Benefit,
  },
  { $id: 'Promotion', ...CLOSED },
)

/** `POST /promotions/{promotion}/codes`. */
export const CodeInput = Type.Object(
  { code: Type.String({ minLength: 1, maxLength: 100, pattern: '\\S' }), usesMax: Type.Optional(Nullable(Uses)) },
  CLOSED,
)

/** A code as it is listed. */
export const Code = Type.Object({ code: Type.String(), usesMax: Nullable(Type.Integer()), uses: Type.Integer() }, CLOSED)

/** Lists of the above. */
export const lists = { promotions: ListOf(Promotion), codes: ListOf(Code) }
