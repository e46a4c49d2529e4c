// Who ordered without an account finds the order, keeps it, and buys it again; and nobody else does. Promised on both databases, over real HTTP, with a
// real mail server.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import { SignJWT } from 'jose'
import { readSmtpUrl } from '../src/providers/smtp.ts'
import { ADMIN, type Answer, atOnce, caller, eventually, freshDatabase, mainlyOn, startTestServer } from './harness.ts'
import { ADDRESS, assertProblem, contentOfTables } from './http-probe.ts'
import { expect2xx } from './nodes.ts'
import { payFor, ware } from './presets/shop.ts'
import { startMailServer } from './smtp.ts'

const SECRET = 'guests-orders-guests-orders-guests-orders'
const ISSUER = { name: 'app', iss: 'https://id.example', aud: 'shop', algorithms: ['HS256'], secret: SECRET, emailClaim: 'email' }
const VERIFYING = { ...ISSUER, emailVerifiedClaim: 'email_verified' }
const READY = { shippingAddress: ADDRESS }
const ORDER_URL = 'https://fern.example/orders/{order}#token={token}'

/** Tables that webhooks write to by themselves, for whatever happened before. */
const DELIVERING = { deliveries: null, delivery_attempts: null, endpoints: null }

let made = 0
const unique = (name: string) => `${name}-${++made}`

