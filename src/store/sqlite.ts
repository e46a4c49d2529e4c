// SQLite through node:sqlite: the embedded default. One connection writes, another reads (WAL: it sees what is committed). Transactions of
// this process queue up for the writing connection, and those that wait together are committed together; against another process (a CLI
// command) BEGIN IMMEDIATE is tried again from a timer, so that waiting never blocks the event loop. synchronous=FULL: what was acknowledged
// survives a power cut.
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { Kysely, SqliteDialect } from 'kysely'
import { migrateToLatest } from './migrate.ts'
import {
  asWriter,
  DatabaseUnavailable,
  LockTimeout,
  type Parameter,
  type Reader,
  type Statement,
  type Store,
  type Writer,
} from './store.ts'
import type { Tables } from './tables.ts'

const BUSY_RETRY_MS = 5
const BUSY_GIVE_UP_MS = 10_000
const STATEMENTS_KEPT = 500
/** Limits of a group of transactions: how many, and how long it may hold the write lock before the rest waits for the next. */
const GROUP_MAX = 64
const GROUP_MAX_MS = 20

/** Opens (and creates) the database file. `:memory:` is not supported: two connections would see two databases. */
export function openSqlite(path: string): Store {
  mkdirSync(dirname(path), { recursive: true })
  const counter = { statements: 0 }
  const writing = connect(path, counter)
  const reading = connect(path, counter)
  reading.handle.exec('PRAGMA query_only = 1')
  const transactions = createTransactions(writing, counter)
  // A commit makes the other connection forget every page it holds. So hot reads use the writing connection, whose pages stay, whenever no
  // transaction is open on it: then it sees exactly what is committed.
  const reader: Reader = {
    dialect: 'sqlite',
    db: reading.reader.db,
    run: (statement, parameters) => (writing.handle.isTransaction ? reading : writing).reader.run(statement, parameters),
  }
  return {
    dialect: 'sqlite',
    reader,
    statements: () => counter.statements,
    transact: (work, options) => transactions.enter(work, options?.alone === true ? 'alone' : 'group'),
    transactOne: (work) => transactions.enter(work, 'statement'),
    // All of it in one transaction: callers in other processes wait, and a crash leaves nothing half done.
    migrate: () => transactions.enter(({ db }) => migrateToLatest(db), 'alone'),
    async close() {
      await transactions.settled()
      for (const { reader: own, handle } of [reading, writing]) {
        await own.db.destroy()
        // The query builder closes only what it has used.
        if (handle.isOpen) handle.close()
      }
    },
  }
}

/**
 * How a transaction may be run. `group`: together with others that wait. `alone`: everything before it is committed when it begins.
 * `statement`: it is one statement, which needs no BEGIN when nothing else waits.
 */
type Mode = 'group' | 'alone' | 'statement'

interface Waiting {
  readonly mode: Mode
  readonly work: (writer: Writer) => Promise<unknown>
  readonly resolve: (result: unknown) => void
  readonly reject: (error: unknown) => void
}

/**
 * Transactions of this process, in order of arrival. Those that arrived together share one COMMIT, and so one fsync: each runs under a
 * savepoint, so that one that fails takes nothing of the others back, and nobody is answered before the COMMIT.
 */
