// Prices with terms: which one counts, what is promised about it when quantities, groups, currencies and the time change, and that nothing is ever
// sold at no price. Rows of amounts are in test/pricing/prices.table.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  accountCart,
  cartWith,
  done,
  factsOf,
  guestCart,
  inlineLine,
  line,
  NOW,
  promotionOf,
  refusalOf,
  variantOf,
} from '../../test/facts.ts'
import { addLines, type Cart, changesBetween, fillLines, lineKey, quantitiesOf, setLine, withGroups } from './cart.ts'
import { changeCart } from './details.ts'
import type { Facts } from './facts.ts'
import { mergeCarts } from './merge.ts'
import { type PricedCart, priceCart } from './pricing.ts'
import { type Price, priceOf } from './product.ts'
import { isRefusal } from './refusal.ts'
import { copyLines, restoreLine, saveLine } from './saved-lines.ts'
import type { SettingsPatch } from './settings.ts'
import { newTrace } from './trace.ts'

const usd = (amount: number, terms: Partial<Price> = {}): Price => ({ currency: 'USD', amount, ...terms })
const eur = (amount: number, terms: Partial<Price> = {}): Price => ({ currency: 'EUR', amount, ...terms })
const TIERED = [usd(1000), usd(900, { quantityFrom: 10 })]

/** Facts of a shop with one product, MUG, at these prices. */
function selling(prices: readonly Price[], settings: SettingsPatch = {}, now = NOW): Facts {
  return factsOf({ variants: [variantOf('MUG', {}, { prices })], settings, now })
}

const priced = (cart: Cart, facts: Facts): PricedCart => done(priceCart(cart, facts)).cart
const unitPrices = (cart: Cart, facts: Facts) => priced(cart, facts).lines.map((each) => each.unitPrice.amount)
const told = (cart: Cart, facts: Facts) =>
  priced(cart, facts).notices.map(({ code, params }) => [code, params.from ?? null, params.to ?? null])
const set = (cart: Cart, quantity: number, facts: Facts) => done(setLine(cart, { lineId: cart.lines[0]?.id ?? '', quantity }, facts)).cart

describe('the price that applies', () => {
  it('is the same in whichever order prices were written', () => {
    const prices = [usd(1000), usd(900, { quantityFrom: 10 }), usd(850, { group: 'trade' }), usd(800, { endsAt: NOW }), eur(1)]
    const orders = prices.map((_, index) => [...prices.slice(index), ...prices.slice(0, index)])
    for (const terms of [
      { quantity: 1, groups: [], now: NOW },
      { quantity: 10, groups: ['trade'], now: NOW },
      { quantity: 10, groups: [], now: NOW - 1 },
    ]) {
      const found = orders.map((each) => priceOf(variantOf('MUG', {}, { prices: each }), 'USD', null, terms)?.amount)
      assert.equal(new Set(found).size, 1, JSON.stringify([terms, found]))
    }
  })

  it('brings its own list price along, and that of no other', () => {
    const facts = selling([usd(1000, { listAmount: 1500 }), usd(900, { quantityFrom: 2 })])
    const cart = cartWith(facts, [line('MUG')])
    assert.equal(priced(cart, facts).lines[0]?.listPrice?.amount, 1500)
    assert.equal(priced(set(cart, 2, facts), facts).lines[0]?.listPrice, null)
  })

  it('is written down with every price that was passed over, and why', () => {
    const facts = selling([
      usd(1000),
      usd(900, { quantityFrom: 10 }),
      usd(800, { group: 'trade' }),
      usd(700, { startsAt: NOW + 1 }),
      eur(1),
    ])
    const trace = newTrace()
    done(priceCart(cartWith(facts, [line('MUG')]), facts, trace))
    assert.deepEqual(
      trace.rates.map(({ id, chosen, reason }) => [id, chosen, reason]),
      [
        ['MUG/0', true, null],
        ['MUG/1', false, 'quantity'],
        ['MUG/2', false, 'group'],
        ['MUG/3', false, 'not_started'],
        ['MUG/4', false, 'currency'],
      ],
    )
  })

  it('holds until the next moment at which a price of the variant begins or ends, and `pricing` moves with that moment', () => {
    const prices = [usd(1000), usd(900, { startsAt: NOW + 50, endsAt: NOW + 90 })]
    const at = (now: number) => selling(prices, {}, now)
    const cart = cartWith(at(NOW), [line('MUG')])
    const seen = [NOW, NOW + 49, NOW + 50, NOW + 89, NOW + 90].map((now) => done(priceCart(cart, at(now))))
    assert.deepEqual(
      seen.map(({ freshUntil, cart: { total } }) => [freshUntil, total.amount]),
      [
        [NOW + 50, 1000],
        [NOW + 50, 1000],
        [NOW + 90, 900],
        [NOW + 90, 900],
        [null, 1000],
      ],
    )
    assert.deepEqual(
      seen.map((each) => each.cart.pricing),
      [1, 1, NOW + 50, NOW + 50, NOW + 90],
    )
  })

  it('of what a promotion may give away counts for how long the cart is fresh, given or not', () => {
    const gift = variantOf('GIFT', {}, { prices: [usd(100), usd(50, { startsAt: NOW + 7 })] })
    const promotion = promotionOf('p', { kind: 'gift', sku: 'GIFT', quantity: 1 }, { active: false })
    const facts = factsOf({ variants: [variantOf('MUG', 1000), gift], promotions: [promotion] })
    assert.equal(done(priceCart(cartWith(facts, [line('MUG')]), facts)).freshUntil, NOW + 7)
  })
})

