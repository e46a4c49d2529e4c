// The cart that a page holds, against a real server: what is kept on the device, what waits while there is no network and is done once all the
// same, what is shown before the server answers, and how tabs, logins and orders stay in step.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type CartStore, type CartView, createCart } from '../src/client/cart.ts'
import type { CartwrightError } from '../src/client/problem.ts'
import type { PricedCart } from '../src/core/pricing.ts'
import { cartAtServer, Device, Network, openPage, quantities, type Test, until } from './devices.ts'
import { ADMIN, caller, eventually, freshDatabase, startTestServer } from './harness.ts'
import { login, startNode, stockUp, wares } from './nodes.ts'

const server = await startTestServer(await freshDatabase('sqlite'))
const admin = caller(server.url, ADMIN)
await stockUp(server.url, 'demo', wares(3, 'WARE'))
await stockUp(server.url, 'demo', wares(1, 'RARE', 3))
const [tiered] = wares(1, 'TIER')
await stockUp(server.url, 'demo', [
  {
    ...tiered,
    variants: tiered?.variants.map((variant) => ({
      ...variant,
      prices: [...variant.prices, { currency: 'USD', amount: 80, quantityFrom: 10 }],
    })),
  },
])

/** Opens a page with a cart on this server; it is closed after the test. */
function page(t: Test, device: Device, network: Network = new Network(), shop = 'demo', url = server.url): CartStore {
  return openPage(t, url, device, network, shop)
}

/** The cart as the server has it, asked by nobody who remembers anything. */
function atServer(device: Device, shop = 'demo', url = server.url): Promise<PricedCart> {
  return cartAtServer(url, device, shop)
}

describe('a guest on a device', () => {
  it('SEED2-08 has one cart per shop, made by the first item, and each shop has its own', async (t) => {
    const device = new Device()
    const demo = page(t, device)
    assert.equal(await demo.ready(), null)
    assert.equal(device.kept.size, 0)
    const cart = await demo.add({ sku: 'WARE-0' })
    assert.deepEqual(quantities(cart), { 'WARE-0': 1 })
    const other = page(t, device, new Network(), 'store')
    await other.ready()
    assert.equal(other.get().cart, null)
    assert.deepEqual([...device.kept.keys()], ['cartwright:demo'])
    assert.deepEqual(quantities(await demo.add([{ sku: 'WARE-0' }, { sku: 'WARE-1', quantity: 2 }])), { 'WARE-0': 2, 'WARE-1': 2 })
  })

  it('SEED2-09 SEED2-07 is known again on a later visit', async (t) => {
    const device = new Device()
    const first = page(t, device)
    const { id } = await first.add({ sku: 'WARE-0' })
    first.close()
    const later = page(t, device)
    assert.equal((await later.ready())?.id, id)
    assert.equal(later.get().status, 'ready')
  })
})

describe('a guest that is gone', () => {
  it('SEED2-11 is forgotten, and the change that met it makes a new one', async (t) => {
    const device = new Device()
    const cart = page(t, device)
    const former = await cart.add({ sku: 'WARE-0', quantity: 5 })
    device.setItem('cartwright:demo', `ct_gst_${'0'.repeat(32)}_${'x'.repeat(43)}`)
    const fresh = await cart.add({ sku: 'WARE-1' })
    assert.notEqual(fresh.id, former.id)
    assert.deepEqual(quantities(fresh), { 'WARE-1': 1 })
    assert.deepEqual(quantities(cart.get().cart), { 'WARE-1': 1 })
    assert.deepEqual(quantities(await atServer(device)), { 'WARE-1': 1 })
    assert.deepEqual(cart.get().refused, [])
  })

  it('SEED2-11 is forgotten on a later visit, too', async (t) => {
    const device = new Device()
    device.setItem('cartwright:demo', `ct_gst_${'0'.repeat(32)}_${'x'.repeat(43)}`)
    const cart = page(t, device)
    assert.equal(await cart.ready(), null)
    assert.equal(device.getItem('cartwright:demo'), null)
    assert.deepEqual(quantities(await cart.add({ sku: 'WARE-0' })), { 'WARE-0': 1 })
  })

  it('SEED2-11 a cart that was deleted elsewhere is followed by a new one of the same guest', async (t) => {
    const device = new Device()
    const cart = page(t, device)
    cart.subscribe(() => {})
    const former = await cart.add({ sku: 'WARE-0' })
    const token = device.getItem('cartwright:demo') ?? ''
    assert.equal((await caller(server.url, token)('DELETE', `/v1/shops/demo/carts/${former.id}`)).status, 200)
    await until(cart, (view) => view.cart === null, 'the cart to go')
    const fresh = await cart.add({ sku: 'WARE-1' })
    assert.notEqual(fresh.id, former.id)
    assert.equal(device.getItem('cartwright:demo'), token)
  })
})

