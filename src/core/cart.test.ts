// Carts: given a cart and facts, when a command comes, then this is the cart, or this refusal and nothing changed. Line identity is rule C13.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  accountCart,
  cartWith,
  done,
  factsOf,
  guestCart,
  inlineLine,
  line,
  NOW,
  quantities,
  refusalOf,
  variantOf,
} from '../../test/facts.ts'
import {
  acknowledgeNotices,
  addLines,
  amountRefusal,
  applyCode,
  bytesOf,
  type Cart,
  canonicalOptions,
  clearLines,
  closeCart,
  type Decision,
  fillLines,
  LIMITS,
  type LineRequest,
  notice,
  removeCode,
  removeLine,
  repeatedNote,
  setLine,
} from './cart.ts'
import { changeCart } from './details.ts'
import type { Facts } from './facts.ts'
import type { Refusal } from './refusal.ts'
import { restoreLine, saveLine } from './saved-lines.ts'

const MUG = variantOf('MUG', { USD: 1999, EUR: 1899 })
const TEE = variantOf('TEE', 2500)
const PACK = variantOf('PACK', 600, { quantityStep: 6 })
const EURO = variantOf('EURO', { EUR: 500 })
const GIFT = variantOf('GIFT', {}, { kind: 'recharge', recharge: { currency: 'USD', presets: [1000, 2500], allowCustom: false } })
const VARIANTS = [MUG, TEE, PACK, EURO, GIFT]
const FACTS = factsOf({ variants: VARIANTS })

const add = (cart: Cart, lines: readonly LineRequest[], facts: Facts = FACTS) => addLines(cart, { lines }, facts)
const fill = (cart: Cart, lines: readonly LineRequest[], mode: 'upsert' | 'replace', facts: Facts = FACTS) =>
  fillLines(cart, { lines, mode }, facts)
const cartOf = (result: Decision | Refusal): Cart => done<Decision>(result).cart
const stocked = (stock: Record<string, number>, onAdd: 'clamp' | 'reject' | 'allow' = 'clamp') =>
  factsOf({ variants: VARIANTS, stock, settings: { inventory: { onAdd } } })

describe('line identity (C13): what is one line', () => {
  const one: readonly [title: string, a: Partial<LineRequest>, b: Partial<LineRequest>][] = [
    ['the same sku', {}, {}],
    ['options in another order', { options: { a: 1, b: 2 } }, { options: { b: 2, a: 1 } }],
    ['an option that is null and one that is not there', { options: { a: 1, b: null } as never }, { options: { a: 1 } }],
    ['no options and empty options', {}, { options: {} }],
    ['another note', { note: 'red' }, { note: 'blue' }],
    ['an expected price', { expectedUnitPrice: 1999 }, {}],
    ['the same external price', { unitPrice: 5 }, { unitPrice: 5 }],
    ['keepSeparate: false', { keepSeparate: false }, {}],
  ]
  for (const [title, a, b] of one) {
    it(title, () => {
      const cart = cartWith(FACTS, [line('MUG', 1, a), line('MUG', 2, b)])
      assert.deepEqual(
        cart.lines.map((each) => each.quantity),
        [3],
      )
    })
  }
})

describe('line identity (C13): what is two lines', () => {
  const two: readonly [title: string, a: LineRequest, b: LineRequest][] = [
    ['two skus', line('MUG'), line('TEE')],
    ['another option', line('MUG', 1, { options: { size: 'S' } }), line('MUG', 1, { options: { size: 'M' } })],
    ['an option that is text and one that is a number', line('MUG', 1, { options: { n: 1 } }), line('MUG', 1, { options: { n: '1' } })],
    ['keepSeparate', line('MUG', 1, { keepSeparate: true }), line('MUG', 1, { keepSeparate: true })],
    ['keepSeparate after a plain line', line('MUG'), line('MUG', 1, { keepSeparate: true })],
    ['another amount', line('GIFT', 1, { amount: 1000 }), line('GIFT', 1, { amount: 2500 })],
    ['a price from the catalogue and the same from outside', line('MUG'), line('MUG', 1, { unitPrice: 1999 })],
    ['another external price', line('MUG', 1, { unitPrice: 5 }), line('MUG', 1, { unitPrice: 6 })],
    ['an inline item named like a sku', line('MUG'), inlineLine('MUG', 1999)],
    ['inline items of another price', inlineLine('Cup', 1), inlineLine('Cup', 2)],
    ['inline items of another tax category', inlineLine('Cup', 1), inlineLine('Cup', 1, {}, 'reduced')],
  ]
  for (const [title, a, b] of two) {
    it(title, () => assert.equal(cartWith(FACTS, [a, b]).lines.length, 2))
  }

  it('canonical options are sorted and without nulls', () => {
    assert.equal(JSON.stringify(canonicalOptions({ z: false, a: '', m: null, b: 0 })), '{"a":"","b":0,"z":false}')
    assert.deepEqual(canonicalOptions(undefined), {})
  })
})

