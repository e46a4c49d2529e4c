// Every write takes an Idempotency-Key, not only carts and orders: the same request twice is done once and answered alike, secrets included.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ADMIN, atOnce, caller, DIALECTS, freshDatabase, startTestServer } from './harness.ts'

for (const dialect of DIALECTS) {
  describe(`keys on the writes of merchants on ${dialect}`, async () => {
    const server = await startTestServer(await freshDatabase(dialect))
    const shop = `${server.url}/v1/shops/demo`
    const admin = caller(shop, ADMIN)
    const keyed = (key: string) => ({ 'idempotency-key': key })

    it('a key that is made twice with one Idempotency-Key is one key, with the same token', async () => {
      const key = keyed(crypto.randomUUID())
      const answers = await atOnce(5, () => admin('POST', '/api-keys', { name: 'till', scopes: ['carts:read'] }, key))
      assert.deepEqual([...new Set(answers.map((answer) => answer.status))], [201])
      assert.equal(new Set(answers.map((answer) => answer.body.token)).size, 1)
      assert.equal(answers.filter((answer) => answer.headers.get('idempotency-replayed') === 'true').length, 4)
      const listed = (await admin('GET', '/api-keys')).body.items.filter((each: { name: string }) => each.name === 'till')
      assert.equal(listed.length, 1)
      assert.equal((await caller(shop, answers[0]?.body.token)('GET', '/carts')).status, 200)
    })

    it('a secret is never answered under a key that could be guessed', async () => {
      const { status, body } = await admin('POST', '/webhooks', { url: 'http://127.0.0.1:9/' }, keyed('1'))
      assert.deepEqual([status, body.code], [422, 'idempotency_key_required'])
    })

    it('a difference of stock is applied once', async () => {
      const before = (await admin('GET', '/stock/MUG-STONE')).body.onHand
      const key = keyed('take-five-1')
      await atOnce(5, () => admin('PUT', '/stock/MUG-STONE', { delta: -5 }, key))
      assert.equal((await admin('GET', '/stock/MUG-STONE')).body.onHand, before - 5)
      assert.equal((await admin('PUT', '/stock/MUG-STONE', { delta: -6 }, key)).body.code, 'idempotency_key_reused')
    })

    it('who loses the race for a new shop with the same key gets the shop, not "exists already"', async () => {
      const root = caller(server.url, ADMIN)
      const key = keyed('new-shop-1')
      const answers = await atOnce(5, () => root('POST', '/v1/shops', { id: 'racing', name: 'Racing', currency: 'EUR' }, key))
      assert.deepEqual([...new Set(answers.map((answer) => `${answer.status} ${answer.body.id}`))], ['201 racing'])
      assert.equal((await root('POST', '/v1/shops', { id: 'racing', name: 'Racing', currency: 'EUR' })).status, 409)
    })

    it('a merge whose answer was lost is repeated with its key, although the guest secret is dead', async () => {
      const made = await caller(shop)('POST', '/carts/current/lines', { sku: 'MUG-STONE', quantity: 2 })
      const { body: login } = await caller(server.url)('POST', '/v1/demo/login', { accountId: `merges-${dialect}` })
      const account = caller(shop, login.token)
      const key = keyed('merge-1')
      const first = await account('POST', '/carts/current/merge', { carts: [{ id: made.body.cart.id, token: made.body.token }] }, key)
      assert.equal(first.status, 201, JSON.stringify(first.body))
      const again = await account('POST', '/carts/current/merge', { carts: [{ id: made.body.cart.id, token: made.body.token }] }, key)
      assert.deepEqual([again.status, again.headers.get('idempotency-replayed')], [201, 'true'])
      assert.deepEqual([again.body.report, again.body.cart.itemCount], [first.body.report, 2])
    })

    it('20 simultaneous logins merge a guest cart once, and each of them is told the same', async () => {
      const made = await caller(shop)('POST', '/carts/current/lines', { sku: 'MUG-STONE', quantity: 3 })
      const { body: login } = await caller(server.url)('POST', '/v1/demo/login', { accountId: `storms-${dialect}` })
      const account = caller(shop, login.token)
      await account('POST', '/carts/current/lines', { sku: 'MUG-STONE', quantity: 1 })
      const answers = await atOnce(20, () =>
        account('POST', '/carts/current/merge', { carts: [{ id: made.body.cart.id, token: made.body.token }] }),
      )
      assert.deepEqual([...new Set(answers.map((answer) => `${answer.status} ${JSON.stringify(answer.body.report)}`))].length, 1)
      assert.equal(answers[0]?.status, 200)
      assert.equal((await account('GET', '/carts/current')).body.itemCount, 4)
    })
  })
}
