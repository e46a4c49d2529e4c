// Shipping over HTTP, on both databases: estimates before anything is chosen, choices that are gone, the shop's table of methods, and totals that
// are zero or stay above the price of shipping.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { SettingsPatch } from '../src/core/settings.ts'
import { ADMIN, type Answer, atOnce, caller, freshDatabase, mainlyOn, startTestServer } from './harness.ts'
import { ADDRESS, assertProblem, contentOfTables } from './http-probe.ts'
import { expect2xx } from './nodes.ts'
import { payFor, told, ware } from './presets/shop.ts'

const CURRENT = '/carts/current'
const LINES = `${CURRENT}/lines`
const METHODS = '/shipping-methods'
const usd = (amount: number) => ({ amount, currency: 'USD' })
const flat = (id: string, amount: number, rate: object = {}) => ({ id, name: id, rates: [{ currency: 'USD', amount, ...rate }] })
const offered = ({ body }: Answer) => body.items.map(({ id, price }: { id: string; price: { amount: number } }) => `${id}=${price.amount}`)

for (const dialect of mainlyOn('sqlite')) {
  describe(`shipping on ${dialect}`, async () => {
    const server = await startTestServer(await freshDatabase(dialect))
    let made = 0

    /** A shop of its own with these methods, a parcel (10.00, 600 g), a digital good (10.00), and a guest with some of them. */
    async function shopWith(methods: readonly object[], more: SettingsPatch = {}, preset = 'default') {
      const id = `ship${++made}`
      expect2xx(await caller(server.url, ADMIN)('POST', '/v1/shops', { id, name: id, currency: 'USD', preset }))
      const base = `${server.url}/v1/shops/${id}`
      const admin = caller(base, ADMIN)
      const settings = async (patch: object) => void expect2xx(await admin('PATCH', '/settings', patch))
      await settings({ ...more, shipping: { ...more.shipping, methods } })
      const products = [ware('PARCEL', {}, { requiresShipping: true, grams: 600 }), ware('FILE', { kind: 'digital' })]
      assert.equal(expect2xx(await admin('POST', '/products/import', { products })).body.refusedCount, 0)
      const guest = async (...lines: readonly object[]) =>
        caller(base, expect2xx(await caller(base)('POST', LINES, { lines: lines.length > 0 ? lines : [{ sku: 'PARCEL' }] })).body.token)
      const promotion = async (benefit: object) => void expect2xx(await admin('POST', '/promotions', { name: 'P', benefit }))
      return { base, admin, settings, guest, promotion }
    }

    const cartOf = async (call: ReturnType<typeof caller>) => expect2xx(await call('GET', CURRENT)).body

    // Estimates --------------------------------------------------------------------------------------------------------------------------

    test('SEED3-52 methods are priced for a country and postal code that somebody only asks about, and the cart stays as it is', async () => {
      const zones = { countries: ['DE'], postalCodes: ['10000-14999'] }
      const shop = await shopWith([
        { ...flat('courier', 299, zones) },
        {
          id: 'post',
          name: 'post',
          rates: [
            { countries: ['DE'], currency: 'USD', amount: 499 },
            { currency: 'USD', amount: 1499 },
          ],
        },
      ])
      const call = await shop.guest()
      const was = await contentOfTables(server.engine.store.reader)
      const estimate = async (query: string) => offered(expect2xx(await call('GET', `${CURRENT}${METHODS}${query}`)))
      assert.deepEqual(await estimate(''), ['post=1499'], 'nothing is known')
      assert.deepEqual(await estimate('?country=DE'), ['post=499'])
      assert.deepEqual(await estimate('?country=DE&region=&postalCode=10115'), ['courier=299', 'post=499'])
      assert.deepEqual(await estimate('?country=FR&postalCode=10115'), ['post=1499'])
      assert.deepEqual(await contentOfTables(server.engine.store.reader), was)
      const { shippingAddress, shippingEstimate } = await cartOf(call)
      assert.deepEqual([shippingAddress, shippingEstimate], [null, usd(1499)])
    })

    test('SEED3-52 what the request names goes before the address, the address before the country of the shop', async () => {
      const methods = [
        flat('us', 1, { countries: ['US'] }),
        flat('de', 2, { countries: ['DE'], postalCodes: ['1*'] }),
        flat('fr', 3, { countries: ['FR'] }),
      ]
      const shop = await shopWith(methods, { tax: { defaultCountry: 'FR' } })
      const call = await shop.guest()
      const estimate = async (query = '') => offered(expect2xx(await call('GET', `${CURRENT}${METHODS}${query}`)))
      assert.deepEqual([await estimate(), (await cartOf(call)).shippingEstimate], [['fr=3'], usd(3)])
      expect2xx(await call('PATCH', CURRENT, { shippingAddress: { country: 'DE' } }))
      assert.deepEqual([await estimate(), (await cartOf(call)).shippingEstimate], [[], null])
      assert.deepEqual(await estimate('?postalCode=10115'), ['de=2'], 'a postal code alone is one of the known country')
      assert.deepEqual(await estimate('?country=US'), ['us=1'])
    })

    test('an estimate for a place without a country, or for a country that is none, is refused with its path', async () => {
      const { guest } = await shopWith([flat('post', 499)])
      const call = await guest()
      for (const query of ['?postalCode=10115', '?region=CA', '?country=Germany', '?country=de']) {
        const answer = await call('GET', `${CURRENT}${METHODS}${query}`)
        assertProblem(answer, 422, 'invalid')
        assert.equal(answer.body.path, '/querystring/country', query)
      }
    })

    test('SEED3-52 the service preset counts the cheapest method until one is chosen, and ordering asks for the choice', async () => {
      const shop = await shopWith([flat('air', 1999), flat('sea', 299)], {}, 'service')
      const call = await shop.guest()
      const before = await cartOf(call)
      assert.deepEqual(
        [before.shippingMethod, before.shippingEstimate, before.shippingTotal, before.total],
        [null, usd(299), usd(299), usd(1299)],
      )
      assert.deepEqual(
        before.adjustments.map(({ type, source }: { type: string; source: object }) => [type, source]),
        [['shipping', { kind: 'shipping_method', id: 'sea' }]],
      )
      expect2xx(await call('PATCH', CURRENT, { email: 'r@example.com', shippingAddress: ADDRESS }))
      const refused = await call('POST', '/orders', { cartId: before.id })
      assert.equal(told(refused), '409 shipping_method_required')
      const { cart } = expect2xx(await call('PATCH', CURRENT, { shippingMethod: 'air' })).body
      assert.deepEqual([cart.shippingEstimate, cart.total], [null, usd(2999)])
      assert.equal(expect2xx(await call('POST', '/orders', { cartId: 'current' })).body.order.total.amount, 2999)
    })

    // What was chosen --------------------------------------------------------------------------------------------------------------------

    test('SEED4-39 a chosen method that is gone is replaced with a notice, by weight and by address too, and counts again when it is back', async () => {
      const { guest } = await shopWith([
        { ...flat('letter', 99, { countries: ['US', 'DE'] }), maxGrams: 1000 },
        {
          id: 'post',
          name: 'post',
          rates: [{ countries: ['US', 'DE'], currency: 'USD', amount: 0, by: 'weight', steps: [{ from: 0, amount: 499 }] }],
        },
      ])
      const call = await guest()
      const seen = async () => {
        const { shippingMethod, shippingTotal, notices } = await cartOf(call)
        return [shippingMethod, shippingTotal.amount, notices.map(({ code }: { code: string }) => code).join()]
      }
      expect2xx(await call('PATCH', CURRENT, { shippingAddress: ADDRESS, shippingMethod: 'letter' }))
      assert.deepEqual(await seen(), ['letter', 99, ''])
      expect2xx(await call('POST', LINES, { sku: 'PARCEL' }))
      assert.deepEqual(await seen(), ['post', 499, 'shipping_method_changed'])
      const [line] = (await cartOf(call)).lines
      expect2xx(await call('PATCH', `${LINES}/${line.id}`, { quantity: 1 }))
      assert.deepEqual(await seen(), ['letter', 99, ''])
      expect2xx(await call('PATCH', CURRENT, { shippingAddress: { country: 'FR' } }))
      assert.deepEqual(await seen(), ['letter', 0, 'shipping_method_unavailable'])
      const { body } = await call('GET', `${CURRENT}/validation`)
      assert.ok(body.problems.some(({ code }: { code: string }) => code === 'shipping_method_unavailable'))
    })

    test('a method that became dearer is not charged without consent', async () => {
      const shop = await shopWith([flat('post', 499)])
      const call = await shop.guest()
      const ready = { email: 'r@example.com', shippingAddress: ADDRESS, shippingMethod: 'post' }
      const { cart } = expect2xx(await call('PATCH', CURRENT, ready)).body
      expect2xx(await shop.admin('PUT', `${METHODS}/post`, flat('post', 599)))
      const refused = await call('POST', '/orders', { cartId: cart.id, expectedTotal: cart.total.amount })
      assert.deepEqual([told(refused), refused.body.current], ['409 price_changed', usd(1599)])
      const { order } = expect2xx(await call('POST', '/orders', { cartId: cart.id, expectedTotal: 1599 })).body
      assert.equal(order.shippingTotal.amount, 599)
    })

    test('a method that does not take this cart there cannot be chosen, and the answer says what can', async () => {
      const { guest } = await shopWith([{ ...flat('letter', 99), maxGrams: 500 }, flat('post', 499)])
      const call = await guest()
      const answer = await call('PATCH', CURRENT, { shippingMethod: 'letter' })
      assertProblem(answer, 409, 'shipping_method_unavailable')
      assert.deepEqual([answer.body.available, answer.body.path], [['post'], '/shippingMethod'])
      assert.equal((await cartOf(call)).shippingMethod, null)
    })

    test('goods without a catalogue entry weigh what the server says', async () => {
      const steps = [{ from: 1000, amount: 899 }]
      const shop = await shopWith([flat('post', 499, { by: 'weight', steps })])
      const call = await shop.guest({ sku: 'FILE' })
      const { id, shippingEstimate } = await cartOf(call)
      assert.equal(shippingEstimate, null, 'a file needs no shipping')
      const inline = { name: 'Frame', unitPrice: 1, taxCategory: 'none', requiresShipping: true }
      const add = async (grams: number) => {
        expect2xx(await shop.admin('POST', `/carts/${id}/lines`, { inline: { ...inline, grams } }))
        const cart = await cartOf(call)
        return [cart.lines.length, cart.shippingEstimate.amount]
      }
      assert.deepEqual(
        [await add(400), await add(600)],
        [
          [2, 499],
          [3, 899],
        ],
        'items of another weight are another line',
      )
    })

    // The table --------------------------------------------------------------------------------------------------------------------------

    test('methods are added, replaced and removed one by one; carts follow at once, and the audit says who it was', async () => {
      const shop = await shopWith([])
      const call = await shop.guest()
      expect2xx(await shop.admin('POST', METHODS, flat('post', 499)))
      expect2xx(await shop.admin('POST', METHODS, flat('sea', 299)))
      assert.deepEqual(offered(await call('GET', CURRENT + METHODS)), ['post=499', 'sea=299'])
      expect2xx(await call('PATCH', CURRENT, { shippingMethod: 'post' }))
      expect2xx(await shop.admin('PUT', `${METHODS}/post`, flat('post', 399)))
      assert.equal((await cartOf(call)).shippingTotal.amount, 399)
      assert.equal((await shop.admin('DELETE', `${METHODS}/post`)).status, 204)
      assert.deepEqual([(await cartOf(call)).shippingMethod, (await cartOf(call)).shippingTotal.amount], ['sea', 299])
      assert.deepEqual(expect2xx(await shop.admin('GET', METHODS)).body, { items: [flat('sea', 299)], next: null })
      const { items } = expect2xx(await shop.admin('GET', '/audit')).body
      const changes = items.filter(({ action }: { action: string }) => action === 'settings.changed')
      assert.equal(changes.length, 5, 'the shop with an empty table, two methods, another price, one method less')
      assert.deepEqual(changes[0].after.shipping.methods, [flat('sea', 299)])
    })

    test('what one shop exports another imports, and it is the same table', async () => {
      const rate = { countries: ['DE'], regions: ['BE'], postalCodes: ['10115', '12*', '10000-14999'], freeFrom: 5000 }
      const more = { by: 'quantity', steps: [{ from: 3, amount: 9 }], surcharges: [{ category: 'bulky', amount: 7, per: 'item' }] }
      const table = [{ ...flat('post', 499, { ...rate, ...more }), maxGrams: 30_000, excludesCategories: ['cold'] }, flat('sea', 299)]
      const [one, other] = [await shopWith(table), await shopWith([flat('old', 1)])]
      const exported = expect2xx(await one.admin('GET', METHODS)).body
      assert.deepEqual(expect2xx(await other.admin('PUT', METHODS, exported)).body, exported)
      assert.deepEqual(exported.items, table)
    })

    test('ten methods that are added at once are all there', async () => {
      const { admin } = await shopWith([])
      const answers = await atOnce(10, (index) => admin('POST', METHODS, flat(`m${index}`, index)))
      assert.deepEqual([...new Set(answers.map(({ status }) => status))], [201])
      const ids = (await admin('GET', METHODS)).body.items.map(({ id }: { id: string }) => id)
      assert.deepEqual(
        ids.sort(),
        Array.from({ length: 10 }, (_, index) => `m${index}`),
      )
    })

    test('a table with a fault is refused with the place of the fault, by every way to write it, and nothing changes', async () => {
      const { admin } = await shopWith([flat('post', 499), flat('sea', 299)])
      const falling = {
        by: 'weight',
        steps: [
          { from: 2, amount: 1 },
          { from: 1, amount: 1 },
        ],
      }
      const faults: [rate: object, path: string, code: string][] = [
        [falling, '/rates/0/steps/1/from', 'invalid'],
        [{ countries: ['DE'], postalCodes: ['1', '20-10'] }, '/rates/0/postalCodes/1', 'invalid'],
        [{ countries: ['DE'], postalCodes: ['10 115'] }, '/rates/0/postalCodes/0', 'invalid'],
        [{ currency: 'XXQ' }, '/rates/0/currency', 'currency_unknown'],
      ]
      for (const [rate, path, code] of faults) {
        const bad = (id: string) => flat(id, 1, rate)
        const ways: [string, string, object, string][] = [
          ['PUT', METHODS, { items: [flat('a', 1), bad('b')] }, `/items/1${path}`],
          ['POST', METHODS, bad('new'), path],
          ['PUT', `${METHODS}/sea`, bad('sea'), path],
          ['PATCH', '/settings', { shipping: { methods: [bad('b')] } }, `/shipping/methods/0${path}`],
        ]
        for (const [method, address, body, where] of ways) {
          const answer = await admin(method, address, body)
          assertProblem(answer, 422, code)
          assert.equal(answer.body.path, where, `${method} ${address}`)
        }
      }
      const twice = await admin('PUT', METHODS, { items: [flat('a', 1), flat('a', 2)] })
      assert.deepEqual([told(twice), twice.body.path], ['422 invalid', '/items/1/id'])
      assertProblem(await admin('PUT', `${METHODS}/post`, flat('sea', 1)), 422, 'invalid')
      assertProblem(await admin('PUT', `${METHODS}/none`, flat('none', 1)), 404, 'shipping_method_not_found')
      assertProblem(await admin('DELETE', `${METHODS}/none`), 404, 'shipping_method_not_found')
      assertProblem(await admin('POST', METHODS, flat('post', 1)), 409, 'already_exists')
      assert.deepEqual((await admin('GET', METHODS)).body.items, [flat('post', 499), flat('sea', 299)])
    })

    test('a full table takes no more', async () => {
      const { admin } = await shopWith(Array.from({ length: 100 }, (_, index) => flat(`m${index}`, index)))
      const answer = await admin('POST', METHODS, flat('one-more', 1))
      assert.deepEqual([told(answer), answer.body.reason, answer.body.max], ['422 invalid', 'too_many_methods', 100])
      const codes = Array.from({ length: 1000 }, (_, index) => String(100_000_000_000 + index))
      const rates = Array.from({ length: 70 }, () => ({ countries: ['US'], postalCodes: codes, currency: 'USD', amount: 1 }))
      const large = await admin('PUT', METHODS, { items: [{ id: 'large', name: 'L', rates }] })
      assert.deepEqual([told(large), large.body.reason, large.body.path], ['422 invalid', 'table_too_large', '/items'])
    })

    // Zero -------------------------------------------------------------------------------------------------------------------------------

    test('SEED4-74 a cart whose items and shipping cost nothing is ordered without a payment', async () => {
      const shop = await shopWith([flat('post', 499)])
      await shop.promotion({ kind: 'percent_off', percent: '100' })
      await shop.promotion({ kind: 'free_shipping' })
      const call = await shop.guest()
      expect2xx(await call('PATCH', CURRENT, { email: 'r@example.com', shippingAddress: ADDRESS, shippingMethod: 'post' }))
      const { order, payment } = expect2xx(await call('POST', '/orders', { cartId: 'current' })).body
      assert.deepEqual([order.state, order.total, order.shippingTotal, payment], ['PLACED', usd(0), usd(499), null])
    })

    test('SEED4-74 with a floor of shipping a free cart still pays its shipping, and nothing where shipping costs nothing', async () => {
      const shop = await shopWith([flat('post', 499), flat('pickup', 0)], { totals: { floor: 'shipping' } })
      await shop.promotion({ kind: 'percent_off', percent: '100' })
      await shop.promotion({ kind: 'free_shipping' })
      const ready = { email: 'r@example.com', shippingAddress: ADDRESS }
      const paying = await shop.guest()
      expect2xx(await paying('PATCH', CURRENT, { ...ready, shippingMethod: 'post' }))
      const unpaid = expect2xx(await paying('POST', '/orders', { cartId: 'current' })).body
      assert.deepEqual([unpaid.order.state, unpaid.order.total], ['NEW', usd(499)])
      assert.equal((await payFor(paying, unpaid)).state, 'PLACED')
      const free = await shop.guest()
      expect2xx(await free('PATCH', CURRENT, { ...ready, shippingMethod: 'pickup' }))
      const { order } = expect2xx(await free('POST', '/orders', { cartId: 'current' })).body
      assert.deepEqual([order.state, order.total], ['PLACED', usd(0)])
    })
  })
}
