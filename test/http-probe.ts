// What the HTTP tests look with: the content of every table, so that "nothing was written" is measured and not assumed; the form that every
// problem must have; and the demo's items that tests buy.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { Reader } from '../src/store/store.ts'
import type { DeliveryTable, Tables } from '../src/store/tables.ts'
import type { Answer } from './harness.ts'

/** False: what is refused is counted there, and nowhere else. */
const TABLES: Readonly<Record<keyof Tables, boolean>> = {
  shops: true,
  settings: true,
  epochs: true,
  epoch_log: true,
  carts: true,
  cart_history: true,
  merges: true,
  audit: true,
  account_emails: true,
  guests: true,
  guest_secrets: true,
  api_keys: true,
  products: true,
  variants: true,
  prices: true,
  stock: true,
  reservations: true,
  promotions: true,
  promotion_codes: true,
  redemptions: true,
  orders: true,
  order_history: true,
  fulfilments: true,
  subscriptions: true,
  subscription_orders: true,
  order_revisions: true,
  sequences: true,
  payments: true,
  payment_actions: true,
  provider_accounts: true,
  refunds: true,
  balances: true,
  balance_entries: true,
  provider_events: true,
  endpoints: true,
  deliveries: true,
  emails: true,
  email_templates: true,
  delivery_attempts: true,
  idempotency: true,
  instance: true,
  quotes: true,
  sandbox_sessions: true,
  attempts: false,
}

/** Rows and a hash of the content of every table. Two that are equal: nothing was written in between. */
export async function contentOfTables({ db }: Reader): Promise<Record<string, string>> {
  const content: Record<string, string> = {}
  for (const table of (Object.keys(TABLES) as (keyof Tables)[]).filter((each) => TABLES[each])) {
    const rows = (await db.selectFrom(table).selectAll().execute()).map((row) => JSON.stringify(row)).sort()
    content[table] = `${rows.length} ${createHash('sha256').update(rows.join('\n')).digest('base64url')}`
  }
  return content
}

/** How many rows each of some tables has. */
export async function rowsIn({ db }: Reader, ...tables: (keyof Tables)[]): Promise<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const table of tables) counts[table] = (await db.selectFrom(table).selectAll().execute()).length
  return counts
}

/** Fails unless the answer is a complete RFC 9457 problem with this status and, where given, this code. */
export function assertProblem(answer: Answer, status: number, code?: string): void {
  const told = `${answer.status} ${JSON.stringify(answer.body).slice(0, 300)}`
  assert.equal(answer.status, status, told)
  assert.equal(answer.headers.get('content-type'), 'application/problem+json; charset=utf-8', told)
  for (const field of ['type', 'title', 'code', 'requestId']) {
    assert.equal(typeof answer.body[field], 'string', `${field} is missing: ${told}`)
    assert.notEqual(answer.body[field], '', `${field} is empty: ${told}`)
  }
  assert.equal(answer.body.status, status, told)
  assert.equal(answer.body.type, `urn:cartwright:problem:${answer.body.code}`, told)
  assert.equal(answer.headers.get('x-request-id'), answer.body.requestId, told)
  if (code !== undefined) assert.equal(answer.body.code, code, told)
}

/** A row of the outbox of the demo shop that was given up. */
export function deadLetter(endpointId: string, id: string): DeliveryTable {
  return {
    shop_id: 'demo',
    id,
    endpoint_id: endpointId,
    event_id: `evt_${id}`,
    type: 'refund.failed',
    subject: `ord_${id}`,
    data: '{}',
    state: 'DEAD',
    attempts: 12,
    due_at: 0,
    leased_until: 0,
    created_at: Date.now(),
    delivered_at: null,
    last_status: 500,
    last_error: 'no',
    occurred_at: 0,
  }
}

/** A postal address that demo shops ship to. */
export const ADDRESS = { name: 'Robin', line1: '1 Main St', city: 'New York', region: 'NY', postalCode: '10001', country: 'US' }

/** A product with one variant and a price in USD, as it is written. */
export function product(handle: string, sku: string, amount: number) {
  return {
    handle,
    name: `Product ${handle}`,
    description: '',
    tags: [] as string[],
    kind: 'goods',
    published: true,
    images: [] as { src: string; alt: string }[],
    taxCategory: 'standard',
    variants: [
      {
        sku,
        name: 'Default',
        options: {} as Record<string, string>,
        prices: [{ currency: 'USD', amount }],
        stockPolicy: 'untracked',
        requiresShipping: true,
        taxable: true,
        grams: 100,
      },
    ],
  }
}

/** The secret part of a guest's token `ct_<32 hex>_<secret>`; it may itself contain underscores. */
export function secretOf(token: string): string {
  const secret = token.slice('ct_'.length + 33)
  assert.match(secret, /^[\w-]{43}$/)
  return secret
}
