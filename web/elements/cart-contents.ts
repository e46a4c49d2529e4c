// What a drawer and a page have in common: the rows of the cart with their quantities and notices, codes, totals, and the way on from there:
// to the checkout (the page's own, or in place), and back from paying.
import { html, nothing, type PropertyDeclarations, type PropertyValues, type TemplateResult } from 'lit'
import { live } from 'lit/directives/live.js'
import { repeat } from 'lit/directives/repeat.js'
import type { MergeReport } from '../../src/client/joining.ts'
import { CartwrightError } from '../../src/client/problem.ts'
import { isNewLine } from '../../src/client/queue.ts'
import type { PricedCart, PricedLine } from '../../src/core/pricing.ts'
import { CartElement } from './cart-element.ts'
import { away, bag, cross } from './icons.ts'
import { isNews, isRead, type KnownOrder, nameOf, orderOfAddress, pictureAt } from './shop.ts'
import { base, contents } from './styles.ts'
import { totalsTable } from './totals.ts'

/** What is shown: the cart, the checkout of some lines or all, or the order that was just made. */
type Stage =
  | { readonly name: 'cart' }
  | { readonly name: 'checkout'; readonly lines: readonly string[] }
  | { readonly name: 'order'; readonly order: KnownOrder }

/** A cart with everything that can be done with it. */
export abstract class CartContents extends CartElement {
  static override properties: PropertyDeclarations = {
    checkout: {},
    returnUrl: { attribute: 'return-url' },
    stage: { state: true },
    faults: { state: true },
    isClearing: { state: true },
  }
  static override styles = [base, contents]
  /** The address of the checkout's page; without one the page's `<checkout-form>`, or one in place of the cart. */
  declare checkout: string | null
  /** Where the shopper comes back to after paying, for a checkout in place; this page unless given. */
  declare returnUrl: string | null
  declare protected stage: Stage
  /** What was refused, by line id, and of the cart under the empty text. */
  declare private faults: ReadonlyMap<string, string>
  declare private isClearing: boolean

  constructor() {
    super()
    this.checkout = null
    this.returnUrl = null
    this.stage = { name: 'cart' }
    this.faults = new Map()
    this.isClearing = false
  }

  protected override updated(changed: PropertyValues): void {
    // The keyboard goes along with what is shown.
    if (changed.get('stage') !== undefined) this.renderRoot.querySelector<HTMLElement>('[data-start]')?.focus()
    if (changed.get('isClearing') !== undefined) this.renderRoot.querySelector<HTMLElement>(this.isClearing ? '#keep' : '#clear')?.focus()
  }

  /** Shows the order that this page was come back to, where nothing else on it does. */
  protected comeBack(): boolean {
    const order = orderOfAddress()
    if (order === null || document.querySelector('order-status, checkout-form')) return false
    this.stage = { name: 'order', order }
    return true
  }

  /** Goes on to the checkout, of some lines or of all. */
  protected goToCheckout(lines: readonly string[] = []): void {
    if (this.checkout !== null) {
      const address = new URL(this.checkout, document.baseURI)
      if (lines.length > 0) address.hash = `lines=${lines.join(',')}`
      location.assign(address)
      return
    }
    const form = document.querySelector('checkout-form')
    if (form) {
      form.begin(lines)
      this.leaveFor(form)
    } else this.stage = { name: 'checkout', lines }
  }

  /** Makes room for another element of the page. */
  protected leaveFor(form: HTMLElement): void {
    form.scrollIntoView({ block: 'start' })
  }

  protected backToCart(): void {
    this.stage = { name: 'cart' }
  }

  protected get checkoutStage(): TemplateResult {
    const lines = this.stage.name === 'checkout' ? this.stage.lines : []
    return html`
      <button class="link" data-start @click=${() => this.backToCart()}>${this.words.backToCart}</button>
      <checkout-form exportparts="form, summary, pay, totals, total, estimated" .lines=${lines} return-url=${this.returnUrl ?? nothing}></checkout-form>`
  }

