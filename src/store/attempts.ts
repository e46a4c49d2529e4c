// How often something was tried, by whom, until when it counts. Who is a keyed hash: no address of a network or a person is kept. One statement
// counts any number of subjects and answers how they stand, on all nodes alike.
import type { Statement, Writer } from './store.ts'

/**
 * One more of `kind` by `subject`. `points` 1 counts; 0 only looks, and makes no row; -1 gives a point back. `until`: when a window that begins
 * with it ends, in milliseconds since 1970; one that has begun keeps its end.
 */
export interface Tried {
  readonly kind: string
  readonly subject: string
  readonly points: -1 | 0 | 1
  readonly until: number
}

/** How a subject stands after it was counted. Subjects of which nothing is known are missing. */
export interface Standing {
  readonly kind: string
  readonly subject: string
  readonly count: number
  readonly expires_at: number
}

/** Rows are locked in the order of their key, so that two statements never wait for each other in a circle. */
const countStatement = (text: { shop: string; now: string; rows: string; greatest: string }) => `
  INSERT INTO attempts (shop_id, kind, subject, count, expires_at)
  SELECT ${text.shop}, v.kind, v.subject, v.points, v.until FROM ${text.rows}
  WHERE v.points > 0 OR EXISTS (SELECT 1 FROM attempts AS a
    WHERE a.shop_id = ${text.shop} AND a.kind = v.kind AND a.subject = v.subject AND a.expires_at > ${text.now})
  ORDER BY v.kind, v.subject
  ON CONFLICT (shop_id, kind, subject) DO UPDATE SET
    count = CASE WHEN attempts.expires_at > ${text.now} THEN ${text.greatest}(attempts.count + excluded.count, 0) ELSE excluded.count END,
    expires_at = CASE WHEN attempts.expires_at > ${text.now} THEN attempts.expires_at ELSE excluded.expires_at END
  RETURNING kind, subject, count, expires_at`

const COUNT: Statement = {
  name: 'count_attempts',
  postgres: countStatement({
    shop: '$1::text',
    now: '$2::bigint',
    rows: 'json_to_recordset($3::json) AS v (kind text, subject text, points bigint, until bigint)',
    greatest: 'GREATEST',
  }),
  sqlite: countStatement({
    shop: '?1',
    now: '?2',
    rows: `(SELECT value ->> 'kind' AS kind, value ->> 'subject' AS subject, value ->> 'points' AS points, value ->> 'until' AS until
      FROM json_each(?3)) AS v`,
    greatest: 'MAX',
  }),
}

/** Counts what was tried in a shop (or, under an empty id, in none), and answers how its subjects stand. `now` in milliseconds since 1970. */
export async function countAttempts(writer: Writer, shopId: string, tried: readonly Tried[], now: number): Promise<Standing[]> {
  return writer.run<Standing>(COUNT, [shopId, now, JSON.stringify(tried)])
}

const PURGE_ROWS = (now: string, limit: string) =>
  `DELETE FROM attempts WHERE (shop_id, kind, subject) IN
    (SELECT shop_id, kind, subject FROM attempts WHERE expires_at <= ${now} ORDER BY expires_at LIMIT ${limit}) AND expires_at <= ${now} RETURNING 1`
const PURGE: Statement = { name: 'purge_attempts', postgres: PURGE_ROWS('$1', '$2'), sqlite: PURGE_ROWS('?1', '?2') }

/** Removes what does not count any more, at most `limit`; answers how many. */
export async function purgeAttempts(writer: Writer, now: number, limit: number): Promise<number> {
  return (await writer.run(PURGE, [now, limit])).length
}
