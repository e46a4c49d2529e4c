// Explanations and previews of prices on the wire.
import Type from 'typebox'
import { LIMITS } from '../core/cart.ts'
import { details, LineInput, PatchCart } from './cart.ts'
import { PromotionInput } from './promotion.ts'
import { CLOSED, Id, Nullable, OneOf, Text } from './schemas.ts'

const Saw = Type.Record(Type.String(), Type.Unknown(), { description: 'What was compared' })

const Condition = Type.Object(
  {
    path: Type.String({ description: 'Where it stands in the promotion: /conditions/0' }),
    kind: Type.String(),
    holds: Type.Boolean(),
    reason: Nullable(Type.String()),
    saw: Saw,
  },
  CLOSED,
)

const Promotion = Type.Object(
  {
    promotionId: Type.String(),
    name: Type.String(),
    lane: Type.Integer(),
    priority: Type.Integer(),
    code: Nullable(Type.String()),
    outcome: OneOf(['applied', 'not_applied']),
    reason: Nullable(Type.String()),
    conditions: Type.Array(Condition),
    discount: Type.Integer({ description: 'What it took off, in minor units' }),
  },
  CLOSED,
)

const Rate = Type.Object(
  {
    kind: OneOf(['price', 'shipping', 'tax']),
    of: Type.String({ description: 'A line, or shipping' }),
    id: Type.String(),
    chosen: Type.Boolean(),
    reason: Nullable(Type.String({ description: 'Why it was passed over' })),
    saw: Saw,
  },
  CLOSED,
)

const RoundingStep = Type.Object(
  {
    what: Type.String(),
    of: Type.String(),
    exact: Type.String({ description: 'Before rounding, in minor units: a decimal or a fraction' }),
    rounded: Type.Integer(),
    rounding: OneOf(['halfUp', 'halfEven', 'halfDown']),
  },
  CLOSED,
)

const TotalPart = Type.Object(
  {
    type: OneOf(['item', 'promotion', 'shipping', 'tax']),
    label: Type.String(),
    amount: Type.Integer(),
    of: Type.String({ description: 'A line, or shipping' }),
    included: Type.Boolean({ description: 'True: contained in other parts. The total is the sum of the others' }),
  },
  CLOSED,
)

/** How a price came to be. */
export const Explanation = Type.Object(
  {
    cart: Type.Ref('Cart'),
    pricedAt: Type.String(),
    epoch: Type.Integer({ description: 'Moves with the catalogue, promotions and settings of the shop' }),
    codes: details.codes,
    promotions: Type.Array(Promotion, { description: 'In the order in which they ran' }),
    rates: Type.Array(Rate),
    roundings: Type.Array(RoundingStep),
    totals: Type.Array(TotalPart),
    summary: Type.Array(Type.String(), { description: 'The same for people: a sentence for each step' }),
    facts: Type.Optional(
      Type.Record(Type.String(), Type.Unknown(), { description: 'With facts=true: all that the price rests on, for cartwright replay' }),
    ),
  },
  { $id: 'Explanation', ...CLOSED },
)

const MadeUpCart = Type.Object(
  {
    ...Type.Omit(PatchCart, ['retention', 'note']).properties,
    lines: Type.Array(LineInput, { maxItems: LIMITS.linesPerRequest }),
    customerGroups: Type.Optional(Type.Array(Text(60), { maxItems: 20 })),
    codes: Type.Optional(Type.Array(Text(100), { maxItems: LIMITS.codes })),
  },
  CLOSED,
)

/** `POST /promotions/preview`. */
export const PreviewInput = Type.Object(
  {
    cart: Type.Union([Id, MadeUpCart], { description: 'The id of a cart, or one that is made up' }),
    at: Type.Optional(Type.String({ format: 'date-time', description: 'The moment that counts; now, if absent' })),
    promotions: Type.Optional(
      Type.Array(Type.Object({ ...PromotionInput.properties, id: Type.Optional(Id) }, CLOSED), {
        maxItems: 50,
        description: 'Drafts that count as if they were written; one with the id of a promotion takes its place',
      }),
    ),
    without: Type.Optional(Type.Array(Id, { maxItems: 200, description: 'Promotions that do not count' })),
    codes: Type.Optional(
      Type.Record(Type.String({ pattern: '^.{1,100}$' }), Id, {
        maxProperties: LIMITS.codes,
        description: 'Codes that exist in this preview only, by the promotion that they open; they are on the cart',
      }),
    ),
  },
  CLOSED,
)
