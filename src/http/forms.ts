// Carts for browsers without JavaScript: HTML forms over the same commands. A form is believed when it comes from a page of this shop and carries
// the field that only such a page can know; it is done as a whole, or nothing is, and the browser is led on with a message that is told once.
import type { FastifyPluginAsync, FastifyReply, FastifyRequest, FastifySchema } from 'fastify'
import Type from 'typebox'
import { CartForm, FormsCart, LoadCartForm, SessionForm } from '../contract/forms.ts'
import { Id, Text } from '../contract/schemas.ts'
import { isRefusal, type Refusal, type RefusalCode, refuse } from '../core/refusal.ts'
import type { Engine } from '../engine/engine.ts'
import { nameOf, tokenIn } from '../engine/identity.ts'
import { allowedRedirect, isRedirectOrigin } from '../engine/links.ts'
import { listCarts, ownerKey } from '../store/carts.ts'
import { callerOf, type GuessGuard, guarded, Refused, unwrap } from './access.ts'
import { address, newGuest, switchRequest } from './carts.ts'
import { fitsFormsCookie, flashOf, forgetFormsCookie, setFlash, setFormsCookie, setVisitor, visitorOf } from './forms-cookie.ts'
import { commandOf, fieldName, isYes, readFields } from './forms-steps.ts'
import { claimOfForm, secretOfForm } from './idempotency.ts'
import { languageOf, speak, withMessages } from './messages.ts'
import { plainProblem, problemOf } from './problem.ts'

const READ = { access: { owner: true, anonymous: true, cookie: true, limited: true, scope: 'carts:read' } } as const
const WRITE = { access: { owner: true, anonymous: true, cookie: true, limited: true, scope: 'carts:write' } } as const
const LOAD = { access: { owner: true, anonymous: true, cookie: true, scope: 'carts:write' } } as const
/** Only who is a shopper can be logged in. */
const SESSION = { access: { owner: true, anonymous: true, cookie: true, limited: true, scope: null } } as const

const CSRF_MS = 24 * 3600 * 1000
const CART_UPDATED = 'Cart updated.'
const SENT_BEFORE = 'This form was sent before. It counts once.'

const Params = Type.Object({ shop: Text(63) })
const Query = Type.Object({ type: Type.Optional(Text(40)), account: Type.Optional(Id) }, { additionalProperties: false })
const LoadQuery = Type.Object({ ...Query.properties, number: Type.Optional(Text(64)), redirect: Type.Optional(Text(2000)) })
const SeeOther = { 303: Type.Null({ description: 'To the page that comes next; what happened is told by GET /forms/cart' }) }
const FORM: Pick<FastifySchema, 'tags' | 'consumes'> = { tags: ['Forms'], consumes: ['application/x-www-form-urlencoded'] }

type Fields = Type.Static<typeof CartForm> & Type.Static<typeof LoadCartForm> & Type.Static<typeof SessionForm>
type FormRequest = FastifyRequest<{ Querystring: Type.Static<typeof LoadQuery> }>

/** What the last form came to. */
type Flash = Type.Static<typeof FormsCart>['flash']

