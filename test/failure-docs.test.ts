// docs/failure.md names the tests that show what it says. They exist, and run.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { it } from 'node:test'
import { titlesOf } from './titles.ts'

const DOCUMENT = readFileSync(new URL('../docs/failure.md', import.meta.url), 'utf8')
/** The rows of the table whose last column names tests. */
const ROWS = (DOCUMENT.split('| shown by |\n')[1]?.split('\n\n')[0] ?? '').split('\n').slice(1)

it('every failure of orders and money names a test that exists and always runs', () => {
  assert.ok(ROWS.length > 30, `${ROWS.length} rows`)
  const wrong: string[] = []
  for (const row of ROWS) {
    const named = [...(row.split(' | ').at(-1) ?? '').matchAll(/`([\w-]+)` "([^"]+)"/g)]
    if (named.length === 0) wrong.push(`no test: ${row}`)
    for (const [, file = '', beginning = ''] of named) {
      const source = new URL(`${file}.test.ts`, import.meta.url)
      const shown = titlesOf(`${file}.test.ts`, readFileSync(source, 'utf8')).some(
        ({ title, ids, runs }) => runs && title.slice(ids.reduce((length, id) => length + id.length + 1, 0)).startsWith(beginning),
      )
      if (!shown) wrong.push(`${file}: ${beginning}`)
    }
  }
  assert.deepEqual(wrong, [])
})
