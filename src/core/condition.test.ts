// Conditions: each kind holds or says why not, trees do as they say, and judging with a trace sees everything and changes nothing.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { accountCart, cartWith, factsOf, guestCart, inlineLine, line, NOW, promotionOf, variantOf } from '../../test/facts.ts'
import type { Cart } from './cart.ts'
import type { Facts } from './facts.ts'
import { priceCart } from './pricing.ts'
import type { Condition, LineFilter } from './promotion.ts'
import { isRefusal } from './refusal.ts'
import { type ConditionTrace, newTrace } from './trace.ts'

const usd = (amount: number) => [{ currency: 'USD', amount }]
const eur = (amount: number) => [{ currency: 'EUR', amount }]
const variants = [
  variantOf('MUG', 1000, { productId: 'prd_mug', handle: 'mug', tags: ['sale', 'clay'], categories: ['kitchen'] }),
  variantOf('TEE', 2000, { productId: 'prd_tee', handle: 'tee', tags: ['cotton'] }),
]

/** The trace of a promotion with these conditions on a cart. */
function judged(
  conditions: readonly Condition[],
  cart: Cart,
  facts: Facts,
): { reason: string | null; conditions: readonly ConditionTrace[] } {
  const promotion = promotionOf('p', { kind: 'percent_off', percent: '10' }, { conditions })
  const promotions = new Map([...facts.promotions, ['p', promotion]])
  const trace = newTrace()
  const withTrace = priceCart(cart, { ...facts, promotions }, trace)
  assert.deepEqual(withTrace, priceCart(cart, { ...facts, promotions }), 'a trace changes nothing')
  assert.ok(!isRefusal(withTrace))
  const told = trace.promotions.find(({ promotionId }) => promotionId === 'p')
  assert.ok(told)
  assert.equal(
    told.outcome === 'applied',
    withTrace.cart.lines.some((each) => each.adjustments.some(({ source }) => source.id === 'p')),
  )
  return told
}

/** One mug and two tees: 50.00. */
function cartOf(cart: Cart = guestCart(), facts: Facts = factsOf({ variants })): Cart {
  return cartWith(facts, [line('MUG', 1, { id: 'ln_mug' }), line('TEE', 2, { id: 'ln_tee' })], cart)
}

