// Two server processes on one PostgreSQL keep the promises of one: nothing is lost or done twice, nobody sees a conflict, no deadlock arises, and
// what is wrong with one cart (held by somebody, or poison) is felt by its own callers only. LONG=1 runs the long form.
import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { after, before, describe, test } from 'node:test'
import { sql } from 'kysely'
import pg from 'pg'
import { isRefusal, type Refusal } from '../src/core/refusal.ts'
import type { CartCommand } from '../src/engine/carts.ts'
import { deleteEndpoint, insertEndpoint } from '../src/store/endpoints.ts'
import { moveEpoch } from '../src/store/shops.ts'
import { ADMIN, atOnce, caller, DIALECTS, freshDatabase, startTestServer } from './harness.ts'
import { expect2xx, login, type Node, startNode, stockUp, wares } from './nodes.ts'

const SHOP = '/v1/shops/demo'
const CURRENT = `${SHOP}/carts/current`
const SECONDS = process.env.LONG === '1' ? 30 : 6

type Call = ReturnType<typeof caller>

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

const databaseUrl = await freshDatabase('postgres')
const poisoned = await Promise.all(
  DIALECTS.map(async (dialect) => {
    const url = await freshDatabase(dialect)
    return { dialect, url, engine: (await startTestServer(url)).engine }
  }),
)

/** Runs a statement on the nodes' database, from outside. */
async function outside<T extends pg.QueryResultRow>(statement: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  return (await client.query<T>(statement).finally(() => client.end())).rows
}

async function deadlocks(): Promise<number> {
  // The server publishes its statistics at most once a second.
  await pause(1100)
  const rows = await outside<{ deadlocks: string }>('SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()')
  return Number(rows[0]?.deadlocks)
}

