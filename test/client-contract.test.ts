// What the client promises: it reaches every operation of the API, gives its answer as it came, and every answer has the form that the OpenAPI
// document declares for it. A tour through all operations, made with the client and nothing else.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Client, createClient } from '../src/client/client.ts'
import { CartwrightError } from '../src/client/problem.ts'
import { STREAM_TIMES } from '../src/http/stream.ts'
import { readPayment } from '../src/store/orders.ts'
import { describedBy } from './description.ts'
import { ADMIN, type Answer, caller, eventually, freshDatabase, freshFolder, startTestServer } from './harness.ts'
import { ADDRESS, assertProblem, product } from './http-probe.ts'
import { payOnPage } from './nodes.ts'

const streamTimes = { ...STREAM_TIMES, recheck: 250 }
const server = await startTestServer(await freshDatabase('sqlite'), { mail: { folder: freshFolder() }, streamTimes })
const SHOP = '/v1/shops/demo'
const CURRENT = `${SHOP}/carts/current`
const LINES = `${CURRENT}/lines`
const as = (token?: string) => caller(server.url, token)
const { operations, templateOf, assertDeclared } = await describedBy(server.url)

const visited = new Set<string>()

/** Calls by a name that no compiler has seen. */
type LooseCall = (name: string, input: unknown, how: Parameters<Client['call']>[2]) => Promise<unknown>

/** A path's parameters, read back from an address. */
function paramsOf(template: string, path: string): Record<string, string> {
  const segments = path.split('/')
  const named = template.split('/').map((part, index) => [part.slice(1, -1), decodeURIComponent(segments[index] ?? ''), part] as const)
  return Object.fromEntries(named.flatMap(([name, value, part]) => (part.startsWith('{') ? [[name, value]] : [])))
}

