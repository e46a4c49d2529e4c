// Ids, secrets and numbers. Ids are UUIDv7 behind a prefix: opaque to clients, rising with time for the database. They grant nothing.
import { randomBytes } from 'node:crypto'
import { v7 } from 'uuid'
import type { Randomness } from './ports.ts'

const compact = (): string => v7().replaceAll('-', '')

/** The system's randomness. */
export const systemRandomness: Randomness = {
  id: (prefix) => `${prefix}_${compact()}`,
  guestId: compact,
  secret: () => randomBytes(32).toString('base64url'),
  number: () => randomBytes(16).toString('hex'),
}
