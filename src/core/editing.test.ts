// Editing of orders: an edit changes what it names and the sums; rules run again only on demand, and then by the one function that prices carts.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { randomCarts } from '../../test/carts.ts'
import { cartWith, done, factsOf, type Given, guestCart, inlineLine, line, promotionOf, variantOf } from '../../test/facts.ts'
import type { Cart } from './cart.ts'
import { applyEdit, demandChange, type Edited, type OrderEdit, type Recalculation, repricing, totalsOf } from './editing.ts'
import type { Facts } from './facts.ts'
import { contentOf, ORDER_FORMAT, type Order, orderLinesOf } from './order.ts'
import { priceCart, type Totals } from './pricing.ts'

const RUNS = 300
const MODES: readonly Recalculation[] = ['none', 'adjustments', 'all']
const ZERO = { itemTotal: 0, discountTotal: 0, shippingTotal: 0, includedTaxTotal: 0, additionalTaxTotal: 0, total: 0 }

/** A placed order of what of a cart can be bought. */
function orderOf(given: Cart, facts: Facts): Order {
  const sellable = done(priceCart(given, facts)).cart.lines.filter((each) => each.state === 'AVAILABLE')
  const cart = { ...given, lines: given.lines.filter(({ id }) => sellable.some((each) => each.id === id)) }
  const priced = done(priceCart(cart, facts)).cart
  const at = '2026-01-31T12:00:00.000Z'
  const none = {
    paidAt: null,
    completedAt: null,
    cancelledAt: null,
    expiresAt: null,
    language: null,
    subscriptionId: null,
    subscriptionPeriod: null,
  }
  const names = { id: 'ord_1', number: 'N1', shortNumber: 'N1', reference: '1', shopId: 'shop', cartId: given.id }
  const states = { state: 'PLACED', status: 'placed', paymentState: 'PAID', fulfilmentState: 'UNFULFILLED', placedBy: 'guest' } as const
  return {
    format: ORDER_FORMAT,
    ...names,
    ...states,
    ...none,
    isCompleted: true,
    whole: true,
    owner: cart.owner,
    ...contentOf(priced),
    email: 'a@example.com',
    shippingAddress: { country: 'US' },
    lines: orderLinesOf(priced.lines, { lines: cart.lines, variants: facts.variants }),
    version: 3,
    revision: 1,
    createdAt: at,
    updatedAt: at,
    orderedAt: at,
  }
}

/** The same in a shop with a mug of 10.00, a plate of 5.00 and a card of 1.00, ten per cent off everything and tax of 10 % on top. */
const SHOP: Given = {
  variants: [variantOf('MUG', 1000), variantOf('PLATE', 500), variantOf('CARD', 100, { requiresShipping: false })],
  promotions: [promotionOf('promo_ten', { kind: 'percent_off', percent: '10' })],
  settings: {
    tax: { rates: [{ name: 'Tax', category: 'standard', percent: '10', included: false }] },
    shipping: { methods: [{ id: 'post', name: 'Post', rates: [{ currency: 'USD', amount: 300 }] }] },
  },
}
const facts = factsOf(SHOP)
const READY = { shippingAddress: { country: 'US' }, shippingMethod: 'post', email: 'a@example.com' }
const cart = cartWith(facts, [line('MUG', 2, { id: 'ln_mug' }), line('PLATE', 1, { id: 'ln_plate' })], guestCart(READY))
const order = orderOf(cart, facts)

function amounts(totals: Totals): Record<keyof Totals, number> {
  const { itemTotal, discountTotal, shippingTotal, includedTaxTotal, additionalTaxTotal, total } = totals
  const all = { itemTotal, discountTotal, shippingTotal, includedTaxTotal, additionalTaxTotal, total }
  return Object.fromEntries(Object.entries(all).map(([name, { amount }]) => [name, amount])) as Record<keyof Totals, number>
}

const codes = ({ errors }: Edited) => errors.map(({ refused, path }) => `${refused} ${path}`)
const warned = ({ warnings }: Edited) => warnings.map(({ code }) => code)
const lineOf = ({ order: { lines } }: Edited, id: string) => lines.find((each) => each.id === id)
const edit = (change: OrderEdit, of: Order = order, by: Facts = facts) => applyEdit(of, change, by, [])

