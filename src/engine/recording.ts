// Every change of an order goes through here, under the lock of its row: the document gets its next version, who did what is remembered, and the
// world is told. Nothing else writes an order that exists.
import type { Event, EventType } from '../core/event.ts'
import { hasShipment, UNTOLD } from '../core/fulfilment.ts'
import { type Order, orderIsOwed } from '../core/order.ts'
import { followUp } from '../core/status.ts'
import { rfc3339 } from '../core/time.ts'
import { fulfilmentsOf, insertFulfilment } from '../store/fulfilments.ts'
import { insertOrderHistory, type OrderColumns, updateOrder } from '../store/orders.ts'
import { publish, wants } from '../store/outbox.ts'
import type { Writer } from '../store/store.ts'
import type { Balances } from './balances.ts'
import type { EmailQueue } from './email-queue.ts'
import type { ShopFacts } from './facts.ts'
import { fulfilmentNow, serveOrders } from './orders.ts'
import type { Clock, Randomness } from './ports.ts'
import type { SubscriptionBooks } from './subscription-books.ts'

/** What a change of an order is called in its history. */
export type OrderAction =
  | 'order'
  | 'place'
  | 'supersede'
  | 'expire'
  | 'cancel'
  | 'complete'
  | 'pay'
  | 'pay_again'
  | 'capture'
  | 'void'
  | 'payment_fail'
  | 'provider_notice'
  | 'refund'
  | 'refund_request'
  | 'refund_retry'
  | 'refund_fail'
  | 'cancel_lines'
  | 'split'
  | 'status'
  | 'fulfil'
  | 'edit'
  | 'claim'
  | 'revoke_links'
  | 'email'

/** How an order changed: who did it, what it is called, and what the world is told. */
export interface OrderChange {
  /** `guest`, `account`, a key by its id, `system`, or `provider:<name>`. */
  readonly by: string
  readonly action: OrderAction
  /** Words of whoever did it, for the order's history. */
  readonly message?: string | null
  /** What staff needs to see of it; small and plain. */
  readonly details?: Readonly<Record<string, unknown>>
  readonly events?: readonly EventType[]
  /** Joins the order in the data of those events. */
  readonly extra?: Readonly<Record<string, unknown>>
  /** Events of others that follow those of the order. */
  readonly others?: readonly Event[]
  readonly columns?: OrderColumns
  /** No e-mail is sent for this change. */
  readonly quiet?: boolean
}

/** What a status changes of an order, which it may complete. */
export function movedTo({ status, completes }: { status: string; completes: boolean }, at: string): Partial<Order> {
  return completes ? { status, state: 'COMPLETED', completedAt: at } : { status }
}

/** What the world is told of that. */
export function eventsOfMove(order: Order, { status, completes }: { status: string; completes: boolean }): EventType[] {
  return [...(status === order.status ? [] : ['order.status_changed' as const]), ...(completes ? ['order.completed' as const] : [])]
}

/** Writes changes of orders. */
export type Recording = ReturnType<typeof createRecording>

/** Makes it. */
export function createRecording(parts: {
  clock: Clock
  random: Randomness
  emails: EmailQueue
  balances: Pick<Balances, 'follow'>
  books: SubscriptionBooks
}) {
  const { clock, random, emails, balances, books } = parts

  /**
   * Changes an order whose row is locked; answers it as it is then, with what followed. Its payments, refunds and fulfilments are written first:
   * events tell of them.
   */
  async function change(writer: Writer, shop: ShopFacts, order: Order, patch: Partial<Order>, how: OrderChange): Promise<Order> {
    const now = rfc3339(clock.now())
    const changed: Order = { ...order, ...patch, version: order.version + 1, updatedAt: now }
    // An order is also paid when it costs no more than what came before.
    const isPaidNow = changed.paidAt === null && changed.paymentState === 'PAID' && orderIsOwed(changed.state)
    const next = isPaidNow ? { ...changed, paidAt: now } : changed
    await updateOrder(writer, next, how.columns)
    await remember(writer, shop, next, how, order)
    // Recharges are credited when the order becomes paid. Whoever takes something back, and may be refused, called this before.
    await balances.follow(writer, shop, order, next, { by: how.by, overdraws: true })
    await books.follow(writer, shop, order, next, how.by)
    return follow(writer, shop, order, next, how.quiet ?? false)
  }

  /** What follows of a change by itself is a change of its own, by the system: status, handing over of what is not shipped, completion. */
  async function follow(writer: Writer, shop: ShopFacts, before: Order, order: Order, quiet: boolean): Promise<Order> {
    if (order.state !== 'PLACED') return order
    const { orders } = shop.settings
    const fulfilments = order.fulfilmentState === 'FULFILLED' ? await fulfilmentsOf(writer, shop.id, [order.id]) : []
    const step = followUp(before, order, orders, hasShipment(fulfilments))
    if (step === null) return order
    const now = clock.now()
    const at = rfc3339(now)
    if (step.kind === 'hand_over') {
      const details = { ...UNTOLD, lines: step.lines, shippedAt: at, deliveredAt: at }
      const id = random.id('ful')
      await insertFulfilment(writer, shop.id, order.id, { id, state: 'DELIVERED', details }, now)
      const how = {
        ...{ by: 'system', quiet },
        action: 'fulfil',
        details: { fulfilmentId: id, state: 'DELIVERED' },
        events: ['fulfilment.created'],
      } as const
      return change(writer, shop, order, await fulfilmentNow(writer, order), how)
    }
    return change(writer, shop, order, movedTo(step, at), {
      ...{ by: 'system', quiet },
      action: step.kind,
      events: eventsOfMove(order, step),
    })
  }

  /** What is remembered and told of an order as it stands: of a new one, and of what does not change its document. */
  async function remember(writer: Writer, shop: ShopFacts, order: Order, how: OrderChange, before = order): Promise<void> {
    const { by, action, message = null, details = null, events = [], extra, others = [] } = how
    const { shopId, version, state, status, paymentState, fulfilmentState } = order
    const entry = JSON.stringify({ action, message, state, status, paymentState, fulfilmentState, details })
    const id = random.id('hst')
    await insertOrderHistory(writer, { shop_id: shopId, order_id: order.id, id, version, at: clock.now(), actor: by, entry })
    await emails.forChange(writer, shop, before, order, how)
    await tell(writer, shop, order, events, extra, others)
  }

  async function tell(
    writer: Writer,
    shop: ShopFacts,
    order: Order,
    types: readonly EventType[],
    extra: OrderChange['extra'],
    others: readonly Event[],
  ): Promise<void> {
    const wanted = types.filter((type) => shop.endpoints.some((endpoint) => wants(endpoint, type)))
    if (wanted.length === 0 && others.length === 0) return
    const [served] =
      wanted.length === 0 ? [] : await serveOrders(writer, [{ document: JSON.stringify(order), shop_id: shop.id, id: order.id }])
    const data = JSON.stringify({ ...served, ...extra })
    const events = wanted.map((type) => ({ type, subject: order.id, data }))
    await publish(writer, shop.id, shop.endpoints, [...events, ...others], clock.now(), () => random.id('dl'))
  }

  return { change, remember, followBalance: balances.follow }
}
