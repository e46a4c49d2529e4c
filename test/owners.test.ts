// Whose a cart is. Guests and accounts, on every device; servers and staff for anybody; several carts where a shop has them; and nobody for what
// is somebody else's. Promised on both databases.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import { ADMIN, type Answer, atOnce, caller, freshDatabase, mainlyOn, startTestServer } from './harness.ts'
import { ADDRESS, assertProblem, contentOfTables, product, rowsIn } from './http-probe.ts'
import { expect2xx, login, payOnPage } from './nodes.ts'

const DEMO = '/v1/shops/demo'
/** The preset with several carts for one owner. */
const CLASSIC = '/v1/shops/classic'
/** The preset with wish lists. */
const SERVICE = '/v1/shops/service'
const STORE = '/v1/shops/store'
const told = (answer: Answer | undefined) => `${answer?.status} ${JSON.stringify(answer?.body).slice(0, 400)}`
const skusOf = (cart: { lines: { sku: string; quantity: number }[] }) => cart.lines.map((line) => `${line.quantity} ${line.sku}`).sort()

for (const dialect of mainlyOn('postgres'))
  describe(dialect, async () => {
    const database = await freshDatabase(dialect)
    const { url, engine } = await startTestServer(database)
    const { reader } = engine.store
    const as = (token?: string) => caller(url, token)
    const admin = as(ADMIN)
    const account = (name: string) => login(url, name)
    const key = async (kind: 'server' | 'staff', scopes: readonly string[], shop = DEMO) =>
      expect2xx(await admin('POST', `${shop}/api-keys`, { kind, name: 'test', scopes })).body as { id: string; token: string }
    /** A new guest with one line. */
    const guest = async (shop = DEMO, sku = 'MUG-STONE') => {
      const { body } = expect2xx(await as()('POST', `${shop}/carts/current/lines`, { sku }))
      return { token: body.token as string, cart: body.cart as { id: string; number: string; version: number; owner: { guestId: string } } }
    }

    describe(`guests and accounts on ${dialect}`, () => {
      test('SEED0-02 SEED1-02 SEED2-04 an item that is added goes into the cart that is stored with the account', async () => {
        const robin = as(await account('robin'))
        const added = await robin('POST', `${STORE}/carts/current/lines`, { sku: 'MUG-STONE', quantity: 2 })
        assert.equal(added.status, 201, told(added))
        assert.deepEqual(added.body.cart.owner, { kind: 'account', accountId: 'demo:robin' })
        assert.equal(added.body.token, undefined)
        assertProblem(await as()('POST', `${STORE}/carts/current/lines`, { sku: 'MUG-STONE' }), 401, 'login_required')
      })

      test('SEED0-03 SEED2-14 after logout the account cart is untouched and unreachable, the next add makes a guest cart, and after login all is there', async () => {
        const before = expect2xx(await as(await account('lou'))('POST', `${DEMO}/carts/current/lines`, { sku: 'MUG-INK', quantity: 3 }))
          .body.cart
        assertProblem(await as()('GET', `${DEMO}/carts/${before.id}`), 404, 'cart_not_found')
        const nobody = await as()('GET', `${DEMO}/carts/current`)
        assert.deepEqual([nobody.body.lines, nobody.body.version], [[], 0])
        const fresh = await guest()
        assert.notEqual(fresh.cart.id, before.id)
        assertProblem(await as(fresh.token)('GET', `${DEMO}/carts/${before.id}`), 404, 'cart_not_found')
        assertProblem(await as(fresh.token)('POST', `${DEMO}/carts/${before.id}/lines`, { sku: 'MUG-INK' }), 404, 'cart_not_found')
        const elsewhere = await as(await account('lou'))('GET', `${DEMO}/carts/current`)
        assert.deepEqual(elsewhere.body, before)
      })

      test('SEED1-03 a cart is named by the token alone (`current`) or by its id, and both are the same cart', async () => {
        const token = await account('names')
        const { cart } = expect2xx(await as(token)('POST', `${DEMO}/carts`, { lines: [{ sku: 'MUG-INK' }] })).body
        assert.deepEqual((await as(token)('GET', `${DEMO}/carts/${cart.id}`)).body, (await as(token)('GET', `${DEMO}/carts/current`)).body)
        const byId = await as(token)('POST', `${DEMO}/carts/${cart.id}/lines`, { sku: 'MUG-INK' })
        assert.deepEqual(skusOf(byId.body.cart), ['2 MUG-INK'])
      })

      test('SEED1-04 a server fills any user’s cart, the user sees it and adds to it', async () => {
        const { token } = await key('server', ['carts:write', 'carts:read'])
        const lines = { lines: [{ sku: 'MUG-INK', quantity: 4 }, { sku: 'MUG-MOSS' }] }
        const filled = await as(token)('PUT', `${DEMO}/carts/current/lines?account=demo:filled`, lines)
        assert.equal(filled.status, 201, told(filled))
        const user = as(await account('filled'))
        assert.deepEqual((await user('GET', `${DEMO}/carts/current`)).body, filled.body.cart)
        const added = await user('POST', `${DEMO}/carts/current/lines`, { sku: 'MUG-MOSS' })
        assert.deepEqual(skusOf(added.body.cart), ['2 MUG-MOSS', '4 MUG-INK'])
      })

      test('SEED2-05 SEED3-01 the first item of somebody without login makes an anonymous cart; looking makes none', async () => {
        const was = await rowsIn(reader, 'carts', 'guests')
        await as()('GET', `${DEMO}/carts/current`)
        assert.deepEqual(await rowsIn(reader, 'carts', 'guests'), was)
        const { cart, token } = await guest()
        assert.equal((cart.owner as { kind?: string }).kind, 'guest')
        assert.match(token, /^ct_[0-9a-f]{32}_[\w-]{43}$/)
        assert.deepEqual(await rowsIn(reader, 'carts', 'guests'), { carts: (was.carts ?? 0) + 1, guests: (was.guests ?? 0) + 1 })
      })

      test('SEED2-06 SEED2-37 an anonymous cart needs its secret on every route: its id alone finds nothing and changes nothing', async () => {
        const victim = await guest()
        const path = `${DEMO}/carts/${victim.cart.id}`
        const line = (await as(victim.token)('GET', path)).body.lines[0].id
        const calls: [method: string, path: string, body?: unknown][] = [
          ['GET', path],
          ['PATCH', path, { note: 'mine' }],
          ['DELETE', path],
          ['POST', `${path}/lines`, { sku: 'MUG-INK' }],
          ['PUT', `${path}/lines`, { lines: [{ sku: 'MUG-INK' }] }],
          ['DELETE', `${path}/lines`],
          ['PATCH', `${path}/lines/${line}`, { quantity: 5 }],
          ['POST', `${path}/codes`, { code: 'WELCOME10' }],
          ['GET', `${path}/validation`],
          ['GET', `${path}/shipping-methods`],
          ['GET', `${path}/secrets`],
          ['POST', `${path}/secrets`, {}],
          ['POST', `${path}/restore-links`],
          ['POST', `${path}/select`],
          ['POST', `${path}/forget`],
          ['POST', `${path}/lines/copy`, { from: victim.cart.number }],
          ['POST', `${DEMO}/orders`, { cartId: victim.cart.id }],
        ]
        const strangers = [undefined, (await guest()).token, await account('stranger')]
        const was = await contentOfTables(reader)
        for (const token of strangers)
          for (const [method, route, body] of calls) {
            const answer = await as(token)(method, route, body)
            const isShut = answer.body.code === 'cart_not_found' || (token === undefined && answer.body.code === 'login_required')
            assert.ok(isShut, `${method} ${route}: ${told(answer)}`)
          }
        assert.deepEqual(await contentOfTables(reader), was)
      })

      test('SEED2-12 the e-mail of a guest is attached to the cart and to the order', async () => {
        const { token, cart } = await guest()
        await as(token)('PATCH', `${DEMO}/carts/current`, {
          email: 'guest@example.com',
          shippingAddress: ADDRESS,
          shippingMethod: 'standard',
        })
        assert.equal((await as(token)('GET', `${DEMO}/carts/current`)).body.email, 'guest@example.com')
        const ordered = await as(token)('POST', `${DEMO}/orders`, { cartId: cart.id, expectedTotal: 1_000_000 })
        assert.equal(ordered.status, 201, told(ordered))
        assert.deepEqual([ordered.body.order.email, ordered.body.order.owner.kind], ['guest@example.com', 'guest'])
      })

      test('SEED2-13 an item of another seller goes into the cart of the shop the client is in, and the line says whose it is', async () => {
        const pottery = { ...product('pottery', `POT-${dialect}`, 1500), seller: 'lena-pottery' }
        expect2xx(await admin('PUT', `${DEMO}/products/pottery`, pottery))
        assert.equal((await as()('GET', `${DEMO}/products/pottery`)).body.seller, 'lena-pottery')
        const token = await account('sellers')
        await as(token)('POST', `${DEMO}/carts/current/lines`, { sku: 'MUG-STONE' })
        const { cart } = expect2xx(await as(token)('POST', `${DEMO}/carts/current/lines`, { sku: `POT-${dialect}` })).body
        assert.deepEqual(
          cart.lines.map((line: { seller: string | null }) => line.seller),
          [null, 'lena-pottery'],
        )
        assert.equal(cart.shopId, 'demo')
        // What another shop of the installation sells is unknown here, and its carts do not exist.
        assertProblem(await as(token)('POST', `${CLASSIC}/carts/current/lines`, { sku: `POT-${dialect}` }), 422, 'unknown_sku')
        assertProblem(await as(token)('GET', `${CLASSIC}/carts/${cart.id}`), 404, 'cart_not_found')
      })

      test('SEED2-13 SEED2-23 SEED0-58 twenty first adds at once are one cart with all of them, for an account and for a guest', async () => {
        const token = await account('eager')
        const { token: fresh, cart } = await guest(CLASSIC)
        await as(fresh)('POST', `${CLASSIC}/carts/current/forget`)
        for (const [shop, who, owner] of [
          [DEMO, token, 'a:demo:eager'],
          [CLASSIC, fresh, `g:${cart.owner.guestId}`],
        ] as const) {
          const answers = await atOnce(20, (index) =>
            index % 4 === 0
              ? as(who)('POST', `${shop}/carts`, { lines: [{ sku: 'MUG-INK' }] })
              : as(who)('POST', `${shop}/carts/current/lines`, { sku: 'MUG-INK' }),
          )
          for (const answer of answers) assert.ok([200, 201].includes(answer.status), told(answer))
          assert.equal(new Set(answers.map((answer) => answer.body.cart.id)).size, 1)
          assert.equal(answers.filter((answer) => answer.status === 201).length > 0, true)
          const open = await reader.db
            .selectFrom('carts')
            .select('id')
            .where('owner', '=', owner)
            .where('is_current', '=', 1)
            .where('state', '=', 'OPEN')
            .execute()
          assert.equal(open.length, 1)
          const { body } = await as(who)('GET', `${shop}/carts/current`)
          // Whoever asked for a cart that was there already got it back as it is; every add counts.
          assert.ok(body.itemCount >= 15 && body.itemCount <= 16, String(body.itemCount))
          assert.equal(body.lines.length, 1)
        }
      })

      test('SEED2-13 one account has a cart in each shop, and a guest’s token of one shop is nothing in another', async () => {
        const token = await account('both')
        const carts = [DEMO, CLASSIC].map(
          async (shop) => (await as(token)('POST', `${shop}/carts/current/lines`, { sku: 'MUG-INK' })).body.cart,
        )
        const [here, there] = await Promise.all(carts)
        assert.notEqual(here.id, there.id)
        assert.deepEqual([here.shopId, there.shopId], ['demo', 'classic'])
        assertProblem(await as((await guest(DEMO)).token)('GET', `${CLASSIC}/carts/current`), 401, 'invalid_token')
      })

      test('SEED4-25 SEED4-26 a number is there before anything is saved, never changes, and is the order’s; short it has 7 characters', async () => {
        const shown = (await as()('GET', `${DEMO}/carts/current`)).body
        assert.match(shown.number, /^[0-9a-f]{32}$/)
        const { token, cart } = await guest()
        await as(token)('PATCH', `${DEMO}/carts/current`, { email: 'n@example.com', shippingAddress: ADDRESS, shippingMethod: 'standard' })
        const { body } = await as(token)('POST', `${DEMO}/orders`, { cartId: cart.id, expectedTotal: 1_000_000 })
        await payOnPage(body.payment.url)
        const order = (await as(token)('GET', `${DEMO}/orders/${body.order.id}`)).body
        assert.deepEqual([order.number, order.shortNumber], [cart.number, cart.number.slice(0, 7)])
        assert.equal((await as(token)('GET', `${DEMO}/carts/${cart.id}`)).body.number, cart.number)
      })

      test('SEED0-58 two tabs that write at once lose nothing of each other, and a stale one that says so changes nothing', async () => {
        const token = await account('tabs')
        const { cart } = expect2xx(await as(token)('POST', `${DEMO}/carts/current/lines`, { sku: 'MUG-STONE' })).body
        const [one, two] = await Promise.all([
          as(token)('POST', `${DEMO}/carts/current/lines`, { sku: 'MUG-INK' }),
          as(token)('PATCH', `${DEMO}/carts/current`, { note: 'gift' }),
        ])
        assert.deepEqual([one.status, two.status], [200, 200])
        const now = (await as(token)('GET', `${DEMO}/carts/current`)).body
        assert.deepEqual([skusOf(now), now.note], [['1 MUG-INK', '1 MUG-STONE'], 'gift'])
        const stale = await as(token)(
          'PUT',
          `${DEMO}/carts/current/lines`,
          { lines: [], mode: 'replace' },
          { 'if-match': `"${cart.version}"` },
        )
        assertProblem(stale, 412, 'stale_version')
        assert.deepEqual((await as(token)('GET', `${DEMO}/carts/current`)).body, now)
      })
    })

    describe(`secrets of guests on ${dialect}`, () => {
      test('each device has a secret of its own, and ends by itself', async () => {
        const laptop = await guest()
        const made = await as(laptop.token)('POST', `${DEMO}/carts/current/secrets`, { device: 'phone' })
        assert.equal(made.status, 201, told(made))
        const phone = made.body as { id: string; token: string }
        assert.equal((await as(phone.token)('GET', `${DEMO}/carts/current`)).body.id, laptop.cart.id)
        const { items } = (await as(phone.token)('GET', `${DEMO}/carts/current/secrets`)).body
        assert.deepEqual(
          items.map((each: { device: string | null; current: boolean; limited: boolean }) => [each.device, each.current, each.limited]),
          [
            [null, false, false],
            ['phone', true, false],
          ],
        )
        assert.ok(!JSON.stringify(items).includes(phone.token.slice(36)), 'a list shows no secret')
        assert.equal((await as(laptop.token)('DELETE', `${DEMO}/carts/current/secrets/${phone.id}`)).status, 204)
        assertProblem(await as(phone.token)('GET', `${DEMO}/carts/current`), 401, 'invalid_token')
        assert.equal((await as(laptop.token)('GET', `${DEMO}/carts/current`)).status, 200)
        assertProblem(await as(laptop.token)('DELETE', `${DEMO}/carts/current/secrets/${phone.id}`), 404, 'secret_not_found')
      })

      test('rotating ends the secret that asked, revoking others ends all but it, and no other guest is touched', async () => {
        const first = await guest()
        const other = await guest()
        const secrets = `${DEMO}/carts/current/secrets`
        const second = (await as(first.token)('POST', secrets, { rotate: true })).body.token as string
        assertProblem(await as(first.token)('GET', secrets), 401, 'invalid_token')
        const third = (await as(second)('POST', secrets, {})).body.token as string
        const fourth = (await as(third)('POST', secrets, { revokeOthers: true })).body.token as string
        assertProblem(await as(second)('GET', secrets), 401, 'invalid_token')
        for (const token of [third, fourth]) assert.equal((await as(token)('GET', secrets)).body.items.length, 2)
        assert.equal((await as(other.token)('GET', secrets)).body.items.length, 1)
        const foreign = (await as(other.token)('GET', secrets)).body.items[0].id
        assertProblem(await as(third)('DELETE', `${secrets}/${foreign}`), 404, 'secret_not_found')
      })

      test('a guest has at most 20 living secrets, also when more are asked for at once', async () => {
        const { token } = await guest()
        const secrets = `${DEMO}/carts/current/secrets`
        const answers = await atOnce(25, () => as(token)('POST', secrets, {}))
        assert.equal(answers.filter((answer) => answer.status === 201).length, 19)
        for (const answer of answers.filter((each) => each.status !== 201)) assertProblem(answer, 422, 'invalid')
        assert.equal((await as(token)('GET', secrets)).body.items.length, 20)
        assert.equal((await as(token)('POST', secrets, { revokeOthers: true })).status, 201)
      })

      test('staff makes and revokes secrets for a guest, which the audit tells; an account has none', async () => {
        const { token, cart } = await guest()
        const staff = await key('staff', ['carts:read', 'carts:write', 'orders:read', 'orders:write'])
        const path = `${DEMO}/carts/${cart.id}/secrets`
        const made = await as(staff.token)('POST', path, { device: 'till' })
        assert.equal(made.status, 201, told(made))
        assert.equal((await as(made.body.token)('GET', `${DEMO}/carts/current`)).body.id, cart.id)
        assert.equal((await as(staff.token)('DELETE', `${path}/${made.body.id}`)).status, 204)
        assertProblem(await as(made.body.token)('GET', `${DEMO}/carts/current`), 401, 'invalid_token')
        assert.equal((await as(token)('GET', `${DEMO}/carts/current`)).status, 200)
        const { items } = (await admin('GET', `${DEMO}/audit?limit=2`)).body
        const entries = items.map(({ action, actor, subject }: Record<string, string>) => [action, actor, subject])
        assert.deepEqual(entries, [
          ['secret.revoked', `staff:${staff.id}`, `g:${cart.owner.guestId}`],
          ['secret.made', `staff:${staff.id}`, `g:${cart.owner.guestId}`],
        ])
        assert.ok(!JSON.stringify(items).includes(made.body.token.slice(36)))
        const mine = as(await account('secretless'))
        await mine('POST', `${DEMO}/carts/current/lines`, { sku: 'MUG-INK' })
        assertProblem(await mine('GET', `${DEMO}/carts/current/secrets`), 404, 'secret_not_found')
      })

      test('a key makes no secret that opens more than the key: it lists and revokes them with carts:write alone', async () => {
        const { cart } = await guest()
        const path = `${DEMO}/carts/${cart.id}/secrets`
        const scopes = ['carts:read', 'carts:write', 'orders:read', 'orders:write']
        for (const missing of scopes.filter((each) => each !== 'carts:write')) {
          const lacking = await key(
            'server',
            scopes.filter((each) => each !== missing),
          )
          const refused = await as(lacking.token)('POST', path, {})
          assertProblem(refused, 403, 'missing_scope')
          assert.equal(refused.body.scope, missing)
        }
        const writer = as((await key('staff', ['carts:write'])).token)
        const { items } = expect2xx(await writer('GET', path)).body
        assert.equal(items.length, 1)
        assert.equal((await writer('DELETE', `${path}/${items[0].id}`)).status, 204)
      })

      test('the key of a first request opens nothing once the secret that it made is revoked', async () => {
        for (const [path, body] of [
          [`${DEMO}/carts/current/lines`, { sku: 'MUG-STONE' }],
          [`${DEMO}/carts`, { lines: [{ sku: 'MUG-STONE' }] }],
        ] as const) {
          const headers = { 'idempotency-key': randomUUID() }
          const { token } = expect2xx(await as()('POST', path, body, headers)).body
          assert.equal(expect2xx(await as()('POST', path, body, headers)).body.token, token)
          const fresh = expect2xx(await as(token)('POST', `${DEMO}/carts/current/secrets`, { rotate: true })).body.token as string
          expect2xx(await as(fresh)('PATCH', `${DEMO}/carts/current`, { email: 'later@example.com' }))
          assertProblem(await as()('POST', path, body, headers), 401, 'invalid_token')
          assert.equal((await as(fresh)('GET', `${DEMO}/carts/current`)).body.itemCount, 1)
        }
      })

      test('who rotated and lost the answer gets it again under the same key, and nothing else', async () => {
        const { token, cart } = await guest()
        const secrets = `${DEMO}/carts/current/secrets`
        const headers = { 'idempotency-key': randomUUID() }
        const made = expect2xx(await as(token)('POST', secrets, { rotate: true, device: 'phone' }, headers))
        const again = await as(token)('POST', secrets, { rotate: true, device: 'phone' }, headers)
        assert.equal(again.status, 201, told(again))
        assert.deepEqual(again.body, made.body)
        assert.equal(again.headers.get('idempotency-replayed'), 'true')
        assert.equal((await as(again.body.token)('GET', `${DEMO}/carts/current`)).body.id, cart.id)
        const was = await contentOfTables(reader)
        const other = { 'idempotency-key': randomUUID() }
        for (const answer of [
          await as(token)('POST', secrets, { rotate: true }, headers),
          await as(token)('POST', secrets, { rotate: 'no' }, other),
          await as(token)('POST', secrets, { rotate: true, device: 'phone' }, other),
          await as(token)('POST', secrets, { rotate: true, device: 'phone' }),
          await as(token)('GET', secrets, undefined, headers),
          await as(token)('POST', `${DEMO}/carts/current/lines`, { sku: 'MUG-INK' }, headers),
        ])
          assertProblem(answer, 401, 'invalid_token')
        assert.deepEqual(await contentOfTables(reader), was)
      })

      test('a device that was locked out gets nothing for a key of its own, not even the secret that it made', async () => {
        const { token } = await guest()
        const secrets = `${DEMO}/carts/current/secrets`
        const headers = { 'idempotency-key': randomUUID() }
        const second = expect2xx(await as(token)('POST', secrets, {}, headers)).body.token as string
        expect2xx(await as(second)('POST', secrets, { revokeOthers: true }))
        assertProblem(await as(token)('POST', secrets, {}, headers), 401, 'invalid_token')
      })
    })

    describe(`several carts on ${dialect}`, () => {
      const listed = async (token: string) =>
        ((await as(token)('GET', `${CLASSIC}/carts?state=OPEN`)).body.items as { id: string; isCurrent: boolean }[]).map((each) => [
          each.id,
          each.isCurrent,
        ])

      test('SEED4-15 SEED4-23 another cart becomes current, the former stays open, and its owner switches between them', async () => {
        for (const token of [(await guest(CLASSIC)).token, await account('several')]) {
          const me = as(token)
          const first = expect2xx(await me('POST', `${CLASSIC}/carts/current/lines`, { sku: 'MUG-INK' })).body.cart
          const made = await me('POST', `${CLASSIC}/carts`, { new: true, lines: [{ sku: 'MUG-MOSS' }] })
          assert.equal(made.status, 201, told(made))
          const second = made.body.cart
          assert.notEqual(second.number, first.number)
          assert.equal((await me('GET', `${CLASSIC}/carts/current`)).body.id, second.id)
          const former = (await me('GET', `${CLASSIC}/carts/${first.id}`)).body
          assert.deepEqual([former.state, former.isCurrent, former.version], ['OPEN', false, first.version + 1])
          const back = await me('POST', `${CLASSIC}/carts/${first.id}/select`)
          assert.deepEqual([back.status, back.body.cart.id, back.body.cart.isCurrent], [200, first.id, true], told(back))
          assert.deepEqual(await listed(token), [
            [second.id, false],
            [first.id, true],
          ])
          const added = await me('POST', `${CLASSIC}/carts/current/lines`, { sku: 'MUG-MOSS' })
          assert.equal(added.body.cart.id, first.id)
          // The one that is not current is written by its id like any other.
          assert.equal((await me('PATCH', `${CLASSIC}/carts/${second.id}`, { note: 'later' })).body.cart.isCurrent, false)
          const again = await me('POST', `${CLASSIC}/carts/${first.id}/select`)
          assert.equal(again.body.cart.version, added.body.cart.version, 'selecting what is current changes nothing')
        }
      })

      test('SEED4-15 twenty selects at once, among adds, end with exactly one current cart and lose nothing', async () => {
        const token = await account('hasty')
        const me = as(token)
        const ids: string[] = []
        for (let index = 0; index < 5; index++) ids.push(expect2xx(await me('POST', `${CLASSIC}/carts`, { new: true })).body.cart.id)
        const answers = await atOnce(40, (index) =>
          index % 2 === 0
            ? me('POST', `${CLASSIC}/carts/${ids[index % 5]}/select`)
            : me('POST', `${CLASSIC}/carts/current/lines`, { sku: 'MUG-INK' }),
        )
        for (const answer of answers) assert.equal(answer.status, 200, told(answer))
        const open = (await me('GET', `${CLASSIC}/carts?state=OPEN`)).body.items as { isCurrent: boolean; itemCount: number }[]
        assert.equal(open.length, 5)
        assert.equal(open.filter((cart) => cart.isCurrent).length, 1)
        assert.equal(
          open.reduce((sum, cart) => sum + cart.itemCount, 0),
          20,
        )
      })

      test('SEED4-15 forgetting, beginning and selecting at once leave at most one current cart', async () => {
        const token = await account('wild')
        const me = as(token)
        const { cart } = expect2xx(await me('POST', `${CLASSIC}/carts/current/lines`, { sku: 'MUG-INK' })).body
        const answers = await atOnce(20, (index) => {
          if (index % 4 === 0) return me('POST', `${CLASSIC}/carts/${cart.id}/forget`)
          if (index % 4 === 1) return me('POST', `${CLASSIC}/carts/${cart.id}/select`)
          if (index % 4 === 2) return me('POST', `${CLASSIC}/carts`, { new: true })
          return me('POST', `${CLASSIC}/carts/current/lines`, { sku: 'MUG-MOSS' })
        })
        for (const answer of answers) assert.ok([200, 201].includes(answer.status), told(answer))
        const open = (await me('GET', `${CLASSIC}/carts?state=OPEN`)).body.items as { isCurrent: boolean; itemCount: number }[]
        assert.ok(open.filter((each) => each.isCurrent).length <= 1)
        assert.equal(
          open.reduce((sum, each) => sum + each.itemCount, 0),
          6,
        )
      })

      if (dialect === 'postgres')
        test('SEED4-15 twenty selects at once through two servers end with exactly one current cart', async () => {
          const second = await startTestServer(database)
          const token = await account('nodes')
          const ids: string[] = []
          for (let index = 0; index < 4; index++)
            ids.push(expect2xx(await as(token)('POST', `${CLASSIC}/carts`, { new: true })).body.cart.id)
          const nodes = [as(token), caller(second.url, token)]
          const answers = await atOnce(40, (index) => {
            const me = nodes[index % 2] ?? as(token)
            if (index % 5 === 0) return me('POST', `${CLASSIC}/carts/current/lines`, { sku: 'MUG-INK' })
            return me('POST', `${CLASSIC}/carts/${ids[index % 4]}/select`)
          })
          for (const answer of answers) assert.equal(answer.status, 200, told(answer))
          const open = (await as(token)('GET', `${CLASSIC}/carts?state=OPEN`)).body.items as { isCurrent: boolean; itemCount: number }[]
          assert.equal(open.filter((cart) => cart.isCurrent).length, 1)
          assert.equal(
            open.reduce((sum, cart) => sum + cart.itemCount, 0),
            8,
          )
        })

      if (dialect === 'postgres')
        test('SEED4-15 a cart that becomes current while another one is selected gives way, and no client sees the conflict', async () => {
          const { token, cart } = await guest(CLASSIC)
          await as(token)('POST', `${CLASSIC}/carts/current/forget`)
          const row = await reader.db.selectFrom('carts').selectAll().where('id', '=', cart.id).executeTakeFirstOrThrow()
          const id = `cart_${'f'.repeat(32)}`
          const intent = JSON.stringify({ ...JSON.parse(row.intent), id, number: id, isCurrent: true })
          let selecting: Promise<Answer> | undefined
          // Somebody's first add at this very moment: made, current, not committed, and so for nobody to lock.
          await engine.store.transact(async (writer) => {
            await writer.db
              .insertInto('carts')
              .values({ ...row, id, number: id, intent, is_current: 1 })
              .execute()
            selecting = as(token)('POST', `${CLASSIC}/carts/${cart.id}/select`)
            await new Promise((resolve) => setTimeout(resolve, 300))
          })
          const selected = await selecting
          assert.deepEqual([selected?.status, selected?.body.cart?.isCurrent], [200, true], told(selected))
          assert.deepEqual(await listed(token), [
            [id, false],
            [cart.id, true],
          ])
        })

      test('SEED4-05 SEED4-21 a forgotten cart is detached, not deleted: the next current one is new and has a new number', async () => {
        const { token, cart } = await guest(CLASSIC)
        const me = as(token)
        const forgotten = await me('POST', `${CLASSIC}/carts/current/forget`)
        assert.deepEqual([forgotten.status, forgotten.body.cart.id, forgotten.body.cart.isCurrent], [200, cart.id, false], told(forgotten))
        const next = (await me('GET', `${CLASSIC}/carts/current`)).body
        assert.deepEqual([next.version, next.lines], [0, []])
        assert.notEqual(next.number, cart.number)
        assertProblem(await me('POST', `${CLASSIC}/carts/current/forget`), 404, 'cart_not_found')
        const added = expect2xx(await me('POST', `${CLASSIC}/carts/current/lines`, { sku: 'MUG-MOSS' })).body.cart
        assert.notEqual(added.id, cart.id)
        // Asking again is the same cart, and costs no write.
        const was = await contentOfTables(reader)
        for (let index = 0; index < 3; index++) assert.equal((await me('GET', `${CLASSIC}/carts/current`)).body.id, added.id)
        assert.deepEqual(await contentOfTables(reader), was)
        assert.equal((await me('POST', `${CLASSIC}/carts/${cart.id}/select`)).body.cart.lines.length, 1)
      })

      test('SEED4-15 SEED4-17 SEED4-33 loading by number works for one’s own carts only: for everybody else there is no such cart', async () => {
        const { token, cart } = await guest(CLASSIC)
        await as(token)('POST', `${CLASSIC}/carts/current/forget`)
        const was = (await contentOfTables(reader)).carts
        for (const stranger of [
          (await account('nosy')) as string | undefined,
          (await key('server', ['carts:read', 'carts:write'], CLASSIC)).token,
        ]) {
          const named = stranger?.startsWith('sk_') ? '?account=demo:nosy' : ''
          assertProblem(await as(stranger)('POST', `${CLASSIC}/carts/load${named}`, { number: cart.number }), 404, 'cart_not_found')
          assertProblem(await as(stranger)('GET', `${CLASSIC}/carts/${cart.number}${named}`), 404, 'cart_not_found')
          assertProblem(await as(stranger)('PATCH', `${CLASSIC}/carts/${cart.number}${named}`, { note: 'x' }), 404, 'cart_not_found')
          assertProblem(
            await as(stranger)('POST', `${CLASSIC}/carts/current/lines/copy${named}`, { from: cart.number }),
            404,
            'cart_not_found',
          )
        }
        assertProblem(await as()('POST', `${CLASSIC}/carts/load`, { number: cart.number }), 401, 'login_required')
        assert.equal((await contentOfTables(reader)).carts, was)
        const other = await guest(CLASSIC)
        assertProblem(await as(other.token)('POST', `${CLASSIC}/carts/load`, { number: cart.number }), 404, 'cart_not_found')
        const loaded = await as(token)('POST', `${CLASSIC}/carts/load`, { number: cart.number })
        assert.deepEqual([loaded.status, loaded.body.cart.id, loaded.body.cart.isCurrent], [200, cart.id, true], told(loaded))
      })

      test('SEED4-18 loading tells what is wrong: no number, no such cart, or one that is closed', async () => {
        const { token, cart } = await guest(CLASSIC)
        assertProblem(await as(token)('POST', `${CLASSIC}/carts/load`, {}), 422, 'invalid')
        assert.equal((await as(token)('POST', `${CLASSIC}/carts/load`, {})).body.path, '/number')
        assertProblem(await as(token)('POST', `${CLASSIC}/carts/load`, { number: 'f'.repeat(32) }), 404, 'cart_not_found')
        await as(token)('DELETE', `${CLASSIC}/carts/current`)
        assertProblem(await as(token)('POST', `${CLASSIC}/carts/load`, { number: cart.number }), 409, 'cart_closed')
      })

      test('where a shop has one cart per owner, another one, selecting and forgetting are refused and change nothing', async () => {
        const { token, cart } = await guest()
        const was = await contentOfTables(reader)
        assertProblem(await as(token)('POST', `${DEMO}/carts`, { new: true }), 409, 'multiple_carts_off')
        assertProblem(await as()('POST', `${DEMO}/carts`, { new: true }), 409, 'multiple_carts_off')
        assertProblem(await as(token)('POST', `${DEMO}/carts/${cart.id}/select`), 409, 'multiple_carts_off')
        assertProblem(await as(token)('POST', `${DEMO}/carts/current/forget`), 409, 'multiple_carts_off')
        assert.deepEqual(await contentOfTables(reader), was)
      })

      test('a wish list is a cart of its own type beside the shopping cart', async () => {
        const me = as(await account('wisher'))
        const wish = expect2xx(await me('POST', `${SERVICE}/carts/current/lines?type=wishlist`, { sku: 'MUG-INK' })).body.cart
        const shopping = expect2xx(await me('POST', `${SERVICE}/carts/current/lines`, { sku: 'MUG-MOSS' })).body.cart
        assert.deepEqual([wish.type, shopping.type, wish.isCurrent, shopping.isCurrent], ['wishlist', 'shopping', true, true])
        assert.equal((await me('GET', `${SERVICE}/carts/current?type=wishlist`)).body.id, wish.id)
        assertProblem(await me('GET', `${SERVICE}/carts/current?type=other`), 422, 'invalid')
      })

      test('an owner has at most 50 open carts, and a repeated key begins one', async () => {
        const me = as(await account('collector'))
        const headers = { 'idempotency-key': randomUUID() }
        const twice = await atOnce(4, () => me('POST', `${CLASSIC}/carts`, { new: true }, headers))
        assert.equal(new Set(twice.map((answer) => answer.body.cart.id)).size, 1, told(twice[1]))
        for (let index = 1; index < 50; index++) expect2xx(await me('POST', `${CLASSIC}/carts`, { new: true }))
        const was = await contentOfTables(reader)
        for (const [path, body] of [
          [`${CLASSIC}/carts`, { new: true }],
          [`${CLASSIC}/carts/current/forget`, undefined],
        ] as const) {
          const refused = await me('POST', path, body)
          assertProblem(refused, 422, 'invalid')
          assert.equal(refused.body.reason, 'too_many_open_carts')
        }
        assert.deepEqual(await contentOfTables(reader), was)
      })

      test('staff switches for a customer, which the audit tells', async () => {
        const me = as(await account('helped'))
        const first = expect2xx(await me('POST', `${CLASSIC}/carts/current/lines`, { sku: 'MUG-INK' })).body.cart
        await me('POST', `${CLASSIC}/carts`, { new: true })
        const staff = await key('staff', ['carts:write'], CLASSIC)
        const selected = await as(staff.token)('POST', `${CLASSIC}/carts/${first.id}/select?account=demo:helped`)
        assert.equal(selected.status, 200, told(selected))
        assert.equal((await me('GET', `${CLASSIC}/carts/current`)).body.id, first.id)
        const [entry] = (await admin('GET', `${CLASSIC}/audit?limit=1`)).body.items
        assert.deepEqual([entry.action, entry.actor, entry.subject], ['cart.selected', `staff:${staff.id}`, first.id])
        assertProblem(await as(staff.token)('POST', `${CLASSIC}/carts/${first.id}/select?account=demo:other`), 404, 'cart_not_found')
      })

      test('an order of `current` is of the current cart', async () => {
        const token = await account('orderer')
        const me = as(token)
        const details = { email: 'o@example.com', shippingAddress: ADDRESS, shippingMethod: 'standard' }
        for (const sku of ['MUG-INK', 'MUG-MOSS', 'MUG-STONE']) {
          expect2xx(await me('POST', `${CLASSIC}/carts`, { new: true, lines: [{ sku }] }))
          await me('PATCH', `${CLASSIC}/carts/current`, details)
        }
        const middle = (await me('GET', `${CLASSIC}/carts`)).body.items[1]
        await me('POST', `${CLASSIC}/carts/${middle.id}/select`)
        const ordered = await me('POST', `${CLASSIC}/orders`, { cartId: 'current', expectedTotal: 1_000_000 })
        assert.deepEqual([ordered.status, ordered.body.order.cartId], [201, middle.id], told(ordered))
      })
    })

    describe(`items of an old cart on ${dialect}`, () => {
      test('SEED4-77 chosen items of a former cart are added to the current one, with a result for each', async () => {
        const { token, cart } = await guest()
        const me = as(token)
        const lines = [
          { sku: 'MUG-INK', quantity: 2, options: { gift: true }, note: 'blue' },
          { sku: 'MUG-MOSS', quantity: 3 },
        ]
        const old = expect2xx(await me('POST', `${DEMO}/carts/current/lines`, { lines })).body.cart
        await me('DELETE', `${DEMO}/carts/current`)
        expect2xx(await me('POST', `${DEMO}/carts/current/lines`, { sku: 'MUG-MOSS' }))
        const chosen = old.lines.filter((line: { sku: string }) => line.sku !== 'MUG-STONE').map((line: { id: string }) => line.id)
        const copied = await me('POST', `${DEMO}/carts/current/lines/copy`, { from: cart.number, lines: [...chosen, 'ln_gone'] })
        assert.equal(copied.status, 200, told(copied))
        assert.deepEqual(skusOf(copied.body.cart), ['2 MUG-INK', '4 MUG-MOSS'])
        const results = copied.body.results.map(({ index, ok, code }: { index: number; ok: boolean; code?: string }) => [
          index,
          ok,
          code ?? null,
        ])
        assert.deepEqual(results, [
          [0, true, null],
          [1, true, null],
          [2, false, 'line_not_found'],
        ])
        const ink = copied.body.cart.lines.find((line: { sku: string }) => line.sku === 'MUG-INK')
        assert.deepEqual([ink.options, ink.note], [{ gift: true }, 'blue'])
        assert.ok(!chosen.includes(ink.id), 'a line of another cart has another id')
        assertProblem(await me('POST', `${DEMO}/carts/current/lines/copy`, { from: copied.body.cart.id }), 422, 'invalid')
      })

      test('SEED4-77 all items of an ordered cart are bought again; what is not sold any more is told', async () => {
        const token = await account(`again-${dialect}`)
        const me = as(token)
        const sku = `GONE-${dialect}`
        expect2xx(await admin('PUT', `${DEMO}/products/gone`, product('gone', sku, 100)))
        const { cart } = expect2xx(
          await me('POST', `${DEMO}/carts/current/lines`, { lines: [{ sku }, { sku: 'MUG-INK', quantity: 2 }] }),
        ).body
        await me('DELETE', `${DEMO}/carts/current`)
        expect2xx(await admin('PUT', `${DEMO}/products/gone`, { ...product('gone', sku, 100), published: false }))
        const copied = await me('POST', `${DEMO}/carts/current/lines/copy`, { from: cart.id })
        assert.equal(copied.status, 201, told(copied))
        assert.deepEqual(skusOf(copied.body.cart), ['2 MUG-INK'])
        assert.deepEqual([copied.body.results[0].code, copied.body.results[0].detail.path], ['unavailable', '/lines/0'])
      })

      test('SEED4-77 prices of a server’s own are copied by who may set prices; for others lines are priced by the catalogue and inline items refused', async () => {
        const token = await account(`deals-${dialect}`)
        const server = await key('server', ['carts:write', 'carts:custom_prices'])
        const clerk = await key('server', ['carts:write'])
        const at = `?account=demo:deals-${dialect}`
        const priced = [{ sku: 'MUG-INK', unitPrice: 100 }, { inline: { name: 'Engraving', unitPrice: 700, taxCategory: 'standard' } }]
        const { cart } = expect2xx(await as(server.token)('POST', `${DEMO}/carts/current/lines${at}`, { lines: priced })).body
        const prices = (answer: Answer) =>
          answer.body.cart.lines.map((line: { name: string; unitPrice: { amount: number }; priceSource: string }) => [
            line.unitPrice.amount,
            line.priceSource,
          ])
        for (const [who, expected] of [
          [token, null],
          [clerk.token, null],
          [
            server.token,
            [
              [100, 'external'],
              [700, 'inline'],
            ],
          ],
        ] as const) {
          await as(token)('DELETE', `${DEMO}/carts/current`)
          const copied = await as(who)('POST', `${DEMO}/carts/current/lines/copy${at}`, { from: cart.id })
          assert.equal(copied.status, 201, told(copied))
          if (expected) assert.deepEqual(prices(copied), expected)
          else {
            assert.deepEqual(
              prices(copied).map(([, source]: [number, string]) => source),
              ['catalog'],
            )
            assert.notEqual(prices(copied)[0][0], 100)
            assert.equal(copied.body.results[1].code, 'custom_price_forbidden')
          }
        }
      })
    })

    describe(`the audit on ${dialect}`, () => {
      test('a change of settings is written down with who, before and after, without the secrets of issuers', async () => {
        const staff = await key('staff', ['settings:write'])
        const issuers = [
          { name: 'demo', iss: 'https://demo.cartwright.invalid', aud: 'x', algorithms: ['HS256'], secret: `top-secret-${'s'.repeat(40)}` },
        ]
        const before = (await admin('GET', `${SERVICE}/settings`)).body
        expect2xx(await admin('PATCH', `${SERVICE}/settings`, { access: { issuers }, lines: { max: 77 } }))
        assertProblem(await as(staff.token)('PATCH', `${SERVICE}/settings`, { lines: { max: 78 } }), 401, 'invalid_token')
        const [entry] = (await admin('GET', `${SERVICE}/audit?limit=1`)).body.items
        assert.deepEqual([entry.action, entry.actor, entry.subject], ['settings.changed', 'server:admin', 'service'])
        assert.deepEqual([entry.before.lines, entry.after.lines], [{ max: before.lines.max }, { max: 77 }])
        assert.equal(entry.after.access.issuers[0].hasSecret, true)
        const kept = JSON.stringify(await reader.db.selectFrom('audit').selectAll().execute())
        assert.ok(!kept.includes('top-secret'))
        assertProblem(await as(staff.token)('GET', `${DEMO}/audit`), 403, 'missing_scope')
      })

      test('a refused change writes nothing, and pages follow each other without a gap', async () => {
        const was = await rowsIn(reader, 'audit')
        assertProblem(await admin('PATCH', `${DEMO}/settings`, { restore: { tokenTtl: 'soon' } }), 422, 'invalid')
        assert.deepEqual(await rowsIn(reader, 'audit'), was)
        for (const max of [401, 402, 403]) expect2xx(await admin('PATCH', `${DEMO}/settings`, { lines: { max } }))
        const all = (await admin('GET', `${DEMO}/audit?limit=200`)).body.items as { id: string; after: unknown }[]
        assert.deepEqual(
          all.slice(0, 3).map((entry) => entry.after),
          [{ lines: { max: 403 } }, { lines: { max: 402 } }, { lines: { max: 401 } }],
        )
        const paged: string[] = []
        for (let after: string | null = ''; after !== null; ) {
          const { body }: Answer = await admin('GET', `${DEMO}/audit?limit=2${after ? `&after=${after}` : ''}`)
          paged.push(...body.items.map((entry: { id: string }) => entry.id))
          after = body.next
        }
        assert.deepEqual(
          paged,
          all.map((entry) => entry.id),
        )
      })
    })
  })
