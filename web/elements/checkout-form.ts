// `<checkout-form>`: e-mail, addresses, shipping method, total, pay. Everything goes into the cart as soon as it is complete, so the total that is
// shown is the server's, and it is what the order expects: a price that moved is shown before anything is bought.
import { css, html, nothing, type PropertyDeclarations, type PropertyValues, type TemplateResult } from 'lit'
import { live } from 'lit/directives/live.js'
import { repeat } from 'lit/directives/repeat.js'
import { isPassing, type OutputOf } from '../../src/client/client.ts'
import { isRefused, type OrderWish } from '../../src/client/ordering.ts'
import { CartwrightError } from '../../src/client/problem.ts'
import type { PricedCart, PricedLine } from '../../src/core/pricing.ts'
import { addressFields, addressOf, missingOf, type TypedAddress, typedOf } from './address-fields.ts'
import { CartElement } from './cart-element.ts'
import { away, bag } from './icons.ts'
import { type KnownOrder, orderOfAddress, ownerOf, pictureAt, rememberOrder, returnTo, shopOfPage } from './shop.ts'
import { base, contents } from './styles.ts'
import { totalsTable } from './totals.ts'
import type { AddressField } from './words.ts'

type Methods = OutputOf<'GET /v1/shops/{shop}/carts/{cart}/shipping-methods'>['items']
type PaymentMethods = OutputOf<'GET /v1/shops/{shop}/carts/{cart}/payment-methods'>['items']
type Kind = 'shipping' | 'billing'
type Work = 'address' | 'methods' | 'method' | 'order'

/** The form that orders the cart, or some of its lines. */
export class CheckoutForm extends CartElement {
  static override properties: PropertyDeclarations = {
    lines: { attribute: false },
    returnUrl: { attribute: 'return-url' },
    email: { state: true },
    shipping: { state: true },
    billing: { state: true },
    isSame: { state: true },
    methods: { state: true },
    needsMethod: { state: true },
    picked: { state: true },
    payments: { state: true },
    payment: { state: true },
    faults: { state: true },
    fault: { state: true },
    isBusy: { state: true },
    placed: { state: true },
    unanswered: { state: true },
  }
  static override styles = [
    base,
    contents,
    css`
      :host { display: block; container-type: inline-size; min-block-size: 30rem; scroll-margin-block-start: 1rem; }
      form { display: grid; gap: 2rem; }
      .steps { display: grid; gap: 2rem; align-content: start; }
      section, fieldset { display: grid; gap: 1rem; }
      .address { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 1rem; }
      .address .field:not(.short) { grid-column: 1 / -1; }
      .fault:empty { display: none; }
      .check { display: flex; gap: 0.625rem; align-items: center; min-block-size: 2rem; }
      input:is([type='checkbox'], [type='radio']) { inline-size: 1.25rem; block-size: 1.25rem; accent-color: var(--accent); flex: none; }
      .method { display: flex; gap: 0.75rem; align-items: center; min-block-size: 3.25rem; padding: 0.625rem 1rem; border: 1px solid var(--edge); border-radius: var(--radius); cursor: pointer; }
      .method + .method { margin-block-start: 0.5rem; }
      .method:has(:checked) { border-color: var(--accent); box-shadow: inset 0 0 0 1px var(--accent); }
      .method .number { margin-inline-start: auto; font-weight: 600; }
      .methods { display: block; min-block-size: 3.25rem; }
      .methods legend { margin-block-end: 1rem; }
      .aside { display: grid; gap: 1.25rem; align-content: start; padding: 1.5rem; border-radius: calc(var(--radius) * 1.4); background: var(--raised); }
      .aside .totals .sum { border-color: var(--edge); }
      .brief { display: grid; gap: 0.75rem; }
      .brief li { display: grid; grid-template-columns: 3rem minmax(0, 1fr) auto; gap: 0.75rem; align-items: center; }
      .brief .picture { inline-size: 3rem; block-size: 3rem; background: var(--surface); }
      @container (min-width: 46rem) { form { grid-template-columns: minmax(0, 1fr) 21rem; gap: 3rem; align-items: start; } .aside { position: sticky; inset-block-start: 1.5rem; } }
      @container (max-width: 24rem) { .aside { padding: 1.25rem 1rem; } }
    `,
  ]
  /** The lines that are ordered; all where empty. */
  declare lines: readonly string[]
  /** Where the shopper comes back to after paying; this page unless given. */
  declare returnUrl: string | null
  declare private email: string
  declare private shipping: TypedAddress
  declare private billing: TypedAddress
  declare private isSame: boolean
  declare private methods: Methods | null
  declare private needsMethod: boolean
  /** The method that was clicked, until the cart says the same. */
  declare private picked: string | null
  declare private payments: PaymentMethods
  /** The id of the way to pay that was chosen; the shop's first where none was. */
  declare private payment: string | null
  /** By the field's id. */
  declare private faults: ReadonlyMap<string, string>
  declare private fault: string
  declare private isBusy: boolean
  declare private placed: KnownOrder | null
  /** What was ordered and not answered: the order may exist, and the cart be empty for it. */
  declare private unanswered: OrderWish | null
  /** What was typed wins over what the cart has, for as long as it is this one's. */
  private owner: string | null = null
  /** Who set the alert that is shown: what goes well elsewhere does not take it away. */
  private alertOf: Work = 'order'
  /** For which destination and goods the methods were asked, and for which total the ways to pay. */
  private askedFor = ''
  private paymentsFor = ''

