// Links that lead back to a cart. A link proves that somebody was sent it, not who they are: it opens one cart for a time, shows nobody's e-mail
// or address, and changes nothing until somebody presses the button. Promised on both databases.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, test } from 'node:test'
import { DEFAULT_SETTINGS } from '../src/core/settings.ts'
import { createSigner } from '../src/engine/identity.ts'
import { allowedRedirect, openRestoreToken, restoreToken, withFragment } from '../src/engine/links.ts'
import { ADMIN, type Answer, atOnce, caller, freshDatabase, mainlyOn, startTestServer } from './harness.ts'
import { ADDRESS, assertProblem, contentOfTables } from './http-probe.ts'
import { expect2xx, login, payOnPage, stockUp, wares } from './nodes.ts'

const DEMO = '/v1/shops/demo'
const CURRENT = `${DEMO}/carts/current`
const RESTORE = `${DEMO}/carts/restore`
const OWNER = { email: 'owner@example.com', shippingAddress: { ...ADDRESS, name: 'Olivia Owner' }, shippingMethod: 'standard' }
const FINDER = { email: 'finder@example.com', shippingAddress: { ...ADDRESS, name: 'Frank Finder', city: 'Albany' } }
const told = (answer: Answer | undefined) => `${answer?.status} ${JSON.stringify(answer?.body).slice(0, 400)}`
const contactOf = ({ email, shippingAddress, billingAddress }: Record<string, unknown>) => [email, shippingAddress, billingAddress]
const HIDDEN = [null, null, null]

