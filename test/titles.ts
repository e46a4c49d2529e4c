// Which tests there are, read from their sources: the title of every test that runs, and the ids of behaviours that it begins with. What is only
// named (in a comment, a text, a skipped or empty test) is no test. A test that may skip itself counts as one that does.
import assert from 'node:assert/strict'
import { parseSync } from 'oxc-parser'

/** A test as its source has it. */
export interface Title {
  readonly file: string
  /** What is known of the title before it runs: of a template, the text before its first value. */
  readonly title: string
  /** The ids that it begins with. */
  readonly ids: readonly string[]
  /** Whether it always runs and does something. */
  readonly runs: boolean
}

interface Node {
  readonly type: string
  readonly [field: string]: unknown
}

/** What `node:test` is called in a file. */
interface Names {
  readonly tests: ReadonlySet<string>
  readonly suites: ReadonlySet<string>
}

/** A call of something that `node:test` gives: `test(…)`, `describe.skip(…)`. */
interface RunnerCall {
  readonly name: string
  readonly modifier: string | null
  readonly args: readonly Node[]
}

/** All tests of a source, in its order. */
export function titlesOf(file: string, text: string): Title[] {
  const { program, errors } = parseSync(file, text)
  assert.deepEqual(errors, [], file)
  const body = program.body as unknown as readonly Node[]
  const names = runnerNames(body)
  const found: Title[] = []
  const visit = (value: unknown, skipped: boolean): void => {
    if (Array.isArray(value)) for (const each of value) visit(each, skipped)
    if (!isNode(value)) return
    const call = runnerCall(value)
    const isTest = call !== null && names.tests.has(call.name)
    const isSuite = call !== null && names.suites.has(call.name)
    const runs = !skipped && (!(isTest || isSuite) || alwaysRuns(call))
    if (isTest) {
      const title = leadingText(call.args[0])
      found.push({ file, title, ids: idsOf(title), runs })
    }
    for (const child of Object.values(value)) visit(child, !runs)
  }
  visit(body, false)
  return found
}

/** The ids that a title begins with; an id further on is a remark, not a claim. */
export function idsOf(title: string): string[] {
  const words = title.split(' ')
  const end = words.findIndex((word) => !/^SEED\d+-\d+$/.test(word))
  return end === -1 ? words : words.slice(0, end)
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Partial<Node>).type === 'string'
}

function runnerNames(body: readonly Node[]): Names {
  const tests = new Set<string>()
  const suites = new Set<string>()
  for (const node of body) {
    if (node.type !== 'ImportDeclaration' || (node.source as { value: string }).value !== 'node:test') continue
    for (const each of node.specifiers as readonly (Node & { local: { name: string }; imported?: { name: string } })[]) {
      const name = each.imported?.name ?? 'test'
      if (name === 'test' || name === 'it') tests.add(each.local.name)
      if (name === 'describe' || name === 'suite') suites.add(each.local.name)
    }
  }
  return { tests, suites }
}

function runnerCall(node: Node): RunnerCall | null {
  if (node.type !== 'CallExpression') return null
  const args = node.arguments as readonly Node[]
  const callee = node.callee as Node
  if (callee.type === 'Identifier') return { name: callee.name as string, modifier: null, args }
  if (callee.type !== 'MemberExpression' || callee.computed === true) return null
  const object = callee.object as Node
  if (object.type !== 'Identifier') return null
  return { name: object.name as string, modifier: (callee.property as { name: string }).name, args }
}

/** Not `.skip`, not `.todo`, neither by an option nor by the test itself; with a function that has something in it. */
function alwaysRuns({ modifier, args }: RunnerCall): boolean {
  if (modifier !== null && modifier !== 'only') return false
  const work = args.at(-1)
  if (work === undefined || !(work.type === 'ArrowFunctionExpression' || work.type === 'FunctionExpression')) return false
  if (args.slice(1, -1).some(maySkip)) return false
  const body = work.body as Node
  if (body.type === 'BlockStatement' && (body.body as readonly Node[]).length === 0) return false
  const [context] = work.params as readonly Node[]
  if (context === undefined) return true
  // Taken apart (`({ skip }) => …`), a context cannot be followed.
  return context.type === 'Identifier' && !skipsItself(body, context.name as string)
}

/** Options that name `skip` or `todo`, or that cannot be read here. */
function maySkip(options: Node): boolean {
  if (options.type !== 'ObjectExpression') return true
  return (options.properties as readonly Node[]).some((property) => {
    if (property.type !== 'Property' || property.computed === true) return true
    const key = property.key as { name?: string; value?: string }
    const name = key.name ?? key.value
    return (name === 'skip' || name === 'todo') && (property.value as { value?: unknown }).value !== false
  })
}

function skipsItself(value: unknown, context: string): boolean {
  if (Array.isArray(value)) return value.some((each) => skipsItself(each, context))
  if (!isNode(value)) return false
  const call = runnerCall(value)
  if (call?.name === context && (call.modifier === 'skip' || call.modifier === 'todo')) return true
  return Object.values(value).some((child) => skipsItself(child, context))
}

/** The text that a title certainly begins with. */
function leadingText(node: Node | undefined): string {
  if (node?.type === 'Literal') return String(node.value)
  if (node?.type === 'TemplateLiteral') return (node.quasis as readonly { value: { cooked: string } }[])[0]?.value.cooked ?? ''
  if (node?.type === 'BinaryExpression') return leadingText(node.left as Node)
  return ''
}
