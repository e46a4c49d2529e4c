// The benchmark: the real server under a closed loop, beside the floors of the same machine in the same minutes. Absolute figures depend on the
// machine and on what else runs there; the share of the floor depends on our code.
//   npm run bench -- [--quick] [--only=get,add] [--database=sqlite,postgres] [--json results.json]
import { writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { fastifyFloor, fsyncTime, postgresCommits, sqliteCommits } from './floor.ts'
import { openConnection, residentMemory } from './load.ts'
import { type Result, SCENARIOS } from './scenarios.ts'
import { type Dialect, freshDatabase, type Started, startCartwright, startPostgres, temporaryFolder } from './server.ts'
import { makeShop } from './shop.ts'
import { countStatements, type Statements } from './statements.ts'

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    database: { type: 'string', default: 'sqlite,postgres' },
    json: { type: 'string' },
  },
})
const seconds = options.quick ? 1.5 : 5
const chosen = options.only?.split(',')
const say = (text: string) => process.stdout.write(`${text}\n`)
const whole = (value: number) => Math.round(value).toLocaleString('en-US')

interface Floors {
  /** Fastify answers per second, by connections. */
  readonly http: Readonly<Record<number, { post: number; get: number }>>
  readonly commits: number
}

interface Report {
  readonly dialect: Dialect
  readonly commits: number
  readonly startMs: number
  readonly idleMiB: number | null
  readonly results: readonly Result[]
  readonly statements: Statements
}

async function measureHttpFloor(): Promise<Floors['http']> {
  const http: Record<number, { post: number; get: number }> = {}
  for (const connections of [16, 64]) {
    const { post, get } = await fastifyFloor(connections, seconds / 2)
    http[connections] = { post: post.rate, get: get.rate }
    say(
      `bare Fastify, ${connections} connections: ${whole(post.rate)} POST/s (p99 ${post.p99.toFixed(1)} ms, ${cpu(post.cpuMicros)}), ${whole(get.rate)} GET/s`,
    )
  }
  return http
}

async function measure(dialect: Dialect, http: Floors['http']): Promise<Report> {
  const folder = temporaryFolder()
  const postgres = dialect === 'postgres' ? await startPostgres() : null
  const database = postgres ? await freshDatabase(postgres.url) : { url: `sqlite:${folder.path}/bench.db`, stop: async () => undefined }
  const counted = postgres ? await freshDatabase(postgres.url) : { url: `sqlite:${folder.path}/count.db`, stop: async () => undefined }
  try {
    const commits = postgres ? await postgresCommits(database.url, seconds / 2) : sqliteCommits(folder.path, seconds / 2)
    say(`\n${dialect}: bare commits in groups of 32: ${whole(commits)} documents/s`)
    const first = await startCartwright(database.url)
    await first.stop()
    const from = performance.now()
    const server = await startCartwright(database.url)
    const startMs = performance.now() - from
    try {
      const idleMiB = residentMemory(server.pid)
      say(`first answer ${whole(startMs)} ms after start; ${idleMiB === null ? '–' : whole(idleMiB)} MiB resident\n`)
      const results = await runScenarios(server, { http, commits })
      const statements = await countStatements(counted.url)
      say(
        `\nSQL statements: ${Object.entries(statements)
          .map(([name, count]) => `${name} ${count}`)
          .join('; ')}`,
      )
      return { dialect, commits, startMs, idleMiB, results, statements }
    } finally {
      await server.stop()
    }
  } finally {
    await database.stop()
    await counted.stop()
    await postgres?.stop()
    folder.stop()
  }
}

async function runScenarios(server: Started, floors: Floors): Promise<Result[]> {
  const connection = await openConnection(server.url)
  await makeShop(connection)
  connection.close()
  say(row(['', 'conn', 'per s', 'p50 ms', 'p99 ms', 'max ms', 'CPU/op', 'of HTTP', 'of commits', 'generator']))
  const all: Result[] = []
  for (const scenario of SCENARIOS.filter(({ name }) => !chosen || chosen.includes(name))) {
    for (const result of await scenario.run({ base: server.url, pid: server.pid, seconds })) {
      all.push(result)
      say(line(result, floors))
    }
  }
  return all
}

function line(result: Result, { http, commits }: Floors): string {
  const base = http[result.connections] ?? http[16]
  const share = (floor: number | undefined) => (floor ? `${((100 * result.rate) / floor).toFixed(0)} %` : '')
  return row([
    result.name,
    String(result.connections),
    whole(result.rate),
    result.p50.toFixed(2),
    result.p99.toFixed(2),
    result.max.toFixed(1),
    cpu(result.cpuMicros),
    result.floor === null ? '' : share(result.floor === 'get' ? base?.get : base?.post),
    result.floor === 'commit' ? share(commits) : '',
    result.generatorLoad === 0 ? '' : `${(100 * result.generatorLoad).toFixed(0)} %`,
  ])
}

function cpu(micros: number | null): string {
  return micros === null ? '' : `${micros.toFixed(0)} µs`
}

function row(cells: readonly string[]): string {
  const [name = '', ...others] = cells
  return name.padEnd(38) + others.map((cell) => cell.padStart(11)).join('')
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
const folder = temporaryFolder()
const fsyncMs = fsyncTime(folder.path)
folder.stop()
say(
  `Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model.trim()}; fsync of 4 KB in ${tmpdir()}: ${fsyncMs.toFixed(2)} ms (median)`,
)
const http = await measureHttpFloor()
const reports: Report[] = []
for (const dialect of (options.database ?? '').split(',')) {
  if (dialect !== 'sqlite' && dialect !== 'postgres') throw new Error(`--database is sqlite, postgres or both, not "${dialect}".`)
  reports.push(await measure(dialect, http))
}
if (options.json !== undefined)
  writeFileSync(
    join(options.json),
    `${JSON.stringify({ node: process.versions.node, cpus: cpus().length, fsyncMs, http, seconds, reports }, null, 2)}\n`,
  )
process.exit(0)