/** The routes of forms. */
export function formRoutes(engine: Engine, guard: GuessGuard): FastifyPluginAsync {
  const { carts, random, signer, clock, store } = engine

  // Genuine ---------------------------------------------------------------------------------------------------------------------------

  /** A page's proof that it was made for this visitor: whose it is, until when, signed. */
  function csrfFor(shopId: string, visitor: string): string {
    const expiry = (clock.now() + CSRF_MS).toString(36)
    return `${expiry}.${signer.sign(`form ${shopId} ${visitor} ${expiry}`)}`
  }

  /** Made for the owner, or for the browser before it had a cart: a page in another tab stays good when the first product is added. */
  function isCsrf(field: string | undefined, request: FastifyRequest): boolean {
    const { shop, owner } = callerOf(request)
    const [, expiry, signature] = /^([0-9a-z]{1,12})\.([\w-]{43})$/.exec(field ?? '') ?? []
    if (expiry === undefined || signature === undefined || Number.parseInt(expiry, 36) <= clock.now()) return false
    const visitor = visitorOf(request, shop.id)
    const bearers = [...(owner ? [ownerKey(owner)] : []), ...(visitor === undefined ? [] : [`v:${visitor}`])]
    return bearers.some((bearer) => signer.verify(`form ${shop.id} ${bearer} ${expiry}`, signature))
  }

  /** Nobody's page can make a browser send an Authorization header of its own, so that alone is proof as well. */
  function requireGenuine(request: FastifyRequest, fields: Fields): void {
    if (request.headers.authorization) return
    if (!isOwnOrigin(senderOf(request), request)) throw new Refused(refuse('form_not_genuine', { reason: 'origin' }))
    if (!isCsrf(fields.csrf, request)) throw new Refused(refuse('form_not_genuine', { reason: 'csrf' }))
  }

  // Answers ---------------------------------------------------------------------------------------------------------------------------

  function tell(reply: FastifyReply, shopId: string, flash: Flash): void {
    const text = Buffer.from(JSON.stringify(flash)).toString('base64url')
    setFlash(reply, shopId, `${text}.${signer.sign(`flash ${shopId} ${text}`)}`)
  }

  function told(request: FastifyRequest, shopId: string): Flash {
    const [text = '', signature = ''] = (flashOf(request, shopId) ?? '').split('.')
    if (!signer.verify(`flash ${shopId} ${text}`, signature)) return { notice: null, error: null }
    return JSON.parse(Buffer.from(text, 'base64url').toString()) as Flash
  }

  /**
   * Checks a form, does it and leads the browser on. Refused: back to the page it came from, with the error as its message; where there is no
   * such page, or it is no browser that asks, the refusal is the answer.
   */
  async function submit(
    request: FastifyRequest,
    reply: FastifyReply,
    work: (fields: Fields) => Promise<string | null>,
  ): Promise<FastifyReply> {
    const { shop } = callerOf(request)
    const fields = (request.body ?? {}) as Fields
    // What does not fit the schema is not read: not even for whether the form is genuine.
    const invalid = invalidField(request)
    if (!invalid) requireGenuine(request, fields)
    try {
      if (invalid) throw new Refused(invalid)
      const target = targetOf(fields.redirect, request)
      const notice = await work(fields)
      if (notice !== null) tell(reply, shop.id, { notice, error: null })
      return reply.redirect(target, 303)
    } catch (error) {
      const page = senderPage(request)
      if (!(error instanceof Refused) || page === null || !isBrowser(request)) throw error
      tell(reply, shop.id, { notice: null, error: toldRefusal(error.refusal) })
      return reply.redirect(page, 303)
    }
  }

  // Commands --------------------------------------------------------------------------------------------------------------------------

  async function change(request: FastifyRequest, reply: FastifyReply, fields: Fields): Promise<string> {
    const caller = callerOf(request)
    const command = unwrap(commandOf(fields, random, caller.shop.settings))
    const isNobody = caller.actor.kind === 'anonymous'
    if (isNobody && !command.creates) throw new Refused(refuse('cart_not_found'))
    const guest = isNobody ? newGuest(caller, random) : null
    const answer = unwrap(
      await carts.change({
        ...address(caller, 'current', (request as FormRequest).query.type),
        ...(guest ? { owner: guest.owner, newGuest: guest.made } : {}),
        by: guest ? 'guest' : nameOf(caller.actor),
        idempotency: claimOfForm(request, fields.nonce, guest?.token ?? null),
        ...command,
      }),
    )
    const token = answer.replayed ? secretOfForm(request, fields.nonce, answer.replayed.sealed) : guest?.token
    if (token && !request.headers.authorization) setFormsCookie(reply, caller.shop.id, token)
    return answer.replayed ? SENT_BEFORE : fields.cartUpdatedNotice || CART_UPDATED
  }

  /** Makes one of the caller's own open carts the current one. */
  async function load(request: FastifyRequest, number: string | undefined): Promise<string> {
    const { owner, shop } = callerOf(request)
    if (!number) throw new Refused(refuse('invalid', { path: '/number', reason: 'is missing' }))
    const filter = { owner: owner ? ownerKey(owner) : '', number, state: 'OPEN', limit: 1 }
    const [row] = owner ? await listCarts(store.reader, shop.id, filter) : []
    if (!row) throw new Refused(refuse('cart_not_found', { path: '/number' }))
    if (row.is_current !== 1) unwrap(await engine.switching.restore(switchRequest(request, row.id)))
    return 'Your cart is back.'
  }

  return async (app) => {
    app.removeAllContentTypeParsers()
    app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => {
      const fields = readFields(String(body))
      if (isRefusal(fields)) done(new Refused(fields))
      else done(null, fields)
    })
    app.addHook('onRequest', async (_request, reply) => void reply.header('cache-control', 'private, no-store'))
    app.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
      if (error.statusCode === 415) return unsupported(request, reply)
      // Whatever is not for the eyes of a shopper is answered as everywhere.
      if (!(error instanceof Refused) || !isBrowser(request)) throw error
      return refusedPage(request, reply, error.refusal)
    })

    app.get(
      '/forms/cart',
      {
        config: READ,
        schema: {
          tags: ['Forms'],
          summary: "The visitor's cart, what the last form came to (told once), and the hidden fields of the next form",
          params: Params,
          querystring: Query,
          response: { 200: FormsCart },
        },
      },
      async (request, reply) => {
        const caller = callerOf(request)
        const { shop, owner } = caller
        const { text } = unwrap(await carts.read(address(caller, 'current', (request as FormRequest).query.type)))
        const visitor = visitorOf(request, shop.id) ?? random.secret()
        if (!owner && !visitorOf(request, shop.id)) setVisitor(reply, shop.id, visitor)
        const flash = told(request, shop.id)
        // A look at the headers alone tells nobody anything.
        if (flashOf(request, shop.id) !== undefined && request.method === 'GET') setFlash(reply, shop.id, '')
        const fields = { flash, csrf: csrfFor(shop.id, owner ? ownerKey(owner) : `v:${visitor}`), nonce: random.secret() }
        reply.type('application/json; charset=utf-8')
        return `{"cart":${withMessages(text, speak(request, reply))},${JSON.stringify(fields).slice(1)}`
      },
    )

    app.post(
      '/forms/cart',
      {
        config: WRITE,
        attachValidation: true,
        schema: {
          ...FORM,
          summary: 'A form that clears, sets and adds lines, applies a code: all or nothing',
          params: Params,
          querystring: Query,
          body: CartForm,
          response: SeeOther,
        },
      },
      (request, reply) =>
        submit(request, reply, (fields) => {
          const work = () => change(request, reply, fields)
          return (fields.couponCode ?? '').trim() === '' ? work() : guarded(guard, request, work)
        }),
    )

    app.post(
      '/forms/load-cart',
      {
        config: LOAD,
        attachValidation: true,
        schema: {
          ...FORM,
          summary: "Make one of the visitor's own carts the current one, by its number",
          params: Params,
          querystring: Query,
          body: LoadCartForm,
          response: SeeOther,
        },
      },
      (request, reply) => submit(request, reply, (fields) => load(request, fields.number)),
    )

    app.get(
      '/forms/load-cart',
      {
        config: LOAD,
        schema: {
          tags: ['Forms'],
          summary: 'The same by a link, as in an e-mail',
          params: Params,
          querystring: LoadQuery,
          response: SeeOther,
        },
      },
      async (request, reply) => {
        const { number, redirect } = (request as FormRequest).query
        const target = targetOf(redirect, request)
        if (!request.headers.authorization && !isNavigation(request))
          throw new Refused(refuse('form_not_genuine', { reason: 'navigation' }))
        // Who asks for the headers alone (programs that check links) changes nothing.
        if (request.method === 'HEAD') return reply.redirect(target, 303)
        tell(reply, callerOf(request).shop.id, { notice: await load(request, number), error: null })
        return reply.redirect(target, 303)
      },
    )

    app.post(
      '/forms/session',
      {
        config: SESSION,
        attachValidation: true,
        schema: {
          ...FORM,
          summary: "Log a browser in by the Authorization header that the shop's server sends, or out by the field logout",
          params: Params,
          querystring: Query,
          body: SessionForm,
          response: { 204: Type.Null({ description: 'Logged in; the cookie is for the browser' }), ...SeeOther },
        },
      },
      (request, reply) => {
        const { authorization } = request.headers
        const { shop } = callerOf(request)
        const { redirect, logout } = (request.body ?? {}) as Fields
        const invalid = invalidField(request)
        if (invalid) throw new Refused(invalid)
        if (authorization && !isYes(logout)) {
          const target = redirect === undefined ? null : targetOf(redirect, request)
          const token = tokenIn(authorization)
          if (!fitsFormsCookie(token))
            throw new Refused(refuse('invalid', { path: '/headers/authorization', reason: 'is too long for a cookie' }))
          setFormsCookie(reply, shop.id, token)
          return target === null ? reply.code(204).send(null) : reply.redirect(target, 303)
        }
        return submit(request, reply, async (fields) => {
          if (!isYes(fields.logout)) throw new Refused(refuse('login_required'))
          forgetFormsCookie(reply, shop.id)
          setFlash(reply, shop.id, '')
          return null
        })
      },
    )
  }
}

