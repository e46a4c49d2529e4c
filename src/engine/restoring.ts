// Coming back to a cart by a link (C24). The link proves that somebody was sent it, not who they are: an account's cart needs that account, and
// of a guest's cart whoever has not that guest's secret gets a secret of its own that reaches this cart alone and sees no contact data.
import { isRefusal, type Refusal, refuse } from '../core/refusal.ts'
import { readSecrets } from '../store/access.ts'
import { loadIntents, lockCarts, ownerKey, parseOwnerKey } from '../store/carts.ts'
import type { Store } from '../store/store.ts'
import { type CartAddress, type Carts, parseIntent } from './carts.ts'
import type { Guests } from './guests.ts'
import { type LimitedTo, type Signer, secretIdOf } from './identity.ts'
import { readRestoreToken } from './links.ts'
import { findRecorded, type IdempotencyClaim, once } from './once.ts'
import type { Clock } from './ports.ts'
import type { Switching } from './switching.ts'

/** A link that is followed. `hash` is of the secret that is made if one is needed. */
export interface RestoreRequest extends Omit<CartAddress, 'cart' | 'type'> {
  readonly token: string
  readonly hash: string
  readonly by: string
  readonly onBehalf: boolean
  /** Whether somebody without an account may have a cart in this shop. */
  readonly guestsAllowed: boolean
  readonly idempotency?: IdempotencyClaim | undefined
}

/** The cart, as it is sent; `guestId` where a secret was made for the caller. */
export interface Restored {
  readonly text: string
  readonly id: string
  readonly guestId: string | null
  /** The sealed secret of the first answer, when this is a repetition. */
  readonly replayed: { readonly sealed: string | null } | null
}

interface Outcome {
  readonly cartId: string
  readonly guestId: string | null
  /** Of the secret that was made. */
  readonly secretId: string | null
}

/** Follows a link. */
export type Restoring = (request: RestoreRequest) => Promise<Restored | Refusal>

/** Makes it. */
export function createRestoring(parts: {
  store: Store
  clock: Clock
  signer: Signer
  carts: Carts
  switching: Switching
  guests: Guests
}): Restoring {
  const { store, clock, signer, carts, switching, guests } = parts

  return async function restore(request) {
    const { shopId } = request
    const known = await findRecorded(parts, shopId, request.idempotency)
    if (isRefusal(known)) return known
    const opened = readRestoreToken(signer, shopId, request.token, clock.now())
    if ('reason' in opened) return refuse('link_invalid', { reason: opened.reason, path: '/token' })
    if (known) return again(request, JSON.parse(known.outcome) as Outcome, known.sealed)
    const { cartId } = opened
    const row = (await loadIntents(store.reader, shopId, [cartId], []))?.rows[0]
    if (!row) return refuse('link_invalid', { reason: 'gone', path: '/token' })
    const isOwn = request.limitedTo ? false : request.owner ? ownerKey(request.owner) === row.owner : request.all
    if (isOwn) return own(request, cartId)
    // Whose it is, and how it stands, is told to nobody else.
    const owner = parseOwnerKey(row.owner)
    if (owner.kind === 'account' || !request.guestsAllowed) return refuse('login_required', {})
    if (row.state === 'CLOSED') return refuse('link_invalid', { reason: 'closed', path: '/token' })
    if (request.limitedTo?.cartId === cartId) return shown(request, { cartId, guestId: null, secretId: null }, null)
    return admit(request, cartId, owner.guestId)
  }

  /** Its owner came back: it becomes current. */
  async function own(request: RestoreRequest, cartId: string): Promise<Restored | Refusal> {
    const done = await switching.restore({ ...request, cart: cartId })
    if (!isRefusal(done)) return { text: done.text, id: done.id, guestId: null, replayed: done.replayed ? { sealed: null } : null }
    return done.refused === 'cart_closed' ? refuse('link_invalid', { ...done, reason: 'closed', path: '/token' }) : done
  }

  /** Somebody else: a new secret of the guest that reaches this cart alone. */
  async function admit(request: RestoreRequest, cartId: string, guestId: string): Promise<Restored | Refusal> {
    const { shopId, hash } = request
    const done = await once(parts, shopId, request.idempotency, async (writer) => {
      await lockCarts(writer, shopId, [cartId])
      const row = (await loadIntents(writer, shopId, [cartId], []))?.rows[0]
      // Merged or ordered at this moment: what it was is not this guest's to give any more.
      if (!row || row.owner !== `g:${guestId}` || parseIntent(row).state === 'CLOSED')
        return refuse('link_invalid', { reason: row ? 'closed' : 'gone', path: '/token' })
      return (
        (await guests.addLimited(writer, shopId, guestId, cartId, hash)) ??
        ({ cartId, guestId, secretId: secretIdOf(hash) } satisfies Outcome)
      )
    })
    if (isRefusal(done)) return done
    return shown(request, done.value, done.replayed)
  }

  async function again(request: RestoreRequest, outcome: Outcome, sealed: string | null): Promise<Restored | Refusal> {
    // What a switch recorded names the cart only.
    if (!outcome.guestId) return own(request, outcome.cartId)
    if (!request.guestsAllowed) return refuse('login_required', {})
    return shown(request, outcome, { sealed })
  }

  async function shown(request: RestoreRequest, outcome: Outcome, replayed: Restored['replayed']): Promise<Restored | Refusal> {
    const { cartId, guestId, secretId } = outcome
    if (replayed && guestId !== null && !(await isLiving(request.shopId, guestId, secretId))) return refuse('invalid_token', {})
    const limitedTo: LimitedTo | null = secretId === null ? (request.limitedTo ?? null) : { cartId, secretId }
    const owner = guestId === null ? request.owner : { kind: 'guest' as const, guestId }
    const now = await carts.read({ shopId: request.shopId, cart: cartId, owner, all: false, limitedTo, groups: request.groups })
    return isRefusal(now) ? now : { text: now.text, id: now.id, guestId, replayed }
  }

  /** Whether a secret that was answered before is still good: a key opens no more than what it answers. */
  async function isLiving(shopId: string, guestId: string, secretId: string | null): Promise<boolean> {
    const living = (await readSecrets(store.reader, shopId, [guestId]))?.secrets.get(guestId) ?? []
    return living.some(({ hash }) => secretIdOf(hash) === secretId)
  }
}
