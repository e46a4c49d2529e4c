// Carts over HTTP. A handler says which command is meant and how it is answered; what happens is in engine/carts.ts, what is true in core/cart.ts.
import { hash } from 'node:crypto'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import Type from 'typebox'
import * as contract from '../contract/cart.ts'
import { Country, Id, ListOf, OneOf, Page, Text } from '../contract/schemas.ts'
import {
  acknowledgeNotices,
  addLines,
  applyCode,
  type Cart,
  clearLines,
  closeCart,
  type Decision,
  DRAFT_TYPE,
  fillLines,
  type LineRequest,
  normaliseCode,
  type Owner,
  removeCode,
  removeLine,
  requireOpen,
  setLine,
} from '../core/cart.ts'
import { changeCart } from '../core/details.ts'
import type { Facts } from '../core/facts.ts'
import { orderBlockers } from '../core/order.ts'
import type { PricedCart } from '../core/pricing.ts'
import type { Destination } from '../core/quote.ts'
import { isRefusal, type Refusal, refuse } from '../core/refusal.ts'
import { restoreLine, saveLine } from '../core/saved-lines.ts'
import type { Settings } from '../core/settings.ts'
import { destinationOf } from '../core/shipping.ts'
import type { CartAddress, CartAnswer, CartCommand } from '../engine/carts.ts'
import type { Engine } from '../engine/engine.ts'
import { type Actor, groupsOf, guestToken, hashSecret, hasScope, limitOf, nameOf, reachesAll } from '../engine/identity.ts'
import { withoutBeingAsked } from '../engine/payment-methods.ts'
import type { NewCart, Switched, SwitchRequest } from '../engine/switching.ts'
import { ownerKey } from '../store/carts.ts'
import type { GuessGuard } from './access.ts'
import { type Caller, callerOf, guarded, Refused, unwrap } from './access.ts'
import { claimOf, replayedSecret } from './idempotency.ts'
import { cartsPage, checkRetention, VIEWS } from './lifetime.ts'
import { languageOf, speak, withMessages } from './messages.ts'
import { namedRefusal, namedResult } from './problem.ts'

const LIST = { access: { owner: true, scope: 'carts:read' } } as const
const READ = { access: { owner: true, limited: true, scope: 'carts:read' } } as const
const READ_OR_NEW = { access: { owner: true, anonymous: true, limited: true, scope: 'carts:read' } } as const
const WRITE = { access: { owner: true, limited: true, scope: 'carts:write' } } as const
/** Making and deleting carts is the owner's: a secret that is limited to one cart neither makes nor ends any. */
const CREATE = { access: { owner: true, anonymous: true, scope: 'carts:write' } } as const
const DELETE = { access: { owner: true, scope: 'carts:write' } } as const
/** The first write of somebody without a token makes a guest. */
const WRITE_OR_NEW = { access: { owner: true, anonymous: true, limited: true, scope: 'carts:write' } } as const

const Params = Type.Object({ shop: Text(63), cart: Id })
const LineParams = Type.Object({ shop: Text(63), cart: Id, line: Id })
const Query = Type.Object({ type: Type.Optional(Text(40)), account: Type.Optional(Id) }, { additionalProperties: false })
const EstimateQuery = Type.Object(
  {
    ...Query.properties,
    country: Type.Optional(Country),
    region: Type.Optional(Text(100)),
    postalCode: Type.Optional(Text(40)),
  },
  { additionalProperties: false },
)
const answers = { 200: Type.Ref('CartAnswer'), 201: Type.Ref('CartAnswer'), '4xx': Type.Ref('Problem') }

type CartRequest = FastifyRequest<{ Params: { shop: string; cart: string }; Querystring: { type?: string; account?: string } }>

