// Taxes over HTTP: what a cart says of its buyer and who may say it, and tax rates as a list of their own. On both databases.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import { ADMIN, type Answer, atOnce, caller, freshDatabase, mainlyOn, startTestServer } from './harness.ts'
import { assertProblem } from './http-probe.ts'
import { expect2xx } from './nodes.ts'
import { payFor, ware } from './presets/shop.ts'

const CURRENT = '/carts/current'
const RATE = { name: 'VAT', category: 'standard', country: 'DE', percent: '25', included: true }
const GERMANY = { name: 'R', country: 'DE', postalCode: '10115' }

for (const dialect of mainlyOn('postgres'))
  describe(`taxes on ${dialect}`, async () => {
    const { url } = await startTestServer(await freshDatabase(dialect))
    let made = 0

    /** A shop that sells `MUG` for 10.00 with these settings of tax. */
    async function shopWith(tax: object = {}) {
      const id = `tax${++made}`
      expect2xx(await caller(url, ADMIN)('POST', '/v1/shops', { id, name: id, currency: 'USD' }))
      const base = `${url}/v1/shops/${id}`
      const admin = caller(base, ADMIN)
      expect2xx(await admin('PATCH', '/settings', { tax: { rates: [RATE], ...tax }, checkout: { requireEmail: false } }))
      expect2xx(await admin('POST', '/products/import', { products: [ware('MUG', { taxCategory: 'standard' }, { taxable: true })] }))
      const key = async (...scopes: string[]) =>
        caller(base, expect2xx(await admin('POST', '/api-keys', { name: 'k', scopes })).body.token as string)
      return { base, admin, key }
    }

    async function guestOf(base: string) {
      const { token, cart } = expect2xx(await caller(base)('POST', `${CURRENT}/lines`, { sku: 'MUG' })).body
      const call = caller(base, token)
      expect2xx(await call('PATCH', CURRENT, { shippingAddress: GERMANY }))
      return { call, token: token as string, id: cart.id as string }
    }

    const totals = ({ includedTaxTotal, additionalTaxTotal, total }: Answer['body']) =>
      [includedTaxTotal, additionalTaxTotal, total].map(({ amount }) => amount)
    const read = async (call: ReturnType<typeof caller>) => (await call('GET', CURRENT)).body

    test("SEED3-53 which address decides the tax is the shop's to say, and the other one counts where that is missing", async () => {
      const { base, admin } = await shopWith({ rates: [RATE, { ...RATE, country: 'AT', percent: '60' }] })
      const { call } = await guestOf(base)
      expect2xx(await call('PATCH', CURRENT, { billingAddress: { country: 'AT' } }))
      assert.deepEqual(totals(await read(call)), [200, 0, 1000])
      expect2xx(await admin('PATCH', '/settings', { tax: { basedOn: 'billing' } }))
      assert.deepEqual(totals(await read(call)), [375, 0, 1000])
      expect2xx(await call('PATCH', CURRENT, { billingAddress: null }))
      assert.deepEqual(totals(await read(call)), [200, 0, 1000])
    })

    test('a business of another country pays the price without tax, and its order keeps why', async () => {
      const { base } = await shopWith({ reverseCharge: { home: 'AT', countries: ['DE'], require: 'format' } })
      const { call, id } = await guestOf(base)
      const { cart } = expect2xx(await call('PATCH', CURRENT, { vatId: ' de 136 695 976' })).body
      assert.deepEqual([cart.vatId, cart.vatIdChecked, totals(cart)], ['DE136695976', false, [0, -200, 800]])
      assert.equal(cart.lines[0].adjustments[0].label, 'VAT 25 % not charged (reverse charge)')
      const order = await payFor(call, expect2xx(await call('POST', '/orders', { cartId: id, expectedTotal: 800 })).body)
      assert.deepEqual([order.vatId, order.total.amount, order.additionalTaxTotal.amount], ['DE136695976', 800, -200])
      assert.deepEqual(order.payments[0].amount, { amount: 800, currency: 'USD' })
    })

    test('items ordered without a cart may come with a VAT id', async () => {
      const { base } = await shopWith({ reverseCharge: { home: 'AT', countries: ['DE'], require: 'format' } })
      const body = { items: [{ sku: 'MUG' }], shippingAddress: GERMANY, vatId: 'DE136695976' }
      assert.deepEqual(totals(expect2xx(await caller(base)('POST', '/orders', body)).body.order), [0, -200, 800])
      const wrong = await caller(base)('POST', '/orders', { ...body, vatId: 'DE136695978' })
      assertProblem(wrong, 422, 'invalid')
      assert.equal(wrong.body.path, '/vatId')
    })

    test('a VAT id of a wrong form changes nothing, and is told with its path', async () => {
      const { base } = await shopWith()
      const { call } = await guestOf(base)
      const was = await read(call)
      for (const vatId of ['DE136695978', 'X', 'US123456789']) {
        const refused = await call('PATCH', CURRENT, { vatId, note: 'changed' })
        assertProblem(refused, 422, 'invalid')
        assert.deepEqual([refused.body.path, refused.body.reason], ['/vatId', 'not_a_vat_id'])
      }
      const inCommands = await call('POST', `${CURRENT}/commands`, { commands: [{ clear: {} }, { change: { vatId: 'X' } }] })
      assert.deepEqual([inCommands.status, inCommands.body.path], [422, '/commands/1/change/vatId'])
      assert.deepEqual(await read(call), was)
    })

    test('that a number was checked and that a buyer is exempt is said by keys that may price carts, and by nobody else', async () => {
      const { base, key } = await shopWith({ reverseCharge: { home: 'AT', countries: ['DE'], require: 'checked' } })
      const { call, id } = await guestOf(base)
      expect2xx(await call('PATCH', CURRENT, { vatId: 'DE136695976' }))
      const may = await key('carts:write', 'carts:custom_prices')
      for (const [who, as] of [
        ['the shopper', call],
        ['a key without the scope', await key('carts:write')],
      ] as const)
        for (const change of [{ taxExempt: true }, { vatIdChecked: true }]) {
          const [field = ''] = Object.keys(change)
          const patched = await as('PATCH', `/carts/${id}`, change)
          assert.deepEqual([patched.status, patched.body.code, patched.body.path], [403, 'missing_scope', `/${field}`], who)
          const commanded = await as('POST', `/carts/${id}/commands`, { commands: [{ change }] })
          assert.deepEqual([commanded.status, commanded.body.path], [403, `/commands/0/change/${field}`], who)
        }
      assert.deepEqual(totals(await read(call)), [200, 0, 1000])
      expect2xx(await may('PATCH', `/carts/${id}`, { vatIdChecked: true }))
      assert.deepEqual(totals(await read(call)), [0, -200, 800])
      expect2xx(await call('PATCH', CURRENT, { vatId: 'DE811569869' }))
      assert.deepEqual(totals(await read(call)), [200, 0, 1000], 'another number is not checked any more')
      expect2xx(await may('PATCH', `/carts/${id}`, { taxExempt: true }))
      assert.deepEqual(totals(await read(call)), [0, -200, 800])
    })

    test('the history tells what was said of the buyer', async () => {
      const { base, admin } = await shopWith()
      const { call, id } = await guestOf(base)
      expect2xx(await call('PATCH', CURRENT, { vatId: 'DE136695976' }))
      expect2xx(await admin('PATCH', `/carts/${id}`, { taxExempt: true, vatIdChecked: true }))
      const [newest, before] = (await admin('GET', `/carts/${id}/history`)).body.items
      const paths = (entry: { changes: { path: string; after: unknown }[] }) => entry.changes.map(({ path, after }) => [path, after])
      assert.deepEqual(paths(newest), [
        ['/vatIdChecked', true],
        ['/taxExempt', true],
      ])
      assert.deepEqual(paths(before), [['/vatId', 'DE136695976']])
    })

    test('who restored a cart by a link sees neither the VAT id nor the exemption, and does not order with them', async () => {
      const { base, admin } = await shopWith()
      const { call, id } = await guestOf(base)
      expect2xx(await call('PATCH', CURRENT, { vatId: 'DE136695976' }))
      expect2xx(await admin('PATCH', `/carts/${id}`, { taxExempt: true }))
      const link = expect2xx(await call('POST', `${CURRENT}/restore-links`)).body
      const restored = expect2xx(await caller(base)('POST', '/carts/restore', { token: link.token })).body
      const holder = caller(base, restored.token)
      const seen = (await holder('GET', `/carts/${id}`)).body
      assert.deepEqual([seen.vatId, seen.taxExempt, totals(seen)], [null, false, [0, 0, 1000]])
      expect2xx(await holder('PATCH', `/carts/${id}`, { note: 'for you' }))
      const kept = await read(call)
      assert.deepEqual([kept.note, kept.vatId, kept.taxExempt, totals(kept)], ['for you', 'DE136695976', true, [0, -200, 800]])
      const own = expect2xx(await holder('PATCH', `/carts/${id}`, { shippingAddress: GERMANY, vatId: 'DE811569869' })).body.cart
      assert.deepEqual([own.vatId, own.taxExempt, totals(own)], ['DE811569869', false, [200, 0, 1000]])
    })

    test('a VAT id goes along when a guest logs in, and an exemption of the guest does not make the account exempt', async () => {
      const shop = `${url}/v1/shops/demo`
      const login = async (name: string) =>
        caller(shop, expect2xx(await caller(url)('POST', '/v1/demo/login', { accountId: name })).body.token as string)
      const account = await login(`taxes-${dialect}`)
      expect2xx(await account('POST', `${CURRENT}/lines`, { sku: 'MUG-INK' }))
      const { token, cart } = expect2xx(await caller(shop)('POST', `${CURRENT}/lines`, { sku: 'MUG-STONE' })).body
      expect2xx(await caller(shop, ADMIN)('PATCH', `/carts/${cart.id}`, { vatId: 'DE136695976', vatIdChecked: true, taxExempt: true }))
      const merged = expect2xx(await account('POST', `${CURRENT}/merge`, { carts: [{ id: cart.id, token }] })).body.cart
      assert.deepEqual([merged.vatId, merged.vatIdChecked, merged.taxExempt], ['DE136695976', true, false])
    })

    test('tax rates are listed, added, replaced and removed one by one, and prices follow at once', async () => {
      const { base, admin } = await shopWith({ rates: [] })
      const { call } = await guestOf(base)
      const list = async () => (await admin('GET', '/tax-rates')).body.items
      const added = expect2xx(await admin('POST', '/tax-rates', RATE))
      assert.equal(added.status, 201)
      assert.match(added.body.id, /^txr_/)
      assert.deepEqual(await list(), [added.body])
      assert.deepEqual(totals(await read(call)), [200, 0, 1000])
      const path = `/tax-rates/${added.body.id}`
      assert.deepEqual(expect2xx(await admin('PUT', path, { ...RATE, percent: '60' })).body, { ...added.body, percent: '60' })
      assert.deepEqual(totals(await read(call)), [375, 0, 1000])
      const second = expect2xx(await admin('POST', '/tax-rates', { ...RATE, id: 'berlin', postalCodes: ['101*'], percent: '0' })).body
      assert.deepEqual(totals(await read(call)), [0, 0, 1000])
      assert.equal((await admin('DELETE', path)).status, 204)
      assert.deepEqual(await list(), [second])
      for (const [method, body] of [
        ['PUT', RATE],
        ['DELETE', undefined],
      ] as const)
        assertProblem(await admin(method, path, body), 404, 'tax_rate_not_found')
      const audited = (await admin('GET', '/audit')).body.items.map(({ action }: { action: string }) => action)
      assert.equal(audited.filter((action: string) => action === 'settings.changed').length, 5)
    })

    test('what was exported can be imported, here and in another shop, and says the same', async () => {
      const rates = [
        { ...RATE, id: 'de' },
        { name: 'State', tax: 'state', category: 'standard', country: 'US', region: 'CA', percent: '7.25', included: false },
        {
          name: 'City',
          tax: 'city',
          category: 'standard',
          country: 'US',
          postalCodes: ['94103', '941*'],
          percent: '1',
          included: false,
          compound: true,
        },
      ]
      const { admin } = await shopWith({ rates: [] })
      const exported = expect2xx(await admin('PUT', '/tax-rates', { items: rates })).body
      const { items } = exported
      assert.deepEqual(
        items.map(({ id }: { id: string }) => id),
        ['de', 'standard/US/CA/state', 'standard/US/city'],
      )
      const other = await shopWith({ rates: [] })
      assert.deepEqual(expect2xx(await other.admin('PUT', '/tax-rates', exported)).body.items, items)
      assert.deepEqual((await other.admin('GET', '/tax-rates')).body.items, items)
      const path = `/tax-rates/${encodeURIComponent('standard/US/city')}`
      assert.equal(expect2xx(await other.admin('PUT', path, { ...items[2], id: undefined, percent: '2' })).body.id, 'standard/US/city')
    })

    test('rates that contradict each other are refused with their path, and nothing changes', async () => {
      const { admin } = await shopWith()
      const was = (await admin('GET', '/tax-rates')).body
      const codes = (id: string, ...postalCodes: string[]) => ({ ...RATE, id, postalCodes })
      const wrong: [method: string, path: string, body: object, at: string, reason: string][] = [
        ['PUT', '/tax-rates', { items: [codes('a', '1*'), codes('b', '2*', '10115')] }, '/items/1/postalCodes/1', 'same_zone'],
        [
          'PUT',
          '/tax-rates',
          {
            items: [
              { ...RATE, id: 'a' },
              { ...RATE, id: 'b' },
            ],
          },
          '/items/1',
          'same_zone',
        ],
        ['PUT', '/tax-rates', { items: [RATE, { ...RATE, tax: 'city', included: false }] }, '/items/1/included', 'included_and_added'],
        ['POST', '/tax-rates', RATE, '', 'same_zone'],
        ['POST', '/tax-rates', codes('c', '9-1'), '/postalCodes/0', 'range_backwards'],
        ['PUT', `/tax-rates/${encodeURIComponent('standard/DE')}`, { ...RATE, id: 'else' }, '/id', 'another_id_than_in_the_address'],
        ['PATCH', '/settings', { tax: { rates: [RATE, RATE] } }, '/tax/rates/1', 'same_zone'],
      ]
      for (const [method, path, body, at, reason] of wrong) {
        const refused = await admin(method, path, body)
        assertProblem(refused, 422, 'invalid')
        assert.deepEqual([refused.body.path, refused.body.reason], [at, reason], `${method} ${path}`)
      }
      const taken = await admin('POST', '/tax-rates', { ...RATE, country: 'AT', id: 'standard/DE' })
      assertProblem(taken, 409, 'already_exists')
      assert.deepEqual((await admin('GET', '/tax-rates')).body, was)
    })

    test('rates that are added at once are all there, and one that is added twice under one key is there once', async () => {
      const { admin } = await shopWith({ rates: [] })
      const key = { 'idempotency-key': randomUUID() }
      const answers = await atOnce(12, (index) =>
        index < 8
          ? admin('POST', '/tax-rates', { ...RATE, category: `c${index}` })
          : admin('POST', '/tax-rates', { ...RATE, category: 'once' }, key),
      )
      for (const answer of answers) assert.equal(answer.status, 201, JSON.stringify(answer.body))
      assert.equal(new Set(answers.slice(8).map(({ body }) => body.id)).size, 1)
      assert.equal((await admin('GET', '/tax-rates')).body.items.length, 9)
    })

    test('an order keeps its taxes when the shop rounds elsewhere', async () => {
      const { base, admin } = await shopWith({ rates: [{ ...RATE, percent: '5.5', included: false }] })
      const { call, id } = await guestOf(base)
      expect2xx(
        await admin('PUT', '/products/odd', {
          ...ware('ODD', { taxCategory: 'standard' }, { taxable: true, prices: [{ currency: 'USD', amount: 1620 }] }),
          handle: 'odd',
        }),
      )
      expect2xx(await call('PUT', `${CURRENT}/lines`, { lines: [{ sku: 'ODD', quantity: 65 }], mode: 'replace' }))
      const { order } = expect2xx(await call('POST', '/orders', { cartId: id })).body
      assert.equal(order.total.amount, 111_092)
      expect2xx(await admin('PATCH', '/settings', { tax: { roundingLevel: 'unit' } }))
      assert.equal((await call('GET', `/orders/${order.id}`)).body.total.amount, 111_092)
      assert.equal((await read(call)).total.amount, 111_085)
    })
  })
