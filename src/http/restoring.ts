// Restore links over HTTP: making one, following one through the API, and the page that a browser sees. Following a link from an e-mail changes
// nothing by itself, because mail scanners follow it too: the page shows one button, and only its form attaches the cart.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import * as contract from '../contract/owner.ts'
import { CLOSED, Id, Text } from '../contract/schemas.ts'
import { isRefusal, type Refusal, refuse } from '../core/refusal.ts'
import type { Settings } from '../core/settings.ts'
import { durationMs, rfc3339 } from '../core/time.ts'
import type { Engine } from '../engine/engine.ts'
import { type Actor, groupsOf, guestToken, hashSecret, limitOf, nameOf } from '../engine/identity.ts'
import { allowedRedirect, linkEnd, readRestoreToken, restoreToken, withFragment } from '../engine/links.ts'
import { once } from '../engine/once.ts'
import { type Caller, callerOf, type GuessGuard, proved, Refused, unwrap } from './access.ts'
import { address, ifMatch, json, spoken } from './carts.ts'
import { senderOf } from './forms.ts'
import { formsCookieOf, setFormsCookie } from './forms-cookie.ts'
import { answerOnce, claimOf, replayedSecret } from './idempotency.ts'

/** The calls of the API. */
export function restoreRoutes(engine: Engine, guard: GuessGuard): FastifyPluginAsyncTypebox {
  const { carts, clock, random, signer } = engine

  return async (app) => {
    app.post(
      '/carts/:cart/restore-links',
      {
        config: { access: { owner: true, scope: 'carts:write' } },
        schema: {
          tags: ['Carts'],
          summary: 'A link that leads back to the cart, signed and for a time',
          params: Type.Object({ shop: Text(63), cart: Id }),
          querystring: contract.TypeQuery,
          response: { 201: contract.RestoreLink },
        },
      },
      async (request, reply) => {
        const caller = callerOf(request)
        const { shop } = caller
        const { cart } = unwrap(await carts.inspect(address(caller, request.params.cart, request.query.type)))
        const expected = ifMatch(request)
        if (expected !== undefined && expected !== cart.version)
          throw new Refused(refuse('stale_version', { expected, current: cart.version }))
        if (cart.version === 0) throw new Refused(refuse('cart_not_found', {}))
        unwrap((await engine.limiting.act(shop, [{ kind: 'links', who: { cart: cart.id } }])) ?? true)
        // Whole seconds, as the token has them: the same key answers the same link.
        const expiresAt = Math.floor(linkEnd(clock.now(), durationMs(shop.settings.restore.tokenTtl) ?? 0) / 1000) * 1000
        const made = unwrap(await once(engine, shop.id, claimOf(request, null), async () => ({ cartId: cart.id, expiresAt })))
        const value = answerOnce(reply, made)
        const token = restoreToken(signer, { shopId: shop.id, purpose: 'restore', ...value })
        const url = `${engine.publicUrl()}/v1/shops/${shop.id}/r/${token}`
        return reply.code(201).send({ token, url, expiresAt: rfc3339(value.expiresAt) })
      },
    )

    app.post(
      '/carts/restore',
      {
        config: { access: { owner: true, anonymous: true, limited: true, scope: 'carts:write' } },
        schema: {
          tags: ['Carts'],
          summary: 'Follow a restore link; who is not the owner gets a token for this cart alone',
          querystring: Type.Object({ account: Type.Optional(Id) }, CLOSED),
          body: contract.RestoreCart,
          response: { 200: Type.Ref('CartAnswer') },
        },
      },
      async (request, reply) => {
        const { actor, shop, owner, all } = callerOf(request)
        const secret = random.secret()
        const answered = await engine.restore({
          shopId: shop.id,
          owner,
          all,
          limitedTo: limitOf(actor),
          groups: groupsOf(actor),
          token: request.body.token,
          hash: hashSecret(secret),
          by: nameOf(actor),
          onBehalf: all,
          guestsAllowed: shop.settings.access.guestCarts,
          idempotency: claimOf(request, secret),
        })
        const { text, guestId, replayed } = await proved(request, guard, answered)
        if (replayed) reply.header('idempotency-replayed', 'true')
        const shown = guestId === null ? null : replayed ? replayedSecret(request, replayed.sealed) : secret
        const token = guestId === null || shown === null ? '' : `,"token":${JSON.stringify(guestToken(guestId, shown))}`
        return json(reply, `{"cart":${spoken(reply, text)}${token}}`)
      },
    )
  }
}

