// What goes wrong around a cart that a page holds, against a real server: answers that are lost or overtake each other, tabs that close in the middle,
// pages that are reloaded at the worst moment, logins that cross. Nothing is lost, nothing is done twice, and nobody sees what is not so.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type CartStore, createCart } from '../src/client/cart.ts'
import type { CartwrightError } from '../src/client/problem.ts'
import type { PricedCart } from '../src/core/pricing.ts'
import { cartAtServer, Device, Network, openPage, quantities, type Test, until } from './devices.ts'
import { caller, eventually, freshDatabase, startTestServer } from './harness.ts'
import { login, payOnPage, stockUp, wares } from './nodes.ts'

const server = await startTestServer(await freshDatabase('sqlite'))
await stockUp(server.url, 'demo', wares(3, 'WARE'))
await stockUp(
  server.url,
  'demo',
  wares(2, 'FREE').map((ware) => ({
    ...ware,
    variants: ware.variants.map((variant) => ({ ...variant, prices: [{ currency: 'USD', amount: 0 }] })),
  })),
)

const page = (t: Test, device: Device, network?: Pick<Network, 'fetch'>) => openPage(t, server.url, device, network)
const atServer = (device: Device) => cartAtServer(server.url, device)
const codeOf = (error: unknown) => (error as CartwrightError).code
const rests = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const SECRET = 'cartwright:demo'
const BUYER = { email: 'cart@example.com', billingAddress: { name: 'A', line1: 'B', city: 'C', postalCode: '1', country: 'US' } }
const isStream = (input: Parameters<typeof fetch>[0]) => String(input).endsWith('/stream')
const isWrite = (init?: RequestInit) => init?.method === 'POST'
const streamOf = (carts: readonly (PricedCart | undefined)[]) =>
  new Response(carts.map((cart, index) => `id: ${index}\nevent: cart\ndata: ${JSON.stringify(cart)}\n\n`).join(''), {
    headers: { 'content-type': 'text/event-stream' },
  })

/** What a server answers that met something nobody thought of. */
const faulty = () =>
  Response.json(
    { type: 'about:blank', title: 'Broken.', status: 500, code: 'fault' },
    { status: 500, headers: { 'content-type': 'application/problem+json' } },
  )

/** A network that keeps writes back until they are let go, and whose pages do not notice that they were closed. */
class Gate extends Network {
  readonly #gate = Promise.withResolvers<void>()
  isHeld = false
  letGo(): void {
    this.#gate.resolve()
  }
  override readonly fetch: typeof fetch = async (input, init) => {
    if (!isWrite(init)) return fetch(input, init)
    this.isHeld = true
    await this.#gate.promise
    throw new TypeError('The network is down.')
  }
}

describe('answers that overtake each other', () => {
  it('20 of them in any order, some while a change is under way, end at the highest version', async (t) => {
    const device = new Device()
    const writer = page(t, device)
    const answers: PricedCart[] = []
    for (let index = 0; index < 20; index++) answers.push(await writer.add({ sku: 'WARE-0' }))
    writer.close()
    const newest = answers.at(-1)
    const orders = fc.tuple(fc.shuffledSubarray([...answers.keys()], { minLength: 20 }), fc.nat({ max: 19 }), fc.nat({ max: 20 }))
    await fc.assert(
      fc.asyncProperty(orders, async ([order, answered, before]) => {
        const isRead = Promise.withResolvers<void>()
        const isSent = Promise.withResolvers<void>()
        const events = order.map((index) => answers[index])
        let isFirst = true
        const shuffling: typeof fetch = async (input, init) => {
          if (isStream(input)) {
            // What was read once is not sent again.
            if (!isFirst) return new Response(null, { status: 503 })
            isFirst = false
            const early = streamOf(events.slice(0, before))
            const { readable, writable } = new TransformStream()
            void (async () => {
              await early.body?.pipeTo(writable, { preventClose: true })
              await isSent.promise
              await streamOf(events.slice(before)).body?.pipeTo(writable)
              isRead.resolve()
            })().catch(() => isRead.resolve())
            return new Response(readable, early)
          }
          if (!isWrite(init)) return Response.json(answers[0])
          isSent.resolve()
          await isRead.promise
          await rests(5)
          return Response.json({ cart: answers[answered] })
        }
        const kept = new Device()
        kept.setItem(SECRET, device.getItem(SECRET) ?? '')
        const reader = createCart({ shop: 'demo', baseUrl: server.url, storage: kept, fetch: shuffling })
        try {
          let last = 0
          reader.subscribe(({ cart }) => {
            assert.ok((cart?.version ?? 0) >= last, `${cart?.version} after ${last}`)
            last = cart?.version ?? last
          })
          await reader.ready()
          await reader.add({ sku: 'WARE-0' })
          await until(reader, ({ cart, pending }) => pending === 0 && cart?.version === newest?.version, `the newest of ${order}`)
        } finally {
          reader.close()
        }
      }),
      { numRuns: 15 },
    )
  })

  it('do not bring back a cart that is gone', async (t) => {
    const device = new Device()
    const former = await page(t, device).add({ sku: 'WARE-0' })
    await caller(server.url, device.getItem(SECRET) ?? '')('DELETE', `/v1/shops/demo/carts/${former.id}`)
    const seen: (string | undefined)[] = []
    const read = Promise.withResolvers<void>()
    const late: typeof fetch = async (input, init) => {
      if (!isStream(input)) return fetch(input, init)
      await read.promise
      return streamOf([former])
    }
    const reader = page(t, device, { fetch: late })
    reader.subscribe(({ cart }) => seen.push(cart?.id))
    assert.equal(await reader.ready(), null)
    read.resolve()
    await rests(300)
    assert.deepEqual(
      seen.filter((id) => id !== undefined),
      [],
    )
  })

  it("do not hide what an account's stream told before the first of them came", async (t) => {
    const token = await login(server.url, 'cart-early')
    const account = caller(server.url, token)
    await account('POST', '/v1/shops/demo/carts/current/lines', { sku: 'WARE-0' })
    let isFirst = true
    const told = Promise.withResolvers<void>()
    const slow: typeof fetch = async (input, init) => {
      if (isStream(input)) {
        await account('POST', '/v1/shops/demo/carts/current/lines', { sku: 'WARE-0' })
        setTimeout(told.resolve, 200)
        return fetch(input, init)
      }
      const response = await fetch(input, init)
      if (isFirst && response.ok) {
        isFirst = false
        const text = await response.text()
        await told.promise
        return new Response(text, response)
      }
      return response
    }
    const cart = page(t, new Device(), { fetch: slow })
    await cart.login(token)
    cart.subscribe(() => {})
    await until(cart, ({ cart: shown }) => shown?.itemCount === 2, 'the newer one')
  })
})

