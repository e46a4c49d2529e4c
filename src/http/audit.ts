// The audit over HTTP: who changed what in the shop itself, or for a customer.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import { AuditEntries } from '../contract/owner.ts'
import { CLOSED, Id, Page } from '../contract/schemas.ts'
import { rfc3339 } from '../core/time.ts'
import type { Engine } from '../engine/engine.ts'
import { listAudit } from '../store/audit.ts'
import { callerOf } from './access.ts'

/** The route of the audit. */
export function auditRoutes({ store }: Engine): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      '/audit',
      {
        config: { access: { scope: 'settings:read' } },
        schema: {
          tags: ['Shops'],
          summary: 'Who changed settings, and what keys did for customers, newest first',
          querystring: Type.Object({ ...Page, account: Type.Optional(Id) }, CLOSED),
          response: { 200: AuditEntries },
        },
      },
      async (request) => {
        const { limit = 50, after } = request.query
        const page = { limit: limit + 1, ...(after === undefined ? {} : { after }) }
        const rows = await listAudit(store.reader, callerOf(request).shop.id, page)
        const document = (text: string | null): unknown => (text === null ? null : JSON.parse(text))
        const items = rows.slice(0, limit).map(({ id, at, actor, action, subject, before, after: since }) => ({
          id,
          at: rfc3339(at),
          actor,
          action,
          subject,
          before: document(before),
          after: document(since),
        }))
        return { items, next: rows.length > limit ? (items.at(-1)?.id ?? null) : null }
      },
    )
  }
}
