// What is particular to Stripe: how it is asked, what it remembers, what can still happen to a payment there, and subscriptions. Through the
// official library, against a local server that answers as Stripe does.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { after, beforeEach, describe, it } from 'node:test'
import { inspect } from 'node:util'
import { Stripe } from 'stripe'
import Value from 'typebox/value'
import type { PaymentRequest, ProviderEvent, SubscriptionEvent, SubscriptionRequest } from '../src/engine/ports.ts'
import { STRIPE_SECRETS, type StripeAccount, StripeAccountInput } from '../src/providers/stripe-client.ts'
import { createStripePayment } from '../src/providers/stripe-payment.ts'
import { type StripeMessage, startStripe } from './stripe-server.ts'

const SHOP = 'shop-a'
const HOUR = 3_600_000
const time = { ahead: 0 }
const clock = { now: () => Date.now() + time.ahead }
const stripe = await startStripe(clock)
after(() => stripe.close())

const account: StripeAccount = { secretKey: stripe.secretKey, webhookSecret: stripe.webhookSecret }
const current: { account: StripeAccount | null } = { account }
const provider = createStripePayment({ accountOf: async () => current.account, apiBase: stripe.url, clock, timeoutMs: 2000 })
const { recurring } = provider
assert.ok(recurring)

beforeEach(() => {
  current.account = account
  stripe.messages.length = 0
  stripe.requests.length = 0
  stripe.faults.length = 0
})

const never = () => new AbortController().signal
const unique = (prefix: string) => `${prefix}_${randomBytes(8).toString('hex')}`
const requestOf = (changes: Partial<PaymentRequest> = {}): PaymentRequest => ({
  shopId: SHOP,
  orderId: 'ord_1',
  attemptId: unique('pay'),
  amount: 4998,
  currency: 'EUR',
  description: 'Order of 2 items',
  email: 'ada@example.org',
  lines: [],
  returnUrl: 'https://shop.example/thanks',
  capture: 'automatic',
  language: 'de-AT',
  ...changes,
})
const open = async (changes: Partial<PaymentRequest> = {}) => (await provider.open(requestOf(changes), never())).sessionId
const status = (id: string) => provider.status(SHOP, id, never())
const stateOf = async (id: string) => (await status(id)).state
const refund = (sessionId: string, amount: number, refundId: string) =>
  provider.refund({ shopId: SHOP, sessionId, refundId, amount, currency: 'EUR' }, never())
const refundsOf = (id: string) => [...stripe.refunds.values()].filter((each) => each.payment_intent === stripe.intentBehind(id).id)

function read(message: StripeMessage, how: Parameters<typeof stripe.signed>[1] = {}) {
  const { headers, body } = stripe.signed(message, how)
  return provider.readEvent(SHOP, headers, body)
}

async function readAll(): Promise<(ProviderEvent | SubscriptionEvent)[]> {
  const all = await Promise.all(stripe.messages.splice(0).map((message) => read(message)))
  return all.flatMap((each) => (each === null || each === 'ignored' ? [] : [each]))
}