  constructor() {
    super()
    this.lines = []
    this.returnUrl = null
    this.needsMethod = true
    this.isBusy = false
    this.placed = null
    this.fill(null, null)
  }

  override connectedCallback(): void {
    super.connectedCallback()
    const named = new URLSearchParams(location.hash.slice(1)).get('lines')
    if (named && this.lines.length === 0) this.lines = named.split(',')
    if (!document.querySelector('order-status')) this.placed = orderOfAddress()
  }

  /** Begins anew, for these lines or for all. */
  begin(lines: readonly string[] = []): void {
    this.lines = lines
    this.placed = null
    this.unanswered = null
    this.fault = ''
    void this.updateComplete.then(() => this.renderRoot.querySelector<HTMLElement>('#email')?.focus())
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (!changed.has('view')) return
    const { cart, status } = this.view
    const owner = ownerOf(this.view)
    // Whose order has no answer may have no cart any more.
    const isSame = owner === this.owner || (owner === null && status === 'ready' && (this.unanswered !== null || this.isBusy))
    if (!isSame) this.fill(owner, cart)
    if (!cart) return
    // Both are the server's answers to a cart that it knows.
    if (this.view.pending > 0 || this.view.isEstimated) return
    void this.askMethods(cart)
    void this.askPayments(cart)
  }

  /** Nothing that one shopper typed is another's. */
  private fill(owner: string | null, cart: PricedCart | null): void {
    this.owner = owner
    this.email = cart?.email ?? ''
    this.shipping = typedOf(cart?.shippingAddress ?? null)
    this.billing = typedOf(cart?.billingAddress ?? null)
    this.isSame = cart?.billingSameAsShipping ?? true
    this.methods = null
    this.picked = null
    this.payments = []
    this.payment = null
    this.faults = new Map()
    this.fault = ''
    this.unanswered = null
    this.askedFor = ''
    this.paymentsFor = ''
  }

  protected override render(): TemplateResult {
    const { words, placed } = this
    const { cart } = this.view
    if (placed) return html`<order-status order=${placed.id} token=${placed.token}></order-status>`
    if (!cart && this.view.status === 'loading') return html`<p class="blank muted">${words.loading}</p>`
    if (this.unanswered && this.isGone)
      return html`<div class="blank">${away}<p role="alert">${this.fault}</p>
        <button class="button primary" part="pay" aria-disabled=${this.isBusy ? 'true' : 'false'} @click=${this.submit}>${this.isBusy ? words.paying : words.retry}</button></div>`
    if (!cart || cart.lines.length === 0)
      return html`<div class="blank">${bag}<h3>${this.view.status === 'offline' ? words.offline : words.empty}</h3><p class="muted">${this.fault || words.emptyHint}</p></div>`
    return html`<form novalidate @submit=${this.submit} part="form">
      <div class="steps">
        <section aria-labelledby="contact"><h3 id="contact">${words.contact}</h3>${this.emailField()}</section>
        ${cart.requiresShipping ? html`<section aria-labelledby="where"><h3 id="where">${words.address}</h3>${this.address('shipping')}</section>` : nothing}
        ${this.billingSection(cart)}
        ${cart.requiresShipping ? this.methodChoice(cart) : nothing}
        ${this.payments.length > 1 ? this.paymentChoice() : nothing}
      </div>
      <div class="aside" part="summary">
        <h3>${words.summary}</h3>
        ${this.brief(cart)}
        ${this.fault ? html`<p class="note alert" role="alert" tabindex="-1" id="alert"><span>${this.fault} ${this.loginLink(this.fault)}</span></p>` : nothing}
        <button class="button primary wide" part="pay" aria-disabled=${this.isBusy ? 'true' : 'false'}>${this.action(cart)}</button>
      </div>
      ${this.status}
    </form>`
  }

