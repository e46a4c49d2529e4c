// Who is asking, proved from the one header that counts: `Authorization: Bearer …`. The token's prefix says which kind it is. What is unknown,
// revoked, expired or forged is the same answer, 401 `invalid_token`: it says nothing about what exists.
import { createHmac, hash, timingSafeEqual } from 'node:crypto'
import { createRemoteJWKSet, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose'
import { canonicalGroups, LIMITS, type Owner } from '../core/cart.ts'
import type { StatusRole } from '../core/order-statuses.ts'
import { isRefusal, type Refusal, refuse } from '../core/refusal.ts'
import type { Scope } from '../core/scope.ts'
import type { Issuer } from '../core/settings.ts'
import { type LivingSecret, readApiKey, readRevokedSecrets, readSecrets } from '../store/access.ts'
import { isGranted } from '../store/guest-orders.ts'
import { MERGES_KEPT_MS } from '../store/merges.ts'
import type { Store } from '../store/store.ts'
import type { FactsCache, ShopFacts } from './facts.ts'
import { gather } from './gather.ts'
import type { Clock } from './ports.ts'
import { seal, unseal } from './sealing.ts'

// Who ---------------------------------------------------------------------------------------------------------------------------------

/** What a secret from a restore link reaches: this one cart. `secretId` is that secret's. */
export interface LimitedTo {
  readonly cartId: string
  readonly secretId: string
}

/** A proved caller. A server or staff actor may act for an account (`account`). */
export type Actor =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'guest'; readonly guestId: string; readonly secretId: string; readonly limitedTo: LimitedTo | null }
  | {
      readonly kind: 'account'
      readonly accountId: string
      readonly email: string | null
      /** Whether the issuer says that the address is this person's. */
      readonly isEmailVerified: boolean
      /** Groups of the customer; null where its issuer tells none. */
      readonly groups: readonly string[] | null
    }
  | { readonly kind: 'order'; readonly orderId: string }
  | { readonly kind: 'server' | 'staff'; readonly keyId: string; readonly scopes: readonly string[]; readonly account: string | null }

/** The one cart that a caller is limited to, or null. */
export function limitOf(actor: Actor): LimitedTo | null {
  return actor.kind === 'guest' ? actor.limitedTo : null
}

/** The groups that an actor's token tells of its customer; null where it tells none. */
export function groupsOf(actor: Actor): readonly string[] | null {
  return actor.kind === 'account' ? actor.groups : null
}

/** Whose carts and orders an actor's `current` means; null when it stands for nobody. */
export function ownerOf(actor: Actor): Owner | null {
  switch (actor.kind) {
    case 'guest':
      return { kind: 'guest', guestId: actor.guestId }
    case 'account':
      return { kind: 'account', accountId: actor.accountId }
    case 'server':
    case 'staff':
      return actor.account === null ? null : { kind: 'account', accountId: actor.account }
    case 'anonymous':
    case 'order':
      return null
  }
}

/** Who it is, as histories and audits name it: `guest`, `account`, or a key by its id. Which guest or account, the cart says. */
export function nameOf(actor: Actor): string {
  return 'keyId' in actor ? `${actor.kind}:${actor.keyId}` : actor.kind
}

/** Whether an actor may address carts and orders of anybody. */
export function reachesAll(actor: Actor): boolean {
  return actor.kind === 'server' || actor.kind === 'staff'
}

/** As whom an actor moves orders: every key works for the shop, also for a customer whom it names. */
export function roleOf(actor: Actor): StatusRole {
  return reachesAll(actor) ? 'staff' : 'customer'
}

/** Whether a key's scopes contain one. */
export function hasScope(actor: Actor, scope: Scope): boolean {
  return reachesAll(actor) && 'scopes' in actor && (actor.scopes.includes('*') || actor.scopes.includes(scope))
}

// By which token ----------------------------------------------------------------------------------------------------------------------

/** SHA-256 of a secret, as it is kept. */
export function hashSecret(secret: string): string {
  return hash('sha256', secret, 'base64url')
}

/** Whether a secret has this hash, in constant time. */
export function matchesHash(secret: string, hash: string): boolean {
  const actual = Buffer.from(hashSecret(secret))
  const expected = Buffer.from(hash)
  return actual.length === expected.length && timingSafeEqual(actual, expected)
}

