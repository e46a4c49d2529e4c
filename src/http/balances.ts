// Balances over HTTP: an account reads its own, a key those of an account that it names; keys adjust them.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import * as contract from '../contract/balance.ts'
import { exponentOf } from '../core/currency.ts'
import { refuse } from '../core/refusal.ts'
import { servedBalance, servedEntry } from '../engine/balances.ts'
import type { Engine } from '../engine/engine.ts'
import { nameOf } from '../engine/identity.ts'
import { listBalances, listEntries } from '../store/balances.ts'
import { type Caller, callerOf, Refused, unwrap } from './access.ts'
import { withoutKeys } from './history.ts'
import { answerOnce, claimOf } from './idempotency.ts'

const READ = { access: { owner: true, scope: 'balances:read' } } as const

/** The routes of balances. */
export function balanceRoutes({ store, balances }: Engine): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      '/balances',
      {
        config: READ,
        schema: {
          tags: ['Balances'],
          summary: 'What an account has, by currency',
          querystring: contract.BalanceQuery,
          response: { 200: contract.Balances },
        },
      },
      async (request) => {
        const caller = callerOf(request)
        const account = accountOf(caller)
        const rows = account === null ? [] : await listBalances(store.reader, caller.shop.id, account)
        return { items: rows.map(servedBalance), next: null }
      },
    )

    app.get(
      '/balances/entries',
      {
        config: READ,
        schema: {
          tags: ['Balances'],
          summary: 'What moved the balances of an account, newest first',
          querystring: contract.EntryQuery,
          response: { 200: contract.Entries },
        },
      },
      async (request) => {
        const caller = callerOf(request)
        const account = accountOf(caller)
        const { limit = 50, after, currency } = request.query
        const page = { after, limit: limit + 1 }
        const rows = account === null ? [] : await listEntries(store.reader, caller.shop.id, { account, currency }, page)
        const items = rows
          .slice(0, limit)
          .map((row) => (caller.all ? servedEntry(row) : servedEntry({ ...row, actor: withoutKeys(row.actor) })))
        return { items, next: rows.length > limit ? (items.at(-1)?.id ?? null) : null }
      },
    )

    app.post(
      '/balances/adjustments',
      {
        config: { access: { scope: 'balances:write' } },
        schema: {
          tags: ['Balances'],
          summary: 'Add to the balance of an account, or take from it',
          body: contract.AdjustBalance,
          response: { 201: contract.Balance },
        },
      },
      async (request, reply) => {
        const { actor, shop } = callerOf(request)
        const { account, currency, amount, message } = request.body
        if (exponentOf(currency) === undefined) throw new Refused(refuse('currency_unknown', { currency, path: '/currency' }))
        const adjustment = { shopId: shop.id, account, currency, amount, message, by: nameOf(actor) }
        answerOnce(reply, unwrap(await balances.adjust(adjustment, claimOf(request, null))))
        const rows = await listBalances(store.reader, shop.id, account)
        const balance = rows.find((row) => row.currency === currency)
        if (!balance) throw new Error(`The balance of ${account} in ${currency} is gone.`)
        reply.code(201)
        return servedBalance(balance)
      },
    )
  }
}

/** Whose balances are meant; null: a guest, who has none. A key names the account. */
function accountOf({ owner }: Caller): string | null {
  if (owner === null) throw new Refused(refuse('owner_required', {}))
  return owner.kind === 'account' ? owner.accountId : null
}
