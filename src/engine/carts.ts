// What happens to carts. Every command on one cart goes through one private shell, `change`: it joins a bounded queue, and while one batch is at
// the database the next one fills (group commit). A batch loads its carts and the shop's epoch in one SELECT, decides and prices in memory,
// and saves in one transaction that skips carts which somebody else changed or holds; those are loaded again and their commands applied
// again, so no client ever sees a conflict. Commands on several carts, or on a cart's owner, never join a batch: see checkout.ts, merging.ts.
import {
  CART_FORMAT,
  type Cart,
  changesBetween,
  type Decision,
  DRAFT_TYPE,
  emptyCart,
  isSameGroups,
  type LineResult,
  type Owner,
  parseCart,
  visibleContact,
  withContactFrom,
  withGroups,
} from '../core/cart.ts'
import type { Event } from '../core/event.ts'
import type { Facts } from '../core/facts.ts'
import { PRICING_REVISION, type PricedCart, type Pricing, priceCart, withoutGone } from '../core/pricing.ts'
import { isRefusal, type Refusal, refuse } from '../core/refusal.ts'
import { dueOf, expiryOf } from '../core/time.ts'
import { insertGuest, lockGuest, readSecrets } from '../store/access.ts'
import {
  type CartRow,
  type CartSave,
  type IntentRow,
  isOneStatement,
  loadIntents,
  loadServed,
  lockCarts,
  ownerKey,
  parseOwnerKey,
  readIntent,
  type ServedRow,
  saveCarts,
} from '../store/carts.ts'
import { type Recorded, readRecorded, record } from '../store/idempotency.ts'
import { cartsBeingPaid } from '../store/orders.ts'
import { publish, wants } from '../store/outbox.ts'
import { CommitUnknown, DatabaseUnavailable, LockTimeout, type Reader, type Store, type Writer } from '../store/store.ts'
import { type Buyer, buyerOf, type FactsCache, type Holding, holdingOf, type ShopFacts } from './facts.ts'
import { gather } from './gather.ts'
import { holdCarts, TakenMeanwhile } from './holding.ts'
import type { LimitedTo } from './identity.ts'
import type { IdempotencyClaim } from './once.ts'
import type { Clock, Randomness } from './ports.ts'
import type { AskingHow, Quoting, Unquoted } from './quotes.ts'

/** Limits of the queue: beyond them 503 `overloaded`, nothing written. */
const QUEUE_MAX = 2000
const WAIT_MAX_MS = 1000
/** Limits of a batch: carts, and bytes of documents. */
const BATCH_CARTS = 64
const BATCH_BYTES = 1_048_576
/** After this many conflicts a cart goes alone and waits for its lock, in one of so many lanes beside the batches. */
const CONFLICTS_MAX = 3
const LANES_MAX = 4
/** How long a command on a cart that somebody else holds may take before it is `overloaded`. */
const CONTENDED_MAX_MS = 10_000
/** For so many shops reads that come together share a statement. */
const SHOPS_KEPT = 1000
const NONE: ReadonlySet<string> = new Set()
/** Facts are read outside the transaction that brings their epoch along. */
const ALONE = { alone: true } as const

/** Which cart is meant, and by whom. `owner` null with `all` means any cart, by id only. */
export interface CartAddress {
  readonly shopId: string
  /** A cart id, or `current`. */
  readonly cart: string
  readonly type?: string | undefined
  readonly owner: Owner | null
  readonly all: boolean
  /** A caller who reaches one cart only, and sees only the contact data that its secret gave. */
  readonly limitedTo?: LimitedTo | null | undefined
  /** Groups that the caller's token tells of the customer; absent or null: none are told. */
  readonly groups?: readonly string[] | null | undefined
}

/** One command on one cart. */
export interface CartCommand extends CartAddress {
  /** Skus and codes that deciding needs, besides those in the cart. */
  readonly skus?: readonly string[]
  readonly codes?: readonly string[]
  /** What the command is called and who gave it, for the cart's history: `add`, `guest`; `change`, `staff:key_…`. */
  readonly name: string
  readonly by: string
  readonly ifMatch?: number | undefined
  readonly idempotency?: IdempotencyClaim | undefined
  /** The owner is a guest who does not exist yet; made with the cart. `hash` is the SHA-256 of its secret. */
  readonly newGuest?: { readonly guestId: string; readonly hash: string }
  /** Whether an owner's first command makes the cart. */
  readonly creates?: boolean
  /** Refuse when the cart was there before (`POST /carts` answers it instead). */
  readonly decide: (cart: Cart, facts: Facts) => Decision | Refusal
  /** Looks at the priced result and may still refuse. */
  readonly check?: (priced: PricedCart, facts: Facts) => Refusal | null
}

/** What a command came to. `text` is the priced cart as it is sent. */
export interface CartAnswer {
  readonly text: string
  readonly id: string
  readonly version: number
  readonly created: boolean
  readonly results: readonly LineResult[] | null
  /** Set when an earlier request with this key did it. */
  readonly replayed: Recorded | null
}

/** What a price rests on: while that stands, pricing anew gives the same. */
export interface Grounds extends Pick<Pricing, 'freshUntil' | 'stockSeen' | 'limitsSeen'>, Holding {
  readonly state: string
  readonly epoch: number
  readonly revision: number
  /** Answers of outside engines that it had to do without. */
  readonly unquoted: Unquoted
}

/** A cart as it is served, and what that rests on. Version 0: there is no row yet. */
export interface CartView {
  readonly text: string
  readonly id: string
  readonly version: number
  readonly state: string
  readonly grounds: Grounds
}

