/** People who come and go at a given rate, as their only device says. */
import type { Exchanges } from './exchanges.js'
import type { Fleet } from './fleet.js'
import { accountOf, firstDeviceOf } from './identity.js'

/** What a run of changes is to be. */
export interface ChangePlan {
  /** that everybody has next; who has told it already has the other one next, and so on */
  state: 'active' | 'gone'
  perSecond: number
  changes: number
  /** of devices from this number on; default 0 */
  from?: number
  /** changes of earlier runs with the same `state` and `from`: this one goes on after them */
  done?: number
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
  const { state, perSecond, changes, from = 0, done = 0 } = plan
  const devices = soloDevices(fleet.devices).filter((device) => device >= from)
  if (devices.length === 0) throw new Error(`no person from device ${from} on has one device`)
  const other = state === 'gone' ? 'active' : 'gone'
  const startMs = performance.now()
  let told = 0
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      const nowMs = performance.now()
      while (told < changes && startMs + (told * 1000) / perSecond <= nowMs) {
        const nth = done + told++
        const device = devices[nth % devices.length]!
        const isFirst = Math.floor(nth / devices.length) % 2 === 0
        exchanges.send(device, fleet.tell(device, isFirst ? state : other), false)
      }
      if (told < changes) return
      clearInterval(timer)
      const dueMs = startMs + ((changes - 1) * 1000) / perSecond
      resolve({ startMs: performance.timeOrigin + startMs, lateMs: performance.now() - dueMs })
    }, 1)
  })
}
