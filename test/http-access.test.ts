// Who is let in. The routes come from the running server, so a new one is in the matrix at once and fails it until somebody states who may
// call it. Every route is called with every kind of token that must not open it: the answer is 401, 403 or 404, never the thing itself, and
// afterwards every table holds what it held before.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { SignJWT } from 'jose'
import { pino } from 'pino'
import { SCOPES, type Scope } from '../src/core/scope.ts'
import { createApp } from '../src/http/app.ts'
import { ADMIN, type Answer, caller, freshDatabase, startTestServer } from './harness.ts'
import { ADDRESS, assertProblem, contentOfTables, deadLetter, product, secretOf } from './http-probe.ts'
import { openStream } from './streams.ts'

const server = await startTestServer(await freshDatabase('sqlite'))
const { engine } = server
const SHOP = '/v1/shops/demo'
const as = (token?: string) => caller(server.url, token)
const admin = as(ADMIN)

// What there is to be protected, and who must not reach it ------------------------------------------------------------------------------

const ready = { email: 'r@example.com', shippingAddress: ADDRESS, shippingMethod: 'standard' }

async function shopper(token: string | undefined, shop = SHOP) {
  const added = await as(token)('POST', `${shop}/carts/current/lines`, { sku: 'MUG-STONE' })
  const own = token ?? (added.body.token as string)
  await as(own)('PATCH', `${shop}/carts/current`, ready)
  const { cart } = added.body
  const ordered = await as(own)('POST', `${shop}/orders`, { cartId: cart.id, expectedTotal: 1_000_000 })
  assert.equal(ordered.status, 201, JSON.stringify(ordered.body))
  return {
    token: own,
    cart: cart.id as string,
    number: cart.number as string,
    line: cart.lines[0].id as string,
    order: ordered.body.order.id as string,
    orderToken: ordered.body.orderToken as string,
    paymentId: ordered.body.payment.id as string,
  }
}

const login = async (accountId: string) => (await as()('POST', '/v1/demo/login', { accountId })).body.token as string
const key = async (kind: 'server' | 'staff', scopes: readonly Scope[], shop = SHOP) =>
  (await admin('POST', `${shop}/api-keys`, { kind, name: 'test', scopes })).body as { id: string; token: string }

const victims = { guest: await shopper(undefined), account: await shopper(await login('victim')) }
const others = {
  guest: await shopper(undefined),
  account: await shopper(await login('other')),
  elsewhere: await shopper(undefined, '/v1/shops/fill'),
}
const promotion = (await admin('GET', `${SHOP}/promotions`)).body.items[0].id as string
const victimKey = await key('server', ['carts:read'])
const webhook = (await admin('POST', `${SHOP}/webhooks`, { url: 'http://127.0.0.1:9/', types: ['refund.failed'] })).body.id as string
await engine.store.transact((writer) => writer.db.insertInto('deliveries').values(deadLetter(webhook, 'dl_1')).execute())

const jwtSecret = new TextEncoder().encode(
  (await engine.store.reader.db.selectFrom('instance').select('value').where('name', '=', 'demo_jwt_secret').executeTakeFirstOrThrow())
    .value,
)

/** A token for the account whose things are protected, right in everything but what is changed. */
function jwt(changes: { secret?: Uint8Array; alg?: string; exp?: number | null; aud?: string; iss?: string } = {}): Promise<string> {
  const token = new SignJWT({})
    .setProtectedHeader({ alg: changes.alg ?? 'HS256' })
    .setIssuer(changes.iss ?? 'https://demo.cartwright.invalid')
    .setAudience(changes.aud ?? 'cartwright-demo')
    .setSubject('victim')
  if (changes.exp !== null) token.setExpirationTime(changes.exp ?? Math.floor(Date.now() / 1000) + 600)
  return token.sign(changes.secret ?? jwtSecret)
}

async function withoutSignature(): Promise<string> {
  const [, payload] = (await jwt()).split('.')
  return `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`
}

async function revokedKey(): Promise<string> {
  const { id, token } = await key('server', ['*'])
  assert.equal((await admin('DELETE', `${SHOP}/api-keys/${id}`)).status, 204)
  return token
}

const guestId = victims.guest.token.slice('ct_'.length, 'ct_'.length + 32)
const otherSecret = secretOf(others.guest.token)

/** Tokens that are good for nothing in this shop. */
const INVALID: Readonly<Record<string, string>> = {
  'a broken token': 'nonsense',
  'a guest token cut short': victims.guest.token.slice(0, -1),
  "the guest's id with the secret of another": `ct_${guestId}_${otherSecret}`,
  'a guest token of another shop': others.elsewhere.token,
  'an order token of another shop': others.elsewhere.orderToken,
  'an order token with another order in it': victims.guest.orderToken.replace(
    /^ot_[0-9a-f]+/,
    `ot_${others.guest.order.slice('ord_'.length)}`,
  ),
  'an expired JWT': await jwt({ exp: Math.floor(Date.now() / 1000) - 1 }),
  'a JWT that never expires': await jwt({ exp: null }),
  'a JWT signed with another key': await jwt({ secret: new TextEncoder().encode('x'.repeat(43)) }),
  'a JWT signed with an algorithm that is not allowed': await jwt({ alg: 'HS512' }),
  'a JWT for another audience': await jwt({ aud: 'somebody-else' }),
  'a JWT of another issuer': await jwt({ iss: 'https://elsewhere.example' }),
  'a JWT without signature': await withoutSignature(),
  'a key of another shop': (await key('server', ['*'], '/v1/shops/store')).token,
  'a staff key presented as a server key': (await key('staff', ['*'])).token.replace(/^st_/, 'sk_'),
  'a revoked key': await revokedKey(),
}

assert.equal(
  (await as(await jwt())('GET', `${SHOP}/carts/${victims.account.cart}`)).status,
  200,
  'the JWT that the others are made from is good',
)

/** Keys with every scope but one, by that scope. */
const lacking = new Map<Scope, { server: string; staff: string }>()
async function keysWithout(scope: Scope): Promise<{ server: string; staff: string }> {
  const known = lacking.get(scope)
  if (known) return known
  const scopes = SCOPES.filter((each) => each !== '*' && each !== scope)
  const made = { server: (await key('server', scopes)).token, staff: (await key('staff', scopes)).token }
  lacking.set(scope, made)
  return made
}

