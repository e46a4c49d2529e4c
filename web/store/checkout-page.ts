// Checkout: who and where, how it is shipped, and the last look before paying.
import { html, nothing, type TemplateResult } from 'lit'
import type { PricedCart } from '../../src/core/pricing.ts'
import { moneyText } from '../elements/amounts.ts'
import type { App } from './app.ts'
import { notices, totals } from './cart-page.ts'
import { link } from './frame.ts'

const COUNTRIES = ['US', 'CA', 'DE', 'AT', 'BE', 'ES', 'FR', 'IE', 'IT', 'NL', 'PT'] as const

/** Checkout of the whole cart, or of the lines that are named. */
export function checkoutPage(app: App, lineIds: readonly string[]): TemplateResult {
  const { words, view } = app
  const { cart } = view
  if (!cart && view.status === 'loading') return html`<h1>${words.checkout}</h1><p>${words.loading}</p>`
  const lines = cart?.lines.filter(({ id }) => lineIds.length === 0 || lineIds.includes(id)) ?? []
  if (!cart || lines.length === 0)
    return html`<div class="empty"><h1>${words.emptyCart}</h1>${link(app, app.path(), words.browse, 'button main')}</div>`
  const isShipped = lines.some(({ requiresShipping }) => requiresShipping)
  const isKnown = cart.email !== null && (!isShipped || cart.shippingAddress !== null)
  const asksAddress = !isKnown || app.choices.editsAddress === true
  const isReady = !asksAddress && (!isShipped || cart.shippingMethod !== null)
  return html`
    <div class="page-head"><h1>${words.checkout}</h1>${link(app, app.path('/cart'), words.yourCart, 'button quiet')}</div>
    ${notices(app, cart)}
    <div class="columns">
      <div class="steps">
        <section class="step">
          <h2>${isShipped ? words.address : words.contact}</h2>
          ${asksAddress ? addressForm(app, cart, isShipped) : addressShown(app, cart)}
        </section>
        ${isShipped ? html`<section class="step" ?data-later=${asksAddress}><h2>${words.method}</h2>${asksAddress ? nothing : methods(app, cart)}</section>` : nothing}
        <section class="step" ?data-later=${!isReady}>
          <h2>${words.review}</h2>
          ${isReady ? review(app, cart, lineIds) : nothing}
        </section>
      </div>
      <aside class="summary">
        <ul class="brief">
          ${lines.map(
            (line) => html`<li>
              <span class="thumb">${line.image ? html`<img src=${line.image} alt="" width="160" height="160" />` : nothing}</span>
              <span>${line.quantity} × ${line.name}</span><span>${moneyText(line.total, app.language)}</span>
            </li>`,
          )}
        </ul>
        ${lineIds.length > 0 ? html`<p class="hint">${words.someLines} ${words.totalLater}</p>` : totals(app, cart, view.isEstimated, cart.shippingEstimate)}
      </aside>
    </div>
  `
}

function addressForm(app: App, cart: PricedCart, isShipped: boolean): TemplateResult {
  const { words, language, account } = app
  const known = cart.shippingAddress
  const names = new Intl.DisplayNames(language, { type: 'region' })
  const field = (name: string, label: string, value: string | null | undefined, autocomplete: string, isRequired = true, className = '') =>
    html`<label class="field ${className}"><span>${label}</span><input name=${name} autocomplete=${autocomplete} .value=${value ?? ''} maxlength="200" ?required=${isRequired} /></label>`
  return html`<form class="address" @submit=${(event: SubmitEvent) => saveAddress(app, event, isShipped)}>
    <label class="field whole">
      <span>${words.email}</span>
      <input name="email" type="email" autocomplete="email" required maxlength="254" .value=${cart.email ?? (account ? `${account.id}@example.com` : '')} />
    </label>
    ${
      isShipped
        ? html`${field('name', words.name, known?.name, 'name', true, 'whole')} ${field('line1', words.street, known?.line1, 'address-line1', true, 'whole')}
          ${field('line2', words.addition, known?.line2, 'address-line2', false, 'whole')}
          ${field('postalCode', words.postalCode, known?.postalCode, 'postal-code')} ${field('city', words.city, known?.city, 'address-level2')}
          ${field('region', words.region, known?.region, 'address-level1', false)}
          <label class="field">
            <span>${words.country}</span>
            <select name="country" autocomplete="country">
              ${COUNTRIES.map((code) => html`<option value=${code} ?selected=${code === (known?.country ?? 'US')}>${names.of(code)}</option>`)}
            </select>
          </label>`
        : nothing
    }
    <button class="main whole" ?disabled=${app.busy.has('address')}>${words.save}</button>
  </form>`
}

