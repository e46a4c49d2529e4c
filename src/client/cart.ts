// A shopper's cart as a page holds it: one guest cart per shop and device, or the account's after a login. Everything that shows a cart (elements,
// React, the demo store) uses this and nothing else.
import type { PricedCart } from '../core/pricing.ts'
import type { Client, InputOf, OutputOf } from './client.ts'
import type { CartwrightError } from './problem.ts'

/** What is added: a sku and what its product asks for. */
export type CartItem = Extract<InputOf<'POST /v1/shops/{shop}/carts/{cart}/lines'>, { body: unknown }>['body'] extends infer Body
  ? Exclude<Body, { lines: unknown }>
  : never

/** E-mail, addresses, shipping method, currency and the like. */
export type CartDetails = InputOf<'PATCH /v1/shops/{shop}/carts/{cart}'>['body']

/** A change that was refused, with the cart as it is without it. */
export interface RefusedChange {
  readonly id: string
  readonly error: CartwrightError
}

/** What a page shows. */
export interface CartView {
  /** Null: there is none yet; the first item makes it. */
  readonly cart: PricedCart | null
  /** Some of the totals are ours and not the server's yet: discounts, shipping and taxes are as they were. */
  readonly isEstimated: boolean
  /** Changes that the server has not answered. */
  readonly pending: number
  readonly status: 'loading' | 'ready' | 'offline'
  readonly refused: readonly RefusedChange[]
  /** What came of a guest's cart at login. */
  readonly report: MergeReport | null
}

/** What became of everything that a guest's cart brought. */
export type MergeReport = NonNullable<OutputOf<'POST /v1/shops/{shop}/carts/{cart}/merge'>['report']>
/** How a guest's cart comes to the account's. */
export type MergeMode = NonNullable<InputOf<'POST /v1/shops/{shop}/carts/{cart}/merge'>['body']['mode']>
/** An order, and how it is paid. */
export type PlacedOrder = OutputOf<'POST /v1/shops/{shop}/orders'>

/** What keeps text on a device: `localStorage` is one. */
export interface DeviceStorage {
  getItem(key: string): string | null
  setItem(key: string, value: string): void
  removeItem(key: string): void
}

/** Which shop, where, and what is remembered on the device. */
export interface CartOptions {
  readonly shop: string
  readonly baseUrl: string
  /** Where the guest's secret is kept; `localStorage` unless given, and memory where there is none. */
  readonly storage?: DeviceStorage
  readonly language?: string
  readonly fetch?: typeof fetch
}

/** A cart. Every change answers the cart as the server has it then, or throws what was refused. */
export interface CartStore {
  readonly client: Client
  get(): CartView
  subscribe(listener: (view: CartView) => void): () => void
  /** Resolves once what is known of the cart came from the server. */
  ready(): Promise<PricedCart | null>
  add(item: CartItem | readonly CartItem[]): Promise<PricedCart>
  setQuantity(lineId: string, quantity: number): Promise<PricedCart>
  remove(lineId: string): Promise<PricedCart>
  clear(): Promise<PricedCart>
  applyCode(code: string): Promise<PricedCart>
  removeCode(code: string): Promise<PricedCart>
  change(details: CartDetails): Promise<PricedCart>
  acknowledge(ids: readonly string[] | 'all'): Promise<PricedCart>
  /** Orders everything, or the lines that are named (Buy); answers how to pay. Changes that wait are sent first. */
  order(input?: {
    readonly lineIds?: readonly string[]
    readonly expectedTotal?: number
    /** By which provider, and to which page the shopper comes back. */
    readonly payment?: { readonly provider?: string; readonly method?: string; readonly returnUrl?: string }
  }): Promise<PlacedOrder>
  /** Reads the cart again, after something outside of this store changed it: an order that was made, cancelled or ordered again. */
  refresh(): Promise<PricedCart | null>
  /** Opens the cart that a restore link (`rt_…`) leads to; from now on it is the one of this device. */
  restore(token: string): Promise<PricedCart>
  /** From now on the account's cart: the guest's comes along as `mode` says, and the report says what became of it. */
  login(token: string, options?: { readonly mode?: MergeMode }): Promise<MergeReport | null>
  /** Forgets the account on this device; its cart stays the account's. */
  logout(): void
  /** Forgets a refused change that was shown. */
  dismiss(id: string): void
  close(): void
}
