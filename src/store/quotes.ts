// The last answers of outside engines, one row per cart and kind of question, so that all nodes share what one of them was told. A row is never
// replaced by an older answer.
import type { QuoteKind } from '../core/quote.ts'
import { isAmong, type Reader, type Writer } from './store.ts'
import type { QuoteTable } from './tables.ts'

/** An answer as it is kept; `request` and `answer` are JSON text. */
export type QuoteRow = QuoteTable & { readonly kind: QuoteKind }

/** The answers that these carts got last. */
export async function readQuotes(reader: Reader, shopId: string, cartIds: readonly string[]): Promise<QuoteRow[]> {
  const rows = await reader.db
    .selectFrom('quotes')
    .selectAll()
    .where('shop_id', '=', shopId)
    .where(isAmong(reader, 'cart_id', cartIds))
    .execute()
  return rows as QuoteRow[]
}

/** Keeps an answer in place of an earlier one. */
export async function writeQuote(writer: Writer, row: QuoteRow): Promise<void> {
  const { request, answer, created_at } = row
  await writer.db
    .insertInto('quotes')
    .values(row)
    .onConflict((conflict) =>
      conflict
        .columns(['shop_id', 'cart_id', 'kind'])
        .doUpdateSet({ request, answer, created_at })
        .where('quotes.created_at', '<', created_at),
    )
    .execute()
}

/** Forgets answers from before a moment, at most `limit`; answers how many. */
export async function purgeQuotes(writer: Writer, before: number, limit: number): Promise<number> {
  const old = await writer.db
    .selectFrom('quotes')
    .select(['shop_id', 'cart_id', 'kind'])
    .where('created_at', '<', before)
    .orderBy('created_at')
    .limit(limit)
    .execute()
  for (const { shop_id, cart_id, kind } of old)
    await writer.db
      .deleteFrom('quotes')
      .where('shop_id', '=', shop_id)
      .where('cart_id', '=', cart_id)
      .where('kind', '=', kind)
      .where('created_at', '<', before)
      .execute()
  return old.length
}
