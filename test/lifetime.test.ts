// How carts end: a second before their time they are there, a second after it they are gone, once, whoever removes them and whatever is broken
// beside them. And when a shop is told that somebody left a cart behind.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { sql } from 'kysely'
import { pino } from 'pino'
import { createEmailQueue } from '../src/engine/email-queue.ts'
import { createExpiry } from '../src/engine/expiry.ts'
import { openRestoreToken } from '../src/engine/links.ts'
import type { Store } from '../src/store/store.ts'
import { DAY, type Frozen, type FrozenServer, frozenClock, HOUR, openFrozen, SECOND } from './frozen.ts'
import { DIALECTS, eventually, freshDatabase } from './harness.ts'
import { expect2xx, startNode } from './nodes.ts'

interface Place {
  readonly dialect: (typeof DIALECTS)[number]
  readonly databaseUrl: string
  readonly clock: Frozen
  readonly server: FrozenServer
}

const places: Place[] = []
for (const dialect of DIALECTS) {
  const databaseUrl = await freshDatabase(dialect)
  const clock = frozenClock()
  places.push({ dialect, databaseUrl, clock, server: await openFrozen(databaseUrl, clock) })
}

type Guest = Awaited<ReturnType<FrozenServer['guestWith']>>

let shops = 0
const nextShop = () => `shop-${++shops}`

