// What the sandbox provider promises: one session is paid exactly once, every decision is told by a signed event until it is heard, and the
// hosted pages ask, refuse and lead back as a real provider's do. Events go over real HTTP to a real server; pages are injected.
import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import Fastify from 'fastify'
import { Webhook } from 'standardwebhooks'
import type { PaymentProvider, PaymentRequest, ProviderEvent } from '../engine/ports.ts'
import { sandboxPages } from './sandbox-page.ts'
import type { SandboxPayment, SandboxSession, SandboxSessions } from './sandbox-payment.ts'
import { createSandboxPayment, sandboxDueAt } from './sandbox-payment.ts'

const SECRET = `whsec_${randomBytes(24).toString('base64')}`
const CARDS = {
  success: '4242 4242 4242 4242',
  declined: '4000000000000002',
  poor: '4000-0000-0000-9995',
  challenge: '4000 0027 6000 3184',
}
const SHOP = 'demo'

const clock = { ms: Date.now(), now: () => clock.ms }
const endpoint = { status: 204, events: [] as (ProviderEvent | null)[], raw: [] as { headers: Record<string, string>; body: Buffer }[] }
let sandbox: PaymentProvider & SandboxPayment
let stored: Map<string, SandboxSession>
let inbound: FastifyInstance
let pages: FastifyInstance
let attempts = 0

/** Atomic because nothing is awaited inside a method; copies, so that nobody shares an object with the store. */
function memorySessions(sessions: Map<string, SandboxSession>): SandboxSessions {
  const of = (shopId: string) => [...sessions.values()].filter((session) => session.shopId === shopId)
  return {
    async insertIfAbsent(shopId, session) {
      const existing = of(shopId).find(({ attemptId }) => attemptId === session.attemptId)
      if (!existing) sessions.set(session.id, structuredClone(session))
      return structuredClone(existing ?? session)
    },
    async find(shopId, sessionId) {
      return structuredClone(of(shopId).find(({ id }) => id === sessionId) ?? null)
    },
    async compareAndSet(shopId, session, expectedVersion) {
      if (of(shopId).find(({ id }) => id === session.id)?.version !== expectedVersion) return false
      sessions.set(session.id, structuredClone(session))
      return true
    },
    async listDue(before, limit) {
      const due = [...sessions.values()].filter((session) => (sandboxDueAt(session) ?? Number.POSITIVE_INFINITY) <= before)
      return due.slice(0, limit).map((session) => structuredClone(session))
    },
  }
}

beforeEach(async () => {
  Object.assign(endpoint, { status: 204, events: [], raw: [] })
  inbound = Fastify()
  inbound.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  inbound.post<{ Body: Buffer }>('/v1/shops/:shop/payments/sandbox/events', async (request, reply) => {
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
    endpoint.raw.push({ headers, body: request.body })
    endpoint.events.push(paymentEvent(await sandbox.readEvent(SHOP, headers, request.body)))
    return reply.code(endpoint.status).send()
  })
  await inbound.listen({ host: '127.0.0.1', port: 0 })
  const { port } = inbound.server.address() as AddressInfo
  stored = new Map()
  sandbox = createSandboxPayment({
    sessions: memorySessions(stored),
    clock,
    secret: SECRET,
    publicUrl: () => 'https://pay.example/prefix/',
    eventUrl: (shopId) => `http://127.0.0.1:${port}/v1/shops/${shopId}/payments/sandbox/events`,
    randomId: randomUUID,
  })
  pages = Fastify()
  await pages.register(sandboxPages(sandbox))
})

afterEach(async () => {
  await sandbox.settled()
  await inbound.close()
  await pages.close()
})

/** What is stored of all sessions, but for random ids and times: these may hold any four digits by chance. */
function allStored(): string {
  return JSON.stringify([...stored.values()].map(({ id: _id, createdAt: _createdAt, paidAt: _paidAt, ...rest }) => rest))
}

/** The sandbox tells of payments only. */
function paymentEvent(read: Awaited<ReturnType<PaymentProvider['readEvent']>>): ProviderEvent | null {
  assert.ok(read !== 'ignored' && !(read && 'kind' in read))
  return read
}

const never = () => new AbortController().signal
const heard = () => endpoint.events.map((event) => event?.state)
const card = (number: string) => ({ number, expiry: '12 / 49', cvc: '123', name: 'Ada' })

