// Limits against guessing: tokens and promotion codes. Only failures count, so an honest shopper never meets them; who fails too often waits,
// and is answered before anything is looked up. Kept in memory per process: a limit that is reached on one node holds there.
import { RateLimiterMemory } from 'rate-limiter-flexible'
import { type Refusal, refuse } from '../core/refusal.ts'

/** What can be guessed. */
export type Guessed = 'tokens' | 'codes'

/** How many failures an address of the network may have in a minute. */
export type GuessLimits = Readonly<Record<Guessed, number>>

/** What holds unless a server is set up otherwise. */
export const GUESS_LIMITS: GuessLimits = { tokens: 60, codes: 30 }

const WINDOW_SECONDS = 60

/** Counts failures per network address. */
export interface GuessGuard {
  /** The refusal for an address that failed too often, or null. Costs a look into a map. */
  refusal(what: Guessed, address: string): Promise<Refusal | null>
  count(what: Guessed, address: string): Promise<void>
}

/** Makes a guard. */
export function createGuessGuard(limits: GuessLimits): GuessGuard {
  const counters: Readonly<Record<Guessed, RateLimiterMemory>> = {
    tokens: new RateLimiterMemory({ keyPrefix: 'tokens', points: limits.tokens, duration: WINDOW_SECONDS }),
    codes: new RateLimiterMemory({ keyPrefix: 'codes', points: limits.codes, duration: WINDOW_SECONDS }),
  }
  return {
    async refusal(what, address) {
      const state = await counters[what].get(address)
      if (!state || state.consumedPoints < limits[what]) return null
      return refuse('rate_limited', { what, retryAfter: Math.max(1, Math.ceil(state.msBeforeNext / 1000)) })
    },
    async count(what, address) {
      // Beyond the limit `consume` rejects; the count stands all the same.
      await counters[what].consume(address).catch(() => undefined)
    },
  }
}
