// Outside engines are asked here, outside of any batch and any transaction, each call with the shop's deadline. The same question is asked once
// at a time; how many are asked at once, and how many wait for that, is bounded; and who fails five times in a row is left alone for ten
// seconds. What an engine does not answer in time the shop's policy decides (core/quoting.ts), so a dead engine costs its deadline at most.
import type { Logger } from 'pino'
import type { Cart } from '../core/cart.ts'
import type { Facts } from '../core/facts.ts'
import { type Pricing, priceCart } from '../core/pricing.ts'
import { NO_QUOTES, type QuoteKind, type Quotes, type Wanted } from '../core/quote.ts'
import { isCurrent, methodsFault, taxAnswerFault } from '../core/quoting.ts'
import { isRefusal, type Refusal } from '../core/refusal.ts'
import { durationMs } from '../core/time.ts'
import { type QuoteRow, readQuotes, writeQuote } from '../store/quotes.ts'
import type { Store } from '../store/store.ts'
import type { ShopFacts } from './facts.ts'
import { type Clock, type ShippingRateProvider, type TaxProvider, Unquotable, withDeadline } from './ports.ts'

/** Limits per kind of engine: calls under way, and questions that wait for one to end (beyond them the policy holds at once). */
const CALLS_MAX = 32
const WAITING_MAX = 500
/** After so many failures in a row an engine is left alone for so long; then one question tries whether it is back. */
const FAILURES_MAX = 5
const PAUSE_MS = 10_000
/** A question that was not answered is not asked again by reads for so long. */
const AGAIN_MS = 2000
/** How much text of questions and answers a process remembers, twice at most; what is forgotten is read again. */
const KEPT_BYTES = 16_777_216
/** For so many carts it is remembered that a question was not answered. */
const UNANSWERED_MAX = 10_000

/** What a price is missing: which kind of answer, and when the one came that was at hand, or null. */
export type Unquoted = readonly (readonly [kind: QuoteKind, seen: number | null])[]

/** How a cart is priced with outside engines. */
export interface AskingHow {
  /** Whether the cart has a row: then its answers are kept with it, for all nodes. */
  readonly keeps: boolean
  /** Ask also what was not answered a moment ago: for ordering. */
  readonly insists?: boolean
  /** Ask also for shipping methods that nobody chose yet: to list them. */
  readonly lists?: boolean
}

/** A cart that was priced. `asked`: an engine said something just now that was not known before. */
export interface Settled {
  readonly facts: Facts
  readonly pricing: Pricing
  readonly asked: boolean
}

/** Asking outside engines. */
export type Quoting = ReturnType<typeof createQuoting>

interface Circuit {
  failures: number
  pausedUntil: number
  isProbing: boolean
}

interface Lane {
  running: number
  readonly waiting: Set<() => void>
}

