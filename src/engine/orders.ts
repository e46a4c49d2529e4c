// Orders as they are served: the frozen document with its payments and refunds.
import { liftOrder, type Order, type ServedOrder, type ServedPayment } from '../core/order.ts'
import { rfc3339 } from '../core/time.ts'
import { paymentsOf, refundsOf } from '../store/orders.ts'
import type { Reader } from '../store/store.ts'
import type { OrderTable, PaymentTable } from '../store/tables.ts'

/** The order in a row, as this code knows orders. */
export function parseOrder(row: Pick<OrderTable, 'document'>): Order {
  return liftOrder(JSON.parse(row.document) as Order)
}

/** Orders of one shop as they are served, with two statements however many there are. */
export async function serveOrders(
  reader: Reader,
  rows: readonly Pick<OrderTable, 'document' | 'id' | 'shop_id'>[],
): Promise<ServedOrder[]> {
  const shopId = rows[0]?.shop_id
  if (shopId === undefined) return []
  const ids = rows.map((row) => row.id)
  const payments = await paymentsOf(reader, shopId, ids)
  const refunds = await refundsOf(reader, shopId, ids)
  return rows.map((row) => ({
    ...told(parseOrder(row)),
    payments: payments.filter((payment) => payment.order_id === row.id).map(servePayment),
    refunds: refunds
      .filter((refund) => refund.order_id === row.id)
      .map((refund) => ({
        id: refund.id,
        paymentId: refund.payment_id,
        amount: { amount: refund.amount, currency: refund.currency },
        state: refund.state,
      })),
  }))
}

function told({ format: _, ...order }: Order): Omit<Order, 'format'> {
  return order
}

function servePayment(payment: PaymentTable): ServedPayment {
  return {
    id: payment.id,
    provider: payment.provider,
    state: payment.state as ServedPayment['state'],
    amount: { amount: payment.amount, currency: payment.currency },
    reason: payment.reason,
    createdAt: rfc3339(payment.created_at),
    updatedAt: rfc3339(payment.updated_at),
  }
}