describe('how Stripe is asked', () => {
  it('as a form, with the key of the shop, the version of the library, the attempt as idempotency key, and nothing about this machine', async () => {
    const request = requestOf()
    await provider.open(request, never())
    const [sent] = stripe.requests
    assert.equal(sent?.headers.authorization, `Bearer ${account.secretKey}`)
    assert.equal(sent?.headers['stripe-version'], Stripe.API_VERSION)
    assert.equal(sent?.key, request.attemptId)
    assert.match(String(sent?.headers['user-agent']), /Cartwright/)
    assert.equal(sent?.headers['x-stripe-client-telemetry'], undefined)
    const client = JSON.parse(String(sent?.headers['x-stripe-client-user-agent'])) as Record<string, unknown>
    assert.deepEqual([client.platform, client.telemetry_id], [undefined, undefined])
    const metadata = { shop: SHOP, order: 'ord_1', payment: request.attemptId, mode: 'checkout' }
    const price = { currency: 'eur', unit_amount: '4998', product_data: { name: 'Order of 2 items' } }
    assert.deepEqual(sent?.form, {
      mode: 'payment',
      line_items: [{ quantity: '1', price_data: price }],
      adaptive_pricing: { enabled: 'false' },
      client_reference_id: 'ord_1',
      metadata,
      payment_intent_data: { capture_method: 'automatic', description: 'Order of 2 items', metadata },
      success_url: 'https://shop.example/thanks',
      cancel_url: 'https://shop.example/thanks',
      locale: 'de',
      customer_email: 'ada@example.org',
    })
  })

  it('a page ends when the order does, where Stripe can do that, and is the same page when it is opened again later', async () => {
    const endOf = (id: string) => (stripe.pages.get(id)?.expires_at ?? 0) * 1000
    const whole = (ms: number) => Math.floor(ms / 1000) * 1000
    const soon = clock.now() + 20 * 60_000
    assert.ok(endOf(await open({ expiresAt: soon })) > soon + 22 * HOUR, 'too soon for Stripe: a day, and we close it')
    const request = requestOf({ expiresAt: clock.now() + 2 * HOUR })
    const first = await provider.open(request, never())
    assert.equal(endOf(first.sessionId), whole(request.expiresAt ?? 0))
    time.ahead += 1.8 * HOUR
    assert.deepEqual(await provider.open(request, never()), first)
    const far = requestOf({ expiresAt: clock.now() + 25 * HOUR })
    const second = await provider.open(far, never())
    time.ahead += 2 * HOUR
    assert.deepEqual(await provider.open(far, never()), second)
    assert.equal(await stateOf(first.sessionId), 'cancelled')
  })

  it('languages that Stripe does not have are left to the browser', async () => {
    for (const [language, locale] of [
      ['pt-BR', 'pt-BR'],
      ['fr-CH', 'fr'],
      ['tlh', 'auto'],
      [null, 'auto'],
    ] as const) {
      const id = await open({ language })
      assert.equal(stripe.pages.get(id)?.locale, locale)
    }
  })

  it('what Stripe cannot take is refused before it is asked', async () => {
    await assert.rejects(open({ amount: 1234, currency: 'KWD' }), { code: 'amount_not_taken' })
    await assert.rejects(open({ amount: 1234, currency: 'IQD' }), { code: 'amount_not_taken' })
    await assert.rejects(open({ returnUrl: null }), { code: 'return_address_needed' })
    current.account = null
    await assert.rejects(open(), { code: 'no_account' })
    assert.deepEqual(stripe.requests, [])
    current.account = { ...account, secretKey: 'sk_test_somethingelse' }
    await assert.rejects(open(), { type: 'StripeAuthenticationError' })
    current.account = account
    await assert.rejects(open({ amount: 1 }), { code: 'amount_too_small' })
  })

  it('the library is loaded when a shop with an account first needs it, not before', () => {
    const script = `
      import { registerHooks } from 'node:module'
      const loaded = new Set()
      registerHooks({ resolve(specifier, context, next) { loaded.add(specifier); return next(specifier, context) } })
      const { createStripePayment } = await import('./src/providers/stripe-payment.ts')
      const accounts = [null, ${JSON.stringify(account)}]
      const provider = createStripePayment({ accountOf: async () => accounts.shift(), apiBase: 'http://127.0.0.1:9' })
      const seen = []
      for (let round = 0; round < 2; round++) {
        await provider.readEvent('s', { 'stripe-signature': 't=1,v1=0' }, Buffer.from('{}'))
        seen.push(loaded.has('stripe'))
      }
      console.log(JSON.stringify(seen))`
    const said = execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
      cwd: new URL('..', import.meta.url),
      encoding: 'utf8',
    })
    assert.deepEqual(JSON.parse(said), [false, true])
  })

  it('an account is checked before it is kept, and knows what of it is secret', () => {
    const good = { ...account, publishableKey: 'pk_test_1234567890', mode: 'elements', olderWebhookSecret: null }
    assert.ok(Value.Check(StripeAccountInput, good))
    for (const bad of [
      { secretKey: 'pk_test_1234567890' },
      { webhookSecret: 'sk_test_1234567890' },
      { mode: 'form' },
      { other: 1 },
      { publishableKey: account.secretKey },
    ])
      assert.ok(!Value.Check(StripeAccountInput, { ...good, ...bad }), JSON.stringify(bad))
    assert.deepEqual([...STRIPE_SECRETS].sort(), ['olderWebhookSecret', 'secretKey', 'webhookSecret'])
  })
})

