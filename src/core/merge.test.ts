// Merging: what a guest brought is in the account's cart afterwards or in the report, and a merge that is refused changes nothing.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { accountCart, cartWith, done, factsOf, guestCart, inlineLine, line, quantities, refusalOf, variantOf } from '../../test/facts.ts'
import { type Cart, closeCart, type Decision, LIMITS } from './cart.ts'
import { type MergeDecision, mergeCarts, type RestoreChoice, restorePrevious } from './merge.ts'

const VARIANTS = [variantOf('MUG', { USD: 1999, EUR: 1899 }), variantOf('TEE', 2500), variantOf('EURO', { EUR: 500 })]
const PACK = variantOf('PACK', 600, { quantityStep: 6 })
const FACTS = factsOf({ variants: [...VARIANTS, PACK] })
const guestWith = (...lines: Parameters<typeof cartWith>[1][number][]) => cartWith(FACTS, lines)
const accountWith = (...lines: Parameters<typeof cartWith>[1][number][]) => cartWith(FACTS, lines, accountCart())
const merged = (account: Cart, guests: readonly Cart[], facts = FACTS): MergeDecision => done(mergeCarts(account, guests, facts))

describe('quantities', () => {
  it('SEED3-07 of equal lines are added, others come along', () => {
    const account = accountWith(line('MUG', 2, { id: 'ln_a' }))
    const guest = guestWith(line('MUG', 3, { id: 'ln_g' }), line('TEE', 1, { id: 'ln_t' }))
    const { cart, report } = merged(account, [guest])
    assert.deepEqual(quantities(cart), { ln_a: 5, ln_t: 1 })
    assert.deepEqual(report.lines, [
      { from: 'cart_guest', lineId: 'ln_a', outcome: 'combined', asked: 3, got: 5, saved: false },
      { from: 'cart_guest', lineId: 'ln_t', outcome: 'added', asked: 1, got: 1, saved: false },
    ])
  })

  it('of several guests are added in the order given', () => {
    const guests = [
      guestWith(line('MUG', 1, { id: 'ln_1' })),
      cartWith(FACTS, [line('MUG', 2, { id: 'ln_2' })], guestCart({}, 'cart_other')),
    ]
    assert.deepEqual(quantities(merged(accountCart(), guests).cart), { ln_1: 3 })
  })

  it('SEED3-08 a catalogue line and an inline item of the same name stay two lines', () => {
    assert.equal(merged(accountWith(line('MUG')), [guestWith(inlineLine('MUG', 1999))]).cart.lines.length, 2)
  })

  it('past the limit of a line are clamped and reported', () => {
    const facts = factsOf({ variants: VARIANTS, settings: { lines: { quantityMax: 10 } } })
    const { cart, report } = merged(accountWith(line('MUG', 8, { id: 'ln_a' })), [guestWith(line('MUG', 5))], facts)
    assert.deepEqual(quantities(cart), { ln_a: 10 })
    assert.deepEqual(
      report.lines.map(({ outcome, asked, got, code }) => ({ outcome, asked, got, code })),
      [{ outcome: 'clamped', asked: 5, got: 10, code: 'quantity_too_large' }],
    )
  })

  it('of packs are clamped to whole packs', () => {
    const facts = factsOf({ variants: [PACK], settings: { lines: { quantityMax: 20 } } })
    const { cart } = merged(accountWith(line('PACK', 12, { id: 'ln_a' })), [guestWith(line('PACK', 12))], facts)
    assert.deepEqual(quantities(cart), { ln_a: 18 })
  })

  it('SEED3-11 that stock does not cover come along; ordering asks to remove them', () => {
    const facts = factsOf({ variants: VARIANTS, stock: { MUG: 0 }, settings: { inventory: { onAdd: 'reject' } } })
    assert.equal(merged(accountCart(), [guestWith(line('MUG', 5))], facts).cart.lines[0]?.quantity, 5)
  })

  it('past the limit of lines are set aside and reported, not lost', () => {
    const facts = factsOf({ variants: VARIANTS, settings: { lines: { max: 1 } } })
    const { cart, report } = merged(accountWith(line('MUG', 1, { id: 'ln_a' })), [guestWith(line('TEE', 2, { id: 'ln_t' }))], facts)
    assert.deepEqual(quantities(cart), { ln_a: 1 })
    assert.deepEqual(
      cart.savedLines.map(({ id, quantity, currency }) => ({ id, quantity, currency })),
      [{ id: 'ln_t', quantity: 2, currency: 'USD' }],
    )
    const told = { outcome: 'rejected', asked: 2, got: 0, saved: true, code: 'too_many_lines' }
    assert.deepEqual(report.lines, [{ from: 'cart_guest', lineId: 'ln_t', ...told }])
  })

  it('that stock does not cover are reported by how they can be ordered: sold out, short, gone', () => {
    const variants = [...VARIANTS, variantOf('GONE', 100)]
    const guest = cartWith(factsOf({ variants }), [line('MUG', 5), line('TEE', 5), line('GONE')])
    const facts = factsOf({ variants: VARIANTS, stock: { MUG: 0, TEE: 2 } })
    assert.deepEqual(
      merged(accountCart(), [guest], facts).report.lines.map(({ outcome, got, code }) => [outcome, got, code]),
      [
        ['unavailable', 5, 'insufficient_stock'],
        ['added', 5, 'insufficient_stock'],
        ['unavailable', 1, 'unavailable'],
      ],
    )
  })

  it('SEED2-50 that cannot be ordered as they are, such as half a pack, are kept and flagged', () => {
    const loose = factsOf({ variants: [{ ...PACK, quantityStep: 1 }] })
    const { cart, report } = merged(accountCart(), [cartWith(loose, [line('PACK', 3)])])
    assert.equal(cart.lines[0]?.quantity, 3)
    assert.deepEqual(
      report.lines.map(({ outcome, code }) => [outcome, code]),
      [['added', 'quantity_step']],
    )
  })

  it('of a line that must stay separate are never added to another', () => {
    const { cart } = merged(accountWith(line('MUG', 1, { keepSeparate: true })), [
      guestWith(line('MUG'), line('MUG', 1, { keepSeparate: true })),
    ])
    assert.equal(cart.lines.length, 3)
  })
})

