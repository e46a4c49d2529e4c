// The guide of the API names every call, every scope and every refusal there is: what is added without a word there fails here.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { REFUSALS } from '../src/core/refusal.ts'
import { SCOPES } from '../src/core/scope.ts'
import { problemTable } from '../src/http/problem.ts'
import { freshDatabase, startTestServer } from './harness.ts'

const guide = readFileSync(new URL('../docs/api.md', import.meta.url), 'utf8')

test('the table of all calls names each of them, and none that there is not', async () => {
  const { url } = await startTestServer(await freshDatabase('sqlite'))
  const { paths } = (await (await fetch(`${url}/openapi.json`)).json()) as { paths: Record<string, Record<string, unknown>> }
  const own = /^\/v1\/(demo|shops\/\{shop\}\/(forms|payments))\/|^\/v1\/shops$/
  const calls = Object.entries(paths).flatMap(([path, methods]) =>
    own.test(path) ? [] : Object.keys(methods).map((method) => plain(`${method.toUpperCase()} ${path.replace('/v1/shops/{shop}/', '/')}`)),
  )
  const table = guide.slice(guide.indexOf('## All calls by scope')).matchAll(/^\| `[a-z_:]+` \|(.*)\|$/gm)
  const named = [...table].flatMap(([, cells = '']) =>
    [...cells.matchAll(/`([A-Z, ]+) ([^`]+)`/g)].flatMap(([, methods = '', path]) =>
      methods.split(', ').map((method) => plain(`${method} ${path}`)),
    ),
  )
  assert.deepEqual(named.sort(), calls.sort())
})

test('every scope and every refusal is there, refusals in their order and words', () => {
  assert.deepEqual(
    SCOPES.filter((scope) => !guide.includes(`\`${scope}\``)),
    [],
  )
  const words = new Map(problemTable().map(({ code, status, title }) => [code, `| \`${code}\` | ${status} | ${title} |`]))
  const rows = guide.slice(guide.indexOf('## Errors')).match(/^\| `[a-z_]+` \| \d+ \| .* \|$/gm)
  assert.deepEqual(
    rows,
    REFUSALS.map((code) => words.get(code)),
  )
})

/** Names of parameters do not matter. */
function plain(call: string): string {
  return call.replace(/\{\w+\}/g, '{}')
}
