// From a row of the queue to an e-mail: what it tells is read as it is committed now, the template is the shop's own or ours, and links are made. A
// shop's template that fails is passed over: the customer gets ours, and the log says so.
import { EMAIL_KINDS, type EmailKind } from '../core/email.ts'
import type { Money } from '../core/money.ts'
import type { ServedOrder } from '../core/order.ts'
import type { PricedCart } from '../core/pricing.ts'
import { durationMs } from '../core/time.ts'
import { loadCarts } from '../store/carts.ts'
import { readTemplates } from '../store/emails.ts'
import { placedSince } from '../store/expiry.ts'
import { readOrder } from '../store/orders.ts'
import type { Store } from '../store/store.ts'
import type { EmailTable } from '../store/tables.ts'
import { type Carts, parseIntent } from './carts.ts'
import type { EmailData } from './email-queue.ts'
import { type RenderedEmail, renderEmail } from './email-rendering.ts'
import { builtInTemplate, type EmailTemplate } from './email-templates.ts'
import { amountText, cartValues, orderValues } from './email-values.ts'
import type { ShopFacts } from './facts.ts'
import { orderToken, type Signer } from './identity.ts'
import { linkEnd, orderPage, restoreToken } from './links.ts'
import { serveOrders } from './orders.ts'
import type { Clock } from './ports.ts'

/** What an e-mail tells of: an order or a cart, in a language if one was said. */
export interface EmailSubject {
  readonly kind: EmailKind
  readonly status: string
  readonly language: string | null
  readonly data: EmailData
  /** Of an order also the generation that its tokens must carry. */
  readonly about: { readonly order: ServedOrder; readonly generation: number } | { readonly cart: PricedCart }
}

/** An e-mail that can be sent. */
export interface ComposedEmail extends RenderedEmail {
  readonly language: string
  /** Whether it is the shop's own template. */
  readonly isOwn: boolean
  /** Why the shop's own template was passed over, or null. */
  readonly fault: string | null
}

/** Why an e-mail is not sent although it was queued. */
export interface NotToSend {
  readonly reason: string
}

/** Composes e-mails. */
export type EmailComposing = ReturnType<typeof createEmailComposing>

