// The messages of a provider come ten times each, in every order, before their payment is known and after, among wrong ones: the end is always the
// same. What is not genuine is not stored; what does not fit marks nothing paid.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Webhook } from 'standardwebhooks'
import { checkBooks } from '../src/store/books.ts'
import { insertPayment } from '../src/store/orders.ts'
import { atOnce, DIALECTS } from './harness.ts'
import { openShop, reconcile, startWorld, success } from './paying.ts'

const TIMES = 10
const RIGHT = ['paid', 'failed', 'cancelled', 'wrong amount'] as const
const MINUTE = 60_000

type Shop = Awaited<ReturnType<typeof openShop>>
interface Ordered {
  readonly order: { readonly id: string; readonly total: { readonly amount: number } }
  readonly payment: { readonly id: string }
}

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]]
  return items.flatMap((item, index) => permutations(items.filter((_, other) => other !== index)).map((rest) => [item, ...rest]))
}

for (const dialect of DIALECTS) {
  describe(`messages of providers on ${dialect}`, async () => {
    const world = await startWorld(dialect)

    async function openOwnShop(): Promise<Shop> {
      const shop = await openShop(world, { capture: 'automatic' })
      const [hook] = (await shop.admin('GET', '/webhooks')).body.items
      success(await shop.admin('PATCH', `/webhooks/${hook.id}`, { types: ['order.placed', 'payment.succeeded', 'payment.mismatch'] }))
      return shop
    }

    async function paidOrder(shop: Shop): Promise<Ordered> {
      const ordered: Ordered = await (await shop.guest()).order()
      assert.equal(await shop.pay(ordered.payment.id), 'paid')
      return ordered
    }

    /** Posts a message as the provider does; answers the status. */
    async function post(shop: Shop, id: string, data: object, { secret = world.secret, ageS = 0 } = {}): Promise<number> {
      const body = JSON.stringify({ type: 'payment', data })
      const at = new Date(Date.now() - ageS * 1000)
      const headers = { 'webhook-id': id, 'webhook-timestamp': String(Math.floor(at.getTime() / 1000)) }
      const signature = new Webhook(secret).sign(id, at, body)
      const answer = await world.call(null)('POST', `${shop.path}/payments/sandbox/events`, JSON.parse(body), {
        ...headers,
        'webhook-signature': signature,
      })
      return answer.status
    }

    async function factsOf(shop: Shop, { order, payment }: Ordered) {
      const { id: sessionId, amount, currency } = await shop.session(payment.id)
      return { shopId: shop.id, orderId: order.id, sessionId, attemptId: payment.id, amount, currency, state: 'paid' }
    }

    /** One right message, ten times: once, and then by nine senders at the same moment. Its id is the same each time. */
    async function say(shop: Shop, ordered: Ordered, what: (typeof RIGHT)[number]): Promise<void> {
      const facts = await factsOf(shop, ordered)
      const data = what === 'wrong amount' ? { ...facts, amount: facts.amount - 1 } : { ...facts, state: what }
      const id = `${what}-${ordered.payment.id}`
      assert.equal(await post(shop, id, data), 202)
      assert.deepEqual(await atOnce(TIMES - 1, () => post(shop, id, data)), Array<number>(TIMES - 1).fill(200))
    }

    /** Everything that must count for nothing. */
    async function sayWrongly(shop: Shop, ordered: Ordered, other: Ordered): Promise<void> {
      const facts = await factsOf(shop, ordered)
      const id = (name: string) => `${name}-${ordered.payment.id}`
      const refused = [
        await post(shop, id('forged'), facts, { secret: `whsec_${Buffer.alloc(32, 7).toString('base64')}` }),
        await post(shop, id('old'), facts, { ageS: 301 }),
        // Well beyond the 300 s: the clock goes on before it arrives.
        await post(shop, id('from the future'), facts, { ageS: -330 }),
        await post(shop, id('another shop'), { ...facts, shopId: 'another' }),
        await post(shop, id('a part of a cent'), { ...facts, amount: facts.amount + 0.5 }),
      ]
      assert.deepEqual(refused, [400, 400, 400, 400, 400])
      const stored = [
        await post(shop, id('another currency'), { ...facts, currency: 'EUR' }),
        await post(shop, id('another order'), { ...facts, orderId: other.order.id }),
        await post(shop, id('another session'), { ...facts, sessionId: (await shop.session(other.payment.id)).id }),
        await post(shop, id('more'), { ...facts, amount: facts.amount + 1 }),
        await post(shop, id('nothing'), { ...facts, amount: 0 }),
      ]
      assert.deepEqual(stored, [202, 202, 202, 202, 202])
    }

    async function assertPaidOnce(shop: Shop, ordereds: readonly Ordered[], wrongsEach: number): Promise<void> {
      for (const { order } of ordereds) {
        const read = await shop.read(order.id)
        assert.deepEqual([read.state, read.paymentState, read.refunds], ['PLACED', 'PAID', []])
        const told = await shop.told(order.id)
        const once = told.filter((type) => type !== 'payment.mismatch').sort()
        assert.deepEqual(once, ['order.placed', 'payment.succeeded'])
      }
      const mine = new Set(ordereds.map(({ payment }) => payment.id))
      const payments = (await shop.rows('payments')).filter(({ id }) => mine.has(id))
      for (const row of payments) assert.deepEqual([row.state, row.captured], ['PAID', row.amount])
      const events = (await shop.rows('provider_events')).filter((row) => mine.has(JSON.parse(row.document).attemptId))
      assert.equal(events.length, ordereds.length * (RIGHT.length + wrongsEach), 'each message is stored once')
      assert.ok(
        events.every((row) => row.applied_at !== null),
        'none is left',
      )
      const checks = await checkBooks(world.store.reader, world.clock.now(), shop.id)
      assert.deepEqual(
        checks.filter(({ findings, severity }) => severity === 'error' && findings.length > 0),
        [],
      )
    }

    it('ten times each, in all orders, among wrong ones, are one placed order', async () => {
      const shop = await openOwnShop()
      const other: Ordered = await (await shop.guest()).order()
      const ordereds: Ordered[] = []
      for (const [index, sequence] of permutations(RIGHT).entries()) {
        const ordered = await paidOrder(shop)
        ordereds.push(ordered)
        for (const [place, what] of sequence.entries()) {
          if (place === index % RIGHT.length) await sayWrongly(shop, ordered, other)
          await say(shop, ordered, what)
        }
      }
      await assertPaidOnce(shop, ordereds, 5)
      assert.equal((await shop.read(other.order.id)).state, 'NEW', 'the other order was not paid by them')
    })

    it('ten times each, in all orders, before their payment is known, are one placed order once it is', async () => {
      const shop = await openOwnShop()
      const ordereds: Ordered[] = []
      for (const sequence of permutations(RIGHT)) {
        const ordered = await paidOrder(shop)
        const row = (await shop.rows('payments')).find(({ id }) => id === ordered.payment.id)
        assert.ok(row)
        await world.store.transact((writer) => writer.db.deleteFrom('payments').where('id', '=', row.id).execute())
        for (const what of sequence) await say(shop, ordered, what)
        assert.equal((await shop.read(ordered.order.id)).state, 'NEW')
        await world.store.transact((writer) => insertPayment(writer, row))
        ordereds.push(ordered)
      }
      // Nobody asks the provider here: the stored messages alone must do.
      world.cards.line.faults = { status: 'refuses', cancel: 'refuses' }
      for (let round = 0; round < 4; round++) {
        world.move(2 * MINUTE)
        await reconcile(world.engine)
      }
      world.cards.line.faults = {}
      await assertPaidOnce(shop, ordereds, 0)
    })
  })
}
