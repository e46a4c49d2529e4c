// Accounts of shops at payment providers. What opens an account is sealed as it comes in and never leaves again but to its provider: what is shown
// and audited is a hint. It is read anew for each call, so that a replaced secret is the one that counts, on every node.
import { refuse } from '../core/refusal.ts'
import { rfc3339 } from '../core/time.ts'
import { insertAudit } from '../store/audit.ts'
import { deleteProviderAccount, listProviderAccounts, readProviderAccount, writeProviderAccount } from '../store/provider-accounts.ts'
import type { Store } from '../store/store.ts'
import type { ProviderAccountTable } from '../store/tables.ts'
import type { Signer } from './identity.ts'
import { type IdempotencyClaim, once } from './once.ts'
import type { AccountForm, Clock, PaymentProvider, Randomness } from './ports.ts'

/** What a shop told of its account at a provider, or null where it has none. Rejects when it was sealed by a secret that is not known any more. */
export type AccountOf = (shopId: string, provider: string) => Promise<unknown>

/** How providers read the accounts of shops: one indexed row per call. */
export function accountReader({ store, signer }: { store: Store; signer: Signer }): AccountOf {
  return async (shopId, provider) => {
    const row = await readProviderAccount(store.reader, shopId, provider)
    if (!row) return null
    const text = signer.unseal(row.sealed, placeOf(shopId, provider))
    if (text === null)
      throw new Error(
        `The account of shop ${shopId} at ${provider} cannot be opened: CARTWRIGHT_SECRET does not name the secret that sealed it. Add that secret, or PUT the account again.`,
      )
    return JSON.parse(text)
  }
}

/** A provider of this installation, and what a shop has told of its account there. */
export interface ListedProvider {
  readonly provider: string
  readonly settles: 'now' | 'later'
  readonly needsAccount: boolean
  /** Whether the shop can be paid by it as far as accounts go. */
  readonly configured: boolean
  /** Fields of the account; of secret ones only the last characters. */
  readonly account: Readonly<Record<string, string>> | null
  readonly updatedAt: string | null
}

/** An account as it is told: texts by the names of fields. */
export type AccountDocument = Readonly<Record<string, string | null>>

/** Accounts at providers. */
export type ProviderAccounts = ReturnType<typeof createProviderAccounts>

/** Makes it. */
export function createProviderAccounts(parts: {
  store: Store
  clock: Clock
  random: Randomness
  signer: Signer
  providers: ReadonlyMap<string, PaymentProvider>
}) {
  const { store, clock, random, signer, providers } = parts

  /** All providers of this installation. */
  async function list(shopId: string): Promise<ListedProvider[]> {
    const rows = await listProviderAccounts(store.reader, shopId)
    return [...providers.values()].map((provider) => listed(provider, shopId, rows))
  }

  function listed({ name, settles, account }: PaymentProvider, shopId: string, rows: readonly ProviderAccountTable[]): ListedProvider {
    const row = rows.find((each) => each.provider === name)
    const needsAccount = account !== undefined
    const opens = row !== undefined && signer.unseal(row.sealed, placeOf(shopId, name)) !== null
    return {
      provider: name,
      settles,
      needsAccount,
      configured: !needsAccount || opens,
      account: row ? (JSON.parse(row.hint) as Record<string, string>) : null,
      updatedAt: row ? rfc3339(row.updated_at) : null,
    }
  }

  /** What an account at a provider consists of, or undefined: there is no such provider, or it needs none. */
  function formOf(provider: string): AccountForm | undefined {
    return providers.get(provider)?.account
  }

  /** Keeps an account in place of the one before. Check it against its form first. */
  function put(shopId: string, provider: string, document: AccountDocument, by: string, claim?: IdempotencyClaim) {
    return once(parts, shopId, claim, async (writer) => {
      const form = formOf(provider)
      if (!form) return refuse('payment_provider_not_found', { provider })
      const before = await readProviderAccount(writer, shopId, provider)
      const hint = JSON.stringify(hintOf(form, document))
      const sealed = signer.seal(JSON.stringify(document), placeOf(shopId, provider))
      await writeProviderAccount(writer, { shop_id: shopId, provider, sealed, hint, updated_at: clock.now() })
      await insertAudit(writer, audited(shopId, provider, by, before?.hint ?? null, hint))
      return { provider }
    })
  }

  /** Removes an account: nobody can pay by that provider any more, and what was paid cannot be given back by it. */
  function remove(shopId: string, provider: string, by: string, claim?: IdempotencyClaim) {
    return once(parts, shopId, claim, async (writer) => {
      const removed = await deleteProviderAccount(writer, shopId, provider)
      if (!removed) return refuse('payment_provider_not_found', { provider, reason: 'no_account' })
      await insertAudit(writer, audited(shopId, provider, by, removed.hint, null))
      return { provider }
    })
  }

  function audited(shopId: string, subject: string, actor: string, before: string | null, after: string | null) {
    const action = after === null ? 'payment_provider.removed' : 'payment_provider.changed'
    return { shop_id: shopId, id: random.id('aud'), at: clock.now(), actor, action, subject, before, after }
  }

  return { list, formOf, put, remove }
}

/** What it belongs to: an account that is copied to another shop does not open there. */
function placeOf(shopId: string, provider: string): string {
  return `provider account ${shopId} ${provider}`
}

/** Of a secret its last four characters, where enough others stay unknown. */
function hintOf({ secrets }: AccountForm, document: AccountDocument): Record<string, string> {
  const shown = (name: string, text: string) => (secrets.includes(name) ? `…${text.length < 16 ? '' : text.slice(-4)}` : text)
  return Object.fromEntries(Object.entries(document).flatMap(([name, text]) => (text === null ? [] : [[name, shown(name, text)]])))
}
