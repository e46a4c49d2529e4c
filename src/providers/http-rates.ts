// Outside engines over HTTP, under the name `http`: the question is posted as JSON to the address that the installation is configured with, and
// signed like a webhook where a secret is configured. Only 200 with at most 256 KB of JSON of the agreed form is an answer; redirects are
// not followed. What is sent and answered is described in contract/quote.ts.
import { randomUUID } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import type { ShippingQuote, TaxAnswer } from '../core/quote.ts'
import { type ShippingRateProvider, type TaxProvider, Unquotable } from '../engine/ports.ts'

const NAME = 'http'
const ANSWER_MAX_BYTES = 262_144
/** Statuses that say that this question is refused, not that the engine is ill. */
const REFUSES_QUESTION = [400, 404, 409, 413, 422]

/** How an engine is asked: the secret that signs questions (`whsec_…`), and how an answer is read; null where it is not of the agreed form. */
export interface HowToAsk {
  readonly secret: string | null
  readonly readTaxes: (sent: unknown) => TaxAnswer | null
  readonly readMethods: (sent: unknown) => readonly ShippingQuote[] | null
}

/** A tax engine at an address. */
export function httpTaxes(url: string, { secret, readTaxes }: HowToAsk): TaxProvider {
  return { name: NAME, quote: async (request, signal) => read(await post(url, secret, request, signal), readTaxes) }
}

/** A shipping engine at an address. */
export function httpShipping(url: string, { secret, readMethods }: HowToAsk): ShippingRateProvider {
  return { name: NAME, rates: async (request, signal) => read(await post(url, secret, request, signal), readMethods) }
}

/** Whether questions, which name places and baskets, may be sent to this address: encrypted, or on this machine. */
export function isSafeAddress(text: string): boolean {
  const url = URL.parse(text)
  if (url === null || url.username !== '' || url.password !== '') return false
  const isHere = url.hostname === 'localhost' || url.hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(url.hostname)
  return url.protocol === 'https:' || (url.protocol === 'http:' && isHere)
}

async function post(url: string, secret: string | null, question: object, signal: AbortSignal): Promise<string> {
  const body = JSON.stringify(question)
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'user-agent': 'Cartwright-Rates/1', ...signed(secret, body) },
    body,
    redirect: 'manual',
    signal,
  })
  if (response.status !== 200) {
    await response.body?.cancel()
    const reason = `The engine answered ${response.status}.`
    throw REFUSES_QUESTION.includes(response.status) ? new Unquotable(reason) : new Error(reason)
  }
  return textOf(response)
}

/** The engine compares the time of signing with its own clock, so this is the real time. */
function signed(secret: string | null, body: string): Record<string, string> {
  if (secret === null) return {}
  const id = `rates_${randomUUID()}`
  const at = new Date()
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': new Webhook(secret).sign(id, at, body),
  }
}

async function textOf(response: Response): Promise<string> {
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of response.body ?? []) {
    bytes += piece.byteLength
    // Leaving the loop closes the connection.
    if (bytes > ANSWER_MAX_BYTES) throw new Error(`The engine answered more than ${ANSWER_MAX_BYTES} bytes.`)
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString('utf8')
}

function read<Answer>(text: string, reader: (sent: unknown) => Answer | null): Answer {
  const answer = reader(jsonOf(text))
  if (answer === null) throw new Error('The engine answered something that is not of the agreed form.')
  return answer
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
