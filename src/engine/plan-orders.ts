// Ordering a plan: what is particular to it, so that an order is priced, paid and placed like any other. A plan is alone in its order, is an account's,
// and costs what the plan says: promotions are for goods.
import type { Cart } from '../core/cart.ts'
import type { PricedCart } from '../core/pricing.ts'
import type { Plan, Variant } from '../core/product.ts'
import { type Refusal, refuse } from '../core/refusal.ts'
import { intervalOf, type Subscription } from '../core/subscription.ts'
import type { ShopFacts } from './facts.ts'
import type { PaymentMethod } from './payment-methods.ts'
import type { PaymentProvider } from './ports.ts'

/** The shop as plans are ordered in it: subscriptions may be bought, and no promotion looks at them. A renewal finds what was agreed. */
export function shopForPlans(shop: ShopFacts, renewed: Subscription | null): ShopFacts {
  const { settings } = shop
  const { allowKinds } = settings.lines
  const variants = new Map(shop.variants)
  if (renewed) variants.set(renewed.variant.sku, agreedVariant(renewed))
  return {
    ...shop,
    settings: {
      ...settings,
      lines: { ...settings.lines, allowKinds: [...new Set([...allowKinds, 'subscription' as const])] },
      ...(renewed ? { pricing: { ...settings.pricing, onIncrease: 'accept' as const } } : {}),
    },
    ...{ promotions: new Map(), automatic: new Map(), edges: [], hasHours: false, limited: [], limitedAlways: [], personal: [] },
    ...{ asksFirstOrder: false, giftSkus: [] },
    variants,
    unknownSkus: new Set([...shop.unknownSkus].filter((sku) => sku !== renewed?.variant.sku)),
  }
}

function agreedVariant({ variant, plan }: Subscription): Variant {
  return { ...variant, kind: 'subscription', published: true, plans: [plan] }
}

/** The plan that an order buys, with what it is a plan of; null for an order of goods. */
export function planOfOrder(
  { lines }: Pick<PricedCart, 'lines'>,
  variants: ReadonlyMap<string, Variant>,
): { readonly variant: Variant; readonly plan: Plan } | null {
  for (const line of lines) {
    const variant = line.sku === null ? undefined : variants.get(line.sku)
    const plan = variant?.plans?.find((each) => each.id === line.plan)
    // What was agreed is one price: rows of the catalogue may come and go.
    if (variant && plan) return { variant, plan: { ...plan, price: { currency: line.unitPrice.currency, amount: line.unitPrice.amount } } }
  }
  return null
}

/** Why a plan cannot be ordered like this; null where it can, and for orders of goods. */
export function planRefusal(
  request: { readonly withoutPayment?: boolean | undefined },
  cart: Pick<Cart, 'owner' | 'codes'>,
  priced: Pick<PricedCart, 'lines'>,
  variants: ReadonlyMap<string, Variant>,
): Refusal | null {
  const bought = planOfOrder(priced, variants)
  if (bought === null) return null
  if (cart.owner.kind !== 'account') return refuse('login_required', { reason: 'subscriptions_belong_to_accounts' })
  if (priced.lines.length > 1 || cart.codes.length > 0) return refuse('plan_not_alone', { path: '/items' })
  if (intervalOf(bought.plan.interval) === null) return refuse('plan_invalid', { path: '/items/0/plan', interval: bought.plan.interval })
  if (request.withoutPayment) return refuse('payment_method_unavailable', { path: '/withoutPayment', reason: 'payment_required' })
  return null
}

/** Who takes the money of each period: the provider by itself, where it does that, or we when it is due. */
export function billedBy(chosen: PaymentMethod | null, providers: ReadonlyMap<string, PaymentProvider>): 'provider' | 'shop' {
  return chosen !== null && providers.get(chosen.provider)?.recurring !== undefined ? 'provider' : 'shop'
}