describe('changes that wait', () => {
  it('50 fast adds are 50 pieces in few requests', async (t) => {
    const device = new Device()
    const network = new Network()
    const cart = page(t, device, network)
    const answers = await Promise.all(Array.from({ length: 50 }, () => cart.add({ sku: 'WARE-0' })))
    assert.deepEqual(quantities(await atServer(device)), { 'WARE-0': 50 })
    assert.deepEqual(quantities(answers.at(-1) ?? null), { 'WARE-0': 50 })
    assert.ok(network.writes.length <= 3, `${network.writes.length} requests`)
    assert.deepEqual([cart.get().pending, cart.get().isEstimated], [0, false])
  })

  it('are shown and kept while there is no network, and done when it is back', async (t) => {
    const device = new Device()
    const network = new Network()
    const cart = page(t, device, network)
    await cart.client.call('GET /v1/shops/{shop}/products', {})
    await cart.add({ sku: 'WARE-0' })
    network.isDown = true
    const added = cart.add({ sku: 'WARE-0', quantity: 2 })
    const view = await until(cart, ({ status }) => status === 'offline', 'the network to be missed')
    assert.deepEqual([quantities(view.cart), view.pending, view.isEstimated], [{ 'WARE-0': 3 }, 1, true])
    network.isDown = false
    assert.deepEqual(quantities(await added), { 'WARE-0': 3 })
    assert.equal((await until(cart, ({ status }) => status === 'ready', 'it to be ready')).pending, 0)
    assert.deepEqual(quantities(await atServer(device)), { 'WARE-0': 3 })
  })

  it('outlive a reload without a network, and go on under the same key', async (t) => {
    const device = new Device()
    const network = new Network()
    const before = page(t, device, network)
    await before.client.call('GET /v1/shops/{shop}/products', {})
    await before.add({ sku: 'WARE-0' })
    network.isDown = true
    before.add({ sku: 'WARE-0', quantity: 2 }).catch(() => {})
    before.add({ sku: 'WARE-1' }).catch(() => {})
    await until(before, ({ status }) => status === 'offline', 'the network to be missed')
    const shown = quantities(before.get().cart)
    before.close()
    const after = page(t, device, network)
    after.subscribe(() => {})
    const view = await until(after, ({ pending, status, cart }) => pending === 2 && status === 'offline' && cart !== null, 'what was left')
    assert.deepEqual(quantities(view.cart), shown)
    assert.deepEqual(shown, { 'WARE-0': 3, 'WARE-1': 1 })
    network.isDown = false
    await until(after, ({ pending }) => pending === 0, 'it to be done')
    assert.deepEqual(quantities(await atServer(device)), { 'WARE-0': 3, 'WARE-1': 1 })
    assert.deepEqual([...device.kept.keys()], ['cartwright:demo'])
  })

  it('whose answer was lost are done once, the one that makes the guest included', async (t) => {
    const device = new Device()
    const network = new Network()
    const cart = page(t, device, network)
    network.losing = 2
    assert.deepEqual(quantities(await cart.add({ sku: 'WARE-0' })), { 'WARE-0': 1 })
    network.losing = 1
    await cart.add({ sku: 'WARE-0', quantity: 3 })
    assert.deepEqual(quantities(await atServer(device)), { 'WARE-0': 4 })
    assert.equal(network.writes.length, 5)
    assert.equal(new Set(network.writes.map(({ key }) => key)).size, 2)
  })

  it('whose page is left in the moment a guest is made are done once', async (t) => {
    // What a page finds that is opened right then: a copy of the device, from just after the secret was kept.
    const left = new Device()
    class Watched extends Device {
      override setItem(key: string, value: string): void {
        super.setItem(key, value)
        if (!value.startsWith('ct_')) return
        setTimeout(() => {
          for (const [at, kept] of this.kept) left.kept.set(at, kept)
        })
      }
    }
    const before = page(t, new Watched())
    const made = await before.add({ sku: 'WARE-0', quantity: 2 })
    await eventually(async () => left.kept.size > 0)
    before.close()
    const after = page(t, left)
    const cart = await after.ready()
    await after.refresh()
    assert.deepEqual([cart?.id, after.get().cart?.itemCount], [made.id, 2])
  })

  it('whose answer was lost before a reload are done once', async (t) => {
    const device = new Device()
    const network = new Network()
    const before = page(t, device, network)
    await before.add({ sku: 'WARE-0' })
    network.losing = 1000
    before.add({ sku: 'WARE-0', quantity: 3 }).catch(() => {})
    await eventually(async () => network.losing < 1000, 15_000, 'the answer to be lost')
    before.close()
    network.losing = 0
    const after = page(t, device, network)
    assert.deepEqual(quantities(await after.ready()), { 'WARE-0': 4 })
    assert.deepEqual(quantities(await atServer(device)), { 'WARE-0': 4 })
  })

  it('that are refused are taken back alone, and told', async (t) => {
    const device = new Device()
    const cart = page(t, device)
    await cart.add({ sku: 'WARE-0' })
    const done = await Promise.allSettled([
      cart.add({ sku: 'WARE-0' }),
      cart.add({ sku: 'NO-SUCH-WARE' }),
      cart.add({ sku: 'WARE-1' }),
      cart.applyCode('NO-SUCH-CODE'),
      cart.add({ sku: 'WARE-2' }),
    ])
    assert.deepEqual(
      done.map((each) => (each.status === 'fulfilled' ? 'done' : (each.reason as CartwrightError).code)),
      ['done', 'unknown_sku', 'done', 'code_rejected', 'done'],
    )
    const { cart: shown, refused, pending } = cart.get()
    assert.deepEqual([quantities(shown), pending], [{ 'WARE-0': 2, 'WARE-1': 1, 'WARE-2': 1 }, 0])
    assert.deepEqual(
      refused.map(({ error }) => [error.code, error.problem.path]),
      [
        ['unknown_sku', '/sku'],
        ['code_rejected', '/code'],
      ],
    )
    cart.dismiss(refused[0]?.id ?? '')
    assert.equal(cart.get().refused.length, 1)
  })

  it('go on when the server was ended in the middle and started again', async (t) => {
    const database = await freshDatabase('sqlite')
    const first = await startNode(database)
    t.after(() => first.kill())
    await stockUp(first.url, 'demo', wares(1, 'WARE'))
    const { port } = new URL(first.url)
    const device = new Device()
    const cart = page(t, device, new Network(), 'demo', first.url)
    const sku = 'WARE-0'
    await cart.add({ sku })
    const adds = Array.from({ length: 20 }, (_, index) => (index === 10 ? first.kill() : cart.add({ sku })))
    await until(cart, ({ status }) => status === 'offline', 'the server to be missed')
    const second = await startNode(database, { PORT: port })
    t.after(() => second.kill())
    await Promise.all(adds)
    assert.deepEqual(quantities(await atServer(device, 'demo', second.url)), { [sku]: 20 })
  })
})

