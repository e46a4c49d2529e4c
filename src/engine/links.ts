// Where a browser may be sent on to. A place that came with a request is followed only if it is a path on this host or leads to an origin that
// the shop named: anything else would lend the shop's name to whoever made the link.
import type { Settings } from '../core/settings.ts'

/** Printable ASCII without backslash: what browsers drop or turn into a slash could change where an address leads. */
const PLAIN = /^[\x21-\x5b\x5d-\x7e]{1,2000}$/

/** The target if a browser may be sent there: a path that begins with one slash, or an address on an origin of `links.redirectOrigins`; else null. */
export function allowedRedirect(target: string, settings: Settings): string | null {
  if (!PLAIN.test(target)) return null
  if (target.startsWith('/')) return target.startsWith('//') ? null : target
  const url = URL.parse(target)
  const isAllowed = url && url.username === '' && url.password === '' && isRedirectOrigin(url.origin, settings)
  return isAllowed ? target : null
}

/** Whether an origin, as browsers write it, is one that the shop named for redirects. */
export function isRedirectOrigin(origin: string, settings: Settings): boolean {
  return origin !== 'null' && settings.links.redirectOrigins.some((allowed) => URL.parse(allowed)?.origin === origin)
}
