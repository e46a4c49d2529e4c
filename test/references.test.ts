// Numbers and references of orders: unique and without gaps however many are placed at once, counted per key, with a new year beginning at 1, and
// never the reason why an order is lost. On both databases.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, describe, it } from 'node:test'
import { pino } from 'pino'
import { isRefusal } from '../src/core/refusal.ts'
import { createEngine } from '../src/engine/engine.ts'
import { createSigner, hashSecret } from '../src/engine/identity.ts'
import { systemRandomness } from '../src/engine/system.ts'
import { openStore } from '../src/main.ts'
import { ADMIN, type Answer, atOnce, caller, DIALECTS, freshDatabase, startTestServer } from './harness.ts'
import { expect2xx } from './nodes.ts'
import { told, ware } from './presets/shop.ts'

const BY_YEAR = "{{ orderedAt | date: '%Y' }}-{{ orderedAt | date: '%Y' | seq: 8 }}"
const FREE = ware('FREE', {}, { prices: [{ currency: 'USD', amount: 0 }] })

/** An engine whose clock stands where a test puts it. */
async function engineAt(dialect: (typeof DIALECTS)[number]) {
  const store = openStore(await freshDatabase(dialect))
  await store.migrate()
  const clock = { time: Date.parse('2026-06-01T00:00:00.000Z'), now: () => clock.time }
  const engine = createEngine({
    store,
    clock,
    random: systemRandomness,
    signer: createSigner(['s'.repeat(32)]),
    adminHash: () => hashSecret(ADMIN),
    providers: [],
    log: pino({ level: process.env.TEST_LOG ?? 'silent' }),
    publicUrl: () => 'http://shop.test',
  })
  after(async () => {
    await engine.carts.drain()
    await engine.jobs.stop()
    await store.close()
  })
  return { engine, clock }
}

