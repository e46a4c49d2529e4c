// Why a price is what it is, for staff and servers: of a cart as it stands, and of one at another time or under promotions that are only drafts.
// Shoppers get neither: promotions and their conditions are the shop's own business beyond what a cart shows.
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply } from 'fastify'
import Type from 'typebox'
import * as contract from '../contract/explanation.ts'
import { Id, Text } from '../contract/schemas.ts'
import { addLines, applyCode, type Cart, type Decision, type LineRequest, requireOpen } from '../core/cart.ts'
import { formatDecimal } from '../core/currency.ts'
import { changeCart } from '../core/details.ts'
import { type Explained, explain } from '../core/explanation.ts'
import type { Facts } from '../core/facts.ts'
import type { PromotionReason } from '../core/promoting.ts'
import type { Promotion } from '../core/promotion.ts'
import { isRefusal, type Refusal, refuse } from '../core/refusal.ts'
import { factsText } from '../core/replay.ts'
import type { Scope } from '../core/scope.ts'
import type { Engine } from '../engine/engine.ts'
import { hasScope } from '../engine/identity.ts'
import type { MadeUpCart } from '../engine/preview.ts'
import { type Caller, callerOf, Refused, unwrap } from './access.ts'
import { address, json, lineRequests } from './carts.ts'
import { speak, withMessages } from './messages.ts'
import { promotionOf } from './promotions.ts'

type PreviewInput = Type.Static<typeof contract.PreviewInput>
type Described = Exclude<PreviewInput['cart'], string>

/** Facts hold the promotions and the settings that were looked at: who gets them must be allowed to read those. */
const FACTS_SCOPES = ['promotions:read', 'settings:read'] as const

/** The routes of explanations and previews. */
export function explanationRoutes(engine: Engine): FastifyPluginAsyncTypebox {
  const { carts, preview, random } = engine

  return async (app) => {
    app.get(
      '/carts/:cart/explanation',
      {
        config: { access: { scope: 'carts:read' } },
        schema: {
          tags: ['Carts'],
          summary: 'Why the cart costs what it costs: promotions, rates, roundings (keys only)',
          params: Type.Object({ shop: Text(63), cart: Id }),
          querystring: Type.Object(
            { type: Type.Optional(Text(40)), account: Type.Optional(Id), facts: Type.Optional(Type.Boolean()) },
            { additionalProperties: false },
          ),
          response: { 200: Type.Ref('Explanation') },
        },
      },
      async (request, reply) => {
        const { type, facts: wantsFacts = false } = request.query
        const caller = callerOf(request)
        requireScopes(caller, wantsFacts ? FACTS_SCOPES : [])
        const { cart, facts } = unwrap(await carts.inspect(address(caller, request.params.cart, type)))
        // A cart that is over keeps the price that it had; today's facts say nothing about it.
        unwrap(requireOpen(cart) ?? true)
        return answer(reply, cart, facts, wantsFacts)
      },
    )

    app.post(
      '/promotions/preview',
      {
        config: { access: { scope: 'promotions:preview' } },
        schema: {
          tags: ['Promotions'],
          summary: 'What a cart would cost at another time or with other promotions; writes nothing',
          querystring: Type.Object({ account: Type.Optional(Id), facts: Type.Optional(Type.Boolean()) }, { additionalProperties: false }),
          body: contract.PreviewInput,
          response: { 200: Type.Ref('Explanation') },
        },
      },
      async (request, reply) => {
        const { cart: wanted, at, promotions = [], without = [], codes = {} } = request.body
        const wantsFacts = request.query.facts ?? false
        const caller = callerOf(request)
        // Who may preview may not read everybody's carts for that.
        requireScopes(caller, [...(typeof wanted === 'string' ? (['carts:read'] as const) : []), ...(wantsFacts ? FACTS_SCOPES : [])])
        const { cart, facts } = unwrap(
          await preview({
            shop: caller.shop,
            cart: typeof wanted === 'string' ? address(caller, wanted) : madeUp(caller, wanted),
            at: at === undefined ? null : Date.parse(at),
            drafts: promotions.map(({ id, ...input }, index): Promotion => {
              const draft = promotionOf(input, null)
              if (isRefusal(draft)) throw new Refused({ ...draft, path: `/promotions/${index}${draft.path ?? ''}` })
              return { ...draft, id: id ?? random.id('prm') }
            }),
            without,
            codes,
          }),
        )
        return answer(reply, cart, facts, wantsFacts)
      },
    )
  }

  function madeUp(caller: Caller, { lines, codes = [], customerGroups = [], ...changes }: Described): MadeUpCart {
    const wanted = lineRequests(caller, lines, random, '/cart/lines')
    return {
      owner: caller.owner ?? { kind: 'guest', guestId: '' },
      customerGroups,
      skus: wanted.flatMap((line) => line.sku ?? []),
      codes,
      decide: (cart, facts) => filled(cart, { wanted, codes, changes }, facts),
    }
  }
}

