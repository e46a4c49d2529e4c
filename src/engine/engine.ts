// The parts of the engine, put together. Everything that decides when, by chance or by asking somebody else comes in as a port.
import type { Logger } from 'pino'
import type { Refusal } from '../core/refusal.ts'
import type { Store } from '../store/store.ts'
import { type Accounts, createAccounts } from './accounts.ts'
import { type Carts, createCarts } from './carts.ts'
import { type Catalogue, createCatalogue } from './catalogue.ts'
import { type Checkout, createCheckout } from './checkout.ts'
import { deliveryWork } from './deliveries.ts'
import { createEditing, type Editing } from './editing.ts'
import { createEmailComposing } from './email-composing.ts'
import { createEmailQueue } from './email-queue.ts'
import { createEmailing, type Emailing } from './emailing.ts'
import { createExpiry } from './expiry.ts'
import { createFactsCache, type FactsCache } from './facts.ts'
import { createFulfilling, type Fulfilling } from './fulfilments.ts'
import { createGuests, type Guests } from './guests.ts'
import { createIdentities, type Identities, type Signer } from './identity.ts'
import { createJobs, type Jobs } from './jobs.ts'
import { createMerging, type MergeAnswer, type MergeRequest } from './merging.ts'
import { createOrderLines, type OrderLines } from './order-lines.ts'
import { createPaymentMethods, type PaymentMethods } from './payment-methods.ts'
import { createPayments, type Payments } from './payments.ts'
import { createPlacement } from './placing.ts'
import type { Clock, Mailer, PaymentProvider, Randomness, ShippingRateProvider, TaxProvider } from './ports.ts'
import { createPoster } from './posting.ts'
import { createPreview, type Preview } from './preview.ts'
import { createPromotions, type Promotions } from './promotions.ts'
import { createProviderAccounts, type ProviderAccounts } from './provider-accounts.ts'
import { createQuoting, type Quoting } from './quotes.ts'
import { createReconciling, type Reconciling } from './reconciling.ts'
import { createRecording } from './recording.ts'
import { createRefunds, type Refunds } from './refunds.ts'
import { createRestoring, type Restoring } from './restoring.ts'
import { createSettling, type Settling } from './settling.ts'
import { createStatuses, type OrderStatuses } from './statuses.ts'
import { createSwitching, type Switching } from './switching.ts'
import { type Allowed, NOTHING_ALLOWED } from './targets.ts'
import { tidyingWork } from './tidying.ts'
import { createWatching, type Watching } from './watch.ts'
import { createWebhooks, type Webhooks } from './webhooks.ts'

/** A running engine. */
export interface Engine {
  readonly store: Store
  readonly clock: Clock
  readonly random: Randomness
  readonly signer: Signer
  readonly facts: FactsCache
  readonly accounts: Accounts
  readonly carts: Carts
  readonly watching: Watching
  readonly checkout: Checkout
  readonly editing: Editing
  readonly payments: Payments
  readonly paymentMethods: PaymentMethods
  readonly settling: Settling
  readonly providerAccounts: ProviderAccounts
  readonly fulfilling: Fulfilling
  readonly statuses: OrderStatuses
  readonly refunds: Refunds
  readonly orderLines: OrderLines
  readonly merge: (request: MergeRequest) => Promise<MergeAnswer | Refusal>
  readonly catalogue: Catalogue
  readonly preview: Preview
  readonly promotions: Promotions
  readonly identities: Identities
  readonly jobs: Jobs
  readonly reconciling: Reconciling
  readonly providers: ReadonlyMap<string, PaymentProvider>
  readonly quotes: Quoting
  readonly guests: Guests
  readonly switching: Switching
  readonly restore: Restoring
  readonly emails: Emailing
  readonly webhooks: Webhooks
  /** Where browsers reach this installation, without a slash at the end. */
  readonly publicUrl: () => string
}

