// A shopper's cart as a page holds it: one guest cart per shop and device, or the account's after a login. Everything that shows a cart (elements,
// React, the demo store) uses this and nothing else. A change shows at once and waits in a queue; what the server answers replaces what was shown.
import type { PricedCart, PricedLine } from '../core/pricing.ts'
import { backOff, type Client, createClient, type InputOf, isPassing, type OutputOf, pauseAfter } from './client.ts'
import { type DeviceStorage, isSeen, onTurn, openDevice } from './device.ts'
import { newIdempotencyKey } from './idempotency-key.ts'
import type { MergeMode, MergeReport } from './joining.ts'
import type { OrderWish } from './ordering.ts'
import type { Fetch } from './platform.ts'
import { createPreview } from './preview.ts'
import { CartwrightError, ended, NOT_OURS, ownError } from './problem.ts'
import { type Change, type Command, isGone, isNewLine, lineIdOf, nextBatch, ownRefusal, refusedIndex } from './queue.ts'

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

/** An order, and how it is paid. */
export type PlacedOrder = OutputOf<'POST /v1/shops/{shop}/orders'>

export type { DeviceStorage } from './device.ts'

/** Which shop, where, and what is remembered on the device. */
export interface CartOptions {
  readonly shop: string
  readonly baseUrl: string
  /** Where the guest's secret is kept; `localStorage` unless given, and memory where there is none. */
  readonly storage?: DeviceStorage
  readonly language?: string
  readonly fetch?: Fetch
}

/** A cart. Every change answers the cart as the server has it then, or throws what was refused. */
export interface CartStore {
  readonly client: Client
  get(): CartView
  subscribe(listener: (view: CartView) => void): () => void
  /** Resolves once what is known of the cart came from the server. */
  ready(): Promise<PricedCart | null>
  /** Reads the cart anew, after something else than this store changed it: an order that was cancelled, or ordered again. */
  refresh(): Promise<PricedCart | null>
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
  /**
   * Follows a restore link (its token, `rt_…`). For a guest it is this device's cart from now on, in place of the one there was: ask first where that one
   * has lines. An account's own cart becomes its current one, and a guest's cart comes along into the account's as at a login.
   */
  restore(link: string): Promise<PricedCart>
  /** Forgets the account on this device, and its changes that wait; its cart stays the account's. */
  logout(): void
  /** What the server calls a line, by any id it was shown under: the first one was the store's own. */
  nameOf(lineId: string): string
  /** Forgets a refused change that was shown. */
  dismiss(id: string): void
  /** Ends everything that is open. What waits stays on the device for the next page; its promises are told `aborted`. */
  close(): void
}

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
/** As often in a row somebody who waits sees no answer before being told, and a request is answered with a fault before it is refused. */
const PATIENCE = 3
/** Whoever waits is told at once where the server asks for more. */
const WAIT_MAX_S = 10

/**
 * A shopper's cart. It asks the server when it is first subscribed to, waited for or changed, and follows the live stream while there is a subscriber.
 * @throws nothing; what goes wrong is told by the promises of the changes and by the view.
 */
