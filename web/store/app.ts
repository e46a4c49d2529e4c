// The state of the page and what may be done with it. Pages are functions of this; every change draws them anew.

import { type CartItem, type CartStore, type CartView, createCart, type PlacedOrder } from '../../src/client/cart.ts'
import type { OutputOf } from '../../src/client/client.ts'
import type { MergeMode, MergeReport } from '../../src/client/joining.ts'
import { CartwrightError } from '../../src/client/problem.ts'
import {
  type Account,
  keepAccount,
  keepLanguage,
  keepOrderToken,
  keptAccount,
  keptLanguage,
  keptOrderToken,
  onAccountChange,
} from './device.ts'
import { type Route, routeOf } from './routes.ts'
import { type DemoShop, demoShop } from './shops.ts'
import { type Language, WORDS, type Words } from './words.ts'

/** A product as the catalogue shows it. */
export type Product = OutputOf<'GET /v1/shops/{shop}/products'>['items'][number]
/** An order as its page shows it. */
export type Order = OutputOf<'GET /v1/shops/{shop}/orders/{order}'>
/** A plan that somebody has. */
export type Subscription = OutputOf<'GET /v1/shops/{shop}/subscriptions'>['items'][number]
/** What became of each line that was ordered again. */
export type ReorderReport = OutputOf<'POST /v1/shops/{shop}/orders/{order}/reorder'>['report']
/** What shipping costs, by method. */
export type ShippingMethod = OutputOf<'GET /v1/shops/{shop}/carts/{cart}/shipping-methods'>['items'][number]

/** What lies over the page. */
export type Dialog =
  | { readonly kind: 'sign-in'; readonly isAsked: boolean }
  | { readonly kind: 'merge'; readonly account: Account; readonly count: number }
  | { readonly kind: 'report'; readonly report: MergeReport | null }
  | { readonly kind: 'clear' }
  | { readonly kind: 'mismatch'; readonly cart: string; readonly wanted: string; readonly items: readonly CartItem[] }
  | { readonly kind: 'share'; readonly url: string }
  | { readonly kind: 'cancel'; readonly order: string }
  | { readonly kind: 'unsubscribe'; readonly subscription: Subscription }
  | { readonly kind: 'replace'; readonly token: string }
  | { readonly kind: 'reordered'; readonly report: ReorderReport }

/** Something that is loaded for a page. */
export type Loaded<Value> =
  | { readonly state: 'loading' }
  | { readonly state: 'failed'; readonly says: string }
  | { readonly state: 'ready'; readonly value: Value }

/** What was chosen on a page; forgotten when it is left. */
export interface Choices {
  sku?: string
  quantity?: number
  amount?: number
  ownAmount?: string
  plan?: string
  kind?: string
  editsAddress?: boolean
  consented?: { readonly before: number; readonly now: number }
  blockers?: readonly { readonly code: string; readonly message: string }[]
}

/** What the demo's shops count in until somebody chooses. */
const SHOP_CURRENCY = 'USD'
const LOADING = { state: 'loading' } as const
/** How long words stay that tell what was done. */
const WORDS_STAY_MS = 4500

/** The page. `draw` is called after every change. */
export class App {
  route: Route = routeOf(new URL(location.href))
  language: Language = languageOf()
  shop: DemoShop = demoShop(this.route.shop)
  currency = SHOP_CURRENCY
  account: Account | null = keptAccount()
  cart!: CartStore
  view!: CartView
  catalogue: Loaded<readonly Product[]> = LOADING
  orders: Loaded<readonly Order[]> = LOADING
  order: Loaded<Order> = LOADING
  subscriptions: Loaded<readonly Subscription[]> = LOADING
  shippingMethods: Loaded<readonly ShippingMethod[]> = LOADING
  choices: Choices = {}
  dialog: Dialog | null = null
  told: { readonly text: string; readonly isBad: boolean } | null = null
  readonly busy = new Set<string>()
  /** What the guest's lines were called that a report speaks of. */
  guestLines: ReadonlyMap<string, string> = new Map()
  readonly #drawn: () => void
  #isDrawing = false
  /** Settles when the cart is that of the account which this device remembers. */
  #signedIn: Promise<unknown> = Promise.resolve()
  #turning: Promise<unknown> | null = null
  /** Refusals that were told where they were met. */
  readonly #met = new WeakSet<Error>()
  #telling: ReturnType<typeof setTimeout> | undefined
  #following = new AbortController()