/** The routes of carts. */
export function cartRoutes(engine: Engine, guard: GuessGuard): FastifyPluginAsyncTypebox {
  const { carts, random } = engine

  /** Runs a command on the addressed cart and answers it. A caller without a token becomes a guest with the cart. */
  async function change(
    request: FastifyRequest,
    reply: FastifyReply,
    command: Pick<CartCommand, 'name' | 'decide' | 'check' | 'skus' | 'codes' | 'creates'>,
  ): Promise<string> {
    const { params, query } = request as CartRequest
    const caller = callerOf(request)
    const guest = caller.actor.kind === 'anonymous' ? newGuest(caller, random) : null
    const answer = unwrap(
      await carts.change({
        ...address(caller, params.cart ?? 'current', query.type),
        ...(guest ? { owner: guest.owner, newGuest: guest.made } : {}),
        by: guest ? 'guest' : nameOf(caller.actor),
        ifMatch: ifMatch(request),
        idempotency: request.headers['idempotency-key'] === undefined ? undefined : claimOf(request, guest?.token ?? null),
        ...command,
      }),
    )
    return send(request, reply, answer, guest?.token ?? null)
  }

  function wantedLines(
    request: FastifyRequest,
    lines: readonly Type.Static<typeof contract.LineInput>[],
    path: string | null = '/lines',
  ): LineRequest[] {
    return lineRequests(callerOf(request), lines, random, path)
  }

  /** Another cart beside the one there is. Who has no token has none yet, so theirs is just made. */
  async function begin(request: FastifyRequest, reply: FastifyReply, fresh: NewCart): Promise<string> {
    const caller = callerOf(request)
    if (caller.actor.kind === 'anonymous') {
      if (!caller.shop.settings.cart.multiple) throw new Refused(refuse('multiple_carts_off', {}))
      return change(request, reply, { name: 'create', creates: true, ...fresh })
    }
    return sendSwitched(reply, unwrap(await engine.switching.begin(switchRequest(request, 'current'), fresh)))
  }

  /** An order that staff prepares, for an account or for somebody who is known by e-mail address at most. */
  async function beginDraft(request: FastifyRequest, reply: FastifyReply, body: Type.Static<typeof contract.CreateCart>): Promise<string> {
    const { actor, all, owner } = callerOf(request)
    if (!all) throw new Refused(refuse('invalid', { path: '/draft', reason: 'only_keys_may_make_drafts' }))
    if (!hasScope(actor, 'orders:edit')) throw new Refused(refuse('missing_scope', { scope: 'orders:edit', path: '/draft' }))
    if (body.type !== undefined) throw new Refused(refuse('invalid', { path: '/type', reason: 'drafts_have_no_type' }))
    const { lines = [], currency, attributes, email } = body
    const input = { wanted: wantedLines(request, lines), currency, attributes, email }
    const asked = {
      ...switchRequest(request, 'current'),
      type: DRAFT_TYPE,
      owner: owner ?? ({ kind: 'guest', guestId: random.guestId() } as const),
    }
    const fresh: NewCart = { skus: skusOf(input.wanted), decide: (cart, facts) => createOrKeep(cart, input, facts) }
    return sendSwitched(reply, unwrap(await engine.switching.begin(asked, fresh)))
  }

  return async (app) => {
    app.post(
      '/carts',
      {
        config: CREATE,
        schema: {
          tags: ['Carts'],
          summary: 'Create a cart; who has one gets it back',
          body: contract.CreateCart,
          querystring: Query,
          response: answers,
        },
      },
      async (request, reply) => {
        const { lines, currency, attributes, type, owner, email, draft = false } = request.body
        const caller = callerOf(request)
        if (owner !== undefined && !caller.all)
          throw new Refused(refuse('invalid', { path: '/owner', reason: 'only_keys_may_name_an_owner' }))
        if (owner !== undefined) request.caller = { ...caller, owner: { kind: 'account', accountId: owner } }
        if (draft) return beginDraft(request, reply, request.body)
        if (type !== undefined) (request as CartRequest).query.type = type
        checkType(caller, type)
        const wanted = lines ? wantedLines(request, lines) : []
        const input = { wanted, currency, attributes, email }
        if (request.body.new === true)
          return begin(request, reply, { skus: skusOf(wanted), decide: (cart, facts) => createOrKeep(cart, input, facts) })
        return change(request, reply, {
          name: 'create',
          creates: true,
          skus: skusOf(wanted),
          decide: (cart, facts) => createOrKeep(cart, input, facts),
        })
      },
    )

    app.get(
      '/carts',
      {
        config: LIST,
        schema: {
          tags: ['Carts'],
          summary: 'List carts',
          querystring: ListQuery,
          response: { 200: Type.Unsafe<string>(ListOf(Type.Ref('Cart'))) },
        },
      },
      async (request, reply) => {
        const { actor, owner, all, shop } = callerOf(request)
        const { limit = 50, after, state, number, email, view } = request.query
        if (view === 'drafts' && !all) throw new Refused(refuse('invalid', { path: '/querystring/view', reason: 'only_keys_see_drafts' }))
        // What staff prepares is not listed to its customer, and is in no view of what customers do.
        const drafts: 'only' | 'none' | undefined = view === 'drafts' ? 'only' : all && view === undefined ? undefined : 'none'
        const whose = owner ? { owner: ownerKey(owner) } : all ? {} : { owner: '' }
        const filter = { ...whose, ...defined({ state, number, email, after, drafts }) }
        const { rows, next } = await cartsPage(engine, shop, filter, view, limit)
        const items: string[] = []
        const language = speak(request, reply)
        for (const row of rows) items.push(withMessages(await carts.serve(shop, row, groupsOf(actor)), language))
        return json(reply, `{"items":[${items.join(',')}],"next":${JSON.stringify(next)}}`)
      },
    )

    app.get(
      '/carts/:cart',
      {
        config: READ_OR_NEW,
        schema: {
          tags: ['Carts'],
          summary: 'The priced cart',
          params: Params,
          querystring: Query,
          response: { 200: Type.Ref('Cart'), '4xx': Type.Ref('Problem') },
        },
      },
      async (request, reply) => {
        const answer = unwrap(await carts.read(address(callerOf(request), request.params.cart, request.query.type)))
        const text = spoken(reply, answer.text)
        reply.header('cache-control', 'private, no-cache')
        if (request.headers['if-none-match'] === reply.getHeader('etag')) return reply.code(304).send()
        return json(reply, text)
      },
    )

    app.delete(
      '/carts/:cart',
      { config: DELETE, schema: { tags: ['Carts'], summary: 'Delete the cart', params: Params, querystring: Query, response: answers } },
      async (request, reply) => {
        const found = unwrap(await carts.read(address(callerOf(request), request.params.cart, request.query.type)))
        // A stale caller changes nothing, so nothing is cancelled for him either; `change` refuses him.
        const isStale = ![undefined, found.version].includes(ifMatch(request))
        if (found.version > 0 && !isStale) unwrap((await engine.checkout.cancelUnpaid(request.params.shop, found.id)) ?? true)
        return change(request, reply, { name: 'delete', decide: (cart) => closeCart(cart, 'deleted') })
      },
    )

    app.patch(
      '/carts/:cart',
      {
        config: WRITE_OR_NEW,
        schema: {
          tags: ['Carts'],
          summary: 'E-mail, addresses, shipping method, VAT id, attributes, note, currency',
          params: Params,
          querystring: Query,
          body: contract.PatchCart,
          response: answers,
        },
      },
      (request, reply) => {
        checkRetention(callerOf(request).actor, request.body, '')
        checkPricing(callerOf(request).actor, request.body, '')
        return change(request, reply, { name: 'change', creates: true, decide: (cart, facts) => changeCart(cart, request.body, facts) })
      },
    )

    app.post(
      '/carts/:cart/lines',
      {
        config: WRITE_OR_NEW,
        schema: {
          tags: ['Lines'],
          summary: 'Add one line or several',
          params: Params,
          querystring: Query,
          body: contract.AddLines,
          response: answers,
        },
      },
      (request, reply) => {
        const { body } = request
        const input = 'lines' in body ? body : { lines: [body] }
        const wanted = wantedLines(request, input.lines, 'lines' in body ? '/lines' : null)
        return change(request, reply, {
          name: 'add',
          creates: true,
          skus: skusOf(wanted),
          decide: (cart, facts) => {
            const decided = addLines(cart, { ...defined(input), lines: wanted }, facts)
            return 'lines' in body || !isRefusal(decided) ? decided : atBody(decided)
          },
        })
      },
    )

    app.put(
      '/carts/:cart/lines',
      {
        config: WRITE_OR_NEW,
        schema: {
          tags: ['Lines'],
          summary: 'Fill: named lines get exactly this quantity',
          params: Params,
          querystring: Query,
          body: contract.FillLines,
          response: answers,
        },
      },
      (request, reply) => {
        const { mode = 'upsert' } = request.body
        const wanted = wantedLines(request, request.body.lines)
        return change(request, reply, {
          name: 'fill',
          creates: true,
          skus: skusOf(wanted),
          decide: (cart, facts) => fillLines(cart, { ...defined(request.body), lines: wanted, mode }, facts),
        })
      },
    )

    app.patch(
      '/carts/:cart/lines/:line',
      {
        config: WRITE,
        schema: {
          tags: ['Lines'],
          summary: 'Set quantity (0 removes), options, note',
          params: LineParams,
          querystring: Query,
          body: contract.SetLine,
          response: answers,
        },
      },
      (request, reply) =>
        change(request, reply, {
          name: 'set',
          decide: (cart, facts) => setLine(cart, { lineId: request.params.line, ...defined(request.body) }, facts),
        }),
    )

    app.delete(
      '/carts/:cart/lines/:line',
      { config: WRITE, schema: { tags: ['Lines'], summary: 'Remove a line', params: LineParams, querystring: Query, response: answers } },
      (request, reply) => change(request, reply, { name: 'remove', decide: (cart) => removeLine(cart, { lineId: request.params.line }) }),
    )

    app.delete(
      '/carts/:cart/lines',
      { config: WRITE, schema: { tags: ['Lines'], summary: 'Remove all lines', params: Params, querystring: Query, response: answers } },
      (request, reply) => change(request, reply, { name: 'clear', decide: (cart) => clearLines(cart) }),
    )

    app.post(
      '/carts/:cart/lines/:line/save',
      {
        config: WRITE,
        schema: { tags: ['Lines'], summary: 'Set a line aside', params: LineParams, querystring: Query, response: answers },
      },
      (request, reply) => change(request, reply, { name: 'save_line', decide: (cart) => saveLine(cart, { lineId: request.params.line }) }),
    )

    app.get(
      '/carts/:cart/saved-lines',
      {
        config: READ,
        schema: {
          tags: ['Lines'],
          summary: 'Lines that were set aside',
          params: Params,
          querystring: Query,
          response: { 200: contract.SavedLines },
        },
      },
      async (request) => {
        const { cart } = unwrap(await carts.inspect(address(callerOf(request), request.params.cart, request.query.type)))
        const items = cart.savedLines.map(({ id, sku, name, quantity, options, note }) => ({ id, sku, name, quantity, options, note }))
        return { items, next: null }
      },
    )

    app.post(
      '/carts/:cart/saved-lines/:line/restore',
      {
        config: WRITE,
        schema: { tags: ['Lines'], summary: 'Bring a saved line back', params: LineParams, querystring: Query, response: answers },
      },
      async (request, reply) => {
        const { cart } = unwrap(await carts.inspect(address(callerOf(request), request.params.cart, request.query.type)))
        const skus = cart.savedLines.flatMap((line) => line.sku ?? [])
        return change(request, reply, {
          name: 'restore_line',
          skus,
          decide: (current, facts) => restoreLine(current, { lineId: request.params.line }, facts),
        })
      },
    )

    app.post(
      '/carts/:cart/codes',
      {
        config: WRITE_OR_NEW,
        schema: {
          tags: ['Codes'],
          summary: 'Apply a promotion code',
          params: Params,
          querystring: Query,
          body: contract.ApplyCode,
          response: answers,
        },
      },
      async (request, reply) => {
        const { code } = request.body
        return guarded(guard, request, () =>
          change(request, reply, {
            name: 'apply_code',
            creates: true,
            codes: [normaliseCode(code, callerOf(request).shop.settings)],
            decide: (cart, facts) => applyCode(cart, { code }, facts),
            check: codeCheck([code]),
          }),
        )
      },
    )

    app.delete(
      '/carts/:cart/codes/:code',
      {
        config: WRITE,
        schema: {
          tags: ['Codes'],
          summary: 'Remove a promotion code',
          params: Type.Object({ shop: Text(63), cart: Id, code: Text(100) }),
          querystring: Query,
          response: answers,
        },
      },
      (request, reply) =>
        change(request, reply, { name: 'remove_code', decide: (cart, facts) => removeCode(cart, { code: request.params.code }, facts) }),
    )

    app.post(
      '/carts/:cart/commands',
      {
        config: WRITE_OR_NEW,
        schema: {
          tags: ['Carts'],
          summary: 'Several commands, all or nothing',
          params: Params,
          querystring: Query,
          body: contract.Commands,
          response: answers,
        },
      },
      (request, reply) => {
        for (const [index, command] of request.body.commands.entries()) {
          if (!('change' in command)) continue
          const path = `/commands/${index}/change`
          checkRetention(callerOf(request).actor, command.change, path)
          checkPricing(callerOf(request).actor, command.change, path)
        }
        const steps = request.body.commands.map((command, index) =>
          stepOf(command, callerOf(request).shop.settings, (lines) => wantedLines(request, lines, `/commands/${index}/add/lines`)),
        )
        const codes = steps.flatMap((step) => step.codes)
        const command = {
          name: 'commands',
          creates: true,
          skus: steps.flatMap((step) => step.skus),
          codes,
          decide: (cart: Cart, facts: Facts) => inSequence(cart, steps, facts),
        }
        if (codes.length === 0) return change(request, reply, command)
        return guarded(guard, request, () => change(request, reply, { ...command, check: codeCheck(codes) }))
      },
    )

    app.post(
      '/carts/:cart/notices/acknowledge',
      {
        config: WRITE,
        schema: {
          tags: ['Carts'],
          summary: 'Mark notices as seen',
          params: Params,
          querystring: Query,
          body: contract.Acknowledge,
          response: answers,
        },
      },
      async (request, reply) => {
        const { pricing } = unwrap(await carts.inspect(address(callerOf(request), request.params.cart, request.query.type)))
        return change(request, reply, {
          name: 'acknowledge',
          decide: (cart) => acknowledgeNotices(cart, request.body, pricing.cart.notices),
        })
      },
    )

    app.get(
      '/carts/:cart/shipping-methods',
      {
        config: READ_OR_NEW,
        schema: {
          tags: ['Carts'],
          summary: 'Shipping methods that can be chosen; with a country, as an estimate for going there, which changes nothing',
          params: Params,
          querystring: EstimateQuery,
          response: { 200: contract.ShippingMethods },
        },
      },
      async (request) => {
        const meant = address(callerOf(request), request.params.cart, request.query.type)
        const seen = unwrap(await carts.inspect(meant, { lists: true }))
        const { cart, facts, shop } = seen
        const destination = unwrap(askedDestination(request.query, destinationOf(cart, shop.settings)))
        // Another place is another question; what is answered to it is not the cart's own answer.
        const elsewhere = async (shippingAddress: Destination) =>
          unwrap(await engine.quotes.settle(shop, { ...cart, shippingAddress }, facts, { keeps: false, lists: true }))
        const pricing = destination === null ? seen.pricing : (await elsewhere(destination)).pricing
        const quotes = pricing.cart.requiresShipping ? pricing.shippingQuotes : []
        const items = quotes.map(({ id, name, amount }) => ({
          id,
          name,
          price: { amount, currency: cart.currency },
          selected: id === cart.shippingMethod,
        }))
        return { items, next: null }
      },
    )

    app.get(
      '/carts/:cart/payment-methods',
      {
        config: READ_OR_NEW,
        schema: {
          tags: ['Carts'],
          summary: 'Payment methods that can be chosen; none is needed when there is nothing to pay',
          params: Params,
          querystring: Query,
          response: { 200: contract.PaymentMethods },
        },
      },
      async (request) => {
        const { cart, pricing, shop } = unwrap(await carts.inspect(address(callerOf(request), request.params.cart, request.query.type)))
        const { amount, currency } = pricing.cart.total
        const bill = { ...pricing.cart, owner: cart.owner, amount }
        const offered = amount === 0 ? [] : await engine.paymentMethods.offered(shop, bill)
        const [first] = withoutBeingAsked(offered)
        const items = offered.map((each) => ({
          id: each.method === null ? each.provider : `${each.provider}:${each.method}`,
          name: each.name,
          provider: each.provider,
          method: each.method,
          default: each === first,
          ...(each.available === undefined ? {} : { available: { amount: each.available, currency } }),
        }))
        return { items, next: null }
      },
    )

    app.get(
      '/carts/:cart/validation',
      {
        config: READ_OR_NEW,
        schema: {
          tags: ['Carts'],
          summary: 'Everything that stands between the cart and an order',
          params: Params,
          querystring: Query,
          response: { 200: contract.Validation },
        },
      },
      async (request, reply) => {
        const language = speak(request, reply)
        const caller = callerOf(request)
        const { cart, pricing, facts, shop } = unwrap(await carts.inspect(address(caller, request.params.cart, request.query.type)))
        const closed = requireOpen(cart)
        const isOthers =
          closed || caller.all
            ? null
            : await guarded(
                guard,
                request,
                () => engine.accounts.refusal(shop, cart),
                (refusal) => refusal !== null,
              )
        const blockers = closed ? [closed] : [...(isOthers ? [isOthers] : []), ...orderBlockers(cart, pricing.cart, facts)]
        const problems = blockers.map((refusal) => namedRefusal(refusal, language))
        return { valid: problems.length === 0, problems }
      },
    )
  }
}