describe('adding', () => {
  it('SEED2-31 counts equal lines up and keeps the id and the price of the first', () => {
    const first = cartWith(FACTS, [line('MUG', 2, { id: 'ln_a' })])
    const dearer = factsOf({ variants: [variantOf('MUG', 2100)] })
    const { cart, results } = done<Decision>(add(first, [line('MUG', 3, { id: 'ln_b' })], dearer))
    assert.deepEqual(quantities(cart), { ln_a: 5 })
    assert.equal(cart.lines[0]?.priceWhenAdded, 1999)
    assert.deepEqual(results, [{ index: 0, ok: true, lineId: 'ln_a', asked: 5, got: 5 }])
  })

  it('some refused: the others are added, each with its result', () => {
    const { cart, results } = done<Decision>(add(guestCart(), [line('MUG', 1, { id: 'ln_a' }), line('NOPE'), line('PACK', 5)]))
    assert.deepEqual(quantities(cart), { ln_a: 1 })
    assert.deepEqual(
      results?.map(({ index, ok, code, got }) => ({ index, ok, code, got })),
      [
        { index: 0, ok: true, code: undefined, got: 1 },
        { index: 1, ok: false, code: 'unknown_sku', got: 0 },
        { index: 2, ok: false, code: 'quantity_step', got: 0 },
      ],
    )
    assert.equal(results?.[1]?.detail?.path, '/lines/1/sku')
  })

  it('atomic: one refused refuses all', () => {
    const refused = refusalOf(addLines(guestCart(), { lines: [line('MUG'), line('NOPE'), line('TEE')], atomic: true }, FACTS))
    assert.deepEqual([refused.refused, refused.path], ['unknown_sku', '/lines/1/sku'])
  })

  it('all refused: the first refusal with all of them in results', () => {
    const refused = refusalOf(add(guestCart(), [line('PACK', 5), line('NOPE')]))
    assert.deepEqual([refused.refused, refused.path], ['quantity_step', '/lines/0/quantity'])
    assert.equal((refused.results as unknown[]).length, 2)
  })

  it('a refusal leaves the given cart untouched', () => {
    const given = cartWith(FACTS, [line('MUG')])
    const before = JSON.stringify(given)
    add(given, [line('MUG', LIMITS.quantity)])
    add(given, [line('MUG', 1), line('NOPE')])
    assert.equal(JSON.stringify(given), before)
  })

  it('the price that the caller expects must be the price', () => {
    const refused = refusalOf(add(guestCart(), [line('MUG', 1, { expectedUnitPrice: 1998 })]))
    assert.deepEqual(
      [refused.refused, refused.expected, refused.current],
      ['price_changed', { amount: 1998, currency: 'USD' }, { amount: 1999, currency: 'USD' }],
    )
    done(add(guestCart(), [line('MUG', 1, { expectedUnitPrice: 1999 })]))
  })

  const refusals: readonly [title: string, variant: Parameters<typeof variantOf>[2], code: string][] = [
    ['an unpublished product', { published: false }, 'unavailable'],
    ['a kind that the shop does not put into carts', { kind: 'subscription' }, 'not_cartable'],
    ['a product without any price', { prices: [] }, 'no_price'],
    ['a product without a price in the currency', { prices: [{ currency: 'EUR', amount: 1 }] }, 'currency_mismatch'],
  ]
  for (const [title, changes, code] of refusals) {
    it(`${title} is refused: ${code}`, () => {
      const facts = factsOf({ variants: [MUG, variantOf('X', 1, changes)] })
      assert.equal(refusalOf(add(cartWith(facts, [line('MUG')]), [line('X')], facts)).refused, code)
    })
  }

  it('when several things are wrong the first in precedence is the answer', () => {
    const facts = factsOf({ variants: [PACK], stock: { PACK: 6 }, settings: { lines: { max: 1, quantityMax: 60 } } })
    const full = cartWith(facts, [line('PACK', 6)])
    const other = { options: { gift: true } }
    const code = (request: LineRequest) => refusalOf(add(full, [request], facts)).refused
    assert.equal(code(line('PACK', 61, { ...other, expectedUnitPrice: 1 })), 'quantity_step')
    assert.equal(code(line('PACK', 66, { ...other, expectedUnitPrice: 1 })), 'quantity_too_large')
    assert.equal(code(line('PACK', 12, { ...other, expectedUnitPrice: 1 })), 'too_many_lines')
    assert.equal(code(line('PACK', 12, { expectedUnitPrice: 1 })), 'price_changed')
    assert.equal(code(line('PACK', 12)), 'insufficient_stock')
  })
})

describe('notes of a line that is added again (C15)', () => {
  const table: readonly [
    existing: string | null,
    added: string | null,
    replace: string | null,
    append: string | null,
    keep: string | null,
  ][] = [
    [null, null, null, null, null],
    ['a', null, 'a', 'a', 'a'],
    [null, 'b', 'b', 'b', 'b'],
    ['a', 'b', 'b', 'a\nb', 'a'],
    ['a', 'a', 'a', 'a', 'a'],
    ['a\nb', 'b', 'b', 'a\nb', 'a\nb'],
    ['a', 'b\na', 'b\na', 'a\nb', 'a'],
  ]
  for (const [existing, added, ...expected] of table) {
    it(`${JSON.stringify(existing)} and ${JSON.stringify(added)}`, () => {
      assert.deepEqual(
        (['replace', 'append', 'keep'] as const).map((rule) => repeatedNote(existing, added, rule)),
        expected,
      )
    })
  }

  it('appending never passes the limit', () => {
    assert.equal(repeatedNote('a'.repeat(999), 'bcd', 'append')?.length, LIMITS.note)
  })

  it("the shop's rule is the one that is used", () => {
    const facts = factsOf({ variants: [MUG], settings: { lines: { noteOnRepeat: 'append' } } })
    assert.equal(cartWith(facts, [line('MUG', 1, { note: 'a' }), line('MUG', 1, { note: 'b' })]).lines[0]?.note, 'a\nb')
  })
})

