// The house's figures: the amount that a provider is asked for is the total of the order, which is the sum of its parts, in currencies with no, two
// and three decimals; and what was ordered stays what it was, whatever is set afterwards.
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { parseSync } from 'oxc-parser'
import { contentOf } from '../src/core/order.ts'
import { priceCart } from '../src/core/pricing.ts'
import type { SettingsPatch } from '../src/core/settings.ts'
import type { SandboxSession } from '../src/providers/sandbox-payment.ts'
import { randomCarts } from './carts.ts'
import { done } from './facts.ts'
import { type Answer, eventually } from './harness.ts'
import { ADDRESS } from './http-probe.ts'
import { expect2xx } from './nodes.ts'
import { payFor, presetShops, ware } from './presets/shop.ts'

const LINES = '/carts/current/lines'
const CODE = 'WELCOME10'

/**
 * Three pieces at `price`, 10 per cent off, 10 per cent of tax added on what is left, and shipping without tax; each rounded half up, by hand.
 * `page`: how the payment page writes the total.
 */
interface Vector {
  readonly currency: string
  readonly price: number
  readonly discount: number
  readonly tax: number
  readonly shipping: number
  readonly total: number
  readonly page: string
}
const VECTORS: readonly Vector[] = [
  // No decimals: 3015 − 301.5 → 302; 271.3 → 271.
  { currency: 'JPY', price: 1005, discount: -302, tax: 271, shipping: 500, total: 3484, page: '3,484' },
  { currency: 'KRW', price: 50_000, discount: -15_000, tax: 13_500, shipping: 3000, total: 151_500, page: '151,500' },
  // Two: 59.97 − 5.997 → 6.00; 5.397 → 5.40.
  { currency: 'USD', price: 1999, discount: -600, tax: 540, shipping: 495, total: 6432, page: '64.32' },
  // Three: 3.015 − 0.3015 → 0.302; 0.2713 → 0.271.
  { currency: 'KWD', price: 1005, discount: -302, tax: 271, shipping: 1500, total: 4484, page: '4.484' },
  { currency: 'BHD', price: 12_345, discount: -3704, tax: 3333, shipping: 999, total: 37_663, page: '37.663' },
]

const BASE: SettingsPatch = {
  tax: { rates: [{ name: 'Tax', category: 'standard', percent: '10', included: false }], shippingCategory: null },
  shipping: { methods: [{ id: 'post', name: 'Post', rates: VECTORS.map(({ currency, shipping: amount }) => ({ currency, amount })) }] },
  pricing: { rounding: 'halfUp' },
}

/** What of an order is money, with what it says about how it came about. */
const moneyOf = ({
  lines,
  adjustments,
  codes,
  itemTotal,
  discountTotal,
  shippingTotal,
  includedTaxTotal,
  additionalTaxTotal,
  total,
}: Answer['body']) => ({
  ...{ lines, adjustments, codes, itemTotal, discountTotal, shippingTotal, includedTaxTotal, additionalTaxTotal, total },
})

