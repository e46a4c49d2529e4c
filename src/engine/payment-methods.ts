// In which ways a shop can be paid: its providers in the order of its settings, each with its methods. What is listed, and what is taken when
// somebody pays, is the same list.
import { type Refusal, refuse } from '../core/refusal.ts'
import { readProviderAccount } from '../store/provider-accounts.ts'
import type { Store } from '../store/store.ts'
import type { ShopFacts } from './facts.ts'
import type { PaymentProvider } from './ports.ts'

/** A way to pay. `method` and `instructions` are null where its provider has one way only. */
export interface PaymentMethod {
  readonly provider: string
  readonly method: string | null
  readonly name: string
  readonly instructions: string | null
}

/** How somebody wants to pay; what is not named is the first that fits. */
export interface WantedPayment {
  readonly provider?: string | undefined
  readonly method?: string | undefined
}

/** Ways to pay. */
export interface PaymentMethods {
  /** All that a shop offers, in the order in which they are shown; the first is the default. */
  offered(shop: ShopFacts): Promise<PaymentMethod[]>
  /** The one that is wanted and takes this amount (minor units), or `payment_method_unavailable` with those there are. */
  choose(shop: ShopFacts, wanted: WantedPayment, amount: number): Promise<PaymentMethod | Refusal>
}

/** Makes it. */
export function createPaymentMethods({
  store,
  providers,
}: {
  store: Store
  providers: ReadonlyMap<string, PaymentProvider>
}): PaymentMethods {
  async function offered(shop: ShopFacts): Promise<PaymentMethod[]> {
    const methods: PaymentMethod[] = []
    for (const name of shop.settings.payment.providers) {
      const provider = providers.get(name)
      if (provider && (await isReady(shop.id, provider))) methods.push(...methodsOf(provider, shop))
    }
    return methods
  }

  /** Who pays must not find out at the provider that the shop has no account there. */
  async function isReady(shopId: string, { name, account }: PaymentProvider): Promise<boolean> {
    return account === undefined || (await readProviderAccount(store.reader, shopId, name)) !== undefined
  }

  async function choose(shop: ShopFacts, { provider, method }: WantedPayment, amount: number): Promise<PaymentMethod | Refusal> {
    const takes = (name: string) => amount > 0 || providers.get(name)?.opensZero === true
    const all = (await offered(shop)).filter((each) => takes(each.provider))
    const fitting = all.filter((each) => provider === undefined || each.provider === provider)
    const chosen = fitting.find((each) => method === undefined || each.method === method)
    if (chosen) return chosen
    const names = (list: readonly (string | null)[]) => [...new Set(list.flatMap((name) => name ?? []))]
    return fitting.length === 0
      ? refuse('payment_method_unavailable', {
          asked: provider ?? null,
          available: names(all.map((each) => each.provider)),
          path: '/payment/provider',
        })
      : refuse('payment_method_unavailable', {
          asked: method ?? null,
          available: names(fitting.map((each) => each.method)),
          path: '/payment/method',
        })
  }

  return { offered, choose }
}

function methodsOf({ name, settles }: PaymentProvider, { settings }: ShopFacts): PaymentMethod[] {
  const methods = settles === 'later' ? settings.payment.manualMethods : []
  if (methods.length === 0) return [{ provider: name, method: null, name, instructions: null }]
  return methods.map((method) => ({ provider: name, method: method.id, name: method.name, instructions: method.instructions || null }))
}
