// The system's time and randomness. Ids are UUIDv7 behind a prefix: opaque to clients, rising with time for the database. They grant nothing.
import { randomBytes, randomFillSync } from 'node:crypto'
import { v7 } from 'uuid'
import type { Clock, Randomness } from './ports.ts'

/** Random bytes are drawn for many ids at once: a call per id costs more than everything else about it. */
const POOL = Buffer.alloc(16 * 256)
const made = Buffer.alloc(16)
let drawn = POOL.length
let msecs = 0
let seq = 0

/** A UUIDv7 without dashes. Within a millisecond a counter rises (it starts at random), so ids of one process rise strictly. */
function compact(): string {
  if (drawn === POOL.length) {
    randomFillSync(POOL)
    drawn = 0
  }
  const random = POOL.subarray(drawn, drawn + 16)
  drawn += 16
  const now = Date.now()
  if (now > msecs) {
    msecs = now
    seq = random.readUInt32BE(6) & 0x7fffffff
  } else if (++seq > 0x7fffffff) {
    msecs++
    seq = 0
  }
  return v7({ random, msecs, seq }, made).toString('hex')
}

/** Bytes that would make some characters likelier than others are thrown away. */
function characters(alphabet: string, count: number): string {
  const fair = 256 - (256 % alphabet.length)
  const drawn: string[] = []
  while (drawn.length < count)
    for (const byte of randomBytes(count - drawn.length)) if (byte < fair) drawn.push(alphabet.charAt(byte % alphabet.length))
  return drawn.join('')
}

/** The system's randomness. */
export const systemRandomness: Randomness = {
  id: (prefix) => `${prefix}_${compact()}`,
  guestId: compact,
  secret: () => randomBytes(32).toString('base64url'),
  number: () => randomBytes(16).toString('hex'),
  characters,
}

/** The system's time. `move` puts it forward by so many milliseconds: for the demo, where waiting would take days. */
export function createSystemClock(): Clock & { move(ms: number): void } {
  let ahead = 0
  return {
    now: () => Date.now() + ahead,
    move(ms) {
      ahead += ms
    },
  }
}
