// The house rules that a compiler does not know: who may import whom, what the core never does, what nothing is called, how long a function may
// be, that everything says what it is for. Reads the sources as syntax trees; a rule that is broken is listed with file and line.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, it } from 'node:test'
import { type Comment, parseSync, type StaticExportEntry } from 'oxc-parser'

const ROOT = join(import.meta.dirname, '..')

/** Which rooms a room may look into. A room that is not listed may not exist. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  core: ['core'],
  contract: ['contract', 'core'],
  store: ['store', 'core'],
  engine: ['engine', 'store', 'core'],
  providers: ['providers', 'engine', 'core'],
  http: ['http', 'engine', 'store', 'contract', 'core'],
  cli: ['cli', 'engine', 'store', 'core'],
  client: ['client', 'contract', 'core'],
  web: ['web', 'client', 'core'],
}

/** What a package's name leads to. It passes on and does nothing else, which no other file may. */
const DOORS = ['src/client/entry.ts']
/** Packages that files of the client may use: those whose user has them already. */
const CLIENT_PACKAGES: Readonly<Record<string, readonly string[]>> = { 'src/client/react.ts': ['react'] }

const LINES_MAX = 70
/** Packages that the core may use: they compute, and nothing else. */
const PURE_PACKAGES = ['currency-codes', '@cfworker/json-schema', 'jsvat-next']
const BANNED_PATHS = ['util', 'utils', 'helper', 'helpers', 'common', 'lib', 'types', 'interfaces', 'manager', 'base', 'shared', 'misc']
const BANNED_WORDS = ['Manager', 'Service', 'Handler', 'Processor', 'Helper', 'Helpers', 'Util', 'Utils', 'Impl']

interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [field: string]: unknown
}

interface Source {
  readonly path: string
  readonly room: string
  readonly text: string
  readonly body: readonly Node[]
  readonly comments: readonly Comment[]
  readonly exports: readonly StaticExportEntry[]
  /** Every module that is named: by import, export from, import() and import types. */
  readonly imports: readonly { readonly name: string; readonly at: number }[]
}

const sources = globSync('{src,web}/**/*.{ts,tsx}', { cwd: ROOT, exclude: (path) => path.endsWith('vite.config.ts') })
  .filter((path) => !path.endsWith('.test.ts'))
  .sort()
  .map((path) => read(path, readFileSync(join(ROOT, path), 'utf8')))

function read(path: string, text: string): Source {
  const { program, module, comments, errors } = parseSync(path, text)
  assert.deepEqual(errors, [], path)
  const body = program.body as unknown as readonly Node[]
  const imports = module.staticImports.map((each) => ({ name: each.moduleRequest.value, at: each.start }))
  const exports = module.staticExports.flatMap((each) => each.entries)
  for (const { moduleRequest, start } of exports) if (moduleRequest) imports.push({ name: moduleRequest.value, at: start })
  for (const node of nodes(body)) {
    if (node.type !== 'ImportExpression' && node.type !== 'TSImportType') continue
    const name = (node.source as { value?: unknown }).value
    imports.push({ name: typeof name === 'string' ? name : '(computed)', at: node.start })
  }
  return { path, room: roomOf(path), text, body, comments, exports, imports }
}

/** The room that a file stands in. What browsers load is one room beside the server's. */
function roomOf(path: string): string {
  if (path.startsWith('web/')) return 'web'
  return path.split('/').length > 2 ? (path.split('/')[1] ?? '') : 'main'
}

/** All nodes of a tree, from the outside in. */
function* nodes(value: unknown): Generator<Node> {
  if (Array.isArray(value)) for (const each of value) yield* nodes(each)
  else if (typeof value === 'object' && value !== null) {
    if (isNode(value)) yield value
    for (const child of Object.values(value)) yield* nodes(child)
  }
}

function isNode(value: unknown): value is Node {
  return (
    typeof value === 'object' && value !== null && typeof (value as Node).type === 'string' && typeof (value as Node).start === 'number'
  )
}

function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length
}

/** What breaks a rule, as `file:line what`. */
function broken(given: readonly Source[], rule: (source: Source) => Iterable<readonly [at: number, what: string]>): string[] {
  return given.flatMap((source) => [...rule(source)].map(([at, what]) => `${source.path}:${lineOf(source.text, at)} ${what}`))
}