  /** Does it, and tells at its line what was refused. */
  private async attempt(at: string, work: () => Promise<PricedCart>, done?: (cart: PricedCart) => string): Promise<boolean> {
    this.forgive(at)
    try {
      const cart = await work()
      this.say(done ? done(cart) : this.words.updated(this.money(cart.total)))
      return true
    } catch (error) {
      // The server may have named the line meanwhile.
      this.faults = new Map([...this.faults, [this.store.nameOf(at), this.reason(error)]])
      this.requestUpdate()
      return false
    }
  }

  private forgive(at: string): void {
    if (this.faults.has(at)) this.faults = new Map([...this.faults].filter(([key]) => key !== at))
  }

  private async setQuantity(line: PricedLine, wanted: number): Promise<void> {
    if (!Number.isSafeInteger(wanted) || wanted < 0 || wanted === line.quantity) return this.requestUpdate()
    await this.attempt(line.id, () =>
      this.store.setQuantity(line.id, wanted).catch((error: unknown) => {
        // Sold in multiples: the next one in the direction that was meant.
        const step = error instanceof CartwrightError && error.code === 'quantity_step' ? Number(error.problem.step) : 0
        const lower = wanted - (wanted % step)
        const next = wanted > line.quantity ? lower + step : lower
        // Less than one pack is none: only Delete deletes, or who types 0.
        if (!(step > 1) || next < 1) throw error
        return this.store.setQuantity(line.id, next)
      }),
    )
  }

  private async removeRow(line: PricedLine): Promise<void> {
    const next = this.renderRoot.querySelector<HTMLElement>('[data-start]')
    if (
      await this.attempt(
        line.id,
        () => this.store.remove(line.id),
        () => this.words.removed(line.name),
      )
    )
      next?.focus()
  }

  private async clear(): Promise<void> {
    this.isClearing = false
    await this.attempt(
      '',
      () => this.store.clear(),
      () => this.words.cleared,
    )
    await this.updateComplete
    this.renderRoot.querySelector<HTMLElement>('[data-start]')?.focus()
  }

  private async applyCode(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    const input = (event.target as HTMLFormElement).elements.namedItem('code') as HTMLInputElement
    const code = input.value.trim()
    if (code === '') return input.focus()
    if (
      await this.attempt(
        'code',
        () => this.store.applyCode(code),
        () => this.words.codeApplied(code),
      )
    )
      input.value = ''
    else input.focus()
  }

  protected get emptyCart(): TemplateResult {
    const { words, view } = this
    if (view.cart === null && view.status === 'loading') return this.bones
    if (view.cart === null && view.status === 'offline') {
      return html`<div class="blank">${away}<p>${words.offline}</p>
        <button class="button" @click=${() => void this.store.ready().catch(() => undefined)}>${words.retry}</button></div>`
    }
    return html`${this.messages(view.cart)}<div class="blank">${bag}<h3>${words.empty}</h3><p class="muted">${words.emptyHint}</p><slot name="empty"></slot></div>`
  }

  private get bones(): TemplateResult {
    const row = html`<div class="row"><span class="picture bone"></span><span class="bone">&nbsp;</span><span class="bone">&nbsp;</span></div>`
    return html`<div class="rows" aria-hidden="true">${row}${row}</div><p class="unseen">${this.words.loading}</p>`
  }

  /** What concerns the whole cart: offline, what became of a guest's cart, refusals, notices of no line. */
  protected messages(cart: PricedCart | null): TemplateResult {
    const { words, view } = this
    const fault = this.faults.get('')
    return html`<div class="notes" part="notes">
      ${view.status === 'offline' ? html`<p class="note warning" role="status">${view.pending > 0 ? words.kept : words.offline}</p>` : nothing}
      ${isNews(view.report) ? this.merged(view.report) : nothing}
      ${fault ? this.refusal(fault, () => this.forgive('')) : nothing}
      ${this.refusals()}
      ${cart ? this.noticesAt(cart, (path) => !lineAt(cart, path)) : nothing}
    </div>`
  }

