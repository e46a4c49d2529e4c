// Balances of accounts and the entries they consist of. An entry and the balance it moves are written together, and each cause (a payment, a refund, a
// change of a recharge line) has at most one entry: a unique index keeps it so. The row of a balance is the last lock that a transaction takes.
import type { Reader, Writer } from './store.ts'
import type { BalanceEntryTable, BalanceTable } from './tables.ts'

/** Whose balance, and in which currency. */
export interface BalanceAddress {
  readonly shopId: string
  readonly account: string
  readonly currency: string
}

/** An entry before it is written; `amount` is signed minor units. `cause` is unique within the shop. */
export type NewEntry = Omit<BalanceEntryTable, 'balance_after'>

/** The balances of an account, by currency. */
export function listBalances(reader: Reader, shopId: string, account: string): Promise<BalanceTable[]> {
  return reader.db
    .selectFrom('balances')
    .selectAll()
    .where('shop_id', '=', shopId)
    .where('account', '=', account)
    .orderBy('currency')
    .execute()
}

/** How much there is, in minor units; 0 where there never was a balance. */
export async function readBalance(reader: Reader, address: BalanceAddress): Promise<number> {
  return (await amountOf(reader, address).executeTakeFirst())?.amount ?? 0
}

/** The same, with the balance locked, where there is one. */
export async function lockBalance(writer: Writer, address: BalanceAddress): Promise<number> {
  const query = amountOf(writer, address)
  return (await (writer.dialect === 'postgres' ? query.forUpdate() : query).executeTakeFirst())?.amount ?? 0
}

function amountOf({ db }: Reader, { shopId, account, currency }: BalanceAddress) {
  return db
    .selectFrom('balances')
    .select('amount')
    .where('shop_id', '=', shopId)
    .where('account', '=', account)
    .where('currency', '=', currency)
}

/** Moves a balance, which begins at 0, and writes the entry for it; answers the balance as it is then. Fails when its cause has an entry. */
export async function postEntry(writer: Writer, entry: NewEntry): Promise<BalanceTable> {
  const { shop_id, account, currency, amount, at } = entry
  const balance = await writer.db
    .insertInto('balances')
    .values({ shop_id, account, currency, amount, version: 1, updated_at: at })
    .onConflict((conflict) =>
      conflict.columns(['shop_id', 'account', 'currency']).doUpdateSet((eb) => ({
        amount: eb('balances.amount', '+', amount),
        version: eb('balances.version', '+', 1),
        updated_at: at,
      })),
    )
    .returningAll()
    .executeTakeFirstOrThrow()
  await writer.db
    .insertInto('balance_entries')
    .values({ ...entry, balance_after: balance.amount })
    .execute()
  return balance
}

/** Writes an entry that moves nothing, so that its cause never will; nothing happens where the cause has one. */
export async function closeCause(writer: Writer, entry: NewEntry, balance: number): Promise<void> {
  await writer.db
    .insertInto('balance_entries')
    .values({ ...entry, amount: 0, balance_after: balance })
    .onConflict((conflict) => conflict.columns(['shop_id', 'cause']).doNothing())
    .execute()
}

/** The entry of a cause, or undefined. */
export function readEntry(reader: Reader, shopId: string, cause: string): Promise<BalanceEntryTable | undefined> {
  return reader.db.selectFrom('balance_entries').selectAll().where('shop_id', '=', shopId).where('cause', '=', cause).executeTakeFirst()
}

/** What the recharge lines of an order added and took back, oldest first. */
export function creditEntriesOf(reader: Reader, shopId: string, orderId: string): Promise<BalanceEntryTable[]> {
  return reader.db
    .selectFrom('balance_entries')
    .selectAll()
    .where('shop_id', '=', shopId)
    .where('order_id', '=', orderId)
    .where('kind', 'in', ['recharge', 'reversal'])
    .orderBy('id')
    .execute()
}

/** The entries of an account that moved something, newest first. */
export function listEntries(
  reader: Reader,
  shopId: string,
  { account, currency }: { readonly account: string; readonly currency?: string | undefined },
  page: { readonly after?: string | undefined; readonly limit: number },
): Promise<BalanceEntryTable[]> {
  let query = reader.db
    .selectFrom('balance_entries')
    .selectAll()
    .where('shop_id', '=', shopId)
    .where('account', '=', account)
    .where('amount', '<>', 0)
  if (currency !== undefined) query = query.where('currency', '=', currency)
  if (page.after !== undefined) query = query.where('id', '<', page.after)
  return query.orderBy('id', 'desc').limit(page.limit).execute()
}
