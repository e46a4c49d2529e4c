// The Idempotency-Key of a write: its scope (caller, method, path), the hash of its request, and which keys are good enough. Only hashes are
// kept; a secret in the answer is sealed under the raw key, which only the caller has.
import { createHash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { isRefusal, refuse } from '../core/refusal.ts'
import type { Engine } from '../engine/engine.ts'
import type { Actor } from '../engine/identity.ts'
import { findRecorded, type IdempotencyClaim, type Once, once } from '../engine/once.ts'
import { seal, unseal } from '../engine/sealing.ts'
import { callerOf, Refused, unwrap } from './access.ts'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i
/** 22 characters of base64url or 32 of hex carry 128 bits. */
const RANDOM = /^[A-Za-z0-9_-]{22,255}$/
const ANY = /^[\x21-\x7e]{1,255}$/

/** The claim of a request, or undefined when it has no key. `secret` is what the answer will contain, if anything. */
export function claimOf(request: FastifyRequest, secret: string | null): IdempotencyClaim | undefined {
  const raw = rawKey(request)
  if (raw === undefined) return undefined
  const actor = actorOf(request)
  const sensitive = secret !== null || actor.kind === 'anonymous'
  if (!ANY.test(raw) || (sensitive && !UUID.test(raw) && !RANDOM.test(raw)))
    throw new Refused(refuse('idempotency_key_required', { path: '/headers/idempotency-key' }))
  const scope = scopeOf(request, actor)
  const key = sha256(`${scope} ${raw}`)
  return {
    key,
    requestHash: sha256(JSON.stringify([request.query, request.body ?? null])),
    sealed: secret === null ? null : seal(secret, raw, scope, PURPOSE),
  }
}

/** The secret of an answer that is replayed, or null. */
export function replayedSecret(request: FastifyRequest, sealed: string | null): string | null {
  const raw = rawKey(request)
  return sealed === null || raw === undefined ? null : unseal(sealed, raw, scopeOf(request, actorOf(request)), PURPOSE)
}

/** The value of a write, with the header that says whether it is a replay. */
export function answerOnce<T>(reply: FastifyReply, { value, replayed }: Once<T>): T {
  if (replayed) reply.header('idempotency-replayed', 'true')
  return value
}

/**
 * What goes on where it stopped when it is repeated (paying, cancelling, taking reserved money) needs a key only to be bound to its request, once
 * that succeeded: the same key with another body is refused. `outcome` is small and plain.
 */
export async function underKey<T>(
  engine: Engine,
  request: FastifyRequest,
  reply: FastifyReply,
  outcome: object,
  effect: () => Promise<T>,
): Promise<T> {
  const claim = claimOf(request, null)
  if (!claim) return effect()
  const shopId = callerOf(request).shop.id
  const known = await findRecorded(engine, shopId, claim)
  if (isRefusal(known)) throw new Refused(known)
  const result = await effect()
  answerOnce(reply, unwrap(await once(engine, shopId, claim, async () => outcome)))
  return result
}

/** The secret that a write answers: the one just made, or on a replay the one that was sealed then. */
export function secretOf(request: FastifyRequest, { replayed }: Once<unknown>, made: string): string {
  return replayed ? (replayedSecret(request, replayed.sealed) ?? '') : made
}

/**
 * The claim of a form by its hidden one-time field. It counts whoever sends it: between the two clicks of a double click a visitor may have
 * become a guest. Undefined when the field is absent; `invalid` when it is none of ours.
 */
export function claimOfForm(request: FastifyRequest, nonce: string | undefined, secret: string | null): IdempotencyClaim | undefined {
  if (nonce === undefined || nonce === '') return undefined
  if (!RANDOM.test(nonce)) throw new Refused(refuse('invalid', { path: '/nonce', reason: 'must be the one of GET /forms/cart' }))
  const scope = formScope(request)
  return {
    key: sha256(`${scope} ${nonce}`),
    requestHash: sha256(JSON.stringify([request.query, request.body ?? null])),
    sealed: secret === null ? null : seal(secret, nonce, scope, PURPOSE),
  }
}

/** The secret that the first sending of a form made, or null. */
export function secretOfForm(request: FastifyRequest, nonce: string | undefined, sealed: string | null): string | null {
  return sealed === null || nonce === undefined ? null : unseal(sealed, nonce, formScope(request), PURPOSE)
}

function formScope(request: FastifyRequest): string {
  return `form ${request.method} ${request.url.split('?', 1)[0] ?? ''}`
}

/** Calls above shops are the admin's. */
function actorOf(request: FastifyRequest): Actor {
  return request.caller?.actor ?? { kind: 'server', keyId: 'admin', scopes: ['*'], account: null }
}

function rawKey(request: FastifyRequest): string | undefined {
  const header = request.headers['idempotency-key']
  return typeof header === 'string' ? header : undefined
}

function scopeOf(request: FastifyRequest, actor: Actor): string {
  const path = request.url.split('?', 1)[0] ?? ''
  return `${callerKey(actor)} ${request.method} ${path}`
}

function callerKey(actor: Actor): string {
  switch (actor.kind) {
    case 'anonymous':
      return 'anonymous'
    case 'guest':
      // A limited secret sees less than its guest: what the guest was answered is not replayed to it.
      return `guest ${actor.guestId}${actor.limitedTo ? ` ${actor.secretId}` : ''}`
    case 'account':
      return `account ${actor.accountId}`
    case 'order':
      return `order ${actor.orderId}`
    case 'server':
    case 'staff':
      return `key ${actor.keyId} ${actor.account ?? ''}`
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64url')
}

/** Answers' secrets are sealed by a key that only the raw Idempotency-Key yields. */
const PURPOSE = 'cartwright idempotency'
