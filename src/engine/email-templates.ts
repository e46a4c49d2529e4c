// Our own templates of e-mails: one layout, in HTML and as text, filled with the words of a kind and a language. They are Liquid like a shop's own, so
// that a shop may begin with them. HTML for mail programs: tables and styles at the elements; they know little else.
import type { EmailKind } from '../core/email.ts'
import { EMAIL_WORDS, type EmailWords, type KindWords } from './email-words.ts'

/** A template: Liquid texts for the subject, the HTML part and the text part. */
export interface EmailTemplate {
  readonly subject: string
  readonly html: string
  readonly text: string
}

/** Our own template in a language, or in English where we do not write it; answers which. */
export function builtInTemplate(kind: EmailKind, language: string): EmailTemplate & { readonly language: string } {
  const own = EMAIL_WORDS[language] ? language : (language.split('-', 1)[0] ?? '')
  const words = EMAIL_WORDS[own] ?? EMAIL_WORDS.en
  if (!words) throw new Error('The words in English are missing.')
  const said = words.kinds[kind]
  const what = kind === 'cart_abandoned' ? 'cart' : 'order'
  return {
    subject: said.subject,
    html: htmlOf(words, said, what, kind),
    text: textOf(words, said, what, kind),
    language: EMAIL_WORDS[own] ? (own === language.split('-', 1)[0] ? language : own) : 'en',
  }
}

type What = 'order' | 'cart'

const FONT = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
const CELL = 'padding:10px 0;border-bottom:1px solid #e3e0d8'
const SUM = 'padding:4px 0'
const RIGHT = 'text-align:right;white-space:nowrap;vertical-align:top'
const SOFT = 'color:#666d68;font-size:13px;line-height:19px'

/** For the mail programs that listen; the others show the light colours. */
const DARK =
  '@media (prefers-color-scheme:dark){.page{background:#121513!important}.pane{background:#1b1f1d!important}' +
  '.pane,.pane td,.pane th,.pane h1{color:#eceeec!important;border-color:#343a37!important}' +
  '.page .soft{color:#a6aea9!important}.page .shop{color:#c9bd9f!important}' +
  '.pane .link{color:#7fd1b9!important}.pane .button{background:#7fd1b9!important;color:#0c1a16!important}}@media (max-width:480px){.pane{padding:24px 18px!important}}'

function htmlOf(words: EmailWords, said: KindWords, what: What, kind: EmailKind): string {
  return `<!doctype html>
<html lang="{{ language }}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark">
<title>${said.subject}</title><style>${DARK}</style></head>
<body class="page" style="margin:0;padding:0;background:#f4f1ea">
<table role="presentation" class="page" width="100%" cellpadding="0" cellspacing="0" style="background:#f4f1ea"><tr><td align="center" style="padding:24px 12px">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="max-width:600px">
<tr><td class="shop" style="${FONT};font-size:15px;font-weight:600;padding:0 4px 14px;color:#6d6149">{{ shop.name }}</td></tr>
<tr><td class="pane" style="${FONT};background:#ffffff;color:#1b1f1d;border-radius:10px;padding:32px;font-size:15px;line-height:23px">
<h1 style="margin:0 0 10px;font-size:23px;line-height:30px;font-weight:650;color:#1b1f1d">${said.heading}</h1>
<p style="margin:0 0 18px">${said.intro}</p>${kind === 'order_shipped' ? parcelHtml(words) : ''}${kind === 'order_confirmation' ? payingHtml(words) : ''}
{%- if link.size > 0 %}
<p style="margin:0 0 22px"><a class="button" href="{{ link }}" style="display:inline-block;background:#0d5f4b;color:#ffffff;text-decoration:none;font-weight:600;padding:11px 20px;border-radius:7px">${said.action}</a></p>
{%- endif %}
${what === 'order' ? `<p class="soft" style="${SOFT};margin:0 0 8px">${words.order} {{ order.reference }}{% if order.date.size > 0 %} &middot; {{ order.date }}{% endif %}</p>\n` : ''}${linesHtml(words, what)}
${what === 'order' ? addressesHtml(words) : ''}
</td></tr>
<tr><td class="soft" style="${FONT};${SOFT};padding:16px 4px">${words.footer}</td></tr>
</table></td></tr></table></body></html>
`
}

