// Staff edits placed orders. What an edit makes of an order is decided in core/editing.ts, outside of any transaction, because outside engines may
// be asked; it is kept only if the order is still the one that was looked at. Locks: the order, promotions, stock.
import { customerOf } from '../core/customer.ts'
import { applyEdit, demandChange, type Edited, type OrderEdit, repricing } from '../core/editing.ts'
import { fulfilmentStateOf, type Order, rechargeRefusal } from '../core/order.ts'
import type { PastRefund } from '../core/refund.ts'
import { isRefusal, priceChanged, type Refusal, refuse } from '../core/refusal.ts'
import { lockOrders, readOrder, refundsOf } from '../store/orders.ts'
import { changeRedemptions } from '../store/redemptions.ts'
import { insertRevision } from '../store/revisions.ts'
import { lockStock, takeStock } from '../store/stock.ts'
import type { Reader, Store, Writer } from '../store/store.ts'
import type { OrderTable } from '../store/tables.ts'
import { buyerOf, type FactsCache, type ShopFacts } from './facts.ts'
import { type IdempotencyClaim, type Once, once } from './once.ts'
import { parseOrder, paymentStateNow } from './orders.ts'
import { type Placement, usedPromotions } from './placing.ts'
import type { Clock } from './ports.ts'
import type { Quoting } from './quotes.ts'
import type { Recording } from './recording.ts'
import { pastRefund } from './refunding.ts'

/** How often an edit begins anew because the order changed meanwhile. */
const ATTEMPTS = 5

/** An edit of one order. */
export interface EditRequest {
  readonly shopId: string
  readonly orderId: string
  readonly edit: OrderEdit
  /** Who edits, as histories name it, and why. */
  readonly by: string
  readonly message: string | null
  /** The version that was looked at. */
  readonly ifMatch?: number | undefined
  /** What the order must cost afterwards, in minor units: what the preview said. */
  readonly expectedTotal?: number | undefined
  readonly idempotency?: IdempotencyClaim | undefined
}

/** What is remembered of an edit and answered, also when it is repeated. */
export interface EditOutcome extends Pick<Edited, 'difference' | 'warnings'> {
  readonly orderId: string
}

/** What a revision says of the edit that made it, beside who and when. */
export interface RevisionEntry extends Pick<Edited, 'difference'> {
  readonly message: string | null
  readonly recalculate: NonNullable<OrderEdit['recalculate']>
}

/** The order changed between looking at it and locking it. */
class Again extends Error {}

/** Editing of orders. */
export type Editing = ReturnType<typeof createEditing>

