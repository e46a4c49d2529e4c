// E-mails to customers: sent after the commit of what they tell, through a real mail server, in the customer's language, by the shop's own templates or
// ours; each once, whatever fails in between; and none for an order that was not paid.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Order } from '../src/core/order.ts'
import { createEmailQueue } from '../src/engine/email-queue.ts'
import { parseOrder } from '../src/engine/orders.ts'
import { createRecording, type OrderChange } from '../src/engine/recording.ts'
import { createSubscriptionBooks } from '../src/engine/subscription-books.ts'
import { readSmtpUrl } from '../src/providers/smtp.ts'
import { lockOrders } from '../src/store/orders.ts'
import { ADMIN, type Answer, atOnce, caller, eventually, freshDatabase, mainlyOn, startTestServer } from './harness.ts'
import { ADDRESS, assertProblem } from './http-probe.ts'
import { expect2xx, startNode } from './nodes.ts'
import { payFor, ware } from './presets/shop.ts'
import { type MailServer, startMailServer, type TakenMail } from './smtp.ts'

const smtpOf = ({ url }: { url: string }) => ({ smtp: readSmtpUrl(url) ?? assert.fail(url) })
const FROM = { name: 'Fern & Kettle', address: 'shop@fern.example' }
const text = (mail: TakenMail | undefined) => mail?.text ?? assert.fail('no mail')
const html = (mail: TakenMail | undefined) => mail?.html ?? assert.fail('no mail')

let made = 0

