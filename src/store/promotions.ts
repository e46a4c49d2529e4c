// Promotions, their codes and who used them. Uses are counted on the promotion's row under its lock, so limits are exact: a use is taken when
// an order is created, before any charge, and given back when it is superseded, cancelled or expired.
import type { CodeFacts } from '../core/facts.ts'
import { type Promotion, parsePromotion } from '../core/promotion.ts'
import type { Reader, Writer } from './store.ts'

/** All promotions of a shop. */
export async function readPromotions(reader: Reader, shopId: string): Promise<Promotion[]> {
  const rows = await reader.db.selectFrom('promotions').select('document').where('shop_id', '=', shopId).orderBy('id').execute()
  return rows.map((row) => parsePromotion(row.document))
}

/** One promotion with its codes, or undefined. */
export async function readPromotion(
  reader: Reader,
  shopId: string,
  id: string,
): Promise<{ promotion: Promotion; uses: number } | undefined> {
  const row = await reader.db
    .selectFrom('promotions')
    .select(['document', 'uses'])
    .where('shop_id', '=', shopId)
    .where('id', '=', id)
    .executeTakeFirst()
  return row && { promotion: parsePromotion(row.document), uses: row.uses }
}

/** What is known of a code, and which carts hold one of its uses for an order that awaits payment: known when no use is left. */
export interface CodeUses extends CodeFacts {
  readonly heldBy?: readonly string[]
}

/** What is known of codes (normalised), with the uses that are left; unknown codes are missing. */
export async function readCodes(reader: Reader, shopId: string, codes: readonly string[]): Promise<Map<string, CodeUses>> {
  if (codes.length === 0) return new Map()
  const rows = await reader.db
    .selectFrom('promotion_codes')
    .select(['code', 'promotion_id', 'uses_max', 'uses'])
    .where('shop_id', '=', shopId)
    .where('code', 'in', [...codes])
    .execute()
  const known = new Map<string, CodeUses>()
  for (const row of rows) {
    const usesLeft = row.uses_max === null ? null : row.uses_max - row.uses
    const held = usesLeft === null || usesLeft > 0 ? [] : await holdersOf(reader, shopId, row.promotion_id, row.code)
    known.set(row.code, { promotionId: row.promotion_id, usesLeft, ...(held.length > 0 ? { heldBy: held } : {}) })
  }
  return known
}

/** What is left of a limited promotion, and which carts hold one of its uses for an order that awaits payment: known when no use is left. */
export interface PromotionUses {
  readonly usesLeft: number | null
  readonly heldBy: readonly string[]
}

/** What is left of these promotions, by id. */
export async function readLimits(reader: Reader, shopId: string, ids: readonly string[]): Promise<Map<string, PromotionUses>> {
  const limits = new Map<string, PromotionUses>()
  if (ids.length === 0) return limits
  const rows = await reader.db
    .selectFrom('promotions')
    .select(['id', 'uses', 'document'])
    .where('shop_id', '=', shopId)
    .where('id', 'in', [...ids])
    .execute()
  for (const { id, uses, document } of rows) {
    const { usesMax } = parsePromotion(document)
    const usesLeft = usesMax === null ? null : usesMax - uses
    limits.set(id, { usesLeft, heldBy: usesLeft === null || usesLeft > 0 ? [] : await holdersOf(reader, shopId, id, null) })
  }
  return limits
}

/** The carts whose unpaid order holds a use of a promotion (of this code, if one is named). */
async function holdersOf(reader: Reader, shopId: string, promotionId: string, code: string | null): Promise<string[]> {
  let query = reader.db
    .selectFrom('redemptions as r')
    .innerJoin('orders as o', (join) => join.onRef('o.shop_id', '=', 'r.shop_id').onRef('o.id', '=', 'r.order_id'))
    .select('o.cart_id')
    .where('r.shop_id', '=', shopId)
    .where('r.promotion_id', '=', promotionId)
    .where('r.state', '=', 'RESERVED')
    .where('o.state', '=', 'NEW')
  if (code !== null) query = query.where('r.code', '=', code)
  return (await query.execute()).flatMap((row) => row.cart_id ?? [])
}