/** The file that a relative import names, or null for a package. */
function target(source: Source, name: string): string | null {
  return name.startsWith('.') ? normalize(join(dirname(source.path), name)) : null
}

function* wrongArrows(source: Source): Generator<[number, string]> {
  const allowed = source.room === 'main' ? [...Object.keys(ARROWS), 'main'] : ARROWS[source.room]
  if (!allowed) yield [0, `the room ${source.room} is not in the plan`]
  for (const { name, at } of source.imports) {
    const file = target(source, name)
    if (file === null) continue
    if (!/^(src|web)\//.test(file) || !allowed?.includes(roomOf(file))) yield [at, `${source.room} may not import ${name}`]
  }
}

/** What is loaded with a file: `import { type A }` is, only `import type` is not. */
function loadsOf(source: Source): readonly { readonly name: string; readonly at: number }[] {
  return source.body.flatMap((node) =>
    isNode(node.source) && node.importKind !== 'type' && node.exportKind !== 'type'
      ? [{ name: String(node.source.value), at: node.start }]
      : [],
  )
}

/** What a page would load with the client before it needs it: other rooms give it types, and their values only when they are used. */
function loadedAtOnce(given: readonly Source[], doors: readonly string[]): string[] {
  const atOnce = new Set(doors)
  const within = () => given.filter(({ path }) => atOnce.has(path))
  for (let size = 0; size !== atOnce.size; ) {
    size = atOnce.size
    for (const source of within()) for (const { name } of loadsOf(source)) atOnce.add(target(source, name) ?? name)
  }
  return broken(within(), function* (source) {
    for (const { name, at } of loadsOf(source)) {
      const file = target(source, name)
      const isOwn = file === null ? CLIENT_PACKAGES[source.path]?.includes(name) === true : file.startsWith('src/client/')
      if (!isOwn) yield [at, `loads ${name} at once`]
    }
  })
}

/** Cycles of imports, each once, as `a → b → a`. Type imports count: a cycle of types is a cycle of meaning. */
function cycles(given: readonly Source[]): string[] {
  const graph = new Map(given.map((source) => [source.path, source.imports.flatMap(({ name }) => target(source, name) ?? [])]))
  const finished = new Set<string>()
  const found: string[] = []
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path)
    if (start >= 0) found.push([...trail.slice(start), path].join(' → '))
    if (start >= 0 || finished.has(path)) return
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path])
    finished.add(path)
  }
  for (const path of graph.keys()) visit(path, [])
  return found
}

function isBarrel({ body }: Source): boolean {
  const passesOn = (node: Node) =>
    node.type === 'ImportDeclaration' ||
    node.type === 'ExportAllDeclaration' ||
    (node.type === 'ExportNamedDeclaration' && node.declaration === null)
  return body.length > 0 && body.every(passesOn)
}