/** Makes it. */
export function createQuoting(parts: {
  store: Store
  clock: Clock
  taxProviders: readonly TaxProvider[]
  shippingProviders: readonly ShippingRateProvider[]
  log: Logger
}) {
  const { store, clock, log } = parts
  const taxProviders = new Map(parts.taxProviders.map((provider) => [provider.name, provider]))
  const shippingProviders = new Map(parts.shippingProviders.map((provider) => [provider.name, provider]))
  const memory = createMemory()
  const flights = new Map<string, Promise<boolean>>()
  const circuits = new Map<string, Circuit>()
  const lanes: Readonly<Record<QuoteKind, Lane>> = { tax: { running: 0, waiting: new Set() }, shipping: { running: 0, waiting: new Set() } }
  /** By cart and kind: which question was not answered, and from when on reads ask it again. */
  const unanswered = new Map<string, { readonly text: string; readonly until: number }>()

  /** What is known of a cart's answers. They were collected before, or this node got them itself. */
  function atHand(shopId: string, cartId: string): Quotes {
    return memory.get(`${shopId}/${cartId}`) ?? NO_QUOTES
  }

  /** Reads the answers of these carts that this node does not know, in one statement; `anew` those that it knows, too. */
  async function collect(shopId: string, cartIds: readonly string[], anew = false): Promise<void> {
    const missing = anew ? cartIds : cartIds.filter((id) => !memory.get(`${shopId}/${id}`))
    if (missing.length === 0) return
    const rows = Map.groupBy(await readQuotes(store.reader, shopId, missing), (row) => row.cart_id)
    for (const id of missing) memory.set(`${shopId}/${id}`, (rows.get(id) ?? []).reduce(withRow, atHand(shopId, id)))
  }

  /**
   * Prices a cart; asks engines what pricing wants to know, shipping before tax because shipping is taxed; and prices again with what they said.
   * It takes at most the two deadlines. What nobody answers is priced by the shop's policy.
   */
  async function settle(shop: ShopFacts, cart: Cart, given: Facts, how: AskingHow): Promise<Settled | Refusal> {
    let facts = given
    let asked = false
    const tried = new Set<QuoteKind>()
    for (;;) {
      const pricing = priceCart(cart, facts)
      if (isRefusal(pricing)) return pricing
      // Nobody is asked what a cart would cost that is over.
      const open = cart.state === 'OPEN' ? pricing.wanted : []
      const wanted = open.find(({ kind, needed }) => (needed || how.lists) && !tried.has(kind))
      if (!wanted) return { facts, pricing, asked }
      tried.add(wanted.kind)
      if (await answered(shop, cart.id, wanted, how)) asked = true
      facts = { ...facts, quotes: atHand(shop.id, cart.id) }
    }
  }

  /** Whether reads should price anew what had no answer: one came meanwhile, or it is time to ask again. */
  function isDue(shop: ShopFacts, cartId: string, unquoted: Unquoted): boolean {
    const quotes = atHand(shop.id, cartId)
    return unquoted.some(([kind, seen]) => (quotes[kind]?.at ?? null) !== seen || mayAsk(shop, cartId, kind))
  }

  function mayAsk(shop: ShopFacts, cartId: string, kind: QuoteKind): boolean {
    const last = unanswered.get(`${shop.id}/${cartId}/${kind}`)
    return !(last && clock.now() < last.until) && !isPaused(circuitOf(shop, kind))
  }

  // Asking ----------------------------------------------------------------------------------------------------------------------------

  /** Gets the answer to a question, whoever asks it already; whether an engine gave one just now. It is at hand then. */
  async function answered(shop: ShopFacts, cartId: string, wanted: Wanted, how: AskingHow): Promise<boolean> {
    const last = unanswered.get(`${shop.id}/${cartId}/${wanted.kind}`)
    if (!how.insists && last?.text === wanted.text && clock.now() < last.until) return false
    const key = JSON.stringify([shop.id, cartId, wanted.kind, wanted.text])
    const underWay = flights.get(key)
    if (underWay) return underWay
    const flight = find(shop, cartId, wanted, how.keeps)
      .catch((error: unknown) => {
        log.warn({ err: error, shopId: shop.id, kind: wanted.kind }, 'quotes could not be read or kept; the policy of the shop holds')
        return false
      })
      .finally(() => flights.delete(key))
    flights.set(key, flight)
    return flight
  }

  async function find(shop: ShopFacts, cartId: string, wanted: Wanted, keeps: boolean): Promise<boolean> {
    const { kind, text } = wanted
    if (keeps) {
      // Another node may have been told already.
      await collect(shop.id, [cartId], true)
      const shared = atHand(shop.id, cartId)[kind]
      if (shared && isCurrent(shared, text, clock.now())) return false
    }
    const answer = await ask(shop, cartId, wanted)
    const place = `${shop.id}/${cartId}/${kind}`
    if (answer === null) {
      if (unanswered.size >= UNANSWERED_MAX) unanswered.clear()
      unanswered.set(place, { text, until: clock.now() + AGAIN_MS })
      return false
    }
    unanswered.delete(place)
    const before = atHand(shop.id, cartId)
    // Later than the one before, also within a millisecond or when a clock was turned back: which is newer must be told by it.
    const at = Math.max(clock.now(), (before[kind]?.at ?? 0) + 1)
    const row: QuoteRow = { shop_id: shop.id, cart_id: cartId, kind, request: text, answer: JSON.stringify(answer), created_at: at }
    memory.set(`${shop.id}/${cartId}`, withRow(before, row))
    if (keeps) await store.transactOne((writer) => writeQuote(writer, row))
    return true
  }

  /** One call, in its lane, within the deadline, unless the engine is left alone; null when there is no answer that can be taken. */
  async function ask(shop: ShopFacts, cartId: string, wanted: Wanted): Promise<unknown> {
    const { kind, provider } = wanted
    const circuit = circuitOf(shop, kind)
    if (isPaused(circuit)) return null
    const ms = durationMs(shop.settings[kind].providerDeadline) ?? 0
    const begun = performance.now()
    const lane = lanes[kind]
    // Who gets a place too late would not give the engine a fair time to answer, and blame it.
    if (!(await entered(lane, ms / 2))) return null
    // It may have turned out to be dead while this question waited.
    const isProbe = circuit.failures >= FAILURES_MAX
    try {
      if (isPaused(circuit)) return null
      circuit.isProbing = isProbe
      const answer = await withDeadline((signal) => call(shop.id, cartId, wanted, signal), ms - (performance.now() - begun))
      circuit.failures = 0
      return answer
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      log.warn({ shopId: shop.id, kind, provider, reason }, 'an outside engine gave no answer; the policy of the shop holds')
      if (!(error instanceof Unquotable)) {
        circuit.failures++
        circuit.pausedUntil = clock.now() + PAUSE_MS
      }
      return null
    } finally {
      if (isProbe) circuit.isProbing = false
      leave(lane)
    }
  }

  /** Calls the engine and checks what it says: a wrong answer is no answer. */
  async function call(shopId: string, cartId: string, wanted: Wanted, signal: AbortSignal): Promise<unknown> {
    if (wanted.kind === 'tax') {
      const answer = await installed(taxProviders, wanted).quote({ shopId, cartId, ...wanted.request }, signal)
      const fault = taxAnswerFault(answer, wanted.request)
      if (fault) throw new Error(`The answer cannot be taken. ${fault}`)
      return answer
    }
    const methods = await installed(shippingProviders, wanted).rates({ shopId, cartId, ...wanted.request }, signal)
    const fault = methodsFault(methods)
    if (fault) throw new Error(`The answer cannot be taken. ${fault}`)
    return methods
  }

  function installed<Provider>(providers: ReadonlyMap<string, Provider>, { kind, provider }: Wanted): Provider {
    const found = providers.get(provider)
    if (!found) throw new Error(`No engine named ${JSON.stringify(provider)} is installed for ${kind} on this node.`)
    return found
  }

  function circuitOf(shop: ShopFacts, kind: QuoteKind): Circuit {
    const key = `${shop.id}/${kind}/${shop.settings[kind].provider}`
    const known = circuits.get(key) ?? { failures: 0, pausedUntil: 0, isProbing: false }
    circuits.set(key, known)
    return known
  }

  function isPaused({ failures, pausedUntil, isProbing }: Circuit): boolean {
    return failures >= FAILURES_MAX && (isProbing || clock.now() < pausedUntil)
  }

  /** Everything that is being asked has ended. */
  async function finish(): Promise<void> {
    await Promise.allSettled([...flights.values()])
  }

  const names = { tax: [...taxProviders.keys()], shipping: [...shippingProviders.keys()] }
  return { atHand, collect, settle, isDue, finish, names }
}

