// Everything a price rests on, as text: the cart and what was known when it was priced. Prices are a function of these two and of nothing else, so
// the same text gives the same price anywhere: on another node, at a developer's desk, in a browser. No secret is in it, but what the cart says of
// its customer is.
import { type Cart, parseCart } from './cart.ts'
import type { Facts } from './facts.ts'
import { PRICING_REVISION } from './pricing.ts'
import { giftOf } from './promotion.ts'

/** A value as JSON can say it: maps are lists of their entries. */
type Plain<T> =
  T extends ReadonlyMap<infer Key, infer Value>
    ? readonly (readonly [Key, Plain<Value>])[]
    : T extends readonly (infer Item)[]
      ? readonly Plain<Item>[]
      : T extends object
        ? { readonly [Name in keyof T]: Plain<T[Name]> }
        : T

/** What is written down. The type follows the facts: one more map among them does not compile until it is written and read here. */
interface Recorded {
  /** Of the pricing code that was at work: another revision may give another price. */
  readonly revision: number
  readonly cart: Cart
  readonly facts: Plain<Omit<Facts, 'shop'>> & Pick<Facts, 'shop'>
}

/**
 * A cart and its facts as JSON text, without what pricing this cart does not look at: other products, other codes, and who signs the shop's tokens.
 * `replay` reads it.
 */
export function factsText(cart: Cart, facts: Facts): string {
  const gifts = [...facts.promotions.values()].flatMap((promotion) => giftOf(promotion) ?? [])
  const skus = new Set([...cart.lines.flatMap((line) => line.sku ?? []), ...gifts])
  const { now, epoch, lastEdge, hasOrdered, quotes, shop } = facts
  const recorded: Recorded = {
    revision: PRICING_REVISION,
    cart,
    facts: {
      now,
      epoch,
      lastEdge,
      shop: { ...shop, settings: { ...shop.settings, access: { ...shop.settings.access, issuers: [] } } },
      variants: [...facts.variants].filter(([sku]) => skus.has(sku)),
      stock: [...facts.stock].filter(([sku]) => skus.has(sku)),
      promotions: [...facts.promotions],
      codes: [...facts.codes].filter(([code]) => cart.codes.includes(code)),
      limits: [...facts.limits].filter(([promotionId]) => facts.promotions.has(promotionId)),
      hasOrdered,
      quotes,
    },
  }
  return JSON.stringify(recorded)
}

/** What a text replays: `priceCart` answers for this cart and these facts what it answered then, if `revision` is still `PRICING_REVISION`. */
export interface Replay {
  readonly revision: number
  readonly cart: Cart
  readonly facts: Facts
}

/** Reads a text that `factsText` wrote; null where it is JSON of another form. */
export function replay(text: string): Replay | null {
  const recorded = JSON.parse(text) as unknown
  if (!isRecorded(recorded)) return null
  const { variants, stock, promotions, codes, limits, quotes, ...plain } = recorded.facts
  return {
    revision: recorded.revision,
    cart: parseCart(JSON.stringify(recorded.cart)),
    facts: {
      ...plain,
      variants: new Map(variants),
      stock: new Map(stock),
      promotions: new Map(promotions),
      codes: new Map(codes),
      limits: new Map(limits),
      quotes,
    },
  }
}

function isRecorded(value: unknown): value is Recorded {
  const { cart, facts } = (value ?? {}) as { cart?: Partial<Cart>; facts?: Partial<Recorded['facts']> }
  const lists = [cart?.lines, facts?.variants, facts?.stock, facts?.promotions, facts?.codes, facts?.limits]
  return lists.every(Array.isArray) && facts?.shop?.settings !== undefined && facts.quotes !== undefined
}
