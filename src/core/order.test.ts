// Orders: which moves there are, what stands between a cart and an order and in which order it is said, what is frozen, what stays in the cart.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { accountCart, cartWith, done, factsOf, type Given, guestCart, line, quantities, variantOf } from '../../test/facts.ts'
import type { Cart } from './cart.ts'
import { afterOrder, contentOf, type OrderState, orderBlockers, orderedLinesOf, orderMayMove, partOf, withoutOrdered } from './order.ts'
import { priceCart } from './pricing.ts'
import { REFUSALS } from './refusal.ts'

const STATES = ['NEW', 'PLACED', 'COMPLETED', 'SUPERSEDED', 'EXPIRED', 'CANCELLED'] as const satisfies OrderState[]

// Rows are where from, columns where to, in the order of STATES; x may, . may not.
const MOVES: Readonly<Record<OrderState, string>> = {
  NEW: '. x . x x x',
  PLACED: '. . x . . x',
  COMPLETED: '. . . . . .',
  SUPERSEDED: '. x . . . .',
  EXPIRED: '. x . . . .',
  CANCELLED: '. . . . . .',
}

/** Methods that do not deliver where the carts of these tests go. */
const ELSEWHERE = [{ id: 'far', name: 'Far', rates: [{ countries: ['ZZ'], currency: 'USD', amount: 1 }] }]

describe('states', () => {
  for (const from of STATES) {
    it(`${from} moves to ${MOVES[from]}`, () => {
      assert.equal(STATES.map((to) => (orderMayMove(from, to) ? 'x' : '.')).join(' '), MOVES[from])
    })
  }
})

describe('what stands between a cart and an order', () => {
  const MUG = variantOf('MUG', 1000)
  const GIFT = variantOf('GIFT', {}, { kind: 'recharge', recharge: { currency: 'USD', presets: [500], allowCustom: false } })
  const post = { methods: [{ id: 'post', name: 'Post', rates: [{ currency: 'USD', amount: 1 }] }] }
  const ACCOUNT = { kind: 'account', accountId: 'app:a' } as const
  const GUEST = { kind: 'guest', guestId: 'g' } as const
  const READY = { owner: ACCOUNT, email: 'a@example.com', shippingAddress: { country: 'US' }, shippingMethod: 'post' }
  const full = factsOf({ variants: [MUG, GIFT], settings: { shipping: post } })
  const ready = { ...cartWith(full, [line('MUG', 6, { id: 'ln_m' }), line('GIFT', 1, { amount: 500 })]), ...READY }

  function blockers(cart: Cart, given: Given): string[] {
    const facts = factsOf({ variants: [MUG, GIFT], ...given, settings: { shipping: post, ...given.settings } })
    return orderBlockers(cart, done(priceCart(cart, facts)).cart, facts).map((each) => each.refused)
  }

  const table: readonly [title: string, changes: Partial<Cart>, given: Given, expected: readonly string[]][] = [
    ['nothing', {}, {}, []],
    [
      'a guest where only accounts may order',
      { owner: GUEST, lines: ready.lines.slice(0, 1) },
      { settings: { checkout: { guest: false } as never } },
      ['login_required'],
    ],
    ['a guest without a balance to recharge', { owner: GUEST }, {}, ['login_required']],
    ['a guest where recharges credit nothing', { owner: GUEST }, { settings: { balance: { creditRecharges: false } as never } }, []],
    ['no lines', { lines: [] }, {}, ['cart_empty']],
    ['a product that is gone', {}, { variants: [GIFT] }, ['line_unavailable']],
    ['a product that is unpublished', {}, { variants: [{ ...MUG, published: false }, GIFT] }, ['line_unavailable']],
    ['a kind that is no longer sold', {}, { settings: { lines: { allowKinds: ['recharge'] } } }, ['not_cartable']],
    ['a pack that became larger', {}, { variants: [{ ...MUG, quantityStep: 4 }, GIFT] }, ['quantity_step']],
    [
      'an amount that is no longer offered',
      {},
      { variants: [MUG, { ...GIFT, recharge: { currency: 'USD', presets: [700], allowCustom: false } }] },
      ['amount_invalid'],
    ],
    ['less in stock', {}, { stock: { MUG: 5 } }, ['insufficient_stock']],
    [
      'a product that is unpublished and out of stock, said once',
      {},
      { variants: [{ ...MUG, published: false }, GIFT], stock: { MUG: 0 } },
      ['line_unavailable'],
    ],
    ['just enough in stock', {}, { stock: { MUG: 6 } }, []],
    ['no e-mail address', { email: null }, {}, ['email_required']],
    ['no e-mail address where none is asked', { email: null }, { settings: { checkout: { requireEmail: false } as never } }, []],
    ['no address', { shippingAddress: null }, {}, ['address_required']],
    [
      'no address where none is asked',
      { shippingAddress: null },
      { settings: { checkout: { requireShippingAddress: false } as never } },
      [],
    ],
    [
      'no billing address where one is asked',
      { billingSameAsShipping: false },
      { settings: { checkout: { requireBillingAddress: true } as never } },
      ['address_required'],
    ],
    ['the shipping address is the billing address', {}, { settings: { checkout: { requireBillingAddress: true } as never } }, []],
    [
      'no shipping method where none is asked',
      { shippingMethod: null },
      { settings: { checkout: { requireShippingMethod: false } as never } },
      [],
    ],
    ['no shipping method', { shippingMethod: null }, {}, ['shipping_method_required']],
    ['a shipping method that is gone, where another takes its place', { shippingMethod: 'gone' }, {}, []],
    ['a shipping method, where none delivers', {}, { settings: { shipping: { methods: ELSEWHERE } } }, ['shipping_method_unavailable']],
    ['no shipping method where the shop has none', { shippingMethod: null }, { settings: { shipping: { methods: [] } } }, []],
  ]
  for (const [title, changes, given, expected] of table) {
    it(`${title}: ${expected.join(', ') || 'ready'}`, () =>
      assert.deepEqual(blockers({ ...ready, ...changes }, withDefaults(given)), expected))
  }

  it('nothing to ship needs neither address nor method', () => {
    const digital = { ...ready, lines: ready.lines.slice(1), shippingAddress: null, shippingMethod: null }
    assert.deepEqual(blockers(digital, {}), [])
  })

  it('SEED1-36 SEED2-60 SEED3-60 everything is said, in the order of precedence of refusals', () => {
    const given = { variants: [{ ...MUG, quantityStep: 4 }], stock: { MUG: 1 }, settings: { checkout: { guest: false } as never } }
    const elsewhere = withDefaults({ ...given, settings: { ...given.settings, shipping: { methods: ELSEWHERE } } })
    const said = blockers({ ...ready, owner: GUEST, email: null, shippingAddress: null }, elsewhere)
    assert.deepEqual(said, [
      'login_required',
      'quantity_step',
      'shipping_method_unavailable',
      'insufficient_stock',
      'line_unavailable',
      'email_required',
      'address_required',
    ])
    assert.deepEqual(
      said,
      REFUSALS.filter((code) => said.includes(code)),
    )
  })

  it('an account may order where guests may not', () => {
    assert.deepEqual(
      blockers({ ...ready, owner: accountCart().owner }, withDefaults({ settings: { checkout: { guest: false } as never } })),
      [],
    )
  })

  /** Groups of settings that a row names only in part keep their other keys. */
  function withDefaults(given: Given): Given {
    const { checkout } = full.shop.settings
    return { ...given, settings: { ...given.settings, checkout: { ...checkout, ...given.settings?.checkout } } }
  }
})

