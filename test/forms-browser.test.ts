// A shopper with JavaScript switched off, in a real browser, in the shop of examples/forms: it is what we tell people to copy, so it runs here as it
// stands. Needs Chromium (CHROMIUM_PATH, or one of the usual places); without one these tests fail.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { openBrowser } from './chromium.ts'
import { ADMIN, caller, freshDatabase, mainlyOn, startTestServer } from './harness.ts'

/** The example as a process of its own, on a free port; answers its address. */
async function openShop(cartwright: string): Promise<string> {
  const shop = spawn(process.execPath, ['examples/forms/shop.ts', cartwright, '0'], { stdio: ['ignore', 'pipe', 'inherit'] })
  after(() => shop.kill())
  for await (const said of shop.stdout) {
    const address = / at (http:\S+)\//.exec(String(said))?.[1]
    if (address) return address
  }
  throw new Error('The shop ended before it was open.')
}

let browser: Browser
before(async () => {
  browser = await openBrowser()
})
after(() => browser?.close())

// What a page does without JavaScript is the same on either database.
for (const dialect of mainlyOn('sqlite')) {
  describe(`a shop without JavaScript on ${dialect}`, async () => {
    const server = await startTestServer(await freshDatabase(dialect))
    const shop = await openShop(server.url)

    /** A visitor of their own with JavaScript off; `lines` is what the cart page shows. */
    async function visit(work: (page: Page, lines: () => Promise<string[]>) => Promise<void>): Promise<void> {
      const context = await browser.newContext({ javaScriptEnabled: false })
      const page = await context.newPage()
      const lines = async () => {
        const rows = await page.locator('tbody tr').all()
        return Promise.all(
          rows.map(
            async (row) => `${await row.locator('[name$="[qty]"]').inputValue()} ${(await row.locator('th').textContent())?.trim()}`,
          ),
        )
      }
      await page.goto(shop)
      await work(page, lines)
      await context.close()
    }
    const card = (page: Page, name: string) => page.locator('article', { has: page.getByRole('heading', { name }) })
    const press = async (page: Page, name: string) => {
      await page.getByRole('button', { name }).first().click()
      await page.waitForLoadState()
    }

    test('SEED4-07 SEED4-09 SEED4-10 SEED4-12 a product is added with a choice, a number and an engraving, and the cart says so', () =>
      visit(async (page, lines) => {
        const mug = card(page, 'Stoneware Mug')
        await mug.getByRole('combobox').selectOption('MUG-INK')
        await mug.getByRole('spinbutton').fill('2')
        await mug.getByPlaceholder(/Engraving/).fill('Für Zoë')
        await mug.getByRole('button').click()
        await page.waitForURL(`${shop}/cart`)
        assert.equal(await page.getByRole('status').textContent(), 'Stoneware Mug is in your cart.')
        assert.deepEqual(await lines(), ['2 Stoneware Mug Ink'])
        assert.match((await page.locator('tfoot').textContent()) ?? '', /\$36\.00/)
        await page.reload()
        assert.equal(await page.getByRole('status').count(), 0, 'told once')
        const { items } = (await caller(server.url, ADMIN)('GET', '/v1/shops/demo/carts?limit=1')).body
        assert.deepEqual(items[0].lines[0].options, { engraving: 'Für Zoë' })
      }))

    test('SEED4-08 several are added with one form: those that are ticked', () =>
      visit(async (page, lines) => {
        const several = page.locator('section')
        await several.getByRole('checkbox').nth(0).check()
        await several.getByRole('checkbox').nth(3).check()
        await several.getByRole('spinbutton').nth(3).fill('3')
        await several.getByRole('button').click()
        await page.waitForURL(`${shop}/cart`)
        assert.deepEqual(await lines(), ['1 Stoneware Mug Stone', '3 Ceramic Dripper'])
        assert.equal(await page.getByRole('status').textContent(), 'Cart updated.')
      }))

    test('SEED4-12 SEED4-31 quantities, notes and a code are changed on the cart page; lines are removed; the cart is emptied', () =>
      visit(async (page, lines) => {
        for (const name of ['Desk Lamp', 'Pencil Set', 'Blue-Black Ink']) {
          await page.goto(shop)
          await card(page, name).getByRole('button').click()
          await page.waitForURL(`${shop}/cart`)
        }
        await page.getByLabel('How many Pencil Set').fill('4')
        await page.getByLabel('Note for Pencil Set').fill('for the "desk"')
        await page.getByLabel('Promotion code').fill('welcome10')
        await press(page, 'Update cart')
        assert.deepEqual(await lines(), ['1 Desk Lamp', '4 Pencil Set', '1 Blue-Black Ink'])
        assert.equal(await page.getByLabel('Note for Pencil Set').inputValue(), 'for the "desk"')
        assert.match((await page.locator('tfoot').textContent()) ?? '', /Discount-\$15\.60Total\$140\.40/)
        await page.locator('tr', { hasText: 'Desk Lamp' }).getByRole('button').click()
        await page.waitForLoadState()
        assert.deepEqual(await lines(), ['4 Pencil Set', '1 Blue-Black Ink'])
        // Enter in a field updates; it neither removes nor empties.
        await page.getByLabel('How many Pencil Set').fill('5')
        await page.getByLabel('How many Pencil Set').press('Enter')
        await page.waitForLoadState()
        assert.deepEqual(await lines(), ['5 Pencil Set', '1 Blue-Black Ink'])
        await press(page, 'Empty the cart')
        assert.deepEqual(await lines(), [])
        assert.match((await page.locator('main').textContent()) ?? '', /It is empty/)
      }))

    test('SEED4-10 wrong input is told on the page it came from, and changes nothing', () =>
      visit(async (page, lines) => {
        await card(page, 'Pencil Set').getByRole('button').click()
        await page.waitForURL(`${shop}/cart`)
        await page.getByLabel('How many Pencil Set').fill('two')
        await page.getByLabel('Note for Pencil Set').fill('lost')
        await press(page, 'Update cart')
        assert.match((await page.getByRole('alert').textContent()) ?? '', /The quantity must be a whole number\. Nothing was changed\./)
        assert.equal(await page.getByLabel('How many Pencil Set').getAttribute('aria-invalid'), 'true')
        assert.deepEqual(await lines(), ['1 Pencil Set'])
        assert.equal(await page.getByLabel('Note for Pencil Set').inputValue(), '')
        await page.getByLabel('Promotion code').fill('NO-SUCH')
        await press(page, 'Update cart')
        assert.match((await page.getByRole('alert').textContent()) ?? '', /This code cannot be used/)
        assert.equal(page.url(), `${shop}/cart`)
        await page.goto(shop)
        await page.locator('section').getByRole('button').click()
        await page.waitForLoadState()
        assert.match((await page.getByRole('alert').textContent()) ?? '', /Choose a product first/)
        assert.equal(page.url(), `${shop}/`)
      }))

    test("SEED4-15 SEED4-18 one's own cart is loaded by its number, by form and by link; another's is not", () =>
      visit(async (page, lines) => {
        await card(page, 'Pencil Set').getByRole('button').click()
        await page.waitForURL(`${shop}/cart`)
        const number = (await page.locator('code').textContent()) ?? ''
        await page.getByLabel('Number').fill(number)
        await press(page, 'Load')
        assert.equal(await page.getByRole('status').textContent(), 'Your cart is back.')
        await page.getByLabel('Number').fill('somebody-elses')
        await press(page, 'Load')
        assert.match((await page.getByRole('alert').textContent()) ?? '', /This cart cannot be loaded/)
        const link = `${shop}/v1/shops/demo/forms/load-cart?number=${number}&redirect=/cart`
        const mail = `<a href="${link}">Your cart is waiting</a>`
        await page.route('http://mail.example/', (route) => route.fulfill({ contentType: 'text/html', body: mail }))
        await page.goto('http://mail.example/')
        await page.getByRole('link').click()
        await page.waitForURL(`${shop}/cart`)
        assert.equal(await page.getByRole('status').textContent(), 'Your cart is back.')
        assert.deepEqual(await lines(), ['1 Pencil Set'])
        await visit(async (stranger) => {
          await stranger.goto(link)
          assert.match((await stranger.getByRole('alert').textContent()) ?? '', /This cart cannot be loaded/)
        })
      }))

    test('a form on a page of another site changes nothing', () =>
      visit(async (page, lines) => {
        await card(page, 'Pencil Set').getByRole('button').click()
        await page.waitForURL(`${shop}/cart`)
        const action = `${shop}/v1/shops/demo/forms/cart`
        await page.route('http://evil.example/', (route) =>
          route.fulfill({
            contentType: 'text/html',
            body: `<form method="post" action="${action}"><input name="clearLineItems" value="1"><button>Win</button></form>`,
          }),
        )
        await page.goto('http://evil.example/')
        await page.getByRole('button').click()
        await page.getByRole('alert').waitFor()
        assert.match((await page.getByRole('alert').textContent()) ?? '', /not sent from a page of this shop/)
        await page.goto(`${shop}/cart`)
        assert.deepEqual(await lines(), ['1 Pencil Set'])
      }))
  })
}
