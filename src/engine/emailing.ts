// Sending e-mails, after the commit of what they tell. What is due is claimed by a lease, shop by shop; sent outside of any transaction, with a deadline;
// and its result counts only under the lease that was claimed. A server that is down delays nothing else and loses nothing: what was not taken
// is tried again for a day. What was taken is not sent again, except where this process ends, or the connection breaks, between the two: then
// the same message, under the same Message-ID, is sent once more.
import type { Logger } from 'pino'
import type { EmailKind } from '../core/email.ts'
import { isPlainAddress } from '../core/email.ts'
import { isRefusal, type Refusal, refuse } from '../core/refusal.ts'
import { durationMs } from '../core/time.ts'
import {
  claimEmails,
  deleteTemplate,
  type EmailResult,
  oldestEmail,
  purgeEmails,
  readEmail,
  requeueEmail,
  settleEmail,
  shopsWithEmails,
  type TemplateKey,
  writeTemplate,
} from '../store/emails.ts'
import { lockOrders, readOrder } from '../store/orders.ts'
import type { Store } from '../store/store.ts'
import type { EmailTable } from '../store/tables.ts'
import type { ComposedEmail, EmailComposing } from './email-composing.ts'
import type { EmailQueue } from './email-queue.ts'
import { templateRefusal } from './email-rendering.ts'
import { sampleCart, sampleOrder } from './email-sample.ts'
import type { EmailTemplate } from './email-templates.ts'
import type { FactsCache, ShopFacts } from './facts.ts'
import type { Loop, Work } from './jobs.ts'
import { type IdempotencyClaim, type Once, once } from './once.ts'
import { parseOrder, serveOrders } from './orders.ts'
import { type Clock, type Mailer, Undeliverable, withDeadline, wordsOf } from './ports.ts'
import type { Recording } from './recording.ts'

const POLL_MS = 500
const SHOPS = 50
/** Sent side by side for a shop. */
const BATCH = 10
const DEADLINE_MS = 20_000
/** Outlasts composing and sending. */
const LEASE_MS = 60_000
/** What is under way when the node ends has so long to finish; what is cut off then is sent by another one, or after the next start. */
const GRACE_S = 5
/** Back-off in seconds, spread over a day; after the last one an e-mail has failed and waits for somebody. */
const RETRY_AFTER_S = [30, 120, 600, 1800, 3600, 7200, 14_400, 21_600, 28_800]
const PURGE_EVERY_MS = 3_600_000
const PURGE_BATCH = 200

/** E-mails of shops. */
export type Emailing = ReturnType<typeof createEmailing>