function order(changes: Partial<PaymentRequest> = {}): PaymentRequest {
  attempts += 1
  return {
    shopId: SHOP,
    orderId: 'ord_1',
    attemptId: `pay_${attempts}`,
    amount: 4998,
    currency: 'EUR',
    description: 'Order 1001',
    email: 'ada@example.org',
    lines: [{ name: 'Linen shirt', quantity: 2, total: 4998 }],
    returnUrl: 'https://shop.example/thanks?lang=en',
    capture: 'automatic',
    language: null,
    ...changes,
  }
}

async function openSession(changes: Partial<PaymentRequest> = {}): Promise<string> {
  return (await sandbox.open(order(changes), never())).sessionId
}

function get(id: string, rest = '') {
  return pages.inject({ method: 'GET', url: `/sandbox/pay/${SHOP}/${id}${rest}` })
}

function send(id: string, fields: Record<string, string>, rest = '') {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  const payload = new URLSearchParams(fields).toString()
  return pages.inject({ method: 'POST', url: `/sandbox/pay/${SHOP}/${id}${rest}`, headers, payload })
}

describe('the provider', () => {
  test('opening twice under one attempt answers the same session', async () => {
    const request = order()
    const [one, two] = await Promise.all([sandbox.open(request, never()), sandbox.open(request, never())])
    assert.deepEqual(one, two)
    assert.equal(one.url, `https://pay.example/prefix/sandbox/pay/demo/${one.sessionId}`)
    await assert.rejects(sandbox.open({ ...request, amount: 1 }, never()), { code: 'attempt_reused' })
  })

  test('a session is not opened for a broken amount, an unknown currency or a return address that is not http', async () => {
    const broken = [{ amount: 1.5 }, { amount: -1 }, { currency: 'EURO' }, { returnUrl: 'javascript:alert(1)' }, { returnUrl: '/thanks' }]
    for (const changes of broken) await assert.rejects(sandbox.open(order(changes), never()), { code: 'request_invalid' })
    assert.equal(stored.size, 0)
  })

  test('cancelling closes an open session, is told once, and a paid session stays paid', async () => {
    const id = await openSession()
    assert.equal((await sandbox.cancel(SHOP, id, never())).state, 'cancelled')
    assert.equal((await sandbox.cancel(SHOP, id, never())).state, 'cancelled')
    assert.equal((await sandbox.pay(SHOP, id, CARDS.success)).result, 'cancelled')
    const other = await openSession()
    await sandbox.pay(SHOP, other, CARDS.success)
    assert.deepEqual(await sandbox.cancel(SHOP, other, never()), { state: 'paid', amount: 4998, currency: 'EUR' })
    await sandbox.settled()
    assert.deepEqual(heard().sort(), ['cancelled', 'paid'])
  })

  test('of paying and cancelling at the same time exactly one wins, and only that one is told', async () => {
    for (let round = 0; round < 20; round += 1) {
      const id = await openSession()
      const [outcome, status] = await Promise.all([sandbox.pay(SHOP, id, CARDS.success), sandbox.cancel(SHOP, id, never())])
      await sandbox.settled()
      assert.equal(outcome.result, status.state)
      assert.deepEqual(heard(), [status.state])
      endpoint.events = []
    }
  })

  test('a refund is executed once, and never more is refunded than was paid', async () => {
    const id = await openSession()
    const refund = (refundId: string, amount: number) =>
      sandbox.refund({ shopId: SHOP, sessionId: id, refundId, amount, currency: 'EUR' }, never())
    await assert.rejects(refund('r1', 100), { code: 'not_paid' })
    await sandbox.pay(SHOP, id, CARDS.success)
    await Promise.all([refund('r1', 3000), refund('r1', 3000)])
    await assert.rejects(refund('r1', 2000), { code: 'refund_reused' })
    await assert.rejects(refund('r2', 0), { code: 'request_invalid' })
    const race = await Promise.allSettled([refund('r2', 1998), refund('r3', 1998)])
    assert.deepEqual(race.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
    await assert.rejects(refund('r4', 1), { code: 'refund_exceeds_payment' })
    const refunded = stored.get(id)?.refunds.map(({ amount }) => amount)
    assert.deepEqual(refunded, [3000, 1998])
  })

  test('an unknown session, and one of another shop, is refused', async () => {
    const id = await openSession()
    await assert.rejects(sandbox.status('other', id, never()), { code: 'session_unknown' })
    await assert.rejects(sandbox.pay('other', id, CARDS.success), { code: 'session_unknown' })
    assert.equal((await sandbox.status(SHOP, id, never())).state, 'open')
  })
})

describe('events', () => {
  test('a paid session is told in a signed event that says all there is to know', async () => {
    const request = order()
    const { sessionId } = await sandbox.open(request, never())
    await sandbox.pay(SHOP, sessionId, CARDS.success)
    await sandbox.settled()
    const [event] = endpoint.events
    assert.ok(event?.eventId)
    const { attemptId } = request
    const told = { orderId: 'ord_1', state: 'paid', amount: 4998, currency: 'EUR' }
    assert.deepEqual(event, { eventId: event.eventId, sessionId, attemptId, ...told })
  })

  test('an event is repeated under the same id until it is answered with 2xx, and waits longer each time', async () => {
    endpoint.status = 500
    const id = await openSession()
    await sandbox.pay(SHOP, id, CARDS.success)
    await sandbox.settled()
    assert.equal(await sandbox.deliverDue(), 0)
    assert.equal(endpoint.events.length, 1, 'not due yet')
    clock.ms += 10_000
    assert.deepEqual(await Promise.all([sandbox.deliverDue(), sandbox.deliverDue()]), [0, 0], 'side by side, one tries')
    clock.ms += 10_000
    assert.equal(await sandbox.deliverDue(), 0)
    assert.equal(endpoint.events.length, 2, 'the second wait is longer')
    endpoint.status = 204
    clock.ms += 10_000
    assert.equal(await sandbox.deliverDue(), 1)
    assert.equal(new Set(endpoint.events.map((event) => event?.eventId)).size, 1)
    assert.deepEqual(heard(), ['paid', 'paid', 'paid'])
    clock.ms += 86_400_000
    assert.equal(await sandbox.deliverDue(), 0)
  })

  test('an event never overtakes an earlier one of its session, and a new one brings the waiting ones along', async () => {
    endpoint.status = 503
    const id = await openSession()
    await sandbox.pay(SHOP, id, CARDS.declined)
    await sandbox.settled()
    await sandbox.pay(SHOP, id, CARDS.success)
    await sandbox.settled()
    assert.deepEqual(heard(), ['failed', 'failed'])
    endpoint.status = 200
    clock.ms += 3_600_000
    assert.equal(await sandbox.deliverDue(), 2)
    assert.deepEqual(heard().slice(2), ['failed', 'paid'])
  })

  test('an endpoint that cannot be reached loses nothing and does not disturb the shopper', async () => {
    const id = await openSession()
    await inbound.close()
    assert.equal((await send(id, card(CARDS.success))).statusCode, 303)
    await sandbox.settled()
    assert.equal(stored.get(id)?.pending.length, 1)
  })

  test('what is forged, changed, old, unsigned or signed nonsense is not read', async () => {
    await sandbox.pay(SHOP, await openSession(), CARDS.success)
    await sandbox.settled()
    const [genuine] = endpoint.raw
    assert.ok(genuine)
    const { headers, body } = genuine
    assert.ok(await sandbox.readEvent(SHOP, headers, body))
    const changed = Buffer.from(body.toString().replace('4998', '1'))
    const foreign = new Webhook(`whsec_${randomBytes(24).toString('base64')}`)
    const at = (ms: number) => ({ 'webhook-id': 'evt_x', 'webhook-timestamp': String(Math.floor(ms / 1000)) })
    const sign = (webhook: Webhook, ms: number, text: string | Buffer) => webhook.sign('evt_x', new Date(ms), text)
    const now = Date.now()
    const own = new Webhook(SECRET)
    assert.equal(await sandbox.readEvent(SHOP, headers, changed), null)
    assert.equal(await sandbox.readEvent(SHOP, { ...headers, 'webhook-id': 'evt_other' }, body), null)
    assert.equal(await sandbox.readEvent(SHOP, {}, body), null)
    assert.equal(await sandbox.readEvent(SHOP, { ...at(now), 'webhook-signature': sign(foreign, now, body) }, body), null)
    assert.equal(await sandbox.readEvent(SHOP, { ...at(now), 'webhook-signature': 'v1' }, body), null)
    const old = now - 600_000
    assert.equal(await sandbox.readEvent(SHOP, { ...at(old), 'webhook-signature': sign(own, old, body) }, body), null)
    for (const text of ['', 'null', '[]', 'not json', '{"data":{"state":"paid"}}', body.toString().replace('4998', '49.98')]) {
      assert.equal(await sandbox.readEvent(SHOP, { ...at(now), 'webhook-signature': sign(own, now, text) }, Buffer.from(text)), null, text)
    }
  })
})

describe('the hosted pages', () => {
  test('SEED4-54 the payment page shows what is paid, is framed and cached by nobody, and may lead back to the shop only', async () => {
    const { headers, body, statusCode } = await get(await openSession({ lines: [{ name: 'Shirt', quantity: 2, total: 4498 }] }))
    assert.equal(statusCode, 200)
    const shown = ['Test mode', 'Order 1001', 'Shirt', '€44.98', '€5.00', '€49.98', 'ada@example.org']
    for (const text of shown) assert.ok(body.includes(text), text)
    const policy = String(headers['content-security-policy'])
    for (const part of ["default-src 'none'", "form-action 'self' https://shop.example;", "frame-ancestors 'none'"]) {
      assert.ok(policy.includes(part), part)
    }
    assert.ok(!policy.includes('unsafe'))
    assert.equal(headers['cache-control'], 'no-store')
    assert.equal(headers['referrer-policy'], 'no-referrer')
  })

  test('amounts have the decimals of their currency, also where Intl would show none', async () => {
    const amounts: [number, string, string][] = [
      [1234, 'JPY', '¥1,234'],
      [1234, 'KWD', '1.234'],
      [123456, 'HUF', '1,234.56'],
      [Number.MAX_SAFE_INTEGER, 'USD', '$90,071,992,547,409.91'],
    ]
    for (const [amount, currency, shown] of amounts) {
      const { body } = await get(await openSession({ amount, currency, lines: [] }))
      assert.ok(body.includes(`${shown}</span>`), shown)
    }
  })

  test('what customers wrote is text, never markup', async () => {
    const evil = `<script>alert("1")</script>'&`
    const id = await openSession({ description: evil, email: evil, lines: [{ name: evil, quantity: 1, total: 4998 }] })
    const invalid = await send(id, { ...card('1'), name: `"><script>alert("1")</script>` })
    await send(id, card(CARDS.challenge))
    const challenge = await get(id, '/challenge')
    await send(id, { answer: 'approve' }, '/challenge')
    for (const { body } of [invalid, challenge, await get(id)]) {
      assert.ok(body.includes('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;'))
      assert.ok(!body.includes('<script>alert'))
    }
  })

  test('SEED0-49 a good card pays, and leads back to the shop with the order, the payment and the result', async () => {
    const request = order()
    const { sessionId } = await sandbox.open(request, never())
    const { statusCode, headers } = await send(sessionId, card(CARDS.success))
    assert.equal(statusCode, 303)
    assert.equal(headers.location, `https://shop.example/thanks?lang=en&order=ord_1&payment=${request.attemptId}&result=paid`)
    assert.equal((await sandbox.status(SHOP, sessionId, never())).state, 'paid')
    const closing = await get(sessionId)
    assert.ok(closing.body.includes('<h1>Paid</h1>'))
    assert.ok(closing.body.includes('href="https://shop.example/thanks?lang=en&amp;order=ord_1'))
  })

  test('without a return address the closing page is shown', async () => {
    const id = await openSession({ returnUrl: null })
    const { statusCode, headers } = await send(id, card(CARDS.success))
    assert.equal(statusCode, 303)
    assert.equal(headers.location, `/prefix/sandbox/pay/demo/${id}`)
    assert.ok((await get(id)).body.includes('<h1>Paid</h1>'))
  })

  test('a declined card is told at its field and leaves the session open for a better one', async () => {
    const id = await openSession()
    const declined = await send(id, card(CARDS.declined))
    assert.equal(declined.statusCode, 402)
    const field = /<input id="number"[^>]*value=""[^>]*aria-invalid="true"[^>]*>\s*<p class="fault"[^>]*role="alert">This card was/
    assert.match(declined.body, field)
    assert.deepEqual(await sandbox.status(SHOP, id, never()), { state: 'open', amount: 4998, currency: 'EUR', reason: 'card_declined' })
    assert.ok((await get(id)).body.includes('This card was declined'))
    assert.equal((await send(id, card(CARDS.poor))).statusCode, 402)
    assert.equal((await send(id, card(CARDS.success))).statusCode, 303)
    await sandbox.settled()
    const told = endpoint.events.map((event) => `${event?.state} ${event?.reason}`)
    assert.deepEqual(told, ['failed card_declined', 'failed insufficient_funds', 'paid undefined'])
    assert.ok(!(await get(id)).body.includes('declined'))
  })

  test('any other number is refused at the field, and nothing of it is sent, stored or shown', async () => {
    const id = await openSession()
    const { statusCode, body } = await send(id, card('5555 5555 5555 4444'))
    assert.equal(statusCode, 422)
    assert.ok(body.includes('This is not a test card'))
    assert.ok(stored.has(id) && !body.includes('5555 5555') && !allStored().includes('5555'))
    await sandbox.settled()
    assert.deepEqual(endpoint.events, [])
    assert.equal((await sandbox.pay(SHOP, id, '5555 5555 5555 4444')).result, 'not_a_test_card')
  })

  test('every empty or wrong field is told at that field', async () => {
    const id = await openSession()
    const { statusCode, body } = await send(id, { number: '', expiry: '13/30', cvc: '12', name: ' ' })
    assert.equal(statusCode, 422)
    assert.equal(body.match(/role="alert"/g)?.length, 4)
    assert.equal(body.match(/ autofocus/g)?.length, 1)
    assert.ok((await send(id, { ...card(CARDS.success), expiry: '01/20' })).body.includes('This date has passed'))
    const kept = (await send(id, { ...card(CARDS.success), cvc: '' })).body
    assert.match(kept, /<input id="number"[^>]*value="4242 4242 4242 4242"/)
    assert.equal((await sandbox.status(SHOP, id, never())).state, 'open')
  })

  test('a card number is nowhere in what is stored', async () => {
    const id = await openSession()
    for (const number of Object.values(CARDS)) await send(id, card(number))
    assert.ok(stored.has(id))
    assert.doesNotMatch(allStored(), /4242|0002|9995|3184/)
  })

  test('3-D Secure: approved is paid', async () => {
    const id = await openSession()
    assert.equal((await get(id, '/challenge')).headers.location, `/prefix/sandbox/pay/demo/${id}`)
    const asked = await send(id, card(CARDS.challenge))
    assert.equal(asked.headers.location, `/prefix/sandbox/pay/demo/${id}/challenge`)
    assert.equal((await sandbox.status(SHOP, id, never())).state, 'open')
    assert.ok((await get(id, '/challenge')).body.includes('€49.98'))
    assert.equal((await send(id, { answer: 'perhaps' }, '/challenge')).statusCode, 422)
    const approved = await send(id, { answer: 'approve' }, '/challenge')
    assert.match(String(approved.headers.location), /^https:\/\/shop\.example\/thanks\?.*result=paid$/)
    await sandbox.settled()
    assert.deepEqual(heard(), ['paid'])
  })

  test('3-D Secure: refused is failed, may be tried again, and cannot be approved afterwards', async () => {
    const id = await openSession()
    await send(id, card(CARDS.challenge))
    const refused = await send(id, { answer: 'refuse' }, '/challenge')
    assert.equal(refused.headers.location, `/prefix/sandbox/pay/demo/${id}`)
    assert.ok((await get(id)).body.includes('refused in the 3-D Secure check'))
    await send(id, { answer: 'approve' }, '/challenge')
    assert.equal((await sandbox.status(SHOP, id, never())).reason, 'authentication_failed')
    assert.equal((await send(id, card(CARDS.success))).statusCode, 303)
    await sandbox.settled()
    assert.deepEqual(heard(), ['failed', 'paid'])
  })

  test('leaving decides nothing and leads back to the shop', async () => {
    const id = await openSession()
    const { statusCode, headers } = await send(id, {}, '/leave')
    assert.equal(statusCode, 303)
    assert.match(String(headers.location), /^https:\/\/shop\.example\/thanks\?.*result=left$/)
    assert.deepEqual(await sandbox.status(SHOP, id, never()), { state: 'open', amount: 4998, currency: 'EUR' })
    const homeless = await openSession({ returnUrl: null })
    assert.ok((await send(homeless, {}, '/leave')).body.includes('You left without paying'))
    await sandbox.settled()
    assert.deepEqual(endpoint.events, [])
  })

  test('paying many times at once is one payment with one event, and every tab is led back as paid', async () => {
    const id = await openSession()
    const answers = await Promise.all(Array.from({ length: 8 }, () => send(id, card(CARDS.success))))
    for (const { statusCode, headers } of answers) {
      assert.equal(statusCode, 303)
      assert.match(String(headers.location), /result=paid$/)
    }
    await sandbox.settled()
    assert.deepEqual([...new Set(heard())], ['paid'])
    assert.equal(new Set(endpoint.events.map((event) => event?.eventId)).size, 1)
  })

  test('a cancelled session says so and takes no card', async () => {
    const id = await openSession()
    await sandbox.cancel(SHOP, id, never())
    assert.equal((await send(id, card(CARDS.success))).headers.location, `/prefix/sandbox/pay/demo/${id}`)
    const { body } = await get(id)
    assert.ok(body.includes('cancelled or has expired') && !body.includes('<form'))
    assert.equal((await sandbox.status(SHOP, id, never())).state, 'cancelled')
  })

  test('reserved money: the page says so, the shopper is led back as paid, and the closing page tells what became of it', async () => {
    const id = await openSession({ capture: 'manual' })
    assert.ok((await get(id)).body.includes('The money is reserved now'))
    const { statusCode, headers } = await send(id, card(CARDS.success))
    assert.equal(statusCode, 303)
    assert.match(String(headers.location), /^https:\/\/shop\.example\/thanks\?.*result=paid$/)
    assert.match(String((await send(id, {}, '/leave')).headers.location), /result=paid$/)
    assert.ok((await get(id)).body.includes('<h1>Reserved</h1>'))
    await sandbox.capture({ shopId: SHOP, sessionId: id, captureId: 'act_1', amount: 3000, currency: 'EUR' }, never())
    const closing = (await get(id)).body
    assert.ok(closing.includes('<h1>Paid</h1>') && closing.includes('€30.00 was taken, the rest was set free.'))
    await sandbox.settled()
    assert.deepEqual(heard(), ['authorized', 'paid'])
    assert.ok(!(await get(await openSession())).body.includes('reserved now'))
  })

  test('a session that was stored by an earlier version is paid, refunded and shown as before', async () => {
    const id = await openSession()
    const { capture: _, ...older } = stored.get(id) as SandboxSession
    stored.set(id, older)
    assert.equal((await sandbox.pay(SHOP, id, CARDS.success)).result, 'paid')
    const { fails: __, captured: ___, ...paidBefore } = stored.get(id) as SandboxSession
    stored.set(id, paidBefore)
    await sandbox.refund({ shopId: SHOP, sessionId: id, refundId: 'r1', amount: 4998, currency: 'EUR' }, never())
    assert.ok((await get(id)).body.includes('€49.98 was refunded.'))
    assert.deepEqual(await sandbox.status(SHOP, id, never()), { state: 'paid', amount: 4998, currency: 'EUR' })
  })

  test('cards that let a capture or a refund fail later are on the page, and pay like good ones', async () => {
    const page = (await get(await openSession())).body
    for (const label of ['Reserved money cannot be taken', 'Refunds fail']) assert.ok(page.includes(label), label)
    const id = await openSession()
    assert.equal((await send(id, card('4000 0000 0000 5126'))).statusCode, 303)
    const refund = { shopId: SHOP, sessionId: id, refundId: 'r1', amount: 100, currency: 'EUR' }
    await assert.rejects(sandbox.refund(refund, never()), { code: 'refund_failed' })
    const reserved = await openSession({ capture: 'manual' })
    await send(reserved, card('4000 0000 0000 0341'))
    const capture = { shopId: SHOP, sessionId: reserved, captureId: 'act_1', amount: 4998, currency: 'EUR' }
    await assert.rejects(sandbox.capture(capture, never()), { code: 'capture_failed' })
  })

  test('an unknown session, a foreign body and one that is too large get a page, not a stack trace', async () => {
    const id = await openSession()
    assert.equal((await get('nobody')).statusCode, 404)
    assert.equal((await send(id, { number: 'x'.repeat(20_000) })).statusCode, 413)
    const json = await pages.inject({ method: 'POST', url: `/sandbox/pay/${SHOP}/${id}`, payload: { number: CARDS.success } })
    assert.equal(json.statusCode, 415)
    assert.match(String(json.headers['content-type']), /^text\/html/)
    assert.equal((await sandbox.status(SHOP, id, never())).state, 'open')
  })
})
