// Pieces of a placed order's lines: some are cancelled, with their money and their stock, or a line is split so that its pieces can go different
// ways. What was bought stays as it was frozen; `cancelledTotal` says what of it is not owed any more.
import type { Order } from '../core/order.ts'
import { cancelledAmount, isEverything, NO_CONTENT, type Pieces, restockedSince, withoutPieces } from '../core/refund.ts'
import { isRefusal, type Refusal, refuse } from '../core/refusal.ts'
import { splitLine } from '../core/split.ts'
import { lockOrders, readOrder } from '../store/orders.ts'
import type { Store, Writer } from '../store/store.ts'
import type { RefundTable } from '../store/tables.ts'
import type { Cancelling, Checkout } from './checkout.ts'
import type { FactsCache, ShopFacts } from './facts.ts'
import { findRecorded, type Once, once } from './once.ts'
import { type Books, booksOf, parseOrder, paymentStateNow } from './orders.ts'
import { putBack } from './placing.ts'
import type { Clock, Randomness } from './ports.ts'
import type { Recording } from './recording.ts'
import { leftOfPayment, pastRefund } from './refunding.ts'
import type { Asking, Refunds } from './refunds.ts'

/** How often cancelling starts again because the order changed meanwhile, before it is refused. */
const ATTEMPTS = 10

/** What became of cancelling: with the last pieces the whole order is cancelled. */
type Cancelled = Once<{ readonly orderId: string }>

/** Changes pieces of orders. */
export type OrderLines = ReturnType<typeof createOrderLines>

