// The code of a guide, as a reader copies it: blocks that go into files, and the commands between them.
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')

/** A fenced block. */
export interface Block {
  readonly language: string
  /** A file's name, or which terminal it is for; '' where it is just typed. */
  readonly title: string
  readonly code: string
  /** The heading above it. */
  readonly section: string
  /** Where it begins in the Markdown, for messages. */
  readonly at: string
}

/** Every block of a guide (its path in the repository), in its order. Its title stands in its fence, or alone in backticks on the line before. */
export function blocksOf(file: string): readonly Block[] {
  const blocks: Block[] = []
  let section = ''
  let named = ''
  let open: { language: string; title: string; code: string[]; at: string } | null = null
  for (const [index, line] of readFileSync(join(ROOT, file), 'utf8').split('\n').entries()) {
    if (open && line === '```') {
      blocks.push({ ...open, code: `${open.code.join('\n')}\n`, section })
      open = null
    } else if (open) open.code.push(line)
    else if (line.startsWith('```')) {
      const [, language = '', title = ''] = /^```(\w*)(?: title="([^"]*)")?$/.exec(line) ?? []
      assert.notEqual(language, '', `${file}:${index + 1}: a fence is a language and at most a title`)
      open = { language, title: title || named, code: [], at: `${file}:${index + 1}` }
    } else if (line.startsWith('## ')) section = line.slice(3)
    if (line !== '') named = /^`([^`]+)`$/.exec(line)?.[1] ?? ''
  }
  assert.equal(open, null, `${file}: a block is not closed`)
  return blocks
}

/**
 * Writes the guide's files into a folder; `changed` is what this reader has elsewhere, by what the guide says.
 * @throws where the guide does not say what it is told to replace
 */
export function writeFiles(blocks: readonly Block[], folder: string, changed: Readonly<Record<string, string>>): readonly string[] {
  const unsaid = new Set(Object.keys(changed))
  const files = blocks.flatMap(({ title, code }) => (title === '' ? [] : [{ file: title, code }]))
  for (const { file, code } of files) {
    let text = code
    for (const [said, own] of Object.entries(changed)) {
      if (text.includes(said)) unsaid.delete(said)
      text = text.replaceAll(said, own)
    }
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), text)
  }
  if (unsaid.size > 0) throw new Error(`The guide says nothing of ${[...unsaid].join(', ')}.`)
  return files.map(({ file }) => file)
}
