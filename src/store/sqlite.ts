// SQLite through node:sqlite: the embedded default. One connection writes, another reads (WAL: it sees what is committed). Transactions of
// this process queue up for the writing connection; against another process (a CLI command) BEGIN IMMEDIATE is tried again from a timer,
// so that waiting never blocks the event loop. synchronous=FULL: what was acknowledged survives a power cut.
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { Kysely, SqliteDialect } from 'kysely'
import { migrateToLatest } from './migrate.ts'
import { asWriter, LockTimeout, type Parameter, type Reader, type Statement, type Store, type Writer } from './store.ts'
import type { Tables } from './tables.ts'

const BUSY_RETRY_MS = 5
const BUSY_GIVE_UP_MS = 10_000
const STATEMENTS_KEPT = 500

/** Opens (and creates) the database file. `:memory:` is not supported: two connections would see two databases. */
export function openSqlite(path: string): Store {
  mkdirSync(dirname(path), { recursive: true })
  const counter = { statements: 0 }
  const writing = connect(path, counter)
  const reading = connect(path, counter)
  reading.handle.exec('PRAGMA query_only = 1')
  let tail: Promise<unknown> = Promise.resolve()

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

  async function begin(): Promise<void> {
    counter.statements++
    writing.handle.exec('BEGIN IMMEDIATE')
  }

  async function inTransaction<T>(work: (writer: Writer) => Promise<T>): Promise<T> {
    await whenFree(begin)
    try {
      const result = await work(asWriter(writing.reader))
      counter.statements++
      writing.handle.exec('COMMIT')
      return result
    } catch (error) {
      if (writing.handle.isTransaction) writing.handle.exec('ROLLBACK')
      throw error
    }
  }

  /** One after the other: the writing connection has one transaction at a time. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = tail.then(work)
    tail = result.catch(() => undefined)
    return result
  }

  function transact<T>(work: (writer: Writer) => Promise<T>): Promise<T> {
    return inTurn(() => inTransaction(work))
  }

  return {
    dialect: 'sqlite',
    reader: reading.reader,
    statements: () => counter.statements,
    transact,
    transactOne: (work) => inTurn(() => whenFree(() => work(asWriter(writing.reader)))),
    // All of it in one transaction: callers in other processes wait, and a crash leaves nothing half done.
    migrate: () => transact(({ db }) => migrateToLatest(db)),
    async close() {
      await tail.catch(() => undefined)
      for (const { reader, handle } of [reading, writing]) {
        await reader.db.destroy()
        // The query builder closes only what it has used.
        if (handle.isOpen) handle.close()
      }
    },
  }
}

interface Connection {
  readonly handle: DatabaseSync
  readonly reader: Reader & Pick<Writer, 'db'>
}

function connect(path: string, counter: { statements: number }): Connection {
  const handle = new DatabaseSync(path, { timeout: 0, enableForeignKeyConstraints: true })
  handle.exec(
    'PRAGMA busy_timeout = 1000; PRAGMA journal_mode = WAL; PRAGMA busy_timeout = 0; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536',
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

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && (error.errcode === 5 || error.errcode === 261 || error.errcode === 517)
}
