// What is not needed any more is removed, a bounded batch at a time.
import type { Logger } from 'pino'
import { purgeSecrets } from '../store/access.ts'
import { purgeAttempts } from '../store/attempts.ts'
import { forgetSecrets } from '../store/endpoints.ts'
import { purgeRecorded } from '../store/idempotency.ts'
import { MERGES_KEPT_MS, purgeMerges } from '../store/merges.ts'
import { purgeDeliveries, purgeOrphans } from '../store/outbox.ts'
import { purgeQuotes } from '../store/quotes.ts'
import { purgeHolds } from '../store/stock.ts'
import type { Store } from '../store/store.ts'
import type { Work } from './jobs.ts'
import type { Clock } from './ports.ts'

const POLL_MS = 60_000
const BATCH = 200
/** Small rows, and many of them while a shop is attacked. */
const ATTEMPTS_BATCH = 10_000
const HOLDS_KEPT_MS = 60_000
const DAY_MS = 24 * 3_600_000
/** Deliveries that are over, and those that never arrived: dead ones, and what waits for an endpoint that is paused. */
const DELIVERIES_KEPT_MS = 7 * DAY_MS
const LETTERS_KEPT_MS = 30 * DAY_MS
const QUOTES_KEPT_MS = 90 * DAY_MS

/** The work of tidying up. */
export function tidyingWork({ store, clock, log }: { store: Store; clock: Clock; log: Logger }): Work {
  async function tidy(): Promise<void> {
    const now = clock.now()
    const removed = await store.transact(async (writer) => ({
      idempotency: await purgeRecorded(writer, now, BATCH),
      holds: await purgeHolds(writer, now - HOLDS_KEPT_MS, BATCH),
      orphans: await purgeOrphans(writer, now - DAY_MS, BATCH),
      merges: await purgeMerges(writer, now, BATCH),
      // A revoked secret is good for nothing but repeating a merge.
      secrets: await purgeSecrets(writer, now - MERGES_KEPT_MS, BATCH),
      quotes: await purgeQuotes(writer, now - QUOTES_KEPT_MS, BATCH),
      deliveries: await purgeDeliveries(writer, now - DELIVERIES_KEPT_MS, now - LETTERS_KEPT_MS, BATCH),
      attempts: await purgeAttempts(writer, now, ATTEMPTS_BATCH),
      endpointSecrets: await forgetSecrets(writer, now, BATCH),
    }))
    if (Object.values(removed).some((count) => count > 0)) log.info(removed, 'tidied up')
  }

  return { name: 'tidying', everyMs: POLL_MS, run: tidy }
}