/** What an engine is made of. */
export interface EngineParts {
  readonly store: Store
  readonly clock: Clock
  readonly random: Randomness
  readonly signer: Signer
  /** SHA-256 of the installation's admin key. */
  readonly adminHash: () => string
  readonly providers: readonly PaymentProvider[]
  /** Outside engines; none where absent. */
  readonly taxProviders?: readonly TaxProvider[]
  readonly shippingProviders?: readonly ShippingRateProvider[]
  /** Who sends e-mails; null or absent: nobody, and none are queued. */
  readonly mailer?: Mailer | null
  readonly log: Logger
  /** Where browsers reach this installation, without a slash at the end. */
  readonly publicUrl: () => string
  /** Where webhooks may go besides public addresses; nowhere where absent. */
  readonly webhookTargets?: Allowed
  /** Regular work of providers that live in this process. */
  readonly extraJobs?: readonly (() => Promise<unknown>)[]
}

/** Puts an engine together. Nothing runs until `jobs.start()`. */
export function createEngine(parts: EngineParts): Engine {
  const { store, clock, random, signer, adminHash, log, mailer = null } = parts
  const providers = new Map(parts.providers.map((provider) => [provider.name, provider]))
  const { taxProviders = [], shippingProviders = [] } = parts
  const quotes = createQuoting({ store, clock, taxProviders, shippingProviders, log })
  const facts = createFactsCache(store, clock, quotes.atHand)
  const base = { store, facts, clock, random }
  const carts = createCarts({ ...base, quotes })
  const guests = createGuests(base)
  const switching = createSwitching({ ...base, carts })
  const queue = createEmailQueue({ clock, random, canSend: mailer !== null })
  const recording = createRecording({ ...base, emails: queue })
  const placement = createPlacement({ ...base, quotes, recording })
  const payments = createPayments({
    ...base,
    providers,
    placement,
    recording,
    returnAddress: (shopId, provider, paymentId) => `${parts.publicUrl()}/v1/shops/${shopId}/payments/${provider}/returns/${paymentId}`,
  })
  const paymentMethods = createPaymentMethods({ store, providers })
  const accounts = createAccounts({ store, clock })
  const checkout = createCheckout({ ...base, accounts, quotes, providers, placement, recording, payments, paymentMethods })
  const editing = createEditing({ ...base, quotes, placement, recording })
  const settling = createSettling({ ...base, recording, payments, providers, log })
  const reconciling = createReconciling({ ...base, recording, checkout, payments, providers, log, extra: parts.extraJobs ?? [] })
  const allowed = parts.webhookTargets ?? NOTHING_ALLOWED
  const poster = createPoster(allowed)
  const refunds = createRefunds({ ...base, recording, reconciling })
  const expiry = createExpiry({ ...base, carts, signer, log, publicUrl: parts.publicUrl, emails: queue })
  const composing = createEmailComposing({ store, clock, carts, signer, publicUrl: parts.publicUrl })
  const emails = createEmailing({ ...base, mailer, queue, composing, recording, log })
  return {
    store,
    clock,
    random,
    signer,
    facts,
    accounts,
    checkout,
    editing,
    payments,
    paymentMethods,
    settling,
    providerAccounts: createProviderAccounts({ ...base, signer, providers }),
    fulfilling: createFulfilling({ ...base, recording }),
    statuses: createStatuses({ ...base, recording, checkout }),
    refunds,
    orderLines: createOrderLines({ ...base, recording, refunds, checkout }),
    providers,
    carts,
    quotes,
    guests,
    switching,
    restore: createRestoring({ store, clock, signer, carts, switching, guests }),
    emails,
    publicUrl: parts.publicUrl,
    watching: createWatching({
      ...base,
      carts,
      onError: (error) => log.error({ err: error }, 'watched carts could not be read; it is tried again'),
    }),
    merge: createMerging({ ...base, carts }),
    catalogue: createCatalogue({ ...base, engines: quotes.names }),
    preview: createPreview({ ...base, carts }),
    promotions: createPromotions({ ...base, carts }),
    identities: createIdentities({ store, facts, clock, signer, adminHash }),
    reconciling,
    webhooks: createWebhooks({ ...base, poster, allowed }),
    jobs: createJobs(
      [
        reconciling.work,
        settling.work,
        expiry.work,
        deliveryWork({ ...base, poster, log }),
        ...emails.works,
        tidyingWork({ store, clock, log }),
      ],
      log,
    ),
  }
}