describe('what is shown', () => {
  it('is the newest of 20 answers that come in any order', async (t) => {
    const device = new Device()
    const writer = page(t, device)
    const answers: PricedCart[] = []
    for (let index = 0; index < 20; index++) answers.push(await writer.add({ sku: 'WARE-0' }))
    writer.close()
    const order = answers.map((_, index) => index).sort(() => Math.random() - 0.5)
    // The same stream as the server's, with the events in another order.
    const events = order.map((index) => `id: ${index}\nevent: cart\ndata: ${JSON.stringify(answers[index])}\n\n`)
    const shuffled: typeof fetch = async (input, init) => {
      const { pathname } = new URL(String(input))
      if (pathname.endsWith('/stream')) return new Response(events.join(''), { headers: { 'content-type': 'text/event-stream' } })
      return pathname.endsWith('/current') && init?.method === 'GET' ? Response.json(answers[0]) : fetch(input, init)
    }
    const reader = createCart({ shop: 'demo', baseUrl: server.url, storage: device, fetch: shuffled })
    t.after(() => reader.close())
    const seen: number[] = []
    reader.subscribe(({ cart }) => cart && seen.push(cart.version))
    await until(reader, ({ cart }) => cart?.version === answers.at(-1)?.version, `the newest of ${order}`)
    assert.deepEqual(
      seen,
      seen.toSorted((a, b) => a - b),
    )
    assert.deepEqual(quantities(reader.get().cart), { 'WARE-0': 20 })
  })

  it('is at once what the server answers then: new lines, tiers of the whole cart, totals', async (t) => {
    const cart = page(t, new Device())
    await cart.client.call('GET /v1/shops/{shop}/products', {})
    await cart.client.call('GET /v1/shops/{shop}/products/{product}', { params: { product: 'tier-0' } })
    await cart.ready()
    const views: CartView[] = []
    cart.subscribe((view) => views.push(view))
    await cart.add([{ sku: 'TIER-0', quantity: 9 }, { sku: 'WARE-0' }])
    const estimated = async (change: () => Promise<PricedCart>) => {
      const promise = change()
      const { cart: shown, isEstimated, pending } = cart.get()
      assert.deepEqual([isEstimated, pending], [true, 1])
      const lines = (each: PricedCart | null) =>
        each?.lines.map((line) => [line.sku, line.quantity, line.unitPrice, line.itemTotal, line.name])
      const answered = await promise
      assert.deepEqual(lines(shown), lines(answered))
      assert.deepEqual([shown?.itemTotal, shown?.itemCount], [answered.itemTotal, answered.itemCount])
      return answered
    }
    const ten = await estimated(() => cart.add({ sku: 'TIER-0' }))
    assert.equal(ten.itemTotal.amount, 10 * 80 + 100)
    const [line] = ten.lines
    assert.ok(line)
    const nine = await estimated(() => cart.setQuantity(line.id, 9))
    assert.equal(nine.itemTotal.amount, 9 * 100 + 100)
    await estimated(() => cart.add({ sku: 'WARE-2', quantity: 4 }))
    await estimated(() => cart.remove(line.id))
    await estimated(() => cart.clear())
    assert.equal(cart.get().isEstimated, false)
  })

  it('lets a line be changed that the server has not made yet', async (t) => {
    const network = new Network()
    const device = new Device()
    const cart = page(t, device, network)
    await cart.client.call('GET /v1/shops/{shop}/products', {})
    await cart.add({ sku: 'WARE-0' })
    network.isDown = true
    cart.add({ sku: 'WARE-1' }).catch(() => {})
    const [, line] = cart.get().cart?.lines ?? []
    assert.equal(line?.sku, 'WARE-1')
    const set = cart.setQuantity(line.id, 7)
    assert.deepEqual(quantities(cart.get().cart), { 'WARE-0': 1, 'WARE-1': 7 })
    network.isDown = false
    assert.deepEqual(quantities(await set), { 'WARE-0': 1, 'WARE-1': 7 })
    // The page may still have the name that it was shown by.
    assert.deepEqual(quantities(await cart.remove(line.id)), { 'WARE-0': 1 })
  })

  it('keeps discounts as they were until the answer comes, and no rule of a promotion ever comes along', async (t) => {
    const answers: string[] = []
    const listening: typeof fetch = async (input, init) => {
      const response = await fetch(input, init)
      if (!String(input).endsWith('/stream')) answers.push(await response.clone().text())
      return response
    }
    const cart = createCart({ shop: 'offers', baseUrl: server.url, storage: new Device(), fetch: listening })
    t.after(() => cart.close())
    const promotions = (await admin('GET', '/v1/shops/offers/promotions')).body.items as {
      id: string
      conditions?: unknown
      benefit: unknown
    }[]
    assert.ok(promotions.length > 0)
    const { items } = await cart.client.call('GET /v1/shops/{shop}/products', {})
    const sku = items.find(({ kind }) => kind === 'goods')?.variants[0]?.sku ?? ''
    const first = await cart.add({ sku, quantity: 5 })
    const promise = cart.add({ sku, quantity: 5 })
    assert.equal(cart.get().isEstimated, true)
    const { cart: shown } = cart.get()
    if (shown?.lines.length === first.lines.length) assert.deepEqual(shown.shippingTotal, first.shippingTotal)
    await promise
    assert.equal(cart.get().isEstimated, false)
    for (const { benefit } of promotions) for (const answer of answers) assert.ok(!answer.includes(JSON.stringify(benefit)))
    assert.ok(answers.every((answer) => !/"(benefit|conditions|eligibility)":/.test(answer)))
  })
})

