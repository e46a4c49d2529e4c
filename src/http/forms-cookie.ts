// The cookies of forms. They count under `/forms` only: everywhere else a caller is known by the Authorization header alone. All are HttpOnly and
// SameSite=Lax, and Secure when the request came by https.
import type { SerializeOptions } from '@fastify/cookie'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { decodeJwt } from 'jose'

const YEAR_S = 365 * 24 * 3600
/** What was told to nobody for so long is of no interest any more. */
const FLASH_S = 600
/** Browsers drop cookies of more than 4096 bytes, name and attributes included. */
const TOKEN_MAX = 3500

const PREFIXES = { token: 'cw', visitor: 'cwp', flash: 'cwf' } as const

/** Whether a browser would keep this token: a guest's, or an account's JWT that is not too long. Keys never go into a cookie. */
export function fitsFormsCookie(token: string): boolean {
  return token.length <= TOKEN_MAX && (token.startsWith('ct_') || /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token))
}

/** The token in the cookie of a shop's forms, or undefined. What could be a key or an order token is none. */
export function formsCookieOf(request: FastifyRequest, shopId: string): string | undefined {
  const token = cookieOf(request, `${PREFIXES.token}_${shopId}`)
  return token !== undefined && fitsFormsCookie(token) ? token : undefined
}

/** Makes a browser known to a shop's forms: a guest for a year, an account until its JWT expires. */
export function setFormsCookie(reply: FastifyReply, shopId: string, token: string): void {
  const expiry = token.startsWith('ct_') ? { maxAge: YEAR_S } : { expires: new Date((decodeJwt(token).exp ?? 0) * 1000) }
  put(reply, shopId, PREFIXES.token, token, expiry)
}

/** Makes a browser a stranger to a shop's forms. */
export function forgetFormsCookie(reply: FastifyReply, shopId: string): void {
  put(reply, shopId, PREFIXES.token, '', { maxAge: 0 })
}

/** The random name of a browser that has no cart yet; forms are bound to it. */
export function visitorOf(request: FastifyRequest, shopId: string): string | undefined {
  const visitor = cookieOf(request, `${PREFIXES.visitor}_${shopId}`)
  return visitor !== undefined && /^[\w-]{43}$/.test(visitor) ? visitor : undefined
}

/** Names a browser, until it is closed. */
export function setVisitor(reply: FastifyReply, shopId: string, visitor: string): void {
  put(reply, shopId, PREFIXES.visitor, visitor, {})
}

/** The flash message as it was set, not yet checked. */
export function flashOf(request: FastifyRequest, shopId: string): string | undefined {
  return cookieOf(request, `${PREFIXES.flash}_${shopId}`)
}

/** Sets the flash message; an empty text removes it. */
export function setFlash(reply: FastifyReply, shopId: string, text: string): void {
  put(reply, shopId, PREFIXES.flash, text, { maxAge: text === '' ? 0 : FLASH_S })
}

function cookieOf(request: FastifyRequest, name: string): string | undefined {
  const { cookie } = request.headers
  const value = cookie === undefined ? undefined : request.server.parseCookie(cookie)[name]
  return value === '' ? undefined : value
}

function put(
  reply: FastifyReply,
  shopId: string,
  prefix: string,
  value: string,
  expiry: Pick<SerializeOptions, 'maxAge' | 'expires'>,
): void {
  const place = { path: `/v1/shops/${shopId}/forms`, secure: reply.request.protocol === 'https' }
  reply.header(
    'set-cookie',
    reply.server.serializeCookie(`${prefix}_${shopId}`, value, { ...place, ...expiry, httpOnly: true, sameSite: 'lax' }),
  )
}