/** Carts as the rest of the house uses them. */
export interface Carts {
  /** Runs a command; answers after it is safely stored. */
  change(command: CartCommand): Promise<CartAnswer | Refusal>
  /** The cart as it is now, priced by today's facts; a read never writes. `current` of an owner without a cart is an empty one. */
  read(address: CartAddress): Promise<CartAnswer | Refusal>
  /** The cart with its intent and the facts it was priced with. `lists`: shipping methods are to be listed, so an outside engine is asked for them. */
  inspect(
    address: CartAddress,
    how?: { readonly lists: boolean },
  ): Promise<{ cart: Cart; pricing: Pricing; facts: Facts; shop: ShopFacts } | Refusal>
  /** The same with what its price rests on, for who wants to know when it changes. */
  view(address: CartAddress): Promise<CartView | Refusal>
  /** Of these the ones whose cart may be priced otherwise by now, because the shop, the hour, stock or the uses of codes moved on. */
  outdated<Seen extends { readonly grounds: Grounds }>(shop: ShopFacts, seen: readonly Seen[]): Promise<Seen[]>
  /** A row as it is served now, to a caller whose token tells these groups of the customer; outside engines are not asked for it. */
  serve(shop: ShopFacts, row: ServedRow, groups?: readonly string[] | null): Promise<string>
  /** Everything in the queue is done; nothing more is accepted. */
  drain(): Promise<void>
  /** Commands waiting, for `/readyz` and metrics. */
  waiting(): number
}

interface Job {
  readonly command: CartCommand
  readonly key: string
  readonly enqueuedAt: number
  conflicts: number
  /** `running` while a batch holds it; a failed batch tries again only those. */
  state: 'waiting' | 'running' | 'done'
  readonly resolve: (answer: CartAnswer | Refusal) => void
  readonly reject: (error: unknown) => void
}

/** One cart of a batch with the commands on it, in order of arrival, and what they came to. */
interface Work {
  readonly shop: ShopFacts
  readonly jobs: Job[]
  readonly row: IntentRow | null
  readonly base: Cart
  /** `base` without what the shop's settings remove from carts: what the commands begin with. */
  start: Cart
  cart: Cart
  /** The commands that made `cart` of `base`. */
  readonly done: CartCommand[]
  /** Customers that the commands made it of, of whom nothing was known when it was priced. */
  readonly strangers: Buyer[]
  pricing: Pricing | null
  save: CartSave | null
  readonly outcomes: Map<Job, Refusal | { results: readonly LineResult[] | null } | { thrown: unknown }>
}

/** What is recorded of a command under its key; `guest` where it made one. */
interface Outcome {
  readonly cartId: string
  readonly created: boolean
  readonly results: readonly LineResult[] | null
  readonly guest?: NonNullable<CartCommand['newGuest']>
}

class IdempotencyRace extends Error {}

