// Amounts in e-mails are exact in every currency and language, and what is listed sums to the total.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { AMOUNT_MAX } from '../core/money.ts'
import type { OrderLine, ServedOrder } from '../core/order.ts'
import { sampleOrder } from './email-sample.ts'
import { amountText, orderValues } from './email-values.ts'
import type { ShopFacts } from './facts.ts'

const plain = (text: string) => text.replaceAll('\u00a0', ' ')
const shop = { id: 'shop', currency: 'USD' } as ShopFacts

describe('amounts in e-mails', () => {
  it('are formatted from integers without loss, with the decimals that the currency has', () => {
    const cases: [number, string, string, string][] = [
      [AMOUNT_MAX, 'USD', 'en', '$90,071,992,547,409.91'],
      [-1, 'USD', 'en', '-$0.01'],
      [1999, 'EUR', 'de', '19,99 €'],
      [1999, 'JPY', 'en', '¥1,999'],
      [1234567, 'KWD', 'en', 'KWD 1,234.567'],
      [0, 'EUR', 'de', '0,00 €'],
    ]
    for (const [amount, currency, language, expected] of cases) assert.equal(plain(amountText({ amount, currency }, language)), expected)
  })

  it('that are listed sum to the total: items, discounts, shipping and added taxes', () => {
    const order: ServedOrder = sampleOrder(shop, 0)
    const tax = (line: OrderLine, amount: number) => ({
      type: 'tax' as const,
      label: 'Sales tax',
      amount: { amount, currency: 'USD' },
      included: false,
      source: { kind: 'tax_rate' as const, id: 'tax' },
      target: 'line' as const,
      lineId: line.id,
    })
    const lines = order.lines.map((line, index) => ({ ...line, adjustments: [...line.adjustments, tax(line, 100 + index)] }))
    const total = { amount: order.total.amount + 201, currency: 'USD' }
    const values = orderValues({ ...order, lines, total }, 'en')
    const cents = (text: string) => Number(text.replace(/[^\d-]/g, ''))
    const listed = [values.itemTotal, ...values.discounts.map(({ amount }) => amount), values.shippingTotal]
    const sum = [...listed, ...values.addedTaxes.map(({ amount }) => amount)].reduce((all, text) => all + cents(text), 0)
    assert.equal(sum, cents(values.total))
    assert.deepEqual(values.addedTaxes, [{ label: 'Sales tax', amount: '$2.01' }])
    assert.deepEqual(values.discounts, [{ label: '10 % off', amount: '-$4.85' }])
  })

  it('what was given back for what stays delivered is not asked for again; what an edit added is', () => {
    const money = (amount: number) => ({ amount, currency: 'USD' })
    const owed = (outstanding: number, refunded: number, cancelled: number, state: ServedOrder['state'] = 'PLACED') => {
      const totals = { outstandingTotal: money(outstanding), refundedTotal: money(refunded), cancelledTotal: money(cancelled) }
      const { isOutstanding, outstandingTotal } = orderValues({ ...sampleOrder(shop, 0), ...totals, state }, 'en')
      return isOutstanding ? outstandingTotal : null
    }
    assert.deepEqual(
      [owed(500, 500, 0), owed(1000, 1960, 1960), owed(1500, 500, 0), owed(700, 0, 0), owed(700, 0, 0, 'CANCELLED')],
      [null, '$10.00', '$10.00', '$7.00', null],
    )
  })

  it('addresses stand as they are written where they go', () => {
    const at = (country: string) => ({
      ...sampleOrder(shop, 0),
      shippingAddress: { name: 'A', city: 'C', postalCode: '1', region: 'R', country },
    })
    assert.deepEqual(orderValues(at('US'), 'en').shippingAddress, ['A', 'C, R 1', 'United States'])
    assert.deepEqual(orderValues(at('DE'), 'de').shippingAddress, ['A', '1 C, R', 'Deutschland'])
  })
})
