// Codes of promotions on the wire, who used them, and promotions as they go in and out in bulk.
import Type from 'typebox'
import { PromotionInput } from './promotion.ts'
import { CLOSED, Email, Id, ListOf, Money, Nullable, Text } from './schemas.ts'

const Uses = Type.Integer({ minimum: 0, maximum: 1_000_000_000 })
const CodeText = Type.String({ minLength: 1, maxLength: 100, pattern: '\\S' })

/** `POST /promotions/{promotion}/codes`. */
export const CodeInput = Type.Object(
  {
    code: Type.Optional(Type.String({ minLength: 1, maxLength: 100, pattern: '\\S', description: 'Left out: one is made' })),
    usesMax: Type.Optional(Nullable(Uses)),
  },
  CLOSED,
)

/** `PATCH /promotions/{promotion}/codes/{code}`. */
export const PatchCode = Type.Object(
  { usesMax: Type.Optional(Nullable(Uses)), active: Type.Optional(Type.Boolean()) },
  { ...CLOSED, minProperties: 1 },
)

/** A code as it is listed. `batch` names the call that made it together with others. */
export const Code = Type.Object(
  {
    code: Type.String(),
    usesMax: Nullable(Type.Integer()),
    uses: Type.Integer(),
    active: Type.Boolean(),
    batch: Nullable(Type.String()),
  },
  CLOSED,
)

/** `POST /promotions/{promotion}/codes/generate`. */
export const GenerateCodes = Type.Object(
  {
    pattern: Type.String({
      minLength: 1,
      maxLength: 100,
      pattern: '#',
      description: 'Each # becomes a random character that cannot be taken for another; everything else stays',
    }),
    count: Type.Integer({ minimum: 1, maximum: 100_000 }),
    usesMax: Type.Optional(Nullable(Uses)),
  },
  CLOSED,
)

/** What was made. */
export const Generated = Type.Object({ batch: Type.String(), count: Type.Integer() }, CLOSED)

/** `POST /promotions/verify`. */
export const VerifyCode = Type.Object({ code: CodeText, cart: Type.Optional(Id) }, CLOSED)

/** Whether a code would apply to a cart; what it would give is told only where it does. */
export const Verdict = Type.Object(
  {
    code: Type.String(),
    applies: Type.Boolean(),
    reason: Nullable(Type.String()),
    benefit: Type.Optional(Type.String()),
    discount: Type.Optional(Money),
    total: Type.Optional(Money),
    gifts: Type.Optional(Type.Array(Type.Object({ sku: Type.String(), quantity: Type.Integer() }, CLOSED))),
  },
  CLOSED,
)

/** A use of a promotion. `account` and `email` are null where staff gave the use back to the customer. */
export const Redemption = Type.Object(
  {
    orderId: Type.String(),
    code: Nullable(Type.String()),
    state: Type.String({ description: 'RESERVED while the order awaits payment, then CONFIRMED' }),
    account: Nullable(Type.String()),
    email: Nullable(Type.String({ description: 'As customers are told apart by it, not as it was written' })),
    amount: Nullable(Money),
    createdAt: Type.String(),
  },
  CLOSED,
)

/** `POST /promotions/{promotion}/redemptions/forget`: whose uses; by either. */
export const ForgetUses = Type.Object(
  { account: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })), email: Type.Optional(Email) },
  { ...CLOSED, minProperties: 1 },
)

const CodeDefinition = Type.Object(
  { code: CodeText, usesMax: Type.Optional(Nullable(Uses)), active: Type.Optional(Type.Boolean()) },
  CLOSED,
)

/** A promotion as it is exported and imported: with its id, and with its codes that were made one by one. */
export const PortablePromotion = Type.Object(
  { id: Id, ...PromotionInput.properties, codes: Type.Optional(Type.Array(CodeDefinition, { maxItems: 10_000 })) },
  CLOSED,
)

/** `POST /promotions/import`: each promotion is judged by itself, so that a bad one stops no good one. */
export const ImportPromotions = Type.Object({ promotions: Type.Array(Type.Unknown(), { minItems: 1, maxItems: 10_000 }) }, CLOSED)

/** What an import did. */
export const PromotionReport = Type.Object(
  {
    created: Type.Integer(),
    changed: Type.Integer(),
    unchanged: Type.Integer(),
    refused: Type.Array(Type.Object({ index: Type.Integer(), path: Text(500), reason: Type.String() }, CLOSED)),
  },
  CLOSED,
)

/** `GET /promotions/export`. */
export const ExportedPromotions = Type.Object({ promotions: Type.Array(PortablePromotion), next: Nullable(Type.String()) }, CLOSED)

/** Lists of the above. */
export const lists = { codes: ListOf(Code), redemptions: ListOf(Redemption) }