/** Makes the shell. */
export function createCarts(parts: { store: Store; facts: FactsCache; quotes: Quoting; clock: Clock; random: Randomness }): Carts {
  const { store, facts: cache, quotes, clock, random } = parts
  const queue: Job[] = []
  const busy = new Set<string>()
  const batchesMax = store.dialect === 'sqlite' ? 1 : 4
  let batches = 0
  let lanes = 0
  let scheduled = false
  let closing = false
  let drained: (() => void) | null = null
  // While the database hangs no batch ends, so waiting too long is noticed by a timer.
  const sweeper = setInterval(refuseLate, WAIT_MAX_MS / 4).unref()

  // The queue -------------------------------------------------------------------------------------------------------------------------

  function change(command: CartCommand): Promise<CartAnswer | Refusal> {
    if (closing || queue.length >= QUEUE_MAX) return Promise.resolve(overloaded())
    return new Promise((resolve, reject) => {
      const job: Job = {
        command,
        key: addressKey(command),
        enqueuedAt: performance.now(),
        conflicts: 0,
        state: 'waiting',
        resolve: (answer) => {
          job.state = 'done'
          resolve(answer)
        },
        reject: (error) => {
          job.state = 'done'
          reject(error)
        },
      }
      queue.push(job)
      schedule()
    })
  }

  /** Starts batches after this turn of the event loop, so that requests that arrive together are saved together. */
  function schedule(): void {
    if (scheduled) return
    scheduled = true
    setImmediate(() => {
      scheduled = false
      pump()
    })
  }

  /** Starts what can start: contended carts in lanes of their own, where waiting for a lock delays nobody else; all others in batches. */
  function pump(): void {
    refuseLate()
    while (lanes < LANES_MAX) {
      const jobs = takeContended()
      if (jobs.length === 0) break
      lanes++
      start(jobs, runLocked, () => lanes--)
    }
    while (batches < batchesMax) {
      const jobs = takeBatch()
      if (jobs.length === 0) break
      batches++
      start(jobs, runBatch, () => batches--)
    }
    if (queue.length === 0 && busy.size === 0) drained?.()
  }

  function start(jobs: readonly Job[], run: (jobs: readonly Job[]) => Promise<void>, ended: () => void): void {
    for (const job of jobs) busy.add(job.key)
    void run(jobs).finally(() => {
      ended()
      for (const job of jobs) busy.delete(job.key)
      if (queue.length > 0 || drained) schedule()
    })
  }

  /** Commands that waited too long are answered `overloaded`: nothing of them was written. */
  function refuseLate(): void {
    const now = performance.now()
    const isLate = (job: Job) => now - job.enqueuedAt > (job.conflicts === 0 ? WAIT_MAX_MS : CONTENDED_MAX_MS)
    if (queue.some(isLate)) for (const job of take(isLate)) job.resolve(overloaded())
  }

  /** All commands on the oldest cart that kept changing under us. */
  function takeContended(): Job[] {
    const first = queue.find((job) => job.conflicts >= CONFLICTS_MAX && !busy.has(job.key))
    return first ? take((job) => job.key === first.key) : []
  }

  /** The oldest commands whose carts are not being worked on; on PostgreSQL of one shop. A request that is repeated waits for the next batch. */
  function takeBatch(): Job[] {
    const keys = new Set<string>()
    const claims = new Set<string>()
    const contended = new Set(queue.flatMap((job) => (job.conflicts >= CONFLICTS_MAX ? [job.key] : [])))
    let shopId: string | null = null
    return take(({ key, command }) => {
      if (!keys.has(key) && (keys.size >= BATCH_CARTS || busy.has(key) || contended.has(key))) return false
      if (store.dialect === 'postgres' && shopId !== null && shopId !== command.shopId) return false
      if (command.idempotency && claims.size === claims.add(`${command.shopId} ${command.idempotency.key}`).size) return false
      shopId = command.shopId
      keys.add(key)
      return true
    })
  }

  /** Takes the commands that are wanted out of the queue, in order of arrival. */
  function take(wanted: (job: Job) => boolean): Job[] {
    const taken: Job[] = []
    let kept = 0
    for (const job of queue) {
      if (wanted(job)) {
        job.state = 'running'
        taken.push(job)
      } else queue[kept++] = job
    }
    queue.length = kept
    return taken
  }

  // A batch ---------------------------------------------------------------------------------------------------------------------------

  async function runBatch(batch: readonly Job[]): Promise<void> {
    try {
      const works: Work[] = []
      for (const [shopId, jobs] of groupBy(batch, (job) => job.command.shopId)) works.push(...(await prepare(store.reader, shopId, jobs)))
      await settle(works)
    } catch (error) {
      await oneByOne(batch, error)
    }
  }

  /**
   * After a failed transaction every cart is tried by itself, and if that fails every command, so that what is wrong with one fails only its
   * own caller.
   */
  async function oneByOne(batch: readonly Job[], error: unknown): Promise<void> {
    const jobs = batch.filter((job) => job.state === 'running')
    const isHopeless =
      error instanceof CommitUnknown || error instanceof DatabaseUnavailable || (error instanceof LockTimeout && store.dialect === 'sqlite')
    if (isHopeless) {
      for (const job of jobs) fail(job, error)
      return
    }
    const carts = [...groupBy(jobs, (job) => job.key).values()]
    const groups = carts.length > 1 && !(error instanceof IdempotencyRace) ? carts : jobs.map((job) => [job])
    for (const group of groups) {
      try {
        await settle(await prepare(store.reader, group[0]?.command.shopId ?? '', group))
      } catch (own) {
        if (group.length > 1) await oneByOne(group, own)
        // The other request has committed: the next try finds what it recorded.
        else if (own instanceof IdempotencyRace) again(group)
        else for (const job of group) fail(job, own)
      }
    }
  }

  function fail(job: Job, error: unknown): void {
    if (error instanceof LockTimeout) job.resolve(overloaded())
    else job.reject(error)
  }

  /** A cart that kept changing under us: wait for its lock, then do the same under it. */
  async function runLocked(jobs: readonly Job[]): Promise<void> {
    const shopId = jobs[0]?.command.shopId ?? ''
    try {
      const { works, saved } = await store.transact(async (writer) => {
        const loaded = await loadIntents(writer, shopId, ...addressed(jobs))
        await lockCarts(writer, shopId, (loaded?.rows ?? []).map((row) => row.id).sort())
        const prepared = await prepare(writer, shopId, jobs)
        return { works: prepared, saved: await write(writer, shopId, prepared) }
      }, ALONE)
      for (const work of works) {
        // The lock is on the rows that were there; a cart that took their place meanwhile is not ours yet.
        if (!work.save || saved.has(work.base.id)) answer(work)
        else again(work.jobs)
      }
    } catch (error) {
      if (error instanceof LockTimeout) for (const job of jobs) fail(job, error)
      else if (error instanceof TakenMeanwhile) {
        cache.doubtStock(error.shopId, error.skus)
        again(jobs.filter((job) => job.state === 'running'))
      } else await oneByOne(jobs, error)
    }
  }

  /** Loads the carts of some commands, decides and prices. Nothing is written yet. */
  async function prepare(reader: Reader, shopId: string, jobs: readonly Job[]): Promise<Work[]> {
    const pending = await answerRecorded(
      reader,
      shopId,
      jobs.filter((job) => job.state === 'running'),
    )
    if (pending.length === 0) return []
    const loaded = await loadIntents(reader, shopId, ...addressed(pending))
    const shop = loaded && (await cache.shop(shopId, loaded.epoch))
    if (!loaded || !shop) {
      for (const job of pending) job.resolve(refuse('shop_not_found', { shopId }))
      return []
    }
    const works = assign(shop, loaded.rows, pending)
    await cache.collect(
      shop,
      works.flatMap(skusIn),
      works.flatMap(codesIn),
      works.map((work) => buyerOf(work.base)),
    )
    if (shop.asksOutside) {
      const ids = works.flatMap((work) => work.row?.id ?? [])
      await quotes.collect(shop.id, ids)
    }
    const frozen =
      shop.settings.checkout.freeze === 'off'
        ? NONE
        : await cartsBeingPaid(
            reader,
            shopId,
            works.map((work) => work.base.id),
          )
    for (const work of works) apply(work, frozen.has(work.base.id))
    const strange = works.filter((work) => work.strangers.length > 0)
    if (strange.length > 0) {
      // Who the customer is changed by a command: the same once more, now that it is known what they used.
      await cache.collect(
        shop,
        [],
        [],
        strange.flatMap((work) => work.strangers),
      )
      for (const work of strange) apply(work, false)
    }
    return works
  }

  /** Commands whose key was used before are answered from what was recorded, with the cart as it is now. */
  async function answerRecorded(reader: Reader, shopId: string, jobs: readonly Job[]): Promise<readonly Job[]> {
    const keys = jobs.flatMap((job) => job.command.idempotency?.key ?? [])
    if (keys.length === 0) return jobs
    const recorded = await readRecorded(reader, shopId, keys, clock.now())
    if (recorded.size === 0) return jobs
    return jobs.filter((job) => {
      const known = job.command.idempotency && recorded.get(job.command.idempotency.key)
      if (!known) return true
      job.state = 'done'
      void replay(job, known).then(job.resolve, job.reject)
      return false
    })
  }

  async function replay(job: Job, recorded: Recorded): Promise<CartAnswer | Refusal> {
    const { command } = job
    if (recorded.request_hash !== command.idempotency?.requestHash) return refuse('idempotency_key_reused')
    const outcome = JSON.parse(recorded.outcome) as Outcome
    const owner = command.newGuest ? await guestThen(command.shopId, outcome) : command.owner
    if (isRefusal(owner)) return owner
    const current = await read({ ...command, cart: outcome.cartId, owner, all: !command.newGuest })
    if (isRefusal(current)) return current
    return { ...current, created: outcome.created, results: outcome.results, replayed: recorded }
  }

  /**
   * The guest who was made by the first request with a key. Who has no token is a new guest each time; that the request is theirs is proved by
   * the key, which only they know, and opens no more than the secret that it answers: once that is revoked, nothing.
   */
  async function guestThen(shopId: string, { guest }: Outcome): Promise<Owner | Refusal> {
    const known = guest && (await readSecrets(store.reader, shopId, [guest.guestId]))?.secrets.get(guest.guestId)
    const isLiving = known?.some(({ hash }) => hash === guest?.hash) === true
    return guest && isLiving ? { kind: 'guest', guestId: guest.guestId } : refuse('invalid_token', {})
  }

  /** Which command belongs to which cart. An owner's `current` without a row is a cart that is made now. */
  function assign(shop: ShopFacts, rows: readonly IntentRow[], jobs: readonly Job[]): Work[] {
    const works = new Map<string, Work>()
    for (const job of jobs) {
      const { command } = job
      const type = command.type ?? shop.settings.cart.types[0] ?? 'shopping'
      const row = findRow(rows, command, type)
      if (row && row.format > CART_FORMAT) {
        job.resolve(refuse('document_too_new', { format: row.format }))
        continue
      }
      if (!row && (command.cart !== 'current' || !command.creates || command.owner === null)) {
        job.resolve(refuse(command.cart === 'current' && command.owner === null ? 'owner_required' : 'cart_not_found', {}))
        continue
      }
      const key = row?.id ?? `new/${command.owner ? ownerKey(command.owner) : ''}/${type}`
      const known = works.get(key)
      if (known) known.jobs.push(job)
      else {
        const base = row ? parseIntent(row) : newCart(shop, command.owner as Owner, type)
        works.set(key, {
          shop,
          jobs: [job],
          row: row ?? null,
          base,
          start: base,
          cart: base,
          done: [],
          strangers: [],
          pricing: null,
          save: null,
          outcomes: new Map(),
        })
      }
    }
    return [...works.values()]
  }

  function newCart(shop: ShopFacts, owner: Owner, type: string): Cart {
    return emptyCart({
      id: random.id('cart'),
      number: random.number(),
      shopId: shop.id,
      type,
      owner,
      currency: shop.currency,
      now: clock.now(),
    })
  }

  // Deciding --------------------------------------------------------------------------------------------------------------------------

  /** Applies all commands and prices once; only where that result is refused or must be checked, prices after every command. */
  function apply(work: Work, frozen: boolean): void {
    if (frozen) {
      for (const job of work.jobs) work.outcomes.set(job, refuse('cart_frozen', { cartId: work.base.id, retryAfter: 60 }))
      return
    }
    const facts = cache.forCart(work.shop, codesIn(work), new Set(skusIn(work)), work.base)
    work.strangers.length = 0
    const stepwise = work.jobs.some((job) => job.command.check)
    work.start = withoutGone(work.base, facts)
    applyCommands(work, facts, stepwise)
    if (!stepwise || work.cart === work.start) {
      const pricing = priceCart(work.cart, factsOf(work, work.cart, facts))
      if (!isRefusal(pricing)) work.pricing = pricing
      else if (work.cart !== work.start) applyCommands(work, facts, true)
      else for (const job of work.jobs) work.outcomes.set(job, pricing)
    }
    work.save = work.cart !== work.start && work.pricing ? saveOf(work, work.pricing, work.shop) : null
  }

  /** The facts for a cart that commands made: with another e-mail address it is another customer's. */
  function factsOf({ shop, base, strangers }: Work, cart: Cart, facts: Facts): Facts {
    if (shop.personal.length === 0 || cart.email === base.email) return facts
    const holding = holdingOf(cart)
    if (!cache.knows(shop, holding.buyer)) strangers.push(holding.buyer)
    return cache.forCustomer(facts, shop, holding)
  }

  function applyCommands(work: Work, facts: Facts, stepwise: boolean): void {
    work.cart = work.start
    work.pricing = null
    work.done.length = 0
    work.outcomes.clear()
    for (const job of work.jobs) {
      try {
        work.outcomes.set(job, step(work, job, facts, stepwise))
      } catch (thrown) {
        work.outcomes.set(job, { thrown })
      }
    }
  }

  function step(work: Work, { command }: Job, facts: Facts, stepwise: boolean): Refusal | { results: readonly LineResult[] | null } {
    const { ifMatch } = command
    if (ifMatch !== undefined && ifMatch !== work.cart.version)
      return refuse('stale_version', { expected: ifMatch, current: work.cart.version })
    const secretId = command.limitedTo?.secretId ?? null
    const current = withGroups(work.cart, command.groups ?? null)
    const visible = visibleContact(current, secretId)
    const decided = command.decide(visible, facts)
    if (isRefusal(decided)) return decided
    const isNew = work.row === null && work.cart === work.start
    const changed = withContactFrom(current, { visible, decided: decided.cart }, secretId)
    if (changed === work.cart && !isNew) return { results: decided.results ?? null }
    const next = { ...changed, version: work.cart.version + 1, updatedAt: facts.now }
    if (stepwise) {
      const known = factsOf(work, next, facts)
      const pricing = priceCart(next, known)
      if (isRefusal(pricing)) return pricing
      // What a caller may not see must not show in what is refused either.
      const shown = visibleContact(next, secretId)
      const seen = shown === next ? pricing : priceCart(shown, known)
      const refused = isRefusal(seen) ? seen : command.check?.(seen.cart, known)
      if (refused) return refused
      work.pricing = pricing
    }
    work.cart = next
    work.done.push(command)
    return { results: decided.results ?? null }
  }

  // Saving ----------------------------------------------------------------------------------------------------------------------------

  /** Saves what changed, in transactions of at most 1 MB of documents, and answers. */
  async function settle(works: readonly Work[]): Promise<void> {
    // A command that changed nothing but came with a key has an outcome to record; the rest is answered as it is.
    for (const work of works) if (!work.save && !isKeyed(work)) answer(work)
    for (const part of split(works.filter((work) => work.save || isKeyed(work)))) await settlePart(part)
  }

  /** One transaction. Carts that were decided on stock that is gone are decided again on what there is then, when the others are saved. */
  async function settlePart(part: readonly Work[]): Promise<void> {
    try {
      await savePart(part)
    } catch (error) {
      if (!(error instanceof TakenMeanwhile)) throw error
      const isLate = ({ base }: Work) => error.cartIds.has(base.id)
      const others = part.filter((work) => !isLate(work))
      if (others.length > 0) await settlePart(others)
      cache.doubtStock(error.shopId, error.skus)
      for (const work of part) if (isLate(work)) again(work.jobs.filter((job) => job.state === 'running'))
    }
  }

  async function savePart(part: readonly Work[]): Promise<void> {
    const single =
      part.every((work) => isPlain(work)) &&
      isOneStatement(
        store.dialect,
        part.flatMap((work) => work.save ?? []),
      )
    const saved = await (single ? store.transactOne : store.transact)(async (writer) => {
      const ids = new Set<string>()
      for (const [shopId, ofShop] of groupBy(part, (work) => work.base.shopId))
        for (const id of await write(writer, shopId, ofShop)) ids.add(id)
      return ids
    })
    for (const work of part) {
      if (!work.save || saved.has(work.base.id)) answer(work)
      else again(work.jobs)
    }
  }

  /** Writes the carts of one shop with everything that belongs to their change; answers the ids that were saved. */
  async function write(writer: Writer, shopId: string, works: readonly Work[]): Promise<Set<string>> {
    await refuseGone(writer, shopId, works)
    const saves = works.flatMap((work) => work.save ?? [])
    const saved = await saveCarts(writer, shopId, saves)
    const mine = works.filter((work) => !work.save || saved.has(work.base.id))
    const changed = mine.flatMap(({ shop, save, pricing }) => (save && pricing && shop.cartsHold ? [{ shop, save, pricing }] : []))
    if (changed[0]) {
      const held = changed.map(({ save, pricing }) => ({ cart: save.cart, lines: save.priced.lines, seen: pricing.stockSeen }))
      await holdCarts(writer, changed[0].shop, held, clock.now())
    }
    const done = mine.flatMap((work) =>
      work.jobs.flatMap((job) => {
        const outcome = work.outcomes.get(job)
        return outcome && 'results' in outcome && !isRefusal(outcome) ? [{ work, command: job.command, results: outcome.results }] : []
      }),
    )
    for (const { work, command } of done) {
      if (command.newGuest && work.row === null)
        await insertGuest(writer, shopId, command.newGuest.guestId, command.newGuest.hash, clock.now())
    }
    const claimed = done.flatMap(({ work, command, results }) =>
      command.idempotency ? [{ work, claim: command.idempotency, results, guest: command.newGuest }] : [],
    )
    // In order of key, so that two nodes that are sent the same requests never wait for each other in a circle.
    claimed.sort((a, b) => (a.claim.key < b.claim.key ? -1 : 1))
    for (const { work, claim, results, guest } of claimed) {
      const outcome = { cartId: work.base.id, created: work.row === null, results, ...(guest ? { guest } : {}) }
      await recordOutcome(writer, shopId, claim, outcome)
    }
    for (const work of mine) {
      const events = eventsOf(work)
      if (events.length > 0) await publish(writer, shopId, work.shop.endpoints, events, clock.now(), () => random.id('dl'))
    }
    return saved
  }

  /**
   * A guest is forgotten with its last cart, if it never ordered. Who was proved just before makes no cart that nobody could reach: the guest's row
   * is held until the cart is there, or the token is refused like any other of a guest that is gone.
   */
  async function refuseGone(writer: Writer, shopId: string, works: readonly Work[]): Promise<void> {
    for (const work of works) {
      const { owner } = work.base
      if (!work.save || !isGuestsNext(work) || owner.kind !== 'guest' || (await lockGuest(writer, shopId, owner.guestId, 'kept'))) continue
      work.save = null
      for (const job of work.jobs) work.outcomes.set(job, refuse('invalid_token', {}))
    }
  }

  /** Whether a guest who is known already gets another cart. */
  function isGuestsNext({ row, base, jobs }: Work): boolean {
    return row === null && base.owner.kind === 'guest' && !jobs.some((job) => job.command.newGuest)
  }

  async function recordOutcome(writer: Writer, shopId: string, claim: IdempotencyClaim, outcome: Outcome): Promise<void> {
    const kept = { request_hash: claim.requestHash, outcome: JSON.stringify(outcome), sealed: claim.sealed }
    const done = await record(writer, shopId, claim.key, kept, clock.now())
    if (!done) throw new IdempotencyRace('The idempotency key was used by another request meanwhile.')
  }

  function isKeyed(work: Work): boolean {
    return work.jobs.some((job) => job.command.idempotency && 'results' in (work.outcomes.get(job) ?? {}))
  }

  /** Whether saving a cart is its row and nothing else. */
  function isPlain(work: Work): boolean {
    const isAlone = work.jobs.every((job) => !job.command.idempotency && !job.command.newGuest) && !isGuestsNext(work)
    return isAlone && eventsOf(work).length === 0 && !work.shop.cartsHold
  }

  function eventsOf({ shop, row, base, cart, save }: Work): Event[] {
    if (shop.endpoints.length === 0 || !save) return []
    const type = row === null ? 'cart.created' : cart.state === 'CLOSED' ? 'cart.closed' : 'cart.updated'
    return shop.endpoints.some((endpoint) => wants(endpoint, type)) ? [{ type, subject: base.id, data: save.text }] : []
  }

  /** Somebody else was faster: apply the commands again to what is there now, ahead of everything that came later. */
  function again(jobs: readonly Job[]): void {
    for (const job of jobs) {
      job.conflicts++
      job.state = 'waiting'
    }
    queue.unshift(...jobs)
  }

  /** The cart priced as a limited secret may see it, or null when that is what everybody sees. Its facts were collected with the cart. */
  function concealed(shop: ShopFacts, cart: Cart, { limitedTo }: CartAddress): PricedCart | Refusal | null {
    const visible = visibleContact(cart, limitedTo?.secretId ?? null)
    if (visible === cart) return null
    const pricing = priceCart(visible, cache.forCart(shop, cart.codes, skusOf(cart), cart))
    return isRefusal(pricing) ? pricing : pricing.cart
  }

  function answer(work: Work): void {
    const { shop, cart, pricing } = work
    const isDone = work.jobs.some((job) => 'results' in (work.outcomes.get(job) ?? {}))
    if (!pricing || !isDone || unquotedOf(pricing).length === 0) {
      tell(work, work.save?.text)
      return
    }
    // Outside engines are asked when everything is saved, by nobody who holds a batch; these jobs are over for it, whatever happens.
    for (const job of work.jobs) job.state = 'done'
    const facts = cache.forCart(shop, cart.codes, skusOf(cart), cart)
    void quotes
      .settle(shop, cart, facts, { keeps: true })
      .then((settled) => tell(work, JSON.stringify(isRefusal(settled) ? pricing.cart : settled.pricing.cart)))
      .catch((error: unknown) => {
        for (const job of work.jobs) job.reject(error)
      })
  }

  /** Answers all commands on a cart; `given` is the priced cart as it is sent. */
  function tell({ shop, row, cart, pricing, jobs, outcomes }: Work, given: string | undefined): void {
    let text = given
    for (const job of jobs) {
      const outcome = outcomes.get(job)
      if (!outcome) continue
      if ('thrown' in outcome) job.reject(outcome.thrown)
      else if (isRefusal(outcome)) job.resolve(outcome)
      else {
        text ??= JSON.stringify(pricing?.cart)
        const shown = concealed(shop, cart, job.command)
        if (isRefusal(shown)) job.resolve(shown)
        else
          job.resolve({
            text: shown === null ? text : JSON.stringify(shown),
            id: cart.id,
            version: cart.version,
            created: row === null,
            results: outcome.results ?? null,
            replayed: null,
          })
      }
    }
  }

  // Reading ---------------------------------------------------------------------------------------------------------------------------

  /** One SELECT per cart on SQLite; on PostgreSQL carts that are asked for at the same time share one. A key is an owner, or `#` and an id. */
  const loaders = new Map<string, (key: string) => ReturnType<typeof loadServed>>()
  function loadOne(shopId: string, key: string): ReturnType<typeof loadServed> {
    const load = (keys: readonly string[]) => {
      const ids = keys.filter((each) => each.startsWith('#')).map((each) => each.slice(1))
      return loadServed(
        store.reader,
        shopId,
        ids,
        keys.filter((each) => !each.startsWith('#')),
      )
    }
    if (store.dialect === 'sqlite') return load([key])
    const known = loaders.get(shopId) ?? gather(load)
    if (!loaders.has(shopId) && loaders.size < SHOPS_KEPT) loaders.set(shopId, known)
    return known(key)
  }

  async function find(address: CartAddress): Promise<{ shop: ShopFacts; row: ServedRow | null; type: string } | Refusal> {
    const isCurrent = address.cart === 'current'
    if (isCurrent && address.owner === null && address.all) return refuse('owner_required', {})
    const loaded = await loadOne(address.shopId, isCurrent ? (address.owner ? ownerKey(address.owner) : '') : `#${address.cart}`)
    const shop = loaded && (await cache.shop(address.shopId, loaded.epoch))
    if (!loaded || !shop) return refuse('shop_not_found', { shopId: address.shopId })
    const type = address.type ?? shop.settings.cart.types[0] ?? 'shopping'
    const row = findRow(loaded.rows, address, type) ?? null
    if (!row && !isCurrent) return refuse('cart_not_found', {})
    if (row && row.format > CART_FORMAT) return refuse('document_too_new', { format: row.format })
    return { shop, row, type }
  }

  async function read(address: CartAddress): Promise<CartAnswer | Refusal> {
    const seen = await view(address)
    return isRefusal(seen) ? seen : { text: seen.text, id: seen.id, version: seen.version, created: false, results: null, replayed: null }
  }

  async function view(address: CartAddress): Promise<CartView | Refusal> {
    const found = await find(address)
    if (isRefusal(found)) return found
    const { shop, row, type } = found
    if (row && (address.limitedTo || isOfOtherGroups(row, address))) {
      const seen = await inspect(address)
      if (isRefusal(seen)) return seen
      const { id, version, state } = seen.cart
      return { text: JSON.stringify(seen.pricing.cart), id, version, state, grounds: groundsOf(seen.cart, seen.pricing, shop) }
    }
    if (row) return { ...(await priced(shop, row, { keeps: true })), id: row.id, version: row.version, state: row.state }
    const cart = withGroups(newCart(shop, address.owner ?? { kind: 'guest', guestId: '' }, type), address.groups ?? null)
    const pricing = priceCart(cart, cache.forCart(shop, [], [], cart))
    if (isRefusal(pricing)) return pricing
    const { id, version, state } = cart
    return { text: JSON.stringify(pricing.cart), id, version, state, grounds: groundsOf(cart, pricing, shop) }
  }

  async function inspect(
    address: CartAddress,
    { lists } = { lists: false },
  ): Promise<{ cart: Cart; pricing: Pricing; facts: Facts; shop: ShopFacts } | Refusal> {
    const found = await find(address)
    if (isRefusal(found)) return found
    const { shop, row, type } = found
    const intent = row && (await readIntent(store.reader, shop.id, row.id))
    const whole = intent ? parseIntent({ intent }) : newCart(shop, address.owner ?? { kind: 'guest', guestId: '' }, type)
    const cart = visibleContact(withGroups(whole, address.groups ?? null), address.limitedTo?.secretId ?? null)
    const priced = await pricedNow(shop, cart, { keeps: row !== null, lists })
    return isRefusal(priced) ? priced : { cart, pricing: priced.pricing, facts: priced.facts, shop }
  }

  /** A cart priced by what is known now; where the shop asks outside engines, they are asked what is missing, unless `how` is null. */
  async function pricedNow(shop: ShopFacts, cart: Cart, how: AskingHow | null): Promise<{ pricing: Pricing; facts: Facts } | Refusal> {
    await cache.collect(shop, skusOf(cart), cart.codes, [buyerOf(cart)])
    if (shop.asksOutside) await quotes.collect(shop.id, [cart.id])
    const facts = cache.forCart(shop, cart.codes, skusOf(cart), cart)
    if (shop.asksOutside && how) return quotes.settle(shop, cart, facts, how)
    const pricing = priceCart(cart, facts)
    return isRefusal(pricing) ? pricing : { pricing, facts }
  }

  async function serve(shop: ShopFacts, row: ServedRow, groups: readonly string[] | null = null): Promise<string> {
    // Whoever lists carts must not wait for an engine once per cart.
    return (isOfOtherGroups(row, { groups }) ? await pricedAnew(shop, row, groups, null) : await priced(shop, row, null)).text
  }

  /** The stored price while it is today's, else the price as it is now. */
  async function priced(shop: ShopFacts, row: ServedRow, how: AskingHow | null): Promise<Pick<CartView, 'text' | 'grounds'>> {
    const stored = { text: row.priced, grounds: storedGrounds(row) }
    if ((await outdated(shop, [stored])).length === 0) return stored
    return pricedAnew(shop, row, null, how)
  }

  async function pricedAnew(
    shop: ShopFacts,
    row: ServedRow,
    groups: readonly string[] | null,
    how: AskingHow | null,
  ): Promise<Pick<CartView, 'text' | 'grounds'>> {
    // Without an intent, or past the exact range, what is stored is all there is; it rests on nothing that could move within this epoch.
    const last = { text: row.priced, grounds: { ...storedGrounds(row), ...NO_ADVICE, epoch: shop.epoch, revision: PRICING_REVISION } }
    const intent = row.intent ?? (await readIntent(store.reader, shop.id, row.id))
    if (intent === undefined) return last
    const cart = withGroups(parseIntent({ intent }), groups)
    const now = await pricedNow(shop, cart, how)
    return isRefusal(now) ? last : { text: JSON.stringify(now.pricing.cart), grounds: groundsOf(cart, now.pricing, shop) }
  }

  async function outdated<Seen extends { readonly grounds: Grounds }>(shop: ShopFacts, seen: readonly Seen[]): Promise<Seen[]> {
    const now = clock.now()
    const isToday = ({ epoch, revision, freshUntil }: Grounds) =>
      epoch === shop.epoch && revision === PRICING_REVISION && (freshUntil === null || now < freshUntil)
    const skus = new Set<string>()
    const codes = new Set<string>()
    const buyers: Buyer[] = []
    for (const { grounds } of seen) {
      if (grounds.state === 'CLOSED' || !isToday(grounds)) continue
      for (const [sku] of grounds.stockSeen) skus.add(sku)
      for (const [key] of grounds.limitsSeen) {
        if (key.startsWith('code:')) codes.add(key.slice('code:'.length))
        if (key.startsWith('customer:') || key === 'first_order') buyers.push(grounds.buyer)
      }
    }
    // Whether a sku has stock of its own or that of its parts, a node knows of skus that it has read.
    await cache.collect(shop, skus, codes, buyers)
    const unquoted = seen.flatMap(({ grounds }) => (grounds.unquoted.length > 0 ? (grounds.holders[0] ?? []) : []))
    if (unquoted.length > 0) await quotes.collect(shop.id, unquoted, true)
    return seen.filter(({ grounds }) => grounds.state === 'OPEN' && !(isToday(grounds) && agrees(shop, grounds)))
  }

  /** Whether stock, uses and outside engines, by today's advice, would give the same price and the same notices. */
  function agrees(shop: ShopFacts, { holders, buyer, stockSeen, limitsSeen, unquoted }: Grounds): boolean {
    if (unquoted.length > 0 && quotes.isDue(shop, holders[0] ?? '', unquoted)) return false
    const isSameStock = stockSeen.every(([sku, wanted, had]) => {
      const has = cache.advice(shop, sku, holders) ?? Number.POSITIVE_INFINITY
      return wanted <= had ? wanted <= has : has === had
    })
    const isEnough = (key: string, wanted: number) => wanted <= (cache.left(shop, key, { holders, buyer }) ?? Number.POSITIVE_INFINITY)
    return isSameStock && limitsSeen.every(([key, wanted, was]) => isEnough(key, wanted) === was)
  }

  async function drain(): Promise<void> {
    closing = true
    if (queue.length > 0 || busy.size > 0) await new Promise<void>((resolve) => (drained = resolve))
    clearInterval(sweeper)
  }

  return { change, read, view, outdated, inspect, serve, drain, waiting: () => queue.length }
}

