/** The hub's records as the JSON that applications read: camelCase, times in ISO 8601 with milliseconds, null for none. */
import type { DeviceClass, PresenceCause, PresenceState, PresenceView, RingState, RingView } from '../hub/message.js'

/** A person as JSON. */
export interface PresenceJson {
  puid: string
  state: PresenceState
  message: string
  since: string
  version: number
  cause: PresenceCause
  asOf: string
}

/** A ring as JSON. */
export interface RingJson {
  id: string
  state: RingState
  reason: string | null
  createdAt: string
  deadlineAt: string
  deliveredAt: string | null
  shownAt: string | null
  endedAt: string | null
  by: string | null
  deviceClass: DeviceClass | null
  deviceHandle: string | null
  deviceHandleExpiresAt: string | null
  reply: string | null
}

/** Unix ms as e.g. 2026-11-21T03:51:00.000Z. */
export function isoTime(unixMs: number): string {
  return new Date(unixMs).toISOString()
}

/** A person as JSON. */
export function presenceJson(view: PresenceView): PresenceJson {
  return {
    puid: view.puid,
    state: view.state,
    message: view.message,
    since: isoTime(view.sinceMs),
    version: view.version,
    cause: view.cause,
    asOf: isoTime(view.asOfMs),
  }
}

/** A ring as JSON. */
export function ringJson(ring: RingView): RingJson {
  return {
    id: ring.ring,
    state: ring.state,
    reason: textOrNull(ring.reason),
    createdAt: isoTime(ring.createdMs),
    deadlineAt: isoTime(ring.deadlineMs),
    deliveredAt: timeOrNull(ring.deliveredMs),
    shownAt: timeOrNull(ring.shownMs),
    endedAt: timeOrNull(ring.endedMs),
    by: textOrNull(ring.by),
    deviceClass: ring.deviceClass === '' ? null : ring.deviceClass,
    deviceHandle: textOrNull(ring.device),
    deviceHandleExpiresAt: timeOrNull(ring.deviceUntilMs),
    reply: textOrNull(ring.reply),
  }
}

function timeOrNull(unixMs: number): string | null {
  return unixMs === 0 ? null : isoTime(unixMs)
}

function textOrNull(text: string): string | null {
  return text === '' ? null : text
}
