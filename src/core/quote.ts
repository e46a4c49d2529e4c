// What outside engines are asked and what they answer. A tax or shipping engine computes the same plain value as the shop's own rates do (compute,
// then apply), so it replaces the first half only. Answers are facts: they were collected before pricing, and pricing looks whether the one at
// hand answers exactly the question that this cart asks now.

/** Where goods go, or where the buyer is. */
export interface Destination {
  /** ISO 3166-1 alpha-2. */
  readonly country: string
  readonly region?: string
  readonly postalCode?: string
  readonly city?: string
  readonly line1?: string
}

/** What is to be taxed: amounts in minor units, after discounts, as the shop's prices are (with or without tax). */
export interface TaxRequest {
  readonly currency: string
  readonly destination: Destination | null
  readonly lines: readonly {
    readonly id: string
    readonly sku: string | null
    readonly category: string | null
    readonly quantity: number
    readonly amount: number
  }[]
  readonly shipping: number
  /** `exempt`: owes no tax, by what was said of the cart or by one of its groups. `vatIdChecked`: a server or staff checked the number. */
  readonly customer: {
    readonly accountId: string | null
    readonly exempt: boolean
    readonly vatId: string | null
    readonly vatIdChecked: boolean
  }
}

/** One tax on one amount, in minor units. `included`: the taxed amount contains it. `id` names the rate. */
export interface TaxAmount {
  readonly id: string
  readonly name: string
  /** Decimal string, such as `19`. */
  readonly percent: string
  readonly amount: number
  readonly included: boolean
  /** Why a tax that the price contains is not charged: then `amount` takes it out of the price (<= 0), and `included` is false. */
  readonly waived?: 'exempt' | 'reverse_charge'
}

/** The same as an engine answers it and as it is kept: plain JSON. */
export interface TaxAnswer {
  readonly lines: readonly { readonly id: string; readonly taxes: readonly TaxAmount[] }[]
  readonly shipping: readonly TaxAmount[]
}

/** What taxes a cart owes: per line (by id) and on shipping. A line that is missing owes none. */
export interface TaxQuote {
  readonly lines: ReadonlyMap<string, readonly TaxAmount[]>
  readonly shipping: readonly TaxAmount[]
}

/**
 * What is to be shipped, in minor units: `amount` is the line's total after discounts, `itemTotal` that of all items, also of those that need no
 * shipping. `category` is the shipping category; `grams` are of one piece.
 */
export interface ShippingRequest {
  readonly currency: string
  readonly destination: Destination | null
  readonly lines: readonly {
    readonly id: string
    readonly sku: string | null
    readonly category: string | null
    readonly quantity: number
    readonly grams: number
    readonly amount: number
  }[]
  readonly itemTotal: number
}

/** A method that can be chosen, with its price in minor units. */
export interface ShippingQuote {
  readonly id: string
  readonly name: string
  readonly amount: number
}

/** What can be asked of an outside engine. */
export type QuoteKind = 'tax' | 'shipping'

/** An answer with the question that it belongs to (see `Wanted.text`), and when it came, in milliseconds. */
export interface Quoted<Answer> {
  readonly request: string
  readonly answer: Answer
  readonly at: number
}

/** The last answers that outside engines gave for a cart; null where none was asked. */
export interface Quotes {
  readonly tax: Quoted<TaxAnswer> | null
  readonly shipping: Quoted<readonly ShippingQuote[]> | null
}

/**
 * A question that has no answer at hand. `text` is provider and request as JSON with its keys in one order, so that the same question has the
 * same text. `needed`: the price rests on it; a list of shipping methods before one is chosen is for display only. `seen` is when the answer
 * came that was at hand and did not fit, or null.
 */
export type Wanted = { readonly provider: string; readonly text: string; readonly needed: boolean; readonly seen: number | null } & (
  | { readonly kind: 'tax'; readonly request: TaxRequest }
  | { readonly kind: 'shipping'; readonly request: ShippingRequest }
)

/** Nobody was asked. */
export const NO_QUOTES: Quotes = { tax: null, shipping: null }
