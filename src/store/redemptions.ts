// Who used a promotion, and for how much. Uses and money are counted on the promotion's row under its lock, so limits are exact: a use is taken
// when an order is created, before any charge, and given back when the order is superseded, cancelled or expired.
import { sql } from 'kysely'
import { type Customer, isKnown } from '../core/customer.ts'
import { sum } from '../core/money.ts'
import { amountIn, asks, type Promotion, parsePromotion } from '../core/promotion.ts'
import { durationMs } from '../core/time.ts'
import { isAmong, type Reader, type Statement, type Writer } from './store.ts'
import type { RedemptionTable } from './tables.ts'

/** One use of a promotion by an order. `amount` is what it takes off, in minor units >= 0. */
export interface Use {
  readonly promotionId: string
  readonly code: string | null
  readonly amount: number
}

/** A use that cannot be had, and why. */
export interface NoUse extends Pick<Use, 'promotionId' | 'code'> {
  readonly reason: 'exhausted' | 'needs_email' | 'used_up_by_customer' | 'not_first_order'
}

/** Money by currency, in minor units. */
type Amounts = Readonly<Record<string, number>>

// What is left ---------------------------------------------------------------------------------------------------------------------------

/** A use that the unpaid order of a cart holds. */
export interface Held {
  readonly cartId: string
  readonly amount: number
  readonly currency: string | null
}

/** What is left of a limited promotion, and what unpaid orders hold of it: known where it could run out by them. */
export interface PromotionUses {
  readonly usesLeft: number | null
  readonly budgetLeft: Amounts | null
  readonly held: readonly Held[]
}

/** What is left of these promotions, by id. At most two statements, however many there are. */
export async function readLimits(reader: Reader, shopId: string, promotions: readonly Promotion[]): Promise<Map<string, PromotionUses>> {
  if (promotions.length === 0) return new Map()
  const byId = new Map(promotions.map((promotion) => [promotion.id, promotion]))
  const rows = await reader.db
    .selectFrom('promotions')
    .select(['id', 'uses', 'spent'])
    .where('shop_id', '=', shopId)
    .where(isAmong(reader, 'id', [...byId.keys()]))
    .execute()
  const left = rows.map(({ id, uses, spent }) => {
    const { usesMax = null, budget = null } = byId.get(id) ?? {}
    const taken = JSON.parse(spent) as Amounts
    const budgetLeft = budget && Object.fromEntries(budget.map(({ currency, amount }) => [currency, amount - (taken[currency] ?? 0)]))
    return { id, usesLeft: usesMax === null ? null : usesMax - uses, budgetLeft, isShort: (usesMax !== null && uses >= usesMax) || budget }
  })
  const held = await readHeld(
    reader,
    shopId,
    left.flatMap(({ id, isShort }) => (isShort ? id : [])),
  )
  return new Map(left.map(({ id, usesLeft, budgetLeft }) => [id, { usesLeft, budgetLeft, held: held.get(id) ?? [] }]))
}

async function readHeld(reader: Reader, shopId: string, promotionIds: readonly string[]): Promise<Map<string, Held[]>> {
  const held = new Map<string, Held[]>()
  if (promotionIds.length === 0) return held
  const rows = await reader.db
    .selectFrom('redemptions as r')
    .innerJoin('orders as o', (join) => join.onRef('o.shop_id', '=', 'r.shop_id').onRef('o.id', '=', 'r.order_id'))
    .select(['r.promotion_id', 'r.amount', 'r.currency', 'o.cart_id'])
    .where('r.shop_id', '=', shopId)
    .where(isAmong(reader, 'r.promotion_id', promotionIds))
    // Literal: the index of reserved uses serves only who says so before the values are known.
    .where('r.state', '=', sql.lit('RESERVED'))
    .where('o.state', '=', 'NEW')
    .execute()
  for (const { promotion_id: id, cart_id: cartId, amount, currency } of rows) {
    if (cartId === null) continue
    const known = held.get(id)
    if (known) known.push({ cartId, amount, currency })
    else held.set(id, [{ cartId, amount, currency }])
  }
  return held
}

