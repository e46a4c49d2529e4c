// The demo store in a real browser, on SQLite: everything that a shopper does there, from the first product to an order that is cancelled. On the
// way each page and each dialog is looked at: nothing wider than the window, no serious fault that axe finds in light or dark, and a picture.
// The pictures are in test-artifacts/store (made anew by each run): open the folder in a file manager or a browser; `cart-320.jpg` is the page
// `cart` at 320 px, those at 768 px are dark.
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Browser, BrowserContext, Page, Route } from 'playwright-core'
import { buildWeb } from '../web/build.ts'
import { openBrowser } from './chromium.ts'
import { ADMIN, caller, eventually, freshDatabase, startTestServer } from './harness.ts'
import { ADDRESS } from './http-probe.ts'
import { expect2xx, login, payOnPage } from './nodes.ts'

const PICTURES = join(import.meta.dirname, '../test-artifacts/store')
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
/** What each page and dialog is looked at in. axe's whole list runs once, and colours again in the dark. */
const LOOKS = [
  { width: 320, colorScheme: 'light', rules: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] },
  { width: 1440, colorScheme: 'light', rules: null },
  { width: 768, colorScheme: 'dark', rules: ['color-contrast'] },
] as const

const SIZE = { width: 1024, height: 800 }

describe('the demo store', async () => {
  await buildWeb()
  const server = await startTestServer(await freshDatabase('sqlite'))
  const url = server.url
  let browser: Browser
  before(async () => {
    rmSync(PICTURES, { recursive: true, force: true })
    mkdirSync(PICTURES, { recursive: true })
    browser = await openBrowser()
  })
  after(() => browser?.close())

  interface Device {
    readonly context: BrowserContext
    readonly page: Page
    /** Whatever its page complains about. */
    readonly faults: string[]
    /** Gives it back. */
    end(): Promise<void>
  }
  const free: Device[] = []

  /** A device that remembers nothing. Starting one costs, so the usual kind is used again when everything on it was forgotten. */
  async function device(settings?: Parameters<Browser['newContext']>[0]): Promise<Device> {
    const known = settings ? undefined : free.pop()
    if (known) return known
    const context = await browser.newContext({ locale: 'en-US', reducedMotion: 'reduce', viewport: SIZE, ...settings })
    context.setDefaultTimeout(10_000)
    const page = await context.newPage()
    const faults: string[] = []
    page.on('pageerror', (error) => faults.push(error.message))
    // A refusal is an answer that the page deals with; the browser writes it down all the same.
    page.on(
      'console',
      (message) => message.type() === 'error' && !message.text().startsWith('Failed to load') && faults.push(message.text()),
    )
    const made: Device = {
      context,
      page,
      faults,
      end: async () => {
        if (settings) return context.close()
        await page.unrouteAll({ behavior: 'wait' })
        await Promise.all(context.pages().map((each) => (each === page ? null : each.close())))
        // A page of the same origin that keeps nothing itself.
        await page.goto(`${url}/healthz`)
        await page.evaluate('localStorage.clear()')
        await context.clearCookies()
        faults.length = 0
        free.push(made)
      },
    }
    return made
  }

  /** Goes to a page of the store; where the store is open already, as its own links do, without loading it again. */
  async function go(page: Page, path: string): Promise<void> {
    if (!page.url().startsWith(`${url}/shop/`)) await page.goto(url + path)
    else await page.evaluate(`history.pushState(null, '', ${JSON.stringify(path)}), dispatchEvent(new PopStateEvent('popstate'))`)
  }

  async function addFrom(page: Page, path: string): Promise<void> {
    await go(page, path)
    await page.locator('.product .add:enabled').click()
    await page.locator('.told p').waitFor()
    // Sent and answered, too.
    await eventually(() => page.evaluate<boolean>("!Object.keys(localStorage).some((key) => key.includes(':queue:'))"))
  }

  async function openSignIn(page: Page, name: string): Promise<void> {
    await page.getByRole('button', { name: 'Account' }).click()
    await page.locator('#user').getByRole('button', { name: 'Sign in' }).click()
    await page.getByLabel('Name').fill(name)
  }

  async function signIn(page: Page, name: string): Promise<void> {
    await openSignIn(page, name)
    await page.locator('.dialog form').getByRole('button', { name: 'Sign in' }).click()
  }

  async function signOut(page: Page): Promise<void> {
    await page.getByRole('button', { name: 'Account' }).click()
    await page.getByRole('button', { name: 'Sign out' }).click()
  }

  /** Looks at what stands there now (`part`: only at that, the page behind it being looked at elsewhere). */
  async function look(page: Page, name: string, part: string | null = null): Promise<void> {
    for (const { width, colorScheme, rules } of LOOKS) {
      await page.setViewportSize({ width, height: 900 })
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      const wide = await page.evaluate<number>('scrollTo(0, 0), document.documentElement.scrollWidth')
      assert.ok(wide <= width, `${name} is ${wide} wide at ${width}`)
      await page.screenshot({ path: join(PICTURES, `${name}-${width}.jpg`), type: 'jpeg', quality: 75, fullPage: part === null })
      if (!rules) continue
      if (!(await page.evaluate('"axe" in window'))) await page.evaluate(AXE)
      const found =
        await page.evaluate(`axe.run(${JSON.stringify(part ?? 'html')}, { preload: false, resultTypes: ['violations'], runOnly: ${JSON.stringify(rules)} }).then(({ violations }) =>
        violations.filter(({ impact }) => impact === 'serious' || impact === 'critical').map(({ id, nodes }) => id + ' ' + nodes.map(({ html, any }) => html.slice(0, 160) + ' ' + any.map((each) => each.message)).join(' | ')))`)
      assert.deepEqual(found, [], `${name} ${colorScheme}`)
    }
    await page.setViewportSize(SIZE)
    await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' })
  }

  /** Keeps requests from being answered until they are let go; counts them. */
  async function hold(page: Page, pattern: string) {
    const gate = Promise.withResolvers<void>()
    const passing: Promise<void>[] = []
    let asked = 0
    const handle = (route: Route) => {
      if (route.request().method() !== 'GET') asked++
      passing.push(gate.promise.then(() => route.continue()))
    }
    const end = async () => {
      // What was clicked may not have been sent yet.
      await eventually(async () => passing.length > 0)
      gate.resolve()
      await Promise.all(passing)
      await page.unroute(pattern, handle)
    }
    await page.route(pattern, handle)
    return { asked: () => asked, end }
  }

  /** The guest's cart as the server has it. */
  async function served(page: Page, shop = 'demo') {
    const { body } = await caller(`${url}/v1/shops/${shop}`, (await kept(page, shop)) ?? undefined)('GET', '/carts/current')
    return body
  }

  /** Clicks on the page's add as fast as nobody can. */
  async function clickFast(page: Page, times: number): Promise<void> {
    await page.locator('.product .add:enabled').waitFor()
    await page.evaluate(`for (let click = 0; click < ${times}; click++) document.querySelector('.product .add').click()`)
  }

  const badge = (page: Page) => page.locator('.floating .badge').textContent()
  const kept = (page: Page, shop: string) => page.evaluate((key) => localStorage.getItem(key), `cartwright:${shop}`)

  async function fillAddress(page: Page): Promise<void> {
    await page.getByLabel('E-mail').fill('robin@example.com')
    await page.getByLabel('Name', { exact: true }).fill('Robin Ash')
    await page.getByLabel('Street').fill('1 Main St')
    await page.getByLabel('Postal code').fill('10001')
    await page.getByLabel('City').fill('New York')
    await page.getByLabel('State or region').fill('NY')
    await page.getByRole('button', { name: 'Save and go on' }).click()
    await page.getByLabel('Standard').check()
    await page.locator('button[name=pay]').waitFor()
  }

  async function payWith(page: Page, card: string): Promise<void> {
    await page.getByText(card).click()
    await page.getByRole('button', { name: /^Pay/ }).click()
  }

  it('SEED0-01 SEED0-60 every card and every product page offers what puts it into the cart, or says why it cannot be bought', async () => {
    const { page, end, faults } = await device()
    const catalogue = await hold(page, '**/products?*')
    await page.goto(url)
    await page.locator('.grid[aria-busy=true]').waitFor()
    await look(page, 'loading')
    await catalogue.end()
    await page.locator('.card[data-handle]').first().waitFor()
    const { body } = await caller(`${url}/v1/shops/demo`)('GET', '/products?limit=100')
    const products = body.items as { handle: string; kind: string }[]
    const offered = await page.evaluate<[string, string][]>(
      `[...document.querySelectorAll('.card[data-handle]')].map((card) => [card.dataset.handle, card.querySelector(':scope > :is(button, .button)')?.textContent])`,
    )
    const expected: Readonly<Record<string, RegExp>> = { recharge: /Choose an amount/, subscription: /See plans/ }
    assert.equal(offered.length, products.length)
    for (const { handle, kind } of products) {
      const wanted = handle === 'enamel-camp-kettle' ? /Sold out/ : (expected[kind] ?? /Add to cart/)
      assert.match(new Map(offered).get(handle) ?? '', wanted, handle)
    }
    await look(page, 'products')
    for (const { handle } of products) {
      await go(page, `/shop/demo/products/${handle}`)
      const wanted = handle === 'enamel-camp-kettle' ? /Sold out/ : handle === 'coffee-club' ? /Subscribe/ : /Add to cart/
      await page.locator('.product .add', { hasText: wanted }).waitFor()
    }
    await look(page, 'bundle')
    for (const [handle, name] of [
      ['field-tee', 'product'],
      ['enamel-camp-kettle', 'sold-out'],
      ['recharge-card', 'recharge'],
      ['coffee-club', 'plans'],
      ['no-such-thing', 'nothing-here'],
    ] as const) {
      await go(page, `/shop/demo/products/${handle}`)
      await look(page, name)
    }
    assert.deepEqual(faults, [])
    await end()
  })

  it('SEED0-14 each click on an add of goods counts and shows at once; an amount is added once, and buttons rest where nothing can be bought', async () => {
    const { page, end } = await device()
    await go(page, '/shop/demo/products/stoneware-mug')
    const add = page.locator('.product .add')
    await add.waitFor()
    const goods = await hold(page, '**/commands')
    await clickFast(page, 3)
    await page.locator('.floating .badge', { hasText: /^3$/ }).waitFor()
    assert.equal(await add.isEnabled(), true)
    await page.getByText('Stoneware Mug is in your cart.').waitFor()
    assert.equal(await kept(page, 'demo'), null, 'the server has answered nothing yet')
    await goods.end()
    await eventually(async () => (await kept(page, 'demo')) !== null && (await served(page)).itemCount === 3)

    await go(page, '/shop/demo/products/recharge-card')
    assert.equal(await add.isDisabled(), true, 'no amount was chosen')
    await page.getByLabel('Your own amount').fill('0')
    assert.equal(await add.isDisabled(), true, 'zero')
    await page.getByLabel('Your own amount').fill('4.99')
    assert.equal(await add.isDisabled(), true, 'less than the least')
    await page.getByLabel('Your own amount').fill('12.50')
    const money = await hold(page, '**/commands')
    await add.click()
    assert.equal(await add.isDisabled(), true, 'an amount is being added')
    // A click on a button that rests does nothing, whoever clicks.
    await add.dispatchEvent('click')
    await money.end()
    await page.locator('.product .add:enabled').waitFor()
    assert.equal(money.asked(), 1)
    assert.deepEqual((await served(page)).itemCount, 4)

    await go(page, '/shop/demo/products/enamel-camp-kettle')
    assert.equal(await add.isDisabled(), true, 'sold out')
    // A recharge with neither presets nor own amounts: the catalogue takes none, so the page is told of one.
    await page.route('**/products?*', async (route) => {
      const answer = await route.fetch()
      const body = (await answer.json()) as { items: { handle: string; recharge?: { presets: number[]; allowCustom: boolean } }[] }
      for (const { recharge } of body.items) if (recharge) Object.assign(recharge, { presets: [], allowCustom: false })
      await route.fulfill({ response: answer, json: body })
    })
    await page.goto(`${url}/shop/demo/products/cafe-credit`)
    await page.getByText('This cannot be bought at the moment.').waitFor()
    assert.equal(await add.isDisabled(), true, 'unpurchasable')
    await end()
  })

  it('SEED0-15 SEED0-23 the menu’s section Business & Payments and the floating button with its count lead to the cart, with name, display name, image, price, currency and quantity', async () => {
    const { page, end } = await device()
    await addFrom(page, '/shop/demo/products/stoneware-mug')
    assert.equal(await badge(page), '1')
    await page.locator('.cart-button').click()
    await page.waitForURL(/\/shop\/demo\/cart$/)
    await page.goBack()
    await page.getByRole('button', { name: 'Account' }).click()
    const menu = page.locator('#user')
    await look(page, 'menu', '#user')
    await menu.getByRole('heading', { name: 'Business & Payments' }).waitFor()
    await menu.getByRole('link', { name: /Carts/ }).click()
    await page.waitForURL(/\/shop\/demo\/cart$/)
    const row = page.locator('.row[data-sku=MUG-STONE]')
    await row.getByText('Stoneware Mug').waitFor()
    assert.equal(await row.locator('.row-name small').first().textContent(), 'Stone')
    assert.match((await row.locator('img').getAttribute('src')) ?? '', /stoneware-mug/)
    assert.deepEqual(await Promise.all(['.cell-price', '.cell-currency', 'output'].map((part) => row.locator(part).textContent())), [
      '$18.00',
      'USD',
      '1',
    ])
    await row.getByRole('button', { name: 'Buy' }).waitFor()
    await row.getByRole('button', { name: 'Delete' }).click()
    await page.getByText('Your cart is empty.').waitFor()
    await look(page, 'empty-cart')
    for (const [where, what, name] of [
      ['orders', 'You have not ordered anything yet.', 'no-orders'],
      ['subscriptions', 'Subscriptions belong to an account.', 'subscriptions-of-a-guest'],
    ] as const) {
      await go(page, `/shop/demo/${where}`)
      await page.getByText(what).waitFor()
      await look(page, name)
    }
    await end()
  })

  it('SEED0-18 a stepper sets the quantity before adding and in the cart, in the product’s steps and never below the least', async () => {
    const { page, end } = await device()
    await page.goto(`${url}/shop/demo/products/cold-brew-can`)
    const stepper = page.locator('.product .stepper')
    assert.equal(await stepper.locator('output').textContent(), '6')
    assert.equal(await stepper.getByRole('button', { name: 'Less' }).isDisabled(), true)
    await stepper.getByRole('button', { name: 'More' }).click()
    await page.locator('.product .add').click()
    await eventually(async () => (await badge(page)) === '12')
    await page.locator('.cart-button').click()
    const row = page.locator('.row[data-sku=COLDBREW-CAN]')
    await row.getByRole('button', { name: 'More' }).click()
    await row.locator('output', { hasText: '18' }).waitFor()
    // It counts from what is shown, however fast it is clicked, and what the server has not said yet is marked.
    const held = await hold(page, '**/commands')
    await row.getByRole('button', { name: 'Less' }).click()
    await row.getByRole('button', { name: 'Less' }).click()
    await row.locator('output', { hasText: /^6$/ }).waitFor()
    assert.equal(await row.getByRole('button', { name: 'Less' }).isDisabled(), true)
    await page.getByText('Total (estimated)').waitFor()
    await look(page, 'estimated-cart')
    await held.end()
    await page.getByText('Total (estimated)').waitFor({ state: 'detached' })
    assert.equal((await served(page)).itemCount, 6)
    await end()
  })

  it('what the shop refuses is told, and only that is taken back', async () => {
    const { page, end } = await device()
    await go(page, '/shop/fill/products/brass-fountain-pen')
    await clickFast(page, 3)
    await page.locator('.told .is-bad').waitFor()
    await page.locator('.floating .badge', { hasText: /^2$/ }).waitFor()
    // What was asked for together with the refused one is asked for again without it.
    await eventually(async () => (await served(page, 'fill')).itemCount === 2)
    await end()
  })

  it('a login that ran out is told and forgotten; signing in or out in one tab does so in the other', async () => {
    const { page, context, end } = await device()
    await go(page, '/shop/demo')
    await page.evaluate(`localStorage.setItem('fern-and-kettle:account', '{"id":"robin","token":"over"}')`)
    await page.reload()
    await page.locator('.told .is-bad').waitFor()
    await page.locator('.user-name', { hasText: 'Guest' }).waitFor()
    const second = await context.newPage()
    await second.goto(`${url}/shop/demo/subscriptions`)
    await page.getByRole('button', { name: 'Account' }).click()
    await page.locator('#user').getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('button', { name: 'sam' }).click()
    await second.getByText('You have no subscription.').waitFor()
    assert.equal(await second.title(), 'Your subscriptions · Fern & Kettle')
    await look(second, 'no-subscriptions')
    await signOut(page)
    await second.getByText('Subscriptions belong to an account.').waitFor()
    await end()
  })

  it('a list that comes late for who was here before is shown to nobody else', async () => {
    const first = await login(url, 'first')
    const wish = { items: [{ sku: 'MUG-STONE' }], email: 'robin@example.com', shippingAddress: ADDRESS, shippingMethod: 'standard' }
    await payOnPage(expect2xx(await caller(`${url}/v1/shops/demo`, first)('POST', '/orders', wish)).body.payment.url)
    const { page, faults, end } = await device()
    await go(page, '/shop/demo')
    await signIn(page, 'first')
    await page.locator('.user-name', { hasText: 'first' }).waitFor()
    const asked: Route[] = []
    const isOrders = (address: URL) => address.pathname.endsWith('/shops/demo/orders')
    await page.route(isOrders, (route) => void asked.push(route), { times: 1 })
    await go(page, '/shop/demo/orders')
    const late = await eventually(async () => asked.shift())
    const answer = await late.fetch()
    assert.equal((await answer.json()).items.length, 1)
    await signOut(page)
    await signIn(page, 'second')
    await page.locator('.user-name', { hasText: 'second' }).waitFor()
    await go(page, '/shop/demo/orders')
    await page.getByText('You have not ordered anything yet.').waitFor()
    await Promise.all([page.waitForResponse((response) => isOrders(new URL(response.url()))), late.fulfill({ response: answer })])
    await page.evaluate('new Promise((done) => setTimeout(done, 100))')
    assert.equal(await page.locator('.orders .state').count(), 0)
    await page.getByText('You have not ordered anything yet.').waitFor()
    assert.deepEqual(faults, [])
    await end()
  })

  it('clearing asks first; only the answer yes empties the cart', async () => {
    const { page, end } = await device()
    await addFrom(page, '/shop/demo/products/stoneware-mug')
    await page.locator('.cart-button').click()
    await page.getByRole('button', { name: 'Clear' }).click()
    await look(page, 'clear', 'dialog')
    await page.keyboard.press('Escape')
    assert.equal(await page.locator('.row[data-sku]').count(), 1)
    await page.getByRole('button', { name: 'Clear' }).click()
    await page.locator('.dialog button[name=confirm]').click()
    await page.getByText('Your cart is empty.').waitFor()
    assert.equal(await page.locator('dialog').count(), 0)
    await end()
  })

  it('SEED2-07 a second page of the same browser has the guest’s cart; another browser has not', async () => {
    const { page, context, end } = await device()
    await addFrom(page, '/shop/demo/products/stoneware-mug')
    const second = await context.newPage()
    await second.goto(`${url}/shop/demo/cart`)
    await second.locator('.row[data-sku=MUG-STONE]').waitFor()
    const other = await device()
    await other.page.goto(`${url}/shop/demo/cart`)
    await other.page.getByText('Your cart is empty.').waitFor()
    await end()
    await other.end()
  })

  it('SEED2-08 each shop has a cart of its own in the browser, and the shop that is open says which', async () => {
    const { page, end } = await device()
    await addFrom(page, '/shop/demo/products/stoneware-mug')
    await addFrom(page, '/shop/fill/products/dotted-notebook')
    const [demo, fill] = [await kept(page, 'demo'), await kept(page, 'fill')]
    assert.ok(demo && fill && demo !== fill)
    await page.goto(`${url}/shop/fill/cart`)
    await page.locator('.row[data-sku=NOTE-DOT-A5]').waitFor()
    assert.equal(await page.locator('.row[data-sku]').count(), 1)
    await page.getByRole('button', { name: 'Shops' }).click()
    assert.equal(await page.locator('#shops li').count(), 6)
    for (const says of await page.locator('#shops li span').allTextContents()) assert.match(says, /^[^.]+\.$/)
    await look(page, 'shops', '#shops')
    await page.locator('#shops').getByRole('link', { name: /^demo/ }).click()
    await page.locator('.floating .badge').waitFor()
    await page.locator('.cart-button').click()
    await page.locator('.row[data-sku=MUG-STONE]').waitFor()
    await end()
  })

  it('SEED2-09 a later visit has the cart of the first, and makes no other', async () => {
    const first = await device()
    await addFrom(first.page, '/shop/demo/products/stoneware-mug')
    const before = await kept(first.page, 'demo')
    const storageState = await first.context.storageState()
    await first.end()
    const later = await device({ storageState })
    await addFrom(later.page, '/shop/demo/products/stoneware-mug')
    await eventually(async () => (await badge(later.page)) === '2')
    assert.equal(await kept(later.page, 'demo'), before)
    await later.end()
  })

  it('SEED2-11 a cart that is gone is forgotten, and what met that is in a new one', async () => {
    const { page, end } = await device()
    await addFrom(page, '/shop/demo/products/stoneware-mug')
    const before = await kept(page, 'demo')
    const { body } = await caller(`${url}/v1/shops/demo`, ADMIN)('GET', '/carts?limit=100')
    for (const { id } of body.items) await caller(`${url}/v1/shops/demo`, ADMIN)('DELETE', `/carts/${id}`)
    await server.engine.store.transact(async (writer) => {
      await writer.db.deleteFrom('guests').execute()
    })
    await page.goto(`${url}/shop/demo/products/dotted-notebook`)
    await page.locator('.product .add:enabled').click()
    await page.locator('.told p:not(.is-bad)').waitFor()
    await eventually(async () => ![before, null].includes(await kept(page, 'demo')))
    assert.deepEqual(
      (await served(page)).lines.map(({ sku }: { sku: string }) => sku),
      ['NOTE-DOT-A5'],
    )
    assert.equal(await badge(page), '1')
    await end()
  })

  it('prices and the cart turn to another currency together; what has no price in it is not mixed in, and the page asks', async () => {
    const { page, end } = await device()
    await go(page, '/shop/demo/products/stoneware-mug')
    await page.getByLabel('Currency').selectOption('EUR')
    await page.locator('.price', { hasText: '€18.00' }).waitFor()
    // The first thing makes the cart in the currency that was shown, however often it is clicked.
    await clickFast(page, 2)
    await page.locator('.floating .badge', { hasText: '2' }).waitFor()
    await page.getByLabel('Currency').selectOption('USD')
    await page.locator('.price', { hasText: '$18.00' }).waitFor()
    assert.deepEqual((await served(page)).total, { amount: 3600, currency: 'USD' })
    await go(page, '/shop/demo/products/alpine-hiking-map')
    await page.locator('.product .add').click()
    const dialog = page.locator('dialog[data-kind=mismatch]')
    await dialog.getByText('Your cart is in USD, and this is in EUR.').waitFor()
    await look(page, 'mismatch', 'dialog')
    await dialog.getByRole('button', { name: 'Keep my cart' }).click()
    assert.equal(await badge(page), '2')
    // A click before anything is known of the cart does not turn it to another currency either.
    const unknown = await hold(page, '**/carts/**')
    await page.reload()
    await page.locator('.product .add').click()
    await unknown.end()
    await dialog.getByText('Your cart is in USD, and this is in EUR.').waitFor()
    await dialog.getByRole('button', { name: 'Keep my cart' }).click()
    assert.deepEqual((await served(page)).total, { amount: 3600, currency: 'USD' })
    await addFrom(page, '/shop/demo/products/brass-fountain-pen')
    await page.locator('.floating .badge', { hasText: '3' }).waitFor()
    await page.getByLabel('Currency').selectOption('EUR')
    await dialog.getByText('Not everything in your cart has a price in EUR.').waitFor()
    await page.keyboard.press('Escape')
    await page.getByLabel('Currency').locator('option:checked', { hasText: 'USD' }).waitFor({ state: 'attached' })
    await go(page, '/shop/demo/products/alpine-hiking-map')
    await page.locator('.product .add').click()
    await page.getByRole('button', { name: 'Clear the cart and go on in EUR' }).click()
    await page.locator('dialog').waitFor({ state: 'detached' })
    await page.locator('.cart-button').click()
    await page.locator('.row[data-sku=MAP-ALPINE]').waitFor()
    await eventually(async () => (await page.locator('.row[data-sku]').count()) === 1)
    await end()
  })

  it('a guest signs in: both carts become one, and the report says what became of each line', async () => {
    const { page, end } = await device()
    await addFrom(page, '/shop/demo/products/stoneware-mug')
    await openSignIn(page, 'Merging Mia')
    await look(page, 'sign-in', 'dialog')
    await page.locator('.dialog form').getByRole('button', { name: 'Sign in' }).click()
    await page.locator('dialog[data-kind=merge]').waitFor()
    await look(page, 'merge', 'dialog')
    await page.locator('dialog[data-kind=merge] button[name=confirm]').click()
    assert.match((await page.locator('dialog[data-kind=report] .report li').textContent()) ?? '', /Stoneware Mug added/)
    await look(page, 'merge-report', 'dialog')
    await page.locator('dialog button[name=confirm]').click()
    await page.locator('.row[data-sku=MUG-STONE]').waitFor()
    assert.equal(await kept(page, 'demo'), null)
    await page.reload()
    await page.locator('.row[data-sku=MUG-STONE]').waitFor()
    await signOut(page)
    await go(page, '/shop/demo/cart')
    await page.getByText('Your cart is empty.').waitFor()
    await addFrom(page, '/shop/demo/products/stoneware-mug')
    await signIn(page, 'Merging Mia')
    await page.locator('dialog[data-kind=merge] button[name=confirm]').click()
    assert.match((await page.locator('dialog[data-kind=report] .report li').textContent()) ?? '', /combined with what you had/)
    await end()
  })

  it('a cart with a code goes through checkout, a declined card, 3-D Secure and a live order page, then is ordered again and cancelled', async () => {
    const { page, end, faults } = await device()
    await addFrom(page, '/shop/demo/products/stoneware-mug')
    await page.locator('.cart-button').click()
    await page.locator('input[name=code]').fill('welcome10')
    await page.getByRole('button', { name: 'Apply' }).click()
    await page.locator('.codes').getByText('WELCOME10').waitFor()
    await page.locator('input[name=code]').fill('NOSUCH')
    await page.getByRole('button', { name: 'Apply' }).click()
    await page.locator('.told .is-bad').waitFor()
    await look(page, 'cart')
    await page.getByRole('button', { name: 'Place Order' }).click()
    await page.locator('form.address').waitFor()
    await look(page, 'address')
    await fillAddress(page)
    await look(page, 'checkout')
    await page.locator('button[name=pay]').click()
    await page.waitForURL(/\/sandbox\/pay\//)
    await look(page, 'sandbox')
    await payWith(page, '4000 0000 0000 0002')
    await page.getByRole('alert').first().waitFor()
    await payWith(page, '4000 0027 6000 3184')
    await page.waitForURL(/\/challenge/)
    await look(page, 'challenge')
    await page.getByRole('button', { name: /approve|confirm/i }).click()
    await page.waitForURL(/\/shop\/demo\/paid\?/)
    await page.locator('.order[data-state=PLACED]').waitFor()
    assert.match((await page.locator('.order-number').textContent()) ?? '', /\d/)
    await look(page, 'order')
    await page.locator('button[name=reorder]').click()
    await page.locator('dialog[data-kind=reordered] li[data-outcome=added]').waitFor()
    await look(page, 'reordered', 'dialog')
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Cancel the order' }).click()
    await look(page, 'cancel', 'dialog')
    await page.locator('.dialog button[name=confirm]').click()
    await page.locator('.order[data-state=CANCELLED]').waitFor()
    await page.getByRole('link', { name: 'Your orders' }).click()
    await page.locator('.orders .state[data-state=CANCELLED]').waitFor()
    await look(page, 'orders')
    assert.deepEqual(faults, [])
    await end()
  })

  it('Buy orders one row alone and once, and the rest of the cart stays', async () => {
    const { page, end } = await device()
    await addFrom(page, '/shop/demo/products/home-brewing-guide')
    await addFrom(page, '/shop/demo/products/stoneware-mug')
    await page.locator('.cart-button').click()
    await page.locator('.row[data-sku=GUIDE-BREW]').getByRole('button', { name: 'Buy' }).click()
    await page.getByLabel('E-mail').fill('robin@example.com')
    await page.getByRole('button', { name: 'Save and go on' }).click()
    await page.locator('button[name=pay]').waitFor()
    await look(page, 'buy-one')
    const orders = await hold(page, '**/orders')
    await page.locator('button[name=pay]').click()
    await page.locator('button[name=pay]:disabled').dispatchEvent('click')
    await orders.end()
    await page.waitForURL(/\/sandbox\/pay\//)
    assert.equal(orders.asked(), 1)
    // Who leaves the payment page finds the order waiting, and goes on from there.
    await page.getByRole('button', { name: /leave/i }).click()
    await page.locator('.order[data-state=NEW]').waitFor()
    await look(page, 'unpaid-order')
    await page.getByRole('button', { name: 'Pay now' }).click()
    await page.waitForURL(/\/sandbox\/pay\//)
    await payWith(page, '4242 4242 4242 4242')
    await page.locator('.order[data-state=PLACED]').waitFor()
    assert.match((await page.locator('.order .brief').textContent()) ?? '', /Home Brewing Guide/)
    await page.goto(`${url}/shop/demo/cart`)
    await page.locator('.row[data-sku=MUG-STONE]').waitFor()
    assert.equal(await page.locator('.row[data-sku]').count(), 1)
    await end()
  })

  it('a recharge is for an account: who orders one as a guest is asked to sign in', async () => {
    const { page, end } = await device()
    await page.goto(`${url}/shop/demo/products/recharge-card`)
    await page.getByLabel('$25.00').check()
    await page.locator('.product .add').click()
    await page.locator('.cart-button').click()
    await page.getByRole('button', { name: 'Place Order' }).click()
    await page.getByLabel('E-mail').fill('robin@example.com')
    await page.getByRole('button', { name: 'Save and go on' }).click()
    await page.locator('button[name=pay]').click()
    await page.locator('dialog[data-kind=sign-in]').getByText('This needs an account: sign in first.').waitFor()
    await page.getByRole('button', { name: 'robin' }).click()
    await page.locator('dialog[data-kind=merge] button[name=confirm]').click()
    await page.locator('dialog[data-kind=report] button[name=confirm]').click()
    await page.locator('.row[data-sku=RECHARGE-CARD]').waitFor()
    await end()
  })

  it('a plan is bought on its own and once by who has signed in; its page ends it with the period, and lets it go on after all', async () => {
    const { page, end } = await device()
    await page.goto(`${url}/shop/demo/products/coffee-club`)
    await page.getByLabel('Yearly').check()
    await page.getByRole('button', { name: 'Subscribe' }).click()
    await page.getByText('This needs an account: sign in first.').waitFor()
    await page.getByRole('button', { name: 'kim' }).click()
    await page.locator('dialog').waitFor({ state: 'detached' })
    const orders = await hold(page, '**/orders')
    await page.getByRole('button', { name: 'Subscribe' }).click()
    await page.locator('.product .add:disabled').dispatchEvent('click')
    await orders.end()
    await page.waitForURL(/\/sandbox\/pay\//)
    assert.equal(orders.asked(), 1)
    await payWith(page, '4242 4242 4242 4242')
    await page.locator('.order[data-state=PLACED], .order[data-state=COMPLETED]').waitFor()
    await page.getByRole('button', { name: 'Account' }).click()
    await page.locator('#user').getByRole('link', { name: 'Subscriptions' }).click()
    await page.getByText(/Active\. Renews on .+ 20\d\d\./).waitFor()
    await look(page, 'subscriptions')
    await page.getByRole('button', { name: 'End the subscription' }).click()
    await look(page, 'unsubscribe', 'dialog')
    await page.locator('.dialog button[name=confirm]').click()
    await page.getByText(/Ends on .+ and does not renew\./).waitFor()
    await page.getByRole('button', { name: 'Keep it after all' }).click()
    await page.getByText(/Active\. Renews on/).waitFor()
    await end()
  })

  it('a link to the cart opens it on another device, which asks first where it has a cart of its own', async () => {
    const { page, end } = await device()
    await addFrom(page, '/shop/demo/products/stoneware-mug')
    await page.locator('.cart-button').click()
    await page.getByRole('button', { name: 'Link to this cart' }).click()
    await page.locator('input[name=link]').waitFor()
    await look(page, 'share', 'dialog')
    const address = await page.locator('input[name=link]').inputValue()
    const other = await device()
    await addFrom(other.page, '/shop/demo/products/pencil-set')
    await other.page.goto(address)
    await other.page.locator('button[name=restore]').waitFor()
    await look(other.page, 'restore')
    await other.page.locator('button[name=restore]').click()
    const question = other.page.locator('dialog[data-kind=replace]')
    await question.getByText('It holds 1 item.').waitFor()
    await look(other.page, 'replace', 'dialog')
    await question.getByRole('button', { name: 'Keep my cart' }).click()
    assert.equal(await badge(other.page), '1')
    await other.page.locator('button[name=restore]').click()
    await question.locator('button[name=confirm]').click()
    await other.page.locator('.row[data-sku=MUG-STONE]').waitFor()
    assert.equal(await other.page.locator('.row[data-sku]').count(), 1)
    await end()
    await other.end()
  })

  it('a price that rose and a stock that shrank are told in the cart, and a rise while paying asks for consent', async () => {
    const { page, end } = await device()
    const shop = caller(`${url}/v1/shops/demo`, ADMIN)
    const { body: product } = await shop('GET', '/products/desk-lamp')
    const priced = (amount: number) => {
      const { id: _id, ...rest } = product
      const variants = rest.variants.map(({ onHand: _onHand, ...variant }: { onHand?: number }) => ({
        ...variant,
        prices: [{ currency: 'USD', amount }],
      }))
      return shop('PUT', '/products/desk-lamp', { ...rest, variants })
    }
    await addFrom(page, '/shop/demo/products/desk-lamp')
    await addFrom(page, '/shop/demo/products/brass-fountain-pen')
    assert.equal((await priced(9900)).status, 200)
    assert.equal((await shop('PUT', '/stock/PEN-BRASS', { onHand: 0 })).status, 200)
    // Stock is looked at anew within about a second.
    await eventually(async () => (await served(page)).notices.length === 2)
    await page.goto(`${url}/shop/demo/cart`)
    await page.locator('.notices li[data-code=price_increased]').waitFor()
    await page.locator('.notices li[data-code=insufficient_stock]').waitFor()
    await look(page, 'notices')
    await page.locator('.row[data-sku=PEN-BRASS]').getByRole('button', { name: 'Delete' }).click()
    await page.locator('.notices li[data-code=price_increased]').getByRole('button', { name: 'Understood' }).click()
    await page.locator('.notices').waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Place Order' }).click()
    await fillAddress(page)
    // It rises while the order is on its way.
    const orders = await hold(page, '**/orders')
    await page.locator('button[name=pay]').click()
    await eventually(async () => orders.asked() === 1)
    assert.equal((await priced(10_400)).status, 200)
    await orders.end()
    await page.getByText(/The price has changed/).waitFor()
    await look(page, 'price-changed')
    await page.locator('button[name=pay]:enabled').click()
    await page.waitForURL(/\/sandbox\/pay\//)
    await end()
  })

  it('a shop without guests asks to sign in before the first item, and shows no stepper where quantities are its own', async () => {
    const { page, end } = await device()
    await page.goto(`${url}/shop/store/products/stoneware-mug`)
    await page.locator('.product .add').click()
    await page.getByText('This needs an account: sign in first.').waitFor()
    await page.getByRole('button', { name: 'sam' }).click()
    await page.locator('dialog').waitFor({ state: 'detached' })
    await page.locator('.product .add').click()
    await page.locator('.floating .badge').waitFor()
    await page.locator('.cart-button').click()
    await page.locator('.row[data-sku=MUG-STONE]').waitFor()
    assert.equal(await page.locator('.row .stepper').count(), 0)
    await end()
  })

  it('without a connection the page says so, keeps what it shows and takes changes, which are sent when it is back; the language of the page is the shopper’s', async () => {
    const { page, context, end } = await device({ locale: 'de-DE' })
    await addFrom(page, '/shop/demo/products/stoneware-mug')
    assert.equal(await page.locator('html').getAttribute('lang'), 'de')
    await page.getByRole('link', { name: 'Warenkorb öffnen, 1 Artikel' }).waitFor()
    await look(page, 'german-product')
    await context.setOffline(true)
    await page.locator('.offline').waitFor()
    await page.locator('.product .add').click()
    await page.locator('.floating .badge', { hasText: '2' }).waitFor()
    await page.locator('.cart-button').click()
    await page.locator('.row[data-sku=MUG-STONE] output', { hasText: '2' }).waitFor()
    await look(page, 'german-offline-cart')
    await context.setOffline(false)
    await page.locator('.offline').waitFor({ state: 'detached' })
    await eventually(async () => (await served(page)).itemCount === 2)
    await page.goBack()
    await page.getByLabel('Sprache').selectOption('en')
    await page.getByRole('link', { name: 'Open the cart, 2 items' }).waitFor()
    await end()
  })

  it('a catalogue that cannot be loaded is said, and loaded by trying again', async () => {
    const { page, end } = await device()
    await page.route('**/products?*', (route) => route.fulfill({ status: 500, contentType: 'text/plain', body: 'broken' }))
    await page.goto(`${url}/shop/demo`)
    await page.getByRole('heading', { name: 'This could not be loaded.' }).waitFor()
    await look(page, 'not-loaded')
    await page.unroute('**/products?*')
    await page.getByRole('button', { name: 'Try again' }).click()
    await page.locator('.card[data-handle]').first().waitFor()
    await end()
  })

  it('the page takes nothing from the API, the reference or the forms, and unknown addresses stay problems', async () => {
    for (const path of ['/healthz', '/openapi.json', '/docs/', '/v1/shops/demo']) {
      const answer = await fetch(url + path)
      assert.equal(answer.status, 200, path)
      assert.doesNotMatch(await answer.text(), /Fern &amp; Kettle<\/title>/, path)
    }
    const unknown = await fetch(`${url}/nothing-here`)
    assert.deepEqual([unknown.status, ((await unknown.json()) as { code: string }).code], [404, 'not_found'])
    const page = await fetch(url)
    assert.match(page.headers.get('content-security-policy') ?? '', /script-src 'self'/)
  })
})
