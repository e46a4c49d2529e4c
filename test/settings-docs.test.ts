// docs/settings.md is made from core/settings.ts: every key with its meaning, its default and what the presets change. UPDATE_DOCS=1 writes it.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { parseSync } from 'oxc-parser'
import { DEFAULT_SETTINGS, PRESETS, type SettingsPatch } from '../src/core/settings.ts'

const SOURCE = new URL('../src/core/settings.ts', import.meta.url)
const DOCUMENT = new URL('../docs/settings.md', import.meta.url)

interface Key {
  readonly group: string
  readonly name: string
  readonly meaning: string
  readonly type: string
}

interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [field: string]: unknown
}

/** The keys of `Settings` in the order of the source, each with the comment that stands before it. */
function keysOf(text: string): Key[] {
  const { program, comments } = parseSync('settings.ts', text)
  const statements = program.body as unknown as readonly Node[]
  const declaration = statements
    .map((each) => each.declaration as Node | undefined)
    .find((each) => each?.type === 'TSInterfaceDeclaration' && (each.id as { name: string }).name === 'Settings')
  const commentBefore = (node: Node) => {
    const comment = comments.findLast((each) => each.end <= node.start && text.slice(each.end, node.start).trim() === '')
    const words = (comment?.value ?? '')
      .replace(/^\s*\*+/gm, '')
      .replace(/\s+/g, ' ')
      .trim()
    // The ids of our own lists of requirements mean nothing to a reader of the document.
    const plain = words.replace(/^C\d+: /, '').replace(/ \((?:SEED\d+-\d+|C\d+)[^)]*\)/g, '')
    return plain.charAt(0).toUpperCase() + plain.slice(1)
  }
  const members = (node: Node) => (((node.typeAnnotation as Node).typeAnnotation as Node).members ?? []) as readonly Node[]
  assert.ok(declaration, 'the source declares the interface Settings')
  return ((declaration.body as Node).body as readonly Node[]).flatMap((group) =>
    members(group).map((member) => {
      const annotation = (member.typeAnnotation as Node).typeAnnotation as Node
      return {
        group: (group.key as { name: string }).name,
        name: (member.key as { name: string }).name,
        meaning: commentBefore(member),
        type: text.slice(annotation.start, annotation.end),
      }
    }),
  )
}

function documentOf(keys: readonly Key[]): string {
  const code = (value: unknown) => `\`${JSON.stringify(value)}\``
  const valueIn = (settings: SettingsPatch, { group, name }: Key) =>
    (settings[group as keyof SettingsPatch] as Readonly<Record<string, unknown>> | undefined)?.[name]
  const lines = [
    '# Settings',
    '',
    'Made from `src/core/settings.ts`; change the comments there. Read and changed through `…/settings`; a change takes effect on every node with its next statement.',
    '',
  ]
  for (const [group, ofGroup] of Map.groupBy(keys, (key) => key.group)) {
    lines.push(`## ${group}`, '')
    for (const key of ofGroup) {
      lines.push(
        `### \`${group}.${key.name}\``,
        '',
        key.meaning,
        '',
        `- Type: \`${key.type.replace(/\s+/g, ' ')}\``,
        `- Default: ${code(valueIn(DEFAULT_SETTINGS, key))}`,
      )
      const presets = Object.entries(PRESETS).filter(([, preset]) => valueIn(preset, key) !== undefined)
      if (presets.length > 0)
        lines.push(`- Presets: ${presets.map(([name, preset]) => `${name} ${code(valueIn(preset, key))}`).join(', ')}`)
      lines.push('')
    }
  }
  return lines.join('\n')
}

describe('docs/settings.md', () => {
  const keys = keysOf(readFileSync(SOURCE, 'utf8'))

  it('knows every key, each with a meaning', () => {
    const inDefaults = Object.entries(DEFAULT_SETTINGS).flatMap(([group, values]) => Object.keys(values).map((name) => `${group}.${name}`))
    assert.deepEqual(keys.map((key) => `${key.group}.${key.name}`).sort(), inDefaults.sort())
    assert.deepEqual(
      keys.filter((key) => key.meaning === '').map((key) => `${key.group}.${key.name}`),
      [],
    )
  })

  it('is what the source says', () => {
    const document = documentOf(keys)
    if (process.env.UPDATE_DOCS === '1') writeFileSync(DOCUMENT, document)
    assert.equal(readFileSync(DOCUMENT, 'utf8'), document, 'run UPDATE_DOCS=1 npm test')
  })
})
