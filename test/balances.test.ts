// Balances of accounts: a paid recharge is credited by exactly its own amount, the balance pays orders, and what is given back is taken back, all of
// it once: under races, repetitions, lost answers and deaths of the process. Promised on both databases.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import { SignJWT } from 'jose'
import { sql } from 'kysely'
import { isRefusal } from '../src/core/refusal.ts'
import { checkBooks } from '../src/store/books.ts'
import { ADMIN, type Answer, atOnce, DIALECTS } from './harness.ts'
import { dyingStore, openShop, startWorld, success, type World } from './paying.ts'

const SECRET = 'a secret of the tests that is long enough'
const ISSUER = { name: 'app', iss: 'https://id.example', aud: 'shop', algorithms: ['HS256'], secret: SECRET }
const BY_BALANCE = { payment: { provider: 'balance' } }
const HOUR = 3_600_000

type Method = 'GET' | 'POST' | 'PATCH'

function recharge(sku: string) {
  const variant = { sku, name: '', options: {}, prices: [], stockPolicy: 'untracked', requiresShipping: false, taxable: false, grams: 0 }
  const told = { handle: sku.toLowerCase(), name: sku, description: '', tags: [], kind: 'recharge', published: true, images: [] }
  return { ...told, taxCategory: 'standard', recharge: { currency: 'USD', presets: [1000], allowCustom: true }, variants: [variant] }
}

/** A shop that sells goods A, B and C for 10.00 each and recharges of any amount, to accounts and guests. */
async function openRechargeShop(world: World, payment: object = {}) {
  const shop = await openShop(world, { providers: ['sandbox', 'manual', 'balance'], ...payment })
  success(await shop.admin('PATCH', '/settings', { access: { issuers: [ISSUER] } }))
  success(await shop.admin('POST', '/products/import', { products: [recharge('TOP-UP')] }))
  const { db } = world.store.reader

  async function account(subject = `robin-${randomUUID()}`) {
    const token = await new SignJWT({ email: 'robin@example.com' })
      .setProtectedHeader({ alg: 'HS256' })
      .setIssuer(ISSUER.iss)
      .setAudience(ISSUER.aud)
      .setSubject(subject)
      .setExpirationTime(Math.floor(world.clock.now() / 1000) + 400 * 24 * 3600)
      .sign(new TextEncoder().encode(SECRET))
    const id = `app:${subject}`
    const run = (method: Method, url: string, body?: object, headers?: Record<string, string>) =>
      world.call(token)(method, shop.path + url, body, headers)
    const fill = async (lines: readonly object[]) => {
      const { cart } = success(await run('POST', '/carts/current/lines', { lines }))
      success(await run('PATCH', '/carts/current', { email: 'robin@example.com' }))
      return cart.id as string
    }
    const order = async (lines: readonly object[], more: object = {}) => run('POST', '/orders', { cartId: await fill(lines), ...more })
    return {
      ...{ id, run, fill, order },
      /** A paid order of these lines. */
      async buy(lines: readonly object[]): Promise<{ orderId: string; paymentId: string; order: Answer['body'] }> {
        const { order: made, payment } = success(await order(lines))
        assert.equal(await shop.pay(payment.id), 'paid')
        await shop.tell(payment.id, 'paid')
        return { orderId: made.id, paymentId: payment.id, order: await shop.read(made.id) }
      },
      /** What it has, in minor units. */
      async has(): Promise<number> {
        const { items } = success(await run('GET', '/balances'))
        return items[0]?.amount.amount ?? 0
      },
      /** What moved it, oldest first: kind and amount. */
      async moves(): Promise<[string, number][]> {
        const { items } = success(await run('GET', '/balances/entries?limit=200'))
        return items.map((each: Answer['body']) => [each.kind, each.amount.amount]).reverse()
      },
      give: async (amount: number) =>
        success(await shop.admin('POST', '/balances/adjustments', { account: id, currency: 'USD', amount, message: 'a gift' })),
    }
  }

  async function key(scopes: readonly string[]) {
    const { token } = success(await shop.admin('POST', '/api-keys', { kind: 'staff', name: 'desk', scopes }))
    return (method: Method, url: string, body?: object) => world.call(token)(method, shop.path + url, body)
  }

  /** What must be true of all money whenever nothing is under way, and that every balance is the sum of its entries. */
  async function balanced(): Promise<void> {
    const wrong = (await checkBooks(world.store.reader, world.clock.now(), shop.id)).filter(
      ({ severity, findings }) => severity === 'error' && findings.length > 0,
    )
    assert.deepEqual(wrong, [])
    const { rows } = await sql<{ balances: number; entries: number }>`SELECT
      (SELECT coalesce(sum(amount), 0) FROM balances WHERE shop_id = ${shop.id}) AS balances,
      (SELECT coalesce(sum(amount), 0) FROM balance_entries WHERE shop_id = ${shop.id}) AS entries`.execute(db as never)
    assert.equal(Number(rows[0]?.balances), Number(rows[0]?.entries))
  }

  return { ...shop, account, key, balanced }
}

