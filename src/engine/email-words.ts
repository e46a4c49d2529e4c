// The words of our own e-mails, in every language that we write. They are parts of templates: `{{ … }}` is filled in like in a shop's own. A language
// that lacks a kind does not compile.
import type { EmailKind } from '../core/email.ts'

/** What one kind of e-mail says. */
export interface KindWords {
  readonly subject: string
  readonly heading: string
  readonly intro: string
  /** On the button. */
  readonly action: string
}

/** A language's words. */
export interface EmailWords {
  readonly item: string
  readonly quantity: string
  readonly amount: string
  readonly subtotal: string
  readonly shipping: string
  /** Before the name of a tax that the prices contain. */
  readonly includes: string
  readonly total: string
  readonly paid: string
  readonly refunded: string
  readonly outstanding: string
  readonly cancelledPieces: string
  readonly gift: string
  readonly order: string
  readonly date: string
  readonly shipTo: string
  readonly billTo: string
  readonly note: string
  readonly footer: string
  readonly kinds: Readonly<Record<EmailKind, KindWords>>
}

const EN: EmailWords = {
  item: 'Item',
  quantity: 'Qty',
  amount: 'Amount',
  subtotal: 'Subtotal',
  shipping: 'Shipping',
  includes: 'Includes',
  total: 'Total',
  paid: 'Paid',
  refunded: 'Refunded',
  outstanding: 'Still to pay',
  cancelledPieces: 'cancelled',
  gift: 'free of charge',
  order: 'Order',
  date: 'Date',
  shipTo: 'Ship to',
  billTo: 'Bill to',
  note: 'Your note',
  footer: 'You get this e-mail because {{ order.email | default: cart.email }} was given to {{ shop.name }}.',
  kinds: {
    order_confirmation: {
      subject: 'Your order {{ order.reference }} at {{ shop.name }}',
      heading: 'Thank you for your order',
      intro: 'We have received your order {{ order.reference }} and are getting it ready.',
      action: 'See your order',
    },
    payment_received: {
      subject: 'Payment received for order {{ order.reference }}',
      heading: 'We have received your payment',
      intro: 'Thank you. Your payment for order {{ order.reference }} has arrived.',
      action: 'See your order',
    },
    order_status: {
      subject: 'News about your order {{ order.reference }}',
      heading: 'Your order is now: {{ status }}',
      intro: 'The status of your order {{ order.reference }} has changed.',
      action: 'See your order',
    },
    order_shipped: {
      subject: 'Your order {{ order.reference }} is on its way',
      heading: 'Your order is on its way',
      intro:
        '{% if order.isFulfilled %}Everything of your order {{ order.reference }} has been handed over.{% else %}A part of your order {{ order.reference }} has been handed over. The rest follows.{% endif %}',
      action: 'See your order',
    },
    order_cancelled: {
      subject: 'Your order {{ order.reference }} was cancelled',
      heading: 'Your order was cancelled',
      intro: 'Your order {{ order.reference }} was cancelled. What you have paid is returned in full.',
      action: 'See your order',
    },
    order_refunded: {
      subject: 'Refund for order {{ order.reference }}',
      heading: 'Your refund is on its way',
      intro:
        'We have returned {% if refund.amount %}{{ refund.amount }}{% else %}your payment{% endif %} for order {{ order.reference }} by the way that you paid. It may take some days to arrive.',
      action: 'See your order',
    },
    order_link: {
      subject: 'The link to your order {{ order.reference }}',
      heading: 'Here is your order',
      intro: 'Somebody, probably you, asked for the link to order {{ order.reference }}. If it was not you, nothing has to be done.',
      action: 'See your order',
    },
    cart_abandoned: {
      subject: 'Your cart at {{ shop.name }} is waiting',
      heading: 'Your cart is still here',
      intro: 'You left something in your cart. With this link you find it again, on any device.',
      action: 'Back to your cart',
    },
  },
}

