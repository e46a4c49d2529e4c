// `<cart-page>`: the whole cart: rows that can be bought one by one or deleted, codes, totals, Clear after a question, and Place order.
import { css, html, type PropertyValues, type TemplateResult } from 'lit'
import { CartContents } from './cart-contents.ts'
import { addressOfPage } from './shop.ts'
import { base, contents } from './styles.ts'

/**
 * The page of the cart.
 * @slot empty - what is offered while there is nothing in it
 */
export class CartPage extends CartContents {
  static override styles = [
    base,
    contents,
    css`
      :host { display: block; container-type: inline-size; min-block-size: 24rem; }
      .head { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: 0.5rem 1rem; min-block-size: 3rem; margin-block-end: 0.5rem; }
      .layout { display: grid; gap: 2rem; }
      .aside { display: grid; gap: 1.25rem; align-content: start; padding: 1.5rem; border-radius: calc(var(--radius) * 1.4); background: var(--raised); }
      .aside .input { background: var(--surface); }
      .aside .chip { background: var(--surface); }
      .aside .totals .sum { border-color: var(--edge); }
      @container (min-width: 46rem) {
        .layout { grid-template-columns: minmax(0, 1fr) 21rem; gap: 3rem; align-items: start; }
        .aside { position: sticky; inset-block-start: 1.5rem; }
        .row { grid-template-columns: 6.5rem minmax(0, 1fr); column-gap: 1.25rem; }
        .picture { inline-size: 6.5rem; block-size: 6.5rem; }
      }
      @container (max-width: 24rem) { .row { grid-template-columns: 4rem minmax(0, 1fr); } .picture { inline-size: 4rem; block-size: 4rem; } .row > .tools { grid-column: 1 / -1; } .picture { grid-row: span 2; } .aside { padding: 1.25rem 1rem; } }
    `,
  ]

  protected override firstUpdated(changed: PropertyValues): void {
    super.firstUpdated(changed)
    this.comeBack()
  }

  protected override render(): TemplateResult {
    const { words, stage } = this
    const { cart } = this.view
    if (stage.name === 'checkout') return html`${this.checkoutStage}${this.status}`
    if (stage.name === 'order')
      return html`<button class="link" @click=${this.leaveOrder}>${words.backToCart}</button>
        <order-status exportparts="order, pay, totals, total" order=${stage.order.id} token=${stage.order.token} data-start tabindex="-1"></order-status>`
    if (!cart || cart.lines.length === 0)
      return html`<div class="head"><h2 data-start tabindex="-1">${words.cart}</h2></div>${this.emptyCart}${this.status}`
    return html`<div class="head"><h2 data-start tabindex="-1">${words.cart}</h2>${this.clearing()}</div>
      <div class="layout">
        <div>${this.messages(cart)}${this.rows(cart, true)}</div>
        <div class="aside" part="summary">
          ${this.codeForm(cart)}${this.totals(cart)}
          <button class="button primary wide" part="place-order" @click=${() => this.goToCheckout()}>${words.placeOrder}</button>
        </div>
      </div>${this.status}`
  }

  protected override get speaks(): boolean {
    return document.querySelector('cart-button') === null
  }

  /** A reload is to show the cart, too. */
  private leaveOrder = (): void => {
    history.replaceState(history.state, '', addressOfPage())
    this.backToCart()
  }
}
