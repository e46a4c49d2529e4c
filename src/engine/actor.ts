// Who is asking, once it has been proved. What an actor may address follows from its kind: owners reach their own carts and orders only;
// servers and staff reach what their scopes say, and may name an owner.
import type { Owner } from '../core/cart.ts'
import type { Scope } from '../core/scope.ts'

/** A proved caller. A server or staff actor may act for an account (`account`). */
export type Actor =
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'guest'; readonly guestId: string }
  | { readonly kind: 'account'; readonly accountId: string; readonly email: string | null }
  | { readonly kind: 'order'; readonly orderId: string }
  | { readonly kind: 'server' | 'staff'; readonly keyId: string; readonly scopes: readonly string[]; readonly account: string | null }

/** Whose carts and orders an actor's `current` means; null when it stands for nobody. */
export function ownerOf(actor: Actor): Owner | null {
  switch (actor.kind) {
    case 'guest':
      return { kind: 'guest', guestId: actor.guestId }
    case 'account':
      return { kind: 'account', accountId: actor.accountId }
    case 'server':
    case 'staff':
      return actor.account === null ? null : { kind: 'account', accountId: actor.account }
    case 'anonymous':
    case 'order':
      return null
  }
}

/** Whether an actor may address carts and orders of anybody. */
export function reachesAll(actor: Actor): boolean {
  return actor.kind === 'server' || actor.kind === 'staff'
}

/** Whether a key's scopes contain one. */
export function hasScope(actor: Actor, scope: Scope): boolean {
  return reachesAll(actor) && 'scopes' in actor && (actor.scopes.includes('*') || actor.scopes.includes(scope))
}