/** The page's form: whose browser it is, the cookie of the shop's forms says. */
const FORM = {
  config: { access: { owner: true, anonymous: true, cookie: true, limited: true, scope: null } },
  schema: { hide: true },
} as const

/** A link that was followed by a form, by whom, as far as that is known. */
interface Followed {
  readonly shopId: string
  readonly settings: Settings
  readonly caller: Caller | null
  readonly token: string
  readonly redirect: string | undefined
}

type PageRequest = FastifyRequest<{ Params: { shop: string; token: string }; Querystring: { redirect?: unknown }; Body: unknown }>

/**
 * The page that a link opens in a browser. It knows of its caller nothing but the token in its address; its form goes to where the browser's cookie
 * counts, so that an owner who follows the own link stays who they are.
 */
export function restorePage(engine: Engine, guard: GuessGuard): FastifyPluginAsyncTypebox {
  const { facts, random, clock, signer } = engine
  const open = { config: { access: 'public' as const }, schema: { hide: true } }

  async function settingsOf(shopId: string): Promise<Settings> {
    return unwrap((await facts.shop(shopId)) ?? refuse('shop_not_found', { shopId })).settings
  }

  return async (app) => {
    app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
      done(null, Object.fromEntries(new URLSearchParams(String(body)))),
    )

    app.get('/r/:token', open, async (request, reply) => {
      const { params, query } = request as PageRequest
      const settings = await settingsOf(params.shop)
      const read = readRestoreToken(signer, params.shop, params.token, clock.now())
      if ('reason' in read) return invalidPage(request, reply, guard, refuse('link_invalid', { reason: read.reason }))
      const redirect = typeof query.redirect === 'string' ? allowedRedirect(query.redirect, settings) : null
      return page(reply, settings, 'Your cart is waiting', continueForm(params.token, redirect))
    })

    app.post('/r/:token', open, async (request, reply) => {
      const { params, body } = request as PageRequest
      const settings = await settingsOf(params.shop)
      const { redirect } = (body ?? {}) as { redirect?: string }
      return follow(request, reply, { shopId: params.shop, settings, caller: null, token: params.token, redirect })
    })

    app.post('/forms/restore', FORM, async (request, reply) => {
      const caller = callerOf(request)
      const { id, settings } = caller.shop
      const { token = '', redirect } = (request.body ?? {}) as { token?: string; redirect?: string }
      // Browsers say where a form comes from. Who says nothing must be known by something else than a cookie.
      if (senderOf(request) === null && !request.headers.authorization) throw new Refused(refuse('form_not_genuine', { reason: 'origin' }))
      reply.header('cache-control', 'private, no-store')
      return follow(request, reply, { shopId: id, settings, caller, token, redirect })
    })
  }

  /** Follows a link for a browser, and leads it on. */
  async function follow(request: FastifyRequest, reply: FastifyReply, followed: Followed): Promise<FastifyReply> {
    const { shopId, settings, caller, token, redirect } = followed
    if (!isFromOwnPage(request, engine.publicUrl())) throw new Refused(refuse('form_not_genuine', {}))
    const target = (redirect === undefined ? null : allowedRedirect(redirect, settings)) ?? settings.links.loadCartRedirectUrl
    const actor: Actor = caller?.actor ?? { kind: 'anonymous' }
    const secret = random.secret()
    const restored = await engine.restore({
      shopId,
      owner: caller?.owner ?? null,
      all: false,
      limitedTo: limitOf(actor),
      groups: groupsOf(actor),
      token,
      hash: hashSecret(secret),
      by: nameOf(actor),
      onBehalf: false,
      guestsAllowed: settings.access.guestCarts,
    })
    if (isRefusal(restored)) {
      // An account's cart opens after login: the shop's own page gets the link, in the fragment, and sends it once somebody is logged in.
      if (restored.refused !== 'login_required') return invalidPage(request, reply, guard, restored)
      if (target === null) return page(reply, settings, 'Please log in', '<p>Log in to the shop, then open this link again.</p>')
      return seeOther(reply, withFragment(target, 'restore', token))
    }
    const made = restored.guestId === null ? null : guestToken(restored.guestId, secret)
    // A token that opens more than this cart is worth more than the new one: the browser keeps it.
    const isWhole = actor.kind !== 'anonymous' && limitOf(actor) === null
    if (made !== null && !isWhole) setFormsCookie(reply, shopId, made)
    if (target === null) return page(reply, settings, 'Your cart is back', '<p>You can go on shopping in the shop.</p>')
    const shown = made ?? (isWhole ? null : (formsCookieOf(request, shopId) ?? null))
    return seeOther(reply, shown === null ? target : withFragment(target, 'cart_token', shown))
  }
}