function parcelHtml(words: EmailWords): string {
  const told = (title: string, value: string) => `
{%- if fulfilment.${value}.size > 0 %}<br><span class="soft" style="${SOFT}">${title}:</span> {{ fulfilment.${value} }}{% endif %}`
  return `
{%- if fulfilment.lines.size > 0 %}
<p style="margin:0 0 18px"><span class="soft" style="${SOFT}">${words.contains}</span>{% for line in fulfilment.lines %}<br>{{ line.quantity }} &times; {{ line.name }}{% endfor %}
${told(words.carrier, 'carrier')}${told(words.trackingNumber, 'trackingNumber')}${told(words.expected, 'expected')}
{%- if fulfilment.trackingUrl.size > 0 %}<br><a class="link" href="{{ fulfilment.trackingUrl }}" style="color:#0d5f4b">${words.track}</a>{% endif %}
{%- if fulfilment.note.size > 0 %}<br><span style="white-space:pre-wrap">{{ fulfilment.note }}</span>{% endif %}</p>
{%- endif %}`
}

function payingHtml(words: EmailWords): string {
  return `
{%- if order.paymentInstructions.size > 0 %}
<p style="margin:0 0 18px"><span class="soft" style="${SOFT}">${words.howToPay} ({{ order.outstandingTotal }})</span><br><span style="white-space:pre-wrap">{{ order.paymentInstructions }}</span></p>
{%- endif %}`
}

function linesHtml(words: EmailWords, what: What): string {
  const row = (label: string, amount: string, style = '') =>
    `<tr><td style="${SUM};${style}">${label}</td><td style="${SUM};${RIGHT};${style}">${amount}</td></tr>`
  return `<table width="100%" cellpadding="0" cellspacing="0" style="border-collapse:collapse;margin:0 0 10px;font-size:15px;line-height:22px">
<tr><th class="soft" style="${SOFT};font-weight:400;text-align:left;${CELL}">${words.item}</th><th class="soft" style="${SOFT};font-weight:400;${CELL};${RIGHT}">${words.amount}</th></tr>
{%- for line in ${what}.lines %}
<tr><td style="${CELL};padding-right:16px;word-break:break-word">{{ line.quantity }} &times; {{ line.name }}
{%- for detail in line.details %}<br><span class="soft" style="${SOFT}">{{ detail }}</span>{% endfor %}
{%- if line.isGift %}<br><span class="soft" style="${SOFT}">${words.gift}</span>{% endif %}
{%- if line.cancelled > 0 %}<br><span class="soft" style="${SOFT}">{{ line.cancelled }} ${words.cancelledPieces}</span>{% endif %}</td>
<td style="${CELL};${RIGHT}">{{ line.itemTotal }}</td></tr>
{%- endfor %}
</table>
<table width="100%" cellpadding="0" cellspacing="0" style="border-collapse:collapse;margin:0 0 22px;font-size:15px;line-height:22px">
${row(words.subtotal, `{{ ${what}.itemTotal }}`)}
{%- for discount in ${what}.discounts %}
${row('{{ discount.label }}', '{{ discount.amount }}')}
{%- endfor %}
{%- if ${what}.hasShipping %}
${row(words.shipping, `{{ ${what}.shippingTotal }}`)}
{%- endif %}
{%- for tax in ${what}.addedTaxes %}
${row('{{ tax.label }}', '{{ tax.amount }}')}
{%- endfor %}
${row(words.total, `{{ ${what}.total }}`, 'font-weight:700;font-size:17px;padding-top:10px')}
{%- for tax in ${what}.includedTaxes %}
<tr><td class="soft" style="${SUM};${SOFT}">${words.includes} {{ tax.label }}</td><td class="soft" style="${SUM};${SOFT};${RIGHT}">{{ tax.amount }}</td></tr>
{%- endfor %}${what === 'order' ? moneyHtml(words, row) : ''}
</table>`
}