describe('when Stripe fails', () => {
  it('a failure that it remembers under a key does not stand in the way for a day', async () => {
    const request = requestOf()
    stripe.faults.push({ on: /^POST/, kind: 'error' })
    const { sessionId } = await provider.open(request, never())
    assert.equal((await provider.open(request, never())).sessionId, sessionId)
    stripe.pay(sessionId)
    const refundId = unique('rf')
    stripe.faults.push({ on: /^POST \/v1\/refunds/, kind: 'error' })
    await refund(sessionId, 1000, refundId)
    await refund(sessionId, 1000, refundId)
    assert.deepEqual(
      refundsOf(sessionId).map(({ amount }) => amount),
      [1000],
    )
  })

  it('a refund that was refused for want of money is made when there is some, once', async () => {
    const id = await open()
    stripe.pay(id, 'refund_refused')
    const refundId = unique('rf')
    for (let round = 0; round < 2; round++) await assert.rejects(refund(id, 1000, refundId), { code: 'balance_insufficient' })
    stripe.fund(id)
    for (let round = 0; round < 2; round++) await refund(id, 1000, refundId)
    assert.deepEqual(
      refundsOf(id).map(({ amount }) => amount),
      [1000],
    )
  })

  it('a refund is found again when its answer was lost and its key forgotten', async () => {
    const id = await open()
    stripe.pay(id)
    const lost = { on: /^POST \/v1\/refunds/, kind: 'lost' } as const
    stripe.faults.push(lost, lost)
    const refundId = unique('rf')
    await assert.rejects(refund(id, 4998, refundId))
    stripe.forgetKeys()
    await refund(id, 4998, refundId)
    assert.equal(refundsOf(id).length, 1)
    await assert.rejects(refund(id, 4998, unique('rf')), { code: 'charge_already_refunded' })
  })

  it('a refund that did not arrive is told, and may be sent again', async () => {
    const id = await open()
    stripe.pay(id, 'refund_pending')
    const refundId = unique('rf')
    await refund(id, 1000, refundId)
    assert.equal((await readAll()).filter((each) => 'notice' in each).length, 0, 'on its way: nothing new')
    const [first] = refundsOf(id)
    assert.ok(first)
    stripe.failRefund(first)
    const [told] = (await readAll()) as ProviderEvent[]
    const notice = { kind: 'refund_failed', ref: first.id, amount: 1000, currency: 'EUR', refundId, reason: 'lost_or_stolen_card' }
    assert.deepEqual(told?.notice, notice)
    await refund(id, 1000, refundId)
    await refund(id, 1000, refundId)
    assert.deepEqual(
      refundsOf(id).map((each) => each.status),
      ['failed', 'pending'],
    )
  })

  it('too many requests are a failure that nothing remembers', async () => {
    const request = requestOf()
    stripe.faults.push({ on: /^POST/, kind: 'busy' })
    await assert.rejects(provider.open(request, never()), { type: 'StripeRateLimitError' })
    await provider.open(request, never())
  })

  it('an error says what, where to find it at Stripe, and nothing of keys, client secrets and shoppers', async () => {
    current.account = { ...account, mode: 'elements' }
    const id = await open()
    const capture = { shopId: SHOP, sessionId: id, captureId: unique('act'), amount: 4998, currency: 'EUR' }
    const error = await provider.capture(capture, never()).catch((thrown: unknown) => thrown)
    assert.ok(error instanceof Error)
    const { type, code, requestId } = error as Error & Record<string, unknown>
    assert.deepEqual([type, code], ['StripeInvalidRequestError', 'payment_intent_unexpected_state'])
    assert.match(String(requestId), /^req_/)
    assert.doesNotMatch(inspect(error, { depth: 9, showHidden: true }), /_secret_|ada@example|sk_test_|whsec_/)
  })

  it('a silent Stripe is given up with the call, and by itself after the time of a request', async () => {
    const slow = { on: /^GET/, kind: 'slow', ms: 30_000 } as const
    const id = await open()
    stripe.faults.push(slow, slow)
    const begun = Date.now()
    await assert.rejects(provider.status(SHOP, id, AbortSignal.timeout(200)))
    assert.ok(Date.now() - begun < 1900, 'the signal ends the request')
    stripe.faults.length = 0
    stripe.faults.push(slow, slow)
    await assert.rejects(status(id), { type: 'StripeConnectionError' })
    stripe.faults.length = 0
    assert.equal(await stateOf(id), 'open')
  })
})

