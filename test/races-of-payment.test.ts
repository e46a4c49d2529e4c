// The client that completes its order races what the provider says of it, hundreds of times, with a delay by chance at every step of both ports: it is
// always one order, one payment, one event. RACES says how many races there are (half of them on each database), RACES_SEED which.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { checkBooks } from '../src/store/books.ts'
import { type Answer, DIALECTS } from './harness.ts'
import { openShop, reconcile, startWorld, success } from './paying.ts'
import { delays, providerAround, seeded, storeAround } from './ports.ts'

const RACES = Number(process.env.RACES ?? 100) / DIALECTS.length
const SEED = Number(process.env.RACES_SEED ?? Date.now() % 1_000_000)
const AT_ONCE = 24

type Shop = Awaited<ReturnType<typeof openShop>>
type Guest = Awaited<ReturnType<Shop['guest']>>
interface Ordered {
  readonly order: { readonly id: string }
  readonly payment: { readonly id: string }
}

for (const dialect of DIALECTS) {
  describe(`payments that race on ${dialect}`, async () => {
    const random = seeded(SEED)
    const around = delays(random, dialect)
    const world = await startWorld(dialect, {
      store: (store) => storeAround(store, around),
      provider: (provider) => providerAround(provider, around),
    })
    const { db } = world.store.reader
    const shops: Shop[] = []
    for (let count = 0; count < 4; count++) shops.push(await openShopOfRaces())

    async function openShopOfRaces() {
      const shop = await openShop(world, { capture: 'automatic' })
      success(await shop.admin('PUT', '/stock/A', { onHand: RACES * 2 }))
      // All shoppers have one e-mail address here, and cards that are declined.
      const declines = { address: 0, owner: 0, email: 0, cart: 0, shop: 0 }
      success(await shop.admin('PATCH', '/settings', { limits: { declines } }))
      const [hook] = (await shop.admin('GET', '/webhooks')).body.items
      // Only what is counted is written: sending is not what races here.
      success(await shop.admin('PATCH', `/webhooks/${hook.id}`, { types: ['order.placed', 'payment.succeeded'] }))
      return shop
    }

    /** Orders once or by a double click, whose answers must name one order and one payment. */
    async function orderByClicks(guest: Guest): Promise<Ordered> {
      const clicks = 1 + Math.floor(random() * 3)
      const answers = await Promise.all(
        Array.from({ length: clicks }, async () => success(await guest.run('POST', '/orders', { cartId: guest.cartId })) as Ordered),
      )
      const named = new Set(answers.map(({ order, payment }) => `${order.id} ${payment.id}`))
      assert.equal(named.size, 1, 'all clicks are answered with one order and one payment')
      return answers[0] as Ordered
    }

    /** Everybody who can bring the news, or something stale, in the order of a draw. */
    async function tellAll(shop: Shop, guest: Guest, { order, payment }: Ordered): Promise<void> {
      const said = `evt_${payment.id}`
      const ask = async () => {
        const row = await db.selectFrom('payments').selectAll().where('id', '=', payment.id).executeTakeFirstOrThrow()
        await world.engine.payments.askProvider(row)
      }
      const again = async () => {
        const answer: Answer = await guest.run('POST', '/orders', { cartId: guest.cartId })
        const told = answer.status < 300 ? answer.body.order.id : answer.body.orderId
        assert.equal(told, order.id, `a completion that comes late is told its order: ${JSON.stringify(answer.body)}`)
      }
      const witnesses: (() => Promise<unknown>)[] = [
        () => shop.tell(payment.id, 'paid', { eventId: said }),
        () => shop.tell(payment.id, 'paid', { eventId: said }),
        () => shop.tell(payment.id, 'paid'),
        () => shop.tell(payment.id, 'failed'),
        () => world.call(null)('GET', `${shop.path}/payments/sandbox/returns/${payment.id}`),
        ask,
        again,
        again,
      ]
      const first = Math.floor(random() * 3)
      const called = witnesses.filter((_, index) => index === first || random() < 0.7)
      await Promise.all(
        called.map(async (witness) => {
          await sleep(random() * 8)
          await witness()
        }),
      )
    }

    async function race(shop: Shop): Promise<{ shop: Shop; cartId: string; orderId: string }> {
      const guest = await shop.guest()
      const ordered = await orderByClicks(guest)
      const { order, payment } = ordered
      if (random() < 0.5) {
        assert.equal(await shop.pay(payment.id), 'paid')
        await tellAll(shop, guest, ordered)
      } else {
        // The shopper pays while somebody asks already; the browser returns and the message comes as soon as it is paid.
        const row = await db.selectFrom('payments').selectAll().where('id', '=', payment.id).executeTakeFirstOrThrow()
        const paying = async () => {
          await sleep(random() * 4)
          assert.equal(await shop.pay(payment.id), 'paid')
          await tellAll(shop, guest, ordered)
        }
        await Promise.all([world.engine.payments.askProvider(row), shop.tell(payment.id, 'failed'), paying()])
      }
      return { shop, cartId: guest.cartId, orderId: order.id }
    }

    it('completions against the messages of the provider are one order, one payment and one event each', async (context) => {
      context.diagnostic(`${RACES} races, seed ${SEED}`)
      const done: Awaited<ReturnType<typeof race>>[] = []
      let started = 0
      await Promise.all(
        Array.from({ length: AT_ONCE }, async (_, lane) => {
          for (let next = started++; next < RACES; next = started++) done.push(await race(shops[lane % shops.length] as Shop))
        }),
      )
      // A message that met too many changes at once is kept and applied by the job.
      world.move(2 * 60_000)
      await reconcile(world.engine)
      assert.equal(done.length, RACES)
      for (const shop of shops) await oneOfEach(shop.id, done)
      const broken = (await checkBooks(world.store.reader, world.clock.now())).filter(({ findings }) => findings.length > 0)
      assert.deepEqual(broken, [], `seed ${SEED}`)
    })

    /** Of every cart of a shop there is one order, which is paid once, and was told once. */
    async function oneOfEach(shopId: string, done: readonly Awaited<ReturnType<typeof race>>[]): Promise<void> {
      const mine = done.filter(({ shop }) => shop.id === shopId)
      const orders = await db.selectFrom('orders').selectAll().where('shop_id', '=', shopId).execute()
      const payments = await db.selectFrom('payments').selectAll().where('shop_id', '=', shopId).execute()
      const told = await db.selectFrom('deliveries').select(['subject', 'type']).where('shop_id', '=', shopId).execute()
      const placed = orders.map((row) => [row.cart_id, row.id, row.state, row.payment_state].join(' '))
      assert.deepEqual(placed.sort(), mine.map(({ cartId, orderId }) => `${cartId} ${orderId} PLACED PAID`).sort(), `seed ${SEED}`)
      const paid = payments.map((row) => [row.order_id, row.state, row.captured].join(' '))
      assert.deepEqual(paid.sort(), orders.map((row) => `${row.id} PAID ${row.total}`).sort(), `seed ${SEED}`)
      const events = told.map(({ subject, type }) => `${subject} ${type}`)
      assert.deepEqual(events.sort(), orders.flatMap(({ id }) => [`${id} order.placed`, `${id} payment.succeeded`]).sort(), `seed ${SEED}`)
      const { uses } = (await db
        .selectFrom('sandbox_sessions')
        .select(({ fn }) => fn.countAll<number>().as('uses'))
        .where('shop_id', '=', shopId)
        .executeTakeFirst()) ?? { uses: 0 }
      assert.equal(Number(uses), mine.length, 'one session was opened for each')
    }
  })
}
