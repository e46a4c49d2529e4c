// Writes that are executed once per Idempotency-Key: the outcome is recorded in the transaction of the effect, successes only. A second request
// with the key, also at the same moment or after a restart, gets the outcome of the first; with another body it is refused.
import { isRefusal, type Refusal, refuse } from '../core/refusal.ts'
import { type Recorded, readRecorded, record } from '../store/idempotency.ts'
import type { Store, Writer } from '../store/store.ts'
import type { Clock } from './ports.ts'

/** A write's Idempotency-Key, as the store needs it: hashes only. `sealed` is the answer's secret under the raw key. */
export interface IdempotencyClaim {
  readonly key: string
  readonly requestHash: string
  readonly sealed: string | null
}

/** What a write came to; `replayed` when an earlier request with this key did it. */
export interface Once<T> {
  readonly value: T
  readonly replayed: Recorded | null
}

/** Thrown to roll back: with a refusal, or because the key was used by another request meanwhile. */
class Rollback extends Error {
  readonly refusal: Refusal | null
  constructor(refusal: Refusal | null) {
    super('rolled back')
    this.refusal = refusal
  }
}

/** What an earlier request with this key came to, or null when there was none; `idempotency_key_reused` when it asked for something else. */
export async function findRecorded(
  { store, clock }: { store: Store; clock: Clock },
  shopId: string,
  claim: IdempotencyClaim | undefined,
): Promise<Recorded | Refusal | null> {
  const known = claim && (await readRecorded(store.reader, shopId, [claim.key], clock.now())).get(claim.key)
  if (!claim || !known) return null
  return known.request_hash === claim.requestHash ? known : refuse('idempotency_key_reused')
}

/** Runs `work` in a transaction, once per key. Its value must be small and plain: it is what a replay answers. */
export async function once<T>(
  { store, clock }: { store: Store; clock: Clock },
  shopId: string,
  claim: IdempotencyClaim | undefined,
  work: (writer: Writer) => Promise<T | Refusal>,
  options: { readonly alone?: boolean } = {},
): Promise<Once<T> | Refusal> {
  const replay = async (): Promise<Once<T> | Refusal | null> => {
    const known = await findRecorded({ store, clock }, shopId, claim)
    return known === null || isRefusal(known) ? known : { value: JSON.parse(known.outcome) as T, replayed: known }
  }
  const before = await replay()
  if (before) return before
  try {
    return await store.transact(async (writer) => {
      const value = await work(writer)
      if (isRefusal(value)) throw new Rollback(value)
      const outcome = { request_hash: claim?.requestHash ?? '', outcome: JSON.stringify(value ?? null), sealed: claim?.sealed ?? null }
      if (claim && !(await record(writer, shopId, claim.key, outcome, clock.now()))) throw new Rollback(null)
      return { value: value as T, replayed: null }
    }, options)
  } catch (error) {
    if (!(error instanceof Rollback)) throw error
    // Whoever lost a race against the same key may have been refused because of the winner ("exists already"): the winner's outcome counts.
    return (await replay()) ?? error.refusal ?? refuse('overloaded', { retryAfter: 1 })
  }
}