  /** What was refused, and can be put away. */
  private refusal(text: string, dismiss: () => void): TemplateResult {
    return html`<div class="note alert" role="alert"><span>${text} ${this.loginLink(text)}</span><button class="button small" @click=${dismiss}>${this.words.understood}</button></div>`
  }

  /** Refused changes that nobody here waited for, as those that a page before this one left; the same words once. */
  private refusals(): readonly TemplateResult[] {
    const byText = new Map<string, string[]>()
    for (const { id, error } of this.view.refused) {
      const text = error.code === 'unreachable' ? this.words.offline : error.problem.title
      byText.set(text, [...(byText.get(text) ?? []), id])
    }
    return [...byText].map(([text, ids]) => this.refusal(text, () => ids.forEach(this.store.dismiss)))
  }

  /** What became of each line that a guest's cart brought. */
  private merged(report: MergeReport): TemplateResult {
    const { words } = this
    const rows = report.lines.map(({ lineId, outcome, asked, got }) => {
      const name = nameOf(lineId)
      return name === undefined ? nothing : html`<li>${name}: ${words.outcomes[outcome](got, asked)}</li>`
    })
    const dismiss = () => {
      isRead(report)
      this.requestUpdate()
    }
    return html`<div class="note" part="report" role="status"><div><strong>${words.merged}</strong><ul>${rows}</ul></div>
      <button class="button small" @click=${dismiss}>${words.understood}</button></div>`
  }

  private noticesAt(cart: PricedCart, isHere: (path: string) => boolean): unknown {
    const here = cart.notices.filter((notice) => isHere(notice.path))
    return repeat(
      here,
      ({ id }) => id,
      (notice) => html`<div class="note ${notice.severity}">
        <span>${'message' in notice ? notice.message : notice.code}</span>
        <button class="button small" @click=${() => this.attempt('', () => this.store.acknowledge([notice.id]))}>${this.words.understood}</button>
      </div>`,
    )
  }

  /** The rows; `buys`: each can be bought by itself. */
  protected rows(cart: PricedCart, buys: boolean): TemplateResult {
    // A line that the server has named is the same row still, with the focus in it: the nth of its sku.
    const seen = new Map<string, number>()
    const nth = ({ sku, name }: PricedLine) => {
      const what = sku ?? name
      const count = (seen.get(what) ?? 0) + 1
      seen.set(what, count)
      return `${what} ${count}`
    }
    return html`<ul class="rows">${repeat(cart.lines, nth, (line) => this.row(cart, line, buys))}</ul>`
  }

  private row(cart: PricedCart, line: PricedLine, buys: boolean): TemplateResult {
    const { words } = this
    const fault = this.faults.get(line.id)
    const details = [line.variantName, ...Object.values(line.options).map(String), ...(line.plan ? [line.plan] : [])].filter(Boolean)
    return html`<li class="row" part="row">
      ${line.image ? html`<img class="picture" part="image" src=${pictureAt(line.image)} alt="" width="80" height="80" />` : html`<span class="picture"></span>`}
      <header>
        <div>
          <p class="name" part="name">${line.name}</p>
          <p class="muted small">${details.join(' · ')}</p>
        </div>
        <p class="price number"><span part="price">${this.money(line.itemTotal)}</span>
          ${line.listPrice && line.listPrice.amount > line.unitPrice.amount ? html`<s class="was small">${this.money({ ...line.listPrice, amount: line.listPrice.amount * line.quantity })}</s>` : nothing}</p>
      </header>
      <p class="muted small">${line.giftOf === null ? html`<span class="number">${this.money(line.unitPrice)}</span> ${words.each}` : words.gift}
        ${line.state === 'UNAVAILABLE' ? html` · <strong>${words.unavailable}</strong>` : nothing}</p>
      ${line.giftOf === null ? this.tools(line, buys) : nothing}
      <div class="notes">
        ${this.noticesAt(cart, (path) => lineAt(cart, path) === line)}
        ${fault ? this.refusal(fault, () => this.forgive(line.id)) : nothing}
      </div>
    </li>`
  }

