// Handing over what was ordered: parcels of pieces, under the lock of their order, so that no piece is handed over twice. What follows of it
// (the order's status, its completion) follows where orders are written.
import {
  type Fulfilment,
  type FulfilmentDetails,
  type FulfilmentStep,
  fulfilmentMayMove,
  type Pieces,
  piecesRefusal,
  UNTOLD,
  unpackedPieces,
} from '../core/fulfilment.ts'
import type { Order } from '../core/order.ts'
import { type Refusal, refuse } from '../core/refusal.ts'
import { rfc3339 } from '../core/time.ts'
import { fulfilmentsOf, insertFulfilment, updateFulfilment } from '../store/fulfilments.ts'
import { lockOrders } from '../store/orders.ts'
import type { Store, Writer } from '../store/store.ts'
import type { ShopFacts } from './facts.ts'
import { type IdempotencyClaim, type Once, once } from './once.ts'
import { fulfilmentNow, parseOrder } from './orders.ts'
import type { Clock, Randomness } from './ports.ts'
import type { Recording } from './recording.ts'

/** What is told of a fulfilment; what is absent stays, or is not known. Times are RFC 3339. */
export type FulfilmentWords = { readonly [K in Exclude<keyof FulfilmentDetails, 'lines' | 'deliveredAt'>]?: FulfilmentDetails[K] }

/** Who tells it, and how. */
interface Telling {
  /** As histories name it. */
  readonly by: string
  /** No e-mail is sent for it. */
  readonly quiet: boolean
  readonly claim: IdempotencyClaim | undefined
}

/** Fulfilments of orders. */
export type Fulfilling = ReturnType<typeof createFulfilling>

/** Makes it. */
export function createFulfilling(parts: { store: Store; clock: Clock; random: Randomness; recording: Recording }) {
  const { clock, random, recording } = parts

  /**
   * Adds a fulfilment of these pieces (without `lines` of all that are left). Refuses: `order_state_forbids` unless the order is placed,
   * `fulfilment_too_large` for more than is left.
   */
  function create(
    shop: ShopFacts,
    orderId: string,
    { state, lines, words }: { state: FulfilmentStep; lines: readonly Pieces[] | undefined; words: FulfilmentWords },
    { by, quiet, claim }: Telling,
  ): Promise<Once<{ id: string }> | Refusal> {
    return once(parts, shop.id, claim, async (writer) => {
      const order = await locked(writer, shop, orderId)
      if (!order) return refuse('order_not_found', { orderId })
      if (order.state !== 'PLACED') return refuse('order_state_forbids', { orderId, state: order.state, action: 'fulfil' })
      const others = await fulfilmentsOf(writer, shop.id, [orderId])
      const pieces = lines ?? unpackedPieces(order.lines, others)
      const refused = piecesRefusal(order.lines, others, pieces)
      if (refused) return refused
      const id = random.id('ful')
      const now = clock.now()
      const details = timed({ lines: pieces, ...UNTOLD, ...canonical(words) }, state, now)
      await insertFulfilment(writer, shop.id, orderId, { id, state, details }, now)
      const how = { by, quiet, action: 'fulfil', details: { fulfilmentId: id, state }, events: ['fulfilment.created'] } as const
      await recording.change(writer, shop, order, await fulfilmentNow(writer, order), how)
      return { id }
    })
  }

  /**
   * Changes what is known of a fulfilment and moves it on. What changes how much of the order was handed over is possible only while the order is
   * placed: one that is over keeps what was delivered.
   */
  function update(
    shop: ShopFacts,
    orderId: string,
    fulfilmentId: string,
    { state: asked, words }: { state: FulfilmentStep | undefined; words: FulfilmentWords },
    { by, quiet, claim }: Telling,
  ): Promise<Once<{ id: string }> | Refusal> {
    return once(parts, shop.id, claim, async (writer) => {
      const order = await locked(writer, shop, orderId)
      if (!order) return refuse('order_not_found', { orderId })
      const all = await fulfilmentsOf(writer, shop.id, [orderId])
      const before = all.find((each) => each.id === fulfilmentId)
      if (!before) return refuse('fulfilment_not_found', { orderId, fulfilmentId })
      const refused = moveRefusal(order, before, asked, all)
      if (refused) return refused
      const state = asked ?? before.state
      const { lines, carrier, trackingNumber, trackingUrl, expectedAt, shippedAt, deliveredAt, note } = before
      const kept = { lines, carrier, trackingNumber, trackingUrl, expectedAt, shippedAt, deliveredAt, note }
      const now = clock.now()
      const details = timed({ ...kept, ...canonical(words) }, state, now)
      await updateFulfilment(writer, shop.id, { id: fulfilmentId, state, details }, now)
      const how = { by, quiet, action: 'fulfil', details: { fulfilmentId, state }, events: ['fulfilment.updated'] } as const
      await recording.change(writer, shop, order, await fulfilmentNow(writer, order), how)
      return { id: fulfilmentId }
    })
  }

  function moveRefusal(order: Order, before: Fulfilment, asked: FulfilmentStep | undefined, all: readonly Fulfilment[]): Refusal | null {
    if (asked === undefined || asked === before.state) return null
    const { id: fulfilmentId, state } = before
    if (!fulfilmentMayMove(state, asked))
      return refuse('invalid', { path: '/state', reason: 'no_such_move', fulfilmentId, from: state, to: asked })
    const counts = (step: FulfilmentStep) => step === 'SHIPPED' || step === 'DELIVERED'
    if (counts(state) === counts(asked)) return null
    if (order.state !== 'PLACED') return refuse('order_state_forbids', { orderId: order.id, state: order.state, action: 'fulfil' })
    if (!counts(asked)) return null
    // Pieces may have been cancelled since they were packed.
    const others = all.filter((each) => each.id !== fulfilmentId)
    return piecesRefusal(order.lines, others, before.lines)
  }

  async function locked(writer: Writer, shop: ShopFacts, orderId: string): Promise<Order | null> {
    const [row] = await lockOrders(writer, shop.id, [orderId])
    return row ? parseOrder(row) : null
  }

  /** What is on its way left at some time, and what arrived arrived at some time: now, unless it was told. */
  function timed(details: FulfilmentDetails, state: FulfilmentStep, at: number): FulfilmentDetails {
    if (state !== 'SHIPPED' && state !== 'DELIVERED') return details
    const now = rfc3339(at)
    const deliveredAt = state === 'DELIVERED' ? (details.deliveredAt ?? now) : null
    return { ...details, shippedAt: details.shippedAt ?? now, deliveredAt }
  }

  return { create, update }
}

/** Times in one form, whatever zone they were told in. */
function canonical(words: FulfilmentWords): FulfilmentWords {
  const time = (value: string | null | undefined) => (typeof value === 'string' ? rfc3339(Date.parse(value)) : value)
  const { expectedAt, shippedAt } = words
  return {
    ...words,
    ...(expectedAt === undefined ? {} : { expectedAt: time(expectedAt) ?? null }),
    ...(shippedAt === undefined ? {} : { shippedAt: time(shippedAt) ?? null }),
  }
}