// The rules ------------------------------------------------------------------------------------------------------------------------------

interface Target {
  readonly path: string
  readonly body?: unknown
}
type Expected = readonly [status: number, code: string]

/** Who may call a route, and what those get who may call it but not for what is somebody else's. */
type Rule =
  | 'public'
  | { readonly who: 'admin'; readonly target: Target }
  | {
      readonly who: 'shop'
      /** What the owner of a cart or order may; null: for keys only. `own`: everybody may call it for their own things. */
      readonly stranger: Expected | 'own' | null
      readonly anonymous: Expected | 'own'
      /** What an order token of another order gets; a route that knows no order tokens answers 401. */
      readonly orderToken?: Expected
      readonly scope: Scope
      /** What a key needs besides. */
      readonly further?: readonly Scope[]
      readonly targets: readonly Target[]
    }

const NO_CART: Expected = [404, 'cart_not_found']
const NO_ORDER: Expected = [404, 'order_not_found']
const NO_SUBSCRIPTION: Expected = [404, 'subscription_not_found']
const LOGIN: Expected = [401, 'login_required']

const carts = (suffix = '', body?: unknown): Target[] =>
  [victims.guest, victims.account].map(({ cart, line }) => ({ path: `${SHOP}/carts/${cart}${suffix.replace(':line', line)}`, body }))
const orders = (suffix = '', body?: unknown): Target[] =>
  [victims.guest, victims.account].map(({ order }) => ({ path: `${SHOP}/orders/${order}${suffix}`, body }))

/** A cart's route. `opens`: somebody without a token may have one of their own, but not this one. */
const cartRule = (scope: Scope, targets: readonly Target[], opens: boolean): Exclude<Rule, 'public' | { who: 'admin' }> => ({
  who: 'shop',
  stranger: NO_CART,
  anonymous: opens ? NO_CART : LOGIN,
  scope,
  targets,
})
/** `holder`: what the holder of another order's token is told; who only reads orders with it is told nothing about others. */
const orderRule = (scope: Scope, targets: readonly Target[], holder = NO_ORDER): Rule => ({
  who: 'shop',
  stranger: NO_ORDER,
  anonymous: LOGIN,
  orderToken: holder,
  scope,
  targets,
})
const keyRule = (scope: Scope, path: string, body?: unknown): Rule => ({
  who: 'shop',
  stranger: null,
  anonymous: LOGIN,
  scope,
  targets: [{ path: SHOP + path, body }],
})
/** An account's subscription, which waits to be paid. */
const plan = { items: [{ sku: 'COFFEE-CLUB', plan: 'monthly', expectedUnitPrice: 2400 }], email: 'victim@example.com' }
const victimSubscription = (await as(await login('subscriber'))('POST', `${SHOP}/orders`, plan)).body.order.subscriptionId as string
const subscriptionRule = (scope: Scope, suffix = '', body?: unknown): Rule => ({
  who: 'shop',
  stranger: NO_SUBSCRIPTION,
  anonymous: LOGIN,
  scope,
  targets: [{ path: `${SHOP}/subscriptions/${victimSubscription}${suffix}`, body }],
})
/** A route of orders that is for keys only. */
const orderKeyRule = (scope: Scope, targets: readonly Target[]): Rule => ({ who: 'shop', stranger: null, anonymous: LOGIN, scope, targets })
const openRule = (scope: Scope, path: string): Rule => ({
  who: 'shop',
  stranger: 'own',
  anonymous: 'own',
  scope,
  targets: [{ path: SHOP + path }],
})

const ownForm = (path: string): Rule => ({
  who: 'shop',
  stranger: 'own',
  anonymous: 'own',
  scope: 'carts:write',
  targets: [{ path: SHOP + path }],
})

const line = { sku: 'MUG-INK' }
const emailTemplate = { subject: 'Mine', html: '<p>Mine</p>', text: 'Mine' }
const victimNumber = (await admin('GET', `${SHOP}/carts/${victims.account.cart}`)).body.number as string
const webhookBody = { url: 'http://127.0.0.1:9/' }
const shippingMethod = { id: 'standard', name: 'Mine', rates: [{ currency: 'USD', amount: 0 }] }
const taxRateBody = { name: 'x', category: 'x', percent: '1', included: false }
const promotionBody = { name: 'x', benefit: { kind: 'free_shipping' } }
await admin('POST', `${SHOP}/balances/adjustments`, { account: 'demo:victim', currency: 'USD', amount: 100, message: 'theirs' })
const doomed = (await admin('POST', `${SHOP}/promotions`, promotionBody)).body.id as string
await admin('POST', `${SHOP}/promotions/${promotion}/codes`, { code: 'THEIRS' })

