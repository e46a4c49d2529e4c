// A cart as it will probably be: the one that the server had, with the changes that it has not answered. Lines, prices and tiers come from the same
// code that the server prices with, and from products as everybody may read them. Discounts, shipping and taxes stay as they were: what decides
// them is never sent to a shopper. Loaded on first use.
import { canonicalOptions, lineKey, lineTotal, money, quantitiesOf } from '../core/cart.ts'
import { sum } from '../core/money.ts'
import type { PricedCart, PricedLine } from '../core/pricing.ts'
import { type Price, priceOf, UNSHIPPED_KINDS, type Variant } from '../core/product.ts'
import type { Client, OutputOf } from './client.ts'
import type { Change, Command } from './queue.ts'

/** A product as it is answered. */
export type Product = OutputOf<'GET /v1/shops/{shop}/products/{product}'>

type Item = Extract<Command, { add: unknown }>['add']['lines'][number]

/** What is known besides the cart. */
export interface Known {
  /** Products that were read, by the skus of their variants. */
  readonly products: Map<string, Product>
  /** Products that were asked for because of a line, by their handles. */
  readonly asked: Set<string>
  /** Lines as they were shown before the server made them. */
  lines: readonly PricedLine[]
  /** How the server calls them now. */
  readonly made: Map<string, string>
  /** How a line is called that the server has not made yet. */
  newLineId(changeId: string, index: number): string
  /** The line that a change is about, or null. */
  lineIdOf(change: Change): string
}

/** Reads the tiers of what is changed, once per product. */
export function readAbout(cart: PricedCart, changes: readonly Change[], client: Client, { products, asked, lineIdOf }: Known): void {
  for (const change of changes) {
    const line = cart.lines.find(({ id }) => id === lineIdOf(change))
    if (!line?.handle || line.sku === null || products.has(line.sku) || asked.has(line.handle)) continue
    asked.add(line.handle)
    client.call('GET /v1/shops/{shop}/products/{product}', { params: { product: line.handle } }).catch(() => {
      // Without it the line is shown at the price it has.
    })
  }
}

/** Notes which lines the server made of what was shown. */
export function nameLines(
  answered: readonly Change[],
  cart: PricedCart,
  before: PricedCart | null,
  { products, made, newLineId }: Known,
): void {
  // Lines that stand for themselves are alike: each is one that was not there before, in the order they were made.
  const fresh = cart.lines.filter(({ id }) => !before?.lines.some((line) => line.id === id))
  for (const { id, command } of answered) {
    if (!('add' in command)) continue
    for (const [index, item] of command.add.lines.entries()) {
      const own = item.keepSeparate ? fresh : cart.lines
      const line = lineMadeOf(item, own, products) ?? own.findLast(({ sku }) => sku === item.sku)
      if (item.keepSeparate && line) fresh.splice(fresh.indexOf(line), 1)
      if (line) made.set(newLineId(id, index), line.id)
    }
  }
}

/** Lines of a shown cart that changes of these will make, kept for a time when nothing is known of their products. */
export function keepLines(shown: PricedCart | null, changes: readonly Change[], known: Known): void {
  const all = new Map([...known.lines, ...(shown?.lines ?? [])].map((line) => [line.id, line]))
  // A line that is not made yet has the id of its change in its own.
  known.lines = [...all.values()].filter(({ id }) => changes.some((change) => id.includes(change.id)))
}

/** The cart with these changes. What cannot be told (an item that was never read about, a limit, a code) is left to the server. */
export function withChanges(cart: PricedCart, changes: readonly Change[], known: Known): PricedCart {
  let shown = cart
  // Pieces of items that nothing is known of are counted, so that a badge moves, but not shown.
  let unknown = 0
  for (const { id, command } of changes) {
    if ('add' in command) {
      for (const [index, item] of command.add.lines.entries()) {
        const added = withItem(shown, item, known.newLineId(id, index), known)
        if (added) shown = added
        else unknown += item.quantity ?? 1
      }
    } else if ('set' in command) {
      const { lineId, quantity } = command.set
      if (quantity !== undefined) shown = withQuantity(shown, lineId, quantity, known)
    } else if ('remove' in command) shown = withQuantity(shown, command.remove.lineId, 0, known)
    else if ('clear' in command) {
      unknown = 0
      shown = totalled({ ...shown, lines: [] })
    } else if ('removeCode' in command) {
      const { code } = command.removeCode
      shown = { ...shown, codes: shown.codes.filter((each) => each.code.toLowerCase() !== code.trim().toLowerCase()) }
    } else if ('acknowledge' in command) {
      const { acknowledge } = command
      shown = { ...shown, notices: acknowledge === 'all' ? [] : shown.notices.filter(({ id }) => !acknowledge.includes(id)) }
    } else if ('change' in command) shown = withDetails(shown, command.change)
  }
  return { ...shown, itemCount: shown.itemCount + unknown }
}