const NO_ADVICE = { freshUntil: null, stockSeen: [], limitsSeen: [], unquoted: [] } as const

function groundsOf(cart: Cart, pricing: Pricing, shop: ShopFacts): Grounds {
  const { freshUntil, stockSeen, limitsSeen } = pricing
  return {
    ...holdingOf(cart),
    unquoted: unquotedOf(pricing),
    state: cart.state,
    epoch: shop.epoch,
    revision: PRICING_REVISION,
    freshUntil,
    stockSeen,
    limitsSeen,
  }
}

/** Whether a stored price is for other groups of the customer than the caller's token tells. */
function isOfOtherGroups({ priced, state }: ServedRow, { groups }: Pick<CartAddress, 'groups'>): boolean {
  if (!groups || state === 'CLOSED') return false
  const { customerGroups = [] } = JSON.parse(priced) as Partial<PricedCart>
  return !isSameGroups(customerGroups, groups)
}

/** What the column `stock_seen` keeps: all the advice that a price rests on; nothing where there was none. */
type Advice = Pick<Grounds, 'stockSeen' | 'limitsSeen'> & Partial<Pick<Grounds, 'unquoted'>>

function adviceText(pricing: Pricing): string | null {
  const { stockSeen, limitsSeen } = pricing
  const unquoted = unquotedOf(pricing)
  const isNone = stockSeen.length === 0 && limitsSeen.length === 0 && unquoted.length === 0
  return isNone ? null : JSON.stringify({ stockSeen, limitsSeen, ...(unquoted.length === 0 ? {} : { unquoted }) } satisfies Advice)
}

