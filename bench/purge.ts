// What shoppers notice while carts end by themselves: adds at a steady rate before, during and after the purge of many expired guest carts on
// PostgreSQL, beside the server's memory. The purge is the server's own, at its own gentle pace; nothing is told to it.
//   node bench/purge.ts [--carts=200000] [--rate=100] [--seconds=40]
import { parseArgs } from 'node:util'
import pg from 'pg'
import { type Connection, call, openConnection, quantile, requestOf, residentMemory } from './load.ts'
import { freshDatabase, type Started, startCartwright, startPostgres } from './server.ts'
import { type GuestCart, makeCart, makeShop, SHOP, sku } from './shop.ts'

const { values: options } = parseArgs({
  options: {
    carts: { type: 'string', default: '200000' },
    rate: { type: 'string', default: '100' },
    seconds: { type: 'string', default: '40' },
  },
})
const carts = Number(options.carts)
const rate = Number(options.rate)
const seconds = Number(options.seconds)
const say = (text: string) => process.stdout.write(`${text}\n`)

/** Shoppers who add a piece now and then. */
const SHOPPERS = 32
/** How long the carts of the purge have been left alone: longer than any shop keeps them. */
const AGE_MS = 400 * 86_400_000

/** Copies one cart to as many expired ones, each of a guest of its own with its secret and a history. */
async function seed(database: pg.Client, cartId: string): Promise<void> {
  const columns = `shop_id, type, state, is_current, version, email, format, epoch, revision, fresh_until, stock_seen`
  const id = `'cart_0' || lpad(to_hex(n), 31, '0')`
  const guest = `lpad(to_hex(n), 32, '0')`
  const old = Date.now() - AGE_MS
  const steps = [
    `INSERT INTO guests (shop_id, id, created_at) SELECT 'bench', ${guest}, ${old} FROM generate_series(1, ${carts}) n`,
    `INSERT INTO guest_secrets (shop_id, guest_id, hash, created_at) SELECT 'bench', ${guest}, 'x', ${old} FROM generate_series(1, ${carts}) n`,
    `INSERT INTO cart_history (shop_id, cart_id, version, at, entry)
     SELECT 'bench', ${id}, v, ${old}, (SELECT entry FROM cart_history WHERE cart_id = '${cartId}' LIMIT 1)
     FROM generate_series(1, ${carts}) n, generate_series(1, 3) v`,
    `INSERT INTO carts (${columns}, id, owner, number, intent, priced, activity, created_at, expires_at, due_at)
     SELECT ${columns
       .split(', ')
       .map((column) => `c.${column}`)
       .join(', ')}, ${id}, 'g:' || ${guest}, ${id},
       jsonb_set(jsonb_set(c.intent::jsonb, '{updatedAt}', '${old}'::jsonb), '{id}', to_jsonb(${id}))::text, c.priced,
       ${old}, ${old}, ${old} + 30 * 86400000::bigint, ((${old} + 30 * 86400000::bigint) / 3600000) * 3600000
     FROM carts c, generate_series(1, ${carts}) n WHERE c.id = '${cartId}'`,
    'ANALYZE',
  ]
  for (const step of steps) await database.query(step)
}

/** Sends adds at a steady rate, whether earlier ones are answered or not, until told to stop; answers latencies from when each was due. */
async function addSteadily(server: Started, shoppers: readonly GuestCart[], isOver: () => boolean): Promise<number[]> {
  const idle: Connection[] = []
  const latencies: number[] = []
  const underWay = new Set<Promise<void>>()
  const add = async (due: number, cart: GuestCart, index: number) => {
    // In turn, so that none is idle for so long that the server closes it.
    const connection = idle.shift() ?? (await openConnection(server.url))
    const reply = await connection.send(
      requestOf('POST', `${SHOP}/carts/${cart.id}/lines`, cart.token, { sku: sku(index % 5), quantity: 1 }),
    )
    if (reply.status !== 200) throw new Error(`An add was answered ${reply.status}: ${reply.body.toString().slice(0, 300)}`)
    latencies.push(performance.now() - due)
    idle.push(connection)
  }
  const from = performance.now()
  for (let sent = 0; !isOver(); sent++) {
    const due = from + (1000 * sent) / rate
    if (due > performance.now()) await new Promise((resolve) => setTimeout(resolve, Math.max(0, due - performance.now())))
    const cart = shoppers[sent % SHOPPERS]
    if (!cart) continue
    const work = add(due, cart, sent)
    underWay.add(work)
    void work.finally(() => underWay.delete(work))
  }
  await Promise.all(underWay)
  for (const connection of idle) connection.close()
  return latencies.sort((a, b) => a - b)
}

function report(name: string, latencies: readonly number[], memory: readonly (number | null)[]): number {
  const p95 = quantile(latencies, 0.95)
  const [p50, p99] = [quantile(latencies, 0.5), quantile(latencies, 0.99)]
  const mib = memory.map((each) => `${Math.round(each ?? 0)}`).join(' to ')
  say(`${name}: ${latencies.length} adds, p50 ${p50.toFixed(1)} ms, p95 ${p95.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms; memory ${mib} MiB`)
  return p95
}

const postgres = await startPostgres()
const fresh = await freshDatabase(postgres.url)
const database = new pg.Client({ connectionString: fresh.url })
await database.connect()
const countLeft = async () =>
  Number(
    (await database.query(`SELECT count(*) FROM (SELECT 1 FROM carts WHERE due_at < ${Date.now() - 86_400_000} LIMIT 300000) t`)).rows[0]
      .count,
  )

const first = await startCartwright(fresh.url)
const connection = await openConnection(first.url)
await makeShop(connection)
const shoppers: GuestCart[] = []
for (let index = 0; index < SHOPPERS; index++) shoppers.push(await makeCart(connection, 3))
await call(connection, 'GET', SHOP)
connection.close()
await first.stop()
say(`seeding ${carts} expired carts`)
await seed(database, shoppers[0]?.id ?? '')

const server = await startCartwright(fresh.url)
try {
  // The server looks at what is due a minute after it started: until then it does nothing but answer.
  await addSteadily(server, shoppers, after(5))
  const rss = () => residentMemory(server.pid)
  const before = report('before', await addSteadily(server, shoppers, after(Math.min(seconds, 45))), [rss()])
  while ((await countLeft()) >= carts) await new Promise((resolve) => setTimeout(resolve, 100))
  const started = performance.now()
  const memory = [rss()]
  let left = carts
  let isCounting = false
  const watch = setInterval(async () => {
    if (isCounting) return
    isCounting = true
    left = await countLeft()
    memory.push(rss())
    isCounting = false
  }, 5000)
  const latencies = await addSteadily(server, shoppers, () => left === 0)
  clearInterval(watch)
  const took = (performance.now() - started) / 1000
  const sizes = memory.map((each) => each ?? 0)
  const during = report('during', latencies, [Math.min(...sizes), Math.max(...sizes)])
  say(`the purge took ${took.toFixed(0)} s: ${Math.round(carts / took)} carts/s`)
  const afterwards = report('after', await addSteadily(server, shoppers, after(seconds)), [rss()])
  say(`p95 during the purge is ${(((2 * during) / (before + afterwards) - 1) * 100).toFixed(0)} % above the mean of before and after`)
} finally {
  await server.stop()
  await database.end()
  await fresh.stop()
  await postgres.stop()
}

function after(s: number): () => boolean {
  const end = performance.now() + 1000 * s
  return () => performance.now() >= end
}
