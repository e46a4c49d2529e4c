// Moving an order between the merchant's statuses. Who may do it is core/status.ts; a status that cancels goes the way of every cancellation, one
// that completes ends the order in the same transaction.
import { hasShipment } from '../core/fulfilment.ts'
import type { StatusRole } from '../core/order-statuses.ts'
import { isRefusal, type Refusal, refuse } from '../core/refusal.ts'
import { type StatusMove, statusMove, statusMoves } from '../core/status.ts'
import { rfc3339 } from '../core/time.ts'
import { fulfilmentsOf } from '../store/fulfilments.ts'
import { lockOrders, readOrder } from '../store/orders.ts'
import type { Store } from '../store/store.ts'
import type { OrderTable } from '../store/tables.ts'
import type { Checkout } from './checkout.ts'
import type { FactsCache, ShopFacts } from './facts.ts'
import { findRecorded, type IdempotencyClaim, type Once, once } from './once.ts'
import { parseOrder } from './orders.ts'
import type { Clock } from './ports.ts'
import { eventsOfMove, movedTo, type Recording } from './recording.ts'

/** A move that somebody asks for. */
export interface MoveRequest {
  readonly to: string
  readonly role: StatusRole
  /** As histories name it. */
  readonly by: string
  readonly message: string | null
  /** No e-mail is sent for it. */
  readonly quiet: boolean
  readonly claim: IdempotencyClaim | undefined
}

/** Statuses of orders. */
export type OrderStatuses = ReturnType<typeof createStatuses>

/** Makes it. */
export function createStatuses(parts: { store: Store; facts: FactsCache; clock: Clock; recording: Recording; checkout: Checkout }) {
  const { store, facts: cache, clock, recording, checkout } = parts

  /** Moves an order; the status that it has already is no move. Refuses what core/status.ts refuses. */
  async function move(shop: ShopFacts, orderId: string, request: MoveRequest): Promise<Once<{ orderId: string }> | Refusal> {
    const { to, role, by, message, quiet, claim } = request
    const known = await findRecorded(parts, shop.id, claim)
    if (isRefusal(known)) return known
    if (known) return { value: { orderId }, replayed: known }
    const row = await readOrder(store.reader, shop.id, orderId)
    const current = await cache.shop(shop.id)
    if (!row || !current) return refuse('order_not_found', { orderId })
    const { orders } = current.settings
    const target = orders.statuses.list.find((each) => each.id === to)
    if (target?.state === 'CANCELLED' && row.state !== 'CANCELLED') {
      const done = await checkout.cancel(shop.id, orderId, { by, role, message, quiet, status: to })
      return isRefusal(done) ? done : once(parts, shop.id, claim, async () => ({ orderId }))
    }
    return once(parts, shop.id, claim, async (writer) => {
      const [locked] = await lockOrders(writer, shop.id, [orderId])
      if (!locked) return refuse('order_not_found', { orderId })
      const order = parseOrder(locked)
      if (order.status === to && order.state !== 'NEW') return { orderId }
      const hasMessage = message !== null
      const facts = { hasShipment: hasShipment(await fulfilmentsOf(writer, shop.id, [orderId])), hasMessage }
      const found = statusMove(orders, order, to, role, facts)
      if (isRefusal(found)) return { ...found, orderId }
      const step = { status: found.id, completes: found.state === 'COMPLETED' && order.state === 'PLACED' }
      await recording.change(writer, current, order, movedTo(step, rfc3339(clock.now())), {
        ...{ by, message, quiet },
        action: step.completes ? 'complete' : 'status',
        details: { from: order.status, ...(quiet ? { suppressEmails: true } : {}) },
        events: eventsOfMove(order, step),
      })
      return { orderId }
    })
  }

  /** Where an order may be moved now, by who has this role. */
  async function moves(shop: ShopFacts, row: OrderTable, role: StatusRole): Promise<StatusMove[]> {
    const fulfilments = await fulfilmentsOf(store.reader, shop.id, [row.id])
    return statusMoves(shop.settings.orders, parseOrder(row), role, hasShipment(fulfilments))
  }

  return { move, moves }
}
