// How carts end by themselves (C05, C06): those whose time is over are removed, those that were left alone with something in them are told, once per
// idle period. What a cart means is decided outside of any lock, from its document and the shop's settings as they are now; then a short
// transaction takes what nobody holds, checks that nothing changed, and does it. A crash loses nothing but time, several nodes may work at once,
// and one cart that cannot be read or removed stops no other.
import type { Logger } from 'pino'
import { CART_FORMAT } from '../core/cart.ts'
import type { Event } from '../core/event.ts'
import type { PricedCart } from '../core/pricing.ts'
import { abandonmentOf, dueOf, durationMs, expiryOf, rfc3339 } from '../core/time.ts'
import { forgetGuests } from '../store/access.ts'
import { removeCarts } from '../store/carts.ts'
import {
  type CartTimes,
  cartsWithUnpaid,
  type DatedRow,
  type DuePlace,
  type DueRow,
  lockNext,
  lockUnheld,
  moveRenewal,
  nextHistory,
  placedSince,
  purgeHistory,
  putOff,
  type Renewal,
  readDated,
  readDue,
  readRenewal,
  writeTimes,
} from '../store/expiry.ts'
import { publish, wants } from '../store/outbox.ts'
import { replaceCartHolds } from '../store/stock.ts'
import type { Store, Writer } from '../store/store.ts'
import { type Carts, parseIntent } from './carts.ts'
import type { EmailQueue, EmailWish } from './email-queue.ts'
import type { FactsCache, ShopFacts } from './facts.ts'
import type { Signer } from './identity.ts'
import type { Work } from './jobs.ts'
import { linkEnd, restoreToken } from './links.ts'
import type { Clock, Randomness } from './ports.ts'

const HOUR_MS = 3_600_000
/**
 * How many carts are looked at by one read, and how many are dealt with in one transaction. On SQLite nobody else writes meanwhile: ten carts of 500
 * lines take 25 ms, ten ordinary ones 1 ms.
 */
const LOOK = 200
const BATCHES = { sqlite: 10, postgres: 50 } as const
const HISTORY_BATCH = 250
const POLL_MS = 60_000
/** A gentle pass rests so many times as long as it worked, so that shoppers have the database for themselves most of the time. */
const REST = 40
/** When a cart that could not be read or removed is looked at again. */
const POISON_MS = 24 * HOUR_MS
const HISTORY_EVERY_MS = HOUR_MS

/** How a pass is made. `gentle`: rests between transactions. `isStopped`: the pass ends early when it says so. */
export interface Pass {
  readonly gentle: boolean
  readonly isStopped: () => boolean
}

/** What a pass did. */
export interface PassReport {
  /** Open carts that were removed. */
  expired: number
  /** Closed carts that were removed. */
  closed: number
  abandoned: number
  guests: number
  /** Carts whose times were made new after a change of settings. */
  renewed: number
  history: number
  failed: number
}

/** What becomes of a cart that was looked at; it rests on the version and the `abandoned_at` that were read. */
interface Fate {
  readonly row: DatedRow
  readonly kind: 'remove' | 'abandon' | 'keep'
  /** The event's data, where some endpoint wants it. */
  readonly data: string | null
  /** Whom to remind of it, where the shop does. */
  readonly remind: string | null
  readonly expiresAt: number | null
  /** When it is looked at next if it stays. */
  readonly dueAt: number | null
}

/** The end of carts. */
export interface Expiry {
  /** Does everything that is due, in bounded steps; answers what it did, and logs it in one line. */
  run(pass: Pass): Promise<PassReport>
  readonly work: Work
}

