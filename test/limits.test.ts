// Guessing is slow: whoever tries tokens or codes too often is told to wait before anything is looked up. Honest callers never notice.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { caller, freshDatabase, startTestServer } from './harness.ts'

describe('limits against guessing', async () => {
  const server = await startTestServer(await freshDatabase('sqlite'), { guessLimits: { tokens: 5, codes: 5 } })
  const shop = `${server.url}/v1/shops/demo`
  const { body } = await caller(shop)('POST', '/carts/current/lines', { sku: 'MUG-STONE' })
  const guest = caller(shop, body.token)

  it('a code that is guessed too often is answered 429 with Retry-After, a right one included, on every way to try one', async () => {
    for (let index = 0; index < 5; index++)
      assert.equal((await guest('POST', '/carts/current/codes', { code: `GUESS${index}` })).body.code, 'code_rejected')
    const limited = await guest('POST', '/carts/current/codes', { code: 'WELCOME10' })
    assert.deepEqual([limited.status, limited.body.code], [429, 'rate_limited'])
    assert.ok(Number(limited.headers.get('retry-after')) > 0)
    const commands = await guest('POST', '/carts/current/commands', { commands: [{ applyCode: { code: 'WELCOME10' } }] })
    assert.equal(commands.status, 429)
    const order = await caller(shop)('POST', '/orders', {
      items: [{ sku: 'GUIDE-BREW' }],
      email: 'robin@example.com',
      codes: ['WELCOME10'],
    })
    assert.equal(order.status, 429)
    assert.equal((await guest('GET', '/carts/current')).body.codes.length, 0)
    assert.equal((await guest('POST', '/carts/current/lines', { sku: 'MUG-STONE' })).status, 200, 'everything else goes on')
  })

  it('whether an address is an account’s is guessed only so often, by ordering and by validating', async () => {
    const other = await startTestServer(await freshDatabase('sqlite'), { guessLimits: { tokens: 5, codes: 5 } })
    const base = `${other.url}/v1/shops/demo`
    const admin = caller(base, `sk_${'a'.repeat(40)}`)
    await admin('PATCH', '/settings', { checkout: { guestEmailOfAccount: 'requireLogin' } })
    const known = await other.engine.facts.shop('demo')
    assert.ok(known)
    await other.engine.accounts.met(known, {
      kind: 'account',
      accountId: 'demo:kim',
      email: 'kim@example.com',
      isEmailVerified: true,
      groups: null,
    })
    const made = await caller(base)('POST', '/carts/current/lines', { sku: 'GUIDE-BREW' })
    const shopper = caller(base, made.body.token)
    await shopper('PATCH', '/carts/current', { email: 'kim@example.com' })
    for (let index = 0; index < 3; index++) {
      const { body: problem } = await shopper('POST', '/orders', { cartId: 'current' })
      assert.deepEqual([problem.code, problem.reason], ['login_required', 'email_of_account'])
    }
    for (let index = 0; index < 2; index++) assert.equal((await shopper('GET', '/carts/current/validation')).body.valid, false)
    assert.equal((await shopper('GET', '/carts/current/validation')).status, 429)
    assert.equal((await shopper('POST', '/orders', { cartId: 'current' })).status, 429)
  })

  it('an unknown, an exhausted and a not eligible code are answered alike', async () => {
    const other = await startTestServer(await freshDatabase('sqlite'))
    const admin = caller(`${other.url}/v1/shops/demo`, `sk_${'a'.repeat(40)}`)
    const promotion = await admin('POST', '/promotions', {
      name: 'Used up',
      usesMax: 0,
      conditions: [{ kind: 'code' }],
      benefit: { kind: 'percent_off', percent: '5' },
    })
    await admin('POST', `/promotions/${promotion.body.id}/codes`, { code: 'USEDUP' })
    const made = await caller(`${other.url}/v1/shops/demo`)('POST', '/carts/current/lines', { sku: 'MUG-STONE' })
    const shopper = caller(`${other.url}/v1/shops/demo`, made.body.token)
    const answers = []
    for (const code of ['NOSUCHCODE', 'USEDUP', 'TENOFF50']) {
      const { status, body: problem } = await shopper('POST', '/carts/current/codes', { code })
      answers.push(JSON.stringify([status, { ...problem, requestId: '' }]))
    }
    assert.equal(new Set(answers).size, 1, answers.join('\n'))
  })

  it('who sends too many bad tokens is answered 429, and a good token from the same address still opens its cart', async () => {
    for (let index = 0; index < 5; index++) assert.equal((await caller(shop, `ct_guess${index}`)('GET', '/carts/current')).status, 401)
    const limited = await caller(shop, 'ct_guess6')('GET', '/carts/current')
    assert.deepEqual([limited.status, limited.body.code], [429, 'rate_limited'])
    assert.ok(Number(limited.headers.get('retry-after')) > 0)
    assert.equal((await guest('GET', '/carts/current')).status, 200)
    assert.equal((await caller(shop)('GET', '/products')).status, 200)
  })
})
