// Which e-mail addresses belong to accounts of a shop. Addresses are in the form in which customers are told apart by them.
import type { Reader, Writer } from './store.ts'

/** Remembers that an address is an account's. */
export async function addAccountEmail(writer: Writer, shopId: string, email: string, account: string, now: number): Promise<void> {
  await writer.db
    .insertInto('account_emails')
    .values({ shop_id: shopId, email, account, created_at: now })
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

/** Whether some account has this address. */
export async function isAccountEmail(reader: Reader, shopId: string, email: string): Promise<boolean> {
  const found = await reader.db
    .selectFrom('account_emails')
    .select('account')
    .where('shop_id', '=', shopId)
    .where('email', '=', email)
    .limit(1)
    .executeTakeFirst()
  return found !== undefined
}
