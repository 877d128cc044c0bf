/** Spans of time as people read them. Pure. */

const MINUTE = 60
const HOUR = 3600
const DAY = 86_400

const parts = (seconds: number, unit: number, name: string, smaller: number, smallerName: string): string => {
  const rest = Math.floor((seconds % unit) / smaller)
  const whole = `${Math.floor(seconds / unit)} ${name}`
  return rest === 0 ? whole : `${whole} ${rest} ${smallerName}`
}

/** A time in ms as `12.3 s`, `3 min 20 s`, `2 h 5 min` or `3 d 4 h`. */
export const duration = (millis: number): string => {
  const seconds = millis / 1000
  if (seconds < 100) return `${Math.floor(seconds * 10) / 10} s`
  if (seconds < HOUR) return parts(seconds, MINUTE, "min", 1, "s")
  return seconds < DAY ? parts(seconds, HOUR, "h", MINUTE, "min") : parts(seconds, DAY, "d", HOUR, "h")
}