describe('filling', () => {
  const given = cartWith(FACTS, [line('MUG', 2, { id: 'ln_mug', note: 'n' }), line('TEE', 1, { id: 'ln_tee' })])

  it('upsert: named lines get exactly this quantity, the others stay', () => {
    const cart = cartOf(fill(given, [line('MUG', 7), line('PACK', 6, { id: 'ln_pack' })], 'upsert'))
    assert.deepEqual(quantities(cart), { ln_mug: 7, ln_tee: 1, ln_pack: 6 })
  })

  it('replace: exactly these, in this order, and lines that stay keep their id and when they were added', () => {
    const later = factsOf({ variants: [TEE, PACK, variantOf('MUG', 2100)], now: NOW + 5000 })
    const cart = cartOf(fill(given, [line('PACK', 6, { id: 'ln_pack' }), line('MUG', 7)], 'replace', later))
    assert.deepEqual(Object.entries(quantities(cart)), [
      ['ln_pack', 6],
      ['ln_mug', 7],
    ])
    assert.deepEqual([cart.lines[1]?.addedAt, cart.lines[1]?.priceWhenAdded], [NOW, 1999])
  })

  it('replace: a line named twice gets the sum', () => {
    assert.deepEqual(quantities(cartOf(fill(given, [line('MUG', 3), line('MUG', 4)], 'replace'))), { ln_mug: 7 })
  })

  it('replace with nothing empties', () => {
    assert.deepEqual(cartOf(fill(given, [], 'replace')).lines, [])
  })

  it('replace: a line that is named but refused stays as it was', () => {
    const reject = stocked({ MUG: 3 }, 'reject')
    const { cart, results } = done<Decision>(fill(given, [line('TEE', 5), line('MUG', 9)], 'replace', reject))
    assert.deepEqual(quantities(cart), { ln_tee: 5, ln_mug: 2 })
    assert.equal(results?.[1]?.code, 'insufficient_stock')
  })

  it('replace: a line whose product is gone stays as it was when it is named', () => {
    const gone = factsOf({ variants: [TEE] })
    assert.deepEqual(quantities(cartOf(fill(given, [line('TEE', 5), line('MUG', 2)], 'replace', gone))), { ln_tee: 5, ln_mug: 2 })
  })

  it('both modes may lower what stock no longer covers', () => {
    const short = stocked({ MUG: 0 }, 'reject')
    for (const mode of ['upsert', 'replace'] as const)
      assert.equal(quantities(cartOf(fill(given, [line('MUG', 1)], mode, short))).ln_mug, 1)
  })

  it('replace does not switch the currency of a cart with lines', () => {
    assert.equal(refusalOf(fill(given, [line('EURO')], 'replace')).refused, 'currency_mismatch')
    assert.equal(
      refusalOf(fillLines(given, { lines: [line('MUG')], mode: 'replace', currency: 'EUR' }, FACTS)).refused,
      'currency_mismatch',
    )
  })
})

describe('stock when adding (C18)', () => {
  it('clamp: there are fewer than asked, so the cart gets what there is and a notice', () => {
    const { cart, results } = done<Decision>(add(guestCart(), [line('MUG', 12, { id: 'ln_a' })], stocked({ MUG: 10 })))
    assert.deepEqual(results, [{ index: 0, ok: true, lineId: 'ln_a', asked: 12, got: 10 }])
    assert.deepEqual(
      cart.notices.map(({ code, path, params }) => ({ code, path, params })),
      [{ code: 'quantity_reduced', path: '/lines/ln_a', params: { from: 12, to: 10, sku: 'MUG' } }],
    )
  })

  it('clamp: two lines of one sku share its stock', () => {
    const facts = stocked({ MUG: 10 })
    const cart = cartOf(add(guestCart(), [line('MUG', 7), line('MUG', 7, { options: { gift: true } })], facts))
    assert.deepEqual(
      cart.lines.map((each) => each.quantity),
      [7, 3],
    )
  })

  it('clamp: a pack is never cut open', () => {
    assert.equal(cartOf(add(guestCart(), [line('PACK', 18)], stocked({ PACK: 13 }))).lines[0]?.quantity, 12)
  })

  it('clamp: where not one more can be had it is refused', () => {
    const facts = stocked({ MUG: 3 })
    assert.equal(refusalOf(add(cartWith(facts, [line('MUG', 3)]), [line('MUG')], facts)).refused, 'insufficient_stock')
    assert.equal(refusalOf(add(guestCart(), [line('PACK', 6)], stocked({ PACK: 5 }))).refused, 'insufficient_stock')
  })

  it('what a line has itself is not counted twice', () => {
    const facts = stocked({ MUG: 7 }, 'reject')
    assert.equal(cartOf(add(cartWith(facts, [line('MUG', 3)]), [line('MUG', 4)], facts)).lines[0]?.quantity, 7)
  })

  it('reject: refused with what is available, two lines of one sku summed', () => {
    const facts = stocked({ MUG: 10 }, 'reject')
    const cart = cartWith(facts, [line('MUG', 7)])
    const refused = refusalOf(add(cart, [line('MUG', 4, { options: { gift: true } })], facts))
    assert.deepEqual([refused.refused, refused.asked, refused.available], ['insufficient_stock', 4, 3])
  })

  it('allow: ordering decides', () => {
    assert.equal(cartOf(add(guestCart(), [line('MUG', 99)], stocked({ MUG: 0 }, 'allow'))).lines[0]?.quantity, 99)
  })

  it('what is not counted is unlimited', () => {
    assert.equal(cartOf(add(guestCart(), [line('TEE', 99)], stocked({ MUG: 0 }))).lines[0]?.quantity, 99)
  })

  it('the same notice never stands twice, and goes with its line', () => {
    const facts = stocked({ MUG: 5 })
    const clamped = cartOf(add(guestCart(), [line('MUG', 9, { id: 'ln_a' })], facts))
    const lowered = cartOf(setLine(clamped, { lineId: 'ln_a', quantity: 2 }, facts))
    const again = cartOf(setLine(lowered, { lineId: 'ln_a', quantity: 9 }, facts))
    assert.equal(again.notices.length, 1)
    assert.deepEqual(cartOf(removeLine(again, { lineId: 'ln_a' })).notices, [])
    assert.deepEqual(cartOf(clearLines(again)).notices, [])
  })
})

