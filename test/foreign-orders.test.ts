// Nobody acts on somebody else's order, by whatever route and whichever ids are swapped. The routes are read from the running server's own document, so
// a new one is tried at once.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ADMIN, type Answer, caller, DIALECTS, eventually, freshDatabase, startTestServer } from './harness.ts'
import { ADDRESS, contentOfTables } from './http-probe.ts'
import { expect2xx, login } from './nodes.ts'
import { payFor } from './presets/shop.ts'

/** Something that a route accepts as its body, so that what is refused is the order and not the form of the request. */
const BODIES: Readonly<Record<string, unknown>> = {
  'PATCH /orders/{order}': { note: 'mine' },
  'POST /orders/{order}/recalculation': { mode: 'all' },
  'POST /orders/{order}/emails': { kind: 'order_confirmation' },
  'POST /orders/{order}/status': { status: 'processing' },
  'PATCH /orders/{order}/fulfilments/{fulfilment}': { note: 'mine' },
  'POST /orders/{order}/refunds': { amount: 1 },
  'POST /orders/{order}/lines/{line}/split': { quantity: 1 },
}

interface Route {
  readonly method: string
  readonly path: string
}

for (const dialect of DIALECTS)
  describe(`orders of others on ${dialect}`, async () => {
    const { url, engine } = await startTestServer(await freshDatabase(dialect))
    const inShop = (shop: string, token?: string) => caller(`${url}/v1/shops/${shop}`, token)
    const document = (await caller(url)('GET', '/openapi.json')).body as { paths: Record<string, Record<string, unknown>> }
    const routes = Object.entries(document.paths).flatMap(([path, methods]): Route[] =>
      path.startsWith('/v1/shops/{shop}/orders/{order}')
        ? Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path: path.slice('/v1/shops/{shop}'.length) }))
        : [],
    )

    /** A paid order with everything that has an id of its own. */
    async function buyer(shop: string, token?: string) {
      const added = expect2xx(await inShop(shop, token)('POST', '/carts/current/lines', { sku: 'MUG-STONE' })).body
      const own = token ?? (added.token as string)
      const call = inShop(shop, own)
      expect2xx(await call('PATCH', '/carts/current', { email: 'r@example.com', shippingAddress: ADDRESS, shippingMethod: 'standard' }))
      const answer = expect2xx(await call('POST', '/orders', { cartId: 'current' })).body
      const order = await payFor(call, answer)
      const staff = inShop(shop, ADMIN)
      const refund = expect2xx(await staff('POST', `/orders/${order.id}/refunds`, { amount: 1 })).body.refund.id as string
      const packed = expect2xx(await staff('POST', `/orders/${order.id}/fulfilments`, { state: 'PENDING' })).body
      // Nothing of it is under way any more when it is looked whether something is written.
      await eventually(async () => (await staff('GET', `/orders/${order.id}`)).body.refundedTotal.amount === 1)
      const ids = {
        line: order.lines[0].id as string,
        payment: order.payments[0].id as string,
        refund,
        fulfilment: packed.fulfilments[0].id as string,
      }
      return { token: own, orderToken: answer.orderToken as string, order: order.id as string, ...ids }
    }

    const victims = { guest: await buyer('demo'), account: await buyer('demo', await login(url, 'victim')) }
    const others = { guest: await buyer('demo'), account: await buyer('demo', await login(url, 'other')), elsewhere: await buyer('fill') }

    /** The route with these ids in it. */
    const named = ({ method, path }: Route, ids: Readonly<Record<string, string>>) => ({
      method,
      path: path.replace(/\{(\w+)\}/g, (_, name: string) => ids[name] ?? assert.fail(`${path}: which ${name}?`)),
      body: method === 'GET' || method === 'DELETE' ? undefined : (BODIES[`${method} ${path}`] ?? {}),
    })
    const told = ({ method, path }: Route, answer: Answer) =>
      `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body).slice(0, 200)}`

    test('SEC-3 no route of an order lets in a guest, an account or the holder of a link who is somebody else, and none writes for them', async () => {
      assert.ok(routes.length >= 12, JSON.stringify(routes))
      const was = await contentOfTables(engine.store.reader)
      for (const route of routes)
        for (const victim of [victims.guest, victims.account]) {
          const asked = named(route, { ...victim, revision: '1' })
          for (const token of [others.guest.token, others.account.token, others.guest.orderToken, others.account.orderToken, undefined]) {
            const answer = await inShop('demo', token)(asked.method, asked.path, asked.body)
            assert.ok([401, 404].includes(answer.status), told(asked, answer))
          }
          // The right token in another shop, and another shop's token in this one.
          for (const [shop, token] of [
            ['fill', victim.token],
            ['fill', victim.orderToken],
            ['demo', others.elsewhere.token],
            ['demo', others.elsewhere.orderToken],
          ] as const) {
            const answer = await inShop(shop, token)(asked.method, asked.path, asked.body)
            assert.ok([401, 404].includes(answer.status), told(asked, answer))
          }
        }
      assert.deepEqual(await contentOfTables(engine.store.reader), was)
    })

    test('SEC-3 an order of another shop, and what belongs to another order, is not found by who may do everything', async () => {
      const was = await contentOfTables(engine.store.reader)
      const admin = (shop: string) => inShop(shop, ADMIN)
      for (const route of routes) {
        const foreign = named(route, { ...victims.guest, revision: '1' })
        const elsewhere = await admin('fill')(foreign.method, foreign.path, foreign.body)
        assert.equal(elsewhere.status, 404, told(foreign, elsewhere))
        if (!/\{order\}.*\{(?!revision\})/.test(route.path)) continue
        const swapped = named(route, { ...victims.guest, order: others.guest.order })
        const answer = await admin('demo')(swapped.method, swapped.path, swapped.body)
        assert.equal(answer.status, 404, told(swapped, answer))
      }
      assert.deepEqual(await contentOfTables(engine.store.reader), was)
    })

    test('SEC-3 what belongs to somebody is not reached through ids in a body or a query', async () => {
      const was = await contentOfTables(engine.store.reader)
      const own = inShop('demo', others.account.token)
      const foreign = victims.account
      for (const query of [
        'account=demo:victim',
        `cartId=${(await inShop('demo', foreign.token)('GET', `/orders/${foreign.order}`)).body.cartId}`,
      ]) {
        const { items } = expect2xx(await own('GET', `/orders?${query}`)).body
        assert.ok(
          items.every((each: { id: string }) => each.id === others.account.order),
          query,
        )
      }
      const victimCart = (await inShop('demo', foreign.token)('GET', '/carts/current')).body.id
      for (const [path, body] of [
        [`/orders/${others.account.order}/reorder`, { cart: victimCart }],
        [`/orders/${foreign.order}/reorder?account=demo:victim`, {}],
        [`/orders/${foreign.order}/links?account=demo:victim`, {}],
        [`/orders/${foreign.order}/payments?account=demo:victim`, {}],
      ] as const)
        assert.equal((await own('POST', path, body)).status, 404, path)
      const victimCartMade = expect2xx(await inShop('demo', foreign.token)('POST', '/carts/current/lines', { sku: 'MUG-INK' })).body.cart.id
      const before = await contentOfTables(engine.store.reader)
      assert.equal((await own('POST', `/orders/${others.account.order}/reorder`, { cart: victimCartMade })).status, 404)
      assert.deepEqual(await contentOfTables(engine.store.reader), before)
      assert.notDeepEqual(before, was, 'the victim itself may write')
    })
  })