export function createCart(options: CartOptions): CartStore {
  const device = openDevice<PricedCart>(options.shop, options.storage, { hear: (cart) => (cart ? see(cart) : look()), inherit })
  const direct = createClient({ ...options, token })
  const once = createClient({ ...options, token, retries: 0, timeoutMs: ANSWER_MS })
  const preview = createPreview(direct, () => mine().length > 0 && show())
  const closing = new AbortController()

  let account: Account | null = null
  /** The guest's secret that `held` belongs to. */
  let secret: string | null = null
  /** Moves when it becomes somebody else's cart: what was asked for before is then not what is shown. */
  let era = 0
  /** The newest cart that came from the server; also one that has no row yet, or is over. */
  let held: PricedCart | null = null
  /** Requests are numbered; a cart of another id is taken when it was asked for after the one that is held. */
  let heldSince = 0
  let asked = 0
  /** A cart that came by another way while a change was under way: it may contain that change already. */
  let later: PricedCart | null = null
  /** An answer to a request of at least this number is waited for; Infinity: to none. */
  let due = 1
  let isPaused = false
  let changes: readonly Change[] = []
  let refused: readonly RefusedChange[] = []
  let report: MergeReport | null = null
  let failure: CartwrightError | null = null
  let view!: CartView
  let claimed: Promise<void> | null = null
  let isWorking = false
  /** How often in a row the request that is first was answered with a fault. */
  let faults = 0
  const inTurn = createTurns()
  const rest = createRest()
  let triedAt = 0
  let known = awaited<PricedCart | null>()
  let isKnown = false
  let turned = awaited<void>()
  let streaming: { readonly era: number; readonly end: AbortController } | null = null
  const waiters = new Map<string, PromiseWithResolvers<PricedCart>>()
  const listeners = new Set<(view: CartView) => void>()
  show()

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
        void Promise.reject(error)
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
      heldSince = number
      held = cart
      device.tell(cart)
    }
    if (number >= due) due = Infinity
    isKnown = true
    failure = null
    if (later) see(later)
    show()
    known.resolve(view.cart)
    watch()
  }

  /** A cart that came by itself, by the stream or from another tab. */
  function see(cart: PricedCart): void {
    // Which of two carts is the one of now, and whether this is ours where nothing is known yet, is the server's to say.
    if (!held) refresh()
    if (!held || !isOurs(cart)) return
    const before = later
    later = null
    if (held.id !== cart.id) {
      // Each answer makes up another one where there is none.
      if (held.version + cart.version > 0) refresh()
    } else if (mine().some(({ key }) => key)) {
      // What is under way may be in it already, and would be shown twice.
      later = before && isNewer(before, cart) ? before : cart
    } else if (isNewer(cart, held)) {
      held = cart
      if (cart.state === 'CLOSED') refresh()
      show()
    }
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
    due = asked + 1
    void work()
  }

  /** From now on it is this one's cart; null: the guest's or nobody's. */
  function restart(next: Account | null): void {
    era++
    account = next
    secret = next ? null : device.secret()
    held = null
    later = null
    preview.forget()
    if (isKnown) known = awaited()
    isKnown = false
    watch()
    show()
    refresh()
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
      client: once,
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
      rest.end()
    }, closing.signal)
    claimed = device.claim().then(keep, () => {})
    void work()
    return claimed
  }

  /** Goes on with what a page before this one left. */
  function inherit(left: string): void {
    try {
      const { cart, changes: all, lines } = JSON.parse(left) as Waiting
      const fresh = all.filter(({ id }) => !changes.some((change) => change.id === id))
      preview.recall(lines)
      for (const { id } of fresh) waiters.set(id, awaited())
      changes = [...fresh, ...changes]
      if (cart && !held && isOurs(cart)) held = cart
    } catch {
      // Not what this version of the code has kept.
    }
    show()
    // It is removed where it was.
    keep()
    void work()
  }

  function change(command: Change['command']): Promise<PricedCart> {
    void begin()
    void preview.load()
    const id = newIdempotencyKey()
    const key = device.hasLocks ? {} : { key: id }
    changes = [...changes, preview.named({ id, account: account?.name ?? null, command, ...key })]
    const waiter = awaited<PricedCart>()
    waiters.set(id, waiter)
    if (closing.signal.aborted) waiter.reject(closing.signal.reason)
    show()
    keep()
    if (Date.now() - triedAt > REST_MS) rest.end()
    void work()
    return waiter.promise
  }

  /** Sends what waits, one request at a time, until nothing does. */
  async function work(): Promise<void> {
    if (isWorking || !claimed) return
    isWorking = true
    try {
      await claimed
      for (let failures = 0; !closing.signal.aborted && !isPaused && (due < Infinity || mine().length > 0); ) {
        const failed = await oneAtATime()
        triedAt = Date.now()
        failures++
        if (!failed) failures = faults = 0
        if (failure !== failed) {
          failure = failed
          show()
        }
        keep()
        turned.resolve()
        turned = awaited()
        if (failed && !closing.signal.aborted) await rest.take(pauseAfter(failed, failures), failed.problem.retryAfter !== undefined)
      }
    } finally {
      isWorking = false
    }
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
    const how = { token: who, signal: closing.signal }
    const number = ++asked
    const askedIn = era
    try {
      if (batch.length === 0) take(understood(await once.call('GET /v1/shops/{shop}/carts/{cart}', CART, how)), number, askedIn)
      else await carry(batch, how, number)
      return null
    } catch (error) {
      if (!(error instanceof CartwrightError)) throw error
      if (askedIn !== era) return null
      // A fault may pass; one that does not keeps nothing back: a batch is split, and a change by itself is refused. Behind a read nothing waits.
      if (isPassing(error) || (error.status >= 500 && (batch.length === 0 || ++faults < PATIENCE))) return error
      if (isGone(error) && !account && who !== null) {
        device.forget(who)
        restart(null)
        return null
      }
      if (batch.length > 0) refuse(batch, error)
      else {
        due = Infinity
        known.reject(error)
        if (!isKnown) known = awaited()
        refused = [...refused, { id: newIdempotencyKey(), error }]
        show()
      }
      return null
    }
  }

  async function carry(batch: readonly Change[], how: Sending, number: number): Promise<void> {
    const askedIn = era
    const key = batch[0]?.key ?? newIdempotencyKey()
    changes = changes.map((each) => (batch.includes(each) ? { ...each, key } : each))
    keep()
    const answer: Partial<OutputOf<'POST /v1/shops/{shop}/carts/{cart}/commands'>> | undefined = await sent(once, batch, {
      ...how,
      idempotencyKey: key,
    })
    const cart = understood(answer?.cart)
    await preview.name(batch, cart, held, changes)
    const made = how.token === null && answer?.token
    // Another tab was first after all: its guest is the one, and what was sent is sent again for that one.
    if (made && device.secret() !== null) return look()
    changes = changes.filter((each) => !batch.some(({ id }) => id === each.id)).map(preview.named)
    // Before the guest is known: under its name the key is another one, and a page that comes then would do it again.
    keep()
    if (made) {
      device.remember(made)
      secret = made
    }
    take(cart, number, askedIn)
    settle(waiters, batch, ({ resolve }) => resolve(cart))
    if (made) await new Promise((resolve) => setTimeout(resolve, SEEN_MS))
  }

  /** Takes back what was refused, and only that: what came with it is sent again without it. */
  function refuse(batch: readonly Change[], error: CartwrightError): void {
    const index = batch.length === 1 ? 0 : refusedIndex(error)
    const meant = error.status === 401 ? batch : batch.filter((_, at) => at === index)
    const isOut = (each: Change) => meant.some(({ id }) => id === each.id || isNewLine(lineIdOf(each), id))
    const told = ownRefusal(error)
    const out = changes.filter(isOut)
    refused = [...refused, ...out.map(({ id }) => ({ id, error: told }))]
    changes = changes.flatMap((each) => {
      if (isOut(each)) return []
      if (!batch.some(({ id }) => id === each.id)) return each
      const { key: _, ...again } = each
      return meant.length === 0 ? { ...again, isAlone: true } : again
    })
    settle(waiters, out, ({ reject }) => reject(told))
    if (later) see(later)
    show()
  }

  /** Until everything that waits was answered. @throws CartwrightError when the server cannot be reached. */
  async function drain(): Promise<void> {
    await begin()
    rest.end()
    void work()
    for (let failures = 0; due < Infinity || mine().length > 0; failures = failure ? failures + 1 : 0) {
      if (failure && (failures === PATIENCE || (failure.problem.retryAfter ?? 0) > WAIT_MAX_S)) throw failure
      await turned.promise
      closing.signal.throwIfAborted()
    }
  }

  /** Does what changes whose cart it is, while nothing else is sent. What is changed meanwhile waits. */
  async function alone<T>(step: () => Promise<T>): Promise<T> {
    isPaused = true
    try {
      return await step()
    } finally {
      isPaused = false
      show()
      void work()
    }
  }

  async function login(given: string, mode: MergeMode | undefined): Promise<MergeReport | null> {
    const { merged, nameIn } = await import('./joining.ts')
    const next = { token: given, name: nameIn(given) }
    if (account?.name === next.name) {
      account = next
      watch()
      refresh()
      return null
    }
    if (account) leave()
    await begin()
    if (device.secret() !== null || mine().length > 0) await drain()
    return alone(async () => {
      const guest = device.secret()
      const answer = await merged(direct, held, guest, mode, given)
      if (guest !== null) device.forget(guest)
      // What was changed meanwhile goes into the account's cart.
      changes = changes.map((each) => (each.account === null ? { ...each, account: next.name } : each))
      restart(next)
      if (answer) take(understood(answer.cart), ++asked, era)
      report = answer?.report ?? null
      return report
    })
  }

  function leave(): void {
    if (!account) return
    const out = mine()
    settle(waiters, out, ({ reject }) => reject(ended()))
    changes = changes.filter((each) => !out.includes(each))
    report = null
    restart(null)
    keep()
  }

  return {
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
    refresh: async () => {
      refresh()
      await drain()
      return view.cart
    },
    ...changesBy(change, preview),
    order: async (wish = {}) => {
      const shown = view.cart
      const waiting = mine().map(({ id }) => waiters.get(id)?.promise)
      await drain()
      // A change that was refused is not what the shopper ordered.
      await Promise.all(waiting)
      const { placed } = await import('./ordering.ts')
      try {
        return await placed({ client: direct, wish, shown, cart: view.cart, nameOf: preview.nameOf, newIdempotencyKey, understood })
      } finally {
        refresh()
      }
    },
    login: (given, { mode } = {}) => inTurn(() => login(given, mode)),
    restore: (link) =>
      inTurn(async () => {
        const { followed } = await import('./joining.ts')
        await drain()
        return alone(async () => {
          const askedIn = era
          const answer = await followed(direct, link, account?.token)
          // Who left meanwhile sees nothing of it any more.
          if (askedIn !== era) throw ended()
          understood(answer.cart)
          if (answer.token) {
            device.remember(answer.token)
            restart(null)
          }
          report = answer.report ?? null
          take(answer.cart, ++asked, era)
          return answer.cart
        })
      }),
    logout: () => {
      leave()
      // Also who is only being logged in.
      void inTurn(async () => leave())
    },
    dismiss: (id) => {
      refused = refused.filter((each) => each.id !== id)
      show()
    },
    close: () => {
      const reason = ended()
      closing.abort(reason)
      streaming?.end.abort()
      listeners.clear()
      device.close()
      settle(waiters, changes, ({ reject }) => reject(reason))
      known.reject(reason)
      turned.resolve()
      rest.end(true)
    },
  }
}