describe('the rule for equal lines (C26)', () => {
  const table: readonly [rule: Rule, account: number, guest: number, merged: number][] = [
    ['sum', 2, 3, 5],
    ['max', 2, 3, 3],
    ['max', 3, 2, 3],
    ['guest', 2, 3, 3],
    ['guest', 3, 2, 2],
    ['account', 2, 3, 2],
    ['account', 3, 2, 3],
  ]
  for (const [rule, a, b, quantity] of table)
    it(`${rule}: the account's ${a} and the guest's ${b} are ${quantity}`, () => {
      const facts = factsOf({ variants: VARIANTS, settings: { merge: { quantity: rule } } })
      const { cart, report } = merged(accountWith(line('MUG', a, { id: 'ln_a' })), [guestWith(line('MUG', b))], facts)
      assert.deepEqual(quantities(cart), { ln_a: quantity })
      assert.deepEqual(
        report.lines.map(({ outcome, asked, got }) => ({ outcome, asked, got })),
        [{ outcome: 'combined', asked: b, got: quantity }],
      )
    })

  for (const overLimit of ['clamp', 'reject'] as const)
    for (const rule of ['sum', 'max', 'guest', 'account'] as const)
      it(`holds for ${rule} whatever is in the carts, and nothing is lost when a limit is met by ${overLimit}`, () => {
        fc.assert(
          fc.property(BROUGHT, BROUGHT, BROUGHT, BOUNDS, (a, b, c, lines) => {
            const carts = [cartOf(accountCart(), a), cartOf(guestCart(), b), cartOf(guestCart({}, 'cart_second'), c)] as const
            const facts = factsOf({ variants: [...VARIANTS, PACK], settings: { lines, merge: { quantity: rule, overLimit } } })
            assertRule(rule, lines, carts, merged(carts[0], carts.slice(1), facts))
          }),
          { numRuns: 1000 },
        )
      })
})

type Rule = 'sum' | 'max' | 'guest' | 'account'
type Brought = readonly { sku: string; packs: number; size: number }[]
const BROUGHT = fc.array(
  fc.record({ sku: fc.constantFrom('MUG', 'TEE', 'PACK'), packs: fc.integer({ min: 1, max: 9 }), size: fc.nat(3) }),
  { maxLength: 10 },
)
const BOUNDS = fc.record({ quantityMax: fc.integer({ min: 6, max: 80 }), max: fc.integer({ min: 1, max: 8 }) })
const cartOf = (base: Cart, brought: Brought) =>
  brought.length === 0
    ? base
    : cartWith(
        FACTS,
        brought.map(({ sku, packs, size }) => line(sku, packs * 6, { options: { size } })),
        base,
      )

