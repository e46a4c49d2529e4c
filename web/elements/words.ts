// Every text of the elements, in each language they speak: one typed table, so that a text that is missing in a language is a type error.
// What the server says (notices, refusals) comes in words already.
import type { MergeReport } from '../../src/client/joining.ts'

/** The texts of one language. */
export interface Words {
  readonly cart: string
  readonly openCart: (count: number) => string
  readonly changedElsewhere: (count: number) => string
  readonly close: string
  readonly empty: string
  readonly emptyHint: string
  readonly loading: string
  readonly offline: string
  /** Offline, with changes that wait. */
  readonly kept: string
  readonly retry: string
  readonly failed: string
  readonly quantity: string
  readonly quantityOf: (name: string) => string
  readonly fewer: (name: string) => string
  readonly more: (name: string) => string
  readonly variant: string
  readonly addToCart: string
  readonly adding: string
  readonly added: (name: string, pieces: number) => string
  readonly soldOut: string
  readonly amount: string
  readonly otherAmount: string
  readonly amountBetween: (from: string | null, to: string | null) => string
  readonly plan: string
  readonly subscribe: string
  readonly subscribed: string
  readonly seePlans: string
  readonly perInterval: (price: string, interval: string) => string
  readonly interval: (count: number, unit: 'D' | 'W' | 'M' | 'Y') => string
  readonly signInFirst: string
  readonly signIn: string
  readonly each: string
  readonly gift: string
  readonly unavailable: string
  readonly buy: string
  readonly buyOnly: (name: string) => string
  readonly remove: string
  readonly removeLine: (name: string) => string
  readonly removed: (name: string) => string
  readonly clear: string
  readonly clearQuestion: string
  readonly clearYes: string
  readonly keep: string
  readonly cleared: string
  readonly merged: string
  readonly outcomes: Readonly<Record<MergeReport['lines'][number]['outcome'], (got: number, asked: number) => string>>
  readonly understood: string
  readonly code: string
  readonly applyCode: string
  readonly codeApplied: (code: string) => string
  readonly codeWaits: string
  readonly removeCode: (code: string) => string
  readonly items: string
  readonly discount: string
  readonly shipping: string
  readonly free: string
  readonly paymentMethod: string
  readonly shippingFrom: (price: string) => string
  readonly tax: string
  readonly includedTax: string
  readonly total: string
  readonly estimated: string
  readonly updated: (total: string) => string
  readonly placeOrder: string
  readonly checkout: string
  readonly backToCart: string
  readonly contact: string
  readonly email: string
  readonly address: string
  readonly billingAddress: string
  readonly sameAddress: string
  readonly fields: Readonly<Record<AddressField, string>>
  readonly optional: string
  readonly choose: string
  readonly required: (field: string) => string
  readonly emailWrong: string
  readonly shippingMethod: string
  readonly shippingAfterAddress: string
  readonly noShipping: string
  readonly summary: string
  readonly partial: string
  readonly pay: (total: string) => string
  readonly orderAndPay: string
  readonly orderFree: string
  readonly paying: string
  readonly priceChanged: (total: string) => string
  readonly correct: string
  readonly order: (number: string) => string
  readonly noOrder: string
  readonly noOrderHint: string
  readonly payNow: string
  readonly orderStatus: Readonly<Record<OrderStage, readonly [title: string, text: string]>>
  readonly track: string
}

/** Fields of a postal address, in the order in which they are asked. */
export type AddressField = 'name' | 'company' | 'line1' | 'line2' | 'postalCode' | 'city' | 'region' | 'country'

/** How an order stands, for its customer. */
export type OrderStage = 'unpaid' | 'pending' | 'failed' | 'placed' | 'sent' | 'completed' | 'cancelled' | 'expired'