for (const shop of await presetShops('default')) {
  const { admin, server } = shop
  const prices = VECTORS.map(({ currency, price }) => ({ currency, amount: price }))
  await shop.products(ware('BOWL', { taxCategory: 'standard' }, { prices, taxable: true, requiresShipping: true }))
  await shop.settings(BASE)
  let names = 0

  async function ordered(currency: string) {
    names += 1
    const call = await shop.account(`figures-${names}`)
    expect2xx(await call('POST', '/carts', { currency }))
    expect2xx(await call('POST', LINES, { sku: 'BOWL', quantity: 3 }))
    expect2xx(await call('POST', '/carts/current/codes', { code: CODE }))
    const details = { email: 'r@example.com', shippingAddress: ADDRESS, shippingMethod: 'post' }
    const { cart } = expect2xx(await call('PATCH', '/carts/current', details)).body
    const made = expect2xx(await call('POST', '/orders', { cartId: cart.id, expectedTotal: cart.total.amount })).body
    return { call, cart, made }
  }

  /** What the provider was asked for: its own book, not ours. */
  async function sessionOf(orderId: string): Promise<SandboxSession> {
    const rows = await server.engine.store.reader.db.selectFrom('sandbox_sessions').select('document').execute()
    const sessions = rows.map(({ document }) => JSON.parse(document) as SandboxSession).filter((each) => each.orderId === orderId)
    assert.equal(sessions.length, 1)
    return sessions[0] as SandboxSession
  }

  describe(`money on ${shop.dialect}`, () => {
    for (const { currency, discount, tax, shipping, total, price, page } of VECTORS)
      test(`${currency}: cart, order, payment, what the provider takes and what goes back are the same amount, to the minor unit`, async () => {
        const { call, cart, made } = await ordered(currency)
        const { order } = made
        for (const each of [cart, order]) {
          const amounts = [each.itemTotal, each.discountTotal, each.additionalTaxTotal, each.shippingTotal, each.total]
          assert.deepEqual(
            amounts,
            [3 * price, discount, tax, shipping, total].map((amount) => ({ amount, currency })),
          )
        }
        assert.deepEqual(order.payments[0].amount, { amount: total, currency })
        const asked = await sessionOf(order.id)
        assert.deepEqual([asked.amount, asked.currency], [total, currency])
        const shownPage = await (await fetch(made.payment.url)).text()
        assert.ok(shownPage.includes(page) && !shownPage.includes(`${page}0`), `the page says ${page}`)
        const placed = await payFor(call, made)
        assert.deepEqual([placed.paymentState, placed.payments[0].state, placed.total.amount], ['PAID', 'PAID', total])
        expect2xx(await admin('POST', `/orders/${order.id}/cancel`))
        const refunded = await eventually(async () => {
          const { body } = await admin('GET', `/orders/${order.id}`)
          return body.paymentState === 'REFUNDED' && body
        })
        assert.deepEqual(
          refunded.refunds.map((refund: { amount: object }) => refund.amount),
          [{ amount: total, currency }],
        )
        assert.deepEqual(
          (await sessionOf(order.id)).refunds.map(({ amount }) => amount),
          [total],
        )
      })

    test('a changed setting, price or promotion never changes an order that was made, paid or not', async () => {
      const paid = await ordered('USD')
      const placed = moneyOf(await payFor(paid.call, paid.made))
      const unpaid = await ordered('JPY')
      const waiting = moneyOf(unpaid.made.order)
      const promotion = (await admin('GET', '/promotions')).body.items.find(({ id }: { id: string }) => id === 'prm_demo_welcome10')
      const { name, conditions, benefit } = promotion
      await shop.settings({
        pricing: { rounding: 'halfDown' },
        tax: { rates: [{ name: 'Other', category: 'standard', percent: '25', included: true }] },
        shipping: {
          methods: [{ id: 'post', name: 'Dear post', rates: VECTORS.map((each) => ({ currency: each.currency, amount: 9999 })) }],
        },
        promotions: { percentBase: 'running' },
      })
      expect2xx(await admin('PUT', '/promotions/prm_demo_welcome10', { name, conditions, benefit: { kind: 'percent_off', percent: '90' } }))
      await shop.products(
        ware('BOWL', { taxCategory: 'standard' }, { prices: prices.map((each) => ({ ...each, amount: 7 })), taxable: true }),
      )
      const next = await ordered('USD')
      assert.notDeepEqual(moneyOf(next.made.order), placed, 'new orders are made by what is set now')
      assert.deepEqual(moneyOf((await admin('GET', `/orders/${paid.made.order.id}`)).body), placed)
      assert.deepEqual(moneyOf((await admin('GET', `/orders/${unpaid.made.order.id}`)).body), waiting)
      assert.deepEqual(moneyOf(await payFor(unpaid.call, unpaid.made)), waiting, 'it is paid as it was made')
      assert.equal((await sessionOf(unpaid.made.order.id)).amount, waiting.total.amount)
      await shop.settings(BASE)
      expect2xx(await admin('PUT', '/promotions/prm_demo_welcome10', { name, conditions, benefit }))
    })
  })
}