type Sending = { readonly token: string | null; readonly signal: AbortSignal; readonly idempotencyKey?: string }

/** Sends a batch as one request; an acknowledgement is one by itself. */
function sent(client: Client, batch: readonly Change[], sending: Sending) {
  const commands: Command[] = []
  for (const { command } of batch) {
    if (!('acknowledge' in command)) commands.push(command)
    else
      return client.call('POST /v1/shops/{shop}/carts/{cart}/notices/acknowledge', { ...CART, body: { ids: command.acknowledge } }, sending)
  }
  return client.call('POST /v1/shops/{shop}/carts/{cart}/commands', { ...CART, body: { commands } }, sending)
}

/** A promise that somebody may wait for; who does not reads in the view what became of it. */
function awaited<T>(): PromiseWithResolvers<T> {
  const made = {} as PromiseWithResolvers<T>
  // Node 20 and browsers of 2023 have no Promise.withResolvers.
  made.promise = new Promise((resolve, reject) => {
    made.resolve = resolve
    made.reject = reject
  })
  made.promise.catch(() => {})
  return made
}

/** Tells those who wait for these changes. */
function settle(
  waiters: Map<string, PromiseWithResolvers<PricedCart>>,
  done: readonly Change[],
  how: (waiter: PromiseWithResolvers<PricedCart>) => void,
): void {
  for (const { id } of done) {
    const waiter = waiters.get(id)
    waiters.delete(id)
    if (waiter) how(waiter)
  }
}