describe('nothing is sold at no price', () => {
  const bulk = selling([usd(900, { quantityFrom: 10 })])

  it('adding fewer pieces than any price is for is refused and says from how many on there is one', () => {
    const refused = refusalOf(addLines(guestCart(), { lines: [line('MUG')] }, bulk))
    assert.deepEqual([refused.refused, refused.quantityFrom, refused.path], ['no_price', 10, '/lines/0'])
    assert.deepEqual(unitPrices(cartWith(bulk, [line('MUG', 10)]), bulk), [900])
    assert.equal(refusalOf(addLines(guestCart(), { lines: [line('MUG', 10)], currency: 'EUR' }, bulk)).refused, 'currency_mismatch')
  })

  it("a price for a group alone is nobody else's, and its group is not told", () => {
    const facts = selling([usd(900, { group: 'trade' })])
    const refused = refusalOf(addLines(guestCart(), { lines: [line('MUG')] }, facts))
    assert.equal(refused.refused, 'no_price')
    assert.doesNotMatch(JSON.stringify(refused), /trade/)
    assert.deepEqual(unitPrices(cartWith(facts, [line('MUG')], guestCart({ customerGroups: ['trade'] })), facts), [900])
  })

  it('two lines of one request are enough pieces together, also where each would be too few', () => {
    const lines = [line('MUG', 5, { options: { Colour: 'red' } }), line('MUG', 5, { options: { Colour: 'blue' } })]
    const cart = done(fillLines(guestCart(), { lines, mode: 'replace' }, bulk)).cart
    assert.deepEqual(unitPrices(cart, bulk), [900, 900])
    assert.deepEqual(
      cart.lines.map((each) => [each.priceWhenAdded, each.quantityWhenAdded]),
      [
        [900, 10],
        [900, 10],
      ],
    )
  })

  it('where one of two such lines is refused, the other one is too few and refused as well', () => {
    const lines = [line('MUG', 5), line('MUG', 5, { options: { Colour: 'red' }, amount: 5 })]
    const refused = refusalOf(addLines(guestCart(), { lines }, bulk))
    assert.deepEqual(
      (refused.results as { code: string }[]).map(({ code }) => code),
      ['no_price', 'amount_invalid'],
    )
  })

  it('stock that lowers a quantity below the only price refuses it', () => {
    const facts = factsOf({ variants: [variantOf('MUG', {}, { prices: [usd(900, { quantityFrom: 10 })] })], stock: { MUG: 4 } })
    assert.equal(refusalOf(addLines(guestCart(), { lines: [line('MUG', 10)] }, facts)).refused, 'no_price')
  })

  it('setting a quantity that has no price is refused; a line that lost its price otherwise is flagged, costs nothing of the total, and may change', () => {
    const cart = cartWith(bulk, [line('MUG', 10)])
    const refused = refusalOf(setLine(cart, { lineId: cart.lines[0]?.id ?? '', quantity: 9 }, bulk))
    assert.deepEqual([refused.refused, refused.path, refused.quantityFrom], ['no_price', '/quantity', 10])
    const dearer = selling([usd(900, { quantityFrom: 20 })])
    const flagged = priced(cart, dearer)
    assert.deepEqual([flagged.lines[0]?.state, flagged.lines[0]?.unitPrice.amount, flagged.total.amount], ['UNAVAILABLE', 900, 0])
    assert.deepEqual(
      flagged.notices.map(({ code, params }) => [code, params.reason]),
      [['line_unavailable', 'no_price']],
    )
    assert.deepEqual(unitPrices(set(cart, 20, dearer), dearer), [900])
    assert.equal(set(cart, 5, dearer).lines[0]?.quantity, 5)
  })

  it('a shop that removes what cannot be bought removes what has no price for so few, until all that is left has one', () => {
    const red = line('MUG', 6, { options: { Colour: 'red' } })
    const cart = cartWith(bulk, [red, line('MUG', 4, { options: { Colour: 'blue' } })])
    const facts = factsOf({
      variants: [...bulk.variants.values()],
      stock: { MUG: 8 },
      settings: { lines: { onUnavailable: 'remove' } },
    })
    const { intent } = done(priceCart(cart, facts))
    assert.deepEqual(intent.lines, [])
    assert.deepEqual(done(priceCart(intent, facts)).intent.lines, [])
  })

  it('a currency in which the quantity has no price blocks the change, or flags the line', () => {
    const prices = [usd(1000), eur(900, { quantityFrom: 10 })]
    const facts = selling(prices)
    const cart = cartWith(facts, [line('MUG', 2)])
    assert.equal(refusalOf(changeCart(cart, { currency: 'EUR' }, facts)).refused, 'currency_mismatch')
    const flagging = selling(prices, { currency: { onMissingPrice: 'flag' } })
    const changed = done(changeCart(cart, { currency: 'EUR' }, flagging)).cart
    assert.deepEqual([priced(changed, flagging).lines[0]?.state, priced(changed, flagging).total.amount], ['UNAVAILABLE', 0])
    const many = set(changed, 10, flagging)
    assert.deepEqual([unitPrices(many, flagging), told(many, flagging)], [[900], []])
  })

  it('a merged line that has no price for so few comes along flagged, and one without any price is set aside', () => {
    const facts = selling([usd(1000), eur(900, { quantityFrom: 10 })], { merge: { currencyConflict: 'reprice' } })
    const other = factsOf({ ...{ variants: [...facts.variants.values(), variantOf('CUP', 500), variantOf('TEA', { EUR: 300 })] } })
    const both: Facts = { ...facts, variants: other.variants }
    const guest = cartWith(both, [line('MUG', 2), line('CUP')])
    const account = cartWith(both, [line('TEA')], accountCart({ currency: 'EUR', currencyChosen: true }))
    const { cart, report } = done(mergeCarts(account, [guest], both))
    assert.deepEqual(
      report.lines.map(({ outcome, code }) => [outcome, code]),
      [
        ['unavailable', 'no_price'],
        ['rejected', 'no_price'],
      ],
    )
    assert.deepEqual([priced(cart, both).total.amount, cart.savedLines.length], [300, 1])
  })
})

