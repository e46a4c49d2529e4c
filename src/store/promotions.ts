// Promotions and their codes, as a shop keeps them. Who used them: redemptions.ts.
import { sql } from 'kysely'
import type { CodeFacts } from '../core/facts.ts'
import { type Promotion, parsePromotion } from '../core/promotion.ts'
import { isAmong, type Reader, type Statement, type Writer } from './store.ts'
import type { PromotionCodeTable } from './tables.ts'

/** All promotions of a shop. */
export async function readPromotions(reader: Reader, shopId: string): Promise<Promotion[]> {
  const rows = await reader.db.selectFrom('promotions').select('document').where('shop_id', '=', shopId).orderBy('id').execute()
  return rows.map((row) => parsePromotion(row.document))
}

/** A promotion as it is kept, and how often it was used. */
export interface KeptPromotion {
  readonly promotion: Promotion
  readonly uses: number
}

/** A page of the promotions of a shop, by id, in one statement. */
export async function listPromotions(reader: Reader, shopId: string, page: { after?: string; limit: number }): Promise<KeptPromotion[]> {
  let query = reader.db.selectFrom('promotions').select(['document', 'uses']).where('shop_id', '=', shopId)
  if (page.after !== undefined) query = query.where('id', '>', page.after)
  const rows = await query.orderBy('id').limit(page.limit).execute()
  return rows.map((row) => ({ promotion: parsePromotion(row.document), uses: row.uses }))
}

