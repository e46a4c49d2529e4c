// What the wire promises: every answer has the form that the OpenAPI document declares for it, caches and browsers get the headers they need,
// and a server that stops loses nothing that it said was done.
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { describe, test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { EVENT_TYPES } from '../src/core/event.ts'
import { readPayment } from '../src/store/orders.ts'
import { ADMIN, type Answer, atOnce, caller, DIALECTS, eventually, freshDatabase, freshFolder, startTestServer } from './harness.ts'
import { ADDRESS, assertProblem, contentOfTables, product, rowsIn, secretOf } from './http-probe.ts'

const server = await startTestServer(await freshDatabase('sqlite'), { mail: { folder: freshFolder() } })
const SHOP = '/v1/shops/demo'
const CURRENT = `${SHOP}/carts/current`
const LINES = `${CURRENT}/lines`
const as = (token?: string) => caller(server.url, token)
const told = (answer: Answer) => `${answer.status} ${JSON.stringify(answer.body).slice(0, 400)}`

interface Operation {
  readonly parameters?: readonly { name: string; in: string; required?: boolean }[]
  readonly responses: Readonly<Record<string, { description?: string; content?: Readonly<Record<string, unknown>> }>>
}
interface Document {
  readonly openapi: string
  readonly info: { title: string; version: string }
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly webhooks: Readonly<Record<string, { post: { requestBody: { content: Record<string, { schema: object }> } } }>>
  readonly components: { readonly schemas: Readonly<Record<string, object>> }
}
const document = (await as()('GET', '/openapi.json')).body as Document

const ajv = new Ajv2020({ strict: false, allErrors: true })
addFormats.default(ajv)
ajv.addSchema(document as object, 'https://api/')
const escaped = (text: string) => encodeURIComponent(text.replaceAll('~', '~0').replaceAll('/', '~1'))

// Every answer -----------------------------------------------------------------------------------------------------------------------------

const visited = new Set<string>()

/** The documented path that an address belongs to; a fixed segment wins over a parameter. */
function templateOf(path: string): string {
  const segments = (path.split('?', 1)[0] ?? '').split('/')
  const fits = Object.keys(document.paths).filter((template) => {
    const wanted = template.split('/')
    return wanted.length === segments.length && wanted.every((part, index) => part.startsWith('{') || part === segments[index])
  })
  return fits.sort((a, b) => a.split('{').length - b.split('{').length)[0] ?? assert.fail(`${path} is not documented`)
}

/** Fails unless the document declares this answer and the answer is what it declares. */
function assertDeclared(method: string, path: string, { status, headers, body }: Answer): void {
  const template = templateOf(path)
  const { responses } = document.paths[template]?.[method.toLowerCase()] ?? assert.fail(`${method} ${template} is not documented`)
  const declared = responses[status] ? String(status) : `${String(status)[0]}XX`
  const answer = responses[declared] ?? assert.fail(`${method} ${template} declares no ${status}: ${JSON.stringify(body)}`)
  if (status < 400) visited.add(`${method} ${template}`)
  if (!answer.content) {
    assert.equal(body, '', `${method} ${template} declares no body`)
    return
  }
  const type = headers.get('content-type')?.split(';', 1)[0] ?? ''
  assert.ok(type in answer.content, `${method} ${template} declares ${Object.keys(answer.content)}, not ${type}`)
  const pointer = `https://api/#/paths/${escaped(template)}/${method.toLowerCase()}/responses/${declared}/content/${escaped(type)}/schema`
  const validate = ajv.getSchema(pointer) ?? assert.fail(`no schema at ${pointer}`)
  assert.ok(validate(body), `${method} ${path} ${status}: ${ajv.errorsText(validate.errors)}\n${JSON.stringify(body).slice(0, 600)}`)
}

/** A caller whose every answer is held against the document. */
function strict(token?: string) {
  return async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> => {
    const answer = await as(token)(method, path, body, headers)
    assertDeclared(method, path, answer)
    return answer
  }
}

async function payInBrowser(url: string): Promise<void> {
  const card = new URLSearchParams({ number: '4242424242424242', expiry: '12/40', cvc: '123', name: 'Robin' })
  const paid = await fetch(url, { method: 'POST', body: card, redirect: 'manual' })
  assert.equal(paid.status, 303)
  await fetch(new URL(paid.headers.get('location') ?? '', url), { redirect: 'manual' })
}

describe('every answer is what the document declares', () => {
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
    await payInBrowser(ordered.body.payment.url)
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
    await guest('DELETE', `${path}/links`)
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
      if (payment) await payInBrowser(payment.url)
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
      assertDeclared(method, `${SHOP}${path}`, answer)
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
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    )
    // A genuine provider's message needs its signature; checkout tests send it.
    const missing = operations.filter((operation) => !visited.has(operation) && !operation.endsWith('/payments/{provider}/events'))
    assert.deepEqual(missing, [])
  })
})