const RUNS = 10_000

test(`in ${RUNS} random carts the total of the order, which is what is asked of a provider, is the exact sum of its lines and adjustments`, () => {
  const property = fc.property(randomCarts, ({ cart, facts }) => {
    const order = contentOf(done(priceCart(cart, facts)).cart)
    const sold = order.lines.filter(({ state }) => state === 'AVAILABLE')
    const adjustments = [...sold.flatMap((line) => line.adjustments), ...order.adjustments].filter(({ included }) => !included)
    const parts = [...sold.map((line) => line.itemTotal.amount), ...adjustments.map(({ amount }) => amount.amount)]
    assert.equal(
      parts.reduce((sum, amount) => sum + BigInt(amount), 0n),
      BigInt(order.total.amount),
    )
    assert.ok(Number.isSafeInteger(order.total.amount) && order.total.amount >= 0)
    const currencies = new Set([...order.lines.map((line) => line.total.currency), ...adjustments.map(({ amount }) => amount.currency)])
    assert.ok([...currencies].every((currency) => currency === order.currency))
  })
  fc.assert(property, { numRuns: RUNS })
})

describe('no fraction of a minor unit', () => {
  const ROOT = join(import.meta.dirname, '..')

  test('can be stored: the schema has no column of a floating type', () => {
    for (const file of globSync('src/store/schema.*.sql', { cwd: ROOT })) {
      const columns = readFileSync(join(ROOT, file), 'utf8').match(/\b(real|float\d*|double( precision)?|numeric|decimal|money)\b/gi) ?? []
      assert.deepEqual(columns, [], file)
    }
    assert.equal(globSync('src/store/schema.*.sql', { cwd: ROOT }).length, 2)
  })

  /** Divisions that are not made whole numbers at once (of pieces, not of money), fractions, and functions that make or round floating numbers. */
  function floats(path: string, text: string): string[] {
    const found: string[] = []
    const say = (node: { start: number }, what: string) => found.push(`${path}:${text.slice(0, node.start).split('\n').length} ${what}`)
    const visit = (value: unknown, isWhole = false): void => {
      if (Array.isArray(value)) for (const each of value) visit(each)
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return
      const node = value as { type?: string; start: number; operator?: string; value?: unknown; callee?: { start: number; end: number } }
      const called = node.type === 'CallExpression' && node.callee ? text.slice(node.callee.start, node.callee.end) : ''
      if (node.type === 'BinaryExpression' && node.operator === '/' && !isWhole) say(node, 'divides')
      if (node.type === 'Literal' && typeof node.value === 'number' && !Number.isInteger(node.value)) say(node, 'has a fraction')
      if (/(^|\.)(parseFloat|toFixed|toPrecision|round|fround)$/.test(called)) say(node, called)
      for (const child of Object.values(node)) {
        if (/^Math\.(floor|ceil)$/.test(called) && Array.isArray(child)) for (const each of child) visit(each, true)
        else visit(child)
      }
    }
    visit(parseSync(path, text).program.body)
    return found
  }

  test('can arise: the core divides money nowhere but in money.ts, where it is BigInt', () => {
    const paths = globSync('src/core/*.ts', { cwd: ROOT }).filter((path) => !/\.test\.ts$|\/(money|time)\.ts$/.test(path))
    assert.ok(paths.length > 15)
    assert.deepEqual(
      paths.flatMap((path) => floats(path, readFileSync(join(ROOT, path), 'utf8'))),
      [],
    )
    const faulty = 'const a = b / 2\nconst c = Math.floor(a / 3)\nconst d = c * 0.5\nconst e = d.toFixed(2)\nconst f = Math.round(e)'
    assert.deepEqual(floats('x.ts', faulty), ['x.ts:1 divides', 'x.ts:3 has a fraction', 'x.ts:4 d.toFixed', 'x.ts:5 Math.round'])
  })
})