describe('what was promised', () => {
  it('buying more or fewer pieces is no news; the same pieces at another price are', () => {
    const facts = selling(TIERED)
    const cart = cartWith(facts, [line('MUG', 10)])
    assert.deepEqual([unitPrices(cart, facts), told(cart, facts)], [[900], []])
    const few = set(cart, 9, facts)
    assert.deepEqual([unitPrices(few, facts), told(few, facts)], [[1000], []])
    const dearer = selling([usd(1000), usd(950, { quantityFrom: 10 })])
    assert.deepEqual(told(few, dearer), [['price_increased', 900, 950]])
    assert.deepEqual(told(few, selling([usd(1200), usd(900, { quantityFrom: 10 })])), [])
  })

  it('a line of the same sku that is added later has the price of all pieces, and neither line is told anything', () => {
    const facts = selling(TIERED)
    const cart = cartWith(facts, [line('MUG', 5, { options: { Colour: 'red' } })], cartWith(facts, [line('MUG', 5)]))
    assert.deepEqual([unitPrices(cart, facts), told(cart, facts)], [[900, 900], []])
    assert.deepEqual(
      cart.lines.map((each) => [each.priceWhenAdded, each.quantityWhenAdded]),
      [
        [1000, 5],
        [900, 10],
      ],
    )
  })

  it('a held price is kept while there are as many pieces as it was for, and one piece takes no quantity price along', () => {
    const hold: SettingsPatch = { pricing: { onIncrease: 'hold', holdFor: 'PT1H' } }
    const before = selling(TIERED, hold)
    const cart = cartWith(before, [line('MUG', 10)])
    const after = selling([usd(1200), usd(1100, { quantityFrom: 10 })], hold)
    assert.deepEqual([unitPrices(cart, after), told(cart, after)], [[900], []])
    const more = set(cart, 11, after)
    assert.deepEqual(unitPrices(more, after), [900])
    const one = set(cart, 1, before)
    assert.deepEqual(unitPrices(one, before), [1000], 'nothing went up: one piece costs what one piece costs')
    assert.deepEqual(unitPrices(set(cart, 9, after), after), [1200])
    const over = selling([usd(1200), usd(1100, { quantityFrom: 10 })], hold, NOW + 3_600_000)
    assert.deepEqual([unitPrices(cart, over), told(cart, over)], [[1100], [['price_increased', 900, 1100]]])
  })

  it('what was refused or lowered is not counted in what the price was for', () => {
    const facts = factsOf({
      variants: [variantOf('MUG', 1000)],
      stock: { MUG: 3 },
      settings: { pricing: { onIncrease: 'hold', holdFor: 'PT1H' } },
    })
    const cart = cartWith(facts, [line('MUG', 10)])
    assert.deepEqual([cart.lines[0]?.quantity, cart.lines[0]?.quantityWhenAdded], [3, 3])
    const dearer = { ...facts, variants: new Map([['MUG', variantOf('MUG', 1500)]]) }
    assert.deepEqual(unitPrices(cart, dearer), [1000])
  })

  it('SEED3-44 the expected price of an added line is that of all pieces after the add; one that is no longer valid is refused', () => {
    const facts = selling(TIERED)
    const cart = cartWith(facts, [line('MUG', 5)])
    const refused = refusalOf(addLines(cart, { lines: [line('MUG', 5, { expectedUnitPrice: 1000 })] }, facts))
    assert.deepEqual([refused.refused, refused.current], ['price_changed', { amount: 900, currency: 'USD' }])
    assert.equal(done(addLines(cart, { lines: [line('MUG', 5, { expectedUnitPrice: 900 })] }, facts)).cart.lines[0]?.quantity, 10)
    assert.equal(refusalOf(addLines(cart, { lines: [line('MUG', 4, { expectedUnitPrice: 900 })] }, facts)).refused, 'price_changed')
    const short = factsOf({ variants: [...facts.variants.values()], stock: { MUG: 9 } })
    assert.equal(refusalOf(addLines(cart, { lines: [line('MUG', 5, { expectedUnitPrice: 900 })] }, short)).refused, 'price_changed')
  })

  it('going to another currency and back leaves the cart as it was, byte for byte, whatever the quantities are', () => {
    const facts = selling([...TIERED, eur(950), eur(800, { quantityFrom: 10 })])
    const cart = set({ ...cartWith(facts, [line('MUG', 10)]), currencyChosen: true }, 3, facts)
    const there = done(changeCart(cart, { currency: 'EUR' }, facts)).cart
    assert.deepEqual([unitPrices(there, facts), told(there, facts)], [[950], []])
    assert.equal(there.lines[0]?.priceWhenAdded, 800, 'the price there is for as many pieces as the one here')
    const back = done(changeCart(there, { currency: 'USD' }, facts)).cart
    assert.deepEqual(JSON.stringify(priced(back, facts)), JSON.stringify(priced(cart, facts)))
    const again = done(changeCart(back, { currency: 'EUR' }, facts)).cart
    assert.equal(JSON.stringify(again), JSON.stringify(there))
  })

  it('a line that is set aside and brought back costs what it costs now, for as many as there are then', () => {
    const facts = selling(TIERED)
    const cart = cartWith(facts, [line('MUG', 5), line('MUG', 5, { options: { Colour: 'red' } })])
    const saved = done(saveLine(cart, { lineId: cart.lines[1]?.id ?? '' })).cart
    assert.deepEqual([unitPrices(saved, facts), told(saved, facts)], [[1000], []])
    const restored = done(restoreLine(saved, { lineId: cart.lines[1]?.id ?? '' }, facts)).cart
    assert.deepEqual([unitPrices(restored, facts), told(restored, facts)], [[900, 900], []])
  })
})

