// Shipping: what holds for every table of methods and every cart, said as properties; how a price is explained; what is wrong with a table. What a
// single cart costs is in `test/pricing/shipping*.table` and `floor.table`.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { cartWith, done, factsOf, guestCart, inlineLine, line, promotionOf, refusalOf, variantOf } from '../../test/facts.ts'
import { methodOf } from '../../test/pricing/shipping-words.ts'
import { readTables } from '../../test/pricing/table.ts'
import type { Adjustment } from './adjustment.ts'
import type { Cart } from './cart.ts'
import { changeCart } from './details.ts'
import type { Facts } from './facts.ts'
import { type Pricing, priceCart } from './pricing.ts'
import type { Benefit } from './promotion.ts'
import type { ShippingMethod } from './settings.ts'
import { aboveFloor, type Shipped } from './shipping.ts'
import { methodsRefusal } from './shipping-table.ts'
import { newTrace } from './trace.ts'

const RUNS = 5000
const CATEGORIES = ['bulky', 'cold'] as const
const COUNTRIES = ['US', 'DE', 'FR'] as const

const amounts = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: 20_000 }))
const optional = <T>(of: fc.Arbitrary<T>) => fc.option(of, { nil: undefined })
const steps = fc
  .uniqueArray(fc.record({ from: amounts, amount: amounts }), { selector: ({ from }) => from, minLength: 1, maxLength: 4 })
  .map((list) => list.sort((a, b) => a.from - b.from))

/** Leaves out what is undefined: optional fields are absent or something. */
function present<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>
  }
}

const rates = fc
  .record({
    countries: optional(fc.uniqueArray(fc.constantFrom(...COUNTRIES), { minLength: 1 })),
    currency: fc.constantFrom('USD', 'USD', 'USD', 'EUR'),
    amount: amounts,
    freeFrom: optional(amounts),
    stepped: optional(fc.record({ by: fc.constantFrom('weight' as const, 'total' as const, 'quantity' as const), steps })),
    surcharges: optional(
      fc
        .record({ amount: amounts, category: fc.constantFrom(...CATEGORIES), per: fc.constantFrom('item' as const, 'cart' as const) })
        .map((surcharge) => [surcharge]),
    ),
  })
  .map(({ stepped, ...rate }) => present({ ...rate, ...stepped }))

const methods: fc.Arbitrary<ShippingMethod[]> = fc
  .array(
    fc.record({
      rates: fc.array(rates, { minLength: 1, maxLength: 3 }),
      maxGrams: optional(fc.integer({ min: 1, max: 20_000 })),
      excludesCategories: optional(fc.constantFrom<readonly string[]>(['bulky'], ['cold'], ['bulky', 'cold'])),
    }),
    { maxLength: 4 },
  )
  .map((list) => list.map((method, index) => present({ ...method, id: `m${index}`, name: `Method ${index}` }) as ShippingMethod))

const benefits = fc.constantFrom<Benefit>(
  { kind: 'free_shipping' },
  { kind: 'percent_off', percent: '100' },
  { kind: 'percent_off', percent: '33.3' },
  { kind: 'amount_off', amounts: [{ currency: 'USD', amount: 700 }] },
)

const randomCarts = fc
  .record({
    lines: fc.array(
      fc.record({
        price: amounts,
        quantity: fc.integer({ min: 1, max: 9 }),
        grams: fc.integer({ min: 0, max: 5000 }),
        category: optional(fc.constantFrom(...CATEGORIES)),
        ships: fc.constantFrom(true, true, false),
      }),
      { maxLength: 6 },
    ),
    methods,
    promotions: fc.array(benefits, { maxLength: 3 }),
    chosen: fc.constantFrom(null, null, 'm0', 'm1', 'm9'),
    country: fc.constantFrom(null, ...COUNTRIES),
    home: fc.constantFrom(null, 'US'),
    whenNotChosen: fc.constantFrom('none' as const, 'cheapest' as const),
    floor: fc.constantFrom('zero' as const, 'shipping' as const),
    included: fc.boolean(),
  })
  .map((given) => {
    const variants = given.lines.map(({ price, grams, category, ships }, index) =>
      variantOf(`SKU-${index}`, price, {
        requiresShipping: ships,
        grams,
        ...(category === undefined ? {} : { shippingCategory: category }),
      }),
    )
    const facts = factsOf({
      variants,
      promotions: given.promotions.map((benefit, index) => promotionOf(`promo_${index}`, benefit)),
      settings: {
        tax: {
          rates: [{ name: 'Tax', category: 'standard', percent: '8.875', included: given.included }],
          shippingCategory: 'standard',
          defaultCountry: given.home,
        },
        shipping: { methods: given.methods, whenNotChosen: given.whenNotChosen },
        totals: { floor: given.floor },
      },
    })
    const shippingAddress = given.country === null ? null : { country: given.country }
    const cart = cartWith(
      facts,
      given.lines.map(({ quantity }, index) => line(`SKU-${index}`, quantity, { id: `ln_${index}` })),
      guestCart({ shippingMethod: given.chosen, shippingAddress }),
    )
    return { cart, facts }
  })