/** The rules once more, in other words: by key, from cart to cart, what a line must have, and what of it must be aside or reported. */
function assertRule(
  rule: Rule,
  { quantityMax, max }: { quantityMax: number; max: number },
  [account, ...guests]: readonly [Cart, ...Cart[]],
  { cart, report }: MergeDecision,
): void {
  const wants = { sum: (a: number, b: number) => a + b, max: Math.max, guest: (_: number, b: number) => b, account: (a: number) => a }[rule]
  const has = new Map(account.lines.map(({ key, quantity }) => [key, quantity]))
  const aside: string[] = []
  const told = [...report.lines]
  for (const each of guests.flatMap(({ lines }) => lines)) {
    const entry = told.shift()
    assert.ok(entry, 'every line that was brought is reported, in order')
    assert.equal(entry.asked, each.quantity)
    const had = has.get(each.key)
    if (entry.outcome === 'rejected') {
      assert.ok(entry.saved)
      assert.equal(entry.code, had === undefined && has.size >= max ? 'too_many_lines' : 'quantity_too_large')
      aside.push(`${each.id} ${each.quantity}`)
      continue
    }
    const wanted = had === undefined ? each.quantity : wants(had, each.quantity)
    const packed = each.sku === 'PACK' ? quantityMax - (quantityMax % 6) || quantityMax : quantityMax
    assert.equal(entry.got, Math.min(wanted, Math.max(had ?? 0, packed)))
    assert.equal(entry.outcome === 'clamped', entry.got < wanted)
    has.set(each.key, entry.got)
  }
  assert.equal(told.length, 0)
  assert.deepEqual(new Map(cart.lines.map(({ key, quantity }) => [key, quantity])), has)
  assert.deepEqual(
    cart.savedLines.map(({ id, quantity }) => `${id} ${quantity}`),
    aside,
  )
}

describe('modes (C25)', () => {
  const account = () => accountWith(line('MUG', 2, { id: 'ln_a' }))
  const guest = () => guestWith(line('MUG', 3, { id: 'ln_g' }), line('TEE', 1, { id: 'ln_t' }))
  const table: readonly [title: string, mode: Mode, account: Cart, guest: Cart, lines: Record<string, number>, saved: string[]][] = [
    ['SEED2-16 merge: both, by the rule', 'merge', account(), guest(), { ln_a: 5, ln_t: 1 }, []],
    [
      "SEED2-16 keepAccount: the account's lines, the guest's are set aside",
      'keepAccount',
      account(),
      guest(),
      { ln_a: 2 },
      ['ln_g', 'ln_t'],
    ],
    [
      "SEED2-16 SEED2-52 keepGuest: the guest's lines, the account's are set aside",
      'keepGuest',
      account(),
      guest(),
      { ln_g: 3, ln_t: 1 },
      ['ln_a'],
    ],
    ['keepGuest of a guest without lines replaces nothing', 'keepGuest', account(), guestCart(), { ln_a: 2 }, []],
    ['keepAccount of an account without lines sets nothing aside', 'keepAccount', accountCart(), guest(), { ln_g: 3, ln_t: 1 }, []],
    ["adopt: everything of the guest's", 'adopt', accountCart(), guest(), { ln_g: 3, ln_t: 1 }, []],
  ]
  for (const [title, mode, into, from, lines, saved] of table)
    it(title, () => {
      const { cart, report } = done(mergeCarts(into, [from], FACTS, { mode }))
      assert.deepEqual(quantities(cart), lines)
      assert.deepEqual(
        cart.savedLines.map(({ id }) => id),
        saved,
      )
      assert.deepEqual([cart.id, report.mode], [into.id, mode])
      assert.deepEqual(
        report.lines.filter((each) => each.outcome === 'rejected').map(({ lineId, saved, code }) => ({ lineId, saved, code })),
        saved.map((lineId) => ({ lineId, saved: true, code: 'replaced' })),
      )
    })

  it('where replaced lines are not kept, they are told', () => {
    const facts = factsOf({ variants: VARIANTS, settings: { reconcile: { keepReplaced: false } } })
    const { cart, report } = done(mergeCarts(account(), [guest()], facts, { mode: 'keepGuest' }))
    assert.deepEqual(cart.savedLines, [])
    assert.deepEqual(report.lines[0], {
      ...{ from: 'cart_account', lineId: 'ln_a', outcome: 'rejected', asked: 2, got: 0, saved: false, code: 'replaced' },
    })
  })

  it('adopt is refused where the account has a cart with lines', () => {
    const refused = refusalOf(mergeCarts(account(), [guest()], FACTS, { mode: 'adopt' }))
    assert.deepEqual([refused.refused, refused.reason], ['merge_forbidden', 'account_has_a_cart'])
  })

  it('keepGuest takes the currency of the guest; the lines set aside keep theirs', () => {
    const { cart } = done(mergeCarts(account(), [guestWith(line('EURO'))], FACTS, { mode: 'keepGuest' }))
    assert.deepEqual([cart.currency, cart.savedLines[0]?.currency], ['EUR', 'USD'])
  })

  it('saved lines that find no room any more are reported', () => {
    const full = Array.from({ length: LIMITS.lines }, (_, index) => ({ ...savedLine(), id: `ln_full_${index}` }))
    const { cart, report } = merged(accountCart({ savedLines: full }), [guestCart({ savedLines: [savedLine()] })])
    assert.equal(cart.savedLines.length, LIMITS.lines)
    assert.deepEqual(
      report.lines.map(({ outcome, saved, code }) => ({ outcome, saved, code })),
      [{ outcome: 'rejected', saved: false, code: 'too_many_lines' }],
    )
  })
})

