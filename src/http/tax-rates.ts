// A shop's tax rates as a list of their own, over HTTP. Rates are settings
// (`tax.rates`): every write here is a change of settings, audited and in force with the next request like any other.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import Type from 'typebox'
import { CLOSED, Id, Text } from '../contract/schemas.ts'
import * as contract from '../contract/shop.ts'
import { isRefusal, type Refusal, refuse } from '../core/refusal.ts'
import type { Settings, SettingsPatch, TaxRate } from '../core/settings.ts'
import { rateId } from '../core/tax.ts'
import { ratesRefusal } from '../core/tax-rates.ts'
import type { Engine } from '../engine/engine.ts'
import { nameOf } from '../engine/identity.ts'
import { callerOf, Refused, unwrap } from './access.ts'
import { answerOnce, claimOf } from './idempotency.ts'

const Query = Type.Object({ account: Type.Optional(Id) }, CLOSED)
const Params = Type.Object({ shop: Text(63), rate: Text(300) })
const config = { read: { access: { scope: 'settings:read' } }, write: { access: { scope: 'settings:write' } } } as const
const tags = ['Taxes']

type Rates = readonly TaxRate[]

/** The routes of tax rates. */
export function taxRateRoutes(engine: Engine): FastifyPluginAsyncTypebox {
  const { catalogue, random } = engine

  /** Changes the list while it is locked; the id is that of the rate that is meant, if it is one. */
  function change(request: FastifyRequest, decide: (rates: Rates) => Rates | Refusal, id?: string) {
    const { actor, shop } = callerOf(request)
    const asked = (settings: Settings): SettingsPatch | Refusal => {
      const rates = decide(settings.tax.rates)
      return isRefusal(rates) ? rates : { tax: { rates } }
    }
    return catalogue.changeSettings(shop.id, asked, nameOf(actor), claimOf(request, null), id)
  }

  async function listed(shopId: string) {
    const { settings } = unwrap((await engine.facts.shop(shopId)) ?? refuse('shop_not_found', {}))
    return settings.tax.rates.map(served)
  }

  async function found(shopId: string, id: string) {
    return unwrap((await listed(shopId)).find((rate) => rate.id === id) ?? notFound(id))
  }

  return async (app) => {
    app.get(
      '/tax-rates',
      {
        config: config.read,
        schema: { tags, summary: 'All tax rates', querystring: Query, response: { 200: contract.lists.taxRates } },
      },
      async (request) => ({ items: callerOf(request).shop.settings.tax.rates.map(served), next: null }),
    )

    app.put(
      '/tax-rates',
      {
        config: config.write,
        schema: {
          tags,
          summary: 'Replace the whole list: what was exported can be imported',
          querystring: Query,
          body: contract.TaxRates,
          response: { 200: contract.lists.taxRates },
        },
      },
      async (request, reply) => {
        const rates = request.body.items as Rates
        answerOnce(reply, unwrap(await change(request, () => ratesRefusal(rates, '/items') ?? rates)))
        return { items: await listed(callerOf(request).shop.id), next: null }
      },
    )

    app.post(
      '/tax-rates',
      {
        config: config.write,
        schema: { tags, summary: 'Add a tax rate', querystring: Query, body: contract.TaxRate, response: { 201: contract.TaxRate } },
      },
      async (request, reply) => {
        const rate = { ...(request.body as TaxRate), id: request.body.id ?? random.id('txr') }
        const add = (rates: Rates) =>
          rates.some((each) => rateId(each) === rate.id) ? refuse('already_exists', { path: '/id', id: rate.id }) : withRate(rates, rate)
        const { id } = answerOnce(reply, unwrap(await change(request, add, rate.id)))
        reply.code(201)
        return found(callerOf(request).shop.id, id)
      },
    )

    app.put(
      '/tax-rates/:rate',
      {
        config: config.write,
        schema: {
          tags,
          summary: 'Replace a tax rate',
          params: Params,
          querystring: Query,
          body: contract.TaxRate,
          response: { 200: contract.TaxRate },
        },
      },
      async (request, reply) => {
        const id = request.params.rate
        if (request.body.id !== undefined && request.body.id !== id)
          throw new Refused(refuse('invalid', { path: '/id', reason: 'another_id_than_in_the_address' }))
        // The id stays although what it was called after may change.
        const rate = { ...(request.body as TaxRate), id }
        answerOnce(reply, unwrap(await change(request, (rates) => (has(rates, id) ? withRate(rates, rate) : notFound(id)))))
        return found(callerOf(request).shop.id, id)
      },
    )

    app.delete(
      '/tax-rates/:rate',
      {
        config: config.write,
        schema: { tags, summary: 'Remove a tax rate', params: Params, querystring: Query, response: { 204: Type.Null() } },
      },
      async (request, reply) => {
        const id = request.params.rate
        const remove = (rates: Rates) => (has(rates, id) ? rates.filter((rate) => rateId(rate) !== id) : notFound(id))
        answerOnce(reply, unwrap(await change(request, remove)))
        return reply.code(204).send(null)
      },
    )
  }
}

function has(rates: Rates, id: string): boolean {
  return rates.some((rate) => rateId(rate) === id)
}

function notFound(id: string): Refusal {
  return refuse('tax_rate_not_found', { id })
}

/** The list with this rate in the place of the one of its id, else at the end. What is wrong is told of this rate: its path begins at the body. */
function withRate(rates: Rates, rate: TaxRate): Rates | Refusal {
  const others = rates.filter((each) => rateId(each) !== rate.id)
  const wrong = ratesRefusal([...others, rate], '')
  const last = `/${others.length}`
  if (wrong) return { ...wrong, path: wrong.path?.startsWith(last) ? wrong.path.slice(last.length) : (wrong.path ?? '') }
  return has(rates, rate.id ?? '') ? rates.map((each) => (rateId(each) === rate.id ? rate : each)) : [...rates, rate]
}

function served(rate: TaxRate) {
  return { ...rate, id: rateId(rate) } as Type.Static<typeof contract.TaxRate>
}
