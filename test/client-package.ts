// The package as others get it: packed, unpacked into an empty TypeScript project with nothing else in it, `cartwright/client` type-checks under the
// strictest rules, refuses what is wrong, and runs in plain Node against a server; `cartwright/react` too, beside React.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cpSync, globSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { before, test } from 'node:test'
import { promisify } from 'node:util'
import { blocksOf, writeFiles } from './guide-blocks.ts'
import { freshDatabase, freshFolder, startTestServer } from './harness.ts'

const ROOT = join(import.meta.dirname, '..')
const run = promisify(execFile)
const { url } = await startTestServer(await freshDatabase('sqlite'))
const project = freshFolder()

/** As strict as it gets: the types of the package are checked themselves, and there is no package that would supply missing ones. */
const STRICT = {
  compilerOptions: {
    target: 'es2022',
    lib: ['es2022', 'dom', 'dom.iterable'],
    module: 'nodenext',
    types: [],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    jsx: 'react-jsx',
    noEmit: true,
  },
}

const CONSUMER = `
import { CartwrightError, type Cart, createCart, createClient } from 'cartwright/client'
import { followOrder } from 'cartwright/order'

const store = createCart({ shop: 'demo', baseUrl: '${url}' })
const held = await store.add({ sku: 'MUG-INK' })
store.close()
const client = createClient({ baseUrl: '${url}', shop: 'demo' })
const added = await client.call('POST /v1/shops/{shop}/carts/{cart}/lines', { params: { cart: 'current' }, body: { sku: 'MUG-STONE', quantity: 2 } })
const cart: Cart = added.cart
try {
  await client.call('POST /v1/shops/{shop}/carts/{cart}/lines', { params: { cart: 'current' }, body: { sku: 'NO-SUCH' } })
} catch (error) {
  if (!(error instanceof CartwrightError) || error.problem.code !== 'unknown_sku') throw error
  const sku: string | null = error.problem.sku
  const missing = await followOrder(client, 'ord_none', { token: added.token ?? '', see: () => {} }).catch((problem: CartwrightError) => problem)
  if (missing?.code !== 'order_not_found') throw missing
  console.log(JSON.stringify([held.itemCount, cart.itemCount, cart.total.currency, sku]))
}
`
const BARE = `
import { type CartView, createCart, type ErrorCode } from 'cartwright/client'
const store = createCart({ shop: 'demo', baseUrl: '' })
export const count = (view: CartView): number => view.cart?.itemCount ?? 0
export const code = (view: CartView): ErrorCode | undefined => view.refused[0]?.error.code
export const added = async (): Promise<number> => (await store.add({ sku: 'MUG-INK' })).total.amount
`
const WRONG = `
import { createClient } from 'cartwright/client'
await createClient({ baseUrl: '' }).call('GET /v1/shops/{shop}/orders/{order}')
`
const HOOKS = `
import { type CheckoutHook, useCart, useCheckout, useLine } from 'cartwright/react'
export const hooks = [useCart, useLine, useCheckout] as const
export const changed = (checkout: CheckoutHook): number | undefined => checkout.changedTotal?.amount
`

