#!/usr/bin/env node
// The command `cartwright` of the published package. It needs Node 24 or newer; on an older one it runs itself with the right one, fetched
// through npm, and says so. Plain JavaScript that old Node versions understand.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const NEEDED = 24
const FETCHED = 'node@26'

if (Number(process.versions.node.split('.')[0]) >= NEEDED) {
  const { run } = await import('../dist/main.js')
  await run()
} else {
  const main = fileURLToPath(new URL('./cartwright.js', import.meta.url))
  process.stderr.write(`cartwright: this is Node ${process.versions.node}; Cartwright needs ${NEEDED} or newer. Running with ${FETCHED} from npm.\n`)
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  const child = spawn(npm, ['exec', '--yes', `--package=${FETCHED}`, '--', 'node', main, ...process.argv.slice(2)], { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
  child.on('error', (error) => {
    process.stderr.write(`cartwright: npm could not be started (${error.message}). Install Node ${NEEDED} or newer and try again.\n`)
    process.exit(1)
  })
  child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)))
}