/** The line that the server made of an item, or would add it to; null where there is none. */
function lineMadeOf(item: Item, lines: readonly PricedLine[], products: Known['products']): PricedLine | null {
  const own = products.get(item.sku ?? '')?.variants.find(({ sku }) => sku === item.sku)?.options
  const key = keyOf({ ...item, options: canonicalOptions(item.options, own) })
  return lines.find((line) => line.giftOf === null && line.priceSource !== 'inline' && keyOfLine(line) === key) ?? null
}

/** The identity of a line as far as a shopper can tell it: every attribute counts, because which of them tell lines apart is the shop's to know. */
function keyOf({ sku, options = {}, amount, plan, attributes = {} }: Item): string {
  const own = { unitPrice: null, inline: null, taxes: null, priceSource: 'catalog' } as const
  return lineKey(
    { ...own, sku: sku ?? null, options, amount: amount ?? null, plan: plan ?? null },
    attributes as PricedLine['attributes'],
    null,
  )
}

function keyOfLine({ sku, options, amount, plan, attributes }: PricedLine): string {
  const chosen = { ...(amount ? { amount: amount.amount } : {}), ...(plan === null ? {} : { plan }) }
  return keyOf({ ...(sku === null ? {} : { sku }), options, attributes, ...chosen })
}

/** The cart with one more item, or null where nothing is known of it. */
function withItem(cart: PricedCart, item: Item, id: string, known: Known): PricedCart | null {
  const { quantity = 1, sku } = item
  if (sku === undefined) return null
  const twin = item.keepSeparate === true ? null : lineMadeOf(item, cart.lines, known.products)
  if (twin) return withQuantity(cart, twin.id, twin.quantity + quantity, known)
  const made = newLine(cart, item, id, known) ?? known.lines.find((line) => line.id === id)
  if (!made) return null
  const lines = isNewestFirst(cart) ? [made, ...cart.lines] : [...cart.lines, made]
  return withQuantity({ ...cart, lines }, id, quantity, known)
}

/** A shop shows the newest line first or last; which of them can be seen where there are two. */
function isNewestFirst({ lines }: PricedCart): boolean {
  return (lines[0]?.addedAt ?? '') > (lines.at(-1)?.addedAt ?? '')
}

function newLine(cart: PricedCart, item: Item, id: string, known: Known): PricedLine | null {
  const variant = variantOf(item.sku ?? '', known)
  // Other lines of the sku count, too.
  const pieces = (quantitiesOf(cart.lines).get(variant?.sku ?? '') ?? 0) + (item.quantity ?? 1)
  const price = variant && priceIn(variant, cart, item.plan ?? null, pieces)
  const unitPrice = item.amount ?? price?.amount
  if (!variant || unitPrice === undefined) return null
  const { currency } = cart
  const { sku, productId, handle, name, variantName, image, kind, parts = [], seller = null } = variant
  const nothing = money(0, currency)
  return {
    ...{ id, sku, productId, handle, name, variantName, image, kind, parts, seller },
    quantity: 0,
    options: canonicalOptions(item.options, variant.options),
    note: item.note ?? null,
    attributes: (item.attributes ?? {}) as PricedLine['attributes'],
    amount: item.amount === undefined ? null : money(item.amount, currency),
    plan: item.plan ?? null,
    priceSource: 'catalog',
    unitPrice: money(unitPrice, currency),
    priceWhenAdded: money(unitPrice, currency),
    listPrice: price?.listAmount === undefined || item.amount !== undefined ? null : money(price.listAmount, currency),
    ...{ itemTotal: nothing, discountTotal: nothing, total: nothing },
    adjustments: [],
    requiresShipping: variant.requiresShipping && !UNSHIPPED_KINDS.includes(kind),
    taxSource: 'rates',
    giftOf: null,
    state: 'AVAILABLE',
    addedAt: new Date().toISOString(),
  }
}

/** The cart with another quantity of one line; every line of its sku is priced for as many pieces as there are now. */
function withQuantity(cart: PricedCart, lineId: string, quantity: number, known: Known): PricedCart {
  const sku = cart.lines.find(({ id }) => id === lineId)?.sku
  const lines = cart.lines.flatMap((line) => (line.id !== lineId ? line : quantity > 0 ? { ...line, quantity } : []))
  const [before = 0, after = 0] = [cart.lines, lines].map((each) => quantitiesOf(each).get(sku ?? ''))
  return totalled({ ...cart, lines: lines.map((line) => (line.sku === sku ? repriced(line, cart, [before, after], known) : line)) })
}

/**
 * A line at the price for as many pieces. A price that is not the catalogue's for what there was (an amount, a price that is held, a server's own)
 * does not follow the catalogue.
 */
