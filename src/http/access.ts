// Who may call what. Every route declares its access; one that does not, does not start. The check runs before the body is read.

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Owner } from '../core/cart.ts'
import { isRefusal, type Refusal, refuse } from '../core/refusal.ts'
import type { Scope } from '../core/scope.ts'
import type { Engine } from '../engine/engine.ts'
import type { ShopFacts } from '../engine/facts.ts'
import { type Actor, hasScope, type Identity, limitOf, ownerOf, reachesAll, tokenIn } from '../engine/identity.ts'
import type { EndGuess, Limiting, Who } from '../engine/limiting.ts'
import { loadServed, ownerKey } from '../store/carts.ts'
import { forgetFormsCookie, formsCookieOf } from './forms-cookie.ts'

/**
 * `public`: no shop, no identity. `admin`: the installation's admin key. Otherwise, in a shop: `owner` lets guests and accounts in (for what is
 * theirs), `anonymous` also who has no token, `orderToken` holders of an order token, and keys with `scope` (null: no key may). `limited` lets
 * secrets in that reach one cart only: on routes of a cart for that cart, elsewhere for what is not a cart's. `cookie`: without an Authorization
 * header the cookie of the shop's forms says who it is; no other route looks at it. `former`: a guest's secret that died within a day comes in
 * too, with an Idempotency-Key, as a caller who `isFormer`: the route answers it what it was answered before, and nothing else.
 */
export type Access =
  | 'public'
  | 'admin'
  | {
      readonly owner?: true
      readonly anonymous?: true
      readonly limited?: true
      readonly orderToken?: true
      readonly cookie?: true
      readonly former?: true
      readonly scope: Scope | null
    }

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access
  }
  interface FastifyRequest {
    /** Set in shop routes once the caller is proved. */
    caller: Caller | null
  }
}

/** A proved caller in a shop. */
export interface Caller {
  readonly actor: Actor
  readonly shop: ShopFacts
  /** Whose `current` it is. */
  readonly owner: Owner | null
  /** Whether carts and orders of anybody can be addressed by id. */
  readonly all: boolean
  /** The secret is dead: see `Access`. */
  readonly isFormer?: true
}

/** Thrown by handlers to answer a refusal. */
export class Refused extends Error {
  readonly refusal: Refusal
  constructor(refusal: Refusal) {
    super(refusal.refused)
    this.refusal = refusal
  }
}

/** Answers a value, or throws the refusal it is. */
export function unwrap<T>(value: T | Refusal): T {
  if (isRefusal(value)) throw new Refused(value)
  return value as T
}

/** The caller of a shop route. */
export function callerOf(request: FastifyRequest): Caller {
  if (!request.caller) throw new Error(`Route ${request.routeOptions.url} asked for its caller but declares no shop access.`)
  return request.caller
}

/** Files that are served by a library that cannot declare access itself: the demo's pictures and its store. Everything below is public. */
const LIBRARY_ROUTES = ['/demo/images/', '/store/']

/** Installs the checks. Throws at start for a route without `config.access`. */
export function installAccess(app: FastifyInstance, engine: Engine, guard: GuessGuard): void {
  app.decorateRequest('caller', null)
  app.addHook('onRoute', (route) => {
    if (route.method === 'OPTIONS' || route.config?.access !== undefined) return
    if (LIBRARY_ROUTES.some((prefix) => route.url.startsWith(prefix))) {
      route.config = { ...route.config, access: 'public' }
      return
    }
    throw new Error(`Route ${String(route.method)} ${route.url} declares no access. Add config: { access: … }; nothing is open by default.`)
  })
  app.addHook('onRequest', async (request: FastifyRequest, reply: FastifyReply) => {
    const access = request.routeOptions.config.access
    if (access === undefined || access === 'public') return
    if (access === 'admin') {
      await proved(request, guard, engine.identities.admin(request.headers.authorization))
      return
    }
    const known = access.cookie === true && !request.headers.authorization ? await fromCookie(request, reply) : null
    const caller = known === null ? await callerNow(engine, request) : callerOn(request, known)
    const proven = (access.former && isRefusal(caller) && (await former(request))) || (await proved(request, guard, caller))
    if (proven.shop.asksAccounts && request.method !== 'GET') await engine.accounts.met(proven.shop, proven.actor)
    request.caller = proven
  })

  /** Who asks with a secret that died within a day, if this could be the repetition of a request. */
  async function former(request: FastifyRequest): Promise<Caller | null> {
    const { shop: shopId } = request.params as { shop: string }
    const { authorization, 'idempotency-key': key } = request.headers
    const shop = key === undefined ? null : await engine.facts.shop(shopId)
    const proof = shop && (await engine.identities.formerGuestOf(shopId, tokenIn(authorization)))
    if (!shop || !proof || isRefusal(proof)) return null
    const caller = callerOn(request, { actor: { kind: 'guest', ...proof }, shop })
    return isRefusal(caller) ? null : { ...caller, isFormer: true }
  }

  /**
   * Who the cookie says; null for nobody. Nobody can take a token that is of no use any more out of a browser by hand: it is forgotten here. It
   * counts as a guess but is not refused for those of its neighbours, or a browser behind a shared address could never get rid of it.
   */
  async function fromCookie(request: FastifyRequest, reply: FastifyReply): Promise<Identity | null> {
    const { shop: shopId } = request.params as { shop: string }
    const token = formsCookieOf(request, shopId)
    if (token === undefined) return null
    const identity = await engine.identities.inShop(shopId, `Bearer ${token}`, undefined)
    if (isRefusal(identity) && identity.refused !== 'invalid_token') throw new Refused(identity)
    if (!isRefusal(identity) && (await isOfUse(identity))) return identity
    if (isRefusal(identity)) await guard.fail(shopId, 'tokens', { address: request.ip })
    forgetFormsCookie(reply, shopId)
    return null
  }

  /** A browser keeps its cookie for a year: past the only cart that it opens, or past the shop's guests, it would shut its owner out. */
  async function isOfUse({ actor, shop }: Identity): Promise<boolean> {
    if (actor.kind !== 'guest') return true
    if (!shop.settings.access.guestCarts) return false
    const limit = limitOf(actor)
    if (!limit) return true
    return (await loadServed(engine.store.reader, shop.id, [limit.cartId], []))?.rows[0]?.state === 'OPEN'
  }
}