for (const dialect of mainlyOn('sqlite'))
  describe(`links on ${dialect}`, async () => {
    const { url, engine } = await startTestServer(await freshDatabase(dialect))
    const { reader } = engine.store
    const as = (token?: string) => caller(url, token)
    const admin = as(ADMIN)
    /** A guest with two lines and their own contact data, and a link to the cart. */
    const guest = async (contact: object = OWNER) => {
      const { body } = expect2xx(await as()('POST', `${CURRENT}/lines`, { lines: [{ sku: 'MUG-STONE' }, { sku: 'MUG-INK', quantity: 2 }] }))
      const token = body.token as string
      await as(token)('PATCH', CURRENT, { note: 'please', ...contact })
      const link = expect2xx(await as(token)('POST', `${CURRENT}/restore-links`)).body as { token: string; url: string; expiresAt: string }
      return { token, cart: body.cart as { id: string; number: string }, link }
    }
    /** Somebody who has only the link. */
    const finder = async (link: string) => {
      const { body } = expect2xx(await as()('POST', RESTORE, { token: link }))
      return { token: body.token as string, cart: body.cart as Record<string, unknown> }
    }
    const asBrowser = (path: string, init: RequestInit = {}) => fetch(new URL(path, url), { redirect: 'manual', ...init })
    const press = (token: string, form: Record<string, string> = {}, headers: Record<string, string> = {}) =>
      asBrowser(`${DEMO}/r/${token}`, { method: 'POST', body: new URLSearchParams(form), headers })

    describe('a guest’s cart', () => {
      test('SEED4-20 a link is signed and ends when the shop says', async () => {
        const { link, cart } = await guest()
        assert.match(link.token, /^rt_[0-9a-f]{32}_[0-9a-z]+_[\w-]{43}$/)
        assert.ok(link.url.endsWith(`/v1/shops/demo/r/${link.token}`))
        const days = (Date.parse(link.expiresAt) - engine.clock.now()) / 86_400_000
        assert.ok(days > 6.99 && days <= 7, String(days))
        assert.equal((await finder(link.token)).cart.id, cart.id)
      })

      test('whoever has only the link gets the cart and a secret for it, and sees neither e-mail nor address', async () => {
        const { link, cart } = await guest()
        const found = await finder(link.token)
        assert.match(found.token, /^ct_/)
        assert.deepEqual(contactOf(found.cart), HIDDEN)
        assert.equal((found.cart.lines as unknown[]).length, 2)
        const me = as(found.token)
        const answers = [
          await me('GET', CURRENT),
          await me('GET', `${DEMO}/carts/${cart.id}`),
          await me('POST', `${CURRENT}/lines`, { sku: 'MUG-MOSS' }),
          await me('PATCH', CURRENT, { note: 'mine' }),
          await me('POST', `${CURRENT}/commands`, { commands: [{ clear: {} }, { add: { lines: [{ sku: 'MUG-INK' }] } }] }),
          await me('GET', `${CURRENT}/validation`),
          await me('GET', `${CURRENT}/shipping-methods`),
        ]
        for (const answer of answers) {
          assert.equal(answer.status, 200, told(answer))
          for (const secret of ['owner@example.com', 'Olivia', '10001', 'US/NY'])
            assert.ok(!JSON.stringify(answer.body).includes(secret), told(answer))
        }
        const whole = (await as((await guest()).token)('GET', CURRENT)).body
        assert.equal(whole.email, OWNER.email)
      })

      test('the secret reaches this cart only: no other cart, order, list or secret of its guest', async () => {
        const { token, link, cart } = await guest()
        const found = as((await finder(link.token)).token)
        const ordered = expect2xx(await as(token)('POST', `${DEMO}/orders`, { cartId: cart.id, expectedTotal: 1_000_000 })).body
        const other = expect2xx(await admin('GET', `${DEMO}/carts?limit=5`)).body.items.find((each: { id: string }) => each.id !== cart.id)
        const was = await contentOfTables(reader)
        for (const [method, path, body] of [
          ['GET', `${DEMO}/carts`],
          ['POST', `${DEMO}/carts`, {}],
          ['DELETE', CURRENT],
          ['GET', `${CURRENT}/secrets`],
          ['POST', `${CURRENT}/secrets`, {}],
          ['POST', `${CURRENT}/restore-links`],
          ['POST', `${CURRENT}/select`],
          ['POST', `${CURRENT}/forget`],
          ['POST', `${CURRENT}/lines/copy`, { from: other.id }],
          ['POST', `${DEMO}/carts/load`, { number: cart.number }],
          ['GET', `${DEMO}/orders`],
          ['GET', `${DEMO}/orders/${ordered.order.id}`],
          ['POST', `${DEMO}/orders/${ordered.order.id}/payments`, {}],
          ['POST', `${DEMO}/orders/${ordered.order.id}/cancel`],
          ['POST', `${DEMO}/orders`, { items: [{ sku: 'MUG-INK' }] }],
        ] as const)
          assertProblem(await found(method, path, body), 401, 'login_required')
        assertProblem(await found('GET', `${DEMO}/carts/${other.id}`), 404, 'cart_not_found')
        assertProblem(await found('POST', `${DEMO}/carts/${other.id}/lines`, { sku: 'MUG-INK' }), 404, 'cart_not_found')
        assertProblem(await found('POST', `${DEMO}/orders`, { cartId: other.id }), 404, 'cart_not_found')
        assert.deepEqual(await contentOfTables(reader), was)
        assert.equal((await found('GET', `${DEMO}/products`)).status, 200, 'the catalogue is everybody’s')
      })

      test('contact data that the holder gives takes the place of the owner’s, whole: nothing mixes', async () => {
        const { token, link } = await guest({ ...OWNER, billingAddress: { ...ADDRESS, name: 'Olivia Bill' } })
        const found = as((await finder(link.token)).token)
        const given = await found('PATCH', CURRENT, { email: FINDER.email })
        assert.deepEqual(contactOf(given.body.cart), [FINDER.email, null, null], told(given))
        assert.deepEqual(contactOf((await found('GET', CURRENT)).body), [FINDER.email, null, null])
        assert.deepEqual(contactOf((await as(token)('GET', CURRENT)).body), [FINDER.email, null, null], 'the owner sees what is there')
        // Somebody else with another secret of the same link sees nothing of it either.
        assert.deepEqual(contactOf((await finder(link.token)).cart), HIDDEN)
        // What the owner gives is the owner's again.
        await as(token)('PATCH', CURRENT, OWNER)
        assert.deepEqual(contactOf((await found('GET', CURRENT)).body), HIDDEN)
        assert.equal((await as(token)('GET', CURRENT)).body.email, OWNER.email)
      })

      test('giving the very e-mail that is hidden gives it, and tells nothing about what was there', async () => {
        const { link } = await guest()
        const right = await as((await finder(link.token)).token)('PATCH', CURRENT, { email: OWNER.email })
        const other = await guest()
        const wrong = await as((await finder(other.link.token)).token)('PATCH', CURRENT, { email: 'guess@example.com' })
        assert.deepEqual(contactOf(right.body.cart), [OWNER.email, null, null])
        assert.deepEqual(contactOf(wrong.body.cart), ['guess@example.com', null, null])
      })

      test('emptying what the holder cannot see changes nothing', async () => {
        const { token, link } = await guest()
        const found = as((await finder(link.token)).token)
        const emptied = await found('PATCH', CURRENT, { email: null, shippingAddress: null, note: 'new' })
        assert.deepEqual([emptied.status, emptied.body.cart.note], [200, 'new'])
        const { email, shippingMethod } = (await as(token)('GET', CURRENT)).body
        assert.deepEqual([email, shippingMethod], [OWNER.email, OWNER.shippingMethod])
        assert.equal((await as(token)('GET', CURRENT)).body.shippingAddress.name, 'Olivia Owner')
      })

      test('an order made with the link has the holder’s contact data; the owner’s count as missing', async () => {
        const { link, cart } = await guest()
        const found = as((await finder(link.token)).token)
        const refused = await found('POST', `${DEMO}/orders`, { cartId: cart.id, expectedTotal: 1_000_000 })
        assertProblem(refused, 409, 'email_required')
        assert.deepEqual(
          refused.body.blockers.map((blocker: { code: string }) => blocker.code),
          ['email_required', 'address_required', 'shipping_method_required'],
        )
        assert.ok(!JSON.stringify(refused.body).includes('Olivia'))
        await found('PATCH', CURRENT, { ...FINDER, shippingMethod: 'standard' })
        const ordered = await found('POST', `${DEMO}/orders`, { cartId: 'current', expectedTotal: 1_000_000 })
        assert.equal(ordered.status, 201, told(ordered))
        assert.deepEqual([ordered.body.order.email, ordered.body.order.shippingAddress.name], [FINDER.email, 'Frank Finder'])
        assert.ok(!JSON.stringify(ordered.body).includes('Olivia'))
        const read = await as(ordered.body.orderToken)('GET', `${DEMO}/orders/${ordered.body.order.id}`)
        assert.equal(read.body.email, FINDER.email)
      })

      test('an order that the owner made is not shown to who holds a link to its cart', async () => {
        const { token, link, cart } = await guest()
        const found = as((await finder(link.token)).token)
        const { order, payment } = expect2xx(await as(token)('POST', `${DEMO}/orders`, { cartId: cart.id, expectedTotal: 1_000_000 })).body
        await payOnPage(payment.url)
        assert.equal((await as(token)('GET', `${DEMO}/orders/${order.id}`)).body.state, 'PLACED')
        const asked = await found('POST', `${DEMO}/orders`, { cartId: cart.id })
        assertProblem(asked, 409, 'cart_already_ordered')
        assert.ok(!JSON.stringify(asked.body).includes('Olivia'))
        assert.deepEqual(contactOf((await found('GET', `${DEMO}/carts/${cart.id}`)).body), HIDDEN)
        const late = await as()('POST', RESTORE, { token: link.token })
        assertProblem(late, 410, 'link_invalid')
        assert.equal(late.body.reason, 'closed')
      })

      test('the guest who comes back with the full secret sees everything, and the cart is current', async () => {
        const { token, link, cart } = await guest()
        const restored = await as(token)('POST', RESTORE, { token: link.token })
        assert.deepEqual([restored.status, restored.body.token, restored.body.cart.isCurrent], [200, undefined, true], told(restored))
        assert.equal(restored.body.cart.email, OWNER.email)
        const other = await guest()
        const stranger = await as(other.token)('POST', RESTORE, { token: link.token })
        assert.match(stranger.body.token, /^ct_/)
        assert.deepEqual([stranger.body.cart.id, ...contactOf(stranger.body.cart)], [cart.id, ...HIDDEN])
        assert.equal((await as(other.token)('GET', CURRENT)).body.id, other.cart.id, 'their own cart is what it was')
      })

      test('a link that is followed twenty times at once leaves at most 20 secrets, a repeated key makes one', async () => {
        const { token, link } = await guest()
        const headers = { 'idempotency-key': randomUUID() }
        const same = await atOnce(4, () => as()('POST', RESTORE, { token: link.token }, headers))
        assert.equal(new Set(same.map((answer) => answer.body.token)).size, 1, told(same[0]))
        assert.match(same[0]?.body.token, /^ct_/)
        for (const answer of await atOnce(22, () => as()('POST', RESTORE, { token: link.token })))
          assert.equal(answer.status, 200, told(answer))
        const { items } = (await as(token)('GET', `${CURRENT}/secrets`)).body as { items: { limited: boolean; current: boolean }[] }
        assert.deepEqual([items.filter((each) => each.limited).length, items.filter((each) => !each.limited).length], [20, 1])
        assertProblem(await as(same[0]?.body.token)('GET', CURRENT), 401, 'invalid_token')
      })

      test('the key with which a link was followed opens nothing once its secret is revoked', async () => {
        const { token, link } = await guest()
        const headers = { 'idempotency-key': randomUUID() }
        const first = expect2xx(await as()('POST', RESTORE, { token: link.token }, headers))
        assert.equal(expect2xx(await as()('POST', RESTORE, { token: link.token }, headers)).body.token, first.body.token)
        const { items } = (await as(token)('GET', `${CURRENT}/secrets`)).body
        const limited = items.find((each: { limited: boolean }) => each.limited)
        assert.equal((await as(token)('DELETE', `${CURRENT}/secrets/${limited.id}`)).status, 204)
        assertProblem(await as()('POST', RESTORE, { token: link.token }, headers), 401, 'invalid_token')
      })

      test('an account that merges a cart by such a secret gets the lines, not the contact data, and the guest keeps the orders', async () => {
        const { token, link, cart } = await guest()
        const { order } = expect2xx(await as(token)('POST', `${DEMO}/orders`, { cartId: cart.id, expectedTotal: 1_000_000 })).body
        const found = await finder(link.token)
        const robin = as(await login(url, `merging-${dialect}`))
        const foreign = await guest()
        assertProblem(
          await robin('POST', `${CURRENT}/merge`, { carts: [{ id: foreign.cart.id, token: found.token }] }),
          404,
          'cart_not_found',
        )
        const merged = await robin('POST', `${CURRENT}/merge`, { carts: [{ id: cart.id, token: found.token }] })
        assert.equal(merged.status, 201, told(merged))
        assert.deepEqual([merged.body.cart.itemCount, ...contactOf(merged.body.cart)], [3, ...HIDDEN])
        assertProblem(await robin('GET', `${DEMO}/orders/${order.id}`), 404, 'order_not_found')
        assert.equal((await as(token)('GET', `${DEMO}/orders/${order.id}`)).status, 200)
      })
    })

    describe('an account’s cart', () => {
      const owner = `acc-${dialect}`
      test('SEED4-16 needs that account: nobody else is told anything, the account gets its cart', async () => {
        const me = as(await login(url, owner))
        const { cart } = expect2xx(await me('POST', `${CURRENT}/lines`, { sku: 'MUG-INK' })).body
        await me('PATCH', CURRENT, OWNER)
        const { token } = expect2xx(await me('POST', `${CURRENT}/restore-links`)).body
        const was = await contentOfTables(reader)
        for (const stranger of [undefined, await login(url, 'somebody-else')]) {
          const answer = await as(stranger)('POST', RESTORE, { token })
          assertProblem(answer, 401, 'login_required')
          for (const secret of [cart.id, cart.number, owner, 'owner@'])
            assert.ok(!JSON.stringify(answer.body).includes(secret), told(answer))
        }
        assert.deepEqual(await contentOfTables(reader), was)
        const restored = await me('POST', RESTORE, { token })
        assert.deepEqual([restored.status, restored.body.cart.id, restored.body.cart.email], [200, cart.id, OWNER.email], told(restored))
        // Closed, it is still nobody else's business.
        await me('DELETE', CURRENT)
        assertProblem(await as()('POST', RESTORE, { token }), 401, 'login_required')
        assertProblem(await me('POST', RESTORE, { token }), 410, 'link_invalid')
      })

      test('an older open cart comes back as the current one, and the other one stays open', async () => {
        const classic = '/v1/shops/classic'
        const me = as(await login(url, owner))
        const first = expect2xx(await me('POST', `${classic}/carts/current/lines`, { sku: 'MUG-INK' })).body.cart
        const { token } = expect2xx(await me('POST', `${classic}/carts/current/restore-links`)).body
        const second = expect2xx(await me('POST', `${classic}/carts`, { new: true })).body.cart
        // Also where the shop has meanwhile one cart per owner: the two change places, nothing is lost.
        expect2xx(await admin('PATCH', `${classic}/settings`, { cart: { multiple: false } }))
        const restored = await me('POST', `${classic}/carts/restore`, { token })
        assert.deepEqual([restored.status, restored.body.cart.id, restored.body.cart.isCurrent], [200, first.id, true], told(restored))
        const other = (await me('GET', `${classic}/carts/${second.id}`)).body
        assert.deepEqual([other.state, other.isCurrent], ['OPEN', false])
      })
    })

    describe('what is not a link', () => {
      test('SEED4-17 SEED4-18 a number is no password: changed, foreign, expired and made-up tokens open nothing and count as guesses', async () => {
        const { link, cart } = await guest()
        const other = await guest()
        const [, id = '', expiry = '', signature = ''] = /^rt_([^_]+)_([^_]+)_(.+)$/.exec(link.token) ?? []
        const later = (Number.parseInt(expiry, 36) + 60).toString(36)
        const swapped = other.cart.id.slice('cart_'.length)
        const elsewhere = `${signature.slice(0, -2)}${signature.endsWith('AA') ? 'BB' : 'AA'}`
        const wrong = [
          cart.number,
          cart.id,
          `rt_${id}_${later}_${signature}`,
          `rt_${swapped}_${expiry}_${signature}`,
          `rt_${id}_${expiry}_${elsewhere}`,
          'x',
        ]
        const was = await contentOfTables(reader)
        for (const token of wrong) {
          const answer = await as()('POST', RESTORE, { token })
          assertProblem(answer, 410, 'link_invalid')
          assert.equal(answer.body.reason, 'not_genuine')
        }
        assertProblem(await as()('POST', '/v1/shops/service/carts/restore', { token: link.token }), 410, 'link_invalid')
        // An order's token is signed by the same house, for another purpose.
        const { orderToken } = expect2xx(
          await as(other.token)('POST', `${DEMO}/orders`, { cartId: other.cart.id, expectedTotal: 1_000_000 }),
        ).body
        assertProblem(await as()('POST', RESTORE, { token: orderToken.replace(/^ot_/, 'rt_') }), 410, 'link_invalid')
        assert.equal((await contentOfTables(reader)).guest_secrets, was.guest_secrets)
        assertProblem(await as(link.token)('GET', CURRENT), 401, 'invalid_token')
      })

      test('SEED4-20 a link ends at its time, which is told to whoever has it', async () => {
        expect2xx(await admin('PATCH', `${DEMO}/settings`, { restore: { tokenTtl: 'PT60S' } }))
        const { link } = await guest()
        expect2xx(await admin('PATCH', `${DEMO}/settings`, { restore: { tokenTtl: 'P7D' } }))
        assert.equal((await finder(link.token)).cart.itemCount, 3)
        expect2xx(await as()('POST', '/v1/demo/clock', { advance: 'PT61S' }))
        const late = await as()('POST', RESTORE, { token: link.token })
        assertProblem(late, 410, 'link_invalid')
        assert.equal(late.body.reason, 'expired')
        assert.equal((await asBrowser(`${DEMO}/r/${link.token}`)).status, 410)
      })

      test('SEED4-17 who guesses links is stopped, and a good link still works for others', async () => {
        const { url: strictUrl } = await startTestServer(await freshDatabase(dialect), { guessLimits: { tokens: 5, codes: 1000 } })
        const statuses: number[] = []
        for (let index = 0; index < 8; index++) statuses.push((await caller(strictUrl)('POST', RESTORE, { token: `rt_${index}` })).status)
        assert.deepEqual(statuses, [410, 410, 410, 410, 410, 429, 429, 429])
        const page = await fetch(`${strictUrl}${DEMO}/r/rt_nothing`)
        assert.equal(page.status, 429)
        const { body } = expect2xx(await caller(strictUrl)('POST', `${CURRENT}/lines`, { sku: 'MUG-INK' }))
        const { token } = expect2xx(await caller(strictUrl, body.token)('POST', `${CURRENT}/restore-links`)).body
        assert.equal((await caller(strictUrl)('POST', RESTORE, { token })).status, 200)
      })
    })

    describe('money', () => {
      test('what the owner’s address makes the cart cost is not told to who orders by a link', async () => {
        const shop = `/v1/shops/taxing-${dialect}`
        expect2xx(await admin('POST', '/v1/shops', { id: `taxing-${dialect}`, name: 'Taxing', currency: 'USD' }))
        const rates = [
          { category: 'standard', country: 'DE', percent: '19', name: 'VAT', included: false },
          { category: 'standard', country: 'US', percent: '3', name: 'US', included: false },
        ]
        const patch = { checkout: { requireEmail: false }, tax: { defaultCountry: 'DE', rates }, payment: { providers: ['sandbox'] } }
        expect2xx(await admin('PATCH', `${shop}/settings`, patch))
        const [ware] = wares(1, 'taxed')
        assert.ok(ware)
        const variants = ware.variants.map((variant) => ({ ...variant, prices: [{ currency: 'USD', amount: 1_234_500 }] }))
        await stockUp(url, `taxing-${dialect}`, [{ ...ware, variants }])
        const made = expect2xx(await as()('POST', `${shop}/carts/current/lines`, { sku: 'taxed-0' })).body
        const me = as(made.token)
        const mine = expect2xx(
          await me('PATCH', `${shop}/carts/current`, { email: 'o@example.com', billingAddress: ADDRESS, shippingAddress: ADDRESS }),
        ).body.cart
        const link = expect2xx(await me('POST', `${shop}/carts/current/restore-links`)).body
        const found = expect2xx(await as()('POST', `${shop}/carts/restore`, { token: link.token })).body
        assert.ok(found.cart.total.amount > mine.total.amount, 'the address must make a difference')
        const ordered = await as(found.token)('POST', `${shop}/orders`, { cartId: 'current' })
        assert.notEqual(ordered.body.code, 'price_changed', told(ordered))
        assert.ok(!JSON.stringify(ordered.body).includes(`${mine.total.amount}`), told(ordered))
        const dear = await as(found.token)('POST', `${shop}/orders`, { cartId: 'current', expectedTotal: 1 })
        assertProblem(dear, 409, 'price_changed')
      })

      test('where a shop names its pages, a shopper who pays is led back to none else; a key may name any', async () => {
        const { token, cart } = await guest()
        const evil = { returnUrl: 'https://evil.example/x' }
        const order = { cartId: cart.id, expectedTotal: 1_000_000 }
        expect2xx(await admin('PATCH', `${DEMO}/settings`, { links: { redirectOrigins: ['https://shop.example'] } }))
        try {
          const was = await contentOfTables(reader)
          const refused = await as(token)('POST', `${DEMO}/orders`, { ...order, payment: evil })
          assertProblem(refused, 422, 'invalid')
          assert.deepEqual([refused.body.path, refused.body.reason], ['/payment/returnUrl', 'redirect_not_allowed'])
          assert.deepEqual(await contentOfTables(reader), was)
          const payment = { returnUrl: 'https://shop.example/thanks' }
          const { id } = expect2xx(await as(token)('POST', `${DEMO}/orders`, { ...order, payment })).body.order
          const again = await as(token)('POST', `${DEMO}/orders/${id}/payments`, evil)
          assertProblem(again, 422, 'invalid')
          assert.deepEqual([again.body.path, again.body.reason], ['/returnUrl', 'redirect_not_allowed'])
          expect2xx(await as(token)('POST', `${DEMO}/orders/${id}/payments`, payment))
          expect2xx(await admin('POST', `${DEMO}/orders/${id}/payments`, evil))
        } finally {
          expect2xx(await admin('PATCH', `${DEMO}/settings`, { links: { redirectOrigins: [] } }))
        }
        const other = await guest()
        expect2xx(await as(other.token)('POST', `${DEMO}/orders`, { ...order, cartId: other.cart.id, payment: evil }))
      })
    })

    describe('the page of a link', () => {
      test('SEED4-20 opening it changes nothing, however often scanners do; it shows one button and nothing of the cart', async () => {
        const { link, cart } = await guest()
        const was = await contentOfTables(reader)
        for (const method of ['GET', 'HEAD', 'GET']) {
          const opened = await asBrowser(`${DEMO}/r/${link.token}`, { method })
          assert.deepEqual([opened.status, opened.headers.get('set-cookie')], [200, null])
          const html = await opened.text()
          for (const secret of [cart.id, cart.number, 'owner@', 'Olivia', 'Mug', '<script']) assert.ok(!html.includes(secret), secret)
          if (method === 'GET') assert.equal(html.match(/<button/g)?.length, 1)
          assert.match(opened.headers.get('content-security-policy') ?? '', /default-src 'none'.*frame-ancestors 'none'/)
        }
        assert.deepEqual(await contentOfTables(reader), was)
      })

      test('SEED4-15 SEED4-20 pressing the button attaches the cart: a cookie for the forms, and a token in the fragment', async () => {
        const { link, cart } = await guest()
        const done = await press(link.token, { redirect: '/cart' }, { origin: new URL(url).origin })
        assert.equal(done.status, 303)
        const location = done.headers.get('location') ?? ''
        const [path, fragment = ''] = location.split('#cart_token=')
        assert.equal(path, '/cart')
        assert.deepEqual(contactOf((await as(fragment)('GET', CURRENT)).body), HIDDEN)
        assert.equal((await as(fragment)('GET', CURRENT)).body.id, cart.id)
        const cookie = done.headers.get('set-cookie') ?? ''
        assert.match(cookie, /^cw_demo=ct_[\w-]+; Max-Age=\d+; Path=\/v1\/shops\/demo\/forms; HttpOnly; SameSite=Lax$/)
        assert.ok(cookie.startsWith(`cw_demo=${fragment};`))
      })

      test('SEED4-19 the shop’s address is where the button leads, a posted one on the allow-list wins, others are passed over', async () => {
        const links = {
          loadCartRedirectUrl: 'https://shop.example/cart',
          redirectOrigins: ['https://www.shop.example', 'http://localhost:5173'],
        }
        expect2xx(await admin('PATCH', `${DEMO}/settings`, { links }))
        const cases = [
          [{}, 'https://shop.example/cart'],
          [{ redirect: 'https://www.shop.example/basket?x=1' }, 'https://www.shop.example/basket?x=1'],
          [{ redirect: 'http://localhost:5173/' }, 'http://localhost:5173/'],
          [{ redirect: '/own' }, '/own'],
          [{ redirect: 'https://evil.example/' }, 'https://shop.example/cart'],
          [{ redirect: '//evil.example' }, 'https://shop.example/cart'],
          [{ redirect: 'https://www.shop.example@evil.example/' }, 'https://shop.example/cart'],
        ] as const
        for (const [form, target] of cases) {
          const done = await press((await guest()).link.token, form)
          assert.equal(done.headers.get('location')?.split('#')[0], target, JSON.stringify(form))
        }
        const opened = await asBrowser(
          `${DEMO}/r/${(await guest()).link.token}?redirect=${encodeURIComponent('https://evil.example/"><script>')}`,
        )
        assert.ok(!(await opened.text()).includes('evil'))
        expect2xx(await admin('PATCH', `${DEMO}/settings`, { links: { loadCartRedirectUrl: null, redirectOrigins: [] } }))
        const plain = await press((await guest()).link.token)
        assert.deepEqual([plain.status, plain.headers.get('location')], [200, null])
        assert.match(await plain.text(), /Your cart is back/)
      })

      test('SEED4-16 for an account’s cart the button leads to the shop, which sends the link after login; nothing is told', async () => {
        const me = as(await login(url, `page-${dialect}`))
        expect2xx(await me('POST', `${CURRENT}/lines`, { sku: 'MUG-INK' }))
        const { token } = expect2xx(await me('POST', `${CURRENT}/restore-links`)).body
        const was = await contentOfTables(reader)
        const done = await press(token, { redirect: '/login' })
        assert.deepEqual(
          [done.status, done.headers.get('location'), done.headers.get('set-cookie')],
          [303, `/login#restore=${token}`, null],
        )
        const plain = await press(token)
        assert.deepEqual([plain.status, plain.headers.get('set-cookie')], [200, null])
        assert.match(await plain.text(), /log in/i)
        assert.deepEqual(await contentOfTables(reader), was)
      })

      /** What a browser with this cookie does: opens the page, presses its button. */
      const click = async (token: string, cookie: string | null, headers: Record<string, string> = { origin: new URL(url).origin }) => {
        const page = `${DEMO}/r/${token}?redirect=/cart`
        const html = await (await asBrowser(page)).text()
        const action = /action="([^"]+)"/.exec(html)?.[1] ?? ''
        const fields = [...html.matchAll(/name="(\w+)" value="([^"]*)"/g)].map(([, name = '', value = '']): [string, string] => [
          name,
          value,
        ])
        const done = await asBrowser(new URL(action, new URL(page, url)).pathname, {
          method: 'POST',
          body: new URLSearchParams(fields),
          headers: { ...headers, ...(cookie === null ? {} : { cookie: `cw_demo=${cookie}` }) },
        })
        const [target, fragment = null] = (done.headers.get('location') ?? '').split('#cart_token=')
        const set = /^cw_demo=([^;]*)/.exec(done.headers.get('set-cookie') ?? '')?.[1] ?? null
        return { status: done.status, target, fragment, set }
      }

      test('an owner who follows the own link in the own browser stays who they are', async () => {
        const { token, link, cart } = await guest()
        assert.deepEqual(await click(link.token, token), { status: 303, target: '/cart', fragment: null, set: null })
        assert.equal((await as(token)('GET', CURRENT)).body.id, cart.id)
        assert.equal((await as(token)('GET', `${CURRENT}/secrets`)).body.items.length, 1)
        const jwt = await login(url, `click-${dialect}`)
        expect2xx(await as(jwt)('POST', `${CURRENT}/lines`, { sku: 'MUG-INK' }))
        const own = expect2xx(await as(jwt)('POST', `${CURRENT}/restore-links`)).body
        assert.deepEqual(await click(own.token, jwt), { status: 303, target: '/cart', fragment: null, set: null })
      })

      test('a browser keeps a token of its own that opens more than the link; any other gives way to the link’s', async () => {
        const { link, cart } = await guest()
        for (const whole of [(await guest()).token, await login(url, `keeps-${dialect}`)]) {
          const { status, fragment, set } = await click(link.token, whole)
          assert.deepEqual([status, set], [303, null])
          assert.deepEqual(contactOf((await as(fragment ?? '')('GET', CURRENT)).body), HIDDEN)
        }
        const fresh = await click(link.token, null)
        assert.ok(fresh.set !== null && fresh.set === fresh.fragment)
        assert.deepEqual(await click(link.token, fresh.set), { status: 303, target: '/cart', fragment: fresh.set, set: null })
        const other = await click((await guest()).link.token, fresh.set)
        assert.ok(other.set !== null && other.set === other.fragment && other.set !== fresh.set)
        assert.notEqual((await as(other.set)('GET', CURRENT)).body.id, cart.id)
        const dead = await click(link.token, `ct_${'0'.repeat(32)}_${'x'.repeat(43)}`)
        assert.equal((await as(dead.fragment ?? '')('GET', CURRENT)).body.id, cart.id)
      })

      test('where the cookie counts, a form must say that it comes from this page', async () => {
        const { token, link } = await guest()
        const was = await contentOfTables(reader)
        for (const headers of [
          {},
          { origin: 'https://evil.example' },
          { origin: 'null' },
          { referer: 'https://evil.example/page' },
          { origin: new URL(url).origin, 'sec-fetch-site': 'cross-site' },
        ])
          for (const cookie of [token, null]) {
            const answer = await click(link.token, cookie, headers as Record<string, string>)
            assert.deepEqual([answer.status, answer.set], [403, null], JSON.stringify(headers))
          }
        assert.deepEqual(await contentOfTables(reader), was)
      })

      test('a form of another page attaches nothing', async () => {
        const { link } = await guest()
        const was = await contentOfTables(reader)
        for (const headers of [
          { origin: 'https://evil.example' },
          { origin: 'null' },
          { 'sec-fetch-site': 'cross-site' },
          { 'sec-fetch-site': 'same-site' },
        ]) {
          const answer = await press(link.token, {}, headers as Record<string, string>)
          assert.deepEqual([answer.status, answer.headers.get('set-cookie')], [403, null], JSON.stringify(headers))
        }
        assert.deepEqual(await contentOfTables(reader), was)
        assert.equal((await press(link.token.slice(0, -1))).status, 410)
      })
    })
  })

