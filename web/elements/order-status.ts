// `<order-status>`: an order as it stands, by id and token: from attributes, from the address fragment (which no server sees), or from this
// device where the payment page came back with `?order=…`. It is followed live until nothing can change any more.
import { css, html, nothing, type PropertyDeclarations, type PropertyValues, type TemplateResult } from 'lit'
import type { OutputOf } from '../../src/client/client.ts'
import { CartElement } from './cart-element.ts'
import { away, clock, ended, tick } from './icons.ts'
import { type KnownOrder, orderOfAddress, pictureAt, rememberOrder, returnTo, shopOfPage } from './shop.ts'
import { base, contents } from './styles.ts'
import { totalsTable } from './totals.ts'
import type { OrderStage } from './words.ts'

type Order = OutputOf<'GET /v1/shops/{shop}/orders/{order}'>

const PICTURES: Readonly<Record<OrderStage, typeof tick>> = {
  unpaid: clock,
  pending: clock,
  failed: ended,
  placed: tick,
  sent: tick,
  completed: tick,
  cancelled: ended,
  expired: ended,
}

/** An order's page. */
export class OrderStatus extends CartElement {
  static override properties: PropertyDeclarations = {
    order: {},
    token: {},
    returnUrl: { attribute: 'return-url' },
    known: { state: true },
    fault: { state: true },
    isBusy: { state: true },
  }
  static override styles = [
    base,
    contents,
    css`
      :host { display: block; min-block-size: 26rem; }
      .sheet { display: grid; gap: 2rem; max-inline-size: 40rem; margin-inline: auto; padding-block: 1.5rem; }
      .top { display: grid; justify-items: center; gap: 0.75rem; text-align: center; }
      .top svg { inline-size: 3.25rem; block-size: 3.25rem; stroke-width: 1.25; color: var(--accent); }
      .top.ended svg { color: var(--muted); }
      .row { grid-template-columns: 4rem minmax(0, 1fr); align-items: center; padding-block: 1rem; }
      .picture { inline-size: 4rem; block-size: 4rem; grid-row: auto; }
      a { color: inherit; }
    `,
  ]
  declare order: string | null
  declare token: string | null
  /** Where the shopper comes back to after another attempt to pay; this page unless given. */
  declare returnUrl: string | null
  declare private known: Order | null
  declare private fault: string
  declare private isBusy: boolean
  private following = new AbortController()

  constructor() {
    super()
    this.order = null
    this.token = null
    this.returnUrl = null
    this.known = null
    this.fault = ''
    this.isBusy = false
  }

  override connectedCallback(): void {
    super.connectedCallback()
    addEventListener('hashchange', this.follow)
    document.addEventListener('visibilitychange', this.follow)
    addEventListener('online', this.follow)
    if (this.hasUpdated) void this.follow()
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback()
    removeEventListener('hashchange', this.follow)
    document.removeEventListener('visibilitychange', this.follow)
    removeEventListener('online', this.follow)
    this.following.abort()
  }

  protected override updated(changed: PropertyValues): void {
    if (changed.has('order') || changed.has('token')) void this.follow()
  }

  private get meant(): KnownOrder | null {
    return this.order && this.token ? { id: this.order, token: this.token } : orderOfAddress()
  }

  /** Follows the order from here on, while somebody may be looking. */
  private follow = async (): Promise<void> => {
    this.following.abort()
    const { meant, known } = this
    if (!meant || !this.isConnected || document.visibilityState === 'hidden') return
    const following = new AbortController()
    this.following = following
    const { signal } = following
    let missed = ''
    const fail = (error: unknown) => {
      if (!signal.aborted) this.fault = missed = this.reason(error)
    }
    // An outage that the order outlived unchanged is over, too.
    const hit = () => {
      if (this.fault === missed) this.fault = ''
    }
    try {
      const { followOrder, isOver } = await import('../../src/client/order.ts')
      if (signal.aborted || (known?.id === meant.id && isOver(known))) return
      const { id, token } = meant
      await followOrder(this.store.client, id, { token, signal, see: (order) => this.take(order), miss: fail, hit })
    } catch (error) {
      fail(error)
    }
  }

  private take(order: Order): void {
    const { known } = this
    if (known?.id === order.id && stageOf(known) !== stageOf(order)) this.say(this.words.orderStatus[stageOf(order)][0])
    this.known = order
    this.fault = ''
  }