const RULES: Readonly<Record<string, Rule>> = {
  'GET /healthz': 'public',
  'GET /elements.js': 'public',
  'GET /elements.css': 'public',
  'GET /readyz': 'public',
  'GET /openapi.json': 'public',
  'GET /docs': 'public',
  'GET /docs*': 'public',
  'GET /demo/images*': 'public',
  'GET /': 'public',
  // The router prints what ends in a wildcard as one: the demo's pictures, the pages of its store and their files.
  'GET /*': 'public',
  'POST /v1/demo/login': 'public',
  'POST /v1/demo/clock': 'public',
  // The sandbox's pages know their session by its unguessable id; what providers send proves itself.
  'GET /sandbox/pay/:shop/:session': 'public',
  'POST /sandbox/pay/:shop/:session': 'public',
  'GET /sandbox/pay/:shop/:session/challenge': 'public',
  'POST /sandbox/pay/:shop/:session/challenge': 'public',
  'POST /sandbox/pay/:shop/:session/leave': 'public',
  'POST /v1/shops/:shop/payments/:provider/events': 'public',
  'GET /v1/shops/:shop/payments/:provider/returns/:payment': 'public',

  // A restore link's page knows its cart by the signed token in its address.
  'GET /v1/shops/:shop/r/:token': 'public',
  'POST /v1/shops/:shop/r/:token': 'public',

  'GET /v1/shops': { who: 'admin', target: { path: '/v1/shops' } },
  'POST /v1/shops': { who: 'admin', target: { path: '/v1/shops', body: { id: 'mine', name: 'Mine', currency: 'USD' } } },

  'GET /v1/shops/:shop': openRule('settings:read', ''),
  'PATCH /v1/shops/:shop': keyRule('settings:write', '', { name: 'Mine' }),
  'GET /v1/shops/:shop/products': openRule('products:read', '/products'),
  'GET /v1/shops/:shop/products/:product': openRule('products:read', '/products/stoneware-mug'),

  'POST /v1/shops/:shop/carts': {
    who: 'shop',
    stranger: 'own',
    anonymous: 'own',
    scope: 'carts:write',
    targets: [{ path: `${SHOP}/carts`, body: {} }],
  },
  'GET /v1/shops/:shop/carts': {
    who: 'shop',
    stranger: 'own',
    anonymous: LOGIN,
    scope: 'carts:read',
    targets: [{ path: `${SHOP}/carts` }],
  },
  'GET /v1/shops/:shop/carts/:cart': cartRule('carts:read', carts(), true),
  'PATCH /v1/shops/:shop/carts/:cart': cartRule('carts:write', carts('', { note: 'mine' }), true),
  'DELETE /v1/shops/:shop/carts/:cart': cartRule('carts:write', carts(), false),
  'POST /v1/shops/:shop/carts/:cart/lines': cartRule('carts:write', carts('/lines', line), true),
  'PUT /v1/shops/:shop/carts/:cart/lines': cartRule('carts:write', carts('/lines', { lines: [line] }), true),
  'DELETE /v1/shops/:shop/carts/:cart/lines': cartRule('carts:write', carts('/lines'), false),
  'PATCH /v1/shops/:shop/carts/:cart/lines/:line': cartRule('carts:write', carts('/lines/:line', { quantity: 0 }), false),
  'DELETE /v1/shops/:shop/carts/:cart/lines/:line': cartRule('carts:write', carts('/lines/:line'), false),
  'POST /v1/shops/:shop/carts/:cart/lines/:line/save': cartRule('carts:write', carts('/lines/:line/save'), false),
  'GET /v1/shops/:shop/carts/:cart/saved-lines': cartRule('carts:read', carts('/saved-lines'), false),
  'POST /v1/shops/:shop/carts/:cart/saved-lines/:line/restore': cartRule('carts:write', carts('/saved-lines/:line/restore'), false),
  'POST /v1/shops/:shop/carts/:cart/codes': cartRule('carts:write', carts('/codes', { code: 'WELCOME10' }), true),
  'DELETE /v1/shops/:shop/carts/:cart/codes/:code': cartRule('carts:write', carts('/codes/WELCOME10'), false),
  'POST /v1/shops/:shop/carts/:cart/commands': cartRule('carts:write', carts('/commands', { commands: [{ clear: {} }] }), true),
  'POST /v1/shops/:shop/carts/:cart/notices/acknowledge': cartRule('carts:write', carts('/notices/acknowledge', { ids: 'all' }), false),
  'GET /v1/shops/:shop/carts/:cart/payment-methods': cartRule('carts:read', carts('/payment-methods'), true),
  'GET /v1/shops/:shop/carts/:cart/shipping-methods': cartRule('carts:read', carts('/shipping-methods'), true),
  'GET /v1/shops/:shop/carts/:cart/stream': cartRule('carts:read', carts('/stream'), false),
  // Promotions are the shop's own business: not even the owner of a cart is told all about its price.
  'GET /v1/shops/:shop/carts/:cart/explanation': { ...cartRule('carts:read', carts('/explanation'), false), stranger: null },
  'GET /v1/shops/:shop/carts/:cart/history': cartRule('carts:read', carts('/history'), false),
  'GET /v1/shops/:shop/carts/:cart/validation': cartRule('carts:read', carts('/validation'), true),
  'POST /v1/shops/:shop/carts/:cart/lines/copy': cartRule(
    'carts:write',
    [victims.guest, victims.account].map(({ cart }) => ({ path: `${SHOP}/carts/${cart}/lines/copy`, body: { from: cart } })),
    false,
  ),
  'POST /v1/shops/:shop/carts/:cart/select': cartRule('carts:write', carts('/select'), false),
  'POST /v1/shops/:shop/carts/:cart/forget': cartRule('carts:write', carts('/forget'), false),
  'POST /v1/shops/:shop/carts/:cart/restore-links': cartRule('carts:write', carts('/restore-links'), false),
  'GET /v1/shops/:shop/carts/:cart/secrets': cartRule('carts:write', carts('/secrets').slice(0, 1), false),
  // A secret opens all that its guest has: a key that makes one must have all of it itself.
  'POST /v1/shops/:shop/carts/:cart/secrets': {
    ...cartRule('carts:write', carts('/secrets', {}).slice(0, 1), false),
    further: ['carts:read', 'orders:read', 'orders:write'],
  },
  'DELETE /v1/shops/:shop/carts/:cart/secrets/:secret': cartRule('carts:write', carts('/secrets/gsc_1').slice(0, 1), false),
  'POST /v1/shops/:shop/carts/load': {
    who: 'shop',
    stranger: NO_CART,
    anonymous: LOGIN,
    scope: 'carts:write',
    targets: [{ path: `${SHOP}/carts/load`, body: { number: victims.guest.number } }],
  },
  // Whose links open what is tested with the links themselves: here, that no wrong token comes near.
  'POST /v1/shops/:shop/carts/restore': {
    who: 'shop',
    stranger: 'own',
    anonymous: 'own',
    scope: 'carts:write',
    targets: [{ path: `${SHOP}/carts/restore`, body: { token: 'rt_nothing' } }],
  },
  // Merging by guests is refused whatever the cart; an account without the guest's secret finds nothing. Both are tested below.
  'POST /v1/shops/:shop/carts/:cart/merge': {
    who: 'shop',
    stranger: 'own',
    anonymous: LOGIN,
    scope: 'carts:write',
    targets: [{ path: `${SHOP}/carts/current/merge`, body: { carts: [{ id: victims.guest.cart, token: others.guest.token }] } }],
  },

  // Forms mean the caller's own cart; that the cookie opens nothing else, and what a form must prove, is tested in forms.test.ts.
  'GET /v1/shops/:shop/forms/cart': openRule('carts:read', '/forms/cart?account=demo:victim'),
  'POST /v1/shops/:shop/forms/cart': ownForm('/forms/cart'),
  'POST /v1/shops/:shop/forms/load-cart': ownForm('/forms/load-cart'),
  'POST /v1/shops/:shop/forms/session': ownForm('/forms/session'),
  'POST /v1/shops/:shop/forms/restore': ownForm('/forms/restore'),
  // Leads on to a page that everybody may see.
  'GET /v1/shops/:shop/forms/load-cart': openRule(
    'carts:write',
    `/forms/load-cart?account=demo:victim&number=${victimNumber}&redirect=/healthz`,
  ),

  'POST /v1/shops/:shop/orders': {
    who: 'shop',
    stranger: NO_CART,
    anonymous: LOGIN,
    scope: 'orders:write',
    targets: [victims.guest, victims.account].map(({ cart }) => ({ path: `${SHOP}/orders`, body: { cartId: cart } })),
  },
  'GET /v1/shops/:shop/orders': {
    who: 'shop',
    stranger: 'own',
    anonymous: LOGIN,
    scope: 'orders:read',
    targets: [{ path: `${SHOP}/orders` }],
  },
  'GET /v1/shops/:shop/orders/:order': orderRule('orders:read', orders()),
  'GET /v1/shops/:shop/orders/:order/stream': orderRule('orders:read', orders('/stream')),
  'POST /v1/shops/:shop/orders/:order/payments': orderRule('orders:write', orders('/payments', {})),
  // Customers read their orders; what staff does to them, and what they were before, is the shop's business.
  ...Object.fromEntries(
    (
      [
        ['PATCH', '', 'orders:edit', { note: 'mine' }],
        ['POST', '/recalculation', 'orders:edit', { mode: 'all' }],
        ['GET', '/revisions', 'orders:read', undefined],
        ['GET', '/revisions/1', 'orders:read', undefined],
      ] as const
    ).map(([method, suffix, scope, body]) => [
      `${method} /v1/shops/:shop/orders/:order${suffix.replace('/1', '/:revision')}`,
      keyRule(scope, `/orders/${victims.guest.order}${suffix}`, body),
    ]),
  ),
  'POST /v1/shops/:shop/orders/:order/cancel': orderRule('orders:write', orders('/cancel'), LOGIN),
  'GET /v1/shops/:shop/orders/:order/status': orderRule('orders:read', orders('/status')),
  'POST /v1/shops/:shop/orders/:order/status': orderRule('orders:edit', orders('/status', { status: 'processing' }), LOGIN),
  'GET /v1/shops/:shop/orders/:order/history': orderRule('orders:read', orders('/history')),
  'POST /v1/shops/:shop/orders/:order/fulfilments': keyRule('orders:edit', '/orders/ord_1/fulfilments', {}),
  'PATCH /v1/shops/:shop/orders/:order/fulfilments/:fulfilment': keyRule('orders:edit', '/orders/ord_1/fulfilments/ful_1', { note: 'n' }),
  'POST /v1/shops/:shop/orders/:order/refunds': orderKeyRule('refunds:write', orders('/refunds', { amount: 1 })),
  'GET /v1/shops/:shop/orders/:order/refunds': orderKeyRule('orders:read', orders('/refunds')),
  'POST /v1/shops/:shop/orders/:order/refunds/:refund/retry': orderKeyRule('refunds:write', orders('/refunds/rf_1/retry')),
  'POST /v1/shops/:shop/orders/:order/lines/:line/split': orderKeyRule('orders:edit', orders('/lines/ln_1/split', { quantity: 1 })),
  'POST /v1/shops/:shop/orders/:order/links': orderRule('orders:read', orders('/links'), LOGIN),
  'DELETE /v1/shops/:shop/orders/:order/links': orderRule('orders:write', orders('/links'), LOGIN),
  'POST /v1/shops/:shop/orders/:order/reorder': orderRule('carts:write', orders('/reorder'), LOGIN),
  // Whoever asks learns nothing; which accounts may claim which orders is tested in guests-orders.test.ts.
  'POST /v1/shops/:shop/orders/lookup': {
    who: 'shop',
    stranger: 'own',
    anonymous: 'own',
    scope: 'orders:read',
    targets: [{ path: `${SHOP}/orders/lookup`, body: { email: ready.email, number: '1' } }],
  },
  'POST /v1/shops/:shop/orders/claim': {
    who: 'shop',
    stranger: 'own',
    anonymous: LOGIN,
    scope: 'orders:edit',
    targets: [{ path: `${SHOP}/orders/claim`, body: { email: ready.email } }],
  },

  'GET /v1/shops/:shop/subscriptions': {
    who: 'shop',
    stranger: 'own',
    anonymous: LOGIN,
    scope: 'subscriptions:read',
    targets: [{ path: `${SHOP}/subscriptions` }],
  },
  'GET /v1/shops/:shop/subscriptions/:subscription': subscriptionRule('subscriptions:read'),
  'POST /v1/shops/:shop/subscriptions/:subscription/cancel': subscriptionRule('subscriptions:write', '/cancel', { at: 'now' }),
  'POST /v1/shops/:shop/subscriptions/:subscription/resume': subscriptionRule('subscriptions:write', '/resume'),

  'PUT /v1/shops/:shop/products/:product': keyRule('products:write', '/products/vase', product('vase', 'VASE', 1)),
  'POST /v1/shops/:shop/products/import': keyRule('products:write', '/products/import', { products: [product('vase', 'VASE', 1)] }),
  'GET /v1/shops/:shop/stock/:sku': keyRule('products:read', '/stock/MUG-INK'),
  'PUT /v1/shops/:shop/stock/:sku': keyRule('stock:write', '/stock/MUG-INK', { onHand: 0 }),
  'GET /v1/shops/:shop/promotions': keyRule('promotions:read', '/promotions'),
  'POST /v1/shops/:shop/promotions': keyRule('promotions:write', '/promotions', promotionBody),
  'POST /v1/shops/:shop/promotions/preview': keyRule('promotions:preview', '/promotions/preview', { cart: { lines: [] } }),
  'PUT /v1/shops/:shop/promotions/:promotion': keyRule('promotions:write', `/promotions/${promotion}`, promotionBody),
  'GET /v1/shops/:shop/promotions/:promotion/codes': keyRule('promotions:read', `/promotions/${promotion}/codes`),
  'POST /v1/shops/:shop/promotions/:promotion/codes': keyRule('promotions:write', `/promotions/${promotion}/codes`, { code: 'MINE' }),
  'GET /v1/shops/:shop/promotions/:promotion': keyRule('promotions:read', `/promotions/${promotion}`),
  'DELETE /v1/shops/:shop/promotions/:promotion': keyRule('promotions:write', `/promotions/${doomed}`),
  'GET /v1/shops/:shop/promotions/export': keyRule('promotions:read', '/promotions/export'),
  'POST /v1/shops/:shop/promotions/import': keyRule('promotions:write', '/promotions/import', { promotions: [promotionBody] }),
  'POST /v1/shops/:shop/promotions/verify': {
    who: 'shop',
    stranger: 'own',
    anonymous: 'own',
    scope: 'promotions:read',
    targets: [{ path: `${SHOP}/promotions/verify`, body: { code: 'WELCOME10' } }],
  },
  'POST /v1/shops/:shop/promotions/:promotion/codes/generate': keyRule('promotions:write', `/promotions/${promotion}/codes/generate`, {
    pattern: 'M-######',
    count: 2,
  }),
  'GET /v1/shops/:shop/promotions/:promotion/codes/:code': keyRule('promotions:read', `/promotions/${promotion}/codes/THEIRS`),
  'PATCH /v1/shops/:shop/promotions/:promotion/codes/:code': keyRule('promotions:write', `/promotions/${promotion}/codes/THEIRS`, {
    active: false,
  }),
  'DELETE /v1/shops/:shop/promotions/:promotion/codes/:code': keyRule('promotions:write', `/promotions/${promotion}/codes/THEIRS`),
  'GET /v1/shops/:shop/promotions/:promotion/redemptions': keyRule('orders:read', `/promotions/${promotion}/redemptions`),
  'POST /v1/shops/:shop/promotions/:promotion/redemptions/forget': keyRule(
    'promotions:write',
    `/promotions/${promotion}/redemptions/forget`,
    { email: 'mine@example.com' },
  ),
  'GET /v1/shops/:shop/emails': keyRule('orders:read', '/emails'),
  'POST /v1/shops/:shop/emails/:email/retry': keyRule('emails:write', '/emails/eml_1/retry'),
  'GET /v1/shops/:shop/orders/:order/emails': keyRule('orders:read', `/orders/${victims.guest.order}/emails`),
  'POST /v1/shops/:shop/orders/:order/emails': keyRule('emails:write', `/orders/${victims.guest.order}/emails`, {
    kind: 'order_confirmation',
    to: 'mine@example.com',
  }),
  'GET /v1/shops/:shop/email-templates': keyRule('emails:write', '/email-templates'),
  'GET /v1/shops/:shop/email-templates/:kind/:language': keyRule('emails:write', '/email-templates/order_confirmation/en'),
  'PUT /v1/shops/:shop/email-templates/:kind/:language': keyRule('emails:write', '/email-templates/order_confirmation/en', emailTemplate),
  'DELETE /v1/shops/:shop/email-templates/:kind/:language': keyRule('emails:write', '/email-templates/order_confirmation/en'),
  'POST /v1/shops/:shop/email-templates/preview': keyRule('emails:write', '/email-templates/preview', { kind: 'order_confirmation' }),
  ...Object.fromEntries(
    ['/balances', '/balances/entries'].map((path) => [
      `GET /v1/shops/:shop${path}`,
      {
        who: 'shop',
        stranger: 'own',
        anonymous: LOGIN,
        scope: 'balances:read',
        targets: [{ path: `${SHOP}${path}?account=demo:victim` }],
      } as const,
    ]),
  ),
  'POST /v1/shops/:shop/balances/adjustments': keyRule('balances:write', '/balances/adjustments', {
    ...{ account: 'demo:victim', currency: 'USD', amount: 100, message: 'mine' },
  }),
  'GET /v1/shops/:shop/audit': keyRule('settings:read', '/audit'),
  'GET /v1/shops/:shop/settings': keyRule('settings:read', '/settings'),
  'GET /v1/shops/:shop/tax-rates': keyRule('settings:read', '/tax-rates'),
  'PUT /v1/shops/:shop/tax-rates': keyRule('settings:write', '/tax-rates', { items: [] }),
  'POST /v1/shops/:shop/tax-rates': keyRule('settings:write', '/tax-rates', taxRateBody),
  'PUT /v1/shops/:shop/tax-rates/:rate': keyRule('settings:write', '/tax-rates/mine', taxRateBody),
  'DELETE /v1/shops/:shop/tax-rates/:rate': keyRule('settings:write', '/tax-rates/mine'),
  'PATCH /v1/shops/:shop/settings': keyRule('settings:write', '/settings', { checkout: { guest: false } }),
  'GET /v1/shops/:shop/shipping-methods': keyRule('settings:read', '/shipping-methods'),
  'PUT /v1/shops/:shop/shipping-methods': keyRule('settings:write', '/shipping-methods', { items: [] }),
  'POST /v1/shops/:shop/shipping-methods': keyRule('settings:write', '/shipping-methods', shippingMethod),
  'PUT /v1/shops/:shop/shipping-methods/:method': keyRule('settings:write', '/shipping-methods/standard', shippingMethod),
  'DELETE /v1/shops/:shop/shipping-methods/:method': keyRule('settings:write', '/shipping-methods/standard'),
  ...Object.fromEntries(
    ['capture', 'void', 'mark-paid'].map((kind) => [
      `POST /v1/shops/:shop/orders/:order/payments/:payment/${kind}`,
      keyRule('payments:write', `/orders/${victims.guest.order}/payments/${victims.guest.paymentId}/${kind}`, {}),
    ]),
  ),
  'GET /v1/shops/:shop/payment-providers': keyRule('settings:read', '/payment-providers'),
  'PUT /v1/shops/:shop/payment-providers/:provider': keyRule('settings:write', '/payment-providers/stripe', {
    secretKey: 'sk_test_0123456789',
    webhookSecret: 'whsec_0123456789',
  }),
  'DELETE /v1/shops/:shop/payment-providers/:provider': keyRule('settings:write', '/payment-providers/stripe'),
  'GET /v1/shops/:shop/api-keys': keyRule('keys:write', '/api-keys'),
  'POST /v1/shops/:shop/api-keys': keyRule('keys:write', '/api-keys', { name: 'mine', scopes: ['carts:read'] }),
  'DELETE /v1/shops/:shop/api-keys/:key': keyRule('keys:write', `/api-keys/${victimKey.id}`),
  'GET /v1/shops/:shop/webhooks': keyRule('webhooks:write', '/webhooks'),
  'POST /v1/shops/:shop/webhooks': keyRule('webhooks:write', '/webhooks', webhookBody),
  'GET /v1/shops/:shop/webhooks/:endpoint': keyRule('webhooks:write', `/webhooks/${webhook}`),
  'PATCH /v1/shops/:shop/webhooks/:endpoint': keyRule('webhooks:write', `/webhooks/${webhook}`, { active: false }),
  'DELETE /v1/shops/:shop/webhooks/:endpoint': keyRule('webhooks:write', `/webhooks/${webhook}`),
  'POST /v1/shops/:shop/webhooks/:endpoint/rotate-secret': keyRule('webhooks:write', `/webhooks/${webhook}/rotate-secret`, {}),
  'POST /v1/shops/:shop/webhooks/:endpoint/test': keyRule('webhooks:write', `/webhooks/${webhook}/test`),
  'POST /v1/shops/:shop/webhooks/:endpoint/redeliver': keyRule('webhooks:write', `/webhooks/${webhook}/redeliver`, {}),
  'GET /v1/shops/:shop/webhooks/:endpoint/deliveries/:delivery': keyRule('webhooks:write', `/webhooks/${webhook}/deliveries/dl_1`),
  'GET /v1/shops/:shop/webhooks/:endpoint/deliveries': keyRule('webhooks:write', `/webhooks/${webhook}/deliveries`),
  'POST /v1/shops/:shop/webhooks/:endpoint/deliveries/:delivery/redeliver': keyRule(
    'webhooks:write',
    `/webhooks/${webhook}/deliveries/dl_1/redeliver`,
  ),
}