describe('groups of a customer', () => {
  const facts = selling([usd(1000), usd(800, { group: 'trade' })])

  it('stay those of the account in a merge, and its price is told to who saw another one', () => {
    const guest = cartWith(facts, [line('MUG')], guestCart({ customerGroups: ['staff'] }))
    const { cart } = done(mergeCarts(accountCart({ customerGroups: ['trade'] }), [guest], facts))
    assert.deepEqual(cart.customerGroups, ['trade'])
    assert.deepEqual([unitPrices(cart, facts), told(cart, facts)], [[800], [['price_decreased', 1000, 800]]])
  })

  it('are those that the token tells, none of them where it tells none, and what is closed stays as it was', () => {
    const cart = accountCart({ customerGroups: ['trade'] })
    assert.equal(withGroups(cart, null), cart)
    assert.equal(withGroups(cart, ['trade']), cart)
    assert.deepEqual(withGroups(cart, []).customerGroups, [])
    const closed: Cart = { ...cart, state: 'CLOSED' }
    assert.equal(withGroups(closed, ['staff']), closed)
  })

  it('are kept once each and sorted, and their change is told in the history', () => {
    const cart = accountCart()
    const changed = done(changeCart(cart, { customerGroups: ['trade', 'staff', 'trade'] }, facts)).cart
    assert.deepEqual(changed.customerGroups, ['staff', 'trade'])
    assert.deepEqual(changesBetween(cart, changed), [{ path: '/customerGroups', before: [], after: ['staff', 'trade'] }])
    assert.equal(done(changeCart(changed, { customerGroups: ['trade', 'staff'] }, facts)).cart, changed)
  })
})