// Customers ------------------------------------------------------------------------------------------------------------------------------

/** A promotion whose uses are counted for each customer, from `since` (milliseconds) on. */
export interface CountedPromotion {
  readonly id: string
  readonly since: number
}

/** How a promotion counts each customer's uses, or null. One for first orders counts them as well: two orders at once are not both the first. */
export function countedOf(promotion: Promotion, now: number): CountedPromotion | null {
  const { id, perCustomer } = promotion
  if (asks(promotion, 'first_order')) return { id, since: 0 }
  if (perCustomer === null) return null
  const within = durationMs(perCustomer.within ?? 'never') ?? Number.POSITIVE_INFINITY
  return { id, since: Math.max(0, now - within) }
}

/** What a customer used: by promotion how often and when, which carts' unpaid orders are among it, and whether any order of theirs was placed. */
export interface CustomerUses {
  readonly uses: ReadonlyMap<string, { readonly count: number; readonly heldBy: readonly string[] }>
  readonly hasOrdered: boolean
}

/**
 * By account or by e-mail address: a use that is both counts once. A customer is a row of a list, so one statement serves a whole batch, and
 * each half of the union has its own index.
 */
function customersStatement(list: (parameter: number, columns: string) => string, shop: string, orders: string, joined: string): string {
  const uses = (column: 'account' | 'email') => `SELECT c.n, r.promotion_id, r.order_id, r.state FROM customers c CROSS JOIN wanted w
    JOIN redemptions r ON r.shop_id = ${shop} AND r.${column} = c.${column} AND r.promotion_id = w.id AND r.created_at >= w.since`
  const placed = (condition: string) =>
    `EXISTS (SELECT 1 FROM orders o WHERE o.shop_id = ${shop} AND ${condition} AND o.placed_at IS NOT NULL)`
  return `WITH customers AS (${list(2, 'n account email')}), wanted AS (${list(3, 'n id since')}),
    found AS (${uses('account')} UNION ${uses('email')})
    SELECT f.n, f.promotion_id, count(*) AS uses, ${joined} AS held
      FROM found f LEFT JOIN orders o ON f.state = 'RESERVED' AND o.shop_id = ${shop} AND o.id = f.order_id AND o.state = 'NEW'
      GROUP BY f.n, f.promotion_id
    UNION ALL SELECT c.n, NULL, 1, NULL FROM customers c
      WHERE ${orders} = 1 AND (${placed(`o.owner = 'a:' || c.account`)} OR ${placed('o.customer_email = c.email')})`
}

const CUSTOMERS: Statement = {
  name: 'read_customers',
  postgres: customersStatement(
    (parameter, columns) => {
      const [n = '', first = '', second = ''] = columns.split(' ')
      const type = second === 'since' ? 'bigint' : 'text'
      return `SELECT j.${n}, j.value ->> 0 AS ${first}, (j.value ->> 1)::${type} AS ${second} FROM jsonb_array_elements($${parameter}::jsonb) WITH ORDINALITY AS j(value, n)`
    },
    '$1',
    '$4::bigint',
    `string_agg(o.cart_id, ',')`,
  ),
  sqlite: customersStatement(
    (parameter, columns) => {
      const [n = '', first = '', second = ''] = columns.split(' ')
      return `SELECT key + 1 AS ${n}, json_extract(value, '$[0]') AS ${first}, json_extract(value, '$[1]') AS ${second} FROM json_each(?${parameter})`
    },
    '?1',
    '?4',
    'group_concat(o.cart_id)',
  ),
}

