// Configuration and wiring: the only file that knows everything. It reads the environment, opens the database, puts engine, providers and
// server together, and runs the command line.
import { randomBytes } from 'node:crypto'
import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { backup as backupSqlite, DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import type { FastifyInstance } from 'fastify'
import { type Logger, pino } from 'pino'
import pretty from 'pino-pretty'
import { seedDemo } from './cli/demo-shops.ts'
import { booksText } from './cli/doctor-payments.ts'
import { type Actions, createProgram } from './cli/program.ts'
import { readProductJson } from './contract/product-json.ts'
import { readShippingAnswer, readTaxAnswer } from './contract/quote.ts'
import { exponentOf } from './core/currency.ts'
import { explain } from './core/explanation.ts'
import type { Limits } from './core/limit.ts'
import { PRICING_REVISION } from './core/pricing.ts'
import { isRefusal } from './core/refusal.ts'
import { type Replay, replay } from './core/replay.ts'
import { createEngine, type Engine } from './engine/engine.ts'
import { createSigner, hashSecret, type Signer } from './engine/identity.ts'
import type { Clock, PaymentProvider } from './engine/ports.ts'
import { readProductCsv } from './engine/product-csv.ts'
import { accountReader } from './engine/provider-accounts.ts'
import { createSystemClock, systemRandomness } from './engine/system.ts'
import { readAllowed, THIS_MACHINE } from './engine/targets.ts'
import { createApp } from './http/app.ts'
import { DEMO_ISSUER, demoFolder, demoRoutes } from './http/demo.ts'
import { explanationText } from './http/explanation.ts'
import { storeFolder, storePage } from './http/store-page.ts'
import type { StreamTimes } from './http/stream.ts'
import { httpShipping, httpTaxes, isSafeAddress } from './providers/http-rates.ts'
import { mailFolder } from './providers/mail-folder.ts'
import { mailPages } from './providers/mail-page.ts'
import { createManualPayment } from './providers/manual-payment.ts'
import { sandboxPages } from './providers/sandbox-page.ts'
import { createSandboxPayment, type SandboxSession, sandboxDueAt } from './providers/sandbox-payment.ts'
import { readSmtpUrl, type SmtpAddress, smtpMailer } from './providers/smtp.ts'
import type { StripeAccount } from './providers/stripe-client.ts'
import { createStripePayment } from './providers/stripe-payment.ts'
import { claimInstance } from './store/access.ts'
import { checkBooks, turnover } from './store/books.ts'
import { openPostgres } from './store/postgres.ts'
import { sandboxSessions } from './store/sandbox.ts'
import { readShop } from './store/shops.ts'
import { openSqlite } from './store/sqlite.ts'
import type { Store } from './store/store.ts'

/** Every variable of the environment with its meaning; `cartwright doctor` prints them. */
export const VARIABLES: Readonly<Record<string, string>> = {
  PORT: 'port to listen on (8080)',
  HOST: 'address to listen on (127.0.0.1 with the demo, else 0.0.0.0)',
  DATABASE_URL: 'sqlite:<path> or postgres://… (sqlite:./data/cartwright.db)',
  PUBLIC_URL: 'where browsers reach this server, for payment pages (http://localhost:<port>)',
  CARTWRIGHT_SECRET:
    'signs tokens and links, seals accounts at payment providers; several, comma separated: the first signs and seals, all verify and open (generated once and kept in the database)',
  CARTWRIGHT_ADMIN_KEY: 'an sk_… key with all scopes in all shops, at least 32 characters (generated once, printed at the first start)',
  CARTWRIGHT_TRUST_PROXY: 'addresses of proxies whose X-Forwarded-* headers count (none)',
  CARTWRIGHT_DEMO: '1: demo shops, sample catalogue, sandbox payments, demo login (0; 1 under npm start)',
  CARTWRIGHT_SANDBOX: '1: sandbox payments without the demo. Anybody can "pay" with test cards: never on a live shop (0)',
  CARTWRIGHT_TAX_URL: 'where an outside engine says what taxes a cart owes, for shops with tax.provider "http" (none)',
  CARTWRIGHT_SHIPPING_URL: 'where an outside engine says what shipping costs, for shops with shipping.provider "http" (none)',
  CARTWRIGHT_SMTP_URL:
    'smtp://user:password@host:port or smtps://…: who sends e-mails to customers; encrypted unless it is this machine (none: shops send no e-mails)',
  CARTWRIGHT_MAIL_FOLDER:
    'e-mails are written into this folder instead of being sent, and with the demo shown at /dev/mail; not in production (with the demo: mail beside the database)',
  CARTWRIGHT_RATES_SECRET: 'a whsec_… secret that signs what those two are asked, as webhooks are signed (not signed)',
  CARTWRIGHT_WEBHOOK_ALLOW:
    'where webhooks may go besides public addresses, also by http: addresses, ranges like 10.0.0.0/8 and names of hosts, comma separated (nowhere; the demo: this machine)',
  LOG_LEVEL: 'trace, debug, info, warn, error, fatal or silent (info)',
}

/** The configuration of a server. */
export interface Config {
  readonly port: number
  readonly host: string
  readonly databaseUrl: string
  readonly publicUrl: string | null
  readonly secrets: readonly string[]
  readonly adminKey: string | null
  readonly trustProxy: string | undefined
  readonly demo: boolean
  readonly sandbox: boolean
  readonly logLevel: string
  /** Outside engines for tax and shipping; none where absent. */
  readonly rates?: RatesConfig
  /** Who sends e-mails, or the folder they are written into; none where absent. */
  readonly mail?: MailConfig
  /** Where webhooks may go besides public addresses: addresses, ranges, names of hosts. */
  readonly webhookAllow?: readonly string[]
  /** How many tokens and codes may fail in a minute before guessing is stopped, in shops that decided nothing; the defaults unless a test needs others. */
  readonly guessLimits?: { readonly tokens: number; readonly codes: number }
  /** How often things happen on open streams; the defaults unless a test needs more. */
  readonly streamTimes?: StreamTimes
}

/** Where e-mails go. */
export type MailConfig = { readonly smtp: SmtpAddress } | { readonly folder: string }

/** Where outside engines for tax and shipping are asked, and the secret that signs the questions. */
export interface RatesConfig {
  readonly taxUrl: string | null
  readonly shippingUrl: string | null
  readonly secret: string | null
}

/** Reads the configuration. Throws with the variable, the reason and what to do. `wantsDemo`: the demo was asked for on the command line. */
export function readConfig(env: NodeJS.ProcessEnv, wantsDemo = false): Config {
  const databaseUrl = env.DATABASE_URL ?? 'sqlite:./data/cartwright.db'
  if (!/^(sqlite:.+|postgres(ql)?:\/\/.+)$/.test(databaseUrl))
    throw new Error('DATABASE_URL must begin with sqlite: or postgres://. Example: sqlite:./data/cartwright.db')
  const demo = env.CARTWRIGHT_DEMO === undefined ? wantsDemo : env.CARTWRIGHT_DEMO === '1'
  const looksLikeProduction = env.NODE_ENV === 'production' || !databaseUrl.startsWith('sqlite:')
  if (demo && env.CARTWRIGHT_DEMO === undefined && looksLikeProduction) {
    throw new Error(
      'The demo lets anybody log in and pay with test cards, and this looks like production (NODE_ENV or a PostgreSQL database). Set CARTWRIGHT_DEMO=1 if you mean it, or start with: cartwright serve',
    )
  }
  const port = Number(env.PORT ?? 8080)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error(`PORT must be a number from 0 to 65535, not "${env.PORT}".`)
  const adminKey = env.CARTWRIGHT_ADMIN_KEY ?? null
  if (adminKey !== null && !/^sk_[\x21-\x7e]{29,}$/.test(adminKey))
    throw new Error('CARTWRIGHT_ADMIN_KEY must begin with sk_ and have at least 32 characters. Make one: echo "sk_$(openssl rand -hex 32)"')
  const secrets = (env.CARTWRIGHT_SECRET ?? '')
    .split(',')
    .map((secret) => secret.trim())
    .filter(Boolean)
  if (secrets.some((secret) => secret.length < 32))
    throw new Error('CARTWRIGHT_SECRET: each secret must have at least 32 characters. Make one: openssl rand -hex 32')
  return {
    port,
    host: env.HOST ?? (demo ? '127.0.0.1' : '0.0.0.0'),
    databaseUrl,
    publicUrl: env.PUBLIC_URL?.replace(/\/+$/, '') ?? null,
    secrets,
    adminKey,
    trustProxy: env.CARTWRIGHT_TRUST_PROXY,
    demo,
    sandbox: demo || env.CARTWRIGHT_SANDBOX === '1',
    logLevel: env.LOG_LEVEL ?? 'info',
    rates: readRates(env),
    ...readMail(env, demo, databaseUrl),
    webhookAllow: readWebhookAllow(env, demo),
  }
}

/** Where e-mails go: to a server, or into a folder, which is for development only: links in e-mails open orders. */
function readMail(env: NodeJS.ProcessEnv, demo: boolean, databaseUrl: string): { readonly mail?: MailConfig } {
  const { CARTWRIGHT_SMTP_URL: url, CARTWRIGHT_MAIL_FOLDER: folder } = env
  if (url && folder) throw new Error('CARTWRIGHT_SMTP_URL and CARTWRIGHT_MAIL_FOLDER cannot both be set: e-mails are sent, or kept here.')
  if (folder && env.NODE_ENV === 'production')
    throw new Error('CARTWRIGHT_MAIL_FOLDER keeps e-mails instead of sending them, and NODE_ENV is production. Set CARTWRIGHT_SMTP_URL.')
  if (url) {
    const smtp = readSmtpUrl(url)
    // The address holds a password: it is not repeated.
    if (!smtp) throw new Error('CARTWRIGHT_SMTP_URL must look like smtp://user:password@mail.example.com:587 or smtps://…:465.')
    return { mail: { smtp } }
  }
  if (folder !== undefined) return folder === '' ? {} : { mail: { folder } }
  if (!demo) return {}
  const path = databaseUrl.startsWith('sqlite:') ? databaseUrl.slice('sqlite:'.length) : './data/cartwright.db'
  return { mail: { folder: join(dirname(path), 'mail') } }
}

function readWebhookAllow(env: NodeJS.ProcessEnv, demo: boolean): readonly string[] {
  const entries = (env.CARTWRIGHT_WEBHOOK_ALLOW ?? '')
    .split(',')
    .map((entry) => entry.trim())
    .filter(Boolean)
  try {
    readAllowed(entries)
  } catch (error) {
    throw new Error(`CARTWRIGHT_WEBHOOK_ALLOW: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
  return demo ? [...entries, ...THIS_MACHINE] : entries
}

function readRates(env: NodeJS.ProcessEnv): RatesConfig {
  for (const name of ['CARTWRIGHT_TAX_URL', 'CARTWRIGHT_SHIPPING_URL']) {
    const url = env[name]
    if (url !== undefined && !isSafeAddress(url))
      throw new Error(`${name} must be an https:// address without user and password, or http:// on this machine (localhost, 127.0.0.1).`)
  }
  const secret = env.CARTWRIGHT_RATES_SECRET ?? null
  if (secret !== null && !/^whsec_[A-Za-z0-9+/]{32,}={0,2}$/.test(secret))
    throw new Error(
      'CARTWRIGHT_RATES_SECRET must be whsec_ and at least 24 bytes as base64. Make one: echo "whsec_$(openssl rand -base64 32)"',
    )
  return { taxUrl: env.CARTWRIGHT_TAX_URL ?? null, shippingUrl: env.CARTWRIGHT_SHIPPING_URL ?? null, secret }
}

/** Opens the database that an address names; the schema is not touched. */
export function openStore(databaseUrl: string): Store {
  return databaseUrl.startsWith('sqlite:') ? openSqlite(databaseUrl.slice('sqlite:'.length)) : openPostgres(databaseUrl)
}

/** A server that runs. */
export interface Running {
  readonly url: string
  readonly engine: Engine
  readonly app: FastifyInstance
  /** The admin key, if it was made by this start: the only time it is known. */
  readonly newAdminKey: string | null
  /** Requests under way are finished, the queue is emptied, jobs come to their end. */
  close(): Promise<void>
}

/** Starts a server. */
export async function startServer(config: Config, options: { log?: Logger } = {}): Promise<Running> {
  const log = options.log ?? createLog(config.logLevel)
  const store = openStore(config.databaseUrl)
  await store.migrate()
  const keys = await instanceKeys(store, config)
  let admin: { hash: string; made: string | null } = { hash: '', made: null }
  const clock = createSystemClock()
  let port = config.port
  const publicUrl = () => config.publicUrl ?? `http://localhost:${port}`
  const ownUrl = () => `http://${config.host.includes(':') || config.host === '0.0.0.0' ? '127.0.0.1' : config.host}:${port}`
  const sandbox = config.sandbox ? makeSandbox({ store, clock, secret: keys.sandboxSecret, publicUrl, ownUrl, log }) : null
  const folder = config.mail && 'folder' in config.mail ? mailFolder(config.mail.folder) : null
  const mailer = config.mail && 'smtp' in config.mail ? smtpMailer(config.mail.smtp) : folder
  const signer = createSigner(keys.secrets)
  const engine = createEngine({
    ...outsideEngines(config),
    mailer,
    store,
    clock,
    random: systemRandomness,
    signer,
    adminHash: () => admin.hash,
    providers: [...realProviders(store, signer), ...(sandbox ? [sandbox] : [])],
    log,
    publicUrl,
    webhookTargets: readAllowed(config.webhookAllow ?? []),
    extraJobs: sandbox ? [() => sandbox.deliverDue()] : [],
    ...(config.guessLimits ? { limits: guessing(config.guessLimits) } : {}),
  })
  if (config.demo) await seedDemo(engine, { folder: demoFolder(), jwtSecret: keys.demoSecret, issuer: DEMO_ISSUER })
  const demoParts = { jwtSecret: keys.demoSecret, imagesFolder: `${demoFolder()}images`, moveClock: clock.move }
  const demo = config.demo ? [demoRoutes(engine, demoParts), storePage(storeFolder())] : []
  // Anybody who reaches the server could read everybody's mail there: only where anybody may log in as everybody, too.
  const pages = [...(sandbox ? [sandboxPages(sandbox)] : []), ...(folder && config.demo ? [mailPages(folder)] : [])]
  const app = await createApp({
    engine,
    log,
    version: packageVersion(),
    trustProxy: config.trustProxy,
    ...(config.streamTimes ? { streamTimes: config.streamTimes } : {}),
    plugins: [...pages, ...demo].map(
      (plugin) => async (scope) => void (await scope.register(plugin as (instance: FastifyInstance) => Promise<void>)),
    ),
  })
  await listen(app, config).catch(async (error: unknown) => {
    await store.close()
    throw error
  })
  admin = await claimAdminKey(store, config)
  const bound = app.server.address()
  if (bound !== null && typeof bound === 'object') port = bound.port
  engine.jobs.start()
  return {
    url: ownUrl(),
    engine,
    app,
    newAdminKey: admin.made,
    async close() {
      await app.close()
      await engine.watching.stop()
      await engine.carts.drain()
      await engine.quotes.finish()
      await engine.jobs.stop()
      await sandbox?.settled()
      await store.close()
    },
  }
}

/** Listens; rejects with what to do where the port is taken. */
async function listen(app: FastifyInstance, { port, host }: Config): Promise<void> {
  try {
    await app.listen({ port, host })
  } catch (error) {
    await app.close()
    const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
    throw isTaken
      ? new Error(`Port ${port} on ${host} is taken. Set PORT to another one, or stop what listens there.`, { cause: error })
      : error
  }
}

/** Providers that move money. */
function realProviders(store: Store, signer: Signer): PaymentProvider[] {
  const accountOf = accountReader({ store, signer })
  // What is kept was checked by the form of the provider when it came in.
  const stripe = createStripePayment({ accountOf: async (shopId) => (await accountOf(shopId, 'stripe')) as StripeAccount | null })
  return [createManualPayment(), stripe]
}

/** Limits of guessing, the same for everybody who is counted. */
function guessing({ tokens, codes }: NonNullable<Config['guessLimits']>): Partial<Limits> {
  return { tokens: { address: tokens, shop: 0 }, codes: { address: codes, owner: codes, cart: codes, shop: 0 } }
}

/** What answers at configured addresses, under the name `http`. */
function outsideEngines({ rates }: Config) {
  const how = { secret: rates?.secret ?? null, readTaxes: readTaxAnswer, readMethods: readShippingAnswer }
  return {
    taxProviders: rates?.taxUrl ? [httpTaxes(rates.taxUrl, how)] : [],
    shippingProviders: rates?.shippingUrl ? [httpShipping(rates.shippingUrl, how)] : [],
  }
}

function makeSandbox(parts: { store: Store; clock: Clock; secret: string; publicUrl: () => string; ownUrl: () => string; log: Logger }) {
  return createSandboxPayment({
    sessions: sandboxSessions<SandboxSession>(parts.store, sandboxDueAt),
    clock: parts.clock,
    secret: parts.secret,
    publicUrl: parts.publicUrl,
    eventUrl: (shopId) => `${parts.ownUrl()}/v1/shops/${shopId}/payments/sandbox/events`,
    randomId: () => randomBytes(24).toString('base64url'),
    onError: (error) => parts.log.error({ err: error }, 'a sandbox event could not be sent; it is tried again'),
  })
}

/** Secrets of the installation: from the environment, else made once and kept in the database, so that all nodes share them. */
async function instanceKeys(store: Store, config: Config) {
  return store.transact(async (writer) => {
    const claim = async (name: string, value: string) => (await claimInstance(writer, name, value)).value
    const secret = config.secrets.length > 0 ? [] : [await claim('secret', randomBytes(32).toString('base64url'))]
    return {
      secrets: [...config.secrets, ...secret],
      sandboxSecret: await claim('sandbox_secret', `whsec_${randomBytes(32).toString('base64')}`),
      demoSecret: await claim('demo_jwt_secret', randomBytes(32).toString('base64url')),
    }
  })
}

/** The admin key's hash, and the key itself if this start made it. Asked for once the server listens: a start that fails makes no key. */
async function claimAdminKey(store: Store, config: Config): Promise<{ hash: string; made: string | null }> {
  if (config.adminKey !== null) return { hash: hashSecret(config.adminKey), made: null }
  const key = `sk_${randomBytes(16).toString('hex')}_${randomBytes(32).toString('base64url')}`
  const { value, claimed } = await store.transact((writer) => claimInstance(writer, 'admin_key_hash', hashSecret(key)))
  return { hash: value, made: claimed ? key : null }
}

function createLog(level: string): Logger {
  const options = { level, redact: ['req.headers.authorization', 'headers.authorization', 'token', 'secret'] }
  return process.stdout.isTTY ? pino(options, pretty({ sync: true, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss' })) : pino(options)
}

function packageVersion(): string {
  const file = fileURLToPath(new URL('../package.json', import.meta.url))
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}

// Commands -----------------------------------------------------------------------------------------------------------------------------

/** Runs one command against a migrated database, and closes it. */
async function withEngine<T>(work: (engine: Engine) => Promise<T>): Promise<T> {
  const config = readConfig(process.env)
  const store = openStore(config.databaseUrl)
  try {
    await store.migrate()
    const clock = createSystemClock()
    return await work(
      createEngine({
        store,
        clock,
        random: systemRandomness,
        signer: createSigner(['unused']),
        adminHash: () => '',
        providers: [],
        log: pino({ level: 'silent' }),
        publicUrl: () => '',
      }),
    )
  } finally {
    await store.close()
  }
}

/** What a file replays: the facts of an explanation, or the whole answer with them in it. Throws with the reason and what to do. */
function readReplay(file: string): Replay {
  const say = `Give the answer of GET /v1/shops/<shop>/carts/<cart>/explanation?facts=true.`
  const text = readFileSync(file, 'utf8')
  let told: unknown
  try {
    told = JSON.parse(text)
  } catch (error) {
    throw new Error(`${file} is not JSON. ${say}`, { cause: error })
  }
  const inside = typeof told === 'object' && told !== null && 'facts' in told ? replay(JSON.stringify(told.facts)) : null
  const found = replay(text) ?? inside
  if (!found) throw new Error(`${file} holds no facts of a price. ${say}`)
  return found
}

const actions: Actions = {
  async serve({ demo, port, host }) {
    const config = readConfig(
      { ...process.env, ...(port === undefined ? {} : { PORT: String(port) }), ...(host === undefined ? {} : { HOST: host }) },
      demo,
    )
    const running = await startServer(config)
    const say = (text: string) => process.stdout.write(`${text}\n`)
    say(`Cartwright ${packageVersion()} is up at ${running.url} (reference: ${running.url}/docs)`)
    if (running.newAdminKey) say(`Admin key, shown only now: ${running.newAdminKey}`)
    if (config.demo) say(`Demo shop: ${running.url}/v1/shops/demo/products`)
    if (config.demo && config.mail && 'folder' in config.mail) say(`Its e-mails: ${running.url}/dev/mail`)
    const stop = () => {
      running.close().then(
        () => process.exit(0),
        (error: unknown) => {
          process.stderr.write(`${String(error)}\n`)
          process.exit(1)
        },
      )
    }
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop)
  },

  async importProducts(file, { shop: shopId }) {
    await withEngine(async ({ catalogue, facts }) => {
      const shop = await facts.shop(shopId)
      if (!shop)
        throw new Error(`There is no shop "${shopId}". Make it first: POST /v1/shops {"id":"${shopId}","name":"…","currency":"USD"}`)
      const isJson = file.endsWith('.json')
      const size = statSync(file).size
      const stream = createReadStream(file)
      const rows = isJson
        ? readProductJson(productsOf(JSON.parse(readFileSync(file, 'utf8'))))
        : readProductCsv(stream, { currency: shop.currency, exponent: exponentOf })
      const report = await catalogue.importProducts(shopId, rows, (done) => {
        if (process.stderr.isTTY)
          process.stderr.write(`\r${done} products, ${isJson || size === 0 ? '' : `${Math.round((100 * stream.bytesRead) / size)} %`}  `)
      })
      if (process.stderr.isTTY) process.stderr.write('\n')
      process.stdout.write(
        `${report.created} created, ${report.changed} changed, ${report.unchanged} unchanged, ${report.refusedCount} refused\n`,
      )
      for (const { line, handle, column, reason } of report.refused)
        process.stdout.write(`  line ${line}${handle ? ` (${handle})` : ''}${column ? `, ${column}` : ''}: ${reason}\n`)
      if (report.refusedCount > 0) process.exitCode = 2
    })
  },

  async makeKey({ shop: shopId, kind, name, scopes }) {
    await withEngine(async ({ catalogue, facts }) => {
      if (!(await facts.shop(shopId))) throw new Error(`There is no shop "${shopId}".`)
      const { token, ...draft } = catalogue.draftKey(kind)
      await catalogue.makeKey(shopId, draft, { kind, name, scopes })
      process.stdout.write(`${token}\n`)
    })
  },

  async migrate() {
    const { databaseUrl } = readConfig(process.env)
    const store = openStore(databaseUrl)
    await store.migrate().finally(() => store.close())
    process.stdout.write('The schema is up to date.\n')
  },

  async backup(file) {
    const { databaseUrl } = readConfig(process.env)
    if (!databaseUrl.startsWith('sqlite:')) throw new Error('cartwright backup copies SQLite databases. For PostgreSQL use pg_dump.')
    const source = new DatabaseSync(databaseUrl.slice('sqlite:'.length), { readOnly: true })
    await backupSqlite(source, file)
    source.close()
    process.stdout.write(`Copied to ${file}.\n`)
  },

  async doctor() {
    const say = (text: string) => void process.stdout.write(`${text}\n`)
    for (const [name, meaning] of Object.entries(VARIABLES))
      say(`${name.padEnd(24)}${process.env[name] === undefined ? 'default' : 'set    '}  ${meaning}`)
    const { databaseUrl } = readConfig(process.env)
    if (databaseUrl.startsWith('sqlite:') && !existsSync(databaseUrl.slice('sqlite:'.length))) {
      return say(`\nNode ${process.versions.node}, database sqlite: not there yet; the first start makes it`)
    }
    const store = openStore(databaseUrl)
    const shops = await store.reader.db
      .selectFrom('shops')
      .select('id')
      .execute()
      .catch((error: Error) => error)
    const isEmpty = shops instanceof Error && OTHER_SCHEMA.test(shops.message)
    const found = isEmpty
      ? 'empty; the first start or `cartwright migrate` makes the schema'
      : shops instanceof Error
        ? `not usable (${shops.message})`
        : `${shops.length} shops`
    say(`\nNode ${process.versions.node}, database ${store.dialect}: ${found}`)
    await store.close()
    if (shops instanceof Error && !isEmpty) process.exitCode = 1
  },

  async doctorPayments({ shop = null, json }) {
    const store = openStore(readConfig(process.env).databaseUrl)
    try {
      if (shop !== null && (await readShop(store.reader, shop)) === undefined) throw new Error(`There is no shop "${shop}".`)
      const checks = await checkBooks(store.reader, Date.now(), shop)
      const sold = await turnover(store.reader, shop)
      process.stdout.write(`${json ? JSON.stringify({ turnover: sold, checks }, null, 2) : booksText(checks, sold)}\n`)
      if (checks.some(({ severity, findings }) => severity === 'error' && findings.length > 0)) process.exitCode = 1
    } catch (error) {
      if (!(error instanceof Error) || !OTHER_SCHEMA.test(error.message)) throw error
      const cause = `the schema of this database is not that of this version (${error.message})`
      throw new Error(`The books cannot be read: ${cause}. Nothing was changed. Run \`cartwright migrate\`, or start the server once.`)
    } finally {
      await store.close()
    }
  },

  async replay(file) {
    const { revision, cart, facts } = readReplay(file)
    if (revision !== PRICING_REVISION)
      process.stderr.write(
        `This was priced by revision ${revision} of pricing, and this is revision ${PRICING_REVISION}: the price may be another one.\n`,
      )
    const explained = explain(cart, facts)
    if (isRefusal(explained))
      throw new Error(`The cart cannot be priced: ${explained.refused}${explained.path ? ` at ${explained.path}` : ''}.`)
    const answer: unknown = JSON.parse(explanationText(explained, JSON.stringify(explained.cart), null))
    process.stdout.write(`${JSON.stringify(answer, null, 2)}\n`)
  },
}

/** What databases say of tables and columns that are not there. */
const OTHER_SCHEMA = /no such (table|column)|(relation|column) \S+ does not exist/

function productsOf(json: unknown): readonly unknown[] {
  const products = Array.isArray(json) ? json : (json as { products?: unknown }).products
  if (!Array.isArray(products)) throw new Error('The JSON file must be a list of products, or {"products": [...]}.')
  return products
}

/** Runs the command line: what `bin/cartwright.js` and `node src/main.ts` do. */
export async function run(): Promise<void> {
  try {
    await createProgram(packageVersion(), actions).parseAsync()
  } catch (error) {
    process.stderr.write(`cartwright: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
}

if (import.meta.main) await run()