const IMPURE_NODES: Readonly<Record<string, string>> = {
  AwaitExpression: 'waits',
  ThrowStatement: 'throws',
  ClassDeclaration: 'has a class',
  ClassExpression: 'has a class',
  ImportExpression: 'imports at run time',
}
const IMPURE_MEMBERS = ['Date.now', 'Math.random', 'performance.now']
const IMPURE_OBJECTS = ['process', 'console', 'crypto', 'globalThis', 'Promise', 'Atomics']
const IMPURE_CALLS = ['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'fetch', 'require', 'Date', 'structuredClone', 'eval']

/** What the core never does: wait, throw, keep state in classes, look at the clock, roll dice, talk to the machine. */
function* impurities(source: Source): Generator<[number, string]> {
  for (const node of nodes(source.body)) {
    const what = IMPURE_NODES[node.type] ?? impureExpression(node)
    if (what) yield [node.start, what]
    if (node.async === true || (node.type === 'ForOfStatement' && node.await === true)) yield [node.start, 'is async']
  }
  for (const { name, at } of source.imports) if (!name.startsWith('.') && !PURE_PACKAGES.includes(name)) yield [at, `imports ${name}`]
}

function impureExpression(node: Node): string | null {
  const name = (value: unknown) => (isNode(value) && value.type === 'Identifier' ? String(value.name) : '')
  if (node.type === 'MemberExpression') {
    const member = `${name(node.object)}.${name(node.property)}`
    if (IMPURE_MEMBERS.includes(member) || IMPURE_OBJECTS.includes(name(node.object))) return `uses ${member}`
  }
  if (node.type === 'CallExpression' && IMPURE_CALLS.includes(name(node.callee))) return `calls ${name(node.callee)}`
  if (node.type !== 'NewExpression') return null
  if (IMPURE_OBJECTS.includes(name(node.callee))) return `makes a ${name(node.callee)}`
  return name(node.callee) === 'Date' && (node.arguments as unknown[]).length === 0 ? 'asks for the time' : null
}

function* anys(source: Source): Generator<[number, string]> {
  for (const node of nodes(source.body)) if (node.type === 'TSAnyKeyword') yield [node.start, 'any']
}

function* unfinished(source: Source): Generator<[number, string]> {
  for (const { value, start } of source.comments) if (/\b(TODO|FIXME|XXX|HACK)\b/.test(value)) yield [start, value.trim().slice(0, 60)]
}

function* defaultExports(source: Source): Generator<[number, string]> {
  for (const { exportName, start } of source.exports) if (exportName.kind === 'Default') yield [start, 'default export']
}

function* bannedNames(source: Source): Generator<[number, string]> {
  for (const part of source.path.split('/').slice(1)) {
    const bare = part.replace(/\.tsx?$/, '')
    if (BANNED_PATHS.includes(bare)) yield [0, `"${bare}" says nothing about what is in it`]
  }
  for (const { exportName, start } of source.exports) {
    const words = exportName.name?.match(/[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])/g) ?? []
    const banned = words.find((word) => BANNED_WORDS.includes(word[0]?.toUpperCase() + word.slice(1)))
    if (banned) yield [start, `${exportName.name}: "${banned}" says nothing about what it does`]
  }
}

function* undocumented(source: Source): Generator<[number, string]> {
  for (const node of source.body) {
    if (node.type !== 'ExportNamedDeclaration' || !isNode(node.declaration)) continue
    const before = source.comments.findLast(({ end }) => end <= node.start)
    const isDocumented = before?.type === 'Block' && before.value.startsWith('*') && source.text.slice(before.end, node.start).trim() === ''
    if (!isDocumented) yield [node.start, source.text.slice(node.start, source.text.indexOf('\n', node.start))]
  }
}

const FUNCTIONS = ['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']

/**
 * Functions that are too long by their own lines: lines with code, without functions inside (each is measured itself) and without declarations of
 * routes, which are data. So a factory or a plugin may hold many small functions, but none may do much itself.
 */
function* tooLong(source: Source): Generator<[number, string]> {
  const code = linesWithCode(source)
  for (const node of nodes(source.body)) {
    if (!FUNCTIONS.includes(node.type) || !isNode(node.body)) continue
    const own = codeLines(source, node, code)
    for (const inner of insideOf(node)) for (const line of lineSpan(source, inner).slice(1)) own.delete(line)
    if (own.size > LINES_MAX) yield [node.start, `${own.size} lines of its own`]
  }
}

/** The nearest functions and route declarations inside of a function. */
function* insideOf(value: unknown, isOuter = true): Generator<Node> {
  if (Array.isArray(value)) for (const each of value) yield* insideOf(each, false)
  else if (typeof value === 'object' && value !== null) {
    if (!isOuter && isNode(value) && (FUNCTIONS.includes(value.type) || isRoute(value))) yield value
    else for (const child of Object.values(value)) yield* insideOf(child, false)
  }
}

function isRoute(node: Node): boolean {
  if (node.type !== 'CallExpression' || !isNode(node.callee) || node.callee.type !== 'MemberExpression') return false
  const { object, property } = node.callee as unknown as { object: { name?: string }; property: { name?: string } }
  return object.name === 'app' && ['get', 'post', 'put', 'patch', 'delete', 'route'].includes(property.name ?? '')
}