/** Who is limited to one cart finds no other. */
function limitRefusal({ cart }: { cart?: string }, actor: Actor): Refusal | null {
  const limit = limitOf(actor)
  if (!limit || cart === undefined || cart === 'current' || cart === limit.cartId) return null
  return refuse('cart_not_found', {})
}

/** Who calls a shop route, by what holds at this moment: long answers ask again and again. Or why they may not. */
export async function callerNow(engine: Engine, request: FastifyRequest): Promise<Caller | Refusal> {
  const { shop: shopId } = request.params as { shop: string }
  const { account } = request.query as { account?: unknown }
  const named = typeof account === 'string' && account.length <= 200 ? account : undefined
  const identity = await engine.identities.inShop(shopId, request.headers.authorization, named)
  return isRefusal(identity) ? identity : callerOn(request, identity)
}

/** Who is proved, as the caller of this route; or why they may not call it. */
function callerOn(request: FastifyRequest, { actor, shop }: Identity): Caller | Refusal {
  const { access } = request.routeOptions.config
  if (typeof access !== 'object') throw new Error(`Route ${request.routeOptions.url} asks for its caller but declares no shop access.`)
  const refused = accessRefusal(actor, access, shop) ?? limitRefusal(request.params as { cart?: string }, actor)
  return refused ?? { actor, shop, owner: ownerOf(actor), all: reachesAll(actor) }
}

/** A proved caller, or its refusal; a token that is not valid counts as a guess. */
export async function proved<T>(request: FastifyRequest, guard: GuessGuard, identity: T | Refusal): Promise<T> {
  if (isRefusal(identity) && (identity.refused === 'invalid_token' || isForgedLink(identity))) await countGuess(request, guard)
  return unwrap(identity)
}

/** Only who fails is told to wait: shoppers share addresses (a proxy, an office), and a good token must not suffer for its neighbours. */
async function countGuess(request: FastifyRequest, guard: GuessGuard): Promise<void> {
  const { shop = '' } = request.params as { shop?: string }
  unwrap((await guard.fail(shop, 'tokens', { address: request.ip })) ?? true)
}

/** A restore token that was not made here is a guess like any other. */
function isForgedLink({ refused, reason }: Refusal): boolean {
  return refused === 'link_invalid' && reason === 'not_genuine'
}

function accessRefusal(actor: Actor, access: Exclude<Access, string>, shop: ShopFacts): Refusal | null {
  switch (actor.kind) {
    case 'anonymous':
      return access.anonymous ? null : refuse('login_required', {})
    case 'guest':
      if (actor.limitedTo && !access.limited) return refuse('login_required', { reason: 'secret_is_limited_to_one_cart' })
      return access.owner && shop.settings.access.guestCarts ? null : refuse('login_required', {})
    case 'account':
      return access.owner ? null : refuse('login_required', {})
    case 'order':
      return access.orderToken ? null : refuse('login_required', {})
    case 'server':
    case 'staff':
      return access.scope !== null && hasScope(actor, access.scope) ? null : refuse('missing_scope', { scope: access.scope })
  }
}

/** What stands against guessing. */
export type GuessGuard = Pick<Limiting, 'fail' | 'begin'>

/**
 * Work that tries a promotion code: who guesses too often, by network address or as the same shopper from many, is stopped before anything is
 * looked up. `isMiss` tells an answer that is no refusal but says that the code is of no use.
 */
export async function guarded<T>(
  guard: GuessGuard,
  request: FastifyRequest,
  work: () => Promise<T>,
  isMiss: (answer: T) => boolean = () => false,
): Promise<T> {
  const end: EndGuess = unwrap(await guard.begin(callerOf(request).shop, 'codes', guesserOf(request)))
  let wasWrong = false
  try {
    const answer = await work()
    wasWrong = isMiss(answer)
    return answer
  } catch (error) {
    wasWrong = error instanceof Refused && isGuess(error.refusal)
    throw error
  } finally {
    await end(wasWrong)
  }
}

/** A shopper guesses from an address and as an owner. A key speaks for many shoppers from one address: what it tries counts for their carts. */
function guesserOf(request: FastifyRequest): Who {
  const { owner, all } = callerOf(request)
  const { cart } = request.params as { cart?: string }
  const key = owner && ownerKey(owner)
  return all ? { owner: key, cart: cart === 'current' ? null : (cart ?? null) } : { address: request.ip, owner: key }
}

/** Whether a refusal tells what a code or an e-mail address is: a wrong code, or whether somebody has an account. */
function isGuess({ refused, reason }: Refusal): boolean {
  return refused === 'code_rejected' || reason === 'email_of_account'
}