type Mode = 'merge' | 'keepAccount' | 'keepGuest' | 'adopt'
const savedLine = () => ({ ...(guestWith(line('MUG')).lines[0] as Cart['lines'][number]), currency: 'USD' })

describe('restorePrevious (SEED4-22)', () => {
  const multiple = factsOf({ variants: VARIANTS, settings: { cart: { multiple: true } } })
  const fresh = accountCart({ id: 'cart_fresh', lines: [] })
  const session = guestWith(line('TEE', 2, { id: 'ln_s' }))
  const full = (id: string, updatedAt = 1): Cart => ({ ...accountWith(line('MUG', 1, { id: `ln_${id}` })), id, updatedAt })
  const empty = (id: string, updatedAt = 1): Cart => accountCart({ id, updatedAt })
  const aside = (cart: Cart): Cart => ({ ...cart, isCurrent: false })
  type Row = [title: string, choice: Partial<RestoreChoice>, chosen: string, lines: string[], replaced: string | null]
  const table: readonly Row[] = [
    ['the session cart with lines becomes the current one', { session, current: full('cur') }, 'cart_fresh', ['ln_s'], 'cur'],
    ['into an empty current cart it goes itself', { session, current: empty('cur') }, 'cur', ['ln_s'], null],
    ['without any cart of the account it makes one', { session }, 'cart_fresh', ['ln_s'], null],
    ['without lines in it the current cart stays', { session: guestCart(), current: full('cur') }, 'cur', ['ln_cur'], null],
    ['without a session cart the current cart stays', { current: full('cur'), others: [aside(full('old', 9))] }, 'cur', ['ln_cur'], null],
    [
      'an empty current cart gives way to the latest one with lines',
      { current: empty('cur', 9), others: [aside(full('older', 2)), aside(full('newer', 3)), aside(empty('newest', 4))] },
      'newer',
      ['ln_newer'],
      'cur',
    ],
    ['else any previous one', { others: [aside(empty('older', 2)), aside(empty('newer', 3))] }, 'newer', [], null],
    ['and nothing where there is nothing', {}, 'cart_fresh', [], null],
  ]
  for (const [title, choice, chosen, lines, replaced] of table)
    it(`SEED4-22 ${title}`, () => {
      const decided = done(restorePrevious({ session: null, current: null, others: [], fresh, ...choice }, multiple))
      assert.deepEqual([decided.cart.id, decided.cart.lines.map(({ id }) => id), decided.replaced?.id ?? null], [chosen, lines, replaced])
      assert.deepEqual([decided.cart.isCurrent, decided.replaced?.isCurrent ?? false], [true, false])
      assert.equal(decided.report.mode, 'restorePrevious')
    })

  it('SEED4-22 where an owner has one cart only, its former lines are set aside', () => {
    const { cart, replaced } = done(restorePrevious({ session, current: full('cur'), others: [], fresh }, FACTS))
    assert.deepEqual([cart.id, quantities(cart), cart.savedLines.map(({ id }) => id), replaced], ['cur', { ln_s: 2 }, ['ln_cur'], null])
  })
})

