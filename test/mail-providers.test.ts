// Where e-mails go: a mail server that is reached over TLS and by password, that may be slow or dead and delays nothing else; or, for development, a
// folder that is shown at /dev/mail.
import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import PostalMime from 'postal-mime'
import { type MailMessage, Undeliverable } from '../src/engine/ports.ts'
import { readConfig } from '../src/main.ts'
import { mailFolder } from '../src/providers/mail-folder.ts'
import { readSmtpUrl, smtpMailer } from '../src/providers/smtp.ts'
import { ADMIN, caller, eventually, freshDatabase, freshFolder, startTestServer } from './harness.ts'
import { assertProblem } from './http-probe.ts'
import { expect2xx } from './nodes.ts'
import { payFor } from './presets/shop.ts'
import { type MailServer, startMailServer } from './smtp.ts'

const message = (changes: Partial<MailMessage> = {}): MailMessage => ({
  id: `eml_${'1'.repeat(32)}`,
  from: { name: 'Fern, Kettle & "Söhne"', address: 'shop@fern.example' },
  to: 'robin@example.com',
  cc: [],
  bcc: [],
  replyTo: null,
  subject: 'Grüße 茶',
  html: '<p>Hällo</p>',
  text: 'Hällo\n.\nend',
  sentAt: Date.UTC(2026, 0, 2, 3, 4, 5),
  ...changes,
})
const never = () => AbortSignal.timeout(20_000)
const mailerOf = (server: MailServer, url = server.url) => smtpMailer(readSmtpUrl(url) ?? assert.fail(url))