/** Makes it. */
export function createEditing(parts: {
  store: Store
  facts: FactsCache
  quotes: Quoting
  clock: Clock
  placement: Placement
  recording: Recording
}) {
  const { store, facts: cache, quotes, clock, placement, recording } = parts

  /** The order as an edit would make it; nothing is written, and what stands in the way is told in `errors`. */
  async function preview(shopId: string, orderId: string, edit: OrderEdit): Promise<{ row: OrderTable; edited: Edited } | Refusal> {
    const looked = await look(shopId, orderId, edit)
    if (isRefusal(looked)) return looked
    const { row, edited } = looked
    return { row, edited: { ...edited, order: await standing(store.reader, edited.order) } }
  }

  /** Edits an order, all or nothing. */
  async function apply(request: EditRequest): Promise<Once<EditOutcome> | Refusal> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      try {
        // Looking comes first because engines are asked outside of transactions; a repeated request is answered from what is recorded.
        const looked = await look(request.shopId, request.orderId, request.edit)
        return await once(parts, request.shopId, request.idempotency, (writer) => keep(writer, request, looked))
      } catch (error) {
        if (!(error instanceof Again)) throw error
      }
    }
    return refuse('overloaded', { retryAfter: 1 })
  }

  async function look(
    shopId: string,
    orderId: string,
    edit: OrderEdit,
  ): Promise<{ shop: ShopFacts; row: OrderTable; refunds: readonly PastRefund[]; edited: Edited } | Refusal> {
    const shop = await cache.shop(shopId)
    if (!shop) return refuse('shop_not_found', { shopId })
    const row = await readOrder(store.reader, shopId, orderId)
    if (!row) return refuse('order_not_found', { orderId })
    const order = parseOrder(row)
    const forbidden = editable(order)
    if (forbidden) return forbidden
    const codes = order.codes.map(({ code }) => code)
    const parts = order.lines.flatMap((line) => line.parts.map((part) => part.sku))
    const skus = [...order.lines, ...(edit.lines?.add ?? [])].flatMap((line) => line.sku ?? [])
    const after = { owner: order.owner, email: edit.email === undefined ? order.email : edit.email }
    const wanted = [...new Set([...skus, ...parts])]
    await cache.collect(shop, wanted, codes, [])
    const facts = await cache.fresh(store.reader, shop, codes, wanted, { holders: [order.id], buyer: buyerOf(after) })
    const refunds = (await refundsOf(store.reader, shopId, [orderId])).map(pastRefund)
    const asked = shop.asksOutside ? repricing(order, edit, facts, refunds) : null
    if (!asked) return { shop, row, refunds, edited: applyEdit(order, edit, facts, refunds) }
    const settled = await quotes.settle(shop, asked.cart, asked.facts, { keeps: false, insists: true })
    const answered = isRefusal(settled) ? facts : { ...facts, quotes: settled.facts.quotes }
    return { shop, row, refunds, edited: applyEdit(order, edit, answered, refunds) }
  }

  /** Under the order's lock: the order is still the one that was looked at, and everything that follows from the edit is written with it. */
  async function keep(
    writer: Writer,
    request: EditRequest,
    looked: { shop: ShopFacts; row: OrderTable; refunds: readonly PastRefund[]; edited: Edited } | Refusal,
  ): Promise<EditOutcome | Refusal> {
    if (isRefusal(looked)) return looked
    const { shop, edited } = looked
    const { shopId, orderId, ifMatch, expectedTotal, by, message } = request
    const [row] = await lockOrders(writer, shopId, [orderId])
    if (!row) return refuse('order_not_found', { orderId })
    if (ifMatch !== undefined && row.version !== ifMatch) return refuse('stale_version', { expected: ifMatch, current: row.version })
    // A refund that was only asked for changes no version.
    const refunds = (await refundsOf(writer, shopId, [orderId])).map(pastRefund)
    if (row.version !== looked.row.version || JSON.stringify(refunds) !== JSON.stringify(looked.refunds)) throw new Again()
    const [first] = edited.errors
    if (first) return { ...first, errors: edited.errors }
    const { total } = edited.order
    if (expectedTotal !== undefined && expectedTotal !== total.amount)
      return priceChanged({ amount: expectedTotal, currency: total.currency }, total)
    const outcome = { orderId, difference: edited.difference, warnings: edited.warnings }
    if (!edited.isChanged) return outcome
    const order = parseOrder(row)
    const refused = await settle(writer, order, edited.order)
    if (refused) return refused
    const revision = order.revision + 1
    const recalculate = request.edit.recalculate ?? 'none'
    const entry: RevisionEntry = { message, recalculate, difference: edited.difference }
    const at = clock.now()
    const kept = { shop_id: shopId, order_id: orderId, revision, at, actor: by, entry: JSON.stringify(entry), document: row.document }
    await insertRevision(writer, kept)
    const next = await standing(writer, { ...edited.order, revision })
    const homeless = rechargeRefusal(order.owner, next.lines, shop.settings)
    if (homeless) return homeless
    const spent = await recording.followBalance(writer, shop, order, next, { by, overdraws: false })
    if (spent) return spent
    await recording.change(writer, shop, order, next, {
      by,
      action: 'edit',
      message,
      details: { revision, recalculate, difference: edited.difference.total },
      events: ['order.updated'],
    })
    return outcome
  }

  /** Uses of promotions and stock follow the order: what it takes more must be there, what it takes less goes back. */
  async function settle(writer: Writer, before: Order, after: Order): Promise<Refusal | null> {
    const { shopId, id, currency } = after
    const now = clock.now()
    const uses = usedPromotions(after)
    if (JSON.stringify(uses) !== JSON.stringify(usedPromotions(before))) {
      const missing = await changeRedemptions(writer, shopId, { id, currency, customer: customerOf(after) }, uses, now)
      if (missing) return refuse('code_exhausted', { promotionCode: missing.code, reason: missing.reason, path: '/codes' })
    }
    const change = demandChange(before, after)
    const skus = change.map(([sku]) => sku)
    await lockStock(writer, shopId, skus)
    const more = change.filter(([, quantity]) => quantity > 0)
    const short = await placement.hold(writer, shopId, more, id)
    if (isRefusal(short)) return short
    await takeStock(writer, shopId, change, 1, now)
    return null
  }

  return { preview, apply }
}

/** An edited order as it stands then: how much of it was handed over, and how its money is. */
async function standing(reader: Reader, order: Order): Promise<Order> {
  return { ...order, fulfilmentState: fulfilmentStateOf(order.lines), paymentState: await paymentStateNow(reader, order) }
}

/** What awaits payment is still a cart; what is over stays as it is. */
function editable({ id, state, cartId }: Order): Refusal | null {
  if (state === 'PLACED') return null
  const hint = state === 'NEW' ? { reason: 'edit_its_cart', cartId } : {}
  return refuse('order_state_forbids', { orderId: id, state, action: 'edit', ...hint })
}