describe('two nodes on one database', () => {
  const nodes: Node[] = []
  let accounts = 0

  before(async () => {
    nodes.push(await startNode(databaseUrl), await startNode(databaseUrl))
    await stockUp(nodes[0]?.url ?? '', 'demo', wares(120, 'W'))
  })
  after(() => Promise.all(nodes.map((node) => node.kill())))

  /** One new account, calling through either node. */
  async function shopper(): Promise<[Call, Call]> {
    const token = await login(nodes[0]?.url ?? '', `both-${accounts++}`)
    const [first, second] = nodes.map((node) => caller(node.url, token))
    assert.ok(first && second)
    return [first, second]
  }

  async function linesOf(call: Call): Promise<Map<string, number>> {
    const { body } = expect2xx(await call('GET', CURRENT))
    return new Map((body.lines as { sku: string; quantity: number }[]).map((line) => [line.sku, line.quantity]))
  }

  test('100 adds of one sku through both are one line of 100', async () => {
    const calls = await shopper()
    const answers = await atOnce(100, (index) => (calls[index % 2] as Call)('POST', `${CURRENT}/lines`, { sku: 'W-0' }))
    for (const answer of answers) expect2xx(answer)
    for (const call of calls) assert.deepEqual([...(await linesOf(call))], [['W-0', 100]])
  })

  test('100 adds of 100 skus through both are 100 lines', async () => {
    const calls = await shopper()
    const answers = await atOnce(100, (index) => (calls[index % 2] as Call)('POST', `${CURRENT}/lines`, { sku: `W-${index}` }))
    for (const answer of answers) expect2xx(answer)
    assert.equal((await linesOf(calls[0])).size, 100)
  })

  test('the first 50 adds of an account through both make one cart', async () => {
    for (let round = 0; round < 5; round++) {
      const calls = await shopper()
      const answers = await atOnce(50, (index) => (calls[index % 2] as Call)('POST', `${CURRENT}/lines`, { sku: 'W-1' }))
      assert.equal(new Set(answers.map((answer) => expect2xx(answer).body.cart.id)).size, 1)
      assert.equal((await linesOf(calls[0])).get('W-1'), 50)
    }
  })

  test('of 20 changes of one version through both exactly one happens', async () => {
    for (let round = 0; round < 5; round++) {
      const calls = await shopper()
      const { version } = expect2xx(await calls[0]('POST', `${CURRENT}/lines`, { sku: 'W-3' })).body.cart
      const answers = await atOnce(20, (index) =>
        (calls[index % 2] as Call)('POST', `${CURRENT}/lines`, { sku: 'W-3' }, { 'if-match': `"${version}"` }),
      )
      assert.deepEqual(answers.map((answer) => answer.status).sort(), [200, ...Array<number>(19).fill(412)])
      assert.equal((await linesOf(calls[0])).get('W-3'), 2)
    }
  })

  test('one Idempotency-Key sent through both at once adds once', async () => {
    for (let round = 0; round < 5; round++) {
      const calls = await shopper()
      const key = { 'idempotency-key': crypto.randomUUID() }
      const answers = await atOnce(20, (index) => (calls[index % 2] as Call)('POST', `${CURRENT}/lines`, { sku: 'W-4' }, key))
      assert.equal(answers.filter((answer) => expect2xx(answer).headers.get('idempotency-replayed') === null).length, 1)
      assert.equal((await linesOf(calls[0])).get('W-4'), 1)
    }
  })

  test('a change of a price through one node is what the other node sells for with its next answer', async () => {
    const calls = await shopper()
    await calls[1]('POST', `${CURRENT}/lines`, { sku: 'W-100' })
    const [ware] = wares(101, 'W').slice(100)
    assert.ok(ware)
    for (const amount of [200, 300, 400]) {
      const dearer = { ...ware, variants: ware.variants.map((variant) => ({ ...variant, prices: [{ currency: 'USD', amount }] })) }
      await stockUp(nodes[0]?.url ?? '', 'demo', [dearer])
      assert.equal((await calls[1]('GET', CURRENT)).body.itemTotal.amount, amount)
    }
  })

  test('both saving the same carts in opposite orders never meet in a deadlock, and every change happens', async () => {
    const before = await deadlocks()
    const carts: [Call, Call][] = []
    for (let index = 0; index < 24; index++) carts.push(await shopper())
    for (const calls of carts) expect2xx(await calls[0]('POST', `${CURRENT}/lines`, { sku: 'W-5' }))
    const end = Date.now() + SECONDS * 1000
    const added = carts.map(() => 1)
    const sweep = async (node: 0 | 1) => {
      while (Date.now() < end) {
        const order = node === 0 ? [...carts.keys()] : [...carts.keys()].reverse()
        await Promise.all(
          order.map(async (index) => {
            expect2xx(await (carts[index] as [Call, Call])[node]('POST', `${CURRENT}/lines`, { sku: 'W-5' }))
            added[index] = (added[index] ?? 0) + 1
          }),
        )
      }
    }
    await Promise.all([sweep(0), sweep(0), sweep(1), sweep(1)])
    for (const [index, calls] of carts.entries()) assert.equal((await linesOf(calls[0])).get('W-5'), added[index])
    assert.equal((await deadlocks()) - before, 0)
    console.log(`  ${added.reduce((sum, each) => sum + each)} adds to ${carts.length} carts in ${SECONDS} s, no deadlock`)
  })

  test('carts that somebody holds locked for 2.5 s delay nobody else, and go on when they are released', async () => {
    const held = await Promise.all(Array.from({ length: 8 }, () => shopper()))
    const others = await Promise.all(Array.from({ length: 6 }, () => shopper()))
    for (const calls of [...held, ...others]) expect2xx(await calls[0]('POST', `${CURRENT}/lines`, { sku: 'W-6' }))
    const ids = await Promise.all(held.map(async (calls) => (await calls[0]('GET', CURRENT)).body.id as string))
    const client = new pg.Client({ connectionString: databaseUrl })
    await client.connect()
    await client.query('BEGIN')
    await client.query('SELECT id FROM carts WHERE id = ANY($1) FOR UPDATE', [ids])

    // One after the other, so that they meet many batches of the others.
    const waiting = held.flatMap((calls, index) =>
      calls.map(async (call) => {
        await pause(90 * index)
        return call('POST', `${CURRENT}/lines`, { sku: 'W-6' })
      }),
    )
    const times: number[] = []
    const end = Date.now() + 2500
    const adding = others.map(async (calls, index) => {
      for (let count = 0; Date.now() < end; count++) {
        const began = performance.now()
        expect2xx(await (calls[(count + index) % 2] as Call)('POST', `${CURRENT}/lines`, { sku: 'W-6' }))
        times.push(performance.now() - began)
        await pause(20)
      }
    })
    await Promise.all(adding).finally(async () => {
      await client.query('COMMIT')
      await client.end()
      await Promise.allSettled([...adding, ...waiting])
    })
    // A machine that is busy with something else may make a few wait; whoever waited for the lock would have been refused.
    const slow = times.sort((a, b) => a - b)[Math.floor(times.length * 0.98)] ?? 0
    assert.ok(slow < 500, `adds to other carts took ${Math.round(slow)} ms`)

    const answers = await Promise.all(waiting)
    for (const answer of answers.filter((each) => each.status !== 200)) {
      assert.deepEqual([answer.status, answer.body.code], [503, 'overloaded'])
      assert.ok(Number(answer.headers.get('retry-after')) >= 1)
    }
    const told = answers.filter((each) => each.status === 200)
    for (const [index, calls] of held.entries()) {
      expect2xx(await calls[0]('POST', `${CURRENT}/lines`, { sku: 'W-6' }))
      const done = answers.slice(2 * index, 2 * index + 2).filter((answer) => answer.status === 200).length
      assert.equal((await linesOf(calls[1])).get('W-6'), 2 + done)
    }
    console.log(
      `  98 % of ${times.length} adds to other carts took at most ${Math.round(slow)} ms; ${told.length} of ${answers.length} waited out the lock`,
    )
  })

  test('12 orders and 12 adds that wait for the lock of one cart do not keep its holder from going on', async () => {
    const calls = await shopper()
    const { id } = expect2xx(await calls[0]('POST', `${CURRENT}/lines`, { sku: 'MUG-STONE' })).body.cart
    expect2xx(
      await calls[0]('PATCH', CURRENT, {
        email: 'c@example.com',
        shippingAddress: { country: 'US', region: 'NY' },
        shippingMethod: 'standard',
      }),
    )
    const client = new pg.Client({ connectionString: databaseUrl })
    await client.connect()
    await client.query('BEGIN')
    await client.query('SELECT id FROM carts WHERE id = $1 FOR UPDATE', [id])
    const adds = atOnce(12, () => calls[0]('POST', `${CURRENT}/lines`, { sku: 'MUG-STONE' }))
    await pause(300)
    const orders = atOnce(12, () => calls[0]('POST', `${SHOP}/orders`, { cartId: id, expectedTotal: 10_000_000 }))
    // Long enough that what is known of the stock is out of date: whoever gets the lock must read it again.
    await pause(1500)
    const released = Date.now()
    await client.query('COMMIT')
    await client.end()
    const answers = await Promise.all([adds, orders])
    const took = Date.now() - released
    assert.ok(took < 2500, `it took ${took} ms`)
    for (const answer of answers.flat()) assert.ok([200, 201, 503].includes(answer.status), JSON.stringify(answer.body))
    assert.equal((await caller(nodes[1]?.url ?? '', ADMIN)('GET', `${SHOP}/orders?state=NEW&cartId=${id}`)).body.items.length, 1)
  })
})

