// `<add-to-cart sku>`: what a product asks for before it goes into the cart: which variant, how many, what amount (recharge), which plan
// (subscription, which is bought on its own). A sku that is one of several preselects it. Every kind has the same two rows, so nothing on the
// page moves when the product is known; with `expanded` amounts and plans are laid out as buttons instead.
import { css, html, nothing, type PropertyDeclarations, type PropertyValues, type TemplateResult } from 'lit'
import { live } from 'lit/directives/live.js'
import type { CartItem } from '../../src/client/cart.ts'
import { CartwrightError } from '../../src/client/problem.ts'
import { decimalText, minorUnits } from './amounts.ts'
import type { CartDrawer } from './cart-drawer.ts'
import { CartElement } from './cart-element.ts'
import { onForgotten, type Product, productOf, rememberOrder, returnTo, shopOfPage } from './shop.ts'
import { base } from './styles.ts'

type Variant = Product['variants'][number]
type Price = Variant['prices'][number]
type Plan = NonNullable<Product['plans']>[number]

const OTHER = 'other'
/** Whether the shop takes nothing without the price that the shopper saw; it says so with the first refusal. */
let wantsPrice = false

/** The form that adds a product. */
export class AddToCart extends CartElement {
  static override properties: PropertyDeclarations = {
    sku: {},
    returnUrl: { attribute: 'return-url' },
    planUrl: { attribute: 'plan-url' },
    expanded: { type: Boolean },
    product: { state: true },
    chosen: { state: true },
    quantity: { state: true },
    amount: { state: true },
    typed: { state: true },
    plan: { state: true },
    email: { state: true },
    fault: { state: true },
    isBusy: { state: true },
    message: { state: true },
    added: { state: true },
  }
  static override styles = [
    base,
    css`
      :host { display: block; }
      form { display: grid; grid-template-columns: minmax(0, 1fr); gap: 0.75rem; }
      .what { display: flex; flex-wrap: wrap; gap: 0.5rem 1rem; align-items: center; justify-content: space-between; min-block-size: 2.75rem; }
      .what { flex-wrap: nowrap; }
      .what .input { flex: 0 1 auto; inline-size: auto; min-inline-size: 4rem; }
      .cost { font-size: 1.125em; font-weight: 650; }
      /* By itself, so that right-to-left text puts it on the right side. */
      .cost s { display: inline-block; font-weight: 400; font-size: 0.875em; color: var(--muted); margin-inline-start: 0.375em; }
      .act { display: flex; flex-wrap: wrap; gap: 0.75rem; }
      .act .button { flex: 1 1 9rem; }
      .choices { display: grid; grid-template-columns: repeat(auto-fill, minmax(7.5rem, 1fr)); gap: 0.5rem; }
      .choices.plans { grid-template-columns: 1fr; }
      legend { font-size: 0.875em; margin-block-end: 0.375rem; }
      .choice { position: relative; display: flex; align-items: center; justify-content: center; min-block-size: 2.75rem; padding: 0.375rem 0.75rem; border: 1px solid var(--edge); border-radius: var(--radius); font-weight: 600; cursor: pointer; text-align: center; }
      .plans .choice { justify-content: space-between; padding-inline: 1rem; }
      .choice:has(:checked) { border-color: var(--accent); box-shadow: inset 0 0 0 1px var(--accent); background: color-mix(in oklab, var(--accent) 9%, var(--surface)); }
      .choice:has(:focus-visible) { outline: 3px solid var(--accent); outline-offset: 2px; }
      .choice input { position: absolute; inset: 0; opacity: 0; margin: 0; cursor: pointer; inline-size: 100%; block-size: 100%; }
      .said { min-block-size: 1.3125rem; font-size: 0.875em; color: var(--muted); }
      .said:empty { display: block; }
      .said.fault { color: var(--danger); }
    `,
  ]
  /** One of the product's skus. */
  declare sku: string
  /** Where a shopper who subscribes comes back to after paying; this page unless given. */
  declare returnUrl: string | null
  /** The page of a subscription's plans: a link to it takes the place of the choice. */
  declare planUrl: string | null
  /** Variants, amounts and plans are laid out, not listed: for a product's own page. */
  declare expanded: boolean
  declare private product: Product | 'loading' | 'failed'
  declare private chosen: string
  declare private quantity: number
  declare private amount: number | typeof OTHER | null
  declare private typed: string
  declare private plan: string
  /** What an account without one is asked for; null until the server asks. */
  declare private email: string | null
  declare private fault: string
  declare private isBusy: boolean
  declare private message: string
  /** The name of what was added last. */
  declare private added: string | null
  private ignore: (() => unknown) | null = null

