// The examples in docs/pricing.md work as they are written, one after the other in one shell, against the demo on each database; and the worked
// example of stacking says what its own rows add up to.
import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { ADMIN, DIALECTS, freshDatabase, startTestServer } from './harness.ts'

const ROOT = join(import.meta.dirname, '..')
const text = readFileSync(join(ROOT, 'docs/pricing.md'), 'utf8')
const blocks = [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block)
const servers = await Promise.all(
  DIALECTS.map(async (dialect) => ({ dialect, url: (await startTestServer(await freshDatabase(dialect))).url })),
)

function hasCurl(): boolean {
  try {
    execFileSync('curl', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

describe('the examples of the page about prices', { skip: hasCurl() ? false : 'curl is not installed here' }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'cartwright-docs-'))
  after(() => rmSync(folder, { recursive: true, force: true }))
  // What the page calls `cartwright` is this checkout's.
  mkdirSync(join(folder, 'bin'))
  writeFileSync(join(folder, 'bin/cartwright'), `#!/bin/sh\nexec "${process.execPath}" "${ROOT}/src/main.ts" "$@"\n`, { mode: 0o755 })

  for (const { dialect, url } of servers)
    it(`run as they are written on ${dialect}, and the price that is replayed is the one that was explained`, async () => {
      assert.equal(blocks.length, 5)
      const script = blocks.map((block) => `echo ===\n${block}\necho`).join('\n')
      const env = { PATH: `${join(folder, 'bin')}:${process.env.PATH}`, SHOP: `${url}/v1/shops/demo`, KEY: ADMIN }
      const { stdout } = await promisify(execFile)('sh', ['-euc', script], { cwd: folder, env })
      const [, explained = '', later = '', drafted = '', madeUp = '', replayed = ''] = stdout.split('===\n')
      const summary = JSON.parse(
        explained
          .trim()
          .split('\n')
          .at(-1)
          ?.replace(/^.*?\}(?=\{"cart")/, '') ?? '',
      ).summary as string[]
      for (const sentence of summary) assert.ok(text.includes(sentence), `the page says: ${sentence}`)
      const answered = (output: string) => JSON.parse(output)
      assert.equal(answered(later).pricedAt, '2030-12-24T00:00:00.000Z')
      assert.deepEqual([answered(drafted).cart.itemTotal.amount, answered(drafted).cart.discountTotal.amount], [3600, -720])
      assert.deepEqual([answered(madeUp).cart.discountTotal.amount, answered(madeUp).cart.customerGroups], [-540, ['trade']])
      const { facts, ...kept } = JSON.parse(readFileSync(join(folder, 'explanation.json'), 'utf8'))
      assert.deepEqual(answered(replayed), kept)
      assert.equal(facts.cart.id, kept.cart.id)
    })
})

it('the worked example of stacking adds up, across and down', () => {
  const rows = text
    .split('\n')
    .filter((row) => /^\| (teapot|2 mugs|tray|together) \|/.test(row))
    .map((row) => row.split('|').slice(2, -1))
    .map((cells) => cells.map((cell) => (cell.trim() === '' ? 0 : Number(cell.replaceAll('*', '').replace('−', '-').replace('.', '')))))
  assert.equal(rows.length, 4)
  for (const [items = 0, ...rest] of rows) assert.equal(items + (rest[0] ?? 0) + (rest[1] ?? 0) + (rest[2] ?? 0), rest[3])
  const lines = rows.slice(0, 3)
  for (const [column, total] of (rows[3] ?? []).entries())
    assert.equal(
      lines.reduce((sum, row) => sum + (row[column] ?? 0), 0),
      total,
    )
})