/** What a guest's secret is called in lists: it says nothing about the secret. */
export function secretIdOf(hash: string): string {
  return `gsc_${hash.slice(0, 16)}`
}

/** A guest's token: `ct_<guest id>_<secret>`. */
export function guestToken(guestId: string, secret: string): string {
  return `ct_${guestId}_${secret}`
}

/** The parts of a guest's token, or null when it is not one. */
export function parseGuestToken(token: string): { guestId: string; secret: string } | null {
  const match = /^ct_([0-9a-f]{32})_([A-Za-z0-9_-]{43})$/.exec(token)
  return match?.[1] && match[2] ? { guestId: match[1], secret: match[2] } : null
}

/** The parts of a key `sk_<id>_<secret>` or `st_<id>_<secret>`, or null. */
export function parseKey(token: string): { kind: 'server' | 'staff'; keyId: string; secret: string } | null {
  const match = /^(sk|st)_([0-9a-f]{32})_([A-Za-z0-9_-]{43})$/.exec(token)
  if (!match?.[2] || !match[3]) return null
  return { kind: match[1] === 'sk' ? 'server' : 'staff', keyId: `key_${match[2]}`, secret: match[3] }
}

/** Secrets of the installation that sign: the first one signs, all of them verify. */
export interface Signer {
  sign(text: string): string
  verify(text: string, signature: string): boolean
  /** Seals what is kept for the installation: `place` names what it belongs to. The first secret seals, all open. */
  seal(text: string, place: string): string
  /** Opens it again; null when none of the secrets sealed it for this place. */
  unseal(sealed: string, place: string): string | null
}

/** What the secrets of an installation seal, besides signing. */
const SEALED = 'cartwright sealed'

/** A signer over one or more secrets. */
export function createSigner(secrets: readonly string[]): Signer {
  const mac = (secret: string, text: string) => createHmac('sha256', secret).update(text).digest('base64url')
  return {
    sign: (text) => mac(secrets[0] ?? '', text),
    verify: (text, signature) =>
      secrets.some((secret) => {
        const expected = Buffer.from(mac(secret, text))
        const actual = Buffer.from(signature)
        return expected.length === actual.length && timingSafeEqual(expected, actual)
      }),
    seal: (text, place) => seal(text, secrets[0] ?? '', place, SEALED),
    unseal: (sealed, place) => {
      for (const secret of secrets) {
        const text = unseal(sealed, secret, place, SEALED)
        if (text !== null) return text
      }
      return null
    },
  }
}

/** An order that a token opens while `orders.token_generation` is still this. */
export interface OrderGrant {
  readonly orderId: string
  readonly generation: number
}

/**
 * An order's token: `ot_<order id>_<expiry in seconds, base 36>_<signature>`, with `-<generation>` behind the expiry once earlier ones were revoked;
 * the same for the same order, expiry and generation.
 */
export function orderToken(signer: Signer, shopId: string, { orderId, generation }: OrderGrant, expiresAt: number): string {
  const terms = `${Math.floor(expiresAt / 1000).toString(36)}${generation === 0 ? '' : `-${generation.toString(36)}`}`
  return `ot_${orderId.slice('ord_'.length)}_${terms}_${signer.sign(`order ${shopId} ${orderId} ${terms}`)}`
}

/** What a token opens unless it was revoked, which the order's row knows; null when it is not genuine or has expired. */
export function openOrderToken(signer: Signer, shopId: string, token: string, now: number): OrderGrant | null {
  const match = /^ot_([0-9a-f]{32})_(([0-9a-z]{1,10})(?:-([0-9a-z]{1,10}))?)_([A-Za-z0-9_-]{43})$/.exec(token)
  const [, id, terms, expiry, generation = '0', signature] = match ?? []
  if (!id || !terms || !expiry || !signature) return null
  const orderId = `ord_${id}`
  if (!signer.verify(`order ${shopId} ${orderId} ${terms}`, signature)) return null
  return Number.parseInt(expiry, 36) * 1000 > now ? { orderId, generation: Number.parseInt(generation, 36) } : null
}

// Proved ------------------------------------------------------------------------------------------------------------------------------

/** A proved caller in a shop. */
export interface Identity {
  readonly actor: Actor
  readonly shop: ShopFacts
}