describe('an edit', () => {
  it('SEED4-58 SEED4-36 with no rules run changes quantity and sums, keeps every adjustment, and says that they are out of date', () => {
    const edited = edit({ lines: { set: [{ lineId: 'ln_mug', quantity: 3 }] } })
    assert.deepEqual(codes(edited), [])
    assert.deepEqual(warned(edited), ['adjustments_outdated'])
    assert.deepEqual(amounts(edited.difference), { ...ZERO, itemTotal: 1000, total: 1000 })
    assert.deepEqual(lineOf(edited, 'ln_mug')?.adjustments, order.lines[0]?.adjustments)
    assert.deepEqual(edited.order.adjustments, order.adjustments)
  })

  it('a note, a language and attributes are no reason to run rules', () => {
    const edited = edit({ note: 'by hand', language: 'de', attributes: { gift: true }, lines: { set: [{ lineId: 'ln_mug', note: 'x' }] } })
    assert.deepEqual([warned(edited), codes(edited), edited.difference.total.amount], [[], [], 0])
    assert.deepEqual([edited.order.note, edited.order.language, edited.order.attributes], ['by hand', 'de', { gift: true }])
  })

  it('a removed line leaves with its discounts and taxes', () => {
    const edited = edit({ lines: { remove: ['ln_plate'] } })
    // 5.00 less 0.50, and 10 % on the rest.
    assert.deepEqual(amounts(edited.difference), { ...ZERO, itemTotal: -500, discountTotal: 50, additionalTaxTotal: -45, total: -495 })
    assert.deepEqual(
      edited.order.lines.map(({ id }) => id),
      ['ln_mug'],
    )
  })

  it('SEED4-63 a line that staff makes up, and one of the catalogue, are added at their price, without adjustments', () => {
    const edited = edit({ lines: { add: [{ ...inlineLine('Engraving', 250), id: 'ln_e' }, line('MUG', 1, { id: 'ln_more' })] } })
    assert.deepEqual(codes(edited), [])
    assert.deepEqual(amounts(edited.difference), { ...ZERO, itemTotal: 1250, total: 1250 })
    const added = edited.order.lines.slice(2).map(({ id, name, priceSource, adjustments }) => ({ id, name, priceSource, adjustments }))
    assert.deepEqual(added, [
      { id: 'ln_e', name: 'Engraving', priceSource: 'inline', adjustments: [] },
      { id: 'ln_more', name: 'Product MUG', priceSource: 'catalog', adjustments: [] },
    ])
    assert.equal(lineOf(edited, 'ln_mug')?.quantity, 2, 'what has its price already stays a line of its own')
  })

  it('a price that staff sets counts, and stays when everything runs again', () => {
    const edited = edit({ lines: { set: [{ lineId: 'ln_mug', unitPrice: 700 }] }, recalculate: 'all' })
    assert.deepEqual(codes(edited), [])
    assert.deepEqual([lineOf(edited, 'ln_mug')?.unitPrice.amount, lineOf(edited, 'ln_mug')?.priceSource], [700, 'external'])
    assert.equal(lineOf(edited, 'ln_mug')?.discountTotal.amount, -140)
  })

  it('discounts that are larger than what is left of a line are refused, unless they are found anew', () => {
    const lines = { set: [{ lineId: 'ln_mug', unitPrice: 50 }] }
    assert.deepEqual(codes(edit({ lines })), ['invalid /lines/set/0'])
    const anew = edit({ lines, recalculate: 'adjustments' })
    assert.deepEqual([codes(anew), lineOf(anew, 'ln_mug')?.discountTotal.amount], [[], -10])
  })

  it('everything that is wrong is told at once, each with its path', () => {
    const handled = { ...order, lines: order.lines.map((each) => ({ ...each, fulfilledQuantity: 1 })) }
    const change: OrderEdit = {
      lines: {
        add: [line('NOSUCH', 1), line('MUG', 1)],
        set: [
          { lineId: 'ln_mug', quantity: 1, unitPrice: 10 },
          { lineId: 'ln_gone', quantity: 1 },
        ],
        remove: ['ln_plate'],
      },
      shippingAddress: null,
      email: null,
      shippingMethod: 'balloon',
    }
    assert.deepEqual(codes(edit(change, handled)), [
      'shipping_method_unavailable /shippingMethod',
      'quantity_too_small /lines/remove/0',
      'line_not_found /lines/set/1/lineId',
      'invalid /lines/set/0',
      'unknown_sku /lines/add/0/sku',
      'email_required /email',
      'address_required /shippingAddress',
    ])
  })

  it('no line falls below what was delivered or cancelled, however the edit says it', () => {
    const handled = {
      ...order,
      lines: order.lines.map((each) => (each.id === 'ln_mug' ? { ...each, fulfilledQuantity: 1, cancelledQuantity: 1 } : each)),
    }
    for (const lines of [
      { remove: ['ln_mug'] },
      { set: [{ lineId: 'ln_mug', quantity: 0 }] },
      { set: [{ lineId: 'ln_mug', quantity: 1 }] },
    ])
      assert.match(codes(edit({ lines }, handled)).join(), /^quantity_too_small/)
    assert.deepEqual(codes(edit({ lines: { set: [{ lineId: 'ln_mug', quantity: 2 }] } }, handled)), [])
  })

  it('what it takes more must be there; what the order has already is its own', () => {
    const scarce = factsOf({ ...SHOP, stock: { MUG: 1, PLATE: 0 } })
    assert.deepEqual(codes(edit({ lines: { set: [{ lineId: 'ln_mug', quantity: 3 }] } }, order, scarce)), [])
    const over = edit({ lines: { set: [{ lineId: 'ln_mug', quantity: 4 }] } }, order, scarce)
    assert.deepEqual(over.errors, [{ refused: 'insufficient_stock', sku: 'MUG', asked: 2, available: 1, path: '/skus/MUG' }])
    for (const recalculate of MODES) assert.deepEqual(codes(edit({ recalculate }, order, scarce)), [])
  })

  it('stock follows the pieces that are still to be delivered or were, bundles by their parts', () => {
    const parts = [{ sku: 'MUG', quantity: 2 }]
    const before = { lines: [{ ...order.lines[0], sku: 'SET', parts, quantity: 3, cancelledQuantity: 1 }] } as unknown as Order
    const after = { ...before, lines: before.lines.map((each) => ({ ...each, quantity: 5 })) }
    assert.deepEqual(demandChange(before, after), [['MUG', 4]])
    assert.deepEqual(demandChange(after, before), [['MUG', -4]])
    assert.deepEqual(demandChange(after, after), [])
  })
})

