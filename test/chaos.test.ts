// The light form of bench/chaos.ts, which is the heavy one: many shoppers on two servers and one PostgreSQL, one of which is killed again and again.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

test('50 shoppers with shuffled codes and skus on two servers, one of them killed: no deadlock, and the books balance', async () => {
  const child = spawn(process.execPath, ['bench/chaos.ts', '--seconds', '6', '--workers', '50', '--kill-every', '2'], { cwd: ROOT })
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  const [code] = (await once(child, 'exit')) as [number | null]
  assert.equal(code, 0, said)
  assert.match(said, /^deadlocks +0$/m)
  assert.match(said, /, [1-9]\d* kills;/)
  assert.match(said, /^demo USD: [1-9]\d* orders/m)
})
