// Placed orders are edited by staff: in revisions, with the sums that follow, without charging or giving back; stock and uses of promotions follow.
// Every promise is kept on both databases.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { describe, it } from 'node:test'
import { checkBooks } from '../src/store/books.ts'
import { ADMIN, atOnce, caller, eventually, freshDatabase, mainlyOn, startTestServer } from './harness.ts'
import { assertProblem, contentOfTables } from './http-probe.ts'
import { expect2xx, payOnPage, stockUp, wares } from './nodes.ts'

const EMAIL = 'robin@example.com'
const ADDRESS = { name: 'Robin', line1: '1 Main St', city: 'Portland', region: 'OR', postalCode: '97201', country: 'US' }

for (const dialect of mainlyOn('sqlite')) {
  describe(`editing orders on ${dialect}`, async () => {
    const server = await startTestServer(await freshDatabase(dialect))
    const { reader } = server.engine.store
    const shop = `${server.url}/v1/shops/edits`
    const admin = caller(shop, ADMIN)
    expect2xx(await caller(server.url, ADMIN)('POST', '/v1/shops', { id: 'edits', name: 'Edits', currency: 'USD' }))
    await stockUp(server.url, 'edits', wares(3, 'W', 100))
    expect2xx(
      await admin('PATCH', '/settings', {
        tax: { rates: [{ name: 'Tax', category: 'standard', percent: '10', included: false }] },
        promotions: { maxCodes: 3 },
      }),
    )
    const half = expect2xx(
      await admin('POST', '/promotions', {
        name: 'Half',
        conditions: [{ kind: 'code' }],
        benefit: { kind: 'percent_off', percent: '50' },
        usesMax: 1,
      }),
    ).body.id as string
    expect2xx(await admin('POST', `/promotions/${half}/codes`, { code: 'HALF' }))

    const onHand = async (sku: string) => (await admin('GET', `/stock/${sku}`)).body.onHand as number
    const usesOf = async (id: string) => (await admin('GET', `/promotions/${id}`)).body.uses as number
    const read = async (id: string) => expect2xx(await admin('GET', `/orders/${id}`)).body

    /** A placed order of a shopper; nothing was paid for it. */
    async function placed(quantity = 2, codes: readonly string[] = []) {
      const items = [{ sku: 'W-0', quantity }, { sku: 'W-1' }]
      return expect2xx(await admin('POST', '/orders', { items, email: EMAIL, codes, withoutPayment: true })).body.order
    }
    const edit = (id: string, body: object, headers?: Record<string, string>) => admin('PATCH', `/orders/${id}`, body, headers)
    const totals = ({ itemTotal, discountTotal, additionalTaxTotal, total }: Record<string, { amount: number }>) =>
      [itemTotal, discountTotal, additionalTaxTotal, total].map((each) => each?.amount)

    it('SEED4-58 SEED4-62 an edit without rules changes lines and sums, moves stock, and owes the difference; nothing is charged', async () => {
      const order = await placed()
      const levels = () => Promise.all(['W-0', 'W-1', 'W-2'].map(onHand))
      const before = await levels()
      assert.deepEqual([order.state, order.paymentState, order.revision, order.total.amount], ['PLACED', 'NONE', 1, 330])
      const { body } = expect2xx(
        await edit(order.id, {
          lines: {
            set: [{ lineId: order.lines[0].id, quantity: 5 }],
            remove: [order.lines[1].id],
            add: [{ sku: 'W-2' }, { inline: { name: 'Engraving', unitPrice: 250, taxCategory: 'standard' } }],
          },
          note: 'by telephone',
          message: 'the customer called',
        }),
      )
      assert.deepEqual([body.applied, body.errors], [true, []])
      assert.deepEqual(
        body.warnings.map(({ code }: { code: string }) => code),
        ['adjustments_outdated'],
      )
      assert.match(body.warnings[0].message, /Recalculate/)
      // Five at 1.00, one more, and the engraving; the tax on two pieces stays, that of the removed line went with it.
      assert.deepEqual(totals(body.order), [850, 0, 20, 870])
      assert.deepEqual(totals(body.difference), [550, 0, -10, 540])
      assert.deepEqual([body.order.outstandingTotal.amount, body.order.payments, body.order.refunds], [870, [], []])
      assert.deepEqual([body.order.revision, body.order.note, body.order.version], [2, 'by telephone', order.version + 1])
      assert.deepEqual(
        (await levels()).map((now, index) => now - (before[index] ?? 0)),
        [-3, 1, -1],
      )
      assert.deepEqual(await read(order.id), body.order)
    })

    it('SEED4-37 SEED3-67 a recalculation is looked at, then kept as it was shown, or dropped by doing nothing', async () => {
      const order = await placed(4)
      await stockUp(
        server.url,
        'edits',
        wares(1, 'W', 100).map((each) => priced(each, 150)),
      )
      const tables = await contentOfTables(reader)
      const preview = expect2xx(await admin('POST', `/orders/${order.id}/recalculation`, { mode: 'all' })).body
      assert.equal(preview.applied, false)
      assert.deepEqual(totals(preview.difference), [200, 0, 20, 220])
      assert.deepEqual(
        preview.warnings.map(({ code }: { code: string }) => code),
        ['price_increased'],
      )
      const frozen = expect2xx(await edit(order.id, { recalculate: 'adjustments', preview: true })).body
      assert.deepEqual(totals(frozen.difference), [0, 0, 0, 0])
      assert.deepEqual(await contentOfTables(reader), tables, 'a preview writes nothing')
      const stale = await edit(order.id, { recalculate: 'all', expectedTotal: preview.order.total.amount + 1 })
      assertProblem(stale, 409, 'price_changed')
      const kept = expect2xx(await edit(order.id, { recalculate: 'all', expectedTotal: preview.order.total.amount })).body
      assert.deepEqual(kept.difference, preview.difference)
      const { version, revision, updatedAt } = kept.order
      assert.deepEqual(kept.order, { ...preview.order, version, revision, updatedAt }, 'what was shown is what is kept')
      await stockUp(server.url, 'edits', wares(1, 'W', 100))
    })

    it('SEED4-62 a paid order stays paid for what it was: what more it costs is outstanding, what less is too much', async () => {
      const items = [{ sku: 'W-0', quantity: 4 }]
      const { order, payment } = expect2xx(await admin('POST', '/orders', { items, email: EMAIL })).body
      await payOnPage(payment.url)
      await eventually(async () => (await read(order.id)).state === 'PLACED')
      const line = order.lines[0].id
      const more = expect2xx(await edit(order.id, { lines: { set: [{ lineId: line, quantity: 5 }] }, recalculate: 'all' })).body.order
      assert.deepEqual([more.paymentState, more.paidTotal.amount, more.outstandingTotal.amount], ['PARTIALLY_PAID', 440, 110])
      const less = expect2xx(await edit(order.id, { lines: { set: [{ lineId: line, quantity: 1 }] }, recalculate: 'all' })).body.order
      assert.deepEqual([less.paymentState, less.paidTotal.amount, less.outstandingTotal.amount], ['PAID', 440, -330])
      assert.deepEqual([less.payments.length, less.refunds], [1, []])
    })

    it('uses of promotions follow what applies after a recalculation, and a use that somebody else has is not had', async () => {
      const order = await placed(2, ['HALF'])
      assert.deepEqual([order.discountTotal.amount, await usesOf(half)], [-150, 1])
      const again = expect2xx(await edit(order.id, { recalculate: 'adjustments' })).body
      assert.deepEqual([again.order.discountTotal.amount, again.order.revision, await usesOf(half)], [-150, 1, 1])
      const larger = { lines: { set: [{ lineId: order.lines[0].id, quantity: 4 }] }, recalculate: 'adjustments' }
      assert.equal(expect2xx(await edit(order.id, larger)).body.order.discountTotal.amount, -250)
      assert.equal((await admin('GET', `/promotions/${half}/redemptions`)).body.items[0].amount.amount, 250)
      expect2xx(await admin('PATCH', `/promotions/${half}/codes/HALF`, { active: false }))
      const without = expect2xx(await edit(order.id, { recalculate: 'adjustments' })).body.order
      assert.deepEqual([without.discountTotal.amount, await usesOf(half)], [0, 0])
      assert.deepEqual(
        without.codes.map(({ applied }: { applied: boolean }) => applied),
        [false],
      )
      expect2xx(await admin('PATCH', `/promotions/${half}/codes/HALF`, { active: true }))
      const other = await placed(1, ['HALF'])
      assert.equal(expect2xx(await edit(order.id, { recalculate: 'all' })).body.order.discountTotal.amount, 0)
      assert.deepEqual([(await read(other.id)).discountTotal.amount, await usesOf(half)], [-100, 1])
      expect2xx(await admin('POST', `/orders/${other.id}/cancel`))
    })

    it('a removed line gives back the use of a promotion that was for it alone', async () => {
      const body = {
        name: 'W-1 free',
        conditions: [{ kind: 'code' }],
        benefit: { kind: 'percent_off', percent: '100', on: 'lines', of: { skus: ['W-1'] } },
      }
      const made = expect2xx(await admin('POST', '/promotions', body)).body.id as string
      expect2xx(await admin('POST', `/promotions/${made}/codes`, { code: 'FREE1' }))
      const order = await placed(2, ['FREE1'])
      assert.deepEqual([order.discountTotal.amount, await usesOf(made)], [-100, 1])
      const edited = expect2xx(await edit(order.id, { lines: { remove: [order.lines[1].id] } })).body
      assert.deepEqual([edited.order.discountTotal.amount, await usesOf(made)], [0, 0])
    })

    it('what is wrong is refused with every path, and nothing is written; a preview tells the same', async () => {
      const order = await placed()
      const body = {
        lines: { set: [{ lineId: order.lines[0].id, quantity: 9999 }], remove: ['ln_none'], add: [{ sku: 'NO-SUCH' }] },
        email: null,
      }
      const tables = await contentOfTables(reader)
      const refused = await edit(order.id, body)
      assertProblem(refused, 404, 'line_not_found')
      const told = (errors: { code: string; path: string }[]) => errors.map(({ code, path }) => `${code} ${path}`)
      const expected = [
        'line_not_found /lines/remove/0',
        'unknown_sku /lines/add/0/sku',
        'email_required /email',
        'insufficient_stock /skus/W-0',
      ]
      assert.deepEqual(told(refused.body.errors), expected)
      const preview = expect2xx(await edit(order.id, { ...body, preview: true }))
      assert.deepEqual([told(preview.body.errors), preview.body.applied], [expected, false])
      assert.deepEqual(await contentOfTables(reader), tables)
    })

    it('with If-Match an edit of another version is refused, and of many at once each is done once or refused', async () => {
      const order = await placed()
      const lineId = order.lines[0].id
      const match = { 'if-match': `"${order.version}"` }
      expect2xx(await edit(order.id, { note: 'first' }, match))
      assertProblem(await edit(order.id, { note: 'second' }, match), 412, 'stale_version')
      assert.equal((await read(order.id)).note, 'first')
      const before = await onHand('W-0')
      const { version } = await read(order.id)
      const raced = await atOnce(6, (index) =>
        edit(order.id, { lines: { set: [{ lineId, quantity: 10 + index }] } }, { 'if-match': `"${version}"` }),
      )
      assert.deepEqual(raced.map(({ status }) => status).sort(), [200, 412, 412, 412, 412, 412])
      const after = await read(order.id)
      assert.equal(await onHand('W-0'), before + 2 - after.lines[0].quantity)
      assert.equal(after.revision, 3)
      const unmatched = await atOnce(4, (index) => edit(order.id, { note: `note ${index}` }))
      for (const answer of unmatched) expect2xx(answer)
      assert.equal((await read(order.id)).revision, 7)
    })

    it('the same edit under one key is done once', async () => {
      const order = await placed()
      const key = { 'idempotency-key': randomUUID() }
      const body = { lines: { add: [{ sku: 'W-2' }] } }
      const answers = await atOnce(5, () => edit(order.id, body, key))
      for (const answer of answers) assert.deepEqual(expect2xx(answer).body.difference, answers[0]?.body.difference)
      assert.equal(answers.filter((answer) => answer.headers.get('idempotency-replayed') === 'true').length, 4)
      const after = await read(order.id)
      assert.deepEqual([after.lines.length, after.revision], [3, 2])
      assert.equal((await edit(order.id, { note: 'x' }, key)).body.code, 'idempotency_key_reused')
    })

    it('SEED3-67 earlier revisions are kept, with who edited, why, and what it changed', async () => {
      const order = await placed()
      const key = expect2xx(await admin('POST', '/api-keys', { kind: 'staff', name: 'Kim', scopes: ['orders:edit', 'orders:read'] })).body
      const staff = caller(shop, key.token)
      expect2xx(await staff('PATCH', `/orders/${order.id}`, { lines: { remove: [order.lines[1].id] }, message: 'not in stock' }))
      expect2xx(await edit(order.id, { shippingAddress: ADDRESS, recalculate: 'adjustments' }))
      const { items } = expect2xx(await staff('GET', `/orders/${order.id}/revisions`)).body
      assert.deepEqual(
        items.map((each: Record<string, unknown>) => [each.revision, each.actor, each.message, each.recalculate]),
        [
          [3, items[0].actor, null, 'adjustments'],
          [2, `staff:${key.id}`, 'not in stock', 'none'],
        ],
      )
      assert.equal(items[1].difference.total.amount, -110)
      const page = expect2xx(await staff('GET', `/orders/${order.id}/revisions?limit=1`)).body
      assert.deepEqual([page.items.length, page.next], [1, '3'])
      assert.equal((await staff('GET', `/orders/${order.id}/revisions?after=3`)).body.items[0].revision, 2)
      const first = expect2xx(await staff('GET', `/orders/${order.id}/revisions/1`)).body
      assert.deepEqual([first.lines, first.total, first.revision], [order.lines, order.total, 1])
      const last = expect2xx(await staff('GET', `/orders/${order.id}/revisions/3`)).body
      assert.deepEqual([last.shippingAddress, last.lines.length], [ADDRESS, 1])
      assertProblem(await staff('GET', `/orders/${order.id}/revisions/4`), 404, 'order_not_found')
      const history = await reader.db.selectFrom('order_history').selectAll().where('order_id', '=', order.id).orderBy('id').execute()
      assert.deepEqual(
        history.map((row) => (JSON.parse(row.entry) as { action: string }).action),
        ['order', 'place', 'edit', 'edit'],
      )
    })

    it('prices are set only by keys that may, and nobody else edits at all', async () => {
      const order = await placed()
      const key = expect2xx(await admin('POST', '/api-keys', { kind: 'staff', name: 'Lee', scopes: ['orders:edit'] })).body
      const staff = caller(shop, key.token)
      const setting = { lines: { set: [{ lineId: order.lines[0].id, unitPrice: 1 }] } }
      const custom = { lines: { add: [{ inline: { name: 'Free', unitPrice: 0, taxCategory: 'standard' } }] } }
      for (const [body, path] of [
        [setting, '/lines/set/0/unitPrice'],
        [custom, '/lines/add/0/inline'],
      ] as const) {
        const refused = await staff('PATCH', `/orders/${order.id}`, body)
        assert.deepEqual([refused.status, refused.body.code, refused.body.path], [422, 'custom_price_forbidden', path])
      }
      assert.equal(expect2xx(await edit(order.id, setting)).body.order.lines[0].priceSource, 'external')
    })

    it('what awaits payment is edited as its cart, and what is over is not edited', async () => {
      const made = await caller(shop)('POST', '/carts/current/lines', { sku: 'W-0' })
      const guest = caller(shop, made.body.token)
      expect2xx(await guest('PATCH', '/carts/current', { email: EMAIL }))
      const { order } = expect2xx(await guest('POST', '/orders', { cartId: made.body.cart.id })).body
      const waiting = await edit(order.id, { note: 'x' })
      assertProblem(waiting, 409, 'order_state_forbids')
      assert.deepEqual([waiting.body.reason, waiting.body.cartId], ['edit_its_cart', made.body.cart.id])
      const cancelled = await placed()
      expect2xx(await admin('POST', `/orders/${cancelled.id}/cancel`))
      for (const answer of [
        await edit(cancelled.id, { note: 'x' }),
        await admin('POST', `/orders/${cancelled.id}/recalculation`, { mode: 'all' }),
      ])
        assertProblem(answer, 409, 'order_state_forbids')
    })

    it('cancelling an edited order gives back exactly the stock that it took', async () => {
      const before = await onHand('W-1')
      const order = await placed()
      expect2xx(await edit(order.id, { lines: { set: [{ lineId: order.lines[1].id, quantity: 7 }] } }))
      assert.equal(await onHand('W-1'), before - 7)
      expect2xx(await admin('POST', `/orders/${order.id}/cancel`))
      assert.equal(await onHand('W-1'), before)
    })

    it('whatever edits and a cancellation of one order do to each other, its stock is back in the end, and the books balance', async () => {
      const before = await onHand('W-0')
      const order = await placed()
      const lineId = order.lines[0].id
      const done = await atOnce(9, (index) =>
        index === 6
          ? admin('POST', `/orders/${order.id}/cancel`)
          : edit(order.id, { lines: { set: [{ lineId, quantity: 3 + index }] }, recalculate: index % 2 ? 'all' : 'none' }),
      )
      for (const { status, body } of done) assert.ok(status === 200 || body.code === 'order_state_forbids', JSON.stringify(body))
      assert.equal((await read(order.id)).state, 'CANCELLED')
      assert.equal(await onHand('W-0'), before)
      const wrong = (await checkBooks(reader, Date.now(), 'edits')).filter(
        ({ severity, findings }) => severity === 'error' && findings.length,
      )
      assert.deepEqual(wrong, [])
    })
  })
}

/** A product at another price. */
function priced(product: ReturnType<typeof wares>[number], amount: number) {
  const variants = product.variants.map((variant) => ({ ...variant, prices: [{ currency: 'USD', amount }] }))
  return { ...product, variants }
}