for (const { dialect, databaseUrl, clock, server } of places) {
  const { as, admin, login, makeShop, change, guestWith, eventsOf, isThere, pass, copyCart, logged, engine, store } = server

  const accountCart = async (shop: string, name: string, ...skus: string[]) =>
    expect2xx(
      await admin('POST', `${shop}/carts`, {
        owner: `test:${name}`,
        ...(skus.length === 0 ? {} : { lines: skus.map((sku) => ({ sku })) }),
      }),
    ).body.cart.id as string

  /** A second before its time the cart is there, a second after it is gone. */
  async function endsAfter(cartId: string, ms: number): Promise<void> {
    await pass(ms - SECOND)
    assert.ok(await isThere(cartId), 'it ended too early')
    await pass(2 * SECOND)
    assert.ok(!(await isThere(cartId)), 'it did not end')
  }

  describe(`the end of carts on ${dialect}`, () => {
    test('SEED2-10 SEED2-02 shop operators expire guest carts by themselves after the time they set; the event carries the closed cart', async () => {
      const shop = await makeShop(nextShop(), { retention: { anonymous: 'P12D' } })
      const { id, call } = await guestWith(shop, 'W-1')
      await endsAfter(id, 12 * DAY)
      assert.equal((await call('GET', `${shop}/carts/${id}`)).status, 401, 'the guest has gone with its only cart')
      const [data, ...more] = await eventsOf(id, 'cart.expired')
      assert.deepEqual(more, [])
      assert.deepEqual([data.state, data.closedReason, data.lines.length], ['CLOSED', 'expired', 1])
      const rows = await store.reader.db.selectFrom('cart_history').select('version').where('cart_id', '=', id).execute()
      assert.deepEqual(rows, [], 'its history went with it')
    })

    test('SEED2-58 thirty days are not three: a cart that is kept for P30D is there on day 29', async () => {
      const shop = await makeShop(nextShop())
      const { id } = await guestWith(shop, 'W-1')
      for (const day of [3, 4, 29]) {
        await pass(day * DAY - (clock.at - Date.parse((await admin('GET', `${shop}/carts/${id}`)).body.updatedAt)))
        assert.ok(await isThere(id), `it was removed on day ${day}`)
      }
      await pass(DAY + SECOND)
      assert.ok(!(await isThere(id)))
    })

    test("SEED3-04 a cart that is left alone for 30 days is removed, an account's like a guest's, where the shop says so", async () => {
      const shop = await makeShop(nextShop(), {}, 'service')
      const account = await accountCart(shop, 'left-alone', 'W-1')
      const { id } = await guestWith(shop, 'W-1')
      await pass(30 * DAY - SECOND)
      assert.deepEqual([await isThere(account), await isThere(id)], [true, true])
      await pass(2 * SECOND)
      assert.deepEqual([await isThere(account), await isThere(id)], [false, false])
    })

    test('SEED4-04 an inactive cart is purged after 90 days', async () => {
      const shop = await makeShop(nextShop(), {}, 'classic')
      await endsAfter((await guestWith(shop, 'W-1')).id, 90 * DAY)
    })

    test("SEED2-15 accounts' carts expire later than guests', or never", async () => {
      const shop = await makeShop(nextShop())
      const account = await accountCart(shop, 'slow', 'W-1')
      const { id } = await guestWith(shop, 'W-1')
      await pass(30 * DAY + SECOND)
      assert.deepEqual([await isThere(account), await isThere(id)], [true, false])
      await endsAfter(account, 60 * DAY - SECOND)
      const lasting = await makeShop(nextShop(), { retention: { account: 'never' } })
      const kept = await accountCart(lasting, 'for-ever', 'W-1')
      await pass(20 * 365 * DAY)
      assert.ok(await isThere(kept))
    })

    test('an empty cart ends after its own, shorter time, and a closed one without an event', async () => {
      const shop = await makeShop(nextShop(), { retention: { closed: 'P2D' } })
      await endsAfter((await guestWith(shop)).id, 6 * HOUR)
      const closed = await guestWith(shop, 'W-1')
      expect2xx(await closed.call('DELETE', `${shop}/carts/${closed.id}`))
      await endsAfter(closed.id, 2 * DAY)
      assert.deepEqual(await eventsOf(closed.id, 'cart.expired'), [])
    })

    test('SEED3-02 a cart is OPEN until it was ordered, merged or deleted, and CLOSED with its reason from then on', async () => {
      const shop = await makeShop(nextShop())
      const reasons: string[] = []
      const look = async (id: string) => {
        const { state, closedReason } = (await admin('GET', `${shop}/carts/${id}`)).body
        reasons.push(`${state} ${closedReason}`)
      }
      const merged = await guestWith(shop, 'W-1')
      await look(merged.id)
      const account = as(await login('status'))
      expect2xx(await account('POST', `${shop}/carts/current/merge`, { carts: [{ id: merged.id, token: merged.token }] }))
      await look(merged.id)
      const ordered = await guestWith(shop, 'GIFT-0')
      expect2xx(await ordered.call('POST', `${shop}/orders`, { cartId: ordered.id }))
      await look(ordered.id)
      const deleted = await guestWith(shop, 'W-1')
      expect2xx(await deleted.call('DELETE', `${shop}/carts/${deleted.id}`))
      await look(deleted.id)
      assert.deepEqual(reasons, ['OPEN null', 'CLOSED merged', 'CLOSED ordered', 'CLOSED deleted'])
    })

    test('SEED3-03 nothing can be done to a cart that is closed', async () => {
      const shop = await makeShop(nextShop())
      const { id, call } = await guestWith(shop, 'W-1')
      const line = (await call('GET', `${shop}/carts/${id}`)).body.lines[0].id
      const closed = expect2xx(await call('DELETE', `${shop}/carts/${id}`)).body.cart
      const at = `${shop}/carts/${id}`
      const operations: [string, string, unknown?][] = [
        ['POST', `${at}/lines`, { sku: 'W-2' }],
        ['PUT', `${at}/lines`, { lines: [{ sku: 'W-2' }] }],
        ['PATCH', `${at}/lines/${line}`, { quantity: 2 }],
        ['DELETE', `${at}/lines/${line}`],
        ['DELETE', `${at}/lines`],
        ['POST', `${at}/lines/${line}/save`],
        ['PATCH', at, { note: 'x' }],
        ['POST', `${at}/codes`, { code: 'X' }],
        ['POST', `${at}/commands`, { commands: [{ clear: {} }] }],
        ['POST', `${at}/notices/acknowledge`, { ids: 'all' }],
        ['DELETE', at],
      ]
      for (const [method, path, body] of operations) {
        const answer = await call(method, path, body)
        assert.deepEqual([answer.status, answer.body.code], [409, 'cart_closed'], `${method} ${path}`)
      }
      assert.deepEqual((await call('GET', at)).body, closed)
    })

    test('reading a cart, asking for its prices and changing the catalogue do not keep it alive; a write does', async () => {
      const id = nextShop()
      const shop = await makeShop(id)
      const read = await guestWith(shop, 'W-1')
      const written = await guestWith(shop, 'W-1')
      await pass(29 * DAY)
      for (const path of ['', '/validation', '/shipping-methods', '/history'])
        expect2xx(await read.call('GET', `${shop}/carts/${read.id}${path}`))
      await change(id, { tax: { defaultCountry: 'DE' } })
      expect2xx(await read.call('GET', `${shop}/carts/${read.id}`))
      expect2xx(await written.call('POST', `${shop}/carts/${written.id}/lines`, { sku: 'W-2' }))
      await pass(DAY + SECOND)
      assert.deepEqual([await isThere(read.id), await isThere(written.id)], [false, true])
    })

    test('a key gives one cart a time of its own, or none; an owner may not', async () => {
      const shop = await makeShop(nextShop())
      const longer = await guestWith(shop, 'W-1')
      const lasting = await guestWith(shop, 'W-1')
      const back = await guestWith(shop, 'W-1')
      for (const body of [{ retention: 'never' }, { retention: 'P60D', note: 'x' }]) {
        const own = await longer.call('PATCH', `${shop}/carts/${longer.id}`, body)
        assert.deepEqual([own.status, own.body.code, own.body.path], [422, 'invalid', '/retention'])
      }
      const nested = await longer.call('POST', `${shop}/carts/${longer.id}/commands`, { commands: [{ change: { retention: 'never' } }] })
      assert.deepEqual([nested.status, nested.body.path], [422, '/commands/0/change/retention'])
      const wrong = await admin('PATCH', `${shop}/carts/${longer.id}`, { retention: '60 days' })
      assert.deepEqual([wrong.status, wrong.body.path], [422, '/retention'])
      assert.equal((await longer.call('GET', `${shop}/carts/${longer.id}`)).body.version, 1, 'what was refused changed nothing')
      expect2xx(await admin('PATCH', `${shop}/carts/${longer.id}`, { retention: 'P60D' }))
      expect2xx(await admin('PATCH', `${shop}/carts/${lasting.id}`, { retention: 'never' }))
      expect2xx(await admin('PATCH', `${shop}/carts/${back.id}`, { retention: 'never' }))
      expect2xx(await admin('PATCH', `${shop}/carts/${back.id}`, { retention: null }))
      await endsAfter(back.id, 30 * DAY)
      await endsAfter(longer.id, 30 * DAY - SECOND)
      await pass(1000 * DAY)
      assert.ok(await isThere(lasting.id))
      assert.equal((await admin('GET', `${shop}/carts/${lasting.id}`)).body.expiresAt, null)
    })

    test('shorter and longer retention holds for carts that were saved before, more than one batch of them', async () => {
      const id = nextShop()
      const shop = await makeShop(id)
      const first = await guestWith(shop, 'W-1')
      const copies = await copyCart(first.id, 60, `cart_r${id}`)
      await pass(10 * DAY)
      await change(id, { retention: { anonymous: 'P40D' } })
      await pass(20 * DAY + SECOND)
      assert.ok(await isThere(first.id), 'longer counts at once')
      await change(id, { retention: { anonymous: 'P31D' } })
      await pass(0)
      assert.ok(await isThere(first.id))
      const pending = await store.reader.db.selectFrom('settings').select('due_from').where('shop_id', '=', id).executeTakeFirst()
      assert.equal(pending?.due_from, null, 'all times are new')
      await pass(DAY)
      assert.ok(!(await isThere(first.id)), 'shorter counts, too')
      for (const copy of copies) assert.ok(await isThere(copy), 'the copies are an account’s')
      await change(id, { retention: { account: 'P1D' } })
      await pass(0)
      for (const copy of copies) assert.ok(!(await isThere(copy)))
    })

    test('a cart with an order that awaits payment stays until that is over', async () => {
      const shop = await makeShop(nextShop(), { retention: { anonymous: 'PT1H' } })
      const { id, call } = await guestWith(shop, 'W-1')
      const ordered = expect2xx(await call('POST', `${shop}/orders`, { cartId: id }))
      assert.equal(ordered.body.order.state, 'NEW')
      await pass(5 * HOUR)
      assert.ok(await isThere(id))
      await pass(20 * HOUR)
      assert.equal((await admin('GET', `${shop}/orders/${ordered.body.order.id}`)).body.state, 'EXPIRED')
      await pass(HOUR)
      assert.ok(!(await isThere(id)))
      expect2xx(await call('GET', `${shop}/orders/${ordered.body.order.id}`))
    })

    test('SEED4-75 one cart that cannot be read and one that cannot be removed stop no other, and the log tells how many went', async () => {
      const shop = await makeShop(nextShop())
      const first = await guestWith(shop, 'W-1')
      const [unreadable = '', stuck = '', ...copies] = await copyCart(first.id, 70, `cart_p${shops}`)
      await store.transact(async ({ db }) => {
        await db.updateTable('carts').set({ intent: '{' }).where('id', '=', unreadable).execute()
        const raise =
          dialect === 'sqlite'
            ? `CREATE TRIGGER stuck BEFORE DELETE ON carts WHEN OLD.id = '${stuck}' BEGIN SELECT RAISE(ABORT, 'it sticks'); END`
            : `CREATE FUNCTION stick() RETURNS trigger AS $$ BEGIN RAISE EXCEPTION 'it sticks'; END $$ LANGUAGE plpgsql`
        await sql.raw(raise).execute(db)
        if (dialect === 'postgres')
          await sql
            .raw(`CREATE TRIGGER stuck BEFORE DELETE ON carts FOR EACH ROW WHEN (OLD.id = '${stuck}') EXECUTE FUNCTION stick()`)
            .execute(db)
      })
      await change(shop.split('/').at(-1) ?? '', { retention: { account: 'P30D' } })
      logged.length = 0
      await pass(30 * DAY + SECOND)
      for (const copy of copies) assert.ok(!(await isThere(copy)))
      assert.deepEqual([await isThere(unreadable), await isThere(stuck)], [true, true])
      const told = logged.filter(({ cartId }) => cartId === unreadable || cartId === stuck).map(({ cartId }) => cartId)
      assert.deepEqual(new Set(told), new Set([unreadable, stuck]))
      const summary = logged.filter(({ expired }) => expired !== undefined)
      assert.equal(summary.length, 1, 'one line tells all')
      assert.deepEqual([summary[0].expired, summary[0].failed >= 2], [copies.length + 1, true])
      logged.length = 0
      await pass(HOUR)
      assert.deepEqual(
        logged.filter(({ cartId }) => cartId === unreadable || cartId === stuck),
        [],
        'they are not tried again and again',
      )
      await store.transact(async ({ db }) => {
        await sql.raw(dialect === 'sqlite' ? 'DROP TRIGGER stuck' : 'DROP TRIGGER stuck ON carts').execute(db)
        await db.deleteFrom('carts').where('id', '=', unreadable).execute()
      })
      await pass(DAY)
      assert.ok(!(await isThere(stuck)), 'a day later it is')
    })

    test('nodes that purge at the same time tell every cart once, and leave out none', async () => {
      const shop = await makeShop(nextShop(), { retention: { account: 'P1D' } })
      const first = await guestWith(shop, 'W-1')
      const copies = await copyCart(first.id, 150, `cart_n${shops}`)
      await change(shop.split('/').at(-1) ?? '', { retention: { account: 'P2D' } })
      const others = [await openFrozen(databaseUrl, clock), await openFrozen(databaseUrl, clock)]
      clock.at += 2 * DAY + SECOND
      await Promise.all([server, ...others].map((node) => node.engine.jobs.runDue()))
      // What one node holds the others pass over; the next pass finds nothing left to tell.
      await engine.jobs.runDue()
      for (const copy of copies) {
        assert.ok(!(await isThere(copy)))
        assert.equal((await eventsOf(copy, 'cart.expired')).length, 1)
      }
    })

    test('a cart that is written to while it is being removed is either kept with what was written, or was gone before', async () => {
      const shop = await makeShop(nextShop(), { retention: { anonymous: 'P1D' } })
      const guests: Guest[] = []
      for (let index = 0; index < 40; index++) guests.push(await guestWith(shop, 'W-1'))
      clock.at += DAY + SECOND
      const removing = engine.jobs.runDue()
      const answers = await Promise.all(guests.map(({ id, call }) => call('POST', `${shop}/carts/${id}/lines`, { sku: 'W-2' })))
      await removing
      for (const [index, { status }] of answers.entries()) {
        const { id, call } = guests[index] ?? assert.fail()
        const after = await call('GET', `${shop}/carts/${id}`)
        if (status === 200) assert.deepEqual([after.status, after.body.lines?.length], [200, 2], 'an acknowledged write was lost')
        else assert.ok([401, 404].includes(status) && [401, 404].includes(after.status), `${status}, then ${after.status}`)
      }
    })

    test('what happened to a cart after it was looked at counts: a write keeps it, and another node does not tell it again', async () => {
      const shop = await makeShop(nextShop(), { retention: { anonymous: 'P1D' }, abandoned: { after: 'PT1H' } })
      const expired = await guestWith(shop, 'W-1')
      const quiet: () => Promise<unknown> = async () => undefined
      let meanwhile = quiet
      // Another node's loop on the same database, to which something happens between looking and locking.
      const late: Store = {
        ...store,
        transact: async (work, options) => {
          const happens = meanwhile
          meanwhile = quiet
          await happens()
          return store.transact(work, options)
        },
      }
      const { facts, carts, random, signer } = engine
      const log = pino({ level: 'silent' })
      const expiry = createExpiry({
        store: late,
        facts,
        carts,
        clock,
        random,
        signer,
        publicUrl: () => 'https://carts.example',
        emails: createEmailQueue({ clock, random, canSend: false }),
        log,
      })
      const run = () => expiry.run({ gentle: false, isStopped: () => false })
      await run()
      clock.at += DAY + SECOND
      meanwhile = () => expired.call('POST', `${shop}/carts/${expired.id}/lines`, { sku: 'W-2' }).then(expect2xx)
      await run()
      assert.equal((await expired.call('GET', `${shop}/carts/${expired.id}`)).body.lines?.length, 2, 'an acknowledged write was lost')
      clock.at += HOUR + SECOND
      meanwhile = () => engine.jobs.runDue()
      await run()
      assert.equal((await eventsOf(expired.id, 'cart.abandoned')).length, 1)
    })

    test('a guest that is being forgotten makes no cart that nobody can reach', async () => {
      const shop = await makeShop(nextShop(), { retention: { anonymous: 'P1D' } })
      const guests: Guest[] = []
      for (let index = 0; index < 40; index++) guests.push(await guestWith(shop, 'W-1'))
      clock.at += DAY + SECOND
      const removing = engine.jobs.runDue()
      const answers = []
      for (const { call } of guests) answers.push(call('POST', `${shop}/carts/current/lines`, { sku: 'W-2' }))
      await removing
      for (const [index, { status }] of (await Promise.all(answers)).entries()) {
        const after = await (guests[index] ?? assert.fail()).call('GET', `${shop}/carts/current`)
        if (status < 300) assert.ok(after.status === 200 && after.body.lines.length > 0, 'an acknowledged cart is out of reach')
        else assert.equal(status, 401)
      }
      const orphans = await store.reader.db
        .selectFrom('carts as c')
        .leftJoin('guests as g', (join) => join.onRef('g.shop_id', '=', 'c.shop_id').on(sql`'g:' || g.id`, '=', sql.ref('c.owner')))
        .select('c.id')
        .where('c.shop_id', '=', shop.split('/').at(-1) ?? '')
        .where('g.id', 'is', null)
        .execute()
      assert.deepEqual(orphans, [])
    })

    test('a guest that ordered is not forgotten with its cart', async () => {
      const shop = await makeShop(nextShop())
      const { id, call } = await guestWith(shop, 'GIFT-0')
      const { order } = expect2xx(await call('POST', `${shop}/orders`, { cartId: id })).body
      await endsAfter(id, 30 * DAY)
      assert.equal((await call('GET', `${shop}/orders/${order.id}`)).body.state, 'PLACED')
    })
  })

  describe(`abandoned carts on ${dialect}`, () => {
    test('cart.abandoned is sent once per idle period, and again after a new one', async () => {
      const shop = await makeShop(nextShop(), { abandoned: { after: 'PT1H' } })
      const { id, call } = await guestWith(shop, 'W-1')
      const empty = await guestWith(shop)
      const told = async () => (await eventsOf(id, 'cart.abandoned')).length
      await pass(HOUR - SECOND)
      assert.equal(await told(), 0)
      await pass(2 * SECOND)
      assert.equal(await told(), 1)
      await pass(3 * HOUR)
      assert.equal(await told(), 1)
      const before = (await call('GET', `${shop}/carts/${id}`)).body
      expect2xx(await call('POST', `${shop}/carts/${id}/lines`, { sku: 'W-2' }))
      await pass(HOUR - SECOND)
      assert.equal(await told(), 1)
      await pass(2 * SECOND)
      assert.equal(await told(), 2)
      assert.equal((await call('GET', `${shop}/carts/${id}`)).body.version, before.version + 1, 'telling it is no change of the cart')
      assert.deepEqual(await eventsOf(empty.id, 'cart.abandoned'), [], 'there is nothing in it to come back for')
    })

    test('the event carries the cart as it is served today and a link that restores it, for as long as the shop says', async () => {
      const id = nextShop()
      const shop = await makeShop(id, { abandoned: { after: 'PT1H' }, restore: { tokenTtl: 'P2D' } })
      const cart = await guestWith(shop, 'W-1')
      await change(id, { tax: { defaultCountry: 'DE', rates: [{ name: 'VAT', category: 'standard', percent: '19', included: false }] } })
      await pass(HOUR + SECOND)
      const [data] = await eventsOf(cart.id, 'cart.abandoned')
      const { restoreUrl, restoreToken, ...served } = data
      assert.deepEqual(served, (await cart.call('GET', `${shop}/carts/${cart.id}`)).body)
      assert.equal(served.total.amount, 119)
      assert.equal(restoreUrl, `https://carts.example${shop}/r/${restoreToken}`)
      const opens = (at: number, where = id) => openRestoreToken(engine.signer, where, restoreToken, at)
      const until = Math.floor((clock.at + 2 * DAY) / 1000) * 1000
      assert.deepEqual([opens(until - SECOND), opens(until + SECOND), opens(clock.at, 'demo')], [cart.id, null, null])
      const forged = restoreToken.replace(/^rt_[0-9a-f]{32}/, `rt_${'0'.repeat(32)}`)
      assert.equal(openRestoreToken(engine.signer, id, forged, clock.at), null)
    })

    test('who ordered abandoned nothing: not the cart, nor another one of the same owner, nor one whose order awaits payment', async () => {
      const shop = await makeShop(nextShop(), { abandoned: { after: 'PT1H' }, cart: { types: ['shopping', 'wishlist'] } })
      const call = as(await login('buyer'))
      const paid = expect2xx(await call('POST', `${shop}/carts`, { lines: [{ sku: 'GIFT-0' }] })).body.cart.id
      const other = expect2xx(await call('POST', `${shop}/carts?type=wishlist`, { type: 'wishlist', lines: [{ sku: 'W-1' }] })).body.cart.id
      expect2xx(await call('POST', `${shop}/orders`, { cartId: paid }))
      const waiting = await guestWith(shop, 'W-1')
      expect2xx(await waiting.call('POST', `${shop}/orders`, { cartId: waiting.id }))
      const left = await guestWith(shop, 'W-1')
      await pass(2 * HOUR)
      const told = []
      for (const id of [paid, other, waiting.id, left.id]) told.push((await eventsOf(id, 'cart.abandoned')).length)
      assert.deepEqual(told, [0, 0, 0, 1])
      await pass(24 * HOUR)
      await pass(HOUR)
      assert.equal((await eventsOf(waiting.id, 'cart.abandoned')).length, 1, 'its order was not paid')
      expect2xx(await as(await login('buyer'))('PATCH', `${shop}/carts/${other}`, { note: 'back' }))
      await pass(HOUR + SECOND)
      assert.equal((await eventsOf(other, 'cart.abandoned')).length, 1, 'a new idle period after the order')
    })

    test('switching it on tells carts that were left before, once', async () => {
      const id = nextShop()
      const shop = await makeShop(id)
      const cart = await guestWith(shop, 'W-1')
      await pass(5 * HOUR)
      assert.deepEqual(await eventsOf(cart.id, 'cart.abandoned'), [])
      await change(id, { abandoned: { after: 'PT2H' } })
      await pass(0)
      await change(id, { abandoned: { after: 'PT1H' } })
      await pass(0)
      assert.equal((await eventsOf(cart.id, 'cart.abandoned')).length, 1)
    })
  })

  describe(`views of carts on ${dialect}`, () => {
    test('SEED4-03 carts are listed as active, inactive or abandoned by the last write, and as nothing else when asked again later', async () => {
      const shop = await makeShop(nextShop(), { retention: { empty: 'P30D' } })
      const old = await guestWith(shop, 'W-1')
      const empty = await guestWith(shop)
      const closed = await guestWith(shop, 'W-1')
      expect2xx(await closed.call('DELETE', `${shop}/carts/${closed.id}`))
      clock.at += 24 * HOUR - SECOND
      const young = await guestWith(shop, 'W-1')
      const listed = async (view: string, call = admin) =>
        expect2xx(await call('GET', `${shop}/carts?view=${view}`)).body.items.map((cart: { id: string }) => cart.id)
      assert.deepEqual(await listed('active'), [young.id, empty.id, old.id])
      assert.deepEqual(await listed('inactive'), [])
      assert.deepEqual(await listed('abandoned'), [old.id], 'after an hour where the shop has not said')
      clock.at += 2 * SECOND
      assert.deepEqual(await listed('active'), [young.id])
      assert.deepEqual(await listed('inactive'), [empty.id, old.id])
      assert.deepEqual(await listed('abandoned'), [old.id])
      assert.deepEqual(await listed('active', young.call), [young.id])
      assert.deepEqual(await listed('active', old.call), [], 'an owner sees its own')
      clock.at += HOUR
      assert.deepEqual(await listed('abandoned'), [young.id, old.id])
      await change(shop.split('/').at(-1) ?? '', { abandoned: { after: 'PT3H' }, cart: { activeDuration: 'PT30M' } })
      assert.deepEqual(await listed('abandoned'), [old.id])
      assert.deepEqual(await listed('active'), [])
      const both = await admin('GET', `${shop}/carts?view=active&state=CLOSED`)
      assert.deepEqual([both.status, both.body.path], [422, '/view'])
    })

    test('a view is paged, also where empty carts are left out', async () => {
      const shop = await makeShop(nextShop(), { retention: { empty: 'P30D' } })
      const expected: string[] = []
      for (let index = 0; index < 9; index++) {
        const { id } = await guestWith(shop, ...(index % 3 === 0 ? ['W-1'] : []))
        if (index % 3 === 0) expected.unshift(id)
      }
      clock.at += 2 * HOUR
      const found: string[] = []
      for (let next: string | null = ''; next !== null; ) {
        const page: { items: { id: string; version: number }[]; next: string | null } = expect2xx(
          await admin('GET', `${shop}/carts?view=abandoned&limit=1${next === '' ? '' : `&after=${next}`}`),
        ).body
        assert.ok(page.items.length <= 1)
        found.push(...page.items.map((cart) => cart.id))
        next = page.next
      }
      assert.deepEqual(found, expected)
    })
  })
}