describe('tabs of one device', () => {
  it('show the same cart, send one at a time, and make one guest between them', async (t) => {
    const device = new Device()
    const networks = [new Network(), new Network()] as const
    const tabs = [page(t, device, networks[0]), page(t, device, networks[1])] as const
    for (const tab of tabs) tab.subscribe(() => {})
    await Promise.all(tabs.map((tab) => tab.ready()))
    await Promise.all(tabs.flatMap((tab) => Array.from({ length: 5 }, () => tab.add({ sku: 'WARE-0' }))))
    for (const tab of tabs) await until(tab, ({ cart }) => cart?.itemCount === 10, 'both tabs to show ten')
    assert.deepEqual(quantities(await atServer(device)), { 'WARE-0': 10 })
    const [one, other] = tabs
    await other.clear()
    await until(one, ({ cart }) => cart?.itemCount === 0, 'the other tab to follow')
  })

  it('follow what is changed on the server, by the live stream', async (t) => {
    const device = new Device()
    const cart = page(t, device)
    cart.subscribe(() => {})
    await cart.add({ sku: 'WARE-0' })
    const elsewhere = caller(server.url, device.getItem('cartwright:demo') ?? '')
    await elsewhere('POST', '/v1/shops/demo/carts/current/lines', { sku: 'WARE-1', quantity: 3 })
    const view = await until(cart, ({ cart: shown }) => shown?.itemCount === 4, 'the change from elsewhere')
    assert.deepEqual([view.pending, view.isEstimated], [0, false])
  })

  it('take over what a closed tab left', async (t) => {
    const device = new Device()
    const network = new Network()
    const staying = page(t, device)
    await staying.add({ sku: 'WARE-0' })
    const leaving = page(t, device, network)
    await leaving.ready()
    network.isDown = true
    leaving.add({ sku: 'WARE-1' }).catch(() => {})
    await until(leaving, ({ status }) => status === 'offline', 'the network to be missed')
    leaving.close()
    await until(staying, ({ cart }) => cart?.itemCount === 2, 'it to be taken over')
    assert.deepEqual(quantities(await atServer(device)), { 'WARE-0': 1, 'WARE-1': 1 })
  })
})

