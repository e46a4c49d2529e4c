// What people are told, in words: notices and refusals in every language that we speak, chosen by `Accept-Language`. What is kept and compared
// are codes and params; words are added when something is sent. A language that lacks a code does not compile.
import type { FastifyReply, FastifyRequest } from 'fastify'
import Negotiator from 'negotiator'
import { NOTICES, type Notice, type NoticeCode } from '../core/cart.ts'
import { exponentOf } from '../core/currency.ts'
import type { PricedCart } from '../core/pricing.ts'
import type { RefusalCode } from '../core/refusal.ts'

/** The languages, the default first. */
export const LANGUAGES = ['en', 'de'] as const

/** One of them. */
export type Language = (typeof LANGUAGES)[number]

/** The language that a caller prefers (RFC 9110, 12.5.4); English where nothing fits. */
export function languageOf({ headers }: Pick<FastifyRequest, 'headers'>): Language {
  if (headers['accept-language'] === undefined) return 'en'
  const wanted = new Negotiator({ headers }).language(LANGUAGES)
  return LANGUAGES.find((language) => language === wanted) ?? 'en'
}

/** Which of some languages a caller says it prefers; null where it says nothing, or none of these. */
export function wantedLanguage({ headers }: Pick<FastifyRequest, 'headers'>, languages: readonly string[]): string | null {
  const { 'accept-language': said } = headers
  // Programs that do not care say `*`.
  if (said === undefined || said.trim() === '*') return null
  return new Negotiator({ headers }).language([...languages]) ?? null
}

/** Says on an answer in which language it is, and that another caller may get another one. Answers the language. */
export function speak(request: FastifyRequest, reply: FastifyReply): Language {
  const language = languageOf(request)
  const varies = reply.getHeader('vary')
  reply.header('content-language', language)
  if (!String(varies).includes('Accept-Language'))
    reply.header('vary', varies === undefined ? 'Accept-Language' : `${String(varies)}, Accept-Language`)
  return language
}

// Carts --------------------------------------------------------------------------------------------------------------------------------

type ToldCart = Pick<PricedCart, 'notices' | 'lines'>

/** A served cart with `message` in each of its notices. Most carts have none: those are sent as they are kept. */
export function withMessages(text: string, language: Language): string {
  // Inside of JSON strings quotes are escaped, so this can only be the field.
  return text.includes('"notices":[]') ? text : JSON.stringify(told(JSON.parse(text) as ToldCart, language))
}

/** The same for a cart as a value. */
export function told<C extends ToldCart>(cart: C, language: Language): C & { notices: readonly (Notice & { message?: string })[] } {
  return { ...cart, notices: cart.notices.map((notice) => ({ ...notice, ...inWords(notice, cart, language) })) }
}

function inWords(notice: Notice, { lines }: ToldCart, language: Language): { message?: string } {
  const { code, path, params } = notice
  const line = lines.find((each) => path === `/lines/${each.id}`) ?? lines.find((each) => each.sku !== null && each.sku === params.sku)
  const message = messageOf(code, { ...(line ? { name: line.name } : {}), ...params }, language)
  return message === null ? {} : { message }
}

/** A notice in words. `name` in the params, if known, is what the item is called. Null for a code of a newer version. */
export function messageOf(code: string, params: Notice['params'], language: Language): string | null {
  const known = NOTICES.find((each) => each === code)
  return known === undefined ? null : WORDS[known][language](params, VOICES[language])
}

/** How a language writes amounts and numbers. */
interface Voice {
  money(amount: string | number | null | undefined, currency: string | number | null | undefined): string
  count(count: string | number | null | undefined, one: string, other: string): string
}

type Words = (params: Notice['params'], voice: Voice) => string

const VOICES: Readonly<Record<Language, Voice>> = { en: voiceOf('en'), de: voiceOf('de') }

function voiceOf(language: Language): Voice {
  const plurals = new Intl.PluralRules(language)
  const numbers = new Intl.NumberFormat(language)
  const formats = new Map<string, Intl.NumberFormat>()
  return {
    money(amount, currency) {
      const code = String(currency ?? '')
      const exponent = exponentOf(code)
      if (typeof amount !== 'number' || exponent === undefined) return `${amount ?? 0} ${code}`.trim()
      const known = formats.get(code)
      const digits = { minimumFractionDigits: exponent, maximumFractionDigits: exponent }
      const format = known ?? new Intl.NumberFormat(language, { style: 'currency', currency: code, ...digits })
      if (!known) formats.set(code, format)
      return format.format(decimal(amount, exponent))
    },
    count(count, one, other) {
      const number = Number(count ?? 0)
      return (plurals.select(number) === 'one' ? one : other).replace('#', numbers.format(number))
    },
  }
}

