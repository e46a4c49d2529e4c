// Servers as processes of their own, which can be killed like power cuts kill, and shops with as many skus as a test needs. What is told to
// a node goes over HTTP only.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { ADMIN, type Answer, caller } from './harness.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** A server process. */
export interface Node {
  readonly url: string
  /** Ends it at once, as a power cut would. */
  kill(): Promise<void>
}

/** Everything that was started and not yet killed: a test that fails leaves no process behind. */
const alive = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL')
})

/** Starts `cartwright serve` with the demo on a free port (and whatever else `env` says) and waits until it says that it is up. */
export async function startNode(databaseUrl: string, env: NodeJS.ProcessEnv = {}): Promise<Node> {
  const child = spawn(process.execPath, ['src/main.ts', 'serve'], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      ...process.env,
      PORT: '0',
      HOST: '127.0.0.1',
      DATABASE_URL: databaseUrl,
      CARTWRIGHT_DEMO: '1',
      CARTWRIGHT_ADMIN_KEY: ADMIN,
      LOG_LEVEL: process.env.TEST_LOG ?? 'silent',
      CARTWRIGHT_MAIL_FOLDER: '',
      ...env,
    },
  })
  alive.add(child)
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
    alive.delete(child)
  }
  const url = await new Promise<string>((resolve, reject) => {
    let said = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      said += chunk.toString()
      const match = / is up at (http:\S+) /.exec(said)
      if (match?.[1]) resolve(match[1])
    })
    child.once('exit', (code) => reject(new Error(`The server ended with ${code} before it was up. It said: ${said}`)))
  })
  return { url, kill }
}

/** Products of one variant each, `<prefix>-0` and so on, that cost 1.00; tracked when `onHand` is given. */
export function wares(count: number, prefix: string, onHand?: number) {
  return Array.from({ length: count }, (_, index) => ({
    handle: `${prefix.toLowerCase()}-${index}`,
    name: `${prefix} ${index}`,
    description: '',
    tags: [],
    kind: 'goods',
    published: true,
    images: [],
    taxCategory: 'standard',
    variants: [
      {
        sku: `${prefix}-${index}`,
        name: '',
        options: {},
        prices: [{ currency: 'USD', amount: 100 }],
        ...(onHand === undefined ? { stockPolicy: 'untracked' } : { stockPolicy: 'deny', onHand }),
        requiresShipping: false,
        taxable: true,
        grams: 100,
      },
    ],
  }))
}

/** Imports products into a shop; fails when one is refused. */
export async function stockUp(baseUrl: string, shop: string, products: readonly object[]): Promise<void> {
  const report = expect2xx(await caller(baseUrl, ADMIN)('POST', `/v1/shops/${shop}/products/import`, { products }))
  if (report.body.refusedCount > 0) throw new Error(`Products were refused: ${JSON.stringify(report.body.refused.slice(0, 3))}`)
}

/** The answer if it is a success; else an error that shows it. */
export function expect2xx(answer: Answer): Answer {
  if (answer.status < 200 || answer.status > 299) throw new Error(`Expected success, got ${answer.status}: ${JSON.stringify(answer.body)}`)
  return answer
}

/** A token of a demo account. */
export async function login(baseUrl: string, accountId: string): Promise<string> {
  return expect2xx(await caller(baseUrl)('POST', '/v1/demo/login', { accountId })).body.token
}

/** Pays on a payment page of the sandbox, by a card that works, and goes where the page sends a browser then. */
export async function payOnPage(url: string): Promise<void> {
  const card = new URLSearchParams({ number: '4242424242424242', expiry: '12/40', cvc: '123', name: 'Robin' })
  const paid = await fetch(url, { method: 'POST', body: card, redirect: 'manual' })
  assert.equal(paid.status, 303)
  await fetch(new URL(paid.headers.get('location') ?? '', url), { redirect: 'manual' })
}