describe('a mail server', async () => {
  const LOGIN = { user: 'shop@fern.example', password: 'p:a/s s@wörd' }
  const strict = await startMailServer({ login: LOGIN })
  const plain = await startMailServer()

  test('it is reached over STARTTLS and by user and password, and reads what was meant', async () => {
    const { messageId } = await mailerOf(strict).send(message(), never())
    const [mail] = strict.to('robin@example.com')
    assert.deepEqual([mail?.isEncrypted, mail?.user], [true, LOGIN.user])
    assert.deepEqual([mail?.from?.name, mail?.subject, mail?.html?.trim()], ['Fern, Kettle & "Söhne"', 'Grüße 茶', '<p>Hällo</p>'])
    assert.equal(mail?.text?.replace(/\r/g, '').trim(), 'Hällo\n.\nend')
    assert.equal(messageId, `<eml_${'1'.repeat(32)}@fern.example>`)
    assert.deepEqual([mail?.messageId, mail?.date], [messageId, '2026-01-02T03:04:05.000Z'])
    assert.ok(mail?.headers.some(({ key, value }) => key === 'auto-submitted' && value === 'auto-generated'))
  })

  test('one that is not on this machine must encrypt and prove who it is; until then the e-mail waits', async () => {
    // This name of the machine is one that only the network resolves: it counts as somebody else's.
    const elsewhere = (server: MailServer) => mailerOf(server, server.url.replace('127.0.0.1', '127.1'))
    const before = [plain.mails.length, strict.mails.length]
    for (const [server, reason] of [[plain, /TLS/] as const, [strict, /certificate/] as const])
      await assert.rejects(
        elsewhere(server).send(message(), never()),
        (error) => !(error instanceof Undeliverable) && reason.test(String(error)),
      )
    assert.deepEqual([plain.mails.length, strict.mails.length], before)
  })

  test('a wrong password is no fault of the e-mail: it waits', async () => {
    const wrong = mailerOf(strict, strict.url.replace(/:[^:@]*@/, ':wrong@'))
    await assert.rejects(wrong.send(message(), never()), (error) => !(error instanceof Undeliverable) && /EAUTH/.test(String(error)))
  })

  test('what it refuses for now waits, what it refuses for good is undeliverable', async () => {
    plain.mood = 'later'
    await assert.rejects(
      mailerOf(plain).send(message(), never()),
      (error) => !(error instanceof Undeliverable) && /451/.test(String(error)),
    )
    plain.mood = 'never'
    await assert.rejects(mailerOf(plain).send(message(), never()), Undeliverable)
    plain.mood = 'takes'
    plain.refused.add('gone@example.com')
    await assert.rejects(mailerOf(plain).send(message({ to: 'gone@example.com' }), never()), Undeliverable)
    await assert.rejects(mailerOf(plain).send(message({ to: 'gone@example.com', bcc: ['b@fern.example'] }), never()), Undeliverable)
    plain.refused.clear()
  })

  test('one that says nothing is cut off at the deadline, and does not get the e-mail later behind our back', async () => {
    plain.mood = 'silent'
    const before = plain.mails.length
    const started = performance.now()
    await assert.rejects(mailerOf(plain).send(message(), AbortSignal.timeout(300)))
    assert.ok(performance.now() - started < 3000)
    plain.mood = 'takes'
    await mailerOf(plain).send(message({ to: 'next@example.com' }), never())
    assert.equal(plain.mails.length, before + 1)
    assert.equal(plain.to('robin@example.com').length, 0)
  })

  test('a dead one delays neither orders nor webhooks nor the end of the server, and nothing is lost', async () => {
    const dead = await startMailServer()
    dead.mood = 'silent'
    const server = await startTestServer(await freshDatabase('sqlite'), { mail: { smtp: readSmtpUrl(dead.url) ?? assert.fail() } })
    const shop = `${server.url}/v1/shops/demo`
    const buy = () => caller(shop)('POST', '/orders', { items: [{ sku: 'GUIDE-BREW' }], email: 'robin@example.com', codes: ['GRATIS'] })
    expect2xx(await buy())
    await eventually(async () => dead.tries > 0)
    const admin = caller(shop, ADMIN)
    const { id } = expect2xx(await admin('POST', '/webhooks', { url: `${server.url}/healthz`, types: ['order.placed'] })).body
    const started = performance.now()
    for (let index = 0; index < 3; index++) expect2xx(await buy())
    await eventually(async () => {
      const { items } = (await admin('GET', `/webhooks/${id}/deliveries`)).body
      return items.length === 3 && items.every(({ attempts }: { attempts: number }) => attempts > 0)
    })
    assert.ok(performance.now() - started < 5000, 'they do not wait for the mail server')
    assert.equal((await admin('GET', '/emails')).body.items.length, 4, 'and nothing is lost')
    const ending = performance.now()
    await server.close()
    assert.ok(performance.now() - ending < 9000, 'who ends the server does not wait for it either')
  })
})

describe('the configuration of e-mails', () => {
  test('an address says where, how, and as whom', () => {
    const parts = (url: string) => {
      const { host, port, isEncrypted, user, password } = readSmtpUrl(url) ?? assert.fail(url)
      return [host, port, isEncrypted, user, password]
    }
    assert.deepEqual(parts('smtp://mail.example.com'), ['mail.example.com', 587, false, null, null])
    assert.deepEqual(parts('smtps://a%40b.example:p%2Fw@mail.example.com'), ['mail.example.com', 465, true, 'a@b.example', 'p/w'])
    assert.deepEqual(parts('smtp://[::1]:25'), ['::1', 25, false, null, null])
    for (const bad of ['', 'mail.example.com', 'http://mail.example.com', 'smtp://', 'smtp://m/path', 'smtp://m?tls=off', 'smtp://%zz@m'])
      assert.equal(readSmtpUrl(bad), null, bad)
  })

  test('what cannot be meant is refused at the start, without repeating a password', () => {
    const sqlite = { DATABASE_URL: 'sqlite:/tmp/x/cartwright.db' }
    assert.throws(
      () => readConfig({ ...sqlite, CARTWRIGHT_SMTP_URL: 'smpt://u:secret@m' }),
      (error) => !String(error).includes('secret'),
    )
    assert.throws(() => readConfig({ ...sqlite, CARTWRIGHT_SMTP_URL: 'smtp://m', CARTWRIGHT_MAIL_FOLDER: '/tmp/x' }), /cannot both be set/)
    assert.throws(() => readConfig({ ...sqlite, CARTWRIGHT_MAIL_FOLDER: '/tmp/x', NODE_ENV: 'production' }), /production/)
    assert.equal(readConfig(sqlite).mail, undefined, 'a live installation without a server sends none')
    assert.deepEqual(readConfig({ ...sqlite, CARTWRIGHT_DEMO: '1' }).mail, { folder: '/tmp/x/mail' })
    assert.equal(readConfig({ ...sqlite, CARTWRIGHT_DEMO: '1', CARTWRIGHT_MAIL_FOLDER: '' }).mail, undefined)
  })
})

