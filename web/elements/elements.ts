// The one script of the drop-ins: it names the elements, and gives the page's own scripts the cart that they show. Loaded twice (two scripts, two
// versions), the first one stays.
import type { CartStore } from '../../src/client/cart.ts'
import { AddToCart } from './add-to-cart.ts'
import { CartButton } from './cart-button.ts'
import { CartDrawer } from './cart-drawer.ts'
import { CartPage } from './cart-page.ts'
import { CheckoutForm } from './checkout-form.ts'
import { OrderStatus } from './order-status.ts'
import { shopOfPage } from './shop.ts'

declare global {
  interface HTMLElementTagNameMap {
    'add-to-cart': AddToCart
    'cart-button': CartButton
    'cart-drawer': CartDrawer
    'cart-page': CartPage
    'checkout-form': CheckoutForm
    'order-status': OrderStatus
  }
}

/** The cart of this page: `cart.login(token)` when somebody signs in, `cart.logout()`, and whatever else its page wants of it. */
export const cart: CartStore = shopOfPage().store

const ELEMENTS = {
  'cart-button': CartButton,
  'add-to-cart': AddToCart,
  'cart-drawer': CartDrawer,
  'cart-page': CartPage,
  'checkout-form': CheckoutForm,
  'order-status': OrderStatus,
}

for (const [name, element] of Object.entries(ELEMENTS)) if (!customElements.get(name)) customElements.define(name, element)