describe('what is frozen', () => {
  const facts = factsOf({ variants: [variantOf('MUG', 1000), variantOf('PDF', 500, { requiresShipping: false })] })
  const address = { country: 'US' }

  it('an order of things that are not shipped has no shipping address and no method', () => {
    const cart = { ...cartWith(facts, [line('PDF')]), shippingAddress: address, shippingMethod: 'post' }
    const content = contentOf(done(priceCart(cart, facts)).cart)
    assert.deepEqual([content.shippingAddress, content.shippingMethod, content.billingAddress], [null, null, address])
  })

  it('a billing address that is the same as the shipping address is written out', () => {
    const cart = { ...cartWith(facts, [line('MUG')]), shippingAddress: address }
    assert.deepEqual(contentOf(done(priceCart(cart, facts)).cart).billingAddress, address)
    const own = { ...cart, billingSameAsShipping: false, billingAddress: { country: 'DE' } }
    assert.deepEqual(contentOf(done(priceCart(own, facts)).cart).billingAddress, { country: 'DE' })
  })
})

describe('part of a cart, and what stays of it', () => {
  const facts = factsOf({ variants: [variantOf('MUG', 1000), variantOf('TEE', 500)] })
  const cart = cartWith(facts, [line('MUG', 3, { id: 'ln_a' }), line('TEE', 2, { id: 'ln_b' })], guestCart({ email: 'a@example.com' }))

  it('chosen lines are a cart with everything else of it', () => {
    assert.deepEqual(partOf(cart, ['ln_b', 'ln_b']), { ...cart, lines: cart.lines.slice(1) })
  })

  it('a line that is not there is no part', () => assert.equal(partOf(cart, ['ln_a', 'ln_x']), null))

  it('what was ordered leaves, never below zero; what was added while paying stays', () => {
    const ordered = orderedLinesOf(cart)
    const now = cartWith(facts, [line('MUG', 2), line('MUG', 1, { id: 'ln_new', options: { gift: true } })], cart)
    assert.deepEqual(quantities({ ...now, lines: withoutOrdered(now.lines, ordered) }), { ln_a: 2, ln_new: 1 })
    const fewer = cart.lines.map((each) => ({ ...each, quantity: 1 }))
    assert.deepEqual(withoutOrdered(fewer, ordered), [])
    assert.deepEqual(withoutOrdered(cart.lines, []), cart.lines)
  })

  it('a line that was set aside since leaves from there, not from an equal line that somebody else brought', () => {
    const savedLines = cart.lines.map((each) => ({ ...each, quantity: each.quantity + 1, currency: 'USD' }))
    const other = cartWith(facts, [line('MUG', 5, { id: 'ln_other' })])
    const after = afterOrder({ lines: other.lines, savedLines }, orderedLinesOf(cart))
    assert.deepEqual(quantities({ ...other, lines: after.lines }), { ln_other: 5 })
    assert.deepEqual(
      after.savedLines.map(({ quantity }) => quantity),
      savedLines.map(() => 1),
    )
  })

  it('a line is found by what it is, not by its id', () => {
    const other = cartWith(facts, [line('MUG', 5, { id: 'ln_other' })])
    assert.deepEqual(quantities({ ...other, lines: withoutOrdered(other.lines, orderedLinesOf(cart)) }), { ln_other: 2 })
  })
})
