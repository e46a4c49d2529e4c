// Many single reads become few statements: while one is under way, the keys that are asked for meanwhile wait for the next. Under load this
// saves round trips; alone, a key is read at once. On SQLite, where a read costs no round trip, nothing is gained and callers read directly.

const KEYS_MAX = 200

/** Makes a function that reads one key through `load`, which reads many. `lanes` statements may be under way at once. */
export function gather<Key, Result>(load: (keys: readonly Key[]) => Promise<Result>, lanes = 2): (key: Key) => Promise<Result> {
  interface Waiting {
    readonly key: Key
    readonly resolve: (result: Result) => void
    readonly reject: (error: unknown) => void
  }
  const waiting: Waiting[] = []
  let underWay = 0

  async function run(): Promise<void> {
    const taken = waiting.splice(0, KEYS_MAX)
    underWay++
    try {
      const result = await load([...new Set(taken.map((each) => each.key))])
      for (const each of taken) each.resolve(result)
    } catch (error) {
      for (const each of taken) each.reject(error)
    } finally {
      underWay--
      if (waiting.length > 0) void run()
    }
  }

  return (key) =>
    new Promise((resolve, reject) => {
      waiting.push({ key, resolve, reject })
      if (underWay < lanes) setImmediate(() => waiting.length > 0 && underWay < lanes && void run())
    })
}
