// Whatever was bought, with discounts of every kind, taxes in prices or on top, and shipping: what is given back in parts sums to what was paid, to the
// minor unit, in whatever portions and order, with failures in between, and after lines were split.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { cartWith, done, factsOf, guestCart, line, promotionOf, refusalOf, variantOf } from '../../test/facts.ts'
import { randomPromotions } from '../../test/random-promotions.ts'
import { LIMITS } from './cart.ts'
import { type Order, type OrderLine, orderLinesOf } from './order.ts'
import { type PricedCart, priceCart } from './pricing.ts'
import {
  cancelledAmount,
  forgivenAmount,
  isEverything,
  lineShare,
  overRefundedLines,
  type PastRefund,
  piecesToRestock,
  refundedOf,
  refundOf,
  retryRefusal,
  shippingShare,
  takenFrom,
  withoutPieces,
  withRestocked,
} from './refund.ts'
import { isRefusal } from './refusal.ts'
import { splitLine } from './split.ts'

type Bought = Pick<Order, 'id' | 'state' | 'total' | 'lines'>

const RUNS = 400
const percents = fc.constantFrom('0', '5.5', '7.7', '19', '33.333', '100')

/** Orders of up to four lines (and gifts) with random promotions, rates of every level, relief from tax, shipping and its floor. */
const bought = fc
  .record({
    lines: fc.array(fc.record({ price: fc.integer({ min: 0, max: 4000 }), quantity: fc.integer({ min: 1, max: 9 }) }), {
      minLength: 1,
      maxLength: 4,
    }),
    promotions: randomPromotions,
    taxes: fc.array(fc.record({ percent: percents, included: fc.boolean() }), { maxLength: 3 }),
    roundingLevel: fc.constantFrom('unit' as const, 'line' as const, 'order' as const),
    rounding: fc.constantFrom('halfUp' as const, 'halfEven' as const, 'halfDown' as const),
    exemptPrices: fc.constantFrom('net' as const, 'gross' as const),
    taxExempt: fc.constantFrom(false, false, true),
    shipping: fc.integer({ min: 0, max: 900 }),
    floor: fc.constantFrom('zero' as const, 'shipping' as const),
  })
  .map(({ lines, promotions, taxes, roundingLevel, rounding, exemptPrices, taxExempt, shipping, floor }) => {
    const rates = taxes.map((tax, index) => ({ name: `T${index}`, tax: `t${index}`, category: 'standard', ...tax }))
    const facts = factsOf({
      variants: [...lines.map(({ price }, index) => variantOf(`SKU-${index}`, price)), variantOf('GIFT', 700)],
      stock: { GIFT: 5 },
      promotions: promotions.map(({ benefit, ...changes }, index) => promotionOf(`promo_${index}`, benefit, changes)),
      settings: {
        pricing: { rounding },
        tax: { rates, roundingLevel, exemptPrices, defaultCountry: 'DE', shippingCategory: 'standard' },
        shipping: { methods: [{ id: 'post', name: 'Post', rates: [{ currency: 'USD', amount: shipping }] }] },
        totals: { floor },
      },
    })
    const wanted = lines.map(({ quantity }, index) => line(`SKU-${index}`, quantity, { id: `ln_${index}` }))
    const start = guestCart({ shippingMethod: 'post', shippingAddress: { country: 'DE' }, taxExempt })
    return done(priceCart(cartWith(facts, wanted, start), facts)).cart
  })

const orderOf = ({ total, lines }: PricedCart): Bought => ({ id: 'ord_1', state: 'PLACED', total, lines: orderLinesOf(lines) })

const sumOf = (amounts: readonly number[]) => amounts.reduce((sum, each) => sum + each, 0)

let made = 0
/** What a refund leaves behind for the next ones. */
function past(content: PastRefund['content'], amount: number, state: PastRefund['state'] = 'SUCCEEDED'): PastRefund {
  made += 1
  return { id: `rf_${made}`, groupId: `rf_${made}`, paymentId: 'pay_1', state, amount, content }
}

