// The guides work as they are written: every block is taken out of the Markdown and followed by a reader, in an empty folder, against a real server
// and in a real browser. A block that nobody follows, or that says something else than what happens, is a failure. Stripe is the local one; only what needs
// an account there is not run. The package is the checkout's, built as it is published; `.ci/published` installs the packed one.
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { openBrowser } from './chromium.ts'
import { openReader } from './guide.ts'
import { blocksOf } from './guide-blocks.ts'
import { ADMIN, caller } from './harness.ts'
import { startStripeWorld } from './stripe-shops.ts'

const CARD = { number: '4242 4242 4242 4242', expiry: '12/40', cvc: '123', name: 'Robin Example' }
const PLACE = {
  Name: 'Robin Reed',
  'Street and number': '1 Main Street',
  'Postal code': '10001',
  City: 'New York',
  'State or region': 'NY',
}
const world = await startStripeWorld('sqlite')

/** Types an address where one is asked, orders, and pays on the page of the sandbox. */
async function buy(page: Page): Promise<void> {
  await page.getByLabel('E-mail').fill('robin@example.com')
  for (const [label, text] of Object.entries(PLACE)) await page.getByLabel(label).fill(text)
  await page.getByLabel('Country').selectOption('US')
  await page.getByRole('radio', { name: /Standard|Parcel/ }).waitFor()
  await page.getByRole('button', { name: /^Pay/ }).click()
  await page.waitForURL(/\/sandbox\/pay\//)
  for (const [field, text] of Object.entries(CARD)) await page.locator(`[name=${field}]`).fill(text)
  await page.getByRole('button', { name: /^Pay/ }).click()
  await page.waitForURL((url) => url.searchParams.get('result') === 'paid')
}

/** A web host that serves what `site` serves, with a content security policy. */
async function startHost(site: string, policy: string): Promise<string> {
  const host = createServer(async (request, response) => {
    const { status, headers, body } = await caller(site)('GET', request.url ?? '/')
    const type = headers.get('content-type') ?? 'text/plain'
    response.writeHead(status, { 'content-type': type, 'content-security-policy': policy }).end(body)
  })
  await new Promise<void>((resolve) => host.listen(0, '127.0.0.1', resolve))
  after(() => host.close())
  return `http://localhost:${(host.address() as AddressInfo).port}`
}

describe('the guides', () => {
  let browser: Browser
  before(async () => {
    browser = await openBrowser()
  })
  after(() => browser?.close())

  /** A page that fails the test where its scripts fail or the browser refuses something; what it may complain about is named. */
  async function openPage(expected = /^$/) {
    const page = await browser.newPage()
    page.setDefaultTimeout(20_000)
    const faults: string[] = []
    page.on('console', (message) => message.type() === 'error' && faults.push(message.text()))
    page.on('pageerror', (error) => faults.push(error.message))
    const close = async () => {
      const unexpected = faults.filter((fault) => !expected.test(fault) && !/404 \(File not found\)/.test(fault))
      await page.close()
      assert.deepEqual(unexpected, [])
      return faults
    }
    return { page, close }
  }

  it('every guide is followed by a test', () => {
    const tests = globSync(['test/*.test.ts', 'test/published.ts'], { cwd: `${import.meta.dirname}/..` }).map((file) =>
      readFileSync(file, 'utf8'),
    )
    for (const guide of globSync('docs/guides/*.md', { cwd: `${import.meta.dirname}/..` }))
      assert.ok(
        tests.some((text) => text.includes(guide)),
        guide,
      )
  })

  it('a cart on a static page: the page of its own, the cart on a page, only own origins, a content security policy', async () => {
    const blocks = blocksOf('docs/guides/static-page.md')
    const reader = await openReader()
    const [header] = blocks.filter(({ title }) => title.startsWith('a header'))
    const [own] = blocks.filter(({ section }) => section === 'On the internet')
    assert.ok(header && own)
    await reader.follow(blocks.filter((block) => block !== header && block !== own))

    const { page, close } = await openPage()
    await page.goto(reader.at('localhost:3000'))
    const mug = page.locator('add-to-cart[sku=MUG-STONE]')
    await mug.getByRole('button', { name: 'Add to cart' }).click()
    await page.locator('add-to-cart[sku=TEE-FOREST-M]').getByRole('button', { name: 'Add to cart' }).click()
    const button = "document.querySelector('add-to-cart').shadowRoot.querySelector('[part=button]')"
    assert.equal(await page.evaluate(`getComputedStyle(${button}).textTransform`), 'uppercase')
    await page.getByRole('link', { name: 'Cart, 2 items' }).click()
    await page.getByRole('button', { name: 'Place order' }).click()
    await buy(page)
    await page.getByText('Thank you').first().waitFor()
    await close()

    const policy = reader.mapped(header.code).trim().replace('Content-Security-Policy: ', '')
    const policed = await openPage()
    const host = await startHost(reader.at('localhost:3000'), policy)
    await policed.page.goto(host)
    await policed.page.locator('add-to-cart[sku=MUG-STONE]').getByRole('button', { name: 'Add to cart' }).click()
    await policed.page.getByRole('link', { name: 'Cart, 1 item' }).click()
    await policed.page.locator('cart-page img').first().waitFor()
    await policed.close()
    reader.did(header)

    await reader.follow([own])
    const allowed = await openPage()
    await allowed.page.goto(reader.at('localhost:3000'))
    await allowed.page.getByRole('button', { name: 'Add to cart' }).first().waitFor()
    await allowed.close()
    const stranger = await openPage(/blocked by CORS policy|ERR_FAILED/)
    await stranger.page.goto(reader.at('localhost:3000').replace('localhost', '127.0.0.1'))
    await stranger.page.getByRole('button', { name: 'Try again' }).first().waitFor()
    assert.match((await stranger.close()).join('\n'), /blocked by CORS policy/)
    reader.assertAllDone(blocks)
  })

  it('my own catalogue: a file, calls, prices of a server, and what was sold arrives', async () => {
    const blocks = blocksOf('docs/guides/own-catalogue.md')
    const reader = await openReader()
    const last = blocks.at(-1)
    assert.ok(last)
    await reader.follow(blocks.filter((block) => block !== last))
    const { page, close } = await openPage()
    await page.goto(reader.at('localhost:3000'))
    await page.getByRole('button', { name: 'Add to cart' }).click()
    await page.getByRole('button', { name: 'Cart, 1 item' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Checkout' }).click()
    await buy(page)
    await close()
    await reader.hears('fourth terminal, stays open', last)
    reader.assertAllDone(blocks)
  })

  it('Stripe: the account, a declined card, 3-D Secure, and the message that places the order', async () => {
    const { stripe, url } = world
    const blocks = blocksOf('docs/guides/stripe.md')
    const reader = await openReader(
      { 'localhost:8080': new URL(url).host },
      { STRIPE_SECRET_KEY: stripe.secretKey, STRIPE_WEBHOOK_SECRET: stripe.webhookSecret },
      ADMIN,
    )
    const atStripe = blocks.filter(({ title }) => title.endsWith(', not run'))
    const order = blocks.find(({ title }) => title === 'goes on when you have paid')
    const last = blocks.at(-1)
    assert.ok(order && last)
    assert.equal(atStripe.length, 2)
    for (const block of atStripe) reader.did(block)
    await reader.follow(blocks.filter((block) => ![...atStripe, order, last].includes(block)))

    const [, session = ''] = await reader.begin(order, /Pay here: https:\/\/checkout\.stripe\.com\/c\/pay\/(\S+)/)
    const [, endpoint = ''] = /--forward-to (\S+)/.exec(reader.mapped(atStripe[0]?.code ?? '')) ?? []
    stripe.pay(session, 'decline')
    await stripe.deliver(`http://${endpoint}`)
    stripe.pay(session, '3ds')
    stripe.decide(session, true)
    assert.deepEqual(new Set(await stripe.deliver(`http://${endpoint}`)), new Set([202]))
    await reader.hears(order.title, last)
    reader.assertAllDone(blocks)
  })
})
