// E-mails to customers: what is to be sent and was sent, and the shop's own templates. A row of `emails` is queue and log in one; bodies are not kept.
import { type Kysely, sql } from 'kysely'
import type { Tables } from '../tables.ts'

const CHANGES = [
  `CREATE TABLE emails (
    shop_id text NOT NULL, id text NOT NULL, order_id text, cart_id text, kind text NOT NULL, status text NOT NULL, recipient text NOT NULL,
    language text, subject text, state text NOT NULL, attempts bigint NOT NULL, due_at bigint NOT NULL, leased_until bigint NOT NULL,
    error text, message_id text, data text NOT NULL, actor text NOT NULL, created_at bigint NOT NULL, sent_at bigint,
    PRIMARY KEY (shop_id, id))`,
  `CREATE INDEX emails_due ON emails (due_at) WHERE state IN ('QUEUED', 'SENDING')`,
  `CREATE INDEX emails_order ON emails (shop_id, order_id, id) WHERE order_id IS NOT NULL`,
  `CREATE INDEX emails_state ON emails (shop_id, state, id)`,
  `CREATE INDEX emails_kept ON emails (shop_id, created_at)`,
  `CREATE TABLE email_templates (
    shop_id text NOT NULL, kind text NOT NULL, status text NOT NULL, language text NOT NULL, subject text NOT NULL, html text NOT NULL,
    body text NOT NULL, updated_at bigint NOT NULL, PRIMARY KEY (shop_id, kind, status, language))`,
]

/** Makes both tables. */
export async function up(db: Kysely<Tables>): Promise<void> {
  for (const statement of CHANGES) await sql.raw(statement).execute(db)
}