function holds(check: (cart: Cart, facts: Facts, pricing: Pricing) => void, runs = RUNS): void {
  fc.assert(
    fc.property(randomCarts, ({ cart, facts }) => check(cart, facts, done(priceCart(cart, facts)))),
    { numRuns: runs },
  )
}

describe(`in ${RUNS} random carts with random tables`, () => {
  it('shipping costs nothing or more, and promotions never take more than it costs', () => {
    holds((_cart, _facts, { cart }) => {
      const taken = cart.adjustments.filter(({ type }) => type === 'promotion').reduce((sum, { amount }) => sum + amount.amount, 0)
      assert.ok(cart.shippingTotal.amount >= 0 && taken <= 0 && cart.shippingTotal.amount + taken >= 0)
      assert.ok(cart.adjustments.every(({ type, amount }) => type !== 'promotion' || amount.amount < 0))
      if (!cart.requiresShipping) assert.equal(cart.shippingTotal.amount, 0)
    })
  })

  it('SEED4-74 the total never falls below the floor: zero, or what shipping costs', () => {
    holds((_cart, { shop }, { cart }) => {
      const floor = shop.settings.totals.floor === 'shipping' ? cart.shippingTotal.amount : 0
      assert.ok(cart.total.amount >= floor, `${cart.total.amount} < ${floor}`)
      const { itemTotal, discountTotal, shippingTotal, additionalTaxTotal, total } = cart
      assert.equal(itemTotal.amount + discountTotal.amount + shippingTotal.amount + additionalTaxTotal.amount, total.amount)
    })
  })

  it('a floor that holds nothing back changes nothing', () => {
    holds((given, facts, { cart }) => {
      const { settings } = facts.shop
      const other = done(priceCart(given, { ...facts, shop: { ...facts.shop, settings: { ...settings, totals: { floor: 'zero' } } } }))
      const left = cart.itemTotal.amount + cart.lines.reduce((sum, { discountTotal }) => sum + discountTotal.amount, 0)
      if (left >= cart.shippingTotal.amount) assert.deepEqual(cart, other.cart)
      else assert.ok(cart.total.amount >= other.cart.total.amount)
    })
  })

  it('SEED3-52 the estimate is the price of the cheapest method that is offered, and only while none is chosen', () => {
    holds((given, { shop }, { cart, shippingQuotes }) => {
      const estimate = cart.shippingEstimate?.amount ?? null
      if (given.shippingMethod !== null || !cart.requiresShipping || shippingQuotes.length === 0) return assert.equal(estimate, null)
      assert.equal(estimate, Math.min(...shippingQuotes.map(({ amount }) => amount)))
      assert.equal(cart.shippingTotal.amount, shop.settings.shipping.whenNotChosen === 'cheapest' ? estimate : 0)
      assert.equal(cart.shippingMethod, null, 'an estimate is no choice')
      const [counted] = cart.adjustments.filter(({ type }) => type === 'shipping')
      if (counted)
        assert.equal(counted.source.id, shippingQuotes.find(({ amount }) => amount === estimate)?.id, 'the first of the cheapest')
    })
  })

  it('what counts is the choice or what took its place, at the price that was offered', () => {
    holds((given, _facts, { cart, shippingQuotes }) => {
      if (given.shippingMethod === null || !cart.requiresShipping) return
      const counted = shippingQuotes.find(({ id }) => id === given.shippingMethod) ?? shippingQuotes[0]
      assert.equal(cart.shippingTotal.amount, counted?.amount ?? 0)
      assert.equal(cart.shippingMethod, counted?.id ?? given.shippingMethod)
      const told = cart.notices.filter(({ path }) => path === '/shippingMethod').map(({ code }) => code)
      const expected = !counted ? ['shipping_method_unavailable'] : counted.id === given.shippingMethod ? [] : ['shipping_method_changed']
      assert.deepEqual(told, expected)
    })
  })

  it('the order of lines does not matter to what is offered', () => {
    holds((given, facts) => {
      // A discount on items moves single units between lines that ship and lines that do not.
      const alone = { ...facts, promotions: new Map() }
      const backwards = done(priceCart({ ...given, lines: [...given.lines].reverse() }, alone))
      assert.deepEqual(backwards.shippingQuotes, done(priceCart(given, alone)).shippingQuotes)
    })
  })

  it('an explanation changes nothing, and names each method that is offered once, the one that counts as chosen', () => {
    holds((given, facts, pricing) => {
      const trace = newTrace()
      assert.deepEqual(priceCart(given, facts, trace), pricing)
      const rows = trace.rates.filter(({ kind, id }) => kind === 'shipping' && !id.includes('/'))
      const offered = rows.filter(({ reason }) => reason === null || reason === 'not_chosen').map(({ id }) => id)
      const { requiresShipping, adjustments } = pricing.cart
      if (!requiresShipping) assert.ok(trace.rates.every(({ kind }) => kind !== 'shipping'))
      assert.deepEqual(offered, requiresShipping ? pricing.shippingQuotes.map(({ id }) => id) : [])
      const counted = adjustments.filter(({ type }) => type === 'shipping').map(({ source }) => source.id)
      assert.deepEqual(
        rows.filter(({ chosen }) => chosen).map(({ id }) => id),
        counted,
      )
    }, 1000)
  })
})

