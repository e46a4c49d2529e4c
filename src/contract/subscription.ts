// Subscriptions on the wire: plans that were bought, with the period that is paid.
import Type from 'typebox'
import { CLOSED, Id, Money, Nullable, OneOf, Page } from './schemas.ts'

const State = OneOf(['PENDING', 'ACTIVE', 'PAST_DUE', 'CANCELLED', 'EXPIRED'])

/** A subscription as it is served. */
export const Subscription = Type.Object(
  {
    id: Type.String(),
    shopId: Type.String(),
    state: State,
    accountId: Type.String(),
    sku: Type.String(),
    name: Type.String(),
    variantName: Type.String(),
    plan: Type.Object({ id: Type.String(), name: Type.String(), interval: Type.String() }, CLOSED),
    quantity: Type.Integer(),
    unitPrice: Money,
    total: Type.Object(Money.properties, { ...CLOSED, description: 'What a period cost in all when it was ordered' }),
    email: Nullable(Type.String()),
    provider: Nullable(Type.String()),
    billedBy: OneOf(['provider', 'shop']),
    firstOrderId: Type.String(),
    latestOrderId: Type.String({ description: 'The order of the period that runs' }),
    renewalOrderId: Nullable(Type.String({ description: 'The order of the next period that is to be paid' })),
    periods: Type.Integer({ description: 'How many periods have begun; 0: its money is not there' }),
    maxPeriods: Nullable(Type.Integer()),
    currentPeriodStart: Nullable(Type.String()),
    currentPeriodEnd: Nullable(Type.String()),
    nextRenewalAt: Nullable(Type.String()),
    attempts: Type.Integer({ description: 'How often the renewal that is due was not paid' }),
    cancelAtPeriodEnd: Type.Boolean(),
    endReason: Nullable(OneOf(['cancelled', 'not_paid', 'renewal_cancelled', 'periods_over', 'never_paid', 'ended_by_provider'])),
    endedAt: Nullable(Type.String()),
    version: Type.Integer(),
    createdAt: Type.String(),
    updatedAt: Type.String(),
  },
  { $id: 'Subscription', ...CLOSED },
)

/** `GET /subscriptions`: those that have begun, or those in one state. */
export const ListSubscriptions = Type.Object({ ...Page, state: Type.Optional(State), account: Type.Optional(Id) }, CLOSED)

/** `POST /subscriptions/{subscription}/cancel`. */
export const CancelSubscription = Type.Object({ at: Type.Optional(OneOf(['periodEnd', 'now'])) }, CLOSED)
