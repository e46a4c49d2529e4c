// A shopper's cart as a page holds it: one guest cart per shop and device, or the account's after a login. Everything that shows a cart (elements,
// React, the demo store) uses this and nothing else. A change shows at once and waits in a queue; what the server answers replaces what was shown.
import type { PricedCart, PricedLine } from '../core/pricing.ts'
import { type Client, createClient, type InputOf, type OutputOf } from './client.ts'
import { type DeviceStorage, isSeen, onTurn, openDevice } from './device.ts'
import type { Product } from './optimism.ts'
import { CartwrightError } from './problem.ts'
import { type Change, isNewLine, isPassing, lineIdOf, newKey, newLineId, nextBatch, ownRefusal, refusedIndex, withLineId } from './queue.ts'
import { backOff, follow } from './stream.ts'

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

export type { DeviceStorage } from './device.ts'

/** With whom it is paid, and where the browser comes back to. */
export type PaymentWish = { readonly provider?: string; readonly method?: string; readonly returnUrl?: string }

/** Which shop, where, and what is remembered on the device. */
export interface CartOptions {
  readonly shop: string
  readonly baseUrl: string
  /** Where the guest's secret is kept; `localStorage` unless given, and memory where there is none. */
  readonly storage?: DeviceStorage
  readonly language?: string
  readonly fetch?: typeof fetch
}

/**
 * What is ordered. `expectedTotal` (minor units) is what the shopper saw: the shown total unless given, and for named lines nothing, because what they
 * cost by themselves is the server's to say.
 */
export interface OrderWish {
  readonly lineIds?: readonly string[]
  readonly expectedTotal?: number
  readonly payment?: PaymentWish
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
  order(input?: OrderWish): Promise<PlacedOrder>
  /** From now on the account's cart: the guest's comes along as `mode` says, and the report says what became of it. */
  login(token: string, options?: { readonly mode?: MergeMode }): Promise<MergeReport | null>
  /** Forgets the account on this device; its cart stays the account's. */
  logout(): void
  /** Forgets a refused change that was shown. */
  dismiss(id: string): void
  close(): void
}

/** What tabs tell each other: a cart as the server has it, or null: look at what the device keeps. */
type Message = PricedCart | null

/** Who is logged in. */
interface Account {
  readonly token: string
  readonly name: string
}

/** What is kept on the device while changes wait. */
interface Waiting {
  readonly cart: PricedCart | null
  readonly changes: readonly Change[]
  /** Lines that are shown and not made yet: after a reload nothing may be known of their products. */
  readonly lines: readonly PricedLine[]
}

const CART = { params: { cart: 'current' } } as const
/** A request that has no answer by then is sent again. */
const ANSWER_MS = 20_000
/** As long a tab waits for another one that sends; a tab that sleeps with its request under way must not stop the others. */
const TURN_MS = 10_000
/** Until other tabs see what one of them has kept. */
const SEEN_MS = 50
const REST_MS = 1000

/**
 * A shopper's cart. It asks the server when it is first subscribed to, waited for or changed, and follows the live stream while there is a subscriber.
 * @throws nothing; what goes wrong is told by the promises of the changes and by the view.
 */