  protected override render(): TemplateResult {
    const { words, known } = this
    if (!this.meant) return html`<div class="blank">${clock}<h2>${words.noOrder}</h2><p class="muted">${words.noOrderHint}</p></div>`
    if (!known && this.fault)
      return html`<div class="blank">${away}<p role="alert">${this.fault}</p><button class="button" @click=${this.follow}>${words.retry}</button></div>`
    if (!known) return html`<p class="blank muted">${words.loading}</p>`
    const stage = stageOf(known)
    const [title, text] = words.orderStatus[stage]
    const isOver = stage === 'failed' || stage === 'cancelled' || stage === 'expired'
    const reference = known.reference ?? known.number
    return html`<div class="sheet" part="order">
      <div class="top ${isOver ? 'ended' : ''}">${PICTURES[stage]}<h2>${title}</h2><p class="muted">${text}</p>
        ${reference === null ? nothing : html`<p class="number">${words.order(reference)}</p>`}
        ${this.instructions(known)}${this.payment(stage)}</div>
      ${this.fault ? html`<p class="note warning" role="alert">${this.fault}</p>` : nothing}
      ${this.parcels(known)}
      <div><ul class="rows">${known.lines.map((line) => this.row(line))}</ul></div>
      ${totalsTable(known, words, (money) => this.money(money))}
      ${this.status}
    </div>`
  }

  private instructions({ payments, state }: Order): unknown {
    const text = state === 'NEW' || state === 'PLACED' ? payments.find((payment) => payment.state === 'PENDING')?.instructions : null
    return text ? html`<p class="note">${text}</p>` : nothing
  }

  private payment(stage: OrderStage): unknown {
    if (stage !== 'unpaid' && stage !== 'failed') return nothing
    return html`<button class="button primary" part="pay" aria-disabled=${this.isBusy ? 'true' : 'false'} @click=${this.pay}>${this.words.payNow}</button>`
  }

  private row(line: Order['lines'][number]): TemplateResult {
    return html`<li class="row">
      ${line.image ? html`<img class="picture" src=${pictureAt(line.image)} alt="" width="64" height="64" />` : html`<span class="picture"></span>`}
      <header><div><p class="name">${line.name}</p><p class="muted small">${[line.variantName, `${this.words.quantity} ${line.quantity}`].filter(Boolean).join(' · ')}</p></div>
        <p class="price number">${this.money(line.itemTotal)}</p></header></li>`
  }

  private parcels({ fulfilments }: Order): unknown {
    const tracked = fulfilments.filter(({ trackingUrl }) => trackingUrl !== null && /^https?:/.test(trackingUrl))
    return tracked.map(
      ({ trackingUrl, carrier, trackingNumber }) =>
        html`<p class="note"><span>${[carrier, trackingNumber].filter(Boolean).join(' ')}</span><a href=${trackingUrl ?? ''} rel="noopener">${this.words.track}</a></p>`,
    )
  }

  private pay = async (): Promise<void> => {
    const { known, meant } = this
    if (!known || !meant || this.isBusy) return
    this.isBusy = true
    try {
      const input = { params: { order: known.id }, body: { returnUrl: returnTo(this.returnUrl) } }
      const { payment } = await this.store.client.call('POST /v1/shops/{shop}/orders/{order}/payments', input, { token: meant.token })
      // The payment's page comes back without the token.
      rememberOrder(meant)
      if (payment?.url) location.assign(new URL(payment.url, shopOfPage().baseUrl))
      // It goes on for as long as the order does.
      else void this.follow()
    } catch (error) {
      this.fault = this.reason(error)
    } finally {
      this.isBusy = false
    }
  }
}

function stageOf({ state, paymentState, fulfilmentState, payments }: Order): OrderStage {
  if (state === 'CANCELLED' || state === 'SUPERSEDED') return 'cancelled'
  if (state === 'EXPIRED') return 'expired'
  if (state === 'COMPLETED') return 'completed'
  if (state === 'PLACED') return fulfilmentState === 'UNFULFILLED' ? 'placed' : 'sent'
  if (paymentState === 'FAILED') return 'failed'
  return new URLSearchParams(location.search).get('result') === 'paid' && payments.some((payment) => payment.state === 'PENDING')
    ? 'pending'
    : 'unpaid'
}