  constructor(drawn: () => void) {
    this.#drawn = drawn
    addEventListener('popstate', () => this.#arrive())
    addEventListener('online', () => this.draw())
    addEventListener('offline', () => this.draw())
    // Who signs in or out in one tab does so in all of them.
    onAccountChange(() => {
      this.account = keptAccount()
      this.dialog = null
      this.#openShop()
      this.#arrive()
    })
    this.#openShop()
  }

  get words(): Words {
    return WORDS[this.language]
  }

  get isOffline(): boolean {
    return !navigator.onLine || this.view.status === 'offline'
  }

  /** Draws once for all changes of this moment. */
  draw(): void {
    if (this.#isDrawing) return
    this.#isDrawing = true
    queueMicrotask(() => {
      this.#isDrawing = false
      this.#drawn()
    })
  }

  /** An address within the shop. */
  path(rest = ''): string {
    return `/shop/${this.shop.id}${rest}`
  }

  /** Goes to another page of the store. */
  go(path: string): void {
    history.pushState(null, '', path)
    this.#arrive()
    scrollTo(0, 0)
    // Who does not see the page hears that it is another one. After it was drawn, which waits in front of this.
    queueMicrotask(() => document.querySelector<HTMLElement>('#content')?.focus({ preventScroll: true }))
  }

  /**
   * Does one thing at a time under that name: who asks again while it is under way changes nothing. What is refused is told, or asked about
   * where there is a way on.
   */
  async run(name: string, work: () => Promise<unknown>): Promise<void> {
    if (this.busy.has(name)) return
    this.busy.add(name)
    this.draw()
    try {
      await this.attempt(work)
    } finally {
      this.busy.delete(name)
      this.draw()
    }
  }

  /** Does it as often as it is asked for, for what shows at once; otherwise as `run`. */
  async attempt(work: () => Promise<unknown>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#tellProblem(error)
    }
  }

  /** Says what was done, for a moment. */
  tell(text: string, isBad = false): void {
    clearTimeout(this.#telling)
    this.told = { text, isBad }
    this.#telling = setTimeout(() => {
      this.told = null
      this.draw()
    }, WORDS_STAY_MS)
    this.draw()
  }

