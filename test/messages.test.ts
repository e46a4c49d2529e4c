// What people are told: every notice and every refusal has words in every language, amounts and numbers as that language writes them, and who asks
// in German is answered in German wherever a cart or a problem is sent. What is kept has no words.
import assert from 'node:assert/strict'
import { describe, it, test } from 'node:test'
import { NOTICES, type Notice } from '../src/core/cart.ts'
import { REFUSALS } from '../src/core/refusal.ts'
import { LANGUAGES, languageOf, messageOf, TITLES, withMessages } from '../src/http/messages.ts'
import { problemTable } from '../src/http/problem.ts'
import { ADMIN, caller, DIALECTS, freshDatabase, startTestServer } from './harness.ts'
import { ADDRESS, assertProblem } from './http-probe.ts'
import { expect2xx, stockUp, wares } from './nodes.ts'

/** What each notice comes with; a code that is missing here fails the tests. */
const PARAMS: Readonly<Record<string, Notice['params']>> = {
  price_increased: { sku: 'MUG', from: 1000, to: 1250, currency: 'USD' },
  price_decreased: { sku: 'MUG', from: 1000, to: 950, currency: 'USD' },
  line_unavailable: { sku: 'MUG', reason: 'not_for_sale' },
  line_removed: { sku: 'MUG', name: 'Mug', reason: 'not_for_sale' },
  quantity_reduced: { sku: 'MUG', from: 9, to: 5 },
  quantity_below_minimum: { sku: 'MUG', minimum: 3, quantity: 1 },
  insufficient_stock: { sku: 'MUG', wanted: 4, available: 3 },
  code_removed: { promotionCode: 'SAVE', reason: 'expired' },
  shipping_method_unavailable: { shippingMethod: 'post', country: 'DE' },
  shipping_method_changed: { from: 'post', to: 'express' },
  shipping_unknown: {},
  tax_unknown: {},
  adjustments_outdated: {},
  price_frozen: { sku: 'MUG', name: 'Mug' },
}