function repriced(line: PricedLine, cart: PricedCart, [before, after]: readonly [number, number], known: Known): PricedLine {
  const variant = line.amount || line.priceSource !== 'catalog' ? null : variantOf(line.sku ?? '', known)
  const was = variant && priceIn(variant, cart, line.plan, before)
  const will = variant && priceIn(variant, cart, line.plan, after)
  const follows = was?.amount === line.unitPrice.amount && will
  const unitPrice = follows ? will.amount : line.unitPrice.amount
  const listPrice = follows ? (will.listAmount === undefined ? null : money(will.listAmount, cart.currency)) : line.listPrice
  const itemTotal = lineTotal(unitPrice, line.quantity) ?? line.itemTotal.amount
  const discount = Math.max(line.discountTotal.amount, -itemTotal)
  return {
    ...line,
    unitPrice: money(unitPrice, cart.currency),
    listPrice,
    itemTotal: money(itemTotal, cart.currency),
    discountTotal: money(discount, cart.currency),
    total: money(itemTotal + discount, cart.currency),
  }
}

/** Totals by the lines there are. The rest is as it was, except that nobody owes shipping or taxes, or gets discounts, for nothing. */
function totalled(cart: PricedCart): PricedCart {
  const { currency, lines } = cart
  const itemCount = lines.reduce((count, { quantity }) => count + quantity, 0)
  const items = sum(lines.map(({ itemTotal, state }) => (state === 'AVAILABLE' ? itemTotal.amount : 0)))
  if (items === null) return { ...cart, itemCount }
  const asItWas = (amount: number) => (lines.length === 0 ? 0 : amount)
  const shipping = asItWas(cart.shippingTotal.amount)
  const discount = asItWas(Math.max(cart.discountTotal.amount, -(items + shipping)))
  // A tax that is taken off prices is not more than there is.
  const tax = asItWas(Math.max(cart.additionalTaxTotal.amount, -(items + shipping + discount)))
  const total = sum([items, discount, shipping, tax]) ?? items
  return {
    ...cart,
    itemCount,
    itemTotal: money(items, currency),
    discountTotal: money(discount, currency),
    shippingTotal: money(shipping, currency),
    includedTaxTotal: money(asItWas(Math.min(cart.includedTaxTotal.amount, total)), currency),
    additionalTaxTotal: money(tax, currency),
    total: money(total, currency),
  }
}

/** What a shopper says of themselves. Another currency is other prices, which the server knows. */
function withDetails(cart: PricedCart, change: Extract<Command, { change: unknown }>['change']): PricedCart {
  const { currency: _, retention: __, attributes, ...said } = change
  const kept = Object.entries({ ...cart.attributes, ...attributes }).filter(([, value]) => value !== null)
  const details = { ...cart, ...said, attributes: Object.fromEntries(kept) as PricedCart['attributes'] }
  return {
    ...details,
    billingAddress: details.billingSameAsShipping ? details.shippingAddress : details.billingAddress,
    shippingAddress: details.shippingSameAsBilling ? details.billingAddress : details.shippingAddress,
  }
}

function priceIn(variant: Variant, cart: PricedCart, plan: string | null, quantity: number): Price | undefined {
  return priceOf(variant, cart.currency, plan, { quantity, groups: cart.customerGroups, now: Date.now() })
}

/** A variant as pricing knows it, of a product that was read; null where none was. */
function variantOf(sku: string, { products }: Known): Variant | null {
  const product = products.get(sku)
  const variant = product?.variants.find((each) => each.sku === sku)
  if (!product || !variant) return null
  const { handle, name, kind, published, taxCategory, tags, seller, plans } = product
  const { quantityStep = 1, quantityMin = 1, parts } = variant
  return {
    ...{
      sku,
      productId: product.id,
      handle,
      name,
      variantName: variant.name,
      kind,
      published,
      taxCategory,
      tags,
      quantityStep,
      quantityMin,
    },
    image: variant.image ?? product.images[0]?.src ?? null,
    options: variant.options,
    prices: variant.prices.map(priceOfWire),
    stockPolicy: variant.stockPolicy,
    requiresShipping: variant.requiresShipping,
    taxable: variant.taxable,
    grams: variant.grams,
    ...(parts ? { parts } : {}),
    ...(seller === undefined ? {} : { seller }),
    ...(plans ? { plans: plans.map((plan) => ({ ...plan, price: priceOfWire(plan.price) })) } : {}),
  }
}

function priceOfWire({
  startsAt,
  endsAt,
  ...price
}: Omit<Price, 'startsAt' | 'endsAt'> & { readonly startsAt?: string; readonly endsAt?: string }): Price {
  return {
    ...price,
    ...(startsAt === undefined ? {} : { startsAt: Date.parse(startsAt) }),
    ...(endsAt === undefined ? {} : { endsAt: Date.parse(endsAt) }),
  }
}
