// What leaves the house. Every event is written in the transaction of its change and delivered at least once; its data is the whole resource
// after the change, whose `version` orders the events of one cart or order.

/** Types of events that exist; a webhook endpoint names the ones it wants, families of them (`order.*`), or `*`. */
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
  'balance.changed',
] as const

/** The type of an event: noun.past_verb. */
export type EventType = (typeof EVENT_TYPES)[number]

/** All types of one noun: `order.*`. New types of that noun belong to it as they come. */
export const EVENT_FAMILIES: readonly string[] = [...new Set(EVENT_TYPES.map(familyOf))]

function familyOf(type: string): string {
  return `${type.slice(0, type.indexOf('.'))}.*`
}

/** Whether somebody who named these types, families or `*` wants a type. */
export function isWanted(named: readonly string[], type: string): boolean {
  return named.includes('*') || named.includes(type) || named.includes(familyOf(type))
}

/** An event on its way: `subject` is the cart or order whose events stay in order; `data` is JSON text. */
export interface Event {
  readonly type: EventType
  readonly subject: string
  readonly data: string
}
