// A shop's own receiver of webhooks: verifies every signature with the Standard Webhooks library, remembers what came, and answers as told.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after } from 'node:test'
import { Webhook } from 'standardwebhooks'

/** What came to an address, with a good signature. */
export interface Received {
  readonly id: string
  readonly path: string
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
  readonly event: { readonly type: string; readonly timestamp: string; readonly data: { readonly id: string; readonly version: number } }
}

interface HowAnswered {
  readonly status: number
  readonly headers?: Record<string, string>
  readonly body?: string
}

/** How a receiver answers; `undefined`: not at all. */
type Answering = (came: Received) => HowAnswered | undefined | Promise<HowAnswered | undefined>

/** Starts one; it ends after the test file. */
export async function startReceiver() {
  const received: Received[] = []
  const forged: string[] = []
  const secrets = new Map<string, string>()
  const answering = new Map<string, Answering>()

  async function receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? ''
    const headers = request.headers as Record<string, string>
    const body = Buffer.concat(await request.toArray()).toString()
    let came: Received
    try {
      const event = new Webhook(secrets.get(path) ?? '').verify(body, headers) as Received['event']
      came = { id: headers['webhook-id'] ?? '', path, body, headers, event }
    } catch (error) {
      forged.push(`${path} ${String(error)}`)
      response.writeHead(400).end()
      return
    }
    received.push(came)
    const how: Answering = answering.get(path) ?? (() => ({ status: 204 }))
    const answer = await how(came)
    if (answer) response.writeHead(answer.status, answer.headers).end(answer.body)
  }

  const server = createServer((request, response) => {
    receive(request, response).catch(() => response.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  after(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    forged,
    at: (path: string) => received.filter((each) => each.path === path),
    trust: (path: string, secret: string) => void secrets.set(path, secret),
    /** From now on; null: 204. A receiver that hangs holds its requests for ever. */
    answer(path: string, how: Answering | 'hang' | null) {
      if (how === null) answering.delete(path)
      else answering.set(path, how === 'hang' ? () => undefined : how)
    },
  }
}
