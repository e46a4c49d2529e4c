// Sessions of the sandbox payment provider. It plays a system of its own: nothing else in the house reads this table.
import type { Store } from './store.ts'

/** What the store needs to know of a session; the rest is kept as it is. */
interface Session {
  readonly id: string
  readonly shopId: string
  readonly attemptId: string
  readonly version: number
}

/** Keeps sessions in the database. `dueAt` says when the next event of a session is to be sent (ms), or null. */
export function sandboxSessions<S extends Session>(store: Store, dueAt: (session: S) => number | null) {
  const columns = (session: S) => ({ document: JSON.stringify(session), version: session.version, event_due_at: dueAt(session) })
  const parse = (row: { document: string } | undefined): S | null => (row ? (JSON.parse(row.document) as S) : null)
  return {
    /** Adds a session unless there is one of the same attempt; answers the one that is kept. */
    insertIfAbsent: (shopId: string, session: S): Promise<S> =>
      store.transact(async ({ db }) => {
        await db
          .insertInto('sandbox_sessions')
          .values({ shop_id: shopId, id: session.id, attempt_id: session.attemptId, ...columns(session) })
          .onConflict((conflict) => conflict.doNothing())
          .execute()
        const kept = await db
          .selectFrom('sandbox_sessions')
          .select('document')
          .where('shop_id', '=', shopId)
          .where('attempt_id', '=', session.attemptId)
          .executeTakeFirstOrThrow()
        return parse(kept) ?? session
      }),
    /** One session, or null. */
    find: async (shopId: string, sessionId: string): Promise<S | null> =>
      parse(
        await store.reader.db
          .selectFrom('sandbox_sessions')
          .select('document')
          .where('shop_id', '=', shopId)
          .where('id', '=', sessionId)
          .executeTakeFirst(),
      ),
    /** Writes a session if it still has the version that was read. */
    compareAndSet: (shopId: string, session: S, expectedVersion: number): Promise<boolean> =>
      store.transactOne(async ({ db }) => {
        const row = await db
          .updateTable('sandbox_sessions')
          .set(columns(session))
          .where('shop_id', '=', shopId)
          .where('id', '=', session.id)
          .where('version', '=', expectedVersion)
          .returning('id')
          .executeTakeFirst()
        return row !== undefined
      }),
    /** Sessions with an event that is due, most overdue first. */
    listDue: async (before: number, limit: number): Promise<readonly S[]> => {
      const rows = await store.reader.db
        .selectFrom('sandbox_sessions')
        .select('document')
        .where('event_due_at', '<=', before)
        .orderBy('event_due_at')
        .limit(limit)
        .execute()
      return rows.flatMap((row) => parse(row) ?? [])
    },
  }
}
