// The example is what we tell people to copy, so it runs here as it stands: a process of its own against a server, over HTTP alone.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import { ADMIN, DIALECTS, freshDatabase, startTestServer } from './harness.ts'

for (const dialect of DIALECTS) {
  describe(`examples/journey.ts on ${dialect}`, async () => {
    const server = await startTestServer(await freshDatabase(dialect))

    it('SEED1-08 goes from an empty cart to a placed order with a verified webhook', async () => {
      const { stdout } = await promisify(execFile)(process.execPath, ['examples/journey.ts', server.url, ADMIN])
      assert.match(stdout, /The webhook arrives, signature good +order\.placed ord_/)
      assert.match(stdout, /PLACED, PAID, \$86\.63/)
    })
  })
}