// Both databases at once: most of the time is waiting.
describe('e-mails', { concurrency: true }, () => {
  for (const dialect of mainlyOn('postgres')) {
    describe(`e-mails on ${dialect}`, { concurrency: 1 }, async () => {
      const mails = await startMailServer()
      const address = await freshDatabase(dialect)
      const server = await startTestServer(address, { mail: smtpOf(mails) })
      const { engine } = server

      /** A shop that sends e-mails, and what tests do in it. Its customers have addresses of their own. */
      async function shopWith(email: object = {}, more: object = {}) {
        const id = `m${++made}`
        const base = `${server.url}/v1/shops/${id}`
        const admin = caller(base, ADMIN)
        expect2xx(await caller(server.url, ADMIN)('POST', '/v1/shops', { id, name: 'Fern & Kettle', currency: 'USD' }))
        expect2xx(await admin('PATCH', '/settings', { email: { from: FROM, ...email }, ...more }))
        assert.equal(expect2xx(await admin('POST', '/products/import', { products: [ware('MUG'), ware('VASE')] })).body.refusedCount, 0)
        const customer = `robin-${id}@example.com`
        const guest = async (details: object = {}, headers: Record<string, string> = {}) => {
          const { token, cart } = expect2xx(await caller(base)('POST', '/carts/current/lines', { sku: 'MUG', quantity: 2 })).body
          const call = caller(base, token)
          expect2xx(await call('PATCH', '/carts/current', { email: customer, shippingAddress: ADDRESS, ...details }))
          const order = async () => expect2xx(await call('POST', '/orders', { cartId: cart.id }, headers)).body
          return { call, token, cart, order, buy: async () => payFor(call, await order()) as Promise<{ id: string; reference: string }> }
        }
        return {
          id,
          base,
          admin,
          customer,
          guest,
          log: async (order: string) => (await admin('GET', `/orders/${order}/emails`)).body.items,
        }
      }

      const mailed = (to: string, count: number, by: MailServer = mails) =>
        eventually(async () => by.to(to).length >= count && by.to(to), 15_000, `${count} e-mails to ${to}`)
      const advance = async (duration: string) => expect2xx(await caller(server.url)('POST', '/v1/demo/clock', { advance: duration }))
      /** Everything that is due is done, and what was not sent is not on its way. */
      const settled = () => engine.jobs.runDue()

      /** What staff's tools do to an order, through the one way that changes orders. */
      async function change(shopId: string, orderId: string, patch: Partial<Order>, how: Partial<OrderChange> = {}) {
        const emails = createEmailQueue({ clock: engine.clock, random: engine.random, canSend: true })
        const own = { clock: engine.clock, random: engine.random }
        const recording = createRecording({ ...own, emails, balances: engine.balances, books: createSubscriptionBooks(own) })
        const shop = (await engine.facts.shop(shopId)) ?? assert.fail()
        await engine.store.transact(async (writer) => {
          const [row] = await lockOrders(writer, shopId, [orderId])
          await recording.change(writer, shop, parseOrder(row ?? assert.fail()), patch, { by: 'staff:key_1', action: 'status', ...how })
        })
      }

      test('SEED4-45 SEED4-61 an order that is placed is confirmed once, with copies, an address for answers, HTML and text that say the same', async () => {
        const copies = { cc: ['copy@fern.example'], bcc: ['archive@fern.example'], replyTo: 'help@fern.example' }
        const orderUrl = 'https://fern.example/orders/{order}#token={token}'
        const { customer, guest, base, log } = await shopWith(copies, { links: { orderUrl } })
        const { call, buy } = await guest({ note: 'Ring twice' })
        expect2xx(await call('POST', '/carts/current/lines', { sku: 'VASE' }))
        const order = await buy()
        const [mail] = await mailed(customer, 1)
        assert.deepEqual([mail?.from?.name, mail?.from?.address], [FROM.name, FROM.address])
        assert.equal(mail?.subject, `Your order ${order.reference} at Fern & Kettle`)
        assert.deepEqual(mail?.envelope.to.toSorted(), [...copies.cc, ...copies.bcc, customer].sort())
        assert.deepEqual(
          [mail?.cc?.[0]?.address, mail?.bcc, mail?.replyTo?.[0]?.address],
          ['copy@fern.example', undefined, 'help@fern.example'],
        )
        assert.ok(!mail?.source.includes('archive@fern.example'), 'nobody sees who gets a hidden copy')
        const plain = html(mail).replace(/<[^>]*>/g, ' ')
        for (const part of [
          'Product MUG',
          'Product VASE',
          '$20.00',
          '$10.00',
          '$30.00',
          'Robin',
          '1 Main St',
          'New York',
          'Ring twice',
          order.reference,
        ]) {
          assert.ok(plain.includes(part), `HTML: ${part}`)
          assert.ok(text(mail).includes(part), `text: ${part}`)
        }
        const link = /https:\/\/fern\.example\/orders\/(ord_\w+)#token=(ot_\S+)/.exec(text(mail))
        assert.equal(link?.[1], order.id)
        assert.equal((await caller(base, link?.[2])('GET', `/orders/${order.id}`)).body.id, order.id, 'a guest finds the order')
        assert.ok(html(mail).includes(`href="${link?.[0]}"`))
        await settled()
        assert.equal(mails.to(customer).length, 1)
        const entries = await eventually(async () => (await log(order.id))[0]?.state === 'SENT' && log(order.id))
        assert.deepEqual(
          entries.map((each: Answer['body']) => [each.kind, each.recipient, each.subject, each.attempts, each.messageId]),
          [['order_confirmation', customer, mail?.subject, 1, mail?.messageId]],
        )
        assert.ok(!JSON.stringify(await engine.store.reader.db.selectFrom('emails').selectAll().execute()).includes('Main St'))
      })

      test('PAY-4: an order that is not paid, declined, cancelled before it is paid, or expired is told to nobody', async () => {
        const { customer, guest, admin } = await shopWith({
          kinds: ['order_confirmation', 'order_cancelled', 'order_status'],
          statuses: ['cancelled', 'expired'],
        })
        const declined = await guest()
        const { payment, order } = await declined.order()
        assertProblem(await admin('POST', `/orders/${order.id}/emails`, { kind: 'order_confirmation' }), 409, 'order_state_forbids')
        const card = new URLSearchParams({ number: '4000000000000002', expiry: '12/40', cvc: '123', name: 'Robin' })
        assert.equal((await fetch(payment.url, { method: 'POST', body: card, redirect: 'manual' })).status, 402)
        const cancelled = await guest()
        expect2xx(await cancelled.call('POST', `/orders/${(await cancelled.order()).order.id}/cancel`, {}))
        await advance('PT25H')
        await settled()
        assert.equal((await declined.call('GET', '/orders?state=EXPIRED')).body.items.length, 1)
        assert.deepEqual([mails.to(customer), (await admin('GET', '/emails')).body.items], [[], []])
      })

      test('a customer is written to in the language of the request, else in the shop’s own', async () => {
        const { customer, guest, admin } = await shopWith({ languages: ['de', 'en', 'fr'] })
        await (await guest({}, { 'accept-language': 'en-GB,en;q=0.8' })).buy()
        await mailed(customer, 1)
        await (await guest({}, { 'accept-language': 'ja' })).buy()
        await mailed(customer, 2)
        const french = await (await guest({}, { 'accept-language': 'fr' })).buy()
        const [english, own, missing] = await mailed(customer, 3)
        assert.match(english?.subject ?? '', /^Your order /)
        assert.match(own?.subject ?? '', /^Ihre Bestellung /)
        assert.ok(text(own).includes('20,00\u00a0$') && text(own).includes('Vereinigte Staaten'), text(own))
        assert.match(missing?.subject ?? '', /^Your order /, 'nobody wrote a French one')
        assert.equal((await admin('GET', `/orders/${french.id}`)).body.language, 'fr')
      })

      test('SEED4-59 a new status is told where the shop says so, and any e-mail is sent again by hand, also to somebody else', async () => {
        const { id, customer, guest, admin, log } = await shopWith({ statuses: ['packed'] })
        const order = await (await guest()).buy()
        await mailed(customer, 1)
        await change(id, order.id, { status: 'packed' })
        const [, packed] = await mailed(customer, 2)
        assert.ok(text(packed).includes('Your order is now: packed'))
        await change(id, order.id, { status: 'counted' })
        const again = await admin('POST', `/orders/${order.id}/emails`, { kind: 'order_confirmation' })
        assert.deepEqual([again.status, again.body.state, again.body.recipient], [201, 'QUEUED', customer])
        const other = `audit-${id}@example.com`
        expect2xx(await admin('POST', `/orders/${order.id}/emails`, { kind: 'order_shipped', to: other, language: 'de' }))
        assert.match((await mailed(other, 1))[0]?.subject ?? '', /ist unterwegs$/)
        assert.match((await mailed(customer, 3))[2]?.subject ?? '', /^Your order /)
        const headers = { 'idempotency-key': crypto.randomUUID() }
        const twice = await atOnce(4, () => admin('POST', `/orders/${order.id}/emails`, { kind: 'payment_received' }, headers))
        assert.equal(new Set(twice.map(({ body }) => body.id)).size, 1, 'once per key')
        await mailed(customer, 4)
        const kinds = (await log(order.id)).map((each: { kind: string }) => each.kind)
        assert.deepEqual(kinds, ['payment_received', 'order_shipped', 'order_confirmation', 'order_status', 'order_confirmation'])
        const rows = await engine.store.reader.db
          .selectFrom('order_history')
          .selectAll()
          .where('order_id', '=', order.id)
          .orderBy('id')
          .execute()
        const entries = rows.map((row) => JSON.parse(row.entry)).filter((entry) => entry.action === 'email')
        assert.deepEqual(
          entries.map(({ details }) => [details.kind, details.to]),
          [
            ['order_confirmation', customer],
            ['order_shipped', other],
            ['payment_received', customer],
          ],
        )
        assertProblem(
          await admin('POST', `/orders/${order.id}/emails`, { kind: 'order_shipped', to: 'a@b.example\r\nBcc: c@d.example' }),
          422,
          'invalid',
        )
        assertProblem(await admin('POST', '/orders/ord_none/emails', { kind: 'order_shipped' }), 404, 'order_not_found')
      })

      test('SEED4-60 e-mails can be suppressed for a change, by who may, and the log says so', async () => {
        const { customer, guest, admin, log } = await shopWith()
        const order = await (await guest()).buy()
        await mailed(customer, 1)
        expect2xx(await admin('POST', `/orders/${order.id}/cancel`, { quiet: true }))
        await eventually(async () => (await admin('GET', `/orders/${order.id}`)).body.paymentState === 'REFUNDED')
        const [, refunded] = await mailed(customer, 2)
        assert.match(refunded?.subject ?? '', /^Refund for order/, 'that the money went back is another change')
        assert.ok(text(refunded).includes('$20.00'))
        const suppressed = (await log(order.id)).find((each: { kind: string }) => each.kind === 'order_cancelled')
        assert.deepEqual([suppressed.state, suppressed.error], ['SUPPRESSED', 'whoever made the change asked for no e-mail'])
        const retried = expect2xx(await admin('POST', `/emails/${suppressed.id}/retry`)).body
        assert.equal(retried.id, suppressed.id)
        assert.match((await mailed(customer, 3))[2]?.subject ?? '', /was cancelled$/)
        await eventually(async () => (await log(order.id)).every((each: { state: string }) => each.state === 'SENT'))
        assertProblem(await admin('POST', `/emails/${suppressed.id}/retry`), 409, 'email_unavailable')
        assertProblem(await admin('POST', '/emails/eml_none/retry'), 404, 'email_not_found')
      })

      test('a shop without a sender sends nothing and writes nothing down', async () => {
        const { customer, guest, admin } = await shopWith({ from: null })
        const order = await (await guest()).buy()
        await settled()
        assert.deepEqual([mails.to(customer), (await admin('GET', '/emails')).body.items], [[], []])
        assertProblem(await admin('POST', `/orders/${order.id}/emails`, { kind: 'order_confirmation' }), 409, 'email_unavailable')
      })

      test('a parcel says who brings it and what is in it; a status is told by its name; what stays with the shop is not promised back', async () => {
        const statuses = {
          initial: 'new',
          list: [
            { id: 'new', name: 'New' },
            { id: 'in_work', name: 'Being <packed>' },
            { id: 'gone', name: 'Cancelled', state: 'CANCELLED' },
          ],
          transitions: 'any',
          on: { cancelled: 'gone' },
        }
        const { customer, guest, admin } = await shopWith({ statuses: ['in_work'] }, { orders: { statuses } })
        const order = await (await guest()).buy()
        await mailed(customer, 1)
        const [line] = expect2xx(await admin('GET', `/orders/${order.id}`)).body.lines
        expect2xx(await admin('POST', `/orders/${order.id}/status`, { status: 'in_work' }))
        await mailed(customer, 2)
        const parcel = {
          lines: [{ lineId: line.id, quantity: 1 }],
          carrier: 'DHL & Co',
          trackingNumber: 'T-1',
          trackingUrl: 'https://track.example/?a=1&b=2',
        }
        expect2xx(await admin('POST', `/orders/${order.id}/fulfilments`, { ...parcel, state: 'PENDING' }))
        const [packed] = expect2xx(await admin('GET', `/orders/${order.id}`)).body.fulfilments
        expect2xx(await admin('PATCH', `/orders/${order.id}/fulfilments/${packed.id}`, { state: 'SHIPPED', note: 'At the <door>' }))
        await mailed(customer, 3)
        expect2xx(await admin('POST', `/orders/${order.id}/fulfilments`, { carrier: 'Bike' }))
        const [, told, first, second] = await mailed(customer, 4)
        assert.ok(html(told).includes('Your order is now: Being &lt;packed&gt;'), html(told))
        for (const part of [
          '1 x Product MUG',
          'Carrier: DHL & Co',
          'Tracking number: T-1',
          'Track the parcel: https://track.example/',
          'At the <door>',
        ])
          assert.ok(text(first).includes(part), text(first))
        assert.ok(
          html(first).includes('href="https://track.example/?a=1&amp;b=2"') && html(first).includes('At the &lt;door&gt;'),
          html(first),
        )
        assert.ok(text(second).includes('Carrier: Bike') && !text(second).includes('T-1'), text(second))

        const other = await (await guest()).buy()
        await mailed(customer, 5)
        expect2xx(await admin('POST', `/orders/${other.id}/cancel`, { refund: 'none' }))
        const kept = (await mailed(customer, 6)).at(-1)
        assert.match(kept?.subject ?? '', /was cancelled/)
        assert.ok(!text(kept).includes('returned'), text(kept))

        expect2xx(await admin('PATCH', '/settings', { payment: { capture: 'manual' } }))
        const reserved = await (await guest()).buy()
        await mailed(customer, 7)
        expect2xx(await admin('POST', `/orders/${reserved.id}/cancel`))
        await settled()
        const released = (await mailed(customer, 9)).find((mail) => mail.subject?.startsWith('Refund'))
        assert.match(text(released), /We have released \$20\.00 that were reserved .* they were not taken/)
      })

      test("a shop's own template counts for its kind, status and language, and ours for everything else", async () => {
        const { id, customer, guest, admin } = await shopWith({ statuses: ['packed', 'held'] })
        const put = (path: string, subject: string) =>
          admin('PUT', `/email-templates/${path}`, { subject, html: `<p>${subject}</p>`, text: `${subject} {{ order.total }}` })
        expect2xx(await put('order_status/en', 'General {{ status }}'))
        expect2xx(await put('order_status/en?status=packed', 'Packed: {{ order.reference }}'))
        expect2xx(await put('order_status/de', 'Allgemein'))
        const listed = (await admin('GET', '/email-templates')).body.items.map((each: Answer['body']) => [
          each.kind,
          each.status,
          each.language,
        ])
        assert.deepEqual(listed, [
          ['order_status', null, 'de'],
          ['order_status', null, 'en'],
          ['order_status', 'packed', 'en'],
        ])
        const order = await (await guest()).buy()
        await mailed(customer, 1)
        for (const [index, status] of ['packed', 'held'].entries()) {
          await change(id, order.id, { status })
          await mailed(customer, index + 2)
        }
        expect2xx(await admin('DELETE', '/email-templates/order_status/en?status=packed'))
        await change(id, order.id, { status: 'packed' })
        const [first, ...rest] = await mailed(customer, 4)
        assert.match(first?.subject ?? '', /^Your order/)
        assert.deepEqual(
          rest.map((mail) => mail.subject),
          [`Packed: ${order.reference}`, 'General held', 'General packed'],
        )
        assert.ok(text(rest[0]).includes('$20.00'))
        const { body: ours } = await admin('GET', '/email-templates/order_shipped/de')
        assert.deepEqual([ours.own, ours.updatedAt, ours.subject.includes('unterwegs')], [false, null, true])
        assertProblem(await admin('DELETE', '/email-templates/order_shipped/de'), 404, 'email_template_not_found')
      })

      test('a template that cannot be read is refused with the place; one that fails when it is sent gives way to ours, and the log says so', async () => {
        const { customer, guest, admin, log } = await shopWith()
        const good = { subject: 'S', html: '<p>H</p>', text: 'T' }
        const put = (part: object) => admin('PUT', '/email-templates/order_confirmation/en', { ...good, ...part })
        const broken = await put({ html: '<p>\n  {% if order %}</p>' })
        assertProblem(broken, 422, 'email_template_invalid')
        assert.deepEqual([broken.body.path, broken.body.line, broken.body.column], ['/html', 2, 3])
        for (const bad of [
          '{% include "x" %}',
          '{% render "/etc/passwd" %}',
          '{% layout "x" %}',
          '{{ order.note | raw }}',
          '{% echo order.note %}',
          '{% cycle order.note %}',
          '{{ order | nosuch }}',
        ])
          assertProblem(await put({ html: bad }), 422, 'email_template_invalid')
        assert.deepEqual((await admin('GET', '/email-templates')).body.items, [], 'nothing was saved')
        expect2xx(await put({ text: '{% for i in (1..9000000) %}{{ i }}{% endfor %}' }))
        const order = await (await guest()).buy()
        const [mail] = await mailed(customer, 1)
        assert.match(mail?.subject ?? '', /^Your order/)
        const entry = await eventually(async () => (await log(order.id)).find((each: { state: string }) => each.state === 'SENT'))
        assert.match(entry.error, /^the shop's template failed, ours was taken: .*limit/)
      })

      test('what customers write is never evaluated: it appears as it was written, in HTML and text, and adds no header', async () => {
        const corpus = [
          '{{ shop.name }}{{ 7 | times: 6 }}',
          '{% include "/etc/passwd" %}{% raw %}',
          '{{ constructor.constructor("return process")() }}',
          '<script>alert(1)</script><img src=x onerror=alert(2)>',
          '"><a href="https://evil.example">x</a>',
          "#{7*7} <%= 7*7 %> ' OR 1=1 --",
          'a\r\nBcc: evil@example.com\r\n\r\nbody',
          '\u202etxt.exe',
        ]
        const { customer, guest, admin } = await shopWith()
        const own = {
          subject: 'For {{ order.billingAddress[0] }}',
          html: '<p>{{ order.note }}</p><p>{{ order.billingAddress | join: "|" }}</p>',
          text: '{{ order.note }}',
        }
        for (const [index, payload] of corpus.entries()) {
          if (index === 4) expect2xx(await admin('PUT', '/email-templates/order_confirmation/en', own))
          const { buy } = await guest({ note: payload, shippingAddress: { ...ADDRESS, name: payload.replace(/[\r\n]+/g, ' ') } })
          await buy()
          const mail = (await mailed(customer, index + 1)).at(-1)
          const shown = payload.replace(/\r\n/g, '\n')
          assert.ok(text(mail).replace(/\r\n/g, '\n').includes(shown), `${payload}\n${text(mail)}`)
          assert.ok(!/<script|<img|<a href="https:\/\/evil/.test(html(mail)), html(mail))
          assert.ok(!text(mail).includes('Fern & Kettle42'))
          assert.deepEqual(mail?.envelope.to, [customer])
          assert.ok(!mail?.headers.some(({ key }) => key === 'bcc'))
          if (index >= 4) assert.match(mail?.subject ?? '', /^For \S/, payload)
        }
      })

      test('a preview shows a sample, an order, or a draft that is not saved, and tells an order only to who may read orders', async () => {
        const { guest, admin, base } = await shopWith()
        for (const kind of [
          'order_confirmation',
          'payment_received',
          'order_status',
          'order_shipped',
          'order_cancelled',
          'order_refunded',
          'order_link',
          'cart_abandoned',
        ])
          for (const language of ['en', 'de']) {
            const { body } = expect2xx(await admin('POST', '/email-templates/preview', { kind, language }))
            assert.ok(body.subject.length > 5 && body.html.includes('Stoneware mug') && body.text.includes('Stoneware mug'), kind)
            if (kind !== 'cart_abandoned')
              assert.ok(!/href=|See your order|Bestellung ansehen/.test(body.html + body.text) || kind === 'order_shipped', kind)
            assert.ok(!/ {2}(for|zur) /.test(body.text), body.text)
            assert.ok(!/{{|{%|\[object|undefined|null/.test(body.subject + body.html + body.text), `${kind} ${language}\n${body.text}`)
            assert.deepEqual([body.language, body.own, body.fault], [language, false, null])
          }
        const order = await (await guest()).buy()
        const template = { subject: 'Draft {{ order.reference }}', html: '<b>{{ order.lines[0].name }}</b>', text: '{{ order.total }}' }
        const preview = { kind: 'order_confirmation', order: order.id, template }
        const { body } = expect2xx(await admin('POST', '/email-templates/preview', preview))
        assert.deepEqual([body.subject, body.html, body.text], [`Draft ${order.reference}`, '<b>Product MUG</b>', '$20.00'])
        const { token } = (await admin('POST', '/api-keys', { name: 'templates', scopes: ['emails:write'] })).body
        assertProblem(await caller(base, token)('POST', '/email-templates/preview', preview), 403, 'missing_scope')
        expect2xx(await caller(base, token)('POST', '/email-templates/preview', { ...preview, order: undefined }))
        const bad = await admin('POST', '/email-templates/preview', { ...preview, template: { ...template, text: '{{' } })
        assert.deepEqual([bad.status, bad.body.path], [422, '/template/text'])
        await eventually(async () => mails.to(`robin-${base.split('/').at(-1)}@example.com`).length === 1)
        assert.equal((await admin('GET', '/emails')).body.items.length, 1, 'a preview is no e-mail')
      })

      test('OPS-3: a cart that was left alone is told once per idle period, its link restores it on another device and shows no address', async () => {
        const { customer, guest, base } = await shopWith({ kinds: ['cart_abandoned'] }, { abandoned: { after: 'PT1H' } })
        const { call, cart } = await guest()
        const spam = 'https://evil.example'
        expect2xx(await call('POST', '/carts/current/lines', { sku: 'VASE', note: spam, options: { Text: spam } }))
        await advance('PT1H1M')
        const [mail] = await mailed(customer, 1)
        assert.ok(text(mail).includes('Product VASE') && !mail?.source.includes('evil'), 'nobody sends his words to others through a shop')
        assert.ok(text(mail).includes('Product MUG') && text(mail).includes('$20.00'))
        assert.ok(!/Main St|New York|Robin/.test(mail?.source ?? ''), 'no address stands in it')
        await advance('PT5H')
        await settled()
        assert.equal(mails.to(customer).length, 1, 'once per idle period')
        const url = new RegExp(`${server.url.replace('127.0.0.1', '(?:127\\.0\\.0\\.1|localhost)')}/v1/shops/\\w+/r/(rt_\\S+)`).exec(
          text(mail),
        )
        const restored = expect2xx(
          await caller(base)('POST', '/carts/restore', { token: url?.[1] }, { 'idempotency-key': crypto.randomUUID() }),
        ).body
        assert.equal(restored.cart.id, cart.id)
        assert.deepEqual([restored.cart.lines[0].sku, restored.cart.email, restored.cart.shippingAddress], ['MUG', null, null])
        assertProblem(await caller(base)('POST', '/carts/restore', { token: `${url?.[1]?.slice(0, -1)}x` }), 410, 'link_invalid')
        expect2xx(await call('POST', '/carts/current/lines', { sku: 'VASE' }))
        await advance('PT1H1M')
        await mailed(customer, 2)
        await advance('P8D')
        assertProblem(await caller(base)('POST', '/carts/restore', { token: url?.[1] }), 410, 'link_invalid')
      })

      test('OPS-3: who ordered, came back, or gave no address is not reminded of a cart, nor anybody where the shop does not remind', async () => {
        const { id, customer, guest, base, admin } = await shopWith({ kinds: ['cart_abandoned'] }, { abandoned: { after: 'PT1H' } })
        await (await guest()).buy()
        expect2xx(await caller(base)('POST', '/carts/current/lines', { sku: 'MUG' }))
        await advance('PT1H1M')
        await settled()
        assert.deepEqual([mails.to(customer).length, (await admin('GET', '/emails')).body.items], [0, []])
        const late = await guest()
        mails.mood = 'later'
        await advance('PT1H1M')
        const [waiting] = await eventually(async () => {
          const { items } = (await admin('GET', '/emails?state=QUEUED')).body
          return items[0]?.attempts > 0 && items
        })
        mails.mood = 'takes'
        expect2xx(await late.call('POST', '/carts/current/lines', { sku: 'VASE' }))
        expect2xx(await admin('POST', `/emails/${waiting.id}/retry`))
        const row = await eventually(async () => (await admin('GET', '/emails?state=SUPPRESSED')).body.items[0])
        assert.equal(row.error, 'somebody came back to the cart')
        expect2xx(await admin('PATCH', '/settings', { email: { kinds: [] } }))
        await advance('PT1H1M')
        await settled()
        assert.deepEqual([mails.to(customer).length, (await engine.facts.shop(id))?.settings.email.kinds], [0, []])
      })

      test('what a mail server does not take now is sent later, once; what it never takes has failed at once, with its reason', async () => {
        const { customer, guest, log, admin } = await shopWith({ bcc: ['full@fern.example'] })
        for (const [index, mood] of (['later', 'drops'] as const).entries()) {
          mails.mood = mood
          const order = await (await guest()).buy()
          const waiting = await eventually(async () =>
            (await log(order.id)).find((each: Answer['body']) => each.attempts === 1 && each.state === 'QUEUED'),
          )
          assert.match(waiting.error, mood === 'later' ? /451/ : /ECONNECTION|ESOCKET|closed/i, waiting.error)
          assert.ok(Date.parse(waiting.dueAt) > engine.clock.now())
          mails.mood = 'takes'
          await advance('PT1M')
          await mailed(customer, index + 1)
          await settled()
          assert.equal(mails.to(customer).length, index + 1)
        }
        mails.mood = 'never'
        const order = await (await guest()).buy()
        const failed = await eventually(async () => (await log(order.id)).find((each: { state: string }) => each.state === 'FAILED'))
        assert.match(failed.error, /554/)
        mails.mood = 'takes'
        await advance('P2D')
        assert.equal(mails.to(customer).length, 2)
        expect2xx(await admin('POST', `/emails/${failed.id}/retry`))
        await mailed(customer, 3)
        mails.refused.add('full@fern.example')
        const copied = await (await guest()).buy()
        const told = await eventually(async () => (await log(copied.id)).find((each: { state: string }) => each.state === 'SENT'))
        assert.equal(told.error, 'copies refused: full@fern.example')
        mails.refused.add(customer)
        const gone = await (await guest()).buy()
        const refused = await eventually(async () => (await log(gone.id)).find((each: { state: string }) => each.state === 'FAILED'))
        assert.match(refused.error, /550|refused/)
      })

      test('two nodes send every e-mail once', async () => {
        const second = await startTestServer(address, { mail: smtpOf(mails) })
        const { customer, guest, log } = await shopWith()
        const orders = await Promise.all(Array.from({ length: 6 }, async () => (await guest()).buy()))
        await Promise.all(orders.map((order) => eventually(async () => (await log(order.id))[0]?.state === 'SENT')))
        await atOnce(6, (index) => (index % 2 ? engine : second.engine).jobs.runDue())
        const ids = mails.to(customer).map((mail) => mail.messageId)
        assert.deepEqual([ids.length, new Set(ids).size], [6, 6])
        await second.close()
      })

      test('the log forgets what it kept long enough, and nothing that still waits', async () => {
        const { customer, guest, admin } = await shopWith({ keepLog: 'P1D' })
        await (await guest()).buy()
        await mailed(customer, 1)
        mails.mood = 'later'
        await (await guest()).buy()
        await eventually(async () => (await admin('GET', '/emails?state=QUEUED')).body.items[0]?.attempts > 0)
        await advance('PT24H1M')
        const { items } = (await admin('GET', '/emails')).body
        assert.deepEqual(
          items.map((each: { state: string }) => each.state),
          ['QUEUED'],
        )
        mails.mood = 'takes'
      })
    })

    test(`an e-mail whose node dies while it is sent is sent by another one, on ${dialect}`, async () => {
      const mails = await startMailServer()
      mails.mood = 'silent'
      const database = await freshDatabase(dialect)
      const env = { CARTWRIGHT_SMTP_URL: mails.url }
      const first = await startNode(database, env)
      const shop = (url: string) => caller(`${url}/v1/shops/demo`, ADMIN)
      const bought = await caller(`${first.url}/v1/shops/demo`)('POST', '/orders', {
        items: [{ sku: 'GUIDE-BREW' }],
        email: 'robin@example.com',
        codes: ['GRATIS'],
      })
      assert.equal(expect2xx(bought).body.order.state, 'PLACED')
      await eventually(async () => mails.tries > 0)
      await first.kill()
      mails.mood = 'takes'
      const second = await startNode(database, env)
      expect2xx(await caller(second.url)('POST', '/v1/demo/clock', { advance: 'PT2M' }))
      const [mail] = await eventually(async () => mails.to('robin@example.com').length > 0 && mails.to('robin@example.com'))
      assert.match(mail?.subject ?? '', /^Your order/)
      const { items } = (await shop(second.url)('GET', '/emails')).body
      assert.deepEqual(
        items.map((each: Answer['body']) => [each.state, each.attempts, each.messageId]),
        [['SENT', 2, mail?.messageId]],
      )
      assert.equal(mails.mails.length, 1)
      await second.kill()
    })
  }
})