describe('recharge amounts (C09)', () => {
  const rule = { currency: 'USD', presets: [1000, 2500], allowCustom: true, min: 500, max: 5000 }
  const table: readonly [title: string, changes: Partial<typeof rule>, amount: number | undefined, code: string | undefined][] = [
    ['a preset', {}, 1000, undefined],
    ['the smallest custom amount', {}, 500, undefined],
    ['the largest custom amount', {}, 5000, undefined],
    ['below the smallest', {}, 499, 'amount_invalid'],
    ['above the largest', {}, 5001, 'amount_invalid'],
    ['custom where only presets are accepted', { allowCustom: false }, 1001, 'amount_invalid'],
    ['a preset outside of min and max', { presets: [100] }, 100, undefined],
    ['zero', {}, 0, 'amount_invalid'],
    ['none', {}, undefined, 'amount_required'],
  ]
  for (const [title, changes, amount, code] of table) {
    it(`${title}: ${code ?? 'accepted'}`, () => assert.equal(amountRefusal({ ...rule, ...changes }, amount, 'USD')?.refused, code))
  }

  it('a rule in another currency is a mismatch, no rule accepts nothing', () => {
    assert.equal(amountRefusal(rule, 1000, 'EUR')?.refused, 'currency_mismatch')
    assert.equal(amountRefusal(undefined, 1000, 'USD')?.refused, 'amount_invalid')
  })

  it('SEED0-12 the amount is the price of one piece', () => {
    const cart = cartWith(FACTS, [line('GIFT', 2, { amount: 2500 })])
    assert.deepEqual([cart.lines[0]?.amount, cart.lines[0]?.priceWhenAdded, cart.lines[0]?.quantity], [2500, 2500, 2])
  })

  it('goods have no amount', () => {
    assert.equal(refusalOf(add(guestCart(), [line('MUG', 1, { amount: 5 })])).refused, 'amount_invalid')
  })
})

describe('the first line settles the currency', () => {
  it("SEED2-25 the shop's, when the product has a price in it", () => assert.equal(cartWith(FACTS, [line('MUG')]).currency, 'USD'))

  it("the product's own, when it has none in the shop's", () => assert.equal(cartWith(FACTS, [line('EURO')]).currency, 'EUR'))

  it("the caller's wish, before both", () => {
    assert.equal(cartOf(addLines(guestCart(), { lines: [line('MUG')], currency: 'EUR' }, FACTS)).currency, 'EUR')
  })

  it('a wish holds also where it is what the cart has already', () => {
    const refused = refusalOf(addLines(guestCart(), { lines: [line('EURO')], currency: 'USD' }, FACTS))
    assert.equal(refused.refused, 'currency_mismatch')
  })

  it('a line that was refused settles nothing', () => {
    const cart = cartOf(add(guestCart(), [line('EURO', LIMITS.quantity + 1), line('MUG')]))
    assert.equal(cart.currency, 'USD')
  })

  it('SEED2-29 from then on another currency is refused with both', () => {
    const euro = cartWith(FACTS, [line('EURO')])
    const refused = refusalOf(add(euro, [line('TEE')]))
    assert.deepEqual([refused.refused, refused.cartCurrency, refused.currencies], ['currency_mismatch', 'EUR', ['USD']])
    assert.equal(refusalOf(addLines(euro, { lines: [line('MUG')], currency: 'USD' }, FACTS)).refused, 'currency_mismatch')
  })

  it('what is no currency is refused', () => {
    assert.equal(refusalOf(addLines(guestCart(), { lines: [line('MUG')], currency: 'ABC' }, FACTS)).refused, 'currency_unknown')
  })
})