/** What a price had to do without. What nobody chose yet is asked for when it is listed. */
function unquotedOf({ wanted }: Pricing): Unquoted {
  return wanted.filter(({ needed }) => needed).map(({ kind, seen }) => [kind, seen])
}

/** Whether a stored price had to do without answers of outside engines: who ordered saw another one. */
export function isUnquoted({ stock_seen }: Pick<CartRow, 'stock_seen'>): boolean {
  return stock_seen !== null && ((JSON.parse(stock_seen) as Advice).unquoted ?? []).length > 0
}

/** A row that another revision priced is priced anew whatever it saw, and its advice may have another form. */
function storedGrounds({ id, owner, email, state, epoch, revision, fresh_until, stock_seen }: ServedRow): Grounds {
  const advice = stock_seen === null || revision !== PRICING_REVISION ? NO_ADVICE : (JSON.parse(stock_seen) as Advice)
  const buyer = buyerOf({ owner: parseOwnerKey(owner), email })
  return { ...NO_ADVICE, ...advice, holders: [id], buyer, state, epoch, revision, freshUntil: fresh_until }
}

/** A cart that is to be saved: what it was (null: there was none), and which commands changed it. */
export interface Changed {
  readonly row: Pick<CartRow, 'version' | 'due_at'> | null
  readonly base: Cart | null
  readonly done: readonly Pick<CartCommand, 'name' | 'by'>[]
  /** When, where that is not the cart's last write, in milliseconds. */
  readonly at?: number
}