/** What these customers used, in their order, of what is counted; one statement for all. `orders`: whether they ordered before is asked, too. */
export async function readCustomers(
  reader: Reader,
  shopId: string,
  customers: readonly Customer[],
  counted: readonly CountedPromotion[],
  orders: boolean,
): Promise<CustomerUses[]> {
  const rows = await reader.run<{ n: number; promotion_id: string | null; uses: number; held: string | null }>(CUSTOMERS, [
    shopId,
    JSON.stringify(customers.map(({ account, email }) => [account, email])),
    JSON.stringify(counted.map(({ id, since }) => [id, since])),
    orders ? 1 : 0,
  ])
  return customers.map((_, index) => {
    const own = rows.filter(({ n }) => n === index + 1)
    const uses = own.flatMap(({ promotion_id: id, uses: count, held }) =>
      id === null ? [] : [[id, { count, heldBy: held === null ? [] : held.split(',') }] as const],
    )
    return { uses: new Map(uses), hasOrdered: own.some(({ promotion_id: id }) => id === null) }
  })
}

// Taking and giving back -----------------------------------------------------------------------------------------------------------------

/** Locks promotions in order of id and reads them. */
export async function lockPromotions(
  writer: Writer,
  shopId: string,
  ids: readonly string[],
): Promise<Map<string, { readonly promotion: Promotion; readonly uses: number; readonly spent: Amounts }>> {
  if (ids.length === 0) return new Map()
  let locking = writer.db
    .selectFrom('promotions')
    .select(['id', 'uses', 'spent', 'document'])
    .where('shop_id', '=', shopId)
    .where('id', 'in', [...ids])
    .orderBy('id')
  if (writer.dialect === 'postgres') locking = locking.forUpdate()
  const rows = await locking.execute()
  return new Map(
    rows.map(({ id, uses, spent, document }) => [id, { promotion: parsePromotion(document), uses, spent: JSON.parse(spent) as Amounts }]),
  )
}

/**
 * Takes one use of each promotion for an order, under the promotions' locks (in order of id): of the promotion, of its code, of the customer and of
 * the budget. Only together: whoever gets an answer rolls back.
 * @returns the use that cannot be had, or null when all were taken
 */
export async function redeem(
  writer: Writer,
  shopId: string,
  order: { readonly id: string; readonly currency: string; readonly customer: Customer },
  uses: readonly Use[],
  now: number,
): Promise<NoUse | null> {
  const inOrder = [...uses].sort((a, b) => (a.promotionId < b.promotionId ? -1 : 1))
  const locked = await lockPromotions(
    writer,
    shopId,
    inOrder.map((use) => use.promotionId),
  )
  const personal = await personalRefusal(
    writer,
    shopId,
    order.customer,
    inOrder.map((use) => ({ use, promotion: locked.get(use.promotionId)?.promotion })),
    now,
  )
  if (personal) return personal
  for (const use of inOrder) {
    const { promotionId, code, amount } = use
    const known = locked.get(promotionId)
    const spent = known && spentAfter(known, order.currency, amount)
    if (!known || !spent || (known.promotion.usesMax !== null && known.uses >= known.promotion.usesMax))
      return { promotionId, code, reason: 'exhausted' }
    if (code !== null && !(await countCode(writer, shopId, code))) return { promotionId, code, reason: 'exhausted' }
    await writer.db
      .updateTable('promotions')
      .set({ uses: known.uses + 1, spent: JSON.stringify(spent) })
      .where('shop_id', '=', shopId)
      .where('id', '=', promotionId)
      .execute()
    const { account, email } = order.customer
    const row = { shop_id: shopId, order_id: order.id, promotion_id: promotionId, code, state: 'RESERVED', created_at: now }
    await writer.db
      .insertInto('redemptions')
      .values({ ...row, account, email, amount, currency: order.currency })
      .execute()
  }
  return null
}

/** What was spent with this amount; null where the budget does not allow it, or where the sum could not be counted exactly any more. */
function spentAfter({ promotion, spent }: { promotion: Promotion; spent: Amounts }, currency: string, amount: number): Amounts | null {
  const total = sum([spent[currency] ?? 0, amount])
  if (total === null) return null
  const isAllowed = promotion.budget === null || total <= (amountIn(promotion.budget, currency) ?? 0)
  return isAllowed ? { ...spent, [currency]: total } : null
}

