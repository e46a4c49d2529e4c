// The preset `store`: a product store's personal cart. Accounts only, the shop counts quantities, recharge amounts are checked by the server,
// subscriptions are bought elsewhere, one currency, Buy and Delete per row.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { caller, eventually } from '../harness.ts'
import { contentOfTables } from '../http-probe.ts'
import { expect2xx, login } from '../nodes.ts'
import { linesOf, payFor, presetShops, readyToOrder, shown, told, ware } from './shop.ts'

const LINES = '/carts/current/lines'

for (const shop of await presetShops('store')) {
  const { reader } = shop.server.engine.store
  await shop.products(
    ware('BOOK'),
    ware('PEN', {}, { prices: [{ currency: 'USD', amount: 300 }] }),
    ware('EURO', {}, { prices: [{ currency: 'EUR', amount: 900 }] }),
    ware('YEN', {}, { prices: [{ currency: 'JPY', amount: 1005 }] }),
    ware('SCARCE', {}, { stockPolicy: 'deny', onHand: 2 }),
    ware(
      'TOPUP',
      { kind: 'recharge', recharge: { currency: 'USD', presets: [1000, 2500], allowCustom: true, min: 500, step: 50 } },
      { prices: [] },
    ),
    ware('PRESETS', { kind: 'recharge', recharge: { currency: 'USD', presets: [1000, 2500], allowCustom: false } }, { prices: [] }),
  )
  let count = 0
  const customer = () => shop.account(`store-${++count}`)

  /** Nothing in the database moves while `work` is refused. */
  async function changesNothing(work: () => Promise<void>): Promise<void> {
    const before = await contentOfTables(reader)
    await work()
    assert.deepEqual(await contentOfTables(reader), before)
  }

  describe(`store on ${shop.dialect}`, () => {
    test('SEED0-02 the cart belongs to an account; nobody else has one', async () => {
      assert.equal(told(await shop.nobody('POST', LINES, { sku: 'BOOK' })), '401 login_required')
      const call = await customer()
      assert.equal(expect2xx(await call('POST', LINES, { sku: 'BOOK' })).body.cart.owner.kind, 'account')
    })

    test('SEED0-03 logged in again, on another device, the items are still there', async () => {
      const name = `again-${++count}`
      expect2xx(await (await shop.account(name))('POST', LINES, { sku: 'BOOK' }))
      assert.deepEqual(await linesOf(await shop.account(name)), ['BOOK × 1'])
    })

    test('SEED0-04 a product is added at its listed price; an amount is neither asked nor taken', async () => {
      const call = await customer()
      const { cart } = expect2xx(await call('POST', LINES, { sku: 'BOOK' })).body
      assert.deepEqual(cart.lines[0].unitPrice, { amount: 1000, currency: 'USD' })
      assert.equal(told(await call('POST', LINES, { sku: 'BOOK', amount: 1 })), '422 amount_invalid')
      assert.equal(told(await call('POST', LINES, { sku: 'BOOK', unitPrice: 1 })), '422 custom_price_forbidden')
    })

    test('SEED0-05 SEED0-62 a recharge needs an amount: a preset, or an own one where that is allowed', async () => {
      const call = await customer()
      const asked = await call('POST', LINES, { sku: 'TOPUP' })
      assert.equal(told(asked), '422 amount_required')
      assert.deepEqual([asked.body.presets, asked.body.allowCustom, asked.body.min, asked.body.step], [[1000, 2500], true, 500, 50])
      for (const amount of [2500, 1550]) expect2xx(await call('POST', LINES, { sku: 'TOPUP', amount }))
      assert.equal(told(await call('POST', LINES, { sku: 'PRESETS', amount: 1550 })), '422 amount_invalid')
      expect2xx(await call('POST', LINES, { sku: 'PRESETS', amount: 1000 }))
    })

    test('SEED0-06 an amount of zero, below, beyond, out of step or no number at all is refused before anything is kept', async () => {
      const call = await customer()
      await changesNothing(async () => {
        for (const amount of [0, -500, 1.5, 1e308, '1000', 'ten', 499, 1001]) {
          const answer = await call('POST', LINES, { sku: 'TOPUP', amount })
          assert.equal(answer.status, 422, `${amount}: ${told(answer)}`)
          assert.match(answer.body.path, /amount/)
        }
      })
    })

    test('SEED0-07 a subscription is not put into the cart; the refusal says where it is bought', async () => {
      const call = await customer()
      await changesNothing(async () => {
        const answer = await call('POST', LINES, { sku: 'COFFEE-CLUB', plan: 'monthly' })
        assert.equal(told(answer), '422 not_cartable')
        assert.equal(answer.body.buyUrl, '/products/coffee-club')
      })
    })

    test('SEED0-08 a product of another currency is refused with both currencies, and the cart is unchanged', async () => {
      const call = await customer()
      expect2xx(await call('POST', LINES, { sku: 'BOOK' }))
      await changesNothing(async () => {
        const answer = await call('POST', LINES, { sku: 'EURO' })
        assert.equal(told(answer), '409 currency_mismatch')
        assert.deepEqual([answer.body.cartCurrency, answer.body.currencies], ['USD', ['EUR']])
      })
      const other = await customer()
      assert.equal(expect2xx(await other('POST', LINES, { sku: 'EURO' })).body.cart.currency, 'EUR')
    })

    test('SEED0-09 SEED0-11 the same product again counts up, also when its price changed in between', async () => {
      const call = await customer()
      expect2xx(await call('POST', LINES, { sku: 'PEN' }))
      await shop.products(ware('PEN', {}, { prices: [{ currency: 'USD', amount: 350 }] }))
      const { cart } = expect2xx(await call('POST', LINES, { sku: 'PEN' })).body
      assert.deepEqual([shown(cart), cart.total.amount], [['PEN × 2'], 700])
    })

    test('SEED0-10 the same recharge with another amount is a line of its own', async () => {
      const call = await customer()
      for (const amount of [1000, 2500, 1000]) expect2xx(await call('POST', LINES, { sku: 'TOPUP', amount }))
      const { body } = await call('GET', '/carts/current')
      assert.deepEqual(
        body.lines.map((line: { amount: { amount: number }; quantity: number }) => [line.amount.amount, line.quantity]).sort(),
        [
          [1000, 2],
          [2500, 1],
        ],
      )
      assert.equal(body.total.amount, 4500)
    })

    test('SEED0-16 a row shows name, display name, image, price, currency and quantity', async () => {
      const call = await customer()
      const [line] = expect2xx(await call('POST', LINES, { sku: 'BOOK', quantity: 3 })).body.cart.lines
      const { handle, name, image, unitPrice, itemTotal, quantity } = line
      assert.deepEqual([handle, name, image, quantity], ['book', 'Product BOOK', '/images/BOOK.svg', 3])
      assert.deepEqual(
        [unitPrice, itemTotal],
        [
          { amount: 1000, currency: 'USD' },
          { amount: 3000, currency: 'USD' },
        ],
      )
    })

    test('SEED0-17 nobody sets a quantity: changing, filling and commands are 403, adding and deleting work', async () => {
      const call = await customer()
      const { cart } = expect2xx(await call('POST', LINES, { sku: 'BOOK' })).body
      const lineId = cart.lines[0].id
      await changesNothing(async () => {
        for (const quantity of [0, 1, 5])
          assert.equal(told(await call('PATCH', `${LINES}/${lineId}`, { quantity })), '403 quantity_managed')
        for (const mode of ['upsert', 'replace'])
          assert.equal(told(await call('PUT', LINES, { mode, lines: [{ sku: 'BOOK', quantity: 9 }] })), '403 quantity_managed')
        const commands = [{ add: { lines: [{ sku: 'PEN' }] } }, { set: { lineId, quantity: 9 } }]
        assert.equal(told(await call('POST', '/carts/current/commands', { commands })), '403 quantity_managed')
      })
      expect2xx(await call('PATCH', `${LINES}/${lineId}`, { note: 'a present' }))
      expect2xx(await call('POST', LINES, { sku: 'BOOK', quantity: 2 }))
      assert.deepEqual(await linesOf(call), ['BOOK × 3'])
    })

    test('SEED0-19 deleting a row removes that line and no other', async () => {
      const call = await customer()
      const { cart } = expect2xx(await call('POST', LINES, { lines: [{ sku: 'BOOK' }, { sku: 'PEN' }] })).body
      const book = cart.lines.find((line: { sku: string }) => line.sku === 'BOOK')
      assert.deepEqual(shown(expect2xx(await call('DELETE', `${LINES}/${book.id}`)).body.cart), ['PEN × 1'])
    })

    test('SEED0-20 SEED0-29 one row is bought by itself; it and the others stay in the cart', async () => {
      const call = await customer()
      const { cart } = expect2xx(await call('POST', LINES, { lines: [{ sku: 'BOOK' }, { sku: 'PEN', quantity: 2 }] })).body
      await readyToOrder(call)
      const book = cart.lines.find((line: { sku: string }) => line.sku === 'BOOK')
      const ordered = expect2xx(await call('POST', '/orders', { cartId: cart.id, lines: [book.id] })).body
      const placed = await payFor(call, ordered)
      assert.deepEqual([shown(placed), placed.total.amount], [['BOOK × 1'], 1000])
      assert.deepEqual((await linesOf(call)).sort(), ['BOOK × 1', 'PEN × 2'])
    })

    test('SEED0-22 the newest line comes first, and the total is the sum of the lines that can be bought', async () => {
      const call = await customer()
      for (const sku of ['BOOK', 'SCARCE', 'PEN']) expect2xx(await call('POST', LINES, { sku }))
      assert.deepEqual(await linesOf(call), ['PEN × 1', 'SCARCE × 1', 'BOOK × 1'])
      const many = await customer()
      expect2xx(await many('POST', LINES, { lines: ['BOOK', 'SCARCE', 'PEN'].map((sku) => ({ sku })) }))
      assert.deepEqual(await linesOf(many), ['PEN × 1', 'SCARCE × 1', 'BOOK × 1'])
      const { body } = await many('GET', '/carts/current')
      const sum = body.lines.reduce((total: number, line: { total: { amount: number } }) => total + line.total.amount, 0)
      assert.equal(body.total.amount, sum)
    })

    test('SEED0-24 SEED0-25 SEED0-26 SEED0-35 a product that is not for sale any more is flagged, costs nothing, blocks ordering, and comes back', async () => {
      await shop.products(ware('GONE'))
      const call = await customer()
      const { cart } = expect2xx(await call('POST', LINES, { lines: [{ sku: 'BOOK' }, { sku: 'GONE' }] })).body
      await readyToOrder(call)
      await shop.products(ware('GONE', { published: false }))
      const { body } = await call('GET', '/carts/current')
      const gone = body.lines.find((line: { sku: string }) => line.sku === 'GONE')
      assert.deepEqual([gone.state, body.total.amount], ['UNAVAILABLE', 1000])
      assert.deepEqual(
        body.notices.map((each: { code: string; path: string }) => [each.code, each.path]),
        [['line_unavailable', `/lines/${gone.id}`]],
      )
      assert.equal(told(await call('POST', '/orders', { cartId: cart.id })), '409 line_unavailable')
      await shop.products(ware('GONE'))
      const back = (await call('GET', '/carts/current')).body
      assert.deepEqual([back.total.amount, back.notices], [2000, []])
    })

    test('SEED0-33 more than there is cannot be ordered, whatever the cart says', async () => {
      const call = await customer()
      expect2xx(await call('POST', LINES, { sku: 'SCARCE', quantity: 2 }))
      await readyToOrder(call)
      expect2xx(await shop.admin('PUT', '/stock/SCARCE', { onHand: 1 }))
      const refused = await eventually(async () => {
        const answer = await call('POST', '/orders', { cartId: 'current' })
        return answer.status !== 201 && answer
      })
      assert.equal(told(refused), '409 insufficient_stock')
      assert.deepEqual([refused.body.asked, refused.body.available], [2, 1])
      expect2xx(await shop.admin('PUT', '/stock/SCARCE', { onHand: 2 }))
    })

    test('SEED0-34 no quantity below one, and no amount that the product does not take, reaches an order', async () => {
      const call = await customer()
      await changesNothing(async () => {
        for (const quantity of [0, -1, -0.5, 1.5, '2', 1e308])
          assert.equal((await call('POST', LINES, { sku: 'BOOK', quantity })).status, 422, String(quantity))
      })
      const { cart } = expect2xx(await call('POST', LINES, { sku: 'TOPUP', amount: 1550 })).body
      await readyToOrder(call)
      const rule = { currency: 'USD', presets: [1000, 2500], allowCustom: true, min: 500, step: 50 }
      await shop.products(ware('TOPUP', { kind: 'recharge', recharge: { ...rule, allowCustom: false } }, { prices: [] }))
      assert.equal(told(await call('POST', '/orders', { cartId: cart.id })), '422 amount_invalid')
      await shop.products(ware('TOPUP', { kind: 'recharge', recharge: rule }, { prices: [] }))
    })

    test('SEED0-55 a discount is whole units of its currency: ten per cent of ¥1005 is ¥101', async () => {
      const call = await customer()
      expect2xx(await call('POST', LINES, { sku: 'YEN' }))
      const { cart } = expect2xx(await call('POST', '/carts/current/codes', { code: 'WELCOME10' })).body
      assert.deepEqual(
        [cart.discountTotal, cart.total],
        [
          { amount: -101, currency: 'JPY' },
          { amount: 904, currency: 'JPY' },
        ],
      )
    })

    test('SEED0-58 two tabs that add at the same time lose nothing of each other', async () => {
      const token = await login(shop.server.url, `tabs-${++count}`)
      const tabs = [caller(`${shop.server.url}/v1/shops/store`, token), caller(`${shop.server.url}/v1/shops/store`, token)]
      await Promise.all(
        tabs.flatMap((tab) => ['BOOK', 'PEN', 'BOOK', 'SCARCE'].map(async (sku) => expect2xx(await tab('POST', LINES, { sku })))),
      )
      assert.deepEqual((await linesOf(tabs[0] ?? shop.nobody)).sort(), ['BOOK × 4', 'PEN × 2', 'SCARCE × 2'])
    })
  })
}
