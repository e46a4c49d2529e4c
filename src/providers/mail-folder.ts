// E-mails for development: instead of being sent they are written into a folder, as `.eml` that any mail program opens, and with what the page at
// /dev/mail shows of them.
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Mailer, MailMessage } from '../engine/ports.ts'
import { asMail } from './smtp.ts'

/** The newest that are kept. */
const KEPT = 500
const NAME = /^eml_[0-9a-f]{32}$/

/** A folder of e-mails. */
export interface MailFolder extends Mailer {
  /** The newest first. */
  list(): Promise<MailMessage[]>
  /** One of them with its source, or null. */
  find(id: string): Promise<{ readonly message: MailMessage; readonly source: string } | null>
}

/** The folder at a path; it is made when it is missing. Rejects where it cannot be written. */
export function mailFolder(path: string): MailFolder {
  async function write(name: string, content: string | Buffer): Promise<void> {
    const file = join(path, name)
    await writeFile(`${file}.part`, content, { mode: 0o600 })
    await rename(`${file}.part`, file)
  }

  async function names(): Promise<string[]> {
    const files = await readdir(path).catch(() => [])
    // Ids rise with time.
    return files.flatMap((file) => (file.endsWith('.json') && NAME.test(file.slice(0, -5)) ? [file.slice(0, -5)] : [])).sort()
  }

  async function read(name: string): Promise<MailMessage | null> {
    const text = await readFile(join(path, `${name}.json`), 'utf8').catch(() => null)
    return text === null ? null : (JSON.parse(text) as MailMessage)
  }

  return {
    async send(message) {
      if (!NAME.test(message.id)) throw new Error(`${message.id} is no id of an e-mail.`)
      const { createTransport } = await import('nodemailer')
      const composer = createTransport({ streamTransport: true, buffer: true, newline: 'unix' })
      const info = await composer.sendMail(asMail(message))
      await mkdir(path, { recursive: true, mode: 0o700 })
      await write(`${message.id}.eml`, info.message as Buffer)
      await write(`${message.id}.json`, JSON.stringify(message))
      for (const name of (await names()).slice(0, -KEPT))
        for (const ending of ['json', 'eml']) await rm(join(path, `${name}.${ending}`), { force: true })
      return { messageId: info.messageId, refused: [] }
    },

    async list() {
      const found: MailMessage[] = []
      for (const name of (await names()).reverse()) {
        const message = await read(name)
        if (message) found.push(message)
      }
      return found
    },

    async find(id) {
      const message = NAME.test(id) ? await read(id) : null
      const source = message && (await readFile(join(path, `${id}.eml`), 'utf8').catch(() => ''))
      return message === null ? null : { message, source: source ?? '' }
    },
  }
}