// Where from, where to ---------------------------------------------------------------------------------------------------------------

/** The origin of the page that sent a form, as the browser says: `Origin`, else that of `Referer`. */
export function senderOf({ headers }: FastifyRequest): string | null {
  return headers.origin ?? (URL.parse(headers.referer ?? '')?.origin || null)
}

/** Whether an origin is this host, as the browser (or a trusted proxy) names it, or one that the shop named. */
function isOwnOrigin(origin: string | null, request: FastifyRequest): boolean {
  if (origin === null || origin === 'null') return false
  const own = URL.parse(`${request.protocol}://${request.host}`)?.origin
  return origin === own || isRedirectOrigin(origin, callerOf(request).shop.settings)
}

/** The page to which a browser can be led back, or null. */
function senderPage(request: FastifyRequest): string | null {
  const page = URL.parse(request.headers.referer ?? '')
  return page && page.username === '' && page.password === '' && isOwnOrigin(page.origin, request) ? page.href : null
}

/** Where success leads: the form's own wish, else the shop's, else back to the page, else to the cart as JSON. */
function targetOf(redirect: string | undefined, request: FastifyRequest): string {
  const { shop } = callerOf(request)
  if (redirect) {
    const target = allowedRedirect(redirect, shop.settings)
    if (target === null)
      throw new Refused(refuse('invalid', { path: '/redirect', reason: 'must be a path or an origin of links.redirectOrigins' }))
    return target
  }
  return shop.settings.links.loadCartRedirectUrl ?? senderPage(request) ?? `/v1/shops/${shop.id}/forms/cart`
}

