// A shop's own web site, as somebody else would host it: another origin, a strict content security policy with trusted types, no cookies, and
// nothing of Cartwright but its script.
import { startSite } from './site.ts'

/** The site's own script: how it signs people in, and what it hears from the elements. */
const scriptOf = (server: string) => `import { cart } from '${server}/elements.js'
Object.assign(window, { cart, told: [], prevented: [] })
for (const name of ['added', 'refused', 'merged', 'ordered', 'login'])
  document.addEventListener('cartwright:' + name, (event) => {
    told.push([name, event.detail])
    if (prevented.includes(name)) event.preventDefault()
  })
`

/** A running site. */
export interface ShopSite {
  readonly url: string
  /** Every cookie header that was sent to it. */
  readonly cookies: readonly string[]
}

const CSS = `
:root { color-scheme: light dark; }
body { margin: 0; font: 1rem/1.5 system-ui, sans-serif; color: light-dark(#1c211f, #eef1ef); background: light-dark(#fbfbf9, #0f1211); }
.bar { display: flex; align-items: center; justify-content: space-between; padding: 1rem clamp(1rem, 4vw, 3rem); border-block-end: 1px solid light-dark(#e6e8e6, #2a302d); }
.bar a { color: inherit; font-weight: 700; font-size: 1.25rem; letter-spacing: -0.02em; text-decoration: none; }
main { max-inline-size: 72rem; margin: 0 auto; padding: clamp(1.5rem, 5vw, 4rem) clamp(1rem, 4vw, 3rem); }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 18rem), 1fr)); gap: 2.5rem 2rem; align-items: start; }
.grid img { inline-size: 100%; block-size: auto; aspect-ratio: 1; object-fit: cover; border-radius: 14px; background: light-dark(#f0f2ef, #1b201e); }
.grid h2 { font-size: 1.125rem; margin: 0.75rem 0 0.25rem; }
h1 { font-size: 2rem; letter-spacing: -0.02em; margin: 0 0 2rem; }
`

const PRODUCTS = [
  ['MUG-MOSS', 'Stoneware Mug', 'stoneware-mug'],
  ['TEE-FOREST-M', 'Field Tee', 'field-tee'],
  ['COLDBREW-CAN', 'Cold Brew Can', 'cold-brew-can'],
  ['RECHARGE-CARD', 'Recharge Card', 'recharge-card'],
  ['COFFEE-CLUB', 'Coffee Club', 'coffee-club'],
  ['KETTLE-GOOSE', 'Gooseneck Kettle', 'gooseneck-kettle'],
] as const

function bodyOf(path: string, server: string): string {
  const drawer = path === '/opens.html' ? 'open-on-add' : ''
  if (path === '/cart.html') return '<main><cart-page checkout="/checkout.html"></cart-page></main>'
  if (path === '/checkout.html') return '<main><h1>Checkout</h1><checkout-form return-url="/thanks.html"></checkout-form></main>'
  if (path === '/thanks.html') return '<main><order-status></order-status></main>'
  if (path === '/laid-out.html')
    return `<main>${['TEE-FOREST-M', 'RECHARGE-CARD', 'COFFEE-CLUB'].map((sku) => `<add-to-cart sku="${sku}" expanded></add-to-cart>`).join('<hr>')}</main>`
  if (path === '/plan.html') return '<main><add-to-cart sku="COFFEE-CLUB" plan-url="/plans"></add-to-cart></main>'
  if (path === '/simple.html') return '<main><h1>One page</h1><cart-page><a slot="empty" href="/">To the shop</a></cart-page></main>'
  const cards = PRODUCTS.map(
    ([sku, name, picture]) =>
      `<article><img src="${server}/demo/images/${picture}.svg" alt="" width="400" height="400"><h2>${name}</h2><add-to-cart sku="${sku}"></add-to-cart></article>`,
  )
  return `<main><h1>Things for quiet mornings</h1><div class="grid">${cards.join('')}</div></main><cart-drawer checkout="/checkout.html" ${drawer}></cart-drawer>`
}

/** Starts a site whose pages use the script of `server`; `?shop=`, `?lang=`, `?dir=` and `?theme` (the style sheet `theme`) set the page's. Closed after the test file. */
export async function startShopSite(server: string, theme = ''): Promise<ShopSite> {
  const cookies: string[] = []
  const policy = `default-src 'none'; script-src 'self' ${server}; connect-src ${server}; img-src ${server}; style-src 'self' ${server}; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types lit-html`
  const url = await startSite((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://site')
    if (request.headers.cookie) cookies.push(request.headers.cookie)
    if (pathname === '/site.css') return response.setHeader('content-type', 'text/css').end(CSS)
    if (pathname === '/theme.css') return response.setHeader('content-type', 'text/css').end(theme)
    if (pathname === '/own.js') return response.setHeader('content-type', 'text/javascript').end(scriptOf(server))
    if (pathname === '/favicon.ico') return response.writeHead(204).end()
    response.setHeader('content-type', 'text/html; charset=utf-8').setHeader('content-security-policy', policy)
    const shop = searchParams.get('shop') === 'plain' ? 'plain' : 'demo'
    const lang = searchParams.get('lang') === 'de' ? 'de' : 'en'
    const direction = searchParams.get('dir') === 'rtl' ? 'rtl' : 'ltr'
    response.end(`<!doctype html><html lang="${lang}" dir="${direction}"><head><meta charset="utf-8"><title>Fern &amp; Kettle</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="stylesheet" href="/site.css">${searchParams.has('theme') ? '<link rel="stylesheet" href="/theme.css">' : ''}
<link rel="stylesheet" href="${server}/elements.css">
<script type="module" src="${server}/elements.js" data-shop="${shop}" data-login-url="/sign-in"></script>
<script type="module" src="/own.js"></script></head>
<body><header class="bar"><a href="/">Fern &amp; Kettle</a><cart-button href="/cart.html"></cart-button></header>${bodyOf(pathname, server)}</body></html>`)
  })
  return { url, cookies }
}
