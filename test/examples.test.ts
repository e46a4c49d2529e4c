// The examples work as they are written: each one is run against a server of its own kind, as a reader would run it.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ADMIN, DIALECTS, freshDatabase, startTestServer } from './harness.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const WALKS = readdirSync(`${ROOT}examples`).filter((name) => /^seed\d\.ts$/.test(name))

function run(example: string, url: string): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [`examples/${example}`, url, ADMIN], { cwd: ROOT, timeout: 60_000 }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code ?? 1) : 0, output: stdout + stderr })
    })
  })
}

const servers: { dialect: string; url: string }[] = []
for (const dialect of DIALECTS) servers.push({ dialect, url: (await startTestServer(await freshDatabase(dialect))).url })

test('there is a walk through each of the five systems that this one replaces', () => assert.equal(WALKS.length, 5))

for (const { dialect, url } of servers)
  for (const example of WALKS)
    test(`${example} keeps its promises on ${dialect}`, async () => {
      const { code, output } = await run(example, url)
      assert.equal(code, 0, output)
      assert.match(output, /\d+ of \d+ promises kept, \d+ not there yet, 0 broken\./)
      if (dialect === 'sqlite') console.log(output)
    })
