// The e-mails of a development server, at /dev/mail: the newest first, each as it looks, as text, with its headers and its source. An e-mail is shown in a
// frame that may do nothing: no scripts, no forms, nothing from the network. Links in it open in a new tab.
import { createHash } from 'node:crypto'
import type { FastifyPluginAsync, FastifyReply } from 'fastify'
import type { MailMessage } from '../engine/ports.ts'
import { Html, html } from './html.ts'
import type { MailFolder } from './mail-folder.ts'

const PUBLIC = { config: { access: 'public' as const }, schema: { hide: true } }
const VIEWS = ['html', 'text', 'headers', 'source'] as const
type View = (typeof VIEWS)[number]
const TITLES: Readonly<Record<View, string>> = { html: 'E-mail', text: 'Text', headers: 'Headers', source: 'Source' }
const SHOWN = 200

type OfMail = { Params: { mail: string }; Querystring: { view?: unknown } }

/** The pages as a Fastify plugin: `/dev/mail`, `/dev/mail/:mail`, `/dev/mail/:mail/body`. */
export function mailPages(folder: MailFolder): FastifyPluginAsync {
  return async (app) => {
    app.get('/dev/mail', PUBLIC, async (_request, reply) => {
      const mails = await folder.list()
      const newest = mails[0] ? await folder.find(mails[0].id) : null
      return send(reply, page(mails, newest, 'html'))
    })

    app.get<OfMail>('/dev/mail/:mail', PUBLIC, async (request, reply) => {
      const found = await folder.find(request.params.mail)
      const view = VIEWS.find((each) => each === request.query.view) ?? 'html'
      return send(found ? reply : reply.code(404), page(await folder.list(), found, view))
    })

    app.get<OfMail>('/dev/mail/:mail/body', PUBLIC, async (request, reply) => {
      const found = await folder.find(request.params.mail)
      // The policy holds where the frame's own does not: when somebody opens this address by itself.
      const policy =
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; " +
        'sandbox allow-popups allow-popups-to-escape-sandbox'
      const body = found ? found.message.html.replace('<head>', '<head><base target="_blank">') : '<p>There is no such e-mail.</p>'
      return headers(found ? reply : reply.code(404), policy).send(body)
    })
  }
}

function headers(reply: FastifyReply, policy: string): FastifyReply {
  return reply
    .type('text/html; charset=utf-8')
    .header('content-security-policy', policy)
    .header('referrer-policy', 'no-referrer')
    .header('cache-control', 'no-store')
    .header('x-content-type-options', 'nosniff')
}

function send(reply: FastifyReply, shown: Html): FastifyReply {
  const policy = `default-src 'none'; style-src '${STYLE_HASH}'; img-src data:; frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`
  return headers(reply, policy).send(shown.text)
}

type Found = { readonly message: MailMessage; readonly source: string } | null

