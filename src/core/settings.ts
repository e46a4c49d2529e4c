// What a shop may decide. One structure, every key with its default and its reason; a preset is a named bundle of differences from it (C-table).
// Durations are ISO 8601 (`PT30M`, `P30D`; a day has 24 hours here, months and years are not accepted because their length is not fixed).
import { EMAIL_KINDS, type EmailKind } from './email.ts'
import { DEFAULT_LIMITS, type Limits } from './limit.ts'
import type { Rounding } from './money.ts'
import {
  CONFIRMED_STATUSES,
  DELIVERY_STATUSES,
  FREE_STATUSES,
  PLAIN_STATUSES,
  SHORT_STATUSES,
  type Statuses,
  WORKFLOW_STATUSES,
} from './order-statuses.ts'
import type { ProductKind } from './product.ts'

/** Who signs a shop's JWTs. Exactly one of `jwksUrl` and `secret`; `algorithms` is fixed here and never taken from a token. */
export interface Issuer {
  /** Short name; the account id is `<name>:<sub>`. */
  readonly name: string
  readonly iss: string
  readonly aud: string
  readonly algorithms: readonly string[]
  readonly jwksUrl?: string
  readonly secret?: string
  /** Which claim is the e-mail address. Unmapped claims are never trusted. */
  readonly emailClaim?: string
  /** Which claim says that the address is verified (`true`). Without it no address counts as verified, and nobody claims a guest's orders. */
  readonly emailVerifiedClaim?: string
  /** Which claim names the groups of the customer: a text or a list of them. Prices and promotions may depend on them. */
  readonly groupsClaim?: string
}

/**
 * A tax rate for a category in a zone. `percent` is a decimal string. Of the rates of one tax the most specific zone wins: postal codes, then
 * region, then country, then everywhere.
 */
export interface TaxRate {
  /** Names the rate in adjustments; without one it is called after what it is about (`standard/US/CA`). */
  readonly id?: string
  readonly name: string
  /** Which tax it is (`state`, `city`): rates of different taxes add up. Default `tax`. */
  readonly tax?: string
  readonly category: string
  readonly country?: string
  readonly region?: string
  /** `94103`, `941*` for all that begin so, `94000-94999` for a range; compared in upper case without spaces and hyphens. */
  readonly postalCodes?: readonly string[]
  readonly percent: string
  /** True: prices contain it (VAT). False: it is added (sales tax). */
  readonly included: boolean
  /** True: computed on the amount and the other taxes that are not compound. */
  readonly compound?: boolean
}

/** When a buyer with a VAT id accounts for the tax instead of the shop. Countries are ISO 3166-1 alpha-2, and `XI` for Northern Ireland. */
export interface ReverseCharge {
  /** The shop's own country: there it charges tax. */
  readonly home: string
  /** Countries whose VAT ids count, where the goods go to the same country. */
  readonly countries: readonly string[]
  /** Whether the right form is enough, or a server or staff must have checked the number. */
  readonly require: 'format' | 'checked'
}

/**
 * A way to ship a cart. The first of its rates that fits zone and currency is its price; without one it is not offered. It is not offered either
 * for more than `maxGrams`, or when something of `excludesCategories` (shipping categories of variants) is to be shipped.
 */
export interface ShippingMethod {
  readonly id: string
  readonly name: string
  readonly rates: readonly ShippingRate[]
  readonly maxGrams?: number
  readonly excludesCategories?: readonly string[]
}

/**
 * What a shipping method costs in a zone, per cart, in minor units of `currency`. A list that is absent restricts nothing. Postal codes are exact
 * (`94103`), a beginning (`941*`) or a range of digits (`94000-94999`), without spaces and in capitals; they and regions belong to `countries`.
 * `by` and `steps`: the last step whose `from` (grams, minor units, pieces of what is shipped) is reached takes the place of `amount`. From an item
 * total of `freeFrom` on amount and steps are 0; surcharges for categories are owed all the same.
 */