describe('the folder of e-mails', async () => {
  const folder = join(freshFolder(), 'mail')
  const server = await startTestServer(await freshDatabase('sqlite'), { mail: { folder } })
  const shop = `${server.url}/v1/shops/demo`
  const page = async (path: string) => {
    const response = await fetch(server.url + path)
    return { status: response.status, policy: response.headers.get('content-security-policy') ?? '', text: await response.text() }
  }

  test('an e-mail is kept there as a mail program opens it, readable by its owner alone, and the demo shows it', async () => {
    assert.match((await page('/dev/mail')).text, /Nothing yet/)
    const evil = '<script>alert(1)</script>'
    const details = { shippingAddress: { name: evil, line1: evil, country: 'US' }, shippingMethod: 'standard' }
    const items = [{ sku: 'MUG-STONE', note: evil }]
    const ordered = expect2xx(await caller(shop)('POST', '/orders', { items, ...details, email: 'robin@example.com' })).body
    await payFor(caller(shop, ordered.orderToken), ordered)
    const [kept] = await eventually(async () => {
      const mails = await mailFolder(folder).list()
      return mails.length > 0 && mails
    })
    const eml = `${kept?.id}.eml`
    assert.equal(statSync(join(folder, eml)).mode & 0o077, 0)
    const mail = await new PostalMime().parse(readFileSync(join(folder, eml)))
    assert.equal(mail.to?.[0]?.address, 'robin@example.com')
    const list = await page('/dev/mail')
    assert.ok(list.text.includes('Your order') && list.text.includes('robin@example.com'))
    const id = eml.slice(0, -4)
    for (const view of ['html', 'text', 'headers', 'source']) {
      const { status, text, policy } = await page(`/dev/mail/${id}?view=${view}`)
      assert.equal(status, 200)
      assert.ok(!text.includes(evil), view)
      assert.ok(policy.startsWith("default-src 'none'") && !policy.includes('unsafe'), policy)
      if (view === 'html') assert.match(text, /<iframe title="The e-mail" sandbox="allow-popups allow-popups-to-escape-sandbox"/)
    }
    const body = await page(`/dev/mail/${id}/body`)
    assert.ok(body.text.includes('&lt;script&gt;') && !body.text.includes('<script'))
    assert.match(body.policy, /default-src 'none'.*sandbox allow-popups/)
  })

  test('what is not there is not found, whatever its name', async () => {
    for (const id of ['eml_x', '..%2F..%2Fetc%2Fpasswd', `eml_${'0'.repeat(32)}`]) {
      assert.equal((await page(`/dev/mail/${id}`)).status, 404, id)
      assert.equal((await page(`/dev/mail/${id}/body`)).status, 404, id)
    }
  })

  test('without the demo nobody is shown e-mails', async () => {
    const live = await startTestServer(await freshDatabase('sqlite'), { mail: { folder: freshFolder() }, demo: false })
    assertProblem(await caller(live.url)('GET', '/dev/mail'), 404, 'not_found')
  })
})