/** Makes it. */
export function createOrderLines(parts: {
  store: Store
  facts: FactsCache
  clock: Clock
  random: Randomness
  recording: Recording
  refunds: Refunds
  checkout: Pick<Checkout, 'cancel'>
}) {
  const { store, facts, clock, random, recording, refunds, checkout } = parts

  /**
   * Cancels pieces of a placed order. When nothing is left of it, the whole order is cancelled, and all that is left of its money goes back,
   * shipping too.
   */
  async function cancel(
    shopId: string,
    orderId: string,
    pieces: Pieces,
    how: Cancelling & Pick<Asking, 'claim'>,
  ): Promise<Cancelled | Refusal> {
    const shop = await facts.shop(shopId)
    if (!shop) return refuse('shop_not_found', { shopId })
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const known = await findRecorded({ store, clock }, shopId, how.claim)
      if (isRefusal(known)) return known
      if (known) return { value: { orderId }, replayed: known }
      const before = await readOrder(store.reader, shopId, orderId)
      if (!before) return refuse('order_not_found', { orderId })
      const order = parseOrder(before)
      // Also when that was done already: whoever repeats it, because no answer came, is told the same again.
      const isItsEnd = order.state === 'PLACED' || order.state === 'CANCELLED'
      if (isItsEnd && isEverything(order.lines, pieces)) return cancelWhole(shopId, orderId, how)
      const done = await cancelPieces(shop, orderId, pieces, how)
      if (done !== 'again') return done
    }
    return refuse('overloaded', { retryAfter: 1 })
  }

  /** Cancelling a whole order goes on where it stopped when it is repeated: the key is bound to the request once that succeeded. */
  async function cancelWhole(shopId: string, orderId: string, how: Parameters<typeof cancel>[3]): Promise<Cancelled | Refusal> {
    const cancelled = await checkout.cancel(shopId, orderId, how)
    if (isRefusal(cancelled)) return cancelled
    return once({ store, clock }, shopId, how.claim, async () => ({ orderId }))
  }

  async function cancelPieces(
    shop: ShopFacts,
    orderId: string,
    pieces: Pieces,
    how: Parameters<typeof cancel>[3],
  ): Promise<Cancelled | Refusal | 'again'> {
    let written: RefundTable[] = []
    let isWhole = false
    const done = await once({ store, clock }, shop.id, how.claim, async (writer) => {
      written = []
      const order = await lockPlaced(writer, shop.id, orderId, 'cancel_lines')
      if (isRefusal(order)) return order
      // Others cancelled the rest meanwhile: rolled back, and begun anew with the whole order.
      isWhole = isEverything(order.lines, pieces)
      if (isWhole) return refuse('overloaded', { retryAfter: 1 })
      const rows = await take(writer, shop, order, pieces, how)
      if (isRefusal(rows)) return rows
      written = rows
      return { orderId }
    })
    if (isWhole) return 'again'
    if (!isRefusal(done) && !done.replayed) await refunds.send(written)
    return done
  }

  /** Under the order's lock: the pieces are cancelled, their stock goes back, and what was paid for them is to go back. */
  async function take(
    writer: Writer,
    shop: ShopFacts,
    order: Order,
    pieces: Pieces,
    { by, message = null, refund = 'full', restock = true, overdraws = false }: Parameters<typeof cancel>[3],
  ): Promise<RefundTable[] | Refusal> {
    const books = await booksOf(writer, order)
    const next = withoutPieces(order, pieces, books.refunds.map(pastRefund), restock)
    if (isRefusal(next)) return next
    const { content, ...patch } = next
    const rows = refund === 'full' ? await giveBack(writer, order, books, content, by) : []
    if (isRefusal(rows)) return rows
    await putBack(writer, shop.id, restockedSince(order.lines, patch.lines), clock.now())
    const changed = { ...order, ...patch }
    const spent = await recording.followBalance(writer, shop, order, changed, { by, overdraws })
    if (spent) return spent
    await recording.change(
      writer,
      shop,
      order,
      { ...patch, paymentState: await paymentStateNow(writer, changed) },
      {
        by,
        action: 'cancel_lines',
        message,
        details: { lines: pieces, refund, restock, refunds: rows.map(({ id, amount, currency }) => ({ id, amount, currency })) },
        events: ['order.updated'],
      },
    )
    return rows
  }

  /**
   * What was paid for cancelled pieces goes back. What was not taken yet is not taken any more: it makes up for the pieces first, and what then is
   * to go back is for no piece in particular.
   */
  async function giveBack(
    writer: Writer,
    order: Order,
    books: Books,
    content: Parameters<Refunds['intend']>[3]['content'],
    by: string,
  ): Promise<RefundTable[] | Refusal> {
    const worth = content.lines.reduce((sum, line) => sum + line.amount, 0)
    const captured = books.payments.reduce((sum, each) => sum + each.captured, 0)
    const unpaid = Math.max(0, order.total.amount - cancelledAmount(order) - captured)
    const left = books.payments.reduce((sum, each) => (each.captured > 0 ? sum + leftOfPayment(each, books.refunds) : sum), 0)
    const amount = Math.min(Math.max(0, worth - unpaid), left)
    if (amount === 0) return []
    return refunds.intend(writer, order, books, {
      amount,
      content: amount === worth ? content : { ...NO_CONTENT, overpaid: amount },
      by,
      reason: 'lines_cancelled',
    })
  }

  /** One line becomes two; answers the new one's id. */
  async function split(
    shopId: string,
    orderId: string,
    lineId: string,
    quantity: number,
    { by, claim }: Asking,
  ): Promise<Once<{ lineId: string }> | Refusal> {
    const shop = await facts.shop(shopId)
    if (!shop) return refuse('shop_not_found', { shopId })
    return once({ store, clock }, shopId, claim, async (writer) => {
      const order = await lockPlaced(writer, shopId, orderId, 'split')
      if (isRefusal(order)) return order
      const { refunds: past } = await booksOf(writer, order)
      const newId = random.id('ln')
      const lines = splitLine(order.lines, lineId, quantity, newId, past.map(pastRefund))
      if (isRefusal(lines)) return lines
      const details = { lineId, quantity, newLineId: newId }
      await recording.change(writer, shop, order, { lines }, { by, action: 'split', details, events: ['order.updated'] })
      return { lineId: newId }
    })
  }

  async function lockPlaced(writer: Writer, shopId: string, orderId: string, action: string): Promise<Order | Refusal> {
    const [row] = await lockOrders(writer, shopId, [orderId])
    if (!row) return refuse('order_not_found', { orderId })
    const order = parseOrder(row)
    return order.state === 'PLACED' ? order : refuse('order_state_forbids', { orderId, state: order.state, action })
  }

  return { cancel, split }
}