describe('setting a line', () => {
  const given = cartWith(FACTS, [
    line('MUG', 2, { id: 'ln_a', note: 'a' }),
    line('MUG', 3, { id: 'ln_b', note: 'b', options: { gift: true } }),
    line('MUG', 1, { id: 'ln_c', keepSeparate: true }),
  ])

  it('SEED2-35 the quantity is absolute, 0 removes', () => {
    assert.equal(quantities(cartOf(setLine(given, { lineId: 'ln_a', quantity: 9 }, FACTS))).ln_a, 9)
    assert.deepEqual(Object.keys(quantities(cartOf(setLine(given, { lineId: 'ln_a', quantity: 0 }, FACTS)))), ['ln_b', 'ln_c'])
  })

  it('options that make it equal to another line join the two: quantities are added and no note is lost', () => {
    const append = factsOf({ variants: VARIANTS, settings: { lines: { noteOnRepeat: 'append' } } })
    const cart = cartOf(setLine(given, { lineId: 'ln_b', options: {} }, append))
    assert.deepEqual(quantities(cart), { ln_b: 5, ln_c: 1 })
    assert.equal(cart.lines[0]?.note, 'a\nb')
  })

  it('joining is not adding: stock that is short does not stand in its way', () => {
    const cart = cartOf(setLine(given, { lineId: 'ln_b', options: {} }, stocked({ MUG: 1 }, 'reject')))
    assert.deepEqual(quantities(cart), { ln_b: 5, ln_c: 1 })
  })

  it('joining may not pass the limit of a line', () => {
    const small = factsOf({ variants: VARIANTS, settings: { lines: { quantityMax: 4 } } })
    assert.equal(refusalOf(setLine(given, { lineId: 'ln_b', options: {} }, small)).refused, 'quantity_too_large')
  })

  it('a line that was kept separate stays so', () => {
    assert.deepEqual(quantities(cartOf(setLine(given, { lineId: 'ln_c', options: {} }, FACTS))), { ln_a: 2, ln_b: 3, ln_c: 1 })
  })

  it('what changes nothing answers the very same cart', () => {
    assert.equal(cartOf(setLine(given, { lineId: 'ln_a', quantity: 2, note: 'a', options: {} }, FACTS)), given)
  })

  it('lowering is allowed though stock is short; raising lowers or refuses as the shop says', () => {
    assert.equal(quantities(cartOf(setLine(given, { lineId: 'ln_b', quantity: 1 }, stocked({ MUG: 0 })))).ln_b, 1)
    assert.equal(quantities(cartOf(setLine(given, { lineId: 'ln_b', quantity: 9 }, stocked({ MUG: 7 })))).ln_b, 4)
    assert.equal(refusalOf(setLine(given, { lineId: 'ln_b', quantity: 9 }, stocked({ MUG: 7 }, 'reject'))).refused, 'insufficient_stock')
  })

  it('a note is set and emptied', () => {
    assert.equal(cartOf(setLine(given, { lineId: 'ln_a', note: 'x' }, FACTS)).lines[0]?.note, 'x')
    assert.equal(cartOf(setLine(given, { lineId: 'ln_a', note: null }, FACTS)).lines[0]?.note, null)
  })

  it('a line that is not there is said to be not there', () => {
    assert.equal(refusalOf(setLine(given, { lineId: 'ln_x', quantity: 1 }, FACTS)).refused, 'line_not_found')
    assert.equal(refusalOf(removeLine(given, { lineId: 'ln_x' })).refused, 'line_not_found')
  })
})

describe('saving a line and bringing it back', () => {
  const given = cartWith(FACTS, [line('MUG', 2, { id: 'ln_a', note: 'n', options: { gift: true } }), line('TEE', 1, { id: 'ln_b' })])
  const saved = cartOf(saveLine(given, { lineId: 'ln_a' }))

  it('it leaves the lines and is kept whole', () => {
    assert.deepEqual(quantities(saved), { ln_b: 1 })
    assert.deepEqual(saved.savedLines, [{ ...given.lines[0], currency: 'USD' }])
  })

  it('it comes back as it was', () => {
    const back = cartOf(restoreLine(saved, { lineId: 'ln_a' }, FACTS))
    assert.deepEqual(back.lines[1], given.lines[0])
    assert.deepEqual(back.savedLines, [])
  })

  it('it joins an equal line that was added meanwhile', () => {
    const meanwhile = cartOf(add(saved, [line('MUG', 5, { id: 'ln_c', options: { gift: true } })]))
    assert.deepEqual(quantities(cartOf(restoreLine(meanwhile, { lineId: 'ln_a' }, FACTS))), { ln_b: 1, ln_c: 7 })
  })

  it('what can not be added now stays saved', () => {
    const gone = factsOf({ variants: [TEE] })
    assert.equal(refusalOf(restoreLine(saved, { lineId: 'ln_a' }, gone)).refused, 'unknown_sku')
    assert.equal(saved.savedLines.length, 1)
  })

  it('a price of its own does not come back in another currency', () => {
    const priced = cartOf(saveLine(cartWith(FACTS, [line('MUG', 1, { id: 'ln_x', unitPrice: 1000 })]), { lineId: 'ln_x' }))
    const euro = cartOf(changeCart(priced, { currency: 'EUR' }, FACTS))
    const refused = refusalOf(restoreLine(euro, { lineId: 'ln_x' }, FACTS))
    assert.deepEqual([refused.refused, refused.cartCurrency, refused.currencies], ['currency_mismatch', 'EUR', ['USD']])
  })

  it('a line that was kept separate comes back separate', () => {
    const separate = cartOf(
      saveLine(cartWith(FACTS, [line('MUG', 1, { id: 'ln_s', keepSeparate: true }), line('MUG')]), { lineId: 'ln_s' }),
    )
    assert.equal(cartOf(restoreLine(separate, { lineId: 'ln_s' }, FACTS)).lines.length, 2)
  })
})