/** A guest with the secret that proved it. */
export interface GuestProof {
  readonly guestId: string
  readonly secretId: string
  readonly limitedTo: LimitedTo | null
}

/** Proves who is asking. */
export interface Identities {
  /** In a shop. `account` is the owner that a server or staff caller names. */
  inShop(shopId: string, authorization: string | undefined, account: string | undefined): Promise<Identity | Refusal>
  /** For calls above shops: the admin key only. */
  admin(authorization: string | undefined): Actor | Refusal
  /** Whether this guest token is genuine and living, for proving that a guest's cart is the caller's to merge. */
  guestOf(shopId: string, token: string): Promise<GuestProof | Refusal>
  /** Whose this guest token was, if it was revoked within a day: good for nothing but repeating the request that revoked it. */
  formerGuestOf(shopId: string, token: string): Promise<GuestProof | Refusal>
}

const SHOPS_KEPT = 1000

/** Makes it. `adminHash` is the hash of the installation's admin key. */
export function createIdentities(parts: {
  store: Store
  facts: FactsCache
  clock: Clock
  signer: Signer
  adminHash: () => string
}): Identities {
  const { store, facts, clock, signer, adminHash } = parts
  const loaders = new Map<string, (guestId: string) => ReturnType<typeof readSecrets>>()
  const keySets = new Map<string, JWTVerifyGetKey>()

  function secretsOf(shopId: string, guestId: string): ReturnType<typeof readSecrets> {
    const load = (ids: readonly string[]) =>
      readSecrets(
        store.reader,
        shopId,
        ids.filter((id) => id !== ''),
      )
    if (store.dialect === 'sqlite') return load([guestId])
    const known = loaders.get(shopId) ?? gather(load)
    if (!loaders.has(shopId) && loaders.size < SHOPS_KEPT) loaders.set(shopId, known)
    return known(guestId)
  }

  async function inShop(shopId: string, authorization: string | undefined, account: string | undefined): Promise<Identity | Refusal> {
    const token = bearer(authorization)
    if (isRefusal(token)) return token
    const guest = token === null ? null : parseGuestToken(token)
    const secrets = await secretsOf(shopId, guest?.guestId ?? '')
    const shop = secrets && (await facts.shop(shopId, secrets.epoch))
    if (!secrets || !shop) return refuse('shop_not_found', { shopId })
    if (token === null) return { actor: { kind: 'anonymous' }, shop }
    if (token.startsWith('ct_')) {
      const proved = guest && provedGuest(guest, secrets.secrets)
      return proved ? { actor: { kind: 'guest', ...proved }, shop } : invalid()
    }
    if (token.startsWith('sk_') || token.startsWith('st_')) return keyed(shop, token, account)
    if (token.startsWith('ot_')) {
      const grant = openOrderToken(signer, shopId, token, clock.now())
      const isLiving = grant !== null && (await isGranted(store.reader, shopId, grant))
      return isLiving ? { actor: { kind: 'order', orderId: grant.orderId }, shop } : invalid()
    }
    const payload = await verifyJwt(shop, token)
    return isRefusal(payload) ? payload : { actor: payload, shop }
  }

  async function keyed(shop: ShopFacts, token: string, account: string | undefined): Promise<Identity | Refusal> {
    if (matchesHash(token, adminHash())) return { actor: adminActor(account ?? null), shop }
    const parts = parseKey(token)
    const key = parts && (await readApiKey(store.reader, shop.id, parts.keyId))
    if (!parts || !key || key.kind !== parts.kind || !matchesHash(parts.secret, key.hash)) return invalid()
    return { actor: { kind: parts.kind, keyId: key.id, scopes: JSON.parse(key.scopes) as string[], account: account ?? null }, shop }
  }

  async function verifyJwt(shop: ShopFacts, token: string): Promise<Actor | Refusal> {
    for (const issuer of shop.settings.access.issuers) {
      try {
        const { payload } = await verify(issuer, token)
        if (typeof payload.sub !== 'string' || payload.sub === '' || payload.sub.length > 200) return invalid()
        const groups = issuer.groupsClaim === undefined ? null : groupsIn(payload[issuer.groupsClaim])
        return { kind: 'account', accountId: `${issuer.name}:${payload.sub}`, ...emailOf(issuer, payload), groups }
      } catch {
        // Not this issuer's, or not valid: the next one may know it. Which check failed is nobody's business.
      }
    }
    return invalid()
  }

  function verify(issuer: Issuer, token: string): Promise<{ payload: JWTPayload }> {
    const options = {
      issuer: issuer.iss,
      audience: issuer.aud,
      algorithms: [...issuer.algorithms],
      requiredClaims: ['iss', 'aud', 'exp', 'sub'],
      currentDate: new Date(clock.now()),
    }
    if (issuer.secret !== undefined) return jwtVerify(token, new TextEncoder().encode(issuer.secret), options)
    const url = issuer.jwksUrl ?? ''
    const keySet = keySets.get(url) ?? createRemoteJWKSet(new URL(url), { timeoutDuration: 5000 })
    keySets.set(url, keySet)
    return jwtVerify(token, keySet, options)
  }

  function admin(authorization: string | undefined): Actor | Refusal {
    const token = bearer(authorization)
    if (isRefusal(token)) return token
    if (token === null) return refuse('login_required', {})
    return matchesHash(token, adminHash()) ? adminActor(null) : invalid()
  }

  async function guestOf(shopId: string, token: string): Promise<GuestProof | Refusal> {
    const parts = parseGuestToken(token)
    const secrets = parts && (await readSecrets(store.reader, shopId, [parts.guestId]))
    return (parts && secrets && provedGuest(parts, secrets.secrets)) ?? refuse('cart_not_found', {})
  }

  async function formerGuestOf(shopId: string, token: string): Promise<GuestProof | Refusal> {
    const parts = parseGuestToken(token)
    const hashes = parts ? await readRevokedSecrets(store.reader, shopId, parts.guestId, clock.now() - MERGES_KEPT_MS) : []
    const hash = parts && hashes.find((each) => matchesHash(parts.secret, each))
    return parts && hash ? { guestId: parts.guestId, secretId: secretIdOf(hash), limitedTo: null } : refuse('cart_not_found', {})
  }

  return { inShop, admin, guestOf, formerGuestOf }
}