describe('accounts', () => {
  it("take the guest's cart along, tell what became of it, and leave nothing on the device", async (t) => {
    const device = new Device()
    const token = await login(server.url, 'cart-taker')
    const account = caller(server.url, token)
    await account('POST', '/v1/shops/demo/carts/current/lines', { sku: 'WARE-0' })
    const network = new Network()
    const cart = page(t, device, network)
    await cart.add({ sku: 'WARE-0', quantity: 2 })
    cart.add({ sku: 'WARE-1' }).catch(() => {})
    network.losing = 1
    const report = await cart.login(token, { mode: 'merge' })
    assert.deepEqual(report?.lines.map(({ outcome, asked, got }) => [outcome, asked, got]).sort(), [
      ['added', 1, 1],
      ['combined', 2, 3],
    ])
    assert.deepEqual(cart.get().report, report)
    assert.deepEqual(quantities(cart.get().cart), { 'WARE-0': 3, 'WARE-1': 1 })
    assert.deepEqual([...device.kept.keys()], [])
    assert.deepEqual(quantities(await cart.add({ sku: 'WARE-2' })), { 'WARE-0': 3, 'WARE-1': 1, 'WARE-2': 1 })
    cart.logout()
    await cart.ready()
    assert.deepEqual([cart.get().cart, cart.get().report], [null, null])
    const guest = await cart.add({ sku: 'WARE-0' })
    assert.equal(guest.owner.kind, 'guest')
    assert.equal((await account('GET', '/v1/shops/demo/carts/current')).body.itemCount, 5)
  })

  it('whose login is over are told so, and lose nothing', async (t) => {
    const cart = page(t, new Device())
    await cart.login(await login(server.url, 'cart-over'))
    await cart.add({ sku: 'WARE-0' })
    const over = page(t, new Device())
    await over.login('not.a.token')
    await assert.rejects(over.ready(), (error: CartwrightError) => error.code === 'invalid_token')
    await assert.rejects(over.add({ sku: 'WARE-0' }), (error: CartwrightError) => error.code === 'invalid_token')
    assert.deepEqual(new Set(over.get().refused.map(({ error }) => error.code)), new Set(['invalid_token']))
    assert.equal(over.get().cart, null)
    await over.login(await login(server.url, 'cart-over'))
    assert.deepEqual(quantities(await over.ready()), { 'WARE-0': 1 })
  })
})

