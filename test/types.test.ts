// What crosses the wire is what the core computes, field for field. The compiler compares the contract's schemas with the core's types in both
// directions (`npm run check`): a field that is added to one side only does not compile. And real values pass the closed schemas when they run.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import type Type from 'typebox'
import Value from 'typebox/value'
import * as contractCart from '../src/contract/cart.ts'
import type * as contractExplanation from '../src/contract/explanation.ts'
import * as contractOrder from '../src/contract/order.ts'
import type * as contractSubscription from '../src/contract/subscription.ts'
import type { Explanation } from '../src/core/explanation.ts'
import { contentOf, orderLinesOf, type ServedOrder } from '../src/core/order.ts'
import { type PricedCart, priceCart } from '../src/core/pricing.ts'
import type { ServedSubscription } from '../src/core/subscription.ts'
import type { FullReport } from '../src/engine/merging.ts'
import { cartWith, done, factsOf, inlineLine, line, promotionOf, variantOf } from './facts.ts'

type WireNotice = Type.Static<typeof contractCart.Notice>
type WireCart = Type.Static<typeof contractCart.Cart>
type WireExplanation = Type.Static<typeof contractExplanation.Explanation>
type WireOrder = Type.Static<typeof contractOrder.Order>

type Writable<T> = T extends object ? { -readonly [K in keyof T]: Writable<T[K]> } : T
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** Whether two types are the same type; `readonly` is ours, JSON has none. */
type Equal<A, B> = Same<Writable<A>, Writable<B>>

const isTrue = <T extends true>(claim: T): void => assert.equal(claim, true)
const isFalse = <T extends false>(claim: T): void => assert.equal(claim, false)

it('a cart on the wire is the cart that is priced', () => {
  isTrue<Equal<Omit<WireCart, 'notices'>, Omit<PricedCart, 'notices'>>>(true)
  isTrue<Equal<Type.Static<typeof contractCart.CartLine>, PricedCart['lines'][number]>>(true)
  // Words are added when a cart is sent; what is kept has none.
  isTrue<Equal<WireNotice, PricedCart['notices'][number] & { message?: string }>>(true)
  isTrue<Equal<WireCart['notices'], WireNotice[]>>(true)
})

it('a subscription on the wire is the one that is kept', () => {
  isTrue<Equal<Type.Static<typeof contractSubscription.Subscription>, ServedSubscription>>(true)
})

it('a report of a merge on the wire is the one that the engine makes', () => {
  isTrue<Equal<Type.Static<typeof contractCart.MergeReport>, FullReport>>(true)
})

it('an explanation on the wire is the one that pricing wrote down, around the cart and in words', () => {
  isTrue<Equal<Omit<WireExplanation, 'cart' | 'summary' | 'facts'>, Explanation>>(true)
})

it('an order on the wire is the order that is served', () => {
  isTrue<Equal<WireOrder, ServedOrder>>(true)
})

it('the comparison notices a field, a literal or an optional that one side alone has', () => {
  isFalse<Equal<WireCart, PricedCart & { extra: string }>>(false)
  isFalse<Equal<WireCart & { extra: string }, PricedCart>>(false)
  isFalse<Equal<Omit<WireCart, 'note'>, PricedCart>>(false)
  isFalse<Equal<{ state: 'OPEN' }, { state: 'OPEN' | 'CLOSED' }>>(false)
  isFalse<Equal<{ code?: string }, { code: string }>>(false)
  isFalse<Equal<{ lines: { a: never }[] }, { lines: { a: string }[] }>>(false)
  isTrue<Equal<{ a: { readonly b: readonly string[] } }, { a: { b: string[] } }>>(true)
})

it('SEED2-20 SEED2-21 a priced cart with something of everything passes the closed schemas, and nothing more does', () => {
  const facts = factsOf({
    variants: [variantOf('MUG', 1000), variantOf('GONE', 500, { published: true })],
    stock: { MUG: 1 },
    promotions: [promotionOf('p', { kind: 'percent_off', percent: '10' }), promotionOf('q', { kind: 'free_shipping' })],
    codes: { SAVE: 'p' },
    settings: {
      inventory: { onAdd: 'allow' },
      tax: { rates: [{ name: 'VAT', category: 'standard', percent: '19', included: true }], shippingCategory: 'standard' },
      shipping: { methods: [{ id: 'post', name: 'Post', rates: [{ currency: 'USD', amount: 499 }] }] },
    },
  })
  const lines = [line('MUG', 2, { note: 'n', options: { engraving: 'R', gift: true } }), line('GONE'), inlineLine('Cup', 70)]
  const intent = {
    ...cartWith(facts, lines),
    codes: ['SAVE', 'NOPE'],
    shippingMethod: 'post',
    shippingAddress: { country: 'DE', city: 'Ulm' },
  }
  const { cart } = done(priceCart(intent, { ...facts, variants: new Map([...facts.variants].slice(0, 1)) }))
  const sent: unknown = JSON.parse(JSON.stringify(cart))
  assert.ok(Value.Check(contractCart.Cart, sent), JSON.stringify([...Value.Errors(contractCart.Cart, sent)]))
  assert.equal(Value.Check(contractCart.Cart, { ...cart, extra: 1 }), false)

  const { id, shopId, owner, createdAt, updatedAt } = cart
  const byHand = { method: null, instructions: null, reference: null, paidAt: null }
  const order: ServedOrder = {
    ...contentOf(cart),
    ...{ lines: orderLinesOf(cart.lines), placedBy: 'guest', language: null, revision: 1, completedAt: null, cancelledAt: null },
    ...{ subscriptionId: null, subscriptionPeriod: null },
    ...{ id, shopId, owner, createdAt, updatedAt, number: null, shortNumber: null, reference: null, cartId: id, whole: true, version: 1 },
    ...{ state: 'NEW', paymentState: 'PENDING', fulfilmentState: 'UNFULFILLED', status: 'new', isCompleted: false },
    ...{ orderedAt: null, paidAt: null, expiresAt: null, fulfilments: [] },
    ...{ paidTotal: cart.total, refundedTotal: cart.total, cancelledTotal: cart.total, outstandingTotal: cart.total },
    refunds: [
      {
        ...{ id: 'rf_1', groupId: 'rf_1', paymentId: 'pay_1', amount: cart.total, state: 'FAILED', reason: null, shipping: cart.total },
        ...{ lines: [{ lineId: 'ln_1', quantity: 1, amount: cart.total, restocked: true }], failure: 'refused', by: 'staff', createdAt },
      },
    ],
    payments: [
      {
        id: 'pay_1',
        provider: 'sandbox',
        state: 'PENDING',
        amount: cart.total,
        captured: cart.total,
        ...byHand,
        reason: null,
        createdAt,
        updatedAt,
      },
    ],
  }
  assert.ok(Value.Check(contractOrder.Order, order), JSON.stringify([...Value.Errors(contractOrder.Order, order)]))
  assert.equal(Value.Check(contractOrder.Order, { ...order, state: 'OTHER' }), false)
})
