// What a cart says beside its lines: e-mail, addresses, shipping method, attributes, note, currency.
import type { Attributes } from './attributes.ts'
import { type Address, attributesOff, type Cart, type Decision, type Line, mergedAttributes, requireOpen } from './cart.ts'
import type { Facts } from './facts.ts'
import { exponentOf } from './money.ts'
import { priceOf } from './product.ts'
import { choosableMethods } from './quoting.ts'
import { type Refusal, refuse } from './refusal.ts'
import { eligibleMethods } from './shipping.ts'

/** What `PATCH /carts/{cart}` may change; an absent field stays, null empties. */
export interface CartChanges {
  readonly email?: string | null | undefined
  readonly shippingAddress?: Address | null | undefined
  readonly billingAddress?: Address | null | undefined
  readonly billingSameAsShipping?: boolean | undefined
  readonly shippingMethod?: string | null | undefined
  /** Named attributes are set, null removes one, the others stay. */
  readonly attributes?: Attributes | undefined
  readonly note?: string | null | undefined
  readonly currency?: string | undefined
  /** How long this cart is kept (C05): a duration, `never`, or null for what the shop's settings say. Who may say so is checked before. */
  readonly retention?: string | null | undefined
}

/** Changes details of the cart. A new currency re-prices every line; if one has no price in it nothing changes (C10). */
export function changeCart(cart: Cart, changes: CartChanges, facts: Facts): Decision | Refusal {
  const closed = requireOpen(cart)
  if (closed) return closed
  const next: { -readonly [K in keyof Cart]: Cart[K] } = { ...cart }
  if (changes.email !== undefined) next.email = changes.email
  if (changes.note !== undefined) next.note = changes.note
  if (changes.retention !== undefined) next.retention = changes.retention
  if (changes.shippingAddress !== undefined) next.shippingAddress = changes.shippingAddress
  if (changes.billingAddress !== undefined) {
    next.billingAddress = changes.billingAddress
    next.billingSameAsShipping = changes.billingAddress === null
  }
  if (changes.billingSameAsShipping !== undefined) next.billingSameAsShipping = changes.billingSameAsShipping
  if (changes.attributes !== undefined) {
    next.attributes = mergedAttributes(cart.attributes, changes.attributes)
    const refused = attributesOff(next.attributes, facts.shop.settings.attributes.cart)
    if (refused) return refused
  }
  if (changes.currency !== undefined) {
    const refused = currencyRefusal(cart, changes.currency, facts)
    if (refused) return refused
    next.currency = changes.currency
    next.currencyChosen = true
    const { currency } = changes
    if (currency !== cart.currency) next.lines = cart.lines.map((line) => reprice(line, cart.currency, currency, facts))
  }
  if (changes.shippingMethod !== undefined) {
    const country = next.shippingAddress?.country ?? null
    const own = eligibleMethods(facts.shop.settings, { country, currency: next.currency, itemTotal: 0 })
    const { provider } = facts.shop.settings.shipping
    // Where an engine that was not asked yet decides, pricing tells: it asks, and says so when the choice is not offered.
    const known = provider === null ? own : choosableMethods(next, provider, facts, own)
    if (changes.shippingMethod !== null && known && !known.some((method) => method.id === changes.shippingMethod)) {
      return refuse('shipping_method_unavailable', {
        shippingMethod: changes.shippingMethod,
        available: known.map((method) => method.id),
        path: '/shippingMethod',
      })
    }
    next.shippingMethod = changes.shippingMethod
  }
  return { cart: JSON.stringify(next) === JSON.stringify(cart) ? cart : next }
}

function currencyRefusal(cart: Cart, currency: string, facts: Facts): Refusal | null {
  if (exponentOf(currency) === undefined) return refuse('currency_unknown', { currency, path: '/currency' })
  if (currency === cart.currency) return null
  const { source, onMissingPrice } = facts.shop.settings.currency
  if (!source.includes('explicit'))
    return refuse('currency_mismatch', { cartCurrency: cart.currency, currencies: [currency], path: '/currency' })
  const unpriced = cart.lines.filter((line) => {
    // Amounts that somebody named mean nothing in another currency.
    if (line.priceSource !== 'catalog' || line.amount !== null) return true
    const variant = line.sku === null ? undefined : facts.variants.get(line.sku)
    return onMissingPrice === 'block' && (!variant || !priceOf(variant, currency, line.plan))
  })
  if (unpriced.length === 0) return null
  return refuse('currency_mismatch', {
    cartCurrency: cart.currency,
    currencies: [currency],
    lines: unpriced.map((line) => line.id),
    path: '/currency',
  })
}

/** A line in another currency. What it cost when it was added is remembered per currency, so that going there and back changes nothing. */
function reprice(line: Line, from: string, to: string, facts: Facts): Line {
  const variant = line.sku === null ? undefined : facts.variants.get(line.sku)
  const { [to]: known, ...others } = line.pricesElsewhere
  const priceWhenAdded = known ?? (variant && priceOf(variant, to, line.plan)?.amount) ?? null
  const remembered = line.priceWhenAdded === null ? others : { ...others, [from]: line.priceWhenAdded }
  return { ...line, priceWhenAdded, pricesElsewhere: remembered }
}