// The matrix -----------------------------------------------------------------------------------------------------------------------------

/** Every route of the running server as `METHOD /path`, read from the router itself; HEAD goes with its GET. */
function routesOf(tree: string): string[] {
  const routes: string[] = []
  const parents: string[] = []
  for (const row of tree.split('\n')) {
    const match = /^((?:│ {3}| {4})*)[├└]── (.*?)(?: \(([A-Z, ]+)\))?$/.exec(row)
    if (!match) continue
    const [, indent = '', segment = '', methods = ''] = match
    const depth = indent.length / 4
    parents.length = depth
    parents.push(segment)
    for (const method of methods.split(', ').filter((each) => each !== '' && each !== 'HEAD' && each !== 'OPTIONS'))
      routes.push(`${method} ${parents.join('')}`)
  }
  return routes
}

const routes = routesOf(server.app.printRoutes({ commonPrefix: false }))

test('every route of the running server is classified here, and nothing is classified that does not exist', () => {
  assert.ok(routes.length > 50, `only ${routes.length} routes were found`)
  const known = Object.keys(RULES)
  assert.deepEqual(
    {
      unclassified: routes.filter((route) => !known.includes(route)),
      gone: known.filter((route) => !routes.includes(route) && !route.includes('/demo/images')),
    },
    { unclassified: [], gone: [] },
  )
})