/** Makes it. `mailer` null: this installation sends none. */
export function createEmailing(parts: {
  store: Store
  facts: FactsCache
  clock: Clock
  mailer: Mailer | null
  queue: EmailQueue
  composing: EmailComposing
  recording: Recording
  log: Logger
}) {
  const { store, facts, clock, mailer, queue, composing, recording, log } = parts
  const busy = new Set<string>()

  // Sending ---------------------------------------------------------------------------------------------------------------------------

  /** Claims what is due, shop by shop, and begins to send it; answers before all of it was sent. */
  async function sendDue({ track, isStopped }: Loop): Promise<void> {
    if (!mailer) return
    for (const shopId of await shopsWithEmails(store.reader, clock.now(), SHOPS)) {
      if (busy.has(shopId) || isStopped()) continue
      const now = clock.now()
      const claimed = await store.transact((writer) => claimEmails(writer, shopId, now, now + LEASE_MS, BATCH))
      busy.add(shopId)
      track(Promise.all(claimed.map((row) => sendOne(mailer, row, isStopped))).finally(() => busy.delete(shopId)))
    }
  }

  async function sendOne(by: Mailer, row: EmailTable, isStopped: () => boolean): Promise<void> {
    const result = await attempt(by, row, isStopped)
    if (result.state !== 'SENT')
      // The reason may name the address: it stands in the row, which is forgotten in time.
      log.warn({ shopId: row.shop_id, emailId: row.id, kind: row.kind, state: result.state }, 'an e-mail was not sent')
    await store
      .transactOne((writer) => settleEmail(writer, row, result))
      .catch((error: unknown) => log.error({ err: error, emailId: row.id }, 'what came of an e-mail could not be recorded'))
  }

  /** Composes and sends; answers what came of it, and never rejects. */
  async function attempt(by: Mailer, row: EmailTable, isStopped: () => boolean): Promise<EmailResult> {
    let composed: Pick<EmailResult, 'language' | 'subject'> = {}
    try {
      const shop = await facts.shop(row.shop_id)
      const from = shop?.settings.email.from ?? null
      if (!shop || from === null) return { state: 'SUPPRESSED', error: 'the shop has switched e-mails off' }
      const email = await composing.compose(shop, row)
      if ('reason' in email) return { state: 'SUPPRESSED', error: email.reason }
      composed = { language: email.language, subject: email.subject }
      const message = messageOf(shop, from, row, email)
      const { messageId, refused } = await unlessStopped(isStopped, (signal) => by.send(message, signal))
      const told = [
        ...(email.fault === null ? [] : [email.fault]),
        ...(refused.length > 0 ? [`copies refused: ${refused.join(', ')}`] : []),
      ]
      const error = told.length > 0 ? wordsOf(told.join('; ')) : null
      return { ...composed, state: 'SENT', message_id: messageId, sent_at: clock.now(), error }
    } catch (error) {
      const message = wordsOf(error)
      const pause = error instanceof Undeliverable ? undefined : RETRY_AFTER_S[row.attempts - 1]
      if (pause === undefined) return { ...composed, state: 'FAILED', error: message }
      return { ...composed, state: 'QUEUED', error: message, due_at: clock.now() + pause * 1000 }
    }
  }

  function messageOf({ settings }: ShopFacts, from: { name: string; address: string }, row: EmailTable, email: ComposedEmail) {
    const { cc, bcc, replyTo } = settings.email
    const { subject, html, text } = email
    return { id: row.id, from, to: row.recipient, cc, bcc, replyTo, subject, html, text, sentAt: clock.now() }
  }

  /** Forgets what each shop has kept long enough. */
  async function purge({ isStopped }: Loop): Promise<void> {
    let after = ''
    while (!isStopped()) {
      const oldest = await oldestEmail(store.reader, after)
      if (!oldest) return
      after = oldest.shop_id
      const shop = await facts.shop(oldest.shop_id)
      const before = clock.now() - (durationMs(shop?.settings.email.keepLog ?? 'never') ?? Number.POSITIVE_INFINITY)
      for (let removed = PURGE_BATCH; removed === PURGE_BATCH && oldest.created_at < before && !isStopped(); )
        removed = await store.transact((writer) => purgeEmails(writer, oldest.shop_id, before, PURGE_BATCH))
    }
  }

  // By hand ---------------------------------------------------------------------------------------------------------------------------

  /** Sends any e-mail of an order, whatever the shop's settings say about its kind; the order's history tells. Answers its id. */
  async function send(
    shop: ShopFacts,
    orderId: string,
    wish: { kind: EmailKind; status: string; to: string | null; language: string | null; by: string },
    claim?: IdempotencyClaim,
  ): Promise<Once<{ id: string }> | Refusal> {
    if (!mailer) return refuse('email_unavailable', { reason: 'this installation has no way to send e-mails' })
    if (!queue.isOn(shop)) return refuse('email_unavailable', { reason: 'the shop says nobody whom they come from', path: '/email/from' })
    return once(parts, shop.id, claim, async (writer) => {
      const [row] = await lockOrders(writer, shop.id, [orderId])
      if (!row) return refuse('order_not_found', { orderId })
      const order = parseOrder(row)
      // An order that was never placed is nothing to be told of, but that its money went back.
      if (order.orderedAt === null && wish.kind !== 'order_refunded')
        return refuse('order_state_forbids', { orderId, state: order.state, action: 'email' })
      const recipient = wish.to ?? order.email
      if (recipient === null) return refuse('email_unavailable', { reason: 'the order has no address; name one', path: '/to' })
      if (!isPlainAddress(recipient)) return refuse('invalid', { reason: 'not_an_email_address', path: '/to' })
      const { kind, status, language, by } = wish
      const own = { kind, status: kind === 'order_status' ? status || order.status : '', language: language ?? order.language, by }
      const [id = ''] = await queue.add(writer, shop, [{ ...own, recipient, orderId, cartId: null, data: {} }])
      await recording.remember(writer, shop, order, { by, action: 'email', details: { emailId: id, kind, to: recipient } })
      return { id }
    })
  }

  /** Tries an e-mail again that failed, waits or was suppressed. */
  function retry(shopId: string, id: string, claim?: IdempotencyClaim): Promise<Once<{ id: string }> | Refusal> {
    return once(parts, shopId, claim, async (writer) => {
      const row = await readEmail(writer, shopId, id)
      if (!row) return refuse('email_not_found', { id })
      if (await requeueEmail(writer, shopId, id, clock.now())) return { id }
      return refuse('email_unavailable', { id, state: row.state, reason: 'it was sent, or is being sent; any e-mail can be sent anew' })
    })
  }

  // Templates -------------------------------------------------------------------------------------------------------------------------

  /** Writes a template of the shop's own, if it can be read. */
  async function putTemplate(shopId: string, key: TemplateKey, template: EmailTemplate, claim?: IdempotencyClaim) {
    const refused = templateRefusal(template)
    if (refused) return refused
    const { subject, html, text: body } = template
    return once(parts, shopId, claim, async (writer) => {
      await writeTemplate(writer, { shop_id: shopId, ...key, subject, html, body, updated_at: clock.now() })
      return key
    })
  }

  /** Removes one: ours is taken from then on. */
  function removeTemplate(shopId: string, key: TemplateKey, claim?: IdempotencyClaim) {
    return once(parts, shopId, claim, async (writer) =>
      (await deleteTemplate(writer, shopId, key)) ? key : refuse('email_template_not_found', { ...key }),
    )
  }

  /** An e-mail as it would be sent, of an order or of a sample; `draft` is a template that is not saved yet. */
  async function preview(
    shop: ShopFacts,
    of: { kind: EmailKind; status: string; language: string | null; orderId: string | null; draft: EmailTemplate | null },
  ): Promise<ComposedEmail | Refusal> {
    const refused = of.draft && templateRefusal(of.draft)
    if (refused) return { ...refused, path: `/template${refused.path ?? ''}` }
    const about = of.kind === 'cart_abandoned' ? { cart: sampleCart(shop, clock.now()) } : await orderFor(shop, of.orderId)
    if (isRefusal(about)) return about
    const status = of.kind === 'order_status' && of.status === '' && 'order' in about ? about.order.status : of.status
    const language = of.language ?? ('order' in about ? about.order.language : null)
    try {
      return await composing.fill(shop, { kind: of.kind, status, language, data: {}, about }, of.draft ?? undefined)
    } catch (error) {
      return refuse('email_template_invalid', { path: '/template', reason: wordsOf(error) })
    }
  }

  async function orderFor(shop: ShopFacts, orderId: string | null) {
    if (orderId === null) return { order: sampleOrder(shop, clock.now()), generation: 0 }
    const row = await readOrder(store.reader, shop.id, orderId)
    const [order] = row ? await serveOrders(store.reader, [row]) : []
    return row && order ? { order, generation: row.token_generation } : refuse('order_not_found', { orderId, path: '/order' })
  }

  const works: readonly Work[] = [
    { name: 'e-mails', everyMs: POLL_MS, run: sendDue },
    { name: 'the log of e-mails', everyMs: PURGE_EVERY_MS, run: purge },
  ]
  return { works, send, retry, putTemplate, removeTemplate, preview }
}

/** Sends with a deadline, which comes sooner when the node ends. */
async function unlessStopped<T>(isStopped: () => boolean, send: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const ending = new AbortController()
  let seconds = 0
  const watch = setInterval(() => {
    if (isStopped() && ++seconds >= GRACE_S) ending.abort(new Error('The node ended while the e-mail was being sent.'))
  }, 1000)
  try {
    return await withDeadline((signal) => send(AbortSignal.any([signal, ending.signal])), DEADLINE_MS)
  } finally {
    clearInterval(watch)
  }
}