function requireScopes({ actor }: Caller, scopes: readonly Scope[]): void {
  const missing = scopes.find((scope) => !hasScope(actor, scope))
  if (missing !== undefined) throw new Refused(refuse('missing_scope', { scope: missing }))
}

/** A made-up cart with all that was said of it. Its currency comes first and its shipping method last, as each rests on what is between. */
function filled(
  cart: Cart,
  { wanted, codes, changes }: { wanted: readonly LineRequest[]; codes: readonly string[]; changes: Parameters<typeof changeCart>[1] },
  facts: Facts,
): Decision | Refusal {
  const { currency, ...others } = changes
  const steps: ((current: Cart) => Decision | Refusal)[] = [
    (current) => changeCart(current, currency === undefined ? {} : { currency }, facts),
    (current) => (wanted.length === 0 ? { cart: current } : addLines(current, { lines: wanted, atomic: true }, facts)),
    (current) => changeCart(current, others, facts),
    ...codes.map((code, index) => (current: Cart) => {
      const decided = applyCode(current, { code }, facts)
      return isRefusal(decided) ? { ...decided, path: `/codes/${index}` } : decided
    }),
  ]
  let decision: Decision = { cart }
  for (const step of steps) {
    const decided = step(decision.cart)
    if (isRefusal(decided)) return { ...decided, path: `/cart${decided.path ?? ''}` }
    decision = decided
  }
  return decision
}

function answer(reply: FastifyReply, cart: Cart, facts: Facts, wantsFacts: boolean): string {
  const explained = unwrap(explain(cart, facts))
  const spoken = withMessages(JSON.stringify(explained.cart), speak(reply.request, reply))
  reply.header('cache-control', 'private, no-store')
  return json(reply, explanationText(explained, spoken, wantsFacts ? factsText(cart, facts) : null))
}

/** An explanation as it is answered, around the text of its cart; with the text of its facts where they are wanted. */
export function explanationText({ cart, explanation }: Explained, cartText: string, facts: string | null): string {
  const told = JSON.stringify({ ...explanation, summary: summaryOf({ cart, explanation }) })
  return `{"cart":${cartText},${told.slice(1, -1)}${facts === null ? '' : `,"facts":${facts}`}}`
}

// In words ------------------------------------------------------------------------------------------------------------------------------

/** Where a unit price comes from, by the id of the rate that counted; any other is a row of the catalogue. */
const PRICE_SOURCES: Readonly<Record<string, string>> = {
  catalog: 'the price of the catalogue',
  plan: 'the price of its plan',
  amount: 'the amount that was chosen',
  external: 'the price that a server set',
  inline: 'the price that a server set',
  held: 'the price from when it was added, which is kept',
}

