// What a shopper's browser does at checkout, in a real one: the payment page under its own content security policy, clicks, 3-D Secure, and the
// way back to a shop on another origin. Needs Chromium (CHROMIUM_PATH, or one of the usual places); without one these tests fail.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import type { Browser } from 'playwright-core'
import { openBrowser } from './chromium.ts'
import { caller, eventually, freshDatabase, startTestServer } from './harness.ts'

describe('paying in a browser', async () => {
  let browser: Browser
  const server = await startTestServer(await freshDatabase('sqlite'))
  const shopSite = createServer((_request, response) => response.setHeader('content-type', 'text/html').end('<h1>Thank you</h1>'))
  await new Promise<void>((resolve) => shopSite.listen(0, '127.0.0.1', resolve))
  const returnUrl = `http://localhost:${(shopSite.address() as AddressInfo).port}/thanks`
  after(() => shopSite.close())
  before(async () => {
    browser = await openBrowser()
  })
  after(() => browser?.close())

  async function orderToPay() {
    const shop = caller(`${server.url}/v1/shops/demo`)
    const { body } = await shop('POST', '/orders', { items: [{ sku: 'GUIDE-BREW' }], email: 'robin@example.com', payment: { returnUrl } })
    const read = caller(`${server.url}/v1/shops/demo`, body.orderToken)
    const stateIs = (state: string) =>
      eventually(async () => (await read('GET', `/orders/${body.order.id}`)).body.state === state, 10_000, state)
    return { url: body.payment.url as string, id: body.order.id as string, stateIs, read }
  }

  it('a test card is chosen with a click, paid with another, and the browser is back at the shop with a placed order', async () => {
    const order = await orderToPay()
    const page = await browser.newPage()
    const faults: string[] = []
    page.on('console', (message) => message.type() === 'error' && faults.push(message.text()))
    await page.goto(order.url)
    await page.getByText('4242 4242 4242 4242').click()
    await page.getByRole('button', { name: /^Pay/ }).click()
    await page.waitForURL(/\/thanks\?/)
    const back = new URL(page.url())
    assert.deepEqual([back.searchParams.get('order'), back.searchParams.get('result')], [order.id, 'paid'])
    await order.stateIs('PLACED')
    assert.deepEqual(
      faults.filter((fault) => !fault.includes('favicon')),
      [],
    )
    await page.close()
  })

  it('a declined card says so at its field and can be followed by a good one; 3-D Secure asks first', async () => {
    const order = await orderToPay()
    const page = await browser.newPage()
    await page.goto(order.url)
    await page.getByText('4000 0000 0000 0002').click()
    await page.getByRole('button', { name: /^Pay/ }).click()
    await page.getByRole('alert').first().waitFor()
    assert.equal((await order.read('GET', `/orders/${order.id}`)).body.state, 'NEW')
    await page.getByText('4000 0027 6000 3184').click()
    await page.getByRole('button', { name: /^Pay/ }).click()
    await page.waitForURL(/\/challenge/)
    await page.getByRole('button', { name: /approve|confirm/i }).click()
    await page.waitForURL(/\/thanks\?/)
    await order.stateIs('PLACED')
    await page.close()
  })

  it('leaving without paying brings the browser back, and the order goes on waiting', async () => {
    const order = await orderToPay()
    const page = await browser.newPage({ javaScriptEnabled: false })
    await page.goto(order.url)
    await page.getByRole('button', { name: /leave/i }).click()
    await page.waitForURL(/\/thanks\?/)
    assert.equal(new URL(page.url()).searchParams.get('result'), 'pending')
    await order.stateIs('NEW')
    await page.close()
  })
})
