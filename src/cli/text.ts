/** How times and numbers are written for people. */

/** `2026-11-21 03:51:00` in the machine's time zone. */
export function dayAndTime(unixMs: number): string {
  const at = new Date(unixMs - new Date(unixMs).getTimezoneOffset() * 60_000)
  return at.toISOString().slice(0, 19).replace('T', ' ')
}

/** `03:51:00` in the machine's time zone. */
export function timeOfDay(unixMs: number): string {
  return dayAndTime(unixMs).slice(11)
}
