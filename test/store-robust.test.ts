// Pages of the demo store and of a site of another origin with the drop-in elements, in a real browser, while things go wrong: many fast clicks, two
// tabs, no network, a server that is killed and comes back, answers that overtake each other. Nothing is lost, nothing comes twice, and no page
// shows an older cart after a newer one. TEST_SEED repeats a run's random order.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Browser, BrowserContext, Page, Request, Route } from 'playwright-core'
import { buildWeb } from '../web/build.ts'
import { openBrowser } from './chromium.ts'
import { ADMIN, caller, eventually, freshDatabase } from './harness.ts'
import { expect2xx, type Node, startNode } from './nodes.ts'
import { seeded } from './ports.ts'
import { startShopSite } from './shop-site.ts'

const SHOP = '/v1/shops/demo'
const CURRENT = `${SHOP}/carts/current`
const CLICKS = 50
const SEED = Number(process.env.TEST_SEED ?? Date.now() % 1_000_000)

/** Keeps every number that the badge of the store showed. */
const WATCH_BADGE = `
  const seen = []
  new MutationObserver(() => {
    const shown = document.querySelector('.floating .badge')?.textContent
    if (shown !== undefined && shown !== seen.at(-1)) seen.push(shown)
  }).observe(document.body, { subtree: true, childList: true, characterData: true })
  globalThis.seen = seen
`

/** A page that things are added on. */
interface Kind {
  readonly name: string
  readonly address: string
  readonly add: string
  readonly badge: string
  /** The part of the client that shows what is not answered yet, where the page loads it as a file of its own. */
  readonly part?: RegExp
}

