// Which e-mails a change of an order means for its customer. One function decides; texts, sending and the log are elsewhere. An order that was
// never placed means none, except that money went back (PAY-4).
import type { OrderPaymentState } from './payment.ts'

/** What an e-mail is about. A new kind needs words in engine/email-words.ts. */
export const EMAIL_KINDS = [
  'order_confirmation',
  'payment_received',
  'order_status',
  'order_shipped',
  'order_cancelled',
  'order_refunded',
  'cart_abandoned',
  'order_link',
] as const

/** One of them. */
export type EmailKind = (typeof EMAIL_KINDS)[number]

/** What a shop decided about its e-mails, as far as this file asks. */
export interface EmailChoices {
  readonly kinds: readonly EmailKind[]
  readonly statuses: readonly string[]
}

/** What of an order tells which e-mails its change means. */
export interface MailedOrder {
  readonly state: string
  readonly status: string
  readonly paymentState: OrderPaymentState
  readonly orderedAt: string | null
  readonly lines: readonly { readonly fulfilledQuantity: number }[]
}

/**
 * The e-mails that a change means, by what is different after it; `action` is what the order's history calls the change. The general news of a status
 * is not sent where a kind of its own tells the same.
 */
export function emailsFor(before: MailedOrder, after: MailedOrder, action: string, { kinds, statuses }: EmailChoices): EmailKind[] {
  const isPlaced = after.orderedAt !== null
  const own: EmailKind[] = []
  if (before.orderedAt === null && isPlaced) own.push('order_confirmation')
  else if (action === 'pay' && isPlaced && isNews(before.paymentState, after.paymentState)) own.push('payment_received')
  if (action === 'fulfil' && fulfilledIn(after) > fulfilledIn(before)) own.push('order_shipped')
  if (isPlaced && before.state !== 'CANCELLED' && after.state === 'CANCELLED') own.push('order_cancelled')
  if (action === 'refund') own.push('order_refunded')
  const sent = own.filter((kind) => kinds.includes(kind))
  const isTold = sent.some((kind) => kind === 'order_confirmation' || kind === 'order_shipped' || kind === 'order_cancelled')
  const isListed = isPlaced && before.status !== after.status && statuses.includes(after.status)
  return isListed && !isTold && kinds.includes('order_status') ? [...sent, 'order_status'] : sent
}

/** Money came that was not there when ordering. Taking what was reserved then is no news to the customer. */
function isNews(before: OrderPaymentState, after: OrderPaymentState): boolean {
  return before !== 'AUTHORIZED' && (after === 'PAID' || after === 'PARTIALLY_PAID')
}

function fulfilledIn({ lines }: MailedOrder): number {
  return lines.reduce((total, line) => total + line.fulfilledQuantity, 0)
}

/**
 * Whether text may stand where an e-mail address is written: one address, nothing that separates addresses or ends a header. Whether mail arrives
 * there, only sending tells.
 */
export function isPlainAddress(address: string): boolean {
  return address.length <= 254 && /^[^\s<>()[\]\\,;:"@\p{Cc}]{1,64}@[^\s<>()[\]\\,;:"@\p{Cc}]+$/u.test(address)
}

/** Text for a header: one line, at most `max` characters, nothing that ends it. */
export function headerText(text: string, max: number): string {
  return text
    .replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, max)
}
