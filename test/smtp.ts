// A mail server of the tests: a real one, on loopback, with a mood. It keeps what it took, read as mail programs read it.
import { once } from 'node:events'
import { after } from 'node:test'
import PostalMime, { type Email } from 'postal-mime'
import { SMTPServer } from 'smtp-server'

/** What a mail server does with a message. */
export type Mood = 'takes' | 'later' | 'never' | 'drops' | 'silent'

/** A mail that was taken: its envelope, its parts, its source. */
export interface TakenMail extends Email {
  readonly envelope: { readonly from: string; readonly to: readonly string[] }
  readonly source: string
  readonly isEncrypted: boolean
  readonly user: string | null
}

/** A mail server. */
export interface MailServer {
  readonly url: string
  readonly port: number
  mood: Mood
  /** What `RCPT TO` refuses for good. */
  readonly refused: Set<string>
  /** How often somebody tried to hand over a message. */
  tries: number
  readonly mails: TakenMail[]
  to(address: string): TakenMail[]
}

/** Starts one. `login`: it asks for this user and password, over TLS (with a certificate that it made itself). */
export async function startMailServer(options: { login?: { user: string; password: string }; port?: number } = {}): Promise<MailServer> {
  const { login } = options
  const server = new SMTPServer({
    authOptional: login === undefined,
    ...(login ? {} : { disabledCommands: ['AUTH', 'STARTTLS'] }),
    onAuth: ({ username, password }, _session, done) =>
      username === login?.user && password === login?.password ? done(null, { user: username }) : done(failure(535, 'who are you?')),
    onRcptTo: ({ address }, _session, done) => (made.refused.has(address) ? done(failure(550, 'no such mailbox')) : done()),
    onData(stream, session, done) {
      made.tries++
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', async () => {
        if (made.mood === 'silent') return
        if (made.mood === 'drops') return void drop()
        if (made.mood === 'later') return done(failure(451, 'come again'))
        if (made.mood === 'never') return done(failure(554, 'not this one'))
        const source = Buffer.concat(chunks)
        const mail = await new PostalMime().parse(source)
        const { mailFrom, rcptTo } = session.envelope
        const envelope = { from: mailFrom ? mailFrom.address : '', to: rcptTo.map(({ address }) => address) }
        const user = typeof session.user === 'string' ? session.user : null
        made.mails.push(Object.assign(mail, { envelope, source: source.toString('utf8'), isEncrypted: session.secure, user }))
        done()
      })
    },
  })
  const sockets = new Set<import('node:net').Socket>()
  server.server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  const drop = () => {
    for (const socket of sockets) socket.destroy()
  }
  server.on('error', () => undefined)
  server.listen(options.port ?? 0, '127.0.0.1')
  await once(server.server, 'listening')
  const bound = server.server.address()
  const port = typeof bound === 'object' && bound ? bound.port : 0
  const account = login ? `${encodeURIComponent(login.user)}:${encodeURIComponent(login.password)}@` : ''
  const made: MailServer = {
    url: `smtp://${account}127.0.0.1:${port}`,
    port,
    mood: 'takes',
    refused: new Set(),
    tries: 0,
    mails: [],
    to: (address) => made.mails.filter(({ envelope }) => envelope.to.includes(address)),
  }
  after(() => {
    drop()
    server.close()
  })
  return made
}

function failure(responseCode: number, message: string): Error {
  return Object.assign(new Error(message), { responseCode })
}