const ListQuery = Type.Object(
  {
    ...Page,
    state: Type.Optional(Type.Union([Type.Literal('OPEN'), Type.Literal('CLOSED')])),
    number: Type.Optional(Text(64)),
    email: Type.Optional(Text(254)),
    account: Type.Optional(Id),
    view: Type.Optional(OneOf(VIEWS)),
  },
  { additionalProperties: false },
)

/**
 * Lines with an id for each: exactly one of sku and inline, prices only from keys that may set them. `path` is where
 * the list stands in the body; null when the body is the one line.
 */
export function lineRequests(
  { actor, shop: { settings } }: Pick<Caller, 'actor' | 'shop'>,
  lines: readonly Type.Static<typeof contract.LineInput>[],
  random: Engine['random'],
  path: string | null,
): LineRequest[] {
  const mayPrice = hasScope(actor, 'carts:custom_prices')
  const { requireExpected } = settings.pricing
  return lines.map((line, index) => {
    const { quantity = 1, ...rest } = line
    const at = (field: string) => (path === null ? `/${field}` : `${path}/${index}/${field}`)
    const own = (['inline', 'unitPrice', 'taxes'] as const).find((field) => line[field] !== undefined)
    if (own !== undefined && !mayPrice) throw new Refused(refuse('custom_price_forbidden', { path: at(own) }))
    if (requireExpected && !reachesAll(actor) && line.expectedUnitPrice === undefined)
      throw new Refused(refuse('expected_price_required', { path: at('expectedUnitPrice') }))
    if ((line.sku === undefined) === (line.inline === undefined))
      throw new Refused(refuse('invalid', { path: at('sku'), reason: 'exactly_one_of_sku_and_inline' }))
    return { ...rest, quantity, id: random.id('ln') }
  })
}