/** What is stored of a priced cart: the intent as pricing left it, the price, and what changed. */
export function saveOf({ row, base, done, at }: Changed, pricing: Pricing, shop: ShopFacts): CartSave {
  const cart = pricing.intent
  return {
    was: row?.version ?? 0,
    wasDue: row?.due_at ?? null,
    cart,
    priced: pricing.cart,
    text: JSON.stringify(pricing.cart),
    epoch: shop.epoch,
    revision: PRICING_REVISION,
    freshUntil: pricing.freshUntil,
    stockSeen: adviceText(pricing),
    expiresAt: expiryOf(cart, shop.settings),
    dueAt: dueOf(cart, shop.settings, false),
    change: JSON.stringify({ ...namesOf(done), changes: changesBetween(base, cart), ...(at === undefined ? {} : { at }) }),
  }
}

/** Who did what. Commands that came at the same moment are one change of the cart: each of them is named once, and each beside its actor. */
function namesOf(done: Changed['done']): { actor: string; command: string } {
  const first = done[0]
  if (first && done.every(({ by, name }) => by === first.by && name === first.name)) return { actor: first.by, command: first.name }
  const distinct = [...new Map(done.map((each) => [`${each.by} ${each.name}`, each])).values()]
  const isOneActor = distinct.every(({ by }) => by === first?.by)
  return {
    actor: isOneActor ? (first?.by ?? '') : distinct.map(({ by }) => by).join(', '),
    command: distinct.map(({ name }) => name).join(', '),
  }
}