describe('taxes that a server sets', () => {
  const facts = selling([usd(1000)])
  const taxes = [{ name: 'City tax', percent: '5.50', included: false }]

  it('make a line of its own, equal ones one line, whatever zeros the percentage is written with', () => {
    const cart = cartWith(facts, [
      line('MUG'),
      line('MUG', 1, { taxes }),
      line('MUG', 2, { taxes: [{ ...taxes[0], percent: '05.5' } as never] }),
    ])
    assert.deepEqual(
      cart.lines.map((each) => [each.quantity, each.taxes]),
      [
        [1, null],
        [3, [{ name: 'City tax', percent: '5.5', included: false }]],
      ],
    )
    assert.deepEqual(
      priced(cart, facts).lines.map((each) => each.taxSource),
      ['rates', 'external'],
    )
    assert.equal(new Set(cart.lines.map((each) => each.key)).size, 2)
    const [plain] = cart.lines
    assert.ok(plain)
    assert.equal(lineKey(plain, {}, null), plain.key, 'a line without them has the key that it always had')
  })

  it('an empty list says that it owes none, which is not the same as by the rates', () => {
    const cart = cartWith(facts, [line('MUG', 1, { taxes: [] })])
    assert.deepEqual([cart.lines[0]?.taxes, priced(cart, facts).lines[0]?.taxSource], [[], 'external'])
  })

  it('stay with the line when it is set aside, restored, merged or gets other options, and are told in the history', () => {
    const cart = cartWith(facts, [line('MUG', 1, { taxes, unitPrice: 700 })])
    const lineId = cart.lines[0]?.id ?? ''
    const restored = done(restoreLine(done(saveLine(cart, { lineId })).cart, { lineId }, facts)).cart
    assert.deepEqual(restored.lines[0]?.taxes, cart.lines[0]?.taxes)
    assert.equal(restored.lines[0]?.key, cart.lines[0]?.key)
    assert.deepEqual(done(mergeCarts(accountCart(), [cart], facts)).cart.lines[0]?.taxes, cart.lines[0]?.taxes)
    const optioned = done(setLine(cart, { lineId, options: { Colour: 'red' } }, facts)).cart
    assert.deepEqual(optioned.lines[0]?.taxes, cart.lines[0]?.taxes)
    assert.match(JSON.stringify(changesBetween(guestCart(), cart)), /City tax/)
  })

  it("are copied by who may set prices only; for others the shop's rates count, and inline items are refused", () => {
    const source = cartWith(facts, [line('MUG', 1, { taxes }), inlineLine('Gift wrap', 300, { taxes })])
    const copy = (mayPrice: boolean) => done(copyLines(accountCart(), { from: source, mayPrice, ids: ['ln_x', 'ln_y'] }, facts)).cart
    assert.deepEqual(
      copy(true).lines.map((each) => each.taxes),
      source.lines.map((each) => each.taxes),
    )
    assert.deepEqual(
      copy(false).lines.map((each) => each.taxes),
      [null],
    )
  })
})