export interface ShippingRate {
  readonly countries?: readonly string[]
  readonly regions?: readonly string[]
  readonly postalCodes?: readonly string[]
  readonly currency: string
  readonly amount: number
  readonly freeFrom?: number
  readonly by?: 'weight' | 'total' | 'quantity'
  readonly steps?: readonly { readonly from: number; readonly amount: number }[]
  /** What a shipping category costs more: for each piece, or once for the cart. */
  readonly surcharges?: readonly { readonly category: string; readonly amount: number; readonly per: 'item' | 'cart' }[]
}

/** A way to pay by hand, such as by bank transfer. */
export interface ManualMethod {
  readonly id: string
  readonly name: string
  /** What the customer is told to do, as plain text: the account to pay to, and what to write on the transfer. */
  readonly instructions: string
}

/** A JSON schema as plain data. */
export type JsonSchema = { readonly [keyword: string]: unknown }

/** Every decision a shop can take. A key whose type is one single value is decided for every shop: it says what holds. */
export interface Settings {
  readonly access: {
    /** May somebody who is not logged in have a cart? (SEED0-02: no.) */
    readonly guestCarts: boolean
    /** CORS: which web origins may call; `*` is any, safe because no cookie is read outside of `/forms`. */
    readonly origins: readonly string[]
    /** Who signs the JWTs of this shop's accounts: a key set on the network or a shared secret, each with fixed algorithms. */
    readonly issuers: readonly Issuer[]
  }
  readonly cart: {
    /** Kinds of carts an owner may have, one current cart each; the first is the default (C21). */
    readonly types: readonly string[]
    /** C21: may an owner have further open carts of one type beside the current one, switch between them and forget one? */
    readonly multiple: boolean
    /** C01: is an ordered cart kept, closed, or deleted? */
    readonly onOrdered: 'close' | 'delete'
    /** C02: is a merged guest cart kept, closed, or deleted? */
    readonly onMerged: 'close' | 'delete'
    /** C06: how long after its owner's last write an open cart counts as active in lists. */
    readonly activeDuration: string
  }
  readonly lines: {
    /** How many lines a cart may have; at most 500. */
    readonly max: number
    /** What happens when a cart has that many: the new line is refused, or it takes the place of the oldest (SEED4-11). */
    readonly whenFull: 'refuse' | 'replace'
    /** How many pieces a line may have; at most 99 999. */
    readonly quantityMax: number
    /** C07: who decides how many: the shopper sets quantities, or the system counts what was added and nobody sets them. */
    readonly quantityEditing: 'editable' | 'system'
    /** Kinds that may be put into a cart (C08). */
    readonly allowKinds: readonly ProductKind[]
    /** C15: what becomes of a line's note when the same item is added again. */
    readonly noteOnRepeat: 'replace' | 'append' | 'keep'
    /** In which order lines are served: as they were added, or the newest first. */
    readonly order: 'oldest' | 'newest'
    /** C19: what becomes of a line whose product is not for sale any more: it is flagged and comes back by itself, or it is removed. */
    readonly onUnavailable: 'flag' | 'remove'
  }
  readonly attributes: {
    /** JSON schema of a cart's own attributes; null accepts any. */
    readonly cart: JsonSchema | null
    /** JSON schema of a line's attributes; a property with `"identity": true` tells lines apart (C13). Null accepts any, none of them identity. */
    readonly line: JsonSchema | null
    /**
     * JSON schema of an order's attributes: of the cart's those that it declares (`properties`) are copied, and ordering may add more. Null copies all
     * and accepts any.
     */
    readonly order: JsonSchema | null
  }
  readonly currency: {
    /**
     * C11: what settles the currency of a new cart, in this order: the caller's wish, the country of its address (`currency.byCountry`), the shop's,
     * that of the first product.
     */
    readonly source: readonly ('explicit' | 'country' | 'shop' | 'product')[]
    /** SEED1-23: currencies by country (ISO 3166-1 alpha-2). It is the country that the cart was told, never one guessed from a network address. */
    readonly byCountry: Readonly<Record<string, string>>
    /** C10: a cart changes its currency and a line has no price in the new one: nothing changes, or the line is flagged. */
    readonly onMissingPrice: 'block' | 'flag'
  }
  readonly inventory: {
    /** C18: more than there is: lower the quantity with a notice, refuse, or let ordering decide. */
    readonly onAdd: 'clamp' | 'reject' | 'allow'
    /** C18: from when stock is kept from others: from the cart on, from ordering on, or only when the order is paid. */
    readonly reserve: 'cart' | 'checkout' | 'none'
    /** How long an unpaid order, or a cart after its last change, keeps its stock from others. */
    readonly holdTtl: string
    /** SEC-8: how many pieces of one sku all carts and unpaid orders of one owner hold together; null sets no limit. */
    readonly holdMaxPerOwner: number | null
  }
  readonly promotions: {
    /** C31: how many codes a cart may have; at most 10. */
    readonly maxCodes: number
    /** C31: are codes that differ only in case different codes? Cannot be changed while the shop has codes. */
    readonly caseSensitive: boolean
    /** C32: a code that does not apply any more stays, flagged, and may apply again, or it is removed with a notice. */
    readonly onInvalid: 'keep' | 'remove'
    /** C33: percentages are of the original amount, or of what earlier promotions left. */
    readonly percentBase: 'original' | 'running'
    /** In these lanes only the one promotion applies that gives most; in all others promotions add up, unless they share a group. */
    readonly bestOfLanes: readonly number[]
    /** C34: does an unknown, expired or exhausted code say why? */
    readonly publicReasons: 'neutral' | 'detailed'
  }
  readonly pricing: {
    /** C17: a price went up: the new total must be sent as consent, it is taken, or the old price is kept for `pricing.holdFor`. */
    readonly onIncrease: 'confirm' | 'accept' | 'hold'
    /** C17: how long after adding the old price is kept with `pricing.onIncrease = "hold"`. */
    readonly holdFor: string
    /** C16: must every line that is added name the price the shopper saw (`expectedUnitPrice`)? */
    readonly requireExpected: boolean
    /** How a fraction of a minor unit becomes a whole one, in percentages and tax. */
    readonly rounding: Rounding
  }
  readonly tax: {
    /** Tax rates by category and zone; the most specific match counts. */
    readonly rates: readonly TaxRate[]
    /** Which tax category shipping belongs to; null means shipping is not taxed. */
    readonly shippingCategory: string | null
    /** Where tax is looked up while the cart has no address. */
    readonly defaultCountry: string | null
    /** Which outside engine says what taxes are owed; null: the shop's own rates do. */
    readonly provider: string | null
    /** While that engine does not answer: ordering waits, its last percentages count, or the shop's own rates do. */
    readonly onProviderFailure: 'block' | 'last' | 'fallback'
    /** How long that engine may take to answer; at most PT10S. */
    readonly providerDeadline: string
    /** SEED3-53: which address decides the tax; where a cart has not that one, the other does. */
    readonly basedOn: 'shipping' | 'billing'
    /** Where a fraction of a minor unit is rounded: in the tax of one piece, of a line, or of the whole order (shared out to the lines again). */
    readonly roundingLevel: 'unit' | 'line' | 'order'
    /** Groups of customers who owe no tax. */
    readonly exemptGroups: readonly string[]
    /** Prices contain tax and the buyer is charged none: the buyer pays the price without it (`net`), or the same price (`gross`). */
    readonly exemptPrices: 'net' | 'gross'
    /** When buyers with a VAT id account for the tax themselves; null: never. */
    readonly reverseCharge: ReverseCharge | null
  }
  readonly shipping: {
    /** Shipping methods in the order in which they are offered. */
    readonly methods: readonly ShippingMethod[]
    /** Which outside engine says what shipping methods there are and what they cost; null: the shop's own methods. */
    readonly provider: string | null
    /** While that engine does not answer: ordering waits, the methods that it offered last count, or the shop's own do. */
    readonly onProviderFailure: 'block' | 'last' | 'fallback'
    /** How long that engine may take to answer; at most PT10S. */
    readonly providerDeadline: string
    /** What counts for shipping while no method is chosen: nothing, or the cheapest that is offered. Ordering asks for a choice either way. */
    readonly whenNotChosen: 'none' | 'cheapest'
  }
  readonly totals: {
    /** C37: below what no total falls: zero, or the price of shipping, so that a cart whose items cost nothing still pays its shipping. */
    readonly floor: 'zero' | 'shipping'
  }
  readonly notices: {
    /** C47: codes of notices that must be acknowledged before the cart can be ordered. */
    readonly requireAck: readonly string[]
  }
  readonly merge: {
    /** C26: the quantity of a line that both carts have. */
    readonly quantity: 'sum' | 'max' | 'guest' | 'account'
    /** C26: a merged line that is over a limit gets as much as is allowed, or the guest's part is set aside; both are told. */
    readonly overLimit: 'clamp' | 'reject'
    /** C28: whose value an attribute gets that both carts have. */
    readonly attributes: 'guestWins' | 'accountWins'
    /** C29: two carts with lines in different currencies: not merged, or the guest's lines are priced in the account's currency. */
    readonly currencyConflict: 'reject' | 'reprice'
    /** C14: are an item of the catalogue and the same item named by the caller one line? */
    readonly unifyRefKinds: false
    /** C30: may staff merge two carts of one customer? */
    readonly staffSameOwner: boolean
  }
  readonly reconcile: {
    /** C25: what happens with a guest's cart when its shopper logs in, unless the request names a mode. */
    readonly onLogin: 'merge' | 'keepAccount' | 'keepGuest' | 'adopt' | 'restorePrevious'
    /** C25: the same while an order of the account's cart is being paid. */
    readonly duringCheckout: 'merge' | 'keepAccount' | 'keepGuest'
    /** C30: are lines that were replaced (`keepAccount`, `keepGuest`) kept aside in `savedLines`? */
    readonly keepReplaced: boolean
  }
  readonly restore: {
    /** C24: how long a restore link works. */
    readonly tokenTtl: string
  }
  readonly links: {
    /** Where a browser goes after a cart was loaded or restored, unless the request names an allowed place (SEED4-19). Null: to the cart as JSON. */
    readonly loadCartRedirectUrl: string | null
    /** Web origins that redirects may lead to, besides paths on this host. */
    readonly redirectOrigins: readonly string[]
    /** Where the plans of a subscription product are shown; `{handle}` is replaced (C08). */
    readonly planPageUrl: string
    /**
     * The shop's page of an order, for e-mails and links: `{order}` is its id, `{token}` opens it for a guest (empty for accounts, who log in). Put the token
     * behind a `#`: browsers send that to nobody. Null: e-mails have no such link.
     */
    readonly orderUrl: string | null
    /** The shop's page that takes a cart back, for e-mails: `{token}` is that of a restore link. Null: our own page with one button. */
    readonly cartUrl: string | null
  }
  readonly checkout: {
    /** May a guest order (C42)? */
    readonly guest: boolean
    /** C42: may a guest order with the e-mail address of an account? `requireLogin` says no, and thereby confirms that there is such an account. */
    readonly guestEmailOfAccount: 'allow' | 'requireLogin'
    /** Is an e-mail address needed to order? */
    readonly requireEmail: boolean
    /** Is a shipping address needed to order what is shipped? */
    readonly requireShippingAddress: boolean
    /** Is a billing address needed to order? The shipping address is one, unless the cart says otherwise. */
    readonly requireBillingAddress: boolean
    /** Must a shipping method be chosen to order what is shipped, where the shop offers any? */
    readonly requireShippingMethod: boolean
    /** C36: may an empty cart be ordered? */
    readonly allowEmpty: boolean
    /** C19: lines that are not for sale any more block ordering, or are left out of the order and stay in a cart. */
    readonly unavailable: 'block' | 'drop'
    /** C35: an order of total 0 is placed without payment, or goes through the payment provider all the same (some verify a card). */
    readonly freeOrder: 'complete' | 'process'
    /** C38: may a customer place an order that costs something without payment? Keys with `orders:edit` may in any shop. */
    readonly withoutPayment: boolean
    /** C38: may an order be placed when only a part of it is paid? */
    readonly partialPayment: false
    /** C40: into how many orders a cart is split. */
    readonly split: 'none'
    /** After this an unpaid order is cancelled at the provider and expires. */
    readonly unpaidTtl: string
    /** C39: do bought lines leave the cart when only some of it was ordered? */
    readonly removeBoughtLines: boolean
    /** Refuse writes to a cart (`cart_frozen`) while its order is being paid. */
    readonly freeze: 'off' | 'whilePaying'
  }
  readonly retention: {
    /** C05: how long after its owner's last write a guest's cart is kept; `never` removes it never. */
    readonly anonymous: string
    /** The same for the cart of an account. */
    readonly account: string
    /** The same for an open cart without lines. */
    readonly empty: string
    /** The same for an order that staff prepares and has not completed. */
    readonly drafts: string
    /** The same for a cart that is over. */
    readonly closed: string
    /** C05: does reading a cart count as activity? */
    readonly touchOnRead: false
  }
  readonly abandoned: {
    /** C06: how long after its owner's last write an open cart with lines counts as abandoned (`cart.abandoned`, once per idle period). */
    readonly after: string
  }
  readonly history: {
    /** How long it is kept who changed what in a cart. */
    readonly keep: string
  }
  readonly orders: {
    /**
     * C46: Liquid template of an order's reference. `{{ seq }}` rises by one with every placed order of the shop; the filter `seq: 8` makes what
     * stands before it the key of a sequence of its own, which begins with 1, in eight digits. Times are UTC.
     */
    readonly referenceTemplate: string
    /** How long an order token opens its order. */
    readonly tokenTtl: string
    /** C45: may a customer cancel an order of which no status confirms and nothing was handed over? Paid ones are refunded. */
    readonly customerCancel: 'untilConfirmed' | 'never'
    /** The words for where a placed order is, who may move it from which to which, and what follows of what happens to it. */
    readonly statuses: Statuses
    /** Is an order complete by itself once it is paid and all of it was handed over, or when somebody says so? */
    readonly complete: 'whenPaidAndFulfilled' | 'manually'
    /** Do lines that are not shipped count as handed over once the order is paid, or when somebody says so? */
    readonly fulfilUnshipped: 'whenPaid' | 'manually'
    /** SEED4-68: may an account with a verified e-mail address take over the orders that guests made with it, by asking for them? */
    readonly claim: 'request' | 'off'
  }
  readonly balance: {
    /** Do paid recharges credit the balance of the account that bought them (SEED0-41)? Guests cannot order them then. */
    readonly creditRecharges: boolean
    /** May a balance fall below zero when a recharge that was spent is given back, or staff takes from it? Payments never take more than there is. */
    readonly allowNegative: boolean
  }
  readonly payment: {
    /**
     * Names of payment providers that may be used; the first is the default. `balance` is the balance of an account: it pays where it is named, unless
     * there is no other way.
     */
    readonly providers: readonly string[]
    /**
     * When money is taken: as soon as the shopper pays, or later by staff (`manual`). It is reserved until then, and the order is placed with it; how
     * long it stays reserved is the provider's business.
     */
    readonly capture: 'automatic' | 'manual'
    /** The ways to pay by hand that the provider `manual` offers, in this order. None: it offers itself, without instructions. */
    readonly manualMethods: readonly ManualMethod[]
    /** C38: how many payments may pay one order together. */
    readonly maxPayments: 1
    /** C10: is the total shown and paid in another currency than the cart's? */
    readonly presentmentCurrency: 'off'
  }
  readonly subscriptions: {
    /** When a renewal that was not paid is tried again: so long after each failure. After the last one the subscription ends. */
    readonly retryAfter: readonly string[]
    /** How long money of a renewal that comes by hand may take before the subscription counts as past due. */
    readonly grace: string
  }
  readonly email: {
    /** Who e-mails to customers come from (SEED4-61). Null: the shop sends none. */
    readonly from: { readonly name: string; readonly address: string } | null
    /** Where answers to them go; null: to the sender. */
    readonly replyTo: string | null
    /** Who gets a copy of each, seen by the customer. */
    readonly cc: readonly string[]
    /** Who gets a copy of each, unseen by the customer. */
    readonly bcc: readonly string[]
    /** Which kinds are sent by themselves; any can be sent by hand (SEED4-59). */
    readonly kinds: readonly EmailKind[]
    /** Which new statuses of an order the customer is told (SEED4-59), by id. */
    readonly statuses: readonly string[]
    /** Languages that customers are written to in; the first is the shop's own. Others than English and German need templates. */
    readonly languages: readonly string[]
    /** How long it is kept what was sent to whom. */
    readonly keepLog: string
  }
  readonly limits: {
    /** How many tokens, keys and links that are not genuine an address may send in a minute; `shop`: when to raise the alarm. 0 is no limit. */
    readonly tokens: Limits['tokens']
    /** How many useless codes may be tried in a minute: from an address, by an owner, by a key for one cart; `shop`: when to raise the alarm. */
    readonly codes: Limits['codes']
    /** How many restore links may be made for a cart in an hour. */
    readonly links: Limits['links']
    /** How many orders shoppers may make in an hour: from an address, as one owner. */
    readonly orders: Limits['orders']
    /** How many payments may be begun in an hour: from an address, by an owner, for a cart. */
    readonly payments: Limits['payments']
    /** How many payments may be declined in an hour before no more are begun (card testing); `shop`: when to raise the alarm. */
    readonly declines: Limits['declines']
    /** How many orders may be looked up for their link in ten minutes: from an address, for one e-mail address. */
    readonly lookups: Limits['lookups']
    /** How many webhooks a key may try out in a minute. */
    readonly trials: Limits['trials']
  }
}