/** Minor units as decimal text, which is formatted exactly: 1999 with 2 decimals is "19.99". */
function decimal(amount: number, exponent: number): `${number}` {
  const digits = String(Math.abs(amount)).padStart(exponent + 1, '0')
  const whole = digits.slice(0, digits.length - exponent)
  const sign = amount < 0 ? '-' : ''
  return `${sign}${whole}${exponent === 0 ? '' : `.${digits.slice(-exponent)}`}` as `${number}`
}

const item = ({ name, sku }: Notice['params'], unknown: string) => String(name || sku || unknown)
const quoted = (value: string | number | null | undefined, unknown: string, quotes: string) =>
  value === null || value === undefined || value === '' ? unknown : `${quotes[0]}${value}${quotes[1]}`

const WORDS: Readonly<Record<NoticeCode, Readonly<Record<Language, Words>>>> = {
  price_increased: {
    en: (p, say) => `The price of ${item(p, 'an item')} went up from ${say.money(p.from, p.currency)} to ${say.money(p.to, p.currency)}.`,
    de: (p, say) =>
      `Der Preis von ${item(p, 'einem Artikel')} ist von ${say.money(p.from, p.currency)} auf ${say.money(p.to, p.currency)} gestiegen.`,
  },
  price_decreased: {
    en: (p, say) => `The price of ${item(p, 'an item')} went down from ${say.money(p.from, p.currency)} to ${say.money(p.to, p.currency)}.`,
    de: (p, say) =>
      `Der Preis von ${item(p, 'einem Artikel')} ist von ${say.money(p.from, p.currency)} auf ${say.money(p.to, p.currency)} gesunken.`,
  },
  line_unavailable: {
    en: (p) =>
      p.reason === 'no_price'
        ? `${item(p, 'An item')} has no price in this currency for this quantity and cannot be ordered.`
        : `${item(p, 'An item')} is not for sale at the moment.`,
    de: (p) =>
      p.reason === 'no_price'
        ? `${item(p, 'Ein Artikel')} hat in dieser Währung und Menge keinen Preis und kann nicht bestellt werden.`
        : `${item(p, 'Ein Artikel')} ist zurzeit nicht erhältlich.`,
  },
  line_removed: {
    en: (p) => `${item(p, 'An item')} is not for sale any more and was removed from the cart.`,
    de: (p) => `${item(p, 'Ein Artikel')} ist nicht mehr erhältlich und wurde aus dem Warenkorb genommen.`,
  },
  quantity_reduced: {
    en: (p, say) =>
      `The quantity of ${item(p, 'an item')} was reduced from ${say.count(p.from, '#', '#')} to ${say.count(p.to, '#', '#')}: there are not more.`,
    de: (p, say) =>
      `Die Menge von ${item(p, 'einem Artikel')} wurde von ${say.count(p.from, '#', '#')} auf ${say.count(p.to, '#', '#')} verringert: Mehr ist nicht da.`,
  },
  quantity_below_minimum: {
    en: (p, say) =>
      `${item(p, 'This item')} is sold from ${say.count(p.minimum, '# piece', '# pieces')} on; there ${say.count(p.quantity, 'is # in the cart', 'are # in the cart')}.`,
    de: (p, say) =>
      `${item(p, 'Dieser Artikel')} wird ab ${say.count(p.minimum, '# Stück', '# Stück')} verkauft; im Warenkorb ${say.count(p.quantity, 'ist #', 'sind #')}.`,
  },
  insufficient_stock: {
    en: (p, say) =>
      p.available === 0
        ? `${item(p, 'An item')} is sold out.`
        : `Of ${item(p, 'an item')} only ${say.count(p.available, '# piece is left', '# pieces are left')}; there ${say.count(p.wanted, 'is # in the cart', 'are # in the cart')}.`,
    de: (p, say) =>
      p.available === 0
        ? `${item(p, 'Ein Artikel')} ist ausverkauft.`
        : `Von ${item(p, 'einem Artikel')} ${say.count(p.available, 'ist nur noch # Stück da', 'sind nur noch # Stück da')}; im Warenkorb ${say.count(p.wanted, 'ist #', 'sind #')}.`,
  },
  code_removed: {
    en: (p) => `${quoted(p.promotionCode, 'A code', '“”')} does not apply any more and was removed.`,
    de: (p) => `${quoted(p.promotionCode, 'Ein Code', '„“')} gilt nicht mehr und wurde entfernt.`,
  },
  shipping_method_unavailable: {
    en: (p) => `The shipping method ${quoted(p.shippingMethod, 'you chose', '“”')} is not available here. Choose another one.`,
    de: (p) => `Die Versandart ${quoted(p.shippingMethod, 'Ihrer Wahl', '„“')} ist hier nicht möglich. Wählen Sie eine andere.`,
  },
  shipping_method_changed: {
    en: (p) => `The shipping method was changed from ${quoted(p.from, 'none', '“”')} to ${quoted(p.to, 'none', '“”')}.`,
    de: (p) => `Die Versandart wurde von ${quoted(p.from, 'keiner', '„“')} auf ${quoted(p.to, 'keine', '„“')} geändert.`,
  },
  shipping_unknown: {
    en: () => 'What shipping costs is not known at the moment. The cart can be ordered as soon as it is.',
    de: () => 'Was der Versand kostet, ist gerade nicht bekannt. Sobald es bekannt ist, kann bestellt werden.',
  },
  tax_unknown: {
    en: () => 'What taxes are owed is not known at the moment. The cart can be ordered as soon as it is.',
    de: () => 'Welche Steuern anfallen, ist gerade nicht bekannt. Sobald es bekannt ist, kann bestellt werden.',
  },
  adjustments_outdated: {
    en: () => 'Discounts, shipping and taxes are those from before this edit. Recalculate the order to have them run again.',
    de: () => 'Rabatte, Versand und Steuern sind die von vor dieser Änderung. Berechnen Sie die Bestellung neu, damit sie wieder stimmen.',
  },
  price_frozen: {
    en: (p) => `${item(p, 'An item')} keeps its price: pieces of it were delivered or cancelled.`,
    de: (p) => `${item(p, 'Ein Artikel')} behält den Preis: Davon wurde schon etwas geliefert oder storniert.`,
  },
}

