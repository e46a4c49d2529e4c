// The accounts that shops have at payment providers. What opens them is sealed before it comes here.
import type { Reader, Writer } from './store.ts'
import type { ProviderAccountTable } from './tables.ts'

/** A shop's account at a provider, or undefined. */
export function readProviderAccount(reader: Reader, shopId: string, provider: string): Promise<ProviderAccountTable | undefined> {
  return reader.db
    .selectFrom('provider_accounts')
    .selectAll()
    .where('shop_id', '=', shopId)
    .where('provider', '=', provider)
    .executeTakeFirst()
}

/** All accounts of a shop. */
export function listProviderAccounts(reader: Reader, shopId: string): Promise<ProviderAccountTable[]> {
  return reader.db.selectFrom('provider_accounts').selectAll().where('shop_id', '=', shopId).orderBy('provider').execute()
}

/** Writes an account in place of the one before. */
export async function writeProviderAccount(writer: Writer, row: ProviderAccountTable): Promise<void> {
  const { sealed, hint, updated_at } = row
  await writer.db
    .insertInto('provider_accounts')
    .values(row)
    .onConflict((conflict) => conflict.columns(['shop_id', 'provider']).doUpdateSet({ sealed, hint, updated_at }))
    .execute()
}

/** Removes an account; the row that was there, or undefined. */
export function deleteProviderAccount(writer: Writer, shopId: string, provider: string): Promise<ProviderAccountTable | undefined> {
  return writer.db
    .deleteFrom('provider_accounts')
    .where('shop_id', '=', shopId)
    .where('provider', '=', provider)
    .returningAll()
    .executeTakeFirst()
}
