// Promotions and their codes on the wire. Conditions are a tree of at most four levels; what a schema cannot say (a currency named twice, tiers that do
// not rise) is in core/promotion-refusal.ts. Times are RFC 3339.
import Type from 'typebox'
import { LIMITS } from '../core/cart.ts'
import { Amount, CLOSED, Currency, Id, Lane, ListOf, Nullable, OneOf, Percent, Sku } from './schemas.ts'

const LEVELS = 4
const list = <T extends Type.TSchema>(item: T, maxItems = 200) => Type.Array(item, { minItems: 1, maxItems })
const names = (maxLength: number) => list(Type.String({ minLength: 1, maxLength }))

const Amounts = Type.Array(Type.Object({ currency: Currency, amount: Amount }, CLOSED), {
  minItems: 1,
  maxItems: 200,
  description: 'One amount per currency; in a currency that is missing it does not hold or apply',
})
const Time = Type.String({ format: 'date-time' })
const Pieces = Type.Integer({ minimum: 1, maximum: LIMITS.quantity })
const Count = Type.Integer({ minimum: 0, maximum: 1_000_000_000 })

const listsOfLines = {
  skus: Type.Optional(list(Sku)),
  products: Type.Optional(names(255)),
  categories: Type.Optional(names(255)),
  tags: Type.Optional(names(255)),
}
const LineFilter = Type.Object(
  { ...listsOfLines, except: Type.Optional(Type.Object(listsOfLines, { ...CLOSED, minProperties: 1 })) },
  {
    ...CLOSED,
    minProperties: 1,
    description: 'Lines that are in every list that is given and in none of the lists of `except`; `products` are ids or handles',
  },
)
const of = Type.Optional(LineFilter)
const kind = <const T extends string>(name: T) => Type.Literal(name)

const conditionKinds = [
  Type.Object({ kind: kind('code') }, CLOSED),
  Type.Object({ kind: kind('item_total'), atLeast: Type.Optional(Amounts), atMost: Type.Optional(Amounts), of }, CLOSED),
  Type.Object({ kind: kind('quantity'), atLeast: Type.Optional(Count), atMost: Type.Optional(Count), of }, CLOSED),
  Type.Object({ kind: kind('lines'), of: LineFilter, every: Type.Optional(Type.Boolean()) }, CLOSED),
  Type.Object({ kind: kind('customer_group'), groups: names(100) }, CLOSED),
  Type.Object({ kind: kind('account'), is: OneOf(['account', 'guest']), ids: Type.Optional(list(Id)) }, CLOSED),
  Type.Object({ kind: kind('first_order') }, CLOSED),
  Type.Object({ kind: kind('country'), countries: list(Type.String({ pattern: '^[A-Z]{2}$' })) }, CLOSED),
  Type.Object({ kind: kind('currency'), currencies: list(Currency) }, CLOSED),
  Type.Object({ kind: kind('dates'), from: Type.Optional(Time), until: Type.Optional(Time) }, CLOSED),
  Type.Object(
    {
      kind: kind('hours'),
      timeZone: Type.String({ minLength: 1, maxLength: 60, description: 'IANA name: "Europe/Berlin"' }),
      weekdays: Type.Optional(Type.Array(Type.Integer({ minimum: 1, maximum: 7 }), { minItems: 1, maxItems: 7, uniqueItems: true })),
      from: Type.Optional(Type.String({ maxLength: 5, description: 'HH:MM, whole quarter hours' })),
      until: Type.Optional(Type.String({ maxLength: 5, description: 'HH:MM, not included; before `from` it is the next day' })),
    },
    CLOSED,
  ),
  Type.Object({ kind: kind('without'), promotions: list(Id) }, CLOSED),
] as const

/** Conditions down to so many levels. Written out and not recursive, so that no request is deeper than what is judged. */
function conditionOf(levels: number): Type.TSchema {
  const inside =
    levels > 1 ? [Type.Object({ kind: OneOf(['all', 'any', 'none']), conditions: list(conditionOf(levels - 1), 20) }, CLOSED)] : []
  return Type.Union([...conditionKinds, ...inside])
}