describe('what can happen to a payment at Stripe', () => {
  it('3-D Secure waits, and is refused or passed', async () => {
    const id = await open()
    stripe.pay(id, '3ds')
    assert.equal(await stateOf(id), 'open')
    stripe.decide(id, false)
    assert.deepEqual(await status(id), { state: 'failed', amount: 4998, currency: 'EUR', reason: 'authentication_required' })
    stripe.pay(id, '3ds')
    stripe.decide(id, true)
    assert.equal(await stateOf(id), 'paid')
  })

  it('a bank that takes days keeps the payment open; it is paid then, or can be paid no more', async () => {
    const [good, bad] = [await open(), await open()]
    for (const id of [good, bad]) {
      stripe.pay(id, 'delayed')
      assert.equal((await provider.cancel(SHOP, id, never())).state, 'open', 'money is on its way: it cannot be cancelled')
    }
    assert.deepEqual([...new Set((await readAll()).map((each) => each.state))], ['open'])
    stripe.decide(good, true)
    stripe.decide(bad, false)
    assert.deepEqual([await stateOf(good), await stateOf(bad)], ['paid', 'cancelled'])
    const told = new Map(((await readAll()) as ProviderEvent[]).map(({ sessionId, state }) => [sessionId, state]))
    assert.deepEqual([told.get(good), told.get(bad)], ['paid', 'cancelled'])
  })

  it('a reservation that nobody took runs out, and that is told', async () => {
    const id = await open({ capture: 'manual' })
    stripe.pay(id)
    await readAll()
    stripe.lapse(id)
    const [event] = (await readAll()) as ProviderEvent[]
    assert.deepEqual([event?.state, event?.sessionId, event?.reason], ['cancelled', id, 'automatic'])
  })

  it('a shop that changes between page and form keeps the payments it has', async () => {
    const page = await open()
    current.account = { ...account, mode: 'elements' }
    const form = await open()
    assert.ok(page.startsWith('cs_') && form.startsWith('pi_'))
    stripe.pay(page)
    stripe.pay(form)
    assert.deepEqual([await stateOf(page), await stateOf(form)], ['paid', 'paid'])
    assert.deepEqual(new Set(((await readAll()) as ProviderEvent[]).map(({ sessionId }) => sessionId)), new Set([page, form]))
    await refund(page, 100, unique('rf'))
    await refund(form, 100, unique('rf'))
  })
})

describe('what Stripe sends', () => {
  it('is genuine by either secret while an endpoint is replaced, and only of the kind of money that the account moves', async () => {
    const id = await open()
    stripe.pay(id)
    const [message] = stripe.messages
    assert.ok(message)
    current.account = { ...account, webhookSecret: `whsec_${'n'.repeat(32)}`, olderWebhookSecret: account.webhookSecret }
    assert.equal(((await read(message)) as ProviderEvent).state, 'paid')
    assert.equal(((await read(message, { secret: `whsec_${'n'.repeat(32)}` })) as ProviderEvent).state, 'paid')
    current.account = { ...account, secretKey: `sk_live_${'1'.repeat(24)}` }
    assert.equal(await read(message), null)
    current.account = account
    assert.equal(await read({ ...message, account: 'acct_1' }), null)
    assert.equal(await read(message, { ageS: 301 }), null)
    assert.equal(((await read(message, { ageS: 240 })) as ProviderEvent).state, 'paid')
  })

  it('and is not about a payment of ours is genuine, and ignored', async () => {
    stripe.tell('customer.created', { id: 'cus_1', object: 'customer' })
    stripe.tell('payment_intent.succeeded', { id: 'pi_1', object: 'payment_intent', metadata: {} })
    stripe.tell('checkout.session.completed', { id: 'cs_1', object: 'checkout.session', mode: 'payment', metadata: null })
    stripe.tell('charge.dispute.created', { id: 'dp_1', object: 'dispute', payment_intent: null })
    stripe.tell('customer.subscription.updated', { id: 'sub_1', object: 'subscription', metadata: {} })
    stripe.tell('invoice.paid', { id: 'in_1', object: 'invoice', parent: null })
    const messages = stripe.messages.splice(0)
    for (const message of messages) assert.equal(await read(message), 'ignored', message.type)
    assert.deepEqual(stripe.requests, [], 'Stripe is not asked about strangers')
  })
})

