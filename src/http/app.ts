// The HTTP server: what every request goes through before and after its handler. Validation is strict (no coercion in bodies, unknown fields are
// errors), answers are JSON text, errors are problems, and nothing is open that does not say so.
import cookie from '@fastify/cookie'
import cors from '@fastify/cors'
import swagger from '@fastify/swagger'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'
import Fastify, {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifySchema,
  LogController,
} from 'fastify'
import { BalanceChange } from '../contract/balance.ts'
import { AbandonedCart, Cart, CartAnswer } from '../contract/cart.ts'
import { OrderEdited } from '../contract/editing.ts'
import { Email } from '../contract/email.ts'
import { Explanation } from '../contract/explanation.ts'
import { faultOf } from '../contract/fault.ts'
import { Reordered } from '../contract/guest-orders.ts'
import { Order, OrderAnswer } from '../contract/order.ts'
import { Promotion } from '../contract/promotion.ts'
import { Problem } from '../contract/schemas.ts'
import { Product, Shop } from '../contract/shop.ts'
import { Subscription } from '../contract/subscription.ts'
import { EVENT_TYPES, type EventType } from '../core/event.ts'
import { refuse } from '../core/refusal.ts'
import type { Engine } from '../engine/engine.ts'
import { DatabaseUnavailable, LockTimeout } from '../store/store.ts'
import { type GuessGuard, installAccess, Refused } from './access.ts'
import { auditRoutes } from './audit.ts'
import { balanceRoutes } from './balances.ts'
import { cartRoutes } from './carts.ts'
import { editingRoutes } from './editing.ts'
import { emailRoutes, emailTemplateRoutes } from './emails.ts'
import { explanationRoutes } from './explanation.ts'
import { formRoutes } from './forms.ts'
import { fulfilmentRoutes } from './fulfilments.ts'
import { guestOrderRoutes } from './guest-orders.ts'
import { guestRoutes } from './guests.ts'
import { historyRoutes } from './history.ts'
import { mergeRoutes } from './merging.ts'
import { speak } from './messages.ts'
import { operationRoutes } from './operation.ts'
import { orderLifecycleRoutes } from './order-lifecycle.ts'
import { orderPaymentRoutes } from './order-payments.ts'
import { orderRoutes } from './orders.ts'
import { ownCartRoutes } from './own-carts.ts'
import { paymentProviderRoutes } from './payment-providers.ts'
import { paymentRoutes } from './payments.ts'
import { plainProblem, problemOf, retryAfter } from './problem.ts'
import { productRoutes } from './products.ts'
import { promotionCodeRoutes } from './promotion-codes.ts'
import { promotionRoutes } from './promotions.ts'
import { refundRoutes } from './refunds.ts'
import { reorderRoutes } from './reorder.ts'
import { restorePage, restoreRoutes } from './restoring.ts'
import { shippingMethodRoutes } from './shipping-methods.ts'
import { shopListRoutes, shopRoutes } from './shops.ts'
import { STREAM_TIMES, type StreamTimes, streamRoutes } from './stream.ts'
import { subscriptionRoutes } from './subscriptions.ts'
import { taxRateRoutes } from './tax-rates.ts'
import { webFolder, webRoutes } from './web.ts'
import { webhookRoutes } from './webhooks.ts'

const BODY_BYTES = 256 * 1024
/** What the document names once and other schemas refer to. */
const SHARED_SCHEMAS = [
  Problem,
  Cart,
  AbandonedCart,
  BalanceChange,
  CartAnswer,
  Email,
  Explanation,
  Order,
  OrderAnswer,
  OrderEdited,
  Product,
  Promotion,
  Reordered,
  Shop,
  Subscription,
]

/** How the server is set up. */
export interface AppOptions {
  readonly engine: Engine
  readonly log: FastifyBaseLogger
  readonly version: string
  /** Which proxies' X-Forwarded-* headers count; none by default. */
  readonly trustProxy?: string | undefined
  /** How often things happen on open streams. */
  readonly streamTimes?: StreamTimes
  /** Pages and routes of this process that are not part of the API (the sandbox's pages, the demo). Each route declares its access. */
  readonly plugins?: readonly ((app: FastifyInstance) => Promise<void> | void)[]
}