describe('the country decides the currency where a shop says so', () => {
  const settings: SettingsPatch = { currency: { source: ['explicit', 'country', 'shop'], byCountry: { DE: 'EUR', JP: 'JPY' } } }
  const facts = selling([usd(1000), eur(900)], settings)
  const first = (country: string | null, own: Facts = facts) =>
    cartWith(own, [line('MUG')], guestCart({ shippingAddress: country === null ? null : { country } })).currency

  it("the first line settles it, by the address that the cart has; a country that the shop did not name has the shop's", () => {
    assert.deepEqual([first('DE'), first('US'), first(null)], ['EUR', 'USD', 'USD'])
  })

  it('where the product has no price in it the next source counts, and without one it is refused', () => {
    assert.equal(first('JP'), 'USD')
    const strict = selling([usd(1000)], { currency: { source: ['country'], byCountry: { DE: 'EUR' } } })
    const refused = refusalOf(addLines(guestCart({ shippingAddress: { country: 'DE' } }), { lines: [line('MUG')] }, strict))
    assert.deepEqual([refused.refused, refused.cartCurrency], ['currency_mismatch', 'EUR'])
  })

  it('a wish comes first, and a currency that is settled stays when the address changes', () => {
    const cart = guestCart({ shippingAddress: { country: 'DE' } })
    assert.equal(done(addLines(cart, { lines: [line('MUG')], currency: 'USD' }, facts)).cart.currency, 'USD')
    const settled = cartWith(facts, [line('MUG')])
    assert.equal(done(changeCart(settled, { shippingAddress: { country: 'DE' } }, facts)).cart.currency, 'USD')
  })
})

describe('in random requests', () => {
  const prices = [usd(1000), usd(900, { quantityFrom: 5 }), eur(800, { quantityFrom: 3 }), eur(700, { quantityFrom: 8, group: 'trade' })]
  const requests = fc.array(
    fc.record({
      sku: fc.constantFrom('MUG', 'CUP', 'BOX', 'NONE'),
      quantity: fc.integer({ min: 1, max: 9 }),
      colour: fc.constantFrom('red', 'blue', 'green'),
      expectedUnitPrice: fc.option(fc.constantFrom(1000, 900, 800, 700), { nil: undefined, freq: 4 }),
    }),
    { minLength: 1, maxLength: 6 },
  )
  const shops = fc.record({
    stock: fc.option(fc.integer({ min: 0, max: 12 })),
    onAdd: fc.constantFrom('clamp' as const, 'reject' as const, 'allow' as const),
    whenFull: fc.constantFrom('refuse' as const, 'replace' as const),
    max: fc.integer({ min: 1, max: 4 }),
    groups: fc.constantFrom([], ['trade']),
  })

  it('every line that came in has the price of as many as there are, and none has no price', () => {
    fc.assert(
      fc.property(shops, fc.array(fc.tuple(requests, fc.boolean()), { minLength: 1, maxLength: 3 }), (shop, commands) => {
        const { stock, onAdd, whenFull, max, groups } = shop
        const facts = factsOf({
          variants: [
            variantOf('MUG', {}, { prices }),
            variantOf('CUP', {}, { prices: [usd(900, { quantityFrom: 6 }), eur(5)] }),
            variantOf('BOX', {}, { prices: [usd(1000)], quantityStep: 2 }),
            variantOf('NONE', {}, { prices: [] }),
          ],
          stock: stock === null ? {} : { MUG: stock, CUP: stock },
          settings: { inventory: { onAdd }, lines: { whenFull, max } },
        })
        let cart = guestCart({ customerGroups: groups })
        for (const [wanted, isFill] of commands) {
          const lines = wanted.map(({ sku, quantity, colour, expectedUnitPrice }) =>
            line(sku, quantity, { options: { Colour: colour }, expectedUnitPrice }),
          )
          const before = new Set(cart.lines.map((each) => each.id))
          const decided = isFill ? fillLines(cart, { lines, mode: 'upsert' }, facts) : addLines(cart, { lines }, facts)
          if (isRefusal(decided)) continue
          cart = decided.cart
          assert.ok(cart.lines.length <= max)
          const quantities = quantitiesOf(cart.lines)
          for (const each of cart.lines.filter(({ id }) => !before.has(id))) {
            const quantity = quantities.get(each.sku ?? '') ?? 0
            const variant = facts.variants.get(each.sku ?? '')
            const price = variant && priceOf(variant, cart.currency, null, { quantity, groups, now: NOW })
            assert.deepEqual([each.quantityWhenAdded, each.priceWhenAdded], [quantity, price?.amount])
            const { expectedUnitPrice } = wanted[lines.findIndex(({ id }) => id === each.id)] ?? {}
            if (expectedUnitPrice !== undefined) assert.equal(expectedUnitPrice, price?.amount)
          }
        }
      }),
      { numRuns: 3000 },
    )
  })
})