function saveAddress(app: App, event: SubmitEvent, isShipped: boolean): void {
  event.preventDefault()
  const form = new FormData(event.currentTarget as HTMLFormElement)
  const text = (name: string) => String(form.get(name) ?? '').trim()
  const optional = (name: 'line2' | 'region') => (text(name) === '' ? {} : { [name]: text(name) })
  const address = {
    name: text('name'),
    line1: text('line1'),
    ...optional('line2'),
    postalCode: text('postalCode'),
    city: text('city'),
    ...optional('region'),
    country: text('country'),
  }
  void app.run('address', async () => {
    await app.cart.change({ email: text('email'), ...(isShipped ? { shippingAddress: address } : {}) })
    app.choices.editsAddress = false
    if (isShipped) await app.loadShippingMethods()
  })
}

function addressShown(app: App, cart: PricedCart): TemplateResult {
  const { email, shippingAddress: address } = cart
  const place = address && [
    address.name,
    address.line1,
    address.line2,
    `${address.postalCode ?? ''} ${address.city ?? ''}`.trim(),
    address.country,
  ]
  const edit = () => {
    app.choices.editsAddress = true
    app.draw()
  }
  return html`<div class="known">
    <p>${email}<br />${place?.filter(Boolean).join(', ')}</p>
    <button class="quiet" @click=${edit}>${app.words.change}</button>
  </div>`
}

function methods(app: App, cart: PricedCart): TemplateResult {
  const { words, language, shippingMethods } = app
  if (shippingMethods.state === 'loading') return html`<p aria-busy="true">${words.loading}</p>`
  if (shippingMethods.state === 'failed') return html`<p role="alert">${shippingMethods.says}</p>`
  if (shippingMethods.value.length === 0) return html`<p role="alert">${words.noMethods}</p>`
  return html`<fieldset class="plans">
    <legend class="unseen">${words.method}</legend>
    ${shippingMethods.value.map(
      ({ id, name, price }) => html`<label class="plan">
        <input
          type="radio"
          name="shipping"
          value=${id}
          .checked=${cart.shippingMethod === id}
          ?disabled=${app.busy.has('shipping')}
          @change=${() => app.run('shipping', () => app.cart.change({ shippingMethod: id }))}
        />
        <span><strong>${name}</strong><span>${moneyText(price, language)}</span></span>
      </label>`,
    )}
  </fieldset>`
}

function review(app: App, cart: PricedCart, lineIds: readonly string[]): TemplateResult {
  const { words, language, choices } = app
  const { currency } = cart
  const money = (amount: number) => moneyText({ amount, currency }, language)
  const isFree = lineIds.length === 0 && cart.total.amount === 0
  const due = choices.consented?.now ?? cart.total.amount
  return html`
    ${choices.consented ? html`<p class="warning" role="alert">${words.newTotal(money(choices.consented.before), money(choices.consented.now))}</p>` : nothing}
    ${choices.blockers?.map(({ message }) => html`<p class="warning" role="alert">${message}</p>`)}
    <p class="hint">${isFree ? nothing : words.payHint}</p>
    <button class="main" name="pay" ?disabled=${app.busy.has('order') || app.view.isEstimated} aria-busy=${app.busy.has('order')} @click=${() => app.placeOrder(lineIds)}>
      ${isFree ? words.orderFree : lineIds.length > 0 ? words.pay : `${words.pay} ${money(due)}`}
    </button>
  `
}
