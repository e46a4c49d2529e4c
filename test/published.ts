// The published form, as those get it who install it: the tarball of `npm pack`, installed by npm in empty folders. Its server starts with npx and
// serves the store and the elements; its client type-checks and orders in every platform that can be had here; and the guides for React and Next.js
// are done by their own commands. It installs much, so it is no part of `npm test`: continuous integration runs it by `.ci/published`.
import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import type { Browser, Page } from 'playwright-core'
import { build } from 'vite'
import { openBrowser } from './chromium.ts'
import { type Block, blocksOf, writeFiles } from './guide-blocks.ts'
import { freePort } from './site.ts'

const run = promisify(execFile)
/** What the guides say where the server is; here it is elsewhere. */
const SAID_SERVER = 'http://localhost:3000'
const STARTS_SERVER = 'npx cartwright serve --demo'
const NODES = ['20', '22', '24']

/** Adds, fills in, orders and reads: what a page or a server does with the client. */
const CONSUMER = `import { type Cart, createCart, createClient } from 'cartwright/client'

export async function shopAt(baseUrl: string): Promise<[number, string, string]> {
  const kept = new Map<string, string>()
  const storage = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, text: string) => void kept.set(key, text),
    removeItem: (key: string) => void kept.delete(key),
  }
  const store = createCart({ shop: 'demo', baseUrl, storage })
  await store.add({ sku: 'MUG-INK', quantity: 2 })
  const token = kept.get('cartwright:demo') ?? null
  const cart: Cart = await createClient({ baseUrl, shop: 'demo', token }).call('GET /v1/shops/{shop}/carts/{cart}', { params: { cart: 'current' } })
  const shippingAddress = { name: 'Robin', line1: '1 Main St', city: 'New York', region: 'NY', postalCode: '10001', country: 'US' }
  await store.change({ email: 'robin@example.com', shippingAddress, shippingMethod: 'standard' })
  const { order, payment } = await store.order()
  store.close()
  return [cart.itemCount, order.state, payment?.provider ?? '']
}
`
const ORDERED = [2, 'NEW', 'sandbox']
const STRICT = {
  target: 'es2022',
  lib: ['es2022'],
  types: [],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: false,
}

const folder = mkdtempSync(join(tmpdir(), 'cartwright-published-'))
const running = new Set<ChildProcess>()
let tarball = ''
let server = ''

/** What a shell of somebody has who only installed Node: nothing of this checkout. */
const ENV = {
  ...process.env,
  PATH: (process.env.PATH ?? '')
    .split(':')
    .filter((each) => !each.includes('node_modules'))
    .join(':'),
  CI: '1',
  NO_COLOR: '1',
  FORCE_COLOR: '0',
  // A reader is asked whether npm may fetch what it runs, and says yes.
  npm_config_yes: 'true',
  NEXT_TELEMETRY_DISABLED: '1',
}

async function shell(command: string, cwd: string): Promise<string> {
  const { stdout } = await run('bash', ['-euc', command], { cwd, env: ENV, maxBuffer: 2 ** 26 })
  return stdout
}

