// Webhooks: where they go, how they are signed, tried again, given up and sent again; that they come in order, and that an endpoint which fails or
// hangs is nobody else's business. Promised on both databases.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import type { EventType } from '../src/core/event.ts'
import { insertEndpoint, readEndpoints } from '../src/store/endpoints.ts'
import { publish } from '../src/store/outbox.ts'
import { ADMIN, type Answer, caller, eventually, freshDatabase, mainlyOn, startTestServer } from './harness.ts'
import { assertProblem, rowsIn } from './http-probe.ts'
import { expect2xx } from './nodes.ts'
import { startReceiver } from './receiver.ts'

const HOOKS = '/v1/shops/demo/webhooks'
const CURRENT = '/v1/shops/demo/carts/current'
const told = (answer: Answer) => `${answer.status} ${JSON.stringify(answer.body).slice(0, 400)}`
const HOUR_MS = 3_600_000

interface Delivery {
  readonly id: string
  readonly eventId: string
  readonly type: string
  readonly subject: string
  readonly state: string
  readonly attempts: number
  readonly createdAt: string
  readonly dueAt: string
  readonly lastError: string | null
}

function verifies({ body, headers }: { body: string; headers: Readonly<Record<string, string>> }, secret: string): boolean {
  try {
    new Webhook(secret).verify(body, headers)
    return true
  } catch {
    return false
  }
}