for (const dialect of DIALECTS) {
  test(`SEED4-75 a purge of many batches on ${dialect} goes on after a crash in the middle, and tells every cart once`, async () => {
    const databaseUrl = await freshDatabase(dialect)
    // The nodes live in the real time.
    const now = Date.now()
    const { store, makeShop, change, guestWith, copyCart } = await openFrozen(databaseUrl, { at: now, now: () => now })
    const shop = await makeShop('crash', { retention: { account: 'never' } })
    const first = await guestWith(shop, 'W-1')
    const copies = await copyCart(first.id, 500)
    await change('crash', { retention: { account: 'P1D' } })
    const left = async () =>
      (await store.reader.db.selectFrom('carts').select('id').where('shop_id', '=', 'crash').where('owner', 'like', 'a:%').execute()).length
    const one = await startNode(databaseUrl)
    const purge = advance(one.url).catch(() => null)
    await eventually(async () => (await left()) < 480, 30_000, 'the first carts to go')
    await one.kill()
    await purge
    assert.ok((await left()) > 0, 'it was killed in the middle')
    const two = await startNode(databaseUrl)
    assert.equal((await advance(two.url)).status, 200)
    await two.kill()
    assert.equal(await left(), 0)
    const told = await store.reader.db.selectFrom('deliveries').select('subject').where('type', '=', 'cart.expired').execute()
    assert.deepEqual(new Set(told.map((row) => row.subject)), new Set([...copies, first.id]))
    assert.equal(told.length, copies.length + 1)
  })
}

/** Moves a node's clock by more than a year, which does all that is due then. */
function advance(url: string): Promise<Response> {
  return fetch(`${url}/v1/demo/clock`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ advance: 'P400D' }),
  })
}