/** Builds the server; `listen` is the caller's. Throws when a route declares no access. */
export async function createApp({
  engine,
  log,
  version,
  trustProxy,
  streamTimes = STREAM_TIMES,
  plugins = [],
}: AppOptions): Promise<FastifyInstance> {
  const app = Fastify({
    loggerInstance: log,
    bodyLimit: BODY_BYTES,
    trustProxy: trustProxy === undefined ? false : trustProxy,
    requestIdHeader: false,
    genReqId: () => engine.random.id('req'),
    // Our two log lines name the request themselves: a logger per request would cost more than what most requests log.
    childLoggerFactory: (logger) => logger,
    logController: new LogController({ disableRequestLogging: true }),
    routerOptions: { maxParamLength: 300 },
    forceCloseConnections: 'idle',
    // While closing, and for addresses that cannot be read, the framework would answer in its own form: everything is a problem here.
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => void answerError(error, request, reply as unknown as FastifyReply),
  }).withTypeProvider<TypeBoxTypeProvider>()
  app.setValidatorCompiler(({ schema, httpPart }) => compiledWhenCalled(httpPart === 'body' ? STRICT : COERCING, schema as object))
  app.setSerializerCompiler(() => JSON.stringify)
  app.setErrorHandler(answerError)
  // Fastify reads text/plain by default; this API speaks JSON, and anything else is told so.
  app.removeContentTypeParser('text/plain')
  app.setNotFoundHandler(answerNothing)
  await app.register(cors, corsOf(engine))
  // Reads no cookie by itself: forms-cookie.ts does, for the routes that say so.
  await app.register(cookie, { hook: false })
  await app.register(swagger, {
    openapi: openApi(version),
    transform: ({ schema, url, route }) => ({ schema: withHeaders(schema, url, String(route.method)), url }),
    refResolver: { buildLocalReference: (json, _base, _fragment, index) => String(json.$id ?? `def-${index}`) },
  })
  for (const schema of SHARED_SCHEMAS) app.addSchema(schema)
  // Every documented route may answer a problem; said once here, not at each of them.
  app.addHook('onRoute', (route) => {
    if (!route.schema || route.schema.hide) return
    const declared = (route.schema.response ?? {}) as Record<string, unknown>
    route.schema = { ...route.schema, response: { ...declared, '4xx': PROBLEM_ANSWER, '5xx': PROBLEM_ANSWER } }
  })
  let isClosing = false
  app.addHook('preClose', async () => {
    isClosing = true
    // A connection that was busy when closing began is kept alive by its client; closed once it is idle, it does not hold up the end.
    const reaper = setInterval(() => app.server.closeIdleConnections(), 20)
    app.server.once('close', () => clearInterval(reaper))
  })
  // Before access is checked, so that refused requests carry their id too.
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id)
    if (isClosing) return done(new Refused(refuse('overloaded', { retryAfter: 1 })))
    if (request.url.includes('%00')) return done(new Refused(refuse('invalid', { path: '/url', reason: NUL_REASON })))
    done()
  })
  app.addHook('preHandler', ({ body }, _reply, done) => {
    const path = pathOfNul(body)
    done(path === null ? undefined : new Refused(refuse('invalid', { path, reason: NUL_REASON })))
  })
  const guard = engine.limiting
  installAccess(app as unknown as FastifyInstance, engine, guard)
  app.addHook('onResponse', (request, reply, done) => {
    const { id: reqId, method, routeOptions } = request
    const ms = Math.round(reply.elapsedTime * 10) / 10
    log.info({ reqId, method, route: routeOptions.url, status: reply.statusCode, ms }, 'request')
    done()
  })
  await app.register(shopListRoutes(engine))
  await app.register(async (scope) => registerShopRoutes(scope as unknown as FastifyInstance, engine, guard, streamTimes), {
    prefix: '/v1/shops/:shop',
  })
  await app.register(operationRoutes(engine))
  await app.register(webRoutes(webFolder()))
  for (const plugin of plugins) await app.register(async (scope) => plugin(scope as unknown as FastifyInstance))
  return app as unknown as FastifyInstance
}

/** What stands under a shop. */
async function registerShopRoutes(app: FastifyInstance, engine: Engine, guard: GuessGuard, streamTimes: StreamTimes): Promise<void> {
  for (const routes of [
    shopRoutes(engine),
    cartRoutes(engine, guard),
    mergeRoutes(engine),
    historyRoutes(engine),
    orderRoutes(engine, guard),
    orderLifecycleRoutes(engine),
    fulfilmentRoutes(engine),
    refundRoutes(engine),
    editingRoutes(engine),
    guestOrderRoutes(engine),
    reorderRoutes(engine),
    productRoutes(engine),
    promotionRoutes(engine),
    promotionCodeRoutes(engine, guard),
    guestRoutes(engine, guard),
    ownCartRoutes(engine),
    restoreRoutes(engine, guard),
    restorePage(engine, guard),
    auditRoutes(engine),
    explanationRoutes(engine),
    emailRoutes(engine),
    emailTemplateRoutes(engine),
    shippingMethodRoutes(engine),
    taxRateRoutes(engine),
    streamRoutes(engine, streamTimes),
    subscriptionRoutes(engine),
    paymentRoutes(engine),
    orderPaymentRoutes(engine),
    paymentProviderRoutes(engine),
    formRoutes(engine, guard),
    webhookRoutes(engine),
    balanceRoutes(engine),
  ])
    await app.register(routes)
}

