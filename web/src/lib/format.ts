/** Numbers and times as people read them, in the language of the pages. */

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const

/** Bytes with a decimal unit and three digits: `1.23 MB`. */
export function bytes(count: number): string {
  let value = count
  let unit = 0
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000
    unit += 1
  }
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2
  return `${value.toFixed(digits)} ${UNITS[unit] ?? ''}`
}

export const rate = (perSecond: number): string => `${bytes(perSecond)}/s`

export const count = (value: number, locale: string): string => new Intl.NumberFormat(locale).format(value)

const STEPS: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
]

/** How long ago `seconds` (unix) is at `now`: `5 minutes ago`. */
export function ago(seconds: number, now: number, locale: string): string {
  const past = Math.max(0, now - seconds)
  const format = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' })
  for (const [unit, size] of STEPS) {
    if (past >= size) return format.format(-Math.floor(past / size), unit)
  }
  return format.format(0, 'second')
}

export const moment = (seconds: number, locale: string): string =>
  new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'medium' }).format(seconds * 1000)

export const clock = (seconds: number, locale: string): string =>
  new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false }).format(
    seconds * 1000,
  )

/** A date `2026-11-29` as `29 Nov`. */
export const day = (iso: string, locale: string): string =>
  new Intl.DateTimeFormat(locale, { day: 'numeric', month: 'short', timeZone: 'UTC' }).format(
    new Date(`${iso}T00:00:00Z`),
  )
