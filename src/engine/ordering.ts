// What is done with orders, put together: ordering and paying, what staff does with them, and what providers say.
import type { Logger } from 'pino'
import type { Store } from '../store/store.ts'
import type { Accounts } from './accounts.ts'
import { type Checkout, createCheckout } from './checkout.ts'
import { type Claiming, createClaiming } from './claiming.ts'
import { createEditing, type Editing } from './editing.ts'
import type { EmailQueue } from './email-queue.ts'
import type { FactsCache } from './facts.ts'
import { createFulfilling, type Fulfilling } from './fulfilments.ts'
import type { Signer } from './identity.ts'
import type { Work } from './jobs.ts'
import type { Limiting } from './limiting.ts'
import { createOrderLines, type OrderLines } from './order-lines.ts'
import { createOrderLookup } from './order-lookup.ts'
import { createPaymentMethods, type PaymentMethods } from './payment-methods.ts'
import { createPayments, type Payments } from './payments.ts'
import { createPlacement } from './placing.ts'
import type { Clock, PaymentProvider, Randomness } from './ports.ts'
import type { Quoting } from './quotes.ts'
import { createReconciling, type Reconciling } from './reconciling.ts'
import type { Recording } from './recording.ts'
import { createRefunds, type Refunds } from './refunds.ts'
import { createSettling, type Settling } from './settling.ts'
import { createStatuses, type OrderStatuses } from './statuses.ts'
import type { SubscriptionBooks } from './subscription-books.ts'
import { createSubscriptions, type Subscriptions } from './subscriptions.ts'

/** Orders and their money. */
export interface Ordering {
  readonly checkout: Checkout
  readonly payments: Payments
  readonly paymentMethods: PaymentMethods
  readonly settling: Settling
  readonly reconciling: Reconciling
  readonly refunds: Refunds
  readonly orderLines: OrderLines
  readonly editing: Editing
  readonly fulfilling: Fulfilling
  readonly statuses: OrderStatuses
  readonly claiming: Claiming
  readonly lookUpOrder: ReturnType<typeof createOrderLookup>
  readonly subscriptions: Subscriptions
  /** What of it goes on by itself. */
  readonly works: readonly Work[]
}

/** Makes it. */
export function createOrdering(parts: {
  store: Store
  facts: FactsCache
  clock: Clock
  random: Randomness
  quotes: Quoting
  accounts: Accounts
  books: SubscriptionBooks
  recording: Recording
  limiting: Limiting
  emails: EmailQueue
  signer: Signer
  providers: ReadonlyMap<string, PaymentProvider>
  publicUrl: () => string
  log: Logger
  /** What else is due whenever payments are looked at. */
  extra: readonly (() => Promise<unknown>)[]
}): Ordering {
  const { store, providers, publicUrl } = parts
  const placement = createPlacement(parts)
  const payments = createPayments({
    ...parts,
    placement,
    returnAddress: (shopId, provider, paymentId) => `${publicUrl()}/v1/shops/${shopId}/payments/${provider}/returns/${paymentId}`,
  })
  const paymentMethods = createPaymentMethods({ store, providers })
  const checkout = createCheckout({ ...parts, placement, payments, paymentMethods })
  const subscriptions = createSubscriptions({ ...parts, checkout, payments, paymentMethods })
  const reconciling = createReconciling({ ...parts, checkout, payments, subscriptions })
  const refunds = createRefunds({ ...parts, reconciling })
  const settling = createSettling({ ...parts, payments })
  return {
    checkout,
    payments,
    paymentMethods,
    settling,
    reconciling,
    refunds,
    orderLines: createOrderLines({ ...parts, refunds, checkout }),
    editing: createEditing({ ...parts, placement }),
    fulfilling: createFulfilling(parts),
    statuses: createStatuses({ ...parts, checkout }),
    claiming: createClaiming(parts),
    lookUpOrder: createOrderLookup(parts),
    subscriptions,
    works: [...reconciling.works, settling.work, subscriptions.work],
  }
}
