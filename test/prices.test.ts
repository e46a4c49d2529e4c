// Prices with terms over HTTP, on each database: how they are written and shown, when a stored price is another one by now, whose groups count, and
// what a server may set. Which of several prices applies is in test/pricing/prices.table and src/core/product.test.ts.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SignJWT } from 'jose'
import { type Answer, caller } from './harness.ts'
import { ADDRESS, assertProblem, contentOfTables } from './http-probe.ts'
import { expect2xx } from './nodes.ts'
import { type Call, presetShops, told, ware } from './presets/shop.ts'
import { openStream } from './streams.ts'

const LINES = '/carts/current/lines'
const SECRET = 'a secret of the tests that is long enough'
const ISSUER = { name: 'app', iss: 'https://id.example', aud: 'shop', algorithms: ['HS256'], secret: SECRET, groupsClaim: 'groups' }
const UNMAPPED = { name: 'plain', iss: 'https://plain.example', aud: 'shop', algorithms: ['HS256'], secret: SECRET }
const DAY_MS = 24 * 3_600_000

const usd = (amount: number, terms: object = {}) => ({ currency: 'USD', amount, ...terms })
const unitPrice = ({ body }: Answer) => (body.cart ?? body).lines[0]?.unitPrice.amount
const codesOf = ({ body }: Answer) => (body.cart ?? body).notices.map(({ code }: { code: string }) => code)