describe('ordering', () => {
  it('sends what waits first, asks for consent to another total, and says where to pay', async (t) => {
    const cart = page(t, new Device())
    await cart.add({ sku: 'WARE-0' })
    await cart.change({ email: 'cart@example.com', billingAddress: { name: 'A', line1: 'B', city: 'C', postalCode: '1', country: 'US' } })
    cart.add({ sku: 'WARE-1', quantity: 2 }).catch(() => {})
    await assert.rejects(cart.order({ expectedTotal: 1 }), (error: CartwrightError) => error.code === 'price_changed')
    const { order, payment } = await cart.order({ payment: { returnUrl: 'https://shop.example.com/thanks' } })
    assert.deepEqual(
      order.lines.map(({ sku, quantity }) => [sku, quantity]),
      [
        ['WARE-0', 1],
        ['WARE-1', 2],
      ],
    )
    assert.ok(payment?.url?.startsWith('http'))
  })

  it('buys the named lines alone', async (t) => {
    const cart = page(t, new Device())
    const { lines } = await cart.add([{ sku: 'WARE-0' }, { sku: 'WARE-1' }])
    await cart.change({ email: 'cart@example.com', billingAddress: { name: 'A', line1: 'B', city: 'C', postalCode: '1', country: 'US' } })
    const { order } = await cart.order({ lineIds: [lines[1]?.id ?? ''] })
    assert.deepEqual(
      order.lines.map(({ sku }) => sku),
      ['WARE-1'],
    )
  })

  it('is not done when a change that belongs to it was refused', async (t) => {
    const cart = page(t, new Device())
    await cart.add({ sku: 'WARE-0' })
    cart.add({ sku: 'NO-SUCH-WARE' }).catch(() => {})
    await assert.rejects(cart.order(), (error: CartwrightError) => error.code === 'unknown_sku')
  })
})