// Validation ---------------------------------------------------------------------------------------------------------------------------

const AJV = {
  strict: false,
  allErrors: false,
  discriminator: false,
  useDefaults: false,
  removeAdditional: false,
  verbose: true,
  // Passes over the generated code: a third to a half of the time to compile, and nothing of the time to validate (measured on AddLines and PatchSettings).
  code: { optimize: false },
} as const
const STRICT = new Ajv({ ...AJV, coerceTypes: false })
const COERCING = new Ajv({ ...AJV, coerceTypes: true })
for (const ajv of [STRICT, COERCING]) addFormats.default(ajv)

/** A validator that is compiled by its first call: most processes never see most routes, and compiling all of them would double the time to start. */
function compiledWhenCalled(ajv: Ajv, schema: object): ((data: unknown) => boolean) & { errors?: ErrorObject[] | null } {
  let compiled: ValidateFunction | null = null
  const validate: ReturnType<typeof compiledWhenCalled> = (data) => {
    compiled ??= ajv.compile(schema)
    const isValid = compiled(data)
    validate.errors = compiled.errors ?? null
    return isValid
  }
  return validate
}

const PROBLEM_ANSWER = { description: 'A problem (RFC 9457)', content: { 'application/problem+json': { schema: { $ref: 'Problem' } } } }

const NUL_REASON = 'must not contain the character U+0000'

/**
 * Where a body contains the character U+0000, or null. PostgreSQL keeps no such text; it is refused on every database, so that a shop can move
 * from one to the other. Without recursion: how deep a body may be is its schema's business.
 */
function pathOfNul(body: unknown): string | null {
  if (typeof body !== 'object' || body === null || Object.getPrototypeOf(body) !== Object.prototype) return null
  const open: { value: unknown; path: () => string }[] = [{ value: body, path: () => '' }]
  for (let node = open.pop(); node; node = open.pop()) {
    const { value, path } = node
    if (typeof value === 'string' && value.includes('\0')) return path()
    if (typeof value !== 'object' || value === null) continue
    for (const [key, child] of Object.entries(value)) {
      const at = () => `${path()}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`
      if (key.includes('\0')) return at()
      if (typeof child === 'string' || typeof child === 'object') open.push({ value: child, path: at })
    }
  }
  return null
}

// Errors -------------------------------------------------------------------------------------------------------------------------------

function answerError(
  error: FastifyError & { validation?: readonly ErrorObject[]; validationContext?: string },
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  if (error instanceof Refused) {
    const after = retryAfter(error.refusal)
    if (after !== null) reply.header('retry-after', String(after))
    if (error.refusal.refused === 'login_required' || error.refusal.refused === 'invalid_token') reply.header('www-authenticate', 'Bearer')
    return sendProblem(reply, problemOf(error.refusal, request.id, speak(request, reply)))
  }
  if (error.validation) {
    const { path, reason } = faultOf(error.validation)
    const where = error.validationContext === 'body' || error.validationContext === undefined ? path : `/${error.validationContext}${path}`
    return sendProblem(
      reply,
      plainProblem(422, 'invalid', `The request is not valid: ${where || 'the body'} ${reason}. Nothing was done.`, request.id, {
        path: where,
        reason,
      }),
    )
  }
  // A lock that could not be had in time: nothing was done, and the same request may succeed in a moment.
  if (error instanceof LockTimeout) {
    reply.header('retry-after', '1')
    return sendProblem(reply, problemOf(refuse('overloaded', { retryAfter: 1 }), request.id, speak(request, reply)))
  }
  // The database is gone, or full: logged, because somebody must look, and told apart from a fault, because the same request may succeed soon.
  if (error instanceof DatabaseUnavailable) {
    request.log.error({ err: error, requestId: request.id }, 'the database is not available')
    reply.header('retry-after', '1')
    return sendProblem(reply, problemOf(refuse('database_unavailable', { retryAfter: 1 }), request.id, speak(request, reply)))
  }
  const status = error.statusCode ?? 500
  // Only what serves files says so: of a folder, and of a path that is written in another way than it is.
  if (status === 403) return answerNothing(request, reply)
  const known = MALFORMED[status]
  if (known && status < 500) return sendProblem(reply, plainProblem(status, known[0], known[1], request.id))
  // A fault: logged once, here, with the id that the caller sees. Its text stays inside.
  request.log.error({ err: error, requestId: request.id }, 'fault')
  return sendProblem(reply, plainProblem(500, 'fault', 'Something is broken on our side. It was logged under this request id.', request.id))
}

