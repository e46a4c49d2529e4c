// What becomes of an order after it was placed: its statuses, who moves them and who does not, what is remembered, who may cancel, and how orders are
// found. On the shops of all presets, on both databases.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { sql } from 'kysely'
import { type Answer, atOnce, caller, mainlyOn } from './harness.ts'
import { expect2xx } from './nodes.ts'
import { type OrderShop, orderShops, refunded } from './orders.ts'
import { type Call, payFor, told } from './presets/shop.ts'

const SHIPMENT = { carrier: 'Post', trackingNumber: '1Z999' }

for (const dialect of mainlyOn('sqlite'))
  describe(`orders live on ${dialect}`, async () => {
    const { server, url, shop, eventsOf } = await orderShops(dialect)
    const plain: OrderShop = await shop('demo')
    const store: OrderShop = await shop('store')
    const fill: OrderShop = await shop('fill')
    const reconcile: OrderShop = await shop('reconcile')
    const service: OrderShop = await shop('service')
    const classic: OrderShop = await shop('classic')
    const robin = await plain.customer()
    const move = (call: Call, id: string, status: string, more: object = {}) => call('POST', `/orders/${id}/status`, { status, ...more })
    const moves = async (call: Call, id: string) =>
      expect2xx(await call('GET', `/orders/${id}/status`)).body.moves.map((each: { status: string }) => each.status)
    const history = async (call: Call, id: string) => expect2xx(await call('GET', `/orders/${id}/history`)).body.items as Answer['body'][]

    it('SEED0-47 SEED4-45 an order goes through its states up to completed, and every state has its time', async () => {
      const customer = await store.customer()
      const order = await store.buy(customer)
      assert.deepEqual([order.state, order.status, order.paymentState, order.isCompleted], ['PLACED', 'paid', 'PAID', true])
      assert.equal(order.shortNumber, order.number.slice(0, 7))
      assert.match(order.reference, /^\d+$/)
      assert.ok(Date.parse(order.createdAt) <= Date.parse(order.orderedAt) && order.paidAt === order.orderedAt)
      const delivered = expect2xx(await store.admin('POST', `/orders/${order.id}/fulfilments`, { state: 'DELIVERED' })).body
      assert.deepEqual([delivered.state, delivered.status, delivered.completedAt], ['PLACED', 'delivered', null])
      const done = expect2xx(await move(store.admin, order.id, 'completed')).body
      assert.deepEqual([done.state, done.status], ['COMPLETED', 'completed'])
      assert.ok(Date.parse(done.completedAt) >= Date.parse(delivered.fulfilments[0].deliveredAt))
      const passed = (await history(customer, order.id)).map((each) => each.status).reverse()
      assert.deepEqual([...new Set(passed)], ['new', 'paid', 'delivered', 'completed'])
    })

    it('SEED0-48 where being paid confirms an order, its customer cancels it only while it is unpaid', async () => {
      const customer = await store.customer('sam')
      const { order } = await store.order(customer)
      assert.equal(expect2xx(await customer('POST', `/orders/${order.id}/cancel`)).body.status, 'canceled')
      const paid = await store.buy(customer)
      assert.equal(told(await customer('POST', `/orders/${paid.id}/cancel`)), '409 order_state_forbids')
      assert.equal((await store.read(paid.id)).state, 'PLACED')
    })

    it('SEED1-33 orders are new, paid, done, cancelled or expired', async () => {
      const customer = await fill.customer()
      const waiting = await fill.order(customer)
      assert.equal(waiting.order.status, 'new')
      const id = waiting.order.id
      expect2xx(await customer('POST', `/orders/${id}/cancel`))
      assert.deepEqual([(await fill.read(id)).status, (await fill.read(id)).state], ['canceled', 'CANCELLED'])
      const order = await fill.buy(await fill.customer('sam'))
      assert.equal(order.status, 'paid')
      assert.equal(expect2xx(await fill.admin('POST', `/orders/${order.id}/fulfilments`, {})).body.status, 'done')
      const digital = await fill.buy(await fill.customer('kim'), { sku: 'PEN' })
      assert.deepEqual([digital.state, digital.status, digital.fulfilments[0].state], ['COMPLETED', 'done', 'DELIVERED'])
      const late = (await fill.order(await fill.customer('alex'))).order.id
      expect2xx(await caller(url)('POST', '/v1/demo/clock', { advance: 'PT25H' }))
      assert.equal((await fill.read(late)).status, 'expired')
    })

    it('SEED2-68 an order remembers the statuses that it passed', async () => {
      const customer = await reconcile.customer()
      const { id } = await reconcile.buy(customer)
      for (const status of ['processing', 'completed']) expect2xx(await move(reconcile.admin, id, status))
      const passed = (await history(reconcile.admin, id)).map((each) => each.status).reverse()
      assert.deepEqual(passed.slice(-3), ['new', 'processing', 'completed'])
    })

    it('SEED3-63 SEED3-64 an order is confirmed or declined, shipped and completed, and moves in no other way', async () => {
      const customer = await service.customer()
      const { id, status } = await service.buy(customer)
      assert.equal(status, 'created')
      assert.deepEqual(await moves(service.admin, id), ['confirmed', 'declined'])
      const refused = await move(service.admin, id, 'shipped')
      assert.equal(told(refused), '409 status_move_forbidden')
      assert.deepEqual([refused.body.from, refused.body.to, refused.body.allowed], ['created', 'shipped', ['confirmed', 'declined']])
      assert.equal(expect2xx(await move(service.admin, id, 'confirmed')).body.status, 'confirmed')
      assert.equal(told(await move(service.admin, id, 'created')), '409 status_move_forbidden')
      expect2xx(await service.admin('POST', `/orders/${id}/fulfilments`, SHIPMENT))
      const shipped = await service.read(id)
      assert.deepEqual([shipped.status, shipped.state], ['completed', 'COMPLETED'], 'shipped, and as it is paid, completed')
      assert.deepEqual(
        (await history(service.admin, id)).slice(0, 3).map((each) => each.status),
        ['completed', 'shipped', 'confirmed'],
      )
      assert.equal(told(await move(service.admin, id, 'declined')), '409 order_state_forbids')
      assert.equal(told(await service.admin('POST', `/orders/${id}/cancel`)), '409 order_state_forbids')
    })

    it('SEED3-65 a customer may decline what is not confirmed, and nothing else', async () => {
      const customer = await service.customer('kim')
      const first = await service.buy(customer)
      assert.deepEqual(await moves(customer, first.id), ['declined'])
      assert.equal(told(await move(customer, first.id, 'confirmed')), '409 status_move_forbidden')
      const declined = expect2xx(await move(customer, first.id, 'declined', { message: 'Changed my mind.' })).body
      assert.deepEqual([declined.status, declined.state], ['declined', 'CANCELLED'])
      assert.equal((await refunded(service, first.id)).refundedTotal.amount, first.total.amount)
      const second = await service.buy(customer)
      expect2xx(await move(service.admin, second.id, 'confirmed'))
      assert.deepEqual(await moves(customer, second.id), [])
      for (const attempt of [move(customer, second.id, 'declined'), customer('POST', `/orders/${second.id}/cancel`)])
        assert.equal(told(await attempt), '409 order_state_forbids')
      assert.equal((await service.read(second.id)).status, 'confirmed')
    })

    it('SEED3-66 an order is shipped only when carrier and tracking number are known', async () => {
      const { id } = await service.buy(await service.customer('alex'), { sku: 'BOX', quantity: 2 })
      expect2xx(await move(service.admin, id, 'confirmed'))
      const without = await move(service.admin, id, 'shipped')
      assert.deepEqual([told(without), without.body.missing], ['409 status_move_forbidden', ['shipment']])
      const [{ id: lineId }] = (await service.read(id)).lines
      const made = expect2xx(await service.admin('POST', `/orders/${id}/fulfilments`, { lines: [{ lineId, quantity: 1 }] })).body
      assert.equal(told(await move(service.admin, id, 'shipped')), '409 status_move_forbidden')
      expect2xx(await service.admin('PATCH', `/orders/${id}/fulfilments/${made.fulfilments[0].id}`, SHIPMENT))
      assert.equal(expect2xx(await move(service.admin, id, 'shipped')).body.status, 'shipped')
    })

    it('SEED4-60 statuses of the shop go from any to any, each change with who, when and why, and an e-mail can be left out', async () => {
      const statuses = {
        initial: 'fresh',
        list: [
          { id: 'fresh', name: 'Fresh', color: '#00aa00' },
          { id: 'engraving', name: 'At the engraver', confirms: true },
          { id: 'gone', name: 'Gone', state: 'CANCELLED' },
        ],
        transitions: 'any',
        on: { cancelled: 'gone' },
      }
      expect2xx(await classic.admin('PATCH', '/settings', { orders: { statuses } }))
      const customer = await classic.customer()
      const { id, status } = await classic.buy(customer)
      assert.equal(status, 'fresh')
      const staff = await classic.key('staff', 'orders:edit', 'orders:read')
      expect2xx(await move(staff.call, id, 'engraving', { message: 'Takes a week.', suppressEmails: true }))
      expect2xx(await move(staff.call, id, 'fresh'))
      const [back, there] = await history(staff.call, id)
      assert.deepEqual([back.action, back.status, back.message, back.details], ['status', 'fresh', null, { from: 'engraving' }])
      assert.deepEqual(
        [there.actor, there.status, there.message, there.details],
        [`staff:${staff.id}`, 'engraving', 'Takes a week.', { from: 'fresh', suppressEmails: true }],
      )
      assert.ok(Date.parse(there.at) <= Date.parse(back.at))
    })

    it('SEED3-67 the history is paged, newest first, and an owner sees neither keys nor what staff alone needs', async () => {
      const { order, payment, orderToken } = await plain.order(robin)
      assert.equal(told(await plain.admin('POST', `/orders/${order.id}/fulfilments`, {})), '409 order_state_forbids')
      await payFor(robin, { order, payment })
      const staff = await plain.key('staff', 'orders:edit')
      expect2xx(await move(staff.call, order.id, 'processing', { message: 'Packing.' }))
      const seen = await history(plain.admin, order.id)
      assert.deepEqual(
        seen.map((each) => [each.action, each.actor]),
        [
          ['status', `staff:${staff.id}`],
          ['place', 'provider:sandbox'],
          ['order', 'account'],
        ],
      )
      const pages: Answer['body'][] = []
      for (let after = ''; ; ) {
        const { items, next } = expect2xx(await plain.admin('GET', `/orders/${order.id}/history?limit=1${after}`)).body
        pages.push(...items)
        if (next === null) break
        after = `&after=${next}`
      }
      assert.deepEqual(pages, seen)
      for (const owner of [robin, caller(plain.base, orderToken)]) {
        const own = await history(owner, order.id)
        assert.deepEqual(
          own.map((each) => [each.actor, each.message, each.details]),
          [
            ['staff', 'Packing.', null],
            ['provider', null, null],
            ['account', null, null],
          ],
        )
      }
      const stranger = await plain.customer('mallory')
      assert.equal(told(await stranger('GET', `/orders/${order.id}/history`)), '404 order_not_found')
    })

    it('a customer cancels a paid order until it is confirmed: money, stock and words are where they belong', async () => {
      const before = await plain.onHand('BOX')
      const order = await plain.buy(robin)
      assert.equal(await plain.onHand('BOX'), before - 3)
      expect2xx(await robin('POST', `/orders/${order.id}/cancel`, { message: 'Ordered twice.' }))
      const cancelled = await refunded(plain, order.id)
      assert.deepEqual([cancelled.state, cancelled.status, cancelled.refundedTotal], ['CANCELLED', 'cancelled', order.total])
      assert.equal(await plain.onHand('BOX'), before)
      const entry = (await history(plain.admin, order.id)).find((each) => each.action === 'cancel')
      assert.deepEqual([entry?.actor, entry?.message], ['account', 'Ordered twice.'])
      const confirmed = await plain.buy(robin)
      expect2xx(await move(plain.admin, confirmed.id, 'processing'))
      const refused = await robin('POST', `/orders/${confirmed.id}/cancel`)
      assert.deepEqual([told(refused), refused.body.reason], ['409 order_state_forbids', 'order_is_confirmed'])
      assert.equal((await plain.read(confirmed.id)).paymentState, 'PAID')
    })

    it('a customer who cancels while staff confirms gets either the money or the goods, not both and not neither', async () => {
      for (let round = 0; round < 5; round++) {
        const { id } = await plain.buy(robin, { sku: 'PEN' })
        const [cancelled, confirmed] = await Promise.all([robin('POST', `/orders/${id}/cancel`), move(plain.admin, id, 'processing')])
        const { state, status, refunds } = await plain.read(id)
        const won = [cancelled.status === 200, confirmed.status === 200].filter(Boolean)
        assert.equal(won.length, 1, `${told(cancelled)}, ${told(confirmed)}`)
        const isCancelled = cancelled.status === 200
        assert.deepEqual([state, status, refunds.length], isCancelled ? ['CANCELLED', 'cancelled', 1] : ['PLACED', 'processing', 0])
      }
    })

    it('a move that is repeated under its key does not undo what came after it', async () => {
      const { id } = await plain.buy(robin, { sku: 'PEN' })
      const key = { 'idempotency-key': crypto.randomUUID() }
      const request = () => plain.admin('POST', `/orders/${id}/status`, { status: 'processing' }, key)
      expect2xx(await request())
      expect2xx(await move(plain.admin, id, 'placed'))
      const again = expect2xx(await request())
      assert.deepEqual([again.headers.get('idempotency-replayed'), again.body.status], ['true', 'placed'])
    })

    it('a move to a status that cancels refunds once, however often and at how many places it is asked for', async () => {
      const before = await plain.onHand('BOX')
      const { id, total } = await plain.buy(robin)
      const answers = await atOnce(10, (index) =>
        index % 2 ? move(plain.admin, id, 'cancelled') : plain.admin('POST', `/orders/${id}/cancel`),
      )
      assert.deepEqual([...new Set(answers.map(told))], ['200'])
      const order = await refunded(plain, id)
      assert.deepEqual([order.refunds.length, order.refundedTotal], [1, total])
      assert.equal(await plain.onHand('BOX'), before)
    })

    it('what happens to an order is told, each thing once', async () => {
      const receiver = expect2xx(await plain.admin('POST', '/webhooks', { url: `${url}/healthz`, types: ['*'] })).body
      const { id } = await plain.buy(robin)
      expect2xx(await move(plain.admin, id, 'processing'))
      expect2xx(await move(plain.admin, id, 'processing'))
      expect2xx(await plain.admin('POST', `/orders/${id}/fulfilments`, SHIPMENT))
      const told = (await eventsOf(id)).filter((type) => !type.startsWith('payment.') && !type.startsWith('cart.'))
      assert.deepEqual(told, [
        'order.created',
        'order.placed',
        'order.status_changed',
        'fulfilment.created',
        'order.status_changed',
        'order.completed',
      ])
      expect2xx(await plain.admin('DELETE', `/webhooks/${receiver.id}`))
    })

    it('SEED3-69 every act on orders has its scope, and a key without it does nothing', async () => {
      const { id } = await plain.buy(robin)
      const acts: readonly (readonly [scope: string, method: string, path: string, body?: object])[] = [
        ['orders:read', 'GET', '/orders'],
        ['orders:read', 'GET', `/orders/${id}`],
        ['orders:read', 'GET', `/orders/${id}/status`],
        ['orders:read', 'GET', `/orders/${id}/history`],
        ['orders:edit', 'POST', `/orders/${id}/status`, { status: 'processing' }],
        ['orders:edit', 'POST', `/orders/${id}/fulfilments`, { state: 'PENDING' }],
        ['orders:write', 'POST', `/orders/${id}/cancel`],
      ]
      const other: Readonly<Record<string, string>> = {
        'orders:read': 'orders:edit',
        'orders:edit': 'orders:write',
        'orders:write': 'orders:read',
      }
      const before = await plain.read(id)
      for (const [scope, method, path, body] of acts) {
        const wrong = await (await plain.key('server', other[scope] ?? '')).call(method, path, body)
        assert.deepEqual([told(wrong), wrong.body.scope], ['403 missing_scope', scope], `${method} ${path}`)
      }
      assert.deepEqual(await plain.read(id), before)
      for (const [scope, method, path, body] of acts) expect2xx(await (await plain.key('staff', scope)).call(method, path, body))
      assert.equal((await plain.read(id)).state, 'CANCELLED')
    })

    it('SEED3-70 an order that staff or a server places for a customer says so, and its history says which key', async () => {
      for (const kind of ['staff', 'server'] as const) {
        const { call, id: keyId } = await plain.key(kind, 'orders:write', 'orders:read')
        const what = { items: [{ sku: 'FREE' }], email: 'kim@example.com' }
        const order: Answer['body'] = expect2xx(await call('POST', '/orders?account=demo:kim', what)).body.order
        assert.deepEqual([order.placedBy, order.owner, order.state], [kind, { kind: 'account', accountId: 'demo:kim' }, 'PLACED'])
        assert.deepEqual(new Set((await history(plain.admin, order.id)).map((each) => each.actor)), new Set([`${kind}:${keyId}`]))
        const kim = await plain.customer('kim')
        assert.equal(expect2xx(await kim('GET', `/orders/${order.id}`)).body.placedBy, kind)
      }
      const own = await plain.buy(robin, { sku: 'PEN' })
      assert.equal(own.placedBy, 'account')
    })

    it('SEED1-30 SEED1-35 SEED4-73 orders are found by everything that staff looks for, and by several things together', async () => {
      const finder = await shop('offers')
      const customer = await finder.customer('finder')
      const first = await finder.buy(customer, { sku: 'BOX', quantity: 1 })
      expect2xx(await caller(url)('POST', '/v1/demo/clock', { advance: 'PT1H' }))
      const second = await finder.buy(await finder.customer('other'), { sku: 'PEN', quantity: 4 })
      const third = (await finder.order(customer, { sku: 'PEN' })).order
      const free = expect2xx(await finder.admin('POST', '/orders', { items: [{ sku: 'FREE' }], email: 'Ann.Lee@Example.com' })).body.order
      expect2xx(await finder.admin('POST', `/orders/${second.id}/status`, { status: 'processing' }))
      expect2xx(await finder.admin('POST', `/orders/${first.id}/fulfilments`, {}))
      const names = new Map([first, second, third, free].map(({ id }, index) => [id, ['first', 'second', 'third', 'free'][index]]))
      const found = async (query: string, call = finder.admin) =>
        expect2xx(await call('GET', `/orders?${query}`)).body.items.map((each: { id: string }) => names.get(each.id))
      const table: readonly (readonly [string, readonly string[]])[] = [
        ['', ['free', 'second', 'first']],
        ['view=all', ['free', 'third', 'second', 'first']],
        ['view=unpaid', ['third']],
        ['state=COMPLETED', ['first']],
        ['status=processing', ['second']],
        ['paymentState=PAID&fulfilmentState=UNFULFILLED', ['free', 'second']],
        ['fulfilmentState=FULFILLED', ['first']],
        [`number=${second.number}`, ['second']],
        [`shortNumber=${second.shortNumber}`, ['second']],
        [`reference=${first.reference}`, ['first']],
        ['email=ann.lee@example.com', ['free']],
        [`cartId=${first.cartId}`, ['first']],
        ['account=demo:finder', ['first']],
        ['account=demo:finder&view=all', ['third', 'first']],
        [`from=${second.orderedAt}`, ['free', 'second']],
        [`to=${second.orderedAt}`, ['first']],
        ['provider=sandbox', ['second', 'first']],
        [`currency=USD&totalFrom=1&totalTo=${second.total.amount - 1}`, first.total.amount < second.total.amount ? ['first'] : []],
        [`totalFrom=${second.total.amount}&status=processing`, ['second']],
        ['status=nothing', []],
      ]
      for (const [query, expected] of table) assert.deepEqual(await found(query), expected, query)
      assert.deepEqual(await found('view=all', customer), ['third', 'first'], 'a customer finds only their own')
      assert.deepEqual(await found('email=ann.lee@example.com', customer), [])
      const pages: string[] = []
      for (let after = ''; ; ) {
        const { items, next } = expect2xx(await finder.admin('GET', `/orders?limit=1${after}`)).body
        pages.push(...items.map((each: { id: string }) => names.get(each.id)))
        if (next === null) break
        after = `&after=${next}`
      }
      assert.deepEqual(pages, ['free', 'second', 'first'])
      for (const never of ['yesterday', '2026-12-31T23:59:60Z'])
        assert.equal(told(await finder.admin('GET', `/orders?from=${never}`)), '422 invalid')
    })

    it('lists of orders that staff opens daily are read through indexes', async () => {
      // On few rows PostgreSQL would rather read them all: whether it could do otherwise is the question.
      await server.engine.store.transact(async ({ db }) => {
        if (dialect === 'postgres') await sql`SET LOCAL enable_seqscan = off`.execute(db)
        for (const [column, index] of [
          ['status', 'orders_by_status'],
          ['payment_state', 'orders_by_payment'],
          ['fulfilment_state', 'orders_by_fulfilment'],
        ]) {
          const list = `SELECT * FROM orders WHERE shop_id = 'demo' AND placed_at IS NOT NULL AND ${column} = 'x' ORDER BY id DESC LIMIT 50`
          const plan = await sql.raw(`EXPLAIN ${dialect === 'sqlite' ? 'QUERY PLAN ' : ''}${list}`).execute(db)
          assert.match(JSON.stringify(plan.rows), new RegExp(`${index}\\b`))
          assert.doesNotMatch(JSON.stringify(plan.rows), /sort|temp b-tree/i)
        }
      })
    })
  })
