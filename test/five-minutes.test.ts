// The claim of docs/guides/static-page.md, by doing it: from an empty folder, with at most six lines typed or pasted, a page of another origin has its
// first line in the cart, in a real browser, within a minute. The lines are those of the guide; who makes them more makes this fail. `npm test`
// takes the package from the checkout; `.ci/published` does the same with the packed one, where npm installs it as part of the minute.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Browser } from 'playwright-core'
import { openBrowser } from './chromium.ts'
import { linesToType, openReader } from './guide.ts'
import { blocksOf } from './guide-blocks.ts'

const LINES = 6
const SECONDS = 60
const steps = blocksOf('docs/guides/static-page.md').filter(({ section }) => section === 'In five minutes')

describe('a cart on a static page in five minutes', () => {
  let browser: Browser
  before(async () => {
    browser = await openBrowser()
  })
  after(() => browser?.close())

  it(`takes at most ${LINES} lines and ${SECONDS} seconds of the machine, from an empty folder to the first line in the cart`, async () => {
    assert.ok(linesToType(steps).length <= LINES, linesToType(steps).join('\n'))
    const reader = await openReader()
    const begun = Date.now()
    await reader.follow(steps)
    reader.assertAllDone(steps)
    const page = await browser.newPage()
    const faults: string[] = []
    page.on('pageerror', (error) => faults.push(error.message))
    await page.goto(reader.at('localhost:3000'))
    assert.notEqual(new URL(page.url()).origin, reader.at('localhost:8080'))
    await page.getByRole('button', { name: 'Add to cart' }).click()
    await page.getByRole('button', { name: 'Cart, 1 item' }).click()
    await page.getByRole('dialog').getByRole('listitem').filter({ hasText: 'Stoneware Mug' }).waitFor()
    const seconds = (Date.now() - begun) / 1000
    assert.ok(seconds < SECONDS, `${seconds} s`)
    assert.deepEqual(faults, [])
    console.log(`${linesToType(steps).length} lines, ${seconds.toFixed(1)} s`)
  })
})
