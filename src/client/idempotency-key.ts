// The key under which a write happens once. Made of what every page has: browsers keep `randomUUID` from pages that came over plain HTTP.

/** A new Idempotency-Key: 128 random bits, which is what a server wants from callers without a token. */
export function newIdempotencyKey(): string {
  return crypto.getRandomValues(new Uint32Array(4)).join('-')
}
