// Whatever is asked of a cart at the same time happens in some order, completely, and every caller is told the truth about it: no conflict, no
// lost line, no double application, on both databases.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ADMIN, type Answer, atOnce, caller, DIALECTS, freshDatabase, startTestServer } from './harness.ts'
import { expect2xx, login, stockUp, wares } from './nodes.ts'

const SHOP = '/v1/shops/demo'
const CURRENT = `${SHOP}/carts/current`

interface Line {
  readonly id: string
  readonly sku: string
  readonly quantity: number
}

const servers: { dialect: string; url: string }[] = []
for (const dialect of DIALECTS) {
  const { url } = await startTestServer(await freshDatabase(dialect))
  await stockUp(url, 'demo', wares(120, 'W'))
  servers.push({ dialect, url })
}

for (const { dialect, url } of servers) {
  describe(`races on ${dialect}`, () => {
    let accounts = 0

    /** Calls as a new account, and as nobody else. */
    async function shopper() {
      return caller(url, await login(url, `${dialect}-${accounts++}`))
    }

    async function linesOf(call: Awaited<ReturnType<typeof shopper>>): Promise<Map<string, number>> {
      const { body } = expect2xx(await call('GET', CURRENT))
      return new Map((body.lines as Line[]).map((line) => [line.sku, line.quantity]))
    }

    test('SEED4-29 100 adds of one sku at once are one line of 100', async () => {
      const call = await shopper()
      const answers = await atOnce(100, () => call('POST', `${CURRENT}/lines`, { sku: 'W-0' }))
      for (const answer of answers) expect2xx(answer)
      assert.deepEqual([...(await linesOf(call))], [['W-0', 100]])
    })

    test('100 adds of 100 skus at once are 100 lines', async () => {
      const call = await shopper()
      const answers = await atOnce(100, (index) => call('POST', `${CURRENT}/lines`, { sku: `W-${index}` }))
      for (const answer of answers) expect2xx(answer)
      const lines = await linesOf(call)
      assert.equal(lines.size, 100)
      assert.ok([...lines.values()].every((quantity) => quantity === 1))
    })

    test('the first 50 adds of an account at once make one cart', async () => {
      const call = await shopper()
      const answers = await atOnce(50, () => call('POST', `${CURRENT}/lines`, { sku: 'W-1' }))
      assert.equal(new Set(answers.map((answer) => expect2xx(answer).body.cart.id)).size, 1)
      assert.equal((await call('GET', `${SHOP}/carts`)).body.items.length, 1)
      assert.equal((await linesOf(call)).get('W-1'), 50)
    })

    test('a cart that is addressed by its id and as current at once loses nothing', async () => {
      const call = await shopper()
      const { id } = expect2xx(await call('POST', `${SHOP}/carts`, {})).body.cart
      const names = [CURRENT, `${SHOP}/carts/${id}`, `${CURRENT}?type=shopping`]
      const answers = await atOnce(90, (index) => {
        const [path, query = ''] = (names[index % 3] ?? '').split('?')
        return call('POST', `${path}/lines${query && `?${query}`}`, { sku: 'W-2' })
      })
      for (const answer of answers) expect2xx(answer)
      assert.equal((await linesOf(call)).get('W-2'), 90)
    })

    test('of 20 changes of one version exactly one happens', async () => {
      const call = await shopper()
      const { version } = expect2xx(await call('POST', `${CURRENT}/lines`, { sku: 'W-3' })).body.cart
      const answers = await atOnce(20, (index) =>
        call('POST', `${CURRENT}/lines`, { sku: 'W-3', quantity: index + 1 }, { 'if-match': `"${version}"` }),
      )
      const won = answers.flatMap((answer, index) => (answer.status === 200 ? [index + 1] : []))
      assert.equal(won.length, 1)
      assert.ok(answers.every((answer) => answer.status === 200 || (answer.status === 412 && answer.body.code === 'stale_version')))
      assert.equal((await linesOf(call)).get('W-3'), 1 + (won[0] ?? 0))
    })

    test('what is told of mixed commands at once is the story of one serial order', async () => {
      for (let round = 0; round < 6; round++) await mixedRound(await shopper())
    })

    /**
     * Each line gets one `set` among adds of powers of two, so every subset of adds has its own sum: the final quantity tells exactly which
     * adds came after the set, and every answer must show a state on that way.
     */
    async function mixedRound(call: Awaited<ReturnType<typeof shopper>>): Promise<void> {
      const base = expect2xx(await call('POST', `${CURRENT}/lines`, { lines: ['W-10', 'W-11', 'W-12'].map((sku) => ({ sku })) })).body.cart
      const lineOf = new Map((base.lines as Line[]).map((line) => [line.sku, line.id]))
      const powers = [1, 2, 4, 8, 16]
      const adds = ['W-10', 'W-11'].flatMap((sku) => powers.map((quantity) => () => call('POST', `${CURRENT}/lines`, { sku, quantity })))
      const others = [
        () => call('PATCH', `${CURRENT}/lines/${lineOf.get('W-10')}`, { quantity: 1000 }),
        () => call('DELETE', `${CURRENT}/lines/${lineOf.get('W-11')}`),
        () => call('DELETE', `${CURRENT}/lines/${lineOf.get('W-12')}`),
        () => call('POST', `${CURRENT}/codes`, { code: 'WELCOME10' }),
        () => call('POST', `${CURRENT}/codes`, { code: 'SHIPFREE' }),
        () => call('PATCH', `${CURRENT}`, { email: 'a@example.com' }),
        () => call('PATCH', `${CURRENT}`, { shippingAddress: { country: 'US', region: 'NY' } }),
        () => call('POST', `${CURRENT}/lines`, { sku: 'NO-SUCH-SKU' }),
      ]
      const answers = await Promise.all(shuffled([...adds, ...others]).map((send) => send()))
      const refused = answers.filter((answer) => answer.status > 299).map((answer) => answer.body.code)
      assert.deepEqual(refused.sort(), ['too_many_codes', 'unknown_sku'], 'the shop allows one code')
      const { body: final } = await call('GET', CURRENT)
      const quantities = new Map((final.lines as Line[]).map((line) => [line.sku, line.quantity]))
      const after = (quantities.get('W-10') ?? 0) - 1000
      assert.ok(after >= 0 && after <= 31, `the set was lost: ${quantities.get('W-10')}`)
      const kept = quantities.get('W-11') ?? 0
      assert.ok(kept >= 0 && kept <= 31, `the removal was lost: ${kept}`)
      assert.equal(quantities.has('W-12'), false)
      assert.deepEqual([final.email, final.codes.length, final.shippingAddress?.region], ['a@example.com', 1, 'NY'])
      assertOneStory(answers, base.version, final)
    }

    /** Answers with the same version are the same cart; the greatest is what is read at the end; each changed command moved it by one. */
    function assertOneStory(answers: readonly Answer[], before: number, final: { version: number }): void {
      const told = new Map<number, string>()
      const succeeded = answers.filter((answer) => answer.status < 300)
      for (const { body } of succeeded) {
        const known = told.get(body.cart.version)
        assert.equal(JSON.stringify(body.cart), known ?? JSON.stringify(body.cart), 'one version was told in two ways')
        told.set(body.cart.version, JSON.stringify(body.cart))
      }
      assert.equal(final.version, before + succeeded.length)
      assert.equal(Math.max(...told.keys()), final.version)
      assert.ok([...told.keys()].every((version) => version > before))
    }

    test('one Idempotency-Key sent 30 times at once adds once and answers the same 30 times', async () => {
      const call = await shopper()
      const key = { 'idempotency-key': crypto.randomUUID() }
      const answers = await atOnce(30, () => call('POST', `${CURRENT}/lines`, { sku: 'W-4', quantity: 3 }, key))
      assert.equal(answers.filter((answer) => expect2xx(answer).headers.get('idempotency-replayed') === null).length, 1)
      assert.equal(
        new Set(answers.map((answer) => `${answer.status} ${answer.body.cart.id} ${JSON.stringify(answer.body.results)}`)).size,
        1,
      )
      assert.equal((await linesOf(call)).get('W-4'), 3)
    })

    test('one Idempotency-Key sent 20 times at once by nobody makes one guest, whose secret every answer has', async () => {
      const call = caller(url)
      const key = { 'idempotency-key': crypto.randomUUID() }
      const answers = await atOnce(20, () => call('POST', `${CURRENT}/lines`, { sku: 'W-5' }, key))
      assert.equal(new Set(answers.map((answer) => `${expect2xx(answer).body.cart.id} ${answer.body.token}`)).size, 1)
      const { body } = await caller(url, answers[0]?.body.token)('GET', CURRENT)
      assert.equal(body.itemCount, 1)
    })

    test('ordering one cart 12 times at once while it is added to makes one unpaid order and loses no line', async () => {
      const token = await login(url, `${dialect}-orders`)
      const call = caller(url, token)
      const { cart } = expect2xx(await call('POST', `${CURRENT}/lines`, { sku: 'W-6' })).body
      expect2xx(await call('PATCH', CURRENT, { email: 'b@example.com' }))
      const adding = atOnce(30, () => call('POST', `${CURRENT}/lines`, { sku: 'W-7' }))
      const ordered = await atOnce(12, () => call('POST', `${SHOP}/orders`, { cartId: cart.id, expectedTotal: 1_000_000 }))
      for (const answer of await adding) expect2xx(answer)
      for (const answer of ordered) assert.ok([200, 201, 503].includes(answer.status), JSON.stringify(answer.body))
      assert.equal((await linesOf(call)).get('W-7'), 30)
      const unpaid = await caller(url, ADMIN)('GET', `${SHOP}/orders?state=NEW&cartId=${cart.id}`)
      assert.equal(unpaid.body.items.length, 1)
    })
  })
}

function shuffled<T>(items: readonly T[]): T[] {
  const result = [...items]
  for (let index = result.length - 1; index > 0; index--) {
    const other = Math.floor(Math.random() * (index + 1))
    const [a, b] = [result[index] as T, result[other] as T]
    result[index] = b
    result[other] = a
  }
  return result
}