/** The first of these promotions that this customer may not use (again), read under the promotions' locks. */
async function personalRefusal(
  writer: Writer,
  shopId: string,
  customer: Customer,
  uses: readonly { use: Use; promotion: Promotion | undefined }[],
  now: number,
): Promise<NoUse | null> {
  const counted = uses.flatMap(({ promotion }) => (promotion && countedOf(promotion, now)) ?? [])
  if (counted.length === 0) return null
  const isFirst = (promotion: Promotion) => asks(promotion, 'first_order')
  const [known] = await readCustomers(
    writer,
    shopId,
    [customer],
    counted,
    uses.some(({ promotion }) => promotion && isFirst(promotion)),
  )
  for (const { use, promotion } of uses) {
    if (!promotion || countedOf(promotion, now) === null) continue
    const { promotionId, code } = use
    if (!isKnown(customer)) return { promotionId, code, reason: 'needs_email' }
    const count = known?.uses.get(promotionId)?.count ?? 0
    if (isFirst(promotion) && (known?.hasOrdered || count > 0)) return { promotionId, code, reason: 'not_first_order' }
    if (promotion.perCustomer !== null && count >= promotion.perCustomer.uses) return { promotionId, code, reason: 'used_up_by_customer' }
  }
  return null
}

/** Counts a use of a code; false when it has none left or was switched off. */
async function countCode(writer: Writer, shopId: string, code: string): Promise<boolean> {
  const counted = await writer.db
    .updateTable('promotion_codes')
    .set((eb) => ({ uses: eb('uses', '+', 1) }))
    .where('shop_id', '=', shopId)
    .where('code', '=', code)
    .where('active', '=', 1)
    .where((eb) => eb.or([eb('uses_max', 'is', null), eb('uses', '<', eb.ref('uses_max'))]))
    .returning('code')
    .executeTakeFirst()
  return counted !== undefined
}

/** Confirms an order's uses: from now on they are only given back by cancelling. */
export async function confirmRedemptions(writer: Writer, shopId: string, orderId: string): Promise<void> {
  await writer.db
    .updateTable('redemptions')
    .set({ state: 'CONFIRMED' })
    .where('shop_id', '=', shopId)
    .where('order_id', '=', orderId)
    .where('state', '=', 'RESERVED')
    .execute()
}

/** Gives an order's uses and what they took off back, once; `only` those of some promotions. */
export async function returnRedemptions(writer: Writer, shopId: string, orderId: string, only?: readonly string[]): Promise<void> {
  if (only?.length === 0) return
  let returning = writer.db.deleteFrom('redemptions').where('shop_id', '=', shopId).where('order_id', '=', orderId)
  if (only) returning = returning.where('promotion_id', 'in', [...only])
  const rows = await returning.returning(['promotion_id', 'code', 'amount', 'currency']).execute()
  const locked = await lockPromotions(
    writer,
    shopId,
    rows.map((row) => row.promotion_id),
  )
  for (const row of rows) {
    const known = locked.get(row.promotion_id)
    if (!known) continue
    const spent = row.currency === null ? known.spent : { ...known.spent, [row.currency]: (known.spent[row.currency] ?? 0) - row.amount }
    await writer.db
      .updateTable('promotions')
      .set({ uses: known.uses - 1, spent: JSON.stringify(spent) })
      .where('shop_id', '=', shopId)
      .where('id', '=', row.promotion_id)
      .execute()
    if (row.code !== null)
      await writer.db
        .updateTable('promotion_codes')
        .set((eb) => ({ uses: eb('uses', '-', 1) }))
        .where('shop_id', '=', shopId)
        .where('code', '=', row.code)
        .execute()
  }
}

