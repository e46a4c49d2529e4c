// The package as others get it: packed, unpacked into an empty TypeScript project with nothing else in it, `cartwright/client` type-checks under the
// strictest rules, refuses what is wrong, and runs in plain Node against a server; `cartwright/react` too, beside React.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { promisify } from 'node:util'
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
const WRONG = `
import { createClient } from 'cartwright/client'
await createClient({ baseUrl: '' }).call('GET /v1/shops/{shop}/orders/{order}')
`
const HOOKS = `
import { type CheckoutHook, useCart, useCheckout, useLine } from 'cartwright/react'
export const hooks = [useCart, useLine, useCheckout] as const
export const changed = (checkout: CheckoutHook): number | undefined => checkout.changedTotal?.amount
`

const tsc = (...files: readonly string[]) => {
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ ...STRICT, files }))
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
  for (const [name, text] of Object.entries({ consumer: CONSUMER, wrong: WRONG, hooks: HOOKS }))
    writeFileSync(join(project, `${name}.ts`), text)
})

test('cartwright/client type-checks in an empty project and works in plain Node', async () => {
  await tsc('consumer.ts')
  const { stdout } = await run(process.execPath, ['consumer.ts'], { cwd: project })
  assert.deepEqual(JSON.parse(stdout), [1, 2, 'USD', 'NO-SUCH'])
})

test('a call that lacks something is an error of its types', async () => {
  const failed = await tsc('wrong.ts').then(
    () => assert.fail('it was accepted'),
    (error: { stdout: string }) => error.stdout,
  )
  assert.match(failed, /wrong\.ts\(3,\d+\): error TS2554/)
})

test('the examples of docs/client.md type-check and run', async () => {
  const examples = examplesOf('ts').map((code, index) => ({ file: `example-${index}.ts`, code }))
  assert.equal(examples.length, 3)
  for (const { file, code } of examples) writeFileSync(join(project, file), code)
  await tsc(...examples.map(({ file }) => file))
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
  await tsc('hooks.ts', 'page.tsx')
  const { stdout } = await run(process.execPath, ['-e', "import('./hooks.ts').then(({ hooks }) => console.log(hooks.length))"], {
    cwd: project,
  })
  assert.equal(stdout.trim(), '3')
})