function page(mails: readonly MailMessage[], found: Found, view: View): Html {
  return html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex"><title>${found ? found.message.subject : 'E-mails'} · Development</title>
<style>${new Html(STYLE)}</style></head>
<body><nav aria-label="E-mails"><h1>E-mails <small>kept here, sent to nobody</small></h1>
${mails.length === 0 ? html`<p class="none">Nothing yet. Place an order in a shop that has a sender (<code>email.from</code>).</p>` : null}
<ol>${mails.slice(0, SHOWN).map((mail) => entry(mail, mail.id === found?.message.id))}</ol></nav>
<main>${found ? shownMail(found, view) : html`<p class="none">${mails.length === 0 ? '' : 'There is no such e-mail.'}</p>`}</main></body></html>
`
}

function entry({ id, to, subject, sentAt }: MailMessage, isShown: boolean): Html {
  return html`<li><a href="/dev/mail/${id}"${isShown ? new Html(' aria-current="page"') : null}><strong>${subject}</strong>
<span>${to}</span><time>${moment(sentAt)}</time></a></li>`
}

function shownMail({ message, source }: NonNullable<Found>, view: View): Html {
  const { id, subject, from, to, cc, bcc, replyTo, sentAt } = message
  const row = (name: string, value: string) => (value === '' ? html`` : html`<dt>${name}</dt><dd>${value}</dd>`)
  const tabs = VIEWS.map(
    (each) => html`<a href="/dev/mail/${id}?view=${each}"${each === view ? new Html(' aria-current="page"') : null}>${TITLES[each]}</a>`,
  )
  return html`<header><h2>${subject}</h2><dl>${row('From', `${from.name} <${from.address}>`)}${row('To', to)}${row('Cc', cc.join(', '))}
${row('Bcc', bcc.join(', '))}${row('Reply to', replyTo ?? '')}${row('Sent', moment(sentAt))}</dl>
<nav class="tabs" aria-label="Views">${tabs}</nav></header>
${view === 'html' ? html`<iframe title="The e-mail" sandbox="allow-popups allow-popups-to-escape-sandbox" src="/dev/mail/${id}/body"></iframe>` : html`<pre tabindex="0">${partOf(message, source, view)}</pre>`}`
}

function partOf({ text }: MailMessage, source: string, view: View): string {
  if (view === 'text') return text
  return view === 'source' ? source : (source.split(/\r?\n\r?\n/, 1)[0] ?? '')
}

function moment(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`
}

const STYLE = `
:root{color-scheme:light dark;--paper:#f4f1ea;--pane:#fff;--ink:#1b1f1d;--soft:#5d645f;--line:#dcd8ce;--accent:#0d5f4b;--tint:#e6efeb}
@media (prefers-color-scheme:dark){:root{--paper:#121513;--pane:#1a1e1c;--ink:#eceeec;--soft:#a2aaa5;--line:#303633;--accent:#6fd3b1;
--tint:#223029}}
*,::before{box-sizing:border-box}
body{margin:0;height:100vh;display:grid;grid-template-columns:minmax(260px,340px) minmax(0,1fr);background:var(--paper);color:var(--ink);
font:15px/1.45 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}
h1,h2,p,ol,dl,dd{margin:0;padding:0}
body>nav{overflow:auto;border-right:1px solid var(--line)}
h1{font-size:18px;padding:20px;letter-spacing:-.01em}
small{display:block;font-size:13px;font-weight:400;color:var(--soft);letter-spacing:0}
ol{list-style:none;padding:0 10px 20px}
li a{display:block;padding:10px;border-radius:8px;color:inherit;text-decoration:none;overflow-wrap:anywhere}
li a:hover,li a[aria-current]{background:var(--tint)}
li strong{display:block;font-weight:600}
li span,time{display:block;font-size:13px;color:var(--soft)}
a:focus-visible,pre:focus-visible{outline:2px solid var(--accent);outline-offset:1px}
main{display:flex;flex-direction:column;min-height:0;background:var(--pane)}
header{padding:20px 28px 0;border-bottom:1px solid var(--line)}
h2{font-size:20px;line-height:1.3;letter-spacing:-.01em;overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:auto minmax(0,1fr);gap:2px 14px;margin:10px 0;font-size:14px}
dt{color:var(--soft)}
dd{overflow-wrap:anywhere}
.tabs a{display:inline-block;padding:8px 2px;margin-right:20px;color:var(--soft);text-decoration:none;border-bottom:2px solid transparent}
.tabs a[aria-current]{color:var(--ink);border-color:var(--accent);font-weight:600}
iframe{flex:1;width:100%;border:0;min-height:400px}
pre{flex:1;margin:0;padding:24px 28px;overflow:auto;white-space:pre-wrap;overflow-wrap:anywhere;font:13px/1.5 ui-monospace,Menlo,monospace}
.none{padding:20px;color:var(--soft)}
@media (max-width:760px){body{display:block;height:auto}body>nav{border:0;max-height:45vh}iframe{height:80vh}}
`
const STYLE_HASH = `sha256-${createHash('sha256').update(STYLE).digest('base64')}`