/**
 * Makes an order's uses those that it has after an edit: what fell away is given back, what is new is taken under all limits, and of what stays the
 * budget is charged with the difference. Lock the order first; promotions are locked here, all of them in order of id.
 * @returns the use that cannot be had, or null: whoever gets one rolls back
 */
export async function changeRedemptions(
  writer: Writer,
  shopId: string,
  order: { readonly id: string; readonly currency: string; readonly customer: Customer },
  uses: readonly Use[],
  now: number,
): Promise<NoUse | null> {
  const rows = await writer.db
    .selectFrom('redemptions')
    .select(['promotion_id', 'code', 'amount'])
    .where('shop_id', '=', shopId)
    .where('order_id', '=', order.id)
    .execute()
  const locked = await lockPromotions(writer, shopId, [...rows.map((row) => row.promotion_id), ...uses.map((use) => use.promotionId)])
  const rowOf = (use: Use) => rows.find((row) => row.promotion_id === use.promotionId && row.code === use.code)
  const gone = rows.filter((row) => !uses.some((use) => rowOf(use) === row))
  await returnRedemptions(
    writer,
    shopId,
    order.id,
    gone.map((row) => row.promotion_id),
  )
  for (const use of uses) {
    const row = rowOf(use)
    if (!row || row.amount === use.amount) continue
    const known = locked.get(use.promotionId)
    const spent = known && spentAfter(known, order.currency, use.amount - row.amount)
    if (!spent) return { promotionId: use.promotionId, code: use.code, reason: 'exhausted' }
    const mine = writer.db.updateTable('redemptions').set({ amount: use.amount }).where('shop_id', '=', shopId)
    await mine.where('order_id', '=', order.id).where('promotion_id', '=', use.promotionId).execute()
    await writer.db
      .updateTable('promotions')
      .set({ spent: JSON.stringify(spent) })
      .where('shop_id', '=', shopId)
      .where('id', '=', use.promotionId)
      .execute()
  }
  const fresh = uses.filter((use) => !rowOf(use))
  const missing = await redeem(writer, shopId, order, fresh, now)
  if (missing) return missing
  await confirmRedemptions(writer, shopId, order.id)
  return null
}

// For staff ------------------------------------------------------------------------------------------------------------------------------

/** Who used a promotion, by order id. */
export function listRedemptions(
  reader: Reader,
  shopId: string,
  promotionId: string,
  page: { after?: string; limit: number },
): Promise<RedemptionTable[]> {
  let query = reader.db.selectFrom('redemptions').selectAll().where('shop_id', '=', shopId).where('promotion_id', '=', promotionId)
  if (page.after !== undefined) query = query.where('order_id', '>', page.after)
  return query.orderBy('order_id').limit(page.limit).execute()
}

/** A customer's uses of a promotion do not count for the customer any more; for the promotion, its codes and its budget they stay. */
export async function forgetRedemptions(
  writer: Writer,
  shopId: string,
  promotionId: string,
  { account, email }: Customer,
): Promise<number> {
  let forgotten = 0
  // One after the other: each has its index.
  for (const [column, value] of [
    ['account', account],
    ['email', email],
  ] as const) {
    if (value === null) continue
    const rows = await writer.db
      .updateTable('redemptions')
      .set({ account: null, email: null })
      .where('shop_id', '=', shopId)
      .where(column, '=', value)
      .where('promotion_id', '=', promotionId)
      .returning('order_id')
      .execute()
    forgotten += rows.length
  }
  return forgotten
}

/** A guest's uses become also those of the account that the guest's orders go to; what staff gave back stays given back. */
export async function adoptRedemptions(writer: Writer, shopId: string, orderIds: readonly string[], account: string): Promise<void> {
  if (orderIds.length === 0) return
  await writer.db
    .updateTable('redemptions')
    .set({ account })
    .where('shop_id', '=', shopId)
    .where('order_id', 'in', [...orderIds])
    .where('account', 'is', null)
    .where('email', 'is not', null)
    .execute()
}