/** A link that somebody follows, from wherever it stands; not a picture, a frame, a script or a guess of the browser's. */
function isNavigation({ headers }: FastifyRequest): boolean {
  const { 'sec-fetch-mode': mode = 'navigate', 'sec-fetch-dest': target = 'document', 'sec-purpose': purpose = '' } = headers
  return mode === 'navigate' && target === 'document' && !String(purpose).includes('prefetch')
}

/** Whether pages are what the caller reads. */
function isBrowser({ headers }: FastifyRequest): boolean {
  return headers.accept?.includes('text/html') === true
}

// Refused ----------------------------------------------------------------------------------------------------------------------------

/** The first field that does not fit the schema. */
function invalidField({ validationError, body }: FastifyRequest): Refusal | null {
  const [fault] = body === undefined || body === null ? [] : (validationError?.validation ?? [])
  if (!fault) return null
  const unknown = (fault.params as { additionalProperty?: string }).additionalProperty
  const reason = unknown === undefined ? (REASONS[fault.keyword] ?? 'is not valid') : 'is not a known field'
  return refuse('invalid', { path: `${fault.instancePath}${unknown === undefined ? '' : `/${unknown}`}` || '/', reason })
}

const REASONS: Readonly<Record<string, string>> = {
  pattern: 'must be a whole number',
  maxLength: 'is too long',
  minLength: 'is empty',
  maxProperties: 'has too many entries',
  type: 'must be one value',
}

