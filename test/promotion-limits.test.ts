// A promotion is used as often, and takes off as much, as its limits say and never more, whoever asks at the same moment; it is decided before
// anybody pays, and what is given back is given back once. On both databases, through HTTP, with the sandbox provider.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { PROMOTION_DEFAULTS, type Promotion } from '../src/core/promotion.ts'
import { isRefusal } from '../src/core/refusal.ts'
import { ADMIN, type Answer, atOnce, caller, DIALECTS, eventually, freshDatabase, startTestServer } from './harness.ts'
import { expect2xx, login, type Node, payOnPage, startNode } from './nodes.ts'

const SHOP = '/v1/shops/demo'
const ADDRESS = { name: 'Robin Example', line1: '1 Main Street', city: 'Portland', region: 'OR', postalCode: '97201', country: 'US' }
/** One address, written in five ways. */
const SAME_EMAIL = ['jo.doe@gmail.com', 'JoDoe@gmail.com', 'jodoe+shop@gmail.com', 'jo.d.oe@googlemail.com', 'JODOE+1@GoogleMail.com']

type Call = (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>

const servers: { dialect: string; server: Awaited<ReturnType<typeof startTestServer>> }[] = []
for (const dialect of DIALECTS) servers.push({ dialect, server: await startTestServer(await freshDatabase(dialect)) })
const shared = await freshDatabase('postgres')

let made = 0

for (const { dialect, server } of servers) {
  const { engine } = server
  const shop = server.url + SHOP
  const admin = caller(shop, ADMIN)
  const reader = engine.store.reader

  /** A promotion of 5.00 off with a code of its own, and what is said about it. */
  async function promotionWith(changes: Partial<Promotion> & { readonly codeUses?: number } = {}): Promise<{ id: string; code: string }> {
    const { codeUses, ...rest } = changes
    const code = `LIMIT${++made}`
    const promotion: Omit<Promotion, 'id'> = {
      ...PROMOTION_DEFAULTS,
      name: code,
      conditions: [{ kind: 'code' }],
      benefit: { kind: 'amount_off', amounts: [{ amount: 500, currency: 'USD' }] },
      ...rest,
    }
    const { value } = (await engine.catalogue.putPromotion('demo', promotion)) as { value: { id: string } }
    expect2xx(await admin('POST', `/promotions/${value.id}/codes`, { code, ...(codeUses === undefined ? {} : { usesMax: codeUses }) }))
    return { id: value.id, code }
  }

  /** A guest whose cart can be ordered. */
  async function guest(email = `g${++made}@example.com`): Promise<{ call: Call; id: string }> {
    const { token, cart } = expect2xx(await caller(shop)('POST', '/carts/current/lines', { sku: 'MUG-STONE' })).body
    const call = caller(shop, token)
    expect2xx(await call('PATCH', '/carts/current', { email, shippingAddress: ADDRESS, shippingMethod: 'standard' }))
    return { call, id: cart.id }
  }

  /** The same with a code on the cart. */
  async function guestWith(code: string, email?: string): Promise<{ call: Call; id: string }> {
    const one = await guest(email)
    expect2xx(await one.call('POST', '/carts/current/codes', { code }))
    return one
  }

  const order = ({ call, id }: { call: Call; id: string }, more: object = {}) => call('POST', '/orders', { cartId: id, ...more })

  /** One at most has an order with a discount and a payment; all others were refused before any payment was begun. */
  async function assertOne(answers: readonly Answer[], promotionId: string): Promise<Answer> {
    const won = answers.filter((answer) => answer.status === 201)
    const told = answers.map((answer) => `${answer.status} ${answer.body.code ?? ''}`).join('\n')
    assert.equal(won.length, 1, told)
    for (const answer of answers)
      if (answer !== won[0]) assert.ok(answer.status === 409 && ['code_exhausted', 'price_changed'].includes(answer.body.code), told)
    const [first] = won
    assert.equal(first?.body.order.discountTotal.amount, -500)
    const { db } = reader
    const uses = await db.selectFrom('redemptions').select('order_id').where('promotion_id', '=', promotionId).execute()
    assert.deepEqual(
      uses.map((row) => row.order_id),
      [first?.body.order.id],
    )
    return first as Answer
  }

  async function countersOf(promotionId: string, code: string): Promise<[number, object, number]> {
    const { db } = reader
    const row = await db.selectFrom('promotions').select(['uses', 'spent']).where('id', '=', promotionId).executeTakeFirstOrThrow()
    const { uses } = await db.selectFrom('promotion_codes').select('uses').where('code', '=', code).executeTakeFirstOrThrow()
    return [row.uses, JSON.parse(row.spent) as object, uses]
  }

  async function sessions(): Promise<number> {
    return (await reader.db.selectFrom('payments').select('id').execute()).length
  }

  describe(`limits of promotions on ${dialect}`, () => {
    test('a cart looks at the limits of what its codes open and of what needs no code, however many others there are', async () => {
      const [own, other] = [await promotionWith({ usesMax: 5 }), await promotionWith({ perCustomer: { uses: 1, within: null } })]
      const always = await promotionWith({ usesMax: 5, conditions: [], endsAt: 1 })
      const { call, id } = await guestWith(own.code)
      const seen = async () => {
        const looked = await engine.carts.inspect({ shopId: 'demo', cart: id, owner: null, all: true })
        assert.ok(!isRefusal(looked))
        return [own, other, always].map((each) => looked.facts.limits.has(each.id))
      }
      assert.deepEqual(await seen(), [true, false, true])
      expect2xx(
        await call('POST', '/carts/current/codes', { code: other.code }).then(async (answer) => {
          if (answer.body.code !== 'too_many_codes') return answer
          expect2xx(await call('DELETE', `/carts/current/codes/${own.code}`))
          return call('POST', '/carts/current/codes', { code: other.code })
        }),
      )
      assert.equal((await seen())[1], true)
    })

    const limits: readonly [says: string, Partial<Promotion> & { codeUses?: number }][] = [
      ['one use in all', { usesMax: 1 }],
      ['one use of the code', { codeUses: 1 }],
      ['a budget of one discount', { budget: [{ amount: 999, currency: 'USD' }] }],
    ]
    for (const [says, changes] of limits)
      test(`SEED0-53 SEED2-73 SEED4-64 ${says} and 50 orders at once are one discounted order and 49 refusals before anybody could pay`, async () => {
        const { id, code } = await promotionWith(changes)
        const guests = await atOnce(50, () => guestWith(code))
        const before = await sessions()
        const first = await assertOne(await atOnce(50, (index) => order(guests[index] as { call: Call; id: string })), id)
        assert.equal((await sessions()) - before, 1)
        assert.deepEqual(await countersOf(id, code), [1, { USD: 500 }, 1])
        // Cancelled five times at once, it is given back once, and then it can be had again.
        await atOnce(5, () => admin('POST', `/orders/${first.body.order.id}/cancel`, {}))
        assert.deepEqual(await countersOf(id, code), [0, { USD: 0 }, 0])
        const next = await guestWith(code)
        assert.equal(expect2xx(await order(next)).body.order.discountTotal.amount, -500)
        assert.deepEqual(await countersOf(id, code), [1, { USD: 500 }, 1])
      })

    test('SEED1-44 one use per customer and 50 carts of one account ordered at once are one discounted order', async () => {
      const { id, code } = await promotionWith({ perCustomer: { uses: 1, within: null } })
      await admin('PATCH', '/settings', { cart: { multiple: true } })
      const call = caller(shop, await login(server.url, `many-${dialect}`))
      const carts: { call: Call; id: string }[] = []
      for (let index = 0; index < 50; index++) {
        const body = { lines: [{ sku: 'MUG-STONE' }], ...(index === 0 ? {} : { new: true }) }
        const { cart } = expect2xx(await call('POST', '/carts', body)).body
        const path = `/carts/${cart.id}`
        const email = `other${index}@example.com`
        expect2xx(await call('PATCH', path, { email, shippingAddress: ADDRESS, shippingMethod: 'standard' }))
        expect2xx(await call('POST', `${path}/codes`, { code }))
        carts.push({ call, id: cart.id })
      }
      const before = await sessions()
      await assertOne(await atOnce(50, (index) => order(carts[index] as { call: Call; id: string })), id)
      assert.equal((await sessions()) - before, 1)
      await admin('PATCH', '/settings', { cart: { multiple: false } })
    })

    test('SEED2-72 one use per customer and 50 guests with one e-mail address in five spellings are one discounted order', async () => {
      const { id, code } = await promotionWith({ perCustomer: { uses: 1, within: null } })
      const guests = await atOnce(50, (index) => guestWith(code, SAME_EMAIL[index % 5]))
      const before = await sessions()
      await assertOne(await atOnce(50, (index) => order(guests[index] as { call: Call; id: string })), id)
      assert.equal((await sessions()) - before, 1)
    })

    test('50 first orders of one customer at once have the discount for first orders once', async () => {
      const { id, code } = await promotionWith({ conditions: [{ kind: 'code' }, { kind: 'first_order' }] })
      const guests = await atOnce(50, () => guestWith(code, `first-${dialect}@example.com`))
      await assertOne(await atOnce(50, (index) => order(guests[index] as { call: Call; id: string })), id)
    })

    test('an order whose place another one takes neither loses nor doubles its use', async () => {
      const { id, code } = await promotionWith({
        usesMax: 1,
        codeUses: 1,
        perCustomer: { uses: 1, within: null },
        budget: [{ amount: 500, currency: 'USD' }],
      })
      const one = await guestWith(code)
      const first = expect2xx(await order(one)).body.order
      for (let round = 0; round < 3; round++) {
        expect2xx(await one.call('POST', '/carts/current/lines', { sku: 'MUG-INK' }))
        assert.deepEqual((await one.call('GET', '/carts/current')).body.codes, [{ code, applied: true, reason: null }])
        const next = expect2xx(await order(one)).body.order
        assert.notEqual(next.id, first.id)
        assert.equal(next.discountTotal.amount, -500)
        assert.deepEqual(await countersOf(id, code), [1, { USD: 500 }, 1])
      }
    })

    test('cancelled and expired at the same moment, an order gives its use back once', async () => {
      const { id, code } = await promotionWith({ usesMax: 5, codeUses: 5 })
      const kept = expect2xx(await order(await guestWith(code))).body.order
      const { body } = expect2xx(await order(await guestWith(code)))
      await atOnce<unknown>(10, (index) =>
        index % 2 ? engine.checkout.expire('demo', body.order.id) : admin('POST', `/orders/${body.order.id}/cancel`, {}),
      )
      assert.deepEqual(await countersOf(id, code), [1, { USD: 500 }, 1])
      assert.equal((await admin('GET', `/orders/${kept.id}`)).body.state, 'NEW')
    })

    test('a paid order keeps its use, and cancelling it gives the use back', async () => {
      const { id, code } = await promotionWith({ usesMax: 1, perCustomer: { uses: 1, within: null } })
      const one = await guestWith(code, `paid-${dialect}@example.com`)
      const { order: placing, payment } = expect2xx(await order(one)).body
      await payOnPage(payment.url)
      await eventually(async () => (await admin('GET', `/orders/${placing.id}`)).body.state === 'PLACED')
      const rows = await reader.db.selectFrom('redemptions').selectAll().where('promotion_id', '=', id).execute()
      assert.deepEqual(
        rows.map(({ order_id, state, account, email, amount, currency }) => ({ order_id, state, account, email, amount, currency })),
        [{ order_id: placing.id, state: 'CONFIRMED', account: null, email: `paid-${dialect}@example.com`, amount: 500, currency: 'USD' }],
      )
      await adviceIsOld()
      assert.equal((await (await guest()).call('POST', '/carts/current/codes', { code })).body.code, 'code_rejected')
      expect2xx(await admin('POST', `/orders/${placing.id}/cancel`, {}))
      assert.deepEqual(await countersOf(id, code), [0, { USD: 0 }, 0])
    })

    test('what a customer used counts by account and by e-mail address, each order once', async () => {
      const { code } = await promotionWith({ perCustomer: { uses: 2, within: null } })
      const email = `both-${dialect}@example.com`
      const token = await login(server.url, `both-${dialect}`)
      const call = caller(shop, token)
      const { id } = expect2xx(await call('POST', '/carts/current/lines', { sku: 'MUG-STONE' })).body.cart
      expect2xx(await call('PATCH', '/carts/current', { email, shippingAddress: ADDRESS, shippingMethod: 'standard' }))
      expect2xx(await call('POST', '/carts/current/codes', { code }))
      expect2xx(await order({ call, id }))
      // The account's own order counts once although it is known by both: a second use is left, for a guest with the same address as well.
      const second = await guestWith(code, email.toUpperCase())
      expect2xx(await order(second))
      const third = await guest(email)
      await adviceIsOld()
      assert.equal((await third.call('POST', '/carts/current/codes', { code })).body.code, 'code_rejected')
      expect2xx(await third.call('PATCH', '/carts/current', { email: `new-${dialect}@example.com` }))
      expect2xx(await third.call('POST', '/carts/current/codes', { code }))
    })

    test('a cart shows at once what becomes of a limit per customer by an e-mail address, in the same answer', async () => {
      const { code } = await promotionWith({ perCustomer: { uses: 1, within: null } })
      const email = `told-${dialect}@example.com`
      expect2xx(await order(await guestWith(code, email)))
      const one = await guestWith(code)
      await adviceIsOld()
      const states = async (address: string) => {
        const { cart } = expect2xx(await one.call('PATCH', '/carts/current', { email: address })).body
        const read = (await one.call('GET', '/carts/current')).body
        assert.deepEqual(read.codes, cart.codes)
        return cart.codes[0].applied
      }
      assert.deepEqual([await states(email), await states(`else-${dialect}@example.com`)], [false, true])
      const both = await guest()
      const { cart } = expect2xx(
        await both.call('POST', '/carts/current/commands', {
          commands: [{ change: { email: `third-${dialect}@example.com` } }, { applyCode: { code } }],
        }),
      ).body
      assert.equal(cart.codes[0].applied, true)
    })

    test('a discount for first orders is not for who has ordered, whoever asks: the account or a guest with its address', async () => {
      const { code } = await promotionWith({ conditions: [{ kind: 'code' }, { kind: 'first_order' }] })
      const email = `again-${dialect}@example.com`
      const first = await guest(email)
      const { order: placing, payment } = expect2xx(await order(first)).body
      const second = await guestWith(code, email)
      await payOnPage(payment.url)
      await eventually(async () => (await admin('GET', `/orders/${placing.id}`)).body.state === 'PLACED')
      await adviceIsOld()
      assert.equal((await second.call('GET', '/carts/current')).body.codes[0].applied, false)
      const full = expect2xx(await order(second, { expectedTotal: 99_999 })).body.order
      assert.equal(full.discountTotal.amount, 0)
    })

    test('a payment that comes after its order expired takes its use again, or goes back when another order has it', async () => {
      for (const isTaken of [false, true]) {
        const { id, code } = await promotionWith({ usesMax: 1, perCustomer: { uses: 1, within: null } })
        const late = expect2xx(await order(await guestWith(code))).body
        const rows = () => reader.db.selectFrom('payments').selectAll().where('order_id', '=', late.order.id).execute()
        const [attempt] = await rows()
        assert.ok(attempt)
        expect2xx(await admin('POST', `/orders/${late.order.id}/cancel`, {}))
        // The provider took the money although its session was closed.
        await engine.store.transact(async ({ db }) => {
          const ended = await db.selectFrom('orders').select('document').where('id', '=', late.order.id).executeTakeFirstOrThrow()
          const document = JSON.stringify({ ...JSON.parse(ended.document), state: 'EXPIRED' })
          await db.updateTable('orders').set({ state: 'EXPIRED', document }).where('id', '=', late.order.id).execute()
        })
        if (isTaken) expect2xx(await order(await guestWith(code)))
        const { amount, currency } = attempt
        await engine.payments.applyStatus('demo', attempt.id, { state: 'paid', amount, currency })
        const ended = (await admin('GET', `/orders/${late.order.id}`)).body
        assert.equal(ended.state, isTaken ? 'EXPIRED' : 'PLACED')
        assert.equal(ended.refunds.length, isTaken ? 1 : 0)
        assert.deepEqual(await countersOf(id, code), [1, { USD: 500 }, 1])
      }
    })

    test('a use that is older than the time that counts can be had again', async () => {
      const { id, code } = await promotionWith({ perCustomer: { uses: 1, within: 'P1D' } })
      const email = `daily-${dialect}@example.com`
      const first = await guestWith(code, email)
      const { payment, order: placing } = expect2xx(await order(first)).body
      await payOnPage(payment.url)
      await eventually(async () => (await admin('GET', `/orders/${placing.id}`)).body.state === 'PLACED')
      const second = await guest(email)
      await adviceIsOld()
      assert.equal((await second.call('POST', '/carts/current/codes', { code })).status, 422)
      await engine.store.transact(({ db }) =>
        db
          .updateTable('redemptions')
          .set({ created_at: Date.now() - 86_500_000 })
          .where('promotion_id', '=', id)
          .execute(),
      )
      await adviceIsOld()
      expect2xx(await second.call('POST', '/carts/current/codes', { code }))
      expect2xx(await order(second))
    })

    test('a stored price changes by itself when a customer has used a promotion elsewhere, and when its budget is spent', async () => {
      const customer = await promotionWith({ perCustomer: { uses: 1, within: null } })
      const budget = await promotionWith({ budget: [{ amount: 500, currency: 'USD' }] })
      const email = `watch-${dialect}@example.com`
      const waiting = [await guestWith(customer.code, email), await guestWith(budget.code)]
      for (const { call } of waiting) assert.equal((await call('GET', '/carts/current')).body.codes[0].applied, true)
      expect2xx(await order(await guestWith(customer.code, email)))
      const { order: spending } = expect2xx(await order(await guestWith(budget.code))).body
      await adviceIsOld()
      for (const { call } of waiting) assert.equal((await call('GET', '/carts/current')).body.codes[0].applied, false)
      expect2xx(await admin('POST', `/orders/${spending.id}/cancel`, {}))
      await adviceIsOld()
      assert.equal((await waiting[1]?.call('GET', '/carts/current'))?.body.codes[0].applied, true)
    })
  })
}

describe('limits of promotions on two nodes', () => {
  const nodes: Node[] = []
  before(async () => void nodes.push(await startNode(shared), await startNode(shared)))
  after(() => Promise.all(nodes.map((node) => node.kill())))

  test('50 orders through two servers at once have one use among them', async () => {
    const admin = caller((nodes[0]?.url ?? '') + SHOP, ADMIN)
    const { id } = expect2xx(
      await admin('POST', '/promotions', {
        name: 'Both',
        usesMax: 1,
        conditions: [{ kind: 'code' }],
        benefit: { kind: 'amount_off', amounts: [{ amount: 500, currency: 'USD' }] },
      }),
    ).body
    expect2xx(await admin('POST', `/promotions/${id}/codes`, { code: 'BOTH' }))
    const carts = await atOnce(50, async (index) => {
      const base = (nodes[index % 2]?.url ?? '') + SHOP
      const { token, cart } = expect2xx(await caller(base)('POST', '/carts/current/lines', { sku: 'MUG-STONE' })).body
      const call = caller(base, token)
      expect2xx(
        await call('PATCH', '/carts/current', { email: `n${index}@example.com`, shippingAddress: ADDRESS, shippingMethod: 'standard' }),
      )
      expect2xx(await call('POST', '/carts/current/codes', { code: 'BOTH' }))
      return { call, id: cart.id as string }
    })
    const answers = await Promise.all(carts.map(({ call, id: cartId }) => call('POST', '/orders', { cartId })))
    assert.deepEqual(
      answers
        .map((answer) => answer.status)
        .sort()
        .slice(0, 2),
      [201, 409],
    )
    assert.equal((await admin('GET', '/promotions')).body.items.find((each: { id: string }) => each.id === id).uses, 1)
  })
})

/** What carts go by is at most a second old. */
const adviceIsOld = () => new Promise((resolve) => setTimeout(resolve, 1100))