/** Routes that are no part of the API: for machines that look after it, the reference, and the pages of the sandbox. */
const HIDDEN = [
  ['GET', '/healthz'],
  ['GET', '/readyz'],
  ['GET', '/openapi.json'],
  ['GET', '/docs'],
  ['GET', '/docs/*'],
  ['GET', '/'],
  ['GET', '/shop/*'],
  ['GET', '/dev/mail'],
  ['GET', '/dev/mail/:mail'],
  ['GET', '/dev/mail/:mail/body'],
  ['GET', '/sandbox/pay/:shop/:session'],
  ['POST', '/sandbox/pay/:shop/:session'],
  ['GET', '/sandbox/pay/:shop/:session/challenge'],
  ['POST', '/sandbox/pay/:shop/:session/challenge'],
  ['POST', '/sandbox/pay/:shop/:session/leave'],
  ['GET', '/v1/shops/:shop/r/:token'],
  ['POST', '/v1/shops/:shop/r/:token'],
  ['POST', '/v1/shops/:shop/forms/restore'],
] as const

// The document -----------------------------------------------------------------------------------------------------------------------------

describe('the OpenAPI document', () => {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  )

  test('is of version 3.1 and says what it describes', () => {
    assert.match(document.openapi, /^3\.1\.\d+$/)
    assert.ok(document.info.title && document.info.version)
  })

  test('lists every route of the API that the router has, and no other', () => {
    const documented = operations.map(({ path, method }) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`)
    const served = documented.filter((operation) => {
      const [method = '', url = ''] = operation.split(' ')
      return server.app.hasRoute({ method: method as 'GET', url })
    })
    assert.deepEqual(served, documented)
    const count = server.app.printRoutes({ commonPrefix: false }).match(/\b(?:GET|POST|PUT|PATCH|DELETE)\b/g)?.length ?? 0
    assert.equal(documented.length, count - HIDDEN.length)
    for (const [method, url] of HIDDEN) assert.ok(server.app.hasRoute({ method, url }), `${method} ${url}`)
  })

  test('has no reference that leads nowhere', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1] as string)
    assert.ok(references.length > 50)
    for (const reference of new Set(references)) {
      const name = /^#\/components\/schemas\/(\w+)$/.exec(reference)?.[1] ?? assert.fail(reference)
      assert.ok(document.components.schemas[name], reference)
    }
  })

  test('declares every parameter of every path, an answer with a schema for every success, and problems', () => {
    for (const { path, method, operation } of operations) {
      const name = `${method} ${path}`
      const declared = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path')
      assert.deepEqual(
        declared.map((parameter) => parameter.name).sort(),
        [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1] as string).sort(),
        name,
      )
      assert.ok(
        declared.every((parameter) => parameter.required === true),
        name,
      )
      const codes = Object.keys(operation.responses)
      assert.ok(
        codes.every((code) => /^([1-5]\d\d|[1-5]XX)$/.test(code)),
        `${name}: ${codes}`,
      )
      assert.ok(
        codes.some((code) => code.startsWith('2') || code === '303'),
        `${name} declares no success`,
      )
      assert.ok(codes.includes('4XX') && codes.includes('5XX'), `${name} declares no problem`)
      for (const code of codes)
        assert.ok(
          operation.responses[code]?.description && (['204', '303'].includes(code) || operation.responses[code]?.content),
          `${name} ${code}`,
        )
    }
  })

  test('names Idempotency-Key and If-Match where they count', () => {
    const headersOf = (path: string, method: string) =>
      (document.paths[path]?.[method]?.parameters ?? []).filter((each) => each.in === 'header').map((each) => each.name)
    const cart = '/v1/shops/{shop}/carts/{cart}'
    assert.deepEqual(headersOf(`${cart}/lines`, 'post'), ['Idempotency-Key', 'If-Match'])
    assert.deepEqual(headersOf(cart, 'delete'), ['Idempotency-Key', 'If-Match'])
    assert.deepEqual(headersOf('/v1/shops/{shop}/orders', 'post'), ['Idempotency-Key'])
    assert.deepEqual(headersOf(cart, 'get'), [])
  })

  test('describes every event as a webhook', () => {
    assert.deepEqual(Object.keys(document.webhooks).sort(), [...EVENT_TYPES].sort())
    for (const { post } of Object.values(document.webhooks)) assert.ok(post.requestBody.content['application/json']?.schema)
  })

  test('compiles: every schema in it is a JSON Schema of 2020-12', () => {
    for (const name of Object.keys(document.components.schemas)) assert.ok(ajv.getSchema(`https://api/#/components/schemas/${name}`), name)
  })
})