function lineSpan({ text }: Source, node: Node): number[] {
  const first = lineOf(text, node.start)
  return Array.from({ length: lineOf(text, node.end) - first + 1 }, (_, index) => first + index)
}

function codeLines(source: Source, node: Node, code: ReadonlySet<number>): Set<number> {
  return new Set(lineSpan(source, node).filter((line) => code.has(line)))
}

function linesWithCode({ text, comments }: Source): Set<number> {
  let bare = text
  for (const { start, end } of comments) bare = bare.slice(0, start) + bare.slice(start, end).replace(/[^\n]/g, ' ') + bare.slice(end)
  return new Set(bare.split('\n').flatMap((line, index) => (line.trim() === '' ? [] : index + 1)))
}

describe('the house', () => {
  it('imports point downwards only', () => assert.deepEqual(broken(sources, wrongArrows), []))
  it('has no import cycle, counting types', () => assert.deepEqual(cycles(sources), []))
  it('has no barrels but the doors of its packages', () =>
    assert.deepEqual(
      sources.filter(isBarrel).map((source) => source.path),
      DOORS,
    ))
  it('has a client that loads nothing but itself before it is needed', () =>
    assert.deepEqual(loadedAtOnce(sources, [...DOORS, ...Object.keys(CLIENT_PACKAGES)]), []))
  it('has a core that is pure', () => {
    const core = sources.filter((source) => source.room === 'core')
    assert.ok(core.length > 10)
    assert.deepEqual(broken(core, impurities), [])
  })
  it('has no any', () => assert.deepEqual(broken(sources, anys), []))
  it('has no default exports', () => assert.deepEqual(broken(sources, defaultExports), []))
  it('leaves nothing for later in comments', () => assert.deepEqual(broken(sources, unfinished), []))
  it('calls nothing by a name that says nothing', () => assert.deepEqual(broken(sources, bannedNames), []))
  it('documents everything that is exported', () => assert.deepEqual(broken(sources, undocumented), []))
  it(`has no function of more than ${LINES_MAX} lines of its own`, () => assert.deepEqual(broken(sources, tooLong), []))

  it('every file begins by saying what it decides or promises', () => {
    const files = globSync('{src,web,test,bench,examples,demo}/**/*.{ts,tsx}', { cwd: ROOT })
    assert.deepEqual(
      files.filter((path) => !/^(#!.*\n)?\/[/*]/.test(readFileSync(join(ROOT, path), 'utf8'))),
      [],
    )
  })

  it('has exactly these commands', () => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
    // npm runs these by itself; nobody has to know them.
    const names = Object.keys(scripts).filter((name) => !['prepare', 'prestart', 'predev', 'prepack'].includes(name))
    assert.deepEqual(names.sort(), ['bench', 'check', 'dev', 'start', 'test'])
  })

  it('knows no path of the machine it was written on', () => {
    const machinePath = new RegExp(`(^|[\\s"'\`(=:])/(${['home', 'root', 'work'].join('|')})/`, 'm')
    const found = committed().filter((path) => machinePath.test(readFileSync(join(ROOT, path), 'utf8')))
    assert.deepEqual(found, [])
  })
})

/** Text files that are or would be committed; outside of a repository (a package, an archive) there is nothing to ask. */
function committed(): string[] {
  if (!existsSync(join(ROOT, '.git'))) return []
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], { cwd: ROOT, encoding: 'utf8' })
  const isText = (path: string) => !/\.(png|jpe?g|webp|avif|ico|woff2?|gz|zip|db)$/.test(path)
  return listed.split('\0').filter((path) => path !== '' && isText(path) && existsSync(join(ROOT, path)))
}

