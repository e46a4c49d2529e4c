// What a cart says beside its lines: e-mail, addresses, shipping method, attributes, note, currency, and what the buyer is to the tax office.
import type { Attributes } from './attributes.ts'
import {
  type Address,
  attributesOff,
  type Cart,
  canonicalGroups,
  type Decision,
  isSameGroups,
  type Line,
  mergedAttributes,
  quantitiesOf,
  requireOpen,
  termsOf,
} from './cart.ts'
import { exponentOf } from './currency.ts'
import type { Facts } from './facts.ts'
import { priceCart } from './pricing.ts'
import { priceOf } from './product.ts'
import { isRefusal, type Refusal, refuse } from './refusal.ts'
import { normaliseVatId } from './vat.ts'

/** What `PATCH /carts/{cart}` may change; an absent field stays, null empties. */
export interface CartChanges {
  readonly email?: string | null | undefined
  readonly shippingAddress?: Address | null | undefined
  readonly billingAddress?: Address | null | undefined
  readonly billingSameAsShipping?: boolean | undefined
  readonly shippingSameAsBilling?: boolean | undefined
  readonly shippingMethod?: string | null | undefined
  /** Named attributes are set, null removes one, the others stay. */
  readonly attributes?: Attributes | undefined
  readonly note?: string | null | undefined
  readonly currency?: string | undefined
  /** How long this cart is kept (C05): a duration, `never`, or null for what the shop's settings say. Who may say so is checked before. */
  readonly retention?: string | null | undefined
  /** Groups of its customer. Who may say so is checked before. */
  readonly customerGroups?: readonly string[] | undefined
  /** The buyer's VAT id; another one is not checked any more. */
  readonly vatId?: string | null | undefined
  /** Whether somebody who may say so checked it, and whether this buyer owes no tax. Who may say so is checked before. */
  readonly vatIdChecked?: boolean | undefined
  readonly taxExempt?: boolean | undefined
}

/** Changes details of the cart. A new currency re-prices every line; if one has no price in it nothing changes (C10). */
export function changeCart(cart: Cart, changes: CartChanges, facts: Facts): Decision | Refusal {
  const closed = requireOpen(cart)
  if (closed) return closed
  const next: { -readonly [K in keyof Cart]: Cart[K] } = { ...cart }
  if (changes.email !== undefined) next.email = changes.email
  if (changes.note !== undefined) next.note = changes.note
  if (changes.retention !== undefined) next.retention = changes.retention
  const addresses = addressesOf(cart, changes)
  if (isRefusal(addresses)) return addresses
  Object.assign(next, addresses)
  if (changes.attributes !== undefined) {
    next.attributes = mergedAttributes(cart.attributes, changes.attributes)
    const refused = attributesOff(next.attributes, facts.shop.settings.attributes.cart)
    if (refused) return refused
  }
  if (changes.customerGroups !== undefined) {
    const groups = canonicalGroups(changes.customerGroups)
    if (!isSameGroups(groups, cart.customerGroups)) next.customerGroups = groups
  }
  const status = taxStatusOf(cart, changes)
  if (isRefusal(status)) return status
  Object.assign(next, status)
  if (changes.currency !== undefined) {
    const refused = currencyRefusal({ ...cart, customerGroups: next.customerGroups }, changes.currency, facts)
    if (refused) return refused
    next.currency = changes.currency
    next.currencyChosen = true
    const { currency } = changes
    if (currency !== cart.currency) next.lines = cart.lines.map((line) => reprice(line, next, cart.currency, currency, facts))
  }
  if (changes.shippingMethod !== undefined) {
    const refused = changes.shippingMethod === null ? null : methodRefusal(next, changes.shippingMethod, facts)
    if (refused) return refused
    next.shippingMethod = changes.shippingMethod
  }
  return { cart: JSON.stringify(next) === JSON.stringify(cart) ? cart : next }
}