/** A caller who calls with the client; the client must answer what came, and what came is held against the document. */
function strict(token?: string) {
  return async (method: string, address: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> => {
    const [path = '', search = ''] = address.split('?', 2)
    const template = templateOf(path)
    let answer: Answer | null = null
    const listening: typeof fetch = async (...request) => {
      const response = await fetch(...request)
      const text = await response.clone().text()
      const isJson = response.headers.get('content-type')?.includes('json') === true
      answer = { status: response.status, headers: response.headers, body: isJson && text !== '' ? JSON.parse(text) : text }
      return response
    }
    const { call } = createClient({ baseUrl: server.url, token: token ?? null, retries: 0, fetch: listening })
    const input = { params: paramsOf(template, path), query: Object.fromEntries(new URLSearchParams(search)), body }
    const told = await (call as LooseCall)(`${method} ${template}`, input, { headers }).catch((error: unknown) => error)
    const came = answer as Answer | null
    assert.ok(came, `${method} ${address}: ${told}`)
    assertDeclared(method, template, came)
    if (came.status < 400) visited.add(`${method} ${template}`)
    if (told instanceof CartwrightError) {
      const { retryAfter, ...problem } = told.problem
      assert.ok(came.status >= 400)
      assert.deepEqual({ retryAfter, ...problem }, { retryAfter, ...came.body })
    } else assert.deepEqual(told instanceof Response ? await told.text() : told, came.body === '' ? undefined : came.body)
    return came
  }
}

describe('every operation, called by the client, answers what the document declares', () => {
  const admin = strict(ADMIN)

  test('shops, settings and keys', async () => {
    await admin('POST', '/v1/shops', { id: 'tour', name: 'Tour', currency: 'EUR', preset: 'classic' })
    assertProblem(await admin('POST', '/v1/shops', { id: 'tour', name: 'Tour', currency: 'EUR' }), 409, 'already_exists')
    assertProblem(await admin('POST', '/v1/shops', { id: 'tour2', name: 'Tour', currency: 'XXQ' }), 422, 'currency_unknown')
    await admin('GET', '/v1/shops')
    await strict()('GET', '/v1/shops/tour')
    await admin('PATCH', '/v1/shops/tour', { name: 'Grand tour' })
    await admin('GET', '/v1/shops/tour/settings')
    await admin('PATCH', '/v1/shops/tour/settings', { retention: { anonymous: 'P7D' } })
    const rate = { name: 'VAT', category: 'standard', percent: '19', included: true }
    const { id } = (await admin('POST', '/v1/shops/tour/tax-rates', { ...rate, postalCodes: ['1*'], country: 'DE' })).body
    await admin('PUT', `/v1/shops/tour/tax-rates/${id}`, { ...rate, compound: true })
    await admin('PUT', '/v1/shops/tour/tax-rates', { items: [rate] })
    await admin('GET', '/v1/shops/tour/tax-rates')
    await admin('DELETE', '/v1/shops/tour/tax-rates/standard')
    assertProblem(await admin('DELETE', '/v1/shops/tour/tax-rates/standard'), 404, 'tax_rate_not_found')
    const key = await admin('POST', '/v1/shops/tour/api-keys', { name: 'k', scopes: ['carts:read'] })
    await admin('GET', '/v1/shops/tour/api-keys')
    await admin('DELETE', `/v1/shops/tour/api-keys/${key.body.id}`)
    assertProblem(await admin('DELETE', `/v1/shops/tour/api-keys/${key.body.id}`), 404, 'api_key_not_found')
  })

  test('shipping methods', async () => {
    const path = `${SHOP}/shipping-methods`
    const was = await admin('GET', path)
    const steps = [
      { from: 0, amount: 499 },
      { from: 2000, amount: 899 },
    ]
    const zone = { countries: ['US'], regions: ['CA'], postalCodes: ['94103', '941*', '94000-94999'] }
    const surcharges = [{ category: 'bulky', amount: 100, per: 'item' }]
    const rate = { ...zone, currency: 'USD', amount: 0, freeFrom: 5000, by: 'weight', steps, surcharges }
    const van = { id: 'van', name: 'Van', rates: [rate], maxGrams: 30_000, excludesCategories: ['cold'] }
    assert.deepEqual((await admin('POST', path, van)).body, van)
    assertProblem(await admin('POST', path, van), 409, 'already_exists')
    assert.equal((await admin('PUT', `${path}/van`, { ...van, name: 'Large van' })).body.name, 'Large van')
    await admin('DELETE', `${path}/van`)
    assertProblem(await admin('DELETE', `${path}/van`), 404, 'shipping_method_not_found')
    assert.deepEqual((await admin('PUT', path, was.body)).body, was.body)
  })

  test('products, stock and promotions', async () => {
    assert.equal((await admin('PUT', `${SHOP}/products/tour-vase`, product('tour-vase', 'TOUR-VASE', 900))).status, 201)
    assert.equal((await admin('PUT', `${SHOP}/products/tour-vase`, product('tour-vase', 'TOUR-VASE', 950))).status, 200)
    await strict()('GET', `${SHOP}/products?limit=200`)
    await strict()('GET', `${SHOP}/products/tour-vase`)
    assertProblem(await strict()('GET', `${SHOP}/products/nothing`), 404, 'product_not_found')
    await admin('POST', `${SHOP}/products/import`, { products: [product('tour-bowl', 'TOUR-BOWL', 700)] })
    await admin('GET', `${SHOP}/stock/MUG-INK`)
    await admin('PUT', `${SHOP}/stock/MUG-INK`, { delta: 1 })
    assertProblem(await admin('PUT', `${SHOP}/stock/TOUR-VASE`, { delta: 1 }), 404, 'product_not_found')
    const { body } = await admin('POST', `${SHOP}/promotions`, {
      name: 'Tour',
      conditions: [{ kind: 'code' }],
      benefit: { kind: 'free_shipping' },
    })
    await admin('PUT', `${SHOP}/promotions/${body.id}`, {
      name: 'Tour',
      conditions: [{ kind: 'code' }],
      benefit: { kind: 'percent_off', percent: '5' },
    })
    await admin('POST', `${SHOP}/promotions/${body.id}/codes`, { code: 'TOUR' })
    await admin('GET', `${SHOP}/promotions/${body.id}/codes`)
    await admin('GET', `${SHOP}/promotions`)
    await admin('GET', `${SHOP}/promotions/${body.id}`)
    const codes = `${SHOP}/promotions/${body.id}/codes`
    await admin('GET', `${codes}/TOUR`)
    await admin('PATCH', `${codes}/TOUR`, { usesMax: 3, active: true })
    assertProblem(await admin('PATCH', `${codes}/NOTHING`, { active: true }), 404, 'code_not_found')
    const { batch } = (await admin('POST', `${codes}/generate`, { pattern: 'TOUR-#####', count: 3 })).body
    await admin('GET', `${codes}?batch=${batch}&limit=1000`)
    await admin('POST', `${SHOP}/promotions/verify?account=tour`, { code: 'TOUR' })
    await strict()('POST', `${SHOP}/promotions/verify`, { code: 'NOTHING' })
    await admin('GET', `${SHOP}/promotions/${body.id}/redemptions`)
    await admin('POST', `${SHOP}/promotions/${body.id}/redemptions/forget`, { account: 'tour' })
    const exported = await admin('GET', `${SHOP}/promotions/export`)
    await admin('POST', `${SHOP}/promotions/import`, { promotions: exported.body.promotions })
    const { id: second } = (await admin('POST', `${SHOP}/promotions`, { name: 'Second', benefit: { kind: 'free_shipping' } })).body
    const { code } = (await admin('POST', `${SHOP}/promotions/${second}/codes`, {})).body
    await admin('DELETE', `${SHOP}/promotions/${second}/codes/${code}`)
    await admin('DELETE', `${SHOP}/promotions/${second}`)
    assertProblem(await admin('GET', `${SHOP}/promotions/${second}`), 404, 'promotion_not_found')
  })

  test('a preview with a code, a draft and a time', async () => {
    const described = { lines: [{ sku: 'MUG-INK' }], shippingAddress: ADDRESS, shippingMethod: 'standard', codes: ['WELCOME10'] }
    const promotions = [{ name: 'Draft', benefit: { kind: 'percent_off', percent: '5' } }]
    const answer = await admin('POST', `${SHOP}/promotions/preview?facts=true`, { cart: described, at: '2030-01-01T00:00:00Z', promotions })
    assert.equal(answer.body.promotions.length, 2)
    assertProblem(await admin('POST', `${SHOP}/promotions/preview`, { cart: 'none' }), 404, 'cart_not_found')
  })

  test('a subscription from its plan to its end', async () => {
    const plans = [{ id: 'free', name: 'Free', interval: 'P1M', price: { currency: 'USD', amount: 0 }, exclusive: 'tour', maxPeriods: 12 }]
    const club = { ...product('tour-club', 'TOUR-CLUB', 0), kind: 'subscription', plans }
    assert.deepEqual((await admin('PUT', `${SHOP}/products/tour-club`, club)).body.plans, plans)
    const items = [{ sku: 'TOUR-CLUB', plan: 'free', expectedUnitPrice: 0 }]
    const orders = `${SHOP}/orders?account=tour-member`
    const { order } = (await admin('POST', orders, { items, email: 'member@example.com' })).body
    assert.equal(order.state, 'PLACED')
    assertProblem(await admin('POST', orders, { items, email: 'member@example.com' }), 409, 'subscription_exists')
    assertProblem(await admin('POST', orders, { items: [...items, { sku: 'MUG-INK' }] }), 422, 'plan_not_alone')
    const path = `${SHOP}/subscriptions/${order.subscriptionId}`
    const begun = (await admin('GET', path)).body
    assert.deepEqual([begun.state, begun.periods, begun.provider], ['ACTIVE', 1, null])
    assert.equal((await admin('GET', `${SHOP}/subscriptions?account=tour-member&limit=1`)).body.items.length, 1)
    assert.equal((await admin('POST', `${path}/cancel`)).body.cancelAtPeriodEnd, true)
    assert.equal((await admin('POST', `${path}/resume`)).body.cancelAtPeriodEnd, false)
    assert.equal((await admin('POST', `${path}/cancel`, { at: 'now' })).body.state, 'CANCELLED')
    assertProblem(await admin('POST', `${path}/resume`), 409, 'subscription_state_forbids')
    assertProblem(await admin('GET', `${SHOP}/subscriptions/sub_none`), 404, 'subscription_not_found')
  })

  test('a guest from the first look to the paid order', async () => {
    await strict()('GET', CURRENT)
    const first = await strict()('POST', LINES, {
      lines: [{ sku: 'MUG-STONE', quantity: 2, options: { gift: true }, note: 'n' }, { sku: 'NO-SUCH' }],
    })
    const guest = strict(first.body.token)
    const line = first.body.cart.lines[0].id
    await guest('PUT', LINES, { lines: [{ sku: 'MUG-INK', quantity: 3 }] })
    await guest('PATCH', `${LINES}/${line}`, { quantity: 1 })
    await guest('POST', `${LINES}/${line}/save`)
    const saved = await guest('GET', `${CURRENT}/saved-lines`)
    await guest('POST', `${CURRENT}/saved-lines/${saved.body.items[0].id}/restore`)
    await guest('POST', `${CURRENT}/codes`, { code: 'WELCOME10' })
    await guest('DELETE', `${CURRENT}/codes/WELCOME10`)
    assertProblem(await guest('POST', `${CURRENT}/codes`, { code: 'NOPE' }), 422, 'code_rejected')
    await guest('POST', `${CURRENT}/commands`, {
      commands: [{ applyCode: { code: 'TOUR' } }, { add: { lines: [{ sku: 'TEE-FOREST-M' }] } }],
    })
    await guest('GET', `${CURRENT}/validation`)
    const { items } = (await guest('GET', `${CURRENT}/history?limit=3`)).body
    assert.ok(items[0].changes.length > 0)
    const { id } = (await guest('GET', CURRENT)).body
    assert.ok((await admin('GET', `${SHOP}/carts/${id}/explanation?facts=true`)).body.summary.length > 0)
    const unready = await guest('POST', `${SHOP}/orders`, { cartId: first.body.cart.id })
    assertProblem(unready, 409)
    await guest('PATCH', CURRENT, { email: 'r@example.com', shippingAddress: ADDRESS, attributes: { source: 'tour' } })
    assert.deepEqual((await guest('GET', `${CURRENT}/payment-methods`)).body.items, [
      { id: 'sandbox', name: 'sandbox', provider: 'sandbox', method: null, default: true },
    ])
    const methods = await guest('GET', `${CURRENT}/shipping-methods`)
    await guest('PATCH', CURRENT, { shippingMethod: methods.body.items[0].id })
    await guest('POST', `${CURRENT}/notices/acknowledge`, { ids: 'all' })
    await guest('GET', `${SHOP}/carts`)
    const ordered = await guest('POST', `${SHOP}/orders`, { cartId: first.body.cart.id })
    await guest('POST', `${SHOP}/orders/${ordered.body.order.id}/payments`, { returnUrl: 'https://shop.example/thanks' })
    await payOnPage(ordered.body.payment.url)
    const order = await strict(ordered.body.orderToken)('GET', `${SHOP}/orders/${ordered.body.order.id}`)
    assert.equal(order.body.state, 'PLACED')
    await guest('GET', `${SHOP}/orders`)
    await strict()('GET', `${SHOP}/payments/sandbox/returns/${ordered.body.payment.id}`)
    await admin('GET', `${SHOP}/orders?limit=1`)
    assertProblem(await guest('POST', `${SHOP}/carts/${first.body.cart.id}/lines`, { sku: 'MUG-INK' }), 409, 'cart_closed')
    // The stream of a cart that is over has one event and ends.
    assert.match((await guest('GET', `${SHOP}/carts/${first.body.cart.id}/stream`)).body, /^event: cart$/m)
    const path = `${SHOP}/orders/${order.body.id}`
    assert.ok((await guest('GET', `${path}/status`)).body.moves.length > 0)
    assert.equal((await admin('POST', `${path}/status`, { status: 'processing', message: 'Packing.' })).body.status, 'processing')
    await giveBack(order.body)
    assertProblem(await guest('POST', `${path}/cancel`), 409, 'order_state_forbids')
    const again = await guest('POST', `${path}/reorder`)
    assert.deepEqual([again.status, again.body.report.length > 0], [201, true])
    await guest('POST', `${path}/reorder`, { mode: 'replace' })
    const link = await guest('POST', `${path}/links`, { expiresIn: 'P1D' })
    assert.equal((await strict(link.body.token)('GET', path)).status, 200)
    // The stream of an order goes on until the right to read it ends.
    const followed = strict(link.body.token)('GET', `${path}/stream`)
    await eventually(async () => server.engine.watching.watchers() > 0)
    await guest('DELETE', `${path}/links`)
    assert.match((await followed).body, /^event: order$[\s\S]*^event: gone$/m)
    await strict()('POST', `${SHOP}/orders/lookup`, { email: 'r@example.com', number: order.body.number })
    assertProblem(await guest('POST', `${SHOP}/orders/claim`), 401, 'login_required')
    const preview = await admin('POST', `${path}/recalculation`, { mode: 'all' })
    assert.deepEqual([preview.status, preview.body.applied], [200, false])
    const made = { inline: { name: 'Engraving', unitPrice: 250, taxCategory: 'standard' } }
    const edited = await admin('PATCH', path, { lines: { add: [made], remove: ['ln_none'] }, preview: true })
    assert.deepEqual([edited.body.errors.length, edited.body.warnings.length], [1, 1])
    assert.equal((await admin('PATCH', path, { lines: { add: [made] }, language: 'de', message: 'by telephone' })).status, 200)
    assert.equal((await admin('GET', `${path}/revisions`)).body.items.length, 1)
    assert.equal((await admin('GET', `${path}/revisions/1`)).body.revision, 1)
    const packed = await admin('POST', `${path}/fulfilments`, { state: 'PENDING', note: 'At the counter' })
    await admin('PATCH', `${path}/fulfilments/${packed.body.fulfilments[0].id}`, { carrier: 'Post' })
    assert.ok((await guest('GET', `${path}/history`)).body.items.length > 2)
    assert.equal((await admin('POST', `${path}/cancel`, { message: 'Sold out.' })).body.state, 'CANCELLED')
  })

  /** Lines are split and cancelled, money goes back; what somebody gave back at the provider itself is refused there, and refused again. */
  async function giveBack({ id, lines, payments, currency }: Answer['body']): Promise<void> {
    const path = `${SHOP}/orders/${id}`
    const lineId = lines.find((line: { quantity: number }) => line.quantity > 1).id
    const split = await admin('POST', `${path}/lines/${lineId}/split`, { quantity: 1 })
    assert.equal(split.status, 201)
    await admin('POST', `${path}/cancel`, { lines: [{ lineId, quantity: 1 }], message: 'tour', restock: false })
    const given = { lines: [{ lineId: split.body.lineId, quantity: 1, restock: true }], shipping: true, amount: 1, reason: 'tour' }
    const answer = await admin('POST', `${path}/refunds`, given)
    assert.equal(answer.status, 201, JSON.stringify(answer.body))
    const { order, refund } = answer.body
    assertProblem(await admin('POST', `${path}/refunds/${refund.id}/retry`), 409, 'refund_state_forbids')
    assertProblem(await admin('POST', `${path}/refunds`, { amount: 1_000_000 }), 409, 'refund_exceeds_payment')
    const payment = await readPayment(server.engine.store.reader, 'demo', payments[0].id)
    const left = order.paidTotal.amount - order.refundedTotal.amount
    const byHand = { shopId: 'demo', sessionId: payment?.session_id ?? '', refundId: 'by-hand', amount: left, currency }
    await server.engine.providers.get('sandbox')?.refund(byHand, AbortSignal.timeout(5000))
    const refused = (await admin('POST', `${path}/refunds`, { amount: 1 })).body.refund
    assert.equal((await admin('POST', `${path}/refunds/${refused.id}/retry`)).body.refund.state, 'FAILED')
    assert.equal((await admin('GET', `${path}/refunds`)).body.items.length, 3)
  }

  test('an account that merges, clears and deletes; a free order without a cart', async () => {
    const login = await strict()('POST', '/v1/demo/login', { accountId: 'tour', email: 't@example.com' })
    const account = strict(login.body.token)
    const guest = await strict()('POST', `${SHOP}/carts`, { lines: [{ sku: 'MUG-STONE' }] })
    assert.equal((await account('POST', `${SHOP}/carts`, {})).status, 201)
    assert.equal((await account('POST', `${SHOP}/carts`, {})).status, 200)
    await account('POST', `${CURRENT}/merge`, { carts: [{ id: guest.body.cart.id, token: guest.body.token }] })
    await account('DELETE', `${LINES}/${(await account('GET', CURRENT)).body.lines[0].id}`)
    await account('DELETE', LINES)
    await account('DELETE', CURRENT)
    const items = { items: [{ sku: 'MUG-STONE' }], email: 't@example.com', shippingAddress: ADDRESS, shippingMethod: 'standard' }
    const unpaid = await account('POST', `${SHOP}/orders`, items)
    await account('POST', `${SHOP}/orders/${unpaid.body.order.id}/cancel`)
    await account('GET', `${SHOP}/orders?state=CANCELLED`)
    assert.deepEqual((await account('POST', `${SHOP}/orders/claim`)).body, { claimed: [], unclaimed: [], more: false })
  })

  test('payments by staff, and accounts at providers', async () => {
    const shop = '/v1/shops/tour'
    await admin('PATCH', `${shop}/settings`, { payment: { providers: ['manual', 'sandbox'], capture: 'manual' } })
    const items = [{ inline: { name: 'Cup', unitPrice: 500, taxCategory: 'standard', requiresShipping: false } }]
    const ordered = async (provider: string) => {
      const { order, payment } = (await admin('POST', `${shop}/orders`, { items, email: 'r@example.com', payment: { provider } })).body
      if (payment) await payOnPage(payment.url)
      return { of: `${shop}/orders/${order.id}/payments/${order.payments[0].id}`, read: () => admin('GET', `${shop}/orders/${order.id}`) }
    }
    const { of } = await ordered('manual')
    assert.equal((await admin('POST', `${of}/mark-paid`, { amount: 500, reference: 'R' })).body.paymentState, 'PAID')
    assertProblem(await admin('POST', `${of}/void`), 409, 'payment_state_forbids')
    for (const [kind, state] of [
      ['capture', 'PAID'],
      ['void', 'FAILED'],
    ] as const) {
      const reserved = await ordered('sandbox')
      await eventually(async () => (await reserved.read()).body.paymentState === 'AUTHORIZED')
      assert.equal((await admin('POST', `${reserved.of}/${kind}`)).body.paymentState, state)
    }
    const account = { secretKey: 'sk_test_0123456789', webhookSecret: 'whsec_0123456789' }
    assert.equal((await admin('PUT', `${shop}/payment-providers/stripe`, account)).body.configured, true)
    assert.ok((await admin('GET', `${shop}/payment-providers`)).body.items.length > 1)
    assert.equal((await admin('DELETE', `${shop}/payment-providers/stripe`)).status, 204)
    assertProblem(await admin('DELETE', `${shop}/payment-providers/stripe`), 404, 'payment_provider_not_found')
  })

  test('balances: adjusted, read, and offered as a way to pay', async () => {
    const shop = '/v1/shops/store'
    const { token } = (await strict()('POST', '/v1/demo/login', { accountId: 'saver' })).body
    const account = strict(token)
    const adjusted = { account: 'demo:saver', currency: 'USD', amount: 50_000, message: 'a gift' }
    assert.equal((await admin('POST', `${shop}/balances/adjustments`, adjusted)).body.amount.amount, 50_000)
    assertProblem(await admin('POST', `${shop}/balances/adjustments`, { ...adjusted, amount: -50_001 }), 409, 'balance_insufficient')
    await account('GET', `${shop}/balances`)
    await account('POST', `${shop}/carts/current/lines`, { sku: 'MUG-STONE' })
    const { items } = (await account('GET', `${shop}/carts/current/payment-methods`)).body
    assert.equal(items.at(-1).available.amount, 50_000)
    await account('PATCH', `${shop}/carts/current`, { email: 'r@example.com', shippingAddress: ADDRESS, shippingMethod: 'standard' })
    const ordered = await account('POST', `${shop}/orders`, { cartId: 'current', payment: { provider: 'balance' } })
    assert.equal(ordered.body.order.paymentState, 'PAID')
    const entries = (await account('GET', `${shop}/balances/entries?limit=1`)).body
    assert.deepEqual([entries.items[0].kind, entries.next], ['payment', entries.items[0].id])
  })

  test('secrets of a guest, several carts, links and the audit', async () => {
    const shop = '/v1/shops/classic'
    const current = `${shop}/carts/current`
    const first = await strict()('POST', `${shop}/carts`, { lines: [{ sku: 'MUG-STONE' }] })
    const guest = strict(first.body.token)
    const made = await guest('POST', `${current}/secrets`, { device: 'phone' })
    await guest('GET', `${current}/secrets`)
    assert.equal((await guest('DELETE', `${current}/secrets/${made.body.id}`)).status, 204)
    assertProblem(await guest('DELETE', `${current}/secrets/${made.body.id}`), 404, 'secret_not_found')
    await guest('POST', `${shop}/carts`, { new: true })
    await guest('POST', `${current}/lines/copy`, { from: first.body.cart.number })
    await guest('POST', `${current}/forget`)
    await guest('POST', `${shop}/carts/${first.body.cart.id}/select`)
    await guest('POST', `${shop}/carts/load`, { number: first.body.cart.number })
    const link = await guest('POST', `${current}/restore-links`)
    await strict()('POST', `${shop}/carts/restore`, { token: link.body.token })
    assertProblem(await strict()('POST', `${shop}/carts/restore`, { token: 'rt_x' }), 410, 'link_invalid')
    await admin('PATCH', `${shop}/settings`, { lines: { max: 400 } })
    await admin('GET', `${shop}/audit`)
  })

  test('webhooks, deliveries, what providers send, and the demo clock', async () => {
    const endpoint = await admin('POST', `${SHOP}/webhooks`, { url: 'http://127.0.0.1:9/', types: ['cart.created'] })
    await as()('POST', LINES, { sku: 'MUG-STONE' })
    await admin('GET', `${SHOP}/webhooks`)
    const path = `${SHOP}/webhooks/${endpoint.body.id}`
    const deliveries = await admin('GET', `${path}/deliveries`)
    assert.equal(deliveries.body.items.length, 1)
    const { id } = deliveries.body.items[0]
    assert.equal((await admin('GET', path)).status, 200)
    assert.equal((await admin('PATCH', path, { description: 'Warehouse', types: ['order.*'] })).body.description, 'Warehouse')
    assert.equal((await admin('POST', `${path}/rotate-secret`, { graceFor: 'PT1H' })).status, 200)
    assert.equal((await admin('POST', `${path}/test`)).body.delivered, false)
    assert.equal((await admin('GET', `${path}/deliveries/${id}`)).body.payload.type, 'cart.created')
    assert.equal((await admin('POST', `${path}/redeliver`, { state: 'DEAD' })).body.count, 0)
    await admin('POST', `${path}/deliveries/${id}/redeliver`)
    assertProblem(await admin('POST', `${path}/deliveries/dl_none/redeliver`), 404, 'delivery_not_found')
    assert.equal((await admin('DELETE', path)).status, 204)
    assertProblem(await strict()('POST', `${SHOP}/payments/sandbox/events`, { type: 'forged' }), 400, 'event_not_genuine')
    await strict()('POST', '/v1/demo/clock', { advance: 'PT1S' })
  })

  test('e-mails and their templates', async () => {
    const items = [{ sku: 'GUIDE-BREW' }]
    const { order } = (await as()('POST', `${SHOP}/orders`, { items, email: 'robin@example.com', codes: ['GRATIS'] })).body
    const sent = await admin('POST', `${SHOP}/orders/${order.id}/emails`, { kind: 'order_status', status: 'packed' })
    assert.equal(sent.status, 201)
    assert.deepEqual((await admin('GET', `${SHOP}/orders/${order.id}/emails`)).body.items.length, 2)
    await admin('GET', `${SHOP}/emails?limit=1`)
    await server.engine.jobs.runDue()
    assertProblem(await admin('POST', `${SHOP}/emails/${sent.body.id}/retry`), 409, 'email_unavailable')
    await admin('POST', `${SHOP}/orders/${order.id}/cancel`, { quiet: true })
    const [suppressed] = (await admin('GET', `${SHOP}/emails?state=SUPPRESSED`)).body.items
    await admin('POST', `${SHOP}/emails/${suppressed.id}/retry`)
    const path = `${SHOP}/email-templates/order_confirmation/en`
    await admin('GET', path)
    await admin('PUT', path, { subject: 'S', html: '<p>H</p>', text: 'T' })
    await admin('GET', path)
    await admin('GET', `${SHOP}/email-templates`)
    await admin('POST', `${SHOP}/email-templates/preview`, { kind: 'order_confirmation' })
    assert.equal((await admin('DELETE', path)).status, 204)
    assertProblem(await admin('PUT', path, { subject: 'S', html: '{{', text: 'T' }), 422, 'email_template_invalid')
  })

  test('forms', async () => {
    const { token } = (await as()('POST', '/v1/demo/login', { accountId: 'form-tour' })).body
    await strict(token)('GET', `${SHOP}/forms/cart`)
    const form = async (method: string, path: string, fields?: Record<string, string>) => {
      const body = fields && new URLSearchParams(fields)
      const headers = { authorization: `Bearer ${token}` }
      const response = await fetch(server.url + SHOP + path, { method, headers, redirect: 'manual', ...(body ? { body } : {}) })
      const text = await response.text()
      const isJson = response.headers.get('content-type')?.includes('json') === true
      const answer = { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text }
      const template = templateOf(`${SHOP}${path}`)
      assertDeclared(method, template, answer)
      if (answer.status < 400) visited.add(`${method} ${template}`)
      return answer.status
    }
    assert.equal(await form('POST', '/forms/cart', { purchasableId: 'MUG-INK', redirect: '/cart' }), 303)
    assert.equal(await form('POST', '/forms/cart', { purchasableId: 'NO-SUCH' }), 422)
    const { number } = (await strict(token)('GET', CURRENT)).body
    assert.equal(await form('POST', '/forms/load-cart', { number }), 303)
    assert.equal(await form('GET', `/forms/load-cart?number=${number}`), 303)
    assert.equal(await form('POST', '/forms/session'), 204)
  })

  test('a document with less than all routes would be noticed: the tour visited every operation', () => {
    // A genuine provider's message needs its signature; checkout tests send it.
    const missing = operations.filter(({ name }) => !visited.has(name) && !name.endsWith('/payments/{provider}/events'))
    assert.deepEqual(missing, [])
  })
})
