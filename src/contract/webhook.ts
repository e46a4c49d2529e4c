// Webhook endpoints and what was sent to them, on the wire.
import Type from 'typebox'
import { EVENT_FAMILIES, EVENT_TYPES } from '../core/event.ts'
import { CLOSED, Id, ListOf, Nullable, OneOf, Text } from './schemas.ts'

const Url = Type.String({
  pattern: '^https?://',
  maxLength: 2000,
  format: 'uri',
  description: 'A public https:// address; others only where the installation allows them',
})
const Types = Type.Array(OneOf([...EVENT_TYPES, ...EVENT_FAMILIES, '*']), {
  minItems: 1,
  maxItems: EVENT_TYPES.length,
  uniqueItems: true,
  description: 'Exact types, families like order.*, or * for all, also those to come',
})
const EventType = OneOf(EVENT_TYPES)
const Time = Type.String({ format: 'date-time', maxLength: 40 })
const Description = Nullable(Text(500))

/** `POST /webhooks`. */
export const EndpointInput = Type.Object({ url: Url, types: Type.Optional(Types), description: Type.Optional(Description) }, CLOSED)

/** `PATCH /webhooks/{id}`. */
export const EndpointPatch = Type.Object(
  {
    url: Type.Optional(Url),
    types: Type.Optional(Types),
    description: Type.Optional(Description),
    active: Type.Optional(
      Type.Boolean({ description: 'true also resumes a paused endpoint, with all that waits for it; false: nothing more is kept for it' }),
    ),
  },
  { ...CLOSED, minProperties: 1 },
)

/** An endpoint as it is shown: all but its secret. */
export const Endpoint = Type.Object(
  {
    id: Type.String(),
    url: Type.String(),
    types: Type.Array(Type.String()),
    description: Nullable(Type.String()),
    active: Type.Boolean(),
    state: OneOf(['ACTIVE', 'PAUSED', 'DISABLED']),
    stoppedReason: Type.Union([OneOf(['by_hand', 'failing', 'gone']), Type.Null()], {
      description: 'failing: it did nothing but fail for three days, and what is for it waits. gone: it answered 410',
    }),
    health: Type.Object(
      {
        consecutiveFailures: Type.Integer(),
        failingSince: Nullable(Type.String()),
        lastSuccessAt: Nullable(Type.String({ description: 'To the minute' })),
        lastFailureAt: Nullable(Type.String()),
        heldUntil: Nullable(Type.String({ description: 'It asked by Retry-After to be left alone until then' })),
      },
      CLOSED,
    ),
    previousSecretValidUntil: Nullable(Type.String()),
    createdAt: Type.String(),
    updatedAt: Type.String(),
  },
  CLOSED,
)

/** A new endpoint: the only time that its secret is shown. */
export const EndpointMade = Type.Object(
  { id: Type.String(), url: Type.String(), types: Type.Array(Type.String()), secret: Type.String() },
  CLOSED,
)

/** `POST /webhooks/{id}/rotate-secret`. */
export const RotateSecret = Type.Object(
  {
    graceFor: Type.Optional(
      Type.String({
        maxLength: 40,
        default: 'P1D',
        description: 'ISO 8601 duration, at most P30D, for which the secret before signs besides; PT0S ends it at once',
      }),
    ),
  },
  CLOSED,
)

/** The new secret, shown once. */
export const SecretRotated = Type.Object(
  { id: Type.String(), secret: Type.String(), previousSecretValidUntil: Nullable(Type.String()) },
  CLOSED,
)

/** What a trial came to. */
export const Trial = Type.Object(
  {
    delivered: Type.Boolean(),
    status: Nullable(Type.Integer()),
    answer: Nullable(Type.String({ description: 'The first KB of what the endpoint answered' })),
    error: Nullable(Type.String()),
    durationMs: Type.Integer(),
  },
  CLOSED,
)

const DELIVERY_STATES = ['PENDING', 'SENDING', 'DELIVERED', 'SUPERSEDED', 'DEAD'] as const
const State = Type.Unsafe<(typeof DELIVERY_STATES)[number]>(
  Type.Union(
    DELIVERY_STATES.map((state) => Type.Literal(state)),
    { description: 'SUPERSEDED: it gave way to a newer one, or was sent again under another id' },
  ),
)

const delivery = {
  id: Type.String(),
  eventId: Type.String({ description: 'The webhook-id: the same however often it is sent' }),
  type: Type.String(),
  subject: Type.String(),
  state: State,
  attempts: Type.Integer(),
  createdAt: Type.String(),
  dueAt: Type.String(),
  deliveredAt: Nullable(Type.String()),
  lastStatus: Nullable(Type.Integer()),
  lastError: Nullable(Type.String()),
}

/** A delivery as it is listed. */
export const Delivery = Type.Object(delivery, CLOSED)

/** A delivery with what is sent and every attempt. */
export const DeliveryDetail = Type.Object(
  {
    ...delivery,
    payload: Type.Unknown({ description: 'The message as it is sent' }),
    log: Type.Array(
      Type.Object(
        {
          attempt: Type.Integer(),
          at: Type.String(),
          durationMs: Type.Integer(),
          status: Nullable(Type.Integer()),
          answer: Nullable(Type.String({ description: 'The first KB of what the endpoint answered' })),
          error: Nullable(Type.String()),
        },
        CLOSED,
      ),
    ),
  },
  CLOSED,
)

/** The query of the list of deliveries. */
export const deliveryQuery = {
  state: Type.Optional(State),
  type: Type.Optional(EventType),
  subject: Type.Optional(Id),
  from: Type.Optional(Time),
  to: Type.Optional(Time),
}

/** `POST /webhooks/{id}/redeliver`. */
export const RedeliverMany = Type.Object(
  {
    state: Type.Optional(OneOf(['DEAD', 'DELIVERED', 'SUPERSEDED'])),
    types: Type.Optional(Type.Array(EventType, { minItems: 1, maxItems: EVENT_TYPES.length, uniqueItems: true })),
    subject: Type.Optional(Id),
    from: Type.Optional(Time),
    to: Type.Optional(Time),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, default: 100 })),
    after: Type.Optional(Id),
  },
  CLOSED,
)

/** What sending many again came to: how many, and the `after` of the next request, null when there are no more. */
export const Redelivered = Type.Object({ count: Type.Integer(), next: Nullable(Type.String()) }, CLOSED)

/** Lists of the above. */
export const lists = { endpoints: ListOf(Endpoint), deliveries: ListOf(Delivery) }
