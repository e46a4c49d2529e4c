// What an order adds to its owner's balance: never more than its recharges are worth, whatever else happens to it, and nothing twice.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { cartWith, done, factsOf, line, variantOf } from '../../test/facts.ts'
import { creditsOf, mayCredit } from './balance.ts'
import { type OrderLine, type OrderState, orderLinesOf } from './order.ts'
import { priceCart } from './pricing.ts'
import type { PastRefund } from './refund.ts'

const CARD = variantOf('CARD', {}, { kind: 'recharge', recharge: { currency: 'USD', presets: [500], allowCustom: true } })
const FACTS = factsOf({ variants: [variantOf('MUG', 900), CARD] })
const CART = cartWith(FACTS, [line('CARD', 4, { id: 'ln_c', amount: 500 }), line('CARD', 2, { id: 'ln_d', amount: 30 }), line('MUG', 3)])
const { lines: priced, total } = done(priceCart(CART, FACTS)).cart
const LINES = orderLinesOf(priced)
const PAID = { captured: total.amount, goingBack: 0 }
const NOTHING = new Map<string, number>()
const lineOf = (sku: string, amount: number) =>
  LINES.find((each) => each.sku === sku && each.amount?.amount === amount) ?? assert.fail(`${sku} of ${amount}`)

function order(state: OrderState = 'PLACED', lines: readonly OrderLine[] = LINES) {
  return { state, total, lines }
}

function refundOf(lineId: string, quantity: number, state: PastRefund['state'] = 'PENDING'): PastRefund {
  const content = { lines: [{ lineId, quantity, amount: 500 * quantity, restocked: false }], shipping: 0 }
  return { id: 'rf', groupId: 'rf', paymentId: 'pay', state, amount: 500 * quantity, content }
}

describe('what an order adds to a balance', () => {
  const card = lineOf('CARD', 500)
  const small = lineOf('CARD', 30)

  it('is the amount of each recharge line times its pieces, and nothing for anything else', () => {
    assert.deepEqual(creditsOf(order(), PAID, [], NOTHING), [
      { lineId: card.id, amount: 2000 },
      { lineId: small.id, amount: 60 },
    ])
  })

  it('is nothing while a minor unit is owed, before it is placed, and once everything went back', () => {
    assert.deepEqual(creditsOf(order(), { captured: total.amount - 1, goingBack: 0 }, [], NOTHING), [])
    for (const state of ['NEW', 'SUPERSEDED', 'EXPIRED', 'CANCELLED'] as const)
      assert.deepEqual(creditsOf(order(state), PAID, [], NOTHING), [])
    assert.deepEqual(creditsOf(order(), { captured: total.amount, goingBack: total.amount }, [], NOTHING), [])
  })

  it('counts pieces that were cancelled and given back once, and pieces of a refund that failed not at all', () => {
    const lines = LINES.map((each) => (each.id === card.id ? { ...each, cancelledQuantity: 1 } : each))
    const added = (refunds: readonly PastRefund[]) =>
      creditsOf(order('PLACED', lines), PAID, refunds, NOTHING).find((each) => each.lineId === card.id)?.amount
    assert.deepEqual([added([]), added([refundOf(card.id, 1)]), added([refundOf(card.id, 3)])], [1500, 1500, 500])
    assert.equal(added([refundOf(card.id, 3, 'FAILED')]), 1500)
  })

  it('is settled by what it says, whatever happened before: asked again, nothing is left to do', () => {
    const pieces = fc.integer({ min: 0, max: 4 })
    const states = fc.constantFrom<OrderState>('PLACED', 'COMPLETED', 'CANCELLED')
    const happening = fc.record({ state: states, cancelled: pieces, refunded: pieces, captured: fc.constantFrom(0, PAID.captured) })
    fc.assert(
      fc.property(fc.array(happening, { minLength: 1, maxLength: 8 }), (happenings) => {
        const credited = new Map<string, number>()
        for (const { state, cancelled, refunded, captured } of happenings) {
          const lines = LINES.map((each) => (each.id === card.id ? { ...each, cancelledQuantity: cancelled } : each))
          const now = () => creditsOf(order(state, lines), { captured, goingBack: 0 }, [refundOf(card.id, refunded)], credited)
          for (const { lineId, amount } of now()) credited.set(lineId, (credited.get(lineId) ?? 0) + amount)
          assert.deepEqual(now(), [])
          const worth = state === 'CANCELLED' ? 0 : 500 * (4 - Math.max(cancelled, refunded))
          assert.ok((credited.get(card.id) ?? 0) <= worth)
          if (captured > 0) assert.equal(credited.get(card.id) ?? 0, worth)
        }
      }),
    )
  })

  it('begins with what pays it: an order that was paid long ago adds nothing when it is handed over', () => {
    const unpaid = { state: 'PLACED', paymentState: 'PENDING', revision: 1 } as const
    const paid = { ...unpaid, paymentState: 'PAID' } as const
    assert.deepEqual(
      [mayCredit(unpaid, paid, false), mayCredit({ ...paid, state: 'NEW' }, paid, false), mayCredit(paid, paid, false)],
      [true, true, false],
    )
    assert.ok(mayCredit(paid, { revision: 2 }, false), 'staff edited what was bought')
    assert.ok(mayCredit(paid, paid, true), 'a refund of it failed')
  })
})