describe('subscriptions at Stripe', () => {
  const subscriptionOf = (changes: Partial<SubscriptionRequest> = {}): SubscriptionRequest => ({
    shopId: SHOP,
    subscriptionId: unique('sub'),
    attemptId: unique('pay'),
    amount: 990,
    currency: 'EUR',
    description: 'Coffee, every two months',
    email: 'ada@example.org',
    returnUrl: 'https://shop.example/thanks',
    language: 'en',
    interval: 'month',
    intervalCount: 2,
    ...changes,
  })
  const told = async () =>
    ((await readAll()) as SubscriptionEvent[]).map(({ what, state, invoice }) => [what, state, invoice?.amount ?? null])

  it('are opened once, begin with the first period that is paid, and tell of every period', async () => {
    const request = subscriptionOf()
    const page = await recurring.open(request, never())
    assert.deepEqual(await recurring.open(request, never()), page)
    const [asked] = stripe.requests
    const [line] = (asked?.form.line_items ?? []) as { price_data: unknown }[]
    assert.deepEqual(line?.price_data, {
      currency: 'eur',
      unit_amount: '990',
      recurring: { interval: 'month', interval_count: '2' },
      product_data: { name: 'Coffee, every two months' },
    })
    const before = await recurring.status(SHOP, page.sessionId, never())
    assert.deepEqual(before, { state: 'open', ref: null, amount: 990, currency: 'EUR', periodEndsAt: null, endsWithPeriod: false })
    stripe.pay(page.sessionId)
    const started = await recurring.status(SHOP, page.sessionId, never())
    const ref = started.ref ?? ''
    assert.ok(ref.startsWith('sub_'))
    assert.equal(started.state, 'active')
    const events = (await readAll()) as SubscriptionEvent[]
    assert.deepEqual(
      events.map(({ kind, subscriptionId, ref, what }) => [kind, subscriptionId, ref, what]),
      [
        ['subscription', request.subscriptionId, ref, 'changed'],
        ['subscription', request.subscriptionId, ref, 'renewed'],
      ],
    )
    stripe.renew(ref, true)
    assert.deepEqual(await told(), [
      ['renewed', 'active', 990],
      ['changed', 'active', null],
    ])
    const later = await recurring.status(SHOP, ref, never())
    assert.equal((later.periodEndsAt ?? 0) - (started.periodEndsAt ?? 0), 2 * 30 * 24 * HOUR)
    stripe.renew(ref, false)
    assert.deepEqual(await told(), [
      ['payment_failed', 'past_due', 990],
      ['changed', 'past_due', null],
    ])
  })

  it('run out or end at once, and one that nobody paid is closed', async () => {
    const start = async () => {
      const { sessionId } = await recurring.open(subscriptionOf(), never())
      stripe.pay(sessionId)
      await readAll()
      return sessionId
    }
    const [one, two] = [await start(), await start()]
    const running = await recurring.cancel(SHOP, one, 'period_end', never())
    assert.deepEqual([running.state, running.endsWithPeriod], ['active', true])
    assert.deepEqual(await told(), [['changed', 'active', null]])
    const ended = await recurring.cancel(SHOP, two, 'now', never())
    assert.equal(ended.state, 'cancelled')
    assert.deepEqual(await told(), [['ended', 'cancelled', null]])
    assert.deepEqual(await recurring.cancel(SHOP, two, 'now', never()), ended)
    const { sessionId } = await recurring.open(subscriptionOf(), never())
    assert.equal((await recurring.cancel(SHOP, sessionId, 'now', never())).state, 'cancelled')
    assert.deepEqual(await told(), [['ended', 'cancelled', null]])
  })
})
