// The parts of the engine, put together. Everything that decides when, by chance or by asking somebody else comes in as a port.
import type { Logger } from 'pino'
import type { Limits } from '../core/limit.ts'
import type { Refusal } from '../core/refusal.ts'
import type { Store } from '../store/store.ts'
import { type Accounts, createAccounts } from './accounts.ts'
import { createBalancePayment } from './balance-payment.ts'
import { type Balances, createBalances } from './balances.ts'
import { type Carts, createCarts } from './carts.ts'
import { type Catalogue, createCatalogue } from './catalogue.ts'
import { deliveryWork } from './deliveries.ts'
import { createEmailComposing } from './email-composing.ts'
import { createEmailQueue } from './email-queue.ts'
import { createEmailing, type Emailing } from './emailing.ts'
import { createExpiry } from './expiry.ts'
import { createFactsCache, type FactsCache } from './facts.ts'
import { createGuests, type Guests } from './guests.ts'
import { createIdentities, type Identities, type Signer } from './identity.ts'
import { createJobs, type Jobs } from './jobs.ts'
import { createLimiting, type Limiting } from './limiting.ts'
import { createMerging, type MergeAnswer, type MergeRequest } from './merging.ts'
import { createOrdering, type Ordering } from './ordering.ts'
import type { Clock, Mailer, PaymentProvider, Randomness, ShippingRateProvider, TaxProvider } from './ports.ts'
import { createPoster } from './posting.ts'
import { createPreview, type Preview } from './preview.ts'
import { createPromotions, type Promotions } from './promotions.ts'
import { createProviderAccounts, type ProviderAccounts } from './provider-accounts.ts'
import { createQuoting, type Quoting } from './quotes.ts'
import { createRecording } from './recording.ts'
import { createRestoring, type Restoring } from './restoring.ts'
import { createSubscriptionBooks } from './subscription-books.ts'
import { createSwitching, type Switching } from './switching.ts'
import { type Allowed, NOTHING_ALLOWED } from './targets.ts'
import { tidyingWork } from './tidying.ts'
import { createWatching, type Watching } from './watch.ts'
import { createWebhooks, type Webhooks } from './webhooks.ts'

/** A running engine. */
export interface Engine extends Ordering {
  readonly store: Store
  readonly clock: Clock
  readonly random: Randomness
  readonly signer: Signer
  readonly facts: FactsCache
  readonly accounts: Accounts
  readonly carts: Carts
  readonly watching: Watching
  readonly providerAccounts: ProviderAccounts
  readonly merge: (request: MergeRequest) => Promise<MergeAnswer | Refusal>
  readonly catalogue: Catalogue
  readonly preview: Preview
  readonly promotions: Promotions
  readonly identities: Identities
  readonly limiting: Limiting
  readonly jobs: Jobs
  readonly providers: ReadonlyMap<string, PaymentProvider>
  readonly quotes: Quoting
  readonly guests: Guests
  readonly switching: Switching
  readonly restore: Restoring
  readonly emails: Emailing
  readonly webhooks: Webhooks
  readonly balances: Balances
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
  /** Limits against abuse that hold instead of the documented defaults, in shops that decided nothing. */
  readonly limits?: Partial<Limits>
  /** Regular work of providers that live in this process. */
  readonly extraJobs?: readonly (() => Promise<unknown>)[]
}

/** Puts an engine together. Nothing runs until `jobs.start()`. */
export function createEngine(parts: EngineParts): Engine {
  const { store, clock, random, signer, adminHash, log, mailer = null } = parts
  const { taxProviders = [], shippingProviders = [] } = parts
  const quotes = createQuoting({ store, clock, taxProviders, shippingProviders, log })
  const facts = createFactsCache(store, clock, quotes.atHand)
  const base = { store, facts, clock, random }
  const carts = createCarts({ ...base, quotes })
  const guests = createGuests(base)
  const switching = createSwitching({ ...base, carts })
  const queue = createEmailQueue({ clock, random, canSend: mailer !== null })
  const books = createSubscriptionBooks(base)
  const balances = createBalances(base)
  const byBalance = createBalancePayment({ ...base, balances })
  const providers = new Map([...parts.providers, byBalance].map((provider) => [provider.name, provider]))
  const recording = createRecording({ ...base, emails: queue, balances, books })
  const accounts = createAccounts({ store, clock })
  const limiting = createLimiting({ ...base, signer, log, ...(parts.limits ? { installed: parts.limits } : {}) })
  const ordering = createOrdering({
    ...{ ...base, books, limiting, quotes, accounts, recording, providers, signer, log },
    emails: queue,
    publicUrl: parts.publicUrl,
    extra: parts.extraJobs ?? [],
  })
  const allowed = parts.webhookTargets ?? NOTHING_ALLOWED
  const poster = createPoster(allowed)
  const delivering = deliveryWork({ ...base, poster, log })
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
    balances,
    ...ordering,
    providerAccounts: createProviderAccounts({ ...base, signer, providers }),
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
      onError: (error) => log.error({ err: error }, 'what is watched could not be read; it is tried again'),
    }),
    merge: createMerging({ ...base, carts, claiming: ordering.claiming }),
    catalogue: createCatalogue({ ...base, engines: quotes.names }),
    preview: createPreview({ ...base, carts }),
    promotions: createPromotions({ ...base, carts }),
    identities: createIdentities({ store, facts, clock, signer, adminHash }),
    webhooks: createWebhooks({ ...base, poster, allowed }),
    limiting,
    jobs: createJobs([...ordering.works, expiry.work, delivering, ...emails.works, tidyingWork({ store, clock, log })], log),
  }
}
