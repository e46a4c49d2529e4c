// Stock: what others hold is taken, what one holds oneself is not, and a hold ends at its very millisecond.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { availableTo, cartHolder, demandOf, heldElsewhere } from './stock.ts'

const hold = (holder: string, quantity: number, expiresAt = 1000) => ({ holder, owner: 'g:a', quantity, expiresAt })

it("others' holds are taken, one's own are not", () => {
  const level = { onHand: 10, holds: [hold('a', 3), hold('b', 4), hold('b', 1)] }
  assert.equal(availableTo(['a'], level, 0), 5)
  assert.equal(availableTo(['b'], level, 0), 7)
  assert.equal(availableTo(['c'], level, 0), 2)
})

it('a hold ends at its moment, not after it', () => {
  const level = { onHand: 10, holds: [hold('a', 3, 1000)] }
  assert.equal(availableTo(['b'], level, 999), 7)
  assert.equal(availableTo(['b'], level, 1000), 10)
})

it('nothing is available where more is held than there is', () => {
  assert.equal(availableTo(['b'], { onHand: 2, holds: [hold('a', 3)] }, 0), 0)
  assert.equal(availableTo(['b'], { onHand: -5, holds: [] }, 0), 0)
})

it('lines of one sku are summed, in the order in which rows are locked, and lines without a sku need nothing', () => {
  const lines = [
    { sku: 'b', quantity: 1 },
    { sku: 'a', quantity: 2 },
    { sku: null, quantity: 9 },
    { sku: 'b', quantity: 3 },
    { sku: 'B', quantity: 1 },
  ]
  assert.deepEqual(demandOf(lines.map((line) => ({ ...line, parts: [] }))), [
    ['B', 1],
    ['a', 2],
    ['b', 4],
  ])
})

it('what a cart holds by itself is its own as well as what its order holds', () => {
  const level = { onHand: 10, holds: [hold('a', 3), hold(cartHolder('a'), 2), hold(cartHolder('b'), 4)] }
  assert.equal(availableTo(['a'], level, 0), 6)
  assert.equal(availableTo(['b'], level, 0), 5)
  assert.equal(availableTo(['c'], level, 0), 1)
})

it('what an owner holds elsewhere is by other carts, until it ends', () => {
  const others = { ...hold('d', 5), owner: 'a:robin' }
  const level = { onHand: 10, holds: [hold('a', 3), hold(cartHolder('b'), 2), hold('c', 4, 500), others] }
  assert.equal(heldElsewhere('g:a', ['a'], level, 0), 6)
  assert.equal(heldElsewhere('g:a', ['a'], level, 500), 2)
  assert.equal(heldElsewhere('a:robin', [], level, 0), 5)
})