/** Waits for a place in a lane, at most so long; whether there was one. */
function entered(lane: Lane, ms: number): Promise<boolean> {
  if (lane.running < CALLS_MAX) {
    lane.running++
    return Promise.resolve(true)
  }
  if (lane.waiting.size >= WAITING_MAX) return Promise.resolve(false)
  return new Promise((resolve) => {
    const given = () => {
      clearTimeout(timer)
      lane.waiting.delete(given)
      resolve(true)
    }
    const timer = setTimeout(() => {
      lane.waiting.delete(given)
      resolve(false)
    }, ms)
    lane.waiting.add(given)
  })
}

/** Leaves a lane: who waits longest takes the place. */
function leave(lane: Lane): void {
  const [next] = lane.waiting
  if (next) next()
  else lane.running--
}

/** Answers with one more, unless it is older than what is known. */
function withRow(quotes: Quotes, { kind, request, answer, created_at: at }: QuoteRow): Quotes {
  if ((quotes[kind]?.at ?? 0) >= at) return quotes
  return { ...quotes, [kind]: { request, answer: JSON.parse(answer), at } }
}

/** Answers by cart, bounded by their text: above the bound it begins anew, and what was put in last survives one new beginning. */
function createMemory() {
  let current = new Map<string, Quotes>()
  let before = new Map<string, Quotes>()
  let bytes = 0
  return {
    get: (key: string): Quotes | undefined => current.get(key) ?? before.get(key),
    set(key: string, quotes: Quotes): void {
      // An answer says something about each line of its question: it is about as long.
      const size = 200 + 4 * ((quotes.tax?.request.length ?? 0) + (quotes.shipping?.request.length ?? 0))
      if (bytes + size > KEPT_BYTES) {
        before = current
        current = new Map()
        bytes = 0
      }
      bytes += size
      current.set(key, quotes)
    },
  }
}
