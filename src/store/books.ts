// The books: what must be true of money, orders, stock and uses whenever nothing is under way, as queries whose rows are what is wrong. They read only,
// and each is one statement, so a live shop is looked at as it stood at one moment (PAY-1, MON-8).
import { type RawBuilder, sql } from 'kysely'
import type { Reader } from './store.ts'

/** What is wrong with one thing: `id` names it, `detail` says what was found. */
export interface Finding {
  readonly shopId: string
  readonly id: string
  readonly detail: string
}

/** One promise, and what breaks it. `error`: money, stock or uses are not what they must be. `warning`: somebody should look. */
export interface Check {
  readonly name: string
  readonly says: string
  readonly severity: 'error' | 'warning'
  readonly findings: readonly Finding[]
  /** More were found than are listed. */
  readonly more: boolean
}

/** What was sold, taken and given back in one currency of one shop; minor units. */
export interface Turnover {
  readonly shopId: string
  readonly currency: string
  readonly orders: number
  readonly total: number
  readonly captured: number
  readonly refunded: number
}

/** How many findings of one kind are listed. */
const LISTED = 100
const HOUR_MS = 3_600_000
/** Card networks let go of reserved money after seven days. */
const RESERVED_LONG_MS = 6 * 24 * HOUR_MS
const QUIET_LONG_MS = 48 * HOUR_MS

/** Of every order what was taken, what went back, and what is on its way back. */
const MONEY = sql`
  SELECT o.shop_id, o.id, o.state, o.payment_state, o.placed_at, o.total, o.currency, o.money_kept,
    CASE WHEN o.state = 'CANCELLED' THEN o.total ELSE o.total - o.cancelled END AS owed,
    (SELECT coalesce(sum(p.captured), 0) FROM payments p WHERE p.shop_id = o.shop_id AND p.order_id = o.id) AS captured,
    (SELECT coalesce(sum(r.amount), 0) FROM refunds r JOIN payments p ON p.shop_id = r.shop_id AND p.id = r.payment_id
      WHERE r.shop_id = o.shop_id AND r.order_id = o.id AND r.state = 'SUCCEEDED' AND p.captured > 0) AS refunded,
    (SELECT coalesce(sum(r.amount), 0) FROM refunds r JOIN payments p ON p.shop_id = r.shop_id AND p.id = r.payment_id
      WHERE r.shop_id = o.shop_id AND r.order_id = o.id AND r.state IN ('PENDING', 'SUCCEEDED') AND p.captured > 0) AS going_back
  FROM orders o`

/**
 * Of every placed order with no money on its way back the payment state, and what it must be by its payments and refunds. The rule is the one of
 * `orderPaymentState`, told a second time on purpose: what proves the books must not rest on what keeps them.
 */
const STATES = sql`
  SELECT o.shop_id, o.id, o.payment_state, CASE
      WHEN sum(CASE WHEN p.captured > p.returned THEN 1 ELSE 0 END) > 0 AND sum(p.captured) < o.owed THEN 'PARTIALLY_PAID'
      WHEN sum(CASE WHEN p.captured > p.returned AND p.returned > 0 THEN 1 ELSE 0 END) > 0 THEN 'PARTIALLY_REFUNDED'
      WHEN sum(CASE WHEN p.captured > p.returned THEN p.captured ELSE 0 END) >= o.owed AND sum(p.captured - p.returned) > 0 THEN 'PAID'
      WHEN sum(CASE WHEN p.captured > p.returned THEN 1 ELSE 0 END) > 0 THEN 'PARTIALLY_REFUNDED'
      WHEN sum(CASE WHEN p.state = 'AUTHORIZED' THEN 1 ELSE 0 END) > 0 THEN 'AUTHORIZED'
      WHEN sum(CASE WHEN p.captured > 0 OR p.state = 'REFUNDED' THEN 1 ELSE 0 END) > 0 THEN 'REFUNDED'
      WHEN sum(CASE WHEN p.state IN ('OPENING', 'PENDING') THEN 1 ELSE 0 END) > 0 THEN 'PENDING'
      WHEN sum(CASE WHEN p.state <> 'PAID' OR p.amount > 0 THEN 1 ELSE 0 END) = count(p.id) AND count(p.id) > 0 THEN 'FAILED'
      WHEN o.owed = 0 THEN 'PAID'
      ELSE 'NONE' END AS derived
  FROM (${MONEY}) o LEFT JOIN (
    SELECT each.shop_id, each.order_id, each.id, each.state, each.amount, each.captured,
      (SELECT coalesce(sum(r.amount), 0) FROM refunds r
        WHERE r.shop_id = each.shop_id AND r.payment_id = each.id AND r.state = 'SUCCEEDED') AS returned
    FROM payments each
  ) p ON p.shop_id = o.shop_id AND p.order_id = o.id
  WHERE o.placed_at IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM refunds r WHERE r.shop_id = o.shop_id AND r.order_id = o.id AND r.state = 'PENDING')
  GROUP BY o.shop_id, o.id, o.payment_state, o.owed`

