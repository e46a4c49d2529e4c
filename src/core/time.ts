// Times are milliseconds since the epoch inside, and RFC 3339 UTC with milliseconds on the wire. The core never asks for the time: it is
// part of the facts. How long a cart lives (C05) counts from its owner's last write: reads and price refreshes write nothing, so they do not
// count; and it follows from the shop's settings as they are now, never from what they were when the cart was saved.

import { type Cart, DRAFT_TYPE } from './cart.ts'
import type { Settings } from './settings.ts'

/** A moment as RFC 3339 UTC text: `2026-01-31T12:00:00.000Z`. */
export function rfc3339(ms: number): string {
  return new Date(ms).toISOString()
}

/** Milliseconds of an ISO 8601 duration of weeks, days, hours, minutes and seconds; null when it is another text. `never` is Infinity. */
export function durationMs(duration: string): number | null {
  if (duration === 'never') return Number.POSITIVE_INFINITY
  const match = /^P(?=\d|T\d)(?:(\d{1,4})W)?(?:(\d{1,5})D)?(?:T(?=\d)(?:(\d{1,6})H)?(?:(\d{1,7})M)?(?:(\d{1,8})S)?)?$/.exec(duration)
  if (!match) return null
  const [weeks, days, hours, minutes, seconds] = match.slice(1).map((part) => Number(part ?? 0)) as [number, number, number, number, number]
  return ((((weeks * 7 + days) * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000
}

/** What of a cart decides how long it lives. */
export type Lifetime = Pick<Cart, 'type' | 'state' | 'owner' | 'lines' | 'savedLines' | 'retention' | 'updatedAt'>

/** When a cart is removed, in milliseconds, or null for never. A retention of its own (C05) counts while it is open. */
export function expiryOf(cart: Lifetime, settings: Settings): number | null {
  const kept = durationMs(keptFor(cart, settings))
  return kept === null || !Number.isFinite(kept) ? null : cart.updatedAt + kept
}

function keptFor(cart: Lifetime, { retention }: Settings): string {
  if (cart.state === 'CLOSED') return retention.closed
  if (cart.retention !== null) return cart.retention
  if (cart.type === DRAFT_TYPE) return retention.drafts
  if (cart.lines.length === 0 && cart.savedLines.length === 0) return retention.empty
  return cart.owner.kind === 'guest' ? retention.anonymous : retention.account
}

const HOUR_MS = 3_600_000

/**
 * The hour, as its first millisecond, in which a cart must be looked at: it counts as abandoned (unless that was told already) or is removed. Null
 * for never. Whole hours, so that an ordinary change of a cart seldom moves it.
 */
export function dueOf(cart: Lifetime, settings: Settings, isTold: boolean): number | null {
  const expiry = expiryOf(cart, settings)
  const abandonment = isTold ? null : abandonmentOf(cart, settings)
  const earlier = Math.min(expiry ?? Number.POSITIVE_INFINITY, abandonment ?? Number.POSITIVE_INFINITY)
  return Number.isFinite(earlier) ? Math.floor(earlier / HOUR_MS) * HOUR_MS : null
}

/** When an open cart with lines counts as abandoned, in milliseconds, or null for never: what staff prepares is not left by its customer. */
export function abandonmentOf(cart: Lifetime, settings: Settings): number | null {
  if (cart.state !== 'OPEN' || cart.type === DRAFT_TYPE || cart.lines.length === 0) return null
  const after = durationMs(settings.abandoned.after)
  return after === null || !Number.isFinite(after) ? null : cart.updatedAt + after
}