const LEFT_OPEN = /undefined|null|NaN|\[object|[{}#]|\s{2}|\s[.,;:]/

describe('notices in words', () => {
  for (const code of NOTICES) {
    for (const language of LANGUAGES) {
      it(`${code} is told in ${language}, and nothing is left open`, () => {
        const params = PARAMS[code] ?? assert.fail(`no params for ${code}`)
        const message = messageOf(code, params, language) ?? assert.fail('no words')
        assert.doesNotMatch(message, LEFT_OPEN)
        assert.match(message, /[.]$/)
        for (const key of ['sku', 'promotionCode', 'shippingMethod'])
          if (key in params && !('name' in params)) assert.ok(message.includes(String(params[key])), message)
        for (const value of Object.values(params))
          if (typeof value === 'number' && value < 100) assert.match(message, new RegExp(`\\b${value}\\b`))
      })

      it(`${code} in ${language} is a sentence also when nothing more is known`, () => {
        const unknown = Object.fromEntries(Object.keys(PARAMS[code] ?? {}).map((key) => [key, null]))
        for (const params of [{}, unknown]) assert.doesNotMatch(messageOf(code, params, language) ?? assert.fail(), LEFT_OPEN)
      })
    }
    it(`${code} is another sentence in every language`, () => {
      assert.equal(new Set(LANGUAGES.map((language) => messageOf(code, PARAMS[code] ?? {}, language))).size, LANGUAGES.length)
    })
  }

  it('a code of a newer version has no words, and does no harm', () => assert.equal(messageOf('something_new', {}, 'de'), null))

  const raised = (from: number, to: number, currency: string, language: 'en' | 'de') =>
    messageOf('price_increased', { sku: 'X', from, to, currency }, language)?.replaceAll('\u00a0', ' ')

  it('amounts have the decimals of their currency and are exact up to the last unit', () => {
    assert.equal(raised(1000, 1250, 'USD', 'en'), 'The price of X went up from $10.00 to $12.50.')
    assert.equal(raised(1000, 123456, 'EUR', 'de'), 'Der Preis von X ist von 10,00 € auf 1.234,56 € gestiegen.')
    assert.equal(raised(5, 1200, 'JPY', 'en'), 'The price of X went up from ¥5 to ¥1,200.')
    assert.equal(raised(5, 1200, 'KWD', 'de'), 'Der Preis von X ist von 0,005 KWD auf 1,200 KWD gestiegen.')
    assert.equal(raised(0, Number.MAX_SAFE_INTEGER, 'USD', 'en'), 'The price of X went up from $0.00 to $90,071,992,547,409.91.')
  })

  it('one piece is one piece, and none is sold out', () => {
    const left = (available: number, language: 'en' | 'de') => messageOf('insufficient_stock', { sku: 'X', wanted: 5, available }, language)
    assert.match(left(1, 'en') ?? '', /only 1 piece is left/)
    assert.match(left(1200, 'en') ?? '', /only 1,200 pieces are left/)
    assert.match(left(1, 'de') ?? '', /ist nur noch 1 Stück da/)
    assert.match(left(2, 'de') ?? '', /sind nur noch 2 Stück da/)
    assert.deepEqual([left(0, 'en'), left(0, 'de')], ['X is sold out.', 'X ist ausverkauft.'])
  })

  it('a cart without notices is sent as it is kept, letter by letter', () => {
    const text = '{ "notices":[],  "lines" : [] }'
    assert.equal(withMessages(text, 'de'), text)
  })
})

describe('refusals in words', () => {
  it('every refusal has a German title, which is no copy of the English one', () => {
    const english = new Map(problemTable().map(({ code, title }) => [code, title]))
    for (const code of REFUSALS) {
      assert.match(TITLES.de[code], /[.]$/, code)
      assert.notEqual(TITLES.de[code], english.get(code))
    }
    assert.equal(new Set(Object.values(TITLES.de)).size, REFUSALS.length)
  })
})

describe('the language of a caller', () => {
  const given: [header: string | undefined, language: string][] = [
    [undefined, 'en'],
    ['de', 'de'],
    ['de-AT,de;q=0.9,en;q=0.5', 'de'],
    ['en-GB,en;q=0.9,de;q=0.8', 'en'],
    ['fr,de;q=0.5,en;q=0.4', 'de'],
    ['fr', 'en'],
    ['*', 'en'],
    ['de;q=0', 'en'],
    [';;,,q=x', 'en'],
  ]
  for (const [header, language] of given)
    it(`${header ?? 'no Accept-Language'} is ${language}`, () =>
      assert.equal(languageOf({ headers: header === undefined ? {} : { 'accept-language': header } }), language))
})

for (const dialect of DIALECTS) {
  describe(`carts in the language of who reads them (${dialect})`, async () => {
    const { url, engine } = await startTestServer(await freshDatabase(dialect))
    const SHOP = '/v1/shops/demo'
    const CURRENT = `${SHOP}/carts/current`
    const admin = caller(url, ADMIN)
    const german = { 'accept-language': 'de' }
    let made = 0

    async function sell(amount: number, handle = `L-${made++}`) {
      const [ware] = wares(1, handle)
      assert.ok(ware)
      await stockUp(url, 'demo', [
        { ...ware, variants: ware.variants.map((variant) => ({ ...variant, prices: [{ currency: 'USD', amount }] })) },
      ])
      return { sku: `${handle}-0`, handle }
    }

    /** A guest with one item whose price went up from 10.00 to 12.50 since. */
    async function surprised() {
      const { sku, handle } = await sell(1000)
      const { token, cart } = expect2xx(await caller(url)('POST', `${CURRENT}/lines`, { sku })).body
      await sell(1250, handle)
      return { call: caller(url, token), cart, sku }
    }

    test('SEED0-27 a price that went up after adding is told in the reader’s language, not silently', async () => {
      const { call, sku } = await surprised()
      const english = await call('GET', CURRENT)
      const deutsch = await call('GET', CURRENT, undefined, german)
      const [notice] = english.body.notices
      assert.deepEqual(
        [notice.code, notice.params, notice.requiresAck],
        ['price_increased', { sku, from: 1000, to: 1250, currency: 'USD' }, false],
      )
      assert.equal(notice.message, `The price of ${english.body.lines[0].name} went up from $10.00 to $12.50.`)
      assert.match(deutsch.body.notices[0].message, /ist von 10,00\s\$ auf 12,50\s\$ gestiegen\.$/)
      assert.deepEqual({ ...deutsch.body.notices[0], message: '' }, { ...notice, message: '' })
    })

    test('answers with a cart name their language, vary by it, and have the ETag of what is sent', async () => {
      const { call } = await surprised()
      const english = await call('GET', CURRENT)
      const deutsch = await call('GET', CURRENT, undefined, german)
      assert.deepEqual([english.headers.get('content-language'), deutsch.headers.get('content-language')], ['en', 'de'])
      for (const { headers } of [english, deutsch]) assert.match(headers.get('vary') ?? '', /\baccept-language\b/i)
      const etags = [english, deutsch].map(({ headers }) => headers.get('etag') ?? '')
      assert.notEqual(etags[0], etags[1])
      assert.equal((await call('GET', CURRENT, undefined, { ...german, 'if-none-match': etags[1] ?? '' })).status, 304)
      assert.equal((await call('GET', CURRENT, undefined, { ...german, 'if-none-match': etags[0] ?? '' })).status, 200)
      const written = await call('PATCH', CURRENT, { note: 'n' }, german)
      assert.match(written.body.cart.notices[0].message, /gestiegen/)
      assert.equal(written.headers.get('etag'), (await call('GET', CURRENT, undefined, german)).headers.get('etag'))
      assert.match((await call('GET', `${SHOP}/carts`, undefined, german)).body.items[0].notices[0].message, /gestiegen/)
    })

    test('a page of another origin is told to vary by both', async () => {
      const { call } = await surprised()
      await admin('PATCH', `${SHOP}/settings`, { access: { origins: ['https://shop.example', 'https://b.example'] } })
      const { headers } = await call('GET', CURRENT, undefined, { origin: 'https://shop.example' })
      await admin('PATCH', `${SHOP}/settings`, { access: { origins: ['*'] } })
      assert.match(headers.get('vary') ?? '', /origin.*accept-language/i)
      assert.equal(headers.get('access-control-allow-origin'), 'https://shop.example')
    })

    test('what is kept has codes and params, and no words', async () => {
      const { call, cart } = await surprised()
      await call('PATCH', CURRENT, { note: 'kept' }, german)
      const row = await engine.store.reader.db
        .selectFrom('carts')
        .select(['priced', 'intent'])
        .where('id', '=', cart.id)
        .executeTakeFirstOrThrow()
      assert.match(row.priced, /"price_increased"/)
      assert.doesNotMatch(row.priced + row.intent, /"message"/)
    })

    test('what stands between a cart and an order, a refusal, and the cart that comes with it are told in that language', async () => {
      const { call, cart } = await surprised()
      const { body } = await call('GET', `${CURRENT}/validation`, undefined, german)
      assert.deepEqual(
        body.problems.map(({ code, message }: { code: string; message: string }) => [code, message]),
        [['email_required', 'Eine E-Mail-Adresse fehlt.']],
      )
      const english = await call('GET', `${CURRENT}/validation`)
      assert.equal(english.body.problems[0].message, 'An e-mail address is missing.')
      const missing = await call('POST', `${SHOP}/orders`, { cartId: cart.id }, german)
      assertProblem(missing, 409, 'email_required')
      assert.equal(missing.body.title, 'Eine E-Mail-Adresse fehlt.')
      assert.equal(missing.body.blockers[0].message, 'Eine E-Mail-Adresse fehlt.')
      assert.equal(missing.headers.get('content-language'), 'de')
      await call('PATCH', CURRENT, { email: 'r@example.com', shippingAddress: ADDRESS })
      const dearer = await call('POST', `${SHOP}/orders`, { cartId: cart.id, expectedTotal: 1000 }, german)
      assertProblem(dearer, 409, 'price_changed')
      assert.match(dearer.body.cart.notices[0].message, /gestiegen/)
    })

    test('SEED2-45 a notice that must be acknowledged keeps the cart from being ordered until it is', async () => {
      await admin('PATCH', `${SHOP}/settings`, { notices: { requireAck: ['price_increased'] } })
      const { call, cart } = await surprised()
      await call('PATCH', CURRENT, { email: 'r@example.com', shippingAddress: ADDRESS })
      const [notice] = (await call('GET', CURRENT)).body.notices
      assert.equal(notice.requiresAck, true)
      const { body } = await call('GET', `${CURRENT}/validation`)
      assert.deepEqual(body.problems, [
        {
          code: 'notice_unacknowledged',
          noticeId: notice.id,
          noticeCode: 'price_increased',
          path: `/lines/${cart.lines[0].id}`,
          message: 'A notice must be acknowledged before ordering.',
        },
      ])
      const order = { cartId: cart.id, expectedTotal: (await call('GET', CURRENT)).body.total.amount }
      assertProblem(await call('POST', `${SHOP}/orders`, order), 409, 'notice_unacknowledged')
      expect2xx(await call('POST', `${CURRENT}/notices/acknowledge`, { ids: [notice.id] }))
      assert.equal((await call('POST', `${SHOP}/orders`, order)).status, 201)
      await admin('PATCH', `${SHOP}/settings`, { notices: { requireAck: [] } })
    })
  })
}
