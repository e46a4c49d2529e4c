// How long a cart lives (C05). Time counts from its owner's last write: reads and price refreshes write nothing, so they do not count. What is
// due is computed from the shop's settings as they are now, never from what they were when the cart was saved.
import type { Cart } from './cart.ts'
import type { Settings } from './settings.ts'
import { durationMs } from './time.ts'

/** What of a cart decides how long it lives. */
export type Lifetime = Pick<Cart, 'state' | 'owner' | 'lines' | 'savedLines' | 'retention' | 'updatedAt'>

/** When a cart is removed, in milliseconds, or null for never. A retention of its own (C05) counts while it is open. */
export function expiryOf(cart: Lifetime, settings: Settings): number | null {
  const kept = durationMs(keptFor(cart, settings))
  return kept === null || !Number.isFinite(kept) ? null : cart.updatedAt + kept
}

function keptFor(cart: Lifetime, { retention }: Settings): string {
  if (cart.state === 'CLOSED') return retention.closed
  if (cart.retention !== null) return cart.retention
  if (cart.lines.length === 0 && cart.savedLines.length === 0) return retention.empty
  return cart.owner.kind === 'guest' ? retention.anonymous : retention.account
}

/** When an open cart with lines counts as abandoned, in milliseconds, or null for never. */
export function abandonmentOf(cart: Lifetime, settings: Settings): number | null {
  if (cart.state !== 'OPEN' || cart.lines.length === 0) return null
  const after = durationMs(settings.abandoned.after)
  return after === null || !Number.isFinite(after) ? null : cart.updatedAt + after
}
