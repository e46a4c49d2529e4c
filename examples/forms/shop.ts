// A shop of plain HTML in front of Cartwright: no JavaScript in the browser, no dependency on the server.
//   npm start                                  (in one terminal)
//   node examples/forms/shop.ts [http://localhost:8080] [port, 4000]
// The pages are made here; their forms go to Cartwright through this server, so that a browser sees one origin and keeps the cookies.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

const cartwright = new URL(process.argv[2] ?? 'http://localhost:8080')
const api = '/v1/shops/demo'
const forms = `${api}/forms`
const style = readFileSync(new URL('style.css', import.meta.url))

type Money = { amount: number; currency: string }
type Variant = { sku: string; name: string; prices: Money[]; quantityStep?: number }
type Product = { name: string; kind: string; images: { src: string; alt: string }[]; variants: Variant[] }
type Prices = Record<'unitPrice' | 'total', Money>
type Line = Prices & { id: string; name: string; variantName: string; quantity: number; note: string | null; image: string | null }
type Notice = { code: string; params: Record<string, string | number | null> }
type Totals = Record<'itemTotal' | 'discountTotal' | 'total', Money>
type Cart = Totals & { number: string; lines: Line[]; itemCount: number; codes: { code: string; applied: boolean }[]; notices: Notice[] }
type Visit = {
  cart: Cart
  flash: { notice: string | null; error: { text: string; field: string | null } | null }
  csrf: string
  nonce: string
}

/** Asks Cartwright as the visitor: with the visitor's own headers, the cookie and the name of this host among them. */
async function ask(visitor: IncomingMessage, path: string, headers = visitor.headers): Promise<IncomingMessage> {
  const asked = request({ hostname: cartwright.hostname, port: cartwright.port, path, method: visitor.method, headers })
  visitor.pipe(asked)
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  // The cookies are meant for the forms alone; these pages are made for the same visitor, so they are told them as well.
  const cookies = answer.headers['set-cookie']?.map((cookie) => cookie.replace(`Path=${forms}`, 'Path=/'))
  if (cookies) answer.headers['set-cookie'] = cookies
  return answer
}

async function json<T>(visitor: IncomingMessage, path: string): Promise<{ body: T; cookies: string[] }> {
  const answer = await ask(visitor, path, { ...visitor.headers, accept: 'application/json' })
  const text = Buffer.concat(await answer.toArray()).toString()
  if (answer.statusCode !== 200) throw new Error(`GET ${path} answered ${answer.statusCode}: ${text}`)
  return { body: JSON.parse(text) as T, cookies: answer.headers['set-cookie'] ?? [] }
}