/** The codes of a promotion, in alphabetical order. */
export function listCodes(
  reader: Reader,
  shopId: string,
  promotionId: string,
  page: { after?: string; limit: number },
): Promise<{ code: string; uses_max: number | null; uses: number }[]> {
  let query = reader.db
    .selectFrom('promotion_codes')
    .select(['code', 'uses_max', 'uses'])
    .where('shop_id', '=', shopId)
    .where('promotion_id', '=', promotionId)
  if (page.after !== undefined) query = query.where('code', '>', page.after)
  return query.orderBy('code').limit(page.limit).execute()
}

/** Writes a promotion. Follow it with `moveEpoch`. */
export async function writePromotion(writer: Writer, shopId: string, promotion: Promotion, now: number): Promise<void> {
  const columns = { document: JSON.stringify(promotion), updated_at: now }
  await writer.db
    .insertInto('promotions')
    .values({ shop_id: shopId, id: promotion.id, uses: 0, spent: '{}', ...columns })
    .onConflict((conflict) => conflict.columns(['shop_id', 'id']).doUpdateSet(columns))
    .execute()
}

/** Adds a code to a promotion; false when the code exists in this shop. Follow it with `moveEpoch`. */
export async function insertCode(
  writer: Writer,
  shopId: string,
  promotionId: string,
  code: string,
  usesMax: number | null,
): Promise<boolean> {
  const made = await writer.db
    .insertInto('promotion_codes')
    .values({ shop_id: shopId, code, promotion_id: promotionId, uses_max: usesMax, uses: 0, batch: null, active: 1 })
    .onConflict((conflict) => conflict.doNothing())
    .returning('code')
    .executeTakeFirst()
  return made !== undefined
}

/** Locks promotions in order of id. */
export async function lockPromotions(writer: Writer, shopId: string, ids: readonly string[]): Promise<void> {
  if (ids.length === 0 || writer.dialect === 'sqlite') return
  await writer.db
    .selectFrom('promotions')
    .select('id')
    .where('shop_id', '=', shopId)
    .where('id', 'in', [...ids])
    .orderBy('id')
    .forUpdate()
    .execute()
}

/**
 * Takes one use of each promotion for an order, under the promotions' locks (in order of id).
 * @returns the code or promotion that has no use left, or null when all were taken
 */
export async function redeem(
  writer: Writer,
  shopId: string,
  orderId: string,
  uses: readonly { promotionId: string; code: string | null }[],
  now: number,
): Promise<{ promotionId: string; code: string | null } | null> {
  const inOrder = [...uses].sort((a, b) => (a.promotionId < b.promotionId ? -1 : 1))
  for (const use of inOrder) {
    let locking = writer.db
      .selectFrom('promotions')
      .select(['uses', 'document'])
      .where('shop_id', '=', shopId)
      .where('id', '=', use.promotionId)
    if (writer.dialect === 'postgres') locking = locking.forUpdate()
    const row = await locking.executeTakeFirst()
    const usesMax = row ? parsePromotion(row.document).usesMax : 0
    if (!row || (usesMax !== null && row.uses >= usesMax)) return use
    if (use.code !== null) {
      const counted = await writer.db
        .updateTable('promotion_codes')
        .set((eb) => ({ uses: eb('uses', '+', 1) }))
        .where('shop_id', '=', shopId)
        .where('code', '=', use.code)
        .where((eb) => eb.or([eb('uses_max', 'is', null), eb('uses', '<', eb.ref('uses_max'))]))
        .returning('code')
        .executeTakeFirst()
      if (!counted) return use
    }
    await writer.db
      .updateTable('promotions')
      .set((eb) => ({ uses: eb('uses', '+', 1) }))
      .where('shop_id', '=', shopId)
      .where('id', '=', use.promotionId)
      .execute()
    await writer.db
      .insertInto('redemptions')
      .values({
        shop_id: shopId,
        order_id: orderId,
        promotion_id: use.promotionId,
        code: use.code,
        state: 'RESERVED',
        created_at: now,
        account: null,
        email: null,
        amount: 0,
        currency: null,
      })
      .execute()
  }
  return null
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

/** Gives an order's uses back, once. */
export async function returnRedemptions(writer: Writer, shopId: string, orderId: string): Promise<void> {
  const rows = await writer.db
    .deleteFrom('redemptions')
    .where('shop_id', '=', shopId)
    .where('order_id', '=', orderId)
    .returning(['promotion_id', 'code'])
    .execute()
  for (const row of rows.sort((a, b) => (a.promotion_id < b.promotion_id ? -1 : 1))) {
    await writer.db
      .updateTable('promotions')
      .set((eb) => ({ uses: eb('uses', '-', 1) }))
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