/** One promotion, or undefined. */
export async function readPromotion(reader: Reader, shopId: string, id: string): Promise<KeptPromotion | undefined> {
  const row = await reader.db
    .selectFrom('promotions')
    .select(['document', 'uses'])
    .where('shop_id', '=', shopId)
    .where('id', '=', id)
    .executeTakeFirst()
  return row && { promotion: parsePromotion(row.document), uses: row.uses }
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

/** Removes a promotion that was never used, with its codes; false when it is in use. Follow it with `moveEpoch`. */
export async function deletePromotion(writer: Writer, shopId: string, id: string): Promise<boolean> {
  const deleted = await writer.db
    .deleteFrom('promotions')
    .where('shop_id', '=', shopId)
    .where('id', '=', id)
    .where('uses', '=', 0)
    .returning('id')
    .executeTakeFirst()
  return deleted !== undefined
}

// Codes ----------------------------------------------------------------------------------------------------------------------------------

/** What is known of a code, and which carts hold one of its uses for an order that awaits payment: known when no use is left. */
export interface CodeUses extends CodeFacts {
  readonly heldBy?: readonly string[]
}

/**
 * What is known of codes (as they are compared), with the uses that are left; unknown codes are missing. It is one statement whatever became of
 * a code, so that time tells no more than the answer.
 */
export async function readCodes(reader: Reader, shopId: string, codes: readonly string[]): Promise<Map<string, CodeUses>> {
  if (codes.length === 0) return new Map()
  const rows = await reader.db
    .selectFrom('promotion_codes as c')
    .leftJoin('redemptions as r', (join) =>
      join
        .onRef('r.shop_id', '=', 'c.shop_id')
        .onRef('r.promotion_id', '=', 'c.promotion_id')
        .onRef('r.code', '=', 'c.code')
        .on('r.state', '=', sql.lit('RESERVED'))
        .on('c.uses_max', 'is not', null)
        .onRef('c.uses', '>=', 'c.uses_max'),
    )
    .leftJoin('orders as o', (join) =>
      join.onRef('o.shop_id', '=', 'r.shop_id').onRef('o.id', '=', 'r.order_id').on('o.state', '=', sql.lit('NEW')),
    )
    .select(['c.code', 'c.promotion_id', 'c.uses_max', 'c.uses', 'c.active', 'o.cart_id'])
    .where('c.shop_id', '=', shopId)
    .where(isAmong(reader, 'c.code', codes))
    .execute()
  const known = new Map<string, CodeUses>()
  for (const row of rows) {
    const promotionId = row.promotion_id
    if (row.active === 0) {
      known.set(row.code, { promotionId, usesLeft: 0, isInactive: true })
      continue
    }
    const heldBy = [...(known.get(row.code)?.heldBy ?? []), ...(row.cart_id === null ? [] : [row.cart_id])]
    const usesLeft = row.uses_max === null ? null : row.uses_max - row.uses
    known.set(row.code, { promotionId, usesLeft, ...(heldBy.length > 0 ? { heldBy } : {}) })
  }
  return known
}

/** A code as it is listed. */
export type CodeRow = Pick<PromotionCodeTable, 'code' | 'uses_max' | 'uses' | 'batch' | 'active'>

const CODE_COLUMNS = ['code', 'uses_max', 'uses', 'batch', 'active'] as const

/** The codes of a promotion, in alphabetical order; of one batch, or (`batch` null) those that were made one by one. */
export function listCodes(
  reader: Reader,
  shopId: string,
  promotionId: string,
  page: { after?: string; limit: number; batch?: string | null },
): Promise<CodeRow[]> {
  let query = reader.db
    .selectFrom('promotion_codes')
    .select(CODE_COLUMNS)
    .where('shop_id', '=', shopId)
    .where('promotion_id', '=', promotionId)
  if (page.batch !== undefined) query = query.where('batch', page.batch === null ? 'is' : '=', page.batch)
  if (page.after !== undefined) query = query.where('code', '>', page.after)
  return query.orderBy('code').limit(page.limit).execute()
}

/** One code of a promotion, or undefined. */
export function readCode(reader: Reader, shopId: string, promotionId: string, code: string): Promise<CodeRow | undefined> {
  return reader.db
    .selectFrom('promotion_codes')
    .select(CODE_COLUMNS)
    .where('shop_id', '=', shopId)
    .where('code', '=', code)
    .where('promotion_id', '=', promotionId)
    .executeTakeFirst()
}

/** These codes as they are kept, with the promotions that they open; codes that do not exist are missing. */
export async function readKeptCodes(
  reader: Reader,
  shopId: string,
  codes: readonly string[],
): Promise<Map<string, CodeRow & Pick<PromotionCodeTable, 'promotion_id'>>> {
  const rows = await reader.db
    .selectFrom('promotion_codes')
    .select([...CODE_COLUMNS, 'promotion_id'])
    .where('shop_id', '=', shopId)
    .where(isAmong(reader, 'code', codes))
    .execute()
  return new Map(rows.map((row) => [row.code, row]))
}

/** Whether a shop has any code. */
export async function hasCodes(reader: Reader, shopId: string): Promise<boolean> {
  const row = await reader.db.selectFrom('promotion_codes').select('code').where('shop_id', '=', shopId).limit(1).executeTakeFirst()
  return row !== undefined
}

const INSERT_CODES = 'INSERT INTO promotion_codes (shop_id, code, promotion_id, uses_max, uses, batch, active) SELECT'
const ADDED = 'ON CONFLICT (shop_id, code) DO NOTHING RETURNING code'
const ADD_CODES: Statement = {
  name: 'add_codes',
  postgres: `${INSERT_CODES} $1, c, $2, $3::bigint, 0, $4, $5::bigint FROM unnest($6::text[]) AS c ${ADDED}`,
  sqlite: `${INSERT_CODES} ?1, value, ?2, ?3, 0, ?4, ?5 FROM json_each(?6) WHERE true ${ADDED}`,
}

/** Adds codes to a promotion; answers those that did not exist in this shop yet, which are the ones that were added. Follow it with `moveEpoch`. */
export async function insertCodes(
  writer: Writer,
  shopId: string,
  promotionId: string,
  codes: readonly string[],
  { usesMax, batch = null, active = true }: { readonly usesMax: number | null; readonly batch?: string | null; readonly active?: boolean },
): Promise<string[]> {
  if (codes.length === 0) return []
  const list = writer.dialect === 'postgres' ? codes : JSON.stringify(codes)
  const rows = await writer.run<{ code: string }>(ADD_CODES, [shopId, promotionId, usesMax, batch, active ? 1 : 0, list])
  return rows.map((row) => row.code)
}

/** Changes a code of a promotion; false when there is none. Follow it with `moveEpoch`. */
export async function updateCode(
  writer: Writer,
  shopId: string,
  promotionId: string,
  code: string,
  changes: { usesMax?: number | null; active?: boolean },
): Promise<boolean> {
  const columns = {
    ...(changes.usesMax === undefined ? {} : { uses_max: changes.usesMax }),
    ...(changes.active === undefined ? {} : { active: changes.active ? 1 : 0 }),
  }
  const changed = await writer.db
    .updateTable('promotion_codes')
    .set(columns)
    .where('shop_id', '=', shopId)
    .where('code', '=', code)
    .where('promotion_id', '=', promotionId)
    .returning('code')
    .executeTakeFirst()
  return changed !== undefined
}

/** Removes a code that was never used; false when it is in use or there is none. Follow it with `moveEpoch`. */
export async function deleteCode(writer: Writer, shopId: string, promotionId: string, code: string): Promise<boolean> {
  const deleted = await writer.db
    .deleteFrom('promotion_codes')
    .where('shop_id', '=', shopId)
    .where('code', '=', code)
    .where('promotion_id', '=', promotionId)
    .where('uses', '=', 0)
    .returning('code')
    .executeTakeFirst()
  return deleted !== undefined
}

/** Removes so many codes of a promotion at most; answers how many there were. */
export async function deleteSomeCodes(writer: Writer, shopId: string, promotionId: string, limit: number): Promise<number> {
  const some = await listCodes(writer, shopId, promotionId, { limit })
  if (some.length === 0) return 0
  await writer.db
    .deleteFrom('promotion_codes')
    .where('shop_id', '=', shopId)
    .where('promotion_id', '=', promotionId)
    .where(
      isAmong(
        writer,
        'code',
        some.map((row) => row.code),
      ),
    )
    .execute()
  return some.length
}