for (const dialect of mainlyOn('sqlite')) {
  describe(`webhooks on ${dialect}`, async () => {
    const server = await startTestServer(await freshDatabase(dialect))
    const hooks = await startReceiver()
    const { store, random, clock } = server.engine
    const admin = caller(server.url, ADMIN)
    const visitor = caller(server.url)
    const advance = async (by: string) => expect2xx(await visitor('POST', '/v1/demo/clock', { advance: by }))
    let events = 0

    async function register(path: string, types: readonly string[]): Promise<{ id: string; secret: string }> {
      const { body } = expect2xx(await admin('POST', HOOKS, { url: hooks.url + path, types }))
      hooks.trust(path, body.secret)
      return body
    }
    const endpoint = async (id: string) => expect2xx(await admin('GET', `${HOOKS}/${id}`)).body
    const deliveries = async (id: string, query = ''): Promise<Delivery[]> =>
      expect2xx(await admin('GET', `${HOOKS}/${id}/deliveries?limit=200${query}`)).body.items
    const remove = async (id: string) => void expect2xx(await admin('DELETE', `${HOOKS}/${id}`))

    /** Something that happened: written as everything that happens is. */
    async function happen(type: EventType, subject: string, version = 1): Promise<void> {
      const endpoints = await readEndpoints(store.reader, 'demo')
      const data = JSON.stringify({ id: subject, version })
      await store.transact((writer) => publish(writer, 'demo', endpoints, [{ type, subject, data }], clock.now(), () => random.id('dl')))
      events++
    }
    const versionsAt = (path: string, subject: string) =>
      hooks
        .at(path)
        .filter(({ event }) => event.data.id === subject)
        .map(({ event }) => event.data.version)

    test('SEED1-55 an endpoint says what it wants by types and families, is changed, stopped and read', async () => {
      const { id } = await register('/changing', ['order.*', 'cart.merged'])
      await happen('order.placed', 'ord_1')
      await happen('cart.updated', 'cart_1')
      await eventually(async () => hooks.at('/changing').length === 1)
      const patched = expect2xx(
        await admin('PATCH', `${HOOKS}/${id}`, { types: ['cart.*'], description: 'Warehouse', url: `${hooks.url}/new` }),
      )
      assert.deepEqual([patched.body.types, patched.body.description, patched.body.state], [['cart.*'], 'Warehouse', 'ACTIVE'])
      hooks.trust('/new', (await admin('POST', `${HOOKS}/${id}/rotate-secret`, {})).body.secret)
      await happen('order.placed', 'ord_2')
      await happen('cart.updated', 'cart_2')
      await eventually(async () => hooks.at('/new').length === 1)
      assert.equal(hooks.at('/new')[0]?.event.type, 'cart.updated')
      const stopped = expect2xx(await admin('PATCH', `${HOOKS}/${id}`, { active: false })).body
      assert.deepEqual([stopped.active, stopped.state, stopped.stoppedReason], [false, 'DISABLED', 'by_hand'])
      await happen('cart.updated', 'cart_3')
      expect2xx(await admin('PATCH', `${HOOKS}/${id}`, { active: true }))
      await happen('cart.updated', 'cart_4')
      await eventually(async () => hooks.at('/new').length === 2)
      assert.deepEqual(
        hooks.at('/new').map(({ event }) => event.data.id),
        ['cart_2', 'cart_4'],
      )
      const read = await endpoint(id)
      assert.equal(read.health.consecutiveFailures, 0)
      assert.match(read.health.lastSuccessAt, /Z$/)
      assert.ok(!JSON.stringify(read).includes('whsec_'))
      await remove(id)
      assertProblem(await admin('GET', `${HOOKS}/${id}`), 404, 'endpoint_not_found')
    })

    test('what happens to endpoints is in the audit, without their secrets', async () => {
      const { id, secret } = await register('/audited', ['refund.failed'])
      const again = expect2xx(await admin('POST', `${HOOKS}/${id}/rotate-secret`, { graceFor: 'PT1H' })).body
      await admin('PATCH', `${HOOKS}/${id}`, { description: 'b' })
      await remove(id)
      const { items } = (await admin('GET', '/v1/shops/demo/audit')).body
      const mine = items.filter((each: { subject: string }) => each.subject === id)
      assert.deepEqual(
        mine.map((each: { action: string }) => each.action),
        ['webhook.removed', 'webhook.changed', 'webhook.secret_rotated', 'webhook.created'],
      )
      assert.equal(mine[0].actor, 'server:admin')
      for (const each of [secret, again.secret]) assert.ok(!JSON.stringify(items).includes(each))
    })

    test('an address that is not public, or not https, is refused with its path and changes nothing', async () => {
      const { id } = await register('/safe', ['refund.failed'])
      const was = await rowsIn(store.reader, 'endpoints', 'audit')
      for (const url of ['http://10.0.0.1/', 'https://169.254.169.254/', 'http://hooks.example.org/', 'https://a:b@hooks.example.org/']) {
        for (const answer of [await admin('POST', HOOKS, { url }), await admin('PATCH', `${HOOKS}/${id}`, { url })]) {
          assertProblem(answer, 422, 'invalid')
          assert.equal(answer.body.path, '/url')
        }
      }
      assert.deepEqual(await rowsIn(store.reader, 'endpoints', 'audit'), was)
      assert.equal((await endpoint(id)).url, `${hooks.url}/safe`)
      await remove(id)
    })

    test('an address that stopped being allowed after it was saved is not called', async () => {
      const { id } = await register('/moved', ['cart.closed'])
      await store.transact((writer) =>
        writer.db.updateTable('endpoints').set({ url: 'http://10.0.0.1:8080/' }).where('id', '=', id).execute(),
      )
      const trial = expect2xx(await admin('POST', `${HOOKS}/${id}/test`)).body
      assert.deepEqual([trial.delivered, trial.status, trial.error], [false, null, 'The address is not public, so nothing was sent.'])
      await happen('cart.closed', 'cart_moved')
      await eventually(async () => (await deliveries(id))[0]?.lastError === 'The address is not public, so nothing was sent.')
      await remove(id)
    })

    test('of two secrets that are asked for at the same moment none is lost: both sign', async () => {
      const { id } = await register('/both', ['cart.closed'])
      for (let round = 0; round < 5; round++) {
        const rotate = () => admin('POST', `${HOOKS}/${id}/rotate-secret`, {})
        const answers = await Promise.all([rotate(), rotate()])
        hooks.trust('/both', expect2xx(answers[0]).body.secret)
        await happen('cart.closed', `cart_both_${round}`)
        const message = await eventually(async () => hooks.at('/both')[round])
        for (const answer of answers) assert.ok(verifies(message, expect2xx(answer).body.secret))
      }
      await remove(id)
    })

    test('SEED1-51 a secret is changed without a gap: for the grace time both sign, then only the new one', async () => {
      const { id, secret: first } = await register('/rotating', ['cart.closed'])
      const rotated = expect2xx(await admin('POST', `${HOOKS}/${id}/rotate-secret`, { graceFor: 'PT2H' })).body
      assert.match(rotated.secret, /^whsec_/)
      assert.notEqual(rotated.secret, first)
      assert.equal((await endpoint(id)).previousSecretValidUntil, rotated.previousSecretValidUntil)
      // The receiver still knows the first secret only.
      await happen('cart.closed', 'cart_5')
      const during = await eventually(async () => hooks.at('/rotating')[0])
      assert.deepEqual(
        [verifies(during, first), verifies(during, rotated.secret), verifies(during, `whsec_${'A'.repeat(44)}`)],
        [true, true, false],
      )
      await advance('PT2H1S')
      hooks.trust('/rotating', rotated.secret)
      await happen('cart.closed', 'cart_6')
      const later = await eventually(async () => hooks.at('/rotating')[1])
      assert.deepEqual([verifies(later, first), verifies(later, rotated.secret)], [false, true])
      const leaked = expect2xx(await admin('POST', `${HOOKS}/${id}/rotate-secret`, { graceFor: 'PT0S' })).body
      assert.equal(leaked.previousSecretValidUntil, null)
      hooks.trust('/rotating', leaked.secret)
      await happen('cart.closed', 'cart_7')
      const last = await eventually(async () => hooks.at('/rotating')[2])
      assert.equal(verifies(last, rotated.secret), false)
      for (const graceFor of ['P31D', 'never', 'soon'])
        assertProblem(await admin('POST', `${HOOKS}/${id}/rotate-secret`, { graceFor }), 422, 'invalid')
      const row = (await readEndpoints(store.reader, 'demo')).find((each) => each.id === id)
      assert.deepEqual([row?.secret, row?.previous_secret], [leaked.secret, null], 'what is over is not kept')
      await remove(id)
    })

    test('a trial is sent at once, signed, and says what the endpoint answered', async () => {
      const { id } = await register('/trial', ['refund.failed'])
      const good = expect2xx(await admin('POST', `${HOOKS}/${id}/test`)).body
      assert.deepEqual([good.delivered, good.status, good.error], [true, 204, null])
      assert.deepEqual([hooks.at('/trial')[0]?.event.type, (await deliveries(id)).length], ['webhook.test', 0])
      hooks.answer('/trial', () => ({ status: 500, body: 'no database' }))
      const bad = expect2xx(await admin('POST', `${HOOKS}/${id}/test`)).body
      assert.deepEqual([bad.delivered, bad.status, bad.answer, bad.error], [false, 500, 'no database', 'The endpoint answered 500.'])
      hooks.answer('/trial', () => ({ status: 302, headers: { location: `${hooks.url}/elsewhere` } }))
      assert.match((await admin('POST', `${HOOKS}/${id}/test`)).body.error, /redirects are not followed/)
      assert.equal((await endpoint(id)).health.consecutiveFailures, 0, 'a trial says nothing about health')
      await remove(id)
    })

    test('SEED1-52 each attempt is kept with its answer, and the message is the same each time', async () => {
      const { id } = await register('/logged', ['cart.closed', 'order.placed'])
      hooks.answer('/logged', ({ event }) =>
        event.type === 'cart.closed' ? { status: 503, body: `busy\0${'x'.repeat(5000)}` } : { status: 200, body: 'ok' },
      )
      const from = new Date(clock.now()).toISOString()
      await happen('cart.closed', 'cart_8')
      await happen('order.placed', 'ord_8')
      const failed = await eventually(async () => (await deliveries(id)).find(({ lastError }) => lastError !== null))
      assert.equal(failed.lastError, 'The endpoint answered 503.')
      hooks.answer('/logged', () => ({ status: 202, body: 'thanks' }))
      await advance('PT6S')
      await eventually(async () => (await deliveries(id, '&state=DELIVERED')).length === 2)
      const { body } = expect2xx(await admin('GET', `${HOOKS}/${id}/deliveries/${failed.id}`))
      assert.deepEqual([body.state, body.attempts, body.log.length], ['DELIVERED', 2, 2])
      assert.deepEqual(
        body.log.map((each: { attempt: number; status: number; error: string | null }) => [each.attempt, each.status, each.error]),
        [
          [1, 503, 'The endpoint answered 503.'],
          [2, 202, null],
        ],
      )
      assert.match(body.log[0].answer, /^busy�x+$/)
      assert.equal(body.log[0].answer.length, 1024)
      assert.equal(body.log[1].answer, 'thanks')
      const sent = hooks.at('/logged').filter(({ event }) => event.type === 'cart.closed')
      assert.deepEqual(new Set(sent.map((each) => `${each.id} ${each.body}`)).size, 1)
      assert.deepEqual(body.payload, JSON.parse(sent[0]?.body ?? ''))
      const ids = async (query: string) => (await deliveries(id, query)).map((each) => each.subject)
      assert.deepEqual(await ids('&type=order.placed'), ['ord_8'])
      assert.deepEqual(await ids('&subject=cart_8'), ['cart_8'])
      assert.deepEqual(await ids('&state=DEAD'), [])
      assert.deepEqual(await ids(`&from=${from}`), ['ord_8', 'cart_8'])
      assert.deepEqual(await ids(`&to=${from}`), [])
      assertProblem(await admin('GET', `${HOOKS}/${id}/deliveries?state=GONE`), 422, 'invalid')
      assertProblem(await admin('GET', `${HOOKS}/${id}/deliveries?from=2016-12-31T23:59:60Z`), 422, 'invalid')
      assertProblem(await admin('GET', `${HOOKS}/${id}/deliveries/dl_none`), 404, 'delivery_not_found')
      await remove(id)
      assert.deepEqual(await rowsIn(store.reader, 'delivery_attempts'), { delivery_attempts: 0 })
    })

    test('SEED1-53 OPS-2 what fails is tried again for more than 24 hours, is dead then, and is sent again: one, or many at a time', async () => {
      const { id } = await register('/dying', ['cart.closed', 'cart.updated'])
      hooks.answer('/dying', () => ({ status: 500 }))
      for (const subject of ['cart_a', 'cart_b', 'cart_c', 'cart_d']) await happen('cart.closed', subject)
      const began = clock.now()
      const list = () => deliveries(id)
      for (let attempt = 1; attempt <= 12; attempt++) {
        await eventually(
          async () => (await list()).every((each) => each.attempts === attempt && each.state !== 'SENDING'),
          15_000,
          `attempt ${attempt}`,
        )
        const [first] = await list()
        if (first?.state === 'DEAD') break
        const latest = Math.max(...(await list()).map((each) => Date.parse(each.dueAt)))
        await advance(`PT${Math.ceil((latest - clock.now()) / 1000) + 1}S`)
      }
      assert.deepEqual([...new Set((await list()).map((each) => `${each.state} ${each.attempts}`))], ['DEAD 12'])
      assert.ok(clock.now() - began > 24 * HOUR_MS, `${(clock.now() - began) / HOUR_MS} hours`)
      assert.equal((await endpoint(id)).state, 'ACTIVE', 'a day of failures is not yet the end')
      hooks.answer('/dying', null)
      const dead = (await deliveries(id, '&state=DEAD')).reverse()
      const [one] = dead
      const again = expect2xx(await admin('POST', `${HOOKS}/${id}/deliveries/${one?.id}/redeliver`)).body
      await eventually(async () => (await list()).find((each) => each.id === again.id)?.state === 'DELIVERED')
      assert.equal(hooks.at('/dying').at(-1)?.id, one?.eventId, 'the same id, so that it is recognised')
      const first = expect2xx(await admin('POST', `${HOOKS}/${id}/redeliver`, { limit: 2 })).body
      assert.deepEqual(first, { count: 2, next: dead[2]?.id })
      const second = expect2xx(await admin('POST', `${HOOKS}/${id}/redeliver`, { limit: 2 })).body
      assert.deepEqual(second, { count: 1, next: null }, 'what was sent again is no dead letter any more')
      assert.deepEqual((await admin('POST', `${HOOKS}/${id}/redeliver`, {})).body, { count: 0, next: null })
      await eventually(async () => (await deliveries(id, '&state=DELIVERED')).length === 4)
      const bySubject = await admin('POST', `${HOOKS}/${id}/redeliver`, { state: 'DELIVERED', subject: 'cart_d', types: ['cart.closed'] })
      assert.deepEqual(bySubject.body, { count: 1, next: null })
      await eventually(async () => (await deliveries(id, '&state=DELIVERED')).length === 5)
      assert.deepEqual(hooks.at('/dying').filter(({ event }) => event.data.id === 'cart_d').length, 14)
      await remove(id)
    })

    test('of a cart that waits for the same endpoint twice only the newest is sent again', async () => {
      const { id } = await register('/newest', ['cart.updated'])
      await happen('cart.updated', 'cart_n', 1)
      await eventually(async () => versionsAt('/newest', 'cart_n').length === 1)
      await happen('cart.updated', 'cart_n', 2)
      await eventually(async () => (await deliveries(id, '&state=DELIVERED')).length === 2)
      hooks.answer('/newest', () => ({ status: 500 }))
      await happen('cart.updated', 'cart_n', 3)
      const waiting = await eventually(async () => (await deliveries(id, '&state=PENDING')).find((each) => each.attempts > 0))
      const old = (await deliveries(id, '&state=DELIVERED'))[0]
      const again = expect2xx(await admin('POST', `${HOOKS}/${id}/deliveries/${old?.id}/redeliver`)).body
      assert.equal(again.id, waiting.id, 'a newer one waits already')
      hooks.answer('/newest', null)
      await advance('PT1M')
      await eventually(async () => (await deliveries(id, '&state=PENDING')).length === 0)
      expect2xx(await admin('POST', `${HOOKS}/${id}/redeliver`, { state: 'DELIVERED' }))
      await eventually(async () => (await deliveries(id, '&state=DELIVERED')).length === 4)
      assert.deepEqual(versionsAt('/newest', 'cart_n').slice(-1), [3])
      await remove(id)
    })

    test('SEED1-54 what follows a failure waits until that is over, for its own cart or order only', async () => {
      const { id } = await register('/ordered', ['order.*'])
      hooks.answer('/ordered', ({ event }) => ({ status: event.data.id === 'ord_x' && event.data.version === 1 ? 500 : 204 }))
      for (const version of [1, 2, 3]) {
        await happen('order.updated', 'ord_x', version)
        await happen('order.updated', 'ord_y', version)
      }
      await eventually(async () => versionsAt('/ordered', 'ord_y').length === 3)
      assert.deepEqual(new Set(versionsAt('/ordered', 'ord_x')), new Set([1]))
      hooks.answer('/ordered', null)
      await advance('PT6S')
      await eventually(async () => versionsAt('/ordered', 'ord_x').includes(3))
      assert.deepEqual(versionsAt('/ordered', 'ord_x').slice(-3), [1, 2, 3])
      assert.deepEqual(versionsAt('/ordered', 'ord_y'), [1, 2, 3])
      await remove(id)
    })

    test('what follows a dead letter goes on without it', async () => {
      const { id } = await register('/gap', ['order.*'])
      hooks.answer('/gap', ({ event }) => ({ status: event.data.version === 1 ? 500 : 204 }))
      await happen('order.updated', 'ord_gap', 1)
      await happen('order.updated', 'ord_gap', 2)
      await eventually(async () => (await deliveries(id)).some((each) => each.attempts === 1 && each.state === 'PENDING'))
      await store.transact((writer) =>
        writer.db.updateTable('deliveries').set({ attempts: 11 }).where('endpoint_id', '=', id).where('attempts', '=', 1).execute(),
      )
      await advance('PT6S')
      await eventually(async () => versionsAt('/gap', 'ord_gap').includes(2))
      assert.deepEqual((await deliveries(id)).map((each) => each.state).sort(), ['DEAD', 'DELIVERED'])
      await remove(id)
    })

    test('an endpoint that asks to be left alone is, as long as it asks and an hour at most', async () => {
      const { id } = await register('/busy', ['cart.closed'])
      hooks.answer('/busy', () => ({ status: 429, headers: { 'retry-after': '120' } }))
      await happen('cart.closed', 'cart_busy')
      await eventually(async () => (await endpoint(id)).health.heldUntil !== null)
      await happen('cart.closed', 'cart_other')
      await advance('PT60S')
      assert.equal(hooks.at('/busy').length, 1, 'neither this one nor another is sent meanwhile')
      hooks.answer('/busy', () => ({ status: 503, headers: { 'retry-after': '999999' } }))
      await advance('PT61S')
      await eventually(async () => hooks.at('/busy').length >= 2 && (await endpoint(id)).health.heldUntil !== null)
      const { heldUntil } = (await endpoint(id)).health
      const ahead = Date.parse(heldUntil) - clock.now()
      assert.ok(ahead > 50 * 60_000 && ahead <= HOUR_MS, `${ahead} ms`)
      hooks.answer('/busy', null)
      await advance('PT1H')
      await eventually(async () => (await deliveries(id, '&state=DELIVERED')).length === 2)
      await remove(id)
    })

    test('an endpoint that only fails for three days is paused, what is for it waits, and comes when it is resumed', async () => {
      const { id } = await register('/dead', ['cart.closed'])
      hooks.answer('/dead', () => ({ status: 500 }))
      for (let day = 0; day < 4; day++) {
        await happen('cart.closed', `cart_day_${day}`)
        for (let step = 0; step < 4; step++) await advance('PT6H')
      }
      const paused = await eventually(async () => {
        await happen('cart.closed', `cart_more_${events}`)
        await advance('PT1M')
        const read = await endpoint(id)
        return read.state === 'PAUSED' ? read : null
      })
      assert.deepEqual([paused.active, paused.stoppedReason], [true, 'failing'])
      const audited = (await admin('GET', '/v1/shops/demo/audit')).body.items.find((each: { subject: string }) => each.subject === id)
      assert.deepEqual([audited.action, audited.actor, audited.after.reason], ['webhook.paused', 'system', 'failing'])
      hooks.answer('/dead', null)
      const was = hooks.at('/dead').length
      await happen('cart.closed', 'cart_meanwhile')
      await advance('PT12H')
      assert.equal(hooks.at('/dead').length, was)
      const resumed = expect2xx(await admin('PATCH', `${HOOKS}/${id}`, { active: true })).body
      assert.deepEqual([resumed.state, resumed.stoppedReason, resumed.health.consecutiveFailures], ['ACTIVE', null, 0])
      await eventually(async () => hooks.at('/dead').some(({ event }) => event.data.id === 'cart_meanwhile'))
      await eventually(async () => (await deliveries(id, '&state=PENDING')).length === 0)
      await remove(id)
    })

    test('an endpoint that answers 410 is switched off', async () => {
      const { id } = await register('/gone', ['cart.closed'])
      hooks.answer('/gone', () => ({ status: 410 }))
      await happen('cart.closed', 'cart_gone')
      await eventually(async () => (await endpoint(id)).state === 'DISABLED')
      assert.equal((await endpoint(id)).stoppedReason, 'gone')
      const { items } = (await admin('GET', '/v1/shops/demo/audit')).body
      assert.equal(items.find((each: { subject: string }) => each.subject === id).action, 'webhook.disabled')
      await happen('cart.closed', 'cart_after')
      assert.equal((await deliveries(id)).length, 1, 'nothing more is written for it')
      await remove(id)
    })

    test('delivered messages are kept for 7 days, dead ones for 30, with their attempts', async () => {
      const { id } = await register('/kept', ['cart.closed', 'order.updated'])
      hooks.answer('/kept', ({ event }) => ({ status: event.type === 'cart.closed' ? 204 : 500 }))
      await happen('cart.closed', 'cart_kept')
      await happen('order.updated', 'ord_kept')
      await eventually(async () => (await deliveries(id)).every((each) => each.attempts === 1 && each.state !== 'SENDING'))
      await store.transact((writer) =>
        writer.db
          .updateTable('deliveries')
          .set({ state: 'DEAD' })
          .where('endpoint_id', '=', id)
          .where('subject', '=', 'ord_kept')
          .execute(),
      )
      await advance('P8D')
      assert.deepEqual(
        (await deliveries(id)).map((each) => each.state),
        ['DEAD'],
      )
      await advance('P23D')
      assert.deepEqual(await deliveries(id), [])
      assert.deepEqual(await rowsIn(store.reader, 'delivery_attempts'), { delivery_attempts: 0 })
      await remove(id)
    })

    test('OPS-2 a hanging endpoint with 10 000 messages, and 80 hanging ones more, delay nobody', async () => {
      const quiet = await register('/alive', ['cart.closed'])
      const hanging = await register('/hanging', ['order.updated'])
      hooks.answer('/hanging', 'hang')
      const endpoints = await readEndpoints(store.reader, 'demo')
      for (let round = 0; round < 20; round++) {
        const many = Array.from({ length: 500 }, (_, index) => ({
          type: 'order.updated' as const,
          subject: `ord_${round}_${index % 250}`,
          data: JSON.stringify({ id: `ord_${round}_${index % 250}`, version: index }),
        }))
        await store.transact((writer) => publish(writer, 'demo', endpoints, many, clock.now(), () => random.id('dl')))
      }
      await store.transact(async (writer) => {
        for (let index = 0; index < 80; index++) {
          const id = `we_hanging_${index}`
          hooks.trust(`/${id}`, hanging.secret)
          hooks.answer(`/${id}`, 'hang')
          const row = { shop_id: 'demo', id, url: `${hooks.url}/${id}`, types: '["refund.failed"]', secret: hanging.secret, active: 1 }
          await insertEndpoint(writer, { ...row, failures: 5, created_at: clock.now() })
        }
      })
      await happen('refund.failed', 'ord_refund')
      await eventually(async () => hooks.received.filter(({ path }) => path.startsWith('/we_hanging')).length >= 60)
      for (let round = 0; round < 5; round++) {
        const began = performance.now()
        await happen('cart.closed', `cart_alive_${round}`)
        await eventually(async () => versionsAt('/alive', `cart_alive_${round}`).length === 1, 5000, 'the living endpoint')
        assert.ok(performance.now() - began < 2000, `${performance.now() - began} ms`)
      }
      await eventually(async () => hooks.at('/hanging').length > 0, 15_000, 'the hanging endpoint to be tried')
      const atOnce = hooks.at('/hanging').length
      assert.ok(atOnce <= 20, `${atOnce} messages to one endpoint at once`)
      await store.transact((writer) => writer.db.deleteFrom('deliveries').where('type', '=', 'refund.failed').execute())
      await store.transact((writer) => writer.db.deleteFrom('endpoints').where('types', '=', '["refund.failed"]').execute())
      await remove(hanging.id)
      await remove(quiet.id)
    })

    test('a long row of messages about one order behind a failure is not looked at again and again', async () => {
      const { id } = await register('/row', ['order.updated', 'cart.closed'])
      hooks.answer('/row', ({ event }) => ({ status: event.type === 'order.updated' ? 500 : 204 }))
      const endpoints = await readEndpoints(store.reader, 'demo')
      const many = Array.from({ length: 450 }, (_, version) => ({
        type: 'order.updated' as const,
        subject: 'ord_row',
        data: JSON.stringify({ id: 'ord_row', version }),
      }))
      for (let from = 0; from < many.length; from += 150)
        await store.transact((writer) =>
          publish(writer, 'demo', endpoints, many.slice(from, from + 150), clock.now(), () => random.id('dl')),
        )
      await eventually(async () => hooks.at('/row').length >= 1)
      const due = async () =>
        (
          await store.reader.db
            .selectFrom('deliveries')
            .select('id')
            .where('endpoint_id', '=', id)
            .where('state', '=', 'PENDING')
            .where('due_at', '<=', clock.now())
            .execute()
        ).length
      await eventually(async () => (await due()) === 0, 20_000, 'all that stand behind to stand aside')
      await happen('cart.closed', 'cart_row')
      await eventually(async () => versionsAt('/row', 'cart_row').length === 1, 2000, 'another cart')
      hooks.answer('/row', null)
      await advance('PT3M')
      await eventually(async () => versionsAt('/row', 'ord_row').length >= 40, 20_000, 'the row to go on')
      assert.deepEqual(
        versionsAt('/row', 'ord_row').slice(-20),
        Array.from({ length: 20 }, (_, index) => (versionsAt('/row', 'ord_row').at(-20) ?? 0) + index),
      )
      await remove(id)
    })

    test('an order that is refused tells nobody anything', async () => {
      const { id } = await register('/refused', ['*'])
      const { token, cart } = expect2xx(await visitor('POST', `${CURRENT}/lines`, { sku: 'MUG-STONE' })).body
      await eventually(async () => hooks.at('/refused').length > 0)
      const was = (await deliveries(id)).length
      const refused = await caller(server.url, token)('POST', '/v1/shops/demo/orders', { cartId: cart.id, expectedTotal: 1 })
      assert.ok(refused.status === 409, told(refused))
      assert.equal((await deliveries(id)).length, was)
      await remove(id)
    })

    test('no signature was ever wrong', () => assert.deepEqual(hooks.forged, []))
  })
}
