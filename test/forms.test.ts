// What a shop's pages can rely on when their visitors have no JavaScript: HTML forms do what the API does, all or nothing, and only forms from
// the shop's own pages are believed. The visitor here keeps cookies as browsers do and follows nothing by itself.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { describe, test } from 'node:test'
import { ADMIN, atOnce, caller, freshDatabase, mainlyOn, startTestServer } from './harness.ts'
import { contentOfTables, rowsIn } from './http-probe.ts'

const HTML = 'text/html,application/xhtml+xml,*/*;q=0.8'

/** One request as it stands: `fetch` would say by itself that it is no navigation. */
async function exchange(
  url: string,
  { method = 'GET', body, headers }: { method?: string; body?: string; headers: Record<string, string> },
) {
  const sent = request(url, { method, headers })
  sent.end(body)
  const [answer] = (await once(sent, 'response')) as [IncomingMessage]
  const text = Buffer.concat(await answer.toArray()).toString()
  const pairs = Object.entries(answer.headersDistinct).flatMap(([name, values = []]) =>
    values.map((value): [string, string] => [name, value]),
  )
  return { status: answer.statusCode ?? 0, headers: new Headers(pairs), text }
}

/** A browser: its cookies, and the page it is on. */
function visitor(url: string, shop = 'demo') {
  const forms = `${url}/v1/shops/${shop}/forms`
  const page = `${url}/shop/page?x=1`
  const cookies = new Map<string, string>()
  async function ask(path: string, init: { method?: string; body?: string; headers?: Record<string, string> } = {}) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const headers = { accept: HTML, ...(cookie === '' ? {} : { cookie }), ...init.headers }
    const response = await exchange(forms + path, { ...init, headers })
    const set = response.headers.getSetCookie()
    for (const each of set) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(each) ?? []
      if (/max-age=0/i.test(each)) cookies.delete(name)
      else cookies.set(name, value)
    }
    return { ...response, location: response.headers.get('location'), set }
  }
  const look = async (headers = {}) => JSON.parse((await ask('/cart', { headers: { accept: '*/*', ...headers } })).text)
  /** Sends a form as a page of the shop does; `null` leaves a header or field out. */
  async function send(
    fields: Record<string, string>,
    changes: { path?: string; headers?: Record<string, string | null>; csrf?: string | null } = {},
  ) {
    const csrf = changes.csrf === undefined ? (await look()).csrf : changes.csrf
    const wanted = { origin: new URL(url).origin, referer: page, 'content-type': 'application/x-www-form-urlencoded', ...changes.headers }
    const headers = Object.fromEntries(Object.entries(wanted).filter((entry): entry is [string, string] => entry[1] !== null))
    const body = new URLSearchParams({ ...fields, ...(csrf === null ? {} : { csrf }) }).toString()
    return ask(changes.path ?? '/cart', { method: 'POST', body, headers })
  }
  const lines = async () => (await look()).cart.lines.map((line: { sku: string; quantity: number }) => [line.sku, line.quantity])
  return { ask, look, send, lines, cookies, page }
}