describe('why shipping costs that', () => {
  it('says of every method and rate what it looked at and why it was passed over', () => {
    const table = ['van<1000:99', 'dry!cold:199', 'post:1EUR/2@US/0@DE=10*^90000kg(0=499,1000=699)+cold=50each', 'air:1999'].map((word) =>
      methodOf(word, 'USD'),
    )
    const facts = factsOf({
      variants: [variantOf('FISH', 800, { grams: 600, shippingCategory: 'cold' })],
      settings: { shipping: { methods: table } },
    })
    const shippingAddress = { country: 'DE', postalCode: '10115', line1: '1 Main Street' }
    const trace = newTrace()
    const cart = cartWith(facts, [line('FISH', 2)], guestCart({ shippingMethod: 'post', shippingAddress }))
    const { shippingTotal } = done(priceCart(cart, facts, trace)).cart
    assert.equal(shippingTotal.amount, 799)
    assert.deepEqual(
      trace.rates.filter(({ kind }) => kind === 'shipping').map(({ id, chosen, reason, saw }) => [id, chosen, reason, saw]),
      [
        ['van', false, 'too_heavy', { grams: 1200, maxGrams: 1000 }],
        ['dry', false, 'category', { category: 'cold' }],
        ['post/rates/0', false, 'currency', { currency: 'EUR' }],
        ['post/rates/1', false, 'zone', { country: 'DE', region: null, postalCode: '10115' }],
        [
          'post/rates/2',
          true,
          null,
          {
            base: 699,
            by: 'weight',
            measured: 1200,
            step: 1000,
            itemTotal: 1600,
            freeFrom: 90_000,
            surcharges: [{ category: 'cold', amount: 100 }],
          },
        ],
        ['air/rates/0', true, null, { base: 1999 }],
        ['post', true, null, { amount: 799 }],
        ['air', false, 'not_chosen', { amount: 1999 }],
      ],
    )
  })
})