  private tools(line: PricedLine, buys: boolean): TemplateResult {
    const { words } = this
    // A field that was emptied says nothing.
    const typed = (event: Event) => this.setQuantity(line, Number((event.target as HTMLInputElement).value || line.quantity))
    const id = this.store.nameOf(line.id)
    const isNew = isNewLine(id)
    return html`<div class="tools">
      <div class="stepper row-size" part="stepper">
        <button type="button" aria-label=${words.fewer(line.name)} ?disabled=${line.quantity <= 1} @click=${() => this.setQuantity(line, line.quantity - 1)}>−</button>
        <input type="number" inputmode="numeric" min="0" max="99999" aria-label=${words.quantityOf(line.name)} .value=${live(String(line.quantity))} @change=${typed} />
        <button type="button" aria-label=${words.more(line.name)} @click=${() => this.setQuantity(line, line.quantity + 1)}>+</button>
      </div>
      <div class="end">
        <button class="link danger" aria-label=${words.removeLine(line.name)} @click=${() => this.removeRow(line)}>${words.remove}</button>
        ${buys && line.state === 'AVAILABLE' ? html`<button class="button small" part="buy" aria-label=${words.buyOnly(line.name)} aria-disabled=${isNew ? 'true' : 'false'} @click=${() => isNew || this.goToCheckout([id])}>${words.buy}</button>` : nothing}
      </div>
    </div>`
  }

  protected codeForm(cart: PricedCart): TemplateResult {
    const { words } = this
    const fault = this.faults.get('code')
    return html`<div class="code" part="code">
      <label class="label" for="code">${words.code}</label>
      <form @submit=${this.applyCode} novalidate>
        <input class="input" name="code" maxlength="100" autocomplete="off" autocapitalize="characters" spellcheck="false" id="code" aria-invalid=${fault ? 'true' : 'false'} aria-describedby="code-fault" />
        <button class="button">${words.applyCode}</button>
      </form>
      <p class="fault" id="code-fault" role="alert">${fault ?? nothing}</p>
      <ul class="codes">${cart.codes.map(
        ({ code, applied }) => html`<li class="chip">${code}${applied ? nothing : html` <span class="muted">${words.codeWaits}</span>`}
          <button class="icon" aria-label=${words.removeCode(code)} @click=${() => this.attempt('code', () => this.store.removeCode(code))}>${cross}</button></li>`,
      )}</ul>
    </div>`
  }

  /** The button that empties the cart, and the question before it does. */
  protected clearing(): TemplateResult {
    const { words } = this
    if (!this.isClearing)
      return html`<button class="link danger" id="clear" @click=${() => (this.isClearing = true)}>${words.clear}</button>`
    const leave = (event: KeyboardEvent) => {
      if (event.key === 'Escape') this.isClearing = false
    }
    return html`<div class="note warning" role="alertdialog" aria-labelledby="question" @keydown=${leave}>
      <strong id="question">${words.clearQuestion}</strong>
      <span class="tools"><button class="button small" id="keep" @click=${() => (this.isClearing = false)}>${words.keep}</button>
      <button class="button small primary" @click=${() => this.clear()}>${words.clearYes}</button></span>
    </div>`
  }

  protected totals(cart: PricedCart): TemplateResult {
    return totalsTable(cart, this.words, (money) => this.money(money), this.view.isEstimated)
  }
}

/** The line that a path like `/lines/3/quantity` or `/lines/ln_…` is about. */
function lineAt(cart: PricedCart, path: string): PricedLine | undefined {
  const [, key] = /^\/lines\/([^/]+)/.exec(path) ?? []
  if (key === undefined) return undefined
  return cart.lines.find(({ id }) => id === key) ?? (/^\d+$/.test(key) ? cart.lines[Number(key)] : undefined)
}