/**
 * Groups decide prices, and who owes no tax or has a checked VAT id pays less: shoppers have the groups that their account's token tells, and only
 * keys that may price carts say any of this. `at` is where the changes stand in the body.
 */
function checkPricing(actor: Actor, change: Type.Static<typeof contract.PatchCart>, at: string): void {
  for (const field of ['customerGroups', 'taxExempt', 'vatIdChecked'] as const)
    if (change[field] !== undefined && !hasScope(actor, 'carts:custom_prices'))
      throw new Refused(refuse('missing_scope', { scope: 'carts:custom_prices', path: `${at}/${field}` }))
}

/** A guest for a caller without a token, to be made with the cart. Where guest carts are off, the caller must log in. */
export function newGuest({ shop }: Caller, random: Engine['random']): NewGuest {
  if (!shop.settings.access.guestCarts) throw new Refused(refuse('login_required', {}))
  const guestId = random.guestId()
  const secret = random.secret()
  return { owner: { kind: 'guest', guestId }, made: { guestId, hash: hashSecret(secret) }, token: guestToken(guestId, secret) }
}

/** A guest that does not exist yet: who owns the cart, what is stored, and the token that its caller gets. */
export interface NewGuest {
  readonly owner: Owner
  readonly made: NonNullable<CartCommand['newGuest']>
  readonly token: string
}