/** All that can be given back, a piece of a line at a time, after what was given back before. */
function giveRest(order: Bought, before: readonly PastRefund[]): PastRefund[] {
  const refunds = [...before]
  const give = (wanted: Parameters<typeof refundOf>[2]) => {
    const refund = refundOf(order, refunds, wanted)
    // What costs nothing is not given back.
    if (!isRefusal(refund)) refunds.push(past(refund.content, refund.amount))
    else if (refund.reason === 'nothing_to_give_back' && wanted.lines)
      refunds.push(past({ lines: wanted.lines.map((each) => ({ ...each, amount: 0, restocked: false })), shipping: 0 }, 0))
  }
  for (const { id, quantity } of order.lines) {
    for (let left = quantity - refundedOf(id, refunds).quantity; left > 0; left--) give({ lines: [{ lineId: id, quantity: 1 }] })
  }
  give({ shipping: true })
  return refunds
}

const returned = (refunds: readonly PastRefund[]) => sumOf(refunds.flatMap((each) => (each.state === 'FAILED' ? [] : [each.amount])))

describe('random orders', () => {
  it('MON-9 what lines and shipping cost sums to the total, none of them below zero', () => {
    fc.assert(
      fc.property(bought, (cart) => {
        const order = orderOf(cart)
        const shares = order.lines.map(lineShare)
        const ofShipping = sumOf(
          cart.adjustments.flatMap(({ type, included, amount }) => (type === 'tax' && included ? [] : [amount.amount])),
        )
        assert.equal(shippingShare(order), ofShipping)
        assert.equal(sumOf(shares) + ofShipping, order.total.amount)
        assert.ok([...shares, ofShipping].every((share) => share >= 0 && Number.isSafeInteger(share)))
      }),
      { numRuns: RUNS },
    )
  })

  it('MON-9 pieces given back one by one, then shipping, sum to what was paid', () => {
    fc.assert(
      fc.property(bought, (cart) => {
        const order = orderOf(cart)
        assert.equal(returned(giveRest(order, [])), order.total.amount)
      }),
      { numRuns: RUNS },
    )
  })

  it('MON-9 any portions in any order, some of which fail and are tried again, sum to what was paid', () => {
    const steps = fc.array(
      fc.record({ at: fc.nat(9), quantity: fc.integer({ min: 1, max: 4 }), fails: fc.boolean(), retries: fc.nat(9) }),
      {
        maxLength: 12,
      },
    )
    fc.assert(
      fc.property(bought, steps, (cart, attempts) => {
        const order = orderOf(cart)
        let refunds: PastRefund[] = []
        for (const { at, quantity, fails, retries } of attempts) {
          const { id } = order.lines[at % order.lines.length] as OrderLine
          const refund = refundOf(order, refunds, { lines: [{ lineId: id, quantity }] })
          if (!isRefusal(refund)) refunds.push(past(refund.content, refund.amount, fails ? 'FAILED' : 'SUCCEEDED'))
          const failed = refunds.filter((each) => each.state === 'FAILED')
          const again = failed[retries % Math.max(1, failed.length)]
          if (again && retryRefusal(order, refunds, again) === null)
            refunds = refunds.map((each) => (each === again ? { ...each, state: 'SUCCEEDED' as const } : each))
          for (const each of order.lines) {
            const so = refundedOf(each.id, refunds)
            assert.ok(so.quantity <= each.quantity && so.amount <= lineShare(each), 'no piece goes back twice')
          }
          assert.deepEqual(overRefundedLines(order, refunds), [])
        }
        assert.equal(returned(giveRest(order, refunds)), order.total.amount)
      }),
      { numRuns: RUNS },
    )
  })

  it('MON-9 a split line has the amounts of the one it was, and what goes back of both sums to what was paid', () => {
    const cuts = fc.array(fc.record({ at: fc.nat(9), quantity: fc.integer({ min: 1, max: 5 }), refund: fc.boolean() }), { maxLength: 6 })
    fc.assert(
      fc.property(bought, cuts, (cart, splits) => {
        let order = orderOf(cart)
        const refunds: PastRefund[] = []
        for (const { at, quantity, refund } of splits) {
          const before = order.lines
          const { id } = before[at % before.length] as OrderLine
          const given = refund ? refundOf(order, refunds, { lines: [{ lineId: id, quantity: 1 }] }) : null
          if (given && !isRefusal(given)) refunds.push(past(given.content, given.amount))
          const lines = splitLine(before, id, quantity, `${id}-${refunds.length}-${before.length}`, refunds)
          if (isRefusal(lines)) continue
          order = { ...order, lines }
          assert.equal(lines.length, before.length + 1)
          for (const key of ['itemTotal', 'discountTotal', 'total'] as const)
            assert.equal(sumOf(lines.map((each) => each[key].amount)), sumOf(before.map((each) => each[key].amount)))
          for (const each of lines) {
            assert.equal(each.itemTotal.amount, each.unitPrice.amount * each.quantity)
            assert.equal(each.total.amount, each.itemTotal.amount + each.discountTotal.amount)
            const promotions = each.adjustments.filter(({ type }) => type === 'promotion').map(({ amount }) => amount.amount)
            assert.equal(each.discountTotal.amount, sumOf(promotions))
            assert.ok(each.total.amount >= 0 && lineShare(each) >= refundedOf(each.id, refunds).amount)
            assert.ok(each.adjustments.every(({ lineId, amount }) => lineId === each.id && !Object.is(amount.amount, -0)))
          }
        }
        assert.equal(sumOf(order.lines.map(lineShare)) + shippingShare(order), order.total.amount)
        assert.equal(returned(giveRest(order, refunds)), order.total.amount)
      }),
      { numRuns: RUNS },
    )
  })

  it('SEED2-66 pieces cancelled one by one bring back what the order no longer costs, at every step', () => {
    fc.assert(
      fc.property(bought, fc.array(fc.nat(9), { maxLength: 12 }), (cart, order0) => {
        let order = orderOf(cart)
        const refunds: PastRefund[] = []
        for (const at of order0) {
          const { id } = order.lines[at % order.lines.length] as OrderLine
          const next = withoutPieces(order, [{ lineId: id, quantity: 1 }], refunds, true)
          if (isRefusal(next)) continue
          refunds.push(past(next.content, sumOf(next.content.lines.map(({ amount }) => amount))))
          order = { ...order, lines: next.lines }
          assert.equal(returned(refunds), cancelledAmount(order))
        }
      }),
      { numRuns: RUNS },
    )
  })
})

