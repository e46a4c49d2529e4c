// How a guest's cart comes to an account's. Loaded when somebody signs in, or follows a link to a cart.
import type { PricedCart } from '../core/pricing.ts'
import type { Client, InputOf, OutputOf } from './client.ts'
import type { CartwrightError } from './problem.ts'

/** What became of everything that a guest's cart brought. */
export type MergeReport = NonNullable<OutputOf<'POST /v1/shops/{shop}/carts/{cart}/merge'>['report']>
/** How a guest's cart comes to the account's. */
export type MergeMode = NonNullable<InputOf<'POST /v1/shops/{shop}/carts/{cart}/merge'>['body']['mode']>

/**
 * Brings a guest's cart, which `guest` is the secret of, into the account's whose token it is; null when there is nothing left to bring along.
 * @throws CartwrightError where the account's token is refused, or the two carts cannot be one.
 */
export async function merged(
  client: Client,
  cart: Pick<PricedCart, 'id' | 'version' | 'state'> | null,
  guest: string | null,
  mode: MergeMode | undefined,
  token: string,
): Promise<OutputOf<'POST /v1/shops/{shop}/carts/{cart}/merge'> | null> {
  const carts = cart && guest !== null && cart.version > 0 && cart.state === 'OPEN' ? [{ id: cart.id, token: guest }] : []
  // Without a cart that comes along there may still be one that goes on.
  if (carts.length === 0 && mode !== 'restorePrevious') return null
  try {
    const body = { carts, ...(mode ? { mode } : {}) }
    return await client.call('POST /v1/shops/{shop}/carts/{cart}/merge', { params: { cart: 'current' }, body }, { token })
  } catch (error) {
    const { code } = error as Partial<CartwrightError>
    if (code === 'cart_not_found' || code === 'cart_closed') return null
    throw error
  }
}

/**
 * Follows a restore link. A guest's cart comes along into the account's where there is an account; else a `token` in the answer is the secret for it.
 * @throws CartwrightError `link_invalid`, or `login_required` where it leads to an account's cart.
 */
export async function followed(
  client: Client,
  link: string,
  account: string | undefined,
): Promise<OutputOf<'POST /v1/shops/{shop}/carts/restore'>> {
  const answer = await client.call('POST /v1/shops/{shop}/carts/restore', { body: { token: link } })
  if (!answer.token || !account) return answer
  const joined = await merged(client, answer.cart, answer.token, undefined, account)
  // Gone between the two calls: the account's own cart is what there is.
  return joined ?? { cart: await client.call('GET /v1/shops/{shop}/carts/{cart}', { params: { cart: 'current' } }, { token: account }) }
}

/** Whose token it is, by what it says itself; only to tell accounts apart on this device, so nothing is checked. */
export function nameIn(jwt: string): string {
  try {
    const bytes = Uint8Array.from(atob((jwt.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/')), (each) => each.charCodeAt(0))
    const { iss, sub } = JSON.parse(new TextDecoder().decode(bytes)) as { iss?: unknown; sub?: unknown }
    return `${iss}:${sub}`
  } catch {
    return jwt
  }
}