describe('changes at the worst moment', () => {
  it('whose answer was lost are done once although a closed tab left others before them', async (t) => {
    const device = new Device()
    const down = new Network()
    const losing = new Network()
    const staying = page(t, device, losing)
    await staying.add({ sku: 'WARE-0' })
    const leaving = page(t, device, down)
    await leaving.ready()
    down.isDown = true
    leaving.add({ sku: 'WARE-1' }).catch(() => {})
    await until(leaving, ({ status }) => status === 'offline', 'the network to be missed')
    // This one was never sent, so it has no key yet.
    leaving.add({ sku: 'WARE-1' }).catch(() => {})
    losing.losing = 1
    const added = staying.add({ sku: 'WARE-2' })
    await until(staying, ({ status }) => status === 'offline', 'the answer to be lost')
    leaving.close()
    await added
    await until(staying, ({ cart, pending }) => pending === 0 && cart?.itemCount === 4, 'all to be done')
    assert.deepEqual(quantities(await atServer(device)), { 'WARE-0': 1, 'WARE-1': 2, 'WARE-2': 1 })
  })

  it('that were taken over are kept at once, also where there is no network', async (t) => {
    const device = new Device()
    const down = new Network()
    const staying = page(t, device, down)
    await staying.add({ sku: 'WARE-0' })
    const leaving = page(t, device, down)
    await leaving.ready()
    down.isDown = true
    for (const tab of [staying, leaving]) {
      tab.add({ sku: 'WARE-1' }).catch(() => {})
      await until(tab, ({ status }) => status === 'offline', 'the network to be missed')
    }
    const removed = Promise.withResolvers<string>()
    device.removeItem = (key) => {
      device.kept.delete(key)
      if (key.endsWith(':queue:1')) removed.resolve(device.kept.get(`${SECRET}:queue:0`) ?? '')
    }
    leaving.close()
    const { changes } = JSON.parse(await removed.promise) as { changes: unknown[] }
    assert.equal(changes.length, 2)
  })

  it('of an account that is not logged in are kept by whoever takes them over', async (t) => {
    const device = new Device()
    const down = new Network()
    const token = await login(server.url, 'cart-absent')
    const staying = page(t, device)
    await staying.ready()
    const leaving = page(t, device, down)
    await leaving.login(token)
    await leaving.ready()
    down.isDown = true
    leaving.add({ sku: 'WARE-1' }).catch(() => {})
    await until(leaving, ({ status }) => status === 'offline', 'the network to be missed')
    leaving.close()
    await eventually(async () => !device.kept.has(`${SECRET}:queue:1`), 5000, 'it to be taken over')
    assert.equal(staying.get().pending, 0)
    staying.close()
    const later = page(t, device)
    await later.login(token)
    await until(later, ({ cart, pending }) => cart?.itemCount === 1 && pending === 0, 'what was left')
  })

  it('are left alone by a closed tab, whose last request fails after another one took them over', async (t) => {
    const device = new Device()
    const staying = page(t, device)
    await staying.add({ sku: 'WARE-0' })
    const gate = new Gate()
    const leaving = page(t, device, gate)
    await leaving.ready()
    const under = leaving.add({ sku: 'WARE-1' })
    await eventually(async () => gate.isHeld, 5000, 'the request')
    const waiting = leaving.add({ sku: 'WARE-2' })
    leaving.close()
    for (const promise of [under, waiting]) await assert.rejects(promise, (error) => codeOf(error) === 'aborted')
    // The lock to send goes back when the request ends.
    gate.letGo()
    await until(staying, ({ cart, pending }) => pending === 0 && cart?.itemCount === 3, 'it to be taken over')
    await rests(50)
    assert.deepEqual([...device.kept.keys()], [SECRET])
    assert.deepEqual(quantities(await atServer(device)), { 'WARE-0': 1, 'WARE-1': 1, 'WARE-2': 1 })
  })

  it('are done once where the page is left at the moment when its guest is made', async (t) => {
    const device = new Device()
    const left = new Device()
    device.setItem = (key, value) => {
      device.kept.set(key, value)
      if (key === SECRET) for (const [each, text] of device.kept) left.kept.set(each, text)
    }
    await page(t, device).add({ sku: 'WARE-0' })
    const later = page(t, left)
    later.subscribe(() => {})
    await until(later, ({ cart, pending }) => cart !== null && pending === 0, 'the cart')
    assert.deepEqual(quantities(await atServer(left)), { 'WARE-0': 1 })
  })

  it('land in the next cart where theirs was ordered in another tab meanwhile', async (t) => {
    const device = new Device()
    const down = new Network()
    const [ordering, waiting] = [page(t, device), page(t, device, down)]
    for (const tab of [ordering, waiting]) tab.subscribe(() => {})
    const former = await ordering.add({ sku: 'FREE-0' })
    await ordering.change(BUYER)
    await until(waiting, ({ cart }) => cart?.email === BUYER.email, 'the other tab to follow')
    down.isDown = true
    const added = waiting.add({ sku: 'WARE-1' })
    await until(waiting, ({ status }) => status === 'offline', 'the network to be missed')
    await ordering.order()
    down.isDown = false
    const next = await added
    assert.notEqual(next.id, former.id)
    assert.deepEqual(quantities(next), { 'WARE-1': 1 })
    for (const tab of [ordering, waiting]) await until(tab, ({ cart }) => cart?.id === next.id, 'the next cart')
  })

  it('one of 50 that is refused takes back itself and what names its line, and nothing else', async (t) => {
    const device = new Device()
    const network = new Network()
    const cart = page(t, device, network)
    await cart.client.call('GET /v1/shops/{shop}/products', {})
    await cart.add({ sku: 'WARE-0' })
    const adds = Array.from({ length: 50 }, (_, index) => cart.add(index === 25 ? { sku: 'WARE-1', quantity: 100_000 } : { sku: 'WARE-0' }))
    const [, line] = cart.get().cart?.lines ?? []
    const set = cart.setQuantity(line?.id ?? 'none', 2)
    const bad = cart.add({ sku: 'NO-SUCH-WARE' })
    const after = cart.add({ sku: 'WARE-2' })
    const done = await Promise.allSettled([...adds, set, bad, after])
    assert.deepEqual(
      done.flatMap((each, index) => (each.status === 'rejected' ? [index] : [])),
      [25, 50, 51],
    )
    assert.equal(line?.sku, 'WARE-1')
    assert.deepEqual(quantities(await atServer(device)), { 'WARE-0': 50, 'WARE-2': 1 })
    assert.deepEqual(quantities(cart.get().cart), { 'WARE-0': 50, 'WARE-2': 1 })
  })

  it('mean each its own line where lines stand for themselves', async (t) => {
    const network = new Network()
    const cart = page(t, new Device(), network)
    await cart.client.call('GET /v1/shops/{shop}/products', {})
    await cart.add({ sku: 'WARE-0', keepSeparate: true, note: 'first' })
    network.isDown = true
    cart.add({ sku: 'WARE-0', keepSeparate: true, note: 'second' }).catch(() => {})
    cart.add({ sku: 'WARE-0', keepSeparate: true, note: 'third' }).catch(() => {})
    const names = cart.get().cart?.lines.map(({ id, note }) => [note, id]) ?? []
    const [, second, third] = names.map(([, id]) => id ?? '')
    const set = [cart.setQuantity(second ?? '', 2), cart.setQuantity(third ?? '', 3)]
    network.isDown = false
    await Promise.all(set)
    const { lines = [] } = cart.get().cart ?? {}
    assert.deepEqual(
      lines.map(({ note, quantity }) => [note, quantity]),
      [
        ['first', 1],
        ['second', 2],
        ['third', 3],
      ],
    )
    assert.deepEqual(
      [second, third].map((id) => cart.nameOf(id ?? '')),
      lines.slice(1).map(({ id }) => id),
    )
  })
})

