// The guide "A cart with React", done as a reader does it: its files in an empty folder, built by Vite, opened from another origin in a real
// browser, as far as the paid order.
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { build } from 'vite'
import { openBrowser } from './chromium.ts'
import { blocksOf, writeFiles } from './guide-blocks.ts'
import { freshDatabase, freshFolder, startTestServer } from './harness.ts'
import { payOnPage } from './nodes.ts'
import { startSite } from './site.ts'

const ROOT = join(import.meta.dirname, '..')
const BLOCKS = blocksOf('docs/guides/react.md')
const TYPES: Readonly<Record<string, string>> = { '.html': 'text/html', '.js': 'text/javascript' }
/** What `npm create vite` makes besides. */
const MAIN = `import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import App from './App.tsx'
createRoot(document.getElementById('root')!).render(<StrictMode><App /></StrictMode>)`
const INDEX =
  '<!doctype html><html lang="en"><head><meta charset="UTF-8"><title>my-shop</title></head><body><div id="root"></div><script type="module" src="/src/main.tsx"></script></body></html>'

const server = await startTestServer(await freshDatabase('sqlite'))

/** The built page of the guide, in a folder of its own. */
async function builtPage(): Promise<string> {
  const folder = freshFolder()
  writeFiles(BLOCKS, folder, { 'http://localhost:3000': server.url })
  writeFileSync(join(folder, 'src/main.tsx'), MAIN)
  writeFileSync(join(folder, 'index.html'), INDEX)
  mkdirSync(join(folder, 'node_modules'))
  for (const name of ['react', 'react-dom', 'scheduler']) symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name))
  const alias = { 'cartwright/client': join(ROOT, 'src/client/entry.ts'), 'cartwright/react': join(ROOT, 'src/client/react.ts') }
  await build({ configFile: false, logLevel: 'error', root: folder, resolve: { alias, dedupe: ['react'] } })
  return join(folder, 'dist')
}

test('every block of the guide for React is a file of the page, or a command', () => {
  const unused = BLOCKS.filter(({ title, language }) => title === '' && language !== 'sh')
  assert.deepEqual(unused, [])
  assert.ok(BLOCKS.some(({ title }) => title === 'src/App.tsx'))
})

describe('the page of the guide for React', async () => {
  const folder = await builtPage()
  const address = await startSite(({ url }, response) => {
    const { pathname } = new URL(url ?? '/', 'http://site')
    const path = pathname === '/' ? '/index.html' : pathname
    if (!existsSync(join(folder, path))) return response.writeHead(404).end()
    response.setHeader('content-type', TYPES[extname(path)] ?? 'text/plain').end(readFileSync(join(folder, path)))
  })
  let browser: Browser
  before(async () => {
    browser = await openBrowser()
  })
  after(() => browser?.close())

  const click = (page: Page, name: string | RegExp) => page.getByRole('button', { name, exact: typeof name === 'string' }).click()

  async function fillIn(page: Page): Promise<void> {
    await page.getByLabel('E-mail').fill('robin@example.com')
    for (const [label, text] of Object.entries({ Name: 'Robin', Street: '1 Main St', City: 'New York', State: 'NY', 'ZIP code': '10001' }))
      await page.getByLabel(label, { exact: true }).fill(text)
    await click(page, 'Save address')
  }

  test('an order whose answers were lost is tried again from the same page, and paid once', async () => {
    const page = await (await browser.newContext()).newPage()
    page.setDefaultTimeout(15_000)
    await page.goto(address)
    await click(page, 'Add Stoneware Mug')
    await page.getByText('Stoneware Mug × 1, $18.00').waitFor()
    await fillIn(page)
    const orders = new Set<string>()
    let isLost = true
    let payUrl = ''
    await page.route('**/v1/shops/demo/orders', async (route) => {
      if (route.request().method() !== 'POST') return route.continue()
      const answer = await route.fetch()
      const { order, payment } = (await answer.json()) as { order: { id: string }; payment: { url: string } | null }
      orders.add(order.id)
      payUrl = payment?.url ?? payUrl
      if (isLost) await route.abort()
      else await route.fulfill({ response: answer })
    })
    await page.getByRole('button', { name: /^Order and pay \$/, disabled: false }).click()
    await page.getByText('Trying again places no second one.').waitFor()
    // It is paid by another way meanwhile, and the cart is empty.
    await payOnPage(payUrl)
    await page.getByRole('heading', { name: 'Your cart (0)' }).waitFor()
    isLost = false
    await click(page, 'Try again')
    await page.waitForURL(/\?order=/)
    await page.getByText(/^Thank you! Order \S+ is /).waitFor()
    assert.equal(orders.size, 1)
    await page.context().close()
  })

  test('goods are added and changed, ordered at the shown total, paid, and the order is shown', async () => {
    const page = await (await browser.newContext()).newPage()
    const faults: Error[] = []
    page.on('pageerror', (fault) => faults.push(fault))
    page.setDefaultTimeout(10_000)
    await page.goto(address)
    await click(page, 'Add Stoneware Mug')
    await page.getByText('Stoneware Mug × 1, $18.00').waitFor()
    await click(page, 'One more Stoneware Mug')
    await page.getByRole('heading', { name: 'Your cart (2)' }).waitFor()
    await page.reload()
    await page.getByText('Stoneware Mug × 2, $36.00').waitFor()
    await fillIn(page)
    const button = page.getByRole('button', { name: /^Order and pay \$/, disabled: false })
    const shown = /\$.*$/.exec(await button.innerText())?.[0] ?? assert.fail('the button says no total')
    await button.click()
    await page.waitForURL(/sandbox/)
    await page.getByText(shown).first().waitFor()
    await page.getByText('4242 4242 4242 4242').click()
    await click(page, /^Pay/)
    await page.waitForURL(/\?order=/)
    await page.getByText(/^Thank you! Order \S+ is /).waitFor()
    await page.getByRole('heading', { name: 'Your cart (0)' }).waitFor()
    assert.deepEqual(faults, [])
    await page.context().close()
  })
})
