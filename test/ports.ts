// What stands between an engine and its two ports in tests of races and faults: every read, statement, transaction and call of a provider passes
// through one function, which may delay it, fail it, lose its answer, or end the process there.
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import type { Kysely, KyselyPlugin } from 'kysely'
import type { PaymentProvider } from '../src/engine/ports.ts'
import type { Reader, Store, Writer } from '../src/store/store.ts'
import type { Tables } from '../src/store/tables.ts'

/** Where a step is taken; a statement is one of a transaction. */
export type Place = 'read' | 'statement' | 'transaction' | 'provider'

/** Runs a step, and whatever else is to happen there. Of what the query builder reads, `work` is only the answer: it was read already. */
export type Around = <T>(work: () => Promise<T>, place: Place) => Promise<T>

/** A store whose every step goes through `around`. */
export function storeAround(store: Store, around: Around): Store {
  function through<R extends Reader>(reader: R, place: Place): R {
    const plugin: KyselyPlugin = {
      transformQuery: ({ node }) => node,
      transformResult: ({ result }) => around(async () => result, place),
    }
    const run: Reader['run'] = (statement, parameters) => around(() => reader.run(statement, parameters), place)
    return { ...reader, db: (reader.db as Kysely<Tables>).withPlugin(plugin), run }
  }
  const guarded = (run: typeof store.transact) =>
    ((work: (writer: Writer) => Promise<unknown>, options?: object) =>
      around(() => run((writer) => work(through(writer, 'statement')), options), 'transaction')) as typeof store.transact
  return { ...store, reader: through(store.reader, 'read'), transact: guarded(store.transact), transactOne: guarded(store.transactOne) }
}

/** A provider whose every call goes through `around`. */
export function providerAround(inner: PaymentProvider, around: Around): PaymentProvider {
  const call = <T>(work: () => Promise<T>) => around(work, 'provider')
  return {
    name: inner.name,
    settles: inner.settles,
    open: (request, signal) => call(() => inner.open(request, signal)),
    status: (shopId, id, signal) => call(() => inner.status(shopId, id, signal)),
    cancel: (shopId, id, signal) => call(() => inner.cancel(shopId, id, signal)),
    capture: (request, signal) => call(() => inner.capture(request, signal)),
    refund: (request, signal) => call(() => inner.refund(request, signal)),
    readEvent: (shopId, headers, body) => call(async () => inner.readEvent(shopId, headers, body)),
  }
}

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
const LONG = { read: 0.1, transaction: 0.1, provider: 0.1, statement: 0.02 }

/** Delays by chance before and after every step, within a transaction only where others can go on meanwhile. */
export function delays(random: () => number, dialect: Store['dialect']): Around {
  const delayed = async (place: Place) => {
    const chance = random()
    if (chance < LONG[place]) await sleep(random() * 6)
    else if (chance < 0.7) await turn()
  }
  return async (work, place) => {
    if (place === 'statement' && dialect === 'sqlite') return work()
    await delayed(place)
    const result = await work()
    if (place !== 'statement') await delayed(place)
    return result
  }
}

/** What happens at one step: it is not taken, or it is taken and nobody learns of it. */
export type Moment = 'before' | 'after'

/** Counts the steps, and does something at the `at`-th of those in `places`. `reached` says whether the run came so far. */
export function atStep(
  at: number,
  moment: Moment,
  places: readonly Place[],
  happen: () => void,
): { around: Around; reached: () => boolean } {
  let count = 0
  const around: Around = async (work, place) => {
    const isIt = places.includes(place) && ++count === at
    if (isIt && moment === 'before') happen()
    const result = await work()
    if (isIt && moment === 'after') happen()
    return result
  }
  return { around, reached: () => count >= at }
}