for (const dialect of mainlyOn('sqlite'))
  describe(`guests' orders on ${dialect}`, async () => {
    const mails = await startMailServer()
    const smtp = readSmtpUrl(mails.url) ?? assert.fail(mails.url)
    const server = await startTestServer(await freshDatabase(dialect), { mail: { smtp } })
    const { engine } = server

    /** A shop with goods, whose accounts come with what their token claims. */
    async function shopWith(settings: object = {}) {
      const id = unique(`g${dialect}`)
      const base = `${server.url}/v1/shops/${id}`
      const admin = caller(base, ADMIN)
      expect2xx(await caller(server.url, ADMIN)('POST', '/v1/shops', { id, name: 'Fern', currency: 'USD' }))
      expect2xx(await admin('PATCH', '/settings', { access: { issuers: [VERIFYING] }, ...settings }))
      const wares = [ware('MUG'), ware('VASE')]
      assert.equal(expect2xx(await admin('POST', '/products/import', { products: wares })).body.refusedCount, 0)
      const account = async (name: string, claims: object = {}) => {
        const jwt = new SignJWT({ ...claims }).setProtectedHeader({ alg: 'HS256' }).setIssuer(ISSUER.iss).setAudience(ISSUER.aud)
        return caller(
          base,
          await jwt
            .setSubject(name)
            .setExpirationTime(Math.floor(engine.clock.now() / 1000) + 600)
            .sign(new TextEncoder().encode(SECRET)),
        )
      }
      const verified = (name: string, email: string) => account(name, { email, email_verified: true })
      const guest = async (lines: readonly object[] = [{ sku: 'MUG', quantity: 2 }]) => {
        const { token } = expect2xx(await caller(base)('POST', '/carts/current/lines', { lines })).body
        return { token: token as string, call: caller(base, token) }
      }
      /** An order as it is placed and paid. */
      const bought = async (call: ReturnType<typeof caller>, email: string) => {
        expect2xx(await call('PATCH', '/carts/current', { ...READY, email }))
        const cart = (await call('GET', '/carts/current')).body.id as string
        const headers = { 'idempotency-key': randomUUID() }
        const ordering = () => call('POST', '/orders', { cartId: cart }, headers)
        const answer = expect2xx(await ordering()).body
        return { order: await payFor(call, answer), token: answer.orderToken as string, ordering }
      }
      const buy = async (email: string, lines?: readonly object[]) => {
        const { token, call } = await guest(lines)
        return { ...(await bought(call, email)), call, guestToken: token }
      }
      const read = (token: string, order: string) => caller(base, token)('GET', `/orders/${order}`)
      const historyOf = async (order: string) => {
        const rows = await engine.store.reader.db
          .selectFrom('order_history')
          .selectAll()
          .where('order_id', '=', order)
          .orderBy('id')
          .execute()
        return rows.map(({ actor, entry }) => ({
          actor,
          ...(JSON.parse(entry) as { action: string; details: Record<string, unknown> | null }),
        }))
      }
      return { id, base, admin, account, verified, guest, buy, bought, read, historyOf, nobody: caller(base) }
    }

    describe('links', () => {
      test('SEED2-64 a link opens one order for reading, for the time that was asked for', async () => {
        const { buy, read, base } = await shopWith({ links: { orderUrl: ORDER_URL } })
        const one = await buy('one@example.com')
        const other = await buy('other@example.com')
        const { token, url, expiresAt } = expect2xx(await one.call('POST', `/orders/${one.order.id}/links`, { expiresIn: 'P2D' })).body
        assert.equal(url, `https://fern.example/orders/${one.order.id}#token=${token}`)
        const days = (Date.parse(expiresAt) - engine.clock.now()) / 86_400_000
        assert.ok(days > 1.99 && days <= 2, String(days))
        const shown = expect2xx(await read(token, one.order.id)).body
        assert.deepEqual([shown.id, shown.email, shown.billingAddress.city], [one.order.id, 'one@example.com', ADDRESS.city])
        assertProblem(await read(token, other.order.id), 404, 'order_not_found')
        const holder = caller(base, token)
        for (const [method, path] of [
          ['POST', `/orders/${one.order.id}/cancel`],
          ['POST', `/orders/${one.order.id}/links`],
          ['DELETE', `/orders/${one.order.id}/links`],
          ['POST', `/orders/${one.order.id}/reorder`],
          ['POST', '/orders/claim'],
          ['GET', '/orders'],
          ['GET', '/carts/current'],
        ] as const)
          assertProblem(await holder(method, path), 401, 'login_required')
      })

      test('SEED2-64 a link ends, and none is made for longer than the shop allows', async () => {
        const { buy, read } = await shopWith({ orders: { tokenTtl: 'P3D' } })
        const { call, order } = await buy('ends@example.com')
        const link = async (body?: object) => call('POST', `/orders/${order.id}/links`, body)
        for (const [expiresIn, reason] of [
          ['P4D', 'longer_than_the_shop_allows'],
          ['never', 'longer_than_the_shop_allows'],
          ['soon', 'not_a_duration'],
          ['PT0S', 'not_a_duration'],
        ] as const) {
          const refused = await link({ expiresIn })
          assertProblem(refused, 422, 'invalid')
          assert.deepEqual([refused.body.path, refused.body.reason], ['/expiresIn', reason])
        }
        const short = expect2xx(await link({ expiresIn: 'PT1H' })).body
        assert.equal(short.url, null, 'the shop named no page')
        const long = expect2xx(await link()).body
        expect2xx(await caller(server.url)('POST', '/v1/demo/clock', { advance: 'PT1H' }))
        assertProblem(await read(short.token, order.id), 401, 'invalid_token')
        expect2xx(await read(long.token, order.id))
      })

      test('SEED2-64 revoking kills every link that was made, also those of e-mails, and only this order’s; later ones work', async () => {
        const from = { name: 'Fern', address: 'shop@fern.example' }
        const { buy, read, historyOf, base } = await shopWith({ links: { orderUrl: ORDER_URL }, email: { from } })
        const email = `${unique('revoke')}@example.com`
        const { call, order, token } = await buy(email)
        const other = await buy('revoke-other@example.com')
        const link = expect2xx(await call('POST', `/orders/${order.id}/links`)).body.token
        const mailed = await eventually(async () => /#token=(ot_\S+)/.exec(mails.to(email)[0]?.text ?? '')?.[1])
        for (const each of [token, link, mailed]) expect2xx(await read(each, order.id))
        const key = { 'idempotency-key': randomUUID() }
        for (const isReplay of [false, true]) {
          const revoked = await call('DELETE', `/orders/${order.id}/links`, undefined, key)
          assert.deepEqual([revoked.status, revoked.headers.get('idempotency-replayed')], [204, isReplay ? 'true' : null])
        }
        for (const each of [token, link, mailed]) assertProblem(await read(each, order.id), 401, 'invalid_token')
        expect2xx(await read(other.token, other.order.id))
        const later = expect2xx(await call('POST', `/orders/${order.id}/links`)).body.token
        assert.match(later, /^ot_[0-9a-f]{32}_[0-9a-z]+-1_/)
        expect2xx(await read(later, order.id))
        for (const forged of [later.replace('-1_', '_'), later.replace('-1_', '-2_'), link.replace(/_([0-9a-z]+)_/, '_$1-1_')])
          assertProblem(await read(forged, order.id), 401, 'invalid_token')
        assert.equal((await historyOf(order.id)).at(-1)?.action, 'revoke_links')
        assert.equal(
          (await caller(base, ADMIN)('GET', `/orders/${order.id}`)).body.version,
          order.version,
          'the order itself did not change',
        )
      })

      test('the same key answers the same link, and no later one after it was revoked', async () => {
        const { buy, read } = await shopWith()
        const { call, order } = await buy('key@example.com')
        const key = { 'idempotency-key': randomUUID() }
        const first = expect2xx(await call('POST', `/orders/${order.id}/links`, { expiresIn: 'P1D' }, key)).body
        assert.deepEqual(expect2xx(await call('POST', `/orders/${order.id}/links`, { expiresIn: 'P1D' }, key)).body, first)
        expect2xx(await call('DELETE', `/orders/${order.id}/links`))
        const replayed = expect2xx(await call('POST', `/orders/${order.id}/links`, { expiresIn: 'P1D' }, key)).body
        assertProblem(await read(replayed.token, order.id), 401, 'invalid_token')
      })
    })

    describe('looking up', () => {
      const from = { name: 'Fern', address: 'shop@fern.example' }
      const LOOKUP = { links: { orderUrl: ORDER_URL }, email: { from, kinds: ['order_link'] } }

      test('SEED4-68 number, short number or reference with the e-mail address have a link sent there, and it opens the order', async () => {
        const { buy, nobody, base, historyOf } = await shopWith({ ...LOOKUP, orders: { referenceTemplate: 'F-{{ seq }}' } })
        for (const nameOf of [
          (order: Answer['body']) => order.number,
          (order: Answer['body']) => order.shortNumber,
          (order: Answer['body']) => ` ${order.reference.toLowerCase()} `,
        ]) {
          const email = `${unique('look')}@example.com`
          const { order } = await buy(email)
          const asked = { email: email.toUpperCase(), number: nameOf(order) }
          const answer = await nobody('POST', '/orders/lookup', asked)
          assert.deepEqual([answer.status, answer.body], [202, { sent: true }])
          const mail = await eventually(async () => mails.to(email)[0])
          assert.equal(mail.subject, `The link to your order ${order.reference}`)
          const [, id, token] = /orders\/(ord_\w+)#token=(ot_\S+)/.exec(mail.text ?? '') ?? []
          assert.equal(id, order.id)
          assert.equal(expect2xx(await caller(base, token)('GET', `/orders/${id}`)).body.reference, order.reference)
          const told = (await historyOf(order.id)).at(-1)
          assert.deepEqual([told?.action, told?.actor, told?.details?.kind], ['email', 'anonymous', 'order_link'])
        }
      })

      test('SEED4-68 an order that does not exist is answered like one that does, after the same time, and nothing is sent or written', async () => {
        const { buy, guest, nobody, id } = await shopWith(LOOKUP)
        const { order } = await buy('exists@example.com')
        const unpaid = await guest()
        expect2xx(await unpaid.call('PATCH', '/carts/current', { ...READY, email: 'unpaid@example.com' }))
        expect2xx(await unpaid.call('POST', '/orders', { cartId: 'current' }))
        const timed = async (body: object) => {
          const begun = performance.now()
          const { status, headers, body: said } = await nobody('POST', '/orders/lookup', body)
          const shape = [...headers.keys()].filter((each) => each !== 'date').join()
          return { shown: JSON.stringify([status, said, shape]), ms: performance.now() - begun }
        }
        const was = await contentOfTables(engine.store.reader)
        const absent = [
          await timed({ email: 'nobody@example.com', number: order.number }),
          await timed({ email: 'exists@example.com', number: 'F-999' }),
          await timed({ email: 'exists@example.com', number: order.number.slice(0, 6) }),
          await timed({ email: 'unpaid@example.com', number: '1' }),
        ]
        assert.deepEqual(await contentOfTables(engine.store.reader), was)
        const present = await timed({ email: 'exists@example.com', number: order.number })
        assert.deepEqual([...new Set([...absent, present].map(({ shown }) => shown))], [present.shown])
        for (const { ms } of [...absent, present]) assert.ok(ms >= 245, `${ms} ms`)
        const rows = await engine.store.reader.db.selectFrom('emails').selectAll().where('shop_id', '=', id).execute()
        assert.deepEqual(
          rows.map((row) => [row.kind, row.recipient]),
          [['order_link', 'exists@example.com']],
        )
      })

      test('asking often sends one e-mail, and is stopped for an address whether it has an order or not', async () => {
        const { buy, nobody, id } = await shopWith(LOOKUP)
        const { order } = await buy('often@example.com')
        for (const email of ['often@example.com', 'never@example.com']) {
          const answers = await atOnce(7, () => nobody('POST', '/orders/lookup', { email, number: order.number }))
          assert.deepEqual(answers.map(({ status }) => status).sort(), [202, 202, 202, 202, 202, 429, 429], email)
          const limited = answers.find(({ status }) => status === 429)
          assert.deepEqual([limited?.body.code, Number(limited?.headers.get('retry-after')) > 0], ['rate_limited', true])
        }
        const rows = await engine.store.reader.db.selectFrom('emails').select('id').where('shop_id', '=', id).execute()
        assert.equal(rows.length, 1)
      })

      test('a shop that sends no such e-mails answers the same and sends none', async () => {
        const { buy, nobody, id } = await shopWith({ email: { from, kinds: [] } })
        const { order } = await buy('silent@example.com')
        assert.equal((await nobody('POST', '/orders/lookup', { email: 'silent@example.com', number: order.number })).status, 202)
        assert.deepEqual(await engine.store.reader.db.selectFrom('emails').select('id').where('shop_id', '=', id).execute(), [])
      })
    })

    describe('claiming', () => {
      test('SEED4-68 an account with a verified address gets the orders that guests made with it, once, and the guest has them no more', async () => {
        const { buy, verified, read, historyOf, admin } = await shopWith()
        const seen = expect2xx(await admin('POST', '/webhooks', { url: 'http://127.0.0.1:9/', types: ['order.updated'] })).body.id
        const first = await buy('Robin@Example.com')
        const second = await buy('robin@example.com')
        assert.equal(expect2xx(await first.ordering()).body.order.id, first.order.id)
        const other = await buy('somebody@example.com')
        const robin = await verified('robin', 'robin@example.COM')
        assertProblem(await robin('GET', `/orders/${first.order.id}`), 404, 'order_not_found')
        const claimed = expect2xx(await robin('POST', '/orders/claim', {})).body
        assert.deepEqual(claimed, { claimed: [first.order.id, second.order.id].sort(), unclaimed: [], more: false })
        for (const { order, call, token, ordering } of [first, second]) {
          const owned = expect2xx(await robin('GET', `/orders/${order.id}`)).body
          assert.deepEqual(owned.owner, { kind: 'account', accountId: 'app:robin' })
          assert.equal(owned.version, order.version + 1)
          assertProblem(await call('GET', `/orders/${order.id}`), 404, 'order_not_found')
          assertProblem(await ordering(), 404, 'order_not_found')
          assert.equal(expect2xx(await read(token, order.id)).body.id, order.id, 'links work until they are revoked')
          const told = (await historyOf(order.id)).at(-1)
          assert.deepEqual([told?.action, told?.actor, told?.details], ['claim', 'account', { from: 'guest', to: 'app:robin' }])
        }
        assert.deepEqual((await robin('GET', '/orders')).body.items.length, 2)
        assert.deepEqual(expect2xx(await robin('POST', '/orders/claim')).body.claimed, [])
        expect2xx(await other.call('GET', `/orders/${other.order.id}`))
        const told = await engine.store.reader.db.selectFrom('deliveries').select('data').where('endpoint_id', '=', seen).execute()
        assert.equal(told.filter((row) => row.data.includes('app:robin')).length, 2)
        expect2xx(await robin('DELETE', `/orders/${first.order.id}/links`))
        assertProblem(await read(first.token, first.order.id), 401, 'invalid_token')
      })

      test('SEC-3 an address that nobody verified claims nothing, whichever way it is claimed', async () => {
        const { buy, account, verified, guest, admin } = await shopWith()
        const { order, token } = await buy('victim@example.com')
        const email = 'victim@example.com'
        const attackers = [
          await account('thief', { email }),
          await account('thief', { email, email_verified: false }),
          await account('thief', { email, email_verified: 'yes' }),
          await account('thief', { email, email_verified: 1 }),
          await account('thief', { mail: email, email_verified: true }),
          await account('thief', { email: [email], email_verified: true }),
        ]
        // What webhooks of other shops deliver goes on meanwhile.
        const content = async () => ({ ...(await contentOfTables(engine.store.reader)), ...DELIVERING })
        const was = await content()
        for (const thief of attackers) {
          assertProblem(await thief('POST', '/orders/claim', {}), 403, 'claim_forbidden')
          assertProblem(await thief('POST', '/orders/claim', { tokens: [token] }), 403, 'claim_forbidden')
          assertProblem(await thief('POST', '/orders/claim', { email }), 422, 'invalid')
        }
        const other = await verified('other', 'thief@example.com')
        assert.deepEqual(expect2xx(await other('POST', '/orders/claim', {})).body.claimed, [])
        const byToken = expect2xx(await other('POST', '/orders/claim', { tokens: [token] })).body
        assert.deepEqual(byToken, { claimed: [], unclaimed: [{ orderId: order.id, reason: 'another_email' }], more: false })
        assert.deepEqual(await content(), was)
        assertProblem(await (await guest()).call('POST', '/orders/claim', {}), 401, 'login_required')
        // A shop that maps no such claim trusts none.
        expect2xx(await admin('PATCH', '/settings', { access: { issuers: [ISSUER] } }))
        assertProblem(await (await verified('thief', email))('POST', '/orders/claim', {}), 403, 'claim_forbidden')
      })

      test('another spelling of the address needs the token of the order as well', async () => {
        const { buy, verified, guest } = await shopWith()
        const { order, token } = await buy('jo+shop@example.com')
        const jo = await verified('jo', 'jo@example.com')
        assert.deepEqual(expect2xx(await jo('POST', '/orders/claim', {})).body.claimed, [])
        const unpaid = await guest()
        expect2xx(await unpaid.call('PATCH', '/carts/current', { ...READY, email: 'jo@example.com' }))
        const waiting = expect2xx(await unpaid.call('POST', '/orders', { cartId: 'current' })).body
        const { claimed, unclaimed } = expect2xx(await jo('POST', '/orders/claim', { tokens: [token, waiting.orderToken] })).body
        assert.deepEqual([claimed, unclaimed], [[order.id], [{ orderId: waiting.order.id, reason: 'not_placed' }]])
        const again = await jo('POST', '/orders/claim', { tokens: [token] })
        assert.deepEqual(expect2xx(again).body, { claimed: [], unclaimed: [], more: false })
        const jo2 = await verified('jo2', 'jo@example.com')
        const late = expect2xx(await jo2('POST', '/orders/claim', { tokens: [token] })).body
        assert.deepEqual(late.unclaimed, [{ orderId: order.id, reason: 'not_a_guests_order' }])
        const broken = await jo('POST', '/orders/claim', { tokens: [waiting.orderToken, `${token.slice(0, -1)}x`] })
        assertProblem(broken, 410, 'link_invalid')
        assert.equal(broken.body.path, '/tokens/1')
      })

      test('of two accounts that claim at once each order goes to one, with one change', async () => {
        const { buy, verified, admin, historyOf } = await shopWith()
        const orders = [await buy('twin@example.com'), await buy('twin@example.com'), await buy('twin@example.com')]
        const twins = [await verified('twin-a', 'twin@example.com'), await verified('twin-b', 'twin@example.com')]
        const answers = await atOnce(10, (index) => (twins[index % 2] ?? assert.fail())('POST', '/orders/claim', {}))
        const claimed = answers.flatMap((answer) => expect2xx(answer).body.claimed as string[])
        assert.deepEqual(claimed.sort(), orders.map(({ order }) => order.id).sort())
        for (const { order } of orders) {
          assert.equal((await historyOf(order.id)).filter(({ action }) => action === 'claim').length, 1)
          assert.equal((await admin('GET', `/orders/${order.id}`)).body.version, order.version + 1)
        }
      })

      test('one request claims 200 orders at most and says that there are more, however many have another spelling', async () => {
        const { buy, verified, id } = await shopWith()
        const { order } = await buy('many@example.com')
        const { db } = engine.store.reader
        const [row] = await db.selectFrom('orders').selectAll().where('shop_id', '=', id).where('id', '=', order.id).execute()
        assert.ok(row)
        const copies = (count: number, email: string) =>
          Array.from({ length: count }, () => {
            const copy = engine.random.id('ord')
            const number = engine.random.number()
            const document = JSON.stringify({
              ...(JSON.parse(row.document) as object),
              id: copy,
              email,
              cartId: null,
              number,
              reference: null,
            })
            return { ...row, id: copy, cart_id: null, number, reference: null, email, document }
          })
        // The other spellings are older: they are looked at first.
        const others = copies(600, 'many+other@example.com').map((each) => ({ ...each, id: each.id.replace(/^ord_./, 'ord_0') }))
        await engine.store.transact(async (writer) => {
          for (const part of [others.slice(0, 300), others.slice(300), copies(204, 'many@example.com')])
            await writer.db.insertInto('orders').values(part).execute()
        })
        const many = await verified('many', 'many@example.com')
        const claims = []
        for (let more = true; more; more = claims.at(-1)?.more ?? false)
          claims.push(expect2xx(await many('POST', '/orders/claim', {})).body as { claimed: string[]; more: boolean })
        assert.deepEqual(
          claims.map(({ claimed, more }) => [claimed.length, more]),
          [
            [200, true],
            [5, false],
          ],
        )
        const left = await db.selectFrom('orders').select('email').where('shop_id', '=', id).where('owner', 'like', 'g:%').execute()
        assert.deepEqual([left.length, new Set(left.map(({ email }) => email)).size], [600, 1])
      })

      test('an order whose links were revoked is not answered to who repeats the request that made it without a token', async () => {
        const { base, admin } = await shopWith()
        const headers = { 'idempotency-key': randomUUID() }
        const body = { items: [{ sku: 'MUG' }], email: 'once@example.com' }
        const first = expect2xx(await caller(base)('POST', '/orders', body, headers)).body
        assert.equal(expect2xx(await caller(base)('POST', '/orders', body, headers)).body.orderToken, first.orderToken)
        expect2xx(await admin('DELETE', `/orders/${first.order.id}/links`))
        assertProblem(await caller(base)('POST', '/orders', body, headers), 404, 'order_not_found')
      })

      test('a claim under a key is done once; a key of the shop claims for an account whose address it verified', async () => {
        const { buy, admin, verified, id } = await shopWith()
        const { order } = await buy('server@example.com')
        const key = { 'idempotency-key': randomUUID() }
        const claim = () => admin('POST', '/orders/claim?account=app:sam', { email: 'server@example.com' }, key)
        const first = expect2xx(await claim())
        const second = expect2xx(await claim())
        assert.deepEqual([first.body.claimed, second.body], [[order.id], first.body])
        assert.equal(second.headers.get('idempotency-replayed'), 'true')
        const sam = await verified('sam', 'server@example.com')
        expect2xx(await sam('GET', `/orders/${order.id}`))
        assertProblem(await admin('POST', '/orders/claim', { email: 'server@example.com' }), 400, 'owner_required')
        assertProblem(await admin('POST', '/orders/claim?account=app:sam', {}), 422, 'invalid')
        const row = engine.store.reader.db.selectFrom('orders').selectAll().where('shop_id', '=', id).where('id', '=', order.id)
        assert.equal((await row.executeTakeFirstOrThrow()).owner, 'a:app:sam')
      })

      test('the uses of a promotion that a guest made count for the account from then on', async () => {
        const { guest, bought, verified, admin } = await shopWith()
        const promotion = {
          name: 'Once',
          perCustomer: { uses: 1, within: null },
          conditions: [{ kind: 'code' }],
          benefit: { kind: 'percent_off', percent: '10' },
        }
        const { id } = expect2xx(await admin('POST', '/promotions', promotion)).body
        expect2xx(await admin('POST', `/promotions/${id}/codes`, { code: 'ONCE' }))
        const { call } = await guest()
        expect2xx(await call('PATCH', '/carts/current', { email: 'uses@example.com' }))
        expect2xx(await call('POST', '/carts/current/codes', { code: 'ONCE' }))
        await bought(call, 'uses@example.com')
        const account = await verified('uses', 'uses@example.com')
        expect2xx(await account('POST', '/carts/current/lines', { sku: 'MUG' }))
        assert.equal(expect2xx(await account('POST', '/orders/claim', {})).body.claimed.length, 1)
        const redemptions = (await admin('GET', `/promotions/${id}/redemptions`)).body.items
        assert.deepEqual(
          redemptions.map((each: { account: string }) => each.account),
          ['app:uses'],
        )
      })

      test('a guest who logs in and merges the cart takes the orders along, with version, history and event', async () => {
        const { buy, account, historyOf } = await shopWith()
        const { order, guestToken, call } = await buy('merge@example.com')
        expect2xx(await call('POST', '/carts/current/lines', { sku: 'VASE' }))
        const cart = (await call('GET', '/carts/current')).body.id
        const robin = await account('merger')
        expect2xx(await robin('POST', '/carts/current/merge', { carts: [{ id: cart, token: guestToken }] }))
        assert.equal((await robin('GET', `/orders/${order.id}`)).body.version, order.version + 1)
        assert.equal((await historyOf(order.id)).at(-1)?.action, 'claim')
      })
    })
  })