describe('each kind of condition holds, or says in its own words why not', () => {
  const berlin = (rest: object) => ({ kind: 'hours' as const, timeZone: 'Europe/Berlin', ...rest })
  const table: readonly [condition: Condition, reason: string | null, changes?: Partial<Cart>, facts?: Partial<Facts>][] = [
    [{ kind: 'code' }, 'code'],
    [{ kind: 'item_total', atLeast: usd(5000) }, null],
    [{ kind: 'item_total', atLeast: usd(5001) }, 'item_total_too_low'],
    [{ kind: 'item_total', atMost: usd(5000) }, null],
    [{ kind: 'item_total', atMost: usd(4999) }, 'item_total_too_high'],
    [{ kind: 'item_total', atLeast: eur(1) }, 'currency'],
    [{ kind: 'item_total', atMost: eur(1) }, 'currency'],
    [{ kind: 'item_total', atLeast: usd(4000), of: { skus: ['TEE'] } }, null],
    [{ kind: 'item_total', atLeast: usd(4001), of: { skus: ['TEE'] } }, 'item_total_too_low'],
    [{ kind: 'quantity', atLeast: 3 }, null],
    [{ kind: 'quantity', atLeast: 4 }, 'quantity_too_low'],
    [{ kind: 'quantity', atMost: 2 }, 'quantity_too_high'],
    [{ kind: 'quantity', atMost: 1, of: { tags: ['sale'] } }, null],
    [{ kind: 'quantity', atLeast: 1, of: { tags: ['none'] } }, 'quantity_too_low'],
    [{ kind: 'lines', of: { products: ['mug'] } }, null],
    [{ kind: 'lines', of: { products: ['prd_mug'] } }, null],
    [{ kind: 'lines', of: { products: ['cup'] } }, 'lines'],
    [{ kind: 'lines', of: { products: ['mug'] }, every: true }, 'lines'],
    [{ kind: 'lines', of: { skus: ['MUG', 'TEE'] }, every: true }, null],
    [{ kind: 'lines', of: { categories: ['kitchen'] } }, null],
    [{ kind: 'lines', of: { categories: ['garden'] } }, 'lines'],
    [{ kind: 'customer_group', groups: ['vip', 'staff'] }, null, { customerGroups: ['vip'] }],
    [{ kind: 'customer_group', groups: ['vip'] }, 'customer_group', { customerGroups: ['staff'] }],
    [{ kind: 'account', is: 'guest' }, null],
    [{ kind: 'account', is: 'account' }, 'account_required'],
    [{ kind: 'account', is: 'guest' }, 'guest_required', accountCart()],
    [{ kind: 'account', is: 'account', ids: ['shop:robin'] }, null, accountCart()],
    [{ kind: 'account', is: 'account', ids: ['shop:kim'] }, 'account', accountCart()],
    [{ kind: 'first_order' }, 'customer_unknown'],
    [{ kind: 'first_order' }, 'not_first_order', {}, { hasOrdered: true }],
    [{ kind: 'first_order' }, null, {}, { hasOrdered: false }],
    [{ kind: 'country', countries: ['DE'] }, 'country'],
    [{ kind: 'country', countries: ['DE'] }, null, { shippingAddress: { country: 'DE' } }],
    [{ kind: 'country', countries: ['DE'] }, null, { billingAddress: { country: 'DE' } }],
    [{ kind: 'country', countries: ['DE'] }, 'country', { shippingAddress: { country: 'FR' }, billingAddress: { country: 'DE' } }],
    [{ kind: 'currency', currencies: ['EUR', 'USD'] }, null],
    [{ kind: 'currency', currencies: ['EUR'] }, 'currency'],
    [{ kind: 'dates', from: NOW, until: NOW + 1 }, null],
    [{ kind: 'dates', from: NOW + 1 }, 'not_started'],
    [{ kind: 'dates', until: NOW }, 'expired'],
    // It is Saturday, 13:00 in Berlin.
    [berlin({ from: '13:00', until: '14:00' }), null],
    [berlin({ from: '12:00', until: '13:00' }), 'hours'],
    [berlin({ weekdays: [6] }), null],
    [berlin({ weekdays: [1, 2, 3, 4, 5, 7] }), 'hours'],
    [berlin({ from: '22:00', until: '13:15', weekdays: [5] }), null],
    [berlin({ from: '22:00', until: '13:15', weekdays: [6] }), 'hours'],
    [berlin({ from: '13:00', until: '02:00', weekdays: [6] }), null],
    [berlin({ from: '22:00', until: '13:00' }), 'hours'],
    [{ kind: 'without', promotions: ['other'] }, null],
  ]
  for (const [condition, reason, changes = {}, facts = {}] of table) {
    const who = 'owner' in changes ? 'of an account' : JSON.stringify({ ...changes, ...facts })
    it(`SEED2-69 a condition holds or says why not: ${JSON.stringify(condition)} ${who}: ${reason ?? 'holds'}`, () => {
      const cart = { ...cartOf(), ...changes, lines: cartOf().lines }
      const told = judged([condition], cart, { ...factsOf({ variants }), ...facts })
      // A promotion that waits for a code is not judged without one.
      assert.deepEqual([told.reason, told.conditions[0]?.reason ?? reason], [reason, reason])
    })
  }

  it('SEED2-69 a promotion that is already applied keeps another out, one that runs later does not', () => {
    const off = promotionOf('other', { kind: 'percent_off', percent: '1' })
    const without: Condition = { kind: 'without', promotions: ['other'] }
    const before = factsOf({ variants, promotions: [{ ...off, priority: 1 }] })
    assert.equal(judged([without], cartOf(), before).reason, 'other_promotion')
    const after = factsOf({ variants, promotions: [{ ...off, lane: 1 }] })
    assert.equal(judged([without], cartOf(), after).reason, null)
    const idle = factsOf({ variants, promotions: [{ ...off, priority: 1, active: false }] })
    assert.equal(judged([without], cartOf(), idle).reason, null)
  })
})

