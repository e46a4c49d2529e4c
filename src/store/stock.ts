// Stock and holds. For carts it is advice, read without a lock; ordering reads it under lock, in order of sku.
import { cartHolder, type StockLevel } from '../core/stock.ts'
import type { Reader, Writer } from './store.ts'

/** The levels of tracked skus that are not sold beyond zero; others are missing (they are unlimited). Expired holds are left out. */
export async function readStock(reader: Reader, shopId: string, skus: readonly string[], now: number): Promise<Map<string, StockLevel>> {
  const levels = new Map<string, StockLevel>()
  if (skus.length === 0) return levels
  const rows = await reader.db
    .selectFrom('stock as s')
    .leftJoin('reservations as r', (join) =>
      join.onRef('r.shop_id', '=', 's.shop_id').onRef('r.sku', '=', 's.sku').on('r.expires_at', '>', now),
    )
    .select(['s.sku', 's.on_hand', 'r.holder', 'r.owner', 'r.quantity', 'r.expires_at'])
    .where('s.shop_id', '=', shopId)
    .where('s.sku', 'in', [...skus])
    .where('s.policy', '=', 'deny')
    .execute()
  for (const row of rows) {
    const hold =
      row.holder === null || row.owner === null || row.quantity === null || row.expires_at === null
        ? []
        : [{ holder: row.holder, owner: row.owner, quantity: row.quantity, expiresAt: row.expires_at }]
    levels.set(row.sku, { onHand: row.on_hand, holds: [...(levels.get(row.sku)?.holds ?? []), ...hold] })
  }
  return levels
}

/** Locks the stock rows of skus, in order of sku. */
export async function lockStock(writer: Writer, shopId: string, skus: readonly string[]): Promise<void> {
  if (skus.length === 0 || writer.dialect === 'sqlite') return
  await writer.db
    .selectFrom('stock')
    .select('sku')
    .where('shop_id', '=', shopId)
    .where('sku', 'in', [...skus])
    .orderBy('sku')
    .forUpdate()
    .execute()
}

/** How many there are of one sku, with its policy; undefined when it is not tracked. */
export async function readStockRow(
  reader: Reader,
  shopId: string,
  sku: string,
): Promise<{ on_hand: number; policy: string; updated_at: number } | undefined> {
  return reader.db
    .selectFrom('stock')
    .select(['on_hand', 'policy', 'updated_at'])
    .where('shop_id', '=', shopId)
    .where('sku', '=', sku)
    .executeTakeFirst()
}

/** Sets how many there are of a sku that exists. */
export async function setStock(writer: Writer, shopId: string, sku: string, onHand: number, policy: string, now: number): Promise<void> {
  await writer.db
    .insertInto('stock')
    .values({ shop_id: shopId, sku, on_hand: onHand, policy, updated_at: now })
    .onConflict((conflict) => conflict.columns(['shop_id', 'sku']).doUpdateSet({ on_hand: onHand, policy, updated_at: now }))
    .execute()
}

/** Replaces everything that a cart (an order without one) holds by what its unpaid order needs. Lock the stock first. */
export async function replaceHolds(
  writer: Writer,
  shopId: string,
  { holder, owner, orderId }: { holder: string; owner: string; orderId: string },
  demand: readonly (readonly [string, number])[],
  expiresAt: number,
): Promise<void> {
  await writer.db
    .deleteFrom('reservations')
    .where('shop_id', '=', shopId)
    .where('holder', 'in', [holder, cartHolder(holder)])
    .execute()
  if (demand.length === 0) return
  await writer.db
    .insertInto('reservations')
    .values(demand.map(([sku, quantity]) => ({ shop_id: shopId, sku, holder, owner, order_id: orderId, quantity, expires_at: expiresAt })))
    .execute()
}

/** What a cart is to hold by itself. */
export interface CartHold {
  readonly cartId: string
  readonly owner: string
  readonly sku: string
  readonly quantity: number
}

/** Replaces what carts hold by themselves: after it they hold this and nothing else. Lock the stock first where something is held. */
export async function replaceCartHolds(
  writer: Writer,
  shopId: string,
  cartIds: readonly string[],
  holds: readonly CartHold[],
  expiresAt: number,
): Promise<void> {
  if (cartIds.length === 0) return
  await writer.db.deleteFrom('reservations').where('shop_id', '=', shopId).where('holder', 'in', cartIds.map(cartHolder)).execute()
  if (holds.length === 0) return
  const rows = holds.map(({ cartId, owner, sku, quantity }) => {
    return { shop_id: shopId, sku, holder: cartHolder(cartId), owner, order_id: '', quantity, expires_at: expiresAt }
  })
  await writer.db.insertInto('reservations').values(rows).execute()
}

/** What one cart holds by itself is another's. */
export async function moveCartHolds(writer: Writer, shopId: string, from: string, to: string): Promise<void> {
  await writer.db
    .updateTable('reservations')
    .set({ holder: cartHolder(to) })
    .where('shop_id', '=', shopId)
    .where('holder', '=', cartHolder(from))
    .execute()
}

/** What is held for these orders is another owner's: who logs in cannot hold twice as much. */
export async function adoptHolds(writer: Writer, shopId: string, orderIds: readonly string[], owner: string): Promise<void> {
  if (orderIds.length === 0) return
  await writer.db
    .updateTable('reservations')
    .set({ owner })
    .where('shop_id', '=', shopId)
    .where('order_id', 'in', [...orderIds])
    .execute()
}

/** Gives back what is held for an order. */
export async function releaseHolds(writer: Writer, shopId: string, orderId: string): Promise<void> {
  await writer.db.deleteFrom('reservations').where('shop_id', '=', shopId).where('order_id', '=', orderId).execute()
}

/** Takes stock for good (negative `sign` gives it back). Skus that are not tracked are passed over. Lock the stock first. */
export async function takeStock(
  writer: Writer,
  shopId: string,
  demand: readonly (readonly [string, number])[],
  sign: 1 | -1,
  now: number,
): Promise<void> {
  for (const [sku, quantity] of demand) {
    await writer.db
      .updateTable('stock')
      .set((eb) => ({ on_hand: eb('on_hand', '-', sign * quantity), updated_at: now }))
      .where('shop_id', '=', shopId)
      .where('sku', '=', sku)
      .execute()
  }
}

/** Removes holds that ended before `before`, at most `limit`; answers how many. */
export async function purgeHolds(writer: Writer, before: number, limit: number): Promise<number> {
  const old = await writer.db
    .selectFrom('reservations')
    .select(['shop_id', 'sku', 'holder'])
    .where('expires_at', '<', before)
    .limit(limit)
    .execute()
  for (const row of old) {
    await writer.db
      .deleteFrom('reservations')
      .where('shop_id', '=', row.shop_id)
      .where('sku', '=', row.sku)
      .where('holder', '=', row.holder)
      .where('expires_at', '<', before)
      .execute()
  }
  return old.length
}