const safe = (text: string) => text.replace(/[&"'<>]/g, (character) => `&#${character.charCodeAt(0)};`)
const price = ({ amount, currency }: Money) => {
  const format = new Intl.NumberFormat('en', { style: 'currency', currency })
  return format.format(amount / 10 ** (format.resolvedOptions().maximumFractionDigits ?? 2))
}
const hidden = ([name, value]: [string, string]) => `<input type="hidden" name="${name}" value="${safe(value)}">`

/** A form that Cartwright believes: it carries what only a page for this visitor can know, and counts once when it is sent twice. */
const form = ({ csrf, nonce }: Visit, fields: Record<string, string>, body: string, name = 'cart') =>
  `<form method="post" action="${forms}/${name}">${Object.entries({ csrf, nonce, ...fields })
    .map(hidden)
    .join('')}${body}</form>`

function layout(title: string, { cart, flash }: Visit, body: string): string {
  const told = [
    flash.notice === null ? '' : `<p class="notice" role="status">${safe(flash.notice)}</p>`,
    flash.error === null ? '' : `<p class="error" role="alert">${safe(flash.error.text)} Nothing was changed.</p>`,
  ].join('')
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · Fern &amp; Kettle</title><link rel="icon" href="data:,"><link rel="stylesheet" href="/style.css"></head>
<body><header><a class="shop" href="/">Fern &amp; Kettle</a><a href="/cart">Cart <b>${cart.itemCount}</b></a></header>
<main>${told}<h1>${title}</h1>${body}</main></body></html>`
}

function productsPage(visit: Visit, products: Product[]): string {
  const sold = products.filter(({ kind, variants }) => kind === 'goods' && variants[0]?.prices[0])
  const option = ({ sku, name, prices }: Variant) =>
    `<option value="${sku}">${safe(name || 'One size')} · ${prices[0] ? price(prices[0]) : ''}</option>`
  const cards = sold.map(({ name, images: [image], variants }) => {
    const step = variants[0]?.quantityStep ?? 1
    const choice = `<select name="purchasableId" aria-label="Which ${safe(name)}">${variants.map(option).join('')}</select>
<input name="qty" type="number" min="${step}" step="${step}" value="${step}" aria-label="How many ${safe(name)}">
<input name="options[engraving]" maxlength="40" placeholder="Engraving (optional)" aria-label="Engraving on ${safe(name)}"><button>Add to cart</button>`
    const picture = image ? `<img src="${safe(image.src)}" alt="${safe(image.alt)}" width="160" height="160" loading="lazy">` : ''
    return `<article>${picture}<h2>${safe(name)}</h2>${form(visit, { cartUpdatedNotice: `${name} is in your cart.`, redirect: '/cart' }, choice)}</article>`
  })
  const rows = sold.slice(0, 4).flatMap(({ name, variants: [variant] }, index) =>
    variant
      ? `<li><label><input type="checkbox" name="purchasables[${index}][id]" value="${variant.sku}"> ${safe(name)}</label>
<input name="purchasables[${index}][qty]" type="number" min="0" value="1" aria-label="How many ${safe(name)} of the set"></li>`
      : [],
  )
  const several = form(visit, { redirect: '/cart' }, `<ul class="several">${rows.join('')}</ul><button>Add what is ticked</button>`)
  return layout('Products', visit, `<div class="products">${cards.join('')}</div><section><h2>Several at once</h2>${several}</section>`)
}

function cartPage(visit: Visit): string {
  const { cart, flash } = visit
  const lines = cart.lines.map(({ id, name, variantName, quantity, note, unitPrice, total, image }) => {
    const nameOf = (part: string) => `lineItems[${id}][${part}]`
    const field = (part: string) => `name="${nameOf(part)}"${flash.error?.field === nameOf(part) ? ' aria-invalid="true"' : ''}`
    return `<tr><td>${image ? `<img src="${safe(image)}" alt="" width="56" height="56">` : ''}</td><th scope="row">${safe(name)} <small>${safe(variantName)}</small>
<input ${field('note')} value="${safe(note ?? '')}" maxlength="1000" placeholder="Note" aria-label="Note for ${safe(name)}"></th><td>${price(unitPrice)}</td>
<td><input ${field('qty')} inputmode="numeric" value="${quantity}" size="3" aria-label="How many ${safe(name)}"></td><td>${price(total)}</td>
<td><button ${field('remove')} value="1" class="quiet">Remove</button></td></tr>`
  })
  const [code] = cart.codes
  const reduced = cart.notices.filter((notice) => notice.code === 'quantity_reduced')
  const notices = reduced.map(
    ({ params }) => `<p class="notice">You asked for ${params.from} of ${safe(String(params.sku))}; there are ${params.to}.</p>`,
  )
  const row = (name: string, money: Money) => `<tr><th scope="row" colspan="4">${name}</th><td>${price(money)}</td><td></td></tr>`
  // The first button of a form is the one that Enter presses.
  const table = `<button class="first" tabindex="-1" aria-hidden="true">Update</button><table><tbody>${lines.join('')}</tbody><tfoot>
${row('Items', cart.itemTotal)}${cart.discountTotal.amount === 0 ? '' : row('Discount', cart.discountTotal)}${row('Total', cart.total)}</tfoot></table>
<p><label>Promotion code <input name="couponCode" value="${safe(code?.code ?? '')}" size="14"></label>${code && !code.applied ? ' <small>does not apply yet</small>' : ''}</p>
<p class="buttons"><button>Update cart</button><button name="clearLineItems" value="1" class="quiet">Empty the cart</button></p>`
  const number = `<label>Number <input name="number" size="36"></label><button class="quiet">Load</button>`
  const load = `<section><h2>Load a cart</h2><p>This cart's number: <code>${cart.number}</code></p>${form(visit, {}, number, 'load-cart')}</section>`
  const empty = '<p>It is empty. <a href="/">Look at the products</a></p>'
  return layout('Your cart', visit, (lines.length === 0 ? empty : notices.join('') + form(visit, {}, table)) + load)
}

async function serve(visitor: IncomingMessage, response: ServerResponse): Promise<unknown> {
  const { pathname } = new URL(visitor.url ?? '/', 'http://shop')
  if (pathname === '/style.css') return response.setHeader('content-type', 'text/css').end(style)
  if (pathname.startsWith(`${forms}/`) || pathname.startsWith('/demo/images/')) {
    const answer = await ask(visitor, visitor.url ?? '/')
    return answer.pipe(response.writeHead(answer.statusCode ?? 502, answer.headers))
  }
  if (pathname !== '/' && pathname !== '/cart') return response.writeHead(404).end('There is no such page.')
  const { body: visit, cookies } = await json<Visit>(visitor, `${forms}/cart`)
  const products = async () => (await json<{ items: Product[] }>(visitor, `${api}/products?limit=50`)).body.items
  const html = pathname === '/cart' ? cartPage(visit) : productsPage(visit, await products())
  response.setHeader('set-cookie', cookies).setHeader('content-type', 'text/html; charset=utf-8').setHeader('cache-control', 'no-store')
  return response.setHeader('content-security-policy', "default-src 'self'; img-src 'self' data:; form-action 'self'").end(html)
}

const server = createServer((visitor, response) => {
  serve(visitor, response).catch((error: unknown) => {
    console.error(error)
    if (!response.headersSent) response.writeHead(502)
    response.end('The shop has a problem. Nothing was changed.')
  })
})
server.listen(Number(process.argv[3] ?? 4000), '127.0.0.1', () =>
  console.log(`The shop is open at http://localhost:${(server.address() as AddressInfo).port}/`),
)