// Caches -----------------------------------------------------------------------------------------------------------------------------------

const guestWith = async (sku = 'MUG-STONE') => {
  const { body } = await as()('POST', LINES, { sku })
  return { token: body.token as string, cart: body.cart as { id: string; version: number }, call: as(body.token) }
}

describe('a cart and its caches', () => {
  test('If-None-Match of what did not change is 304 without a body', async () => {
    const { call } = await guestWith()
    const read = await call('GET', CURRENT)
    const etag = read.headers.get('etag') ?? assert.fail('no ETag')
    const again = await call('GET', CURRENT, undefined, { 'if-none-match': etag })
    assert.equal(again.status, 304)
    assert.equal(again.body, '')
    assert.equal(again.headers.get('etag'), etag)
    await call('PATCH', CURRENT, { note: 'changed' })
    assert.equal((await call('GET', CURRENT, undefined, { 'if-none-match': etag })).status, 200)
  })

  test('the ETag of a write is the ETag of the next read', async () => {
    const { call } = await guestWith()
    const writes: [method: string, path: string, body?: unknown][] = [
      ['POST', LINES, { sku: 'MUG-INK', quantity: 2 }],
      ['PUT', LINES, { lines: [{ sku: 'MUG-MOSS', quantity: 1 }] }],
      ['POST', `${CURRENT}/codes`, { code: 'WELCOME10' }],
      ['PATCH', CURRENT, { email: 'r@example.com', shippingAddress: ADDRESS }],
      ['DELETE', `${CURRENT}/codes/WELCOME10`],
      ['DELETE', LINES],
    ]
    for (const [method, path, body] of writes) {
      const written = await call(method, path, body)
      const read = await call('GET', CURRENT)
      assert.equal(written.headers.get('etag'), read.headers.get('etag'), `${method} ${path}`)
      assert.deepEqual(written.body.cart, read.body)
    }
  })

  test('a private thing is not kept by shared caches', async () => {
    const { call } = await guestWith()
    assert.match((await call('GET', CURRENT)).headers.get('cache-control') ?? '', /private|no-store/)
    assert.equal((await as()('GET', `${SHOP}/orders`)).headers.get('cache-control'), 'no-store')
  })

  test('SEED1-09 SEED4-28 before the first write `current` is an empty cart, and no row exists', async () => {
    const was = await contentOfTables(server.engine.store.reader)
    const token = (await as()('POST', '/v1/demo/login', { accountId: 'nobody-yet' })).body.token
    for (const call of [as(), as(token)]) {
      const { status, body } = await call('GET', CURRENT)
      assert.equal(status, 200)
      assert.deepEqual([body.version, body.lines, body.total.amount, body.state], [0, [], 0, 'OPEN'])
      assert.match(body.number, /\S/)
      assert.equal((await call('GET', `${CURRENT}/validation`)).body.valid, false)
    }
    assert.deepEqual(await contentOfTables(server.engine.store.reader), was)
  })

  test("SEED2-24 a guest's first write is 201 with a token, every later one 200 without", async () => {
    const first = await as()('POST', LINES, { sku: 'MUG-STONE' })
    assert.equal(first.status, 201)
    assert.match(first.body.token, /^ct_[0-9a-f]{32}_[\w-]{43}$/)
    const second = await as(first.body.token)('POST', LINES, { sku: 'MUG-STONE' })
    assert.deepEqual([second.status, second.body.token], [200, undefined])
    assert.ok(!JSON.stringify((await as(first.body.token)('GET', CURRENT)).body).includes(secretOf(first.body.token)))
  })

  test('a first write that is refused makes no guest and shows no token', async () => {
    const was = await rowsIn(server.engine.store.reader, 'guests', 'guest_secrets', 'carts')
    const answer = await as()('POST', LINES, { sku: 'NO-SUCH' })
    assertProblem(answer, 422, 'unknown_sku')
    assert.ok(!JSON.stringify(answer.body).includes('ct_'))
    assert.deepEqual(await rowsIn(server.engine.store.reader, 'guests', 'guest_secrets', 'carts'), was)
  })
})