describe('the floor under a total', () => {
  const row = (type: Adjustment['type'], id: string, amount: number): Adjustment => {
    const kind = type === 'promotion' ? 'promotion' : 'shipping_method'
    return { type, label: id, amount: { amount, currency: 'USD' }, included: false, source: { kind, id }, target: 'shipping' }
  }
  const shipped: Shipped = {
    needed: true,
    method: 'post',
    amount: 500,
    discount: -450,
    estimate: null,
    wanted: null,
    offered: [],
    adjustments: [
      row('shipping', 'post', 500),
      row('promotion', 'first', -200),
      row('promotion', 'second', -150),
      row('promotion', 'third', -100),
    ],
    notices: [],
  }
  const { settings } = factsOf({ settings: { totals: { floor: 'shipping' } } }).shop

  const table: readonly [left: number, discount: number, kept: readonly (readonly [string, number])[]][] = [
    [
      450,
      -450,
      [
        ['first', -200],
        ['second', -150],
        ['third', -100],
      ],
    ],
    [
      400,
      -400,
      [
        ['first', -200],
        ['second', -150],
        ['third', -50],
      ],
    ],
    [
      350,
      -350,
      [
        ['first', -200],
        ['second', -150],
      ],
    ],
    [1, -1, [['first', -1]]],
    [0, 0, []],
  ]
  for (const [left, discount, kept] of table) {
    it(`SEED4-74 what is too much is given back, the last promotion first: items that come to ${left} leave ${-discount}`, () => {
      const bounded = aboveFloor(shipped, left, settings)
      assert.deepEqual([bounded.discount, bounded.amount], [discount, 500])
      assert.deepEqual(
        bounded.adjustments.map(({ source, amount }) => [source.id, amount.amount]),
        [['post', 500], ...kept],
      )
    })
  }
})

describe('where a cart goes', () => {
  const facts = factsOf({
    variants: [variantOf('MUG', 1000)],
    settings: {
      tax: { defaultCountry: 'FR' },
      shipping: { methods: ['one:1@US', 'two:2@DE', 'three:3@FR'].map((word) => methodOf(word, 'USD')) },
    },
  })
  const estimate = (changes: Partial<Cart>) =>
    done(priceCart({ ...cartWith(facts, [line('MUG')]), ...changes }, facts)).cart.shippingEstimate

  it('SEED3-52 is its shipping address, else its billing address, else the country of the shop', () => {
    const shippingAddress = { country: 'US' }
    const billingAddress = { country: 'DE' }
    assert.deepEqual(
      [{ shippingAddress, billingAddress }, { billingAddress }, {}].map((known) => estimate(known)?.amount),
      [1, 2, 3],
    )
  })
})

describe('choosing a method', () => {
  const table = ['post<1000:499', 'freight:2999', 'sea:99@DE'].map((word) => methodOf(word, 'USD'))
  const facts = factsOf({ variants: [variantOf('MUG', 1000, { grams: 600 })], settings: { shipping: { methods: table } } })

  it('is refused for one that does not take this cart there, with what is offered', () => {
    const refusal = refusalOf(changeCart(cartWith(facts, [line('MUG', 2)]), { shippingMethod: 'post' }, facts))
    assert.deepEqual(refusal, {
      refused: 'shipping_method_unavailable',
      shippingMethod: 'post',
      available: ['freight'],
      path: '/shippingMethod',
    })
  })

  it('looks at the address that comes with it', () => {
    const cart = cartWith(facts, [line('MUG')])
    assert.equal(refusalOf(changeCart(cart, { shippingMethod: 'sea' }, facts)).refused, 'shipping_method_unavailable')
    const changed = done(changeCart(cart, { shippingMethod: 'sea', shippingAddress: { country: 'DE' } }, facts))
    assert.equal(changed.cart.shippingMethod, 'sea')
  })

  it('is possible before anything is in the cart', () => {
    assert.equal(done(changeCart(guestCart(), { shippingMethod: 'post' }, facts)).cart.shippingMethod, 'post')
  })
})

