// The React hooks in a real browser, on a page of another origin: every component shows the same cart, a line is changed by its own, ordering tells
// what stands in the way and happens once. And on a server, where nothing is known yet.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { createElement } from 'react'
import { renderToString } from 'react-dom/server'
import { build, type Rolldown } from 'vite'
import { createCart } from '../src/client/cart.ts'
import { useCart, useCheckout, useLine } from '../src/client/react.ts'
import { openBrowser } from './chromium.ts'
import { ADMIN, caller, freshDatabase, startTestServer } from './harness.ts'
import { startSite } from './site.ts'

const server = await startTestServer(await freshDatabase('sqlite'))

async function bundled(entry: string): Promise<string> {
  const built = (await build({
    configFile: false,
    logLevel: 'error',
    define: { 'process.env.NODE_ENV': '"production"' },
    build: {
      write: false,
      target: 'es2022',
      lib: { entry: join(import.meta.dirname, entry), formats: ['es'] },
      rolldownOptions: { output: { codeSplitting: false } },
    },
  })) as Rolldown.RolldownOutput[]
  return built[0]?.output[0].code ?? assert.fail('nothing was built')
}

describe('hooks in a browser', async () => {
  const script = await bundled('react/shop-page.ts')
  const html = `<!doctype html><title>Shop</title><div id="root"></div>
<script>globalThis.api = '${server.url}'; globalThis.root = document.getElementById('root')</script><script type="module" src="/page.js"></script>`
  const address = await startSite(({ url }, response) => {
    const isScript = url === '/page.js'
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html').end(isScript ? script : html)
  })
  let browser: Browser
  before(async () => {
    browser = await openBrowser()
  })
  after(() => browser?.close())

  /** A visitor who has never been here. */
  async function visit(): Promise<Page> {
    const page = await (await browser.newContext()).newPage()
    page.setDefaultTimeout(10_000)
    await page.goto(address)
    return page
  }
  const click = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).click()

  test('every component shows the same cart, and a line is changed and removed by its own', async () => {
    const page = await visit()
    const badge = (count: number) => page.locator('#badge', { hasText: new RegExp(`^${count}$`) }).waitFor()
    await click(page, 'Add')
    await badge(1)
    await page.getByText('MUG-STONE × 1').waitFor()
    await click(page, 'More')
    await badge(2)
    await page.getByText('MUG-STONE × 2').waitFor()
    await click(page, 'Remove')
    await badge(0)
    assert.equal(await page.getByRole('listitem').count(), 0)
    await page.context().close()
  })

  test('a refused change of a line goes back, and is no error of the page', async () => {
    const page = await visit()
    const faults: Error[] = []
    page.on('pageerror', (fault) => faults.push(fault))
    await click(page, 'Add')
    await page.getByText('MUG-STONE × 1').waitFor()
    await click(page, 'Far too many')
    await page.locator('#refused', { hasText: /^invalid$/ }).waitFor()
    await page.getByText('MUG-STONE × 1').waitFor()
    assert.deepEqual(faults, [])
    await page.context().close()
  })

  test('a line that was shown before the server made it is the same line after', async () => {
    const page = await visit()
    // The server answers when the component has seen the line.
    const seen = page.locator('#kept', { hasText: /^early 1 1$/ }).waitFor()
    await page.route('**/commands', async (route) => {
      await seen
      await route.continue()
    })
    const read = page.waitForResponse((response) => response.url().endsWith('/products'))
    await click(page, 'Look')
    await read
    await click(page, 'Add')
    await page.locator('#kept', { hasText: /^early 1 0$/ }).waitFor()
    await click(page, 'More')
    await page.locator('#kept', { hasText: /^early 2 0$/ }).waitFor()
    await page.context().close()
  })

  test('ordering says what stands in the way, and two clicks make one order', async () => {
    const page = await visit()
    const state = (text: RegExp) => page.locator('#checkout', { hasText: text }).waitFor()
    await click(page, 'Add')
    await page.getByText('MUG-STONE × 1').waitFor()
    await state(/^idle/)
    await click(page, 'Order')
    await state(/^refused (email|address)_required$/)
    await click(page, 'Fill in')
    // What is ordered while the total is an estimate is ordered at the estimate, which shipping and taxes have left behind.
    await page.locator('#total', { hasText: /^exactly/ }).waitFor()
    await click(page, 'Order')
    await state(/^ordered NEW$/)
    const { items } = (await caller(server.url, ADMIN)('GET', '/v1/shops/demo/orders?state=NEW')).body
    assert.equal(items.length, 1)
    await page.context().close()
  })
})

test('on a server the hooks show what the store holds there: nothing yet, and nothing is asked', () => {
  const asked: unknown[] = []
  const store = createCart({
    shop: 'demo',
    baseUrl: server.url,
    fetch: (...request) => {
      asked.push(request)
      return fetch(...request)
    },
  })
  function Page() {
    const { cart, status } = useCart(store)
    const { line } = useLine(store, 'ln_1')
    const { status: checkout, changedTotal } = useCheckout(store)
    return createElement('p', null, [cart, status, line, checkout, changedTotal].map(String).join(' '))
  }
  assert.equal(renderToString(createElement(Page)), '<p>null loading null idle null</p>')
  store.close()
  assert.deepEqual(asked, [])
})

test('a page comes to life as it came from the server, whatever its store knows by then', async (t) => {
  const store = createCart({ shop: 'demo', baseUrl: server.url })
  t.after(() => store.close())
  await store.add({ sku: 'MUG-STONE' })
  assert.equal(store.get().status, 'ready')
  function Page() {
    const { cart, status } = useCart(store)
    const { line } = useLine(store, cart?.lines[0]?.id ?? '')
    return createElement('p', null, [cart, status, line].map(String).join(' '))
  }
  // What React shows first in a browser is what it would show on a server.
  assert.equal(renderToString(createElement(Page)), '<p>null loading null</p>')
})