describe('codes', () => {
  const two = factsOf({ settings: { promotions: { maxCodes: 2 } } })

  it('SEED3-57 are compared without case and surrounding space', () => {
    const cart = cartOf(applyCode(guestCart(), { code: ' welcome10 ' }, two))
    assert.deepEqual(cart.codes, ['WELCOME10'])
    assert.equal(refusalOf(applyCode(cart, { code: 'Welcome10' }, two)).refused, 'code_already_applied')
    assert.deepEqual(cartOf(removeCode(cart, { code: 'welcome10' }, two)).codes, [])
  })

  it('SEED3-57 are told apart by case where the shop says so', () => {
    const sensitive = factsOf({ settings: { promotions: { maxCodes: 2, caseSensitive: true } } })
    const cart = cartOf(applyCode(cartOf(applyCode(guestCart(), { code: ' Ab ' }, sensitive)), { code: 'aB' }, sensitive))
    assert.deepEqual(cart.codes, ['Ab', 'aB'])
    assert.equal(refusalOf(removeCode(cart, { code: 'ab' }, sensitive)).refused, 'code_not_found')
  })

  it('SEED3-57 are as many as the shop allows, and never more than the limit', () => {
    const full = guestCart({ codes: ['A', 'B'] })
    assert.equal(refusalOf(applyCode(full, { code: 'C' }, two)).refused, 'too_many_codes')
    const many = factsOf({ settings: { promotions: { maxCodes: 1000 } } })
    const ten = guestCart({ codes: Array.from({ length: LIMITS.codes }, (_, index) => `C${index}`) })
    assert.equal(refusalOf(applyCode(ten, { code: 'X' }, many)).refused, 'too_many_codes')
  })

  it('one that is not there cannot be removed', () => {
    assert.equal(refusalOf(removeCode(guestCart(), { code: 'X' }, two)).refused, 'code_not_found')
  })
})

describe('changing the cart', () => {
  it('a currency re-prices every line', () => {
    const cart = cartOf(changeCart(cartWith(FACTS, [line('MUG', 2)]), { currency: 'EUR' }, FACTS))
    assert.deepEqual([cart.currency, cart.currencyChosen, cart.lines[0]?.priceWhenAdded, cart.lines[0]?.quantity], ['EUR', true, 1899, 2])
  })

  const unpriced: readonly [title: string, request: LineRequest][] = [
    ['no price in it', line('TEE')],
    ['an external price', line('MUG', 1, { unitPrice: 5 })],
    ['an inline item', inlineLine('Cup', 5)],
    ['a chosen amount', line('GIFT', 1, { amount: 1000 })],
  ]
  for (const [title, request] of unpriced) {
    it(`a currency changes nothing where a line has ${title} (C10)`, () => {
      const given = cartWith(FACTS, [line('MUG'), request])
      const refused = refusalOf(changeCart(given, { currency: 'EUR', email: 'a@example.com' }, FACTS))
      assert.deepEqual([refused.refused, refused.lines], ['currency_mismatch', [request.id]])
    })
  }

  it('what is no currency is refused', () => {
    assert.equal(refusalOf(changeCart(guestCart(), { currency: 'XYZ' }, FACTS)).refused, 'currency_unknown')
  })

  it('attributes are merged, null removes one', () => {
    const given = guestCart({ attributes: { a: 1, b: 2 } })
    assert.deepEqual(cartOf(changeCart(given, { attributes: { b: null, c: 'x' } }, FACTS)).attributes, { a: 1, c: 'x' })
  })

  it('attributes are measured in bytes, not in characters', () => {
    const wide = 'é'.repeat(1000)
    const attributes = { a: wide, b: wide, c: wide, d: wide, e: wide }
    assert.equal(refusalOf(changeCart(guestCart(), { attributes }, FACTS)).path, '/attributes')
    for (const text of ['plain', 'é', '€', '😀', 'a"b\\c\n'])
      assert.equal(bytesOf(text), new TextEncoder().encode(JSON.stringify(text)).length, text)
  })

  it('a billing address of its own is not the shipping address; without one it is', () => {
    const billed = cartOf(changeCart(guestCart(), { billingAddress: { country: 'DE' } }, FACTS))
    assert.equal(billed.billingSameAsShipping, false)
    assert.equal(cartOf(changeCart(billed, { billingAddress: null }, FACTS)).billingSameAsShipping, true)
  })

  it('a shipping address follows the billing address until it has one of its own, and never both each other', () => {
    const [de, at] = [{ country: 'DE' }, { country: 'AT' }]
    const follows = cartOf(changeCart(guestCart(), { billingAddress: de, shippingSameAsBilling: true }, FACTS))
    assert.deepEqual([follows.shippingAddress, follows.billingSameAsShipping, follows.shippingSameAsBilling], [de, false, true])
    assert.deepEqual(cartOf(changeCart(follows, { billingAddress: at }, FACTS)).shippingAddress, at)
    const emptied = cartOf(changeCart(follows, { billingAddress: null }, FACTS))
    assert.deepEqual([emptied.shippingAddress, emptied.shippingSameAsBilling], [null, true])
    const turned = cartOf(changeCart(follows, { billingSameAsShipping: true }, FACTS))
    assert.deepEqual([turned.shippingAddress, turned.billingSameAsShipping, turned.shippingSameAsBilling], [de, true, undefined])
    const own = cartOf(changeCart(follows, { shippingAddress: at }, FACTS))
    assert.deepEqual([own.shippingAddress, own.billingAddress, own.shippingSameAsBilling], [at, de, undefined])
    const off = cartOf(changeCart(follows, { shippingSameAsBilling: false }, FACTS))
    assert.deepEqual(cartOf(changeCart(off, { billingAddress: at }, FACTS)).shippingAddress, de, 'it stays where it was')
    const both = { shippingSameAsBilling: true, billingSameAsShipping: true }
    assert.equal(refusalOf(changeCart(guestCart(), both, FACTS)).path, '/shippingSameAsBilling')
    assert.equal(refusalOf(changeCart(guestCart(), { shippingSameAsBilling: true, shippingAddress: de }, FACTS)).path, '/shippingAddress')
  })

  it('a shipping method must deliver there', () => {
    const facts = factsOf({
      settings: { shipping: { methods: [{ id: 'post', name: 'Post', rates: [{ countries: ['DE'], currency: 'USD', amount: 1 }] }] } },
    })
    const refused = refusalOf(changeCart(guestCart(), { shippingMethod: 'post' }, facts))
    assert.deepEqual([refused.refused, refused.available], ['shipping_method_unavailable', []])
    const cart = cartOf(changeCart(guestCart(), { shippingMethod: 'post', shippingAddress: { country: 'DE' } }, facts))
    assert.equal(cart.shippingMethod, 'post')
    assert.equal(cartOf(changeCart(cart, { shippingMethod: null }, facts)).shippingMethod, null)
  })

  it('what changes nothing answers the very same cart', () => {
    const given = guestCart({ email: 'a@example.com', attributes: { a: 1 } })
    assert.equal(cartOf(changeCart(given, { email: 'a@example.com', attributes: { a: 1 }, note: null }, FACTS)), given)
  })
})

