// Links that leave the house: signed tokens that lead back to a cart, good for one purpose and a time, and the targets a browser may be sent to.
// Nothing is stored for a link: what it opens is in it, and the signature says that it was made here.
import type { Settings } from '../core/settings.ts'
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

/** The cart that a restore token leads to, or null when it is not genuine or has expired. */
export function openRestoreToken(signer: Signer, shopId: string, token: string, now: number): string | null {
  const read = readRestoreToken(signer, shopId, token, now)
  return 'cartId' in read ? read.cartId : null
}

/** The same, with the reason why not: only who holds a genuine token is told that it has expired. */
export function readRestoreToken(
  signer: Signer,
  shopId: string,
  token: string,
  now: number,
): { readonly cartId: string } | { readonly reason: 'not_genuine' | 'expired' } {
  const match = /^rt_([0-9a-f]{32})_([0-9a-z]{1,10})_([A-Za-z0-9_-]{43})$/.exec(token)
  if (!match?.[1] || !match[2] || !match[3]) return { reason: 'not_genuine' }
  const cartId = `cart_${match[1]}`
  if (!signer.verify(`restore ${shopId} ${cartId} ${match[2]}`, match[3])) return { reason: 'not_genuine' }
  return Number.parseInt(match[2], 36) * 1000 > now ? { cartId } : { reason: 'expired' }
}

/** The shop's page of an order, which a token opens; null where the shop named none. An empty token: whoever follows it logs in. */
export function orderPage({ links }: Pick<Settings, 'links'>, orderId: string, token: string): string | null {
  return links.orderUrl?.replaceAll('{order}', () => encodeURIComponent(orderId)).replaceAll('{token}', () => token) ?? null
}

const TARGET_MAX = 2000

/**
 * Where a browser may be sent: a path of this installation, or an address whose origin is on the shop's list (`links.redirectOrigins`); null for
 * everything else. What browsers repair or read in their own way (backslashes, control characters, missing slashes) is not allowed at all.
 */
export function allowedRedirect(target: string, { links }: Pick<Settings, 'links'>): string | null {
  if (target.length > TARGET_MAX || !/^[\x21-\x7e]+$/.test(target) || target.includes('\\')) return null
  const own = 'https://own.invalid'
  if (target.startsWith('/')) {
    const path = URL.canParse(target, own) ? new URL(target, own) : null
    return path?.origin === own && !path.pathname.startsWith('//') && !target.startsWith('//') ? target : null
  }
  if (!/^https?:\/\/[^/]/i.test(target) || !URL.canParse(target)) return null
  const url = new URL(target)
  if (url.username !== '' || url.password !== '') return null
  return isRedirectOrigin(url.origin, { links }) ? url.href : null
}

/** Whether an origin, as browsers write it, is one that the shop named for redirects. */
export function isRedirectOrigin(origin: string, { links }: Pick<Settings, 'links'>): boolean {
  return origin !== 'null' && links.redirectOrigins.some((allowed) => URL.canParse(allowed) && new URL(allowed).origin === origin)
}

/** A target with something for the page it leads to, in the fragment: browsers send that to nobody. */
export function withFragment(target: string, name: string, value: string): string {
  return `${target}${target.includes('#') ? '&' : '#'}${name}=${value}`
}