  #tellProblem(error: unknown): void {
    if (!(error instanceof CartwrightError)) throw error
    this.#met.add(error)
    // Somebody who signed out meanwhile knows it.
    if (error.code === 'aborted') return
    // A login that ran out is forgotten; whoever it was may sign in again.
    if (error.code === 'invalid_token' && this.account) this.signOut()
    if (error.code === 'login_required') this.#askToSignIn()
    else this.tell(error.problem.title, true)
  }

  #askToSignIn(): void {
    this.told = null
    this.dialog = { kind: 'sign-in', isAsked: true }
    this.draw()
  }

  /** A change of a page before this one may be refused on this one, where nobody waits for it. */
  #tellRefused({ refused }: CartView): void {
    const { cart } = this
    for (const { id, error } of refused)
      setTimeout(() => {
        if (this.cart !== cart) return
        if (!this.#met.has(error)) this.#tellProblem(error)
        cart.dismiss(id)
      })
  }

  /**
   * Puts goods into the cart, as often as it is clicked: each click shows at once and is sent in order. What the cart cannot take is asked about.
   */
  add(name: string, item: CartItem, wantedCurrency: string): Promise<void> {
    return this.attempt(() => this.#put(name, item, wantedCurrency))
  }

  /** Puts an amount of money into the cart: a second click while that is under way is the same one. */
  addOnce(name: string, item: CartItem, wantedCurrency: string): Promise<void> {
    return this.run(`add ${item.sku}`, () => this.#put(name, item, wantedCurrency))
  }

  async #put(name: string, item: CartItem, wanted: string): Promise<void> {
    if (!this.account && !this.shop.guests) return this.#askToSignIn()
    const current = this.view.cart
    const currency = current?.currency ?? SHOP_CURRENCY
    const isEmpty = !current || current.lines.length === 0
    const ask = () => {
      this.told = null
      this.dialog = { kind: 'mismatch', cart: this.view.cart?.currency ?? currency, wanted, items: [item] }
      this.draw()
    }
    if (!isEmpty && currency !== wanted) return ask()
    // A cart that is not known yet may have lines, which nobody asked to count in another currency.
    if (currency !== wanted && this.view.status === 'loading') {
      await this.cart.ready()
      return this.#put(name, item, wanted)
    }
    try {
      // The first thing decides what the cart is counted in; until the cart says so, nothing is shown at a price of another currency.
      if (isEmpty && currency !== wanted) await this.#turnTo(wanted)
      const answered = this.cart.add(item)
      this.currency = wanted
      this.tell(this.words.added(name))
      await answered
    } catch (error) {
      if (!(error instanceof CartwrightError) || error.code !== 'currency_mismatch') throw error
      this.#met.add(error)
      ask()
    }
  }

  #turnTo(currency: string): Promise<unknown> {
    this.#turning ??= this.cart.change({ currency }).finally(() => {
      this.#turning = null
    })
    return this.#turning
  }

  /** Shows prices in another currency, and the cart where it can be. */
  chooseCurrency(currency: string): Promise<void> {
    return this.run('currency', async () => {
      const { cart } = this.view
      if (cart && cart.lines.length > 0 && cart.currency !== currency) {
        try {
          await this.cart.change({ currency })
        } catch (error) {
          if (!(error instanceof CartwrightError) || error.code !== 'currency_mismatch') throw error
          this.#met.add(error)
          this.dialog = { kind: 'mismatch', cart: cart.currency, wanted: currency, items: [] }
          return
        }
      }
      this.currency = currency
    })
  }

  /** Empties the cart, and goes on in another currency with what was wanted. */
  clearFor(currency: string, items: readonly CartItem[]): Promise<void> {
    this.dialog = null
    return this.run('clear', async () => {
      await this.cart.clear()
      await this.cart.change({ currency })
      this.currency = currency
      if (items.length > 0) await this.cart.add(items)
    })
  }

  chooseLanguage(language: Language): void {
    keepLanguage(language)
    this.language = language
    this.#openShop()
    this.#arrive()
  }

  /** Becomes somebody. A guest's cart with something in it is asked about first. */
  signIn(name: string): Promise<void> {
    return this.run('sign in', async () => {
      const id = name
        .trim()
        .toLowerCase()
        .replace(/[^a-z0-9-]+/g, '-')
      const { token } = await this.cart.client.call(
        'POST /v1/demo/login',
        { body: { accountId: id, email: `${id}@example.com` } },
        { token: null },
      )
      const account = { id, token }
      const count = this.view.cart?.itemCount ?? 0
      if (count > 0) this.dialog = { kind: 'merge', account, count }
      else await this.#become(account)
    })
  }

  /** Becomes that account, and brings the guest's cart along as `mode` says. */
  signInWith(account: Account, mode: MergeMode): Promise<void> {
    return this.run('sign in', async () => {
      const report = await this.#become(account, mode)
      this.dialog = { kind: 'report', report }
    })
  }

  async #become(account: Account, mode?: MergeMode): Promise<MergeReport | null> {
    this.guestLines = new Map(this.view.cart?.lines.map(({ id, name }) => [id, name]))
    const report = await this.cart.login(account.token, mode ? { mode } : {})
    this.account = account
    keepAccount(account)
    this.dialog = null
    void this.loadCatalogue()
    this.#arrive()
    return report
  }

  signOut(): void {
    keepAccount(null)
    this.account = null
    this.cart.logout()
    // An account may have had prices of its own.
    void this.loadCatalogue()
    this.go(this.path())
  }

  /** Orders the cart, or these lines of it, and goes to where it is paid. What is missing is shown on the page. */
  placeOrder(lines: readonly string[]): Promise<void> {
    return this.run('order', async () => {
      const total = this.view.cart?.total.amount
      const expectedTotal = this.choices.consented?.now ?? total
      this.choices.blockers = []
      try {
        await this.#pay(
          await this.cart.order({
            ...(lines.length > 0 ? { lineIds: lines } : expectedTotal === undefined ? {} : { expectedTotal }),
            payment: { returnUrl: this.#returnUrl() },
          }),
        )
      } catch (error) {
        // A recharge is for an account: signing in is the way on, not a line of text.
        if (!(error instanceof CartwrightError) || error.code === 'login_required') throw error
        const { problem } = error
        const current = problem.code === 'price_changed' ? (problem.current as { readonly amount: number } | undefined) : undefined
        if (current && total !== undefined) this.choices.consented = { before: total, now: current.amount }
        else if (Array.isArray(problem.blockers)) this.choices.blockers = problem.blockers as NonNullable<Choices['blockers']>
        else throw error
      }
    })
  }

  /** Buys a plan, which is no thing of the cart. */
  subscribe(sku: string, plan: string): Promise<void> {
    return this.run('subscribe', async () => {
      if (!this.account) return this.#askToSignIn()
      const body = { items: [{ sku, plan }], email: `${this.account.id}@example.com`, payment: { returnUrl: this.#returnUrl() } }
      await this.#pay(await this.cart.client.call('POST /v1/shops/{shop}/orders', { body }))
    })
  }

  /** Another attempt to pay. */
  payAgain(order: string): Promise<void> {
    return this.run('pay', async () => {
      const answer = await this.cart.client.call('POST /v1/shops/{shop}/orders/{order}/payments', {
        params: { order },
        body: { returnUrl: this.#returnUrl() },
      })
      if (answer.payment?.url) location.assign(answer.payment.url)
      else await this.loadOrder(order)
    })
  }

  async #pay({ order, orderToken, payment }: PlacedOrder): Promise<void> {
    keepOrderToken(order.id, orderToken)
    if (payment?.url) location.assign(payment.url)
    else this.go(this.path(`/orders/${order.id}`))
  }

  #returnUrl(): string {
    return `${location.origin}${this.path('/paid')}`
  }

  /** How an order is opened: as the account it belongs to, else with what its ordering answered. */
  #opening(order: string): { readonly token?: string } {
    const token = this.account ? null : keptOrderToken(order)
    return token ? { token } : {}
  }

  cancelOrder(order: string): Promise<void> {
    return this.run('cancel', async () => {
      this.dialog = null
      await this.cart.client.call('POST /v1/shops/{shop}/orders/{order}/cancel', { params: { order }, body: {} })
      await this.loadOrder(order)
      await this.cart.refresh()
    })
  }

  reorder(order: string): Promise<void> {
    return this.run('reorder', async () => {
      const { report } = await this.cart.client.call('POST /v1/shops/{shop}/orders/{order}/reorder', { params: { order }, body: {} })
      await this.cart.refresh()
      this.dialog = { kind: 'reordered', report }
    })
  }

  /** A plan ends with the period that is paid. */
  unsubscribe(subscription: string): Promise<void> {
    this.dialog = null
    return this.run(subscription, async () => {
      await this.cart.client.call('POST /v1/shops/{shop}/subscriptions/{subscription}/cancel', { params: { subscription }, body: {} })
      await this.loadSubscriptions()
    })
  }

  /** A plan that was to end goes on. */
  resume(subscription: string): Promise<void> {
    return this.run(subscription, async () => {
      await this.cart.client.call('POST /v1/shops/{shop}/subscriptions/{subscription}/resume', { params: { subscription } })
      await this.loadSubscriptions()
    })
  }

  /** Makes a link that leads back to this cart. */
  share(): Promise<void> {
    return this.run('share', async () => {
      const { token } = await this.cart.client.call('POST /v1/shops/{shop}/carts/{cart}/restore-links', { params: { cart: 'current' } })
      this.dialog = { kind: 'share', url: `${location.origin}${this.path('/restore')}#${token}` }
    })
  }

  /** Opens the cart that a link leads to; where that would take the place of a guest's cart with something in it, it is asked about first. */
  restore(token: string, isSure = false): Promise<void> {
    this.dialog = null
    return this.run('restore', async () => {
      await this.#signedIn
      const cart = await this.cart.ready()
      if (!isSure && !this.account && cart && cart.lines.length > 0) {
        this.dialog = { kind: 'replace', token }
        return
      }
      await this.cart.restore(token)
      this.go(this.path('/cart'))
      this.#showReport(this.cart.get().report)
    })
  }

  async loadCatalogue(): Promise<void> {
    // What is shown already stays until it is read anew.
    if (this.catalogue.state === 'failed') this.catalogue = LOADING
    const { cart } = this
    const loaded = await this.#loaded(async (client) => {
      const products: Product[] = []
      for (let cursor: string | null = null, isFirst = true; isFirst || cursor; isFirst = false) {
        const page: OutputOf<'GET /v1/shops/{shop}/products'> = await client.call(
          'GET /v1/shops/{shop}/products',
          { query: { limit: 100, ...(cursor ? { cursor } : {}) } },
          // A guest sees what everybody sees; a secret that is gone must not stand in the way. An account may have prices of its own.
          { token: this.account?.token ?? null },
        )
        products.push(...page.items)
        cursor = page.next
      }
      return products
    })
    // Another shop may have been opened meanwhile.
    if (this.cart !== cart) return
    this.catalogue = loaded
    this.draw()
  }

  async loadOrders(): Promise<void> {
    const isSame = this.#whoIsHere()
    this.orders = LOADING
    const orders = await this.#loaded(async (client) => (await client.call('GET /v1/shops/{shop}/orders', { query: { limit: 50 } })).items)
    if (!isSame()) return this.route.page === 'orders' ? this.loadOrders() : undefined
    this.orders = orders
    this.draw()
  }

  async loadSubscriptions(): Promise<void> {
    const isSame = this.#whoIsHere()
    if (this.subscriptions.state === 'failed') this.subscriptions = LOADING
    const subscriptions = await this.#loaded(
      async (client) => (await client.call('GET /v1/shops/{shop}/subscriptions', { query: { limit: 50 } })).items,
    )
    if (!isSame()) return this.route.page === 'subscriptions' ? this.loadSubscriptions() : undefined
    this.subscriptions = subscriptions
    this.draw()
  }

  /** Answers whether it is still the same person in the same shop: what was read for somebody is shown to nobody else. */
  #whoIsHere(): () => boolean {
    const { cart, account } = this
    return () => this.cart === cart && this.account?.id === account?.id
  }

  async loadShippingMethods(): Promise<void> {
    this.shippingMethods = await this.#loaded(
      async (client) => (await client.call('GET /v1/shops/{shop}/carts/{cart}/shipping-methods', { params: { cart: 'current' } })).items,
    )
    this.draw()
  }

  /** Follows an order while its page is open; answers when the page shows it, or why not. */
  loadOrder(order: string): Promise<void> {
    this.#following.abort()
    const following = new AbortController()
    this.#following = following
    const { signal } = following
    return new Promise((resolve, reject) => {
      const show = (now: Loaded<Order>) => {
        resolve()
        if (signal.aborted) return
        const before = this.order.state === 'ready' ? this.order.value : null
        // A page that stood stays while the server is away for a moment.
        if (now.state === 'failed' && before?.id === order) return
        this.order = now
        if (before?.state === 'NEW' && now.state === 'ready' && now.value.state !== 'NEW') void this.cart.refresh()
        this.draw()
      }
      const see = (value: Order) => show({ state: 'ready', value })
      const miss = (error: unknown) => {
        if (!(error instanceof CartwrightError)) throw error
        show({ state: 'failed', says: error.problem.title })
      }
      const { client } = this.cart
      this.#signedIn
        .then(() => import('../../src/client/order.ts'))
        .then(({ followOrder }) => followOrder(client, order, { ...this.#opening(order), signal, see, miss }))
        .catch(miss)
        .then(resolve, reject)
    })
  }

  async #loaded<Value>(read: (client: CartStore['client']) => Promise<Value>): Promise<Loaded<Value>> {
    const { client } = this.cart
    this.draw()
    await this.#signedIn
    try {
      return { state: 'ready', value: await read(client) }
    } catch (error) {
      if (!(error instanceof CartwrightError)) throw error
      return { state: 'failed', says: error.problem.title }
    }
  }

  #showReport(report: MergeReport | null): void {
    if (report && report.lines.length > 0) this.dialog = { kind: 'report', report }
    this.draw()
  }

  #openShop(): void {
    this.cart?.close()
    this.catalogue = LOADING
    this.cart = createCart({ shop: this.shop.id, baseUrl: location.origin, language: this.language })
    this.view = this.cart.get()
    this.cart.subscribe((view) => {
      this.view = view
      if (view.cart && view.cart.lines.length > 0) this.currency = view.cart.currency
      this.#tellRefused(view)
      this.draw()
      // What prices changes that wait is to be there before the connection is not. A page asks for it once.
      if (view.status === 'ready') void import('../../src/client/optimism.ts').catch(() => undefined)
    })
    const { account, cart } = this
    // Who signed in on this device is signed in again, in every shop of it; a cart that a guest left there comes along.
    this.#signedIn = account
      ? this.attempt(async () => {
          const report = await cart.login(account.token)
          if (this.cart === cart) this.#showReport(report)
        })
      : Promise.resolve()
    void this.loadCatalogue()
  }

  /** Looks at the address, and loads what its page shows. */
  #arrive(): void {
    this.#following.abort()
    this.told = null
    this.route = routeOf(new URL(location.href))
    this.choices = {}
    const shop = demoShop(this.route.shop)
    if (shop.id !== this.shop.id) {
      this.shop = shop
      this.currency = SHOP_CURRENCY
      this.#openShop()
    }
    this.arrived()
    this.draw()
  }

  /** Loads what the page needs that stands now. */
  arrived(): void {
    const { route } = this
    if (route.page === 'orders') void this.loadOrders()
    if (route.page === 'subscriptions') {
      this.subscriptions = LOADING
      void this.loadSubscriptions()
    }
    if (route.page === 'order') {
      this.order = LOADING
      void this.loadOrder(route.order)
    }
    if (route.page === 'checkout') void this.loadShippingMethods()
  }
}

function languageOf(): Language {
  const wanted = keptLanguage() ?? navigator.language
  return wanted.startsWith('de') ? 'de' : 'en'
}
