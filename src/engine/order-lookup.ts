// Who lost the link to an order has it sent again: to the address that the order was made with, whoever asks. Nobody learns whether there is such
// an order.
import { customerBy } from '../core/customer.ts'
import { hasEmailSince } from '../store/emails.ts'
import { orderCalled } from '../store/guest-orders.ts'
import { lockOrders } from '../store/orders.ts'
import type { Store, Writer } from '../store/store.ts'
import type { EmailQueue } from './email-queue.ts'
import type { ShopFacts } from './facts.ts'
import { type IdempotencyClaim, once } from './once.ts'
import { parseOrder } from './orders.ts'
import type { Clock } from './ports.ts'
import type { Recording } from './recording.ts'

/** So long an order's link is not sent again, however many ask on however many nodes: nobody's mailbox is filled by others. */
const PAUSE_MS = 600_000

/** What is known of an order: its number, short number or reference, and the address that it was made with. */
export interface OrderLookup {
  readonly email: string
  readonly number: string
  readonly by: string
  readonly idempotency: IdempotencyClaim | undefined
}

/** Makes it. */
export function createOrderLookup(parts: { store: Store; clock: Clock; emails: EmailQueue; recording: Recording }) {
  const { clock, emails, recording } = parts

  async function send(writer: Writer, shop: ShopFacts, { email, number, by }: OrderLookup): Promise<void> {
    const found = await orderCalled(writer, shop.id, customerBy(null, email).email ?? '', number.trim())
    const [row] = await lockOrders(writer, shop.id, found ? [found.id] : [])
    if (!row || row.email === null || !emails.isOn(shop) || !shop.settings.email.kinds.includes('order_link')) return
    if (await hasEmailSince(writer, shop.id, { orderId: row.id, kind: 'order_link', since: clock.now() - PAUSE_MS })) return
    const order = parseOrder(row)
    const subject = { kind: 'order_link', recipient: row.email, orderId: row.id, cartId: null } as const
    const [emailId] = await emails.add(writer, shop, [{ ...subject, status: '', language: order.language, by, data: {} }])
    await recording.remember(writer, shop, order, { by, action: 'email', details: { emailId, kind: 'order_link', to: row.email } })
  }

  /** Sends the link if there is such an order and the shop sends e-mails; answers the same either way. */
  return (shop: ShopFacts, lookup: OrderLookup) =>
    once(parts, shop.id, lookup.idempotency, async (writer) => {
      await send(writer, shop, lookup)
      return { sent: true }
    })
}
