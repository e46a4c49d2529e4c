// The secrets of a guest: one per device, so that each can be revoked by itself. Of a secret only its hash is kept; what it opens is shown once,
// in the answer that made it. A secret from a restore link reaches one cart and nothing else.
import { isRefusal, type Refusal, refuse } from '../core/refusal.ts'
import { insertSecret, livingSecrets, lockGuest, revokeSecrets } from '../store/access.ts'
import { insertAudit } from '../store/audit.ts'
import type { Writer } from '../store/store.ts'
import type { GuestSecretTable } from '../store/tables.ts'
import { secretIdOf } from './identity.ts'
import { findRecorded, type IdempotencyClaim, type Once, once } from './once.ts'
import type { Clock, Randomness } from './ports.ts'

type Parts = Parameters<typeof once>[0] & { readonly clock: Clock; readonly random: Randomness }

/** So many living secrets may a guest have; and so many that are limited to one cart, beyond which the oldest one ends. */
export const SECRETS_MAX = 20

/** Whose secrets, who asks, and whether that is a key that acts for the guest. */
export interface SecretRequest {
  readonly shopId: string
  readonly guestId: string
  readonly by: string
  readonly onBehalf: boolean
  readonly idempotency?: IdempotencyClaim | undefined
}

/** A secret as it is listed. */
export interface ListedSecret {
  readonly id: string
  readonly device: string | null
  readonly createdAt: number
  readonly limited: boolean
}

/** A secret that was made, without what it opens; `revoked`: the ids of those that it ended. */
export interface MadeSecret {
  readonly id: string
  readonly device: string | null
  readonly createdAt: number
  readonly revoked: readonly string[]
}

/** Secrets of guests: making and revoking them. */
export type Guests = ReturnType<typeof createGuests>

/** Makes it. */
export function createGuests(parts: Parts) {
  const { clock, random } = parts

  function audit(writer: Writer, { shopId, guestId, by, onBehalf }: SecretRequest, action: string, after: object): Promise<void> {
    if (!onBehalf) return Promise.resolve()
    const row = { shop_id: shopId, id: random.id('aud'), at: clock.now(), actor: by, action, subject: `g:${guestId}`, before: null }
    return insertAudit(writer, { ...row, after: JSON.stringify(after) })
  }

  /**
   * What a secret that is dead by now asked for, when its own request was what ended it (rotating) and the answer was lost; null for everything
   * else. Nothing is done.
   */
  async function rotatedBy(shopId: string, secretId: string, claim: IdempotencyClaim | undefined): Promise<Once<MadeSecret> | null> {
    const known = await findRecorded(parts, shopId, claim)
    if (known === null || isRefusal(known)) return null
    const value = JSON.parse(known.outcome) as MadeSecret
    return value.revoked.includes(secretId) ? { value, replayed: known } : null
  }

  /**
   * Keeps a new secret. `revoke`: secrets that end in the same transaction, by their ids, or all others but `keep`. More than 20 living ones are
   * refused: a guest has so many devices, and whoever makes more is somebody else's script.
   */
  function addSecret(request: SecretRequest, input: { hash: string; device: string | null; revoke: (secret: ListedSecret) => boolean }) {
    const { shopId, guestId } = request
    return once<MadeSecret>(parts, shopId, request.idempotency, async (writer) => {
      const now = clock.now()
      if (!(await lockGuest(writer, shopId, guestId, 'alone'))) return refuse('secret_not_found', {})
      const living = await livingSecrets(writer, shopId, guestId)
      const ended = living.filter((row) => input.revoke(listed(row)))
      const full = living.filter((row) => row.cart_id === null && !ended.includes(row))
      if (full.length >= SECRETS_MAX) return refuse('invalid', { path: '', reason: 'too_many_secrets', max: SECRETS_MAX })
      const { hash, device } = input
      await revokeSecrets(writer, shopId, guestId, hashesOf(ended), now)
      await insertSecret(writer, { shop_id: shopId, guest_id: guestId, hash, device, cart_id: null, created_at: now, revoked_at: null })
      const made = { id: secretIdOf(hash), device, createdAt: now, revoked: hashesOf(ended).map(secretIdOf) }
      await audit(writer, request, 'secret.made', { id: made.id, revoked: made.revoked })
      return made
    })
  }

  /** Ends a secret at once. */
  function dropSecret(request: SecretRequest, secretId: string) {
    const { shopId, guestId } = request
    return once(parts, shopId, request.idempotency, async (writer) => {
      await lockGuest(writer, shopId, guestId, 'alone')
      const dropped = (await livingSecrets(writer, shopId, guestId)).filter((row) => secretIdOf(row.hash) === secretId)
      if (dropped.length === 0) return refuse('secret_not_found', { id: secretId })
      await revokeSecrets(writer, shopId, guestId, hashesOf(dropped), clock.now())
      await audit(writer, request, 'secret.revoked', { id: secretId })
      return { id: secretId }
    })
  }

  /** Under the lock of its cart: keeps a secret that reaches this cart only. Beyond the limit the oldest such secret ends: a link is opened often. */
  async function addLimited(writer: Writer, shopId: string, guestId: string, cartId: string, hash: string): Promise<Refusal | null> {
    const now = clock.now()
    if (!(await lockGuest(writer, shopId, guestId, 'alone'))) return refuse('link_invalid', { reason: 'gone' })
    const limited = (await livingSecrets(writer, shopId, guestId)).filter((row) => row.cart_id !== null)
    const ended = limited.slice(0, Math.max(0, limited.length - SECRETS_MAX + 1))
    await revokeSecrets(writer, shopId, guestId, hashesOf(ended), now)
    await insertSecret(writer, {
      shop_id: shopId,
      guest_id: guestId,
      hash,
      device: null,
      cart_id: cartId,
      created_at: now,
      revoked_at: null,
    })
    return null
  }

  /** The living secrets of a guest, oldest first. */
  async function list(shopId: string, guestId: string): Promise<ListedSecret[]> {
    return (await livingSecrets(parts.store.reader, shopId, guestId)).map(listed)
  }

  return { addSecret, rotatedBy, dropSecret, addLimited, list }
}

function listed({ hash, device, created_at, cart_id }: GuestSecretTable): ListedSecret {
  return { id: secretIdOf(hash), device, createdAt: created_at, limited: cart_id !== null }
}

function hashesOf(rows: readonly GuestSecretTable[]): string[] {
  return rows.map((row) => row.hash)
}