/** Starts something that goes on, and answers what it says first that matches. */
async function started(command: string, cwd: string, says: RegExp): Promise<string> {
  const child = spawn('bash', ['-euc', command], { cwd, env: ENV, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  running.add(child)
  let said = ''
  return new Promise((resolve, reject) => {
    const hear = (chunk: Buffer) => {
      said += chunk.toString()
      const [, found] = says.exec(said) ?? []
      if (found) resolve(found)
    }
    child.stdout.on('data', hear)
    child.stderr.on('data', hear)
    child.once('exit', (code) => {
      running.delete(child)
      reject(new Error(`${command} ended with ${code}: ${said}`))
    })
    setTimeout(() => reject(new Error(`${command} did not come up: ${said}`)), 120_000).unref()
  })
}

function emptyFolder(name: string): string {
  const made = join(folder, name)
  mkdirSync(made)
  return made
}

before(async () => {
  tarball = process.env.CARTWRIGHT_TARBALL ?? assert.fail('CARTWRIGHT_TARBALL names what npm pack made: run .ci/published')
  const cwd = emptyFolder('server')
  await shell(`npm init -y >/dev/null; npm install --no-fund --no-audit ${tarball}`, cwd)
  const settings = `PORT=${await freePort()} HOST=127.0.0.1 LOG_LEVEL=warn CARTWRIGHT_MAIL_FOLDER=`
  server = await started(`${settings} ${STARTS_SERVER}`, cwd, / is up at (http:\S+) /)
})

after(() => {
  for (const child of running) {
    child.removeAllListeners('exit')
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
})

test('npx cartwright serve --demo serves the store, the elements and the API', async () => {
  const read = async (path: string) => {
    const response = await fetch(server + path)
    assert.equal(response.status, 200, path)
    return response.text()
  }
  const [, script = ''] = /<script[^>]* src="([^"]+)"/.exec(await read('/')) ?? assert.fail('the store has no script')
  for (const path of [script, '/elements.js', '/elements.css', '/v1/shops/demo/products?limit=1'])
    assert.ok((await read(path)).length > 100, path)
})

describe('the client', () => {
  let cwd = ''
  before(async () => {
    cwd = emptyFolder('consumer')
    writeFileSync(join(cwd, 'package.json'), JSON.stringify({ type: 'module' }))
    writeFileSync(join(cwd, 'consumer.ts'), CONSUMER)
    writeFileSync(join(cwd, 'hooks.ts'), "export { useCart, useCheckout, useLine } from 'cartwright/react'\n")
    writeFileSync(
      join(cwd, 'main.js'),
      "import { shopAt } from './consumer.js'\nconsole.log(JSON.stringify(await shopAt(process.argv.at(-1))))\n",
    )
    writeFileSync(
      join(cwd, 'worker.ts'),
      "import { shopAt } from './consumer.ts'\nexport default { fetch: async () => Response.json(await shopAt('ADDRESS')) }\n".replace(
        'ADDRESS',
        server,
      ),
    )
    const platforms = 'deno miniflare react @types/react typescript'
    await shell(`npm install --no-fund --no-audit ${tarball} ${platforms}`, cwd)
  })

  /** Type-checks under the strictest rules, without the types of browsers and of Node. */
  const tsc = (changed: Readonly<Record<string, unknown>>, files: readonly string[]) => {
    writeFileSync(join(cwd, 'tsconfig.json'), JSON.stringify({ compilerOptions: { ...STRICT, ...changed }, files }))
    return shell('npx tsc -p .', cwd)
  }

  test('its types are whole, however modules are found, and so are those of the hooks', async () => {
    const bundler = { module: 'esnext', moduleResolution: 'bundler' }
    await tsc({ ...bundler, noEmit: true }, ['consumer.ts'])
    await tsc({ ...bundler, noEmit: true, lib: ['es2022', 'dom'] }, ['hooks.ts'])
    await tsc({ module: 'nodenext', noEmit: true, lib: ['es2022', 'dom'] }, ['hooks.ts'])
    await tsc({ module: 'nodenext' }, ['consumer.ts'])
  })

  for (const version of NODES)
    test(`it orders in Node ${version}`, async () => {
      const said = await shell(`npx --yes node@${version} -p process.version; npx --yes node@${version} main.js ${server}`, cwd)
      const [is = '', ordered = ''] = said.trim().split('\n')
      assert.match(is, new RegExp(`^v${version}\\.`))
      assert.deepEqual(JSON.parse(ordered), ORDERED)
    })

  test('it orders in Deno', async () => {
    const said = await shell(`npx deno run --allow-net=127.0.0.1 --allow-read main.js ${server}`, cwd)
    assert.deepEqual(JSON.parse(said), ORDERED)
  })

  test('it orders at the edge, in the runtime of Cloudflare Workers', async () => {
    await build({
      configFile: false,
      logLevel: 'error',
      root: cwd,
      build: {
        outDir: 'built',
        target: 'es2022',
        lib: { entry: 'worker.ts', formats: ['es'], fileName: 'worker' },
        rolldownOptions: { output: { codeSplitting: false } },
      },
    })
    writeFileSync(
      join(cwd, 'edge.js'),
      `import { Miniflare } from 'miniflare'
const edge = new Miniflare({ modules: true, scriptPath: 'built/worker.js', compatibilityDate: '2026-01-01' })
console.log(await (await edge.dispatchFetch('http://edge/')).text())
await edge.dispose()`,
    )
    assert.deepEqual(JSON.parse(await shell('npx --yes node@24 edge.js', cwd)), ORDERED)
  })
})

/** Does what a guide says, in order, as far as its last command, which starts the site; answers that one and the folder of the site. */
async function followed(guide: string): Promise<{ readonly last: string; readonly cwd: string }> {
  const blocks = blocksOf(guide)
  let cwd = emptyFolder(basename(guide, '.md'))
  const commands = blocks.filter((each) => each.title === '').map(commandsOf)
  assert.equal(commands.shift()?.join('\n'), STARTS_SERVER)
  const last = commands.pop()?.join('\n') ?? assert.fail(`${guide} starts nothing`)
  for (const command of commands.flat()) {
    const [, entered] = /^cd (\S+)$/.exec(command) ?? []
    if (entered) cwd = join(cwd, entered)
    else await shell(command.replace(/^npm install cartwright$/, `npm install ${tarball}`), cwd)
  }
  writeFiles(blocks, cwd, { [SAID_SERVER]: server })
  return { last, cwd }
}

function commandsOf({ language, code }: Block): string[] {
  assert.equal(language, 'sh', `Neither a file nor a command: ${code}`)
  return code.trim().split('\n')
}

describe('the guides', () => {
  let browser: Browser
  before(async () => {
    browser = await openBrowser()
  })
  after(() => browser?.close())

  const click = (page: Page, name: string | RegExp) => page.getByRole('button', { name, exact: typeof name === 'string' }).click()

  /** A visitor who has never been here, and where the pages that were shown asked anything. */
  async function visit(address: string): Promise<{ readonly page: Page; readonly asked: Set<string>; readonly faults: Error[] }> {
    const page = await (await browser.newContext()).newPage()
    page.setDefaultTimeout(30_000)
    const asked = new Set<string>()
    const faults: Error[] = []
    page.on('request', (request) => asked.add(new URL(request.url()).origin))
    page.on('pageerror', (fault) => faults.push(fault))
    await page.goto(address)
    return { page, asked, faults }
  }

  async function fillIn(page: Page): Promise<void> {
    const address = {
      'E-mail': 'robin@example.com',
      Name: 'Robin',
      Street: '1 Main St',
      City: 'New York',
      State: 'NY',
      'ZIP code': '10001',
    }
    for (const [label, text] of Object.entries(address)) await page.getByLabel(label, { exact: true }).fill(text)
    await click(page, 'Save address')
  }

  async function pay(page: Page): Promise<void> {
    await page.getByRole('button', { name: /^Order and pay \$/, disabled: false }).click()
    await page.waitForURL(/sandbox/)
    await page.getByText('4242 4242 4242 4242').click()
    await click(page, /^Pay/)
    await page.getByText(/^Thank you! Order \S+ is /).waitFor()
  }

  test('a cart with React: built without an error, and its page orders', async () => {
    const { last, cwd } = await followed('docs/guides/react.md')
    assert.equal(last, 'npm run dev')
    await shell('npm run build', cwd)
    const port = await freePort()
    await started(`npm run dev -- --port ${port} --host 127.0.0.1`, cwd, /(ready) in/)
    const { page, faults } = await visit(`http://127.0.0.1:${port}/`)
    await click(page, 'Add Stoneware Mug')
    await page.getByText('Stoneware Mug × 1, $18.00').waitFor()
    await fillIn(page)
    await pay(page)
    assert.deepEqual(faults, [])
  })

  test('a cart with Next.js: built without an error, its pages order, and the browser knows no secret', async () => {
    const { last, cwd } = await followed('docs/guides/next.md')
    assert.equal(last, 'npm run dev -- --port 3001')
    await shell('npm run build', cwd)
    const port = await freePort()
    await started(`npm start -- --port ${port}`, cwd, /(Ready)/)
    const site = `http://localhost:${port}`
    const { page, asked, faults } = await visit(site)
    // Each click counts, however fast.
    for (let clicks = 0; clicks < 3; clicks++) await click(page, 'Add Stoneware Mug')
    await page.getByRole('heading', { name: 'Your cart (3)' }).waitFor()
    await page.getByLabel('Quantity of Stoneware Mug').fill('2')
    await click(page, 'Change Stoneware Mug')
    await page.getByRole('heading', { name: 'Your cart (2)' }).waitFor()
    await page.getByLabel('Quantity of Stoneware Mug').fill('100000')
    await click(page, 'Change Stoneware Mug')
    await page.getByText('quantity must be <= 99999').waitFor()
    await page.reload()
    await page.getByText('Stoneware Mug, $36.00').waitFor()
    await fillIn(page)
    await page.getByRole('button', { name: /^Order and pay \$/ }).waitFor()
    assert.deepEqual([...asked], [site])
    const [kept, ...others] = (await page.context().cookies()).filter((cookie) => cookie.domain === 'localhost')
    assert.deepEqual([kept?.name, kept?.httpOnly, kept?.sameSite, kept?.secure, others.length], ['cart', true, 'Lax', true, 0])
    assert.equal(await page.evaluate('document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage)'), '{}{}')
    const secret = kept?.value ?? assert.fail('there is no cookie')
    assert.ok(!(await page.content()).includes(secret))
    await pay(page)
    await page.goto(site)
    await page.getByRole('heading', { name: 'Your cart (0)' }).waitFor()
    // The other way: a cart that the browser holds.
    await page.goto(`${site}/live`)
    await page.getByText('0 in the cart').waitFor()
    await click(page, 'Add a mug')
    await page.getByText('1 in the cart').waitFor()
    assert.deepEqual(faults, [])
  })
})
