// Merging: what a guest brought is in the account's cart afterwards or in the report, and a merge that is refused changes nothing.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { accountCart, cartWith, done, factsOf, guestCart, inlineLine, line, quantities, refusalOf, variantOf } from '../../test/facts.ts'
import { type Cart, closeCart, type Decision, LIMITS } from './cart.ts'
import { type MergeDecision, mergeCarts } from './merge.ts'

const VARIANTS = [variantOf('MUG', { USD: 1999, EUR: 1899 }), variantOf('TEE', 2500), variantOf('EURO', { EUR: 500 })]
const PACK = variantOf('PACK', 600, { quantityStep: 6 })
const FACTS = factsOf({ variants: [...VARIANTS, PACK] })
const guestWith = (...lines: Parameters<typeof cartWith>[1][number][]) => cartWith(FACTS, lines)
const accountWith = (...lines: Parameters<typeof cartWith>[1][number][]) => cartWith(FACTS, lines, accountCart())
const merged = (account: Cart, guests: readonly Cart[], facts = FACTS): MergeDecision => done(mergeCarts(account, guests, facts))

describe('quantities', () => {
  it('of equal lines are added, others come along (SEED3-07)', () => {
    const account = accountWith(line('MUG', 2, { id: 'ln_a' }))
    const guest = guestWith(line('MUG', 3, { id: 'ln_g' }), line('TEE', 1, { id: 'ln_t' }))
    const { cart, report } = merged(account, [guest])
    assert.deepEqual(quantities(cart), { ln_a: 5, ln_t: 1 })
    assert.deepEqual(report, [
      { from: 'cart_guest', lineId: 'ln_a', outcome: 'combined', asked: 3, got: 5 },
      { from: 'cart_guest', lineId: 'ln_t', outcome: 'added', asked: 1, got: 1 },
    ])
  })

  it('of several guests are added in the order given', () => {
    const guests = [
      guestWith(line('MUG', 1, { id: 'ln_1' })),
      cartWith(FACTS, [line('MUG', 2, { id: 'ln_2' })], guestCart({}, 'cart_other')),
    ]
    assert.deepEqual(quantities(merged(accountCart(), guests).cart), { ln_1: 3 })
  })

  it('a catalogue line and an inline item of the same name stay two lines (SEED3-08)', () => {
    assert.equal(merged(accountWith(line('MUG')), [guestWith(inlineLine('MUG', 1999))]).cart.lines.length, 2)
  })

  it('past the limit of a line are clamped and reported', () => {
    const facts = factsOf({ variants: VARIANTS, settings: { lines: { quantityMax: 10 } } })
    const { cart, report } = merged(accountWith(line('MUG', 8, { id: 'ln_a' })), [guestWith(line('MUG', 5))], facts)
    assert.deepEqual(quantities(cart), { ln_a: 10 })
    assert.deepEqual(
      report.map(({ outcome, asked, got }) => ({ outcome, asked, got })),
      [{ outcome: 'clamped', asked: 5, got: 10 }],
    )
  })

  it('of packs are clamped to whole packs', () => {
    const facts = factsOf({ variants: [PACK], settings: { lines: { quantityMax: 20 } } })
    const { cart } = merged(accountWith(line('PACK', 12, { id: 'ln_a' })), [guestWith(line('PACK', 12))], facts)
    assert.deepEqual(quantities(cart), { ln_a: 18 })
  })

  it('that stock does not cover come along; ordering asks to remove them (SEED3-11)', () => {
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
    assert.deepEqual(report, [{ from: 'cart_guest', lineId: 'ln_t', outcome: 'rejected', asked: 2, got: 0, code: 'too_many_lines' }])
  })

  it('nothing is lost: what is in the carts is in the cart, in the report, or set aside', () => {
    const wanted = fc.array(
      fc.record({ sku: fc.constantFrom('MUG', 'TEE', 'PACK'), packs: fc.integer({ min: 1, max: 9 }), size: fc.nat(3) }),
      {
        maxLength: 10,
      },
    )
    const limits = fc.record({ quantityMax: fc.integer({ min: 6, max: 80 }), max: fc.integer({ min: 1, max: 8 }) })
    const carts = (base: Cart, lines: { sku: string; packs: number; size: number }[]) =>
      lines.length === 0
        ? base
        : cartWith(
            FACTS,
            lines.map(({ sku, packs, size }) => line(sku, packs * 6, { options: { size } })),
            base,
          )
    fc.assert(
      fc.property(wanted, wanted, wanted, limits, (a, b, c, lines) => {
        const account = carts(accountCart(), a)
        const guests = [carts(guestCart(), b), carts(guestCart({}, 'cart_second'), c)]
        const { cart, report } = merged(account, guests, factsOf({ variants: [...VARIANTS, PACK], settings: { lines } }))
        const count = (each: { readonly lines: readonly { quantity: number }[] }) =>
          each.lines.reduce((sum, { quantity }) => sum + quantity, 0)
        const clamped = lostByClamping(account, report)
        assert.equal(
          count(account) + guests.reduce((sum, guest) => sum + count(guest), 0),
          count(cart) + count({ lines: cart.savedLines }) + clamped,
        )
        assert.equal(report.length, guests.flatMap((guest) => guest.lines).length)
      }),
      { numRuns: 2000 },
    )
  })
})