interface Rule {
  readonly name: string
  readonly says: string
  readonly severity: Check['severity']
  /** Rows of `shop_id`, `id`, `detail`. */
  broken(now: number): RawBuilder<unknown>
}

const RULES: readonly Rule[] = [
  {
    name: 'captured_without_order',
    says: 'Money that was taken belongs to a placed order, or all of it goes back, unless staff kept it.',
    severity: 'error',
    broken: () => sql`SELECT shop_id, id, state || ', captured ' || captured || ', going back ' || going_back AS detail FROM (${MONEY}) m
      WHERE (placed_at IS NULL OR (state = 'CANCELLED' AND money_kept = 0)) AND captured > going_back`,
  },
  {
    name: 'payment_state_wrong',
    says: "A placed order's payment state is what its payments and refunds come to.",
    severity: 'error',
    broken: () =>
      sql`SELECT shop_id, id, payment_state || ', comes to ' || derived AS detail FROM (${STATES}) s WHERE payment_state <> derived`,
  },
  {
    name: 'refunds_exceed_payment',
    says: 'No more goes back than was taken or reserved.',
    severity: 'error',
    broken:
      () => sql`SELECT p.shop_id, p.id, p.state || ', captured ' || p.captured || ' of ' || p.amount || ', going back ' || sum(r.amount) AS detail
      FROM payments p JOIN refunds r ON r.shop_id = p.shop_id AND r.payment_id = p.id AND r.state IN ('PENDING', 'SUCCEEDED')
      GROUP BY p.shop_id, p.id, p.state, p.captured, p.amount
      HAVING sum(r.amount) > CASE WHEN p.captured > 0 THEN p.captured ELSE p.amount END`,
  },
  {
    name: 'captured_exceeds_payment',
    says: 'No more is taken than was asked for.',
    severity: 'error',
    broken: () => sql`SELECT shop_id, id, 'captured ' || captured || ' of ' || amount AS detail FROM payments WHERE captured > amount`,
  },
  {
    name: 'ordered_twice',
    says: 'A cart becomes one order.',
    severity: 'error',
    broken: () => sql`SELECT shop_id, cart_id AS id, count(*) || ' placed orders' AS detail FROM orders
      WHERE placed_at IS NOT NULL AND whole = 1 AND cart_id IS NOT NULL GROUP BY shop_id, cart_id HAVING count(*) > 1`,
  },
  {
    name: 'placed_without_number',
    says: 'A placed order has a number and a reference of its own.',
    severity: 'error',
    broken:
      () => sql`SELECT o.shop_id, o.id, 'number ' || coalesce(o.number, '-') || ', reference ' || coalesce(o.reference, '-') AS detail FROM orders o
      WHERE o.placed_at IS NOT NULL AND (o.number IS NULL OR o.reference IS NULL)`,
  },
  {
    name: 'stock_negative',
    says: 'Stock that must not be oversold is never below zero.',
    severity: 'error',
    broken: () => sql`SELECT shop_id, sku AS id, 'on hand ' || on_hand AS detail FROM stock WHERE policy = 'deny' AND on_hand < 0`,
  },
  {
    name: 'held_for_ended_order',
    says: 'Stock is held only for orders that await payment.',
    severity: 'error',
    broken: () => sql`SELECT r.shop_id, r.sku AS id, r.quantity || ' for order ' || o.id || ', ' || o.state AS detail
      FROM reservations r JOIN orders o ON o.shop_id = r.shop_id AND o.id = r.order_id WHERE o.state <> 'NEW'`,
  },
  {
    name: 'uses_of_promotion',
    says: 'A promotion counts its uses exactly.',
    severity: 'error',
    broken: () => sql`SELECT p.shop_id, p.id, 'counts ' || p.uses || ', has ' || count(r.order_id) AS detail
      FROM promotions p LEFT JOIN redemptions r ON r.shop_id = p.shop_id AND r.promotion_id = p.id
      GROUP BY p.shop_id, p.id, p.uses HAVING p.uses <> count(r.order_id)`,
  },
  {
    name: 'uses_of_code',
    says: 'A promotion code counts its uses exactly.',
    severity: 'error',
    broken: () => sql`SELECT c.shop_id, c.code AS id, 'counts ' || c.uses || ', has ' || count(r.order_id) AS detail
      FROM promotion_codes c LEFT JOIN redemptions r ON r.shop_id = c.shop_id AND r.promotion_id = c.promotion_id AND r.code = c.code
      GROUP BY c.shop_id, c.code, c.uses HAVING c.uses <> count(r.order_id)`,
  },
  {
    name: 'use_of_ended_order',
    says: 'An order that has ended unplaced, or was cancelled, uses no promotion.',
    severity: 'error',
    broken: () => sql`SELECT r.shop_id, r.order_id AS id, r.promotion_id || ', order ' || o.state AS detail
      FROM redemptions r JOIN orders o ON o.shop_id = r.shop_id AND o.id = r.order_id WHERE o.state IN ('SUPERSEDED', 'EXPIRED', 'CANCELLED')`,
  },
  {
    name: 'balance_wrong',
    says: 'A balance is the sum of its entries, and every entry belongs to one.',
    severity: 'error',
    broken:
      () => sql`SELECT e.shop_id, e.account || ' ' || e.currency AS id, 'is ' || coalesce(b.amount, 0) || ', entries ' || e.total AS detail
      FROM (SELECT shop_id, account, currency, sum(amount) AS total FROM balance_entries GROUP BY shop_id, account, currency) e
      LEFT JOIN balances b ON b.shop_id = e.shop_id AND b.account = e.account AND b.currency = e.currency
      WHERE coalesce(b.amount, 0) <> e.total
      UNION ALL SELECT b.shop_id, b.account || ' ' || b.currency, 'is ' || b.amount || ', no entries' FROM balances b
      WHERE NOT EXISTS (SELECT 1 FROM balance_entries e WHERE e.shop_id = b.shop_id AND e.account = b.account AND e.currency = b.currency)`,
  },
  {
    name: 'balance_overdrawn',
    says: 'Nobody pays with more than the balance holds.',
    severity: 'error',
    broken: () => sql`SELECT shop_id, id, account || ', ' || amount || ' ' || currency || ', after it ' || balance_after AS detail
      FROM balance_entries WHERE kind = 'payment' AND amount <> 0 AND balance_after < 0`,
  },
  {
    name: 'balance_paid_without_payment',
    says: 'What was debited for an order is a payment of it, or is on its way to be one.',
    severity: 'error',
    broken: () => sql`SELECT e.shop_id, e.id, e.payment_id || ', ' || p.state AS detail
      FROM balance_entries e JOIN payments p ON p.shop_id = e.shop_id AND p.id = e.payment_id
      WHERE e.kind = 'payment' AND e.amount < 0 AND p.state = 'CANCELLED'`,
  },
  {
    name: 'overpaid',
    says: 'A placed order costs no less than was taken for it and kept.',
    severity: 'warning',
    broken:
      () => sql`SELECT shop_id, id, 'owed ' || owed || ', captured ' || captured || ', going back ' || going_back AS detail FROM (${MONEY}) m
      WHERE state IN ('PLACED', 'COMPLETED') AND captured - going_back > owed`,
  },
  {
    name: 'refund_failed',
    says: 'Money that is to go back gets there.',
    severity: 'warning',
    broken: () =>
      sql`SELECT shop_id, id, amount || ' ' || currency || ' of order ' || order_id AS detail FROM refunds WHERE state = 'FAILED'`,
  },
  {
    name: 'payment_mismatch',
    says: 'Providers take exactly what was asked for.',
    severity: 'warning',
    broken: () =>
      sql`SELECT shop_id, id, provider || ', order ' || order_id AS detail FROM payments WHERE reason = 'amount_mismatch' AND state <> 'PAID'`,
  },
  {
    name: 'event_waiting',
    says: 'What a provider sent is applied within the hour.',
    severity: 'warning',
    broken: (now) => sql`SELECT shop_id, event_id AS id, provider || ', ' || attempts || ' attempts' AS detail FROM provider_events
      WHERE applied_at IS NULL AND received_at < ${now - HOUR_MS}`,
  },
  {
    name: 'reserved_long',
    says: 'Reserved money is taken before its bank lets go of it.',
    severity: 'warning',
    broken: (now) => sql`SELECT shop_id, id, 'order ' || order_id || ', since ' || updated_at AS detail FROM payments
      WHERE state = 'AUTHORIZED' AND updated_at < ${now - RESERVED_LONG_MS}`,
  },
  {
    name: 'session_open_long',
    says: 'A payment session is settled or closed within two days.',
    severity: 'warning',
    broken: (now) => sql`SELECT p.shop_id, p.id, p.state || ', order ' || p.order_id AS detail FROM payments p
      JOIN orders o ON o.shop_id = p.shop_id AND o.id = p.order_id
      WHERE p.state IN ('OPENING', 'PENDING') AND o.placed_at IS NULL AND p.created_at < ${now - QUIET_LONG_MS}`,
  },
  {
    name: 'delivery_without_endpoint',
    says: 'What is to be sent has an endpoint.',
    severity: 'warning',
    broken: (now) => sql`SELECT d.shop_id, d.id, d.type || ' to ' || d.endpoint_id AS detail FROM deliveries d
      WHERE d.state IN ('PENDING', 'SENDING') AND d.created_at < ${now - HOUR_MS}
        AND NOT EXISTS (SELECT 1 FROM endpoints e WHERE e.shop_id = d.shop_id AND e.id = d.endpoint_id)`,
  },
  {
    name: 'delivery_dead',
    says: 'Webhook endpoints get their events.',
    severity: 'warning',
    broken: () =>
      sql`SELECT shop_id, id, type || ' to ' || endpoint_id || ': ' || coalesce(last_error, '') AS detail FROM deliveries WHERE state = 'DEAD'`,
  },
]

