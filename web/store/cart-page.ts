// The cart: a row for each line with Buy and Delete, codes, notices, totals, Clear and Place Order.
import { html, nothing, type TemplateResult } from 'lit'
import { repeat } from 'lit/directives/repeat.js'
import { isNewLine } from '../../src/client/queue.ts'
import type { PricedCart } from '../../src/core/pricing.ts'
import { moneyText } from '../elements/amounts.ts'
import type { App } from './app.ts'
import { icon, link } from './frame.ts'
import { stepsOf } from './goods.ts'

type Line = PricedCart['lines'][number]
type Totals = Pick<PricedCart, 'itemTotal' | 'discountTotal' | 'shippingTotal' | 'additionalTaxTotal' | 'includedTaxTotal' | 'total'>

/** The cart's page. */
export function cartPage(app: App): TemplateResult {
  const { words, view } = app
  const { cart } = view
  if (view.status === 'loading' && !cart)
    return html`<h1>${words.yourCart}</h1><div class="rows" aria-busy="true">${[1, 2].map(() => html`<div class="row is-loading"><div class="thumb"></div><p></p></div>`)}</div>`
  if (!cart || cart.lines.length === 0)
    return html`<div class="empty">
      <span class="empty-picture" aria-hidden="true">${icon('bag')}</span>
      <h1>${words.emptyCart}</h1>
      <p>${words.emptyCartHint}</p>
      ${link(app, app.path(), words.browse, 'button main')}
    </div>`
  const askToClear = () => {
    app.dialog = { kind: 'clear' }
    app.draw()
  }
  return html`
    <div class="page-head">
      <h1>${words.yourCart}</h1>
      <button class="quiet" name="share" @click=${() => app.share()}>${words.share}</button>
      <button class="quiet" name="clear" @click=${askToClear}>${words.clear}</button>
    </div>
    ${notices(app, cart)}
    <div class="columns">
      <div class="rows" role="table" aria-label=${words.yourCart}>
        <div class="row row-head" role="row">
          <span role="columnheader" class="wide">${words.columns.product}</span>
          <span role="columnheader">${words.columns.price}</span>
          <span role="columnheader">${words.columns.currency}</span>
          <span role="columnheader">${words.columns.quantity}</span>
          <span role="columnheader" class="end">${words.columns.total}</span>
        </div>
        ${repeat(
          cart.lines,
          ({ id }) => id,
          (line) => row(app, line),
        )}
      </div>
      <aside class="summary">
        ${codes(app, cart)} ${totals(app, cart, view.isEstimated, cart.shippingEstimate)}
        <button class="main" name="order" ?disabled=${app.busy.has('order')} @click=${() => app.go(app.path('/checkout'))}>${words.placeOrder}</button>
      </aside>
    </div>
  `
}

function row(app: App, line: Line): TemplateResult {
  const { words, language } = app
  const isGift = line.giftOf !== null
  const path = line.handle ? app.path(`/products/${line.handle}`) : app.path('/cart')
  return html`<div class="row" role="row" data-sku=${line.sku}>
    <span class="thumb" role="presentation">${line.image ? html`<img src=${line.image} alt="" width="160" height="160" />` : nothing}</span>
    <span class="row-name" role="cell">
      ${link(app, path, line.name)}
      <small>${displayName(line)}</small>
      ${line.state === 'UNAVAILABLE' ? html`<small class="is-warm">${words.unavailable}</small>` : nothing}
      ${isGift ? html`<small class="is-good">${words.gift}</small>` : nothing}
    </span>
    <span class="cell cell-price" role="cell" data-label=${words.columns.price}>${moneyText(line.unitPrice, language)}</span>
    <span class="cell cell-currency" role="cell" data-label=${words.columns.currency}>${line.unitPrice.currency}</span>
    <span class="cell cell-quantity" role="cell" data-label=${words.columns.quantity}>${quantity(app, line)}</span>
    <span class="cell cell-total" role="cell" data-label=${words.columns.total}><strong>${moneyText(line.total, language)}</strong></span>
    <span class="row-actions" role="cell">
      ${
        isGift
          ? nothing
          : html`<button
                class="quiet buy"
                aria-label=${words.buyRow(line.name)}
                ?disabled=${line.state === 'UNAVAILABLE' || isNewLine(line.id)}
                @click=${() => app.go(`${app.path('/checkout')}?line=${encodeURIComponent(line.id)}`)}
              >${words.buy}</button>
              <button
                class="quiet delete"
                aria-label=${words.removeRow(line.name)}
                @click=${() => app.attempt(() => app.cart.remove(line.id))}
              >${words.remove}</button>`
      }
    </span>
  </div>`
}

