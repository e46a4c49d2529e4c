// `<cart-button>`: how many pieces are in the cart, and the way to it: opens the page's drawer, or goes to `href`.
import { css, html, nothing, type PropertyDeclarations, type TemplateResult } from 'lit'
import { CartElement } from './cart-element.ts'
import { bag } from './icons.ts'
import { base } from './styles.ts'

/**
 * The button with the badge.
 * @slot - another picture than the bag
 */
export class CartButton extends CartElement {
  static override properties: PropertyDeclarations = { href: {} }
  static override styles = [
    base,
    css`
      :host { display: inline-block; block-size: 2.75rem; min-inline-size: 2.75rem; vertical-align: middle; }
      .open { position: relative; display: grid; place-items: center; inline-size: 2.75rem; block-size: 2.75rem; padding: 0; border: 0; border-radius: 50%; background: none; color: inherit; cursor: pointer; }
      .open:hover { background: var(--raised); }
      .badge { position: absolute; inset-block-start: 0; inset-inline-end: 0; min-inline-size: 1.25rem; block-size: 1.25rem; padding-inline: 0.3125rem; border-radius: 0.625rem;
        background: var(--accent); color: var(--on-accent); font-size: 0.75rem; font-weight: 700; line-height: 1.25rem; text-align: center; font-variant-numeric: tabular-nums; }
    `,
  ]
  /** Where the cart is shown, on pages without a drawer. */
  declare href: string | null

  constructor() {
    super()
    this.href = null
  }

  protected override render(): TemplateResult {
    const count = this.view.cart?.itemCount ?? 0
    const shown = count === 0 ? nothing : html`<span class="badge" part="badge" aria-hidden="true">${count}</span>`
    const label = this.words.openCart(count)
    const isLink = this.href !== null && !document.querySelector('cart-drawer')
    return isLink
      ? html`<a class="open" part="button" href=${this.href ?? ''} aria-label=${label}><slot>${bag}</slot>${shown}</a>${this.status}`
      : html`<button class="open" part="button" aria-label=${label} aria-haspopup="dialog" @click=${this.open}><slot>${bag}</slot>${shown}</button>${this.status}`
  }

  /** The drawer speaks for itself while it is open: the rest of the page is not heard then. */
  protected override get speaks(): boolean {
    return document.querySelector('cart-button') === this && document.querySelector('cart-drawer')?.isOpen !== true
  }

  private open(): void {
    document.querySelector('cart-drawer')?.show()
  }
}