const told = (answer: Answer) => `${answer.status} ${JSON.stringify(answer.body).slice(0, 200)}`

async function shut(method: string, target: Target, token: string | undefined, who: string, expected: Expected): Promise<void> {
  const answer = await as(token)(method, target.path, target.body)
  assert.ok(answer.status >= 400, `${who} was let in: ${told(answer)}`)
  assert.deepEqual([answer.status, answer.body.code], expected, `${who}: ${told(answer)}`)
  assertProblem(answer, ...(expected as [number, string]))
  if (method !== 'GET') return
  const head = await fetch(server.url + target.path, { method: 'HEAD', headers: token ? { authorization: `Bearer ${token}` } : {} })
  assert.equal(head.status, expected[0], `HEAD as ${who}`)
}

async function shutToAll(method: string, rule: Exclude<Rule, 'public' | { who: 'admin' }>): Promise<void> {
  for (const target of rule.targets) {
    for (const [who, token] of Object.entries(INVALID)) await shut(method, target, token, who, [401, 'invalid_token'])
    if (rule.anonymous !== 'own') await shut(method, target, undefined, 'nobody', rule.anonymous)
    if (rule.stranger !== 'own') {
      await shut(method, target, others.guest.token, 'another guest', rule.stranger ?? LOGIN)
      await shut(method, target, others.account.token, 'another account', rule.stranger ?? LOGIN)
    }
    await shut(method, target, others.guest.orderToken, 'the holder of an order token', rule.orderToken ?? LOGIN)
    const without = await keysWithout(rule.scope)
    await shut(method, target, without.server, `a server key without ${rule.scope}`, [403, 'missing_scope'])
    await shut(method, target, without.staff, `a staff token without ${rule.scope}`, [403, 'missing_scope'])
  }
}

