// What keys of servers and staff may do. A key has the scopes it was made with; `*` is every scope, also later ones.

/** What a key may do. `*` is everything. */
export type Scope =
  | '*'
  | 'carts:read'
  | 'carts:write'
  | 'carts:custom_prices'
  | 'orders:read'
  | 'orders:write'
  | 'orders:edit'
  | 'payments:write'
  | 'refunds:write'
  | 'subscriptions:read'
  | 'subscriptions:write'
  | 'balances:read'
  | 'balances:write'
  | 'emails:write'
  | 'products:read'
  | 'products:write'
  | 'promotions:read'
  | 'promotions:write'
  | 'promotions:preview'
  | 'settings:read'
  | 'settings:write'
  | 'keys:write'
  | 'webhooks:write'
  | 'stock:write'

/** All scopes, for validation and documentation. */
export const SCOPES: readonly Scope[] = [
  '*',
  'carts:read',
  'carts:write',
  'carts:custom_prices',
  'orders:read',
  'orders:write',
  'orders:edit',
  'payments:write',
  'refunds:write',
  'subscriptions:read',
  'subscriptions:write',
  'balances:read',
  'balances:write',
  'emails:write',
  'products:read',
  'products:write',
  'promotions:read',
  'promotions:write',
  'promotions:preview',
  'settings:read',
  'settings:write',
  'keys:write',
  'webhooks:write',
  'stock:write',
]