describe('currencies (C29)', () => {
  it('SEED3-09 SEED2-56 two carts with lines in different currencies are not merged', () => {
    const refused = refusalOf(mergeCarts(accountWith(line('TEE')), [guestWith(line('EURO'))], FACTS))
    assert.deepEqual([refused.refused, refused.cartCurrency, refused.currencies], ['currency_mismatch', 'USD', ['EUR']])
  })

  it('SEED3-14 an empty side takes the currency of the other', () => {
    assert.equal(merged(accountCart(), [guestWith(line('EURO'))]).cart.currency, 'EUR')
    assert.equal(merged(accountWith(line('TEE')), [guestCart({ currency: 'EUR', currencyChosen: true })]).cart.currency, 'USD')
  })

  it("SEED3-10 both empty: the account's stays", () => {
    const { cart } = merged(accountCart(), [guestCart({ currency: 'EUR', currencyChosen: true })])
    assert.deepEqual([cart.currency, cart.currencyChosen], ['USD', false])
  })

  it('of two guests the first with lines settles it', () => {
    const guests = [guestWith(line('EURO')), cartWith(FACTS, [line('TEE')], guestCart({}, 'cart_other'))]
    assert.equal(refusalOf(mergeCarts(accountCart(), guests, FACTS)).refused, 'currency_mismatch')
  })
})

describe('currencies that shops reprice (C29)', () => {
  const facts = factsOf({ variants: [...VARIANTS, variantOf('YEN', { JPY: 100 })], settings: { merge: { currencyConflict: 'reprice' } } })
  const euros = cartWith(
    facts,
    [line('MUG', 2, { id: 'ln_m' }), line('EURO', 1, { id: 'ln_e' })],
    guestCart({ currency: 'EUR', currencyChosen: true }),
  )

  it("SEED2-56 the guest's lines get prices in the account's currency; those that have none are set aside with theirs", () => {
    const inline = cartWith(facts, [inlineLine('Engraving', 500, { id: 'ln_i' })], euros)
    const { cart, report } = merged(accountWith(line('TEE')), [inline], facts)
    const mug = cart.lines.find(({ id }) => id === 'ln_m')
    assert.deepEqual([cart.currency, mug?.priceWhenAdded, mug?.pricesElsewhere], ['USD', 1999, { EUR: 1899 }])
    assert.deepEqual(
      cart.savedLines.map(({ id, currency }) => [id, currency]),
      [
        ['ln_e', 'EUR'],
        ['ln_i', 'EUR'],
      ],
    )
    assert.deepEqual(
      report.lines.map(({ outcome, code }) => [outcome, code]),
      [
        ['added', undefined],
        ['rejected', 'no_price'],
        ['rejected', 'currency_mismatch'],
      ],
    )
  })

  it('a repriced line over a limit is set aside as it was, in its own currency', () => {
    const tight = factsOf({
      variants: VARIANTS,
      settings: { merge: { currencyConflict: 'reprice', overLimit: 'reject' }, lines: { quantityMax: 1 } },
    })
    const { cart } = merged(accountWith(line('TEE')), [euros], tight)
    const mug = cart.savedLines.find(({ id }) => id === 'ln_m')
    assert.deepEqual([mug?.currency, mug?.priceWhenAdded], ['EUR', 1899])
  })
})