describe('a closed cart', () => {
  const closed = cartOf(closeCart(cartWith(FACTS, [line('MUG', 1, { id: 'ln_a' })]), 'merged', { mergedInto: 'cart_b' }))
  const commands: readonly [string, (cart: Cart) => Decision | Refusal][] = [
    ['add', (cart) => add(cart, [line('MUG')])],
    ['fill', (cart) => fill(cart, [line('MUG')], 'upsert')],
    ['replace', (cart) => fill(cart, [], 'replace')],
    ['set', (cart) => setLine(cart, { lineId: 'ln_a', quantity: 2 }, FACTS)],
    ['remove', (cart) => removeLine(cart, { lineId: 'ln_a' })],
    ['clear', clearLines],
    ['save', (cart) => saveLine(cart, { lineId: 'ln_a' })],
    ['restore', (cart) => restoreLine(cart, { lineId: 'ln_a' }, FACTS)],
    ['apply code', (cart) => applyCode(cart, { code: 'X' }, FACTS)],
    ['remove code', (cart) => removeCode(cart, { code: 'X' }, FACTS)],
    ['change', (cart) => changeCart(cart, { note: 'x' }, FACTS)],
    ['acknowledge', (cart) => acknowledgeNotices(cart, { ids: 'all' }, [])],
    ['close', (cart) => closeCart(cart, 'deleted')],
  ]
  for (const [title, command] of commands) {
    it(`refuses to ${title} and says where its content went`, () => {
      const { refused, closedReason, mergedInto } = refusalOf(command(closed))
      assert.deepEqual({ refused, closedReason, mergedInto }, { refused: 'cart_closed', closedReason: 'merged', mergedInto: 'cart_b' })
    })
  }
})

