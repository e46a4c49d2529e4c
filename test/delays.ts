// Two ports whose every answer comes late by chance: between any two steps of the engine anything else may happen. The chance is seeded, so that
// a run can be told by its number.
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import type { Kysely, KyselyPlugin } from 'kysely'
import type { PaymentProvider } from '../src/engine/ports.ts'
import type { Reader, Store, Writer } from '../src/store/store.ts'
import type { Tables } from '../src/store/tables.ts'

/** Numbers in [0, 1) that are the same for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    // mulberry32
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** How often a delay is some milliseconds; else it is none, or a turn of the event loop. Who holds a lock keeps many waiting: rarely. */
const LONG = 0.1
const LONG_WITH_LOCKS = 0.02

async function delayed(random: () => number, long = LONG): Promise<void> {
  const chance = random()
  if (chance < long) await sleep(random() * 6)
  else if (chance < 0.7) await turn()
}

/** The store with a delay before and after every transaction and every read, and on PostgreSQL also after every statement of a transaction. */
export function delayedStore(store: Store, random: () => number): Store {
  function through<R extends Reader>(reader: R, long: number): R {
    const late: KyselyPlugin = {
      transformQuery: ({ node }) => node,
      transformResult: async ({ result }) => {
        await delayed(random, long)
        return result
      },
    }
    const db = (reader.db as Kysely<Tables>).withPlugin(late)
    const run: Reader['run'] = async (statement, parameters) => {
      await delayed(random, long)
      return reader.run(statement, parameters)
    }
    return { ...reader, db, run }
  }
  const isShared = store.dialect === 'postgres'
  const guarded = (run: typeof store.transact) =>
    (async (work: (writer: Writer) => Promise<unknown>, options?: object) => {
      await delayed(random)
      const result = await run((writer) => work(isShared ? through(writer, LONG_WITH_LOCKS) : writer), options)
      await delayed(random)
      return result
    }) as typeof store.transact
  return { ...store, reader: through(store.reader, LONG), transact: guarded(store.transact), transactOne: guarded(store.transactOne) }
}

/** The provider with a delay before and after every call. */
export function delayedProvider(inner: PaymentProvider, random: () => number): PaymentProvider {
  async function late<T>(work: () => Promise<T>): Promise<T> {
    await delayed(random)
    const result = await work()
    await delayed(random)
    return result
  }
  return {
    name: inner.name,
    settles: inner.settles,
    open: (request, signal) => late(() => inner.open(request, signal)),
    status: (shopId, id, signal) => late(() => inner.status(shopId, id, signal)),
    cancel: (shopId, id, signal) => late(() => inner.cancel(shopId, id, signal)),
    capture: (request, signal) => late(() => inner.capture(request, signal)),
    refund: (request, signal) => late(() => inner.refund(request, signal)),
    readEvent: (shopId, headers, body) => late(async () => inner.readEvent(shopId, headers, body)),
  }
}