  private action(cart: PricedCart): string {
    const { words } = this
    if (this.isBusy) return words.paying
    if (this.lines.length > 0) return words.orderAndPay
    if (cart.total.amount === 0) return words.orderFree
    return cart.requiresShipping && this.needsMethod && cart.shippingMethod === null ? words.orderAndPay : words.pay(this.money(cart.total))
  }

  private emailField(): TemplateResult {
    const fault = this.faults.get('email')
    return html`<div class="field"><label for="email">${this.words.email}</label>
      <input class="input" id="email" type="email" autocomplete="email" maxlength="254" aria-required="true" aria-invalid=${fault ? 'true' : 'false'} aria-describedby="email-fault"
        .value=${live(this.email)} @input=${(event: Event) => {
          this.email = (event.target as HTMLInputElement).value
          this.forgive('email')
        }} />
      <p class="fault" id="email-fault">${fault ?? nothing}</p></div>`
  }

  private forgive(field: string): void {
    if (this.faults.has(field)) this.faults = new Map([...this.faults].filter(([id]) => id !== field))
  }

  private address(kind: Kind): TemplateResult {
    const change = (field: AddressField, text: string) => {
      if (kind === 'shipping') this.shipping = { ...this.shipping, [field]: text }
      else this.billing = { ...this.billing, [field]: text }
      this.forgive(`${kind}-${field}`)
    }
    const leave = () => {
      if (kind === 'shipping' && missingOf(this.shipping).length === 0) void this.sendAddress()
    }
    return addressFields(kind, this[kind], this.faults, { words: this.words, language: this.language, change, leave })
  }

  private billingSection(cart: PricedCart): TemplateResult {
    const { words } = this
    const toggle = (event: Event) => (this.isSame = (event.target as HTMLInputElement).checked)
    const same = html`<label class="check"><input type="checkbox" id="same" .checked=${live(this.isSame)} @change=${toggle} />${words.sameAddress}</label>`
    if (cart.requiresShipping && this.isSame) return same
    // What is not shipped needs an address only where the shop says so, which the order's refusal tells.
    if (!cart.requiresShipping && !this.wantsBilling) return html``
    return html`${cart.requiresShipping ? same : nothing}<section aria-labelledby="bill"><h3 id="bill">${words.billingAddress}</h3>${this.address('billing')}</section>`
  }

  private get wantsBilling(): boolean {
    return [...this.faults.keys()].some((id) => id.startsWith('billing')) || this.billing.country !== ''
  }

  private methodChoice(cart: PricedCart): TemplateResult {
    const { words, methods } = this
    if (methods?.length === 0 && !this.needsMethod) return html``
    const fault = this.faults.get('method')
    const chosen = this.picked ?? cart.shippingMethod
    const list = repeat(
      methods ?? [],
      ({ id }) => id,
      ({
        id,
        name,
        price,
      }) => html`<label class="method"><input type="radio" name="method" value=${id} .checked=${live(id === chosen)} @change=${() => this.chooseMethod(id)} />
        <span>${name}</span><span class="number">${price.amount === 0 ? words.free : this.money(price)}</span></label>`,
    )
    return html`<fieldset class="methods"><legend>${words.shippingMethod}</legend>
      ${methods === null ? html`<p class="muted">${words.shippingAfterAddress}</p>` : methods.length === 0 ? html`<p class="note warning">${words.noShipping}</p>` : list}
      <p class="fault" role="alert">${fault ?? nothing}</p></fieldset>`
  }

  private paymentChoice(): TemplateResult {
    const chosen = this.payment ?? this.payments.find((each) => each.default)?.id
    const option = ({
      id,
      name,
      available,
    }: PaymentMethods[number]) => html`<label class="method"><input type="radio" name="payment" value=${id} .checked=${live(id === chosen)}
        @change=${() => (this.payment = id)} /><span>${name}</span>${available ? html`<span class="number">${this.money(available)}</span>` : nothing}</label>`
    return html`<fieldset class="methods"><legend>${this.words.paymentMethod}</legend>${this.payments.map(option)}</fieldset>`
  }

