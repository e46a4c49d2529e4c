// The key under which a write happens once. Made of what every page has: browsers keep `randomUUID` from pages that came over plain HTTP.

/** A new Idempotency-Key: 128 random bits, which is what a server wants from callers without a token. */
export function newIdempotencyKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
