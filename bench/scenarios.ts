// What is measured, scenario by scenario. Each one prepares its carts, drives the server in a closed loop, and then checks that the server kept
// what it acknowledged: a fast answer that was lost is no answer.
import { type Connection, call, drive, type Measured, type Operation, openConnection, quantile, requestOf } from './load.ts'
import { ADMIN } from './server.ts'
import { type GuestCart, makeCart, piecesIn, product, SHOP, SKUS, sku } from './shop.ts'

/** A measured scenario. `floor` names the floor it is compared with. */
export interface Result extends Measured {
  readonly name: string
  readonly connections: number
  readonly floor: 'get' | 'post' | 'commit' | null
}

/** How to run a scenario. */
export interface Context {
  readonly base: string
  readonly pid: number | undefined
  readonly seconds: number
}

/** A scenario by its name. */
export interface Scenario {
  readonly name: string
  run(context: Context): Promise<Result[]>
}

/** All scenarios in the order in which they run. */
export const SCENARIOS: readonly Scenario[] = [
  { name: 'get', run: (context) => atConnections(context, [16, 64], getCart('get cart')) },
  { name: 'add', run: (context) => atConnections(context, [16, 64], addLine('add line')) },
  { name: 'set', run: (context) => atConnections(context, [16, 64], setQuantity('set quantity', 5)) },
  { name: 'create', run: (context) => atConnections(context, [16], createCart) },
  { name: 'journey', run: (context) => atConnections(context, [16], journey) },
  { name: 'contention', run: contention },
  { name: 'growth', run: growth },
  { name: 'epoch', run: (context) => whileEpochMoves(context) },
  { name: 'large', run: (context) => atConnections(context, [16], setQuantity('set quantity, 500 lines', 500)) },
]

interface Load {
  readonly name: string
  readonly floor: Result['floor']
  /** Makes one connection's operation, and what checks afterwards that nothing was lost. */
  prepare(connection: Connection): Promise<{ operation: Operation; check?: () => Promise<void> }>
}

async function atConnections(context: Context, counts: readonly number[], load: Load): Promise<Result[]> {
  const results: Result[] = []
  for (const count of counts) {
    const connections = await openAll(context.base, count)
    const workers = await Promise.all(connections.map((connection) => load.prepare(connection)))
    const measured = await drive(
      workers.map((worker) => worker.operation),
      context.seconds,
      context.pid,
    )
    for (const worker of workers) await worker.check?.()
    for (const connection of connections) connection.close()
    results.push({ name: load.name, connections: count, floor: load.floor, ...measured })
  }
  return results
}

function openAll(base: string, count: number): Promise<Connection[]> {
  return Promise.all(Array.from({ length: count }, () => openConnection(base)))
}

async function expectStatus(connection: Connection, request: Buffer, status: number): Promise<void> {
  const reply = await connection.send(request)
  if (reply.status !== status) throw new Error(`Expected ${status}, got ${reply.status}: ${reply.body.toString().slice(0, 500)}`)
}

function expectPieces(connection: Connection, cart: GuestCart, expected: number): Promise<void> {
  return piecesIn(connection, cart).then((pieces) => {
    if (pieces !== expected) throw new Error(`Cart ${cart.id} should hold ${expected} pieces but holds ${pieces}.`)
  })
}

// Single calls -------------------------------------------------------------------------------------------------------------------------

function getCart(name: string): Load {
  return {
    name,
    floor: 'get',
    async prepare(connection) {
      const cart = await makeCart(connection, 5)
      const request = requestOf('GET', `${SHOP}/carts/${cart.id}`, cart.token)
      return { operation: () => expectStatus(connection, request, 200) }
    },
  }
}

/** Each connection has a cart of five lines and counts them up in turn. */
function addLine(name: string): Load {
  return {
    name,
    floor: 'commit',
    async prepare(connection) {
      const cart = await makeCart(connection, 5)
      const requests = cart.lineIds.map((_, index) =>
        requestOf('POST', `${SHOP}/carts/${cart.id}/lines`, cart.token, { sku: sku(index), quantity: 1 }),
      )
      let count = 0
      return {
        operation: () => expectStatus(connection, requests[count++ % requests.length] as Buffer, 200),
        check: () => expectPieces(connection, cart, 5 + count),
      }
    },
  }
}

function setQuantity(name: string, lines: number): Load {
  return {
    name,
    floor: 'commit',
    async prepare(connection) {
      const cart = await makeCart(connection, lines)
      const path = `${SHOP}/carts/${cart.id}/lines/${cart.lineIds.at(-1)}`
      const requests = [2, 3].map((quantity) => requestOf('PATCH', path, cart.token, { quantity }))
      let count = 0
      return {
        operation: () => expectStatus(connection, requests[count++ % 2] as Buffer, 200),
        check: () => expectPieces(connection, cart, lines - 1 + (count % 2 === 1 ? 2 : 3)),
      }
    },
  }
}

/** A new guest with a cart of one line, every time. */
const createCart: Load = {
  name: 'create cart',
  floor: 'commit',
  async prepare(connection) {
    const request = requestOf('POST', `${SHOP}/carts`, undefined, { lines: [{ sku: sku(0), quantity: 1 }] })
    return { operation: () => expectStatus(connection, request, 201) }
  },
}

// The whole journey --------------------------------------------------------------------------------------------------------------------

const CARD = new URLSearchParams({ number: '4242424242424242', expiry: '12/40', cvc: '123', name: 'Bench Shopper' }).toString()
const ADDRESS = { name: 'Bench Shopper', line1: '1 Main Street', city: 'New York', region: 'NY', postalCode: '10001', country: 'US' }