const DE: EmailWords = {
  item: 'Artikel',
  quantity: 'Menge',
  amount: 'Betrag',
  subtotal: 'Zwischensumme',
  shipping: 'Versand',
  includes: 'Enthält',
  total: 'Gesamt',
  paid: 'Bezahlt',
  refunded: 'Erstattet',
  outstanding: 'Noch zu zahlen',
  cancelledPieces: 'storniert',
  gift: 'gratis',
  order: 'Bestellung',
  date: 'Datum',
  shipTo: 'Lieferadresse',
  billTo: 'Rechnungsadresse',
  note: 'Ihre Nachricht',
  footer: 'Sie erhalten diese E-Mail, weil bei {{ shop.name }} die Adresse {{ order.email | default: cart.email }} angegeben wurde.',
  kinds: {
    order_confirmation: {
      subject: 'Ihre Bestellung {{ order.reference }} bei {{ shop.name }}',
      heading: 'Vielen Dank für Ihre Bestellung',
      intro: 'Wir haben Ihre Bestellung {{ order.reference }} erhalten und bereiten sie vor.',
      action: 'Bestellung ansehen',
    },
    payment_received: {
      subject: 'Zahlung erhalten: Bestellung {{ order.reference }}',
      heading: 'Ihre Zahlung ist da',
      intro: 'Vielen Dank. Ihre Zahlung zur Bestellung {{ order.reference }} ist eingegangen.',
      action: 'Bestellung ansehen',
    },
    order_status: {
      subject: 'Neues zu Ihrer Bestellung {{ order.reference }}',
      heading: 'Stand Ihrer Bestellung: {{ status }}',
      intro: 'Der Status Ihrer Bestellung {{ order.reference }} hat sich geändert.',
      action: 'Bestellung ansehen',
    },
    order_shipped: {
      subject: 'Ihre Bestellung {{ order.reference }} ist unterwegs',
      heading: 'Ihre Bestellung ist unterwegs',
      intro:
        '{% if order.isFulfilled %}Ihre Bestellung {{ order.reference }} wurde vollständig übergeben.{% else %}Ein Teil Ihrer Bestellung {{ order.reference }} wurde übergeben. Der Rest folgt.{% endif %}',
      action: 'Bestellung ansehen',
    },
    order_cancelled: {
      subject: 'Ihre Bestellung {{ order.reference }} wurde storniert',
      heading: 'Ihre Bestellung wurde storniert',
      intro: 'Ihre Bestellung {{ order.reference }} wurde storniert. Was Sie bezahlt haben, wird ganz erstattet.',
      action: 'Bestellung ansehen',
    },
    order_refunded: {
      subject: 'Erstattung zur Bestellung {{ order.reference }}',
      heading: 'Ihre Erstattung ist unterwegs',
      intro:
        'Wir haben {% if refund.amount %}{{ refund.amount }}{% else %}Ihre Zahlung{% endif %} zur Bestellung {{ order.reference }} auf dem Weg erstattet, auf dem Sie bezahlt haben. Bis zur Gutschrift kann es einige Tage dauern.',
      action: 'Bestellung ansehen',
    },
    order_link: {
      subject: 'Der Link zu Ihrer Bestellung {{ order.reference }}',
      heading: 'Hier ist Ihre Bestellung',
      intro:
        'Jemand, wahrscheinlich Sie selbst, hat nach dem Link zur Bestellung {{ order.reference }} gefragt. Wenn Sie es nicht waren, müssen Sie nichts tun.',
      action: 'Bestellung ansehen',
    },
    cart_abandoned: {
      subject: 'Ihr Warenkorb bei {{ shop.name }} wartet',
      heading: 'Ihr Warenkorb ist noch da',
      intro: 'Sie haben etwas in Ihrem Warenkorb gelassen. Mit diesem Link finden Sie ihn wieder, auf jedem Gerät.',
      action: 'Zum Warenkorb',
    },
  },
}

/** The words by language; English stands in for all others. */
export const EMAIL_WORDS: Readonly<Record<string, EmailWords>> = { en: EN, de: DE }
