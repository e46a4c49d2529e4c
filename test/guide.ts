// A guide as its reader follows it: the blocks of the Markdown, in their order, in an empty folder. Shell blocks run in a shell that keeps its
// variables, blocks with a file's name become that file, and what a block "says" is compared with what was said. What is not there for a test is
// mapped and nothing else: ports are free ones, `sk_…` is the key that the server printed, and the package comes from the checkout, or from the
// tarball that CARTWRIGHT_TARBALL names.
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { cpSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after } from 'node:test'
import { buildWeb } from '../web/build.ts'
import type { Block } from './guide-blocks.ts'
import { eventually, freshFolder } from './harness.ts'
import { freePort } from './site.ts'

const ROOT = join(import.meta.dirname, '..')
/** A packed package to install as the reader does; without one the checkout is it, built the same way. */
const TARBALL = process.env.CARTWRIGHT_TARBALL

/** What a reader types and pastes: the lines of blocks that are not what something says. */
export function linesToType(blocks: readonly Block[]): readonly string[] {
  return blocks.filter((block) => !isSaid(block)).flatMap(({ code }) => code.split('\n').filter((line) => line.trim() !== ''))
}

function isSaid({ language, title }: Block): boolean {
  return title === '' && (language === 'text' || language === 'json')
}

/** Fails where `said` does not contain what the block shows; `…` stands for anything. */
function assertSaid(said: string, { code, at }: Block): void {
  const pattern = code
    .trim()
    .split('…')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('[^]*')
  assert.match(said, new RegExp(pattern), at)
}

/** Waits until a terminal has said what is looked for; fails with what it said instead. */
async function outcome(running: Terminal, ms: number, { at }: Block, look: () => string | undefined): Promise<string> {
  const end = Date.now() + ms
  for (let found = look(); ; found = look()) {
    if (found !== undefined) return found
    if (Date.now() > end || running.child.exitCode !== null)
      assert.fail(`${at}: it did not come to its end or up. It said:\n${running.said}`)
    await new Promise((resolve) => setTimeout(resolve, 30))
  }
}

interface Terminal {
  readonly child: ChildProcess
  said: string
}

const alive = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of alive) end(child, 'SIGKILL')
})

function end(child: ChildProcess, signal: NodeJS.Signals): void {
  // The whole group: what a shell has started ends with it.
  if (child.pid !== undefined && child.exitCode === null)
    try {
      process.kill(-child.pid, signal)
    } catch {
      // It has just ended by itself.
    }
}

/** Where npm finds the package as it would after an installation: one above the folders of readers. */
function installedPackage(): string {
  const installed = freshFolder()
  if (TARBALL) return installed
  const modules = join(installed, 'node_modules')
  const home = join(modules, 'cartwright')
  mkdirSync(join(modules, '.bin'), { recursive: true })
  // As `npm pack` builds it, to a folder of its own: another test may be packing in the checkout. Its types were checked before.
  execFileSync(join(ROOT, 'node_modules/.bin/tsc'), [
    ...['-p', join(ROOT, 'tsconfig.build.json'), '--outDir', join(home, 'dist')],
    ...['--noCheck', '--declaration', 'false'],
  ])
  for (const part of ['package.json', 'bin', 'demo', 'dist/web', 'dist/demo-store'])
    cpSync(join(ROOT, part), join(home, part), { recursive: true })
  symlinkSync('../cartwright/bin/cartwright.js', join(modules, '.bin/cartwright'))
  symlinkSync(join(ROOT, 'node_modules'), join(home, 'node_modules'))
  symlinkSync(join(ROOT, 'node_modules/standardwebhooks'), join(modules, 'standardwebhooks'))
  return installed
}

await buildWeb()
const INSTALLED = installedPackage()

function withoutCheckout(path: string): string {
  return path
    .split(':')
    .filter((each) => !each.includes('node_modules'))
    .join(':')
}