/**
 * A code's own check, after pricing: one that does not apply is refused like one that does not exist (SEC-6), unless the shop tells reasons, or this
 * shopper may know this one (C34).
 */
export function codeCheck(codes: readonly string[]): NonNullable<CartCommand['check']> {
  return (priced: PricedCart, facts: Facts) => {
    const wanted = codes.map((code) => normaliseCode(code, facts.shop.settings))
    // Where the shop removes codes that do not apply, what is left of one is the notice about it.
    const gone = wanted.filter((code) => !priced.codes.some((each) => each.code === code))
    const removed = priced.notices.find(({ code, params }) => code === 'code_removed' && gone.includes(String(params.promotionCode)))
    const state = priced.codes.find((each) => wanted.includes(each.code) && !each.applied) ?? (removed && { reason: removed.params.reason })
    if (!state) return null
    if (facts.shop.settings.promotions.publicReasons === 'neutral')
      return refuse('code_rejected', { path: '/code', ...(state.reason === 'not_applicable' ? {} : { reason: state.reason }) })
    const isDead = ['unknown', 'expired', 'exhausted', 'inactive'].includes(String(state.reason ?? ''))
    return isDead ? refuse('code_rejected', { path: '/code', reason: state.reason }) : null
  }
}

/** How a caller addresses a cart. The `current` of who is limited to one cart is that cart. */
export function address({ actor, owner, all, shop }: Caller, cart: string, type?: string): CartAddress {
  checkType({ shop }, type)
  const limitedTo = limitOf(actor)
  const reached = limitedTo && cart === 'current' ? limitedTo.cartId : cart
  return { shopId: shop.id, cart: reached, type, owner, all, limitedTo, groups: groupsOf(actor) }
}