describe('servers and devices that are not well', () => {
  it('an answer without anything in it is none: the change is sent again', async (t) => {
    const device = new Device()
    let empty = 2
    const proxied: typeof fetch = async (input, init) => {
      if (!isWrite(init) || empty === 0) return fetch(input, init)
      return empty-- === 2 ? new Response(null, { status: 204 }) : Response.json(null)
    }
    assert.deepEqual(quantities(await page(t, device, { fetch: proxied }).add({ sku: 'WARE-0' })), { 'WARE-0': 1 })
    assert.deepEqual(quantities(await atServer(device)), { 'WARE-0': 1 })
  })

  it('nothing is sent before the server said that it may be, however often the shopper clicks', async (t) => {
    const device = new Device()
    const times: number[] = []
    const busy: typeof fetch = async (input, init) => {
      if (!isWrite(init)) return fetch(input, init)
      times.push(performance.now())
      if (times.length > 1) return fetch(input, init)
      const problem = { type: 'about:blank', title: 'Too many.', status: 429, code: 'rate_limited' }
      return Response.json(problem, { status: 429, headers: { 'retry-after': '3', 'content-type': 'application/problem+json' } })
    }
    const cart = page(t, device, { fetch: busy })
    cart.add({ sku: 'WARE-0' }).catch(() => {})
    await eventually(async () => times.length === 1, 5000, 'the first request')
    await rests(1200)
    const refreshed = cart.refresh()
    assert.deepEqual(quantities(await cart.add({ sku: 'WARE-0' })), { 'WARE-0': 2 })
    await refreshed
    assert.ok((times[1] ?? 0) - (times[0] ?? 0) >= 2990, `${times}`)
  })

  it('a change that the server fails at for ever is refused after a few tries under its key, and what stands around it goes on', async (t) => {
    const device = new Device()
    const network = new Network()
    const sent: { readonly key: string | null; readonly body: string }[] = []
    const failing: typeof fetch = (input, init) => {
      const body = String(init?.body)
      if (!isWrite(init) || !body.includes('WARE-1')) return network.fetch(input, init)
      sent.push({ key: new Headers(init?.headers).get('idempotency-key'), body })
      return Promise.resolve(faulty())
    }
    const cart = page(t, device, { fetch: failing })
    cart.subscribe(() => {})
    await cart.client.call('GET /v1/shops/{shop}/products', {})
    await cart.add({ sku: 'WARE-0' })
    const done = Promise.allSettled([cart.add({ sku: 'WARE-0' }), cart.add({ sku: 'WARE-1' }), cart.add({ sku: 'WARE-2' })])
    await until(cart, ({ cart: shown }) => shown?.itemCount === 4, 'all of it to be shown')
    const [before, failed, behind] = await done
    assert.deepEqual([before.status, failed.status, behind.status], ['fulfilled', 'rejected', 'fulfilled'])
    assert.equal(failed.status === 'rejected' && codeOf(failed.reason), 'fault')
    assert.deepEqual(
      cart.get().refused.map(({ error }) => error.code),
      ['fault'],
    )
    assert.deepEqual([cart.get().status, cart.get().pending], ['ready', 0])
    for (const held of [cart.get().cart, await atServer(device)]) assert.deepEqual(quantities(held), { 'WARE-0': 2, 'WARE-2': 1 })
    // Together first, then by itself: what has one key is one request.
    const byKey = Map.groupBy(sent, ({ key }) => key)
    assert.deepEqual(
      [...byKey.values()].map((each) => [each.length, new Set(each.map(({ body }) => body)).size]),
      [
        [3, 1],
        [3, 1],
      ],
    )
    assert.ok(!sent.at(-1)?.body.includes('WARE-2'))
  })

  it('a change whose fault passes, or that was done although the server did not know, is done once and not refused', async (t) => {
    const device = new Device()
    let faults = 2
    const unsure: typeof fetch = async (input, init) => {
      const response = await fetch(input, init)
      if (!isWrite(init) || faults-- <= 0) return response
      await response.body?.cancel()
      return faulty()
    }
    const cart = page(t, device, { fetch: unsure })
    assert.deepEqual(quantities(await cart.add({ sku: 'WARE-0' })), { 'WARE-0': 1 })
    assert.deepEqual(quantities(await atServer(device)), { 'WARE-0': 1 })
    assert.deepEqual(cart.get().refused, [])
  })

  it('a cart that cannot be read for a fault is read again until it can be', async (t) => {
    const device = new Device()
    const { id } = await page(t, device).add({ sku: 'WARE-0' })
    let faults = 4
    const failing: typeof fetch = async (input, init) => {
      if (faults-- <= 0) return fetch(input, init)
      return faulty()
    }
    const cart = page(t, device, { fetch: failing })
    assert.equal((await cart.ready())?.id, id)
    assert.deepEqual(cart.get().refused, [])
  })

  it('a page that is refused locks, storage and channels sends all the same', async (t) => {
    const { locks } = navigator as unknown as { locks: { request(): Promise<unknown> } }
    t.mock.method(locks, 'request', () => Promise.reject(new DOMException('Forbidden.', 'SecurityError')))
    const forbidden = () => {
      throw new DOMException('Forbidden.', 'SecurityError')
    }
    const storage = { getItem: forbidden, setItem: forbidden, removeItem: forbidden }
    const cart = openPage(t, server.url, storage)
    assert.deepEqual(quantities(await cart.add({ sku: 'WARE-0' })), { 'WARE-0': 1 })
    assert.deepEqual(quantities(await cart.add({ sku: 'WARE-0' })), { 'WARE-0': 2 })
  })

  it('what another version of the code left is no reason to stop', async (t) => {
    const device = new Device()
    for (const [index, text] of ['{}', '{', 'null', '{"changes":7}'].entries()) device.setItem(`${SECRET}:queue:${index}`, text)
    assert.deepEqual(quantities(await page(t, device).add({ sku: 'WARE-0' })), { 'WARE-0': 1 })
    await eventually(async () => device.kept.size === 1, 5000, 'it to be cleared away')
  })

  it('a login that ended while the page was open is told, and nobody waits for ever', async (t) => {
    const token = await login(server.url, 'cart-ended')
    let isOver = false
    const ending: typeof fetch = (input, init) =>
      fetch(input, isOver ? { ...init, headers: { ...init?.headers, authorization: 'Bearer not.a.token' } } : init)
    const cart = page(t, new Device(), { fetch: ending })
    await cart.login(token)
    await cart.add({ sku: 'WARE-0' })
    isOver = true
    await cart.refresh()
    assert.deepEqual(
      cart.get().refused.map(({ error }) => error.code),
      ['invalid_token'],
    )
    assert.equal((await cart.ready())?.itemCount, 1)
  })
})

