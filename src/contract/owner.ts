// What owners do with their carts, on the wire: secrets of guests, several carts, restore links; and the shop's audit.
import Type from 'typebox'
import { LIMITS } from '../core/cart.ts'
import { CLOSED, Id, ListOf, Nullable, Text } from './schemas.ts'

/** A secret of a guest. */
export const GuestSecret = Type.Object(
  {
    id: Type.String(),
    device: Nullable(Type.String()),
    createdAt: Type.String(),
    current: Type.Boolean({ description: 'It is the one that asks' }),
    limited: Type.Boolean({ description: 'It came from a restore link and reaches one cart only' }),
  },
  CLOSED,
)

/** `GET /carts/{cart}/secrets`. */
export const GuestSecrets = Type.Object({ items: Type.Array(GuestSecret), next: Type.Null() }, CLOSED)

/** `POST /carts/{cart}/secrets`. */
export const MakeSecret = Type.Object(
  {
    device: Type.Optional(Type.String({ minLength: 1, maxLength: 100, description: 'What the device calls itself' })),
    rotate: Type.Optional(Type.Boolean({ description: 'The secret that asks is revoked in the same transaction' })),
    revokeOthers: Type.Optional(Type.Boolean({ description: 'All others are revoked' })),
  },
  CLOSED,
)

/** What making a secret answers: `token` once and never again. */
export const MadeSecret = Type.Object(
  { id: Type.String(), token: Type.String(), device: Nullable(Type.String()), createdAt: Type.String() },
  CLOSED,
)

/** `POST /carts/{cart}/lines/copy`. */
export const CopyLines = Type.Object(
  {
    from: Type.String({
      minLength: 1,
      maxLength: 200,
      pattern: '^[A-Za-z0-9_-]+$',
      description: "Id or number of another of the owner's carts",
    }),
    lines: Type.Optional(Type.Array(Id, { minItems: 1, maxItems: LIMITS.lines, description: 'Only these lines of it' })),
  },
  CLOSED,
)

/** `POST /carts/load`. */
export const LoadCart = Type.Object({ number: Type.String({ minLength: 1, maxLength: 64 }) }, CLOSED)

/** `POST /carts/restore`. */
export const RestoreCart = Type.Object({ token: Type.String({ minLength: 1, maxLength: 200 }) }, CLOSED)

/** `POST /carts/{cart}/restore-links`. */
export const RestoreLink = Type.Object({ token: Type.String(), url: Type.String(), expiresAt: Type.String() }, CLOSED)

/** A change of the shop, or of something for a customer, by whoever made it. */
export const AuditEntry = Type.Object(
  {
    id: Type.String(),
    at: Type.String(),
    actor: Type.String(),
    action: Type.String(),
    subject: Type.String(),
    before: Type.Unknown(),
    after: Type.Unknown(),
  },
  CLOSED,
)

/** `GET /audit`. */
export const AuditEntries = ListOf(AuditEntry)

/** A cart type in an address. */
export const TypeQuery = Type.Object({ type: Type.Optional(Text(40)), account: Type.Optional(Id) }, CLOSED)
