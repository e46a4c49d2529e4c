// What leaves the house. Every event is written in the transaction of its change and delivered at least once; its data is the whole resource
// after the change, whose `version` orders the events of one cart or order.

/** Types of events that exist; a webhook endpoint names the ones it wants, or `*`. */
export const EVENT_TYPES = [
  'cart.created',
  'cart.updated',
  'cart.merged',
  'cart.closed',
  'cart.expired',
  'cart.abandoned',
  'order.created',
  'order.placed',
  'order.updated',
  'order.status_changed',
  'order.completed',
  'order.cancelled',
  'order.expired',
  'payment.pending',
  'payment.authorized',
  'payment.succeeded',
  'payment.failed',
  'payment.mismatch',
  'payment.disputed',
  'refund.succeeded',
  'refund.failed',
  'fulfilment.created',
  'fulfilment.updated',
  'subscription.started',
  'subscription.renewed',
  'subscription.past_due',
  'subscription.cancelled',
] as const

/** The type of an event: noun.past_verb. */
export type EventType = (typeof EVENT_TYPES)[number]

/** An event on its way: `subject` is the cart or order whose events stay in order; `data` is JSON text. */
export interface Event {
  readonly type: EventType
  readonly subject: string
  readonly data: string
}