describe('what may be given back', () => {
  const facts = factsOf({
    variants: [variantOf('A', 100), variantOf('B', 50)],
    settings: { shipping: { methods: [{ id: 'post', name: 'Post', rates: [{ currency: 'USD', amount: 30 }] }] } },
  })
  const lines = [line('A', 3, { id: 'a' }), line('B', 1, { id: 'b' })]
  const order = orderOf(done(priceCart(cartWith(facts, lines, guestCart({ shippingMethod: 'post' })), facts)).cart)
  const asked = (wanted: Parameters<typeof refundOf>[2], refunds: readonly PastRefund[] = []) => refundOf(order, refunds, wanted)
  const wantedOf = (quantity: number) => ({ lines: [{ lineId: 'a', quantity }] })

  it('is what is asked for: pieces, shipping and a free amount together', () => {
    const refund = asked({ lines: [{ lineId: 'a', quantity: 2, restock: true }], shipping: { amount: 10 }, amount: 5 })
    assert.deepEqual(refund, {
      content: { lines: [{ lineId: 'a', quantity: 2, amount: 200, restocked: true }], shipping: 10 },
      amount: 215,
    })
    assert.deepEqual(
      withRestocked(order.lines, [{ lineId: 'a', quantity: 2, amount: 200, restocked: true }]).map((each) => each.restockedQuantity),
      [2, 0],
    )
  })

  it('is refused by its place: pieces that are not left, or are back in stock, more shipping than there was, unknown and doubled lines', () => {
    const two = [past({ lines: [{ lineId: 'a', quantity: 2, amount: 200, restocked: false }], shipping: 20 }, 220)]
    assert.deepEqual(refusalOf(asked(wantedOf(2), two)), {
      ...{ refused: 'pieces_not_left', lineId: 'a', asked: 2, left: 1, reason: 'refunded', path: '/lines/0' },
    })
    const restocked = { ...order, lines: order.lines.map((each) => ({ ...each, restockedQuantity: each.quantity })) }
    assert.equal(refusalOf(refundOf(restocked, [], { ...wantedOf(1), restock: true })).reason, 'restocked')
    assert.ok(!isRefusal(refundOf(restocked, [], wantedOf(1))))
    assert.deepEqual(refusalOf(asked({ shipping: { amount: 11 } }, two)).left, 10)
    assert.equal(refusalOf(asked({ lines: [{ lineId: 'x', quantity: 1 }] })).refused, 'line_not_found')
    assert.equal(refusalOf(asked({ lines: [...wantedOf(1).lines, ...wantedOf(1).lines] })).reason, 'same_line_twice')
    assert.equal(refusalOf(asked({ restock: true })).reason, 'nothing_to_give_back')
    const many = Array.from({ length: 1000 }, () => past({ lines: [], shipping: 0 }, 0))
    assert.equal(refusalOf(asked({ amount: 1 }, many)).reason, 'too_many_refunds')
    assert.ok(!isRefusal(asked({ amount: 1 }, many.slice(1))))
    assert.equal(refusalOf(asked({ lines: wantedOf(3).lines, amount: Number.MAX_SAFE_INTEGER })).refused, 'amount_too_large')
  })

  it('comes from the payments in their order, and from none of them twice', () => {
    const payments = [
      { paymentId: 'new', left: 30 },
      { paymentId: 'empty', left: 0 },
      { paymentId: 'old', left: 70 },
    ]
    assert.deepEqual(takenFrom(20, payments), [{ paymentId: 'new', left: 20 }])
    assert.deepEqual(takenFrom(50, payments), [
      { paymentId: 'new', left: 30 },
      { paymentId: 'old', left: 20 },
    ])
    assert.deepEqual(refusalOf(takenFrom(101, payments)), { refused: 'refund_exceeds_payment', asked: 101, left: 100 })
  })

  it('holds the pieces of a group while one of its refunds stands, and frees them when all failed', () => {
    const first = past({ lines: [{ lineId: 'a', quantity: 3, amount: 300, restocked: false }], shipping: 0 }, 200, 'FAILED')
    const second = { ...past({ lines: [], shipping: 0 }, 100), groupId: first.groupId }
    assert.equal(refusalOf(asked(wantedOf(1), [first, second])).refused, 'pieces_not_left')
    assert.equal(retryRefusal(order, [first, second], first), null)
    assert.ok(!isRefusal(asked(wantedOf(3), [first, { ...second, state: 'FAILED' }])))
  })

  it('the proof notices pieces that went back twice, and more than they cost', () => {
    const content = (quantity: number, amount: number) => ({ lines: [{ lineId: 'a', quantity, amount, restocked: false }], shipping: 0 })
    assert.deepEqual(overRefundedLines(order, [past(content(3, 300), 300)]), [])
    assert.deepEqual(overRefundedLines(order, [past(content(3, 300), 300), past(content(1, 0), 0)]), ['a'])
    assert.deepEqual(overRefundedLines(order, [past(content(1, 301), 301)]), ['a'])
  })

  it('a failed refund is not tried again when its pieces went back otherwise', () => {
    const failed = past({ lines: [{ lineId: 'a', quantity: 2, amount: 200, restocked: false }], shipping: 0 }, 200, 'FAILED')
    const other = past({ lines: [{ lineId: 'a', quantity: 2, amount: 200, restocked: false }], shipping: 0 }, 200)
    assert.equal(retryRefusal(order, [failed, other], failed)?.refused, 'pieces_not_left')
    const shipping = past({ lines: [], shipping: 30 }, 30, 'FAILED')
    assert.equal(retryRefusal(order, [shipping], shipping), null)
    assert.equal(retryRefusal(order, [shipping, past({ lines: [], shipping: 1 }, 1)], shipping)?.refused, 'refund_exceeds_payment')
  })
})