describe('tokens and targets', () => {
  const signer = createSigner(['new-secret', 'old-secret'])
  const cartId = `cart_${'a'.repeat(32)}`
  const parts = { shopId: 'demo', cartId, purpose: 'restore' as const, expiresAt: 10_000 }

  test('a token opens its cart in its shop until its time, also after the signing secret was replaced', () => {
    const token = restoreToken(signer, parts)
    assert.equal(openRestoreToken(signer, 'demo', token, 9_999), cartId)
    assert.equal(openRestoreToken(signer, 'demo', token, 10_000), null)
    assert.equal(openRestoreToken(signer, 'other', token, 0), null)
    assert.equal(openRestoreToken(signer, 'demo', restoreToken(createSigner(['old-secret']), parts), 0), cartId)
    assert.equal(openRestoreToken(signer, 'demo', restoreToken(createSigner(['stranger']), parts), 0), null)
  })

  const settings = {
    links: { ...DEFAULT_SETTINGS.links, redirectOrigins: ['https://shop.example', 'https://shop.example:8443', 'http://localhost:3000'] },
  }
  for (const [target, expected] of [
    ['/cart', '/cart'],
    ['/cart?x=//y#z', '/cart?x=//y#z'],
    ['https://shop.example', 'https://shop.example/'],
    ['https://shop.example:443/a', 'https://shop.example/a'],
    ['HTTPS://SHOP.example/a', 'https://shop.example/a'],
    ['https://shop.example:8443/a', 'https://shop.example:8443/a'],
    ['http://localhost:3000/x', 'http://localhost:3000/x'],
  ] as const)
    test(`SEED4-19 a browser may be sent to ${target}`, () => assert.equal(allowedRedirect(target, settings), expected))

  for (const target of [
    '',
    'cart',
    '//evil.example',
    '///evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    '/\t/evil.example',
    '\t//evil.example',
    ' //evil.example',
    '/./%2e%2e//evil.example',
    '/.//evil.example',
    'https:evil.example',
    'https:/evil.example',
    'https:///evil.example',
    'https:\\\\evil.example',
    'https://evil.example',
    'https://shop.example.evil.example',
    'https://shop.example@evil.example',
    'https://user:pass@shop.example/',
    'https://evil.example#@shop.example',
    'https://evil.example\\@shop.example',
    'https://shop.example:444/',
    'https://shop.example:8444/',
    'http://shop.example/',
    'http://localhost/',
    'https://shop.example\u0000.evil.example',
    'https://shop.example\n.evil.example',
    'https://shop.exa\u0301mple/',
    'javascript:alert(1)',
    'data:text/html,x',
    'ftp://shop.example/',
    `/${'a'.repeat(2000)}`,
  ])
    test(`SEED4-19 a browser is never sent to ${JSON.stringify(target.slice(0, 60))}`, () =>
      assert.equal(allowedRedirect(target, settings), null))

  test('something for the page goes into the fragment, behind one that is there', () => {
    assert.equal(withFragment('/cart', 'cart_token', 't'), '/cart#cart_token=t')
    assert.equal(withFragment('/#cart', 'cart_token', 't'), '/#cart&cart_token=t')
  })
})