export function createCart(options: CartOptions): CartStore {
  const { shop, baseUrl, language } = options
  const device = openDevice<Message>(shop, options.storage, hear)
  const how = { shop, baseUrl, token, ...(language ? { language } : {}), ...(options.fetch ? { fetch: options.fetch } : {}) }
  const direct = createClient(how)
  const once = createClient({ ...how, retries: 0 })
  const closing = new AbortController()

  let account: Account | null = null
  /** The guest's secret that `held` belongs to. */
  let secret: string | null = null
  /** Moves when it becomes somebody else's cart: what was asked for before is then not what is shown. */
  let era = 0
  /** The newest cart that came from the server; also one that has no row yet, or is over. */
  let held: PricedCart | null = null
  /** Requests are numbered; a cart of another id is taken when it was asked for after this one. */
  let heldSince = 0
  let asked = 0
  /** A cart that came by another way while a change was under way: it may contain that change already. */
  let later: PricedCart | null = null
  let isDue = true
  let isPaused = false
  let changes: readonly Change[] = []
  let lines: readonly PricedLine[] = []
  let refused: readonly RefusedChange[] = []
  let report: MergeReport | null = null
  let failure: CartwrightError | null = null
  let optimism: typeof import('./optimism.ts') | null = null
  let view: CartView = { cart: null, isEstimated: false, pending: 0, status: 'loading', refused, report }
  let claimed: Promise<void> | null = null
  let isWorking = false
  let wake = () => {}
  let triedAt = 0
  let known = Promise.withResolvers<PricedCart | null>()
  let isKnown = false
  let turned = Promise.withResolvers<void>()
  let streaming: { readonly era: number; readonly end: AbortController } | null = null
  const promises = new Map<string, PromiseWithResolvers<PricedCart>>()
  const listeners = new Set<(view: CartView) => void>()
  const products = new Map<string, Product>()
  const askedAbout = new Set<string>()
  /** Ids of lines as they were shown before the server made them. */
  const made = new Map<string, string>()

  const client: Client = {
    call: async (name, ...rest) => {
      const output = await direct.call(name, ...rest)
      if (name === 'GET /v1/shops/{shop}/products') learn((output as { items: Product[] }).items)
      if (name === 'GET /v1/shops/{shop}/products/{product}') learn([output as Product])
      return output
    },
  }

  function token(): string | null {
    return account ? account.token : device.secret()
  }

  function learn(read: readonly Product[]): void {
    for (const product of read) for (const { sku } of product.variants) products.set(sku, product)
    if (mine().length > 0) show()
  }

  /** Changes of whoever it is now. Those of an account wait until it is logged in again. */
  function mine(): readonly Change[] {
    const name = account?.name ?? null
    return changes.filter((change) => change.account === name)
  }

  // What is shown --------------------------------------------------------------------------------------------------------------------------

  function show(): void {
    const pending = mine()
    const base = held?.state === 'OPEN' ? held : null
    let cart = base && base.version > 0 ? base : null
    const isEstimated = pending.some(({ command }) => !('acknowledge' in command))
    if (base && pending.length > 0) {
      if (optimism) cart = optimism.withChanges(base, pending, { products, lines, now: Date.now() })
      else void loaded().then((it) => it && show())
      readAbout(base, pending)
    }
    const status = failure && failure.status !== 429 ? 'offline' : isKnown ? 'ready' : 'loading'
    view = { cart, isEstimated: isEstimated && cart !== null, pending: pending.length, status, refused, report }
    for (const listener of listeners) {
      try {
        listener(view)
      } catch (error) {
        // A page that cannot show a change does not stop it.
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }

  async function loaded() {
    optimism ??= await import('./optimism.ts').catch(() => null)
    return optimism
  }

  /** Reads the tiers of what is changed, once per product. */
  function readAbout(base: PricedCart, pending: readonly Change[]): void {
    for (const change of pending) {
      const line = base.lines.find(({ id }) => id === lineIdOf(change))
      if (!line?.handle || line.sku === null || products.has(line.sku) || askedAbout.has(line.handle)) continue
      askedAbout.add(line.handle)
      once.call('GET /v1/shops/{shop}/products/{product}', { params: { product: line.handle } }).then(
        (product) => learn([product]),
        () => {},
      )
    }
  }

  function keep(): void {
    const shown = [...lines, ...(view.cart?.lines ?? [])].filter(({ id }) => changes.some((change) => isNewLine(id, change.id)))
    lines = [...new Map(shown.map((line) => [line.id, line])).values()]
    // An account's cart is not left on the device.
    const cart = account ? null : held
    device.keep(changes.length === 0 ? null : JSON.stringify({ cart, changes, lines } satisfies Waiting))
  }

  // What comes in --------------------------------------------------------------------------------------------------------------------------

  /** The answer to a request of our own, by its number. */
  function take(cart: PricedCart, number: number, askedIn: number): void {
    if (askedIn !== era) return
    if (!held || (held.id === cart.id ? isNewer(cart, held) : number > heldSince)) {
      if (held?.id !== cart.id) heldSince = number
      held = cart
      device.tell(cart)
    }
    isDue = false
    isKnown = true
    failure = null
    if (later) see(later)
    show()
    known.resolve(view.cart)
    watch()
  }

  /** A cart that came by itself, by the stream or from another tab. */
  function see(cart: PricedCart): void {
    if (!isOurs(cart)) return
    later = null
    // What is under way may be in it already, and would be shown twice.
    if (mine().some(({ key }) => key !== undefined)) later = cart
    else if (!held || (held.id === cart.id ? isNewer(cart, held) : isOver(held))) {
      if (held?.id !== cart.id) heldSince = asked
      held = cart
      if (cart.state === 'CLOSED') refresh()
      show()
    } else if (held.id !== cart.id) refresh()
  }

  function isOurs({ owner }: PricedCart): boolean {
    if (owner.kind === 'guest') return !account && secret?.startsWith(`ct_${owner.guestId}_`) === true
    return account !== null && held?.owner.kind === 'account' && held.owner.accountId === owner.accountId
  }

  function hear(message: Message): void {
    if (!claimed || closing.signal.aborted) return
    if (message) see(message)
    else look()
  }

  /** Another tab may have made a guest, or forgotten one. */
  function look(): void {
    if (!account && device.secret() !== secret) restart(null)
  }

  function refresh(): void {
    isDue = true
    void work()
  }

  /** From now on it is this one's cart; null: the guest's or nobody's. */
  function restart(next: Account | null): void {
    era++
    account = next
    secret = next ? null : device.secret()
    held = null
    later = null
    heldSince = asked
    products.clear()
    askedAbout.clear()
    if (isKnown) known = Promise.withResolvers()
    known.promise.catch(() => {})
    isKnown = false
    watch()
    show()
    refresh()
  }

  /** The guest's secret is of no more use. Answers whether there was one. */
  function forget(gone: string | null): boolean {
    if (account || gone === null) return false
    device.forget(gone)
    device.tell(null)
    restart(null)
    return true
  }

  function watch(): void {
    const isWanted = !closing.signal.aborted && listeners.size > 0 && isSeen() && token() !== null
    if (isWanted && streaming?.era === era) return
    streaming?.end.abort()
    streaming = null
    if (!isWanted) return
    const end = new AbortController()
    streaming = { era, end }
    const headers = {
      accept: 'text/event-stream',
      authorization: `Bearer ${token()}`,
      ...(language ? { 'accept-language': language } : {}),
    }
    const url = `${baseUrl.replace(/\/+$/, '')}/v1/shops/${encodeURIComponent(shop)}/carts/current/stream`
    const following = {
      open: (lastId: string | null, signal: AbortSignal) =>
        (options.fetch ?? fetch)(url, {
          headers: { ...headers, ...(lastId ? { 'last-event-id': lastId } : {}) },
          credentials: 'omit',
          signal,
        }),
      see: (cart: PricedCart) => {
        if (end.signal.aborted) return
        see(cart)
        device.tell(cart)
      },
      end: () => {
        if (streaming?.end === end) streaming = null
        setTimeout(refresh, REST_MS)
      },
      signal: end.signal,
    }
    // One tab reads, and tells the others: browsers hold few connections to a server.
    void device.alone(`stream:${account?.name ?? 'guest'}`, end.signal, () => follow(following))
  }

  // What goes out --------------------------------------------------------------------------------------------------------------------------

  function begin(): Promise<void> {
    if (claimed) return claimed
    secret = device.secret()
    onTurn(() => {
      watch()
      wake()
    }, closing.signal)
    claimed = device.claim(inherit).then(
      () => keep(),
      () => {},
    )
    void work()
    return claimed
  }

  /** Goes on with what a page before this one left. */
  function inherit(left: string): void {
    let waiting: Waiting
    try {
      waiting = JSON.parse(left) as Waiting
    } catch {
      return
    }
    const fresh = waiting.changes.filter(({ id }) => !changes.some((change) => change.id === id))
    for (const { id } of fresh) promiseOf(id)
    changes = [...fresh, ...changes]
    lines = [...waiting.lines, ...lines]
    if (waiting.cart && !held && isOurs(waiting.cart)) held = waiting.cart
    show()
    void work()
  }

  function promiseOf(id: string): Promise<PricedCart> {
    const promise = Promise.withResolvers<PricedCart>()
    // Who does not wait for a change reads in the view what became of it.
    promise.promise.catch(() => {})
    promises.set(id, promise)
    return promise.promise
  }

  function change(command: Change['command']): Promise<PricedCart> {
    void begin()
    const id = newKey()
    const asSeen: Change = { id, account: account?.name ?? null, command, ...(device.hasLocks ? {} : { key: id }) }
    const lineId = made.get(lineIdOf(asSeen) ?? '')
    changes = [...changes, lineId === undefined ? asSeen : withLineId(asSeen, lineId)]
    const promise = promiseOf(id)
    show()
    keep()
    if (Date.now() - triedAt > REST_MS) wake()
    void work()
    return promise
  }

  /** Sends what waits, one request at a time, until nothing does. */
  async function work(): Promise<void> {
    if (isWorking || !claimed) return
    isWorking = true
    try {
      await claimed
      for (let failures = 0; !closing.signal.aborted && !isPaused && (isDue || mine().length > 0); ) {
        const failed = await oneAtATime()
        triedAt = Date.now()
        failures = failed ? failures + 1 : 0
        if (failure !== failed) {
          failure = failed
          show()
        }
        keep()
        turned.resolve()
        turned = Promise.withResolvers()
        if (failed) await sleep(Math.max(Number(failed.problem.retryAfter ?? 0) * 1000, backOff(failures)))
      }
    } finally {
      isWorking = false
    }
  }

  function sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  /** The next request, while no other tab sends one: two that make a guest at once would make two. Answers what kept it from being answered. */
  async function oneAtATime(): Promise<CartwrightError | null> {
    let hasRun = false
    let failed: CartwrightError | null = null
    const run = async () => {
      hasRun = true
      look()
      failed = await next()
    }
    await device.alone('send', AbortSignal.timeout(TURN_MS), run)
    if (!hasRun) await run()
    return failed
  }

  async function next(): Promise<CartwrightError | null> {
    const batch = nextBatch(mine())
    const who = token()
    const number = ++asked
    const askedIn = era
    try {
      if (batch.length === 0) take(await readCart(who), number, askedIn)
      else await carry(batch, who, number)
      return null
    } catch (error) {
      if (!(error instanceof CartwrightError)) throw error
      if (askedIn !== era) return null
      if (isPassing(error)) return error
      if (isGone(error) && forget(who)) return null
      if (batch.length > 0) refuse(batch, error)
      else {
        isDue = false
        known.reject(error)
        refused = [...refused, { id: newKey(), error }]
        show()
      }
      return null
    }
  }

  function limits(who: string | null) {
    return { token: who, signal: AbortSignal.timeout(ANSWER_MS) }
  }

  async function readCart(who: string | null): Promise<PricedCart> {
    return understood(await once.call('GET /v1/shops/{shop}/carts/{cart}', CART, limits(who)))
  }

  async function carry(batch: readonly Change[], who: string | null, number: number): Promise<void> {
    const askedIn = era
    const key = batch[0]?.key ?? newKey()
    changes = changes.map((each) => (batch.includes(each) ? { ...each, key } : each))
    keep()
    const answer = await send(batch, { ...limits(who), idempotencyKey: key })
    const cart = understood(answer.cart)
    if (who === null && answer.token) {
      // Another tab was first after all: its guest is the one, and what was sent is sent again for that one.
      if (device.secret() !== null) return look()
      device.remember(answer.token)
      secret = answer.token
      device.tell(null)
      await new Promise((resolve) => setTimeout(resolve, SEEN_MS))
    }
    await nameLines(batch, cart)
    changes = changes.filter((each) => !batch.some(({ id }) => id === each.id))
    take(cart, number, askedIn)
    for (const { id } of batch) {
      promises.get(id)?.resolve(cart)
      promises.delete(id)
    }
  }

  function send(batch: readonly Change[], sending: { token: string | null; signal: AbortSignal; idempotencyKey: string }) {
    const commands = batch.flatMap(({ command }) => ('acknowledge' in command ? [] : command))
    const [first] = batch
    if (first && 'acknowledge' in first.command) {
      const { acknowledge } = first.command
      const body = { ids: acknowledge === 'all' ? acknowledge : [...acknowledge] }
      return once.call('POST /v1/shops/{shop}/carts/{cart}/notices/acknowledge', { ...CART, body }, sending)
    }
    return once.call('POST /v1/shops/{shop}/carts/{cart}/commands', { ...CART, body: { commands } }, sending)
  }

  /** Lines that were shown before the server made them have their real names now; what waits means those. */
  async function nameLines(batch: readonly Change[], cart: PricedCart): Promise<void> {
    const isMeant = changes.some((each) => isNewLine(lineIdOf(each) ?? ''))
    const { lineMadeOf } = optimism ?? (isMeant ? await loaded() : null) ?? {}
    if (!lineMadeOf) return
    for (const { id, command } of batch) {
      if (!('add' in command)) continue
      for (const [index, item] of command.add.lines.entries()) {
        const line = lineMadeOf(item, cart.lines, products) ?? cart.lines.findLast(({ sku }) => sku === item.sku)
        if (line) made.set(newLineId(id, index), line.id)
      }
    }
    changes = changes.map((each) => withLineId(each, made.get(lineIdOf(each) ?? '') ?? lineIdOf(each) ?? ''))
  }

  /** Takes back what was refused, and only that: what came with it is sent again without it. */
  function refuse(batch: readonly Change[], error: CartwrightError): void {
    const index = batch.length === 1 ? 0 : refusedIndex(error)
    const meant = error.status === 401 ? batch : batch.filter((_, at) => at === index)
    const isOut = (each: Change) => meant.some(({ id }) => id === each.id || isNewLine(lineIdOf(each) ?? '', id))
    const told = ownRefusal(error)
    const out = changes.filter(isOut)
    refused = [...refused, ...out.map(({ id }) => ({ id, error: told }))]
    changes = changes.flatMap((each) => {
      if (isOut(each)) return []
      if (!batch.some(({ id }) => id === each.id)) return each
      const { key: _, ...again } = each
      return meant.length === 0 ? { ...again, isAlone: true } : again
    })
    for (const { id } of out) {
      promises.get(id)?.reject(told)
      promises.delete(id)
    }
    if (later) see(later)
    show()
  }

  /** Until everything that waits was answered. @throws CartwrightError when the server cannot be reached. */
  async function drain(): Promise<void> {
    await begin()
    wake()
    void work()
    while (!closing.signal.aborted && (isDue || mine().length > 0)) {
      await turned.promise
      if (failure) throw failure
    }
  }

  async function merge(next: Account, mode: MergeMode | undefined): Promise<OutputOf<'POST /v1/shops/{shop}/carts/{cart}/merge'> | null> {
    const guest = device.secret()
    const isThere = guest !== null && held !== null && !isOver(held)
    if (!isThere && mode !== 'restorePrevious') return null
    const carts = isThere && held ? [{ id: held.id, token: guest }] : []
    const body = { carts, ...(mode ? { mode } : {}) }
    try {
      return await direct.call('POST /v1/shops/{shop}/carts/{cart}/merge', { ...CART, body }, { token: next.token })
    } catch (error) {
      // There is nothing to bring along any more.
      if (error instanceof CartwrightError && isGone(error) && error.status !== 401) return null
      throw error
    }
  }

  async function login(given: string, mode: MergeMode | undefined): Promise<MergeReport | null> {
    const next = { token: given, name: nameIn(given) }
    if (account?.name === next.name) {
      account = next
      watch()
      refresh()
      return null
    }
    if (account) logout()
    await begin()
    if (device.secret() !== null || mine().length > 0) await drain()
    isPaused = true
    try {
      const answer = await merge(next, mode)
      const guest = device.secret()
      if (guest !== null) device.forget(guest)
      device.tell(null)
      // What was changed meanwhile goes into the account's cart.
      changes = changes.map((each) => (each.account === null ? { ...each, account: next.name } : each))
      restart(next)
      if (answer) take(understood(answer.cart), ++asked, era)
      report = answer?.report ?? null
    } finally {
      isPaused = false
      show()
      void work()
    }
    return report
  }

  function logout(): void {
    if (!account) return
    const name = account.name
    const ended = new CartwrightError({ type: 'about:blank', title: 'Logged out before it was done.', status: 0, code: 'aborted' })
    for (const { id } of mine()) {
      promises.get(id)?.reject(ended)
      promises.delete(id)
    }
    changes = changes.filter((each) => each.account !== name)
    report = null
    restart(null)
    keep()
  }

  async function order({ lineIds, expectedTotal, payment }: OrderWish): Promise<PlacedOrder> {
    const seen = expectedTotal ?? (lineIds ? undefined : view.cart?.total.amount)
    const waiting = mine().map(({ id }) => promises.get(id)?.promise)
    await drain()
    // A change that was refused is not what the shopper ordered.
    await Promise.all(waiting)
    const body = {
      cartId: 'current',
      ...(lineIds ? { lines: lineIds.map((id) => made.get(id) ?? id) } : {}),
      ...(seen === undefined ? {} : { expectedTotal: seen }),
      ...(payment ? { payment } : {}),
    }
    try {
      return await direct.call('POST /v1/shops/{shop}/orders', { body })
    } finally {
      refresh()
    }
  }

  return {
    client,
    get: () => view,
    subscribe: (listener) => {
      listeners.add(listener)
      void begin()
      watch()
      return () => {
        listeners.delete(listener)
        watch()
      }
    },
    ready: async () => {
      await begin()
      await known.promise
      return view.cart
    },
    add: (item) => change({ add: { lines: Array.isArray(item) ? [...item] : [item as CartItem] } }),
    setQuantity: (lineId, quantity) => change({ set: { lineId, quantity } }),
    remove: (lineId) => change({ remove: { lineId } }),
    clear: () => change({ clear: {} }),
    applyCode: (code) => change({ applyCode: { code } }),
    removeCode: (code) => change({ removeCode: { code } }),
    change: (details) => change({ change: details }),
    acknowledge: (ids) => change({ acknowledge: ids }),
    order: (input = {}) => order(input),
    login: (given, { mode } = {}) => login(given, mode),
    logout,
    dismiss: (id) => {
      refused = refused.filter((each) => each.id !== id)
      show()
    },
    close: () => {
      closing.abort()
      streaming?.end.abort()
      listeners.clear()
      device.close()
      wake()
    },
  }
}

/** Answers can overtake each other: the greater (version, pricing) is the newer. */
function isNewer(cart: PricedCart, than: PricedCart): boolean {
  return cart.version > than.version || (cart.version === than.version && cart.pricing > than.pricing)
}

/** There is nothing in it, or nothing more to be done with it. */
function isOver({ version, state }: PricedCart): boolean {
  return version === 0 || state === 'CLOSED'
}

/** The server says that the guest or the cart is no more. */
function isGone({ code }: CartwrightError): boolean {
  return code === 'invalid_token' || code === 'cart_not_found' || code === 'cart_closed'
}

/** What stands between us and the server may answer in its place. */
function understood(cart: unknown): PricedCart {
  if (typeof cart === 'object' && cart !== null && 'version' in cart) return cart as PricedCart
  throw new CartwrightError({ type: 'about:blank', title: 'The answer is no cart.', status: 0, code: 'not_understood' })
}

/** Whose token it is, by what it says itself; only to tell accounts apart on this device, so nothing is checked. */
function nameIn(jwt: string): string {
  try {
    const bytes = Uint8Array.from(atob((jwt.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/')), (each) => each.charCodeAt(0))
    const { iss, sub } = JSON.parse(new TextDecoder().decode(bytes)) as { iss?: unknown; sub?: unknown }
    return `${iss}:${sub}`
  } catch {
    return jwt
  }
}