describe('notices', () => {
  const priced = notice('price_increased', 'warning', '/lines/ln_a', { from: 10, to: 12 })

  it('the same fact has the same id, another fact has another', () => {
    assert.equal(notice('price_increased', 'warning', '/lines/ln_a', { from: 10, to: 12 }).id, priced.id)
    assert.notEqual(notice('price_increased', 'warning', '/lines/ln_a', { from: 10, to: 15 }).id, priced.id)
    assert.notEqual(notice('price_increased', 'warning', '/lines/ln_b', { from: 10, to: 12 }).id, priced.id)
    assert.notEqual(notice('price_decreased', 'warning', '/lines/ln_a', { from: 10, to: 12 }).id, priced.id)
  })

  it('what pricing found is remembered as seen; what a command told is forgotten, so that it can be told again', () => {
    const told = notice('quantity_reduced', 'warning', '/lines/ln_a', { from: 9, to: 5 })
    const cart = cartOf(acknowledgeNotices(guestCart({ notices: [told] }), { ids: 'all' }, [told, priced]))
    assert.deepEqual([cart.notices, cart.acknowledged], [[], [priced.id]])
  })

  it('only the named ones, and only ones that are shown', () => {
    const given = guestCart()
    assert.equal(cartOf(acknowledgeNotices(given, { ids: ['nt_unknown'] }, [priced])), given)
    assert.deepEqual(cartOf(acknowledgeNotices(given, { ids: [priced.id] }, [priced])).acknowledged, [priced.id])
  })

  it('of more than a full cart could show several times the oldest is forgotten, and a new one can still be acknowledged', () => {
    const acknowledged = Array.from({ length: LIMITS.acknowledged }, (_, index) => `nt_${index}`)
    const cart = cartOf(acknowledgeNotices(guestCart({ acknowledged }), { ids: 'all' }, [priced]))
    assert.deepEqual([cart.acknowledged.length, cart.acknowledged[0], cart.acknowledged.at(-1)], [LIMITS.acknowledged, 'nt_1', priced.id])
  })

  it('a notice for every line of a full cart can be acknowledged at once', () => {
    const shown = Array.from({ length: LIMITS.lines }, (_, index) => notice('price_increased', 'warning', `/lines/ln_${index}`, { index }))
    const cart = cartOf(acknowledgeNotices(guestCart(), { ids: 'all' }, shown))
    assert.deepEqual(
      shown.filter(({ id }) => !cart.acknowledged.includes(id)),
      [],
    )
  })

  it('what happens to one line again takes the place of what was told before', () => {
    const scarce = factsOf({ variants: [variantOf('FEW', 100)], stock: { FEW: 5 } })
    let cart = cartWith(scarce, [line('FEW', 1, { id: 'ln_few' })])
    for (let quantity = 6; quantity < 30; quantity++)
      cart = cartOf(setLine(cart, { lineId: 'ln_few', quantity: quantity % 2 ? quantity : 1 }, scarce))
    assert.equal(cart.notices.filter(({ code }) => code === 'quantity_reduced').length, 1)
  })
})

describe('limits that hold whatever a shop says', () => {
  const boundless = factsOf({ variants: VARIANTS, settings: { lines: { max: 10_000, quantityMax: 10_000_000 } } })

  it('SEED1-56 500 lines a cart', () => {
    const lines = Array.from({ length: LIMITS.lines }, (_, index) => line('MUG', 1, { options: { index } }))
    const full = cartWith(boundless, lines)
    assert.equal(full.lines.length, 500)
    assert.equal(refusalOf(add(full, [line('TEE')], boundless)).refused, 'too_many_lines')
    assert.equal(cartOf(add(full, [line('MUG', 1, { options: { index: 7 } })], boundless)).lines[7]?.quantity, 2)
  })

  it('99 999 of a line, also by adding up', () => {
    const cart = cartWith(boundless, [line('MUG', 99_999)])
    const refused = refusalOf(add(cart, [line('MUG', 1)], boundless))
    assert.deepEqual([refused.refused, refused.max, refused.asked], ['quantity_too_large', 99_999, 100_000])
  })

  it('500 saved lines', () => {
    const [saved] = cartOf(saveLine(cartWith(FACTS, [line('MUG', 1, { id: 'ln_s' })]), { lineId: 'ln_s' })).savedLines
    const full = { ...cartWith(FACTS, [line('TEE', 1, { id: 'ln_t' })]), savedLines: Array.from({ length: 500 }, () => saved as never) }
    assert.equal(refusalOf(saveLine(full, { lineId: 'ln_t' })).refused, 'too_many_lines')
  })

  it('options of 2 KB', () => {
    const options = { text: 'é'.repeat(1100) }
    assert.equal(refusalOf(add(guestCart(), [line('MUG', 1, { options })])).refused, 'options_invalid')
    assert.equal(refusalOf(add(guestCart(), [inlineLine('Cup', 1, { options })])).refused, 'options_invalid')
    const given = cartWith(FACTS, [line('MUG', 1, { id: 'ln_a' })], accountCart())
    assert.equal(refusalOf(setLine(given, { lineId: 'ln_a', options }, FACTS)).refused, 'options_invalid')
  })
})

describe('plans of a subscription, where a shop lets subscriptions in', () => {
  const plans = [
    { id: 'monthly', name: 'Monthly', interval: 'P1M', price: { currency: 'USD', amount: 2400 } },
    { id: 'yearly', name: 'Yearly', interval: 'P1Y', price: { currency: 'USD', amount: 25_900 } },
  ]
  const facts = factsOf({
    variants: [variantOf('CLUB', {}, { kind: 'subscription', plans }), variantOf('MUG', 1000)],
    settings: { lines: { allowKinds: ['goods', 'subscription'] } },
  })

  it('SEED0-12 each plan is a line of its own at its own price', () => {
    const cart = cartWith(facts, [
      line('CLUB', 1, { plan: 'monthly' }),
      line('CLUB', 1, { plan: 'yearly' }),
      line('CLUB', 2, { plan: 'monthly' }),
    ])
    assert.deepEqual(
      cart.lines.map((each) => [each.plan, each.quantity, each.priceWhenAdded]),
      [
        ['monthly', 3, 2400],
        ['yearly', 1, 25_900],
      ],
    )
  })

  it('a missing or unknown plan is refused with those that exist, and a plan for a product without plans, too', () => {
    for (const plan of [undefined, 'weekly']) {
      const refused = refusalOf(add(guestCart(), [line('CLUB', 1, { plan })], facts))
      assert.deepEqual([refused.refused, refused.plans], ['plan_invalid', ['monthly', 'yearly']])
    }
    assert.equal(refusalOf(add(guestCart(), [line('MUG', 1, { plan: 'monthly' })], facts)).refused, 'plan_invalid')
  })
})
