// The drop-in elements in a real browser, on somebody else's site: another origin, a strict content security policy, no cookies. What a shopper
// does from the first mug to the paid order, with what assistive technology is told on the way, at every width, in light and dark. Each run leaves
// pictures of every state in test-artifacts/elements.
import assert from 'node:assert/strict'
import { globSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { after, afterEach, before, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { currencies, exponentOf } from '../src/core/currency.ts'
import { webFolder } from '../src/http/web.ts'
import { buildWeb } from '../web/build.ts'
import { decimalsOf, decimalText, minorUnits, moneyText } from '../web/elements/amounts.ts'
import { openBrowser } from './chromium.ts'
import { ADMIN, caller, eventually, freshDatabase, startTestServer } from './harness.ts'
import { login } from './nodes.ts'
import { type ShopSite, startShopSite } from './shop-site.ts'

const SCRIPT_BYTES = 40_000
const WIDTHS = [320, 1440, 768]
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const ROOT = join(import.meta.dirname, '..')
const SHOTS = join(ROOT, 'test-artifacts/elements')
const REFERENCE = readFileSync(join(ROOT, 'docs/elements.md'), 'utf8')
const THEME = /```css\n(.*?)```/s.exec(REFERENCE)?.[1] ?? ''

rmSync(SHOTS, { recursive: true, force: true })
mkdirSync(SHOTS, { recursive: true })

await buildWeb()
const server = await startTestServer(await freshDatabase('sqlite'))
const SHOP = `${server.url}/v1/shops/demo`
const site: ShopSite = await startShopSite(server.url, THEME)

describe('the script', () => {
  const gzipped = (file: string) => gzipSync(readFileSync(join(webFolder(), file)), { level: 9 }).length

  it('is one file under 40 kB gzip, so that nothing it loads later can be gone after an upgrade', (context) => {
    assert.deepEqual(globSync('**/*.js', { cwd: webFolder() }), ['elements.js'])
    const bytes = gzipped('elements.js')
    context.diagnostic(`${bytes} bytes`)
    assert.ok(bytes < SCRIPT_BYTES, `${bytes} bytes`)
  })

  it('may be loaded by any origin, as small as the caller takes it, and is asked anew by its hash', async () => {
    const ask = (name: string, headers: Record<string, string>) =>
      fetch(`${server.url}/${name}`, { headers: { origin: 'https://shop.example', ...headers } })
    const tags = new Set<string>()
    for (const name of ['elements.js', 'elements.css']) {
      const bytes = readFileSync(join(webFolder(), name), 'utf8')
      const takes = { 'gzip, deflate, br': 'br', 'gzip;q=0.5': 'gzip', 'br;q=0, gzip': 'gzip', identity: null, 'identity;q=0': null }
      for (const [taken, encoding] of Object.entries(takes)) {
        const first = await ask(name, { 'accept-encoding': taken })
        const tag = first.headers.get('etag') ?? ''
        assert.match(tag, /^"[\w-]{43}(-br|-gzip)?"$/)
        assert.deepEqual([first.status, first.headers.get('content-encoding')], [200, encoding], `${name} ${taken}`)
        for (const answer of [first, await ask(name, { 'accept-encoding': taken, 'if-none-match': `"none", W/${tag}` })]) {
          const told = ['access-control-allow-origin', 'vary', 'cache-control', 'cross-origin-resource-policy', 'etag']
          const means = ['*', 'Accept-Encoding', 'public, max-age=300', 'cross-origin', tag]
          assert.deepEqual(
            told.map((header) => answer.headers.get(header)),
            means,
          )
          assert.equal(await answer.text(), answer === first ? bytes : '')
          assert.equal(answer.status, answer === first ? 200 : 304)
        }
        tags.add(tag)
      }
      assert.equal((await ask(name, { 'accept-encoding': 'br', 'if-none-match': [...tags].at(-1) ?? '' })).status, 200)
    }
    assert.equal(tags.size, 6)
  })

  it('a product is found by any sku of it, and only where it is published', async () => {
    const read = async (sku: string) => (await caller(SHOP)('GET', `/products/${sku}`)).body
    assert.equal((await read('MUG-INK')).handle, 'stoneware-mug')
    assert.equal((await read('stoneware-mug')).handle, 'stoneware-mug')
    assert.equal((await read('CALENDAR-WALL')).code, 'product_not_found')
    assert.equal((await read('NO-SUCH')).code, 'product_not_found')
  })
})

describe('amounts', () => {
  it('have the decimals of ISO 4217, whatever a locale thinks', () => {
    for (const currency of currencies()) assert.equal(decimalsOf(currency), exponentOf(currency), currency)
  })

  it('are read and written without a fraction being computed', () => {
    assert.equal(decimalText({ amount: -5, currency: 'USD' }), '-0.05')
    assert.equal(moneyText({ amount: 1999, currency: 'USD' }, 'en'), '$19.99')
    assert.equal(moneyText({ amount: 1999, currency: 'JPY' }, 'en'), '¥1,999')
    assert.equal(moneyText({ amount: Number.MAX_SAFE_INTEGER, currency: 'EUR' }, 'en'), '€90,071,992,547,409.91')
    assert.equal(minorUnits('12,5', 'USD'), 1250)
    assert.equal(minorUnits('0.29', 'USD'), 29)
    for (const wrong of ['', '12.345', '1e3', '-4', '12.', 'ten']) assert.equal(minorUnits(wrong, 'USD'), null, wrong)
    assert.equal(minorUnits('12.5', 'JPY'), null)
  })
})

describe('the drop-in elements on another origin', () => {
  let browser: Browser
  let context: BrowserContext
  before(async () => {
    browser = await openBrowser()
    context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...LIGHT })
    context.setDefaultTimeout(10_000)
  })
  after(() => browser?.close())

  /** A shopper who was never here; `end` fails on everything that the browser complained about, and leaves nothing on the device. */
  async function shopper() {
    const page = await context.newPage()
    const faults: string[] = []
    page.on('console', (message) => message.type() === 'error' && faults.push(message.text()))
    page.on('pageerror', (error) => faults.push(error.message))
    const end = async (expected: RegExp = /^$/) => {
      await assertNoCookies(context)
      assert.deepEqual(
        faults.filter((fault) => !expected.test(fault)),
        [],
      )
    }
    return { page, end }
  }

  // Also after a test that failed.
  afterEach(async () => {
    await context?.setOffline(false)
    for (const page of context?.pages() ?? []) {
      await page.evaluate(`typeof cart === 'object' && (cart.close(), localStorage.clear())`).catch(() => undefined)
      await page.close()
    }
  })

  async function assertNoCookies(context: BrowserContext): Promise<void> {
    assert.deepEqual(await context.cookies([site.url, SHOP]), [])
    assert.deepEqual(site.cookies, [])
  }

  const card = (page: Page, sku: string) => page.locator(`add-to-cart[sku="${sku}"]`)

  async function add(page: Page, sku: string): Promise<void> {
    await card(page, sku)
      .getByRole('button', { name: /Add to cart|In den Warenkorb/ })
      .click()
    await card(page, sku)
      .getByText(/is in your cart|liegt .*im Warenkorb/)
      .waitFor()
  }

  /** Fails on serious faults that axe finds. Without `preload`, by which it would copy the page's style sheets into it: the policy forbids that. */
  async function assertAccessible(page: Page, what: string, rules: string): Promise<void> {
    if (!(await page.evaluate(`'axe' in window`))) await page.evaluate(AXE)
    const found =
      await page.evaluate(`axe.run(document, { preload: false, resultTypes: ['violations'], runOnly: ${rules} }).then(({ violations }) =>
      violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id, nodes }) => id + ' ' + nodes.map(({ html, any }) => html.slice(0, 160) + ' ' + any.map((each) => each.message)).join(' | ')))`)
    assert.deepEqual(found, [], what)
  }

  async function assertFits(page: Page, what: string): Promise<void> {
    const [inner, outer] = (await page.evaluate('[document.documentElement.scrollWidth, document.documentElement.clientWidth]')) as [
      number,
      number,
    ]
    assert.ok(inner <= outer, `${what}: ${inner} px in ${outer} px`)
  }

  const LIGHT = { colorScheme: 'light', reducedMotion: 'reduce' } as const
  const DARK = { colorScheme: 'dark', reducedMotion: 'reduce' } as const
  /** What axe asks; in the dark only what colours change. */
  const WCAG = `['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']`
  const CONTRAST = `{ type: 'rule', values: ['color-contrast'] }`

  /**
   * What is seen now, at every width, in light and dark: nothing serious, nothing cut off, a picture of each. Another language or direction of
   * what was seen already has the same colours, so it is not looked at in the dark.
   */
  async function look(page: Page, name: string, isKnown = false): Promise<void> {
    const before = page.viewportSize() ?? { width: 1280, height: 900 }
    // Behind an open dialog there is nothing to see.
    const fullPage = (await page.locator('dialog[open]').count()) === 0
    const picture = (what: string) => page.screenshot({ path: join(SHOTS, `${name}-${what}.jpg`), type: 'jpeg', quality: 75, fullPage })
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 900 })
      await assertFits(page, `${name} at ${width}`)
      await picture(String(width))
    }
    await assertAccessible(page, name, WCAG)
    if (!isKnown) {
      await page.emulateMedia(DARK)
      await assertAccessible(page, `${name} in the dark`, CONTRAST)
      await picture('dark')
      await page.emulateMedia(LIGHT)
    }
    await page.setViewportSize(before)
  }

  /** What the site's own script heard from the elements, by name. */
  const told = (page: Page, name: string) => page.evaluate(`told.filter(([each]) => each === '${name}').map(([, detail]) => detail)`)

  const PLACE = {
    Name: 'Robin Reed',
    'Street and number': '1 Main Street',
    'Postal code': '10001',
    City: 'New York',
    'State or region': 'NY',
  }

  async function fillAddress(page: Page): Promise<void> {
    await page.getByLabel('E-mail').fill('robin@example.com')
    for (const [label, text] of Object.entries(PLACE)) await page.getByLabel(label).fill(text)
    await page.getByLabel('Country').selectOption('US')
  }

  it('a mug goes into the cart, its number on the badge, and both are there after a reload', async () => {
    const { page, end } = await shopper()
    await page.goto(site.url)
    await look(page, 'products')
    await card(page, 'MUG-MOSS').getByRole('button', { name: 'One more: Stoneware Mug' }).click()
    await add(page, 'MUG-MOSS')
    await page.getByRole('button', { name: 'Cart, 2 items' }).waitFor()
    await page.reload()
    await page.getByRole('button', { name: 'Cart, 2 items' }).waitFor()
    await end()
  })

  it('variants, multiples, presets and a typed amount are asked for and end up in the cart', async () => {
    const { page, end } = await shopper()
    await page.goto(site.url)
    await card(page, 'TEE-FOREST-M').getByLabel('Variant').selectOption('TEE-OAT-L')
    await add(page, 'TEE-FOREST-M')
    assert.equal(await card(page, 'COLDBREW-CAN').getByLabel('Quantity of').inputValue(), '6')
    await add(page, 'COLDBREW-CAN')
    const recharge = card(page, 'RECHARGE-CARD')
    await recharge.getByLabel('Amount').selectOption({ label: '$25.00' })
    await add(page, 'RECHARGE-CARD')
    await recharge.getByLabel('Amount').selectOption({ label: 'Other amount' })
    const typed = recharge.getByRole('textbox')
    await typed.fill('4.99')
    await recharge.getByRole('button', { name: 'Add to cart' }).click()
    await recharge.getByRole('alert').filter({ hasText: 'From $5.00 to $500.00' }).waitFor()
    assert.equal(await typed.getAttribute('aria-invalid'), 'true')
    await look(page, 'amount-refused')
    await typed.fill('12,34')
    await add(page, 'RECHARGE-CARD')
    await page.getByRole('button', { name: /^Cart,/ }).click()
    const rows = page.getByRole('dialog').getByRole('listitem')
    await rows.nth(3).waitFor()
    assert.deepEqual(await rows.locator('[part=price]').allTextContents(), ['$32.00', '$20.40', '$25.00', '$12.34'])
    await end()
  })

  it('the drawer keeps the focus, closes with Escape and gives the focus back', async () => {
    const { page, end } = await shopper()
    await page.goto(site.url)
    await page.getByRole('button', { name: 'Cart, 0 items' }).click()
    const drawer = page.getByRole('dialog', { name: 'Cart' })
    await drawer.getByText('Your cart is empty').waitFor()
    await look(page, 'drawer-empty')
    await page.keyboard.press('Escape')
    await drawer.waitFor({ state: 'hidden' })
    assert.equal(await page.evaluate('document.activeElement.localName'), 'cart-button')
    for (const sku of ['MUG-MOSS', 'KETTLE-GOOSE', 'TEE-FOREST-M']) await add(page, sku)
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Cart, 3 items' }).press('Enter')
    await drawer.waitFor()
    for (let turn = 0; turn < 30; turn++) {
      await page.keyboard.press('Tab')
      assert.ok(['cart-drawer', 'body'].includes((await page.evaluate('document.activeElement.localName')) as string))
    }
    await look(page, 'drawer')
    await drawer.getByRole('button', { name: 'One more: Gooseneck Kettle' }).click()
    await page.getByText('$168.00').first().waitFor()
    await end()
  })

  it('on the page of the cart quantities change, codes apply or say why not, rows go, and Clear asks first', async () => {
    const { page, end } = await shopper()
    await page.goto(site.url)
    for (const sku of ['MUG-MOSS', 'KETTLE-GOOSE', 'TEE-FOREST-M']) await add(page, sku)
    await page.goto(`${site.url}/cart.html`)
    await page.getByLabel('Quantity of Stoneware Mug').fill('3')
    await page.getByLabel('Quantity of Stoneware Mug').press('Enter')
    await page.getByText('$54.00').waitFor()
    await page.getByLabel('Promotion code').fill('NOPE')
    await page.getByRole('button', { name: 'Apply' }).click()
    await page.locator('#code-fault').filter({ hasText: /code/i }).waitFor()
    await look(page, 'cart-code-refused')
    await page.getByLabel('Promotion code').fill('welcome10')
    await page.getByRole('button', { name: 'Apply' }).click()
    await page.getByText('-$14.50').waitFor()
    await look(page, 'cart')
    await page.getByRole('button', { name: 'Delete Field Tee' }).click()
    await page.getByText('Field Tee was removed.').waitFor()
    await page.getByRole('button', { name: 'Clear cart' }).click()
    const question = page.getByRole('alertdialog', { name: 'Remove everything from your cart?' })
    await look(page, 'cart-clear')
    await page.keyboard.press('Escape')
    await question.waitFor({ state: 'hidden' })
    await page.getByText('Gooseneck Kettle').waitFor()
    await page.getByRole('button', { name: 'Clear cart' }).click()
    await question.getByRole('button', { name: 'Yes, clear it' }).click()
    await page.getByText('Your cart is empty', { exact: true }).waitFor()
    await look(page, 'cart-empty')
    await end(/status of 4\d\d/)
  })

  it('what is wrong is said at its field; then it is paid on the sandbox page, and the order is followed until it is placed', async () => {
    const { page, end } = await shopper()
    await page.goto(site.url)
    for (const sku of ['MUG-MOSS', 'KETTLE-GOOSE']) await add(page, sku)
    await page.goto(`${site.url}/cart.html`)
    await page.getByRole('button', { name: 'Place order' }).click()
    await page.waitForURL(/checkout/)
    await page.getByRole('button', { name: /Continue to payment|^Pay/ }).click()
    await page.getByText('Enter an e-mail address like').waitFor()
    assert.equal(await page.getByLabel('E-mail').getAttribute('aria-invalid'), 'true')
    await look(page, 'checkout-faults')
    await fillAddress(page)
    await page.getByRole('radio', { name: /Express/ }).check()
    // 18.00 + 59.00, express 14.95, and New York's sales tax of 8.875 % on each of them, rounded.
    await page.getByRole('button', { name: 'Pay $100.12' }).waitFor()
    await look(page, 'checkout')
    let orders = 0
    page.on('request', (request) => (orders += request.method() === 'POST' && request.url().endsWith('/orders') ? 1 : 0))
    await page.getByRole('button', { name: 'Pay $100.12' }).dblclick()
    await page.waitForURL(/sandbox/)
    assert.equal(orders, 1)
    await page.getByText('4242 4242 4242 4242').click()
    await page.getByRole('button', { name: /^Pay/ }).click()
    await page.waitForURL(/thanks\.html\?.*result=paid/)
    await page.getByRole('heading', { name: 'Thank you' }).waitFor()
    await page.getByText('$100.12').waitFor()
    await look(page, 'order-placed')
    await page.getByRole('link', { name: /^Cart, 0/ }).waitFor()
    await end()
  })

  it('a shop that ships without methods asks for none, and does not say that it cannot', async () => {
    const admin = caller(server.url, ADMIN)
    await admin('POST', '/v1/shops', { id: 'plain', name: 'Plain', currency: 'USD' })
    await admin('PUT', '/v1/shops/plain/products/jar', {
      handle: 'jar',
      name: 'Jar',
      variants: [{ sku: 'JAR', prices: [{ currency: 'USD', amount: 1250 }] }],
    })
    const { page, end } = await shopper()
    await page.goto(`${site.url}/checkout.html?shop=plain`)
    await page.evaluate(`cart.add({ sku: 'JAR' })`)
    await fillAddress(page)
    await page.getByRole('button', { name: 'Pay $12.50' }).waitFor()
    assert.equal(await page.getByText('We cannot ship to this address.').count(), 0)
    await page.getByRole('button', { name: 'Pay $12.50' }).click()
    await page.waitForURL(/sandbox/)
    await end()
  })

  it('Buy orders one row and leaves the others, in place of the cart where a page has nothing else', async () => {
    const { page, end } = await shopper()
    await page.goto(site.url)
    for (const sku of ['MUG-MOSS', 'KETTLE-GOOSE']) await add(page, sku)
    await page.goto(`${site.url}/simple.html`)
    await page.getByRole('button', { name: 'Buy only Stoneware Mug' }).click()
    await fillAddress(page)
    await page.getByRole('radio', { name: /Standard/ }).waitFor()
    await page.getByRole('button', { name: 'Continue to payment' }).click()
    await page.waitForURL(/sandbox/)
    await page.getByRole('button', { name: /leave/i }).click()
    await page.waitForURL(/simple\.html\?.*order=/)
    await page.getByRole('heading', { name: 'Waiting for payment' }).waitFor()
    assert.equal(await page.locator('order-status').getByText('Gooseneck Kettle').count(), 0)
    await look(page, 'order-unpaid')
    await page.getByRole('button', { name: 'Pay now' }).click()
    await page.waitForURL(/sandbox/)
    await page.getByText('4242 4242 4242 4242').click()
    await page.getByRole('button', { name: /^Pay/ }).click()
    await page.waitForURL(/simple\.html\?/)
    await page.getByRole('heading', { name: 'Thank you' }).waitFor()
    await page.getByRole('link', { name: 'Cart, 1 item' }).waitFor()
    await end()
  })

  it('what one shopper typed is not in the next one’s checkout', async () => {
    const { page, end } = await shopper()
    const [ada, eve] = [await login(server.url, 'elements-ada'), await login(server.url, 'elements-eve')]
    for (const token of [ada, eve]) await caller(SHOP, token)('POST', '/carts/current/lines', { sku: 'MUG-MOSS' })
    await page.goto(`${site.url}/checkout.html`)
    await page.evaluate(`cart.login('${ada}')`)
    await fillAddress(page)
    await page.getByRole('radio', { name: /Standard/ }).waitFor()
    await page.evaluate('cart.logout()')
    await page.getByText('Your cart is empty').waitFor()
    await page.evaluate(`cart.login('${eve}')`)
    await page.getByText('Stoneware Mug').waitFor()
    for (const label of ['E-mail', ...Object.keys(PLACE)]) assert.equal(await page.getByLabel(label).inputValue(), '', label)
    await end()
  })

  it('an order whose answer is lost can be sent again, and is one order', async () => {
    const admin = caller(server.url, ADMIN)
    await admin('POST', '/v1/shops', { id: 'plain', name: 'Plain', currency: 'USD' })
    const prices = [{ currency: 'USD', amount: 0 }]
    await admin('PUT', '/v1/shops/plain/products/taster', { handle: 'taster', name: 'Taster', variants: [{ sku: 'TASTER', prices }] })
    const { page, end } = await shopper()
    await page.goto(`${site.url}/checkout.html?shop=plain`)
    await page.evaluate(`cart.add({ sku: 'TASTER', expectedUnitPrice: 0 })`)
    await fillAddress(page)
    const ids = new Set<string>()
    await page.route('**/orders', async (route) => {
      if (route.request().method() !== 'POST') return route.continue()
      const { order } = (await (await route.fetch()).json()) as { order: { id: string } }
      ids.add(order.id)
      await route.abort()
    })
    // Free, so it is placed at once, and the cart is empty.
    await page.getByRole('button', { name: 'Place order' }).click()
    const again = page.locator('checkout-form').getByRole('button', { name: 'Try again' })
    await again.waitFor({ timeout: 30_000 })
    await look(page, 'checkout-unanswered')
    await page.unroute('**/orders')
    await page.evaluate(`prevented.push('ordered')`)
    await again.click()
    await eventually(async () => ((await told(page, 'ordered')) as unknown[]).length === 1)
    const [ordered] = (await told(page, 'ordered')) as { id: string }[]
    assert.deepEqual([...ids], [ordered?.id])
    await end(/ERR_FAILED/)
  })

  it('neither an emptied field nor one pack less deletes a row', async () => {
    const { page, end } = await shopper()
    await page.goto(site.url)
    await add(page, 'COLDBREW-CAN')
    await page.goto(`${site.url}/cart.html`)
    const quantity = page.getByLabel('Quantity of Cold Brew Can')
    await quantity.fill('')
    await quantity.press('Enter')
    await page.getByRole('button', { name: 'One less: Cold Brew Can' }).click()
    await page.locator('cart-page .row').getByRole('alert').waitFor()
    assert.equal(await quantity.inputValue(), '6')
    assert.equal(((await page.evaluate('cart.refresh()')) as { itemCount: number }).itemCount, 6)
    await page.getByRole('button', { name: 'One more: Cold Brew Can' }).click()
    await page.locator('cart-page .row').getByRole('alert').waitFor({ state: 'detached' })
    await eventually(async () => (await quantity.inputValue()) === '12')
    await end(/status of 4\d\d/)
  })

  it('a request for shipping methods that failed is repeated, and an alert stays until its own cause is gone', async () => {
    const { page, end } = await shopper()
    await page.goto(site.url)
    await add(page, 'KETTLE-GOOSE')
    await page.goto(`${site.url}/checkout.html`)
    await page.route('**/shipping-methods', (route) => route.abort())
    await fillAddress(page)
    await page.locator('checkout-form').getByRole('alert').filter({ hasText: /\w/ }).waitFor({ timeout: 20_000 })
    await page.unroute('**/shipping-methods')
    await page.evaluate(`cart.change({ note: 'by the back door' })`)
    await page.getByRole('radio', { name: /Standard/ }).waitFor()
    await page.locator('#alert').waitFor({ state: 'detached' })
    await page.getByLabel('E-mail').fill('nobody')
    await page.getByRole('button', { name: /^Pay/ }).click()
    await page.locator('#alert').waitFor()
    await page.getByLabel('Postal code').fill('10002')
    await page.getByLabel('Postal code').press('Tab')
    await eventually(
      async () =>
        ((await page.evaluate('cart.get()')) as { cart: { shippingAddress: { postalCode: string } } }).cart.shippingAddress.postalCode ===
        '10002',
    )
    await page.evaluate('cart.refresh()')
    assert.equal(await page.locator('#alert').count(), 1)
    await end(/ERR_FAILED/)
  })

  it('what an account adds first after its login shows at once, and a row is bought when the server knows it', async () => {
    const token = await login(server.url, 'elements-first')
    const { page, end } = await shopper()
    await page.goto(site.url)
    await card(page, 'MUG-MOSS').getByText('$18.00').waitFor()
    const products = page.waitForResponse('**/products/MUG-MOSS')
    await page.evaluate(`cart.login('${token}')`)
    await products
    const held = Promise.withResolvers<void>()
    await page.route('**/commands', async (route) => {
      await held.promise
      await route.continue()
    })
    await page.route('**/products/**', (route) => route.abort())
    await page.evaluate(`document.querySelector('main').append(document.createElement('cart-page'))`)
    await card(page, 'MUG-MOSS').getByRole('button', { name: 'Add to cart' }).click()
    await page.getByRole('button', { name: 'Cart, 1 item' }).waitFor()
    const buy = page.locator('cart-page').getByRole('button', { name: 'Buy only Stoneware Mug' })
    assert.equal(await buy.getAttribute('aria-disabled'), 'true')
    held.resolve()
    await eventually(async () => (await buy.getAttribute('aria-disabled')) === 'false')
    await end()
  })

  it('a shop that wants the price that was seen is told it, and a product is named by its handle as well', async () => {
    const admin = caller(server.url, ADMIN)
    await admin('POST', '/v1/shops', { id: 'plain', name: 'Plain', currency: 'USD' })
    await admin('PATCH', '/v1/shops/plain/settings', { pricing: { requireExpected: true } })
    const prices = [
      { currency: 'USD', amount: 1000 },
      { currency: 'USD', amount: 900, quantityFrom: 3 },
    ]
    await admin('PUT', '/v1/shops/plain/products/lid', { handle: 'lid', name: 'Lid', variants: [{ sku: 'LID', prices }] })
    const { page, end } = await shopper()
    await page.goto(`${site.url}/cart.html?shop=plain`)
    await page.evaluate(`document.querySelector('main').append(Object.assign(document.createElement('add-to-cart'), { sku: 'lid' }))`)
    const button = page.locator('add-to-cart').getByRole('button', { name: 'Add to cart' })
    for (const pieces of [1, 2, 3]) {
      await button.click()
      await page.getByRole('link', { name: `Cart, ${pieces} item` }).waitFor()
      await eventually(async () => ((await told(page, 'added')) as unknown[]).length === pieces)
    }
    const { lines } = (await page.evaluate('cart.refresh()')) as { lines: { quantity: number; unitPrice: { amount: number } }[] }
    assert.deepEqual([lines[0]?.quantity, lines[0]?.unitPrice.amount], [3, 900])
    assert.deepEqual(await told(page, 'refused'), [])
    await end(/status of 4\d\d/)
  })

  it('who came by a link pays by it, and comes back to the page as it was', async () => {
    const items = [{ sku: 'GUIDE-BREW' }]
    const { body } = await caller(SHOP)('POST', '/orders', {
      items,
      email: 'robin@example.com',
      payment: { returnUrl: `${site.url}/simple.html?from=mail` },
    })
    const { page, end } = await shopper()
    await page.goto(`${site.url}/simple.html?from=mail#order=${body.order.id}&token=${body.orderToken}`)
    await page.getByRole('button', { name: 'Pay now' }).click()
    await page.waitForURL(/sandbox/)
    await page.getByRole('button', { name: /leave/i }).click()
    await page.waitForURL(/simple\.html\?.*order=/)
    await page.getByText('Home Brewing Guide').waitFor()
    await page.getByRole('button', { name: 'Back to cart' }).click()
    await page.getByText('Your cart is empty').waitFor()
    assert.equal(new URL(page.url()).search, '?from=mail')
    await end()
  })

  it('an order is shown by its link alone, and a wrong token shows nothing of it', async () => {
    const { body } = await caller(SHOP)('POST', '/orders', { items: [{ sku: 'GUIDE-BREW' }], email: 'robin@example.com' })
    const { page, end } = await shopper()
    await page.goto(`${site.url}/thanks.html`)
    await page.getByText('There is no order to show').waitFor()
    await look(page, 'order-none')
    await page.goto(`${site.url}/thanks.html#order=${body.order.id}&token=${body.orderToken}x`)
    await page.getByRole('alert').waitFor()
    assert.equal(await page.getByText('Home Brewing Guide').count(), 0)
    await page.goto(`${site.url}/thanks.html#order=${body.order.id}&token=${body.orderToken}`)
    await page.getByText('Home Brewing Guide').waitFor()
    await end(/status of 40\d/)
  })

  it('fifty clicks on Add to cart are fifty pieces, at once and on the server', async () => {
    const { page, end } = await shopper()
    await page.goto(site.url)
    const button = card(page, 'MUG-MOSS').getByRole('button', { name: 'Add to cart' })
    await button.waitFor()
    await button.evaluate((element: unknown) => {
      for (let click = 0; click < 50; click++) (element as { click(): void }).click()
    })
    await page.getByRole('button', { name: 'Cart, 50 items' }).waitFor()
    await card(page, 'MUG-MOSS').getByText('Stoneware Mug is in your cart 50 times.').waitFor()
    const cart = (await page.evaluate('cart.refresh()')) as { itemCount: number; lines: unknown[] }
    assert.deepEqual([cart.itemCount, cart.lines.length], [50, 1])
    assert.equal(((await told(page, 'added')) as unknown[]).length, 50)
    await end()
  })

  it('while an answer is under way an amount is not added twice, and what is not the server’s yet is marked', async () => {
    const { page, end } = await shopper()
    await page.goto(`${site.url}/opens.html`)
    await add(page, 'MUG-MOSS')
    const drawer = page.getByRole('dialog', { name: 'Cart' })
    await drawer.getByText('Stoneware Mug', { exact: true }).waitFor()
    const held = Promise.withResolvers<void>()
    await page.route('**/commands', async (route) => {
      await held.promise
      await route.continue()
    })
    await drawer.getByRole('button', { name: 'One more: Stoneware Mug' }).click()
    await drawer.locator('[part=estimated]').first().waitFor()
    await page.keyboard.press('Escape')
    const button = card(page, 'RECHARGE-CARD').getByRole('button')
    await button.dblclick()
    assert.equal(await button.getAttribute('aria-disabled'), 'true')
    assert.equal(await button.textContent(), 'Adding …')
    await page.getByRole('button', { name: 'Cart, 3 items' }).click()
    await look(page, 'drawer-estimated')
    held.resolve()
    await drawer.locator('[part=estimated]').first().waitFor({ state: 'detached' })
    assert.equal(((await page.evaluate('cart.refresh()')) as { itemCount: number }).itemCount, 3)
    assert.equal(await button.getAttribute('aria-disabled'), 'false')
    await end()
  })

  it('who is signed in is told by the page’s own script: a guest’s cart comes along with a report, and logged out it is gone', async () => {
    const token = await login(server.url, 'elements-robin')
    await caller(SHOP, token)('POST', '/carts/current/lines', { sku: 'MUG-MOSS', quantity: 2 })
    const { page, end } = await shopper()
    await page.goto(site.url)
    for (const sku of ['MUG-MOSS', 'KETTLE-GOOSE']) await add(page, sku)
    const report = (await page.evaluate(`cart.login('${token}')`)) as { lines: unknown[] }
    assert.equal(report.lines.length, 2)
    assert.deepEqual(await told(page, 'merged'), [{ report }])
    await page.getByRole('button', { name: 'Cart, 4 items' }).click()
    const told4 = page.getByRole('dialog').locator('[part=report]')
    await told4.getByText('Gooseneck Kettle: 1 added').waitFor()
    await told4.getByText('Stoneware Mug: 3 together with what was there').waitFor()
    await look(page, 'drawer-merged')
    await told4.getByRole('button', { name: 'OK' }).click()
    await told4.waitFor({ state: 'detached' })
    await page.keyboard.press('Escape')
    await page.evaluate('cart.logout()')
    await page.getByRole('button', { name: 'Cart, 0 items' }).waitFor()
    await end()
  })

  it('a subscription asks to sign in, by the page or in its language, and is bought on its own afterwards', async () => {
    const { page, end } = await shopper()
    await page.goto(`${site.url}/?lang=de`)
    const club = card(page, 'COFFEE-CLUB')
    await club.getByLabel('Tarif').selectOption('yearly')
    await club.getByRole('button', { name: 'Abonnieren' }).click()
    await club.getByRole('alert').filter({ hasText: 'Bitte melden Sie sich zuerst an.' }).waitFor()
    assert.equal(await club.getByRole('link', { name: 'Anmelden' }).getAttribute('href'), '/sign-in')
    await look(page, 'subscription-login-de', true)
    await page.evaluate(`prevented.push('login')`)
    await club.getByRole('button', { name: 'Abonnieren' }).click()
    await eventually(async () => ((await told(page, 'login')) as unknown[]).length === 2)
    await club.getByRole('button', { name: 'Abonnieren' }).waitFor()
    assert.equal(await club.getByRole('alert').count(), 0)
    await page.evaluate(`cart.login('${await login(server.url, 'elements-kim')}')`)
    await page.evaluate(`prevented.push('ordered')`)
    await club.getByRole('button', { name: 'Abonnieren' }).click()
    await club.getByLabel('E-Mail').fill('kim@example.com')
    await look(page, 'subscription-email-de', true)
    await club.getByRole('button', { name: 'Abonnieren' }).click()
    const [ordered] = await eventually(async () => {
      const all = (await told(page, 'ordered')) as { id: string; token: string; paymentUrl: string }[]
      return all.length > 0 && all
    })
    assert.match(ordered?.paymentUrl ?? '', /sandbox/)
    await page.goto(`${site.url}/thanks.html#order=${ordered?.id}&token=${ordered?.token}`)
    await page.locator('order-status').getByText('Coffee Club').waitFor()
    await page.goto(`${site.url}/plan.html`)
    assert.equal(await page.getByRole('link', { name: 'See plans' }).getAttribute('href'), '/plans')
    await look(page, 'plan-link')
    await end(/status of (401|409)/)
  })

  it('a change that was refused is told to the page, shown, and put away', async () => {
    const { page, end } = await shopper()
    await page.goto(`${site.url}/simple.html`)
    await page.getByRole('link', { name: 'To the shop' }).waitFor()
    await page.evaluate(`void cart.add({ sku: 'NO-SUCH' }).catch(() => {})`)
    const alert = page.locator('cart-page').getByRole('alert')
    await alert.waitFor()
    const refused = (await page.evaluate(`told.map(([name, { error }]) => [name, error.code])`)) as unknown[]
    assert.deepEqual(refused, [['refused', 'unknown_sku']])
    await look(page, 'cart-refused')
    await alert.getByRole('button', { name: 'OK' }).click()
    await alert.waitFor({ state: 'detached' })
    await end(/status of 4\d\d/)
  })

  it('what another tab does is shown, and said once when it has come to an end', async () => {
    const { page, end } = await shopper()
    await page.goto(site.url)
    await add(page, 'MUG-MOSS')
    await page.getByRole('button', { name: 'Cart, 1 item' }).waitFor()
    await page.evaluate('cart.refresh()')
    await page.evaluate(`window.said = []; new MutationObserver(() => said.push(document.querySelector('cart-button').shadowRoot.querySelector('[role=status]').textContent))
      .observe(document.querySelector('cart-button').shadowRoot.querySelector('[role=status]'), { subtree: true, childList: true, characterData: true })`)
    const other = await context.newPage()
    await other.goto(site.url)
    for (let piece = 0; piece < 3; piece++) await card(other, 'MUG-MOSS').getByRole('button', { name: 'Add to cart' }).click()
    await page.getByRole('button', { name: 'Cart, 4 items' }).waitFor()
    await eventually(async () => ((await page.evaluate('said.length')) as number) > 0)
    assert.deepEqual(await page.evaluate('said'), ['Your cart was changed elsewhere: 4 items now.'])
    await end()
  })

  it('looks as the page wants it, by custom properties and parts', async () => {
    const { page, end } = await shopper()
    await page.goto(`${site.url}/?theme`)
    await add(page, 'MUG-MOSS')
    const button = card(page, 'MUG-MOSS').locator('[part=button]')
    const style = (property: string) =>
      button.evaluate(
        (element, name) =>
          (globalThis as never as { getComputedStyle(of: unknown): { getPropertyValue(name: string): string } })
            .getComputedStyle(element)
            .getPropertyValue(name),
        property,
      )
    assert.deepEqual([await style('border-color'), await style('border-radius')], ['rgb(59, 59, 152)', '999px'])
    await page.getByRole('button', { name: 'Cart, 1 item' }).click()
    await look(page, 'themed')
    await end()
  })

  it('amounts and plans can be laid out, and are chosen with the keyboard', async () => {
    const { page, end } = await shopper()
    await page.goto(`${site.url}/laid-out.html`)
    await page.getByRole('radio', { name: 'M / Forest' }).waitFor()
    await page.getByRole('radio', { name: '$10.00' }).focus()
    await page.keyboard.press('ArrowRight')
    await page.getByRole('radio', { name: /Yearly/ }).check()
    await look(page, 'laid-out')
    await add(page, 'RECHARGE-CARD')
    await page.goto(`${site.url}/cart.html`)
    await page.locator('cart-page').getByText('$25.00').first().waitFor()
    await end()
  })

  it('German and right-to-left pages are whole, and notices come in the words of the page', async () => {
    const { page, end } = await shopper()
    await page.goto(`${site.url}/?lang=de`)
    await card(page, 'MUG-MOSS').getByLabel('Menge von').fill('450')
    await add(page, 'MUG-MOSS')
    await look(page, 'products-de', true)
    await page.goto(`${site.url}/cart.html?lang=de`)
    await page.getByRole('button', { name: 'Bestellen' }).waitFor()
    await look(page, 'cart-de', true)
    await page.goto(`${site.url}/checkout.html?lang=de`)
    await page.getByRole('button', { name: 'Weiter zur Zahlung' }).waitFor()
    await look(page, 'checkout-de', true)
    await page.goto(`${site.url}/cart.html?dir=rtl`)
    await page.getByRole('button', { name: 'Place order' }).waitFor()
    await look(page, 'cart-rtl', true)
    await page.goto(`${site.url}/checkout.html?dir=rtl`)
    await page.getByRole('button', { name: 'Continue to payment' }).waitFor()
    await look(page, 'checkout-rtl', true)
    await page.goto(`${site.url}/?dir=rtl`)
    await page.getByText('$3.40').waitFor()
    await look(page, 'products-rtl', true)
    await page.getByRole('button', { name: /^Cart/ }).click()
    await page.getByRole('dialog').getByText('Stoneware Mug', { exact: true }).waitFor()
    await look(page, 'drawer-rtl', true)
    await end()
  })

  it('offline it says so, loses nothing, and goes on when it is back', async () => {
    const { page, end } = await shopper()
    await page.goto(site.url)
    await add(page, 'MUG-MOSS')
    await page.goto(`${site.url}/cart.html`)
    await page.getByText('Stoneware Mug').waitFor()
    await page.evaluate('cart.refresh()')
    await context.setOffline(true)
    await page.getByRole('button', { name: 'One more: Stoneware Mug' }).click()
    await page.locator('cart-page').getByText('Your changes are kept here').waitFor({ timeout: 20_000 })
    await page.getByText('$36.00').first().waitFor()
    await look(page, 'cart-offline')
    await context.setOffline(false)
    await page.locator('cart-page').getByText('Your changes are kept here').waitFor({ state: 'detached' })
    assert.equal(((await page.evaluate('cart.refresh()')) as { itemCount: number }).itemCount, 2)
    await end(/ERR_INTERNET_DISCONNECTED/)
  })

  it('nothing moves while products, cart, checkout and order load', async () => {
    const { body } = await caller(SHOP)('POST', '/orders', { items: [{ sku: 'GUIDE-BREW' }], email: 'robin@example.com' })
    const { page, end } = await shopper()
    await page.addInitScript(
      `window.shifts = []; new PerformanceObserver((list) => { for (const entry of list.getEntries()) if (!entry.hadRecentInput) shifts.push(entry.value) }).observe({ type: 'layout-shift', buffered: true })`,
    )
    const assertStill = async (path: string, shown: string) => {
      await page.goto(site.url + path)
      await page.getByText(shown).first().waitFor()
      // Chromium may tell nobody of its idleness where nothing asks it for a frame.
      await page.evaluate('new Promise((done) => requestIdleCallback(() => requestAnimationFrame(done), { timeout: 5000 }))')
      const moved = (await page.evaluate('shifts.reduce((all, value) => all + value, 0)')) as number
      assert.ok(moved < 0.01, `${path}: ${moved}`)
    }
    await assertStill('/cart.html', 'Your cart is empty')
    await assertStill('/', '$18.00')
    await add(page, 'KETTLE-GOOSE')
    await assertStill('/', '$18.00')
    await assertStill('/cart.html', 'Gooseneck Kettle')
    await assertStill('/checkout.html', 'Gooseneck Kettle')
    await assertStill(`/thanks.html#order=${body.order.id}&token=${body.orderToken}`, 'Home Brewing Guide')
    await end()
  })
})

