// A cart stays true while others act: two server processes on one PostgreSQL, and what changes on one is what the other answers. Prices at once;
// stock and the uses of codes, which are not part of a price's epoch, within a second. Nothing changes silently, and what comes back comes back.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { ADMIN, type Answer, caller, eventually, freshDatabase } from './harness.ts'
import { expect2xx, login, type Node, startNode, stockUp, wares } from './nodes.ts'
import { openStream } from './streams.ts'

const SHOP = '/v1/shops/demo'
const CURRENT = `${SHOP}/carts/current`
/** How old what is known of stock and of codes may be, and what a request may take on a busy machine. */
const WITHIN_MS = 1000 + 500

type Call = ReturnType<typeof caller>

const databaseUrl = await freshDatabase('postgres')

describe('two nodes on one database', () => {
  const nodes: Node[] = []
  let made = 0

  before(async () => {
    nodes.push(await startNode(databaseUrl), await startNode(databaseUrl))
  })
  after(() => Promise.all(nodes.map((node) => node.kill())))

  const url = (node: 0 | 1) => nodes[node]?.url ?? assert.fail('the node is not up')

  async function shopper(): Promise<{ here: Call; there: Call; token: string }> {
    const token = await login(url(0), `true-${made++}`)
    return { here: caller(url(0), token), there: caller(url(1), token), token }
  }

  /** A product of one variant; its sku. */
  async function sell(amount: number, onHand?: number, handle = `T-${made++}`): Promise<{ sku: string; handle: string }> {
    const [ware] = wares(1, handle, onHand)
    assert.ok(ware)
    const variants = ware.variants.map((variant) => ({ ...variant, prices: [{ currency: 'USD', amount }] }))
    await stockUp(url(0), 'demo', [{ ...ware, variants }])
    return { sku: `${handle}-0`, handle }
  }

  /** Buys what is in the cart, up to the open order: it holds the stock and the uses of codes. */
  async function order(call: Call): Promise<Answer> {
    const { cart } = expect2xx(await call('PATCH', CURRENT, { email: 'o@example.com' })).body
    return expect2xx(await call('POST', `${SHOP}/orders`, { cartId: cart.id }))
  }

  const codesOf = (cart: Answer['body']) => (cart.notices as { code: string }[]).map((notice) => notice.code)

  /** The first answer of a read that fits; how long it took is held against the promise. */
  async function soon(call: Call, fits: (cart: Answer['body']) => boolean): Promise<Answer['body']> {
    const started = Date.now()
    const read = async () => {
      const { body } = expect2xx(await call('GET', CURRENT))
      return fits(body) && body
    }
    const cart = await eventually(read, WITHIN_MS, 'the cart to tell')
    assert.ok(Date.now() - started <= WITHIN_MS)
    return cart
  }

  test('SEED0-27 SEED4-01 a price that is changed through one node is seen by the very next read on the other, and told', async () => {
    const { sku, handle } = await sell(1000)
    const { here, there } = await shopper()
    expect2xx(await there('POST', `${CURRENT}/lines`, { sku, quantity: 2 }))
    for (const [amount, told] of [
      [1500, 'price_increased'],
      [700, 'price_decreased'],
    ] as const) {
      await sell(amount, undefined, handle)
      for (const call of [there, here]) {
        const { body } = expect2xx(await call('GET', CURRENT))
        assert.equal(body.itemTotal.amount, 2 * amount)
        assert.deepEqual(codesOf(body), [told])
        assert.deepEqual(body.notices[0].params, { sku, from: 1000, to: amount, currency: 'USD' })
      }
    }
    await sell(1000, undefined, handle)
    assert.deepEqual(codesOf((await there('GET', CURRENT)).body), [])
  })

  for (const [where, node] of [
    ['the same node', 0],
    ['the other node', 1],
  ] as const) {
    test(`another shopper buys the last piece: my next read on ${where} says so within a second, and after a restock the line is back`, async () => {
      const { sku } = await sell(1000, 1)
      const mine = await shopper()
      const my = node === 0 ? mine.here : mine.there
      const theirs = await shopper()
      expect2xx(await mine.here('POST', `${CURRENT}/lines`, { sku }))
      expect2xx(await theirs.here('POST', `${CURRENT}/lines`, { sku }))
      assert.deepEqual(codesOf((await my('GET', CURRENT)).body), [])
      await order(theirs.here)
      const short = await soon(my, (cart) => codesOf(cart).includes('insufficient_stock'))
      const [notice] = short.notices
      assert.deepEqual([notice.severity, notice.params], ['error', { sku, wanted: 1, available: 0 }])
      assert.match(notice.message, /sold out/)
      assert.deepEqual(
        (await my('GET', `${CURRENT}/validation`)).body.problems.map((problem: { code: string }) => problem.code),
        ['insufficient_stock', 'email_required'],
      )
      expect2xx(await caller(url(0), ADMIN)('PUT', `${SHOP}/stock/${sku}`, { delta: 1 }))
      const back = await soon(my, (cart) => codesOf(cart).length === 0)
      assert.deepEqual([back.lines[0].sku, back.lines[0].quantity, back.lines[0].state], [sku, 1, 'AVAILABLE'])
      assert.equal((await order(mine.there)).status, 201)
    })

    test(`another shopper takes the last use of a code: my next read on ${where} says so within a second, and it applies again when it is given back`, async () => {
      const { sku } = await sell(1000)
      const admin = caller(url(0), ADMIN)
      const code = `LAST${made++}`
      const promotion = expect2xx(
        await admin('POST', `${SHOP}/promotions`, {
          name: code,
          conditions: [{ kind: 'code' }],
          benefit: { kind: 'percent_off', percent: '50' },
        }),
      ).body
      expect2xx(await admin('POST', `${SHOP}/promotions/${promotion.id}/codes`, { code, usesMax: 1 }))
      const mine = await shopper()
      const my = node === 0 ? mine.here : mine.there
      const theirs = await shopper()
      for (const { here } of [mine, theirs]) {
        expect2xx(await here('POST', `${CURRENT}/lines`, { sku }))
        expect2xx(await here('POST', `${CURRENT}/codes`, { code }))
      }
      assert.equal((await my('GET', CURRENT)).body.total.amount, 500)
      const { order: taken } = (await order(theirs.here)).body
      const without = await soon(my, (cart) => cart.total.amount === 1000)
      assert.deepEqual([without.codes[0].code, without.codes[0].applied], [code, false])
      expect2xx(await theirs.there('POST', `${SHOP}/orders/${taken.id}/cancel`))
      const again = await soon(my, (cart) => cart.total.amount === 500)
      assert.equal(again.codes[0].applied, true)
    })
  }

  test('another shopper takes the last use of an offer without a code: my next read says so within a second', async () => {
    const shop = '/v1/shops/service'
    const admin = caller(url(0), ADMIN)
    const promotion = { name: 'First one', conditions: [], benefit: { kind: 'percent_off', percent: '50' }, usesMax: 1 }
    expect2xx(await admin('POST', `${shop}/promotions`, promotion))
    const current = `${shop}/carts/current`
    const carts = await Promise.all(
      ([0, 1] as const).map(async (node) => {
        const { token, cart } = expect2xx(await caller(url(0))('POST', `${current}/lines`, { sku: 'MUG-STONE' })).body
        return { call: caller(url(node), token), cart }
      }),
    )
    const [theirs, mine] = carts
    assert.ok(theirs && mine)
    const total = async () => (await mine.call('GET', current)).body.discountTotal.amount
    assert.ok((await total()) < 0)
    const address = { country: 'US', region: 'OR', city: 'Salem', line1: '1 St', postalCode: '97301', name: 'R' }
    expect2xx(await theirs.call('PATCH', current, { email: 'o@example.com', shippingAddress: address, shippingMethod: 'standard' }))
    expect2xx(await theirs.call('POST', `${shop}/orders`, { cartId: theirs.cart.id }))
    await eventually(async () => (await total()) === 0, WITHIN_MS, 'the discount to go')
  })

  test('SEED2-46 what one node changes (a line, a price, the last piece) arrives on the stream of the other', async () => {
    const { sku, handle } = await sell(1000)
    const scarce = await sell(1000, 1)
    const mine = await shopper()
    const stream = await openStream(`${url(1)}${CURRENT}/stream`, mine.token)
    await stream.next()
    expect2xx(await mine.here('POST', `${CURRENT}/lines`, { lines: [{ sku }, { sku: scarce.sku }] }))
    await stream.until(({ data }) => data.itemCount === 2, 1000)
    await sell(1250, undefined, handle)
    await stream.until(({ data }) => codesOf(data).includes('price_increased'), 1000)
    const theirs = await shopper()
    expect2xx(await theirs.here('POST', `${CURRENT}/lines`, { sku: scarce.sku }))
    await order(theirs.here)
    await stream.until(({ data }) => codesOf(data).includes('insufficient_stock'), WITHIN_MS)
    expect2xx(await caller(url(0), ADMIN)('PUT', `${SHOP}/stock/${scarce.sku}`, { delta: 1 }))
    await stream.until(({ data }) => !codesOf(data).includes('insufficient_stock'), WITHIN_MS)
    stream.close()
  })
})
