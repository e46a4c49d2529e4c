// Times are milliseconds since the epoch inside, and RFC 3339 UTC with milliseconds on the wire. The core never asks for the time: it is
// part of the facts.

/** A moment as RFC 3339 UTC text: `2026-01-31T12:00:00.000Z`. */
export function rfc3339(ms: number): string {
  return new Date(ms).toISOString()
}
