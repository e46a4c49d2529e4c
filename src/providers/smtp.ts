// E-mails by SMTP, each over a connection of its own: what is given up at its deadline is cut off there, and not sent later behind our back. Nothing but
// the message is ever read: no files, no addresses of the network.
import { type Mailer, type MailMessage, type MailReceipt, Undeliverable } from '../engine/ports.ts'

const CONNECT_MS = 10_000
const SILENCE_MS = 15_000

/** Where mail is handed over. */
export interface SmtpAddress {
  readonly host: string
  readonly port: number
  /** TLS from the first byte (smtps), not by STARTTLS. */
  readonly isEncrypted: boolean
  readonly user: string | null
  readonly password: string | null
}

/** Reads `smtp://user:password@host:port` or `smtps://…`; null when it is no such address. */
export function readSmtpUrl(text: string): SmtpAddress | null {
  const url = URL.parse(text)
  if (url === null || !['smtp:', 'smtps:'].includes(url.protocol) || url.hostname === '') return null
  if (!['', '/'].includes(url.pathname) || url.search !== '' || url.hash !== '') return null
  const isEncrypted = url.protocol === 'smtps:'
  const decoded = decodedOr(url.username)
  const password = decodedOr(url.password)
  if (decoded === null || password === null) return null
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (isEncrypted ? 465 : 587) : Number(url.port),
    isEncrypted,
    user: decoded === '' ? null : decoded,
    password: decoded === '' ? null : password,
  }
}

function decodedOr(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
}

/** The server at an address. Off this machine the connection must be encrypted and the server's certificate good. */
export function smtpMailer({ host, port, isEncrypted, user, password }: SmtpAddress): Mailer {
  const isHere = isLoopback(host)
  async function transport() {
    // Read when the first e-mail is sent: most processes never send one.
    const { createTransport } = await import('nodemailer')
    return createTransport({
      host,
      port,
      secure: isEncrypted,
      requireTLS: !isHere && !isEncrypted,
      tls: { rejectUnauthorized: !isHere, minVersion: 'TLSv1.2' },
      ...(user === null ? {} : { auth: { user, pass: password ?? '' } }),
      connectionTimeout: CONNECT_MS,
      greetingTimeout: CONNECT_MS,
      socketTimeout: SILENCE_MS,
      dnsTimeout: CONNECT_MS,
      disableFileAccess: true,
      disableUrlAccess: true,
    })
  }

  return {
    async send(message, signal) {
      const mail = await transport()
      const info = await mail.sendMail({ ...asMail(message), signal }).catch((error: unknown) => {
        throw isForGood(error) ? new Undeliverable(reasonOf(error), { cause: error }) : new Error(reasonOf(error), { cause: error })
      })
      return receiptOf(message, info)
    },
  }
}

/** An e-mail as the library takes it. Addresses are objects: nothing in them is read as a list. */
export function asMail({ id, from, to, cc, bcc, replyTo, subject, html, text, sentAt }: MailMessage) {
  const address = (each: string) => ({ name: '', address: each })
  return {
    from,
    to: address(to),
    cc: cc.map(address),
    bcc: bcc.map(address),
    ...(replyTo === null ? {} : { replyTo: address(replyTo) }),
    subject,
    html,
    text,
    date: new Date(sentAt),
    // The same at every attempt: a server that got it twice can tell.
    messageId: `<${id}@${from.address.slice(from.address.lastIndexOf('@') + 1)}>`,
    headers: { 'Auto-Submitted': 'auto-generated' },
    disableFileAccess: true,
    disableUrlAccess: true,
  }
}

/** The customer's own address must be taken; of copies it is only told. */
function receiptOf(message: MailMessage, info: { messageId: string; rejected?: readonly unknown[] }): MailReceipt {
  const refused = (info.rejected ?? []).map((each) => (typeof each === 'string' ? each : String((each as { address?: unknown }).address)))
  if (refused.includes(message.to)) throw new Undeliverable('The server refused the address; only copies were sent.')
  return { messageId: info.messageId, refused }
}

interface SmtpError {
  readonly code?: string
  readonly responseCode?: number
}

/** Whether a server said that this message or its addresses are refused for good. That it does not know us (EAUTH) is no fault of the message. */
function isForGood(error: unknown): boolean {
  const { code, responseCode } = error as SmtpError
  return (code === 'EENVELOPE' || code === 'EMESSAGE') && responseCode !== undefined && responseCode >= 500
}

function reasonOf(error: unknown): string {
  const { code } = error as SmtpError
  const message = error instanceof Error ? error.message : String(error)
  return code === undefined ? message : `${code}: ${message}`
}