describe('numbers that are shown before the answer', () => {
  const GOODS = ['MANY', 'SIZED']
  const CURRENCIES = ['USD', 'JPY', 'KWD']
  const item = fc.oneof(
    fc.record({ sku: fc.constantFrom(...GOODS), quantity: fc.integer({ min: 1, max: 6 }) }),
    // Options in any order, and what the variant is anyway, make no second line.
    fc
      .constantFrom({ Size: 'L' }, { Size: 'L', Text: 'Hi', Font: 'A' }, { Font: 'A', Text: 'Hi' })
      .map((options) => ({ sku: 'SIZED', options })),
  )
  const step = fc.oneof(
    { weight: 4, arbitrary: item.map((each) => ({ add: each })) },
    { weight: 1, arbitrary: fc.constantFrom(1000, 2500).map((amount) => ({ recharge: amount })) },
    { weight: 3, arbitrary: fc.record({ set: fc.nat({ max: 5 }), quantity: fc.nat({ max: 12 }) }) },
    { weight: 1, arbitrary: fc.nat({ max: 5 }).map((remove) => ({ remove })) },
    { weight: 1, arbitrary: fc.constant({ clear: true }) },
  )

  it('are what the server answers: tiers, options and amounts, in currencies of no, two and three decimals', async (t) => {
    const [ware] = wares(1, 'ANY')
    const goods = (sku: string, more: object) => ({
      ...ware,
      ...{ handle: sku.toLowerCase(), name: sku },
      variants: ware?.variants.map((variant) => ({ ...variant, sku, prices: CURRENCIES.flatMap(tiers), ...more })),
    })
    const tiers = (currency: string, index: number) => [
      { currency, amount: 1333 + index },
      { currency, amount: 1111 + index, quantityFrom: 4, listAmount: 2000 },
      { currency, amount: 997 + index, quantityFrom: 10 },
    ]
    const topUps = CURRENCIES.map((currency) => ({
      ...goods(`TOP-UP-${currency}`, { prices: [] }),
      ...{ kind: 'recharge', recharge: { currency, presets: [1000], allowCustom: true } },
    }))
    await stockUp(server.url, 'demo', [goods('MANY', {}), goods('SIZED', { options: { Size: 'L' } }), ...topUps])
    const numbers = (cart: PricedCart | null) => ({
      lines: cart?.lines.map(({ sku, options, quantity, amount, unitPrice, itemTotal }) => ({
        sku,
        options,
        quantity,
        amount,
        unitPrice,
        itemTotal,
      })),
      itemTotal: cart?.itemTotal,
      itemCount: cart?.itemCount,
      currency: cart?.currency,
    })
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...CURRENCIES), fc.array(step, { minLength: 1, maxLength: 8 }), async (currency, steps) => {
        const cart = page(t, new Device())
        try {
          for (const product of ['many', 'sized', `top-up-${currency.toLowerCase()}`])
            await cart.client.call('GET /v1/shops/{shop}/products/{product}', { params: { product } })
          await cart.change({ currency })
          await cart.add({ sku: 'MANY' })
          for (const each of steps) {
            const lineId = (at: number) => cart.get().cart?.lines[at]?.id
            if ('add' in each) cart.add(each.add)
            else if ('recharge' in each) cart.add({ sku: `TOP-UP-${currency}`, amount: each.recharge })
            else if ('clear' in each) cart.clear()
            else {
              const id = lineId('set' in each ? each.set : each.remove)
              if (id !== undefined) 'set' in each ? cart.setQuantity(id, each.quantity) : cart.remove(id)
            }
          }
          const { cart: shown, pending } = cart.get()
          assert.equal(cart.get().isEstimated, pending > 0)
          await cart.refresh()
          assert.deepEqual(cart.get().refused, [])
          assert.deepEqual(numbers(shown), numbers(cart.get().cart))
        } finally {
          cart.close()
        }
      }),
      { numRuns: 15 },
    )
  })
})