for (const dialect of DIALECTS)
  describe(`references on ${dialect}`, async () => {
    const server = await startTestServer(await freshDatabase(dialect))
    const { engine, clock } = await engineAt(dialect)
    let made = 0

    /** A shop of its own with something that costs nothing: orders of it are placed at once. */
    async function freshShop(referenceTemplate?: string) {
      const id = `r${++made}`
      const base = `${server.url}/v1/shops/${id}`
      const admin = caller(base, ADMIN)
      expect2xx(await caller(server.url, ADMIN)('POST', '/v1/shops', { id, name: id, currency: 'USD' }))
      expect2xx(await admin('POST', '/products/import', { products: [FREE] }))
      const set = (template: string) => admin('PATCH', '/settings', { orders: { referenceTemplate: template } })
      if (referenceTemplate !== undefined) expect2xx(await set(referenceTemplate))
      const place = async (): Promise<Answer['body']> => {
        const order = { items: [{ sku: 'FREE' }], email: 'robin@example.com' }
        return expect2xx(await caller(base)('POST', '/orders', order, { 'idempotency-key': randomUUID() })).body.order
      }
      return { admin, set, place }
    }

    it('SEED4-46 OPS-4 500 orders that are placed at once have 500 numbers and the references 1 to 500 of their year', async () => {
      const { place } = await freshShop(BY_YEAR)
      const orders = await atOnce(500, place)
      assert.ok(orders.every((order) => order.state === 'PLACED' && order.shortNumber === order.number.slice(0, 7)))
      assert.equal(new Set(orders.map((order) => order.number)).size, 500)
      const year = orders[0]?.orderedAt.slice(0, 4)
      assert.deepEqual(
        orders.map((order) => order.reference).sort(),
        Array.from({ length: 500 }, (_, index) => `${year}-${String(index + 1).padStart(8, '0')}`),
      )
    })

    it('SEED4-46 a new year begins at 1, to the millisecond and in UTC, and the shop goes on counting', async () => {
      const shopId = 'edge'
      const by = 'server:admin'
      assert.ok(!isRefusal(await engine.catalogue.makeShop({ id: shopId, name: shopId, currency: 'USD', preset: 'default' })))
      const products = (async function* () {
        yield { line: 1, product: FREE as never }
      })()
      assert.equal((await engine.catalogue.importProducts(shopId, products)).created, 1)
      const template = `${BY_YEAR} no. {{ seq }}`
      assert.ok(!isRefusal(await engine.catalogue.changeSettings(shopId, { orders: { referenceTemplate: template } }, by)))
      const place = async (time: string) => {
        clock.time = Date.parse(time)
        const items = { lines: [{ id: engine.random.id('ln'), sku: 'FREE', quantity: 1 } as never], email: 'robin@example.com' }
        const ordered = await engine.checkout.order({ shopId, owner: null, all: false, items, by })
        assert.ok(!isRefusal(ordered), JSON.stringify(ordered))
        const row = await engine.store.reader.db
          .selectFrom('orders')
          .select('reference')
          .where('id', '=', ordered.orderId)
          .executeTakeFirst()
        return row?.reference
      }
      assert.equal(await place('2026-12-31T23:59:59.998Z'), '2026-00000001 no. 1')
      assert.equal(await place('2026-12-31T23:59:59.999Z'), '2026-00000002 no. 2')
      assert.equal(await place('2027-01-01T00:00:00.000Z'), '2027-00000001 no. 3')
      assert.equal(await place('2027-12-31T23:59:59.999Z'), '2027-00000002 no. 4')
    })

    it('SEED4-46 every key counts for itself, and a key that is used twice in a template is one number', async () => {
      const { set, place } = await freshShop("{{ currency | seq: 3 }}/{{ currency | seq }}/{{ 'all' | seq: 2 }}")
      assert.deepEqual([(await place()).reference, (await place()).reference], ['001/1/01', '002/2/02'])
      expect2xx(await set("{{ 'all' | seq: 2 }} {{ shortNumber }} {{ total }} {{ shop }}"))
      const order = await place()
      assert.equal(order.reference, `03 ${order.shortNumber} 0 ${`r${made}`}`)
    })

    it('a reference is made once and stays when the template changes', async () => {
      const { admin, set, place } = await freshShop('A-{{ seq }}')
      const { id } = await place()
      expect2xx(await set('B-{{ seq }}'))
      expect2xx(await admin('POST', `/orders/${id}/status`, { status: 'processing' }))
      assert.equal(expect2xx(await admin('GET', `/orders/${id}`)).body.reference, 'A-1')
      assert.equal((await place()).reference, 'B-2')
    })

    it('a template that gives the same text again and again gives no two orders one reference', async () => {
      const { set, place } = await freshShop("{{ orderedAt | date: '%Y' }}")
      const orders = await atOnce(20, place)
      const year = orders[0]?.orderedAt.slice(0, 4)
      const expected = [year, ...Array.from({ length: 19 }, (_, index) => `${year}-${index + 2}`)]
      assert.deepEqual(orders.map((order) => order.reference).sort(), expected.sort())
      // What was made by another template is taken as well.
      expect2xx(await set(`{{ '${year}-2' }}`))
      assert.equal((await place()).reference, `${year}-2-2`)
    })

    it('a template that fails for an order gives it its number, and the order is placed', async () => {
      const { set, place } = await freshShop("{% if shop == 'shop' %}{{ seq }}{% endif %}")
      const order = await place()
      assert.equal(order.reference, order.number, 'an empty text is no reference')
      expect2xx(await set("{% if shop == 'shop' %}ok{% else %}{{ currency | seq: 100 }}{% endif %}"))
      const next = await place()
      assert.deepEqual([next.state, next.reference], ['PLACED', next.number])
    })

    it('a template that is wrong is refused when it is set, with its place and what is wrong', async () => {
      const { set, place } = await freshShop()
      for (const wrong of [
        '{{ seq',
        '{{ unknown }}',
        '{{ email }}',
        '{{ seq | nothing }}',
        "{{ '' | seq }}",
        '{{ currency | seq: 0 }}',
        '{{ currency | seq: 21 }}',
        "{{ currency | seq: 'a' }}",
        ' ',
        "{% include 'package.json' %}",
        "{% render './package.json' %}",
        '{% for i in (1..6) %}{{ i | seq }}{% endfor %}',
        '{% for i in (1..100000000) %}{{ i }}{% endfor %}',
      ]) {
        const refused = await set(wrong)
        assert.deepEqual([told(refused), refused.body.path], ['422 invalid', '/orders/referenceTemplate'], wrong)
      }
      assert.equal((await place()).reference, '1')
    })

    it('numbers and references open nothing', async () => {
      const { place } = await freshShop()
      const { number, reference, shortNumber } = await place()
      const base = `${server.url}/v1/shops/r${made}`
      const stranger = expect2xx(await caller(base)('POST', '/carts', {})).body.token
      for (const name of [number, reference, shortNumber])
        for (const call of [caller(base), caller(base, stranger), caller(base, name)])
          assert.ok((await call('GET', `/orders/${name}`)).status >= 400)
      assert.deepEqual(expect2xx(await caller(base, stranger)('GET', `/orders?number=${number}`)).body.items, [])
    })
  })
