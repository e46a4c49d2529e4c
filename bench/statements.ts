// How many SQL statements a request takes. The engine runs in this process for it, because only there can its counter be read; jobs are
// stopped, so what is counted belongs to the requests.
import { pino } from 'pino'
import { startServer } from '../src/main.ts'
import { type Connection, openConnection, requestOf } from './load.ts'
import { shopOnce } from './scenarios.ts'
import { ADMIN } from './server.ts'
import { makeCart, makeShop, SHOP, sku } from './shop.ts'

/** Statements per operation, by its name. BEGIN and COMMIT count. */
export type Statements = Readonly<Record<string, number>>

/** Counts on an empty database. */
export async function countStatements(databaseUrl: string): Promise<Statements> {
  const running = await startServer(
    {
      port: 0,
      host: '127.0.0.1',
      databaseUrl,
      publicUrl: null,
      secrets: [],
      adminKey: ADMIN,
      trustProxy: undefined,
      demo: false,
      sandbox: true,
      logLevel: 'silent',
    },
    { log: pino({ level: 'silent' }) },
  )
  await running.engine.jobs.stop()
  const connection = await openConnection(running.url)
  try {
    await makeShop(connection)
    return await count(connection, () => running.engine.store.statements())
  } finally {
    connection.close()
    await running.close()
  }
}

async function count(connection: Connection, statements: () => number): Promise<Statements> {
  const times = 10
  const counted = async (operation: () => Promise<unknown>): Promise<number> => {
    await operation() // what is remembered afterwards is read now
    const before = statements()
    for (let index = 0; index < times; index++) await operation()
    return (statements() - before) / times
  }
  const adding = async (lines: number) => {
    const cart = await makeCart(connection, lines)
    const request = requestOf('POST', `${SHOP}/carts/${cart.id}/lines`, cart.token, { sku: sku(0), quantity: 1 })
    return counted(() => connection.send(request))
  }
  const cart = await makeCart(connection, 5)
  const line = `${SHOP}/carts/${cart.id}/lines/${cart.lineIds[0]}`
  let quantity = 1
  return {
    'get cart': await counted(() => connection.send(requestOf('GET', `${SHOP}/carts/${cart.id}`, cart.token))),
    'add to a cart of 1 line': await adding(1),
    'add to a cart of 5 lines': await adding(5),
    'add to a cart of 500 lines': await adding(500),
    'set quantity': await counted(() => connection.send(requestOf('PATCH', line, cart.token, { quantity: ++quantity }))),
    'create cart': await counted(() =>
      connection.send(requestOf('POST', `${SHOP}/carts`, undefined, { lines: [{ sku: sku(0), quantity: 1 }] })),
    ),
    // The provider's message comes by itself after paying; whether it or the browser places the order first changes the number a little.
    'whole journey': await counted(() => shopOnce(connection)),
  }
}
