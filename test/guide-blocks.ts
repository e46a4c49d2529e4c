// The code of a guide, as a reader copies it: a line with nothing but a file's name in backticks, then the block that goes into it; and the
// commands between them.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** A block of a guide; `file` is null for commands. */
export interface GuideBlock {
  readonly language: string
  readonly file: string | null
  readonly code: string
}

/** All blocks of a guide (its path), in order. */
export function blocksOf(guide: string): readonly GuideBlock[] {
  const found = readFileSync(guide, 'utf8').matchAll(/(?:^`([^`\n]+)`\n\n)?^```(\w+)\n(.*?)^```$/gms)
  return [...found].map(([, file, language = '', code = '']) => ({ language, file: file ?? null, code }))
}

/**
 * Writes the guide's files into a folder; `changed` is what this reader has elsewhere, by what the guide says.
 * @throws where the guide does not say what it is told to replace
 */
export function writeFiles(blocks: readonly GuideBlock[], folder: string, changed: Readonly<Record<string, string>>): readonly string[] {
  const unsaid = new Set(Object.keys(changed))
  const files = blocks.flatMap(({ file, code }) => (file === null ? [] : [{ file, code }]))
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
