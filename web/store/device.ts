// What this store remembers on the device besides the cart: who is signed in, language, currency, and the links of orders that were made here.

/** Who is signed in. */
export interface Account {
  readonly id: string
  readonly token: string
}

const PREFIX = 'fern-and-kettle:'

function kept(key: string): string | null {
  try {
    return localStorage.getItem(PREFIX + key)
  } catch {
    // A browser that keeps nothing: the page works until it is left.
    return null
  }
}

function keep(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(PREFIX + key)
    else localStorage.setItem(PREFIX + key, value)
  } catch {
    // As above.
  }
}

/** Who is signed in on this device. */
export function keptAccount(): Account | null {
  const text = kept('account')
  return text ? (JSON.parse(text) as Account) : null
}

/** Remembers who is signed in; null forgets. */
export function keepAccount(account: Account | null): void {
  keep('account', account && JSON.stringify(account))
}

/** Calls when somebody signed in or out in another tab. */
export function onAccountChange(changed: () => void): void {
  addEventListener('storage', ({ key }) => {
    if (key === `${PREFIX}account`) changed()
  })
}

/** The language that was chosen. */
export function keptLanguage(): string | null {
  return kept('language')
}

/** Remembers the language. */
export function keepLanguage(language: string): void {
  keep('language', language)
}

/** The token that opens an order that was made on this device. */
export function keptOrderToken(order: string): string | null {
  return kept(`order:${order}`)
}

/** Remembers the token of an order. */
export function keepOrderToken(order: string, token: string): void {
  keep(`order:${order}`, token)
}
