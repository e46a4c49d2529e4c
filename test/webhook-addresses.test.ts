// Where messages may be sent: whatever notation, name or DNS answer leads into a private network, nothing is sent there, and what was checked is what
// is connected to.
import assert from 'node:assert/strict'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, describe, test } from 'node:test'
import { createPoster, type Resolve } from '../src/engine/posting.ts'
import { mayConnect, NOTHING_ALLOWED, readAllowed, THIS_MACHINE, targetRefusal } from '../src/engine/targets.ts'
import { readConfig } from '../src/main.ts'

const HERE = readAllowed(THIS_MACHINE)

async function listen(host: string, port: number, listener: RequestListener): Promise<Server> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(port, host, resolve))
  after(() => {
    server.closeAllConnections()
    server.close()
  })
  return server
}
const portOf = (server: Server) => (server.address() as AddressInfo).port
const answers = (...addresses: string[]): Resolve => {
  return async () => addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
}

describe('an address', () => {
  const PRIVATE = [
    ['0.0.0.0', 'this network'],
    ['0.1.2.3', 'this network'],
    ['10.0.0.1', 'private'],
    ['10.255.255.255', 'private'],
    ['100.64.0.1', 'of a carrier'],
    ['100.100.100.200', 'metadata of a cloud'],
    ['127.0.0.1', 'loopback'],
    ['127.255.255.254', 'loopback'],
    ['168.63.129.16', 'metadata of a cloud'],
    ['169.254.0.1', 'link-local'],
    ['169.254.169.254', 'metadata of a cloud'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['192.0.0.8', 'reserved'],
    ['192.0.2.1', 'documentation'],
    ['192.88.99.1', '6to4 relays'],
    ['192.168.1.1', 'private'],
    ['198.18.0.1', 'benchmarks'],
    ['198.51.100.7', 'documentation'],
    ['203.0.113.9', 'documentation'],
    ['224.0.0.1', 'multicast'],
    ['239.255.255.250', 'multicast'],
    ['240.0.0.1', 'reserved'],
    ['255.255.255.255', 'broadcast'],
    ['::', 'unspecified'],
    ['::1', 'loopback'],
    ['::7f00:1', 'IPv4 inside, the old way'],
    ['::ffff:127.0.0.1', 'IPv4 inside'],
    ['::ffff:7f00:1', 'IPv4 inside'],
    ['::ffff:10.1.2.3', 'IPv4 inside'],
    ['::ffff:a9fe:a9fe', 'IPv4 inside'],
    ['::ffff:0:127.0.0.1', 'IPv4 translated'],
    ['64:ff9b::7f00:1', 'NAT64'],
    ['64:ff9b:1::a00:1', 'local NAT64'],
    ['100::1', 'discard'],
    ['2001::1', 'Teredo'],
    ['2001:2::1', 'benchmarks'],
    ['2001:db8::1', 'documentation'],
    ['2002:7f00:1::', '6to4'],
    ['2002:a00:1::1', '6to4'],
    ['3fff::1', 'documentation'],
    ['4000::1', 'given to nobody'],
    ['fc00::1', 'unique local'],
    ['fd00:ec2::254', 'metadata of a cloud'],
    ['fe80::1', 'link-local'],
    ['fe80::1%eth0', 'link-local with its zone'],
    ['fec0::1', 'site-local'],
    ['ff02::1', 'multicast'],
    ['localhost', 'no address'],
    ['0177.0.0.1', 'no address as an operating system writes it'],
    ['', 'nothing'],
  ] as const
  for (const [address, what] of PRIVATE)
    test(`"${address}" (${what}) is not connected to`, () => assert.equal(mayConnect(address, NOTHING_ALLOWED), false))

  const PUBLIC = ['1.1.1.1', '8.8.8.8', '93.184.216.34', '100.63.255.255', '100.128.0.1', '172.15.0.1', '172.32.0.1', '192.169.0.1']
  for (const address of [...PUBLIC, '2606:4700:4700::1111', '2a00:1450:4001:80b::200e', '::ffff:8.8.8.8'])
    test(`"${address}" is public`, () => assert.equal(mayConnect(address, NOTHING_ALLOWED), true))

  test('that the installation allows is connected to, in every notation, and its neighbours are not', () => {
    const allowed = readAllowed(['10.1.0.0/16', 'fd12::/32', '192.168.5.5'])
    const isAllowed = (address: string) => mayConnect(address, allowed)
    assert.deepEqual(['10.1.2.3', '::ffff:10.1.2.3', 'fd12::7', '192.168.5.5'].map(isAllowed), [true, true, true, true])
    assert.deepEqual(['10.2.0.1', 'fd13::7', '192.168.5.6', '127.0.0.1'].map(isAllowed), [false, false, false, false])
  })
})

describe('a URL', () => {
  const REFUSED = [
    ['http://shop.example.com/hooks', 'must be an https:// address'],
    ['ftp://shop.example.org/', 'must be an https:// address'],
    ['https://', 'must be an https:// address'],
    ['https://user@hooks.example.org/', 'must not contain a user or a password'],
    ['https://user:secret@hooks.example.org/', 'must not contain a user or a password'],
    ['https://hooks.example.org/#part', 'must not contain a fragment'],
    ['https://hooks.example.org:22/', 'must name port 80, 443, or one from 1024 on'],
    ['https://hooks.example.org:25/', 'must name port 80, 443, or one from 1024 on'],
    ['https://127.0.0.1/', 'must be a public address'],
    ['https://127.0.0.1./', 'must be a public address'],
    ['https://127.1/', 'must be a public address'],
    ['https://2130706433/', 'must be a public address'],
    ['https://017700000001/', 'must be a public address'],
    ['https://0x7f000001/', 'must be a public address'],
    ['https://0x7f.0.0.0x1/', 'must be a public address'],
    ['https://0177.0.0.01/', 'must be a public address'],
    ['https://①②⑦.⓪.⓪.①/', 'must be a public address'],
    ['https://127。0。0。1/', 'must be a public address'],
    ['https://%31%32%37.0.0.1/', 'must be a public address'],
    ['https://0/', 'must be a public address'],
    ['https://169.254.169.254/latest/meta-data', 'must be a public address'],
    ['https://[::1]/', 'must be a public address'],
    ['https://[::]/', 'must be a public address'],
    ['https://[::ffff:7f00:1]/', 'must be a public address'],
    ['https://[::ffff:127.0.0.1]/', 'must be a public address'],
    ['https://[fe80::1]/', 'must be a public address'],
    ['https://[64:ff9b::7f00:1]/', 'must be a public address'],
    ['https://localhost/', 'must be a public address'],
    ['https://localhost./', 'must be a public address'],
    ['https://LOCALHOST/', 'must be a public address'],
    ['https://ｌｏｃａｌｈｏｓｔ/', 'must be a public address'],
    ['https://api.localhost/', 'must be a public address'],
    ['https://printer.local/', 'must be a public address'],
    ['https://metadata.google.internal/', 'must be a public address'],
    ['https://metadata.google.internal./', 'must be a public address'],
    ['https://database/', 'must be a public address'],
    ['https://router.home.arpa/', 'must be a public address'],
  ] as const
  for (const [url, reason] of REFUSED)
    test(`${url} is refused when it is saved`, () => {
      assert.deepEqual(targetRefusal(url, '/url', NOTHING_ALLOWED), { refused: 'invalid', path: '/url', reason })
    })

  const SAVED = [
    'https://hooks.example.org/',
    'https://hooks.example.org:8443/a?b=c',
    'https://bücher.example.org/',
    'https://8.8.8.8/',
    'https://[2606:4700:4700::1111]/',
    'https://localhost.example.org/',
  ]
  for (const url of SAVED) test(`${url} is saved`, () => assert.equal(targetRefusal(url, '/url', NOTHING_ALLOWED), null))

  test('may be http and name any port only where the installation allows its host', () => {
    const allowed = readAllowed(['127.0.0.0/8', 'Queue.intern'])
    for (const url of ['http://127.0.0.1:9/', 'http://127.1/', 'http://queue.intern:81/x'])
      assert.equal(targetRefusal(url, '/url', allowed), null, url)
    for (const url of ['http://10.0.0.1/', 'http://other.intern/', 'http://localhost/', 'http://hooks.example.org/'])
      assert.notEqual(targetRefusal(url, '/url', allowed), null, url)
    assert.notEqual(targetRefusal('http://a@127.0.0.1/', '/url', allowed), null, 'a password is never saved')
  })

  test('list of what is allowed with something else in it stops the start and names it', () => {
    for (const entry of ['10.0.0.0/33', '300.1.1.1', '1.2.3', 'https://x', 'a b', '*'])
      assert.throws(() => readConfig({ CARTWRIGHT_WEBHOOK_ALLOW: `10.0.0.0/8, ${entry}` }), /CARTWRIGHT_WEBHOOK_ALLOW: ".+" is no address/)
    const { webhookAllow } = readConfig({ CARTWRIGHT_WEBHOOK_ALLOW: '10.0.0.0/8, queue.intern', CARTWRIGHT_DEMO: '0' })
    assert.deepEqual(webhookAllow, ['10.0.0.0/8', 'queue.intern'])
    assert.deepEqual(readConfig({ CARTWRIGHT_DEMO: '0' }).webhookAllow, [], 'without the demo, nothing')
    assert.deepEqual(readConfig({ CARTWRIGHT_DEMO: '1' }).webhookAllow, THIS_MACHINE)
  })
})

describe('a message', async () => {
  let requests = 0
  let connections = 0
  const here = await listen('127.0.0.1', 0, (request, response) => {
    requests++
    const end = () => {
      if (request.url === '/redirect') return response.writeHead(302, { location: '/' }).end()
      if (request.url === '/wait') return response.writeHead(429, { 'retry-after': '7' }).end('later')
      if (request.url === '/drip') return void response.writeHead(200).write('begun')
      if (request.url === '/headers') return response.writeHead(200, { 'x-large': 'x'.repeat(40_000) }).end()
      if (request.url === '/endless') {
        response.writeHead(200)
        const more = () => {
          while (!response.destroyed && response.write('x'.repeat(16_384)));
        }
        response.on('drain', more)
        return more()
      }
      response.writeHead(200).end('a\0b')
    }
    request.resume().on('end', end)
  })
  here.on('connection', () => connections++)
  const port = portOf(here)
  const url = (path = '/') => `http://127.0.0.1:${port}${path}`
  const send = (to: string, poster = createPoster(HERE), ms = 5000) => poster.post(to, {}, '{}', ms)

  test('to a private address is not sent, whatever was saved', async () => {
    const was = connections
    const poster = createPoster(NOTHING_ALLOWED)
    await assert.rejects(send(url(), poster), /The address is not public, so nothing was sent/)
    await assert.rejects(send(`http://[::ffff:7f00:1]:${port}/`, poster), /not public/)
    await assert.rejects(send(`http://localhost:${port}/`, poster), /leads to an address that is not public/)
    assert.equal(connections, was)
  })

  test('to a name that leads to a private address is not sent, even if it also leads to a public one', async () => {
    const was = connections
    for (const found of [['127.0.0.1'], ['93.184.216.34', '127.0.0.1'], ['::1'], ['::ffff:127.0.0.1'], ['10.0.0.7']])
      await assert.rejects(send(`http://rebind.example.org:${port}/`, createPoster(NOTHING_ALLOWED, answers(...found))), /not public/)
    await assert.rejects(send(`http://rebind.example.org:${port}/`, createPoster(HERE, answers())), /The host has no address/)
    assert.equal(connections, was)
  })

  test('goes to the address that was checked, and no later answer of DNS moves it', async () => {
    const there: string[] = []
    await listen('127.0.0.2', port, (request, response) => {
      there.push(`${request.headers.host}${request.url}`)
      response.writeHead(204).end()
    })
    const found = ['127.0.0.2', '127.0.0.1']
    let asked = 0
    const resolve: Resolve = async () => [{ address: found[asked++] ?? '', family: 4 }]
    const poster = createPoster(readAllowed(['127.0.0.2']), resolve)
    const was = requests
    assert.equal((await send(`http://rebind.example.org:${port}/a`, poster)).status, 204)
    await assert.rejects(send(`http://rebind.example.org:${port}/b`, poster), /not public/)
    assert.deepEqual([asked, there, requests], [2, [`rebind.example.org:${port}/a`], was])
  })

  test('goes to a host that the installation names, wherever it leads', async () => {
    const poster = createPoster(readAllowed(['queue.intern']), answers('127.0.0.1'))
    assert.equal((await send(`http://queue.intern:${port}/`, poster)).status, 200)
    await assert.rejects(send(`http://other.intern:${port}/`, poster), /not public/)
  })

  test('follows no redirect', async () => {
    const was = requests
    assert.equal((await send(url('/redirect'))).status, 302)
    assert.equal(requests, was + 1)
  })

  test('is answered by what can be kept: text without U+0000, at most 1 KB of it, however much comes', async () => {
    assert.equal((await send(url())).text, 'a�b')
    const { status, text } = await send(url('/endless'))
    assert.deepEqual([status, text], [200, 'x'.repeat(1024)])
    assert.deepEqual(await send(url('/wait')), { status: 429, text: 'later', retryAfterS: 7 })
  })

  test('was received when its status says so, though the body never ends', async () => {
    const { status, text } = await send(url('/drip'), createPoster(HERE), 300)
    assert.deepEqual([status, text], [200, 'begun'])
  })

  test('that meets headers without measure, nobody, or silence, fails', async () => {
    await assert.rejects(send(url('/headers')), /Header overflow/i)
    await assert.rejects(send('http://127.0.0.1:9/'), /ECONNREFUSED/)
    const silent = await listen('127.0.0.1', 0, () => undefined)
    await assert.rejects(send(`http://127.0.0.1:${portOf(silent)}/`, createPoster(HERE), 200), { name: /TimeoutError|AbortError/ })
    await assert.rejects(
      send(
        'http://slow.example.org/',
        createPoster(HERE, () => new Promise(() => undefined)),
        200,
      ),
      { name: 'TimeoutError' },
    )
  })

  test('uses the connection of the one before, and survives that the other side closed it', async () => {
    const poster = createPoster(HERE)
    await send(url(), poster)
    const was = connections
    for (let round = 0; round < 5; round++) await send(url(), poster)
    assert.equal(connections, was)
    here.closeIdleConnections()
    assert.equal((await send(url(), poster)).status, 200)
    assert.equal(connections, was + 1)
  })
})
