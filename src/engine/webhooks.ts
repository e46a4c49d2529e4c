// A shop's webhook endpoints: made, changed, given a new secret, tried, and sent again what did not arrive. Every change is in the audit, without
// secrets; what is delivered when is decided in deliveries.ts.
import { type Refusal, refuse } from '../core/refusal.ts'
import { durationMs, rfc3339 } from '../core/time.ts'
import { insertAudit } from '../store/audit.ts'
import { type DeliveryFilter, hasten, listDeliveries, readDelivery, sendAgain, waitingUpdate } from '../store/delivery-log.ts'
import { deleteEndpoint, insertEndpoint, readEndpoint, readEndpoints, rotateSecret, updateEndpoint } from '../store/endpoints.ts'
import { retryNow } from '../store/outbox.ts'
import { moveEpoch } from '../store/shops.ts'
import type { Store, Writer } from '../store/store.ts'
import type { EndpointTable } from '../store/tables.ts'
import { failureOf, reasonOf, sendMessage } from './deliveries.ts'
import { type IdempotencyClaim, once } from './once.ts'
import type { Clock, Randomness } from './ports.ts'
import type { Poster } from './posting.ts'
import { type Allowed, targetRefusal } from './targets.ts'

/** Endpoints that a shop may have. */
const ENDPOINTS_MAX = 100
/** How long the secret from before may sign besides, in milliseconds. */
const GRACE_MAX_MS = 30 * 24 * 3_600_000
/** How long it does where nothing is said. */
const GRACE_DEFAULT = 'P1D'

/** What a merchant decides about an endpoint. */
export interface EndpointInput {
  readonly url: string
  readonly types: readonly string[]
  readonly description: string | null
}

/** Changes of an endpoint. `active: true` also resumes one that is paused; `active: false` stops it: nothing more is written for it. */
export type EndpointPatch = Partial<EndpointInput> & { readonly active?: boolean }

/** What a trial came to. */
export interface Trial {
  readonly delivered: boolean
  readonly status: number | null
  readonly answer: string | null
  readonly error: string | null
  readonly durationMs: number
}

/** Setting up webhooks. */
export type Webhooks = ReturnType<typeof createWebhooks>

