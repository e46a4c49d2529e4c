// `<add-to-cart sku>`: what a product asks for before it goes into the cart: which variant, how many, what amount (recharge), which plan
// (subscription, which is bought on its own). A sku that is one of several preselects it. Every kind has the same two rows, so nothing on the
// page moves when the product is known; with `expanded` amounts and plans are laid out as buttons instead.
import { css, html, nothing, type PropertyDeclarations, type PropertyValues, type TemplateResult } from 'lit'
import { live } from 'lit/directives/live.js'
import { CartwrightError } from '../../src/client/problem.ts'
import { decimalText, minorUnits } from './amounts.ts'
import { CartElement } from './cart-element.ts'
import { type Product, productOf, rememberOrder, shopOfPage } from './shop.ts'
import { base } from './styles.ts'

type Variant = Product['variants'][number]
type Price = Variant['prices'][number]

const OTHER = 'other'

/** The form that adds a product. */
export class AddToCart extends CartElement {
  static override properties: PropertyDeclarations = {
    sku: {},
    returnUrl: { attribute: 'return-url' },
    expanded: { type: Boolean },
    product: { state: true },
    chosen: { state: true },
    quantity: { state: true },
    amount: { state: true },
    typed: { state: true },
    plan: { state: true },
    fault: { state: true },
    isBusy: { state: true },
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
      .choices { display: grid; grid-template-columns: repeat(auto-fill, minmax(6rem, 1fr)); gap: 0.5rem; }
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
  /** Amounts and plans are laid out, not listed: for a product's own page. */
  declare expanded: boolean
  declare private product: Product | 'loading' | 'failed'
  declare private chosen: string
  declare private quantity: number
  declare private amount: number | typeof OTHER | null
  declare private typed: string
  declare private plan: string
  declare private fault: string
  declare private isBusy: boolean
  private message = ''

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
    this.fault = ''
    this.isBusy = false
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (changed.has('sku') && this.sku !== '') void this.load()
  }

  private load = async (): Promise<void> => {
    const { sku } = this
    this.product = 'loading'
    try {
      const product = await productOf(sku)
      if (sku !== this.sku) return
      this.product = product
      this.chosen = product.variants.find((variant) => variant.sku === sku)?.sku ?? product.variants[0]?.sku ?? ''
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
    // Busy buttons keep the focus: aria-disabled, not disabled.
    return html`<form novalidate @submit=${this.submit} part="form">
      ${isPlan ? this.plans(product) : product.recharge ? this.amounts(product.recharge) : this.price(product)}
      <div class="act">
        ${isPlan || product.recharge ? nothing : this.stepper(product)}
        <button class="button primary" part="button" ?disabled=${isOut} aria-disabled=${this.isBusy ? 'true' : 'false'}>${action}</button>
      </div>
      <p class="said ${this.fault ? 'fault' : ''}" id="fault" role=${this.fault ? 'alert' : 'status'}>${this.fault || this.message}</p>
    </form>`
  }

  private price(product: Product): TemplateResult {
    const price = this.variant && priceOf(this.variant, this.view.cart?.currency ?? null, this.quantity)
    const choose = (event: Event) => {
      this.chosen = (event.target as HTMLSelectElement).value
      this.quantity = Math.max(this.quantity, leastOf(this.variant))
    }
    const named = ({ name, sku }: Variant) => name || sku
    const option = (variant: Variant) =>
      html`<option value=${variant.sku} ?selected=${variant.sku === this.chosen}>${named(variant)}${isSoldOut(variant) ? ` (${this.words.soldOut})` : ''}</option>`
    return html`<div class="what">
      <p class="cost number" part="price">${price ? this.money(price) : ''}${price?.listAmount !== undefined && price.listAmount > price.amount ? html`<s>${this.money({ ...price, amount: price.listAmount })}</s>` : nothing}</p>
      ${product.variants.length > 1 ? html`<select class="input" part="variant" aria-label=${this.words.variant} @change=${choose}>${product.variants.map(option)}</select>` : nothing}
    </div>`
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
    return html`${this.choice(words.amount, choices, String(this.amount), pick)}
      ${
        this.amount === OTHER
          ? html`<div class="field"><label for="typed">${words.otherAmount} (${currency})</label>
            <input class="input" id="typed" inputmode="decimal" autocomplete="off" maxlength="20" .value=${this.typed} placeholder=${decimalText({ amount: min ?? presets[0] ?? 0, currency })}
              aria-describedby="range fault" aria-invalid=${this.fault ? 'true' : 'false'} @input=${(event: Event) => (this.typed = (event.target as HTMLInputElement).value)} />
            <span class="small muted" id="range">${this.fault ? nothing : words.amountBetween(say(min), say(max))}</span></div>`
          : nothing
      }`
  }

  private plans(product: Product): TemplateResult {
    const { words } = this
    const choices = (product.plans ?? []).map((plan) => {
      const [, count = '1', unit = 'M'] = /^P(\d+)([DWMY])$/.exec(plan.interval) ?? []
      const interval = words.interval(Number(count), unit as 'D' | 'W' | 'M' | 'Y')
      return { value: plan.id, label: plan.name, more: words.perInterval(this.money(plan.price), interval) }
    })
    return this.choice(words.plan, choices, this.plan, (value) => (this.plan = value))
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
    this.isBusy = product.recharge !== undefined || product.kind === 'subscription'
    this.fault = ''
    this.message = ''
    try {
      if (product.kind === 'subscription') await this.subscribe()
      else {
        const item = { sku: this.chosen, ...(amount === null ? { quantity: this.quantity } : { amount }) }
        await this.store.add(item)
        this.message = this.words.added(product.name)
        this.requestUpdate()
        this.tell('added', item)
      }
    } catch (error) {
      this.fault = error instanceof CartwrightError && error.code === 'login_required' ? this.words.signInToSubscribe : this.reason(error)
    } finally {
      this.isBusy = false
    }
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
    const returnUrl = new URL(this.returnUrl ?? location.pathname, document.baseURI).href
    const { order, orderToken, payment } = await this.store.client.call('POST /v1/shops/{shop}/orders', {
      body: { items: [{ sku: this.chosen, plan: this.plan }], payment: { returnUrl } },
    })
    rememberOrder({ id: order.id, token: orderToken })
    this.tell('order', { id: order.id, token: orderToken })
    if (payment?.url) location.assign(new URL(payment.url, shopOfPage().baseUrl))
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
