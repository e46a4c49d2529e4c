// E-mails are queued here, in the transaction of the change that they tell: what is not committed is told to nobody. An e-mail is a row without text;
// text is made when it is sent, from what is committed then. A shop that sends none, and an installation that cannot, cost nothing.
import { type EmailKind, emailsFor, isPlainAddress } from '../core/email.ts'
import type { Order } from '../core/order.ts'
import { insertEmails } from '../store/emails.ts'
import type { Writer } from '../store/store.ts'
import type { EmailTable } from '../store/tables.ts'
import type { ShopFacts } from './facts.ts'
import type { Clock, Randomness } from './ports.ts'

/** What an e-mail is about, and for whom. */
export interface EmailWish {
  readonly kind: EmailKind
  readonly recipient: string
  readonly orderId: string | null
  readonly cartId: string | null
  /** The new status that is told; else empty. */
  readonly status: string
  readonly language: string | null
  /** `guest`, `account`, a key by its id, `system`, or `provider:<name>`. */
  readonly by: string
  /** What else the change told: small and plain. */
  readonly data: EmailData
  /** Written down, but not sent. */
  readonly suppressed?: boolean
}

/** What a template sees of the change itself. */
export interface EmailData {
  readonly message?: string | null
  readonly details?: Readonly<Record<string, unknown>> | null
}

/** Queues e-mails. */
export type EmailQueue = ReturnType<typeof createEmailQueue>

/** Makes it. `canSend`: whether this installation has a way to send. */
export function createEmailQueue({ clock, random, canSend }: { clock: Clock; random: Randomness; canSend: boolean }) {
  /** Whether a shop sends e-mails by itself. */
  function isOn({ settings }: ShopFacts): boolean {
    return canSend && settings.email.from !== null
  }

  /** Queues what a change of an order means. `quiet`: written down as suppressed. */
  async function forChange(
    writer: Writer,
    shop: ShopFacts,
    before: Order,
    after: Order,
    how: { by: string; action: string; quiet?: boolean } & EmailData,
  ): Promise<void> {
    const { email } = after
    if (!isOn(shop) || email === null) return
    const { by, action, message = null, details = null, quiet = false } = how
    const wishes = emailsFor(before, after, action, shop.settings.email).map((kind) => ({
      kind,
      recipient: email,
      orderId: after.id,
      cartId: null,
      status: kind === 'order_status' ? after.status : '',
      language: after.language,
      by,
      data: { message, details },
      suppressed: quiet,
    }))
    await add(writer, shop, wishes)
  }

  /** Queues e-mails as they are wished; answers their ids. */
  async function add(writer: Writer, shop: ShopFacts, wishes: readonly EmailWish[]): Promise<string[]> {
    const now = clock.now()
    const rows = wishes.map((wish): EmailTable => {
      const state = wish.suppressed ? 'SUPPRESSED' : isPlainAddress(wish.recipient) ? 'QUEUED' : 'FAILED'
      const error = { SUPPRESSED: 'whoever made the change asked for no e-mail', FAILED: 'this is no address that can be written to' }
      return {
        shop_id: shop.id,
        id: random.id('eml'),
        order_id: wish.orderId,
        cart_id: wish.cartId,
        kind: wish.kind,
        status: wish.status,
        recipient: wish.recipient,
        language: wish.language,
        subject: null,
        state,
        attempts: 0,
        due_at: now,
        leased_until: 0,
        error: state === 'QUEUED' ? null : error[state],
        message_id: null,
        data: JSON.stringify(wish.data),
        actor: wish.by,
        created_at: now,
        sent_at: null,
      }
    })
    await insertEmails(writer, rows)
    return rows.map((row) => row.id)
  }

  return { isOn, forChange, add }
}