/** Why a promotion or a code does not apply, as the end of a sentence. */
const REASONS: Readonly<Record<PromotionReason, string>> = {
  code: 'it needs a code that is not on the cart',
  item_total_too_low: 'the items come to too little',
  item_total_too_high: 'the items come to too much',
  quantity_too_low: 'there are too few pieces of what it is for',
  quantity_too_high: 'there are too many pieces of what it is for',
  lines: 'the cart does not have the lines that it is for',
  customer_group: 'the customer is in none of its groups',
  account_required: 'it is for customers who are logged in',
  guest_required: 'it is for guests',
  account: 'it is for other customers',
  not_first_order: 'the customer has ordered before',
  customer_unknown: 'there is no account and no e-mail address that tells who the customer is',
  country: 'it is for other countries',
  currency: 'it is for other currencies',
  not_started: 'it has not begun',
  expired: 'it is over',
  hours: 'it is for other days or hours',
  other_promotion: 'another promotion that excludes it applies',
  excluded: 'something holds that excludes it',
  unknown: 'there is no such code',
  same_promotion: 'another code of the same promotion is on the cart',
  inactive: 'it is switched off',
  empty: 'there is nothing in the cart that can be bought',
  exhausted: 'its uses or its budget are used up',
  used_up_by_customer: 'this customer has used it as often as allowed',
  needs_email: 'its uses are counted by customer, and there is no account and no e-mail address yet',
  gift_unavailable: 'its gift cannot be had: unknown, not for sale in this currency, or out of stock',
  shipping_method: 'it is for other shipping methods',
  replaced: 'others give more',
  stopped: 'one that ran before it ends the row',
}

/** A reason in words; one that has none stands for itself. */
function inWords(reason: string | null): string {
  return REASONS[reason as PromotionReason] ?? String(reason)
}

/** A sentence for each step, in the order in which they were taken. Amounts are plain decimals: they are read beside the data. */
function summaryOf({ cart, explanation }: Explained): string[] {
  const { currency } = cart
  const say = (amount: number) => `${formatDecimal(amount, currency)} ${currency}`
  const nameOf = (of: string) => cart.lines.find((line) => line.id === of)?.name ?? of
  const items = cart.lines.map((line) => {
    if (line.state === 'UNAVAILABLE') return `${line.name} cannot be bought now and counts for nothing.`
    const price = explanation.rates.find((rate) => rate.kind === 'price' && rate.of === line.id && rate.chosen)
    const source = PRICE_SOURCES[price?.id ?? ''] ?? PRICE_SOURCES.catalog
    return `${line.name}: ${line.quantity} × ${say(line.unitPrice.amount)} = ${say(line.itemTotal.amount)}, ${source}.`
  })
  const promotions = explanation.promotions.map(({ name, code, outcome, reason, discount }) => {
    const who = `Promotion ${name}${code === null ? '' : ` (code ${code})`}`
    if (outcome === 'not_applied') return `${who} did not apply: ${inWords(reason)}.`
    return discount > 0 ? `${who} took ${say(discount)} off.` : `${who} applied.`
  })
  const codes = explanation.codes
    .filter(({ applied }) => !applied)
    .map(({ code, reason }) => `Code ${code} does not apply: ${inWords(reason)}.`)
  const changes = explanation.totals
    .filter(({ type, of }) => type === 'shipping' || type === 'tax' || of === 'shipping')
    .map(({ type, label, amount, of, included }) => {
      const what = type === 'shipping' ? `Shipping by ${label}` : `${label} on ${nameOf(of)}`
      return `${what}: ${say(amount)}${included ? ', contained in the price' : ''}.`
    })
  const parts = [cart.itemTotal, cart.discountTotal, cart.shippingTotal, cart.additionalTaxTotal].map(({ amount }) => amount)
  const total = `Total: items ${say(parts[0] ?? 0)}, discounts ${say(parts[1] ?? 0)}, shipping ${say(parts[2] ?? 0)}, tax added ${say(parts[3] ?? 0)}; together ${say(cart.total.amount)}.`
  return [...items, ...promotions, ...codes, ...changes, total]
}