/** Checks every promise at `now` (ms), of one shop or of all. Nothing is changed. */
export async function checkBooks(reader: Reader, now: number, shopId: string | null = null): Promise<Check[]> {
  const checks: Check[] = []
  for (const { name, says, severity, broken } of RULES) {
    let query = reader.db
      .selectFrom(sql<{ shop_id: string; id: string; detail: string }>`(${broken(now)})`.as('broken'))
      .select(['shop_id', 'id', 'detail'])
    if (shopId !== null) query = query.where('shop_id', '=', shopId)
    const rows = await query
      .orderBy('shop_id')
      .orderBy('id')
      .limit(LISTED + 1)
      .execute()
    const findings = rows.slice(0, LISTED).map((row) => ({ shopId: row.shop_id, id: row.id, detail: row.detail }))
    checks.push({ name, says, severity, findings, more: rows.length > LISTED })
  }
  return checks
}

/** What was sold, taken and given back, by shop and currency: placed orders that were not cancelled, and all money whatever became of its order. */
export async function turnover(reader: Reader, shopId: string | null = null): Promise<Turnover[]> {
  type Money = { shop_id: string; currency: string; state: string; total: number; captured: number; refunded: number }
  let query = reader.db
    .selectFrom(sql<Money>`(${MONEY})`.as('m'))
    .select((eb) => [
      'shop_id',
      'currency',
      eb.fn.sum(sql<number>`CASE WHEN state IN ('PLACED', 'COMPLETED') THEN 1 ELSE 0 END`).as('orders'),
      eb.fn.sum(sql<number>`CASE WHEN state IN ('PLACED', 'COMPLETED') THEN total ELSE 0 END`).as('total'),
      eb.fn.sum('captured').as('captured'),
      eb.fn.sum('refunded').as('refunded'),
    ])
    .groupBy(['shop_id', 'currency'])
    .orderBy('shop_id')
    .orderBy('currency')
  if (shopId !== null) query = query.where('shop_id', '=', shopId)
  return (await query.execute()).map((row) => ({
    shopId: row.shop_id,
    currency: row.currency,
    orders: Number(row.orders),
    total: Number(row.total),
    captured: Number(row.captured),
    refunded: Number(row.refunded),
  }))
}
