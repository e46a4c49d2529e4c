// How long carts live, over HTTP: who may give one cart a retention of its own, and views of carts by the last write. Views are computed each
// time they are asked for (C06); nothing about them is stored.
import type Type from 'typebox'
import type { PatchCart } from '../contract/cart.ts'
import { refuse } from '../core/refusal.ts'
import type { Settings } from '../core/settings.ts'
import { durationMs } from '../core/time.ts'
import { parseIntent } from '../engine/carts.ts'
import type { Engine } from '../engine/engine.ts'
import type { ShopFacts } from '../engine/facts.ts'
import { type Actor, reachesAll } from '../engine/identity.ts'
import { type CartRow, listCarts } from '../store/carts.ts'
import { Refused } from './access.ts'

/** Views of carts: written lately, not written lately, left alone with something in them; and, for keys, orders that staff prepares. */
export const VIEWS = ['active', 'inactive', 'abandoned', 'drafts'] as const

/** One of the views. */
export type View = (typeof VIEWS)[number]

/** After how long a cart is listed as abandoned where the shop has not said when it tells so. */
const ABANDONED_MS = 3_600_000
/** How many pages are read to fill one page of a view that empty carts are left out of; what lies behind them is on the next. */
const READS_MAX = 10

/**
 * Refuses a retention of a cart's own unless a key sets it, and unless it is a duration. `at` is where the changes stand in the body.
 */
export function checkRetention(actor: Actor, { retention }: Type.Static<typeof PatchCart>, at: string): void {
  if (retention === undefined) return
  const path = `${at}/retention`
  if (!reachesAll(actor)) throw new Refused(refuse('invalid', { path, reason: 'only_keys_may_set_a_retention' }))
  if (retention !== null && durationMs(retention) === null)
    throw new Refused(refuse('invalid', { path, reason: 'not_a_duration', example: 'PT30M, P30D or never' }))
}

/** A page of carts, newest first; `next` is where the next one goes on. */
export async function cartsPage(
  { store, clock }: Engine,
  shop: ShopFacts,
  filter: Omit<Parameters<typeof listCarts>[2], 'limit'>,
  view: View | undefined,
  limit: number,
): Promise<{ rows: readonly CartRow[]; next: string | null }> {
  if (view !== undefined && filter.state === 'CLOSED')
    throw new Refused(refuse('invalid', { path: '/view', reason: 'views_are_of_open_carts' }))
  const written = view === undefined || view === 'drafts' ? {} : lastWrite(view, shop.settings, clock.now())
  const inView = view === undefined ? {} : { state: 'OPEN', ...written }
  const rows: CartRow[] = []
  let after = filter.after
  for (let reads = 0; reads < READS_MAX; reads++) {
    const found = await listCarts(store.reader, shop.id, {
      ...filter,
      ...inView,
      ...(after === undefined ? {} : { after }),
      limit: limit + 1,
    })
    for (const row of found) {
      if (view !== 'abandoned' || parseIntent(row).lines.length > 0) rows.push(row)
      if (rows.length > limit) return { rows: rows.slice(0, limit), next: rows[limit - 1]?.id ?? null }
      after = row.id
    }
    if (found.length <= limit) return { rows, next: null }
  }
  return { rows, next: after ?? null }
}

function lastWrite(view: Exclude<View, 'drafts'>, settings: Settings, now: number): { writtenSince?: number; writtenUntil?: number } {
  const active = durationMs(settings.cart.activeDuration) ?? 0
  if (view === 'active') return Number.isFinite(active) ? { writtenSince: now - active } : {}
  const after = view === 'inactive' ? active : (durationMs(settings.abandoned.after) ?? 0)
  // What never ends to be active is never inactive; that abandonment is never told does not mean that nobody wants to see it.
  const never = view === 'inactive' ? now : ABANDONED_MS
  return { writtenUntil: now - (Number.isFinite(after) ? after : never) }
}
