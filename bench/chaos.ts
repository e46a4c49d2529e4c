// Chaos: many workers order the same few skus with the same few codes, in shuffled order, on two servers and one PostgreSQL, while one of the servers
// is killed (kill -9) and started again. Afterwards the books must balance: the queries that prove it are printed with what they found.
//   node bench/chaos.ts [--seconds 60] [--workers 200] [--seed 1] [--kill-every 7]
// Or: so many completions of orders race what the provider says of them, on both databases (test/races-of-payment.test.ts, for longer).
//   node bench/chaos.ts --races 20000 [--seed 1]
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { openStore } from '../src/main.ts'
import { checkBooks, turnover } from '../src/store/books.ts'
import { ADMIN, freshDatabase, type Started, startCartwright, startPostgres } from './server.ts'

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    workers: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    'kill-every': { type: 'string', default: '7' },
    races: { type: 'string' },
  },
})
const seconds = Number(options.seconds)
const workers = Number(options.workers)
const killEvery = Number(options['kill-every'])
const say = (text: string) => process.stdout.write(`${text}\n`)

const SHOP = '/v1/shops/demo'
const STOCK = 3000
const SKUS = Array.from({ length: 12 }, (_, index) => `CHAOS-${index}`)
/** Codes by how often they may be used; null: as often as wanted. */
const CODES: readonly [code: string, usesMax: number | null][] = [
  ['FEW', 25],
  ['SOME', 150],
  ['MANY', 1000],
  ['OPEN', null],
]
const NO_LIMIT = { address: 0, owner: 0, cart: 0, shop: 0 }
const CARD = { good: '4242424242424242', declined: '4000000000000002' }

/** A small generator of numbers in [0, 1), so that a run can be repeated with its seed. */
function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 4_294_967_296
  }
}

const random = seeded(Number(options.seed))
const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item)
}

const counts: Record<string, number> = {}
const count = (what: string) => {
  counts[what] = (counts[what] ?? 0) + 1
}

/** A call whose server may die: null when no answer came. */
async function call(url: string, method: string, path: string, token: string | null, body?: unknown) {
  try {
    const response = await fetch(url + path, {
      method,
      headers: {
        ...(token === null ? { 'idempotency-key': crypto.randomUUID() } : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000),
    })
    const answer = (await response.json()) as Record<string, never>
    if (response.status >= 400) count(`${response.status} ${String(answer.code)}`)
    return response.status < 400 ? (answer as Record<string, unknown>) : null
  } catch {
    count('no answer')
    return null
  }
}

function product(sku: string) {
  const variant = { sku, name: '', options: {}, prices: [{ currency: 'USD', amount: 700 }], stockPolicy: 'deny', onHand: STOCK }
  const told = { handle: sku.toLowerCase(), name: sku, description: '', tags: [], kind: 'goods', published: true, images: [] }
  return { ...told, taxCategory: 'standard', variants: [{ ...variant, requiresShipping: false, taxable: true, grams: 100 }] }
}

async function makeShop(url: string): Promise<void> {
  const must = async (method: string, path: string, body: unknown) => {
    const done = await call(url, method, path, ADMIN, body)
    if (!done) throw new Error(`${method} ${path} failed: ${JSON.stringify(counts)}`)
    return done as { id: string; refusedCount: number }
  }
  // All shoppers come from one address here: what they try in vain must not shut the others out.
  const limits = { codes: NO_LIMIT, declines: { ...NO_LIMIT, email: 0 } }
  await must('PATCH', `${SHOP}/settings`, { promotions: { maxCodes: 4 }, limits })
  const report = await must('POST', `${SHOP}/products/import`, { products: SKUS.map(product) })
  if (Number(report.refusedCount) > 0) throw new Error(`Products were refused: ${JSON.stringify(report)}`)
  for (const [code, usesMax] of CODES) {
    const promotion = await must('POST', `${SHOP}/promotions`, {
      name: code,
      conditions: [{ kind: 'code' }],
      benefit: { kind: 'percent_off', percent: '5' },
      ...(usesMax === null ? {} : { usesMax }),
    })
    await must('POST', `${SHOP}/promotions/${promotion.id}/codes`, { code })
  }
}

interface Ordered {
  readonly order: { readonly id: string }
  readonly payment: { readonly url: string } | null
}

/** One shopper: fills a cart, types codes, orders, and pays, is declined, walks away, or clicks twice. */
async function shop(urls: readonly Started[], name: string): Promise<void> {
  const at = () => pick(urls).url
  const made = await call(at(), 'POST', `${SHOP}/carts`, null, {})
  const token = made?.token as string | undefined
  if (!token) return
  const lines = shuffled(SKUS)
    .slice(0, 2 + Math.floor(random() * 4))
    .map((sku) => ({ sku, quantity: 1 + Math.floor(random() * 3) }))
  if (!(await call(at(), 'POST', `${SHOP}/carts/current/lines`, token, { lines }))) return
  if (!(await call(at(), 'PATCH', `${SHOP}/carts/current`, token, { email: `${name}@example.com` }))) return
  for (const [code] of shuffled(CODES).slice(0, 1 + Math.floor(random() * 3)))
    await call(at(), 'POST', `${SHOP}/carts/current/codes`, token, { code })
  const clicks = random() < 0.2 ? 2 : 1
  const answers = await Promise.all(
    Array.from({ length: clicks }, () => call(at(), 'POST', `${SHOP}/orders`, token, { cartId: 'current' })),
  )
  const ordered = answers.find((answer) => answer !== null) as Ordered | undefined
  if (!ordered?.payment) return
  count('ordered')
  const fate = random()
  if (fate < 0.1) return
  const page = new URL(ordered.payment.url)
  const pay = async (number: string) => {
    const form = new URLSearchParams({ number, expiry: '12 / 49', cvc: '123', name: 'Chaos' })
    const paid = await fetch(at() + page.pathname, { method: 'POST', body: form, redirect: 'manual' }).catch(() => null)
    await paid?.body?.cancel()
  }
  if (fate < 0.2) return pay(CARD.declined)
  await pay(CARD.good)
  count('paid')
  if (fate > 0.9 && (await call(at(), 'POST', `${SHOP}/orders/${ordered.order.id}/cancel`, ADMIN, {}))) count('cancelled')
}

async function run(databaseUrl: string): Promise<boolean> {
  const urls = [await startCartwright(databaseUrl), await startCartwright(databaseUrl)]
  await makeShop(urls[0]?.url ?? '')
  const database = new pg.Client({ connectionString: databaseUrl })
  await database.connect()
  const deadlocks = async () =>
    Number((await database.query(`SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`)).rows[0].deadlocks)
  const before = await deadlocks()
  const end = Date.now() + seconds * 1000
  let kills = 0
  const killing = (async () => {
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, killEvery * 1000))
      if (Date.now() > end - 3000 || killEvery <= 0) return
      const victim = urls[1]
      if (victim?.pid !== undefined) process.kill(victim.pid, 'SIGKILL')
      kills++
      // Shoppers notice: those under way lose their answers, others come to the server that lives.
      urls.length = 1
      urls.push(await startCartwright(databaseUrl))
    }
  })()
  await Promise.all(
    Array.from({ length: workers }, async (_, worker) => {
      for (let round = 0; Date.now() < end; round++) await shop(urls, `w${worker}-${round}`)
    }),
  )
  await killing
  say(`${seconds} s, ${workers} workers, ${kills} kills; ${JSON.stringify(counts)}`)
  const store = openStore(databaseUrl)
  try {
    // What was cut off is repeated by the jobs of whoever lives: the clock is moved on, so that they do not wait for leases.
    for (let round = 0; round < 4; round++) await call(urls[0]?.url ?? '', 'POST', '/v1/demo/clock', null, { advance: 'PT10M' })
    const unsettled = () =>
      store.reader.db
        .selectFrom('payments')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .where('state', 'in', ['OPENING', 'PENDING', 'FAILED'])
        .executeTakeFirstOrThrow()
    say(`payments that nobody finished: ${(await unsettled()).count}`)
    const sold = await turnover(store.reader)
    for (const { shopId, currency, orders, total, captured, refunded } of sold)
      say(`${shopId} ${currency}: ${orders} orders of ${total}, captured ${captured}, refunded ${refunded}`)
    let isRight = (counts.paid ?? 0) > 0 && sold.some(({ shopId, orders }) => shopId === 'demo' && orders > 0)
    for (const { name, severity, findings } of await checkBooks(store.reader, Date.now())) {
      say(`${name.padEnd(26)} ${findings.length} rows`)
      if (severity === 'error' && findings.length > 0) {
        isRight = false
        for (const finding of findings.slice(0, 5)) say(`  ${JSON.stringify(finding)}`)
      }
    }
    const lost = await stockThatIsNotSold(store)
    say(`stock that is neither there nor sold  ${lost.length} rows${lost.length > 0 ? `: ${JSON.stringify(lost)}` : ''}`)
    const found = (await deadlocks()) - before
    say(`deadlocks                  ${found}`)
    return isRight && lost.length === 0 && found === 0
  } finally {
    await store.close()
    await database.end()
    await Promise.all(urls.map((server) => server.stop()))
  }
}

