// Errors that no test waits for fail the run, although the ends of promises are not asked for.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'

const CASES = {
  'a rejection that nobody handles':
    "test('one', async () => { void Promise.reject(new Error('lost')); await new Promise((end) => setTimeout(end, 20)) })",
  'something thrown by a timer':
    "test('one', async () => { setTimeout(() => { throw new Error('late') }, 5); await new Promise((end) => setTimeout(end, 20)) })",
  'something thrown after the last test': "test('one', () => { setTimeout(() => { throw new Error('very late') }, 5) })",
}

test('an error that no test waits for fails the run', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'light-hooks-'))
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  await Promise.all(
    Object.entries(CASES).map(async ([what, code], index) => {
      const file = join(folder, `${index}.test.mjs`)
      writeFileSync(file, `import { test } from 'node:test'\n${code}\n`)
      const run = spawn(process.execPath, ['--import', join(import.meta.dirname, 'light-hooks.ts'), file], { env })
      const [said, status] = await Promise.all([text(run.stdout), new Promise((resolve) => run.on('exit', resolve))])
      assert.equal(status, 1, `${what}: ${said}`)
    }),
  )
})