/** What the report says that clamping took: per entry, what the line had plus what was brought, less what it has. */
function lostByClamping(account: Cart, report: MergeDecision['report']): number {
  const had = new Map(account.lines.map(({ id, quantity }) => [id, quantity]))
  let lost = 0
  for (const { lineId, outcome, asked, got } of report) {
    if (outcome === 'rejected') continue
    if (outcome === 'clamped') lost += (had.get(lineId) ?? 0) + asked - got
    had.set(lineId, got)
  }
  return lost
}

describe('currencies (C29)', () => {
  it('two carts with lines in different currencies are not merged (SEED3-09)', () => {
    const refused = refusalOf(mergeCarts(accountWith(line('TEE')), [guestWith(line('EURO'))], FACTS))
    assert.deepEqual([refused.refused, refused.cartCurrency, refused.currencies], ['currency_mismatch', 'USD', ['EUR']])
  })

  it('an empty side takes the currency of the other', () => {
    assert.equal(merged(accountCart(), [guestWith(line('EURO'))]).cart.currency, 'EUR')
    assert.equal(merged(accountWith(line('TEE')), [guestCart({ currency: 'EUR', currencyChosen: true })]).cart.currency, 'USD')
  })

  it("both empty: the account's stays (SEED3-10)", () => {
    const { cart } = merged(accountCart(), [guestCart({ currency: 'EUR', currencyChosen: true })])
    assert.deepEqual([cart.currency, cart.currencyChosen], ['USD', false])
  })

  it('of two guests the first with lines settles it', () => {
    const guests = [guestWith(line('EURO')), cartWith(FACTS, [line('TEE')], guestCart({}, 'cart_other'))]
    assert.equal(refusalOf(mergeCarts(accountCart(), guests, FACTS)).refused, 'currency_mismatch')
  })
})

describe('details', () => {
  it("attributes are united and the guest's value wins (SEED3-12)", () => {
    const { cart } = merged(accountCart({ attributes: { a: 1, b: 1 } }), [guestCart({ attributes: { b: 2, c: 3 } })])
    assert.deepEqual(cart.attributes, { a: 1, b: 2, c: 3 })
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

  it('notes of equal lines are joined, no line of text twice', () => {
    const { cart } = merged(accountWith(line('MUG', 1, { note: 'red\nbig' })), [guestWith(line('MUG', 1, { note: 'big\ngift' }))])
    assert.equal(cart.lines[0]?.note, 'red\nbig\ngift')
  })

  it('codes are united up to what the shop allows, the account first', () => {
    const facts = factsOf({ settings: { promotions: { maxCodes: 2 } } })
    const { cart } = merged(accountCart({ codes: ['A'] }), [guestCart({ codes: ['A', 'B', 'C'] })], facts)
    assert.deepEqual(cart.codes, ['A', 'B'])
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

describe('what is not merged (SEED3-13)', () => {
  const closed = done<Decision>(closeCart(guestWith(line('MUG')), 'deleted')).cart
  const table: readonly [title: string, account: Cart, guest: Cart, code: string][] = [
    ['an account cart into a guest cart', guestCart(), accountCart(), 'merge_forbidden'],
    ['a guest cart into a guest cart', guestCart(), guestCart({}, 'cart_other'), 'merge_forbidden'],
    ['an account cart into an account cart', accountCart(), accountCart(), 'merge_forbidden'],
    ['a closed guest cart', accountCart(), closed, 'cart_closed'],
    ['into a closed account cart', { ...closed, owner: accountCart().owner }, guestCart(), 'cart_closed'],
  ]
  for (const [title, account, guest, code] of table) {
    it(`${title}: ${code}`, () => assert.equal(refusalOf(mergeCarts(account, [guest], FACTS)).refused, code))
  }

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