  private brief(cart: PricedCart): TemplateResult {
    const ordered = this.ordered(cart)
    const row = (line: PricedLine) => html`<li>
      ${line.image ? html`<img class="picture" src=${pictureAt(line.image)} alt="" width="48" height="48" />` : html`<span class="picture"></span>`}
      <span><span class="name">${line.name}</span><br /><span class="muted small">${[line.variantName, `${this.words.quantity} ${line.quantity}`].filter(Boolean).join(' · ')}</span></span>
      <span class="number">${this.money(line.itemTotal)}</span></li>`
    const total =
      this.lines.length > 0
        ? html`<p class="muted small">${this.words.partial}</p>`
        : totalsTable(cart, this.words, (money) => this.money(money), this.view.isEstimated)
    return html`<ul class="brief">${ordered.map(row)}</ul>${total}`
  }

  private ordered(cart: PricedCart): readonly PricedLine[] {
    if (this.lines.length === 0) return cart.lines
    const { nameOf } = this.store
    const named = this.lines.map(nameOf)
    return cart.lines.filter(({ id }) => named.includes(nameOf(id)))
  }

  /** Whether nothing of what is to be ordered is in the cart. */
  private get isGone(): boolean {
    const { cart } = this.view
    return cart === null || this.ordered(cart).length === 0
  }

  private async sendAddress(): Promise<void> {
    await this.attempt('address', async () => {
      await this.store.change({ shippingAddress: addressOf(this.shipping) })
    })
  }

  /** Asks which methods there are, when where it goes or what goes there changed; the first is chosen where none is. */
  private async askMethods(cart: PricedCart): Promise<void> {
    const isKnown = cart.requiresShipping && cart.shippingAddress !== null
    const asked = isKnown ? JSON.stringify([cart.id, cart.shippingAddress, cart.itemTotal, cart.discountTotal]) : ''
    if (asked === this.askedFor) return
    this.askedFor = asked
    if (!isKnown) {
      this.methods = null
      return
    }
    await this.attempt('methods', () => this.offerMethods(cart, asked))
  }

  private async offerMethods(cart: PricedCart, asked: string): Promise<void> {
    try {
      const { items } = await this.store.client.call('GET /v1/shops/{shop}/carts/{cart}/shipping-methods', { params: { cart: cart.id } })
      if (asked !== this.askedFor) return
      // A shop that ships without methods has nothing to choose; one that has none for this address does not ship there.
      this.needsMethod = items.length > 0 || (await this.isMethodMissing(cart.id))
      this.methods = items
      const [first] = items
      if (first && !items.some(({ id }) => id === cart.shippingMethod)) await this.store.change({ shippingMethod: first.id })
    } catch (error) {
      if (asked !== this.askedFor) return
      // Asked again with the next view; what was refused would only be refused again.
      if (error instanceof CartwrightError && isPassing(error)) this.askedFor = ''
      throw error
    }
  }

  private async isMethodMissing(cart: string): Promise<boolean> {
    const { problems } = await this.store.client.call('GET /v1/shops/{shop}/carts/{cart}/validation', { params: { cart } })
    return problems.some(({ code }) => code === 'shipping_method_required')
  }

  /** Asks how it can be paid, when what is to be paid changed. Without an answer the shop's first way is taken. */
  private async askPayments({ id, total }: PricedCart): Promise<void> {
    const asked = `${id} ${total.amount} ${total.currency}`
    if (asked === this.paymentsFor) return
    this.paymentsFor = asked
    const answer = await this.store.client
      .call('GET /v1/shops/{shop}/carts/{cart}/payment-methods', { params: { cart: id } })
      .catch(() => null)
    if (asked !== this.paymentsFor) return
    this.payments = answer?.items ?? []
    if (!this.payments.some((each) => each.id === this.payment)) this.payment = null
  }

  private chooseMethod(id: string): void {
    this.picked = id
    void this.attempt('method', async () => {
      const cart = await this.store.change({ shippingMethod: id })
      this.say(this.words.updated(this.money(cart.total)))
    }).finally(() => {
      if (this.picked === id) this.picked = null
    })
  }