/** The addresses with what changes of them. Each may follow the other, but not both at once. */
function addressesOf(
  cart: Cart,
  changes: CartChanges,
): Pick<Cart, 'shippingAddress' | 'billingAddress' | 'billingSameAsShipping' | 'shippingSameAsBilling'> | Refusal {
  const { shippingSameAsBilling: copies, billingSameAsShipping: billsThere } = changes
  const both = { path: '/shippingSameAsBilling', reason: 'each_as_the_other' }
  if (copies === true && billsThere === true) return refuse('invalid', both)
  if (copies === true && changes.shippingAddress) return refuse('invalid', { path: '/shippingAddress', reason: 'same_as_billing' })
  const { billingAddress = cart.billingAddress, shippingAddress = cart.shippingAddress } = changes
  const followed = cart.shippingSameAsBilling === true && changes.shippingAddress === undefined && billsThere !== true
  if (copies ?? followed)
    return { billingAddress, shippingAddress: billingAddress, billingSameAsShipping: false, shippingSameAsBilling: true }
  const given = changes.billingAddress === undefined ? cart.billingSameAsShipping : changes.billingAddress === null
  return { billingAddress, shippingAddress, billingSameAsShipping: billsThere ?? given, shippingSameAsBilling: undefined }
}

/** Whether a method is offered is found by pricing the cart: rates look at what is shipped, where to, and what is paid for it. */
function methodRefusal(cart: Cart, shippingMethod: string, facts: Facts): Refusal | null {
  const pricing = priceCart(cart, facts)
  if (isRefusal(pricing)) return pricing
  // Where an engine decides that was not asked yet, nobody can say. It is asked, and the cart tells when the choice is not offered.
  if (pricing.wanted.some(({ kind }) => kind === 'shipping')) return null
  const available = pricing.shippingQuotes.map((quote) => quote.id)
  return available.includes(shippingMethod)
    ? null
    : refuse('shipping_method_unavailable', { shippingMethod, available, path: '/shippingMethod' })
}

/** What changes of the buyer's VAT id and exemption. */
function taxStatusOf(cart: Cart, changes: CartChanges): Partial<Pick<Cart, 'vatId' | 'vatIdChecked' | 'taxExempt'>> | Refusal {
  const { vatId: given, vatIdChecked, taxExempt } = changes
  const vatId = given === undefined ? cart.vatId : given === null ? null : normaliseVatId(given)
  if (given && vatId === null) return refuse('invalid', { path: '/vatId', reason: 'not_a_vat_id', example: 'DE136695976' })
  if (vatIdChecked === true && vatId === null) return refuse('invalid', { path: '/vatIdChecked', reason: 'no_vat_id' })
  const kept = vatId === cart.vatId && cart.vatIdChecked
  return { vatId, vatIdChecked: vatIdChecked ?? kept, taxExempt: taxExempt ?? cart.taxExempt }
}

function currencyRefusal(cart: Cart, currency: string, facts: Facts): Refusal | null {
  if (exponentOf(currency) === undefined) return refuse('currency_unknown', { currency, path: '/currency' })
  if (currency === cart.currency) return null
  const { source, onMissingPrice } = facts.shop.settings.currency
  if (!source.includes('explicit'))
    return refuse('currency_mismatch', { cartCurrency: cart.currency, currencies: [currency], path: '/currency' })
  const quantities = quantitiesOf(cart.lines)
  const unpriced = cart.lines.filter((line) => {
    // Amounts that somebody named mean nothing in another currency.
    if (line.priceSource !== 'catalog' || line.amount !== null) return true
    const variant = line.sku === null ? undefined : facts.variants.get(line.sku)
    const terms = termsOf(cart, quantities.get(line.sku ?? '') ?? 0, facts)
    return onMissingPrice === 'block' && (!variant || !priceOf(variant, currency, line.plan, terms))
  })
  if (unpriced.length === 0) return null
  return refuse('currency_mismatch', {
    cartCurrency: cart.currency,
    currencies: [currency],
    lines: unpriced.map((line) => line.id),
    path: '/currency',
  })
}

/**
 * A line in another currency. What it cost when it was added is remembered per currency, so that going there and back changes nothing. Its price
 * there is for as many pieces as the one it had.
 */
function reprice(line: Line, cart: Pick<Cart, 'customerGroups'>, from: string, to: string, facts: Facts): Line {
  const variant = line.sku === null ? undefined : facts.variants.get(line.sku)
  const { [to]: known, ...others } = line.pricesElsewhere
  const priceWhenAdded = known ?? (variant && priceOf(variant, to, line.plan, termsOf(cart, line.quantityWhenAdded, facts))?.amount) ?? null
  const remembered = line.priceWhenAdded === null ? others : { ...others, [from]: line.priceWhenAdded }
  return { ...line, priceWhenAdded, pricesElsewhere: remembered }
}