/** The intent in a row. */
export function parseIntent(row: Pick<CartRow, 'intent'>): Cart {
  return parseCart(row.intent)
}

/** The skus of a cart's lines. */
export function skusOf(cart: Cart): string[] {
  return cart.lines.flatMap((line) => line.sku ?? [])
}

function overloaded(): Refusal {
  return refuse('overloaded', { retryAfter: 1 })
}

function addressKey({ shopId, cart, owner, type }: CartAddress): string {
  return cart === 'current' ? `${shopId}|${owner ? ownerKey(owner) : ''}|${type ?? ''}` : `${shopId}|${cart}`
}

/** The ids and the owners that some commands name. */
function addressed(jobs: readonly Job[]): [ids: string[], owners: string[]] {
  const ids = new Set<string>()
  const owners = new Set<string>()
  for (const { command } of jobs) {
    if (command.cart !== 'current') ids.add(command.cart)
    else if (command.owner && !command.newGuest) owners.add(ownerKey(command.owner))
  }
  return [[...ids], [...owners]]
}

/** The row that an address means, if its caller may know of it: another owner's cart does not exist, and what staff prepares is staff's until it is ordered. */
export function findRow<Row extends Pick<CartRow, 'id' | 'owner' | 'type' | 'state' | 'is_current'>>(
  rows: readonly Row[],
  { cart, owner, all, limitedTo }: CartAddress,
  type: string,
): Row | undefined {
  if (limitedTo && limitedTo.cartId !== cart) return undefined
  const key = owner === null ? null : ownerKey(owner)
  if (cart === 'current') return rows.find((row) => row.owner === key && row.type === type && row.state === 'OPEN' && row.is_current === 1)
  return rows.find(
    (row) => row.id === cart && (all || row.type !== DRAFT_TYPE) && (all ? key === null || row.owner === key : row.owner === key),
  )
}

function skusIn({ base, jobs }: Work): string[] {
  return [...skusOf(base), ...jobs.flatMap((job) => job.command.skus ?? [])]
}

function codesIn({ base, jobs }: Work): string[] {
  return [...base.codes, ...jobs.flatMap((job) => job.command.codes ?? [])]
}

function groupBy<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group) group.push(item)
    else groups.set(key, [item])
  }
  return groups
}

function split(works: readonly Work[]): Work[][] {
  const parts: Work[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const work of works) {
    const size = 2 * (work.save?.text.length ?? 0)
    if (bytes + size > BATCH_BYTES) {
      parts.push([])
      bytes = 0
    }
    bytes += size
    parts.at(-1)?.push(work)
  }
  return parts
}
