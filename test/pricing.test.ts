// Prices as tables: every row of `test/pricing/*.table` is a cart with totals that were computed by hand, and a cart that costs something
// else is an error in one of the two. What no table can list is in `src/core/pricing.test.ts` as properties of random carts.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Adjustment } from '../src/core/adjustment.ts'
import { priceCart } from '../src/core/pricing.ts'
import { done } from './facts.ts'
import { readTables, rowsOf } from './pricing/table.ts'

describe('a cart costs what the tables say', () => {
  const rows = readTables()
  for (const row of rows) {
    it(row.title, () => {
      const { cart, shippingQuotes } = done(priceCart(row.cart, row.facts))
      const totals = {
        items: cart.itemTotal.amount,
        discount: cart.discountTotal.amount,
        shipped: cart.shippingTotal.amount,
        included: cart.includedTaxTotal.amount,
        added: cart.additionalTaxTotal.amount,
        total: cart.total.amount,
      }
      for (const [name, amount] of Object.entries(row.totals)) assert.equal(totals[name as keyof typeof totals], amount, name)
      if (row.offers) assert.equal(shippingQuotes.map(({ id, amount }) => `${id}=${amount}`).join(' ') || 'none', row.offers)
      if (row.estimate !== undefined) assert.equal(cart.shippingEstimate?.amount ?? null, row.estimate, 'estimate')
      if (row.unit)
        assert.deepEqual(
          cart.lines.map((line) => line.unitPrice.amount),
          row.unit,
        )
      if (row.split)
        assert.deepEqual(
          cart.lines.map((line) => line.discountTotal.amount),
          row.split,
        )
      if (row.taxes) {
        const taxOf = (each: { adjustments: readonly Adjustment[] }) =>
          each.adjustments.filter(({ type }) => type === 'tax').reduce((sum, { amount }) => sum + amount.amount, 0)
        assert.deepEqual([...cart.lines, ...(cart.shippingMethod === null ? [] : [cart])].map(taxOf), row.taxes)
      }
    })
  }

  it('no table was forgotten', () => assert.ok(rows.length >= 160, `${rows.length} rows`))
})

describe('a table that cannot be read fails', () => {
  const head = 'currency|lines|promotions|shipping|tax|rounding|split|items|discount|shipped|included|added|total\n'

  it('a number without a source', () => {
    assert.throws(() => rowsOf('t', `${head}USD|1|-|-|-|halfUp|-|1|0|0|0|0|1`), /say after # where/)
  })

  it('a word that means nothing', () => {
    assert.throws(() => rowsOf('t', `${head}USD|1.5|-|-|-|halfUp|-|1|0|0|0|0|1 # none`), /does not read as/)
  })

  it('a column that is missing', () => {
    assert.throws(() => rowsOf('t', `${head}USD|1|-|-|-|halfUp|-|1|0|0|0|0 # none`), /13 columns/)
  })
})
