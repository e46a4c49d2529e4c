// The floors that the figures are compared with, measured in the same run: what the disk takes for one fsync, what each database commits when 32
// documents of a cart's size share a transaction and nothing else happens, and what bare Fastify answers.
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'
import { drive, type Measured, openConnection, quantile, requestOf } from './load.ts'
import { startFloor } from './server.ts'

const GROUP = 32
const ROWS = 1024
/** What is kept of a cart of five lines: the intent and the priced result. */
const INTENT = JSON.stringify('i'.repeat(2600))
const PRICED = JSON.stringify('p'.repeat(4500))

/** Median time in milliseconds of writing 4 KB and waiting until they are on the disk. */
export function fsyncTime(folder: string): number {
  const file = openSync(join(folder, 'fsync'), 'w')
  const block = Buffer.alloc(4096, 1)
  const times: number[] = []
  for (let index = 0; index < 300; index++) {
    const from = performance.now()
    writeSync(file, block, 0, block.length, 0)
    fsyncSync(file)
    times.push(performance.now() - from)
  }
  closeSync(file)
  return quantile(
    times.sort((a, b) => a - b),
    0.5,
  )
}

/** Document updates per second that `node:sqlite` commits (WAL, synchronous=FULL) in groups of 32. */
export function sqliteCommits(folder: string, seconds: number): number {
  const db = new DatabaseSync(join(folder, 'floor.db'))
  db.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE carts (id TEXT PRIMARY KEY, version INT, intent TEXT, priced TEXT)',
  )
  const insert = db.prepare('INSERT INTO carts VALUES (?, 0, ?, ?)')
  db.exec('BEGIN')
  for (let index = 0; index < ROWS; index++) insert.run(`cart_${index}`, INTENT, PRICED)
  db.exec('COMMIT')
  const update = db.prepare('UPDATE carts SET version = version + 1, intent = ?, priced = ? WHERE id = ?')
  let count = 0
  const from = performance.now()
  while (performance.now() < from + 1000 * seconds) {
    db.exec('BEGIN IMMEDIATE')
    for (let index = 0; index < GROUP; index++) update.run(INTENT, PRICED, `cart_${count++ % ROWS}`)
    db.exec('COMMIT')
  }
  const rate = (1000 * count) / (performance.now() - from)
  db.close()
  return rate
}

/** Document updates per second that PostgreSQL commits in batches of 32 through one `unnest` update, four at once. */
export async function postgresCommits(databaseUrl: string, seconds: number): Promise<number> {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 4 })
  await pool.query('CREATE TABLE floor_carts (id text PRIMARY KEY, version bigint, intent text, priced text) WITH (fillfactor = 50)')
  await pool.query(`INSERT INTO floor_carts SELECT 'cart_' || n, 0, $1, $2 FROM generate_series(0, ${ROWS - 1}) n`, [INTENT, PRICED])
  const text = `UPDATE floor_carts c SET version = c.version + 1, intent = i.intent, priced = i.priced
    FROM unnest($1::text[], $2::text[], $3::text[]) AS i(id, intent, priced) WHERE c.id = i.id`
  const intents = Array.from({ length: GROUP }, () => INTENT)
  const priced = Array.from({ length: GROUP }, () => PRICED)
  let count = 0
  const from = performance.now()
  // Every lane has rows of its own, so that the lanes never wait for each other.
  const lane = async (number: number) => {
    for (let round = 0; performance.now() < from + 1000 * seconds; round++) {
      const ids = Array.from(
        { length: GROUP },
        (_, index) => `cart_${(number * (ROWS / 4) + ((round * GROUP + index) % (ROWS / 4))) % ROWS}`,
      )
      await pool.query({ name: 'floor', text, values: [ids, intents, priced] })
      count += GROUP
    }
  }
  await Promise.all([0, 1, 2, 3].map(lane))
  const rate = (1000 * count) / (performance.now() - from)
  await pool.query('DROP TABLE floor_carts')
  await pool.end()
  return rate
}

/** What bare Fastify answers at so many connections: to a JSON POST, and to a GET. */
export async function fastifyFloor(connections: number, seconds: number): Promise<{ post: Measured; get: Measured }> {
  const server = await startFloor()
  try {
    const open = await Promise.all(Array.from({ length: connections }, () => openConnection(server.url)))
    const post = requestOf('POST', '/', `ct_${'0'.repeat(76)}`, { sku: 'BENCH-1', quantity: 1 })
    const get = requestOf('GET', '/', `ct_${'0'.repeat(76)}`)
    const each = (request: Buffer) => open.map((connection) => async () => void (await connection.send(request)))
    const measured = { post: await drive(each(post), seconds, server.pid), get: await drive(each(get), seconds, server.pid) }
    for (const connection of open) connection.close()
    return measured
  } finally {
    await server.stop()
  }
}