/** Makes it. */
export function createEmailComposing(parts: {
  store: Store
  clock: Clock
  carts: Pick<Carts, 'serve'>
  signer: Signer
  publicUrl: () => string
}) {
  const { store, clock, carts, signer, publicUrl } = parts

  /** The e-mail of a row, or why there is none. */
  async function compose(shop: ShopFacts, row: EmailTable): Promise<ComposedEmail | NotToSend> {
    const kind = EMAIL_KINDS.find((each) => each === row.kind)
    // Queued by a newer version that runs beside this one.
    if (kind === undefined) throw new Error(`This version knows no e-mail of the kind ${row.kind}.`)
    const about = row.order_id === null ? await cartOf(shop, row) : await orderOf(shop, row.order_id)
    if ('reason' in about) return about
    const data = JSON.parse(row.data) as EmailData
    const language = row.language ?? ('order' in about ? about.order.language : null)
    return fill(shop, { kind, status: row.status, language, data, about })
  }

  async function orderOf(shop: ShopFacts, orderId: string): Promise<EmailSubject['about'] | NotToSend> {
    const row = await readOrder(store.reader, shop.id, orderId)
    const [order] = row ? await serveOrders(store.reader, [row]) : []
    return row && order ? { order, generation: row.token_generation } : { reason: 'the order is gone' }
  }

  /** A cart that is left alone still. Whoever came back, or ordered, is not reminded of it. */
  async function cartOf(shop: ShopFacts, { cart_id: cartId, created_at: since }: EmailTable): Promise<EmailSubject['about'] | NotToSend> {
    const row = (await loadCarts(store.reader, shop.id, [cartId ?? ''], []))?.rows[0]
    if (row?.state !== 'OPEN') return { reason: 'the cart is gone' }
    const { updatedAt, lines } = parseIntent(row)
    if (updatedAt > since || lines.length === 0) return { reason: 'somebody came back to the cart' }
    const bought = await placedSince(store.reader, shop.id, updatedAt, { cartIds: [row.id], owners: [row.owner] })
    if (bought.length > 0) return { reason: 'its owner ordered meanwhile' }
    return { cart: JSON.parse(await carts.serve(shop, row)) as PricedCart }
  }

  /** Fills the template in. Rejects only where ours fails, too. `draft`: instead of what the shop has saved, and told when it fails. */
  async function fill(shop: ShopFacts, subject: EmailSubject, draft?: EmailTemplate): Promise<ComposedEmail> {
    const wanted = subject.language ?? shop.settings.email.languages[0] ?? 'en'
    if (draft) return { ...(await renderEmail(draft, valuesOf(shop, subject, wanted))), language: wanted, isOwn: true, fault: null }
    const own = await ownTemplate(shop, subject, wanted)
    if (own) {
      try {
        const rendered = await renderEmail(own.template, valuesOf(shop, subject, own.language))
        return { ...rendered, language: own.language, isOwn: true, fault: null }
      } catch (error) {
        const fault = `the shop's template failed, ours was taken: ${error instanceof Error ? error.message : String(error)}`
        return { ...(await fillOurs(shop, subject, wanted)), fault: fault.slice(0, 500) }
      }
    }
    return fillOurs(shop, subject, wanted)
  }

  async function fillOurs(shop: ShopFacts, subject: EmailSubject, wanted: string): Promise<ComposedEmail> {
    const { language, ...template } = builtInTemplate(subject.kind, wanted)
    return { ...(await renderEmail(template, valuesOf(shop, subject, language))), language, isOwn: false, fault: null }
  }

  /** The shop's own template that fits best: in the language itself before its general form, for the status before that for all. */
  async function ownTemplate(shop: ShopFacts, { kind, status }: EmailSubject, wanted: string) {
    const rows = await readTemplates(store.reader, shop.id, kind)
    for (const language of new Set([wanted, wanted.split('-', 1)[0] ?? wanted])) {
      const fitting = rows.filter((row) => row.language === language)
      const row = fitting.find((each) => each.status === status) ?? fitting.find((each) => each.status === '')
      if (row) return { template: { subject: row.subject, html: row.html, text: row.body }, language: wanted }
    }
    return null
  }

  function valuesOf(shop: ShopFacts, { kind, status, data, about }: EmailSubject, language: string): object {
    const base = {
      shop: { id: shop.id, name: shop.name },
      kind,
      status,
      language,
      message: data.message ?? '',
      details: data.details ?? {},
    }
    if ('cart' in about) return { ...base, cart: cartValues(about.cart, language), order: {}, link: cartLink(shop, about.cart.id) }
    const order = orderValues(about.order, language)
    return { ...base, order, cart: {}, refund: refundValues(data, language), link: orderLink(shop, about) }
  }

  /** The shop's page of an order; a guest finds it by the token in it, an account logs in. */
  function orderLink({ settings }: ShopFacts, { order, generation }: { order: ServedOrder; generation: number }): string {
    const end = linkEnd(clock.now(), durationMs(settings.orders.tokenTtl) ?? 0)
    const grant = { orderId: order.id, generation }
    const token = order.owner.kind === 'guest' ? orderToken(signer, order.shopId, grant, end) : ''
    return orderPage(settings, order.id, token) ?? ''
  }

  function cartLink({ id: shopId, settings }: ShopFacts, cartId: string): string {
    const expiresAt = linkEnd(clock.now(), durationMs(settings.restore.tokenTtl) ?? 0)
    const token = restoreToken(signer, { shopId, cartId, purpose: 'restore', expiresAt })
    return settings.links.cartUrl?.replaceAll('{token}', () => token) ?? `${publicUrl()}/v1/shops/${shopId}/r/${token}`
  }

  return { compose, fill }
}

/** What was refunded, where the change said it. */
function refundValues({ details }: EmailData, language: string): { amount: string } {
  const { amount, currency } = (details ?? {}) as Partial<Money>
  const isKnown = typeof amount === 'number' && Number.isSafeInteger(amount) && typeof currency === 'string' && /^[A-Z]{3}$/.test(currency)
  return { amount: isKnown ? amountText({ amount, currency }, language) : '' }
}
