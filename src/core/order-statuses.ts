// The merchant's words for where a placed order is, as data: which statuses there are, who may move an order from which to which, and what has to
// be there first. Rules over them are in status.ts; here are the sets that presets choose from.

/** Who moves an order: its customer, who works for the shop (any key), or the engine itself. */
export type StatusRole = 'customer' | 'staff' | 'system'

/** What a move may ask for first: a fulfilment with carrier and tracking number, all of the money, a message. */
export type StatusNeed = 'shipment' | 'payment' | 'message'

/** One status. */
export interface OrderStatus {
  readonly id: string
  readonly name: string
  /** For lists: `#rrggbb`. */
  readonly color?: string
  /** While an order has it, its customer may not cancel any more. */
  readonly confirms?: boolean
  /** Reaching it completes or cancels the order: money, stock and uses follow. */
  readonly state?: 'COMPLETED' | 'CANCELLED'
}

/** One allowed move. */
export interface StatusTransition {
  readonly from: string
  readonly to: string
  readonly roles: readonly StatusRole[]
  readonly requires?: readonly StatusNeed[]
}

/** All statuses of a shop and the moves between them. */
export interface Statuses {
  /** What an order has when it is placed. */
  readonly initial: string
  readonly list: readonly OrderStatus[]
  /** `any`: staff moves from any status to any other. A list: nothing else is allowed, to nobody. */
  readonly transitions: 'any' | readonly StatusTransition[]
  /** Which status follows when an order is cancelled, is completed, or all of it was handed over; one that is absent changes nothing. */
  readonly on: { readonly cancelled: string; readonly completed?: string; readonly fulfilled?: string }
}

/** What a new shop gets. */
export const PLAIN_STATUSES: Statuses = {
  initial: 'placed',
  list: [
    { id: 'placed', name: 'Placed' },
    { id: 'processing', name: 'Processing', confirms: true },
    { id: 'completed', name: 'Completed', state: 'COMPLETED' },
    { id: 'cancelled', name: 'Cancelled', state: 'CANCELLED' },
  ],
  transitions: 'any',
  on: { cancelled: 'cancelled', completed: 'completed' },
}

/** Paid, delivered, completed: what was paid is not cancelled by its customer. */
export const DELIVERY_STATUSES: Statuses = {
  initial: 'paid',
  list: [
    { id: 'paid', name: 'Paid', confirms: true },
    { id: 'delivered', name: 'Delivered', confirms: true },
    { id: 'completed', name: 'Completed', state: 'COMPLETED' },
    { id: 'canceled', name: 'Canceled', state: 'CANCELLED' },
  ],
  transitions: 'any',
  on: { cancelled: 'canceled', completed: 'completed', fulfilled: 'delivered' },
}

/** Paid, then done. */
export const SHORT_STATUSES: Statuses = {
  initial: 'paid',
  list: [
    { id: 'paid', name: 'Paid', confirms: true },
    { id: 'done', name: 'Done', state: 'COMPLETED' },
    { id: 'canceled', name: 'Canceled', state: 'CANCELLED' },
  ],
  transitions: 'any',
  on: { cancelled: 'canceled', completed: 'done' },
}

/** New, processing, completed or canceled. */
export const WORKFLOW_STATUSES: Statuses = {
  initial: 'new',
  list: [
    { id: 'new', name: 'New' },
    { id: 'processing', name: 'Processing', confirms: true },
    { id: 'completed', name: 'Completed', state: 'COMPLETED' },
    { id: 'canceled', name: 'Canceled', state: 'CANCELLED' },
  ],
  transitions: 'any',
  on: { cancelled: 'canceled', completed: 'completed' },
}

/** Created, confirmed or declined, shipped, completed, by a table: customers may decline what is not confirmed, and shipping needs its data. */
export const CONFIRMED_STATUSES: Statuses = {
  initial: 'created',
  list: [
    { id: 'created', name: 'Created' },
    { id: 'confirmed', name: 'Confirmed', confirms: true },
    { id: 'declined', name: 'Declined', state: 'CANCELLED' },
    { id: 'shipped', name: 'Shipped', confirms: true },
    { id: 'completed', name: 'Completed', state: 'COMPLETED' },
  ],
  transitions: [
    { from: 'created', to: 'confirmed', roles: ['staff', 'system'] },
    { from: 'created', to: 'declined', roles: ['customer', 'staff', 'system'] },
    { from: 'confirmed', to: 'shipped', roles: ['staff', 'system'], requires: ['shipment'] },
    { from: 'confirmed', to: 'completed', roles: ['staff', 'system'] },
    { from: 'confirmed', to: 'declined', roles: ['staff', 'system'] },
    { from: 'shipped', to: 'completed', roles: ['staff', 'system'] },
  ],
  on: { cancelled: 'declined', completed: 'completed', fulfilled: 'shipped' },
}

/** Words only: staff moves between them as it likes, and none of them completes an order. */
export const FREE_STATUSES: Statuses = {
  initial: 'new',
  list: [
    { id: 'new', name: 'New' },
    { id: 'processing', name: 'Processing', confirms: true },
    { id: 'shipped', name: 'Shipped', confirms: true },
    { id: 'cancelled', name: 'Cancelled', state: 'CANCELLED' },
  ],
  transitions: 'any',
  on: { cancelled: 'cancelled' },
}
