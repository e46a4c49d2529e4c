// What every element is: it shows the page's cart, speaks its page's language, says changes aloud, and tells what went wrong.
import { html, LitElement, type PropertyDeclarations, type TemplateResult } from 'lit'
import type { CartStore, CartView } from '../../src/client/cart.ts'
import { CartwrightError } from '../../src/client/problem.ts'
import type { Money } from '../../src/core/money.ts'
import { moneyText } from './amounts.ts'
import { shopOfPage } from './shop.ts'
import { base } from './styles.ts'
import { type Words, wordsFor } from './words.ts'

/** What the drop-ins have in common. */
export abstract class CartElement extends LitElement {
  static override properties: PropertyDeclarations = { view: { state: true }, said: { state: true } }
  static override styles = [base]
  /** The cart as it is known now. */
  declare protected view: CartView
  /** What a screen reader was told last. */
  declare private said: string
  protected readonly store: CartStore = shopOfPage().store
  private leave: (() => void) | null = null

  constructor() {
    super()
    this.view = this.store.get()
    this.said = ''
  }

  override connectedCallback(): void {
    super.connectedCallback()
    this.leave = this.store.subscribe((view) => {
      this.view = view
    })
    this.view = this.store.get()
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.leave?.()
  }

  /** The nearest `lang` of the page, also from within another element. */
  protected get language(): string {
    for (let at: Element | null = this; at; ) {
      const found: Element | null = at.closest('[lang]')
      if (found) return found.getAttribute('lang') || 'en'
      const root: Node = at.getRootNode()
      at = root instanceof ShadowRoot ? root.host : null
    }
    return navigator.language
  }

  protected get words(): Words {
    return wordsFor(this.language)
  }

  protected money(money: Money): string {
    return moneyText(money, this.language)
  }

  /** Says it to a screen reader. */
  protected say(text: string): void {
    this.said = text
  }

  protected get status(): TemplateResult {
    return html`<p class="unseen" role="status">${this.said}</p>`
  }

  /** What went wrong, in words for a shopper. */
  protected reason(error: unknown): string {
    if (!(error instanceof CartwrightError)) return this.words.failed
    return error.code === 'unreachable' ? this.words.offline : error.problem.title
  }

  /** Tells the page. */
  protected tell(name: 'added' | 'order', detail: unknown): void {
    this.dispatchEvent(new CustomEvent(`cartwright-${name}`, { bubbles: true, composed: true, detail }))
  }
}
