// What a shop may decide. One structure, every key with its default and its reason; a preset is a named bundle of differences from it (C-table).
// Durations are ISO 8601 (`PT30M`, `P30D`; a day has 24 hours here, months and years are not accepted because their length is not fixed).
import type { Rounding } from './money.ts'
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
}

/** A tax rate for a category in a zone. `percent` is a decimal string. The most specific match wins: region, then country, then everywhere. */
export interface TaxRate {
  readonly name: string
  readonly category: string
  readonly country?: string
  readonly region?: string
  readonly percent: string
  /** True: prices contain it (VAT). False: it is added (sales tax). */
  readonly included: boolean
}

/** A shipping method: a flat rate per cart, by country. The first rate whose countries match is taken; no `countries` means everywhere. */
export interface ShippingMethod {
  readonly id: string
  readonly name: string
  readonly rates: readonly ShippingRate[]
}

/** A flat rate of a shipping method in minor units of `currency`; from `freeFrom` (an item total) on it is 0. */
export interface ShippingRate {
  readonly countries?: readonly string[]
  readonly currency: string
  readonly amount: number
  readonly freeFrom?: number
}

/** Every decision a shop can take. */
export interface Settings {
  readonly access: {
    /** May somebody who is not logged in have a cart? (SEED0-02: no.) */
    readonly guestCarts: boolean
    /** CORS: which web origins may call; `*` is any, safe because no cookie is ever read. */
    readonly origins: readonly string[]
    /** Who signs the JWTs of this shop's accounts: a key set on the network or a shared secret, each with fixed algorithms. */
    readonly issuers: readonly Issuer[]
  }
  readonly cart: {
    /** Kinds of carts an owner may have, one open cart each; the first is the default (C21). */
    readonly types: readonly string[]
    /** C01: is an ordered cart kept, closed, or deleted? */
    readonly onOrdered: 'close' | 'delete'
    /** C02: is a merged guest cart kept, closed, or deleted? */
    readonly onMerged: 'close' | 'delete'
  }
  readonly lines: {
    /** How many lines a cart may have; at most 500. */
    readonly linesMax: number
    /** How many pieces a line may have; at most 99 999. */
    readonly quantityMax: number
    /** Kinds that may be put into a cart (C08). */
    readonly allowKinds: readonly ProductKind[]
    /** C15: what becomes of a line's note when the same item is added again. */
    readonly noteOnRepeat: 'replace' | 'append' | 'keep'
  }
  readonly inventory: {
    /** C18: more than there is: lower the quantity with a notice, refuse, or let ordering decide. */
    readonly onAdd: 'clamp' | 'reject' | 'allow'
    /** How long an unpaid order keeps its stock from others. */
    readonly holdTtl: string
  }
  readonly promotions: {
    /** C31: how many codes a cart may have; at most 10. */
    readonly maxCodes: number
    /** C34: does an unknown, expired or exhausted code say why? */
    readonly publicReasons: 'neutral' | 'detailed'
  }
  readonly pricing: {
    /** C17: must a price increase be confirmed by sending the new total (`confirm`), or is it taken (`accept`)? */
    readonly onIncrease: 'confirm' | 'accept'
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
  }
  readonly shipping: {
    /** Shipping methods in the order in which they are offered. */
    readonly methods: readonly ShippingMethod[]
  }
  readonly checkout: {
    /** May a guest order (C42)? */
    readonly guest: boolean
    /** Is an e-mail address needed to order? */
    readonly emailRequired: boolean
    /** After this an unpaid order is cancelled at the provider and expires. */
    readonly unpaidTtl: string
    /** C39: do bought lines leave the cart when only some of it was ordered? */
    readonly removeBoughtLines: boolean
    /** Refuse writes to a cart (`cart_frozen`) while its order is being paid. */
    readonly freeze: 'off' | 'whilePaying'
  }
  readonly retention: {
    /** C05: how long after the owner's last write a cart is kept; `never` keeps it. */
    readonly guest: string
    /** The same for the cart of an account. */
    readonly account: string
    /** The same for a cart that is over. */
    readonly closed: string
  }
  readonly orders: {
    /** Liquid template of an order's reference; `seq` is a number that rises by one with every placed order of the shop (C46). */
    readonly referenceTemplate: string
    /** How long an order token opens its order. */
    readonly tokenTtl: string
  }
  readonly payment: {
    /** Names of payment providers that may be used; the first is the default. */
    readonly providers: readonly string[]
  }
}

/** What a new shop gets. */
export const DEFAULT_SETTINGS: Settings = {
  access: { guestCarts: true, origins: ['*'], issuers: [] },
  cart: { types: ['shopping'], onOrdered: 'close', onMerged: 'close' },
  lines: { linesMax: 500, quantityMax: 99_999, allowKinds: ['goods', 'digital', 'recharge', 'bundle'], noteOnRepeat: 'replace' },
  inventory: { onAdd: 'clamp', holdTtl: 'PT30M' },
  promotions: { maxCodes: 1, publicReasons: 'neutral' },
  pricing: { onIncrease: 'confirm', rounding: 'halfUp' },
  tax: { rates: [], shippingCategory: null, defaultCountry: null },
  shipping: { methods: [] },
  checkout: { guest: true, emailRequired: true, unpaidTtl: 'PT24H', removeBoughtLines: true, freeze: 'off' },
  retention: { guest: 'P30D', account: 'P90D', closed: 'P30D' },
  orders: { referenceTemplate: '{{ seq }}', tokenTtl: 'P30D' },
  payment: { providers: ['sandbox'] },
}

/** Differences from other settings: any subset of any group. Lists are replaced, not merged. */
export type SettingsPatch = { readonly [Group in keyof Settings]?: Partial<Settings[Group]> }

/** The names of presets; `default` is what we recommend. */
export type PresetName = 'default' | 'store' | 'fill' | 'reconcile' | 'service' | 'classic'

/** What each preset changes: the behaviour of one of the five systems that Cartwright replaces. */
export const PRESETS: Readonly<Record<PresetName, SettingsPatch>> = {
  default: {},
  store: { access: { guestCarts: false }, checkout: { guest: false, removeBoughtLines: false }, pricing: { onIncrease: 'accept' } },
  fill: { promotions: { maxCodes: 1, publicReasons: 'detailed' }, inventory: { onAdd: 'reject' } },
  reconcile: { cart: { onOrdered: 'delete', onMerged: 'delete' }, inventory: { onAdd: 'allow' }, promotions: { maxCodes: 10 } },
  service: {
    cart: { types: ['shopping', 'wishlist'] },
    inventory: { onAdd: 'allow' },
    retention: { guest: 'P30D', account: 'P30D', closed: 'P30D' },
  },
  classic: { retention: { guest: 'P90D', account: 'P90D', closed: 'P90D' }, orders: { referenceTemplate: '{{ seq | prepend: "ORD-" }}' } },
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
