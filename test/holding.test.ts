// Stock that is kept from others from the cart on (`inventory.reserve` = cart): nobody is blocked by what is their own, nothing is promised twice,
// holds end by time, and one owner cannot hold everything. On both databases, with 50 at once.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ADMIN, atOnce, caller, DIALECTS, freshDatabase, startTestServer } from './harness.ts'
import { ADDRESS } from './http-probe.ts'
import { expect2xx, login } from './nodes.ts'
import { type Call, linesOf, payFor, shown, told, ware } from './presets/shop.ts'

const LINES = '/carts/current/lines'
const READY = { email: 'robin@example.com', shippingAddress: ADDRESS }

for (const dialect of DIALECTS) {
  describe(`carts that hold their stock on ${dialect}`, async () => {
    const databaseUrl = await freshDatabase(dialect)
    const server = await startTestServer(databaseUrl)
    const { issuers } = await server.engine.facts.shop('demo').then((shop) => shop?.settings.access ?? { issuers: [] })
    let made = 0

    /** A fresh shop in which carts hold; `onHand` of each of these skus. */
    async function shopWith(onHand: Readonly<Record<string, number>>, inventory: object = {}) {
      const id = `holding-${++made}`
      expect2xx(await caller(server.url, ADMIN)('POST', '/v1/shops', { id, name: id, currency: 'USD' }))
      const base = `${server.url}/v1/shops/${id}`
      const admin = caller(base, ADMIN)
      expect2xx(await admin('PATCH', '/settings', { cart: { multiple: true }, inventory: { reserve: 'cart', ...inventory } }))
      const products = Object.entries(onHand).map(([sku, count]) => ware(sku, {}, { stockPolicy: 'deny', onHand: count }))
      assert.equal(expect2xx(await admin('POST', '/products/import', { products })).body.refusedCount, 0)
      const held = async (sku: string) => {
        const rows = await server.engine.store.reader.db
          .selectFrom('reservations')
          .select(['quantity', 'expires_at'])
          .where('shop_id', '=', id)
          .where('sku', '=', sku)
          .execute()
        return rows.filter((row) => row.expires_at > server.engine.clock.now()).reduce((sum, row) => sum + row.quantity, 0)
      }
      return { id, base, admin, nobody: caller(base), held }
    }

    type Shop = Awaited<ReturnType<typeof shopWith>>

    async function guestWith(shop: Shop, ...lines: readonly { sku: string; quantity?: number }[]) {
      const { token, cart } = expect2xx(await shop.nobody('POST', LINES, { lines })).body
      const call: Call = caller(shop.base, token)
      return { call, id: cart.id as string, token: token as string, cart }
    }

    const advance = async (duration: string) => void expect2xx(await caller(server.url)('POST', '/v1/demo/clock', { advance: duration }))

    test('SEED0-43 of 50 who add the last 7 pieces at once exactly 7 get one, and none of them loses it while ordering', async () => {
      const shop = await shopWith({ LAST: 7 }, { onAdd: 'reject' })
      const answers = await atOnce(50, () => shop.nobody('POST', LINES, { sku: 'LAST' }))
      const won = answers.filter(({ status }) => status === 201)
      assert.equal(won.length, 7, answers.map(told).join(', '))
      assert.deepEqual([...new Set(answers.filter(({ status }) => status !== 201).map(told))], ['409 insufficient_stock'])
      assert.equal(await shop.held('LAST'), 7)
      const ordered = await Promise.all(
        won.map(async ({ body }) => {
          const call = caller(shop.base, body.token)
          expect2xx(await call('PATCH', '/carts/current', READY))
          return payFor(call, expect2xx(await call('POST', '/orders', { cartId: body.cart.id })).body)
        }),
      )
      assert.equal(ordered.length, 7)
      assert.deepEqual([(await shop.admin('GET', '/stock/LAST')).body.onHand, await shop.held('LAST')], [0, 0])
    })

    test('where the rest is given instead, 20 who want 3 of 10 get 10 together', async () => {
      const shop = await shopWith({ FEW: 10 })
      const answers = await atOnce(20, () => shop.nobody('POST', LINES, { sku: 'FEW', quantity: 3 }))
      const got = answers.flatMap(({ status, body }) => (status < 300 ? (body.cart.lines[0]?.quantity ?? 0) : 0))
      assert.equal(
        got.reduce((sum, each) => sum + each, 0),
        10,
        answers.map(told).join(', '),
      )
      assert.equal(await shop.held('FEW'), 10)
    })

    test('one’s own hold blocks nobody: more, less, the same again, another attempt to pay with the last piece', async () => {
      const shop = await shopWith({ LAST: 3 }, { onAdd: 'reject' })
      const { call, id, cart } = await guestWith(shop, { sku: 'LAST', quantity: 2 })
      expect2xx(await call('POST', LINES, { sku: 'LAST' }))
      assert.equal(told(await call('POST', LINES, { sku: 'LAST' })), '409 insufficient_stock')
      assert.equal(await shop.held('LAST'), 3)
      expect2xx(await call('PATCH', `${LINES}/${cart.lines[0].id}`, { quantity: 1 }))
      assert.equal(await shop.held('LAST'), 1)
      expect2xx(await call('PATCH', `${LINES}/${cart.lines[0].id}`, { quantity: 3 }))
      expect2xx(await call('PATCH', '/carts/current', READY))
      const first = expect2xx(await call('POST', '/orders', { cartId: id })).body
      assert.equal(await shop.held('LAST'), 3, 'the order holds in place of the cart')
      expect2xx(await call('POST', `/orders/${first.order.id}/cancel`))
      expect2xx(await call('PATCH', '/carts/current', { note: 'still here' }))
      assert.equal(await shop.held('LAST'), 3)
      await payFor(call, expect2xx(await call('POST', '/orders', { cartId: id })).body)
      assert.equal(await shop.held('LAST'), 0)
    })

    test('what leaves the cart is free at once: removed, cleared, deleted', async () => {
      const shop = await shopWith({ A: 5, B: 5 })
      const { call, cart } = await guestWith(shop, { sku: 'A', quantity: 2 }, { sku: 'B', quantity: 2 })
      expect2xx(await call('DELETE', `${LINES}/${cart.lines[0].id}`))
      assert.deepEqual([await shop.held('A'), await shop.held('B')], [0, 2])
      expect2xx(await call('DELETE', LINES))
      assert.equal(await shop.held('B'), 0)
      expect2xx(await call('POST', LINES, { sku: 'A' }))
      expect2xx(await call('DELETE', '/carts/current'))
      assert.equal(await shop.held('A'), 0)
    })

    test('a hold ends its time after the last change of the cart, and the next change takes what is left', async () => {
      const shop = await shopWith({ A: 2 }, { holdTtl: 'PT10M', onAdd: 'reject' })
      const { call } = await guestWith(shop, { sku: 'A', quantity: 2 })
      await advance('PT9M')
      expect2xx(await call('PATCH', '/carts/current', { note: 'thinking' }))
      await advance('PT9M')
      assert.equal(told(await shop.nobody('POST', LINES, { sku: 'A' })), '409 insufficient_stock')
      await advance('PT1M1S')
      const quick = await guestWith(shop, { sku: 'A' })
      expect2xx(await call('PATCH', '/carts/current', { ...READY }))
      assert.equal(await shop.held('A'), 2, 'one each')
      assert.equal(told(await call('POST', '/orders', { cartId: 'current' })), '409 insufficient_stock')
      assert.equal(shown(quick.cart)[0], 'A × 1')
    })

    test('a part that is ordered leaves the rest held, and what is added while paying is held for the cart that goes on', async () => {
      const shop = await shopWith({ A: 4, B: 4 })
      const { call, id, cart } = await guestWith(shop, { sku: 'A', quantity: 2 }, { sku: 'B', quantity: 3 })
      expect2xx(await call('PATCH', '/carts/current', READY))
      const part = expect2xx(await call('POST', '/orders', { cartId: id, lines: [cart.lines[0].id] })).body
      assert.deepEqual([await shop.held('A'), await shop.held('B')], [2, 3])
      await payFor(call, part)
      assert.deepEqual([await shop.held('A'), await shop.held('B')], [0, 3])
      const whole = expect2xx(await call('POST', '/orders', { cartId: id })).body
      expect2xx(await call('POST', LINES, { sku: 'A' }))
      await payFor(call, whole)
      assert.deepEqual([await shop.held('A'), await shop.held('B')], [1, 0])
      assert.deepEqual(await linesOf(call), ['A × 1'])
      expect2xx(await call('DELETE', LINES))
      assert.equal(await shop.held('A'), 0, 'the cart that goes on has it')
    })

    test('another part takes the place of an unpaid one, and everything stays held once', async () => {
      const shop = await shopWith({ A: 4, B: 4 })
      const { call, id, cart } = await guestWith(shop, { sku: 'A', quantity: 2 }, { sku: 'B', quantity: 3 })
      expect2xx(await call('PATCH', '/carts/current', READY))
      for (const line of cart.lines) expect2xx(await call('POST', '/orders', { cartId: id, lines: [line.id] }))
      assert.deepEqual([await shop.held('A'), await shop.held('B')], [2, 3])
    })

    test('a guest who logs in brings the last pieces along', async () => {
      const shop = await shopWith({ LAST: 3 }, { onAdd: 'reject' })
      expect2xx(await shop.admin('PATCH', '/settings', { access: { issuers } }))
      const guest = await guestWith(shop, { sku: 'LAST', quantity: 2 })
      const account = caller(shop.base, await login(server.url, `holder-${dialect}`))
      expect2xx(await account('POST', LINES, { sku: 'LAST' }))
      const merged = expect2xx(await account('POST', '/carts/current/merge', { carts: [{ id: guest.id, token: guest.token }] })).body
      assert.deepEqual(shown(merged.cart), ['LAST × 3'])
      assert.equal(await shop.held('LAST'), 3)
      expect2xx(await account('PATCH', '/carts/current', READY))
      await payFor(account, expect2xx(await account('POST', '/orders', { cartId: 'current' })).body)
      assert.equal(await shop.held('LAST'), 0)
    })

    test('50 carts of one owner hold no more of a sku than the shop says, and others still find it', async () => {
      const shop = await shopWith({ MANY: 100 }, { holdMaxPerOwner: 12, onAdd: 'reject' })
      const owner = (method: string, path: string, body?: unknown) => shop.admin(method, `${path}?account=hoarder`, body)
      for (let index = 0; index < 50; index++) {
        expect2xx(await owner('POST', '/carts', { new: true }))
        expect2xx(await owner('POST', LINES, { sku: 'MANY', quantity: 2 }))
      }
      assert.equal(await shop.held('MANY'), 12)
      const other = await guestWith(shop, { sku: 'MANY', quantity: 12 })
      assert.deepEqual(shown(other.cart), ['MANY × 12'])
      assert.equal(await shop.held('MANY'), 24)
    })

    test('parts of bundles are held with them, and gifts with what they are given with', async () => {
      const shop = await shopWith({ CUP: 4, SPOON: 9 }, { onAdd: 'reject' })
      const set = ware('SET', { kind: 'bundle' }, { parts: [{ sku: 'CUP', quantity: 2 }] })
      assert.equal(expect2xx(await shop.admin('POST', '/products/import', { products: [set] })).body.refusedCount, 0)
      const gift = {
        name: 'Spoon',
        conditions: [{ kind: 'lines', of: { skus: ['SET'] } }],
        benefit: { kind: 'gift', sku: 'SPOON', quantity: 1 },
      }
      expect2xx(await shop.admin('POST', '/promotions', gift))
      const { call } = await guestWith(shop, { sku: 'SET', quantity: 2 })
      assert.deepEqual([await shop.held('CUP'), await shop.held('SPOON')], [4, 1])
      assert.equal(told(await shop.nobody('POST', LINES, { sku: 'CUP' })), '409 insufficient_stock')
      expect2xx(await call('DELETE', LINES))
      assert.deepEqual([await shop.held('CUP'), await shop.held('SPOON')], [0, 0])
    })

    test('two servers at once, adding, changing and ordering in every order: nothing is promised twice, nobody waits for ever', async () => {
      const other = await startTestServer(databaseUrl)
      const skus = ['P', 'Q', 'R', 'S']
      const shop = await shopWith(Object.fromEntries(skus.map((sku) => [sku, 12])), { onAdd: 'clamp' })
      const bases = [server, other].map(({ url }) => `${url}/v1/shops/${shop.id}`)
      const refused = new Set<string>()
      const sold = await atOnce(40, async (index) => {
        const base = bases[index % 2] ?? ''
        const turned = [...skus.slice(index % 4), ...skus.slice(0, index % 4)]
        const made = await caller(base)('POST', LINES, { lines: turned.map((sku) => ({ sku, quantity: 2 })) })
        if (made.status >= 300) {
          refused.add(told(made))
          return 0
        }
        const call = caller(bases[(index + 1) % 2] ?? '', made.body.token)
        const steps = [() => call('PATCH', '/carts/current', READY), () => call('POST', LINES, { sku: turned[0] })]
        for (const answer of await Promise.all(steps.map((step) => step()))) if (answer.status >= 300) refused.add(told(answer))
        const ordered = await call('POST', '/orders', { cartId: made.body.cart.id })
        if (ordered.status >= 300) {
          refused.add(told(ordered))
          return 0
        }
        return ordered.body.order.lines.reduce((sum: number, line: { quantity: number }) => sum + line.quantity, 0) as number
      })
      for (const code of refused) assert.match(code, /^409 (insufficient_stock|cart_empty|price_changed)$/)
      for (const sku of skus) assert.ok((await shop.held(sku)) <= 12, sku)
      assert.ok(sold.reduce((sum, each) => sum + each, 0) > 0)
      const orders = await server.engine.store.reader.db
        .selectFrom('orders')
        .select(['document'])
        .where('shop_id', '=', shop.id)
        .where('state', '=', 'NEW')
        .execute()
      const wanted = new Map<string, number>()
      for (const { document } of orders)
        for (const { sku, quantity } of (JSON.parse(document) as { lines: { sku: string; quantity: number }[] }).lines)
          wanted.set(sku, (wanted.get(sku) ?? 0) + quantity)
      for (const [sku, count] of wanted) assert.ok(count <= 12, `${sku}: ${count}`)
    })

    test('50 carts that change at once cost a bounded number of statements more, and none in shops whose carts hold nothing', async () => {
      const shop = await shopWith({ A: 1000 })
      const owners = Array.from({ length: 50 }, (_, index) => ({ kind: 'account' as const, accountId: `cost-${index}` }))
      const note = (text: string) =>
        atOnce(50, (index) =>
          server.engine.carts.change({
            name: 'test',
            by: 'account',
            shopId: shop.id,
            cart: 'current',
            owner: owners[index] ?? null,
            all: false,
            creates: true,
            decide: (cart) => ({ cart: { ...cart, note: text } }),
          }),
        )
      await atOnce(50, (index) => shop.admin('POST', `${LINES}?account=cost-${index}`, { sku: 'A' }))
      assert.equal(await shop.held('A'), 50)
      await server.engine.jobs.stop()
      const countOf = async (text: string) => {
        const before = server.engine.store.statements()
        await note(text)
        return server.engine.store.statements() - before
      }
      await note('first')
      const holding = await countOf('second')
      expect2xx(await shop.admin('PATCH', '/settings', { inventory: { reserve: 'checkout' } }))
      await note('third')
      const plain = await countOf('fourth')
      console.log(`  statements for 50 carts at once: ${plain}, ${holding} where they hold their stock`)
      assert.equal(plain, dialect === 'sqlite' ? 53 : 2)
      // Lock, read, give back, hold; BEGIN and COMMIT where one statement had neither; stock read for advice.
      assert.ok(holding - plain <= 8, `${holding} and ${plain}`)
    })
  })
}
