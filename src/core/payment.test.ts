// How the money of an order stands follows from its payments and refunds, whatever happened in which order.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Attempt, moneyOf, orderPaymentState, type Return } from './payment.ts'

const attempt = (id: string, state: Attempt['state'], captured = 0, amount = 100): Attempt => ({ id, state, amount, captured })
const back = (paymentId: string, amount: number, state: Return['state'] = 'SUCCEEDED'): Return => ({ paymentId, amount, state })

const CASES: readonly [says: string, total: number, payments: Attempt[], refunds: Return[], state: string, outstanding: number][] = [
  ['nothing is owed and nobody paid', 0, [], [], 'PAID', 0],
  ['something is owed and nobody was asked', 100, [], [], 'NONE', 100],
  ['a session is being opened', 100, [attempt('a', 'OPENING')], [], 'PENDING', 100],
  ['a refused card, and a session that is open', 100, [attempt('a', 'FAILED'), attempt('b', 'PENDING')], [], 'PENDING', 100],
  ['refused cards only', 100, [attempt('a', 'FAILED'), attempt('b', 'CANCELLED')], [], 'FAILED', 100],
  ['nothing is owed and a card was verified', 0, [attempt('a', 'PAID', 0, 0)], [], 'PAID', 0],
  ['a card was verified for nothing, and the order costs something since', 50, [attempt('a', 'PAID', 0, 0)], [], 'NONE', 50],
  ['a card could not be verified', 0, [attempt('a', 'FAILED', 0, 0)], [], 'FAILED', 0],
  ['money is reserved', 100, [attempt('a', 'AUTHORIZED')], [], 'AUTHORIZED', 100],
  ['reserved money was set free', 100, [attempt('a', 'REFUNDED')], [back('a', 100)], 'REFUNDED', 100],
  ['paid', 100, [attempt('a', 'PAID', 100)], [], 'PAID', 0],
  ['a part was taken', 100, [attempt('a', 'PAID', 40)], [], 'PARTIALLY_PAID', 60],
  ['paid, and the order costs more since', 150, [attempt('a', 'PAID', 100)], [], 'PARTIALLY_PAID', 50],
  ['paid, and the order costs less since', 70, [attempt('a', 'PAID', 100)], [], 'PAID', -30],
  ['a part went back', 100, [attempt('a', 'PAID', 100)], [back('a', 30)], 'PARTIALLY_REFUNDED', 30],
  [
    'a part is to go back, another could not',
    100,
    [attempt('a', 'PAID', 100)],
    [back('a', 30, 'PENDING'), back('a', 9, 'FAILED')],
    'PAID',
    0,
  ],
  ['a part was taken, and a part of that went back', 100, [attempt('a', 'PAID', 50)], [back('a', 20)], 'PARTIALLY_PAID', 70],
  ['paid, a part went back, and the order costs more since', 120, [attempt('a', 'PAID', 100)], [back('a', 30)], 'PARTIALLY_PAID', 50],
  [
    'paid in two, the second went back',
    100,
    [attempt('a', 'PAID', 60, 60), attempt('b', 'REFUNDED', 40, 40)],
    [back('b', 40)],
    'PARTIALLY_REFUNDED',
    40,
  ],
  ['everything went back', 100, [attempt('a', 'REFUNDED', 100)], [back('a', 60), back('a', 40)], 'REFUNDED', 100],
  ['paid twice, one went back', 100, [attempt('a', 'PAID', 100), attempt('b', 'REFUNDED', 100)], [back('b', 100)], 'PAID', 0],
]

for (const [says, total, payments, refunds, state, outstanding] of CASES) {
  test(says, () => {
    assert.equal(orderPaymentState(total, payments, refunds), state)
    assert.equal(orderPaymentState(total, payments.toReversed(), refunds.toReversed()), state)
    assert.equal(moneyOf(total, payments, refunds).outstanding, outstanding)
  })
}
