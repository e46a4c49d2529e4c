// E-mails over HTTP, for keys: the log of what was sent, sending again by hand, and the shop's own templates with their preview.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import Type from 'typebox'
import * as contract from '../contract/email.ts'
import { CLOSED, Id, LanguageTag, Page, Text } from '../contract/schemas.ts'
import type { EmailKind } from '../core/email.ts'
import { refuse } from '../core/refusal.ts'
import { rfc3339 } from '../core/time.ts'
import { builtInTemplate } from '../engine/email-templates.ts'
import type { Engine } from '../engine/engine.ts'
import { hasScope, nameOf } from '../engine/identity.ts'
import { type EmailState, listEmails, readEmail, readTemplates } from '../store/emails.ts'
import { readOrder } from '../store/orders.ts'
import type { EmailTable } from '../store/tables.ts'
import { callerOf, Refused, unwrap } from './access.ts'
import { answerOnce, claimOf } from './idempotency.ts'

const READ = { access: { scope: 'orders:read' } } as const
const WRITE = { access: { scope: 'emails:write' } } as const
const Query = Type.Object({ account: Type.Optional(Id) }, CLOSED)
const OfOrder = Type.Object({ shop: Text(63), order: Id })
const OfTemplate = Type.Object({ shop: Text(63), kind: contract.EmailKind, language: LanguageTag })
/** Two long texts, written with escapes. */
const TEMPLATE_BYTES = 1024 * 1024

/** The routes of the log. */
export function emailRoutes({ store, emails }: Engine): FastifyPluginAsyncTypebox {
  async function found(shopId: string, id: string) {
    return served(unwrap((await readEmail(store.reader, shopId, id)) ?? refuse('email_not_found', { id })))
  }

  async function listed(shopId: string, { limit = 50, ...page }: { limit?: number; after?: string; state?: string; orderId?: string }) {
    const rows = await listEmails(store.reader, shopId, { ...page, limit: limit + 1 })
    const items = rows.slice(0, limit).map(served)
    return { items, next: rows.length > limit ? (items.at(-1)?.id ?? null) : null }
  }

  async function orderIn(shopId: string, orderId: string): Promise<string> {
    return unwrap((await readOrder(store.reader, shopId, orderId)) ?? refuse('order_not_found', {})).id
  }

  return async (app) => {
    app.get(
      '/emails',
      {
        config: READ,
        schema: {
          tags: ['E-mails'],
          summary: 'What was sent to customers, waits or failed, newest first',
          querystring: Type.Object({ ...Page, ...Query.properties, state: Type.Optional(contract.EmailState) }, CLOSED),
          response: { 200: contract.Emails },
        },
      },
      async (request) => {
        const { account: _, ...page } = request.query
        return listed(callerOf(request).shop.id, page)
      },
    )

    app.post(
      '/emails/:email/retry',
      {
        config: WRITE,
        schema: {
          tags: ['E-mails'],
          summary: 'Try an e-mail again that failed, waits or was suppressed',
          params: Type.Object({ shop: Text(63), email: Id }),
          querystring: Query,
          response: { 200: Type.Ref('Email') },
        },
      },
      async (request, reply) => {
        const { shop } = callerOf(request)
        const { id } = answerOnce(reply, unwrap(await emails.retry(shop.id, request.params.email, claimOf(request, null))))
        return found(shop.id, id)
      },
    )

    app.get(
      '/orders/:order/emails',
      {
        config: READ,
        schema: {
          tags: ['E-mails'],
          summary: 'What was sent about an order, newest first',
          params: OfOrder,
          querystring: Type.Object({ ...Page, ...Query.properties }, CLOSED),
          response: { 200: contract.Emails },
        },
      },
      async (request) => {
        const { account: _, ...page } = request.query
        const shopId = callerOf(request).shop.id
        return listed(shopId, { ...page, orderId: await orderIn(shopId, request.params.order) })
      },
    )

    app.post(
      '/orders/:order/emails',
      {
        config: WRITE,
        schema: {
          tags: ['E-mails'],
          summary: 'Send any e-mail of an order, to its customer or somebody else',
          params: OfOrder,
          querystring: Query,
          body: contract.SendEmail,
          response: { 201: Type.Ref('Email') },
        },
      },
      async (request, reply) => {
        const { shop, actor } = callerOf(request)
        const { kind, to = null, status = '', language = null } = request.body
        const wish = { kind, to, status, language, by: nameOf(actor) }
        const orderId = await orderIn(shop.id, request.params.order)
        const { id } = answerOnce(reply, unwrap(await emails.send(shop, orderId, wish, claimOf(request, null))))
        reply.code(201)
        return found(shop.id, id)
      },
    )
  }
}

