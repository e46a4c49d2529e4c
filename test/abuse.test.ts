// Against abuse: guessing, card testing, orders by the thousand. What is counted stands in the database: all nodes share it and a restart forgets
// nothing. Honest shoppers, and those who share an address with others, never notice.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ADMIN, type Answer, atOnce, caller, DIALECTS, eventually, freshDatabase, startTestServer } from './harness.ts'
import { ADDRESS } from './http-probe.ts'
import { expect2xx } from './nodes.ts'
import { type Call, payFor, told } from './presets/shop.ts'

const SETUP = { guessLimits: { tokens: 30, codes: 30 }, trustProxy: '127.0.0.1' }
const SHOP = '/v1/shops/demo'
const OFF = {
  tokens: { address: 0, shop: 0 },
  codes: { address: 0, owner: 0, cart: 0, shop: 0 },
  links: { cart: 0 },
  orders: { address: 0, owner: 0 },
  payments: { address: 0, owner: 0, cart: 0 },
  declines: { address: 0, owner: 0, email: 0, cart: 0, shop: 0 },
}

const setups = await Promise.all(
  DIALECTS.map(async (dialect) => {
    const url = await freshDatabase(dialect)
    return { dialect, url, server: await startTestServer(url, SETUP) }
  }),
)
const shared = await freshDatabase('postgres')
const nodes = [await startTestServer(shared, SETUP), await startTestServer(shared, SETUP)] as const
const restarted = await freshDatabase('sqlite')
const first = await startTestServer(restarted, SETUP)

/** Comes from an address. */
const from = (address: string) => ({ 'x-forwarded-for': address })

/** A guest with a cart that can be ordered. */
async function guest(base: string, email = 'robin@example.com'): Promise<Call> {
  const call = caller(base, expect2xx(await caller(base)('POST', '/carts/current/lines', { sku: 'GUIDE-BREW' })).body.token)
  expect2xx(await call('PATCH', '/carts/current', { email, shippingAddress: ADDRESS }))
  return call
}

/** Types a card that is declined into the sandbox's page. */
async function decline({ payment }: Answer['body']): Promise<void> {
  const card = new URLSearchParams({ number: '4000000000000002', expiry: '12/40', cvc: '123', name: 'Robin Example' })
  await (await fetch(payment.url, { method: 'POST', body: card, redirect: 'manual' })).text()
}

/** Waits until a call is told to wait: what was declined is counted right after it is known. */
const refused = (work: () => Promise<string>) => eventually(async () => (await work()) === '429 rate_limited')

/** Orders, has its card declined, and waits until that is known here. */
async function orderDeclined(call: Call, headers: Record<string, string>): Promise<Answer['body']> {
  const made = expect2xx(await call('POST', '/orders', { cartId: 'current' }, headers)).body
  await decline(made)
  // Where that was one too many, its session ends at once.
  const states = ['FAILED', 'CANCELLED']
  await eventually(async () => states.includes((await call('GET', `/orders/${made.order.id}`)).body.payments[0].state))
  return made
}

const wrongToken = async (base: string, headers = {}) => told(await caller(base, 'ct_wrong')('GET', '/carts/current', undefined, headers))
const wrongCode = async (call: Call, headers = {}, index = 0) =>
  told(await call('POST', '/promotions/verify', { code: `WRONG${index}` }, headers))

