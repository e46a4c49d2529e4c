// How data is reached. A Reader can only read; a Writer exists only inside `transact`, so a write without a transaction does not compile.
// Both databases implement this one interface; they differ in driver, lock and dialect, nothing else.
import { type Kysely, type RawBuilder, type SqlBool, sql } from 'kysely'
import type { Tables } from './tables.ts'

/** Which database. */
export type Dialect = 'sqlite' | 'postgres'

/** A statement of the hot path: its text per database, compiled once and kept prepared under its name. */
export interface Statement {
  readonly name: string
  readonly sqlite: string
  readonly postgres: string
}

/** A value that a statement can be given. Lists exist on PostgreSQL only. */
export type Parameter = string | number | null | readonly (string | number | null)[]

/** Reads. `db` is the query builder, of which a reader sees SELECT only; `run` is for the few statements of the hot path. */
export interface Reader {
  readonly dialect: Dialect
  readonly db: Pick<Kysely<Tables>, 'selectFrom'>
  run<Row>(statement: Statement, parameters: readonly Parameter[]): Promise<Row[]>
}

declare const writes: unique symbol

/** Reads and writes, in a transaction. Only a store makes one. */
export interface Writer extends Reader {
  readonly db: Kysely<Tables>
  readonly [writes]: true
}

/** A database. */
export interface Store {
  readonly dialect: Dialect
  readonly reader: Reader
  /** Number of SQL statements sent so far; tests and the benchmark count with it. */
  statements(): number
  /**
   * Runs `work` in one transaction: all or nothing. It may run again after a deadlock, so it must change nothing outside, and it must wait
   * for nothing but the database. `alone`: what was committed before is visible to `reader`, too (SQLite commits transactions in groups).
   */
  transact<T>(work: (writer: Writer) => Promise<T>, options?: { readonly alone?: boolean }): Promise<T>
  /** A transaction of exactly one statement, which needs no BEGIN and COMMIT. */
  transactOne<T>(work: (writer: Writer) => Promise<T>): Promise<T>
  /** Brings the schema up to date; safe to call from many processes at once. */
  migrate(): Promise<void>
  close(): Promise<void>
}

/** Whether a column is one of these texts. Its statement is the same however many there are, so that it is prepared once. */
export function isAmong({ dialect }: Reader, column: string, values: readonly string[]): RawBuilder<SqlBool> {
  if (dialect === 'postgres') return sql<SqlBool>`${sql.ref(column)} = ANY (${values}::text[])`
  return sql<SqlBool>`${sql.ref(column)} IN (SELECT value FROM json_each(${JSON.stringify(values)}))`
}

/** The writer's brand is for the compiler alone. */
export function asWriter(connection: Reader & Pick<Writer, 'db'>): Writer {
  return connection as Writer
}

/**
 * The connection broke while a transaction was being committed: nobody can say whether it happened. It must not be tried again blindly; the
 * caller answers an error, and whoever sent an Idempotency-Key may repeat the request safely.
 */
export class CommitUnknown extends Error {
  constructor(cause: unknown) {
    super('The connection to the database broke while committing; whether the change was made is not known.', { cause })
    this.name = 'CommitUnknown'
  }
}

/**
 * The database cannot be reached, or has no space left. `sent`: a statement was under way when the connection broke; outside a transaction nobody
 * can say whether it happened. A transaction that had not come to its COMMIT was not committed.
 */
export class DatabaseUnavailable extends Error {
  readonly sent: boolean
  constructor(cause: unknown, sent: boolean) {
    super('The database cannot be reached, or has no space left.', { cause })
    this.name = 'DatabaseUnavailable'
    this.sent = sent
  }
}

/** Somebody else held a lock (on SQLite the database) for too long. The transaction was rolled back: nothing was changed. */
export class LockTimeout extends Error {
  constructor(cause: unknown) {
    super('Somebody else held a lock of the database for too long; nothing was changed.', { cause })
    this.name = 'LockTimeout'
  }
}

/** Whether a statement failed because a row with the same unique key is there: somebody else was faster. */
export function isDuplicate(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code, errcode } = error as Error & { readonly code?: unknown; readonly errcode?: unknown }
  return code === POSTGRES_UNIQUE || errcode === SQLITE_UNIQUE
}
const POSTGRES_UNIQUE = '23505'
const SQLITE_UNIQUE = 2067