describe('the reference', () => {
  const SOURCES = join(ROOT, 'web/elements')
  const source = (file: string) => readFileSync(join(SOURCES, file), 'utf8')
  const all = (text: string, pattern: RegExp) => [...new Set([...text.matchAll(pattern)].map(([, found = '']) => found))].sort()

  /** An element's own file and those that it takes markup from. */
  function filesOf(file: string, found = new Set<string>()): Set<string> {
    if (found.has(file)) return found
    found.add(file)
    for (const other of all(source(file), /^import (?!type)[^;]*? from '\.\/([\w-]+\.ts)'$/gm)) filesOf(other, found)
    return found
  }

  const ELEMENTS = all(source('elements.ts'), /^ {2}'([\w-]+)': \w+,$/gm)
  const rows = (section: string, kind: string) => all(section, new RegExp(`^\\| ${kind} \\| \`([^\`]+)\``, 'gm'))

  it('names every element with its attributes, parts and slots, and none that is not there', () => {
    assert.equal(ELEMENTS.length, 6)
    assert.deepEqual(all(REFERENCE, /^### `<([\w-]+)>`/gm), ELEMENTS)
    for (const name of ELEMENTS) {
      const section = REFERENCE.split(`### \`<${name}>\``)[1]?.split(/^##/m)[0] ?? ''
      const files = [...filesOf(`${name}.ts`)].filter((file) => file !== 'elements.ts').map(source)
      const text = files.join('\n')
      const properties = all(text, /static override properties: PropertyDeclarations = \{(.*?)\n? ?\}\n/gs).join('\n')
      const attributes = [...properties.matchAll(/(\w+): \{((?:[^{}])*)\}/g)].flatMap(([, property = '', options = '']) =>
        /state: true|attribute: false/.test(options) ? [] : [/attribute: '([\w-]+)'/.exec(options)?.[1] ?? property.toLowerCase()],
      )
      assert.deepEqual(rows(section, 'attribute'), [...new Set(attributes)].sort(), `attributes of ${name}`)
      assert.deepEqual(rows(section, 'part'), all(text, /part="([\w-]+)"/g), `parts of ${name}`)
      const slots = all(text, /<slot(?: name="([\w-]+)")?>/g).map((slot) => slot || 'default')
      assert.deepEqual(rows(section, 'slot'), slots, `slots of ${name}`)
    }
  })

  it('names every custom property with the colour it has by itself, every event, and every attribute of the script', () => {
    const styles = globSync('*.ts', { cwd: SOURCES }).map(source).join('\n')
    assert.deepEqual(rows(REFERENCE, 'property'), all(styles, /(--cartwright-[\w-]+)/g))
    for (const [, name, value] of styles.matchAll(/var\((--cartwright-[\w-]+), (light-dark\([^)]*\)|[\w.]+)[,)]/g))
      if (/light-dark|px|rem/.test(value ?? ''))
        assert.ok(REFERENCE.includes(`| property | \`${name}\` | \`${value}\``), `${name}: ${value}`)
    assert.deepEqual(rows(REFERENCE, 'event'), all(source('events.ts'), /readonly '(cartwright:\w+)'/g))
    const script = all(source('shop.ts'), /dataset\.(\w+)/g).map(
      (name) => `data-${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
    )
    assert.deepEqual(rows(REFERENCE, 'script'), script.sort())
  })
})