/** What a new shop gets. */
export const DEFAULT_SETTINGS: Settings = {
  access: { guestCarts: true, origins: ['*'], issuers: [] },
  cart: { types: ['shopping'], multiple: false, onOrdered: 'close', onMerged: 'close', activeDuration: 'PT24H' },
  lines: {
    max: 500,
    whenFull: 'refuse',
    quantityMax: 99_999,
    quantityEditing: 'editable',
    allowKinds: ['goods', 'digital', 'recharge', 'bundle'],
    noteOnRepeat: 'replace',
    order: 'oldest',
    onUnavailable: 'flag',
  },
  attributes: { cart: null, line: null, order: null },
  currency: { source: ['explicit', 'shop', 'product'], byCountry: {}, onMissingPrice: 'block' },
  inventory: { onAdd: 'clamp', reserve: 'checkout', holdTtl: 'PT30M', holdMaxPerOwner: null },
  promotions: {
    maxCodes: 1,
    caseSensitive: false,
    onInvalid: 'keep',
    percentBase: 'original',
    bestOfLanes: [],
    publicReasons: 'neutral',
  },
  pricing: { onIncrease: 'confirm', holdFor: 'PT24H', requireExpected: false, rounding: 'halfUp' },
  tax: {
    rates: [],
    shippingCategory: null,
    defaultCountry: null,
    basedOn: 'shipping',
    roundingLevel: 'line',
    exemptGroups: [],
    exemptPrices: 'net',
    reverseCharge: null,
    provider: null,
    onProviderFailure: 'fallback',
    providerDeadline: 'PT2S',
  },
  shipping: { methods: [], whenNotChosen: 'none', provider: null, onProviderFailure: 'fallback', providerDeadline: 'PT2S' },
  totals: { floor: 'zero' },
  notices: { requireAck: [] },
  merge: {
    quantity: 'sum',
    overLimit: 'clamp',
    attributes: 'guestWins',
    currencyConflict: 'reject',
    unifyRefKinds: false,
    staffSameOwner: false,
  },
  reconcile: { onLogin: 'merge', duringCheckout: 'keepGuest', keepReplaced: true },
  restore: { tokenTtl: 'P7D' },
  links: { loadCartRedirectUrl: null, redirectOrigins: [], planPageUrl: '/products/{handle}', orderUrl: null, cartUrl: null },
  checkout: {
    guest: true,
    guestEmailOfAccount: 'allow',
    requireEmail: true,
    requireShippingAddress: true,
    requireBillingAddress: false,
    requireShippingMethod: true,
    allowEmpty: false,
    unavailable: 'block',
    freeOrder: 'complete',
    withoutPayment: false,
    partialPayment: false,
    split: 'none',
    unpaidTtl: 'PT24H',
    removeBoughtLines: true,
    freeze: 'off',
  },
  retention: { anonymous: 'P30D', account: 'P90D', empty: 'PT6H', drafts: 'P365D', closed: 'P30D', touchOnRead: false },
  abandoned: { after: 'never' },
  history: { keep: 'P90D' },
  orders: {
    referenceTemplate: '{{ seq }}',
    tokenTtl: 'P30D',
    customerCancel: 'untilConfirmed',
    claim: 'request',
    statuses: PLAIN_STATUSES,
    complete: 'whenPaidAndFulfilled',
    fulfilUnshipped: 'manually',
  },
  balance: { creditRecharges: true, allowNegative: false },
  payment: { providers: ['sandbox'], capture: 'automatic', manualMethods: [], maxPayments: 1, presentmentCurrency: 'off' },
  subscriptions: { retryAfter: ['P1D', 'P3D', 'P5D'], grace: 'P7D' },
  email: {
    from: null,
    replyTo: null,
    cc: [],
    bcc: [],
    // In many countries a reminder of a cart needs consent: who wants it switches it on.
    kinds: EMAIL_KINDS.filter((kind) => kind !== 'cart_abandoned'),
    statuses: [],
    languages: ['en', 'de'],
    keepLog: 'P90D',
  },
  limits: DEFAULT_LIMITS,
}

