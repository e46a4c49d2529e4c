// How much of the client a page loads: what every page needs, and what comes on first use, as Vite bundles it and as it goes over the wire.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { build } from 'vite'
import { freshFolder } from './harness.ts'

it('a cart is less than 6 kB, and what is loaded on first use less than 15 kB more', async () => {
  const folder = freshFolder()
  const input = join(folder, 'entry.ts')
  const client = join(import.meta.dirname, '../src/client')
  writeFileSync(input, ['cart', 'client', 'problem'].map((name) => `export * from '${client}/${name}.ts'\n`).join(''))
  const built = await build({
    configFile: false,
    logLevel: 'error',
    root: folder,
    build: {
      write: false,
      lib: { entry: input, formats: ['es'] },
      // Vite leaves the white space of libraries to those who use them.
      rolldownOptions: { output: { minify: true } },
    },
  })
  const outputs = [built].flat().flatMap((each) => ('output' in each ? each.output : []))
  const chunks = outputs.flatMap((each) => (each.type === 'chunk' ? each : []))
  const bytes = (isEntry: boolean) =>
    chunks.filter((chunk) => chunk.isEntry === isEntry).reduce((sum, { code }) => sum + gzipSync(code, { level: 9 }).length, 0)
  const [entry, onFirstUse] = [bytes(true), bytes(false)]
  assert.ok(entry > 3000 && entry < 6000, `the entry has ${entry} bytes`)
  assert.ok(onFirstUse > 3000 && onFirstUse < 15_000, `what is loaded on first use has ${onFirstUse} bytes`)
})
