// Times are milliseconds since the epoch inside, and RFC 3339 UTC with milliseconds on the wire. The core never asks for the time: it is
// part of the facts.

/** A moment as RFC 3339 UTC text: `2026-01-31T12:00:00.000Z`. */
export function rfc3339(ms: number): string {
  return new Date(ms).toISOString()
}

/** Milliseconds of an ISO 8601 duration of weeks, days, hours, minutes and seconds; null when it is another text. `never` is Infinity. */
export function durationMs(duration: string): number | null {
  if (duration === 'never') return Number.POSITIVE_INFINITY
  const match = /^P(?=\d|T\d)(?:(\d{1,4})W)?(?:(\d{1,5})D)?(?:T(?=\d)(?:(\d{1,6})H)?(?:(\d{1,7})M)?(?:(\d{1,8})S)?)?$/.exec(duration)
  if (!match) return null
  const [weeks, days, hours, minutes, seconds] = match.slice(1).map((part) => Number(part ?? 0)) as [number, number, number, number, number]
  return ((((weeks * 7 + days) * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000
}