/** A link that is not valid, as a page; one that was not made here counts as a guess. */
async function invalidPage(request: FastifyRequest, reply: FastifyReply, guard: GuessGuard, refusal: Refusal): Promise<FastifyReply> {
  if (refusal.refused !== 'link_invalid') throw new Refused(refusal)
  await proved(request, guard, refusal).catch((error: unknown) => {
    if (!(error instanceof Refused) || error.refusal.refused !== 'link_invalid') throw error
  })
  reply.code(410)
  const words = refusal.reason === 'expired' ? 'This link has expired' : 'This link is not valid'
  return page(reply, null, words, '<p>The cart it led to may be gone or ordered. Ask the shop for a new link.</p>')
}

/** One form whose button does what opening the page does not. */
const continueForm = (token: string, redirect: string | null) => {
  const hidden = (name: string, value: string) => `<input type="hidden" name="${name}" value="${escaped(value)}">`
  const fields = hidden('token', token) + (redirect === null ? '' : hidden('redirect', redirect))
  return `<p>Somebody sent you this link to go on with a cart.</p><form method="post" action="../forms/restore">${fields}<button>Continue with this cart</button></form>`
}

/**
 * Whether a form was sent from this page. Another page could make a browser attach a cart of its own choice, and the shopper would type an
 * address into it.
 */
function isFromOwnPage(request: FastifyRequest, publicUrl: string): boolean {
  const site = request.headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false
  const origin = senderOf(request)
  return origin === null || origin === new URL(publicUrl).origin || origin === `${request.protocol}://${request.host}`
}

function seeOther(reply: FastifyReply, target: string): FastifyReply {
  return reply.code(303).header('cache-control', 'no-store').header('location', target).send()
}

/** A page without scripts. Forms may lead to this installation and, by the redirect that follows, to the shop's own addresses. */
function page(reply: FastifyReply, settings: Settings | null, title: string, body: string): FastifyReply {
  const targets = settings ? [settings.links.loadCartRedirectUrl ?? '', ...settings.links.redirectOrigins] : []
  const origins = targets.flatMap((target) => (URL.canParse(target) ? [new URL(target).origin] : []))
  const formAction = ["'self'", ...new Set(origins)].join(' ')
  const style = 'body{font:16px/1.5 system-ui,sans-serif;display:grid;place-items:center;min-height:90vh;margin:0;color-scheme:light dark}'
  const button = 'button{font:inherit;padding:.6em 1.2em}'
  return reply
    .type('text/html; charset=utf-8')
    .header('cache-control', 'no-store')
    .header(
      'content-security-policy',
      `default-src 'none'; style-src 'unsafe-inline'; form-action ${formAction}; frame-ancestors 'none'; base-uri 'none'`,
    )
    .header('referrer-policy', 'same-origin')
    .header('x-robots-tag', 'noindex')
    .send(
      `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title><style>${style}${button}</style></head><body><main><h1>${title}</h1>${body}</main></body></html>`,
    )
}

function escaped(text: string): string {
  return text.replace(/[&"'<>]/g, (character) => `&#${character.charCodeAt(0)};`)
}
