// Explanations and previews over HTTP: what staff and servers are told of a price, that shoppers are told nothing, that a preview leaves no trace, and
// that what was told can be priced again at a desk without a database.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { type Answer, caller } from './harness.ts'
import { ADDRESS, assertProblem, contentOfTables } from './http-probe.ts'
import { expect2xx } from './nodes.ts'
import { presetShops, told, ware } from './presets/shop.ts'

const run = promisify(execFile)
const LINES = '/carts/current/lines'
const PREVIEW = '/promotions/preview'
const folder = mkdtempSync(join(tmpdir(), 'cartwright-replay-'))
after(() => rmSync(folder, { recursive: true, force: true }))

/** Money of an explanation's parts that are not contained in others. */
const sumOf = (body: Answer['body']) =>
  body.totals
    .filter((part: { included: boolean }) => !part.included)
    .reduce((sum: number, part: { amount: number }) => sum + part.amount, 0)
const promotionOf = (body: Answer['body'], id: string) => body.promotions.find((each: { promotionId: string }) => each.promotionId === id)

for (const shop of await presetShops('default')) {
  const { admin, server } = shop
  const { reader } = server.engine.store
  const key = async (kind: 'server' | 'staff', ...scopes: string[]) => {
    const { token } = expect2xx(await admin('POST', '/api-keys', { kind, name: 'test', scopes })).body
    return caller(`${server.url}/v1/shops/demo`, token)
  }
  await shop.products(ware('CUP'), ware('PIN', {}, { prices: [{ currency: 'USD', amount: 333 }] }))
  const staff = await key('staff', 'carts:read', 'promotions:preview')
  const developer = await key('staff', 'carts:read', 'promotions:preview', 'promotions:read', 'settings:read')
  /** Does something that must leave every table as it is. */
  const unwritten = async <T>(work: () => Promise<T>): Promise<T> => {
    const was = await contentOfTables(reader)
    const result = await work()
    assert.deepEqual(await contentOfTables(reader), was)
    return result
  }
  let names = 0
  async function cartOf(...skus: string[]) {
    names += 1
    const call = await shop.account(`explained-${names}`)
    const { cart } = expect2xx(await call('POST', LINES, { lines: skus.map((sku) => ({ sku })) })).body
    return { call, id: cart.id as string, account: `demo:explained-${names}` }
  }

  describe(`an explanation on ${shop.dialect}`, () => {
    test('SEED4-38 tells staff of every price, promotion, shipping and tax, and its parts make up the total', async () => {
      const { call, id } = await cartOf('MUG-STONE', 'CUP')
      expect2xx(await call('PATCH', '/carts/current', { shippingAddress: ADDRESS, shippingMethod: 'standard', email: 'r@example.com' }))
      const { cart } = expect2xx(await call('POST', '/carts/current/codes', { code: 'WELCOME10' })).body
      const { body } = await unwritten(async () => expect2xx(await staff('GET', `/carts/${id}/explanation`)))
      assert.deepEqual(body.cart, cart)
      assert.equal(sumOf(body), cart.total.amount)
      const counted = body.rates.filter((rate: { kind: string; chosen: boolean }) => rate.kind === 'price' && rate.chosen)
      assert.deepEqual(
        counted.map(({ of }: { of: string }) => of),
        cart.lines.map(({ id }: { id: string }) => id),
      )
      const used = promotionOf(body, 'prm_demo_welcome10')
      assert.deepEqual([used.code, used.outcome, used.reason, used.discount], ['WELCOME10', 'applied', null, -cart.discountTotal.amount])
      assert.deepEqual(body.codes, [{ code: 'WELCOME10', applied: true, reason: null }])
      assert.ok(
        body.summary.some((sentence: string) => sentence.includes('(code WELCOME10) took 2.80 USD off')),
        body.summary.join('\n'),
      )
      assert.ok(
        body.summary.some((sentence: string) => sentence.startsWith('Sales tax 8.875 % on ')),
        body.summary.join('\n'),
      )
      assert.ok(body.summary.at(-1).endsWith(`together ${(cart.total.amount / 100).toFixed(2)} USD.`), body.summary.at(-1))
    })

    test('tells why a code does not apply, which the shopper is not told', async () => {
      const { call, id } = await cartOf('CUP')
      expect2xx(await call('POST', '/carts/current/codes', { code: 'WELCOME10' }))
      const promotion = 'prm_demo_welcome10'
      const { name, conditions, benefit } = (await admin('GET', '/promotions')).body.items.find(
        (each: { id: string }) => each.id === promotion,
      )
      expect2xx(await admin('PUT', `/promotions/${promotion}`, { name, conditions, benefit, active: false }))
      const { body } = await staff('GET', `/carts/${id}/explanation`)
      expect2xx(await admin('PUT', `/promotions/${promotion}`, { name, conditions, benefit }))
      assert.deepEqual(
        [body.codes, body.cart.codes],
        [[{ code: 'WELCOME10', applied: false, reason: 'inactive' }], [{ code: 'WELCOME10', applied: false, reason: 'not_applicable' }]],
      )
      assert.ok(body.summary.includes('Promotion 10 % off (code WELCOME10) did not apply: it is switched off.'))
    })

    test('is of an open cart, also the current one of an account; a cart that is over keeps the price that it had', async () => {
      const { call, id, account } = await cartOf('CUP')
      assert.equal((await staff('GET', `/carts/current/explanation?account=${account}`)).body.cart.id, id)
      assert.equal(told(await staff('GET', `/carts/${id}/explanation?account=demo:nobody`)), '404 cart_not_found')
      expect2xx(await call('DELETE', '/carts/current'))
      assertProblem(await staff('GET', `/carts/${id}/explanation`), 409, 'cart_closed')
    })

    test('is not for shoppers, also not of their own cart', async () => {
      const { call, id } = await cartOf('CUP')
      const guest = await shop.guest('CUP')
      for (const each of [call, guest, shop.nobody]) {
        assert.equal(told(await each('GET', '/carts/current/explanation')), '401 login_required')
        assert.equal(told(await each('GET', `/carts/${id}/explanation`)), '401 login_required')
        assert.equal(told(await each('POST', PREVIEW, { cart: id })), '401 login_required')
      }
    })

    test('with its facts is priced again by the command line, to the same price, without a database', async () => {
      const { call, id } = await cartOf('MUG-STONE', 'PIN')
      expect2xx(await call('POST', '/carts/current/codes', { code: 'WELCOME10' }))
      const { body } = await developer('GET', `/carts/${id}/explanation?facts=true`)
      assert.equal('facts' in (await staff('GET', `/carts/${id}/explanation`)).body, false)
      const { facts, ...plain } = body
      assert.ok(!JSON.stringify(facts).includes('"secret"'))
      for (const [name, given] of Object.entries({ answer: body, facts })) {
        const file = join(folder, `${shop.dialect}-${name}.json`)
        writeFileSync(file, JSON.stringify(given))
        const env = { PATH: process.env.PATH ?? '', DATABASE_URL: 'sqlite:/nowhere/at/all.db' }
        const { stdout, stderr } = await run(process.execPath, ['src/main.ts', 'replay', file], {
          env,
          cwd: join(import.meta.dirname, '..'),
        })
        assert.deepEqual(JSON.parse(stdout), plain)
        assert.equal(stderr, '')
      }
    })
  })

  describe(`a preview on ${shop.dialect}`, () => {
    const christmas = {
      name: 'Christmas',
      startsAt: '2030-12-24T00:00:00Z',
      endsAt: '2030-12-27T00:00:00Z',
      benefit: { kind: 'percent_off', percent: '25' },
    }

    test('SEED2-74 shows the cart at another time: a promotion that begins then counts then, and not a moment before or after', async () => {
      const { id: promotion } = expect2xx(await admin('POST', '/promotions', christmas)).body
      const { id } = await cartOf('CUP')
      const at = async (moment: string) => {
        const { body } = await unwritten(async () => expect2xx(await staff('POST', PREVIEW, { cart: id, at: moment })))
        return [body.pricedAt, body.cart.total.amount, promotionOf(body, promotion).reason]
      }
      assert.deepEqual(await at('2030-12-23T23:59:59.999Z'), ['2030-12-23T23:59:59.999Z', 1000, 'not_started'])
      assert.deepEqual(await at('2030-12-24T01:00:00+01:00'), ['2030-12-24T00:00:00.000Z', 750, null])
      assert.deepEqual(await at('2030-12-26T23:59:59.999Z'), ['2030-12-26T23:59:59.999Z', 750, null])
      assert.deepEqual(await at('2030-12-27T00:00:00Z'), ['2030-12-27T00:00:00.000Z', 1000, 'expired'])
      expect2xx(await admin('PUT', `/promotions/${promotion}`, { ...christmas, active: false }))
    })

    test('SEED2-74 counts drafts as if they were written, and writes nothing: the cart costs afterwards what it did before', async () => {
      const { call, id } = await cartOf('CUP', 'PIN')
      const draft = { name: 'Third off', benefit: { kind: 'percent_off', percent: '33' } }
      const { body } = await unwritten(async () => expect2xx(await staff('POST', PREVIEW, { cart: id, promotions: [draft] })))
      // 33 % of 13.33 is 4.3989.
      assert.deepEqual([body.cart.total.amount, sumOf(body)], [1333 - 440, 1333 - 440])
      assert.deepEqual(
        body.promotions.filter(({ outcome }: { outcome: string }) => outcome === 'applied').map(({ name }: { name: string }) => name),
        ['Third off'],
      )
      assert.equal((await call('GET', '/carts/current')).body.total.amount, 1333)
    })

    test('a draft takes the place of the promotion with its id, and what is left out does not count', async () => {
      const { id } = await cartOf('CUP')
      const half = { name: 'Half', benefit: { kind: 'percent_off', percent: '50' } }
      const { id: promotion } = expect2xx(await admin('POST', '/promotions', half)).body
      const total = async (changes: object) => (await staff('POST', PREVIEW, { cart: id, ...changes })).body.cart.total.amount
      assert.equal(await total({}), 500)
      assert.equal(await total({ promotions: [{ ...half, id: promotion, benefit: { kind: 'percent_off', percent: '10' } }] }), 900)
      assert.equal(await total({ without: [promotion] }), 1000)
      assert.equal(await total({ promotions: [{ ...half, id: promotion, usesMax: 0 }] }), 1000)
      expect2xx(await admin('PUT', `/promotions/${promotion}`, { ...half, active: false }))
    })

    test('codes that exist in the preview only open a draft or a promotion there is', async () => {
      const { id } = await cartOf('CUP')
      const draft = { id: 'vip', name: 'VIP', conditions: [{ kind: 'code' }], benefit: { kind: 'percent_off', percent: '20' } }
      const drafted = (await staff('POST', PREVIEW, { cart: id, promotions: [draft], codes: { 'vip-1': 'vip' } })).body
      assert.deepEqual([drafted.cart.total.amount, drafted.codes], [800, [{ code: 'VIP-1', applied: true, reason: null }]])
      assert.equal((await staff('POST', PREVIEW, { cart: id, promotions: [draft] })).body.cart.total.amount, 1000)
      assert.equal((await staff('POST', PREVIEW, { cart: id, codes: { ANY: 'prm_demo_welcome10' } })).body.cart.total.amount, 900)
    })

    test('a cart that is made up is priced with its lines, address, shipping, customer groups and codes, and exists nowhere', async () => {
      const cart = {
        lines: [{ sku: 'MUG-STONE', quantity: 2 }],
        email: 'r@example.com',
        shippingAddress: ADDRESS,
        shippingMethod: 'standard',
        customerGroups: ['trade'],
        codes: ['welcome10'],
      }
      const { body } = await unwritten(async () => expect2xx(await developer('POST', `${PREVIEW}?account=demo:new&facts=true`, { cart })))
      const { cart: priced } = body
      assert.deepEqual([priced.itemTotal.amount, priced.discountTotal.amount, priced.shippingTotal.amount], [3600, -360, 495])
      assert.deepEqual(
        [priced.customerGroups, priced.owner, sumOf(body)],
        [['trade'], { kind: 'account', accountId: 'demo:new' }, priced.total.amount],
      )
      assert.equal(body.facts.cart.id, priced.id)
      assert.equal(told(await staff('GET', `/carts/${priced.id}`)), '404 cart_not_found')
      const euros = expect2xx(await staff('POST', PREVIEW, { cart: { lines: [], currency: 'EUR' } })).body.cart
      assert.deepEqual([euros.currency, euros.total.amount], ['EUR', 0])
    })

    test('neither uses up what is limited nor holds stock, however often it is asked', async () => {
      const once = { name: 'Once', usesMax: 1, benefit: { kind: 'amount_off', amounts: [{ currency: 'USD', amount: 100 }] } }
      const { id: promotion } = expect2xx(await admin('POST', '/promotions', once)).body
      await shop.products(ware('LAST', {}, { stockPolicy: 'deny', onHand: 1 }))
      for (let times = 0; times < 3; times += 1) {
        const { body } = await unwritten(() => staff('POST', PREVIEW, { cart: { lines: [{ sku: 'LAST' }] } }))
        assert.deepEqual([body.cart.total.amount, body.cart.notices], [900, []])
      }
      expect2xx(await admin('PUT', `/promotions/${promotion}`, { ...once, active: false }))
    })

    test('what cannot be is refused with the place where it stands, and writes nothing', async () => {
      const { id } = await cartOf('CUP')
      const faults: [body: object, status: number, code: string, path?: string][] = [
        [{}, 422, 'invalid', '/cart'],
        [{ cart: 'cart_none' }, 404, 'cart_not_found'],
        [{ cart: id, at: 'tomorrow' }, 422, 'invalid', '/at'],
        [{ cart: id, promotions: [{ name: 'X' }] }, 422, 'invalid', '/promotions/0/benefit'],
        [{ cart: id, without: ['prm_none'] }, 404, 'promotion_not_found', '/without/0'],
        [{ cart: id, codes: { ANY: 'prm_none' } }, 404, 'promotion_not_found', '/codes/ANY'],
        [{ cart: id, codes: { ONE: 'prm_demo_welcome10', TWO: 'prm_demo_gratis' } }, 422, 'too_many_codes', '/codes'],
        [{ cart: { lines: [{ sku: 'NONE' }] } }, 422, 'unknown_sku', '/cart/lines/0/sku'],
        [{ cart: { lines: [{ sku: 'CUP' }], shippingMethod: 'balloon' } }, 409, 'shipping_method_unavailable', '/cart/shippingMethod'],
        [{ cart: { lines: [{ sku: 'CUP', unitPrice: 1 }] } }, 422, 'custom_price_forbidden', '/cart/lines/0/unitPrice'],
        [{ cart: { lines: [], codes: ['A', 'A'] } }, 409, 'code_already_applied', '/cart/codes/1'],
      ]
      await unwritten(async () => {
        for (const [body, status, code, path] of faults) {
          const answer = await staff('POST', PREVIEW, body)
          assert.deepEqual([told(answer), answer.body.path], [`${status} ${code}`, path], JSON.stringify(body))
        }
      })
    })

    test('who may preview may not read carts for that, and who reads carts may not preview', async () => {
      const { id } = await cartOf('CUP')
      const previewer = await key('server', 'promotions:preview')
      assert.equal(told(await previewer('POST', PREVIEW, { cart: id })), '403 missing_scope')
      assert.equal((await previewer('POST', PREVIEW, { cart: { lines: [{ sku: 'CUP' }] } })).body.cart.total.amount, 1000)
      assert.equal(told(await (await key('staff', 'carts:read'))('POST', PREVIEW, { cart: id })), '403 missing_scope')
    })

    test('facts hold promotions and settings: who may not read those is not given them', async () => {
      const { id } = await cartOf('CUP')
      for (const scopes of [['promotions:read'], ['settings:read'], []]) {
        const each = await key('server', 'carts:read', 'promotions:preview', ...scopes)
        assert.equal(told(await each('GET', `/carts/${id}/explanation?facts=true`)), '403 missing_scope')
        assert.equal(told(await each('POST', `${PREVIEW}?facts=true`, { cart: id })), '403 missing_scope')
        assert.equal((await each('GET', `/carts/${id}/explanation`)).status, 200)
      }
    })
  })
}

test('a file without facts is not replayed; the command says what it takes', async () => {
  const cwd = join(import.meta.dirname, '..')
  const env = { PATH: process.env.PATH ?? '' }
  for (const [name, content] of Object.entries({ other: '{"cart":{}}', text: 'not JSON' })) {
    const file = join(folder, `${name}.json`)
    writeFileSync(file, content)
    const failed = await run(process.execPath, ['src/main.ts', 'replay', file], { env, cwd }).then(
      () => assert.fail('it was replayed'),
      (error: { code: number; stderr: string }) => error,
    )
    assert.equal(failed.code, 1)
    assert.match(failed.stderr, /explanation\?facts=true/)
  }
})
