// A shop's webhooks over HTTP: where its events go, and what became of each.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import { CLOSED, Id, Nullable, Page, Text } from '../contract/schemas.ts'
import * as contract from '../contract/webhook.ts'
import { refuse } from '../core/refusal.ts'
import { rfc3339 } from '../core/time.ts'
import { messageOf } from '../engine/deliveries.ts'
import type { Engine } from '../engine/engine.ts'
import { nameOf } from '../engine/identity.ts'
import { type DeliveryFilter, listDeliveries, readAttempts, readDelivery } from '../store/delivery-log.ts'
import { readEndpoint, readEndpoints } from '../store/endpoints.ts'
import type { DeliveryTable, EndpointTable } from '../store/tables.ts'
import { callerOf, Refused, unwrap } from './access.ts'
import { answerOnce, claimOf, secretOf } from './idempotency.ts'

type App = Parameters<FastifyPluginAsyncTypebox>[0]

const config = { access: { scope: 'webhooks:write' } } as const
const Query = Type.Object({ account: Type.Optional(Id) }, CLOSED)
const Params = Type.Object({ shop: Text(63), endpoint: Id })
const DeliveryParams = Type.Object({ shop: Text(63), endpoint: Id, delivery: Id })

/** The routes of webhooks. */
export function webhookRoutes(engine: Engine): FastifyPluginAsyncTypebox {
  return async (app) => {
    endpointRoutes(app, engine)
    secretRoutes(app, engine)
    trialRoutes(app, engine)
    deliveryRoutes(app, engine)
    redeliveryRoutes(app, engine)
  }
}

