// Who may move an order to which status, and who may cancel it: the one place where the machine of an order and the merchant's statuses meet. The
// state never goes back: an order that is completed or cancelled may get other words, but not another fate.
import type { FulfilmentState, Order, OrderLine, OrderState } from './order.ts'
import type { OrderStatus, Statuses, StatusNeed, StatusRole } from './order-statuses.ts'
import { isRefusal, type Refusal, refuse } from './refusal.ts'
import type { Settings } from './settings.ts'

/** What of an order a move depends on. */
type Standing = Pick<Order, 'state' | 'status' | 'paymentState'> & {
  readonly lines: readonly Pick<OrderLine, 'fulfilledQuantity'>[]
}

/** What a move depends on besides the order. */
interface StatusFacts {
  /** Whether a fulfilment that is on its way names its carrier and tracking number. */
  readonly hasShipment: boolean
  readonly hasMessage: boolean
}

/** A move that is allowed, with what is missing for it. */
export interface StatusMove {
  readonly status: string
  readonly name: string
  readonly missing: readonly StatusNeed[]
}

/** What an order says of itself in a state that it enters by itself. Until it is placed its status is the name of its state. */
export function inState(state: Exclude<OrderState, 'COMPLETED'>, { initial, on }: Statuses): Pick<Order, 'state' | 'status'> {
  const status = state === 'PLACED' ? initial : state === 'CANCELLED' ? on.cancelled : state.toLowerCase()
  return { state, status }
}

/**
 * The status that an order may be moved to, or why not: `invalid` (there is none of this id), `order_state_forbids` (the order is over, is not
 * placed, or its customer may not cancel it any more), `status_move_forbidden` (with `allowed` and `missing`).
 */
export function statusMove(
  orders: Settings['orders'],
  order: Standing,
  to: string,
  role: StatusRole,
  facts: StatusFacts,
): OrderStatus | Refusal {
  const { list } = orders.statuses
  const target = list.find((each) => each.id === to)
  if (!target) return refuse('invalid', { path: '/status', reason: 'no_such_status', known: list.map((each) => each.id) })
  const refused = stateRefusal(orders, order, target, role)
  if (refused) return refused
  // An order that is not placed has no status of the list yet: it is only ever cancelled.
  if (order.state === 'NEW') return target
  const needs = needsOf(orders.statuses, order.status, target, role)
  const missing = needs?.filter((need) => !isMet(need, order, facts)) ?? []
  if (needs && missing.length === 0) return target
  const allowed = statusMoves(orders, order, role, facts.hasShipment).map((each) => each.status)
  return refuse('status_move_forbidden', { from: order.status, to, allowed, missing, path: '/status' })
}

/** Where an order may be moved from here, by who has this role. */
export function statusMoves(orders: Settings['orders'], order: Standing, role: StatusRole, hasShipment: boolean): StatusMove[] {
  return orders.statuses.list.flatMap((target) => {
    if (target.id === order.status || stateRefusal(orders, order, target, role)) return []
    const needs = order.state === 'NEW' ? [] : needsOf(orders.statuses, order.status, target, role)
    if (!needs) return []
    const missing = needs.filter((need) => !isMet(need, order, { hasShipment, hasMessage: false }))
    return [{ status: target.id, name: target.name, missing }]
  })
}

/** Why the state of an order, or of what its customer may, does not allow this status; null where it does. */
function stateRefusal(orders: Settings['orders'], order: Standing, target: OrderStatus, role: StatusRole): Refusal | null {
  const cancels = target.state === 'CANCELLED' && order.state !== 'CANCELLED'
  const action = cancels ? 'cancel' : 'change_status'
  const forbidden = (reason: string) => refuse('order_state_forbids', { state: order.state, status: order.status, action, reason })
  if (!cancels) {
    if (order.state === 'CANCELLED') return target.state === 'CANCELLED' && role !== 'customer' ? null : forbidden('order_is_cancelled')
    return order.state === 'PLACED' || order.state === 'COMPLETED' ? null : forbidden('order_is_not_placed')
  }
  if (order.state !== 'NEW' && order.state !== 'PLACED') return forbidden('order_is_over')
  if (role !== 'customer') return null
  if (orders.customerCancel === 'never') return forbidden('customers_may_not_cancel')
  if (orders.statuses.list.some((each) => each.id === order.status && each.confirms === true) && order.state === 'PLACED')
    return forbidden('order_is_confirmed')
  return order.lines.some((line) => line.fulfilledQuantity > 0) ? forbidden('pieces_were_handed_over') : null
}