/** Makes it. */
export function createWebhooks(parts: { store: Store; clock: Clock; random: Randomness; poster: Poster; allowed: Allowed }) {
  const { store, clock, random, poster, allowed } = parts

  /** A new signing secret (Standard Webhooks, `whsec_…`): shown once. */
  function draftSecret(): string {
    return `whsec_${Buffer.from(random.secret(), 'base64url').toString('base64')}`
  }

  function audit(writer: Writer, shopId: string, by: string, action: string, subject: string, before: object | null, after: object | null) {
    const text = (value: object | null) => (value === null ? null : JSON.stringify(value))
    const row = { shop_id: shopId, id: random.id('aud'), at: clock.now(), actor: by, action, subject }
    return insertAudit(writer, { ...row, before: text(before), after: text(after) })
  }

  /** Registers an address for events. */
  async function make(shopId: string, input: EndpointInput & { secret: string }, by: string, claim?: IdempotencyClaim) {
    const refused = targetRefusal(input.url, '/url', allowed)
    if (refused) return refused
    const { url, types, description, secret } = input
    const id = random.id('we')
    return once(parts, shopId, claim, async (writer) => {
      if ((await readEndpoints(writer, shopId)).length >= ENDPOINTS_MAX)
        return refuse('invalid', { path: '', reason: `a shop may have ${ENDPOINTS_MAX} endpoints: remove one first` })
      const row = { shop_id: shopId, id, url, types: JSON.stringify(types), description, secret, active: 1, created_at: clock.now() }
      await insertEndpoint(writer, row)
      await audit(writer, shopId, by, 'webhook.created', id, null, { url, types, description })
      await moveEpoch(writer, shopId, null, clock.now())
      return { id }
    })
  }

  /** Changes an endpoint; what is not named stays. */
  async function change(shopId: string, id: string, patch: EndpointPatch, by: string, claim?: IdempotencyClaim) {
    const refused = patch.url === undefined ? null : targetRefusal(patch.url, '/url', allowed)
    if (refused) return refused
    return once(parts, shopId, claim, async (writer) => {
      const now = clock.now()
      const was = await readEndpoint(writer, shopId, id)
      if (!was) return refuse('endpoint_not_found', { id })
      if (patch.active === true) await retryNow(writer, shopId, id, now)
      await updateEndpoint(writer, shopId, id, {
        updated_at: now,
        ...(patch.url === undefined ? {} : { url: patch.url }),
        ...(patch.types === undefined ? {} : { types: JSON.stringify(patch.types) }),
        ...(patch.description === undefined ? {} : { description: patch.description }),
        ...activity(patch.active),
      })
      const is = await readEndpoint(writer, shopId, id)
      if (!is) return refuse('endpoint_not_found', { id })
      await audit(writer, shopId, by, 'webhook.changed', id, decided(was), decided(is))
      await moveEpoch(writer, shopId, null, now)
      return { id }
    })
  }

  /** Removes an address with what waits for it. */
  function drop(shopId: string, id: string, by: string, claim?: IdempotencyClaim) {
    return once(parts, shopId, claim, async (writer) => {
      const was = await readEndpoint(writer, shopId, id)
      if (!was || !(await deleteEndpoint(writer, shopId, id))) return refuse('endpoint_not_found', { id })
      await audit(writer, shopId, by, 'webhook.removed', id, decided(was), null)
      await moveEpoch(writer, shopId, null, clock.now())
      return { id }
    })
  }

  /**
   * Gives an endpoint another secret. Until the grace time is over the one before it signs besides, so that receivers change when they are ready.
   * @param graceFor ISO 8601 duration, at most 30 days; `PT0S`: the old one ends at once, as after a leak
   */
  async function rotate(
    shopId: string,
    id: string,
    { secret, graceFor = GRACE_DEFAULT }: { secret: string; graceFor?: string | undefined },
    by: string,
    claim?: IdempotencyClaim,
  ) {
    const grace = durationMs(graceFor)
    if (grace === null || grace > GRACE_MAX_MS)
      return refuse('invalid', { path: '/graceFor', reason: 'not_a_duration', example: 'P1D, at most P30D' })
    return once(parts, shopId, claim, async (writer) => {
      const now = clock.now()
      const end = grace === 0 ? null : now + grace
      if (!(await rotateSecret(writer, shopId, id, { secret, until: end, now }))) return refuse('endpoint_not_found', { id })
      const until = end === null ? null : rfc3339(end)
      await audit(writer, shopId, by, 'webhook.secret_rotated', id, null, { previousSecretValidUntil: until })
      return { id, previousSecretValidUntil: until }
    })
  }

  /** Sends a signed `webhook.test` at once, whatever waits and whether or not the endpoint is active; answers what came of it. Writes nothing. */
  async function tryOut(shopId: string, id: string): Promise<Trial | Refusal> {
    const endpoint = await readEndpoint(store.reader, shopId, id)
    if (!endpoint) return refuse('endpoint_not_found', { id })
    const now = clock.now()
    const message = JSON.stringify({ type: 'webhook.test', timestamp: rfc3339(now), data: { endpointId: id } })
    const started = performance.now()
    const durationMs = () => Math.round(performance.now() - started)
    try {
      const answer = await sendMessage(poster, endpoint, random.id('evt'), message, now)
      const error = failureOf(answer)
      return { delivered: error === null, status: answer.status, answer: answer.text, error, durationMs: durationMs() }
    } catch (error) {
      return { delivered: false, status: null, answer: null, error: reasonOf(error), durationMs: durationMs() }
    }
  }

  /** Sends a delivery again, whatever became of it; one that waits is tried now. Answers the id it goes under. */
  function redeliver(shopId: string, endpointId: string, id: string, claim?: IdempotencyClaim) {
    return once(parts, shopId, claim, async (writer) => {
      const row = await readDelivery(writer, shopId, endpointId, id)
      if (!row) return refuse('delivery_not_found', { id })
      if (row.state === 'PENDING' || row.state === 'SENDING') {
        await hasten(writer, row, clock.now())
        return { id }
      }
      const [made] = await sendAgain(writer, [row], clock.now(), () => random.id('dl'))
      return { id: made ?? (await waitingUpdate(writer, row)) ?? id }
    })
  }

  /**
   * Sends deliveries again, oldest first, at most `limit`. Dead ones are not dead any more then, so the same request repeated goes on with the
   * next; for others `after` goes on behind `next`, which is null when there are no more.
   */
  function redeliverMany(
    shopId: string,
    endpointId: string,
    filter: DeliveryFilter & { state: 'DEAD' | 'DELIVERED' | 'SUPERSEDED' },
    page: { after?: string; limit: number },
    claim?: IdempotencyClaim,
  ) {
    return once(parts, shopId, claim, async (writer) => {
      if (!(await readEndpoint(writer, shopId, endpointId))) return refuse('endpoint_not_found', { id: endpointId })
      const rows = await listDeliveries(writer, shopId, endpointId, filter, { ...page, limit: page.limit + 1, oldestFirst: true })
      const chosen = rows.slice(0, page.limit)
      const made = await sendAgain(writer, chosen, clock.now(), () => random.id('dl'))
      return { count: made.length, next: rows.length > page.limit ? (chosen.at(-1)?.id ?? null) : null }
    })
  }

  return { draftSecret, make, change, drop, rotate, tryOut, redeliver, redeliverMany }
}

/** What of an endpoint a merchant decided: for the audit. */
function decided({ url, types, description, active, paused_at }: EndpointTable): object {
  return { url, types: JSON.parse(types) as string[], description, active: active === 1, paused: paused_at !== null }
}

/** Being switched on is a new beginning: what failed before does not count. */
function activity(active: boolean | undefined): Partial<EndpointTable> {
  if (active === undefined) return {}
  if (!active) return { active: 0, stopped_reason: 'by_hand' }
  return { active: 1, paused_at: null, stopped_reason: null, failures: 0, failing_since: null, held_until: 0 }
}
