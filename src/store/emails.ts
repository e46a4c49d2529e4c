// E-mails in the database: written in the transaction of the change that they tell, claimed by a lease, settled under it. The same rows are the log.
import { sql } from 'kysely'
import type { Reader, Writer } from './store.ts'
import type { EmailTable, EmailTemplateTable } from './tables.ts'

/** `SUPPRESSED`: it was decided not to send it; the error says why. */
export type EmailState = 'QUEUED' | 'SENDING' | 'SENT' | 'FAILED' | 'SUPPRESSED'

/** Written out, not bound: SQLite uses the index of what is due only where it can read the condition. */
const WAITING = [sql.lit('QUEUED'), sql.lit('SENDING')]

/** Writes e-mails. */
export async function insertEmails(writer: Writer, rows: readonly EmailTable[]): Promise<void> {
  if (rows.length > 0) await writer.db.insertInto('emails').values(rows).execute()
}

/** Whether an order was written to since then about this. */
export async function hasEmailSince(
  reader: Reader,
  shopId: string,
  { orderId, kind, since }: { orderId: string; kind: string; since: number },
): Promise<boolean> {
  const row = await reader.db
    .selectFrom('emails')
    .select('id')
    .where('shop_id', '=', shopId)
    .where('order_id', '=', orderId)
    .where('kind', '=', kind)
    .where('created_at', '>', since)
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

/** The shops that have something to send now, at most `limit`: read without a lock. */
export async function shopsWithEmails(reader: Reader, now: number, limit: number): Promise<string[]> {
  const rows = await reader.db
    .selectFrom('emails')
    .select('shop_id')
    .distinct()
    .where('state', 'in', WAITING)
    .where('due_at', '<=', now)
    .limit(limit)
    .execute()
  return rows.map((row) => row.shop_id)
}

/**
 * Claims e-mails of a shop that are due, at most `limit`, until `leasedUntil`: nobody else takes them before. A lease that ran out is claimed again,
 * so a crash loses nothing.
 */
export async function claimEmails(writer: Writer, shopId: string, now: number, leasedUntil: number, limit: number): Promise<EmailTable[]> {
  let query = writer.db
    .selectFrom('emails')
    .selectAll()
    // As an expression, so that the index of what is due is taken: by the shop its whole log would be read.
    .where(sql<string>`shop_id || ''`, '=', shopId)
    .where('state', 'in', WAITING)
    .where('due_at', '<=', now)
    .orderBy('due_at')
    .orderBy('id')
    .limit(limit)
  if (writer.dialect === 'postgres') query = query.forUpdate().skipLocked()
  const claimed: EmailTable[] = []
  for (const row of await query.execute()) {
    // Due again when the lease ends: one index finds what waits and what somebody left behind.
    const lease = { state: 'SENDING', attempts: row.attempts + 1, due_at: leasedUntil, leased_until: leasedUntil }
    await writer.db.updateTable('emails').set(lease).where('shop_id', '=', shopId).where('id', '=', row.id).execute()
    claimed.push({ ...row, ...lease })
  }
  return claimed
}

/** What came of an e-mail. */
export type EmailResult = Partial<Pick<EmailTable, 'language' | 'subject' | 'error' | 'message_id' | 'sent_at' | 'due_at'>> & {
  readonly state: EmailState
}

/** Records what came of a claimed e-mail; false when its lease does not stand any more. */
export async function settleEmail(writer: Writer, claimed: EmailTable, result: EmailResult): Promise<boolean> {
  const row = await writer.db
    .updateTable('emails')
    .set({ ...result, leased_until: 0 })
    .where('shop_id', '=', claimed.shop_id)
    .where('id', '=', claimed.id)
    .where('state', '=', 'SENDING')
    .where('leased_until', '=', claimed.leased_until)
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

/** One e-mail. */
export function readEmail(reader: Reader, shopId: string, id: string): Promise<EmailTable | undefined> {
  return reader.db.selectFrom('emails').selectAll().where('shop_id', '=', shopId).where('id', '=', id).executeTakeFirst()
}

/** Puts an e-mail that is not being sent back into the queue; false when it was sent, or somebody is at it. */
export async function requeueEmail(writer: Writer, shopId: string, id: string, now: number): Promise<boolean> {
  const row = await writer.db
    .updateTable('emails')
    .set({ state: 'QUEUED', attempts: 0, due_at: now, error: null })
    .where('shop_id', '=', shopId)
    .where('id', '=', id)
    .where('state', 'in', ['QUEUED', 'FAILED', 'SUPPRESSED'])
    .returning('id')
    .executeTakeFirst()
  return row !== undefined
}

/** E-mails, newest first: of an order, in a state, or all; `after` goes on behind an id. */
export function listEmails(
  reader: Reader,
  shopId: string,
  page: { orderId?: string; state?: string; after?: string; limit: number },
): Promise<EmailTable[]> {
  let query = reader.db.selectFrom('emails').selectAll().where('shop_id', '=', shopId)
  if (page.orderId !== undefined) query = query.where('order_id', '=', page.orderId)
  if (page.state !== undefined) query = query.where('state', '=', page.state)
  if (page.after !== undefined) query = query.where('id', '<', page.after)
  return query.orderBy('id', 'desc').limit(page.limit).execute()
}

/** The oldest e-mail of the next shop in order; undefined behind the last one. */
export function oldestEmail(reader: Reader, afterShop: string): Promise<Pick<EmailTable, 'shop_id' | 'created_at'> | undefined> {
  return reader.db
    .selectFrom('emails')
    .select(['shop_id', 'created_at'])
    .where('shop_id', '>', afterShop)
    .orderBy('shop_id')
    .orderBy('created_at')
    .limit(1)
    .executeTakeFirst()
}

/** Forgets e-mails of a shop that are over and from before a moment, at most `limit`; answers how many. */
export async function purgeEmails(writer: Writer, shopId: string, before: number, limit: number): Promise<number> {
  const old = await writer.db
    .selectFrom('emails')
    .select('id')
    .where('shop_id', '=', shopId)
    .where('created_at', '<', before)
    .where('state', 'in', ['SENT', 'FAILED', 'SUPPRESSED'])
    .orderBy('created_at')
    .limit(limit)
    .execute()
  for (const { id } of old) await writer.db.deleteFrom('emails').where('shop_id', '=', shopId).where('id', '=', id).execute()
  return old.length
}

// Templates ----------------------------------------------------------------------------------------------------------------------------

/** The shop's own templates, of one kind or all. */
export function readTemplates(reader: Reader, shopId: string, kind?: string): Promise<EmailTemplateTable[]> {
  let query = reader.db.selectFrom('email_templates').selectAll().where('shop_id', '=', shopId)
  if (kind !== undefined) query = query.where('kind', '=', kind)
  return query.orderBy('kind').orderBy('status').orderBy('language').execute()
}

/** Writes a template in place of the one before. */
export async function writeTemplate(writer: Writer, row: EmailTemplateTable): Promise<void> {
  const { subject, html, body, updated_at } = row
  await writer.db
    .insertInto('email_templates')
    .values(row)
    .onConflict((conflict) => conflict.columns(['shop_id', 'kind', 'status', 'language']).doUpdateSet({ subject, html, body, updated_at }))
    .execute()
}

/** What a template is for. */
export type TemplateKey = Pick<EmailTemplateTable, 'kind' | 'status' | 'language'>

/** Removes a template; false when there is none. */
export async function deleteTemplate(writer: Writer, shopId: string, { kind, status, language }: TemplateKey): Promise<boolean> {
  const row = await writer.db
    .deleteFrom('email_templates')
    .where('shop_id', '=', shopId)
    .where('kind', '=', kind)
    .where('status', '=', status)
    .where('language', '=', language)
    .returning('kind')
    .executeTakeFirst()
  return row !== undefined
}
