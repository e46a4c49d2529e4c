// A shopper's whole journey over plain HTTP, against a running demo server:
//   npm start                                  (in one terminal)
//   node examples/journey.ts [http://localhost:8080] [admin key]
// A guest adds three products, applies a code, gives address and e-mail, chooses shipping, orders, and pays on the sandbox's page; the shop's
// webhook arrives and is verified; the order is read with its token. Nothing here is special to tests: it is what a shop's code would do.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Webhook } from 'standardwebhooks'

const base = (process.argv[2] ?? process.env.CARTWRIGHT_URL ?? 'http://localhost:8080').replace(/\/$/, '')
const adminKey = process.argv[3] ?? process.env.CARTWRIGHT_ADMIN_KEY
const shop = `${base}/v1/shops/demo`

interface Money {
  readonly amount: number
  readonly currency: string
}

interface Event {
  readonly type: string
  readonly data: { readonly id: string; readonly number: string; readonly total: Money }
}

/** One call; an answer that is a problem ends the journey with its words. */
async function call<T>(method: string, url: string, body?: unknown, token?: string): Promise<T> {
  const response = await fetch(url, {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(method === 'GET' ? {} : { 'idempotency-key': crypto.randomUUID() }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const answer = (await response.json()) as T & { title?: string; code?: string }
  if (!response.ok) throw new Error(`${method} ${url} answered ${response.status} ${answer.code}: ${answer.title}`)
  return answer
}

const show = ({ amount, currency }: Money) => new Intl.NumberFormat('en', { style: 'currency', currency }).format(amount / 100)
const say = (step: string, result: string) => console.log(`${step.padEnd(34)} ${result}`)

interface Cart {
  readonly id: string
  readonly itemCount: number
  readonly itemTotal: Money
  readonly discountTotal: Money
  readonly shippingTotal: Money
  readonly additionalTaxTotal: Money
  readonly total: Money
}

/** A shop's own receiver: it verifies every signature with the Standard Webhooks library and remembers what came. */
async function receiveWebhooks(): Promise<{
  url: string
  trust: (secret: string) => void
  next: (type: string) => Promise<Event>
  close: () => void
}> {
  const received: Event[] = []
  let secret = ''
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      try {
        received.push(new Webhook(secret).verify(Buffer.concat(chunks), request.headers as Record<string, string>) as Event)
        response.writeHead(204).end()
      } catch {
        response.writeHead(400).end()
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const next = async (type: string) => {
    for (let waited = 0; waited < 15_000; waited += 50) {
      const event = received.find((each) => each.type === type)
      if (event) return event
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    throw new Error(`No ${type} arrived within 15 seconds.`)
  }
  const trust = (given: string) => {
    secret = given
  }
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, trust, next, close: () => server.close() }
}

/** What a browser does on the payment page: fill in a card and press Pay. */
async function payInBrowser(url: string): Promise<void> {
  const page = await fetch(url)
  if (!page.ok) throw new Error(`The payment page answered ${page.status}.`)
  const card = new URLSearchParams({ number: '4242424242424242', expiry: '12/40', cvc: '123', name: 'Robin Example' })
  const paid = await fetch(url, { method: 'POST', body: card, redirect: 'manual' })
  const back = paid.headers.get('location')
  if (paid.status !== 303 || back === null) throw new Error(`Paying answered ${paid.status}.`)
  await fetch(new URL(back, url))
}

async function journey(): Promise<void> {
  const hooks = adminKey ? await receiveWebhooks() : null
  let endpointId: string | null = null
  if (hooks && adminKey) {
    const endpoint = await call<{ id: string; secret: string }>(
      'POST',
      `${shop}/webhooks`,
      { url: hooks.url, types: ['order.placed', 'payment.succeeded'] },
      adminKey,
    )
    hooks.trust(endpoint.secret)
    endpointId = endpoint.id
    say('The shop registers a webhook', endpoint.id)
  }

  const first = await call<{ cart: Cart; token: string }>('POST', `${shop}/carts/current/lines`, { sku: 'MUG-STONE', quantity: 2 })
  const guest = first.token
  say('A guest adds two mugs', `${show(first.cart.total)}, and gets a token of its own`)
  await call('POST', `${shop}/carts/current/lines`, { lines: [{ sku: 'TEE-FOREST-M' }, { sku: 'COLDBREW-CAN', quantity: 6 }] }, guest)
  const coded = await call<{ cart: Cart }>('POST', `${shop}/carts/current/codes`, { code: 'welcome10' }, guest)
  say('… a shirt, six cans, a code', `${show(coded.cart.itemTotal)} ${show(coded.cart.discountTotal)}`)

  const address = { name: 'Robin Example', line1: '1 Main Street', city: 'New York', region: 'NY', postalCode: '10001', country: 'US' }
  await call('PATCH', `${shop}/carts/current`, { email: 'robin@example.com', shippingAddress: address }, guest)
  const methods = await call<{ items: { id: string; name: string; price: Money }[] }>(
    'GET',
    `${shop}/carts/current/shipping-methods`,
    undefined,
    guest,
  )
  const cheapest = methods.items.toSorted((a, b) => a.price.amount - b.price.amount)[0]
  if (!cheapest) throw new Error('The shop ships nothing to this address.')
  const { cart } = await call<{ cart: Cart }>('PATCH', `${shop}/carts/current`, { shippingMethod: cheapest.id }, guest)
  say('Address, e-mail, shipping', `${cheapest.name}: ${show(cart.shippingTotal)}, tax ${show(cart.additionalTaxTotal)}`)
  say('To pay', show(cart.total))

  const ordered = await call<{ order: { id: string; state: string }; orderToken: string; payment: { url: string } }>(
    'POST',
    `${shop}/orders`,
    { cartId: cart.id, expectedTotal: cart.total.amount },
    guest,
  )
  say('The order awaits payment', `${ordered.order.id}, ${ordered.order.state}`)
  await payInBrowser(ordered.payment.url)

  if (hooks && adminKey && endpointId) {
    const event = await hooks.next('order.placed')
    say('The webhook arrives, signature good', `${event.type} ${event.data.id}`)
    await fetch(`${shop}/webhooks/${endpointId}`, { method: 'DELETE', headers: { authorization: `Bearer ${adminKey}` } })
    hooks.close()
  }
  const order = await call<{ number: string; reference: string; state: string; paymentState: string; total: Money }>(
    'GET',
    `${shop}/orders/${ordered.order.id}`,
    undefined,
    ordered.orderToken,
  )
  say(
    'The order, read with its token',
    `no. ${order.reference} (${order.number.slice(0, 7)}), ${order.state}, ${order.paymentState}, ${show(order.total)}`,
  )
  if (order.state !== 'PLACED' || order.paymentState !== 'PAID') throw new Error('The order was not placed.')
}

await journey()