function createTransactions({ handle, reader }: Connection, counter: { statements: number }) {
  const writer = asWriter(reader)
  const waiting: Waiting[] = []
  let underWay = false
  let idle: (() => void)[] = []

  const exec = (sql: string) => {
    counter.statements++
    handle.exec(sql)
  }

  function enter<T>(work: (writer: Writer) => Promise<T>, mode: Mode): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      waiting.push({ mode, work, resolve: resolve as (result: unknown) => void, reject })
      if (underWay) return
      underWay = true
      setImmediate(next)
    })
  }

  /** One group per turn of the event loop: what arrives meanwhile shares the next commit. */
  function next(): void {
    const group = takeGroup()
    void runGroup(group).finally(() => {
      if (waiting.length > 0) return void setImmediate(next)
      underWay = false
      for (const resolve of idle) resolve()
      idle = []
    })
  }

  function takeGroup(): Waiting[] {
    const lone = waiting.findIndex((each) => each.mode === 'alone')
    return waiting.splice(0, lone === 0 ? 1 : Math.min(GROUP_MAX, lone < 0 ? waiting.length : lone))
  }

  async function runGroup(group: Waiting[]): Promise<void> {
    const [first] = group
    try {
      if (group.length === 1 && first?.mode === 'statement') return first.resolve(await whenFree(() => first.work(writer)))
      await whenFree(async () => exec('BEGIN IMMEDIATE'))
      const answers = group.length === 1 && first ? [await runOnly(first)] : await runEach(group)
      exec('COMMIT')
      for (const answer of answers) answer()
    } catch (error) {
      if (handle.isTransaction) exec('ROLLBACK')
      for (const each of group) each.reject(told(error))
    }
  }

  async function runOnly(only: Waiting): Promise<() => void> {
    const result = await only.work(writer)
    return () => only.resolve(result)
  }

  /** Answers what is to be told once all is committed; a failure may rest on what others in the group did, so it waits for that, too. */
  async function runEach(group: Waiting[]): Promise<(() => void)[]> {
    const answers: (() => void)[] = []
    const started = performance.now()
    for (const [index, each] of group.entries()) {
      if (performance.now() - started > GROUP_MAX_MS) {
        waiting.unshift(...group.splice(index))
        break
      }
      exec('SAVEPOINT one')
      try {
        const result = await each.work(writer)
        answers.push(() => each.resolve(result))
      } catch (error) {
        if (!handle.isTransaction) throw error // the database gave the whole transaction up
        exec('ROLLBACK TO one')
        answers.push(() => each.reject(told(error)))
      }
      exec('RELEASE one')
    }
    return answers
  }

  /** Tries again while another process holds the database. A statement that was refused as busy has done nothing. */
  async function whenFree<T>(attempt: () => Promise<T>): Promise<T> {
    const giveUp = Date.now() + BUSY_GIVE_UP_MS
    for (;;) {
      try {
        return await attempt()
      } catch (error) {
        if (!isBusy(error)) throw error
        if (Date.now() > giveUp) throw new LockTimeout(error)
        await sleep(BUSY_RETRY_MS)
      }
    }
  }

  const settled = () => (underWay ? new Promise<void>((resolve) => idle.push(resolve)) : Promise.resolve())
  return { enter, settled }
}

interface Connection {
  readonly handle: DatabaseSync
  readonly reader: Reader & Pick<Writer, 'db'>
}

function connect(path: string, counter: { statements: number }): Connection {
  const handle = new DatabaseSync(path, { timeout: 0, enableForeignKeyConstraints: true })
  handle.exec(
    'PRAGMA page_size = 8192; PRAGMA busy_timeout = 1000; PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 0; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536',
  )
  const prepared = new Map<string, StatementSync>()
  const prepare = (sql: string): StatementSync => {
    let statement = prepared.get(sql)
    if (!statement) {
      if (prepared.size >= STATEMENTS_KEPT) prepared.clear()
      statement = handle.prepare(sql)
      prepared.set(sql, statement)
    }
    return statement
  }
  const dialect = new SqliteDialect({
    database: {
      close: () => handle.close(),
      prepare: (sql) => {
        const statement = prepare(sql)
        const values = (parameters: readonly unknown[]) => {
          counter.statements++
          return parameters as SQLInputValue[]
        }
        return {
          reader: statement.columns().length > 0,
          all: (parameters) => statement.all(...values(parameters)),
          run: (parameters) => statement.run(...values(parameters)),
          iterate: (parameters) => statement.iterate(...values(parameters)),
        }
      },
    },
  })
  const reader: Connection['reader'] = {
    dialect: 'sqlite',
    db: new Kysely<Tables>({ dialect }),
    async run<Row>(statement: Statement, parameters: readonly Parameter[]): Promise<Row[]> {
      counter.statements++
      return prepare(statement.sqlite).all(...(parameters as SQLInputValue[])) as Row[]
    },
  }
  return { handle, reader }
}

/** No space is left: SQLite has taken back what did not fit. */
function told(error: unknown): unknown {
  const isFull = error instanceof Error && 'errcode' in error && error.errcode === SQLITE_FULL
  return isFull ? new DatabaseUnavailable(error, false) : error
}
const SQLITE_FULL = 13

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && (error.errcode === 5 || error.errcode === 261 || error.errcode === 517)
}