function provedGuest(
  { guestId, secret }: { guestId: string; secret: string },
  secrets: ReadonlyMap<string, readonly LivingSecret[]>,
): GuestProof | null {
  const living = secrets.get(guestId)?.find((each) => matchesHash(secret, each.hash))
  if (!living) return null
  const secretId = secretIdOf(living.hash)
  return { guestId, secretId, limitedTo: living.cartId === null ? null : { cartId: living.cartId, secretId } }
}

/** The address in a token, and whether its issuer says that it was verified: `true`, which some issuers write as a text. */
function emailOf({ emailClaim, emailVerifiedClaim }: Issuer, payload: JWTPayload): { email: string | null; isEmailVerified: boolean } {
  // Whoever types somebody else's address into a sign-up form has not proved it.
  const email = emailClaim === undefined || payload.email_verified === false ? undefined : payload[emailClaim]
  const verified = emailVerifiedClaim === undefined ? undefined : payload[emailVerifiedClaim]
  if (typeof email !== 'string') return { email: null, isEmailVerified: false }
  return { email, isEmailVerified: verified === true || verified === 'true' }
}

/** The groups in a claim; none where it is neither a text nor a list of texts within the limits, or is missing. */
function groupsIn(claim: unknown): readonly string[] {
  const groups: readonly unknown[] = Array.isArray(claim) ? claim : [claim]
  const isGroup = (each: unknown): each is string => typeof each === 'string' && each !== '' && each.length <= LIMITS.group
  return groups.length <= LIMITS.groups && groups.every(isGroup) ? canonicalGroups(groups) : []
}

function adminActor(account: string | null): Actor {
  return { kind: 'server', keyId: 'admin', scopes: ['*'], account }
}

/** The token of a request that was proved; empty where its header has none. */
export function tokenIn(authorization: string | undefined): string {
  const token = bearer(authorization)
  return typeof token === 'string' ? token : ''
}

/** The token of the header; null when there is no header at all. */
function bearer(authorization: string | undefined): string | null | Refusal {
  if (authorization === undefined || authorization === '') return null
  const match = /^Bearer ([\x21-\x7e]{1,8192})$/i.exec(authorization)
  return match?.[1] ?? invalid()
}

function invalid(): Refusal {
  return refuse('invalid_token', {})
}