const Benefit = Type.Union([
  Type.Object({ kind: kind('percent_off'), percent: Percent, on: Type.Optional(OneOf(['order', 'lines', 'shipping'])), of }, CLOSED),
  Type.Object(
    {
      kind: kind('amount_off'),
      amounts: Amounts,
      on: Type.Optional(OneOf(['order', 'lines', 'units', 'shipping'])),
      of,
      maxUnits: Type.Optional(Pieces),
    },
    CLOSED,
  ),
  Type.Object({ kind: kind('fixed_price'), prices: Amounts, of, maxUnits: Type.Optional(Pieces) }, CLOSED),
  Type.Object({ kind: kind('free_shipping'), methods: Type.Optional(names(100)) }, CLOSED),
  Type.Object(
    {
      kind: kind('buy_get'),
      buy: Type.Object({ quantity: Pieces, of }, CLOSED),
      get: Type.Object({ quantity: Pieces, of, percent: Percent }, CLOSED),
      max: Type.Optional(Pieces),
    },
    CLOSED,
  ),
  Type.Object(
    {
      kind: kind('bundle_price'),
      items: list(Type.Object({ quantity: Pieces, of }, CLOSED), 20),
      prices: Amounts,
      max: Type.Optional(Pieces),
    },
    CLOSED,
  ),
  Type.Object({ kind: kind('gift'), sku: Sku, quantity: Pieces }, CLOSED),
  Type.Object(
    {
      kind: kind('tiered_percent'),
      by: OneOf(['quantity', 'item_total']),
      tiers: list(Type.Object({ from: Type.Union([Count, Amounts]), percent: Percent }, CLOSED), 50),
      of,
    },
    CLOSED,
  ),
])

const Conditions = Type.Array(conditionOf(LEVELS), { maxItems: 20 })
const Group = Type.String({ minLength: 1, maxLength: 100 })
const PerCustomer = Type.Object(
  {
    uses: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
    within: Nullable(Type.String({ maxLength: 40, description: 'ISO 8601 duration' })),
  },
  CLOSED,
)

/** A promotion as it is written. What is left out has its default. */
export const PromotionInput = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 200 }),
    active: Type.Optional(Type.Boolean()),
    startsAt: Type.Optional(Nullable(Time)),
    endsAt: Type.Optional(Nullable(Time)),
    lane: Type.Optional(Lane),
    priority: Type.Optional(Type.Integer({ minimum: -1000, maximum: 1000 })),
    group: Type.Optional(Nullable(Group)),
    exclusive: Type.Optional(Type.Boolean()),
    stops: Type.Optional(Type.Boolean()),
    percentBase: Type.Optional(Nullable(OneOf(['original', 'running']))),
    cap: Type.Optional(Nullable(Amounts)),
    usesMax: Type.Optional(Nullable(Count)),
    perCustomer: Type.Optional(Nullable(PerCustomer)),
    budget: Type.Optional(Nullable(Amounts)),
    tellsReasons: Type.Optional(Type.Boolean()),
    conditions: Type.Optional(Conditions),
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
    group: Nullable(Type.String()),
    exclusive: Type.Boolean(),
    stops: Type.Boolean(),
    percentBase: Nullable(Type.String()),
    cap: Nullable(Amounts),
    usesMax: Nullable(Type.Integer()),
    perCustomer: Nullable(PerCustomer),
    budget: Nullable(Amounts),
    tellsReasons: Type.Boolean(),
    uses: Type.Integer(),
    conditions: Conditions,
    benefit: Benefit,
  },
  { $id: 'Promotion', ...CLOSED },
)

/** `POST /promotions/{promotion}/codes`. */
export const CodeInput = Type.Object(
  { code: Type.String({ minLength: 1, maxLength: 100, pattern: '\\S' }), usesMax: Type.Optional(Nullable(Count)) },
  CLOSED,
)

/** A code as it is listed. */
export const Code = Type.Object({ code: Type.String(), usesMax: Nullable(Type.Integer()), uses: Type.Integer() }, CLOSED)

/** Lists of the above. */
export const lists = { promotions: ListOf(Promotion), codes: ListOf(Code) }
