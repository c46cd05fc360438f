/** Devices that are not heard again: each pings one last time, and it is known when the server must have heard that. */
import type { Exchanges } from './exchanges.js'
import type { Fleet } from './fleet.js'

/** Which devices, and how fast one after the other. */
export interface SilencePlan {
  devices: readonly number[]
  perSecond: number
}

/** The server heard the last ping of a device between these, Unix ms. */
export interface LastPing {
  device: number
  sentMs: number
  /** null: no pong came */
  answeredMs: number | null
}

/** After the last ping its pong is waited for, ms. */
const PATIENCE_MS = 1000

/** Sends the last pings, each with the shortest promise that the wire has: 15 s, class 0. */
export async function fallSilent(fleet: Fleet, exchanges: Exchanges, plan: SilencePlan): Promise<LastPing[]> {
  const { devices, perSecond } = plan
  const pings: LastPing[] = []
  const open = new Map<number, LastPing>()
  const unwatch = exchanges.watchFree((_lane, device) => {
    const ping = open.get(device)
    if (ping !== undefined) ping.answeredMs = Date.now()
    open.delete(device)
  })
  const startMs = performance.now()
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const sinceMs = performance.now() - startMs
      while (pings.length < devices.length && (pings.length * 1000) / perSecond <= sinceMs) {
        const device = devices[pings.length] as number
        const ping = { device, sentMs: Date.now(), answeredMs: null }
        exchanges.release(exchanges.laneOf(device))
        exchanges.send(device, fleet.tell(device, 'active', 0), true)
        open.set(device, ping)
        pings.push(ping)
      }
      const isPatient = sinceMs < (devices.length * 1000) / perSecond + PATIENCE_MS
      if (pings.length < devices.length || (open.size > 0 && isPatient)) return
      clearInterval(timer)
      resolve()
    }, 1)
  })
  unwatch()
  return pings
}
