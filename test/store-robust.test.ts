// Pages of the demo store and of a site of another origin with the drop-in elements, in a real browser, while things go wrong: many fast clicks, two
// tabs, no network, a server that is killed and comes back, answers that overtake each other. Nothing is lost, nothing comes twice, and no page
// shows an older cart after a newer one. TEST_SEED repeats a run's random order.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Browser, BrowserContext, Page, Request } from 'playwright-core'
import { buildWeb } from '../web/build.ts'
import { noBrowser, openBrowser } from './chromium.ts'
import { ADMIN, caller, eventually, freshDatabase } from './harness.ts'
import { expect2xx, type Node, startNode } from './nodes.ts'
import { startShopSite } from './shop-site.ts'

const SHOP = '/v1/shops/demo'
const CURRENT = `${SHOP}/carts/current`
const CLICKS = 50
const SEED = Number(process.env.TEST_SEED ?? Date.now() % 1_000_000)

/** A page that things are added on. */
interface Kind {
  readonly name: string
  readonly address: string
  readonly add: string
  readonly badge: string
  /** What says that there is no connection. */
  readonly offline: string
}

describe('pages that things happen to', { skip: noBrowser }, async () => {
  if (noBrowser) return
  await buildWeb()
  const databaseUrl = await freshDatabase('sqlite')
  const node: Node = await startNode(databaseUrl)
  const { url } = node
  const site = await startShopSite(url)
  after(() => node.kill())
  const STORE: Kind = {
    name: 'the demo store',
    address: `${url}/shop/demo/products/stoneware-mug`,
    add: '.product .add',
    badge: '.floating .badge',
    offline: '.offline',
  }
  const ELEMENTS: Kind = {
    name: 'the drop-in elements on another origin',
    address: `${site.url}/`,
    add: 'add-to-cart[sku="MUG-MOSS"] .act .primary',
    badge: 'cart-button .badge',
    offline: '[data-offline]',
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

  async function open(context: BrowserContext, { address, add }: Kind): Promise<Page> {
    const page = await context.newPage()
    await page.goto(address)
    await page.locator(`${add}:enabled`).waitFor()
    return page
  }

  /** Clicks as fast as a finger that does not stop, with `pause` ms between. */
  async function click(page: Page, { add }: Kind, times: number, pause = 0): Promise<void> {
    const button = page.locator(add)
    for (let click = 0; click < times; click++) {
      await button.evaluate((element) => (element as unknown as { click(): void }).click())
      if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause))
    }
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
    })
  }
})
