// What the walks through other systems' promises have in common: calls over plain HTTP, and a list of promises of which each is kept in front of
// your eyes, told as not there yet, or broken (then the walk ends with exit code 1).
//   npm start                                        (in one terminal)
//   node examples/seed0.ts [http://localhost:8080] [admin key]

/** Where the server is, and the key of its owner: from the command line, else from the environment. */
export const base = (process.argv[2] ?? process.env.CARTWRIGHT_URL ?? 'http://localhost:8080').replace(/\/$/, '')
const adminKey = process.argv[3] ?? process.env.CARTWRIGHT_ADMIN_KEY ?? ''

/** An answer: its status and whatever JSON it carries. */
export interface Answer {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: a walk looks into answers as a shell script would
  readonly body: any
}

/** One call in a shop: method, path below the shop, body. */
export type Call = (method: string, path: string, body?: unknown) => Promise<Answer>

/** Calls in a shop, as the bearer of a token or as nobody. */
export function callsOf(shop: string, token?: string): Call {
  return async (method, path, body) => {
    const response = await fetch(`${base}/v1/shops/${shop}${path}`, {
      method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(method === 'GET' ? {} : { 'idempotency-key': crypto.randomUUID() }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : text }
  }
}

/** The shop's own server: every scope. */
export function ownerOf(shop: string): Call {
  if (adminKey === '')
    throw new Error('Give the admin key as the second argument; the server printed it when it started for the first time.')
  return callsOf(shop, adminKey)
}

/** A customer of the demo who logs in. */
export async function logIn(shop: string, accountId: string): Promise<Call> {
  const response = await fetch(`${base}/v1/demo/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ accountId, email: 'robin@example.com' }),
  })
  return callsOf(shop, ((await response.json()) as { token: string }).token)
}

/** A name that no earlier walk used. */
export function fresh(name: string): string {
  return `${name}-${crypto.randomUUID().slice(0, 8)}`
}

/** The body of an answer that must be a success. */
export async function ok(answer: Promise<Answer>): Promise<Answer['body']> {
  const { status, body } = await answer
  if (status > 299) throw new Error(`answered ${status} ${body.code}: ${body.title}`)
  return body
}

/** The refusal that must be the answer, in words. */
export async function refused(answer: Promise<Answer>, code: string): Promise<string> {
  const { status, body } = await answer
  if (body.code !== code) throw new Error(`expected ${code}, got ${status} ${body.code ?? 'success'}`)
  return `${status} ${body.code}: ${body.title}`
}

/** Fails unless what happened is what was promised; answers it as text. */
export function same<T>(actual: T, promised: T): string {
  const [is, must] = [JSON.stringify(actual), JSON.stringify(promised)]
  if (is !== must) throw new Error(`expected ${must}, got ${is}`)
  return is
}

/** A product of one variant as a shop's owner writes it; it needs no shipping and no tax. */
export function productOf(sku: string, name: string, prices: Readonly<Record<string, number>>): Record<string, unknown> {
  const amounts = Object.entries(prices).map(([currency, amount]) => ({ currency, amount }))
  const variant = {
    sku,
    name: '',
    options: {},
    prices: amounts,
    stockPolicy: 'untracked',
    requiresShipping: false,
    taxable: false,
    grams: 0,
  }
  const fixed = { description: '', tags: [], kind: 'goods', published: true, images: [], taxCategory: 'none' }
  return { handle: sku.toLowerCase(), name, ...fixed, variants: [variant] }
}

/** A cart's lines, like `MUG-STONE × 2`. */
export function linesOf(cart: Answer['body']): string {
  return cart.lines.map((line: { sku: string; quantity: number }) => `${line.sku} × ${line.quantity}`).join(', ')
}

/** What a cart needs before it can be ordered. */
export const DETAILS = {
  email: 'robin@example.com',
  shippingAddress: { name: 'Robin', line1: '1 Main St', city: 'New York', region: 'NY', postalCode: '10001', country: 'US' },
  shippingMethod: 'standard',
}

/** Pays on the sandbox's hosted page, and waits until the order is placed. */
export async function pay(call: Call, { order, payment }: Answer['body']): Promise<Answer['body']> {
  const card = new URLSearchParams({ number: '4242424242424242', expiry: '12/40', cvc: '123', name: 'Robin' })
  const paid = await fetch(payment.url, { method: 'POST', body: card, redirect: 'manual' })
  if (paid.status !== 303) throw new Error(`the payment page answered ${paid.status}`)
  for (let waited = 0; waited < 15_000; waited += 100) {
    const { body } = await call('GET', `/orders/${order.id}`)
    if (body.state === 'PLACED') return body
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error('the order was not placed within 15 seconds')
}

/** One promise: how it is kept (the answer says what happened), or why not yet. */
export interface Promised {
  readonly says: string
  readonly keeps?: () => Promise<string>
  readonly later?: string
}

/** Walks through the promises in order and prints each with what happened. */
export async function walk(title: string, promises: readonly Promised[]): Promise<void> {
  console.log(`\n${title}\n`)
  let broken = 0
  for (const { says, keeps, later } of promises) {
    const [sign, happened] = keeps
      ? await keeps().then(
          (told) => ['✔', told] as const,
          (error: unknown) => ['✖', error instanceof Error ? error.message : String(error)] as const,
        )
      : (['·', `not yet: ${later}`] as const)
    if (sign === '✖') broken++
    console.log(`${sign} ${says}\n    ${happened}`)
  }
  const kept = promises.filter((each) => each.keeps).length - broken
  console.log(`\n${kept} of ${promises.length} promises kept, ${promises.length - kept - broken} not there yet, ${broken} broken.`)
  if (broken > 0) process.exitCode = 1
}