function checkType({ shop }: Pick<Caller, 'shop'>, type: string | undefined): void {
  const { types } = shop.settings.cart
  if (type !== undefined && !types.includes(type))
    throw new Refused(refuse('invalid', { path: '/type', reason: 'unknown_cart_type', types }))
}

/** `If-Match: "<version>"` as a number. Anything else than a version we could have sent is stale by definition. */
export function ifMatch(request: FastifyRequest): number | undefined {
  const header = request.headers['if-match']
  if (header === undefined || header === '*') return undefined
  const match = /^(?:W\/)?"(\d{1,15})"$/.exec(header)
  return match ? Number(match[1]) : -1
}

/** The ETag of what is sent. */
export function etagOf(text: string): string {
  return `"${hash('sha1', text, 'base64url')}"`
}

/** A cart as its reader gets it: notices in words of their language, and the tag of exactly that. */
export function spoken(reply: FastifyReply, text: string): string {
  const told = withMessages(text, speak(reply.request, reply))
  reply.header('etag', etagOf(told))
  return told
}

/** Sends JSON text as it is. */
export function json(reply: FastifyReply, text: string): string {
  reply.header('content-type', 'application/json; charset=utf-8')
  return text
}

/** `{cart, results?, token?}` around the cart's text, which is sent as it was stored. */
export function send(request: FastifyRequest, reply: FastifyReply, answer: CartAnswer, token: string | null): string {
  const shown = answer.replayed ? replayedSecret(request, answer.replayed.sealed) : answer.created ? token : null
  const language = languageOf(request)
  const text = spoken(reply, answer.text)
  reply.code(answer.created ? 201 : 200)
  if (answer.replayed) reply.header('idempotency-replayed', 'true')
  const results = answer.results
    ? `,"results":${JSON.stringify(answer.results.every((result) => result.ok) ? answer.results : answer.results.map((result) => namedResult(result, language)))}`
    : ''
  return json(reply, `{"cart":${text}${results}${shown === null ? '' : `,"token":${JSON.stringify(shown)}`}}`)
}

