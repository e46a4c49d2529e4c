// Between a cart and its paid order any step may fail, lose its answer, or be the last of its process. Whatever happened, the shopper orders once more
// and pays: one order, one payment, and the books balance. What another run won is never touched.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { checkBooks } from '../src/store/books.ts'
import { DIALECTS, EVERY, isTried } from './harness.ts'
import { type Dying, type Life, live } from './life-of-an-order.ts'
import { openShop, startWorld, success, type World } from './paying.ts'
import { atStep, type Moment, type Place, providerAround, storeAround } from './ports.ts'

const LIFE = fileURLToPath(new URL('life-of-an-order.ts', import.meta.url))
const MOMENTS: readonly Moment[] = ['before', 'after']
/** So many processes die side by side. */
const SIDE_BY_SIDE = 3

type Shop = Awaited<ReturnType<typeof openShop>>
type Guest = Awaited<ReturnType<Shop['guest']>>

const lifeOf = (shop: Shop, guest: Guest): Life => ({ shopId: shop.id, guestId: guest.token.split('_')[1] ?? '', cartId: guest.cartId })

/** Lives once with a step that fails; answers whether it came to that step. */
async function fail(world: World, life: Life, at: number, moment: Moment): Promise<boolean> {
  const places: readonly Place[] = ['read', 'statement', 'transaction', 'provider']
  const { around, reached } = atStep(at, moment, places, () => {
    throw new Error(`Step ${at} failed, ${moment} it was taken.`)
  })
  const engine = world.engineOn(storeAround(world.store, around), providerAround(world.cards.provider, around))
  await live(world, engine, life).catch(() => undefined)
  return reached()
}

/** Lives in a process of its own that is killed at a step; answers whether it came to it. */
async function die(dying: Dying): Promise<boolean> {
  const child = spawn(process.execPath, [LIFE, JSON.stringify(dying)], { stdio: ['ignore', 'ignore', 'inherit'] })
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
  assert.ok(signal === 'SIGKILL' || code === 0, `it ended with ${code ?? signal}`)
  return signal === 'SIGKILL'
}

for (const dialect of DIALECTS) {
  describe(`faults of payments on ${dialect}`, async () => {
    const world = await startWorld(dialect)

    async function openOwnShop() {
      const shop = await openShop(world, { capture: 'automatic' })
      success(await shop.admin('PUT', '/stock/A', { onHand: 10_000 }))
      const [hook] = (await shop.admin('GET', '/webhooks')).body.items
      success(await shop.admin('PATCH', `/webhooks/${hook.id}`, { types: ['order.placed'] }))
      return shop
    }

    /** The shopper orders once more, and pays where that is still to be done. All of these carts are one paid order each. */
    async function finish(shop: Shop, guests: readonly Guest[]): Promise<void> {
      for (const guest of guests) {
        const { order, payment } = await guest.order()
        if (order.state !== 'PLACED' && payment !== null) await shop.pay(payment.id)
      }
      await shop.settle()
      const { db } = world.store.reader
      for (const { cartId } of guests) {
        const orders = await db.selectFrom('orders').selectAll().where('cart_id', '=', cartId).execute()
        assert.deepEqual(
          orders.map((row) => [row.state, row.payment_state]),
          [['PLACED', 'PAID']],
        )
        const payments = await db
          .selectFrom('payments')
          .selectAll()
          .where('order_id', '=', orders[0]?.id ?? '')
          .execute()
        assert.deepEqual(
          payments.map((row) => [row.state, row.captured]),
          [['PAID', orders[0]?.total]],
        )
      }
      const told = (await shop.rows('deliveries')).map((row) => row.subject)
      assert.deepEqual([told.length, new Set(told).size], [guests.length, guests.length], 'each was told once')
      const broken = (await checkBooks(world.store.reader, world.clock.now(), shop.id)).filter(({ findings }) => findings.length > 0)
      assert.deepEqual(
        broken.filter(({ name }) => name !== 'delivery_dead'),
        [],
      )
    }

    it('a step that fails, or whose answer is lost, leaves a cart that is ordered and paid once by trying again', async () => {
      const shop = await openOwnShop()
      const guests: Guest[] = []
      for (const moment of MOMENTS)
        for (let at = 1, goesOn = true; goesOn; at++) {
          const guest = await shop.guest()
          goesOn = await fail(world, lifeOf(shop, guest), at, moment)
          guests.push(guest)
        }
      assert.ok(guests.length > 60, `${guests.length} steps`)
      await finish(shop, guests)
    })

    it('a run that fails beside one that succeeds changes nothing of what that one won', async () => {
      const shop = await openOwnShop()
      const guests: Guest[] = []
      for (const moment of MOMENTS)
        for (let at = 1, goesOn = true; goesOn; at += 3) {
          const guest = await shop.guest()
          const { order, payment } = await guest.order()
          const winning = async () => {
            await shop.pay(payment.id)
            await shop.tell(payment.id, 'paid')
          }
          const [failed] = await Promise.all([fail(world, lifeOf(shop, guest), at, moment), winning()])
          goesOn = failed
          const won = await shop.read(order.id)
          assert.deepEqual([won.state, won.paymentState, won.refunds], ['PLACED', 'PAID', []], `step ${at}, ${moment}`)
          guests.push(guest)
        }
      assert.ok(guests.length > 10, `${guests.length} runs`)
      await finish(shop, guests)
    })

    it('a process that is killed at any step between session and placing leaves no money without an order, and a cart that can be paid', async () => {
      const shop = await openOwnShop()
      const guests: Guest[] = []
      // What is there after one step is what is there before the next: nothing but reads is between them.
      const stride = EVERY ? 1 : DIALECTS.length
      for (let first = isTried(dialect, 0) ? 1 : 2, goesOn = true; goesOn; first += SIDE_BY_SIDE * stride) {
        const dying = await Promise.all(
          Array.from({ length: SIDE_BY_SIDE }, async (_, index) => {
            const guest = await shop.guest()
            guests.push(guest)
            const where = { databaseUrl: world.databaseUrl, ahead: world.ahead(), at: first + index * stride, moment: 'after' as const }
            return die({ ...lifeOf(shop, guest), ...where })
          }),
        )
        goesOn = dying.every((died) => died)
      }
      assert.ok(guests.length >= 6 / stride, `${guests.length} processes`)
      await finish(shop, guests)
    })
  })
}
