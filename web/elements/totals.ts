// The totals of a cart or an order as a list: what is nothing is left out, and shipping that nobody knows yet says so.
import { html, nothing, type TemplateResult } from 'lit'
import type { Money } from '../../src/core/money.ts'
import type { Totals } from '../../src/core/pricing.ts'
import type { Words } from './words.ts'

type Priced = Totals & {
  readonly requiresShipping?: boolean
  readonly shippingMethod: string | null
  readonly shippingEstimate?: Money | null
}

/** The totals, with the sum last. */
export function totalsTable(priced: Priced, words: Words, money: (money: Money) => string, isEstimated = false): TemplateResult {
  const guess = isEstimated ? html` <span class="guess" part="estimated">(${words.estimated})</span>` : nothing
  const row = (label: string, amount: Money) => html`<dt>${label}${guess}</dt><dd class="number">${money(amount)}</dd>`
  const isUnknown = priced.requiresShipping === true && priced.shippingMethod === null
  const shipping = isUnknown
    ? priced.shippingEstimate
      ? html`<dt>${words.shipping}</dt><dd class="number">${words.shippingFrom(money(priced.shippingEstimate))}</dd>`
      : nothing
    : priced.shippingMethod === null
      ? nothing
      : row(words.shipping, priced.shippingTotal)
  return html`<dl class="totals" part="totals">
    <dt>${words.items}</dt><dd class="number">${money(priced.itemTotal)}</dd>
    ${priced.discountTotal.amount === 0 ? nothing : row(words.discount, priced.discountTotal)}
    ${shipping}
    ${priced.additionalTaxTotal.amount === 0 ? nothing : row(words.tax, priced.additionalTaxTotal)}
    <dt class="sum">${words.total}${guess}</dt><dd class="sum number" part="total">${money(priced.total)}</dd>
    ${priced.includedTaxTotal.amount === 0 ? nothing : html`<dt class="muted small">${words.includedTax}</dt><dd class="muted small number">${money(priced.includedTaxTotal)}</dd>`}
  </dl>`
}
