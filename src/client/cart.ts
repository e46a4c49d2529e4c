// A shopper's cart as a page holds it: one guest cart per shop and device, or the account's after a login. Everything that shows a cart (elements,
// React, the demo store) uses this and nothing else. A change shows at once and waits in a queue; what the server answers replaces what was shown.
import type { PricedCart, PricedLine } from '../core/pricing.ts'
import { type Client, createClient, type InputOf, type OutputOf } from './client.ts'
import { type DeviceStorage, isSeen, onTurn, openDevice } from './device.ts'
import { createPreview } from './preview.ts'
import { CartwrightError, type ClientCode } from './problem.ts'
import { backOff, type Change, isNewLine, isPassing, lineIdOf, newKey, nextBatch, ownRefusal, refusedIndex } from './queue.ts'

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
/**
 * A request that has no answer by then is sent again. A tab that waits for longer than that for another one to send goes on without it: one that sleeps
 * with its request under way must not stop the others.
 */
const ANSWER_MS = 20_000
/** Until other tabs see what one of them has kept. */
const SEEN_MS = 50
const REST_MS = 1000
/** As often in a row somebody who waits sees no answer before being told. */
const PATIENCE = 3

/**
 * A shopper's cart. It asks the server when it is first subscribed to, waited for or changed, and follows the live stream while there is a subscriber.
 * @throws nothing; what goes wrong is told by the promises of the changes and by the view.
 */
