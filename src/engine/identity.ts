// Who is asking, proved from the one header that counts: `Authorization: Bearer …`. The token's prefix says which kind it is. What is unknown,
// revoked, expired or forged is the same answer, 401 `invalid_token`: it says nothing about what exists.
import { createRemoteJWKSet, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose'
import { isRefusal, type Refusal, refuse } from '../core/refusal.ts'
import type { Issuer } from '../core/settings.ts'
import { readApiKey, readSecrets } from '../store/access.ts'
import type { Store } from '../store/store.ts'
import type { Actor } from './actor.ts'
import type { FactsCache, ShopFacts } from './facts.ts'
import { gather } from './gather.ts'
import type { Clock } from './ports.ts'
import { matchesHash, openOrderToken, parseGuestToken, parseKey, type Signer } from './tokens.ts'

/** A proved caller in a shop. */
export interface Identity {
  readonly actor: Actor
  readonly shop: ShopFacts
}

/** Proves who is asking. */
export interface Identities {
  /** In a shop. `account` is the owner that a server or staff caller names. */
  inShop(shopId: string, authorization: string | undefined, account: string | undefined): Promise<Identity | Refusal>
  /** For calls above shops: the admin key only. */
  admin(authorization: string | undefined): Actor | Refusal
  /** Whether this guest token is genuine and living, for proving that a guest's cart is the caller's to merge. */
  guestOf(shopId: string, token: string): Promise<string | Refusal>
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
      const living = guest && (secrets.hashes.get(guest.guestId) ?? []).some((hash) => matchesHash(guest.secret, hash))
      return living ? { actor: { kind: 'guest', guestId: guest.guestId }, shop } : invalid()
    }
    if (token.startsWith('sk_') || token.startsWith('st_')) return keyed(shop, token, account)
    if (token.startsWith('ot_')) {
      const orderId = openOrderToken(signer, shopId, token, clock.now())
      return orderId ? { actor: { kind: 'order', orderId }, shop } : invalid()
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
        const email = issuer.emailClaim === undefined ? undefined : payload[issuer.emailClaim]
        return { kind: 'account', accountId: `${issuer.name}:${payload.sub}`, email: typeof email === 'string' ? email : null }
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

  async function guestOf(shopId: string, token: string): Promise<string | Refusal> {
    const parts = parseGuestToken(token)
    const secrets = parts && (await readSecrets(store.reader, shopId, [parts.guestId]))
    const living = parts && secrets && (secrets.hashes.get(parts.guestId) ?? []).some((hash) => matchesHash(parts.secret, hash))
    return living ? parts.guestId : refuse('cart_not_found', {})
  }

  return { inShop, admin, guestOf }
}

function adminActor(account: string | null): Actor {
  return { kind: 'server', keyId: 'admin', scopes: ['*'], account }
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
