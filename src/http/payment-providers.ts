// Accounts of a shop at payment providers over HTTP: which providers there are, what is known of the shop's account, and the account as it is
// told. What is told is checked by the form of its provider and never served again.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Ajv } from 'ajv'
import Type from 'typebox'
import { faultOf } from '../contract/fault.ts'
import * as contract from '../contract/payment.ts'
import { CLOSED, Id, Text } from '../contract/schemas.ts'
import { refuse } from '../core/refusal.ts'
import type { Engine } from '../engine/engine.ts'
import { nameOf } from '../engine/identity.ts'
import type { AccountForm } from '../engine/ports.ts'
import { callerOf, Refused, unwrap } from './access.ts'
import { answerOnce, claimOf } from './idempotency.ts'

const READ = { access: { scope: 'settings:read' } } as const
const WRITE = { access: { scope: 'settings:write' } } as const
const Query = Type.Object({ account: Type.Optional(Id) }, CLOSED)
const Params = Type.Object({ shop: Text(63), provider: Id })
const tags = ['Payments']

/** The routes of accounts at providers, for keys. */
export function paymentProviderRoutes({ providerAccounts: accounts }: Engine): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      '/payment-providers',
      {
        config: READ,
        schema: {
          tags,
          summary: 'Payment providers, and the accounts there',
          querystring: Query,
          response: { 200: contract.PaymentProviders },
        },
      },
      async (request) => ({ items: await accounts.list(callerOf(request).shop.id), next: null }),
    )

    app.put(
      '/payment-providers/:provider',
      {
        config: WRITE,
        schema: {
          tags,
          summary: "Tell the shop's account at a provider; its secrets are sealed and never served",
          params: Params,
          querystring: Query,
          body: contract.ProviderAccount,
          response: { 200: contract.PaymentProvider, '4xx': Type.Ref('Problem') },
        },
      },
      async (request, reply) => {
        const { actor, shop } = callerOf(request)
        const { provider } = request.params
        const form = unwrap(accounts.formOf(provider) ?? refuse('payment_provider_not_found', { provider }))
        check(form, request.body)
        answerOnce(reply, unwrap(await accounts.put(shop.id, provider, request.body, nameOf(actor), claimOf(request, null))))
        const all = await accounts.list(shop.id)
        return unwrap(all.find((each) => each.provider === provider) ?? refuse('payment_provider_not_found', { provider }))
      },
    )

    app.delete(
      '/payment-providers/:provider',
      {
        config: WRITE,
        schema: {
          tags,
          summary: "Forget the shop's account at a provider: nothing can be paid, taken or given back there any more",
          params: Params,
          querystring: Query,
          response: { 204: Type.Null(), '4xx': Type.Ref('Problem') },
        },
      },
      async (request, reply) => {
        const { actor, shop } = callerOf(request)
        answerOnce(reply, unwrap(await accounts.remove(shop.id, request.params.provider, nameOf(actor), claimOf(request, null))))
        return reply.code(204).send(null)
      },
    )
  }
}

/** What does not fit the form of its provider is refused with its place; the value itself is never repeated. */
function check({ schema }: AccountForm, document: unknown): void {
  const validate = new Ajv({ strict: false, verbose: true }).compile(schema)
  if (validate(document)) return
  const { path, reason } = faultOf(validate.errors ?? [])
  throw new Refused(refuse('invalid', { path, reason }))
}
