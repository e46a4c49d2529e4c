// The demo store: draws the page of the address, again after every change.
import { html, render, type TemplateResult } from 'lit'
import { App } from './app.ts'
import { cartPage } from './cart-page.ts'
import { productPage, productsPage } from './catalogue-pages.ts'
import { checkoutPage } from './checkout-page.ts'
import { dialogOf } from './dialogs.ts'
import { frame, link } from './frame.ts'
import { orderPage, ordersPage, restorePage } from './order-pages.ts'
import { subscriptionsPage } from './subscriptions-page.ts'
import { titleOf } from './titles.ts'

const root = document.querySelector<HTMLElement>('#app')
if (!root) throw new Error('The page has no element #app.')

const app: App = new App(() => {
  document.documentElement.lang = app.language
  document.title = titleOf(app)
  render(html`${frame(app, page())}${dialogOf(app)}`, root)
  // Opened once it stands in the page; the browser closes it by Escape.
  const dialog = root.querySelector('dialog')
  if (dialog && !dialog.open) dialog.showModal()
})
app.arrived()
app.draw()

function page(): TemplateResult {
  const { route } = app
  switch (route.page) {
    case 'products':
      return productsPage(app)
    case 'product':
      return productPage(app, route.handle)
    case 'cart':
      return cartPage(app)
    case 'checkout':
      return checkoutPage(app, route.lines)
    case 'orders':
      return ordersPage(app)
    case 'subscriptions':
      return subscriptionsPage(app)
    case 'order':
      return orderPage(app, route.result)
    case 'restore':
      return restorePage(app, route.token)
    case 'unknown':
      return html`<div class="empty"><h1>${app.words.notFound}</h1>${link(app, app.path(), app.words.back, 'button main')}</div>`
  }
}