/** How a caller asks for a switch of carts. */
export function switchRequest(request: FastifyRequest, cart: string): SwitchRequest {
  const caller = callerOf(request)
  const { type } = request.query as { type?: string }
  return {
    ...address(caller, cart, type),
    by: nameOf(caller.actor),
    onBehalf: caller.all,
    ifMatch: ifMatch(request),
    idempotency: claimOf(request, null),
  }
}

/** The cart after a switch. */
export function sendSwitched(reply: FastifyReply, { text, created, replayed }: Switched): string {
  if (replayed) reply.header('idempotency-replayed', 'true')
  reply.code(created ? 201 : 200)
  return json(reply, `{"cart":${spoken(reply, text)}}`)
}

/**
 * Where an estimate is asked for: what the request names goes before what the cart knows (SEED3-52); null where it names nothing. A region or a
 * postal code alone is one of the country that is known already.
 */
function askedDestination(
  { country, region, postalCode }: Type.Static<typeof EstimateQuery>,
  known: Destination | null,
): Destination | null | Refusal {
  if (country === undefined && !region && !postalCode) return null
  const there = country ?? known?.country
  if (there === undefined) return refuse('invalid', { path: '/querystring/country', reason: 'needed_with_region_and_postal_code' })
  return { country: there, ...(region ? { region } : {}), ...(postalCode ? { postalCode } : {}) }
}