// Browsers and machines ----------------------------------------------------------------------------------------------------------------------

describe('browsers of another origin', () => {
  const origin = 'https://shop.example'
  const list = (header: string | null) => (header ?? '').toLowerCase().split(/\s*,\s*/)
  const preflight = (path: string, from = origin) =>
    fetch(server.url + path, {
      method: 'OPTIONS',
      headers: {
        origin: from,
        'access-control-request-method': 'PATCH',
        'access-control-request-headers': 'authorization,content-type,idempotency-key,if-match,if-none-match',
      },
    })

  test('may send every documented header and method, and ask once a day', async () => {
    const answer = await preflight(CURRENT)
    assert.equal(answer.status, 204)
    assert.equal(answer.headers.get('access-control-allow-origin'), '*')
    for (const header of ['authorization', 'content-type', 'idempotency-key', 'if-match', 'if-none-match'])
      assert.ok(list(answer.headers.get('access-control-allow-headers')).includes(header), header)
    for (const method of ['get', 'post', 'put', 'patch', 'delete'])
      assert.ok(list(answer.headers.get('access-control-allow-methods')).includes(method), method)
    assert.equal(answer.headers.get('access-control-max-age'), '86400')
    assert.equal(answer.headers.get('access-control-allow-credentials'), null)
  })

  test('may read the headers they need, of answers and of problems', async () => {
    const { call } = await guestWith()
    for (const answer of [
      await call('GET', CURRENT, undefined, { origin }),
      await as()('GET', `${SHOP}/orders`, undefined, { origin }),
      await call('POST', LINES, { sku: 'X' }, { origin }),
    ]) {
      assert.equal(answer.headers.get('access-control-allow-origin'), '*', told(answer))
      for (const header of ['etag', 'retry-after', 'idempotency-replayed', 'x-request-id'])
        assert.ok(list(answer.headers.get('access-control-expose-headers')).includes(header), header)
    }
  })

  test("are let in only from the shop's origins, where it names some", async () => {
    const shop = '/v1/shops/fill'
    await as(ADMIN)('PATCH', `${shop}/settings`, { access: { origins: [origin, 'https://www.shop.example'] } })
    const allowed = await preflight(`${shop}/products`)
    assert.equal(allowed.headers.get('access-control-allow-origin'), origin)
    assert.match(allowed.headers.get('vary') ?? '', /origin/i)
    for (const stranger of ['https://evil.example', 'https://shop.example.evil.example', 'http://shop.example', 'null']) {
      assert.equal((await preflight(`${shop}/products`, stranger)).headers.get('access-control-allow-origin'), null, stranger)
      const answer = await as()('GET', `${shop}/products?limit=1`, undefined, { origin: stranger })
      assert.equal(answer.headers.get('access-control-allow-origin'), null, stranger)
    }
    assert.equal(
      (await preflight(CURRENT, 'https://evil.example')).headers.get('access-control-allow-origin'),
      '*',
      'other shops stay as they are',
    )
  })
})