describe('trees of conditions', () => {
  const yes: Condition = { kind: 'quantity', atLeast: 1 }
  const few: Condition = { kind: 'quantity', atLeast: 9 }
  const poor: Condition = { kind: 'item_total', atLeast: usd(9999) }
  const table: readonly [condition: Condition, reason: string | null][] = [
    [{ kind: 'all', conditions: [yes, yes] }, null],
    [{ kind: 'all', conditions: [yes, few, poor] }, 'quantity_too_low'],
    [{ kind: 'any', conditions: [few, yes] }, null],
    [{ kind: 'any', conditions: [few, poor] }, 'item_total_too_low'],
    [{ kind: 'none', conditions: [few, poor] }, null],
    [{ kind: 'none', conditions: [few, yes] }, 'excluded'],
    [
      {
        kind: 'any',
        conditions: [
          { kind: 'all', conditions: [yes, few] },
          { kind: 'none', conditions: [few] },
        ],
      },
      null,
    ],
    [{ kind: 'none', conditions: [{ kind: 'any', conditions: [few, { kind: 'all', conditions: [yes] }] }] }, 'excluded'],
  ]
  for (const [condition, reason] of table) {
    it(`${JSON.stringify(condition)}: ${reason ?? 'holds'}`, () =>
      assert.equal(judged([condition], cartOf(), factsOf({ variants })).reason, reason))
  }

  it('with a trace every condition is judged, also behind one that fails, with its place and what was compared', () => {
    const { conditions, reason } = judged([few, { kind: 'any', conditions: [yes, poor] }], cartOf(), factsOf({ variants }))
    assert.equal(reason, 'quantity_too_low')
    assert.deepEqual(
      conditions.map(({ path, kind, holds }) => [path, kind, holds]),
      [
        ['/conditions/0', 'quantity', false],
        ['/conditions/1', 'any', true],
        ['/conditions/1/conditions/0', 'quantity', true],
        ['/conditions/1/conditions/1', 'item_total', false],
      ],
    )
    assert.deepEqual(conditions[0]?.saw, { quantity: 3, atLeast: 9 })
    assert.deepEqual(conditions[3]?.saw, { itemTotal: 5000, currency: 'USD', atLeast: usd(9999) })
  })
})

describe('a discount for some products touches their lines only', () => {
  const facts = factsOf({ variants })
  const cart = cartWith(facts, [inlineLine('Cup', 500, { id: 'ln_cup' })], cartOf())
  const long = Array.from({ length: 50 }, (_, index) => `X-${index}`)
  const table: readonly [of: LineFilter | undefined, skus: string][] = [
    [undefined, 'MUG TEE Cup'],
    [{ skus: ['MUG'] }, 'MUG'],
    [{ skus: [...long, 'TEE'] }, 'TEE'],
    [{ products: ['tee', 'prd_mug'] }, 'MUG TEE'],
    [{ categories: ['kitchen'] }, 'MUG'],
    [{ tags: ['cotton', 'clay'] }, 'MUG TEE'],
    [{ tags: ['cotton', 'clay'], skus: ['TEE'] }, 'TEE'],
    [{ tags: ['cotton'], skus: ['MUG'] }, ''],
    [{ except: { skus: ['MUG'] } }, 'TEE Cup'],
    [{ tags: ['clay', 'cotton'], except: { categories: ['kitchen'] } }, 'TEE'],
    [{ except: { skus: ['TEE'], tags: ['sale'] } }, 'Cup'],
  ]
  for (const [of, skus] of table) {
    it(`SEED3-50 a list of lines means those in it: ${JSON.stringify(of ?? 'all lines')}: ${skus || 'none'}`, () => {
      const promotion = promotionOf('p', { kind: 'percent_off', percent: '10', on: 'lines', ...(of ? { of } : {}) })
      const pricing = priceCart(cart, { ...facts, promotions: new Map([['p', promotion]]) })
      assert.ok(!isRefusal(pricing))
      const touched = pricing.cart.lines.filter((each) => each.discountTotal.amount < 0).map((each) => each.sku ?? each.name)
      assert.equal(touched.join(' '), skus)
    })
  }
})
