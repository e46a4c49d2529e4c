// Which e-mail addresses are accounts', for shops where a guest may not order with one of them (C42). Only what a token proves counts: a claim that
// the shop mapped, of an issuer that does not say it is unverified. Other shops keep nothing of it.
import type { Cart } from '../core/cart.ts'
import { normaliseEmail } from '../core/customer.ts'
import { type Refusal, refuse } from '../core/refusal.ts'
import { addAccountEmail, isAccountEmail } from '../store/accounts.ts'
import type { Store } from '../store/store.ts'
import type { ShopFacts } from './facts.ts'
import type { Actor } from './identity.ts'
import type { Clock } from './ports.ts'

/** So many addresses a process remembers having written; then it begins anew. */
const REMEMBERED = 50_000

/** Addresses of accounts. */
export interface Accounts {
  /**
   * An account uses the shop: its address is known from now on. One statement for each account and process, in shops that ask for it; none in others,
   * and none for who was here before.
   */
  met(shop: ShopFacts, actor: Actor): Promise<void>
  /** Why a guest may not order with the address of this cart: `login_required` with the reason `email_of_account`, or null. */
  refusal(shop: ShopFacts, cart: Pick<Cart, 'owner' | 'email'>): Promise<Refusal | null>
}

/** Makes it. */
export function createAccounts({ store, clock }: { store: Store; clock: Clock }): Accounts {
  let known = new Set<string>()

  async function met(shop: ShopFacts, actor: Actor): Promise<void> {
    if (actor.kind !== 'account' || actor.email === null || !shop.asksAccounts) return
    const email = normaliseEmail(actor.email)
    const { accountId } = actor
    const key = JSON.stringify([shop.id, email, accountId])
    if (known.has(key)) return
    await store.transactOne((writer) => addAccountEmail(writer, shop.id, email, accountId, clock.now()))
    if (known.size >= REMEMBERED) known = new Set()
    known.add(key)
  }

  async function refusal(shop: ShopFacts, { owner, email }: Pick<Cart, 'owner' | 'email'>): Promise<Refusal | null> {
    if (owner.kind !== 'guest' || email === null || !shop.asksAccounts) return null
    const isTaken = await isAccountEmail(store.reader, shop.id, normaliseEmail(email))
    return isTaken ? refuse('login_required', { path: '/email', reason: 'email_of_account' }) : null
  }

  return { met, refusal }
}
