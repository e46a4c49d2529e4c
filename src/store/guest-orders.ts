// Orders of guests: their tokens, how their buyer finds them, and which an account may take over.
import type { Reader, Writer } from './store.ts'
import type { OrderTable } from './tables.ts'

/** How the owner of a guest's order begins; see `ownerKey`. */
const GUESTS = 'g:'

/** Whether an order belongs to a guest. */
export function isGuests({ owner }: Pick<OrderTable, 'owner'>): boolean {
  return owner.startsWith(GUESTS)
}

/** Whether tokens of this generation open the order: there is one, and they were not revoked. */
export async function isGranted(reader: Reader, shopId: string, grant: { orderId: string; generation: number }): Promise<boolean> {
  const row = await reader.db
    .selectFrom('orders')
    .select('token_generation')
    .where('shop_id', '=', shopId)
    .where('id', '=', grant.orderId)
    .executeTakeFirst()
  return row?.token_generation === grant.generation
}

/** Revokes all tokens of an order. Lock the order first. */
export async function revokeTokens(writer: Writer, shopId: string, orderId: string): Promise<void> {
  await writer.db
    .updateTable('orders')
    .set((eb) => ({ token_generation: eb('token_generation', '+', 1) }))
    .where('shop_id', '=', shopId)
    .where('id', '=', orderId)
    .execute()
}

/** All orders of an owner, locked, in order of id. Lock carts first. */
export function lockOrdersOf(writer: Writer, shopId: string, owner: string): Promise<OrderTable[]> {
  const query = writer.db.selectFrom('orders').selectAll().where('shop_id', '=', shopId).where('owner', '=', owner).orderBy('id')
  return (writer.dialect === 'postgres' ? query.forUpdate() : query).execute()
}

/** Placed orders of guests with this address (as customers are told apart by it), oldest first: what an account may ask for. */
export function claimableOrders(
  reader: Reader,
  shopId: string,
  customerEmail: string,
  page: { after: string; limit: number },
): Promise<Pick<OrderTable, 'id' | 'email'>[]> {
  return reader.db
    .selectFrom('orders')
    .select(['id', 'email'])
    .where('shop_id', '=', shopId)
    .where('customer_email', '=', customerEmail)
    .where('placed_at', 'is not', null)
    .where('owner', 'like', `${GUESTS}%`)
    .where('id', '>', page.after)
    .orderBy('id')
    .limit(page.limit)
    .execute()
}

/**
 * The newest placed order with this address (as customers are told apart by it) and this name: its number, the beginning of it that is told as the
 * short number, or its reference, in whatever case.
 */
export function orderCalled(reader: Reader, shopId: string, customerEmail: string, name: string): Promise<OrderTable | undefined> {
  const lower = name.toLowerCase()
  return reader.db
    .selectFrom('orders')
    .selectAll()
    .where('shop_id', '=', shopId)
    .where('customer_email', '=', customerEmail)
    .where('placed_at', 'is not', null)
    .where((eb) => {
      const named = [eb('number', '=', lower), eb(eb.fn<string>('lower', ['reference']), '=', lower)]
      // Numbers are hexadecimal: what begins so is below the same with a "g".
      return eb.or(/^[0-9a-f]{7}$/.test(lower) ? [...named, eb.and([eb('number', '>=', lower), eb('number', '<', `${lower}g`)])] : named)
    })
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst()
}
