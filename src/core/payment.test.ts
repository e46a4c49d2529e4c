// Payments move along the arrows of this table and along no other: a late or repeated message never undoes a good payment.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { isCovered, isRunning, mayMove, type PaymentAttemptState } from './payment.ts'

const STATES = ['OPENING', 'PENDING', 'AUTHORIZED', 'PAID', 'FAILED', 'CANCELLED', 'REFUNDED'] as const satisfies PaymentAttemptState[]

// Rows are where from, columns where to, in the order of STATES; x may, . may not.
const TABLE: Readonly<Record<PaymentAttemptState, string>> = {
  OPENING: '. x x x x x .',
  PENDING: '. . x x x x .',
  AUTHORIZED: '. . . x . x x',
  PAID: '. . . . . . x',
  FAILED: '. x x x . x .',
  CANCELLED: '. . x x . . .',
  REFUNDED: '. . . . . . .',
}

for (const from of STATES) {
  it(`${from} moves to ${TABLE[from]}`, () => {
    assert.equal(STATES.map((to) => (mayMove(from, to) ? 'x' : '.')).join(' '), TABLE[from])
  })
}

it('money is there when it is reserved or taken, and the shopper can pay while a session is open', () => {
  assert.deepEqual(STATES.filter(isCovered), ['AUTHORIZED', 'PAID'])
  assert.deepEqual(STATES.filter(isRunning), ['OPENING', 'PENDING'])
})
