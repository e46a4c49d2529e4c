// The one script of the drop-ins: it names the elements. Loaded twice (two scripts, two versions), the first one stays.
import { AddToCart } from './add-to-cart.ts'
import { CartButton } from './cart-button.ts'
import { CartDrawer } from './cart-drawer.ts'
import { CartPage } from './cart-page.ts'
import { CheckoutForm } from './checkout-form.ts'
import { OrderStatus } from './order-status.ts'

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

const ELEMENTS = {
  'cart-button': CartButton,
  'add-to-cart': AddToCart,
  'cart-drawer': CartDrawer,
  'cart-page': CartPage,
  'checkout-form': CheckoutForm,
  'order-status': OrderStatus,
}

for (const [name, element] of Object.entries(ELEMENTS)) if (!customElements.get(name)) customElements.define(name, element)