describe('machines that look after it', () => {
  test('every answer has a request id of our own, the same as in the problem', async () => {
    const answers = [
      await as()('GET', `${SHOP}/products?limit=1`),
      await as()('GET', `${SHOP}/orders`),
      await as()('GET', '/nowhere'),
      await as()('POST', LINES, { sku: 1 }),
    ]
    const ids = answers.map((answer) => answer.headers.get('x-request-id'))
    for (const id of ids) assert.match(id ?? '', /^req_\w+$/)
    assert.equal(new Set(ids).size, ids.length)
    for (const answer of answers.slice(1)) assert.equal(answer.body.requestId, answer.headers.get('x-request-id'))
    const forged = await as()('GET', '/nowhere', undefined, { 'x-request-id': 'mine' })
    assert.notEqual(forged.headers.get('x-request-id'), 'mine')
  })

  test('an unknown path or method is a problem', async () => {
    for (const [method, path] of [
      ['GET', '/nothing'],
      ['GET', '/v1/nothing'],
      ['POST', `${SHOP}/nothing`],
      ['PUT', CURRENT],
      ['DELETE', '/healthz'],
    ] as const)
      assertProblem(await as()(method, path), 404, 'not_found')
  })

  test('HEAD answers what GET answers, without the body', async () => {
    const { token, call } = await guestWith()
    for (const path of [CURRENT, `${SHOP}/products?limit=2`, '/healthz']) {
      const get = await call('GET', path)
      const head = await fetch(server.url + path, { method: 'HEAD', headers: { authorization: `Bearer ${token}` } })
      assert.deepEqual(
        [head.status, head.headers.get('content-type'), head.headers.get('etag')],
        [get.status, get.headers.get('content-type'), get.headers.get('etag')],
        path,
      )
      assert.equal(await head.text(), '')
    }
  })

  test('health, readiness, the document and its page answer', async () => {
    assert.equal((await as()('GET', '/healthz')).status, 200)
    assert.deepEqual((await as()('GET', '/readyz')).body, { ok: true, database: 'sqlite', waiting: 0 })
    assert.equal((await as()('GET', '/openapi.json')).status, 200)
    const page = await fetch(`${server.url}/docs`)
    assert.equal(page.status, 200)
    assert.match(page.headers.get('content-type') ?? '', /text\/html/)
  })

  test('503 says when to come again', async () => {
    const own = await startTestServer(await freshDatabase('sqlite'))
    const first = await caller(own.url)('POST', LINES, { sku: 'MUG-STONE' })
    await own.engine.store.transact((writer) => writer.db.updateTable('carts').set({ format: 99 }).execute())
    const newer = await caller(own.url, first.body.token)('GET', CURRENT)
    assertProblem(newer, 503, 'document_too_new')
    assert.match(newer.headers.get('retry-after') ?? '', /^[1-9]\d*$/)
    await own.engine.carts.drain()
    const full = await caller(own.url)('POST', LINES, { sku: 'MUG-STONE' })
    assertProblem(full, 503, 'overloaded')
    assert.match(full.headers.get('retry-after') ?? '', /^[1-9]\d*$/)
  })
})

// Settings -----------------------------------------------------------------------------------------------------------------------------------

describe('settings', () => {
  test('what is not valid is refused with its path, and nothing changes', async () => {
    const admin = as(ADMIN)
    const was = (await admin('GET', `${SHOP}/settings`)).body
    const wrong: [patch: unknown, path: string, code?: string][] = [
      [{ retention: { anonymous: '30 days' } }, '/retention/anonymous'],
      [{ inventory: { holdTtl: 'P1M' } }, '/inventory/holdTtl'],
      [{ checkout: { unpaidTtl: '' } }, '/checkout/unpaidTtl'],
      [{ orders: { tokenTtl: 'PT' } }, '/orders/tokenTtl'],
      [{ checkout: { gest: true } }, '/checkout/gest'],
      [{ colours: {} }, '/colours'],
      [{ lines: { max: 501 } }, '/lines/max'],
      [{ promotions: { maxCodes: 11 } }, '/promotions/maxCodes'],
      [{ cart: { types: [] } }, '/cart/types'],
      [{ tax: { rates: [{ name: 'VAT', category: 'standard', percent: '19 %', included: true }] } }, '/tax/rates/0/percent'],
      [
        { tax: { rates: [{ name: 'T', category: 's', country: 'US', postalCodes: ['9-1'], percent: '1', included: true }] } },
        '/tax/rates/0/postalCodes/0',
      ],
      [{ tax: { reverseCharge: { home: 'AT', countries: [], require: 'format' } } }, '/tax/reverseCharge/countries'],
      [
        { shipping: { methods: [{ id: 's', name: 'S', rates: [{ currency: 'XXQ', amount: 1 }] }] } },
        '/shipping/methods/0/rates/0/currency',
        'currency_unknown',
      ],
      [
        { access: { issuers: [{ name: 'x', iss: 'i', aud: 'a', algorithms: ['none'], secret: 'x'.repeat(32) }] } },
        '/access/issuers/0/algorithms/0',
      ],
      [{ access: { issuers: [{ name: 'x', iss: 'i', aud: 'a', algorithms: ['HS256'] }] } }, '/access/issuers/0'],
      [{}, ''],
    ]
    for (const [patch, path, code] of wrong) {
      const answer = await admin('PATCH', `${SHOP}/settings`, patch)
      assertProblem(answer, 422, code ?? 'invalid')
      assert.equal(answer.body.path, path, told(answer))
    }
    assert.deepEqual((await admin('GET', `${SHOP}/settings`)).body, was)
  })

  test('what is not named stays, and secrets of issuers are never shown', async () => {
    const admin = as(ADMIN)
    const was = (await admin('GET', '/v1/shops/classic/settings')).body
    const { body } = await admin('PATCH', '/v1/shops/classic/settings', { checkout: { guest: false } })
    assert.deepEqual(body, { ...was, checkout: { ...was.checkout, guest: false } })
    assert.deepEqual((await admin('GET', '/v1/shops/classic/settings')).body, body)
    assert.equal(body.access.issuers[0].secret, undefined)
    assert.equal(body.access.issuers[0].hasSecret, true)
  })

  for (const dialect of DIALECTS) {
    test(`a change takes effect with the next request, on every node (${dialect})`, async () => {
      const address = await freshDatabase(dialect)
      const nodes = [await startTestServer(address), ...(dialect === 'postgres' ? [await startTestServer(address)] : [])]
      const shop = '/v1/shops/classic'
      const add = async () =>
        (await Promise.all(nodes.map((node) => caller(node.url)('POST', `${shop}/carts/current/lines`, { sku: 'MUG-STONE' })))).map(
          (answer) => answer.status,
        )
      const expected = (status: number) => nodes.map(() => status)
      assert.deepEqual(await add(), expected(201))
      for (const guestCarts of [false, true, false]) {
        await caller(nodes[0]?.url ?? '', ADMIN)('PATCH', `${shop}/settings`, { access: { guestCarts } })
        assert.deepEqual(await add(), expected(guestCarts ? 201 : 401))
      }
    })
  }
})

