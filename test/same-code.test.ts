// The price is the same wherever it is computed: pricing and all that it imports need nothing of Node, and a real browser that runs these very files
// answers byte by byte what the server answers. The libraries are served as they are installed; the one that is CommonJS gets a few lines around it.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire, stripTypeScriptTypes } from 'node:module'
import type { AddressInfo } from 'node:net'
import { dirname, join, normalize } from 'node:path'
import { after, before, describe, it } from 'node:test'
import fc from 'fast-check'
import { parseSync } from 'oxc-parser'
import type { Browser } from 'playwright-core'
import { explain } from '../src/core/explanation.ts'
import { priceCart } from '../src/core/pricing.ts'
import { factsText } from '../src/core/replay.ts'
import { randomCarts } from './carts.ts'
import { openBrowser } from './chromium.ts'
import { cartWith, factsOf, guestCart, line, promotionOf, variantOf } from './facts.ts'

const ROOT = join(import.meta.dirname, '..')
/** What a page needs to replay and explain a price. */
const ENTRIES = ['src/core/pricing.ts', 'src/core/explanation.ts', 'src/core/replay.ts']
/** Libraries that compute and nothing else. */
const PURE = ['currency-codes', '@cfworker/json-schema']
const SAMPLES = 200

/** The files that are loaded with these, and the packages that they name; imports of types are gone before anything runs. */
function loadedWith(entries: readonly string[]): { files: Map<string, string>; packages: Set<string> } {
  const files = new Map<string, string>()
  const packages = new Set<string>()
  const visit = (path: string): void => {
    if (files.has(path)) return
    const script = stripTypeScriptTypes(readFileSync(join(ROOT, path), 'utf8'))
    files.set(path, script)
    const { module } = parseSync(path.replace(/\.ts$/, '.js'), script)
    const named = [
      ...module.staticImports.map((each) => each.moduleRequest.value),
      ...module.staticExports.flatMap(({ entries: exported }) => exported.flatMap((each) => each.moduleRequest?.value ?? [])),
    ]
    assert.equal(module.dynamicImports.length, 0, `${path} imports at run time`)
    for (const name of named) {
      if (name.startsWith('.')) visit(normalize(join(dirname(path), name)))
      else packages.add(name)
    }
  }
  for (const entry of entries) visit(entry)
  return { files, packages }
}

const { files, packages } = loadedWith(ENTRIES)

describe('what a price is computed with', () => {
  it('is files of the core and two libraries that compute, and nothing of Node', () => {
    assert.ok(files.size >= 10, [...files.keys()].join(', '))
    for (const path of files.keys()) assert.ok(path.startsWith('src/core/'), path)
    assert.deepEqual([...packages].sort(), [...PURE].sort())
  })
})

// A page with an import map ---------------------------------------------------------------------------------------------------------------

const require = createRequire(import.meta.url)
const schemaFolder = dirname(join(ROOT, 'node_modules/@cfworker/json-schema/dist/esm/index.js'))

/** `currency-codes` and what it requires, each as it is installed, in a module with a `require` that knows only these files. */
function currencyCodesAsModule(): string {
  const modules = new Map<string, { script: string; requires: Record<string, string> }>()
  const add = (path: string): void => {
    if (modules.has(path)) return
    const script = readFileSync(path, 'utf8')
    const requires = Object.fromEntries(
      [...script.matchAll(/require\(['"]([^'"]+)['"]\)/g)].map(([, name = '']) => [name, createRequire(path).resolve(name)]),
    )
    modules.set(path, { script, requires })
    for (const target of Object.values(requires)) add(target)
  }
  const entry = require.resolve('currency-codes')
  add(entry)
  const table = [...modules].map(
    ([path, { script, requires }]) =>
      `${JSON.stringify(path)}: [${JSON.stringify(requires)}, function (module, exports, require) {\n${script}\n}]`,
  )
  return `const files = {${table.join(',\n')}}
const loaded = {}
function load(path) {
  if (!loaded[path]) {
    const module = (loaded[path] = { exports: {} })
    files[path][1](module, module.exports, (name) => load(files[path][0][name]))
  }
  return loaded[path].exports
}
export default load(${JSON.stringify(entry)})`
}

const imports = { 'currency-codes': '/libraries/currency-codes.js', '@cfworker/json-schema': '/libraries/json-schema/index.js' }
const PAGE = `<!doctype html><title>Replay</title><script type="importmap">${JSON.stringify({ imports })}</script>
<script type="module">
import { priceCart } from '/src/core/pricing.ts'
import { explain } from '/src/core/explanation.ts'
import { replay } from '/src/core/replay.ts'
window.priced = (text) => { const { cart, facts } = replay(text); return [priceCart(cart, facts), explain(cart, facts)].map((each) => JSON.stringify(each)) }
</script>`

function served(path: string): [type: string, body: string] | null {
  if (path === '/') return ['text/html', PAGE]
  if (path === '/libraries/currency-codes.js') return ['text/javascript', currencyCodesAsModule()]
  const library = path.match(/^\/libraries\/json-schema\/([a-z0-9-]+\.js)$/)?.[1]
  if (library) return ['text/javascript', readFileSync(join(schemaFolder, library), 'utf8')]
  const script = files.get(path.slice(1))
  return script === undefined ? null : ['text/javascript', script]
}

describe('a price in a browser', async () => {
  let browser: Browser
  const site = createServer((request, response) => {
    const found = served(request.url ?? '')
    if (!found) return response.writeHead(404).end()
    return response.setHeader('content-type', found[0]).end(found[1])
  })
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
  after(() => site.close())
  before(async () => {
    browser = await openBrowser()
  })
  after(() => browser?.close())

  it(`is byte by byte that of the server, with its explanation, for ${SAMPLES} random carts and one with codes, gifts and limits`, async () => {
    const page = await browser.newPage()
    const faults: string[] = []
    page.on('pageerror', (error) => faults.push(String(error)))
    await page.goto(`http://127.0.0.1:${(site.address() as AddressInfo).port}/`)
    await page.waitForFunction('window.priced !== undefined', undefined, { timeout: 15_000 }).catch(() => undefined)
    assert.deepEqual(faults, [])
    const samples = [...fc.sample(randomCarts, SAMPLES), withCodes()]
    const texts = samples.map(({ cart, facts }) => factsText(cart, facts))
    const there = await page.evaluate(`${JSON.stringify(texts)}.map((text) => window.priced(text))`)
    const here = samples.map(({ cart, facts }) => [priceCart(cart, facts), explain(cart, facts)].map((each) => JSON.stringify(each)))
    assert.equal((there as unknown[]).length, SAMPLES + 1)
    assert.deepEqual(there, here)
    await page.close()
  })
})

function withCodes() {
  const coded = promotionOf('p', { kind: 'percent_off', percent: '12.5' }, { conditions: [{ kind: 'code' }], usesMax: 5 })
  const facts = factsOf({
    variants: [variantOf('MUG', 1999), variantOf('STICKER', 100)],
    promotions: [coded, promotionOf('g', { kind: 'gift', sku: 'STICKER', quantity: 1 })],
    codes: { SAVE: 'p' },
    limits: { p: { usesLeft: 1 } },
    stock: { MUG: 1 },
  })
  return { cart: { ...cartWith(facts, [line('MUG', 3)], guestCart()), codes: ['SAVE', 'NOPE'] }, facts }
}