describe('pages that things happen to', async () => {
  await buildWeb()
  const databaseUrl = await freshDatabase('sqlite')
  let node: Node = await startNode(databaseUrl)
  const { url } = node
  const site = await startShopSite(url)
  after(() => node.kill())
  const STORE: Kind = {
    name: 'the demo store',
    address: `${url}/shop/demo/products/stoneware-mug`,
    add: '.product .add',
    badge: '.floating .badge',
    part: /optimism-[^/]*\.js$/,
  }
  const ELEMENTS: Kind = {
    name: 'the drop-in elements on another origin',
    address: `${site.url}/`,
    add: 'add-to-cart[sku="MUG-MOSS"] .act .primary',
    badge: 'cart-button .badge',
  }
  let browser: Browser
  before(async () => {
    browser = await openBrowser()
  })
  after(() => browser?.close())

  /** A device, and what its pages complain about; refusals to connect are what these tests are about. */
  async function device(): Promise<{ context: BrowserContext; faults: string[]; writes: Request[] }> {
    const context = await browser.newContext({ locale: 'en-US', reducedMotion: 'reduce' })
    context.setDefaultTimeout(10_000)
    const faults: string[] = []
    const writes: Request[] = []
    context.on('weberror', (error) => faults.push(error.error().message))
    context.on('request', (request) => {
      if (request.method() === 'POST' && request.url().includes('/carts/')) writes.push(request)
    })
    return { context, faults, writes }
  }

  async function open(context: BrowserContext, { address, add, part }: Kind): Promise<Page> {
    const page = await context.newPage()
    // A page asks for it without being touched: what it has not got when the server goes, it does not get any more.
    const loaded = part && page.waitForResponse((response) => part.test(response.url()))
    await page.goto(address)
    await page.locator(`${add}:enabled`).waitFor()
    await (await loaded)?.finished()
    return page
  }

  /** Clicks that often, with `pause` ms between. */
  async function click(page: Page, { add }: Kind, times: number, pause = 0): Promise<void> {
    await page.locator(add).evaluate(
      async (button, how) => {
        for (let click = 0; click < how.times; click++) {
          ;(button as unknown as { click(): void }).click()
          await new Promise((resolve) => setTimeout(resolve, how.pause))
        }
      },
      { times, pause },
    )
  }

  const secretOf = (page: Page) => page.evaluate("localStorage.getItem('cartwright:demo')") as Promise<string | null>
  const shows = (page: Page, { badge }: Kind, count: number, ms = 10_000) =>
    eventually(
      async () =>
        (await page
          .locator(badge)
          .textContent({ timeout: 1000 })
          .catch(() => '')) === String(count),
      ms,
      `${count} on the badge`,
    )

  /** How many pieces the server has in the cart of whoever the page is. */
  async function piecesOf(page: Page): Promise<number> {
    return expect2xx(await caller(url, (await secretOf(page)) ?? '')('GET', CURRENT)).body.itemCount
  }

  async function guestCarts(): Promise<number> {
    return expect2xx(await caller(url, ADMIN)('GET', `${SHOP}/carts?limit=100`)).body.items.length
  }

  for (const kind of [STORE, ELEMENTS]) {
    describe(kind.name, () => {
      it(`SEED0-01 ${CLICKS} fast clicks are ${CLICKS} pieces, on the badge at once and at the server, in few requests`, async () => {
        const { context, faults, writes } = await device()
        const page = await open(context, kind)
        const box = (await page.locator(kind.add).boundingBox()) ?? assert.fail('no button')
        await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2, { clickCount: CLICKS })
        await shows(page, kind, CLICKS, 2000)
        await eventually(async () => (await piecesOf(page)) === CLICKS, 10_000, `${CLICKS} at the server`)
        assert.ok(writes.length <= CLICKS / 2, `${writes.length} requests`)
        await page.reload()
        await shows(page, kind, CLICKS)
        assert.deepEqual(faults, [])
        await context.close()
      })

      it('SEED2-07 two tabs stay in step, whoever changes the cart, and are one guest with one cart', async () => {
        const carts = await guestCarts()
        const { context, faults } = await device()
        const tabs = [await open(context, kind), await open(context, kind)] as const
        await Promise.all(tabs.map((tab) => click(tab, kind, 3)))
        for (const tab of tabs) await shows(tab, kind, 6)
        const elsewhere = caller(url, (await secretOf(tabs[0])) ?? '')
        const [line] = (await elsewhere('GET', CURRENT)).body.lines
        expect2xx(await elsewhere('PATCH', `${CURRENT}/lines/${line.id}`, { quantity: 9 }))
        for (const tab of tabs) await shows(tab, kind, 9)
        await tabs[0].close()
        // The stream was the first tab's.
        expect2xx(await elsewhere('PATCH', `${CURRENT}/lines/${line.id}`, { quantity: 8 }))
        await shows(tabs[1], kind, 8)
        assert.equal(await guestCarts(), carts + 1)
        assert.deepEqual(faults, [])
        await context.close()
      })

      it('without a network what is added shows at once, survives a reload, and is sent once when the network is back', async () => {
        const { context, faults, writes } = await device()
        const page = await open(context, kind)
        await click(page, kind, 1)
        await eventually(async () => (await secretOf(page)) !== null && (await piecesOf(page)) === 1)
        const sent = writes.length
        await context.setOffline(true)
        await click(page, kind, 4)
        await shows(page, kind, 5, 2000)
        // A browser that is offline cannot load a page again: the page comes back before the API does.
        const unreachable = '**/v1/**'
        await context.route(unreachable, (route) => route.abort('internetdisconnected'))
        await context.setOffline(false)
        await page.reload()
        await shows(page, kind, 5)
        assert.equal(await piecesOf(page), 1)
        await context.unroute(unreachable)
        await eventually(async () => (await piecesOf(page)) === 5, 15_000, 'five at the server')
        await page.reload()
        await shows(page, kind, 5)
        assert.equal(await piecesOf(page), 5)
        const keys = writes.slice(sent).map((write) => write.headers()['idempotency-key'])
        assert.ok(keys.length > 0 && new Set(keys).size <= 4, `${keys.length} requests`)
        assert.deepEqual(faults, [])
        await context.close()
      })
    })
  }

  it('a server that is killed in the middle and comes back has everything once, whatever page it was added on', async () => {
    const shoppers = []
    for (const kind of [STORE, ELEMENTS]) {
      const { context, faults } = await device()
      shoppers.push({ kind, context, faults, page: await open(context, kind) })
    }
    const clicks = 40
    const clicking = shoppers.map(({ page, kind }) => click(page, kind, clicks, 25))
    await new Promise((resolve) => setTimeout(resolve, 400))
    await node.kill()
    await Promise.all(clicking)
    for (const { page, kind } of shoppers) await shows(page, kind, clicks)
    node = await startNode(databaseUrl, { PORT: new URL(url).port })
    for (const { page, kind, context, faults } of shoppers) {
      await eventually(async () => (await piecesOf(page)) === clicks, 20_000, `${clicks} at the server`)
      await shows(page, kind, clicks)
      assert.deepEqual(faults, [], kind.name)
      await context.close()
    }
  })

  it('20 answers in a random order, by the stream and from another tab, end at the newest, and never go back', async (t) => {
    t.diagnostic(`TEST_SEED=${SEED}`)
    const random = seeded(SEED)
    const { context, faults } = await device()
    // The page's stream is silent until it is told to say these, in one go.
    const streams: Route[] = []
    await context.route('**/carts/current/stream', (route) => void streams.push(route))
    const say = async (carts: readonly string[]) => {
      const stream = await eventually(async () => streams.shift(), 5000, 'the page to open its stream')
      const body = carts.map((cart, index) => `id: ${index}\nevent: cart\ndata: ${cart}\n\n`).join('')
      await stream.fulfill({ contentType: 'text/event-stream', body })
    }
    const page = await open(context, STORE)
    await click(page, STORE, 1)
    await shows(page, STORE, 1)
    await eventually(async () => (await secretOf(page)) !== null && (await piecesOf(page)) === 1)
    const other = await context.newPage()
    await other.goto(`${url}/healthz`)
    await page.evaluate(WATCH_BADGE)
    const call = caller(url, (await secretOf(page)) ?? '')
    const answers: string[] = []
    for (let index = 0; index < 20; index++) {
      const { body } = expect2xx(await call('POST', `${CURRENT}/lines`, { sku: 'MUG-INK' }))
      answers.push(JSON.stringify(body.cart))
    }
    const shuffled = answers
      .map((answer) => ({ answer, place: random() }))
      .sort((one, another) => one.place - another.place)
      .map(({ answer }) => answer)
    await say(shuffled.slice(0, 6))
    await other.evaluate(
      ([name, ...carts]) => {
        const channel = new BroadcastChannel(name ?? '')
        for (const cart of carts) channel.postMessage(JSON.parse(cart))
      },
      ['cartwright:demo', ...shuffled.slice(6, 12)],
    )
    await say(shuffled.slice(12))
    await shows(page, STORE, 21)
    const seen = ((await page.evaluate('seen')) as string[]).map(Number)
    assert.deepEqual(
      seen,
      seen.toSorted((one, another) => one - another),
    )
    assert.deepEqual(faults, [])
    await context.close()
  })
})