describe('recalculating', () => {
  const dearer = factsOf({
    ...SHOP,
    variants: [variantOf('MUG', 1200, { name: 'Large mug' }), variantOf('CARD', 100)],
    promotions: [promotionOf('promo_half', { kind: 'percent_off', percent: '50' })],
  })

  it('SEED4-35 adjustments only: promotions, shipping and taxes run on the frozen prices, also of what is not sold any more', () => {
    const edited = edit({ recalculate: 'adjustments' }, order, dearer)
    assert.deepEqual([codes(edited), warned(edited)], [[], []])
    assert.deepEqual(
      edited.order.lines.map(({ id, name, unitPrice, discountTotal }) => [id, name, unitPrice.amount, discountTotal.amount]),
      [
        ['ln_mug', 'Product MUG', 1000, -1000],
        ['ln_plate', 'Product PLATE', 500, -250],
      ],
    )
    assert.equal(edited.order.additionalTaxTotal.amount, 125, 'the plate is taxed as it was when it was ordered')
    assert.equal(edited.order.shippingTotal.amount, 300)
  })

  it('SEED4-35 SEED4-37 SEED3-67 everything: lines are refreshed from the catalogue, equal ones joined, and what is gone leaves with a report', () => {
    const first = edit({ lines: { add: [line('MUG', 3, { id: 'ln_more' })] } })
    const edited = edit({ recalculate: 'all' }, first.order, dearer)
    assert.deepEqual(
      edited.order.lines.map(({ id, name, quantity, unitPrice }) => [id, name, quantity, unitPrice.amount]),
      [['ln_mug', 'Large mug', 5, 1200]],
    )
    assert.deepEqual(warned(edited).sort(), ['line_removed', 'price_increased'])
    assert.deepEqual(codes(edited), [])
  })

  it('what is not offered any more keeps its line and its price when only adjustments run', () => {
    const hidden = factsOf({ ...SHOP, variants: (SHOP.variants ?? []).map((variant) => ({ ...variant, published: false })) })
    assert.equal(edit({ recalculate: 'adjustments' }, order, hidden).isChanged, false)
    assert.deepEqual(codes(edit({ recalculate: 'all' }, order, hidden)), ['cart_empty /lines'])
  })

  it('where an engine outside says what taxes are, it is asked about the edited order, and without its answer nothing is kept', () => {
    const settings = { ...SHOP.settings, tax: { provider: 'engine', onProviderFailure: 'block' as const } }
    const outside = factsOf({ ...SHOP, settings })
    const change: OrderEdit = { lines: { set: [{ lineId: 'ln_mug', quantity: 3 }] }, recalculate: 'adjustments' }
    assert.deepEqual(codes(edit(change, order, outside)), ['tax_unknown '])
    const asked = repricing(order, change, outside, [])
    const [wanted] = asked ? done(priceCart(asked.cart, asked.facts)).wanted : []
    assert.ok(wanted?.kind === 'tax')
    assert.deepEqual(wanted.request.lines.map(({ id, quantity }) => [id, quantity]).sort(), [
      ['ln_mug', 3],
      ['ln_plate', 1],
    ])
    const tax = { id: 'state', name: 'State tax', percent: '10', amount: 270, included: false }
    const answer = { lines: [{ id: 'ln_mug', taxes: [tax] }], shipping: [] }
    const quotes = { tax: { request: wanted.text, answer, at: outside.now }, shipping: null }
    const edited = edit(change, order, { ...outside, quotes })
    assert.deepEqual([codes(edited), edited.order.additionalTaxTotal.amount], [[], 270])
    assert.equal(repricing(order, { note: 'x' }, outside, []), null, 'where no rule runs nobody is asked')
  })

  it('what was delivered keeps its line and its price whatever the catalogue says', () => {
    const handled = { ...order, lines: order.lines.map((each) => ({ ...each, fulfilledQuantity: 1 })) }
    const edited = edit({ recalculate: 'all' }, handled, dearer)
    assert.deepEqual(codes(edited), [])
    assert.deepEqual(warned(edited), ['price_frozen', 'price_frozen'])
    assert.deepEqual(
      edited.order.lines.map(({ id, unitPrice, fulfilledQuantity }) => [id, unitPrice.amount, fulfilledQuantity]),
      [
        ['ln_mug', 1000, 1],
        ['ln_plate', 500, 1],
      ],
    )
  })

  it('the last use of a promotion, which the order has itself, is there for it', () => {
    const limited = factsOf({ ...SHOP, limits: { promo_ten: { usesLeft: 0, customerUsesLeft: 0, budgetLeft: { USD: 0 } } } })
    assert.equal(edit({ recalculate: 'adjustments' }, order, limited).isChanged, false)
    const without = edit(
      { recalculate: 'adjustments' },
      { ...order, lines: order.lines.map((each) => ({ ...each, adjustments: [] })) },
      limited,
    )
    assert.equal(without.order.discountTotal.amount, 0, 'another order does not get it')
  })

  it('a first order stays the first', () => {
    const first = promotionOf('promo_first', { kind: 'percent_off', percent: '20' }, { conditions: [{ kind: 'first_order' }] })
    const before = factsOf({ ...SHOP, promotions: [first], hasOrdered: false })
    const after = factsOf({ ...SHOP, promotions: [first], hasOrdered: true })
    const placed = orderOf(cart, before)
    assert.equal(placed.discountTotal.amount, -500)
    assert.equal(edit({ recalculate: 'adjustments' }, placed, after).isChanged, false)
  })

  it('a gift comes with its promotion, keeps its line, and cannot be set', () => {
    const giving = promotionOf('promo_gift', { kind: 'gift', sku: 'CARD', quantity: 1 })
    const given = factsOf({ ...SHOP, promotions: [giving] })
    const placed = orderOf(cart, given)
    assert.equal(edit({ recalculate: 'all' }, placed, given).isChanged, false)
    assert.deepEqual(codes(edit({ lines: { set: [{ lineId: 'gift_promo_gift', quantity: 2 }] } }, placed, given)), ['invalid /lines/set/0'])
    const over = edit({ recalculate: 'adjustments' }, placed, facts)
    assert.deepEqual(
      over.order.lines.map(({ id }) => id),
      ['ln_mug', 'ln_plate'],
    )
    const sent = { ...placed, lines: placed.lines.map((each) => ({ ...each, fulfilledQuantity: each.giftOf ? 1 : 0 })) }
    assert.deepEqual(codes(edit({ recalculate: 'adjustments' }, sent, facts)), ['quantity_too_small /lines/gift_promo_gift'])
  })
})

