// The parts of the engine, put together. Everything that decides when, by chance or by asking somebody else comes in as a port.
import type { Logger } from 'pino'
import type { Limits } from '../core/limit.ts'
import type { Refusal } from '../core/refusal.ts'
import type { Store } from '../store/store.ts'
import { type Carts, createCarts } from './carts.ts'
import { type Catalogue, createCatalogue } from './catalogue.ts'
import { type Checkout, createCheckout } from './checkout.ts'
import { deliveryWork } from './deliveries.ts'
import { createExpiry } from './expiry.ts'
import { createFactsCache, type FactsCache } from './facts.ts'
import { createGuests, type Guests } from './guests.ts'
import { createIdentities, type Identities, type Signer } from './identity.ts'
import { createJobs, type Jobs } from './jobs.ts'
import { createLimiting, type Limiting } from './limiting.ts'
import { createMerging, type MergeAnswer, type MergeRequest } from './merging.ts'
import { createPayments, type Payments } from './payments.ts'
import { createPlacement } from './placing.ts'
import type { Clock, PaymentProvider, Randomness, ShippingRateProvider, TaxProvider } from './ports.ts'
import { createPreview, type Preview } from './preview.ts'
import { createPromotions, type Promotions } from './promotions.ts'
import { createQuoting, type Quoting } from './quotes.ts'
import { createReconciling, type Reconciling } from './reconciling.ts'
import { createRecording } from './recording.ts'
import { createRestoring, type Restoring } from './restoring.ts'
import { createSwitching, type Switching } from './switching.ts'
import { tidyingWork } from './tidying.ts'
import { createWatching, type Watching } from './watch.ts'

/** A running engine. */
export interface Engine {
  readonly store: Store
  readonly clock: Clock
  readonly random: Randomness
  readonly signer: Signer
  readonly facts: FactsCache
  readonly carts: Carts
  readonly watching: Watching
  readonly checkout: Checkout
  readonly payments: Payments
  readonly merge: (request: MergeRequest) => Promise<MergeAnswer | Refusal>
  readonly catalogue: Catalogue
  readonly preview: Preview
  readonly promotions: Promotions
  readonly identities: Identities
  readonly limiting: Limiting
  readonly jobs: Jobs
  readonly reconciling: Reconciling
  readonly providers: ReadonlyMap<string, PaymentProvider>
  readonly quotes: Quoting
  readonly guests: Guests
  readonly switching: Switching
  readonly restore: Restoring
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
  readonly log: Logger
  /** Where browsers reach this installation, without a slash at the end. */
  readonly publicUrl: () => string
  /** Limits against abuse that hold instead of the documented defaults, in shops that decided nothing. */
  readonly limits?: Partial<Limits>
  /** Regular work of providers that live in this process. */
  readonly extraJobs?: readonly (() => Promise<unknown>)[]
}

/** Puts an engine together. Nothing runs until `jobs.start()`. */
export function createEngine(parts: EngineParts): Engine {
  const { store, clock, random, signer, adminHash, log } = parts
  const providers = new Map(parts.providers.map((provider) => [provider.name, provider]))
  const { taxProviders = [], shippingProviders = [] } = parts
  const quotes = createQuoting({ store, clock, taxProviders, shippingProviders, log })
  const facts = createFactsCache(store, clock, quotes.atHand)
  const base = { store, facts, clock, random }
  const carts = createCarts({ ...base, quotes })
  const guests = createGuests(base)
  const switching = createSwitching({ ...base, carts })
  const recording = createRecording(base)
  const placement = createPlacement({ ...base, quotes, recording })
  const limiting = createLimiting({ ...base, signer, log, ...(parts.limits ? { installed: parts.limits } : {}) })
  const payments = createPayments({
    ...base,
    limiting,
    providers,
    placement,
    recording,
    returnAddress: (shopId, provider, paymentId) => `${parts.publicUrl()}/v1/shops/${shopId}/payments/${provider}/returns/${paymentId}`,
  })
  const checkout = createCheckout({ ...base, limiting, quotes, providers, placement, recording, payments })
  const reconciling = createReconciling({ ...base, recording, checkout, payments, providers, log, extra: parts.extraJobs ?? [] })
  const expiry = createExpiry({ ...base, carts, signer, log, publicUrl: parts.publicUrl })
  return {
    store,
    clock,
    random,
    signer,
    facts,
    checkout,
    payments,
    providers,
    carts,
    quotes,
    guests,
    switching,
    restore: createRestoring({ store, clock, signer, carts, switching, guests }),
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
    limiting,
    jobs: createJobs([reconciling.work, expiry.work, deliveryWork({ store, clock, log }), tidyingWork({ store, clock, log })], log),
  }
}
