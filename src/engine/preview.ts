// What a cart would cost at another time, or with promotions that do not exist yet (SEED2-74). A preview is a price and nothing more: it is computed
// from facts that were changed on the way, so no cart is written, no use counted and no stock held.
import { applyCode, type Cart, type Decision, emptyCart, normaliseCode, type Owner, requireOpen } from '../core/cart.ts'
import type { CodeFacts, Facts, LimitFacts } from '../core/facts.ts'
import { edgesOf, giftOf, isLimited, type Promotion } from '../core/promotion.ts'
import { isRefusal, type Refusal, refuse } from '../core/refusal.ts'
import { type CartAddress, type Carts, skusOf } from './carts.ts'
import { buyerOf, type FactsCache, type ShopFacts } from './facts.ts'
import type { Clock, Randomness } from './ports.ts'

/** A cart that exists for the length of a preview. `decide` fills it, at the time of the preview. */
export interface MadeUpCart {
  readonly owner: Owner
  readonly customerGroups: readonly string[]
  readonly skus: readonly string[]
  readonly codes: readonly string[]
  readonly decide: (cart: Cart, facts: Facts) => Decision | Refusal
}

/** What is to be previewed. */
export interface PreviewRequest {
  readonly shop: ShopFacts
  readonly cart: CartAddress | MadeUpCart
  /** The moment that counts, in milliseconds; null is now. */
  readonly at: number | null
  /** Promotions that count, though nobody wrote them: each takes the place of the one with its id. */
  readonly drafts: readonly Promotion[]
  /** Ids of promotions that do not count. */
  readonly without: readonly string[]
  /** Codes that exist in this preview only, and are on its cart: which promotion each of them opens. */
  readonly codes: Readonly<Record<string, string>>
}

/** A cart with the facts that a preview prices it by. */
export interface Previewed {
  readonly cart: Cart
  readonly facts: Facts
}

/** Answers the cart and the facts of a preview, for `explain`. Refuses what the cart's own commands refuse, and `promotion_not_found`. */
export type Preview = (request: PreviewRequest) => Promise<Previewed | Refusal>

/** Makes it. */
export function createPreview(parts: { facts: FactsCache; carts: Carts; clock: Clock; random: Randomness }): Preview {
  const { facts: cache, carts, clock, random } = parts

  async function factsFor(request: PreviewRequest, cart: Cart, skus: readonly string[], codes: readonly string[]): Promise<Facts> {
    const { shop } = request
    await cache.collect(shop, skus, codes, [buyerOf(cart)])
    return asPreviewed(cache.forCart(shop, codes, skus, cart, Object.values(request.codes)), request)
  }

  async function start({ shop, cart }: PreviewRequest): Promise<Cart | Refusal> {
    if ('cart' in cart) {
      const found = await carts.inspect(cart)
      return isRefusal(found) ? found : (requireOpen(found.cart) ?? found.cart)
    }
    const { owner, customerGroups } = cart
    const type = shop.settings.cart.types[0] ?? 'shopping'
    const identity = { id: random.id('cart'), number: random.number(), shopId: shop.id, type, owner, currency: shop.currency }
    return { ...emptyCart({ ...identity, now: clock.now() }), customerGroups }
  }

  return async (request) => {
    const { shop, drafts } = request
    const unknown = unknownPromotion(request)
    if (unknown) return unknown
    const begun = await start(request)
    if (isRefusal(begun)) return begun
    const madeUp = 'decide' in request.cart ? request.cart : null
    const gifts = [...shop.giftSkus, ...drafts.flatMap((draft) => giftOf(draft) ?? [])]
    const skus = [...new Set([...skusOf(begun), ...(madeUp?.skus ?? []), ...gifts])]
    const draftCodes = Object.keys(request.codes).map((code) => normaliseCode(code, shop.settings))
    const codes = [...new Set([...begun.codes, ...(madeUp?.codes ?? []).map((code) => normaliseCode(code, shop.settings)), ...draftCodes])]
    const facts = await factsFor(request, begun, skus, codes)
    const decided = madeUp ? madeUp.decide(begun, facts) : { cart: begun }
    if (isRefusal(decided)) return decided
    const cart = withCodes(decided.cart, draftCodes, facts)
    // What is left of limits is asked for the customer that the cart has now.
    return isRefusal(cart) ? cart : { cart, facts: await factsFor(request, cart, skus, codes) }
  }
}

function unknownPromotion({ shop, drafts, without, codes }: PreviewRequest): Refusal | null {
  const isKnown = (id: string) => shop.promotions.has(id) || drafts.some((draft) => draft.id === id)
  const named: [path: string, promotionId: string][] = [
    ...without.map((id, index): [string, string] => [`/without/${index}`, id]),
    ...Object.entries(codes).map(([code, id]): [string, string] => [`/codes/${code.replaceAll('~', '~0').replaceAll('/', '~1')}`, id]),
  ]
  const [path, promotionId] = named.find(([, id]) => !isKnown(id)) ?? []
  return path === undefined ? null : refuse('promotion_not_found', { promotionId, path })
}

function withCodes(cart: Cart, codes: readonly string[], facts: Facts): Cart | Refusal {
  let current = cart
  for (const code of codes.filter((each) => !cart.codes.includes(each))) {
    const decided = applyCode(current, { code }, facts)
    if (isRefusal(decided)) return { ...decided, path: '/codes' }
    current = decided.cart
  }
  return current
}

/** The facts as they are, but for the time, the drafts, what is left out, and codes that open what they say. */
function asPreviewed(facts: Facts, { shop, at, drafts, without, codes }: PreviewRequest): Facts {
  const opened = Object.values(codes).flatMap((id) => shop.promotions.get(id) ?? [])
  const promotions = new Map(facts.promotions)
  for (const promotion of [...opened, ...drafts]) promotions.set(promotion.id, promotion)
  for (const id of without) promotions.delete(id)
  const limits = new Map(facts.limits)
  for (const draft of drafts) {
    limits.delete(draft.id)
    if (isLimited(draft)) limits.set(draft.id, unused(draft))
  }
  const draftCodes = Object.entries(codes).map(([code, promotionId]): [string, CodeFacts] => [
    normaliseCode(code, shop.settings),
    { promotionId, usesLeft: null },
  ])
  const now = at ?? facts.now
  const edges = [...shop.edges, ...drafts.flatMap(edgesOf)].filter((edge) => edge <= now)
  const lastEdge = Math.max(at === null ? facts.lastEdge : 0, ...edges)
  return { ...facts, now, lastEdge, promotions, limits, codes: new Map([...facts.codes, ...draftCodes]) }
}

/** What a promotion has left that nobody used yet. */
function unused({ usesMax, perCustomer, budget }: Promotion): LimitFacts {
  return {
    usesLeft: usesMax,
    customerUsesLeft: perCustomer?.uses ?? null,
    budgetLeft: budget && Object.fromEntries(budget.map(({ currency, amount }) => [currency, amount])),
  }
}