describe('two nodes', () => {
  const [a, b] = nodes.map(({ url }) => url + SHOP) as [string, string]

  test('SEC-6 10 wrong tokens on one node and 20 on the other are the 30 that an address has, on both', async () => {
    for (let index = 0; index < 10; index++) assert.equal(await wrongToken(a), '401 invalid_token')
    for (let index = 0; index < 20; index++) assert.equal(await wrongToken(b), '401 invalid_token')
    assert.deepEqual([await wrongToken(a), await wrongToken(b)], ['429 rate_limited', '429 rate_limited'])
    assert.equal(await wrongToken(b, from('81.2.69.1')), '401 invalid_token', 'another address')
  })

  test('SEC-6 60 wrong codes at once on two nodes have no more tries than one after the other', async () => {
    const call = await guest(a)
    const { token } = expect2xx(await call('POST', '/carts/current/secrets', {})).body
    const both = [caller(a, token), caller(b, token)] as const
    const tried = await atOnce(60, (index) => both[index % 2 === 0 ? 0 : 1]('POST', '/promotions/verify', { code: `AT${index}` }))
    const counts = Object.groupBy(tried, ({ status }) => status)
    assert.deepEqual(Object.keys(counts).sort(), ['200', '429'])
    assert.ok((counts[200]?.length ?? 0) <= 30, `${counts[200]?.length} tries`)
    for (const each of both) assert.equal(told(await each('POST', '/promotions/verify', { code: 'WELCOME10' })), '429 rate_limited')
  })

  test('SEC-7 what was declined on one node counts on the other', async () => {
    expect2xx(await caller(a, ADMIN)('PATCH', '/settings', { limits: { ...OFF, declines: { ...OFF.declines, address: 2 } } }))
    for (const base of [a, b]) await orderDeclined(await guest(base), from('81.2.69.7'))
    for (const base of [a, b])
      await refused(async () => told(await (await guest(base))('POST', '/orders', { cartId: 'current' }, from('81.2.69.7'))))
  })
})

test('a restart forgets nothing', async () => {
  for (let index = 0; index < 30; index++) assert.equal(await wrongToken(first.url + SHOP), '401 invalid_token')
  await first.close()
  const again = await startTestServer(restarted, SETUP)
  assert.equal(await wrongToken(again.url + SHOP), '429 rate_limited')
})

