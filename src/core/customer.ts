// Who a customer is: an account, and by e-mail address also who has none. Limits per customer count both, so that leaving the account, or writing
// the address another way, gives no second use (PRO-2).

import type { Owner } from './cart.ts'

/**
 * An e-mail address as customers are told apart by it: lower case, without what follows a `+`; Google's mail ignores dots as well. It is only
 * compared with others of its kind: nobody is written to at it.
 * @example normaliseEmail(' Jo.Doe+shop@GoogleMail.com') // 'jodoe@gmail.com'
 */
export function normaliseEmail(email: string): string {
  const [local = '', domain = ''] = splitAtLast(email.normalize('NFC').trim().toLowerCase())
  const host = domain === 'googlemail.com' ? 'gmail.com' : domain
  const name = local.split('+')[0] || local
  return `${host === 'gmail.com' ? name.replaceAll('.', '') || name : name}@${host}`
}

function splitAtLast(text: string): [string, string] {
  const at = text.lastIndexOf('@')
  return [text.slice(0, at), text.slice(at + 1)]
}

/** A customer as uses are counted for one: the account, and the normalised e-mail address. Both null is somebody who is not known yet. */
export interface Customer {
  readonly account: string | null
  readonly email: string | null
}

/** The customer of an order. */
export function customerOf({ owner, email }: { readonly owner: Owner; readonly email: string | null }): Customer {
  return customerBy(owner.kind === 'account' ? owner.accountId : null, email)
}

/** The customer who is known by an account and an e-mail address as it was written. */
export function customerBy(account: string | null, email: string | null): Customer {
  return { account, email: email === null ? null : normaliseEmail(email) }
}

/** Whether there is anything to know a customer by. */
export function isKnown({ account, email }: Customer): boolean {
  return account !== null || email !== null
}

/** A text that is the same for the same customer only. */
export function customerKey({ account, email }: Customer): string {
  return JSON.stringify([account, email])
}
