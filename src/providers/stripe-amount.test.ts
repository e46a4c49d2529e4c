// Amounts at Stripe: every currency of ISO 4217 is either written exactly as Stripe documents it, or not taken at all.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { currencies, exponentOf } from '../core/currency.ts'
import { AMOUNT_MAX } from '../core/money.ts'
import { fromStripeAmount, toStripeAmount } from './stripe-amount.ts'

/** Where Stripe's decimals are not those of ISO 4217, or an amount must end with zeros: what we count, and what Stripe is told. */
const SPECIAL: Readonly<Record<string, { ours: number; stripe: number; refused?: number }>> = {
  // Two decimals in ISO 4217, none at Stripe.
  MGA: { ours: 500, stripe: 5, refused: 501 },
  // None in ISO 4217, two at Stripe: "to charge 5 UGX, provide an amount value of 500".
  ISK: { ours: 5, stripe: 500 },
  UGX: { ours: 5, stripe: 500 },
  // Three decimals, of which the last is zero.
  BHD: { ours: 5120, stripe: 5120, refused: 5124 },
  JOD: { ours: 5120, stripe: 5120, refused: 5124 },
  KWD: { ours: 5120, stripe: 5120, refused: 5124 },
  OMR: { ours: 5120, stripe: 5120, refused: 5124 },
  TND: { ours: 5120, stripe: 5120, refused: 5124 },
}
const WHOLE = ['BIF', 'CLP', 'DJF', 'GNF', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'VND', 'VUV', 'XAF', 'XOF', 'XPF']
/** Of ISO 4217, and not of Stripe: precious metals, units of account, and currencies whose decimals Stripe does not know. */
const NOT_TAKEN = [
  'CLF',
  'IQD',
  'LYD',
  'UYI',
  'UYW',
  'XAG',
  'XAU',
  'XBA',
  'XBB',
  'XBC',
  'XBD',
  'XDR',
  'XPD',
  'XPT',
  'XSU',
  'XTS',
  'XUA',
  'XXX',
]

describe('amounts at Stripe', () => {
  it('every currency is written as Stripe documents it, there and back, or is not taken', () => {
    const seen = { whole: 0, special: 0, refused: 0, two: 0 }
    for (const currency of currencies()) {
      const special = SPECIAL[currency]
      if (NOT_TAKEN.includes(currency)) {
        assert.equal(toStripeAmount(1000, currency), null, currency)
        assert.equal(fromStripeAmount(1000, currency.toLowerCase()), null, currency)
        seen.refused += 1
      } else if (special) {
        assert.equal(toStripeAmount(special.ours, currency), special.stripe, currency)
        assert.equal(fromStripeAmount(special.stripe, currency.toLowerCase()), special.ours, currency)
        if (special.refused !== undefined) assert.equal(toStripeAmount(special.refused, currency), null, currency)
        seen.special += 1
      } else {
        assert.equal(exponentOf(currency), WHOLE.includes(currency) ? 0 : 2, currency)
        for (const amount of [0, 1, 1099, 123_456_789]) {
          assert.equal(toStripeAmount(amount, currency), amount, currency)
          assert.equal(fromStripeAmount(amount, currency.toLowerCase()), amount, currency)
        }
        seen[WHOLE.includes(currency) ? 'whole' : 'two'] += 1
      }
    }
    assert.deepEqual([seen.whole, seen.special, seen.refused], [WHOLE.length, Object.keys(SPECIAL).length, NOT_TAKEN.length])
    assert.ok(seen.two > 100)
  })

  it('what is no exact amount is none', () => {
    assert.equal(toStripeAmount(10.5, 'EUR'), null)
    assert.equal(toStripeAmount(AMOUNT_MAX, 'EUR'), AMOUNT_MAX)
    assert.equal(toStripeAmount(AMOUNT_MAX, 'UGX'), null)
    assert.equal(toStripeAmount(100, 'EURO'), null)
    assert.equal(fromStripeAmount(550, 'isk'), null)
    assert.equal(fromStripeAmount(100, 'usdc'), null)
  })
})