for (const { dialect, server } of setups)
  describe(`limits on ${dialect}`, () => {
    const base = server.url + SHOP
    const admin = caller(base, ADMIN)
    const { store } = server.engine
    const rows = () => store.reader.db.selectFrom('attempts').selectAll().execute()
    const advance = async (duration: string) => void expect2xx(await caller(server.url)('POST', '/v1/demo/clock', { advance: duration }))
    const limits = async (patch: object) => void expect2xx(await admin('PATCH', '/settings', { limits: { ...OFF, ...patch } }))

    test('what is well is not counted: a good token, an add, a read, a right code', async () => {
      const call = await guest(base)
      expect2xx(await call('GET', '/carts/current'))
      assert.deepEqual(await rows(), [])
      for (let index = 0; index < 40; index++)
        assert.equal(expect2xx(await call('POST', '/promotions/verify', { code: 'WELCOME10' })).body.applies, true)
      assert.deepEqual(new Set((await rows()).map(({ count }) => count)), new Set([0]))
    })

    test('SEC-6 who is told to wait is told for how long, in the same words for a right guess and a wrong one', async () => {
      const call = await guest(base)
      const address = from('81.2.69.9')
      for (let index = 0; index < 30; index++) await wrongCode(call, address, index)
      const told = await Promise.all(
        ['WELCOME10', 'WRONG'].map(async (code) => {
          const { status, headers, body } = await call('POST', '/promotions/verify', { code }, address)
          return JSON.stringify([status, headers.get('retry-after'), { ...body, requestId: '' }])
        }),
      )
      assert.equal(new Set(told).size, 1, told.join('\n'))
      const limited = await call('POST', '/promotions/verify', { code: 'WELCOME10' }, address)
      const after = Number(limited.headers.get('retry-after'))
      assert.ok(after > 0 && after <= 60, String(after))
      assert.deepEqual(Object.keys(limited.body).sort(), ['code', 'requestId', 'retryAfter', 'status', 'title', 'type'])
      await advance(`PT${after}S`)
      expect2xx(await call('POST', '/promotions/verify', { code: 'WELCOME10' }, address))
    })

    test('no address and no name is kept, and what is over is removed', async () => {
      await limits({ declines: { address: 9, owner: 9, email: 9, cart: 9, shop: 9 }, tokens: { address: 9, shop: 9 } })
      await wrongToken(base, from('81.2.69.11'))
      const made = await orderDeclined(await guest(base, 'kim@example.com'), from('81.2.69.11'))
      const kept = await rows()
      const payment = await store.reader.db.selectFrom('payments').selectAll().where('order_id', '=', made.order.id).executeTakeFirst()
      assert.ok(kept.length >= 6 && payment?.origin)
      assert.doesNotMatch(JSON.stringify([kept, payment.origin]), /81\.2\.69|kim@|ord_|crt_|cart_|g:/)
      await advance('PT2H')
      assert.deepEqual(await rows(), [])
    })

    test('SEC-7 cards are tried so often, in one session too: then the session ends, and no other is begun before the provider is asked', async () => {
      await limits({ declines: { ...OFF.declines, cart: 3 } })
      const call = await guest(base)
      const made = await orderDeclined(call, {})
      for (let tries = 0; tries < 2; tries++) await decline(made)
      const again = () => call('POST', `/orders/${made.order.id}/payments`)
      await eventually(async () => told(await again()) === '429 rate_limited')
      // The declined card is counted first, then the session is ended.
      const { body } = await eventually(async () => {
        const answer = await call('GET', `/orders/${made.order.id}`)
        return answer.body.payments[0].state === 'CANCELLED' && answer
      })
      assert.deepEqual([body.state, body.payments.length], ['NEW', 1])
      const sessions = async () => (await store.reader.db.selectFrom('sandbox_sessions').select('id').execute()).length
      const before = await sessions()
      // Neither paying again nor ordering anew is a way around it.
      expect2xx(await call('POST', '/carts/current/lines', { sku: 'GUIDE-BREW' }))
      assert.equal(told(await call('POST', '/orders', { cartId: 'current' })), '429 rate_limited')
      assert.equal(told(await again()), '429 rate_limited')
      assert.equal(await sessions(), before)
      await advance('PT1H')
      await payFor(call, expect2xx(await call('POST', '/orders', { cartId: 'current' })).body)
    })

    test('SEC-7 a card that is declined counts for the address that began the payment, for its owner and for its e-mail address', async () => {
      await limits({ declines: { ...OFF.declines, address: 2, email: 2 } })
      const order = async (address: string, email: string) =>
        told(await (await guest(base, email))('POST', '/orders', { cartId: 'current' }, from(address)))
      for (const last of ['a', 'b']) await orderDeclined(await guest(base, `${last}@example.com`), from(`2a02:2e0:3fe:1001::${last}`))
      await refused(() => order('2a02:2e0:3fe:1001:7777::1', 'c@example.com'))
      assert.match(await order('2a02:2e0:3fe:1002::1', 'd@example.com'), /^201/)
      for (const last of [21, 22]) await orderDeclined(await guest(base, 'Victim@example.com'), from(`81.2.69.${last}`))
      await refused(() => order('81.2.69.23', 'victim@example.com'))
      assert.match(await order('81.2.69.23', 'e@example.com'), /^201/)
    })

    test('SEC-7 an address orders only so often, whoever it says it is; keys and proxies that nobody trusts are not counted', async () => {
      await limits({ orders: { address: 3, owner: 0 } })
      const order = (call: Call, headers = {}) =>
        call('POST', '/orders', { items: [{ sku: 'GUIDE-BREW' }], email: 'robin@example.com' }, headers).then(told)
      const nobody = caller(base)
      for (let index = 0; index < 3; index++) assert.match(await order(nobody, from('81.2.69.31')), /^201/)
      assert.equal(await order(nobody, from('81.2.69.31')), '429 rate_limited')
      assert.match(await order(nobody, from('81.2.69.32')), /^201/)
      for (let index = 0; index < 5; index++) {
        assert.match(await order(admin, from('81.2.69.31')), /^201/)
        assert.match(await order(nobody), /^201/)
      }
    })

    test('SEC-7 50 orders at once are no more than one after the other', async () => {
      await limits({ orders: { address: 5, owner: 0 } })
      const order = () =>
        caller(base)('POST', '/orders', { items: [{ sku: 'GUIDE-BREW' }], email: 'robin@example.com' }, from('81.2.69.41'))
      const made = Object.groupBy(await atOnce(50, order), ({ status }) => status)
      assert.deepEqual([made[201]?.length, made[429]?.length], [5, 45])
    })

    test('SEC-7 payments are begun only so often for a cart, and who is shown once more where to pay begins none', async () => {
      await limits({ payments: { address: 0, owner: 0, cart: 2 } })
      const call = await guest(base)
      const made = expect2xx(await call('POST', '/orders', { cartId: 'current' })).body
      for (let index = 0; index < 5; index++) {
        assert.equal(expect2xx(await call('POST', '/orders', { cartId: 'current' })).body.payment.id, made.payment.id)
        assert.equal(expect2xx(await call('POST', `/orders/${made.order.id}/payments`)).body.payment.id, made.payment.id)
      }
      expect2xx(await call('POST', '/carts/current/lines', { sku: 'GUIDE-BREW' }))
      expect2xx(await call('POST', '/orders', { cartId: 'current' }))
      expect2xx(await call('POST', '/carts/current/lines', { sku: 'GUIDE-BREW' }))
      assert.equal(told(await call('POST', '/orders', { cartId: 'current' })), '429 rate_limited')
    })

    test('a key that tries codes for many carts is counted for each of them', async () => {
      await limits({ codes: { ...OFF.codes, cart: 2, address: 1 } })
      const carts = []
      for (let index = 0; index < 2; index++) carts.push((await (await guest(base))('GET', '/carts/current')).body.id)
      for (const cart of carts) {
        const tries = async () => told(await admin('POST', `/carts/${cart}/codes`, { code: 'NOPE' }))
        assert.deepEqual([await tries(), await tries(), await tries()], ['422 code_rejected', '422 code_rejected', '429 rate_limited'])
      }
    })

    test('SEC-6 many addresses that each fail a little ring the alarm of the shop: from then on each may fail less, and nobody is shut out', async () => {
      await limits({ tokens: { address: 8, shop: 20 } })
      for (let index = 0; index < 21; index++) assert.equal(await wrongToken(base, from(`81.2.70.${index}`)), '401 invalid_token')
      const late = []
      for (let index = 0; index < 3; index++) late.push(await wrongToken(base, from('81.2.71.1')))
      assert.deepEqual(late, ['401 invalid_token', '401 invalid_token', '429 rate_limited'])
      const call = await guest(base)
      assert.equal((await call('GET', '/carts/current', undefined, from('81.2.71.1'))).status, 200)
      await advance('PT1M')
      for (let index = 0; index < 8; index++) assert.equal(await wrongToken(base, from('81.2.71.2')), '401 invalid_token')
    })

    test('when failures cannot be counted a wrong token is still refused, and nothing is ordered uncounted', async () => {
      await limits({ tokens: { address: 5, shop: 5 }, orders: { address: 5, owner: 5 } })
      const call = await guest(base)
      await store.transact(({ db }) => db.schema.alterTable('attempts').renameTo('attempts_away').execute())
      try {
        assert.equal(await wrongToken(base), '401 invalid_token')
        assert.equal((await call('POST', '/orders', { cartId: 'current' })).status, 500)
        assert.deepEqual((await call('GET', '/orders?state=NEW')).body.items, [])
        assert.equal((await call('GET', '/carts/current')).status, 200)
      } finally {
        await store.transact(({ db }) =>
          db.schema
            .alterTable('attempts_away' as 'attempts')
            .renameTo('attempts')
            .execute(),
        )
      }
      assert.match(told(await call('POST', '/orders', { cartId: 'current' })), /^201/)
    })
  })
