// An order is placed once, however often the shopper presses the button because no answer came. Loaded when something is ordered.
import type { PricedCart } from '../core/pricing.ts'
import type { Client, InputOf, OutputOf } from './client.ts'
import type { newIdempotencyKey } from './idempotency-key.ts'
import type { CartwrightError } from './problem.ts'

/** With whom it is paid, and where the browser comes back to. */
export type PaymentWish = { readonly provider?: string; readonly method?: string; readonly returnUrl?: string }

/**
 * What is ordered. `expectedTotal` (minor units) is what the shopper saw: the shown total unless given, and for named lines nothing, because what they
 * cost by themselves is the server's to say.
 */
export interface OrderWish {
  readonly lineIds?: readonly string[]
  readonly expectedTotal?: number
  readonly payment?: PaymentWish
}

/** What is ordered, and from what. */
export interface Ordering {
  readonly client: Client
  readonly wish: OrderWish
  /** What the shopper saw. */
  readonly shown: PricedCart | null
  /** The same cart when all changes that waited were answered; null: there is none, and the server says so. */
  readonly cart: PricedCart | null
  /** What the server calls a line. */
  readonly nameOf: (lineId: string) => string
  readonly newIdempotencyKey: typeof newIdempotencyKey
  /** Throws where what stands between us and the server answered in its place. */
  readonly understood: (answer: unknown) => void
}

/** What each client asked for and was not answered: the same order again is the same request. */
const unanswered = new WeakMap<Client, { readonly wish: string; readonly body: Body; readonly key: string }>()

type Body = Extract<InputOf<'POST /v1/shops/{shop}/orders'>['body'], { cartId: string }>

/**
 * Orders a cart, or the lines of it that are named. By its id, because a cart that was ordered answers its order, and what is the current one then is
 * another.
 * @throws CartwrightError what stands in the way.
 */
export async function placed(ordering: Ordering): Promise<OutputOf<'POST /v1/shops/{shop}/orders'>> {
  const { client, wish, shown, cart, nameOf, newIdempotencyKey, understood } = ordering
  const { lineIds, payment, expectedTotal = lineIds ? undefined : shown?.total.amount } = wish
  const wanted: Body = {
    cartId: cart?.id ?? 'current',
    ...(lineIds ? { lines: lineIds.map(nameOf) } : {}),
    ...(expectedTotal === undefined ? {} : { expectedTotal }),
    ...(payment ? { payment } : {}),
  }
  const text = JSON.stringify(wish)
  const before = unanswered.get(client)
  // Where there is no cart any more, that order may be why.
  const isSame = before?.wish === text && (cart === null || JSON.stringify(before.body) === JSON.stringify(wanted))
  const { body, key } = isSame ? before : { body: wanted, key: newIdempotencyKey() }
  unanswered.set(client, { wish: text, body, key })
  try {
    const order = await client.call('POST /v1/shops/{shop}/orders', { body }, { idempotencyKey: key })
    understood((order as Partial<typeof order> | undefined)?.order)
    unanswered.delete(client)
    return order
  } catch (error) {
    if (isRefused(error as CartwrightError)) unanswered.delete(client)
    throw error
  }
}

/** Whether it is certain that nothing was ordered. Without an answer it may be, and after a fault, too: the server may have lost sight of what it did. */
export function isRefused({ status }: CartwrightError): boolean {
  return status >= 400 && status < 500 && status !== 408 && status !== 429
}
