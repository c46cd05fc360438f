/** People who come and go at a given rate, each once in a run, as their only device says. */
import type { Exchanges } from './exchanges.js'
import type { Fleet } from './fleet.js'
import { accountOf, firstDeviceOf } from './identity.js'

/** What a run of changes is to be. */
export interface ChangePlan {
  state: 'active' | 'gone'
  perSecond: number
  /** at most as many as `soloDevices` gives */
  changes: number
}

/** When it was. */
export interface ChangeCounts {
  /** Unix ms at which the first change was due; change `n` was due n / perSecond seconds later */
  startMs: number
  /** how late the last one went out, ms: the process could not send as fast */
  lateMs: number
}

/** Devices whose person has no other, in the order in which they change. */
export function soloDevices(devices: number): number[] {
  return Array.from({ length: devices }, (_, device) => device).filter((device) => {
    const isFirst = firstDeviceOf(accountOf(device)) === device
    return isFirst && (device + 1 >= devices || accountOf(device + 1) !== accountOf(device))
  })
}

/** Tells each change when it is due, whatever became of those before it; an unanswered one is not repeated. */
export function tellChanges(fleet: Fleet, exchanges: Exchanges, plan: ChangePlan): Promise<ChangeCounts> {
  const { state, perSecond, changes } = plan
  const devices = soloDevices(fleet.devices)
  if (changes > devices.length) throw new Error(`there are ${devices.length} persons with one device`)
  const startMs = performance.now()
  let told = 0
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      const nowMs = performance.now()
      while (told < changes && startMs + (told * 1000) / perSecond <= nowMs) {
        const device = devices[told++]!
        exchanges.send(device, fleet.tell(device, state), false)
      }
      if (told < changes) return
      clearInterval(timer)
      const dueMs = startMs + ((changes - 1) * 1000) / perSecond
      resolve({ startMs: performance.timeOrigin + startMs, lateMs: performance.now() - dueMs })
    }, 1)
  })
}
