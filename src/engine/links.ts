// Signed links to carts: what a link may do, for which cart and until when stands in it, and only this installation can have written it.
import type { Signer } from './identity.ts'

/** What a token of a link says. `expiresAt` is milliseconds. */
export interface RestoreLink {
  readonly shopId: string
  readonly cartId: string
  readonly purpose: 'restore'
  readonly expiresAt: number
}

/** No link works longer than this, whatever the settings say: ten years. */
const LATEST_MS = 10 * 365 * 86_400_000

/** When a link made now ends, in milliseconds: a time to live of Infinity ends at the latest. */
export function linkEnd(now: number, ttlMs: number): number {
  return now + Math.min(ttlMs, LATEST_MS)
}

/** A restore link's token: `rt_<cart id>_<expiry in seconds, base 36>_<signature>`; the same for the same cart and expiry. */
export function restoreToken(signer: Signer, { shopId, cartId, purpose, expiresAt }: RestoreLink): string {
  const expiry = Math.floor(expiresAt / 1000).toString(36)
  return `rt_${cartId.slice('cart_'.length)}_${expiry}_${signer.sign(`${purpose} ${shopId} ${cartId} ${expiry}`)}`
}

/** The cart that a token opens in this shop, or null when it is not genuine or has expired. */
export function openRestoreToken(signer: Signer, shopId: string, token: string, now: number): string | null {
  const match = /^rt_([0-9a-f]{32})_([0-9a-z]{1,10})_([A-Za-z0-9_-]{43})$/.exec(token)
  if (!match?.[1] || !match[2] || !match[3]) return null
  const cartId = `cart_${match[1]}`
  if (!signer.verify(`restore ${shopId} ${cartId} ${match[2]}`, match[3])) return null
  return Number.parseInt(match[2], 36) * 1000 > now ? cartId : null
}
