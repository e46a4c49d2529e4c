// One key, one effect. Whoever repeats a write with the same Idempotency-Key (at once, later, after the server died) gets the outcome of the
// first time, and the thing happens once. Promised on both databases.
import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import { ADMIN, type Answer, atOnce, caller, DIALECTS, freshDatabase, startTestServer } from './harness.ts'
import { ADDRESS, assertProblem, contentOfTables, deadLetter, product, rowsIn, secretOf } from './http-probe.ts'

const SHOP = '/v1/shops/demo'
const CURRENT = `${SHOP}/carts/current`
const LINES = `${CURRENT}/lines`
const withKey = (key: string = randomUUID()) => ({ 'idempotency-key': key })
const isReplay = (answer: Answer) => answer.headers.get('idempotency-replayed') === 'true'
const told = (answer: Answer) => `${answer.status} ${JSON.stringify(answer.body).slice(0, 300)}`

for (const dialect of DIALECTS) {
  describe(`a key on ${dialect}`, async () => {
    const address = await freshDatabase(dialect)
    const { url, engine } = await startTestServer(address)
    const { reader } = engine.store
    const login = async (accountId: string) => (await caller(url)('POST', '/v1/demo/login', { accountId })).body.token as string
    const guest = async () => (await caller(url)('POST', LINES, { sku: 'MUG-STONE' })).body.token as string
    const quantityOf = async (token: string, sku = 'MUG-STONE') =>
      (await caller(url, token)('GET', CURRENT)).body.lines.find((line: { sku: string }) => line.sku === sku)?.quantity as
        | number
        | undefined

    test('the same request twice is done once, with the same outcome, marked as replayed', async () => {
      const token = await guest()
      const headers = withKey()
      const body = { lines: [{ sku: 'MUG-INK', quantity: 3 }, { sku: 'NO-SUCH' }] }
      const first = await caller(url, token)('POST', LINES, body, headers)
      const second = await caller(url, token)('POST', LINES, body, headers)
      assert.equal(first.status, 200, told(first))
      assert.deepEqual([isReplay(first), isReplay(second)], [false, true])
      assert.deepEqual({ status: second.status, body: second.body }, { status: first.status, body: first.body })
      assert.equal(await quantityOf(token, 'MUG-INK'), 3)
    })

    test('a request that changed nothing has used its key all the same', async () => {
      const token = await guest()
      const headers = withKey()
      const call = caller(url, token)
      const { note } = (await call('PATCH', CURRENT, { note: 'gift' })).body.cart
      const same = await call('PATCH', CURRENT, { note }, headers)
      assert.equal(same.status, 200, told(same))
      assert.ok(isReplay(await call('PATCH', CURRENT, { note }, headers)))
      assert.equal((await call('PATCH', CURRENT, { note: 'other' }, headers)).body.code, 'idempotency_key_reused')
      assert.equal((await call('GET', CURRENT)).body.note, 'gift')
    })

    test('a replay shows the cart as it is now', async () => {
      const token = await guest()
      const headers = withKey()
      await caller(url, token)('POST', LINES, { sku: 'MUG-INK' }, headers)
      await caller(url, token)('PATCH', CURRENT, { note: 'later' })
      const replay = await caller(url, token)('POST', LINES, { sku: 'MUG-INK' }, headers)
      assert.equal(replay.body.cart.note, 'later')
      assert.equal(await quantityOf(token, 'MUG-INK'), 1)
    })

    test('another request under the same key is 422 and does nothing', async () => {
      const token = await guest()
      const headers = withKey()
      await caller(url, token)('POST', LINES, { sku: 'MUG-INK' }, headers)
      for (const body of [{ sku: 'MUG-INK', quantity: 2 }, { sku: 'MUG-MOSS' }])
        assertProblem(await caller(url, token)('POST', LINES, body, headers), 422, 'idempotency_key_reused')
      assert.equal(await quantityOf(token, 'MUG-INK'), 1)
      assert.equal(await quantityOf(token, 'MUG-MOSS'), undefined)
    })

    test('20 adds at once under one key are one add', async () => {
      const token = await guest()
      const headers = withKey()
      const answers = await atOnce(20, () => caller(url, token)('POST', LINES, { sku: 'MUG-INK', quantity: 5 }, headers))
      assert.deepEqual(new Set(answers.map((answer) => answer.status)), new Set([200]), told(answers[0] as Answer))
      assert.equal(answers.filter((answer) => !isReplay(answer)).length, 1)
      assert.equal(await quantityOf(token, 'MUG-INK'), 5)
    })

    test('20 adds at once under one key among 20 others under their own count once among them', async () => {
      const token = await guest()
      const headers = withKey()
      await atOnce(40, (index) => caller(url, token)('POST', LINES, { sku: 'MUG-INK' }, index % 2 ? headers : withKey()))
      assert.equal(await quantityOf(token, 'MUG-INK'), 21)
    })

    test('a key still counts after the server was closed and started again', async () => {
      const own = await freshDatabase(dialect)
      const before = await startTestServer(own)
      const headers = [withKey(), withKey()] as const
      const first = await caller(before.url)('POST', LINES, { sku: 'MUG-STONE' }, headers[0])
      const second = await caller(before.url, first.body.token)('POST', LINES, { sku: 'MUG-INK' }, headers[1])
      await before.close()
      const after = await startTestServer(own)
      const firstAgain = await caller(after.url)('POST', LINES, { sku: 'MUG-STONE' }, headers[0])
      const secondAgain = await caller(after.url, first.body.token)('POST', LINES, { sku: 'MUG-INK' }, headers[1])
      assert.ok(isReplay(firstAgain) && isReplay(secondAgain), told(secondAgain))
      assert.equal(firstAgain.body.token, first.body.token)
      assert.deepEqual(secondAgain.body, second.body)
    })

    test("somebody's first add, sent twice, is one cart and one token", async () => {
      const was = await rowsIn(reader, 'carts', 'guests')
      const headers = withKey()
      const first = await caller(url)('POST', LINES, { sku: 'MUG-INK' }, headers)
      const second = await caller(url)('POST', LINES, { sku: 'MUG-INK' }, headers)
      assert.equal(first.status, 201, told(first))
      assert.equal(second.status, 201, told(second))
      assert.equal(second.body.token, first.body.token)
      assert.equal(second.body.cart.id, first.body.cart.id)
      assert.ok(isReplay(second))
      assert.equal((await caller(url, second.body.token)('GET', CURRENT)).body.id, first.body.cart.id)
      const now = await rowsIn(reader, 'carts', 'guests')
      assert.deepEqual(now, { carts: (was.carts ?? 0) + 1, guests: (was.guests ?? 0) + 1 })
    })

    test("somebody's first add, sent ten times at once, is one cart and one token", async () => {
      const was = await rowsIn(reader, 'carts', 'guests', 'guest_secrets')
      const headers = withKey()
      const answers = await atOnce(10, () => caller(url)('POST', LINES, { sku: 'MUG-INK' }, headers))
      for (const answer of answers) assert.equal(answer.status, 201, told(answer))
      assert.equal(new Set(answers.map((answer) => answer.body.token)).size, 1)
      assert.equal(new Set(answers.map((answer) => answer.body.cart.id)).size, 1)
      assert.equal(answers[0]?.body.cart.itemCount, 1)
      const now = await rowsIn(reader, 'carts', 'guests', 'guest_secrets')
      assert.deepEqual(now, Object.fromEntries(Object.entries(was).map(([table, count]) => [table, count + 1])))
    })

    test('SEED2-24 no table holds the secret that was answered, nor the key in clear', async () => {
      const headers = withKey()
      const { body } = await caller(url)('POST', LINES, { sku: 'MUG-INK' }, headers)
      const secret = secretOf(body.token)
      const kept = JSON.stringify(await reader.db.selectFrom('idempotency').selectAll().execute())
      const hashes = JSON.stringify(await reader.db.selectFrom('guest_secrets').selectAll().execute())
      for (const clear of [secret, body.token, headers['idempotency-key']])
        assert.ok(!kept.includes(clear) && !hashes.includes(clear), clear)
    })

    test('a key that can be guessed is refused where a secret would be answered', async () => {
      const was = await rowsIn(reader, 'carts', 'guests', 'idempotency')
      for (const weak of ['1', 'order-17', '0123456789abcdef', 'a'.repeat(21), `${'ä'.repeat(30)}`.replaceAll('ä', ' ')])
        assertProblem(await caller(url)('POST', LINES, { sku: 'MUG-INK' }, withKey(weak)), 422, 'idempotency_key_required')
      assert.deepEqual(await rowsIn(reader, 'carts', 'guests', 'idempotency'), was)
      const strong = await caller(url)('POST', LINES, { sku: 'MUG-INK' }, withKey(randomBytes(16).toString('hex')))
      assert.equal(strong.status, 201, told(strong))
    })

    test('who has a token may use any key, up to 255 characters', async () => {
      const token = await guest()
      assert.equal((await caller(url, token)('POST', LINES, { sku: 'MUG-INK' }, withKey('order-17'))).status, 200)
      assertProblem(await caller(url, token)('POST', LINES, { sku: 'MUG-INK' }, withKey('k'.repeat(256))), 422, 'idempotency_key_required')
      assert.equal(await quantityOf(token, 'MUG-INK'), 1)
    })

    test('the same key of another caller is another key', async () => {
      const headers = withKey()
      const tokens = [await guest(), await guest(), await login('one'), await login('two')]
      for (const token of tokens) {
        const answer = await caller(url, token)('POST', LINES, { sku: 'MUG-INK' }, headers)
        assert.ok(answer.status < 300 && !isReplay(answer), told(answer))
        assert.equal(await quantityOf(token, 'MUG-INK'), 1)
      }
      for (const account of ['demo:three', 'demo:four']) {
        const answer = await caller(url, ADMIN)('POST', `${LINES}?account=${account}`, { sku: 'MUG-INK' }, headers)
        assert.equal(answer.body.cart.owner.accountId, account)
        assert.ok(!isReplay(answer))
      }
    })

    test('the same key on another path or method is another key', async () => {
      const token = await guest()
      const headers = withKey()
      const cart = (await caller(url, token)('GET', CURRENT)).body.id
      const lines = [{ sku: 'MUG-INK' }]
      for (const [method, path] of [
        ['POST', LINES],
        ['PUT', LINES],
        ['POST', `${SHOP}/carts/${cart}/lines`],
      ] as const) {
        const answer = await caller(url, token)(method, path, { lines }, headers)
        assert.ok(answer.status === 200 && !isReplay(answer), told(answer))
      }
    })

    test('a refused request leaves its key free', async () => {
      const token = await guest()
      const headers = withKey()
      assertProblem(await caller(url, token)('POST', LINES, { sku: 'NO-SUCH' }, headers), 422, 'unknown_sku')
      assertProblem(await caller(url, token)('POST', LINES, { sku: 'MUG-INK', quantity: -1 }, headers), 422, 'invalid')
      assertProblem(await caller(url, token)('POST', LINES, { sku: 'MUG-INK' }, { ...headers, 'if-match': '"99"' }), 412, 'stale_version')
      const done = await caller(url, token)('POST', LINES, { sku: 'MUG-INK' }, headers)
      assert.equal(done.status, 200, told(done))
      assert.ok(!isReplay(done))
      assert.equal(await quantityOf(token, 'MUG-INK'), 1)
    })

    test('a deletion repeated with its version and key is replayed, not refused as stale', async () => {
      const token = await guest()
      const { body } = await caller(url, token)('GET', CURRENT)
      const headers = { ...withKey(), 'if-match': `"${body.version}"` }
      for (const replayed of [false, true]) {
        const answer = await caller(url, token)('DELETE', CURRENT, undefined, headers)
        assert.equal(answer.status, 200, told(answer))
        assert.equal(answer.body.cart.closedReason, 'deleted')
        assert.equal(isReplay(answer), replayed)
      }
    })

    test('a merge repeated under its key answers the merge again, though the guest is gone', async () => {
      const token = await guest()
      const guestCart = (await caller(url, token)('GET', CURRENT)).body.id
      const account = caller(url, await login(`merger-${dialect}`))
      const headers = withKey()
      const body = { carts: [{ id: guestCart, token }] }
      const first = await account('POST', `${CURRENT}/merge`, body, headers)
      const second = await account('POST', `${CURRENT}/merge`, body, headers)
      assert.equal(first.status, 201, told(first))
      assert.deepEqual([second.status, second.body.cart, isReplay(second)], [201, first.body.cart, true], told(second))
      const other = await account('POST', `${CURRENT}/merge`, body, withKey())
      assert.deepEqual([other.status, other.body, isReplay(other)], [200, first.body, false], told(other))
    })

    test('ordering twice under one key is one order with one payment', async () => {
      const token = await guest()
      const buyer = caller(url, token)
      await buyer('PATCH', CURRENT, { email: 'r@example.com', shippingAddress: ADDRESS, shippingMethod: 'standard' })
      const { id } = (await buyer('GET', CURRENT)).body
      const was = await rowsIn(reader, 'orders', 'payments', 'sandbox_sessions')
      const headers = withKey()
      const answers = await atOnce(8, () => buyer('POST', `${SHOP}/orders`, { cartId: id }, headers))
      answers.push(await buyer('POST', `${SHOP}/orders`, { cartId: id }, headers))
      for (const answer of answers) assert.ok([200, 201].includes(answer.status), told(answer))
      assert.ok(isReplay(answers.at(-1) as Answer))
      assert.equal(answers.at(-1)?.status, 201)
      assert.equal(new Set(answers.map((answer) => answer.body.order.id)).size, 1)
      assert.equal(new Set(answers.map((answer) => answer.body.payment.url)).size, 1)
      assert.deepEqual(
        await rowsIn(reader, 'orders', 'payments', 'sandbox_sessions'),
        Object.fromEntries(Object.entries(was).map(([table, count]) => [table, count + 1])),
      )
    })

    test('items ordered twice at once under one key are one order, also for somebody without a token', async () => {
      const was = await rowsIn(reader, 'orders', 'payments')
      const headers = withKey()
      const body = { items: [{ sku: 'MUG-MOSS' }], email: 'r@example.com', shippingAddress: ADDRESS, shippingMethod: 'standard' }
      const answers = await atOnce(6, () => caller(url)('POST', `${SHOP}/orders`, body, headers))
      answers.push(await caller(url)('POST', `${SHOP}/orders`, body, headers))
      for (const answer of answers) assert.equal(answer.status, 201, told(answer))
      assert.equal(answers.filter((answer) => !isReplay(answer)).length, 1)
      assert.equal(new Set(answers.map((answer) => answer.body.order.id)).size, 1)
      assert.deepEqual(await rowsIn(reader, 'orders', 'payments'), { orders: (was.orders ?? 0) + 1, payments: (was.payments ?? 0) + 1 })
      assertProblem(
        await caller(url)('POST', `${SHOP}/orders`, { ...body, items: [{ sku: 'MUG-INK' }] }, headers),
        422,
        'idempotency_key_reused',
      )
    })

    const method = (id: string) => ({ id, name: 'M', rates: [{ currency: 'USD', amount: 500 }] })
    const taxRate = { name: 'Tax', category: 'x', percent: '1', included: false }
    const half = { name: 'Half', conditions: [{ kind: 'code' }], benefit: { kind: 'percent_off', percent: '50' } }
    /** The writes of a shop's own side: what must be there first, the request, and another request for the same key. */
    const operations: Record<string, () => Promise<{ method?: string; path: string; body?: unknown; other?: unknown; secret?: string }>> = {
      'making a shop': async () => ({
        path: '/v1/shops',
        body: { id: 'twice', name: 'T', currency: 'USD' },
        other: { id: 'twice', name: 'Other', currency: 'USD' },
      }),
      'renaming a shop': async () => ({ method: 'PATCH', path: SHOP, body: { name: 'One' }, other: { name: 'Two' } }),
      'changing settings': async () => ({
        method: 'PATCH',
        path: `${SHOP}/settings`,
        body: { lines: { max: 400 } },
        other: { lines: { max: 401 } },
      }),
      'replacing all tax rates': async () => ({
        method: 'PUT',
        path: `${SHOP}/tax-rates`,
        body: { items: [{ ...taxRate, category: 'a' }] },
        other: { items: [] },
      }),
      'adding a tax rate': async () => ({
        path: `${SHOP}/tax-rates`,
        body: { ...taxRate, category: 'b' },
        other: { ...taxRate, category: 'c' },
      }),
      'replacing a tax rate': async () => {
        await caller(url, ADMIN)('POST', `${SHOP}/tax-rates`, { ...taxRate, id: 'replaced', category: 'd' })
        const body = { ...taxRate, category: 'd', percent: '2' }
        return { method: 'PUT', path: `${SHOP}/tax-rates/replaced`, body, other: { ...body, percent: '3' } }
      },
      'removing a tax rate': async () => {
        await caller(url, ADMIN)('POST', `${SHOP}/tax-rates`, { ...taxRate, id: 'removed', category: 'e' })
        return { method: 'DELETE', path: `${SHOP}/tax-rates/removed` }
      },
      'writing a product': async () => ({
        method: 'PUT',
        path: `${SHOP}/products/once`,
        body: product('once', 'ONCE', 100),
        other: product('once', 'ONCE', 200),
      }),
      'changing stock by a difference': async () => ({
        method: 'PUT',
        path: `${SHOP}/stock/MUG-STONE`,
        body: { delta: 5 },
        other: { delta: 6 },
      }),
      'making a promotion': async () => ({ path: `${SHOP}/promotions`, body: half, other: { ...half, name: 'Other' } }),
      'adding a code': async () => {
        const { id } = (await caller(url, ADMIN)('POST', `${SHOP}/promotions`, half)).body
        return { path: `${SHOP}/promotions/${id}/codes`, body: { code: `C${id.slice(-6)}` }, other: { code: 'OTHER' } }
      },
      'adding a shipping method': async () => ({
        path: `${SHOP}/shipping-methods`,
        body: method('added'),
        other: method('other'),
      }),
      'replacing a shipping method': async () => ({
        method: 'PUT',
        path: `${SHOP}/shipping-methods/express`,
        body: method('express'),
        other: { ...method('express'), name: 'Other' },
      }),
      'replacing all shipping methods': async () => ({
        method: 'PUT',
        path: `${SHOP}/shipping-methods`,
        body: { items: [method('standard'), method('express')] },
        other: { items: [] },
      }),
      'removing a shipping method': async () => {
        await caller(url, ADMIN)('POST', `${SHOP}/shipping-methods`, method('short-lived'))
        return { method: 'DELETE', path: `${SHOP}/shipping-methods/short-lived` }
      },
      'telling an account at a provider': async () => ({
        method: 'PUT',
        path: `${SHOP}/payment-providers/stripe`,
        body: { secretKey: 'sk_test_0123456789', webhookSecret: 'whsec_0123456789' },
        other: { secretKey: 'sk_test_9876543210', webhookSecret: 'whsec_0123456789' },
      }),
      'forgetting an account at a provider': async () => {
        const path = `${SHOP}/payment-providers/stripe`
        await caller(url, ADMIN)('PUT', path, { secretKey: 'sk_test_0123456789', webhookSecret: 'whsec_0123456789' })
        return { method: 'DELETE', path }
      },
      'adjusting a balance': async () => {
        const body = { account: `demo:${randomUUID()}`, currency: 'USD', amount: 100, message: 'a gift' }
        return { path: `${SHOP}/balances/adjustments`, body, other: { ...body, amount: 200 } }
      },
      'marking a payment paid': async () => {
        const { payment } = (await caller(url, ADMIN)('GET', `${SHOP}/settings`)).body
        const providers = [...new Set([...payment.providers, 'manual'])]
        await caller(url, ADMIN)('PATCH', `${SHOP}/settings`, { payment: { providers } })
        const items = [{ inline: { name: 'Cup', unitPrice: 500, taxCategory: 'standard', requiresShipping: false } }]
        const wanted = { items, email: 'r@example.com', payment: { provider: 'manual' } }
        const { order } = (await caller(url, ADMIN)('POST', `${SHOP}/orders`, wanted)).body
        return {
          path: `${SHOP}/orders/${order.id}/payments/${order.payments[0].id}/mark-paid`,
          body: { amount: 200 },
          other: { amount: 100 },
        }
      },
      'making codes in bulk': async () => {
        const { id } = (await caller(url, ADMIN)('POST', `${SHOP}/promotions`, half)).body
        const path = `${SHOP}/promotions/${id}/codes/generate`
        return { path, body: { pattern: 'ONCE-######', count: 2500 }, other: { pattern: 'ONCE-######', count: 2 } }
      },
      'changing a code': async () => {
        const { id } = (await caller(url, ADMIN)('POST', `${SHOP}/promotions`, half)).body
        const { code } = (await caller(url, ADMIN)('POST', `${SHOP}/promotions/${id}/codes`, {})).body
        return { method: 'PATCH', path: `${SHOP}/promotions/${id}/codes/${code}`, body: { active: false }, other: { active: true } }
      },
      'deleting a code': async () => {
        const { id } = (await caller(url, ADMIN)('POST', `${SHOP}/promotions`, half)).body
        const { code } = (await caller(url, ADMIN)('POST', `${SHOP}/promotions/${id}/codes`, {})).body
        return { method: 'DELETE', path: `${SHOP}/promotions/${id}/codes/${code}` }
      },
      'deleting a promotion': async () => {
        const { id } = (await caller(url, ADMIN)('POST', `${SHOP}/promotions`, half)).body
        return { method: 'DELETE', path: `${SHOP}/promotions/${id}` }
      },
      "giving a customer's uses back": async () => {
        const { id } = (await caller(url, ADMIN)('POST', `${SHOP}/promotions`, half)).body
        const path = `${SHOP}/promotions/${id}/redemptions/forget`
        return { path, body: { email: 'robin@example.com' }, other: { account: 'robin' } }
      },
      'making a key': async () => ({
        path: `${SHOP}/api-keys`,
        body: { name: 'k', scopes: ['carts:read'] },
        other: { name: 'k', scopes: ['*'] },
        secret: 'token',
      }),
      "making a guest's secret": async () => {
        const cart = (await caller(url, await guest())('GET', CURRENT)).body.id
        return { path: `${SHOP}/carts/${cart}/secrets`, body: { device: 'a' }, other: { device: 'b' }, secret: 'token' }
      },
      "revoking a guest's secret": async () => {
        const token = await guest()
        const cart = (await caller(url, token)('GET', CURRENT)).body.id
        const { id } = (await caller(url, token)('POST', `${CURRENT}/secrets`, {})).body
        return { method: 'DELETE', path: `${SHOP}/carts/${cart}/secrets/${id}` }
      },
      'making a restore link': async () => {
        const cart = (await caller(url, await guest())('GET', CURRENT)).body.id
        return { path: `${SHOP}/carts/${cart}/restore-links` }
      },
      'revoking a key': async () => {
        const { id } = (await caller(url, ADMIN)('POST', `${SHOP}/api-keys`, { name: 'k', scopes: ['carts:read'] })).body
        return { method: 'DELETE', path: `${SHOP}/api-keys/${id}` }
      },
      'writing a template of e-mails': async () => ({
        method: 'PUT',
        path: `${SHOP}/email-templates/order_shipped/en`,
        body: { subject: 'One', html: '<p>One</p>', text: 'One' },
        other: { subject: 'Two', html: '<p>Two</p>', text: 'Two' },
      }),
      'removing a template of e-mails': async () => {
        const path = `${SHOP}/email-templates/order_shipped/de`
        await caller(url, ADMIN)('PUT', path, { subject: 'Eins', html: '<p>Eins</p>', text: 'Eins' })
        return { method: 'DELETE', path }
      },
      'registering a webhook': async () => ({
        path: `${SHOP}/webhooks`,
        body: { url: 'http://127.0.0.1:9/', types: ['refund.failed'] },
        other: { url: 'http://127.0.0.1:9/b' },
        secret: 'secret',
      }),
      'changing a webhook': async () => {
        const { id } = (await caller(url, ADMIN)('POST', `${SHOP}/webhooks`, { url: 'http://127.0.0.1:9/', types: ['refund.failed'] })).body
        return { method: 'PATCH', path: `${SHOP}/webhooks/${id}`, body: { description: 'a' }, other: { description: 'b' } }
      },
      "rotating a webhook's secret": async () => {
        const { id } = (await caller(url, ADMIN)('POST', `${SHOP}/webhooks`, { url: 'http://127.0.0.1:9/', types: ['refund.failed'] })).body
        return { path: `${SHOP}/webhooks/${id}/rotate-secret`, body: {}, other: { graceFor: 'PT0S' }, secret: 'secret' }
      },
      'sending many webhooks again': async () => {
        const { id } = (await caller(url, ADMIN)('POST', `${SHOP}/webhooks`, { url: 'http://127.0.0.1:9/', types: ['refund.failed'] })).body
        await engine.store.transact(async (writer) => {
          const letters = ['a', 'b'].map((each) => deadLetter(id, `dl_${id}_${each}`))
          await writer.db.insertInto('deliveries').values(letters).execute()
          // What is sent at once would change what the tables hold.
          await writer.db.updateTable('endpoints').set({ paused_at: 1 }).where('id', '=', id).execute()
        })
        return { path: `${SHOP}/webhooks/${id}/redeliver`, body: { limit: 1 }, other: { limit: 2 } }
      },
      'removing a webhook': async () => {
        const { id } = (await caller(url, ADMIN)('POST', `${SHOP}/webhooks`, { url: 'http://127.0.0.1:9/', types: ['refund.failed'] })).body
        return { method: 'DELETE', path: `${SHOP}/webhooks/${id}` }
      },
    }
    // Orders that cost nothing are placed at once.
    const present = product('present', 'PRESENT', 0)
    const variants = present.variants.map((each) => ({ ...each, requiresShipping: false }))
    await caller(url, ADMIN)('PUT', `${SHOP}/products/present`, { ...present, variants })
    const placedOrder = async () => {
      const what = { items: [{ sku: 'PRESENT', quantity: 3 }], email: 'robin@example.com' }
      const { order } = (await caller(url, ADMIN)('POST', `${SHOP}/orders`, what)).body
      return { path: `${SHOP}/orders/${order.id}`, line: order.lines[0].id as string }
    }
    Object.assign(operations, {
      'moving an order': async () => ({
        path: `${(await placedOrder()).path}/status`,
        body: { status: 'processing' },
        other: { status: 'completed' },
      }),
      'moving an order to where it is cancelled': async () => ({
        path: `${(await placedOrder()).path}/status`,
        body: { status: 'cancelled', message: 'No.' },
        other: { status: 'completed' },
      }),
      'handing pieces over': async () => {
        const { path, line } = await placedOrder()
        const lines = [{ lineId: line, quantity: 1 }]
        return { path: `${path}/fulfilments`, body: { lines }, other: { lines, note: 'Again' } }
      },
      'changing a fulfilment': async () => {
        const { path, line } = await placedOrder()
        const lines = [{ lineId: line, quantity: 1 }]
        const made = await caller(url, ADMIN)('POST', `${path}/fulfilments`, { lines })
        return {
          method: 'PATCH',
          path: `${path}/fulfilments/${made.body.fulfilments[0].id}`,
          body: { state: 'DELIVERED' },
          other: { state: 'CANCELLED' },
        }
      },
    } satisfies typeof operations)
    for (const [name, prepare] of Object.entries(operations)) {
      test(`${name} twice under one key happens once, and the answer is the same`, async () => {
        const { method = 'POST', path, body, other, secret } = await prepare()
        const headers = withKey()
        const answers = await atOnce(4, () => caller(url, ADMIN)(method, path, body, headers))
        const first = answers.find((answer) => !isReplay(answer)) as Answer
        assert.ok(first && first.status < 300, told(first ?? (answers[0] as Answer)))
        assert.equal(answers.filter((answer) => !isReplay(answer)).length, 1)
        const was = await contentOfTables(reader)
        answers.push(await caller(url, ADMIN)(method, path, body, headers))
        for (const answer of answers) assert.deepEqual([answer.status, answer.body], [first.status, first.body])
        if (secret) assert.match(first.body[secret], /\S{20,}/)
        if (other) assertProblem(await caller(url, ADMIN)(method, path, other, headers), 422, 'idempotency_key_reused')
        if (secret) assertProblem(await caller(url, ADMIN)(method, path, body, withKey('weak')), 422, 'idempotency_key_required')
        assert.deepEqual(await contentOfTables(reader), was)
      })
    }
  })
}
