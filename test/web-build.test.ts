// What browsers load: built where it can be, said where it cannot, never left out of a package; and the demo store's page, which is served with
// its policy or not at all.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { buildWeb } from '../web/build.ts'
import { freshDatabase, freshFolder, startTestServer } from './harness.ts'

const ROOT = join(import.meta.dirname, '..')

await buildWeb()
const { url } = await startTestServer(await freshDatabase('sqlite'))

/** A checkout with nothing but what builds, and a lock file. */
function checkout(): string {
  const folder = freshFolder()
  for (const part of ['web', 'src/client', 'src/core', 'package.json', 'tsconfig.json'])
    cpSync(join(ROOT, part), join(folder, part), { recursive: true })
  writeFileSync(join(folder, 'package-lock.json'), '{}')
  return folder
}

function build(folder: string, ...flags: string[]) {
  const { status, stderr } = spawnSync(process.execPath, [join(folder, 'web/build.ts'), ...flags], { encoding: 'utf8', cwd: folder })
  return { status, stderr }
}

describe('the build of what browsers load', () => {
  it('without Vite says so and goes on, but makes no package', () => {
    const folder = checkout()
    const skipped = build(folder)
    assert.equal(skipped.status, 0)
    assert.match(skipped.stderr, /Vite is not installed/)
    assert.equal(build(folder, '--required').status, 1)
    assert.match(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).scripts.prepack, /build\.ts --required$/)
  })

  it('with a Vite that does not load fails', () => {
    const folder = checkout()
    const vite = join(folder, 'node_modules/vite')
    mkdirSync(vite, { recursive: true })
    writeFileSync(join(vite, 'package.json'), '{"name":"vite","type":"module","exports":"./index.js"}')
    writeFileSync(join(vite, 'index.js'), "import 'not-installed-either'\n")
    const { status, stderr } = build(folder)
    assert.equal(status, 1)
    assert.match(stderr, /not-installed-either/)
  })

  it('is made anew after another package was installed, and only then', () => {
    const folder = checkout()
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
    const built = join(folder, 'dist/web/elements.js')
    const mark = () => writeFileSync(built, 'kept')
    assert.equal(build(folder).status, 0)
    mark()
    assert.equal(build(folder).status, 0)
    assert.equal(readFileSync(built, 'utf8'), 'kept')
    const later = new Date(Date.now() + 60_000)
    utimesSync(join(folder, 'package-lock.json'), later, later)
    assert.equal(build(folder).status, 0)
    assert.notEqual(readFileSync(built, 'utf8'), 'kept')
  })
})

describe('the page of the demo store', () => {
  it('has its policy wherever it is served, and its files are where it says', async () => {
    const page = await fetch(`${url}/`)
    assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'none'/)
    for (const name of ['index.html', 'INDEX.html', '%69ndex.html', 'assets/../index.html', '/index.html', 'assets/', ''])
      assert.equal((await fetch(`${url}/store/${name}`)).status, 404, name)
    const [script = ''] = /\/store\/assets\/[^"]+\.js/.exec(await page.text()) ?? []
    assert.equal((await fetch(url + script)).status, 200)
  })
})