/** Another open cart of the same owner, as a second node would insert it. */
const COPY = `INSERT INTO carts (shop_id, id, owner, type, state, version, number, email, format, epoch, revision, fresh_until, stock_seen, activity,
  expires_at, created_at, intent, priced) SELECT shop_id, $2, owner, type, 'OPEN', 1, number, email, format, epoch, revision, fresh_until,
  stock_seen, activity, expires_at, created_at, replace(replace(intent, id, $2), '"CLOSED"', '"OPEN"'), priced FROM carts WHERE id = $1`

for (const { dialect, url, engine } of poisoned) {
  describe(`poison on ${dialect}`, () => {
    const { carts, store } = engine

    /** A command on a cart of its own, in the batch of everything that is sent in the same turn. */
    function note(account: string, text: string, decide?: CartCommand['decide']) {
      return carts.change({
        name: 'test',
        by: 'account',
        shopId: 'demo',
        cart: 'current',
        owner: { kind: 'account', accountId: account },
        all: false,
        creates: true,
        decide: decide ?? ((cart) => ({ cart: { ...cart, email: text, note: text } })),
      })
    }

    const good = (prefix: string) => Array.from({ length: 10 }, (_, index) => note(`${prefix}-${index}`, 'fine'))

    test('a command that throws fails alone, also among commands on its own cart', async () => {
      const others = good('throws')
      const bad = note('throws-0', '', () => {
        throw new TypeError('poison')
      })
      await assert.rejects(bad, /poison/)
      for (const answer of await Promise.all(others)) assert.equal(accepted(answer).version, 1)
    })

    test('a cart that the database refuses fails its own command only, also among commands on its own cart', async () => {
      const refusing =
        dialect === 'postgres'
          ? `ALTER TABLE carts ADD CONSTRAINT no_poison CHECK (email <> 'poison')`
          : `CREATE TRIGGER no_poison BEFORE UPDATE ON carts WHEN NEW.email = 'poison' BEGIN SELECT RAISE(ABORT, 'no_poison'); END`
      await store.transact(({ db }) => sql.raw(refusing).execute(db))
      await Promise.all(good('check'))
      const first = good('check')
      const bad = note('check-5', 'poison')
      const last = note('check-6', 'last')
      await assert.rejects(bad, /no_poison/)
      for (const answer of await Promise.all([...first, last])) assert.ok(accepted(answer).version >= 2)
      const kept = await carts.read({ shopId: 'demo', cart: 'current', owner: { kind: 'account', accountId: 'check-6' }, all: false })
      assert.equal(JSON.parse(accepted(kept).text).email, 'last')
    })

    if (dialect === 'postgres') {
      test('a command that waited for a cart which was closed meanwhile is in the cart that took its place', async () => {
        // Two wake up when the cart is released; now and then the command is faster than who replaces the cart, and then it made the new one.
        let replaced = false
        for (let attempt = 0; attempt < 12 && !replaced; attempt++) replaced = await replaceUnder(`replaced-${attempt}`)
        assert.ok(replaced, 'the race was lost 12 times')
      })

      /** A cart is closed and another made in its place while a command waits for it; answers whether the other was there first. */
      async function replaceUnder(account: string): Promise<boolean> {
        const { id } = accepted(await note(account, 'first'))
        const other = `cart_other_${account}`
        const [closing, replacing] = [new pg.Client({ connectionString: url }), new pg.Client({ connectionString: url })]
        await Promise.all([closing.connect(), replacing.connect()])
        await closing.query('BEGIN')
        await closing.query(
          `UPDATE carts SET state = 'CLOSED', version = 2, intent = replace(intent, '"OPEN"', '"CLOSED"') WHERE id = $1`,
          [id],
        )
        const waiting = note(account, 'second')
        await pause(300)
        await replacing.query('BEGIN')
        const inserting = replacing.query(COPY, [id, other]).then(
          () => true,
          () => false,
        )
        await pause(100)
        // Whoever waits for the first cart goes on now, finds it closed, makes a new one, and meets the one that is not committed yet.
        await closing.query('COMMIT')
        const isFirst = await inserting
        await pause(200)
        await replacing.query('COMMIT')
        await Promise.all([closing.end(), replacing.end()])
        const answer = accepted(await waiting)
        const kept = accepted(
          await carts.read({ shopId: 'demo', cart: 'current', owner: { kind: 'account', accountId: account }, all: false }),
        )
        assert.deepEqual([answer.id, answer.version], [kept.id, kept.version])
        assert.equal(answer.id === other, isFirst)
        return isFirst
      }
    }

    test('a webhook endpoint that is removed between deciding and saving fails no command', async () => {
      for (let round = 0; round < 5; round++) {
        const endpoint = {
          shop_id: 'demo',
          id: `we_${round}`,
          url: 'http://127.0.0.1:9/',
          types: '["*"]',
          secret: 's',
          active: 1,
          created_at: 0,
        }
        await store.transact(async (writer) => {
          await insertEndpoint(writer, endpoint)
          await moveEpoch(writer, 'demo', null, Date.now())
        })
        await note(`hooked-${round}`, 'first')
        let dropping: Promise<unknown> | null = null
        const answer = await note(`hooked-${round}`, 'second', (cart) => {
          dropping ??= store.transact(async (writer) => {
            await deleteEndpoint(writer, 'demo', endpoint.id)
            await moveEpoch(writer, 'demo', null, Date.now())
          })
          return { cart: { ...cart, note: 'second' } }
        })
        assert.equal(accepted(answer).version, 2)
        await dropping
      }
    })

    test('2 500 commands that meet a database held for 2.5 s are each answered: done, or overloaded and not done', async () => {
      const owner = (index: number) => ({ kind: 'account' as const, accountId: `counter-${index % 10}` })
      const address = (index: number) => ({ shopId: 'demo', cart: 'current', owner: owner(index), all: false })
      const count = (index: number) =>
        carts.change({
          ...address(index),
          name: 'test',
          by: 'account',
          creates: true,
          decide: (cart) => ({ cart: { ...cart, note: String(Number(cart.note) + 1) } }),
        })
      for (let index = 0; index < 10; index++) accepted(await count(index))
      const release = await hold(dialect, url)
      const answers = Array.from({ length: 2500 }, (_, index) => count(index))
      await pause(1500)
      const late = atOnce(100, count)
      await pause(1000)
      const closing = carts.drain()
      await release()
      const all = [...(await Promise.all(answers)), ...(await late)]
      await closing
      const done = all.filter((answer) => !isRefusal(answer)).length
      assert.ok(all.every((answer) => !isRefusal(answer) || (answer.refused === 'overloaded' && answer.retryAfter === 1)))
      assert.ok(done > 0 && all.length - done >= 500, 'the queue is bounded')
      let kept = 0
      for (let index = 0; index < 10; index++) kept += Number(JSON.parse(accepted(await carts.read(address(index))).text).note)
      assert.equal(kept, 10 + done)
      assert.equal(carts.waiting(), 0)
      const after = await count(0)
      assert.ok(isRefusal(after) && after.refused === 'overloaded', 'nothing is accepted after closing')
      console.log(`  ${dialect}: ${done} done, ${all.length - done} overloaded`)
    })
  })
}

/** Keeps everybody from writing carts; answers how to let go. */
async function hold(dialect: string, url: string): Promise<() => Promise<void>> {
  if (dialect === 'sqlite') {
    const database = new DatabaseSync(url.slice('sqlite:'.length))
    database.exec('BEGIN IMMEDIATE')
    return async () => database.close()
  }
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query('BEGIN')
  await client.query('LOCK TABLE carts IN EXCLUSIVE MODE')
  return () => client.end()
}

function accepted<T>(answer: T | Refusal): T {
  if (isRefusal(answer)) assert.fail(`refused: ${answer.refused}`)
  return answer as T
}
