// What a page loads for `cartwright/client`, as a bundler makes it: small, all of its own, and nothing of it before it is needed.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { build, type Rolldown } from 'vite'

const ROOT = join(import.meta.dirname, '..')
/** Bytes after gzip. */
const ENTRY_MAX = 6_000
const LAZY_MAX = 15_000
/** `currency-codes`, and what it is made of. */
const CORE_PACKAGES = ['currency-codes', 'first-match', 'nub']

async function bundled(entry: string, external: readonly string[] = []): Promise<readonly Rolldown.OutputChunk[]> {
  const [built] = (await build({
    configFile: false,
    logLevel: 'error',
    root: ROOT,
    build: {
      write: false,
      target: 'es2022',
      lib: { entry: join(ROOT, entry), formats: ['es'] },
      // Libraries are left readable unless it is said here; what counts is what a page loads in the end.
      rolldownOptions: { external: [...external], output: { minify: true, comments: { legal: true, annotation: false, jsdoc: false } } },
    },
  })) as Rolldown.RolldownOutput[]
  return built?.output.filter((each) => each.type === 'chunk') ?? assert.fail('nothing was built')
}

/** The chunks that come with the entry, and those that are loaded when they are needed. */
function parted(chunks: readonly Rolldown.OutputChunk[]): { atOnce: Rolldown.OutputChunk[]; later: Rolldown.OutputChunk[] } {
  const names = new Set(chunks.filter((chunk) => chunk.isEntry).map((chunk) => chunk.fileName))
  for (const name of names) for (const next of chunks.find((chunk) => chunk.fileName === name)?.imports ?? []) names.add(next)
  return { atOnce: chunks.filter(({ fileName }) => names.has(fileName)), later: chunks.filter(({ fileName }) => !names.has(fileName)) }
}

function bytesOf(chunks: readonly Rolldown.OutputChunk[]): number {
  return chunks.reduce((sum, { code }) => sum + gzipSync(code, { level: 9 }).length, 0)
}

test('the client is under 6 kB, and what it loads on first use under 15 kB more', async (context) => {
  const chunks = await bundled('src/client/entry.ts')
  const { atOnce, later } = parted(chunks)
  assert.ok(atOnce.some(({ exports }) => exports.includes('createClient')))
  context.diagnostic(`${bytesOf(atOnce)} bytes at once, ${bytesOf(later)} bytes later`)
  assert.ok(bytesOf(atOnce) < ENTRY_MAX, `${bytesOf(atOnce)} bytes at once`)
  assert.ok(bytesOf(later) < LAZY_MAX, `${bytesOf(later)} bytes later`)
})

test('the client brings no package along but those of the core, which come later, and nothing of Node', async () => {
  const { atOnce, later } = parted(await bundled('src/client/entry.ts'))
  const foreign = (chunks: readonly Rolldown.OutputChunk[]) =>
    chunks
      .flatMap(({ moduleIds }) => moduleIds)
      .flatMap((id) => /node_modules\/((?:@[^/]+\/)?[^/]+)|^node:|browser-external/.exec(id) ?? [])
  assert.deepEqual(foreign(atOnce), [])
  const packages = foreign(later).filter((each) => !each.includes('/'))
  assert.deepEqual(
    [...new Set(packages)].filter((name) => !CORE_PACKAGES.includes(name)),
    [],
  )
})

test('the hooks are under 2 kB without React and the client', async (context) => {
  const chunks = await bundled('src/client/react.ts', ['react'])
  context.diagnostic(`${bytesOf(chunks)} bytes`)
  assert.ok(bytesOf(chunks) < 2_000, `${bytesOf(chunks)} bytes`)
})