/** Skus whose stock is not what it was minus what placed orders have of it. */
async function stockThatIsNotSold(store: ReturnType<typeof openStore>): Promise<{ sku: string; onHand: number; sold: number }[]> {
  const sold = new Map<string, number>()
  const rows = await store.reader.db.selectFrom('orders').select('document').where('state', 'in', ['PLACED', 'COMPLETED']).execute()
  for (const { document } of rows)
    for (const { sku, quantity } of (JSON.parse(document) as { lines: { sku: string; quantity: number }[] }).lines)
      sold.set(sku, (sold.get(sku) ?? 0) + quantity)
  const stock = await store.reader.db.selectFrom('stock').select(['sku', 'on_hand']).where('sku', 'in', SKUS).execute()
  return stock.flatMap(({ sku, on_hand: onHand }) =>
    onHand === STOCK - (sold.get(sku) ?? 0) ? [] : [{ sku, onHand, sold: sold.get(sku) ?? 0 }],
  )
}

/** Runs the test of races for longer. */
async function race(races: string, url: string): Promise<boolean> {
  const root = fileURLToPath(new URL('..', import.meta.url))
  const env = { ...process.env, RACES: races, RACES_SEED: options.seed, TEST_DATABASE_URL: url }
  const test = spawn(process.execPath, ['--test', 'test/races-of-payment.test.ts'], { cwd: root, env, stdio: 'inherit' })
  const [code] = (await once(test, 'exit')) as [number | null]
  return code === 0
}

async function runOnItsOwn(url: string): Promise<boolean> {
  const database = await freshDatabase(url)
  return run(database.url).finally(database.stop)
}

const postgres = await startPostgres()
let isRight = false
try {
  isRight = options.races === undefined ? await runOnItsOwn(postgres.url) : await race(options.races, postgres.url)
} finally {
  await postgres.stop()
}
say(isRight ? 'Everything agrees.' : 'SOMETHING IS WRONG.')
process.exitCode = isRight ? 0 : 1
