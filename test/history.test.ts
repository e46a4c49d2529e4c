// What happened to a cart: every change is told once, with who made it and what was before and after, to those who may read the cart.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { DAY, type FrozenServer, frozenClock, HOUR, openFrozen, SECOND } from './frozen.ts'
import { DIALECTS, freshDatabase } from './harness.ts'
import { expect2xx } from './nodes.ts'

interface Entry {
  readonly version: number
  readonly at: string
  readonly actor: string
  readonly command: string
  readonly changes: readonly { readonly path: string; readonly before: unknown; readonly after: unknown }[]
}

// All of them before the first test: what is registered to happen after the tests must not happen between two databases.
const servers: { dialect: string; server: FrozenServer }[] = []
for (const dialect of DIALECTS) servers.push({ dialect, server: await openFrozen(await freshDatabase(dialect), frozenClock()) })

for (const { dialect, server } of servers) {
  const { as, admin, login, makeShop, change, guestWith, pass, engine, store, clock } = server
  let shops = 0
  const nextShop = () => `history-${++shops}`
  const historyOf = async (shop: string, id: string, call = admin, query = ''): Promise<Entry[]> =>
    expect2xx(await call('GET', `${shop}/carts/${id}/history${query}`)).body.items

  describe(`the history of carts on ${dialect}`, () => {
    test('every change is one entry: who, when, which command, what was before and after', async () => {
      const shop = await makeShop(nextShop())
      const { id, call } = await guestWith(shop, 'W-1')
      const line = (await call('GET', `${shop}/carts/${id}`)).body.lines[0].id
      clock.at += SECOND
      expect2xx(await call('PATCH', `${shop}/carts/${id}/lines/${line}`, { quantity: 3 }))
      expect2xx(await call('PATCH', `${shop}/carts/${id}`, { note: 'ring twice', email: 'a@example.com' }))
      expect2xx(await call('DELETE', `${shop}/carts/${id}/lines/${line}`))
      const [removed, noted, set, made, ...more] = await historyOf(shop, id)
      assert.deepEqual(more, [])
      const outline = { sku: 'W-1', name: 'W 1', quantity: 1 }
      assert.deepEqual(made?.changes, [{ path: `/lines/${line}`, before: null, after: outline }])
      assert.deepEqual([made?.version, made?.actor, made?.command], [1, 'guest', 'create'])
      assert.deepEqual(set, {
        version: 2,
        at: new Date(clock.at).toISOString(),
        actor: 'guest',
        command: 'set',
        changes: [{ path: `/lines/${line}/quantity`, before: 1, after: 3 }],
      })
      assert.deepEqual(noted?.changes, [
        { path: '/email', before: null, after: 'a@example.com' },
        { path: '/note', before: null, after: 'ring twice' },
      ])
      assert.deepEqual(removed?.changes, [{ path: `/lines/${line}`, before: { ...outline, quantity: 3 }, after: null }])
    })

    test('what changed nothing, and what was refused, leaves no trace', async () => {
      const shop = await makeShop(nextShop())
      const { id, call } = await guestWith(shop, 'W-1')
      const line = (await call('GET', `${shop}/carts/${id}`)).body.lines[0].id
      expect2xx(await call('PATCH', `${shop}/carts/${id}/lines/${line}`, { quantity: 1 }))
      assert.equal((await call('POST', `${shop}/carts/${id}/lines`, { sku: 'NOPE' })).status, 422)
      expect2xx(await call('GET', `${shop}/carts/${id}`))
      assert.equal((await historyOf(shop, id)).length, 1)
    })

    test('changes of one cart that come at the same moment are told together, and none is missing', async () => {
      const shop = await makeShop(nextShop())
      const { id, call } = await guestWith(shop, 'W-1')
      await Promise.all([
        ...Array.from({ length: 8 }, () => call('POST', `${shop}/carts/${id}/lines`, { sku: 'W-2' }).then(expect2xx)),
        admin('PATCH', `${shop}/carts/${id}`, { note: 'from staff' }).then(expect2xx),
      ])
      const entries = await historyOf(shop, id)
      const { version, lines } = (await call('GET', `${shop}/carts/${id}`)).body
      assert.equal(entries[0]?.version, version)
      // Following what each entry says leads from the first version to the last.
      const two = lines.find((each: { sku: string }) => each.sku === 'W-2')
      let quantity = 0
      for (const { changes } of entries.toReversed())
        for (const { path, before, after } of changes) {
          if (path === `/lines/${two.id}`) quantity = (after as { quantity: number }).quantity
          if (path !== `/lines/${two.id}/quantity`) continue
          assert.equal(before, quantity)
          quantity = after as number
        }
      assert.deepEqual([quantity, two.quantity], [8, 8])
      const staff = entries.find(({ changes }) => changes.some(({ path }) => path === '/note'))
      assert.ok(staff?.actor.includes('server:admin') && staff.command.includes('change'))
    })

    test('an owner sees that a key changed its cart, not which; keys see it', async () => {
      const shop = await makeShop(nextShop())
      const { id, call } = await guestWith(shop, 'W-1')
      const key = expect2xx(
        await admin('POST', `${shop}/api-keys`, { kind: 'staff', name: 'desk', scopes: ['carts:read', 'carts:write'] }),
      ).body
      const staff = as(key.token)
      expect2xx(await staff('PATCH', `${shop}/carts/${id}`, { note: 'a present' }))
      assert.equal((await historyOf(shop, id, staff))[0]?.actor, `staff:${key.id}`)
      assert.equal((await historyOf(shop, id, call))[0]?.actor, 'staff')
    })

    test('nobody else reads it, and a cart that is not there has none', async () => {
      const shop = await makeShop(nextShop())
      const { id } = await guestWith(shop, 'W-1')
      const other = await guestWith(shop, 'W-1')
      assert.equal((await other.call('GET', `${shop}/carts/${id}/history`)).status, 404)
      assert.equal((await as()('GET', `${shop}/carts/${id}/history`)).status, 401)
      assert.equal((await admin('GET', `${shop}/carts/cart_0/history`)).status, 404)
      const deaf = expect2xx(await admin('POST', `${shop}/api-keys`, { kind: 'staff', name: 'deaf', scopes: ['orders:read'] })).body
      assert.equal((await as(deaf.token)('GET', `${shop}/carts/${id}/history`)).status, 403)
    })

    test('it is paged from the newest to the oldest', async () => {
      const shop = await makeShop(nextShop())
      const { id, call } = await guestWith(shop, 'W-1')
      for (let index = 0; index < 6; index++) expect2xx(await call('PATCH', `${shop}/carts/${id}`, { note: `${index}` }))
      const versions: number[] = []
      for (let next: string | null = ''; next !== null; ) {
        const page: { items: { id: string; version: number }[]; next: string | null } = expect2xx(
          await call('GET', `${shop}/carts/${id}/history?limit=3${next === '' ? '' : `&after=${next}`}`),
        ).body
        versions.push(...page.items.map(({ version }) => version))
        next = page.next
      }
      assert.deepEqual(versions, [7, 6, 5, 4, 3, 2, 1])
      const wrong = await call('GET', `${shop}/carts/${id}/history?after=x`)
      assert.deepEqual([wrong.status, wrong.body.path], [422, '/after'])
    })

    test('merging and ordering are in it, in each cart that they changed', async () => {
      const shop = await makeShop(nextShop())
      const guest = await guestWith(shop, 'GIFT-0')
      const account = as(await login('told'))
      const target = expect2xx(await account('POST', `${shop}/carts`, {})).body.cart.id
      expect2xx(await account('POST', `${shop}/carts/current/merge`, { carts: [{ id: guest.id, token: guest.token }] }))
      const [merged] = await historyOf(shop, guest.id)
      assert.deepEqual([merged?.actor, merged?.command], ['account', 'merge'])
      assert.ok(merged?.changes.some(({ path, after }) => path === '/mergedInto' && after === target))
      assert.equal((await historyOf(shop, target))[0]?.command, 'merge')
      const { order } = expect2xx(await account('POST', `${shop}/orders`, { cartId: target })).body
      const [ordered] = await historyOf(shop, target)
      assert.equal(ordered?.command, 'order')
      assert.ok(ordered?.changes.some(({ path, after }) => path === '/orderId' && after === order.id))
    })

    test('a change of 200 lines and one of long values are told within bounds', async () => {
      const shop = await makeShop(nextShop())
      const { id, call } = await guestWith(shop)
      const lines = Array.from({ length: 200 }, (_, index) => ({ sku: 'W-1', keepSeparate: true, note: `${index}` }))
      expect2xx(await call('POST', `${shop}/carts/${id}/lines`, { lines }))
      const [added] = await historyOf(shop, id)
      assert.equal(added?.changes.length, 101)
      assert.deepEqual(added?.changes.at(-1), { path: '/lines', before: 0, after: 200 })
      expect2xx(await call('PATCH', `${shop}/carts/${id}`, { attributes: { a: 'x'.repeat(2000), b: 'y'.repeat(2000) } }))
      const [long] = await historyOf(shop, id)
      assert.ok(JSON.stringify(long).length < 1000)
    })

    test('entries are kept as long as each shop says, and removed in steps', async () => {
      const [short, long] = [nextShop(), nextShop()]
      const at = await makeShop(short, { history: { keep: 'P1D' } })
      const other = await makeShop(long, { history: { keep: 'never' } })
      const kept = await guestWith(other, 'W-1')
      const { id, call } = await guestWith(at, 'W-1')
      const old = Array.from({ length: 600 }, (_, index) => ({
        shop_id: short,
        cart_id: id,
        version: 1000 + index,
        at: clock.at - 2 * DAY,
        entry: '{}',
      }))
      for (let from = 0; from < old.length; from += 100)
        await store.transact(({ db }) =>
          db
            .insertInto('cart_history')
            .values(old.slice(from, from + 100))
            .execute(),
        )
      await pass(DAY - SECOND)
      assert.deepEqual(
        (await historyOf(at, id)).map(({ version }) => version),
        [1],
        'what was too old is gone',
      )
      expect2xx(await call('PATCH', `${at}/carts/${id}`, { note: 'later' }))
      await pass(2 * SECOND)
      assert.deepEqual(
        (await historyOf(at, id)).map(({ version }) => version),
        [2],
      )
      assert.equal((await historyOf(other, kept.id)).length, 1)
      await change(short, { history: { keep: 'P90D' } })
      await pass(HOUR)
      assert.equal((await historyOf(at, id)).length, 1)
      await engine.jobs.runDue()
    })
  })
}