/** Differences from other settings: any subset of any group. Lists are replaced, not merged. */
export type SettingsPatch = { readonly [Group in keyof Settings]?: Partial<Settings[Group]> }

/** The names of presets; `default` is what we recommend. */
export type PresetName = 'default' | 'store' | 'fill' | 'reconcile' | 'service' | 'classic'

/** What each preset changes: the behaviour of one of the five systems that Cartwright replaces. */
export const PRESETS: Readonly<Record<PresetName, SettingsPatch>> = {
  default: {},
  store: {
    access: { guestCarts: false },
    lines: { quantityEditing: 'system', order: 'newest' },
    pricing: { onIncrease: 'accept' },
    checkout: { guest: false, removeBoughtLines: false },
    orders: { statuses: DELIVERY_STATUSES, complete: 'manually' },
    payment: { providers: ['sandbox', 'balance'] },
  },
  fill: {
    inventory: { onAdd: 'reject' },
    promotions: { maxCodes: 1, publicReasons: 'detailed' },
    orders: { statuses: SHORT_STATUSES, fulfilUnshipped: 'whenPaid' },
  },
  reconcile: {
    cart: { onOrdered: 'delete', onMerged: 'delete' },
    lines: { order: 'newest' },
    inventory: { onAdd: 'allow' },
    promotions: { maxCodes: 10 },
    pricing: { requireExpected: true },
    notices: { requireAck: ['line_removed', 'line_unavailable'] },
    retention: { account: 'never' },
    orders: { statuses: WORKFLOW_STATUSES },
  },
  service: {
    cart: { types: ['shopping', 'wishlist'] },
    inventory: { onAdd: 'allow' },
    shipping: { whenNotChosen: 'cheapest' },
    retention: { anonymous: 'P30D', account: 'P30D', empty: 'P30D', closed: 'P30D' },
    orders: { statuses: CONFIRMED_STATUSES },
  },
  classic: {
    cart: { multiple: true },
    lines: { onUnavailable: 'remove' },
    promotions: { onInvalid: 'remove' },
    reconcile: { onLogin: 'restorePrevious' },
    retention: { anonymous: 'P90D', account: 'P90D', empty: 'P90D', closed: 'P90D' },
    abandoned: { after: 'PT1H' },
    orders: { referenceTemplate: '{{ seq | prepend: "ORD-" }}', statuses: FREE_STATUSES, complete: 'manually' },
  },
}

/** Settings with some groups changed; groups and keys that the patch does not name stay. */
export function patchSettings(settings: Settings, patch: SettingsPatch): Settings {
  const patched: Record<string, unknown> = { ...settings }
  for (const [group, changes] of Object.entries(patch)) {
    if (changes) patched[group] = { ...settings[group as keyof Settings], ...changes }
  }
  return patched as unknown as Settings
}

/** A shop's settings: defaults, then its preset, then what the shop changed itself. */
export function settingsOf(preset: PresetName, changes: SettingsPatch): Settings {
  return patchSettings(patchSettings(DEFAULT_SETTINGS, PRESETS[preset]), changes)
}
