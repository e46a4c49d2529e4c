// `<cart-drawer>`: the cart beside the page, as a dialog. The browser's own modal dialog traps the focus, closes with Escape, and gives the focus
// back to what opened it.
import { css, html, type PropertyDeclarations, type PropertyValues, type TemplateResult } from 'lit'
import { CartContents } from './cart-contents.ts'
import { cross } from './icons.ts'
import { base, contents } from './styles.ts'

/**
 * The drawer. With `open-on-add` it opens by itself after something was added.
 * @slot empty - what is offered while there is nothing in it
 */
export class CartDrawer extends CartContents {
  static override properties: PropertyDeclarations = { opensOnAdd: { type: Boolean, attribute: 'open-on-add' } }
  static override styles = [
    base,
    contents,
    css`
      :host { display: contents; }
      dialog { inset: 0 0 0 auto; inset-inline: auto 0; margin: 0; padding: 0; border: 0; inline-size: min(28rem, 100vw); block-size: 100dvh; max-inline-size: none; max-block-size: none;
        background: var(--surface); color: var(--text); box-shadow: 0 0 3rem rgb(0 0 0 / 0.18); overflow: hidden; }
      dialog[open] { display: grid; grid-template-rows: auto minmax(0, 1fr) auto; animation: arrive 220ms cubic-bezier(0.2, 0.8, 0.2, 1); }
      dialog::backdrop { background: rgb(10 14 12 / 0.42); animation: appear 220ms; }
      @keyframes arrive { from { translate: 2rem 0; opacity: 0; } }
      :host(:dir(rtl)) dialog[open] { animation-name: arrive-rtl; }
      @keyframes arrive-rtl { from { translate: -2rem 0; opacity: 0; } }
      .head { display: flex; align-items: center; justify-content: space-between; padding: 1rem 1rem 1rem 1.5rem; padding-inline: 1.5rem 1rem; border-block-end: 1px solid var(--line); }
      .head h2 { font-size: 1.25em; }
      .body { overflow-y: auto; overscroll-behavior: contain; padding-inline: 1.5rem; padding-block-end: 1.5rem; }
      .foot { display: grid; gap: 1rem; padding: 1.25rem 1.5rem; border-block-start: 1px solid var(--line); background: var(--surface); }
      .row:last-child { border: 0; }
      @media (max-width: 26rem) { .body, .foot { padding-inline: 1rem; } .head { padding-inline: 1rem 0.5rem; } .row { grid-template-columns: 4rem minmax(0, 1fr); } .picture { inline-size: 4rem; block-size: 4rem; } }
      @media (max-height: 34rem) { dialog[open] { overflow-y: auto; grid-template-rows: auto auto auto; } .body { overflow: visible; } }
    `,
  ]
  /** It opens by itself when something is added. */
  declare opensOnAdd: boolean

  constructor() {
    super()
    this.opensOnAdd = false
  }

  protected override firstUpdated(changed: PropertyValues): void {
    super.firstUpdated(changed)
    if (!document.querySelector('cart-page') && this.comeBack()) this.dialog?.showModal()
  }

  /** Opens it. */
  show(): void {
    if (this.dialog?.open) return
    this.stage = { name: 'cart' }
    this.dialog?.showModal()
  }

  /** Closes it. */
  close(): void {
    this.dialog?.close()
  }

  /** Whether it is open. */
  get isOpen(): boolean {
    return this.dialog?.open === true
  }

  protected override get speaks(): boolean {
    return this.isOpen
  }

  private get dialog(): HTMLDialogElement | null {
    return this.renderRoot.querySelector('dialog')
  }

  protected override leaveFor(form: HTMLElement): void {
    this.close()
    super.leaveFor(form)
  }

  protected override render(): TemplateResult {
    const { words } = this
    const title = this.stage.name === 'checkout' ? words.checkout : words.cart
    // A click beside the dialog is a click on its backdrop, which counts as the dialog itself.
    const beside = (event: MouseEvent) => event.target === this.dialog && this.close()
    return html`<dialog part="drawer" aria-labelledby="title" @click=${beside}>
      <header class="head"><h2 id="title" tabindex="-1">${title}</h2><button class="icon" aria-label=${words.close} @click=${() => this.close()}>${cross}</button></header>
      ${this.inside()}
      ${this.status}
    </dialog>`
  }

  private inside(): TemplateResult {
    const { words, stage } = this
    const { cart } = this.view
    if (stage.name === 'checkout') return html`<div class="body">${this.checkoutStage}</div>`
    if (stage.name === 'order')
      return html`<div class="body" data-start tabindex="-1"><order-status exportparts="order, pay, totals, total" order=${stage.order.id} token=${stage.order.token}></order-status></div>`
    if (!cart || cart.lines.length === 0) return html`<div class="body" data-start tabindex="-1">${this.emptyCart}</div>`
    return html`<div class="body" data-start tabindex="-1">${this.messages(cart)}${this.rows(cart, false)}</div>
      <footer class="foot">
        ${this.totals(cart)}
        <button class="button primary wide" part="checkout" @click=${() => this.goToCheckout()}>${words.checkout}</button>
      </footer>`
  }
}
