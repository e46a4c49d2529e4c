// In which ways a shop can be paid: its providers in the order of its settings, each with its methods. What is listed, and what is taken when
// somebody pays, is the same list. A balance is offered to whoever has one that may pay, and is taken only where it is asked for by name, unless a
// shop has no other way.
import { BALANCE_PROVIDER } from '../core/balance.ts'
import type { Owner } from '../core/cart.ts'
import type { PricedLine } from '../core/pricing.ts'
import { type Refusal, refuse } from '../core/refusal.ts'
import { readBalance } from '../store/balances.ts'
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
  /** What a balance holds, in minor units of the currency in which is paid; absent for all others. */
  readonly available?: number
}

/** What is to be paid, and by whom: an order, or a cart that may become one. `amount` is minor units. */
export interface Bill {
  readonly owner: Owner
  readonly currency: string
  readonly lines: readonly Pick<PricedLine, 'kind'>[]
  readonly amount: number
}

/** How somebody wants to pay; what is not named is the first that fits. */
export interface WantedPayment {
  readonly provider?: string | undefined
  readonly method?: string | undefined
  /** Who pays is not who ordered, or cannot prove it: a balance is not theirs to spend. */
  readonly withoutBalance?: boolean
}

/** Ways to pay. */
export interface PaymentMethods {
  /** All that a shop offers to who pays, in the order in which they are shown. */
  offered(shop: ShopFacts, bill: Bill): Promise<PaymentMethod[]>
  /**
   * The one that is wanted and takes the amount, or `payment_method_unavailable` with those there are; `balance_insufficient` where a balance is wanted
   * that holds less.
   */
  choose(shop: ShopFacts, wanted: WantedPayment, bill: Bill): Promise<PaymentMethod | Refusal>
}

/** Makes it. */
export function createPaymentMethods({
  store,
  providers,
}: {
  store: Store
  providers: ReadonlyMap<string, PaymentProvider>
}): PaymentMethods {
  async function offered(shop: ShopFacts, bill: Bill): Promise<PaymentMethod[]> {
    const methods: PaymentMethod[] = []
    for (const name of shop.settings.payment.providers) {
      const provider = providers.get(name)
      if (!provider || !(await isReady(shop.id, provider))) continue
      if (name !== BALANCE_PROVIDER) methods.push(...methodsOf(provider, shop))
      else if (mayUseBalance(bill)) {
        const available = await readBalance(store.reader, { shopId: shop.id, account: bill.owner.accountId, currency: bill.currency })
        if (available > 0) methods.push(...methodsOf(provider, shop).map((method) => ({ ...method, available })))
      }
    }
    return methods
  }

  /** Who pays must not find out at the provider that the shop has no account there. */
  async function isReady(shopId: string, { name, account }: PaymentProvider): Promise<boolean> {
    return account === undefined || (await readProviderAccount(store.reader, shopId, name)) !== undefined
  }

  async function choose(shop: ShopFacts, wanted: WantedPayment, bill: Bill): Promise<PaymentMethod | Refusal> {
    const { provider, method, withoutBalance = false } = wanted
    if (withoutBalance && provider === BALANCE_PROVIDER)
      return refuse('payment_method_unavailable', { asked: provider, reason: 'login_required', path: '/payment/provider' })
    const takes = (name: string) =>
      (bill.amount > 0 || providers.get(name)?.opensZero === true) && !(withoutBalance && name === BALANCE_PROVIDER)
    const all = (await offered(shop, bill)).filter((each) => takes(each.provider))
    const fitting = provider === undefined ? withoutBeingAsked(all) : all.filter((each) => each.provider === provider)
    const chosen = fitting.find((each) => method === undefined || each.method === method)
    const isBalance = provider === BALANCE_PROVIDER || chosen?.provider === BALANCE_PROVIDER
    const refused = isBalance ? balanceRefusal(shop, bill, chosen?.available ?? 0) : null
    if (refused) return refused
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

/** What may be taken where none is named, the default first: nobody's balance is debited without being asked for, unless there is no other way. */
export function withoutBeingAsked(methods: readonly PaymentMethod[]): readonly PaymentMethod[] {
  const others = methods.filter(({ available }) => available === undefined)
  return others.length > 0 ? others : methods
}

/** A guest has no balance, and nobody buys balance with balance. */
function mayUseBalance(bill: Bill): bill is Bill & { readonly owner: Extract<Owner, { kind: 'account' }> } {
  return bill.owner.kind === 'account' && bill.lines.every(({ kind }) => kind !== 'recharge')
}

/** Why a balance that is wanted does not pay, where more can be said than that it is not offered. */
function balanceRefusal({ settings }: ShopFacts, bill: Bill, available: number): Refusal | null {
  if (!settings.payment.providers.includes(BALANCE_PROVIDER) || bill.amount === 0) return null
  const path = '/payment/provider'
  if (!mayUseBalance(bill)) {
    const reason = bill.owner.kind === 'account' ? 'no_balance_for_balance' : 'login_required'
    return refuse('payment_method_unavailable', { asked: BALANCE_PROVIDER, reason, path })
  }
  return available < bill.amount ? refuse('balance_insufficient', { asked: bill.amount, available, currency: bill.currency, path }) : null
}

function methodsOf({ name, settles }: PaymentProvider, { settings }: ShopFacts): PaymentMethod[] {
  const methods = settles === 'later' ? settings.payment.manualMethods : []
  if (methods.length === 0) return [{ provider: name, method: null, name, instructions: null }]
  return methods.map((method) => ({ provider: name, method: method.id, name: method.name, instructions: method.instructions || null }))
}