describe('details', () => {
  it("SEED3-12 attributes are united and the guest's value wins", () => {
    const { cart } = merged(accountCart({ attributes: { a: 1, b: 1 } }), [guestCart({ attributes: { b: 2, c: 3 } })])
    assert.deepEqual(cart.attributes, { a: 1, b: 2, c: 3 })
  })

  it("the account's value wins where the shop says so, and both are told", () => {
    const facts = factsOf({ settings: { merge: { attributes: 'accountWins' } } })
    const { cart, report } = merged(accountCart({ attributes: { a: 1, b: 1 } }), [guestCart({ attributes: { a: 1, b: 2, c: 3 } })], facts)
    assert.deepEqual(cart.attributes, { a: 1, b: 1, c: 3 })
    assert.deepEqual(
      report.attributes.map(({ name, outcome }) => [name, outcome]),
      [
        ['a', 'combined'],
        ['b', 'rejected'],
        ['c', 'added'],
      ],
    )
  })

  it('attributes of equal lines are united by the same rule', () => {
    const { cart } = merged(accountWith(line('MUG', 1, { attributes: { a: 1, b: 1 } })), [
      guestWith(line('MUG', 1, { attributes: { b: 2 } })),
    ])
    assert.deepEqual(cart.lines[0]?.attributes, { a: 1, b: 2 })
  })

  it('SEED2-54 a new cart takes everything over', () => {
    const address = { country: 'DE' }
    const has = { email: 'g@example.com', shippingAddress: address, billingAddress: { country: 'AT' }, billingSameAsShipping: false }
    const more = { shippingMethod: 'post', note: 'ring twice', attributes: { gift: true }, codes: ['SAVE'], retention: 'P9D' }
    const guest = { ...guestWith(line('MUG', 2, { note: 'red' })), ...has, ...more, savedLines: [savedLine()], currencyChosen: true }
    const { cart } = merged(accountCart(), [guest])
    const { id, number, owner, contactFrom } = accountCart()
    assert.deepEqual(cart, { ...guest, id, number, owner, contactFrom })
  })

  it('an address that a guest gave is read by no limited secret of the account', () => {
    const { cart } = merged(accountCart({ email: 'a@example.com', contactFrom: 'hash' }), [
      guestCart({ shippingAddress: { country: 'DE' } }),
    ])
    assert.equal(cart.contactFrom, null)
  })

  it("attributes that together are too large stay the account's", () => {
    const [a, b] = [{ a: 'é'.repeat(3000) }, { b: 'é'.repeat(3000) }]
    assert.deepEqual(merged(accountCart({ attributes: a }), [guestCart({ attributes: b })]).cart.attributes, a)
  })

  it("what identifies the customer is the account's unless it has none (C28)", () => {
    const address = { country: 'DE' }
    const guest = guestCart({ email: 'g@example.com', shippingAddress: address, billingAddress: address, billingSameAsShipping: false })
    const { cart } = merged(accountCart({ email: 'a@example.com' }), [guest])
    assert.deepEqual(
      [cart.email, cart.shippingAddress, cart.billingAddress, cart.billingSameAsShipping],
      ['a@example.com', address, address, false],
    )
  })

  it('a shipping address goes on following a billing address only where both came from one cart', () => {
    const [de, at] = [{ country: 'DE' }, { country: 'AT' }]
    const follows = { billingAddress: de, shippingAddress: de, billingSameAsShipping: false, shippingSameAsBilling: true }
    const brought = merged(accountCart(), [guestCart(follows)]).cart
    assert.deepEqual([brought.shippingAddress, brought.shippingSameAsBilling], [de, true])
    const kept = merged(accountCart(follows), [guestCart({ shippingAddress: at, billingAddress: at })]).cart
    assert.deepEqual([kept.shippingAddress, kept.billingAddress, kept.shippingSameAsBilling], [de, de, true])
    const mixed = merged(accountCart({ billingAddress: at, billingSameAsShipping: false }), [guestCart(follows)]).cart
    assert.deepEqual([mixed.shippingAddress, mixed.billingAddress, mixed.shippingSameAsBilling ?? false], [de, at, false])
  })

  it('notes of equal lines are joined, no line of text twice', () => {
    const { cart } = merged(accountWith(line('MUG', 1, { note: 'red\nbig' })), [guestWith(line('MUG', 1, { note: 'big\ngift' }))])
    assert.equal(cart.lines[0]?.note, 'red\nbig\ngift')
  })

  it('codes are united up to what the shop allows, the account first', () => {
    const facts = factsOf({ settings: { promotions: { maxCodes: 2 } } })
    const { cart, report } = merged(accountCart({ codes: ['A'] }), [guestCart({ codes: ['A', 'B', 'C'] })], facts)
    assert.deepEqual(cart.codes, ['A', 'B'])
    assert.deepEqual(
      report.codes.map(({ code, outcome, reason }) => [code, outcome, reason]),
      [
        ['A', 'combined', undefined],
        ['B', 'added', undefined],
        ['C', 'rejected', 'too_many_codes'],
      ],
    )
  })

  it("keepGuest puts the guest's codes first, keepAccount takes none; both tell it", () => {
    const [account, guest] = [accountWith(line('MUG')), guestWith(line('TEE'))].map((cart, index) => ({ ...cart, codes: [`CODE${index}`] }))
    assert.ok(account && guest)
    const kept = (mode: Mode) => done(mergeCarts(account, [guest], FACTS, { mode }))
    assert.deepEqual([kept('keepGuest').cart.codes, kept('keepAccount').cart.codes], [['CODE1'], ['CODE0']])
    assert.deepEqual(kept('keepGuest').report.codes[1], { from: 'cart_account', code: 'CODE0', outcome: 'rejected', reason: 'replaced' })
    assert.deepEqual(kept('keepAccount').report.codes, [{ from: 'cart_guest', code: 'CODE1', outcome: 'rejected', reason: 'replaced' }])
  })

  it("a guest's saved lines come along", () => {
    const savedLines = guestWith(line('MUG')).lines.map((each) => ({ ...each, currency: 'USD' }))
    assert.deepEqual(merged(accountCart(), [guestCart({ savedLines })]).cart.savedLines, savedLines)
  })

  it('who the cart belongs to, its number and its id stay', () => {
    const account = accountWith(line('MUG'))
    const { id, number, owner } = merged(account, [guestWith(line('TEE'))]).cart
    assert.deepEqual({ id, number, owner }, { id: account.id, number: account.number, owner: account.owner })
  })
})