describe('what a cart weighs', () => {
  it('an item that the caller named weighs what the caller says, and nothing without that', () => {
    const facts = factsOf({ settings: { shipping: { methods: [methodOf('post:1kg(500=2)', 'USD')] } } })
    const shipped = (grams?: number) => {
      const inline = {
        name: 'Cup',
        unitPrice: 70,
        taxCategory: 'standard',
        requiresShipping: true,
        ...(grams === undefined ? {} : { grams }),
      }
      const cart = cartWith(facts, [inlineLine('Cup', 70, { inline, quantity: 2 })], guestCart({ shippingMethod: 'post' }))
      return done(priceCart(cart, facts)).cart.shippingTotal.amount
    }
    assert.deepEqual([shipped(), shipped(249), shipped(250)], [1, 1, 2])
  })

  it('beyond what is exact is heavier than every limit and not lighter', () => {
    const facts = factsOf({
      variants: Array.from({ length: 400 }, (_, index) => variantOf(`SKU-${index}`, 0, { grams: 1_000_000_000 })),
      settings: { shipping: { methods: [methodOf('post<1000000000:1', 'USD'), methodOf('ship:2kg(9007199254740991=3)', 'USD')] } },
    })
    const heavy = cartWith(
      facts,
      Array.from({ length: 400 }, (_, index) => line(`SKU-${index}`, 99_999)),
    )
    assert.deepEqual(done(priceCart(heavy, facts)).shippingQuotes, [{ id: 'ship', name: 'ship', amount: 3 }])
  })

  it('a surcharge beyond what is exact is not offered at a wrong price', () => {
    const facts = factsOf({
      variants: [variantOf('SOFA', 1, { shippingCategory: 'bulky' })],
      settings: {
        shipping: { methods: ['post:1+bulky=9007199254740991each', 'van:1+bulky=9007199254740991'].map((word) => methodOf(word, 'USD')) },
      },
    })
    const trace = newTrace()
    assert.deepEqual(done(priceCart(cartWith(facts, [line('SOFA', 2)]), facts, trace)).shippingQuotes, [])
    assert.deepEqual(
      trace.rates.filter(({ kind }) => kind === 'shipping').map(({ id, reason }) => [id, reason]),
      [
        ['post/rates/0', 'amount_too_large'],
        ['van/rates/0', 'amount_too_large'],
      ],
    )
  })
})

describe('a table that is wrong', () => {
  const wrong: readonly [title: string, words: readonly string[], path: string, reason: string | undefined][] = [
    ['an id twice', ['a:1', 'b:1', 'a:2'], '/2/id', 'duplicate_id'],
    ['a currency that does not exist', ['a:1/2XXQ'], '/0/rates/1/currency', undefined],
    ['steps that do not ascend', ['a:1kg(0=1,500=2,400=3)'], '/0/rates/0/steps/2/from', 'steps_must_ascend'],
    ['two steps of one size', ['a:1pcs(1=1,1=2)'], '/0/rates/0/steps/1/from', 'steps_must_ascend'],
    ['a range of postal codes that runs backwards', ['a:1@US=94103,95000-94000'], '/0/rates/0/postalCodes/1', 'range_backwards'],
    ['a category twice', ['a:1+cold=1+bulky=2+cold=3'], '/0/rates/0/surcharges/2/category', 'duplicate_category'],
  ]
  for (const [title, table, path, reason] of wrong) {
    it(`is refused with the place of the fault: ${title}`, () => {
      const refusal = methodsRefusal(
        table.map((word) => methodOf(word, 'USD')),
        '/items',
      )
      assert.deepEqual([refusal?.path, refusal?.reason], [`/items${path}`, reason])
    })
  }

  it('is refused with the place of the fault: fields that mean nothing without another', () => {
    const rate = { currency: 'USD', amount: 1 }
    const faults = [
      { ...rate, regions: ['CA'] },
      { ...rate, postalCodes: ['94103'] },
      { ...rate, by: 'weight' as const },
      { ...rate, steps: [{ from: 0, amount: 1 }] },
    ].map((each) => methodsRefusal([{ id: 'a', name: 'A', rates: [each] }], ''))
    assert.deepEqual(
      faults.map((fault) => [fault?.path, fault?.reason]),
      [
        ['/0/rates/0/regions', 'needs_countries'],
        ['/0/rates/0/postalCodes', 'needs_countries'],
        ['/0/rates/0/by', 'needs_steps'],
        ['/0/rates/0/steps', 'needs_by'],
      ],
    )
  })

  it('is none of those that carts are priced with here', () => {
    const tables = readTables().map(({ title, facts }) => [title, methodsRefusal(facts.shop.settings.shipping.methods, '')] as const)
    assert.ok(tables.length > 40)
    for (const [title, refusal] of tables) assert.equal(refusal, null, title)
  })
})
