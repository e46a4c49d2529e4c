// Promotions as a shop writes them and as its customers see them: what is written is what is served and what applies, gifts are lines that nobody can
// touch and that are kept and taken like others, prices follow the hour and the stock by themselves.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ADMIN, caller, eventually } from './harness.ts'
import { ADDRESS } from './http-probe.ts'
import { expect2xx } from './nodes.ts'
import { type Call, payFor, presetShops, shown, told, ware } from './presets/shop.ts'

const LINES = '/carts/current/lines'
const usd = (amount: number) => [{ currency: 'USD', amount }]
const TEN = { kind: 'percent_off', percent: '10' }

const EVERY_CONDITION = [
  { kind: 'code' },
  { kind: 'item_total', atLeast: usd(1000), atMost: usd(9000), of: { categories: ['a'], except: { skus: ['B'] } } },
  { kind: 'quantity', atLeast: 1, atMost: 5, of: { products: ['mug'] } },
  { kind: 'lines', of: { tags: ['sale'] }, every: true },
  { kind: 'customer_group', groups: ['vip'] },
  { kind: 'account', is: 'account', ids: ['shop:robin'] },
  { kind: 'first_order' },
  { kind: 'country', countries: ['DE'] },
  { kind: 'currency', currencies: ['USD', 'EUR'] },
  { kind: 'dates', from: '2026-01-01T00:00:00.000Z' },
  { kind: 'hours', timeZone: 'Europe/Berlin', weekdays: [5], from: '22:00', until: '02:00' },
  { kind: 'without', promotions: ['prm_other'] },
  {
    kind: 'any',
    conditions: [{ kind: 'none', conditions: [{ kind: 'all', conditions: [{ kind: 'dates', until: '2026-02-01T00:00:00.000Z' }] }] }],
  },
]
const EVERY_BENEFIT = [
  { ...TEN, on: 'lines', of: { skus: ['A'] } },
  { kind: 'amount_off', amounts: usd(100), on: 'units', maxUnits: 3 },
  { kind: 'fixed_price', prices: usd(500), maxUnits: 1 },
  { kind: 'free_shipping', methods: ['post'] },
  { kind: 'buy_get', buy: { quantity: 2, of: { skus: ['A'] } }, get: { quantity: 1, percent: '100' }, max: 2 },
  { kind: 'bundle_price', items: [{ quantity: 1 }, { quantity: 2, of: { tags: ['x'] } }], prices: usd(900), max: 4 },
  { kind: 'gift', sku: 'PEN', quantity: 1 },
  { kind: 'tiered_percent', by: 'item_total', tiers: [{ from: usd(1000), percent: '5' }] },
  { kind: 'tiered_percent', by: 'quantity', tiers: [{ from: 2, percent: '5' }] },
]