describe('whatever the order', () => {
  const orders = randomCarts.map(({ cart: each, facts: known }) => ({ order: orderOf(each, known), facts: known }))
  const edits = fc.record({
    quantity: fc.integer({ min: 0, max: 20 }),
    unitPrice: fc.option(fc.integer({ min: 0, max: 5000 }), { nil: undefined }),
    name: fc.option(fc.string({ minLength: 1, maxLength: 5 }), { nil: undefined }),
    recalculate: fc.constantFrom(...MODES),
  })
  type RandomEdit = typeof edits extends fc.Arbitrary<infer T> ? T : never
  function editOf({ quantity, unitPrice, name, recalculate }: RandomEdit, { lines: [first] }: Order): OrderEdit {
    const set = first ? [{ lineId: first.id, quantity, unitPrice }] : []
    const add = name === undefined ? [] : [{ ...inlineLine(name, 123, {}, 'reduced'), id: 'ln_added' }]
    return { lines: { set, add }, recalculate }
  }

  it('SEED4-36 what pricing says an order costs is the sum of its lines and adjustments', () => {
    fc.assert(
      fc.property(orders, ({ order: each }) => {
        assert.deepEqual(amounts(done(totalsOf(each.lines, each.adjustments, each.currency))), amounts(each))
      }),
      { numRuns: RUNS },
    )
  })

  it('SEED4-36 after every edit the totals are the sums, lines are what they cost less their discounts, and the difference is the difference', () => {
    fc.assert(
      fc.property(orders, edits, ({ order: each, facts: known }, change) => {
        const { order: after, errors, difference } = applyEdit(each, editOf(change, each), known, [])
        if (errors.length > 0) return
        assert.deepEqual(amounts(done(totalsOf(after.lines, after.adjustments, after.currency))), amounts(after))
        for (const { itemTotal, unitPrice, quantity, discountTotal, total } of after.lines) {
          assert.equal(itemTotal.amount, unitPrice.amount * quantity)
          assert.equal(total.amount, itemTotal.amount + discountTotal.amount)
          assert.ok(total.amount >= 0)
        }
        const [was, is] = [amounts(each), amounts(after)]
        for (const [name, amount] of Object.entries(amounts(difference)))
          assert.equal(amount, is[name as keyof Totals] - was[name as keyof Totals])
      }),
      { numRuns: RUNS },
    )
  })

  it('SEED4-58 without recalculation no adjustment of what stays changes', () => {
    fc.assert(
      fc.property(orders, edits, ({ order: each, facts: known }, change) => {
        const { order: after } = applyEdit(each, editOf({ ...change, recalculate: 'none' }, each), known, [])
        assert.deepEqual(after.adjustments, each.adjustments)
        for (const now of after.lines) assert.deepEqual(now.adjustments, each.lines.find(({ id }) => id === now.id)?.adjustments ?? [])
      }),
      { numRuns: RUNS },
    )
  })

  it('an edit with nothing in it changes nothing, and recalculating what was just ordered changes nothing either', () => {
    fc.assert(
      fc.property(orders, fc.constantFrom(...MODES), ({ order: each, facts: known }, recalculate) => {
        const edited = applyEdit(each, { recalculate }, known, [])
        if (edited.errors.length > 0) return
        assert.deepEqual(edited.order, each)
        assert.equal(edited.isChanged, false)
      }),
      { numRuns: RUNS },
    )
  })

  it('recalculating twice is recalculating once', () => {
    fc.assert(
      fc.property(orders, edits, ({ order: each, facts: known }, change) => {
        const recalculate = change.recalculate
        const once = applyEdit(each, editOf(change, each), known, [])
        if (once.errors.length > 0 || recalculate === 'none') return
        assert.deepEqual(applyEdit(once.order, { recalculate }, known, []).order, once.order)
      }),
      { numRuns: RUNS },
    )
  })
})