describe('cancelling pieces', () => {
  const facts = factsOf({ variants: [variantOf('A', 100)] })
  const order = orderOf(done(priceCart(cartWith(facts, [line('A', 3, { id: 'a' })]), facts)).cart)
  const changed = (changes: Partial<OrderLine>) => ({ ...order, lines: order.lines.map((each) => ({ ...each, ...changes })) })
  const pieces = (quantity: number) => [{ lineId: 'a', quantity }]

  it('gives back only what was not given back for them before', () => {
    const one = [past({ lines: [{ lineId: 'a', quantity: 1, amount: 100, restocked: false }], shipping: 0 }, 100)]
    const first = done(withoutPieces(order, pieces(1), one, true))
    assert.deepEqual(first.content.lines, [])
    const both = done(withoutPieces(order, pieces(2), one, true))
    assert.deepEqual(both.content.lines, [{ lineId: 'a', quantity: 1, amount: 100, restocked: true }])
    assert.equal(both.lines[0]?.restockedQuantity, 2)
  })

  it('never takes pieces that are cancelled or handed over already, and knows when nothing is left', () => {
    const started = changed({ cancelledQuantity: 1, fulfilledQuantity: 1 })
    assert.equal(refusalOf(withoutPieces(started, pieces(2), [], true)).left, 1)
    const last = done(withoutPieces(started, pieces(1), [], false))
    assert.deepEqual([last.fulfilmentState, last.lines[0]?.cancelledQuantity, last.lines[0]?.restockedQuantity], ['FULFILLED', 2, 0])
    assert.equal(isEverything(started.lines, pieces(1)), false)
    assert.equal(isEverything(changed({ cancelledQuantity: 1 }).lines, pieces(2)), true)
    assert.equal(isEverything(order.lines, pieces(2)), false)
    assert.equal(refusalOf(withoutPieces(order, [...pieces(1), ...pieces(1)], [], true)).reason, 'same_line_twice')
    assert.equal(refusalOf(withoutPieces(order, [{ lineId: 'x', quantity: 1 }], [], true)).refused, 'line_not_found')
  })

  it('puts no piece back into stock twice when the rest of the order is cancelled', () => {
    const restocks = (changes: Partial<OrderLine>) => piecesToRestock(changed(changes).lines).map((each) => each.quantity)
    assert.deepEqual(restocks({}), [3])
    assert.deepEqual(restocks({ cancelledQuantity: 1, restockedQuantity: 1 }), [2])
    assert.deepEqual(restocks({ fulfilledQuantity: 2, restockedQuantity: 2 }), [1])
    assert.deepEqual(restocks({ restockedQuantity: 3 }), [0])
  })

  it('a line is split of open pieces only, and one of them stays', () => {
    const split = (changes: Partial<OrderLine>, quantity: number) => splitLine(changed(changes).lines, 'a', quantity, 'b', [])
    assert.deepEqual(
      done(split({}, 2)).map(({ id, quantity, total }) => [id, quantity, total.amount]),
      [
        ['a', 1, 100],
        ['b', 2, 200],
      ],
    )
    assert.equal(refusalOf(split({}, 3)).left, 2)
    assert.equal(refusalOf(split({ cancelledQuantity: 1, fulfilledQuantity: 1 }, 2)).left, 1)
    assert.equal(refusalOf(split({ restockedQuantity: 2 }, 2)).left, 1)
    assert.equal(refusalOf(splitLine(order.lines, 'x', 1, 'b', [])).refused, 'line_not_found')
    const full = [...order.lines, ...Array.from({ length: LIMITS.lines - 1 }, () => ({ ...(order.lines[0] as OrderLine), id: 'more' }))]
    assert.equal(refusalOf(splitLine(full, 'a', 1, 'b', [])).refused, 'too_many_lines')
    assert.equal(done(splitLine([...order.lines, ...full.slice(2)], 'a', 1, 'b', [])).length, LIMITS.lines)
  })
})

it('what went back for shipping is not owed again, and is not counted twice when the order costs less shipping since', () => {
  const facts = factsOf({
    variants: [variantOf('SKU-0', 1000)],
    settings: { shipping: { methods: [{ id: 'post', name: 'Post', rates: [{ currency: 'USD', amount: 700 }] }] } },
  })
  const start = guestCart({ shippingMethod: 'post', shippingAddress: { country: 'DE' } })
  const order = orderOf(done(priceCart(cartWith(facts, [line('SKU-0', 1, { id: 'ln_0' })], start), facts)).cart)
  assert.equal(shippingShare(order), 700)
  const given = [past({ lines: [], shipping: 700 }, 700)]
  const costing = (total: number) => ({ ...order, total: { ...order.total, amount: total } })
  const forgiven = [1700, 1300, 1000, 2000].map((total) => forgivenAmount(costing(total), given))
  assert.deepEqual(forgiven, [700, 300, 0, 700])
})
