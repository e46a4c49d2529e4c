// Editing placed orders over HTTP, for keys with the scope `orders:edit`: an edit, its preview, and what orders were before.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import Type from 'typebox'
import * as contract from '../contract/editing.ts'
import { Id, Page, Text } from '../contract/schemas.ts'
import type { Edited, OrderEdit } from '../core/editing.ts'
import { refuse } from '../core/refusal.ts'
import { rfc3339 } from '../core/time.ts'
import type { EditOutcome, RevisionEntry } from '../engine/editing.ts'
import type { Engine } from '../engine/engine.ts'
import { hasScope, nameOf } from '../engine/identity.ts'
import { parseOrder, serveOrders } from '../engine/orders.ts'
import { readOrder } from '../store/orders.ts'
import { readRevision, readRevisions } from '../store/revisions.ts'
import { callerOf, Refused, unwrap } from './access.ts'
import { ifMatch, lineRequests } from './carts.ts'
import { answerOnce, claimOf } from './idempotency.ts'
import { type Language, speak, told } from './messages.ts'
import { namedRefusal } from './problem.ts'

const EDIT = { access: { scope: 'orders:edit' } } as const
const READ = { access: { scope: 'orders:read' } } as const
const Params = Type.Object({ shop: Text(63), order: Id })
const answers = { 200: Type.Ref('OrderEdited'), '4xx': Type.Ref('Problem') }

/** The routes of edits. */
export function editingRoutes(engine: Engine): FastifyPluginAsyncTypebox {
  const { store, editing, random } = engine

  async function rowOf(shopId: string, id: string) {
    return unwrap((await readOrder(store.reader, shopId, id)) ?? refuse('order_not_found', {}))
  }

  async function answerPreview(shopId: string, orderId: string, edit: OrderEdit, language: Language) {
    const { row, edited } = unwrap(await editing.preview(shopId, orderId, edit))
    const [order] = await serveOrders(store.reader, [{ ...row, document: JSON.stringify(edited.order) }])
    const errors = edited.errors.map((each) => namedRefusal(each, language))
    return { order, ...inWords(edited, language), errors, applied: false }
  }

  return async (app) => {
    app.patch(
      '/orders/:order',
      {
        config: EDIT,
        schema: {
          tags: ['Orders'],
          summary: 'Edit a placed order; rules run again only on demand, and nothing is charged or given back',
          params: Params,
          body: contract.EditOrder,
          response: answers,
        },
      },
      async (request, reply) => {
        const { actor, shop } = callerOf(request)
        const { recalculate, expectedTotal, message = null, preview = false } = request.body
        const edit = editOf(request, request.body, random)
        const language = speak(request, reply)
        if (preview) return answerPreview(shop.id, request.params.order, { ...edit, recalculate }, language)
        const done = await editing.apply({
          shopId: shop.id,
          orderId: request.params.order,
          edit: { ...edit, recalculate },
          by: nameOf(actor),
          message,
          ifMatch: ifMatch(request),
          expectedTotal,
          idempotency: claimOf(request, null),
        })
        const outcome: EditOutcome = answerOnce(reply, unwrap(done))
        const [order] = await serveOrders(store.reader, [await rowOf(shop.id, request.params.order)])
        return { order, ...inWords(outcome, language), errors: [], applied: true }
      },
    )

    app.post(
      '/orders/:order/recalculation',
      {
        config: EDIT,
        schema: {
          tags: ['Orders'],
          summary: 'What recalculating the order would come to; nothing is written',
          params: Params,
          body: contract.Recalculation,
          response: answers,
        },
      },
      async (request, reply) => {
        const edit = { recalculate: request.body.mode }
        return answerPreview(callerOf(request).shop.id, request.params.order, edit, speak(request, reply))
      },
    )

    app.get(
      '/orders/:order/revisions',
      {
        config: READ,
        schema: {
          tags: ['Orders'],
          summary: 'Edits of the order, the last one first, with what each changed in its totals',
          params: Params,
          querystring: Type.Object(Page, { additionalProperties: false }),
          response: { 200: contract.Revisions },
        },
      },
      async (request) => {
        const { shop } = callerOf(request)
        const { limit = 50, after } = request.query
        if (after !== undefined && !/^\d{1,15}$/.test(after))
          throw new Refused(refuse('invalid', { path: '/querystring/after', reason: 'not_a_revision' }))
        const { id } = await rowOf(shop.id, request.params.order)
        const before = after === undefined ? undefined : Number(after)
        const rows = await readRevisions(store.reader, shop.id, id, { before, limit: limit + 1 })
        const items = rows
          .slice(0, limit)
          .map(({ revision, at, actor, entry }) => ({ revision, at: rfc3339(at), actor, ...(JSON.parse(entry) as RevisionEntry) }))
        return { items, next: rows.length > limit ? String(items.at(-1)?.revision ?? '') : null }
      },
    )

    app.get(
      '/orders/:order/revisions/:revision',
      {
        config: READ,
        schema: {
          tags: ['Orders'],
          summary: 'The order as it was in one revision; payments, refunds and fulfilments are not of a revision',
          params: Type.Object({ ...Params.properties, revision: Type.Integer({ minimum: 1, maximum: 1_000_000_000 }) }),
          response: { 200: contract.OrderOfRevision, '4xx': Type.Ref('Problem') },
        },
      },
      async (request) => {
        const { shop } = callerOf(request)
        const row = await rowOf(shop.id, request.params.order)
        const { revision } = request.params
        // What a revision was is kept with the edit that replaced it; the last one is the order itself.
        const current = parseOrder(row)
        const kept = revision === current.revision ? row : await readRevision(store.reader, shop.id, row.id, revision + 1)
        if (!kept) throw new Refused(refuse('order_not_found', { revision, revisions: current.revision }))
        const { format: _, ...order } = parseOrder(kept)
        return order
      },
    )
  }
}

/** An edit as the engine takes it: new lines get ids, and only keys that may price carts name prices. */
function editOf(request: FastifyRequest, body: Type.Static<typeof contract.EditOrder>, random: Engine['random']): OrderEdit {
  const caller = callerOf(request)
  const { lines, email, shippingAddress, billingAddress, shippingMethod, attributes, note, language } = body
  const priced = lines?.set?.findIndex((setting) => setting.unitPrice !== undefined) ?? -1
  if (priced >= 0 && !hasScope(caller.actor, 'carts:custom_prices'))
    throw new Refused(refuse('custom_price_forbidden', { path: `/lines/set/${priced}/unitPrice` }))
  const add = lines?.add && lineRequests(caller, lines.add, random, '/lines/add')
  const details = { email, shippingAddress, billingAddress, shippingMethod, attributes, note, language }
  return { ...details, lines: lines && { add, set: lines.set, remove: lines.remove } }
}

/** What an edit came to, with its warnings in words. */
function inWords({ difference, warnings }: Pick<Edited, 'difference' | 'warnings'>, language: Language) {
  return { difference, warnings: told({ lines: [], notices: warnings }, language).notices }
}
