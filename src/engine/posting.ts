// Sending one message to somebody else's server: looks up its name, connects only to the addresses that were checked (so that a name which leads
// elsewhere a moment later gains nothing), follows no redirect, and reads no more than it keeps.
import { lookup as lookUp } from 'node:dns/promises'
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { type Allowed, hostOf, mayConnect } from './targets.ts'

/** Of an answer so much is read, and so much is kept, in bytes. */
const ANSWER_READ = 64 * 1024
const ANSWER_KEPT = 1024
const HEADERS_MAX = 16 * 1024

/** What a server answered. */
export interface Answer {
  readonly status: number
  /** The beginning of the body, as text. */
  readonly text: string
  /** Seconds that it asked to wait, or null. */
  readonly retryAfterS: number | null
}

/** Sends a message. Throws where no answer came: with the reason, in words that a merchant may read. */
export interface Poster {
  post(url: string, headers: Readonly<Record<string, string>>, body: string, deadlineMs: number): Promise<Answer>
}

/** How names are looked up: every address of a host. Tests bring their own. */
export type Resolve = (host: string) => Promise<readonly { readonly address: string; readonly family: number }[]>

const systemResolve: Resolve = (host) => lookUp(host, { all: true, verbatim: true })

/** Makes a poster; connections are kept for the next message. */
export function createPoster(allowed: Allowed, resolve: Resolve = systemResolve): Poster {
  const agents = {
    'http:': new HttpAgent({ keepAlive: true, maxFreeSockets: 8, timeout: 60_000 }),
    'https:': new HttpsAgent({ keepAlive: true, maxFreeSockets: 8, timeout: 60_000 }),
  }

  /** The addresses of a host that may be connected to: all of its addresses, or the message is not sent. */
  async function addressesOf(url: URL, signal: AbortSignal) {
    const host = hostOf(url)
    if (isIP(host) !== 0) {
      if (!mayConnect(host, allowed)) throw new Error('The address is not public, so nothing was sent.')
      return []
    }
    const found = await orAborted(resolve(host), signal)
    if (found.length === 0) throw new Error('The host has no address.')
    if (!allowed.hosts.has(host) && !found.every(({ address }) => mayConnect(address, allowed)))
      throw new Error('The host leads to an address that is not public, so nothing was sent.')
    return found
  }

  async function post(text: string, headers: Readonly<Record<string, string>>, body: string, deadlineMs: number): Promise<Answer> {
    const signal = AbortSignal.timeout(deadlineMs)
    const url = new URL(text)
    const protocol = url.protocol === 'http:' ? 'http:' : 'https:'
    const addresses = await addressesOf(url, signal)
    const options: RequestOptions = {
      method: 'POST',
      agent: agents[protocol],
      headers: { ...headers, 'content-length': String(Buffer.byteLength(body)) },
      maxHeaderSize: HEADERS_MAX,
      lookup: checkedLookup(addresses),
      signal,
    }
    const send = protocol === 'http:' ? httpRequest : httpsRequest
    const exchange = () =>
      new Promise<Answer | 'closed'>((resolved, reject) => {
        let isAnswered = false
        const request = send(url, options, (response) => {
          isAnswered = true
          void answerOf(response).then(resolved)
        })
        request.on('error', (error: NodeJS.ErrnoException) => {
          // Whatever breaks after the answer began, its status is known.
          if (isAnswered) return
          // A connection from before that the other side had closed meanwhile: nothing was wrong with the message.
          if (request.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE')) resolved('closed')
          else reject(error)
        })
        request.end(body)
      })
    for (;;) {
      const answer = await exchange()
      if (answer !== 'closed') return answer
    }
  }

  return { post }
}

/** Answers what was looked up and checked, whatever is asked. */
function checkedLookup(addresses: readonly { readonly address: string; readonly family: number }[]): LookupFunction {
  return (host, { all }, done) => {
    const [first] = addresses
    if (!first) return done(new Error(`${host} was not looked up.`), '', 4)
    if (all) done(null, [...addresses])
    else done(null, first.address, first.family)
  }
}

/** What came, once it came whole or was too much. A server that does not come to its end has answered all the same: its status counts. */
function answerOf(response: IncomingMessage): Promise<Answer> {
  return new Promise((resolved) => {
    const pieces: Buffer[] = []
    let bytes = 0
    const finish = () => {
      const kept = Buffer.concat(pieces).subarray(0, ANSWER_KEPT)
      // PostgreSQL keeps no U+0000.
      const text = kept.toString('utf8').replaceAll('\0', '�')
      resolved({ status: response.statusCode ?? 0, text, retryAfterS: secondsOf(response.headers['retry-after']) })
    }
    response.on('data', (piece: Buffer) => {
      if (bytes < ANSWER_KEPT) pieces.push(piece)
      bytes += piece.byteLength
      if (bytes > ANSWER_READ) response.destroy()
    })
    // After the end, or without one: closed early by us or by them, or over time.
    response.on('error', finish)
    response.once('close', finish)
    response.once('end', finish)
  })
}

/** A Retry-After as seconds: a number or a date; null when it is neither. */
function secondsOf(header: string | undefined): number | null {
  if (header === undefined) return null
  if (/^\d{1,9}$/.test(header)) return Number(header)
  const at = Date.parse(header)
  return Number.isNaN(at) ? null : Math.max(0, Math.ceil((at - Date.now()) / 1000))
}

function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolved, reject) => {
    const abort = () => reject(signal.reason as Error)
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolved, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
