// Orders of guests go to accounts: with their guest when it logs in, or because an account asks for them. Whoever asks must have a verified e-mail
// address: an order token only proves that somebody was given it, and a guest's address is whatever the guest wrote (decision 0051).
import type { Owner } from '../core/cart.ts'
import { customerBy } from '../core/customer.ts'
import { type Refusal, refuse } from '../core/refusal.ts'
import { ownerKey } from '../store/carts.ts'
import { claimableOrders, isGranted, isGuests, lockOrdersOf, revokeTokens } from '../store/guest-orders.ts'
import { lockOrders } from '../store/orders.ts'
import { adoptRedemptions } from '../store/redemptions.ts'
import { adoptHolds } from '../store/stock.ts'
import type { Reader, Store, Writer } from '../store/store.ts'
import type { OrderTable } from '../store/tables.ts'
import type { ShopFacts } from './facts.ts'
import { openOrderToken, type Signer } from './identity.ts'
import { type IdempotencyClaim, type Once, once } from './once.ts'
import { parseOrder } from './orders.ts'
import type { Clock } from './ports.ts'
import type { Recording } from './recording.ts'

/** Orders that one request takes over; who has more asks again. */
const CLAIMED_MAX = 200
/** Orders with another spelling of the address that are passed over at a time. */
const PAGE = 500

type Account = Extract<Owner, { kind: 'account' }>

/** An account asks for orders that guests made. */
export interface ClaimRequest {
  readonly account: Account
  /** The verified address. */
  readonly email: string
  /** Tokens of the orders that are asked for; undefined: all with exactly this address. */
  readonly tokens: readonly string[] | undefined
  readonly by: string
  readonly idempotency: IdempotencyClaim | undefined
}

/** Why an order that was asked for by its token was not given. */
export type ClaimReason = 'another_email' | 'not_a_guests_order' | 'not_placed'

/** What asking for orders came to. */
export interface ClaimOutcome {
  /** Orders that belong to the account from now on. */
  readonly claimed: readonly string[]
  /** Orders that were named by a token and not given. */
  readonly unclaimed: readonly { readonly orderId: string; readonly reason: ClaimReason }[]
  /** Whether there are more: ask again. */
  readonly more: boolean
}

/** Orders changing their owner. */
export type Claiming = ReturnType<typeof createClaiming>

/** Makes it. */
export function createClaiming(parts: { store: Store; clock: Clock; signer: Signer; recording: Recording }) {
  const { clock, signer, recording } = parts

  /** The one way in which orders change their owner. Lock them first; uses of promotions become also the account's. */
  async function give(writer: Writer, shop: ShopFacts, rows: readonly OrderTable[], owner: Account, by: string): Promise<string[]> {
    for (const row of rows) {
      const order = parseOrder(row)
      const columns = { owner: ownerKey(owner) }
      const details = { from: order.owner.kind, to: owner.accountId }
      await recording.change(writer, shop, order, { owner }, { by, action: 'claim', details, events: ['order.updated'], columns })
    }
    const ids = rows.map((row) => row.id)
    await adoptRedemptions(writer, shop.id, ids, owner.accountId)
    if (shop.settings.inventory.holdMaxPerOwner !== null) await adoptHolds(writer, shop.id, ids, ownerKey(owner))
    return ids
  }

  /** All orders of a guest follow to the account that the guest logged in with, also one that is being paid right now. */
  async function follow(writer: Writer, shop: ShopFacts, guestId: string, owner: Account, by: string): Promise<void> {
    await give(writer, shop, await lockOrdersOf(writer, shop.id, ownerKey({ kind: 'guest', guestId })), owner, by)
  }

  /** Gives an account the guests' orders that it asks for. Of accounts that ask for one order at once, the first gets it. */
  async function claim(shop: ShopFacts, request: ClaimRequest): Promise<Once<ClaimOutcome> | Refusal> {
    if (shop.settings.orders.claim === 'off') return refuse('claim_forbidden', { reason: 'this_shop_has_it_switched_off' })
    return once(parts, shop.id, request.idempotency, async (writer) => {
      const named = request.tokens && (await ordersOfTokens(writer, shop.id, request.tokens))
      if (named && 'refused' in named) return named
      const { ids, more } = named ? { ids: named.ids, more: false } : await withAddress(writer, shop.id, request.email)
      const rows = await lockOrders(writer, shop.id, ids)
      const judged = rows.map((row) => ({ row, reason: reasonAgainst(row, request) }))
      const free = judged.flatMap(({ row, reason }) => (reason === null ? [row] : []))
      const claimed = await give(writer, shop, free, request.account, request.by)
      const unclaimed = named ? judged.flatMap(({ row, reason }) => (reason && reason !== 'own' ? [{ orderId: row.id, reason }] : [])) : []
      return { claimed, unclaimed, more }
    })
  }

  /** The orders that tokens open. One that opens nothing refuses all. */
  async function ordersOfTokens(reader: Reader, shopId: string, tokens: readonly string[]): Promise<{ ids: string[] } | Refusal> {
    const ids = new Set<string>()
    for (const [index, token] of tokens.entries()) {
      const grant = openOrderToken(signer, shopId, token, clock.now())
      if (!grant || !(await isGranted(reader, shopId, grant))) return refuse('link_invalid', { path: `/tokens/${index}` })
      ids.add(grant.orderId)
    }
    return { ids: [...ids] }
  }

  /** Guests' orders with exactly this address, oldest first. */
  async function withAddress(reader: Reader, shopId: string, email: string): Promise<{ ids: string[]; more: boolean }> {
    const ids: string[] = []
    for (let after = ''; ; ) {
      const page = await claimableOrders(reader, shopId, customerBy(null, email).email ?? '', { after, limit: PAGE })
      ids.push(...page.flatMap((row) => (row.email !== null && isSameAddress(row.email, email) ? [row.id] : [])))
      if (ids.length > CLAIMED_MAX) return { ids: ids.slice(0, CLAIMED_MAX), more: true }
      if (page.length < PAGE) return { ids, more: false }
      after = page.at(-1)?.id ?? ''
    }
  }

  /** All tokens of an order that were made so far open it no more. */
  async function revoke(shop: ShopFacts, orderId: string, by: string, idempotency: IdempotencyClaim | undefined) {
    return once(parts, shop.id, idempotency, async (writer) => {
      const [row] = await lockOrders(writer, shop.id, [orderId])
      if (!row) return refuse('order_not_found', {})
      await revokeTokens(writer, shop.id, orderId)
      await recording.remember(writer, shop, parseOrder(row), { by, action: 'revoke_links' })
      return { orderId }
    })
  }

  return { follow, claim, revoke }
}

/** Why an order is not given to who asks for it, by what its locked row says; `own`: it belongs to them already. */
function reasonAgainst(row: OrderTable, { account, email }: ClaimRequest): ClaimReason | 'own' | null {
  if (row.owner === ownerKey(account)) return 'own'
  // Which orders others have is told to nobody whose address is not that of the order.
  if (row.customer_email === null || row.customer_email !== customerBy(null, email).email) return 'another_email'
  if (!isGuests(row)) return 'not_a_guests_order'
  return row.placed_at === null ? 'not_placed' : null
}

/**
 * Whether two addresses are surely one mailbox: the same but for case and surrounding space. That what follows a `+` leads to the same person is
 * true at most hosts but not at all, so other spellings need the token of the order as well.
 */
function isSameAddress(a: string, b: string): boolean {
  return a.normalize('NFC').trim().toLowerCase() === b.normalize('NFC').trim().toLowerCase()
}
