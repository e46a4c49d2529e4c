// How words in tables are read: as a whole or not at all.
import assert from 'node:assert/strict'

/** An amount in minor units. */
export function amount(text: string): number {
  assert.match(text, /^-?\d+$/, `${text} is not an amount in minor units`)
  return Number(text)
}

/** The groups of a word that matches. */
export function matched(word: string, pattern: RegExp): (string | undefined)[] {
  const match = pattern.exec(word)
  assert.ok(match, `"${word}" does not read as ${pattern}`)
  return [...match]
}