describe('callers who may not', () => {
  for (const [route, rule] of Object.entries(RULES)) {
    if (rule === 'public') continue
    const [method = ''] = route.split(' ')
    test(`${route} lets in nobody who may not, and writes nothing for them`, async () => {
      if (rule.who === 'shop') await keysWithout(rule.scope)
      const was = await contentOfTables(engine.store.reader)
      if (rule.who === 'shop') await shutToAll(method, rule)
      else {
        await shut(method, rule.target, undefined, 'nobody', LOGIN)
        const tokens = {
          ...INVALID,
          'a guest': others.guest.token,
          'an account': others.account.token,
          'a key of a shop with all scopes': INVALID['a key of another shop'] ?? '',
        }
        for (const [who, token] of Object.entries(tokens)) await shut(method, rule.target, token, who, [401, 'invalid_token'])
      }
      assert.deepEqual(await contentOfTables(engine.store.reader), was)
    })
  }
})

/** A stream does not end by itself: being let in shows in its first event. */
async function letIn({ path }: Target, token: string): Promise<void> {
  const stream = await openStream(server.url + path, token)
  assert.equal(stream.status, 200)
  assert.ok(path.includes((await stream.next())?.data.id))
  stream.close()
}

describe('callers who may', () => {
  for (const [route, rule] of Object.entries(RULES)) {
    if (rule === 'public' || rule.who !== 'shop') continue
    const [method = ''] = route.split(' ')
    const isCartWrite = route.includes('/carts/:cart') && method !== 'GET' && !route.endsWith('/merge') && !route.endsWith('/restore')
    if (method !== 'GET' && !isCartWrite) continue
    test(`${route} is found by a key with just its scope${rule.stranger === NO_CART || rule.stranger === NO_ORDER ? ', and by the owner' : ''}`, async () => {
      const { token } = await key('server', [rule.scope, ...(rule.further ?? [])])
      const owners = rule.stranger === NO_CART || rule.stranger === NO_ORDER ? [victims.guest.token, victims.account.token] : []
      for (const [index, target] of rule.targets.entries()) {
        // A stale version proves that the caller was let in and the cart was found, without changing it.
        const headers = isCartWrite ? { 'if-match': '"999"' } : {}
        for (const rightful of [token, ...(owners[index] ? [owners[index]] : [])]) {
          if (route.endsWith('/stream')) {
            await letIn(target, rightful)
            continue
          }
          const answer = await as(rightful)(method, target.path, target.body, headers)
          assert.equal(answer.status, isCartWrite ? 412 : 200, told(answer))
        }
      }
    })
  }

  test('SEED0-59 lists show their caller nothing of anybody else', async () => {
    for (const path of ['/carts', '/orders?state=NEW']) {
      for (const own of [others.guest, others.account]) {
        const { body } = await as(own.token)('GET', SHOP + path)
        const ids = (body.items as { id: string }[]).map((item) => item.id)
        assert.deepEqual(ids, [path === '/carts' ? own.cart : own.order])
      }
    }
  })
})

