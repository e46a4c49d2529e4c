// Deliveries of events to webhook endpoints. What is due is claimed by a lease in a short transaction, sent outside of it, and its result counts only
// under the lease that was claimed. Every endpoint has a lane of its own, so that a dead one delays no other.
import type { Logger } from 'pino'
import { Webhook } from 'standardwebhooks'
import { rfc3339 } from '../core/time.ts'
import { type Claimed, claimDeliveries, type DeliveryResult, settleDelivery, shopsWithDeliveries } from '../store/outbox.ts'
import type { Store } from '../store/store.ts'
import type { Work } from './jobs.ts'
import type { Clock } from './ports.ts'

const POLL_MS = 250
const BATCH = 50
const DELIVERY_DEADLINE_MS = 10_000
const DELIVERY_LEASE_MS = 20_000
/** Back-off of deliveries in seconds, spread over 24 hours; after the last one a delivery is dead and waits for redelivery by hand. */
const RETRY_AFTER_S = [5, 30, 120, 600, 1800, 3600, 7200, 14_400, 21_600, 28_800]

/** The work of delivering events. */
export function deliveryWork({ store, clock, log }: { store: Store; clock: Clock; log: Logger }): Work {
  const busyEndpoints = new Set<string>()

  /** Claims what is due, shop by shop, and begins to send it; answers before all of it was sent. */
  async function deliver(track: (work: Promise<unknown>) => void): Promise<void> {
    for (const shopId of await shopsWithDeliveries(store.reader, clock.now(), BATCH)) {
      const now = clock.now()
      const claimed = await store.transact((writer) =>
        claimDeliveries(writer, shopId, now, now + DELIVERY_LEASE_MS, BATCH, [...busyEndpoints]),
      )
      for (const [endpointId, lane] of Map.groupBy(claimed, (each) => each.endpoint_id)) {
        busyEndpoints.add(endpointId)
        track(deliverLane(lane).finally(() => busyEndpoints.delete(endpointId)))
      }
    }
  }

  async function deliverLane(lane: readonly Claimed[]): Promise<void> {
    await Promise.all(
      lane.map(async (claimed) => {
        const result = await send(claimed)
        await store.transact((writer) => settleDelivery(writer, claimed, result, clock.now()))
      }),
    ).catch((error: unknown) => log.error({ err: error }, 'a delivery could not be recorded; it is sent again'))
  }

  async function send(claimed: Claimed): Promise<DeliveryResult> {
    const body = `{"type":${JSON.stringify(claimed.type)},"timestamp":${JSON.stringify(rfc3339(claimed.created_at))},"data":${claimed.data}}`
    // Receivers compare the time of signing with their own clock, so this is the real time, not the shop's.
    const signedAt = new Date()
    const headers = {
      'content-type': 'application/json',
      'user-agent': 'Cartwright-Webhooks/1',
      'webhook-id': claimed.event_id,
      'webhook-timestamp': String(Math.floor(signedAt.getTime() / 1000)),
      'webhook-signature': new Webhook(claimed.secret).sign(claimed.event_id, signedAt, body),
    }
    try {
      const response = await fetch(claimed.url, {
        method: 'POST',
        headers,
        body,
        redirect: 'manual',
        signal: AbortSignal.timeout(DELIVERY_DEADLINE_MS),
      })
      await response.body?.cancel()
      if (response.ok) return { status: response.status, error: null, retryAt: null }
      return { status: response.status, error: `The endpoint answered ${response.status}.`, retryAt: retryAt(claimed) }
    } catch (error) {
      return { status: null, error: error instanceof Error ? `${error.name}: ${error.message}` : String(error), retryAt: retryAt(claimed) }
    }
  }

  function retryAt(claimed: Claimed): number | null {
    const seconds = RETRY_AFTER_S[claimed.attempts - 1]
    return seconds === undefined ? null : clock.now() + seconds * 1000
  }

  return { name: 'deliveries', everyMs: POLL_MS, run: ({ track }) => deliver(track) }
}