function endpointRoutes(app: App, { store, clock, webhooks }: Engine): void {
  const served = async (shopId: string, id: string) => {
    const row = await readEndpoint(store.reader, shopId, id)
    return servedEndpoint(unwrap(row ?? refuse('endpoint_not_found', { id })), clock.now())
  }

  app.get(
    '/webhooks',
    { config, schema: { tags: ['Webhooks'], summary: 'Endpoints', querystring: Query, response: { 200: contract.lists.endpoints } } },
    async (request) => {
      const rows = await readEndpoints(store.reader, callerOf(request).shop.id)
      return { items: rows.map((row) => servedEndpoint(row, clock.now())), next: null }
    },
  )

  app.get(
    '/webhooks/:endpoint',
    {
      config,
      schema: {
        tags: ['Webhooks'],
        summary: 'An endpoint, and how it does',
        params: Params,
        querystring: Query,
        response: { 200: contract.Endpoint },
      },
    },
    async (request) => served(callerOf(request).shop.id, request.params.endpoint),
  )

  app.patch(
    '/webhooks/:endpoint',
    {
      config,
      schema: {
        tags: ['Webhooks'],
        summary: 'Change an endpoint, stop it or resume it',
        params: Params,
        querystring: Query,
        body: contract.EndpointPatch,
        response: { 200: contract.Endpoint },
      },
    },
    async (request, reply) => {
      const { actor, shop } = callerOf(request)
      const { endpoint } = request.params
      answerOnce(reply, unwrap(await webhooks.change(shop.id, endpoint, request.body, nameOf(actor), claimOf(request, null))))
      return served(shop.id, endpoint)
    },
  )

  app.delete(
    '/webhooks/:endpoint',
    {
      config,
      schema: {
        tags: ['Webhooks'],
        summary: 'Remove an endpoint with what waits for it',
        params: Params,
        querystring: Query,
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      const { actor, shop } = callerOf(request)
      answerOnce(reply, unwrap(await webhooks.drop(shop.id, request.params.endpoint, nameOf(actor), claimOf(request, null))))
      return reply.code(204).send(null)
    },
  )
}

/** What answers a secret, once. */
function secretRoutes(app: App, { webhooks }: Engine): void {
  app.post(
    '/webhooks',
    {
      config,
      schema: {
        tags: ['Webhooks'],
        summary: 'Register an endpoint; its secret is shown once',
        querystring: Query,
        body: contract.EndpointInput,
        response: { 201: contract.EndpointMade },
      },
    },
    async (request, reply) => {
      const { actor, shop } = callerOf(request)
      const { url, types = ['*'], description = null } = request.body
      const secret = webhooks.draftSecret()
      const input = { url, types, description, secret }
      const made = unwrap(await webhooks.make(shop.id, input, nameOf(actor), claimOf(request, secret)))
      reply.code(201)
      return { ...answerOnce(reply, made), url, types: [...types], secret: secretOf(request, made, secret) }
    },
  )

  app.post(
    '/webhooks/:endpoint/rotate-secret',
    {
      config,
      schema: {
        tags: ['Webhooks'],
        summary: 'Give an endpoint another secret, shown once; the one before signs besides for a while',
        params: Params,
        querystring: Query,
        body: contract.RotateSecret,
        response: { 200: contract.SecretRotated },
      },
    },
    async (request, reply) => {
      const { actor, shop } = callerOf(request)
      const secret = webhooks.draftSecret()
      const input = { secret, graceFor: request.body.graceFor }
      const claim = claimOf(request, secret)
      const made = unwrap(await webhooks.rotate(shop.id, request.params.endpoint, input, nameOf(actor), claim))
      return { ...answerOnce(reply, made), secret: secretOf(request, made, secret) }
    },
  )
}

function trialRoutes(app: App, { webhooks, limiting }: Engine): void {
  app.post(
    '/webhooks/:endpoint/test',
    {
      config,
      schema: {
        tags: ['Webhooks'],
        summary: 'Send a signed webhook.test now and say what the endpoint answered; nothing is kept',
        params: Params,
        querystring: Query,
        body: Type.Optional(Nullable(Type.Object({}, CLOSED))),
        response: { 200: contract.Trial },
      },
    },
    async (request) => {
      const { shop, actor } = callerOf(request)
      unwrap((await limiting.act(shop, [{ kind: 'trials', who: { owner: nameOf(actor) } }])) ?? true)
      return unwrap(await webhooks.tryOut(shop.id, request.params.endpoint))
    },
  )
}

function deliveryRoutes(app: App, { store }: Engine): void {
  app.get(
    '/webhooks/:endpoint/deliveries',
    {
      config,
      schema: {
        tags: ['Webhooks'],
        summary: 'What was sent, newest first',
        params: Params,
        querystring: Type.Object({ ...Page, ...contract.deliveryQuery, account: Type.Optional(Id) }, CLOSED),
        response: { 200: contract.lists.deliveries },
      },
    },
    async (request) => {
      const { limit = 50, after, type, ...filter } = request.query
      const shopId = callerOf(request).shop.id
      const { endpoint } = request.params
      if (!(await readEndpoint(store.reader, shopId, endpoint))) throw new Refused(refuse('endpoint_not_found', { id: endpoint }))
      const wanted = filterOf({ ...filter, types: type && [type] })
      const page = { limit: limit + 1, ...(after === undefined ? {} : { after }) }
      const rows = await listDeliveries(store.reader, shopId, endpoint, wanted, page)
      const items = rows.slice(0, limit).map(servedDelivery)
      return { items, next: rows.length > limit ? (items.at(-1)?.id ?? null) : null }
    },
  )

  app.get(
    '/webhooks/:endpoint/deliveries/:delivery',
    {
      config,
      schema: {
        tags: ['Webhooks'],
        summary: 'A delivery: what is sent, and what each attempt came to',
        params: DeliveryParams,
        querystring: Query,
        response: { 200: contract.DeliveryDetail },
      },
    },
    async (request) => {
      const shopId = callerOf(request).shop.id
      const { endpoint, delivery } = request.params
      const row = unwrap((await readDelivery(store.reader, shopId, endpoint, delivery)) ?? refuse('delivery_not_found', { id: delivery }))
      const attempts = await readAttempts(store.reader, shopId, delivery)
      const log = attempts.map(({ attempt, at, duration_ms, status, answer, error }) => ({
        attempt,
        at: rfc3339(at),
        durationMs: duration_ms,
        status,
        answer,
        error,
      }))
      return { ...servedDelivery(row), payload: JSON.parse(messageOf(row)) as unknown, log }
    },
  )
}

function redeliveryRoutes(app: App, { webhooks }: Engine): void {
  app.post(
    '/webhooks/:endpoint/deliveries/:delivery/redeliver',
    {
      config,
      schema: {
        tags: ['Webhooks'],
        summary: 'Send it again',
        params: DeliveryParams,
        querystring: Query,
        body: Type.Optional(Nullable(Type.Object({}, CLOSED))),
        response: { 202: Type.Object({ id: Type.String() }, CLOSED) },
      },
    },
    async (request, reply) => {
      const { endpoint, delivery } = request.params
      const again = unwrap(await webhooks.redeliver(callerOf(request).shop.id, endpoint, delivery, claimOf(request, null)))
      reply.code(202)
      return answerOnce(reply, again)
    },
  )

  app.post(
    '/webhooks/:endpoint/redeliver',
    {
      config,
      schema: {
        tags: ['Webhooks'],
        summary: 'Send many again, oldest first: the dead ones, or those that the filter names',
        params: Params,
        querystring: Query,
        body: contract.RedeliverMany,
        response: { 202: contract.Redelivered },
      },
    },
    async (request, reply) => {
      const { state = 'DEAD', limit = 100, after, ...filter } = request.body
      const wanted = { ...filterOf(filter), state }
      const page = { limit, ...(after === undefined ? {} : { after }) }
      const shopId = callerOf(request).shop.id
      const sent = unwrap(await webhooks.redeliverMany(shopId, request.params.endpoint, wanted, page, claimOf(request, null)))
      reply.code(202)
      return answerOnce(reply, sent)
    },
  )
}

interface AskedFilter {
  readonly state?: DeliveryFilter['state'] | undefined
  readonly types?: readonly string[] | undefined
  readonly subject?: string | undefined
  readonly from?: string | undefined
  readonly to?: string | undefined
}

function filterOf({ state, types, subject, from, to }: AskedFilter): DeliveryFilter {
  return {
    ...(state === undefined ? {} : { state }),
    ...(types === undefined ? {} : { types }),
    ...(subject === undefined ? {} : { subject }),
    ...(from === undefined ? {} : { from: momentOf(from, 'from') }),
    ...(to === undefined ? {} : { to: momentOf(to, 'to') }),
  }
}

/** The schema lets a leap second through, which is no moment here. */
function momentOf(text: string, name: string): number {
  const at = Date.parse(text)
  if (Number.isNaN(at))
    throw new Refused(refuse('invalid', { path: `/${name}`, reason: 'must be a time', example: '2026-01-31T12:00:00Z' }))
  return at
}

const timeOf = (ms: number | null): string | null => (ms === null ? null : rfc3339(ms))

function servedEndpoint(row: EndpointTable, now: number) {
  const isActive = row.active === 1
  const isHeld = row.held_until > now
  return {
    id: row.id,
    url: row.url,
    types: JSON.parse(row.types) as string[],
    description: row.description,
    active: isActive,
    state: isActive ? (row.paused_at === null ? ('ACTIVE' as const) : ('PAUSED' as const)) : ('DISABLED' as const),
    stoppedReason: row.stopped_reason as 'by_hand' | 'failing' | 'gone' | null,
    health: {
      consecutiveFailures: row.failures,
      failingSince: timeOf(row.failing_since),
      lastSuccessAt: timeOf(row.last_success_at),
      lastFailureAt: timeOf(row.last_failure_at),
      heldUntil: isHeld ? rfc3339(row.held_until) : null,
    },
    previousSecretValidUntil: row.previous_until !== null && row.previous_until > now ? rfc3339(row.previous_until) : null,
    createdAt: rfc3339(row.created_at),
    updatedAt: rfc3339(row.updated_at),
  }
}

function servedDelivery(row: DeliveryTable) {
  return {
    id: row.id,
    eventId: row.event_id,
    type: row.type,
    subject: row.subject,
    state: row.state as NonNullable<DeliveryFilter['state']>,
    attempts: row.attempts,
    createdAt: rfc3339(row.created_at),
    dueAt: rfc3339(row.due_at),
    deliveredAt: timeOf(row.delivered_at),
    lastStatus: row.last_status,
    lastError: row.last_error,
  }
}
