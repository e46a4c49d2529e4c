// What templates of e-mails see: plain texts and numbers, said as the language says them. Amounts are formatted from integers by way of decimal text,
// so that none is rounded. Nothing of a cart's contact data is among them but its e-mail address: who reads the mail may not be who filled the cart.
import type { Adjustment } from '../core/adjustment.ts'
import type { Address, Options } from '../core/cart.ts'
import { exponentOf, formatDecimal } from '../core/currency.ts'
import type { Fulfilment } from '../core/fulfilment.ts'
import type { Money } from '../core/money.ts'
import type { OrderLine, ServedOrder } from '../core/order.ts'
import type { PricedCart, PricedLine, Totals } from '../core/pricing.ts'

/** How a language says amounts, dates and countries. */
interface Voice {
  money(money: Money): string
  date(moment: string): string
  country(code: string): string
}

const voices = new Map<string, Voice>()

function voiceOf(language: string): Voice {
  const known = voices.get(language)
  if (known) return known
  const formats = new Map<string, Intl.NumberFormat>()
  const dates = new Intl.DateTimeFormat(language, { dateStyle: 'long', timeZone: 'UTC' })
  const countries = new Intl.DisplayNames(language, { type: 'region', fallback: 'code' })
  const voice: Voice = {
    money({ amount, currency }) {
      const digits = exponentOf(currency) ?? 0
      const style = { style: 'currency', currency, minimumFractionDigits: digits, maximumFractionDigits: digits } as const
      const format = formats.get(currency) ?? new Intl.NumberFormat(language, style)
      formats.set(currency, format)
      return format.format(formatDecimal(amount, currency) as `${number}`)
    },
    date: (moment) => dates.format(new Date(moment)),
    country: (code) => countries.of(code) ?? code,
  }
  // As many as there are tags that shops may name, in the worst case; a shop has at most twenty.
  if (voices.size < 1000) voices.set(language, voice)
  return voice
}

/** What templates see of an order. */
export function orderValues(order: ServedOrder, language: string) {
  const say = voiceOf(language)
  return {
    ...contentValues(order, order.lines, order.adjustments, say),
    id: order.id,
    number: order.number ?? '',
    reference: order.reference ?? order.number ?? order.id,
    state: order.state,
    status: order.status,
    paymentState: order.paymentState,
    fulfilmentState: order.fulfilmentState,
    isFulfilled: order.fulfilmentState === 'FULFILLED',
    date: order.orderedAt === null ? '' : say.date(order.orderedAt),
    email: order.email ?? '',
    note: order.note ?? '',
    currency: order.currency,
    shippingMethod: order.shippingMethod ?? '',
    paymentInstructions: instructionsOf(order),
    shippingAddress: addressLines(order.shippingAddress, say),
    billingAddress: addressLines(order.billingAddress, say),
    paidTotal: say.money(order.paidTotal),
    refundedTotal: say.money(order.refundedTotal),
    outstandingTotal: say.money(owedOf(order)),
    isPaid: order.paidTotal.amount > 0,
    isRefunded: order.refundedTotal.amount > 0,
    isReturned: isReturned(order),
    isOutstanding: owedOf(order).amount > 0,
  }
}

/** What the customer still has to pay. Money that was given back for what stays delivered is a present: nobody is asked for it again. */
function owedOf({ state, outstandingTotal, refundedTotal, cancelledTotal }: ServedOrder): Money {
  const given = Math.max(0, refundedTotal.amount - cancelledTotal.amount)
  const amount = state === 'CANCELLED' ? 0 : Math.max(0, outstandingTotal.amount - given)
  return { ...outstandingTotal, amount }
}

/** What the customer was told to do to pay what is still owed. */
function instructionsOf(order: ServedOrder): string {
  if (owedOf(order).amount === 0) return ''
  return order.payments.findLast(({ state: each, instructions }) => each === 'PENDING' && instructions !== null)?.instructions ?? ''
}

/** Whether everything that was paid went back, or is on its way. */
function isReturned({ paidTotal, refunds }: ServedOrder): boolean {
  const returning = refunds.reduce((total, { state, amount }) => total + (state === 'FAILED' ? 0 : amount.amount), 0)
  return paidTotal.amount > 0 && returning >= paidTotal.amount
}

/**
 * What templates see of a parcel: the one that a change told, else the last that is on its way. All of it is empty where there is none; its note is for
 * the customer.
 */
