// Orders: the list of one's own, and one of them, followed while it may change.
import { html, nothing, type TemplateResult } from 'lit'
import { moneyText } from '../elements/amounts.ts'
import type { App, Order } from './app.ts'
import { totals } from './cart-page.ts'
import { failed, icon, link } from './frame.ts'

/** My orders. */
export function ordersPage(app: App): TemplateResult {
  const { orders, words, language } = app
  if (orders.state === 'failed') {
    // Who has neither an account nor a cart has no orders, and needs no error.
    return app.account || app.view.cart ? failed(app, orders.says, () => app.loadOrders()) : noOrders(app)
  }
  if (orders.state === 'loading') return html`<h1>${words.yourOrders}</h1><p aria-busy="true">${words.loading}</p>`
  if (orders.value.length === 0) return noOrders(app)
  return html`
    <h1>${words.yourOrders}</h1>
    <ul class="orders">
      ${orders.value.map(
        (order) => html`<li>
          ${link(
            app,
            app.path(`/orders/${order.id}`),
            html`<span class="thumbs">${order.lines.slice(0, 3).map(({ image }) => html`<span class="thumb">${image ? html`<img src=${image} alt="" width="160" height="160" />` : nothing}</span>`)}</span>
              <span class="order-name"><strong>${titleOf(app, order)}</strong><small>${dateOf(app, order.orderedAt ?? order.createdAt)}</small></span>
              <span class="state" data-state=${order.state}>${words.orderStates[order.state]?.[0] ?? order.state}</span>
              <span class="end">${moneyText(order.total, language)}</span>`,
          )}
        </li>`,
      )}
    </ul>
  `
}

function noOrders(app: App): TemplateResult {
  return html`<div class="empty">
    <span class="empty-picture" aria-hidden="true">${icon('box')}</span>
    <h1>${app.words.noOrders}</h1>
    ${link(app, app.path(), app.words.browse, 'button main')}
  </div>`
}

function titleOf(app: App, { reference, number, shortNumber }: Order): string {
  return `${app.words.order} ${reference ?? shortNumber ?? number ?? ''}`.trim()
}

function dateOf(app: App, time: string): string {
  return new Intl.DateTimeFormat(app.language, { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(time))
}

/** One order. `result` is what the payment page came back with: a hint, never the truth. */
export function orderPage(app: App, result: string | null): TemplateResult {
  const { order, words, language } = app
  if (order.state === 'loading') return html`<div class="order" aria-busy="true"><h1>${words.order}</h1><p>${words.loading}</p></div>`
  if (order.state === 'failed') return failed(app, order.says, async () => app.arrived())
  const shown = order.value
  const [title, says] = words.orderStates[shown.state] ?? [shown.state, '']
  const isNew = shown.state === 'NEW'
  return html`
    <article class="order" data-state=${shown.state}>
      <header class="order-head">
        <span class="order-mark" aria-hidden="true">${icon(isNew ? 'bag' : 'check')}</span>
        <div role="status">
          <h1>${title}</h1>
          <p>${isNew && (result === 'failed' || result === 'cancelled') ? words.notPaid : says}</p>
        </div>
      </header>
      <p class="hint">
        ${shown.reference || shown.number ? html`<strong class="order-number">${titleOf(app, shown)}</strong> · ` : nothing}
        ${shown.orderedAt ? html`${words.placedOn} ${dateOf(app, shown.orderedAt)} · ` : nothing}
        ${words.payment}: ${words.paymentStates[shown.paymentState] ?? shown.paymentState} · ${shown.status}
        ${isNew || shown.state === 'PLACED' ? html`<br />${words.live}` : nothing}
      </p>
      <ul class="brief">
        ${shown.lines.map(
          (line) => html`<li>
            <span class="thumb">${line.image ? html`<img src=${line.image} alt="" width="160" height="160" />` : nothing}</span>
            <span>${line.quantity} × ${line.name} <small>${line.variantName}</small></span><span>${moneyText(line.total, language)}</span>
          </li>`,
        )}
      </ul>
      ${totals(app, shown, false)} ${orderActions(app, shown)}
    </article>
  `
}

function orderActions(app: App, { id, state, subscriptionId }: Order): TemplateResult {
  const { words } = app
  const ask = () => {
    app.dialog = { kind: 'cancel', order: id }
    app.draw()
  }
  return html`<div class="actions">
    ${state === 'NEW' ? html`<button class="main" name="pay" ?disabled=${app.busy.has('pay')} @click=${() => app.payAgain(id)}>${words.payNow}</button>` : nothing}
    ${state === 'NEW' || subscriptionId ? nothing : html`<button class="main" name="reorder" ?disabled=${app.busy.has('reorder')} @click=${() => app.reorder(id)}>${words.reorder}</button>`}
    ${state === 'NEW' || state === 'PLACED' ? html`<button class="quiet" name="cancel" ?disabled=${app.busy.has('cancel')} @click=${ask}>${words.cancelOrder}</button>` : nothing}
    ${link(app, app.path('/orders'), words.yourOrders, 'button quiet')}
  </div>`
}

/** Where a restore link leads. Opening it changes nothing; the button does. */
export function restorePage(app: App, token: string): TemplateResult {
  const { words } = app
  return html`<div class="empty">
    <span class="empty-picture" aria-hidden="true">${icon('bag')}</span>
    <h1>${words.restoreTitle}</h1>
    <p>${words.restoreHint}</p>
    <button class="main" name="restore" ?disabled=${app.busy.has('restore') || token === ''} aria-busy=${app.busy.has('restore')} @click=${() => app.restore(token)}>${words.restore}</button>
  </div>`
}
