// Accounts of shops at payment providers: told once, sealed, never served again, and read anew by every call. Promised on both databases.
import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import { createSigner } from '../src/engine/identity.ts'
import { accountReader } from '../src/engine/provider-accounts.ts'
import { ADMIN, type Answer, caller, DIALECTS, freshDatabase, startTestServer } from './harness.ts'
import { expect2xx } from './nodes.ts'

const OLD = 'o'.repeat(32)
const NEW = 'n'.repeat(32)

const stripeAccount = () => ({
  secretKey: `sk_test_${randomBytes(12).toString('hex')}`,
  webhookSecret: `whsec_${randomBytes(12).toString('hex')}`,
  publishableKey: 'pk_test_0123456789',
})

for (const dialect of DIALECTS)
  describe(`accounts at providers on ${dialect}`, async () => {
    const address = await freshDatabase(dialect)
    const server = await startTestServer(address, { secrets: [OLD], demo: false })
    const second = dialect === 'postgres' ? await startTestServer(address, { secrets: [OLD], demo: false }) : server
    const { store } = server.engine
    const accountOf = accountReader({ store, signer: createSigner([OLD]) })
    let made = 0

    async function shop() {
      const id = `acc-${++made}`
      expect2xx(await caller(server.url, ADMIN)('POST', '/v1/shops', { id, name: id, currency: 'USD' }))
      const path = `/v1/shops/${id}`
      const call = (method: string, url: string, body?: unknown, headers?: Record<string, string>) =>
        caller(server.url, ADMIN)(method, path + url, body, headers)
      const found = async (): Promise<Answer['body']> => {
        const { items } = expect2xx(await call('GET', '/payment-providers')).body
        return items.find((each: { provider: string }) => each.provider === 'stripe')
      }
      return { id, path, call, found }
    }

    test('what there is on this installation is listed, with what each needs', async () => {
      const { call } = await shop()
      const { items } = expect2xx(await call('GET', '/payment-providers')).body
      const told = items.map((each: Answer['body']) => [each.provider, each.settles, each.needsAccount, each.configured, each.account])
      assert.deepEqual(told, [
        ['manual', 'later', false, true, null],
        ['stripe', 'now', true, false, null],
        ['sandbox', 'now', false, true, null],
        ['balance', 'now', false, true, null],
      ])
    })

    test('an account is kept sealed, and shown as a hint only: not when it is told, not when it is read, not in the audit, not in any table', async () => {
      const { id, call, found } = await shop()
      const account = stripeAccount()
      const told = expect2xx(await call('PUT', '/payment-providers/stripe', account))
      const read = await found()
      assert.deepEqual(told.body, read)
      assert.deepEqual(
        [read.configured, read.account],
        [
          true,
          {
            secretKey: `…${account.secretKey.slice(-4)}`,
            webhookSecret: `…${account.webhookSecret.slice(-4)}`,
            publishableKey: account.publishableKey,
          },
        ],
      )
      const audit = expect2xx(await call('GET', '/audit')).body.items[0]
      assert.deepEqual([audit.action, audit.subject, audit.before, audit.after], ['payment_provider.changed', 'stripe', null, read.account])
      const kept = []
      for (const table of ['provider_accounts', 'audit', 'idempotency', 'settings', 'instance'] as const)
        kept.push(await store.reader.db.selectFrom(table).selectAll().execute())
      for (const secret of [account.secretKey, account.webhookSecret]) assert.ok(!JSON.stringify(kept).includes(secret))
      assert.deepEqual(await accountOf(id, 'stripe'), account, 'its provider reads it')
    })

    test('a replaced account is the one that the next call uses, on every node', async () => {
      const { id, call } = await shop()
      const [one, two] = [stripeAccount(), stripeAccount()]
      expect2xx(await call('PUT', '/payment-providers/stripe', one))
      assert.deepEqual(await accountOf(id, 'stripe'), one)
      expect2xx(await caller(second.url, ADMIN)('PUT', `/v1/shops/${id}/payment-providers/stripe`, two))
      assert.deepEqual(await accountOf(id, 'stripe'), two)
    })

    test('without an account nobody can choose the provider, and with one everybody can; one that is removed is gone', async () => {
      const { path, call, found } = await shop()
      expect2xx(await call('PATCH', '/settings', { payment: { providers: ['stripe', 'manual'] }, checkout: { requireEmail: false } }))
      const shirt = { inline: { name: 'Shirt', unitPrice: 1000, taxCategory: 'standard' } }
      const { cart } = expect2xx(await call('POST', '/carts/current/lines?account=app:a', shirt)).body
      const offered = async () => {
        const { items } = expect2xx(await caller(server.url, ADMIN)('GET', `${path}/carts/${cart.id}/payment-methods`)).body
        return items.map((each: { provider: string }) => each.provider)
      }
      assert.deepEqual(await offered(), ['manual'])
      const wanted = { cartId: cart.id, payment: { provider: 'stripe' } }
      const refused = await call('POST', '/orders', wanted)
      assert.deepEqual([refused.status, refused.body.code, refused.body.available], [409, 'payment_method_unavailable', ['manual']])
      expect2xx(await call('PUT', '/payment-providers/stripe', stripeAccount()))
      assert.deepEqual(await offered(), ['stripe', 'manual'])
      assert.equal((await call('DELETE', '/payment-providers/stripe')).status, 204)
      assert.deepEqual([await offered(), (await found()).account], [['manual'], null])
      assert.equal((await call('DELETE', '/payment-providers/stripe')).body.code, 'payment_provider_not_found')
    })

    test('what does not fit its provider is refused with its place, keeps what was there and repeats no secret', async () => {
      const { id, call } = await shop()
      const account = stripeAccount()
      expect2xx(await call('PUT', '/payment-providers/stripe', account))
      const secret = 'no key of Stripe at all'
      for (const [body, path] of [
        [{ ...account, secretKey: secret }, '/secretKey'],
        [{ secretKey: account.secretKey }, '/webhookSecret'],
        [{ ...account, password: secret }, '/password'],
        [{}, ''],
      ] as const) {
        const answer = await call('PUT', '/payment-providers/stripe', body)
        assert.deepEqual([answer.status, answer.body.code, answer.body.path], [422, 'invalid', path])
        assert.ok(!JSON.stringify(answer.body).includes(secret))
      }
      assert.deepEqual(await accountOf(id, 'stripe'), account)
      for (const provider of ['manual', 'sandbox', 'nobody'])
        assert.equal((await call('PUT', `/payment-providers/${provider}`, account)).body.code, 'payment_provider_not_found')
    })

    test('the same key tells it once', async () => {
      const { call } = await shop()
      const headers = { 'idempotency-key': randomUUID() }
      const account = stripeAccount()
      const answers = [
        await call('PUT', '/payment-providers/stripe', account, headers),
        await call('PUT', '/payment-providers/stripe', account, headers),
      ]
      assert.deepEqual(
        answers.map((answer) => answer.headers.get('idempotency-replayed')),
        [null, 'true'],
      )
      assert.equal(expect2xx(await call('GET', '/audit')).body.items.length, 1)
    })

    test('a new first secret seals what comes, and the older ones still open what there is; without them it says what to do', async () => {
      const { id, call } = await shop()
      const account = stripeAccount()
      expect2xx(await call('PUT', '/payment-providers/stripe', account))
      const turned = accountReader({ store, signer: createSigner([NEW, OLD]) })
      assert.deepEqual(await turned(id, 'stripe'), account)
      const lost = accountReader({ store, signer: createSigner([NEW]) })
      await assert.rejects(lost(id, 'stripe'), /cannot be opened: CARTWRIGHT_SECRET does not name the secret/)
    })

    test('an account that is copied to another shop in the database does not open there', async () => {
      const [one, two] = [await shop(), await shop()]
      expect2xx(await one.call('PUT', '/payment-providers/stripe', stripeAccount()))
      const [row] = await store.reader.db.selectFrom('provider_accounts').selectAll().where('shop_id', '=', one.id).execute()
      assert.ok(row)
      await store.transact((writer) =>
        writer.db
          .insertInto('provider_accounts')
          .values({ ...row, shop_id: two.id })
          .execute(),
      )
      await assert.rejects(accountOf(two.id, 'stripe'), /cannot be opened/)
      assert.equal((await two.found()).configured, false)
    })
  })
