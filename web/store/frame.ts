// What stands around every page: header with the shops, the user's menu, the floating cart button, what is told, and the footer.
import { html, nothing, type TemplateResult } from 'lit'
import type { App } from './app.ts'
import { DEMO_SHOPS } from './shops.ts'
import type { Language } from './words.ts'

/** A link within the store. */
export function link(app: App, path: string, content: unknown, className = ''): TemplateResult {
  const follow = (event: MouseEvent) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return
    event.preventDefault()
    app.go(path)
  }
  return html`<a class=${className} href=${path} @click=${follow}>${content}</a>`
}

/** The whole page around `content`. */
export function frame(app: App, content: TemplateResult): TemplateResult {
  const { words } = app
  return html`
    <a class="skip" href="#content">${words.skip}</a>
    ${header(app)}
    ${app.isOffline ? html`<p class="offline" role="status">${icon('cloud')} ${words.offline}</p>` : nothing}
    <main id="content" tabindex="-1">${content}</main>
    <footer class="footer">
      <p>${words.footer}</p>
      <p><a href="/docs">${words.reference}</a> <a href="/dev/mail">${words.mail}</a></p>
    </footer>
    ${cartButton(app)}
    <div class="told" role="status" aria-live="polite">
      ${app.told ? html`<p class=${app.told.isBad ? 'is-bad' : ''}>${app.told.text}</p>` : nothing}
    </div>
  `
}

function header(app: App): TemplateResult {
  const { words } = app
  return html`
    <header class="header">
      <div class="header-row">
        ${link(app, app.path(), html`<span class="leaf" aria-hidden="true"></span><span>Fern &amp; Kettle</span>`, 'brand')}
        <button class="quiet shop-button" popovertarget="shops" aria-label="${words.shops}: ${app.shop.id}">
          <span class="shop-id">${app.shop.id}</span>${icon('down')}
        </button>
        <span class="grow"></span>
        <label class="pick">
          <span class="unseen">${words.currency}</span>
          <select
            name="currency"
            ?disabled=${app.busy.has('currency')}
            @change=${(event: Event) => {
              const select = event.target as HTMLSelectElement
              const { value } = select
              select.value = app.currency
              void app.chooseCurrency(value)
            }}
          >
            ${['USD', 'EUR'].map((code) => html`<option value=${code} ?selected=${app.currency === code} .selected=${app.currency === code}>${code}</option>`)}
          </select>
        </label>
        <label class="pick">
          <span class="unseen">${words.language}</span>
          <select name="language" @change=${(event: Event) => app.chooseLanguage((event.target as HTMLSelectElement).value as Language)}>
            ${(['en', 'de'] as const).map((code) => html`<option value=${code} .selected=${app.language === code}>${code.toUpperCase()}</option>`)}
          </select>
        </label>
        <button class="quiet user-button" popovertarget="user" aria-label="${words.account}">
          ${icon('user')}<span class="user-name">${app.account?.id ?? words.guest}</span>
        </button>
      </div>
      <p class="shop-says">${app.shop.says[app.language]}</p>
    </header>
    ${shopSwitcher(app)} ${userMenu(app)}
  `
}

function hide(event: Event): void {
  ;(event.currentTarget as HTMLElement).closest<HTMLElement>('[popover]')?.hidePopover()
}

function shopSwitcher(app: App): TemplateResult {
  return html`
    <nav id="shops" popover class="panel shops" aria-label=${app.words.chooseShop}>
      <h2>${app.words.chooseShop}</h2>
      <ul>
        ${DEMO_SHOPS.map(
          (shop) => html`<li @click=${hide}>
            ${link(app, `/shop/${shop.id}`, html`<strong>${shop.id}</strong><span>${shop.says[app.language]}</span>`, shop.id === app.shop.id ? 'is-current' : '')}
          </li>`,
        )}
      </ul>
    </nav>
  `
}

function userMenu(app: App): TemplateResult {
  const { words } = app
  return html`
    <nav id="user" popover class="panel user" aria-label=${words.account}>
      ${
        app.account
          ? html`<p class="who">${words.signedInAs} <strong>${app.account.id}</strong></p>`
          : html`<button class="main" @click=${(event: Event) => {
              hide(event)
              app.dialog = { kind: 'sign-in', isAsked: false }
              app.draw()
            }}>${words.signIn}</button>`
      }
      <h2>${words.business}</h2>
      <ul>
        <li @click=${hide}>${link(app, app.path('/cart'), html`${icon('bag')} ${words.carts} ${count(app)}`)}</li>
        <li @click=${hide}>${link(app, app.path('/orders'), html`${icon('box')} ${words.orders}`)}</li>
        <li @click=${hide}>${link(app, app.path('/subscriptions'), html`${icon('again')} ${words.subscriptions}`)}</li>
      </ul>
      ${
        app.account
          ? html`<button class="quiet" @click=${(event: Event) => {
              hide(event)
              app.signOut()
            }}>${words.signOut}</button>`
          : nothing
      }
    </nav>
  `
}

function count(app: App): TemplateResult | typeof nothing {
  const items = app.view.cart?.itemCount ?? 0
  return items > 0 ? html`<span class="badge">${items}</span>` : nothing
}

function cartButton(app: App): TemplateResult | typeof nothing {
  if (app.route.page === 'cart' || app.route.page === 'checkout') return nothing
  const items = app.view.cart?.itemCount ?? 0
  return html`<div class="floating" ?data-filled=${items > 0}>
    ${link(app, app.path('/cart'), html`${icon('bag')}<span class="unseen">${app.words.openCart(items)}</span>${items > 0 ? html`<span class="badge" aria-hidden="true">${items}</span>` : nothing}`, 'cart-button')}
  </div>`
}

const ICONS = {
  bag: 'M6 8h12l1 12H5zM9 8a3 3 0 0 1 6 0',
  user: 'M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4.500 20a7.500 7.500 0 0 1 15 0',
  box: 'M4 8l8-4 8 4v8l-8 4-8-4zM4 8l8 4 8-4M12 12v8',
  again: 'M19 8a8 8 0 1 0 1 6M19 3v5h-5',
  down: 'M7 10l5 5 5-5',
  cloud: 'M4 4l16 16M8 18h9a4 4 0 0 0 2-7M16 8a6 6 0 0 0-8-1M6 10a4 4 0 0 0 1 8',
  check: 'M5 12.500l4.500 4.500L19 7.500',
} as const

/** A small drawing that says nothing by itself. */
export function icon(name: keyof typeof ICONS): TemplateResult {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${ICONS[name]} /></svg>`
}

/** A page that could not be loaded. */
export function failed(app: App, says: string, again: () => Promise<void>): TemplateResult {
  return html`<div class="empty" role="alert">
    <h1>${app.words.failed}</h1>
    <p>${says}</p>
    <button class="main" @click=${again}>${app.words.retry}</button>
  </div>`
}