describe('a page that is closed', () => {
  it('leaves nobody waiting, and orders nothing any more', async (t) => {
    const network = new Network()
    const cart = page(t, new Device(), network)
    await cart.add({ sku: 'FREE-0' })
    await cart.change(BUYER)
    network.isDown = true
    cart.add({ sku: 'FREE-0' }).catch(() => {})
    const done: Promise<unknown>[] = [
      cart.order(),
      cart.refresh(),
      cart.login(await login(server.url, 'cart-closed')),
      cart.setQuantity('none', 1),
    ]
    cart.close()
    network.isDown = false
    done.push(cart.add({ sku: 'FREE-1' }))
    for (const promise of done) await assert.rejects(promise, (error) => codeOf(error) === 'aborted')
    assert.ok(network.writes.every(({ path }) => !path.endsWith('/orders')))
  })

  it('lets its process end, also while the server does not answer', async (t) => {
    const silent = createServer(() => {})
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    t.after(() => {
      silent.closeAllConnections()
      silent.close()
    })
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`
    const script = `
      import { createCart } from ${JSON.stringify(new URL('../src/client/cart.ts', import.meta.url).href)}
      const open = (baseUrl) => createCart({ shop: 'demo', baseUrl })
      const [hung, held, refused] = [open('${url}'), open('${server.url}'), open('http://127.0.0.1:1')]
      for (const cart of [hung, held, refused]) {
        cart.subscribe(() => {})
        void cart.add({ sku: 'WARE-0' })
      }
      await held.add({ sku: 'WARE-0' })
      setTimeout(() => {
        for (const cart of [hung, held, refused]) cart.close()
        console.log('closed')
      }, 500)`
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    t.after(() => void child.kill('SIGKILL'))
    let closedAt = 0
    child.stdout.once('data', () => {
      closedAt = performance.now()
    })
    const code = await new Promise((resolve) => child.once('exit', resolve))
    assert.equal(code, 0)
    assert.ok(closedAt > 0 && performance.now() - closedAt < 2000, `${performance.now() - closedAt} ms`)
  })
})

describe('logins that cross', () => {
  async function guestWith(t: Test, sku: string): Promise<{ cart: CartStore; device: Device }> {
    const device = new Device()
    const cart = page(t, device)
    await cart.add({ sku })
    return { cart, device }
  }

  it("the same one twice at once takes the guest's cart along once, and keeps the report", async (t) => {
    const { cart } = await guestWith(t, 'WARE-0')
    const token = await login(server.url, 'cart-twice')
    const [report] = await Promise.all([cart.login(token), cart.login(token)])
    assert.equal(report?.lines.length, 1)
    assert.deepEqual(cart.get().report, report)
    assert.deepEqual(quantities(await cart.ready()), { 'WARE-0': 1 })
  })

  it('the last of two that cross counts, and a logout ends one that is under way', async (t) => {
    const [one, other] = [await login(server.url, 'cart-one'), await login(server.url, 'cart-other')]
    await caller(server.url, other)('POST', '/v1/shops/demo/carts/current/lines', { sku: 'WARE-2' })
    const { cart } = await guestWith(t, 'WARE-0')
    await Promise.all([cart.login(one), cart.login(other)])
    assert.deepEqual(quantities(await cart.ready()), { 'WARE-2': 1 })
    cart.logout()
    const again = cart.login(one)
    cart.logout()
    await again
    await eventually(async () => (await cart.ready()) === null && cart.get().status === 'ready', 5000, 'nobody')
    const guest = await cart.add({ sku: 'WARE-1' })
    assert.equal(guest.owner.kind, 'guest')
    assert.deepEqual(quantities(guest), { 'WARE-1': 1 })
  })

  it('what one account left waiting never comes to another', async (t) => {
    const network = new Network()
    const cart = page(t, new Device(), network)
    const [one, other] = [await login(server.url, 'cart-first'), await login(server.url, 'cart-second')]
    await cart.login(one)
    await cart.add({ sku: 'WARE-0' })
    network.isDown = true
    const waiting = cart.add({ sku: 'WARE-1' })
    await until(cart, ({ status }) => status === 'offline', 'the network to be missed')
    const next = cart.login(other)
    await assert.rejects(waiting, (error) => codeOf(error) === 'aborted')
    assert.equal(cart.get().cart, null)
    network.isDown = false
    await next
    assert.equal(await cart.ready(), null)
    assert.deepEqual(quantities(await cart.add({ sku: 'WARE-2' })), { 'WARE-2': 1 })
    assert.equal((await caller(server.url, one)('GET', '/v1/shops/demo/carts/current')).body.itemCount, 1)
  })

  it('in one tab only, the other goes on as a new guest and sees nothing of the account', async (t) => {
    const device = new Device()
    const [here, there] = [page(t, device), page(t, device)]
    for (const tab of [here, there]) tab.subscribe(() => {})
    await here.add({ sku: 'WARE-0' })
    await until(there, ({ cart }) => cart?.itemCount === 1, 'both tabs to show it')
    const account = await login(server.url, 'cart-half')
    const [, added] = await Promise.all([here.login(account), there.add({ sku: 'WARE-1' })])
    await until(there, ({ cart, pending }) => pending === 0 && cart?.owner.kind !== 'account', 'the other tab to be done')
    await here.add({ sku: 'WARE-2' })
    await rests(200)
    assert.ok(there.get().cart?.lines.every(({ sku }) => sku !== 'WARE-2') ?? true)
    // The piece of the other tab came before the login and along with it, or after it and is the new guest's: once in all.
    const all = [quantities(await here.ready())['WARE-1'] ?? 0, quantities(there.get().cart)['WARE-1'] ?? 0]
    assert.equal(all[0] + all[1], 1, JSON.stringify([all, added.owner]))
  })
})

describe('ordering at the worst moment', () => {
  it('the same order again, after its answers were lost or at the same moment, is one order', async (t) => {
    for (const isBuy of [true, false]) {
      const network = new Network()
      const device = new Device()
      const cart = page(t, device, network)
      const { lines } = await cart.add([{ sku: 'FREE-0' }, { sku: 'FREE-1' }])
      await cart.change(BUYER)
      const wish = isBuy ? { lineIds: [lines[0]?.id ?? ''] } : {}
      network.losing = 4
      await assert.rejects(cart.order(wish), (error) => codeOf(error) === 'unreachable')
      const again = await Promise.all([cart.order(wish), isBuy ? null : cart.order(wish)])
      const { items } = (await caller(server.url, device.getItem(SECRET) ?? '')('GET', '/v1/shops/demo/orders')).body
      assert.deepEqual(
        items.map(({ id }: { id: string }) => id),
        [again[0].order.id],
      )
      if (!isBuy) assert.equal(again[1]?.order.id, again[0].order.id)
    }
  })
})

describe('an order whose answer was lost', () => {
  /** A cart that is ready to be ordered, and whose order was made while nobody learned of it. */
  async function lost(t: Test, network: Network) {
    const device = new Device()
    const cart = page(t, device, network)
    cart.subscribe(() => {})
    await cart.add([{ sku: 'WARE-0' }, { sku: 'WARE-1' }])
    const { total } = await cart.change(BUYER)
    const wish = { expectedTotal: total.amount, payment: { returnUrl: 'https://shop.example.com/thanks' } }
    const orders = async () => {
      const guest = caller(server.url, device.getItem(SECRET) ?? '')
      const listed = await Promise.all(['', '?state=NEW'].map((query) => guest('GET', `/v1/shops/demo/orders${query}`)))
      return listed.flatMap(({ body }) => body.items)
    }
    return { cart, wish, orders, device }
  }

  /** Pays an order on its page. */
  async function pay(device: Device, order: string): Promise<void> {
    const guest = caller(server.url, device.getItem(SECRET) ?? '')
    const { payment } = (await guest('POST', `/v1/shops/demo/orders/${order}/payments`, {})).body
    await payOnPage(payment.url)
  }

  for (const isPaid of [false, true])
    it(`is answered, with its payment, to the same wish, ${isPaid ? 'also when it was paid and the cart is empty by then' : 'while it waits to be paid'}`, async (t) => {
      const network = new Network()
      const { cart, wish, orders, device } = await lost(t, network)
      network.losing = 4
      await assert.rejects(cart.order(wish), (error) => codeOf(error) === 'unreachable')
      await cart.refresh()
      const [made] = await orders()
      if (isPaid) {
        // In another tab, say: from there on the cart that was ordered is over.
        await pay(device, made.id)
        await until(cart, (view) => view.cart === null, 'the cart to be empty')
        await cart.refresh()
      }
      assert.equal(cart.get().cart === null, isPaid)
      const { order, orderToken, payment } = await cart.order({ ...wish })
      assert.equal(order.id, made.id)
      assert.ok(orderToken)
      if (isPaid) assert.deepEqual([order.state, payment], ['PLACED', null])
      else assert.ok(payment?.url?.startsWith('http'))
      assert.equal((await orders()).length, 1)
      // Once it was answered, it is over: what comes then is about the cart that there is.
      if (isPaid) await assert.rejects(cart.order({ ...wish }), ({ status }: CartwrightError) => status >= 400 && status < 500)
      assert.equal((await orders()).length, 1)
    })

  it('is the same order too after a fault of which the server does not know what it did, and after an answer of somebody between', async (t) => {
    const answers = [faulty, () => new Response('<h1>Welcome to our network</h1>', { headers: { 'content-type': 'text/html' } })]
    for (const answer of answers) {
      let isFirst = true
      const network = new Network()
      const broken: typeof fetch = async (input, init) => {
        const response = await network.fetch(input, init)
        if (!isWrite(init) || !String(input).endsWith('/orders') || !isFirst) return response
        isFirst = false
        await response.body?.cancel()
        return answer()
      }
      const { cart, wish, orders } = await lost(t, { ...network, fetch: broken } as Network)
      await assert.rejects(cart.order(wish), (error) => ['fault', 'not_understood'].includes(codeOf(error)))
      const { order, payment } = await cart.order(wish)
      assert.deepEqual(
        (await orders()).map(({ id }: { id: string }) => id),
        [order.id],
      )
      assert.ok(payment?.url?.startsWith('http'))
    }
  })
})

describe('restore links', () => {
  /** A link to a cart with one piece, and its owner's page. */
  async function linked(t: Test, sku: string) {
    const device = new Device()
    const cart = page(t, device)
    const { id } = await cart.add({ sku })
    const link = (await caller(server.url, device.getItem(SECRET) ?? '')('POST', '/v1/shops/demo/carts/current/restore-links')).body
    return { device, cart, id, link: link.token as string }
  }

  it('lead a guest to the cart in place of the own one, in every tab, and on later visits', async (t) => {
    const { id, link, cart: owners } = await linked(t, 'WARE-0')
    const device = new Device()
    const [here, there] = [page(t, device), page(t, device)]
    for (const tab of [here, there]) tab.subscribe(() => {})
    const own = await here.add({ sku: 'WARE-1' })
    here.add({ sku: 'WARE-2' }).catch(() => {})
    const before = device.getItem(SECRET)
    assert.equal((await here.restore(link)).id, id)
    assert.equal(here.get().cart?.id, id)
    await until(there, ({ cart }) => cart?.id === id, 'the other tab to follow')
    assert.notEqual(device.getItem(SECRET), before)
    // What waited was for the cart that there was.
    assert.deepEqual(quantities((await caller(server.url, before ?? '')('GET', `/v1/shops/demo/carts/${own.id}`)).body), {
      'WARE-1': 1,
      'WARE-2': 1,
    })
    assert.deepEqual(quantities(await there.add({ sku: 'WARE-1' })), { 'WARE-0': 1, 'WARE-1': 1 })
    assert.deepEqual(quantities(await owners.refresh()), { 'WARE-0': 1, 'WARE-1': 1 })
    assert.equal((await page(t, device).ready())?.id, id)
  })

  it('of the own cart change nothing, and others that lead nowhere change nothing either', async (t) => {
    const { id, link, cart, device } = await linked(t, 'WARE-0')
    const before = device.getItem(SECRET)
    assert.equal((await cart.restore(link)).id, id)
    await assert.rejects(cart.restore('rt_nowhere'), (error) => codeOf(error) === 'link_invalid')
    assert.equal(device.getItem(SECRET), before)
    assert.deepEqual(quantities(await cart.add({ sku: 'WARE-0' })), { 'WARE-0': 2 })
  })

  it('are not followed without a network, and the cart is the one that there was', async (t) => {
    const { link } = await linked(t, 'WARE-0')
    const network = new Network()
    const device = new Device()
    const cart = page(t, device, network)
    const own = await cart.add({ sku: 'WARE-1' })
    network.isDown = true
    await assert.rejects(cart.restore(link), (error) => codeOf(error) === 'unreachable')
    network.isDown = false
    assert.equal((await cart.add({ sku: 'WARE-1' })).id, own.id)
  })

  it("take a guest's cart along into an account's, with a report", async (t) => {
    const { link } = await linked(t, 'WARE-0')
    const device = new Device()
    const cart = page(t, device)
    await cart.login(await login(server.url, 'cart-restored'))
    await cart.add({ sku: 'WARE-1' })
    const restored = await cart.restore(link)
    assert.equal(restored.owner.kind, 'account')
    assert.deepEqual(quantities(restored), { 'WARE-1': 1, 'WARE-0': 1 })
    assert.deepEqual(
      cart.get().report?.lines.map(({ outcome }) => outcome),
      ['added'],
    )
    assert.deepEqual([...device.kept.keys()], [])
  })

  it('that are still being followed when the account logs out show nobody anything of it, and leave nothing on the device', async (t) => {
    const { link } = await linked(t, 'WARE-0')
    const token = await login(server.url, 'cart-leaving')
    const reached = Promise.withResolvers<void>()
    const gate = Promise.withResolvers<void>()
    const slow: typeof fetch = async (input, init) => {
      const response = await fetch(input, init)
      if (!String(input).endsWith('/merge')) return response
      reached.resolve()
      await gate.promise
      return response
    }
    const device = new Device()
    const cart = page(t, device, { fetch: slow })
    const shown: string[] = []
    await cart.login(token)
    await cart.add({ sku: 'WARE-1' })
    const following = cart.restore(link)
    await reached.promise
    cart.logout()
    cart.subscribe((view) => shown.push(...(view.cart?.lines ?? []).map(({ sku }) => sku ?? '')))
    gate.resolve()
    await assert.rejects(following, (error) => codeOf(error) === 'aborted')
    assert.equal(await cart.ready(), null)
    assert.equal(cart.get().report, null)
    // A change that waits would be kept together with the cart that is shown.
    const guest = await cart.add({ sku: 'WARE-2' })
    assert.equal(guest.owner.kind, 'guest')
    assert.deepEqual(quantities(guest), { 'WARE-2': 1 })
    assert.deepEqual([...new Set(shown)], ['WARE-2'])
    // It was followed all the same: the account has what it led to.
    const { lines } = (await caller(server.url, token)('GET', '/v1/shops/demo/carts/current')).body
    assert.equal(lines.length, 2)
  })

  it("lead nobody to an account's cart but its owner", async (t) => {
    const token = await login(server.url, 'cart-linked')
    const account = caller(server.url, token)
    const { id } = (await account('POST', '/v1/shops/demo/carts/current/lines', { sku: 'WARE-0' })).body.cart
    const link = (await account('POST', '/v1/shops/demo/carts/current/restore-links')).body.token
    const stranger = page(t, new Device())
    await assert.rejects(stranger.restore(link), (error) => codeOf(error) === 'login_required')
    assert.equal(stranger.get().cart, null)
    const owner = page(t, new Device())
    await owner.login(token)
    assert.equal((await owner.restore(link)).id, id)
  })
})