test('a route that does not say who may call it refuses to start', async () => {
  const open = createApp({
    engine,
    log: pino({ level: 'silent' }),
    version: '0',
    plugins: [(app) => void app.get('/v1/open', async () => 'come in')],
  })
  await assert.rejects(open, /GET \/v1\/open declares no access/)
})

// Ids ------------------------------------------------------------------------------------------------------------------------------------

describe('ids grant nothing', () => {
  /** Sends something with another owner's id in it; it must not be found, and nothing may change. */
  async function unfound(token: string | undefined, method: string, path: string, body: unknown, code: string): Promise<void> {
    const was = await contentOfTables(engine.store.reader)
    assertProblem(await as(token)(method, SHOP + path, body), 404, code)
    assert.deepEqual(await contentOfTables(engine.store.reader), was)
  }
  const { token } = others.guest
  const foreign = victims.guest

  test("another owner's line is not found in one's own cart", async () => {
    await unfound(token, 'PATCH', `/carts/current/lines/${foreign.line}`, { quantity: 9 }, 'line_not_found')
    await unfound(token, 'DELETE', `/carts/current/lines/${foreign.line}`, undefined, 'line_not_found')
    await unfound(token, 'POST', `/carts/current/lines/${foreign.line}/save`, undefined, 'line_not_found')
    await unfound(token, 'POST', '/carts/current/commands', { commands: [{ remove: { lineId: foreign.line } }] }, 'line_not_found')
    await unfound(token, 'POST', '/orders', { cartId: others.guest.cart, lines: [foreign.line] }, 'line_not_found')
  })

  test("another owner's cart cannot be ordered, by any way to name it", async () => {
    await unfound(token, 'POST', '/orders', { cartId: foreign.cart }, 'cart_not_found')
    await unfound(token, 'POST', '/orders', { cartId: foreign.cart, lines: [foreign.line] }, 'cart_not_found')
    await unfound(others.account.token, 'POST', `/orders?account=demo:victim`, { cartId: victims.account.cart }, 'cart_not_found')
  })

  test("SEED3-24 a guest cart is merged only with that guest's own secret", async () => {
    const account = others.account.token
    for (const wrong of [others.guest.token, others.elsewhere.token, `ct_${guestId}_${otherSecret}`, others.guest.orderToken, 'x'])
      await unfound(account, 'POST', '/carts/current/merge', { carts: [{ id: foreign.cart, token: wrong }] }, 'cart_not_found')
    await unfound(
      account,
      'POST',
      '/carts/current/merge',
      { carts: [{ id: victims.account.cart, token: others.guest.token }] },
      'cart_not_found',
    )
    await unfound(account, 'POST', `/carts/${victims.account.cart}/merge`, { carts: [{ id: others.guest.cart, token }] }, 'cart_not_found')
  })

  test('SEED3-24 guests merge nothing', async () => {
    const answer = await as(token)('POST', `${SHOP}/carts/current/merge`, { carts: [{ id: foreign.cart, token: foreign.token }] })
    assertProblem(answer, 409, 'merge_forbidden')
  })

  test('SEED0-37 a shopper cannot name another owner', async () => {
    for (const shopper of [others.guest, others.account]) {
      const current = await as(shopper.token)('GET', `${SHOP}/carts/current?account=demo:victim`)
      assert.equal(current.body.id, shopper.cart)
      assertProblem(await as(shopper.token)('POST', `${SHOP}/carts`, { owner: 'demo:victim' }), 422, 'invalid')
      await unfound(shopper.token, 'GET', `/carts/${victims.account.cart}?account=demo:victim`, undefined, 'cart_not_found')
      await unfound(shopper.token, 'GET', `/orders/${victims.account.order}?account=demo:victim`, undefined, 'order_not_found')
      assert.deepEqual(
        (await as(shopper.token)('GET', `${SHOP}/carts?account=demo:victim`)).body.items.map((cart: { id: string }) => cart.id),
        [shopper.cart],
      )
    }
  })

  test('SEED1-29 an order token opens its own order, and of that only what concerns the order', async () => {
    const holder = as(victims.guest.orderToken)
    assert.equal((await holder('GET', `${SHOP}/orders/${victims.guest.order}`)).status, 200)
    assertProblem(await holder('GET', `${SHOP}/orders/${victims.account.order}`), 404, 'order_not_found')
    assertProblem(await holder('POST', `${SHOP}/orders/${victims.guest.order}/cancel`), 401, 'login_required')
    assertProblem(await holder('GET', `${SHOP}/orders`), 401, 'login_required')
    assertProblem(await holder('GET', `${SHOP}/carts/${victims.guest.cart}`), 401, 'login_required')
    assertProblem(await holder('GET', `${SHOP}/carts/current`), 401, 'login_required')
    assertProblem(await holder('POST', `${SHOP}/orders`, { cartId: victims.guest.cart }), 401, 'login_required')
  })

  test('an id of one shop is nothing in another', async () => {
    const store = '/v1/shops/fill'
    assertProblem(await admin('GET', `${store}/carts/${foreign.cart}`), 404, 'cart_not_found')
    assertProblem(await admin('GET', `${store}/orders/${foreign.order}`), 404, 'order_not_found')
    assertProblem(await admin('DELETE', `${store}/webhooks/${webhook}`), 404, 'endpoint_not_found')
    for (const [method, path, body] of [
      ['GET', '', undefined],
      ['PATCH', '', { active: false }],
      ['POST', '/rotate-secret', {}],
      ['POST', '/test', undefined],
      ['GET', '/deliveries', undefined],
      ['POST', '/redeliver', {}],
    ] as const)
      assertProblem(await admin(method, `${store}/webhooks/${webhook}${path}`, body), 404, 'endpoint_not_found')
    assertProblem(await admin('DELETE', `${store}/api-keys/${victimKey.id}`), 404, 'api_key_not_found')
    assertProblem(await admin('PUT', `${store}/promotions/${promotion}`, promotionBody), 404, 'promotion_not_found')
  })

  test('a shop that does not exist is 404 for everybody', async () => {
    for (const caller of [undefined, others.guest.token, others.account.token, ADMIN])
      assertProblem(await as(caller)('GET', '/v1/shops/nowhere/products'), 404, 'shop_not_found')
  })
})

