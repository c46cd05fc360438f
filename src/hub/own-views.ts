import type { Now } from '../base/time.js'
import type { Presence } from '../presence/presence.js'
import type { Apps } from './apps.js'
import type { Devices } from './devices.js'
import type { HubReply, HubRequest } from './message.js'
import { ReadCounts } from './read-counts.js'

/** What persons are told of themselves: their devices, and who asked for them. */
export class OwnViews {
  readonly reads: ReadCounts = new ReadCounts()
  readonly #presence: Presence
  readonly #devices: Devices
  readonly #apps: Apps

  constructor(presence: Presence, devices: Devices, apps: Apps) {
    this.#presence = presence
    this.#devices = devices
    this.#apps = apps
  }

  /** Devices of somebody else are left out. */
  answer({ request, person, devices }: Extract<HubRequest, { kind: 'person' }>, now: Now): HubReply {
    const shown = devices.flatMap((device) => {
      const row = this.#devices.rowOf(device)
      if (row < 0 || this.#presence.personOf(row) !== person) return []
      return [{ device, ...this.#presence.reportOf(row, now), silenceS: 0 }]
    })
    const reads = this.reads.of(person).flatMap(({ app: key, ...counts }) => {
      const app = this.#apps.get(key)
      return app === null ? [] : [{ appId: app.id, name: app.name, ...counts }]
    })
    return { kind: 'person', request, devices: shown, reads }
  }
}