// Stopping -----------------------------------------------------------------------------------------------------------------------------------

/** Sends a POST whose body comes in two parts; `finish` sends the second and answers what came back. */
async function slowPost(url: string, path: string, token: string, body: string): Promise<{ finish: () => Promise<string> }> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  await new Promise((resolve) => socket.once('connect', resolve))
  let received = ''
  socket.setEncoding('utf8')
  socket.on('data', (chunk: string) => {
    received += chunk
  })
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.write(
    `POST ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n`,
  )
  socket.write(body.slice(0, 5))
  await new Promise((resolve) => setTimeout(resolve, 50))
  return {
    finish: async () => {
      socket.write(body.slice(5))
      await closed
      return received
    },
  }
}

for (const dialect of DIALECTS) {
  describe(`a server that stops (${dialect})`, () => {
    test('finishes the request that is under way', async () => {
      const address = await freshDatabase(dialect)
      const own = await startTestServer(address)
      const { token } = (await caller(own.url)('POST', LINES, { sku: 'MUG-STONE' })).body
      const slow = await slowPost(own.url, LINES, token, JSON.stringify({ sku: 'MUG-INK', quantity: 7 }))
      const closing = own.close()
      await new Promise((resolve) => setTimeout(resolve, 50))
      assert.match(await slow.finish(), /^HTTP\/1\.1 200 /)
      await closing
      const after = await startTestServer(address)
      assert.equal((await caller(after.url, token)('GET', CURRENT)).body.itemCount, 8)
    })

    test('keeps every add that it answered with 2xx, and refuses the others as problems or not at all', async () => {
      const address = await freshDatabase(dialect)
      const own = await startTestServer(address)
      const { token } = (await caller(own.url)('POST', LINES, { sku: 'MUG-STONE' })).body
      let done = 0
      const others: string[] = []
      let stopped: Promise<void> | null = null
      await atOnce(30, async () => {
        for (let turn = 0; turn < 20; turn++) {
          if (done >= 100) stopped ??= own.close()
          const answer = await caller(own.url, token)('POST', LINES, { sku: 'MUG-INK' }).catch(() => null)
          if (answer?.status === 200) done++
          else if (answer) others.push(`${answer.status} ${answer.headers.get('content-type')} ${answer.headers.get('retry-after')}`)
          else return
        }
      })
      const began = performance.now()
      await stopped
      // Clients keep their connections; waiting for them to let go would take minutes.
      assert.ok(performance.now() - began < 15_000, 'stopping took too long')
      assert.ok(done >= 100 && done < 600, `${done} of 600 were done`)
      for (const other of others) assert.equal(other, '503 application/problem+json; charset=utf-8 1')
      const after = await startTestServer(address)
      const { lines } = (await caller(after.url, token)('GET', CURRENT)).body
      assert.equal(lines.find((line: { sku: string }) => line.sku === 'MUG-INK').quantity, done)
    })
  })
}