function moneyHtml(words: EmailWords, row: (label: string, amount: string) => string): string {
  return `
{%- if order.isPaid %}
${row(words.paid, '{{ order.paidTotal }}')}
{%- endif %}
{%- if order.isRefunded %}
${row(words.refunded, '{{ order.refundedTotal }}')}
{%- endif %}
{%- if order.isOutstanding %}
${row(words.outstanding, '{{ order.outstandingTotal }}')}
{%- endif %}`
}

function addressesHtml(words: EmailWords): string {
  const address = (title: string, value: string) =>
    `{% if order.${value}.size > 0 %}<p style="margin:0 0 14px"><span class="soft" style="${SOFT}">${title}</span>{% for part in order.${value} %}<br>{{ part }}{% endfor %}</p>{% endif %}`
  return `${address(words.shipTo, 'shippingAddress')}
${address(words.billTo, 'billingAddress')}
{%- if order.note.size > 0 %}
<p style="margin:0;white-space:pre-wrap"><span class="soft" style="${SOFT}">${words.note}</span><br>{{ order.note }}</p>
{%- endif %}`
}

function textOf(words: EmailWords, said: KindWords, what: What, kind: EmailKind): string {
  const address = (title: string, value: string) =>
    `{% if order.${value}.size > 0 %}
${title}:
{% for part in order.${value} %}  {{ part }}
{% endfor %}{% endif %}`
  return `${said.heading}

${said.intro}
${kind === 'order_shipped' ? parcelText(words) : ''}${kind === 'order_confirmation' ? payingText(words) : ''}{% if link.size > 0 %}
${said.action}: {{ link }}
{% endif %}
${what === 'order' ? `${words.order} {{ order.reference }}{% if order.date.size > 0 %}, {{ order.date }}{% endif %}\n\n` : ''}{% for line in ${what}.lines %}{{ line.quantity }} x {{ line.name }}: {{ line.itemTotal }}
{% for detail in line.details %}    {{ detail }}
{% endfor %}{% if line.isGift %}    ${words.gift}
{% endif %}{% if line.cancelled > 0 %}    {{ line.cancelled }} ${words.cancelledPieces}
{% endif %}{% endfor %}
${words.subtotal}: {{ ${what}.itemTotal }}
{% for discount in ${what}.discounts %}{{ discount.label }}: {{ discount.amount }}
{% endfor %}{% if ${what}.hasShipping %}${words.shipping}: {{ ${what}.shippingTotal }}
{% endif %}{% for tax in ${what}.addedTaxes %}{{ tax.label }}: {{ tax.amount }}
{% endfor %}${words.total}: {{ ${what}.total }}
{% for tax in ${what}.includedTaxes %}${words.includes} {{ tax.label }}: {{ tax.amount }}
{% endfor %}${
    what === 'cart'
      ? ''
      : `{% if order.isPaid %}${words.paid}: {{ order.paidTotal }}
{% endif %}{% if order.isRefunded %}${words.refunded}: {{ order.refundedTotal }}
{% endif %}{% if order.isOutstanding %}${words.outstanding}: {{ order.outstandingTotal }}
{% endif %}${address(words.shipTo, 'shippingAddress')}${address(words.billTo, 'billingAddress')}{% if order.note.size > 0 %}
${words.note}: {{ order.note }}
{% endif %}`
  }
-- 
${words.footer}
{{ shop.name }}
`
}

function parcelText(words: EmailWords): string {
  const told = (title: string, value: string) => `{% if fulfilment.${value}.size > 0 %}${title}: {{ fulfilment.${value} }}
{% endif %}`
  return `{% if fulfilment.lines.size > 0 %}
${words.contains}:
{% for line in fulfilment.lines %}  {{ line.quantity }} x {{ line.name }}
{% endfor %}${told(words.carrier, 'carrier')}${told(words.trackingNumber, 'trackingNumber')}${told(words.expected, 'expected')}${told(words.track, 'trackingUrl')}{% if fulfilment.note.size > 0 %}{{ fulfilment.note }}
{% endif %}{% endif %}`
}

function payingText(words: EmailWords): string {
  return `{% if order.paymentInstructions.size > 0 %}
${words.howToPay} ({{ order.outstandingTotal }}):
{{ order.paymentInstructions }}
{% endif %}`
}