const tsc = (files: readonly string[], changed: Readonly<Record<string, unknown>> = {}) => {
  const compilerOptions = { ...STRICT.compilerOptions, ...changed }
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
  return run(join(ROOT, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.json'], { cwd: project })
}

/** The code of the guide, by language, asking the server of the test. */
function examplesOf(language: string): readonly string[] {
  const guide = readFileSync(join(ROOT, 'docs/client.md'), 'utf8')
  return [...guide.matchAll(/^```(\w+)\n(.*?)^```$/gms)].flatMap(([, of, code = '']) =>
    of === language ? [code.replaceAll('https://cart.example.com', url)] : [],
  )
}

before(async () => {
  await run('npm', ['pack', '--silent', '--pack-destination', project], { cwd: ROOT })
  await run('sh', ['-c', 'tar -xzf cartwright-*.tgz'], { cwd: project })
  mkdirSync(join(project, 'node_modules'))
  cpSync(join(project, 'package'), join(project, 'node_modules/cartwright'), { recursive: true })
  writeFileSync(join(project, 'package.json'), JSON.stringify({ type: 'module' }))
  for (const [name, text] of Object.entries({ consumer: CONSUMER, bare: BARE, wrong: WRONG, hooks: HOOKS }))
    writeFileSync(join(project, `${name}.ts`), text)
})

test('cartwright/client type-checks in an empty project and works in plain Node', async () => {
  await tsc(['consumer.ts'])
  const { stdout } = await run(process.execPath, ['consumer.ts'], { cwd: project })
  assert.deepEqual(JSON.parse(stdout), [1, 2, 'USD', 'NO-SUCH'])
})

test('its types need neither those of browsers nor those of Node, however modules are found', async () => {
  const bare = { lib: ['es2022'] }
  await tsc(['bare.ts'], bare)
  await tsc(['bare.ts', 'consumer.ts'], { module: 'esnext', moduleResolution: 'bundler' })
  await tsc(['bare.ts'], { ...bare, module: 'esnext', moduleResolution: 'bundler' })
})

test('the package has everything that the server and the pages are made of, and nothing else', () => {
  const packed = new Set(globSync('**/*', { cwd: join(project, 'package/dist') }).map((file) => file.replaceAll('\\', '/')))
  const sources = globSync('**/*.ts', { cwd: join(ROOT, 'src'), exclude: (file) => file.endsWith('.test.ts') })
  const made = sources.flatMap((file) => ['.js', '.d.ts'].map((end) => file.replace(/\.ts$/, end)))
  assert.deepEqual(
    made.filter((file) => !packed.has(file)),
    [],
  )
  for (const file of ['web/elements.js', 'web/elements.css', 'demo-store/index.html']) assert.ok(packed.has(file), file)
  const isBuilt = (file: string) => /^(web|demo-store)(\/|$)/.test(file)
  const foreign = [...packed].filter((file) => /\.\w+$/.test(file) && !isBuilt(file) && !made.includes(file))
  assert.deepEqual(foreign, [])
})

test('what was made of a source that is gone is removed before the package is made', async () => {
  const checkout = freshFolder()
  const files = [
    'src/core/kept.ts',
    'dist/core/kept.js',
    'dist/core/kept.d.ts',
    'dist/core/gone.js',
    'dist/core/gone.d.ts',
    'dist/store/index.html',
  ]
  for (const file of [...files, 'dist/web/elements.js', 'dist/demo-store/index.html']) {
    mkdirSync(dirname(join(checkout, file)), { recursive: true })
    writeFileSync(join(checkout, file), '')
  }
  await run(process.execPath, [join(ROOT, 'web/forgotten.ts'), checkout])
  const left = globSync('**/*.*', { cwd: join(checkout, 'dist') }).sort()
  assert.deepEqual(left, ['core/kept.d.ts', 'core/kept.js', 'demo-store/index.html', 'web/elements.js'])
})

test('a call that lacks something is an error of its types', async () => {
  const failed = await tsc(['wrong.ts']).then(
    () => assert.fail('it was accepted'),
    (error: { stdout: string }) => error.stdout,
  )
  assert.match(failed, /wrong\.ts\(3,\d+\): error TS2554/)
})

test('the examples of docs/client.md type-check and run', async () => {
  const examples = examplesOf('ts').map((code, index) => ({ file: `example-${index}.ts`, code }))
  assert.equal(examples.length, 3)
  for (const { file, code } of examples) writeFileSync(join(project, file), code)
  await tsc(examples.map(({ file }) => file))
  const ran = await Promise.all(examples.map(({ file }) => run(process.execPath, [file], { cwd: project })))
  const lastLines = ran.map(({ stdout }) => stdout.trim().split('\n').at(-1))
  assert.match(lastLines[0] ?? '', /^2 exactly [1-9]\d*$/)
  assert.equal(lastLines[1], 'true')
  assert.match(lastLines[2] ?? '', /Code/)
})

test('cartwright/react type-checks and loads beside React', async () => {
  for (const name of ['react', '@types/react', 'csstype']) {
    mkdirSync(join(project, 'node_modules', name, '..'), { recursive: true })
    symlinkSync(join(ROOT, 'node_modules', name), join(project, 'node_modules', name))
  }
  const [page = ''] = examplesOf('tsx')
  writeFileSync(join(project, 'page.tsx'), page)
  await tsc(['hooks.ts', 'page.tsx'])
  const guide = writeFiles(blocksOf('docs/guides/react.md'), project, {})
  await tsc(guide, { module: 'esnext', moduleResolution: 'bundler', verbatimModuleSyntax: true })
  const { stdout } = await run(process.execPath, ['-e', "import('./hooks.ts').then(({ hooks }) => console.log(hooks.length))"], {
    cwd: project,
  })
  assert.equal(stdout.trim(), '3')
})