for (const shop of await presetShops('default')) {
  const { url, engine } = shop.server
  const base = `${url}/v1/shops/demo`
  await shop.settings({ access: { issuers: [ISSUER, UNMAPPED] } })
  let made = 0

  /** A product whose one variant has these prices; its sku. */
  async function sell(...prices: readonly object[]): Promise<string> {
    const sku = `P${++made}`
    await shop.products(ware(sku, {}, { prices }))
    return sku
  }

  /** A customer of an issuer, whose token tells these groups. */
  async function customer(name: string, groups?: unknown, issuer: { iss: string } = ISSUER): Promise<Call> {
    return caller(base, await tokenOf(name, groups, issuer))
  }

  function tokenOf(name: string, groups?: unknown, issuer: { iss: string } = ISSUER): Promise<string> {
    return new SignJWT(groups === undefined ? {} : { groups })
      .setProtectedHeader({ alg: 'HS256' })
      .setIssuer(issuer.iss)
      .setAudience('shop')
      .setSubject(name)
      .setExpirationTime(Math.floor(engine.clock.now() / 1000) + 400 * 24 * 3600)
      .sign(new TextEncoder().encode(SECRET))
  }

  const at = (ms: number) => new Date(engine.clock.now() + ms).toISOString()
  const name = () => `robin-${++made}`

  describe(`prices are written and shown (${shop.dialect})`, () => {
    test('with all their terms, in the order in which they were given, and writing them again changes nothing', async () => {
      const prices = [
        usd(1000, { listAmount: 1200 }),
        usd(900, { quantityFrom: 10, group: 'trade', startsAt: '2026-01-01T00:00:00.001Z', endsAt: '2099-12-31T23:59:59.999Z' }),
        { currency: 'EUR', amount: 950 },
      ]
      const input = ware('TERMS', {}, { prices })
      const written = expect2xx(await shop.admin('PUT', '/products/terms', input))
      assert.deepEqual(written.body.variants[0].prices, prices)
      assert.deepEqual((await shop.admin('GET', '/products/terms')).body.variants[0].prices, prices)
      const was = await contentOfTables(engine.store.reader)
      assert.equal((await shop.admin('PUT', '/products/terms', input)).status, 200)
      assert.deepEqual(await contentOfTables(engine.store.reader), was)
      const { body } = await shop.admin('POST', '/products/import', { products: [input] })
      assert.deepEqual([body.unchanged, body.refusedCount], [1, 0])
    })

    test('a time with another offset is the same moment', async () => {
      const input = ware('OFFSET', {}, { prices: [usd(1, { startsAt: '2026-06-01T12:00:00+02:00' })] })
      const { body } = expect2xx(await shop.admin('PUT', '/products/offset', input))
      assert.equal(body.variants[0].prices[0].startsAt, '2026-06-01T10:00:00.000Z')
    })

    test('SEED3-44 what cannot be meant is refused with its place: the same terms twice, an end before its beginning, a time that is none', async () => {
      const was = await contentOfTables(engine.store.reader)
      const refused = async (...prices: readonly object[]) => {
        const answer = await shop.admin('PUT', '/products/wrong', ware('WRONG', {}, { prices }))
        assert.equal(answer.status, 422, told(answer))
        const imported = await shop.admin('POST', '/products/import', { products: [ware('WRONG', {}, { prices })] })
        assert.equal(imported.body.refusedCount, 1)
        return [answer.body.path, answer.body.reason ?? answer.body.code]
      }
      const start = '2026-01-01T00:00:00Z'
      assert.deepEqual(await refused(usd(1), usd(2, { quantityFrom: 1 })), ['/variants/0/prices/1', 'price_twice'])
      assert.deepEqual(await refused(usd(1, { startsAt: start, endsAt: start })), ['/variants/0/prices/0/endsAt', 'not_after_startsAt'])
      assert.deepEqual(await refused(usd(1, { endsAt: '2016-12-31T23:59:60Z' })), ['/variants/0/prices/0/endsAt', 'not_a_time'])
      assert.deepEqual(await refused(usd(1), { currency: 'XXQ', amount: 1 }), ['/variants/0/prices/1/currency', 'currency_unknown'])
      for (const wrong of [
        { startsAt: 'tomorrow' },
        { startsAt: 5 },
        { group: '' },
        { group: 'x'.repeat(61) },
        { quantityFrom: 0 },
        { amount: -1 },
      ])
        await refused(usd(1, wrong))
      assert.deepEqual(await contentOfTables(engine.store.reader), was)
    })

    test('a shopper sees what could be paid today: not the prices of other groups, of what is over, or of what is still to come', async () => {
      const sku = await sell(
        usd(1000),
        usd(900, { quantityFrom: 10 }),
        usd(800, { group: 'trade' }),
        usd(700, { startsAt: at(DAY_MS) }),
        usd(600, { endsAt: at(-1000) }),
      )
      const amounts = async (call: Call) => {
        const one = expect2xx(await call('GET', `/products/${sku.toLowerCase()}`)).body
        for (let after = ''; ; ) {
          const { items, next } = expect2xx(await call('GET', `/products?limit=200${after}`)).body
          const listed = items.find((each: { handle: string }) => each.handle === sku.toLowerCase())
          if (listed) assert.deepEqual(listed, one)
          if (next === null) break
          after = `&after=${next}`
        }
        return one.variants[0].prices.map((price: { amount: number }) => price.amount)
      }
      assert.deepEqual(await amounts(shop.nobody), [1000, 900])
      assert.deepEqual(await amounts(await customer(name(), 'trade')), [1000, 900, 800])
      assert.deepEqual(await amounts(shop.admin), [1000, 900, 800, 700, 600])
    })
  })

  describe(`prices apply (${shop.dialect})`, () => {
    test('SEED1-19 SEED3-21 a price for ten counts from the tenth piece of all lines together, and nobody is told of a change that they made', async () => {
      const sku = await sell(usd(1000), usd(900, { quantityFrom: 10 }))
      const call = await customer(name())
      const { body } = expect2xx(await call('POST', LINES, { sku, quantity: 9 }))
      const line = `${LINES}/${body.cart.lines[0].id}`
      assert.equal(body.cart.total.amount, 9000)
      const ten = expect2xx(await call('POST', LINES, { sku, options: { Colour: 'red' } }))
      assert.deepEqual([ten.body.cart.total.amount, codesOf(ten)], [9000, []])
      const less = expect2xx(await call('PATCH', line, { quantity: 2 }))
      assert.deepEqual([less.body.cart.total.amount, codesOf(less)], [3000, []])
      await shop.products(ware(sku, {}, { prices: [usd(1100), usd(900, { quantityFrom: 10 })] }))
      const dearer = await call('GET', '/carts/current')
      assert.deepEqual([dearer.body.total.amount, codesOf(dearer)], [3300, ['price_increased']])
      assert.deepEqual([dearer.body.notices[0].params.from, dearer.body.notices[0].params.to], [1000, 1100])
    })

    test('a stored price is another one from the moment at which a price begins or ends, in the next read, and no read writes', async () => {
      const sku = await sell(usd(1000), usd(700, { startsAt: at(3_600_000), endsAt: at(2 * 3_600_000) }))
      const call = await customer(name())
      const { cart } = expect2xx(await call('POST', LINES, { sku })).body
      const seen = [cart.total.amount]
      const pricings = [cart.pricing]
      for (const duration of ['PT59M', 'PT2M', 'PT1H']) {
        await shop.advance(duration)
        const was = await contentOfTables(engine.store.reader)
        const { body } = await call('GET', '/carts/current')
        assert.deepEqual(await contentOfTables(engine.store.reader), was)
        assert.equal(body.version, cart.version)
        seen.push(body.total.amount)
        pricings.push(body.pricing)
      }
      assert.deepEqual(seen, [1000, 1000, 700, 1000])
      assert.deepEqual(
        pricings,
        pricings.toSorted((a, b) => a - b),
      )
      assert.equal(new Set(pricings).size, 3)
    })

    test('nothing is sold at no price: too few pieces are refused, and a line that lost its price is flagged and blocks ordering', async () => {
      const sku = await sell(usd(900, { quantityFrom: 10 }))
      const call = await customer(name())
      const few = await call('POST', LINES, { sku, quantity: 9 })
      assertProblem(few, 409, 'no_price')
      assert.equal(few.body.quantityFrom, 10)
      assertProblem(await call('PUT', LINES, { lines: [{ sku, quantity: 1 }] }), 409, 'no_price')
      assertProblem(await shop.nobody('POST', '/orders', { items: [{ sku, quantity: 1 }], email: 'r@example.com' }), 409, 'no_price')
      expect2xx(await call('POST', LINES, { sku, quantity: 10 }))
      await shop.products(ware(sku, {}, { prices: [usd(900, { quantityFrom: 20 })] }))
      const { body } = await call('GET', '/carts/current')
      assert.deepEqual([body.lines[0].state, body.lines[0].unitPrice.amount, body.total.amount], ['UNAVAILABLE', 900, 0])
      assert.match(body.notices[0].message, /no price in this currency for this quantity/)
      expect2xx(await call('PATCH', '/carts/current', { email: 'r@example.com' }))
      assertProblem(await call('POST', '/orders', { cartId: 'current' }), 409, 'line_unavailable')
    })

    test('lines of which only some are ordered cost what those cost by themselves, and more only with consent', async () => {
      const sku = await sell(usd(1000), usd(900, { quantityFrom: 10 }))
      const call = await customer(name())
      const lines = [
        { sku, quantity: 5 },
        { sku, quantity: 5, options: { Colour: 'red' } },
      ]
      const { cart } = expect2xx(await call('POST', LINES, { lines })).body
      assert.equal(cart.total.amount, 9000)
      expect2xx(await call('PATCH', '/carts/current', { email: 'r@example.com' }))
      const some = { cartId: cart.id, lines: [cart.lines[0].id] }
      assertProblem(await call('POST', '/orders', some), 409, 'price_changed')
      const { order } = expect2xx(await call('POST', '/orders', { ...some, expectedTotal: 5000 })).body
      assert.equal(order.total.amount, 5000)
    })
  })

  describe(`groups of customers (${shop.dialect})`, () => {
    test('are those that the token tells: they price the cart with the next command and stand in its history', async () => {
      const sku = await sell(usd(1000), usd(800, { group: 'trade' }))
      const call = await customer(name(), ['trade', 'press', 'trade'])
      const { cart } = expect2xx(await call('POST', LINES, { sku })).body
      assert.deepEqual([cart.customerGroups, cart.total.amount, cart.version], [['press', 'trade'], 800, 1])
      const { items } = expect2xx(await shop.admin('GET', `/carts/${cart.id}/history`)).body
      assert.deepEqual(
        items[0].changes.find((each: { path: string }) => each.path === '/customerGroups'),
        { path: '/customerGroups', before: [], after: ['press', 'trade'] },
      )
    })

    test('the same account with another token reads its own price without writing, everywhere, and the next command keeps it', async () => {
      const sku = await sell(usd(1000), usd(800, { group: 'trade' }))
      const who = name()
      const [trade, plain] = [await customer(who, 'trade'), await customer(who)]
      const { cart } = expect2xx(await trade('POST', LINES, { sku })).body
      const was = await contentOfTables(engine.store.reader)
      for (const [call, total] of [
        [plain, 1000],
        [trade, 800],
      ] as const) {
        assert.equal((await call('GET', '/carts/current')).body.total.amount, total)
        assert.equal((await call('GET', `/carts/${cart.id}`)).body.total.amount, total)
        assert.equal((await call('GET', '/carts')).body.items[0].total.amount, total)
        assert.equal((await call('GET', '/carts/current')).body.version, cart.version)
      }
      const streams = [await tokenOf(who), await tokenOf(who, 'trade')].map((token) => openStream(`${base}/carts/current/stream`, token))
      const [first, second] = await Promise.all(streams)
      assert.deepEqual([(await first?.next())?.data.total.amount, (await second?.next())?.data.total.amount], [1000, 800])
      for (const stream of [first, second]) stream?.close()
      assert.equal((await shop.admin('GET', `/carts/${cart.id}`)).body.total.amount, 800, 'a key tells none: what was told last counts')
      assert.deepEqual(await contentOfTables(engine.store.reader), was)
      const noted = expect2xx(await plain('PATCH', '/carts/current', { note: 'x' })).body.cart
      assert.deepEqual([noted.customerGroups, noted.total.amount, noted.version], [[], 1000, cart.version + 1])
    })

    test('an order costs what its own token says: with the group its price, and without it no more than was consented to', async () => {
      const sku = await sell(usd(1000), usd(800, { group: 'trade' }))
      const [first, second] = [name(), name()]
      const plain = await customer(first)
      expect2xx(await plain('POST', LINES, { sku }))
      expect2xx(await plain('PATCH', '/carts/current', { email: 'r@example.com' }))
      const { order } = expect2xx(await (await customer(first, 'trade'))('POST', '/orders', { cartId: 'current' })).body
      assert.deepEqual([order.total.amount, order.customerGroups], [800, ['trade']])
      const trade = await customer(second, 'trade')
      expect2xx(await trade('POST', LINES, { sku }))
      expect2xx(await trade('PATCH', '/carts/current', { email: 'r@example.com' }))
      const now = await customer(second)
      const changed = await now('POST', '/orders', { cartId: 'current' })
      assertProblem(changed, 409, 'price_changed')
      assert.equal(changed.body.cart.total.amount, 1000)
      assert.equal(expect2xx(await now('POST', '/orders', { cartId: 'current', expectedTotal: 1000 })).body.order.total.amount, 1000)
      const items = { items: [{ sku }], email: 'r@example.com' }
      assert.equal(expect2xx(await trade('POST', '/orders', items)).body.order.total.amount, 800)
    })

    test('a guest who logs in pays the price of the account and is told so', async () => {
      const sku = await sell(usd(1000), usd(800, { group: 'trade' }))
      const { token, cart } = expect2xx(await shop.nobody('POST', LINES, { sku })).body
      const merged = expect2xx(await (await customer(name(), 'trade'))('POST', '/carts/current/merge', { carts: [{ id: cart.id, token }] }))
      assert.deepEqual([merged.body.cart.customerGroups, merged.body.cart.total.amount], [['trade'], 800])
      assert.deepEqual(codesOf(merged), ['price_decreased'])
      const who = name()
      expect2xx(await (await customer(who))('POST', LINES, { sku }))
      const more = expect2xx(await shop.nobody('POST', LINES, { sku })).body
      const login = await customer(who, 'trade')
      const both = expect2xx(await login('POST', '/carts/current/merge', { carts: [{ id: more.cart.id, token: more.token }] }))
      assert.deepEqual([both.body.cart.customerGroups, both.body.cart.total.amount], [['trade'], 1600])
    })

    test('price a cart that is begun beside another one, and one that is made current again', async () => {
      await shop.settings({ cart: { multiple: true } })
      const sku = await sell(usd(1000), usd(800, { group: 'trade' }))
      const who = name()
      const [trade, plain] = [await customer(who, 'trade'), await customer(who)]
      const { cart } = expect2xx(await plain('POST', LINES, { sku })).body
      const begun = expect2xx(await trade('POST', '/carts', { new: true, lines: [{ sku }] })).body.cart
      assert.deepEqual([begun.customerGroups, begun.total.amount], [['trade'], 800])
      const selected = expect2xx(await trade('POST', `/carts/${cart.id}/select`)).body.cart
      assert.deepEqual([selected.id, selected.customerGroups, selected.total.amount], [cart.id, ['trade'], 800])
      assert.deepEqual((await shop.admin('GET', `/carts/${cart.id}`)).body.customerGroups, ['trade'], 'it is kept')
      await shop.settings({ cart: { multiple: false } })
    })

    test('a claim that is no text and no list of at most twenty short texts tells none', async () => {
      const sku = await sell(usd(1000), usd(800, { group: 'trade' }))
      const many = Array.from({ length: 20 }, (_, index) => `g${index}`)
      for (const [claim, total] of [
        ['trade', 800],
        [['trade'], 800],
        [[...many.slice(1), 'trade'], 800],
        [[...many, 'trade'], 1000],
        [['trade', 5], 1000],
        [['trade', 'x'.repeat(61)], 1000],
        [['trade', ''], 1000],
        [{ trade: true }, 1000],
        [null, 1000],
        [[], 1000],
      ] as const)
        assert.equal(unitPrice(expect2xx(await (await customer(name(), claim))('POST', LINES, { sku }))), total, JSON.stringify(claim))
    })

    test('of an issuer that maps no claim are those that a server set, and they stay', async () => {
      const sku = await sell(usd(1000), usd(800, { group: 'trade' }))
      const call = await customer(name(), ['trade'], UNMAPPED)
      const { cart } = expect2xx(await call('POST', LINES, { sku })).body
      assert.deepEqual([cart.customerGroups, cart.total.amount], [[], 1000])
      const set = expect2xx(await shop.admin('PATCH', `/carts/${cart.id}`, { customerGroups: ['trade'] })).body.cart
      assert.deepEqual([set.customerGroups, set.total.amount], [['trade'], 800])
      assert.equal(unitPrice(expect2xx(await call('PATCH', '/carts/current', { note: 'y' }))), 800)
    })

    test('are set by keys that may set prices, and by nobody else; a bad list changes nothing', async () => {
      const call = await shop.guest()
      const { id } = (await call('GET', '/carts/current')).body
      const { token } = expect2xx(await shop.admin('POST', '/api-keys', { name: 'plain', scopes: ['carts:read', 'carts:write'] })).body
      const account = await customer(name(), 'trade')
      expect2xx(await account('POST', LINES, { sku: 'MUG-STONE' }))
      const was = await contentOfTables(engine.store.reader)
      const groups = { customerGroups: ['trade'] }
      for (const [who, cart] of [
        [call, 'current'],
        [account, 'current'],
        [caller(base, token), id],
      ] as const) {
        const refused = await who('PATCH', `/carts/${cart}`, groups)
        assertProblem(refused, 403, 'missing_scope')
        assert.equal(refused.body.path, '/customerGroups')
        const step = await who('POST', `/carts/${cart}/commands`, { commands: [{ clear: {} }, { change: groups }] })
        assertProblem(step, 403, 'missing_scope')
        assert.equal(step.body.path, '/commands/1/change/customerGroups')
      }
      for (const wrong of ['trade', [''], ['x'.repeat(61)], [5], null, Array.from({ length: 21 }, (_, index) => `g${index}`)])
        assertProblem(await shop.admin('PATCH', `/carts/${id}`, { customerGroups: wrong }), 422)
      assert.deepEqual(await contentOfTables(engine.store.reader), was)
      const set = expect2xx(await shop.admin('POST', `/carts/${id}/commands`, { commands: [{ change: groups }] })).body.cart
      assert.deepEqual(set.customerGroups, ['trade'])
    })

    test('who restored a cart by a link gets no prices or codes of the groups of its owner, and takes none of them from the owner', async () => {
      const sku = await sell(usd(1000), usd(800, { group: 'trade' }))
      const benefit = { kind: 'percent_off', percent: '50' }
      const conditions = [{ kind: 'code' }, { kind: 'customer_group', groups: ['trade'] }]
      const { id: promotion } = expect2xx(await shop.admin('POST', '/promotions', { name: 'Trade', benefit, conditions })).body
      const code = `TRADE${++made}`
      expect2xx(await shop.admin('POST', `/promotions/${promotion}/codes`, { code }))
      const { token, cart } = expect2xx(await caller(base)('POST', LINES, { sku })).body
      const owner = caller(base, token)
      expect2xx(await shop.admin('PATCH', `/carts/${cart.id}`, { customerGroups: ['trade'] }))
      const link = expect2xx(await owner('POST', '/carts/current/restore-links')).body
      const holder = caller(base, expect2xx(await caller(base)('POST', '/carts/restore', { token: link.token })).body.token)
      const seen = (body: Answer['body']) => [body.customerGroups, body.total.amount]
      assert.deepEqual(seen((await holder('GET', `/carts/${cart.id}`)).body), [[], 1000])

      const before = (await owner('GET', '/carts/current')).body.version
      assert.deepEqual(seen(expect2xx(await holder('POST', `/carts/${cart.id}/lines`, { sku })).body.cart), [[], 2000])
      assertProblem(await holder('POST', `/carts/${cart.id}/codes`, { code }), 422, 'code_rejected')
      expect2xx(await holder('DELETE', `/carts/${cart.id}/lines/${cart.lines[0].id}`))
      expect2xx(await holder('POST', `/carts/${cart.id}/lines`, { sku }))
      expect2xx(await holder('PATCH', `/carts/${cart.id}`, { note: null }))
      assert.deepEqual((await owner('GET', '/carts/current')).body.version, before + 3, 'what was refused or changes nothing is no version')
      assert.deepEqual(seen((await owner('GET', '/carts/current')).body), [['trade'], 800])

      const details = { email: `${name()}@example.com`, shippingAddress: { name: 'R', country: 'DE' } }
      const given = expect2xx(await holder('PATCH', `/carts/${cart.id}`, details)).body.cart
      assert.deepEqual([given.email, ...seen(given)], [details.email, [], 1000], 'contact data of the holder bring no groups')
      assert.deepEqual(seen((await owner('GET', '/carts/current')).body), [['trade'], 800])
      assertProblem(await holder('POST', '/orders', { cartId: cart.id, expectedTotal: 800 }), 409, 'price_changed')
      const { order } = expect2xx(await holder('POST', '/orders', { cartId: cart.id, expectedTotal: 1000 })).body
      assert.equal(order.total.amount, 1000)
    })
  })

  describe(`what a server sets (${shop.dialect})`, () => {
    const taxes = [{ name: 'City tax', percent: '5.5', included: false }]

    test('SEED3-41 SEED1-19 prices and taxes of a server make lines of their own, are flagged, and are never computed anew', async () => {
      const who = name()
      const sku = await sell(usd(1000))
      const path = `${LINES}?account=app:${who}`
      const lines = [
        { sku },
        { sku, unitPrice: 700, taxes },
        { inline: { name: 'Gift wrap', unitPrice: 300, taxCategory: 'standard' }, taxes },
      ]
      expect2xx(await shop.admin('PUT', path, { lines, mode: 'replace' }))
      const call = await customer(who)
      const before = expect2xx(await call('GET', '/carts/current')).body
      const flags = (cart: Answer['body']) =>
        cart.lines.map((each: { priceSource: string; taxSource: string; unitPrice: { amount: number } }) => [
          each.priceSource,
          each.taxSource,
          each.unitPrice.amount,
        ])
      assert.deepEqual(flags(before), [
        ['catalog', 'rates', 1000],
        ['external', 'external', 700],
        ['inline', 'external', 300],
      ])
      await shop.products(ware(sku, {}, { prices: [usd(1500)] }))
      const after = expect2xx(await call('GET', '/carts/current'))
      assert.deepEqual(flags(after.body), [
        ['catalog', 'rates', 1500],
        ['external', 'external', 700],
        ['inline', 'external', 300],
      ])
      assert.deepEqual(codesOf(after), ['price_increased'])
      expect2xx(await shop.admin('POST', path, { sku, unitPrice: 700, taxes: [{ ...taxes[0], percent: '5.50' }] }))
      assert.deepEqual(
        (await call('GET', '/carts/current')).body.lines.map((each: { quantity: number }) => each.quantity),
        [1, 2, 1],
      )
    })

    test('taxes need the scope for prices on every way to add a line, and bad ones change nothing', async () => {
      const sku = await sell(usd(1000))
      const call = await customer(name())
      const { cart } = expect2xx(await call('POST', LINES, { sku })).body
      const { token } = expect2xx(await shop.admin('POST', '/api-keys', { name: 'plain', scopes: ['carts:write', 'orders:write'] })).body
      const key = caller(base, token)
      const was = await contentOfTables(engine.store.reader)
      const line = { sku, taxes }
      for (const [who, id] of [
        [call, 'current'],
        [key, cart.id],
      ] as const) {
        const single = await who('POST', `/carts/${id}/lines`, line)
        assertProblem(single, 422, 'custom_price_forbidden')
        assert.equal(single.body.path, '/taxes')
        assertProblem(await who('PUT', `/carts/${id}/lines`, { lines: [line] }), 422, 'custom_price_forbidden')
        assertProblem(await who('POST', `/carts/${id}/commands`, { commands: [{ add: { lines: [line] } }] }), 422, 'custom_price_forbidden')
        assertProblem(await who('POST', '/orders', { items: [line], email: 'r@example.com' }), 422, 'custom_price_forbidden')
      }
      assertProblem(await shop.nobody('POST', '/carts', { lines: [line] }), 422, 'custom_price_forbidden')
      for (const wrong of [
        [{ ...taxes[0], percent: '-1' }],
        [{ ...taxes[0], percent: 19 }],
        [{ ...taxes[0], name: '' }],
        [{ ...taxes[0], amount: 5 }],
        Array(6).fill(taxes[0]),
        null,
      ])
        assertProblem(await shop.admin('POST', `/carts/${cart.id}/lines`, { sku, taxes: wrong }), 422)
      assert.deepEqual(await contentOfTables(engine.store.reader), was)
    })
  })

  describe(`the currency of a country (${shop.dialect})`, () => {
    test('SEED1-23 the country that a cart is told decides its currency with the first line, for a server and for items without a cart, too', async () => {
      await shop.settings({ currency: { source: ['explicit', 'country', 'shop'], byCountry: { DE: 'EUR', JP: 'JPY' } } })
      const sku = await sell(usd(1000), { currency: 'EUR', amount: 950 })
      const address = { ...ADDRESS, country: 'DE' }
      const who = name()
      const call = await customer(who)
      expect2xx(await shop.admin('PATCH', `/carts/current?account=app:${who}`, { shippingAddress: { country: 'DE' } }))
      const { cart } = expect2xx(await shop.admin('PUT', `${LINES}?account=app:${who}`, { lines: [{ sku }] })).body
      assert.deepEqual([cart.currency, cart.total.amount], ['EUR', 950])
      const stays = expect2xx(await call('PATCH', '/carts/current', { shippingAddress: { country: 'US' } })).body.cart
      assert.equal(stays.currency, 'EUR', 'a cart with lines keeps its currency')
      const items = { items: [{ sku }], email: 'r@example.com', shippingAddress: address }
      assert.deepEqual(expect2xx(await shop.nobody('POST', '/orders', items)).body.order.total, { amount: 950, currency: 'EUR' })
      const other = await customer(name())
      expect2xx(await other('PATCH', '/carts/current', { shippingAddress: { country: 'US' } }))
      assert.equal(expect2xx(await other('POST', LINES, { sku })).body.cart.currency, 'USD')
      await shop.settings({ currency: { source: ['country'] } })
      const strict = await customer(name())
      expect2xx(await strict('PATCH', '/carts/current', { shippingAddress: { country: 'JP' } }))
      const missing = await strict('POST', LINES, { sku })
      assertProblem(missing, 409, 'currency_mismatch')
      assert.deepEqual([missing.body.cartCurrency, missing.body.currencies], ['JPY', ['USD', 'EUR']])
      assert.deepEqual((await strict('GET', '/carts/current')).body.lines, [])
    })
  })
}
