// An outside engine for tax and shipping, as somebody else would write one: a small HTTP server on loopback with a rule of its own, which can be
// slow, wrong or dead. It checks that it is asked in the agreed form and, where it has a secret, who asks.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after } from 'node:test'
import { Ajv } from 'ajv'
import { Webhook } from 'standardwebhooks'
import { ShippingQuestion, TaxQuestion } from '../src/contract/quote.ts'
import type { ShippingRequest, TaxRequest } from '../src/core/quote.ts'

/** What the engine does: answer; hang; answer what is no answer, or lies; break the connection; fail; refuse this question; redirect; never end. */
export type Mood = 'well' | 'slow' | 'garbage' | 'lying' | 'dead' | 'failing' | 'refusing' | 'redirecting' | 'endless'

/** A question as it was asked. */
export type Question = { readonly kind: 'tax' | 'shipping'; readonly shopId: string; readonly cartId: string } & Omit<TaxRequest, 'lines'> &
  Pick<ShippingRequest, 'lines'>

/** A running engine. */
export interface Engine {
  readonly taxUrl: string
  readonly shippingUrl: string
  /** What it does unless the city of the destination names another mood. */
  mood: Mood
  /** Per cent that it adds to everything. */
  percent: number
  /** What its van costs. */
  van: number
  /** How many questions it had at once that it let hang, at most. */
  mostHung: number
  /** Every question so far. */
  readonly asked: Question[]
  /** What was wrong with questions: their form, their signature. */
  readonly faults: string[]
}

const ajv = new Ajv({ strict: false })
const FORMS = { tax: ajv.compile(TaxQuestion), shipping: ajv.compile(ShippingQuestion) }

/** Starts one, and ends it after the test file. With a secret it believes only what is signed by it. */
export async function startEngine(secret: string | null = null): Promise<Engine> {
  const server = createServer((request, response) => void serve(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  after(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const engine: Engine = {
    taxUrl: `${url}/tax`,
    shippingUrl: `${url}/shipping`,
    mood: 'well',
    percent: 10,
    van: 700,
    mostHung: 0,
    asked: [],
    faults: [],
  }

  let hung = 0

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = ''
    for await (const piece of request) body += piece
    const kind = request.url === '/tax' ? 'tax' : 'shipping'
    if (request.method !== 'POST') engine.faults.push(`${request.method} ${request.url}`)
    if (secret !== null) checkSignature(secret, body, request)
    const question = JSON.parse(body)
    if (!FORMS[kind](question)) engine.faults.push(JSON.stringify(FORMS[kind].errors))
    engine.asked.push({ kind, ...question })
    const city = question.destination?.city as Mood | undefined
    act(city !== undefined && MOODS.includes(city) ? city : engine.mood, { kind, ...question }, response)
  }

  function checkSignature(known: string, body: string, { headers }: IncomingMessage): void {
    try {
      new Webhook(known).verify(body, headers as Record<string, string>)
    } catch (error) {
      engine.faults.push(String(error))
    }
  }

  function act(mood: Mood, question: Question, response: ServerResponse): void {
    const send = (status: number, text: string, headers = {}) =>
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text)
    switch (mood) {
      case 'slow':
        hung++
        engine.mostHung = Math.max(engine.mostHung, hung)
        response.once('close', () => hung--)
        return
      case 'dead':
        response.destroy()
        return
      case 'garbage':
        send(200, '{"lines": "all of them", "methods": 7')
        return
      case 'failing':
        send(500, '{}')
        return
      case 'refusing':
        send(422, '{}')
        return
      case 'redirecting':
        send(307, '', { location: `${url}/elsewhere` })
        return
      case 'endless':
        send(200, JSON.stringify({ lines: [], shipping: [], methods: [], padding: 'x'.repeat(300_000) }))
        return
      case 'lying':
        send(200, JSON.stringify(lieAbout(question)))
        return
      case 'well':
        send(200, JSON.stringify(answerTo(question)))
    }
  }

  function taxOn(amount: number, included = false) {
    return [
      {
        id: `state/${engine.percent}`,
        name: 'State tax',
        percent: String(engine.percent),
        amount: Math.floor((amount * engine.percent) / 100),
        included,
      },
    ]
  }

  function answerTo(question: Question): object {
    if (question.kind === 'shipping') {
      const grams = question.lines.reduce((sum, line) => sum + line.grams * line.quantity, 0)
      return {
        methods: [
          { id: 'van', name: 'Van', amount: engine.van },
          { id: 'bike', name: 'Bike', amount: grams },
        ],
      }
    }
    return {
      lines: question.lines.map((line) => ({ id: line.id, taxes: taxOn(line.amount) })),
      shipping: question.shipping > 0 ? taxOn(question.shipping) : [],
    }
  }

  /** Of the right form, and wrong: a tax on a line that nobody asked about; a method twice. */
  function lieAbout(question: Question): object {
    const van = { id: 'van', name: 'Van', amount: 1 }
    return question.kind === 'shipping' ? { methods: [van, van] } : { lines: [{ id: 'ln_other', taxes: taxOn(100) }], shipping: [] }
  }

  return engine
}

const MOODS: readonly Mood[] = ['well', 'slow', 'garbage', 'lying', 'dead', 'failing', 'refusing', 'redirecting', 'endless']
