// Every behaviour of test/behaviours.ts has a test whose title begins with its id, or says which part brings it, or why it is not ours. Prints a
// line per system, and holds the table in docs/coverage.md to what the list says; UPDATE_DOCS=1 writes it.
import assert from 'node:assert/strict'
import { globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { BEHAVIOURS, type Behaviour } from './behaviours.ts'
import { type Title, titlesOf } from './titles.ts'

const ROOT = join(import.meta.dirname, '..')
const DOCUMENT = join(ROOT, 'docs/coverage.md')
const BEGIN = '<!-- behaviours: made from test/behaviours.ts and the titles of tests; UPDATE_DOCS=1 npm test writes it -->'
const END = '<!-- end of behaviours -->'

/** What carts and orders promise today: no `later` and no reason takes the place of a test. */
const PROMISED = [
  ...ids(0, '2-10 16 17 19 20 28 29'),
  ...ids(1, '1-8'),
  ...ids(2, '1-6 10 12-17'),
  ...ids(3, '1-13'),
  ...ids(4, '1-13 15 16 18-20 25 26 35-37 45 46 57-59 77'),
  ...ids(0, '1 15'),
  ...ids(2, '7-9 11'),
]

/** What is promised of pages: proved by a test that opens one in a browser. */
const IN_A_BROWSER = [...ids(0, '1 15'), ...ids(2, '7-9 11')]
const BROWSER_TESTS = ['test/store.test.ts', 'test/store-robust.test.ts', 'test/elements.test.ts']

function ids(system: number, ranges: string): string[] {
  return ranges.split(' ').flatMap((range) => {
    const [from = 0, to = from] = range.split('-').map(Number)
    return Array.from({ length: to - from + 1 }, (_, index) => `SEED${system}-${String(from + index).padStart(2, '0')}`)
  })
}

/** Tests by the id that they prove. */
function proofsOf(titles: readonly Title[]): Map<string, Title[]> {
  const proofs = new Map<string, Title[]>()
  for (const title of titles) {
    if (!title.runs) continue
    for (const id of new Set(title.ids)) proofs.set(id, [...(proofs.get(id) ?? []), title])
  }
  return proofs
}

/** Everything that is wrong between a list and the tests, in words. */
function faultsOf(behaviours: readonly Behaviour[], titles: readonly Title[], promised: readonly string[] = []): string[] {
  const proofs = proofsOf(titles)
  const known = new Map(behaviours.map((each) => [each.id, each]))
  const faults: string[] = []
  for (const { id, tag, later, why } of behaviours) {
    const proved = proofs.has(id)
    const mayWait = !promised.includes(id) && tag !== 'defect'
    if (!proved && !later && !why) faults.push(`${id} has no test`)
    if (!proved && (later || why) && !mayWait) faults.push(`${id} needs a test: it is promised, or a fault that could be repeated today`)
    if (proved && later) faults.push(`${id} has a test and still says ${later}`)
    if (why && (proved || later === 'part 5')) faults.push(`${id} gives a reason why it is not ours, and has a test or a part`)
    if (later === 'not yet' && !why) faults.push(`${id} is not yet, and does not say why`)
  }
  for (const { file, title, ids: claimed } of titles) {
    for (const id of claimed) if (!known.has(id)) faults.push(`${file} names ${id}, which is not in the list: ${title}`)
    const rest = title.split(' ').slice(claimed.length).join(' ')
    if (/SEED\d/.test(rest)) faults.push(`${file} names an id that does not stand at the beginning: ${title}`)
  }
  for (const id of promised) if (!known.has(id)) faults.push(`${id} is promised and not in the list`)
  return faults
}

/** The behaviours of each system, in the order of the list. */
function systems(): Map<string, Behaviour[]> {
  return Map.groupBy(BEHAVIOURS, ({ id }) => id.slice(0, id.indexOf('-')))
}

function lineOf(system: string, of: readonly Behaviour[], proofs: ReadonlyMap<string, readonly Title[]>): string {
  const proved = of.filter(({ id }) => proofs.has(id))
  const tests = new Set(proved.flatMap(({ id }) => proofs.get(id) ?? []))
  const later = of.filter((each) => each.later).length
  const notOurs = of.filter((each) => each.why && !each.later).length
  const nothing = of.filter((each) => !each.later && !each.why && !proofs.has(each.id)).length
  const stated = (list: readonly Behaviour[]) => list.filter(({ tag }) => tag === 'stated').length
  const missing = nothing > 0 ? `, ${nothing} WITHOUT A TEST` : ''
  return (
    `${system}  ${of.length} behaviours: ${proved.length} proved by ${tests.size} tests, ${later} later, ${notOurs} not ours${missing}` +
    `  (stated: ${stated(proved)} of ${stated(of)})`
  )
}

function tableOf(proofs: ReadonlyMap<string, readonly Title[]>): string {
  const cell = (text: string) => text.replaceAll('|', '\\|')
  const short = ({ file, title, ids: claimed }: Title) => {
    const words = title.split(' ').slice(claimed.length).join(' ').trim()
    return `\`${file}\` ${words.length > 70 ? `${words.slice(0, 69).trimEnd()}…` : words}`
  }
  const standing = ({ id, later, why }: Behaviour) => {
    const [first, ...others] = proofs.get(id) ?? []
    if (first) return short(first) + (others.length > 0 ? ` (+${others.length})` : '')
    return why ? `${later ?? 'not ours'}: ${why}` : (later ?? 'nothing')
  }
  const tables = [...systems()].flatMap(([system, of]) => [
    `### ${system}`,
    '',
    '| id | behaviour | proved by |',
    '|---|---|---|',
    ...of.map((each) => `| ${each.id} | ${cell(each.says)} | ${cell(standing(each))} |`),
    '',
  ])
  return [BEGIN, '', ...tables, END].join('\n')
}

const titles = globSync('{test,src}/**/*.test.ts', { cwd: ROOT })
  .sort()
  .flatMap((file) => titlesOf(file, readFileSync(join(ROOT, file), 'utf8')))

describe('behaviours', () => {
  const proofs = proofsOf(titles)

  it('stand in order, each once, in a short sentence', () => {
    const listed = BEHAVIOURS.map(({ id }) => id)
    assert.deepEqual(listed, [...new Set(listed)].sort())
    assert.deepEqual(
      BEHAVIOURS.filter(({ says }) => says.length > 110 || says.trim() === '').map(({ id }) => id),
      [],
    )
  })

  it('have a test, a later part, or a reason, and titles name no others', (context) => {
    for (const [system, of] of systems()) context.diagnostic(lineOf(system, of, proofs))
    assert.deepEqual(faultsOf(BEHAVIOURS, titles, PROMISED), [])
  })

  it('of pages are proved in a browser', () => {
    const proved = (id: string) => proofs.get(id)?.some(({ file }) => BROWSER_TESTS.includes(file)) === true
    assert.deepEqual(
      IN_A_BROWSER.filter((id) => !proved(id)),
      [],
    )
  })

  it('stand in docs/coverage.md as the list and the tests say', () => {
    const document = readFileSync(DOCUMENT, 'utf8')
    const [begin, end] = [document.indexOf(BEGIN), document.indexOf(END)]
    assert.ok(begin !== -1 && end > begin, 'docs/coverage.md has both marks')
    const current = document.slice(0, begin) + tableOf(proofs) + document.slice(end + END.length)
    if (process.env.UPDATE_DOCS === '1') writeFileSync(DOCUMENT, current)
    assert.ok(readFileSync(DOCUMENT, 'utf8') === current, 'docs/coverage.md is behind: run UPDATE_DOCS=1 npm test')
  })
})

describe('the finder of titles', () => {
  const IMPORT = "import { describe, it, test } from 'node:test'\n"
  const runningIds = (text: string) => titlesOf('x.test.ts', IMPORT + text).flatMap(({ runs, ids: claimed }) => (runs ? claimed : []))

  it('finds test and it, in suites and loops, with templates and sums as titles, under another name', () => {
    assert.deepEqual(runningIds("test('SEED0-01 a', () => check())"), ['SEED0-01'])
    assert.deepEqual(runningIds("describe('d', () => { it('SEED0-01 SEED0-02 a', async () => { await check() }) })"), [
      'SEED0-01',
      'SEED0-02',
    ])
    assert.deepEqual(runningIds(`for (const n of [1, 2]) test(\`SEED0-03 \${n}\`, () => check(n))`), ['SEED0-03'])
    assert.deepEqual(runningIds("for (const [n] of TABLE) it('SEED0-04 ' + n, function () { check(n) })"), ['SEED0-04'])
    assert.deepEqual(titlesOf('x.test.ts', "import { test as promise } from 'node:test'\npromise('SEED0-05 a', () => check())")[0]?.ids, [
      'SEED0-05',
    ])
    assert.deepEqual(runningIds("test('SEED0-06 a', { timeout: 5, skip: false }, () => check())"), ['SEED0-06'])
  })

  it('takes ids at the beginning only', () => {
    assert.deepEqual(runningIds("test('a SEED0-01', () => check())"), [])
    assert.deepEqual(runningIds(`test(\`\${id} SEED0-01\`, () => check())`), [])
    assert.deepEqual(runningIds("test('SEED0-01 a SEED0-02', () => check())"), ['SEED0-01'])
    assert.deepEqual(runningIds("test('SEED0-01, SEED0-02 a', () => check())"), [])
    assert.deepEqual(runningIds("describe('SEED0-01 a', () => { test('b', () => check()) })"), [])
  })

  it('is not fooled by what is no test', () => {
    for (const text of [
      "// test('SEED0-01 a', () => check())",
      'const text = "test(\'SEED0-01 a\', () => check())"',
      "pattern.test('SEED0-01 a')",
      "assert.match('SEED0-01 a', () => check())",
      "test('SEED0-01 a')",
      "test('SEED0-01 a', () => {})",
      "test('SEED0-01 a', check)",
    ])
      assert.deepEqual(runningIds(text), [], text)
    assert.deepEqual(titlesOf('x.test.ts', "const test = () => {}\ntest('SEED0-01 a', () => check())"), [])
  })

  it('is not fooled by what is skipped, by its name, its suite, an option or itself', () => {
    for (const text of [
      "test.skip('SEED0-01 a', () => check())",
      "it.todo('SEED0-01 a', () => check())",
      "describe.skip('d', () => { describe('e', () => { test('SEED0-01 a', () => check()) }) })",
      "describe('d', { skip }, () => { test('SEED0-01 a', () => check()) })",
      "test('SEED0-01 a', { skip: true }, () => check())",
      "test('SEED0-01 a', { skip: NO_BROWSER }, () => check())",
      "test('SEED0-01 a', { todo: 'soon' }, () => check())",
      "test('SEED0-01 a', options, () => check())",
      "test('SEED0-01 a', { ...options }, () => check())",
      "test('SEED0-01 a', (context) => { if (slow) context.skip(); check() })",
      "test('SEED0-01 a', ({ skip }) => { if (slow) skip(); check() })",
    ])
      assert.deepEqual(runningIds(text), [], text)
  })
})

describe('the comparison of list and tests', () => {
  const listed = (more: Partial<Behaviour>): Behaviour => ({ id: 'SEED0-01', says: 'A cart.', tag: 'known', ...more })
  const tested = (title: string, runs = true): Title => ({ file: 'x.test.ts', title, ids: title.split(' ').slice(0, 1), runs })

  it('is content with a test, a later part or a reason', () => {
    assert.deepEqual(faultsOf([listed({})], [tested('SEED0-01 a')]), [])
    assert.deepEqual(faultsOf([listed({ later: 'part 5' })], []), [])
    assert.deepEqual(faultsOf([listed({ why: 'no' })], []), [])
    assert.deepEqual(faultsOf([listed({ why: 'no', later: 'not yet' })], []), [])
  })

  it('tells what has no test, or one that is skipped, and what says later though it has one', () => {
    assert.equal(faultsOf([listed({})], []).length, 1)
    assert.equal(faultsOf([listed({})], [tested('SEED0-01 a', false)]).length, 1)
    assert.equal(faultsOf([listed({ later: 'part 5' })], [tested('SEED0-01 a')]).length, 1)
    assert.equal(faultsOf([listed({ why: 'no' })], [tested('SEED0-01 a')]).length, 1)
    assert.equal(faultsOf([listed({ why: 'no', later: 'part 5' })], []).length, 1)
    assert.equal(faultsOf([listed({ later: 'not yet' })], []).length, 1)
  })

  it('takes neither a part nor a reason for what is promised or is a fault', () => {
    for (const excuse of [{ later: 'part 5' }, { why: 'no' }] as const) {
      assert.equal(faultsOf([listed({ tag: 'stated', ...excuse })], [], ['SEED0-01']).length, 1)
      assert.equal(faultsOf([listed({ tag: 'defect', ...excuse })], []).length, 1)
    }
    assert.equal(faultsOf([], [], ['SEED0-01']).length, 1)
  })

  it('tells ids that nobody knows, and ids that do not stand at the beginning', () => {
    assert.equal(faultsOf([], [tested('SEED9-01 a')]).length, 1)
    assert.equal(faultsOf([listed({})], [tested('SEED0-01 a (SEED0-02)')]).length, 1)
  })

  it('has 84 promises', () => {
    assert.equal(new Set(PROMISED).size, 84)
    assert.deepEqual(ids(2, '1 9-11'), ['SEED2-01', 'SEED2-09', 'SEED2-10', 'SEED2-11'])
  })
})
