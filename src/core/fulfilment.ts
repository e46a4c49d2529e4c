// A fulfilment is one parcel, or one handing over: some pieces of some lines of an order, with what tells where they are. Pieces that are packed
// (PENDING) are nobody else's; they count as handed over once they are on their way.
import { type Refusal, refuse } from './refusal.ts'

/** PENDING → SHIPPED → DELIVERED; CANCELLED from the first two gives the pieces back. */
export type FulfilmentStep = 'PENDING' | 'SHIPPED' | 'DELIVERED' | 'CANCELLED'

const MOVES: Readonly<Record<FulfilmentStep, readonly FulfilmentStep[]>> = {
  PENDING: ['SHIPPED', 'DELIVERED', 'CANCELLED'],
  SHIPPED: ['DELIVERED', 'CANCELLED'],
  DELIVERED: [],
  CANCELLED: [],
}

/** Whether a fulfilment may move from one state to another. */
export function fulfilmentMayMove(from: FulfilmentStep, to: FulfilmentStep): boolean {
  return MOVES[from].includes(to)
}

/** So many pieces of a line. */
export interface Pieces {
  readonly lineId: string
  readonly quantity: number
}

/** What is known of where it is; times are RFC 3339. */
export interface FulfilmentDetails {
  readonly lines: readonly Pieces[]
  readonly carrier: string | null
  readonly trackingNumber: string | null
  readonly trackingUrl: string | null
  readonly expectedAt: string | null
  readonly shippedAt: string | null
  readonly deliveredAt: string | null
  /** Words that the customer may read. */
  readonly note: string | null
}

/** A fulfilment of which nothing was told yet. */
export const UNTOLD: Omit<FulfilmentDetails, 'lines'> = {
  carrier: null,
  trackingNumber: null,
  trackingUrl: null,
  expectedAt: null,
  shippedAt: null,
  deliveredAt: null,
  note: null,
}

/** A fulfilment as it is served. */
export interface Fulfilment extends FulfilmentDetails {
  readonly id: string
  readonly state: FulfilmentStep
  readonly createdAt: string
  readonly updatedAt: string
}

/** What of a line its fulfilments depend on. */
interface Line {
  readonly id: string
  readonly quantity: number
  readonly cancelledQuantity: number
  readonly fulfilledQuantity: number
}

type Stage = Pick<Fulfilment, 'state' | 'lines'>

/** The lines of an order with what these fulfilments, all of the order, handed over of them. */
export function withFulfilled<L extends Line>(lines: readonly L[], fulfilments: readonly Stage[]): L[] {
  const handedOver = piecesOf(fulfilments.filter(({ state }) => state === 'SHIPPED' || state === 'DELIVERED'))
  return lines.map((line) => ({ ...line, fulfilledQuantity: handedOver.get(line.id) ?? 0 }))
}

/** What is still to be packed of an order: what is neither cancelled nor in one of its other fulfilments. */
export function unpackedPieces(lines: readonly Line[], others: readonly Stage[]): Pieces[] {
  const packed = piecesOf(others.filter(({ state }) => state !== 'CANCELLED'))
  return lines.flatMap(({ id, quantity, cancelledQuantity }) => {
    const left = quantity - cancelledQuantity - (packed.get(id) ?? 0)
    return left > 0 ? [{ lineId: id, quantity: left }] : []
  })
}

/** An order has at most so many fulfilments, cancelled ones included. */
export const FULFILMENTS_MAX = 500

/** Why a fulfilment cannot have these pieces beside the others of its order; null when it can. */
export function piecesRefusal(lines: readonly Line[], others: readonly Stage[], asked: readonly Pieces[]): Refusal | null {
  if (others.length >= FULFILMENTS_MAX) return refuse('fulfilment_too_large', { reason: 'too_many_fulfilments', max: FULFILMENTS_MAX })
  if (asked.length === 0) return refuse('fulfilment_too_large', { reason: 'nothing_is_left', path: '/lines' })
  const left = new Map(unpackedPieces(lines, others).map(({ lineId, quantity }) => [lineId, quantity]))
  const named = new Set<string>()
  for (const [index, { lineId, quantity }] of asked.entries()) {
    const path = `/lines/${index}`
    if (!lines.some((line) => line.id === lineId)) return refuse('invalid', { path: `${path}/lineId`, reason: 'no_such_line', lineId })
    if (named.has(lineId)) return refuse('invalid', { path: `${path}/lineId`, reason: 'named_twice', lineId })
    named.add(lineId)
    const available = left.get(lineId) ?? 0
    if (quantity > available) return refuse('fulfilment_too_large', { lineId, asked: quantity, available, path: `${path}/quantity` })
  }
  return null
}

/** How many pieces of a line nobody has handed over: those may still be cancelled. */
export function cancellableQuantity({ quantity, cancelledQuantity, fulfilledQuantity }: Omit<Line, 'id'>): number {
  return Math.max(0, quantity - cancelledQuantity - fulfilledQuantity)
}

/** Whether pieces are on their way with a carrier who can be asked for them. */
export function hasShipment(fulfilments: readonly Pick<Fulfilment, 'state' | 'carrier' | 'trackingNumber'>[]): boolean {
  return fulfilments.some(
    ({ state, carrier, trackingNumber }) => (state === 'SHIPPED' || state === 'DELIVERED') && carrier !== null && trackingNumber !== null,
  )
}

function piecesOf(fulfilments: readonly Stage[]): Map<string, number> {
  const pieces = new Map<string, number>()
  for (const { lineId, quantity } of fulfilments.flatMap(({ lines }) => lines)) pieces.set(lineId, (pieces.get(lineId) ?? 0) + quantity)
  return pieces
}