function skusOf(lines: readonly LineRequest[]): string[] {
  return lines.flatMap((line) => line.sku ?? [])
}

/** A refusal of the only line of a body that is that line: its path begins at the body. */
function atBody(refusal: Refusal): Refusal {
  const { path, results, ...rest } = refusal
  return { ...rest, ...(path === undefined ? {} : { path: path.replace(/^\/lines\/0/, '') || '/' }) }
}

function createOrKeep(
  cart: Cart,
  input: {
    wanted: readonly LineRequest[]
    currency: string | undefined
    attributes: Cart['attributes'] | undefined
    email: string | undefined
  },
  facts: Facts,
): Decision | Refusal {
  // Who has a cart gets it back as it is; asking for one twice must not change it.
  if (cart.version > 0) return { cart }
  const changed = changeCart(cart, defined({ currency: input.currency, attributes: input.attributes, email: input.email }), facts)
  if (isRefusal(changed) || input.wanted.length === 0) return changed
  return addLines(changed.cart, { lines: input.wanted }, facts)
}

interface Step {
  readonly skus: readonly string[]
  readonly codes: readonly string[]
  /** Where the command's input stands in its entry. */
  readonly at: string
  readonly run: (cart: Cart, facts: Facts) => Decision | Refusal
}

type Command = Type.Static<typeof contract.Commands>['commands'][number]

function stepOf(
  command: Command,
  settings: Settings,
  requests: (lines: readonly Type.Static<typeof contract.LineInput>[]) => LineRequest[],
): Step {
  const [at = ''] = Object.keys(command)
  const plain = (run: Step['run'], codes: readonly string[] = []): Step => ({ skus: [], codes, at: `/${at}`, run })
  if ('add' in command) {
    const lines = requests(command.add.lines)
    return { skus: skusOf(lines), codes: [], at: '/add', run: (cart, facts) => addLines(cart, { lines, atomic: true }, facts) }
  }
  if ('set' in command) return plain((cart, facts) => setLine(cart, { ...defined(command.set), lineId: command.set.lineId }, facts))
  if ('remove' in command) return plain((cart) => removeLine(cart, command.remove))
  if ('clear' in command) return plain((cart) => clearLines(cart))
  if ('applyCode' in command)
    return plain((cart, facts) => applyCode(cart, command.applyCode, facts), [normaliseCode(command.applyCode.code, settings)])
  if ('removeCode' in command) return plain((cart, facts) => removeCode(cart, command.removeCode, facts))
  return plain((cart, facts) => changeCart(cart, command.change, facts))
}

function inSequence(cart: Cart, steps: readonly Step[], facts: Facts): Decision | Refusal {
  let current = cart
  for (const [index, step] of steps.entries()) {
    const decided = step.run(current, facts)
    if (isRefusal(decided)) return { ...decided, path: `/commands/${index}${step.at}${decided.path ?? ''}` }
    current = decided.cart
  }
  return { cart: current }
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

/** The fields that have a value: absent and undefined are the same to a caller, but not to the compiler. */
function defined<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>
}