describe('the rules notice what breaks them', () => {
  const of = (path: string, text: string) => [read(path, text)]

  it('an import upwards, of a type, at run time, and out of the house', () => {
    const upwards = "import { a } from '../http/a.ts'\nimport type { B } from '../engine/b.ts'\nexport type C = import('../store/c.ts').C\n"
    assert.equal(broken(of('src/core/x.ts', upwards), wrongArrows).length, 3)
    assert.equal(broken(of('src/engine/x.ts', "const a = import('../http/a.ts')\nimport '../../test/b.ts'\n"), wrongArrows).length, 2)
    assert.equal(broken(of('src/elsewhere/x.ts', ''), wrongArrows).length, 1)
    assert.deepEqual(broken(of('src/http/x.ts', "import '../engine/a.ts'\n"), wrongArrows), [])
  })

  it('a cycle of type imports', () => {
    const cycle = [read('src/core/a.ts', "import type { B } from './b.ts'\n"), read('src/core/b.ts', "export type { A } from './a.ts'\n")]
    assert.deepEqual(cycles(cycle), ['src/core/a.ts → src/core/b.ts → src/core/a.ts'])
  })

  it('a client that loads more than itself', () => {
    const loaded = (text: string, path = 'src/client/x.ts') =>
      loadedAtOnce([read('src/client/door.ts', "import './x.ts'\n"), read(path, text)], ['src/client/door.ts'])
    const more =
      "import { a } from '../core/a.ts'\nimport { type B } from '../core/b.ts'\nimport react from 'react'\nexport { c } from '../core/c.ts'\n"
    assert.equal(loaded(more).length, 4)
    assert.deepEqual(loaded(more, 'src/client/later.ts'), [])
    assert.deepEqual(
      loaded(
        "import { d } from './d.ts'\nimport type { A } from '../core/a.ts'\nexport type { B } from '../core/b.ts'\nimport('./later.ts')\n",
      ),
      [],
    )
  })

  it('a barrel', () => {
    assert.ok(isBarrel(read('src/core/x.ts', "import { a } from './a.ts'\nexport { a }\nexport * from './b.ts'\n")))
    assert.equal(isBarrel(read('src/core/x.ts', "export { a } from './a.ts'\nexport const b = 1\n")), false)
  })

  const impure = [
    'async function f() {}',
    'throw new Error()',
    'class A {}',
    'Date.now()',
    'new Date()',
    'Date()',
    'Math.random()',
    'process.env.A',
    'console.log(1)',
    'setTimeout(f, 1)',
    'new Promise(f)',
    'await f()',
    "import 'node:fs'",
    "import pg from 'pg'",
  ]
  for (const text of impure) {
    it(`impure: ${text}`, () => assert.ok(broken(of('src/core/x.ts', text), impurities).length > 0))
  }
  it('a date made of a number is pure', () => {
    assert.deepEqual(broken(of('src/core/x.ts', "import c from 'currency-codes'\nnew Date(5); Math.max(1); f.process"), impurities), [])
  })

  it('any, default exports, and what is left for later', () => {
    assert.equal(broken(of('src/core/x.ts', 'const a: any[] = []'), anys).length, 1)
    assert.equal(broken(of('src/core/x.ts', 'export default 1'), defaultExports).length, 1)
    assert.equal(broken(of('src/core/x.ts', `// ${'TO'}${'DO'} later`), unfinished).length, 1)
  })

  it('names that say nothing', () => {
    assert.equal(broken(of('src/core/utils.ts', ''), bannedNames).length, 1)
    assert.equal(broken(of('src/lib/x.ts', ''), bannedNames).length, 1)
    assert.equal(broken(of('src/core/x.ts', 'export class CartManager {}\nexport const helperOf = 1'), bannedNames).length, 2)
    assert.deepEqual(broken(of('src/core/x.ts', 'export const manageCarts = 1, simplify = 2'), bannedNames), [])
  })

  it('an export without documentation', () => {
    assert.equal(
      broken(of('src/core/x.ts', '// a\nexport const a = 1\n/** b */\nexport const b = 2\nexport type C = 1'), undocumented).length,
      2,
    )
  })

  it('a function that does too much, but not one that holds many small ones', () => {
    const lines = (count: number) => Array.from({ length: count }, (_, index) => `  f(${index})`).join('\n')
    assert.deepEqual(broken(of('src/core/x.ts', `function f() {\n${lines(69)}\n}`), tooLong), ['src/core/x.ts:1 71 lines of its own'])
    const held = Array.from({ length: 30 }, () => `  // says so\n  const g = () => {\n${lines(3)}\n  }\n`).join('\n')
    assert.deepEqual(broken(of('src/core/x.ts', `function f() {\n${held}\n}`), tooLong), [])
  })
})