export function fulfilmentValues(order: ServedOrder, id: unknown, language: string) {
  const left = order.fulfilments.filter(({ state }) => state === 'SHIPPED' || state === 'DELIVERED')
  const parcel: Fulfilment | undefined = order.fulfilments.find((each) => each.id === id) ?? left.at(-1)
  const names = new Map(order.lines.map((line) => [line.id, line.name]))
  return {
    carrier: parcel?.carrier ?? '',
    trackingNumber: parcel?.trackingNumber ?? '',
    trackingUrl: parcel?.trackingUrl ?? '',
    expected: parcel?.expectedAt ? voiceOf(language).date(parcel.expectedAt) : '',
    note: parcel?.note ?? '',
    lines: (parcel?.lines ?? []).map(({ lineId, quantity }) => ({ name: names.get(lineId) ?? '', quantity })),
  }
}

/**
 * What templates see of a cart: what can be bought of it, without what was typed into it. Anybody may fill a cart and name somebody else's address: no
 * words of theirs are sent there.
 */
export function cartValues(cart: PricedCart, language: string) {
  const lines = cart.lines.flatMap((line) => (line.state === 'AVAILABLE' ? [{ ...line, options: {}, note: null }] : []))
  return { ...contentValues(cart, lines, cart.adjustments, voiceOf(language)), id: cart.id, number: cart.number, email: cart.email ?? '' }
}

/** An amount as the language says it. */
export function amountText(money: Money, language: string): string {
  return voiceOf(language).money(money)
}

function contentValues(totals: Totals, lines: readonly (PricedLine | OrderLine)[], ofShipping: readonly Adjustment[], say: Voice) {
  const adjustments = [...lines.flatMap((line) => line.adjustments), ...ofShipping]
  const discounts = summed(
    adjustments.filter(({ type }) => type === 'promotion'),
    say,
  )
  const taxes = adjustments.filter(({ type }) => type === 'tax')
  return {
    lines: lines.map((line) => lineValues(line, say)),
    itemCount: lines.reduce((count, line) => count + line.quantity, 0),
    discounts,
    addedTaxes: summed(
      taxes.filter(({ included }) => !included),
      say,
    ),
    includedTaxes: summed(
      taxes.filter(({ included }) => included),
      say,
    ),
    hasShipping: totals.shippingTotal.amount !== 0 || ofShipping.length > 0,
    itemTotal: say.money(totals.itemTotal),
    discountTotal: say.money(totals.discountTotal),
    shippingTotal: say.money(totals.shippingTotal),
    total: say.money(totals.total),
  }
}

function lineValues(line: PricedLine | OrderLine, say: Voice) {
  const options = optionTexts(line.options)
  const note = line.note === null || line.note === '' ? [] : [line.note]
  return {
    name: line.name,
    variantName: line.variantName,
    sku: line.sku ?? '',
    quantity: line.quantity,
    options,
    note: line.note ?? '',
    /** What stands below the name. */
    details: [...(line.variantName === '' ? [] : [line.variantName]), ...options, ...note],
    unitPrice: say.money(line.unitPrice),
    itemTotal: say.money(line.itemTotal),
    total: say.money(line.total),
    isGift: line.giftOf !== null,
    cancelled: 'cancelledQuantity' in line ? line.cancelledQuantity : 0,
    fulfilled: 'fulfilledQuantity' in line ? line.fulfilledQuantity : 0,
  }
}

function optionTexts(options: Options): string[] {
  return Object.entries(options).map(([name, value]) => `${name}: ${value}`)
}

/** Adjustments of the same name as one row. Sums of parts of a total are exact where the total is. */
function summed(adjustments: readonly Adjustment[], say: Voice): { label: string; amount: string }[] {
  const rows = Map.groupBy(adjustments, ({ label }) => label)
  return [...rows].flatMap(([label, parts]) => {
    const amount = parts.reduce((total, part) => total + part.amount.amount, 0)
    const currency = parts[0]?.amount.currency ?? ''
    return amount === 0 ? [] : [{ label, amount: say.money({ amount, currency }) }]
  })
}

/** Where the postal code stands behind the place; elsewhere it stands before it. */
const CODE_LAST: readonly string[] = ['US', 'CA', 'AU', 'NZ', 'GB', 'IE', 'IN']

function addressLines(address: Address | null, say: Voice): string[] {
  if (address === null) return []
  const { name, company, line1, line2, city, postalCode, region, country, phone } = address
  const place = CODE_LAST.includes(country)
    ? [city, [region, postalCode].filter(Boolean).join(' ')].filter(Boolean).join(', ')
    : [[postalCode, city].filter(Boolean).join(' '), region].filter(Boolean).join(', ')
  return [name, company, line1, line2, place, say.country(country), phone].flatMap((part) => (part ? [part] : []))
}