const codeOf = ({ status, body }: Answer) => [status, body.code]

for (const dialect of DIALECTS)
  describe(`balances on ${dialect}`, async () => {
    const world = await startWorld(dialect)

    // Recharges ---------------------------------------------------------------------------------------------------------------------------

    it('SEED0-41 a paid recharge is credited by its amount times its quantity, in the step that pays the order, and told', async () => {
      const shop = await openRechargeShop(world)
      const robin = await shop.account()
      const { order, payment } = success(await robin.order([{ sku: 'TOP-UP', amount: 2500, quantity: 3 }]))
      assert.equal(await robin.has(), 0)
      await shop.pay(payment.id)
      assert.equal(await robin.has(), 0, 'not before the provider says so')
      await atOnce(6, () => shop.tell(payment.id, 'paid'))
      await shop.settle()
      assert.deepEqual(await robin.moves(), [['recharge', 7500]])
      const { items } = success(await robin.run('GET', '/balances'))
      assert.deepEqual([items[0].account, items[0].amount, items[0].version], [robin.id, { amount: 7500, currency: 'USD' }, 1])
      const [entry] = success(await robin.run('GET', '/balances/entries')).items
      assert.deepEqual([entry.orderId, entry.lineId, entry.balanceAfter.amount], [order.id, order.lines[0].id, 7500])
      const told = (await shop.rows('deliveries')).filter(({ type }) => type === 'balance.changed')
      assert.equal(told.length, 1)
      const data = JSON.parse(told[0]?.data ?? '')
      assert.deepEqual([data.amount.amount, data.entry.amount.amount, data.entry.kind], [7500, 7500, 'recharge'])
      await shop.balanced()
    })

    it('SEED0-42 of a mixed cart only the recharges are credited, by their own amounts, and no discount takes anything off them', async () => {
      const shop = await openRechargeShop(world)
      const half = { name: 'Half', conditions: [], benefit: { kind: 'percent_off', percent: '50' } }
      const robin = await shop.account()
      const ten = { sku: 'TOP-UP', amount: 1000 }
      const { order } = await robin.buy([ten, { sku: 'A', quantity: 9 }])
      assert.equal(order.total.amount, 10_000)
      assert.deepEqual(await robin.moves(), [['recharge', 1000]])
      success(await shop.admin('POST', '/promotions', half))
      const next = await robin.buy([ten, { sku: 'TOP-UP', amount: 300 }, { sku: 'A' }])
      assert.equal(next.order.total.amount, 1800)
      assert.equal(await robin.has(), 2300)
      const free = { name: 'Free', conditions: [{ kind: 'code' }], benefit: { kind: 'percent_off', percent: '100' } }
      const { id } = success(await shop.admin('POST', '/promotions', free))
      success(await shop.admin('POST', `/promotions/${id}/codes`, { code: 'FREE' }))
      await robin.fill([{ sku: 'TOP-UP', amount: 5000 }])
      const alone = await robin.run('POST', '/carts/current/codes', { code: 'FREE' })
      assert.deepEqual(codeOf(alone), [422, 'code_rejected'])
      await robin.fill([{ sku: 'A' }])
      const { cart } = success(await robin.run('POST', '/carts/current/codes', { code: 'FREE' }))
      assert.equal(cart.total.amount, 5000, 'a code for everything makes no balance of nothing')
      await shop.balanced()
    })

    it('whoever has a balance sees that staff moved it, not which key; keys see which', async () => {
      const shop = await openRechargeShop(world)
      const robin = await shop.account()
      await robin.give(500)
      const [own] = success(await robin.run('GET', '/balances/entries')).items
      assert.match(own.by, /^(staff|server)$/)
      const [known] = success(await shop.admin('GET', `/balances/entries?account=${encodeURIComponent(robin.id)}`)).items
      assert.match(known.by, /^(staff|server):./)
      assert.deepEqual([own.id, own.amount], [known.id, known.amount])
    })

    it('money that is only reserved or still to come credits nothing; what comes later in full does, once', async () => {
      const reserving = await openRechargeShop(world, { capture: 'manual' })
      const robin = await reserving.account()
      const { order, payment } = success(await robin.order([{ sku: 'TOP-UP', amount: 1000 }]))
      await reserving.pay(payment.id)
      await reserving.tell(payment.id, 'authorized')
      assert.deepEqual([(await reserving.read(order.id)).paymentState, await robin.has()], ['AUTHORIZED', 0])
      success(await reserving.act('capture', { orderId: order.id, paymentId: payment.id }))
      await reserving.tell(payment.id, 'paid')
      assert.deepEqual(await robin.moves(), [['recharge', 1000]])

      const shop = await openRechargeShop(world)
      const ada = await shop.account()
      const byHand = success(await ada.order([{ sku: 'TOP-UP', amount: 1000 }], { payment: { provider: 'manual' } })).order
      const of = { orderId: byHand.id as string, paymentId: byHand.payments[0].id as string }
      success(await shop.act('mark-paid', of, { amount: 400 }))
      assert.deepEqual([(await shop.read(byHand.id)).paymentState, await ada.has()], ['PARTIALLY_PAID', 0])
      success(await shop.act('mark-paid', of))
      success(await shop.act('mark-paid', of))
      assert.deepEqual(await ada.moves(), [['recharge', 1000]])
      await shop.balanced()
    })

    it('guests cannot order a recharge: they have no balance, and are told so before they pay', async () => {
      const shop = await openRechargeShop(world)
      const guest = await shop.guest([{ sku: 'TOP-UP', amount: 1000 }])
      const { problems } = success(await guest.run('GET', '/carts/current/validation'))
      assert.equal(problems[0].code, 'login_required')
      const answer = await guest.run('POST', '/orders', { cartId: guest.cartId })
      assert.deepEqual([...codeOf(answer), answer.body.reason], [401, 'login_required', 'recharge_needs_account'])
      assert.deepEqual(success(await guest.run('GET', '/balances')).items, [])
    })

    it('an order that staff edits is credited by what it has then, once that is paid', async () => {
      const shop = await openRechargeShop(world)
      const robin = await shop.account()
      const { orderId, order } = await robin.buy([{ sku: 'TOP-UP', amount: 1000 }, { sku: 'A' }])
      const [line] = order.lines
      const edit = (lines: object) => shop.admin('PATCH', `/orders/${orderId}`, { lines })
      success(await edit({ set: [{ lineId: line.id, quantity: 2 }] }))
      assert.equal(await robin.has(), 1000, 'the second piece is not paid')
      success(await edit({ set: [{ lineId: line.id, quantity: 1 }] }))
      assert.deepEqual(await robin.moves(), [['recharge', 1000]])
      success(await edit({ remove: [line.id] }))
      assert.deepEqual(await robin.moves(), [
        ['recharge', 1000],
        ['reversal', -1000],
      ])
      await shop.balanced()
    })

    // Paying ------------------------------------------------------------------------------------------------------------------------------

    it('SEED0-40 a balance pays at once: the order is placed, the balance is debited by its total, and both say so', async () => {
      const shop = await openRechargeShop(world)
      const robin = await shop.account()
      await robin.buy([{ sku: 'TOP-UP', amount: 5000 }])
      const cartId = await robin.fill([{ sku: 'A', quantity: 2 }])
      const { items } = success(await robin.run('GET', '/carts/current/payment-methods'))
      assert.deepEqual(
        items.map((each: Answer['body']) => [each.id, each.default, each.available?.amount ?? null]),
        [
          ['sandbox', true, null],
          ['manual', false, null],
          ['balance', false, 5000],
        ],
      )
      const { order, payment } = success(await robin.run('POST', '/orders', { cartId, ...BY_BALANCE }))
      assert.deepEqual([order.state, order.paymentState, order.paidTotal.amount, payment], ['PLACED', 'PAID', 2000, null])
      assert.equal(order.payments[0].provider, 'balance')
      assert.deepEqual(await robin.moves(), [
        ['recharge', 5000],
        ['payment', -2000],
      ])
      assert.deepEqual(await shop.told(order.id), ['order.created', 'payment.succeeded', 'order.placed'])
      const again = success(await robin.run('POST', '/orders', { cartId, ...BY_BALANCE }))
      assert.deepEqual([again.order.id, await robin.has()], [order.id, 3000])
      await shop.balanced()
    })

    it('a balance that does not suffice is refused with what is there, takes nothing, and leaves every other way to pay', async () => {
      const shop = await openRechargeShop(world)
      const robin = await shop.account()
      await robin.give(1999)
      const cartId = await robin.fill([{ sku: 'A', quantity: 2 }])
      const answer = await robin.run('POST', '/orders', { cartId, ...BY_BALANCE })
      assert.deepEqual(codeOf(answer), [409, 'balance_insufficient'])
      assert.deepEqual([answer.body.available, answer.body.asked, answer.body.currency], [1999, 2000, 'USD'])
      assert.deepEqual(success(await shop.admin('GET', '/orders?view=all')).items, [], 'no order is left hanging')
      const { payment } = success(await robin.run('POST', '/orders', { cartId }))
      assert.equal(payment.provider, 'sandbox')
      const { order_id: orderId } = (await shop.rows('payments'))[0] ?? assert.fail()
      await robin.give(1)
      const paid = success(await robin.run('POST', `/orders/${orderId}/payments`, { provider: 'balance' }))
      assert.deepEqual([paid.order.state, await robin.has()], ['PLACED', 0])
      await shop.balanced()
    })

    it('nobody is debited by a default, buys balance with balance, or pays from a balance that is not theirs', async () => {
      const shop = await openRechargeShop(world, { providers: ['balance', 'sandbox'] })
      const robin = await shop.account()
      await robin.give(100_000)
      const { payment } = success(await robin.order([{ sku: 'A' }]))
      assert.equal(payment.provider, 'sandbox')
      const circular = await robin.order([{ sku: 'TOP-UP', amount: 1000 }], BY_BALANCE)
      assert.deepEqual([...codeOf(circular), circular.body.reason], [409, 'payment_method_unavailable', 'no_balance_for_balance'])
      const guest = await shop.guest()
      const asGuest = await guest.run('POST', '/orders', { cartId: guest.cartId, ...BY_BALANCE })
      assert.deepEqual([...codeOf(asGuest), asGuest.body.reason], [409, 'payment_method_unavailable', 'login_required'])
      const off = await openRechargeShop(world, { providers: ['sandbox'] })
      const ada = await off.account()
      await ada.give(100_000)
      const notOffered = await ada.order([{ sku: 'A' }], BY_BALANCE)
      assert.deepEqual([...codeOf(notOffered), notOffered.body.available], [409, 'payment_method_unavailable', ['sandbox']])
      assert.deepEqual([await robin.has(), await ada.has()], [100_000, 100_000])
    })

    it('a key that may only order does not spend a customer’s balance; one that may change balances does', async () => {
      const shop = await openRechargeShop(world)
      const robin = await shop.account()
      await robin.give(3000)
      const order = { items: [{ sku: 'A' }], email: 'robin@example.com' }
      const path = `/orders?account=${robin.id}`
      const desk = await shop.key(['orders:write'])
      const refused = await desk('POST', path, { ...order, ...BY_BALANCE })
      assert.deepEqual(
        [...codeOf(refused), refused.body.scope, refused.body.path],
        [403, 'missing_scope', 'balances:write', '/payment/provider'],
      )
      const unpaid = success(await desk('POST', path, order)).order
      const again = await desk('POST', `/orders/${unpaid.id}/payments`, BY_BALANCE.payment)
      assert.deepEqual([...codeOf(again), again.body.path], [403, 'missing_scope', '/provider'])
      assert.equal(await robin.has(), 3000)
      const manager = await shop.key(['orders:write', 'balances:write'])
      success(await manager('POST', `/orders/${unpaid.id}/payments`, BY_BALANCE.payment))
      assert.ok((await robin.has()) < 3000)
    })

    it('whoever has an order’s link pays it by other ways than its account’s balance, and gets no other token', async () => {
      const shop = await openRechargeShop(world)
      const robin = await shop.account()
      await robin.give(3000)
      const { order, orderToken } = success(await robin.order([{ sku: 'A' }]))
      const { token } = success(await robin.run('POST', `/orders/${order.id}/links`, { expiresIn: 'PT1H' }))
      assert.notEqual(token, orderToken)
      const holder = (body: object) => world.call(token)('POST', `${shop.path}/orders/${order.id}/payments`, body)
      const refused = await holder(BY_BALANCE.payment)
      assert.deepEqual([...codeOf(refused), refused.body.reason], [409, 'payment_method_unavailable', 'login_required'])
      const begun = success(await holder({}))
      assert.deepEqual([begun.payment.provider, begun.orderToken], ['sandbox', token])
      // Also where there is no other way.
      success(await shop.admin('PATCH', '/settings', { payment: { providers: ['balance'] } }))
      for (const body of [{}, { provider: 'sandbox' }]) assert.equal((await holder(body)).body.code, 'payment_method_unavailable')
      assert.equal(await robin.has(), 3000)
      const other = success(await robin.order([{ sku: 'B' }], BY_BALANCE)).order
      const elsewhere = await world.call(token)('POST', `${shop.path}/orders/${other.id}/payments`, {})
      assert.deepEqual(codeOf(elsewhere), [404, 'order_not_found'])
      await shop.balanced()
    })

    it('SEED0-40 of fifty orders at once against a balance for ten, exactly ten are placed and the balance is empty', async () => {
      const shop = await openRechargeShop(world)
      const robin = await shop.account()
      await robin.give(10_000)
      const limits = { orders: { address: 0, owner: 0 }, payments: { address: 0, owner: 0, cart: 0 } }
      success(await shop.admin('PATCH', '/settings', { limits }))
      const items = [{ inline: { name: 'Cup', unitPrice: 1000, taxCategory: 'standard', requiresShipping: false } }]
      const answers = await atOnce(50, () =>
        world.call(ADMIN)('POST', `${shop.path}/orders?account=${robin.id}`, { items, email: 'robin@example.com', ...BY_BALANCE }),
      )
      const placed = answers.filter(({ status }) => status === 201)
      assert.equal(placed.length, 10)
      assert.ok(placed.every(({ body }) => body.order.state === 'PLACED' && body.order.paymentState === 'PAID'))
      for (const answer of answers.filter(({ status }) => status !== 201)) assert.deepEqual(codeOf(answer), [409, 'balance_insufficient'])
      assert.equal(await robin.has(), 0)
      await shop.settle()
      world.move(25 * HOUR)
      await shop.settle()
      assert.equal(await robin.has(), 0)
      assert.equal(success(await shop.admin('GET', '/orders?limit=200')).items.length, 10)
      await shop.balanced()
    })

    it('who was refused at the last moment keeps the order, pays otherwise, and is never debited for it afterwards', async () => {
      const shop = await openRechargeShop(world)
      const robin = await shop.account()
      await robin.give(1000)
      const cartId = await robin.fill([{ sku: 'A' }])
      // Somebody spends it between the look at the balance and the debit.
      let spent = false
      const { balances } = world.engine
      const racing = {
        ...world.store,
        transact: (async (work, options) => {
          if (!spent) {
            spent = true
            const taken = { shopId: shop.id, account: robin.id, currency: 'USD', amount: -1000, message: 'spent', by: 'system' }
            assert.ok(!isRefusal(await balances.adjust(taken, undefined)))
          }
          return world.store.transact(work, options)
        }) as typeof world.store.transact,
      }
      const owner = { kind: 'account' as const, accountId: robin.id }
      const wanted = { shopId: shop.id, owner, all: false, cartId, provider: 'balance', by: 'account' }
      const refused = await world.engineOn(racing).checkout.order(wanted)
      assert.ok(isRefusal(refused))
      assert.deepEqual([refused.refused, refused.available], ['balance_insufficient', 0])
      await robin.give(1000)
      const { order, payment } = success(await robin.run('POST', `/orders/${refused.orderId}/payments`, { provider: 'sandbox' }))
      assert.equal(order.payments[0].state, 'CANCELLED')
      // The request that was refused comes through once more, late.
      const late = world.engine.providers.get('balance')?.open(
        {
          ...{ shopId: shop.id, orderId: order.id, attemptId: order.payments[0].id, amount: 1000, currency: 'USD', description: '' },
          ...{ email: null, lines: [], returnUrl: null, capture: 'automatic', language: null },
        },
        new AbortController().signal,
      )
      await assert.rejects(late ?? assert.fail(), { name: 'Declined' })
      await shop.pay(payment.id)
      await shop.tell(payment.id, 'paid')
      assert.deepEqual([(await shop.read(order.id)).paymentState, await robin.has()], ['PAID', 1000])
      await shop.balanced()
    })

    it('a process that dies before or after any of its transactions leaves an order or the balance, never neither', async () => {
      const shop = await openRechargeShop(world)
      const ends = new Set<string>()
      let deaths = 0
      for (const when of ['before', 'after'] as const)
        for (let at = 1; ; at++) {
          const robin = await shop.account()
          await robin.give(1000)
          const cartId = await robin.fill([{ sku: 'A' }])
          const dying = dyingStore(world.store, at, when)
          const owner = { kind: 'account' as const, accountId: robin.id }
          const wanted = { shopId: shop.id, owner, all: false, cartId, provider: 'balance', by: 'account' }
          const ordered = await world
            .engineOn(dying.store)
            .checkout.order(wanted)
            .catch(() => null)
          if (!dying.hasDied()) {
            assert.ok(ordered !== null && !isRefusal(ordered))
            break
          }
          deaths++
          const debited = (await robin.moves()).length > 1
          await shop.settle()
          const { items } = success(await shop.admin('GET', `/orders?cartId=${cartId}`))
          const placed = items.map((order: Answer['body']) => [order.state, order.paymentState])
          assert.deepEqual([placed, await robin.has()], debited ? [[['PLACED', 'PAID']], 0] : [[], 1000], `died ${when} ${at}`)
          // The shopper repeats it: it goes on where it stopped.
          const again = success(await robin.run('POST', '/orders', { cartId, ...BY_BALANCE }))
          assert.deepEqual([again.order.state, await robin.has()], ['PLACED', 0], `repeated after it died ${when} ${at}`)
          ends.add(debited ? 'placed by others' : 'by repeating')
        }
      assert.ok(deaths >= 5, `died ${deaths} times`)
      assert.deepEqual([...ends].sort(), ['by repeating', 'placed by others'])
      await shop.balanced()
    })

    it('what was debited for an order that cannot be placed any more goes back to the balance', async () => {
      const shop = await openRechargeShop(world)
      const robin = await shop.account()
      await robin.give(1000)
      const cartId = await robin.fill([{ sku: 'A' }])
      const owner = { kind: 'account' as const, accountId: robin.id }
      const wanted = { shopId: shop.id, owner, all: false, cartId, provider: 'balance', by: 'account' }
      // Dies right after the debit, which is its second transaction; then the last pieces are gone.
      await world
        .engineOn(dyingStore(world.store, 2, 'after').store)
        .checkout.order(wanted)
        .catch(() => null)
      assert.equal(await robin.has(), 0)
      const { db } = world.store.reader
      const { id: orderId } = await db.selectFrom('orders').select('id').where('shop_id', '=', shop.id).executeTakeFirstOrThrow()
      await world.store.transact(async (writer) => {
        await writer.db.deleteFrom('reservations').where('shop_id', '=', shop.id).execute()
        await writer.db.updateTable('stock').set({ on_hand: 0 }).where('shop_id', '=', shop.id).where('sku', '=', 'A').execute()
      })
      await shop.settle()
      assert.deepEqual([(await shop.read(orderId)).state, await robin.has()], ['EXPIRED', 1000])
      assert.deepEqual((await robin.moves()).slice(1), [
        ['payment', -1000],
        ['refund', 1000],
      ])
      await shop.balanced()
    })

    // Giving back -------------------------------------------------------------------------------------------------------------------------

    it('a refund of what a balance paid is credited, once per refund however often it is asked for', async () => {
      const shop = await openRechargeShop(world)
      const robin = await shop.account()
      await robin.give(3000)
      const { order } = success(await robin.order([{ sku: 'A', quantity: 3 }], BY_BALANCE))
      const { refund } = success(await shop.admin('POST', `/orders/${order.id}/refunds`, { amount: 500 }))
      assert.deepEqual([refund.state, await robin.has()], ['SUCCEEDED', 500])
      const provider = world.engine.providers.get('balance') ?? assert.fail()
      const again = { shopId: shop.id, sessionId: order.payments[0].id, refundId: refund.id, amount: 500, currency: 'USD' }
      await atOnce(5, () => provider.refund(again, new AbortController().signal))
      assert.equal(await robin.has(), 500)
      const answers = await atOnce(10, () => shop.admin('POST', `/orders/${order.id}/refunds`, { amount: 1000 }))
      assert.equal(answers.filter(({ status }) => status === 201).length, 2, 'of 2500 that are left')
      success(await shop.admin('POST', `/orders/${order.id}/cancel`))
      await shop.settle()
      assert.deepEqual([(await shop.read(order.id)).paymentState, await robin.has()], ['REFUNDED', 3000])
      await shop.balanced()
    })

    it('a refund of a recharge takes its credit back with it, and is refused where that was spent', async () => {
      const shop = await openRechargeShop(world)
      const robin = await shop.account()
      const { orderId, order } = await robin.buy([{ sku: 'TOP-UP', amount: 1000, quantity: 3 }, { sku: 'A' }])
      const refund = (lineId: string, quantity: number) =>
        shop.admin('POST', `/orders/${orderId}/refunds`, { lines: [{ lineId, quantity }] })
      const [line, goods] = order.lines
      success(await refund(line.id, 1))
      assert.deepEqual(await robin.moves(), [
        ['recharge', 3000],
        ['reversal', -1000],
      ])
      success(await refund(goods.id, 1))
      assert.equal(await robin.has(), 2000, 'goods take nothing back')
      success(await robin.order([{ sku: 'B' }], BY_BALANCE))
      const refused = await refund(line.id, 2)
      assert.deepEqual([...codeOf(refused), refused.body.available, refused.body.asked], [409, 'balance_insufficient', 1000, 2000])
      assert.equal((await shop.read(orderId)).refunds.length, 2, 'nothing was written')
      success(await refund(line.id, 1))
      assert.equal(await robin.has(), 0)
      await shop.settle()
      await shop.balanced()
    })

    it('a refund that fails gives the credit back, and takes it again when it is tried again', async () => {
      const shop = await openRechargeShop(world)
      const robin = await shop.account()
      const { orderId, order } = await robin.buy([{ sku: 'TOP-UP', amount: 1000 }])
      world.cards.line.faults.refund = 'refuses'
      const { refund } = success(
        await shop.admin('POST', `/orders/${orderId}/refunds`, { lines: [{ lineId: order.lines[0].id, quantity: 1 }] }),
      )
      assert.deepEqual([refund.state, await robin.has()], ['PENDING', 0])
      for (let day = 0; day < 3; day++)
        for (let round = 0; round < 12; round++) {
          world.move(2 * HOUR)
          await world.engine.jobs.runDue()
        }
      delete world.cards.line.faults.refund
      assert.deepEqual([(await shop.read(orderId)).refunds[0].state, await robin.has()], ['FAILED', 1000])
      success(await shop.admin('POST', `/orders/${orderId}/refunds/${refund.id}/retry`))
      assert.deepEqual(await robin.moves(), [
        ['recharge', 1000],
        ['reversal', -1000],
        ['recharge', 1000],
        ['reversal', -1000],
      ])
      await shop.balanced()
    })

    it('an order is cancelled with its credit; where that was spent only a key that may overdraw balances cancels it, and says so', async () => {
      const shop = await openRechargeShop(world)
      const robin = await shop.account()
      const kept = await robin.buy([{ sku: 'TOP-UP', amount: 1000 }])
      success(await shop.admin('POST', `/orders/${kept.orderId}/cancel`))
      assert.equal(await robin.has(), 0)
      const { orderId } = await robin.buy([{ sku: 'TOP-UP', amount: 1000 }])
      success(await robin.order([{ sku: 'A' }], BY_BALANCE))
      const path = `/orders/${orderId}/cancel`
      const desk = await shop.key(['orders:write'])
      const refused = await desk('POST', path)
      assert.deepEqual([...codeOf(refused), refused.body.available], [409, 'balance_insufficient', 0])
      assert.deepEqual(codeOf(await desk('POST', path, { force: true })), [403, 'missing_scope'])
      assert.equal((await shop.read(orderId)).state, 'PLACED')
      assert.equal((await shop.rows('payments')).length, 3)
      const manager = await shop.key(['orders:write', 'balances:write'])
      success(await manager('POST', path, { force: true }))
      assert.deepEqual([(await shop.read(orderId)).state, await robin.has()], ['CANCELLED', -1000])
      await shop.settle()
      const inDebt = await robin.order([{ sku: 'A' }], BY_BALANCE)
      assert.deepEqual(codeOf(inDebt), [409, 'balance_insufficient'])
      await shop.balanced()
    })

    it('cancelled pieces take their credit back, and a line that is split moves nothing', async () => {
      const shop = await openRechargeShop(world)
      const robin = await shop.account()
      success(await shop.admin('PATCH', '/settings', { orders: { fulfilUnshipped: 'manually' } }))
      const { orderId, order } = await robin.buy([{ sku: 'TOP-UP', amount: 1000, quantity: 4 }, { sku: 'A' }])
      const [line] = order.lines
      success(await shop.admin('POST', `/orders/${orderId}/lines/${line.id}/split`, { quantity: 1 }))
      assert.equal(await robin.has(), 4000)
      success(await shop.admin('POST', `/orders/${orderId}/cancel`, { lines: [{ lineId: line.id, quantity: 2 }] }))
      assert.equal(await robin.has(), 2000)
      success(await robin.order([{ sku: 'B', quantity: 2 }], BY_BALANCE))
      const refused = await shop.admin('POST', `/orders/${orderId}/cancel`, { lines: [{ lineId: line.id, quantity: 1 }] })
      assert.deepEqual(codeOf(refused), [409, 'balance_insufficient'])
      await shop.settle()
      await shop.balanced()
    })

    it('of refunds and payments that race for one balance, no more goes than is there', async () => {
      const shop = await openRechargeShop(world)
      const robin = await shop.account()
      const { orderId, order } = await robin.buy([{ sku: 'TOP-UP', amount: 1000, quantity: 5 }])
      const items = [{ inline: { name: 'Cup', unitPrice: 1000, taxCategory: 'standard', requiresShipping: false } }]
      const spend = () =>
        world.call(ADMIN)('POST', `${shop.path}/orders?account=${robin.id}`, { items, email: 'r@example.com', ...BY_BALANCE })
      const refund = () => shop.admin('POST', `/orders/${orderId}/refunds`, { lines: [{ lineId: order.lines[0].id, quantity: 1 }] })
      const answers = await atOnce(16, (index) => (index % 2 ? spend() : refund()))
      assert.equal(answers.filter(({ status }) => status === 201).length, 5)
      for (const answer of answers.filter(({ status }) => status !== 201)) assert.equal(answer.status, 409, JSON.stringify(answer.body))
      assert.equal(await robin.has(), 0)
      await shop.settle()
      await shop.balanced()
    })

    // Whose it is, and who moves it by hand -------------------------------------------------------------------------------------------------

    it('an account sees its own balance only; a key names the account', async () => {
      const shop = await openRechargeShop(world)
      const robin = await shop.account()
      const ada = await shop.account()
      await robin.give(700)
      assert.equal(await ada.has(), 0)
      for (const path of ['/balances', '/balances/entries'])
        assert.deepEqual(success(await ada.run('GET', `${path}?account=${robin.id}`)).items, [])
      assert.deepEqual(await ada.moves(), [])
      assert.deepEqual(codeOf(await shop.admin('GET', '/balances')), [400, 'owner_required'])
      const desk = await shop.key(['balances:read'])
      assert.equal(success(await desk('GET', `/balances?account=${robin.id}`)).items[0].amount.amount, 700)
      const taking = { account: robin.id, currency: 'USD', amount: -1, message: 'm' }
      assert.deepEqual(codeOf(await desk('POST', '/balances/adjustments', taking)), [403, 'missing_scope'])
      assert.deepEqual(codeOf(await robin.run('POST', '/balances/adjustments', { ...taking, amount: 1 })), [401, 'login_required'])
    })

    it('staff adds and takes once per key, never below zero, and the audit remembers it', async () => {
      const shop = await openRechargeShop(world)
      const robin = await shop.account()
      const adjust = (body: object, headers?: Record<string, string>) =>
        shop.admin('POST', '/balances/adjustments', { account: robin.id, currency: 'USD', message: 'sorry', ...body }, headers)
      await atOnce(5, () => adjust({ amount: 500 }, { 'idempotency-key': 'once' }))
      assert.equal(await robin.has(), 500)
      assert.equal(success(await adjust({ amount: -200 })).amount.amount, 300)
      const tooMuch = await adjust({ amount: -301 })
      assert.deepEqual([...codeOf(tooMuch), tooMuch.body.available], [409, 'balance_insufficient', 300])
      for (const wrong of [{ amount: 0 }, { amount: 1.5 }, { amount: 1, currency: 'XXQ' }, { amount: 1, message: '' }])
        assert.equal((await adjust(wrong)).status, 422, JSON.stringify(wrong))
      const { items } = success(await shop.admin('GET', '/audit'))
      const mine = items.filter((each: Answer['body']) => each.action === 'balance.adjusted' && each.subject === robin.id)
      assert.deepEqual(
        mine.map((each: Answer['body']) => [each.before.amount, each.after.amount, each.after.message]),
        [
          [500, 300, 'sorry'],
          [0, 500, 'sorry'],
        ],
      )
    })

    it('entries are paged, newest first', async () => {
      const shop = await openRechargeShop(world)
      const robin = await shop.account()
      for (const amount of [1, 2, 3, 4, 5]) await robin.give(amount)
      const seen: number[] = []
      for (let after = ''; ; ) {
        const { items, next } = success(await robin.run('GET', `/balances/entries?limit=2&currency=USD${after}`))
        seen.push(...items.map((each: Answer['body']) => each.amount.amount))
        if (next === null) break
        after = `&after=${next}`
      }
      assert.deepEqual(seen, [5, 4, 3, 2, 1])
    })
  })