const en: Words = {
  cart: 'Cart',
  openCart: (count) => (count === 1 ? 'Cart, 1 item' : `Cart, ${count} items`),
  changedElsewhere: (count) => `Your cart was changed elsewhere: ${count === 1 ? '1 item' : `${count} items`} now.`,
  close: 'Close',
  empty: 'Your cart is empty',
  emptyHint: 'What you add will be waiting for you here.',
  loading: 'One moment …',
  offline: 'You are offline. We try again as soon as you are back.',
  kept: 'You are offline. Your changes are kept here and sent as soon as you are back.',
  retry: 'Try again',
  failed: 'This did not work. Please try again.',
  quantity: 'Quantity',
  quantityOf: (name) => `Quantity of ${name}`,
  fewer: (name) => `One less: ${name}`,
  more: (name) => `One more: ${name}`,
  variant: 'Variant',
  addToCart: 'Add to cart',
  adding: 'Adding …',
  added: (name, pieces) => `${name} is in your cart${pieces > 1 ? ` ${pieces} times` : ''}.`,
  soldOut: 'Sold out',
  amount: 'Amount',
  otherAmount: 'Other amount',
  amountBetween: (from, to) =>
    from && to ? `From ${from} to ${to}` : from ? `At least ${from}` : to ? `At most ${to}` : 'Enter an amount, like 12.50',
  plan: 'Plan',
  subscribe: 'Subscribe',
  subscribed: 'You are subscribed.',
  seePlans: 'See plans',
  perInterval: (price, interval) => `${price} ${interval}`,
  interval: (count, unit) => {
    const name = { D: 'day', W: 'week', M: 'month', Y: 'year' }[unit]
    return count === 1 ? `per ${name}` : `every ${count} ${name}s`
  },
  signInFirst: 'Please sign in first.',
  signIn: 'Sign in',
  each: 'each',
  gift: 'A gift',
  unavailable: 'Not available',
  buy: 'Buy',
  buyOnly: (name) => `Buy only ${name}`,
  remove: 'Delete',
  removeLine: (name) => `Delete ${name}`,
  removed: (name) => `${name} was removed.`,
  clear: 'Clear cart',
  clearQuestion: 'Remove everything from your cart?',
  clearYes: 'Yes, clear it',
  keep: 'Keep it',
  cleared: 'Your cart is empty now.',
  merged: 'What you had before is in your cart now.',
  outcomes: {
    added: (got) => `${got} added`,
    combined: (got) => `${got} together with what was there`,
    clamped: (got, asked) => `${got} of ${asked}, there are no more`,
    unavailable: () => 'not available at the moment',
    rejected: () => 'set aside',
  },
  understood: 'OK',
  code: 'Promotion code',
  applyCode: 'Apply',
  codeApplied: (code) => `The code ${code} was applied.`,
  codeWaits: 'does not apply yet',
  removeCode: (code) => `Remove the code ${code}`,
  items: 'Items',
  discount: 'Discount',
  shipping: 'Shipping',
  free: 'Free',
  paymentMethod: 'Payment',
  shippingFrom: (price) => `from ${price}`,
  tax: 'Tax',
  includedTax: 'of which tax',
  total: 'Total',
  estimated: 'estimated',
  updated: (total) => `The total is ${total}.`,
  placeOrder: 'Place order',
  checkout: 'Checkout',
  backToCart: 'Back to cart',
  contact: 'Contact',
  email: 'E-mail',
  address: 'Shipping address',
  billingAddress: 'Billing address',
  sameAddress: 'The billing address is the same',
  fields: {
    name: 'Name',
    company: 'Company',
    line1: 'Street and number',
    line2: 'Apartment, floor',
    postalCode: 'Postal code',
    city: 'City',
    region: 'State or region',
    country: 'Country',
  },
  optional: 'optional',
  choose: 'Choose …',
  required: (field) => `${field}: please fill this in.`,
  emailWrong: 'Enter an e-mail address like robin@example.com.',
  shippingMethod: 'Shipping method',
  shippingAfterAddress: 'Shipping methods appear when the address is complete.',
  noShipping: 'We cannot ship to this address.',
  summary: 'Your order',
  partial: 'Shipping and taxes are worked out with the order.',
  pay: (total) => `Pay ${total}`,
  orderAndPay: 'Continue to payment',
  orderFree: 'Place order',
  paying: 'Placing your order …',
  priceChanged: (total) => `Something changed: the total is ${total} now. Look it over and confirm again.`,
  correct: 'Please look at the marked fields.',
  order: (number) => `Order ${number}`,
  noOrder: 'There is no order to show',
  noOrderHint: 'Open this page through the link in your order e-mail.',
  payNow: 'Pay now',
  orderStatus: {
    unpaid: ['Waiting for payment', 'Your order is kept for you. It is placed as soon as it is paid.'],
    pending: ['Payment is being confirmed', 'This takes a moment. You can leave this page open.'],
    failed: ['The payment did not go through', 'Nothing was charged. You can try again.'],
    placed: ['Thank you', 'Your order is placed and we are preparing it.'],
    sent: ['On its way', 'Your order has left us.'],
    completed: ['Completed', 'Everything of this order was delivered.'],
    cancelled: ['Cancelled', 'This order was cancelled.'],
    expired: ['Expired', 'This order was not paid in time. Nothing was charged.'],
  },
  track: 'Track the parcel',
}