/** One after the other: the last that was asked for is what it is in the end. */
function createTurns() {
  let last: Promise<unknown> = Promise.resolve()
  return <T>(step: () => Promise<T>): Promise<T> => {
    const done = last.then(step, step)
    last = done
    return done
  }
}

/** A rest that can be ended early. */
function createRest() {
  let end = (_isOver?: boolean) => {}
  return {
    /** A firm one ends early only when all is over. */
    take: (ms: number, isFirm: boolean) =>
      new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms)
        end = (isOver = !isFirm) => {
          if (!isOver) return
          clearTimeout(timer)
          resolve()
        }
      }),
    end: (isOver?: boolean) => end(isOver),
  }
}

/** Every change as a command of the queue, with what tells the names of lines and the prices that a change is shown at. */
function changesBy(
  change: (command: Change['command']) => Promise<PricedCart>,
  preview: Pick<ReturnType<typeof createPreview>, 'client' | 'nameOf'>,
) {
  return {
    client: preview.client,
    nameOf: preview.nameOf,
    add: (item: CartItem | readonly CartItem[]) => change({ add: { lines: [item].flat() as CartItem[] } }),
    setQuantity: (lineId: string, quantity: number) => change({ set: { lineId, quantity } }),
    remove: (lineId: string) => change({ remove: { lineId } }),
    clear: () => change({ clear: {} }),
    applyCode: (code: string) => change({ applyCode: { code } }),
    removeCode: (code: string) => change({ removeCode: { code } }),
    change: (details: CartDetails) => change({ change: details }),
    acknowledge: (ids: readonly string[] | 'all') => change({ acknowledge: ids === 'all' ? ids : [...ids] }),
  }
}

/** Answers can overtake each other: the greater (version, pricing) is the newer. */
function isNewer(cart: PricedCart, than: PricedCart): boolean {
  return (cart.version - than.version || cart.pricing - than.pricing) > 0
}

/** What stands between us and the server may answer in its place. */
function understood(cart: unknown): PricedCart {
  if ((cart as Partial<PricedCart> | null | undefined)?.version === undefined) throw ownError('not_understood', NOT_OURS)
  return cart as PricedCart
}
