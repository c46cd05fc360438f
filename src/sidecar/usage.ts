import type { AppKey } from '../hub/message.js'

const HOUR_MS = 3_600_000
/** Hours that are remembered, the running one among them. */
const HOURS = 24
/** Applications whose use is remembered; the one that used nothing for longest makes room. */
const APPS_MAX = 10_000

/** What an application used of its quota in one hour. */
export interface HourOfUse {
  /** when the hour began, ms on the clock of `Usage` */
  sinceMs: number
  /** units that were taken */
  units: number
  /** requests that were refused, as no units were left */
  refused: number
}

/** What applications used of their quotas, by the hour, for their developers. In memory only: a restart forgets it. */
export class Usage {
  readonly #apps = new Map<AppKey, HourOfUse[]>()

  /** Counts one request. @param nowMs monotonic. */
  add(app: AppKey, nowMs: number, units: number, isRefused: boolean): void {
    const hours = this.#hoursOf(app, nowMs)
    const sinceMs = Math.floor(nowMs / HOUR_MS) * HOUR_MS
    const last = hours.at(-1)
    const hour = last?.sinceMs === sinceMs ? last : { sinceMs, units: 0, refused: 0 }
    if (hour !== last) hours.push(hour)
    if (isRefused) hour.refused++
    else hour.units += units
    this.#apps.delete(app) // the order of a Map is that of insertion: the oldest use stands first
    this.#apps.set(app, hours)
    if (this.#apps.size > APPS_MAX) this.#apps.delete(this.#apps.keys().next().value ?? app)
  }

  /** The hours with any use, of the last 24, the oldest first. @param nowMs monotonic. */
  of(app: AppKey, nowMs: number): readonly HourOfUse[] {
    return this.#hoursOf(app, nowMs)
  }

  #hoursOf(app: AppKey, nowMs: number): HourOfUse[] {
    const hours = this.#apps.get(app) ?? []
    const first = (Math.floor(nowMs / HOUR_MS) - HOURS + 1) * HOUR_MS
    while (hours[0] !== undefined && hours[0].sinceMs < first) hours.shift()
    return hours
  }
}
