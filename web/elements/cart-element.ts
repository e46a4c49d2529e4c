// What every element is: it shows the page's cart, speaks its page's language, says changes aloud, and tells what went wrong.
import { html, LitElement, nothing, type PropertyDeclarations, type TemplateResult } from 'lit'
import type { CartStore, CartView } from '../../src/client/cart.ts'
import { CartwrightError } from '../../src/client/problem.ts'
import type { Money } from '../../src/core/money.ts'
import { moneyText } from './amounts.ts'
import { type ElementEvents, tell } from './events.ts'
import { shopOfPage, watchPage } from './shop.ts'
import { base } from './styles.ts'
import { type Words, wordsFor } from './words.ts'

/** Changes of other tabs and devices are told when they have come to an end, in milliseconds. */
const QUIET = 1500

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
  private quiet: ReturnType<typeof setTimeout> | undefined

  constructor() {
    super()
    this.view = this.store.get()
    this.said = ''
  }

  override connectedCallback(): void {
    super.connectedCallback()
    watchPage()
    this.leave = this.store.subscribe((view) => {
      const before = this.view
      this.view = view
      if (this.speaks && isFromElsewhere(before, view)) this.tellOfElsewhere()
    })
    this.view = this.store.get()
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.leave?.()
    clearTimeout(this.quiet)
  }

  /** Whether this one says aloud what happens to the cart elsewhere; one of a page does. */
  protected get speaks(): boolean {
    return false
  }

  /** Once for many changes in a row. */
  private tellOfElsewhere(): void {
    clearTimeout(this.quiet)
    this.quiet = setTimeout(() => this.say(this.words.changedElsewhere(this.view.cart?.itemCount ?? 0)), QUIET)
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

  /** What went wrong, in words for a shopper, which whoever asks for them shows: nobody else has to. */
  protected reason(error: unknown): string {
    for (const { id, error: refused } of this.view.refused) if (refused === error) this.store.dismiss(id)
    if (!(error instanceof CartwrightError)) return this.words.failed
    if (error.code === 'login_required') return this.tell('cartwright:login', { error }) ? this.words.signInFirst : ''
    return error.code === 'unreachable' ? this.words.offline : error.problem.title
  }

  /** The way to sign in, beside the words that ask for it, where the page has named one. */
  protected loginLink(text: string): unknown {
    const { loginUrl } = shopOfPage()
    return text === this.words.signInFirst && loginUrl !== null ? html`<a class="login" href=${loginUrl}>${this.words.signIn}</a>` : nothing
  }

  /** Tells the page; false where it prevented what would come next. */
  protected tell<Name extends keyof ElementEvents>(name: Name, detail: ElementEvents[Name]): boolean {
    return tell(this, name, detail)
  }
}

/** Nothing was on its way from here, and still there is something new. */
function isFromElsewhere(before: CartView, { cart, pending }: CartView): boolean {
  return (
    pending === 0 &&
    before.pending === 0 &&
    cart !== null &&
    before.cart?.id === cart.id &&
    cart.version > before.cart.version &&
    document.visibilityState === 'visible'
  )
}