/** What tells this line from others of the same product: variant, amount, options. */
function displayName(line: Line): string {
  const options = Object.values(line.options).map(String)
  return [line.variantName || line.sku, ...options].filter((part) => part !== null && part !== '').join(', ')
}

function quantity(app: App, line: Line): TemplateResult {
  if (!app.shop.setsQuantities || line.giftOf) return html`<output>${line.quantity}</output>`
  const { words } = app
  const product = app.catalogue.state === 'ready' ? app.catalogue.value.find(({ handle }) => handle === line.handle) : undefined
  const variant = product?.variants.find(({ sku }) => sku === line.sku)
  const step = variant?.quantityStep ?? 1
  const min = Math.max(step, variant?.quantityMin ?? 1)
  const max = variant ? stepsOf(variant).max : Number.MAX_SAFE_INTEGER
  // Each click shows at once, and the next one counts from there.
  const count = (to: number) => () => app.attempt(() => app.cart.setQuantity(line.id, to))
  return html`<span class="stepper" role="group" aria-label="${words.quantity}: ${line.name}">
    <button aria-label=${words.less} ?disabled=${line.quantity - step < min} @click=${count(line.quantity - step)}>−</button>
    <output>${line.quantity}</output>
    <button aria-label=${words.more} ?disabled=${line.quantity + step > max} @click=${count(line.quantity + step)}>+</button>
  </span>`
}

/** What changed or is not ready, in the words of the server. */
export function notices(app: App, cart: PricedCart): TemplateResult | typeof nothing {
  if (cart.notices.length === 0) return nothing
  return html`<div role="status"><ul class="notices">
    ${repeat(
      cart.notices as readonly (PricedCart['notices'][number] & { readonly message?: string })[],
      ({ id }) => id,
      (notice) => html`<li data-code=${notice.code}>
        <span>${notice.message ?? notice.code}</span>
        <button class="quiet" ?disabled=${app.busy.has(notice.id)} @click=${() => app.run(notice.id, () => app.cart.acknowledge([notice.id]))}>
          ${app.words.understood}
        </button>
      </li>`,
    )}
  </ul></div>`
}

function codes(app: App, cart: PricedCart): TemplateResult {
  const { words } = app
  const apply = (event: SubmitEvent) => {
    event.preventDefault()
    const form = event.currentTarget as HTMLFormElement
    const code = String(new FormData(form).get('code') ?? '').trim()
    if (code === '') return
    void app.run('code', async () => {
      await app.cart.applyCode(code)
      form.reset()
    })
  }
  return html`
    <form class="code" @submit=${apply}>
      <label class="field"><span>${words.code}</span><input name="code" autocomplete="off" autocapitalize="characters" maxlength="60" aria-describedby="code-hint" /></label>
      <button ?disabled=${app.busy.has('code')}>${words.applyCode}</button>
    </form>
    <p class="hint" id="code-hint">${words.tryCodes}</p>
    <ul class="codes">
      ${cart.codes.map(
        ({ code, applied }) => html`<li>
          <span>${icon('check')} ${code} ${applied ? nothing : html`<small>${words.codeRests}</small>`}</span>
          <button class="quiet" aria-label=${words.removeCode(code)} @click=${() => app.run('code', () => app.cart.removeCode(code))}>×</button>
        </li>`,
      )}
    </ul>
  `
}

/** The sums of a cart or an order; what the server has not answered yet is marked as estimated. */
export function totals(
  app: App,
  sums: Totals,
  isEstimated: boolean,
  shippingEstimate: PricedCart['shippingEstimate'] = null,
): TemplateResult {
  const { words, language } = app
  const line = (label: string, money: Totals['total'], className = '') =>
    html`<div class=${className}><dt>${label}</dt><dd>${moneyText(money, language)}</dd></div>`
  const about = (label: string) => (isEstimated ? `${label} (${words.estimated})` : label)
  const { discountTotal, shippingTotal, additionalTaxTotal, includedTaxTotal } = sums
  return html`<dl class="totals" aria-live="polite">
    ${line(words.subtotal, sums.itemTotal)} ${discountTotal.amount === 0 ? nothing : line(about(words.discount), discountTotal, 'is-good')}
    ${
      shippingEstimate && shippingTotal.amount === 0
        ? line(`${words.shipping}, ${words.from}`, shippingEstimate)
        : shippingTotal.amount === 0
          ? nothing
          : line(about(words.shipping), shippingTotal)
    }
    ${additionalTaxTotal.amount === 0 ? nothing : line(about(words.tax), additionalTaxTotal)}
    ${includedTaxTotal.amount === 0 ? nothing : line(about(words.includedTax), includedTaxTotal, 'is-quiet')}
    ${line(about(words.total), sums.total, 'is-total')}
  </dl>`
}
