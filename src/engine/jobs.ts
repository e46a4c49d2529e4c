// What happens by itself: one loop per node. Each kind of work claims what is due by a lease in a short transaction, does it outside, and counts only
// under the lease that was claimed. A crash loses nothing: the lease runs out and somebody else goes on.
import type { Logger } from 'pino'

/** Work that is due regularly. One run never overlaps the next. */
export interface Work {
  readonly name: string
  readonly everyMs: number
  run(loop: Loop): Promise<unknown>
}

/** What work may ask of its loop. */
export interface Loop {
  /** False when everything that is due is to be done now, true when others need the database, too. */
  readonly isGentle: boolean
  isStopped(): boolean
  /** What goes on after the run: stopping waits for it. */
  track(work: Promise<unknown>): void
}

/** The loop of one node. */
export interface Jobs {
  start(): void
  /** Stops, and waits for what is under way. */
  stop(): Promise<void>
  /** Everything that is due now, once, in the order of the list: for tests and the demo clock. */
  runDue(): Promise<void>
}

/** Makes the loop. */
export function createJobs(works: readonly Work[], log: Logger): Jobs {
  const underWay = new Set<Promise<unknown>>()
  const timers: NodeJS.Timeout[] = []
  let stopped = false
  const loop = (isGentle: boolean): Loop => ({ isGentle, isStopped: () => stopped, track })

  function track(work: Promise<unknown>): void {
    underWay.add(work)
    void work.finally(() => underWay.delete(work))
  }

  function every({ everyMs, name, run }: Work): void {
    let running = false
    timers.push(
      setInterval(() => {
        if (running || stopped) return
        running = true
        track(
          run(loop(true))
            .catch((error: unknown) => log.error({ err: error, job: name }, 'a job failed; it runs again'))
            .finally(() => (running = false)),
        )
      }, everyMs).unref(),
    )
  }

  async function stop(): Promise<void> {
    stopped = true
    for (const timer of timers) clearInterval(timer)
    await Promise.allSettled([...underWay])
  }

  async function runDue(): Promise<void> {
    for (const { run } of works) {
      await run(loop(false))
      await Promise.allSettled([...underWay])
    }
  }

  return { start: () => works.forEach(every), stop, runDue }
}