export function createCart(options: CartOptions): CartStore {
  const { shop } = options
  const device = openDevice<Message>(shop, options.storage, { hear: (cart) => (cart ? see(cart) : look()), inherit })
  const how = { ...options, token }
  const direct = createClient(how)
  const once = createClient({ ...how, retries: 0 })
  const preview = createPreview(createClient(how), () => mine().length > 0 && show())
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
  let refused: readonly RefusedChange[] = []
  let report: MergeReport | null = null
  let failure: CartwrightError | null = null
  let view: CartView = { cart: null, isEstimated: false, pending: 0, status: 'loading', refused, report }
  let claimed: Promise<void> | null = null
  let isWorking = false
  let wake = () => {}
  let triedAt = 0
  let known = awaited<PricedCart | null>()
  let isKnown = false
  let turned = Promise.withResolvers<void>()
  let streaming: { readonly era: number; readonly end: AbortController } | null = null
  const promises = createPromises()
  const listeners = new Set<(view: CartView) => void>()

  function token(): string | null {
    return account ? account.token : device.secret()
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
    if (base && pending.length > 0) cart = preview.shown(base, pending) ?? cart
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

  function keep(): void {
    const lines = preview.newLines(view.cart, changes)
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
    preview.forget()
    if (isKnown) known = awaited()
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
    const following = {
      ...how,
      token: token(),
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
      backOff,
    }
    // One tab reads, and tells the others: browsers hold few connections to a server.
    void device.alone(`stream:${account?.name ?? 'guest'}`, end.signal, async () => {
      try {
        const { follow } = await import('./stream.ts')
        await follow(following)
      } catch {
        // The code did not come; the next turn of the page asks for it again.
        if (streaming?.end === end) streaming = null
      }
    })
  }

  // What goes out --------------------------------------------------------------------------------------------------------------------------

  function begin(): Promise<void> {
    if (claimed) return claimed
    secret = device.secret()
    onTurn(() => {
      watch()
      wake()
    }, closing.signal)
    claimed = device.claim().then(
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
    for (const { id } of fresh) promises.make(id)
    changes = [...fresh, ...changes]
    preview.recall(waiting.lines)
    if (waiting.cart && !held && isOurs(waiting.cart)) held = waiting.cart
    show()
    void work()
  }

  function change(command: Change['command']): Promise<PricedCart> {
    void begin()
    void preview.load()
    const id = newKey()
    const key = device.hasLocks ? {} : { key: id }
    changes = [...changes, preview.named({ id, account: account?.name ?? null, command, ...key })]
    const promise = promises.make(id)
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
    await device.alone('send', AbortSignal.timeout(ANSWER_MS), run)
    if (!hasRun) await run()
    return failed
  }

  async function next(): Promise<CartwrightError | null> {
    const batch = nextBatch(mine())
    const who = token()
    const number = ++asked
    const askedIn = era
    try {
      if (batch.length === 0) take(understood(await once.call('GET /v1/shops/{shop}/carts/{cart}', CART, limits(who))), number, askedIn)
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
        known = awaited()
        refused = [...refused, { id: newKey(), error }]
        show()
      }
      return null
    }
  }

  async function carry(batch: readonly Change[], who: string | null, number: number): Promise<void> {
    const askedIn = era
    const key = batch[0]?.key ?? newKey()
    changes = changes.map((each) => (batch.includes(each) ? { ...each, key } : each))
    keep()
    const answer = await sent(once, batch, { ...limits(who), idempotencyKey: key })
    const cart = understood(answer.cart)
    if (who === null && answer.token) {
      // Another tab was first after all: its guest is the one, and what was sent is sent again for that one.
      if (device.secret() !== null) return look()
      device.remember(answer.token)
      secret = answer.token
      device.tell(null)
      await new Promise((resolve) => setTimeout(resolve, SEEN_MS))
    }
    await preview.name(batch, cart, changes)
    changes = changes.filter((each) => !batch.some(({ id }) => id === each.id)).map(preview.named)
    take(cart, number, askedIn)
    promises.keep(batch, cart)
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
    promises.break(out, told)
    if (later) see(later)
    show()
  }

  /** Until everything that waits was answered. @throws CartwrightError when the server cannot be reached. */
  async function drain(): Promise<void> {
    await begin()
    wake()
    void work()
    for (let failures = 0; !closing.signal.aborted && (isDue || mine().length > 0); ) {
      await turned.promise
      failures = failure ? failures + 1 : 0
      if (failure && failures === PATIENCE) throw failure
    }
  }

  async function login(given: string, { mode }: { readonly mode?: MergeMode } = {}): Promise<MergeReport | null> {
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
      const guest = device.secret()
      const carts = guest !== null && held && !isOver(held) ? [{ id: held.id, token: guest }] : []
      const answer = carts.length > 0 || mode === 'restorePrevious' ? await merged(direct, carts, mode, given) : null
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
    const ended = ownError('Logged out.', 'aborted')
    promises.break(mine(), ended)
    changes = changes.filter((each) => each.account !== name)
    report = null
    restart(null)
    keep()
  }

  async function order({ lineIds, expectedTotal, payment }: OrderWish = {}): Promise<PlacedOrder> {
    const seen = expectedTotal ?? (lineIds ? undefined : view.cart?.total.amount)
    const waiting = promises.of(mine())
    await drain()
    // A change that was refused is not what the shopper ordered.
    await Promise.all(waiting)
    const body = {
      cartId: 'current',
      ...(lineIds ? { lines: lineIds.map(preview.nameOf) } : {}),
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
    client: preview.client,
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
      if (!isKnown) refresh()
      await known.promise
      return view.cart
    },
    ...changesBy(change),
    order,
    login,
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

/** Sends a batch as one request. */
function sent(client: Client, batch: readonly Change[], sending: { token: string | null; signal: AbortSignal; idempotencyKey: string }) {
  const commands = batch.flatMap(({ command }) => ('acknowledge' in command ? [] : command))
  const [first] = batch
  if (first && 'acknowledge' in first.command) {
    const { acknowledge } = first.command
    const body = { ids: acknowledge === 'all' ? acknowledge : [...acknowledge] }
    return client.call('POST /v1/shops/{shop}/carts/{cart}/notices/acknowledge', { ...CART, body }, sending)
  }
  return client.call('POST /v1/shops/{shop}/carts/{cart}/commands', { ...CART, body: { commands } }, sending)
}

/** Brings a guest's carts into the account's; null when there is nothing left to bring along. */
async function merged(client: Client, carts: { id: string; token: string }[], mode: MergeMode | undefined, token: string) {
  try {
    const body = { carts, ...(mode ? { mode } : {}) }
    return await client.call('POST /v1/shops/{shop}/carts/{cart}/merge', { ...CART, body }, { token })
  } catch (error) {
    if (error instanceof CartwrightError && isGone(error) && error.status !== 401) return null
    throw error
  }
}

/** Who asks, and until when an answer is waited for. */
function limits(token: string | null) {
  return { token, signal: AbortSignal.timeout(ANSWER_MS) }
}

/** A promise that somebody may wait for; who does not reads in the view what became of it. */
function awaited<T>(): PromiseWithResolvers<T> {
  const promise = Promise.withResolvers<T>()
  promise.promise.catch(() => {})
  return promise
}

/** Promises of changes by their ids. */
function createPromises() {
  const all = new Map<string, PromiseWithResolvers<PricedCart>>()
  const settle = (changes: readonly Change[], how: (promise: PromiseWithResolvers<PricedCart>) => void): void => {
    for (const { id } of changes) {
      const promise = all.get(id)
      all.delete(id)
      if (promise) how(promise)
    }
  }
  return {
    make: (id: string): Promise<PricedCart> => {
      const made = awaited<PricedCart>()
      all.set(id, made)
      return made.promise
    },
    of: (changes: readonly Change[]) => changes.map(({ id }) => all.get(id)?.promise),
    keep: (changes: readonly Change[], cart: PricedCart) => settle(changes, (promise) => promise.resolve(cart)),
    break: (changes: readonly Change[], error: CartwrightError) => settle(changes, (promise) => promise.reject(error)),
  }
}

/** Every change as a command of the queue. */
function changesBy(change: (command: Change['command']) => Promise<PricedCart>) {
  return {
    add: (item: CartItem | readonly CartItem[]) => change({ add: { lines: Array.isArray(item) ? [...item] : [item as CartItem] } }),
    setQuantity: (lineId: string, quantity: number) => change({ set: { lineId, quantity } }),
    remove: (lineId: string) => change({ remove: { lineId } }),
    clear: () => change({ clear: {} }),
    applyCode: (code: string) => change({ applyCode: { code } }),
    removeCode: (code: string) => change({ removeCode: { code } }),
    change: (details: CartDetails) => change({ change: details }),
    acknowledge: (ids: readonly string[] | 'all') => change({ acknowledge: ids }),
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

/** What went wrong on our side. */
function ownError(title: string, code: ClientCode): CartwrightError {
  return new CartwrightError({ type: 'about:blank', title, status: 0, code })
}

/** What stands between us and the server may answer in its place. */
function understood(cart: unknown): PricedCart {
  if (typeof cart === 'object' && cart !== null && 'version' in cart) return cart as PricedCart
  throw ownError('Not a cart.', 'not_understood')
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