const de: Words = {
  cart: 'Warenkorb',
  openCart: (count) => `Warenkorb, ${count} Artikel`,
  changedElsewhere: (count) => `Ihr Warenkorb wurde anderswo geändert: jetzt ${count} Artikel.`,
  close: 'Schließen',
  empty: 'Ihr Warenkorb ist leer',
  emptyHint: 'Was Sie hineinlegen, wartet hier auf Sie.',
  loading: 'Einen Moment …',
  offline: 'Sie sind offline. Sobald die Verbindung steht, geht es weiter.',
  kept: 'Sie sind offline. Ihre Änderungen bleiben hier und werden gesendet, sobald die Verbindung steht.',
  retry: 'Erneut versuchen',
  failed: 'Das hat nicht geklappt. Bitte versuchen Sie es erneut.',
  quantity: 'Menge',
  quantityOf: (name) => `Menge von ${name}`,
  fewer: (name) => `Eins weniger: ${name}`,
  more: (name) => `Eins mehr: ${name}`,
  variant: 'Variante',
  addToCart: 'In den Warenkorb',
  adding: 'Wird hinzugefügt …',
  added: (name, pieces) => `${name} liegt ${pieces > 1 ? `${pieces}-mal ` : ''}im Warenkorb.`,
  soldOut: 'Ausverkauft',
  amount: 'Betrag',
  otherAmount: 'Anderer Betrag',
  amountBetween: (from, to) =>
    from && to ? `Von ${from} bis ${to}` : from ? `Mindestens ${from}` : to ? `Höchstens ${to}` : 'Geben Sie einen Betrag ein, etwa 12,50',
  plan: 'Tarif',
  subscribe: 'Abonnieren',
  subscribed: 'Sie haben abonniert.',
  seePlans: 'Tarife ansehen',
  perInterval: (price, interval) => `${price} ${interval}`,
  interval: (count, unit) => {
    const [one, many] = { D: ['Tag', 'Tage'], W: ['Woche', 'Wochen'], M: ['Monat', 'Monate'], Y: ['Jahr', 'Jahre'] }[unit]
    return count === 1 ? `pro ${one}` : `alle ${count} ${many}`
  },
  signInFirst: 'Bitte melden Sie sich zuerst an.',
  signIn: 'Anmelden',
  each: 'pro Stück',
  gift: 'Geschenk',
  unavailable: 'Nicht verfügbar',
  buy: 'Kaufen',
  buyOnly: (name) => `Nur ${name} kaufen`,
  remove: 'Löschen',
  removeLine: (name) => `${name} löschen`,
  removed: (name) => `${name} wurde entfernt.`,
  clear: 'Warenkorb leeren',
  clearQuestion: 'Alles aus dem Warenkorb entfernen?',
  clearYes: 'Ja, leeren',
  keep: 'Behalten',
  cleared: 'Ihr Warenkorb ist jetzt leer.',
  merged: 'Was Sie vorher hatten, liegt jetzt in Ihrem Warenkorb.',
  outcomes: {
    added: (got) => `${got} hinzugefügt`,
    combined: (got) => `${got} zusammen mit dem, was da war`,
    clamped: (got, asked) => `${got} von ${asked}, mehr gibt es nicht`,
    unavailable: () => 'zurzeit nicht verfügbar',
    rejected: () => 'beiseitegelegt',
  },
  understood: 'OK',
  code: 'Gutscheincode',
  applyCode: 'Einlösen',
  codeApplied: (code) => `Der Code ${code} wurde eingelöst.`,
  codeWaits: 'gilt noch nicht',
  removeCode: (code) => `Code ${code} entfernen`,
  items: 'Artikel',
  discount: 'Rabatt',
  shipping: 'Versand',
  free: 'Kostenlos',
  paymentMethod: 'Zahlung',
  shippingFrom: (price) => `ab ${price}`,
  tax: 'Steuer',
  includedTax: 'darin Steuer',
  total: 'Summe',
  estimated: 'geschätzt',
  updated: (total) => `Die Summe ist ${total}.`,
  placeOrder: 'Bestellen',
  checkout: 'Zur Kasse',
  backToCart: 'Zurück zum Warenkorb',
  contact: 'Kontakt',
  email: 'E-Mail',
  address: 'Lieferadresse',
  billingAddress: 'Rechnungsadresse',
  sameAddress: 'Die Rechnungsadresse ist dieselbe',
  fields: {
    name: 'Name',
    company: 'Firma',
    line1: 'Straße und Hausnummer',
    line2: 'Adresszusatz',
    postalCode: 'Postleitzahl',
    city: 'Ort',
    region: 'Bundesland oder Region',
    country: 'Land',
  },
  optional: 'freiwillig',
  choose: 'Bitte wählen …',
  required: (field) => `${field}: bitte ausfüllen.`,
  emailWrong: 'Geben Sie eine E-Mail-Adresse wie robin@example.com ein.',
  shippingMethod: 'Versandart',
  shippingAfterAddress: 'Die Versandarten erscheinen, sobald die Adresse vollständig ist.',
  noShipping: 'An diese Adresse können wir nicht liefern.',
  summary: 'Ihre Bestellung',
  partial: 'Versand und Steuern ergeben sich mit der Bestellung.',
  pay: (total) => `${total} bezahlen`,
  orderAndPay: 'Weiter zur Zahlung',
  orderFree: 'Bestellen',
  paying: 'Ihre Bestellung wird aufgegeben …',
  priceChanged: (total) => `Etwas hat sich geändert: Die Summe ist jetzt ${total}. Bitte prüfen und bestätigen Sie noch einmal.`,
  correct: 'Bitte prüfen Sie die markierten Felder.',
  order: (number) => `Bestellung ${number}`,
  noOrder: 'Keine Bestellung',
  noOrderHint: 'Öffnen Sie diese Seite über den Link in Ihrer Bestell-E-Mail.',
  payNow: 'Jetzt bezahlen',
  orderStatus: {
    unpaid: ['Zahlung steht aus', 'Ihre Bestellung ist vorgemerkt. Sie wird aufgegeben, sobald sie bezahlt ist.'],
    pending: ['Zahlung wird bestätigt', 'Das dauert einen Moment. Sie können diese Seite offen lassen.'],
    failed: ['Die Zahlung hat nicht geklappt', 'Es wurde nichts abgebucht. Sie können es erneut versuchen.'],
    placed: ['Vielen Dank', 'Ihre Bestellung ist eingegangen, und wir bereiten sie vor.'],
    sent: ['Unterwegs', 'Ihre Bestellung hat uns verlassen.'],
    completed: ['Abgeschlossen', 'Alles aus dieser Bestellung wurde geliefert.'],
    cancelled: ['Storniert', 'Diese Bestellung wurde storniert.'],
    expired: ['Abgelaufen', 'Diese Bestellung wurde nicht rechtzeitig bezahlt. Es wurde nichts abgebucht.'],
  },
  track: 'Sendung verfolgen',
}

const LANGUAGES: Readonly<Record<string, Words>> = { en, de }

/** The texts for a language tag like `de-AT`; English where the elements do not speak it. */
export function wordsFor(language: string): Words {
  return LANGUAGES[language.split('-', 1)[0]?.toLowerCase() ?? ''] ?? en
}