/** Makes it. */
export function createExpiry(parts: {
  store: Store
  facts: FactsCache
  carts: Pick<Carts, 'serve'>
  clock: Clock
  random: Randomness
  signer: Signer
  publicUrl: () => string
  emails: EmailQueue
  log: Logger
}): Expiry {
  const { store, facts, carts, clock, random, signer, publicUrl, emails, log } = parts
  const batch = BATCHES[store.dialect]
  let historyLookedAt = Number.NEGATIVE_INFINITY

  async function run(pass: Pass): Promise<PassReport> {
    const report: PassReport = { expired: 0, closed: 0, abandoned: 0, guests: 0, renewed: 0, history: 0, failed: 0 }
    const started = performance.now()
    await renewTimes(pass, report)
    await endCarts(pass, report)
    if (!pass.gentle || clock.now() - historyLookedAt >= HISTORY_EVERY_MS) await forgetHistory(pass, report)
    if (Object.values(report).some((count) => count > 0))
      log.info({ ...report, ms: Math.round(performance.now() - started) }, 'carts ended')
    return report
  }

  /** Runs a step and, in a gentle pass, rests in proportion to what it took. */
  async function step<T>({ gentle }: Pass, work: () => Promise<T>): Promise<T> {
    const started = performance.now()
    const result = await work()
    const rest = gentle ? Math.min(1000, REST * (performance.now() - started)) : 0
    // Even a hurried pass lets others have their turn.
    await new Promise((resolve) => (rest > 0 ? setTimeout(resolve, rest) : setImmediate(resolve)))
    return result
  }

  // What is due -----------------------------------------------------------------------------------------------------------------------

  /** Goes through what is due once, from the longest due on: a cart that cannot be dealt with is behind us, not in the way. */
  async function endCarts(pass: Pass, report: PassReport): Promise<void> {
    const now = clock.now()
    let place: DuePlace | null = null
    while (!pass.isStopped()) {
      const looked: DueRow[] = await step(pass, () => readDue(store.reader, now, place, LOOK))
      place = looked.at(-1) ?? null
      for (const [shopId, rows] of Map.groupBy(looked, (row) => row.shop_id)) {
        const shop = await facts.shop(shopId)
        if (!shop) continue
        const ids = rows.filter((row) => isTime(row, shop, now)).map((row) => row.id)
        for (let from = 0; from < ids.length && !pass.isStopped(); from += batch)
          await step(pass, () => endBatch(shopId, ids.slice(from, from + batch), now, report))
      }
      if (looked.length < LOOK) return
    }
  }

  /** Whether a cart's minute has come, not only its hour. One that stood longer is looked at in any case. */
  function isTime({ due_at, state, activity, expires_at, abandoned_at }: DueRow, { settings }: ShopFacts, now: number): boolean {
    if (due_at <= now - HOUR_MS || (expires_at !== null && expires_at <= now)) return true
    return state === 'OPEN' && abandoned_at === null && activity + (durationMs(settings.abandoned.after) ?? 0) <= now
  }

  async function endBatch(shopId: string, ids: readonly string[], now: number, report: PassReport): Promise<void> {
    // Read for each batch: a pass may take minutes, and settings count as they are.
    const shop = await facts.shop(shopId)
    if (!shop) return
    const fates: Fate[] = []
    for (const row of await readDated(store.reader, shop.id, ids)) {
      try {
        fates.push(await fateOf(shop, row, now))
      } catch (error) {
        await passOver(shop.id, row, error, now, report)
      }
    }
    if (fates.length === 0) return
    try {
      addUp(report, await store.transact((writer) => carryOut(writer, shop, fates, now)))
    } catch (error) {
      // One of them cannot be done: each by itself, so that only that one is put off.
      for (const fate of fates) {
        if (fates.length === 1) await passOver(shop.id, fate.row, error, now, report)
        else
          await store
            .transact((writer) => carryOut(writer, shop, [fate], now))
            .then(
              (done) => addUp(report, done),
              (own: unknown) => passOver(shop.id, fate.row, own, now, report),
            )
      }
    }
  }

  async function passOver(shopId: string, { id, version }: DatedRow, error: unknown, now: number, report: PassReport): Promise<void> {
    report.failed++
    log.error({ err: error, shopId, cartId: id }, 'a cart cannot be ended; it is looked at again in a day')
    await store
      .transactOne((writer) => putOff(writer, shopId, id, version, now + POISON_MS))
      .catch((own: unknown) => log.error({ err: own, shopId, cartId: id }, 'a cart cannot be put off either'))
  }

  /** What a cart's document and today's settings mean. Throws where the document cannot be read. */
  async function fateOf(shop: ShopFacts, row: DatedRow, now: number): Promise<Fate> {
    const { settings } = shop
    // Written by a newer version that runs beside this one and knows what it means.
    if (row.format > CART_FORMAT) return { row, kind: 'keep', data: null, remind: null, expiresAt: row.expires_at, dueAt: now + HOUR_MS }
    const cart = parseIntent(row)
    const isTold = row.abandoned_at !== null
    const expiresAt = expiryOf(cart, settings)
    const abandonedFrom = isTold ? null : abandonmentOf(cart, settings)
    if (expiresAt !== null && expiresAt <= now) {
      const data = row.state === 'OPEN' && isWanted(shop, 'cart.expired') ? expiredText(row, now) : null
      return { row, kind: 'remove', data, remind: null, expiresAt, dueAt: null }
    }
    if (abandonedFrom === null || abandonedFrom > now)
      return { row, kind: 'keep', data: null, remind: null, expiresAt, dueAt: dueOf(cart, settings, isTold) }
    const data = isWanted(shop, 'cart.abandoned') ? abandonedText(shop, row.id, await carts.serve(shop, row), now) : null
    const remind = emails.isOn(shop) && settings.email.kinds.includes('cart_abandoned') ? cart.email : null
    return { row, kind: 'abandon', data, remind, expiresAt, dueAt: dueOf(cart, settings, true) }
  }

  /** The cart as it was, over. */
  function expiredText(row: DatedRow, now: number): string {
    const priced = JSON.parse(row.priced) as PricedCart
    return JSON.stringify({ ...priced, state: 'CLOSED', closedReason: 'expired', version: priced.version + 1, updatedAt: rfc3339(now) })
  }

  function abandonedText(shop: ShopFacts, cartId: string, text: string, now: number): string {
    const expiresAt = linkEnd(now, durationMs(shop.settings.restore.tokenTtl) ?? 0)
    const token = restoreToken(signer, { shopId: shop.id, cartId, purpose: 'restore', expiresAt })
    const restoreUrl = `${publicUrl()}/v1/shops/${shop.id}/r/${token}`
    return JSON.stringify({ ...(JSON.parse(text) as PricedCart), restoreUrl, restoreToken: token })
  }

  // Under locks -----------------------------------------------------------------------------------------------------------------------

  /** Does what was decided about carts that are still as they were read and that nobody holds; the others are found again. */
  async function carryOut(writer: Writer, shop: ShopFacts, fates: readonly Fate[], now: number): Promise<Partial<PassReport>> {
    const ids = fates.map(({ row }) => row.id)
    const held = await lockUnheld(writer, shop.id, ids)
    const mine = fates.filter(({ row }) => {
      const is = held.get(row.id)
      return is?.version === row.version && is.abandoned_at === row.abandoned_at
    })
    const unpaid = mine.some(({ kind }) => kind !== 'keep') ? await cartsWithUnpaid(writer, shop.id, ids) : new Set<string>()
    const removed = mine.filter(({ row, kind }) => kind === 'remove' && !unpaid.has(row.id))
    const bought = await boughtSince(
      writer,
      shop.id,
      mine.filter(({ row, kind }) => kind === 'abandon' && !unpaid.has(row.id)),
    )
    const events: Event[] = []
    const reminders: EmailWish[] = []
    let abandoned = 0
    for (const fate of mine) {
      const { row, kind, data, remind, expiresAt, dueAt } = fate
      const isTold = kind === 'abandon' && !unpaid.has(row.id) && !bought.has(row.id)
      if (isTold) abandoned++
      if (isTold && remind !== null) reminders.push(reminderOf(row.id, remind))
      if (data !== null && (isTold || removed.includes(fate)))
        events.push({ type: kind === 'abandon' ? 'cart.abandoned' : 'cart.expired', subject: row.id, data })
      if (removed.includes(fate)) continue
      const times: CartTimes = {
        expires_at: expiresAt,
        due_at: kind !== 'keep' && unpaid.has(row.id) ? now + HOUR_MS : dueAt,
        ...(isTold ? { abandoned_at: now } : {}),
      }
      if (isTold || times.due_at !== row.due_at || expiresAt !== row.expires_at) await writeTimes(writer, shop.id, row.id, times)
    }
    const gone = removed.map(({ row }) => row.id)
    if (shop.cartsHold) await replaceCartHolds(writer, shop.id, gone, [], 0)
    const guests = await removeAll(writer, shop.id, removed)
    await publish(writer, shop.id, shop.endpoints, events, now, () => random.id('dl'))
    await emails.add(writer, shop, reminders)
    const expired = removed.filter(({ row }) => row.state === 'OPEN').length
    return { expired, closed: removed.length - expired, abandoned, guests }
  }

  async function removeAll(writer: Writer, shopId: string, fates: readonly Fate[]): Promise<number> {
    await removeCarts(
      writer,
      shopId,
      fates.map(({ row }) => row.id),
    )
    const guestIds = fates.flatMap(({ row }) => (row.owner.startsWith('g:') ? [row.owner.slice('g:'.length)] : []))
    return forgetGuests(writer, shopId, [...new Set(guestIds)])
  }

  /** Those of the carts whose owner ordered since the last write: from the cart itself or otherwise. */
  async function boughtSince(writer: Writer, shopId: string, fates: readonly Fate[]): Promise<Set<string>> {
    if (fates.length === 0) return new Set()
    const rows = fates.map(({ row }) => row)
    const orders = await placedSince(writer, shopId, Math.min(...rows.map((row) => row.activity)), {
      cartIds: rows.map((row) => row.id),
      owners: [...new Set(rows.map((row) => row.owner))],
    })
    const isBought = (row: DatedRow) =>
      orders.some((order) => (order.cart_id === row.id || order.owner === row.owner) && order.placed_at >= row.activity)
    return new Set(rows.filter(isBought).map((row) => row.id))
  }

  function isWanted(shop: ShopFacts, type: 'cart.expired' | 'cart.abandoned'): boolean {
    return shop.endpoints.some((endpoint) => wants(endpoint, type))
  }

  // A change of settings --------------------------------------------------------------------------------------------------------------

  /** Gives the carts of shops whose retention changed the times that it means now. What is due at once is dealt with right after. */
  async function renewTimes(pass: Pass, report: PassReport): Promise<void> {
    let after = ''
    while (!pass.isStopped()) {
      const renewal = await readRenewal(store.reader, after)
      if (!renewal) return
      const shop = await facts.shop(renewal.shop_id)
      const isDone = !shop || (await step(pass, () => renewBatch(shop, renewal, report)))
      if (isDone) after = renewal.shop_id
    }
  }

  /** One batch of a shop; true when there is nothing left to do, or it cannot be done now. */
  async function renewBatch(shop: ShopFacts, renewal: Renewal, report: PassReport): Promise<boolean> {
    try {
      const { renewed, isLast } = await store.transact(async (writer) => {
        const rows = await lockNext(writer, shop.id, renewal.due_from, batch)
        let count = 0
        for (const row of rows) if (await renew(writer, shop, row)) count++
        const last = rows.length < batch ? null : (rows.at(-1)?.id ?? null)
        const isMoved = await moveRenewal(writer, renewal, last)
        return { renewed: count, isLast: isMoved && last === null }
      })
      report.renewed += renewed
      return isLast
    } catch (error) {
      report.failed++
      log.error({ err: error, shopId: shop.id, after: renewal.due_from }, 'times of carts cannot be renewed now; it is tried again')
      return true
    }
  }

  async function renew(writer: Writer, shop: ShopFacts, row: DatedRow): Promise<boolean> {
    if (row.format > CART_FORMAT) return false
    try {
      const cart = parseIntent(row)
      const times = { expires_at: expiryOf(cart, shop.settings), due_at: dueOf(cart, shop.settings, row.abandoned_at !== null) }
      if (times.expires_at === row.expires_at && times.due_at === row.due_at) return false
      await writeTimes(writer, shop.id, row.id, times)
      return true
    } catch (error) {
      if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error
      log.error({ err: error, shopId: shop.id, cartId: row.id }, 'a cart cannot be read; its times stay as they are')
      return false
    }
  }

  // History ---------------------------------------------------------------------------------------------------------------------------

  /** Removes what is older than each shop keeps. */
  async function forgetHistory(pass: Pass, report: PassReport): Promise<void> {
    historyLookedAt = clock.now()
    let after = ''
    while (!pass.isStopped()) {
      const next = await nextHistory(store.reader, after)
      if (!next) return
      after = next.shop_id
      const shop = await facts.shop(next.shop_id)
      const before = clock.now() - (durationMs(shop?.settings.history.keep ?? 'never') ?? Number.POSITIVE_INFINITY)
      if (next.at >= before) continue
      for (let removed = HISTORY_BATCH; removed === HISTORY_BATCH && !pass.isStopped(); report.history += removed)
        removed = await step(pass, () => store.transactOne((writer) => purgeHistory(writer, next.shop_id, before, HISTORY_BATCH)))
    }
  }

  const work: Work = { name: 'carts that end', everyMs: POLL_MS, run: ({ isGentle, isStopped }) => run({ gentle: isGentle, isStopped }) }
  return { run, work }
}

/** An e-mail that leads back to a cart (OPS-3); in the shop's own language, because nobody said another one. */
function reminderOf(cartId: string, recipient: string): EmailWish {
  return { kind: 'cart_abandoned', recipient, orderId: null, cartId, status: '', language: null, by: 'system', data: {} }
}

function addUp(report: PassReport, done: Partial<PassReport>): void {
  for (const [key, count] of Object.entries(done)) report[key as keyof PassReport] += count
}