describe('what is not merged', () => {
  const closed = done<Decision>(closeCart(guestWith(line('MUG')), 'deleted')).cart
  const table: readonly [title: string, account: Cart, guest: Cart, code: string][] = [
    ['an account cart into a guest cart', guestCart(), accountCart(), 'merge_forbidden'],
    ['a guest cart into a guest cart', guestCart(), guestCart({}, 'cart_other'), 'merge_forbidden'],
    ['an account cart into an account cart', accountCart(), accountCart({ id: 'cart_more' }), 'merge_forbidden'],
    ['a cart of another type', accountCart(), guestCart({ type: 'wishlist' }), 'merge_forbidden'],
    ['a closed guest cart', accountCart(), closed, 'cart_closed'],
    ['into a closed account cart', { ...closed, owner: accountCart().owner }, guestCart(), 'cart_closed'],
  ]
  for (const [title, account, guest, code] of table) {
    it(`SEED3-13 ${title}: ${code}`, () => assert.equal(refusalOf(mergeCarts(account, [guest], FACTS)).refused, code))
  }

  it('SEED3-13 staff may merge two carts of one customer where the shop allows it, never those of two', () => {
    const mine = { ...accountWith(line('TEE')), id: 'cart_more', isCurrent: true }
    const theirs: Cart = { ...mine, owner: { kind: 'account', accountId: 'shop:kim' } }
    const into = accountCart({ isCurrent: false })
    const allowed = factsOf({ variants: VARIANTS, settings: { merge: { staffSameOwner: true } } })
    const reason = (cart: Cart, facts = allowed, byStaff = true) => refusalOf(mergeCarts(into, [cart], facts, { byStaff })).reason
    const { cart } = done(mergeCarts(into, [mine], allowed, { byStaff: true }))
    assert.deepEqual([cart.lines.length, cart.isCurrent], [1, true])
    assert.equal(reason(mine, FACTS), 'staff_may_not_merge_here')
    assert.equal(reason(theirs), 'source_is_not_a_guest_cart')
    assert.equal(reason(mine, allowed, false), 'source_is_not_a_guest_cart')
    assert.equal(reason({ ...mine, id: into.id }), 'a_cart_into_itself')
  })

  it('one guest that cannot be merged refuses all', () => {
    const account = accountWith(line('MUG'))
    const before = JSON.stringify(account)
    refusalOf(mergeCarts(account, [guestWith(line('TEE')), closed], FACTS))
    assert.equal(JSON.stringify(account), before)
  })
})

it('the limits of every cart hold whatever a shop says', () => {
  const facts = factsOf({ variants: VARIANTS, settings: { lines: { quantityMax: 10_000_000 } } })
  const { cart } = merged(accountWith(line('MUG', LIMITS.quantity)), [guestWith(line('MUG', 1))], facts)
  assert.equal(cart.lines[0]?.quantity, LIMITS.quantity)
})
