// The one cookie there is: a guest's token for pages that work without scripts. It goes to the forms of its shop and nowhere else, so the API
// itself never reads a cookie.
import type { FastifyReply } from 'fastify'

const MAX_AGE_S = 30 * 24 * 3600

/** Keeps a guest's token for the forms of a shop: no script reads it, no other address is sent it. */
export function setFormsCookie(reply: FastifyReply, shopId: string, token: string): void {
  const secure = reply.request.protocol === 'https' ? '; Secure' : ''
  const path = `/v1/shops/${shopId}/forms`
  reply.header('set-cookie', `cw_${shopId}=${token}; Path=${path}; Max-Age=${MAX_AGE_S}; HttpOnly; SameSite=Lax${secure}`)
}