  constructor() {
    super()
    this.sku = ''
    this.returnUrl = null
    this.expanded = false
    this.product = 'loading'
    this.chosen = ''
    this.quantity = 1
    this.amount = null
    this.typed = ''
    this.plan = ''
    this.email = null
    this.fault = ''
    this.isBusy = false
    this.planUrl = null
    this.message = ''
    this.added = null
  }

  override connectedCallback(): void {
    super.connectedCallback()
    this.ignore = onForgotten(this.reload)
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    this.ignore?.()
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has('sku') && this.sku !== '') void this.load()
  }

  /** Asks anew for whoever it is now, and keeps what was chosen, but not the e-mail of somebody else. */
  private reload = async (): Promise<void> => {
    const { sku, product } = this
    this.email = null
    if (typeof product === 'string') return this.load()
    // What is shown stays where there is no answer.
    const fresh = await productOf(sku).catch(() => product)
    if (sku === this.sku) this.product = fresh
  }

  private load = async (): Promise<void> => {
    const { sku } = this
    this.product = 'loading'
    try {
      const product = await productOf(sku)
      if (sku !== this.sku) return
      this.product = product
      // A handle or an id names the product, not a variant of it; another sku is not sold for the one that was asked for.
      const isWhole = product.handle === sku || product.id === sku
      this.chosen = product.variants.find((variant) => isWhole || variant.sku === sku)?.sku ?? ''
      this.quantity = leastOf(this.variant)
      this.amount = product.recharge?.presets[0] ?? (product.recharge ? OTHER : null)
      this.plan = product.plans?.[0]?.id ?? ''
      this.fault = ''
    } catch (error) {
      if (sku !== this.sku) return
      this.product = 'failed'
      this.fault = this.reason(error)
    }
  }

  private get variant(): Variant | undefined {
    return typeof this.product === 'string' ? undefined : this.product.variants.find(({ sku }) => sku === this.chosen)
  }

  protected override render(): TemplateResult {
    const { product, words } = this
    if (product === 'failed')
      return html`<form><div class="what"><p class="fault" role="alert">${this.fault}</p></div>
        <div class="act"><button type="button" class="button" @click=${this.load}>${words.retry}</button></div><p class="said"></p></form>`
    if (product === 'loading')
      return html`<form aria-busy="true"><div class="what"><span class="bone">${words.loading}</span></div>
        <div class="act"><button type="button" class="button primary" disabled>${words.addToCart}</button></div><p class="said"></p></form>`
    const isOut = !this.variant || isSoldOut(this.variant)
    const isPlan = product.kind === 'subscription'
    const action = isOut ? words.soldOut : this.isBusy ? words.adding : isPlan ? words.subscribe : words.addToCart
    const isLink = isPlan && this.planUrl !== null
    // Busy buttons keep the focus: aria-disabled, not disabled.
    return html`<form novalidate @submit=${this.submit} part="form">
      ${isLink ? this.firstPlan(product) : isPlan ? this.plans(product) : product.recharge ? this.amounts(product.recharge) : this.price(product)}
      ${this.email === null ? nothing : this.emailField(this.email)}
      <div class="act">
        ${isPlan || product.recharge ? nothing : this.stepper(product)}
        ${
          isLink
            ? html`<a class="button primary" part="button" href=${this.planUrl ?? ''}>${words.seePlans}</a>`
            : html`<button class="button primary" part="button" ?disabled=${isOut} aria-disabled=${this.isBusy ? 'true' : 'false'}>${action}</button>`
        }
      </div>
      ${this.answer}
    </form>`
  }

  /** How many of it are in the cart; each amount is a row of its own. */
  private get pieces(): number {
    const rows = this.view.cart?.lines.filter(({ sku, giftOf }) => sku === this.chosen && giftOf === null) ?? []
    return this.amount === null ? rows.reduce((all, { quantity }) => all + quantity, 0) : 1
  }

  /** One row for whatever is to be said, so that nothing moves. */
  private get answer(): TemplateResult {
    const { words, fault, view } = this
    const isKept = this.added !== null && view.status === 'offline' && view.pending > 0
    const message = isKept ? words.kept : this.added ? words.added(this.added, this.pieces) : this.message
    return html`<p class="said ${fault ? 'fault' : ''}" id="fault" part="message" role=${fault ? 'alert' : 'status'}>${fault || message} ${this.loginLink(fault)}</p>`
  }

  private price(product: Product): TemplateResult {
    const price = this.variant && priceOf(this.variant, this.view.cart?.currency ?? null, this.quantity)
    const choiceOf = (variant: Variant) => ({
      value: variant.sku,
      label: variant.name || variant.sku,
      more: isSoldOut(variant) ? this.words.soldOut : '',
    })
    const choose = (sku: string) => {
      this.chosen = sku
      this.added = null
      this.quantity = Math.max(this.quantity, leastOf(this.variant))
    }
    const listed = product.variants.length > 1 && !this.expanded
    const option = (variant: Variant) =>
      html`<option value=${variant.sku} ?selected=${variant.sku === this.chosen}>${variant.name || variant.sku}${isSoldOut(variant) ? ` (${this.words.soldOut})` : ''}</option>`
    return html`<div class="what">
      <p class="cost number" part="price">${price ? this.money(price) : ''}${price?.listAmount !== undefined && price.listAmount > price.amount ? html`<s>${this.money({ ...price, amount: price.listAmount })}</s>` : nothing}</p>
      ${listed ? html`<select class="input" part="choice" aria-label=${this.words.variant} @change=${(event: Event) => choose((event.target as HTMLSelectElement).value)}>${product.variants.map(option)}</select>` : nothing}
    </div>
    ${product.variants.length > 1 && this.expanded ? this.choice(this.words.variant, product.variants.map(choiceOf), this.chosen, choose) : nothing}`
  }

  private stepper(product: Product): TemplateResult {
    const { words, variant } = this
    const [least, step, most] = [leastOf(variant), variant?.quantityStep ?? 1, variant?.quantityMax ?? 99_999]
    const set = (wanted: number) => {
      const rounded = Math.ceil(wanted / step) * step
      this.quantity = Number.isSafeInteger(rounded) ? Math.min(Math.max(rounded, least), most) : least
      this.requestUpdate()
    }
    return html`<div class="stepper" part="stepper">
      <button type="button" aria-label=${words.fewer(product.name)} ?disabled=${this.quantity <= least} @click=${() => set(this.quantity - step)}>−</button>
      <input type="number" inputmode="numeric" min=${least} max=${most} step=${step} aria-label=${words.quantityOf(product.name)} .value=${live(String(this.quantity))}
        @change=${(event: Event) => set(Number((event.target as HTMLInputElement).value))} />
      <button type="button" aria-label=${words.more(product.name)} ?disabled=${this.quantity >= most} @click=${() => set(this.quantity + step)}>+</button>
    </div>`
  }

  private amounts({ currency, presets, allowCustom, min, max }: NonNullable<Product['recharge']>): TemplateResult {
    const { words } = this
    const say = (amount: number | undefined) => (amount === undefined ? null : this.money({ amount, currency }))
    const choices = presets.map((preset) => ({ value: String(preset), label: this.money({ amount: preset, currency }), more: '' }))
    if (allowCustom) choices.push({ value: OTHER, label: words.otherAmount, more: '' })
    const pick = (value: string) => {
      this.amount = value === OTHER ? OTHER : Number(value)
      this.fault = ''
    }
    const field = html`<input class="input" id="typed" part="amount" inputmode="decimal" autocomplete="off" maxlength="20" .value=${this.typed} placeholder=${decimalText({ amount: min ?? presets[0] ?? 0, currency })}
      aria-describedby="range fault" aria-invalid=${this.fault ? 'true' : 'false'} @input=${(event: Event) => (this.typed = (event.target as HTMLInputElement).value)} />`
    const range = html`<span class="small muted" id="range">${this.fault ? nothing : words.amountBetween(say(min), say(max))}</span>`
    // Where nothing is preset there is nothing to choose from.
    if (presets.length === 0)
      return html`<div class="what"><label class="label" for="typed">${words.amount} (${currency})</label>${field}</div>${range}`
    return html`${this.choice(words.amount, choices, String(this.amount), pick)}
      ${this.amount === OTHER ? html`<div class="field"><label for="typed">${words.otherAmount} (${currency})</label>${field}${range}</div>` : nothing}`
  }

  private plans(product: Product): TemplateResult {
    const { words } = this
    const choices = (product.plans ?? []).map((plan) => ({ value: plan.id, label: plan.name, more: this.rate(plan) }))
    return this.choice(words.plan, choices, this.plan, (value) => (this.plan = value))
  }

  private emailField(email: string): TemplateResult {
    const typed = (event: Event) => {
      this.email = (event.target as HTMLInputElement).value
      this.fault = ''
    }
    return html`<div class="field"><label for="email">${this.words.email}</label><input class="input" id="email" part="email" type="email" autocomplete="email" maxlength="254"
      .value=${email} aria-describedby="fault" aria-invalid=${this.fault ? 'true' : 'false'} @input=${typed} /></div>`
  }

  private rate({ interval, price }: Plan): string {
    const [, count = '1', unit = 'M'] = /^P(\d+)([DWMY])$/.exec(interval) ?? []
    return this.words.perInterval(this.money(price), this.words.interval(Number(count), unit as 'D' | 'W' | 'M' | 'Y'))
  }

  /** The plan that is named first, beside the link to all of them. */
  private firstPlan({ plans = [] }: Product): TemplateResult {
    const [first] = plans
    return html`<div class="what"><p class="cost" part="price">${first ? this.rate(first) : nothing}</p></div>`
  }

  /** One of several: as a list that opens, or laid out. */
  private choice(
    label: string,
    choices: readonly { readonly value: string; readonly label: string; readonly more: string }[],
    chosen: string,
    pick: (value: string) => void,
  ): TemplateResult {
    const picked = (event: Event) => pick((event.target as HTMLInputElement | HTMLSelectElement).value)
    if (!this.expanded)
      return html`<div class="what"><span class="label" aria-hidden="true">${label}</span>
        <select class="input" part="choice" aria-label=${label} @change=${picked}>${choices.map(
          ({ value, label, more }) =>
            html`<option value=${value} ?selected=${value === chosen}>${[label, more].filter(Boolean).join(', ')}</option>`,
        )}</select></div>`
    return html`<fieldset><legend>${label}</legend><div class="choices ${choices.some(({ more }) => more) ? 'plans' : ''}">${choices.map(
      ({
        value,
        label,
        more,
      }) => html`<label class="choice"><input type="radio" name="choice" value=${value} .checked=${live(value === chosen)} @change=${picked} />
        <span>${label}</span>${more ? html`<span class="number">${more}</span>` : nothing}</label>`,
    )}</div></fieldset>`
  }

  private submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()
    const { product } = this
    if (this.isBusy || typeof product === 'string') return
    const amount = this.amountChosen(product)
    if (amount === undefined) {
      this.fault = this.words.amountBetween(...this.range(product))
      this.renderRoot.querySelector<HTMLElement>('#typed')?.focus()
      return
    }
    this.fault = ''
    this.message = ''
    this.added = null
    // Each click on goods is a piece more and is shown at once. An amount or a plan is not meant twice, so its button rests.
    this.isBusy = product.recharge !== undefined || product.kind === 'subscription'
    try {
      if (product.kind === 'subscription') await this.subscribe()
      else await this.add(product.name, { sku: this.chosen, ...(amount === null ? { quantity: this.quantity } : { amount }) })
    } catch (error) {
      this.added = null
      this.fault = this.reason(error)
      if (error instanceof CartwrightError && error.code === 'email_required') await this.askForEmail()
    } finally {
      this.isBusy = false
    }
  }

  private async add(name: string, given: CartItem): Promise<void> {
    let item = given
    const added = this.priced((priced) => {
      item = { ...given, ...priced }
      return this.store.add(item)
    })
    this.added = name
    document.querySelector<CartDrawer>('cart-drawer[open-on-add]')?.show()
    this.tell('cartwright:added', { item, cart: await added })
  }

  /** Does it with the price that is shown, where the shop asks for that. */
  private async priced<T>(work: (priced: { readonly expectedUnitPrice?: number }) => Promise<T>): Promise<T> {
    const shown = this.unitPrice
    const withPrice = () => work(shown === undefined ? {} : { expectedUnitPrice: shown })
    if (wantsPrice) return withPrice()
    try {
      return await work({})
    } catch (error) {
      if (!(error instanceof CartwrightError) || error.code !== 'expected_price_required') throw error
      wantsPrice = true
      // Not news for the shopper.
      this.reason(error)
      return withPrice()
    }
  }

  /** What a piece costs by the public prices, together with those that are in the cart, in minor units. */
  private get unitPrice(): number | undefined {
    const { product, variant } = this
    if (typeof product === 'string' || !variant) return undefined
    if (product.recharge) return this.amountChosen(product) ?? undefined
    if (product.kind === 'subscription') return product.plans?.find(({ id }) => id === this.plan)?.price.amount
    return priceOf(variant, this.view.cart?.currency ?? null, this.pieces + this.quantity)?.amount
  }

  private async askForEmail(): Promise<void> {
    this.email ??= ''
    await this.updateComplete
    this.renderRoot.querySelector<HTMLElement>('#email')?.focus()
  }

  private range({ recharge }: Product): [from: string | null, to: string | null] {
    const say = (amount: number | undefined) =>
      amount === undefined || !recharge ? null : this.money({ amount, currency: recharge.currency })
    return [say(recharge?.min), say(recharge?.max)]
  }

  /** The amount in minor units, null where the product asks for none, undefined where what was typed is none. */
  private amountChosen({ recharge }: Product): number | null | undefined {
    if (!recharge) return null
    if (this.amount !== OTHER) return this.amount
    const amount = minorUnits(this.typed, recharge.currency)
    const isGood = amount !== null && amount > 0 && amount >= (recharge.min ?? 0) && amount <= (recharge.max ?? amount)
    return isGood ? amount : undefined
  }

  /** A subscription is ordered at once and by itself, by an account. */
  private async subscribe(): Promise<void> {
    const payer = { payment: { returnUrl: returnTo(this.returnUrl) }, ...(this.email ? { email: this.email.trim() } : {}) }
    const { order, orderToken, payment } = await this.priced((priced) =>
      this.store.client.call('POST /v1/shops/{shop}/orders', {
        body: { items: [{ sku: this.chosen, plan: this.plan, ...priced }], ...payer },
      }),
    )
    const known = { id: order.id, token: orderToken }
    rememberOrder(known)
    const paymentUrl = payment?.url ? new URL(payment.url, shopOfPage().baseUrl).href : null
    if (!this.tell('cartwright:ordered', { ...known, paymentUrl })) return
    if (paymentUrl !== null) location.assign(paymentUrl)
    else this.message = this.words.subscribed
  }
}

function leastOf(variant: Variant | undefined): number {
  return variant?.quantityMin ?? variant?.quantityStep ?? 1
}

function isSoldOut({ stockPolicy, onHand }: Variant): boolean {
  return stockPolicy === 'deny' && onHand !== undefined && onHand <= 0
}

/** What a piece costs by the public prices, in the cart's currency where it has one; the server prices the cart. */
function priceOf({ prices }: Variant, currency: string | null, quantity: number): Price | undefined {
  const now = Date.now()
  const isNow = ({ startsAt, endsAt, group }: Price) =>
    group === undefined && (startsAt === undefined || Date.parse(startsAt) <= now) && (endsAt === undefined || Date.parse(endsAt) > now)
  const wanted = currency ?? prices[0]?.currency
  return prices
    .filter((price) => price.currency === wanted && (price.quantityFrom ?? 1) <= quantity && isNow(price))
    .sort((one, other) => one.amount - other.amount)[0]
}
