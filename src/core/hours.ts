// Weekday and time of day somewhere. Every time zone is whole quarter hours away from UTC, so what depends on them changes only when a quarter hour
// begins, and each is looked up once a quarter hour.

/** How long a quarter hour is, in milliseconds. */
export const QUARTER_MS = 900_000

/** A moment as clocks on a wall show it: ISO weekday (1 Monday … 7 Sunday) and minutes since midnight, as of the last full quarter hour. */
export interface WallTime {
  readonly weekday: number
  readonly minutes: number
}

interface Zone {
  readonly format: Intl.DateTimeFormat
  quarter: number
  time: WallTime
}

const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']
/** Zones that were asked for. The world has about 600; names of the same zone in other letters count, too. */
const zones = new Map<string, Zone>()
const ZONES_KEPT = 1000

/** What clocks in an IANA time zone show at a moment (in milliseconds); null when there is no such zone. */
export function wallTime(timeZone: string, now: number): WallTime | null {
  const zone = zoneOf(timeZone)
  if (!zone) return null
  const quarter = Math.floor(now / QUARTER_MS)
  if (zone.quarter !== quarter) {
    const parts = new Map(zone.format.formatToParts(quarter * QUARTER_MS).map(({ type, value }) => [type, value]))
    const part = (type: Intl.DateTimeFormatPartTypes) => parts.get(type) ?? ''
    zone.time = { weekday: WEEKDAYS.indexOf(part('weekday')) + 1, minutes: Number(part('hour')) * 60 + Number(part('minute')) }
    zone.quarter = quarter
  }
  return zone.time
}

function zoneOf(timeZone: string): Zone | null {
  const known = zones.get(timeZone)
  if (known) return known
  try {
    const format = new Intl.DateTimeFormat('en-GB', { timeZone, weekday: 'short', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
    const zone: Zone = { format, quarter: Number.NaN, time: { weekday: 0, minutes: 0 } }
    if (zones.size >= ZONES_KEPT) zones.clear()
    zones.set(timeZone, zone)
    return zone
  } catch {
    return null
  }
}

/** Minutes since midnight of `HH:MM` in whole quarter hours; null for any other text. `24:00` is the end of the day. */
export function minutesOf(time: string): number | null {
  const match = /^(?:([01]\d|2[0-3]):(00|15|30|45)|24:00)$/.exec(time)
  if (!match) return null
  return match[1] === undefined ? 24 * 60 : Number(match[1]) * 60 + Number(match[2])
}