/** Somebody who follows a guide. `addresses`: what runs already, by the address that the guide has for it. */
export async function openReader(addresses: Readonly<Record<string, string>> = {}, env: NodeJS.ProcessEnv = {}, adminKey = '') {
  const folder = mkdtempSync(join(INSTALLED, 'reader-'))
  const receiver = await freePort()
  const known = new Map(Object.entries({ 'localhost:4000': `localhost:${receiver}`, ...addresses }))
  const terminals = new Map<string, Terminal>()
  const done = new Set<Block>()
  const variables = {
    ...process.env,
    PORT: '0',
    LOG_LEVEL: 'warn',
    PYTHONUNBUFFERED: '1',
    npm_config_update_notifier: 'false',
    // A reader is asked whether npm may fetch what it runs, and says yes.
    npm_config_yes: 'true',
    // Who installed it has a Node and an npm of their own.
    ...(TARBALL ? { npm_config_package: TARBALL, PATH: withoutCheckout(process.env.PATH ?? '') } : {}),
    ...env,
  }
  let key = adminKey
  let lastSaid = ''

  const mapped = (code: string) => {
    let text = code.replaceAll('sk_…', key)
    for (const [from, to] of known) text = text.replaceAll(from, to)
    // A free port, which the terminal then says.
    text = text
      .replaceAll('http.server 3000', 'http.server 0')
      .replaceAll('.listen(4000)', `.listen(${receiver}, () => console.log('port ${receiver} '))`)
    return TARBALL
      ? text.replaceAll('npm install cartwright', `npm install ${TARBALL}`)
      : text.replace(/^npm install [\w ]+$/m, 'test -d ../node_modules')
  }

  function terminal(name: string): Terminal {
    const was = terminals.get(name)
    if (was) return was
    const child = spawn('bash', ['-e', '-s'], { cwd: folder, env: variables, detached: true, stdio: ['pipe', 'pipe', 'pipe'] })
    alive.add(child)
    const made: Terminal = { child, said: '' }
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (made.said += chunk.toString()))
    terminals.set(name, made)
    return made
  }

  const type = (name: string, text: string) => {
    const { child } = terminal(name)
    child.stdin?.write(text)
    return terminal(name)
  }

  /** Runs a block to its end; fails where it fails. The commands read nothing of what is typed after them. */
  async function runToEnd(block: Block): Promise<void> {
    const mark = randomUUID()
    const at = terminal(block.title).said.length
    const running = type(block.title, `{\n${mapped(block.code)}\n} </dev/null\necho "${mark} $?"\n`)
    const code = await outcome(running, 30_000, block, () => new RegExp(`${mark} (\\d+)`).exec(running.said)?.[1])
    lastSaid = running.said.slice(at, running.said.indexOf(`${mark} `))
    assert.equal(code, '0', `${block.at}: ${lastSaid}`)
    // curl ends well whatever it was answered.
    assert.doesNotMatch(lastSaid, /urn:cartwright:problem/, block.at)
  }

  /** Runs a block that goes on, until it says where it is reached. */
  async function leaveRunning(block: Block): Promise<void> {
    const running = type(block.title, mapped(block.code))
    const port = await outcome(running, 60_000, block, () =>
      / is up at http:\S+:(\d+)|\bport (\d+) /.exec(running.said)?.slice(1).find(Boolean),
    )
    const own = /cartwright serve/.test(block.code)
      ? 'localhost:8080'
      : /http\.server/.test(block.code)
        ? 'localhost:3000'
        : 'localhost:4000'
    known.set(own, `localhost:${port}`)
    if (own === 'localhost:8080') {
      await eventually(async () => running.said.includes('\nDemo shop:'), 5_000, 'the server to say the rest')
      key = /shown only now: (sk_\S+)/.exec(running.said)?.[1] ?? key
      lastSaid = running.said.replaceAll(`:${port}`, ':8080')
    }
  }

  /** Does what the reader does with a block. */
  async function follow(block: Block): Promise<void> {
    if (isSaid(block)) assertSaid(lastSaid, block)
    else if (block.language === 'sh') await (block.title.endsWith('stays open') ? leaveRunning(block) : runToEnd(block))
    else {
      assert.match(block.title, /\.\w+$/, `${block.at}: nobody runs this block; name the file that it is`)
      const file = join(folder, block.title)
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, mapped(block.code))
    }
    done.add(block)
  }

  after(() => {
    for (const { child } of terminals.values()) end(child, 'SIGTERM')
  })
  return {
    /** Where something of the guide is really reached, e.g. `localhost:3000`. */
    at: (address: string) => `http://${known.get(address) ?? address}`,
    mapped,
    async follow(blocks: readonly Block[]): Promise<void> {
      for (const block of blocks) await follow(block)
    },
    /** Runs a block that waits for its reader; answers what was looked for in what it says. */
    async begin(block: Block, look: RegExp): Promise<readonly string[]> {
      const running = type(block.title, mapped(block.code))
      await outcome(running, 30_000, block, () => (look.test(running.said) ? '' : undefined))
      done.add(block)
      return look.exec(running.said) ?? []
    },
    /** A block that this test does by its own hands. */
    did: (block: Block) => void done.add(block),
    /** What a terminal that stays open says, once it is what the block shows. */
    async hears(title: string, block: Block): Promise<void> {
      await eventually(async () => terminal(title).said.includes(block.code.trim()), 15_000, `${block.at}: ${block.code}`)
      done.add(block)
    },
    /** Fails where the reader has left out a block, or has saved a file that no command uses. Pages are opened by the test. */
    assertAllDone(blocks: readonly Block[]): void {
      const commands = blocks.filter(({ language }) => language === 'sh').map(({ code }) => code)
      for (const { language, title, at } of blocks)
        if (['js', 'csv'].includes(language)) assert.ok(commands.join('').includes(title), `${at}: no command uses ${title}`)
      assert.deepEqual(
        blocks.filter((block) => !done.has(block)).map(({ at }) => at),
        [],
      )
    },
  }
}
