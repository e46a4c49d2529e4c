// The load: raw keep-alive HTTP/1.1 connections in a closed loop. `fetch` and `node:http` would take more processor time than the server that is
// measured, so the plumbing is here: a request is bytes made beforehand, an answer is its status and its bytes. It reads exactly what the
// server sends (Content-Length, never chunked) and refuses everything else.
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'

/** One answer. */
export interface Reply {
  readonly status: number
  readonly head: string
  readonly body: Buffer
}

const HEAD_END = Buffer.from('\r\n\r\n')

/** One keep-alive connection: one request at a time. */
export interface Connection {
  send(request: Buffer): Promise<Reply>
  close(): void
}

/** Opens a connection to `http://host:port`. */
export async function openConnection(base: string): Promise<Connection> {
  const { hostname, port } = new URL(base)
  const socket = connect({ host: hostname, port: Number(port), noDelay: true })
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  return reading(socket)
}

function reading(socket: Socket): Connection {
  let waiting: { resolve: (reply: Reply) => void; reject: (error: Error) => void } | null = null
  let chunks: Buffer[] = []
  let received = 0
  let wanted = 0
  let head = ''
  let bodyAt = 0

  function take(chunk: Buffer): void {
    chunks.push(chunk)
    received += chunk.length
    if (wanted === 0) {
      const all = chunks.length === 1 ? chunk : Buffer.concat(chunks)
      chunks = [all]
      const end = all.indexOf(HEAD_END)
      if (end < 0) return
      head = all.toString('latin1', 0, end + 2)
      bodyAt = end + HEAD_END.length
      wanted = bodyAt + contentLength(head)
    }
    if (received < wanted) return
    const all = chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)
    const reply = { status: Number(head.slice(9, 12)), head, body: all.subarray(bodyAt, wanted) }
    chunks = []
    received = 0
    wanted = 0
    const { resolve } = waiting ?? { resolve: () => undefined }
    waiting = null
    resolve(reply)
  }

  function contentLength(text: string): number {
    const at = text.search(/\r\ncontent-length: /i)
    if (at >= 0) return Number.parseInt(text.slice(at + 18, at + 30), 10)
    if (text.startsWith('HTTP/1.1 304') || text.startsWith('HTTP/1.1 204')) return 0
    throw new Error(`An answer without Content-Length: ${text.slice(0, 200)}`)
  }

  const fail = (error: Error) => {
    waiting?.reject(error)
    waiting = null
  }
  socket.on('data', (chunk: Buffer) => {
    try {
      take(chunk)
    } catch (error) {
      fail(error as Error)
    }
  })
  socket.on('error', fail)
  socket.on('close', () => fail(new Error('The server closed the connection.')))
  return {
    send: (request) =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject }
        socket.write(request)
      }),
    close: () => socket.destroy(),
  }
}

/** A request as bytes. `body` is JSON, or text that is sent as a form. */
export function requestOf(method: string, path: string, token?: string, body?: unknown): Buffer {
  const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body)
  const type = typeof body === 'string' ? 'application/x-www-form-urlencoded' : 'application/json'
  const headers = [
    `${method} ${path} HTTP/1.1`,
    'host: bench',
    ...(token === undefined ? [] : [`authorization: Bearer ${token}`]),
    ...(body === undefined ? [] : [`content-type: ${type}`]),
    ...(method === 'GET' ? [] : [`content-length: ${Buffer.byteLength(text)}`]),
  ]
  return Buffer.from(`${headers.join('\r\n')}\r\n\r\n${text}`)
}

/** Sends and expects a status below 400; answers the JSON body, or null where there is none. */
export async function call<T>(connection: Connection, method: string, path: string, token?: string, body?: unknown): Promise<T> {
  const reply = await connection.send(requestOf(method, path, token, body))
  if (reply.status >= 400) throw new Error(`${method} ${path} answered ${reply.status}: ${reply.body.toString().slice(0, 500)}`)
  return (reply.body.length === 0 || !/content-type: application\/json/i.test(reply.head) ? null : JSON.parse(reply.body.toString())) as T
}

/** What a run measured: operations per second, latency in milliseconds, processor time of the server per operation in microseconds. */
export interface Measured {
  readonly operations: number
  readonly rate: number
  readonly p50: number
  readonly p99: number
  readonly max: number
  readonly cpuMicros: number | null
  /** Share of one core that the load generator itself used. */
  readonly generatorLoad: number
}

/** One worker's operation; called again as soon as it is done. */
export type Operation = () => Promise<void>

/** Runs every operation in a closed loop for `seconds`, after a warm-up of a fifth of that. `pid` is the server. */
export async function drive(operations: readonly Operation[], seconds: number, pid: number | undefined): Promise<Measured> {
  await loop(operations, seconds / 5)
  const cpuBefore = processTime(pid)
  const ownBefore = process.cpuUsage()
  const from = performance.now()
  const latencies = await loop(operations, seconds)
  const elapsed = performance.now() - from
  const own = process.cpuUsage(ownBefore)
  const cpuAfter = processTime(pid)
  latencies.sort((a, b) => a - b)
  const count = latencies.length
  return {
    operations: count,
    rate: (1000 * count) / elapsed,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    max: latencies.at(-1) ?? 0,
    cpuMicros: cpuBefore === null || cpuAfter === null ? null : (1e6 * (cpuAfter - cpuBefore)) / count,
    generatorLoad: (own.user + own.system) / 1000 / elapsed,
  }
}

async function loop(operations: readonly Operation[], seconds: number): Promise<number[]> {
  const latencies: number[] = []
  const end = performance.now() + 1000 * seconds
  await Promise.all(
    operations.map(async (operation) => {
      for (;;) {
        const from = performance.now()
        if (from >= end) return
        await operation()
        latencies.push(performance.now() - from)
      }
    }),
  )
  return latencies
}

/** A quantile of numbers that are sorted. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}

/** Processor seconds of a process so far (user and system), or null where /proc does not tell. */
function processTime(pid: number | undefined): number | null {
  if (pid === undefined) return null
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return (Number(fields[11]) + Number(fields[12])) / 100
  } catch {
    return null
  }
}

/** Resident memory of a process in MiB, or null where /proc does not tell. */
export function residentMemory(pid: number | undefined): number | null {
  try {
    const match = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
    return match ? Number(match[1]) / 1024 : null
  } catch {
    return null
  }
}
