// The demo store in a real browser, on SQLite: everything that a shopper does there, from the first product to an order that is cancelled. The
// store is built by this test from what stands in web/store. STORE_SHOTS names a folder for pictures of every page in three widths.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { build } from 'vite'
import { openBrowser } from './chromium.ts'
import { ADMIN, caller, eventually, freshDatabase, startTestServer } from './harness.ts'

const SHOTS = process.env.STORE_SHOTS
const ROOT = join(import.meta.dirname, '..')

describe('the demo store', async () => {
  await build({ configFile: join(ROOT, 'web/store/vite.config.ts') })
  const server = await startTestServer(await freshDatabase('sqlite'))
  const url = server.url
  let browser: Browser
  before(async () => {
    browser = await openBrowser()
  })
  after(() => browser?.close())

  /** A device of its own, with whatever its page complains about. */
  async function device(
    settings: Parameters<Browser['newContext']>[0] = {},
  ): Promise<{ context: BrowserContext; page: Page; faults: string[] }> {
    const context = await browser.newContext({ locale: 'en-US', ...settings })
    context.setDefaultTimeout(10_000)
    const page = await context.newPage()
    const faults: string[] = []
    page.on('pageerror', (error) => faults.push(error.message))
    // A refusal is an answer that the page deals with; the browser writes it down all the same.
    page.on(
      'console',
      (message) => message.type() === 'error' && !message.text().startsWith('Failed to load') && faults.push(message.text()),
    )
    return { context, page, faults }
  }

  async function addFrom(page: Page, path: string): Promise<void> {
    await page.goto(url + path)
    await page.locator('.product .add:enabled').click()
    await page.locator('.told p').waitFor()
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
    const { page, context, faults } = await device()
    await page.goto(url)
    await page.locator('.card[data-handle]').first().waitFor()
    const { body } = await caller(`${url}/v1/shops/demo`)('GET', '/products?limit=100')
    const handles = body.items.map(({ handle }: { handle: string }) => handle)
    assert.equal(await page.locator('.card[data-handle]').count(), handles.length)
    const expected: Readonly<Record<string, RegExp>> = { recharge: /Choose an amount/, subscription: /See plans/ }
    for (const { handle, kind } of body.items as { handle: string; kind: string }[]) {
      const action = page.locator(`.card[data-handle="${handle}"] > :is(button, .button)`)
      const wanted = handle === 'enamel-camp-kettle' ? /Sold out/ : (expected[kind] ?? /Add to cart/)
      assert.match((await action.textContent()) ?? '', wanted, handle)
    }
    for (const handle of handles) {
      await page.goto(`${url}/shop/demo/products/${handle}`)
      const wanted = handle === 'enamel-camp-kettle' ? /Sold out/ : handle === 'coffee-club' ? /Subscribe/ : /Add to cart/
      assert.match((await page.locator('.product .add').textContent()) ?? '', wanted, handle)
    }
    assert.deepEqual(faults, [])
    await context.close()
  })

  it('SEED0-14 buttons rest while an add is under way, while the amount is 0, and where nothing can be bought', async () => {
    const { page, context } = await device()
    let letGo = () => {}
    const held = new Promise<void>((resolve) => {
      letGo = resolve
    })
    let asked = 0
    await page.route('**/lines', async (route) => {
      asked++
      await held
      await route.continue()
    })
    await page.goto(`${url}/shop/demo/products/stoneware-mug`)
    const add = page.locator('.product .add')
    await add.click()
    assert.equal(await add.isDisabled(), true)
    // A click on a button that rests does nothing, whoever clicks.
    await add.dispatchEvent('click')
    letGo()
    await page.locator('.told p').waitFor()
    assert.equal(await add.isEnabled(), true)
    assert.equal(asked, 1)
    assert.equal(await badge(page), '1')

    await page.goto(`${url}/shop/demo/products/recharge-card`)
    assert.equal(await add.isDisabled(), true, 'no amount was chosen')
    await page.getByLabel('Your own amount').fill('0')
    assert.equal(await add.isDisabled(), true, 'zero')
    await page.getByLabel('Your own amount').fill('4.99')
    assert.equal(await add.isDisabled(), true, 'less than the least')
    await page.getByLabel('Your own amount').fill('12.50')
    await add.click()
    await eventually(async () => (await badge(page)) === '2')

    await page.goto(`${url}/shop/demo/products/enamel-camp-kettle`)
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
    await context.close()
  })

  it('SEED0-15 SEED0-23 the menu’s section Business & Payments and the floating button with its count lead to the cart, with name, display name, image, price, currency and quantity', async () => {
    const { page, context } = await device()
    await addFrom(page, '/shop/demo/products/stoneware-mug')
    assert.equal(await badge(page), '1')
    await page.locator('.cart-button').click()
    await page.waitForURL(/\/shop\/demo\/cart$/)
    await page.goBack()
    await page.getByRole('button', { name: 'Account' }).click()
    const menu = page.locator('#user')
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
    await context.close()
  })

  it('SEED0-18 a stepper sets the quantity before adding and in the cart, in the product’s steps and never below the least', async () => {
    const { page, context } = await device()
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
    await row.getByRole('button', { name: 'Less' }).click()
    await row.locator('output', { hasText: '12' }).waitFor()
    await row.getByRole('button', { name: 'Less' }).click()
    await row.locator('output', { hasText: /^6$/ }).waitFor()
    assert.equal(await row.getByRole('button', { name: 'Less' }).isDisabled(), true)
    await context.close()
  })

  it('clearing asks first; only the answer yes empties the cart', async () => {
    const { page, context } = await device()
    await addFrom(page, '/shop/demo/products/stoneware-mug')
    await page.locator('.cart-button').click()
    await page.getByRole('button', { name: 'Clear' }).click()
    await page.keyboard.press('Escape')
    assert.equal(await page.locator('.row[data-sku]').count(), 1)
    await page.getByRole('button', { name: 'Clear' }).click()
    await page.locator('.dialog button[name=confirm]').click()
    await page.getByText('Your cart is empty.').waitFor()
    assert.equal(await page.locator('dialog').count(), 0)
    await context.close()
  })

  it('SEED2-07 a second page of the same browser has the guest’s cart; another browser has not', async () => {
    const { page, context } = await device()
    await addFrom(page, '/shop/demo/products/stoneware-mug')
    const second = await context.newPage()
    await second.goto(`${url}/shop/demo/cart`)
    await second.locator('.row[data-sku=MUG-STONE]').waitFor()
    const other = await device()
    await other.page.goto(`${url}/shop/demo/cart`)
    await other.page.getByText('Your cart is empty.').waitFor()
    await context.close()
    await other.context.close()
  })

  it('SEED2-08 each shop has a cart of its own in the browser, and the shop that is open says which', async () => {
    const { page, context } = await device()
    await addFrom(page, '/shop/demo/products/stoneware-mug')
    await addFrom(page, '/shop/fill/products/dotted-notebook')
    const [demo, fill] = [await kept(page, 'demo'), await kept(page, 'fill')]
    assert.ok(demo && fill && demo !== fill)
    await page.goto(`${url}/shop/fill/cart`)
    await page.locator('.row[data-sku=NOTE-DOT-A5]').waitFor()
    assert.equal(await page.locator('.row[data-sku]').count(), 1)
    await page.getByRole('button', { name: 'Shops' }).click()
    assert.equal(await page.locator('#shops li').count(), 6)
    await page.locator('#shops').getByRole('link', { name: /^demo/ }).click()
    await page.locator('.floating .badge').waitFor()
    await page.locator('.cart-button').click()
    await page.locator('.row[data-sku=MUG-STONE]').waitFor()
    await context.close()
  })

  it('SEED2-09 a later visit has the cart of the first, and makes no other', async () => {
    const first = await device()
    await addFrom(first.page, '/shop/demo/products/stoneware-mug')
    const before = await kept(first.page, 'demo')
    const storageState = await first.context.storageState()
    await first.context.close()
    const later = await device({ storageState })
    await addFrom(later.page, '/shop/demo/products/stoneware-mug')
    await eventually(async () => (await badge(later.page)) === '2')
    assert.equal(await kept(later.page, 'demo'), before)
    await later.context.close()
  })

  it('SEED2-11 a cart that is gone is forgotten, and what met that is in a new one', async () => {
    const { page, context } = await device()
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
    assert.equal(await badge(page), '1')
    assert.notEqual(await kept(page, 'demo'), before)
    await context.close()
  })

  it('a product of another currency is not mixed in: the page says so, and goes on in that currency when asked to', async () => {
    const { page, context } = await device()
    await addFrom(page, '/shop/demo/products/stoneware-mug')
    await page.goto(`${url}/shop/demo/products/alpine-hiking-map`)
    await page.locator('.product .add').click()
    const dialog = page.locator('dialog[data-kind=mismatch]')
    await dialog.getByText('Your cart is in USD, and this is in EUR.').waitFor()
    await dialog.getByRole('button', { name: 'Keep my cart' }).click()
    assert.equal(await badge(page), '1')
    await page.getByLabel('Currency').selectOption('EUR')
    await page.locator('dialog[data-kind=mismatch]').waitFor()
    await page.keyboard.press('Escape')
    await page.locator('.product .add').click()
    await page.getByRole('button', { name: 'Clear the cart and go on in EUR' }).click()
    await page.locator('dialog').waitFor({ state: 'detached' })
    await page.locator('.cart-button').click()
    await page.locator('.row[data-sku=MAP-ALPINE]').waitFor()
    assert.equal(await page.locator('.row[data-sku]').count(), 1)
    await context.close()
  })

  it('a guest signs in: both carts become one, and the report says what became of each line', async () => {
    const { page, context } = await device()
    await addFrom(page, '/shop/demo/products/stoneware-mug')
    const signIn = async () => {
      await page.getByRole('button', { name: 'Account' }).click()
      await page.locator('#user').getByRole('button', { name: 'Sign in' }).click()
      await page.getByLabel('Name').fill('Merging Mia')
      await page.locator('.dialog form').getByRole('button', { name: 'Sign in' }).click()
    }
    await signIn()
    await page.locator('dialog[data-kind=merge] button[name=confirm]').click()
    assert.match((await page.locator('dialog[data-kind=report] .report li').textContent()) ?? '', /Stoneware Mug added/)
    await page.locator('dialog button[name=confirm]').click()
    await page.locator('.row[data-sku=MUG-STONE]').waitFor()
    assert.equal(await kept(page, 'demo'), null)
    await page.reload()
    await page.locator('.row[data-sku=MUG-STONE]').waitFor()
    await page.getByRole('button', { name: 'Account' }).click()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.goto(`${url}/shop/demo/cart`)
    await page.getByText('Your cart is empty.').waitFor()
    await addFrom(page, '/shop/demo/products/stoneware-mug')
    await signIn()
    await page.locator('dialog[data-kind=merge] button[name=confirm]').click()
    assert.match((await page.locator('dialog[data-kind=report] .report li').textContent()) ?? '', /combined with what you had/)
    await context.close()
  })

  it('a cart with a code goes through checkout, a declined card, 3-D Secure and a live order page, then is ordered again and cancelled', async () => {
    const { page, context, faults } = await device()
    await addFrom(page, '/shop/demo/products/stoneware-mug')
    await page.locator('.cart-button').click()
    await page.locator('input[name=code]').fill('welcome10')
    await page.getByRole('button', { name: 'Apply' }).click()
    await page.locator('.codes').getByText('WELCOME10').waitFor()
    await page.locator('input[name=code]').fill('NOSUCH')
    await page.getByRole('button', { name: 'Apply' }).click()
    await page.locator('.told .is-bad').waitFor()
    await page.getByRole('button', { name: 'Place Order' }).click()
    await fillAddress(page)
    await page.locator('button[name=pay]').click()
    await page.waitForURL(/\/sandbox\/pay\//)
    await payWith(page, '4000 0000 0000 0002')
    await page.getByRole('alert').first().waitFor()
    await payWith(page, '4000 0027 6000 3184')
    await page.waitForURL(/\/challenge/)
    await page.getByRole('button', { name: /approve|confirm/i }).click()
    await page.waitForURL(/\/shop\/demo\/paid\?/)
    await page.locator('.order[data-state=PLACED]').waitFor()
    assert.match((await page.locator('.order-number').textContent()) ?? '', /\d/)
    await page.locator('button[name=reorder]').click()
    await page.locator('dialog[data-kind=reordered] li[data-outcome=added]').waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Cancel the order' }).click()
    await page.locator('.dialog button[name=confirm]').click()
    await page.locator('.order[data-state=CANCELLED]').waitFor()
    await page.getByRole('link', { name: 'Your orders' }).click()
    await page.locator('.orders .state[data-state=CANCELLED]').waitFor()
    assert.deepEqual(faults, [])
    await context.close()
  })

  it('Buy orders one row alone, and the rest of the cart stays', async () => {
    const { page, context } = await device()
    await addFrom(page, '/shop/demo/products/home-brewing-guide')
    await addFrom(page, '/shop/demo/products/stoneware-mug')
    await page.locator('.cart-button').click()
    await page.locator('.row[data-sku=GUIDE-BREW]').getByRole('button', { name: 'Buy' }).click()
    await page.getByLabel('E-mail').fill('robin@example.com')
    await page.getByRole('button', { name: 'Save and go on' }).click()
    await page.locator('button[name=pay]').click()
    await page.waitForURL(/\/sandbox\/pay\//)
    // Who leaves the payment page finds the order waiting, and goes on from there.
    await page.getByRole('button', { name: /leave/i }).click()
    await page.locator('.order[data-state=NEW]').waitFor()
    await page.getByRole('button', { name: 'Pay now' }).click()
    await page.waitForURL(/\/sandbox\/pay\//)
    await payWith(page, '4242 4242 4242 4242')
    await page.locator('.order[data-state=PLACED]').waitFor()
    assert.match((await page.locator('.order .brief').textContent()) ?? '', /Home Brewing Guide/)
    await page.goto(`${url}/shop/demo/cart`)
    await page.locator('.row[data-sku=MUG-STONE]').waitFor()
    assert.equal(await page.locator('.row[data-sku]').count(), 1)
    await context.close()
  })

  it('a recharge is for an account: who orders one as a guest is asked to sign in', async () => {
    const { page, context } = await device()
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
    await context.close()
  })

  it('a plan is bought on its own by who has signed in', async () => {
    const { page, context } = await device()
    await page.goto(`${url}/shop/demo/products/coffee-club`)
    await page.getByLabel('Yearly').check()
    await page.getByRole('button', { name: 'Subscribe' }).click()
    await page.getByText('This needs an account: sign in first.').waitFor()
    await page.getByRole('button', { name: 'kim' }).click()
    await page.locator('dialog').waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Subscribe' }).click()
    await page.waitForURL(/\/sandbox\/pay\//)
    await payWith(page, '4242 4242 4242 4242')
    await page.locator('.order[data-state=PLACED]').waitFor()
    await context.close()
  })

  it('a link to the cart opens it on another device', async () => {
    const { page, context } = await device()
    await addFrom(page, '/shop/demo/products/stoneware-mug')
    await page.locator('.cart-button').click()
    await page.getByRole('button', { name: 'Link to this cart' }).click()
    const address = await page.locator('input[name=link]').inputValue()
    const other = await device()
    await other.page.goto(address)
    await other.page.locator('button[name=restore]').click()
    await other.page.locator('.row[data-sku=MUG-STONE]').waitFor()
    await context.close()
    await other.context.close()
  })

  it('a price that rose and a stock that shrank are told in the cart, and a rise while paying asks for consent', async () => {
    const { page, context } = await device()
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
    await eventually(async () => {
      await page.goto(`${url}/shop/demo/cart`)
      await page.locator('.notices li[data-code=price_increased]').waitFor()
      return (await page.locator('.notices li').count()) === 2
    })
    await page.locator('.notices li[data-code=insufficient_stock]').waitFor()
    await page.locator('.row[data-sku=PEN-BRASS]').getByRole('button', { name: 'Delete' }).click()
    await page.locator('.notices li[data-code=price_increased]').getByRole('button', { name: 'Understood' }).click()
    await page.locator('.notices').waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Place Order' }).click()
    await fillAddress(page)
    assert.equal((await priced(10_400)).status, 200)
    await page.locator('button[name=pay]').click()
    await page.getByText(/The price has changed/).waitFor()
    await page.locator('button[name=pay]').click()
    await page.waitForURL(/\/sandbox\/pay\//)
    await context.close()
  })

  it('a shop without guests asks to sign in before the first item, and shows no stepper where quantities are its own', async () => {
    const { page, context } = await device()
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
    await context.close()
  })

  it('without a connection the page says so and keeps what it shows; the language of the page is the shopper’s', async () => {
    const { page, context } = await device({ locale: 'de-DE' })
    await addFrom(page, '/shop/demo/products/stoneware-mug')
    assert.equal(await page.locator('html').getAttribute('lang'), 'de')
    await page.getByRole('link', { name: 'Warenkorb öffnen, 1 Artikel' }).waitFor()
    await context.setOffline(true)
    await page.locator('.offline').waitFor()
    assert.equal(await badge(page), '1')
    await context.setOffline(false)
    await page.locator('.offline').waitFor({ state: 'detached' })
    await page.getByLabel('Sprache').selectOption('en')
    await page.getByRole('link', { name: 'Open the cart, 1 item' }).waitFor()
    await context.close()
  })

  it('a catalogue that cannot be loaded is said, and loaded by trying again', async () => {
    const { page, context } = await device()
    await page.route('**/products?*', (route) => route.fulfill({ status: 500, contentType: 'text/plain', body: 'broken' }))
    await page.goto(`${url}/shop/demo`)
    await page.getByRole('heading', { name: 'This could not be loaded.' }).waitFor()
    await page.unroute('**/products?*')
    await page.getByRole('button', { name: 'Try again' }).click()
    await page.locator('.card[data-handle]').first().waitFor()
    await context.close()
  })

  it('every page fits 320, 768 and 1440 pixels', async () => {
    for (const width of [320, 768, 1440]) {
      const { page, context, faults } = await device({ viewport: { width, height: 900 }, colorScheme: width === 768 ? 'dark' : 'light' })
      const looked = async (name: string) => {
        const wide = await page.evaluate<number>('document.documentElement.scrollWidth')
        assert.ok(wide <= width, `${name} is ${wide} wide at ${width}`)
        if (SHOTS) await page.screenshot({ path: join(SHOTS, `${name}-${width}.png`), fullPage: true })
      }
      await page.goto(url)
      await page.locator('.card[data-handle]').first().waitFor()
      await looked('products')
      await page.goto(`${url}/shop/demo/orders`)
      await page.locator('.empty').waitFor()
      await looked('no-orders')
      await page.goto(`${url}/shop/demo/cart`)
      await page.locator('.empty').waitFor()
      await looked('empty-cart')
      await page.goto(`${url}/shop/demo/products/coffee-club`)
      await page.locator('.plan').first().waitFor()
      await looked('plan')
      await page.goto(`${url}/shop/demo/products/recharge-card`)
      await page.getByLabel('$50.00').check()
      await looked('recharge')
      await addFrom(page, '/shop/demo/products/stoneware-mug')
      await looked('product')
      await page.getByRole('button', { name: 'Account' }).click()
      await looked('menu')
      await page.keyboard.press('Escape')
      await page.getByRole('button', { name: 'Shops' }).click()
      await looked('shops')
      await page.keyboard.press('Escape')
      await page.goto(`${url}/shop/demo/cart`)
      await page.locator('.row[data-sku]').first().waitFor()
      await looked('cart')
      await page.getByRole('button', { name: 'Clear' }).click()
      await looked('clear')
      await page.keyboard.press('Escape')
      await page.getByRole('button', { name: 'Place Order' }).click()
      await page.locator('form.address').waitFor()
      await looked('address')
      await fillAddress(page)
      await looked('checkout')
      await page.locator('button[name=pay]').click()
      await page.waitForURL(/\/sandbox\/pay\//)
      await payWith(page, '4242 4242 4242 4242')
      await page.locator('.order[data-state=PLACED]').waitFor()
      await looked('order')
      await page.getByRole('link', { name: 'Your orders' }).click()
      await page.locator('.orders').waitFor()
      await looked('orders')
      assert.deepEqual(faults, [])
      await context.close()
    }
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
