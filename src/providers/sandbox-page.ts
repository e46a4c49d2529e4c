// The sandbox's hosted pages: what a shopper sees of it. They decide what is asked and shown (payment, 3-D Secure, closing pages), which
// input is refused at which field, and where the browser goes next. Server-rendered; every page works without its small script. A card
// number is looked at once and never stored, logged or echoed, except that a published test number may stay in its field. The address of
// a session is what protects it, and `result` in a return address is a hint for the shop's page, never a proof of payment.
import { createHash } from 'node:crypto'
import type { FastifyError, FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { exponentOf, formatDecimal } from '../core/currency.ts'
import { sum } from '../core/money.ts'
import { Html, html } from './html.ts'
import type { SandboxPayment, SandboxSession, TestCard } from './sandbox-payment.ts'
import { SandboxError, TEST_CARDS, testCard, webUrl } from './sandbox-payment.ts'

const FORM_TYPE = 'application/x-www-form-urlencoded'
const BODY_LIMIT = 16 * 1024
const PUBLIC = { config: { access: 'public' as const }, schema: { hide: true } }

type PageParams = { Params: { shop: string; session: string } }
type PageRequest = FastifyRequest<PageParams>
type Field = 'number' | 'expiry' | 'cvc' | 'name'
type Fields = Readonly<Record<Field, string>>
type Faults = Partial<Record<Field, string>>

/**
 * The hosted pages as a Fastify plugin, encapsulated: its body parser and error pages are its own. Routes are `/sandbox/pay/:shop/:session`
 * (GET, POST), and below it `/challenge` (GET, POST) and `/leave` (POST). The payment form's fields are `number`, `expiry` (MM/YY), `cvc`
 * and `name`; the challenge's is `answer`, `approve` or `refuse`.
 */
export function sandboxPages(sandbox: SandboxPayment): FastifyPluginAsync {
  return async (app) => {
    app.removeAllContentTypeParsers()
    app.addContentTypeParser<string>(FORM_TYPE, { parseAs: 'string', bodyLimit: BODY_LIMIT }, (_request, body, done) => {
      done(null, new URLSearchParams(body))
    })
    app.setErrorHandler<FastifyError | SandboxError>((error, request, reply) => answerError(error, request, reply))
    paymentRoutes(app, sandbox)
    challengeRoutes(app, sandbox)
    app.post<PageParams>('/sandbox/pay/:shop/:session/leave', PUBLIC, async (request, reply) => {
      const session = await find(sandbox, request)
      const back = returnAddress(session, resultOf(session))
      if (back !== null) return reply.redirect(back, 303)
      return send(reply, session, session.state === 'open' ? leftPage(sandbox, session) : closingPage(session))
    })
  }
}

function paymentRoutes(app: FastifyInstance, sandbox: SandboxPayment): void {
  const path = '/sandbox/pay/:shop/:session'
  app.get<PageParams & { Querystring: { card?: unknown } }>(path, PUBLIC, async (request, reply) => {
    const session = await find(sandbox, request)
    if (session.state !== 'open') return send(reply, session, closingPage(session))
    const chosen = TEST_CARDS.find(({ key }) => key === request.query.card)
    const fields = chosen
      ? { number: chosen.number, expiry: laterExpiry(sandbox), cvc: '123', name: 'Test Shopper' }
      : { number: '', expiry: '', cvc: '', name: '' }
    const faults: Faults = chosen || session.reason === null ? {} : { number: refusalText(session.reason) }
    return send(reply, session, paymentPage(sandbox, session, fields, faults))
  })

  app.post<PageParams>(path, PUBLIC, async (request, reply) => {
    const session = await find(sandbox, request)
    if (session.state !== 'open') return finish(sandbox, reply, session)
    const fields = fieldsOf(formOf(request))
    const faults = faultsOf(fields, sandbox.clock.now())
    const shown = { ...fields, number: testCard(fields.number)?.number ?? '', cvc: '' }
    if (Object.keys(faults).length > 0) return send(reply.code(422), session, paymentPage(sandbox, session, shown, faults))
    const outcome = await sandbox.pay(request.params.shop, request.params.session, fields.number)
    if (outcome.result === 'challenge') return reply.redirect(`${localPath(sandbox, session)}/challenge`, 303)
    if (outcome.session.state !== 'open') return finish(sandbox, reply, outcome.session)
    const refused = { number: refusalText(outcome.session.reason) }
    return send(reply.code(402), session, paymentPage(sandbox, session, { ...shown, number: '' }, refused))
  })
}

function challengeRoutes(app: FastifyInstance, sandbox: SandboxPayment): void {
  const path = '/sandbox/pay/:shop/:session/challenge'
  app.get<PageParams>(path, PUBLIC, async (request, reply) => {
    const session = await find(sandbox, request)
    if (session.state !== 'open') return send(reply, session, closingPage(session))
    if (!session.challenge) return reply.redirect(localPath(sandbox, session), 303)
    return send(reply, session, challengePage(sandbox, session, null))
  })

  app.post<PageParams>(path, PUBLIC, async (request, reply) => {
    const answer = formOf(request).get('answer')
    if (answer !== 'approve' && answer !== 'refuse') {
      const session = await find(sandbox, request)
      if (session.state !== 'open') return finish(sandbox, reply, session)
      return send(reply.code(422), session, challengePage(sandbox, session, 'Choose whether to approve or to refuse this payment.'))
    }
    const { shop, session: sessionId } = request.params
    const { session } = await sandbox.answerChallenge(shop, sessionId, answer === 'approve')
    // Refused, or nothing was waiting any more: the payment page shows the reason and asks again.
    return session.state === 'open' ? reply.redirect(localPath(sandbox, session), 303) : finish(sandbox, reply, session)
  })
}

/** After a POST that found the session decided: back to the shop when it is paid, else (or without an address) our closing page. */
function finish(sandbox: SandboxPayment, reply: FastifyReply, session: SandboxSession): FastifyReply {
  const back = resultOf(session) === 'paid' ? returnAddress(session, 'paid') : null
  return reply.redirect(back ?? localPath(sandbox, session), 303)
}

async function find(sandbox: SandboxPayment, request: PageRequest): Promise<SandboxSession> {
  const session = await sandbox.find(request.params.shop, request.params.session)
  if (session === null) throw new SandboxError('session_unknown', 'there is no such session')
  return session
}

function formOf(request: PageRequest): URLSearchParams {
  return request.body instanceof URLSearchParams ? request.body : new URLSearchParams()
}

function fieldsOf(form: URLSearchParams): Fields {
  const read = (field: Field) => (form.get(field) ?? '').trim().slice(0, 100)
  return { number: read('number'), expiry: read('expiry'), cvc: read('cvc'), name: read('name') }
}

function faultsOf({ number, expiry, cvc, name }: Fields, now: number): Faults {
  const faults: Faults = {}
  if (number === '') faults.number = 'Enter a card number.'
  else if (testCard(number) === undefined) faults.number = 'This is not a test card. Nothing was sent: choose one from the list.'
  const ends = expiryEnd(expiry)
  if (ends === null) faults.expiry = 'Enter a date as MM / YY.'
  else if (ends <= now) faults.expiry = 'This date has passed.'
  if (!/^\d{3,4}$/.test(cvc)) faults.cvc = 'Enter 3 or 4 digits.'
  if (name === '') faults.name = 'Enter the name on the card.'
  return faults
}

/** The first moment at which a card has expired, ms since the epoch; null when it is no month. */
function expiryEnd(text: string): number | null {
  const match = /^(\d{1,2})\s*[/.\s-]?\s*(?:20)?(\d{2})$/.exec(text)
  const month = Number(match?.[1])
  return match !== null && month >= 1 && month <= 12 ? Date.UTC(2000 + Number(match[2]), month, 1) : null
}

function laterExpiry(sandbox: SandboxPayment): string {
  return `12 / ${String((new Date(sandbox.clock.now()).getUTCFullYear() + 3) % 100).padStart(2, '0')}`
}

function refusalText(reason: string | null): string {
  if (reason === 'insufficient_funds') return 'There is not enough money on this card. Nothing was charged: try another one.'
  if (reason === 'authentication_failed') return 'The payment was refused in the 3-D Secure check. Nothing was charged: try again.'
  return 'This card was declined. Nothing was charged: try another one.'
}

/** What the shopper did, for the shop's page: reserved money is paid as far as the shopper is concerned. */
function resultOf({ state }: SandboxSession): 'paid' | 'cancelled' | 'left' {
  if (state === 'open') return 'left'
  return state === 'authorized' ? 'paid' : state
}

/** Where the shop wants the browser back, with what happened in its query string; null without a usable address. */
function returnAddress(session: SandboxSession, result: 'paid' | 'cancelled' | 'left'): string | null {
  const url = webUrl(session.returnUrl)
  if (url === null) return null
  url.searchParams.set('order', session.orderId)
  url.searchParams.set('payment', session.attemptId)
  url.searchParams.set('result', result)
  return url.href
}

/** A page's path as the browser sees it (a proxy may put a prefix before ours), so that forms stay on the origin they were opened on. */
function localPath(sandbox: SandboxPayment, session: SandboxSession): string {
  return new URL(sandbox.pageUrl(session)).pathname
}

/** Exact for every amount: Intl is given a decimal string, and the decimals are the currency's own (for some, Intl would show none). */
function money(amount: number, currency: string): string {
  const digits = exponentOf(currency) ?? 0
  const style = { style: 'currency', currency, minimumFractionDigits: digits, maximumFractionDigits: digits } as const
  return new Intl.NumberFormat('en', style).format(formatDecimal(amount, currency) as `${number}`)
}

function answerError(error: FastifyError | SandboxError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (error instanceof SandboxError && error.code === 'session_unknown') {
    const text = html`There is no payment at this address. Go back to the shop.`
    return send(reply.code(404), null, messagePage('Payment not found', 'info', text))
  }
  const status = error instanceof SandboxError ? 500 : (error.statusCode ?? 500)
  if (status >= 500) request.log.error(error)
  const text =
    status >= 500
      ? html`We could not find out how this payment stands. Go back and reload the page: nothing is charged twice.`
      : html`Your browser sent something this page does not understand. Go back and try again.`
  return send(reply.code(status), null, messagePage('That did not work', 'info', text))
}

/**
 * Sends a page that nobody may frame, cache or add to. Chromium applies `form-action` to redirects after a POST as well, so the origin to
 * return to has to be allowed; a return page that itself redirects to yet another origin would be stopped there (the closing page links).
 */
function send(reply: FastifyReply, session: SandboxSession | null, page: Html): FastifyReply {
  const back = webUrl(session?.returnUrl ?? null)
  // A policy has no syntax for IPv6 hosts; then the scheme has to do.
  const origin = back === null ? '' : back.hostname.startsWith('[') ? ` ${back.protocol}` : ` ${back.origin}`
  const policy =
    `default-src 'none'; style-src '${STYLE_HASH}'; script-src '${SCRIPT_HASH}'; img-src data:; form-action 'self'${origin}; ` +
    "base-uri 'none'; frame-ancestors 'none'"
  return reply
    .type('text/html; charset=utf-8')
    .header('content-security-policy', policy)
    .header('referrer-policy', 'no-referrer')
    .header('cache-control', 'no-store')
    .header('x-content-type-options', 'nosniff')
    .send(page.text)
}

function layout(title: string, main: Html): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>${title} · Test mode</title>
<link rel="icon" href="data:image/svg+xml,${encodeURIComponent(ICON_SVG)}">
<style>${new Html(STYLE)}</style>
</head>
<body>
<p class="ribbon"><strong>Test mode</strong> <span>No money moves. Never enter a real card.</span></p>
${main}
<script>${new Html(SCRIPT)}</script>
</body>
</html>
`
}

function paymentPage(sandbox: SandboxPayment, session: SandboxSession, fields: Fields, faults: Faults): Html {
  const total = money(session.amount, session.currency)
  const path = localPath(sandbox, session)
  const faulty = Object.keys(faults).length > 0
  return layout(
    `${faulty ? 'Error: ' : ''}Pay ${total} – ${session.description}`,
    html`<main class="checkout">
${orderSummary(session, total)}
<section class="pane" aria-labelledby="card-title"><div class="inner">
<h2 id="card-title">Pay by card</h2>
<form id="card-form" method="post" action="${path}" novalidate>
${input('number', 'Card number', fields, faults, html`inputmode="numeric" maxlength="23" placeholder="1234 1234 1234 1234"`)}
<div class="pair">
${input('expiry', 'Expiry', fields, faults, html`inputmode="numeric" maxlength="9" placeholder="MM / YY"`)}
${input('cvc', 'CVC', fields, faults, html`inputmode="numeric" maxlength="4" placeholder="3 digits"`)}
</div>
${input('name', 'Name on card', fields, faults, html`maxlength="100"`)}
<button class="primary" type="submit">${LOCK}<span>Pay ${total}</span></button>
${session.capture === 'manual' ? html`<p class="note">The money is reserved now. The shop takes it later.</p>` : null}
</form>
<form method="post" action="${path}/leave"><button class="quiet" type="submit">Leave without paying</button></form>
${testCards(path, laterExpiry(sandbox))}
</div></section>
</main>`,
  )
}

function orderSummary(session: SandboxSession, total: string): Html {
  const { lines, currency, amount, email } = session
  const rest = amount - (sum(lines.map((line) => line.total)) ?? amount)
  const row = (name: Html, price: number) => html`<li>${name}<span class="price">${money(price, currency)}</span></li>`
  const times = (quantity: number) => (quantity === 1 ? null : html` <span class="times">× ${quantity}</span>`)
  const rows = lines.map((line) => row(html`<span><span dir="auto">${line.name}</span>${times(line.quantity)}</span>`, line.total))
  if (lines.length > 0 && rest !== 0) rows.push(row(html`<span>${rest > 0 ? 'Shipping, tax and other charges' : 'Discounts'}</span>`, rest))
  const list = html`<ul class="lines">${rows}</ul>`
  // A long order would push the form off a small screen.
  const folded = html`<details><summary>${lines.length} items</summary>${list}</details>`
  return html`<section class="order" aria-labelledby="order-title"><div class="inner">
<h1 id="order-title"><span class="what" dir="auto">${session.description}</span> <span class="total">${total}</span></h1>
${lines.length === 0 ? null : lines.length > 8 ? folded : list}
<p class="sum"><span>Total due</span><span class="price">${total}</span></p>
${email === null ? null : html`<p class="email">Receipt to <span dir="auto">${email}</span></p>`}
</div></section>`
}

function input(field: Field, label: string, fields: Fields, faults: Faults, attributes: Html): Html {
  const fault = faults[field]
  const focus = Object.keys(faults)[0] === field ? html` autofocus` : null
  const invalid = fault === undefined ? null : html` aria-invalid="true" aria-describedby="${field}-fault"${focus}`
  // Autocomplete is off because a browser would offer real cards here.
  return html`<div class="field"><label for="${field}">${label}</label>
<input id="${field}" name="${field}" type="text" value="${fields[field]}" ${attributes} required autocomplete="off"
 spellcheck="false"${invalid}>
${fault === undefined ? null : html`<p class="fault" id="${field}-fault" role="alert">${fault}</p>`}</div>`
}

function testCards(path: string, expiry: string): Html {
  // Links, not buttons: without script they open this page with the card filled in.
  const row = ({ key, number, label, outcome }: TestCard) => html`<li><a href="${path}?card=${key}" class="${outcome}"
 data-number="${number}" data-expiry="${expiry}"><span class="digits">${number}</span> <span class="label">${label}</span></a></li>`
  return html`<section class="cards" aria-labelledby="cards-title"><h2 id="cards-title">Test cards</h2>
<p>Choose one to fill in the form.</p><ul>${TEST_CARDS.map(row)}</ul></section>`
}

function challengePage(sandbox: SandboxPayment, session: SandboxSession, fault: string | null): Html {
  const total = money(session.amount, session.currency)
  return layout(
    `${fault === null ? '' : 'Error: '}Confirm ${total}`,
    html`<main class="single"><div class="sheet">
<p class="issuer"><span>Test Bank</span><span>3-D Secure</span></p>
<h1>Is this you?</h1>
<p>A payment with your card needs your approval.</p>
<dl><div><dt>Payment</dt><dd dir="auto">${session.description}</dd></div><div><dt>Amount</dt><dd class="price">${total}</dd></div></dl>
${fault === null ? null : html`<p class="fault" role="alert">${fault}</p>`}
<form class="stack" method="post" action="${localPath(sandbox, session)}/challenge">
<button class="primary" name="answer" value="approve">Approve payment</button>
<button class="secondary" name="answer" value="refuse">Refuse</button>
</form>
</div></main>`,
  )
}

function closingPage(session: SandboxSession): Html {
  const total = money(session.amount, session.currency)
  const result = resultOf(session)
  const link = backLink(session, result === 'left' ? 'cancelled' : result)
  if (result !== 'paid') {
    return messagePage('Payment closed', 'info', html`This payment was cancelled or has expired. It can no longer be paid.`, link)
  }
  if (session.state === 'authorized') {
    const held = html`<span class="big">${total}</span><br><span dir="auto">${session.description}</span><br>The shop takes the money later.`
    return messagePage('Reserved', 'check', held, link)
  }
  const part = session.captured?.amount ?? session.amount
  const rest = part === session.amount ? null : html`<br>${money(part, session.currency)} was taken, the rest was set free.`
  const returned = sum(session.refunds.map((refund) => refund.amount)) ?? 0
  const refunds = returned === 0 ? null : html`<br>${money(returned, session.currency)} was refunded.`
  const text = html`<span class="big">${total}</span><br><span dir="auto">${session.description}</span>${rest}${refunds}`
  return messagePage('Paid', 'check', text, link)
}

function leftPage(sandbox: SandboxPayment, session: SandboxSession): Html {
  const text = html`Nothing was charged. You can close this page, or pay after all.`
  const link = html`<a class="primary" href="${localPath(sandbox, session)}">Back to payment</a>`
  return messagePage('You left without paying', 'info', text, link)
}

function backLink(session: SandboxSession, result: 'paid' | 'cancelled'): Html {
  const back = returnAddress(session, result)
  return back === null ? html`<p class="note">You can close this page.</p>` : html`<a class="primary" href="${back}">Back to the shop</a>`
}

function messagePage(title: string, mark: 'check' | 'info', text: Html, action: Html | null = null): Html {
  const path = mark === 'check' ? 'M7 12.5l3.5 3.5L17 9' : 'M12 7.5v5.5M12 16.2v.3'
  return layout(
    title,
    html`<main class="single"><div class="sheet center">
<svg class="mark ${mark}" viewBox="0 0 24 24" aria-hidden="true"><circle cx="12" cy="12" r="12"/><path d="${path}"/></svg>
<h1>${title}</h1><p>${text}</p>${action}
</div></main>`,
  )
}

const ICON_SVG =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="4" fill="#0d5f4b"/>' +
  '<path d="M3 6h10M3 9h4" stroke="#fff" stroke-width="2"/></svg>'

const LOCK = html`<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M5 7V5a3 3 0 0 1 6 0v2"/>
<rect x="3" y="7" width="10" height="7" rx="1.5"/></svg>`

const STYLE = `
:root{color-scheme:light dark;--paper:#f4f1ea;--pane:#fff;--ink:#1b1f1d;--soft:#5d645f;--line:#dcd8ce;--edge:#8b8f88;--accent:#0d5f4b;
--accent-hover:#094a3a;--on-accent:#fff;--tint:#f0f5f2;--fault:#b3261e;--fault-tint:#fdf3f1;--warn:#a86500;--ribbon:#f5c14b;
--on-ribbon:#33240a}
@media (prefers-color-scheme:dark){:root{--paper:#121513;--pane:#1a1e1c;--ink:#eceeec;--soft:#a2aaa5;--line:#303633;--edge:#747d78;
--accent:#6fd3b1;--accent-hover:#8fe0c4;--on-accent:#06251c;--tint:#202925;--fault:#ff9d92;--fault-tint:#2f1f1d;--warn:#eab354;
--ribbon:#4a3a12;--on-ribbon:#ffdf95}}
*,::before{box-sizing:border-box}
body{margin:0;min-height:100vh;display:flex;flex-direction:column;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;-webkit-text-size-adjust:100%}
h1,h2,p,ul,dl,dd{margin:0;padding:0}
ul{list-style:none}
.ribbon{background:var(--ribbon);color:var(--on-ribbon);padding:8px 16px;text-align:center;font-size:14px;text-wrap:balance}
.ribbon strong{margin-right:6px}
.price,.total,.big,.digits{font-variant-numeric:tabular-nums}
.checkout{flex:1;display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr)}
.order{display:flex;justify-content:flex-end}
.pane{background:var(--pane);border-left:1px solid var(--line)}
.inner{width:100%;max-width:504px;padding:56px 56px 48px}
.what{display:block;font-size:16px;font-weight:500;color:var(--soft);overflow-wrap:anywhere}
.total{display:block;margin-top:4px;font-size:40px;line-height:1.15;font-weight:650;letter-spacing:-.02em;overflow-wrap:anywhere}
.lines{margin-top:32px;font-size:15px}
.lines li,.sum{display:flex;justify-content:space-between;gap:24px;padding:10px 0}
.lines li>:first-child{min-width:0;overflow-wrap:anywhere}
.price{white-space:nowrap}
.times,.email{color:var(--soft)}
.sum{margin-top:10px;padding-top:16px;border-top:1px solid var(--line);font-weight:600}
.email{margin-top:24px;font-size:14px;overflow-wrap:anywhere}
details{margin-top:28px}
summary{cursor:pointer;font-weight:500}
details .lines{margin-top:8px}
h2{font-size:19px;line-height:1.3;font-weight:650;letter-spacing:-.01em;margin-bottom:20px}
.field{margin-bottom:16px}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:16px}
label{display:block;margin-bottom:6px;font-size:14px;font-weight:550}
input{width:100%;height:46px;padding:0 14px;font:inherit;color:var(--ink);background:var(--pane);border:1px solid var(--edge);
border-radius:8px;font-variant-numeric:tabular-nums}
input::placeholder{color:var(--soft);opacity:.9}
input[aria-invalid]{border-color:var(--fault);background:var(--fault-tint);box-shadow:0 0 0 1px var(--fault)}
.fault{margin-top:6px;font-size:14px;line-height:1.4;color:var(--fault)}
:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
input:focus-visible{outline-offset:0;border-color:transparent;box-shadow:none}
button,a.primary{display:flex;align-items:center;justify-content:center;gap:8px;width:100%;min-height:48px;padding:10px 16px;font:inherit;
font-weight:600;text-decoration:none;border:1px solid transparent;border-radius:8px;cursor:pointer}
.primary{background:var(--accent);color:var(--on-accent)}
.primary:hover{background:var(--accent-hover)}
.secondary{background:none;color:var(--ink);border-color:var(--edge)}
.secondary:hover,.quiet:hover{background:var(--tint)}
.quiet{margin-top:8px;background:none;color:var(--soft);font-weight:500}
button[disabled]{opacity:.6;cursor:progress}
button svg{width:16px;height:16px;fill:none;stroke:currentColor;stroke-width:1.6}
form .primary{margin-top:24px}
.cards{margin-top:28px;padding-top:24px;border-top:1px solid var(--line)}
.cards h2{font-size:15px;margin-bottom:0;letter-spacing:0}
.cards p{font-size:14px;color:var(--soft);margin-bottom:10px}
.cards a{display:flex;flex-wrap:wrap;align-items:center;gap:2px 12px;min-height:44px;margin:0 -12px;padding:8px 12px;border-radius:8px;
color:inherit;text-decoration:none;font-size:15px}
.cards a::before{content:'';width:10px;height:10px;border-radius:50%;background:var(--accent)}
.cards a.challenge::before{background:none;border:2px solid var(--warn)}
.cards a.failed::before{border-radius:2px;background:var(--fault);transform:rotate(45deg) scale(.85)}
.cards a:hover,.cards a[aria-current]{background:var(--tint)}
.cards a[aria-current]{box-shadow:inset 0 0 0 1px var(--accent)}
.label{margin-left:auto;color:var(--soft);font-size:14px}
.single{flex:1;display:flex;align-items:center;justify-content:center;padding:32px 20px 64px}
.sheet{width:100%;max-width:420px;padding:36px;background:var(--pane);border:1px solid var(--line);border-radius:14px}
.sheet h1{font-size:26px;line-height:1.2;font-weight:650;letter-spacing:-.02em;margin-bottom:8px}
.sheet p{color:var(--soft);overflow-wrap:anywhere}
.sheet .fault{color:var(--fault);margin-top:16px}
.center{text-align:center}
.center .primary{margin-top:28px}
.note{margin-top:20px;font-size:14px}
.big{font-size:20px;font-weight:600;color:var(--ink)}
.issuer{display:flex;justify-content:space-between;padding-bottom:16px;margin-bottom:24px;border-bottom:1px solid var(--line);
font-size:14px}
.issuer :first-child{font-weight:650;color:var(--ink)}
dl{margin-top:20px;padding:4px 16px;background:var(--tint);border-radius:10px}
dl div{display:flex;justify-content:space-between;gap:24px;padding:10px 0}
dl div+div{border-top:1px solid var(--line)}
dt{color:var(--soft)}
dd{min-width:0;font-weight:600;text-align:right;overflow-wrap:anywhere}
.stack button+button{margin-top:10px}
.mark{width:56px;height:56px;margin-bottom:20px}
.mark circle{fill:var(--tint)}
.mark path{fill:none;stroke:var(--soft);stroke-width:2;stroke-linecap:round;stroke-linejoin:round}
.mark.check circle{fill:var(--accent)}
.mark.check path{stroke:var(--on-accent)}
@media (max-width:820px){
.checkout{display:block}
.order{display:block}
.inner{margin:0 auto;padding:28px 20px}
.pane{border-left:0;border-top:1px solid var(--line)}
.ribbon{padding:7px 12px;font-size:13px}
.total{font-size:34px}
.lines,details{margin-top:18px}
.lines li{padding:7px 0}
.single{align-items:flex-start;padding-top:28px}
.sheet{padding:28px 22px}
}
@media (max-width:360px){.ribbon span{display:block}.label{margin-left:22px;width:100%}}
@media (forced-colors:active){.cards a::before{forced-color-adjust:none}}
`

// Fills the form from the list, groups the digits while they are typed, and keeps an impatient second click from sending twice (the server
// would answer both the same; this only says that something happens).
const SCRIPT = `
const form = document.getElementById('card-form')
if (form) {
  const { number, expiry, cvc, name } = form.elements
  const links = [...document.querySelectorAll('a[data-number]')]
  for (const link of links) link.addEventListener('click', (event) => {
    event.preventDefault()
    number.value = link.dataset.number
    expiry.value = link.dataset.expiry
    cvc.value = '123'
    if (!name.value) name.value = 'Test Shopper'
    for (const other of links) other.toggleAttribute('aria-current', false)
    link.setAttribute('aria-current', 'true')
    for (const fault of form.querySelectorAll('.fault')) fault.remove()
    for (const field of form.querySelectorAll('[aria-invalid]')) field.removeAttribute('aria-invalid')
    form.querySelector('button').focus()
  })
  const group = (field, shape) => field.addEventListener('input', (event) => {
    if (event.inputType?.startsWith('insert') && field.selectionStart === field.value.length) field.value = shape(field.value)
  })
  group(number, (text) => text.replace(/\\D/g, '').slice(0, 19).replace(/(\\d{4})(?=\\d)/g, '$1 '))
  group(expiry, (text) => text.replace(/^(\\d{2})\\s*\\/?\\s*(?=\\d)/, '$1 / '))
}
const busy = (on) => { for (const button of document.querySelectorAll('button')) button.disabled = on }
document.addEventListener('submit', () => { setTimeout(busy, 0, true); setTimeout(busy, 8000, false) })
addEventListener('pageshow', () => busy(false))
`

const sourceHash = (text: string) => `sha256-${createHash('sha256').update(text).digest('base64')}`
const STYLE_HASH = sourceHash(STYLE)
const SCRIPT_HASH = sourceHash(SCRIPT)