for (const { dialect, server } of await presetShops('default')) {
  let made = 0
  /** A shop of its own with an item of 10.00 and, where it is counted, a pen of 3.00. */
  async function freshShop(pens?: number) {
    const id = `promo-${++made}`
    const base = `${server.url}/v1/shops/${id}`
    expect2xx(await caller(server.url, ADMIN)('POST', '/v1/shops', { id, name: id, currency: 'USD' }))
    const admin = caller(base, ADMIN)
    const counted = pens === undefined ? {} : { stockPolicy: 'deny', onHand: pens }
    const products = [ware('A'), ware('PEN', {}, { prices: usd(300), requiresShipping: true, ...counted })]
    expect2xx(await admin('POST', '/products/import', { products }))
    const guest = async (quantity = 1): Promise<Call> => {
      const { token } = expect2xx(await caller(base)('POST', LINES, { sku: 'A', quantity })).body
      return caller(base, token)
    }
    const promote = async (rule: object) => expect2xx(await admin('POST', '/promotions', { name: 'Rule', ...rule })).body
    return { admin, guest, promote }
  }
  const current = async (call: Call) => expect2xx(await call('GET', '/carts/current')).body
  const advance = async (duration: string) => expect2xx(await caller(server.url)('POST', '/v1/demo/clock', { advance: duration }))

  describe(`promotions on ${dialect}`, () => {
    test('every kind of condition and benefit is served as it was written, times at any depth included', async () => {
      const { admin, promote } = await freshShop()
      const rule = {
        name: 'All',
        active: false,
        startsAt: '2026-01-01T00:00:00.000Z',
        endsAt: '2027-01-01T00:00:00.000Z',
        lane: 2,
        priority: -3,
        group: 'g',
        exclusive: true,
        stops: true,
        percentBase: 'running',
        usesMax: 9,
        perCustomer: { uses: 1, within: 'P7D' },
        budget: usd(10_000),
        tellsReasons: true,
        conditions: EVERY_CONDITION,
      }
      for (const benefit of EVERY_BENEFIT) {
        const whole = { ...rule, benefit, cap: benefit.kind === 'gift' ? null : usd(700) }
        const { id, uses, ...served } = await promote(whole)
        assert.deepEqual([served, uses], [whole, 0])
        const replaced = expect2xx(await admin('PUT', `/promotions/${id}`, { name: 'Less', benefit })).body
        assert.deepEqual([replaced.conditions, replaced.group, replaced.cap, replaced.stops], [[], null, null, false])
      }
    })

    test('what is wrong with a promotion is refused at its place, and nothing is written', async () => {
      const { admin, promote } = await freshShop()
      const deep = (levels: number): object => (levels === 0 ? { kind: 'code' } : { kind: 'all', conditions: [deep(levels - 1)] })
      const table: readonly [rule: object, path: string][] = [
        [{ benefit: { kind: 'percent_off', percent: '101' } }, '/benefit/percent'],
        [{ benefit: { kind: 'percent_off', percent: 10 } }, '/benefit/percent'],
        [{ benefit: { ...TEN, on: 'units' } }, '/benefit/on'],
        [{ benefit: { kind: 'gift', sku: 'PEN', quantity: 0 } }, '/benefit/quantity'],
        [{ benefit: TEN, conditions: [{ kind: 'quantity', atLeast: 'two' }] }, '/conditions/0/atLeast'],
        [{ benefit: TEN, conditions: [{ kind: 'quantity' }] }, '/conditions/0'],
        [{ benefit: TEN, conditions: [{ kind: 'any', conditions: [{ kind: 'dates', from: 'soon' }] }] }, '/conditions/0/conditions/0/from'],
        [{ benefit: TEN, conditions: [{ kind: 'hours', timeZone: 'Here', weekdays: [1] }] }, '/conditions/0/timeZone'],
        [{ benefit: TEN, conditions: [{ kind: 'lines', of: {} }] }, '/conditions/0/of'],
        [{ benefit: TEN, cap: [...usd(1), ...usd(2)] }, '/cap/1/currency'],
      ]
      for (const [rule, path] of table) {
        const answer = await admin('POST', '/promotions', { name: 'Wrong', ...rule })
        assert.deepEqual([answer.status, answer.body.path], [422, path], JSON.stringify([rule, answer.body]))
      }
      expect2xx(await admin('POST', '/promotions', { name: 'Deep', benefit: TEN, conditions: [deep(3)] }))
      assert.equal((await admin('POST', '/promotions', { name: 'Deeper', benefit: TEN, conditions: [deep(4)] })).status, 422)
      const { id } = await promote({ benefit: TEN })
      const self = await admin('PUT', `/promotions/${id}`, {
        name: 'Self',
        benefit: TEN,
        conditions: [{ kind: 'without', promotions: [id] }],
      })
      assert.deepEqual([self.status, self.body.path], [422, '/conditions/0/promotions/0'])
      const names = (await admin('GET', '/promotions')).body.items.map((each: { name: string }) => each.name)
      assert.deepEqual(names.sort(), ['Deep', 'Rule'])
    })

    test('SEED1-45 a gift comes with its promotion, cannot be changed, is kept for the order and taken with it, and does not stay in the cart', async () => {
      const { admin, guest, promote } = await freshShop(2)
      const { id } = await promote({ benefit: { kind: 'gift', sku: 'PEN', quantity: 1 }, conditions: [{ kind: 'quantity', atLeast: 2 }] })
      const call = await guest(1)
      assert.deepEqual(shown(await current(call)), ['A × 1'])
      const { cart } = expect2xx(await call('POST', LINES, { sku: 'A' })).body
      const gift = cart.lines[1]
      assert.deepEqual(
        [shown(cart), gift.giftOf, gift.total.amount, cart.total.amount, cart.itemCount],
        [['A × 2', 'PEN × 1'], id, 0, 2000, 2],
      )
      assert.equal(told(await call('PATCH', `${LINES}/${gift.id}`, { quantity: 2 })), '404 line_not_found')
      assert.equal(told(await call('DELETE', `${LINES}/${gift.id}`)), '404 line_not_found')

      expect2xx(await call('PATCH', '/carts/current', { email: 'robin@example.com', shippingAddress: ADDRESS }))
      const ordered = expect2xx(await call('POST', '/orders', { cartId: 'current' })).body
      assert.deepEqual(shown(ordered.order), ['A × 2', 'PEN × 1'])
      // One of two pens is kept for that order: another shopper may have one, and a third none.
      const second = await guest(2)
      assert.deepEqual(shown(await current(second)), ['A × 2', 'PEN × 1'])
      expect2xx(await second('PATCH', '/carts/current', { email: 'kim@example.com', shippingAddress: ADDRESS }))
      expect2xx(await second('POST', '/orders', { cartId: 'current' }))
      const third = await guest(2)
      await eventually(async () => (await current(third)).lines.length === 1)

      await payFor(call, ordered)
      assert.equal((await admin('GET', '/stock/PEN')).body.onHand, 1)
      assert.deepEqual(shown(await current(call)), [])
      expect2xx(await admin('PUT', '/stock/PEN', { onHand: 5 }))
      await eventually(async () => shown(await current(third)).join() === 'A × 2,PEN × 1')
    })

    test('a gift that costs nothing anyway is given as often as its promotion may be used, and no more', async () => {
      const { admin, guest, promote } = await freshShop()
      expect2xx(await admin('POST', '/products/import', { products: [ware('SAMPLE', {}, { prices: usd(0), requiresShipping: false })] }))
      const { id } = await promote({ usesMax: 1, benefit: { kind: 'gift', sku: 'SAMPLE', quantity: 1 } })
      const [first, second] = [await guest(), await guest()]
      for (const call of [first, second]) {
        assert.deepEqual(shown(await current(call)), ['A × 1', 'SAMPLE × 1'])
        expect2xx(await call('PATCH', '/carts/current', { email: 'robin@example.com', shippingAddress: ADDRESS }))
      }
      const order = async (call: Call) => expect2xx(await call('POST', '/orders', { cartId: 'current' })).body.order
      assert.deepEqual(shown(await order(first)), ['A × 1', 'SAMPLE × 1'])
      assert.deepEqual(shown(await order(second)), ['A × 1'])
      assert.equal((await admin('GET', `/promotions/${id}`)).body.uses, 1)
    })

    test('ten orders at once are ten orders though there are three of the gift, and three have it', async () => {
      const { guest, promote } = await freshShop(3)
      await promote({ benefit: { kind: 'gift', sku: 'PEN', quantity: 1 } })
      const calls = await Promise.all(Array.from({ length: 10 }, () => guest()))
      for (const call of calls) expect2xx(await call('PATCH', '/carts/current', { email: 'robin@example.com', shippingAddress: ADDRESS }))
      const orders = await Promise.all(calls.map((call) => call('POST', '/orders', { cartId: 'current' })))
      const pens = orders.map((answer) => expect2xx(answer).body.order.lines.length - 1)
      assert.equal(
        pens.reduce((sum, count) => sum + count, 0),
        3,
      )
    })

    test('some lines of a cart do not cost more than they did in the whole cart, unless the shopper consents', async () => {
      const { guest, promote } = await freshShop()
      await promote({ benefit: TEN, conditions: [{ kind: 'item_total', atLeast: usd(1300) }] })
      const call = await guest()
      const { cart } = expect2xx(await call('POST', LINES, { sku: 'PEN' })).body
      assert.equal(cart.total.amount, 1170)
      expect2xx(await call('PATCH', '/carts/current', { email: 'robin@example.com', shippingAddress: ADDRESS }))
      const part = { cartId: cart.id, lines: [cart.lines[0].id] }
      const refused = await call('POST', '/orders', part)
      assert.deepEqual(
        [told(refused), refused.body.expected.amount, refused.body.current.amount, refused.body.cart.total.amount],
        ['409 price_changed', 900, 1000, 1000],
      )
      assert.equal(expect2xx(await call('POST', '/orders', { ...part, expectedTotal: 1000 })).body.order.total.amount, 1000)
    })

    test('a promotion by the hour begins and ends by itself, on carts that nobody touched', async () => {
      const { guest, promote } = await freshShop()
      const call = await guest()
      const now = Date.parse((await current(call)).updatedAt)
      const quarter = 900_000
      const next = now - (now % quarter) + 2 * quarter
      const time = (at: number) => new Date(at).toISOString().slice(11, 16)
      await promote({ benefit: TEN, conditions: [{ kind: 'hours', timeZone: 'UTC', from: time(next), until: time(next + quarter) }] })
      const total = async () => (await current(call)).total.amount
      assert.equal(await total(), 1000)
      await advance(`PT${Math.ceil((next - now) / 1000) + 1}S`)
      assert.equal(await total(), 900)
      await advance('PT15M')
      assert.equal(await total(), 1000)
    })

    test('SEED3-54 SEED2-71 a code that applied says why it does not any more, in a shop that tells nobody else', async () => {
      const { admin, guest, promote } = await freshShop()
      const { id } = await promote({ benefit: TEN, conditions: [{ kind: 'code' }, { kind: 'quantity', atLeast: 2 }] })
      expect2xx(await admin('POST', `/promotions/${id}/codes`, { code: 'TWO' }))
      const call = await guest(2)
      const { cart } = expect2xx(await call('POST', '/carts/current/codes', { code: 'TWO' })).body
      const quantity = async (value: number) =>
        expect2xx(await call('PATCH', `${LINES}/${cart.lines[0].id}`, { quantity: value })).body.cart
      assert.deepEqual((await quantity(1)).codes, [{ code: 'TWO', applied: false, reason: 'quantity_too_low' }])
      assert.deepEqual((await current(call)).codes, [{ code: 'TWO', applied: false, reason: 'quantity_too_low' }])
      assert.equal((await quantity(2)).total.amount, 1800)
      const other = await guest(1)
      const refused = await other('POST', '/carts/current/codes', { code: 'TWO' })
      assert.deepEqual([told(refused), refused.body.reason], ['422 code_rejected', undefined])
    })

    test('a promotion that tells its reasons, and a code that applied before, are refused with the reason', async () => {
      const { admin, guest, promote } = await freshShop()
      const rule = { benefit: TEN, conditions: [{ kind: 'code' }, { kind: 'quantity', atLeast: 2 }] }
      for (const [code, tellsReasons] of [
        ['OPEN', true],
        ['SHUT', false],
      ] as const) {
        const { id } = await promote({ ...rule, tellsReasons })
        expect2xx(await admin('POST', `/promotions/${id}/codes`, { code }))
      }
      const call = await guest(1)
      const apply = async (code: string) => {
        const { status, body } = await call('POST', '/carts/current/codes', { code })
        return [status, body.reason]
      }
      assert.deepEqual(
        [await apply('OPEN'), await apply('SHUT')],
        [
          [422, 'quantity_too_low'],
          [422, undefined],
        ],
      )
      const line = (await current(call)).lines[0].id
      expect2xx(await call('PATCH', `${LINES}/${line}`, { quantity: 2 }))
      expect2xx(await call('POST', '/carts/current/codes', { code: 'SHUT' }))
      expect2xx(await call('DELETE', '/carts/current/codes/SHUT'))
      expect2xx(await call('PATCH', `${LINES}/${line}`, { quantity: 1 }))
      assert.deepEqual(await apply('SHUT'), [422, 'quantity_too_low'])
    })

    test('SEED2-69 SEED3-50 a discount for some lines, pieces and shipping is on the order as it was on the cart', async () => {
      const { admin, guest, promote } = await freshShop()
      const methods = [{ id: 'post', name: 'Post', rates: [{ currency: 'USD', amount: 500 }] }]
      expect2xx(await admin('PATCH', '/settings', { shipping: { methods } }))
      await promote({
        name: 'Pens',
        lane: 0,
        benefit: { kind: 'buy_get', buy: { quantity: 1, of: { skus: ['A'] } }, get: { quantity: 1, of: { skus: ['PEN'] }, percent: '50' } },
      })
      await promote({ name: 'Post', lane: 1, benefit: { ...TEN, on: 'shipping' } })
      const call = await guest()
      expect2xx(await call('POST', LINES, { sku: 'PEN', quantity: 2 }))
      expect2xx(await call('PATCH', '/carts/current', { email: 'robin@example.com', shippingAddress: ADDRESS, shippingMethod: 'post' }))
      const cart = await current(call)
      assert.deepEqual(
        [cart.lines.map((line: { discountTotal: { amount: number } }) => line.discountTotal.amount), cart.total.amount],
        [[0, -150], 1900],
      )
      const { order } = expect2xx(await call('POST', '/orders', { cartId: 'current' })).body
      const ofCart = cart.lines.map((line: object, index: number) => ({ ...order.lines[index], ...line }))
      assert.deepEqual([order.lines, order.adjustments, order.total], [ofCart, cart.adjustments, cart.total])
    })
  })
}