/** The routes of templates. */
export function emailTemplateRoutes({ store, emails }: Engine): FastifyPluginAsyncTypebox {
  async function template(shopId: string, kind: EmailKind, language: string, status: string) {
    const rows = await readTemplates(store.reader, shopId, kind)
    const own = rows.find((row) => row.language === language && row.status === status)
    const base = { kind, status: status || null, language }
    if (own) return { ...base, own: true, subject: own.subject, html: own.html, text: own.body, updatedAt: rfc3339(own.updated_at) }
    const { subject, html, text } = builtInTemplate(kind, language)
    return { ...base, own: false, subject, html, text, updatedAt: null }
  }

  const keyOf = (request: FastifyRequest) => {
    const { kind, language } = request.params as { kind: EmailKind; language: string }
    return { kind, language, status: (request.query as { status?: string }).status ?? '' }
  }

  return async (app) => {
    app.get(
      '/email-templates',
      {
        config: WRITE,
        schema: {
          tags: ['E-mails'],
          summary: 'Which templates of its own a shop has',
          querystring: Query,
          response: { 200: contract.Templates },
        },
      },
      async (request) => {
        const rows = await readTemplates(store.reader, callerOf(request).shop.id)
        const items = rows.map(({ kind, status, language, updated_at }) => ({
          kind: kind as EmailKind,
          status: status || null,
          language,
          updatedAt: rfc3339(updated_at),
        }))
        return { items, next: null }
      },
    )

    app.get(
      '/email-templates/:kind/:language',
      {
        config: WRITE,
        schema: {
          tags: ['E-mails'],
          summary: "The template of a kind in a language: the shop's own, or ours to begin with",
          params: OfTemplate,
          querystring: contract.TemplateQuery,
          response: { 200: contract.Template },
        },
      },
      async (request) => {
        const { kind, language, status } = keyOf(request)
        return template(callerOf(request).shop.id, kind, language, status)
      },
    )

    app.put(
      '/email-templates/:kind/:language',
      {
        bodyLimit: TEMPLATE_BYTES,
        config: WRITE,
        schema: {
          tags: ['E-mails'],
          summary: 'Write a template of the shop’s own, in Liquid, for all statuses or for one',
          params: OfTemplate,
          querystring: contract.TemplateQuery,
          body: contract.TemplateInput,
          response: { 200: contract.Template },
        },
      },
      async (request, reply) => {
        const { shop } = callerOf(request)
        const key = keyOf(request)
        answerOnce(reply, unwrap(await emails.putTemplate(shop.id, key, request.body, claimOf(request, null))))
        return template(shop.id, key.kind, key.language, key.status)
      },
    )

    app.delete(
      '/email-templates/:kind/:language',
      {
        config: WRITE,
        schema: {
          tags: ['E-mails'],
          summary: 'Remove a template: ours is taken from then on',
          params: OfTemplate,
          querystring: contract.TemplateQuery,
          response: { 204: Type.Null() },
        },
      },
      async (request, reply) => {
        answerOnce(reply, unwrap(await emails.removeTemplate(callerOf(request).shop.id, keyOf(request), claimOf(request, null))))
        return reply.code(204).send(null)
      },
    )

    app.post(
      '/email-templates/preview',
      {
        bodyLimit: TEMPLATE_BYTES,
        config: WRITE,
        schema: {
          tags: ['E-mails'],
          summary:
            'An e-mail as it would be sent: of an order (needs orders:read, too) or of a sample, with a template that is not saved yet',
          querystring: Query,
          body: contract.PreviewEmail,
          response: { 200: contract.Preview },
        },
      },
      async (request) => {
        const { shop, actor } = callerOf(request)
        const { kind, language = null, status = '', order = null, template: draft = null } = request.body
        if (order !== null && !hasScope(actor, 'orders:read')) throw new Refused(refuse('missing_scope', { scope: 'orders:read' }))
        const { isOwn, ...rest } = unwrap(await emails.preview(shop, { kind, language, status, orderId: order, draft }))
        return { ...rest, own: isOwn }
      },
    )
  }
}

function served(row: EmailTable): Type.Static<typeof contract.Email> {
  const state = row.state as EmailState
  return {
    id: row.id,
    orderId: row.order_id,
    cartId: row.cart_id,
    kind: row.kind,
    status: row.status || null,
    recipient: row.recipient,
    language: row.language,
    subject: row.subject,
    state,
    attempts: row.attempts,
    dueAt: state === 'QUEUED' ? rfc3339(row.due_at) : null,
    error: row.error,
    messageId: row.message_id,
    by: row.actor,
    createdAt: rfc3339(row.created_at),
    sentAt: row.sent_at === null ? null : rfc3339(row.sent_at),
  }
}