// Guests and servers -----------------------------------------------------------------------------------------------------------------------

describe('a shop without guest carts', () => {
  const STORE = '/v1/shops/store'
  test('guests read the catalogue but write nothing: 401 login_required', async () => {
    const was = await contentOfTables(engine.store.reader)
    const nobody = as()
    assert.equal((await nobody('GET', `${STORE}/products`)).status, 200)
    const writes: [method: string, path: string, body: unknown][] = [
      ['POST', '/carts', {}],
      ['POST', '/carts/current/lines', { sku: 'MUG-STONE' }],
      ['PUT', '/carts/current/lines', { lines: [{ sku: 'MUG-STONE' }] }],
      ['PATCH', '/carts/current', { note: 'x' }],
      ['POST', '/carts/current/codes', { code: 'WELCOME10' }],
      ['POST', '/carts/current/commands', { commands: [{ clear: {} }] }],
      ['POST', '/orders', { items: [{ sku: 'MUG-STONE' }], ...ready }],
    ]
    for (const [method, path, body] of writes) assertProblem(await nobody(method, STORE + path, body), 401, 'login_required')
    assert.deepEqual(await contentOfTables(engine.store.reader), was)
  })

  test('accounts are welcome', async () => {
    const answer = await as(others.account.token)('POST', `${STORE}/carts/current/lines`, { sku: 'MUG-STONE' })
    assert.equal(answer.status, 201)
    assert.equal(answer.body.token, undefined)
  })

  test('a guest who was there before guests were switched off is asked to log in', async () => {
    const shop = '/v1/shops/classic'
    const { body } = await as()('POST', `${shop}/carts/current/lines`, { sku: 'MUG-STONE' })
    await admin('PATCH', `${shop}/settings`, { access: { guestCarts: false } })
    assertProblem(await as(body.token)('GET', `${shop}/carts/current`), 401, 'login_required')
    await admin('PATCH', `${shop}/settings`, { access: { guestCarts: true } })
    assert.equal((await as(body.token)('GET', `${shop}/carts/current`)).body.id, body.cart.id)
  })
})

describe('a server key', () => {
  test('SEED3-35 acts on the cart of the account that it names', async () => {
    const { token } = await key('server', ['carts:read', 'carts:write'])
    const server = as(token)
    const kim = as(await login('kim'))
    const added = await server('POST', `${SHOP}/carts/current/lines?account=demo:kim`, { sku: 'MUG-STONE' })
    assert.equal(added.status, 201)
    assert.deepEqual(added.body.cart.owner, { kind: 'account', accountId: 'demo:kim' })
    assert.equal((await kim('GET', `${SHOP}/carts/current`)).body.id, added.body.cart.id)
    assert.equal((await server('POST', `${SHOP}/carts`, { owner: 'demo:kim' })).body.cart.id, added.body.cart.id)
    assertProblem(await server('GET', `${SHOP}/carts/${victims.account.cart}?account=demo:kim`), 404, 'cart_not_found')
  })

  test('says whose `current` it means, else 400 owner_required', async () => {
    assertProblem(await admin('GET', `${SHOP}/carts/current`), 400, 'owner_required')
    assertProblem(await admin('POST', `${SHOP}/carts/current/lines`, { sku: 'MUG-STONE' }), 400, 'owner_required')
    assertProblem(await admin('POST', `${SHOP}/carts`, {}), 400, 'owner_required')
    assertProblem(await admin('POST', `${SHOP}/orders`, { cartId: 'current' }), 400, 'owner_required')
  })

  test('is revoked at once', async () => {
    const { id, token } = await key('staff', ['carts:read'])
    assert.equal((await as(token)('GET', `${SHOP}/carts`)).status, 200)
    await admin('DELETE', `${SHOP}/api-keys/${id}`)
    assertProblem(await as(token)('GET', `${SHOP}/carts`), 401, 'invalid_token')
  })
})