  private async attempt(by: Work, work: () => Promise<void>): Promise<void> {
    try {
      await work()
      if (this.alertOf === by) this.fault = ''
    } catch (error) {
      this.showRefusal(error)
      this.alertOf = by
    }
  }

  private submit = async (event: Event): Promise<void> => {
    event.preventDefault()
    const { cart } = this.view
    const again = this.isGone ? this.unanswered : null
    if (this.isBusy || (!cart && !again)) return
    this.alertOf = 'order'
    this.faults = cart && !again ? this.missing(cart) : new Map()
    if (this.faults.size > 0) return this.toFirstFault()
    this.isBusy = true
    this.fault = ''
    try {
      // The store keeps its key: it is the same order still.
      if (again) await this.place(again)
      else if (cart) await this.order(cart)
    } catch (error) {
      this.showRefusal(error)
    } finally {
      this.isBusy = false
    }
  }

  private missing(cart: PricedCart): Map<string, string> {
    const { words } = this
    const faults = new Map<string, string>()
    if (!/^\S+@\S+\.\S+$/.test(this.email.trim())) faults.set('email', words.emailWrong)
    const kinds: Kind[] = cart.requiresShipping
      ? this.isSame
        ? ['shipping']
        : ['shipping', 'billing']
      : this.wantsBilling
        ? ['billing']
        : []
    for (const kind of kinds) for (const field of missingOf(this[kind])) faults.set(`${kind}-${field}`, words.required(words.fields[field]))
    return faults
  }

  private async order(seen: PricedCart): Promise<void> {
    const shipped = seen.requiresShipping ? { shippingAddress: addressOf(this.shipping), billingSameAsShipping: this.isSame } : {}
    const billed = seen.requiresShipping ? !this.isSame : this.wantsBilling
    const cart = await this.store.change({
      email: this.email.trim(),
      ...shipped,
      ...(billed ? { billingAddress: addressOf(this.billing) } : {}),
    })
    // Nobody pays what was not shown: an address can change taxes and shipping.
    if (this.lines.length === 0 && cart.total.amount !== seen.total.amount) {
      this.fault = this.words.priceChanged(this.money(cart.total))
      await this.updateComplete
      return this.renderRoot.querySelector<HTMLElement>('#alert')?.focus()
    }
    await this.place({
      ...(this.lines.length > 0 ? { lineIds: this.lines } : { expectedTotal: cart.total.amount }),
      payment: { returnUrl: returnTo(this.returnUrl), ...this.paymentChosen },
    })
  }

  private async place(wish: OrderWish): Promise<void> {
    const { order, orderToken, payment } = await this.store.order(wish).catch((error: unknown) => {
      this.unanswered = error instanceof CartwrightError && !isRefused(error) ? wish : null
      throw error
    })
    this.unanswered = null
    const placed = { id: order.id, token: orderToken }
    rememberOrder(placed)
    const paymentUrl = payment?.url ? new URL(payment.url, shopOfPage().baseUrl).href : null
    if (!this.tell('cartwright:ordered', { ...placed, paymentUrl })) return
    if (paymentUrl !== null) location.assign(paymentUrl)
    else this.placed = placed
  }

  private get paymentChosen(): { readonly provider?: string; readonly method?: string } {
    const chosen = this.payments.find(({ id }) => id === this.payment)
    return chosen ? { provider: chosen.provider, ...(chosen.method === null ? {} : { method: chosen.method }) } : {}
  }

  private showRefusal(error: unknown): void {
    const reason = this.reason(error)
    this.fault = reason
    if (!(error instanceof CartwrightError)) return
    const path = typeof error.problem.path === 'string' ? error.problem.path : ''
    const [, part = '', field = ''] = /^\/(email|shippingAddress|billingAddress|shippingMethod)(?:\/(\w+))?/.exec(path) ?? []
    const kind = { email: 'email', shippingAddress: 'shipping', billingAddress: 'billing', shippingMethod: 'method' }[part]
    if (kind === undefined) return
    const isAddress = kind === 'shipping' || kind === 'billing'
    this.faults = new Map([[isAddress ? `${kind}-${field || 'country'}` : kind, reason]])
    this.toFirstFault()
  }

  private toFirstFault(): void {
    this.fault ||= this.words.correct
    void this.updateComplete.then(() => this.renderRoot.querySelector<HTMLElement>('[aria-invalid="true"], .method input')?.focus())
  }
}
