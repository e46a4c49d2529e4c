// PostgreSQL through pg: the production default. READ COMMITTED with explicit row locks in one global order (see docs/architecture.md), so
// deadlocks do not arise; should one be reported all the same, the transaction runs again and no client sees it.
import { hash } from 'node:crypto'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { migrateToLatest } from './migrate.ts'
import {
  asWriter,
  CommitUnknown,
  DatabaseUnavailable,
  LockTimeout,
  type Parameter,
  type Reader,
  type Statement,
  type Store,
  type Writer,
} from './store.ts'
import type { Tables } from './tables.ts'

const ATTEMPTS = 4
const DEADLOCK = '40P01'
const SERIALIZATION = '40001'
const LOCK_NOT_AVAILABLE = '55P03'
const LOCK_TIMEOUT_MS = 5000
const STATEMENT_TIMEOUT_MS = 30_000
/** Only where the network is gone: the server's own time-outs come first. */
const SILENCE_MS = 40_000
/**
 * Connections that transactions leave for reads. A transaction that waits for a lock must not keep whoever holds that lock from reading what
 * it needs to finish.
 */
const READS_KEEP = 2

/** 64-bit integers are read as numbers, with a check: nothing we keep is larger than 2^53 − 1. */
const types: pg.CustomTypesConfig = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    if (oid === pg.types.builtins.INT8) return (text: string) => exactInteger(text)
    return pg.types.getTypeParser(oid, format as 'text')
  },
}

function exactInteger(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value))
    throw new RangeError(`The database holds the integer ${text}, which is larger than 2^53 − 1 and cannot be read exactly.`)
  return value
}

/** Opens a pool of connections. `url` is a `postgres://` address. */
export function openPostgres(url: string, options: { connections?: number } = {}): Store {
  const counter = { statements: 0 }
  class CountingClient extends pg.Client {
    // One place through which every statement of this pool goes. Those of the query builder get a name, so that the server parses and
    // plans each of them once per connection; other forms of `query` are passed on as they are.
    override query = ((...parameters: unknown[]) => {
      counter.statements++
      const [text, values] = parameters
      const name = typeof text === 'string' && Array.isArray(values) ? nameOf(text) : undefined
      const done: unknown =
        name === undefined
          ? super.query(...(parameters as [string]))
          : super.query({ name, text: text as string, values: values as unknown[] })
      return done instanceof Promise ? done.catch(tellLost(true)) : done
    }) as unknown as pg.Client['query']
  }
  const connections = Math.max(READS_KEEP + 1, options.connections ?? 10)
  const pool = new pg.Pool({
    connectionString: url,
    max: connections,
    types,
    Client: CountingClient as unknown as new () => pg.Client,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    lock_timeout: LOCK_TIMEOUT_MS,
    query_timeout: SILENCE_MS,
    application_name: 'cartwright',
  })
  pool.on('error', () => undefined) // an idle connection broke; the next query opens another
  // One that breaks between two statements of a transaction: its next statement fails. Unheard, the error would end the process.
  pool.on('connect', (client) => client.on('error', () => undefined))
  const connect = () => pool.connect().catch(tellLost(false))
  const whole: Reader & Pick<Writer, 'db'> = {
    dialect: 'postgres',
    db: new Kysely<Tables>({ dialect: new PostgresDialect({ pool: { options: pool.options, connect, end: () => pool.end() } }) }),
    run: async <Row>(statement: Statement, parameters: readonly Parameter[]) => {
      const client = await connect()
      let broken: Error | undefined
      try {
        return await rows<Row>(client, statement, parameters)
      } catch (error) {
        if (error instanceof DatabaseUnavailable) broken = error
        throw error
      } finally {
        client.release(broken)
      }
    },
  }
  const single = asWriter(whole)
  const bound = new WeakMap<pg.PoolClient, Writer>()
  const waiting: (() => void)[] = []
  let free = connections - READS_KEEP

  async function once<T>(work: (writer: Writer) => Promise<T>): Promise<T> {
    const client = await connect()
    let broken: Error | undefined
    try {
      await client.query('BEGIN')
      const result = await work(writerOf(client, bound))
      await committing(client.query('COMMIT'))
      return result
    } catch (error) {
      await client.query('ROLLBACK').catch((rollback: Error) => (broken = rollback))
      throw error
    } finally {
      client.release(broken)
    }
  }

  async function transact<T>(work: (writer: Writer) => Promise<T>): Promise<T> {
    if (free > 0) free--
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await retrying(() => once(work))
    } finally {
      const next = waiting.shift()
      if (next) next()
      else free++
    }
  }

  /** Migrations wait for each other and may take long: a connection of their own, without the time-outs of requests. */
  async function migrate(): Promise<void> {
    const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: url, max: 1 }) }) })
    await migrateToLatest(db).finally(() => db.destroy())
  }

  return {
    dialect: 'postgres',
    reader: whole,
    statements: () => counter.statements,
    transact,
    transactOne: (work) => retrying(() => committing(work(single))),
    migrate,
    close: () => whole.db.destroy(),
  }
}

