// A shop's shipping methods as a table of their own: read, replaced as a whole (which is the import of what was read elsewhere), and changed one
// by one. They are the setting `shipping.methods`, and every change goes through the settings: audited, with the same checks.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import Type from 'typebox'
import { CLOSED, Id, Text } from '../contract/schemas.ts'
import { lists, ShippingMethod as Method, ShippingMethodList } from '../contract/shop.ts'
import { isRefusal, type Refusal, refuse } from '../core/refusal.ts'
import type { Settings, ShippingMethod } from '../core/settings.ts'
import type { Engine } from '../engine/engine.ts'
import { nameOf } from '../engine/identity.ts'
import { callerOf, unwrap } from './access.ts'
import { answerOnce, claimOf } from './idempotency.ts'

/** A whole table is larger than other bodies, and may be written with indentation. */
const TABLE_BYTES = 4 * 1024 * 1024

const READ = { access: { scope: 'settings:read' } } as const
const WRITE = { access: { scope: 'settings:write' } } as const
const Query = Type.Object({ account: Type.Optional(Id) }, CLOSED)
const Params = Type.Object({ shop: Text(63), method: Id })

type Wire = Type.Static<typeof Method>

/** The routes of shipping methods, for keys. */
export function shippingMethodRoutes({ catalogue, facts }: Engine): FastifyPluginAsyncTypebox {
  type Request = Parameters<typeof callerOf>[0]
  /** What becomes of the methods as they stand, or why nothing does. */
  type Change = (methods: readonly ShippingMethod[]) => readonly ShippingMethod[] | Refusal

  async function change(request: Request, reply: Parameters<typeof answerOnce>[0], by: Change, faultAt: (path: string) => string) {
    const { actor, shop } = callerOf(request)
    const patch = ({ shipping }: Settings) => {
      const methods = by(shipping.methods)
      return isRefusal(methods) ? methods : { shipping: { methods } }
    }
    const changed = await catalogue.changeSettings(shop.id, patch, nameOf(actor), claimOf(request, null))
    if (isRefusal(changed) && changed.path !== undefined) unwrap({ ...changed, path: faultAt(changed.path) })
    answerOnce(reply, unwrap(changed))
  }

  async function listed(shopId: string): Promise<readonly ShippingMethod[]> {
    return unwrap((await facts.shop(shopId)) ?? refuse('shop_not_found', { shopId })).settings.shipping.methods
  }

  async function served(shopId: string, id: string): Promise<Wire> {
    const found = (await listed(shopId)).find((method) => method.id === id) ?? refuse('shipping_method_not_found', { id })
    return unwrap(found) as Wire
  }

  return async (app) => {
    app.get(
      '/shipping-methods',
      {
        config: READ,
        schema: {
          tags: ['Shipping'],
          summary: 'All shipping methods with their rates: the export of the table',
          querystring: Query,
          response: { 200: lists.shippingMethods },
        },
      },
      async (request) => ({ items: callerOf(request).shop.settings.shipping.methods as Wire[], next: null }),
    )

    app.put(
      '/shipping-methods',
      {
        bodyLimit: TABLE_BYTES,
        config: WRITE,
        schema: {
          tags: ['Shipping'],
          summary: 'Replace all shipping methods: the import of a table',
          querystring: Query,
          body: ShippingMethodList,
          response: { 200: lists.shippingMethods },
        },
      },
      async (request, reply) => {
        const methods = request.body.items as readonly ShippingMethod[]
        await change(
          request,
          reply,
          () => methods,
          (path) => path.replace('/shipping/methods', '/items'),
        )
        return { items: (await listed(callerOf(request).shop.id)) as Wire[], next: null }
      },
    )

    app.post(
      '/shipping-methods',
      {
        config: WRITE,
        schema: {
          tags: ['Shipping'],
          summary: 'Add a shipping method, offered after the others',
          querystring: Query,
          body: Method,
          response: { 201: Method },
        },
      },
      async (request, reply) => {
        const method = request.body as ShippingMethod
        await change(
          request,
          reply,
          (methods) =>
            methods.some(({ id }) => id === method.id) ? refuse('already_exists', { id: method.id, path: '/id' }) : [...methods, method],
          inMethod,
        )
        reply.code(201)
        return served(callerOf(request).shop.id, method.id)
      },
    )

    app.put(
      '/shipping-methods/:method',
      {
        config: WRITE,
        schema: {
          tags: ['Shipping'],
          summary: 'Replace a shipping method; its place in the list stays',
          params: Params,
          querystring: Query,
          body: Method,
          response: { 200: Method },
        },
      },
      async (request, reply) => {
        const { method: id } = request.params
        const method = request.body as ShippingMethod
        await change(
          request,
          reply,
          (methods) => {
            if (method.id !== id) return refuse('invalid', { path: '/id', reason: 'must_be_the_one_in_the_address' })
            const isKnown = methods.some((each) => each.id === id)
            return isKnown ? methods.map((each) => (each.id === id ? method : each)) : refuse('shipping_method_not_found', { id })
          },
          inMethod,
        )
        return served(callerOf(request).shop.id, id)
      },
    )

    app.delete(
      '/shipping-methods/:method',
      {
        config: WRITE,
        schema: {
          tags: ['Shipping'],
          summary: 'Remove a shipping method; carts that chose it get the first one that is offered, with a notice',
          params: Params,
          querystring: Query,
          response: { 204: Type.Null() },
        },
      },
      async (request, reply) => {
        const { method: id } = request.params
        const without: Change = (methods) =>
          methods.some((each) => each.id === id) ? methods.filter((each) => each.id !== id) : refuse('shipping_method_not_found', { id })
        await change(request, reply, without, inMethod)
        return reply.code(204).send(null)
      },
    )
  }
}

/** A fault's place in the settings as a place in a body that is one method. */
function inMethod(path: string): string {
  return path.replace(/^\/shipping\/methods(\/\d+)?/, '')
}