/** Nine requests: create, three adds, address, shipping, order, pay on the sandbox's page, come back to a placed order. */
const journey: Load = {
  name: 'journey (9 requests)',
  floor: null,
  async prepare(connection) {
    let last: { id: string; token: string } | null = null
    return {
      operation: async () => {
        last = await shopOnce(connection)
      },
      check: async () => {
        const order = await call<{ state: string; paymentState: string }>(connection, 'GET', `${SHOP}/orders/${last?.id}`, last?.token)
        if (order.state !== 'PLACED' || order.paymentState !== 'PAID')
          throw new Error(`The order is ${order.state}, ${order.paymentState}.`)
      },
    }
  },
}

/** One shopper from an empty cart to a placed order. */
export async function shopOnce(connection: Connection): Promise<{ id: string; token: string }> {
  const { cart, token } = await call<{ cart: { id: string }; token: string }>(connection, 'POST', `${SHOP}/carts`, undefined, {})
  const path = `${SHOP}/carts/${cart.id}`
  for (const index of [0, 1, 2]) await call(connection, 'POST', `${path}/lines`, token, { sku: sku(index), quantity: 1 })
  await call(connection, 'PATCH', path, token, { email: 'shopper@example.com', shippingAddress: ADDRESS })
  const ready = await call<{ cart: { total: { amount: number } } }>(connection, 'PATCH', path, token, { shippingMethod: 'standard' })
  const ordered = await call<{ order: { id: string }; orderToken: string; payment: { url: string } }>(
    connection,
    'POST',
    `${SHOP}/orders`,
    token,
    { cartId: cart.id, expectedTotal: ready.cart.total.amount },
  )
  const paid = await connection.send(requestOf('POST', new URL(ordered.payment.url).pathname, undefined, CARD))
  const back = /\r\nlocation: (\S+)/i.exec(paid.head)?.[1]
  if (paid.status !== 303 || back === undefined) throw new Error(`Paying answered ${paid.status}: ${paid.body.toString().slice(0, 300)}`)
  const { pathname, search } = new URL(back, 'http://bench')
  await expectStatus(connection, requestOf('GET', pathname + search), 200)
  return { id: ordered.order.id, token: ordered.orderToken }
}

// Special circumstances ----------------------------------------------------------------------------------------------------------------

/** Fifty connections add to one cart at once. */
async function contention(context: Context): Promise<Result[]> {
  const connections = await openAll(context.base, 50)
  const cart = await makeCart(connections[0] as Connection, 5)
  const request = requestOf('POST', `${SHOP}/carts/${cart.id}/lines`, cart.token, { sku: sku(0), quantity: 1 })
  let count = 0
  const operations = connections.map((connection) => () => {
    count++
    return expectStatus(connection, request, 200)
  })
  // A line holds at most 99 999 pieces.
  const measured = await drive(operations, Math.min(context.seconds, 3), context.pid)
  await expectPieces(connections[0] as Connection, cart, 5 + count)
  for (const connection of connections) connection.close()
  return [{ name: '50 adds at once to one cart', connections: 50, floor: 'commit', ...measured }]
}

/** What the first, tenth, hundredth and five hundredth line cost: single adds on one connection, to carts that grow line by line. */
async function growth(context: Context): Promise<Result[]> {
  const connection = await openConnection(context.base)
  const marks = [1, 10, 100, 500] as const
  const times = new Map<number, number[]>(marks.map((mark) => [mark, []]))
  const end = performance.now() + 2000 * context.seconds
  for (let round = 0; round < 3 || performance.now() < end; round++) {
    const cart = await makeCart(connection, 0)
    for (let index = 0; index < SKUS; index++) {
      const request = requestOf('POST', `${SHOP}/carts/${cart.id}/lines`, cart.token, { sku: sku(index), quantity: 1 })
      const from = performance.now()
      await expectStatus(connection, request, 200)
      const took = performance.now() - from
      // A mark stands for its neighbourhood, so that few carts give enough samples.
      for (const mark of marks) if (Math.abs(index + 1 - mark) <= mark / 100) times.get(mark)?.push(took)
    }
    await expectPieces(connection, cart, SKUS)
  }
  connection.close()
  return marks.map((mark) => {
    const sorted = (times.get(mark) ?? []).sort((a, b) => a - b)
    const p50 = quantile(sorted, 0.5)
    return {
      name: `add line number ${mark}`,
      connections: 1,
      floor: null,
      operations: sorted.length,
      rate: 1000 / p50,
      p50,
      p99: quantile(sorted, 0.99),
      max: sorted.at(-1) ?? 0,
      cpuMicros: null,
      generatorLoad: 0,
    }
  })
}

/** Reads and adds once more while the price of a product in every cart changes once a second. */
async function whileEpochMoves(context: Context): Promise<Result[]> {
  const merchant = await openConnection(context.base)
  let amount = 2000
  let moves = 0
  let moving: Promise<void> = Promise.resolve()
  const timer = setInterval(() => {
    moving = call(merchant, 'PUT', `${SHOP}/products/bench-0`, ADMIN, product(0, ++amount)).then(() => void moves++)
  }, 1000)
  try {
    return [
      ...(await atConnections(context, [16], getCart('get cart, epoch moving every second'))),
      ...(await atConnections(context, [16], addLine('add line, epoch moving every second'))),
    ]
  } finally {
    clearInterval(timer)
    await moving
    merchant.close()
    if (moves === 0) process.stderr.write('The epoch did not move: the run was too short.\n')
  }
}