const names = new Map<string, string>()
/** A connection keeps so many prepared statements at most. */
const NAMES_MAX = 300
/** A list of five or more values: its length varies, so every length would be a statement of its own. */
const LONG_LIST = / in \(\$\d+(?:, \$\d+){4}/

/** The name under which a statement is prepared, or undefined when it is not worth one. The same text has the same name everywhere. */
function nameOf(text: string): string | undefined {
  const known = names.get(text)
  if (known !== undefined || names.size >= NAMES_MAX || LONG_LIST.test(text)) return known
  const name = `q_${hash('sha1', text, 'base64url').slice(0, 16)}`
  names.set(text, name)
  return name
}

async function retrying<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      const state = sqlState(error)
      if (state === LOCK_NOT_AVAILABLE) throw new LockTimeout(error)
      if ((state !== DEADLOCK && state !== SERIALIZATION) || attempt === ATTEMPTS) throw error
    }
  }
}

/**
 * An error with an SQLSTATE came from the server, which rolled back. Without one, and in the classes of lost connections and of a server that
 * is going down, the outcome is open.
 */
async function committing<T>(statement: Promise<T>): Promise<T> {
  try {
    return await statement
  } catch (error) {
    if (error instanceof DatabaseUnavailable) throw error.sent ? new CommitUnknown(error) : error
    throw /^(?!08|57P|40003)[0-9A-Z]{5}$/.test(sqlState(error)) ? error : new CommitUnknown(error)
  }
}

/** Says which errors mean that the connection is gone, or that the server has no room; others are passed on as they are. */
function tellLost(sent: boolean): (error: unknown) => never {
  return (error) => {
    // What the server itself answers, even "no room", it has taken back.
    throw isLost(error) ? new DatabaseUnavailable(error, sent && !sqlState(error).startsWith('53')) : error
  }
}

/** Connections: classes 08 and 57P, too many of them, a full disk; without a code, what the driver and the network say. */
function isLost(error: unknown): boolean {
  const state = sqlState(error)
  if (/^(08|57P|53)/.test(state) || LOST_CODES.has(state)) return true
  return error instanceof Error && state === '' && LOST_WORDS.test(error.message)
}
const LOST_CODES = new Set(
  'ECONNREFUSED ECONNRESET EPIPE ETIMEDOUT EHOSTUNREACH ENETUNREACH ENETDOWN ENOTFOUND EAI_AGAIN ENOENT EADDRNOTAVAIL'.split(' '),
)
const LOST_WORDS =
  /^(Connection terminated|Client has encountered|Client was closed|Query read timeout|timeout exceeded when trying to connect)/

function sqlState(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : ''
}

function writerOf(client: pg.PoolClient, bound: WeakMap<pg.PoolClient, Writer>): Writer {
  const known = bound.get(client)
  if (known) return known
  const leased = { query: client.query.bind(client), release: () => undefined } as unknown as pg.PoolClient
  const single = { options: {}, connect: async () => leased, end: async () => undefined }
  const writer = asWriter({
    dialect: 'postgres',
    db: new Kysely<Tables>({ dialect: new PostgresDialect({ pool: single }) }),
    run: async <Row>(statement: Statement, parameters: readonly Parameter[]) => rows<Row>(client, statement, parameters),
  })
  bound.set(client, writer)
  return writer
}

async function rows<Row>(target: pg.PoolClient, statement: Statement, parameters: readonly Parameter[]): Promise<Row[]> {
  const { rows } = await target.query({ name: statement.name, text: statement.postgres, values: parameters as unknown[] })
  return rows as Row[]
}