function answerNothing(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const title = `There is nothing at ${request.method} ${request.url.split('?', 1)[0]}. The reference is at /docs.`
  return sendProblem(reply, plainProblem(404, 'not_found', title, request.id))
}

const MALFORMED: Readonly<Record<number, readonly [code: string, title: string]>> = {
  400: ['malformed', 'The body is not valid JSON, or the request is malformed.'],
  413: ['too_large', 'The body is larger than this call takes.'],
  415: ['unsupported_media_type', 'Send application/json.'],
  414: ['malformed', 'The address is too long.'],
}

function sendProblem(reply: FastifyReply, problem: { status: number; requestId: string }): FastifyReply {
  return reply
    .code(problem.status)
    .header('content-type', 'application/problem+json; charset=utf-8')
    .header('cache-control', 'no-store')
    .header('x-request-id', problem.requestId)
    .send(JSON.stringify(problem))
}

// CORS and OpenAPI ---------------------------------------------------------------------------------------------------------------------

const CORS = {
  allowedHeaders: ['authorization', 'content-type', 'idempotency-key', 'if-match', 'if-none-match', 'last-event-id'],
  exposedHeaders: ['etag', 'retry-after', 'idempotency-replayed', 'x-request-id'],
  methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
  maxAge: 86_400,
}
/** Who sends no Origin is no browser on another page. */
const NO_CORS = { origin: false }

/**
 * Origins are a shop's setting. `*` gives nothing away: only forms read a cookie, and no answer lets scripts of other origins use one. Preflights
 * are cached for a day.
 */
function corsOf(engine: Engine) {
  return {
    delegator: (request: FastifyRequest, done: (error: Error | null, options: { origin: string | string[] | boolean }) => void) => {
      if (!request.headers.origin) return done(null, NO_CORS)
      const shopId = /^\/v1\/shops\/([a-z0-9-]+)/.exec(request.url)?.[1]
      if (shopId === undefined) return done(null, { ...CORS, origin: true })
      engine.facts.shop(shopId).then(
        (shop) =>
          done(null, { ...CORS, origin: !shop || shop.settings.access.origins.includes('*') ? '*' : [...shop.settings.access.origins] }),
        (error: Error) => done(error, { origin: false }),
      )
    },
  }
}

/** The headers of writes, for the document only: reading them is the business of `idempotency.ts` and `carts.ts`. */
function withHeaders(schema: FastifySchema, url: string, method: string): FastifySchema {
  const isWrite = method !== 'GET' && method !== 'HEAD'
  if (
    !isWrite ||
    !url.startsWith('/v1/shops') ||
    url.includes('/payments/:provider') ||
    url.includes('/forms/') ||
    url.endsWith('/import') ||
    url.endsWith('/webhooks/:endpoint/test') ||
    url.endsWith('/preview') ||
    url.endsWith('/recalculation')
  )
    return schema
  const text = (description: string) => ({ type: 'string', description })
  const properties = {
    'Idempotency-Key': text('The same key and body are executed once, also when repeated within 24 hours. Without a token: a UUID'),
    ...(url.includes('/carts/') || (method === 'PATCH' && url.endsWith('/orders/:order'))
      ? { 'If-Match': text('The version that was read, in quotes; another one is 412 and changes nothing') }
      : {}),
  }
  return { ...schema, headers: { type: 'object', properties } }
}

/** Which schema an event's data has. */
function schemaOf(type: EventType): string {
  if (type === 'balance.changed') return 'BalanceChange'
  if (type === 'cart.abandoned') return 'AbandonedCart'
  if (type.startsWith('subscription.')) return 'Subscription'
  return type.startsWith('cart.') ? 'Cart' : 'Order'
}

function openApi(version: string) {
  const webhooks = Object.fromEntries(
    EVENT_TYPES.map((type) => [
      type,
      {
        post: {
          summary: `Sent after ${type}`,
          requestBody: {
            content: {
              'application/json': {
                schema: {
                  type: 'object',
                  required: ['type', 'timestamp', 'data'],
                  properties: {
                    type: { const: type },
                    timestamp: { type: 'string', format: 'date-time' },
                    data: { $ref: `#/components/schemas/${schemaOf(type)}` },
                  },
                },
              },
            },
          },
          responses: { '2XX': { description: 'Received' } },
        },
      },
    ]),
  )
  return {
    openapi: '3.1.0',
    info: {
      title: 'Cartwright',
      version,
      description: 'Carts and orders. Errors are RFC 9457 problems; money is integer minor units; writes take an Idempotency-Key.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    components: {
      securitySchemes: {
        bearer: {
          type: 'http' as const,
          scheme: 'bearer',
          description: 'A guest token ct_…, a JWT, a key sk_… or st_…, or an order token ot_…',
        },
      },
    },
    security: [{ bearer: [] }, {}],
    webhooks,
  }
}