/** A refusal as the page shows it: in a shopper's words, with the name of the field. */
function toldRefusal(refusal: Refusal): NonNullable<Flash['error']> {
  const { refused: code, path } = refusal
  const words = WORDS[code]
  const field = path === undefined || path === '/' ? null : fieldName(path).slice(0, 200)
  return { text: (words ? words(refusal) : problemOf(refusal, '', 'en').title).slice(0, 300), code, field }
}

/** What shoppers call a field whose name is no word. */
const FIELD_WORDS: Readonly<Record<string, string>> = {
  qty: 'quantity',
  id: 'product',
  sku: 'product',
  purchasableId: 'product',
  email: 'e-mail address',
  couponCode: 'code',
}

/** Words for what shoppers meet; the rest says what the API says. */
const WORDS: { readonly [Code in RefusalCode]?: (refusal: Refusal) => string } = {
  login_required: () => 'Please log in first.',
  cart_not_found: ({ path }) =>
    path === '/number' ? 'This cart cannot be loaded. If it belongs to an account, log in first.' : 'Your cart is empty already.',
  multiple_carts_off: () => 'This cart cannot be loaded.',
  cart_frozen: () => 'This cart is being paid right now. Finish that first, or try again in a minute.',
  line_not_found: () => 'This line is not in your cart any more.',
  form_not_genuine: () => 'This form is too old, or was not sent from a page of this shop. Load the page again and repeat.',
  idempotency_key_reused: () => 'This form was sent before, with other values. Load the page again and repeat.',
  invalid: ({ path, reason }) => {
    if (path === '/number') return 'Which cart? Its number is missing.'
    if (path === '/purchasables') return 'Choose a product first.'
    const name = path?.split('/').at(-1) || 'form'
    return `The ${FIELD_WORDS[name] ?? name} ${reason}.`
  },
  unknown_sku: () => 'There is no such product in this shop.',
  quantity_step: ({ step }) => `This product is sold in multiples of ${step}.`,
  quantity_too_large: ({ max }) => `At most ${max} pieces of one product are possible.`,
  too_many_lines: ({ max }) => `A cart holds at most ${max} different products.`,
  insufficient_stock: ({ available }) => (available === 0 ? 'This product is sold out.' : `There are only ${available} of this product.`),
}

function unsupported(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = plainProblem(415, 'unsupported_media_type', 'Send a form: application/x-www-form-urlencoded.', request.id)
  return reply.code(415).type('application/problem+json; charset=utf-8').send(JSON.stringify(problem))
}

/** A page for who cannot be led back: what is wrong, and a way on. */
function refusedPage(request: FastifyRequest, reply: FastifyReply, refusal: Refusal): FastifyReply {
  const { status } = problemOf(refusal, request.id, languageOf(request))
  const home = request.caller?.shop.settings.links.loadCartRedirectUrl ?? '/'
  const href = /^(\/|https?:)/.test(home) ? home : '/'
  const style =
    'body{font:17px/1.6 system-ui,sans-serif;display:grid;place-items:center;min-height:90vh;margin:0;color-scheme:light dark}main{max-width:34rem;padding:1rem}'
  return reply
    .code(status)
    .type('text/html; charset=utf-8')
    .header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'")
    .header('x-content-type-options', 'nosniff')
    .send(
      `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>That did not work</title><style>${style}</style></head><body><main><h1>That did not work</h1><p role="alert">${escaped(toldRefusal(refusal).text)}</p><p>Nothing was changed.</p><p><a href="${escaped(href)}">Back to the shop</a></p></main></body></html>`,
    )
}

function escaped(text: string): string {
  return text.replace(/[&"'<>]/g, (character) => `&#${character.charCodeAt(0)};`)
}