// Refusals -----------------------------------------------------------------------------------------------------------------------------

/** The title of every problem in the languages beside English, which stands with the status in `problem.ts`. */
export const TITLES: Readonly<Record<Exclude<Language, 'en'>, Readonly<Record<RefusalCode, string>>>> = {
  de: {
    login_required: 'Dafür wird ein Token gebraucht: Melden Sie sich an, oder senden Sie einen Schlüssel, der das darf.',
    invalid_token: 'Das Token gilt hier nicht: unbekannt, widerrufen, abgelaufen oder für einen anderen Shop.',
    missing_scope: 'Der Schlüssel ist echt, aber ihm fehlt das Recht dafür.',
    owner_required: 'Ein Schlüssel muss sagen, wessen Warenkorb gemeint ist: mit ?account=<id> oder der Id des Warenkorbs.',
    shop_not_found: 'Diesen Shop gibt es nicht.',
    cart_not_found: 'Diesen Warenkorb gibt es nicht, oder er gehört Ihnen nicht. Vergessen Sie sein Token und beginnen Sie einen neuen.',
    order_not_found: 'Diese Bestellung gibt es nicht, oder sie gehört Ihnen nicht.',
    payment_not_found: 'Diese Zahlung gibt es zu dieser Bestellung nicht.',
    payment_provider_not_found: 'Diesen Zahlungsanbieter gibt es hier nicht, oder er braucht kein Konto.',
    fulfilment_not_found: 'Diese Lieferung gibt es zu dieser Bestellung nicht.',
    refund_not_found: 'Diese Erstattung gibt es zu dieser Bestellung nicht.',
    subscription_not_found: 'Dieses Abonnement gibt es nicht, oder es gehört Ihnen nicht.',
    product_not_found: 'Dieses Produkt oder diesen Bestand gibt es nicht.',
    promotion_not_found: 'Diese Aktion gibt es nicht.',
    shipping_method_not_found: 'Diese Versandart gibt es nicht.',
    endpoint_not_found: 'Diesen Webhook gibt es nicht.',
    delivery_not_found: 'Diese Zustellung gibt es nicht.',
    email_not_found: 'Diese E-Mail steht nicht im Protokoll dieses Shops.',
    email_template_not_found: 'Für diese Art, diesen Status und diese Sprache hat der Shop keine eigene Vorlage.',
    email_template_invalid: 'Die Vorlage ist nicht lesbar; nichts wurde gespeichert. Der Grund sagt, was fehlt, Zeile und Spalte, wo.',
    email_unavailable: 'Diese E-Mail kann nicht gesendet werden; der Grund sagt, warum.',
    api_key_not_found: 'Diesen Schlüssel gibt es nicht, oder er wurde schon widerrufen.',
    tax_rate_not_found: 'Diesen Steuersatz gibt es in diesem Shop nicht.',
    line_not_found: 'Diese Position gibt es im Warenkorb oder in der Bestellung nicht.',
    code_not_found: 'Diesen Code gibt es im Warenkorb nicht.',
    secret_not_found: 'Dieses Geheimnis hat der Gast nicht, oder es wurde schon widerrufen.',
    link_invalid: 'Dieser Link gilt nicht: verändert, abgelaufen oder für etwas anderes gemacht. Fordern Sie einen neuen an.',
    already_exists: 'Etwas mit diesem Namen gibt es schon.',
    promotion_in_use: 'Bestellungen nutzen diese Aktion oder diesen Code. Löschen geht nicht mehr, abschalten schon.',
    idempotency_key_required:
      'Ohne Token, oder wo ein Geheimnis geantwortet wird, muss der Idempotency-Key eine UUID oder ein anderer Zufallswert von 128 Bit sein.',
    idempotency_key_reused: 'Dieser Idempotency-Key gehört zu einer anderen Anfrage. Nehmen Sie für eine neue Anfrage einen neuen.',
    stale_version: 'Seit Sie gelesen haben, hat sich etwas geändert; nichts wurde getan. Lesen Sie neu und wiederholen Sie.',
    cart_closed: 'Der Warenkorb ist abgeschlossen und kann nicht mehr geändert werden. Beginnen Sie einen neuen.',
    cart_frozen: 'Der Warenkorb wird gerade bezahlt und kann so lange nicht geändert werden.',
    multiple_carts_off: 'Dieser Shop hat je Besitzer und Art einen offenen Warenkorb: Es gibt keinen anderen, zu dem man wechseln könnte.',
    claim_forbidden:
      'Diese Bestellungen werden Ihnen nicht übertragen. Dafür braucht Ihr Konto eine bestätigte E-Mail-Adresse, und der Shop muss es erlauben.',
    merge_forbidden: 'Nur Warenkörbe von Gästen können übernommen werden, und nur in den Warenkorb eines Kontos.',
    form_not_genuine: 'Das Formular kam nicht von einer Seite dieses Shops. Laden Sie die Seite neu.',
    invalid: 'Die Anfrage ist nicht gültig; nichts wurde getan.',
    unknown_sku: 'Diese Artikelnummer gibt es in diesem Shop nicht.',
    not_cartable: 'Dieses Produkt kann nicht in einen Warenkorb gelegt werden.',
    unavailable: 'Dieses Produkt ist zurzeit nicht erhältlich.',
    options_invalid: 'Diese Optionen gelten für dieses Produkt nicht.',
    attributes_invalid: 'Diese Attribute passen nicht zum Schema dieses Shops.',
    amount_required: 'Dieses Produkt braucht einen Betrag: einen der vorgegebenen oder, wo erlaubt, einen eigenen.',
    amount_invalid: 'Dieser Betrag ist für dieses Produkt nicht möglich.',
    plan_invalid: 'Dieses Produkt wird im Abonnement verkauft: Nennen Sie eines davon. Andere Produkte haben keine.',
    plan_not_alone: 'Ein Abonnement wird für sich bestellt: eine Position, nichts anderes, und ohne Codes.',
    custom_price_forbidden: 'Preise kommen aus dem Katalog. Nur ein Serverschlüssel mit dem Recht carts:custom_prices darf einen setzen.',
    currency_unknown: 'Das ist kein Währungscode nach ISO 4217.',
    currency_mismatch: 'Der Warenkorb hat eine andere Währung als die, in der dieses Produkt verkauft wird.',
    no_price: 'Dieses Produkt hat in dieser Währung und Menge keinen Preis und kann so nicht verkauft werden.',
    quantity_managed: 'Mengen führt der Shop: Legen Sie Artikel hinein oder nehmen Sie sie heraus, statt eine Menge zu setzen.',
    quantity_step: 'Dieses Produkt wird nur in Vielfachen verkauft.',
    quantity_too_small: 'Dieses Produkt wird erst ab einer größeren Menge verkauft.',
    quantity_too_large: 'Das ist mehr, als eine Position aufnehmen kann.',
    too_many_lines: 'Der Warenkorb hat so viele Positionen, wie er haben kann.',
    code_already_applied: 'Dieser Code ist schon im Warenkorb.',
    too_many_codes: 'Der Warenkorb hat so viele Codes, wie er haben kann. Entfernen Sie zuerst einen.',
    code_rejected: 'Dieser Code kann nicht eingelöst werden.',
    shipping_method_unavailable: 'Diese Versandart ist für diese Adresse und Währung nicht möglich.',
    amount_too_large: 'Die Summe ist größer, als genau gerechnet werden kann.',
    expected_price_required: 'Dieser Shop möchte wissen, welchen Preis Sie gesehen haben: Senden Sie expectedUnitPrice mit jeder Position.',
    price_changed: 'Der Preis ist nicht der erwartete. Zeigen Sie den neuen und wiederholen Sie mit expectedTotal, um zuzustimmen.',
    insufficient_stock: 'Von diesem Produkt ist nicht genug da.',
    cart_empty: 'Der Warenkorb ist leer.',
    line_unavailable: 'Eine Position ist nicht mehr erhältlich. Entfernen Sie sie zuerst.',
    notice_unacknowledged: 'Ein Hinweis muss bestätigt werden, bevor bestellt werden kann.',
    email_required: 'Eine E-Mail-Adresse fehlt.',
    address_required: 'Eine Adresse fehlt: Der Pfad sagt, welche.',
    shipping_method_required: 'Eine Versandart fehlt.',
    payment_method_unavailable: 'Diese Zahlungsart ist nicht verfügbar.',
    balance_insufficient: 'Das Guthaben reicht nicht; "available" sagt, wie viel da ist. Es wurde nichts getan.',
    code_exhausted: 'Diesen Code hat gerade jemand anderes aufgebraucht. Entfernen Sie ihn und prüfen Sie die neue Summe.',
    cart_already_ordered: 'Dieser Warenkorb wurde schon bestellt.',
    pieces_not_left: 'Von dieser Position sind dafür nicht mehr so viele Stück übrig. Es wurde nichts getan.',
    refund_exceeds_payment: 'So viel ist nicht mehr übrig, um es zu erstatten. Es wurde nichts getan.',
    refund_state_forbids: 'Nur eine fehlgeschlagene Erstattung kann erneut versucht werden.',
    subscription_exists: 'Das Konto hat dieses Abonnement schon oder bezahlt es gerade.',
    subscription_state_forbids: 'Das Abonnement ist in einem Zustand, der das nicht erlaubt.',
    order_state_forbids: 'Die Bestellung lässt das jetzt nicht zu; `state` oder `reason` sagt, warum.',
    payment_state_forbids: 'Die Zahlung lässt das jetzt nicht zu; `state` oder `reason` sagt, warum.',
    status_move_forbidden: 'Diesen Status kann die Bestellung jetzt nicht bekommen.',
    fulfilment_too_large: 'So viele Stücke sind nicht mehr zu liefern; nichts wurde getan.',
    shipping_unknown: 'Was der Versand kostet, ist gerade nicht zu erfahren; nichts wurde getan. Versuchen Sie es erneut.',
    tax_unknown: 'Welche Steuern anfallen, ist gerade nicht zu erfahren; nichts wurde getan. Versuchen Sie es erneut.',
    provider_unavailable: 'Der Zahlungsanbieter antwortet nicht. Wiederholen Sie dieselbe Anfrage: Es geht weiter, wo es aufgehört hat.',
    event_not_genuine: 'Die Nachricht ist nicht echt: Ihre Signatur passt nicht.',
    rate_limited: 'Zu viele Versuche. Warten Sie ein wenig.',
    overloaded: 'Gerade ist zu viel zu tun; nichts wurde getan. Versuchen Sie es erneut.',
    database_unavailable:
      'Die Datenbank ist gerade nicht erreichbar oder voll. Wiederholen Sie die Anfrage, eine Änderung mit demselben Idempotency-Key.',
    document_too_new:
      'Der Warenkorb wurde von einer neueren Version dieser Software geschrieben. Versuchen Sie es auf einem neueren Knoten.',
  },
}
