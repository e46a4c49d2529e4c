// Fulfilments: no piece is in two of them, none that was cancelled is in any, and what is on its way counts as handed over.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  cancellableQuantity,
  FULFILMENTS_MAX,
  type FulfilmentStep,
  fulfilmentMayMove,
  hasShipment,
  piecesRefusal,
  unpackedPieces,
  withFulfilled,
} from './fulfilment.ts'

const LINES = [
  { id: 'a', quantity: 5, cancelledQuantity: 1, fulfilledQuantity: 0 },
  { id: 'b', quantity: 1, cancelledQuantity: 0, fulfilledQuantity: 0 },
]
const of = (state: FulfilmentStep, quantity: number, lineId = 'a') => ({ state, lines: [{ lineId, quantity }] })

describe('pieces of fulfilments', () => {
  it("what is packed is nobody else's, and what is on its way or arrived counts as handed over", () => {
    const all = [of('PENDING', 1), of('SHIPPED', 1), of('DELIVERED', 1), of('CANCELLED', 4)]
    assert.deepEqual(
      withFulfilled(LINES, all).map((line) => line.fulfilledQuantity),
      [2, 0],
    )
    assert.deepEqual(unpackedPieces(LINES, all), [
      { lineId: 'a', quantity: 1 },
      { lineId: 'b', quantity: 1 },
    ])
  })

  it('what is counted anew does not depend on what was counted before', () => {
    assert.deepEqual(
      withFulfilled([{ id: 'a', quantity: 5, cancelledQuantity: 0, fulfilledQuantity: 4 }], [of('CANCELLED', 4)]).map(
        (line) => line.fulfilledQuantity,
      ),
      [0],
    )
  })

  const refusals: readonly (readonly [what: string, asked: readonly { lineId: string; quantity: number }[], expected: unknown])[] = [
    ['all that is left', [{ lineId: 'a', quantity: 4 }], null],
    [
      'a cancelled piece',
      [{ lineId: 'a', quantity: 5 }],
      { refused: 'fulfilment_too_large', lineId: 'a', asked: 5, available: 4, path: '/lines/0/quantity' },
    ],
    [
      'a line of another order',
      [{ lineId: 'c', quantity: 1 }],
      { refused: 'invalid', path: '/lines/0/lineId', reason: 'no_such_line', lineId: 'c' },
    ],
    [
      'a line twice',
      [
        { lineId: 'a', quantity: 3 },
        { lineId: 'a', quantity: 3 },
      ],
      { refused: 'invalid', path: '/lines/1/lineId', reason: 'named_twice', lineId: 'a' },
    ],
    ['nothing', [], { refused: 'fulfilment_too_large', reason: 'nothing_is_left', path: '/lines' }],
  ]
  for (const [what, asked, expected] of refusals)
    it(`a fulfilment of ${what} is ${expected === null ? 'possible' : 'refused'}`, () =>
      assert.deepEqual(piecesRefusal(LINES, [], asked), expected))

  it('an order has at most so many fulfilments, so that packing and cancelling does not go on for ever', () => {
    const others = Array.from({ length: FULFILMENTS_MAX }, () => of('CANCELLED', 1))
    assert.equal(piecesRefusal(LINES, others.slice(1), [{ lineId: 'a', quantity: 1 }]), null)
    assert.equal(piecesRefusal(LINES, others, [{ lineId: 'a', quantity: 1 }])?.reason, 'too_many_fulfilments')
  })

  it('what was handed over cannot be cancelled any more', () => {
    assert.equal(cancellableQuantity({ quantity: 5, cancelledQuantity: 1, fulfilledQuantity: 3 }), 1)
  })
})

describe('states of fulfilments', () => {
  it('move on, and back only by being cancelled before they arrive', () => {
    const steps = ['PENDING', 'SHIPPED', 'DELIVERED', 'CANCELLED'] as const
    const moves = steps.flatMap((from) => steps.filter((to) => fulfilmentMayMove(from, to)).map((to) => `${from} ${to}`))
    assert.deepEqual(moves, ['PENDING SHIPPED', 'PENDING DELIVERED', 'PENDING CANCELLED', 'SHIPPED DELIVERED', 'SHIPPED CANCELLED'])
  })

  it('a shipment is on its way and names carrier and tracking number', () => {
    const known = { carrier: 'Post', trackingNumber: '1Z' }
    assert.equal(hasShipment([{ state: 'SHIPPED', ...known }]), true)
    assert.equal(
      hasShipment([
        { state: 'PENDING', ...known },
        { state: 'CANCELLED', ...known },
      ]),
      false,
    )
    assert.equal(hasShipment([{ state: 'SHIPPED', ...known, trackingNumber: null }]), false)
  })
})
