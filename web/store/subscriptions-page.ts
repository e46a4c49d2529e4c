// The plans that an account has: how they stand, when they renew, and the two things that may be done about it.
import { html, nothing, type TemplateResult } from 'lit'
import { moneyText } from '../elements/amounts.ts'
import type { App, Subscription } from './app.ts'
import { failed, icon, link } from './frame.ts'

/** My subscriptions. */
export function subscriptionsPage(app: App): TemplateResult {
  const { subscriptions, words, account } = app
  if (!account) return signInFirst(app)
  if (subscriptions.state === 'failed') return failed(app, subscriptions.says, () => app.loadSubscriptions())
  if (subscriptions.state === 'loading') return html`<h1>${words.yourSubscriptions}</h1><p aria-busy="true">${words.loading}</p>`
  if (subscriptions.value.length === 0)
    return html`<div class="empty">
      <span class="empty-picture" aria-hidden="true">${icon('again')}</span>
      <h1>${words.noSubscriptions}</h1>
      <p>${words.noSubscriptionsHint}</p>
      ${link(app, app.path(), words.browse, 'button main')}
    </div>`
  return html`<h1>${words.yourSubscriptions}</h1>
    <ul class="subscriptions">
      ${subscriptions.value.map((each) => subscriptionShown(app, each))}
    </ul>`
}

function signInFirst(app: App): TemplateResult {
  const { words } = app
  const ask = () => {
    app.dialog = { kind: 'sign-in', isAsked: false }
    app.draw()
  }
  return html`<div class="empty">
    <span class="empty-picture" aria-hidden="true">${icon('again')}</span>
    <h1>${words.yourSubscriptions}</h1>
    <p>${words.subscriptionsSignIn}</p>
    <button class="main" @click=${ask}>${words.signIn}</button>
  </div>`
}

function subscriptionShown(app: App, subscription: Subscription): TemplateResult {
  const { words, language, catalogue } = app
  const { id, name, plan, total, state, quantity, cancelAtPeriodEnd, latestOrderId } = subscription
  const product =
    catalogue.state === 'ready' ? catalogue.value.find((each) => each.variants.some(({ sku }) => sku === subscription.sku)) : undefined
  const image = product?.images[0]?.src
  const isRunning = state === 'ACTIVE' || state === 'PAST_DUE'
  const isBusy = app.busy.has(id)
  const ask = () => {
    app.dialog = { kind: 'unsubscribe', subscription }
    app.draw()
  }
  return html`<li class="subscription" data-state=${state} data-ends=${cancelAtPeriodEnd}>
    <span class="thumb">${image ? html`<img src=${image} alt="" width="160" height="160" />` : nothing}</span>
    <div>
      <h2>${quantity > 1 ? `${quantity} × ` : ''}${name}</h2>
      <p>${plan.name}, ${moneyText(total, language)} ${words.every[plan.interval] ?? plan.interval}</p>
      <p class="state" data-state=${state}>${stateOf(app, subscription)}</p>
    </div>
    <div class="actions">
      ${isRunning && !cancelAtPeriodEnd ? html`<button name="unsubscribe" ?disabled=${isBusy} @click=${ask}>${words.unsubscribe}</button>` : nothing}
      ${isRunning && cancelAtPeriodEnd ? html`<button class="main" name="resume" ?disabled=${isBusy} @click=${() => app.resume(id)}>${words.resume}</button>` : nothing}
      ${link(app, app.path(`/orders/${latestOrderId}`), words.latestOrder, 'button quiet')}
    </div>
  </li>`
}

function stateOf(app: App, { state, cancelAtPeriodEnd, currentPeriodEnd, nextRenewalAt, endedAt }: Subscription): string {
  const { words } = app
  if (cancelAtPeriodEnd && (state === 'ACTIVE' || state === 'PAST_DUE')) return words.endsOn(dateOf(app, currentPeriodEnd))
  switch (state) {
    case 'ACTIVE':
      return nextRenewalAt ? words.renewsOn(dateOf(app, nextRenewalAt)) : words.runsUntil(dateOf(app, currentPeriodEnd))
    case 'PAST_DUE':
      return words.pastDue
    case 'PENDING':
      return words.pendingPlan
    case 'CANCELLED':
    case 'EXPIRED':
      return words.endedOn(dateOf(app, endedAt))
  }
}

/** A day in the shopper's language; nothing where there is none. */
export function dateOf(app: App, time: string | null): string {
  return time ? new Intl.DateTimeFormat(app.language, { dateStyle: 'long' }).format(new Date(time)) : ''
}