// Forms are another way to the same commands.
for (const dialect of mainlyOn('sqlite')) {
  describe(`forms on ${dialect}`, async () => {
    const { url, engine } = await startTestServer(await freshDatabase(dialect))
    const admin = caller(url, ADMIN)
    const settings = async (patch: object, shop = 'demo') =>
      assert.equal((await admin('PATCH', `/v1/shops/${shop}/settings`, patch)).status, 200)
    const login = async (accountId: string) => (await caller(url)('POST', '/v1/demo/login', { accountId })).body.token as string

    /** Sends a form that must be refused: led back, the error told once, nothing written. */
    async function refused(who: ReturnType<typeof visitor>, fields: Record<string, string>, code: string, field: string | null) {
      const { csrf } = await who.look()
      const was = await contentOfTables(engine.store.reader)
      const answer = await who.send(fields, { csrf })
      assert.deepEqual([answer.status, answer.location], [303, who.page], answer.text)
      assert.deepEqual(await contentOfTables(engine.store.reader), was)
      const { flash } = await who.look()
      assert.deepEqual([flash.notice, flash.error?.code, flash.error?.field], [null, code, field], JSON.stringify(flash))
      assert.deepEqual((await who.look()).flash, { notice: null, error: null })
      return flash.error.text as string
    }

    test('SEED4-06 the cart is answered as JSON, also before there is one, and looking makes none', async () => {
      const was = await contentOfTables(engine.store.reader)
      const { cart, flash, csrf, nonce } = await visitor(url).look()
      assert.deepEqual([cart.version, cart.lines, cart.total.amount], [0, [], 0])
      assert.deepEqual(flash, { notice: null, error: null })
      assert.ok(csrf && nonce)
      assert.deepEqual(await contentOfTables(engine.store.reader), was)
    })

    test('SEED4-07 purchasableId adds one; qty says another number; sku is the same by our name', async () => {
      const who = visitor(url)
      assert.equal((await who.send({ purchasableId: 'MUG-INK' })).status, 303)
      await who.send({ purchasableId: 'MUG-INK', qty: '2' })
      await who.send({ sku: 'MUG-STONE', qty: '4' })
      assert.deepEqual(await who.lines(), [
        ['MUG-INK', 3],
        ['MUG-STONE', 4],
      ])
    })

    test('SEED4-08 purchasables add many in one request, those that were not ticked or are wanted 0 times not', async () => {
      const who = visitor(url)
      await who.send({
        'purchasables[0][id]': 'MUG-INK',
        'purchasables[0][qty]': '2',
        'purchasables[a][id]': 'MUG-STONE',
        'purchasables[b][id]': 'NOTE-DOT-A5',
        'purchasables[b][qty]': '0',
        'purchasables[c][qty]': '3',
        add: 'Add to cart',
      })
      assert.deepEqual(await who.lines(), [
        ['MUG-INK', 2],
        ['MUG-STONE', 1],
      ])
      assert.equal((await who.look()).cart.version, 1, 'one form is one change')
      await refused(who, { 'purchasables[b][id]': 'MUG-INK', 'purchasables[b][qty]': '0' }, 'invalid', 'purchasables')
    })

    test('SEED4-12 note and options come along; options tell lines apart, an option without text was not chosen', async () => {
      const who = visitor(url)
      await who.send({
        'purchasables[1][id]': 'MUG-INK',
        'purchasables[1][note]': 'a present',
        'purchasables[1][options][engraving]': 'Für Zoë & 你',
        'purchasables[2][id]': 'MUG-INK',
        'purchasables[2][options][engraving]': '',
        'purchasables[2][options][__proto__]': 'x',
      })
      await who.send({ purchasableId: 'MUG-INK', 'options[engraving]': 'Für Zoë & 你', note: 'wrapped' })
      const { lines } = (await who.look()).cart
      assert.deepEqual(
        lines.map(({ quantity, note, options }: Record<string, unknown>) => [quantity, note, options]),
        [
          [2, 'wrapped', { engraving: 'Für Zoë & 你' }],
          [1, null, {}],
        ],
      )
      const [first] = lines
      await who.send({ [`lineItems[${first.id}][note]`]: '', [`lineItems[${first.id}][options][colour]`]: 'red' })
      const [changed] = (await who.look()).cart.lines
      assert.deepEqual([changed.id, changed.note, changed.options], [first.id, null, { colour: 'red' }])
    })

    test('SEED4-31 lines are set and removed by id; removing twice is done; clearing leaves the rest of the page alone', async () => {
      const who = visitor(url)
      await who.send({ 'purchasables[1][id]': 'MUG-INK', 'purchasables[2][id]': 'MUG-STONE', 'purchasables[3][id]': 'MUG-MOSS' })
      const [ink, stone, moss] = (await who.look()).cart.lines.map((line: { id: string }) => line.id)
      await who.send({ [`lineItems[${ink}][qty]`]: '5', [`lineItems[${stone}][qty]`]: '0', [`lineItems[${moss}][remove]`]: '1' })
      assert.deepEqual(await who.lines(), [['MUG-INK', 5]])
      assert.equal((await who.send({ [`lineItems[${moss}][remove]`]: '1' })).status, 303)
      assert.equal((await who.look()).flash.error, null)
      await refused(who, { [`lineItems[${moss}][qty]`]: '2' }, 'line_not_found', `lineItems[${moss}][qty]`)
      await who.send({ [`lineItems[${ink}][qty]`]: '7', clearLineItems: 'Empty the cart' })
      assert.deepEqual(await who.lines(), [])
    })

    test('SEED4-31 couponCode applies, stands, makes room for another and is taken off by an empty field; email and note are kept', async () => {
      const who = visitor(url)
      const codes = async () => (await who.look()).cart.codes.map((each: { code: string }) => each.code)
      await who.send({ purchasableId: 'LAMP-DESK', couponCode: 'welcome10', email: 'robin@example.com' })
      assert.deepEqual(await codes(), ['WELCOME10'])
      await who.send({ couponCode: 'WELCOME10', note: 'ring twice' })
      assert.equal((await who.look()).flash.error, null)
      await refused(who, { couponCode: 'NO-SUCH', purchasableId: 'MUG-INK' }, 'code_rejected', 'couponCode')
      assert.deepEqual(await codes(), ['WELCOME10'])
      await who.send({ couponCode: 'TENOFF50' })
      assert.deepEqual(await codes(), ['TENOFF50'])
      // The page sends the code along; that it stops applying by what else the form does is no reason to refuse the form.
      const [lamp] = (await who.look()).cart.lines
      await who.send({ [`lineItems[${lamp.id}][remove]`]: '1', purchasableId: 'MUG-INK', couponCode: 'TENOFF50' })
      const { cart: cheaper, flash } = await who.look()
      assert.equal(flash.error, null)
      assert.deepEqual([cheaper.lines.length, cheaper.codes[0].code, cheaper.codes[0].applied], [1, 'TENOFF50', false])
      await who.send({ couponCode: '' })
      const { cart } = await who.look()
      assert.deepEqual([cart.codes, cart.email, cart.note], [[], 'robin@example.com', 'ring twice'])
      await who.send({ email: '', note: '' })
      const emptied = (await who.look()).cart
      assert.deepEqual([emptied.email, emptied.note], [null, null])
    })

    test('SEED4-09 the message is "Cart updated." or what cartUpdatedNotice says, and is told once', async () => {
      const who = visitor(url)
      await who.send({ purchasableId: 'MUG-INK' })
      assert.equal((await who.look()).flash.notice, 'Cart updated.')
      assert.equal((await who.look()).flash.notice, null)
      await who.send({ purchasableId: 'MUG-INK', cartUpdatedNotice: 'Mug <b>added</b> ✓' })
      await who.ask('/cart', { method: 'HEAD' })
      assert.equal((await who.look()).flash.notice, 'Mug <b>added</b> ✓')
      await refused(who, { purchasableId: 'MUG-INK', cartUpdatedNotice: 'x'.repeat(201) }, 'invalid', 'cartUpdatedNotice')
    })

    test('a message that was not made here is not shown', async () => {
      const who = visitor(url)
      await who.send({ purchasableId: 'MUG-INK' })
      const [, signature] = (who.cookies.get('cwf_demo') ?? '').split('.')
      const forged = Buffer.from(JSON.stringify({ notice: 'Call this number', error: null })).toString('base64url')
      who.cookies.set('cwf_demo', `${forged}.${signature}`)
      assert.equal((await who.look()).flash.notice, null)
      who.cookies.set('cwf_demo', 'nonsense')
      assert.equal((await who.look()).flash.notice, null)
    })

    test("SEED4-10 success leads to the posted redirect, else to the shop's page, else back", async () => {
      const who = visitor(url, 'service')
      const go = async (redirect: string) => (await who.send({ purchasableId: 'MUG-INK', redirect })).location
      assert.equal(await go('/shop/cart?from=form#top'), '/shop/cart?from=form#top')
      assert.equal(await go(''), who.page)
      await settings({ links: { redirectOrigins: ['https://shop.example'], loadCartRedirectUrl: 'https://shop.example/cart' } }, 'service')
      assert.equal(await go('https://shop.example/thanks'), 'https://shop.example/thanks')
      assert.equal(await go(''), 'https://shop.example/cart')
    })

    test('SEED4-10 if any part fails nothing is done and there is no redirect to the target', async () => {
      const who = visitor(url)
      await who.send({ purchasableId: 'MUG-STONE' })
      const good = { purchasableId: 'MUG-INK', redirect: '/shop/thanks' }
      const bad: [fields: Record<string, string>, code: string, field: string | null][] = [
        [{ 'purchasables[7][id]': 'NO-SUCH' }, 'unknown_sku', 'purchasables[7][id]'],
        [{ 'purchasables[7][id]': 'COLDBREW-CAN', 'purchasables[7][qty]': '5' }, 'quantity_step', 'purchasables[7][qty]'],
        [{ 'purchasables[7][id]': 'MUG-INK', 'purchasables[7][quantity]': '5' }, 'invalid', 'purchasables[7][quantity]'],
        [{ 'lineItems[ln_nothing][qty]': '1' }, 'line_not_found', 'lineItems[ln_nothing][qty]'],
        [{ couponCode: 'NO-SUCH' }, 'code_rejected', 'couponCode'],
        [{ email: 'nonsense' }, 'invalid', 'email'],
        [{ note: 'x'.repeat(1001) }, 'invalid', 'note'],
        [{ 'options[engraving]': 'x'.repeat(501) }, 'invalid', 'options[engraving]'],
        [{ 'options[a][b]': 'x' }, 'invalid', 'options[a]'],
        ...['0', '-1', '1.5', '1e3', ' 1', '', '100000', 'two', '0x10', '١'].map(
          (qty) => [{ qty }, 'invalid', 'qty'] as [Record<string, string>, string, string],
        ),
      ]
      for (const [fields, code, field] of bad) await refused(who, { ...good, ...fields }, code, field)
      assert.deepEqual(await who.lines(), [['MUG-STONE', 1]])
    })

    test('a redirect that leads elsewhere is refused, however it is written, and nothing is done', async () => {
      const who = visitor(url)
      for (const redirect of [
        'https://evil.example/',
        '//evil.example',
        '/\\evil.example',
        '\\\\evil.example',
        '/\t/evil.example',
        ' //evil.example',
        'javascript:alert(1)',
        'https://shop.example@evil.example/',
        'shop/cart',
        'data:text/html,x',
      ])
        await refused(who, { purchasableId: 'MUG-INK', redirect }, 'invalid', 'redirect')
      assert.deepEqual(await who.lines(), [])
    })

    test('a refusal without a page to go back to is a page of its own, and a problem for programs', async () => {
      const who = visitor(url)
      for (const referer of [null, 'https://evil.example/page', 'nonsense']) {
        const answer = await who.send({ purchasableId: '<b>NO</b>' }, { headers: { referer } })
        assert.deepEqual([answer.status, answer.location], [422, null])
        assert.match(answer.headers.get('content-type') ?? '', /^text\/html/)
        assert.match(answer.text, /There is no such product in this shop\..*Nothing was changed.*Back to the shop/s)
        assert.equal((await who.look()).flash.error, null, 'what was shown is not told again')
      }
      const program = await who.send({ purchasableId: 'NO-SUCH' }, { headers: { accept: '*/*' } })
      assert.equal(program.status, 422)
      assert.deepEqual([JSON.parse(program.text).code, JSON.parse(program.text).path], ['unknown_sku', '/purchasableId'])
    })

    // Genuine --------------------------------------------------------------------------------------------------------------------------------

    test('a form from elsewhere is 403 form_not_genuine and changes nothing', async () => {
      const who = visitor(url)
      await who.send({ purchasableId: 'MUG-STONE' })
      const other = visitor(url)
      const otherCsrf = (await other.look()).csrf as string
      const elsewhere = (await visitor(url, 'service').look()).csrf as string
      const { csrf } = await who.look()
      const [expiry = '', signature = ''] = csrf.split('.')
      const was = await contentOfTables(engine.store.reader)
      const ways: Parameters<typeof who.send>[1][] = [
        { csrf: null },
        { csrf: '' },
        { csrf: 'nonsense' },
        { csrf: otherCsrf },
        { csrf: elsewhere },
        { csrf: `${(Number.parseInt(expiry, 36) + 1).toString(36)}.${signature}` },
        { csrf, headers: { origin: 'https://evil.example' } },
        { csrf, headers: { origin: 'null' } },
        { csrf, headers: { origin: `${new URL(url).origin}.evil.example` } },
        { csrf, headers: { origin: null, referer: 'https://evil.example/' } },
        { csrf, headers: { origin: null, referer: null } },
      ]
      for (const way of ways) {
        const answer = await who.send({ purchasableId: 'MUG-INK' }, { ...way, headers: { accept: '*/*', ...way?.headers } })
        assert.deepEqual([answer.status, JSON.parse(answer.text).code], [403, 'form_not_genuine'], JSON.stringify(way))
        const page = await who.send({ purchasableId: 'MUG-INK' }, way)
        assert.equal(page.status, 403)
        assert.match(page.text, /Load the page again/)
      }
      assert.deepEqual(await contentOfTables(engine.store.reader), was)
      assert.equal((await who.send({ purchasableId: 'MUG-INK' }, { csrf, headers: { origin: null } })).status, 303, 'a Referer is enough')
    })

    test('the hidden field is good for a day, and on pages that were open before the first product was added', async () => {
      const who = visitor(url)
      const { csrf } = await who.look()
      await who.send({ purchasableId: 'MUG-INK' }, { csrf })
      await who.send({ purchasableId: 'MUG-STONE' }, { csrf })
      assert.equal((await who.lines()).length, 2)
      await settings({ retention: { anonymous: 'P90D' } })
      const late = (await who.look()).csrf
      await caller(url)('POST', '/v1/demo/clock', { advance: 'PT25H' })
      assert.equal((await who.send({ purchasableId: 'MUG-INK' }, { csrf: late })).status, 403)
      assert.equal((await who.send({ purchasableId: 'MUG-INK' })).status, 303)
    })

    test('another origin of the shop may send forms once it is named', async () => {
      const who = visitor(url, 'classic')
      const headers = { origin: 'https://classic.example', referer: 'https://classic.example/mug' }
      assert.equal((await who.send({ purchasableId: 'MUG-INK' }, { headers })).status, 403)
      await settings({ links: { redirectOrigins: ['https://classic.example'] } }, 'classic')
      assert.equal((await who.send({ purchasableId: 'MUG-INK' }, { headers })).location, 'https://classic.example/mug')
    })

    test('the cookie is HttpOnly, SameSite=Lax, of the forms alone, and good for nothing elsewhere', async () => {
      const who = visitor(url)
      const { set } = await who.send({ purchasableId: 'MUG-INK' })
      const own = set.find((each) => each.startsWith('cw_demo=')) ?? assert.fail(String(set))
      assert.match(own, /^cw_demo=ct_[\w]+/)
      for (const part of ['HttpOnly', 'SameSite=Lax', 'Path=/v1/shops/demo/forms', 'Max-Age=31536000']) assert.ok(own.includes(part), own)
      assert.ok(!own.includes('Secure'), 'plain http could not keep it')
      const cookie = [...who.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
      const { id } = (await who.look()).cart
      const anonymous = caller(url)
      const shop = '/v1/shops/demo'
      assert.equal((await anonymous('GET', `${shop}/carts/${id}`, undefined, { cookie })).body.code, 'cart_not_found')
      assert.deepEqual((await anonymous('GET', `${shop}/carts/current`, undefined, { cookie })).body.lines, [])
      assert.equal((await anonymous('GET', `${shop}/carts`, undefined, { cookie })).body.code, 'login_required')
      assert.equal((await anonymous('POST', `${shop}/orders`, { cartId: id }, { cookie })).body.code, 'login_required')
      assert.deepEqual((await visitor(url, 'service').look({ cookie })).cart.lines, [])
    })

    test('behind a trusted proxy that speaks https the cookie is Secure and the own origin is the one that browsers see', async () => {
      const proxied = await startTestServer(await freshDatabase(dialect), { trustProxy: '127.0.0.1' })
      const who = visitor(proxied.url)
      const headers = {
        'x-forwarded-proto': 'https',
        'x-forwarded-host': 'shop.example',
        origin: 'https://shop.example',
        referer: 'https://shop.example/mug',
      }
      const answer = await who.send({ purchasableId: 'MUG-INK' }, { headers })
      assert.deepEqual([answer.status, answer.location], [303, 'https://shop.example/mug'])
      assert.ok(
        answer.set.filter((each) => !/max-age=0/i.test(each)).every((each) => each.includes('Secure')),
        String(answer.set),
      )
      assert.equal((await who.send({ purchasableId: 'MUG-INK' }, { headers: { ...headers, origin: 'http://shop.example' } })).status, 403)
    })

    test('a cookie that is no longer good is forgotten, and the visitor begins anew', async () => {
      const who = visitor(url)
      const key = (await admin('POST', '/v1/shops/demo/api-keys', { kind: 'server', name: 'k', scopes: ['*'] })).body.token
      for (const dead of [`ct_${'0'.repeat(32)}_${'x'.repeat(43)}`, 'a.b.c', ADMIN, key, 'ot_x']) {
        who.cookies.set('cw_demo', dead)
        assert.deepEqual((await who.look()).cart.lines, [])
        if (dead.startsWith('ct_')) assert.equal(who.cookies.has('cw_demo'), false)
      }
      assert.equal((await who.send({ purchasableId: 'MUG-INK' })).status, 303)
      assert.deepEqual(await who.lines(), [['MUG-INK', 1]])
    })

    test('a browser that followed a link begins anew once that cart is over', async () => {
      for (const end of ['removed', 'merged']) {
        const { body } = await caller(url)('POST', '/v1/shops/demo/carts/current/lines', { sku: 'MUG-STONE' })
        const owner = caller(url, body.token)
        const link = (await owner('POST', '/v1/shops/demo/carts/current/restore-links')).body
        const who = visitor(url)
        who.cookies.set('cw_demo', (await caller(url)('POST', '/v1/shops/demo/carts/restore', { token: link.token })).body.token)
        assert.deepEqual(await who.lines(), [['MUG-STONE', 1]])
        if (end === 'removed') assert.equal((await owner('DELETE', `/v1/shops/demo/carts/${body.cart.id}`)).status, 200)
        else {
          const carts = [{ id: body.cart.id, token: who.cookies.get('cw_demo') }]
          const account = caller(url, await login(`forms-link-${dialect}`))
          assert.equal((await account('POST', '/v1/shops/demo/carts/current/merge', { carts })).status, 201)
        }
        assert.deepEqual(await who.lines(), [], end)
        assert.equal(who.cookies.has('cw_demo'), false)
        assert.equal((await who.send({ purchasableId: 'MUG-INK' })).status, 303)
        assert.deepEqual(await who.lines(), [['MUG-INK', 1]])
      }
    })

    test('a browser that followed a link can log out', async () => {
      const { body } = await caller(url)('POST', '/v1/shops/demo/carts/current/lines', { sku: 'MUG-STONE' })
      const link = (await caller(url, body.token)('POST', '/v1/shops/demo/carts/current/restore-links')).body
      const who = visitor(url)
      who.cookies.set('cw_demo', (await caller(url)('POST', '/v1/shops/demo/carts/restore', { token: link.token })).body.token)
      assert.deepEqual(await who.lines(), [['MUG-STONE', 1]])
      assert.equal((await who.send({ logout: '1', redirect: '/bye' }, { path: '/session' })).location, '/bye')
      assert.equal(who.cookies.has('cw_demo'), false)
    })

    test('where a shop has no guests any more, the cookie of one is forgotten, and the visitor may look', async () => {
      const who = visitor(url)
      await who.send({ purchasableId: 'MUG-INK' })
      await settings({ access: { guestCarts: false } })
      try {
        assert.deepEqual(await who.lines(), [])
        assert.equal(who.cookies.has('cw_demo'), false)
      } finally {
        await settings({ access: { guestCarts: true } })
      }
    })

    test('a dead cookie counts as a guess, and is forgotten also where too many were made', async () => {
      const guarded = await startTestServer(await freshDatabase(dialect), { guessLimits: { tokens: 3, codes: 3 } })
      const dead = `ct_${'0'.repeat(32)}_${'x'.repeat(43)}`
      for (let visits = 0; visits < 5; visits++) {
        const who = visitor(guarded.url)
        who.cookies.set('cw_demo', dead)
        const { status } = await who.ask('/cart')
        assert.deepEqual([status, who.cookies.has('cw_demo')], [200, false])
      }
      assert.equal((await caller(guarded.url, dead)('GET', '/v1/shops/demo/carts/current')).status, 429)
    })

    test('a field that has to be one value and is several is refused, whichever it is', async () => {
      const who = visitor(url)
      await who.send({ purchasableId: 'MUG-INK' })
      const { csrf } = await who.look()
      const token = who.cookies.get('cw_demo') ?? ''
      const was = await contentOfTables(engine.store.reader)
      for (const path of ['/cart', '/load-cart', '/session'])
        for (const field of ['csrf', 'redirect', 'nonce'])
          for (const headers of [{ accept: '*/*' }, { accept: '*/*', authorization: `Bearer ${token}` }]) {
            const answer = await who.send({ [`${field}[a]`]: '1' }, { path, csrf: field === 'csrf' ? null : csrf, headers })
            assert.deepEqual([answer.status, answer.set], [422, []], `${path} ${field} ${answer.text}`)
            const { code, path: where } = JSON.parse(answer.text)
            assert.deepEqual([code, where], ['invalid', `/${field}`])
          }
      assert.deepEqual(await contentOfTables(engine.store.reader), was)
    })

    test('a login whose redirect is refused logs nobody in', async () => {
      const token = await login('forms-elsewhere')
      const headers = { accept: '*/*', authorization: `Bearer ${token}` }
      const answer = await visitor(url).send({ redirect: 'https://evil.example/' }, { path: '/session', csrf: null, headers })
      assert.deepEqual([answer.status, answer.set], [422, []])
    })

    test('a double click counts once, also the first one of a stranger, and says so', async () => {
      const who = visitor(url)
      for (const sku of ['MUG-INK', 'MUG-STONE']) {
        const { csrf, nonce } = await who.look()
        const was = await rowsIn(engine.store.reader, 'guests', 'carts')
        const answers = await atOnce(4, () => who.send({ purchasableId: sku, nonce }, { csrf }))
        answers.push(await who.send({ purchasableId: sku, nonce }, { csrf }))
        for (const answer of answers) assert.equal(answer.status, 303, answer.text)
        assert.equal((await who.look()).flash.notice, 'This form was sent before. It counts once.')
        const made = sku === 'MUG-INK' ? 1 : 0
        const now = await rowsIn(engine.store.reader, 'guests', 'carts')
        assert.deepEqual([now.guests, now.carts], [(was.guests ?? 0) + made, (was.carts ?? 0) + made])
        await refused(who, { purchasableId: 'MUG-MOSS', nonce }, 'idempotency_key_reused', null)
      }
      assert.deepEqual(await who.lines(), [
        ['MUG-INK', 1],
        ['MUG-STONE', 1],
      ])
      await refused(who, { purchasableId: 'MUG-MOSS', nonce: 'weak' }, 'invalid', 'nonce')
    })

    test('too many fields, too deep ones, other types and U+0000 are refused before anything is done', async () => {
      const who = visitor(url)
      const many = Object.fromEntries(Array.from({ length: 1300 }, (_, index) => [`x${index}`, '1']))
      const headers = { accept: '*/*' }
      const deep = { 'purchasables[1][options][a][b][c]': '1' }
      for (const fields of [many, deep, { purchasableId: 'MUG\0' }, { 'purchasableId[]': 'MUG-INK' }]) {
        const answer = await who.send(fields as Record<string, string>, { headers })
        assert.deepEqual(
          [answer.status, answer.text && JSON.parse(answer.text).code],
          [422, 'invalid'],
          Object.keys(fields).join(' ').slice(0, 80),
        )
      }
      const json = await who.send({ purchasableId: 'MUG-INK' }, { headers: { ...headers, 'content-type': 'application/json' } })
      assert.equal(json.status, 415)
      const elsewhere = await fetch(`${url}/v1/shops/demo/carts/current/lines`, {
        method: 'POST',
        body: new URLSearchParams({ sku: 'MUG-INK' }),
      })
      assert.equal(elsewhere.status, 415, 'forms are read under /forms only')
      assert.deepEqual(await who.lines(), [])
    })

    test('a shop without guests asks to log in, in the message', async () => {
      const text = await refused(visitor(url, 'store'), { purchasableId: 'MUG-INK' }, 'login_required', null)
      assert.equal(text, 'Please log in first.')
    })

    // Accounts and loading -------------------------------------------------------------------------------------------------------------------

    test("a customer who logs in at the shop has the account's cart in the browser, until logging out", async () => {
      const token = await login('forms-kim')
      const kim = caller(url, token)
      await kim('POST', '/v1/shops/demo/carts/current/lines', { sku: 'LAMP-DESK' })
      const who = visitor(url)
      const made = await who.ask('/session', { method: 'POST', headers: { authorization: `Bearer ${token}` } })
      assert.equal(made.status, 204, made.text)
      assert.match(made.set[0] ?? '', /^cw_demo=ey.*HttpOnly.*SameSite=Lax/)
      const expires = Date.parse(/Expires=([^;]+)/.exec(made.set[0] ?? '')?.[1] ?? '')
      assert.ok(Math.abs(expires - engine.clock.now() - 7 * 24 * 3600_000) < 60_000)
      assert.deepEqual(await who.lines(), [['LAMP-DESK', 1]])
      await who.send({ purchasableId: 'MUG-INK' })
      assert.equal((await kim('GET', '/v1/shops/demo/carts/current')).body.lines.length, 2)
      assert.equal((await who.send({ logout: '1' }, { path: '/session', csrf: null })).status, 403)
      assert.equal((await who.send({ logout: '1', redirect: '/bye' }, { path: '/session' })).location, '/bye')
      assert.deepEqual(await who.lines(), [])
      assert.equal((await who.send({}, { path: '/session', headers: { accept: '*/*' } })).status, 401)
    })

    test('keys are never put into a cookie', async () => {
      const answer = await visitor(url).ask('/session', { method: 'POST', headers: { authorization: `Bearer ${ADMIN}`, accept: '*/*' } })
      assert.deepEqual([answer.status, answer.set], [403, []])
    })

    test("the shop's server sends a form for its customer with the Authorization header alone", async () => {
      const token = await login('forms-lee')
      const who = visitor(url)
      const headers = { authorization: `Bearer ${token}`, origin: null, referer: null }
      const answer = await who.send({ purchasableId: 'MUG-INK', redirect: '/cart' }, { csrf: null, headers })
      assert.deepEqual([answer.status, answer.location], [303, '/cart'])
      assert.equal((await caller(url, token)('GET', '/v1/shops/demo/carts/current')).body.lines[0].sku, 'MUG-INK')
      assert.equal(who.cookies.has('cw_demo'), false)
    })

    test("SEED4-15 SEED4-20 one's own cart is loaded by its number, by form and by a link from an e-mail", async () => {
      const who = visitor(url)
      await who.send({ purchasableId: 'MUG-INK' })
      const { number } = (await who.look()).cart
      const posted = await who.send({ number, redirect: '/shop/cart' }, { path: '/load-cart' })
      assert.deepEqual([posted.status, posted.location], [303, '/shop/cart'])
      assert.equal((await who.look()).flash.notice, 'Your cart is back.')
      const fromMail = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
      const followed = await who.ask(`/load-cart?number=${number}`, { headers: fromMail })
      assert.deepEqual([followed.status, followed.location], [303, '/v1/shops/demo/forms/cart'])
      assert.equal((await who.look()).flash.notice, 'Your cart is back.')
      assert.deepEqual(await who.lines(), [['MUG-INK', 1]])
    })

    test('SEED4-11 where a cart has one line, a new product takes its place, and of several only the last stays', async () => {
      const patched = await caller(url, ADMIN)('PATCH', '/v1/shops/service/settings', { lines: { max: 1, whenFull: 'replace' } })
      assert.equal(patched.status, 200)
      const who = visitor(url, 'service')
      await who.send({ purchasableId: 'MUG-STONE' })
      await who.send({ 'purchasables[1][id]': 'MUG-INK', 'purchasables[2][id]': 'MUG-MOSS' })
      assert.deepEqual(await who.lines(), [['MUG-MOSS', 1]])
      await caller(url, ADMIN)('PATCH', '/v1/shops/service/settings', { lines: { max: 500, whenFull: 'refuse' } })
    })

    test('SEED4-15 of several own carts the one whose number is given becomes the current one', async () => {
      const token = await login('forms-several')
      const own = caller(url, token)
      const first = (await own('POST', '/v1/shops/classic/carts/current/lines', { sku: 'MUG-INK' })).body.cart
      await own('POST', '/v1/shops/classic/carts', { new: true, lines: [{ sku: 'MUG-MOSS' }] })
      const cookie = (
        await fetch(`${url}/v1/shops/classic/forms/session`, { method: 'POST', headers: { authorization: `Bearer ${token}` } })
      ).headers
        .getSetCookie()
        .map((each) => each.split(';', 1)[0])
        .join('; ')
      const forms = `${url}/v1/shops/classic/forms`
      const { csrf } = (await (await fetch(`${forms}/cart`, { headers: { cookie } })).json()) as { csrf: string }
      const body = new URLSearchParams({ number: first.number, csrf })
      const loaded = await fetch(`${forms}/load-cart`, { method: 'POST', headers: { cookie, origin: url }, body, redirect: 'manual' })
      assert.equal(loaded.status, 303)
      assert.equal((await own('GET', '/v1/shops/classic/carts/current')).body.id, first.id)
    })

    test('SEED4-15 a link that is not followed by a person loads nothing', async () => {
      const who = visitor(url)
      await who.send({ purchasableId: 'MUG-INK' })
      const { number } = (await who.look()).cart
      await who.look()
      for (const headers of [
        { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' },
        { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' },
        { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' },
        { 'sec-purpose': 'prefetch' },
      ] as Record<string, string>[]) {
        const answer = await who.ask(`/load-cart?number=${number}`, { headers })
        assert.equal(answer.status, 403, JSON.stringify(headers))
      }
      assert.deepEqual(
        [(await who.ask(`/load-cart?number=${number}`, { method: 'HEAD' })).status, (await who.look()).flash.notice],
        [303, null],
      )
    })

    test('SEED4-16 the cart of an account is loaded by that account only', async () => {
      const token = await login('forms-max')
      const { number } = (await caller(url, token)('POST', '/v1/shops/demo/carts/current/lines', { sku: 'MUG-INK' })).body.cart
      const stranger = visitor(url)
      await stranger.send({ purchasableId: 'MUG-STONE' })
      const answer = await stranger.send({ number }, { path: '/load-cart' })
      assert.deepEqual([answer.status, answer.location], [303, stranger.page])
      assert.equal((await stranger.look()).flash.error.text, 'This cart cannot be loaded. If it belongs to an account, log in first.')
      assert.deepEqual(await stranger.lines(), [['MUG-STONE', 1]])
      const owner = visitor(url)
      await owner.ask('/session', { method: 'POST', headers: { authorization: `Bearer ${token}` } })
      assert.equal((await owner.send({ number }, { path: '/load-cart' })).status, 303)
      assert.deepEqual((await owner.look()).flash, { notice: 'Your cart is back.', error: null })
    })

    test('SEED4-18 a missing number, an unknown one and a cart that is over are told in the message', async () => {
      const who = visitor(url)
      await who.send({ purchasableId: 'MUG-INK' })
      const { number, id } = (await who.look()).cart
      const cannot = {
        code: 'cart_not_found',
        text: 'This cart cannot be loaded. If it belongs to an account, log in first.',
        field: 'number',
      }
      const errorOf = async (fields: Record<string, string>) => {
        assert.equal((await who.send(fields, { path: '/load-cart' })).location, who.page)
        return (await who.look()).flash.error
      }
      assert.deepEqual(await errorOf({}), { code: 'invalid', text: 'Which cart? Its number is missing.', field: 'number' })
      assert.deepEqual(await errorOf({ number: 'nonsense' }), cannot)
      await caller(url, ADMIN)('DELETE', `/v1/shops/demo/carts/${id}`)
      assert.deepEqual(await errorOf({ number }), cannot)
      const page = await who.ask(`/load-cart?number=${number}`)
      assert.equal(page.status, 404)
      assert.match(page.text, /This cart cannot be loaded/)
    })

    test('SEED4-19 loadCartRedirectUrl is where loading leads, and a posted redirect wins', async () => {
      await settings({ links: { loadCartRedirectUrl: '/shop/basket' } }, 'fill')
      const who = visitor(url, 'fill')
      await who.send({ purchasableId: 'MUG-INK' })
      const { number } = (await who.look()).cart
      assert.equal((await who.ask(`/load-cart?number=${number}`)).location, '/shop/basket')
      assert.equal((await who.send({ number }, { path: '/load-cart' })).location, '/shop/basket')
      assert.equal((await who.send({ number, redirect: '/mine' }, { path: '/load-cart' })).location, '/mine')
    })
  })
}