/** What a move asks for; null when it is not allowed. Out of a status that the shop has given up, staff may go anywhere. */
function needsOf({ list, transitions }: Statuses, from: string, target: OrderStatus, role: StatusRole): readonly StatusNeed[] | null {
  if (transitions === 'any' || !list.some((each) => each.id === from))
    return role !== 'customer' || target.state === 'CANCELLED' ? [] : null
  const found = transitions.find((each) => each.from === from && each.to === target.id && each.roles.includes(role))
  return found ? (found.requires ?? []) : null
}

function isMet(need: StatusNeed, order: Standing, { hasShipment, hasMessage }: StatusFacts): boolean {
  if (need === 'shipment') return hasShipment
  return need === 'message' ? hasMessage : isPaidFor(order)
}

/** Whether all that an order costs was taken; what went back since does not matter. */
function isPaidFor({ paymentState }: Pick<Order, 'paymentState'>): boolean {
  return paymentState === 'PAID' || paymentState === 'PARTIALLY_REFUNDED'
}

// What follows by itself -----------------------------------------------------------------------------------------------------------------

/** What follows of a change of a placed order. */
export type FollowUp =
  | { readonly kind: 'hand_over'; readonly lines: readonly { readonly lineId: string; readonly quantity: number }[] }
  | { readonly kind: 'status' | 'complete'; readonly status: string; readonly completes: boolean }

/**
 * What follows of a change, or null: pieces that are not shipped are handed over when the money is there, all that is handed over gets its
 * status, and what is paid and handed over is complete. `hasShipment` as in `statusMove`. A status that the table does not allow to the system
 * does not come by itself.
 */
export function followUp(before: Order, order: Order, orders: Settings['orders'], hasShipment: boolean): FollowUp | null {
  if (order.state !== 'PLACED') return null
  const wasPaid = before.state === 'PLACED' && before.paymentState === 'PAID'
  if (orders.fulfilUnshipped === 'whenPaid' && order.paymentState === 'PAID' && !wasPaid) {
    const lines = order.lines.flatMap(unshippedPieces)
    if (lines.length > 0) return { kind: 'hand_over', lines }
  }
  const fulfilled: FulfilmentState = 'FULFILLED'
  if (order.fulfilmentState !== fulfilled) return null
  const { on } = orders.statuses
  const facts = { hasShipment, hasMessage: false }
  if (before.fulfilmentState !== fulfilled && on.fulfilled !== undefined && on.fulfilled !== order.status) {
    const target = statusMove(orders, order, on.fulfilled, 'system', facts)
    if (!isRefusal(target)) return { kind: 'status', status: target.id, completes: target.state === 'COMPLETED' }
  }
  const isDone = isPaidFor(order) && order.lines.some((line) => line.fulfilledQuantity > 0)
  if (orders.complete === 'manually' || !isDone) return null
  const target = on.completed === undefined ? null : statusMove(orders, order, on.completed, 'system', facts)
  return isRefusal(target) ? null : { kind: 'complete', status: target?.id ?? order.status, completes: true }
}

function unshippedPieces({ id, requiresShipping, quantity, cancelledQuantity, fulfilledQuantity }: OrderLine) {
  const left = quantity - cancelledQuantity - fulfilledQuantity
  return requiresShipping || left <= 0 ? [] : [{ lineId: id, quantity: left }]
}

// Setting them up ------------------------------------------------------------------------------------------------------------------------

/** Why these statuses cannot be a shop's, naming the place below `path`; null when they can. */
export function statusesRefusal({ initial, list, transitions, on }: Statuses, path: string): Refusal | null {
  const known = new Map(list.map((each) => [each.id, each]))
  const wrong = (at: string, reason: string) => refuse('invalid', { path: `${path}${at}`, reason })
  if (known.size !== list.length) return wrong('/list', 'two_statuses_have_one_id')
  const first = known.get(initial)
  if (!first || first.state !== undefined) return wrong('/initial', first ? 'an_order_cannot_begin_where_it_ends' : 'no_such_status')
  if (known.get(on.cancelled)?.state !== 'CANCELLED') return wrong('/on/cancelled', 'must_be_a_status_with_the_state_CANCELLED')
  if (on.completed !== undefined && known.get(on.completed)?.state !== 'COMPLETED')
    return wrong('/on/completed', 'must_be_a_status_with_the_state_COMPLETED')
  const fulfilled = on.fulfilled === undefined ? first : known.get(on.fulfilled)
  if (!fulfilled || fulfilled.state === 'CANCELLED') return wrong('/on/fulfilled', 'must_be_a_status_that_does_not_cancel')
  if (transitions === 'any') return null
  for (const [index, { from, to }] of transitions.entries()) {
    if (!known.has(from)) return wrong(`/transitions/${index}/from`, 'no_such_status')
    if (!known.has(to)) return wrong(`/transitions/${index}/to`, 'no_such_status')
  }
  return null
}
