// What every payment provider promises, whatever is behind it: the engine relies on nothing else. The same promises are tested on the sandbox, on
// Stripe's hosted page and on Stripe's own form; Stripe is called through its library, against a local server that answers as Stripe does.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, describe, it } from 'node:test'
import { Webhook } from 'standardwebhooks'
import type { PaymentProvider, PaymentRequest, ProviderEvent } from '../src/engine/ports.ts'
import { createSandboxPayment, type SandboxSession } from '../src/providers/sandbox-payment.ts'
import type { StripeAccount } from '../src/providers/stripe-client.ts'
import { createStripePayment } from '../src/providers/stripe-payment.ts'
import { type StripeMessage, startStripe } from './stripe-server.ts'

const SHOP = 'shop-a'
const OTHER_SHOP = 'shop-b'

/** How a shopper pays, in words that every provider has a card for. */
type Way = 'success' | 'decline' | 'capture_fails' | 'refund_fails'

/** A message as it arrives. */
interface Message {
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** A provider, and the other side of it: what shoppers do there, and what it sends. */
interface Subject {
  readonly name: string
  readonly provider: PaymentProvider
  /** The shopper pays; nothing happens in a session that takes no money any more. */
  pay(sessionId: string, way?: Way): Promise<void>
  /** What was sent since this was last asked. */
  sent(): Promise<Message[]>
  /** The same message again, signed as it says. */
  signed(message: Message, how: { readonly ageS?: number; readonly secret?: 'another' }): Message
  /** The next request of the provider is executed, and its answer lost, however often the provider repeats it by itself. */
  readonly loseAnswer: (() => void) | null
  /** How often something was really done there. */
  done(sessionId: string): { readonly sessions: number; readonly refunded: number; readonly refunds: number }
}

function sandboxSubject(): Subject {
  const stored = new Map<string, SandboxSession>()
  const secret = `whsec_${randomBytes(24).toString('base64')}`
  const messages: Message[] = []
  const provider = createSandboxPayment({
    sessions: {
      async insertIfAbsent(_shopId, session) {
        const known = [...stored.values()].find(({ attemptId }) => attemptId === session.attemptId)
        if (!known) stored.set(session.id, structuredClone(session))
        return structuredClone(known ?? session)
      },
      find: async (shopId, id) => structuredClone([...stored.values()].find((each) => each.shopId === shopId && each.id === id) ?? null),
      async compareAndSet(_shopId, session, expected) {
        if (stored.get(session.id)?.version !== expected) return false
        stored.set(session.id, structuredClone(session))
        return true
      },
      listDue: async () => [],
    },
    clock: { now: Date.now },
    secret,
    publicUrl: () => 'http://pay.test',
    eventUrl: () => 'http://nowhere.test',
    randomId: () => randomBytes(24).toString('base64url'),
    fetch: async (_url, init) => {
      messages.push({ headers: init?.headers as Record<string, string>, body: Buffer.from(String(init?.body)) })
      return new Response(null, { status: 204 })
    },
  })
  const cards = {
    success: '4242 4242 4242 4242',
    decline: '4000 0000 0000 0002',
    capture_fails: '4000 0000 0000 0341',
    refund_fails: '4000 0000 0000 5126',
  }
  return {
    name: 'sandbox',
    provider,
    pay: async (id, way = 'success') => {
      await provider.pay(SHOP, id, cards[way])
    },
    sent: async () => {
      await provider.settled()
      return messages.splice(0)
    },
    signed: ({ headers, body }, { ageS = 0, secret: foreign }) => {
      const id = headers['webhook-id'] ?? ''
      const at = new Date(Date.now() - ageS * 1000)
      const webhook = new Webhook(foreign ? `whsec_${randomBytes(24).toString('base64')}` : secret)
      const text = body.toString()
      const signature = webhook.sign(id, at, text)
      const time = String(Math.floor(at.getTime() / 1000))
      return { headers: { 'webhook-id': id, 'webhook-timestamp': time, 'webhook-signature': signature }, body: Buffer.from(text) }
    },
    loseAnswer: null,
    done: (id) => {
      const refunds = stored.get(id)?.refunds ?? []
      return { sessions: stored.size, refunded: refunds.reduce((sum, { amount }) => sum + amount, 0), refunds: refunds.length }
    },
  }
}

async function stripeSubject(mode: 'checkout' | 'elements'): Promise<Subject> {
  const stripe = await startStripe()
  after(() => stripe.close())
  const account: StripeAccount = { secretKey: stripe.secretKey, webhookSecret: stripe.webhookSecret, mode }
  const provider = createStripePayment({ accountOf: async () => account, apiBase: stripe.url })
  const cards = { success: 'success', decline: 'decline', capture_fails: 'capture_fails', refund_fails: 'refund_refused' } as const
  return {
    name: `stripe, ${mode}`,
    provider,
    pay: async (id, way = 'success') => {
      // Stripe's own page says that it is over; there is nothing to press any more.
      const isOver = mode === 'checkout' ? stripe.pages.get(id)?.status !== 'open' : stripe.intents.get(id)?.status === 'canceled'
      if (!isOver) stripe.pay(id, cards[way])
    },
    sent: async () => stripe.messages.splice(0).map((message) => stripe.signed(message)),
    signed: ({ body }, { ageS, secret }) => {
      const message = JSON.parse(body.toString()) as StripeMessage
      return stripe.signed(message, { ...(ageS ? { ageS } : {}), ...(secret ? { secret: `whsec_${'x'.repeat(32)}` } : {}) })
    },
    loseAnswer: () => stripe.faults.push({ on: /^POST/, kind: 'lost' }, { on: /^POST/, kind: 'lost' }),
    done: (id) => {
      const refunds = [...stripe.refunds.values()].filter((each) => each.payment_intent === stripe.intentBehind(id).id)
      const sessions = mode === 'checkout' ? stripe.pages.size : stripe.intents.size
      return { sessions, refunded: refunds.reduce((sum, { amount }) => sum + amount, 0), refunds: refunds.length }
    },
  }
}

const subjects = [sandboxSubject(), await stripeSubject('checkout'), await stripeSubject('elements')]

const never = () => new AbortController().signal
const unique = (prefix: string) => `${prefix}_${randomBytes(8).toString('hex')}`

function requestOf(changes: Partial<PaymentRequest> = {}): PaymentRequest {
  return {
    shopId: SHOP,
    orderId: 'ord_1',
    attemptId: unique('pay'),
    amount: 4998,
    currency: 'EUR',
    description: 'Order of 2 items',
    email: 'ada@example.org',
    lines: [{ name: 'Linen shirt', quantity: 2, total: 4998 }],
    returnUrl: 'https://shop.example/thanks?lang=en',
    capture: 'automatic',
    language: 'de-AT',
    ...changes,
  }
}

const EUR = (amount: number) => ({ amount, currency: 'EUR' })

for (const subject of subjects) {
  const { provider } = subject
  const open = async (changes: Partial<PaymentRequest> = {}) => (await provider.open(requestOf(changes), never())).sessionId
  const status = (sessionId: string) => provider.status(SHOP, sessionId, never())
  const cancel = (sessionId: string) => provider.cancel(SHOP, sessionId, never())
  const capture = (sessionId: string, amount: number, captureId = unique('act')) =>
    provider.capture({ shopId: SHOP, sessionId, captureId, ...EUR(amount) }, never())
  const refund = (sessionId: string, amount: number, refundId = unique('rf')) =>
    provider.refund({ shopId: SHOP, sessionId, refundId, ...EUR(amount) }, never())
  const reserved = async (way?: Way) => {
    const id = await open({ capture: 'manual' })
    await subject.pay(id, way)
    return id
  }
  const paid = async (way?: Way) => {
    const id = await open()
    await subject.pay(id, way)
    return id
  }
  const readAt = (shopId: string, { headers, body }: Message) => provider.readEvent(shopId, headers, body)
  /** What the messages say that are about payments. */
  const events = async (messages: readonly Message[], shopId = SHOP): Promise<ProviderEvent[]> => {
    const read = await Promise.all(messages.map((message) => readAt(shopId, message)))
    return read.flatMap((each) => (each !== null && each !== 'ignored' && !('kind' in each) ? [each] : []))
  }

  describe(`a provider: ${subject.name}`, () => {
    it('SEED4-55 opening twice under one attempt is one session, also at the same time', async () => {
      const request = requestOf()
      const first = await provider.open(request, never())
      const before = subject.done(first.sessionId).sessions
      const again = await Promise.all([provider.open(request, never()), provider.open(request, never())])
      assert.deepEqual(again, [first, first])
      assert.equal(subject.done(first.sessionId).sessions, before)
      assert.ok(first.url !== null || first.token !== null, 'there is a way to pay')
      assert.deepEqual(await status(first.sessionId), { state: 'open', ...EUR(4998) })
    })

    it('something else under the same attempt is refused', async () => {
      const request = requestOf()
      const { sessionId } = await provider.open(request, never())
      for (const changes of [{ amount: 1000 }, { currency: 'USD' }, { orderId: 'ord_2' }, { capture: 'manual' as const }])
        await assert.rejects(provider.open({ ...request, ...changes }, never()))
      assert.deepEqual(await status(sessionId), { state: 'open', ...EUR(4998) })
    })

    it('a session is open, says why a card was refused, and is paid by a better one', async () => {
      const id = await open()
      await subject.pay(id, 'decline')
      const declined = await status(id)
      assert.ok(declined.state === 'open' || declined.state === 'failed')
      assert.ok(declined.reason)
      await subject.pay(id)
      assert.deepEqual(await status(id), { state: 'paid', ...EUR(4998) })
    })

    it('a cancelled session can be paid no more, and a paid one stays paid', async () => {
      const id = await open()
      assert.equal((await cancel(id)).state, 'cancelled')
      await subject.pay(id)
      assert.equal((await cancel(id)).state, 'cancelled')
      assert.equal((await status(id)).state, 'cancelled')
      const other = await paid()
      assert.deepEqual(await cancel(other), { state: 'paid', ...EUR(4998) })
    })

    it('a session whose card was refused is cancelled like an open one', async () => {
      const id = await open()
      await subject.pay(id, 'decline')
      assert.equal((await cancel(id)).state, 'cancelled')
      await subject.pay(id)
      assert.equal((await status(id)).state, 'cancelled')
    })

    it('reserved money is told as reserved, and cancelling sets it free for good', async () => {
      const id = await reserved()
      assert.deepEqual(await status(id), { state: 'authorized', ...EUR(4998) })
      assert.equal((await cancel(id)).state, 'cancelled')
      assert.equal((await cancel(id)).state, 'cancelled')
      await assert.rejects(capture(id, 4998))
      await assert.rejects(refund(id, 1000))
    })

    it('reserved money is taken once per capture, and never a second time', async () => {
      const id = await reserved()
      const captureId = unique('act')
      for (let round = 0; round < 2; round++) assert.deepEqual(await capture(id, 4998, captureId), { state: 'paid', ...EUR(4998) })
      assert.deepEqual(await capture(id, 1000), { state: 'paid', ...EUR(4998) })
      await assert.rejects(capture(id, 1000, captureId), 'another amount under the same id')
      assert.deepEqual(await status(id), { state: 'paid', ...EUR(4998) })
    })

    it('of reserved money a part is taken, the rest is free, and no more goes back than was taken', async () => {
      const id = await reserved()
      assert.deepEqual(await capture(id, 3000), { state: 'paid', ...EUR(3000) })
      assert.deepEqual(await status(id), { state: 'paid', ...EUR(3000) })
      await assert.rejects(refund(id, 3001))
      await refund(id, 3000)
      assert.equal(subject.done(id).refunded, 3000)
    })

    it('what is not reserved is not taken, and what the bank refuses stays reserved', async () => {
      const id = await reserved()
      await assert.rejects(capture(id, 4999))
      await assert.rejects(capture(id, 0))
      assert.deepEqual(await status(id), { state: 'authorized', ...EUR(4998) })
      await assert.rejects(capture(await open({ capture: 'manual' }), 4998))
      const poor = await reserved('capture_fails')
      await assert.rejects(capture(poor, 4998))
      assert.equal((await status(poor)).state, 'authorized')
      assert.equal((await cancel(poor)).state, 'cancelled')
    })

    it('SEED4-55 money goes back once per refund, in as many refunds as are asked for, and never more than was taken', async () => {
      const id = await paid()
      await assert.rejects(refund(await open(), 1000))
      const first = unique('rf')
      await refund(id, 1000, first)
      await refund(id, 1000, first)
      assert.equal(subject.done(id).refunded, 1000)
      await refund(id, 1000)
      assert.deepEqual(subject.done(id), { ...subject.done(id), refunded: 2000, refunds: 2 })
      await assert.rejects(refund(id, 2999), { name: 'RefusedByProvider' })
      await refund(id, 2998)
      await assert.rejects(refund(id, 1))
      assert.equal(subject.done(id).refunded, 4998)
    })

    it('a refund that the bank refuses is told, and nothing went back', async () => {
      const id = await paid('refund_fails')
      const refundId = unique('rf')
      for (let round = 0; round < 3; round++) await assert.rejects(refund(id, 1000, refundId), { name: 'RefusedByProvider' })
      assert.equal(subject.done(id).refunded, 0)
      assert.deepEqual(await status(id), { state: 'paid', ...EUR(4998) })
    })

    it('amounts keep their currency and its decimals', async () => {
      const amounts = [
        [1234, 'JPY'],
        [12_340, 'KWD'],
        [5000, 'UGX'],
        [777, 'ISK'],
        [123_456, 'HUF'],
        [50_000, 'MGA'],
        [999_999, 'USD'],
      ] as const
      for (const [amount, currency] of amounts) {
        const id = await open({ amount, currency, capture: 'manual' })
        assert.deepEqual(await status(id), { state: 'open', amount, currency })
        await subject.pay(id)
        assert.deepEqual(await status(id), { state: 'authorized', amount, currency })
        await provider.capture({ shopId: SHOP, sessionId: id, captureId: unique('act'), amount, currency }, never())
        await provider.refund({ shopId: SHOP, sessionId: id, refundId: unique('rf'), amount, currency }, never())
        assert.deepEqual(await status(id), { state: 'paid', amount, currency })
      }
    })

    it('a session that nobody knows is refused, and a call that was given up asks nothing', async () => {
      await assert.rejects(status('nobody'))
      await assert.rejects(cancel('nobody'))
      const over = AbortSignal.abort(new Error('given up'))
      const request = requestOf()
      await assert.rejects(provider.open(request, over))
      const id = await paid()
      await assert.rejects(provider.refund({ shopId: SHOP, sessionId: id, refundId: unique('rf'), ...EUR(100) }, over))
      assert.equal(subject.done(id).refunded, 0)
    })

    if (subject.loseAnswer)
      it('an answer that was lost is the same when it is asked for again', async () => {
        const request = requestOf({ capture: 'manual' })
        subject.loseAnswer?.()
        await assert.rejects(provider.open(request, never()))
        const { sessionId } = await provider.open(request, never())
        await subject.pay(sessionId)
        const captureId = unique('act')
        subject.loseAnswer?.()
        await assert.rejects(capture(sessionId, 4000, captureId))
        assert.deepEqual(await capture(sessionId, 4000, captureId), { state: 'paid', ...EUR(4000) })
        const refundId = unique('rf')
        subject.loseAnswer?.()
        await assert.rejects(refund(sessionId, 1500, refundId))
        await refund(sessionId, 1500, refundId)
        assert.deepEqual(subject.done(sessionId), { ...subject.done(sessionId), refunded: 1500, refunds: 1 })
      })

    it('PAY-3 what happens is told by messages that name session, attempt, order, amount and currency, each under an id of its own', async () => {
      await subject.sent()
      const request = requestOf({ orderId: 'ord_7' })
      const { sessionId } = await provider.open(request, never())
      const about = { sessionId, attemptId: request.attemptId, orderId: 'ord_7' }
      await subject.pay(sessionId, 'decline')
      const [declined] = await events(await subject.sent())
      assert.ok(declined?.reason)
      assert.deepEqual(declined, { eventId: declined.eventId, ...about, state: 'failed', ...EUR(4998), reason: declined.reason })
      await subject.pay(sessionId)
      const messages = await subject.sent()
      const told = await events(messages)
      assert.ok(told.length > 0)
      for (const event of told) assert.deepEqual(event, { eventId: event.eventId, ...about, state: 'paid', ...EUR(4998) })
      assert.equal(new Set([declined, ...told].map(({ eventId }) => eventId)).size, told.length + 1)
      assert.deepEqual(await events(messages), told, 'a repeated message is the same event')
    })

    it('reserving, taking a part, and setting free are told as well', async () => {
      await subject.sent()
      const id = await reserved()
      const states = async () => [...new Set((await events(await subject.sent())).map(({ state, amount }) => `${state} ${amount}`))]
      assert.deepEqual(await states(), ['authorized 4998'])
      await capture(id, 3000)
      assert.deepEqual(await states(), ['paid 3000'])
      const other = await reserved()
      await subject.sent()
      await cancel(other)
      assert.deepEqual(await states(), ['cancelled 4998'])
    })

    it('PAY-3 what is forged, changed, old, unsigned or signed nonsense is not genuine', async () => {
      await subject.sent()
      const request = requestOf()
      const { sessionId } = await provider.open(request, never())
      await subject.pay(sessionId)
      const [genuine] = await subject.sent()
      assert.ok(genuine)
      assert.equal((await events([genuine])).length, 1)
      const changed = Buffer.from(genuine.body.toString().replaceAll('4998', '1'))
      assert.notDeepEqual(changed, genuine.body)
      const none = [
        { ...genuine, body: changed },
        { ...genuine, body: Buffer.from('') },
        { ...genuine, headers: {} },
        subject.signed(genuine, { secret: 'another' }),
        subject.signed(genuine, { ageS: 600 }),
      ]
      for (const [index, message] of none.entries()) assert.equal(await readAt(SHOP, message), null, `message ${index}`)
    })

    it('PAY-3 a message about another shop is none of this shop', async () => {
      await subject.sent()
      await paid()
      const messages = await subject.sent()
      assert.ok(messages.length > 0)
      assert.deepEqual(await events(messages, OTHER_SHOP), [])
      assert.ok((await events(messages)).length > 0)
    })
  })
}
